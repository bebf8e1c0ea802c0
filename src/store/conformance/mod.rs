//! What every store promises, as tests that every store runs: [`suite!`] makes one test a promise and store.

mod bounds;
mod holders;
mod known;
mod names;
mod orders;
pub(in crate::store) mod owners;
mod refusals;
mod spellings;
mod tokens;
mod unmatched;
mod velocities;

use super::memory::{Limits, Memory};
use super::redis::server::{Cluster, shared};
use super::redis::tests::{redis_on, store_in, store_on};
use super::*;
use crate::engine::evidence::{Account, Counts, Source};
use bounds::*;
use holders::*;
use known::*;
use names::*;
use orders::*;
use owners::*;
use refusals::*;
use spellings::*;
use std::net::IpAddr;
use std::sync::Barrier;
use std::thread;
use tokens::*;
use unmatched::*;
use velocities::*;

/// One test a promise, of the store that `$make` opens with the given bounds.
macro_rules! suite {
    ($store:ident, $cases:expr, $make:expr; $($promise:ident),* $(,)?) => {
        mod $store {
            $(#[test] fn $promise() { super::$promise($make) })*

            #[test]
            fn any_sequence_counts_as_the_naive_model_does() {
                crate::store::model::compare($cases, $make);
            }
        }
    };
}

/// What every store promises. A cluster takes seconds to come together, so its promises are one test.
macro_rules! every_store {
    ($($promise:ident),* ; not without the remote: $($answered:ident),* $(,)?) => {
        suite!(memory, 192, |limits| super::Store::Memory(super::Memory::new(limits).into());
            $($promise,)* $($answered),*);

        // Without its remote: what one gate does alone.
        suite!(shared_alone, 48, crate::store::shared::tests::alone; $($promise),*);

        suite!(redis, 48, {
            let server = super::shared();
            move |_| super::store_on(&server)
        }; $($promise,)* $($answered),*);

        // What the gate really asks: Redis behind a breaker.
        suite!(shared, 24, {
            let server = super::shared();
            move |_| crate::store::shared::tests::over(super::redis_on(&server))
        }; $($promise,)* $($answered),*);

        #[test]
        fn redis_cluster_keeps_every_promise() {
            let cluster = Cluster::start();
            let make = |_: Limits| store_in(&cluster);
            // On threads of their names, so that a failure says which promise is broken.
            let keep = |promise: &str, test: &(dyn Fn() + Sync)| {
                thread::scope(|scope| {
                    let run = thread::Builder::new().name(promise.to_owned()).spawn_scoped(scope, test).unwrap();
                    assert!(run.join().is_ok(), "{promise}");
                });
            };
            $(keep(stringify!($promise), &|| $promise(make));)*
            $(keep(stringify!($answered), &|| $answered(make));)*
            keep("any_sequence_counts_as_the_naive_model_does", &|| super::model::compare(16, make));
        }
    };
}

every_store!(
    an_attempt_sees_itself,
    attempts_in_parallel_see_each_other,
    settling_twice_counts_once,
    settling_in_parallel_counts_once,
    outcomes_may_come_in_any_order,
    pending_and_aborted_stay_open_and_unknown_does_not,
    a_pending_attempt_may_be_settled_for_good,
    withdrawn_attempts_stay_on_the_source_only,
    what_is_refused_neither_dilutes_nor_raises_a_share,
    an_answer_that_no_rule_matches_dilutes_only_where_none_ever_matched,
    an_account_that_was_refused_counts_when_an_attempt_on_it_lands,
    refused_and_landing_in_parallel_is_landed,
    what_stood_does_not_age_while_it_is_refused_and_goes_on,
    a_refusal_holds_its_source_alone,
    a_success_ends_a_refusal,
    a_held_success_counts_when_it_is_released,
    a_held_success_counts_whoever_came_in_between,
    an_outcome_counts_at_the_time_of_its_attempt,
    counts_halve_with_their_half_life,
    distinct_accounts_count_on_arrival_and_failed_ones_on_outcome,
    a_lost_outcome_does_not_pin_an_attempt_in_flight,
    a_source_is_known_by_its_successes_only,
    from_here_is_this_source_alone,
    two_names_of_one_account_are_counted_together,
    a_stranger_cannot_be_tied_to_an_account,
    a_spelling_vouches_for_itself_and_is_doubted_with_all_others,
    many_spellings_are_one_account_to_their_source,
    harmless_successes_do_not_drown_failures,
    a_clock_set_back_keeps_counting,
    a_token_burns_exactly_once,
    an_answer_is_taken_exactly_once,
    what_attempts_share_is_counted_whoever_sends_them,
    what_stands_in_a_form_counts_by_event_and_whatever_is_answered,
    orders_tell_cards_apart_and_accounts_where_there_is_no_card,
    the_whole_site_is_seen_by_event,
    looking_up_counts_nothing_and_sees_what_an_attempt_would,
    a_device_has_a_past_once_somebody_succeeded_on_it,
    accounts_of_a_device_count_for_seven_days,
    a_device_cookie_in_two_places_is_noticed,
    what_was_let_through_is_learnt_and_nothing_else,
    a_suspect_success_makes_no_device_known,
    successes_in_parallel_see_each_other,
    who_guessed_it_is_remembered_and_not_learnt,
    what_failed_meanwhile_is_read_again,
    a_new_spelling_is_judged_by_what_it_reads_as_and_teaches_its_own,
    whom_a_spelling_has_let_in_is_judged_by_its_own_logins,
    any_logins_are_learnt_as_the_pure_form_learns_them;
    not without the remote:
    an_order_counts_as_what_is_said_of_it_later,
    what_is_said_of_an_order_twice_counts_once_and_the_last_word_holds,
    a_word_about_an_order_may_come_before_its_answer,
    only_who_was_accepted_has_an_order,
    who_was_accepted_first_keeps_the_order,
    an_order_is_forgotten_after_a_week,
    an_order_said_of_in_parallel_counts_once,
    an_order_of_a_forgotten_account_names_it_no_more,
    a_forgotten_account_is_one_that_never_was,
    forgetting_forgets_the_owner,
);

/// Promises about the bounds that a store in this process is given; a server has its own, see `store::redis`.
mod memory_bounds {
    use super::{Memory, Store};
    use crate::store::shared::tests::alone;

    macro_rules! memory {
        ($($promise:ident),* $(,)?) => {
            $(#[test] fn $promise() {
                super::$promise(|limits| Store::Memory(Memory::new(limits).into()));
                super::$promise(alone);
            })*
        };
    }

    memory!(
        a_flood_of_keys_stays_within_bounds,
        an_evicted_entry_is_not_settled_into_its_successor,
        a_full_store_refuses_tokens_and_forgets_none,
        an_expired_token_makes_room,
        held_answers_are_bounded_and_never_overwritten,
        a_held_answer_expires,
    );
}

