//! Why a store could not do what it was asked: one type for every store, because whoever asks does not know which one it
//! is, and because its names are what metrics, records and rules know.

use crate::lists::Refused;
use std::time::Duration;

/// Why the store could not do what it was asked. Always ours or the operator's fault, never the visitor's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Only for what must not be forgotten early (tokens, held answers); counters make room instead.
    #[error("the store has no room for another {0}")]
    Full(&'static str),
    /// Nothing is ever overwritten: two answers under one id would be somebody else's answer.
    #[error("the store already holds an answer under this id")]
    Exists,
    #[error("the store did not answer within {} ms", .0.as_millis())]
    Late(Duration),
    #[error("the store cannot be reached: {0}")]
    Down(Box<str>),
    /// The lists have no room for what was to be added.
    #[error(transparent)]
    Lists(#[from] Refused),
    /// It is there, and takes no writes: a replica, a disk that is full, too few replicas.
    #[error("the store takes no writes: {0}")]
    ReadOnly(Box<str>),
    /// It is about to be there again: loading, electing, moving slots.
    #[error("the store is failing over: {0}")]
    FailingOver(Box<str>),
    /// Who asks is not known, or may not ask this.
    #[error("the store refuses this gate: {0}")]
    Refused(Box<str>),
    /// Counting into it would mix two installations that cannot read each other's hashes.
    #[error(
        "this store belongs to an installation with another secret_file: give all gates of a fleet the same one, or this installation a prefix of its own"
    )]
    Foreign,
    #[error("the store answered what makes no sense: {0}")]
    Broken(Box<str>),
    /// It is back, and is being told what happened in the meantime.
    #[error("the store is catching up")]
    Merging,
}

impl StoreError {
    /// For metrics: `late`.
    pub fn name(&self) -> &'static str {
        match self {
            StoreError::Full(_) | StoreError::Lists(_) => "full",
            StoreError::Exists => "exists",
            StoreError::Late(_) => "late",
            StoreError::Down(_) => "down",
            StoreError::ReadOnly(_) => "read_only",
            StoreError::FailingOver(_) => "failing_over",
            StoreError::Refused(_) => "refused",
            StoreError::Foreign => "foreign",
            StoreError::Broken(_) => "broken",
            StoreError::Merging => "merging",
        }
    }

    /// For records and rules, beside `store`: one of the [parts](crate::engine::parts).
    pub fn part(&self) -> &'static str {
        match self {
            StoreError::Full(_) | StoreError::Lists(_) | StoreError::Exists => "store_full",
            StoreError::Late(_) => "store_late",
            StoreError::Down(_) => "store_down",
            StoreError::ReadOnly(_) => "store_read_only",
            StoreError::FailingOver(_) => "store_failing_over",
            StoreError::Refused(_) => "store_refused",
            StoreError::Foreign => "store_foreign",
            StoreError::Broken(_) => "store_broken",
            StoreError::Merging => "store_merging",
        }
    }
}

#[cfg(test)]
type Failure = fn() -> StoreError;

/// Each way a store can fail to count, with its part: for tests over all of them.
#[cfg(test)]
pub(super) const FAULTS: &[(Failure, &str)] = &[
    (|| StoreError::Late(Duration::from_millis(5)), "store_late"),
    (|| StoreError::Down("connection refused".into()), "store_down"),
    (|| StoreError::ReadOnly("a replica".into()), "store_read_only"),
    (|| StoreError::FailingOver("loading".into()), "store_failing_over"),
    (|| StoreError::Full("entry"), "store_full"),
    (|| StoreError::Refused("wrong password".into()), "store_refused"),
    (|| StoreError::Foreign, "store_foreign"),
    (|| StoreError::Broken("not a hash".into()), "store_broken"),
];
