//! Finding out that the remote is back, and telling it what happened meanwhile. One task, which runs while the breaker is
//! not closed and no longer: no visitor's request tries whether the store works.
//!
//! What is told goes in batches. What happened to one attempt is always told one after the other. A short backlog is told
//! in its whole order: only different attempts go at once, so that it counts exactly as if nothing had failed. A long one
//! is told many attempts at once, as a fleet under load would have told it; else attempts that are answered quickly would
//! come in faster than they can be told, and it would never end. Between batches there is a pause now and then, so that a store that has just
//! come back is not buried, and this process's other work not held up. If telling fails, what was not told goes back to
//! its place, and the store has to prove itself anew. An entry that fails alone, time and again while the store is well
//! otherwise, is given up and counted: it must not keep all others from being told.

use super::breaker::State;
use super::pending::{HeldHere, SpentHere, Told};
use super::{Away, Shared};
use crate::engine::attempt::AttemptId;
use crate::store::{Burn, StoreError};
use futures::future::join_all;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Most entries that are told at once.
const BATCH: usize = 512;
/// More than this is a long backlog.
const LONG: usize = 512;
/// After so many entries there is a pause …
const PAUSE_AFTER: usize = 1024;
/// … of this length: fewer than a million entries a second.
const PAUSE: Duration = Duration::from_millis(1);
/// So often may telling fail, at first, before the store is called away: a connection that broke is made anew by then.
const PATIENT: u32 = 3;
/// So often may one entry fail first before it is given up.
const MOST_TRIES: u32 = 5;

/// To be called when the breaker leaves its closed state, by whoever made it.
pub fn start(shared: &Arc<Shared>) {
    tokio::spawn(Recovery::default().run(Arc::downgrade(shared)));
}

#[derive(Default)]
struct Recovery {
    /// Probes in a row that were answered.
    good: u32,
    /// The attempt whose entry failed first, and how often.
    stubborn: Option<(AttemptId, u32)>,
    since_pause: usize,
    /// How often telling failed since the store was last found well.
    failed: u32,
}

impl Recovery {
    async fn run(mut self, shared: Weak<Shared>) {
        // Between steps the store is not held: whoever drops it ends this.
        while let Some(pause) = self.step(&shared).await {
            match pause.is_zero() {
                true => tokio::task::yield_now().await,
                false => tokio::time::sleep(pause).await,
            }
        }
    }

    /// The time until the next step; `None`: it is over.
    async fn step(&mut self, shared: &Weak<Shared>) -> Option<Duration> {
        let shared = shared.upgrade()?;
        match shared.breaker.state() {
            State::Closed => None,
            State::Open => {
                self.probe(&shared).await;
                Some(if shared.breaker.is_reachable() { Duration::ZERO } else { shared.how.probe_every })
            }
            State::Merging => match self.merge(&shared).await {
                Ok(0) if shared.close_if_told() => None,
                Ok(told) => {
                    shared.breaker.told();
                    self.failed = 0;
                    self.since_pause += told;
                    match self.since_pause >= PAUSE_AFTER {
                        true => {
                            self.since_pause = 0;
                            Some(PAUSE)
                        }
                        false => Some(Duration::ZERO),
                    }
                }
                Err(why) => {
                    self.good = 0;
                    self.failed += 1;
                    shared.count(&why);
                    shared.breaker.found(why);
                    if self.failed >= PATIENT {
                        shared.open();
                    }
                    Some(shared.how.probe_every)
                }
            },
        }
    }

    async fn probe(&mut self, shared: &Shared) {
        match shared.probe().await {
            Ok(()) => self.good += 1,
            Err(why) => {
                self.good = 0;
                shared.breaker.found(why);
            }
        }
        if self.good >= shared.breaker.good_probes() {
            self.good = 0;
            // It has proven itself: should telling fail now, it is away again at once.
            self.failed = PATIENT - 1;
            let _ledger = shared.ledger.lock();
            shared.breaker.enter(State::Merging, Instant::now());
        }
    }

    /// Tells the next few entries. How many.
    async fn merge(&mut self, shared: &Shared) -> Result<usize, StoreError> {
        let spent = shared.ledger.lock().backlog.take_spent(BATCH);
        if !spent.is_empty() {
            return shared.merge_spent(spent).await;
        }
        let held = shared.ledger.lock().backlog.take_held();
        if let Some(held) = held {
            return shared.merge_held(held).await;
        }
        let batch = {
            let backlog = &mut shared.ledger.lock().backlog;
            match backlog.told_len() > LONG {
                true => backlog.take(BATCH),
                false => backlog.take_different(BATCH),
            }
        };
        let first = batch.first().map(Told::id);
        let (told, fault) = shared.merge_told(batch).await;
        let Some((failed, why)) = fault else { return Ok(told) };
        if first == Some(failed) {
            let tries = match self.stubborn {
                Some((id, tries)) if id == failed => tries + 1,
                _ => 1,
            };
            self.stubborn = Some((failed, tries));
            if tries >= MOST_TRIES && !is_an_outage(&why) {
                self.stubborn = None;
                tracing::warn!(%why, "the shared store cannot be told of one attempt, and is well otherwise: given up");
                let mut ledger = shared.ledger.lock();
                drop(ledger.backlog.take(1));
                ledger.backlog.give_up();
                return Ok(1);
            }
        }
        Err(why)
    }
}

