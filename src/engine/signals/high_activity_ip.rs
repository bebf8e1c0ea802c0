//! One address sends more than people behind one address send.
//!
//! # What it reads
//! How many attempts of any event came from the client's network lately (`history.network`): decayed counts with half-lives
//! of a minute and of an hour. A steady rate of `r` in a half-life reads as `1.44 r`. Plain limits for now, the same for every
//! address. Blind without history.
//!
//! # How long it holds
//! Refused attempts count like all others, so a source that is refused and goes on at its rate stays above the limit for as
//! long as it does. Who stops
//! is below it after one half-life for each doubling above it.
//!
//! # Why it matters
//! Whatever is automated is automated for volume: guesses, registrations, reset mails.
//!
//! # Who trips it innocently
//! A university at nine o'clock, a carrier's shared addresses, an integration that logs in for each call. So it shifts scores
//! and does not reach a threshold alone; the limits let 300 people log in within ten minutes. Raise them, or
//! allow-list the address, where such a source is known.
//!
//! # Parameters
//! `per_minute`: limit of the count with a half-life of one minute (60 is about 42 a minute, kept up). `per_hour`: limit of the
//! one with an hour (600 is about 415 an hour, kept up).

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "high_activity_ip",
    summary: "one address sends far more attempts than people behind one address do",
    weights: Weights { bot: 1.8, account_takeover: 0.5, account_abuse: 1.5 },
    parameters: &[
        Parameter {
            name: "per_minute",
            summary: "limit of attempts, decayed with a half-life of one minute",
            default: 60.0,
            min: 5.0,
            max: 1_000_000.0,
        },
        Parameter {
            name: "per_hour",
            summary: "limit of attempts, decayed with a half-life of one hour",
            default: 600.0,
            min: 10.0,
            max: 10_000_000.0,
        },
    ],
    needs: "the address's history from the store",
    findings: &[("observed", "{} attempts observed"), ("limit", "limit {}"), ("window_s", "half-life {} s")],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[per_minute, per_hour] = parameters else { return Reading::Blind };
    let Some(history) = &evidence.history else { return Reading::Blind };
    let source = &history.network;
    let windows = [(60u32, source.minute.attempts, per_minute), (3_600, source.hour.attempts, per_hour)];
    match windows.into_iter().find(|(_, observed, limit)| observed >= limit) {
        Some((window, observed, limit)) => Reading::Fired(
            Findings::new().number("observed", observed).number("limit", limit).count("window_s", window),
        ),
        None => Reading::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::{Counts, Source};
    use crate::engine::fixture;

    const DEFAULTS: [f64; 2] = [60.0, 600.0];

    /// What is left of `total` attempts, evenly spread over the last `span` seconds.
    fn spread(total: u32, span: f64) -> Source {
        let decayed = |half_life: f64| {
            let ages = (0..total).map(|nth| f64::from(nth) * span / f64::from(total));
            Counts { attempts: ages.map(|age| (-age / half_life).exp2()).sum(), ..Counts::default() }
        };
        Source { minute: decayed(60.0), hour: decayed(3_600.0), ..Source::default() }
    }

    fn check(network: Source) -> Reading {
        let mut evidence = fixture::evidence();
        evidence.history.as_mut().unwrap().network = network;
        read(&evidence, &DEFAULTS)
    }

    #[test]
    fn fires_on_a_burst_and_says_in_which_window() {
        let source = Source { minute: Counts { attempts: 72.123_456, ..Counts::default() }, ..Source::default() };
        let findings = Findings::new().number("observed", 72.123).number("limit", 60.0).count("window_s", 60u32);
        assert_eq!(check(source), Reading::Fired(findings));
        assert!(matches!(check(spread(100, 30.0)), Reading::Fired(_)), "a hundred in half a minute");
    }

    #[test]
    fn fires_on_a_steady_stream_below_the_minutes_limit() {
        let Reading::Fired(findings) = check(spread(30 * 60, 3_600.0)) else {
            panic!("30 a minute for an hour must fire")
        };
        assert_eq!(findings.get("window_s"), Some(&super::super::Finding::Count(3_600)));
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, source) in [
            ("one person", fixture::first_attempt()),
            ("one person, forty tries", spread(40, 600.0)),
            ("300 people within ten minutes", spread(300, 600.0)),
            ("300 people within two hours", spread(300, 7_200.0)),
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
