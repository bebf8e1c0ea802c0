//! Attempts that are told when the store is back: they count as if they had been told in time.

use super::*;
use crate::store::model::same;
use proptest::prelude::*;

#[test]
fn what_is_told_late_counts_at_the_weight_of_its_age_and_moves_no_present_back() {
    let server = shared();
    let redis = redis_on(&server);
    wait(redis.observe(&login(1, secs(300), 1, &[name(1)]))).unwrap();
    // Five minutes old: a clock set back, were it told in time.
    assert!(wait(redis.observe_late(&login(2, secs(0), 1, &[name(2)]))).unwrap());
    let history = wait(redis.observe(&login(3, secs(300), 1, &[name(3)]))).unwrap();
    assert!((history.network.minute.attempts - (2.0 + 0.5f64.powi(5))).abs() < 1e-9);
    assert_eq!((history.network.accounts, history.network.in_flight), (3, 2), "what is that old is not in flight");
    assert_eq!(wait(redis.settle_late(&Settlement::new(AttemptId(2), Outcome::Failed, secs(1)))), Ok(Settled::Counted));
    let history = wait(redis.observe(&login(4, secs(300), 1, &[name(3)]))).unwrap();
    assert!((history.network.minute.failed - 0.5f64.powi(5)).abs() < 1e-9);
    assert_eq!((history.network.answered_accounts, history.network.failed_accounts), (1, 1));
}

#[test]
fn what_was_told_in_time_is_not_counted_again() {
    let server = shared();
    let redis = redis_on(&server);
    let whom = [name(1)];
    let attempt = login(1, NOON, 1, &whom);
    wait(redis.observe(&attempt)).unwrap();
    assert!(!wait(redis.observe_late(&attempt)).unwrap());
    wait(redis.settle(&Settlement::new(AttemptId(1), Outcome::Failed, NOON))).unwrap();
    assert!(!wait(redis.observe_late(&attempt)).unwrap(), "also when it is settled");
    assert_eq!(wait(redis.settle_late(&Settlement::new(AttemptId(1), Outcome::Failed, NOON))), Ok(Settled::NotOpen));
    assert_eq!(wait(redis.withdraw_late(AttemptId(1), Withdrawal::Denied, NOON)), Ok(Settled::NotOpen));
    let late = login(2, NOON, 1, &whom);
    assert!(wait(redis.observe_late(&late)).unwrap());
    assert!(!wait(redis.observe_late(&late)).unwrap());
    let history = wait(redis.observe(&login(3, NOON, 1, &[name(1)]))).unwrap();
    assert_eq!((history.network.minute.attempts, history.network.in_flight), (3.0, 2));
}

#[derive(Clone, Debug)]
struct One {
    network: u32,
    whom: u64,
    passed: u64,
    outcome: Option<Outcome>,
    /// Told in time, or so late in order.
    late: Option<u8>,
}

fn one() -> impl Strategy<Value = One> {
    let passed = prop_oneof![Just(0), 1..90_000u64, Just(3_600_000)];
    let outcome = prop::sample::select(vec![Outcome::Succeeded, Outcome::Failed, Outcome::Unknown, Outcome::Pending]);
    (0..3u32, 0..5u64, passed, prop::option::of(outcome), prop::option::of(any::<u8>()))
        .prop_map(|(network, whom, passed, outcome, late)| One { network, whom, passed, outcome, late })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// (What stood when an attempt was refused is another matter: that depends on what was known then.)
    #[test]
    fn told_late_in_any_order_is_told(attempts in prop::collection::vec(one(), 1..30)) {
        let server = shared();
        let [in_time, late] = [0, 1].map(|_| redis_on(&server));
        let mut at = NOON;
        let mut waiting = Vec::new();
        for (id, one) in attempts.iter().enumerate() {
            at = at.after(Duration::from_millis(one.passed));
            let whom = [name(one.whom)];
            let seen = login(id as u128, at, one.network, &whom);
            wait(in_time.observe(&seen)).unwrap();
            if let Some(outcome) = one.outcome {
                wait(in_time.settle(&Settlement::new(seen.id, outcome, at))).unwrap();
            }
            match one.late {
                None => {
                    wait(late.observe(&seen)).unwrap();
                    if let Some(outcome) = one.outcome {
                        wait(late.settle(&Settlement::new(seen.id, outcome, at))).unwrap();
                    }
                }
                Some(order) => waiting.push((order, id as u128, at, one)),
            }
        }
        waiting.sort_by_key(|(order, ..)| *order);
        for (_, id, at, one) in waiting {
            let whom = [name(one.whom)];
            let seen = login(id, at, one.network, &whom);
            prop_assert!(wait(late.observe_late(&seen)).unwrap());
            if let Some(outcome) = one.outcome {
                prop_assert_eq!(wait(late.settle_late(&Settlement::new(seen.id, outcome, at))), Ok(Settled::Counted));
            }
        }
        for (network, whom) in (0..3).flat_map(|network| (0..5).map(move |whom| (network, whom))) {
            let whom = [name(whom)];
            let seen = login(1_000 + u128::from(network) * 5, at, network, &whom);
            let [expected, told] = [&in_time, &late].map(|store| wait(store.observe(&seen)).unwrap());
            prop_assert!(same(&told, &expected), "told late: {told:#?}\nin time: {expected:#?}");
        }
    }
}
