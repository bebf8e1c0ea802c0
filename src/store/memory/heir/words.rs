//! What a process asks its successor, and hears.

use crate::engine::attempt::AttemptId;
use crate::engine::event::Event;
use crate::engine::evidence::{Account, Answers, EntityKind, History, Source, Usual, Velocity};
use crate::engine::holder::Holder;
use crate::engine::ownership::Ownership;
use crate::engine::time::Timestamp;
use crate::lists::Change;
use crate::store::memory::state::kept::{Kept, kept};
use crate::store::observed::Observed;
use crate::store::{Bought, Concluded, Conclusion, Proof};
use crate::store::{Burn, Observation, Presented, Settled, Settlement, StoreError, Withdrawal};
use bytes::Bytes;
use std::time::Duration;

#[derive(Clone, Debug)]
pub enum Question {
    Observe(Box<Observed>),
    Settle(Settlement),
    Withdraw(AttemptId, Withdrawal, Timestamp),
    Burn([u8; 16], Duration, Timestamp),
    Hold([u8; 16], Bytes, Duration, Timestamp),
    Take([u8; 16], Timestamp),
    ChangeLists(Vec<Change>),
    Prove(Box<Proof>),
    Conclude(Conclusion),
}

#[expect(clippy::large_enum_variant, reason = "nearly all are histories")]
#[derive(Clone, Debug)]
pub enum Answer {
    History(History),
    Settled(Settled),
    Burn(Burn),
    Held,
    Taken(Option<Bytes>),
    ListsChanged,
    Owner(Box<Ownership>),
    Concluded(Concluded),
    Refused(StoreError),
}

impl Question {
    pub fn observe(seen: &Observation<'_>) -> Question {
        Question::Observe(Box::new(Observed::of(seen)))
    }
}

impl Answer {
    /// For an answer that fits no question of that kind.
    pub fn unfit(self) -> StoreError {
        match self {
            Answer::Refused(error) => error,
            _ => StoreError::Down("the gate that took over answered something else".into()),
        }
    }
}

kept!(Presented { id, generation, renewed });
kept!(Settlement { id, outcome, at, teaches, owner, order });
kept!(Conclusion { order, paid, at });
kept!(Bought { id, at });
kept!(Observed { id, at, event, network, device, cookie, told_apart, accounts, spelled, velocities, card });
kept!(Holder { first, last, successes, days, accounts, account_counts, logged_in, knows_account, copied });
kept!(Source { minute, hour, accounts, answered_accounts, failed_accounts, in_flight, usual_minute, usual_hour });
kept!(Usual { days, mean, variance });
kept!(Account { recent, from_here, refused_here, in_flight, known_source, owned, usual });
kept!(History { network, device, account, holder, velocities });
kept!(Velocity { short, long, accounts, answered_accounts, failed_accounts });
kept!(Answers { attempts, failed, succeeded });

impl Kept for (EntityKind, Velocity) {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.code().put(to);
        self.1.put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let code = u8::take(from)?;
        let kind = EntityKind::ALL.into_iter().find(|kind| kind.code() == code)?;
        Some((kind, Kept::take(from)?))
    }
}

