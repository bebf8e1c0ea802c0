//! Many failures on one account, from one source or from many.
//!
//! # What it reads
//! What happened to the account in the last ten minutes or so (`history.account`): failures from this source, from all, and
//! attempts that still wait for an answer. Attempts without an answer count at a prior share, and those in flight at
//! one time are bounded, alone and together with what failed, so that guessing in parallel is no way round: as many guesses
//! pass at once as pass one after the other. Only events that try a secret are judged: who asks
//! for a reset after ten failures does what they should. Blind without history.
//!
//! # How long it holds
//! What stood against one source on one account stays as it was while attempts of that source on that account are refused
//! with less than ten minutes between them (`account.refused_here`): whoever is refused and goes on guessing stays
//! refused, and ten minutes of silence, or a solved challenge and the right password, end it. Refused attempts count as no
//! failure, neither here nor for anybody else. Failures from all sources are a rate and not a hold: they age whatever
//! is refused, so that strangers together get a guess in now and then (at 20, one in 43 seconds), because otherwise whoever
//! likes could keep the owner's next device out for as long as they like.
//!
//! # Why it matters
//! Given enough tries, a weak password falls. Given enough senders, no counter by address sees it; the account's does.
//!
//! # Who trips it innocently
//! The owner must not be locked out by somebody else's guesses. A source that succeeded on the account before is
//! judged by its own failures only, and has the widest budget. The owner on a new device while somebody is guessing does
//! trip it, and a challenge lets them pass. A shared account in constant use does not, because most of its attempts
//! succeed.
//!
//! # Parameters
//! `failures_here`: failures of one source that never succeeded on the account. `failures_all`: failures from all sources, as
//! strangers meet it. `failures_known`: failures of a source that succeeded before. All three decay with a
//! half-life of ten minutes, but for what a refusal holds. `share`: the share of failures that must be reached as well. `prior_share`: what an unanswered
//! attempt counts as. `in_flight`: attempts on one account that may wait for an answer at one time. `unanswered`: attempts
//! without a final answer, aborted and half-way ones included, in the ten minutes or so.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::evidence::{Counts, Evidence};

/// Half-life of the account's counts, seconds.
const WINDOW: u64 = 600;

