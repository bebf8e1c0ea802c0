//! The account succeeded in two places that nobody can travel between in the time that lay between.
//!
//! # What it reads
//! At the moment after success: where this address is, and where the account's last login that was let through came from
//! (`owner.last`), and those that are succeeding at this very time (`owner.parallel`): of two thieves or one in two tabs, the
//! second is told of the first. The distance is the great circle less both radii of uncertainty, so that it is
//! the least that lies between. Without a city database a country is a circle around its outline. Blind where either address
//! has no position, where the store cannot say, and while most answers on the route are answers to nothing known: then
//! the last success that is known may long not be the last. Quiet before success, and on a first login.
//!
//! # Why it matters
//! A password that is used in Oslo at noon and in Lagos at one is used by two people.
//!
//! # Who trips it innocently
//! Whoever switches a VPN on: so an address that is known to hide people (VPN, Tor, data centre, relay), then or
//! now, says nothing here. Whose carrier takes a phone's traffic out in another country: the device cookie of the last
//! login is proof of the same device, wherever it is. Who lives at a border, and whose country is large: the radii. Families
//! that share an account across continents do trip it.
//!
//! # Parameters
//! `speed_kmh`: what no passenger exceeds, from door to door. `distance_km`: what lies between for certain, before speed means
//! anything.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::evidence::{Evidence, Moment};
use crate::engine::ownership::{NetworkKind, Success};

