//! Promises to operators: looking leaves no trace, and what is forgotten is gone.

use super::*;

pub fn looking_up_counts_nothing_and_sees_what_an_attempt_would(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let whom = [name(1)];
    for (number, second) in (0..5).zip([0, 10, 20, 30, 40]) {
        see(&store, &login(number, secs(second), 7, &whom));
    }
    wait(store.settle(&Settlement::new(AttemptId(0), Outcome::Failed, secs(41)))).unwrap();
    wait(store.settle(&Settlement::new(AttemptId(1), Outcome::Succeeded, secs(41)))).unwrap();
    let now = secs(100);
    let look = |entity| wait(store.look_up(entity, now)).unwrap();
    let device = DeviceKey::Cookie(name(1 << 40 | 7));
    for _ in 0..10 {
        for entity in [Entity::Network(network(7)), Entity::Device(device), Entity::Account(whom[0])] {
            assert!(look(entity).is_some(), "{entity:?}");
        }
    }
    for entity in [Entity::Network(network(8)), Entity::Device(DeviceKey::Cookie(name(9))), Entity::Account(name(2))] {
        assert!(look(entity).is_none(), "{entity:?}");
    }
    let Some(Known::Source(source)) = look(Entity::Network(network(7))) else { panic!() };
    let Some(Known::Account(account, sources)) = look(Entity::Account(whom[0])) else { panic!() };
    // What the next attempt sees is what was looked up, and itself.
    let next = see(&store, &login(9, now, 7, &whom));
    let close = |one: f64, other: f64| (one - other).abs() < 1e-9;
    assert!(close(next.network.minute.attempts, source.minute.attempts + 1.0));
    assert!(close(next.network.hour.failed, source.hour.failed) && source.hour.failed > 0.0);
    assert!(close(next.account.recent.attempts, account.recent.attempts + 1.0));
    assert_eq!((next.network.accounts, next.network.in_flight), (source.accounts, source.in_flight + 1));
    assert_eq!(next.account.in_flight, account.in_flight + 1);
    assert_eq!(sources, 2, "its network and its device");
    assert!(!account.known_source && account.from_here == Counts::default(), "from nowhere in particular");
}

pub fn a_forgotten_account_is_one_that_never_was(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let (gone, stays) = ([name(1)], [name(2)]);
    for number in 0..4 {
        see(&store, &login(number, secs(0), 7, &gone));
        see(&store, &login(10 + number, secs(0), 7, &stays));
    }
    wait(store.settle(&Settlement::new(AttemptId(0), Outcome::Succeeded, secs(1)))).unwrap();
    assert!(wait(store.forget(gone[0])).unwrap());
    assert!(!wait(store.forget(gone[0])).unwrap(), "there is nothing left");
    assert!(wait(store.look_up(Entity::Account(gone[0]), secs(2))).unwrap().is_none());
    // Attempts that were under way settle at their source and bring nobody back.
    wait(store.settle(&Settlement::new(AttemptId(1), Outcome::Failed, secs(2)))).unwrap();
    assert!(wait(store.look_up(Entity::Account(gone[0]), secs(2))).unwrap().is_none());
    let again = see(&store, &login(20, secs(3), 7, &gone));
    assert_eq!(again.account.recent.attempts, 1.0);
    assert!(!again.account.known_source);
    assert_eq!(see(&store, &login(21, secs(3), 7, &stays)).account.in_flight, 5, "others are as they were");
}