pub const NOON: Timestamp = Timestamp(1_700_000_000_000 - 1_700_000_000_000 % 3_600_000);

/// Waits for a store's answer.
pub fn wait<T>(answer: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(answer))
}

pub fn limits() -> Limits {
    Limits::of_entries(10_000)
}

pub fn name(number: u64) -> Pseudonym {
    // Keyed hashes are random; the tags that a store derives need them to look so.
    let mixed = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).rotate_left(61);
    Pseudonym((mixed ^ 0x5bd1_e995_7b7d_159a_8f14_e45f_ceea_167a).to_be_bytes())
}

pub fn network(number: u32) -> Network {
    Network::from(IpAddr::from(number.to_be_bytes()))
}

/// An attempt to be observed: visitor `who` from network and device `from`, on account `whom`.
pub fn login(id: u128, at: Timestamp, from: u32, whom: &[Pseudonym]) -> Observation<'_> {
    Observation {
        id: AttemptId(id),
        at,
        event: Event::Login,
        network: network(from),
        device: DeviceKey::Cookie(name(1 << 40 | u64::from(from))),
        cookie: None,
        told_apart: false,
        card: None,
        spelled: false,
        velocities: &[],
        accounts: whom,
    }
}

fn secs(secs: u64) -> Timestamp {
    NOON.after(Duration::from_secs(secs))
}

fn see(store: &Store, observation: &Observation<'_>) -> History {
    wait(store.observe(observation)).unwrap().history
}

fn settle(store: &Store, id: u128, outcome: Outcome) -> Settled {
    wait(store.settle(&Settlement::new(AttemptId(id), outcome, NOON))).unwrap()
}

