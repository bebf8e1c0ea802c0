//! What waits in the store for a challenge after a success: the sealed answer, and beside it what the record will say
//! when it is released (keyed hashes, no secrets), since the request that releases it knows nothing of the attempt.

use super::gate::Gate;
use super::live::Live;
use crate::engine::attempt::AttemptId;
use crate::engine::outcome::Outcome;
use crate::engine::ownership::Login;
use crate::engine::record::Enforcement;
use crate::engine::time::Timestamp;
use crate::store::Settlement;
use crate::store::Taught;
use bytes::{BufMut, Bytes, BytesMut};
use std::time::Duration;

/// A held answer as the store keeps it.
#[derive(Debug, PartialEq, Eq)]
pub struct Waiting {
    pub attempt: AttemptId,
    /// What its account's profile learns when the challenge was solved.
    pub login: Option<Login>,
    /// Whether it ended a burst of failures: a solution that shows no more than a browser and a second of time does not
    /// make its bearer the owner.
    pub suspect: bool,
    /// The record to write on release, as JSON.
    pub record: Bytes,
    pub sealed: Bytes,
}

/// Set in the length of the record where a login follows it: what was held by an earlier version has none.
const WITH_LOGIN: u32 = 1 << 31;
/// Set there where the login is suspect.
const SUSPECT: u32 = 1 << 30;

impl Waiting {
    pub fn to_bytes(&self) -> Bytes {
        let login = self.login.as_ref().map(Login::to_bytes).unwrap_or_default();
        let mut bytes = BytesMut::with_capacity(24 + self.record.len() + login.len() + self.sealed.len());
        bytes.put_u128(self.attempt.0);
        let suspect = if self.suspect { SUSPECT } else { 0 };
        bytes.put_u32(self.record.len() as u32 | WITH_LOGIN | suspect);
        bytes.put_slice(&self.record);
        bytes.put_u32(login.len() as u32);
        bytes.put_slice(&login);
        bytes.put_slice(&self.sealed);
        bytes.freeze()
    }

    fn from_bytes(mut bytes: Bytes) -> Option<Waiting> {
        let head = (bytes.len() >= 20).then(|| bytes.split_to(20))?;
        let attempt = AttemptId(u128::from_be_bytes(head[..16].try_into().ok()?));
        let length = u32::from_be_bytes(head[16..].try_into().ok()?);
        let mut piece = |length: u32| (bytes.len() >= length as usize).then(|| bytes.split_to(length as usize));
        let record = piece(length & !(WITH_LOGIN | SUSPECT))?;
        let login = match length & WITH_LOGIN {
            0 => None,
            _ => {
                let length = piece(4)?;
                let login = piece(u32::from_be_bytes(length[..].try_into().ok()?))?;
                if login.is_empty() { None } else { Some(Login::from_bytes(&login)?) }
            }
        };
        Some(Waiting { attempt, login, suspect: length & SUSPECT != 0, record, sealed: bytes })
    }
}

/// Takes a held answer out of the store, once. A visitor can be faster than the end of the answer that is being held, so
/// it is asked for again for up to a second.
pub async fn take(gate: &Gate, id: [u8; 16], now: Timestamp) -> Option<Waiting> {
    for _ in 0..20 {
        match gate.store.take(id, now).await {
            Ok(Some(bytes)) => return Waiting::from_bytes(bytes),
            Ok(None) => {}
            // It may be answered the next time: the moment that it is asked for again is there anyway.
            Err(error) => gate.metrics.store_failed(&error),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

/// The challenge was solved: the success counts, and the record says so. Who was suspect stays it: no challenge that there
/// is proves who somebody is.
pub async fn record(gate: &Gate, live: &Live, waiting: &Waiting, now: Timestamp) {
    let owner = waiting.login.map(|login| Taught { login, suspect: waiting.suspect });
    gate.settle(&Settlement { owner, ..Settlement::new(waiting.attempt, Outcome::Succeeded, now) }).await;
    if let Ok(mut record) = serde_json::from_slice::<serde_json::Value>(&waiting.record) {
        if let Some(metrics) = record["route"].as_str().and_then(|route| live.metrics_by_name(route)) {
            gate.metrics.enforced(metrics, Enforcement::Released);
        }
        record["at"] = now.to_string().into();
        gate.sinks.send(&record.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::Pseudonym;
    use crate::engine::ownership::Traits;

    #[test]
    fn what_waits_reads_back_and_a_torn_piece_does_not() {
        let evidence = crate::engine::fixture::after();
        let shows = Traits {
            values: [1, 2, 3, 4, 5, 6, 7],
            from: evidence.owner.as_ref().unwrap().here.from,
            device: 8,
            device_is_proof: true,
        };
        let login = Login { id: AttemptId(7), account: Pseudonym([7; 16]), at: evidence.attempt.at, shows };
        for (login, suspect) in [(None, false), (Some(login), false), (Some(login), true)] {
            let waiting = Waiting {
                attempt: AttemptId(7),
                login,
                suspect,
                record: Bytes::from_static(b"{}"),
                sealed: Bytes::from_static(b"sealed"),
            };
            let bytes = waiting.to_bytes();
            assert_eq!(Waiting::from_bytes(bytes.clone()), Some(waiting));
            for length in 0..bytes.len() - b"sealed".len() {
                assert_eq!(Waiting::from_bytes(bytes.slice(..length)), None);
            }
        }
        let earlier = [&7u128.to_be_bytes()[..], &2u32.to_be_bytes(), b"{}sealed"].concat();
        let read = Waiting::from_bytes(earlier.into()).unwrap();
        assert_eq!((read.login, &read.sealed[..]), (None, &b"sealed"[..]), "held before an upgrade");
    }
}
