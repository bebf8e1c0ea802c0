//! From readings to scores: three scorecards in log-odds, and the chance that at least one of them is right.
//!
//! A scorecard is a sum, so each signal's share can be shown, argued with and tuned, and the shares add up to the score
//! exactly. Every number in the sum comes from the table of signals or from the operator; this file has none. Only what
//! fired is kept: judging a visitor of whom nothing is to be said allocates nothing.

use super::evidence::Evidence;
use super::signals::{INTERCEPTS, Override, Reading, SIGNALS, SignalId, SignalSet, WEIGHT_RANGE, Weights};
use std::collections::BTreeMap;

/// The three models. `risk` is derived from them and has no weights of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScoreName {
    Bot,
    AccountTakeover,
    AccountAbuse,
}

impl ScoreName {
    pub const ALL: [ScoreName; 3] = [ScoreName::Bot, ScoreName::AccountTakeover, ScoreName::AccountAbuse];

    /// As published in records, metrics and policies.
    pub fn name(self) -> &'static str {
        match self {
            ScoreName::Bot => "bot",
            ScoreName::AccountTakeover => "account_takeover",
            ScoreName::AccountAbuse => "account_abuse",
        }
    }

    /// The score of this name.
    pub fn parse(name: &str) -> Option<ScoreName> {
        ScoreName::ALL.into_iter().find(|score| score.name() == name)
    }
}

/// The table of signals with the operator's overrides applied: parameters, weights, intercepts. Built once per
/// configuration.
#[derive(Debug)]
pub struct Model {
    /// Log-odds of each score with no signal fired.
    pub intercepts: Weights,
    /// By place in `SIGNALS`.
    pub signals: Vec<Tuned>,
}

/// One signal as this configuration runs it.
#[derive(Debug)]
pub struct Tuned {
    pub enabled: bool,
    pub weights: Weights,
    /// In the order of the signal's `parameters`.
    pub parameters: Vec<f64>,
}

impl Model {
    /// The table as it is, changed where `overrides` (by signal place) say so. Ranges were checked by the loader; what is
    /// out of range all the same is brought into it, and what is no number is ignored, because a score must be one.
    pub fn new(overrides: &BTreeMap<SignalId, Override>) -> Model {
        let untouched = Override::default();
        let tuned = SignalId::all().zip(SIGNALS).map(|(id, signal)| {
            let set = overrides.get(&id).unwrap_or(&untouched);
            let weight =
                |own: Option<f64>, table: f64| in_range(own, table, *WEIGHT_RANGE.start(), *WEIGHT_RANGE.end());
            Tuned {
                enabled: set.enabled.unwrap_or(true),
                weights: Weights {
                    bot: weight(set.bot, signal.weights.bot),
                    account_takeover: weight(set.account_takeover, signal.weights.account_takeover),
                    account_abuse: weight(set.account_abuse, signal.weights.account_abuse),
                },
                parameters: signal
                    .parameters
                    .iter()
                    .map(|p| in_range(set.parameters.get(p.name).copied(), p.default, p.min, p.max))
                    .collect(),
            }
        });
        Model { intercepts: INTERCEPTS, signals: tuned.collect() }
    }
}

impl Tuned {
    /// What the signal could take away from each score, and add, were it not blind.
    pub(super) fn reach(&self, id: SignalId) -> (Weights, Weights) {
        match id.is_graded() {
            true => (self.weights.map(|weight| -weight.abs()), self.weights.map(f64::abs)),
            false => (self.weights.map(|weight| weight.min(0.0)), self.weights.map(|weight| weight.max(0.0))),
        }
    }
}

/// The table as it is.
impl Default for Model {
    fn default() -> Model {
        Model::new(&BTreeMap::new())
    }
}

fn in_range(own: Option<f64>, table: f64, min: f64, max: f64) -> f64 {
    own.filter(|number| !number.is_nan()).map_or(table, |number| number.clamp(min, max))
}

/// Percent, 0 to 100, two decimals when printed; high is risky.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    pub risk: f64,
    pub bot: f64,
    pub account_takeover: f64,
    pub account_abuse: f64,
    /// The range that missing evidence leaves to `risk`: each blind signal might have been quiet, or have fired, whichever
    /// lowers (`risk_low`) or raises (`risk_high`) each score most. Equal to `risk` where nothing was blind.
    pub risk_low: f64,
    pub risk_high: f64,
}

/// What was read, and what it comes to.
#[derive(Clone, Debug)]
pub struct Assessment {
    pub scores: Scores,
    pub fired: SignalSet,
    pub blind: SignalSet,
    /// Findings of the signals that fired or were weighed, in table order.
    pub readings: Vec<(SignalId, Reading)>,
}

