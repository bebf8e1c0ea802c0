//! The account succeeded from a network that it never succeeded from before.
//!
//! # What it reads
//! At the moment after success: whether the account's profile knows the autonomous system of the address, how many it knows, and
//! how many of everybody's logins come from there, among those from its country (among all, where the country is new too). Quiet
//! on a network that is known, in a relay
//! that hides ordinary people, on an account without a login within half a year, and before success. Blind where this
//! address's network is not known, or the last login's was not (a database was configured since).
//!
//! # How it counts
//! By a share of its weight, the product of three. *How rare the network is in that country*: whoever changes
//! from the line at home to a telephone is in a network of millions, and a thief's rented machine or VPN in one that few
//! log in from; the logarithm of how many times rarer than its country it is, as a share of `rare`. *How surprising
//! anything new is on this account*: two over one and the number of networks that it knows, so that a traveller's sixth hotel
//! weighs a third of somebody's second network. And `own_device` on a device whose cookie says that it is the account's. It is
//! said to have fired on every network that is new.
//!
//! # Why it matters
//! A password travels, the line that it is typed on does not. That a machine stands in the victim's country costs a thief a VPN; that
//! it stands in the victim's provider's network costs somebody's home.
//!
//! Yet it says less than it seems to. Most who are new on a network are customers on their way, on a device of theirs; and
//! a thief who takes care comes from the victim's provider. By its weight it decides between those of whom the device says
//! something already.
//!
//! # Who trips it innocently
//! The telephone on its way for the first time, a hotel, a new provider, a VPN that was switched on.
//!
//! # Parameters
//! `rare`: how many times rarer than its country a network is that has the whole weight. `own_device`: share of it on a device
//! of the account's.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::evidence::{Evidence, Moment};
use crate::engine::ownership::NetworkKind;

/// Levels of a login: the network, and the country.
const NETWORK: usize = 1;
const COUNTRY: usize = 2;

