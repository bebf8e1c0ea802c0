//! One account is one account, however it is typed; and what leaves this module names nobody.
//!
//! Applications fold case, trim spaces and look past Gmail's dots before they look a visitor up. An attacker who types
//! `V.ictim+1@GoogleMail.com` for `victim@gmail.com` must meet the same counters, so identifiers are brought to one
//! canonical form first (`canonical`) and hashed under the identity key afterwards (`keys`). The canonical text is
//! held only while the operator's lists are asked, in buffers that are wiped and cannot be printed.
//!
//! That form is right for suspicion and wrong for trust: an application that does not look past dots, tags, accents or
//! full-width letters lets anybody register a sibling of somebody's name, and a success there must prove nothing about the other.
//! So the spelling as typed (`spelling`) is hashed as well, and in a realm of its own where several applications stand
//! behind one gate; [`Identity`](crate::engine::attempt::Identity) says which counts for what. The canonical key keeps
//! its value, and nearly everybody types the canonical form.
//!
//! An account may be a user name or an e-mail address. Addresses are hashed as addresses wherever they stand, so that
//! the account of a login and the e-mail field of a registration meet.

mod address;
mod canonical;
mod composition;
mod keys;
mod looks;
#[cfg(test)]
mod people;
mod phone;
mod spelling;
mod template;

pub use address::problem;
pub use canonical::{Address, Identifier, account, domain, email};
pub use composition::composition;
pub use keys::{IdentityKey, Keys, PasswordKey};
pub use phone::phone;
pub use spelling::spelling;
