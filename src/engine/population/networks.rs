//! Networks that strangers tried accounts from in vain: the memory for an attacker's addresses.
//!
//! Somebody with patience sends one attempt through each address and comes back to it days later. No count over an hour or
//! two remembers, but the address is the one thing of theirs that costs money: it is rented by the thousand and used again. A
//! network is remembered for [a week](KEPT) when a stranger fails from it, and is *in vain* for whoever tries another account
//! an hour or more later, unless somebody got in from there meanwhile. A person who mistypes their name and tries again is within
//! the hour or on the same account, and a household, an office, or a carrier's gateway sees its people get in. That it was in
//! vain is no verdict: it is part of the [`Class`](super::Class), and strangers of that class are counted as all others, so
//! that a site whose honest strangers come from such networks shows it by their successes.
//!
//! 131,072 networks in 1 MiB, in buckets of four of which the oldest goes; it is read without a lock, from what was published. It is
//! published as one pointer: what is written after that copies a block of 2 KiB first, and the pointers that lead to it, once
//! for each publication.

use crate::engine::time::Timestamp;
use std::fmt;
use std::sync::Arc;

/// Time in entries is in quarters of an hour, and wraps after 682 days.
const QUARTER: u64 = 900_000;
/// How old a failure is before it says something of the next attempt.
const SETTLED: u16 = 4;
/// How old it may be.
const KEPT: u16 = 7 * 24 * 4;

/// Groups of blocks, so that a write copies few pointers.
const GROUPS: usize = 32;
const BLOCKS: usize = 16;
const BUCKET: usize = 4;
const BUCKETS: usize = 64;

type Block = [u64; BUCKETS * BUCKET];

/// By buckets: a tag of the network (32 bits), of the account that was tried last (15), whether there were several, and when.
/// Empty until something is remembered: evidence begins with one that nobody has written to.
#[derive(Clone, Default)]
pub(super) struct Networks(Arc<Vec<Group>>);

type Group = Arc<[Arc<Block>; BLOCKS]>;

#[derive(Clone, Copy)]
struct Entry(u64);

impl Entry {
    fn new(network: u64, account: u32, several: bool, now: u16) -> Entry {
        Entry(network >> 32 << 32 | u64::from(account >> 17) << 17 | u64::from(several) << 16 | u64::from(now))
    }

    fn is_of(self, network: u64) -> bool {
        self.0 >> 32 == network >> 32
    }

    fn age(self, now: u16) -> u16 {
        now.wrapping_sub(self.0 as u16)
    }

    fn is_several(self) -> bool {
        self.0 >> 16 & 1 == 1
    }

    fn is_on(self, account: u32) -> bool {
        (self.0 >> 17) as u32 & 0x7fff == account >> 17
    }
}

fn quarter(at: Timestamp) -> u16 {
    (at.0 / QUARTER) as u16
}

/// Its group, its block there, and the first place of its bucket in it.
fn place(network: u64) -> (usize, usize, usize) {
    let low = network as usize;
    (low % GROUPS, low / GROUPS % BLOCKS, low / GROUPS / BLOCKS % BUCKETS * BUCKET)
}

impl Networks {
    fn find(&self, network: u64, now: u16) -> Option<(usize, Entry)> {
        let (group, block, first) = place(network);
        let bucket = &self.0.get(group)?[block][first..first + BUCKET];
        let found = bucket.iter().position(|entry| *entry != 0 && Entry(*entry).is_of(network))?;
        let entry = Entry(bucket[found]);
        (entry.age(now) <= KEPT).then_some((found, entry))
    }

    fn set(&mut self, network: u64, nth: usize, entry: u64) {
        let (group, block, first) = place(network);
        let group = Arc::make_mut(&mut Arc::make_mut(&mut self.0)[group]);
        Arc::make_mut(&mut group[block])[first + nth] = entry;
    }

    /// Whether other accounts were tried from there, and nobody got in since.
    pub fn is_in_vain(&self, network: u64, account: u32, at: Timestamp) -> bool {
        let now = quarter(at);
        self.find(network, now)
            .is_some_and(|(_, entry)| entry.is_several() || (entry.age(now) >= SETTLED && !entry.is_on(account)))
    }

