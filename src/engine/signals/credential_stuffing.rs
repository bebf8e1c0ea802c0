//! One source tries many distinct accounts, and most of them fail; or many sources do, with one tool or each once.
//!
//! # What it reads
//! What the client's network and its device did lately (`history.network`, `history.device`): how many distinct accounts were
//! tried, how many of these were answered, how many failed, how many wait for an answer. Shares are over *accounts*, not
//! attempts, so that a success on an account of the attacker's own, repeated, dilutes nothing. And they are over accounts that
//! were *answered*: one that waits or was given up counts at the source's own share, which is to leave it out, and so does one
//! whose answer no outcome rule matched, where the rules are known to work. What waits at one time is bounded together with
//! what failed, because two hundred requests in parallel have not failed yet: attempts, not accounts, lest a few on each of
//! many accounts be a way round. Who tries one or two accounts is `brute_force`'s. Only events that try a secret are
//! judged. Blind without history.
//!
//! Where the password stands in a leaked corpus (`intel.leaked`) and neither the device nor the network ever logged in to the account,
//! less is needed: `leaked_accounts` failed accounts of that network; and at the moment after success none, if the account has logins
//! of its own to be a stranger to (`owner`). That is what stuffing looks like that comes from everywhere and once. Before, nobody
//! can tell a stranger to the account from an account that is new to the gate.
//! And, where no source of the attempt shows anything, the campaign that the attempt is a member of (`site.campaigns`, found by
//! [`population`](crate::engine::population)): a login from where the account never logged in, in a cell of a fingerprint and a
//! kind of stranger (is the account somebody's, came a cookie, was the network in vain) that is nearly all guesses. Who logs in
//! from a device or a network that the account knows is no member. A campaign says what most of its cell are, and nothing of
//! this sender: it counts for `campaign_share` of the weight, so that together with a rented address it is a proof of work and
//! no refusal, and of those who knew the password, most of whom are customers even there, it makes no thieves.
//!
//! # How long it holds
//! Attempts that the gate refused are answered by nobody, so they neither dilute the share nor raise it. Once fired, it fires
//! for every attempt of that source until enough of its attempts land and succeed (people who solve their challenges), or
//! until the hour in which the failures fell and the next one are over; a source that goes on all the while is heard again
//! then as well, for as many failures as it takes.
//!
//! # Why it matters
//! Lists of names and passwords from other sites' leaks are tried by the million, and one or two in a hundred fit. It is
//! the commonest way in which accounts are lost.
//!
//! # Who trips it innocently
//! A class whose every pupil got a wrong hint. Not an office where 300 people log in each morning, a tenth of them with a typo;
//! not one person with ten tries, who is one account. When an application is slow and all of an office waits, those
//! who logged in from there before are not counted as a crowd. A device that is known by its fingerprint alone is many
//! people's (a popular telephone), so it needs more accounts and no crowd of it is suspicious. And whoever turns a
//! new telephone on away from home, and uses a password that leaked elsewhere.
//!
//! # Parameters
//! `failed_accounts`: distinct accounts that must have failed, over the last hour or two. `share`: the share of accounts that
//! must have failed. `prior_share`: the share presumed of a source, with the weight of two accounts. `in_flight`: accounts that
//! failed and attempts that wait for an answer at one time, together, while some wait. `fingerprint_factor`: how many times `failed_accounts` a device without a cookie needs. `leaked_accounts`:
//! failed accounts of a network that does not know the account, where the password leaked. `leaked_logins`: known logins of an account from
//! which on a leaked password of a stranger fires after its success; a million never do. `campaign_share`: the share of the weight
//! where nothing but a campaign speaks against the attempt.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::event::Event;
use crate::engine::evidence::{Evidence, Known, Source};
use crate::engine::population::Match;

/// On fewer accounts than this a burst is at an account, and no stuffing.
const CROWD: f64 = 3.0;

/// The prior share weighs as much as this many accounts, so that few failures are not yet a habit.
const PRIOR_ACCOUNTS: f64 = 2.0;

