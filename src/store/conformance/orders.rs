//! Promises about orders: what is said of one later counts as if it had been answered.

use super::*;
use crate::engine::evidence::{Answers, EntityKind};
use crate::store::{Bought, Concluded, Conclusion};

const DAYS: u64 = 86_400;

fn key() -> VelocityKey {
    VelocityKey::new(EntityKind::NetworkCards, &Event::Checkout, [7; 16])
}

/// An order number `order` paid with the card `card`; answered so.
fn bought(store: &Store, id: u128, at: Timestamp, card: u64, order: u64, outcome: Outcome) {
    attempted(store, id, at, card);
    answered(store, id, at, order, outcome);
}

fn attempted(store: &Store, id: u128, at: Timestamp, card: u64) {
    let (accounts, velocities) = ([name(id as u64)], [key()]);
    let card = Some(name(500 + card));
    let event = Event::Checkout;
    see(store, &Observation { event, card, velocities: &velocities, ..login(id, at, id as u32, &accounts) });
}

fn answered(store: &Store, id: u128, at: Timestamp, order: u64, outcome: Outcome) {
    let settlement = Settlement { order: Some(name(900 + order)), ..Settlement::new(AttemptId(id), outcome, at) };
    assert_eq!(wait(store.settle(&settlement)), Ok(Settled::Counted));
}

fn conclude(store: &Store, order: u64, paid: bool, at: Timestamp) -> Concluded {
    wait(store.conclude(&Conclusion { order: name(900 + order), paid, at })).unwrap()
}

fn counted(store: &Store, at: Timestamp) -> (Answers, u32) {
    match wait(store.look_up(Entity::Velocity(key()), at)).unwrap() {
        Some(Known::Velocity(seen)) => (seen.short, seen.failed_accounts),
        other => panic!("{other:?}"),
    }
}

fn answers(store: &Store) -> ([f64; 2], u32) {
    let (seen, failed) = counted(store, NOON);
    ([seen.failed, seen.succeeded], failed)
}

fn of(id: u128) -> Bought {
    Bought { id: AttemptId(id), at: NOON }
}

pub(super) fn an_order_counts_as_what_is_said_of_it_later(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    bought(&store, 1, NOON, 1, 1, Outcome::Pending);
    bought(&store, 2, NOON, 2, 2, Outcome::Succeeded);
    bought(&store, 3, NOON, 3, 3, Outcome::Pending);
    assert_eq!(answers(&store), ([0.0, 1.0], 0));
    assert_eq!(conclude(&store, 1, true, secs(60)), Concluded::Counted(of(1)));
    assert_eq!(answers(&store), ([0.0, 2.0], 0));
    assert_eq!(conclude(&store, 2, false, secs(60)), Concluded::Counted(of(2)));
    assert_eq!(conclude(&store, 3, false, secs(60)), Concluded::Counted(of(3)));
    assert_eq!(answers(&store), ([2.0, 1.0], 2));
    // Who settled the attempt another way meanwhile changes nothing: whatever follows is told by the order.
    let again = Settlement::new(AttemptId(3), Outcome::Succeeded, secs(61));
    assert_eq!(wait(store.settle(&again)), Ok(Settled::NotOpen));
    assert_eq!(answers(&store), ([2.0, 1.0], 2));
}

pub(super) fn what_is_said_of_an_order_twice_counts_once_and_the_last_word_holds(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    bought(&store, 1, NOON, 1, 1, Outcome::Succeeded);
    for (paid, is_new, left) in [
        // It was taken for paid already: the word is new, and moves nothing.
        (true, true, [0.0, 1.0]),
        (true, false, [0.0, 1.0]),
        (false, true, [1.0, 0.0]),
        (false, false, [1.0, 0.0]),
        (true, true, [0.0, 1.0]),
    ] {
        let expected = if is_new { Concluded::Counted(of(1)) } else { Concluded::Again(of(1)) };
        assert_eq!(conclude(&store, 1, paid, secs(60)), expected);
        assert_eq!(answers(&store).0, left);
    }
}

