//! An address at a provider of throw-away mailboxes.
//!
//! # What it reads
//! Whether the address's domain, or a parent of it, is on the embedded list or the operator's (`identity.email.disposable`).
//! Masking services that forward to a real mailbox (Apple, Firefox Relay, SimpleLogin, DuckDuckGo) do not belong on it.
//!
//! # Why it matters
//! Free trials, bonuses and ratings are farmed with mailboxes that cost nothing and live for ten minutes.
//!
//! # Who trips it innocently
//! People who want to look before they give their address away. So it is evidence of abuse, hardly of a bot, and none of a
//! takeover.
//!
//! # Parameters
//! None; `intel.disposable` adds domains and takes them off.

use super::{Findings, Reading, Signal, Weights};
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "disposable_email_domain",
    summary: "the e-mail address is at a provider of throw-away mailboxes",
    weights: Weights { bot: 0.6, account_takeover: 0.0, account_abuse: 2.6 },
    parameters: &[],
    needs: "the list of throw-away mailboxes",
    findings: &[("listed", "covered by the entry {}")],
    read,
};

fn read(evidence: &Evidence, _parameters: &[f64]) -> Reading {
    match evidence.attempt.identity.email.as_ref().and_then(|email| email.disposable.as_deref()) {
        Some(entry) => Reading::Fired(Findings::new().text("listed", entry)),
        None => Reading::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::{Email, EmailProblem};
    use crate::engine::fixture;

    fn check(domain: &str, disposable: Option<&str>, problem: Option<EmailProblem>) -> Reading {
        let mut evidence = fixture::evidence();
        let disposable = disposable.map(Into::into);
        evidence.attempt.identity.email = Some(Email { problem, disposable, ..fixture::email(domain) });
        read(&evidence, &[])
    }

    #[test]
    fn fires_on_a_listed_domain_and_on_one_below_it() {
        for domain in ["mailinator.com", "eu.mailinator.com"] {
            let fired = Reading::Fired(Findings::new().text("listed", "mailinator.com"));
            assert_eq!(check(domain, Some("mailinator.com"), None), fired);
        }
    }

    #[test]
    fn innocents_stay_quiet() {
        assert_eq!(check("gmail.com", None, None), Reading::Quiet, "an ordinary address");
        assert_eq!(check("privaterelay.appleid.com", None, None), Reading::Quiet, "a masked address");
        assert_eq!(check("", None, Some(EmailProblem::NoDomain)), Reading::Quiet, "half an address");
        let mut evidence = fixture::evidence();
        evidence.attempt.identity.email = None;
        assert_eq!(read(&evidence, &[]), Reading::Quiet, "a user name instead of an address");
    }
}
