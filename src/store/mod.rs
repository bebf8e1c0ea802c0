//! What the gate remembers between requests: who tried what how often and what became of it, which tokens are spent,
//! which answers are held.
//!
//! The journey asks once per attempt: [`Store::observe`] counts the attempt *and* returns the snapshot, so that attempts
//! in parallel see each other (reading first and counting later lets a burst of a hundred requests all read "none so
//! far"). What the application answered follows with [`Store::settle`], which knows attempts by id and therefore can be
//! told twice, late or out of order. Both are `async` because a shared store is a network away; the memory store awaits
//! only where the memory has gone to [a successor](memory::heir), and otherwise allocates no future (a question to a
//! server is worth a box). The stores are the variants of [`Store`]: one file each, and one
//! conformance suite that all of them pass.
//!
//! What is atomic: each counted thing (an address, a device, an account) is counted and read in one critical section,
//! so for any two attempts that share a thing, the later one sees the earlier. Nothing spans several things; no signal
//! needs that.

#[cfg(test)]
mod conformance;
mod fault;
pub mod memory;
#[cfg(test)]
mod model;
mod observed;
mod order;
mod owner;
pub mod redis;
pub mod shared;
#[cfg(test)]
mod stories;
mod velocity;

#[cfg(test)]
use fault::FAULTS;
pub use fault::StoreError;
pub use order::{Bought, Concluded, Conclusion};
pub use owner::{KnownOwner, Proof, Proven, Taught};
pub use velocity::{Found, MOST_VELOCITIES, Ordered, VelocityKey};

use crate::engine::attempt::{AttemptId, Device, Network, Pseudonym};
use crate::engine::event::Event;
use crate::engine::evidence::{self, EntityKind, History};
use crate::engine::holder::Holder;
use crate::engine::outcome::Outcome;
use crate::engine::time::Timestamp;
use crate::lists::{Book, Change};
use bytes::Bytes;
use memory::heir::{Answer, Question};
use std::sync::Arc;
use std::time::Duration;

/// The table of stores.
#[derive(Debug)]
pub enum Store {
    Memory(Arc<memory::Memory>),
    /// Asked directly, and nothing instead when it does not answer: what [`Shared`](shared::Shared) asks.
    Redis(Arc<redis::Redis>),
    /// One that several gates ask, over the network.
    Shared(Arc<shared::Shared>),
}

/// What is known of an attempt that was just counted.
#[derive(Clone, Debug)]
pub struct Seen {
    pub history: History,
    /// Why the store itself could not say it: then the history is what this gate alone has counted.
    pub missing: Option<StoreError>,
}

/// Most names of one account that are counted: a form has places for three, and one of them may be read in three ways.
pub const MOST_ALIASES: usize = 4;

/// What the store is told of an arriving attempt.
#[derive(Clone, Debug)]
pub struct Observation<'a> {
    pub id: AttemptId,
    /// The moment of asking (not of the request's first byte, which a slow sender can put long before).
    pub at: Timestamp,
    pub event: Event,
    pub network: Network,
    pub device: DeviceKey,
    /// The device cookie that was brought, proven or not.
    pub cookie: Option<Presented>,
    /// Whether the route's outcome rules are known to tell answers apart (successes were recognised). Then an answer that
    /// none of them matches was an answer to nobody's password, and counts as none; else nobody knows, and it counts as
    /// one, so that an office behind rules that never match is not taken for a thief.
    pub told_apart: bool,
    /// Every name of the account that the form gave, the login identifier first. Only the first
    /// [`MOST_ALIASES`] are counted. Empty: the form named nobody, and only the source is counted.
    ///
    /// Each alias has counters of its own; the snapshot is the largest of each number over the aliases, so that
    /// changing between the e-mail address and the user name gains an attacker nothing once a request shows both.
    /// Aliases are never joined for good, and success counts for the first alone: the others are what somebody typed,
    /// and would let a visitor tie a stranger's name to an account of their own.
    pub accounts: &'a [Pseudonym],
    /// Whether the first name is one spelling of the second ([`Identity`](crate::engine::attempt::Identity)). Then the
    /// second is what counts as one account among those that a source tried: whoever spells the name of one account of
    /// their own in a hundred ways has succeeded on one, not on a hundred.
    pub spelled: bool,
    /// What else of it is counted, each kind once; at most [`MOST_VELOCITIES`].
    pub velocities: &'a [VelocityKey],
    /// The card that an order would be paid with, as far as the form has it.
    pub card: Option<Pseudonym>,
}

