//! Whose account it is: what is learnt of owners, and by whom.

use super::*;
use crate::engine::freeman::live::Live;
use crate::engine::ownership::{Login, NetworkKind, Ownership, Place, Traits, Whence};
use crate::store::{Proof, Taught};

/// A login of account `account` that shows the same at every level of each hierarchy, but for the country.
pub fn owner_login(id: u128, at: Timestamp, account: u64, address: u64, agent: u64) -> Login {
    let value = |level: u64, value: u64| (level + 1) << 40 | value << 8 | level;
    let place = Place::new(50.0, (address % 90) as f64, 10.0);
    Login {
        id: AttemptId(id),
        account: name(account),
        at,
        shows: Traits {
            values: [
                value(0, address),
                value(1, address / 2),
                value(2, address / 8),
                value(3, agent),
                value(4, agent / 2),
                value(5, agent / 4),
                value(6, agent / 8),
            ],
            from: Whence { place, country: None, asn: address as u32, network: NetworkKind::Access },
            device: agent + 1,
            device_is_proof: agent.is_multiple_of(2),
        },
    }
}

pub fn proof(login: Login) -> Proof {
    let source = login.shows.from.asn;
    let device = DeviceKey::Cookie(name(100 + u64::from(source)));
    Proof { login, reading: None, network: network(source), device, at: login.at }
}

fn arrives(store: &Store, login: &Login) {
    let seen = Observation { accounts: &[login.account], ..login_of(login) };
    wait(store.observe(&seen)).unwrap();
}

fn login_of(login: &Login) -> Observation<'static> {
    super::login(login.id.0, login.at, login.shows.from.asn, &[])
}

fn proves(store: &Store, login: &Login) -> Ownership {
    *wait(store.prove(&proof(*login))).unwrap().owner
}

fn ends(store: &Store, login: &Login, suspect: bool) -> Settled {
    let owner = Some(Taught { login: *login, suspect });
    wait(store.settle(&Settlement { owner, ..Settlement::new(login.id, Outcome::Succeeded, login.at) })).unwrap()
}

fn withdraws(store: &Store, login: &Login, how: Withdrawal) {
    assert_eq!(wait(store.withdraw(login.id, how, login.at)).unwrap(), Settled::Counted);
}

fn known(store: &Store, login: &Login) -> bool {
    wait(store.look_up(Entity::Owner(login.account), login.at)).unwrap().is_some()
}

pub(super) fn a_suspect_success_makes_no_device_known(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let cookie = Some(Presented { id: name(900), generation: 0, renewed: NOON });
    for (id, suspect) in [(1, true), (2, false)] {
        let one = owner_login(id, NOON, 1, 8, 8);
        see(&store, &Observation { cookie, accounts: &[one.account], ..login_of(&one) });
        assert_eq!(ends(&store, &one, suspect), Settled::Counted);
        let device = wait(store.look_up(Entity::Holder(name(900)), NOON)).unwrap();
        assert_eq!(device.is_some(), !suspect, "suspect: {suspect}");
    }
}

pub(super) fn what_was_let_through_is_learnt_and_nothing_else(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let one = owner_login(1, NOON, 1, 8, 8);
    arrives(&store, &one);
    assert!(!known(&store, &one), "who only tries makes no profile");
    let first = proves(&store, &one);
    assert_eq!((first.logins, first.last, first.likelihood), (0.0, None, None));
    withdraws(&store, &one, Withdrawal::Denied);
    assert!(!known(&store, &one), "who is refused makes none");

    let two = owner_login(2, NOON, 1, 8, 8);
    arrives(&store, &two);
    proves(&store, &two);
    assert_eq!(ends(&store, &two, false), Settled::Counted);
    assert_eq!(ends(&store, &two, false), Settled::NotOpen, "once");
    let three = owner_login(3, NOON.after(Duration::from_secs(60)), 1, 8, 8);
    arrives(&store, &three);
    for _ in 0..2 {
        let seen = proves(&store, &three);
        assert_eq!((seen.logins, seen.seen.0), (1.0, 0x7f), "asking twice is as asking once");
        assert_eq!(seen.last.map(|last| last.at), Some(two.at));
        assert_eq!(seen.device.map(|device| device.successes), Some(1));
        assert!(seen.parallel.is_empty());
        assert!(seen.likelihood.is_some());
    }
    withdraws(&store, &three, Withdrawal::Held);
    let four = owner_login(4, three.at, 1, 80, 80);
    arrives(&store, &four);
    let seen = proves(&store, &four);
    assert!(seen.parallel.is_empty() && seen.logins == 1.0, "what is held is not on its way, nor learnt: {seen:?}");
    assert_eq!(ends(&store, &three, false), Settled::Counted);
    assert_eq!(proves(&store, &four).logins, 2.0, "when it is released it is learnt");
}

