//! What things are called in the shared store.
//!
//! `<prefix>:<kind><16 bytes>` (what there is one of: `<prefix>:<name>`), the kind a letter: `m` network, `e` device,
//! `u` account, `v` anything else of an attempt, `o` attempt, `b` burnt token, `h` held answer, `q` what is known of a
//! device by its cookie, `r` order that was accepted, `p` profile of an account, `w` value that logins show. One thing is one key with one string under it, so a
//! script never needs two keys and every key may live in whatever slot of a cluster its hash says: load is spread by
//! the things themselves, and no hash tag is used (a tag that kept an attempt's keys together would have to put its
//! network, its device and its account into one slot with it, and those are shared with other attempts). What is stored
//! under a kind has one layout; another would get another letter, so that gates of two versions can run on one store
//! during an upgrade (`n`, `d`, `a` and `t` were what `m`, `e`, `u` and `o` are now).
//!
//! Nobody's address stands in the store: accounts are pseudonyms already, and networks and devices are hashed here
//! under a key that comes from the installation's identity key. The same hash gives each source the tag by which
//! accounts know it; key and tag are different bytes of it, so that whoever reads the store cannot go from an account
//! to its networks.

use crate::engine::attempt::{AttemptId, Network, Pseudonym};
use crate::store::DeviceKey;
use crate::store::VelocityKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Network,
    Device,
    Account,
    Velocity,
    Attempt,
    Token,
    Held,
    Holder,
    Order,
    Profile,
    Value,
}

impl Kind {
    fn letter(self) -> u8 {
        match self {
            Kind::Network => b'm',
            Kind::Device => b'e',
            Kind::Account => b'u',
            Kind::Velocity => b'v',
            Kind::Attempt => b'o',
            Kind::Token => b'b',
            Kind::Held => b'h',
            Kind::Holder => b'q',
            Kind::Order => b'r',
            Kind::Profile => b'p',
            Kind::Value => b'w',
        }
    }
}

/// A network or a device, as the store knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    pub id: [u8; 16],
    /// As accounts know it.
    pub tag: [u8; 8],
}

/// Makes keys. The fleet's gates make the same ones.
#[derive(Clone)]
pub struct Keys {
    prefix: Box<str>,
    hash: Hmac<Sha256>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Keys {
    pub fn new(prefix: &str, identity_key: &[u8; 32]) -> Keys {
        let store_key = keyed(identity_key).chain_update(b"tollgate/v1/store").finalize().into_bytes();
        Keys { prefix: prefix.into(), hash: keyed(&store_key.into()) }
    }

    pub fn network(&self, network: Network) -> Source {
        self.source(b"network", &network.bits().to_be_bytes(), &[])
    }

    pub fn device(&self, device: DeviceKey) -> Source {
        match device {
            DeviceKey::Cookie(id) => self.source(b"cookie", &id.0, &[]),
            DeviceKey::Fingerprint { hash, asn } => {
                self.source(b"fingerprint", &hash.to_be_bytes(), &asn.to_be_bytes())
            }
        }
    }

    /// Under another hash than the id's own: who reads the store cannot tell which cookies there are.
    pub fn holder(&self, id: Pseudonym) -> Vec<u8> {
        self.key(Kind::Holder, &self.device(DeviceKey::Cookie(id)).id)
    }

    /// What else of an attempt is counted, as the store knows it.
    pub fn velocity(&self, key: VelocityKey) -> [u8; 16] {
        self.source(b"velocity", &key.to_bytes(), &[]).id
    }

    pub fn account(&self, account: &Pseudonym) -> Vec<u8> {
        self.key(Kind::Account, &account.0)
    }

    pub fn attempt(&self, id: AttemptId) -> Vec<u8> {
        self.key(Kind::Attempt, &id.0.to_be_bytes())
    }

    pub fn key(&self, kind: Kind, id: &[u8; 16]) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.prefix.len() + 2 + id.len());
        key.extend_from_slice(self.prefix.as_bytes());
        key.push(b':');
        key.push(kind.letter());
        key.extend_from_slice(id);
        key
    }

    /// What the keys of the lists begin with. They are one thing, so a hash tag keeps them in one slot.
    pub fn lists(&self) -> Vec<u8> {
        format!("{}:{{lists}}", self.prefix).into_bytes()
    }

    /// Where the entries of all lists stand, one a field.
    pub fn list_entries(&self) -> Vec<u8> {
        [&self.lists()[..], b":entries"].concat()
    }

    /// Where the store says whose it is.
    pub fn owner(&self) -> String {
        self.named("identity")
    }

    /// What there is one of.
    pub fn named(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    /// What an installation with this identity key writes there.
    pub fn fingerprint(&self) -> String {
        let Source { id, .. } = self.source(b"owner", &[], &[]);
        id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn source(&self, kind: &[u8], one: &[u8], other: &[u8]) -> Source {
        let hash = self.hash.clone().chain_update(kind).chain_update([0]).chain_update(one).chain_update(other);
        let hash: [u8; 32] = hash.finalize().into_bytes().into();
        let (mut id, mut tag) = ([0; 16], [0; 8]);
        id.copy_from_slice(&hash[..16]);
        tag.copy_from_slice(&hash[16..24]);
        Source { id, tag }
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length; this one has 32 bytes")]
    Hmac::new_from_slice(key).expect("any key length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_with_one_identity_call_things_alike_and_others_do_not() {
        let network = Network::from_bits(0xffff_cb00_7107);
        let [one, same, other] = [1, 1, 2].map(|byte| Keys::new("tollgate", &[byte; 32]));
        assert_eq!(one.network(network), same.network(network));
        assert_ne!(one.network(network), other.network(network));
        assert_eq!(one.fingerprint(), same.fingerprint());
        assert_ne!(one.fingerprint(), other.fingerprint());
    }

    #[test]
    fn different_things_have_different_keys() {
        let keys = Keys::new("tollgate", &[7; 32]);
        let number = 0xffff_cb00_7107_u128;
        let id = Pseudonym(number.to_be_bytes());
        let sources = [
            keys.network(Network::from_bits(number)),
            keys.device(DeviceKey::Cookie(id)),
            keys.device(DeviceKey::Fingerprint { hash: 1, asn: 2 }),
            keys.device(DeviceKey::Fingerprint { hash: 2, asn: 1 }),
        ];
        for (place, one) in sources.iter().enumerate() {
            for other in &sources[place + 1..] {
                assert!(one.id != other.id && one.tag != other.tag);
            }
            assert!(!one.id.windows(4).any(|bytes| bytes == [0xcb, 0x00, 0x71, 0x07]), "no address in clear");
        }
        assert_eq!(keys.account(&id)[..11], *b"tollgate:u\0");
        assert_ne!(keys.account(&id), keys.attempt(AttemptId(number)));
    }
}