impl Observation<'_> {
    /// What counts as one account among those of a source.
    pub fn person(&self) -> Option<&Pseudonym> {
        self.accounts.get(usize::from(self.spelled)).or(self.accounts.first())
    }

    /// What is told apart where things of this kind are counted.
    fn told_apart_at(&self, kind: EntityKind) -> Option<Pseudonym> {
        told_apart_at(kind, self.card, self.person().copied())
    }
}

/// A card where cards are told apart, an account elsewhere, and where there is no card.
fn told_apart_at(kind: EntityKind, card: Option<Pseudonym>, person: Option<Pseudonym>) -> Option<Pseudonym> {
    if kind.tells_cards_apart() { card.or(person) } else { person }
}

/// A device cookie as it was brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    pub id: Pseudonym,
    /// How often it was given out anew.
    pub generation: u32,
    /// When it was given out in this generation.
    pub renewed: Timestamp,
}

/// What counts as one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKey {
    /// The id in the gate's signed cookie, once somebody logged in with it.
    Cookie(Pseudonym),
    /// Without such a cookie: all who run the same software in one network (0 where that is unknown).
    Fingerprint { hash: u64, asn: u32 },
}

impl DeviceKey {
    pub fn of(device: &Device, asn: Option<u32>) -> DeviceKey {
        match device.by_cookie() {
            Some(id) => DeviceKey::Cookie(id),
            None => DeviceKey::Fingerprint { hash: device.fingerprint, asn: asn.unwrap_or(0) },
        }
    }
}

/// What became of an attempt, as it is told to [`Store::settle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    pub id: AttemptId,
    /// What the application answered.
    pub outcome: Outcome,
    /// The present, as everywhere: not the moment of the attempt.
    pub at: Timestamp,
    /// Whether what was seen may teach what is usual: not while a signal of unusual activity fired, or whoever is
    /// unusual for long enough would be so no longer.
    pub teaches: bool,
    /// Of a success that was let through: what its account's profile learns of it.
    pub owner: Option<Taught>,
    /// The order that the application accepted by this answer, if it did: what is said of it later is about this attempt.
    pub order: Option<Pseudonym>,
}

impl Settlement {
    /// Of an attempt that nothing unusual was seen of.
    pub fn new(id: AttemptId, outcome: Outcome, at: Timestamp) -> Settlement {
        Settlement { id, outcome, at, teaches: true, owner: None, order: None }
    }
}

/// Why the application never got to answer an attempt. None of these counts against the account's owner; all of them
/// stay on the source. What was denied or challenged adds to no count of failures, and dilutes none: it only keeps what
/// stood against this source on this account from ageing (`Account::refused_here`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    Denied,
    /// Sent to a challenge before forwarding; the next try is an attempt of its own.
    Challenged,
    /// The password was right and the answer waits for a challenge. [`Outcome::Succeeded`] may still follow.
    Held,
}

/// What [`Store::settle`] and [`Store::withdraw`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Counted,
    /// Nothing: this attempt was settled before, was never observed, or is no longer remembered.
    NotOpen,
}

/// What can be asked about without counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    Network(Network),
    Device(DeviceKey),
    Account(Pseudonym),
    Velocity(VelocityKey),
    /// A device by its cookie, and who succeeded on it.
    Holder(Pseudonym),
    /// Whose account it is.
    Owner(Pseudonym),
}

