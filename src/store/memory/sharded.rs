//! A bounded map of counters: LRU caches behind a mutex each.
//!
//! Locks are short and there are many, so that two cores rarely meet. A shard is chosen by a keyed hash: who picks
//! addresses cannot pile them up in one.
//!
//! A map that is kept on disk notes which entries changed, each once until it is asked for them. What is evicted is not
//! noted: it is the oldest in the file as well, and would be the first to go when the file is read. Nobody may ask for
//! long (a disk that is full or hangs): the notes are bounded too, and what finds no room in them is told.

use crate::store::KindStats;
use lru::LruCache;
use parking_lot::Mutex;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Enough that the threads of a large machine rarely meet.
const SHARDS: usize = 64;
/// Fewer entries than this are not worth a shard: small stores would evict long before they are full.
const LEAST_IN_SHARD: usize = 1024;

/// Most notes of changes, as a multiple of the entries: more than one, since an evicted entry leaves its note behind.
pub const NOTES: usize = 2;

#[derive(Debug)]
pub struct Sharded<K: Hash + Eq, V> {
    kind: &'static str,
    shards: Box<[Mutex<Shard<K, V>>]>,
    hasher: RandomState,
    most_in_shard: usize,
    /// Whether changes are noted.
    kept: bool,
    /// Whether a change was not noted, because nobody asked for so long.
    missed: AtomicBool,
    serials: AtomicU32,
    evicted: AtomicU64,
}

#[derive(Debug)]
struct Shard<K: Hash + Eq, V> {
    cache: LruCache<K, Entry<V>, RandomState>,
    changed: Vec<K>,
}

#[derive(Debug)]
struct Entry<V> {
    serial: u32,
    /// Whether it is among those that changed.
    changed: bool,
    value: V,
}

/// Bytes of a value as it is stored.
#[cfg(test)]
pub const fn entry_size<V>() -> usize {
    size_of::<Entry<V>>()
}

/// As many shards as are worth it for `most` entries, and the bound of each, so that together they never exceed it.
pub fn lock_shards<T>(most: usize, make: impl Fn() -> T) -> (Box<[Mutex<T>]>, usize) {
    let count = (most / LEAST_IN_SHARD).clamp(1, SHARDS);
    ((0..count).map(|_| Mutex::new(make())).collect(), (most / count).max(1))
}

