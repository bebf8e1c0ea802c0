//! The operator's lists as operators ask for them: shown, added to, taken from, imported into, while the gate runs.
//!
//! What is added is read here, by the rules and the key that visitors' values are read by ([`OwnNames`]), and becomes
//! changes for the store: everything is read before anything is changed. What stands in a file is the operator's own: it
//! is shown (read from the file again, so that a million lines need not be kept for somebody who may ask), and taking it
//! away is refused with the place where it stands. A mark that hides a line of a file would be a second truth, which
//! nobody who reads the file can see.

mod edit;
mod filed;
mod page;

pub use edit::{Added, Addition, Imported, Removed, add, import, remove};
pub use page::{MOST_SHOWN, Page, Shown, page};

use super::gate::Gate;
use super::identity::{self, Keys};
use super::live::Live;
use crate::config::settings::{IdentityRules, ListSource};
use crate::engine::attempt::Pseudonym;
use crate::engine::evidence::ListEffect;
use crate::engine::policy::spelling::nearest;
use crate::lists::{BANNED, Key, ListOf, Naming, ban, key};
use crate::store::StoreError;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// Names as this installation hashes them, in the canonical form that the lists' files have: by the default rules of
/// identity.
pub struct OwnNames<'k>(pub &'k Keys);

impl Naming for OwnNames<'_> {
    fn pseudonym(&self, of: ListOf, text: &str) -> Option<Pseudonym> {
        let rules = IdentityRules::default();
        match of {
            ListOf::Email => identity::email(text, rules)
                .filter(|address| is_mailbox(address.as_str()))
                .map(|address| self.0.email(address.as_str())),
            _ => identity::account(text, rules).map(|account| self.0.account(&account)),
        }
    }

    fn domain(&self, text: &str) -> Option<String> {
        identity::domain(text)
    }
}

/// As [`OwnNames`] without a key: tells what is an entry, and not which.
pub struct AnyNames;

impl Naming for AnyNames {
    fn pseudonym(&self, of: ListOf, text: &str) -> Option<Pseudonym> {
        let rules = IdentityRules::default();
        let is_one = match of {
            ListOf::Email => identity::email(text, rules).is_some_and(|address| is_mailbox(address.as_str())),
            _ => identity::account(text, rules).is_some(),
        };
        is_one.then_some(Pseudonym([0; 16]))
    }

    fn domain(&self, text: &str) -> Option<String> {
        identity::domain(text)
    }
}

fn is_mailbox(address: &str) -> bool {
    address.rsplit_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty())
}

/// Reads an entry of a list. In [`BANNED`] stand addresses, and accounts as hashes.
pub fn read(list: &str, of: ListOf, text: &str, naming: &dyn Naming) -> Result<Vec<Key>, String> {
    if list != BANNED {
        return Key::read(of, text, naming);
    }
    match text.starts_with(key::HASH) {
        true => Key::read(ListOf::Account, text, naming),
        false => Key::read(ListOf::Ip, text, naming),
    }
}

/// Why an operator's wish was not fulfilled. Nothing was changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfulfilled {
    /// There is no such list, or no such entry.
    Unknown(String),
    /// What was sent has mistakes: what, and by line where there are lines.
    Wrong {
        message: String,
        lines: Vec<WrongLine>,
    },
    /// The entry stands in a file, at this line, or in the configuration.
    Filed {
        message: String,
        file: String,
        line: Option<usize>,
    },
    Store(StoreError),
    /// A file cannot be read.
    Unreadable(String),
}

impl Unfulfilled {
    fn wrong(message: impl Into<String>) -> Unfulfilled {
        Unfulfilled::Wrong { message: message.into(), lines: Vec::new() }
    }
}

impl fmt::Display for Unfulfilled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfulfilled::Unknown(message)
            | Unfulfilled::Wrong { message, .. }
            | Unfulfilled::Filed { message, .. }
            | Unfulfilled::Unreadable(message) => f.write_str(message),
            Unfulfilled::Store(error) => write!(f, "{error}"),
        }
    }
}

/// A line that is no entry, and why. It is not repeated: lists name people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WrongLine {
    /// From 1.
    pub line: usize,
    pub message: String,
}

