//! What waits in the store for a challenge after a success: the sealed answer, and beside it what the record will say
//! when it is released (keyed hashes, no secrets), since the request that releases it knows nothing of the attempt.

use super::gate::Gate;
use super::live::Live;
use crate::engine::attempt::AttemptId;
use crate::engine::outcome::Outcome;
use crate::engine::record::Enforcement;
use crate::engine::time::Timestamp;
use crate::store::Settlement;
use bytes::{BufMut, Bytes, BytesMut};
use std::time::Duration;

/// A held answer as the store keeps it.
#[derive(Debug, PartialEq, Eq)]
pub struct Waiting {
    pub attempt: AttemptId,
    /// The record to write on release, as JSON.
    pub record: Bytes,
    pub sealed: Bytes,
}

impl Waiting {
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(20 + self.record.len() + self.sealed.len());
        bytes.put_u128(self.attempt.0);
        bytes.put_u32(self.record.len() as u32);
        bytes.put_slice(&self.record);
        bytes.put_slice(&self.sealed);
        bytes.freeze()
    }

    fn from_bytes(mut bytes: Bytes) -> Option<Waiting> {
        let head = (bytes.len() >= 20).then(|| bytes.split_to(20))?;
        let attempt = AttemptId(u128::from_be_bytes(head[..16].try_into().ok()?));
        let length = u32::from_be_bytes(head[16..].try_into().ok()?) as usize;
        let record = (bytes.len() >= length).then(|| bytes.split_to(length))?;
        Some(Waiting { attempt, record, sealed: bytes })
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

/// The owner has proven to be one: the success counts, and the record says so.
pub async fn record(gate: &Gate, live: &Live, waiting: &Waiting, now: Timestamp) {
    gate.settle(&Settlement::new(waiting.attempt, Outcome::Succeeded, now)).await;
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

    #[test]
    fn what_waits_reads_back_and_a_torn_piece_does_not() {
        let waiting =
            Waiting { attempt: AttemptId(7), record: Bytes::from_static(b"{}"), sealed: Bytes::from_static(b"sealed") };
        let bytes = waiting.to_bytes();
        assert_eq!(Waiting::from_bytes(bytes.clone()), Some(waiting));
        for length in 0..22 {
            assert_eq!(Waiting::from_bytes(bytes.slice(..length)), None);
        }
    }
}
