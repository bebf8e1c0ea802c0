//! A success that ends a burst of failures.
//!
//! # What it reads
//! At the moment after success: how many attempts on the account failed in the last ten minutes or so, from anywhere
//! (`owner.account`, read again when the answer came, so that guesses in parallel with the right one count), and whether
//! this source succeeded on the account before. When it fires that is remembered with the account: for a day, whoever comes
//! from a network that the account never succeeded from fires it again. Blind where the store cannot say.
//!
//! # Why it matters
//! Guessing ends in one of two ways, and this is the other one. What comes next, the change of address or the order, comes
//! within hours.
//!
//! # Who trips it innocently
//! The owner who forgot the password and tries until it fits, on a device or network that never succeeded before, more than
//! ten times: they are asked for more once. From a source that succeeded before nobody trips it, however often they mistype
//! and whoever else is guessing.
//!
//! # Parameters
//! `failures`: failures on the account, from all sources, decayed with a half-life of ten minutes. `remember_hours`: how long
//! after it the account is held to be somebody else's, for sources that it does not know.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::evidence::{Evidence, Moment};

/// Half-life of the account's counts, seconds.
const WINDOW: u32 = 600;

pub static SIGNAL: Signal = Signal {
    name: "takeover_success",
    summary: "a success that ends a burst of failures, or follows such a one within a day",
    // One in four alone; with a browser and a country that are not the owner's it is more likely than not.
    weights: Weights { bot: 0.0, account_takeover: 3.4, account_abuse: 0.0 },
    parameters: &[
        Parameter {
            name: "failures",
            summary: "failures on the account before the success, decayed with a half-life of ten minutes",
            default: 10.0,
            min: 2.0,
            max: 10_000.0,
        },
        Parameter {
            name: "remember_hours",
            summary: "hours for which it is held against sources that the account does not know",
            default: 24.0,
            min: 0.0,
            max: 720.0,
        },
    ],
    needs: "the account's history from the store",
    findings: &[
        ("failures", "{} failures before it"),
        ("from_here", "{} of them from this source"),
        ("limit", "limit {}"),
        ("window_s", "half-life {} s"),
        ("hours_since", "{} hours after such a success"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[failures, remember_hours] = parameters else { return Reading::Blind };
    if evidence.moment == Moment::Before || evidence.attempt.identity.account.is_none() {
        return Reading::Quiet;
    }
    let Some(owner) = &evidence.owner else { return Reading::Blind };
    let account = &owner.account;
    if account.known_source {
        return Reading::Quiet;
    }
    if account.recent.failed >= failures {
        return Reading::Fired(
            Findings::new()
                .number("failures", account.recent.failed)
                .number("from_here", account.from_here.failed)
                .number("limit", failures)
                .count("window_s", WINDOW),
        );
    }
    let hours = owner.suspected.map(|at| owner.here.at.since(at).as_secs_f64() / 3600.0);
    match hours.filter(|hours| *hours < remember_hours && !owner.seen.network()) {
        Some(hours) => Reading::Fired(Findings::new().number("hours_since", hours)),
        None => Reading::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::{Account, Counts};
    use crate::engine::fixture;
    use crate::engine::ownership::{Ownership, Seen};
    use crate::engine::time::Timestamp;
    use std::time::Duration;

    const DEFAULTS: [f64; 2] = [10.0, 24.0];

    fn with(change: impl FnOnce(&mut Ownership)) -> Evidence {
        let mut evidence = fixture::after();
        change(evidence.owner.as_mut().unwrap());
        evidence
    }

    fn failed(all: f64, here: f64) -> Account {
        let counts = |failed| Counts { attempts: failed + 1.0, failed, open: 1.0, ..Counts::default() };
        Account { recent: counts(all), from_here: counts(here), ..Account::default() }
    }

    fn suspected(owner: &mut Ownership, hours: u64) {
        owner.suspected = Some(Timestamp(owner.here.at.0 - Duration::from_secs(hours * 3600).as_millis() as u64));
        (owner.account, owner.seen) = (Account::default(), Seen(0));
    }

    #[test]
    fn fires_when_guessing_ends_in_success() {
        let Reading::Fired(findings) = read(&with(|owner| owner.account = failed(40.0, 2.0)), &DEFAULTS) else {
            panic!("quiet")
        };
        let said = serde_json::to_string(&findings).unwrap();
        assert_eq!(said, r#"{"failures":40.0,"from_here":2.0,"limit":10.0,"window_s":600}"#);
    }

    #[test]
    fn fires_for_a_day_where_the_account_never_was() {
        assert!(matches!(read(&with(|owner| suspected(owner, 3)), &DEFAULTS), Reading::Fired(_)));
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, evidence) in [
            (
                "the owner at home, while somebody guesses",
                with(|owner| {
                    owner.account = Account { known_source: true, ..failed(500.0, 0.0) };
                }),
            ),
            ("the owner, who mistyped four times on a new phone", with(|owner| owner.account = failed(4.0, 4.0))),
            ("the day after", with(|owner| suspected(owner, 25))),
            (
                "the owner in a network of theirs, hours after",
                with(|owner| {
                    suspected(owner, 3);
                    owner.seen = Seen(0b10);
                }),
            ),
            (
                "before success nothing is proven",
                Evidence { moment: Moment::Before, ..with(|owner| owner.account = failed(40.0, 40.0)) },
            ),
        ] {
            assert_eq!(read(&evidence, &DEFAULTS), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn blind_without_history() {
        assert_eq!(read(&Evidence { owner: None, ..fixture::after() }, &DEFAULTS), Reading::Blind);
    }
}
