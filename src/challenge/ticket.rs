//! A challenge on its way: everything the gate must know to check a solution, sealed into the URL.
//!
//! Sealed rather than stored, so that sending a thousand robots to a challenge costs a thousand AEADs and not a byte of
//! memory; only a *solved* ticket leaves a trace in the store (its id, burnt). Difficulty, expiry, account and return path
//! are inside, so that none of them is the visitor's to choose. An opened ticket is not yet a solved one.

use super::return_path::ReturnPath;
use super::wire::{Reader, Writer, text_prefix};
use super::{KindEntry, kind_by_code, kind_of};
use crate::engine::attempt::Pseudonym;
use crate::engine::clearance::ChallengeKind;
use crate::engine::evidence::Moment;
use crate::engine::time::Timestamp;
use crate::secrets::{NoRandomness, Purpose, Secrets};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Most characters of a ticket that are looked at. Ours have 200 to 300 with usual route names and paths.
pub(super) const LONGEST: usize = 2048;
const LONGEST_ROUTE: usize = 128;
const VERSION: u8 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    /// Random; burnt when solved, and what the solution is for.
    pub id: [u8; 16],
    pub kind: ChallengeKind,
    /// At most 128 bytes are kept.
    pub route: Box<str>,
    /// Whose attempt was challenged.
    pub account: Option<Pseudonym>,
    /// Leading zero bits for proof of work.
    pub difficulty: u8,
    pub issued: Timestamp,
    pub expires: Timestamp,
    pub return_to: ReturnPath,
    /// `None`: solved before forwarding, and ends in a clearance. `Some`: releases a held answer.
    pub hold: Option<Hold>,
}

/// Which answer waits, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub id: [u8; 16],
    /// The first half of the SHA-256 of the secret in the visitor's cookie: the URL alone releases nothing.
    pub holder: [u8; 16],
}

impl Hold {
    /// The mark of a holder, from the secret in the cookie.
    pub fn mark(secret: &[u8]) -> [u8; 16] {
        let digest: [u8; 32] = Sha256::digest(secret).into();
        let mut mark = [0; 16];
        mark.copy_from_slice(&digest[..16]);
        mark
    }

    pub fn is_held_by(&self, secret: &[u8]) -> bool {
        Hold::mark(secret).ct_eq(&self.holder).into()
    }
}

impl Ticket {
    pub fn moment(&self) -> Moment {
        match self.hold {
            None => Moment::Before,
            Some(_) => Moment::After,
        }
    }

    pub fn entry(&self) -> &'static KindEntry {
        kind_of(self.kind)
    }

    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expires
    }

    pub fn seal(&self, secrets: &Secrets) -> Result<String, NoRandomness> {
        let hold = self.hold.map(|hold| {
            let mut both = [0; 32];
            both[..16].copy_from_slice(&hold.id);
            both[16..].copy_from_slice(&hold.holder);
            both
        });
        let plain = Writer::default()
            .u8(VERSION)
            .u8(self.entry().code)
            .u8(self.difficulty)
            .array(&self.id)
            .u64(self.issued.0)
            .u64(self.expires.0)
            .optional(self.account.as_ref().map(|account| &account.0))
            .optional(hold.as_ref())
            .text(route_key(&self.route))
            .text(self.return_to.as_str())
            .done();
        Ok(URL_SAFE_NO_PAD.encode(secrets.seal(Purpose::Ticket, &plain)?))
    }

    /// A ticket of ours, perhaps expired.
    pub fn open(secrets: &Secrets, text: &str) -> Option<Ticket> {
        if text.len() > LONGEST {
            return None;
        }
        let plain = secrets.open(Purpose::Ticket, &URL_SAFE_NO_PAD.decode(text).ok()?)?;
        let mut reader = Reader::new(&plain);
        if reader.u8()? != VERSION {
            return None;
        }
        let kind = kind_by_code(reader.u8()?)?.kind;
        let ticket = Ticket {
            kind,
            difficulty: reader.u8()?,
            id: reader.array()?,
            issued: Timestamp(reader.u64()?),
            expires: Timestamp(reader.u64()?),
            account: reader.optional()?.map(Pseudonym),
            hold: match reader.optional::<32>()? {
                None => None,
                Some(both) => {
                    let mut halves = Reader::new(&both);
                    Some(Hold { id: halves.array()?, holder: halves.array()? })
                }
            },
            route: reader.text()?.into(),
            return_to: ReturnPath::new(reader.text()?)?,
        };
        reader.end()?;
        Some(ticket)
    }
}