fn withdraw(store: &Store, id: u128, how: Withdrawal) -> Settled {
    wait(store.withdraw(AttemptId(id), how, NOON)).unwrap()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[track_caller]
fn check(counts: Counts, [attempts, failed, succeeded, open]: [f64; 4]) {
    let expected = Counts { attempts, failed, succeeded, open };
    for (a, b) in
        [(counts.attempts, attempts), (counts.failed, failed), (counts.succeeded, succeeded), (counts.open, open)]
    {
        assert!(near(a, b), "{counts:?} instead of {expected:?}");
    }
}

fn an_attempt_sees_itself(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let history = see(&store, &login(1, NOON, 1, &[name(1)]));
    for source in [&history.network, &history.device] {
        check(source.minute, [1.0, 0.0, 0.0, 1.0]);
        check(source.hour, [1.0, 0.0, 0.0, 1.0]);
        assert_eq!((source.accounts, source.failed_accounts, source.in_flight), (1, 0, 1));
    }
    check(history.account.recent, [1.0, 0.0, 0.0, 1.0]);
    check(history.account.from_here, [1.0, 0.0, 0.0, 1.0]);
    assert_eq!((history.account.in_flight, history.account.known_source), (1, false));

    let nobody = see(&store, &login(2, NOON, 1, &[]));
    check(nobody.network.minute, [2.0, 0.0, 0.0, 2.0]);
    assert_eq!((nobody.network.accounts, nobody.account.in_flight), (1, 0));
    check(nobody.account.recent, [0.0; 4]);
}

fn attempts_in_parallel_see_each_other(make: impl Fn(Limits) -> Store) {
    const THREADS: u128 = 8;
    const EACH: u128 = 200;
    let store = make(limits());
    let mut seen: Vec<(u64, u32)> = thread::scope(|scope| {
        let runs: Vec<_> = (0..THREADS)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || {
                    let ids = thread * EACH..(thread + 1) * EACH;
                    ids.map(|id| see(store, &login(id, NOON, 1, &[name(1)])))
                        .map(|history| (history.network.hour.attempts as u64, history.account.in_flight))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
    });
    let each_once: Vec<u64> = (1..=(THREADS * EACH) as u64).collect();
    seen.sort_unstable();
    assert_eq!(seen.iter().map(|(attempts, _)| *attempts).collect::<Vec<_>>(), each_once);
    seen.sort_unstable_by_key(|(_, in_flight)| *in_flight);
    assert_eq!(seen.iter().map(|(_, in_flight)| u64::from(*in_flight)).collect::<Vec<_>>(), each_once);
}

fn settling_twice_counts_once(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    see(&store, &login(1, NOON, 1, &[name(1)]));
    assert_eq!(settle(&store, 1, Outcome::Failed), Settled::Counted);
    for again in [Outcome::Failed, Outcome::Succeeded, Outcome::Pending] {
        assert_eq!(settle(&store, 1, again), Settled::NotOpen);
    }
    assert_eq!(withdraw(&store, 1, Withdrawal::Denied), Settled::NotOpen);
    assert_eq!(settle(&store, 99, Outcome::Failed), Settled::NotOpen);
    let history = see(&store, &login(2, NOON, 1, &[name(1)]));
    check(history.network.minute, [2.0, 1.0, 0.0, 1.0]);
    check(history.account.recent, [2.0, 1.0, 0.0, 1.0]);
    assert_eq!(history.network.in_flight, 1);
}

fn settling_in_parallel_counts_once(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    see(&store, &login(1, NOON, 1, &[name(1)]));
    let barrier = Barrier::new(16);
    let counted = thread::scope(|scope| {
        let runs: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    settle(&store, 1, Outcome::Failed)
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).filter(|did| *did == Settled::Counted).count()
    });
    assert_eq!(counted, 1);
    check(see(&store, &login(2, NOON, 1, &[name(1)])).network.minute, [2.0, 1.0, 0.0, 1.0]);
}

fn outcomes_may_come_in_any_order(make: impl Fn(Limits) -> Store) {
    let orders = [[1, 2, 3, 4], [4, 3, 2, 1], [2, 4, 1, 3]];
    let histories = orders.map(|order| {
        let store = make(limits());
        for id in 1..=4 {
            see(&store, &login(id, secs(10 * id as u64), 1, &[name(id as u64)]));
        }
        for id in order {
            let outcome = if id % 2 == 0 { Outcome::Failed } else { Outcome::Succeeded };
            assert_eq!(settle(&store, id, outcome), Settled::Counted);
        }
        see(&store, &login(9, secs(100), 1, &[name(9)])).network
    });
    for other in &histories[1..] {
        assert!(near(histories[0].minute.failed, other.minute.failed));
        assert!(near(histories[0].minute.succeeded, other.minute.succeeded));
        assert_eq!((other.failed_accounts, other.accounts, other.in_flight), (2, 5, 1));
    }
}

fn pending_and_aborted_stay_open_and_unknown_does_not(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    for (id, outcome) in [(1, Outcome::Pending), (2, Outcome::Aborted), (3, Outcome::Unknown)] {
        see(&store, &login(id, NOON, 1, &[name(1)]));
        assert_eq!(settle(&store, id, outcome), Settled::Counted);
    }
    let history = see(&store, &login(4, NOON, 1, &[name(1)]));
    check(history.network.minute, [4.0, 0.0, 0.0, 3.0]);
    check(history.account.recent, [4.0, 0.0, 0.0, 3.0]);
    assert_eq!((history.network.in_flight, history.account.in_flight), (1, 1));
}

fn a_pending_attempt_may_be_settled_for_good(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    see(&store, &login(1, NOON, 1, &[name(1)]));
    assert_eq!(settle(&store, 1, Outcome::Pending), Settled::Counted);
    assert_eq!(settle(&store, 1, Outcome::Pending), Settled::NotOpen);
    assert_eq!(settle(&store, 1, Outcome::Failed), Settled::Counted);
    assert_eq!(settle(&store, 1, Outcome::Succeeded), Settled::NotOpen);
    let history = see(&store, &login(2, NOON, 1, &[name(1)]));
    check(history.device.hour, [2.0, 1.0, 0.0, 1.0]);
    assert_eq!((history.device.failed_accounts, history.device.in_flight), (1, 1));
}

fn withdrawn_attempts_stay_on_the_source_only(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    for (id, how) in [(1, Withdrawal::Denied), (2, Withdrawal::Challenged), (3, Withdrawal::Held)] {
        see(&store, &login(id, NOON, 1, &[name(id as u64), name(7)]));
        assert_eq!(withdraw(&store, id, how), Settled::Counted);
        assert_eq!(withdraw(&store, id, how), Settled::NotOpen);
    }
    let history = see(&store, &login(4, NOON, 1, &[name(1), name(7)]));
    check(history.network.minute, [4.0, 0.0, 0.0, 1.0]);
    assert_eq!((history.network.accounts, history.network.failed_accounts, history.network.in_flight), (3, 0, 1));
    check(history.account.recent, [1.0, 0.0, 0.0, 1.0]);
    check(history.account.from_here, [1.0, 0.0, 0.0, 1.0]);
    assert_eq!((history.account.in_flight, history.account.known_source), (1, false));
}

/// Distinct accounts of the network: tried, answered, failed.
fn tally(history: &History) -> (u32, u32, u32) {
    let Source { accounts, answered_accounts, failed_accounts, .. } = history.network;
    (accounts, answered_accounts, failed_accounts)
}

fn what_is_refused_neither_dilutes_nor_raises_a_share(make: impl Fn(Limits) -> Store) {
    // Few accounts, which are counted exactly, and many, which are estimated.
    for (answered, refused) in [(12, 40), (12, 600), (300, 600)] {
        let store = make(limits());
        for id in 0..answered {
            see(&store, &login(id, NOON, 1, &[name(id as u64)]));
            settle(&store, id, if id % 3 == 0 { Outcome::Succeeded } else { Outcome::Failed });
        }
        let first = see(&store, &login(999, NOON, 1, &[name(999)]));
        if answered == 12 {
            assert_eq!(tally(&first), (13, 12, 8));
        }
        for id in 1_000..1_000 + refused {
            let history = see(&store, &login(id, NOON, 1, &[name(id as u64)]));
            // The first to make a list into a bitmap turns counts into estimates.
            assert!(tally(&history).1.abs_diff(tally(&first).1) <= 1, "{history:?}");
            assert!(tally(&history).2.abs_diff(tally(&first).2) <= 1, "{history:?}");
            let how = [Withdrawal::Denied, Withdrawal::Challenged, Withdrawal::Held][id as usize % 3];
            assert_eq!(withdraw(&store, id, how), Settled::Counted);
        }
        assert!(see(&store, &login(9_999, NOON, 1, &[name(0)])).network.accounts > 13 + refused as u32 / 2);
    }
}

fn an_account_that_was_refused_counts_when_an_attempt_on_it_lands(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let hour = |hours: u64, secs: u64| NOON.after(Duration::from_secs(hours * 3_600 + secs));
    let mut id = 0;
    let mut attempt = |at: Timestamp, whom: u64| {
        id += 1;
        (id, tally(&see(&store, &login(id, at, 1, &[name(whom)]))))
    };
    let refuse = |(id, seen)| {
        wait(store.withdraw(AttemptId(id), Withdrawal::Challenged, NOON)).unwrap();
        seen
    };
    let land = |(id, seen), outcome| {
        settle(&store, id, outcome);
        seen
    };
    assert_eq!(refuse(attempt(hour(0, 0), 1)), (1, 0, 0));
    assert_eq!(refuse(attempt(hour(0, 1), 2)), (2, 0, 0));
    assert_eq!(land(attempt(hour(0, 2), 1), Outcome::Aborted), (2, 0, 0));
    assert_eq!(land(attempt(hour(0, 3), 1), Outcome::Succeeded), (2, 0, 0), "an aborted attempt has no answer");
    assert_eq!(refuse(attempt(hour(0, 4), 1)), (2, 1, 0), "what landed has landed");
    assert_eq!(refuse(attempt(hour(1, 0), 1)), (2, 1, 0));
    assert_eq!(land(attempt(hour(1, 1), 2), Outcome::Failed), (2, 1, 0), "refused in the hour before");
    assert_eq!(refuse(attempt(hour(1, 2), 3)), (3, 2, 1));
    assert_eq!(refuse(attempt(hour(2, 0), 3)), (3, 1, 1), "the first account's answer is two hours old");
    assert_eq!(refuse(attempt(hour(3, 0), 3)), (1, 0, 0));
}

fn refused_and_landing_in_parallel_is_landed(make: impl Fn(Limits) -> Store) {
    for refused_first in [true, false] {
        let store = make(limits());
        see(&store, &login(1, NOON, 1, &[name(1)]));
        see(&store, &login(2, NOON, 1, &[name(1)]));
        let refuse = || withdraw(&store, 1, Withdrawal::Denied);
        let land = || settle(&store, 2, Outcome::Failed);
        let both = if refused_first { [refuse(), land()] } else { [land(), refuse()] };
        assert_eq!(both, [Settled::Counted; 2]);
        assert_eq!(tally(&see(&store, &login(3, NOON, 1, &[name(2)]))), (2, 1, 1));
    }
}

fn a_held_success_counts_whoever_came_in_between(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    see(&store, &login(1, NOON, 1, &[name(1)]));
    withdraw(&store, 1, Withdrawal::Held);
    see(&store, &login(2, NOON, 2, &[name(1)]));
    assert_eq!(settle(&store, 1, Outcome::Succeeded), Settled::Counted);
    check(see(&store, &login(3, NOON, 1, &[name(1)])).account.from_here, [2.0, 0.0, 1.0, 1.0]);
}

fn a_held_success_counts_when_it_is_released(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    for id in [1, 2] {
        see(&store, &login(id, NOON, 1, &[name(1)]));
        assert_eq!(withdraw(&store, id, Withdrawal::Held), Settled::Counted);
    }
    assert_eq!(settle(&store, 1, Outcome::Aborted), Settled::NotOpen, "the held answer's visitor was sent elsewhere");
    assert_eq!(settle(&store, 1, Outcome::Succeeded), Settled::Counted);
    assert_eq!(withdraw(&store, 2, Withdrawal::Denied), Settled::Counted);
    assert_eq!(settle(&store, 2, Outcome::Succeeded), Settled::NotOpen);
    let history = see(&store, &login(3, NOON, 1, &[name(1)]));
    check(history.network.minute, [3.0, 0.0, 1.0, 1.0]);
    check(history.account.recent, [2.0, 0.0, 1.0, 1.0]);
    assert_eq!((history.account.in_flight, history.account.known_source), (1, true));
}

fn an_outcome_counts_at_the_time_of_its_attempt(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    see(&store, &login(1, secs(0), 1, &[name(1)]));
    see(&store, &login(2, secs(60), 1, &[name(1)]));
    settle(&store, 1, Outcome::Failed);
    let history = see(&store, &login(3, secs(120), 1, &[name(1)]));
    check(history.network.minute, [1.75, 0.25, 0.0, 1.5]);
}

fn counts_halve_with_their_half_life(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    see(&store, &login(1, NOON, 1, &[name(1)]));
    settle(&store, 1, Outcome::Failed);
    let history = see(&store, &login(2, secs(600), 1, &[name(1)]));
    let (minute, hour, ten_minutes) = (0.5f64.powi(10), 0.5f64.powf(1.0 / 6.0), 0.5);
    check(history.network.minute, [1.0 + minute, minute, 0.0, 1.0]);
    check(history.network.hour, [1.0 + hour, hour, 0.0, 1.0]);
    check(history.account.recent, [1.0 + ten_minutes, ten_minutes, 0.0, 1.0]);
    check(history.account.from_here, [1.0 + ten_minutes, ten_minutes, 0.0, 1.0]);
}

fn distinct_accounts_count_on_arrival_and_failed_ones_on_outcome(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    for id in 0..60 {
        // Ten accounts, six times each; two of them fail.
        let whom = id as u64 % 10;
        let history = see(&store, &login(id, NOON, 1, &[name(whom)]));
        assert_eq!(history.network.accounts, (id as u32 + 1).min(10));
        settle(&store, id, if whom < 2 { Outcome::Failed } else { Outcome::Succeeded });
    }
    let history = see(&store, &login(99, NOON, 1, &[name(0)]));
    assert_eq!((history.network.accounts, history.network.failed_accounts), (10, 2));
    let much_later = see(&store, &login(100, secs(3 * 3_600), 1, &[name(0)]));
    assert_eq!((much_later.network.accounts, much_later.network.failed_accounts), (1, 0));
}

fn a_lost_outcome_does_not_pin_an_attempt_in_flight(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    for id in 0..5 {
        see(&store, &login(id, NOON, 1, &[name(1)]));
    }
    let soon = see(&store, &login(5, secs(100), 1, &[name(1)]));
    assert_eq!((soon.network.in_flight, soon.account.in_flight), (6, 6));
    let later = see(&store, &login(6, secs(300), 1, &[name(1)]));
    assert_eq!((later.network.in_flight, later.device.in_flight, later.account.in_flight), (1, 1, 1));
    assert_eq!(settle(&store, 0, Outcome::Failed), Settled::Counted, "a late outcome still counts");
    let after = see(&store, &login(7, secs(300), 1, &[name(1)]));
    assert_eq!(after.network.in_flight, 2, "and takes nobody else out of flight");
    assert!(after.network.hour.failed > 0.9);
}

fn harmless_successes_do_not_drown_failures(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    for id in 0..10 {
        let event = if id < 4 { Event::Login } else { Event::Reset };
        see(&store, &Observation { event, accounts: &[name(id as u64)], ..login(id, NOON, 1, &[]) });
        settle(&store, id, if id < 4 { Outcome::Failed } else { Outcome::Succeeded });
    }
    let history = see(&store, &login(99, NOON, 1, &[name(99)]));
    check(history.network.minute, [11.0, 4.0, 0.0, 1.0]);
    assert_eq!((history.network.accounts, history.network.failed_accounts), (11, 4));
}

fn a_clock_set_back_keeps_counting(make: impl Fn(Limits) -> Store) {
    let store = make(limits());
    let tomorrow = secs(86_400);
    for id in 0..4 {
        see(&store, &login(id, tomorrow, 1, &[name(id as u64)]));
    }
    let history = see(&store, &login(4, NOON, 1, &[name(4)]));
    check(history.network.minute, [5.0, 0.0, 0.0, 5.0]);
    assert_eq!((history.network.in_flight, history.network.accounts), (5, 5));
    let history = see(&store, &login(5, secs(60), 1, &[name(5)]));
    check(history.network.minute, [3.5, 0.0, 0.0, 3.5]);
}
