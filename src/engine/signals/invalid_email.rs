//! An e-mail address to which no mail can go.
//!
//! # What it reads
//! The verdict that capture reached about the address (`identity.email.problem`), after RFC 5321, 5322 and 6531 as mail
//! servers apply them, and whether its domain ends in a public suffix. Where look-ups are on (`email.dns`), also whether the
//! domain has mail servers or an address at all, and does not say itself that it takes no mail. An answer that did not come
//! in time is none: the signal is blind then, unless the syntax says enough. The mailbox itself is never probed: that would
//! be abuse of other people's servers.
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
    needs: "an answer about the domain's mail servers",
    findings: &[("problem", "what is wrong: {}")],
    read,
};

fn read(evidence: &Evidence, _parameters: &[f64]) -> Reading {
    let Some(email) = &evidence.attempt.identity.email else { return Reading::Quiet };
    match email.problem {
        Some(problem) => Reading::Fired(Findings::new().text("problem", problem.name())),
        None if email.unanswered => Reading::Blind,
        None => Reading::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::{Email, EmailProblem};
    use crate::engine::fixture;

    fn check(email: Option<Email>) -> Reading {
        let mut evidence = fixture::evidence();
        evidence.attempt.identity.email = email;
        read(&evidence, &[])
    }

    fn email(domain: &str, problem: Option<EmailProblem>) -> Email {
        Email { problem, ..fixture::email(domain) }
    }

    #[test]
    fn fires_on_every_problem_and_names_it() {
        for (problem, name) in [
            (EmailProblem::Syntax, "syntax"),
            (EmailProblem::TooLong, "too_long"),
            (EmailProblem::NoDomain, "no_domain"),
            (EmailProblem::NoPublicSuffix, "no_public_suffix"),
            (EmailProblem::NoMailServer, "no_mail_server"),
            (EmailProblem::NullMx, "null_mx"),
        ] {
            assert_eq!(check(Some(email("", Some(problem)))), Reading::Fired(Findings::new().text("problem", name)));
        }
    }

    #[test]
    fn blind_while_the_mail_servers_are_not_known_and_only_then() {
        let unanswered = |problem| Some(Email { unanswered: true, ..email("slow.example", problem) });
        assert_eq!(check(unanswered(None)), Reading::Blind);
        assert!(matches!(check(unanswered(Some(EmailProblem::Syntax))), Reading::Fired(_)));
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, email) in [
            ("a user name instead of an address", None),
            ("an ordinary address", Some(email("gmail.com", None))),
            ("a forwarding service", Some(Email { relay: Some("duckduckgo"), ..email("duck.com", None) })),
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
