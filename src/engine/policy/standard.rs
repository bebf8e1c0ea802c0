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
        // Nor here: whoever tries somebody's password on everybody else must not make it useless to its owner.
        rules.push(rule("spraying", PROOF, "fired.password_spraying"));
    }
    if *event == Event::Reset {
        rules.push(rule("flood", PROOF, "fired.reset_flood"));
    }
    if matches!(event, Event::Checkout) {
        rules.push(rule("testing", Action::Deny, "fired.card_testing && bot >= 50"));
        // Strangers may look like those who test: who is a person pays with a second.
        rules.push(rule("card-testing", PROOF, "fired.card_testing"));
    }
    // Programs call with what became of an order; whether they may is the application's to say.
    if !matches!(event, Event::Logout | Event::Settlement) {
        rules.push(rule("automated", PROOF, "bot >= 50"));
    }
    match event {
        Event::Register => rules.push(rule("abuse", PROOF, "account_abuse >= 50")),
        Event::Logout | Event::Settlement | Event::Custom(_) => {}
        _ => rules.push(rule("severe", PROOF, "risk >= 80")),
    }
    // The password was right, and nearly nothing else is the owner's. Never a refusal: it may be the owner with a new
    // telephone on the first day of a journey, who waits a second for a proof of work, once. It is no second factor (who sits
    // there and means this account waits that second too), but lists of passwords that work are tried by programs. The bar asks
    // four or five of a thousand owners; a bar of 20 asks twenty, and half of the thieves who know whom they rob.
    let on_success = match event {
        Event::Login => vec![rule("step_up", PROOF, "account_takeover >= 60 && !fired.allow_listed")],
        _ => Vec::new(),
    };
    PolicySource { name: "standard".into(), rules, on_success, when_degraded: Vec::new(), otherwise: Action::Allow }
}
