//! Orders and what was said of them: see [`crate::store::order`].
//!
//! An order is a name and, once an attempt was accepted with it, that attempt as it stood in the table of open ones, with the
//! standing that it counts as now. Everything that may happen only once is decided under the entry's lock, by what it says:
//! whoever is told that something changed is the only one, and moves the counts.

use super::Memory;
use super::open::{Open, Standing};
use super::sharded::Grown;
use super::state::kept::kept;
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::time::Timestamp;
use crate::store::order::{self, Bought, Concluded, Conclusion};

#[derive(Clone, Debug, Default)]
pub struct OrderEntry {
    /// When it is forgotten.
    until: Timestamp,
    /// What was said of it.
    said: Option<bool>,
    /// Who it was accepted from. Boxed: a word that waits has nobody.
    accepted: Option<Box<Accepted>>,
}

#[derive(Clone, Debug)]
struct Accepted {
    id: AttemptId,
    open: Open,
}

/// Counts that are to be moved.
struct Moved {
    accepted: Accepted,
    from: Standing,
    to: Standing,
}

kept!(OrderEntry { until, said, accepted });
kept!(Accepted { id, open });

impl Grown for OrderEntry {
    fn grown(&self) -> usize {
        self.accepted.as_ref().map_or(0, |accepted| size_of::<Accepted>() + size_of_val(&*accepted.open.velocities))
    }
}

impl OrderEntry {
    /// As it is at `at`: nothing, if its time is over.
    fn advance(&mut self, at: Timestamp) {
        if self.until <= at {
            *self = OrderEntry::default();
        }
    }

    /// An attempt was accepted with it. What is to be moved, if it is the first and something had been said already.
    fn accept(&mut self, id: AttemptId, open: Open, at: Timestamp) -> Option<Moved> {
        self.advance(at);
        if self.accepted.is_some() {
            return None;
        }
        let early = self.said.take();
        self.until = at.after(order::REMEMBERED);
        self.accepted = Some(Box::new(Accepted { id, open }));
        early.and_then(|paid| self.say(paid))
    }

    fn conclude(&mut self, said: &Conclusion) -> (Concluded, Option<Moved>) {
        self.advance(said.at);
        let Some(accepted) = &self.accepted else {
            self.said = Some(said.paid);
            self.until = said.at.after(order::EARLY);
            return (Concluded::Early, None);
        };
        let known = Bought { id: accepted.id, at: accepted.open.at };
        if self.said == Some(said.paid) {
            return (Concluded::Again(known), None);
        }
        (Concluded::Counted(known), self.say(said.paid))
    }

    fn say(&mut self, paid: bool) -> Option<Moved> {
        self.said = Some(paid);
        let accepted = self.accepted.as_mut()?;
        let to = Standing::Answered(order::outcome_of(paid));
        let from = std::mem::replace(&mut accepted.open.standing, to);
        (from != to).then(|| Moved { accepted: (**accepted).clone(), from, to })
    }

    /// Whether it knew of this account, which it does no more.
    pub fn forget(&mut self, account: &Pseudonym) -> bool {
        let Some(accepted) = &mut self.accepted else { return false };
        let known = accepted.open.accounts.iter().flatten().any(|alias| alias.key == *account);
        if known {
            for alias in &mut accepted.open.accounts {
                *alias = alias.take().filter(|alias| alias.key != *account);
            }
        }
        known
    }
}

impl Memory {
    /// Remembers an attempt that was accepted by its order.
    pub(super) fn accept(&self, order: Pseudonym, id: AttemptId, open: Open, at: Timestamp) {
        let (moved, _) = self.orders.update(order, OrderEntry::default, |entry| entry.accept(id, open, at));
        self.move_counts(moved);
    }

    /// Takes what is said of an order.
    pub fn conclude(&self, said: &Conclusion) -> Concluded {
        let ((concluded, moved), _) = self.orders.update(said.order, OrderEntry::default, |entry| entry.conclude(said));
        self.move_counts(moved);
        concluded
    }

    fn move_counts(&self, moved: Option<Moved>) {
        if let Some(Moved { accepted: Accepted { id, open }, from, to }) = moved {
            self.count(id, &open, (from, to), false, None);
        }
    }
}

/// Whether an attempt that came to this standing is remembered by its order.
pub fn is_accepted(standing: Standing) -> bool {
    match standing {
        Standing::Answered(outcome) => order::is_accepted(outcome),
        Standing::InFlight | Standing::Withdrawn(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::outcome::Outcome;

    #[test]
    fn what_is_accepted_is_what_the_application_did_not_refuse() {
        let accepted = [Outcome::Succeeded, Outcome::Pending, Outcome::Failed, Outcome::Unknown, Outcome::Aborted]
            .map(|outcome| is_accepted(Standing::Answered(outcome)));
        assert_eq!(accepted, [true, true, false, false, false]);
        assert!(!is_accepted(Standing::InFlight));
    }
}