pub static SIGNAL: Signal = Signal {
    name: "impossible_travel",
    summary: "the account succeeded in two places faster than anybody travels",
    // One in five alone: what databases say of addresses is wrong too often for more.
    weights: Weights { bot: 0.0, account_takeover: 3.0, account_abuse: 0.0 },
    parameters: &[
        Parameter {
            name: "speed_kmh",
            summary: "speed that nobody travels at, kilometres an hour",
            default: 1_000.0,
            min: 100.0,
            max: 100_000.0,
        },
        Parameter {
            name: "distance_km",
            summary: "least distance between both places, less what is uncertain",
            default: 100.0,
            min: 10.0,
            max: 20_000.0,
        },
    ],
    needs: "where the account last succeeded, and where this address is",
    findings: &[
        ("distance_km", "{} km at least"),
        ("hours", "within {} hours"),
        ("speed_kmh", "{} km/h"),
        ("from", "from {}"),
        ("to", "to {}"),
        ("parallel", "while the other login was still under way|after the other login"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[speed_kmh, distance_km] = parameters else { return Reading::Blind };
    if evidence.moment == Moment::Before || evidence.attempt.identity.account.is_none() {
        return Reading::Quiet;
    }
    let Some(owner) = &evidence.owner else { return Reading::Blind };
    let mut others =
        owner.last.iter().map(|last| (last, false)).chain(owner.parallel.iter().map(|other| (other, true)));
    let here = &owner.here;
    if here.from.network.hides() || (owner.last.is_none() && owner.parallel.is_empty()) {
        return Reading::Quiet;
    }
    let Some(to) = here.from.place.filter(|_| here.from.network != NetworkKind::Unknown && !owner.unrecognised) else {
        return Reading::Blind;
    };
    let mut blind = false;
    let found = others.find_map(|(other, parallel)| {
        if is_same_device(here, other) || other.from.network.hides() {
            return None;
        }
        let Some(from) = other.from.place.filter(|_| other.from.network != NetworkKind::Unknown) else {
            blind = true;
            return None;
        };
        let km = to.least_km_to(from);
        // In either order: what is told late is as far away.
        let hours = here.at.since(other.at).max(other.at.since(here.at)).as_secs_f64() / 3600.0;
        let speed = km / hours.max(1.0 / 3600.0);
        (km > distance_km && speed > speed_kmh).then(|| {
            let country = |success: &Success| success.from.country.map_or("??".to_owned(), |c| c.as_str().to_owned());
            Findings::new()
                .number("distance_km", km.round())
                .number("hours", hours)
                .number("speed_kmh", speed.round())
                .text("from", &country(other))
                .text("to", &country(here))
                .flag("parallel", parallel)
        })
    });
    match found {
        Some(findings) => Reading::Fired(findings),
        None if blind => Reading::Blind,
        None => Reading::Quiet,
    }
}

/// Proof that it is the device of that login; without a cookie there is none.
fn is_same_device(here: &Success, other: &Success) -> bool {
    here.cookie.is_some() && here.cookie == other.cookie
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::Country;
    use crate::engine::fixture;
    use crate::engine::ownership::{Place, Whence};
    use std::time::Duration;

    const DEFAULTS: [f64; 2] = [1_000.0, 100.0];
    const OSLO: (f64, f64, f64) = (59.91, 10.75, 20.0);
    const LAGOS: (f64, f64, f64) = (6.45, 3.40, 20.0);
    const BERGEN: (f64, f64, f64) = (60.39, 5.32, 250.0);

    fn whence((lat, lon, radius): (f64, f64, f64), country: &str) -> Whence {
        Whence { place: Place::new(lat, lon, radius), country: Country::new(country), ..Whence::default() }
    }

    /// In Lagos, so many hours after Oslo, changed.
    fn travel(hours: f64, change: impl FnOnce(&mut Success, &mut Success)) -> Evidence {
        let mut evidence = fixture::after();
        let owner = evidence.owner.as_mut().unwrap();
        let mut last = owner.last.unwrap();
        (last.from, last.cookie) = (whence(OSLO, "NO"), Some(1));
        (owner.here.from, owner.here.cookie) = (whence(LAGOS, "NG"), None);
        owner.here.at = last.at.after(Duration::from_secs_f64(hours * 3600.0));
        change(&mut last, &mut owner.here);
        owner.last = Some(last);
        evidence
    }

    fn fires(evidence: &Evidence) -> bool {
        matches!(read(evidence, &DEFAULTS), Reading::Fired(_))
    }

    #[test]
    fn fires_on_two_continents_within_an_hour() {
        let Reading::Fired(findings) = read(&travel(1.0, |_, _| {}), &DEFAULTS) else { panic!("quiet") };
        let said = serde_json::to_string(&findings).unwrap();
        assert_eq!(
            said,
            r#"{"distance_km":5937.0,"hours":1.0,"speed_kmh":5937.0,"from":"NO","to":"NG","parallel":false}"#
        );
    }

    #[test]
    fn fires_on_a_login_that_is_under_way_elsewhere() {
        let mut evidence = travel(0.0, |_, _| {});
        let owner = evidence.owner.as_mut().unwrap();
        owner.parallel = vec![owner.last.take().unwrap()];
        assert!(fires(&evidence));
    }

    #[test]
    fn innocents_stay_quiet() {
        let vpn = |success: &mut Success| success.from.network = NetworkKind::Vpn;
        for (who, evidence) in [
            ("a passenger", travel(9.0, |_, _| {})),
            ("before success nothing is proven", Evidence { moment: Moment::Before, ..travel(1.0, |_, _| {}) }),
            ("on a VPN now", travel(1.0, |_, here| vpn(here))),
            ("on a VPN before", travel(1.0, |last, _| vpn(last))),
            ("on a relay", travel(1.0, |_, here| here.from.network = NetworkKind::Relay)),
            ("with the same cookie, through a roaming carrier", travel(1.0, |_, here| here.cookie = Some(1))),
            ("in the next town, as databases have it", travel(0.1, |_, here| here.from = whence(BERGEN, "NO"))),
            (
                "in large countries, that are all that is known",
                travel(1.0, |last, here| {
                    last.from.place = Place::new(48.0, -122.0, 4471.0);
                    here.from.place = Place::new(23.0, -102.0, 1800.0);
                }),
            ),
            ("who was never seen before", {
                let mut evidence = travel(1.0, |_, _| {});
                evidence.owner.as_mut().unwrap().last = None;
                evidence
            }),
        ] {
            assert_eq!(read(&evidence, &DEFAULTS), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn blind_without_positions_or_history() {
        let mut nothing = travel(1.0, |_, _| {});
        nothing.owner = None;
        let mut mostly_unknown = travel(1.0, |_, _| {});
        mostly_unknown.owner.as_mut().unwrap().unrecognised = true;
        for evidence in [
            nothing,
            mostly_unknown,
            travel(1.0, |last, _| last.from.place = None),
            travel(1.0, |_, here| here.from.place = None),
            travel(1.0, |_, here| here.from.network = NetworkKind::Unknown),
        ] {
            assert_eq!(read(&evidence, &DEFAULTS), Reading::Blind);
        }
    }
}
