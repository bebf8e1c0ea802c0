//! The model live: bounded, decaying, and fed one login at a time.
//!
//! **Decay.** An event counts `2^(−age / 60 days)`, by whole days. Sixty days, because what was shown once half a year ago
//! then weighs an eighth of what is shown today, and somebody who signs in once a month still has three and a half logins
//! behind them; shorter, and they would be strangers to themselves; longer, and the network that somebody left in spring is
//! still theirs at Christmas. A value that was not shown for 182 days is dropped whatever it weighs: that is the promise.
//!
//! **The account** ([`Profile`]) keeps its counts as of its latest day, and moves them when that day moves. Of each level it
//! keeps at most 32 values. A value makes room that weighs least (of equals, the oldest), so that who knows the password
//! and shows a thousand addresses pushes out their own, one after the other, and not the owner's.
//!
//! **Everybody** ([`Value`], [`Totals`]) is counted against a fixed day instead ([`weight`]): what is added is larger every
//! day, and what is read is divided by today's weight. So counting is an addition, additions commute, and any number of
//! gates may add to one store in any order without reading first. How many different accounts and values there are is
//! counted by the same means: whoever shows up again adds the difference between today's weight and that of their last
//! time, so that the sum is the number of those known, each worth what is left of them since they were last seen.
//!
//! What decay and bounds change in the score is measured, not argued: [`Live`] is the whole in one object, to be fed what
//! the exact [`history`](super::history) is fed.

use super::{ADDRESS, AGENT, Feature, Population};
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::ownership::{
    ADDRESS_LEVELS, AGENT_LEVELS, KnownDevice, LEVELS, Login, Ownership, Seen, Success, Traits,
};
use crate::engine::time::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

/// Days in which a count halves.
pub const HALF_LIFE: f64 = 60.0;
/// Days after which a value that was not shown again is dropped.
pub const FADES: u16 = 182;
/// Most values of one level that an account is known by.
pub const MOST_VALUES: usize = 32;
/// Most devices of one account.
pub const MOST_DEVICES: usize = 8;
/// Most logins of one account that are on their way at one time and remembered.
pub const MOST_PENDING: usize = 4;
/// Most different lower values that are told apart beside one value; more change the score by less than a hundredth.
pub const MOST_BESIDE: usize = 32;
/// How long a login may be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(600);

/// Whole days since 2015-01-01, the fixed day of all weights; logins before it are of that day. Enough until 2194.
pub fn day(at: Timestamp) -> u16 {
    const FIRST: u64 = 16_436;
    u16::try_from((at.0 / 86_400_000).saturating_sub(FIRST)).unwrap_or(u16::MAX)
}

/// The instant at which a day begins.
pub fn instant(day: u16) -> Timestamp {
    Timestamp::from_secs((16_436 + u64::from(day)) * 86_400)
}

/// What a login of that day adds to everybody's counts.
pub fn weight(day: u16) -> f64 {
    f64::exp2(f64::from(day) / HALF_LIFE)
}

/// What is left of a count after so many days.
fn left(days: u16) -> f64 {
    f64::exp2(-f64::from(days) / HALF_LIFE)
}

/// The levels below the first of each hierarchy, by place in [`Traits::values`].
fn below(level: usize) -> std::ops::Range<usize> {
    match level {
        0 => 1..ADDRESS_LEVELS,
        ADDRESS_LEVELS => ADDRESS_LEVELS + 1..LEVELS,
        _ => 0..0,
    }
}

/// What an account's profile holds a value as.
fn short(value: u64) -> u32 {
    value as u32
}

/// One account's own logins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// As of which the counts stand.
    pub(crate) day: u16,
    pub(crate) logins: f32,
    pub(crate) last: Option<Success>,
    /// When a success ended a burst of failures: seconds since 1970, 0 for never.
    pub(crate) suspected: u32,
    pub(crate) habits: Vec<Habit>,
    pub(crate) devices: Vec<DeviceSeen>,
    /// Few accounts ever have one at the moment that somebody looks.
    #[expect(clippy::box_collection, reason = "eight bytes where a list would take twenty-four")]
    pub(crate) pending: Option<Box<Vec<Pending>>>,
}

/// A value that the account showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Habit {
    pub(crate) value: u32,
    pub(crate) count: f32,
    /// When it was last shown.
    pub(crate) day: u16,
    pub(crate) level: u8,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeviceSeen {
    pub(crate) tag: u64,
    pub(crate) first: u16,
    pub(crate) last: u16,
    pub(crate) successes: u16,
    pub(crate) by_cookie: bool,
}

