//! Several spellings of one name: what counts for all of them, and what for the one that was typed.

use super::*;
use crate::engine::evidence::EntityKind;

fn spelled(id: u128, from: u32, whom: &[Pseudonym]) -> Observation<'_> {
    Observation { spelled: true, ..login(id, NOON, from, whom) }
}

pub(super) fn a_spelling_vouches_for_itself_and_is_doubted_with_all_others(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let (plain, sibling) = (name(1), name(2));
    for id in 0..5 {
        see(&store, &spelled(id, 1, &[sibling, plain]));
        settle(&store, id, Outcome::Succeeded);
    }
    let history = see(&store, &login(5, NOON, 1, &[plain]));
    assert!(!history.account.known_source, "by a sibling's success");
    check(history.account.recent, [6.0, 0.0, 0.0, 1.0]);
    settle(&store, 5, Outcome::Failed);
    for id in 6..10 {
        see(&store, &spelled(id, 1, &[name(10 + id as u64), plain]));
        settle(&store, id, Outcome::Failed);
    }
    let history = see(&store, &spelled(10, 1, &[name(100), plain]));
    assert_eq!(history.account.recent.failed, 5.0, "a fresh spelling is no fresh account");
    assert_eq!(history.account.recent.succeeded, 0.0);
    let history = see(&store, &spelled(11, 1, &[sibling, plain]));
    assert!(history.account.known_source, "who has a name with dots stays known by it");
    assert_eq!((history.account.recent.failed, history.account.recent.succeeded), (5.0, 5.0));
}

pub(super) fn many_spellings_are_one_account_to_their_source(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let event = Event::Login;
    let key = VelocityKey::new(EntityKind::Phone, &event, [1; 16]);
    for id in 0..20 {
        let names = [name(100 + id as u64), name(1)];
        see(&store, &Observation { velocities: &[key], ..spelled(id, 1, &names) });
        settle(&store, id, if id < 10 { Outcome::Succeeded } else { Outcome::Failed });
    }
    let seen = see(&store, &Observation { velocities: &[key], ..spelled(20, 1, &[name(200), name(1)]) });
    for source in [&seen.network, &seen.device] {
        assert_eq!((source.accounts, source.answered_accounts, source.failed_accounts), (1, 1, 1));
    }
    let (_, shared) = &seen.velocities[0];
    assert_eq!((shared.accounts, shared.answered_accounts, shared.failed_accounts), (1, 1, 1));
}
