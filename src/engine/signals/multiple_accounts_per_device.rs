//! One device has logged in to, or registered, more accounts than one household has.
//!
//! # What it reads
//! How many distinct accounts succeeded on the device with this cookie within seven days (`history.holder.accounts`: logged
//! in to or registered). At the moment after a success the present account is one of them. Failures count for nothing: who
//! tries many accounts in vain is `credential_stuffing`'s. Only a device with the gate's own cookie has accounts; a
//! fingerprint is everybody's who owns that telephone, and never fires. Exact up to 16, which is where the count ends. Blind
//! where there is a cookie and no history. A registration that brings a telephone number is also one of that telephone's:
//! distinct accounts that were registered with the number over the last hour or two, whatever device they came from
//! (`history.velocities`, `phone`).
//!
//! # Why it matters
//! Accounts that are made or bought in bulk are used from somewhere, and whoever runs thirty of them seldom has thirty
//! telephones: bonus hunters, reviewers for hire, resellers of stolen accounts. Cookies can be thrown away, and a device
//! whose cookie is always new says so itself (`device.age_days`, `device.trust`).
//!
//! # Who trips it innocently
//! The computer in a library, an internet café, a classroom or a hotel lobby, and the shop assistant who signs customers up
//! on one tablet. Not a family of three with a telephone each and one laptop. So the weight is moderate and on
//! `account_abuse` alone: nobody is refused for it by default. Where such computers are your own, raise `accounts` or
//! allow-list their address.
//!
//! # Parameters
//! `accounts`: distinct accounts within seven days from which on it fires; 17 and more never do.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::event::Event;
use crate::engine::evidence::{EntityKind, Evidence, Moment};

