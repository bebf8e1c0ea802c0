//! All that is known when an attempt is judged: gathered first, by the shell, in one place, so that judging itself can
//! neither wait nor fail. What could not be had is a value (`None`, [`Known::Unknown`]), never a missing argument.

mod kind;

pub use kind::EntityKind;

use super::attempt::Attempt;
use super::clearance::Clearance;
use super::event::Event;
use super::holder::Holder;
use super::ownership::{Login, Ownership, Place};
use super::population::{Campaigns, Look, Match};
use super::time::Timestamp;
use std::sync::Arc;

/// Which of the two judgements this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Before forwarding: nothing is proven yet.
    Before,
    /// The application said the password was right.
    After,
}

impl Moment {
    pub fn name(self) -> &'static str {
        match self {
            Moment::Before => "before",
            Moment::After => "after",
        }
    }
}

/// Everything a judgement may look at.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub attempt: Attempt,
    pub moment: Moment,
    pub intel: Intel,
    /// Counters of the source and the account, this attempt included. `None`: the store did not answer in time.
    pub history: Option<History>,
    /// Of an event that proves who the sender is, on an account: what its profile is compared with, and learns.
    pub login: Option<Login>,
    /// What the account's own history says of this login, at the moment after success. `None`: it is the moment before, or
    /// the store could not say.
    pub owner: Option<Box<Ownership>>,
    /// What the whole site sees, at most a second or so old (campaigns of which nothing new was seen: ten): not of this
    /// attempt's moment, and not counting it.
    pub site: Arc<Site>,
    pub clearance: Clearance,
    /// Names of the parts that could not be asked (`store`, `country`), as the record prints them.
    pub degraded: Vec<&'static str>,
}

impl Evidence {
    /// Whether a ban is to be obeyed: where an allow list matches too, the exception is what was meant.
    pub fn is_banned(&self) -> bool {
        let lists = &self.intel.lists;
        lists.iter().any(|hit| &*hit.list == BANNED) && !lists.iter().any(|hit| hit.effect == ListEffect::Allow)
    }
}

impl Evidence {
    /// The campaign of many sources that this attempt is a member of.
    pub fn campaign(&self) -> Option<Match<'_>> {
        // Nearly always there is none.
        let campaigns = &self.site.campaigns;
        (!campaigns.is_empty()).then(|| campaigns.of(&Look::of(self)?)).flatten()
    }

    /// The campaign of one password on many accounts that it is a member of.
    pub fn spraying(&self) -> Option<Match<'_>> {
        let campaigns = &self.site.campaigns;
        (!campaigns.is_empty()).then(|| campaigns.of_password(&Look::of(self)?)).flatten()
    }

    /// The one that is named where one is.
    pub fn any_campaign(&self) -> Option<Match<'_>> {
        self.campaign().or_else(|| self.spraying())
    }
}

impl Evidence {
    /// The device whose cookie was brought, if somebody succeeded on it before and the cookie is in one place only.
    pub fn holder(&self) -> Option<&Holder> {
        self.history.as_ref()?.holder.as_ref().filter(|holder| !holder.copied)
    }

    /// At the moment after success: whether the account's profile knows this device by its cookie, or the device remembers the
    /// account. A cookie that is in two places proves nothing.
    pub fn is_on_own_device(&self) -> bool {
        let copied = self.history.as_ref().and_then(|history| history.holder).is_some_and(|holder| holder.copied);
        let known = self.owner.as_ref().and_then(|owner| owner.device).is_some_and(|device| device.by_cookie);
        (known && !copied) || (self.attempt.identity.account.is_some() && self.knows_device())
    }

    /// Whether the account logged in on this device before; where no account is named, whether anybody did.
    pub fn knows_device(&self) -> bool {
        let named = self.attempt.identity.account.is_some();
        self.holder().is_some_and(|holder| if named { holder.knows_account } else { holder.logged_in })
    }
}

/// An answer that may not be had: its source may not be configured, or may be down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Known<T> {
    Yes(T),
    No,
    #[default]
    Unknown,
}

impl<T> Known<T> {
    pub fn as_ref(&self) -> Known<&T> {
        match self {
            Known::Yes(value) => Known::Yes(value),
            Known::No => Known::No,
            Known::Unknown => Known::Unknown,
        }
    }

    pub fn yes(self) -> Option<T> {
        match self {
            Known::Yes(value) => Some(value),
            Known::No | Known::Unknown => None,
        }
    }
}

