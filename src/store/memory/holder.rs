//! What is remembered of a device by its cookie: on how many days somebody succeeded on it, on which accounts lately, and
//! in which generation the cookie was seen last.
//!
//! Cookies are free, so an arrival makes no entry; only a success does, and that takes a password that is right or an
//! account that was made. So the table is as large as there are devices of users, whoever floods the gate.
//!
//! **Accounts** are told apart by 32 bits of their keyed hash, which name nobody, with the day of the last success. Up to 16,
//! and then the one that was longest ago goes: four are worth a signal, and sixteen tell a family from a school. One that did
//! not succeed for ninety days goes with the next success. Days and not instants, because a week is what is asked about, and
//! the set is written each time it changes.
//!
//! **A copy** shows when generations are seen out of order. What a browser sends at once, before and after it was given a
//! new cookie, lies within [`GRACE`] and is no disorder. Beyond that, an older generation after a newer one was *used* (one
//! that never arrived is never used), or two that were given out at different times and are no descendants of each other,
//! are two jars with one cookie. See `gateway::device`.

use super::sharded::Grown;
use super::state::kept::kept;
use crate::engine::attempt::Pseudonym;
use crate::engine::holder::{ACCOUNTS_WITHIN_DAYS, FORGOTTEN_AFTER, Holder};
use crate::engine::time::Timestamp;
use crate::store::Presented;
use std::time::Duration;

/// Most accounts that are told apart.
pub const MOST_ACCOUNTS: usize = 16;
/// Requests of one browser overtake each other by no more than this.
pub const GRACE: Duration = Duration::from_secs(600);

const DAY: u64 = 86_400_000;

#[derive(Clone, Debug, Default)]
pub struct HolderEntry {
    first: Timestamp,
    last: Timestamp,
    successes: u32,
    days: u32,
    /// The newest that was seen; 0 until one was.
    generation: u32,
    renewed: Timestamp,
    copied: bool,
    logged_in: bool,
    accounts: Vec<Member>,
}

/// An account that succeeded here.
#[derive(Clone, Copy, Debug)]
struct Member {
    tag: u32,
    /// Since the epoch, of its last success.
    day: u32,
    /// Not only registered.
    logged_in: bool,
}

impl Member {
    fn is_remembered(&self, today: u32) -> bool {
        u64::from(today.saturating_sub(self.day)) * DAY <= FORGOTTEN_AFTER.as_millis() as u64
    }
}

kept!(Member { tag, day, logged_in });
kept!(HolderEntry { first, last, successes, days, generation, renewed, copied, logged_in, accounts });

impl Grown for HolderEntry {
    fn grown(&self) -> usize {
        self.accounts.capacity() * size_of::<Member>()
    }
}

impl HolderEntry {
    /// The cookie came with an attempt at `at`.
    pub fn present(&mut self, at: Timestamp, cookie: &Presented) {
        let settled = self.renewed.after(GRACE);
        if cookie.renewed.after(GRACE) < self.renewed {
            self.copied |= at > settled;
            return;
        }
        self.copied |= cookie.renewed > settled && cookie.generation <= self.generation && self.renewed.0 > 0;
        self.generation = self.generation.max(cookie.generation);
        self.renewed = self.renewed.max(cookie.renewed);
    }

    /// An attempt of `at` on `account` succeeded. `logged_in`: which proves that it is the sender's; else they registered.
    pub fn succeed(&mut self, at: Timestamp, account: &Pseudonym, logged_in: bool) {
        let day = day(at);
        if self.successes == 0 {
            (self.first, self.last, self.days) = (at, at, 1);
        } else if day > self::day(self.last) {
            self.days = self.days.saturating_add(1);
        }
        self.successes = self.successes.saturating_add(1);
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        self.logged_in |= logged_in;
        let tag = tag(account);
        self.accounts.retain(|member| member.is_remembered(day));
        if let Some(known) = self.accounts.iter_mut().find(|member| member.tag == tag) {
            known.day = known.day.max(day);
            known.logged_in |= logged_in;
        } else if self.accounts.len() < MOST_ACCOUNTS {
            self.accounts.push(Member { tag, day, logged_in });
        } else if let Some(oldest) = self.accounts.iter_mut().min_by_key(|member| member.day)
            && oldest.day <= day
        {
            *oldest = Member { tag, day, logged_in };
        }
    }

    /// Forgets an account. Whether it was known.
    pub fn forget(&mut self, account: &Pseudonym) -> bool {
        let before = self.accounts.len();
        self.accounts.retain(|member| member.tag != tag(account));
        self.accounts.len() < before
    }

