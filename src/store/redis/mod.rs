//! The store that a fleet shares: Redis or Valkey, one server or a cluster.
//!
//! **The server counts, the gate reads.** Counting must be atomic where two gates meet, so it is done by scripts
//! ([`scripts`], `*.lua`), one entry a script: the memory store's counting, line by line. What an entry says is worked
//! out here: arriving answers with the entry itself, which is laid out as the memory store keeps its own on disk, and
//! the memory store's code reads it. So there is one implementation of reading and two of counting, and the conformance
//! suite and the naive model hold those two together. The server's share is what nobody else can do, and small.
//!
//! **One round trip an attempt.** The attempt's record and one script for its network, its device and each of its names
//! go out together: a pipeline on one server, requests to all nodes at once in a cluster. The alternative, a script
//! over several keys, is impossible in a cluster and would make the server's one thread do in one piece what is four.
//! Settling takes two, behind the visitor's back: the first turns the attempt's record, whose answer says what was
//! counted where; the second moves the counts. What was begun goes on for a second when the caller's deadline is over:
//! an outcome is not lost to a server that hiccups.
//!
//! **No serials.** Every entry knows the earliest attempt that was counted in it (`born`). A change for an attempt
//! older than that is for an entry that was there before (it was forgotten, or the server was flushed), and is left
//! out. The memory store has a serial for this, but a serial comes with the answer, and then the record that must hold
//! it would be a second round trip.
//!
//! **Everything expires.** [`keys`] says what things are called; sources and accounts live a day after their last
//! attempt, accounts with known sources 90 days, profiles 395 and values 183 days after their last
//! login, attempts 15 minutes, orders that were accepted a week, tokens and held answers as long as asked. The
//! server must not evict (`noeviction`): then it refuses when it is full, which is told as [`StoreError::Full`], and
//! never makes a burnt token good again.
//!
//! **What "late" leaves open.** A command whose answer did not come in time may have been carried out. So an attempt
//! can be told again ([`Redis::observe_late`]): its record stands in front of its counts, and one that is there is not
//! counted twice. What remains: if a cluster loses the node of the record and no other in that very moment, or a
//! partition delivers a request minutes later, one attempt may count twice or not at all. No token burns twice by it.

mod fault;
mod greeting;
mod halves;
mod keys;
mod link;
mod lists;
mod orders;
mod owners;
mod record;
mod scripts;
#[cfg(test)]
pub(in crate::store) mod server;
#[cfg(test)]
pub(in crate::store) mod tests;

use self::halves::{Half, Halves};
use self::keys::{Keys, Kind};
use self::link::{Asker, Link, Timing};
use self::owners::Learning;
use self::record::Record;
use self::scripts::{Answered, Arrival, Call, From, TurnAtAccount, TurnAtSource, millis};
use super::Taught;
use super::memory::account::{AccountEntry, Here};
use super::memory::holder::HolderEntry;
use super::memory::open::{LONGEST, Standing};
use super::memory::source::SourceEntry;
use super::memory::state::kept::Kept;
use super::memory::velocity::VelocityEntry;
use super::order::is_accepted;
use super::{
    Burn, DeviceKey, Entity, Known, MOST_ALIASES, Observation, Presented, Settled, Settlement, Stats, StoreError,
    Withdrawal, memory,
};
use super::{MOST_VELOCITIES, VelocityKey, told_apart_at};
use crate::config::settings::RedisSettings;
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::event::Event;
use crate::engine::evidence::{Account, EntityKind, History, Site};
use crate::engine::holder::Holder;
use crate::engine::outcome::Outcome;
use crate::engine::time::Timestamp;
use ::redis::Value;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// How long an attempt's record stays: as long as an outcome may come, and then some for who tells it again.
const RECORD: Duration = Duration::from_secs(15 * 60);
/// How long is waited for an answer where no visitor waits.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often closing looks whether everything is told.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Connects as a gate would, counts nothing, and says what is there: `check --probe`.
/// `now`: by this machine's clock.
pub async fn visit(settings: &RedisSettings, now: Timestamp) -> Result<greeting::Visit, StoreError> {
    greeting::visit(&link::connect(settings).await?, &settings.prefix, now).await
}

#[derive(Debug)]
pub struct Redis {
    link: Link,
    keys: Keys,
    deadline: Duration,
    /// Outcomes that are on their way.
    under_way: Arc<AtomicUsize>,
    halves: Halves,
    shared: lists::Shared,
}

