//! What the remote store has still to be told.
//!
//! A queue in order of happening, bounded by entries and by bytes: an outage has no end that anybody knows. When it is
//! full the oldest goes, since counts decay and the latest weighs most, and every entry that goes is counted. Spent tokens
//! have a queue of their own, which is told first and never makes room: a token that is forgotten can be spent again.

use crate::engine::attempt::AttemptId;
use crate::engine::time::Timestamp;
use crate::store::observed::Observed;
use crate::store::{Settlement, Withdrawal};
use std::collections::{HashSet, VecDeque};
use std::time::Instant;

/// One thing that happened to an attempt, as the remote is told it. Telling it twice does no harm.
#[derive(Clone, Debug)]
pub enum Told {
    Observe(Observed),
    Settle(Settlement),
    Withdraw(AttemptId, Withdrawal, Timestamp),
}

impl Told {
    pub fn id(&self) -> AttemptId {
        match self {
            Told::Observe(observed) => observed.id,
            Told::Settle(settlement) => settlement.id,
            Told::Withdraw(id, ..) => *id,
        }
    }

    fn bytes(&self) -> usize {
        let beside = match self {
            Told::Observe(observed) => size_of_val(observed.accounts.as_slice()) + ALLOCATION,
            Told::Settle(..) | Told::Withdraw(..) => 0,
        };
        size_of::<Told>() + beside
    }
}

/// What an allocator takes beside what it gives.
const ALLOCATION: usize = 16;

/// When something happened, by the time that was handed in: the present is as much later as has passed since.
#[derive(Clone, Copy, Debug)]
pub struct When {
    at: Timestamp,
    since: Instant,
}

impl When {
    pub fn now(at: Timestamp) -> When {
        When { at, since: Instant::now() }
    }

    pub fn present(&self) -> Timestamp {
        self.at.after(self.since.elapsed())
    }
}

/// A token that was spent here alone.
#[derive(Clone, Copy, Debug)]
pub struct SpentHere {
    pub token: [u8; 16],
    pub until: Timestamp,
    pub when: When,
}

/// An answer that is held here and belongs there.
#[derive(Clone, Copy, Debug)]
pub struct HeldHere {
    pub id: [u8; 16],
    pub when: When,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub entries: usize,
    pub bytes: usize,
    /// Spent tokens, and held answers.
    pub tokens: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        // Four minutes at 2,000 attempts a second; two hours at 60.
        Bounds { entries: 1_000_000, bytes: 160 << 20, tokens: 262_144 }
    }
}

/// What waits, in order.
#[derive(Debug, Default)]
pub struct Backlog {
    told: VecDeque<Told>,
    bytes: usize,
    spent: VecDeque<SpentHere>,
    held: VecDeque<HeldHere>,
    /// What found no room.
    lost: u64,
}

impl Backlog {
    pub fn push(&mut self, told: Told, bounds: &Bounds) {
        self.bytes += told.bytes();
        self.told.push_back(told);
        while self.told.len() > bounds.entries || self.bytes > bounds.bytes {
            let Some(oldest) = self.told.pop_front() else { break };
            self.bytes -= oldest.bytes();
            self.lost += 1;
        }
    }

    pub fn push_spent(&mut self, spent: SpentHere, bounds: &Bounds) {
        match self.spent.len() < bounds.tokens {
            true => self.spent.push_back(spent),
            false => self.lost += 1,
        }
    }

    pub fn push_held(&mut self, held: HeldHere, bounds: &Bounds) {
        match self.held.len() < bounds.tokens {
            true => self.held.push_back(held),
            false => self.lost += 1,
        }
    }

    /// At most `most` tokens.
    pub fn take_spent(&mut self, most: usize) -> Vec<SpentHere> {
        let count = self.spent.len().min(most);
        self.spent.drain(..count).collect()
    }

    pub fn take_held(&mut self) -> Option<HeldHere> {
        self.held.pop_front()
    }

    /// The next at most `most` entries of different attempts.
    pub fn take_different(&mut self, most: usize) -> Vec<Told> {
        let mut ids = HashSet::new();
        let count = self.told.iter().take(most).take_while(|told| ids.insert(told.id())).count();
        self.take(count)
    }

