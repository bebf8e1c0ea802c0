//! What an explanation says, as plain data: `--json` prints it, and the text for people is made from it and nothing else.
//!
//! No password, card number or body is in here. The account is: whoever asks has the request in their hands, and the form
//! in which the gate knows it is half of the answer.

use crate::engine::policy::{Reason, Verdict};
use serde::Serialize;
use serde_json::Value;

/// Everything about one request.
#[derive(Debug, Serialize)]
pub struct Explanation {
    pub request: Asked,
    /// What was assumed, in sentences.
    pub notes: Vec<String>,
    /// What the configuration names and this machine does not have.
    pub unavailable: Vec<Unavailable>,
    pub recognition: Recognition,
    pub captured: Option<CapturedFacts>,
    /// One for the moment before forwarding; one more if the application's answer was judged.
    pub judgements: Vec<Judgement>,
    /// What the application's answer was read as, if one was given.
    pub application: Option<Application>,
    /// What is sent, and to whom, where nothing was judged.
    pub unjudged: Option<Unjudged>,
}

/// The request as it was read.
#[derive(Debug, Serialize)]
pub struct Asked {
    /// `raw`, `har` or `curl`.
    pub source: &'static str,
    pub method: String,
    pub host: String,
    /// Without query.
    pub path: String,
    pub http: &'static str,
    pub bytes: u64,
    pub peer: String,
    pub client_ip: String,
    pub tls: bool,
    pub at: String,
    /// What was told of the past.
    pub history: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct Unavailable {
    /// The key that names it.
    pub key: String,
    pub file: String,
    pub reason: String,
    /// What follows from it for the explanation.
    pub effect: String,
}

#[derive(Debug, Serialize)]
pub struct Recognition {
    pub route: Option<String>,
    pub event: Option<String>,
    /// Conditions of the route.
    pub conditions: Vec<Condition>,
    /// Ways in which the request can be read as something else.
    pub ambiguities: Vec<Ambiguous>,
    /// Routes that it is not on and hardly missed.
    pub near: Vec<Near>,
    /// Further routes, that it has little to do with.
    pub others: usize,
}

#[derive(Debug, Serialize)]
pub struct Condition {
    pub key: String,
    pub wants: String,
    pub holds: bool,
    pub readings: Vec<&'static str>,
    pub seen: String,
}

#[derive(Debug, Serialize)]
pub struct Near {
    pub route: String,
    pub failed: Vec<Condition>,
    /// All conditions hold; a route that is tried earlier has it.
    pub shadowed: bool,
}

/// As the record names it, and in words.
#[derive(Debug, Serialize)]
pub struct Ambiguous {
    pub name: String,
    pub words: String,
}

#[derive(Debug, Serialize)]
pub struct CapturedFacts {
    /// Each mapped field with what became of it. Secrets are only said to be there.
    pub fields: Vec<CapturedField>,
    /// As in the records; `None` without an account, and without the installation's key.
    pub user_id: Option<String>,
    pub agent: String,
    pub fingerprint: String,
    pub country: Option<String>,
    pub asn: Option<u32>,
    pub org: Option<String>,
    pub lists: Vec<String>,
    pub degraded: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct CapturedField {
    pub field: &'static str,
    /// `form:login`, …
    pub sources: Vec<String>,
    pub present: bool,
    /// The canonical value, where it is nobody's secret.
    pub value: Option<String>,
}

/// One decision.
#[derive(Debug, Serialize)]
pub struct Judgement {
    /// `before` or `after`.
    pub moment: &'static str,
    pub signals: Vec<SignalSaid>,
    pub scores: Vec<Score>,
    pub risk: f64,
    pub risk_low: f64,
    pub risk_high: f64,
    pub policy: String,
    /// `rules` or `on_success`: what is asked first.
    pub list: &'static str,
    pub rules: Vec<RuleSaid>,
    pub otherwise: String,
    /// The rule that decided; `None`: `otherwise` did.
    pub rule: Option<String>,
    pub action: String,
    /// The gate itself denied, because credentials can be read in two ways; what the policy had said.
    pub overruled: Option<String>,
    /// Challenges that a clearance in the request covers.
    pub cleared: Vec<&'static str>,
    pub counterfactuals: Vec<Counterfactual>,
    pub mode: &'static str,
    pub enforced: String,
    pub sent: Sent,
    /// The decision record that is written.
    pub record: Value,
}

#[derive(Debug, Serialize)]
pub struct SignalSaid {
    pub name: &'static str,
    /// `fired`, `blind`, `quiet` or `off`.
    pub state: &'static str,
    /// Fired: what it found. Blind: what it lacked.
    pub words: String,
}

#[derive(Debug, Serialize)]
pub struct Score {
    pub name: &'static str,
    pub score: f64,
    /// Log-odds, the intercept first; they add up to `log_odds`.
    pub contributions: Vec<Contribution>,
    pub log_odds: f64,
}

#[derive(Debug, Serialize)]
pub struct Contribution {
    pub name: String,
    pub log_odds: f64,
}

#[derive(Debug, Serialize)]
pub struct RuleSaid {
    /// `rules`, `on_success` or `when_degraded`.
    pub list: &'static str,
    pub name: String,
    pub when: String,
    pub action: String,
    /// Whom it bans beside, and for how long.
    pub ban: Option<String>,
    pub verdict: Verdict,
    /// The parts that decided.
    pub reasons: Vec<Reason>,
}

#[derive(Debug, Serialize)]
pub struct Counterfactual {
    /// Imagined quiet.
    pub without: Vec<&'static str>,
    /// Imagined to have fired.
    pub with: Vec<&'static str>,
    pub action: String,
    pub rule: Option<String>,
    pub sentence: String,
}

/// What goes out.
#[derive(Debug, Serialize)]
pub struct Sent {
    /// `application` or `visitor`.
    pub to: &'static str,
    pub status: Option<u16>,
    /// To the visitor: the answer's headers. To the application: those that the gate adds or changes.
    pub headers: Vec<(String, String)>,
    /// Names of headers that the application does not get.
    pub removed: Vec<String>,
    /// What the body is.
    pub body: String,
    pub challenge: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub struct Application {
    pub status: u16,
    pub outcome: String,
    /// `succeeded[0]`; `None`: no rule matched.
    pub rule: Option<String>,
    /// What follows.
    pub words: String,
}

/// A request that is not judged, and why.
#[derive(Debug, Serialize)]
pub struct Unjudged {
    /// As the record has it: `no_route`, `framing` faults, `too_large`, `unreadable` faults.
    pub why: String,
    pub words: String,
    pub enforced: Option<String>,
    pub sent: Sent,
}
