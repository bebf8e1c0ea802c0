//! Real browsers that programs drive, for a farm of accounts.

use super::{Attacker, Of};
use crate::attempt_file::Text;
use crate::simulate::campaign::{Attack, Draft, Kit, Launch, Pace, login, rented_machine, residential};
use crate::simulate::chance::{Chance, number};
use crate::simulate::town::Town;
use std::net::IpAddr;

pub const ATTACKER: Attacker = Attacker {
    name: "scripted_browser",
    summary: "headless browsers with good headers and their own cookies log in to a farm of 10 to 60 accounts, round after round, with the right passwords",
    share: 0.25,
    of: Of::All,
    launch,
};

struct Farm {
    key: u64,
    accounts: u64,
    next: u64,
    kit: Kit,
    ips: Vec<IpAddr>,
}

impl Attack for Farm {
    fn attempt(&mut self, _: u64, _: &mut Chance, town: &mut Town) -> Draft {
        let (account, round) = (self.next % self.accounts, self.next / self.accounts);
        self.next += 1;
        let owner = town.person(number(self.key, "account", [account, 0]) % u64::from(town.mix.accounts));
        // A profile for each account: its own cookies from the second round on, and its own address.
        let jar: Option<Text> =
            (round > 0).then(|| format!("{:016x}", number(self.key, "profile", [account, 0])).into());
        let ip = self.ips[account as usize % self.ips.len()];
        let mut sender = self.kit.from(ip);
        sender.device = jar;
        login(town, &owner, town.password(&owner), sender, self.kit.name.clone())
    }
}

fn launch(launch: &mut Launch<'_>) {
    launch.campaigns((100, 800), |town, chance, _| {
        let kit = Kit::driven_browser(chance);
        let start = town.mix.start.0;
        let home = chance.hit(0.5);
        let ips = (0..chance.between(1, 12))
            .map(|_| if home { residential(start, town, chance) } else { rented_machine(chance) });
        let ips = ips.collect();
        let attack = Farm { key: chance.draw(), accounts: chance.between(10, 60), next: 0, kit, ips };
        (Pace::Even(chance.between(20_000, 240_000)), Box::new(attack))
    });
}