impl Kept for Question {
    fn put(&self, to: &mut Vec<u8>) {
        match self {
            Question::Observe(seen) => {
                to.push(0);
                seen.put(to);
            }
            Question::Settle(settlement) => {
                to.push(1);
                settlement.put(to);
            }
            Question::Withdraw(id, how, at) => {
                to.push(2);
                id.put(to);
                how.put(to);
                at.put(to);
            }
            Question::Burn(token, lifetime, at) => {
                to.push(3);
                token.put(to);
                lifetime.put(to);
                at.put(to);
            }
            Question::Hold(id, sealed, lifetime, at) => {
                to.push(4);
                id.put(to);
                sealed.put(to);
                lifetime.put(to);
                at.put(to);
            }
            Question::Take(id, at) => {
                to.push(5);
                id.put(to);
                at.put(to);
            }
            Question::ChangeLists(changes) => {
                to.push(6);
                changes.put(to);
            }
            Question::Prove(proof) => {
                to.push(50);
                proof.put(to);
            }
            Question::Conclude(said) => {
                to.push(70);
                said.put(to);
            }
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(match u8::take(from)? {
            0 => Question::Observe(Kept::take(from)?),
            1 => Question::Settle(Kept::take(from)?),
            2 => Question::Withdraw(Kept::take(from)?, Kept::take(from)?, Kept::take(from)?),
            3 => Question::Burn(Kept::take(from)?, Kept::take(from)?, Kept::take(from)?),
            4 => Question::Hold(Kept::take(from)?, Kept::take(from)?, Kept::take(from)?, Kept::take(from)?),
            5 => Question::Take(Kept::take(from)?, Kept::take(from)?),
            6 => Question::ChangeLists(Kept::take(from)?),
            50 => Question::Prove(Kept::take(from)?),
            70 => Question::Conclude(Kept::take(from)?),
            _ => return None,
        })
    }
}

impl Kept for Answer {
    fn put(&self, to: &mut Vec<u8>) {
        match self {
            Answer::History(history) => {
                to.push(0);
                history.put(to);
            }
            Answer::Settled(settled) => {
                to.push(1);
                (*settled == Settled::Counted).put(to);
            }
            Answer::Burn(burn) => {
                to.push(2);
                (*burn == Burn::First).put(to);
            }
            Answer::Held => to.push(3),
            Answer::Taken(sealed) => {
                to.push(4);
                sealed.put(to);
            }
            Answer::Refused(error) => {
                to.push(5);
                error.put(to);
            }
            Answer::ListsChanged => to.push(6),
            Answer::Owner(owner) => {
                to.push(50);
                owner.put(to);
            }
            Answer::Concluded(Concluded::Early) => to.push(70),
            Answer::Concluded(Concluded::Counted(bought)) => {
                to.push(71);
                bought.put(to);
            }
            Answer::Concluded(Concluded::Again(bought)) => {
                to.push(72);
                bought.put(to);
            }
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(match u8::take(from)? {
            0 => Answer::History(Kept::take(from)?),
            1 => Answer::Settled(if bool::take(from)? { Settled::Counted } else { Settled::NotOpen }),
            2 => Answer::Burn(if bool::take(from)? { Burn::First } else { Burn::AlreadyUsed }),
            3 => Answer::Held,
            4 => Answer::Taken(Kept::take(from)?),
            5 => Answer::Refused(Kept::take(from)?),
            6 => Answer::ListsChanged,
            50 => Answer::Owner(Kept::take(from)?),
            70 => Answer::Concluded(Concluded::Early),
            71 => Answer::Concluded(Concluded::Counted(Kept::take(from)?)),
            72 => Answer::Concluded(Concluded::Again(Kept::take(from)?)),
            _ => return None,
        })
    }
}

impl Kept for StoreError {
    fn put(&self, to: &mut Vec<u8>) {
        match self {
            StoreError::Full(_) => to.push(0),
            StoreError::Exists => to.push(1),
            // Memory is none of these.
            StoreError::Late(_)
            | StoreError::Down(_)
            | StoreError::ReadOnly(_)
            | StoreError::FailingOver(_)
            | StoreError::Refused(_)
            | StoreError::Foreign
            | StoreError::Broken(_)
            | StoreError::Merging => to.push(2),
            StoreError::Lists(_) => to.push(3),
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(match u8::take(from)? {
            0 => StoreError::Full("token or answer"),
            1 => StoreError::Exists,
            2 => StoreError::Down("the gate that took over could not answer".into()),
            3 => StoreError::Full("list entry"),
            _ => return None,
        })
    }
}

impl Kept for Event {
    fn put(&self, to: &mut Vec<u8>) {
        self.name().as_bytes().to_vec().put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        std::str::from_utf8(&Vec::<u8>::take(from)?).ok()?.parse().ok()
    }
}

impl Kept for Duration {
    fn put(&self, to: &mut Vec<u8>) {
        self.as_secs().put(to);
        self.subsec_nanos().put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (seconds, nanos) = (u64::take(from)?, u32::take(from)?);
        (nanos < 1_000_000_000).then(|| Duration::new(seconds, nanos))
    }
}

impl Kept for Bytes {
    fn put(&self, to: &mut Vec<u8>) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).put(to);
        to.extend_from_slice(self);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let length = u32::take(from)? as usize;
        let (bytes, rest) = from.split_at_checked(length)?;
        *from = rest;
        Some(Bytes::copy_from_slice(bytes))
    }
}
