//! What makers of false accounts have in common; how they invent addresses is what tells them apart.

use super::campaign::{Attack, Draft, Kit, Launch, Pace, rented_machine, residential};
use super::chance::Chance;
use super::names;
use super::people::person::STRANGERS;
use super::town::Town;
use crate::attempt_file::Fields;
use crate::engine::event::Event;
use crate::engine::outcome::Outcome;
use std::net::IpAddr;

/// Invents addresses.
pub trait Inventor: 'static {
    fn address(&mut self, town: &Town, chance: &mut Chance) -> String;
}

/// One campaign of false accounts.
struct Forgery<I> {
    inventor: I,
    kit: Kit,
    /// Through other people's homes, or from a few machines.
    machines: Option<Vec<IpAddr>>,
    /// The same for all, as scripts have it, or one each.
    password: Option<String>,
}

impl<I: Inventor> Attack for Forgery<I> {
    fn attempt(&mut self, at: u64, chance: &mut Chance, town: &mut Town) -> Draft {
        let email = self.inventor.address(town, chance);
        let ip = match &self.machines {
            Some(machines) => *chance.pick(machines),
            None => residential(at, town, chance),
        };
        let password = match &self.password {
            Some(password) => password.clone(),
            None => names::random_text(b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", 12, chance),
        };
        let person = town.person(STRANGERS + chance.below(1 << 30));
        let fields = Fields {
            account: Some(email.clone().into()),
            email: Some(email.into()),
            password: Some(password.into()),
            name: Some(format!("{} {}", person.name.0, person.name.1).into()),
            phone: chance.hit(0.3).then(|| person.phone().into()),
            ..Fields::default()
        };
        let outcome = if chance.hit(0.06) { Outcome::Failed } else { Outcome::Succeeded };
        Draft { event: Event::Register, sender: self.kit.from(ip), fields, outcome, persona: self.kit.name.clone() }
    }
}

/// Begins campaigns of so many accounts each, with an inventor each.
pub fn launch<I: Inventor>(launch: &mut Launch<'_>, size: (u64, u64), mut invent: impl FnMut(&Town, &mut Chance) -> I) {
    launch.campaigns(size, |town, chance, _| {
        let kit = match chance.below(10) {
            0..=2 => Kit::library(chance),
            3..=5 => Kit::impersonator(chance),
            _ => Kit::driven_browser(chance),
        };
        let machines = chance.hit(0.4).then(|| (0..chance.between(1, 6)).map(|_| rented_machine(chance)).collect());
        let password = chance.hit(0.5).then(|| names::random_text(b"abcdefghijkmnpqrstuvwxyz23456789", 10, chance));
        let pace = Pace::Random(chance.between(4_000, 90_000));
        (pace, Box::new(Forgery { inventor: invent(town, chance), kit, machines, password }))
    });
}
