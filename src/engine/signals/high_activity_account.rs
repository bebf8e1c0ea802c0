//! Far more is tried on one account than usually is.
//!
//! # What it reads
//! How many attempts of any event reached the account in the last ten minutes or so (`history.account`), from all sources,
//! whatever became of them (from a source that succeeded on it before: those of this source alone); beside that what was learned of how high it rises on this account's days. What the gate
//! refused is not among them: nobody's refusals count against the owner. As `high_activity_ip` in all else. Blind without
//! history.
//!
//! # How long it holds
//! For as long as it goes on, and ten minutes more for each doubling above the floor.
//!
//! # Why it matters
//! Guesses that mostly fail are `brute_force`'s. This sees what does not fail: a stolen session's owner who is everywhere at
//! once, an account that a program works with, resets asked for again and again.
//!
//! # Who trips it innocently
//! An account that many share, or a job that logs in for each run: after some days it is usual. Somebody who has forgotten
//! everything and tries for a quarter of an hour. So the weights are small.
//!
//! # Parameters
//! `per_ten_minutes`: below this count, with a half-life of ten minutes, it never fires (30 is about 21 in ten minutes,
//! kept up, or 30 at once). `probability`: a peak as high is expected on a smaller share of days.

use super::{Activity, Parameter, Reading, Signal, Weights};
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "high_activity_account",
    summary: "far more attempts reach one account than usually do, and than its owner makes",
    weights: Weights { bot: 0.2, account_takeover: 1.0, account_abuse: 0.5 },
    parameters: &[
        Parameter {
            name: "per_ten_minutes",
            summary: "least attempts, decayed with a half-life of ten minutes, that are ever called high",
            default: 30.0,
            min: 5.0,
            max: 100_000.0,
        },
        Activity::PROBABILITY,
    ],
    needs: "the account's history from the store",
    findings: Activity::FINDINGS,
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[per_ten_minutes, probability] = parameters else { return Reading::Blind };
    if evidence.attempt.identity.account.is_none() {
        return Reading::Quiet;
    }
    let Some(history) = &evidence.history else { return Reading::Blind };
    let account = &history.account;
    // Other people's attempts say nothing about somebody who was here before.
    let seen = if account.known_source { &account.from_here } else { &account.recent };
    let activity = Activity { window: 600, observed: seen.attempts, usual: account.usual, floor: per_ten_minutes };
    Activity::judge([activity], probability)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::{Account, Counts, Usual};
    use crate::engine::fixture;
    use crate::engine::signals::Finding;

    const DEFAULTS: [f64; 2] = [30.0, 0.001];

    fn check(attempts: f64, usual: Usual) -> Reading {
        let mut evidence = fixture::evidence();
        let recent = Counts { attempts, succeeded: attempts, ..Counts::default() };
        evidence.history.as_mut().unwrap().account = Account { recent, usual, ..Account::default() };
        read(&evidence, &DEFAULTS)
    }

    #[test]
    fn fires_on_an_account_that_is_suddenly_everywhere() {
        let Reading::Fired(findings) = check(30.0, Usual::default()) else { panic!("30 in ten minutes") };
        assert_eq!(findings.get("observed"), Some(&Finding::Number(30.0)));
        assert_eq!(findings.get("expected"), Some(&Finding::Number(3.0)));
        assert_eq!(findings.get("window_s"), Some(&Finding::Count(600)));
        let thrice_as_often = Usual { days: 5.0, mean: 12.0, variance: 4.0 };
        assert!(matches!(check(40.0, thrice_as_often), Reading::Fired(_)));
    }

    #[test]
    fn innocents_stay_quiet() {
        let usual = |mean: f64| Usual { days: 6.0, mean, variance: mean };
        for (who, attempts, usual) in [
            ("somebody who logs in", 1.0, Usual::default()),
            ("somebody who forgot everything", 15.0, Usual::default()),
            ("a job that logs in for each run, as ever", 60.0, usual(55.0)),
            ("an account that an office shares, as every Monday", 26.0, usual(20.0)),
        ] {
            assert_eq!(check(attempts, usual), Reading::Quiet, "{who}");
        }
        let mut owner = fixture::evidence();
        let strangers = Counts { attempts: 200.0, failed: 200.0, ..Counts::default() };
        owner.history.as_mut().unwrap().account.recent = strangers;
        assert_eq!(read(&owner, &DEFAULTS), Reading::Quiet, "the owner, at whose account strangers are guessing");
        let mut nobody = fixture::evidence();
        nobody.attempt.identity.account = None;
        assert_eq!(read(&nobody, &DEFAULTS), Reading::Quiet, "the form named nobody");
    }

    #[test]
    fn blind_without_history() {
        assert_eq!(read(&Evidence { history: None, ..fixture::evidence() }, &DEFAULTS), Reading::Blind);
    }
}
