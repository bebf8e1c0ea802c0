//! Memories that change hands in the middle of everything.

use super::*;
use crate::engine::attempt::{AttemptId, Network, Pseudonym};
use crate::engine::event::Event;
use crate::engine::evidence::History;
use crate::engine::outcome::Outcome;
use crate::store::memory::Limits;
use crate::store::memory::state;
use crate::store::{Burn, DeviceKey, Observation, Settled, Settlement, Store, Withdrawal};
use bytes::Bytes;
use proptest::prelude::*;
use std::path::Path;

const NOW: Timestamp = Timestamp(1_795_338_000_000);
const MINUTES: Duration = Duration::from_secs(300);

fn limits() -> Limits {
    Limits::of_entries(20_000)
}

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

async fn see(store: &Store, id: u128, network: u128, account: u8) -> History {
    let seen = Observation {
        id: AttemptId(id),
        at: NOW,
        event: Event::Login,
        network: Network::from_bits(network),
        device: DeviceKey::Fingerprint { hash: network as u64, asn: 1 },
        accounts: &[Pseudonym([account; 16])],
        cookie: None,
        told_apart: true,
        card: None,
        spelled: false,
        velocities: &[],
    };
    store.observe(&seen).await.unwrap().history
}

/// The other end of a hand-over: a successor with what it was shown, which answers until the line is cut.
struct Successor {
    memory: Arc<Memory>,
    line: UnixStream,
}

impl Successor {
    fn of(memory: &Memory, line: UnixStream, keep_in: Option<&Path>) -> Successor {
        let heir = Memory::inheriting(limits(), memory.tags());
        heir.receive(&line, NOW).unwrap();
        if let Some(path) = keep_in {
            heir.keep_in(path).unwrap();
        }
        Successor { memory: heir, line }
    }

    fn serve(self) -> thread::JoinHandle<()> {
        thread::spawn(move || self.memory.serve(&self.line).unwrap())
    }
}

/// Hands `memory` over, and gives the store of the successor. `during` runs while the first showing is under way.
fn hand_over(memory: &Arc<Memory>, keep_in: Option<&Path>) -> Arc<Memory> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    thread::scope(|scope| {
        let successor = scope.spawn(|| Successor::of(memory, theirs, keep_in));
        let passing = memory.pass_on(&ours).unwrap();
        passing.catch_up().unwrap();
        let frozen = passing.freeze().unwrap();
        let successor = successor.join().unwrap();
        let heir = successor.memory.clone();
        successor.serve();
        frozen.give(Heir::new(ours).unwrap());
        heir
    })
}

#[derive(Clone, Debug)]
enum Step {
    Observe { network: u128, account: u8 },
    Settle { back: u128, outcome: Outcome },
    Withdraw { back: u128, how: Withdrawal },
    Burn { token: u8 },
    Hold { id: u8 },
    Take { id: u8 },
    HandOver,
}

