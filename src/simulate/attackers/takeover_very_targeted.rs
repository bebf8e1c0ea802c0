//! The right password with everything that malware on the victim's computer collected beside it.

use super::{Attacker, Of};
use crate::simulate::campaign::{Attack, Draft, Launch, Pace, login, residential};
use crate::simulate::chance::Chance;
use crate::simulate::people::person::Device;
use crate::simulate::town::{Client, Sender, Town};
use std::net::IpAddr;

pub const ATTACKER: Attacker = Attacker {
    name: "takeover_very_targeted",
    summary: "has the right password, the victim's exact headers, and an address of the victim's neighbourhood; one in seven has the cookies too",
    share: 0.05,
    of: Of::All,
    launch,
};

struct Thief;

impl Attack for Thief {
    fn attempt(&mut self, at: u64, chance: &mut Chance, town: &mut Town) -> Draft {
        let victim = town.person(chance.below(u64::from(town.mix.accounts)));
        let day = at / 86_400_000;
        // The neighbourhood is a matter of the household, the address of the day: a day of long ago is another address there.
        let network = victim.home_network();
        let away = day.saturating_sub(chance.between(40, 4_000));
        let ip = match network.map(|network| network.of_home(town.seed, victim.household, away, away)) {
            // Where addresses stay, the thief is next door.
            Some(IpAddr::V4(ip)) => IpAddr::V4((u32::from(ip) ^ (1 + chance.below(254)) as u32).into()),
            Some(six) => six,
            None => residential(at, town, chance),
        };
        let device = if chance.hit(0.5) { Device::Phone } else { Device::Computer };
        let theirs = victim.equipment(device, day);
        let client = Client::from((&victim, &theirs));
        let cookies = if chance.below(7) == 0 { town.stolen_jar(&victim, device) } else { None };
        let (sender, persona) = (Sender { ip, client, device: cookies }, "very_targeted".into());
        login(town, &victim, town.password(&victim), sender, persona)
    }
}

fn launch(launch: &mut Launch<'_>) {
    launch.campaigns((500, 1_000), |_, _, _| (Pace::Spread, Box::new(Thief)));
}
