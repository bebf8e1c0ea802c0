//! Accounts in the names of nobody: random letters at a few providers.

use super::{Attacker, Of};
use crate::simulate::campaign::Launch;
use crate::simulate::chance::Chance;
use crate::simulate::forgery::{self, Inventor};
use crate::simulate::names::random_text;
use crate::simulate::town::Town;

pub const ATTACKER: Attacker = Attacker {
    name: "fake_registration_random",
    summary: "registers addresses of 8 to 14 random letters and digits, at big providers, throw-away ones or a domain of its own",
    share: 10.0,
    of: Of::Registrations,
    launch,
};

struct Letters {
    domains: Vec<String>,
}

impl Inventor for Letters {
    fn address(&mut self, _: &Town, chance: &mut Chance) -> String {
        let length = chance.between(8, 14) as usize;
        let local = random_text(b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789", length, chance);
        format!("{local}@{}", chance.pick(&self.domains))
    }
}

fn launch(launch: &mut Launch<'_>) {
    forgery::launch(launch, (40, 400), |_, chance| {
        let domains = match chance.below(4) {
            0 => ["mailinator.com", "guerrillamail.com", "yopmail.com"].map(str::to_owned).to_vec(),
            1 => vec![format!("{}.xyz", random_text(b"abcdefghijklmnopqrstuvwxyz", 9, chance))],
            _ => ["gmail.com", "outlook.com", "yahoo.com", "hotmail.com"].map(str::to_owned).to_vec(),
        };
        Letters { domains }
    });
}
