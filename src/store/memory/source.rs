//! What one source (an address, a device) did lately.

use super::decay::{self, Change, HOUR, MINUTE, Present};
use super::distinct::DistinctAccounts;
use super::in_flight::InFlight;
use super::sharded::Grown;
use super::state::kept::kept;
use crate::engine::attempt::Pseudonym;
use crate::engine::evidence::{Counts, Source};
use crate::engine::time::Timestamp;

#[derive(Clone, Debug, Default)]
pub struct SourceEntry {
    present: Present,
    minute: Counts,
    hour: Counts,
    in_flight: InFlight,
    accounts: DistinctAccounts,
}

kept!(SourceEntry { present, minute, hour, in_flight, accounts });

impl Grown for SourceEntry {
    fn grown(&self) -> usize {
        self.accounts.grown()
    }
}

impl SourceEntry {
    pub fn new() -> SourceEntry {
        SourceEntry::default()
    }

    /// Counts an attempt that arrived at `at`, on an account if the form named one.
    pub fn arrive(&mut self, at: Timestamp, change: Change, account: Option<&Pseudonym>) {
        let passed = self.present.advance(at);
        decay::scale(&mut self.minute, decay::left(passed, MINUTE));
        decay::scale(&mut self.hour, decay::left(passed, HOUR));
        self.add(at, change);
        self.in_flight.enter(at);
        self.accounts.advance(at);
        if let Some(account) = account {
            self.accounts.see(account);
        }
    }

    /// Changes what the attempt of `at` counts as; `landed` if it was in flight until now.
    pub fn turn(&mut self, at: Timestamp, change: Change, landed: bool) {
        self.add(at, change);
        if landed {
            self.in_flight.leave(at);
        }
    }

    /// The application answered the attempt of `at` on this account.
    pub fn answer(&mut self, at: Timestamp, account: &Pseudonym, failed: bool) {
        self.accounts.answer(at, account, failed);
    }

    pub fn read(&self) -> Source {
        let accounts = self.accounts.count();
        Source {
            minute: self.minute,
            hour: self.hour,
            accounts: accounts.seen,
            answered_accounts: accounts.answered,
            failed_accounts: accounts.failed,
            in_flight: self.in_flight.total(),
        }
    }

    /// As [`SourceEntry::read`], as of `at`, with nothing counted.
    pub fn read_at(&self, at: Timestamp) -> Source {
        let mut entry = self.clone();
        entry.arrive(at, Change::default(), None);
        entry.in_flight.leave(at);
        entry.read()
    }

    fn add(&mut self, at: Timestamp, change: Change) {
        decay::add(&mut self.minute, change, self.present.weight(at, MINUTE));
        decay::add(&mut self.hour, change, self.present.weight(at, HOUR));
    }
}
