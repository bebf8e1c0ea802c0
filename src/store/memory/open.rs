//! Attempts whose outcome is awaited, and what an attempt counts as at each stage of its life.
//!
//! The rules of counting are one table, [`Standing::at_source`] and [`Standing::at_account`]: what an attempt of this
//! standing contributes. Settling then is a difference of two rows, whatever the order of events, and cannot forget to
//! take something back.

use super::decay::Change;
use super::sharded::{NOTES, lock_shards};
use super::state::kept::{Kept, kept};
use crate::engine::attempt::{AttemptId, Network, Pseudonym};
use crate::engine::evidence::EntityKind;
use crate::engine::outcome::Outcome;
use crate::engine::time::Timestamp;
use crate::store::{DeviceKey, KindStats, MOST_ALIASES, Withdrawal};
use crate::store::{MOST_VELOCITIES, VelocityKey};
use ahash::RandomState;
use lru::LruCache;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Longest wait for an outcome: a held answer's five minutes, doubled.
pub const LONGEST: Duration = Duration::from_secs(600);
/// Bytes of one beside its velocities; a test beside the maps holds it.
pub const FIXED: usize = 280;
/// Bytes of one with as many velocities as there can be.
const BYTES: usize = FIXED + MOST_VELOCITIES * size_of::<Counted<VelocityKey>>();
/// How many that waited too long are dropped for each that arrives: more than one, so that the table shrinks.
const REAPED: usize = 4;

/// Where an attempt is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    InFlight,
    Answered(Outcome),
    Withdrawn(Withdrawal),
}

impl Standing {
    /// What it counts as at its network and its device. `secret`: whether the event tries one; the answers to others
    /// say nothing about the sender, and would let an attacker drown failures in harmless successes.
    pub fn at_source(self, secret: bool) -> Change {
        let arrived = Change { attempts: 1, ..Change::default() };
        if !secret {
            return arrived;
        }
        match self {
            Standing::InFlight | Standing::Answered(Outcome::Pending | Outcome::Aborted) => {
                Change { open: 1, ..arrived }
            }
            Standing::Answered(Outcome::Failed) => Change { failed: 1, ..arrived },
            Standing::Answered(Outcome::Succeeded) => Change { succeeded: 1, ..arrived },
            Standing::Answered(Outcome::Unknown) | Standing::Withdrawn(_) => arrived,
        }
    }

    /// What it counts as at anything else that it has.
    pub fn at_velocity(self, kind: EntityKind, secret: bool) -> Change {
        self.at_source(secret || kind.is_by_event())
    }

    /// What it counts as at the account. `first`: whether under the name that the application goes by.
    pub fn at_account(self, secret: bool, first: bool) -> Change {
        match self {
            Standing::Withdrawn(_) => Change::default(),
            Standing::Answered(Outcome::Succeeded) if !first => Change { attempts: 1, ..Change::default() },
            Standing::InFlight | Standing::Answered(_) => self.at_source(secret),
        }
    }

    /// Whether the application answered. One that was given up may still be answered, and nobody will know what.
    /// `told_apart`: whether an answer that no rule matched is none.
    pub fn tells(self, told_apart: bool) -> bool {
        match self {
            Standing::Answered(Outcome::Succeeded | Outcome::Failed | Outcome::Pending) => true,
            Standing::Answered(Outcome::Unknown) => !told_apart,
            Standing::Answered(Outcome::Aborted) | Standing::InFlight | Standing::Withdrawn(_) => false,
        }
    }

    /// Whether coming from here to `next` shows a lawful attempt, from which may be learned what is usual: a success, or,
    /// where answers cannot be told apart, any that no rule matched. Never one that was challenged in between.
    pub fn teaches_as(self, next: Standing, told_apart: bool) -> bool {
        let lawful = match next {
            Standing::Answered(Outcome::Succeeded) => true,
            Standing::Answered(Outcome::Unknown) => !told_apart,
            Standing::Answered(Outcome::Failed | Outcome::Pending | Outcome::Aborted)
            | Standing::InFlight
            | Standing::Withdrawn(_) => false,
        };
        lawful && !matches!(self, Standing::Withdrawn(_))
    }

