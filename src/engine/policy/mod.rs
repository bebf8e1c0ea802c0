//! The operator's rules: compiled and checked once, evaluated per decision.
//!
//! A rule is a CEL expression, because operators know that language from elsewhere. cel parses it; it has no type
//! checker, and a rule that fails at three in the morning is worse than one that is refused at start. So a checker of
//! our own (`check`) walks what was parsed over one closed table ([`VARIABLES`]) and turns it into a typed tree
//! (`condition`) that has no way left to fail. Whatever could be wrong with a rule is a [`RuleError`], all of them at
//! once, each with its place in the rule's text.

mod check;
mod condition;
mod domain;
mod guards;
mod reach;
pub mod spelling;
mod standard;
mod text;
mod trace;
mod variables;

pub use domain::{UnknownKind, challenge_kind};
pub use reach::Reach;
pub use standard::standard;
pub use trace::{PolicyTrace, Reason, RuleTrace, Verdict};
pub(crate) use variables::two_decimals;
pub use variables::{Kind, VARIABLES, Variable};

use super::assessment::{Assessment, Model};
use super::decision::{Action, BanOrder, Ruling};
use super::evidence::{BANNED, Evidence, Moment};
use super::parts;
use super::signals::SIGNALS;
use condition::Condition;
use std::sync::Arc;
use variables::Scene;

/// A policy as the configuration has it.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySource {
    pub name: Arc<str>,
    /// Before forwarding.
    pub rules: Vec<RuleSource>,
    /// After the application said yes.
    pub on_success: Vec<RuleSource>,
    /// At either moment, while something is degraded and nothing above decided.
    pub when_degraded: Vec<RuleSource>,
    pub otherwise: Action,
}

/// One rule as the configuration has it.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSource {
    pub name: Arc<str>,
    /// A CEL expression.
    pub when: String,
    pub action: Action,
    /// Whom it bans beside.
    pub ban: Option<BanOrder>,
}

/// The names that rules may use beyond [`VARIABLES`].
#[derive(Clone, Debug)]
pub struct Names {
    /// By place in [`SIGNALS`].
    pub signals: Vec<&'static str>,
    /// The operator's lists.
    pub lists: Vec<Arc<str>>,
    /// The routes; if empty, any text may be compared with `route`.
    pub routes: Vec<Arc<str>>,
    /// What `degraded` may hold; if empty, any text may be asked for.
    pub parts: Vec<&'static str>,
}

impl Names {
    /// With the catalogue's signals and parts.
    pub fn new(lists: Vec<Arc<str>>, routes: Vec<Arc<str>>) -> Names {
        let signals = SIGNALS.iter().map(|signal| signal.name).collect();
        Names { signals, lists, routes, parts: parts::names() }
    }
}

/// Which list of a policy a rule stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleList {
    Rules,
    OnSuccess,
    WhenDegraded,
}

impl RuleList {
    /// The key in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            RuleList::Rules => "rules",
            RuleList::OnSuccess => "on_success",
            RuleList::WhenDegraded => "when_degraded",
        }
    }
}

/// Where a rule stands in its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RulePlace {
    pub list: RuleList,
    pub index: usize,
}

/// One thing that is wrong with one rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}[{}] at {offset}: {message}", place.list.name(), place.index)]
pub struct RuleError {
    pub place: RulePlace,
    /// Bytes into the rule's text; `offset + len` is inside it and on a character's edge.
    pub offset: usize,
    /// 0: something is missing at `offset`.
    pub len: usize,
    pub message: String,
    /// What to write instead of the marked bytes.
    pub suggestion: Option<String>,
}

/// A [`RuleError`] before its rule's place is known.
#[derive(Debug)]
struct Fault {
    offset: usize,
    len: usize,
    message: String,
    suggestion: Option<String>,
}

impl Fault {
    fn new(offset: usize, len: usize, message: impl Into<String>) -> Fault {
        Fault { offset, len, message: message.into(), suggestion: None }
    }

    fn write(self, instead: impl Into<String>) -> Fault {
        self.suggest(Some(instead.into()))
    }

    fn suggest(self, suggestion: Option<String>) -> Fault {
        Fault { suggestion, ..self }
    }

    fn at(self, place: RulePlace) -> RuleError {
        let Fault { offset, len, message, suggestion } = self;
        RuleError { place, offset, len, message, suggestion }
    }
}

/// A policy that passed the checker. Only [`Policy::compile`] makes one.
#[derive(Debug)]
pub struct Policy {
    pub name: Arc<str>,
    pub model: Arc<Model>,
    pub rules: Vec<Rule>,
    pub on_success: Vec<Rule>,
    pub when_degraded: Vec<Rule>,
    pub otherwise: Action,
    /// Names by place, for rules that walk over `signals`.
    signals: Box<[&'static str]>,
}

#[derive(Debug)]
pub struct Rule {
    pub name: Arc<str>,
    pub action: Action,
    pub ban: Option<BanOrder>,
    /// The expression as the operator wrote it.
    pub text: Box<str>,
    when: Condition,
}

impl Policy {
    /// Compiles every rule, or reports every fault of every rule. Takes milliseconds: for start and reload.
    pub fn compile(source: PolicySource, names: &Names, model: Arc<Model>) -> Result<Policy, Vec<RuleError>> {
        let mut errors = Vec::new();
        let mut compile = |list: RuleList, sources: Vec<RuleSource>| -> Vec<Rule> {
            let mut rules = Vec::with_capacity(sources.len());
            for (index, RuleSource { name, when, action, ban }) in sources.into_iter().enumerate() {
                match compile_rule(&when, names) {
                    Ok(compiled) => rules.push(Rule { name, action, ban, text: when.into(), when: compiled }),
                    Err(faults) => errors.extend(faults.into_iter().map(|fault| fault.at(RulePlace { list, index }))),
                }
            }
            rules
        };
        let rules = compile(RuleList::Rules, source.rules);
        let on_success = compile(RuleList::OnSuccess, source.on_success);
        let when_degraded = compile(RuleList::WhenDegraded, source.when_degraded);
        if !errors.is_empty() {
            return Err(errors);
        }
        let signals = names.signals.clone().into();
        let (name, otherwise) = (source.name, source.otherwise);
        Ok(Policy { name, model, rules, on_success, when_degraded, otherwise, signals })
    }

