//! The account succeeded on a device that it never succeeded on before.
//!
//! # What it reads
//! At the moment after success: whether the account's profile knows the device by its cookie (`owner.device`), or the device
//! remembers the account; whether it has shown this very software (User-Agent, languages, headers and their order), and
//! this address; whether the browser was here on an earlier day (`device.issued`); and whether others log in at this address
//! (`owner.common`). Quiet with a cookie that is known, and before success. Blind where the store could not say. A cookie
//! that was copied is nobody's proof.
//!
//! # How it counts
//! By a share of its weight, the product of three. *What is new*: whole where device, software and address are new and the
//! system (Windows, iOS) is one of the account's: what looks like the owner's kind of device and is not theirs is what a thief
//! brings who knows of whom the password is. `other_kind` where the system is new too: most people's second device is of
//! another kind than the first. `cleared` where the software is known to its last header, as that of somebody who clears
//! cookies is. `at_home` at an address that the account has used, where a new telephone is first tried. `first_login` where
//! no login of the account is known within half a year, so that nothing of it can be compared. *Whether the browser was here
//! before*: `visited` of it where the gate gave it a cookie `visited_hours` ago or longer, though nobody logged in with it, or
//! where the account was registered on it; all of it by default, for a cookie without a login costs nothing. *Whether it is a
//! place of customers*: `shared_address` of it at an address that others log in at: a household, an office, a carrier's gateway;
//! never at one that hides whoever wants to be hidden. How many logins of the account are known plays no part: thieves come to
//! those who log in seldom as often as to others.
//!
//! It is said to have fired where the account has logins and the software is new too: without a cookie nothing else tells
//! one device from another. Of a first login it never is: there everything is new.
//!
//! # Why it matters
//! Of the people with the right password nine in ten bring the cookie of their last time. Of the thieves hardly any can: it
//! would have to be stolen from the very browser, and a copy of it is noticed. An old cookie without a login is no proof: a thief
//! has one for each victim by asking for the form a day before. Most owners with a new device bring one all the same, and
//! thieves do not yet; whoever wants to use that sets `visited` to 0.2, and knows that it can be bought. An address that others log in at
//! costs a thief an account of their own at each address that they come from, so it takes away most of the weight and not all;
//! where thieves prepare like that, set it to 1.
//!
//! # Who trips it innocently
//! Whoever has a new telephone, comes in a private window, or clears cookies, and is not at home at that: the most common
//! of the reasons why somebody is new. Whose new device is of the old one's system, at an address and in a browser of which
//! the gate knows nothing at all, is asked for more by the built-in policy, once. And whoever logs in for the first time since
//! there is a gate, where nobody else does, on a browser that was not here before: in a gate's first weeks that is everybody.
//! A first login therefore does not reach the bar of the built-in policy by being new.
//!
//! # Parameters
//! `other_kind`: share of the weight where the system is new too. `cleared`: share of it where the software is known.
//! `at_home`: share of it at a known address. `first_login`: share of it where no login of the account is known. `visited`: what is left
//! of it where the browser was here before; `visited_hours`: how long before. `shared_address`: what is left of it at an
//! address that others log in at.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::evidence::{Evidence, Moment};
use crate::engine::ownership::{NetworkKind, Ownership};

/// Of the levels of a login.
const ADDRESS: usize = 0;
/// Everybody's logins at an address, decayed, from which on it is one that customers come from.
const OTHERS: f64 = 0.5;

