//! One account, and guess after guess.

use super::{Attacker, Of};
use crate::simulate::campaign::{Attack, Draft, Kit, Launch, Pace, login, rented_machine, residential};
use crate::simulate::chance::Chance;
use crate::simulate::names::POPULAR;
use crate::simulate::town::Town;
use std::net::IpAddr;

pub const ATTACKER: Attacker = Attacker {
    name: "brute_force",
    summary: "guesses the password of one account 200 to 1,500 times, first the popular ones, then the owner's name with numbers, from one to twenty addresses",
    share: 1.0,
    of: Of::All,
    launch,
};

struct Guessing {
    victim: u64,
    kit: Kit,
    ips: Vec<IpAddr>,
    guesses: usize,
}

impl Attack for Guessing {
    fn attempt(&mut self, _: u64, chance: &mut Chance, town: &mut Town) -> Draft {
        let victim = town.person(self.victim);
        let (first, last) = victim.name;
        let guess = match POPULAR.get(self.guesses) {
            Some(popular) => (*popular).to_owned(),
            None => {
                let number = self.guesses - POPULAR.len() + 1;
                format!("{}{number}", if number.is_multiple_of(4) { last } else { first })
            }
        };
        self.guesses += 1;
        let ip = *chance.pick(&self.ips);
        login(town, &victim, guess, self.kit.from(ip), self.kit.name.clone())
    }
}

fn launch(launch: &mut Launch<'_>) {
    launch.campaigns((200, 1_500), |town, chance, _| {
        let kit = if chance.hit(0.7) { Kit::library(chance) } else { Kit::checker(chance) };
        let start = town.mix.start.0;
        let home = chance.hit(0.5);
        let count = if chance.hit(0.5) { 1 } else { chance.between(2, 20) };
        let ips =
            (0..count).map(|_| if home { residential(start, town, chance) } else { rented_machine(chance) }).collect();
        let victim = chance.below(u64::from(town.mix.accounts));
        (Pace::Even(chance.between(800, 9_000)), Box::new(Guessing { victim, kit, ips, guesses: 0 }))
    });
}
