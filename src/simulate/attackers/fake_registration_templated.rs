//! Accounts after a pattern: names as people have them, with numbers as programs make them.

use super::{Attacker, Of};
use crate::simulate::campaign::Launch;
use crate::simulate::chance::Chance;
use crate::simulate::forgery::{self, Inventor};
use crate::simulate::names;
use crate::simulate::places::PLACES;
use crate::simulate::town::Town;

pub const ATTACKER: Attacker = Attacker {
    name: "fake_registration_templated",
    summary: "registers addresses of one pattern a campaign, as `anna.smith4821` or `jsmith03719`, at one provider",
    share: 10.0,
    of: Of::Registrations,
    launch,
};

struct Pattern {
    provider: &'static str,
    digits: u32,
    style: u64,
    place: usize,
}

impl Inventor for Pattern {
    fn address(&mut self, _: &Town, chance: &mut Chance) -> String {
        let (first, last) = names::name(&PLACES[self.place], chance);
        let number = chance.below(10u64.pow(self.digits));
        let width = self.digits as usize;
        let local = match self.style {
            0 => format!("{first}.{last}{number:0width$}"),
            1 => format!("{}{last}{number:0width$}", &first[..1]),
            2 => format!("{first}{last}{number:0width$}"),
            _ => format!("{last}_{first}_{number:0width$}"),
        };
        format!("{local}@{}", self.provider)
    }
}

fn launch(launch: &mut Launch<'_>) {
    forgery::launch(launch, (60, 500), |_, chance| Pattern {
        provider: chance.pick::<&str>(&["gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "proton.me"]),
        digits: chance.between(3, 6) as u32,
        style: chance.below(4),
        place: chance.below(6) as usize,
    });
}
