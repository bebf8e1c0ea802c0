//! The closed table of what a rule may ask.
//!
//! Every variable always has a value, so that no rule can fail on a visitor who leaves something out: a text that is
//! not to be had is empty, a number is 0. Only where 0 would lie (`amount`: a rule that lets small sums pass must not
//! let unknown ones pass) does the checker want the question `!("amount" in missing)` asked first. Rules see scores
//! as the record prints them, with two decimals.

use crate::engine::assessment::{Assessment, ScoreName, Severity};
use crate::engine::evidence::Evidence;
use std::borrow::Cow;
use std::sync::Arc;

/// One name of the table.
#[derive(Debug)]
pub struct Variable {
    pub name: &'static str,
    pub kind: Kind,
    /// One sentence for documentation, with the value it has when there is none.
    pub summary: &'static str,
}

/// What a variable is, and which.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Flag(Flag),
    Number(Quantity, Unit),
    Text(Word, Domain),
    List(List, Domain),
}

impl Kind {
    /// For messages and documentation.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Flag(_) => "true or false",
            Kind::Number(..) => "a number",
            Kind::Text(..) => "a text",
            Kind::List(..) => "a list",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flag {
    DeviceKnown,
    EmailRelay,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    Risk,
    RiskLow,
    RiskHigh,
    Score(ScoreName),
    Asn,
    Amount,
    Hour,
    DeviceAge,
    DeviceTrust,
}

/// What a number counts, which says what it can be compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    /// Percent, 0 to 100.
    Score,
    /// 0 to 23.
    Hour,
    /// An autonomous system's number.
    Asn,
    /// In the currency's own units.
    Amount,
    /// Whole days.
    Days,
    /// The length of a list.
    Count,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Word {
    Event,
    Route,
    Moment,
    Severity,
    Ip,
    Country,
    Org,
    DeviceName,
    EmailDomain,
    Currency,
    Campaign,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum List {
    Signals,
    Lists,
    Missing,
    Degraded,
    Cleared,
}

/// Which texts a variable can be equal to; the checker refuses the others, since such a rule could never match.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Domain {
    Free,
    Event,
    Route,
    Moment,
    Severity,
    Ip,
    Country,
    Currency,
    Host,
    Signal,
    List,
    Field,
    ChallengeKind,
    Part,
}

macro_rules! variable {
    ($name:literal, $kind:expr, $summary:literal) => {
        Variable { name: $name, kind: $kind, summary: $summary }
    };
}

/// All variables but the two families `fired.<signal>` and `listed.<list>`, in the order of the documentation.
pub static VARIABLES: &[Variable] = &[
    variable!(
        "event",
        Kind::Text(Word::Event, Domain::Event),
        "The kind of moment: login, register, …, custom:<name>."
    ),
    variable!("route", Kind::Text(Word::Route, Domain::Route), "The route's name."),
    variable!(
        "moment",
        Kind::Text(Word::Moment, Domain::Moment),
        "before (forwarding) or after (the application said yes)."
    ),
    variable!(
        "risk",
        Kind::Number(Quantity::Risk, Unit::Score),
        "The chance in percent that any of the three is true."
    ),
    variable!("bot", Kind::Number(Quantity::Score(ScoreName::Bot), Unit::Score), "0 to 100: a program, not a person."),
    variable!(
        "account_takeover",
        Kind::Number(Quantity::Score(ScoreName::AccountTakeover), Unit::Score),
        "0 to 100: somebody else's account."
    ),
    variable!(
        "account_abuse",
        Kind::Number(Quantity::Score(ScoreName::AccountAbuse), Unit::Score),
        "0 to 100: an account made or used for abuse."
    ),
    variable!("severity", Kind::Text(Word::Severity, Domain::Severity), "Of risk: low, medium, high or critical."),
    variable!("risk_low", Kind::Number(Quantity::RiskLow, Unit::Score), "risk if every blind signal were quiet."),
    variable!("risk_high", Kind::Number(Quantity::RiskHigh, Unit::Score), "risk if every blind signal fired."),
    variable!("signals", Kind::List(List::Signals, Domain::Signal), "Names of the signals that fired."),
    variable!("lists", Kind::List(List::Lists, Domain::List), "Names of the operator's lists that match."),
    variable!("client.ip", Kind::Text(Word::Ip, Domain::Ip), "The client's address as text."),
    variable!(
        "client.country",
        Kind::Text(Word::Country, Domain::Country),
        "Two upper-case letters; empty if not known."
    ),
    variable!("client.asn", Kind::Number(Quantity::Asn, Unit::Asn), "The network's number; 0 if not known."),
    variable!("client.org", Kind::Text(Word::Org, Domain::Free), "The network's operator; empty if not known."),
    variable!(
        "device.known",
        Kind::Flag(Flag::DeviceKnown),
        "Whether the account logged in on this device (by its signed cookie) before; if none is named, whether anybody did."
    ),
    variable!(
        "device.age_days",
        Kind::Number(Quantity::DeviceAge, Unit::Days),
        "Whole days since the device got its cookie; 0 without one."
    ),
    variable!(
        "device.trust",
        Kind::Number(Quantity::DeviceTrust, Unit::Score),
        "0 to 100: grows with the days on which somebody succeeded on the device, whoever it was; 0 without a cookie, and once it was copied."
    ),
    variable!(
        "device.name",
        Kind::Text(Word::DeviceName, Domain::Free),
        "Chrome on Windows, curl, …; empty without a User-Agent."
    ),
    variable!("email.domain", Kind::Text(Word::EmailDomain, Domain::Host), "Lower case; empty without an address."),
    variable!(
        "email.relay",
        Kind::Flag(Flag::EmailRelay),
        "Whether the address is one of a service that forwards to people's real mailboxes (Apple, DuckDuckGo, Firefox Relay, …)."
    ),
    variable!("amount", Kind::Number(Quantity::Amount, Unit::Amount), "Ask !(\"amount\" in missing) first."),
    variable!("currency", Kind::Text(Word::Currency, Domain::Currency), "Upper case, as sent; empty if not sent."),
    variable!(
        "campaign",
        Kind::Text(Word::Campaign, Domain::Free),
        "The campaign this attempt belongs to; empty if none."
    ),
    variable!("degraded", Kind::List(List::Degraded, Domain::Part), "Parts that could not be asked in time."),
    variable!(
        "missing",
        Kind::List(List::Missing, Domain::Field),
        "Fields that the route maps and the request left out, or filled with what cannot be read."
    ),
    variable!(
        "cleared",
        Kind::List(List::Cleared, Domain::ChallengeKind),
        "Kinds of challenge solved for this attempt."
    ),
    variable!("hour", Kind::Number(Quantity::Hour, Unit::Hour), "The hour of the attempt in UTC, 0 to 23."),
];

/// What rules are evaluated over.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub evidence: &'a Evidence,
    pub assessment: &'a Assessment,
    /// Signal names by place.
    pub signals: &'a [&'static str],
    /// The element that `exists` or `all` is at.
    pub item: &'a str,
}

