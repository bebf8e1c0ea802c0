//! One person, in one place, at one device, wanting one thing: from the first try to the last.
//!
//! People retry as people do. They mistype again, they remember which password it was, they try three and then ask for a new
//! one, whose mail takes a minute or two. What the application answers is the [`Town`]'s word.

use super::person::{Device, Person, Setting};
use super::{ASKS_AFTER, CARD_FAILS, MOST_TRIES, REGISTRATION_FAILS, RETRY_FAILS, Rates, TRIES_ANOTHER_CARD, rhythm};
use crate::attempt_file::{Fields, INNOCENT, LabelledAttempt, Text};
use crate::engine::event::Event;
use crate::engine::outcome::Outcome;
use crate::simulate::chance::Chance;
use crate::simulate::names;
use crate::simulate::schedule::{Act, Actor};
use crate::simulate::town::{Client, Sender, Town, Who};
use std::borrow::Cow;
use std::net::IpAddr;

/// What somebody came for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    Login,
    Register,
    Checkout,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Login,
    /// With the password that was just made.
    LoginAnew,
    AskForNew,
    Register,
    Checkout,
}

pub struct Sitting {
    person: Person,
    purpose: Purpose,
    setting: Setting,
    device: Device,
    day: u64,
    chance: Chance,
    /// Made at the first step.
    begun: Option<Begun>,
    tries: u32,
}

struct Begun {
    step: Step,
    ip: IpAddr,
    client: Client,
    /// How often this device was here before it all began.
    before: f64,
    /// A private window: the cookies of the tries before, once there were any.
    private: Option<Option<Text>>,
    first_fails: bool,
    /// After how many failed tries they ask for a new password.
    asks_after: Option<u32>,
}

impl Sitting {
    pub fn new(person: Person, purpose: Purpose, day: u64, which: u32, town: &Town) -> Sitting {
        let mut chance =
            Chance::of(town.seed, "sitting", [person.id << 2 | purpose as u64, day << 24 | u64::from(which)]);
        let working = rhythm::is_working_day(day) && purpose == Purpose::Login;
        let (setting, device) = person.occasion(day, working, &mut chance);
        Sitting { person, purpose, setting, device, day, chance, begun: None, tries: 0 }
    }

    /// When it begins, in milliseconds from midnight.
    pub fn moment(&mut self) -> u64 {
        rhythm::moment(self.setting, self.person.place.offset, &mut self.chance)
    }

    /// The actor, from the second stage on.
    pub fn begin(mut self, at: u64, rates: &Rates, town: &mut Town) -> Sitting {
        // What planning drew is drawn again, so that the stream goes on from there.
        self.moment();
        let (person, chance) = (&self.person, &mut self.chance);
        let hour = at / 3_600_000 % 24;
        let accounts = u64::from(town.mix.accounts);
        let ip = person.address(self.setting, self.device, (self.day, hour), accounts, chance);
        let equipment = person.equipment(self.device, self.day);
        let mut private = None;
        if chance.hit(person.persona.forgetful_browser) {
            match chance.hit(0.7) {
                true => private = Some(None),
                false => town.clear_jar(person, self.device),
            }
        }
        let asks_at_once = chance.hit(rates.asks_at_once * person.persona.forgets);
        let step = match self.purpose {
            Purpose::Login if asks_at_once => Step::AskForNew,
            Purpose::Login => Step::Login,
            Purpose::Register => Step::Register,
            Purpose::Checkout => Step::Checkout,
        };
        let before = match person.id < accounts {
            true => (rates.logins(person) * 45.0).min(0.97),
            false => -1.0,
        };
        let asks = chance.hit(rates.asks_after);
        let after = ASKS_AFTER[chance.weighted(ASKS_AFTER.iter().map(|(_, share)| *share))].0;
        self.begun = Some(Begun {
            step,
            ip,
            client: Client::from((person, &equipment)),
            before,
            private,
            first_fails: chance.hit(rates.first_fails * person.persona.failure),
            asks_after: asks.then_some(after),
        });
        self
    }

    fn fails(&mut self, begun: &Begun) -> bool {
        match (self.tries, begun.asks_after) {
            (0, _) => begun.first_fails,
            // Who is going to ask for a new one does not remember.
            (tries, Some(after)) => tries < after,
            _ => self.chance.hit(RETRY_FAILS),
        }
    }

    /// One login, and what follows it.
    fn login(&mut self, begun: &mut Begun, town: &mut Town) -> (Fields<'static>, Outcome, Option<(u64, Step)>) {
        let fails = begun.step == Step::Login && self.fails(begun);
        self.tries += 1;
        let chance = &mut self.chance;
        let email = town.email(&self.person);
        let right = town.password(&self.person);
        let mut account = typed(&email, chance);
        let mut password = right.clone();
        if fails {
            match chance.below(100) {
                0..=11 => account = misspelt(&email, chance),
                12..=39 => password = town.old_password(&self.person),
                _ => password = names::mistyped(&right, chance),
            }
            if password == right && account.trim().eq_ignore_ascii_case(&email) {
                password.push('1');
            }
        }
        let outcome = town.login(Some(&self.person), &account, &password);
        let next = match (outcome, begun.asks_after) {
            (Outcome::Succeeded, _) => None,
            (_, Some(after)) if self.tries >= after => Some((seconds(25.0, 0.6, chance), Step::AskForNew)),
            _ if self.tries >= MOST_TRIES => None,
            _ => Some((seconds(if self.person.persona.manager { 6.0 } else { 11.0 }, 0.6, chance), Step::Login)),
        };
        let fields = Fields { account: Some(account.into()), password: Some(password.into()), ..Fields::default() };
        (fields, outcome, next)
    }

