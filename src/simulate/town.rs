//! What all actors share: who exists, which password is the right one now, and which browsers bring a cookie.
//!
//! This is the application's truth, and the only thing that is kept per account: a few bytes. An attempt's outcome is read
//! from here by comparing the very texts that the attempt brings, so that no actor can claim a success.

use super::browsers::{BrowserId, Filling, Tool};
use super::chance::number;
use super::mix::Mix;
use super::people::person::{Device, Equipment, Person, STRANGERS};
use crate::attempt_file::{Fields, HttpVersion, LabelledAttempt, Text};
use crate::engine::event::Event;
use crate::engine::outcome::Outcome;
use crate::engine::time::Timestamp;
use std::borrow::Cow;
use std::net::IpAddr;

/// That a cookie jar has been here.
const HERE: u8 = 128;

const HOST: &str = "shop.example";
const ORIGIN: &str = "https://shop.example";

/// The application and its people.
pub struct Town {
    pub seed: u64,
    pub mix: Mix,
    /// People, those included who register later.
    pub people: u64,
    /// How many accounts there are now.
    registered: u64,
    /// How many with the same address came before, by person.
    twists: Vec<u8>,
    /// How often the password was changed, by person.
    versions: Vec<u8>,
    /// By person, for each of their devices: how often its cookies were cleared, and [`HERE`] if they have been here since.
    jars: Vec<[u8; 4]>,
    /// Counts cleared jars, so that each has a name of its own.
    cleared: u64,
}

/// What a client shows of itself.
#[derive(Clone)]
pub enum Client {
    Browser {
        browser: BrowserId,
        http: HttpVersion,
        languages: &'static str,
    },
    /// A tool, with the browser whose name it takes.
    Tool(&'static Tool, BrowserId),
}

/// Where an attempt comes from.
pub struct Sender {
    pub ip: IpAddr,
    pub client: Client,
    pub device: Option<Text>,
}

impl Town {
    pub fn new(seed: u64, mix: Mix) -> Town {
        let newcomers = (mix.innocent().registrations * f64::from(mix.days) * 1.2) as u64 + 16;
        let people = u64::from(mix.accounts) + newcomers;
        let mut town = Town {
            seed,
            people,
            registered: u64::from(mix.accounts),
            twists: vec![0; people as usize],
            versions: vec![0; people as usize],
            jars: vec![[0; 4]; people as usize],
            cleared: 0,
            mix,
        };
        town.tell_apart();
        town
    }

    /// Gives each person an address that nobody else has.
    fn tell_apart(&mut self) {
        let key = |town: &Town, id: u64| {
            let email = town.person(id).email(town.twists[id as usize]);
            let bytes = email.as_bytes().chunks(8).fold(0u64, |sum, chunk| {
                let mut eight = [0; 8];
                eight[..chunk.len()].copy_from_slice(chunk);
                number(sum, "email", [u64::from_le_bytes(eight), 0])
            });
            (bytes, id)
        };
        let mut all: Vec<(u64, u64)> = (0..self.people).map(|id| key(self, id)).collect();
        for _ in 0..16 {
            all.sort_unstable();
            let again: Vec<usize> = (1..all.len()).filter(|at| all[*at].0 == all[*at - 1].0).collect();
            if again.is_empty() {
                return;
            }
            for at in again {
                let id = all[at].1;
                self.twists[id as usize] = self.twists[id as usize].saturating_add(1);
                all[at] = key(self, id);
            }
        }
    }

    pub fn person(&self, id: u64) -> Person {
        Person::of(self.seed, id, u64::from(self.mix.accounts))
    }

    /// How many accounts there are now.
    pub fn registered(&self) -> u64 {
        self.registered
    }

    /// The next person to register; none if all are here.
    pub fn newcomer(&mut self) -> Option<u64> {
        let id = self.registered;
        (id < self.people).then(|| {
            self.registered += 1;
            id
        })
    }

    pub fn email(&self, person: &Person) -> String {
        person.email(self.twists.get(person.id as usize).copied().unwrap_or_default())
    }

    /// The password that opens the account now.
    pub fn password(&self, person: &Person) -> String {
        person.password(self.versions.get(person.id as usize).copied().unwrap_or_default())
    }

    /// The one before it, or one that was never right.
    pub fn old_password(&self, person: &Person) -> String {
        let version = self.versions.get(person.id as usize).copied().unwrap_or_default();
        person.password(version.wrapping_sub(1))
    }

    pub fn change_password(&mut self, person: &Person) {
        if let Some(version) = self.versions.get_mut(person.id as usize) {
            *version = (*version + 1) % 200;
        }
    }

    /// What the application answers to a login as that person with that password.
    pub fn login(&self, owner: Option<&Person>, account: &str, password: &str) -> Outcome {
        let right = owner.is_some_and(|owner| {
            owner.id < self.registered
                && account.trim().eq_ignore_ascii_case(&self.email(owner))
                && password == self.password(owner)
        });
        if right { Outcome::Succeeded } else { Outcome::Failed }
    }

