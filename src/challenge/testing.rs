//! Stores and helpers for the tests of this folder.

use super::*;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::pin::pin;
use std::sync::Barrier;
use std::task::{Context, Poll, Waker};

/// A store that remembers what was spent.
#[derive(Default)]
pub struct Ledger(Mutex<HashSet<[u8; 16]>>);

impl Ledger {
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl Spend for Ledger {
    async fn spend(&self, token: [u8; 16], lifetime: Duration, _: Timestamp) -> Spent {
        assert!(lifetime >= CLOCK_SKEW, "an id would be forgotten while it is still accepted");
        if self.0.lock().insert(token) { Spent::First } else { Spent::AlreadyUsed }
    }
}

/// A store that cannot be reached.
pub struct Down;

impl Spend for Down {
    async fn spend(&self, _: [u8; 16], _: Duration, _: Timestamp) -> Spent {
        Spent::Unavailable
    }
}

/// A solution, as if it had been verified.
pub fn solved() -> Solved {
    Solved { ticket: ticket::tests::ticket() }
}

/// For futures that never wait.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a memory store never waits"),
    }
}

/// Runs `attempt` on that many threads at the same moment and counts the successes.
pub fn at_once(threads: usize, attempt: impl Fn() -> bool + Sync) -> usize {
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    attempt()
                })
            })
            .collect();
        let outcomes: Vec<bool> = runs.into_iter().map(|run| run.join().unwrap()).collect();
        outcomes.into_iter().filter(|success| *success).count()
    })
}