    /// Whether the gate refused it. One whose answer is held has passed with the right password.
    pub fn is_refusal(self) -> bool {
        match self {
            Standing::Withdrawn(Withdrawal::Denied | Withdrawal::Challenged) => true,
            Standing::Withdrawn(Withdrawal::Held) | Standing::InFlight | Standing::Answered(_) => false,
        }
    }

    pub fn may_become(self, next: Standing) -> bool {
        match (self, next) {
            (_, Standing::InFlight) => false,
            (Standing::InFlight, _) => true,
            (Standing::Answered(Outcome::Pending), next) => next != self,
            (Standing::Withdrawn(Withdrawal::Held), Standing::Answered(outcome)) => outcome == Outcome::Succeeded,
            (Standing::Withdrawn(Withdrawal::Held), Standing::Withdrawn(how)) => how == Withdrawal::Denied,
            (Standing::Answered(_) | Standing::Withdrawn(_), _) => false,
        }
    }

    pub fn is_final(self) -> bool {
        match self {
            Standing::InFlight | Standing::Answered(Outcome::Pending) | Standing::Withdrawn(Withdrawal::Held) => false,
            Standing::Answered(_) | Standing::Withdrawn(Withdrawal::Denied | Withdrawal::Challenged) => true,
        }
    }
}

/// An entry that an attempt was counted in.
#[derive(Clone, Copy, Debug)]
pub struct Counted<K> {
    pub key: K,
    /// Tells this entry from a later one under the same key.
    pub serial: u32,
}

#[derive(Clone, Debug)]
pub struct Open {
    pub at: Timestamp,
    pub standing: Standing,
    /// Whether the event tries a secret.
    pub secret: bool,
    /// Whether the route's outcome rules tell answers apart.
    pub told_apart: bool,
    /// Whether a success proves who the sender is.
    pub proves_identity: bool,
    pub network: Counted<Network>,
    pub device: Counted<DeviceKey>,
    /// The device cookie on which a success counts.
    pub holder: Option<Pseudonym>,
    /// By place in the observation.
    pub accounts: [Option<Counted<Pseudonym>>; MOST_ALIASES],
    /// The card of an order.
    pub card: Option<Pseudonym>,
    /// Whether the second of them is what counts as one account at the sources.
    pub spelled: bool,
    pub velocities: Box<[Counted<VelocityKey>]>,
}

/// An attempt that changed its standing, and what it was before.
pub struct Turn {
    pub from: Standing,
    pub open: Open,
}

/// In order of arrival: the caches are never touched on reading, so that their oldest is the one that waited longest.
#[derive(Debug)]
pub struct OpenAttempts {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    most_in_shard: usize,
    /// Whether changes are noted, to be kept on disk or passed on.
    noting: AtomicBool,
    /// Whether a change was not noted, because nobody asked for so long.
    missed: AtomicBool,
    evicted: AtomicU64,
}

#[derive(Debug)]
struct Shard {
    cache: LruCache<AttemptId, Open, RandomState>,
    /// Came, turned or went since they were last asked for; some twice.
    changed: Vec<AttemptId>,
}

impl OpenAttempts {
    pub fn new(most: usize, noting: bool) -> OpenAttempts {
        let (shards, most_in_shard) = lock_shards(most, || Shard {
            cache: LruCache::unbounded_with_hasher(RandomState::new()),
            changed: Vec::new(),
        });
        OpenAttempts {
            shards,
            hasher: RandomState::new(),
            most_in_shard,
            noting: AtomicBool::new(noting),
            missed: AtomicBool::new(false),
            evicted: AtomicU64::new(0),
        }
    }

