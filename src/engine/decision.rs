//! The ruling: assessment plus policy.

use super::assessment::{Assessment, assess};
use super::clearance::ChallengeKind;
use super::evidence::{Evidence, Moment};
use super::policy::Policy;
use std::sync::Arc;

/// What is to be done with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Allow,
    Challenge(ChallengeKind),
    Deny,
}

impl Action {
    pub fn name(self) -> &'static str {
        match self {
            Action::Allow => "allow",
            Action::Challenge(_) => "challenge",
            Action::Deny => "deny",
        }
    }
}

/// What the policy said, and through which rule.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// The rule that matched; `None` when `otherwise` decided.
    pub rule: Option<Arc<str>>,
    pub action: Action,
    /// Rules that erred while being evaluated (counted; such a rule is skipped if it allows, and matches otherwise).
    pub erred: Vec<Arc<str>>,
}

/// The judgement of one attempt at one moment.
#[derive(Clone, Debug)]
pub struct Decision {
    pub moment: Moment,
    pub assessment: Assessment,
    /// The policy's name.
    pub policy: Arc<str>,
    pub ruling: Ruling,
}

/// The whole judgement: pure, no clock, no socket, cannot fail.
pub fn decide(evidence: &Evidence, policy: &Policy) -> Decision {
    let assessment = assess(evidence, &policy.model);
    let ruling = policy.rule(evidence, &assessment);
    Decision { moment: evidence.moment, assessment, policy: policy.name.clone(), ruling }
}