/// What is known of an [`Entity`].
#[derive(Clone, Debug)]
pub enum Known {
    Source(evidence::Source),
    /// As from nowhere in particular; and the number of known sources.
    Account(evidence::Account, u32),
    Velocity(evidence::Velocity),
    /// To no account in particular.
    Holder(Holder),
    Owner(KnownOwner),
}

/// What became of a single-use token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Burn {
    First,
    AlreadyUsed,
}

/// Sizes and losses of one kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindStats {
    /// `network`, `device`, `account`, `velocity`, `holder`, `order`, `profile`, `value`, `attempt`, `token`, `held`: label of the
    /// metrics.
    pub kind: &'static str,
    pub entries: u64,
    pub capacity: u64,
    /// Bytes of them, as the store reckons; 0 where it is somebody else's memory.
    pub bytes: u64,
    /// Live entries that were dropped to make room.
    pub evicted: u64,
    /// New entries that were refused because nothing could be dropped.
    pub refused: u64,
}

/// The store's size, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    pub kinds: Vec<KindStats>,
    /// Bytes of held answers.
    pub held_bytes: u64,
    /// Most bytes of held answers.
    pub held_capacity: u64,
    /// Of a store that outlives the process.
    pub keeping: Option<KeepingStats>,
    /// Of a store on servers, as they said last.
    pub server: Option<ServerStats>,
    /// Of one that several gates share; the sizes above are those of this gate's own counts then.
    pub shared: Option<shared::SharedStats>,
}

/// What the servers of a shared store use, altogether.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerStats {
    pub bytes: u64,
    /// 0: no bound.
    pub most_bytes: u64,
}

/// What a store writes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepingStats {
    /// Of its file.
    pub bytes: u64,
    /// Writes that failed. The store goes on from memory.
    pub failures: u64,
}

impl Store {
    /// Counts this attempt and returns what is known, this attempt included, in one step.
    ///
    /// An id is observed once; observing it again counts another attempt.
    pub async fn observe(&self, observation: &Observation<'_>) -> Result<Seen, StoreError> {
        match self {
            Store::Memory(memory) => {
                // Nothing with a history in it may live while something is waited for: that would be the future's size.
                if let Some(history) = memory.if_here(|memory| memory.observe(observation)) {
                    return Ok(Seen { history, missing: None });
                }
                Box::pin(memory.observe_elsewhere(observation)).await
            }
            Store::Redis(redis) => {
                Box::pin(redis.observe(observation)).await.map(|history| Seen { history, missing: None })
            }
            Store::Shared(shared) => Ok(Box::pin(shared.observe(observation)).await),
        }
    }

    /// Counts what the application answered, at the time of the attempt, not of the answer. Each attempt is settled
    /// once; after [`Outcome::Pending`] a final outcome may follow, after [`Withdrawal::Held`] a success.
    pub async fn settle(&self, settlement: &Settlement) -> Result<Settled, StoreError> {
        match self {
            Store::Memory(memory) => match memory.if_here(|memory| memory.settle(settlement)) {
                Some(settled) => Ok(settled),
                None => match Box::pin(memory.elsewhere(Question::Settle(*settlement))).await? {
                    Answer::Settled(settled) => Ok(settled),
                    other => Err(other.unfit()),
                },
            },
            Store::Redis(redis) => Box::pin(redis.settle(settlement)).await,
            Store::Shared(shared) => Ok(Box::pin(shared.settle(settlement)).await),
        }
    }

    /// Takes what is said of an order, whose attempt counts as that from now on, at the time of the attempt. The same said
    /// again changes nothing; the last word holds.
    pub async fn conclude(&self, said: &Conclusion) -> Result<Concluded, StoreError> {
        match self {
            Store::Memory(memory) => match memory.if_here(|memory| memory.conclude(said)) {
                Some(concluded) => Ok(concluded),
                None => match Box::pin(memory.elsewhere(Question::Conclude(*said))).await? {
                    Answer::Concluded(concluded) => Ok(concluded),
                    other => Err(other.unfit()),
                },
            },
            Store::Redis(redis) => Box::pin(redis.conclude(said)).await,
            Store::Shared(shared) => Box::pin(shared.conclude(said)).await,
        }
    }

