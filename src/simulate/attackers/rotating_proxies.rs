//! The same lists through other people's homes, another one after every third attempt at the latest.

use super::{Attacker, Of};
use crate::simulate::campaign::{Attack, Draft, Kit, Launch, Leak, Pace, residential};
use crate::simulate::chance::Chance;
use crate::simulate::town::Town;
use std::net::IpAddr;

pub const ATTACKER: Attacker = Attacker {
    name: "rotating_proxies",
    summary: "tries lists of leaked pairs through residential proxies, one to three attempts an address, with one tool and one or two sets of headers",
    share: 4.0,
    of: Of::All,
    launch,
};

struct Rotating {
    leak: Leak,
    kits: Vec<Kit>,
    ip: IpAddr,
    /// Attempts until the address changes.
    left: u64,
}

impl Attack for Rotating {
    fn attempt(&mut self, at: u64, chance: &mut Chance, town: &mut Town) -> Draft {
        if self.left == 0 {
            self.ip = residential(at, town, chance);
            self.left = chance.between(1, 3);
        }
        self.left -= 1;
        let kit = chance.pick(&self.kits);
        self.leak.attempt(town, kit, self.ip)
    }
}

fn launch(launch: &mut Launch<'_>) {
    launch.campaigns((2_500, 14_000), |_, chance, _| {
        let kits = match chance.below(10) {
            0..=3 => vec![Kit::checker(chance)],
            _ => (0..chance.between(1, 2)).map(|_| Kit::impersonator(chance)).collect(),
        };
        let attack = Rotating { leak: Leak::new(0.15, chance), kits, ip: [0, 0, 0, 0].into(), left: 0 };
        (Pace::Random(chance.between(300, 3_000)), Box::new(attack))
    });
}
