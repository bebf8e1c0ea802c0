//! How many distinct accounts a source tried, of how many of them the application told it anything, and how many it
//! failed on, over the last hour or two.
//!
//! Accounts are seen on arrival, so that attempts in parallel see each other, and answered when an attempt on them lands.
//! The share of failures is over the answered ones: an account on which every attempt was refused is seen and nothing
//! else, and so needs no mark of its own that would have to be taken off again, in the right order, when attempts on it
//! run in parallel or when one of them lands at last.
//!
//! Two windows of an hour turn: what was seen in the running or the previous one counts. Up to 64 accounts are told
//! apart exactly (by 26 bits of their keyed hash: two of 64 are taken for one in 30 of a million cases). A source that
//! tries more becomes a bitmap with linear counting (Whang et al., 1990): 1024 bits, within 3 % up to a thousand
//! accounts and 10 % at six thousand, saturated at 7,098. That is far above any threshold, and an attacker's source costs
//! 792 bytes instead of what the attacker likes.

use super::sharded::Grown;
use super::state::kept::{Kept, kept};
use crate::engine::attempt::Pseudonym;
use crate::engine::time::Timestamp;
use std::sync::LazyLock;

/// Most accounts that are told apart exactly.
pub const EXACT: usize = 64;
const BITS: usize = 1024;
const WORDS: usize = BITS / 64;

// An account in the exact list: 26 bits of tag above six flags, each of the running window beside the one before.
const SEEN: u32 = 0b00_0001;
const SEEN_BEFORE: u32 = 0b00_0010;
const ANSWERED: u32 = 0b00_0100;
const ANSWERED_BEFORE: u32 = 0b00_1000;
const FAILED: u32 = 0b01_0000;
const FAILED_BEFORE: u32 = 0b10_0000;
const FLAG_BITS: u32 = 6;
const FLAGS: u32 = (1 << FLAG_BITS) - 1;

/// Distinct accounts of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    pub seen: u32,
    /// Of those seen.
    pub answered: u32,
    /// Of those answered.
    pub failed: u32,
}

#[derive(Clone, Debug, Default)]
pub struct DistinctAccounts {
    /// The running window: hours since the epoch.
    hour: u32,
    members: Members,
}

#[derive(Clone, Debug)]
enum Members {
    /// One, or nobody (0, which no member is).
    One(u32),
    /// Boxed twice over: most are never more than one.
    #[expect(clippy::box_collection, reason = "sixteen bytes less in each of millions of entries")]
    Exact(Box<Vec<u32>>),
    Estimated(Box<Bitmaps>),
}

#[derive(Clone, Debug, Default)]
struct Bitmaps {
    seen: Marked,
    answered: Marked,
    failed: Marked,
}

/// A bit for an account, in the running window and in the one before.
#[derive(Clone, Debug, Default)]
struct Marked {
    now: [u64; WORDS],
    before: [u64; WORDS],
    /// Bits that are set in either. Kept up, since every attempt on a busy site asks for a dozen of these numbers.
    ones: u16,
}

impl Default for Members {
    fn default() -> Self {
        Members::One(0)
    }
}

kept!(DistinctAccounts { hour, members });
kept!(Bitmaps { seen, answered, failed });

impl Kept for Marked {
    fn put(&self, to: &mut Vec<u8>) {
        self.now.put(to);
        self.before.put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(Marked::of(Kept::take(from)?, Kept::take(from)?))
    }
}

impl Kept for Members {
    fn put(&self, to: &mut Vec<u8>) {
        match self {
            Members::Estimated(maps) => {
                to.push(1);
                maps.put(to);
            }
            Members::One(_) | Members::Exact(_) => {
                to.push(0);
                self.list().unwrap_or_default().to_vec().put(to);
            }
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => Vec::take(from).filter(|list| list.len() <= EXACT).map(Members::of),
            1 => Kept::take(from).map(Members::Estimated),
            _ => None,
        }
    }
}

impl Grown for DistinctAccounts {
    fn grown(&self) -> usize {
        match &self.members {
            Members::One(_) => 0,
            Members::Exact(list) => size_of::<Vec<u32>>() + list.capacity() * size_of::<u32>(),
            Members::Estimated(_) => size_of::<Bitmaps>(),
        }
    }
}