    /// What is known of the account's owner, now that the password was right: asked before the answer is let through. From
    /// now on the login is on its way, and whoever succeeds on the account meanwhile is told of it. Asked again it is
    /// answered again; nothing is counted until it is settled.
    pub async fn prove(&self, proof: &Proof) -> Result<Proven, StoreError> {
        match self {
            Store::Memory(memory) => {
                let owner = match memory.if_here(|memory| memory.prove(proof)) {
                    Some(owner) => Box::new(owner),
                    None => match Box::pin(memory.elsewhere(Question::Prove(Box::new(*proof)))).await? {
                        Answer::Owner(owner) => owner,
                        other => return Err(other.unfit()),
                    },
                };
                Ok(Proven { owner, missing: None })
            }
            Store::Redis(redis) => {
                let owner = Box::pin(redis.prove(proof)).await?;
                Ok(Proven { owner: Box::new(owner), missing: None })
            }
            Store::Shared(shared) => Ok(Box::pin(shared.prove(proof)).await),
        }
    }

    /// Takes the attempt off the account's counters, because the application never saw it or its success was not
    /// let through.
    pub async fn withdraw(&self, id: AttemptId, how: Withdrawal, at: Timestamp) -> Result<Settled, StoreError> {
        match self {
            Store::Memory(memory) => match memory.if_here(|memory| memory.withdraw(id, how, at)) {
                Some(settled) => Ok(settled),
                None => match Box::pin(memory.elsewhere(Question::Withdraw(id, how, at))).await? {
                    Answer::Settled(settled) => Ok(settled),
                    other => Err(other.unfit()),
                },
            },
            Store::Redis(redis) => Box::pin(redis.withdraw(id, how, at)).await,
            Store::Shared(shared) => Ok(Box::pin(shared.withdraw(id, how, at)).await),
        }
    }

    /// Spends a single-use token, which stays spent for `lifetime`: at least as long as it would be accepted otherwise.
    /// Exactly one caller ever hears [`Burn::First`]. When no room is left the answer is [`StoreError::Full`], and the
    /// caller must treat the token as spent: a burnt token is never forgotten to make room.
    pub async fn burn(&self, token: [u8; 16], lifetime: Duration, at: Timestamp) -> Result<Burn, StoreError> {
        match self {
            Store::Memory(memory) => match memory.if_here(|memory| memory.burn(token, lifetime, at)) {
                Some(burn) => burn,
                None => match Box::pin(memory.elsewhere(Question::Burn(token, lifetime, at))).await? {
                    Answer::Burn(burn) => Ok(burn),
                    other => Err(other.unfit()),
                },
            },
            Store::Redis(redis) => Box::pin(redis.burn(token, lifetime, at)).await,
            Store::Shared(shared) => Box::pin(shared.burn(token, lifetime, at)).await,
        }
    }

    /// Keeps a sealed answer for `lifetime`.
    pub async fn hold(&self, id: [u8; 16], sealed: Bytes, lifetime: Duration, at: Timestamp) -> Result<(), StoreError> {
        match self {
            Store::Memory(memory) => match memory.if_here(|memory| memory.hold(id, &sealed, lifetime, at)) {
                Some(held) => held,
                None => match Box::pin(memory.elsewhere(Question::Hold(id, sealed, lifetime, at))).await? {
                    Answer::Held => Ok(()),
                    other => Err(other.unfit()),
                },
            },
            Store::Redis(redis) => Box::pin(redis.hold(id, &sealed, lifetime, at)).await,
            Store::Shared(shared) => Box::pin(shared.hold(id, sealed, lifetime, at)).await,
        }
    }

