//! What a solved challenge before forwarding is worth: one attempt, on one route, for one account, for a short while.
//!
//! Other gates hand out a session, which is then harvested once and replayed by a thousand robots. Here the cookie holds
//! a sealed token with an id; using it burns that id in the store, so fifty requests in parallel with one cookie are one
//! attempt that was cleared and forty-nine that were not.
//!
//! Two steps, because a store may be a network away: [`PendingClearance`] says that a cookie *could* clear this attempt
//! (no I/O), and spending it gives the engine's [`Clearance`], the only place that makes one.

use super::ticket::{Ticket, route_key};
use super::wire::{Reader, Writer};
use super::{Solved, Spend, Spent, cookies, kind_by_code, kind_of};
use crate::engine::attempt::Pseudonym;
use crate::engine::clearance::{ChallengeKind, Clearance};
use crate::engine::time::Timestamp;
use crate::secrets::{NoRandomness, Purpose, Secrets};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;

const VERSION: u8 = 1;
/// Most characters of a cookie's value that are looked at; ours have less than half.
const LONGEST: usize = 512;
/// Nodes of a fleet may disagree on the time by this much without a burnt id being forgotten while a token still works.
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// A solved challenge as the cookie carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    id: [u8; 16],
    kind: ChallengeKind,
    route: Box<str>,
    account: Option<Pseudonym>,
    expires: Timestamp,
}

impl Token {
    /// Consumes the proof: one solution, one token.
    #[expect(clippy::needless_pass_by_value, reason = "a solution must not be used twice")]
    pub fn of(solved: Solved, secrets: &Secrets, expires: Timestamp) -> Result<Token, NoRandomness> {
        let Ticket { kind, route, account, .. } = &solved.ticket;
        Ok(Token { id: secrets.random()?, kind: *kind, route: route.clone(), account: *account, expires })
    }

    pub fn seal(&self, secrets: &Secrets) -> Result<String, NoRandomness> {
        let plain = Writer::default()
            .u8(VERSION)
            .u8(kind_of(self.kind).code)
            .array(&self.id)
            .u64(self.expires.0)
            .optional(self.account.as_ref().map(|account| &account.0))
            .text(route_key(&self.route))
            .done();
        Ok(URL_SAFE_NO_PAD.encode(secrets.seal(Purpose::Clearance, &plain)?))
    }

    fn open(secrets: &Secrets, value: &[u8]) -> Option<Token> {
        let plain = secrets.open(Purpose::Clearance, &URL_SAFE_NO_PAD.decode(value).ok()?)?;
        let mut reader = Reader::new(&plain);
        if reader.u8()? != VERSION {
            return None;
        }
        let token = Token {
            kind: kind_by_code(reader.u8()?)?.kind,
            id: reader.array()?,
            expires: Timestamp(reader.u64()?),
            account: reader.optional()?.map(Pseudonym),
            route: reader.text()?.into(),
        };
        reader.end()?;
        Some(token)
    }
}

/// Tokens that fit this very attempt and were not spent yet as far as can be told without the store.
#[derive(Debug)]
#[must_use = "a pending clearance clears nothing until it is spent"]
pub struct PendingClearance {
    /// Never empty; bounded by the number of cookies that are looked at.
    tokens: Vec<Token>,
    now: Timestamp,
}

impl PendingClearance {
    /// Those of the visitor's cookies that clear `account` on `route`.
    pub(super) fn find(
        secrets: &Secrets,
        headers: &[&[u8]],
        route: &str,
        account: Option<Pseudonym>,
        now: Timestamp,
    ) -> Option<PendingClearance> {
        let tokens: Vec<Token> = cookies::candidates(headers, cookies::CLEARANCE, LONGEST)
            .filter_map(|value| Token::open(secrets, value))
            .filter(|token| now < token.expires && *token.route == *route_key(route) && token.account == account)
            .collect();
        (!tokens.is_empty()).then_some(PendingClearance { tokens, now })
    }

    /// Burns the first token that nobody used before, and says what it cleared: nothing if there is none or the store
    /// cannot tell.
    pub async fn spend(self, store: &impl Spend) -> Clearance {
        for token in self.tokens {
            match store.spend(token.id, token.expires.since(self.now) + CLOCK_SKEW, self.now).await {
                Spent::First => return Clearance::of_solved(token.kind),
                Spent::AlreadyUsed => {}
                Spent::Unavailable => return Clearance::NONE,
            }
        }
        Clearance::NONE
    }
}