impl<'a> Scene<'a> {
    pub fn flag(&self, flag: Flag) -> bool {
        match flag {
            Flag::DeviceKnown => self.evidence.knows_device(),
            Flag::EmailRelay => {
                self.evidence.attempt.identity.email.as_ref().is_some_and(|email| email.relay.is_some())
            }
        }
    }

    pub fn number(&self, quantity: Quantity) -> f64 {
        let (scores, attempt) = (&self.assessment.scores, &self.evidence.attempt);
        match quantity {
            Quantity::Risk => two_decimals(scores.risk),
            Quantity::RiskLow => two_decimals(scores.risk_low),
            Quantity::RiskHigh => two_decimals(scores.risk_high),
            Quantity::Score(ScoreName::Bot) => two_decimals(scores.bot),
            Quantity::Score(ScoreName::AccountTakeover) => two_decimals(scores.account_takeover),
            Quantity::Score(ScoreName::AccountAbuse) => two_decimals(scores.account_abuse),
            Quantity::Asn => self.evidence.intel.asn.map_or(0.0, f64::from),
            Quantity::Amount => self.amount().unwrap_or(0.0),
            Quantity::DeviceAge => {
                let age = attempt.device.issued.map(|issued| attempt.at.since(issued));
                age.map_or(0.0, |age| (age.as_secs() / 86_400) as f64)
            }
            Quantity::DeviceTrust => {
                two_decimals(self.evidence.holder().map_or(0.0, |holder| 100.0 * holder.trust(attempt.at)))
            }
            Quantity::Hour => (attempt.at.0 / 3_600_000 % 24) as f64,
        }
    }

