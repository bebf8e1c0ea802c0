//! What happened to one account lately, and from where.
//!
//! Sources are kept inside the account's entry, so that one look under one lock answers everything about it, and in two
//! lists, because attackers write to one of them: `recent` holds whoever tried lately, and when it is full the one with
//! the least activity goes (a flood of single tries from everywhere cannot hide the one that tries all the time);
//! `known` holds who has succeeded, and only a success can push a success out. So no number of failures makes the gate
//! forget the owner's own device.

use super::decay::{self, Change, Present, TEN_MINUTES};
use super::in_flight::InFlight;
use crate::engine::evidence::{Account, Counts};
use crate::engine::time::Timestamp;

/// Most sources of each list. An attempt brings two: its network and its device.
const MOST_SOURCES: usize = 16;
/// A source whose activity decayed below this no longer takes room (a single try is there after four hours).
const NEGLIGIBLE: f64 = 1e-7;

/// Where an attempt comes from, as accounts know it.
#[derive(Clone, Copy, Debug)]
pub struct Here {
    pub network: u64,
    pub device: u64,
    /// Whether the device is told by its cookie. A fingerprint is shared by all who run the same software, so that
    /// having seen it succeed says nothing about who it is now.
    pub device_is_proof: bool,
}

#[derive(Clone, Debug, Default)]
pub struct AccountEntry {
    present: Present,
    all: Counts,
    in_flight: InFlight,
    recent: Vec<RecentSource>,
    /// Oldest success first.
    known: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
struct RecentSource {
    tag: u64,
    counts: Counts,
}

impl AccountEntry {
    pub fn new() -> AccountEntry {
        AccountEntry::default()
    }

    pub fn arrive(&mut self, at: Timestamp, change: Change, here: Here) {
        let left = decay::left(self.present.advance(at), TEN_MINUTES);
        decay::scale(&mut self.all, left);
        for source in &mut self.recent {
            decay::scale(&mut source.counts, left);
        }
        let weight = self.present.weight(at, TEN_MINUTES);
        decay::add(&mut self.all, change, weight);
        for tag in [here.network, here.device] {
            decay::add(&mut self.source(tag).counts, change, weight);
        }
        self.in_flight.enter(at);
    }

    pub fn turn(&mut self, at: Timestamp, change: Change, landed: bool, here: Here) {
        let weight = self.present.weight(at, TEN_MINUTES);
        decay::add(&mut self.all, change, weight);
        for source in self.recent.iter_mut().filter(|source| source.tag == here.network || source.tag == here.device) {
            decay::add(&mut source.counts, change, weight);
        }
        if landed {
            self.in_flight.leave(at);
        }
    }

    /// Remembers that a success came from here.
    pub fn know(&mut self, here: Here) {
        let device = here.device_is_proof.then_some(here.device);
        for tag in [Some(here.network), device].into_iter().flatten() {
            if let Some(place) = self.known.iter().position(|known| *known == tag) {
                self.known.remove(place);
            } else if self.known.len() >= MOST_SOURCES {
                self.known.remove(0);
            }
            if self.known.is_empty() {
                self.known.reserve_exact(2);
            }
            self.known.push(tag);
        }
    }

    pub fn read(&self, here: Here) -> Account {
        let counts_of = |tag| self.recent.iter().find(|source| source.tag == tag).map(|source| source.counts);
        let network = counts_of(here.network).unwrap_or_default();
        let device = counts_of(here.device).unwrap_or_default();
        Account {
            recent: self.all,
            from_here: if device.attempts > network.attempts + NEGLIGIBLE { device } else { network },
            in_flight: self.in_flight.total(),
            known_source: self.known.contains(&here.network)
                || (here.device_is_proof && self.known.contains(&here.device)),
        }
    }

    /// The counts of a source, which takes the place of the least active one if there is no other.
    fn source(&mut self, tag: u64) -> &mut RecentSource {
        let place = match self.recent.iter().position(|source| source.tag == tag) {
            Some(place) => place,
            None => self.make_room(tag),
        };
        &mut self.recent[place]
    }

    fn make_room(&mut self, tag: u64) -> usize {
        let new = RecentSource { tag, counts: Counts::default() };
        self.recent.retain(|source| source.counts.attempts > NEGLIGIBLE);
        let least = |(_, a): &(usize, &RecentSource), (_, b): &(usize, &RecentSource)| {
            a.counts.attempts.total_cmp(&b.counts.attempts)
        };
        match self.recent.iter().enumerate().min_by(least).map(|(place, _)| place) {
            Some(place) if self.recent.len() >= MOST_SOURCES => {
                self.recent[place] = new;
                place
            }
            _ => {
                if self.recent.is_empty() {
                    self.recent.reserve_exact(2);
                }
                self.recent.push(new);
                self.recent.len() - 1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARRIVED: Change = Change { attempts: 1, failed: 0, succeeded: 0, open: 1 };

    fn from(number: u64) -> Here {
        Here { network: number, device: number + 1_000_000, device_is_proof: true }
    }

    #[test]
    fn a_flood_from_everywhere_hides_neither_the_owner_nor_the_busiest() {
        let mut entry = AccountEntry::new();
        let at = Timestamp::from_secs(1_000_000);
        entry.know(from(1));
        for round in 0..1_000 {
            entry.arrive(at, ARRIVED, from(2));
            entry.arrive(at, ARRIVED, from(10 + round));
        }
        assert!(entry.read(from(1)).known_source);
        assert!(!entry.read(from(2)).known_source);
        assert_eq!(entry.read(from(2)).from_here.attempts, 1_000.0);
        assert_eq!(entry.read(from(2)).recent.attempts, 2_000.0);
        assert!(entry.recent.len() <= MOST_SOURCES);
    }

    #[test]
    fn a_fingerprint_never_becomes_a_known_source() {
        let mut entry = AccountEntry::new();
        entry.know(Here { device_is_proof: false, ..from(1) });
        let same_software_elsewhere = Here { network: 2, device_is_proof: false, ..from(1) };
        assert!(!entry.read(same_software_elsewhere).known_source);
        assert!(entry.read(from(1)).known_source, "the network is known");
    }

    #[test]
    fn known_sources_are_bounded_and_the_oldest_goes() {
        let mut entry = AccountEntry::new();
        for number in 0..100 {
            entry.know(from(number));
        }
        assert_eq!(entry.known.len(), MOST_SOURCES);
        assert!(entry.read(from(99)).known_source);
        assert!(!entry.read(from(0)).known_source);
    }
}
