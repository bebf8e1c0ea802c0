//! One device sends far more than it usually does, and more than its people should.
//!
//! # What it reads
//! How many attempts of any event came from the client's device lately (`history.device`): decayed counts with half-lives
//! of a minute and of an hour, beside what was learned of how high they rise on this device's days. As
//! `high_activity_ip`, of the device that the gate's cookie names, once somebody logged in with it; until then, and without
//! a cookie, of all that run the same software in the same autonomous system. Blind without history.
//!
//! # How long it holds
//! For as long as it goes on, and one half-life more for each doubling above the floor.
//!
//! # Why it matters
//! Addresses are cheap to change, by the request if need be. Whoever does and keeps a cookie, or the same program, is one
//! device at many addresses.
//!
//! # Who trips it innocently
//! A till or a kiosk at which everybody signs in: after some days it is usual. A new version of a popular browser at a
//! large carrier is new to the gate and is thousands of people, so that without a cookie the floors are ten times as high
//! (`fingerprint_factor`), and the weight is small.
//!
//! # Parameters
//! `per_minute`, `per_hour`: below these counts, with half-lives of a minute and of an hour, it never fires.
//! `fingerprint_factor`: how many times as high they are where no cookie tells one device from another. `probability`: a peak as high is
//! expected on a smaller share of days.

use super::{Activity, Parameter, Reading, Signal, Weights};
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "high_activity_device",
    summary: "one device sends far more attempts than it usually does, and than the people at one device do",
    // Much of what it sees an address shows as well: together they stay below a threshold.
    weights: Weights { bot: 1.0, account_takeover: 0.5, account_abuse: 1.0 },
    parameters: &[
        Parameter {
            name: "per_minute",
            summary: "least attempts, decayed with a half-life of one minute, that are ever called high",
            default: 45.0,
            min: 5.0,
            max: 1_000_000.0,
        },
        Parameter {
            name: "per_hour",
            summary: "least attempts, decayed with a half-life of one hour, that are ever called high",
            default: 60.0,
            min: 10.0,
            max: 10_000_000.0,
        },
        Parameter {
            name: "fingerprint_factor",
            summary: "how many times as high that is for all who send the same headers, where no proven cookie tells one device from another",
            default: 10.0,
            min: 1.0,
            max: 1_000.0,
        },
        Activity::PROBABILITY,
    ],
    needs: "the device's history from the store",
    findings: Activity::FINDINGS,
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[per_minute, per_hour, fingerprint_factor, probability] = parameters else { return Reading::Blind };
    let Some(history) = &evidence.history else { return Reading::Blind };
    let source = &history.device;
    let factor = if evidence.attempt.device.by_cookie().is_some() { 1.0 } else { fingerprint_factor };
    let (minute, hour) = (factor * per_minute, factor * per_hour);
    Activity::judge(
        [
            Activity { window: 60, observed: source.minute.attempts, usual: source.usual_minute, floor: minute },
            Activity { window: 3_600, observed: source.hour.attempts, usual: source.usual_hour, floor: hour },
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

    const DEFAULTS: [f64; 4] = [45.0, 60.0, 10.0, 0.001];

    fn check(cookie: bool, minute: f64, hour: f64, usual_hour: Usual) -> Reading {
        let mut evidence = fixture::evidence();
        evidence.attempt.device.proven = cookie;
        let counts = |attempts| Counts { attempts, ..Counts::default() };
        let source = Source { minute: counts(minute), hour: counts(hour), usual_hour, ..Source::default() };
        evidence.history.as_mut().unwrap().device = source;
        read(&evidence, &DEFAULTS)
    }

    #[test]
    fn fires_on_one_cookie_that_is_everywhere() {
        let Reading::Fired(findings) = check(true, 3.0, 70.0, Usual::default()) else { panic!("70 within the hour") };
        assert_eq!(findings.get("observed"), Some(&Finding::Number(70.0)));
        assert_eq!(findings.get("window_s"), Some(&Finding::Count(3_600)));
    }

    #[test]
    fn fires_on_one_program_at_many_addresses() {
        assert!(matches!(check(false, 30.0, 700.0, Usual::default()), Reading::Fired(_)));
    }

    #[test]
    fn innocents_stay_quiet() {
        let usual = |mean: f64| Usual { days: 6.0, mean, variance: 0.04 * mean * mean };
        for (who, cookie, minute, hour, usual) in [
            ("one person", true, 1.0, 1.0, Usual::default()),
            ("a family after a forgotten password", true, 8.0, 25.0, Usual::default()),
            ("a till at which everybody signs in, as ever", true, 6.0, 150.0, usual(140.0)),
            ("a popular browser at a large carrier, as ever", false, 60.0, 2_500.0, usual(2_300.0)),
            ("its new version, on the first day", false, 12.0, 500.0, Usual::default()),
        ] {
            assert_eq!(check(cookie, minute, hour, usual), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn blind_without_history() {
        assert_eq!(read(&Evidence { history: None, ..fixture::evidence() }, &DEFAULTS), Reading::Blind);
    }
}