impl DistinctAccounts {
    /// Turns the windows to `at`. To be called before anything else of that instant.
    pub fn advance(&mut self, at: Timestamp) {
        let hour = hour_of(at);
        if hour < self.hour.saturating_sub(1) {
            self.hour = hour; // The clock was set back.
        }
        let passed = hour.saturating_sub(self.hour);
        if passed == 0 {
            return;
        }
        self.hour = hour;
        for _ in 0..passed.min(2) {
            self.members.turn();
        }
    }

    /// Counts an account that arrived in the running window.
    pub fn see(&mut self, account: &Pseudonym) {
        let tag = tag_of(account);
        if let Some(list) = self.members.list_mut() {
            if let Some(member) = list.iter_mut().find(|member| **member & !FLAGS == tag) {
                *member |= SEEN;
                return;
            }
            if list.len() < EXACT {
                self.members.push(tag | SEEN);
                return;
            }
            self.members = Members::Estimated(Box::new(Bitmaps::of(list)));
        }
        if let Members::Estimated(maps) = &mut self.members {
            maps.seen.set(tag, false);
        }
    }

    /// Counts an answer to an attempt that arrived at `at`, if its window is still there.
    pub fn answer(&mut self, at: Timestamp, account: &Pseudonym, failed: bool) {
        let before = match self.hour.checked_sub(hour_of(at)) {
            // An instant ahead of the running window was counted in it.
            None | Some(0) => false,
            Some(1) => true,
            Some(_) => return,
        };
        let tag = tag_of(account);
        match &mut self.members {
            Members::Estimated(maps) => {
                maps.answered.set(tag, before);
                if failed {
                    maps.failed.set(tag, before);
                }
            }
            exact => {
                let list = exact.list_mut().unwrap_or_default();
                if let Some(member) = list.iter_mut().find(|member| **member & !FLAGS == tag) {
                    *member |= if before { ANSWERED_BEFORE } else { ANSWERED };
                    if failed {
                        *member |= if before { FAILED_BEFORE } else { FAILED };
                    }
                }
            }
        }
    }

    /// What [`DistinctAccounts::count`] tells once the windows are turned to `at`; they are left where they are.
    pub fn count_at(&self, at: Timestamp) -> Tally {
        if hour_of(at) == self.hour {
            return self.count();
        }
        let mut turned = self.clone();
        turned.advance(at);
        turned.count()
    }

    pub fn count(&self) -> Tally {
        match &self.members {
            exact @ (Members::One(_) | Members::Exact(_)) => {
                let list = exact.list().unwrap_or_default();
                let with = |flags: u32| list.iter().filter(|member| **member & flags != 0).count() as u32;
                Tally {
                    seen: list.len() as u32,
                    answered: with(ANSWERED | ANSWERED_BEFORE),
                    failed: with(FAILED | FAILED_BEFORE),
                }
            }
            Members::Estimated(maps) => {
                let seen = maps.seen.estimate();
                let answered = maps.answered.estimate().min(seen);
                Tally { seen, answered, failed: maps.failed.estimate().min(answered) }
            }
        }
    }
}

impl Members {
    fn of(list: Vec<u32>) -> Members {
        match list[..] {
            [] => Members::One(0),
            [one] => Members::One(one),
            _ => Members::Exact(Box::new(list)),
        }
    }

    /// As a list, unless they are estimated.
    fn list(&self) -> Option<&[u32]> {
        match self {
            Members::One(0) => Some(&[]),
            Members::One(one) => Some(std::slice::from_ref(one)),
            Members::Exact(list) => Some(list),
            Members::Estimated(_) => None,
        }
    }

    fn list_mut(&mut self) -> Option<&mut [u32]> {
        match self {
            Members::One(0) => Some(&mut []),
            Members::One(one) => Some(std::slice::from_mut(one)),
            Members::Exact(list) => Some(list),
            Members::Estimated(_) => None,
        }
    }

