//! The account succeeded after it had slept for half a year.
//!
//! # What it reads
//! At the moment after success: when the account's last login was let through (`owner.last`). Quiet on an account of which no
//! login is known: it may be new, or older than the gate. Blind where the store could not say, and while most answers
//! on the route are answers to nothing known: then the last success that is known may long not be the last. The store
//! remembers a last login for a year and a month, and in memory as long as there is room.
//!
//! # Why it matters
//! Nobody looks after an account that nobody uses: its password is from an old leak, and nobody notices that it is used. And it
//! is the one case in which nothing can be compared, since what its owner was like has been forgotten by then.
//!
//! # Who trips it innocently
//! Who comes for the presents before Christmas. So alone it does no more than break a tie.
//!
//! # Parameters
//! `days`: how long the last login must be ago.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::evidence::{Evidence, Moment};

pub static SIGNAL: Signal = Signal {
    name: "dormant_account",
    summary: "the account succeeded for the first time in half a year",
    weights: Weights { bot: 0.0, account_takeover: 1.0, account_abuse: 0.0 },
    parameters: &[Parameter {
        name: "days",
        summary: "how long the last login must be ago",
        default: 180.0,
        min: 7.0,
        max: 390.0,
    }],
    needs: "when the account last succeeded",
    findings: &[("days", "the last login is {} days ago")],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[limit] = parameters else { return Reading::Blind };
    if evidence.moment == Moment::Before || evidence.attempt.identity.account.is_none() {
        return Reading::Quiet;
    }
    let Some(owner) = &evidence.owner else { return Reading::Blind };
    let Some(last) = owner.last else { return Reading::Quiet };
    if owner.unrecognised {
        return Reading::Blind;
    }
    let days = owner.here.at.since(last.at).as_secs() / 86_400;
    if (days as f64) < limit { Reading::Quiet } else { Reading::Fired(Findings::new().count("days", days)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixture;
    use crate::engine::ownership::Ownership;
    use crate::engine::time::Timestamp;

    const DEFAULTS: [f64; 1] = [180.0];

    fn after(days: u64, change: impl FnOnce(&mut Ownership)) -> Evidence {
        let mut evidence = fixture::after();
        let owner = evidence.owner.as_mut().unwrap();
        owner.last.as_mut().unwrap().at = Timestamp(owner.here.at.0 - days * 86_400_000);
        change(owner);
        evidence
    }

    #[test]
    fn fires_after_half_a_year() {
        let Reading::Fired(findings) = read(&after(180, |_| {}), &DEFAULTS) else { panic!("quiet") };
        assert_eq!(serde_json::to_string(&findings).unwrap(), r#"{"days":180}"#);
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, evidence) in [
            ("who came yesterday", fixture::after()),
            ("who comes twice a year", after(179, |_| {})),
            ("on a first login", after(400, |owner| owner.last = None)),
            ("before success nothing is proven", Evidence { moment: Moment::Before, ..after(400, |_| {}) }),
            (
                "when a clock was set back",
                after(1, |owner| owner.last.as_mut().unwrap().at = Timestamp(owner.here.at.0 + 86_400_000)),
            ),
        ] {
            assert_eq!(read(&evidence, &DEFAULTS), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn blind_without_a_last_login_that_can_be_trusted() {
        assert_eq!(read(&Evidence { owner: None, ..fixture::after() }, &DEFAULTS), Reading::Blind);
        assert_eq!(read(&after(400, |owner| owner.unrecognised = true), &DEFAULTS), Reading::Blind);
    }
}
