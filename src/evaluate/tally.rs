//! All that is counted while attempts are played, in memory that depends on what is told apart and not on how many came.

use super::attack;
use super::detection::{Campaign, Room};
use super::innocents::Innocents;
use super::named::Named;
use super::reauthentication::Reauthentication;
use super::share::Share;
use super::spread::Spread;
use super::verdict::Verdict;
use crate::attempt_file::LabelledAttempt;
use crate::engine::assessment::{ScoreName, Scores};
use crate::engine::calibration::{FINE_ENDS, Reliability};
use crate::engine::decision::Action;
use crate::engine::event::Event;
use crate::engine::evidence::Moment;
use crate::engine::signals::SignalSet;
use crate::engine::time::Timestamp;
use crate::gateway::rehearsal::replay::Replayed;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What is measured: `risk`, then the three of which it is made. `None` stands for `risk`.
pub const MEASURES: [Option<ScoreName>; 4] =
    [None, Some(ScoreName::Bot), Some(ScoreName::AccountTakeover), Some(ScoreName::AccountAbuse)];

/// The name of a measure, as in records.
pub fn measure_name(measure: Option<ScoreName>) -> &'static str {
    measure.map_or("risk", ScoreName::name)
}

fn score(scores: &Scores, measure: Option<ScoreName>) -> f64 {
    measure.map_or(scores.risk, |name| scores.of(name))
}

/// What the policy did with attempts of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fate {
    pub attempts: u64,
    pub challenged_before: u64,
    pub challenged_after: u64,
    pub denied_before: u64,
    pub denied_after: u64,
    /// Challenges that were solved.
    pub solved: u64,
    /// Who got the application's answer.
    pub passed: u64,
    /// Of these, whose attempt the application answered with success.
    pub succeeded: u64,
}

impl Fate {
    fn add(&mut self, verdict: &Verdict, succeeded: bool) {
        self.attempts += 1;
        match (verdict.action, verdict.moment) {
            (Action::Allow, _) => {}
            (Action::Challenge(_), Moment::Before) => self.challenged_before += 1,
            (Action::Challenge(_), Moment::After) => self.challenged_after += 1,
            (Action::Deny, Moment::Before) => self.denied_before += 1,
            (Action::Deny, Moment::After) => self.denied_after += 1,
        }
        self.solved += u64::from(verdict.solved);
        self.passed += u64::from(verdict.passed);
        self.succeeded += u64::from(verdict.passed && succeeded);
    }

    pub fn plus(self, other: Fate) -> Fate {
        Fate {
            attempts: self.attempts + other.attempts,
            challenged_before: self.challenged_before + other.challenged_before,
            challenged_after: self.challenged_after + other.challenged_after,
            denied_before: self.denied_before + other.denied_before,
            denied_after: self.denied_after + other.denied_after,
            solved: self.solved + other.solved,
            passed: self.passed + other.passed,
            succeeded: self.succeeded + other.succeeded,
        }
    }

    pub fn challenged(self) -> Share {
        Share::new(self.challenged_before + self.challenged_after, self.attempts)
    }

    pub fn denied(self) -> Share {
        Share::new(self.denied_before + self.denied_after, self.attempts)
    }

    pub fn passed(self) -> Share {
        Share::new(self.passed, self.attempts)
    }
}

/// Attempts of one label on one event.
#[derive(Debug)]
pub struct Group {
    pub event: Event,
    pub fate: Fate,
    /// By [`MEASURES`].
    pub spreads: [Spread; MEASURES.len()],
    /// By a signal's place in the table.
    pub fired: [u64; 64],
    pub blind: [u64; 64],
}

impl Group {
    fn add(&mut self, verdict: &Verdict, succeeded: bool) {
        self.fate.add(verdict, succeeded);
        for (spread, measure) in self.spreads.iter_mut().zip(MEASURES) {
            spread.add(score(&verdict.highest, measure));
        }
        count(&mut self.fired, verdict.ever_fired);
        count(&mut self.blind, verdict.blind);
    }
}

fn count(counts: &mut [u64; 64], signals: SignalSet) {
    for id in signals.iter() {
        if let Some(count) = counts.get_mut(usize::from(id.0)) {
            *count += 1;
        }
    }
}

/// Attempts of one label.
#[derive(Debug, Default)]
pub struct Label {
    pub groups: Vec<Group>,
    /// Of attacks alone.
    pub campaign: Option<Campaign>,
}

