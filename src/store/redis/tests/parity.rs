//! The two implementations of counting, side by side on single entries: where sources are many and accounts are many, which
//! sequences of whole attempts seldom reach.
//!
//! Time passes by half-lives, whose powers of two are exact: so that rounding decides nowhere, and the same source has to go
//! when there are too many.

use super::*;
use crate::engine::evidence::{Counts, Usual};
use crate::store::memory::decay::Change;
use proptest::prelude::*;

const ARRIVED: Change = Change { attempts: 1, failed: 0, succeeded: 0, open: 1 };
const FAILED: Change = Change { attempts: 0, failed: 1, succeeded: 0, open: -1 };
const TAKEN_OFF: Change = Change { attempts: -1, failed: 0, succeeded: 0, open: -1 };

fn ask(redis: &Redis, call: Call) -> Value {
    wait(redis.link.asker().ask(&[call], Duration::from_secs(10), "test")).unwrap().remove(0)
}

fn near(one: Counts, other: Counts) -> bool {
    let near = |one: f64, other: f64| (one - other).abs() < 1e-9;
    near(one.attempts, other.attempts)
        && near(one.failed, other.failed)
        && near(one.succeeded, other.succeeded)
        && near(one.open, other.open)
}

fn alike(one: Usual, other: Usual) -> bool {
    let near = |one: f64, other: f64| (one - other).abs() < 1e-6;
    near(one.days, other.days) && near(one.mean, other.mean) && near(one.variance, other.variance)
}

#[derive(Clone, Debug)]
enum OnAccount {
    Arrive { from: u8, half_lives: u64 },
    Turn { from: u8, change: Change, refused: bool, forgiven: bool, known: bool },
}

fn on_account() -> impl Strategy<Value = OnAccount> {
    // From 24 half-lives on a single try is negligible.
    let half_lives = prop_oneof![6 => Just(0), 1 => 1..3u64, 1 => 20..30u64];
    let change = prop::sample::select(vec![FAILED, TAKEN_OFF, ARRIVED, Change::default()]);
    prop_oneof![
        3 => (0..30u8, half_lives).prop_map(|(from, half_lives)| OnAccount::Arrive { from, half_lives }),
        1 => (0..30u8, change, any::<[bool; 3]>()).prop_map(|(from, change, [refused, forgiven, known])| {
            OnAccount::Turn { from, change, refused, forgiven, known }
        }),
    ]
}

#[derive(Clone, Debug)]
struct OnSource {
    /// So many accounts from this one on.
    first: u64,
    count: u64,
    half_hours: u64,
    answered: Answered,
    /// Of an arrival so long ago.
    ago: u64,
}

fn on_source() -> impl Strategy<Value = OnSource> {
    let answered = prop::sample::select(vec![Answered::No, Answered::Otherwise, Answered::Failed]);
    (0..150u64, 1..40u64, 0..4u64, answered, 0..5u64).prop_map(|(first, count, half_hours, answered, ago)| OnSource {
        first,
        count,
        half_hours,
        answered,
        ago,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_account_of_many_sources_is_counted_alike(steps in prop::collection::vec(on_account(), 1..150)) {
        let server = shared();
        let redis = redis_on(&server);
        let key = redis.keys.account(&name(1));
        // Every third is told by a fingerprint.
        let from = |number: u8| From {
            network: redis.keys.network(network(number.into())),
            device: redis.keys.device(DeviceKey::Cookie(name(1_000 + u64::from(number / 2)))),
            device_is_proof: !number.is_multiple_of(3),
        };
        let here = |from: From| Here {
            network: u64::from_le_bytes(from.network.tag),
            device: u64::from_le_bytes(from.device.tag),
            device_is_proof: from.device_is_proof,
        };
        let mut expected: Option<AccountEntry> = None;
        let mut at = NOON;
        for step in steps {
            match step {
                OnAccount::Arrive { from: number, half_lives } => {
                    at = at.after(Duration::from_secs(600 * half_lives));
                    ask(&redis, Call::arrive_at_account(key.clone(), Arrival::Now, at, ARRIVED, from(number)));
                    expected.get_or_insert_default().arrive(at, ARRIVED, here(from(number)));
                }
                OnAccount::Turn { from: number, change, refused, forgiven, known } => {
                    let turn = TurnAtAccount { change, landed: true, refused, forgiven, known, teaches: known };
                    ask(&redis, Call::turn_at_account(key.clone(), at, turn, from(number)));
                    if let Some(entry) = &mut expected {
                        let here = here(from(number));
                        if refused {
                            entry.refuse(at, here);
                        }
                        entry.turn(at, change, true, here);
                        if known {
                            entry.learn(at);
                        }
                        if forgiven {
                            entry.forgive(here);
                        }
                        if known {
                            entry.know(here);
                        }
                    }
                }
            }
            let Some(expected) = &expected else { continue };
            let counted = entry::<AccountEntry>(&ask(&redis, Call::command("GET", key.clone()))).unwrap();
            for number in 0..30 {
                let [counted, expected] = [&counted, expected].map(|entry| entry.read(here(from(number))));
                prop_assert!(
                    near(counted.recent, expected.recent)
                        && near(counted.from_here, expected.from_here)
                        && near(counted.refused_here, expected.refused_here)
                        && alike(counted.usual, expected.usual)
                        && (counted.in_flight, counted.known_source) == (expected.in_flight, expected.known_source),
                    "source {number}: counted {counted:#?}, expected {expected:#?}"
                );
            }
            prop_assert_eq!(counted.read_at(at).1, expected.read_at(at).1, "known sources");
        }
    }

    #[test]
    fn a_source_on_many_accounts_is_counted_alike(steps in prop::collection::vec(on_source(), 1..20)) {
        let server = shared();
        let redis = redis_on(&server);
        let key = redis.keys.key(Kind::Network, &[1; 16]);
        let mut expected = SourceEntry::new();
        let mut at = NOON;
        // Or what was answered before the first arrival would be another entry's.
        ask(&redis, Call::arrive_at_source(key.clone(), Arrival::Now, at, ARRIVED, None));
        expected.arrive(at, ARRIVED, None);
        for OnSource { first, count, half_hours, answered, ago } in steps {
            at = at.after(Duration::from_secs(1_800 * half_hours));
            let then = Timestamp((at.0 - 1_800_000 * ago).max(NOON.0));
            for account in (first..first + count).map(name) {
                ask(&redis, Call::arrive_at_source(key.clone(), Arrival::Now, at, ARRIVED, Some(&account.0)));
                expected.arrive(at, ARRIVED, Some(&account));
                let teaches = answered == Answered::Otherwise;
                let turn = TurnAtSource { change: FAILED, landed: true, answered, teaches };
                ask(&redis, Call::turn_at_source(key.clone(), then, turn, Some(&account.0)));
                expected.turn(then, FAILED, true);
                if teaches {
                    expected.learn(then);
                }
                if answered != Answered::No {
                    expected.answer(then, &account, answered == Answered::Failed);
                }
            }
            let counted = entry::<SourceEntry>(&ask(&redis, Call::command("GET", key.clone()))).unwrap().read();
            let expected = expected.read();
            prop_assert!(
                near(counted.minute, expected.minute)
                    && near(counted.hour, expected.hour)
                    && alike(counted.usual_minute, expected.usual_minute)
                    && alike(counted.usual_hour, expected.usual_hour)
                    && (counted.accounts, counted.answered_accounts, counted.failed_accounts, counted.in_flight)
                        == (expected.accounts, expected.answered_accounts, expected.failed_accounts, expected.in_flight),
                "counted {counted:#?}, expected {expected:#?}"
            );
        }
    }
}
