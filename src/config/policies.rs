//! The seam to the engine's policies: from the operator's rules to a compiled [`Policy`].
//!
//! Everything the loader knows about the rule language is these two functions and the shape of an error, so that the
//! language can change without the loader noticing.

use crate::engine::assessment::Model;
use crate::engine::event::Event;
use crate::engine::policy::{self, Policy, RuleList};
use std::sync::Arc;

pub(super) use crate::engine::policy::{PolicySource, RuleSource};

/// Names that rules may use.
pub(super) struct Names<'n> {
    pub lists: &'n [Arc<str>],
}

/// Which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Rule(usize),
    OnSuccess(usize),
}

/// What is wrong with one rule's `when`.
pub(super) struct RuleError {
    pub place: Place,
    /// Bytes from the beginning of `when`.
    pub offset: usize,
    pub len: usize,
    pub message: String,
    pub suggestion: Option<String>,
}

/// Compiles and checks; every error of every rule at once.
pub(super) fn compile(source: PolicySource, names: &Names<'_>, model: Arc<Model>) -> Result<Policy, Vec<RuleError>> {
    // Any text may be compared with `route`: routes are resolved after the policies that they name.
    let names = policy::Names::new(names.lists.to_vec(), Vec::new());
    Policy::compile(source, &names, model).map_err(|errors| {
        let error = |error: policy::RuleError| RuleError {
            place: match error.place.list {
                RuleList::Rules => Place::Rule(error.place.index),
                RuleList::OnSuccess => Place::OnSuccess(error.place.index),
            },
            offset: error.offset,
            len: error.len,
            message: error.message,
            suggestion: error.suggestion,
        };
        errors.into_iter().map(error).collect()
    })
}

/// The policy that rules where a route names none.
#[expect(clippy::expect_used, reason = "the built-in rules are constants, and a test compiles them for every event")]
pub(super) fn standard(event: &Event, model: &Arc<Model>) -> Policy {
    let names = policy::Names::new(Vec::new(), Vec::new());
    Policy::compile(policy::standard(event), &names, model.clone()).expect("the built-in rules compile")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_policy_compiles_for_every_event() {
        let model = Arc::new(Model::default());
        for event in Event::NAMED.into_iter().chain([Event::Custom("custom:x".into())]) {
            standard(&event, &model);
        }
    }
}
