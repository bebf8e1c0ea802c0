//! Orders on the server: the twin of the memory store's `orders`.
//!
//! The script decides what happened to the order, atomically; the counts are moved by what it says, with the calls that settle
//! attempts. Both times behind the visitor's back.

use super::keys::{Keys, Kind};
use super::link::Asker;
use super::record::Record;
use super::scripts::Call;
use super::{PATIENCE, Redis, nonsense};
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::time::Timestamp;
use crate::store::StoreError;
use crate::store::memory::open::Standing;
use crate::store::order::{self, Bought, Concluded, Conclusion};
use ::redis::Value;

/// Before the attempt: what was said, and until when it is known.
const HEAD: usize = 9;

impl Redis {
    pub async fn conclude(&self, said: &Conclusion) -> Result<Concluded, StoreError> {
        let (asker, keys, said) = (self.link.asker(), self.keys.clone(), *said);
        // Goes on when the caller is gone: what is said already is not counted by who says it again.
        let work = async move { conclude(asker, &keys, &said).await };
        let stopping = || StoreError::Down("the gate is stopping".into());
        self.link.spawn(work).ok_or_else(stopping)?.await.unwrap_or_else(|_| Err(stopping()))
    }
}

async fn conclude(mut asker: Asker, keys: &Keys, said: &Conclusion) -> Result<Concluded, StoreError> {
    let letter = letter(said.paid);
    let call = Call::order(keys.key(Kind::Order, &said.order.0), "conclude", said.at, order::EARLY).with([letter]);
    let answers = asker.ask(&[call], PATIENCE, "order").await?;
    let kept = match &answers[..] {
        [Value::Nil] => return Ok(Concluded::Early),
        [Value::BulkString(kept)] => kept,
        other => return Err(nonsense(&format!("{other:?} for an order"))),
    };
    let (id, mut record) = accepted(kept).ok_or_else(|| nonsense("no record of an order"))?;
    let bought = Bought { id, at: record.at };
    let before = kept[0];
    if before == letter {
        return Ok(Concluded::Again(bought));
    }
    if let Some(paid) = said_by(before) {
        record.standing = Standing::Answered(order::outcome_of(paid));
    }
    move_counts(&mut asker, keys, &record, said.paid).await?;
    Ok(Concluded::Counted(bought))
}

/// Remembers an attempt that was accepted by its order, as it stands now.
pub(super) async fn accept(
    asker: &mut Asker,
    keys: &Keys,
    order: Pseudonym,
    id: AttemptId,
    record: &Record,
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut attempt = id.0.to_be_bytes().to_vec();
    attempt.extend(record.to_bytes());
    let call = Call::order(keys.key(Kind::Order, &order.0), "accept", at, order::REMEMBERED).with(attempt);
    match &asker.ask(&[call], PATIENCE, "order").await?[..] {
        [Value::Nil] => Ok(()),
        [Value::BulkString(early)] => match early.first().copied().and_then(said_by) {
            Some(paid) => move_counts(asker, keys, record, paid).await,
            None => Err(nonsense("a word that is none about an order")),
        },
        other => Err(nonsense(&format!("{other:?} for an order"))),
    }
}

async fn move_counts(asker: &mut Asker, keys: &Keys, record: &Record, paid: bool) -> Result<(), StoreError> {
    let to = Standing::Answered(order::outcome_of(paid));
    if to == record.standing {
        return Ok(());
    }
    asker.ask(&record.turned(keys, (to, false), false), PATIENCE, "order").await.map(drop)
}

fn accepted(kept: &[u8]) -> Option<(AttemptId, Record)> {
    let (id, record) = kept.get(HEAD..)?.split_first_chunk::<16>()?;
    Some((AttemptId(u128::from_be_bytes(*id)), Record::from_bytes(record)?))
}

fn letter(paid: bool) -> u8 {
    if paid { b's' } else { b'r' }
}

fn said_by(letter: u8) -> Option<bool> {
    match letter {
        b's' => Some(true),
        b'r' => Some(false),
        _ => None,
    }
}
