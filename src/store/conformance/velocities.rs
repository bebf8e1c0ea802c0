//! Promises about what else of an attempt is counted.

use super::*;
use crate::engine::evidence::{EntityKind, Velocity};

fn velocity(store: &Store, id: u128, at: Timestamp, from: u32, event: &Event, key: VelocityKey) -> Velocity {
    let accounts = [name(id as u64)];
    let seen = Observation { event: event.clone(), velocities: &[key], ..login(id, at, from, &accounts) };
    *see(store, &seen).velocity(key.kind).unwrap()
}

fn answers(seen: &Velocity) -> [f64; 3] {
    [seen.short.attempts, seen.short.failed, seen.short.succeeded]
}

pub(super) fn what_attempts_share_is_counted_whoever_sends_them(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let key = VelocityKey::of_number(EntityKind::Network48, 0x2001_0db8 << 96);
    for id in 1..=4 {
        let seen = velocity(&store, id, NOON, id as u32, &Event::Login, key);
        assert_eq!((seen.short.attempts, seen.accounts), (id as f64, id as u32));
    }
    settle(&store, 1, Outcome::Failed);
    settle(&store, 1, Outcome::Failed);
    settle(&store, 2, Outcome::Succeeded);
    withdraw(&store, 3, Withdrawal::Denied);
    let seen = velocity(&store, 5, NOON, 5, &Event::Login, key);
    assert_eq!(answers(&seen), [5.0, 1.0, 1.0]);
    assert_eq!((seen.accounts, seen.answered_accounts, seen.failed_accounts), (5, 2, 1));
    assert_eq!(seen.short.failure_share(), Some(0.5));
    let later = velocity(&store, 6, secs(3_600), 6, &Event::Login, key);
    assert!((later.short.attempts - 3.5).abs() < 1e-5);
    assert!((later.long.attempts - (5.0 * f64::exp2(-1.0 / 24.0) + 1.0)).abs() < 1e-5);
}

pub(super) fn what_stands_in_a_form_counts_by_event_and_whatever_is_answered(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let at = |event: &Event| VelocityKey::new(EntityKind::CardBin, event, [7; 16]);
    for (id, outcome) in [(1, Outcome::Failed), (2, Outcome::Failed), (3, Outcome::Succeeded)] {
        velocity(&store, id, NOON, id as u32, &Event::Checkout, at(&Event::Checkout));
        settle(&store, id, outcome);
    }
    let seen = velocity(&store, 4, NOON, 4, &Event::Checkout, at(&Event::Checkout));
    assert_eq!(answers(&seen), [4.0, 2.0, 1.0]);
    let seen = velocity(&store, 5, NOON, 5, &Event::Register, at(&Event::Register));
    assert_eq!(answers(&seen), [1.0, 0.0, 0.0]);
}

pub(super) fn orders_tell_cards_apart_and_accounts_where_there_is_no_card(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let keys =
        [EntityKind::NetworkCards, EntityKind::Phone].map(|kind| VelocityKey::new(kind, &Event::Checkout, [7; 16]));
    let order = |id: u128, card: Option<u64>, account: u64| {
        let accounts = [name(account)];
        let event = Event::Checkout;
        let card = card.map(|number| name(500 + number));
        let history = see(&store, &Observation { event, card, velocities: &keys, ..login(id, NOON, 1, &accounts) });
        settle(&store, id, if id.is_multiple_of(2) { Outcome::Failed } else { Outcome::Succeeded });
        [EntityKind::NetworkCards, EntityKind::Phone].map(|kind| history.velocity(kind).unwrap().accounts)
    };
    // One account, three cards.
    assert_eq!([order(0, Some(1), 1), order(1, Some(2), 1), order(2, Some(3), 1)], [[1, 1], [2, 1], [3, 1]]);
    // The same card for two others.
    assert_eq!([order(3, Some(3), 2), order(4, Some(3), 3)], [[3, 2], [3, 3]]);
    // Without a card.
    assert_eq!([order(5, None, 4), order(6, None, 4)], [[4, 4], [4, 4]]);
    let failed = |kind: usize| match wait(store.look_up(Entity::Velocity(keys[kind]), NOON)).unwrap() {
        Some(Known::Velocity(seen)) => (seen.answered_accounts, seen.failed_accounts),
        other => panic!("{other:?}"),
    };
    assert_eq!(failed(0), (4, 3));
    assert_eq!(failed(1), (4, 3));
}

pub(super) fn the_whole_site_is_seen_by_event(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    assert_eq!(wait(store.site(NOON)).unwrap().events, []);
    for (id, event) in [Event::Login, Event::Login, Event::Register, Event::Custom("gift".into())].iter().enumerate() {
        velocity(&store, id as u128, NOON, id as u32, event, VelocityKey::site(event));
    }
    settle(&store, 0, Outcome::Failed);
    let site = wait(store.site(NOON)).unwrap();
    assert_eq!(site.at, NOON);
    assert_eq!(answers(site.of(&Event::Login).unwrap()), [2.0, 1.0, 0.0]);
    assert_eq!(answers(site.of(&Event::Register).unwrap()), [1.0, 0.0, 0.0]);
    assert_eq!(answers(site.of(&Event::Custom("other".into())).unwrap()), [1.0, 0.0, 0.0]);
    assert!(site.of(&Event::Checkout).is_none());
    // Looking counts nothing, and sees what time has left.
    let later = wait(store.site(secs(3_600))).unwrap();
    assert!((later.of(&Event::Login).unwrap().short.attempts - 1.0).abs() < 1e-6);
}
