//! Are the scores what they say they are? A score of 80 promises that about eight in ten such attempts are bad; this module
//! takes attempts of which the truth is known and says how well that promise was kept, and how well bad and good were told
//! apart at all.
//!
//! The two questions need two tallies. [`Reliability`] is about the promise: Brier score and logarithmic loss, exact, and by
//! bins the share of bad ones beside the score that was given. [`Curve`](curve::Curve) is about the order alone: what
//! threshold holds the false positives to one in a thousand, and what is caught there. Both take one attempt at a time, in
//! memory that depends on the number of bins only, so that a file of 33 million rows fits; both take a weight per attempt,
//! because attempts of which the truth became known are rarely a fair sample (`tune` weights them by the inverse of the
//! chance that it would); both can be [merged](Reliability::merge), for whoever counts in several threads.
//!
//! Sources: Brier (1950), the score; Murphy (1973), its three parts; Stephenson, Coelho and Jolliffe (2008, Weather and
//! Forecasting 23, 752), the two more that make them add up when a bin holds different forecasts; Naeini, Cooper and
//! Hauskrecht (AAAI 2015) and Guo et al. (ICML 2017), the expected calibration error; Wilson (1927), the interval of a share;
//! Kish (1965), what a weighted sample is worth in unweighted attempts.

pub mod curve;

/// The usual bins of a reliability diagram: ten of one width.
pub const TENTHS: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// Narrow at the ends. Most attempts are innocent and most innocents score a few percent, so that ten equal bins would show
/// next to everybody in the first.
pub const FINE_ENDS: [f64; 15] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99];

/// For an interval that holds the truth 19 times in 20.
pub const Z95: f64 = 1.959_963_984_540_054;

/// A probability this near to 0 or 1 is taken as this near: one certain error would make every mean loss infinite.
const CERTAIN: f64 = 1e-12;

/// What is counted about probabilities and the truth. Invalid pairs (a probability or a weight that is no number, a weight
/// that is not positive) are counted in [`Reliability::ignored`] and nowhere else.
#[derive(Clone, Debug)]
pub struct Reliability {
    /// Ascending, between 0 and 1; bin *i* is from edge *i* − 1 (included) to edge *i* (excluded).
    edges: Vec<f64>,
    bins: Vec<Bin>,
    /// Σ w·(p − y)².
    squares: f64,
    /// Σ w·loss, in nats.
    losses: f64,
    ignored: u64,
}

/// Weighted moments of the forecasts p and the truths y of one bin; updated as West (1979) shows, so that nothing is lost
/// to cancellation after a hundred million of them.
#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    attempts: u64,
    bad: u64,
    weight: f64,
    weight_squares: f64,
    mean_p: f64,
    mean_y: f64,
    /// Σ w·(p − mean)², and Σ w·(p − mean)·(y − mean).
    spread: f64,
    comoment: f64,
}

impl Bin {
    fn add(&mut self, p: f64, y: f64, weight: f64) {
        self.attempts += 1;
        self.bad += u64::from(y > 0.5);
        self.weight += weight;
        self.weight_squares += weight * weight;
        let share = weight / self.weight;
        let (dp, dy) = (p - self.mean_p, y - self.mean_y);
        self.mean_p += share * dp;
        self.mean_y += share * dy;
        self.spread += weight * dp * (p - self.mean_p);
        self.comoment += weight * dp * (y - self.mean_y);
    }

    fn merge(&mut self, other: &Bin) {
        let weight = self.weight + other.weight;
        if weight == 0.0 {
            return;
        }
        let (dp, dy) = (other.mean_p - self.mean_p, other.mean_y - self.mean_y);
        let between = self.weight * other.weight / weight;
        self.spread += other.spread + dp * dp * between;
        self.comoment += other.comoment + dp * dy * between;
        self.mean_p += dp * other.weight / weight;
        self.mean_y += dy * other.weight / weight;
        self.weight = weight;
        self.weight_squares += other.weight_squares;
        self.attempts += other.attempts;
        self.bad += other.bad;
    }

    /// Kish's effective number: how many attempts of equal weight say as much.
    fn effective(&self) -> f64 {
        if self.weight_squares > 0.0 { self.weight * self.weight / self.weight_squares } else { 0.0 }
    }
}

