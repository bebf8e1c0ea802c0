//! The seam to the engine's policies: from the operator's rules to a compiled [`Policy`].
//!
//! Everything the loader knows about the rule language is these two functions, the shape of an error and which rules never decide, so that the
//! language can change without the loader noticing.

use crate::engine::assessment::Model;
use crate::engine::event::Event;
use crate::engine::policy::{self, Policy};
use std::sync::Arc;

pub(super) use crate::engine::policy::{Names, PolicySource, Reach, RuleError, RuleList, RulePlace, RuleSource};

/// Compiles and checks; every error of every rule at once.
pub(super) fn compile(source: PolicySource, names: &Names, model: Arc<Model>) -> Result<Policy, Vec<RuleError>> {
    Policy::compile(source, names, model)
}

/// The policy that rules where a route names none.
#[expect(clippy::expect_used, reason = "the built-in rules are constants, and a test compiles them for every event")]
pub(super) fn standard(event: &Event, model: &Arc<Model>) -> Policy {
    let names = Names::new(Vec::new(), Vec::new());
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
