//! The report: what an evaluation found, as data. Text, page and comparison are made from this and from nothing else, and
//! `--json` prints it, so that a report that was kept can be shown and compared later.
//!
//! Keys are only added, as in every contract of the program. Shares are 0 to 1, scores and thresholds percent, times
//! seconds since 1970.

use super::share::{Difference, Share};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Of the shape below; a reader that meets a higher one says so.
pub const VERSION: u32 = 1;

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub version: u32,
    /// The program's.
    pub tollgate: String,
    pub input: Input,
    pub configuration: Configuration,
    pub innocents: Innocents,
    pub attacks: Vec<Attack>,
    pub signals: Vec<Signal>,
    pub calibration: Vec<Calibration>,
    pub reauthentication: Reauthentication,
    /// To an earlier report, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

impl Report {
    /// Labels of attacks of which every attempt was before counting began, and that the report is therefore silent about.
    pub fn only_in_warm_up(&self) -> Vec<&str> {
        let counted = |label: &str| self.attacks.iter().any(|attack| attack.label == label);
        self.input.warm_up_attacks.keys().map(String::as_str).filter(|label| !counted(label)).collect()
    }
}

/// What was played.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Input {
    pub files: Vec<String>,
    pub attempts: u64,
    /// Attempts that were played to learn from and not counted: those before `counted_from`.
    pub warm_up: u64,
    /// Of these, attacks by label. One that is only here came to an end before counting began, and is not measured.
    #[serde(default)]
    pub warm_up_attacks: BTreeMap<String, u64>,
    /// Attempts that are counted: all figures below are of these.
    pub counted: u64,
    /// Attempts of events for which the configuration has no route, by event.
    pub unprotected: BTreeMap<String, u64>,
    pub from: f64,
    pub counted_from: f64,
    pub until: f64,
    /// Of the memory at the end, by kind: entries, bytes, and how many had to make room.
    pub memory: BTreeMap<String, Memory>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    pub entries: u64,
    pub bytes: u64,
    pub evicted: u64,
}

/// What judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// `built-in` where none was named.
    pub name: String,
    pub hash: String,
    /// The policy by event.
    pub policies: BTreeMap<String, String>,
    /// Who solves challenges, where it is not all or nobody as by default: as it was given.
    pub solvers: Vec<String>,
    /// Files that the configuration names and that were not there.
    pub absent: Vec<String>,
}

