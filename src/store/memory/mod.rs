//! The store in this process's memory: the default, and the fallback of a shared one.
//!
//! Counters live in LRU caches, one a kind (address, device, account), each cut into shards behind a mutex of their own:
//! a request holds a lock for the few hundred nanoseconds of one entry's update, and never two at once, so there is no
//! lock order to get wrong. Every kind is bounded by entries and every entry by bytes; what does not fit is dropped,
//! least recently used first, and counted. No thread tidies up: whatever expires does so when it is next looked at, or
//! when its place is needed. A store that outlives the process has one that writes: see [`state`].
//!
//! Between observation and outcome an attempt waits in the table of open attempts, which knows the entries that it was
//! counted in. That makes settling idempotent (the first to take the attempt off the table counts) and exact (each entry
//! has a serial: one that was evicted and made anew in the meantime is left alone).
//!
//! **Bytes.** `size_of` of an entry with its key, links and table slot: network 184, device 192, account 168 bytes, open
//! attempt 232. On top comes what an entry grows by use: 16 bytes for the first four accounts of a source, at most 768
//! (a source with more than 64 accounts); 96 bytes for an account's first source, at most 896 (16 recent and 16 known
//! ones), and 40 for each recent source of an account that was refused. A test here holds the fixed sizes; `benches/stores.rs` measures the whole, allocator included: 270 bytes an entry resident, so
//! that a million networks, devices and accounts each take 0.8 GB.

pub(super) mod account;
mod burnt;
pub(super) mod decay;
mod distinct;
mod held;
mod in_flight;
mod known;
pub(super) mod open;
mod sharded;
pub(super) mod source;
pub mod state;

use self::account::{AccountEntry, Here};
use self::burnt::Burnt;
use self::held::Held;
use self::open::{Counted, Open, OpenAttempts, Standing, Turn};
use self::sharded::Sharded;
use self::source::SourceEntry;
use self::state::Keeping;
use super::{Burn, DeviceKey, MOST_ALIASES, Observation, Settled, Stats, StoreError, Withdrawal};
use crate::engine::attempt::{AttemptId, Network, Pseudonym};
use crate::engine::evidence::{Account, History};
use crate::engine::outcome::Outcome;
use crate::engine::time::Timestamp;
use crate::lists::Book;
use bytes::Bytes;
use siphasher::sip::SipHasher13;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// How much the store may remember. Every bound is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries of each counted kind: networks, devices, accounts.
    pub entries: usize,
    /// Attempts whose outcome is awaited.
    pub open: usize,
    /// Spent tokens.
    pub tokens: usize,
    /// Held answers.
    pub held: usize,
    /// Bytes of held answers together.
    pub held_bytes: usize,
    /// Entries added to lists.
    pub listed: usize,
}

impl Limits {
    /// `entries` of each counted kind, and the rest in proportion to what a gate of that size meets at once.
    pub fn of_entries(entries: usize) -> Limits {
        Limits {
            entries: entries.max(1),
            open: entries.clamp(1, 262_144),
            tokens: entries.clamp(1, 262_144),
            held: entries.clamp(1, 16_384),
            held_bytes: 64 << 20,
            listed: 2_000_000,
        }
    }
}

#[derive(Debug)]
pub struct Memory {
    networks: Sharded<Network, SourceEntry>,
    devices: Sharded<DeviceKey, SourceEntry>,
    accounts: Sharded<Pseudonym, AccountEntry>,
    open: OpenAttempts,
    burnt: Burnt,
    held: Held,
    lists: Arc<Book>,
    /// Turns a source into the tag under which accounts know it. Under a random key, so that nobody can make two sources
    /// look like one; the key is kept with the accounts.
    tags: SipHasher13,
    /// Where it is written down, if it outlives the process.
    keeping: Option<Keeping>,
}

impl Memory {
    /// A store that ends with the process.
    pub fn new(limits: Limits) -> Memory {
        let random = || RandomState::new().hash_one(0).to_le_bytes();
        let mut tags = [0; 16];
        tags[..8].copy_from_slice(&random());
        tags[8..].copy_from_slice(&random());
        Memory::with(limits, false, tags)
    }

