//! A bounded map of counters: LRU caches behind a mutex each.
//!
//! Locks are short and there are many, so that two cores rarely meet. A shard is chosen by a keyed hash: who picks
//! addresses cannot pile them up in one. Both hashes of a key, for its shard and within, are made for that (ahash, with
//! random keys of the process, which nobody sees): an attempt hashes some twenty keys, and the standard one was an eighth
//! of what gathering cost.
//!
//! Bounded by entries, and by bytes: an entry that somebody feeds grows (up to its own bound), and a million of those would
//! be more than was promised. What an entry has grown by is asked before and after each change, of its capacities, which
//! costs nothing; so the sum is always at hand, and while it is too large the least recently used go. The entry that is
//! being changed never goes: one is always allowed.
//!
//! Use makes an entry the most recent, but not each time: moving it touches its old neighbours and its new one, three lines of
//! memory that nothing else needs, for some fifteen entries an attempt. It moves once in an [era](ERAS), which is over
//! when an eighth of what is there has come anew. So the order is that of use to within an eighth: whatever was used
//! in this era stays longer than all that was last used in an earlier one, however fast new ones come.
//!
//! A map that is kept on disk notes which entries changed, each once until it is asked for them. What is evicted is not
//! noted: it is among the oldest in the file as well, and would be of the first to go when the file is read. Nobody may ask for
//! long (a disk that is full or hangs): the notes are bounded too, and what finds no room in them is told.

use crate::store::KindStats;
use ahash::RandomState;
use lru::LruCache;
use parking_lot::Mutex;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Enough that the threads of a large machine rarely meet.
const SHARDS: usize = 64;
/// Fewer entries than this are not worth a shard: small stores would evict long before they are full.
const LEAST_IN_SHARD: usize = 1024;

/// How many eras it takes until as many entries have come as there are.
const ERAS: usize = 8;

/// Most notes of changes, as a multiple of the entries: more than one, since an evicted entry leaves its note behind.
pub const NOTES: usize = 2;

/// What takes memory of its own beside its place in the map.
pub trait Grown {
    /// Bytes that it has allocated.
    fn grown(&self) -> usize;
}

#[derive(Debug)]
pub struct Sharded<K: Hash + Eq, V> {
    kind: &'static str,
    shards: Box<[Mutex<Shard<K, V>>]>,
    hasher: RandomState,
    most_in_shard: usize,
    most_bytes_in_shard: usize,
    /// Whether changes are noted.
    noting: AtomicBool,
    /// Whether a change was not noted, because nobody asked for so long.
    missed: AtomicBool,
    serials: AtomicU32,
    evicted: AtomicU64,
}

#[derive(Debug)]
struct Shard<K: Hash + Eq, V> {
    cache: LruCache<K, Entry<V>, RandomState>,
    changed: Vec<K>,
    /// What the entries have grown by together.
    grown: usize,
    era: u16,
    /// Entries that came in this era.
    came: usize,
}

#[derive(Debug)]
struct Entry<V> {
    serial: u32,
    /// Whether it is among those that changed.
    changed: bool,
    /// The era in which it was last moved.
    era: u16,
    value: V,
}

/// Bytes of an entry before it grows: key, value and two links in one allocation, and its share of a table of two
/// pointers and a control byte that is between 7/16 and 7/8 full.
pub const fn entry_size<K, V>() -> usize {
    const LINKS: usize = 16;
    const SLOT: usize = 17 * 16 / 7 / 2;
    (size_of::<K>() + size_of::<Entry<V>>() + LINKS + SLOT).next_multiple_of(8)
}

/// As many shards as are worth it for `most` entries, and the bound of each, so that together they never exceed it.
pub fn lock_shards<T>(most: usize, make: impl Fn() -> T) -> (Box<[Mutex<T>]>, usize) {
    let count = (most / LEAST_IN_SHARD).clamp(1, SHARDS);
    ((0..count).map(|_| Mutex::new(make())).collect(), (most / count).max(1))
}