    fn push(&mut self, member: u32) {
        match self {
            Members::One(0) => *self = Members::One(member),
            Members::One(one) => {
                let mut list = Vec::with_capacity(4);
                list.extend([*one, member]);
                *self = Members::Exact(Box::new(list));
            }
            Members::Exact(list) => list.push(member),
            Members::Estimated(_) => {}
        }
    }

    /// An hour is over: what was seen in it is seen before, what was seen before is forgotten.
    fn turn(&mut self) {
        match self {
            Members::One(_) | Members::Exact(_) => {
                let list = self.list().unwrap_or_default().iter();
                let aged = |member: &u32| (member & !FLAGS) | ((member & (SEEN | ANSWERED | FAILED)) << 1);
                let still: Vec<u32> = list.filter(|member| **member & SEEN != 0).map(aged).collect();
                *self = Members::of(still);
            }
            Members::Estimated(maps) => {
                if maps.seen.now == [0; WORDS] {
                    *self = Members::default();
                    return;
                }
                let Bitmaps { seen, answered, failed } = &mut **maps;
                [seen, answered, failed].into_iter().for_each(Marked::turn);
            }
        }
    }
}

impl Bitmaps {
    fn of(list: &[u32]) -> Bitmaps {
        let mut maps = Bitmaps::default();
        for &member in list {
            for (now, before, marked) in [
                (SEEN, SEEN_BEFORE, &mut maps.seen),
                (ANSWERED, ANSWERED_BEFORE, &mut maps.answered),
                (FAILED, FAILED_BEFORE, &mut maps.failed),
            ] {
                for (flag, before) in [(now, false), (before, true)] {
                    if member & flag != 0 {
                        marked.set(member & !FLAGS, before);
                    }
                }
            }
        }
        maps
    }
}

impl Marked {
    fn of(now: [u64; WORDS], before: [u64; WORDS]) -> Marked {
        let ones: u32 = now.iter().zip(&before).map(|(now, before)| (now | before).count_ones()).sum();
        Marked { now, before, ones: ones as u16 }
    }

    fn set(&mut self, tag: u32, before: bool) {
        let bit = (tag >> FLAG_BITS) as usize % BITS;
        let (word, mask) = (bit / 64, 1 << (bit % 64));
        self.ones += u16::from((self.now[word] | self.before[word]) & mask == 0);
        let window = if before { &mut self.before } else { &mut self.now };
        window[word] |= mask;
    }

    /// An hour is over.
    fn turn(&mut self) {
        *self = Marked::of([0; WORDS], self.now);
    }

    /// Linear counting over the union of both.
    fn estimate(&self) -> u32 {
        static BY_ONES: LazyLock<[u16; BITS + 1]> = LazyLock::new(|| {
            std::array::from_fn(|ones| {
                let zeros = (BITS - ones).max(1);
                (BITS as f64 * (BITS as f64 / zeros as f64).ln()).round() as u16
            })
        });
        BY_ONES.get(usize::from(self.ones)).copied().unwrap_or(u16::MAX).into()
    }
}

/// 26 bits of a keyed hash, above the flags.
fn tag_of(account: &Pseudonym) -> u32 {
    let [a, b, c, d, ..] = account.0;
    u32::from_be_bytes([a, b, c, d]) & !FLAGS
}

