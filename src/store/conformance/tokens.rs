//! Promises about what is used once: burnt tokens and held answers.

use super::*;

pub(super) fn a_token_burns_exactly_once(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let barrier = Barrier::new(64);
    for round in 0..20u8 {
        let burn = || {
            barrier.wait();
            wait(store.burn([round; 16], Duration::from_secs(60), NOON)).unwrap()
        };
        let first = thread::scope(|scope| {
            let runs: Vec<_> = (0..64).map(|_| scope.spawn(burn)).collect();
            runs.into_iter().map(|run| run.join().unwrap()).filter(|burn| *burn == Burn::First).count()
        });
        assert_eq!(first, 1);
    }
}

pub(super) fn a_full_store_refuses_tokens_and_forgets_none(make: impl Fn(Limits) -> Store) {
    let store = make(Limits { tokens: 3, ..limits() });
    let burn = |token: u8| wait(store.burn([token; 16], Duration::from_secs(60), NOON));
    for token in 0..3 {
        assert_eq!(burn(token), Ok(Burn::First));
    }
    assert_eq!(burn(3), Err(StoreError::Full("spent token")));
    for token in 0..3 {
        assert_eq!(burn(token), Ok(Burn::AlreadyUsed));
    }
    let stats = store.stats();
    let tokens = stats.kinds.iter().find(|kind| kind.kind == "token").unwrap();
    assert_eq!((tokens.entries, tokens.evicted, tokens.refused), (3, 0, 1));
}

pub(super) fn an_expired_token_makes_room(make: impl Fn(Limits) -> Store) {
    let store = make(Limits { tokens: 2, ..limits() });
    let burn = |token: u8, lifetime, at| wait(store.burn([token; 16], Duration::from_secs(lifetime), secs(at)));
    assert_eq!(burn(1, 60, 0), Ok(Burn::First));
    assert_eq!(burn(2, 300, 0), Ok(Burn::First));
    assert!(burn(3, 60, 59).is_err());
    assert_eq!(burn(3, 60, 60), Ok(Burn::First));
    assert_eq!(burn(2, 60, 60), Ok(Burn::AlreadyUsed));
}

pub(super) fn an_answer_is_taken_exactly_once(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let barrier = Barrier::new(16);
    wait(store.hold([1; 16], Bytes::from_static(b"sealed"), Duration::from_secs(300), NOON)).unwrap();
    let take = || {
        barrier.wait();
        wait(store.take([1; 16], secs(1))).unwrap()
    };
    let taken: Vec<Bytes> = thread::scope(|scope| {
        let runs: Vec<_> = (0..16).map(|_| scope.spawn(take)).collect();
        runs.into_iter().filter_map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(taken, [Bytes::from_static(b"sealed")]);
    assert_eq!(wait(store.take([2; 16], NOON)).unwrap(), None);
}

pub(super) fn held_answers_are_bounded_and_never_overwritten(make: impl Fn(Limits) -> Store) {
    let store = make(Limits { held: 3, held_bytes: 100, ..limits() });
    let hold =
        |id: u8, bytes: usize| wait(store.hold([id; 16], Bytes::from(vec![id; bytes]), Duration::from_secs(300), NOON));
    let full = Err(StoreError::Full("held answer"));
    assert_eq!(hold(1, 60), Ok(()));
    assert_eq!(hold(1, 10), Err(StoreError::Exists));
    assert_eq!(hold(2, 41), full);
    assert_eq!(hold(2, 40), Ok(()));
    assert_eq!(hold(3, 0), Ok(()));
    assert_eq!(hold(4, 0), full);
    let stats = store.stats();
    let held = stats.kinds.iter().find(|kind| kind.kind == "held").unwrap();
    assert_eq!((stats.held_bytes, held.entries, held.refused), (100, 3, 2));
    assert_eq!(wait(store.take([1; 16], NOON)).unwrap(), Some(Bytes::from(vec![1; 60])));
    assert_eq!(hold(4, 60), Ok(()));
}

pub(super) fn a_held_answer_expires(make: impl Fn(Limits) -> Store) {
    let store = make(Limits { held: 1, ..limits() });
    let hold =
        |id: u8, at| wait(store.hold([id; 16], Bytes::from_static(b"x"), Duration::from_secs(300), secs(at))).is_ok();
    assert!(hold(1, 0));
    assert!(!hold(2, 299));
    assert_eq!(wait(store.take([1; 16], secs(300))).unwrap(), None);
    assert!(hold(2, 300));
    assert!(hold(3, 600), "what has expired makes room");
    assert_eq!(store.stats().held_bytes, 1);
}
