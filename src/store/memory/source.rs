//! What one source (an address, a device) did lately.

use super::decay::{self, Change, HOUR, MINUTE, Present};
use super::distinct::DistinctAccounts;
use super::in_flight::InFlight;
use super::learned::{BUSY, Learned};
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
    /// By the minute and by the hour. Boxed: few sources are ever busy.
    learned: Option<Box<[Learned; 2]>>,
}

kept!(SourceEntry { present, minute, hour, in_flight, accounts, learned });

impl Grown for SourceEntry {
    fn grown(&self) -> usize {
        self.accounts.grown() + self.learned.as_ref().map_or(0, |_| size_of::<[Learned; 2]>())
    }
}

impl SourceEntry {
    pub fn new() -> SourceEntry {
        SourceEntry::default()
    }

    /// Counts an attempt that arrived at `at`, on an account if the form named one.
    pub fn arrive(&mut self, at: Timestamp, change: Change, account: Option<&Pseudonym>) {
        let passed = self.present.advance(at);
        let left = [decay::left(passed, MINUTE), decay::left(passed, HOUR)];
        decay::scale(&mut self.minute, left[0]);
        decay::scale(&mut self.hour, left[1]);
        for (learned, left) in self.learned.iter_mut().flat_map(|both| both.iter_mut()).zip(left) {
            learned.advance(self.present.instant(), left);
        }
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

    /// The attempt of `at` was lawful.
    pub fn learn(&mut self, at: Timestamp) {
        if self.learned.is_none() && self.hour.attempts < BUSY {
            return;
        }
        let present = self.present;
        let both = self.learned.get_or_insert_with(|| Box::new([Learned::new(present.instant()); 2]));
        for (learned, half_life) in both.iter_mut().zip([MINUTE, HOUR]) {
            learned.teach(present.weight(at, half_life));
        }
    }

    pub fn read(&self) -> Source {
        let accounts = self.accounts.count();
        let [usual_minute, usual_hour] =
            self.learned.as_ref().map(|both| both.map(|one| one.usual())).unwrap_or_default();
        Source {
            minute: self.minute,
            hour: self.hour,
            accounts: accounts.seen,
            answered_accounts: accounts.answered,
            failed_accounts: accounts.failed,
            in_flight: self.in_flight.total(),
            usual_minute,
            usual_hour,
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
