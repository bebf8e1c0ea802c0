//! The store in this process's memory: the default, and the fallback of a shared one.
//!
//! Counters live in LRU caches, one a kind (address, device, account, and what is known of a device by its cookie), each cut into shards behind a mutex of their own:
//! a request holds a lock for the few hundred nanoseconds of one entry's update, and never two at once, so there is no
//! lock order to get wrong. Every kind is bounded by entries and every entry by bytes; what does not fit is dropped,
//! least recently used first, and counted. No thread tidies up: whatever expires does so when it is next looked at, or
//! when its place is needed. A store that outlives the process has one that writes: see [`state`].
//!
//! Between observation and outcome an attempt waits in the table of open attempts, which knows the entries that it was
//! counted in. That makes settling idempotent (the first to take the attempt off the table counts) and exact (each entry
//! has a serial: one that was evicted and made anew in the meantime is left alone).
//!
//! **Bytes.** `size_of` of an entry with its key, links and table slot: network 184, device 192, account 176, whatever
//! else attempts share 120, holder 128 bytes, open attempt 280 and 24 for each of its velocities. On top comes what an
//! entry grows by use: 40 bytes for the second to fourth account of a source, at most 792 (a source with more than 64
//! accounts); 96 bytes for an account's first source, at most 896 (16 recent and 16 known ones), and 40 for each recent
//! source of an account that was refused; 96 for a source and 48 for an account that was ever busy (what is usual for it);
//! 48 bytes for the first four accounts of a holder, at most 192. A test here holds the fixed sizes, another that
//! a flood of entries as large as they get stays within [`Limits::bytes`]. `benches/state.rs` measures the whole,
//! allocator included: a million networks, devices and accounts with one attempt each are 0.74 GiB resident (200, 208 and
//! 278 bytes as reckoned), and what is promised for a million of each is 1.5 GiB, however large they are made. What else is
//! learnt (of what attempts share, of devices, and of [`owners`]) has as much room again.

pub(super) mod account;
mod burnt;
pub(super) mod decay;
mod distinct;
pub mod heir;
mod held;
pub(super) mod holder;
mod in_flight;
mod known;
pub(super) mod learned;
pub(super) mod open;
mod orders;
pub(super) mod owners;
mod sharded;
pub(super) mod source;
pub mod state;
mod turnstile;
pub(super) mod velocity;

use self::account::{AccountEntry, Here};
use self::burnt::Burnt;
use self::held::Held;
use self::holder::HolderEntry;
use self::open::{Counted, Open, OpenAttempts, Standing, Turn};
use self::orders::OrderEntry;
use self::sharded::Sharded;
use self::source::SourceEntry;
use self::state::{Collecting, Keeping};
use self::turnstile::Turnstile;
use self::velocity::VelocityEntry;
use super::Taught;
use super::{Burn, DeviceKey, MOST_ALIASES, Observation, Settled, Settlement, Stats, StoreError, Withdrawal};
use super::{MOST_VELOCITIES, VelocityKey, told_apart_at};
use crate::engine::attempt::{AttemptId, Network, Pseudonym};
use crate::engine::evidence::{Account, History};
use crate::engine::freeman::live::{Profile, Totals, Value};
use crate::engine::outcome::Outcome;
use crate::engine::time::Timestamp;
use crate::lists::Book;
use bytes::Bytes;
use parking_lot::Mutex;
use siphasher::sip::SipHasher13;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How much the store may remember. Every bound is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries of each counted kind: networks, devices, accounts, and whatever else attempts share.
    pub entries: usize,
    /// Bytes of each counted kind: entries that grew leave room for fewer. Profiles and values have half as much each.
    pub bytes: usize,
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

/// Tables' worth of bytes: networks, devices, accounts and holders one each, velocities and orders one together, profiles
/// and values half of one.
pub const TABLES: usize = 6;

/// Bytes for each entry unless said otherwise: a million networks, devices and accounts take 1.125 GiB at most, and with
/// all that is learnt beside 2.25 GiB.
pub const BYTES_AN_ENTRY: usize = (384 << 20) / 1_000_000;