pub(super) fn successes_in_parallel_see_each_other(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let here = owner_login(1, NOON, 1, 8, 8);
    let there = owner_login(2, NOON.after(Duration::from_secs(1)), 1, 80, 80);
    for login in [&here, &there] {
        arrives(&store, login);
    }
    assert!(proves(&store, &here).parallel.is_empty());
    let second = proves(&store, &there);
    assert_eq!(second.parallel.len(), 1);
    assert_eq!(second.parallel[0].from, here.shows.from);
    assert_eq!(proves(&store, &here).parallel[0].from, there.shows.from);
    ends(&store, &here, false);
    let after = proves(&store, &there);
    assert!(after.parallel.is_empty());
    assert_eq!(after.last.map(|last| last.from), Some(here.shows.from));
}

pub(super) fn who_guessed_it_is_remembered_and_not_learnt(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let guess = owner_login(1, NOON, 1, 8, 8);
    arrives(&store, &guess);
    proves(&store, &guess);
    ends(&store, &guess, true);
    let next = owner_login(2, NOON.after(Duration::from_secs(60)), 1, 8, 8);
    arrives(&store, &next);
    let seen = proves(&store, &next);
    assert_eq!((seen.logins, seen.last, seen.seen.0), (0.0, None, 0));
    assert_eq!(seen.suspected, Some(NOON));
    assert!(!seen.account.known_source, "nor is its source one of the account's");
}

pub(super) fn what_failed_meanwhile_is_read_again(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let right = owner_login(100, NOON, 1, 8, 8);
    arrives(&store, &right);
    for id in 0..12 {
        let wrong = Login { id: AttemptId(id), ..right };
        arrives(&store, &wrong);
        settle(&store, id, Outcome::Failed);
    }
    assert_eq!(proves(&store, &right).account.recent.failed, 12.0);
}

/// What is asked of a login whose name reads as another's.
fn proves_beside(store: &Store, login: &Login, reading: &Login) -> Ownership {
    let proof = Proof { reading: Some(reading.account), ..proof(*login) };
    *wait(store.prove(&proof)).unwrap().owner
}

pub(super) fn a_new_spelling_is_judged_by_what_it_reads_as_and_teaches_its_own(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let owner = owner_login(1, NOON, 1, 8, 8);
    arrives(&store, &owner);
    ends(&store, &owner, false);
    for id in 100..112 {
        arrives(&store, &Login { id: AttemptId(id), ..owner });
        settle(&store, id, Outcome::Failed);
    }
    let another = owner_login(2, NOON.after(Duration::from_secs(1)), 1, 16, 16);
    arrives(&store, &another);
    proves(&store, &another);

    let disguised = owner_login(3, NOON.after(Duration::from_secs(60)), 2, 80, 80);
    arrives(&store, &disguised);
    for _ in 0..2 {
        let seen = proves_beside(&store, &disguised, &owner);
        assert_eq!((seen.logins, seen.seen.0), (1.0, 0), "a stranger to the owner's account");
        assert_eq!(seen.last.map(|last| last.from), Some(owner.shows.from));
        assert_eq!(seen.here.from, disguised.shows.from);
        assert_eq!(seen.parallel.iter().map(|other| other.from).collect::<Vec<_>>(), [another.shows.from]);
        assert!(seen.account.recent.failed > 11.0 && !seen.account.known_source, "{:?}", seen.account);
    }
    withdraws(&store, &disguised, Withdrawal::Denied);
    assert!(proves(&store, &another).parallel.is_empty(), "and never on its way to the owner's");
    withdraws(&store, &another, Withdrawal::Denied);
    let own = owner_login(4, disguised.at, 1, 8, 8);
    arrives(&store, &own);
    assert_eq!(proves(&store, &own).seen.0, 0x7f);
    assert!(!known(&store, &disguised), "nothing was taught");
    let nobody = owner_login(5, disguised.at, 7, 80, 80);
    arrives(&store, &nobody);
    let seen = proves_beside(&store, &nobody, &owner_login(6, disguised.at, 8, 80, 80));
    assert_eq!((seen.logins, seen.last, seen.likelihood), (0.0, None, None), "an empty profile says nothing");
    assert!(seen.population > 0.0);
}

