//! Which constants a variable can be compared with. A constant outside its domain makes a rule that never matches, and a
//! gate must not learn that from an incident.

use super::Names;
use super::condition::{Comparison, Number};
use super::spelling::nearest;
use super::variables::{Domain, Unit};
use crate::engine::attempt::Field;
use crate::engine::clearance::ChallengeKind;
use crate::engine::event::Event;
use crate::engine::money::Currency;
use std::net::IpAddr;

/// What is wrong with a constant, and what to write instead.
pub(super) type Misfit = (String, Option<String>);

/// For messages: `a score`.
pub(super) fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Score => "a score",
        Unit::Hour => "an hour",
        Unit::Asn => "a network's number",
        Unit::Amount => "an amount",
        Unit::Days => "a number of days",
        Unit::Count => "a number of elements",
    }
}

/// Whether a number of this unit can have this value.
pub(super) fn check_number(unit: Unit, value: f64) -> Result<(), String> {
    let whole = |most: f64, what: &str| match value.fract() == 0.0 && (0.0..=most).contains(&value) {
        true => Ok(()),
        false => Err(format!("{value} is no {what}: whole numbers from 0 to {most}")),
    };
    match unit {
        Unit::Score if !(0.0..=100.0).contains(&value) => {
            Err(format!("scores go from 0 to 100, and {value} is outside"))
        }
        Unit::Score => Ok(()),
        Unit::Hour => whole(23.0, "hour of a day"),
        Unit::Asn => whole(f64::from(u32::MAX), "network's number"),
        Unit::Days => whole(1_000_000.0, "number of days"),
        Unit::Count => whole(255.0, "length of a list"),
        Unit::Amount if value.is_finite() => Ok(()),
        Unit::Amount => Err(format!("{value} is no amount")),
    }
}

/// What is wrong with a comparison that every attempt satisfies, or none: `bot >= 0`, `hour > 23`.
pub(super) fn idle_comparison(
    (left, left_unit): (&Number, Option<Unit>),
    comparison: Comparison,
    (right, right_unit): (&Number, Option<Unit>),
) -> Option<String> {
    let (unit, comparison, value) = match (left, left_unit, right, right_unit) {
        (_, Some(unit), Number::Literal(value), None) => (unit, comparison, *value),
        (Number::Literal(value), None, _, Some(unit)) => (unit, comparison.mirrored(), *value),
        _ => return None,
    };
    // A constant that is out of range is told as such.
    check_number(unit, value).ok()?;
    let (what, most) = match unit {
        Unit::Score => ("scores go from 0 to 100", 100.0),
        Unit::Hour => ("hours go from 0 to 23", 23.0),
        Unit::Asn => ("networks' numbers begin at 0", f64::from(u32::MAX)),
        Unit::Days => ("days are counted from 0", f64::INFINITY),
        Unit::Count => ("no list has fewer than 0 elements", f64::INFINITY),
        Unit::Amount => return None,
    };
    match comparison {
        Comparison::AtLeast if value <= 0.0 => Some(format!("is always true: {what}")),
        Comparison::AtMost if value >= most => Some(format!("is always true: {what}")),
        Comparison::Less if value <= 0.0 => Some(format!("is never true: {what}")),
        Comparison::Greater if value >= most => Some(format!("is never true: {what}")),
        _ => None,
    }
}

