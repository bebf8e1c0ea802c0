//! The innocents who were hit, and why: by persona, by day, by rule, by the signals that fired together, and the ones who
//! were hit most, by name.
//!
//! A false positive is a customer. Shares alone do not tell whether everybody is hit once or a few people daily, nor what an
//! operator should change; this does. Only those who are hit are remembered one by one, up to a bound, so that memory does
//! not grow with the file.

use super::named::Named;
use super::share::Share;
use super::verdict::Verdict;
use crate::attempt_file::LabelledAttempt;
use crate::engine::decision::Action;
use crate::engine::signals::SignalSet;
use std::collections::{BTreeMap, HashMap};

/// Days, rules, and sets of signals that are told apart.
const MOST_KINDS: usize = 2_000;
/// People who are remembered.
const MOST_PEOPLE: usize = 100_000;
const DAY: u64 = 86_400_000;

/// How a group fared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fared {
    /// Challenged or refused.
    pub hit: Share,
    pub denied: Share,
    /// Did not get the application's answer.
    pub kept_out: Share,
}

impl Fared {
    pub fn add(&mut self, verdict: &Verdict) {
        self.hit.add(verdict.is_hit());
        self.denied.add(verdict.action == Action::Deny);
        self.kept_out.add(!verdict.passed);
    }
}

/// One person who was hit.
#[derive(Clone, Debug)]
pub struct Person {
    pub persona: Box<str>,
    pub hits: u32,
    pub denials: u32,
    /// What fired when they were hit, at any time.
    pub signals: SignalSet,
    /// Of the first time: where it stands (number of the file, line), and the rule.
    pub file: usize,
    pub line: u64,
    pub rule: Box<str>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Innocents {
    pub all: Fared,
    pub personas: Named<Fared>,
    /// By days since 1970.
    pub days: BTreeMap<u64, Fared>,
    /// Hits by rule, moment and action.
    pub rules: BTreeMap<(Box<str>, &'static str, String), u64>,
    /// Hits by the signals that fired together.
    pub reasons: HashMap<SignalSet, u64>,
    people: HashMap<Box<str>, Person>,
    /// Hits of people beyond the bound, and of attempts that name nobody.
    pub unnamed: u64,
}

impl Innocents {
    pub fn add(&mut self, attempt: &LabelledAttempt<'_>, verdict: &Verdict, file: usize, line: u64) {
        self.all.add(verdict);
        let persona = attempt.persona.as_deref().unwrap_or("(unknown)");
        self.personas.of(persona).add(verdict);
        let day = attempt.at.0 / DAY;
        if self.days.len() < MOST_KINDS || self.days.contains_key(&day) {
            self.days.entry(day).or_default().add(verdict);
        }
        if !verdict.is_hit() {
            return;
        }
        let rule = verdict.rule.as_deref().unwrap_or("otherwise");
        let action = match verdict.action {
            Action::Challenge(kind) => format!("challenge ({kind})"),
            Action::Allow | Action::Deny => verdict.action.name().to_owned(),
        };
        let key = (Box::from(rule), verdict.moment.name(), action);
        if self.rules.len() < MOST_KINDS || self.rules.contains_key(&key) {
            *self.rules.entry(key).or_default() += 1;
        }
        if self.reasons.len() < MOST_KINDS || self.reasons.contains_key(&verdict.fired) {
            *self.reasons.entry(verdict.fired).or_default() += 1;
        }
        let Some(actor) = attempt.actor.as_deref() else {
            self.unnamed += 1;
            return;
        };
        if !self.people.contains_key(actor) {
            if self.people.len() >= MOST_PEOPLE {
                self.unnamed += 1;
                return;
            }
            let (signals, rule) = (SignalSet::default(), rule.into());
            let person = Person { persona: persona.into(), hits: 0, denials: 0, signals, file, line, rule };
            self.people.insert(actor.into(), person);
        }
        if let Some(person) = self.people.get_mut(actor) {
            person.hits += 1;
            person.denials += u32::from(verdict.action == Action::Deny);
            verdict.fired.iter().for_each(|id| person.signals.insert(id));
        }
    }

    /// How many people were hit.
    pub fn people_hit(&self) -> u64 {
        self.people.len() as u64
    }

    /// Who was hit most: refused first, then often.
    pub fn worst(&self, most: usize) -> Vec<(&str, &Person)> {
        let mut people: Vec<(&str, &Person)> = self.people.iter().map(|(actor, person)| (&**actor, person)).collect();
        people.sort_unstable_by_key(|(actor, person)| {
            (std::cmp::Reverse((person.denials, person.hits)), (person.file, person.line), *actor)
        });
        people.truncate(most);
        people
    }
}
