//! One person: everything about them follows from the seed and their number.
//!
//! A hundred thousand people are not kept, they are worked out anew whenever one of them does something; that costs a
//! microsecond and no memory. What changes with what they do (a new password, cookies) is in the
//! [`Town`](crate::simulate::town::Town).

use super::personas::{PERSONAS, Persona};
use crate::attempt_file::HttpVersion;
use crate::simulate::browsers::{self, BrowserId, System};
use crate::simulate::chance::{Chance, number};
use crate::simulate::names;
use crate::simulate::networks::{self, Country, Kind, Network};
use crate::simulate::places::{self, Place};
use std::net::IpAddr;

/// Strangers have numbers from here on: people who are no customers, for lists of leaked accounts.
pub const STRANGERS: u64 = 1 << 32;
/// People who live side by side: households are cut from blocks of this many.
const BLOCK: u64 = 12;

/// Where somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    Home,
    Work,
    Mobile,
    Abroad,
}

/// What somebody uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Phone,
    Computer,
    /// The company's.
    Work,
    /// The household's.
    Shared,
}

/// Who somebody is.
pub struct Person {
    pub id: u64,
    pub persona: &'static Persona,
    pub place: &'static Place,
    pub languages: &'static str,
    pub name: (&'static str, &'static str),
    /// The number of the household's first member.
    pub household: u64,
    /// The company, by its number in the country; none for who has no work with a computer.
    company: Option<u64>,
    /// How much more often than the persona's average they come.
    pub diligence: f64,
    /// Whether their password is the same elsewhere.
    pub reuses: bool,
    seed: u64,
}

/// A device with its browser on one day.
pub struct Equipment {
    pub browser: BrowserId,
    pub http: HttpVersion,
}

impl Person {
    /// `accounts` is how many people the place has: how many companies there are, and how crowded phones' addresses, go by it.
    pub fn of(seed: u64, id: u64, accounts: u64) -> Person {
        let household = household(seed, id);
        // Who lives together is in one country; the rest is each one's own.
        let mut home = Chance::of(seed, "household", [household, 0]);
        let place = Place::any(&mut home);
        let mut own = Chance::of(seed, "person", [id, 0]);
        let persona = &PERSONAS[own.weighted(PERSONAS.iter().map(|persona| persona.share))];
        let languages = Place::one(place.languages, &mut own);
        let name = names::name(place, &mut own);
        let diligence = 0.4 + 1.2 * own.unit();
        let works = own.hit(if persona.at_work > 0.5 { 1.0 } else { 0.55 });
        // A few companies are large and most are small.
        let weight: f64 = place.weight / places::PLACES.iter().map(|place| place.weight).sum::<f64>();
        let companies = ((accounts as f64 * weight / 60.0) as u64).max(1);
        let rank = (companies as f64 * own.unit() * own.unit()) as u64;
        let reuses = own.hit(0.4) && !persona.manager;
        Person {
            id,
            persona,
            place,
            languages,
            name,
            household,
            company: works.then_some(rank),
            diligence,
            reuses,
            seed,
        }
    }

    /// The address that the account is called by.
    pub fn email(&self, twist: u8) -> String {
        let mut chance = Chance::of(self.seed, "email", [self.id, u64::from(twist)]);
        names::email(self.name, self.place, twist, &mut chance)
    }

    /// The password after so many changes.
    pub fn password(&self, version: u8) -> String {
        let mut chance = Chance::of(self.seed, "password", [self.id, u64::from(version)]);
        names::password(self.name.0, self.persona.manager, &mut chance)
    }

    /// A telephone number.
    pub fn phone(&self) -> String {
        format!("{}{}", self.place.phone, 600_000_000 + number(self.seed, "phone", [self.id, 0]) % 199_999_999)
    }

    /// The first six digits and the last four of a card, of which they have two.
    pub fn card(&self, which: u64) -> (String, String) {
        let mut bank =
            Chance::of(self.seed, "bank", [u64::from(self.place.phone.len() as u32) + self.place.offset as u64, 0]);
        let banks: Vec<u64> = (0..14)
            .map(|place| if place < 8 { 400_000 + bank.below(99_999) } else { 510_000 + bank.below(49_999) })
            .collect();
        let mut own = Chance::of(self.seed, "card", [self.id, which % 2]);
        (own.pick(&banks).to_string(), format!("{:04}", own.below(10_000)))
    }

    pub fn postal_code(&self) -> String {
        format!("{:05}", 1_000 + number(self.seed, "zip", [self.household, 0]) % 98_000)
    }

