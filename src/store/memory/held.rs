//! Held answers: sealed by the gate, handed out once.
//!
//! Bounded by number and by bytes. When full the newcomer is refused rather than the oldest dropped: with an account of
//! their own anybody can have answers held, and must not be able to throw out those of others. They are few and large,
//! so one lock does.

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
        let (expiry, sealed) = answers.by_id.remove(&id)?;
        answers.by_expiry.remove(&(expiry, id));
        answers.bytes -= sealed.len();
        Some(sealed)
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
