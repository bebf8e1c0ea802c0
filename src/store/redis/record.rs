//! An attempt as the shared store remembers it until its outcome is told: what the memory store's `Open` is there.
//!
//! It begins with the standing and the instant, which the server's script reads; the rest is opaque to it. When nothing
//! can follow any more the record shrinks to its standing and stays until its time is over: whoever counts the attempt
//! again, because an answer came too late to be heard, finds that it was counted.

use super::keys::Source;
use crate::engine::attempt::Pseudonym;
use crate::engine::evidence::EntityKind;
use crate::engine::outcome::Outcome;
use crate::engine::time::Timestamp;
use crate::store::MOST_VELOCITIES;
use crate::store::memory::open::Standing;
use crate::store::{MOST_ALIASES, Withdrawal};

/// Every standing with its byte in the store: never changed, never reused.
const STANDINGS: [(Standing, u8); 9] = [
    (Standing::InFlight, b'i'),
    (Standing::Answered(Outcome::Succeeded), b's'),
    (Standing::Answered(Outcome::Failed), b'f'),
    (Standing::Answered(Outcome::Pending), b'p'),
    (Standing::Answered(Outcome::Unknown), b'u'),
    (Standing::Answered(Outcome::Aborted), b'a'),
    (Standing::Withdrawn(Withdrawal::Denied), b'd'),
    (Standing::Withdrawn(Withdrawal::Challenged), b'c'),
    (Standing::Withdrawn(Withdrawal::Held), b'h'),
];

const SECRET: u8 = 1;
const TOLD_APART: u8 = 2;
const PROVES_IDENTITY: u8 = 4;
const DEVICE_IS_PROOF: u8 = 8;
const HOLDER: u8 = 16;
const CARD: u8 = 32;
const SPELLED: u8 = 64;

#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub standing: Standing,
    pub at: Timestamp,
    /// Whether the event tries a secret.
    pub secret: bool,
    /// Whether the route's outcome rules tell answers apart.
    pub told_apart: bool,
    /// Whether a success proves who the sender is.
    pub proves_identity: bool,
    /// Whether the device is told by its cookie.
    pub device_is_proof: bool,
    pub network: Source,
    pub device: Source,
    /// The device cookie on which a success counts.
    pub holder: Option<Pseudonym>,
    /// Each name once, the login identifier first.
    pub accounts: Vec<Pseudonym>,
    /// The card of an order.
    pub card: Option<Pseudonym>,
    /// Whether the second of them is what counts as one account at the sources.
    pub spelled: bool,
    /// What else of it is counted, and under which key's id.
    pub velocities: Vec<(EntityKind, [u8; 16])>,
}

/// The byte of a standing.
pub fn code(standing: Standing) -> u8 {
    STANDINGS.iter().find(|(other, _)| *other == standing).map_or(0, |(_, code)| *code)
}

/// The bytes of the standings from which `next` may be reached.
pub fn reachable_from(next: Standing) -> Vec<u8> {
    STANDINGS.iter().filter(|(from, _)| from.may_become(next)).map(|(_, code)| *code).collect()
}

impl Record {
    /// What counts as one account among those of a source.
    pub fn person(&self) -> Option<&[u8; 16]> {
        self.accounts.get(usize::from(self.spelled)).map(|account| &account.0)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(11 + 48 + 16 * (self.accounts.len() + 2) + 17 * self.velocities.len());
        bytes.push(code(self.standing));
        bytes.extend_from_slice(&self.at.0.to_le_bytes());
        let flags = [
            (self.secret, SECRET),
            (self.told_apart, TOLD_APART),
            (self.proves_identity, PROVES_IDENTITY),
            (self.device_is_proof, DEVICE_IS_PROOF),
            (self.holder.is_some(), HOLDER),
            (self.card.is_some(), CARD),
            (self.spelled, SPELLED),
        ];
        bytes.push(flags.iter().filter(|(set, _)| *set).map(|(_, flag)| flag).sum());
        for source in [self.network, self.device] {
            bytes.extend_from_slice(&source.id);
            bytes.extend_from_slice(&source.tag);
        }
        bytes.push(self.accounts.len() as u8);
        for account in self.accounts.iter().chain(&self.holder).chain(&self.card) {
            bytes.extend_from_slice(&account.0);
        }
        for (kind, id) in &self.velocities {
            bytes.push(kind.code());
            bytes.extend_from_slice(id);
        }
        bytes
    }

