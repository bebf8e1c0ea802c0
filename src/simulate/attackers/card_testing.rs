//! Stolen cards tried with small sums, to learn which of them work.

use super::{Attacker, Of};
use crate::attempt_file::Fields;
use crate::engine::event::Event;
use crate::engine::outcome::Outcome;
use crate::simulate::campaign::{Attack, Draft, Kit, Launch, Pace, rented_machine, residential};
use crate::simulate::chance::Chance;
use crate::simulate::people::person::STRANGERS;
use crate::simulate::town::Town;
use std::borrow::Cow;
use std::net::IpAddr;

pub const ATTACKER: Attacker = Attacker {
    name: "card_testing",
    summary: "tries 40 to 600 stolen or made-up cards with sums of 1 to 9, of many banks or of one; one in eight works",
    share: 8.0,
    of: Of::Checkouts,
    launch,
};

struct Cards {
    kit: Kit,
    /// None: through other people's homes.
    ips: Option<Vec<IpAddr>>,
    /// Whose cards: one bank's, with numbers one after the other, or anybody's.
    bank: Option<u64>,
    tried: u64,
    /// One account for all, or a guest each time.
    account: Option<u64>,
}

impl Attack for Cards {
    fn attempt(&mut self, at: u64, chance: &mut Chance, town: &mut Town) -> Draft {
        self.tried += 1;
        let buyer = town.person(self.account.unwrap_or_else(|| STRANGERS + chance.below(1 << 40)));
        let (card_bin, card_last4) = match self.bank {
            Some(bank) => (bank.to_string(), format!("{:04}", self.tried * 7 % 10_000)),
            None => town.person(STRANGERS + chance.below(1 << 40)).card(0),
        };
        let email = town.email(&buyer);
        let fields = Fields {
            account: self.account.map(|_| email.clone().into()),
            email: Some(email.into()),
            amount: Some(chance.between(100, 900) as f64 / 100.0),
            currency: Some(Cow::Borrowed("USD")),
            card_bin: Some(card_bin.into()),
            card_last4: Some(card_last4.into()),
            shipping_zip: Some(buyer.postal_code().into()),
            ..Fields::default()
        };
        let outcome = if chance.below(8) == 0 { Outcome::Succeeded } else { Outcome::Failed };
        let ip = match &self.ips {
            Some(ips) => *chance.pick(ips),
            None => residential(at, town, chance),
        };
        Draft { event: Event::Checkout, sender: self.kit.from(ip), fields, outcome, persona: self.kit.name.clone() }
    }
}

fn launch(launch: &mut Launch<'_>) {
    launch.campaigns((40, 600), |_, chance, _| {
        let kit = if chance.hit(0.4) { Kit::driven_browser(chance) } else { Kit::impersonator(chance) };
        let ips = chance.hit(0.5).then(|| (0..chance.between(1, 8)).map(|_| rented_machine(chance)).collect());
        let bank = chance.hit(0.5).then(|| 400_000 + chance.below(150_000));
        let account = chance.hit(0.3).then(|| STRANGERS + chance.below(1 << 40));
        (Pace::Random(chance.between(3_000, 40_000)), Box::new(Cards { kit, ips, bank, tried: 0, account }))
    });
}
