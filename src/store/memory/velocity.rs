//! How much of one thing there was lately: see [`crate::store::velocity`].
//!
//! Most are seen once, so an entry is small: counts in single precision (a ten-millionth more or less decides nothing), no
//! list where one account is all there was, and nothing in flight.

use super::decay::{self, Change, HOUR, Present};
use super::distinct::{DistinctAccounts, Tally};
use super::sharded::Grown;
use super::state::kept::kept;
use crate::engine::attempt::Pseudonym;
use crate::engine::evidence::{Answers, Velocity};
use crate::engine::time::Timestamp;

pub const DAY: f64 = 24.0 * HOUR;

#[derive(Clone, Debug, Default)]
pub struct VelocityEntry {
    present: Present,
    short: Few,
    long: Few,
    accounts: DistinctAccounts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Few {
    attempts: f32,
    failed: f32,
    succeeded: f32,
}

kept!(VelocityEntry { present, short, long, accounts });
kept!(Few { attempts, failed, succeeded });

impl Grown for VelocityEntry {
    fn grown(&self) -> usize {
        self.accounts.grown()
    }
}

impl VelocityEntry {
    pub fn new() -> VelocityEntry {
        VelocityEntry::default()
    }

    /// Counts an attempt that arrived at `at`, on an account if the form named one.
    pub fn arrive(&mut self, at: Timestamp, change: Change, account: Option<&Pseudonym>) {
        let passed = self.present.advance(at);
        for (few, half_life) in [(&mut self.short, HOUR), (&mut self.long, DAY)] {
            few.change(decay::left(passed, half_life), change, self.present.weight(at, half_life));
        }
        self.accounts.advance(at);
        if let Some(account) = account {
            self.accounts.see(account);
        }
    }

    /// Changes what the attempt of `at` counts as.
    pub fn turn(&mut self, at: Timestamp, change: Change) {
        for (few, half_life) in [(&mut self.short, HOUR), (&mut self.long, DAY)] {
            few.change(1.0, change, self.present.weight(at, half_life));
        }
    }

    /// The application answered the attempt of `at` on this account.
    pub fn answer(&mut self, at: Timestamp, account: &Pseudonym, failed: bool) {
        self.accounts.answer(at, account, failed);
    }

    pub fn read(&self) -> Velocity {
        velocity(self.short, self.long, self.accounts.count())
    }

    /// As of `at`, with nothing counted.
    pub fn read_at(&self, at: Timestamp) -> Velocity {
        let &VelocityEntry { mut present, mut short, mut long, ref accounts } = self;
        let passed = present.advance(at);
        for (few, half_life) in [(&mut short, HOUR), (&mut long, DAY)] {
            few.change(decay::left(passed, half_life), Change::default(), 1.0);
        }
        velocity(short, long, accounts.count_at(at))
    }
}

fn velocity(short: Few, long: Few, accounts: Tally) -> Velocity {
    Velocity {
        short: short.read(),
        long: long.read(),
        accounts: accounts.seen,
        answered_accounts: accounts.answered,
        failed_accounts: accounts.failed,
    }
}

impl Few {
    /// Rounded once, as the scripts of a shared store do.
    fn change(&mut self, left: f64, change: Change, weight: f64) {
        let changed = |count: f32, by: i8| (f64::from(count) * left + f64::from(by) * weight).max(0.0) as f32;
        self.attempts = changed(self.attempts, change.attempts);
        self.failed = changed(self.failed, change.failed);
        self.succeeded = changed(self.succeeded, change.succeeded);
    }

    fn read(self) -> Answers {
        Answers { attempts: self.attempts.into(), failed: self.failed.into(), succeeded: self.succeeded.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looked at without a copy, what is known is what a copy brought to that instant would say.
    #[test]
    fn looking_says_what_an_attempt_would_find_and_changes_nothing() {
        let account =
            |number: u32| Pseudonym(u128::from(number.wrapping_mul(0x9e37_79b9)).rotate_right(32).to_be_bytes());
        let start = 1_795_338_000;
        for members in [0, 1, 40, 300] {
            let mut entry = VelocityEntry::new();
            for number in 0..members {
                let at = Timestamp::from_secs(start + u64::from(number) * 20);
                entry.arrive(at, Change { attempts: 1, ..Change::default() }, Some(&account(number)));
                entry.answer(at, &account(number), number % 3 == 0);
            }
            let before = entry.read();
            // Within the hour, after one and two of them, much later, and by a clock that was set back a little and far.
            for secs in [start + 6_000, start + 9_000, start + 13_000, start + 900_000, start - 30, start - 90_000] {
                let at = Timestamp::from_secs(secs);
                let mut copy = entry.clone();
                copy.arrive(at, Change::default(), None);
                assert_eq!(entry.read_at(at), copy.read(), "{members} members, at {secs}");
            }
            assert_eq!(entry.read(), before);
        }
    }
}