    fn with(limits: Limits, kept: bool, tags: [u8; 16]) -> Memory {
        Memory {
            networks: Sharded::new("network", limits.entries, kept),
            devices: Sharded::new("device", limits.entries, kept),
            accounts: Sharded::new("account", limits.entries, kept),
            open: OpenAttempts::new(limits.open, kept),
            burnt: Burnt::new(limits.tokens),
            held: Held::new(limits.held, limits.held_bytes),
            lists: Arc::new(Book::new(limits.listed)),
            tags: SipHasher13::new_with_key(&tags),
            keeping: None,
        }
    }

    fn key_tags(&mut self, key: [u8; 16]) {
        self.tags = SipHasher13::new_with_key(&key);
    }

    pub fn observe(&self, seen: &Observation<'_>) -> History {
        let at = seen.at;
        let secret = seen.event.tries_a_secret();
        let accounts = &seen.accounts[..seen.accounts.len().min(MOST_ALIASES)];
        let here = self.here(seen.network, seen.device);
        let arrived = Standing::InFlight.at_source(secret);

        let (network, network_serial) = self.networks.update(seen.network, SourceEntry::new, |entry| {
            entry.arrive(at, arrived, accounts.first());
            entry.read()
        });
        let (device, device_serial) = self.devices.update(seen.device, SourceEntry::new, |entry| {
            entry.arrive(at, arrived, accounts.first());
            entry.read()
        });

        let mut aliases = [None; MOST_ALIASES];
        let mut account = Account::default();
        for (place, &key) in accounts.iter().enumerate() {
            if accounts[..place].contains(&key) {
                continue;
            }
            let arrived = Standing::InFlight.at_account(secret, place == 0);
            let (read, serial) = self.accounts.update(key, AccountEntry::new, |entry| {
                entry.arrive(at, arrived, here);
                entry.read(here)
            });
            aliases[place] = Some(Counted { key, serial });
            account = if place == 0 { read } else { larger(&account, &read) };
        }

        self.open.insert(
            seen.id,
            Open {
                at,
                standing: Standing::InFlight,
                secret,
                told_apart: seen.told_apart,
                proves_identity: seen.event.has_after(),
                network: Counted { key: seen.network, serial: network_serial },
                device: Counted { key: seen.device, serial: device_serial },
                accounts: aliases,
            },
        );
        History { network, device, account }
    }

    pub fn settle(&self, id: AttemptId, outcome: Outcome, at: Timestamp) -> Settled {
        self.turn(id, Standing::Answered(outcome), at)
    }

    pub fn withdraw(&self, id: AttemptId, how: Withdrawal, at: Timestamp) -> Settled {
        self.turn(id, Standing::Withdrawn(how), at)
    }

    pub fn burn(&self, token: [u8; 16], lifetime: Duration, at: Timestamp) -> Result<Burn, StoreError> {
        let burn = self.burnt.burn(token, lifetime, at)?;
        if burn == Burn::First {
            self.keep_spent(token, at.after(lifetime));
        }
        Ok(burn)
    }

    /// Whether a token is spent already.
    pub fn is_spent(&self, token: &[u8; 16]) -> bool {
        self.burnt.holds(token)
    }

    /// An answer that is held, and until when.
    pub fn held(&self, id: [u8; 16]) -> Option<(Timestamp, Bytes)> {
        self.held.show(id)
    }

    pub fn hold(&self, id: [u8; 16], sealed: &Bytes, lifetime: Duration, at: Timestamp) -> Result<(), StoreError> {
        self.held.hold(id, sealed.clone(), lifetime, at)?;
        self.keep_held(id, at.after(lifetime), sealed);
        Ok(())
    }

    pub fn take(&self, id: [u8; 16], at: Timestamp) -> Option<Bytes> {
        let sealed = self.held.take(id, at)?;
        self.keep_handed_out(id);
        Some(sealed)
    }

    /// The entries that were added to lists.
    pub fn lists(&self) -> &Arc<Book> {
        &self.lists
    }