/// A login on its way: the password was right, and what becomes of it is not known yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pending {
    pub(crate) id: AttemptId,
    pub(crate) success: Success,
}

impl Profile {
    /// Remembers that this login succeeded and is on its way, for others that succeed meanwhile to see. Asked twice, it is
    /// remembered once.
    pub fn expect(&mut self, login: &Login) {
        let pending = self.pending.get_or_insert_default();
        pending.retain(|other| other.id != login.id && login.at.since(other.success.at) <= ON_ITS_WAY);
        if pending.len() >= MOST_PENDING {
            pending.remove(0);
        }
        pending.push(Pending { id: login.id, success: Success::of(login) });
    }

    /// The login was kept from its sender, or refused: it is nobody's success, unless it is learnt after all.
    pub fn drop_pending(&mut self, id: AttemptId) {
        if let Some(pending) = &mut self.pending {
            pending.retain(|other| other.id != id);
            if pending.is_empty() {
                self.pending = None;
            }
        }
    }

    /// Learns a login that was let through. How much the account adds to everybody's number of accounts.
    pub fn learn(&mut self, login: &Login) -> f64 {
        self.drop_pending(login.id);
        let today = day(login.at);
        let before = if self.logins > 0.0 { weight(self.day) } else { 0.0 };
        if today > self.day {
            let left = left(today - self.day) as f32;
            self.logins *= left;
            self.habits.iter_mut().for_each(|habit| habit.count *= left);
            self.habits.retain(|habit| today - habit.day <= FADES);
            self.devices.retain(|device| today - device.last <= FADES);
            self.day = today;
        }
        // One that is told late counts what it would count by now.
        let counts = left(self.day - today) as f32;
        self.logins += counts;
        for (level, &value) in login.shows.values.iter().enumerate() {
            self.show(level as u8, short(value), counts, today);
        }
        self.use_device(&login.shows, today);
        if self.last.is_none_or(|last| last.at <= login.at) {
            self.last = Some(Success::of(login));
        }
        (weight(self.day) - before).max(0.0)
    }

    /// Remembers that a login looked like the end of a burst of guesses. Nothing of it is learnt.
    pub fn suspect(&mut self, login: &Login) {
        self.drop_pending(login.id);
        let secs = u32::try_from(login.at.0 / 1000).unwrap_or(u32::MAX);
        self.suspected = self.suspected.max(secs);
    }

    fn show(&mut self, level: u8, value: u32, counts: f32, today: u16) {
        if let Some(habit) = self.habits.iter_mut().find(|habit| habit.level == level && habit.value == value) {
            habit.count += counts;
            habit.day = habit.day.max(today);
            return;
        }
        let new = Habit { value, count: counts, day: today, level };
        let of_level = || self.habits.iter().enumerate().filter(|(_, habit)| habit.level == level);
        let full = of_level().count() >= MOST_VALUES;
        let least = of_level().min_by(|(_, a), (_, b)| a.count.total_cmp(&b.count).then(a.day.cmp(&b.day)));
        match least.map(|(place, _)| place).filter(|_| full) {
            // In its order: of equals, the first that came is the first to go.
            Some(place) => {
                self.habits.remove(place);
                self.habits.push(new);
            }
            None => {
                // Most accounts show one to three values a level, and never all at once.
                if self.habits.len() == self.habits.capacity() {
                    self.habits.reserve_exact(if self.habits.is_empty() { LEVELS } else { 2 });
                }
                self.habits.push(new);
            }
        }
    }

    fn use_device(&mut self, shows: &Traits, today: u16) {
        let known = |device: &&mut DeviceSeen| device.tag == shows.device && device.by_cookie == shows.device_is_proof;
        if let Some(device) = self.devices.iter_mut().find(known) {
            device.first = device.first.min(today);
            device.last = device.last.max(today);
            device.successes = device.successes.saturating_add(1);
            return;
        }
        if self.devices.len() >= MOST_DEVICES {
            // The least trusted; of equals the one that was not seen for longest.
            let least = self.devices.iter().enumerate().min_by_key(|(_, device)| (device.successes, device.last));
            if let Some((place, _)) = least {
                self.devices.remove(place);
            }
        }
        if self.devices.len() == self.devices.capacity() {
            self.devices.reserve_exact(1);
        }
        self.devices.push(DeviceSeen {
            tag: shows.device,
            first: today,
            last: today,
            successes: 1,
            by_cookie: shows.device_is_proof,
        });
    }

