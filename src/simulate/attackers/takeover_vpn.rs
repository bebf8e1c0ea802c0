//! The right password, through a VPN's exit in the victim's country.

use super::{Attacker, Of};
use crate::simulate::campaign::{Attack, Draft, Kit, Launch, Pace, login, vpn_exit_in};
use crate::simulate::chance::Chance;
use crate::simulate::town::Town;

pub const ATTACKER: Attacker = Attacker {
    name: "takeover_vpn",
    summary: "has the right password, and logs in through a VPN in the victim's country with any browser",
    share: 0.05,
    of: Of::All,
    launch,
};

struct Thief;

impl Attack for Thief {
    fn attempt(&mut self, _: u64, chance: &mut Chance, town: &mut Town) -> Draft {
        let victim = town.person(chance.below(u64::from(town.mix.accounts)));
        let kit = Kit::impersonator(chance);
        let ip = vpn_exit_in(victim.place.country(), chance);
        let (sender, persona) = (kit.from(ip), "vpn".into());
        login(town, &victim, town.password(&victim), sender, persona)
    }
}

fn launch(launch: &mut Launch<'_>) {
    launch.campaigns((500, 1_000), |_, _, _| (Pace::Spread, Box::new(Thief)));
}
