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
//! Of several that were accepted under one number the first keeps it, for as long as it is remembered. If it were the last,
//! who tries cards would post each order again with a harmless one, from anywhere, and what is said of the first would
//! fall on that; and who knows somebody's number would take the settlement of their money, or leave the failures of a
//! stolen card with whoever came last. With the first, a number is taken by who had the application accept it, and what is
//! posted later is nothing to it. A customer whose card is declined and who tries again loses nothing: what was declined
//! is not remembered, and the attempt that went through is the first. One who leaves a pending payment and pays the same order
//! another way is told of by the first attempt, which was theirs too; the second stays pending, which counts for nobody.
//! To let a word count for all of them would give the good name of a settled order to whoever posts its number.
//! What no choice here mends is an application that accepts any number from anybody: there who comes first may be the
//! thief, and a number that was made up is never spoken of at all. It has to check that the order is its visitor's, and
//! unpaid.
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
