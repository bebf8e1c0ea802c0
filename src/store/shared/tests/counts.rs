//! Histories and their merging.

use super::*;
use crate::engine::attempt::Pseudonym;
use crate::engine::event::Event;
use crate::engine::outcome::Outcome;
use crate::store::conformance::network;
use crate::store::model::same;
use crate::store::{DeviceKey, FAULTS};
use proptest::prelude::*;

#[tokio::test]
async fn well_it_knows_what_the_whole_fleet_saw() {
    let server = Server::new(limits());
    let (one, other) = (gate(&server), gate(&server));
    for id in 0..3 {
        let seen = see(&one, id).await;
        assert!(seen.missing.is_none());
        assert_eq!(one.settle(&Settlement::new(AttemptId(id), Outcome::Failed, NOON)).await, Settled::Counted);
    }
    let seen = see(&other, 9).await;
    assert_eq!((seen.history.network.hour.attempts, seen.history.network.hour.failed), (4.0, 3.0));
    assert_eq!(shared_stats(&one).fallbacks, 0);
}

#[tokio::test]
async fn whatever_fails_history_is_at_hand_at_once_and_the_fault_has_its_name() {
    for (fault, part) in FAULTS {
        let server = Server::new(limits());
        let gate = gate(&server);
        see(&gate, 1).await;
        gate.settle(&Settlement::new(AttemptId(1), Outcome::Failed, NOON)).await;
        server.set(Mode::Fails(fault()));
        for id in 2..9 {
            let seen = see(&gate, id).await;
            assert_eq!(seen.history.network.hour.attempts, id as f64, "the gate's own counts are warm");
            assert_eq!(seen.history.network.hour.failed, 1.0);
            let missing = seen.missing.expect("it is marked");
            assert_eq!(missing.part(), *part, "{missing:?}");
        }
        let failures = shared_stats(&gate).failures;
        let place = FAILURES.iter().position(|name| *name == fault().name()).unwrap();
        assert!(failures[place] > 0 && shared_stats(&gate).fallbacks == 7, "{failures:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_not_asked_by_visitors() {
    let server = Server::new(limits());
    let how = Use { probe_every: Duration::from_secs(3600), ..quick(Tokens::Local) };
    let gate = gate_with(&server, how);
    server.set(Mode::Fails(LATE));
    for id in 0..500 {
        let seen = see(&gate, id).await;
        assert!(seen.missing.is_some());
        gate.settle(&Settlement::new(AttemptId(id), Outcome::Failed, NOON)).await;
    }
    until("opening", || gate.breaker.state() == State::Open).await;
    assert!(server.asked() <= 20, "asked {} times", server.asked());
    // Also when it is back: visitors do not find that out.
    server.set(Mode::Well);
    let before = server.asked();
    see(&gate, 1_000).await;
    assert_eq!(server.asked(), before);
    assert_eq!(shared_stats(&gate).entered[State::Open as usize], 1);
}

#[tokio::test]
async fn whoever_waits_when_it_opens_waits_no_longer() {
    let server = Server::new(limits());
    let gate = gate(&server);
    server.set(Mode::Stands);
    let waiting: Vec<_> = (0..20)
        .map(|id| {
            let gate = gate.clone();
            tokio::spawn(async move { see(&gate, id).await })
        })
        .collect();
    until("asking", || server.asked() == 20).await;
    gate.breaker.found(LATE);
    gate.open();
    for seen in waiting {
        // The server still stands: nobody was answered.
        assert_eq!(seen.await.unwrap().missing, Some(LATE));
    }
    server.set(Mode::Well);
    closed(&gate).await;
    assert_eq!(server.known(), 20);
}

#[tokio::test]
async fn an_outage_leaves_no_trace_in_the_counts() {
    let server = Server::new(limits());
    let (one, other) = (gate(&server), gate(&server));
    open(&one, &server).await;
    for id in 0..50 {
        see(&one, id).await;
        one.settle(&Settlement::new(AttemptId(id), Outcome::Failed, NOON)).await;
    }
    assert_eq!(shared_stats(&one).backlog, 110);
    server.set(Mode::Well);
    closed(&one).await;
    let seen = see(&other, 60).await.history;
    assert_eq!((seen.network.hour.attempts, seen.network.hour.failed), (61.0, 50.0));
    assert_eq!(seen.network.in_flight, 11);
    let stats = shared_stats(&one);
    assert_eq!((stats.merged, stats.unmerged, stats.backlog, stats.backlog_bytes), (110, 0, 0, 0));
    assert_eq!((stats.state, stats.cause, stats.entered[State::Open as usize]), (State::Closed, None, 1));
    assert!(see(&one, 61).await.missing.is_none());
}

#[tokio::test]
async fn one_failure_is_told_before_anything_newer() {
    let server = Server::new(limits());
    let gate = gate(&server);
    server.set(down());
    see(&gate, 1).await;
    server.set(Mode::Well);
    // Its attempt is not there yet: told directly this would be lost.
    gate.settle(&Settlement::new(AttemptId(1), Outcome::Failed, NOON)).await;
    closed(&gate).await;
    assert_eq!(see(&gate, 2).await.history.network.hour.failed, 1.0);
    assert_eq!(shared_stats(&gate).entered[State::Open as usize], 0, "one failure is no outage");
}

#[tokio::test]
async fn what_was_done_and_answered_too_late_counts_once() {
    for mode in [Mode::LateButDone, Mode::SilentButDone, Mode::Fails(LATE)] {
        let server = Server::new(limits());
        let gate = gate(&server);
        server.set(mode);
        assert_eq!(see(&gate, 1).await.missing, Some(LATE));
        server.set(Mode::Well);
        // Behind the doubt about its attempt.
        gate.settle(&Settlement::new(AttemptId(1), Outcome::Failed, NOON)).await;
        closed(&gate).await;
        let history = see(&gate, 2).await.history;
        assert_eq!((history.network.hour.attempts, history.network.hour.failed), (2.0, 1.0));
        assert!(gate.doubts.lock().is_empty());
    }
}

#[tokio::test]
async fn what_finds_no_room_is_counted() {
    let server = Server::new(limits());
    let bounds = Bounds { entries: 10, ..Bounds::default() };
    let gate = gate_with(&server, Use { bounds, ..quick(Tokens::Local) });
    open(&gate, &server).await;
    for id in 0..100 {
        see(&gate, id).await;
    }
    server.set(Mode::Well);
    closed(&gate).await;
    let stats = shared_stats(&gate);
    assert_eq!((stats.merged, stats.unmerged), (10, 100));
    assert_eq!(server.known(), 10);
}

#[tokio::test]
async fn one_attempt_that_cannot_be_told_keeps_no_other_from_it() {
    let server = Server::new(limits());
    let gate = gate(&server);
    server.curse(AttemptId(3));
    open(&gate, &server).await;
    for id in 0..6 {
        see(&gate, id).await;
    }
    server.set(Mode::Well);
    closed(&gate).await;
    let stats = shared_stats(&gate);
    assert_eq!((stats.merged, stats.unmerged, server.known()), (15, 1, 15));
}

#[tokio::test]
async fn a_store_that_falls_over_while_it_is_told_goes_on_from_there() {
    let server = Server::new(limits());
    let gate = gate(&server);
    open(&gate, &server).await;
    for id in 0..2_000 {
        see(&gate, id).await;
    }
    for _ in 0..3 {
        server.set(Mode::Well);
        until("some being told", || server.known() > 0).await;
        server.set(down());
        until("falling over", || gate.breaker.state() == State::Open || server.known() == 2_010).await;
    }
    server.set(Mode::Well);
    closed(&gate).await;
    assert_eq!(server.known(), 2_010);
    assert_eq!(see(&gate, 9_999).await.history.network.hour.attempts, 2_011.0);
}

#[derive(Clone, Debug)]
enum Step {
    Observe { network: u32, account: u64, event: usize, passed: u64 },
    Settle { back: usize, outcome: Outcome },
    Withdraw { back: usize, how: Withdrawal },
    Set(Mode),
}

fn step() -> impl Strategy<Value = Step> {
    use Outcome::*;
    let passed = prop_oneof![Just(0), 1..2_000u64, 1_000..200_000u64];
    let observe = (0..3u32, 0..3u64, 0..3usize, passed);
    let outcome = prop::sample::select(vec![Succeeded, Failed, Failed, Pending, Unknown, Aborted]);
    let how = prop::sample::select(vec![Withdrawal::Denied, Withdrawal::Challenged, Withdrawal::Held]);
    let modes = vec![Mode::Well, Mode::Well, down(), Mode::Fails(LATE), Mode::LateButDone, Mode::SilentButDone];
    prop_oneof![
        8 => observe.prop_map(|(network, account, event, passed)| Step::Observe { network, account, event, passed }),
        8 => (0..6usize, outcome).prop_map(|(back, outcome)| Step::Settle { back, outcome }),
        2 => (0..6usize, how).prop_map(|(back, how)| Step::Withdraw { back, how }),
        2 => prop::sample::select(modes).prop_map(Step::Set),
    ]
}

/// What both know about everybody, asked by counting one more attempt.
fn ask(memory: &Memory, id: u128, at: Timestamp, network_number: u32, account: u64) -> History {
    let accounts = [name(account)];
    memory.observe(&observation(id, at, network_number, &accounts, 0))
}

fn observation(id: u128, at: Timestamp, from: u32, accounts: &[Pseudonym], event: usize) -> Observation<'_> {
    Observation {
        id: AttemptId(id),
        at,
        event: [Event::Login, Event::Verification, Event::Register][event].clone(),
        network: network(from),
        device: DeviceKey::Cookie(name(100 + u64::from(from))),
        cookie: None,
        told_apart: false,
        card: None,
        spelled: false,
        velocities: &[],
        accounts,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_failed_when_the_store_ends_up_knowing_the_same(steps in prop::collection::vec(step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(follow(&steps))?;
    }
}

async fn follow(steps: &[Step]) -> Result<(), TestCaseError> {
    let server = Server::new(limits());
    let gate = gate(&server);
    let plain = Memory::new(limits());
    let (mut present, mut count) = (NOON, 0u128);
    for step in steps {
        match step {
            Step::Observe { network, account, event, passed } => {
                present = present.after(Duration::from_millis(*passed));
                let accounts = [name(*account)];
                let seen = observation(count, present, *network, &accounts, *event);
                plain.observe(&seen);
                gate.observe(&seen).await;
                count += 1;
            }
            Step::Settle { back, outcome } => {
                let Some(id) = count.checked_sub(*back as u128 + 1).map(AttemptId) else { continue };
                plain.settle(&Settlement::new(id, *outcome, present));
                gate.settle(&Settlement::new(id, *outcome, present)).await;
            }
            Step::Withdraw { back, how } => {
                let Some(id) = count.checked_sub(*back as u128 + 1).map(AttemptId) else { continue };
                plain.withdraw(id, *how, present);
                gate.withdraw(id, *how, present).await;
            }
            Step::Set(mode) => server.set(mode.clone()),
        }
        // Doubts of one gate in its tests' order; in traffic their order is that of the answers.
        until("knowing", || gate.in_doubt.load(Ordering::Relaxed) == 0).await;
    }
    server.set(Mode::Well);
    closed(&gate).await;
    prop_assert_eq!(server.known() as u128, count);
    for network in 0..3 {
        for account in 0..3 {
            count += 1;
            let (there, here) =
                (ask(&server.memory, count, present, network, account), ask(&plain, count, present, network, account));
            prop_assert!(same(&there, &here), "told: {there:#?}\nnever failed: {here:#?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_end_waits_until_the_remote_was_told_and_not_for_ever() {
    let server = Server::new(limits());
    let gate = gate(&server);
    open(&gate, &server).await;
    see(&gate, 1).await;
    gate.finish_within(Duration::from_millis(1)).await;
    assert!(shared_stats(&gate).backlog > 0, "it is away: nobody waits for ever");
    server.set(Mode::Well);
    gate.finish_within(Duration::from_secs(60)).await;
    assert_eq!(shared_stats(&gate).backlog, 0);
}
