//! Whose account it is, in the shared store: a profile under each account that ever succeeded, everybody's logins under each
//! value, and their sums under one key.
//!
//! **Who waits.** A visitor waits for one round trip, which asks for all of it at once: it puts the login on its way and
//! reads the profile, the values that the login shows, the sums, and the account's counters (of two accounts where the name
//! as it was typed is another than the one it is read as). What is learnt goes with
//! the outcome, in its two round trips: the profile and the values are read with the first and written with the second.
//!
//! **Who learns.** The rules of learning are the memory store's own code, so there is no second form of them that could
//! differ. What the gate made of a profile is written if the profile is still what it was made from, else it is made anew:
//! only two logins of one account at the same millisecond ever meet there.
//!
//! **Hot keys.** Everybody's country is one key. It is written once for each login that was let through and by one short
//! addition, and addition needs no order: a server that does a hundred thousand such a second stands ten thousand logins
//! a second on its busiest key, which is more than all that a fleet counts per address. Gates that kept sums of their
//! own and told them once a second would write less, and each would judge by another population after every start.

use super::keys::{Keys, Kind};
use super::link::Asker;
use super::scripts::Call;
use super::{PATIENCE, Redis, entry, nonsense};
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::freeman::live::{
    FADES, MOST_BESIDE, MOST_PENDING, Pending, Profile, Shown, Totals, Value as Shows, day, weight,
};
use crate::engine::ownership::{LEVELS, Login, Ownership, Success};
use crate::engine::time::Timestamp;
use crate::store::memory::account::{AccountEntry, Here};
use crate::store::memory::owners::{account_from, under_both};
use crate::store::memory::state::kept::Kept;
use crate::store::{DeviceKey, StoreError};
use crate::store::{KnownOwner, Proof, Taught};
use redis::Value;
use std::time::Duration;

/// As long as a value that is not shown again counts for anything.
const VALUE: Duration = Duration::from_secs(24 * 3600 * (FADES as u64 + 1));
/// An account's last success says that it sleeps for as long as somebody may: a year, and a month's grace.
const PROFILE: Duration = Duration::from_secs(24 * 3600 * 395);
/// How long a login may be on its way: as long as an outcome may come.
const ON_ITS_WAY: Duration = crate::store::memory::open::LONGEST;
/// How often a profile is learnt anew that others learn at the same time.
const TRIES: usize = 8;

/// The profile without the logins that are on their way, as the store has it.
type Rest = Vec<u8>;

impl Redis {
    /// What is known of the owner; from now on the login is on its way. One round trip.
    pub async fn prove(&self, proof: &Proof) -> Result<Ownership, StoreError> {
        self.link.hand_in(proof.at);
        let login = &proof.login;
        let mut calls = vec![expect(&self.keys, login), Call::command("GET", self.keys.account(&login.account))];
        let other = |reading| [self.keys.profile(reading), self.keys.account(reading)];
        calls.extend(proof.reading.iter().flat_map(other).map(|key| Call::command("GET", key)));
        calls.extend(reads(&self.keys, login));
        let answers = self.link.asker().ask(&calls, self.deadline, "login").await?;
        let [profile, account, rest @ ..] = &answers[..] else { return Err(nonsense("too few answers")) };
        let (other, all) = match (proof.reading, rest) {
            (Some(_), [profile, account, all @ ..]) => (Some((profile, account)), all),
            (Some(_), _) => return Err(nonsense("too few answers")),
            (None, all) => (None, all),
        };
        let (values, totals) = everybody(all)?;
        let shown = std::array::from_fn(|level| shown(&values[level], level));
        let here = Here {
            network: u64::from_le_bytes(self.keys.network(proof.network).tag),
            device: u64::from_le_bytes(self.keys.device(proof.device).tag),
            device_is_proof: matches!(proof.device, DeviceKey::Cookie(_)),
        };
        let read = |profile: &Value, account: &Value| -> Result<Ownership, StoreError> {
            let (profile, _) = profile_of(profile)?;
            let account = match account {
                Value::Nil => None,
                answer => Some(entry::<AccountEntry>(answer)?),
            };
            Ok(Ownership { account: account_from(account.as_ref(), here), ..profile.read(login, &shown, &totals) })
        };
        let owner = read(profile, account)?;
        Ok(match other {
            Some((profile, account)) => under_both(owner, read(profile, account)?),
            None => owner,
        })
    }

