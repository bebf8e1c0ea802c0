//! From a route's field map to the facts of an attempt.
//!
//! This is the last place where an identifier or a password is text. Every field is settled first: which source has it,
//! and whether all that could be meant is one value. Then it is made into a fact that betrays nobody: a pseudonym, a
//! tag, an amount. What the operator's lists must compare in the clear travels apart, in [`RawIdentifiers`], and ends
//! with the gathering of evidence.
//!
//! Where readings of a credential disagree the last one is taken for the facts, as PHP, Django, Rails and every JSON
//! library of note do, and the ambiguity says that this was a choice.

pub mod cards;
mod credentials;
mod numbers;
mod settle;

use super::form::{Oddity, Values};
use super::identity::{self, Identifier, Keys};
use crate::config::settings::{Amounts, FieldSource, IdentityRules, Route};
use crate::engine::attempt::{Ambiguity, Email, Field, FormFacts, Identity, Pseudonym, Trap};
use crate::engine::event::Event;
use crate::engine::money::Currency;
use crate::intel::passwords::{self, Digest};
use crate::intel::providers;
use http::HeaderMap;
use settle::Settled;
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// What capture makes of a request's fields.
#[derive(Default)]
pub struct Captured {
    pub identity: Identity,
    pub form: FormFacts,
    /// Fields that the route maps and the request did not bring, or brought empty.
    pub missing: Vec<Field>,
    pub ambiguities: Vec<Ambiguity>,
    pub raw: RawIdentifiers,
}

/// Canonical identifiers in the clear and the password's SHA-1, of both its readings, for the operator's lists and the leaked passwords and for
/// nothing else: to be dropped as soon as those were asked. Wiped then; can be neither printed nor cloned.
#[derive(Default)]
pub struct RawIdentifiers {
    account: Option<Identifier>,
    email: Option<Zeroizing<String>>,
    domain: Box<str>,
    card_bin: Box<str>,
    password: Option<Digest>,
    /// The same without blanks around it, if it has any.
    trimmed: Option<Digest>,
}

impl RawIdentifiers {
    /// What a password is looked for by among leaked ones: without the blanks around it, and then as it was sent, if that is
    /// something else. Many applications trim it, so that a blank more would be a way round, and some do not.
    pub fn passwords(&self) -> impl Iterator<Item = &Digest> {
        self.trimmed.iter().chain(&self.password)
    }

    pub fn account(&self) -> Option<&str> {
        self.account.as_ref().map(Identifier::as_str)
    }

    pub fn email(&self) -> Option<&str> {
        self.email.as_ref().map(|email| email.as_str())
    }

    /// Domain of the e-mail address, in lower-case ASCII.
    pub fn domain(&self) -> Option<&str> {
        Some(&*self.domain).filter(|domain| !domain.is_empty())
    }

    /// Six to eight digits.
    pub fn card_bin(&self) -> Option<&str> {
        Some(&*self.card_bin).filter(|bin| !bin.is_empty())
    }
}

/// Reads the fields of `route`. `disposable` answers with the list's entry that covers a domain.
pub fn capture(
    route: &Route,
    values: &Values,
    headers: &HeaderMap,
    keys: &Keys,
    disposable: &dyn Fn(&str) -> Option<Box<str>>,
) -> Captured {
    let how = Reading { rules: route.identity, registers: route.event == Event::Register, keys, disposable };
    let mut captured = settled(&route.fields, values, headers, &how);
    captured.form.trap = trap(&route.trap, values);
    if let (Amounts::Minor, Some(amount)) = (route.amounts, &mut captured.form.amount) {
        // Of an unknown currency as of most.
        let currency = captured.form.currency.as_deref().and_then(Currency::find);
        *amount /= 10f64.powi(currency.map_or(2, |currency| currency.decimals.into()));
    }
    captured
}

