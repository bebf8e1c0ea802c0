//! Outcomes that are half told: the attempt's record was turned, and its counts wait to be moved.
//!
//! Settling is two round trips, and a server may refuse the second one (it fails over, or is full). Then the rest is kept
//! here for the next who asks about that attempt, since its record says that it is done.

use super::PATIENCE;
use super::link::Asker;
use super::scripts::Call;
use crate::engine::attempt::AttemptId;
use crate::store::StoreError;
use crate::store::memory::open::Standing;
use ::redis::Value;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Most outcomes that wait half told.
const MOST_HALVES: usize = 65_536;

/// The second half of settling an attempt: its record is turned, and the counts are to be moved.
pub(super) struct Half {
    pub(super) id: AttemptId,
    pub(super) to: Standing,
    pub(super) calls: Vec<Call>,
}

impl std::fmt::Debug for Half {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Half").field("id", &self.id).field("to", &self.to).finish_non_exhaustive()
    }
}

impl Half {
    /// Moves the counts. If the server would not, or could not be asked, that is left for the next who asks about this
    /// attempt, since its record says that it is done. Whether a server that did not answer has moved them nobody knows;
    /// then they are left as they are, for one attempt that counts twice is no better than one that does not.
    /// What the last call was answered.
    pub(super) async fn finish(self, asker: &mut Asker, halves: &Halves) -> Result<Option<Value>, StoreError> {
        let answer = asker.ask(&self.calls, PATIENCE, "outcome").await;
        let refused = matches!(
            answer,
            Err(StoreError::ReadOnly(_) | StoreError::FailingOver(_) | StoreError::Full(_) | StoreError::Refused(_))
        );
        if refused {
            halves.put(self);
        }
        answer.map(|mut answers| answers.pop())
    }
}

/// Halves that wait for the server, bounded: only faults make them.
#[derive(Clone, Debug, Default)]
pub(super) struct Halves(Arc<Mutex<HashMap<AttemptId, Half>>>);

impl Halves {
    pub(super) fn put(&self, half: Half) {
        let mut waiting = self.0.lock();
        if waiting.len() < MOST_HALVES {
            waiting.insert(half.id, half);
        }
    }

    pub(super) fn take(&self, id: AttemptId) -> Option<Half> {
        let mut waiting = self.0.lock();
        if waiting.is_empty() { None } else { waiting.remove(&id) }
    }
}
