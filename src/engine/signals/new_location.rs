//! The account succeeded from a country that it never succeeded from before.
//!
//! # What it reads
//! At the moment after success: whether the account's profile knows the country of the address, and how many it knows. Quiet in
//! a country that is known, on an account without a login within half a year (of a first login nothing is new), and before
//! success. Blind where this address has no country, or the store could not say.
//!
//! # How it counts
//! By a share of its weight, two over one and the number of countries that the account knows: whoever logs in from six will log in
//! from a seventh; and of that `own_device` on a device whose cookie says that it is the account's. It is said to have
//! fired in every country that is new.
//!
//! # Why it matters
//! Somebody logs in from a country for the first time a few times in their life. Who bought a list of passwords logs in to
//! nearly every account from another country than its owner's, unless they pay for better.
//!
//! # Who trips it innocently
//! Everybody on the first day of a journey; with `impossible_travel` beside it only who flew faster than aeroplanes do.
//! Roaming telephones mostly leave through their carrier at home, and are at home. A VPN that was switched on in another
//! country: there it fires too, since that is what thieves do.
//!
//! # Parameters
//! `own_device`: share of the weight on a device of the account's.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::evidence::{Evidence, Moment};

/// Of the levels of a login.
const COUNTRY: usize = 2;

pub static SIGNAL: Signal = Signal {
    name: "new_location",
    summary: "the account succeeded from a country that it never succeeded from before",
    weights: Weights { bot: 0.0, account_takeover: 1.2, account_abuse: 0.0 },
    parameters: &[Parameter {
        name: "own_device",
        summary: "share of the weight on a device of the account's, by its cookie",
        default: 0.2,
        min: 0.0,
        max: 1.0,
    }],
    needs: "the countries of the account's earlier logins, and this address's",
    findings: &[
        ("country", "{}"),
        ("last", "the last login was in {}"),
        ("countries", "beside {} known countries"),
        ("own_device", "on a device of the account's|on no device of the account's"),
        ("share", "share {} of the weight"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[own_device] = parameters else { return Reading::Blind };
    if evidence.moment == Moment::Before || evidence.attempt.identity.account.is_none() {
        return Reading::Quiet;
    }
    let Some(owner) = &evidence.owner else { return Reading::Blind };
    if !owner.can_compare() {
        return Reading::Quiet;
    }
    let Some(here) = owner.here.from.country else { return Reading::Blind };
    if owner.seen.country() {
        return Reading::Quiet;
    }
    let on_own_device = evidence.is_on_own_device();
    let share = owner.surprise(COUNTRY) * if on_own_device { own_device } else { 1.0 };
    let findings = Findings::new().text("country", here.as_str());
    let findings = match owner.last.and_then(|last| last.from.country) {
        Some(last) => findings.text("last", last.as_str()),
        None => findings,
    };
    let findings =
        findings.count("countries", owner.values[COUNTRY]).flag("own_device", on_own_device).number("share", share);
    Reading::Weighed { share, fires: true, findings }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::Country;
    use crate::engine::fixture;
    use crate::engine::ownership::{Ownership, Seen};
    use crate::engine::time::Timestamp;

    const DEFAULTS: [f64; 1] = [0.2];
    const EVERYTHING: u8 = 0x7f;

    fn abroad(change: impl FnOnce(&mut Ownership)) -> Evidence {
        let mut evidence = fixture::after();
        evidence.history.as_mut().unwrap().holder = None;
        let owner = evidence.owner.as_mut().unwrap();
        owner.device = None;
        owner.seen = Seen(EVERYTHING & !(1 << COUNTRY));
        owner.here.from.country = Country::new("VN");
        change(owner);
        evidence
    }

    #[test]
    fn fires_in_a_country_that_is_new() {
        let Reading::Weighed { share, fires, findings } = read(&abroad(|_| {}), &DEFAULTS) else {
            panic!("not weighed")
        };
        assert_eq!((share, fires), (1.0, true));
        assert_eq!(
            serde_json::to_string(&findings).unwrap(),
            r#"{"country":"VN","last":"DE","countries":1,"own_device":false,"share":1.0}"#
        );
        let Reading::Weighed { share, .. } = read(&abroad(|owner| owner.values[COUNTRY] = 4), &DEFAULTS) else {
            panic!("not weighed")
        };
        assert_eq!(share, 0.4, "who has been in four will be in a fifth");
        let own = abroad(|owner| owner.device = fixture::after().owner.unwrap().device);
        let Reading::Weighed { share, fires: true, .. } = read(&own, &DEFAULTS) else { panic!("not weighed") };
        assert_eq!(share, 0.2, "with the own telephone on a journey");
    }

    #[test]
    fn innocents_stay_quiet() {
        let year = 365 * 86_400_000;
        for (who, evidence) in [
            ("at home", fixture::after()),
            ("on a first login", abroad(|owner| (owner.logins, owner.last) = (0.0, None))),
            ("before success nothing is proven", Evidence { moment: Moment::Before, ..abroad(|_| {}) }),
            (
                "after a year, when nothing of them is remembered",
                abroad(|owner| owner.last.as_mut().unwrap().at = Timestamp(owner.here.at.0 - year)),
            ),
        ] {
            assert_eq!(read(&evidence, &DEFAULTS), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn blind_where_the_address_is_nowhere() {
        assert_eq!(read(&abroad(|owner| owner.here.from.country = None), &DEFAULTS), Reading::Blind);
        assert_eq!(read(&Evidence { owner: None, ..fixture::after() }, &DEFAULTS), Reading::Blind);
    }
}