fn step() -> impl Strategy<Value = Step> {
    use Outcome::*;
    let outcome = prop::sample::select(vec![Succeeded, Failed, Failed, Pending, Unknown, Aborted]);
    let how = prop::sample::select(vec![Withdrawal::Denied, Withdrawal::Challenged, Withdrawal::Held]);
    prop_oneof![
        6 => (0..3u128, 0..4u8).prop_map(|(network, account)| Step::Observe { network, account }),
        5 => (0..5u128, outcome).prop_map(|(back, outcome)| Step::Settle { back, outcome }),
        2 => (0..5u128, how).prop_map(|(back, how)| Step::Withdraw { back, how }),
        2 => (0..4u8).prop_map(|token| Step::Burn { token }),
        2 => (0..4u8).prop_map(|id| Step::Hold { id }),
        2 => (0..4u8).prop_map(|id| Step::Take { id }),
        1 => Just(Step::HandOver),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever is asked (the successor itself, or the predecessor that asks it) says what a store says that stayed.
    #[test]
    fn whatever_happened_a_hand_over_changes_nothing(steps in prop::collection::vec((step(), any::<bool>()), 1..50)) {
        let plain = Store::Memory(Arc::new(Memory::new(limits())));
        let mut now = Arc::new(Memory::new(limits()));
        let mut stores = vec![Store::Memory(now.clone())];
        let mut count = 0u128;
        for (step, by_predecessor) in steps {
            let place = stores.len().saturating_sub(if by_predecessor { 2 } else { 1 });
            let store = &stores[place];
            let id = |back: u128| AttemptId(count.saturating_sub(back));
            match step {
                Step::Observe { network, account } => {
                    count += 1;
                    let known = format!("{:?}", wait(see(store, count, network, account)));
                    prop_assert_eq!(known, format!("{:?}", wait(see(&plain, count, network, account))));
                }
                Step::Settle { back, outcome } => prop_assert_eq!(
                    wait(store.settle(&Settlement::new(id(back), outcome, NOW))), wait(plain.settle(&Settlement::new(id(back), outcome, NOW)))),
                Step::Withdraw { back, how } => prop_assert_eq!(
                    wait(store.withdraw(id(back), how, NOW)), wait(plain.withdraw(id(back), how, NOW))),
                Step::Burn { token } => prop_assert_eq!(
                    wait(store.burn([token; 16], MINUTES, NOW)), wait(plain.burn([token; 16], MINUTES, NOW))),
                Step::Hold { id } => prop_assert_eq!(
                    wait(store.hold([id; 16], Bytes::from_static(b"sealed"), MINUTES, NOW)),
                    wait(plain.hold([id; 16], Bytes::from_static(b"sealed"), MINUTES, NOW))),
                Step::Take { id } =>
                    prop_assert_eq!(wait(store.take([id; 16], NOW)), wait(plain.take([id; 16], NOW))),
                Step::HandOver => {
                    now = hand_over(&now, None);
                    stores.push(Store::Memory(now.clone()));
                }
            }
        }
    }
}

#[test]
fn under_load_nothing_is_counted_twice_or_not_at_all_and_a_token_is_spent_once() {
    const THREADS: u128 = 4;
    const EACH: u128 = 3_000;
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = state::open(limits(), dir.path(), [3; 16], NOW).unwrap();
    let store = Arc::new(Store::Memory(memory.clone()));
    for id in 0..5_000 {
        wait(see(&store, id, 1_000 + id, 9));
    }
    let first = AtomicU64::new(0);
    let heir = thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, first) = (store.clone(), &first);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(async {
                    for each in 0..EACH {
                        let id = 10_000 + thread * EACH + each;
                        see(&store, id, 7, 1).await;
                        let outcome = if each % 3 == 0 { Outcome::Succeeded } else { Outcome::Failed };
                        assert_eq!(
                            store.settle(&Settlement::new(AttemptId(id), outcome, NOW)).await,
                            Ok(Settled::Counted)
                        );
                        // All threads try the same tokens.
                        let burn = store.burn(each.to_le_bytes(), MINUTES, NOW).await;
                        first.fetch_add(u64::from(burn == Ok(Burn::First)), Ordering::Relaxed);
                    }
                });
            });
        }
        // In the middle of it: some threads are still at their beginning.
        hand_over(&memory, Some(dir.path()))
    });
    assert_eq!(u128::from(first.into_inner()), EACH, "each token is spent by exactly one");
    let heir_store = Store::Memory(heir.clone());
    let all = THREADS * EACH;
    let known = wait(see(&heir_store, 1, 7, 1));
    assert_eq!(known.network.hour.attempts, (all + 1) as f64);
    assert_eq!(known.network.hour.failed, (THREADS * (EACH - EACH / 3)) as f64);
    assert_eq!(known.network.in_flight, 1);
    // And so it is in the files.
    heir.close();
    drop((store, heir_store, heir, memory));
    let reopened = (0..10_000)
        .find_map(|_| match state::open(limits(), dir.path(), [3; 16], NOW) {
            Err(state::StateError::InUse(_)) => {
                thread::sleep(Duration::from_millis(1));
                None
            }
            other => Some(other.unwrap().0),
        })
        .unwrap();
    let known = wait(see(&Store::Memory(reopened), 2, 7, 1));
    assert_eq!(known.network.hour.attempts, (all + 2) as f64);
}

#[test]
fn a_successor_that_never_answers_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = state::open(limits(), dir.path(), [3; 16], NOW).unwrap();
    let store = Store::Memory(memory.clone());
    wait(see(&store, 1, 7, 1));
    for freeze in [false, true] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        thread::scope(|scope| {
            let successor = scope.spawn(|| Successor::of(&memory, theirs, None));
            let passing = memory.pass_on(&ours).unwrap();
            if freeze {
                let frozen = passing.freeze().unwrap();
                drop(successor.join().unwrap());
                // Who asks meanwhile waits, and is answered here.
                let asking = scope.spawn(|| wait(store.burn([1; 16], MINUTES, NOW)));
                assert!(state::open(limits(), dir.path(), [3; 16], NOW).is_ok(), "the directory is free");
                drop(frozen);
                assert_eq!(asking.join().unwrap(), Ok(Burn::First));
            } else {
                drop(passing);
                drop(ours);
                // It was cut off in the middle, and has nothing.
                assert!(successor.join().is_err());
            }
        });
    }
    wait(see(&store, 2, 7, 1));
    assert_eq!(wait(see(&store, 3, 7, 1)).network.hour.attempts, 3.0);
    memory.close();
    drop((store, memory));
}

#[test]
fn a_successor_that_ends_after_all_is_missed_and_not_replaced() {
    let memory = Arc::new(Memory::new(limits()));
    let store = Store::Memory(memory.clone());
    let (ours, theirs) = UnixStream::pair().unwrap();
    thread::scope(|scope| {
        let successor = scope.spawn(|| Successor::of(&memory, theirs, None));
        let frozen = memory.pass_on(&ours).unwrap().freeze().unwrap();
        drop(successor.join().unwrap());
        frozen.give(Heir::new(ours).unwrap());
    });
    let burn = wait(store.burn([1; 16], MINUTES, NOW));
    assert!(matches!(burn, Err(StoreError::Down(_))), "{burn:?}");
}
