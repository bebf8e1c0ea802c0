//! The agents seen lately. Most requests bring one of a few hundred headers, so parsing once is enough; but an attacker may
//! bring a new one each time, so the memory is bounded in entries and in bytes, and locks are sharded so that nobody waits.

use crate::engine::attempt::Agent;
use lru::LruCache;
use parking_lot::Mutex;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::Arc;

const SHARDS: usize = 16;
const ENTRIES_PER_SHARD: NonZeroUsize = NonZeroUsize::new(512).unwrap();
const BYTES_PER_SHARD: usize = 256 * 1024;
/// What an entry takes beside its header: the agent with its names, the map's and the list's links.
const ENTRY_OVERHEAD: usize = 256;

pub(super) struct Cache {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

struct Shard {
    agents: LruCache<Box<str>, Arc<Agent>, RandomState>,
    bytes: usize,
}

impl Default for Cache {
    fn default() -> Self {
        let hasher = RandomState::new();
        let shard = || Shard { agents: LruCache::with_hasher(ENTRIES_PER_SHARD, hasher.clone()), bytes: 0 };
        Cache { shards: std::array::from_fn(|_| Mutex::new(shard())), hasher }
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

impl Cache {
    /// The agent of this header; `parse` runs outside the lock. Two threads may parse the same new header at once, which
    /// costs less than one waiting for the other.
    pub(super) fn get_or_insert(&self, header: &str, parse: impl FnOnce() -> Agent) -> Arc<Agent> {
        let shard = self.shard(header);
        if let Some(agent) = shard.lock().agents.get(header) {
            return agent.clone();
        }
        let agent = Arc::new(parse());
        shard.lock().insert(header.into(), agent.clone());
        agent
    }

    fn shard(&self, header: &str) -> &Mutex<Shard> {
        // The map uses the hash's low and high bits; the middle ones choose the shard.
        let place = (self.hasher.hash_one(header) >> 32) as usize % SHARDS;
        &self.shards[place]
    }

    #[cfg(test)]
    fn size(&self) -> (usize, usize) {
        let sizes = self.shards.iter().map(|shard| {
            let shard = shard.lock();
            (shard.agents.len(), shard.bytes)
        });
        sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1))
    }
}

impl Shard {
    fn insert(&mut self, header: Box<str>, agent: Arc<Agent>) {
        let cost = |header: &str| header.len() + ENTRY_OVERHEAD;
        self.bytes += cost(&header);
        // `push` gives back what it displaced: the same header from another thread, or the oldest entry.
        if let Some((displaced, _)) = self.agents.push(header, agent) {
            self.bytes -= cost(&displaced);
        }
        while self.bytes > BYTES_PER_SHARD {
            match self.agents.pop_lru() {
                Some((oldest, _)) => self.bytes -= cost(&oldest),
                None => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_bounded() {
        let cache = Cache::default();
        for number in 0..20_000 {
            cache.get_or_insert(&number.to_string(), Agent::default);
        }
        let (entries, bytes) = cache.size();
        assert!(entries <= SHARDS * ENTRIES_PER_SHARD.get() && entries > SHARDS * ENTRIES_PER_SHARD.get() / 2);
        assert!(bytes <= SHARDS * BYTES_PER_SHARD);
    }

    #[test]
    fn bytes_are_bounded_and_counted_right() {
        let cache = Cache::default();
        for number in 0..20_000 {
            cache.get_or_insert(&format!("{number:0512}"), Agent::default);
        }
        let (entries, bytes) = cache.size();
        assert!(bytes <= SHARDS * BYTES_PER_SHARD);
        assert_eq!(bytes, entries * (512 + ENTRY_OVERHEAD), "what left was not subtracted, or twice");
    }

    #[test]
    fn what_is_used_stays() {
        let cache = Cache::default();
        let used = cache.get_or_insert("used", Agent::default);
        for number in 0..20_000 {
            cache.get_or_insert(&number.to_string(), Agent::default);
            cache.get_or_insert("used", || unreachable!("it was forgotten"));
        }
        assert!(Arc::ptr_eq(&used, &cache.get_or_insert("used", Agent::default)));
    }
}