    pub fn insert(&self, id: AttemptId, open: Open) {
        let mut shard = self.shard(id).lock();
        for _ in 0..REAPED {
            match shard.cache.peek_lru() {
                Some((_, oldest)) if open.at.since(oldest.at) > LONGEST => shard.cache.pop_lru(),
                _ => break,
            };
        }
        if shard.cache.len() >= self.most_in_shard && !shard.cache.contains(&id) {
            shard.cache.pop_lru();
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
        shard.cache.put(id, open);
        self.note(&mut shard, id);
    }

    /// Moves an attempt to `next` if it may go there; the caller then moves its counts. Whoever is told of the turn is
    /// the only one. `leaves`: whatever follows is told elsewhere.
    pub fn turn(&self, id: AttemptId, next: Standing, at: Timestamp, leaves: bool) -> Option<Turn> {
        let mut shard = self.shard(id).lock();
        let open = shard.cache.peek_mut(&id)?;
        let (from, expired) = (open.standing, at.since(open.at) > LONGEST);
        if expired || !from.may_become(next) {
            return None;
        }
        if !next.is_final() && !leaves {
            open.standing = next;
            let open = open.clone();
            self.note(&mut shard, id);
            return Some(Turn { from, open });
        }
        let open = shard.cache.pop(&id)?;
        self.note(&mut shard, id);
        Some(Turn { from, open })
    }

    /// Lets no attempt know of this account any more.
    pub fn forget(&self, account: Pseudonym) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            let named: Vec<AttemptId> = shard
                .cache
                .iter()
                .filter(|(_, open)| open.accounts.iter().flatten().any(|alias| alias.key == account))
                .map(|(id, _)| *id)
                .collect();
            for id in named {
                if let Some(open) = shard.cache.peek_mut(&id) {
                    for alias in &mut open.accounts {
                        *alias = alias.take().filter(|alias| alias.key != account);
                    }
                }
                self.note(&mut shard, id);
            }
        }
    }

    /// How many parts [`OpenAttempts::changed`] and [`OpenAttempts::ids`] ask for.
    pub fn parts(&self) -> usize {
        self.shards.len()
    }

    /// Shows at most `most` attempts of one part that changed since they were last shown, or that they are gone. Whether
    /// there are more.
    pub fn changed(&self, part: usize, most: usize, mut show: impl FnMut(AttemptId, Option<&Open>)) -> bool {
        let mut shard = self.shards[part].lock();
        for _ in 0..most {
            let Some(id) = shard.changed.pop() else {
                shard.changed.shrink_to(1024);
                return false;
            };
            show(id, shard.cache.peek(&id));
        }
        !shard.changed.is_empty()
    }

    /// The attempts of one part, oldest first.
    pub fn ids(&self, part: usize) -> Vec<AttemptId> {
        self.shards[part].lock().cache.iter().rev().map(|(id, _)| *id).collect()
    }

    /// Shows those attempts of one part that are still open.
    pub fn show(&self, part: usize, ids: &[AttemptId], mut show: impl FnMut(AttemptId, Option<&Open>)) {
        let shard = self.shards[part].lock();
        for id in ids {
            if let Some(open) = shard.cache.peek(id) {
                show(*id, Some(open));
            }
        }
    }

    /// Puts back what was kept; `None` if it was settled after that.
    pub fn restore(&self, id: AttemptId, open: Option<Open>) {
        let mut shard = self.shard(id).lock();
        match open {
            None => {
                shard.cache.pop(&id);
            }
            Some(open) => {
                if shard.cache.len() >= self.most_in_shard && !shard.cache.contains(&id) {
                    shard.cache.pop_lru();
                }
                shard.cache.put(id, open);
            }
        }
    }

    pub fn stats(&self) -> KindStats {
        KindStats {
            kind: "attempt",
            entries: self.shards.iter().map(|shard| shard.lock().cache.len() as u64).sum(),
            capacity: (self.most_in_shard * self.shards.len()) as u64,
            bytes: self.shards.iter().map(|shard| (shard.lock().cache.len() * BYTES) as u64).sum(),
            evicted: self.evicted.load(Ordering::Relaxed),
            refused: 0,
        }
    }

    /// From now on what changes is noted, or no longer.
    pub fn note_changes(&self, noting: bool) {
        self.noting.store(noting, Ordering::Relaxed);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.cache.clear();
            shard.changed = Vec::new();
        }
    }

    /// Whether a change was not noted since this was last asked: then only all attempts tell what changed.
    pub fn missed(&self) -> bool {
        self.missed.swap(false, Ordering::Relaxed)
    }

    /// How many changes are noted.
    #[cfg(test)]
    pub fn noted(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().changed.len()).sum()
    }

    fn note(&self, shard: &mut Shard, id: AttemptId) {
        if !self.noting.load(Ordering::Relaxed) {
            return;
        }
        if shard.changed.len() < NOTES * self.most_in_shard {
            shard.changed.push(id);
        } else {
            self.missed.store(true, Ordering::Relaxed);
        }
    }

    fn shard(&self, id: AttemptId) -> &Mutex<Shard> {
        &self.shards[self.hasher.hash_one(id) as usize % self.shards.len()]
    }
}