    /// A stranger did not get in.
    pub fn failed(&mut self, network: u64, account: u32, at: Timestamp) {
        let now = quarter(at);
        let (nth, several) = match self.find(network, now) {
            Some((_, entry)) if entry.age(now) < SETTLED => return,
            Some((nth, entry)) => (nth, entry.is_several() || !entry.is_on(account)),
            None => {
                if self.0.is_empty() {
                    // One block of nothing, until something is written to it.
                    let block = Arc::new([0; BUCKETS * BUCKET]);
                    let group = Arc::new(std::array::from_fn(|_| block.clone()));
                    self.0 = Arc::new(vec![group; GROUPS]);
                }
                let (group, block, first) = place(network);
                let bucket = self.0[group][block][first..first + BUCKET].iter().enumerate();
                // Nothing is older than anything; an old entry of its own goes first.
                let age = |(_, entry): &(usize, &u64)| match **entry {
                    0 => u32::MAX - 1,
                    old if Entry(old).is_of(network) => u32::MAX,
                    old => u32::from(Entry(old).age(now)),
                };
                (bucket.max_by_key(age).map_or(0, |(nth, _)| nth), false)
            }
        };
        self.set(network, nth, Entry::new(network, account, several, now).0);
    }

    /// Somebody got in.
    pub fn succeeded(&mut self, network: u64, at: Timestamp) {
        if let Some((nth, _)) = self.find(network, quarter(at)) {
            self.set(network, nth, 0);
        }
    }
}

impl fmt::Debug for Networks {
    /// How many are remembered: what is, is of no use to anybody who reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self
            .0
            .iter()
            .flat_map(|group| group.iter())
            .flat_map(|block| block.iter())
            .filter(|entry| **entry != 0)
            .count();
        write!(f, "Networks({known})")
    }
}

impl PartialEq for Networks {
    /// The same memory at the same time.
    fn eq(&self, other: &Networks) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const START: Timestamp = Timestamp(1_795_000_000_000);
    const A: u32 = 0x1234_5678;
    const B: u32 = 0x9abc_def0;

    fn later(hours: f64) -> Timestamp {
        START.after(Duration::from_secs_f64(hours * 3_600.0))
    }

    fn network(nth: u64) -> u64 {
        super::super::look::mixed(u128::from(nth))
    }

    #[test]
    fn a_network_is_in_vain_for_another_account_an_hour_later() {
        let mut networks = Networks::default();
        networks.failed(network(1), A, START);
        for (hours, account, expected) in
            [(0.2, B, false), (1.1, B, true), (1.1, A, false), (72.0, B, true), (167.0, B, true), (169.0, B, false)]
        {
            assert_eq!(networks.is_in_vain(network(1), account, later(hours)), expected, "{hours} h");
            assert!(!networks.is_in_vain(network(2), account, later(hours)), "nobody failed there");
        }
        networks.failed(network(1), B, later(72.0));
        for account in [A, B] {
            assert!(networks.is_in_vain(network(1), account, later(72.1)), "two were tried");
        }
        networks.succeeded(network(1), later(73.0));
        assert!(!networks.is_in_vain(network(1), A, later(80.0)), "somebody got in");
    }

    #[test]
    fn who_mistypes_a_name_is_not_in_vain() {
        let mut networks = Networks::default();
        networks.failed(network(1), A, START);
        networks.failed(network(1), B, later(0.01));
        assert!(!networks.is_in_vain(network(1), B, later(0.02)));
        networks.succeeded(network(1), later(0.02));
        assert!(!networks.is_in_vain(network(1), B, later(30.0)));
    }

    #[test]
    fn the_oldest_of_a_bucket_goes_and_what_was_published_stays() {
        let mut networks = Networks::default();
        // One bucket: alike in what the place is made of.
        let alike = |nth: u64| nth << 32 | 7;
        for nth in 1..=4 {
            networks.failed(alike(nth), A, later(nth as f64));
        }
        let published = networks.clone();
        networks.failed(alike(5), A, later(5.0));
        let known = |networks: &Networks| (1..=5).map(|nth| networks.is_in_vain(alike(nth), B, later(9.0))).collect();
        let (now, before): (Vec<bool>, Vec<bool>) = (known(&networks), known(&published));
        assert_eq!(now, [false, true, true, true, true]);
        assert_eq!(before, [true, true, true, true, false]);
    }
}