pub static SIGNAL: Signal = Signal {
    name: "new_device",
    summary: "the account succeeded on a device that it never succeeded on before",
    weights: Weights { bot: 0.0, account_takeover: 5.0, account_abuse: 0.0 },
    parameters: &[
        Parameter {
            name: "other_kind",
            summary: "share of the weight where the system (Windows, iOS) is new to the account too",
            default: 0.55,
            min: 0.0,
            max: 1.0,
        },
        Parameter {
            name: "cleared",
            summary: "share of the weight where the cookie is unknown and the software is known",
            default: 0.36,
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
        Parameter {
            name: "first_login",
            summary: "share of the weight where no login of the account is known within half a year",
            default: 0.6,
            min: 0.0,
            max: 1.0,
        },
        Parameter {
            name: "visited",
            summary: "what is left of the share where the browser was here before, by its cookie",
            default: 1.0,
            min: 0.0,
            max: 1.0,
        },
        Parameter {
            name: "visited_hours",
            summary: "how long ago a cookie must have been given out that speaks for an earlier visit",
            default: 12.0,
            min: 0.1,
            max: 8_760.0,
        },
        Parameter {
            name: "shared_address",
            summary: "what is left of the share at an address that others log in at",
            default: 0.2,
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
        ("first_login", "no login of the account is known|the account has logins"),
        ("visited", "the browser was here before|the browser was not here before"),
        ("shared_address", "others log in at that address|nobody else logs in at that address"),
        ("share", "share {} of the weight"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[other_kind, cleared, at_home, first_login, visited, visited_hours, shared_address] = parameters else {
        return Reading::Blind;
    };
    if evidence.moment == Moment::Before || evidence.attempt.identity.account.is_none() {
        return Reading::Quiet;
    }
    let Some(owner) = &evidence.owner else { return Reading::Blind };
    if evidence.is_on_own_device() {
        return Reading::Quiet;
    }
    let is_first = !owner.can_compare();
    let (software_known, system_known, address_known) = (owner.seen.agent(), owner.seen.system(), owner.seen.address());
    let kind: f64 = match (software_known, system_known) {
        _ if is_first => first_login,
        (true, _) => cleared,
        (false, true) => 1.0,
        (false, false) => other_kind,
    };
    let was_here = was_here(evidence, visited_hours);
    let is_shared = !address_known && is_shared(owner);
    let share = if address_known { kind.min(at_home) } else { kind };
    let share = share * if was_here { visited } else { 1.0 } * if is_shared { shared_address } else { 1.0 };
    Reading::Weighed {
        share,
        fires: !is_first && !software_known,
        findings: Findings::new()
            .count("devices", owner.devices)
            .flag("cookie", owner.here.cookie.is_some())
            .flag("software_known", software_known)
            .flag("system_known", system_known)
            .flag("address_known", address_known)
            .flag("first_login", is_first)
            .flag("visited", was_here)
            .flag("shared_address", is_shared)
            .number("share", share),
    }
}

/// Whether the browser was here so long before, or the account was registered on it. One on which somebody else logged in is
/// somebody else's, and a cookie that is in two places nobody's.
fn was_here(evidence: &Evidence, hours: f64) -> bool {
    let device = &evidence.attempt.device;
    let holder = evidence.history.as_ref().and_then(|history| history.holder);
    if device.id.is_none() || device.proven || holder.is_some_and(|holder| holder.copied || holder.logged_in) {
        return false;
    }
    let age = device.issued.map(|issued| evidence.attempt.at.since(issued).as_secs_f64() / 3600.0);
    age.is_some_and(|age| age >= hours) || holder.is_some_and(|holder| holder.account_counts)
}

/// Whether customers log in at this address, and it is none that anybody can come from.
fn is_shared(owner: &Ownership) -> bool {
    let anybody = match owner.here.from.network {
        NetworkKind::Hosting | NetworkKind::Vpn | NetworkKind::Tor => true,
        NetworkKind::Access | NetworkKind::Relay | NetworkKind::Unknown => false,
    };
    owner.common[ADDRESS] >= OTHERS && !anybody
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::assessment::{Model, assess};
    use crate::engine::attempt::Pseudonym;
    use crate::engine::evidence::{Known, Leak, LeakSource};
    use crate::engine::fixture;
    use crate::engine::holder::Holder;
    use crate::engine::ownership::{KnownDevice, Seen};
    use crate::engine::time::Timestamp;

    const DEFAULTS: [f64; 7] = [0.55, 0.36, 0.05, 0.6, 1.0, 12.0, 0.2];
    /// As an operator sets it who takes earlier visits for something.
    const VISITS_COUNT: [f64; 7] = [0.55, 0.36, 0.05, 0.6, 0.2, 12.0, 0.2];
    const AT_HOME: u8 = 1;
    const SOFTWARE: u8 = 1 << 3;
    const SYSTEM: u8 = 1 << 5;

    /// A stranger's device, on which nothing is known but what `seen` says.
    fn stranger(seen: u8, change: impl FnOnce(&mut Evidence)) -> Evidence {
        let mut evidence = fixture::after();
        evidence.history.as_mut().unwrap().holder = None;
        let owner = evidence.owner.as_mut().unwrap();
        (owner.device, owner.seen, owner.here.cookie) = (None, Seen(seen), None);
        owner.common[ADDRESS] = 0.0;
        change(&mut evidence);
        evidence
    }

    fn owner(evidence: &mut Evidence) -> &mut Ownership {
        evidence.owner.as_mut().unwrap()
    }

    fn of(evidence: &Evidence, parameters: &[f64]) -> (f64, bool) {
        match read(evidence, parameters) {
            Reading::Weighed { share, fires, .. } => (share, fires),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn check(evidence: &Evidence, share: f64, fires: bool) {
        let (found, fired) = of(evidence, &DEFAULTS);
        assert!((found - share).abs() < 1e-6 && fired == fires, "{found} {fired}");
    }

    #[test]
    fn fires_on_a_device_that_nothing_of_is_known() {
        let evidence = stranger(SYSTEM, |_| {});
        check(&evidence, 1.0, true);
        let Reading::Weighed { findings, .. } = read(&evidence, &DEFAULTS) else { panic!("not weighed") };
        assert_eq!(
            serde_json::to_string(&findings).unwrap(),
            r#"{"devices":1,"cookie":false,"software_known":false,"system_known":true,"address_known":false,"first_login":false,"visited":false,"shared_address":false,"share":1.0}"#
        );
        check(&stranger(SYSTEM, |evidence| owner(evidence).here.cookie = Some(5)), 1.0, true);
        check(&stranger(SYSTEM, |evidence| owner(evidence).logins = 1.0), 1.0, true);
        let copied = stranger(SYSTEM, |evidence| {
            owner(evidence).device = Some(KnownDevice { first: 1, last: 2, successes: 9, by_cookie: true });
            evidence.history.as_mut().unwrap().holder = Some(Holder { copied: true, ..fixture::used_by_its_owner() });
        });
        check(&copied, 1.0, true);
    }

    #[test]
    fn what_is_half_known_counts_by_a_share() {
        // A telephone beside a computer; cleared cookies; a new telephone at home; a private window at home.
        check(&stranger(0, |_| {}), 0.55, true);
        check(&stranger(SOFTWARE | SYSTEM, |_| {}), 0.36, false);
        check(&stranger(AT_HOME, |_| {}), 0.05, true);
        check(&stranger(AT_HOME | SOFTWARE | SYSTEM, |_| {}), 0.05, false);
    }

    /// A cookie with which nobody logged in, given out so many hours ago.
    fn brings(evidence: &mut Evidence, hours: u64) {
        let at = evidence.attempt.at;
        let device = &mut evidence.attempt.device;
        (device.id, device.proven) = (Some(Pseudonym([7; 16])), false);
        device.issued = Some(Timestamp(at.0 - hours * 3_600_000));
    }

    #[test]
    fn a_browser_that_was_here_before_is_half_known_where_that_counts_and_one_that_just_came_is_not() {
        let check = |evidence: &Evidence, share: f64| assert_eq!(of(evidence, &VISITS_COUNT), (share, true));
        check(&stranger(SYSTEM, |evidence| brings(evidence, 24)), 0.2);
        assert_eq!(
            of(&stranger(SYSTEM, |evidence| brings(evidence, 24)), &DEFAULTS),
            (1.0, true),
            "by default anybody can have one"
        );
        check(&stranger(SYSTEM, |evidence| brings(evidence, 1)), 1.0);
        let with = |hours: u64, holder: Holder| {
            stranger(SYSTEM, |evidence| {
                brings(evidence, hours);
                evidence.history.as_mut().unwrap().holder = Some(holder);
            })
        };
        let registered = Holder { account_counts: true, ..Holder::default() };
        check(&with(1, registered), 0.2);
        // Somebody else's, be it the thief's own; and one that is in two places.
        check(&with(24, Holder { logged_in: true, ..Holder::default() }), 1.0);
        check(&with(24, Holder { copied: true, ..registered }), 1.0);
        let proven = stranger(SYSTEM, |evidence| {
            brings(evidence, 24);
            evidence.attempt.device.proven = true;
        });
        check(&proven, 1.0);
    }

    #[test]
    fn where_others_log_in_is_a_place_of_customers_unless_anybody_can_come_from_it() {
        let at = |network: NetworkKind, logins: f64| {
            stranger(SYSTEM, |evidence| {
                let owner = owner(evidence);
                (owner.here.from.network, owner.common[ADDRESS]) = (network, logins);
            })
        };
        check(&at(NetworkKind::Access, 0.2), 1.0, true);
        check(&at(NetworkKind::Access, 3.0), 0.2, true);
        check(&at(NetworkKind::Relay, 300.0), 0.2, true);
        for network in [NetworkKind::Hosting, NetworkKind::Vpn, NetworkKind::Tor] {
            check(&at(network, 300.0), 1.0, true);
        }
    }

    #[test]
    fn of_a_first_login_nothing_is_new_and_something_is_to_be_said() {
        let first = |change: fn(&mut Evidence)| {
            stranger(0, |evidence| {
                let owner = owner(evidence);
                (owner.logins, owner.last, owner.likelihood) = (0.0, None, None);
                change(evidence);
            })
        };
        check(&first(|_| {}), 0.6, false);
        check(&first(|evidence| brings(evidence, 24)), 0.6, false);
        check(&first(|evidence| owner(evidence).common[ADDRESS] = 40.0), 0.12, false);
        let year = 365 * 86_400_000;
        let forgotten = stranger(0, |evidence| {
            let owner = owner(evidence);
            owner.last.as_mut().unwrap().at = Timestamp(owner.here.at.0 - year);
        });
        check(&forgotten, 0.6, false);
        // Far from the bar of the built-in policy: with a leaked password on a rented server as well.
        let mut worst = first(|_| {});
        worst.intel.datacenter = Known::Yes("a hosting provider".into());
        worst.intel.leaked = Known::Yes(Leak { source: LeakSource::Common, count: None });
        let scores = assess(&worst, &Model::default()).scores;
        assert!(scores.account_takeover < 50.0, "{scores:?}");
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, evidence) in [
            ("on their own device", fixture::after()),
            ("before success nothing is proven", Evidence { moment: Moment::Before, ..stranger(0, |_| {}) }),
            (
                "on a device that remembers the account where the profile has forgotten the device",
                stranger(0, |evidence| {
                    evidence.history.as_mut().unwrap().holder = Some(fixture::used_by_its_owner());
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
