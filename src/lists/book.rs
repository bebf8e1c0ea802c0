//! The entries that were added, of all lists: looked up by every judged request, and changed while they are.
//!
//! A [`Ledger`] is one list's, cut into shards behind a lock each: a look-up takes one of them for the time of a hash or
//! two, a change likewise, and a table that grows moves a sixty-fourth of its entries. Networks of one part of the address
//! space lie in one shard, so that one lock is enough for an address; the few that reach over several parts have a shard
//! of their own, which is asked only if there are any. (A table that is exchanged whole is read without a lock, and pays
//! for it by copying a million entries for each that is added; a small table in front of a large one does that in the
//! background, and then has to hold what was taken away as well.)
//!
//! **Bytes.** An entry takes 56 bytes and a control byte in a table that is at least 7/16 full, and shares who and why with
//! what came with it: between 65 and 130 bytes; a domain and a ban come with a text of their own. A million networks of
//! many lengths took 145 MB resident, the allocator's own needs and the table of lengths included.
//!
//! All lists together hold a bounded number. Attackers make bans, so those are bounded apart: they never take the room of
//! what an operator adds.

use super::ban::SHARE;
use super::change::{Change, Entry, Note, Refused};
use super::key::{CardBin, Key};
use super::networks::{Cidr, Networks, part};
use super::{BANNED, ListOf};
use crate::engine::attempt::Pseudonym;
use crate::engine::evidence::Country;
use crate::engine::time::Timestamp;
use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Shards of one list.
const SHARDS: usize = 64;
/// The shard of networks that reach over several parts of the address space.
const WIDE: usize = SHARDS;

/// Most names of lists. Changes are made to configured lists only; this bounds what a shared store can bring.
const MOST_LISTS: usize = 4096;

/// All entries that were added.
#[derive(Debug)]
pub struct Book {
    ledgers: ArcSwap<HashMap<Arc<str>, Arc<Ledger>>>,
    /// Held by whoever changes entries: counting and changing is one step.
    changing: Mutex<()>,
    most: usize,
    /// Changes that found no room.
    refused: AtomicU64,
    /// Where tidying goes on.
    tidied: AtomicUsize,
    /// Notes that came lately: what comes together shares one.
    notes: Mutex<HashSet<Arc<Note>>>,
}

/// Most notes that are looked for.
const NOTES: usize = 1024;

impl Book {
    /// `most`: entries of all lists together.
    pub fn new(most: usize) -> Book {
        let ledgers = ArcSwap::from_pointee(HashMap::new());
        let (refused, tidied) = (AtomicU64::new(0), AtomicUsize::new(0));
        Book { ledgers, changing: Mutex::new(()), most, refused, tidied, notes: Mutex::default() }
    }

    /// The entries of one list; `None`: it never had any.
    pub fn ledger(&self, list: &str) -> Option<Arc<Ledger>> {
        self.ledgers.load().get(list).cloned()
    }

    /// Whether an entry of this list matches.
    pub fn holds(&self, list: &str, sought: &Sought<'_>, at: Timestamp) -> bool {
        self.ledgers.load().get(list).is_some_and(|ledger| ledger.holds(sought, at))
    }

    /// What stands at a key, over or not.
    pub fn entry(&self, list: &str, key: &Key) -> Option<Entry> {
        self.ledgers.load().get(list)?.entry(key)
    }

    /// The lists that have entries, by name.
    pub fn lists(&self) -> BTreeMap<Arc<str>, Arc<Ledger>> {
        self.ledgers.load().iter().map(|(name, ledger)| (name.clone(), ledger.clone())).collect()
    }

    /// Makes all changes, or none if there is no room for what they add. `first` is called before anything is changed, and
    /// what it says decides: it writes down what is about to happen.
    pub fn change<E: From<Refused>>(&self, changes: &[Change], first: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let _changing = self.changing.lock();
        self.admit(changes)?;
        first()?;
        changes.iter().for_each(|change| self.apply(change));
        Ok(())
    }

    /// Whether there is room for what these changes add.
    pub fn admit(&self, changes: &[Change]) -> Result<(), Refused> {
        self.room(changes).inspect_err(|_| {
            self.refused.fetch_add(changes.len() as u64, Ordering::Relaxed);
        })
    }