fn hour_of(at: Timestamp) -> u32 {
    u32::try_from(at.0 / 3_600_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    const HOUR: u64 = 3_600;

    fn account(number: u64) -> Pseudonym {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(number);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&hash.to_be_bytes());
        Pseudonym(bytes)
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn bits_are_counted_as_they_are_set() {
        let mut marked = Marked::default();
        for step in 0..5_000u32 {
            let hash = step.wrapping_mul(0x9e37_79b9);
            match step % 997 {
                0 => marked.turn(),
                _ => marked.set(hash & !FLAGS, hash % 5 == 0),
            }
            assert_eq!(marked.ones, Marked::of(marked.now, marked.before).ones, "step {step}");
        }
        assert!(marked.ones > 500, "{}", marked.ones);
    }

    #[test]
    fn an_account_counts_once_and_for_one_to_two_hours() {
        let mut accounts = DistinctAccounts::default();
        for (secs, number, count) in [
            (10 * HOUR, 1, 1),
            (10 * HOUR + 1, 1, 1),
            (10 * HOUR + 2, 2, 2),
            (11 * HOUR, 2, 2),
            (12 * HOUR - 1, 3, 3),
            (12 * HOUR, 3, 2),
            (20 * HOUR, 4, 1),
        ] {
            accounts.advance(at(secs));
            accounts.see(&account(number));
            assert_eq!(accounts.count().seen, count, "at {secs} s");
        }
    }

    fn tally(seen: u32, answered: u32, failed: u32) -> Tally {
        Tally { seen, answered, failed }
    }

    #[test]
    fn answers_count_in_the_window_of_their_attempt() {
        let mut accounts = DistinctAccounts::default();
        accounts.advance(at(HOUR));
        accounts.see(&account(1));
        accounts.see(&account(2));
        accounts.advance(at(2 * HOUR));
        accounts.see(&account(2));
        accounts.answer(at(HOUR), &account(1), false);
        accounts.answer(at(HOUR), &account(2), true);
        assert_eq!(accounts.count(), tally(2, 2, 1));
        accounts.advance(at(3 * HOUR));
        assert_eq!(accounts.count(), tally(1, 0, 0), "the second account is still seen, its answer is too old");
        accounts.answer(at(HOUR), &account(2), true);
        assert_eq!(accounts.count(), tally(1, 0, 0), "and too old to be told now");
    }

    #[test]
    fn what_never_landed_is_seen_and_nothing_else_until_it_lands() {
        // Few accounts are told apart, many are estimated: the same must hold.
        for many in [10, 300] {
            let mut accounts = DistinctAccounts::default();
            accounts.advance(at(HOUR));
            for number in 0..many {
                accounts.see(&account(number));
            }
            for number in 0..10 {
                accounts.answer(at(HOUR), &account(number), true);
            }
            let before = accounts.count();
            assert!(before.answered.abs_diff(10) <= 1 && before.failed == before.answered, "{before:?}");
            for number in 1_000..1_020 {
                accounts.see(&account(number));
            }
            let refused = accounts.count();
            assert!(refused.seen > before.seen);
            assert_eq!((refused.answered, refused.failed), (before.answered, before.failed));
            // In the next hour one that was refused is tried again, and lands.
            accounts.advance(at(2 * HOUR));
            accounts.see(&account(1_000));
            accounts.answer(at(2 * HOUR), &account(1_000), false);
            let landed = accounts.count();
            assert_eq!(landed.seen, refused.seen);
            assert!(landed.answered > refused.answered);
            assert_eq!(landed.failed, refused.failed);
            accounts.advance(at(3 * HOUR));
            assert_eq!(accounts.count(), tally(1, 1, 0));
        }
    }

    #[test]
    fn many_accounts_are_estimated_within_the_stated_error_and_then_forgotten() {
        for (many, error) in [(65u64, 0.06), (300, 0.08), (1_000, 0.10), (6_000, 0.30)] {
            let mut accounts = DistinctAccounts::default();
            accounts.advance(at(HOUR));
            for number in 0..many {
                accounts.see(&account(number));
                if number % 2 == 0 {
                    accounts.answer(at(HOUR), &account(number), number % 4 == 0);
                }
            }
            let Tally { seen, answered, failed } = accounts.count();
            let many = many as f64;
            for (estimated, exact) in [(seen, many), (answered, many / 2.0), (failed, many / 4.0)] {
                assert!((f64::from(estimated) / exact - 1.0).abs() < error, "{estimated} for {exact}");
            }
            accounts.advance(at(2 * HOUR));
            assert_eq!(accounts.count(), tally(seen, answered, failed));
            accounts.advance(at(3 * HOUR));
            accounts.see(&account(1));
            assert_eq!(accounts.count(), tally(1, 0, 0));
        }
    }

    #[test]
    fn the_estimate_saturates() {
        assert_eq!(Marked::of([u64::MAX; WORDS], [0; WORDS]).estimate(), 7_098);
    }
}