    fn register(&mut self, town: &Town) -> (Fields<'static>, Outcome, Option<(u64, Step)>) {
        self.tries += 1;
        let fails = self.tries == 1 && self.chance.hit(REGISTRATION_FAILS);
        let person = &self.person;
        let (first, last) = person.name;
        let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
        let email = town.email(person);
        let password = if fails { person.name.0.to_owned() } else { town.password(person) };
        let fields = Fields {
            account: Some(email.clone().into()),
            email: Some(email.into()),
            password: Some(password.into()),
            name: Some(format!("{} {}", capital(first), capital(last)).into()),
            phone: self.chance.hit(0.6).then(|| person.phone().into()),
            ..Fields::default()
        };
        match fails {
            true => (fields, Outcome::Failed, Some((seconds(20.0, 0.6, &mut self.chance), Step::Register))),
            false => (fields, Outcome::Succeeded, None),
        }
    }

    fn checkout(&mut self, town: &Town) -> (Fields<'static>, Outcome, Option<(u64, Step)>) {
        self.tries += 1;
        let (person, chance) = (&self.person, &mut self.chance);
        let declined = chance.hit(CARD_FAILS);
        let (card_bin, card_last4) = person.card(u64::from(self.tries - 1));
        let email = town.email(person);
        // One in four buys as a guest.
        let guest = chance.hit(0.25);
        let amount = chance.around(48.0, 0.9) * person.place.dollar;
        let amount = if person.place.dollar > 200.0 { amount.round() } else { (amount * 100.0).round() / 100.0 };
        let fields = Fields {
            account: (!guest).then(|| email.clone().into()),
            email: Some(email.into()),
            amount: Some(amount),
            currency: Some(Cow::Borrowed(person.place.currency)),
            card_bin: Some(card_bin.into()),
            card_last4: Some(card_last4.into()),
            shipping_zip: Some(person.postal_code().into()),
            ..Fields::default()
        };
        let again = declined && self.tries < 3 && chance.hit(TRIES_ANOTHER_CARD);
        let outcome = if declined { Outcome::Failed } else { Outcome::Succeeded };
        (fields, outcome, again.then(|| (seconds(40.0, 0.6, chance), Step::Checkout)))
    }

    fn step(&mut self, begun: &mut Begun, at: u64, town: &mut Town) -> (LabelledAttempt<'static>, Option<(u64, Step)>) {
        let device = match &mut begun.private {
            None => town.jar(&self.person, self.device, begun.before),
            Some(jar) => {
                let brought = jar.clone();
                jar.get_or_insert_with(|| town.private_jar());
                brought
            }
        };
        let (event, (fields, outcome, next)) = match begun.step {
            Step::Login => (Event::Login, self.login(begun, town)),
            Step::LoginAnew => {
                town.change_password(&self.person);
                (Event::Login, self.login(begun, town))
            }
            Step::AskForNew => {
                let email = town.email(&self.person);
                let fields =
                    Fields { account: Some(email.clone().into()), email: Some(email.into()), ..Fields::default() };
                let mail = seconds(110.0, 0.7, &mut self.chance);
                (Event::Reset, (fields, Outcome::Succeeded, Some((mail, Step::LoginAnew))))
            }
            Step::Register => (Event::Register, self.register(town)),
            Step::Checkout => (Event::Checkout, self.checkout(town)),
        };
        let sender = Sender { ip: begun.ip, client: begun.client.clone(), device };
        let who = Who {
            label: Cow::Borrowed(INNOCENT),
            actor: format!("person-{}", self.person.id).into(),
            persona: Cow::Borrowed(self.person.persona.name),
        };
        (town.attempt(at, event, sender, fields, outcome, who), next)
    }
}

impl Actor for Sitting {
    fn act(&mut self, at: u64, town: &mut Town) -> Act {
        let Some(mut begun) = self.begun.take() else { return Act::default() };
        let (attempt, next) = self.step(&mut begun, at, town);
        let next = next.map(|(after, step)| {
            begun.step = step;
            at + after
        });
        self.begun = Some(begun);
        Act { attempt: Some(attempt), next }
    }
}

/// A time that people take, in milliseconds.
fn seconds(median: f64, spread: f64, chance: &mut Chance) -> u64 {
    (chance.around(median, spread).clamp(1.5, 1_800.0) * 1000.0) as u64
}

/// The account's name as it is typed: phones begin with a capital letter, and some leave a blank at the end.
fn typed(email: &str, chance: &mut Chance) -> String {
    match chance.below(100) {
        0..=2 => email[..1].to_ascii_uppercase() + &email[1..],
        3 => format!("{email} "),
        _ => email.to_owned(),
    }
}

/// A name that is nearly the account's: a letter is doubled, left out, or the provider is not the right one.
fn misspelt(email: &str, chance: &mut Chance) -> String {
    let local = email.find('@').unwrap_or(1).max(1);
    let at = chance.below(local as u64) as usize;
    match chance.below(3) {
        0 if local > 2 => format!("{}{}", &email[..at], &email[at + 1..]),
        1 => format!("{}.con", email.rsplit_once('.').map_or(email, |(head, _)| head)),
        _ => format!("{}{}", &email[..=at], &email[at..]),
    }
}
