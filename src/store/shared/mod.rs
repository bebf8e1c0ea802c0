//! A store that several gates share, and what a gate does without it.
//!
//! The remote store knows what the whole fleet saw; this process knows what it saw itself. Every attempt is counted in
//! both: the local count costs a microsecond beside a network round trip, and when the remote does not answer, a history
//! that is warm is at hand *at once*, without anybody having to notice first that something is wrong. What was answered
//! from here is marked ([`Seen::missing`]) and policy rules on it; what the remote could not be told is queued
//! ([`pending`]) and told when it is back ([`recovery`]), so that afterwards it counts as if nothing had happened.
//! Whether it is asked at all is the [`breaker`]'s business.
//!
//! **Late is not never.** A command that the remote did not answer in time may yet be carried out. So it is told again in
//! the background, by means that do not count twice, and the attempt is *in doubt* until it was: what else happens to it
//! meanwhile (its outcome, say) waits behind, for an outcome that overtook its attempt would be nobody's.
//!
//! **Told once, and in order.** Once something is queued nothing more is told directly until the queue is empty: one
//! failed command turns the breaker to merging for the moment that it takes to tell it. Order is what makes the counts
//! the same as without the failure, and a store that has just come back gets its past before its present, never both at
//! once.
//!
//! **Tokens.** Each process spends under a mark of its own, and keeps the tokens that it spent. The remote says whether
//! the mark under a token is this process's; the local set says which of its own requests was first. So asking again is
//! exact: whoever was answered too late asks again and is still the first. While the remote is away, `store.tokens` says
//! what is dearer: `local` spends here alone, and a token may be spent once *per gate* during an outage (told when merged,
//! and counted); `strict` spends none. Only an answer, or an outage, spends a token: a single late answer does not.
//!
//! **Held answers** stay with the gate that held them while the remote is away, and move over when it is back. The ticket
//! that releases one is such a token, so an answer is handed out once even if it should lie in both places.
//!
//! What is lost: what exceeds the queue's bounds, and what is still queued when the process ends. Both are counted.

mod breaker;
mod lists;
mod pending;
mod recovery;
mod remote;
#[cfg(test)]
mod scripted;
#[cfg(test)]
pub mod tests;

pub use self::breaker::State;
pub use self::pending::Bounds;
pub use self::remote::Remote;

use self::breaker::Breaker;
use self::pending::{Backlog, HeldHere, SpentHere, Told, When};
use self::remote::Mark;
use super::memory::{Limits, Memory};
use super::observed::Observed;
use super::{
    Burn, Concluded, Conclusion, Entity, Known, Observation, Seen, Settled, Settlement, Stats, StoreError, Withdrawal,
};
use super::{Proof, Proven};
use crate::config::settings::Tokens;
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::evidence::Site;
use crate::engine::time::Timestamp;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How a shared store is used.
#[derive(Clone, Debug)]
pub struct Use {
    /// Of this gate's own counts.
    pub limits: Limits,
    pub tokens: Tokens,
    /// What may wait to be told.
    pub bounds: Bounds,
    /// How often the remote is probed while it is away.
    pub probe_every: Duration,
}

impl Use {
    pub fn new(limits: Limits, tokens: Tokens) -> Use {
        let bounds = Bounds { tokens: limits.tokens, ..Bounds::default() };
        Use { limits, tokens, bounds, probe_every: Duration::from_millis(100) }
    }
}

/// The shared store as one gate has it.
#[derive(Debug)]
pub struct Shared {
    remote: Remote,
    local: Memory,
    how: Use,
    mark: Mark,
    breaker: Breaker,
    /// What the remote is to be told; also what every change of the breaker's state is made under.
    ledger: Mutex<Ledger>,
    doubts: Mutex<HashMap<AttemptId, Vec<Told>>>,
    /// How many there are, so that nobody has to look for none.
    in_doubt: AtomicUsize,
    counts: Counted,
    /// Bans that the remote does not know of yet.
    untold: lists::Untold,
}

#[derive(Debug, Default)]
struct Ledger {
    backlog: Backlog,
    /// If the log was told that the remote is away.
    away: Option<Away>,
}

/// Since when, and what had been counted by then.
#[derive(Clone, Copy, Debug)]
struct Away {
    since: Instant,
    merged: u64,
    lost: u64,
    spent_twice: u64,
}

