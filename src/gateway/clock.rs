//! The one place where time comes from, so that tests can hand in another.

use crate::engine::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time of the wall.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    /// Stands still until it is set; for tests.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    pub fn manual(at: Timestamp) -> Clock {
        Clock::Manual(Arc::new(AtomicU64::new(at.0)))
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(since.as_millis() as u64)
            }
            Clock::Manual(at) => Timestamp(at.load(Ordering::Relaxed)),
        }
    }

    /// Moves a manual clock; the system's stays as it is.
    pub fn advance(&self, by: std::time::Duration) {
        if let Clock::Manual(at) = self {
            at.fetch_add(by.as_millis() as u64, Ordering::Relaxed);
        }
    }
}