    /// Hands a held answer out, exactly once, unless its time is over.
    pub async fn take(&self, id: [u8; 16], at: Timestamp) -> Result<Option<Bytes>, StoreError> {
        match self {
            Store::Memory(memory) => match memory.if_here(|memory| memory.take(id, at)) {
                Some(sealed) => Ok(sealed),
                None => match Box::pin(memory.elsewhere(Question::Take(id, at))).await? {
                    Answer::Taken(sealed) => Ok(sealed),
                    other => Err(other.unfit()),
                },
            },
            Store::Redis(redis) => Box::pin(redis.take(id, at)).await,
            Store::Shared(shared) => Box::pin(shared.take(id, at)).await,
        }
    }

    /// To be called before the first attempt: makes connections, so that no visitor waits for them. What cannot be had
    /// by then is told, and stops nobody.
    pub async fn prepare(&self) {
        match self {
            Store::Memory(_) | Store::Redis(_) => {}
            Store::Shared(shared) => shared.prepare().await,
        }
    }

    /// An error while only a part of what is known could be told: who has a right to all of it must not be told of a part
    /// as if it were all.
    pub fn knows_all(&self) -> Result<(), StoreError> {
        match self {
            Store::Memory(_) | Store::Redis(_) => Ok(()),
            Store::Shared(shared) => shared.knows_all(),
        }
    }

    /// What is known of one entity, as of `at`, without counting anything. `None`: nothing.
    pub async fn look_up(&self, entity: Entity, at: Timestamp) -> Result<Option<Known>, StoreError> {
        match self {
            Store::Memory(memory) => memory.if_here(|memory| memory.look_up(entity, at)).ok_or_else(gone),
            Store::Redis(redis) => Box::pin(redis.look_up(entity, at)).await,
            Store::Shared(shared) => Box::pin(shared.look_up(entity, at)).await,
        }
    }

    /// What the whole site (of a fleet: all of it) sees, as of `at`. To be asked once a second, beside the request path.
    pub async fn site(&self, at: Timestamp) -> Result<evidence::Site, StoreError> {
        match self {
            Store::Memory(memory) => memory.if_here(|memory| memory.site(at)).ok_or_else(gone),
            Store::Redis(redis) => Box::pin(redis.site(at)).await,
            Store::Shared(shared) => Box::pin(shared.site(at)).await,
        }
    }

    /// Forgets an account for good (GDPR article 17): its entry. Whether there was one. May take its time, so not on a
    /// thread that serves.
    pub async fn forget(&self, account: Pseudonym) -> Result<bool, StoreError> {
        match self {
            Store::Memory(memory) => memory.if_here(|memory| memory.forget(account)).unwrap_or_else(|| Err(gone())),
            Store::Redis(redis) => Box::pin(redis.forget(account)).await,
            Store::Shared(shared) => Box::pin(shared.forget(account)).await,
        }
    }

    /// The entries that were added to lists, as this gate knows them.
    pub fn lists(&self) -> &Arc<Book> {
        match self {
            Store::Memory(memory) => memory.lists(),
            Store::Redis(redis) => redis.lists(),
            Store::Shared(shared) => shared.lists(),
        }
    }

    /// Changes lists: all of it, or nothing. When this returns, this gate's [`Store::lists`] has it, and so has whatever
    /// outlives the process; the other gates of a fleet have it within a second.
    pub async fn change_lists(&self, changes: &[Change]) -> Result<(), StoreError> {
        match self {
            Store::Memory(memory) => match memory.if_here(|memory| memory.change_lists(changes)) {
                Some(changed) => changed,
                None => match Box::pin(memory.elsewhere(Question::ChangeLists(changes.to_vec()))).await? {
                    Answer::ListsChanged => {
                        changes.iter().for_each(|change| memory.lists().restore(change));
                        Ok(())
                    }
                    other => Err(other.unfit()),
                },
            },
            Store::Redis(redis) => Box::pin(redis.change_lists(changes)).await,
            Store::Shared(shared) => Box::pin(shared.change_lists(changes)).await,
        }
    }

