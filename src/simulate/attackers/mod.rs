//! Who attacks: one file an attacker, one table.
//!
//! Each row says what it does, what its share is of, and begins its campaigns; the name is the label of its attempts. They
//! are written after what such attacks are known to look like, not after what a gate can see: an attacker that nobody can
//! tell from an innocent belongs here too.

mod brute_force;
mod bulk_stuffing;
mod card_testing;
mod crawler;
mod fake_registration_plus_tag;
mod fake_registration_random;
mod fake_registration_templated;
mod low_and_slow;
mod reset_flood;
mod rotating_proxies;
mod scripted_browser;
mod scripted_client;
mod spraying;
mod takeover_naive;
mod takeover_targeted;
mod takeover_very_targeted;
mod takeover_vpn;

use super::campaign::Launch;
use super::schedule::Actor;
use super::town::Town;

/// What a share is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// All attempts; the attempts themselves are logins.
    All,
    Registrations,
    Resets,
    Checkouts,
}

impl Of {
    pub fn words(self) -> &'static str {
        match self {
            Of::All => "all attempts",
            Of::Registrations => "registrations",
            Of::Resets => "resets",
            Of::Checkouts => "checkouts",
        }
    }
}

/// One attacker.
#[derive(Clone, Copy)]
pub struct Attacker {
    pub name: &'static str,
    pub summary: &'static str,
    /// Percent in the default mix.
    pub share: f64,
    pub of: Of,
    launch: fn(&mut Launch<'_>),
}

/// Every attacker, in the order in which reports have them.
pub const ATTACKERS: [Attacker; 17] = [
    bulk_stuffing::ATTACKER,
    rotating_proxies::ATTACKER,
    low_and_slow::ATTACKER,
    spraying::ATTACKER,
    brute_force::ATTACKER,
    takeover_naive::ATTACKER,
    takeover_vpn::ATTACKER,
    takeover_targeted::ATTACKER,
    takeover_very_targeted::ATTACKER,
    fake_registration_random::ATTACKER,
    fake_registration_templated::ATTACKER,
    fake_registration_plus_tag::ATTACKER,
    reset_flood::ATTACKER,
    card_testing::ATTACKER,
    scripted_client::ATTACKER,
    scripted_browser::ATTACKER,
    crawler::ATTACKER,
];

/// Begins everybody's campaigns: when, and who acts then.
pub fn launch(town: &Town) -> Vec<(u64, Box<dyn Actor>)> {
    let mut all = Vec::new();
    for attacker in &ATTACKERS {
        let mut launch = Launch::new(town, attacker);
        (attacker.launch)(&mut launch);
        all.extend(launch.done());
    }
    all
}

/// For the manual: name, what it does, and its share in the default mix.
pub fn table() -> String {
    let row = |attacker: &Attacker| {
        format!("| `{}` | {} | {} % of {} |\n", attacker.name, attacker.summary, attacker.share, attacker.of.words())
    };
    format!("| label | what it does | share |\n| --- | --- | ---: |\n{}", ATTACKERS.iter().map(row).collect::<String>())
}
