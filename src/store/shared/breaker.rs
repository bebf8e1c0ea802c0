//! Whether the remote store is worth asking.
//!
//! While it is, a request pays one load and one addition. A failure is looked at more closely: a few in a row open the
//! breaker, and so does a share of them within a second, for a store that answers every other time. Whoever waits for an
//! answer at that moment is told as well, so that of all the requests in flight only the first few pay the deadline.
//! Nobody's request finds out whether it may close again: that is a probe's task, in the background, which wants several
//! good answers in a row, and twice as many each time that the store fell over again soon after.
//!
//! Between open and closed lies *merging*: the store answers, and is told first what happened without it. Requests still
//! count here, and their observations join the end of the queue, so that what it is told is in order and told once; only
//! when the queue is empty is it asked again. For tokens and held answers it is asked all the while: those know no order.

use crate::store::StoreError;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// So many failures without a success between them open the breaker.
const IN_A_ROW: u32 = 5;
/// So long do failures and answers count together.
const WINDOW: Duration = Duration::from_secs(1);
/// At least so many failures within the window, …
const AT_LEAST: u64 = 5;
/// … that are at least one in so many commands.
const ONE_IN: u64 = 20;
/// Good probes in a row that close it.
const GOOD: u32 = 3;
/// At most so many, however often it fell over.
const MOST_GOOD: u32 = 48;
/// Whoever opens again within this time has fallen over again.
const RELAPSE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed,
    Open,
    Merging,
}

impl State {
    pub const ALL: [State; 3] = [State::Closed, State::Open, State::Merging];

    /// Label of the metrics.
    pub fn name(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::Open => "open",
            State::Merging => "merging",
        }
    }
}

#[derive(Debug, Default)]
pub struct Breaker {
    state: AtomicU8,
    in_a_row: AtomicU32,
    /// Commands that were answered, since the start.
    answered: AtomicU64,
    failures: Mutex<Failures>,
    /// Wakes who waits when it opens.
    opens: Notify,
    /// How often each state was entered.
    entered: [AtomicU64; 3],
}

/// Touched by failures only.
#[derive(Debug, Default)]
struct Failures {
    /// When the window began, and what `answered` was then.
    window: Option<(Instant, u64)>,
    failed: u64,
    /// The last failure.
    cause: Option<StoreError>,
    /// Whether the remote is being told, or cannot be told either.
    telling: bool,
    closed: Option<Instant>,
    /// How often it opened again soon after it had closed.
    relapses: u32,
}

impl Breaker {
    pub fn state(&self) -> State {
        State::ALL[usize::from(self.state.load(Ordering::Acquire))]
    }

    pub fn is_closed(&self) -> bool {
        self.state() == State::Closed
    }

    /// Whether the remote answers, though it may have to be told things first.
    pub fn is_reachable(&self) -> bool {
        self.state() != State::Open
    }

