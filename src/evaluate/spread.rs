//! How the scores of one group of attempts are spread: a histogram in log-odds, on the scale of
//! [`Curve`], which takes two of them.
//!
//! A curve holds the bad beside the good that they are told from. Here one group of good ones (the innocents of an event) is
//! what many groups of bad ones are told from, so each is counted once, alone, and they are put together for the report. The
//! memory is that of the bins, whatever the file's length.

use crate::engine::calibration::curve::{Curve, log_odds};

/// The scale of [`Curve::of_log_odds`]: from, to, bins.
const SCALE: (f64, f64, usize) = (-12.0, 12.0, 4800);

/// One group's scores.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    /// Empty until something falls in.
    bins: Vec<Bin>,
    total: u64,
}

#[derive(Clone, Copy, Debug)]
struct Bin {
    count: u64,
    /// In log-odds.
    least: f64,
}

impl Spread {
    /// A score in percent.
    pub fn add(&mut self, percent: f64) {
        let (low, high, bins) = SCALE;
        if self.bins.is_empty() {
            self.bins = vec![Bin { count: 0, least: f64::INFINITY }; bins];
        }
        let number = log_odds(percent);
        // Saturates at both ends, as the curve does.
        let place = ((number - low) * bins as f64 / (high - low)) as usize;
        if let Some(bin) = self.bins.get_mut(place.min(bins - 1)) {
            bin.count += 1;
            bin.least = bin.least.min(number);
            self.total += 1;
        }
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    /// Counts all of it into a curve.
    pub fn put(&self, curve: &mut Curve, bad: bool) {
        for bin in self.bins.iter().filter(|bin| bin.count > 0) {
            curve.add(bin.least, bad, bin.count as f64);
        }
    }

    /// How many lie at this number (log-odds) or above it.
    pub fn from(&self, threshold: f64) -> u64 {
        self.bins.iter().filter(|bin| bin.count > 0 && bin.least >= threshold).map(|bin| bin.count).sum()
    }
}

/// What is told apart by a threshold: innocents of an event, and attempts of an attack on it.
pub fn curve(good: &Spread, bad: &Spread) -> Curve {
    let mut curve = Curve::of_log_odds();
    good.put(&mut curve, false);
    bad.put(&mut curve, true);
    curve
}

/// Log-odds as a score in percent.
pub fn percent(log_odds: f64) -> f64 {
    100.0 / (1.0 + (-log_odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spreads_make_the_curve_that_their_attempts_make() {
        let (mut good, mut bad, mut whole) = (Spread::default(), Spread::default(), Curve::of_log_odds());
        for number in 1..1000 {
            let score = f64::from(number) / 10.0;
            let is_bad = number % 7 == 0 || number > 900;
            (if is_bad { &mut bad } else { &mut good }).add(score);
            whole.add(log_odds(score), is_bad, 1.0);
        }
        let put = curve(&good, &bad);
        assert_eq!(put.totals(), whole.totals());
        assert_eq!(put.area(), whole.area());
        assert_eq!(put.at_false_positives(0.01), whole.at_false_positives(0.01));
        let point = put.at_false_positives(0.1);
        assert_eq!(bad.from(point.threshold) as f64, point.recall * bad.total() as f64);
        assert!((percent(log_odds(37.5)) - 37.5).abs() < 1e-9);
        bad.add(0.0);
        bad.add(100.0);
        assert_eq!(bad.from(f64::NEG_INFINITY), bad.total());
    }
}