impl Redis {
    /// Starts connecting, and waits for nothing: a gate must start while its store is down. Fails only if no thread can
    /// be had.
    pub fn open(settings: &RedisSettings, identity_key: &[u8; 32]) -> std::io::Result<Redis> {
        let keys = Keys::new(&settings.prefix, identity_key);
        let link = Link::open(settings.clone(), keys.clone())?;
        let shared = lists::Shared::new(memory::Limits::of_entries(settings.entries).listed);
        Ok(Redis {
            link,
            keys,
            deadline: settings.deadline,
            under_way: Arc::default(),
            halves: Halves::default(),
            shared,
        })
    }

    /// As it was opened, with room for so many entries that are added to lists.
    pub fn bounded(mut self, listed: usize) -> Redis {
        self.shared = lists::Shared::new(listed);
        self
    }

    /// Tells `timing` how long each round trip takes.
    pub fn timed(mut self, timing: Timing) -> Redis {
        self.link.time(timing);
        self
    }

    pub async fn observe(&self, seen: &Observation<'_>) -> Result<History, StoreError> {
        self.link.hand_in(seen.at);
        let arrival = Arriving::of(&self.keys, seen);
        let mut calls = vec![arrival.record(&self.keys)];
        calls.extend(arrival.counts(&self.keys, Arrival::Now));
        let answers = self.link.asker().ask(&calls, self.deadline, "attempt").await?;
        let (answers, holder) = match (arrival.cookie, answers.split_last()) {
            (Some(_), Some((holder, answers))) => (answers, read_holder(holder, seen.at, seen.accounts.first())?),
            _ => (&answers[..], None),
        };
        let [_, network, device, rest @ ..] = answers else { return Err(nonsense("too few answers")) };
        let names = arrival.record.accounts.len();
        let (accounts, others) = rest.split_at_checked(names).ok_or_else(|| nonsense("too few answers"))?;
        let here = arrival.record.here();
        let mut account = Account::default();
        for (place, answer) in accounts.iter().enumerate() {
            let read = entry::<AccountEntry>(answer)?.read(here);
            account = if place == 0 { read } else { memory::larger(&account, &read) };
        }
        let source = |answer| entry::<SourceEntry>(answer).map(|entry| entry.read());
        let kinds = arrival.record.velocities.iter().map(|(kind, _)| *kind);
        let velocity = |answer| entry::<VelocityEntry>(answer).map(|entry| entry.read());
        let velocities =
            kinds.zip(others).map(|(kind, answer)| Ok((kind, velocity(answer)?))).collect::<Result<_, StoreError>>()?;
        Ok(History { network: source(network)?, device: source(device)?, account, holder, velocities })
    }

    /// Counts an attempt that was made while the store could not be asked, at the weight of its age, unless it was
    /// counted already. Never takes an entry for one whose clock was set back. Whether it was counted now.
    pub async fn observe_late(&self, seen: &Observation<'_>) -> Result<bool, StoreError> {
        let arrival = Arriving::of(&self.keys, seen);
        let mut asker = self.link.asker();
        let record = asker.ask(&[arrival.record(&self.keys)], PATIENCE, "attempt").await?;
        if record == [Value::Nil] {
            return Ok(false);
        }
        asker.ask(&arrival.counts(&self.keys, Arrival::Late), PATIENCE, "attempt").await?;
        Ok(true)
    }

    pub async fn settle(&self, settlement: &Settlement) -> Result<Settled, StoreError> {
        self.turn(Turning::answered(settlement), self.deadline).await
    }

    pub async fn withdraw(&self, id: AttemptId, how: Withdrawal, at: Timestamp) -> Result<Settled, StoreError> {
        self.turn(Turning::withdrawn(id, how, at), self.deadline).await
    }

    /// Counts what became of an attempt at `at`, while the store could not be asked.
    pub async fn settle_late(&self, settlement: &Settlement) -> Result<Settled, StoreError> {
        self.turn(Turning::answered(settlement), PATIENCE).await
    }

    /// The same for one that the application never got to answer.
    pub async fn withdraw_late(&self, id: AttemptId, how: Withdrawal, at: Timestamp) -> Result<Settled, StoreError> {
        self.turn(Turning::withdrawn(id, how, at), PATIENCE).await
    }

