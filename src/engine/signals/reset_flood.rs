//! New passwords are asked for: for many accounts from one network, or for one account again and again.
//!
//! # What it reads
//! For how many distinct accounts a new password was asked from this network within the last hour or two, and how often it was
//! asked for this account, from anywhere (`history.velocity`, counted of resets alone). Refused requests count too: who is
//! refused and goes on is no less of a flood. What the application answers is not looked at, since a good one answers alike
//! whether the account exists or not. Only requests for a new password are judged. Blind without history.
//!
//! # Why it matters
//! The form for a forgotten password tells, in many applications, which accounts exist; and each request sends somebody a
//! message, which annoys, costs money (text messages most of all), and hides the one message that warns of a takeover.
//!
//! # Who trips it innocently
//! A large office on the day after everybody's password expired. Somebody whose message does not come and who presses the
//! button a fifth time. Not a family, not an office on an ordinary day, not one who asks twice. Each is asked for a proof
//! of work, and nobody is refused.
//!
//! # Parameters
//! `accounts`: distinct accounts of one network. `requests`: requests for one account, which fade by half in an hour.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::event::Event;
use crate::engine::evidence::{EntityKind, Evidence};

pub static SIGNAL: Signal = Signal {
    name: "reset_flood",
    summary: "new passwords are asked for many accounts from one network, or for one account again and again",
    weights: Weights { bot: 2.5, account_takeover: 2.0, account_abuse: 2.5 },
    parameters: &[
        Parameter {
            name: "accounts",
            summary: "distinct accounts that one network asks a new password for",
            default: 5.0,
            min: 2.0,
            max: 10_000.0,
        },
        Parameter {
            name: "requests",
            summary: "requests for a new password of one account, halving in an hour",
            default: 4.5,
            min: 2.0,
            max: 10_000.0,
        },
    ],
    needs: "the history of the network and of the account from the store",
    findings: &[
        ("of", "counted of one {}"),
        ("accounts", "{} distinct accounts"),
        ("requests", "{} requests"),
        ("limit", "limit {}"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[accounts, requests] = parameters else { return Reading::Blind };
    if evidence.attempt.event != Event::Reset {
        return Reading::Quiet;
    }
    let Some(history) = &evidence.history else { return Reading::Blind };
    if let Some(network) = history.velocity(EntityKind::NetworkEvent)
        && f64::from(network.accounts) >= accounts
    {
        let findings = Findings::new().text("of", "network").count("accounts", network.accounts);
        return Reading::Fired(findings.number("requests", network.short.attempts).number("limit", accounts));
    }
    match history.velocity(EntityKind::AccountEvent) {
        Some(account) if account.short.attempts >= requests => {
            let findings = Findings::new().text("of", "account").number("requests", account.short.attempts);
            Reading::Fired(findings.number("limit", requests))
        }
        Some(_) | None => Reading::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::{Answers, Velocity};
    use crate::engine::fixture;
    use crate::engine::signals::Finding;

    const DEFAULTS: [f64; 2] = [5.0, 4.5];

    /// A request from a network that asked for so many accounts, for an account that was asked for so often.
    fn asked(accounts: u32, requests: f64) -> Evidence {
        let mut evidence = fixture::evidence();
        evidence.attempt.event = Event::Reset;
        let of = |accounts, attempts| {
            let short = Answers { attempts, ..Answers::default() };
            Velocity { short, long: short, accounts, ..Velocity::default() }
        };
        evidence.history.as_mut().unwrap().velocities = vec![
            (EntityKind::NetworkEvent, of(accounts, f64::from(accounts))),
            (EntityKind::AccountEvent, of(1, requests)),
        ];
        evidence
    }

    fn has_fired(evidence: &Evidence) -> bool {
        matches!(read(evidence, &DEFAULTS), Reading::Fired(_))
    }

    #[test]
    fn fires_on_who_asks_for_everybody_and_on_who_asks_without_end() {
        assert!(has_fired(&asked(5, 1.0)));
        let Reading::Fired(findings) = read(&asked(1, 4.9), &DEFAULTS) else { panic!("the fifth within minutes") };
        assert_eq!(findings.get("of"), Some(&Finding::Text("account".into())));
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, accounts, requests) in [
            ("who asks once", 1, 1.0),
            ("a family", 4, 1.0),
            ("an office on a Monday", 3, 1.0),
            ("who waits for a message that does not come", 1, 3.9),
            ("who asks five times in a day", 1, 1.9),
        ] {
            assert_eq!(read(&asked(accounts, requests), &DEFAULTS), Reading::Quiet, "{who}");
        }
        let mut login = asked(500, 500.0);
        login.attempt.event = Event::Login;
        assert_eq!(read(&login, &DEFAULTS), Reading::Quiet, "an office in the morning");
    }

    #[test]
    fn blind_without_history_and_quiet_where_nothing_is_counted() {
        assert_eq!(read(&Evidence { history: None, ..asked(9, 9.0) }, &DEFAULTS), Reading::Blind);
        let mut nothing = asked(9, 9.0);
        nothing.history.as_mut().unwrap().velocities.clear();
        assert_eq!(read(&nothing, &DEFAULTS), Reading::Quiet);
    }
}
