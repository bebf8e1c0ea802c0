//! What attackers have in common: campaigns with a size and a pace, addresses that can be rented, and tools.
//!
//! An attacker decides what one attempt looks like; how many there are and when is the campaign's business, so that every
//! attacker's share is exactly the mix's. Nothing in here knows what a gate looks for: addresses come from where such
//! addresses are rented, tools send what they send.

use super::attackers::Attacker;
use super::browsers::{self, BrowserId, CHECKERS, LIBRARIES, Tool};
use super::chance::Chance;
use super::networks::{self, Country, Kind};
use super::people::person::{Device, STRANGERS};
use super::places::Place;
use super::schedule::{Act, Actor};
use super::town::{Client, Sender, Town, Who};
use crate::attempt_file::{Fields, HttpVersion, Text};
use crate::engine::event::Event;
use crate::engine::outcome::Outcome;
use std::borrow::Cow;
use std::net::IpAddr;

/// One attempt as the attacker makes it.
pub struct Draft {
    pub event: Event,
    pub sender: Sender,
    pub fields: Fields<'static>,
    pub outcome: Outcome,
    /// The tool, or what else tells one from another of the same attack.
    pub persona: Text,
}

/// Makes attempts, one after the other.
pub trait Attack {
    /// The next, at that time.
    fn attempt(&mut self, at: u64, chance: &mut Chance, town: &mut Town) -> Draft;
}

/// How the attempts of a campaign follow each other.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// So many milliseconds apart on average, by chance.
    Random(u64),
    /// So many milliseconds apart, as a program's loop has it.
    Even(u64),
    /// Evenly over all the time there is.
    Spread,
}

/// Attempts of one attacker that belong together.
struct Campaign {
    attack: Box<dyn Attack>,
    attacker: &'static str,
    actor: String,
    left: u64,
    pace: Pace,
    chance: Chance,
}

impl Actor for Campaign {
    fn act(&mut self, at: u64, town: &mut Town) -> Act {
        let draft = self.attack.attempt(at, &mut self.chance, town);
        let who = Who { label: Cow::Borrowed(self.attacker), actor: self.actor.clone().into(), persona: draft.persona };
        let attempt = town.attempt(at, draft.event, draft.sender, draft.fields, draft.outcome, who);
        self.left = self.left.saturating_sub(1);
        let next = (self.left > 0).then(|| at + self.gap(at, town.mix.end()));
        Act { attempt: Some(attempt), next }
    }
}

impl Campaign {
    /// The time to the next attempt, such that all of them come before the end.
    fn gap(&mut self, at: u64, end: u64) -> u64 {
        let room = end.saturating_sub(at + 1) as f64 / (self.left + 1) as f64;
        let gap = match self.pace {
            Pace::Random(mean) => self.chance.exponential((mean as f64).min(room * 0.9)),
            Pace::Even(every) => (every as f64).min(room * 0.9) * (0.85 + 0.3 * self.chance.unit()),
            Pace::Spread => room * (0.6 + 0.8 * self.chance.unit()),
        };
        gap.min(end.saturating_sub(at + 1) as f64 / 2.0) as u64
    }
}

/// What an attacker is given to begin with.
pub struct Launch<'t> {
    pub town: &'t Town,
    pub chance: Chance,
    /// Attempts that are still to be given out.
    left: u64,
    attacker: &'static str,
    campaigns: Vec<(u64, Box<dyn Actor>)>,
}

