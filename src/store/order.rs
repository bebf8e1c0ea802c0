//! What becomes of an order after its attempt was answered: the money came, or it did not.
//!
//! An application says yes to an order before it is paid: the bank's answer, the second factor, the transfer come later, from
//! somebody else, under the order's own name. So an attempt that was accepted with an order is remembered under the order,
//! with where it was counted; what is said of the order later moves those counts, as if the application had known at once.
//!
//! A kind of its own, and not one of those there are: open attempts are many, are waited for minutes and go by their id;
//! orders are few, are waited for days, and go by a name that the application chose; and a spent token remembers nothing.
//! Only an attempt that the application accepted is remembered (success, or pending): otherwise whoever guesses somebody
//! else's order number could have their good name. Bounded like every kind, oldest first; and each has an end.
//!
//! The word may come before the answer does: the payment provider calls while the page is still being made. So a word about
//! an order that nobody knows waits for a few minutes.

use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::outcome::Outcome;
use crate::engine::time::Timestamp;
use std::time::Duration;

/// How long an order is remembered. Counts of orders halve in a day, so that what is said after this would move nothing.
pub const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);
/// How long a word waits for the attempt that it is about: as long as an attempt may take to be answered.
pub const EARLY: Duration = Duration::from_secs(600);

/// What is said of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conclusion {
    pub order: Pseudonym,
    /// Whether the money came (`$settled`), or did not come or went back (`$reversed`).
    pub paid: bool,
    /// The present.
    pub at: Timestamp,
}

/// What that did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concluded {
    /// The attempt counts as that from now on.
    Counted(Bought),
    /// It was said before.
    Again(Bought),
    /// No attempt that was accepted is known by it: the word waits for one, a few minutes.
    Early,
}

/// The attempt that an order was accepted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bought {
    pub id: AttemptId,
    pub at: Timestamp,
}

impl Conclusion {
    /// What an application would have answered that had known at once.
    pub fn outcome(&self) -> Outcome {
        outcome_of(self.paid)
    }
}

/// As [`Conclusion::outcome`].
pub fn outcome_of(paid: bool) -> Outcome {
    if paid { Outcome::Succeeded } else { Outcome::Failed }
}

/// Whether an attempt that was answered so is remembered by its order.
pub fn is_accepted(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Succeeded | Outcome::Pending => true,
        Outcome::Failed | Outcome::Unknown | Outcome::Aborted => false,
    }
}
