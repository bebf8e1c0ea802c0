//! How often owners are asked again, by how many logins of theirs are known, where a given share of thieves is stopped: the
//! figure by which the model was published.
//!
//! Thieves are played beside every login that is scored, so that each meets the history as it was then: with values of
//! earlier logins, since what nobody ever showed is easy to tell. The naive one is somewhere in the world, which is not where
//! the users are: from any of the countries, each as likely as another. Scores go into histograms of their logarithm (a
//! hundredth of a step of e), so that memory does not grow with the file.

use super::medians::{self, Median, Medians};
use crate::engine::freeman::history::{History, Login};
use std::collections::HashMap;

/// Earlier logins of the owner: from, to.
pub const SIZES: [(u64, u64); 9] =
    [(1, 1), (2, 2), (3, 3), (4, 5), (6, 8), (9, 12), (13, 20), (21, 50), (51, u64::MAX)];
/// Shares of thieves to be stopped.
const STOPPED: [f64; 3] = [0.9, 0.99, 0.999];
/// Who is played.
pub const ATTACKERS: [&str; 3] = ["naive", "vpn", "targeted"];
/// Addresses that are remembered of one country, or one network: the latest.
const REMEMBERED: usize = 64;
/// Bins of the histograms: a hundred for each factor of e, around a score of 1.
const BINS: usize = 8192;
const PER_E: f64 = 100.0;

#[derive(Default)]
pub struct Figure {
    owners: [Histogram; SIZES.len()],
    thieves: [Histogram; ATTACKERS.len()],
    /// Logins by country and by network, and any.
    countries: HashMap<u64, Recent>,
    /// The countries, in the order in which they were first seen.
    world: Vec<u64>,
    networks: HashMap<u64, Recent>,
    any: Recent,
    medians: Medians,
    /// Advances by a constant, and is mixed when it is asked (SplitMix64): the same file gives the same figure.
    state: u64,
}

/// Of one attacker.
pub struct Attacker {
    pub name: &'static str,
    pub rows: Vec<Shares>,
}

/// At one bar.
pub struct Shares {
    /// Of thieves, at least.
    pub stopped: f64,
    /// Of owners' logins.
    pub asked: f64,
    /// By [`SIZES`]; `None` where there was no login.
    pub by_size: [Option<f64>; SIZES.len()],
}

impl Figure {
    /// Counts a login that is about to be added to the history, and plays thieves on its account.
    pub fn add(&mut self, history: &History, login: &Login, score: f64) -> Played {
        let known = history.logins_of(login);
        if let Some(size) = SIZES.iter().position(|(least, most)| (*least..=*most).contains(&known)) {
            self.owners[size].add(score);
        }
        if let Some(user) = history.ordinal(login) {
            self.medians.add(user, known, place(score));
        }
        let [place, from, with] = [self.random(), self.random(), self.random()];
        let with = self.any.pick(with);
        let anywhere = self.world.get((place % (self.world.len() as u64).max(1)) as usize);
        let anywhere = anywhere.and_then(|country| self.countries.get(country)).and_then(|recent| recent.pick(from));
        let country = self.random();
        let country = self.countries.get(&login.country()).and_then(|recent| recent.pick(country));
        let network = self.random();
        let network = self.networks.get(&login.network()).and_then(|recent| recent.pick(network));
        let thieves = [
            anywhere.zip(with).map(|(from, with)| login.stolen(&from, &with)),
            country.zip(with).map(|(from, with)| login.stolen(&from, &with)),
            network.map(|from| login.stolen(&from, login)),
        ];
        for (histogram, thief) in self.thieves.iter_mut().zip(&thieves) {
            if let Some(score) = thief.as_ref().and_then(|thief| history.score(thief)) {
                histogram.add(score);
            }
        }
        thieves
    }

    /// Of each attacker: how often a thief is above an owner.
    pub fn areas(&self) -> [Option<f64>; ATTACKERS.len()] {
        let mut owners = Histogram::default();
        self.owners.iter().for_each(|some| owners.put(some));
        std::array::from_fn(|place| self.thieves[place].area_above(&owners))
    }

    /// Remembers a login as something that thieves may look like.
    pub fn learn(&mut self, login: &Login) {
        self.any.push(*login);
        let country = login.country();
        let world = &mut self.world;
        let recent = self.countries.entry(country).or_insert_with(|| {
            world.push(country);
            Recent::default()
        });
        recent.push(*login);
        self.networks.entry(login.network()).or_default().push(*login);
    }

    pub fn table(&self) -> Vec<Attacker> {
        let rows = |thieves: &Histogram| {
            let shares = |stopped: f64| {
                let bar = thieves.bar(stopped)?;
                let owners = self.owners.iter().fold((0, 0), |(above, all), owners| {
                    let (more, total) = owners.from(bar);
                    (above + more, all + total)
                });
                let share = |(above, all): (u64, u64)| (all > 0).then(|| above as f64 / all as f64);
                let by_size = std::array::from_fn(|size| share(self.owners[size].from(bar)));
                Some(Shares { stopped, asked: share(owners)?, by_size })
            };
            STOPPED.iter().filter_map(|stopped| shares(*stopped)).collect()
        };
        let attackers = ATTACKERS.iter().zip(&self.thieves);
        attackers.map(|(name, thieves)| Attacker { name, rows: rows(thieves) }).collect()
    }

