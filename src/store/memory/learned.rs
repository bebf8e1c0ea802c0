//! What is usual for one entity: how high a decayed count of its lawful attempts rises, day by day.
//!
//! What to make of it is the engine's business ([`crate::engine::usual`], which says why it is peaks of days). Here it is
//! six numbers: the count itself, the running day's peak, and the weighted moments of the days before (West, 1979, with
//! weights that halve in a week, so that they compose as all decay does). The running day is not among them: what is
//! happening now must not explain itself.
//!
//! Most entities are never busy, and of those there is nothing to learn; so an entry grows this when it first is.

use super::decay;
use super::state::kept::kept;
use crate::engine::evidence::Usual;
use crate::engine::time::Timestamp;

/// From this count of attempts on it is worth remembering how high it rises.
pub const BUSY: f64 = 4.0;
/// A day weighs half after so many days.
const HALF: f64 = 7.0;
const DAY: u64 = 24 * 3600 * 1000;

#[derive(Clone, Copy, Debug, Default)]
pub struct Learned {
    /// The running day, since the epoch.
    day: u32,
    /// Decayed count of lawful attempts, as of the entry's present.
    level: f64,
    /// The highest of the running day.
    peak: f64,
    days: f64,
    mean: f64,
    variance: f64,
}

kept!(Learned { day, level, peak, days, mean, variance });

impl Learned {
    /// Nothing yet, on the day of `present`.
    pub fn new(present: Timestamp) -> Learned {
        Learned { day: day_of(present), ..Learned::default() }
    }

    /// The entry's present moved to `present`, and `left` of its counts is left.
    pub fn advance(&mut self, present: Timestamp, left: f64) {
        self.level *= left;
        let today = day_of(present);
        if today > self.day {
            if self.peak > 0.0 {
                let days = self.days + 1.0;
                let off = self.peak - self.mean;
                self.mean += off / days;
                self.variance = (self.days * self.variance + off * (self.peak - self.mean)) / days;
                self.days = days;
            }
            self.days *= decay::left(f64::from(today - self.day), HALF);
            self.peak = 0.0;
        }
        // Or the clock was set back.
        self.day = today;
    }

    /// A lawful attempt, which weighs so much by now.
    pub fn teach(&mut self, weight: f64) {
        self.level += weight;
        self.peak = self.peak.max(self.level);
    }

    pub fn usual(&self) -> Usual {
        Usual { days: self.days, mean: self.mean, variance: self.variance }
    }
}

fn day_of(at: Timestamp) -> u32 {
    u32::try_from(at.0 / DAY).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u64, hour: u64) -> Timestamp {
        Timestamp(day * DAY + hour * 3_600_000)
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn a_day_teaches_its_peak_and_only_when_it_is_over() {
        let mut learned = Learned::new(day(100, 9));
        (0..5).for_each(|_| learned.teach(1.0));
        learned.advance(day(100, 18), 0.5);
        learned.teach(1.0);
        assert_eq!(learned.usual(), Usual::default());
        learned.advance(day(101, 9), 0.0);
        let half = |days: f64| f64::exp2(-days / 7.0);
        let usual = learned.usual();
        assert!(near(usual.days, half(1.0)) && near(usual.mean, 5.0) && near(usual.variance, 0.0), "{usual:?}");
        (0..9).for_each(|_| learned.teach(1.0));
        learned.advance(day(103, 9), 0.0);
        let usual = learned.usual();
        let (older, newer) = (half(3.0), half(2.0));
        let mean = (5.0 * older + 9.0 * newer) / (older + newer);
        let variance = (older * (5.0 - mean).powi(2) + newer * (9.0 - mean).powi(2)) / (older + newer);
        assert!(near(usual.days, older + newer) && near(usual.mean, mean) && near(usual.variance, variance));
    }

    #[test]
    fn a_long_pause_leaves_next_to_nothing() {
        let mut learned = Learned::new(day(0, 9));
        for today in 1..=14 {
            (0..200).for_each(|_| learned.teach(1.0));
            learned.advance(day(today, 9), 0.0);
        }
        assert!(learned.usual().days > 6.0);
        learned.advance(day(14 + 56, 9), 0.0);
        assert!(learned.usual().days < 0.04);
    }

    #[test]
    fn a_clock_set_back_learns_on() {
        let mut learned = Learned::new(day(100, 9));
        learned.teach(1.0);
        learned.advance(day(98, 9), 1.0);
        learned.teach(1.0);
        assert_eq!(learned.usual(), Usual::default());
        learned.advance(day(99, 9), 0.0);
        assert!(near(learned.usual().mean, 2.0));
    }
}