pub(super) fn a_word_about_an_order_may_come_before_its_answer(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    attempted(&store, 1, NOON, 1);
    assert_eq!(conclude(&store, 1, false, secs(1)), Concluded::Early);
    assert_eq!(answers(&store), ([0.0, 0.0], 0));
    answered(&store, 1, secs(2), 1, Outcome::Pending);
    assert_eq!(answers(&store), ([1.0, 0.0], 1));
    assert_eq!(conclude(&store, 1, false, secs(3)), Concluded::Again(of(1)));
    // A word that waited too long is none.
    assert_eq!(conclude(&store, 2, false, secs(10)), Concluded::Early);
    attempted(&store, 2, NOON, 2);
    let late = Settlement { order: Some(name(902)), ..Settlement::new(AttemptId(2), Outcome::Succeeded, secs(600)) };
    assert_eq!(conclude(&store, 3, false, secs(0)), Concluded::Early);
    assert_eq!(wait(store.settle(&late)), Ok(Settled::Counted));
    assert_eq!(answers(&store), ([2.0, 0.0], 2), "600 s is still early enough for what was said at 10 s");
    attempted(&store, 3, NOON, 3);
    answered(&store, 3, secs(600), 3, Outcome::Succeeded);
    assert_eq!(answers(&store), ([2.0, 1.0], 2), "and too late for what was said at once");
}

pub(super) fn only_who_was_accepted_has_an_order(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    bought(&store, 1, NOON, 1, 1, Outcome::Succeeded);
    // Whoever guesses the number of somebody else's order is refused by the application, or gets an answer of no kind.
    for (id, outcome) in [(2, Outcome::Failed), (3, Outcome::Unknown), (4, Outcome::Aborted)] {
        bought(&store, id, NOON, 2, 1, outcome);
    }
    assert_eq!(conclude(&store, 1, false, secs(60)), Concluded::Counted(of(1)));
}

pub(super) fn who_was_accepted_first_keeps_the_order(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    bought(&store, 1, NOON, 1, 1, Outcome::Failed);
    bought(&store, 2, NOON, 2, 1, Outcome::Pending);
    // Whoever posts the number again, with another card and from elsewhere, takes no word away and none upon them.
    for (id, outcome) in [(3, Outcome::Pending), (4, Outcome::Succeeded)] {
        bought(&store, id, NOON, 3, 1, outcome);
    }
    assert_eq!(conclude(&store, 1, false, secs(60)), Concluded::Counted(of(2)));
    assert_eq!(answers(&store), ([2.0, 1.0], 2), "one declined at once, one reversed, and one of the order's no more");
    // Nor after it was said: a word about the first is none about anybody who comes then.
    bought(&store, 5, NOON, 4, 1, Outcome::Pending);
    assert_eq!(conclude(&store, 1, false, secs(61)), Concluded::Again(of(2)));
    assert_eq!(conclude(&store, 1, true, secs(62)), Concluded::Counted(of(2)));
    // Posting it again keeps it no longer: a week after the first it is anybody's.
    let day = secs(6 * DAYS);
    attempted(&store, 6, day, 5);
    answered(&store, 6, day, 1, Outcome::Pending);
    let week = secs(7 * DAYS);
    attempted(&store, 7, week, 6);
    answered(&store, 7, week, 1, Outcome::Pending);
    let later = Bought { id: AttemptId(7), at: week };
    assert_eq!(conclude(&store, 1, false, secs(7 * DAYS + 1)), Concluded::Counted(later));
}

pub(super) fn an_order_is_forgotten_after_a_week(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    bought(&store, 1, NOON, 1, 1, Outcome::Succeeded);
    bought(&store, 2, NOON, 2, 2, Outcome::Succeeded);
    assert_eq!(conclude(&store, 1, false, secs(7 * DAYS - 1)), Concluded::Counted(of(1)));
    assert_eq!(conclude(&store, 2, false, secs(7 * DAYS)), Concluded::Early);
}

pub(super) fn an_order_said_of_in_parallel_counts_once(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    bought(&store, 1, NOON, 1, 1, Outcome::Pending);
    let barrier = Barrier::new(16);
    let say = || {
        barrier.wait();
        conclude(&store, 1, false, secs(1))
    };
    let counted = thread::scope(|scope| {
        let runs: Vec<_> = (0..16).map(|_| scope.spawn(say)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).filter(|one| *one == Concluded::Counted(of(1))).count()
    });
    assert_eq!(counted, 1);
    assert_eq!(answers(&store), ([1.0, 0.0], 1));
}

pub(super) fn an_order_of_a_forgotten_account_names_it_no_more(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    bought(&store, 1, NOON, 1, 1, Outcome::Succeeded);
    wait(store.forget(name(1))).unwrap();
    // What is said of it moves the counts, which name nobody, and brings nobody back.
    assert_eq!(conclude(&store, 1, false, secs(1)), Concluded::Counted(of(1)));
    assert!(wait(store.look_up(Entity::Account(name(1)), secs(2))).unwrap().is_none());
}