pub static SIGNAL: Signal = Signal {
    name: "credential_stuffing",
    summary: "one source tries many distinct accounts, and most of them fail; or many sources do, in one campaign",
    // A little above even odds alone: enough for a challenge, while a refusal wants a second witness, because others may
    // share the source.
    weights: Weights { bot: 3.3, account_takeover: 4.8, account_abuse: 0.5 },
    parameters: &[
        Parameter {
            name: "failed_accounts",
            summary: "distinct accounts of one source that must have failed",
            default: 10.0,
            min: 3.0,
            max: 10_000.0,
        },
        Parameter {
            name: "share",
            summary: "share of a source's accounts that must have failed",
            default: 0.6,
            min: 0.2,
            max: 0.95,
        },
        Parameter {
            name: "prior_share",
            summary: "share of failures presumed of a source, with the weight of two accounts",
            default: 0.2,
            min: 0.0,
            max: 1.0,
        },
        Parameter {
            name: "in_flight",
            summary: "failed accounts and attempts in flight that one source may have together",
            default: 30.0,
            min: 5.0,
            max: 10_000.0,
        },
        Parameter {
            name: "fingerprint_factor",
            summary: "how many times as many failed accounts a device without a cookie needs",
            default: 2.0,
            min: 1.0,
            max: 100.0,
        },
        Parameter {
            name: "leaked_accounts",
            summary: "failed accounts that a network needs where a stranger's password leaked",
            default: 3.0,
            min: 2.0,
            max: 10_000.0,
        },
        Parameter {
            name: "leaked_logins",
            summary: "known logins of an account from which on a stranger's leaked password fires after its success",
            default: 2.0,
            min: 1.0,
            max: 1_000_000.0,
        },
        Parameter {
            name: "campaign_share",
            summary: "share of the weight where nothing but a campaign speaks against the attempt",
            default: 0.75,
            min: 0.0,
            max: 1.0,
        },
    ],
    needs: "the source's history from the store",
    findings: &[
        ("source", "counted over the {}"),
        ("campaign", "campaign {}"),
        ("pattern", "of one {}"),
        ("people", "{} strangers of its pattern lately"),
        ("expected", "{} would be expected for those who got in"),
        ("excess", "share of such attempts that are nobody's own {}"),
        ("accounts", "{} distinct accounts tried"),
        ("answered", "{} of them answered"),
        ("failure_share", "share of failures {}"),
        ("failed_accounts", "{} accounts failed"),
        ("in_flight", "{} accounts wait for an answer"),
        ("limit", "limit {}"),
        ("leaked_password", "the password leaked, and the account knows neither this device nor this network|no leak"),
        ("own_logins", "{} logins of the account are known"),
        ("share", "share {} of the weight"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[
        failed_accounts,
        share,
        prior_share,
        in_flight,
        fingerprint_factor,
        leaked_accounts,
        leaked_logins,
        campaign_share,
    ] = parameters
    else {
        return Reading::Blind;
    };
    if !evidence.attempt.event.tries_a_secret() {
        return Reading::Quiet;
    }
    let Some(history) = &evidence.history else { return Reading::Blind };
    let is_strong = evidence.attempt.device.by_cookie().is_some();
    let needed_of_device = if is_strong { failed_accounts } else { failed_accounts * fingerprint_factor };
    let network = Accounts::of(&history.network, prior_share);
    let device = Accounts::of(&history.device, prior_share);

    if network.mostly_failed(failed_accounts, share) {
        return network.failures("network", failed_accounts);
    }
    // Without a cookie a device is known only within its network: a browser of which nobody knows where it stands is
    // everybody's.
    let is_somebody = is_strong || evidence.intel.asn.is_some();
    if is_somebody && device.mostly_failed(needed_of_device, share) {
        return device.failures("device", needed_of_device);
    }
    if history.account.known_source {
        return Reading::Quiet;
    }
    if is_leaked_from_elsewhere(evidence) {
        if network.mostly_failed(leaked_accounts, share) {
            return network.failures("network", leaked_accounts);
        }
        let owner = evidence.owner.as_ref().filter(|owner| owner.logins >= leaked_logins && !owner.seen.network());
        if let Some(owner) = owner {
            return Reading::Fired(Findings::new().flag("leaked_password", true).number("own_logins", owner.logins));
        }
    }
    if let Some(matched) = evidence.campaign() {
        let findings = of_campaign(&matched).number("share", campaign_share);
        return Reading::Weighed { share: campaign_share, fires: true, findings };
    }
    if network.mostly_waiting(in_flight, share) {
        return network.crowd("network", in_flight);
    }
    if is_strong && device.mostly_waiting(in_flight, share) {
        return device.crowd("device", in_flight);
    }
    Reading::Quiet
}

/// Whether a login brings a password that leaked, on a device that the account does not know.
fn is_leaked_from_elsewhere(evidence: &Evidence) -> bool {
    let named = evidence.attempt.identity.account.is_some();
    let leaked = matches!(evidence.intel.leaked, Known::Yes(_));
    evidence.attempt.event == Event::Login && named && leaked && !evidence.knows_device()
}

/// What is told of a campaign.
pub(super) fn of_campaign(matched: &Match<'_>) -> Findings {
    let campaign = matched.campaign;
    Findings::new()
        .text("campaign", &campaign.id.to_string())
        .text("pattern", campaign.pattern.kind())
        .number("people", campaign.numbers.people)
        .number("expected", campaign.numbers.expected)
        .number("failure_share", campaign.numbers.failure_share())
        .number("excess", matched.excess)
}

/// What became of the distinct accounts of one source.
struct Accounts {
    tried: f64,
    answered: f64,
    failed: f64,
    /// Waiting for an answer right now.
    waiting: f64,
    /// The share of failures among the answered, with the prior's weight.
    share: f64,
}

impl Accounts {
    fn of(source: &Source, prior_share: f64) -> Accounts {
        let failed = f64::from(source.failed_accounts);
        let answered = f64::from(source.answered_accounts).max(failed);
        let tried = f64::from(source.accounts).max(answered);
        // Attempts that try no secret are in flight as well, and are nobody's guesses.
        let waiting = f64::from(source.in_flight).min(source.hour.open.ceil());
        let waiting = if tried < CROWD { waiting.min(tried - failed) } else { waiting };
        let share = (failed + prior_share * PRIOR_ACCOUNTS) / (answered + PRIOR_ACCOUNTS);
        Accounts { tried, answered, failed, waiting, share }
    }

    fn mostly_failed(&self, least: f64, share: f64) -> bool {
        self.failed >= least && self.share >= share
    }

    /// Whether so many failed or wait that, should these fail, most will have failed. The present attempt is one that
    /// waits, and alone it is no crowd.
    fn mostly_waiting(&self, most: f64, share: f64) -> bool {
        let failing = self.failed + self.waiting;
        self.waiting > 1.0 && failing >= most && failing >= share * (self.answered + self.waiting)
    }

    fn failures(&self, source: &str, limit: f64) -> Reading {
        Reading::Fired(self.findings(source).number("failed_accounts", self.failed).number("limit", limit))
    }

    fn crowd(&self, source: &str, limit: f64) -> Reading {
        Reading::Fired(self.findings(source).number("in_flight", self.waiting).number("limit", limit))
    }

    fn findings(&self, source: &str) -> Findings {
        Findings::new()
            .text("source", source)
            .number("accounts", self.tried)
            .number("answered", self.answered)
            .number("failure_share", self.share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::assessment::{Model, ScoreName};
    use crate::engine::clearance::ChallengeKind;
    use crate::engine::decision::{Action, decide};
    use crate::engine::evidence::{Account, Counts, History, Leak, LeakSource, Moment};
    use crate::engine::fixture;
    use crate::engine::ownership::{Ownership, Seen};
    use crate::engine::policy::{Names, Policy, standard};
    use crate::engine::signals::{Finding, spoofed_device};
    use std::sync::Arc;

    const DEFAULTS: [f64; 8] = [10.0, 0.6, 0.2, 30.0, 2.0, 3.0, 2.0, 0.75];

    /// What a stranger meets whose network, or device, did this.
    fn evidence(network: Source, device: Source) -> Evidence {
        let account = Account { known_source: false, ..Account::default() };
        Evidence {
            history: Some(History { network, device, account, holder: None, velocities: Vec::new() }),
            ..fixture::evidence()
        }
    }

    /// A source whose attempts were answered one after the other; the present one, on a new account, is in flight.
    fn one_by_one(succeeded: u32, failed_accounts: u32, failures: u32) -> Source {
        let (failed, succeeded_attempts) = (f64::from(failures), f64::from(succeeded));
        let attempts = failed + succeeded_attempts + 1.0;
        let hour = Counts { attempts, failed, succeeded: succeeded_attempts, open: 1.0 };
        let accounts = succeeded.max(1) + failed_accounts;
        let answered_accounts = succeeded + failed_accounts;
        Source { minute: hour, hour, accounts, answered_accounts, failed_accounts, in_flight: 1, ..Source::default() }
    }

    /// A source that sent so many at once, after some that succeeded.
    fn at_once(accounts: u32, in_flight: u32) -> Source {
        let hour = Counts {
            attempts: f64::from(accounts),
            succeeded: f64::from(accounts.saturating_sub(in_flight)),
            open: f64::from(in_flight),
            failed: 0.0,
        };
        let answered_accounts = accounts.saturating_sub(in_flight);
        Source { minute: hour, hour, accounts, answered_accounts, failed_accounts: 0, in_flight, ..Source::default() }
    }

    fn has_fired(evidence: &Evidence) -> bool {
        matches!(read(evidence, &DEFAULTS), Reading::Fired(_))
    }

    #[test]
    fn fires_by_the_twentieth_account_of_one_address_even_if_one_in_ten_fits() {
        let first = (1..=20).find(|attempt| {
            let failed = attempt - 1;
            has_fired(&evidence(one_by_one(0, failed, failed), fixture::first_attempt()))
        });
        assert_eq!(first, Some(11), "when all fail");
        assert!(has_fired(&evidence(one_by_one(2, 17, 17), fixture::first_attempt())), "17 of 20 failed");
    }

    #[test]
    fn fires_on_a_device_that_changes_addresses_later_if_only_its_fingerprint_is_known() {
        let with_cookie = evidence(fixture::first_attempt(), one_by_one(0, 10, 10));
        assert!(has_fired(&with_cookie));
        let mut without_cookie = with_cookie;
        without_cookie.attempt.device.id = None;
        assert!(!has_fired(&without_cookie));
        let mut without_cookie = evidence(fixture::first_attempt(), one_by_one(0, 20, 20));
        without_cookie.attempt.device.id = None;
        assert!(has_fired(&without_cookie));
    }

    #[test]
    fn fires_on_two_hundred_in_parallel_before_any_is_answered() {
        let first = (1..=200).find(|&nth| has_fired(&evidence(at_once(nth, nth), fixture::first_attempt())));
        assert_eq!(first, Some(30));
        let Reading::Fired(findings) = read(&evidence(at_once(30, 30), fixture::first_attempt()), &DEFAULTS) else {
            panic!("30 in flight must fire")
        };
        assert_eq!(findings.get("in_flight"), Some(&Finding::Number(30.0)));
    }

    #[test]
    fn fires_on_a_burst_however_it_is_spread_and_whatever_failed_before() {
        for (what, accounts, failed, fires_at) in [
            ("many on few accounts", 5, 0, 30),
            ("one on each", 200, 0, 30),
            ("nine failed before", 30, 9, 21),
            ("one account, which is no stuffing", 1, 0, 0),
            ("two accounts", 2, 0, 0),
        ] {
            let burst = |in_flight: u32| {
                let before = one_by_one(0, failed, failed);
                let hour = Counts { open: f64::from(in_flight), ..before.hour };
                Source { minute: hour, hour, accounts: accounts.max(failed), in_flight, ..before }
            };
            let first = (1..=200).find(|&nth| has_fired(&evidence(burst(nth), fixture::first_attempt())));
            assert_eq!(first.unwrap_or(0), fires_at, "{what}");
        }
    }

    #[test]
    fn innocents_whose_orders_wait_are_no_crowd() {
        // In flight, but no try at a secret: nothing of it is open.
        let mut shoppers = at_once(60, 60);
        shoppers.hour.open = 1.0;
        assert_eq!(read(&evidence(shoppers, fixture::first_attempt()), &DEFAULTS), Reading::Quiet);
    }

    #[test]
    fn fires_although_the_attacker_repeats_a_success_of_their_own() {
        let mut source = one_by_one(1, 30, 30);
        source.hour.succeeded = 500.0;
        assert!(has_fired(&evidence(source, fixture::first_attempt())));
    }

    /// What a source that did this looks like after it tried so many more accounts in vain, some of them in parallel.
    fn refused(more: u32, at_once: u32, source: &Source) -> Source {
        let attempts = source.hour.attempts + f64::from(more);
        let hour = Counts { attempts, open: f64::from(at_once), ..source.hour };
        Source { minute: hour, hour, accounts: source.accounts + more, in_flight: at_once, ..*source }
    }

    #[test]
    fn holds_whatever_is_refused_and_is_not_made_to_fire_by_it() {
        for at_once in [1, 5, 20, 29] {
            for more in [at_once, 50, 1_000, 7_000] {
                let fired = refused(more, at_once, &one_by_one(4, 10, 10));
                assert!(has_fired(&evidence(fired, fixture::first_attempt())), "{more} refused, {at_once} at once");
                let quiet = refused(more, at_once, &one_by_one(30, 10, 10));
                let quiet = read(&evidence(quiet, fixture::first_attempt()), &DEFAULTS);
                assert_eq!(quiet, Reading::Quiet, "{more} refused, {at_once} at once");
            }
        }
    }

    #[test]
    fn innocents_recover_as_their_challenges_are_solved() {
        let office = |solved: u32| refused(40, 1, &one_by_one(4 + solved, 12, 12));
        let recovered = (0..40).find(|&solved| !has_fired(&evidence(office(solved), fixture::first_attempt())));
        assert_eq!(recovered, Some(3));
    }

    #[test]
    fn innocents_stay_quiet() {
        let alone = fixture::first_attempt;
        let one_person = Source { accounts: 1, ..one_by_one(0, 1, 10) };
        let double_clicks = Source { accounts: 1, ..at_once(40, 40) };
        for (who, network, device) in [
            ("the first attempt ever", alone(), alone()),
            ("an office of 300, a tenth of them with a typo", one_by_one(270, 30, 36), alone()),
            ("the same on the day after passwords expired", one_by_one(165, 135, 260), alone()),
            ("the same while the application is slow", at_once(300, 60), alone()),
            ("one person who forgot the password, ten tries", one_person.clone(), one_person),
            ("one person who presses the button forty times", double_clicks.clone(), double_clicks),
            ("a family that changed all its passwords", one_by_one(1, 5, 12), alone()),
            ("a carrier's shared address at noon", one_by_one(2_000, 400, 500), alone()),
            ("a school's computer room in its first lesson", one_by_one(20, 9, 15), one_by_one(20, 9, 15)),
        ] {
            assert_eq!(read(&evidence(network, device), &DEFAULTS), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn innocents_that_wait_where_they_logged_in_before_are_no_crowd() {
        let mut slow = evidence(at_once(300, 300), fixture::first_attempt());
        slow.history.as_mut().unwrap().account.known_source = true;
        assert_eq!(read(&slow, &DEFAULTS), Reading::Quiet);
    }

    #[test]
    fn innocents_with_the_same_telephone_are_no_crowd() {
        let mut popular = evidence(fixture::first_attempt(), at_once(500, 500));
        popular.attempt.device.id = None;
        assert_eq!(read(&popular, &DEFAULTS), Reading::Quiet);
    }

    /// A stranger's login with a password that leaked, from a network where so many accounts failed; at the moment after if
    /// so many logins of the account's own are known.
    fn leaked(failed: u32, own_logins: Option<f64>) -> Evidence {
        let source = if failed > 0 { one_by_one(0, failed, failed) } else { fixture::first_attempt() };
        let mut evidence = evidence(source, fixture::first_attempt());
        evidence.intel.leaked = Known::Yes(Leak { source: LeakSource::File, count: None });
        evidence.attempt.device.id = None;
        if let Some(logins) = own_logins {
            evidence.moment = Moment::After;
            evidence.owner = Some(Box::new(Ownership { logins, ..Ownership::default() }));
        }
        evidence
    }

    #[test]
    fn fires_sooner_on_a_leaked_password_from_a_device_and_a_network_that_the_account_does_not_know() {
        let first = (1..20).find(|failed| has_fired(&leaked(*failed, None)));
        assert_eq!(first, Some(3));
        let Reading::Fired(findings) = read(&leaked(0, Some(2.0)), &DEFAULTS) else {
            panic!("must fire after success")
        };
        assert_eq!(findings.get("leaked_password"), Some(&Finding::Flag(true)));
        assert_eq!(findings.get("own_logins"), Some(&Finding::Number(2.0)));
    }

    #[test]
    fn innocents_whose_password_leaked_elsewhere() {
        assert_eq!(read(&leaked(0, None), &DEFAULTS), Reading::Quiet, "with a new telephone away from home");
        assert_eq!(read(&leaked(2, None), &DEFAULTS), Reading::Quiet, "where two others mistyped");
        assert_eq!(read(&leaked(0, Some(1.0)), &DEFAULTS), Reading::Quiet, "whom the gate has hardly met");
        for (who, change) in [
            (
                "at home, with a new telephone",
                (|evidence| evidence.history.as_mut().unwrap().account.known_source = true) as fn(&mut Evidence),
            ),
            ("abroad, with their own", |evidence| {
                evidence.attempt.device.id = fixture::evidence().attempt.device.id;
                evidence.history.as_mut().unwrap().holder = Some(fixture::used_by_its_owner());
            }),
            ("whose password is their own after all", |evidence| evidence.intel.leaked = Known::No),
            ("while nobody can say", |evidence| evidence.intel.leaked = Known::Unknown),
            ("who choose a password that leaked", |evidence| evidence.attempt.event = Event::PasswordChange),
            ("whose form names no account", |evidence| evidence.attempt.identity.account = None),
        ] {
            for mut evidence in [leaked(5, None), leaked(5, Some(50.0))] {
                change(&mut evidence);
                assert_eq!(read(&evidence, &DEFAULTS), Reading::Quiet, "{who}");
            }
        }
        let mut at_home = leaked(0, Some(50.0));
        at_home.owner.as_mut().unwrap().seen = Seen(0x7f);
        assert_eq!(read(&at_home, &DEFAULTS), Reading::Quiet, "in a network of theirs that is remembered for longer");
    }

    #[test]
    fn a_campaign_alone_refuses_nobody_wherever_they_are() {
        let mut customer = fixture::in_campaign();
        customer.intel.datacenter = Known::Yes("DigitalOcean".into());
        customer.intel.leaked = Known::Yes(Leak { source: LeakSource::Common, count: None });
        let names = Names::new(Vec::new(), Vec::new());
        let policy = Policy::compile(standard(&Event::Login), &names, Arc::new(Model::default())).unwrap();
        let decision = decide(&customer, &policy);
        assert_eq!(decision.ruling.action, Action::Challenge(ChallengeKind::ProofOfWork));
        // Nor together with a browser that contradicts itself a little, as settings for privacy make it.
        let shares = decision.assessment.contributions(&Model::default(), ScoreName::Bot);
        let odds = shares.iter().map(|(_, share)| share).sum::<f64>() + 0.3 * spoofed_device::SIGNAL.weights.bot;
        assert!(odds < (0.9f64 / 0.1).ln(), "{odds}: {shares:?}");
    }

    #[test]
    fn fires_on_members_of_a_campaign() {
        let Reading::Weighed { share: 0.75, fires: true, findings } = read(&fixture::in_campaign(), &DEFAULTS) else {
            panic!("a member must fire")
        };
        assert_eq!(findings.get("pattern"), Some(&Finding::Text("fingerprint".into())));
        assert!(findings.get("campaign").is_some());
    }

    #[test]
    fn innocents_beside_a_campaign_stay_quiet() {
        let beside = |change: &dyn Fn(&mut Evidence)| {
            let mut evidence = fixture::in_campaign();
            change(&mut evidence);
            evidence
        };
        for (who, evidence) in [
            ("with the same software, at home", beside(&|e| e.history.as_mut().unwrap().account.known_source = true)),
            (
                "with the same software, on their device",
                beside(&|e| {
                    e.attempt.device =
                        crate::engine::attempt::Device { fingerprint: 0xbad, ..fixture::evidence().attempt.device };
                    e.history.as_mut().unwrap().holder = Some(fixture::used_by_its_owner());
                }),
            ),
            ("with other software", beside(&|e| e.attempt.device.fingerprint = 0x600d)),
            (
                "with a cookie, as no member had",
                beside(&|e| {
                    e.attempt.device.id = Some(crate::engine::attempt::Pseudonym([3; 16]));
                    e.attempt.device.fingerprint = 0x600d;
                }),
            ),
        ] {
            assert_eq!(read(&evidence, &DEFAULTS), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn only_secrets_are_stuffed() {
        let mut evidence = evidence(one_by_one(0, 50, 50), fixture::first_attempt());
        for event in [Event::Register, Event::Reset, Event::Checkout, Event::Logout] {
            evidence.attempt.event = event;
            assert_eq!(read(&evidence, &DEFAULTS), Reading::Quiet, "{}", evidence.attempt.event);
        }
    }

    #[test]
    fn blind_without_history() {
        let evidence = Evidence { history: None, ..fixture::evidence() };
        assert_eq!(read(&evidence, &DEFAULTS), Reading::Blind);
    }

    #[test]
    fn an_odd_snapshot_is_judged_and_not_divided_by() {
        let odd = Source { accounts: 0, failed_accounts: 12, ..Source::default() };
        assert!(has_fired(&evidence(odd, Source::default())));
        assert_eq!(read(&evidence(Source::default(), Source::default()), &DEFAULTS), Reading::Quiet);
    }
}
