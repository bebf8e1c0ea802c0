//! New passwords asked for: for many accounts from one place, or for one account without end.

use super::{Attacker, Of};
use crate::attempt_file::Fields;
use crate::engine::event::Event;
use crate::engine::outcome::Outcome;
use crate::simulate::campaign::{Attack, Draft, Kit, Launch, Pace, rented_machine, residential};
use crate::simulate::chance::Chance;
use crate::simulate::people::person::STRANGERS;
use crate::simulate::town::Town;
use std::net::IpAddr;

pub const ATTACKER: Attacker = Attacker {
    name: "reset_flood",
    summary: "asks for new passwords: for hundreds of accounts to learn which exist, or for one account to annoy its owner",
    share: 10.0,
    of: Of::Resets,
    launch,
};

struct Flood {
    /// None: everybody's.
    victim: Option<u64>,
    kit: Kit,
    ips: Vec<IpAddr>,
}

impl Attack for Flood {
    fn attempt(&mut self, _: u64, chance: &mut Chance, town: &mut Town) -> Draft {
        let id = self.victim.unwrap_or_else(|| match chance.hit(0.4) {
            true => chance.below(u64::from(town.mix.accounts)),
            false => STRANGERS + chance.below(1 << 40),
        });
        let email = town.email(&town.person(id));
        let persona = if self.victim.is_some() { "one_account" } else { "many_accounts" };
        let fields = Fields { account: Some(email.clone().into()), email: Some(email.into()), ..Fields::default() };
        let outcome = if id < STRANGERS { Outcome::Succeeded } else { Outcome::Failed };
        let ip = *chance.pick(&self.ips);
        Draft { event: Event::Reset, sender: self.kit.from(ip), fields, outcome, persona: persona.into() }
    }
}

fn launch(launch: &mut Launch<'_>) {
    launch.campaigns((30, 300), |town, chance, _| {
        let kit = if chance.hit(0.6) { Kit::library(chance) } else { Kit::impersonator(chance) };
        let victim = chance.hit(0.4).then(|| chance.below(u64::from(town.mix.accounts)));
        let start = town.mix.start.0;
        let home = chance.hit(0.4);
        let ips = (0..chance.between(1, 4))
            .map(|_| if home { residential(start, town, chance) } else { rented_machine(chance) });
        let ips = ips.collect();
        (Pace::Random(chance.between(1_000, 30_000)), Box::new(Flood { victim, kit, ips }))
    });
}