    pub(super) async fn known_owner(
        &self,
        account: Pseudonym,
        at: Timestamp,
    ) -> Result<Option<KnownOwner>, StoreError> {
        let call = Call::command("GET", self.keys.profile(&account));
        match &self.link.asker().ask(&[call], PATIENCE, "question").await?[..] {
            [Value::Nil] => Ok(None),
            [answer] => Ok(Some(KnownOwner::of(&profile_of(answer)?.0, at))),
            _ => Err(nonsense("too many answers")),
        }
    }
}

/// Learning a login, between its two round trips.
pub(super) struct Learning {
    taught: Taught,
    profile: Profile,
    rest: Rest,
    values: [Shows; LEVELS],
}

impl Learning {
    /// What has to be read.
    pub fn asks(keys: &Keys, taught: &Taught) -> Vec<Call> {
        let mut calls = vec![Call::command("GET", keys.profile(&taught.login.account))];
        calls.extend(reads(keys, &taught.login));
        calls
    }

    pub fn of(taught: Taught, answers: &[Value]) -> Result<Learning, StoreError> {
        let [profile, all @ ..] = answers else { return Err(nonsense("too few answers")) };
        let ((profile, rest), (values, _)) = (profile_of(profile)?, everybody(all)?);
        Ok(Learning { taught, profile, rest, values })
    }

    /// What has to be written; the profile last.
    pub fn calls(&mut self, keys: &Keys) -> Vec<Call> {
        let Taught { login, suspect } = self.taught;
        let (adds, profile) = self.profile(keys);
        let mut calls = Vec::with_capacity(LEVELS + 2);
        if !suspect {
            let mut more = Totals::of(&login);
            more.accounts = adds;
            for (level, value) in self.values.iter_mut().enumerate() {
                let below = below(&login, level);
                more.distinct(level, value.show(&login, level));
                calls.push(
                    Call::value(keys.value(login.shows.values[level]), VALUE)
                        .with(weight(day(login.at)).to_le_bytes())
                        .with(day(login.at).to_le_bytes())
                        .with(below)
                        .with(MOST_BESIDE.to_string()),
                );
            }
            let mut sums = Vec::with_capacity(32);
            more.put(&mut sums);
            calls.push(Call::sums(keys.named("logins").into_bytes(), VALUE).with(sums));
        }
        calls.push(profile);
        calls
    }

    /// What the account adds to everybody's, and how its profile is written.
    fn profile(&self, keys: &Keys) -> (f64, Call) {
        let Taught { login, suspect } = &self.taught;
        let mut profile = Profile { pending: None, ..self.profile.clone() };
        let adds = match suspect {
            true => {
                profile.suspect(login);
                0.0
            }
            false => profile.learn(login),
        };
        let mut next = Vec::with_capacity(512);
        profile.put(&mut next);
        let call = Call::profile(keys.profile(&login.account), "learn", &id(login.id), PROFILE);
        (adds, call.with(&self.rest).with(next))
    }

    /// Learns anew what others have changed meanwhile; `answer` is what the server said to the last call.
    pub async fn settle(mut self, asker: &mut Asker, keys: &Keys, mut answer: Value) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            if answer == Value::Nil {
                return Ok(());
            }
            (self.profile, self.rest) = profile_of(&answer)?;
            let (_, call) = self.profile(keys);
            answer = asker.ask(&[call], PATIENCE, "login").await?.pop().unwrap_or(Value::Nil);
        }
        Ok(())
    }
}

/// The login is no longer on its way.
pub(super) fn drop_pending(keys: &Keys, account: &Pseudonym, attempt: AttemptId) -> Call {
    Call::profile(keys.profile(account), "drop", &id(attempt), PROFILE)
}