/// A route's name as tickets and clearances carry it: its first 128 bytes.
pub(super) fn route_key(route: &str) -> &str {
    text_prefix(route, LONGEST_ROUTE)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::secrets::testing::secrets;
    use proptest::prelude::*;

    pub fn ticket() -> Ticket {
        Ticket {
            id: [3; 16],
            kind: ChallengeKind::ProofOfWork,
            route: "sign-in".into(),
            account: Some(Pseudonym([4; 16])),
            difficulty: 8,
            issued: Timestamp(1_000),
            expires: Timestamp(301_000),
            return_to: ReturnPath::new("/login").unwrap(),
            hold: Some(Hold { id: [5; 16], holder: Hold::mark(b"secret") }),
        }
    }

    #[test]
    fn a_ticket_reads_back_as_it_was_issued_and_is_small() {
        let secrets = secrets();
        for account in [None, Some(Pseudonym([9; 16]))] {
            for hold in [None, Some(Hold { id: [1; 16], holder: [2; 16] })] {
                let ticket = Ticket { account, hold, ..ticket() };
                let text = ticket.seal(&secrets).unwrap();
                assert!(text.len() <= 220, "{} characters", text.len());
                assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
                assert_eq!(Ticket::open(&secrets, &text), Some(ticket));
            }
        }
    }

    #[test]
    fn no_character_of_a_ticket_can_be_changed_cut_or_added() {
        let secrets = secrets();
        let text = ticket().seal(&secrets).unwrap();
        for place in 0..text.len() {
            for other in "AQgw_-9".chars().filter(|other| !text[place..].starts_with(*other)) {
                let forged = format!("{}{other}{}", &text[..place], &text[place + 1..]);
                assert_eq!(Ticket::open(&secrets, &forged), None, "{other} at {place}");
            }
            assert_eq!(Ticket::open(&secrets, &text[..place]), None, "cut at {place}");
        }
        for wrapped in [format!("{text}="), format!("{text}A"), format!(" {text}"), format!("{text}\n")] {
            assert_eq!(Ticket::open(&secrets, &wrapped), None, "{wrapped:?}");
        }
    }

    #[test]
    fn the_longest_ticket_that_can_be_issued_opens() {
        let secrets = secrets();
        let return_to = ReturnPath::new(&format!("/{}", "x".repeat(511))).unwrap();
        let long = Ticket { route: "é".repeat(500).into(), return_to, ..ticket() };
        let text = long.seal(&secrets).unwrap();
        let opened = Ticket::open(&secrets, &text).unwrap();
        assert_eq!(&*opened.route, route_key(&long.route));
    }

    #[test]
    fn other_sealed_things_are_no_tickets() {
        let secrets = secrets();
        for purpose in [Purpose::Clearance, Purpose::HeldAnswer, Purpose::Device] {
            let plain = Writer::default().u8(VERSION).done();
            let text = URL_SAFE_NO_PAD.encode(secrets.seal(purpose, &plain).unwrap());
            assert_eq!(Ticket::open(&secrets, &text), None);
        }
        let later = URL_SAFE_NO_PAD.encode(secrets.seal(Purpose::Ticket, &[VERSION + 1; 80]).unwrap());
        assert_eq!(Ticket::open(&secrets, &later), None, "a later version is not guessed at");
    }

    proptest! {
        #[test]
        fn hostile_text_is_survived(text in ".{0,300}") {
            prop_assert_eq!(Ticket::open(&secrets(), &text), None);
        }
    }

    #[test]
    fn only_the_holder_holds() {
        let hold = ticket().hold.unwrap();
        assert!(hold.is_held_by(b"secret"));
        assert!(!hold.is_held_by(b"Secret"));
        assert!(!hold.is_held_by(b""));
    }
}
