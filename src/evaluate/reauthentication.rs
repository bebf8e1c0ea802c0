//! How often owners with the right password are asked again, by how many logins of theirs the gate has seen: the figure by
//! which models of account takeover are compared.
//!
//! Beside what the policy did stands what a bar over `account_takeover` would do that stops a given share of the thieves in
//! the same file, since the two belong together: never asking stops nobody. And the other way round: what a bar stops that
//! asks a given share of all owners. That one is over the score at the moment after success, and is told of all thieves and of
//! those on accounts that the gate had seen succeed, since on the others there is nothing to be unlike. How many successes an account has had is
//! remembered for as many accounts as the memory holds; later ones are left out, and counted.

use super::attack;
use super::named::Named;
use super::share::Share;
use super::spread::Spread;
use super::verdict::Verdict;
use crate::attempt_file::LabelledAttempt;
use crate::engine::event::Event;
use crate::engine::outcome::Outcome;
use crate::gateway::rehearsal::replay::Replayed;
use std::collections::HashMap;

/// Earlier successes of the account: from, to.
pub const SIZES: [(u64, u64); 10] =
    [(0, 0), (1, 1), (2, 2), (3, 3), (4, 5), (6, 8), (9, 12), (13, 20), (21, 50), (51, u64::MAX)];
/// Shares of thieves to be stopped.
pub const STOPPED: [f64; 3] = [0.9, 0.99, 0.999];
/// Shares of owners' logins that are asked, at most.
pub const ASKED: [f64; 5] = [0.001, 0.002, 0.005, 0.01, 0.02];

/// See the module.
#[derive(Debug)]
pub struct Reauthentication {
    successes: HashMap<u64, u16>,
    most: usize,
    /// Logins of accounts beyond the bound.
    pub unknown: u64,
    /// Owners by [`SIZES`].
    pub owners: [Owners; SIZES.len()],
    /// `account_takeover` of thieves with the right password, by label.
    pub thieves: Named<Spread>,
    /// `account_takeover` at the moment after success: of all owners, and of thieves by label.
    pub owners_after: Spread,
    pub thieves_after: Named<After>,
}

/// Thieves' scores at the moment after success.
#[derive(Debug, Default)]
pub struct After {
    pub all: Spread,
    /// On accounts that had succeeded before.
    pub with_history: Spread,
}

/// What a bar over `account_takeover` at the moment after success does.
pub struct Asking {
    /// Of owners' logins, at most.
    pub at_most: f64,
    /// In percent; none where every bar asks more.
    pub bar: Option<f64>,
    pub owners: Share,
    /// In log-odds.
    pub threshold: f64,
}

/// Logins of owners with so much history.
#[derive(Debug, Default)]
pub struct Owners {
    /// Challenged or refused by the policy.
    pub asked: Share,
    /// Their `account_takeover`.
    pub scores: Spread,
}

/// What a bar over `account_takeover` does.
pub struct AtBar {
    pub stopped: f64,
    /// In percent.
    pub bar: f64,
    pub asked: Share,
    pub by_size: [Share; SIZES.len()],
}

impl Reauthentication {
    pub fn new(accounts: usize) -> Reauthentication {
        Reauthentication {
            successes: HashMap::new(),
            most: accounts,
            unknown: 0,
            owners: Default::default(),
            thieves: Named::default(),
            owners_after: Spread::default(),
            thieves_after: Named::default(),
        }
    }

    /// One attempt; `counts`: whether it is counted, or only learned from.
    pub fn add(&mut self, attempt: &LabelledAttempt<'_>, replayed: &Replayed, verdict: &Verdict, counts: bool) {
        if attempt.event != Event::Login || attempt.outcome != Outcome::Succeeded {
            return;
        }
        let score = verdict.highest.account_takeover;
        // Who was stopped before is judged by what stopped them.
        let after = replayed.after.as_ref().map_or(score, |after| after.assessment.scores.account_takeover);
        let key = replayed.account.map(|account| {
            let mut first = [0; 8];
            first.copy_from_slice(&account.0[..8]);
            u64::from_ne_bytes(first)
        });
        let known = key.and_then(|key| self.successes.get(&key)).copied();
        if !attempt.is_innocent() {
            if counts && attack::is_takeover(&attempt.label) {
                self.thieves.of(&attempt.label).add(score);
                let thieves = self.thieves_after.of(&attempt.label);
                thieves.all.add(after);
                if known.is_some() {
                    thieves.with_history.add(after);
                }
            }
            return;
        }
        if counts {
            self.owners_after.add(after);
        }
        let Some(key) = key else { return };
        if known.is_none() && self.successes.len() >= self.most {
            self.unknown += u64::from(counts);
            return;
        }
        let earlier = known.unwrap_or(0);
        if counts && let Some(size) = size_of(earlier.into()) {
            self.owners[size].asked.add(verdict.is_hit());
            self.owners[size].scores.add(score);
        }
        if verdict.passed {
            self.successes.insert(key, earlier.saturating_add(1));
        }
    }