fn expect(keys: &Keys, login: &Login) -> Call {
    let mut kept = id(login.id).to_vec();
    login.at.0.put(&mut kept);
    Success::of(login).put(&mut kept);
    Call::profile(keys.profile(&login.account), "expect", &id(login.id), PROFILE)
        .with(login.at.0.to_string())
        .with(kept)
        .with(ON_ITS_WAY.as_millis().to_string())
        .with(MOST_PENDING.to_string())
}

fn id(id: AttemptId) -> [u8; 16] {
    id.0.to_be_bytes()
}

/// The values that a login shows, and the sums.
fn reads(keys: &Keys, login: &Login) -> Vec<Call> {
    let values = login.shows.values.iter().map(|value| Call::command("GET", keys.value(*value)));
    values.chain([Call::command("GET", keys.named("logins").into_bytes())]).collect()
}

fn below(login: &Login, level: usize) -> Vec<u8> {
    Shows::below(login, level).flat_map(u32::to_le_bytes).collect()
}

fn shown(value: &Shows, level: usize) -> Shown {
    value.shown(level)
}

/// A profile as the server answers with it, and its rest.
fn profile_of(answer: &Value) -> Result<(Profile, Rest), StoreError> {
    let bytes = match answer {
        Value::Nil => return Ok((Profile::default(), Rest::new())),
        Value::BulkString(bytes) => bytes,
        other => return Err(nonsense(&format!("{other:?} for a profile"))),
    };
    read_profile(bytes).ok_or_else(|| nonsense("a profile that cannot be read"))
}

fn read_profile(mut bytes: &[u8]) -> Option<(Profile, Rest)> {
    let from = &mut bytes;
    let mut pending = Vec::new();
    for _ in 0..u8::take(from)? {
        let length = usize::from(u8::take(from)?);
        let (login, rest) = from.split_at_checked(length)?;
        *from = rest;
        let (mut id, mut login) = login.split_at_checked(16)?;
        let (id, _at) = (<[u8; 16]>::take(&mut id)?, u64::take(&mut login)?);
        pending.push(Pending { id: AttemptId(u128::from_be_bytes(id)), success: Success::take(&mut login)? });
    }
    let rest = bytes.to_vec();
    let mut profile = match rest.is_empty() {
        true => Profile::default(),
        false => {
            let profile = Profile::take(&mut bytes)?;
            bytes.is_empty().then_some(profile)?
        }
    };
    profile.pending = (!pending.is_empty()).then(|| Box::new(pending));
    Some((profile, rest))
}

fn everybody(answers: &[Value]) -> Result<([Shows; LEVELS], Totals), StoreError> {
    let [values @ .., totals] = answers else { return Err(nonsense("too few answers")) };
    let read = |answer: &Value| match answer {
        Value::Nil => Ok(Shows::default()),
        Value::BulkString(bytes) => value_of(bytes).ok_or_else(|| nonsense("a value that cannot be read")),
        other => Err(nonsense(&format!("{other:?} for a value"))),
    };
    let values: Vec<Shows> = values.iter().map(read).collect::<Result<_, _>>()?;
    let totals = match totals {
        Value::Nil => Totals::default(),
        Value::BulkString(bytes) => {
            Totals::take(&mut &bytes[..]).ok_or_else(|| nonsense("sums that cannot be read"))?
        }
        other => return Err(nonsense(&format!("{other:?} for sums"))),
    };
    Ok((values.try_into().map_err(|_| nonsense("too few answers"))?, totals))
}

/// As `value.lua` keeps it.
fn value_of(bytes: &[u8]) -> Option<Shows> {
    let from = &mut &bytes[..];
    let mut value = Shows::default();
    (value.count, value.day, value.first) = (f64::take(from)?, u16::take(from)?, Kept::take(from)?);
    let mut others = Vec::new();
    while !from.is_empty() {
        others.push(<(u8, u32)>::take(from)?);
    }
    value.others = (!others.is_empty()).then(|| Box::new(others));
    Some(value)
}

impl Keys {
    fn profile(&self, account: &Pseudonym) -> Vec<u8> {
        self.key(Kind::Profile, &account.0)
    }

    /// Values are keyed hashes already.
    fn value(&self, value: u64) -> Vec<u8> {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&value.to_be_bytes());
        self.key(Kind::Value, &id)
    }
}