/// What a visitor would bring who had solved a challenge of this kind: for judging attempts on paper, where nobody is let in
/// and nothing can be solved. Only [`replay`](crate::gateway::rehearsal::replay) may ask, which a test over the sources holds.
pub fn supposed(kind: ChallengeKind) -> Clearance {
    Clearance::of_solved(kind)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Down, Ledger, solved};
    use super::*;
    use crate::secrets::testing::secrets;
    use proptest::prelude::*;

    const OWNER: Option<Pseudonym> = Some(Pseudonym([4; 16]));
    const NOW: Timestamp = Timestamp(1_000);
    const EXPIRES: Timestamp = Timestamp(61_000);

    fn cookie(secrets: &Secrets) -> String {
        let token = Token::of(solved(), secrets, EXPIRES).unwrap();
        format!("{}={}", cookies::CLEARANCE, token.seal(secrets).unwrap())
    }

    fn find(secrets: &Secrets, headers: &[&str]) -> Option<PendingClearance> {
        let headers: Vec<&[u8]> = headers.iter().map(|header| header.as_bytes()).collect();
        PendingClearance::find(secrets, &headers, "sign-in", OWNER, NOW)
    }

    #[tokio::test]
    async fn a_clearance_clears_one_attempt() {
        let (secrets, ledger) = (secrets(), Ledger::default());
        let cookie = cookie(&secrets);
        assert!(cookie.len() < LONGEST / 2, "{}", cookie.len());
        let clearance = find(&secrets, &[&cookie]).unwrap().spend(&ledger).await;
        assert!(clearance.covers(ChallengeKind::ProofOfWork));
        assert_eq!(find(&secrets, &[&cookie]).unwrap().spend(&ledger).await, Clearance::NONE);
    }

    #[test]
    fn a_clearance_is_for_its_account_its_route_and_its_time() {
        let secrets = secrets();
        let cookie = cookie(&secrets);
        for (route, account, now, expected) in [
            ("sign-in", OWNER, NOW, true),
            ("sign-in", OWNER, Timestamp(60_999), true),
            ("sign-in", OWNER, EXPIRES, false),
            ("sign-in", None, NOW, false),
            ("sign-in", Some(Pseudonym([5; 16])), NOW, false),
            ("sign-up", OWNER, NOW, false),
            ("sign-in ", OWNER, NOW, false),
        ] {
            let found = PendingClearance::find(&secrets, &[cookie.as_bytes()], route, account, now);
            assert_eq!(found.is_some(), expected, "{route} {account:?} {now}");
        }
    }

    #[tokio::test]
    async fn foreign_cookies_of_the_same_name_neither_help_nor_hinder() {
        let (secrets, ledger) = (secrets(), Ledger::default());
        let (one, two) = (cookie(&secrets), cookie(&secrets));
        assert!(find(&secrets, &["tollgate_clearance=yes; tollgate_clearance=1"]).is_none());
        let mixed = format!("tollgate_clearance=yes; a=b; {one}; {two}");
        for expected in [true, true, false] {
            let clearance = find(&secrets, &[&mixed]).unwrap().spend(&ledger).await;
            assert_eq!(clearance != Clearance::NONE, expected);
        }
    }

    #[tokio::test]
    async fn no_store_no_clearance() {
        let secrets = secrets();
        let cookie = cookie(&secrets);
        assert_eq!(find(&secrets, &[&cookie]).unwrap().spend(&Down).await, Clearance::NONE);
    }

    #[test]
    fn of_fifty_at_once_one_is_cleared() {
        let (secrets, ledger) = (secrets(), Ledger::default());
        let cookie = cookie(&secrets);
        let cleared = super::super::testing::at_once(50, || {
            let pending = find(&secrets, &[&cookie]).unwrap();
            super::super::testing::block_on(pending.spend(&ledger)) != Clearance::NONE
        });
        assert_eq!(cleared, 1);
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let secrets = secrets();
        let cookie = cookie(&secrets);
        let start = cookies::CLEARANCE.len() + 1;
        for place in start..cookie.len() {
            let other = if &cookie[place..=place] == "A" { "B" } else { "A" };
            let forged = format!("{}{other}{}", &cookie[..place], &cookie[place + 1..]);
            assert!(find(&secrets, &[&forged]).is_none(), "at {place}");
        }
    }

    #[test]
    fn a_ticket_is_no_clearance() {
        let secrets = secrets();
        let ticket = super::super::ticket::tests::ticket().seal(&secrets).unwrap();
        assert!(find(&secrets, &[&format!("tollgate_clearance={ticket}")]).is_none());
    }

    proptest! {
        #[test]
        fn hostile_cookies_are_survived(header in proptest::collection::vec(any::<u8>(), 0..200)) {
            let named = [b"tollgate_clearance=", &header[..]].concat();
            prop_assert!(PendingClearance::find(&secrets(), &[&header, &named], "r", None, NOW).is_none());
        }
    }
}