    /// The name of a device's cookie jar, if it has been here; after this it has. Before it all began it was here with the
    /// probability `before`.
    pub fn jar(&mut self, person: &Person, device: Device, before: f64) -> Option<Text> {
        let owner = if device == Device::Shared { person.household } else { person.id };
        let seed = self.seed;
        let about = owner << 3 | device as u64;
        let jar = self.jars.get_mut(owner as usize)?.get_mut(device as usize)?;
        let times = *jar & !HERE;
        let long_known = times == 0 && (number(seed, "was-here", [about, 0]) % 1000) as f64 <= before * 1000.0;
        let known = *jar & HERE != 0 || long_known;
        *jar |= HERE;
        known.then(|| Cow::Owned(format!("{:016x}", number(seed, "jar", [about, u64::from(times)]))))
    }

    /// The name of a device's cookie jar, for who stole it; none if the device has not been here.
    pub fn stolen_jar(&self, person: &Person, device: Device) -> Option<Text> {
        let jar = self.jars.get(person.id as usize)?.get(device as usize)?;
        let about = person.id << 3 | device as u64;
        let name = || format!("{:016x}", number(self.seed, "jar", [about, u64::from(*jar & !HERE)]));
        (*jar & HERE != 0).then(|| Cow::Owned(name()))
    }

    /// The cookies of a device are cleared: the next time it brings none, then new ones.
    pub fn clear_jar(&mut self, person: &Person, device: Device) {
        let owner = if device == Device::Shared { person.household } else { person.id };
        if let Some(jar) = self.jars.get_mut(owner as usize).and_then(|jars| jars.get_mut(device as usize)) {
            *jar = ((*jar & !HERE) + 1).min(!HERE);
        }
    }

    /// A cookie jar that lasts for one sitting.
    pub fn private_jar(&mut self) -> Text {
        self.cleared += 1;
        Cow::Owned(format!("{:016x}", number(self.seed, "private-jar", [self.cleared, 0])))
    }

    /// Somebody who is in lists of leaked accounts: one of ours as often as `ours` says, else a stranger.
    pub fn listed(&self, entry: u64, list: u64, ours: f64) -> Person {
        let draw = number(self.seed, "leak", [entry, list]);
        let id = match (draw % 100_000) < (ours * 100_000.0) as u64 {
            true => (draw >> 20) % u64::from(self.mix.accounts),
            false => STRANGERS + (draw >> 20) % (1 << 40),
        };
        self.person(id)
    }

    /// The password that a leak has for somebody: the one that is used here too, if they reuse it and the leak is theirs.
    pub fn leaked_password(&self, person: &Person, list: u64) -> String {
        let same = person.reuses && number(self.seed, "same", [person.id, list]).is_multiple_of(10);
        person.password(if same { 0 } else { 220 + (list % 30) as u8 })
    }

    /// The whole attempt.
    pub fn attempt(
        &self,
        at: u64,
        event: Event,
        sender: Sender,
        fields: Fields<'static>,
        outcome: Outcome,
        who: Who,
    ) -> LabelledAttempt<'static> {
        let length = body_length(&fields);
        let referer = match event {
            Event::Register => "https://shop.example/signup",
            Event::Reset => "https://shop.example/reset",
            Event::Checkout => "https://shop.example/checkout",
            _ => "https://shop.example/login",
        };
        let (http, headers) = match sender.client {
            Client::Browser { browser, http, languages } => {
                (http, browser.headers(http, &Filling { host: HOST, length, origin: ORIGIN, referer, languages }))
            }
            Client::Tool(tool, agent) => (tool.http, tool.headers(agent, HOST, length)),
        };
        LabelledAttempt {
            at: Timestamp(at),
            event,
            ip: sender.ip,
            headers,
            http,
            device: sender.device,
            fields,
            outcome,
            label: who.label,
            actor: Some(who.actor),
            persona: Some(who.persona),
        }
    }
}

/// Whose attempt it is.
pub struct Who {
    pub label: Text,
    pub actor: Text,
    pub persona: Text,
}

impl From<(&Person, &Equipment)> for Client {
    fn from((person, equipment): (&Person, &Equipment)) -> Client {
        Client::Browser { browser: equipment.browser, http: equipment.http, languages: person.languages }
    }
}

/// The length of the form as it is sent: names, values, and what separates them.
fn body_length(fields: &Fields<'_>) -> usize {
    let texts = [
        (&fields.account, 8),
        (&fields.username, 9),
        (&fields.email, 6),
        (&fields.password, 9),
        (&fields.phone, 6),
        (&fields.name, 5),
        (&fields.currency, 9),
        (&fields.card_bin, 9),
        (&fields.card_last4, 11),
        (&fields.shipping_zip, 13),
        (&fields.order, 6),
    ];
    let value = |text: &str| {
        text.bytes()
            .map(|byte| if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) { 1 } else { 3 })
            .sum::<usize>()
    };
    let sizes = texts.into_iter().filter_map(|(text, name)| text.as_ref().map(|text| name + value(text)));
    let (count, sum) = sizes.fold((0usize, 0), |(count, sum), size| (count + 1, sum + size));
    sum + count.saturating_sub(1) + fields.amount.map_or(0, |amount| 8 + amount.to_string().len())
}
