//! What population counting is made of: people who came and who got in, fading; who was counted lately; and Page's test.

use crate::engine::time::Timestamp;
use std::time::Duration;

/// What is left after a time of a count that halves in `half`.
pub(super) fn left(passed: Duration, half: Duration) -> f64 {
    // What is asked of twice in an attempt has not aged in between.
    if passed.is_zero() { 1.0 } else { (-passed.as_secs_f64() / half.as_secs_f64()).exp2() }
}

/// People who came, and those of them who got in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    pub people: f64,
    pub succeeded: f64,
}

impl Tally {
    pub fn fade(&mut self, left: f64) {
        self.people *= left;
        self.succeeded *= left;
    }

    pub fn count(&mut self, counted: Counted) {
        let (people, succeeded) = match counted {
            Counted::Again => return,
            Counted::New { succeeded } => (1.0, f64::from(u8::from(succeeded))),
            Counted::Turned => (0.0, 1.0),
        };
        self.people += people;
        // Who was counted before and has faded since may turn.
        self.succeeded = (self.succeeded + succeeded).min(self.people);
    }

    pub fn plus(self, other: Tally) -> Tally {
        Tally { people: self.people + other.people, succeeded: self.succeeded + other.succeeded }
    }
}

/// What one more attempt adds to the people who are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    New {
        succeeded: bool,
    },
    /// Counted as somebody who does not get in, and has got in now.
    Turned,
    /// Nothing.
    Again,
}

/// The last persons that were counted, by their account, and whether they got in. What an attempt is on is one person's.
#[derive(Clone, Debug)]
pub struct Recent {
    /// An account with its lowest bit for having got in; zero is nobody.
    ring: Box<[u32]>,
    next: usize,
}

impl Recent {
    pub fn new(most: usize) -> Recent {
        Recent { ring: vec![0; most.max(1)].into(), next: 0 }
    }

    pub fn see(&mut self, account: u32, succeeded: bool) -> Counted {
        let name = (account | 1) ^ 1;
        // A name of nothing but zeros would be nobody.
        let name = if name == 0 { 2 } else { name };
        // By sixteens, without a branch for each: the site's ring has a thousand, and most people are not in it.
        let is_one = |known: &u32| known | 1 == name | 1;
        let among = |some: &&mut [u32]| some.iter().fold(false, |found, known| found | is_one(known));
        if let Some(known) =
            self.ring.chunks_mut(16).find(among).and_then(|some| some.iter_mut().find(|one| is_one(one)))
        {
            if !succeeded || *known & 1 == 1 {
                return Counted::Again;
            }
            *known |= 1;
            return Counted::Turned;
        }
        self.ring[self.next] = name | u32::from(succeeded);
        self.next = (self.next + 1) % self.ring.len();
        Counted::New { succeeded }
    }
}

/// Page's cumulative sum: evidence for a change, never below none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cusum {
    pub sum: f64,
    /// When it was last nothing: the likeliest time of the change.
    pub since: Timestamp,
}

impl Cusum {
    /// Adds the log-likelihood ratio of what was seen. `most`: beyond the bound nothing more is to be known.
    pub fn add(&mut self, ratio: f64, most: f64, at: Timestamp) {
        if self.sum <= 0.0 {
            self.since = at;
        }
        self.sum = (self.sum + ratio).clamp(0.0, most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_at_one_account_are_one_person() {
        let mut recent = Recent::new(4);
        let mut tally = Tally::default();
        for (account, succeeded, counted) in [
            (10, false, Counted::New { succeeded: false }),
            (10, false, Counted::Again),
            (10, true, Counted::Turned),
            (10, true, Counted::Again),
            (10, false, Counted::Again),
            (20, true, Counted::New { succeeded: true }),
            (0, false, Counted::New { succeeded: false }),
            (1, true, Counted::Turned),
        ] {
            let seen = recent.see(account, succeeded);
            assert_eq!(seen, counted, "{account}");
            tally.count(seen);
        }
        assert_eq!(tally, Tally { people: 3.0, succeeded: 3.0 });
        (100..104).for_each(|account| _ = recent.see(account * 2, false));
        assert_eq!(recent.see(10, false), Counted::New { succeeded: false }, "four others came since");
    }

    #[test]
    fn never_more_get_in_than_came() {
        let mut tally = Tally::default();
        tally.count(Counted::New { succeeded: false });
        tally.fade(0.25);
        tally.count(Counted::Turned);
        assert_eq!(tally, Tally { people: 0.25, succeeded: 0.25 });
    }

    #[test]
    fn a_sum_remembers_when_it_began() {
        let mut sum = Cusum::default();
        for (ratio, at) in [(1.0, 1), (-2.0, 2), (-1.0, 3), (1.0, 4), (1.0, 5), (9.0, 6)] {
            sum.add(ratio, 8.0, Timestamp(at));
        }
        assert_eq!(sum, Cusum { sum: 8.0, since: Timestamp(4) });
    }
}