/// What came of a field that people never see. Blanks are nothing: some programs of assistance leave one.
fn trap(sources: &[FieldSource], values: &Values) -> Trap {
    if sources.is_empty() {
        return Trap::None;
    }
    let readings = || sources.iter().flat_map(|source| values.of(source));
    match () {
        () if readings().any(|reading| !reading.as_ref().trim().is_empty()) => Trap::Filled,
        () if readings().next().is_some() => Trap::Empty,
        () => Trap::LeftOut,
    }
}

/// As [`capture`], from a field map and its identity rules alone, of a form that registers nobody.
pub fn read(
    fields: &[(Field, Vec<FieldSource>)],
    rules: IdentityRules,
    values: &Values,
    headers: &HeaderMap,
    keys: &Keys,
    disposable: &dyn Fn(&str) -> Option<Box<str>>,
) -> Captured {
    settled(fields, values, headers, &Reading { rules, registers: false, keys, disposable })
}

/// What texts are made into facts with.
struct Reading<'r> {
    rules: IdentityRules,
    /// Whether an account is being made: then how its address is made is looked at.
    registers: bool,
    keys: &'r Keys,
    disposable: &'r dyn Fn(&str) -> Option<Box<str>>,
}

fn settled(fields: &[(Field, Vec<FieldSource>)], values: &Values, headers: &HeaderMap, how: &Reading<'_>) -> Captured {
    let mut captured = Captured::default();
    let mut found = Found::default();
    for (field, sources) in fields {
        match settle::settle(sources, values, headers) {
            Some(settled) => {
                if field.is_credential() {
                    flag(*field, &settled, &mut captured.ambiguities);
                }
                found.0.push((*field, Text::Captured(settled.text)));
            }
            None => captured.missing.push(*field),
        }
    }
    if fields.iter().any(|(field, _)| field.is_credential()) {
        add_oddities(values.odd().iter(), &mut captured.ambiguities);
    }
    captured.complete(how, &found);
    captured
}

/// As [`capture`], of texts that stand for themselves: somebody has written down what was in the fields, and not the
/// request. A text of a field that the route does not map is not seen, as in a request; an empty one is missing.
pub fn told<'t>(
    route: &Route,
    texts: impl Fn(Field) -> Option<Cow<'t, str>>,
    keys: &Keys,
    disposable: &dyn Fn(&str) -> Option<Box<str>>,
) -> Captured {
    let mut captured = Captured::default();
    let mut found = Found(Vec::with_capacity(route.fields.len()));
    for (field, _) in &route.fields {
        match texts(*field).filter(|text| !text.is_empty()) {
            Some(text) => found.0.push((*field, Text::Told(text))),
            None => captured.missing.push(*field),
        }
    }
    let how = Reading { rules: route.identity, registers: route.event == Event::Register, keys, disposable };
    captured.complete(&how, &found);
    captured
}

impl Captured {
    fn complete(&mut self, how: &Reading<'_>, found: &Found<'_>) {
        identify(how, found, self);
        describe(found, how.keys, self);
    }
}

/// The settled text of each field.
#[derive(Default)]
struct Found<'t>(Vec<(Field, Text<'t>)>);

enum Text<'t> {
    /// Out of a request.
    Captured(Zeroizing<String>),
    /// Out of a file, where it still stands.
    Told(Cow<'t, str>),
}

impl Found<'_> {
    fn of(&self, field: Field) -> Option<&str> {
        let (_, text) = self.0.iter().find(|(found, _)| *found == field)?;
        Some(match text {
            Text::Captured(text) => text,
            Text::Told(text) => text,
        })
    }
}

fn flag(field: Field, settled: &Settled, ambiguities: &mut Vec<Ambiguity>) {
    if settled.duplicate {
        ambiguities.push(Ambiguity::Duplicate(field));
    }
    if settled.places {
        ambiguities.push(Ambiguity::Places(field));
    }
    // Whose account is meant does not hang on a password's charset: it is right or wrong to the application, and a site
    // whose pages are in a Western charset gets its customers' umlauts that way.
    let charset_only = |oddity: &Oddity| field == Field::Password && matches!(oddity, Oddity::Charset | Oddity::Utf8);
    add_oddities(settled.odd.iter().filter(|oddity| !charset_only(oddity)), ambiguities);
}

