//! Everybody's logins, counted exactly and for ever: what the model was published with, for evaluation and as the measure
//! of the bounded form. Values are kept as 64-bit hashes (two of ten million are taken for one in three of a million
//! histories) and what is usual is small, so that tens of millions of logins fit on a laptop: a value that always shows the
//! same values below it, which nearly every address and User-Agent does, takes no list for them.

use super::{ADDRESS, AGENT, Feature, Population, score};
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// Most levels of a hierarchy.
const LEVELS: usize = 4;
/// Address and User-Agent with what is below them.
const HIERARCHIES: [&[f64]; 2] = [&ADDRESS, &AGENT];

/// One login: whose, from where, with what.
#[derive(Clone, Copy, Debug)]
pub struct Login {
    account: u64,
    values: [[u64; LEVELS]; 2],
}

impl Login {
    /// `address`: the address, its network's number, its country. `agent`: User-Agent, browser, system, kind of device.
    pub fn of(account: &[u8], address: [&[u8]; 3], agent: [&[u8]; 4]) -> Login {
        let [ip, asn, country] = address.map(hash);
        Login { account: hash(account), values: [[ip, asn, country, 0], agent.map(hash)] }
    }

    /// On this login's account, from the address of another, with the browser of a third.
    pub fn stolen(&self, from: &Login, with: &Login) -> Login {
        Login { account: self.account, values: [from.values[0], with.values[1]] }
    }

    /// The account's hash.
    pub fn account(&self) -> u64 {
        self.account
    }

    /// The hashes of what it shows: the levels of the address, then of the User-Agent.
    pub fn levels(&self) -> [u64; 7] {
        let [[ip, asn, country, _], [agent, browser, system, device]] = self.values;
        [ip, asn, country, agent, browser, system, device]
    }

    /// The hash of the network's number.
    pub fn network(&self) -> u64 {
        self.values[0][1]
    }

    /// The hash of the country.
    pub fn country(&self) -> u64 {
        self.values[0][2]
    }
}

fn hash(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Keys are hashes already.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

type ByHash<V> = HashMap<u64, V, BuildHasherDefault<Same>>;

/// See the module.
#[derive(Default)]
pub struct History {
    logins: u64,
    accounts: ByHash<Own>,
    hierarchies: [Hierarchy; 2],
}

#[derive(Default)]
struct Hierarchy {
    tops: ByHash<Top>,
    /// By level, of the ones below the top.
    below: [ByHash<u32>; LEVELS - 1],
}

/// A value of the highest level.
struct Top {
    count: u32,
    /// What was first shown beside it.
    first: [u64; LEVELS - 1],
    /// What else, with its level.
    #[expect(clippy::box_collection, reason = "few have any, and there are millions")]
    others: Option<Box<Vec<(u8, u64)>>>,
}

/// One account's logins.
#[derive(Default)]
struct Own {
    logins: u32,
    /// How many accounts came before.
    ordinal: u32,
    counts: Vec<OwnCount>,
}

#[derive(Clone, Copy)]
struct OwnCount {
    value: u64,
    hierarchy: u8,
    level: u8,
    count: u32,
}

impl History {
    /// Counts a login.
    pub fn add(&mut self, login: &Login) {
        self.logins += 1;
        // An account beyond the last number shares it, which nobody notices before four billion.
        let ordinal = u32::try_from(self.accounts.len()).unwrap_or(u32::MAX);
        let own = self.accounts.entry(login.account).or_insert_with(|| Own { ordinal, ..Own::default() });
        own.logins += 1;
        for (place, weights) in HIERARCHIES.iter().enumerate() {
            let values = &login.values[place][..weights.len()];
            self.hierarchies[place].add(values);
            for (level, &value) in values.iter().enumerate() {
                own.add(place as u8, level as u8, value);
            }
        }
    }

    /// How many logins were counted, of how many accounts.
    pub fn size(&self) -> (u64, u64) {
        (self.logins, self.accounts.len() as u64)
    }

    /// How many earlier logins the account has.
    pub fn logins_of(&self, login: &Login) -> u64 {
        self.accounts.get(&login.account).map_or(0, |own| u64::from(own.logins))
    }

    /// The account's number, from 0, in the order in which they first came; `None` if it has not come.
    pub fn ordinal(&self, login: &Login) -> Option<u32> {
        self.accounts.get(&login.account).map(|own| own.ordinal)
    }

    /// What the model says of a login that is not counted yet; `None` if the account has no earlier one.
    pub fn score(&self, login: &Login) -> Option<f64> {
        let own = self.accounts.get(&login.account)?;
        let population = Population {
            logins: self.logins as f64,
            accounts: self.accounts.len() as f64,
            own_logins: f64::from(own.logins),
        };
        let mut all = [[0.0; LEVELS]; 2];
        let mut mine = [[0.0; LEVELS]; 2];
        for (place, weights) in HIERARCHIES.iter().enumerate() {
            for level in 0..weights.len() {
                let value = login.values[place][level];
                all[place][level] = self.hierarchies[place].count(level, value);
                mine[place][level] = own.count(place as u8, level as u8, value);
            }
        }
        let feature = |place: usize| {
            let weights = HIERARCHIES[place];
            Feature {
                weights,
                all: &all[place][..weights.len()],
                own: &mine[place][..weights.len()],
                distinct_below: self.hierarchies[place].distinct_below(),
                distinct_beside: self.hierarchies[place].distinct_beside(login.values[place][0], weights.len() - 1),
            }
        };
        Some(score(&population, &[feature(0), feature(1)]))
    }
}

impl Hierarchy {
    fn add(&mut self, values: &[u64]) {
        let (top, lower) = (values[0], &values[1..]);
        let entry = self.tops.entry(top).or_insert_with(|| {
            let mut first = [0; LEVELS - 1];
            first[..lower.len()].copy_from_slice(lower);
            Top { count: 0, first, others: None }
        });
        entry.count += 1;
        for (level, &value) in lower.iter().enumerate() {
            if entry.first[level] != value {
                let others = entry.others.get_or_insert_default();
                if !others.contains(&(level as u8, value)) {
                    others.push((level as u8, value));
                }
            }
            *self.below[level].entry(value).or_default() += 1;
        }
    }

    fn count(&self, level: usize, value: u64) -> f64 {
        let count = match level.checked_sub(1) {
            None => self.tops.get(&value).map(|top| top.count),
            Some(lower) => self.below[lower].get(&value).copied(),
        };
        f64::from(count.unwrap_or(0))
    }

    fn distinct_below(&self) -> f64 {
        self.below.iter().map(HashMap::len).sum::<usize>() as f64
    }

    /// `levels`: how many there are below.
    fn distinct_beside(&self, top: u64, levels: usize) -> f64 {
        let others = |top: &Top| top.others.as_ref().map_or(0, |others| others.len());
        self.tops.get(&top).map_or(0, |top| levels + others(top)) as f64
    }
}

impl Own {
    fn add(&mut self, hierarchy: u8, level: u8, value: u64) {
        let known = self.counts.iter_mut().find(|own| own.is(hierarchy, level, value));
        match known {
            Some(own) => own.count += 1,
            None => self.counts.push(OwnCount { value, hierarchy, level, count: 1 }),
        }
    }

    fn count(&self, hierarchy: u8, level: u8, value: u64) -> f64 {
        self.counts.iter().find(|own| own.is(hierarchy, level, value)).map_or(0.0, |own| f64::from(own.count))
    }
}

impl OwnCount {
    fn is(&self, hierarchy: u8, level: u8, value: u64) -> bool {
        self.value == value && self.hierarchy == hierarchy && self.level == level
    }
}