pub(super) fn whom_a_spelling_has_let_in_is_judged_by_its_own_logins(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let (theirs, mine) = (owner_login(1, NOON, 1, 80, 80), owner_login(2, NOON, 2, 8, 8));
    for login in [&theirs, &mine] {
        arrives(&store, login);
        ends(&store, login, false);
    }
    let again = owner_login(3, NOON.after(Duration::from_secs(60)), 2, 8, 8);
    arrives(&store, &again);
    let seen = proves_beside(&store, &again, &theirs);
    assert_eq!((seen.logins, seen.seen.0), (1.0, 0x7f), "whoever has the plain name makes nobody a stranger");
    assert_eq!(seen.last.map(|last| last.from), Some(mine.shows.from));
    let next = owner_login(4, again.at, 1, 8, 8);
    arrives(&store, &next);
    assert_eq!(proves(&store, &next).seen.0, 0, "nor does a sibling teach the plain name anything");
}

pub(super) fn forgetting_forgets_the_owner(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let one = owner_login(1, NOON, 1, 8, 8);
    arrives(&store, &one);
    ends(&store, &one, false);
    assert!(known(&store, &one));
    let late = owner_login(2, NOON, 1, 8, 8);
    arrives(&store, &late);
    assert!(wait(store.forget(one.account)).unwrap());
    assert!(!known(&store, &one));
    assert!(!wait(store.forget(one.account)).unwrap());
}

/// Each store is fed what the pure object is fed, and reads the same.
pub(super) fn any_logins_are_learnt_as_the_pure_form_learns_them(make: impl Fn(Limits) -> Store) {
    use proptest::prelude::*;
    let config = ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() };
    let step = (0..3u64, 0..20u64, 0..10u64, prop_oneof![Just(0u64), 0..3_600u64, 0..100 * 86_400u64], 0..4u8);
    proptest!(config, |(steps in prop::collection::vec(step, 1..24))| {
        let store = make(limits());
        let mut live = Live::default();
        let mut at = NOON;
        for (id, (account, address, agent, passed, ending)) in steps.into_iter().enumerate() {
            at = at.after(Duration::from_secs(passed));
            let login = owner_login(id as u128, at, account, address, agent);
            arrives(&store, &login);
            let (read, expected) = (proves(&store, &login), live.read(&login));
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs().max(1e-9);
            prop_assert!(near(read.logins, expected.logins), "{read:?}\n{expected:?}");
            prop_assert!(near(read.population, expected.population), "{read:?}\n{expected:?}");
            let likelihoods = (read.likelihood.unwrap_or(-1.0), expected.likelihood.unwrap_or(-1.0));
            prop_assert!(near(likelihoods.0, likelihoods.1), "{:?}", likelihoods);
            prop_assert_eq!((read.seen, read.devices, read.device), (expected.seen, expected.devices, expected.device));
            prop_assert_eq!((read.last, read.parallel), (expected.last, expected.parallel));
            match ending {
                0 => withdraws(&store, &login, Withdrawal::Denied),
                _ => {
                    ends(&store, &login, false);
                    live.add(&login);
                }
            }
        }
    });
}