    /// Whether they are abroad on a day, and where: spans of ten days have one journey or none.
    pub fn abroad(&self, day: u64) -> Option<&'static Place> {
        let span = day / 10;
        let mut chance = Chance::of(self.seed, "journey", [self.id, span]);
        let length = chance.between(2, 6);
        let travels = chance.hit((self.persona.abroad * 10.0 / 4.0).min(1.0));
        let first = chance.below(10 - length + 1);
        let there = Place::any(&mut chance);
        let away = travels && (first..first + length).contains(&(day % 10)) && there.code != self.place.code;
        away.then_some(there)
    }

    /// Where and with what they log in this time.
    pub fn occasion(&self, day: u64, working_day: bool, chance: &mut Chance) -> (Setting, Device) {
        let persona = self.persona;
        let phone =
            |mobile: f64, chance: &mut Chance| if chance.hit(mobile) { Device::Phone } else { Device::Computer };
        if self.abroad(day).is_some() {
            return (Setting::Abroad, phone(0.7, chance));
        }
        if working_day && self.company.is_some() && chance.hit(persona.at_work) {
            return (Setting::Work, Device::Work);
        }
        if chance.hit(persona.mobile) {
            return (Setting::Mobile, Device::Phone);
        }
        if chance.hit(persona.shared) {
            return (Setting::Home, Device::Shared);
        }
        (Setting::Home, phone(0.45, chance))
    }

    /// Which browser a device has on a day, and how it speaks.
    pub fn equipment(&self, device: Device, day: u64) -> Equipment {
        let company = self.company.unwrap_or(0) << 16 | u64::from(self.country_number());
        let owner = match device {
            Device::Shared => [self.household, 3],
            // Four of five have what the company's administrators roll out.
            Device::Work if !number(self.seed, "image", [self.id, 0]).is_multiple_of(5) => [company, 4],
            Device::Work => [self.id, 2],
            Device::Computer => [self.id, 1],
            Device::Phone => [self.id, 0],
        };
        let mut chance = Chance::of(self.seed, "device", owner);
        let system = match device {
            Device::Phone => self.place.phone_system(&mut chance),
            Device::Work => places::computer_system(false, &mut chance),
            Device::Computer => places::computer_system(true, &mut chance),
            Device::Shared => match chance.below(10) {
                0..=3 => System::Ios,
                4 => System::Android,
                _ => places::computer_system(true, &mut chance),
            },
        };
        let browser = browsers::browser_of(system, &mut chance);
        // Every four weeks there is a version, and each device takes it on a day of its own.
        let updated = day % 28 >= chance.below(28) && chance.hit(0.85);
        let old = self.setting_is_filtered(device) || chance.hit(0.04);
        Equipment {
            browser: if updated { browser.updated() } else { browser },
            http: if old { HttpVersion::Http11 } else { HttpVersion::Http2 },
        }
    }

    /// Companies whose people go through a security company's proxy.
    fn setting_is_filtered(&self, device: Device) -> bool {
        let company = self.company.unwrap_or(0) << 16 | u64::from(self.country_number());
        device == Device::Work && number(self.seed, "filtered", [company, 0]).is_multiple_of(8)
    }

    fn country_number(&self) -> u16 {
        u16::from_be_bytes([self.place.code.as_bytes()[0], self.place.code.as_bytes()[1]])
    }

    /// The provider of the household.
    pub fn home_network(&self) -> Option<&'static Network> {
        networks::network(Kind::Home, self.place.country(), &mut Chance::of(self.seed, "provider", [self.household, 0]))
    }

    fn phone_network(&self) -> Option<&'static Network> {
        networks::network(Kind::Mobile, self.place.country(), &mut Chance::of(self.seed, "carrier", [self.id, 0]))
    }

    /// The address that they come from. `accounts` is the size of the site, `chance` this occasion's.
    pub fn address(
        &self,
        setting: Setting,
        device: Device,
        at: (u64, u64),
        accounts: u64,
        chance: &mut Chance,
    ) -> IpAddr {
        let (day, hour) = at;
        let seed = self.seed;
        let here = self.abroad(day).filter(|_| setting == Setting::Abroad).unwrap_or(self.place);
        // A VPN is on or off for the day.
        let mut mood = Chance::of(seed, "vpn", [self.id, day]);
        if mood.hit(self.persona.vpn) {
            let country =
                if mood.hit(0.6) { here.country() } else { Country::of(if mood.hit(0.5) { "NL" } else { "US" }) };
            if let Some(network) = networks::network(Kind::Vpn, country, &mut mood) {
                // An exit is shared by many.
                return network.address(seed, "exit", [mood.below(40), u64::from(network.asn)]);
            }
        }
        let safari = number(seed, "relay", [self.id, 0]) % 100 < 4;
        if safari && setting != Setting::Work && matches!(device, Device::Phone | Device::Computer) {
            let system = self.equipment(device, day).browser.browser().system;
            let network = networks::network(Kind::Relay, here.country(), &mut mood);
            if let Some(network) = network.filter(|_| matches!(system, System::Ios | System::MacOs)) {
                return network.address(seed, "relay", [mood.below(60), hour / 3]);
            }
        }
        let share = here.weight / 150.0;
        let pool = ((accounts as f64 * share / 30.0) as u64).max(4);
        let found = match setting {
            Setting::Work => self.company_address(),
            Setting::Mobile => {
                self.phone_network().map(|network| network.of_phone(seed, self.id, day * 6 + hour / 4, pool))
            }
            Setting::Abroad if chance.hit(0.5) => {
                // Roaming leaves through the carrier at home.
                self.phone_network().map(|network| network.of_phone(seed, self.id, day * 6 + hour / 4, pool))
            }
            Setting::Abroad => {
                let hotel = number(seed, "hotel", [self.id, day / 10]) % 200;
                public_place(seed, here, hotel)
            }
            // A café, a library, a dormitory now and then.
            Setting::Home if chance.hit(0.03) => public_place(seed, here, chance.below(60)),
            Setting::Home => self.home_address(day, device),
        };
        found.unwrap_or(IpAddr::from([192, 0, 2, 1]))
    }

    /// The household's address on a day, for one of its devices.
    pub fn home_address(&self, day: u64, device: Device) -> Option<IpAddr> {
        let host = match device {
            Device::Shared => self.household << 3 | 3,
            device => self.id << 3 | device as u64,
        };
        self.home_network().map(|network| network.of_home(self.seed, self.household, day, host))
    }

    /// One address for the whole company, two for a large one.
    fn company_address(&self) -> Option<IpAddr> {
        let company = self.company?;
        let key = company << 16 | u64::from(self.country_number());
        let mut chance = Chance::of(self.seed, "company", [key, 0]);
        let filtered = self.setting_is_filtered(Device::Work);
        let network = networks::network(Kind::Gateway, self.place.country(), &mut chance).filter(|_| filtered);
        let network = network.or_else(|| networks::network(Kind::Home, self.place.country(), &mut chance))?;
        let door = if company < 3 { self.id % 2 } else { 0 };
        Some(network.address(self.seed, "office", [key, door]))
    }
}

