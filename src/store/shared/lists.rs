//! Lists of a fleet, and what a gate does with them while the store is away.
//!
//! It keeps what it knows. An operator's change is refused then, because one that holds on one gate alone would be a
//! surprise on the others, and whoever typed it can type it again. Nobody is there to repeat a ban: so it holds here at
//! once, waits, and is told to the others as soon as the store answers, before anything is read from it that might
//! not know of it. What waits is bounded; the oldest bans go first, which hold here all the same.

use super::Shared;
use crate::engine::time::Timestamp;
use crate::lists::{BANNED, Book, Change};
use crate::store::StoreError;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// Most bans that wait to be told: some 2 MB.
const WAITING: usize = 10_000;
/// How many are told in one piece.
const PIECE: usize = 250;

/// Bans that hold here alone so far, oldest first.
#[derive(Debug, Default)]
pub(super) struct Untold(Mutex<VecDeque<Change>>);

impl Untold {
    fn push(&self, changes: &[Change]) {
        let mut waiting = self.0.lock();
        for change in changes {
            if waiting.len() >= WAITING {
                waiting.pop_front();
            }
            waiting.push_back(change.clone());
        }
    }

    fn piece(&self) -> Vec<Change> {
        self.0.lock().iter().take(PIECE).cloned().collect()
    }

    /// Takes off what was told: a flood may have pushed part of it out meanwhile.
    fn told(&self, piece: &[Change]) {
        let mut waiting = self.0.lock();
        for change in piece {
            if waiting.front() == Some(change) {
                waiting.pop_front();
            }
        }
    }
}

impl Shared {
    pub fn lists(&self) -> &Arc<Book> {
        self.remote.redis().map_or_else(|| self.local.lists(), |redis| redis.lists())
    }

    pub fn knows_lists(&self) -> bool {
        self.remote.redis().is_none_or(|redis| redis.knows_lists())
    }

    pub async fn change_lists(self: &Arc<Self>, changes: &[Change]) -> Result<(), StoreError> {
        let Some(redis) = self.remote.redis() else { return self.local.change_lists(changes) };
        let why = match self.breaker.is_reachable() {
            false => self.breaker.cause(),
            true => match redis.change_lists(changes).await {
                // Says nothing about the store.
                Err(why @ StoreError::Lists(_)) => return Err(why),
                answer => match self.noted(answer) {
                    Ok(()) => return Ok(()),
                    Err(why) => why,
                },
            },
        };
        if !changes.iter().all(|change| *change.list == *BANNED && change.entry.is_some()) {
            return Err(why);
        }
        let book = redis.lists();
        book.admit(changes)?;
        changes.iter().for_each(|change| book.restore(change));
        self.untold.push(changes);
        Ok(())
    }

    pub async fn follow_lists(self: &Arc<Self>, at: Timestamp) -> Result<(), StoreError> {
        let Some(redis) = self.remote.redis() else { return Ok(()) };
        if !self.breaker.is_reachable() {
            // Told when it went away.
            return Ok(());
        }
        loop {
            let piece = self.untold.piece();
            if piece.is_empty() {
                return redis.follow_lists(at).await;
            }
            redis.change_lists(&piece).await?;
            self.untold.told(&piece);
        }
    }
}
