//! Decayed counts: an event of age `t` counts `2^(−t / half-life)`.
//!
//! Forward decay (Cormode et al., ICDE 2009) in its incremental form: a count is kept as of an entry's latest instant
//! and multiplied when that instant moves, so counting and reading cost one exponential whatever happened before, and an
//! event that arrives late is added at the weight it would have by now. Decay composes exactly, which is why the model
//! test may compare with the plain sum over all events.

use super::state::kept::Kept;
use crate::engine::evidence::Counts;
use crate::engine::time::Timestamp;
use std::ops::{Add, Sub};
use std::time::Duration;

pub const MINUTE: f64 = 60_000.0;
pub const TEN_MINUTES: f64 = 600_000.0;
pub const HOUR: f64 = 3_600_000.0;

/// An instant further back than this is no late arrival: the clock was set back, and what was counted before stands as
/// of the new present. Otherwise a clock that ran ahead for a day would leave the gate blind for a day.
pub const SET_BACK: Duration = Duration::from_secs(60);

/// The present of one entry: the latest instant it has seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Present(Timestamp);

impl Kept for Present {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Kept::take(from).map(Present)
    }
}

impl Present {
    /// Moves to `at`; returns the time that passed, in milliseconds.
    pub fn advance(&mut self, at: Timestamp) -> f64 {
        if at >= self.0 {
            let passed = at.0 - self.0.0;
            self.0 = at;
            return passed as f64;
        }
        if self.0.since(at) > SET_BACK {
            self.0 = at;
        }
        0.0
    }

    pub fn instant(self) -> Timestamp {
        self.0
    }

    /// What an event of instant `at` still counts.
    pub fn weight(self, at: Timestamp, half_life: f64) -> f64 {
        left(self.0.0.saturating_sub(at.0) as f64, half_life)
    }
}

/// The share that is left of a count after `passed` milliseconds.
pub fn left(passed: f64, half_life: f64) -> f64 {
    if passed == 0.0 { 1.0 } else { f64::exp2(-passed / half_life) }
}

pub fn scale(counts: &mut Counts, factor: f64) {
    counts.attempts *= factor;
    counts.failed *= factor;
    counts.succeeded *= factor;
    counts.open *= factor;
}

/// Adds a change at a weight. Rounding must not leave a count below nothing.
pub fn add(counts: &mut Counts, change: Change, weight: f64) {
    let added = |count: f64, by: i8| (count + f64::from(by) * weight).max(0.0);
    counts.attempts = added(counts.attempts, change.attempts);
    counts.failed = added(counts.failed, change.failed);
    counts.succeeded = added(counts.succeeded, change.succeeded);
    counts.open = added(counts.open, change.open);
}

/// The largest of each number.
pub fn largest(one: Counts, other: Counts) -> Counts {
    Counts { succeeded: one.succeeded.max(other.succeeded), ..larger(one, other) }
}

/// The larger of each number, but for `succeeded`, which is the first's.
pub fn larger(first: Counts, other: Counts) -> Counts {
    Counts {
        attempts: first.attempts.max(other.attempts),
        failed: first.failed.max(other.failed),
        succeeded: first.succeeded,
        open: first.open.max(other.open),
    }
}

/// What one attempt adds to counts, or takes from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub attempts: i8,
    pub failed: i8,
    pub succeeded: i8,
    pub open: i8,
}

impl Add for Change {
    type Output = Change;

    fn add(self, other: Change) -> Change {
        Change {
            attempts: self.attempts + other.attempts,
            failed: self.failed + other.failed,
            succeeded: self.succeeded + other.succeeded,
            open: self.open + other.open,
        }
    }
}

impl Sub for Change {
    type Output = Change;

    fn sub(self, other: Change) -> Change {
        Change {
            attempts: self.attempts - other.attempts,
            failed: self.failed - other.failed,
            succeeded: self.succeeded - other.succeeded,
            open: self.open - other.open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_event_counts_what_it_would_count_by_now() {
        let mut present = Present(Timestamp(0));
        assert_eq!(present.advance(Timestamp(60_000)), 60_000.0);
        assert_eq!(present.weight(Timestamp(0), MINUTE), 0.5);
        assert_eq!(present.weight(Timestamp(60_000), MINUTE), 1.0);
    }

    #[test]
    fn a_small_step_back_is_a_late_arrival_and_a_large_one_a_new_present() {
        let mut present = Present(Timestamp::from_secs(86_400));
        assert_eq!(present.advance(Timestamp::from_secs(86_395)), 0.0);
        assert!(present.weight(Timestamp::from_secs(86_395), MINUTE) < 1.0);
        assert_eq!(present.advance(Timestamp::from_secs(3_600)), 0.0);
        assert_eq!(present.weight(Timestamp::from_secs(3_600), MINUTE), 1.0);
        assert_eq!(present.advance(Timestamp::from_secs(3_660)), 60_000.0);
    }

    #[test]
    fn no_count_falls_below_nothing() {
        let mut counts = Counts::default();
        add(&mut counts, Change { open: -1, failed: 1, ..Change::default() }, 0.25);
        assert_eq!(counts, Counts { failed: 0.25, ..Counts::default() });
    }
}