    /// Spends a token under a mark. [`Burn::First`] also if it was spent under this very mark before: whoever was not
    /// answered in time may ask again.
    pub async fn burn_as(&self, token: [u8; 16], lifetime: Duration, mark: [u8; 16]) -> Result<Burn, StoreError> {
        let call = Call::burn(self.keys.key(Kind::Token, &token), mark, lifetime);
        match self.link.asker().ask(&[call], self.deadline, "spent token").await?[..] {
            [Value::Int(1)] => Ok(Burn::First),
            [Value::Int(0)] => Ok(Burn::AlreadyUsed),
            ref other => Err(nonsense(&format!("{other:?} for a token"))),
        }
    }

    /// Spends a token under a mark that nobody had before: exactly one caller ever hears [`Burn::First`].
    pub async fn burn(&self, token: [u8; 16], lifetime: Duration, _at: Timestamp) -> Result<Burn, StoreError> {
        let mut mark = [0; 16];
        getrandom::fill(&mut mark).map_err(|_| nonsense("no randomness from the system"))?;
        self.burn_as(token, lifetime, mark).await
    }

    /// The answer is stored behind the instant until which it may be taken: the gates' clocks rule, as everywhere, and
    /// the server's only tidies up.
    pub async fn hold(
        &self,
        id: [u8; 16],
        sealed: &Bytes,
        lifetime: Duration,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut value = at.after(lifetime).0.to_le_bytes().to_vec();
        value.extend_from_slice(sealed);
        let call = Call::command("SET", self.keys.key(Kind::Held, &id)).with(value).with("NX").with("PX");
        let answers = self.link.asker().ask(&[call.with(millis(lifetime))], self.deadline, "held answer").await?;
        if answers == [Value::Nil] { Err(StoreError::Exists) } else { Ok(()) }
    }

    pub async fn take(&self, id: [u8; 16], at: Timestamp) -> Result<Option<Bytes>, StoreError> {
        let call = Call::command("GETDEL", self.keys.key(Kind::Held, &id));
        let mut answers = self.link.asker().ask(&[call], self.deadline, "held answer").await?;
        match answers.pop() {
            Some(Value::Nil) => Ok(None),
            Some(Value::BulkString(value)) => {
                let (until, _) = value.split_first_chunk().ok_or_else(|| nonsense("a held answer without its time"))?;
                let in_time = at < Timestamp(u64::from_le_bytes(*until));
                Ok(in_time.then(|| Bytes::from(value).slice(8..)))
            }
            other => Err(nonsense(&format!("{other:?} for a held answer"))),
        }
    }

    /// What is known of one entity, as of `at`.
    pub async fn look_up(&self, entity: Entity, at: Timestamp) -> Result<Option<Known>, StoreError> {
        let key = match entity {
            Entity::Network(network) => self.keys.key(Kind::Network, &self.keys.network(network).id),
            Entity::Device(device) => self.keys.key(Kind::Device, &self.keys.device(device).id),
            Entity::Account(account) => self.keys.account(&account),
            Entity::Holder(id) => self.keys.holder(id),
            Entity::Owner(account) => return Ok(self.known_owner(account, at).await?.map(Known::Owner)),
            Entity::Velocity(key) => self.keys.key(Kind::Velocity, &self.keys.velocity(key)),
        };
        let answers = self.link.asker().ask(&[Call::command("GET", key)], PATIENCE, "question").await?;
        match (&answers[..], entity) {
            ([Value::Nil], _) => Ok(None),
            ([answer], Entity::Holder(_)) => Ok(read_holder(answer, at, None)?.map(Known::Holder)),
            ([answer], Entity::Account(_)) => {
                let (account, sources) = entry::<AccountEntry>(answer)?.read_at(at);
                Ok(Some(Known::Account(account, sources)))
            }
            ([answer], Entity::Velocity(_)) => Ok(Some(Known::Velocity(entry::<VelocityEntry>(answer)?.read_at(at)))),
            ([answer], _) => Ok(Some(Known::Source(entry::<SourceEntry>(answer)?.read_at(at)))),
            _ => Err(nonsense("too many answers")),
        }
    }

