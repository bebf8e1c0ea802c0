//! A botnet with patience: no address and no account twice within two days.

use super::{Attacker, Of};
use crate::simulate::campaign::{Attack, Draft, Kit, Launch, Pace, login, residential};
use crate::simulate::chance::{Chance, number};
use crate::simulate::people::person::STRANGERS;
use crate::simulate::town::Town;

pub const ATTACKER: Attacker = Attacker {
    name: "low_and_slow",
    summary: "tries leaked pairs from thousands of bots in people's homes, evenly over all the time, one attempt per address and account in 48 hours",
    share: 5.0,
    of: Of::All,
    launch,
};

const TWO_DAYS: u64 = 2 * 86_400_000;

struct Botnet {
    key: u64,
    /// Bots, which take turns.
    bots: u64,
    /// Pairs that were tried.
    tried: u64,
    /// The number of a customer, and the step to the next one: coprime with how many there are, so that all come before one
    /// comes again.
    customer: u64,
    stride: u64,
}

impl Attack for Botnet {
    fn attempt(&mut self, _: u64, _: &mut Chance, town: &mut Town) -> Draft {
        let bot = self.tried % self.bots;
        // A bot is always at the same address and with the same browser.
        let mut own = Chance::of(self.key, "bot", [bot, 0]);
        let ip = residential(town.mix.start.0, town, &mut own);
        let kit = if own.hit(0.75) { Kit::impersonator(&mut own) } else { Kit::checker(&mut own) };
        let accounts = u64::from(town.mix.accounts);
        let person = if number(self.key, "pair", [self.tried, 0]).is_multiple_of(4) {
            self.customer = (self.customer + self.stride) % accounts;
            town.person(self.customer)
        } else {
            town.person(STRANGERS + number(self.key, "stranger", [self.tried, 0]) % (1 << 40))
        };
        self.tried += 1;
        let password = town.leaked_password(&person, self.key);
        login(town, &person, password, kit.from(ip), kit.name.clone())
    }
}

fn launch(launch: &mut Launch<'_>) {
    let period = launch.town.mix.end() - launch.town.mix.start.0;
    launch.campaigns((30_000, 60_000), |town, chance, size| {
        let accounts = u64::from(town.mix.accounts);
        // Half as many again as attempts in two days, because the pace is not even to the second.
        let bots = (size as u128 * u128::from(TWO_DAYS) * 3 / 2 / u128::from(period)) as u64 + 1;
        let mut stride = accounts * 381 / 1_000 + chance.below(accounts / 10 + 1) + 1;
        while common_divisor(stride, accounts) > 1 {
            stride += 1;
        }
        let attack = Botnet { key: chance.draw(), bots, tried: 0, customer: chance.below(accounts), stride };
        (Pace::Spread, Box::new(attack))
    });
}

fn common_divisor(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { common_divisor(other, one % other) }
}