/// Whether a text of this domain can have this value. The empty text is what an unknown value is.
pub(super) fn check_text(domain: Domain, text: &str, names: &Names) -> Result<(), Misfit> {
    let known = |what: &str, known: &mut dyn Iterator<Item = &str>| {
        let known: Vec<&str> = known.collect();
        match known.contains(&text) {
            true => Ok(()),
            false => Err(unknown(what, text, &known)),
        }
    };
    match domain {
        Domain::Free => Ok(()),
        Domain::Event if text.parse::<Event>().is_ok() => Ok(()),
        Domain::Event => {
            let named: Vec<_> = Event::NAMED.iter().map(Event::name).collect();
            let bare = text.strip_prefix('$').filter(|bare| named.contains(bare)).map(str::to_owned);
            let (message, meant) = unknown("event", text, &named);
            Err((message, bare.or(meant)))
        }
        Domain::Route if names.routes.is_empty() => Ok(()),
        Domain::Route => known("route", &mut names.routes.iter().map(|name| &**name)),
        Domain::Moment => known("moment", &mut ["before", "after"].into_iter()),
        Domain::Severity => known("severity", &mut ["low", "medium", "high", "critical"].into_iter()),
        Domain::Signal => known("signal", &mut names.signals.iter().copied()),
        Domain::List => known("list", &mut names.lists.iter().map(|name| &**name)),
        Domain::Field => known("field", &mut Field::ALL.iter().map(|field| field.name())),
        Domain::Part if names.parts.is_empty() => Ok(()),
        Domain::Part => known("part", &mut names.parts.iter().copied()),
        Domain::ChallengeKind => match super::challenge_kind(text) {
            Ok(_) => Ok(()),
            Err(error) => Err((error.to_string(), error.suggestion)),
        },
        Domain::Ip => match text.parse::<IpAddr>().map(|ip| ip.to_canonical().to_string()) {
            Ok(canonical) if canonical == text => Ok(()),
            Ok(canonical) => Err((format!("addresses are compared as `{canonical}` is written"), Some(canonical))),
            Err(_) => Err((format!("`{text}` is no address; ranges belong into a list of ip"), None)),
        },
        Domain::Country => match text.as_bytes() {
            [] => Ok(()),
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(()),
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Err(("countries are upper case".to_owned(), Some(text.to_ascii_uppercase())))
            }
            _ => Err((format!("`{text}` is no country: two letters, as in \"DE\""), None)),
        },
        Domain::Currency if text.chars().any(char::is_lowercase) => {
            Err(("currencies are upper case".to_owned(), Some(text.to_uppercase())))
        }
        Domain::Currency if !text.is_empty() && Currency::find(text).is_none() => {
            Err((format!("`{text}` is no currency of ISO 4217"), None))
        }
        Domain::Currency => Ok(()),
        Domain::Host if text.contains('@') => {
            let domain = text.rsplit('@').next().unwrap_or_default();
            Err(("this is the part after the `@`".to_owned(), Some(domain.to_lowercase())))
        }
        Domain::Host if text.chars().any(char::is_uppercase) => {
            Err(("domains are lower case".to_owned(), Some(text.to_lowercase())))
        }
        Domain::Host if !text.is_ascii() => {
            Err((format!("`{text}` is not ASCII; domains are compared in their xn-- form"), None))
        }
        Domain::Host => Ok(()),
    }
}

fn unknown(what: &str, text: &str, known: &[&str]) -> Misfit {
    let meant = nearest(text, known.iter().copied()).map(str::to_owned);
    let few = !known.is_empty() && known.len() <= 12;
    let among = if few { format!(", only {}", known.join(", ")) } else { String::new() };
    (format!("there is no {what} `{text}`{among}"), meant)
}

/// A kind of challenge that a rule cannot name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKind {
    pub name: String,
    /// A kind of a later release.
    pub reserved: bool,
    pub suggestion: Option<String>,
}

impl std::fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.reserved {
            true => write!(f, "challenge `{}` is not available yet", self.name),
            false => write!(f, "there is no challenge `{}`", self.name),
        }
    }
}

impl std::error::Error for UnknownKind {}

/// The kind of challenge by its name in a rule.
pub fn challenge_kind(name: &str) -> Result<ChallengeKind, UnknownKind> {
    const RESERVED: [&str; 4] = ["email_code", "totp", "captcha", "redirect"];
    ChallengeKind::from_name(name).ok_or_else(|| UnknownKind {
        name: name.to_owned(),
        reserved: RESERVED.contains(&name),
        suggestion: nearest(name, ChallengeKind::ALL.into_iter().map(ChallengeKind::name)).map(str::to_owned),
    })
}