/// One bin, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Of the probability: from (included) and to (excluded, but for the last).
    pub from: f64,
    pub to: f64,
    /// How many attempts fell in, and how many of them were bad; unweighted.
    pub attempts: u64,
    pub bad: u64,
    /// Σ of their weights.
    pub weight: f64,
    /// The mean probability that was given, and the share that was bad; both weighted.
    pub forecast: f64,
    pub share: f64,
    /// Where the true share is, 19 times in 20: Wilson's interval of the effective number of attempts.
    pub low: f64,
    pub high: f64,
}

/// The Brier score and what it is made of: `score = reliability − resolution + uncertainty + spread − covariance`, exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brier {
    /// Mean of (p − y)²: 0 is perfect, 0.25 is always saying one half.
    pub score: f64,
    /// How far the forecasts of a bin are from what happened in it; 0 is calibrated.
    pub reliability: f64,
    /// How much the bins differ in what happened; more is better, `uncertainty` is the most.
    pub resolution: f64,
    /// The variance of the truth itself: what always saying the base rate scores.
    pub uncertainty: f64,
    /// Variance of the forecasts within the bins, and twice their covariance with the truth there: what the bins hide.
    pub spread: f64,
    pub covariance: f64,
}

impl Brier {
    /// How much better than always saying the base rate: 1 is perfect, 0 no better, below 0 worse. `None` where the truth
    /// was always the same.
    pub fn skill(&self) -> Option<f64> {
        (self.uncertainty > 0.0).then(|| 1.0 - self.score / self.uncertainty)
    }
}

impl Reliability {
    /// With bins between these inner edges. What is not between 0 and 1, or not above the one before, is left out.
    pub fn over(edges: &[f64]) -> Reliability {
        let mut kept: Vec<f64> = Vec::with_capacity(edges.len());
        for edge in edges {
            if *edge > kept.last().copied().unwrap_or(0.0) && *edge < 1.0 {
                kept.push(*edge);
            }
        }
        let bins = vec![Bin::default(); kept.len() + 1];
        Reliability { edges: kept, bins, squares: 0.0, losses: 0.0, ignored: 0 }
    }

    /// One attempt: its probability of being bad (a score divided by 100; clamped to 0..1), whether it was, and how many
    /// attempts it stands for.
    pub fn add(&mut self, probability: f64, bad: bool, weight: f64) {
        if probability.is_nan() || !(weight > 0.0 && weight.is_finite()) {
            self.ignored += 1;
            return;
        }
        let p = probability.clamp(0.0, 1.0);
        let y = if bad { 1.0 } else { 0.0 };
        let place = self.edges.partition_point(|edge| *edge <= p);
        if let Some(bin) = self.bins.get_mut(place) {
            bin.add(p, y, weight);
        }
        self.squares += weight * (p - y) * (p - y);
        self.losses -= weight * (if bad { p } else { 1.0 - p }).max(CERTAIN).ln();
    }

