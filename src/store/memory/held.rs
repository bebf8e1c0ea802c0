//! Held answers: sealed by the gate, handed out once.
//!
//! Bounded by number and by bytes. When full the newcomer is refused rather than the oldest dropped: with an account of
//! their own anybody can have answers held, and must not be able to throw out those of others. They are few and large,
//! so one lock does.

use crate::engine::attempt::Pseudonym;
use crate::engine::time::Timestamp;
use crate::store::{KindStats, StoreError};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

type Id = [u8; 16];

#[derive(Debug)]
pub struct Held {
    answers: Mutex<Answers>,
    most: usize,
    most_bytes: usize,
}

#[derive(Debug, Default)]
struct Answers {
    by_id: HashMap<Id, (Timestamp, Bytes)>,
    by_expiry: BTreeSet<(Timestamp, Id)>,
    bytes: usize,
    refused: u64,
}

impl Held {
    pub fn new(most: usize, most_bytes: usize) -> Held {
        Held { answers: Mutex::default(), most, most_bytes }
    }

    pub fn hold(&self, id: Id, sealed: Bytes, lifetime: Duration, at: Timestamp) -> Result<(), StoreError> {
        let mut answers = self.answers.lock();
        answers.drop_expired(at);
        if answers.by_id.contains_key(&id) {
            return Err(StoreError::Exists);
        }
        if answers.by_id.len() >= self.most || sealed.len() > self.most_bytes - answers.bytes {
            answers.refused += 1;
            return Err(StoreError::Full("held answer"));
        }
        let expiry = at.after(lifetime);
        answers.bytes += sealed.len();
        answers.by_expiry.insert((expiry, id));
        answers.by_id.insert(id, (expiry, sealed));
        Ok(())
    }

    pub fn take(&self, id: Id, at: Timestamp) -> Option<Bytes> {
        let mut answers = self.answers.lock();
        answers.drop_expired(at);
        answers.let_go(id)
    }

    /// Drops every answer in which this account stands, as bytes or in hex: what is beside the sealed answer names it.
    /// Whoever waited for one signs in again.
    pub fn forget(&self, account: Pseudonym) {
        let hex = account.to_string();
        let named = |sealed: &Bytes| {
            memchr::memmem::find(sealed, &account.0).is_some() || memchr::memmem::find(sealed, hex.as_bytes()).is_some()
        };
        let mut answers = self.answers.lock();
        let ids: Vec<Id> = answers.by_id.iter().filter(|(_, (_, sealed))| named(sealed)).map(|(id, _)| *id).collect();
        for id in ids {
            answers.let_go(id);
        }
    }

    pub fn ids(&self) -> Vec<Id> {
        self.answers.lock().by_id.keys().copied().collect()
    }

    /// An answer that is still held, and until when.
    pub fn show(&self, id: Id) -> Option<(Timestamp, Bytes)> {
        self.answers.lock().by_id.get(&id).cloned()
    }

    /// Forgets everything: somebody else has it.
    pub fn clear(&self) {
        let refused = self.answers.lock().refused;
        *self.answers.lock() = Answers { refused, ..Answers::default() };
    }

    pub fn most_bytes(&self) -> u64 {
        self.most_bytes as u64
    }

    /// Size and losses, and the bytes held. What has expired and was not yet looked at is included.
    pub fn stats(&self) -> (KindStats, u64) {
        let answers = self.answers.lock();
        let kind = KindStats {
            kind: "held",
            entries: answers.by_id.len() as u64,
            capacity: self.most as u64,
            bytes: answers.bytes as u64,
            evicted: 0,
            refused: answers.refused,
        };
        (kind, answers.bytes as u64)
    }
}

impl Answers {
    fn let_go(&mut self, id: Id) -> Option<Bytes> {
        let (expiry, sealed) = self.by_id.remove(&id)?;
        self.by_expiry.remove(&(expiry, id));
        self.bytes -= sealed.len();
        Some(sealed)
    }

    /// All of them: each was put in once, so this costs no more than putting them in did.
    fn drop_expired(&mut self, at: Timestamp) {
        while let Some(&(expiry, id)) = self.by_expiry.first().filter(|(expiry, _)| *expiry <= at) {
            self.by_expiry.remove(&(expiry, id));
            if let Some((_, sealed)) = self.by_id.remove(&id) {
                self.bytes -= sealed.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_an_account_is_dropped_with_it() {
        let held = Held::new(10, 1_000);
        let [anna, bob] = [Pseudonym([0xa1; 16]), Pseudonym([0xb2; 16])];
        let hold = |id, sealed: Vec<u8>| held.hold([id; 16], sealed.into(), Duration::from_secs(300), Timestamp(0));
        hold(1, format!("{{\"user_id\":\"{anna}\"}}sealed").into()).unwrap();
        hold(2, [b"login", &anna.0[..], b"sealed"].concat()).unwrap();
        hold(3, [b"login", &bob.0[..], b"sealed"].concat()).unwrap();
        held.forget(anna);
        assert_eq!(held.ids(), [[3; 16]]);
        assert_eq!(held.stats().1, 27);
        assert!(held.take([3; 16], Timestamp(1)).is_some());
    }
}