/// What is known about the client's address, and which of the operator's lists match.
#[derive(Clone, Debug, Default)]
pub struct Intel {
    /// ISO 3166-1 alpha-2, upper case.
    pub country: Option<Country>,
    /// `Frankfurt, HE, DE` where a city database is configured.
    pub location: Option<Box<str>>,
    /// Where that is: of a city database, or of the country.
    pub place: Option<Place>,
    pub asn: Option<u32>,
    /// The name of the network's operator.
    pub org: Option<Arc<str>>,
    /// A hosting provider, by whom.
    pub datacenter: Known<Arc<str>>,
    pub vpn: Known<Arc<str>>,
    /// A proxy that lets anybody out, by whom or by which list.
    pub proxy: Known<Proxy>,
    pub tor_exit: Known<()>,
    /// A relay that hides ordinary people by default (Apple Private Relay). Explains a hit, counts for nothing.
    pub relay: bool,
    /// The operator's lists that match this attempt, in configuration order.
    pub lists: Vec<ListHit>,
    /// Whether the password that was sent stands in a leaked corpus; nothing else of it is known here. `No` as well where
    /// none was sent.
    pub leaked: Known<Leak>,
}

/// A password was found among those that leaked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    pub source: LeakSource,
    /// How often it was seen in leaks, where the source tells.
    pub count: Option<u32>,
}

/// Where a leaked password was found, the one that says most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeakSource {
    /// Among the commonest of all, which are embedded.
    Common,
    /// In the operator's filter file.
    File,
    /// By the range service.
    Range,
}

impl LeakSource {
    /// As records and metrics have it.
    pub fn name(self) -> &'static str {
        match self {
            LeakSource::Common => "common",
            LeakSource::File => "file",
            LeakSource::Range => "range",
        }
    }
}

/// A proxy, and how it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    pub kind: ProxyKind,
    /// Whose, or the name of the operator's list.
    pub provider: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// On the operator's own list.
    Listed,
    /// Open to everybody.
    Public,
    /// Lets strangers out at somebody's home.
    Residential,
}

