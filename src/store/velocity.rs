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
//!
//! Orders are counted once more by who sends them, because what is asked of an order is another thing than what is asked of a
//! login: how many cards there were, and how many of them failed. And once more where strangers are alike who have neither
//! address nor device nor account in common.
//!
//! A request for a new password names no secret and says nothing of its sender's guesses, so no source's count of guesses
//! knows it from another attempt. How many are asked for from one network, and for one account, is counted by itself.

use super::DeviceKey;
use crate::engine::attempt::{Network, Pseudonym};
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
            (EntityKind::EmailDomain, found.email_domain),
            (EntityKind::EmailMailbox, found.email_mailbox),
            (EntityKind::EmailSpelling, found.email_spelling),
            (EntityKind::CardBin, found.card_bin),
            (EntityKind::Phone, found.phone),
            (EntityKind::Address, found.address),
            (EntityKind::BillingAddress, found.billing_address),
        ] {
            keys.extend(value.map(|Pseudonym(id)| VelocityKey::new(kind, event, id)));
        }
        if *event == Event::Register {
            // Many people share an address to log in from, and few to register from.
            let id = Network::from(ip).bits().to_be_bytes();
            keys.push(VelocityKey::new(EntityKind::Registrar, event, id));
        }
        keys.push(VelocityKey::site(event));
        if let Some(order) = found.ordered.as_ref() {
            order.add(event, found, &mut keys);
        }
        if *event == Event::Reset {
            let network = Network::from(ip).bits().to_be_bytes();
            keys.push(VelocityKey::new(EntityKind::NetworkEvent, event, network));
            let of_account = |Pseudonym(id)| VelocityKey::new(EntityKind::AccountEvent, event, id);
            keys.extend(found.account.map(of_account));
        }
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

/// An order, by who sends it.
#[derive(Clone, Copy, Debug)]
pub struct Ordered {
    pub network: Network,
    pub device: DeviceKey,
    pub account: Option<Pseudonym>,
    /// Whether nobody ever logged in on this device.
    pub by_stranger: bool,
    /// Whether it is of a small sum, or of one that nobody knows.
    pub is_small: bool,
}

impl Ordered {
    fn add(&self, event: &Event, found: &Found, keys: &mut Vec<VelocityKey>) {
        let mut count = |kind, id: u128| keys.push(VelocityKey::new(kind, event, id.to_be_bytes()));
        count(EntityKind::NetworkCards, self.network.bits());
        // Both are hashes, and one of them is of half the length.
        count(
            EntityKind::DeviceCards,
            match self.device {
                DeviceKey::Cookie(Pseudonym(id)) => u128::from_be_bytes(id),
                DeviceKey::Fingerprint { hash, asn } => u128::from(asn) << 64 | u128::from(hash),
            },
        );
        if let Some(Pseudonym(id)) = self.account {
            count(EntityKind::AccountCards, u128::from_be_bytes(id));
        }
        if !self.by_stranger {
            return;
        }
        let size = u128::from(self.is_small);
        count(EntityKind::FingerprintStrangers, size << 64 | u128::from(found.fingerprint));
        if let Some(Pseudonym(id)) = found.card_bin {
            count(EntityKind::CardBinStrangers, u128::from_be_bytes(id) ^ size);
        }
        count(EntityKind::SiteStrangers, 0);
    }
}

/// What of an attempt's software and form is counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    pub fingerprint: u64,
    /// Whose account is meant; looked at of resets alone.
    pub account: Option<Pseudonym>,
    pub email_template: Option<Pseudonym>,
    pub email_domain: Option<Pseudonym>,
    pub email_mailbox: Option<Pseudonym>,
    pub email_spelling: Option<Pseudonym>,
    pub card_bin: Option<Pseudonym>,
    pub phone: Option<Pseudonym>,
    pub address: Option<Pseudonym>,
    pub billing_address: Option<Pseudonym>,
    /// Of an order.
    pub ordered: Option<Ordered>,
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

    fn order(by_stranger: bool, is_small: bool) -> Ordered {
        Ordered {
            network: Network::from_bits(0xffff_cb00_7107),
            device: DeviceKey::Fingerprint { hash: 7, asn: 1 },
            account: Some(Pseudonym([6; 16])),
            by_stranger,
            is_small,
        }
    }

    #[test]
    fn orders_of_strangers_count_by_their_size_and_those_of_others_do_not() {
        let v4 = IpAddr::from([203, 0, 113, 7]);
        let keys = |by_stranger, is_small| {
            let card_bin = Some(Pseudonym([2; 16]));
            let found = Found { card_bin, ordered: Some(order(by_stranger, is_small)), ..Found::default() };
            VelocityKey::all(v4, None, &Event::Checkout, &found)
        };
        let of = |keys: &[VelocityKey], kind| keys.iter().find(|key| key.kind == kind).copied();
        let [small, large, known] = [keys(true, true), keys(true, false), keys(false, true)];
        for kind in [EntityKind::FingerprintStrangers, EntityKind::CardBinStrangers] {
            assert!(of(&small, kind).is_some() && of(&small, kind) != of(&large, kind), "{kind:?}");
            assert_eq!(of(&known, kind), None, "{kind:?}");
        }
        for kind in [EntityKind::NetworkCards, EntityKind::DeviceCards, EntityKind::AccountCards] {
            assert!(of(&small, kind).is_some() && of(&small, kind) == of(&known, kind), "{kind:?}");
        }
        assert_eq!(of(&small, EntityKind::SiteStrangers), of(&large, EntityKind::SiteStrangers));
        assert_eq!(of(&known, EntityKind::SiteStrangers), None);
    }

    #[test]
    fn an_attempt_has_what_it_has_and_each_kind_once() {
        let everything = Found {
            fingerprint: 7,
            account: Some(Pseudonym([9; 16])),
            email_template: Some(Pseudonym([1; 16])),
            email_domain: Some(Pseudonym([5; 16])),
            email_mailbox: Some(Pseudonym([6; 16])),
            email_spelling: Some(Pseudonym([7; 16])),
            card_bin: Some(Pseudonym([2; 16])),
            phone: Some(Pseudonym([3; 16])),
            address: Some(Pseudonym([4; 16])),
            billing_address: Some(Pseudonym([5; 16])),
            ordered: Some(order(true, true)),
        };
        let [v4, v6] = ["203.0.113.7", "2001:db8:1:2ff::9"].map(|ip| ip.parse::<IpAddr>().unwrap());
        let kinds = |keys: &[VelocityKey]| keys.iter().map(|key| key.kind).collect::<Vec<_>>();
        let of = |event| kinds(&VelocityKey::all(v6, Some(1), &event, &everything));
        let mut all = of(Event::Register);
        all.extend(of(Event::Reset));
        all.sort();
        all.dedup();
        let mut every = EntityKind::ALL;
        every.sort();
        assert_eq!(all, every);
        let login = of(Event::Login);
        for kind in [EntityKind::Registrar, EntityKind::NetworkEvent, EntityKind::AccountEvent] {
            assert!(!login.contains(&kind), "{kind:?} is counted of some events alone");
        }
        assert!((1..login.len()).all(|place| !login[..place].contains(&login[place])), "each once");
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
