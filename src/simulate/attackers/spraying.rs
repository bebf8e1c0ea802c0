//! One to three passwords that somebody always has, tried on everybody.

use super::{Attacker, Of};
use crate::simulate::campaign::{Attack, Draft, Kit, Launch, Pace, login, rented_machine, residential, vpn_exit};
use crate::simulate::chance::Chance;
use crate::simulate::names::POPULAR;
use crate::simulate::people::person::STRANGERS;
use crate::simulate::town::Town;
use std::net::IpAddr;

pub const ATTACKER: Attacker = Attacker {
    name: "spraying",
    summary: "tries one to three popular passwords on thousands of names, more than half of them customers, from 5 to 30 addresses",
    share: 1.0,
    of: Of::All,
    launch,
};

struct Spray {
    kit: Kit,
    ips: Vec<IpAddr>,
    passwords: Vec<&'static str>,
}

impl Attack for Spray {
    fn attempt(&mut self, _: u64, chance: &mut Chance, town: &mut Town) -> Draft {
        let id = match chance.hit(0.6) {
            true => chance.below(u64::from(town.mix.accounts)),
            false => STRANGERS + chance.below(1 << 40),
        };
        let password = (*chance.pick(&self.passwords)).to_owned();
        let ip = *chance.pick(&self.ips);
        login(town, &town.person(id), password, self.kit.from(ip), self.kit.name.clone())
    }
}

fn launch(launch: &mut Launch<'_>) {
    launch.campaigns((800, 4_000), |town, chance, _| {
        let kit = if chance.hit(0.5) { Kit::library(chance) } else { Kit::impersonator(chance) };
        let start = town.mix.start.0;
        let source = chance.below(3);
        let ips = (0..chance.between(5, 30)).map(|_| match source {
            0 => rented_machine(chance),
            1 => vpn_exit(chance),
            _ => residential(start, town, chance),
        });
        let ips = ips.collect();
        let passwords = (0..chance.between(1, 3)).map(|_| *chance.pick(&POPULAR)).collect();
        (Pace::Random(chance.between(2_000, 15_000)), Box::new(Spray { kit, ips, passwords }))
    });
}