    /// What the whole fleet sees, in one round trip.
    pub async fn site(&self, at: Timestamp) -> Result<Site, StoreError> {
        let (events, keys): (Vec<_>, Vec<_>) = VelocityKey::sites().unzip();
        let key = |key| self.keys.key(Kind::Velocity, &self.keys.velocity(key));
        let calls: Vec<Call> = keys.into_iter().map(|one| Call::command("GET", key(one))).collect();
        let answers = self.link.asker().ask(&calls, PATIENCE, "question").await?;
        let mut site = Site { at, ..Site::default() };
        for (event, answer) in events.into_iter().zip(&answers) {
            if *answer != Value::Nil {
                site.events.push((event, entry::<VelocityEntry>(answer)?.read_at(at)));
            }
        }
        Ok(site)
    }
    /// Forgets an account's entry and profile. Records of its attempts that are under way name it for a quarter of an hour more,
    /// and bring nobody back: an outcome makes no entry, and is not counted into a later one.
    pub async fn forget(&self, account: Pseudonym) -> Result<bool, StoreError> {
        let orders = VelocityKey::new(EntityKind::AccountCards, &Event::Checkout, account.0);
        let orders = self.keys.key(Kind::Velocity, &self.keys.velocity(orders));
        let keys = [self.keys.account(&account), self.keys.key(Kind::Profile, &account.0), orders];
        let calls = keys.map(|key| Call::command("DEL", key));
        Ok(self.link.asker().ask(&calls, PATIENCE, "question").await?.contains(&Value::Int(1)))
    }

    /// Whether it can be asked now: connected, looked at, this installation's. Asks nobody.
    pub fn reachable(&self) -> Result<(), StoreError> {
        self.link.reachable()
    }

    /// Asks the server something harmless.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let call = Call::command("GET", self.keys.owner().into_bytes());
        self.link.asker().ask(&[call], PATIENCE, "question").await.map(drop)
    }

    /// Waits until the outcomes that are on their way are told, at most as long as they may take.
    pub fn close(&self) {
        let mut left = PATIENCE;
        while self.under_way.load(Ordering::Acquire) > 0 && !left.is_zero() {
            std::thread::sleep(LOOK_AGAIN);
            left = left.saturating_sub(LOOK_AGAIN);
        }
    }

    /// What the server said of itself within the last seconds. Entries by kind it does not count.
    pub fn stats(&self) -> Stats {
        Stats {
            kinds: Vec::new(),
            held_bytes: 0,
            held_capacity: 0,
            keeping: None,
            server: self.link.served(),
            shared: None,
        }
    }

    /// Moves an attempt to another standing, and every counter it stands in with it. Goes on when the caller is gone.
    async fn turn(&self, turning: Turning, patience: Duration) -> Result<Settled, StoreError> {
        let (asker, keys, halves) = (self.link.asker(), self.keys.clone(), self.halves.clone());
        let under_way = UnderWay::of(&self.under_way);
        let work = async move {
            let _under_way = under_way;
            turn(asker, &keys, &halves, turning).await
        };
        let stopping = || StoreError::Down("the gate is stopping".into());
        let work = self.link.spawn(work).ok_or_else(stopping)?;
        match timeout(patience, work).await {
            Ok(Ok(settled)) => settled,
            Ok(Err(_)) => Err(stopping()),
            Err(_) => Err(StoreError::Late(patience)),
        }
    }
}

/// What an attempt is to become.
struct Turning {
    id: AttemptId,
    to: Standing,
    at: Timestamp,
    teaches: bool,
    owner: Option<Taught>,
    /// The order that it is remembered by from now on.
    order: Option<Pseudonym>,
}

impl Turning {
    fn answered(settlement: &Settlement) -> Turning {
        let Settlement { id, outcome, at, teaches, owner, order } = *settlement;
        let order = order.filter(|_| is_accepted(outcome));
        Turning { id, to: Standing::Answered(outcome), at, teaches, owner, order }
    }

    fn withdrawn(id: AttemptId, how: Withdrawal, at: Timestamp) -> Turning {
        Turning { id, to: Standing::Withdrawn(how), at, teaches: false, owner: None, order: None }
    }
}

