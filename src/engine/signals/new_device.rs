//! The account succeeded on a device that it never succeeded on before.
//!
//! # What it reads
//! At the moment after success: whether the account's profile knows the device by its cookie (`owner.device`), or the device
//! remembers the account; whether it has shown this very software (User-Agent, languages, headers and their order), and
//! this address. Quiet with a cookie that is known, on an account without a login within half a year (of a first login
//! nothing is new), and before success. Blind where the store could not say. A cookie that was copied is nobody's proof.
//!
//! # How it counts
//! By a share of its weight. Whole where device, software and address are new and the system (Windows, iOS) is one of the
//! account's: what looks like the owner's kind of device and is not theirs is what a thief brings who knows of whom the
//! password is. `other_kind` where the system is new too: most people's second device is of another kind than the first.
//! `cleared` where the software is known to its last header, as that of somebody who clears cookies is. `at_home` at an
//! address that the account has used, where a new telephone is first tried. And of that n / (n + 1), after n logins: of whom
//! little is known, little is a surprise. It is said to have fired where the software is new too: without a cookie
//! nothing else tells one device from another.
//!
//! # Why it matters
//! Of the people with the right password nine in ten bring the cookie of their last time. Of the thieves hardly any can: it
//! would have to be stolen from the very browser, and a copy of it is noticed.
//!
//! # Who trips it innocently
//! Whoever has a new telephone, comes in a private window, or clears cookies, and is not at home at that. It is the most common
//! of the four reasons why somebody is new: as many innocents meet it as thieves, and by its weight it is an even chance.
//!
//! # Parameters
//! `other_kind`: share of the weight where the system is new too. `cleared`: share of it where the software is known.
//! `at_home`: share of it at a known address.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::evidence::{Evidence, Moment};

