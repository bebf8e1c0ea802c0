//! The signals: one file a member, one table. Help texts, metrics, the README's table and the schema are loops over
//! [`SIGNALS`].

use super::evidence::Evidence;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a signal says about one attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Looked, and saw nothing.
    Quiet,
    /// Saw what it is named after.
    Fired(Findings),
    /// Could not look: what it needs was not to be had. Neither innocent nor guilty.
    Blind,
}

/// The numbers and names that made a signal fire, in the order an operator should read them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings(pub Vec<(&'static str, Finding)>);

/// One value of evidence. Never an identifier in the clear.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Finding {
    Count(u64),
    /// Rounded to three decimals when made.
    Number(f64),
    Flag(bool),
    Text(Box<str>),
    Texts(Vec<Box<str>>),
}

/// A signal's place in [`SIGNALS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignalId(pub u8);

/// A set of signals, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSet(u64);

impl SignalSet {
    pub fn insert(&mut self, id: SignalId) {
        self.0 |= 1 << id.0;
    }

    pub fn contains(self, id: SignalId) -> bool {
        self.0 & (1 << id.0) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In table order.
    pub fn iter(self) -> impl Iterator<Item = SignalId> {
        (0..64u8).map(SignalId).filter(move |id| self.contains(*id))
    }

    /// Names in table order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.iter().map(|id| SIGNALS[id.0 as usize].name)
    }
}

/// The place of a signal by its published name.
pub fn find(name: &str) -> Option<SignalId> {
    SIGNALS.iter().position(|signal| signal.name == name).map(|place| SignalId(place as u8))
}

/// One member of the catalogue.
pub struct Signal {
    /// Published in records, headers, metrics, policies: never changed.
    pub name: &'static str,
    /// One sentence for tables: when it fires.
    pub summary: &'static str,
    /// Log-odds added to each score when it fires.
    pub weights: Weights,
    /// What an operator can tune, with defaults and ranges.
    pub parameters: &'static [Parameter],
    /// Pure; sees its own parameters in the order of `parameters`.
    pub read: fn(&Evidence, &[f64]) -> Reading,
}

/// Log-odds a firing signal adds, by score.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weights {
    pub bot: f64,
    pub account_takeover: f64,
    pub account_abuse: f64,
}

/// A number that an operator may set under `signals.<name>`.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub summary: &'static str,
    pub default: f64,
    pub min: f64,
    pub max: f64,
}

/// The catalogue.
pub static SIGNALS: &[&Signal] = &[];

/// What the operator set for one signal; everything else is as in the table.
#[derive(Clone, Debug, Default)]
pub struct Override {
    pub enabled: Option<bool>,
    pub parameters: BTreeMap<&'static str, f64>,
    pub bot: Option<f64>,
    pub account_takeover: Option<f64>,
    pub account_abuse: Option<f64>,
}