    /// The next at most `most` entries.
    pub fn take(&mut self, most: usize) -> Vec<Told> {
        let count = self.told.len().min(most);
        let taken: Vec<Told> = self.told.drain(..count).collect();
        self.bytes -= taken.iter().map(Told::bytes).sum::<usize>();
        taken
    }

    /// Puts back what could not be told, in its place.
    pub fn put_back(&mut self, told: impl DoubleEndedIterator<Item = Told>) {
        for told in told.rev() {
            self.bytes += told.bytes();
            self.told.push_front(told);
        }
    }

    pub fn put_back_spent(&mut self, spent: impl DoubleEndedIterator<Item = SpentHere>) {
        spent.rev().for_each(|spent| self.spent.push_front(spent));
    }

    pub fn put_back_held(&mut self, held: HeldHere) {
        self.held.push_front(held);
    }

    /// Gives a long outage's memory back, once nothing waits.
    pub fn rest(&mut self) {
        self.told.shrink_to(1024);
        self.spent.shrink_to(1024);
        self.held.shrink_to(64);
    }

    /// An entry that cannot be told, ever.
    pub fn give_up(&mut self) {
        self.lost += 1;
    }

    /// How much of what happened to attempts waits.
    pub fn told_len(&self) -> usize {
        self.told.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        self.told.len() + self.spent.len() + self.held.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes + self.spent.len() * size_of::<SpentHere>() + self.held.len() * size_of::<HeldHere>()
    }

    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::outcome::Outcome;
    use crate::store::conformance::{NOON, login, name};

    fn observed(id: u128) -> Told {
        Told::Observe(Observed::of(&login(id, NOON, 1, &[name(1)])))
    }

    fn settled(id: u128) -> Told {
        Told::Settle(Settlement::new(AttemptId(id), Outcome::Failed, NOON))
    }

    fn ids(told: &[Told]) -> Vec<u128> {
        told.iter().map(|told| told.id().0).collect()
    }

    #[test]
    fn the_oldest_makes_room_and_is_counted() {
        let mut backlog = Backlog::default();
        let bounds = Bounds { entries: 3, ..Bounds::default() };
        (0..5).for_each(|id| backlog.push(observed(id), &bounds));
        assert_eq!((backlog.len(), backlog.lost()), (3, 2));
        assert_eq!(ids(&backlog.take(10)), [2, 3, 4]);
        assert_eq!(backlog.bytes(), 0);
        let bounds = Bounds { bytes: 2 * observed(0).bytes(), ..Bounds::default() };
        (0..5).for_each(|id| backlog.push(observed(id), &bounds));
        assert_eq!((backlog.len(), backlog.lost()), (2, 5), "bytes are bounded as well");
        assert!(backlog.bytes() <= bounds.bytes);
    }

    #[test]
    fn spent_tokens_never_make_room() {
        let mut backlog = Backlog::default();
        let bounds = Bounds { tokens: 2, ..Bounds::default() };
        (0..3u8).for_each(|token| {
            backlog.push_spent(SpentHere { token: [token; 16], until: NOON, when: When::now(NOON) }, &bounds)
        });
        let kept: Vec<u8> = backlog.take_spent(10).iter().map(|spent| spent.token[0]).collect();
        assert_eq!((kept, backlog.lost()), (vec![0, 1], 1));
    }

    #[test]
    fn what_happened_to_one_attempt_is_told_one_after_the_other() {
        let mut backlog = Backlog::default();
        for told in [observed(1), observed(2), settled(1), observed(3), settled(3)] {
            backlog.push(told, &Bounds::default());
        }
        assert_eq!(ids(&backlog.take_different(10)), [1, 2]);
        let next = backlog.take_different(10);
        assert_eq!(ids(&next), [1, 3]);
        backlog.put_back(next.into_iter());
        assert_eq!(ids(&backlog.take_different(1)), [1]);
        assert_eq!(ids(&backlog.take_different(10)), [3]);
        assert_eq!(ids(&backlog.take_different(10)), [3]);
        assert!(backlog.is_empty() && backlog.bytes() == 0);
    }
}