    /// By attacker and [`medians::STOPPED`]: how often the middle user is asked again. `None` where nobody was played.
    pub fn medians(&self) -> [[Option<[Median; medians::SIZES.len()]>; medians::STOPPED.len()]; ATTACKERS.len()] {
        let at = |thieves: usize, stopped: f64| Some(self.medians.at_bar(self.thieves[thieves].bar(stopped)?));
        std::array::from_fn(|thieves| medians::STOPPED.map(|stopped| at(thieves, stopped)))
    }

    fn random(&mut self) -> u64 {
        random(&mut self.state)
    }
}

/// Thieves that were played beside a login, by attacker.
pub type Played = [Option<Login>; ATTACKERS.len()];

/// The next number of a state that advances by a constant (SplitMix64).
pub fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The latest logins of some kind.
#[derive(Default)]
struct Recent {
    logins: Vec<Login>,
    next: usize,
}

impl Recent {
    fn push(&mut self, login: Login) {
        if self.logins.len() < REMEMBERED {
            return self.logins.push(login);
        }
        self.logins[self.next] = login;
        self.next = (self.next + 1) % REMEMBERED;
    }

    fn pick(&self, random: u64) -> Option<Login> {
        let place = (random % (self.logins.len() as u64).max(1)) as usize;
        self.logins.get(place).copied()
    }
}

/// The bin of a score.
fn place(score: f64) -> usize {
    // Saturates, which is what is wanted at both ends.
    ((score.ln() * PER_E + BINS as f64 / 2.0).max(0.0) as usize).min(BINS - 1)
}

/// Scores, by bins of their logarithm.
pub struct Histogram {
    bins: Box<[u64]>,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { bins: vec![0; BINS].into() }
    }
}

impl Histogram {
    pub fn add(&mut self, score: f64) {
        self.bins[place(score)] += 1;
    }

    fn put(&mut self, other: &Histogram) {
        self.bins.iter_mut().zip(&other.bins).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// The chance that one of these is above one of `others`, a tie counting half; `None` unless there are both.
    pub fn area_above(&self, others: &Histogram) -> Option<f64> {
        let (mut below, mut area) = (0.0, 0.0);
        for (mine, theirs) in self.bins.iter().zip(&others.bins) {
            area += *mine as f64 * (below + *theirs as f64 / 2.0);
            below += *theirs as f64;
        }
        let all = self.bins.iter().sum::<u64>() as f64 * below;
        (all > 0.0).then(|| area / all)
    }

    /// The highest bin from which on at least this share lies; `None` if it is empty.
    fn bar(&self, share: f64) -> Option<usize> {
        let all: u64 = self.bins.iter().sum();
        let mut above = 0;
        (0..BINS).rev().find(|bin| {
            above += self.bins[*bin];
            above > 0 && above as f64 >= share * all as f64
        })
    }

    /// How many lie in this bin or above it, and all.
    fn from(&self, bar: usize) -> (u64, u64) {
        (self.bins[bar..].iter().sum(), self.bins.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_stops_the_share_that_it_promises() {
        let mut thieves = Histogram::default();
        for score in 1..=1000 {
            thieves.add(f64::from(score));
        }
        for share in STOPPED {
            let (above, all) = thieves.from(thieves.bar(share).unwrap());
            assert!((share..share + 0.02).contains(&(above as f64 / all as f64)), "{share}: {above} of {all}");
        }
        assert_eq!(Histogram::default().bar(0.9), None);
        thieves.add(0.0);
        thieves.add(f64::INFINITY);
    }

    #[test]
    fn owners_who_are_known_better_are_asked_less() {
        let mut history = History::default();
        let mut figure = Figure::default();
        for round in 0..40u32 {
            for person in 0..50u32 {
                let text = |what: u32| format!("{}", (person * 7 + what) % 50);
                let moved = if (round + person) % 9 == 0 { round } else { 0 };
                let login = Login::of(
                    person.to_string().as_bytes(),
                    [format!("{person}.{moved}").as_bytes(), text(1).as_bytes(), b"DE"],
                    [text(2).as_bytes(), text(3).as_bytes(), b"Linux", b"desktop"],
                );
                if let Some(score) = history.score(&login) {
                    figure.add(&history, &login, score);
                }
                figure.learn(&login);
                history.add(&login);
            }
        }
        let table = figure.table();
        assert_eq!(table.iter().map(|attacker| attacker.name).collect::<Vec<_>>(), ATTACKERS);
        let naive = &table[0].rows[1];
        assert!(naive.asked < 0.05, "{}", naive.asked);
        let targeted = &table[2].rows[1];
        assert!(targeted.asked > naive.asked, "thieves who know more cost owners more");
    }
}
