//! The right password, the victim's provider, and a browser of the victim's kind.

use super::{Attacker, Of};
use crate::simulate::browsers;
use crate::simulate::campaign::{Attack, Draft, Launch, Pace, login, residential};
use crate::simulate::chance::Chance;
use crate::simulate::people::person::Device;
use crate::simulate::town::{Client, Sender, Town};

pub const ATTACKER: Attacker = Attacker {
    name: "takeover_targeted",
    summary: "has the right password, and logs in from the victim's own provider with a browser of the same system and in the same language",
    share: 0.05,
    of: Of::All,
    launch,
};

struct Thief;

impl Attack for Thief {
    fn attempt(&mut self, at: u64, chance: &mut Chance, town: &mut Town) -> Draft {
        let victim = town.person(chance.below(u64::from(town.mix.accounts)));
        // Another home of the same provider: the password came with the address that it was typed at.
        let day = at / 86_400_000;
        let network = victim.home_network();
        let ip = match network {
            Some(network) => network.of_home(chance.draw(), 1, day, 0),
            None => residential(at, town, chance),
        };
        let device = if chance.hit(0.5) { Device::Phone } else { Device::Computer };
        let theirs = victim.equipment(device, day);
        let browser = browsers::browser_of(theirs.browser.browser().system, chance);
        let client = Client::Browser { browser, http: theirs.http, languages: victim.place.languages[0] };
        let (sender, persona) = (Sender { ip, client, device: None }, "targeted".into());
        login(town, &victim, town.password(&victim), sender, persona)
    }
}

fn launch(launch: &mut Launch<'_>) {
    launch.campaigns((500, 1_000), |_, _, _| (Pace::Spread, Box::new(Thief)));
}
