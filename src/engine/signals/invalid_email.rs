//! An e-mail address to which no mail can go.
//!
//! # What it reads
//! The verdict that capture reached about the address (`identity.email.problem`), after RFC 5321, 5322 and 6531 as mail
//! servers apply them, and whether its domain ends in a public suffix. The mailbox itself is never probed: that would be
//! abuse of other people's servers.
//!
//! # Why it matters
//! Who registers without a mailbox cannot confirm, cannot be written to and does not mean to stay. At login it is a line of
//! somebody's list that was never an account here.
//!
//! # Who trips it innocently
//! People who mistype, so it weighs little alone; staff on an intranet whose addresses end in a private name
//! (`ann@corp.internal`), where the operator switches the signal off.
//!
//! # Parameters
//! None.

use super::{Findings, Reading, Signal, Weights};
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "invalid_email",
    summary: "the e-mail address breaks the rules of mail, or its domain cannot exist",
    weights: Weights { bot: 0.8, account_takeover: 0.0, account_abuse: 1.8 },
    parameters: &[],
    needs: "the e-mail address",
    findings: &[("problem", "what is wrong: {}")],
    read,
};

fn read(evidence: &Evidence, _parameters: &[f64]) -> Reading {
    match evidence.attempt.identity.email.as_ref().and_then(|email| email.problem) {
        Some(problem) => Reading::Fired(Findings::new().text("problem", problem.name())),
        None => Reading::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::{Email, EmailProblem, Pseudonym};
    use crate::engine::fixture;

    fn check(email: Option<Email>) -> Reading {
        let mut evidence = fixture::evidence();
        evidence.attempt.identity.email = email;
        read(&evidence, &[])
    }

    fn email(domain: &str, problem: Option<EmailProblem>) -> Email {
        Email { key: Pseudonym([1; 16]), domain: domain.into(), problem, disposable: None, template: None }
    }

    #[test]
    fn fires_on_every_problem_and_names_it() {
        for (problem, name) in [
            (EmailProblem::Syntax, "syntax"),
            (EmailProblem::TooLong, "too_long"),
            (EmailProblem::NoDomain, "no_domain"),
            (EmailProblem::NoPublicSuffix, "no_public_suffix"),
        ] {
            assert_eq!(check(Some(email("", Some(problem)))), Reading::Fired(Findings::new().text("problem", name)));
        }
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, email) in [
            ("a user name instead of an address", None),
            ("an ordinary address", Some(email("gmail.com", None))),
            ("an internationalised domain", Some(email("xn--bcher-kva.example", None))),
            (
                "a throw-away address, which works",
                Some(Email { disposable: Some("x.example".into()), ..email("x.example", None) }),
            ),
        ] {
            assert_eq!(check(email), Reading::Quiet, "{who}");
        }
    }
}
