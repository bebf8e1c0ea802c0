//! Spent single-use tokens.
//!
//! Not a cache: dropping a token before its time would make it usable again, and an attacker could buy that with a flood
//! of tokens of their own. So only what has expired makes room, and when nothing has, the next token is refused. Expiry
//! is found through a second index, ordered by time, a few at each visit.

use super::sharded::lock_shards;
use crate::engine::time::Timestamp;
use crate::store::{Burn, KindStats, StoreError};
use ahash::RandomState;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

type Token = [u8; 16];
/// Bytes of one: in the set, and in the order of expiry.
const BYTES: usize = 72;
/// How many expired tokens are dropped at each visit: more than one, so that they never pile up.
const DROPPED: usize = 4;

#[derive(Debug)]
pub struct Burnt {
    shards: Box<[Mutex<Spent>]>,
    hasher: RandomState,
    most_in_shard: usize,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Spent {
    tokens: HashSet<Token>,
    by_expiry: BTreeSet<(Timestamp, Token)>,
}

impl Burnt {
    pub fn new(most: usize) -> Burnt {
        let (shards, most_in_shard) = lock_shards(most, Spent::default);
        Burnt { shards, hasher: RandomState::new(), most_in_shard, refused: AtomicU64::new(0) }
    }

    pub fn burn(&self, token: Token, lifetime: Duration, at: Timestamp) -> Result<Burn, StoreError> {
        let mut spent = self.shards[self.hasher.hash_one(token) as usize % self.shards.len()].lock();
        if spent.tokens.contains(&token) {
            return Ok(Burn::AlreadyUsed);
        }
        spent.drop_expired(at);
        if spent.tokens.len() >= self.most_in_shard {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::Full("spent token"));
        }
        spent.tokens.insert(token);
        spent.by_expiry.insert((at.after(lifetime), token));
        Ok(Burn::First)
    }

    /// Whether the token is spent.
    pub fn holds(&self, token: &Token) -> bool {
        self.shards[self.hasher.hash_one(token) as usize % self.shards.len()].lock().tokens.contains(token)
    }

    /// Every token that is spent, with the time until which it stays so.
    pub fn all(&self) -> Vec<(Token, Timestamp)> {
        let of = |shard: &Mutex<Spent>| {
            shard.lock().by_expiry.iter().map(|(expiry, token)| (*token, *expiry)).collect::<Vec<_>>()
        };
        self.shards.iter().flat_map(of).collect()
    }

    /// Spends a token that was spent before, up to its time.
    pub fn restore(&self, token: Token, expiry: Timestamp) {
        let mut spent = self.shards[self.hasher.hash_one(token) as usize % self.shards.len()].lock();
        if spent.tokens.len() < self.most_in_shard && spent.tokens.insert(token) {
            spent.by_expiry.insert((expiry, token));
        }
    }

    /// Forgets everything: somebody else knows.
    pub fn clear(&self) {
        for shard in &self.shards {
            *shard.lock() = Spent::default();
        }
    }

    pub fn stats(&self) -> KindStats {
        KindStats {
            kind: "token",
            entries: self.shards.iter().map(|shard| shard.lock().tokens.len() as u64).sum(),
            capacity: (self.most_in_shard * self.shards.len()) as u64,
            bytes: self.shards.iter().map(|shard| (shard.lock().tokens.len() * BYTES) as u64).sum(),
            evicted: 0,
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

impl Spent {
    fn drop_expired(&mut self, at: Timestamp) {
        for _ in 0..DROPPED {
            match self.by_expiry.first() {
                Some((expiry, token)) if *expiry <= at => {
                    self.tokens.remove(token);
                    self.by_expiry.pop_first();
                }
                _ => return,
            }
        }
    }
}
