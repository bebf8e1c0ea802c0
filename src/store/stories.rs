//! Who is unusual: stories of weeks, told to a store and judged by the engine, attempt by attempt.

use super::conformance::{NOON, name, network};
use super::memory::{Limits, Memory};
use super::*;
use crate::engine::assessment::{Assessment, Model, assess};
use crate::engine::evidence::Evidence;
use crate::engine::fixture;

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// A gate without sockets: what it counts, and what it makes of that.
struct Gate {
    memory: Memory,
    model: Model,
    count: u128,
}

impl Gate {
    fn new() -> Gate {
        Gate { memory: Memory::new(Limits::of_entries(10_000)), model: Model::default(), count: 0 }
    }

    /// An attempt at so many seconds, from an address, on an account (which has a device of its own). What was seen of it.
    fn attempt(&mut self, at: u64, from: u32, whom: u64, outcome: Outcome) -> Assessment {
        self.count += 1;
        let (id, at) = (AttemptId(self.count), NOON.after(Duration::from_secs(at)));
        let accounts = [name(whom)];
        let history = self.memory.observe(&Observation {
            id,
            at,
            event: Event::Login,
            network: network(from),
            device: DeviceKey::Cookie(name(whom + 1_000_000)),
            cookie: None,
            told_apart: true,
            card: None,
            spelled: false,
            velocities: &[],
            accounts: &accounts,
        });
        let assessment = assess(&Evidence { history: Some(history), ..fixture::evidence() }, &self.model);
        let teaches = assessment.teaches();
        self.memory.settle(&Settlement { teaches, ..Settlement::new(id, outcome, at) });
        assessment
    }

    /// So many people who sign in within an hour, every tenth with a typing error first. How many attempts were unusual.
    fn morning(&mut self, at: u64, from: u32, people: u64) -> usize {
        let mut unusual = 0;
        for person in 0..people {
            let at = at + person * HOUR / people;
            if person % 10 == 0 {
                unusual += usize::from(is_unusual(&self.attempt(at, from, person, Outcome::Failed)));
            }
            unusual += usize::from(is_unusual(&self.attempt(at, from, person, Outcome::Succeeded)));
        }
        unusual
    }
}

fn is_unusual(assessment: &Assessment) -> bool {
    assessment.fired.names().any(|name| name == "high_activity_ip")
}

/// Whether a day of `NOON`'s calendar is one of work.
fn is_workday(day: u64) -> bool {
    day % 7 < 5
}

const OFFICE: u32 = 1;
const NEWCOMER: u32 = 2;
const ATTACKER: u32 = 3;

#[test]
fn an_office_is_quiet_after_some_mornings_and_the_same_burst_of_a_newcomer_is_not() {
    let mut gate = Gate::new();
    let mut unusual = Vec::new();
    for day in 0..21 {
        let people = if is_workday(day) { 300 } else { 3 };
        unusual.push(gate.morning(day * DAY, OFFICE, people));
    }
    assert!(unusual[0] > 0, "three hundred from an address that nobody knew");
    assert_eq!(unusual[7..].iter().sum::<usize>(), 0, "from the second week on nothing is unusual: {unusual:?}");
    assert!(gate.morning(20 * DAY + 2 * HOUR, NEWCOMER, 300) > 0);
    // And the office is not free to do what it likes.
    assert!(gate.morning(21 * DAY, OFFICE, 1_500) > 0);
}

#[test]
fn who_was_away_for_long_is_a_newcomer_again() {
    let mut gate = Gate::new();
    for day in 0..21 {
        gate.morning(day * DAY, OFFICE, 300);
    }
    assert_eq!(gate.morning(22 * DAY, OFFICE, 300), 0);
    assert_eq!(gate.morning(29 * DAY, OFFICE, 300), 0, "a week of holidays changes nothing");
    assert!(gate.morning((29 + 84) * DAY, OFFICE, 300) > 0);
}

#[test]
fn who_is_always_busy_is_as_always() {
    let mut gate = Gate::new();
    let mut unusual = 0;
    // A program that logs in once a minute, day and night.
    for minute in 0..20 * DAY / MINUTE {
        let seen = is_unusual(&gate.attempt(minute * MINUTE, OFFICE, 1, Outcome::Succeeded));
        unusual += usize::from(seen);
    }
    assert_eq!(unusual, 0);
}

#[test]
fn a_thief_who_grows_slowly_teaches_nothing() {
    let mut gate = Gate::new();
    // Twice as much every eight hours for four days, with two good passwords in a hundred.
    let (mut at, mut whom, mut first) = (0, 0, None);
    for step in 0..12u32 {
        let each_hour = 2u64 << step.min(9);
        for nth in 0..8 * each_hour {
            at = u64::from(step) * 8 * HOUR + nth * HOUR / each_hour;
            whom += 1;
            let outcome = if whom % 50 == 0 { Outcome::Succeeded } else { Outcome::Failed };
            if is_unusual(&gate.attempt(at, ATTACKER, whom, outcome)) && first.is_none() {
                first = Some(each_hour);
            }
        }
    }
    assert_eq!(first, Some(128), "as with the first of a newcomer");
    let history =
        gate.memory.observe(&super::conformance::login(0, NOON.after(Duration::from_secs(at + DAY)), ATTACKER, &[]));
    assert!(history.network.usual_hour.mean < 10.0, "{:?}", history.network.usual_hour);
}

#[test]
fn who_floods_with_good_passwords_teaches_a_day_at_a_time() {
    let mut gate = Gate::new();
    // Somebody with as many accounts of their own as they like, a thousand an hour, every hour.
    for nth in 0..5 * 24 * 1_000 {
        gate.attempt(nth * HOUR / 1_000, ATTACKER, nth % 5_000, Outcome::Succeeded);
    }
    let at = NOON.after(Duration::from_secs(6 * DAY));
    let history = gate.memory.observe(&super::conformance::login(0, at, ATTACKER, &[]));
    let usual = history.network.usual_hour;
    assert!(usual.mean < 4.0 * 150.0, "{usual:?}");
}
