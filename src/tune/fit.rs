//! Logistic regression towards a prior, within bounds.
//!
//! What is sought is the most probable coefficients, given the labels and normal priors around the present weights: ridge
//! regression that shrinks to what was there, not to nothing. The objective is strictly concave, so that there is one answer
//! and no luck, also where the classes can be told apart without fault, where without a prior the weights would run away.
//! Features are zeros and ones, so attempts in which the same fired are one cell: a million labels are a few hundred cells,
//! and nothing here depends on how many there were.
//!
//! The crates for this (linfa, smartcore) know neither a prior other than zero, nor weights of rows, nor bounds; what is left
//! of the problem is Newton's method on at most a hundred columns, of which the linear algebra is nalgebra's. Bounds are
//! kept as Bertsekas (1982) does: a coefficient that stands at its bound and wants beyond it is left out of the step, the
//! others' step is cut at their bounds, and shortened until the objective rises by a share of what it promised. Where a bound
//! cuts a common step to nothing, which his proof excludes only for steps that keep away from bounds, each goes on by itself.

use nalgebra::{Cholesky, DMatrix, DVector};

/// What one coefficient is before anything was seen, and between what it stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    pub mean: f64,
    /// The standard deviation: how far from `mean` it may reasonably be, in log-odds. Positive.
    pub spread: f64,
    pub low: f64,
    pub high: f64,
}

/// Attempts that look alike: the columns that are 1, and how much of it was good and bad.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    pub columns: Vec<usize>,
    /// Log-odds from what is not fitted.
    pub offset: f64,
    pub good: f64,
    pub bad: f64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    pub coefficients: Vec<f64>,
    /// Standard errors (of the posterior, by its curvature at the top); `None` where a bound holds a coefficient.
    pub errors: Vec<Option<f64>>,
    /// Whether the search ended where it should: always, but for a problem of numbers that are none.
    pub converged: bool,
}

/// More steps than ever are taken.
const MOST_STEPS: usize = 200;
/// A step that is smaller in every coefficient is none.
const SMALL: f64 = 1e-10;

/// The most probable coefficients. There are as many as priors; a cell's columns are places among them.
pub fn fit(priors: &[Prior], cells: &[Cell]) -> Fit {
    let mut at: Vec<f64> = priors.iter().map(|prior| prior.mean.clamp(prior.low, prior.high)).collect();
    let mut converged = false;
    for _ in 0..MOST_STEPS {
        let (gradient, curvature) = slope(priors, cells, &at);
        let free = free(priors, &at, &gradient);
        let Some(step) = newton(&curvature, &gradient, &free) else { break };
        let here = objective(priors, cells, &at);
        let mut length = 1.0;
        let next = loop {
            let mut next = at.clone();
            for (place, step) in free.iter().zip(step.iter()) {
                next[*place] = (at[*place] + length * step).clamp(priors[*place].low, priors[*place].high);
            }
            let promised: f64 = free.iter().map(|place| gradient[*place] * (next[*place] - at[*place])).sum();
            if objective(priors, cells, &next) >= here + 1e-4 * promised {
                break next;
            }
            length /= 2.0;
            if length < 1e-12 {
                // Rounding is all that is left.
                break at.clone();
            }
        };
        let mut moved = farthest(&at, &next);
        at = next;
        if moved < SMALL {
            // At the top; or a step that all take together runs into a bound of one of them, and is cut to nothing. One by one
            // they get on.
            let next = one_by_one(priors, cells, &at);
            moved = farthest(&at, &next);
            at = next;
        }
        if moved < SMALL {
            converged = true;
            break;
        }
    }
    let (gradient, curvature) = slope(priors, cells, &at);
    let free = free(priors, &at, &gradient);
    let mut errors = vec![None; at.len()];
    if let Some(inverse) = Cholesky::new(part(&curvature, &free)).map(|cholesky| cholesky.inverse()) {
        for (place, column) in free.iter().enumerate() {
            errors[*column] = Some(inverse[(place, place)].max(0.0).sqrt());
        }
    }
    Fit { coefficients: at, errors, converged }
}

fn farthest(from: &[f64], to: &[f64]) -> f64 {
    from.iter().zip(to).map(|(from, to)| (to - from).abs()).fold(0.0, f64::max)
}

/// Each coefficient's own step of Newton's within its bounds, one after the other. Of a single one it always leads up.
fn one_by_one(priors: &[Prior], cells: &[Cell], at: &[f64]) -> Vec<f64> {
    let mut at = at.to_vec();
    for (place, prior) in priors.iter().enumerate() {
        let (gradient, curvature) = slope(priors, cells, &at);
        let (here, start) = (objective(priors, cells, &at), at[place]);
        let mut step = gradient[place] / curvature[(place, place)];
        while step.abs() > SMALL / 10.0 {
            at[place] = (start + step).clamp(prior.low, prior.high);
            if objective(priors, cells, &at) >= here + 1e-4 * gradient[place] * (at[place] - start) {
                break;
            }
            at[place] = start;
            step /= 2.0;
        }
    }
    at
}