async fn turn(mut asker: Asker, keys: &Keys, halves: &Halves, turning: Turning) -> Result<Settled, StoreError> {
    let Turning { id, to, at, teaches, owner, order } = turning;
    if let Some(half) = halves.take(id) {
        let same = half.to == to;
        half.finish(&mut asker, halves).await?;
        if same {
            return Ok(Settled::Counted);
        }
    }
    let from = record::reachable_from(to);
    // What is learnt of the owner is read in the same round trip, before it is known whether there is anything to learn.
    let owner = owner.filter(|_| to == Standing::Answered(Outcome::Succeeded));
    // Of an order that was accepted whatever follows is told by the order.
    let is_final = to.is_final() || order.is_some();
    let mut calls = vec![Call::turn(keys.attempt(id), at, record::code(to), from, is_final, LONGEST)];
    calls.extend(owner.iter().flat_map(|taught| Learning::asks(keys, taught)));
    let answers = asker.ask(&calls, PATIENCE, "outcome").await?;
    let (record, read) = match &answers[..] {
        [Value::Nil, ..] => return Ok(Settled::NotOpen),
        [Value::BulkString(bytes), read @ ..] => {
            (Record::from_bytes(bytes).ok_or_else(|| nonsense("no record of an attempt"))?, read)
        }
        other => return Err(nonsense(&format!("{other:?} for an attempt"))),
    };
    let owner = owner.filter(|taught| record.proves_identity && record.accounts.first() == Some(&taught.login.account));
    let mut calls = record.turned(keys, (to, teaches), owner.is_some_and(|taught| taught.suspect));
    if let (Standing::Withdrawn(_), true, Some(account)) = (to, record.proves_identity, record.accounts.first()) {
        calls.push(owners::drop_pending(keys, account, id));
    }
    let learning = owner.map(|taught| Learning::of(taught, read)).transpose()?.map(|mut learning| {
        calls.extend(learning.calls(keys));
        learning
    });
    let half = Half { id, to, calls };
    let answer = half.finish(&mut asker, halves).await?;
    if let (Some(learning), Some(answer)) = (learning, answer) {
        learning.settle(&mut asker, keys, answer).await?;
    }
    if let Some(order) = order {
        orders::accept(&mut asker, keys, order, id, &Record { standing: to, ..record }, at).await?;
    }
    Ok(Settled::Counted)
}

