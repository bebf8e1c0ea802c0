//! One address sends far more than it usually does, and more than anybody should.
//!
//! # What it reads
//! How many attempts of any event came from the client's network lately (`history.network`): decayed counts with half-lives
//! of a minute and of an hour. A steady rate of `r` in a half-life reads as `1.44 r`. Beside them what was learned of how
//! high they rise on this network's days (`usual_minute`, `usual_hour`). It fires where a count has reached its floor *and*
//! a day on which it rises as high is improbable: by a negative binomial tail over the peaks of the network's own days
//! ([`crate::engine::usual`]). A registration also fires it where the network registers more often than a household does and
//! does little else (`registrar`, half-life of an hour): behind an address that many people share, for each who registers many
//! log in. Blind without history.
//!
//! # How long it holds
//! Refused attempts count like all others, so a source that is refused and goes on at its rate stays above the limit for as
//! long as it does. Who stops is below it after one half-life for each doubling above it.
//!
//! # Why it matters
//! Whatever is automated is automated for volume: guesses, registrations, reset mails. But volume alone is no sign: the
//! office that sends three hundred people each morning differs from the rented server that sends as many in having done so
//! yesterday.
//!
//! # Who trips it innocently
//! Whoever is new and large at once: the first mornings of an office, a campaign that brings a carrier's customers, an
//! integration that logs in for each call. Some days later it is usual: it is learned from successes only, a day at a
//! time, and at most a fifth more from day to day, so that nobody can teach the gate a flood. Until then it shifts scores
//! and does not reach a threshold alone. So it is with a class that registers together in one lesson. Raise the floors, or allow-list the address, where such a source is known before.
//!
//! # Parameters
//! `per_minute`: below this count with a half-life of one minute it never fires (60 is about 42 a minute, kept up).
//! `per_hour`: the same for the one with an hour (150 is about 104 an hour, kept up, or 150 at once). Newcomers are expected
//! to reach a tenth of it. `registrations`: the least registrations with a half-life of one hour, where they are more than half of
//! all that the network sends. `probability`: a peak as high is expected on a smaller share of days.

use super::{Activity, Findings, Parameter, Reading, Signal, Weights};
use crate::engine::evidence::{EntityKind, Evidence};