impl ProxyKind {
    pub fn name(self) -> &'static str {
        match self {
            ProxyKind::Listed => "listed",
            ProxyKind::Public => "public",
            ProxyKind::Residential => "residential",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country(pub [u8; 2]);

impl Country {
    /// From two ASCII letters; anything else is no country.
    pub fn new(code: &str) -> Option<Country> {
        match code.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Country([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

impl std::fmt::Debug for Country {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The list of what rules banned: it denies before any rule is asked.
pub const BANNED: &str = "banned";

/// One of the operator's lists matched.
#[derive(Clone, Debug)]
pub struct ListHit {
    /// The list's name in the configuration.
    pub list: Arc<str>,
    pub effect: ListEffect,
    /// What kind of thing matched: `ip`, `account`, …
    pub of: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListEffect {
    Allow,
    Deny,
    /// No effect of its own: for rules to ask (`listed.vip`).
    Note,
}

/// A snapshot of what the store counted, read in the same atomic step that counted this attempt.
///
/// Counts decay exponentially: an event of age `t` counts `2^(−t / half-life)`. So a count is a rate times
/// `half-life / ln 2`, needs two numbers, and never falls off a window's edge.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub network: Source,
    /// The device cookie if somebody logged in with it before, else the fingerprint within the ASN.
    pub device: Source,
    pub account: Account,
    /// What is known of the device whose cookie was brought; `None` without one, and until somebody succeeded on it.
    pub holder: Option<Holder>,
    /// What else this attempt shares with others, by kind; what it does not have is not there.
    pub velocities: Vec<(EntityKind, Velocity)>,
}

impl History {
    /// What is known of the thing of this kind that the attempt has.
    pub fn velocity(&self, kind: EntityKind) -> Option<&Velocity> {
        self.velocities.iter().find(|(known, _)| *known == kind).map(|(_, velocity)| velocity)
    }
}

/// What the whole site sees: for signals that ask whether *this* is part of something larger. Computed beside the request path
/// and read without a lock; of a fleet, all of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Site {
    /// When it was so; zero: never yet.
    pub at: Timestamp,
    /// Events that were seen lately. All events of the operator's own are one.
    pub events: Vec<(Event, Velocity)>,
    /// Attempts that belong together, of many sources. Of a fleet, what this gate found in its own share of the traffic.
    pub campaigns: Arc<Campaigns>,
}

impl Site {
    /// What is known of this kind of event.
    pub fn of(&self, event: &Event) -> Option<&Velocity> {
        let same = |known: &Event| known == event || matches!((known, event), (Event::Custom(_), Event::Custom(_)));
        self.events.iter().find(|(known, _)| same(known)).map(|(_, seen)| seen)
    }
}

/// How much of one thing there was lately, this attempt included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Velocity {
    /// Half-life of one hour.
    pub short: Answers,
    /// Half-life of one day.
    pub long: Answers,
    /// Distinct accounts, as [`Source::accounts`]; of kinds that [tell cards apart](EntityKind::tells_cards_apart), cards.
    pub accounts: u32,
    /// As [`Source::answered_accounts`].
    pub answered_accounts: u32,
    /// As [`Source::failed_accounts`].
    pub failed_accounts: u32,
}

/// Decayed counts of attempts, and of what the application answered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answers {
    /// All that arrived.
    pub attempts: f64,
    /// Answered with a failure.
    pub failed: f64,
    /// Answered with success.
    pub succeeded: f64,
}

impl Answers {
    /// The share of failures among the answered ones, in [0, 1]; `None` if none was answered.
    pub fn failure_share(&self) -> Option<f64> {
        let answered = self.failed + self.succeeded;
        (answered > 0.0).then(|| self.failed / answered)
    }
}

/// What one source (an address, a device) did lately.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Half-life of one minute.
    pub minute: Counts,
    /// Half-life of one hour.
    pub hour: Counts,
    /// Distinct accounts tried, counted on arrival, over the last hour or two. Exact up to 64, then an estimate within a
    /// few percent that ends at about 7,000. An attempt is on one account, whatever else it is called.
    pub accounts: u32,
    /// Of those, how many had an attempt from this source that tried a secret and that the application answered (distinct).
    /// An answer that no outcome rule matched is none, unless the route's rules never recognised a success: whoever
    /// provokes odd answers must not look better for it. What the gate refused is not among them, nor what still waits, nor what was given up: who
    /// is refused can neither dilute the share of failures nor raise it, and it stands as it was until an attempt lands.
    pub answered_accounts: u32,
    /// Of those again, how many were answered with failure (distinct).
    pub failed_accounts: u32,
    /// Forwarded and not yet answered, this attempt included. What is lost no longer counts after two to three minutes.
    pub in_flight: u32,
    /// How high `minute.attempts` usually rises on a day.
    pub usual_minute: Usual,
    /// How high `hour.attempts` usually rises on a day.
    pub usual_hour: Usual,
}

/// What was learned of how high a count rises on a day: of the days before today on which the entity was active, each
/// weighing half of what it did a week before. Only lawful attempts teach: those that the application answered with success
/// (or, where its answers cannot be told apart, at all) while nothing about the activity was unusual. All zero: nothing
/// was learned.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usual {
    /// How many days, decayed.
    pub days: f64,
    /// Of their peaks.
    pub mean: f64,
    /// Of their peaks.
    pub variance: f64,
}

/// What happened to one account lately.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Half-life of ten minutes, from all sources; only attempts that reached the application.
    pub recent: Counts,
    /// As `recent`, and only from this attempt's network or from its device, whichever did more.
    pub from_here: Counts,
    /// `from_here` as it stood, the refused attempt included, when the gate refused (denied or challenged) attempts from
    /// here that tried a secret: the largest of each number. It does not age while refusals follow each other within ten
    /// minutes, and is zero when the last one is older or as soon as an attempt from here succeeds. No refusal adds to it: it holds what was there. Known of this network, or of this device
    /// by its cookie, only: nobody's refusals count against the owner elsewhere, nor against all who run the same software.
    pub refused_here: Counts,
    /// Forwarded and not yet answered, this attempt included.
    pub in_flight: u32,
    /// Whether this network or device (by its cookie; a fingerprint proves nothing) ever logged in to the account within
    /// the store's memory: its last eight or so sources.
    pub known_source: bool,
    /// Whether anybody ever logged in to the account, from anywhere, within the store's memory.
    pub owned: bool,
    /// How high `recent.attempts` usually rises on a day.
    pub usual: Usual,
}

/// Decayed counts of attempts and what became of them. What became is counted for events that try a secret
/// (`Event::tries_a_secret`) only: answers to others would let an attacker drown failures in harmless successes. Denied,
/// challenged and unknown attempts count at their source in `attempts` alone; that is what keeps a source that is
/// refused and goes on above a limit of attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// All that arrived, this one included.
    pub attempts: f64,
    /// Answered with a failure by the application.
    pub failed: f64,
    /// Answered with success.
    pub succeeded: f64,
    /// Unanswered: pending, aborted, in flight.
    pub open: f64,
}

impl Counts {
    /// The share of failures in [0, 1]: answered attempts as they were, open ones at the prior share, and the prior
    /// itself with the weight of two attempts, so that one failure is not yet a habit.
    pub fn failure_share(&self, prior: f64) -> f64 {
        const PRIOR_WEIGHT: f64 = 2.0;
        let failed = self.failed + prior * (self.open + PRIOR_WEIGHT);
        failed / (self.failed + self.succeeded + self.open + PRIOR_WEIGHT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_attempts_count_at_the_prior() {
        let open = Counts { attempts: 100.0, open: 100.0, ..Counts::default() };
        assert!((open.failure_share(0.2) - 0.2).abs() < 1e-12);
        let failed = Counts { attempts: 98.0, failed: 98.0, ..Counts::default() };
        assert!(failed.failure_share(0.2) > 0.95);
    }
}