/// All lists, and how much room there is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Overview {
    pub lists: Vec<Summary>,
    /// Most entries that can be added to all lists together, bans apart.
    pub most: usize,
    /// How many are, those that are over included.
    pub added: usize,
    /// Most bans that are remembered.
    pub most_bans: usize,
    pub bans: usize,
    /// Whether what is added outlives a restart.
    pub kept: bool,
    /// Whether this gate knows what was added: false until a shared store was reached for the first time.
    pub known: bool,
}

/// One list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Summary {
    pub name: String,
    /// `allow`, `deny` or `note`.
    pub effect: &'static str,
    /// What the entries are: `ip`, `account`, …
    pub of: &'static str,
    pub file: Option<String>,
    /// Entries in the file and in the configuration, neighbouring ranges counted as one.
    pub filed: usize,
    /// Entries that were added, those that are over included.
    pub added: usize,
    /// False: entries were added to a list of this name, which the configuration no longer has. They match nobody.
    pub configured: bool,
}

/// All lists.
pub fn overview(gate: &Gate, live: &Live) -> Overview {
    let book = gate.store.lists();
    let mut added = book.lists();
    let mut lists = Vec::new();
    let sizes: Vec<(&str, usize)> = live.intel.list_sizes().collect();
    for source in &live.settings.lists {
        let filed = sizes.iter().find(|(name, _)| *name == &*source.name).map_or(0, |(_, size)| *size);
        lists.push(Summary {
            name: source.name.to_string(),
            effect: effect_name(source.effect),
            of: source.of.name(),
            file: source.file.as_ref().map(|file| file.display().to_string()),
            filed,
            added: added.remove(&*source.name).map_or(0, |ledger| ledger.len()),
            configured: true,
        });
    }
    let bans = added.remove(BANNED).map_or(0, |ledger| ledger.len());
    let (deny, any) = (effect_name(ListEffect::Deny), "ip, account");
    let banned = BANNED.to_owned();
    lists.push(Summary { name: banned, effect: deny, of: any, file: None, filed: 0, added: bans, configured: true });
    for (name, ledger) in added.into_iter().filter(|(_, ledger)| !ledger.is_empty()) {
        let of = ledger.of().map_or("", ListOf::name);
        let effect = effect_name(ListEffect::Note);
        let (name, added) = (name.to_string(), ledger.len());
        lists.push(Summary { name, effect, of, file: None, filed: 0, added, configured: false });
    }
    let most_bans = book.most() / ban::SHARE;
    Overview {
        lists,
        most: book.most() - most_bans,
        added: book.len().saturating_sub(bans),
        most_bans,
        bans,
        kept: gate.store.keeps_lists(),
        known: gate.store.knows_lists(),
    }
}

/// A list that can be asked for.
struct Named<'l> {
    name: &'l str,
    of: ListOf,
    source: Option<&'l ListSource>,
}

/// The list of this name, or what may have been meant.
fn named<'l>(gate: &Gate, live: &'l Live, name: &'l str) -> Result<Named<'l>, Unfulfilled> {
    if let Some(source) = live.settings.lists.iter().find(|source| &*source.name == name) {
        return Ok(Named { name, of: source.of, source: Some(source) });
    }
    if name == BANNED {
        return Ok(Named { name, of: ListOf::Ip, source: None });
    }
    // Left from an earlier configuration.
    if let Some(of) = gate.store.lists().ledger(name).and_then(|ledger| ledger.of()) {
        return Ok(Named { name, of, source: None });
    }
    let known: Vec<&str> = live.settings.lists.iter().map(|source| &*source.name).chain([BANNED]).collect();
    let help = match nearest(name, known.iter().copied()) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!("there are {}", known.join(", ")),
    };
    Err(Unfulfilled::Unknown(format!("there is no list `{}`: {help}", name.escape_debug())))
}

pub fn effect_name(effect: ListEffect) -> &'static str {
    match effect {
        ListEffect::Allow => "allow",
        ListEffect::Deny => "deny",
        ListEffect::Note => "note",
    }
}

#[cfg(test)]
mod tests;