    /// What the other one counted, too. It must have the same edges, or nothing is taken and `false` comes back.
    pub fn merge(&mut self, other: &Reliability) -> bool {
        if self.edges != other.edges {
            return false;
        }
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            mine.merge(theirs);
        }
        self.squares += other.squares;
        self.losses += other.losses;
        self.ignored += other.ignored;
        true
    }

    /// Pairs that could not be counted.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Attempts counted, and how many of them were bad; unweighted.
    pub fn attempts(&self) -> (u64, u64) {
        self.bins.iter().fold((0, 0), |(all, bad), bin| (all + bin.attempts, bad + bin.bad))
    }

    /// Σ of the weights.
    pub fn weight(&self) -> f64 {
        self.bins.iter().map(|bin| bin.weight).sum()
    }

    /// The share that was bad, weighted; `None` of nothing. Exactly 0 or 1 where the truth was always the same, which the
    /// shares of the bins, summed in floating point, would miss by a rounding to either side.
    pub fn base_rate(&self) -> Option<f64> {
        match self.attempts() {
            (0, _) => None,
            (_, 0) => Some(0.0),
            (all, bad) if all == bad => Some(1.0),
            _ => self.mean(|bin| bin.mean_y).map(|share| share.clamp(0.0, 1.0)),
        }
    }

    /// Mean of the probabilities given: beside the base rate it says whether the scores are too high or too low on the whole.
    pub fn mean_forecast(&self) -> Option<f64> {
        self.mean(|bin| bin.mean_p).map(|forecast| forecast.clamp(0.0, 1.0))
    }

    /// Mean logarithmic loss, in nats; `None` of nothing.
    pub fn log_loss(&self) -> Option<f64> {
        let weight = self.weight();
        (weight > 0.0).then(|| self.losses / weight)
    }

    /// `None` of nothing.
    pub fn brier(&self) -> Option<Brier> {
        let base = self.base_rate()?;
        Some(Brier {
            score: (self.squares / self.weight()).min(1.0),
            reliability: self.mean(|bin| (bin.mean_p - bin.mean_y).powi(2))?,
            resolution: self.mean(|bin| (bin.mean_y - base).powi(2))?,
            uncertainty: base * (1.0 - base),
            spread: self.mean(|bin| bin.spread / bin.weight)?,
            covariance: self.mean(|bin| 2.0 * bin.comoment / bin.weight)?,
        })
    }

    /// Expected calibration error: how far, on average over the attempts, a bin's mean probability is from what happened in
    /// it. It depends on the bins, and of few attempts it is never 0; compare it only between equals.
    pub fn expected_error(&self) -> Option<f64> {
        self.mean(|bin| (bin.mean_p - bin.mean_y).abs()).map(|error| error.min(1.0))
    }

    /// The bins in which something fell, ascending.
    pub fn rows(&self) -> Vec<Row> {
        let from = std::iter::once(0.0).chain(self.edges.iter().copied());
        let to = self.edges.iter().copied().chain(std::iter::once(1.0));
        let rows = from.zip(to).zip(&self.bins).filter(|(_, bin)| bin.attempts > 0);
        let row = |((from, to), bin): ((f64, f64), &Bin)| {
            let (low, high) = wilson(bin.mean_y, bin.effective(), Z95);
            let Bin { attempts, bad, weight, mean_p, mean_y, .. } = *bin;
            Row { from, to, attempts, bad, weight, forecast: mean_p, share: mean_y, low, high }
        };
        rows.map(row).collect()
    }

    fn mean(&self, of: impl Fn(&Bin) -> f64) -> Option<f64> {
        let weight = self.weight();
        let filled = self.bins.iter().filter(|bin| bin.weight > 0.0);
        (weight > 0.0).then(|| filled.map(|bin| bin.weight / weight * of(bin)).sum())
    }
}

