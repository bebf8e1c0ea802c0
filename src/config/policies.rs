//! The seam to the engine's policies: from the operator's rules to a compiled [`Policy`].
//!
//! Everything the loader knows about the rule language is these two functions and the shape of an error, so that the
//! language can change without the loader noticing.

use crate::engine::assessment::Model;
use crate::engine::decision::Action;
use crate::engine::event::Event;
use crate::engine::policy::{Policy, Rule};
use std::sync::Arc;

/// A policy as the operator wrote it.
pub(super) struct PolicySource {
    pub name: Arc<str>,
    pub rules: Vec<RuleSource>,
    pub on_success: Vec<RuleSource>,
    pub otherwise: Action,
}

pub(super) struct RuleSource {
    pub name: Arc<str>,
    pub when: String,
    pub action: Action,
}

/// Names that rules may use.
pub(super) struct Names {
    pub lists: Vec<Arc<str>>,
    pub routes: Vec<Arc<str>>,
}

impl Names {
    pub fn new(lists: Vec<Arc<str>>, routes: Vec<Arc<str>>) -> Names {
        Names { lists, routes }
    }
}

/// Which list of a policy a rule stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuleList {
    Rules,
    OnSuccess,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RulePlace {
    pub list: RuleList,
    pub index: usize,
}

/// What is wrong with one rule's `when`.
pub(super) struct RuleError {
    pub place: RulePlace,
    /// Bytes from the beginning of `when`.
    pub offset: usize,
    pub len: usize,
    pub message: String,
    pub suggestion: Option<String>,
}

/// Compiles and checks; every error of every rule at once.
pub(super) fn compile(source: PolicySource, names: &Names, model: Arc<Model>) -> Result<Policy, Vec<RuleError>> {
    let mut errors = Vec::new();
    for (place, rule) in places(&source) {
        if let Err(error) = cel::Program::compile(&rule.when) {
            let message = format!("this is not a rule: {}", error.to_string().lines().next().unwrap_or_default());
            errors.push(RuleError { place, offset: 0, len: rule.when.len(), message, suggestion: None });
        }
        for (offset, list) in rule.when.match_indices("listed.").map(|(at, _)| (at, word(&rule.when[at + 7..]))) {
            if !names.lists.iter().any(|known| **known == *list) {
                let suggestion = super::later::closest(list, names.lists.iter().map(|name| &**name)).map(str::to_owned);
                let message = format!("there is no list `{list}`");
                errors.push(RuleError { place, offset: offset + 7, len: list.len(), message, suggestion });
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let compiled = |rules: Vec<RuleSource>| {
        rules.into_iter().map(|rule| Rule { name: rule.name, action: rule.action }).collect::<Vec<_>>()
    };
    Ok(Policy {
        name: source.name,
        model,
        rules: compiled(source.rules),
        on_success: compiled(source.on_success),
        otherwise: source.otherwise,
    })
}

/// The policy that rules where a route names none.
pub(super) fn standard(_event: &Event, model: &Arc<Model>) -> Policy {
    Policy {
        name: "standard".into(),
        model: model.clone(),
        rules: Vec::new(),
        on_success: Vec::new(),
        otherwise: Action::Allow,
    }
}

fn places(source: &PolicySource) -> impl Iterator<Item = (RulePlace, &RuleSource)> {
    let before =
        source.rules.iter().enumerate().map(|(index, rule)| (RulePlace { list: RuleList::Rules, index }, rule));
    let after = source
        .on_success
        .iter()
        .enumerate()
        .map(|(index, rule)| (RulePlace { list: RuleList::OnSuccess, index }, rule));
    before.chain(after)
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}
