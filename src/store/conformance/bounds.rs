//! Promises about floods: entries stay within bounds, and what is evicted is gone.

use super::*;
use crate::engine::evidence::EntityKind;

pub(super) fn a_flood_of_keys_stays_within_bounds(make: impl Fn(Limits) -> Store) {
    let keys: u32 = if cfg!(debug_assertions) { 100_000 } else { 10_000_000 };
    let store = make(limits());
    for key in 0..keys {
        let velocities = [VelocityKey::of_number(EntityKind::Network48, key.into())];
        see(&store, &Observation { velocities: &velocities, ..login(key.into(), NOON, key, &[name(key.into())]) });
    }
    for kind in store.stats().kinds {
        assert!(kind.entries <= kind.capacity, "{kind:?}");
        // Who only tries makes no profile, teaches no value, and has bought nothing.
        let counted = !["token", "held", "holder", "order", "profile", "value"].contains(&kind.kind);
        assert_eq!(kind.entries + kind.evicted, if counted { keys.into() } else { 0 }, "{kind:?}");
        assert!(!counted || kind.capacity <= 10_000, "{kind:?}");
    }
    let history = see(&store, &login(u128::MAX, NOON, keys - 1, &[name(u64::from(keys) - 1)]));
    check(history.network.minute, [2.0, 0.0, 0.0, 2.0]);
}

pub(super) fn an_evicted_entry_is_not_settled_into_its_successor(make: impl Fn(Limits) -> Store) {
    let store = make(Limits { entries: 1, ..limits() });
    see(&store, &login(1, NOON, 1, &[name(1)]));
    see(&store, &login(2, NOON, 2, &[name(2)]));
    see(&store, &login(3, NOON, 1, &[name(1)]));
    settle(&store, 1, Outcome::Failed);
    let history = see(&store, &login(4, NOON, 1, &[name(1)]));
    check(history.network.minute, [2.0, 0.0, 0.0, 2.0]);
    assert_eq!(history.network.in_flight, 2);
}
