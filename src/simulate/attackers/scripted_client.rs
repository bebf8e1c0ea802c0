//! Scripts that log in to their own account, as often as their clock says.

use super::{Attacker, Of};
use crate::simulate::campaign::{Attack, Draft, Kit, Launch, Pace, login, rented_machine, residential};
use crate::simulate::chance::Chance;
use crate::simulate::town::Town;
use std::net::IpAddr;

pub const ATTACKER: Attacker = Attacker {
    name: "scripted_client",
    summary: "a script with a library logs in to its owner's account with the right password, evenly over all the time: scrapers, monitors, home-made integrations",
    share: 0.5,
    of: Of::All,
    launch,
};

struct Script {
    owner: u64,
    kit: Kit,
    ip: IpAddr,
}

impl Attack for Script {
    fn attempt(&mut self, _: u64, _: &mut Chance, town: &mut Town) -> Draft {
        let owner = town.person(self.owner);
        login(town, &owner, town.password(&owner), self.kit.from(self.ip), self.kit.name.clone())
    }
}

fn launch(launch: &mut Launch<'_>) {
    launch.campaigns((50, 600), |town, chance, _| {
        let kit = Kit::library(chance);
        let home = chance.hit(0.4);
        let ip = if home { residential(town.mix.start.0, town, chance) } else { rented_machine(chance) };
        (Pace::Spread, Box::new(Script { owner: chance.below(u64::from(town.mix.accounts)), kit, ip }))
    });
}
