//! Promises about whose attempt it is: the names of one account, and the sources that it knows.

use super::*;

pub(super) fn a_source_is_known_by_its_successes_only(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let known = |id, from, event: Event| {
        let attempt = Observation { event, ..login(id, NOON, from, &[]) };
        see(&store, &Observation { accounts: &[name(1)], ..attempt }).account.known_source
    };
    assert!(!known(1, 1, Event::Login));
    settle(&store, 1, Outcome::Failed);
    assert!(!known(2, 1, Event::Login), "a failure proves nothing");
    settle(&store, 2, Outcome::Succeeded);
    assert!(known(3, 1, Event::Login));
    assert!(!known(4, 2, Event::Register));
    settle(&store, 4, Outcome::Succeeded);
    assert!(!known(5, 2, Event::Login), "registering somebody's name proves nothing");
    // The device alone, elsewhere.
    let roaming = Observation { network: network(77), accounts: &[name(1)], ..login(6, NOON, 1, &[]) };
    assert!(see(&store, &roaming).account.known_source);
    // The network alone: another device behind the same address.
    let flatmate = Observation { device: DeviceKey::Cookie(name(78)), accounts: &[name(1)], ..login(7, NOON, 1, &[]) };
    assert!(see(&store, &flatmate).account.known_source);
}

pub(super) fn from_here_is_this_source_alone(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    for id in 0..6 {
        see(&store, &login(id, NOON, id as u32 % 3, &[name(1)]));
        settle(&store, id, Outcome::Failed);
    }
    let history = see(&store, &login(9, NOON, 0, &[name(1)]));
    check(history.account.recent, [7.0, 6.0, 0.0, 1.0]);
    check(history.account.from_here, [3.0, 2.0, 0.0, 1.0]);
    // A new device behind the same address, and the same device behind a new one, are both still here.
    let new_device = Observation { device: DeviceKey::Cookie(name(500)), ..login(10, NOON, 0, &[]) };
    let history = see(&store, &Observation { accounts: &[name(1)], ..new_device });
    check(history.account.from_here, [4.0, 2.0, 0.0, 2.0]);
    let new_network = Observation { network: network(500), ..login(11, NOON, 0, &[]) };
    let history = see(&store, &Observation { accounts: &[name(1)], ..new_network });
    check(history.account.from_here, [4.0, 2.0, 0.0, 2.0]);
}

pub(super) fn two_names_of_one_account_are_counted_together(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let (email, user) = (name(1), name(2));
    for id in 0..3 {
        see(&store, &login(id, NOON, 1, &[email, user]));
        settle(&store, id, Outcome::Failed);
    }
    for (id, names) in [(3, [user].as_slice()), (4, &[email]), (5, &[user, email])] {
        let history = see(&store, &login(id, NOON, 2, names));
        assert_eq!(history.account.recent.failed, 3.0, "{names:?}");
    }
    let history = see(&store, &login(6, NOON, 1, &[email, email, user]));
    assert_eq!(history.network.accounts, 1, "one attempt is on one account, whatever it is called");
    check(history.account.recent, [6.0, 3.0, 0.0, 3.0]);
    assert_eq!(history.account.in_flight, 3);
}

pub(super) fn a_stranger_cannot_be_tied_to_an_account(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let (mine, victim) = (name(1), name(2));
    for id in 0..5 {
        see(&store, &login(id, NOON, 1, &[mine, victim]));
        settle(&store, id, Outcome::Succeeded);
    }
    let history = see(&store, &login(9, NOON, 1, &[victim]));
    assert!(!history.account.known_source);
    assert_eq!(history.account.recent.succeeded, 0.0);
}