impl<K: Hash + Eq + Copy, V: Grown> Sharded<K, V> {
    /// At most `most` entries of `most_bytes` together; `noting` if what changes is to be noted from the beginning.
    pub fn new(kind: &'static str, most: usize, most_bytes: usize, noting: bool) -> Sharded<K, V> {
        let (shards, most_in_shard) = lock_shards(most, || Shard {
            cache: LruCache::unbounded_with_hasher(RandomState::new()),
            changed: Vec::new(),
            grown: 0,
            era: 0,
            came: 0,
        });
        let most_bytes_in_shard = most_bytes / shards.len();
        Sharded {
            kind,
            shards,
            hasher: RandomState::new(),
            most_in_shard,
            most_bytes_in_shard,
            noting: AtomicBool::new(noting),
            missed: AtomicBool::new(false),
            serials: AtomicU32::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// Changes and reads the entry of `key` under its lock, making it first if need be. Returns what `change` does and
    /// the entry's serial.
    pub fn update<R>(&self, key: K, make: impl FnOnce() -> V, change: impl FnOnce(&mut V) -> R) -> (R, u32) {
        let mut shard = self.shard(&key).lock();
        let Shard { cache, changed, grown, era, .. } = &mut *shard;
        if let Some(entry) = cache.peek_mut(&key) {
            self.note(entry, key, changed);
            let before = entry.value.grown();
            let answer = (change(&mut entry.value), entry.serial);
            *grown = *grown + entry.value.grown() - before;
            if std::mem::replace(&mut entry.era, *era) != *era {
                cache.promote(&key);
            }
            self.make_room(&mut shard, &key);
            return answer;
        }
        if cache.len() >= self.most_in_shard {
            self.evict(&mut shard);
        }
        let serial = self.serials.fetch_add(1, Ordering::Relaxed);
        let era = shard.begin();
        let mut entry = Entry { serial, changed: false, era, value: make() };
        self.note(&mut entry, key, &mut shard.changed);
        let answer = change(&mut entry.value);
        shard.grown += entry.value.grown();
        shard.cache.put(key, entry);
        self.make_room(&mut shard, &key);
        (answer, serial)
    }

    /// As [`Sharded::update`], of an entry that is there.
    pub fn known<R>(&self, key: &K, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        let mut shard = self.shard(key).lock();
        let Shard { cache, changed, grown, era, .. } = &mut *shard;
        let entry = cache.peek_mut(key)?;
        self.note(entry, *key, changed);
        let before = entry.value.grown();
        let answer = change(&mut entry.value);
        *grown = *grown + entry.value.grown() - before;
        if std::mem::replace(&mut entry.era, *era) != *era {
            cache.promote(key);
        }
        self.make_room(&mut shard, key);
        Some(answer)
    }

    /// Changes every entry that `change` says it changed. Takes its time, a shard under its lock after another.
    pub fn revise(&self, mut change: impl FnMut(&mut V) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            let Shard { cache, changed, grown, .. } = &mut *shard;
            for (key, entry) in cache.iter_mut() {
                let before = entry.value.grown();
                if change(&mut entry.value) {
                    *grown = *grown + entry.value.grown() - before;
                    self.note(entry, *key, changed);
                }
            }
        }
    }

    /// Drops the least recently used entries until the rest is no larger than it may be; `changed` is not one of them.
    fn make_room(&self, shard: &mut Shard<K, V>, changed: &K) {
        if shard.bytes() > self.most_bytes_in_shard {
            shard.cache.promote(changed);
        }
        while shard.bytes() > self.most_bytes_in_shard && shard.cache.len() > 1 {
            self.evict(shard);
        }
    }

    fn evict(&self, shard: &mut Shard<K, V>) {
        if let Some((_, oldest)) = shard.cache.pop_lru() {
            shard.grown -= oldest.value.grown();
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Changes the entry of `key` if it is still the one with this serial. It does not become more recent by that,
    /// unless it grows beyond what there is room for.
    pub fn existing(&self, key: &K, serial: u32, change: impl FnOnce(&mut V)) {
        let mut shard = self.shard(key).lock();
        let Shard { cache, changed, grown, .. } = &mut *shard;
        if let Some(entry) = cache.peek_mut(key).filter(|entry| entry.serial == serial) {
            self.note(entry, *key, changed);
            let before = entry.value.grown();
            change(&mut entry.value);
            *grown = *grown + entry.value.grown() - before;
            self.make_room(&mut shard, key);
        }
    }

    /// Changes the entry of `key` if there is one, whichever it is; as with [`Sharded::existing`], not more recent by that.
    pub fn change<R>(&self, key: &K, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        let mut shard = self.shard(key).lock();
        let Shard { cache, changed, grown, .. } = &mut *shard;
        let entry = cache.peek_mut(key)?;
        self.note(entry, *key, changed);
        let before = entry.value.grown();
        let answer = change(&mut entry.value);
        *grown = *grown + entry.value.grown() - before;
        self.make_room(&mut shard, key);
        Some(answer)
    }

    /// Reads the entry of `key` where it is. It does not become more recent by that.
    pub fn peek<R>(&self, key: &K, read: impl FnOnce(&V) -> R) -> Option<R> {
        self.shard(key).lock().cache.peek(key).map(|entry| read(&entry.value))
    }

    /// Takes the entry of `key` out. Whether there was one.
    pub fn remove(&self, key: &K) -> bool {
        let mut shard = self.shard(key).lock();
        let Some(entry) = shard.cache.pop(key) else { return false };
        shard.grown -= entry.value.grown();
        true
    }

    /// How many parts [`Sharded::changed`] and [`Sharded::keys`] ask for.
    pub fn parts(&self) -> usize {
        self.shards.len()
    }

    /// Shows at most `most` entries of one part that changed since they were last shown. Whether there are more.
    pub fn changed(&self, part: usize, most: usize, mut show: impl FnMut(&K, u32, &V)) -> bool {
        let mut shard = self.shards[part].lock();
        let Shard { cache, changed, .. } = &mut *shard;
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
            self.evict(&mut shard);
        }
        shard.grown += value.grown();
        let era = shard.begin();
        if let Some(before) = shard.cache.put(key, Entry { serial, changed: false, era, value }) {
            shard.grown -= before.value.grown();
        }
        self.make_room(&mut shard, &key);
    }

    /// From now on what changes is noted, or no longer.
    pub fn note_changes(&self, noting: bool) {
        self.noting.store(noting, Ordering::Relaxed);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            let cache = std::mem::replace(&mut shard.cache, LruCache::unbounded_with_hasher(RandomState::new()));
            shard.changed = Vec::new();
            shard.grown = 0;
            // Freeing takes long: not under the lock.
            drop(shard);
            drop(cache);
        }
    }

    pub fn stats(&self) -> KindStats {
        KindStats {
            kind: self.kind,
            entries: self.shards.iter().map(|shard| shard.lock().cache.len() as u64).sum(),
            capacity: (self.most_in_shard * self.shards.len()) as u64,
            bytes: self.shards.iter().map(|shard| shard.lock().bytes() as u64).sum(),
            evicted: self.evicted.load(Ordering::Relaxed),
            refused: 0,
        }
    }

    /// Whether a change was not noted since this was last asked: then only all entries tell what changed.
    pub fn missed(&self) -> bool {
        self.missed.swap(false, Ordering::Relaxed)
    }

    fn note(&self, entry: &mut Entry<V>, key: K, changed: &mut Vec<K>) {
        if entry.changed || !self.noting.load(Ordering::Relaxed) {
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

impl<K: Hash + Eq, V> Shard<K, V> {
    /// One more entry comes: the era that it comes in. By how many there are, not how many may be: large ones fill it sooner.
    fn begin(&mut self) -> u16 {
        self.came += 1;
        if self.came > self.cache.len() / ERAS {
            (self.came, self.era) = (0, self.era.wrapping_add(1));
        }
        self.era
    }

    fn bytes(&self) -> usize {
        self.cache.len() * entry_size::<K, V>() + self.grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROOM: usize = 1 << 30;

    impl Grown for u32 {
        fn grown(&self) -> usize {
            0
        }
    }

    impl Grown for Vec<u64> {
        fn grown(&self) -> usize {
            self.capacity() * 8
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_has_grown_is_known_and_never_more_than_allowed(
            changes in prop::collection::vec((0..20u32, 0..200usize, any::<bool>()), 1..200)
        ) {
            const MOST: usize = 4_000;
            let map: Sharded<u32, Vec<u64>> = Sharded::new("test", 10, MOST, false);
            let mut serials = std::collections::HashMap::new();
            for (key, length, later) in changes {
                let change = |list: &mut Vec<u64>| *list = Vec::with_capacity(length);
                match serials.get(&key).filter(|_| later) {
                    Some(serial) => map.existing(&key, *serial, change),
                    None => drop(serials.insert(key, map.update(key, Vec::new, change).1)),
                }
                let shard = map.shards[0].lock();
                let grown: usize = shard.cache.iter().map(|(_, entry)| entry.value.grown()).sum();
                prop_assert_eq!(shard.grown, grown);
                prop_assert!(shard.bytes() <= MOST || shard.cache.len() == 1);
            }
        }
    }

    #[test]
    fn what_is_put_back_is_bounded_as_well() {
        let map: Sharded<u32, Vec<u64>> = Sharded::new("test", 100, 4_000, false);
        for key in 0..100 {
            map.restore(key % 50, key, Vec::with_capacity(20));
        }
        let stats = map.stats();
        assert!(stats.bytes <= 4_000 && stats.entries > 10 && stats.entries < 50, "{stats:?}");
        assert_eq!(map.update(49, Vec::new, |list| list.capacity()).0, 20, "the last is there");
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let map: Sharded<u32, u32> = Sharded::new("test", 2, ROOM, false);
        for key in [1, 2, 1, 3] {
            map.update(key, || 0, |count| *count += 1);
        }
        assert_eq!(map.update(1, || 0, |count| *count).0, 2);
        assert_eq!(map.update(2, || 0, |count| *count).0, 0);
        assert_eq!(map.stats().evicted, 2);
    }

    #[test]
    fn who_comes_back_outlives_who_does_not_however_fast_others_come() {
        let map: Sharded<u32, u32> = Sharded::new("test", 80, ROOM, false);
        let come = |key: u32| map.update(key, || 0, |count| *count += 1);
        // The oldest ten are regulars, who come back while others come by.
        (0..50).for_each(|key| _ = come(key));
        for key in 50..400 {
            come(key);
            if key % 20 == 0 {
                (0..10).for_each(|regular| _ = come(regular));
            }
        }
        let kept = |key: u32| map.peek(&key, |_| ()).is_some();
        assert!((0..10).all(kept), "regulars stay");
        assert!(!(10..300).any(kept), "and nobody who never came back");
    }

    #[test]
    fn the_entry_that_grows_is_never_the_one_that_goes() {
        let map: Sharded<u32, Vec<u64>> = Sharded::new("test", 100, 4_000, false);
        (0..20).for_each(|key| _ = map.update(key, Vec::new, |_| ()));
        map.update(0, Vec::new, |list| *list = Vec::with_capacity(450));
        assert_eq!(map.peek(&0, Vec::capacity), Some(450));
        assert!(map.stats().bytes <= 4_000 && map.stats().evicted > 0);
    }

    #[test]
    fn an_entry_made_anew_is_another() {
        let map: Sharded<u32, u32> = Sharded::new("test", 1, ROOM, false);
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