    /// The amount, if it is one: forms also carry `NaN` and `inf`.
    pub fn amount(&self) -> Option<f64> {
        self.evidence.attempt.form.amount.filter(|amount| amount.is_finite())
    }

    pub fn word(&self, word: Word) -> Cow<'a, str> {
        let (attempt, intel) = (&self.evidence.attempt, &self.evidence.intel);
        Cow::Borrowed(match word {
            Word::Event => attempt.event.name(),
            Word::Route => &attempt.route,
            Word::Moment => self.evidence.moment.name(),
            Word::Severity => Severity::of(two_decimals(self.assessment.scores.risk)).name(),
            Word::Ip => return Cow::Owned(attempt.client.ip.to_string()),
            Word::Country => intel.country.as_ref().map_or("", |country| country.as_str()),
            Word::Org => intel.org.as_deref().unwrap_or(""),
            Word::DeviceName => &attempt.device.agent.name,
            Word::EmailDomain => attempt.identity.email.as_ref().map_or("", |email| &email.domain),
            Word::Currency => attempt.form.currency.as_deref().unwrap_or(""),
            Word::Campaign => {
                let campaign = self.evidence.any_campaign();
                return campaign.map_or(Cow::Borrowed(""), |matched| Cow::Owned(matched.campaign.id.to_string()));
            }
        })
    }

    /// Whether any element satisfies `ask`; asks no further than that.
    pub fn any(&self, list: List, mut ask: impl FnMut(&'a str) -> bool) -> bool {
        let evidence = self.evidence;
        match list {
            List::Signals => self.fired().any(ask),
            List::Lists => evidence.intel.lists.iter().any(|hit| ask(&hit.list)),
            List::Missing => evidence.attempt.missing.iter().any(|field| ask(field.name())),
            List::Degraded => evidence.degraded.iter().any(|part| ask(part)),
            List::Cleared => evidence.clearance.kinds().any(|kind| ask(kind.name())),
        }
    }

    pub fn size(&self, list: List) -> usize {
        let mut size = 0;
        self.any(list, |_| {
            size += 1;
            false
        });
        size
    }

    fn fired(&self) -> impl Iterator<Item = &'a str> {
        let (signals, fired) = (self.signals, self.assessment.fired);
        fired.iter().filter_map(move |id| signals.get(usize::from(id.0)).copied())
    }

    pub fn listed(&self, name: &Arc<str>) -> bool {
        self.evidence.intel.lists.iter().any(|hit| hit.list == *name)
    }
}

/// A score as it is published, so that a rule and the record never disagree about it.
pub(crate) fn two_decimals(score: f64) -> f64 {
    (score * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_explained() {
        for (place, variable) in VARIABLES.iter().enumerate() {
            assert!(VARIABLES[..place].iter().all(|other| other.name != variable.name), "{} twice", variable.name);
            assert!(variable.summary.ends_with('.'), "{}: the summary is a sentence", variable.name);
        }
    }
}
