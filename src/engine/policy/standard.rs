//! The policy of routes that name none. It refuses only what is all but certain, asks everybody else who looks odd for a
//! proof of work, which costs a person a second and a list of a million passwords a fortune, and lets the rest through.

use super::{PolicySource, RuleSource};
use crate::engine::clearance::ChallengeKind;
use crate::engine::decision::Action;
use crate::engine::event::Event;

const PROOF: Action = Action::Challenge(ChallengeKind::ProofOfWork);

/// What rules where a route names no policy.
pub fn standard(event: &Event) -> PolicySource {
    let rule =
        |name: &str, action: Action, when: &str| RuleSource { name: name.into(), when: when.into(), action, ban: None };
    let mut rules = vec![
        // The operator's word first; where both lists match, the exception is what was meant.
        rule("trusted", Action::Allow, "fired.allow_listed"),
        rule("blocked", Action::Deny, "fired.deny_listed"),
    ];
    if event.tries_a_secret() {
        rules.push(rule("stuffing", Action::Deny, "fired.credential_stuffing && bot >= 90"));
        // Never a refusal: whoever guesses at an account must not be able to lock its owner out.
        rules.push(rule("guessing", PROOF, "fired.credential_stuffing || fired.brute_force"));
    }
    if !matches!(event, Event::Logout) {
        rules.push(rule("automated", PROOF, "bot >= 50"));
    }
    match event {
        Event::Register => rules.push(rule("abuse", PROOF, "account_abuse >= 50")),
        Event::Logout | Event::Custom(_) => {}
        _ => rules.push(rule("severe", PROOF, "risk >= 80")),
    }
    // No second factor exists yet that a proof of work would not be the weaker copy of: nothing to ask after success.
    PolicySource {
        name: "standard".into(),
        rules,
        on_success: Vec::new(),
        when_degraded: Vec::new(),
        otherwise: Action::Allow,
    }
}
