//! How long an attack goes on before it is stopped: until the first of its attempts is, and until most are, for good.
//!
//! Asked of each actor (a campaign, a bot, a thief) by itself, and of all that bears one label as a whole, since a campaign
//! that is spread over a thousand actors is one. "Half are stopped from here on" means that of any [`WINDOW`] attempts in a
//! row from here to the end at least half are: a level that was reached and lost again was not reached. Time begins with the
//! first attempt that is counted, so that what the gate learned in the time before belongs to the gate and not to the attack.
//! Two shares answer what operators ask first: what becomes of an attack once it had [`HEAD_START`] attempts, actor by actor,
//! and once it had [`SETTLED`].
//! Actors are remembered up to a bound; the others are counted with their label alone.

use crate::engine::time::Timestamp;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Attempts in a row, at the most, that a level is asked of.
pub const WINDOW: u32 = 20;
/// The levels: half, and nearly all, in percent of a window.
pub const LEVELS: [u32; 2] = [50, 95];
/// Actors that are remembered.
const MOST_ACTORS: usize = 200_000;
/// The ages of an attack, seconds, that the share of stopped attempts is told by: each bin ends before this.
pub const AGES: [u64; 10] = [10, 60, 300, 900, 3_600, 10_800, 43_200, 86_400, 3 * 86_400, u64::MAX];

/// Attempts that each actor has before the first share is counted.
pub const HEAD_START: u32 = 20;
/// How long the label has been there before the second is counted, seconds.
pub const SETTLED: u64 = 7_200;

/// How long something took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Took {
    /// Attempts, the one that was stopped included.
    pub attempts: u32,
    pub seconds: u64,
}

/// One actor, or all of one label.
#[derive(Clone, Copy, Debug)]
pub struct Track {
    began: Timestamp,
    attempts: u32,
    /// The latest attempts, one bit each, 1 for stopped; the latest lowest.
    latest: u32,
    pub first: Option<Took>,
    /// By [`LEVELS`].
    pub held: [Option<Took>; LEVELS.len()],
}

impl Track {
    fn new(began: Timestamp) -> Track {
        Track { began, attempts: 0, latest: 0, first: None, held: [None; LEVELS.len()] }
    }

    /// Seconds since it began.
    fn age(&self, at: Timestamp) -> u64 {
        at.since(self.began).as_secs()
    }

    fn add(&mut self, at: Timestamp, stopped: bool) {
        self.attempts = self.attempts.saturating_add(1);
        self.latest = (self.latest << 1 | u32::from(stopped)) & ((1 << WINDOW) - 1);
        let now = Took { attempts: self.attempts, seconds: self.age(at) };
        if stopped {
            self.first.get_or_insert(now);
        }
        let (stopped, of) = (self.latest.count_ones(), self.attempts.min(WINDOW));
        for (held, level) in self.held.iter_mut().zip(LEVELS) {
            match 100 * stopped >= level * of {
                true => _ = held.get_or_insert(now),
                false => *held = None,
            }
        }
    }
}

/// One label.
#[derive(Debug)]
pub struct Campaign {
    pub whole: Track,
    actors: HashMap<u64, Track>,
    /// Attempts of actors beyond the bound.
    pub untracked: u64,
    /// Stopped, of all that came after the first [`HEAD_START`] of their actor; without an actor, of the label.
    pub after_head_start: super::share::Share,
    /// Stopped, of all that came [`SETTLED`] after the first of the label.
    pub when_settled: super::share::Share,
    /// By [`AGES`] of the actor: stopped, of all.
    pub by_age: [super::share::Share; AGES.len()],
}

impl Campaign {
    pub fn new(began: Timestamp) -> Campaign {
        let (by_age, share) = (Default::default(), super::share::Share::default());
        let (after_head_start, when_settled) = (share, share);
        Campaign {
            whole: Track::new(began),
            actors: HashMap::new(),
            untracked: 0,
            after_head_start,
            when_settled,
            by_age,
        }
    }

    /// One attempt. `actor`: what tells its sender from others; `room`: how many more actors may be remembered, of all labels.
    pub fn add(&mut self, actor: Option<u64>, at: Timestamp, stopped: bool, room: &mut Room) {
        self.whole.add(at, stopped);
        if self.whole.age(at) >= SETTLED {
            self.when_settled.add(stopped);
        }
        let track = match actor.map(|actor| self.actors.entry(actor)) {
            None => &mut self.whole,
            Some(Entry::Occupied(known)) => known.into_mut(),
            Some(Entry::Vacant(new)) if room.take() => new.insert(Track::new(at)),
            Some(Entry::Vacant(_)) => {
                self.untracked += 1;
                return;
            }
        };
        if actor.is_some() {
            track.add(at, stopped);
        }
        let (age, attempts) = (track.age(at), track.attempts);
        if attempts > HEAD_START {
            self.after_head_start.add(stopped);
        }
        let place = AGES.iter().position(|end| age < *end).unwrap_or(AGES.len() - 1);
        self.by_age[place].add(stopped);
    }

