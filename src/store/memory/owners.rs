//! Whose account it is, in memory: a profile for each account that ever succeeded, everybody's counts of each value, and
//! their sums. See [`freeman::live`](crate::engine::freeman::live) for what they hold and why that is enough.
//!
//! Only a success makes an entry here, so that nobody fills these maps without knowing passwords. A profile takes 176 bytes
//! and grows by 84 with the first login (seven values of twelve bytes, and a device of sixteen), by 12 with each new value,
//! and to 2.9 KB at most (32 values of each of seven levels, eight devices, four logins on their way); a value takes 88.

use super::Memory;
use super::sharded::Grown;
use super::state::kept::{Kept, kept};
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::evidence::{Account, Country};
use crate::engine::freeman::live::{DeviceSeen, Habit, Pending, Profile, Shown, Totals, Value};
use crate::engine::ownership::{
    KnownDevice, LEVELS, Login, NetworkKind, Ownership, Place, Seen, Success, Traits, Whence,
};
use crate::engine::time::Timestamp;
use crate::store::{KnownOwner, Proof, Taught};

impl Grown for Profile {
    fn grown(&self) -> usize {
        let pending = self
            .pending
            .as_ref()
            .map_or(0, |pending| size_of::<Vec<Pending>>() + pending.capacity() * size_of::<Pending>());
        self.habits.capacity() * size_of::<Habit>() + self.devices.capacity() * size_of::<DeviceSeen>() + pending
    }
}

impl Grown for Value {
    fn grown(&self) -> usize {
        self.others
            .as_ref()
            .map_or(0, |others| size_of::<Vec<(u8, u32)>>() + others.capacity() * size_of::<(u8, u32)>())
    }
}

impl Memory {
    /// What is known of the owner; from now on the login is on its way. Asked again, it is answered as before.
    pub fn prove(&self, proof: &Proof) -> Ownership {
        let login = &proof.login;
        let shown = self.shown(login);
        let totals = *self.totals.lock();
        let (owner, _) = self.profiles.update(login.account, Profile::default, |profile| {
            profile.expect(login);
            profile.read(login, &shown, &totals)
        });
        let here = self.here(proof.network, proof.device);
        let account = self.accounts.peek(&login.account, |entry| entry.read(here)).unwrap_or_default();
        let owner = Ownership { account, ..owner };
        let Some(reading) = proof.reading else { return owner };
        let counted = self.accounts.peek(&reading, |entry| entry.read(here)).unwrap_or_default();
        let read = self.profiles.peek(&reading, |profile| profile.read(login, &shown, &totals)).unwrap_or_default();
        under_both(owner, Ownership { account: counted, ..read })
    }

    fn shown(&self, login: &Login) -> [Shown; LEVELS] {
        std::array::from_fn(|level| {
            self.values.peek(&login.shows.values[level], |value| value.shown(level)).unwrap_or_default()
        })
    }

    /// Learns a login that was let through.
    pub(super) fn learn(&self, taught: &Taught) {
        let login = &taught.login;
        if taught.suspect {
            self.profiles.update(login.account, Profile::default, |profile| profile.suspect(login));
            return;
        }
        let mut more = Totals::of(login);
        more.accounts = self.profiles.update(login.account, Profile::default, |profile| profile.learn(login)).0;
        for (level, value) in login.shows.values.iter().enumerate() {
            let (adds, _) = self.values.update(*value, Value::default, |value| value.show(login, level));
            more.distinct(level, adds);
        }
        self.totals.lock().add(&more);
        self.totals_changed.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// The login is no longer on its way: it was held, or refused.
    pub(super) fn drop_pending(&self, account: Pseudonym, id: AttemptId) {
        let empty = self.profiles.change(&account, |profile| {
            profile.drop_pending(id);
            profile.is_empty()
        });
        if empty == Some(true) {
            self.profiles.remove(&account);
        }
    }

    pub(super) fn known_owner(&self, account: Pseudonym, at: Timestamp) -> Option<KnownOwner> {
        self.profiles.peek(&account, |profile| KnownOwner::of(profile, at))
    }
}

kept!(Profile { day, logins, last, suspected, habits, devices, pending });
kept!(Habit { value, count, day, level });
kept!(DeviceSeen { tag, first, last, successes, by_cookie });
kept!(Pending { id, success });
kept!(Value { count, day, first, others });
kept!(Totals { logins, accounts, below });
kept!(Success { at, from, cookie });
kept!(Whence { place, country, asn, network });
kept!(Traits { values, from, device, device_is_proof });
kept!(Login { id, account, at, shows });
kept!(KnownDevice { first, last, successes, by_cookie });
kept!(Proof { login, reading, network, device, at });
kept!(Taught { login, suspect });
kept!(Ownership {
    logins,
    population,
    likelihood,
    seen,
    values,
    common,
    device,
    devices,
    here,
    last,
    parallel,
    suspected,
    account,
    unrecognised,
});

impl Kept for Seen {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        u8::take(from).map(Seen)
    }
}

impl Kept for Country {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Country::new(std::str::from_utf8(&<[u8; 2]>::take(from)?).ok()?)
    }
}

impl Kept for Place {
    fn put(&self, to: &mut Vec<u8>) {
        let (lat, lon) = self.hundredths();
        lat.put(to);
        lon.put(to);
        self.radius_km.put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Place::from_hundredths(i16::take(from)?, i16::take(from)?, u16::take(from)?)
    }
}

impl Kept for NetworkKind {
    fn put(&self, to: &mut Vec<u8>) {
        let place = NetworkKind::ALL.iter().position(|kind| kind == self);
        to.push(place.unwrap_or(NetworkKind::ALL.len()) as u8);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        NetworkKind::ALL.get(usize::from(u8::take(from)?)).copied()
    }
}

impl Kept for (u8, u32) {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
        self.1.put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some((u8::take(from)?, u32::take(from)?))
    }
}

/// As bytes, for what waits with a held answer.
impl Login {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        self.put(&mut bytes);
        bytes
    }

    /// `None` for anything but a whole one.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Login> {
        Login::take(&mut bytes).filter(|_| bytes.is_empty())
    }
}

/// What an account's own profile says of a login, and that of another account that the typed name may mean.
///
/// While nothing was ever let through under the typed name, the other is whom the visitor claims to be: an application
/// that looks past the spelling has let them into that one. From the first success on, the name has an owner of its own,
/// and the other's logins are those of somebody who may be anyone: else whoever registers the name that somebody's is read
/// as could make them a stranger to their own account.
pub(in crate::store) fn under_both(own: Ownership, other: Ownership) -> Ownership {
    let account = super::larger(&own.account, &other.account);
    if own.logins > 0.0 || own.last.is_some() {
        return Ownership { account, ..own };
    }
    let parallel = other.parallel.into_iter().chain(own.parallel).collect();
    let suspected = own.suspected.max(other.suspected);
    Ownership { account, parallel, suspected, here: own.here, population: own.population, ..other }
}

/// What reading an account's counters from here says: of an account that nothing is known of, nothing.
pub(in crate::store) fn account_from(
    entry: Option<&super::account::AccountEntry>,
    here: super::account::Here,
) -> Account {
    entry.map(|entry| entry.read(here)).unwrap_or_default()
}