    /// Takes over what other gates changed. To be called several times a second, beside the request path.
    pub async fn follow_lists(&self, at: Timestamp) -> Result<(), StoreError> {
        match self {
            Store::Memory(_) => Ok(()),
            Store::Redis(redis) => Box::pin(redis.follow_lists(at)).await,
            Store::Shared(shared) => Box::pin(shared.follow_lists(at)).await,
        }
    }

    /// Whether changed lists outlive the process.
    pub fn keeps_lists(&self) -> bool {
        match self {
            Store::Memory(memory) => memory.is_kept(),
            Store::Redis(_) | Store::Shared(_) => true,
        }
    }

    /// Whether this gate knows what was added to lists: not before a shared store was reached for the first time.
    pub fn knows_lists(&self) -> bool {
        match self {
            Store::Memory(_) => true,
            Store::Redis(redis) => redis.knows_lists(),
            Store::Shared(shared) => shared.knows_lists(),
        }
    }

    /// The memory that a successor can be handed; `None`: what is known is elsewhere, and need not be.
    pub fn memory(&self) -> Option<&Arc<memory::Memory>> {
        match self {
            Store::Memory(memory) => Some(memory),
            Store::Redis(_) | Store::Shared(_) => None,
        }
    }

    /// Waits, for seconds at most, until servers were told what this process alone knows. To be called before
    /// [`Store::close`], when no more is to be counted.
    pub async fn finish(&self) {
        match self {
            Store::Memory(_) | Store::Redis(_) => {}
            Store::Shared(shared) => shared.finish().await,
        }
    }

    /// To be called when no more is to be counted: what outlives the process is written when this returns.
    pub fn close(&self) {
        match self {
            Store::Memory(memory) => memory.close(),
            Store::Redis(redis) => redis.close(),
            Store::Shared(shared) => shared.close(),
        }
    }

    pub fn stats(&self) -> Stats {
        match self {
            Store::Memory(memory) => memory.stats(),
            Store::Redis(redis) => redis.stats(),
            Store::Shared(shared) => shared.stats(),
        }
    }
}

/// For what only the process that serves now is to be asked.
fn gone() -> StoreError {
    StoreError::Down("another process has taken over; ask that one".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::{Limits, Memory};

    fn travels<F: Send>(future: &F) -> usize {
        size_of_val(future)
    }

    #[test]
    fn asking_costs_the_request_little_and_may_move_between_threads() {
        let store = Store::Memory(Memory::new(Limits::of_entries(10)).into());
        let attempt = conformance::login(1, conformance::NOON, 1, &[]);
        let settlement = Settlement::new(attempt.id, Outcome::Failed, attempt.at);
        assert!(travels(&store.observe(&attempt)) <= 64);
        assert!(travels(&store.settle(&settlement)) <= 96);
        assert!(travels(&store.burn([0; 16], Duration::ZERO, attempt.at)) <= 192);
    }

    #[test]
    fn every_fault_is_a_part_that_rules_may_name() {
        let known = crate::engine::parts::names();
        for (fault, part) in FAULTS {
            assert_eq!(fault().part(), *part);
            assert!(known.contains(part), "{part} is not in the table of parts");
        }
        assert!(known.contains(&StoreError::Merging.part()));
    }

    #[test]
    fn a_device_is_its_cookie_if_there_is_one() {
        let cookie = conformance::name(1);
        let device =
            |id| Device { id, proven: true, ..crate::engine::fixture::device_without_cookie(7, Default::default()) };
        assert_eq!(DeviceKey::of(&device(Some(cookie)), Some(1)), DeviceKey::Cookie(cookie));
        assert_eq!(DeviceKey::of(&device(None), Some(1)), DeviceKey::Fingerprint { hash: 7, asn: 1 });
        assert_eq!(DeviceKey::of(&device(None), None), DeviceKey::Fingerprint { hash: 7, asn: 0 });
        let fresh = Device { proven: false, ..device(Some(cookie)) };
        assert_eq!(DeviceKey::of(&fresh, Some(1)), DeviceKey::Fingerprint { hash: 7, asn: 1 }, "cookies cost nothing");
    }
}
