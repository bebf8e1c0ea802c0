//! From readings to scores: three scorecards in log-odds, and the chance that at least one of them is right.

use super::evidence::Evidence;
use super::signals::{Override, Reading, SignalId, SignalSet, Weights};
use std::collections::BTreeMap;

/// The three models. `risk` is derived from them and has no weights of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScoreName {
    Bot,
    AccountTakeover,
    AccountAbuse,
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
    /// The table as it is, changed where `overrides` (by signal place) say so. Ranges were checked by the loader.
    pub fn new(_overrides: &BTreeMap<SignalId, Override>) -> Model {
        todo!("signals helper")
    }
}

/// Percent, 0 to 100, two decimals when printed; high is risky.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    pub risk: f64,
    pub bot: f64,
    pub account_takeover: f64,
    pub account_abuse: f64,
    /// `risk` if every blind signal were quiet or lowering, and if it fired: the range that missing evidence leaves.
    pub risk_low: f64,
    pub risk_high: f64,
}

/// What was read, and what it comes to.
#[derive(Clone, Debug)]
pub struct Assessment {
    pub scores: Scores,
    pub fired: SignalSet,
    pub blind: SignalSet,
    /// Findings of the fired signals, in table order.
    pub readings: Vec<(SignalId, Reading)>,
}

/// Reads every enabled signal once and adds up.
pub fn assess(_evidence: &Evidence, _model: &Model) -> Assessment {
    todo!("signals helper")
}

impl Assessment {
    /// Log-odds by contributor for one score: `("intercept", …)` first, then fired signals with a weight, in table order.
    /// They sum exactly to the score's logit.
    pub fn contributions<'m>(&self, _model: &'m Model, _score: ScoreName) -> Vec<(&'static str, f64)> {
        todo!("signals helper")
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