pub static SIGNAL: Signal = Signal {
    name: "new_network",
    summary: "the account succeeded from a network that it never succeeded from before",
    weights: Weights { bot: 0.0, account_takeover: 1.0, account_abuse: 0.0 },
    parameters: &[
        Parameter {
            name: "rare",
            summary: "how many times rarer than its country a network is that has the whole weight",
            default: 400.0,
            min: 2.0,
            max: 1_000_000.0,
        },
        Parameter {
            name: "own_device",
            summary: "share of the weight on a device of the account's, by its cookie",
            default: 0.2,
            min: 0.0,
            max: 1.0,
        },
    ],
    needs: "the networks of the account's earlier logins, and this address's",
    findings: &[
        ("asn", "AS{}"),
        ("networks", "beside {} known networks"),
        ("rarity", "{} times rarer than its country"),
        ("own_device", "on a device of the account's|on no device of the account's"),
        ("share", "share {} of the weight"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[rare, own_device] = parameters else { return Reading::Blind };
    if evidence.moment == Moment::Before || evidence.attempt.identity.account.is_none() {
        return Reading::Quiet;
    }
    let Some(owner) = &evidence.owner else { return Reading::Blind };
    let here = owner.here.from;
    if !owner.can_compare() || here.network == NetworkKind::Relay {
        return Reading::Quiet;
    }
    if here.asn == 0 || owner.last.is_none_or(|last| last.from.asn == 0) {
        return Reading::Blind;
    }
    if owner.seen.network() {
        return Reading::Quiet;
    }
    // One login more of each: before anybody is known, nothing is rare.
    let all = if owner.seen.country() { owner.common[COUNTRY] } else { owner.population };
    let rarity = ((all + 1.0) / (owner.common[NETWORK] + 1.0)).max(1.0);
    let on_own_device = evidence.is_on_own_device();
    let trust = if on_own_device { own_device } else { 1.0 };
    let share = (rarity.ln() / rare.ln()).clamp(0.0, 1.0) * owner.surprise(NETWORK) * trust;
    Reading::Weighed {
        share,
        fires: true,
        findings: Findings::new()
            .count("asn", here.asn)
            .count("networks", owner.values[NETWORK])
            .number("rarity", rarity)
            .flag("own_device", on_own_device)
            .number("share", share),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixture;
    use crate::engine::ownership::{LEVELS, Ownership, Seen};
    use proptest::prelude::*;

    const DEFAULTS: [f64; 2] = [400.0, 0.2];
    const EVERYTHING: u8 = 0x7f;

    /// On a network that is new, and that so many of everybody's logins come from, of 24,000 of the country.
    fn elsewhere(common: f64, change: impl FnOnce(&mut Ownership)) -> Evidence {
        let mut evidence = fixture::after();
        evidence.history.as_mut().unwrap().holder = None;
        let owner = evidence.owner.as_mut().unwrap();
        owner.device = None;
        owner.seen = Seen(EVERYTHING & !(1 << NETWORK));
        owner.common[NETWORK] = common;
        owner.here.from.asn = 9009;
        change(owner);
        evidence
    }

    fn share(evidence: &Evidence) -> f64 {
        match read(evidence, &DEFAULTS) {
            Reading::Weighed { share, fires: true, .. } => share,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fires_on_a_network_that_is_new() {
        let evidence = elsewhere(5.0, |_| {});
        let Reading::Weighed { share, fires, findings } = read(&evidence, &DEFAULTS) else { panic!("not weighed") };
        assert_eq!((share, fires), (1.0, true));
        assert_eq!(
            serde_json::to_string(&findings).unwrap(),
            r#"{"asn":9009,"networks":1,"rarity":4000.167,"own_device":false,"share":1.0}"#
        );
    }

    #[test]
    fn what_is_common_and_who_is_everywhere_weigh_less() {
        let rare = share(&elsewhere(60.0, |_| {}));
        let common = share(&elsewhere(8_000.0, |_| {}));
        assert!(rare > 0.95 && common < 0.2, "{rare} {common}");
        let traveller = share(&elsewhere(60.0, |owner| owner.values[NETWORK] = 5));
        assert!((traveller - rare / 3.0).abs() < 1e-9, "{traveller}");
        let own = share(&elsewhere(60.0, |owner| owner.device = fixture::after().owner.unwrap().device));
        assert!((own - rare / 5.0).abs() < 1e-9, "{own}");
        let nobody_known = share(&elsewhere(0.0, |owner| owner.common = [0.0; LEVELS]));
        assert_eq!(nobody_known, 0.0, "of nothing known nothing is rare");
        let abroad = share(&elsewhere(60.0, |owner| {
            (owner.seen, owner.common[COUNTRY]) = (Seen(0), 70.0);
        }));
        assert!(abroad > 0.95, "most of a country that nobody comes from: {abroad}");
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, evidence) in [
            ("in the network of their provider", fixture::after()),
            ("in a relay", elsewhere(5.0, |owner| owner.here.from.network = NetworkKind::Relay)),
            ("on a first login", elsewhere(5.0, |owner| (owner.logins, owner.last) = (0.0, None))),
            ("before success nothing is proven", Evidence { moment: Moment::Before, ..elsewhere(5.0, |_| {}) }),
        ] {
            assert_eq!(read(&evidence, &DEFAULTS), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn blind_where_a_network_has_no_number() {
        for evidence in [
            Evidence { owner: None, ..fixture::after() },
            elsewhere(5.0, |owner| owner.here.from.asn = 0),
            elsewhere(5.0, |owner| owner.last.as_mut().unwrap().from.asn = 0),
        ] {
            assert_eq!(read(&evidence, &DEFAULTS), Reading::Blind);
        }
    }

    proptest! {
        #[test]
        fn whatever_was_counted_the_share_is_one(network in 0.0..1e12, country in 0.0..1e12, known: u8, rare in 2.0..1e6) {
            let evidence = elsewhere(network, |owner| {
                (owner.common[COUNTRY], owner.values[NETWORK]) = (country, known);
            });
            let Reading::Weighed { share, .. } = read(&evidence, &[rare, 0.2]) else { return Err(TestCaseError::fail("not weighed")) };
            prop_assert!((0.0..=1.0).contains(&share), "{}", share);
        }

        #[test]
        fn the_rarer_the_more(network in 0.0..1e6, more in 0.0..1e6, known: u8) {
            let share = |common| share(&elsewhere(common, |owner| owner.values[NETWORK] = known));
            prop_assert!(share(network) >= share(network + more));
        }
    }
}