/// Counted since the start.
#[derive(Debug, Default)]
struct Counted {
    /// By place in [`FAILURES`].
    failures: [AtomicU64; FAILURES.len()],
    fallbacks: AtomicU64,
    merged: AtomicU64,
    spent_twice: AtomicU64,
}

/// What can go wrong with the remote, by [`StoreError::name`].
pub const FAILURES: [&str; 8] = ["late", "down", "read_only", "failing_over", "full", "refused", "foreign", "broken"];

/// How a shared store stands, for metrics and readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedStats {
    pub state: State,
    /// What it failed by, unless it is closed.
    pub cause: Option<&'static str>,
    /// How often each state was entered, by place in [`State::ALL`].
    pub entered: [u64; 3],
    /// Commands that failed, by place in [`FAILURES`].
    pub failures: [u64; FAILURES.len()],
    /// Attempts whose history came from this gate alone.
    pub fallbacks: u64,
    /// What waits to be told.
    pub backlog: u64,
    pub backlog_bytes: u64,
    pub merged: u64,
    /// What was never told, for want of room.
    pub unmerged: u64,
    /// Tokens that were found spent elsewhere when they were merged.
    pub spent_twice: u64,
}

impl Shared {
    pub fn new(remote: Remote, how: Use) -> Result<Arc<Shared>, getrandom::Error> {
        let mut mark = [0; 16];
        getrandom::fill(&mut mark)?;
        Ok(Arc::new(Shared {
            remote,
            local: Memory::new(how.limits),
            how,
            mark,
            breaker: Breaker::default(),
            ledger: Mutex::default(),
            doubts: Mutex::default(),
            in_doubt: AtomicUsize::new(0),
            counts: Counted::default(),
            untold: lists::Untold::default(),
        }))
    }

    pub async fn observe(self: &Arc<Self>, seen: &Observation<'_>) -> Seen {
        let history = self.local.observe(seen);
        let opening = self.breaker.opening();
        if !self.breaker.is_closed() && self.queue_unless_closed(Told::Observe(Observed::of(seen))) {
            self.counts.fallbacks.fetch_add(1, Ordering::Relaxed);
            return Seen { history, missing: Some(self.breaker.cause()) };
        }
        let answer = tokio::select! {
            biased;
            answer = self.remote.observe(seen) => self.noted(answer),
            () = opening => Err(self.breaker.cause()),
        };
        match answer {
            Ok(history) => Seen { history, missing: None },
            Err(missing) => {
                self.counts.fallbacks.fetch_add(1, Ordering::Relaxed);
                self.tell_later(Told::Observe(Observed::of(seen)), &missing);
                Seen { history, missing: Some(missing) }
            }
        }
    }

    pub async fn settle(self: &Arc<Self>, settlement: &Settlement) -> Settled {
        let here = self.local.settle(settlement);
        self.turn(Told::Settle(*settlement), here).await
    }

    /// What the fleet knows of the owner; while the remote is away, what this gate does. Nothing is told later: what is
    /// learnt is told with the outcome.
    pub async fn prove(self: &Arc<Self>, proof: &Proof) -> Proven {
        let here = Box::new(self.local.prove(proof));
        if !self.breaker.is_closed() {
            return Proven { owner: here, missing: Some(self.breaker.cause()) };
        }
        match self.noted(self.remote.prove(proof).await) {
            Ok(owner) => Proven { owner: Box::new(owner), missing: None },
            Err(why) => Proven { owner: here, missing: Some(why) },
        }
    }

    /// What the fleet knows of the order. Not while the remote is away: whoever says it says it again, and only the fleet knows
    /// which gate the order went through.
    pub async fn conclude(self: &Arc<Self>, said: &Conclusion) -> Result<Concluded, StoreError> {
        if !self.breaker.is_closed() {
            return Err(self.breaker.cause());
        }
        let concluded = self.noted(self.remote.conclude(said).await)?;
        self.local.conclude(said);
        Ok(concluded)
    }

    pub async fn withdraw(self: &Arc<Self>, id: AttemptId, how: Withdrawal, at: Timestamp) -> Settled {
        let here = self.local.withdraw(id, how, at);
        self.turn(Told::Withdraw(id, how, at), here).await
    }

