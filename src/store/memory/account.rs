//! What happened to one account lately, and from where.
//!
//! Sources are kept inside the account's entry, so that one look under one lock answers everything about it, and in two
//! lists, because attackers write to one of them: `recent` holds whoever tried lately, and when it is full the one with
//! the least activity goes (a flood of single tries from everywhere cannot hide the one that tries all the time);
//! `known` holds who has succeeded, and only a success can push a success out. So no number of failures makes the gate
//! forget the owner's own device.
//!
//! Refused attempts count for nothing here, or anybody could lock the owner out by being refused. But a count that only
//! decays would let a source through again a few seconds after it was refused, and again after each guess. So a refusal
//! keeps what stood against that one source from ageing, for as long as it goes on ([`Refusal`]).

use super::decay::{self, Change, Present, SET_BACK, TEN_MINUTES};
use super::in_flight::InFlight;
use super::learned::{BUSY, Learned};
use super::sharded::Grown;
use super::state::kept::kept;
use crate::engine::evidence::{Account, Counts, Usual};
use crate::engine::time::Timestamp;
use std::time::Duration;

/// Most sources of each list. An attempt brings two: its network and its device.
const MOST_SOURCES: usize = 16;
/// A source whose activity decayed below this no longer takes room (a single try is there after four hours).
const NEGLIGIBLE: f64 = 1e-7;
/// How long after a refusal what stood against its source is kept: the half-life of the counts.
const HOLD: Duration = Duration::from_secs(600);

/// Where an attempt comes from, as accounts know it.
#[derive(Clone, Copy, Debug)]
pub struct Here {
    pub network: u64,
    pub device: u64,
    /// Whether the device is told by its cookie. A fingerprint is shared by all who run the same software, so that
    /// having seen it succeed says nothing about who it is now.
    pub device_is_proof: bool,
}

impl Here {
    /// Whether that is this network, or this device by proof.
    fn is(&self, tag: u64) -> bool {
        tag == self.network || (self.device_is_proof && tag == self.device)
    }
}

#[derive(Clone, Debug, Default)]
pub struct AccountEntry {
    present: Present,
    all: Counts,
    in_flight: InFlight,
    recent: Vec<RecentSource>,
    /// Oldest success first.
    known: Vec<u64>,
    /// Boxed: few accounts are ever busy.
    learned: Option<Box<Learned>>,
}

#[derive(Clone, Debug)]
struct RecentSource {
    tag: u64,
    counts: Counts,
    /// Boxed: few sources are ever refused.
    refusal: Option<Box<Refusal>>,
}

/// What the counts of a source were when it was refused. It adds nothing to them, so that who is refused for other reasons
/// (a program that is challenged again and again) does not look as if it had guessed.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    /// Of the last refused attempt.
    at: Timestamp,
    stood: Counts,
}

kept!(AccountEntry { present, all, in_flight, recent, known, learned });
kept!(RecentSource { tag, counts, refusal });
kept!(Refusal { at, stood });

impl Grown for AccountEntry {
    fn grown(&self) -> usize {
        let refused = self.recent.iter().filter(|source| source.refusal.is_some()).count();
        self.recent.capacity() * size_of::<RecentSource>()
            + self.known.capacity() * size_of::<u64>()
            + refused * size_of::<Refusal>()
            + self.learned.as_ref().map_or(0, |_| size_of::<Learned>())
    }
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
        if let Some(learned) = &mut self.learned {
            learned.advance(self.present.instant(), left);
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
        for tag in [here.network, here.device] {
            // A held success that is released counts again, and its source may have given up its room in between.
            if change.attempts > 0 || self.recent.iter().any(|source| source.tag == tag) {
                decay::add(&mut self.source(tag).counts, change, weight);
            }
        }
        if landed {
            self.in_flight.leave(at);
        }
    }

    /// The attempt of `at` was lawful.
    pub fn learn(&mut self, at: Timestamp) {
        if self.learned.is_none() && self.all.attempts < BUSY {
            return;
        }
        let present = self.present;
        let learned = self.learned.get_or_insert_with(|| Box::new(Learned::new(present.instant())));
        learned.teach(present.weight(at, TEN_MINUTES));
    }

    /// The attempt of `at` from here is about to be taken off because it was refused.
    pub fn refuse(&mut self, at: Timestamp, here: Here) {
        let now = self.present.instant();
        for source in self.recent.iter_mut().filter(|source| here.is(source.tag)) {
            source.refuse(at, now);
        }
    }