    /// Puts back what was kept, or takes over what another gate changed: as far as there is room.
    pub fn restore(&self, change: &Change) {
        let _changing = self.changing.lock();
        if self.room(std::slice::from_ref(change)).is_ok() {
            self.apply(change);
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn room(&self, changes: &[Change]) -> Result<(), Refused> {
        let bans_there = self.ledger(BANNED).map_or(0, |bans| bans.len());
        let (mut new, mut new_bans) = (0, 0);
        for change in changes.iter().filter(|change| change.entry.is_some()) {
            // Once the count by itself is no reason to refuse, nothing needs to be looked up.
            if self.entry(&change.list, &change.key).is_none() {
                new += 1;
                new_bans += usize::from(*change.list == *BANNED);
            }
        }
        let most_bans = self.most / SHARE;
        if new_bans > 0 && bans_there + new_bans > most_bans {
            return Err(Refused::Bans { most: most_bans });
        }
        // Bans have their own room: they take none of the operator's.
        let (wanted, there) = (new - new_bans, self.len() - bans_there);
        let most = self.most - most_bans;
        if wanted > 0 && there + wanted > most { Err(Refused::Full { wanted, there, most }) } else { Ok(()) }
    }

    fn apply(&self, Change { list, key, entry }: &Change) {
        match entry {
            Some(entry) => {
                if let Some(ledger) = self.made(list) {
                    ledger.put(key, Entry { note: self.shared(&entry.note), ..entry.clone() });
                }
            }
            None => {
                if let Some(ledger) = self.ledger(list) {
                    ledger.remove(key);
                }
            }
        }
    }

    /// The same note, if it came before. A ban's is its own.
    fn shared(&self, note: &Arc<Note>) -> Arc<Note> {
        if note.times > 0 {
            return note.clone();
        }
        let mut notes = self.notes.lock();
        if let Some(known) = notes.get(note) {
            return known.clone();
        }
        if notes.len() >= NOTES {
            notes.clear();
        }
        notes.insert(note.clone());
        note.clone()
    }

    fn made(&self, list: &Arc<str>) -> Option<Arc<Ledger>> {
        if let Some(known) = self.ledger(list) {
            return Some(known);
        }
        let mut ledgers = HashMap::clone(&self.ledgers.load());
        if ledgers.len() >= MOST_LISTS {
            return None;
        }
        let new = Arc::new(Ledger::default());
        ledgers.insert(list.clone(), new.clone());
        self.ledgers.store(Arc::new(ledgers));
        Some(new)
    }

    /// Drops what nobody needs to remember any more, a shard of each list at a time. To be called now and then.
    pub fn tidy(&self, at: Timestamp) -> usize {
        let shard = self.tidied.fetch_add(1, Ordering::Relaxed) % (SHARDS + 1);
        let ledgers = self.ledgers.load_full();
        ledgers.values().map(|ledger| ledger.tidy(shard, at)).sum()
    }

    /// As [`Book::tidy`], of every shard.
    pub fn tidy_all(&self, at: Timestamp) {
        for _ in 0..=SHARDS {
            self.tidy(at);
        }
    }

    pub fn len(&self) -> usize {
        self.ledgers.load().values().map(|ledger| ledger.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Most entries.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Changes that found no room, since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// What is looked for in a list, of any kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sought<'a> {
    pub ip: Option<IpAddr>,
    pub account: Option<Pseudonym>,
    pub email: Option<Pseudonym>,
    /// Lower-case ASCII.
    pub domain: Option<&'a str>,
    pub device: Option<Pseudonym>,
    pub fingerprint: Option<u64>,
    pub asn: Option<u32>,
    pub country: Option<Country>,
    pub card_bin: Option<CardBin>,
}

impl Sought<'_> {
    /// Of this kind alone.
    pub fn only(self, of: ListOf) -> Self {
        let none = Sought::default();
        match of {
            ListOf::Ip => Sought { ip: self.ip, ..none },
            ListOf::Account => Sought { account: self.account, ..none },
            ListOf::Email => Sought { email: self.email, ..none },
            ListOf::Domain => Sought { domain: self.domain, ..none },
            ListOf::Device => Sought { device: self.device, ..none },
            ListOf::Fingerprint => Sought { fingerprint: self.fingerprint, ..none },
            ListOf::Asn => Sought { asn: self.asn, ..none },
            ListOf::Country => Sought { country: self.country, ..none },
            ListOf::CardBin => Sought { card_bin: self.card_bin, ..none },
        }
    }
}

/// The added entries of one list.
#[derive(Debug)]
pub struct Ledger {
    shards: Box<[RwLock<Shard>]>,
    hasher: RandomState,
    len: AtomicUsize,
    /// Of the networks that reach over several parts.
    wide: AtomicUsize,
}

#[derive(Debug, Default)]
struct Shard {
    networks: Networks<Entry>,
    domains: HashMap<Box<str>, Entry>,
    others: HashMap<Small, Entry>,
}

/// A key of fixed size: its kind, and what it is.
type Small = [u8; 17];

fn small(key: &Key) -> Option<Small> {
    let (kind, bytes): (u8, u128) = match key {
        Key::Network(_) | Key::Domain(_) => return None,
        Key::Account(name) => (1, u128::from_be_bytes(name.0)),
        Key::Email(name) => (2, u128::from_be_bytes(name.0)),
        Key::Device(name) => (3, u128::from_be_bytes(name.0)),
        Key::Fingerprint(number) => (4, u128::from(*number)),
        Key::Asn(number) => (5, u128::from(*number)),
        Key::Country(Country([a, b])) => (6, u128::from(*a) << 8 | u128::from(*b)),
        Key::CardBin(bin) => (7, bin.packed()),
    };
    let mut small = [kind; 17];
    small[1..].copy_from_slice(&bytes.to_be_bytes());
    Some(small)
}

fn key_of(small: &Small) -> Option<Key> {
    let (kind, bytes) = small.split_first()?;
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let number = u128::from_be_bytes(bytes);
    Some(match kind {
        1 => Key::Account(Pseudonym(bytes)),
        2 => Key::Email(Pseudonym(bytes)),
        3 => Key::Device(Pseudonym(bytes)),
        4 => Key::Fingerprint(number as u64),
        5 => Key::Asn(number as u32),
        6 => Key::Country(Country([(number >> 8) as u8, number as u8])),
        _ => Key::CardBin(CardBin::of_packed(number)),
    })
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger {
            shards: (0..=SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            len: AtomicUsize::new(0),
            wide: AtomicUsize::new(0),
        }
    }
}

impl Ledger {
    /// Whether an entry that is not over matches any of what is sought.
    pub fn holds(&self, sought: &Sought<'_>, at: Timestamp) -> bool {
        if self.is_empty() {
            return false;
        }
        let holds = |entry: &Entry| entry.holds(at);
        if let Some(ip) = sought.ip {
            let here = &self.shards[self.place(part(ip))];
            let wide = self.wide.load(Ordering::Relaxed) > 0;
            if here.read().networks.any(ip, holds) || (wide && self.shards[WIDE].read().networks.any(ip, holds)) {
                return true;
            }
        }
        if let Some(domain) = sought.domain
            && with_parents(domain)
                .any(|domain| self.shards[self.place(domain)].read().domains.get(domain).is_some_and(holds))
        {
            return true;
        }
        let key = |key: Key| {
            small(&key).is_some_and(|small| self.shards[self.place(small)].read().others.get(&small).is_some_and(holds))
        };
        sought.account.is_some_and(|name| key(Key::Account(name)))
            || sought.email.is_some_and(|name| key(Key::Email(name)))
            || sought.device.is_some_and(|name| key(Key::Device(name)))
            || sought.fingerprint.is_some_and(|number| key(Key::Fingerprint(number)))
            || sought.asn.is_some_and(|number| key(Key::Asn(number)))
            || sought.country.is_some_and(|country| key(Key::Country(country)))
            || sought.card_bin.is_some_and(|bin| bin.with_shorter().any(|bin| key(Key::CardBin(bin))))
    }

    pub fn entry(&self, key: &Key) -> Option<Entry> {
        let shard = self.shards[self.place_of(key)].read();
        match (key, small(key)) {
            (Key::Network(network), _) => shard.networks.of(*network).cloned(),
            (Key::Domain(domain), _) => shard.domains.get(domain).cloned(),
            (_, Some(small)) => shard.others.get(&small).cloned(),
            (_, None) => None,
        }
    }

    fn put(&self, key: &Key, entry: Entry) {
        let place = self.place_of(key);
        let mut shard = self.shards[place].write();
        let before = match (key, small(key)) {
            (Key::Network(network), _) => shard.networks.insert(*network, entry),
            (Key::Domain(domain), _) => shard.domains.insert(domain.clone(), entry),
            (_, Some(small)) => shard.others.insert(small, entry),
            (_, None) => None,
        };
        if before.is_none() {
            self.len.fetch_add(1, Ordering::Relaxed);
            self.wide.fetch_add(usize::from(place == WIDE), Ordering::Relaxed);
        }
    }

    fn remove(&self, key: &Key) {
        let place = self.place_of(key);
        let mut shard = self.shards[place].write();
        let before = match (key, small(key)) {
            (Key::Network(network), _) => shard.networks.remove(*network),
            (Key::Domain(domain), _) => shard.domains.remove(domain),
            (_, Some(small)) => shard.others.remove(&small),
            (_, None) => None,
        };
        if before.is_some() {
            self.len.fetch_sub(1, Ordering::Relaxed);
            self.wide.fetch_sub(usize::from(place == WIDE), Ordering::Relaxed);
        }
    }

    fn tidy(&self, place: usize, at: Timestamp) -> usize {
        let keep = |entry: &Entry| at < entry.kept;
        // A look first: nearly always there is nothing to do, and nobody waits for that.
        if self.shards[place].read().entries().all(keep) {
            return 0;
        }
        let mut shard = self.shards[place].write();
        let before = shard.len();
        shard.networks.retain(|_, entry| keep(entry));
        shard.domains.retain(|_, entry| keep(entry));
        shard.others.retain(|_, entry| keep(entry));
        let gone = before - shard.len();
        self.len.fetch_sub(gone, Ordering::Relaxed);
        if place == WIDE {
            self.wide.fetch_sub(gone, Ordering::Relaxed);
        }
        gone
    }

    /// How many parts [`Ledger::part`] asks for.
    pub fn parts(&self) -> usize {
        self.shards.len()
    }

    /// The entries of one part, by key.
    pub fn part(&self, part: usize) -> Vec<(Key, Entry)> {
        let Some(shard) = self.shards.get(part) else { return Vec::new() };
        let mut entries: Vec<(Key, Entry)> = shard.read().iter().map(|(key, entry)| (key, entry.clone())).collect();
        entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        entries
    }

    /// What kind an entry of it is; of several kinds, one.
    pub fn of(&self) -> Option<ListOf> {
        self.shards.iter().find_map(|shard| shard.read().iter().next().map(|(key, _)| key.of()))
    }

    /// How many entries there are, those that are over included.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn place(&self, of: impl Hash) -> usize {
        self.hasher.hash_one(of) as usize % SHARDS
    }

    fn place_of(&self, key: &Key) -> usize {
        match (key, small(key)) {
            (Key::Network(network), _) => Cidr::top(*network).map_or(WIDE, |part| self.place(part)),
            (Key::Domain(domain), _) => self.place(&**domain),
            (_, small) => self.place(small.unwrap_or_default()),
        }
    }
}

impl Shard {
    fn len(&self) -> usize {
        self.networks.len() + self.domains.len() + self.others.len()
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.networks.iter().map(|(_, entry)| entry).chain(self.domains.values()).chain(self.others.values())
    }

    fn iter(&self) -> impl Iterator<Item = (Key, &Entry)> {
        let networks = self.networks.iter().map(|(network, entry)| (Key::Network(*network), entry));
        let domains = self.domains.iter().map(|(domain, entry)| (Key::Domain(domain.clone()), entry));
        let others = self.others.iter().filter_map(|(small, entry)| Some((key_of(small)?, entry)));
        networks.chain(domains).chain(others)
    }
}

/// `a.b.example`, `b.example`, `example`. Longer than a domain may be: nothing.
fn with_parents(domain: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(domain).filter(|domain| domain.len() <= 253 && !domain.is_empty());
    std::iter::from_fn(move || {
        let this = rest?;
        rest = this.split_once('.').map(|(_, parent)| parent).filter(|parent| !parent.is_empty());
        Some(this)
    })
}

#[cfg(test)]
mod tests;