impl Limits {
    /// `entries` of each counted kind, and the rest in proportion to what a gate of that size meets at once.
    pub fn of_entries(entries: usize) -> Limits {
        Limits {
            entries: entries.max(1),
            bytes: entries.max(1).saturating_mul(BYTES_AN_ENTRY),
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
    velocities: Sharded<VelocityKey, VelocityEntry>,
    holders: Sharded<Pseudonym, HolderEntry>,
    /// Attempts that were accepted with an order, by its name.
    orders: Sharded<Pseudonym, OrderEntry>,
    /// Whose account it is; of those that ever succeeded.
    profiles: Sharded<Pseudonym, Profile>,
    /// Everybody's logins by what they show.
    values: Sharded<u64, Value>,
    totals: Mutex<Totals>,
    /// Whether they changed since they were last written.
    totals_changed: AtomicBool,
    open: OpenAttempts,
    burnt: Burnt,
    held: Held,
    lists: Arc<Book>,
    /// Turns a source into the tag under which accounts know it. Under a random key, so that nobody can make two sources
    /// look like one; the key is kept with the accounts.
    tags: SipHasher13,
    tag_key: [u8; 16],
    /// Where it is written down, if it outlives the process.
    keeping: OnceLock<Keeping>,
    collecting: Collecting,
    /// Whether the process that asks still has it: see [`heir`].
    turnstile: Turnstile,
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

    fn with(limits: Limits, noting: bool, tags: [u8; 16]) -> Memory {
        Memory {
            networks: Sharded::new("network", limits.entries, limits.bytes, noting),
            devices: Sharded::new("device", limits.entries, limits.bytes, noting),
            accounts: Sharded::new("account", limits.entries, limits.bytes, noting),
            velocities: Sharded::new("velocity", limits.entries, limits.bytes - limits.bytes / 4, noting),
            holders: Sharded::new("holder", limits.entries, limits.bytes, noting),
            orders: Sharded::new("order", limits.open, limits.bytes / 4, noting),
            profiles: Sharded::new("profile", limits.entries, limits.bytes / 2, noting),
            values: Sharded::new("value", limits.entries, limits.bytes / 2, noting),
            totals: Mutex::default(),
            totals_changed: AtomicBool::new(false),
            open: OpenAttempts::new(limits.open, noting),
            burnt: Burnt::new(limits.tokens),
            held: Held::new(limits.held, limits.held_bytes),
            lists: Arc::new(Book::new(limits.listed)),
            tags: SipHasher13::new_with_key(&tags),
            tag_key: tags,
            keeping: OnceLock::new(),
            collecting: Collecting::default(),
            turnstile: Turnstile::default(),
        }
    }

    fn key_tags(&mut self, key: [u8; 16]) {
        self.tags = SipHasher13::new_with_key(&key);
        self.tag_key = key;
    }

    pub fn observe(&self, seen: &Observation<'_>) -> History {
        let at = seen.at;
        let secret = seen.event.tries_a_secret();
        let accounts = &seen.accounts[..seen.accounts.len().min(MOST_ALIASES)];
        let here = self.here(seen.network, seen.device);
        let arrived = Standing::InFlight.at_source(secret);

        let (network, network_serial) = self.networks.update(seen.network, SourceEntry::new, |entry| {
            entry.arrive(at, arrived, seen.person());
            entry.read()
        });
        let (device, device_serial) = self.devices.update(seen.device, SourceEntry::new, |entry| {
            entry.arrive(at, arrived, seen.person());
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

        let holder = seen.cookie.and_then(|cookie| {
            let read = |entry: &mut HolderEntry| {
                entry.present(at, &cookie);
                entry.read(at, accounts.first())
            };
            self.holders.known(&cookie.id, read).flatten()
        });
        let keys = &seen.velocities[..seen.velocities.len().min(MOST_VELOCITIES)];
        let mut velocities = Vec::with_capacity(keys.len());
        let count = |&key: &VelocityKey| {
            let change = Standing::InFlight.at_velocity(key.kind, secret);
            let member = seen.told_apart_at(key.kind);
            let (read, serial) = self.velocities.update(key, VelocityEntry::new, |entry| {
                entry.arrive(at, change, member.as_ref());
                entry.read()
            });
            velocities.push((key.kind, read));
            Counted { key, serial }
        };
        let counted = keys.iter().map(count).collect();

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
                holder: seen.cookie.filter(|_| seen.event.admits()).map(|cookie| cookie.id),
                accounts: aliases,
                card: seen.card,
                spelled: seen.spelled && aliases[1].is_some(),
                velocities: counted,
            },
        );
        History { network, device, account, holder, velocities }
    }

    pub fn settle(&self, settlement: &Settlement) -> Settled {
        let Settlement { id, outcome, at, teaches, owner, order } = *settlement;
        let to = Standing::Answered(outcome);
        let order = order.filter(|_| orders::is_accepted(to));
        let Some(Turn { from, open }) = self.open.turn(id, to, at, order.is_some()) else { return Settled::NotOpen };
        self.count(id, &open, (from, to), teaches, owner);
        if let Some(order) = order {
            self.accept(order, id, Open { standing: to, ..open }, at);
        }
        Settled::Counted
    }

    pub fn withdraw(&self, id: AttemptId, how: Withdrawal, at: Timestamp) -> Settled {
        let to = Standing::Withdrawn(how);
        let Some(Turn { from, open }) = self.open.turn(id, to, at, false) else { return Settled::NotOpen };
        self.count(id, &open, (from, to), false, None);
        Settled::Counted
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
        self.keeping.get().is_some()
    }

    pub fn stats(&self) -> Stats {
        let (held, held_bytes) = self.held.stats();
        Stats {
            kinds: vec![
                self.networks.stats(),
                self.devices.stats(),
                self.accounts.stats(),
                self.velocities.stats(),
                self.holders.stats(),
                self.orders.stats(),
                self.profiles.stats(),
                self.values.stats(),
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

    /// Moves every counter that an attempt stands in from one standing to another.
    fn count(
        &self,
        id: AttemptId,
        open: &Open,
        (from, to): (Standing, Standing),
        teaches: bool,
        owner: Option<Taught>,
    ) {
        let landed = from == Standing::InFlight;
        let failed = to == Standing::Answered(Outcome::Failed);
        let answered = open.secret && to.tells(open.told_apart);
        let refused = open.secret && to.is_refusal();
        let teaches = teaches && from.teaches_as(to, open.told_apart);
        let account = open.accounts[0].map(|alias| alias.key);
        let person = open.accounts[usize::from(open.spelled)].map(|alias| alias.key);
        // Not of one that was forgotten meanwhile.
        let owner = owner.filter(|taught| open.proves_identity && account == Some(taught.login.account));
        let suspect = owner.is_some_and(|taught| taught.suspect);

        let change = to.at_source(open.secret) - from.at_source(open.secret);
        let settle_source = |entry: &mut SourceEntry| {
            entry.turn(open.at, change, landed);
            if let (true, Some(person)) = (answered, &person) {
                entry.answer(open.at, person, failed);
            }
            if teaches {
                entry.learn(open.at);
            }
        };
        self.networks.existing(&open.network.key, open.network.serial, settle_source);
        self.devices.existing(&open.device.key, open.device.serial, settle_source);

        // Whoever guessed the password does not make their device a known one by it.
        let holder = open.holder.filter(|_| !suspect);
        if let (Some(holder), Some(account), Standing::Answered(Outcome::Succeeded)) = (holder, &account, to) {
            self.holders
                .update(holder, HolderEntry::default, |entry| entry.succeed(open.at, account, open.proves_identity));
        }
        for Counted { key, serial } in &open.velocities {
            let change = to.at_velocity(key.kind, open.secret) - from.at_velocity(key.kind, open.secret);
            let answered = (open.secret || key.kind.is_by_event()) && to.tells(open.told_apart);
            let member = told_apart_at(key.kind, open.card, person);
            self.velocities.existing(key, *serial, |entry| {
                entry.turn(open.at, change);
                if let (true, Some(member)) = (answered, &member) {
                    entry.answer(open.at, member, failed);
                }
            });
        }

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
                if first && teaches {
                    entry.learn(open.at);
                }
                if first && to == Standing::Answered(Outcome::Succeeded) {
                    if open.secret {
                        entry.forgive(here);
                    }
                    if open.proves_identity && !suspect {
                        entry.know(here);
                    }
                }
            });
        }
        match (to, account) {
            (Standing::Answered(Outcome::Succeeded), _) => owner.iter().for_each(|taught| self.learn(taught)),
            (Standing::Withdrawn(_), Some(account)) if open.proves_identity => self.drop_pending(account, id),
            _ => {}
        }
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
        owned: account.owned,
        usual: account.usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Event;
    use crate::engine::evidence::EntityKind;

    #[test]
    fn a_flood_that_makes_every_entry_as_large_as_it_gets_stays_within_the_bytes() {
        const AT: Timestamp = Timestamp(1_795_338_000_000);
        const SOURCES: u64 = 600;
        let limits = Limits { bytes: 300_000, ..Limits::of_entries(5_000) };
        let memory = Memory::new(limits);
        let mut id = 0;
        let mut attempt = |source: u64, account: u64| {
            id += 1;
            memory.observe(&Observation {
                id: AttemptId(id),
                at: AT,
                event: Event::Login,
                network: Network::from_bits(source.into()),
                device: DeviceKey::Fingerprint { hash: source, asn: 1 },
                cookie: Some(crate::store::Presented {
                    id: Pseudonym(u128::from(source * 4 + account % 4 + 1).to_be_bytes()),
                    generation: 0,
                    renewed: AT,
                }),
                told_apart: true,
                card: None,
                spelled: false,
                velocities: &[VelocityKey::of_number(EntityKind::Fingerprint, source.into())],
                accounts: &[Pseudonym(
                    u128::from(account).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes(),
                )],
            });
            // Half of them refused, which is remembered of each source.
            match id % 2 {
                0 => memory.withdraw(AttemptId(id), Withdrawal::Denied, AT),
                _ => memory.settle(&Settlement::new(AttemptId(id), Outcome::Succeeded, AT)),
            };
        };
        for source in 0..SOURCES {
            // More accounts than are told apart, and each account from many sources.
            (0..80).for_each(|account| attempt(source, source / 20 * 80 + account));
        }
        for kind in &memory.stats().kinds[..4] {
            assert!(kind.bytes <= limits.bytes as u64, "{kind:?}");
            assert!(kind.evicted > 0 && kind.entries > 100, "{kind:?}");
        }
        // The fattest that there are.
        let fat = |kind: usize| memory.stats().kinds[kind].bytes / memory.stats().kinds[kind].entries;
        assert!(fat(0) > 900 && fat(1) > 900 && fat(2) > 800, "{} {} {}", fat(0), fat(1), fat(2));
    }

    #[test]
    fn an_entry_takes_what_the_documentation_says() {
        for (kind, documented, size) in [
            ("network", 184, sharded::entry_size::<Network, SourceEntry>()),
            ("device", 192, sharded::entry_size::<DeviceKey, SourceEntry>()),
            ("account", 176, sharded::entry_size::<Pseudonym, AccountEntry>()),
            ("holder", 128, sharded::entry_size::<Pseudonym, HolderEntry>()),
            ("profile", 176, sharded::entry_size::<Pseudonym, Profile>()),
            ("value", 88, sharded::entry_size::<u64, Value>()),
            // Less the serial and the mark of a counted entry.
            ("velocity", 120, sharded::entry_size::<VelocityKey, VelocityEntry>()),
            ("open attempt", open::FIXED, sharded::entry_size::<AttemptId, Open>() - 16),
        ] {
            assert_eq!(size, documented, "{kind}: change the documentation at the head of this file too");
        }
    }
}
