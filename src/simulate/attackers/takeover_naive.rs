//! The right password, from anywhere, with any browser.

use super::{Attacker, Of};
use crate::simulate::campaign::{Attack, Draft, Kit, Launch, Pace, login, rented_machine, residential, vpn_exit};
use crate::simulate::chance::Chance;
use crate::simulate::town::Town;

pub const ATTACKER: Attacker = Attacker {
    name: "takeover_naive",
    summary: "has the right password, and logs in from any country with any browser",
    share: 0.05,
    of: Of::All,
    launch,
};

struct Thief;

impl Attack for Thief {
    fn attempt(&mut self, at: u64, chance: &mut Chance, town: &mut Town) -> Draft {
        let victim = town.person(chance.below(u64::from(town.mix.accounts)));
        let kit = Kit::impersonator(chance);
        let ip = match chance.below(3) {
            0 => rented_machine(chance),
            1 => vpn_exit(chance),
            _ => residential(at, town, chance),
        };
        let (sender, persona) = (kit.from(ip), "naive".into());
        login(town, &victim, town.password(&victim), sender, persona)
    }
}

fn launch(launch: &mut Launch<'_>) {
    launch.campaigns((500, 1_000), |_, _, _| (Pace::Spread, Box::new(Thief)));
}