impl Label {
    fn group(&mut self, event: &Event) -> &mut Group {
        let place = match self.groups.iter().position(|group| group.event == *event) {
            Some(place) => place,
            None => {
                let (fate, spreads) = (Fate::default(), Default::default());
                self.groups.push(Group { event: event.clone(), fate, spreads, fired: [0; 64], blind: [0; 64] });
                self.groups.len() - 1
            }
        };
        &mut self.groups[place]
    }

    pub fn fate(&self) -> Fate {
        self.groups.iter().fold(Fate::default(), |sum, group| sum.plus(group.fate))
    }
}

/// See the module.
#[derive(Debug)]
pub struct Tally {
    /// Attempts before this are played and not counted.
    pub counted_from: Timestamp,
    pub attempts: u64,
    pub warm_up: u64,
    /// Of these, attacks, by label.
    pub warm_up_attacks: Named<u64>,
    /// Attempts by events that no route is there for.
    pub unprotected: BTreeMap<String, u64>,
    pub first: Option<Timestamp>,
    pub last: Timestamp,
    pub innocents: Innocents,
    pub labels: Named<Label>,
    /// By [`MEASURES`].
    pub calibration: [Reliability; MEASURES.len()],
    pub reauthentication: Reauthentication,
    room: Room,
}

impl Tally {
    /// `accounts`: how many accounts' successes may be remembered.
    pub fn new(counted_from: Timestamp, accounts: usize) -> Tally {
        Tally {
            counted_from,
            attempts: 0,
            warm_up: 0,
            warm_up_attacks: Named::default(),
            unprotected: BTreeMap::new(),
            first: None,
            last: Timestamp::default(),
            innocents: Innocents::default(),
            labels: Named::default(),
            calibration: std::array::from_fn(|_| Reliability::over(&FINE_ENDS)),
            reauthentication: Reauthentication::new(accounts),
            room: Room::default(),
        }
    }

    /// An attempt arrived, judged or not.
    pub fn arrived(&mut self, attempt: &LabelledAttempt<'_>) {
        self.attempts += 1;
        self.first.get_or_insert(attempt.at);
        self.last = attempt.at;
    }

    /// Whether an attempt is one of the time that is only learned from.
    pub fn is_warm_up(&self, at: Timestamp) -> bool {
        at < self.counted_from
    }

    /// No route is there for it.
    pub fn unprotected(&mut self, event: &Event) {
        let name = event.published().into_owned();
        let known = self.unprotected.len() < super::named::MOST_NAMES || self.unprotected.contains_key(&name);
        *self.unprotected.entry(if known { name } else { super::named::OTHERS.to_owned() }).or_default() += 1;
    }

    /// Counts what became of an attempt. `place`: the number of its file, and the line.
    pub fn add(&mut self, attempt: &LabelledAttempt<'_>, replayed: &Replayed, verdict: &Verdict, place: (usize, u64)) {
        let counts = !self.is_warm_up(attempt.at);
        self.reauthentication.add(attempt, replayed, verdict, counts);
        if !counts {
            self.warm_up += 1;
            if !attempt.is_innocent() {
                *self.warm_up_attacks.of(&attempt.label) += 1;
            }
            return;
        }
        let innocent = attempt.is_innocent();
        let succeeded = attempt.outcome == crate::engine::outcome::Outcome::Succeeded;
        let label = self.labels.of(&attempt.label);
        label.group(&attempt.event).add(verdict, succeeded);
        if innocent {
            self.innocents.add(attempt, verdict, place.0, place.1);
        } else {
            let campaign = label.campaign.get_or_insert_with(|| Campaign::new(attempt.at));
            campaign.add(attempt.actor.as_deref().map(hash), attempt.at, !verdict.passed, &mut self.room);
        }
        let belongs = if innocent { None } else { attack::score_of(&attempt.label) };
        for (reliability, measure) in self.calibration.iter_mut().zip(MEASURES) {
            let is_bad = match measure {
                None => !innocent,
                Some(_) if innocent => false,
                // Nobody has said what this attack is, and so not whether this score should tell it.
                Some(_) if belongs.is_none() => continue,
                Some(_) => belongs == measure,
            };
            reliability.add(score(&verdict.highest, measure) / 100.0, is_bad, 1.0);
        }
    }
}

/// The same for the same text, in every run.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