pub static SIGNAL: Signal = Signal {
    name: "high_activity_ip",
    summary: "one address sends far more attempts than it usually does, and than people behind one address do",
    weights: Weights { bot: 1.8, account_takeover: 0.5, account_abuse: 1.5 },
    parameters: &[
        Parameter {
            name: "per_minute",
            summary: "least attempts, decayed with a half-life of one minute, that are ever called high",
            default: 60.0,
            min: 5.0,
            max: 1_000_000.0,
        },
        Parameter {
            name: "per_hour",
            summary: "least attempts, decayed with a half-life of one hour, that are ever called high",
            default: 150.0,
            min: 10.0,
            max: 10_000_000.0,
        },
        Parameter {
            name: "registrations",
            summary: "least registrations, decayed with a half-life of one hour, that are high for a network that does little else",
            default: 12.0,
            min: 2.0,
            max: 1_000_000.0,
        },
        Activity::PROBABILITY,
    ],
    needs: "the address's history from the store",
    // As `Activity::FINDINGS`, and how many of them registered.
    findings: &[
        ("registrations", "{} registrations"),
        ("observed", "{} attempts observed"),
        ("expected", "a day's peak is expected at {}"),
        ("days", "from {} days that were learned (older ones count less)"),
        ("p", "a day reaches as much with probability {}"),
        ("window_s", "half-life {} s"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[per_minute, per_hour, registrations, probability] = parameters else { return Reading::Blind };
    let Some(history) = &evidence.history else { return Reading::Blind };
    let source = &history.network;
    let registered = history.velocity(EntityKind::Registrar).map_or(0.0, |registrar| registrar.short.attempts);
    // Counted for registrations only, so that nobody else behind the address is any worse for it.
    if registered >= registrations && registered > 0.5 * source.hour.attempts {
        let findings = Findings::new().number("registrations", registered).number("observed", source.hour.attempts);
        return Reading::Fired(findings.count("window_s", 3_600u32));
    }
    Activity::judge(
        [
            Activity { window: 60, observed: source.minute.attempts, usual: source.usual_minute, floor: per_minute },
            Activity { window: 3_600, observed: source.hour.attempts, usual: source.usual_hour, floor: per_hour },
        ],
        probability,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::{Counts, Source, Usual};
    use crate::engine::fixture;
    use crate::engine::signals::Finding;

    const DEFAULTS: [f64; 4] = [60.0, 150.0, 12.0, 0.001];

    /// What is left of `total` attempts, evenly spread over the last `span` seconds.
    fn spread(total: u32, span: f64) -> Source {
        let decayed = |half_life: f64| {
            let ages = (0..total).map(|nth| f64::from(nth) * span / f64::from(total));
            Counts { attempts: ages.map(|age| (-age / half_life).exp2()).sum(), ..Counts::default() }
        };
        Source { minute: decayed(60.0), hour: decayed(3_600.0), ..Source::default() }
    }

    /// The same from an address whose days have such peaks, by the minute and by the hour.
    fn used_to(days: f64, minute: f64, hour: f64, source: &Source) -> Source {
        let usual = |mean: f64| Usual { days, mean, variance: 0.04 * mean * mean };
        Source { usual_minute: usual(minute), usual_hour: usual(hour), ..source.clone() }
    }

    fn check(network: Source) -> Reading {
        let mut evidence = fixture::evidence();
        evidence.history.as_mut().unwrap().network = network;
        read(&evidence, &DEFAULTS)
    }

    #[test]
    fn fires_on_a_burst_of_a_newcomer_and_says_in_which_window() {
        let Reading::Fired(findings) = check(spread(100, 30.0)) else { panic!("a hundred in half a minute must fire") };
        assert_eq!(findings.get("window_s"), Some(&Finding::Count(60)));
        assert_eq!(findings.get("expected"), Some(&Finding::Number(6.0)));
        assert_eq!(findings.get("days"), Some(&Finding::Number(0.0)));
        assert!(matches!(findings.get("p"), Some(Finding::Number(p)) if *p > 0.0 && *p < 1e-9), "{findings:?}");
    }

    #[test]
    fn fires_on_three_hundred_from_a_newcomer_and_not_from_the_office_that_sends_them_each_morning() {
        let morning = spread(300, 3_600.0);
        assert!(matches!(check(morning.clone()), Reading::Fired(_)));
        assert_eq!(check(used_to(6.0, 7.0, 205.0, &morning)), Reading::Quiet);
    }

    #[test]
    fn fires_on_a_steady_stream_below_the_minutes_floor() {
        let Reading::Fired(findings) = check(spread(30 * 60, 3_600.0)) else {
            panic!("30 a minute for an hour must fire")
        };
        assert_eq!(findings.get("window_s"), Some(&Finding::Count(3_600)));
    }

    #[test]
    fn fires_on_the_busy_who_are_busier_than_ever() {
        assert!(matches!(check(used_to(6.0, 7.0, 205.0, &spread(2_000, 3_600.0))), Reading::Fired(_)));
    }

    /// So many registrations from a network that sent so much within the hour.
    fn registering(registrations: f64, all: f64) -> Reading {
        let mut evidence = fixture::registration();
        let history = evidence.history.as_mut().unwrap();
        history.network.hour.attempts = all;
        for (kind, velocity) in &mut history.velocities {
            if *kind == EntityKind::Registrar {
                velocity.short.attempts = registrations;
            }
        }
        read(&evidence, &DEFAULTS)
    }

    #[test]
    fn fires_on_a_network_that_does_little_but_register() {
        let Reading::Fired(findings) = registering(14.0, 15.0) else { panic!("fourteen within the hour") };
        assert_eq!(findings.get("registrations"), Some(&Finding::Number(14.0)));
    }

    #[test]
    fn innocents_behind_an_address_of_many_and_at_home() {
        assert_eq!(registering(40.0, 120.0), Reading::Quiet, "a carrier's customers, most of whom log in");
        assert_eq!(registering(5.0, 6.0), Reading::Quiet, "a family");
        assert_eq!(registering(1.0, 1.0), Reading::Quiet, "one person");
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, source) in [
            ("one person", fixture::first_attempt()),
            ("one person, forty tries", spread(40, 600.0)),
            ("a hundred people within ten minutes", spread(100, 600.0)),
            ("two hundred people within two hours", spread(200, 7_200.0)),
            (
                "an integration that logs in for each call, as ever",
                used_to(9.0, 80.0, 4_300.0, &spread(3_000, 3_600.0)),
            ),
            ("a campus at nine, as ever", used_to(5.0, 90.0, 1_900.0, &spread(2_000, 1_800.0))),
            (
                "a burst that is over",
                Source { minute: Counts { attempts: 59.0, ..Counts::default() }, ..Source::default() },
            ),
        ] {
            assert_eq!(check(source), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn blind_without_history() {
        assert_eq!(read(&Evidence { history: None, ..fixture::evidence() }, &DEFAULTS), Reading::Blind);
    }
}