    /// Tells what became of an attempt; `here` is what the local store made of it.
    async fn turn(self: &Arc<Self>, told: Told, here: Settled) -> Settled {
        let opening = self.breaker.opening();
        let Some(told) = self.behind_doubt(told) else { return here };
        if !self.breaker.is_closed() && self.queue_unless_closed(told.clone()) {
            return here;
        }
        let command = async {
            match told {
                Told::Settle(settlement) => self.remote.settle(&settlement).await,
                Told::Withdraw(id, how, at) => self.remote.withdraw(id, how, at).await,
                // Is asked, not told.
                Told::Observe(_) => Ok(here),
            }
        };
        let answer = tokio::select! {
            biased;
            answer = command => self.noted(answer),
            () = opening => Err(self.breaker.cause()),
        };
        match answer {
            Ok(settled) => settled,
            Err(why) => {
                self.tell_later(told, &why);
                here
            }
        }
    }

    pub async fn burn(
        self: &Arc<Self>,
        token: [u8; 16],
        lifetime: Duration,
        at: Timestamp,
    ) -> Result<Burn, StoreError> {
        if self.local.is_spent(&token) {
            return Ok(Burn::AlreadyUsed);
        }
        let why = match self.burn_there(token, lifetime).await {
            Ok(Burn::AlreadyUsed) => return Ok(Burn::AlreadyUsed),
            // Under this process's mark: which of its requests was first is known here.
            Ok(Burn::First) => return self.local.burn(token, lifetime, at),
            Err(why) => why,
        };
        match self.how.tokens {
            Tokens::Strict => Err(why),
            // It may have been spent elsewhere, and the store is there to be asked again.
            Tokens::Local if matches!(why, StoreError::Late(_)) && self.breaker.is_closed() => Err(why),
            Tokens::Local => {
                let burn = self.local.burn(token, lifetime, at)?;
                if burn == Burn::First {
                    let spent = SpentHere { token, until: at.after(lifetime), when: When::now(at) };
                    self.write(|backlog| backlog.push_spent(spent, &self.how.bounds));
                }
                Ok(burn)
            }
        }
    }

    /// Asks again, once, whoever did not answer in time: not to know is not to be the first.
    async fn burn_there(self: &Arc<Self>, token: [u8; 16], lifetime: Duration) -> Result<Burn, StoreError> {
        let mut why = None;
        for _ in 0..2 {
            if !self.breaker.is_reachable() {
                break;
            }
            match self.noted(self.remote.burn(token, lifetime, self.mark).await) {
                Err(late @ StoreError::Late(_)) => why = Some(late),
                answer => return answer,
            }
        }
        Err(why.unwrap_or_else(|| self.breaker.cause()))
    }

    pub async fn hold(
        self: &Arc<Self>,
        id: [u8; 16],
        sealed: Bytes,
        lifetime: Duration,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if self.local.held(id).is_some() {
            return Err(StoreError::Exists);
        }
        if self.breaker.is_reachable() {
            match self.remote.hold(id, &sealed, lifetime, at).await {
                Err(StoreError::Exists) => return Err(StoreError::Exists),
                answer => {
                    if self.noted(answer).is_ok() {
                        return Ok(());
                    }
                }
            }
        }
        self.local.hold(id, &sealed, lifetime, at)?;
        self.write(|backlog| backlog.push_held(HeldHere { id, when: When::now(at) }, &self.how.bounds));
        Ok(())
    }

    pub async fn take(self: &Arc<Self>, id: [u8; 16], at: Timestamp) -> Result<Option<Bytes>, StoreError> {
        if let Some(sealed) = self.local.take(id, at) {
            if self.breaker.is_reachable() {
                // It may have got there all the same, if only the answer was lost.
                let shared = self.clone();
                tokio::spawn(async move { drop(shared.remote.take(id, at).await) });
            }
            return Ok(Some(sealed));
        }
        if !self.breaker.is_reachable() {
            // What is held elsewhere is not to be had now; whoever asks does so again for a moment.
            return Ok(None);
        }
        self.noted(self.remote.take(id, at).await)
    }

    /// Whether what the fleet knows can be told, and not only what this gate does.
    pub fn knows_all(&self) -> Result<(), StoreError> {
        if self.breaker.is_closed() { Ok(()) } else { Err(self.breaker.cause()) }
    }