kept!(Counted<K> { key, serial });
kept!(Open {
    at,
    standing,
    secret,
    told_apart,
    proves_identity,
    network,
    device,
    holder,
    accounts,
    spelled,
    card,
    velocities
});

impl Kept for Standing {
    fn put(&self, to: &mut Vec<u8>) {
        match self {
            Standing::InFlight => to.push(0),
            Standing::Answered(outcome) => {
                to.push(1);
                outcome.put(to);
            }
            Standing::Withdrawn(how) => {
                to.push(2);
                how.put(to);
            }
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(Standing::InFlight),
            1 => Kept::take(from).map(Standing::Answered),
            2 => Kept::take(from).map(Standing::Withdrawn),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTCOMES: [Outcome; 5] =
        [Outcome::Succeeded, Outcome::Failed, Outcome::Pending, Outcome::Unknown, Outcome::Aborted];

    #[test]
    fn the_rules_of_counting() {
        // attempts, failed, succeeded, open: at the source, at the account, at another name of it
        for (standing, source, account, alias) in [
            (Standing::InFlight, [1, 0, 0, 1], [1, 0, 0, 1], [1, 0, 0, 1]),
            (Standing::Answered(Outcome::Succeeded), [1, 0, 1, 0], [1, 0, 1, 0], [1, 0, 0, 0]),
            (Standing::Answered(Outcome::Failed), [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]),
            (Standing::Answered(Outcome::Pending), [1, 0, 0, 1], [1, 0, 0, 1], [1, 0, 0, 1]),
            (Standing::Answered(Outcome::Aborted), [1, 0, 0, 1], [1, 0, 0, 1], [1, 0, 0, 1]),
            (Standing::Answered(Outcome::Unknown), [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]),
            (Standing::Withdrawn(Withdrawal::Denied), [1, 0, 0, 0], [0; 4], [0; 4]),
            (Standing::Withdrawn(Withdrawal::Challenged), [1, 0, 0, 0], [0; 4], [0; 4]),
            (Standing::Withdrawn(Withdrawal::Held), [1, 0, 0, 0], [0; 4], [0; 4]),
        ] {
            let row = |change: Change| [change.attempts, change.failed, change.succeeded, change.open];
            assert_eq!(row(standing.at_source(true)), source, "{standing:?}");
            assert_eq!(row(standing.at_account(true, true)), account, "{standing:?}");
            assert_eq!(row(standing.at_account(true, false)), alias, "{standing:?}");
            assert_eq!(row(standing.at_source(false)), [1, 0, 0, 0], "{standing:?}");
        }
    }

    #[test]
    fn only_a_pending_or_held_attempt_has_a_future() {
        let answers = OUTCOMES.map(Standing::Answered);
        let all = [Standing::InFlight]
            .into_iter()
            .chain(answers)
            .chain([Withdrawal::Denied, Withdrawal::Challenged, Withdrawal::Held].map(Standing::Withdrawn));
        for from in all.clone() {
            assert!(!from.may_become(Standing::InFlight));
            assert!(from == Standing::InFlight || !from.may_become(from), "{from:?} twice");
            assert_eq!(from.is_final(), all.clone().all(|next| !from.may_become(next)), "{from:?}");
        }
    }
}