pub static SIGNAL: Signal = Signal {
    name: "brute_force",
    summary: "many failures on one account, from one source or many",
    // Just above even odds alone for `bot` and `account_takeover`: a challenge before, a second factor after.
    weights: Weights { bot: 3.2, account_takeover: 4.6, account_abuse: 0.0 },
    parameters: &[
        Parameter {
            name: "failures_here",
            summary: "failures on one account from one source that never succeeded on it",
            default: 12.0,
            min: 3.0,
            max: 1_000.0,
        },
        Parameter {
            name: "failures_all",
            summary: "failures on one account from all sources, as a stranger meets it",
            default: 20.0,
            min: 3.0,
            max: 10_000.0,
        },
        Parameter {
            name: "failures_known",
            summary: "failures on one account from a source that succeeded on it before",
            default: 30.0,
            min: 3.0,
            max: 10_000.0,
        },
        Parameter {
            name: "share",
            summary: "share of failures that must be reached as well",
            default: 0.5,
            min: 0.1,
            max: 0.95,
        },
        Parameter {
            name: "prior_share",
            summary: "share of failures at which unanswered attempts count",
            default: 0.2,
            min: 0.0,
            max: 1.0,
        },
        Parameter {
            name: "in_flight",
            summary: "attempts on one account that may wait for an answer at one time",
            default: 10.0,
            min: 2.0,
            max: 1_000.0,
        },
        Parameter {
            name: "unanswered",
            summary: "attempts on one account without a final answer (aborted, pending, in flight)",
            default: 40.0,
            min: 5.0,
            max: 10_000.0,
        },
    ],
    needs: "the account's history from the store",
    findings: &[
        ("sources", "on this account, counted over {} of its sources"),
        ("observed", "{} observed"),
        ("limit", "limit {}"),
        ("known_source", "the source has succeeded here before|the source has never succeeded here"),
        ("failure_share", "share of failures {}"),
        ("in_flight", "waiting for an answer right now|answered"),
        ("unanswered", "never answered for good|answered"),
        ("window_s", "half-life {} s"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[failures_here, failures_all, failures_known, share, prior_share, in_flight, unanswered] = parameters else {
        return Reading::Blind;
    };
    if !evidence.attempt.event.tries_a_secret() || evidence.attempt.identity.account.is_none() {
        return Reading::Quiet;
    }
    let Some(history) = &evidence.history else { return Reading::Blind };
    let account = &history.account;
    let known = account.known_source;
    let mostly_failed = |counts: &Counts, least: f64| {
        failures(counts, prior_share) >= least && counts.failure_share(prior_share) >= share
    };
    let report = |sources: &str, observed: f64, limit: f64| {
        Findings::new()
            .text("sources", sources)
            .number("observed", observed)
            .number("limit", limit)
            .flag("known_source", known)
    };

    let limit_here = if known { failures_known } else { failures_here };
    // Other people's attempts say nothing about somebody who was here before.
    let (sources, seen) = if known { ("one", &account.from_here) } else { ("all", &account.recent) };
    let waiting = f64::from(account.in_flight).min(if known { account.from_here.open } else { f64::INFINITY });

    // Of those in flight at most so many are from here.
    let here_waiting = f64::from(account.in_flight).min(account.from_here.open.ceil());

    let here = [&account.from_here, &account.refused_here].into_iter().find(|counts| mostly_failed(counts, limit_here));

    let findings = if let Some(here) = here {
        report("one", failures(here, prior_share), limit_here).number("failure_share", here.failure_share(prior_share))
    } else if !known && mostly_failed(&account.recent, failures_all) {
        report("all", failures(&account.recent, prior_share), failures_all)
            .number("failure_share", account.recent.failure_share(prior_share))
    } else if would_fail(&account.from_here, here_waiting, limit_here, share) {
        report("one", account.from_here.failed + here_waiting, limit_here).flag("in_flight", true)
    } else if !known && would_fail(&account.recent, waiting, failures_all, share) {
        report("all", account.recent.failed + waiting, failures_all).flag("in_flight", true)
    } else if waiting >= in_flight {
        report(sources, waiting, in_flight).flag("in_flight", true)
    } else if seen.open >= unanswered {
        report(sources, seen.open, unanswered).flag("unanswered", true)
    } else if account.refused_here.open >= unanswered {
        report("one", account.refused_here.open, unanswered).flag("unanswered", true)
    } else {
        return Reading::Quiet;
    };
    Reading::Fired(findings.count("window_s", WINDOW))
}

/// Whether too many will have failed, and most, should all fail that wait beside the present attempt.
fn would_fail(counts: &Counts, waiting: f64, least: f64, share: f64) -> bool {
    let others = waiting - 1.0;
    let failing = counts.failed + others;
    others >= 1.0 && failing >= least && failing >= share * (failing + counts.succeeded)
}

/// Failures, and unanswered attempts at the prior share.
fn failures(counts: &Counts, prior_share: f64) -> f64 {
    counts.failed + prior_share * counts.open
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Event;
    use crate::engine::evidence::Account;
    use crate::engine::fixture;
    use crate::engine::signals::Finding;

    const DEFAULTS: [f64; 7] = [12.0, 20.0, 30.0, 0.5, 0.2, 10.0, 40.0];

    /// So many answered, and the present attempt in flight.
    fn answered(failed: f64, succeeded: f64) -> Counts {
        Counts { attempts: failed + succeeded + 1.0, failed, succeeded, open: 1.0 }
    }

    fn unanswered(open: f64) -> Counts {
        Counts { attempts: open, open, ..Counts::default() }
    }

    fn evidence(account: Account) -> Evidence {
        let mut evidence = fixture::evidence();
        evidence.history.as_mut().unwrap().account = account;
        evidence
    }

    fn check(known_source: bool, from_here: Counts, recent: Counts, in_flight: u32) -> Reading {
        read(&evidence(Account { recent, from_here, in_flight, known_source, ..Account::default() }), &DEFAULTS)
    }

    fn has_fired(reading: &Reading) -> bool {
        matches!(reading, Reading::Fired(_))
    }

    #[test]
    fn fires_on_one_stranger_who_guesses() {
        let first = (1..=40).find(|&nth| {
            let counts = answered(f64::from(nth) - 1.0, 0.0);
            has_fired(&check(false, counts, counts, 1))
        });
        assert_eq!(first, Some(13));
    }

    #[test]
    fn fires_on_many_strangers_with_one_guess_each() {
        let reading = check(false, answered(0.0, 0.0), answered(25.0, 1.0), 1);
        let Reading::Fired(findings) = reading else { panic!("25 failures from all over must fire") };
        assert_eq!(findings.get("sources"), Some(&Finding::Text("all".into())));
        assert_eq!(findings.get("limit"), Some(&Finding::Number(20.0)));
    }

    #[test]
    fn fires_on_guesses_in_parallel_and_on_guesses_that_hang_up() {
        assert!(has_fired(&check(false, unanswered(1.0), unanswered(10.0), 10)), "ten at once from many sources");
        assert!(has_fired(&check(false, unanswered(200.0), unanswered(200.0), 200)), "two hundred at once from one");
        assert!(has_fired(&check(false, unanswered(40.0), unanswered(40.0), 1)), "forty that were aborted");
    }

    #[test]
    fn fires_on_guesses_in_parallel_as_early_as_on_guesses_one_by_one() {
        for failed in 0..12 {
            let burst = |at_once: u32| Counts {
                attempts: f64::from(failed + at_once),
                failed: f64::from(failed),
                open: f64::from(at_once),
                succeeded: 0.0,
            };
            let first = (1..=40).find(|&nth| has_fired(&check(false, burst(nth), burst(nth), nth))).unwrap();
            assert!(failed + first - 1 <= 12, "{failed} failed, then {first} at once");
            assert!(first >= 10.min(12 - failed), "{failed} failed, then {first} at once");
        }
    }

    #[test]
    fn fires_earlier_where_some_guesses_have_no_answer_yet() {
        let answered_only = answered(11.0, 0.0);
        assert_eq!(check(false, answered_only, answered_only, 1), Reading::Quiet);
        let some_open = Counts { attempts: 17.0, open: 6.0, ..answered_only };
        assert!(has_fired(&check(false, some_open, some_open, 1)));
    }

    #[test]
    fn holds_while_refused_by_what_stood_and_not_by_what_was_refused() {
        for (what, stood, known_source, fires) in [
            ("twelve guesses, long ago", answered(12.0, 0.0), false, true),
            ("the same at the owner's", answered(12.0, 0.0), true, false),
            ("thirty at the owner's", answered(30.0, 0.0), true, true),
            ("forty that hung up", unanswered(40.0), false, true),
            ("three, and a program that is challenged each time", answered(3.0, 0.0), false, false),
            ("a shared account in constant use, whose phone is challenged", answered(15.0, 200.0), true, false),
        ] {
            let now = answered(0.1, 0.1);
            let account = Account {
                recent: now,
                from_here: now,
                refused_here: stood,
                in_flight: 1,
                known_source,
                ..Account::default()
            };
            assert_eq!(has_fired(&read(&evidence(account), &DEFAULTS)), fires, "{what}");
        }
    }

    #[test]
    fn fires_on_a_known_source_only_beyond_its_own_wide_budget() {
        assert_eq!(check(true, answered(25.0, 0.0), answered(25.0, 0.0), 1), Reading::Quiet);
        assert!(has_fired(&check(true, answered(30.0, 0.0), answered(30.0, 0.0), 1)));
        assert!(has_fired(&check(true, unanswered(15.0), unanswered(15.0), 15)));
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, known_source, from_here, recent, in_flight) in [
            ("a first attempt", false, answered(0.0, 0.0), answered(0.0, 0.0), 1),
            ("who forgot the password, on a new device", false, answered(10.0, 0.0), answered(10.0, 0.0), 1),
            ("the same at home", true, answered(10.0, 0.0), answered(10.0, 0.0), 1),
            ("the owner at home while 10,000 guess", true, answered(2.0, 1.0), answered(10_000.0, 1.0), 1),
            ("the same while 200 guesses are in flight", true, answered(0.0, 1.0), unanswered(200.0), 200),
            ("an impatient person and a slow application", false, unanswered(8.0), unanswered(8.0), 8),
            ("a shared account in constant use", false, answered(15.0, 200.0), answered(40.0, 600.0), 3),
        ] {
            assert_eq!(check(known_source, from_here, recent, in_flight), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn innocents_who_ask_for_a_reset_after_failing_stay_quiet() {
        let counts = answered(50.0, 0.0);
        let account = Account { recent: counts, from_here: counts, in_flight: 1, ..Account::default() };
        let mut evidence = evidence(account);
        for event in [Event::Reset, Event::Register, Event::Checkout] {
            evidence.attempt.event = event;
            assert_eq!(read(&evidence, &DEFAULTS), Reading::Quiet, "{}", evidence.attempt.event);
        }
    }

    #[test]
    fn blind_without_history_and_quiet_without_an_account() {
        let mut evidence = Evidence { history: None, ..fixture::evidence() };
        assert_eq!(read(&evidence, &DEFAULTS), Reading::Blind);
        evidence.attempt.identity.account = None;
        assert_eq!(read(&evidence, &DEFAULTS), Reading::Quiet);
    }
}
