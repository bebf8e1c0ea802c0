//! One password on many accounts.
//!
//! Popular passwords are many people's, and those people get in with them. A password that strangers try on account after
//! account and that fits nobody is an attacker's. The test is the one of clusters: strangers with one password are people who
//! fail as strangers do, or guesses. Its sum fades, so that what coincides over weeks is no campaign.
//!
//! What is counted is a tag: a hash under a key of this process, which exists nowhere else, and is never written, sent or shown.
//! Nearly every password is one person's, so a tag is only given an entry when a second account failed with it; until then it
//! holds a place among others ([`Door`]), which it may lose to them.

use super::look::Became;
use super::tally::{Cusum, Recent, Tally, left};
use super::watch::{HALF, IDLE};
use crate::engine::time::Timestamp;
use std::collections::BTreeMap;

/// Passwords that are counted.
const MOST: usize = 4_096;
/// Places of passwords that one account failed with.
const PLACES: usize = 32_768;
const TOLD_APART: usize = 32;
/// Shares of failures, of honest strangers at the worst and of guesses.
const HONEST: f64 = 0.35;
const GUESSES: f64 = 0.9;
/// About a dozen accounts in a row.
pub(super) const H: f64 = 11.0;

#[derive(Debug)]
pub(super) struct Tag {
    at: Timestamp,
    pub tally: Tally,
    pub rises: Cusum,
    pub calms: Cusum,
    recent: Recent,
    pub is_campaign: bool,
    pub is_member: bool,
}

impl Tag {
    fn new(at: Timestamp) -> Tag {
        Tag {
            at,
            tally: Tally::default(),
            rises: Cusum::default(),
            calms: Cusum::default(),
            recent: Recent::new(TOLD_APART),
            is_campaign: false,
            is_member: false,
        }
    }

    pub fn advance(&mut self, at: Timestamp) {
        let passed = at.since(self.at);
        self.at = self.at.max(at);
        self.tally.fade(left(passed, HALF));
        self.rises.sum *= left(passed, IDLE);
    }

    fn see(&mut self, account: u32, became: Became, at: Timestamp) {
        let counted = self.recent.see(account, became == Became::Succeeded);
        self.tally.count(counted);
        let ratio = super::watch::ratio(counted, HONEST, GUESSES);
        self.rises.add(ratio, 2.0 * H, at);
        self.calms.add(-ratio, 2.0 * H, at);
    }

    pub fn settle(&mut self) {
        *self = Tag { at: self.at, ..Tag::new(self.at) };
    }
}

/// Where a tag waits for a second account.
#[derive(Debug)]
struct Door(Box<[(u32, u32)]>);

impl Door {
    /// The account that came with the tag before, if it is another one.
    fn knock(&mut self, tag: u64, account: u32) -> Option<u32> {
        let name = (tag >> 32) as u32;
        let place = &mut self.0[tag as usize % PLACES];
        match *place {
            (known, other) if known == name && other != 0 => Some(other).filter(|other| *other != account),
            _ => {
                *place = (name, account);
                None
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Passwords {
    pub tags: BTreeMap<u64, Tag>,
    door: Door,
    pub dropped: u64,
}

impl Passwords {
    pub fn new() -> Passwords {
        Passwords { tags: BTreeMap::new(), door: Door(vec![(0, 0); PLACES].into()), dropped: 0 }
    }

    /// A stranger's attempt; the tag's entry, if it has one.
    pub fn note(&mut self, tag: u64, account: u32, became: Became, at: Timestamp) -> Option<&mut Tag> {
        if !self.tags.contains_key(&tag) {
            if became == Became::Succeeded {
                return None;
            }
            let first = self.door.knock(tag, account)?;
            self.make_room(at);
            let mut new = Tag::new(at);
            new.see(first, Became::Failed, at);
            self.tags.insert(tag, new);
        }
        let known = self.tags.get_mut(&tag)?;
        known.advance(at);
        known.see(account, became, at);
        Some(known)
    }

    fn make_room(&mut self, at: Timestamp) {
        if self.tags.len() < MOST {
            return;
        }
        let mut sizes: Vec<f64> = self
            .tags
            .values_mut()
            .map(|tag| {
                tag.advance(at);
                tag.tally.people
            })
            .collect();
        let (_, bar, _) = sizes.select_nth_unstable_by(MOST / 4, f64::total_cmp);
        let (bar, before) = (*bar, self.tags.len());
        self.tags.retain(|_, tag| tag.is_campaign || tag.tally.people > bar);
        self.dropped += (before - self.tags.len()) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_795_000_000_000);

    #[test]
    fn a_password_of_one_account_takes_no_entry() {
        let mut passwords = Passwords::new();
        for _ in 0..50 {
            assert!(passwords.note(7, 3, Became::Failed, AT).is_none());
        }
        assert!(passwords.note(7, 4, Became::Failed, AT).is_some());
        assert_eq!(passwords.tags[&7].tally.people, 2.0);
    }

    #[test]
    fn a_dozen_accounts_in_a_row_are_enough_and_owners_take_it_back() {
        let mut passwords = Passwords::new();
        let first = (1..).find(|account| {
            let tag = passwords.note(7, account * 2, Became::Withheld, AT);
            tag.is_some_and(|tag| tag.rises.sum >= H)
        });
        assert_eq!(first, Some(12));
        let popular = |passwords: &mut Passwords| {
            for account in 0..400 {
                let became = if account % 4 == 0 { Became::Failed } else { Became::Succeeded };
                if let Some(tag) = passwords.note(8, 1_000 + account * 2, became, AT) {
                    assert!(tag.rises.sum < H, "{account}");
                }
            }
        };
        popular(&mut passwords);
    }

    #[test]
    fn coincidences_over_weeks_fade() {
        let mut passwords = Passwords::new();
        for account in 0..200 {
            let at = AT.after(IDLE * account);
            if let Some(tag) = passwords.note(7, account * 2, Became::Failed, at) {
                assert!(tag.rises.sum < 2.0, "{account}: {}", tag.rises.sum);
            }
        }
    }

    #[test]
    fn a_flood_of_passwords_takes_no_more_than_its_room() {
        let mut passwords = Passwords::new();
        for tag in 0..20_000u64 {
            let tag = tag.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for account in [2, 4] {
                passwords.note(tag, account, Became::Failed, AT);
            }
            assert!(passwords.tags.len() <= MOST);
        }
        assert!(passwords.dropped > 10_000);
    }
}
