//! Keyed hashes: HMAC-SHA-256 under the identity key, with a label so that a phone number and a user name of the same
//! letters stay two things. The first 128 bits are kept; collisions among even 2^48 accounts are a matter of 2^-32.
//!
//! The key schedule (two compressions) is done once; each hash clones the prepared state.

use super::Identifier;
use crate::engine::attempt::{AttemptId, Password, Pseudonym};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The key of all pseudonyms of an installation. Lives as long as the data hashed under it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct IdentityKey([u8; 32]);

impl IdentityKey {
    pub fn new(bytes: [u8; 32]) -> IdentityKey {
        IdentityKey(bytes)
    }
}

/// The key of password tags: made at start from the system's randomness, kept in memory only.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PasswordKey([u8; 32]);

impl PasswordKey {
    pub fn new(bytes: [u8; 32]) -> PasswordKey {
        PasswordKey(bytes)
    }
}

/// Both keys, prepared for use. Neither can be printed.
pub struct Keys {
    identity: Hmac<Sha256>,
    password: Hmac<Sha256>,
    /// For what logins show: eight hashes a login, which need be no longer than 64 bits.
    traits: SipHasher13,
}

impl Keys {
    pub fn new(identity: &IdentityKey, password: &PasswordKey) -> Keys {
        let mut keys =
            Keys { identity: prepared(&identity.0), password: prepared(&password.0), traits: SipHasher13::new() };
        keys.traits = SipHasher13::new_with_key(&keys.pseudonym("traits", &[]).0);
        keys
    }

    /// What a login shows at a level, as profiles know it. One value at two levels is two things.
    pub fn shown(&self, level: u8, value: &[u8]) -> u64 {
        let mut hasher = self.traits;
        hasher.write_u8(level);
        hasher.write(value);
        hasher.finish()
    }

    /// The pseudonym of an account, be it a name or an address.
    pub fn account(&self, account: &Identifier) -> Pseudonym {
        match account {
            Identifier::Name(name) => self.name(name),
            Identifier::Address(address) => self.email(address.as_str()),
        }
    }

    /// The pseudonym of a name that is no address.
    pub fn name(&self, name: &str) -> Pseudonym {
        self.pseudonym("name", &[name.as_bytes()])
    }

    /// The pseudonym of an account of one application among several. Of the pseudonym and not of the name, so that whoever
    /// has a `user_id` finds what is kept of it in every realm.
    pub fn in_realm(&self, realm: &str, account: Pseudonym) -> Pseudonym {
        self.pseudonym("realm", &[realm.as_bytes(), &account.0])
    }

    /// The pseudonym of the plain spelling of what reads as `canonical`.
    pub fn spelled(&self, plain: &str, canonical: &Identifier) -> Pseudonym {
        match canonical {
            Identifier::Name(_) => self.name(plain),
            Identifier::Address(_) => self.email(plain),
        }
    }

    /// The pseudonym of a canonical e-mail address.
    pub fn email(&self, canonical: &str) -> Pseudonym {
        self.pseudonym("email", &[canonical.as_bytes()])
    }

    /// The pseudonym of a canonical phone number.
    pub fn phone(&self, canonical: &str) -> Pseudonym {
        self.pseudonym("phone", &[canonical.as_bytes()])
    }

    /// The pseudonym of a card, from its first six to eight and its last four digits.
    pub fn card(&self, bin: &str, last4: &str) -> Pseudonym {
        self.pseudonym("card", &[bin.as_bytes(), last4.as_bytes()])
    }

    /// The id that a cookie would have for a device that somebody's file tells of. It only need tell the file's devices apart.
    pub fn device_told(&self, name: &str) -> [u8; 16] {
        let half = |level| u128::from(self.shown(level, name.as_bytes()));
        (half(TOLD[0]) << 64 | half(TOLD[1])).to_be_bytes()
    }

    /// The pseudonym of a device, from the id in its cookie.
    pub fn device(&self, id: &[u8; 16]) -> Pseudonym {
        self.pseudonym("device", &[id])
    }