    /// What the fleet knows; while the remote is away, what this gate does.
    pub async fn look_up(self: &Arc<Self>, entity: Entity, at: Timestamp) -> Result<Option<Known>, StoreError> {
        if !self.breaker.is_closed() {
            return Ok(self.local.look_up(entity, at));
        }
        self.noted(self.remote.look_up(entity, at).await)
    }

    /// What the fleet sees; while the remote is away, what this gate does.
    pub async fn site(self: &Arc<Self>, at: Timestamp) -> Result<Site, StoreError> {
        if !self.breaker.is_closed() {
            return Ok(self.local.site(at));
        }
        self.noted(self.remote.site(at).await)
    }

    /// Forgets an account here and there. Not while something waits to be told, which may be about it: then this is an
    /// error, and is to be asked again. What other gates count for themselves goes with their memory.
    pub async fn forget(self: &Arc<Self>, account: Pseudonym) -> Result<bool, StoreError> {
        let here = self.local.forget(account)?;
        if !self.breaker.is_closed() {
            return Err(self.breaker.cause());
        }
        let there = self.noted(self.remote.forget(account).await)?;
        Ok(here || there)
    }

    /// Waits a moment for the first connection, so that no visitor has to.
    pub async fn prepare(self: &Arc<Self>) {
        let patience = Instant::now() + FIRST;
        while let Err(why) = self.remote.greet().await {
            if Instant::now() >= patience {
                self.count(&why);
                self.breaker.found(why);
                return self.open();
            }
            tokio::time::sleep(self.how.probe_every).await;
        }
    }

    /// Waits until the remote was told what it does not know yet, a moment at most: what waits here ends with the process.
    pub async fn finish(&self) {
        self.finish_within(LAST).await;
    }