/// How a group fared under the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fared {
    /// Challenged or refused: for innocents, the false positives.
    pub hit: Share,
    pub denied: Share,
    /// Did not get the application's answer.
    pub kept_out: Share,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Innocents {
    pub all: Fared,
    pub by_event: Vec<ByName>,
    pub by_persona: Vec<ByName>,
    pub by_day: Vec<ByName>,
    pub days: Option<Range>,
    pub rules: Vec<RuleHits>,
    pub reasons: Vec<Reason>,
    /// How many people were hit at least once.
    pub people_hit: u64,
    /// Hits of people who are not told apart, because nobody named them or there were too many.
    pub unnamed_hits: u64,
    pub worst: Vec<Person>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ByName {
    pub name: String,
    #[serde(flatten)]
    pub fared: Fared,
}

/// The share of innocents' attempts that were hit, over days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    pub least: f64,
    pub median: f64,
    pub most: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleHits {
    pub rule: String,
    pub moment: String,
    pub action: String,
    /// Of all innocents' attempts.
    pub hits: Share,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// That fired together.
    pub signals: Vec<String>,
    /// Of all innocents' attempts that were hit.
    pub hits: Share,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    pub actor: String,
    pub persona: String,
    pub hits: u32,
    pub denials: u32,
    pub signals: Vec<String>,
    /// The first time: file and line, and the rule.
    pub first: String,
    pub rule: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attack {
    pub label: String,
    pub events: Vec<String>,
    /// The score beside `risk` that is meant to tell it, if anybody has said.
    pub score: Option<String>,
    pub attempts: u64,
    pub at_policy: AtPolicy,
    pub thresholds: Vec<Threshold>,
    pub curves: Vec<Curve>,
    pub detection: Detection,
    pub signals: Vec<Recall>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AtPolicy {
    pub challenged: Share,
    pub denied: Share,
    /// Challenges that were solved, of the challenged.
    pub solved: Share,
    /// Did not get the application's answer: what the policy is there for.
    pub stopped: Share,
    /// Got it, and it was a success: the harm done, of all attempts.
    pub harm: Share,
}

/// What a threshold over one score catches that hits at most so many innocents of the same events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    pub score: String,
    /// The most.
    pub false_positives_at_most: f64,
    /// What there were.
    pub false_positives: Share,
    pub recall: Share,
    /// By event, in percent; none where no threshold is high enough.
    pub thresholds: BTreeMap<String, Option<f64>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    pub score: String,
    /// The chance that an attempt of the attack scores higher than an innocent one of the same event; 0.5 is no better than
    /// chance.
    pub area: Option<f64>,
    /// False positives at most, and recall.
    pub points: Vec<[f64; 2]>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Of all attempts under the label, as if one actor's.
    pub whole: Reached,
    /// Of each actor by itself: how many there are, and the middle one of those that got there.
    pub actors: u64,
    /// Actors of which an attempt was stopped.
    pub ever_stopped: Share,
    pub median: Reached,
    /// Actors of which half, and 95 %, were stopped in the end.
    pub half: Share,
    pub most: Share,
    pub untracked_attempts: u64,
    /// Stopped, of the attempts after the first twenty of each actor.
    #[serde(default)]
    pub after_twenty: Share,
    /// Stopped, of the attempts from two hours after the first of the label on.
    #[serde(default)]
    pub after_two_hours: Share,
    pub by_age: Vec<ByAge>,
}

/// Until the first attempt was stopped, and until from then on 50 % and 95 % of any 20 in a row were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    pub first: Option<Took>,
    pub half: Option<Took>,
    pub most: Option<Took>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Took {
    pub attempts: u32,
    pub seconds: u64,
}

/// Attempts by how long their actor had been at it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ByAge {
    /// Seconds; none: without end.
    pub until: Option<u64>,
    pub stopped: Share,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recall {
    pub signal: String,
    pub recall: Share,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    pub signal: String,
    /// Of all it fired on, those that were bad. Depends on the mix.
    pub precision: Share,
    /// Of all bad attempts, those it fired on.
    pub recall: Share,
    /// Of all innocent attempts, those it fired on.
    pub false_positives: Share,
    /// Of all attempts, those where it could not look.
    pub blind: Share,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    pub score: String,
    pub attempts: u64,
    /// The share that was what the score is about.
    pub base_rate: f64,
    pub mean_score: f64,
    pub brier: f64,
    /// How much better than always saying the base rate; 1 is perfect.
    pub skill: Option<f64>,
    pub expected_error: f64,
    pub log_loss: f64,
    pub bins: Vec<Bin>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    pub from: f64,
    pub to: f64,
    pub mean_score: f64,
    pub bad: Share,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reauthentication {
    /// Earlier successes of the account: from, to (none: without end).
    pub sizes: Vec<(u64, Option<u64>)>,
    /// Owners with the right password who were challenged or refused, by size.
    pub at_policy: Vec<Share>,
    pub thieves: Vec<Thieves>,
    /// Logins of accounts beyond those that are remembered.
    pub unknown: u64,
    /// What bars over `account_takeover` at the moment after success catch that ask given shares of owners.
    #[serde(default)]
    pub asking: Vec<Asking>,
}

/// A bar over `account_takeover` at the moment after success, by how many owners it asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asking {
    /// Of owners' logins with the right password, at most.
    pub at_most: f64,
    /// In percent; none where every bar asks more.
    pub bar: Option<f64>,
    pub owners: Share,
    pub thieves: Vec<Caught>,
}

/// Thieves with the right password at a bar or above it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Caught {
    pub label: String,
    pub caught: Share,
    /// Of those on accounts that the gate had seen succeed before.
    pub with_history: Share,
}

/// What has to be asked of owners to stop thieves of one kind by a bar over `account_takeover`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thieves {
    pub label: String,
    pub attempts: u64,
    pub bars: Vec<Bar>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    pub stopped: f64,
    /// In percent.
    pub bar: f64,
    /// Of owners with history.
    pub asked: Share,
    pub by_size: Vec<Share>,
}

/// What changed since an earlier report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The earlier report, and the program that made it.
    pub baseline: String,
    pub baseline_tollgate: String,
    /// Why the two are no fair comparison, if something is different that should not be.
    pub caveats: Vec<String>,
    pub changes: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// `innocents`, an attack, a signal.
    pub of: String,
    /// What of it: `hit`, `recall at 0.1 % by risk`.
    pub what: String,
    pub before: Share,
    pub now: Share,
    pub difference: Option<Difference>,
    /// Whether it is more than chance, and which way: none where chance explains it.
    pub better: Option<bool>,
}
