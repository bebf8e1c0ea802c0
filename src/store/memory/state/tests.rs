//! A store that was closed, killed, cut off or damaged, and what it knows afterwards.

use super::*;
use crate::engine::event::Event;
use crate::engine::evidence::History;
use crate::engine::outcome::Outcome;
use crate::store::{Burn, Observation, Settled, Settlement, Withdrawal};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_795_338_000_000);
const MINUTES: Duration = Duration::from_secs(300);

fn limits() -> Limits {
    Limits::of_entries(5_000)
}

/// Opens the store of a directory. The writing thread of one that was just dropped may still have it for a moment.
fn opened(path: &Path) -> (Arc<Memory>, Restored) {
    for _ in 0..10_000 {
        match open(limits(), path, [3; 16], NOW) {
            Err(StateError::InUse(_)) => thread::sleep(Duration::from_millis(1)),
            other => return other.unwrap(),
        }
    }
    panic!("the directory stays in use");
}

/// The store after the process was killed: nothing is written that was not before.
fn killed(memory: Arc<Memory>, path: &Path) -> Arc<Memory> {
    memory.keeping.get().unwrap().closing.tell();
    drop(memory);
    opened(path).0
}

/// The store after a clean stop.
fn restarted(memory: Arc<Memory>, path: &Path) -> Arc<Memory> {
    memory.close();
    killed(memory, path)
}

fn see(memory: &Memory, id: u128, at: Timestamp, network: u128, account: u8) -> History {
    memory.observe(&Observation {
        id: AttemptId(id),
        at,
        event: Event::Login,
        network: Network::from_bits(network),
        device: DeviceKey::Fingerprint { hash: network as u64, asn: 1 },
        accounts: &[Pseudonym([account; 16])],
        cookie: None,
        told_apart: true,
        card: None,
        spelled: false,
        velocities: &[],
    })
}

#[derive(Clone, Debug)]
enum Step {
    Observe {
        network: u128,
        account: u8,
        passed: u64,
    },
    Settle {
        back: u128,
        outcome: Outcome,
    },
    Withdraw {
        back: u128,
        how: Withdrawal,
    },
    WriteDown,
    Restart,
    /// Right after everything was written: a kill that loses nothing.
    WriteAndKill,
}