    async fn finish_within(&self, patience: Duration) {
        let patience = Instant::now() + patience;
        let waits = || self.in_doubt.load(Ordering::Relaxed) > 0 || !self.ledger.lock().backlog.is_empty();
        while waits() && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn close(&self) {
        self.remote.close();
        self.local.close();
        let waiting = self.ledger.lock().backlog.len();
        if waiting > 0 {
            tracing::warn!(waiting, "the shared store was away to the end: this is what it was not told");
        }
    }

    pub fn stats(&self) -> Stats {
        let state = self.breaker.state();
        let ledger = self.ledger.lock();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let shared = SharedStats {
            state,
            cause: (state != State::Closed).then(|| self.breaker.cause().name()),
            entered: State::ALL.map(|state| self.breaker.entered(state)),
            failures: std::array::from_fn(|place| read(&self.counts.failures[place])),
            fallbacks: read(&self.counts.fallbacks),
            backlog: ledger.backlog.len() as u64,
            backlog_bytes: ledger.backlog.bytes() as u64,
            merged: read(&self.counts.merged),
            unmerged: ledger.backlog.lost(),
            spent_twice: read(&self.counts.spent_twice),
        };
        drop(ledger);
        Stats { shared: Some(shared), server: self.remote.server(), ..self.local.stats() }
    }

    /// Counts an answer, and opens the breaker if it was one failure too many.
    fn noted<T>(self: &Arc<Self>, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        match &answer {
            Ok(_) => self.breaker.succeeded(),
            Err(why) => {
                self.count(why);
                if self.breaker.failed(why, Instant::now()) {
                    self.open();
                }
            }
        }
        answer
    }

    fn count(&self, why: &StoreError) {
        if let Some(place) = FAILURES.iter().position(|name| *name == why.name()) {
            self.counts.failures[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the remote does what it should: writes something harmless, under the deadline. Anything that keeps it from
    /// counting keeps it from this: no connection, no room, no master, no right. Spends a token that nobody has, another
    /// each time, so that in a cluster every part has its turn.
    async fn probe(&self) -> Result<(), StoreError> {
        let hash = || RandomState::new().hash_one(self.mark).to_le_bytes();
        let mut token = [0; 16];
        token[..8].copy_from_slice(&hash());
        token[8..].copy_from_slice(&hash());
        self.remote.burn(token, Duration::from_secs(1), self.mark).await.map(drop)
    }

    /// Queues, unless the breaker has closed in the meantime. Whether it did queue.
    fn queue_unless_closed(&self, told: Told) -> bool {
        let mut ledger = self.ledger.lock();
        let queues = !self.breaker.is_closed();
        if queues {
            ledger.backlog.push(told, &self.how.bounds);
        }
        queues
    }

    /// Writes something down that the remote is to be told, and sees to it that it is.
    fn write(self: &Arc<Self>, entry: impl FnOnce(&mut Backlog)) {
        let mut ledger = self.ledger.lock();
        entry(&mut ledger.backlog);
        if self.breaker.is_closed() {
            self.breaker.enter(State::Merging, Instant::now());
            drop(ledger);
            recovery::start(self);
        }
    }

    /// The remote is not asked any more.
    fn open(self: &Arc<Self>) {
        let mut ledger = self.ledger.lock();
        let before = self.breaker.state();
        if !self.breaker.enter(State::Open, Instant::now()) {
            return;
        }
        let told = ledger.away.is_some();
        if !told {
            let away = Away {
                since: Instant::now(),
                merged: self.counts.merged.load(Ordering::Relaxed),
                lost: ledger.backlog.lost(),
                spent_twice: self.counts.spent_twice.load(Ordering::Relaxed),
            };
            ledger.away = Some(away);
        }
        drop(ledger);
        if before == State::Closed {
            recovery::start(self);
        }
        if told {
            // It fell over again while it was being told.
            return;
        }
        let why = self.breaker.cause();
        let tokens = match self.how.tokens {
            Tokens::Local => "tokens are spent once per gate",
            Tokens::Strict => "no challenge can be passed",
        };
        tracing::error!(
            reason = why.name(),
            %why,
            "the shared store is not asked any more: until it is back, history is what this gate alone counts, held \
             answers are released by the gate that held them, and {tokens}"
        );
    }

    /// Tells in the background what could not be told now.
    fn tell_later(self: &Arc<Self>, told: Told, why: &StoreError) {
        match why {
            // It may have been carried out, and may be so soon.
            StoreError::Late(_) if self.breaker.is_closed() => self.doubt(told),
            _ => self.write(|backlog| backlog.push(told, &self.how.bounds)),
        }
    }

    /// Tells again, until it is known to have been told; what else happens to the attempt waits behind.
    fn doubt(self: &Arc<Self>, told: Told) {
        let id = told.id();
        self.in_doubt.fetch_add(1, Ordering::Release);
        self.doubts.lock().insert(id, Vec::new());
        let shared = self.clone();
        tokio::spawn(async move {
            let mut due = vec![told];
            while !due.is_empty() {
                for place in 0..due.len() {
                    if let Err(why) = shared.remote.tell(&due[place]).await {
                        shared.count(&why);
                        return shared.give_doubt_to_the_queue(id, due.split_off(place));
                    }
                }
                due = shared.next_in_doubt(id);
            }
        });
    }

    /// What has gathered behind a doubt; if nothing has, the doubt is over.
    fn next_in_doubt(&self, id: AttemptId) -> Vec<Told> {
        let mut doubts = self.doubts.lock();
        let behind = doubts.get_mut(&id).map(std::mem::take).unwrap_or_default();
        if behind.is_empty() && doubts.remove(&id).is_some() {
            self.in_doubt.fetch_sub(1, Ordering::Release);
        }
        behind
    }

    fn give_doubt_to_the_queue(self: &Arc<Self>, id: AttemptId, due: Vec<Told>) {
        // Under the lock: whoever finds no doubt any more must find the queue in use.
        let mut doubts = self.doubts.lock();
        let behind = doubts.remove(&id).unwrap_or_default();
        self.in_doubt.fetch_sub(1, Ordering::Release);
        self.write(|backlog| due.into_iter().chain(behind).for_each(|told| backlog.push(told, &self.how.bounds)));
        drop(doubts);
    }

    /// Puts what happened behind the doubt about its attempt, if there is one; else gives it back.
    fn behind_doubt(&self, told: Told) -> Option<Told> {
        if self.in_doubt.load(Ordering::Acquire) == 0 {
            return Some(told);
        }
        match self.doubts.lock().get_mut(&told.id()) {
            // An attempt ends two or three times at most.
            Some(behind) => {
                behind.push(told);
                None
            }
            None => Some(told),
        }
    }
}

/// How long an end waits until the remote was told everything. Longer than it takes to come back from a stumble.
const LAST: Duration = Duration::from_secs(5);
/// How long a start waits for the first connection.
const FIRST: Duration = Duration::from_secs(2);
