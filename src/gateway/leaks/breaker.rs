//! Whether the service is asked at all: not while it is away. After some failures in a row nobody asks for a while; then one
//! question is a trial, and each trial that fails doubles the while.

use std::time::{Duration, Instant};

/// Failures in a row.
const MOST_FAILURES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

#[derive(Debug)]
pub struct Breaker {
    failures: u32,
    /// Since when it is away, until when nobody asks, and whether a trial is under way.
    away: Option<(Instant, bool)>,
    pause: Duration,
}

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker { failures: 0, away: None, pause: FIRST_PAUSE }
    }
}

impl Breaker {
    /// Whether this question may be asked. Who is let through tells how it went.
    pub fn lets(&mut self, now: Instant) -> bool {
        match &mut self.away {
            None => true,
            Some((until, trying)) => {
                let lets = now >= *until && !*trying;
                *trying |= lets;
                lets
            }
        }
    }

    /// Whether it had been away.
    pub fn succeeded(&mut self) -> bool {
        let was = self.away.is_some();
        *self = Breaker::default();
        was
    }

    /// Whether it is away from now on, and was not before.
    pub fn failed(&mut self, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        let before = self.away;
        if before.is_some_and(|(_, trying)| !trying) || before.is_none() && self.failures < MOST_FAILURES {
            // One that was asked before it went away; or no habit yet.
            return false;
        }
        self.away = Some((now + self.pause, false));
        self.pause = (2 * self.pause).min(LONGEST_PAUSE);
        before.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_failures_in_a_row_end_the_asking_and_a_trial_begins_it_again() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            for _ in 1..MOST_FAILURES {
                assert!(breaker.lets(now) && !breaker.failed(now));
            }
            assert!(!breaker.succeeded());
        }
        for _ in 1..MOST_FAILURES {
            breaker.failed(now);
        }
        assert!(breaker.failed(now) && !breaker.lets(now));
        assert!(!breaker.failed(now), "one that was under way changes nothing");
        let later = now + FIRST_PAUSE;
        assert!(breaker.lets(later) && !breaker.lets(later), "one trial at a time");
        assert!(!breaker.failed(later), "it was away before");
        assert!(!breaker.lets(later + FIRST_PAUSE) && breaker.lets(later + 2 * FIRST_PAUSE));
        assert!(breaker.succeeded() && breaker.lets(now));
    }

    #[test]
    fn pauses_have_an_end() {
        let mut now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..MOST_FAILURES {
            breaker.failed(now);
        }
        for _ in 0..40 {
            now += LONGEST_PAUSE;
            assert!(breaker.lets(now));
            breaker.failed(now);
        }
    }
}
