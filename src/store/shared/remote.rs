//! The store at the other end, whichever it is: what [`Shared`](super::Shared) asks of it, and nothing more.
//!
//! Two kinds of question. What a request waits for is answered within the deadline or not at all. What is told afterwards
//! (`…_late`) has patience, may be about the past, and may be told twice: that is what makes an answer that never came
//! harmless, whatever became of the question.

use super::pending::Told;
#[cfg(test)]
use super::scripted::Scripted;
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::evidence::{History, Site};
use crate::engine::ownership::Ownership;
use crate::engine::time::Timestamp;
use crate::store::redis::Redis;
use crate::store::{Burn, Entity, Known, Observation, ServerStats, Settled, Settlement, StoreError, Withdrawal};
use crate::store::{Concluded, Conclusion, Proof};
use bytes::Bytes;
use std::time::Duration;

/// The table of remotes.
#[derive(Debug)]
pub enum Remote {
    Redis(Box<Redis>),
    /// One that does as a test says.
    #[cfg(test)]
    Scripted(Scripted),
}

/// What a gate spends tokens under: a token that bears the own mark was spent by this process.
pub type Mark = [u8; 16];

impl Remote {
    /// What keeps lists for a fleet.
    pub fn redis(&self) -> Option<&Redis> {
        match self {
            Remote::Redis(redis) => Some(redis),
            #[cfg(test)]
            Remote::Scripted(_) => None,
        }
    }

    pub async fn observe(&self, seen: &Observation<'_>) -> Result<History, StoreError> {
        match self {
            Remote::Redis(redis) => redis.observe(seen).await,
            #[cfg(test)]
            Remote::Scripted(scripted) => scripted.observe(seen).await,
        }
    }

    pub async fn settle(&self, settlement: &Settlement) -> Result<Settled, StoreError> {
        match self {
            Remote::Redis(redis) => redis.settle(settlement).await,
            #[cfg(test)]
            Remote::Scripted(scripted) => scripted.settle(settlement).await,
        }
    }

    pub async fn conclude(&self, said: &Conclusion) -> Result<Concluded, StoreError> {
        match self {
            Remote::Redis(redis) => redis.conclude(said).await,
            #[cfg(test)]
            Remote::Scripted(scripted) => scripted.conclude(said).await,
        }
    }

    pub async fn prove(&self, proof: &Proof) -> Result<Ownership, StoreError> {
        match self {
            Remote::Redis(redis) => redis.prove(proof).await,
            #[cfg(test)]
            Remote::Scripted(scripted) => scripted.prove(proof).await,
        }
    }

    pub async fn withdraw(&self, id: AttemptId, how: Withdrawal, at: Timestamp) -> Result<Settled, StoreError> {
        match self {
            Remote::Redis(redis) => redis.withdraw(id, how, at).await,
            #[cfg(test)]
            Remote::Scripted(scripted) => scripted.withdraw(id, how, at).await,
        }
    }

    /// Spends a token under this mark. `First` also if it was spent under this very mark before.
    pub async fn burn(&self, token: [u8; 16], lifetime: Duration, mark: Mark) -> Result<Burn, StoreError> {
        match self {
            Remote::Redis(redis) => redis.burn_as(token, lifetime, mark).await,
            #[cfg(test)]
            Remote::Scripted(scripted) => scripted.burn(token, mark).await,
        }
    }

    pub async fn hold(
        &self,
        id: [u8; 16],
        sealed: &Bytes,
        lifetime: Duration,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        match self {
            Remote::Redis(redis) => redis.hold(id, sealed, lifetime, at).await,
            #[cfg(test)]
            Remote::Scripted(scripted) => scripted.hold(id, sealed, lifetime, at).await,
        }
    }

    pub async fn take(&self, id: [u8; 16], at: Timestamp) -> Result<Option<Bytes>, StoreError> {
        match self {
            Remote::Redis(redis) => redis.take(id, at).await,
            #[cfg(test)]
            Remote::Scripted(scripted) => scripted.take(id, at).await,
        }
    }

    pub async fn look_up(&self, entity: Entity, at: Timestamp) -> Result<Option<Known>, StoreError> {
        match self {
            Remote::Redis(redis) => redis.look_up(entity, at).await,
            #[cfg(test)]
            Remote::Scripted(scripted) => scripted.look_up(entity, at).await,
        }
    }

    pub async fn site(&self, at: Timestamp) -> Result<Site, StoreError> {
        match self {
            Remote::Redis(redis) => redis.site(at).await,
            #[cfg(test)]
            Remote::Scripted(scripted) => scripted.site(at).await,
        }
    }

    pub async fn forget(&self, account: Pseudonym) -> Result<bool, StoreError> {
        match self {
            Remote::Redis(redis) => redis.forget(account).await,
            #[cfg(test)]
            Remote::Scripted(scripted) => scripted.forget(account).await,
        }
    }

    /// Tells of the past, with patience. What it was told before changes nothing.
    pub async fn tell(&self, told: &Told) -> Result<(), StoreError> {
        match self {
            Remote::Redis(redis) => match told {
                Told::Observe(observed) => redis.observe_late(&observed.observation()).await.map(drop),
                Told::Settle(settlement) => redis.settle_late(settlement).await.map(drop),
                Told::Withdraw(id, how, at) => redis.withdraw_late(*id, *how, *at).await.map(drop),
            },
            #[cfg(test)]
            Remote::Scripted(scripted) => scripted.tell(told).await,
        }
    }

    /// Whether it is there, for a start: writes nothing.
    pub async fn greet(&self) -> Result<(), StoreError> {
        match self {
            Remote::Redis(redis) => redis.ping().await,
            #[cfg(test)]
            Remote::Scripted(scripted) => scripted.greet().await,
        }
    }

    /// What its servers said of themselves.
    pub fn server(&self) -> Option<ServerStats> {
        match self {
            Remote::Redis(redis) => redis.stats().server,
            #[cfg(test)]
            Remote::Scripted(_) => None,
        }
    }

    /// To be called when no more is to be told.
    pub fn close(&self) {
        match self {
            Remote::Redis(redis) => redis.close(),
            #[cfg(test)]
            Remote::Scripted(_) => {}
        }
    }
}