impl<K: Hash + Eq + Copy, V> Sharded<K, V> {
    /// At most `most` entries; `kept` if what changes is to be noted.
    pub fn new(kind: &'static str, most: usize, kept: bool) -> Sharded<K, V> {
        let (shards, most_in_shard) = lock_shards(most, || Shard {
            cache: LruCache::unbounded_with_hasher(RandomState::new()),
            changed: Vec::new(),
        });
        Sharded {
            kind,
            shards,
            hasher: RandomState::new(),
            most_in_shard,
            kept,
            missed: AtomicBool::new(false),
            serials: AtomicU32::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// Changes and reads the entry of `key` under its lock, making it first if need be. Returns what `change` does and
    /// the entry's serial.
    pub fn update<R>(&self, key: K, make: impl FnOnce() -> V, change: impl FnOnce(&mut V) -> R) -> (R, u32) {
        let mut shard = self.shard(&key).lock();
        let Shard { cache, changed } = &mut *shard;
        if let Some(entry) = cache.get_mut(&key) {
            self.note(entry, key, changed);
            return (change(&mut entry.value), entry.serial);
        }
        if cache.len() >= self.most_in_shard {
            cache.pop_lru();
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
        let serial = self.serials.fetch_add(1, Ordering::Relaxed);
        let mut entry = Entry { serial, changed: false, value: make() };
        self.note(&mut entry, key, changed);
        let answer = change(&mut entry.value);
        cache.put(key, entry);
        (answer, serial)
    }

    /// Changes the entry of `key` if it is still the one with this serial. It does not become more recent by that.
    pub fn existing(&self, key: &K, serial: u32, change: impl FnOnce(&mut V)) {
        let mut shard = self.shard(key).lock();
        let Shard { cache, changed } = &mut *shard;
        if let Some(entry) = cache.peek_mut(key).filter(|entry| entry.serial == serial) {
            self.note(entry, *key, changed);
            change(&mut entry.value);
        }
    }

    /// Reads the entry of `key` where it is. It does not become more recent by that.
    pub fn peek<R>(&self, key: &K, read: impl FnOnce(&V) -> R) -> Option<R> {
        self.shard(key).lock().cache.peek(key).map(|entry| read(&entry.value))
    }

    /// Takes the entry of `key` out. Whether there was one.
    pub fn remove(&self, key: &K) -> bool {
        self.shard(key).lock().cache.pop(key).is_some()
    }

    /// How many parts [`Sharded::changed`] and [`Sharded::keys`] ask for.
    pub fn parts(&self) -> usize {
        self.shards.len()
    }

    /// Shows at most `most` entries of one part that changed since they were last shown. Whether there are more.
    pub fn changed(&self, part: usize, most: usize, mut show: impl FnMut(&K, u32, &V)) -> bool {
        let mut shard = self.shards[part].lock();
        let Shard { cache, changed } = &mut *shard;
        for _ in 0..most {
            let Some(key) = changed.pop() else {
                // What a flood made it grow to is given back.
                changed.shrink_to(1024);
                return false;
            };
            if let Some(entry) = cache.peek_mut(&key) {
                entry.changed = false;
                show(&key, entry.serial, &entry.value);
            }
        }
        !changed.is_empty()
    }

    /// The keys of one part, least recently used first.
    pub fn keys(&self, part: usize) -> Vec<K> {
        self.shards[part].lock().cache.iter().rev().map(|(key, _)| *key).collect()
    }

    /// Shows those entries of one part that are still there.
    pub fn show(&self, part: usize, keys: &[K], mut show: impl FnMut(&K, u32, &V)) {
        let shard = self.shards[part].lock();
        for key in keys {
            if let Some(entry) = shard.cache.peek(key) {
                show(key, entry.serial, &entry.value);
            }
        }
    }

    /// Puts back what was kept, as the most recent entry; one of the same key is replaced.
    pub fn restore(&self, key: K, serial: u32, value: V) {
        self.serials.fetch_max(serial.wrapping_add(1), Ordering::Relaxed);
        let mut shard = self.shard(&key).lock();
        if shard.cache.len() >= self.most_in_shard && !shard.cache.contains(&key) {
            shard.cache.pop_lru();
        }
        shard.cache.put(key, Entry { serial, changed: false, value });
    }

    pub fn stats(&self) -> KindStats {
        KindStats {
            kind: self.kind,
            entries: self.shards.iter().map(|shard| shard.lock().cache.len() as u64).sum(),
            capacity: (self.most_in_shard * self.shards.len()) as u64,
            evicted: self.evicted.load(Ordering::Relaxed),
            refused: 0,
        }
    }

    /// Whether a change was not noted since this was last asked: then only all entries tell what changed.
    pub fn missed(&self) -> bool {
        self.missed.swap(false, Ordering::Relaxed)
    }

    fn note(&self, entry: &mut Entry<V>, key: K, changed: &mut Vec<K>) {
        if !self.kept || entry.changed {
            return;
        }
        if changed.len() >= NOTES * self.most_in_shard {
            self.missed.store(true, Ordering::Relaxed);
            return;
        }
        entry.changed = true;
        changed.push(key);
    }

    fn shard(&self, key: &K) -> &Mutex<Shard<K, V>> {
        &self.shards[self.hasher.hash_one(key) as usize % self.shards.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let map: Sharded<u32, u32> = Sharded::new("test", 2, false);
        for key in [1, 2, 1, 3] {
            map.update(key, || 0, |count| *count += 1);
        }
        assert_eq!(map.update(1, || 0, |count| *count).0, 2);
        assert_eq!(map.update(2, || 0, |count| *count).0, 0);
        assert_eq!(map.stats().evicted, 2);
    }

    #[test]
    fn an_entry_made_anew_is_another() {
        let map: Sharded<u32, u32> = Sharded::new("test", 1, false);
        let (_, first) = map.update(1, || 0, |_| ());
        map.update(2, || 0, |_| ());
        let (_, second) = map.update(1, || 0, |_| ());
        map.existing(&1, first, |count| *count += 10);
        map.existing(&1, second, |count| *count += 1);
        assert_eq!(map.update(1, || 0, |count| *count).0, 1);
    }

    #[test]
    fn shards_never_exceed_the_bound_together() {
        for most in [1, 1_000, 1_023, 1_024, 5_000, 1_000_000] {
            let (shards, most_in_shard) = lock_shards(most, || ());
            assert!(shards.len() * most_in_shard <= most);
            assert!(shards.len() * most_in_shard > most - shards.len());
        }
    }
}