/// The probability of being bad.
pub fn probability(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

fn logit(cell: &Cell, at: &[f64]) -> f64 {
    cell.offset + cell.columns.iter().map(|column| at[*column]).sum::<f64>()
}

/// The logarithm of the posterior, but for a constant.
fn objective(priors: &[Prior], cells: &[Cell], at: &[f64]) -> f64 {
    let fits: f64 = cells
        .iter()
        .map(|cell| {
            let logit = logit(cell, at);
            // ln(1 + e^x) without overflow; ln p = x − that, ln(1 − p) = −that.
            let softplus = logit.max(0.0) + (-logit.abs()).exp().ln_1p();
            cell.bad * (logit - softplus) - cell.good * softplus
        })
        .sum();
    let strays: f64 = priors.iter().zip(at).map(|(prior, at)| ((at - prior.mean) / prior.spread).powi(2)).sum();
    fits - strays / 2.0
}

/// The gradient of the objective, and minus its second derivative.
fn slope(priors: &[Prior], cells: &[Cell], at: &[f64]) -> (DVector<f64>, DMatrix<f64>) {
    let mut gradient = DVector::zeros(at.len());
    let mut curvature = DMatrix::zeros(at.len(), at.len());
    for (place, (prior, at)) in priors.iter().zip(at).enumerate() {
        let precision = prior.spread.powi(-2);
        gradient[place] = (prior.mean - at) * precision;
        curvature[(place, place)] = precision;
    }
    for cell in cells {
        let (p, all) = (probability(logit(cell, at)), cell.good + cell.bad);
        let (residual, weight) = (cell.bad - all * p, all * p * (1.0 - p));
        for one in &cell.columns {
            gradient[*one] += residual;
            for other in &cell.columns {
                curvature[(*one, *other)] += weight;
            }
        }
    }
    (gradient, curvature)
}

/// The coefficients that no bound holds.
fn free(priors: &[Prior], at: &[f64], gradient: &DVector<f64>) -> Vec<usize> {
    let held = |place: usize| {
        let Prior { low, high, .. } = priors[place];
        (at[place] <= low && gradient[place] <= 0.0) || (at[place] >= high && gradient[place] >= 0.0)
    };
    (0..at.len()).filter(|place| !held(*place)).collect()
}

fn part(curvature: &DMatrix<f64>, free: &[usize]) -> DMatrix<f64> {
    DMatrix::from_fn(free.len(), free.len(), |row, column| curvature[(free[row], free[column])])
}

/// Newton's step of the free coefficients. `None` only for numbers that are none: a prior makes the curvature definite.
fn newton(curvature: &DMatrix<f64>, gradient: &DVector<f64>, free: &[usize]) -> Option<DVector<f64>> {
    let cholesky = Cholesky::new(part(curvature, free))?;
    Some(cholesky.solve(&DVector::from_fn(free.len(), |row, _| gradient[free[row]])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prior(mean: f64) -> Prior {
        Prior { mean, spread: 1.0, low: -10.0, high: 10.0 }
    }

    fn cell(columns: &[usize], good: f64, bad: f64) -> Cell {
        Cell { columns: columns.to_vec(), offset: 0.0, good, bad }
    }

    #[test]
    fn one_column_is_as_it_is_reckoned_by_hand() {
        // 30 of 100 are bad, and nothing is known before: the logit of 0.3, ± 1/√(100·0.3·0.7).
        let flat = Prior { spread: 1e6, ..prior(0.0) };
        let fit = fit(&[flat], &[cell(&[0], 70.0, 30.0)]);
        assert!(fit.converged);
        assert!((fit.coefficients[0] - (0.3_f64 / 0.7).ln()).abs() < 1e-9);
        assert!((fit.errors[0].unwrap() - 21.0_f64.sqrt().recip()).abs() < 1e-9);
    }

    #[test]
    fn what_was_never_seen_keeps_its_prior_and_its_uncertainty() {
        let fit = fit(&[prior(-3.0), prior(2.5)], &[cell(&[0], 90.0, 10.0)]);
        assert_eq!((fit.coefficients[1], fit.errors[1]), (2.5, Some(1.0)));
    }

    #[test]
    fn what_can_be_told_apart_without_fault_stays_finite() {
        let cells = [cell(&[0], 1e6, 0.0), cell(&[0, 1], 0.0, 1e6)];
        let fit = fit(&[prior(-3.0), Prior { low: 0.0, ..prior(2.0) }], &cells);
        assert!(fit.converged && fit.coefficients.iter().all(|weight| weight.abs() < 15.0), "{fit:?}");
        assert!(fit.coefficients[1] > 8.0);
    }

    #[test]
    fn a_signal_of_guilt_never_speaks_for_innocence() {
        // It fired on the innocent only.
        let cells = [cell(&[0], 500.0, 500.0), cell(&[0, 1], 500.0, 0.0)];
        let kept = fit(&[prior(0.0), Prior { low: 0.0, ..prior(2.0) }], &cells);
        assert_eq!((kept.coefficients[1], kept.errors[1]), (0.0, None));
        assert!(fit(&[prior(0.0), prior(2.0)], &cells).coefficients[1] < -1.0, "unless it may");
    }

    #[test]
    fn a_bound_that_cuts_a_common_step_to_nothing_is_no_top() {
        // Found by the property below.
        let prior = |mean, spread, high| Prior { mean, spread, low: mean, high };
        let priors = [
            prior(0.3683739635339635, 1.9254138020863059, 0.42679700438333856),
            prior(-3.4796986149339797, 4.077386169807051, -2.769866774223364),
            prior(2.0076950133604936, 4.641415849142763, 3.7074195235453296),
            prior(-3.3801985273020394, 3.7372270128903358, -0.4855144002678724),
            prior(-2.4997522940323718, 1.2223494354647755, -1.382749248252087),
        ];
        let seen = |columns: &[usize], offset, good, bad| Cell { offset, ..cell(columns, good, bad) };
        let cells = [
            seen(&[0, 4], 1.075624914688822, 12.696480844149011, 24.867701981249926),
            seen(&[0, 1, 2, 3, 4], 1.1621771170571524, 193.4921638854956, 99.11586782021324),
        ];
        let fit = fit(&priors, &cells);
        let (gradient, _) = slope(&priors, &cells, &fit.coefficients);
        assert!(fit.converged && gradient[3].abs() < 1e-4, "{fit:?} {gradient}");
    }

    /// A cell for every set of up to five columns; some are empty.
    fn cells() -> impl Strategy<Value = Vec<Cell>> {
        let one = (any::<[bool; 4]>(), -2.0..2.0, 0.0..200.0, 0.0..200.0);
        let make = |(on, offset, good, bad): ([bool; 4], f64, f64, f64)| {
            let columns = std::iter::once(0).chain((0..4).filter(|place| on[*place]).map(|place| place + 1)).collect();
            Cell { columns, offset, good, bad }
        };
        proptest::collection::vec(one.prop_map(make), 1..12)
    }

    fn priors() -> impl Strategy<Value = Vec<Prior>> {
        let one =
            (-4.0..4.0, 0.2..5.0, 0.0..3.0, 0.0..3.0).prop_map(|(mean, spread, below, above): (f64, f64, f64, f64)| {
                Prior { mean, spread, low: mean - below, high: mean + above }
            });
        proptest::collection::vec(one, 5)
    }

    proptest! {
        /// The first-order conditions of a maximum within bounds; it is the only one, because the objective is concave.
        #[test]
        fn what_is_found_is_the_top(priors in priors(), cells in cells()) {
            let fit = fit(&priors, &cells);
            prop_assert!(fit.converged);
            let (gradient, curvature) = slope(&priors, &cells, &fit.coefficients);
            for (place, prior) in priors.iter().enumerate() {
                let at = fit.coefficients[place];
                prop_assert!((prior.low..=prior.high).contains(&at));
                let slack = 1e-6 * curvature[(place, place)].max(1.0);
                prop_assert!(gradient[place] <= slack || at >= prior.high, "{place}: {} at {at}", gradient[place]);
                prop_assert!(gradient[place] >= -slack || at <= prior.low, "{place}: {} at {at}", gradient[place]);
                // Knowing more never makes less certain than the prior was.
                prop_assert!(fit.errors[place].is_none_or(|error| error <= prior.spread + 1e-9));
            }
        }

        #[test]
        fn the_order_of_cells_and_how_they_are_cut_means_nothing(priors in priors(), cells in cells()) {
            let whole = fit(&priors, &cells);
            let halves = cells.iter().rev().flat_map(|cell| {
                let half = Cell { good: cell.good / 2.0, bad: cell.bad / 2.0, ..cell.clone() };
                [half.clone(), half]
            });
            let cut = fit(&priors, &halves.collect::<Vec<_>>());
            for (one, other) in whole.coefficients.iter().zip(&cut.coefficients) {
                prop_assert!((one - other).abs() < 1e-7, "{one} {other}");
            }
        }
    }
}
