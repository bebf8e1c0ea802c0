//! Innocents: who comes on a day, and when.
//!
//! The mix says how many attempts there shall be of each event; people are what they are. So what one sitting yields on
//! average (a login, its retries, the new password) is worked out beforehand, and how often everybody comes is scaled to it.
//! A day is planned whole, as a list of who begins when: that list is all that a day needs in memory.

pub mod person;
pub mod personas;
pub mod rhythm;
pub mod sitting;

use super::chance::Chance;
use super::mix::Mix;
use super::town::Town;
use person::Person;
use sitting::{Purpose, Sitting};

const DAY: u64 = 86_400_000;

/// A registration that fails at first is tried again.
const REGISTRATION_FAILS: f64 = 0.06;
/// A card is declined, and most try another.
const CARD_FAILS: f64 = 0.04;
const TRIES_ANOTHER_CARD: f64 = 0.7;
/// How often a retry fails again.
const RETRY_FAILS: f64 = 0.35;
/// Tries of one sitting at most.
const MOST_TRIES: u32 = 5;
/// After how many tries whoever asks for a new password does so, with how often.
const ASKS_AFTER: [(u32, f64); 3] = [(1, 0.5), (2, 0.3), (3, 0.2)];

/// How often what happens, so that the sums are the mix's.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Logins a day of an average account, over the table's.
    scale: f64,
    /// Of an average sitting's first tries, how many fail, over the persona's factor.
    first_fails: f64,
    /// Of sittings, how many begin with asking for a new password, over the persona's factor.
    asks_at_once: f64,
    /// Of sittings whose first try failed, how many end in asking for a new password.
    asks_after: f64,
    registrations: f64,
    checkouts: f64,
    /// The average of a day's business over the days, for who comes for work and for others.
    business: [f64; 2],
}

impl Rates {
    pub fn of(mix: &Mix) -> Rates {
        let wanted = mix.innocent();
        let first = mix.start.0 / DAY;
        let days = f64::from(mix.days);
        let average = |work: bool| (0..u64::from(mix.days)).map(|day| busy(work, first + day)).sum::<f64>() / days;
        let newcomers = wanted.registrations / (1.0 + REGISTRATION_FAILS);
        let people = f64::from(mix.accounts) + newcomers * (days - 1.0) / 2.0;
        // What a failed first try brings: retries until one works, or tries and then one with the new password.
        let retries: f64 = (0..MOST_TRIES as i32 - 1).map(|more| RETRY_FAILS.powi(more)).sum();
        let until_asked: f64 = ASKS_AFTER.iter().map(|(tries, share)| f64::from(*tries) * share).sum();
        let mut fails = mix.first_try_failure;
        let (mut at_once, mut after) = (0.0, 0.0);
        let mut sittings = wanted.logins;
        // Sittings, and how many of them need a new password, depend on each other: a few rounds settle it.
        for _ in 0..50 {
            let asked = if sittings > 0.0 { (wanted.resets / sittings).min(0.9) } else { 0.0 };
            after = (asked / 2.0 / fails.max(1e-9)).min(0.4);
            at_once = (asked - (1.0 - at_once) * fails * after).max(0.0);
            fails = (mix.first_try_failure / (1.0 - at_once)).min(0.9);
            let logins = at_once + (1.0 - at_once) * (1.0 + fails * ((1.0 - after) * retries + after * until_asked));
            sittings = wanted.logins / logins;
        }
        Rates {
            scale: sittings / (people * personas::average_logins()),
            first_fails: fails / personas::average(|persona| persona.failure),
            asks_at_once: at_once / personas::average(|persona| persona.forgets),
            asks_after: after,
            registrations: newcomers,
            checkouts: wanted.checkouts / (1.0 + CARD_FAILS * TRIES_ANOTHER_CARD),
            business: [average(false), average(true)],
        }
    }

    /// Logins that a person is expected to make on an average day.
    pub fn logins(&self, person: &Person) -> f64 {
        self.scale * person.persona.logins * person.diligence
    }
}

/// How busy a day is, for who comes for work and for others.
fn busy(work: bool, day: u64) -> f64 {
    match (work, rhythm::is_working_day(day)) {
        (true, true) => 1.25,
        (true, false) => 0.375,
        (false, _) => rhythm::business(day),
    }
}

/// That somebody begins something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Start {
    /// Milliseconds since the epoch.
    pub at: u64,
    pub person: u64,
    /// Which of the day's, so that each has chances of its own.
    pub which: u32,
    pub purpose: Purpose,
}

/// Everything that innocents begin on a day (counted from the epoch), the latest first.
pub fn plan(day: u64, town: &Town, rates: &Rates) -> Vec<Start> {
    let (seed, midnight) = (town.seed, day * DAY);
    let mut starts = Vec::new();
    for id in 0..town.registered() {
        let person = town.person(id);
        let work = person.persona.at_work > 0.5;
        let mean = rates.logins(&person) * busy(work, day) / rates.business[usize::from(work)];
        let times = Chance::of(seed, "comes", [id, day]).poisson(mean);
        for which in 0..times {
            let mut sitting = Sitting::new(town.person(id), Purpose::Login, day, which, town);
            starts.push(Start { at: midnight + sitting.moment(), person: id, which, purpose: Purpose::Login });
        }
    }
    let mut others = Chance::of(seed, "others", [day, 0]);
    let accounts = town.registered();
    let checkouts = others.whole(rates.checkouts * rhythm::business(day) / rates.business[0]);
    let registrations = others.whole(rates.registrations * rhythm::business(day) / rates.business[0]);
    for which in 0..checkouts {
        let (person, which) = (others.below(accounts), 1_000 + which as u32);
        let mut sitting = Sitting::new(town.person(person), Purpose::Checkout, day, which, town);
        starts.push(Start { at: midnight + sitting.moment(), person, which, purpose: Purpose::Checkout });
    }
    for which in 0..registrations {
        // Who it is, is settled when the time comes: newcomers have numbers in the order of their coming.
        let (at, which) = (midnight + rhythm::moment(person::Setting::Home, 0, &mut others), which as u32);
        starts.push(Start { at, person: 0, which, purpose: Purpose::Register });
    }
    starts.sort_unstable_by(|one, other| other.cmp(one));
    starts
}