    /// What is known of the owner, as this login finds it. It is not counted yet.
    pub fn read(&self, login: &Login, shown: &[Shown; LEVELS], totals: &Totals) -> Ownership {
        let today = day(login.at).max(self.day);
        let mut seen = 0;
        let fresh = |habit: &&Habit| today - habit.day <= FADES;
        let mut own = [0.0; LEVELS];
        for habit in self.habits.iter().filter(fresh) {
            let level = usize::from(habit.level);
            if login.shows.values.get(level).is_some_and(|value| short(*value) == habit.value) {
                own[level] = f64::from(habit.count);
                seen |= 1 << level;
            }
        }
        let device = |device: &&DeviceSeen| {
            device.tag == login.shows.device
                && device.by_cookie == login.shows.device_is_proof
                && today - device.last <= FADES
        };
        let devices = self.devices.iter().filter(|device| today - device.last <= FADES);
        let parallel = self.pending.iter().flat_map(|pending| pending.iter());
        let on_its_way = |other: &&Pending| other.id != login.id && login.at.since(other.success.at) <= ON_ITS_WAY;
        Ownership {
            logins: f64::from(self.logins) * left(today - self.day),
            population: totals.logins / weight(today),
            likelihood: self.likelihood(&own, shown, totals, today),
            seen: Seen(seen),
            values: self.known_values(login.at).map(|known| known as u8),
            common: shown.map(|shown| shown.count / weight(today)),
            devices: devices.clone().count() as u32,
            device: self.devices.iter().find(device).map(DeviceSeen::known),
            here: Success::of(login),
            last: self.last,
            parallel: parallel.filter(on_its_way).map(|other| other.success).collect(),
            suspected: (self.suspected > 0).then(|| Timestamp::from_secs(self.suspected.into())),
            ..Ownership::default()
        }
    }

    /// `own`: the account's own counts, as of its latest day.
    fn likelihood(&self, own: &[f64; LEVELS], shown: &[Shown; LEVELS], totals: &Totals, today: u16) -> Option<f64> {
        let (own_logins, now) = (f64::from(self.logins) * left(today - self.day), weight(today));
        if today - self.day > FADES || own_logins <= 0.0 || totals.logins <= 0.0 || totals.accounts <= 0.0 {
            return None;
        }
        let left = left(today - self.day);
        let all = shown.map(|shown| shown.count / now);
        let own = own.map(|count| count * left);
        let feature = |weights: &'static [f64], from: usize, below: f64| {
            let levels = from..from + weights.len();
            (weights, levels, below / now, shown[from].beside)
        };
        let features = [feature(&ADDRESS, 0, totals.below[0]), feature(&AGENT, ADDRESS_LEVELS, totals.below[1])].map(
            |(weights, levels, distinct_below, distinct_beside)| Feature {
                weights,
                all: &all[levels.clone()],
                own: &own[levels],
                distinct_below,
                distinct_beside,
            },
        );
        let population = Population { logins: totals.logins / now, accounts: totals.accounts / now, own_logins };
        Some(super::score(&population, &features)).filter(|score| score.is_finite())
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.logins <= 0.0 && self.suspected == 0 && self.pending.is_none()
    }

    /// The account's own logins as of `at`, its devices, and its last success: what may be shown of it.
    pub fn summary(&self, at: Timestamp) -> (f64, Vec<KnownDevice>, Option<Success>) {
        let today = day(at).max(self.day);
        let devices = self.devices.iter().filter(|device| today - device.last <= FADES);
        (f64::from(self.logins) * left(today - self.day), devices.map(DeviceSeen::known).collect(), self.last)
    }

    /// How many values of each level are known.
    pub fn known_values(&self, at: Timestamp) -> [u32; LEVELS] {
        let today = day(at).max(self.day);
        let mut known = [0; LEVELS];
        for habit in self.habits.iter().filter(|habit| today - habit.day <= FADES) {
            if let Some(count) = known.get_mut(usize::from(habit.level)) {
                *count += 1;
            }
        }
        known
    }
}

impl DeviceSeen {
    fn known(&self) -> KnownDevice {
        KnownDevice { first: self.first, last: self.last, successes: self.successes, by_cookie: self.by_cookie }
    }
}

