//! How improbable what an entity does is under what it usually does.
//!
//! A fixed limit is wrong twice: an office sends three hundred people through one address every morning, and a rented
//! server that sends as many has nobody behind it. What tells them apart is that the office did so yesterday. So the
//! store learns, for each entity that is busy at all, how high its activity rose on each day ([`Usual`]), and this
//! asks how often a day would see it rise as high as now.
//!
//! **One value a day, its peak.** Mornings are bursts: whoever averages a day, or draws samples at random instants, finds
//! each morning improbable. Peaks carry the bursts by themselves. And a day that counts once, whatever was sent on it,
//! bounds what anybody can teach: a flood of a million lawful attempts is one day's peak.
//!
//! **The peaks are taken for negative binomial**, a Poisson whose rate varies from day to day as a gamma: the least that
//! explains that Sundays differ from Mondays. Its moments are those of the days seen, blended with days that everybody is
//! assumed to have had (the *prior*), which decide alone for a newcomer and fade as days are learned; days fade in turn,
//! by half each week, so that after a long absence an entity is a newcomer again. A variation of more than half of the
//! mean is not believed: else a few very different days would make everything probable, and who raises their activity
//! from day to day would never stand out (with this bound it can rise by about a fifth a day).
//!
//! The tail of the negative binomial is a regularised incomplete beta function: `P(X ≥ x) = I(m / (m + r); x, r)` with mean
//! `m` and size `r`; computed by `statrs`.

use super::evidence::Usual;
use statrs::function::beta::checked_beta_reg;

/// So many days count as seen of everybody.
const PRIOR_DAYS: f64 = 3.0;
/// What a newcomer's busiest hour of the day comes to, as a share of the least that is ever called high.
const PRIOR_SHARE: f64 = 0.1;
/// No entity is steadier than this: standard deviation by mean, beside chance.
const LEAST_VARIATION: f64 = 0.2;
/// No variation beyond this is believed.
const MOST_VARIATION: f64 = 0.5;

/// What to expect of an entity's activity on a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// Of the day's peak.
    pub mean: f64,
    pub variance: f64,
}

impl Expected {
    /// What `usual` leads to expect, where less than `floor` is never called high.
    pub fn of(usual: &Usual, floor: f64) -> Expected {
        let days = usual.days.max(0.0);
        let prior = PRIOR_SHARE * floor;
        let all = days + PRIOR_DAYS;
        let mean = (days * usual.mean + PRIOR_DAYS * prior) / all;
        let apart = |about: f64, variance: f64| variance + (about - mean) * (about - mean);
        let variance = (days * apart(usual.mean, usual.variance) + PRIOR_DAYS * apart(prior, prior * prior)) / all;
        // That the mean itself is known from so few days only.
        let variance = variance * (1.0 + 1.0 / all);
        let varied = |by: f64| (by * mean) * (by * mean);
        Expected { mean, variance: mean + variance.clamp(varied(LEAST_VARIATION), varied(MOST_VARIATION)) }
    }

    /// The share of days whose peak reaches `observed`.
    pub fn probability(&self, observed: f64) -> f64 {
        let Expected { mean, variance } = *self;
        let size = mean * mean / (variance - mean);
        if observed <= 0.0 || !size.is_finite() || size <= 0.0 {
            return 1.0;
        }
        // Defined for every positive count and size; what rounding pushes out of range is taken for no surprise.
        checked_beta_reg(observed, size, mean / (mean + size)).unwrap_or(1.0).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: f64 = 150.0;

    fn usual(peaks: &[f64]) -> Usual {
        let days = peaks.len() as f64;
        let mean = peaks.iter().sum::<f64>() / days.max(1.0);
        let variance = peaks.iter().map(|peak| (peak - mean).powi(2)).sum::<f64>() / days.max(1.0);
        Usual { days, mean, variance }
    }

    fn probability(peaks: &[f64], observed: f64) -> f64 {
        Expected::of(&usual(peaks), FLOOR).probability(observed)
    }

    #[test]
    fn the_tail_is_that_of_the_negative_binomial() {
        // By summing the mass: size 4, mean 10.
        let (mean, size) = (10.0, 4.0);
        let expected = Expected { mean, variance: mean + mean * mean / size };
        let success = size / (size + mean);
        let (mut mass, mut below) = (f64::powf(success, size), 0.0);
        for count in 0..60u32 {
            if count > 0 {
                let tail = expected.probability(f64::from(count));
                assert!((tail - (1.0 - below)).abs() < 1e-10, "{count}: {tail} instead of {}", 1.0 - below);
            }
            below += mass;
            mass *= (f64::from(count) + size) / f64::from(count + 1) * (1.0 - success);
        }
    }

    #[test]
    fn a_newcomer_is_improbable_at_the_floor() {
        assert!(probability(&[], FLOOR) < 1e-6);
        assert!(probability(&[], 0.1 * FLOOR) > 0.3);
    }

    #[test]
    fn who_is_always_busy_is_expected_to_be() {
        let office: Vec<f64> = [216.0, 190.0, 230.0, 205.0, 220.0, 3.0, 2.0].repeat(2);
        assert!(probability(&office, 240.0) > 0.05);
        assert!(probability(&office, 1_000.0) < 1e-4, "five times the busiest morning");
        assert!(probability(&[4_000.0; 10], 4_300.0) > 0.1);
    }

    #[test]
    fn a_few_wild_days_make_not_everything_probable() {
        assert!(probability(&[1.0, 1_000.0], 5_000.0) < 1e-4);
    }

    #[test]
    fn who_rises_from_day_to_day_is_slow() {
        // Each day as high as passes, at the default probability.
        let mut peaks = Vec::new();
        let most = |peaks: &[f64]| {
            let expected = Expected::of(&usual(peaks), FLOOR);
            (0..).map(|step| FLOOR * 1.02f64.powi(step)).find(|level| expected.probability(*level) < 1e-3).unwrap()
        };
        for _ in 0..14 {
            peaks.push(most(&peaks));
        }
        assert!(peaks[1] < 1.3 * FLOOR && peaks[6] < 6.0 * FLOOR, "{peaks:?}");
    }

    #[test]
    fn whatever_is_known_the_answer_is_a_probability() {
        let odd = [0.0, 1e-300, 1e-9, 0.5, 1.0, 1e6, 1e12];
        for days in odd {
            for mean in odd {
                for variance in odd {
                    for observed in odd {
                        let expected = Expected::of(&Usual { days, mean, variance }, FLOOR);
                        let probability = expected.probability(observed);
                        assert!((0.0..=1.0).contains(&probability), "{days} {mean} {variance} {observed}");
                    }
                }
            }
        }
    }
}