fn add_oddities(odd: impl Iterator<Item = Oddity>, ambiguities: &mut Vec<Ambiguity>) {
    for oddity in odd {
        let ambiguity = Ambiguity::Encoding(oddity.name());
        if !ambiguities.contains(&ambiguity) {
            ambiguities.push(ambiguity);
        }
    }
}

/// Whose account is meant.
fn identify(how: &Reading<'_>, found: &Found<'_>, captured: &mut Captured) {
    let Reading { rules, registers, keys, disposable } = *how;
    let account = found.of(Field::Account).and_then(|text| identity::account(text, rules));
    let username = found.of(Field::Username).and_then(|text| identity::account(text, rules));
    // The email field, else an account or user name that is an address.
    let typed = found.of(Field::Email).or_else(|| {
        let is_address = |name: &Option<Identifier>| matches!(name, Some(Identifier::Address(_)));
        if is_address(&account) {
            found.of(Field::Account)
        } else if is_address(&username) {
            found.of(Field::Username)
        } else {
            None
        }
    });
    let email = typed.and_then(|typed| {
        // Most accounts are the address, and were read a moment ago.
        let address = match &account {
            Some(Identifier::Address(known)) if found.of(Field::Account) == Some(typed) => known.clone(),
            _ => identity::email(typed, rules)?,
        };
        let composition = registers.then(|| identity::composition(typed, &address, keys)).flatten();
        let facts = Email {
            key: keys.email(address.as_str()),
            domain: address.domain().into(),
            problem: identity::problem(typed, address.domain()),
            disposable: Some(address.domain()).filter(|domain| !domain.is_empty()).and_then(disposable),
            relay: providers::relay(address.domain()),
            unanswered: false,
            composition: composition.map(Box::new),
        };
        Some((address, facts))
    });
    let email_key = email.as_ref().map(|(_, facts)| facts.key);
    // Most accounts are the address that was hashed a moment ago.
    let key_of = |identifier: &Identifier| match (identifier, &email) {
        (Identifier::Address(address), Some((known, facts))) if address.as_str() == known.as_str() => facts.key,
        _ => keys.account(identifier),
    };
    let account_key = account.as_ref().map(key_of);
    let username_key = username.as_ref().map(key_of);
    // A registration may map no account: then the name, or the address, is what it will be.
    let primary: Option<Pseudonym> = account_key.or(username_key).or(email_key);
    let field = [(&account, Field::Account), (&username, Field::Username)].into_iter().find_map(|(name, field)| {
        let name = name.as_ref()?;
        Some((found.of(field)?, name.as_str(), matches!(name, Identifier::Address(_))))
    });
    let named = field.or_else(|| email.as_ref().zip(typed).map(|((address, _), text)| (text, address.as_str(), true)));
    // Nearly everybody types what reads as itself, and is hashed once.
    let spelled = named.and_then(|(text, canonical, is_address)| {
        let plain = identity::spelling(text, rules);
        match is_address {
            _ if plain.as_str() == canonical => primary,
            true => Some(keys.email(&plain)),
            false => Some(keys.name(&plain)),
        }
    });
    let mut identity = Identity { account: primary, spelled, reading: primary, ..Identity::default() };
    identity.reading = identity.reading.filter(|reading| Some(*reading) != spelled);
    identity.aliases = names(&identity, &[account_key, username_key, email_key]);
    let raw = &mut captured.raw;
    raw.account = account.or(username);
    if let Some((address, facts)) = &email {
        raw.email = Some(Zeroizing::new(address.as_str().to_owned()));
        raw.domain = facts.domain.clone();
        if raw.account.is_none() {
            raw.account = identity::account(address.as_str(), rules);
        }
    }
    captured.identity = Identity { email: email.map(|(_, facts)| facts), ..identity };
}