/// Wilson's interval for a share that was seen among `attempts` (which may be an effective number, so not whole): where the
/// true share is; `z` standard errors to both sides. The whole of 0..1 of nothing.
pub fn wilson(share: f64, attempts: f64, z: f64) -> (f64, f64) {
    if attempts <= 0.0 {
        return (0.0, 1.0);
    }
    let z2 = z * z / attempts;
    let centre = (share + z2 / 2.0) / (1.0 + z2);
    let half = z / (1.0 + z2) * (share * (1.0 - share) / attempts + z2 / (4.0 * attempts)).max(0.0).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tally(edges: &[f64], pairs: &[(f64, bool, f64)]) -> Reliability {
        let mut tally = Reliability::over(edges);
        for (p, bad, weight) in pairs {
            tally.add(*p, *bad, *weight);
        }
        tally
    }

    #[test]
    fn a_worked_example() {
        let pairs = [(0.1, false, 1.0), (0.1, false, 1.0), (0.3, true, 1.0), (0.9, true, 1.0), (0.9, false, 1.0)];
        let tally = tally(&[0.5], &pairs);
        // (0.01 + 0.01 + 0.49 + 0.01 + 0.81) / 5
        let brier = tally.brier().unwrap();
        assert!((brier.score - 0.266).abs() < 1e-12);
        assert!((brier.uncertainty - 0.24).abs() < 1e-12, "two of five: 0.4 × 0.6");
        assert!((brier.skill().unwrap() - (1.0 - 0.266 / 0.24)).abs() < 1e-12);
        // Below one half: forecast 1/6 and share 1/3; above: 0.9 and 0.5.
        assert!((tally.expected_error().unwrap() - (3.0 / 6.0 + 2.0 * 0.4) / 5.0).abs() < 1e-12);
        assert!((tally.mean_forecast().unwrap() - 0.46).abs() < 1e-12);
        let loss = -(2.0 * 0.9_f64.ln() + 0.3_f64.ln() + 0.9_f64.ln() + 0.1_f64.ln()) / 5.0;
        assert!((tally.log_loss().unwrap() - loss).abs() < 1e-12);
        let rows = tally.rows();
        assert_eq!(rows.iter().map(|row| (row.attempts, row.bad)).collect::<Vec<_>>(), [(3, 1), (2, 1)]);
        assert_eq!((rows[0].from, rows[0].to, rows[1].to), (0.0, 0.5, 1.0));
    }

    #[test]
    fn wilson_is_as_tabulated() {
        // 1 of 10 at 95 %: 0.0179 to 0.4042; 0 of 10: 0 to 0.2775 (Newcombe 1998, method 3; checked by hand).
        let near = |(low, high): (f64, f64), expected: (f64, f64)| {
            assert!((low - expected.0).abs() < 5e-5 && (high - expected.1).abs() < 5e-5, "{low} {high}");
        };
        near(wilson(0.1, 10.0, Z95), (0.0179, 0.4042));
        near(wilson(0.0, 10.0, Z95), (0.0, 0.2775));
        near(wilson(1.0, 10.0, Z95), (0.7225, 1.0));
        assert_eq!(wilson(0.5, 0.0, Z95), (0.0, 1.0));
    }

    #[test]
    fn nothing_has_no_figures_and_what_is_no_number_is_ignored() {
        let nothing = tally(&TENTHS, &[(f64::NAN, true, 1.0), (0.5, true, 0.0), (0.5, true, f64::INFINITY)]);
        assert_eq!((nothing.brier(), nothing.log_loss(), nothing.expected_error()), (None, None, None));
        assert_eq!((nothing.ignored(), nothing.attempts(), nothing.rows().len()), (3, (0, 0), 0));
        let certain = tally(&TENTHS, &[(1.0, false, 1.0), (7.0, true, 1.0), (-1.0, true, 1.0)]);
        assert!(certain.log_loss().unwrap().is_finite());
        assert_eq!(certain.attempts(), (3, 2));
        assert_eq!(Reliability::over(&[0.5, 0.4, f64::NAN, 2.0, 0.6]).edges, [0.5, 0.6]);
        let mut tenths = Reliability::over(&TENTHS);
        assert!(!tenths.merge(&Reliability::over(&FINE_ENDS)));
    }

    #[test]
    fn where_the_truth_was_always_the_same_rounding_makes_no_variance_of_it() {
        // In three bins, of weights whose shares add up to a little more than 1.
        let pairs = [
            (0.0, true, 6.272_557_467_716_974),
            (0.821_285_203_688_414_6, true, 3.488_053_219_506_508),
            (0.084_201_221_744_823_72, true, 32.493_483_533_159_406),
        ];
        let brier = tally(&FINE_ENDS, &pairs).brier().unwrap();
        assert_eq!((brier.uncertainty, brier.skill()), (0.0, None));
        let good = pairs.map(|(p, _, weight)| (p, false, weight));
        assert_eq!(tally(&FINE_ENDS, &good).base_rate(), Some(0.0));
    }

    fn pairs() -> impl Strategy<Value = Vec<(f64, bool, f64)>> {
        proptest::collection::vec((0.0..=1.0, any::<bool>(), 0.1..50.0), 1..200)
    }

    proptest! {
        #[test]
        fn the_parts_add_up_whatever_the_bins(pairs in pairs(), edges in proptest::collection::vec(0.0..1.0, 0..8)) {
            let brier = tally(&edges, &pairs).brier().unwrap();
            let sum = brier.reliability - brier.resolution + brier.uncertainty + brier.spread - brier.covariance;
            prop_assert!((sum - brier.score).abs() < 1e-9, "{brier:?}");
            let weight: f64 = pairs.iter().map(|(_, _, w)| w).sum();
            let direct: f64 = pairs.iter().map(|(p, y, w)| w * (p - f64::from(u8::from(*y))).powi(2)).sum();
            prop_assert!((brier.score - direct / weight).abs() < 1e-12);
        }

        #[test]
        fn a_weight_is_as_good_as_repeating(pairs in proptest::collection::vec((0.0..=1.0, any::<bool>(), 1..6_u8), 1..60)) {
            let weighted: Vec<_> = pairs.iter().map(|(p, y, n)| (*p, *y, f64::from(*n))).collect();
            let repeated: Vec<_> =
                pairs.iter().flat_map(|(p, y, n)| std::iter::repeat_n((*p, *y, 1.0), usize::from(*n))).collect();
            let (a, b) = (tally(&TENTHS, &weighted), tally(&TENTHS, &repeated));
            let close = |a: Option<f64>, b: Option<f64>| (a.unwrap() - b.unwrap()).abs() < 1e-9;
            prop_assert!(close(a.expected_error(), b.expected_error()) && close(a.log_loss(), b.log_loss()));
            let (a, b) = (a.brier().unwrap(), b.brier().unwrap());
            prop_assert!((a.reliability - b.reliability).abs() + (a.resolution - b.resolution).abs() < 1e-9);
            prop_assert!((a.spread - b.spread).abs() + (a.covariance - b.covariance).abs() < 1e-9);
        }

        #[test]
        fn two_halves_merged_are_the_whole(pairs in pairs(), cut in 0..200_usize) {
            let cut = cut.min(pairs.len());
            let whole = tally(&FINE_ENDS, &pairs);
            let mut merged = tally(&FINE_ENDS, &pairs[..cut]);
            prop_assert!(merged.merge(&tally(&FINE_ENDS, &pairs[cut..])));
            prop_assert_eq!(merged.attempts(), whole.attempts());
            let (a, b) = (merged.brier().unwrap(), whole.brier().unwrap());
            for (a, b) in [(a.score, b.score), (a.spread, b.spread), (a.covariance, b.covariance), (a.resolution, b.resolution)] {
                prop_assert!((a - b).abs() < 1e-9);
            }
            for (a, b) in merged.rows().iter().zip(whole.rows()) {
                prop_assert!((a.low - b.low).abs() < 1e-9 && a.attempts == b.attempts);
            }
        }

        #[test]
        fn no_constant_forecast_beats_the_base_rate(truths in proptest::collection::vec(any::<bool>(), 1..50), p in 0.0..=1.0) {
            let bad = truths.iter().filter(|bad| **bad).count();
            let base = bad as f64 / truths.len() as f64;
            let of = |p: f64| tally(&TENTHS, &truths.iter().map(|y| (p, *y, 1.0)).collect::<Vec<_>>());
            prop_assert!(of(base).brier().unwrap().score <= of(p).brier().unwrap().score + 1e-12);
            prop_assert!(of(base).log_loss().unwrap() <= of(p).log_loss().unwrap() + 1e-9);
            prop_assert!(of(base).expected_error().unwrap() < 1e-12, "the base rate is calibrated");
        }

        #[test]
        fn every_figure_is_in_its_range(pairs in pairs()) {
            let tally = tally(&FINE_ENDS, &pairs);
            let brier = tally.brier().unwrap();
            prop_assert!((0.0..=1.0).contains(&brier.score) && (0.0..=0.25).contains(&brier.uncertainty));
            prop_assert!(brier.resolution <= brier.uncertainty + 1e-9 && brier.reliability >= 0.0);
            prop_assert!((0.0..=1.0).contains(&tally.expected_error().unwrap()) && tally.log_loss().unwrap() >= 0.0);
            for row in tally.rows() {
                prop_assert!(row.from <= row.forecast + 1e-12 && row.forecast <= row.to + 1e-12);
                prop_assert!(0.0 <= row.low && row.low <= row.share + 1e-9 && row.share <= row.high + 1e-9 && row.high <= 1.0);
            }
        }
    }
}