    /// As it is to an attempt at `at` on `account`; `None`: what is left is too old.
    pub fn read(&self, at: Timestamp, account: Option<&Pseudonym>) -> Option<Holder> {
        if at.since(self.last) > FORGOTTEN_AFTER {
            return None;
        }
        let today = day(at);
        let counts = |member: &&Member| today.saturating_sub(member.day) < ACCOUNTS_WITHIN_DAYS;
        let here = account.and_then(|account| self.accounts.iter().find(|member| member.tag == tag(account)));
        Some(Holder {
            first: self.first,
            last: self.last,
            successes: self.successes,
            days: self.days,
            accounts: self.accounts.iter().filter(counts).count() as u32,
            account_counts: here.as_ref().is_some_and(counts),
            logged_in: self.logged_in,
            knows_account: here.is_some_and(|member| member.logged_in && member.is_remembered(today)),
            copied: self.copied,
        })
    }
}

fn day(at: Timestamp) -> u32 {
    u32::try_from(at.0 / DAY).unwrap_or(u32::MAX)
}

fn tag(account: &Pseudonym) -> u32 {
    let [a, b, c, d, ..] = account.0;
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_795_348_800_000);

    fn days(count: u64) -> Timestamp {
        NOON.after(Duration::from_secs(count * 86_400))
    }

    fn account(number: u8) -> Pseudonym {
        Pseudonym([number; 16])
    }

    fn cookie(generation: u32, renewed: Timestamp) -> Presented {
        Presented { id: Pseudonym([1; 16]), generation, renewed }
    }

    /// What a device was brought, each with the day, the cookie's generation and the day it was given out.
    fn presented(sequence: &[(u64, u32, u64)]) -> bool {
        let mut entry = HolderEntry::default();
        entry.succeed(NOON, &account(1), true);
        for &(day, generation, renewed) in sequence {
            entry.present(days(day), &cookie(generation, days(renewed)));
        }
        entry.copied
    }

    #[test]
    fn a_cookie_in_two_jars_shows_whoever_goes_first() {
        for (what, sequence, copied) in [
            ("one browser", &[(0, 0, 0), (4, 1, 3), (8, 2, 7)][..], false),
            ("whose new cookie never arrived", &[(0, 0, 0), (4, 0, 0), (9, 1, 8)], false),
            ("generations that nobody saw", &[(0, 0, 0), (20, 9, 19)], false),
            ("the thief comes with the old one", &[(0, 0, 0), (4, 1, 3), (5, 0, 0)], true),
            ("the thief goes first, and the owner is behind", &[(4, 1, 3), (5, 2, 5), (6, 0, 0)], true),
            ("both were given a new one", &[(4, 1, 3), (6, 1, 6)], true),
            ("the thief comes last", &[(4, 1, 3), (6, 2, 6), (7, 1, 3)], true),
        ] {
            assert_eq!(presented(sequence), copied, "{what}");
        }
    }

    #[test]
    fn what_one_browser_sends_at_once_is_no_copy() {
        let mut entry = HolderEntry::default();
        entry.succeed(NOON, &account(1), true);
        let at = |minutes: u64| NOON.after(Duration::from_secs(60 * minutes));
        // Two answers gave it the next generation, and requests from before are still under way.
        for (minute, generation, renewed) in [(100, 1, at(99)), (101, 0, NOON), (102, 1, at(101)), (109, 1, at(99))] {
            entry.present(at(minute), &cookie(generation, renewed));
            assert!(!entry.copied, "minute {minute}");
        }
        entry.present(at(130), &cookie(0, NOON));
        assert!(entry.copied);
    }

    #[test]
    fn accounts_count_for_a_week_and_the_oldest_goes() {
        let mut entry = HolderEntry::default();
        for number in 0..16 {
            entry.succeed(days(u64::from(number)), &account(number), true);
        }
        let read = |entry: &HolderEntry, day, who| entry.read(days(day), Some(&account(who))).unwrap();
        assert_eq!(read(&entry, 15, 9).accounts, 7);
        assert!(read(&entry, 15, 9).account_counts && !read(&entry, 15, 8).account_counts);
        assert!(read(&entry, 15, 8).knows_account);
        entry.succeed(days(16), &account(99), true);
        assert!(!read(&entry, 16, 0).knows_account && read(&entry, 16, 1).knows_account);
        assert_eq!((read(&entry, 16, 0).days, read(&entry, 16, 0).successes), (17, 17));
        assert!(entry.grown() <= MOST_ACCOUNTS * 12);
        assert!(entry.forget(&account(99)) && !entry.forget(&account(99)));
        entry.succeed(days(93), &account(50), true);
        assert!(!read(&entry, 93, 2).knows_account && read(&entry, 93, 3).knows_account);
        assert_eq!(entry.accounts.len(), 14);
        assert_eq!(entry.read(days(184), None), None, "ninety days after the last success");
    }

    #[test]
    fn a_success_told_late_changes_no_day_back() {
        let mut entry = HolderEntry::default();
        entry.succeed(days(3), &account(1), true);
        entry.succeed(days(1), &account(1), true);
        let read = entry.read(days(3), None).unwrap();
        assert_eq!((read.first, read.last, read.days, read.successes), (days(1), days(3), 1, 2));
        assert_eq!(read.accounts, 1);
    }
}