/// Reads every enabled signal once and adds up.
pub fn assess(evidence: &Evidence, model: &Model) -> Assessment {
    let (mut fired, mut blind, mut readings) = (SignalSet::default(), SignalSet::default(), Vec::new());
    let mut sum = model.intercepts;
    // What blind signals could take away and add.
    let (mut down, mut up) = (Weights::default(), Weights::default());
    for ((id, signal), tuned) in SignalId::all().zip(SIGNALS).zip(&model.signals) {
        if !tuned.enabled {
            continue;
        }
        match (signal.read)(evidence, &tuned.parameters) {
            Reading::Quiet => {}
            Reading::Blind => {
                blind.insert(id);
                let (less, more) = tuned.reach(id);
                (down, up) = (down.plus(less), up.plus(more));
            }
            reading @ Reading::Weighed { share, fires, .. } => {
                if fires {
                    fired.insert(id);
                }
                sum = sum.plus(tuned.weights.map(|weight| weight * share));
                readings.push((id, reading));
            }
            reading @ Reading::Fired(_) => {
                fired.insert(id);
                sum = sum.plus(tuned.weights);
                readings.push((id, reading));
            }
        }
    }
    let range = (!blind.is_empty()).then_some((down, up));
    Assessment { scores: scores(sum, range), fired, blind, readings }
}

/// Scores of a sum of log-odds, and of what could be taken away from it and added to it.
pub(super) fn scores(sum: Weights, range: Option<(Weights, Weights)>) -> Scores {
    let Weights { bot, account_takeover, account_abuse } = sum.map(percent);
    let risk = risk(sum);
    let (risk_low, risk_high) = match range {
        None => (risk, risk),
        Some((down, up)) => (self::risk(sum.plus(down)).min(risk), self::risk(sum.plus(up)).max(risk)),
    };
    Scores { risk, bot, account_takeover, account_abuse, risk_low, risk_high }
}

/// The chance, in percent, that at least one of the three is true, were they independent; rounding never takes it below any
/// of them.
fn risk(sum: Weights) -> f64 {
    let Weights { bot, account_takeover, account_abuse } = sum.map(percent);
    let none = [bot, account_takeover, account_abuse].into_iter().map(|score| 1.0 - score / 100.0).product::<f64>();
    (100.0 * (1.0 - none)).max(bot).max(account_takeover).max(account_abuse)
}

/// Log-odds as a probability in percent.
fn percent(logit: f64) -> f64 {
    100.0 / (1.0 + (-logit).exp())
}

impl Assessment {
    /// Whether this attempt may teach what is usual. Not while activity is unusual (`high_activity_…`): whoever keeps it up
    /// for long enough would be usual.
    pub fn teaches(&self) -> bool {
        !self.fired.names().any(|name| name.starts_with("high_activity_"))
    }

    /// Log-odds by contributor for one score: `("intercept", …)` first, then fired signals with a weight, in table order.
    /// Added up in this order they are exactly the score's logit.
    pub fn contributions(&self, model: &Model, score: ScoreName) -> Vec<(&'static str, f64)> {
        let shares = SignalId::all().filter_map(|id| {
            let share = self.share(id)?;
            let weight = model.signals.get(usize::from(id.0))?.weights.of(score) * share;
            (weight != 0.0).then_some((id.name(), weight))
        });
        std::iter::once(("intercept", model.intercepts.of(score))).chain(shares).collect()
    }

    /// By which share a signal's weights count: whole if it fired, unless it was weighed. `None`: not at all.
    pub(super) fn share(&self, id: SignalId) -> Option<f64> {
        let weighed = self.readings.iter().find_map(|(read, reading)| match reading {
            Reading::Weighed { share, .. } if *read == id => Some(*share),
            _ => None,
        });
        weighed.or_else(|| self.fired.contains(id).then_some(1.0))
    }
}

impl Scores {
    /// One of the three by name.
    pub fn of(&self, score: ScoreName) -> f64 {
        match score {
            ScoreName::Bot => self.bot,
            ScoreName::AccountTakeover => self.account_takeover,
            ScoreName::AccountAbuse => self.account_abuse,
        }
    }
}

impl Weights {
    pub fn of(&self, score: ScoreName) -> f64 {
        match score {
            ScoreName::Bot => self.bot,
            ScoreName::AccountTakeover => self.account_takeover,
            ScoreName::AccountAbuse => self.account_abuse,
        }
    }

    pub(super) fn map(self, f: impl Fn(f64) -> f64) -> Weights {
        Weights { bot: f(self.bot), account_takeover: f(self.account_takeover), account_abuse: f(self.account_abuse) }
    }

    pub(super) fn plus(self, other: Weights) -> Weights {
        Weights {
            bot: self.bot + other.bot,
            account_takeover: self.account_takeover + other.account_takeover,
            account_abuse: self.account_abuse + other.account_abuse,
        }
    }
}

/// How bad the worst of it is, from `risk`: below 40 low, 60 medium, 80 high, else critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub fn of(risk: f64) -> Severity {
        match risk {
            r if r < 40.0 => Severity::Low,
            r if r < 60.0 => Severity::Medium,
            r if r < 80.0 => Severity::High,
            _ => Severity::Critical,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests;