/// Counts itself for as long as it lives.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn of(count: &Arc<AtomicUsize>) -> UnderWay {
        count.fetch_add(1, Ordering::AcqRel);
        UnderWay(count.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// An attempt on its way into the store.
struct Arriving {
    id: AttemptId,
    record: Record,
    cookie: Option<Presented>,
}

impl Arriving {
    fn of(keys: &Keys, seen: &Observation<'_>) -> Arriving {
        let mut accounts: Vec<Pseudonym> = Vec::with_capacity(MOST_ALIASES);
        for account in seen.accounts.iter().take(MOST_ALIASES) {
            if !accounts.contains(account) {
                accounts.push(*account);
            }
        }
        // Only while it is still the second: a name that was given twice stands once.
        let spelled = seen.spelled && accounts.len() > 1 && accounts.get(1) == seen.accounts.get(1);
        let record = Record {
            standing: Standing::InFlight,
            at: seen.at,
            secret: seen.event.tries_a_secret(),
            told_apart: seen.told_apart,
            proves_identity: seen.event.has_after(),
            device_is_proof: matches!(seen.device, DeviceKey::Cookie(_)),
            network: keys.network(seen.network),
            device: keys.device(seen.device),
            holder: seen.cookie.filter(|_| seen.event.admits()).map(|cookie| cookie.id),
            accounts,
            card: seen.card,
            spelled,
            velocities: seen
                .velocities
                .iter()
                .take(MOST_VELOCITIES)
                .map(|key| (key.kind, keys.velocity(*key)))
                .collect(),
        };
        Arriving { id: seen.id, record, cookie: seen.cookie }
    }

    /// Never over another of the same attempt: it may be settled already.
    fn record(&self, keys: &Keys) -> Call {
        Call::command("SET", keys.attempt(self.id))
            .with(self.record.to_bytes())
            .with("NX")
            .with("PX")
            .with(millis(RECORD))
    }

    /// Network, device, each name, whatever else there is, and the cookie if one was brought.
    fn counts(&self, keys: &Keys, how: Arrival) -> Vec<Call> {
        let Record { at, secret, network, device, accounts, velocities, .. } = &self.record;
        let arrived = Standing::InFlight.at_source(*secret);
        let person = self.record.person();
        let source = |kind, id| Call::arrive_at_source(keys.key(kind, id), how, *at, arrived, person);
        let mut calls = vec![source(Kind::Network, &network.id), source(Kind::Device, &device.id)];
        calls.extend(accounts.iter().enumerate().map(|(place, account)| {
            let arrived = Standing::InFlight.at_account(*secret, place == 0);
            Call::arrive_at_account(keys.account(account), how, *at, arrived, self.record.from())
        }));
        calls.extend(velocities.iter().map(|(kind, id)| {
            let arrived = Standing::InFlight.at_velocity(*kind, *secret);
            let member = self.record.told_apart_at(*kind);
            Call::arrive_at_velocity(keys.key(Kind::Velocity, id), how, *at, arrived, member.as_ref().map(|one| &one.0))
        }));
        calls.extend(self.cookie.map(|cookie| Call::present(keys.holder(cookie.id), *at, &cookie)));
        calls
    }
}

impl Record {
    fn told_apart_at(&self, kind: EntityKind) -> Option<Pseudonym> {
        told_apart_at(kind, self.card, self.person().copied().map(Pseudonym))
    }

    fn from(&self) -> From {
        From { network: self.network, device: self.device, device_is_proof: self.device_is_proof }
    }

    fn here(&self) -> Here {
        Here {
            network: u64::from_le_bytes(self.network.tag),
            device: u64::from_le_bytes(self.device.tag),
            device_is_proof: self.device_is_proof,
        }
    }

    /// What is to be changed where, now that this attempt has come to another standing.
    /// `suspect`: nobody's source or device is known by that.
    fn turned(&self, keys: &Keys, (to, teaches): (Standing, bool), suspect: bool) -> Vec<Call> {
        let Record { standing: from, at, secret, .. } = *self;
        let landed = from == Standing::InFlight;
        let succeeded = to == Standing::Answered(Outcome::Succeeded);
        let answer = match to {
            _ if !to.tells(self.told_apart) => Answered::No,
            Standing::Answered(Outcome::Failed) => Answered::Failed,
            _ => Answered::Otherwise,
        };
        let answered = if secret { answer } else { Answered::No };
        let change = to.at_source(secret) - from.at_source(secret);
        let teaches = teaches && from.teaches_as(to, self.told_apart);
        let turn = TurnAtSource { change, landed, answered, teaches };
        let person = self.person();
        let source = |kind, id| Call::turn_at_source(keys.key(kind, id), at, turn, person);
        let mut calls = vec![source(Kind::Network, &self.network.id), source(Kind::Device, &self.device.id)];
        calls.extend(self.accounts.iter().enumerate().map(|(place, account)| {
            let first = place == 0;
            let turn = TurnAtAccount {
                change: to.at_account(secret, first) - from.at_account(secret, first),
                landed,
                refused: secret && to.is_refusal(),
                forgiven: first && succeeded && secret,
                known: first && succeeded && self.proves_identity && !suspect,
                teaches: first && teaches,
            };
            Call::turn_at_account(keys.account(account), at, turn, self.from())
        }));
        calls.extend(self.velocities.iter().map(|(kind, id)| {
            let change = to.at_velocity(*kind, secret) - from.at_velocity(*kind, secret);
            let answered = if kind.is_by_event() { answer } else { answered };
            let member = self.told_apart_at(*kind);
            let member = member.as_ref().map(|one| &one.0);
            Call::turn_at_velocity(keys.key(Kind::Velocity, id), at, change, answered, member)
        }));
        if let (true, Some(holder), Some(account)) = (succeeded && !suspect, self.holder, self.accounts.first()) {
            calls.push(Call::succeed(keys.holder(holder), at, account, self.proves_identity));
        }
        calls
    }
}

/// An entry as the server answers with it: when it was born, then as the memory store keeps it.
fn entry<E: Kept>(answer: &Value) -> Result<E, StoreError> {
    let Value::BulkString(bytes) = answer else { return Err(nonsense(&format!("{answer:?} for an entry"))) };
    let mut from = &bytes[..];
    let read = u64::take(&mut from).and_then(|_born| E::take(&mut from));
    read.filter(|_| from.is_empty()).ok_or_else(|| nonsense("an entry that cannot be read"))
}

/// What the server answers of a device cookie: nothing, while nobody succeeded with it.
fn read_holder(answer: &Value, at: Timestamp, account: Option<&Pseudonym>) -> Result<Option<Holder>, StoreError> {
    let bytes = match answer {
        Value::Nil => return Ok(None),
        Value::BulkString(bytes) => bytes,
        other => return Err(nonsense(&format!("{other:?} for a device"))),
    };
    let mut from = &bytes[..];
    let read = HolderEntry::take(&mut from).filter(|_| from.is_empty());
    read.map(|entry| entry.read(at, account)).ok_or_else(|| nonsense("a device that cannot be read"))
}

fn nonsense(what: &str) -> StoreError {
    StoreError::Broken(what.into())
}