    /// The pseudonym of how an e-mail address is made up.
    pub fn template(&self, template: &str) -> Pseudonym {
        self.pseudonym("template", &[template.as_bytes()])
    }

    /// The pseudonym of an e-mail domain.
    pub fn provider(&self, domain: &str) -> Pseudonym {
        self.pseudonym("provider", &[domain.as_bytes()])
    }

    /// The pseudonym of the mailbox behind an address.
    pub fn mailbox(&self, canonical: &str) -> Pseudonym {
        self.pseudonym("mailbox", &[canonical.as_bytes()])
    }

    /// The pseudonym of an address as it is spelled.
    pub fn spelling(&self, canonical: &str) -> Pseudonym {
        self.pseudonym("spelling", &[canonical.as_bytes()])
    }

    /// The pseudonym of a card's first six to eight digits.
    pub fn card_bin(&self, bin: &str) -> Pseudonym {
        self.pseudonym("bin", &[bin.as_bytes()])
    }

    /// The pseudonym of an address to ship to, of its canonical lines.
    pub fn address(&self, street: &str, zip: &str) -> Pseudonym {
        self.pseudonym("address", &[street.as_bytes(), zip.as_bytes()])
    }

    /// The pseudonym of an order, by the application's own name for it.
    pub fn order(&self, order: &str) -> Pseudonym {
        self.pseudonym("order", &[order.trim().as_bytes()])
    }

    /// How the audit log calls somebody or something: a hash that matches none of the others.
    pub fn audit(&self, kind: &str, value: &str) -> Pseudonym {
        self.pseudonym("audit", &[kind.as_bytes(), value.as_bytes()])
    }

    /// The lot of an attempt: as likely as any other number, the same for the same attempt, and nobody's to tell without
    /// the key.
    pub fn lot(&self, id: AttemptId) -> u64 {
        let Pseudonym(hash) = self.pseudonym("lot", &[&id.0.to_be_bytes()]);
        u64::from_be_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
    }

    /// The tag of a password, of exactly these characters.
    pub fn password(&self, password: &str) -> Password {
        let mut mac = self.password.clone();
        mac.update(password.as_bytes());
        let hash: [u8; 32] = mac.finalize().into_bytes().into();
        let mut tag = [0; 8];
        tag.copy_from_slice(&hash[..8]);
        Password { tag: u64::from_be_bytes(tag) }
    }

    /// Each part with its length before it, so that no two lists of parts are the same bytes.
    fn pseudonym(&self, label: &str, parts: &[&[u8]]) -> Pseudonym {
        let mut mac = self.identity.clone();
        for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let hash: [u8; 32] = mac.finalize().into_bytes().into();
        let mut first = [0; 16];
        first.copy_from_slice(&hash[..16]);
        Pseudonym(first)
    }
}

/// Levels of their own, beside those of what logins show.
const TOLD: [u8; 2] = [96, 97];

fn prepared(key: &[u8; 32]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC accepts keys of every length")]
    Hmac::new_from_slice(key).expect("HMAC accepts keys of every length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(identity: u8) -> Keys {
        Keys::new(&IdentityKey::new([identity; 32]), &PasswordKey::new([9; 32]))
    }

    #[test]
    fn labels_parts_and_keys_tell_hashes_apart() {
        let all = [
            keys(1).email("alice"),
            keys(2).email("alice"),
            keys(1).phone("alice"),
            keys(1).card("alic", "e"),
            keys(1).card("ali", "ce"),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(all[place + 1..].iter().all(|other| other != one), "{place}");
        }
        assert_eq!(keys(1).email("alice"), keys(1).email("alice"));
    }

    #[test]
    fn the_hash_is_hmac_sha_256_of_labelled_parts() {
        // Python: hmac.new(b"\x01"*32, struct.pack(">Q",5)+b"email"+struct.pack(">Q",3)+b"a@b", "sha256").hexdigest()
        assert_eq!(keys(1).email("a@b").to_string(), "32e6e88eafd46d39bdf018dbab9f7cb2");
    }
}
