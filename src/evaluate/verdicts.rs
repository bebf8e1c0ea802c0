//! Verdicts, one JSON object a line, in the order of the attempts: what `--verdicts` writes, for whoever judges with tools of
//! their own.

use super::verdict::Verdict;
use crate::engine::decision::Action;
use crate::engine::policy::two_decimals;
use serde::Serialize;
use std::io::{self, Write};

/// One line.
#[derive(Serialize)]
struct Line<'v> {
    action: &'static str,
    moment: &'static str,
    /// None where no route judged.
    risk: Option<f64>,
    signals: Vec<&'static str>,
    bot: Option<f64>,
    account_takeover: Option<f64>,
    account_abuse: Option<f64>,
    policy: Option<&'v str>,
    rule: Option<&'v str>,
    challenge: Option<&'static str>,
    solved: bool,
    passed: bool,
    warm_up: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'v str>,
    line: u64,
}

/// Where an attempt stands.
pub struct Place<'v> {
    /// Named where there are several.
    pub file: Option<&'v str>,
    pub line: u64,
    pub warm_up: bool,
}

/// Writes what became of one attempt; `None`: no route is there for its event, and it passes.
pub fn write(out: &mut impl Write, verdict: Option<&Verdict>, place: &Place<'_>) -> io::Result<()> {
    let score = |of: fn(&Verdict) -> f64| verdict.map(|verdict| two_decimals(of(verdict)));
    let line = Line {
        action: verdict.map_or("allow", |verdict| verdict.action.name()),
        moment: verdict.map_or("before", |verdict| verdict.moment.name()),
        risk: score(|verdict| verdict.scores.risk),
        signals: verdict.map_or_else(Vec::new, |verdict| verdict.fired.names().collect()),
        bot: score(|verdict| verdict.scores.bot),
        account_takeover: score(|verdict| verdict.scores.account_takeover),
        account_abuse: score(|verdict| verdict.scores.account_abuse),
        policy: verdict.map(|verdict| &*verdict.policy),
        rule: verdict.and_then(|verdict| verdict.rule.as_deref()),
        challenge: verdict.and_then(|verdict| match verdict.action {
            Action::Challenge(kind) => Some(kind.name()),
            Action::Allow | Action::Deny => None,
        }),
        solved: verdict.is_some_and(|verdict| verdict.solved),
        passed: verdict.is_none_or(|verdict| verdict.passed),
        warm_up: place.warm_up,
        file: place.file,
        line: place.line,
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}