    pub fn actors(&self) -> impl ExactSizeIterator<Item = &Track> {
        self.actors.values()
    }
}

/// Room for actors.
#[derive(Debug)]
pub struct Room(usize);

impl Default for Room {
    fn default() -> Room {
        Room(MOST_ACTORS)
    }
}

impl Room {
    fn take(&mut self) -> bool {
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// The middle one of what it took, of those that got there, and how many did.
pub fn median(took: impl Iterator<Item = Option<Took>>) -> (u64, Option<Took>) {
    let (mut attempts, mut seconds): (Vec<u32>, Vec<u64>) =
        took.flatten().map(|took| (took.attempts, took.seconds)).unzip();
    attempts.sort_unstable();
    seconds.sort_unstable();
    let middle = attempts.len().saturating_sub(1) / 2;
    let took = attempts.get(middle).zip(seconds.get(middle));
    (attempts.len() as u64, took.map(|(attempts, seconds)| Took { attempts: *attempts, seconds: *seconds }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(stopped: &[bool]) -> Campaign {
        let mut campaign = Campaign::new(Timestamp(1_000_000));
        let mut room = Room::default();
        for (place, stopped) in stopped.iter().enumerate() {
            let at = Timestamp(1_000_000 + 2_000 * place as u64);
            campaign.add(Some(7), at, *stopped, &mut room);
        }
        campaign
    }

    fn took(attempts: u32, seconds: u64) -> Option<Took> {
        Some(Took { attempts, seconds })
    }

    #[test]
    fn a_level_is_reached_when_it_is_kept() {
        // Three pass, one is stopped, three pass, and then all are stopped.
        let mut attempts = vec![false, false, false, true, false, false, false];
        attempts.extend([true; 30]);
        let track = *played(&attempts).actors().next().unwrap();
        assert_eq!(track.first, took(4, 6));
        // After 12: six of twelve.
        assert_eq!(track.held[0], took(12, 22));
        // The last of those that passed leaves the window of 20 with the 27th; with the 26th it is the one of twenty.
        assert_eq!(track.held[1], took(26, 50));
    }

    #[test]
    fn a_level_that_is_lost_was_not_reached() {
        let mut attempts = vec![true; 25];
        attempts.extend([false; 25]);
        let campaign = played(&attempts);
        assert_eq!(campaign.whole.first, took(1, 0));
        assert_eq!(campaign.whole.held, [None, None]);
        assert_eq!(campaign.by_age[0].of, 5, "five in the first ten seconds");
        assert_eq!(campaign.by_age[1], super::super::share::Share::new(20, 25));
    }

    #[test]
    fn a_head_start_and_two_hours_are_not_counted() {
        let mut attempts = vec![false; 20];
        attempts.extend([true, true, false, true]);
        let campaign = played(&attempts);
        assert_eq!(campaign.after_head_start, super::super::share::Share::new(3, 4));
        assert_eq!(campaign.when_settled.of, 0, "it is over within a minute");
        let mut campaign = Campaign::new(Timestamp(0));
        for hour in 0..4 {
            campaign.add(Some(1), Timestamp(hour * 3_600_000), hour > 2, &mut Room::default());
        }
        assert_eq!(campaign.when_settled, super::super::share::Share::new(1, 2));
    }

    #[test]
    fn actors_beyond_the_bound_are_counted_with_their_label() {
        let mut campaign = Campaign::new(Timestamp(0));
        let mut room = Room(1);
        for actor in [1, 2, 1] {
            campaign.add(Some(actor), Timestamp(0), true, &mut room);
        }
        campaign.add(None, Timestamp(20_000), false, &mut room);
        assert_eq!((campaign.actors().len(), campaign.untracked, campaign.whole.attempts), (1, 1, 4));
    }

    #[test]
    fn the_middle_is_of_those_that_got_there() {
        let all = [took(5, 50), None, took(1, 90), took(9, 10)];
        assert_eq!(median(all.into_iter()), (3, took(5, 50)));
        assert_eq!(median([None].into_iter()), (0, None));
    }
}
