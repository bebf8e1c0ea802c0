//! Whole lists of leaked pairs, as fast as a machine or three can try them.

use super::{Attacker, Of};
use crate::simulate::campaign::{Attack, Draft, Kit, Launch, Leak, Pace, rented_machine};
use crate::simulate::chance::Chance;
use crate::simulate::town::Town;
use std::net::IpAddr;

pub const ATTACKER: Attacker = Attacker {
    name: "bulk_stuffing",
    summary: "tries lists of leaked pairs from one to three rented machines, 2 to 15 a second, with a checker, a library or a copied browser",
    share: 6.0,
    of: Of::All,
    launch,
};

struct Bulk {
    leak: Leak,
    kit: Kit,
    machines: Vec<IpAddr>,
}

impl Attack for Bulk {
    fn attempt(&mut self, _: u64, chance: &mut Chance, town: &mut Town) -> Draft {
        let ip = *chance.pick(&self.machines);
        self.leak.attempt(town, &self.kit, ip)
    }
}

fn launch(launch: &mut Launch<'_>) {
    launch.campaigns((2_000, 12_000), |_, chance, _| {
        let kit = match chance.below(10) {
            0..=3 => Kit::checker(chance),
            4..=6 => Kit::library(chance),
            _ => Kit::impersonator(chance),
        };
        let machines = (0..chance.between(1, 3)).map(|_| rented_machine(chance)).collect();
        let attack = Bulk { leak: Leak::new(0.12, chance), kit, machines };
        (Pace::Random(chance.between(65, 500)), Box::new(attack))
    });
}
