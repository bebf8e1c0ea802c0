//! What the naive model takes for usual: the peak of each day, of what was lawful.

use super::*;

/// A lawful attempt at one thing that was busy: when it was made, and on which day how much had been by then.
pub(super) struct Lawful {
    of: Thing,
    at: Timestamp,
    day: u64,
    /// By half-life.
    levels: Vec<(f64, f64)>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Thing {
    Source(From),
    Account(Pseudonym),
}

impl Thing {
    pub(super) fn met(self, past: &Past) -> bool {
        match self {
            Thing::Source(from) => from.sent(past),
            Thing::Account(account) => past.accounts.contains(&account),
        }
    }
}

impl Model {
    pub(super) fn learn(&mut self, place: usize) {
        let past = &self.attempts[place];
        let at = past.at;
        let account = past.accounts.first().map(|account| Thing::Account(*account));
        let sources = [From::Network(past.network), From::Device(past.device)].map(|from| Some(Thing::Source(from)));
        for of in sources.into_iter().chain([account]).flatten() {
            let now = self.attempts.iter().filter(|past| of.met(past)).map(|past| past.at).max().unwrap();
            let half_lives: &[f64] = if matches!(of, Thing::Source(_)) { &[MINUTE, HOUR] } else { &[TEN_MINUTES] };
            let busy = match of {
                Thing::Source(from) => {
                    let attempts = self.attempts.iter().filter(|past| from.sent(past));
                    sum(now, HOUR, attempts.map(|past| (past.at, contribution(past, false, true)))).attempts
                }
                Thing::Account(account) => self.counts(account, |_| true).attempts,
            };
            let before = || self.lawful.iter().filter(|lawful| lawful.of == of);
            if busy < 4.0 - 1e-9 && before().next().is_none() {
                continue;
            }
            let level = |half_life: f64| {
                let all = before().map(|lawful| lawful.at).chain([at]);
                all.map(|at| 2f64.powf(-((now.0 - at.0) as f64) / half_life)).sum::<f64>()
            };
            let levels = half_lives.iter().map(|half_life| (*half_life, level(*half_life))).collect();
            self.lawful.push(Lawful { of, at, day: now.0 / 86_400_000, levels });
        }
    }

    /// The peaks of the days before the last that anything was seen on.
    pub(super) fn usual(&self, of: Thing, half_life: f64) -> Usual {
        let now = self.attempts.iter().filter(|past| of.met(past)).map(|past| past.at).max().unwrap();
        let today = now.0 / 86_400_000;
        let mut peaks = BTreeMap::<u64, f64>::new();
        for lawful in self.lawful.iter().filter(|lawful| lawful.of == of && lawful.day < today) {
            let (_, level) = lawful.levels.iter().find(|(other, _)| *other == half_life).unwrap();
            let peak = peaks.entry(lawful.day).or_default();
            *peak = peak.max(*level);
        }
        let weight = |day: &u64| 2f64.powf(-((today - day) as f64) / 7.0);
        let days: f64 = peaks.keys().map(weight).sum();
        if days == 0.0 {
            return Usual::default();
        }
        let mean = peaks.iter().map(|(day, peak)| weight(day) * peak).sum::<f64>() / days;
        let variance = peaks.iter().map(|(day, peak)| weight(day) * (peak - mean).powi(2)).sum::<f64>() / days;
        Usual { days, mean, variance }
    }
}
