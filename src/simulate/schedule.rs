//! Everybody's actions in the order of time: one queue of who acts next, and a day's plan of who begins.
//!
//! An actor is asked when its time has come, acts once, and says when it acts again. So actors see each other's deeds in the
//! order in which they happen (a password that was changed is changed for the attacker of the next second), and nothing has
//! to be sorted that is longer than a day's list of beginnings.

use super::attackers;
use super::mix::Mix;
use super::people::sitting::{Purpose, Sitting};
use super::people::{self, Rates, Start};
use super::town::Town;
use crate::attempt_file::LabelledAttempt;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

const DAY: u64 = 86_400_000;

/// Whoever does something.
pub trait Actor {
    /// Does what is due.
    fn act(&mut self, at: u64, town: &mut Town) -> Act;
}

/// What an actor did.
#[derive(Default)]
pub struct Act {
    pub attempt: Option<LabelledAttempt<'static>>,
    /// When it acts again, in milliseconds since the epoch; never if it is done.
    pub next: Option<u64>,
}

/// An actor who waits.
struct Waiting {
    at: u64,
    /// Who was earlier in line acts first at the same moment, so that the order is the same each time.
    turn: u64,
    actor: Box<dyn Actor>,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Waiting) -> Ordering {
        (self.at, self.turn).cmp(&(other.at, other.turn))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Waiting) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Waiting) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

/// Labelled traffic, an attempt at a time, in time order. The same mix and seed give the same attempts on every machine.
pub struct Simulation {
    town: Town,
    rates: Rates,
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// Of the day that was planned last, the latest first.
    plan: Vec<Start>,
    /// Days that were planned.
    planned: u32,
    turn: u64,
}

impl Simulation {
    pub fn new(mix: Mix, seed: u64) -> Simulation {
        let rates = Rates::of(&mix);
        let mut simulation = Simulation {
            town: Town::new(seed, mix),
            rates,
            waiting: BinaryHeap::new(),
            plan: Vec::new(),
            planned: 0,
            turn: 0,
        };
        for (at, actor) in attackers::launch(&simulation.town) {
            simulation.wait(at, actor);
        }
        simulation
    }

    fn wait(&mut self, at: u64, actor: Box<dyn Actor>) {
        // What would be after the end does not happen.
        if at < self.town.mix.end() {
            self.turn += 1;
            self.waiting.push(Reverse(Waiting { at, turn: self.turn, actor }));
        }
    }

    /// How many wait, for what is said about memory.
    pub fn waiting(&self) -> usize {
        self.waiting.len() + self.plan.len()
    }

    fn begin(&mut self, start: Start) {
        let town = &mut self.town;
        let person = match start.purpose {
            Purpose::Register => match town.newcomer() {
                Some(id) => id,
                None => return,
            },
            _ => start.person,
        };
        let sitting = Sitting::new(town.person(person), start.purpose, start.at / DAY, start.which, town);
        let actor = sitting.begin(start.at, &self.rates, town);
        self.wait(start.at, Box::new(actor));
    }
}

impl Iterator for Simulation {
    type Item = LabelledAttempt<'static>;

    fn next(&mut self) -> Option<LabelledAttempt<'static>> {
        loop {
            let actor = self.waiting.peek().map(|Reverse(waiting)| waiting.at);
            let start = self.plan.last().map(|start| start.at);
            let midnight = self.town.mix.start.0 + u64::from(self.planned) * DAY;
            let tomorrow = [actor, start].into_iter().flatten().all(|at| at >= midnight);
            if self.planned < self.town.mix.days && tomorrow {
                self.plan = people::plan(midnight / DAY, &self.town, &self.rates);
                self.planned += 1;
                continue;
            }
            if let Some(begins) = start.filter(|start| actor.is_none_or(|actor| *start <= actor)) {
                let Some(start) = self.plan.pop() else { continue };
                debug_assert_eq!(start.at, begins);
                self.begin(start);
                continue;
            }
            let Reverse(Waiting { at, mut actor, .. }) = self.waiting.pop()?;
            let act = actor.act(at, &mut self.town);
            if let Some(next) = act.next {
                self.wait(next.max(at), actor);
            }
            if act.attempt.is_some() {
                return act.attempt;
            }
        }
    }
}