    /// The first rule of the evidence's moment that matches; while something is degraded, else the first of
    /// `when_degraded`; else `otherwise`. Who is banned is refused before any rule is asked.
    ///
    /// A challenge that the attempt's clearance covers is satisfied: the next rules are asked, and an `otherwise` that
    /// challenges is answered. A policy without `on_success` has nothing to say after success, so neither
    /// `when_degraded` nor `otherwise` is asked a second time.
    pub fn rule(&self, evidence: &Evidence, assessment: &Assessment) -> Ruling {
        if evidence.is_banned() {
            return banned();
        }
        let scene = self.scene(evidence, assessment);
        let Asked { rules, when_degraded, otherwise, .. } = self.asked(evidence.moment);
        let when_degraded = if evidence.degraded.is_empty() { &[] } else { when_degraded };
        let mut all = rules.iter().chain(when_degraded);
        let matched = all.find(|rule| !satisfied(evidence, rule.action) && rule.when.holds(&scene));
        ruling(evidence, matched, otherwise)
    }

    /// The rules of one list.
    pub fn list(&self, list: RuleList) -> &[Rule] {
        match list {
            RuleList::Rules => &self.rules,
            RuleList::OnSuccess => &self.on_success,
            RuleList::WhenDegraded => &self.when_degraded,
        }
    }

    /// Every rule, whichever list it stands in.
    pub fn every_rule(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().chain(&self.on_success).chain(&self.when_degraded)
    }

    fn scene<'a>(&'a self, evidence: &'a Evidence, assessment: &'a Assessment) -> Scene<'a> {
        Scene { evidence, assessment, signals: &self.signals, item: "" }
    }

    fn asked(&self, moment: Moment) -> Asked<'_> {
        let Policy { rules, on_success, when_degraded, otherwise, .. } = self;
        let otherwise = *otherwise;
        match moment {
            Moment::Before => Asked { list: RuleList::Rules, rules, when_degraded, otherwise },
            Moment::After if on_success.is_empty() => {
                Asked { list: RuleList::OnSuccess, rules: on_success, when_degraded: &[], otherwise: Action::Allow }
            }
            Moment::After => Asked { list: RuleList::OnSuccess, rules: on_success, when_degraded, otherwise },
        }
    }
}

/// What is asked at a moment, in this order.
struct Asked<'p> {
    list: RuleList,
    rules: &'p [Rule],
    /// While something is degraded.
    when_degraded: &'p [Rule],
    /// If nothing matches.
    otherwise: Action,
}

/// Whether the attempt already did what this action asks for.
fn satisfied(evidence: &Evidence, action: Action) -> bool {
    match action {
        Action::Challenge(kind) => evidence.clearance.covers(kind),
        Action::Allow | Action::Deny => false,
    }
}

fn ruling(evidence: &Evidence, matched: Option<&Rule>, otherwise: Action) -> Ruling {
    let (rule, action, ban) = match matched {
        Some(rule) => (Some(rule.name.clone()), rule.action, rule.ban),
        None if satisfied(evidence, otherwise) => (None, Action::Allow, None),
        None => (None, otherwise, None),
    };
    Ruling { rule, action, ban, erred: Vec::new() }
}

/// The ruling on who is banned: the list's name stands where a rule's would.
fn banned() -> Ruling {
    Ruling { rule: Some(BANNED.into()), action: Action::Deny, ban: None, erred: Vec::new() }
}

/// Stack for the generated parser and the walks over its tree: the longest chains that the scan lets through need a few
/// megabytes without optimisation. Only what is used is ever paid for.
const STACK: usize = 64 << 20;

fn compile_rule(when: &str, names: &Names) -> Result<Condition, Vec<Fault>> {
    text::scan(when).map_err(|fault| vec![fault])?;
    let whole = |message: &str| vec![Fault::new(0, when.len(), message)];
    std::thread::scope(|scope| {
        let compile =
            || text::Parsed::new(when).map_err(|fault| vec![fault]).and_then(|parsed| check::check(&parsed, names));
        let builder = std::thread::Builder::new().name("compile-rule".to_owned()).stack_size(STACK);
        match builder.spawn_scoped(scope, compile) {
            // The parser is not ours: should it panic, it is this rule that cannot be read.
            Ok(thread) => thread.join().unwrap_or_else(|_| Err(whole("cannot be read"))),
            Err(_) => Err(whole("cannot be compiled: the system has no memory or thread to spare")),
        }
    })
}

#[cfg(test)]
mod tests;