    /// Whether what is remembered outlives the process.
    pub fn is_kept(&self) -> bool {
        self.keeping.is_some()
    }

    pub fn stats(&self) -> Stats {
        let (held, held_bytes) = self.held.stats();
        Stats {
            kinds: vec![
                self.networks.stats(),
                self.devices.stats(),
                self.accounts.stats(),
                self.open.stats(),
                self.burnt.stats(),
                held,
            ],
            held_bytes,
            held_capacity: self.held.most_bytes(),
            keeping: self.keeping_stats(),
            server: None,
            shared: None,
        }
    }

    /// Moves an open attempt to another standing, and every counter it stands in with it.
    fn turn(&self, id: AttemptId, to: Standing, at: Timestamp) -> Settled {
        let Some(Turn { from, open }) = self.open.turn(id, to, at) else { return Settled::NotOpen };
        let landed = from == Standing::InFlight;
        let failed = to == Standing::Answered(Outcome::Failed);
        let answered = open.secret && to.tells(open.told_apart);
        let refused = open.secret && to.is_refusal();
        let account = open.accounts[0].map(|alias| alias.key);

        let change = to.at_source(open.secret) - from.at_source(open.secret);
        let settle_source = |entry: &mut SourceEntry| {
            entry.turn(open.at, change, landed);
            if let (true, Some(account)) = (answered, &account) {
                entry.answer(open.at, account, failed);
            }
        };
        self.networks.existing(&open.network.key, open.network.serial, settle_source);
        self.devices.existing(&open.device.key, open.device.serial, settle_source);

        let here = self.here(open.network.key, open.device.key);
        for (place, alias) in open.accounts.iter().enumerate() {
            let Some(alias) = alias else { continue };
            let first = place == 0;
            let change = to.at_account(open.secret, first) - from.at_account(open.secret, first);
            self.accounts.existing(&alias.key, alias.serial, |entry| {
                if refused {
                    // Before the attempt is taken off: what stood is what it was judged by.
                    entry.refuse(open.at, here);
                }
                entry.turn(open.at, change, landed, here);
                if first && to == Standing::Answered(Outcome::Succeeded) {
                    if open.secret {
                        entry.forgive(here);
                    }
                    if open.proves_identity {
                        entry.know(here);
                    }
                }
            });
        }
        Settled::Counted
    }

    fn tag(&self, source: impl Hash) -> u64 {
        let mut hasher = self.tags;
        source.hash(&mut hasher);
        hasher.finish()
    }

    fn here(&self, network: Network, device: DeviceKey) -> Here {
        Here {
            network: self.tag(network),
            device: self.tag(device),
            device_is_proof: matches!(device, DeviceKey::Cookie(_)),
        }
    }
}

/// What two names of one account know together: the larger of each number. What lowers suspicion (successes, a known
/// source) is the first name's alone, because the others are what somebody typed beside it.
pub(super) fn larger(account: &Account, alias: &Account) -> Account {
    Account {
        recent: decay::larger(account.recent, alias.recent),
        from_here: decay::larger(account.from_here, alias.from_here),
        refused_here: decay::larger(account.refused_here, alias.refused_here),
        in_flight: account.in_flight.max(alias.in_flight),
        known_source: account.known_source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_takes_what_the_documentation_says() {
        // The cache keeps key, value and two links in one allocation, and two pointers and a control byte in a table
        // that is at least 7/16 full.
        const LINKS: usize = 16;
        const SLOT: usize = 17 * 16 / 7 / 2;
        let entry = |kind: usize| (kind + LINKS + SLOT).next_multiple_of(8);
        for (kind, documented, size) in [
            ("network", 184, entry(size_of::<Network>() + sharded::entry_size::<SourceEntry>())),
            ("device", 192, entry(size_of::<DeviceKey>() + sharded::entry_size::<SourceEntry>())),
            ("account", 168, entry(size_of::<Pseudonym>() + sharded::entry_size::<AccountEntry>())),
            ("open attempt", 232, entry(size_of::<AttemptId>() + size_of::<Open>())),
        ] {
            assert_eq!(size, documented, "{kind}: change the documentation at the head of this file too");
        }
    }
}