    /// Resolves when it opens. To be made before the state is looked at.
    pub fn opening(&self) -> Notified<'_> {
        self.opens.notified()
    }

    /// A command was answered.
    pub fn succeeded(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        if self.in_a_row.load(Ordering::Relaxed) != 0 {
            self.in_a_row.store(0, Ordering::Relaxed);
        }
    }

    /// A command was not. Whether that is enough to open.
    pub fn failed(&self, why: &StoreError, now: Instant) -> bool {
        let in_a_row = self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        let answered = self.answered.load(Ordering::Relaxed);
        let mut failures = self.failures.lock();
        failures.cause = Some(why.clone());
        let before = match failures.window {
            Some((began, before)) if now.duration_since(began) < WINDOW => before,
            _ => {
                failures.window = Some((now, answered));
                failures.failed = 0;
                answered
            }
        };
        failures.failed += 1;
        let commands = failures.failed + answered.saturating_sub(before);
        in_a_row >= IN_A_ROW || (failures.failed >= AT_LEAST && failures.failed * ONE_IN >= commands)
    }

    /// What a history from here is marked with: the last failure, or that the remote is being told.
    pub fn cause(&self) -> StoreError {
        let failures = self.failures.lock();
        match &failures.cause {
            _ if failures.telling => StoreError::Merging,
            Some(cause) => cause.clone(),
            None => StoreError::Down("not asked yet".into()),
        }
    }

    /// Trying in the background failed, perhaps in another way than before.
    pub fn found(&self, why: StoreError) {
        let mut failures = self.failures.lock();
        failures.cause = Some(why);
        failures.telling = false;
    }

    /// Something was told.
    pub fn told(&self) {
        self.failures.lock().telling = self.state() == State::Merging;
    }

    /// How many good probes in a row it takes.
    pub fn good_probes(&self) -> u32 {
        (GOOD << self.failures.lock().relapses.min(8)).min(MOST_GOOD)
    }

    /// Enters a state; the caller sees to it that nobody else does at the same time. Whether it was another before.
    pub fn enter(&self, state: State, now: Instant) -> bool {
        let before = self.state();
        if before == state {
            return false;
        }
        self.state.store(state as u8, Ordering::Release);
        self.entered[state as usize].fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock();
        // Whoever was found well is told; after a single failure that is still to be seen.
        failures.telling = (before, state) == (State::Open, State::Merging);
        match state {
            State::Open => {
                let soon = failures.closed.is_some_and(|closed| now.duration_since(closed) < RELAPSE);
                failures.relapses = if soon { failures.relapses.saturating_add(1) } else { 0 };
                drop(failures);
                self.opens.notify_waiters();
            }
            State::Closed => {
                failures.closed = Some(now);
                failures.window = None;
                self.in_a_row.store(0, Ordering::Relaxed);
            }
            State::Merging => {}
        }
        true
    }

    /// How often a state was entered.
    pub fn entered(&self, state: State) -> u64 {
        self.entered[state as usize].load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: StoreError = StoreError::Late(Duration::from_millis(5));

    #[test]
    fn a_few_failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let now = Instant::now();
        let breaker = Breaker::default();
        (0..200).for_each(|_| breaker.succeeded());
        for _ in 0..3 {
            assert!((1..IN_A_ROW).all(|_| !breaker.failed(&LATE, now)), "{breaker:?}");
            // Among many answers: these few are no share.
            (0..400).for_each(|_| breaker.succeeded());
        }
        assert!((1..IN_A_ROW).all(|_| !breaker.failed(&LATE, now)));
        assert!(breaker.failed(&LATE, now));
    }

    #[test]
    fn one_in_twenty_within_a_second_opens_it() {
        let began = Instant::now();
        let breaker = Breaker::default();
        let share = |one_in: u64, at: Instant| {
            (0..10).any(|_| {
                (1..one_in).for_each(|_| breaker.succeeded());
                breaker.failed(&LATE, at)
            })
        };
        assert!(!share(30, began));
        assert!(share(15, began + WINDOW));
        // As many, but over a long time.
        let seldom = (2..40).any(|second| {
            (0..5).for_each(|_| breaker.succeeded());
            breaker.failed(&LATE, began + WINDOW * second)
        });
        assert!(!seldom);
    }

    #[test]
    fn whoever_falls_over_again_has_more_to_prove() {
        let now = Instant::now();
        let breaker = Breaker::default();
        assert_eq!(breaker.good_probes(), GOOD);
        for (seconds, wanted) in [(0, GOOD), (1, 2 * GOOD), (2, 4 * GOOD), (60, GOOD), (61, 2 * GOOD)] {
            let at = now + Duration::from_secs(seconds);
            breaker.enter(State::Open, at);
            assert_eq!(breaker.good_probes(), wanted, "after {seconds} s");
            breaker.enter(State::Merging, at);
            breaker.enter(State::Closed, at);
        }
        for second in 62..90 {
            breaker.enter(State::Open, now + Duration::from_secs(second));
            breaker.enter(State::Closed, now + Duration::from_secs(second));
        }
        assert_eq!(breaker.good_probes(), MOST_GOOD);
    }
}