fn public_place(seed: u64, place: &Place, number: u64) -> Option<IpAddr> {
    let key = u64::from(place.code.as_bytes()[0]) << 8 | u64::from(place.code.as_bytes()[1]);
    let mut chance = Chance::of(seed, "public", [key, number]);
    Some(networks::network(Kind::Home, place.country(), &mut chance)?.address(seed, "public", [key, number]))
}

/// Blocks of a few people are cut into households of one to five.
fn household(seed: u64, id: u64) -> u64 {
    let block = id / BLOCK * BLOCK;
    let mut chance = Chance::of(seed, "houses", [block, 0]);
    let mut first = block;
    loop {
        let size = [1, 1, 1, 2, 2, 2, 3, 4, 4, 5][chance.below(10) as usize];
        if id < first + size {
            return first;
        }
        first += size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_person_is_the_same_each_time_and_lives_with_others() {
        let people: Vec<Person> = (0..600).map(|id| Person::of(9, id, 10_000)).collect();
        let mut sizes: BTreeMap<u64, u64> = BTreeMap::new();
        for person in &people {
            let again = Person::of(9, person.id, 10_000);
            assert_eq!((again.email(0), again.password(1)), (person.email(0), person.password(1)));
            assert!(person.household <= person.id && person.id - person.household < 5);
            assert_eq!(person.place.code, Person::of(9, person.household, 10_000).place.code);
            *sizes.entry(person.household).or_default() += 1;
        }
        assert!(sizes.len() > 200 && sizes.values().any(|size| *size > 2), "{}", sizes.len());
    }

    #[test]
    fn colleagues_share_an_address_and_families_a_line() {
        let mut offices: BTreeMap<IpAddr, u32> = BTreeMap::new();
        for person in (0..5_000).map(|id| Person::of(9, id, 5_000)) {
            if let Some(ip) = person.company_address() {
                *offices.entry(ip).or_default() += 1;
            }
        }
        assert!(offices.values().any(|people| *people > 60), "{:?}", offices.values().max());
        let four = |id: u64| Person::of(9, id, 5_000).home_address(20_000, Device::Shared);
        let together = (0..500).filter(|id| household(9, *id) != *id).filter(|id| four(*id) == four(household(9, *id)));
        assert!(together.count() > 100, "the same device of the same household has one address");
    }

    #[test]
    fn travellers_travel() {
        let away = |persona: &str| {
            let people = (0..4_000).map(|id| Person::of(9, id, 5_000)).filter(|person| person.persona.name == persona);
            let days = people.flat_map(|person| (20_000..20_030).map(move |day| person.abroad(day).is_some()));
            let (mut away, mut all) = (0, 0);
            days.for_each(|day| {
                away += u32::from(day);
                all += 1;
            });
            f64::from(away) / f64::from(all)
        };
        assert!(away("traveller") > 0.2 && away("weekly") < 0.05, "{} {}", away("traveller"), away("weekly"));
    }
}
