//! Showing what is known to a successor, with what changes meanwhile: the records of the files, sent instead of written.
//!
//! What changed is noted once and asked for once; so while there is a successor, each change goes to the file and to it,
//! from whoever collects (the thread that writes once a second, or the hand-over). No new file is begun meanwhile. What
//! may happen only once is written while a visitor waits, and nobody may be kept waiting by a successor that reads
//! slowly: it is put aside, and shown at the next turn.

use super::{BATCH, held, spent};
use crate::engine::freeman::live::Totals;
use crate::store::memory::Memory;
use crate::store::memory::heir::Line;
use std::io;

impl Memory {
    /// From now on `line` is told of every change.
    pub(in crate::store::memory) fn begin_showing(&self, line: Line) {
        // A file that is due is written before, and not while the successor waits.
        self.write_down();
        let _turn = self.collecting.turn.lock();
        *self.collecting.meanwhile.lock() = Some(Vec::new());
        *self.collecting.line.lock() = Some(line);
        self.note_changes(true);
    }

    /// Shows all there is.
    pub(in crate::store::memory) fn show_everything(&self) -> io::Result<()> {
        let mut turn = Some(self.collecting.turn.lock());
        let mut batch = Vec::new();
        let mut put = |batch: &mut Vec<u8>, least: usize| {
            if batch.len() < least {
                return Ok(());
            }
            // Whatever is in the batch was collected in this turn: nothing that changed meanwhile was told before it.
            let sent = self.with_line(|line| {
                line.send(batch);
                line.failure()
            });
            batch.clear();
            turn.take();
            turn = Some(self.collecting.turn.lock());
            sent
        };
        for (token, expiry) in self.burnt.all() {
            spent(&mut batch, token, expiry);
            put(&mut batch, BATCH)?;
        }
        for id in self.held.ids() {
            if let Some((expiry, sealed)) = self.held.show(id) {
                held(&mut batch, id, expiry, &sealed);
                put(&mut batch, BATCH)?;
            }
        }
        self.show_lists(&mut batch, &mut |batch| put(batch, BATCH))?;
        self.everything(&mut batch, &mut |batch| put(batch, BATCH))?;
        put(&mut batch, 1)
    }

    /// Shows what changed since the last time, and has it in the file as well. Bytes that were shown.
    pub(in crate::store::memory) fn show_changes(&self) -> io::Result<u64> {
        let _turn = self.collecting.turn.lock();
        let before = self.with_line(|line| Ok(line.sent))?;
        match self.keeping.get() {
            // A failure of the file is told and counted there, and no reason to stop.
            Some(_) => self.write_down_in_turn(),
            None => self.write_changes(None)?,
        }
        let meanwhile = self.collecting.meanwhile.lock().replace(Vec::new()).unwrap_or_default();
        let missed = self.missed();
        self.with_line(|line| {
            line.send(&meanwhile);
            if missed {
                line.fail(io::Error::other("more changed at once than is noted"));
            }
            line.failure()?;
            Ok(line.sent - before)
        })
    }

    /// Nobody is to be shown anything any more.
    pub(in crate::store::memory) fn stop_showing(&self) {
        let _turn = self.collecting.turn.lock();
        *self.collecting.line.lock() = None;
        *self.collecting.meanwhile.lock() = None;
        if self.keeping.get().is_none() {
            self.note_changes(false);
            self.forget_changes();
        }
    }

    pub(in crate::store::memory) fn with_line<R>(&self, act: impl FnOnce(&mut Line) -> io::Result<R>) -> io::Result<R> {
        match &mut *self.collecting.line.lock() {
            Some(line) => act(line),
            None => Err(io::Error::other("nobody is shown anything")),
        }
    }

    /// Lets go of the directory: what is in it is complete, and nothing is written any more.
    pub(in crate::store::memory) fn release(&self) -> io::Result<()> {
        let Some(keeping) = self.keeping.get() else { return Ok(()) };
        let _turn = self.collecting.turn.lock();
        let mut output = keeping.output.lock();
        output.generation = None;
        output.released = true;
        output.directory.release()
    }

    /// Takes the directory again, and begins a new file in it at the next turn.
    pub(in crate::store::memory) fn take_back(&self) {
        let Some(keeping) = self.keeping.get() else { return };
        let _turn = self.collecting.turn.lock();
        let mut output = keeping.output.lock();
        output.whole = None;
        output.begun = false;
        match output.directory.take_back() {
            Ok(()) => {
                output.released = false;
                // What the successor wrote there is of no use.
                output.next = output.directory.next().unwrap_or(output.next + 1);
            }
            Err(error) => {
                tracing::error!(%error, "the store's directory is in use by somebody else; nothing is kept any more");
            }
        }
    }

    pub(in crate::store::memory) fn forget_everything(&self) {
        if let Some(keeping) = self.keeping.get() {
            keeping.closing.tell();
        }
        self.networks.clear();
        self.devices.clear();
        self.accounts.clear();
        self.velocities.clear();
        self.holders.clear();
        self.orders.clear();
        self.profiles.clear();
        self.values.clear();
        *self.totals.lock() = Totals::default();
        self.open.clear();
        self.burnt.clear();
        self.held.clear();
    }

    pub(super) fn note_changes(&self, noting: bool) {
        self.networks.note_changes(noting);
        self.devices.note_changes(noting);
        self.accounts.note_changes(noting);
        self.velocities.note_changes(noting);
        self.holders.note_changes(noting);
        self.orders.note_changes(noting);
        self.profiles.note_changes(noting);
        self.values.note_changes(noting);
        self.open.note_changes(noting);
    }
}
