//! What else of an attempt is counted: things that attempts share which come from different addresses, devices and accounts.
//!
//! A rotating attacker has a new address for each request, and keeps the provider's /48, the program, the card prefix, the
//! way its addresses are made up. Each of these is one entry under one key, of one layout, whatever it is: so that a new
//! kind of thing is a line here and a key made in `gateway::gather`.
//!
//! What stands in a form (an e-mail address's template, a card's prefix, a phone, an address to ship to) is counted by
//! event, since registering a hundred times with one phone and logging in a hundred times with it are two different
//! things; and there the answers to every event count, since what is asked of it is whether orders fail. Where an attempt
//! comes from (networks, software) is counted over all events, and only answers to a secret say anything about it, as for
//! every source.

use crate::engine::attempt::Pseudonym;
use crate::engine::event::Event;
use crate::engine::evidence::EntityKind;
use std::net::IpAddr;

/// Most things of one attempt that are counted beside its network, its device and its account.
pub const MOST_VELOCITIES: usize = EntityKind::ALL.len();

/// One thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VelocityKey {
    pub kind: EntityKind,
    /// Which event's, if it is counted by event.
    event: u8,
    /// A prefix, a fingerprint, a keyed hash: by kind.
    id: [u8; 16],
}

impl VelocityKey {
    pub fn new(kind: EntityKind, event: &Event, id: [u8; 16]) -> VelocityKey {
        let of_event = || Event::NAMED.iter().position(|named| named == event).map_or(255, |place| place as u8 + 1);
        VelocityKey { kind, event: if kind.is_by_event() { of_event() } else { 0 }, id }
    }

    /// The whole site's, of one kind of event.
    pub fn site(event: &Event) -> VelocityKey {
        VelocityKey::new(EntityKind::Site, event, [0; 16])
    }

    /// Every kind of event of the site, with its key.
    pub fn sites() -> impl Iterator<Item = (Event, VelocityKey)> {
        Event::NAMED.into_iter().chain([Event::Custom("".into())]).map(|event| {
            let key = VelocityKey::site(&event);
            (event, key)
        })
    }

    /// From a number.
    pub fn of_number(kind: EntityKind, number: u128) -> VelocityKey {
        VelocityKey { kind, event: 0, id: number.to_be_bytes() }
    }

    /// The /56 and the /48 of an IPv6 address, in that order; of an IPv4 address nothing, whose neighbours have nothing to
    /// do with each other.
    pub fn wider_networks(ip: IpAddr) -> impl Iterator<Item = VelocityKey> {
        let bits = match ip.to_canonical() {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Some(u128::from(v6)),
        };
        let wider = [(EntityKind::Network56, 56), (EntityKind::Network48, 48)];
        bits.into_iter().flat_map(move |bits| {
            wider.map(|(kind, prefix)| VelocityKey::of_number(kind, bits >> (128 - prefix) << (128 - prefix)))
        })
    }

    /// Everything of an attempt that is counted beside its network, its device and its account.
    pub fn all(ip: IpAddr, asn: Option<u32>, event: &Event, found: &Found) -> Vec<VelocityKey> {
        let mut keys = Vec::with_capacity(MOST_VELOCITIES);
        keys.extend(VelocityKey::wider_networks(ip));
        let fingerprint = u128::from(found.fingerprint);
        keys.push(VelocityKey::of_number(EntityKind::Fingerprint, fingerprint));
        let of_asn = |asn: u32| VelocityKey::of_number(EntityKind::AsnFingerprint, u128::from(asn) << 64 | fingerprint);
        keys.extend(asn.map(of_asn));
        for (kind, value) in [
            (EntityKind::EmailTemplate, found.email_template),
            (EntityKind::CardBin, found.card_bin),
            (EntityKind::Phone, found.phone),
            (EntityKind::Address, found.address),
        ] {
            keys.extend(value.map(|Pseudonym(id)| VelocityKey::new(kind, event, id)));
        }
        keys.push(VelocityKey::site(event));
        keys
    }

    /// As it is written down.
    pub fn to_bytes(self) -> [u8; 18] {
        let mut bytes = [0; 18];
        bytes[0] = self.kind.code();
        bytes[1] = self.event;
        bytes[2..].copy_from_slice(&self.id);
        bytes
    }

    /// `None` for bytes of no kind.
    pub fn from_bytes([code, event, id @ ..]: [u8; 18]) -> Option<VelocityKey> {
        let kind = EntityKind::ALL.into_iter().find(|kind| kind.code() == code)?;
        Some(VelocityKey { kind, event, id })
    }
}

/// What of an attempt's software and form is counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    pub fingerprint: u64,
    pub email_template: Option<Pseudonym>,
    pub card_bin: Option<Pseudonym>,
    pub phone: Option<Pseudonym>,
    pub address: Option<Pseudonym>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_as_it_was_written() {
        for kind in EntityKind::ALL {
            let key = VelocityKey::new(kind, &Event::Register, [7; 16]);
            assert_eq!(VelocityKey::from_bytes(key.to_bytes()), Some(key));
            let login = VelocityKey::new(kind, &Event::Login, [7; 16]);
            assert_eq!(key != login, kind.is_by_event(), "{kind:?}");
        }
        assert_eq!(VelocityKey::from_bytes([255; 18]), None);
    }

    #[test]
    fn an_attempt_has_what_it_has_and_each_kind_once() {
        let everything = Found {
            fingerprint: 7,
            email_template: Some(Pseudonym([1; 16])),
            card_bin: Some(Pseudonym([2; 16])),
            phone: Some(Pseudonym([3; 16])),
            address: Some(Pseudonym([4; 16])),
        };
        let [v4, v6] = ["203.0.113.7", "2001:db8:1:2ff::9"].map(|ip| ip.parse::<IpAddr>().unwrap());
        let kinds = |keys: &[VelocityKey]| keys.iter().map(|key| key.kind).collect::<Vec<_>>();
        assert_eq!(kinds(&VelocityKey::all(v6, Some(1), &Event::Login, &everything)), EntityKind::ALL);
        assert_eq!(
            kinds(&VelocityKey::all(v4, None, &Event::Login, &Found::default())),
            [EntityKind::Fingerprint, EntityKind::Site]
        );
        let same = |a: &str, b: &str| {
            let [a, b] = [a, b].map(|ip| VelocityKey::wider_networks(ip.parse().unwrap()).collect::<Vec<_>>());
            (a[0] == b[0], a[1] == b[1])
        };
        assert_eq!(same("2001:db8:1:2ff::9", "2001:db8:1:200::1"), (true, true));
        assert_eq!(same("2001:db8:1:2ff::9", "2001:db8:1:300::1"), (false, true));
        assert_eq!(same("2001:db8:1:2ff::9", "2001:db8:2:2ff::9"), (false, false));
        assert_eq!(VelocityKey::wider_networks("::ffff:203.0.113.7".parse().unwrap()).count(), 0);
    }
}