/// Everybody's logins that show one value, in units of [`weight`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Value {
    pub(crate) count: f64,
    /// When it was last shown.
    pub(crate) day: u16,
    /// Of a hierarchy's first level: what was first shown beside it, one a lower level.
    pub(crate) first: [u32; AGENT_LEVELS - 1],
    /// What else, with its level.
    #[expect(clippy::box_collection, reason = "few have any, and there are millions")]
    pub(crate) others: Option<Box<Vec<(u8, u32)>>>,
}

/// What the score needs of a [`Value`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shown {
    pub count: f64,
    /// Different values of the lower levels beside it.
    pub beside: f64,
}

impl Value {
    /// Counts a login that shows it at `level`. How much it adds to the number of different values.
    pub fn show(&mut self, login: &Login, level: usize) -> f64 {
        let today = day(login.at);
        let adds = self.adds(today);
        let lower = &login.shows.values[below(level)];
        for (place, &value) in lower.iter().enumerate() {
            let value = short(value);
            if self.count == 0.0 {
                self.first[place] = value;
            } else if self.first[place] != value {
                let others = self.others.get_or_insert_default();
                if others.len() < MOST_BESIDE && !others.contains(&(place as u8, value)) {
                    others.push((place as u8, value));
                }
            }
        }
        self.count += weight(today);
        self.day = self.day.max(today);
        adds
    }

    fn adds(&self, today: u16) -> f64 {
        match self.count > 0.0 {
            true => (weight(today) - weight(self.day)).max(0.0),
            false => weight(today),
        }
    }

    /// What a login shows below `level`, as it is told apart.
    pub fn below(login: &Login, level: usize) -> impl Iterator<Item = u32> {
        login.shows.values[below(level)].iter().map(|value| short(*value))
    }

    /// As a value of `level`.
    pub fn shown(&self, level: usize) -> Shown {
        let beside = below(level).len();
        let others = self.others.as_ref().map_or(0, |others| others.len());
        Shown { count: self.count, beside: if beside == 0 { 0.0 } else { (beside + others) as f64 } }
    }
}

/// Everybody's logins, in units of [`weight`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    pub logins: f64,
    /// Accounts, each worth what is left of it since its last login.
    pub accounts: f64,
    /// Different values of the levels below the first, likewise: of the address, of the User-Agent.
    pub below: [f64; 2],
}

impl Totals {
    /// What a login adds, beside what it adds to numbers of different things.
    pub fn of(login: &Login) -> Totals {
        Totals { logins: weight(day(login.at)), ..Totals::default() }
    }

    /// A value of `level` adds so much to the number of different values.
    pub fn distinct(&mut self, level: usize, adds: f64) {
        match level {
            0 | ADDRESS_LEVELS => {}
            level if level < ADDRESS_LEVELS => self.below[0] += adds,
            _ => self.below[1] += adds,
        }
    }

    pub fn add(&mut self, more: &Totals) {
        self.logins += more.logins;
        self.accounts += more.accounts;
        self.below[0] += more.below[0];
        self.below[1] += more.below[1];
    }
}

/// The live form in one object, without bounds on how many accounts and values there are: for measuring it, and for tests.
#[derive(Debug, Default)]
pub struct Live {
    profiles: HashMap<Pseudonym, Profile>,
    values: HashMap<u64, Value>,
    totals: Totals,
}

impl Live {
    /// Counts a login that was let through.
    pub fn add(&mut self, login: &Login) {
        let mut more = Totals::of(login);
        more.accounts = self.profiles.entry(login.account).or_default().learn(login);
        for (level, value) in login.shows.values.iter().enumerate() {
            more.distinct(level, self.values.entry(*value).or_default().show(login, level));
        }
        self.totals.add(&more);
    }

    /// What is known of the owner, as this login finds it.
    pub fn read(&self, login: &Login) -> Ownership {
        let shown = std::array::from_fn(|level| {
            self.values.get(&login.shows.values[level]).map(|value| value.shown(level)).unwrap_or_default()
        });
        let nobody = Profile::default();
        self.profiles.get(&login.account).unwrap_or(&nobody).read(login, &shown, &self.totals)
    }

    /// What the model says of a login that is not counted yet; `None` if the account has no earlier one.
    pub fn score(&self, login: &Login) -> Option<f64> {
        self.read(login).likelihood
    }
}

#[cfg(test)]
mod tests;
