//! So many of so many: every share that the report prints, with the interval in which the true share lies 19 times in 20.
//!
//! Three of three is not "100 %". Whoever reads a report of a small file must not be misled by it, so a share is never kept
//! without what it was counted among, and the interval (Wilson's) is part of what is printed and of what is compared.

use crate::engine::calibration::{Z95, wilson};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A share, by its counts. In JSON: `{"of": 1000, "count": 3, "share": 0.003, "low": …, "high": …}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub count: u64,
    pub of: u64,
}

impl Share {
    pub fn new(count: u64, of: u64) -> Share {
        Share { count, of }
    }

    /// One more, and whether it is one of those.
    pub fn add(&mut self, is_one: bool) {
        self.of += 1;
        self.count += u64::from(is_one);
    }

    pub fn plus(self, other: Share) -> Share {
        Share { count: self.count + other.count, of: self.of + other.of }
    }

    /// In 0..=1; `None` of nothing.
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.count as f64 / self.of as f64)
    }

    /// Where the true share is, 19 times in 20; all of 0..=1 of nothing.
    pub fn interval(self) -> (f64, f64) {
        wilson(self.value().unwrap_or(0.0), self.of as f64, Z95)
    }

    /// The difference to `before`, with the interval in which the true one is 19 times in 20 (Newcombe 1998, method 10, from
    /// Wilson's intervals of both). `None` where one of them is of nothing.
    pub fn since(self, before: Share) -> Option<Difference> {
        let (new, old) = (self.value()?, before.value()?);
        let ((new_low, new_high), (old_low, old_high)) = (self.interval(), before.interval());
        let by = new - old;
        let low = by - ((new - new_low).powi(2) + (old_high - old).powi(2)).sqrt();
        let high = by + ((new_high - new).powi(2) + (old - old_low).powi(2)).sqrt();
        Some(Difference { by, low, high })
    }
}

/// How much a share grew.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub by: f64,
    pub low: f64,
    pub high: f64,
}

impl Difference {
    /// Whether chance alone explains it badly: the interval does not hold zero.
    pub fn is_told(self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

#[derive(Serialize, Deserialize)]
struct Shown {
    count: u64,
    of: u64,
    #[serde(default)]
    share: Option<f64>,
    #[serde(default)]
    low: f64,
    #[serde(default)]
    high: f64,
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (low, high) = self.interval();
        let share = self.value().map(rounded);
        Shown { count: self.count, of: self.of, share, low: rounded(low), high: rounded(high) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Share, D::Error> {
        Shown::deserialize(deserializer).map(|shown| Share { count: shown.count, of: shown.of })
    }
}

/// To six decimals: what is behind them is nobody's measurement, and hides what a report's reader looks for.
pub fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_printed_with_its_interval_and_read_by_its_counts() {
        let share = Share::new(1, 10);
        let json = serde_json::to_string(&share).unwrap();
        assert_eq!(json, r#"{"count":1,"of":10,"share":0.1,"low":0.017876,"high":0.40415}"#);
        assert_eq!(serde_json::from_str::<Share>(&json).unwrap(), share);
        assert_eq!(Share::default().value(), None);
        assert_eq!(Share::default().interval(), (0.0, 1.0));
    }

    /// Newcombe (1998, Statistics in Medicine 17, 873): 56/70 against 48/80 by method 10: 0.0524 to 0.3339.
    #[test]
    fn a_difference_is_as_published() {
        let difference = Share::new(56, 70).since(Share::new(48, 80)).unwrap();
        assert!((difference.by - 0.2).abs() < 1e-12);
        assert!((difference.low - 0.0524).abs() < 5e-5 && (difference.high - 0.3339).abs() < 5e-5, "{difference:?}");
        assert!(difference.is_told());
        assert!(!Share::new(5, 10).since(Share::new(4, 10)).unwrap().is_told());
        assert!(Share::new(5, 10).since(Share::default()).is_none());
    }
}
