//! A campaign as operators see it, and all that are active as attempts are matched with them.
//!
//! What is published is made once a second at most, beside the requests, and read without a lock: the campaigns, and for each cell
//! (a class of strangers with one fingerprint) which campaign it belongs to, worked out beforehand. So an attempt costs one or
//! two look-ups in a table, and nothing at all while there is no campaign.

use super::look::{Class, Look, Standing};
use super::networks::Networks;
use super::sweep::Swept;
use crate::engine::attempt::AttemptId;
use crate::engine::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// From this share of excess on, a cell is a campaign's: of seven attempts in it, six are no customer's.
pub const MEMBER: f64 = 0.85;
/// A cell that is in stays in down to here.
pub const STAYS: f64 = 0.65;

/// What the members of a campaign have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// One program, from everywhere.
    Fingerprint(u64),
    /// One program in one autonomous system.
    FingerprintInAsn(u64, u32),
    /// Strangers with programs of all kinds, too many of whom fail.
    Strangers,
    /// One password on many accounts, by its tag, which nobody is shown.
    Password(u64),
}

impl Pattern {
    /// Kinds as metrics and the API call them, in the order of [`Pattern::place`].
    pub const KINDS: [&'static str; 4] = ["fingerprint", "fingerprint_in_asn", "strangers", "password"];

    pub fn place(self) -> usize {
        match self {
            Pattern::Fingerprint(_) => 0,
            Pattern::FingerprintInAsn(..) => 1,
            Pattern::Strangers => 2,
            Pattern::Password(_) => 3,
        }
    }

    pub fn kind(self) -> &'static str {
        Pattern::KINDS[self.place()]
    }

    pub fn fingerprint(self) -> Option<u64> {
        match self {
            Pattern::Fingerprint(fingerprint) | Pattern::FingerprintInAsn(fingerprint, _) => Some(fingerprint),
            Pattern::Strangers | Pattern::Password(_) => None,
        }
    }

    pub fn asn(self) -> Option<u32> {
        match self {
            Pattern::FingerprintInAsn(_, asn) => Some(asn),
            Pattern::Fingerprint(_) | Pattern::Strangers | Pattern::Password(_) => None,
        }
    }
}

/// The numbers that a campaign was seen by, as they are now. People halve in [twelve hours](super::watch::HALF).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Numbers {
    /// Strangers of the pattern who came: tries at one account are one person's.
    pub people: f64,
    /// Those who got in.
    pub succeeded: f64,
    /// How many strangers would have come if those who got in were honest and there were no others.
    pub expected: f64,
}

impl Numbers {
    /// Share of the people who did not get in.
    pub fn failure_share(self) -> f64 {
        if self.people > 0.0 { 1.0 - self.succeeded / self.people } else { 0.0 }
    }
}

/// Attempts that belong together, of many sources.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// The id of the attempt that gave it away.
    pub id: AttemptId,
    pub pattern: Pattern,
    pub numbers: Numbers,
    /// The likeliest time of its beginning.
    pub started: Timestamp,
    /// When it was found.
    pub found: Timestamp,
    /// When something of it was last seen that did not get in.
    pub seen: Timestamp,
    /// Attempts that were matched with it since it was found.
    pub attempts: u64,
    /// Of these, how many the gate kept from the application.
    pub withheld: u64,
}

/// What an attempt was matched with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match<'c> {
    pub campaign: &'c Campaign,
    /// The share of its cell that are no customers.
    pub excess: f64,
}

/// The excess of the cells that are members, by [`Class::place`].
pub(super) type Cells = [Option<f32>; Class::COUNT];

/// All campaigns that are active.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Campaigns {
    pub active: Vec<Arc<Campaign>>,
    /// Each with its campaign's place in `active`, as the rest.
    pub(super) fingerprints: BTreeMap<u64, (u16, Cells)>,
    pub(super) in_asn: BTreeMap<(u64, u32), (u16, Cells)>,
    /// The campaign of strangers with programs of all kinds.
    pub(super) strangers: Option<u16>,
    /// Its cells, of each fingerprint that has been seen and has no campaign of its own.
    pub(super) swept: Swept,
    /// And of any other.
    pub(super) others: Cells,
    pub(super) passwords: BTreeMap<u64, (u16, f32)>,
    pub(super) networks: Networks,
}

impl Campaigns {
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Whether other accounts were tried from this network (its bits [mixed](super::look::mixed)), and nobody got in since.
    pub fn is_in_vain(&self, network: u64, account: u32, at: Timestamp) -> bool {
        self.networks.is_in_vain(network, account, at)
    }

    /// The campaign of many sources that the attempt is a member of.
    pub fn of(&self, look: &Look) -> Option<Match<'_>> {
        let Standing::Strange(class) = look.standing else { return None };
        let member = |(place, cells): &(u16, Cells)| Some((*place, cells[class.place()]?));
        let in_asn = look.asn.and_then(|asn| member(self.in_asn.get(&(look.fingerprint, asn))?));
        let cell = in_asn.or_else(|| match self.fingerprints.get(&look.fingerprint) {
            Some(cells) => member(cells),
            None => member(&(self.strangers?, *self.swept.find(look.fingerprint).unwrap_or(&self.others))),
        });
        self.matched(cell)
    }

    /// The campaign of one password that it is a member of.
    pub fn of_password(&self, look: &Look) -> Option<Match<'_>> {
        let Standing::Strange(_) = look.standing else { return None };
        self.matched(self.passwords.get(&look.password?).copied())
    }

    fn matched(&self, cell: Option<(u16, f32)>) -> Option<Match<'_>> {
        let (place, excess) = cell?;
        let campaign = self.active.get(usize::from(place))?;
        Some(Match { campaign, excess: f64::from(excess) })
    }
}