fn step() -> impl Strategy<Value = Step> {
    use Outcome::*;
    let outcome = prop::sample::select(vec![Succeeded, Failed, Failed, Pending, Unknown, Aborted]);
    let how = prop::sample::select(vec![Withdrawal::Denied, Withdrawal::Challenged, Withdrawal::Held]);
    prop_oneof![
        6 => (0..3u128, 0..4u8, prop_oneof![Just(0), 1..90_000u64, Just(3_600_000)])
            .prop_map(|(network, account, passed)| Step::Observe { network, account, passed }),
        5 => (0..5u128, outcome).prop_map(|(back, outcome)| Step::Settle { back, outcome }),
        2 => (0..5u128, how).prop_map(|(back, how)| Step::Withdraw { back, how }),
        1 => Just(Step::WriteDown),
        1 => Just(Step::Restart),
        1 => Just(Step::WriteAndKill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happened_a_restart_changes_nothing(steps in prop::collection::vec(step(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let plain = Memory::new(limits());
        let mut kept = opened(dir.path()).0;
        let (mut at, mut count) = (NOW, 0u128);
        for step in steps {
            match step {
                Step::Observe { network, account, passed } => {
                    at = at.after(Duration::from_millis(passed));
                    count += 1;
                    let known = format!("{:?}", see(&kept, count, at, network, account));
                    prop_assert_eq!(known, format!("{:?}", see(&plain, count, at, network, account)));
                }
                Step::Settle { back, outcome } => {
                    let id = AttemptId(count.saturating_sub(back));
                    prop_assert_eq!(kept.settle(&Settlement::new(id, outcome, at)), plain.settle(&Settlement::new(id, outcome, at)));
                }
                Step::Withdraw { back, how } => {
                    let id = AttemptId(count.saturating_sub(back));
                    prop_assert_eq!(kept.withdraw(id, how, at), plain.withdraw(id, how, at));
                }
                Step::WriteDown => kept.write_down(),
                Step::Restart => kept = restarted(kept, dir.path()),
                Step::WriteAndKill => {
                    kept.write_down();
                    kept = killed(kept, dir.path());
                }
            }
        }
    }
}

#[test]
fn what_may_happen_only_once_survives_a_kill_at_any_moment() {
    let dir = tempfile::tempdir().unwrap();
    // In the first second, when nothing has been written yet.
    let memory = opened(dir.path()).0;
    assert_eq!(memory.burn([99; 16], MINUTES, NOW), Ok(Burn::First));
    let memory = killed(memory, dir.path());
    assert_eq!(memory.burn([98; 16], MINUTES, NOW), Ok(Burn::First));
    let mut memory = killed(memory, dir.path());
    for token in [98, 99] {
        assert_eq!(memory.burn([token; 16], MINUTES, NOW), Ok(Burn::AlreadyUsed));
    }
    // Before the first whole file and after it.
    for round in 0..2u8 {
        let (token, held, taken) = ([round; 16], [10 + round; 16], [20 + round; 16]);
        assert_eq!(memory.burn(token, MINUTES, NOW), Ok(Burn::First));
        memory.hold(held, &Bytes::from_static(b"sealed"), MINUTES, NOW).unwrap();
        memory.hold(taken, &Bytes::from_static(b"gone"), MINUTES, NOW).unwrap();
        assert!(memory.take(taken, NOW).is_some());
        if round == 1 {
            memory = killed(memory, dir.path());
            assert_eq!(memory.burn(token, MINUTES, NOW), Ok(Burn::AlreadyUsed));
            assert_eq!(memory.take(taken, NOW), None, "handed out once is handed out");
            assert_eq!(memory.take(held, NOW).as_deref(), Some(&b"sealed"[..]));
            assert_eq!(memory.take(held, NOW), None);
        } else {
            memory.write_down();
        }
    }
    assert_eq!(memory.burn([0; 16], MINUTES, NOW), Ok(Burn::AlreadyUsed), "from before the whole file");
    assert_eq!(memory.take([10; 16], NOW).as_deref(), Some(&b"sealed"[..]));
}

#[test]
fn an_attempt_that_was_settled_before_a_kill_is_not_settled_again() {
    let dir = tempfile::tempdir().unwrap();
    let memory = opened(dir.path()).0;
    see(&memory, 1, NOW, 1, 1);
    see(&memory, 2, NOW, 1, 1);
    memory.write_down();
    assert_eq!(memory.settle(&Settlement::new(AttemptId(1), Outcome::Failed, NOW)), Settled::Counted);
    memory.write_down();
    let memory = killed(memory, dir.path());
    assert_eq!(memory.settle(&Settlement::new(AttemptId(1), Outcome::Failed, NOW)), Settled::NotOpen);
    assert_eq!(memory.settle(&Settlement::new(AttemptId(2), Outcome::Failed, NOW)), Settled::Counted);
}

#[test]
fn a_damaged_file_is_set_aside_and_what_stands_before_the_damage_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let memory = opened(dir.path()).0;
    memory.write_down();
    see(&memory, 1, NOW, 1, 1);
    memory.write_down();
    let path = dir.path().join("state.1");
    let before = std::fs::metadata(&path).unwrap().len() as usize;
    see(&memory, 2, NOW, 1, 1);
    memory.close();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[before + 12] ^= 1;
    drop(killed(memory, dir.path()));
    std::fs::remove_file(dir.path().join("state.2")).ok();
    std::fs::remove_file(dir.path().join("begun.2")).ok();
    std::fs::write(&path, bytes).unwrap();
    let (memory, restored) = opened(dir.path());
    assert_eq!(restored.damage.len(), 1, "{:?}", restored.damage);
    assert!(restored.damage[0].contains("state.1") && restored.damage[0].contains("checksum"), "{:?}", restored.damage);
    assert!(dir.path().join("damaged.1").exists());
    assert_eq!(see(&memory, 3, NOW, 1, 1).network.minute.attempts, 2.0, "the first is known, the second was damaged");
    memory.write_down();
    assert!(opened_again(memory, dir.path()).damage.is_empty(), "the new file is whole");
}

fn opened_again(memory: Arc<Memory>, path: &Path) -> Restored {
    memory.close();
    drop(memory);
    opened(path).1
}

#[test]
fn any_bytes_for_a_file_never_keep_the_gate_from_starting() {
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { failure_persistence: None, ..Default::default() });
    runner
        .run(&prop::collection::vec(any::<u8>(), 0..300), |bytes| {
            // As a record that has the right length and checksum: the hardest to tell.
            let dir = tempfile::tempdir().unwrap();
            let directory = Directory::open(dir.path()).unwrap();
            let mut generation = directory.begin(1, [1; 16]).unwrap();
            generation.append(&bytes).unwrap();
            directory.finish(&mut generation).unwrap();
            drop(directory);
            let (memory, _) = opened(dir.path());
            see(&memory, 1, NOW, 1, 1);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_file_that_grew_is_written_anew_and_the_old_one_goes() {
    let dir = tempfile::tempdir().unwrap();
    let memory = opened(dir.path()).0;
    for id in 0..2_000 {
        see(&memory, id, NOW, id, id as u8);
    }
    memory.write_down();
    // As if it had been tiny when it was whole.
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["lock", "state.1"]);
    memory.keeping.get().unwrap().output.lock().whole = None;
    memory.write_down();
    assert_eq!(names(), ["lock", "state.2"]);
    let memory = restarted(memory, dir.path());
    assert_eq!(see(&memory, 5_000, NOW, 7, 7).network.minute.attempts, 2.0);
}

#[test]
fn a_disk_that_is_full_is_counted_and_made_good_later() {
    let dir = tempfile::tempdir().unwrap();
    let memory = opened(dir.path()).0;
    see(&memory, 1, NOW, 1, 1);
    memory.write_down();
    // No file can be made where a directory has its name.
    memory.keeping.get().unwrap().output.lock().whole = None;
    let obstacle = dir.path().join("begun.2");
    std::fs::create_dir(&obstacle).unwrap();
    see(&memory, 2, NOW, 1, 1);
    memory.write_down();
    assert!(memory.keeping_stats().unwrap().failures >= 1);
    assert_eq!(see(&memory, 3, NOW, 1, 1).network.minute.attempts, 3.0, "the gate goes on");
    std::fs::remove_dir(&obstacle).unwrap();
    memory.write_down();
    let memory = killed(memory, dir.path());
    assert_eq!(see(&memory, 4, NOW, 1, 1).network.minute.attempts, 4.0);
}

#[test]
fn a_disk_that_stays_full_costs_no_more_memory_than_a_bound_and_nothing_known() {
    let dir = tempfile::tempdir().unwrap();
    let memory = opened(dir.path()).0;
    memory.write_down();
    // The writing hangs: nobody asks for what changed.
    let collecting = memory.collecting.turn.lock();
    let capacity = usize::try_from(memory.open.stats().capacity).unwrap();
    for id in 0..10 * capacity as u128 {
        see(&memory, id, NOW, id, 1);
    }
    assert!(memory.open.noted() <= 2 * capacity, "{} notes", memory.open.noted());
    drop(collecting);
    let last = 10 * capacity as u128 - 1;
    memory.write_down();
    memory.write_down();
    let memory = killed(memory, dir.path());
    assert_eq!(see(&memory, last + 1, NOW, last, 1).network.minute.attempts, 2.0);
    assert_eq!(memory.settle(&Settlement::new(AttemptId(last), Outcome::Failed, NOW)), Settled::Counted);
}

#[test]
fn what_is_forgotten_is_in_no_file_and_comes_back_with_no_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = opened(dir.path());
    let bytes_of = |account: u8| {
        let files = std::fs::read_dir(dir.path()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        files.filter(|file| file.windows(16).any(|window| window == [account; 16])).count()
    };
    for id in 0..20 {
        see(&memory, id, NOW, 1, if id % 2 == 0 { 0xaa } else { 0xbb });
        memory.write_down();
    }
    assert_eq!((bytes_of(0xaa), bytes_of(0xbb)), (1, 1));
    assert_eq!(memory.forget(Pseudonym([0xaa; 16])), Ok(true));
    assert_eq!((bytes_of(0xaa), bytes_of(0xbb)), (0, 1));
    assert_eq!(memory.forget(Pseudonym([0xaa; 16])), Ok(false));
    let memory = killed(memory, dir.path());
    assert_eq!(see(&memory, 99, NOW, 2, 0xaa).account.recent.attempts, 1.0);
    assert_eq!(see(&memory, 98, NOW, 2, 0xbb).account.in_flight, 11);
}

#[test]
fn what_is_known_of_owners_outlives_the_process() {
    use crate::engine::outcome::Outcome;
    use crate::store::Taught;
    use crate::store::conformance::owners::{owner_login, proof};
    let directory = tempfile::tempdir().unwrap();
    let open = || super::open(Limits::of_entries(1_000), directory.path(), [7; 16], NOW).unwrap().0;
    let memory = open();
    for id in 0..20u64 {
        let login = owner_login(id.into(), NOW, id % 3, 8 + id, 8);
        memory.observe(&Observation {
            accounts: &[login.account],
            ..crate::store::conformance::login(id.into(), NOW, 1, &[])
        });
        memory.settle(&Settlement {
            owner: Some(Taught { login, suspect: id == 19 }),
            ..Settlement::new(AttemptId(id.into()), Outcome::Succeeded, NOW)
        });
    }
    let asked = [0, 1, 2].map(|account| proof(owner_login(100, NOW, account, 9, 8)));
    let before = asked.map(|proof| memory.prove(&proof));
    assert!(before.iter().all(|owner| owner.logins > 4.0 && (owner.population - 19.0).abs() < 1e-9));
    assert!(before[1].suspected.is_some());
    memory.close();
    drop(memory);
    let after = asked.map(|proof| open_again(&open, &proof));
    assert_eq!(before, after);

    fn open_again(open: &impl Fn() -> Arc<Memory>, proof: &crate::store::Proof) -> crate::engine::ownership::Ownership {
        let memory = open();
        let owner = memory.prove(proof);
        memory.close();
        owner
    }
}
