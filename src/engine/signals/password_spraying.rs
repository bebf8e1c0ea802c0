//! One password is tried on many accounts, and fits hardly any.
//!
//! # What it reads
//! The campaign of one password that the attempt is a member of (`site.campaigns`, found by
//! [`population`](crate::engine::population)): how many strangers came with that password, how many of them got in, and how
//! many would be expected to come if those who got in were its owners and there were no others. Passwords are told
//! apart by a tag of this process alone, which is neither stored nor shown: each gate of a fleet counts for itself. Blind without history.
//!
//! # Why it matters
//! Instead of many passwords on one account, which every gate stops, one password that somebody always has is tried on
//! everybody. No account sees more than a guess a day, and the addresses change.
//!
//! # Who trips it innocently
//! Whoever has the very password that is being sprayed, and logs in with a new device from a new place while it is. Popular
//! passwords by themselves are no campaign, since those who have them get in with them; neither is one that a newsletter gave
//! as an example and that some try once. At the device or from the network where the account logged in before, it never fires.
//!
//! # Parameters
//! `excess`: the share of a password's strangers that must be guesses.

use super::credential_stuffing::of_campaign;
use super::{Parameter, Reading, Signal, Weights};
use crate::engine::evidence::Evidence;
use crate::engine::population::campaign::STAYS;

pub static SIGNAL: Signal = Signal {
    name: "password_spraying",
    summary: "one password is tried on many accounts, beyond what popular passwords explain",
    weights: Weights { bot: 3.3, account_takeover: 4.8, account_abuse: 0.5 },
    parameters: &[Parameter {
        name: "excess",
        summary: "share of the strangers with one password who must be guessing",
        default: STAYS,
        min: STAYS,
        max: 1.0,
    }],
    needs: "the account's history from the store",
    findings: &[
        ("campaign", "campaign {}"),
        ("pattern", "of one {}"),
        ("people", "{} strangers came with it lately"),
        ("expected", "{} would be expected for those who got in"),
        ("failure_share", "share of failures {}"),
        ("excess", "share of such attempts that are nobody's own {}"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[excess] = parameters else { return Reading::Blind };
    let attempt = &evidence.attempt;
    if !attempt.event.tries_a_secret() || attempt.form.password.is_none() {
        return Reading::Quiet;
    }
    if evidence.history.is_none() {
        return Reading::Blind;
    }
    match evidence.spraying() {
        Some(matched) if matched.excess >= excess => Reading::Fired(of_campaign(&matched)),
        Some(_) | None => Reading::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixture;
    use crate::engine::signals::Finding;

    const DEFAULTS: [f64; 1] = [STAYS];

    #[test]
    fn fires_on_the_password_that_is_tried_on_everybody() {
        let Reading::Fired(findings) = read(&fixture::sprayed(), &DEFAULTS) else { panic!("a sprayed one must fire") };
        assert_eq!(findings.get("pattern"), Some(&Finding::Text("password".into())));
        assert!(matches!(findings.get("people"), Some(Finding::Number(people)) if *people > 10.0));
    }

    #[test]
    fn innocents_stay_quiet() {
        let owner = |change: &dyn Fn(&mut Evidence)| {
            let mut evidence = fixture::sprayed();
            change(&mut evidence);
            evidence
        };
        for (who, evidence) in [
            ("who has another password", owner(&|e| e.attempt.form.password.as_mut().unwrap().tag += 1)),
            ("who has it, at home", owner(&|e| e.history.as_mut().unwrap().account.known_source = true)),
            (
                "who has it, on their device",
                owner(&|e| {
                    e.attempt.device = fixture::evidence().attempt.device;
                    e.history.as_mut().unwrap().holder = Some(fixture::used_by_its_owner());
                }),
            ),
            ("who registers with it", owner(&|e| e.attempt.event = crate::engine::event::Event::Register)),
            ("whoever has no password field", owner(&|e| e.attempt.form.password = None)),
        ] {
            assert_eq!(read(&evidence, &DEFAULTS), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn blind_without_history() {
        assert_eq!(read(&Evidence { history: None, ..fixture::sprayed() }, &DEFAULTS), Reading::Blind);
    }
}