    /// `None` for anything but a whole record.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Record> {
        let from = &mut bytes;
        let [code] = *array(from)?;
        let (standing, _) = STANDINGS.into_iter().find(|(_, other)| *other == code)?;
        let at = Timestamp(u64::from_le_bytes(*array(from)?));
        let [flags] = *array(from)?;
        let mut source = || Some(Source { id: *array(from)?, tag: *array(from)? });
        let (network, device) = (source()?, source()?);
        let [count] = *array(from)?;
        let (accounts, rest) = bytes.split_at_checked(16 * usize::from(count))?;
        let (accounts, _) = accounts.as_chunks::<16>();
        let rest = &mut &*rest;
        let mut one_if = |flag: u8| match flags & flag {
            0 => Some(None),
            _ => array(rest).map(|id| Some(Pseudonym(*id))),
        };
        let (holder, card) = (one_if(HOLDER)?, one_if(CARD)?);
        let (velocities, rest) = rest.as_chunks::<17>();
        if !rest.is_empty() || accounts.len() > MOST_ALIASES || velocities.len() > MOST_VELOCITIES {
            return None;
        }
        let velocity = |[code, id @ ..]: &[u8; 17]| {
            EntityKind::ALL.into_iter().find(|kind| kind.code() == *code).map(|kind| (kind, *id))
        };
        Some(Record {
            standing,
            at,
            secret: flags & SECRET != 0,
            told_apart: flags & TOLD_APART != 0,
            proves_identity: flags & PROVES_IDENTITY != 0,
            device_is_proof: flags & DEVICE_IS_PROOF != 0,
            network,
            device,
            holder,
            accounts: accounts.iter().map(|account| Pseudonym(*account)).collect(),
            spelled: flags & SPELLED != 0,
            card,
            velocities: velocities.iter().map(velocity).collect::<Option<_>>()?,
        })
    }
}

fn array<'b, const N: usize>(from: &mut &'b [u8]) -> Option<&'b [u8; N]> {
    let (bytes, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_nothing_else_is() {
        let source = |byte| Source { id: [byte; 16], tag: [byte + 1; 8] };
        for (place, (standing, _)) in STANDINGS.into_iter().enumerate() {
            let record = Record {
                standing,
                at: Timestamp(1_700_000_000_123),
                secret: place % 2 == 0,
                told_apart: place % 3 == 0,
                proves_identity: place % 4 == 0,
                device_is_proof: place % 5 == 0,
                network: source(1),
                device: source(7),
                holder: (place % 2 == 1).then_some(Pseudonym([9; 16])),
                accounts: (0..place.min(MOST_ALIASES)).map(|account| Pseudonym([account as u8; 16])).collect(),
                card: (place % 3 == 1).then_some(Pseudonym([8; 16])),
                spelled: place % 3 == 1,
                velocities: EntityKind::ALL[..place.min(MOST_VELOCITIES)].iter().map(|kind| (*kind, [3; 16])).collect(),
            };
            let bytes = record.to_bytes();
            assert_eq!(Record::from_bytes(&bytes), Some(record));
            for cut in 0..59 {
                assert_eq!(Record::from_bytes(&bytes[..cut]), None);
            }
        }
    }

    #[test]
    fn every_standing_has_a_byte_of_its_own() {
        let mut codes: Vec<u8> = STANDINGS.iter().map(|(_, code)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), STANDINGS.len());
        for (standing, byte) in STANDINGS {
            assert_eq!(code(standing), byte);
        }
        assert_eq!(reachable_from(Standing::Answered(Outcome::Succeeded)), b"iph");
        assert_eq!(reachable_from(Standing::Withdrawn(Withdrawal::Denied)), b"iph");
        assert_eq!(reachable_from(Standing::Answered(Outcome::Pending)), b"i");
    }
}