    /// The lowest bar for each of [`ASKED`].
    pub fn askings(&self) -> Vec<Asking> {
        let mut curve = super::spread::curve(&self.owners_after, &Spread::default());
        // A bar may lie where only thieves are.
        self.thieves_after.iter().for_each(|(_, thieves)| thieves.all.put(&mut curve, true));
        let points = curve.points();
        let asking = |at_most: f64| {
            let fit = points.iter().take_while(|point| point.false_positives <= at_most + 1e-12).last();
            let threshold = fit.map_or(f64::INFINITY, |point| point.threshold);
            let owners = Share::new(self.owners_after.from(threshold), self.owners_after.total());
            let bar = threshold.is_finite().then(|| super::spread::percent(threshold));
            Asking { at_most, bar, owners, threshold }
        };
        ASKED.into_iter().map(asking).collect()
    }

    /// What would have to be asked to stop thieves of one label.
    pub fn at_bars(&self, thieves: &Spread) -> Vec<AtBar> {
        let curve = super::spread::curve(&Spread::default(), thieves);
        let points = curve.points();
        let at_bar = |stopped: f64| {
            let point = points.iter().find(|point| point.recall >= stopped - 1e-12)?;
            let share = |owners: &Owners| Share::new(owners.scores.from(point.threshold), owners.scores.total());
            // Who has no history cannot be told from anybody, and is none of the model's failures.
            let asked = self.owners[1..].iter().map(share).fold(Share::default(), Share::plus);
            let by_size = std::array::from_fn(|size| share(&self.owners[size]));
            Some(AtBar { stopped, bar: super::spread::percent(point.threshold), asked, by_size })
        };
        STOPPED.iter().filter_map(|stopped| at_bar(*stopped)).collect()
    }
}

fn size_of(earlier: u64) -> Option<usize> {
    SIZES.iter().position(|(least, most)| (*least..=*most).contains(&earlier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_stops_the_thieves_it_promises_and_asks_the_owners_above_it() {
        let mut figure = Reauthentication::new(10);
        for score in 1..=100 {
            figure.thieves.of("takeover_vpn").add(f64::from(score) - 0.5);
            let size = if score <= 60 { 2 } else { 1 };
            figure.owners[size].scores.add(f64::from(score) / 4.0);
        }
        let (_, thieves) = figure.thieves.iter().next().unwrap();
        let bars = figure.at_bars(thieves);
        assert_eq!(bars.len(), 3);
        // 90 of 100 thieves are at 10.5 or above; owners there: scores of 42 and above, of which 19 up to 60.
        assert!((bars[0].bar - 10.5).abs() < 0.1, "{}", bars[0].bar);
        assert_eq!((bars[0].by_size[2], bars[0].by_size[1]), (Share::new(19, 60), Share::new(40, 40)));
        assert_eq!((bars[0].asked, bars[0].by_size[0]), (Share::new(59, 100), Share::default()));
        assert_eq!(figure.at_bars(&Spread::default()).len(), 0);
    }

    #[test]
    fn a_bar_asks_no_more_owners_than_it_promises() {
        let mut figure = Reauthentication::new(10);
        for score in 1..=1_000 {
            figure.owners_after.add(f64::from(score) / 20.0);
        }
        for score in 1..=100 {
            let thieves = figure.thieves_after.of("takeover_vpn");
            thieves.all.add(f64::from(score) - 0.5);
            if score > 45 {
                thieves.with_history.add(f64::from(score) - 0.5);
            }
        }
        let askings = figure.askings();
        // The second and the third lie too near each other to be told apart, so that two of a thousand cannot be asked.
        assert_eq!(askings.iter().map(|asking| asking.owners.count).collect::<Vec<_>>(), [1, 1, 5, 10, 20]);
        // The twentieth of a thousand from above is at 49.05 %: 51 thieves are there or above, all of them with history.
        let (_, thieves) = figure.thieves_after.iter().next().unwrap();
        let two = &askings[4];
        assert!((two.bar.unwrap() - 49.05).abs() < 0.01, "{:?}", two.bar);
        assert_eq!((thieves.all.from(two.threshold), thieves.with_history.from(two.threshold)), (51, 51));
        assert_eq!(Reauthentication::new(10).askings()[0].bar, None);
    }

    #[test]
    fn every_size_has_its_place() {
        assert_eq!([0, 1, 5, 6, 50, 51, 9_999].map(size_of), [0, 1, 4, 5, 8, 9, 9].map(Some));
    }
}