impl<'t> Launch<'t> {
    pub fn new(town: &'t Town, attacker: &Attacker) -> Launch<'t> {
        let left = (town.mix.quota_a_day(attacker) * f64::from(town.mix.days)).round() as u64;
        let chance = Chance::of(town.seed, "attacker", [super::chance::number(0, attacker.name, [0, 0]), 0]);
        Launch { town, chance, left, attacker: attacker.name, campaigns: Vec::new() }
    }

    /// Cuts all attempts into campaigns of that many each (the last takes what is left), and has `make` prepare each.
    pub fn campaigns(
        &mut self,
        size: (u64, u64),
        mut make: impl FnMut(&Town, &mut Chance, u64) -> (Pace, Box<dyn Attack>),
    ) {
        while self.left > 0 {
            let size = self.chance.between(size.0, size.1).min(self.left);
            self.left -= size;
            let number = self.campaigns.len() as u64;
            let mut chance = Chance::of(self.chance.draw(), self.attacker, [number, 0]);
            let (pace, attack) = make(self.town, &mut chance, size);
            let (start, end) = (self.town.mix.start.0, self.town.mix.end());
            let at = match pace {
                Pace::Spread => start + chance.below((end - start) / (size + 1)),
                Pace::Random(gap) | Pace::Even(gap) => {
                    let takes = gap.saturating_mul(size).saturating_mul(11) / 10;
                    start + chance.below((end - start).saturating_sub(takes).max((end - start) / 10))
                }
            };
            let actor = format!("{}-{}", self.attacker, number + 1);
            let campaign = Campaign { attack, attacker: self.attacker, actor, left: size, pace, chance };
            self.campaigns.push((at, Box::new(campaign)));
        }
    }

    pub fn done(self) -> Vec<(u64, Box<dyn Actor>)> {
        self.campaigns
    }
}

/// A machine in a data centre.
pub fn rented_machine(chance: &mut Chance) -> IpAddr {
    of_kind(Kind::Hosting, chance)
}

/// The exit of a VPN company, anywhere.
pub fn vpn_exit(chance: &mut Chance) -> IpAddr {
    of_kind(Kind::Vpn, chance)
}

/// The exit of a VPN company in a country; anywhere if it has none there.
pub fn vpn_exit_in(country: Country, chance: &mut Chance) -> IpAddr {
    match networks::network(Kind::Vpn, country, chance) {
        Some(network) => network.address(chance.draw(), "exit", [0, 0]),
        None => vpn_exit(chance),
    }
}

pub fn of_kind(kind: Kind, chance: &mut Chance) -> IpAddr {
    match networks::anywhere(kind, chance) {
        Some((_, network)) => network.address(chance.draw(), "machine", [0, 0]),
        None => IpAddr::from([192, 0, 2, 2]),
    }
}

/// Somebody's home or phone, lent out without their knowing: one in twelve is the home of one of our own people.
pub fn residential(at: u64, town: &Town, chance: &mut Chance) -> IpAddr {
    if chance.below(12) == 0 {
        let person = town.person(chance.below(u64::from(town.mix.accounts)));
        if let Some(ip) = person.home_address(at / 86_400_000, Device::Computer) {
            return ip;
        }
    }
    let country = Place::any(chance).country();
    let kind = if chance.below(5) == 0 { Kind::Mobile } else { Kind::Home };
    let network = networks::network(kind, country, chance);
    match network {
        Some(network) if kind == Kind::Home => network.of_home(chance.draw(), chance.draw(), at / 86_400_000, 0),
        Some(network) => network.address(chance.draw(), "phone", [0, 0]),
        None => of_kind(Kind::Home, chance),
    }
}

/// A program that takes a browser's name, or not even that.
#[derive(Clone)]
pub struct Kit {
    pub client: Client,
    pub name: Text,
}

impl Kit {
    fn tool(tool: &'static Tool, agent: BrowserId) -> Kit {
        Kit { client: Client::Tool(tool, agent), name: Cow::Borrowed(tool.name) }
    }

    /// A programming library as it comes.
    pub fn library(chance: &mut Chance) -> Kit {
        let tool = &LIBRARIES[chance.weighted([40.0, 20.0, 14.0, 6.0, 8.0, 5.0, 7.0, 0.0].into_iter())];
        Kit::tool(tool, browsers::popular_browser(chance))
    }

    /// A program for trying pairs.
    pub fn checker(chance: &mut Chance) -> Kit {
        Kit::tool(chance.pick(&CHECKERS), browsers::popular_browser(chance))
    }

    /// A program that sends what a browser sends, header by header.
    pub fn impersonator(chance: &mut Chance) -> Kit {
        let http = if chance.hit(0.7) { HttpVersion::Http2 } else { HttpVersion::Http11 };
        let browser = browsers::popular_browser(chance);
        Kit { client: Client::Browser { browser, http, languages: "en-US,en" }, name: Cow::Borrowed("impersonator") }
    }

    /// A real browser that a program drives.
    pub fn driven_browser(chance: &mut Chance) -> Kit {
        let browser = browsers::browser_of(browsers::System::Linux, chance);
        let browser = if chance.hit(0.5) { browsers::browser_of(browsers::System::Windows, chance) } else { browser };
        let languages = if chance.hit(0.8) { "en-US" } else { "en-US,en" };
        Kit {
            client: Client::Browser { browser, http: HttpVersion::Http2, languages },
            name: Cow::Borrowed("driven-browser"),
        }
    }

    pub fn from(&self, ip: IpAddr) -> Sender {
        Sender { ip, client: self.client.clone(), device: None }
    }
}

/// A login with a name and a password; the outcome is the town's.
pub fn login(
    town: &Town,
    owner: &super::people::person::Person,
    password: String,
    sender: Sender,
    persona: Text,
) -> Draft {
    let account = town.email(owner);
    let known = (owner.id < STRANGERS).then_some(owner);
    let outcome = town.login(known, &account, &password);
    let fields = Fields { account: Some(account.into()), password: Some(password.into()), ..Fields::default() };
    Draft { event: Event::Login, sender, fields, outcome, persona }
}

/// A list of leaked pairs, read from the top.
pub struct Leak {
    list: u64,
    next: u64,
    /// How many of the list are customers here.
    ours: f64,
}

impl Leak {
    pub fn new(ours: f64, chance: &mut Chance) -> Leak {
        Leak { list: chance.draw(), next: 0, ours }
    }

    /// Tries the next pair.
    pub fn attempt(&mut self, town: &Town, kit: &Kit, ip: IpAddr) -> Draft {
        let person = town.listed(self.next, self.list, self.ours);
        self.next += 1;
        let password = town.leaked_password(&person, self.list);
        login(town, &person, password, kit.from(ip), kit.name.clone())
    }
}