/// Whether a failure is about the store and not about what it was told.
fn is_an_outage(why: &StoreError) -> bool {
    match why {
        StoreError::Late(_)
        | StoreError::Down(_)
        | StoreError::ReadOnly(_)
        | StoreError::FailingOver(_)
        | StoreError::Refused(_)
        | StoreError::Foreign => true,
        StoreError::Full(_)
        | StoreError::Lists(_)
        | StoreError::Exists
        | StoreError::Broken(_)
        | StoreError::Merging => false,
    }
}

impl Shared {
    async fn merge_spent(&self, spent: Vec<SpentHere>) -> Result<usize, StoreError> {
        let tell = |spent: &SpentHere| {
            let (spent, now) = (*spent, spent.when.present());
            // Shortly before the end it is kept a moment longer, rather than not at all.
            let left = spent.until.since(now).max(Duration::from_secs(1));
            self.remote.burn(spent.token, left, self.mark)
        };
        let answers = join_all(spent.iter().map(tell)).await;
        let mut failed = Vec::new();
        let mut fault = None;
        for (spent, answer) in spent.iter().zip(answers) {
            match answer {
                Ok(Burn::First) => {}
                Ok(Burn::AlreadyUsed) => drop(self.counts.spent_twice.fetch_add(1, Ordering::Relaxed)),
                Err(why) => {
                    failed.push(*spent);
                    fault = Some(why);
                }
            }
        }
        let told = spent.len() - failed.len();
        self.counts.merged.fetch_add(told as u64, Ordering::Relaxed);
        self.ledger.lock().backlog.put_back_spent(failed.into_iter());
        fault.map_or(Ok(told), Err)
    }

    /// Moves a held answer to where the whole fleet finds it.
    async fn merge_held(&self, held: HeldHere) -> Result<usize, StoreError> {
        let HeldHere { id, when } = held;
        let now = when.present();
        let Some((until, sealed)) = self.local.held(id).filter(|(until, _)| *until > now) else {
            // Handed out, or expired.
            return Ok(1);
        };
        match self.remote.hold(id, &sealed, until.since(now), now).await {
            // It is there: now it need not be here. In between it is in both, and its ticket sees to it that it is
            // handed out once.
            Ok(()) | Err(StoreError::Exists) => {
                self.local.take(id, now);
                self.counts.merged.fetch_add(1, Ordering::Relaxed);
                Ok(1)
            }
            Err(why) => {
                self.ledger.lock().backlog.put_back_held(held);
                Err(why)
            }
        }
    }

    /// Tells what happened to one attempt: the places of what was not told, and why.
    async fn tell_chain(&self, chain: Vec<(usize, &Told)>) -> (Vec<usize>, Option<StoreError>) {
        for (done, (_, told)) in chain.iter().enumerate() {
            if let Err(why) = self.remote.tell(told).await {
                return (chain[done..].iter().map(|(place, _)| *place).collect(), Some(why));
            }
        }
        (Vec::new(), None)
    }

    /// How many were told, and which attempt could not be, first, and why.
    async fn merge_told(&self, batch: Vec<Told>) -> (usize, Option<(AttemptId, StoreError)>) {
        let mut chains: Vec<Vec<(usize, &Told)>> = Vec::new();
        let mut chain_of = HashMap::new();
        for (place, told) in batch.iter().enumerate() {
            let chain = *chain_of.entry(told.id()).or_insert_with(|| {
                chains.push(Vec::new());
                chains.len() - 1
            });
            chains[chain].push((place, told));
        }
        let mut failed: Vec<(usize, Option<StoreError>)> = Vec::new();
        for (places, why) in join_all(chains.into_iter().map(|chain| self.tell_chain(chain))).await {
            // The reason stands with the first of its chain.
            failed.extend(places.into_iter().zip(std::iter::once(why).chain(std::iter::repeat(None))));
        }
        failed.sort_unstable_by_key(|(place, _)| *place);
        let fault = failed.first().map(|(place, _)| batch[*place].id());
        let why = failed.iter_mut().find_map(|(_, why)| why.take());
        let told = batch.len() - failed.len();
        self.counts.merged.fetch_add(told as u64, Ordering::Relaxed);
        let mut again = failed.iter().map(|(place, _)| *place).peekable();
        let left = batch.into_iter().enumerate().filter(|(place, _)| again.next_if_eq(place).is_some());
        let left: Vec<Told> = left.map(|(_, told)| told).collect();
        self.ledger.lock().backlog.put_back(left.into_iter());
        (told, fault.zip(why))
    }

    /// Closes the breaker, unless there is more to tell.
    fn close_if_told(&self) -> bool {
        let mut ledger = self.ledger.lock();
        if !ledger.backlog.is_empty() || self.breaker.state() != State::Merging {
            return false;
        }
        ledger.backlog.rest();
        self.breaker.enter(State::Closed, Instant::now());
        let (away, lost) = (ledger.away.take(), ledger.backlog.lost());
        drop(ledger);
        if let Some(Away { since, merged, lost: lost_before, spent_twice }) = away {
            tracing::info!(
                seconds = since.elapsed().as_secs_f64(),
                merged = self.counts.merged.load(Ordering::Relaxed) - merged,
                unmerged = lost - lost_before,
                spent_twice = self.counts.spent_twice.load(Ordering::Relaxed) - spent_twice,
                "the shared store is back, and knows what happened meanwhile"
            );
        }
        true
    }
}