pub static SIGNAL: Signal = Signal {
    name: "multiple_accounts_per_device",
    summary: "one device, or one telephone number, has logged in to or registered more accounts than a household has",
    weights: Weights { bot: 0.0, account_takeover: 0.0, account_abuse: 2.0 },
    parameters: &[Parameter {
        name: "accounts",
        summary: "distinct accounts of one device within seven days",
        default: 4.0,
        min: 2.0,
        max: 17.0,
    }],
    needs: "the device's history from the store",
    findings: &[
        ("of", "of one {}"),
        ("accounts", "{} distinct accounts"),
        ("limit", "limit {}"),
        ("window_s", "within {} s"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[limit] = parameters else { return Reading::Blind };
    let telephone = evidence.attempt.event == Event::Register && evidence.attempt.form.phone.is_some();
    if evidence.attempt.device.id.is_none() && !telephone {
        return Reading::Quiet;
    }
    let Some(history) = &evidence.history else { return Reading::Blind };
    if telephone
        && let Some(seen) = history.velocity(EntityKind::Phone)
        && f64::from(seen.accounts) >= limit
    {
        let findings = Findings::new().text("of", "telephone").count("accounts", seen.accounts).number("limit", limit);
        return Reading::Fired(findings.count("window_s", 2 * 3_600u32));
    }
    let Some(holder) = &history.holder else { return Reading::Quiet };
    // The snapshot was taken when the attempt arrived. Since then it has succeeded.
    let named = evidence.attempt.identity.account.is_some();
    let one_more = evidence.moment == Moment::After && named && !holder.account_counts;
    let accounts = holder.accounts + u32::from(one_more);
    if f64::from(accounts) < limit {
        return Reading::Quiet;
    }
    let findings = Findings::new().count("accounts", accounts).number("limit", limit);
    Reading::Fired(findings.count("window_s", 7 * 86_400u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::Pseudonym;
    use crate::engine::evidence::Velocity;
    use crate::engine::fixture;
    use crate::engine::holder::Holder;
    use crate::engine::signals::Finding;

    const DEFAULTS: [f64; 1] = [4.0];

    /// An attempt on a device on which so many accounts succeeded within the week.
    fn device(accounts: u32, account_counts: bool) -> Evidence {
        let mut evidence = fixture::evidence();
        let holder = Holder { accounts, account_counts, ..fixture::used_by_its_owner() };
        evidence.history.as_mut().unwrap().holder = Some(holder);
        evidence
    }

    #[test]
    fn fires_on_the_fourth_account_within_a_week() {
        let Reading::Fired(findings) = read(&device(4, false), &DEFAULTS) else { panic!("four accounts must fire") };
        assert_eq!(findings.get("accounts"), Some(&Finding::Count(4)));
        assert_eq!(read(&device(3, false), &DEFAULTS), Reading::Quiet, "the fourth has not succeeded yet");
        let mut succeeded = device(3, false);
        succeeded.moment = Moment::After;
        assert!(matches!(read(&succeeded, &DEFAULTS), Reading::Fired(_)), "now it has");
    }

    #[test]
    fn fires_on_whoever_registers_in_bulk() {
        let mut registering = device(16, false);
        registering.attempt.event = Event::Register;
        assert!(matches!(read(&registering, &DEFAULTS), Reading::Fired(_)));
    }

    /// A registration on a new device with a telephone number that so many accounts were registered with.
    fn telephone(accounts: u32) -> Evidence {
        let mut evidence = fixture::registration();
        (evidence.attempt.device.id, evidence.attempt.form.phone) = (None, Some(Pseudonym([4; 16])));
        let history = evidence.history.as_mut().unwrap();
        history.holder = None;
        history.velocities.push((EntityKind::Phone, Velocity { accounts, ..Velocity::default() }));
        evidence
    }

    #[test]
    fn fires_on_a_telephone_that_registers_again_and_again() {
        let Reading::Fired(findings) = read(&telephone(4), &DEFAULTS) else { panic!("four accounts must fire") };
        assert_eq!(findings.get("of"), Some(&Finding::Text("telephone".into())));
    }

    #[test]
    fn innocents_who_share_a_telephone_or_only_log_in() {
        assert_eq!(read(&telephone(3), &DEFAULTS), Reading::Quiet, "a couple and a child");
        let mut login = telephone(9);
        login.attempt.event = Event::Login;
        assert_eq!(read(&login, &DEFAULTS), Reading::Quiet, "nothing is registered");
    }

    #[test]
    fn innocents_of_a_family_on_one_computer() {
        // Three who take turns, before and after each log-in.
        for moment in [Moment::Before, Moment::After] {
            let mut family = device(3, true);
            family.moment = moment;
            assert_eq!(read(&family, &DEFAULTS), Reading::Quiet, "{moment:?}");
        }
    }

    #[test]
    fn innocents_with_one_account_for_work_and_one_at_home() {
        let mut second = device(1, false);
        second.moment = Moment::After;
        assert_eq!(read(&second, &DEFAULTS), Reading::Quiet);
    }

    #[test]
    fn innocents_with_a_popular_telephone_and_no_cookie() {
        // A thousand people behind one carrier, alike to the last header.
        let mut popular = fixture::evidence();
        popular.attempt.device.id = None;
        let history = popular.history.as_mut().unwrap();
        history.holder = None;
        history.device.accounts = 1_000;
        for moment in [Moment::Before, Moment::After] {
            popular.moment = moment;
            assert_eq!(read(&popular, &DEFAULTS), Reading::Quiet);
        }
    }

    #[test]
    fn innocents_in_a_library_whose_operator_knows_it() {
        assert_eq!(read(&device(16, true), &[17.0]), Reading::Quiet, "switched off for public computers");
    }

    #[test]
    fn innocents_whose_form_names_nobody() {
        let mut nobody = device(3, false);
        nobody.moment = Moment::After;
        nobody.attempt.identity.account = None;
        assert_eq!(read(&nobody, &DEFAULTS), Reading::Quiet);
    }

    #[test]
    fn blind_without_history() {
        let mut evidence = Evidence { history: None, ..fixture::evidence() };
        assert_eq!(read(&evidence, &DEFAULTS), Reading::Blind);
        evidence.attempt.device.id = None;
        assert_eq!(read(&evidence, &DEFAULTS), Reading::Quiet, "nothing would be known of it");
    }
}