    /// Ends what was kept against this source: it knew the password.
    pub fn forgive(&mut self, here: Here) {
        for source in self.recent.iter_mut().filter(|source| here.is(source.tag)) {
            source.refusal = None;
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
        let now = self.present.instant();
        let of = |tag| self.recent.iter().find(|source| source.tag == tag);
        let counts = |tag| of(tag).map(|source| source.counts).unwrap_or_default();
        let refused = |tag| of(tag).map(|source| source.refused(now)).unwrap_or_default();
        let refused_device = if here.device_is_proof { refused(here.device) } else { Counts::default() };
        Account {
            recent: self.all,
            from_here: busier(counts(here.network), counts(here.device)),
            refused_here: busier(refused(here.network), refused_device),
            in_flight: self.in_flight.total(),
            known_source: self.known.contains(&here.network)
                || (here.device_is_proof && self.known.contains(&here.device)),
            owned: !self.known.is_empty(),
            usual: self.usual(),
        }
    }

    /// As of `at`, from nowhere in particular, with nothing counted; and how many known sources there are.
    pub fn read_at(&self, at: Timestamp) -> (Account, u32) {
        let mut entry = self.clone();
        let left = decay::left(entry.present.advance(at), TEN_MINUTES);
        decay::scale(&mut entry.all, left);
        if let Some(learned) = &mut entry.learned {
            learned.advance(entry.present.instant(), left);
        }
        entry.in_flight.enter(at);
        entry.in_flight.leave(at);
        let account = Account {
            recent: entry.all,
            in_flight: entry.in_flight.total(),
            owned: !entry.known.is_empty(),
            usual: entry.usual(),
            ..Account::default()
        };
        (account, entry.known.len() as u32)
    }

    fn usual(&self) -> Usual {
        self.learned.as_ref().map(|learned| learned.usual()).unwrap_or_default()
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
        let new = RecentSource { tag, counts: Counts::default(), refusal: None };
        let now = self.present.instant();
        self.recent.retain(|source| source.activity(now) > NEGLIGIBLE);
        let least = |(_, a): &(usize, &RecentSource), (_, b): &(usize, &RecentSource)| {
            a.activity(now).total_cmp(&b.activity(now))
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

impl RecentSource {
    /// `at` is the refused attempt's, which may be one of the earlier ones that are in flight.
    fn refuse(&mut self, at: Timestamp, now: Timestamp) {
        let kept = self.refused(now);
        let last =
            self.refusal.as_ref().filter(|refusal| refusal.is_recent(now)).map_or(at, |refusal| refusal.at.max(at));
        self.refusal = Some(Box::new(Refusal { at: last, stood: decay::largest(self.counts, kept) }));
    }

    /// What is kept against this source at `now`.
    fn refused(&self, now: Timestamp) -> Counts {
        match &self.refusal {
            Some(refusal) if refusal.is_recent(now) => refusal.stood,
            _ => Counts::default(),
        }
    }

    /// Who is refused and goes on is active, or a flood from elsewhere would make the gate forget them.
    fn activity(&self, now: Timestamp) -> f64 {
        self.counts.attempts.max(self.refused(now).attempts)
    }
}

impl Refusal {
    /// A refusal from ahead of the present was before the clock was set back, and says nothing about now.
    fn is_recent(&self, now: Timestamp) -> bool {
        now.since(self.at) <= HOLD && self.at.since(now) <= SET_BACK
    }
}

/// The counts of whichever did more. Rounding must not decide between equals.
fn busier(network: Counts, device: Counts) -> Counts {
    if device.attempts > network.attempts + NEGLIGIBLE { device } else { network }
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
    fn a_flood_from_everywhere_does_not_free_who_is_refused_and_goes_on() {
        let mut entry = AccountEntry::new();
        let start = 1_000_000;
        for secs in 0..20 {
            entry.arrive(Timestamp::from_secs(start + secs), ARRIVED, from(2));
        }
        let last = Timestamp::from_secs(start + 19);
        entry.refuse(last, from(2));
        entry.turn(last, Change::default() - ARRIVED, true, from(2));
        let stood = entry.read(from(2)).refused_here;
        assert!(stood.attempts > 19.0);
        for round in 0..300 {
            let at = Timestamp::from_secs(start + 20 + round * 100);
            for stranger in 0..20 {
                entry.arrive(at, ARRIVED, from(100 + 20 * round + stranger));
            }
            entry.arrive(at, ARRIVED, from(2));
            assert_eq!(entry.read(from(2)).refused_here, stood, "round {round}");
            entry.refuse(at, from(2));
            entry.turn(at, Change::default() - ARRIVED, true, from(2));
        }
        assert!(entry.recent.len() <= MOST_SOURCES);
    }

    #[test]
    fn a_refusal_does_not_hold_all_who_run_the_same_software() {
        let mut entry = AccountEntry::new();
        let at = Timestamp::from_secs(1_000_000);
        let guesser = Here { device_is_proof: false, ..from(1) };
        entry.arrive(at, ARRIVED, guesser);
        entry.refuse(at, guesser);
        assert_eq!(entry.read(guesser).refused_here.attempts, 1.0);
        assert_eq!(entry.read(Here { network: 2, ..guesser }).refused_here, Counts::default());
    }

    #[test]
    fn a_refusal_that_is_told_late_shortens_none() {
        let mut entry = AccountEntry::new();
        let [first, last] = [1_000_000, 1_000_300].map(Timestamp::from_secs);
        entry.arrive(first, ARRIVED, from(1));
        entry.arrive(last, ARRIVED, from(1));
        entry.refuse(last, from(1));
        let stood = entry.read(from(1)).refused_here;
        entry.turn(last, Change::default() - ARRIVED, true, from(1));
        entry.refuse(first, from(1));
        entry.arrive(Timestamp::from_secs(1_000_900), ARRIVED, from(1));
        assert_eq!(entry.read(from(1)).refused_here, stood);
    }

    #[test]
    fn a_clock_set_back_ends_a_refusal() {
        let mut entry = AccountEntry::new();
        for (secs, refused) in [(90_000, false), (90_010, true), (90_005, true), (3_600, false), (3_610, true)] {
            let at = Timestamp::from_secs(secs);
            entry.arrive(at, ARRIVED, from(1));
            assert_eq!(entry.read(from(1)).refused_here.attempts > 0.0, refused, "at {secs} s");
            entry.refuse(at, from(1));
        }
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
