//! The operator's lists: what an entry is, how it is written, and the entries that come and go while the gate runs.
//!
//! A list has two halves. The *file's* half ([`crate::intel`] reads it) is immutable, a million entries packed tight, and
//! changes with the configuration. The *added* half is the [`Book`]: entries that somebody added by command, by the admin
//! API or by a rule's `ban`, each with who, when, why and until when. It is changed in place under short locks, because
//! the very next request must see a change, and because copying a million entries to change one would take longer than
//! the change is worth. A request looks in both halves; what either holds is on the list.
//!
//! **Nobody's name is kept.** An entry of accounts or e-mail addresses that is added becomes a keyed hash at once
//! ([`Key::Account`]), by the same canonical form and the same key as a visitor's: it is stored, shared and shown as
//! `hash:…` and nothing else. What stands in an operator's own file is the operator's, and stays there.
//!
//! The grammar of a line ([`mod@line`]) is one for files, imports and exports.

pub mod ban;
pub mod book;
pub mod change;
pub mod key;
pub mod line;
pub mod networks;

pub use book::{Book, Ledger};
pub use change::{Change, Entry, Note, Refused};
pub use key::{Key, Naming};

pub use crate::engine::evidence::BANNED;

/// What the entries of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListOf {
    Ip,
    Account,
    Email,
    Domain,
    Device,
    Fingerprint,
    Asn,
    Country,
    CardBin,
}

impl ListOf {
    pub const ALL: [ListOf; 9] = [
        ListOf::Ip,
        ListOf::Account,
        ListOf::Email,
        ListOf::Domain,
        ListOf::Device,
        ListOf::Fingerprint,
        ListOf::Asn,
        ListOf::Country,
        ListOf::CardBin,
    ];

    pub fn name(self) -> &'static str {
        match self {
            ListOf::Ip => "ip",
            ListOf::Account => "account",
            ListOf::Email => "email",
            ListOf::Domain => "domain",
            ListOf::Device => "device",
            ListOf::Fingerprint => "fingerprint",
            ListOf::Asn => "asn",
            ListOf::Country => "country",
            ListOf::CardBin => "card_bin",
        }
    }

    pub fn by_name(name: &str) -> Option<ListOf> {
        ListOf::ALL.into_iter().find(|of| of.name() == name)
    }
}