/// Every name, each once, in the order in which the store counts them: the spelling, what it reads as, and the rest.
fn names(identity: &Identity, rest: &[Option<Pseudonym>]) -> Vec<Pseudonym> {
    let mut names = Vec::with_capacity(4);
    for key in [identity.spelled, identity.account, identity.reading].iter().chain(rest).flatten() {
        if !names.contains(key) {
            names.push(*key);
        }
    }
    names
}

/// The identity in an application of its own, among several behind the gate. What it is called elsewhere is kept beside,
/// for what speaks against it.
pub fn in_realm(realm: &str, identity: Identity, keys: &Keys) -> Identity {
    let here = |account| keys.in_realm(realm, account);
    let mut own = Identity { spelled: identity.spelled.map(here), reading: identity.reading.map(here), ..identity };
    let rest: Vec<_> = own.aliases.iter().filter(|key| Some(**key) != identity.spelled).map(|key| Some(*key)).collect();
    own.aliases = names(&own, &rest);
    own
}

/// What else the form said. A card's number where none belongs is nothing that was said.
fn describe(found: &Found<'_>, keys: &Keys, captured: &mut Captured) {
    let bin = found.of(Field::CardBin).and_then(cards::first_digits);
    let last4 = found.of(Field::CardLast4).and_then(cards::last_four);
    let plainly = |field: Field| found.of(field).filter(|text| !cards::is_card_number(text));
    let address = |street: Field, zip: Field| {
        let (street, zip) = (plain(plainly(street)?), plain(plainly(zip).unwrap_or_default()));
        (!street.is_empty()).then(|| keys.address(&street, &zip))
    };
    captured.form = FormFacts {
        // A password that is tried on everybody is one with a blank more as well.
        password: found.of(Field::Password).map(|password| keys.password(passwords::trimmed(password))),
        phone: plainly(Field::Phone).and_then(identity::phone).map(|number| keys.phone(&number)),
        amount: found.of(Field::Amount).and_then(numbers::amount),
        currency: found.of(Field::Currency).and_then(numbers::currency),
        card: match (&bin, &last4) {
            (None, None) => None,
            (bin, last4) => Some(keys.card(bin.as_deref().unwrap_or_default(), last4.as_deref().unwrap_or_default())),
        },
        card_bin_key: bin.as_ref().map(|bin| keys.card_bin(bin)),
        card_bin: bin.clone(),
        // Of what only a whole request shows.
        trap: Trap::None,
        address: address(Field::ShippingAddress, Field::ShippingZip),
        billing_address: address(Field::BillingAddress, Field::BillingZip),
        // Kept whatever it looks like: many orders' numbers are as long, and nothing of it is ever shown but the hash.
        order: found.of(Field::Order).map(|order| keys.order(order)),
    };
    let read = &captured.form;
    // What was sent and is no such thing is as good as not sent, and an operator should see it.
    let unread = [
        (Field::Amount, read.amount.is_none()),
        (Field::Currency, read.currency.is_none()),
        (Field::CardBin, bin.is_none()),
        (Field::CardLast4, last4.is_none()),
        (Field::Phone, read.phone.is_none()),
    ];
    captured
        .missing
        .extend(unread.into_iter().filter(|(field, none)| *none && found.of(*field).is_some()).map(|(field, _)| field));
    captured.raw.card_bin = bin.unwrap_or_default();
    if let Some(password) = found.of(Field::Password) {
        let trimmed = Some(passwords::trimmed(password)).filter(|trimmed| *trimmed != password);
        captured.raw.trimmed = trimmed.map(|trimmed| Digest::of(trimmed.as_bytes()));
        captured.raw.password = Some(Digest::of(password.as_bytes()));
    }
}

/// Letters and digits in lower case: so much of an address as does not depend on who types it.
fn plain(text: &str) -> Zeroizing<String> {
    let kept = text.nfkc().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase);
    Zeroizing::new(kept.take(MOST_OF_AN_ADDRESS).collect())
}

/// Characters of an address that are told apart.
const MOST_OF_AN_ADDRESS: usize = 256;

#[cfg(test)]
mod tests;