pub static SIGNAL: Signal = Signal {
    name: "new_device",
    summary: "the account succeeded on a device that it never succeeded on before",
    weights: Weights { bot: 0.0, account_takeover: 4.5, account_abuse: 0.0 },
    parameters: &[
        Parameter {
            name: "other_kind",
            summary: "share of the weight where the system (Windows, iOS) is new to the account too",
            default: 0.45,
            min: 0.0,
            max: 1.0,
        },
        Parameter {
            name: "cleared",
            summary: "share of the weight where the cookie is unknown and the software is known",
            default: 0.35,
            min: 0.0,
            max: 1.0,
        },
        Parameter {
            name: "at_home",
            summary: "share of the weight where the address is one of the account's",
            default: 0.05,
            min: 0.0,
            max: 1.0,
        },
    ],
    needs: "what the account's earlier logins were like",
    findings: &[
        ("devices", "beside {} known devices"),
        ("cookie", "with a cookie that the account never showed|without a cookie"),
        ("software_known", "with software that is known|with new software"),
        ("system_known", "of a system that is known|of a new system"),
        ("address_known", "from a known address|from a new address"),
        ("share", "share {} of the weight"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[other_kind, cleared, at_home] = parameters else { return Reading::Blind };
    if evidence.moment == Moment::Before || evidence.attempt.identity.account.is_none() {
        return Reading::Quiet;
    }
    let Some(owner) = &evidence.owner else { return Reading::Blind };
    if !owner.can_compare() || evidence.is_on_own_device() {
        return Reading::Quiet;
    }
    let (software_known, system_known, address_known) = (owner.seen.agent(), owner.seen.system(), owner.seen.address());
    let share: f64 = match (software_known, system_known) {
        (true, _) => cleared,
        (false, true) => 1.0,
        (false, false) => other_kind,
    };
    let share = if address_known { share.min(at_home) } else { share };
    let share = share * owner.logins / (owner.logins + 1.0);
    Reading::Weighed {
        share,
        fires: !software_known,
        findings: Findings::new()
            .count("devices", owner.devices)
            .flag("cookie", owner.here.cookie.is_some())
            .flag("software_known", software_known)
            .flag("system_known", system_known)
            .flag("address_known", address_known)
            .number("share", share),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixture;
    use crate::engine::holder::Holder;
    use crate::engine::ownership::{KnownDevice, Ownership, Seen};
    use crate::engine::time::Timestamp;

    const DEFAULTS: [f64; 3] = [0.45, 0.35, 0.05];
    const ADDRESS: u8 = 1;
    const SOFTWARE: u8 = 1 << 3;
    const SYSTEM: u8 = 1 << 5;

    /// A stranger's device, on which nothing is known but what `seen` says.
    fn stranger(seen: u8, change: impl FnOnce(&mut Evidence)) -> Evidence {
        let mut evidence = fixture::after();
        evidence.history.as_mut().unwrap().holder = None;
        let owner = evidence.owner.as_mut().unwrap();
        (owner.device, owner.seen, owner.here.cookie) = (None, Seen(seen), None);
        // So many that n / (n + 1) is as good as one.
        owner.logins = 1e9;
        change(&mut evidence);
        evidence
    }

    fn owner(evidence: &mut Evidence) -> &mut Ownership {
        evidence.owner.as_mut().unwrap()
    }

    fn of(evidence: &Evidence) -> (f64, bool) {
        match read(evidence, &DEFAULTS) {
            Reading::Weighed { share, fires, .. } => (share, fires),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn check(evidence: &Evidence, share: f64, fires: bool) {
        let (found, fired) = of(evidence);
        assert!((found - share).abs() < 1e-6 && fired == fires, "{found} {fired}");
    }

    #[test]
    fn fires_on_a_device_that_nothing_of_is_known() {
        let evidence = stranger(SYSTEM, |_| {});
        check(&evidence, 1.0, true);
        let Reading::Weighed { findings, .. } = read(&evidence, &DEFAULTS) else { panic!("not weighed") };
        assert_eq!(
            serde_json::to_string(&findings).unwrap(),
            r#"{"devices":1,"cookie":false,"software_known":false,"system_known":true,"address_known":false,"share":1.0}"#
        );
        check(&stranger(SYSTEM, |evidence| owner(evidence).here.cookie = Some(5)), 1.0, true);
        let copied = stranger(SYSTEM, |evidence| {
            owner(evidence).device = Some(KnownDevice { first: 1, last: 2, successes: 9, by_cookie: true });
            evidence.history.as_mut().unwrap().holder = Some(Holder { copied: true, ..fixture::used_by_its_owner() });
        });
        check(&copied, 1.0, true);
    }

    #[test]
    fn what_is_half_known_counts_by_a_share() {
        // A telephone beside a computer; cleared cookies; a new telephone at home; a private window at home.
        check(&stranger(0, |_| {}), 0.45, true);
        check(&stranger(SOFTWARE | SYSTEM, |_| {}), 0.35, false);
        check(&stranger(ADDRESS, |_| {}), 0.05, true);
        check(&stranger(ADDRESS | SOFTWARE | SYSTEM, |_| {}), 0.05, false);
        check(&stranger(SYSTEM, |evidence| owner(evidence).logins = 1.0), 0.5, true);
    }

    #[test]
    fn innocents_stay_quiet() {
        let year = 365 * 86_400_000;
        for (who, evidence) in [
            ("on their own device", fixture::after()),
            ("before success nothing is proven", Evidence { moment: Moment::Before, ..stranger(0, |_| {}) }),
            (
                "on a device that remembers the account where the profile has forgotten the device",
                stranger(0, |evidence| {
                    evidence.history.as_mut().unwrap().holder = Some(fixture::used_by_its_owner());
                }),
            ),
            (
                "on a first login",
                stranger(0, |evidence| {
                    let owner = owner(evidence);
                    (owner.logins, owner.last) = (0.0, None);
                }),
            ),
            (
                "after a year, when nothing of them is remembered",
                stranger(0, |evidence| {
                    let owner = owner(evidence);
                    owner.last.as_mut().unwrap().at = Timestamp(owner.here.at.0 - year);
                }),
            ),
            ("without an account", stranger(0, |evidence| evidence.attempt.identity.account = None)),
        ] {
            assert_eq!(read(&evidence, &DEFAULTS), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn blind_without_the_store() {
        assert_eq!(read(&Evidence { owner: None, ..fixture::after() }, &DEFAULTS), Reading::Blind);
    }
}
