//! What outlives the process: the memory store, written down beside the request path.
//!
//! **What is written is the state of entries, not what happened to them.** Once a second a thread of its own collects
//! the entries that changed, each once however often it changed, and appends their present state to a file; when the
//! file has grown to twice what it need be, a new one is begun (see [`mod@file`]). Replaying events instead would write
//! less for an entry that changes once a day and more for one under attack, would have to repeat every rounding in its
//! order, and could not be read in the middle. An embedded database does the same with a tree on
//! disk: it pays for look-ups on disk that a store in memory never makes, with random writes instead of appended ones.
//! Measured beside redb 4.6 (three tables of 200,000 entries, of which 100,000 together change in a second and are
//! committed at once): it needs 2.6 times the CPU, writes 4.0 times the bytes, and its file is twice as large (285 and
//! 145 MB); with a million entries a table it writes 344 MB for each such second, since every leaf is touched. Its one
//! advantage is the start, where reading is an eighth of our CPU, but without any map built from what was read (0.9 s
//! of CPU for 600,000 entries here, most of it for the maps). Requests beside the writing do not feel it: the p99 of an
//! attempt is the same within 2 % while all that changes is written without a pause (`benches/state.rs`).
//!
//! **What is lost.** A clean stop loses nothing. A process that is killed loses at most the last second of counts, and
//! nothing of what may happen only once: a token is written when it is spent, an answer when it is held and when it is
//! handed out, before the visitor hears of it. (These writes go to the system's memory, which outlives the process and
//! not the power; the file is synced once a second.) An attempt that was under way is settled if its outcome was told.
//!
//! **When it cannot write**, the gate goes on from memory as if it kept nothing, says so once and in the metrics, and
//! begins a new file as soon as there is room. What changed meanwhile is noted up to a bound; beyond it the new file has
//! everything all the same.

pub mod file;
pub mod kept;
mod lists;
mod owners;
mod restoring;
mod showing;

pub use self::file::StateError;

use self::file::{Directory, Generation, LONGEST_BATCH};
use self::kept::Kept;
use super::account::AccountEntry;
use super::heir::Line;
use super::holder::HolderEntry;
use super::open::{LONGEST, Open};
use super::orders::OrderEntry;
use super::sharded::{Grown, Sharded};
use super::source::SourceEntry;
use super::velocity::VelocityEntry;
use super::{Limits, Memory};
use crate::engine::attempt::{AttemptId, Network, Pseudonym};
use crate::engine::freeman::live::{Profile, Totals, Value};
use crate::engine::time::Timestamp;
use crate::store::VelocityKey;
use crate::store::{DeviceKey, KeepingStats, StoreError};
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::hash::Hash;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How often what changed is written. A process that is killed loses what came in since, and what was being written: the
/// promise is the last second of counts.
const EVERY: Duration = Duration::from_millis(700);
/// Entries that are looked at under one lock: some ten microseconds.
const AT_ONCE: usize = 128;
/// Bytes that are collected before they are written.
const BATCH: usize = 1 << 20;
/// A file this much longer than it was when whole, and twice as long, is due to be written anew.
const WORTH_IT: u64 = 64 << 20;

const NETWORK: u8 = 1;
const DEVICE: u8 = 2;
const ACCOUNT: u8 = 3;
const OPEN: u8 = 4;
const CLOSED: u8 = 5;
const SPENT: u8 = 6;
const HELD: u8 = 7;
const HANDED_OUT: u8 = 8;
const VELOCITY: u8 = 40;
const PROFILE: u8 = 50;
const VALUE: u8 = 51;
const HOLDER: u8 = 60;
const ORDER: u8 = 70;

/// What changed, on its way to where it outlives the moment.
#[derive(Debug, Default)]
pub struct Collecting {
    /// Held by whoever collects: one at a time, so that what is told later was later.
    turn: Mutex<()>,
    /// To the successor that it is shown to, if there is one.
    line: Mutex<Option<Line>>,
    /// What may happen only once and happened since the successor was last shown anything.
    meanwhile: Mutex<Option<Vec<u8>>>,
}

/// The written side of a store.
#[derive(Debug)]
pub struct Keeping {
    output: Mutex<Output>,
    closing: Arc<Closing>,
    failures: AtomicU64,
    bytes: AtomicU64,
}

/// Wakes the writing thread when it is to end.
#[derive(Debug, Default)]
struct Closing {
    closed: Mutex<bool>,
    told: Condvar,
}

#[derive(Debug)]
struct Output {
    directory: Directory,
    generation: Option<Generation>,
    /// The next one's number.
    next: u64,
    tags: [u8; 16],
    /// Length of the generation when it became whole; `None` before that.
    whole: Option<u64>,
    /// Whether it was begun and knows of every change since.
    begun: bool,
    /// Whether the last write failed.
    failing: bool,
    /// Whether the directory is somebody else's by now.
    released: bool,
}

/// What was found at start, for the operator.
#[derive(Debug, Default)]
pub struct Restored {
    /// A thing has one for each time that it was written.
    pub records: u64,
    /// Files that were set aside, and why.
    pub damage: Vec<String>,
}

/// Opens a store that is kept in a directory: reads what is there, and keeps writing until [`Memory::close`].
pub fn open(
    limits: Limits,
    path: &Path,
    fresh_tags: [u8; 16],
    now: Timestamp,
) -> Result<(Arc<Memory>, Restored), StateError> {
    let directory = Directory::open(path)?;
    let mut memory = Memory::with(limits, true, fresh_tags);
    let mut restored = Restored::default();
    let found = directory.read(|mut records| {
        while !records.is_empty() {
            if memory.restore(&mut records, now).is_none() {
                return false;
            }
            restored.records += 1;
        }
        true
    })?;
    restored.damage = found.damage;
    let tags = found.tags.unwrap_or(fresh_tags);
    memory.key_tags(tags);
    let memory = Arc::new(memory);
    {
        let _turn = memory.collecting.turn.lock();
        let output = Output::new(directory, found.next, tags);
        let keeping = memory.keep(output).map_err(|error| StateError::io(path, error))?;
        // At once: what may happen only once may happen before the first second is over.
        let begun = memory.begin(keeping);
        memory.written(keeping, begun);
    }
    Ok((memory, restored))
}

impl Memory {
    /// A store that will be [shown](Memory::receive) what a predecessor knows; `tags` are the predecessor's.
    pub fn inheriting(limits: Limits, tags: [u8; 16]) -> Arc<Memory> {
        Arc::new(Memory::with(limits, false, tags))
    }

    /// The key that a successor has to have as well.
    pub fn tags(&self) -> [u8; 16] {
        self.tag_key
    }

    /// From now on this store is kept in a directory, which nobody else has any more. What may happen only once is
    /// written when this returns, everything else soon after: until then, what the predecessor wrote is read before it.
    pub fn keep_in(self: &Arc<Memory>, path: &Path) -> Result<(), StateError> {
        let directory = Directory::open(path)?;
        let next = directory.next()?;
        self.note_changes(true);
        let output = Output::new(directory, next, self.tag_key);
        let _turn = self.collecting.turn.lock();
        let keeping = self.keep(output).map_err(|error| StateError::io(path, error))?;
        self.begin(keeping).map_err(|error| StateError::io(path, error))
    }

    /// Begins to write, once a second.
    fn keep(self: &Arc<Memory>, output: Output) -> std::io::Result<&Keeping> {
        let closing = Arc::new(Closing::default());
        let keeping = self.keeping.get_or_init(|| Keeping {
            output: Mutex::new(output),
            closing: closing.clone(),
            failures: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        });
        let kept = Arc::downgrade(self);
        let work = move || {
            while !closing.within(EVERY) {
                let Some(memory) = kept.upgrade() else { return };
                memory.write_down();
            }
        };
        thread::Builder::new().name("state".to_owned()).spawn(work)?;
        Ok(keeping)
    }

    /// Writes everything that changed, and begins a new file if one is due.
    pub fn write_down(&self) {
        let _turn = self.collecting.turn.lock();
        self.write_down_in_turn();
    }

    fn write_down_in_turn(&self) {
        let Some(keeping) = self.keeping.get().filter(|keeping| !keeping.output.lock().released) else { return };
        if self.collecting.line.lock().is_some() {
            // Whoever begins a new file forgets what changed, and the successor would not hear of it.
            let written = self.write_changes(Some(keeping));
            return self.written(keeping, written);
        }
        // Every one is asked, so that none is asked about the same again.
        let due = self.missed() || {
            let output = keeping.output.lock();
            match (&output.generation, output.whole) {
                (Some(generation), Some(whole)) => {
                    output.failing || generation.length > 2 * whole && generation.length - whole > WORTH_IT
                }
                _ => true,
            }
        };
        let written = if due { self.write_anew(keeping) } else { self.write_changes(Some(keeping)) };
        self.written(keeping, written);
    }

    /// What became of a write.
    fn written(&self, keeping: &Keeping, written: std::io::Result<()>) {
        let mut output = keeping.output.lock();
        let synced = written.and_then(|()| output.generation.as_ref().map_or(Ok(()), Generation::sync));
        keeping.bytes.store(output.generation.as_ref().map_or(0, |generation| generation.length), Ordering::Relaxed);
        match synced {
            Ok(()) if output.failing => {
                output.failing = false;
                tracing::info!("the store's state is written again");
            }
            Ok(()) => {}
            Err(error) => {
                keeping.failures.fetch_add(1, Ordering::Relaxed);
                if !output.failing {
                    tracing::error!(%error, "the store's state cannot be written; the gate goes on without keeping it");
                }
                output.failing = true;
                // What was collected is lost to this file.
                output.whole = None;
                output.begun = false;
            }
        }
    }

    /// Writes a file that holds what is known now, and nothing that ever was beside it.
    pub(super) fn write_without_history(&self) -> Result<(), StoreError> {
        let Some(keeping) = self.keeping.get() else { return Ok(()) };
        keeping.output.lock().whole = None;
        self.write_down();
        match keeping.output.lock().whole {
            Some(_) => Ok(()),
            None => Err(StoreError::Down("the state could not be written anew".into())),
        }
    }

    /// Ends the writing in good order: everything is in the file when this returns.
    pub fn close(&self) {
        let Some(keeping) = self.keeping.get() else { return };
        keeping.closing.tell();
        self.write_down();
    }

    /// Begins a file and writes everything into it, a little at a time; what changes meanwhile follows.
    fn write_anew(&self, keeping: &Keeping) -> std::io::Result<()> {
        // One that was begun and has all changes since needs only be completed.
        let begun = {
            let output = keeping.output.lock();
            output.begun && output.generation.is_some()
        };
        if !begun {
            self.begin(keeping)?;
        }
        self.write_all(keeping)?;
        self.write_changes(Some(keeping))?;
        let mut output = keeping.output.lock();
        let Output { directory, generation, next, whole, begun, .. } = &mut *output;
        *begun = false;
        if let Some(generation) = generation {
            directory.finish(generation)?;
            *whole = Some(generation.length);
            *next += 1;
        }
        Ok(())
    }

    /// Begins a file. Everything that may happen only once is in it when this returns.
    fn begin(&self, keeping: &Keeping) -> std::io::Result<()> {
        self.forget_changes();
        {
            let mut output = keeping.output.lock();
            let (number, tags) = (output.next, output.tags);
            output.generation = None;
            output.whole = None;
            output.begun = false;
            output.generation = Some(output.directory.begin(number, tags)?);
            // What may happen only once is written under this lock, here as elsewhere: nothing falls in between.
            let mut batch = Vec::new();
            for (token, expiry) in self.burnt.all() {
                spent(&mut batch, token, expiry);
                output.append_if_long(&mut batch)?;
            }
            for id in self.held.ids() {
                if let Some((expiry, sealed)) = self.held.show(id) {
                    held(&mut batch, id, expiry, &sealed);
                    output.append_if_long(&mut batch)?;
                }
            }
            output.append(&batch)?;
            output.begun = true;
        }
        Ok(())
    }

    /// Everything is written anyway: what changed so far need not be known.
    fn forget_changes(&self) {
        for part in 0..self.open.parts() {
            while self.open.changed(part, AT_ONCE, |_, _| {}) {}
        }
        forget(&self.networks);
        forget(&self.devices);
        forget(&self.accounts);
        forget(&self.velocities);
        forget(&self.holders);
        forget(&self.orders);
        forget(&self.profiles);
        forget(&self.values);
    }

    fn write_all(&self, keeping: &Keeping) -> std::io::Result<()> {
        self.write_lists(keeping)?;
        let mut batch = Vec::new();
        self.everything(&mut batch, &mut |batch| keeping.output.lock().append_if_long(batch))?;
        keeping.output.lock().append(&batch)
    }

    /// Collects every entry, a few under each lock; `put` is called in between.
    fn everything(
        &self,
        batch: &mut Vec<u8>,
        put: &mut impl FnMut(&mut Vec<u8>) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        all_of(NETWORK, &self.networks, batch, put)?;
        all_of(DEVICE, &self.devices, batch, put)?;
        all_of(ACCOUNT, &self.accounts, batch, put)?;
        all_of(VELOCITY, &self.velocities, batch, put)?;
        all_of(HOLDER, &self.holders, batch, put)?;
        all_of(ORDER, &self.orders, batch, put)?;
        all_of(PROFILE, &self.profiles, batch, put)?;
        all_of(VALUE, &self.values, batch, put)?;
        self.write_totals(batch);
        put(batch)?;
        for part in 0..self.open.parts() {
            for ids in self.open.ids(part).chunks(AT_ONCE) {
                self.open.show(part, ids, |id, open| attempt(batch, id, open));
                put(batch)?;
            }
        }
        Ok(())
    }

    /// Collects what changed: for the file if there is one, and for the successor if there is one.
    fn write_changes(&self, keeping: Option<&Keeping>) -> std::io::Result<()> {
        let mut batch = Vec::new();
        let put = |batch: &mut Vec<u8>, least: usize| {
            if batch.len() < least {
                return Ok(());
            }
            if let Some(line) = &mut *self.collecting.line.lock() {
                line.send(batch);
            }
            let written = keeping.map_or(Ok(()), |keeping| keeping.output.lock().append(batch));
            batch.clear();
            written
        };
        let mut put_if_long = |batch: &mut Vec<u8>| put(batch, BATCH);
        // Attempts first: one that is counted and still open in the file could be counted twice.
        for part in 0..self.open.parts() {
            while self.open.changed(part, AT_ONCE, |id, open| attempt(&mut batch, id, open)) {
                put_if_long(&mut batch)?;
            }
        }
        changes_of(NETWORK, &self.networks, &mut batch, &mut put_if_long)?;
        changes_of(DEVICE, &self.devices, &mut batch, &mut put_if_long)?;
        changes_of(ACCOUNT, &self.accounts, &mut batch, &mut put_if_long)?;
        changes_of(VELOCITY, &self.velocities, &mut batch, &mut put_if_long)?;
        changes_of(HOLDER, &self.holders, &mut batch, &mut put_if_long)?;
        changes_of(ORDER, &self.orders, &mut batch, &mut put_if_long)?;
        changes_of(PROFILE, &self.profiles, &mut batch, &mut put_if_long)?;
        changes_of(VALUE, &self.values, &mut batch, &mut put_if_long)?;
        if self.totals_changed.swap(false, Ordering::Relaxed) {
            self.write_totals(&mut batch);
        }
        put(&mut batch, 1)
    }

    pub(super) fn keep_spent(&self, token: [u8; 16], expiry: Timestamp) {
        self.at_once(|batch| spent(batch, token, expiry));
    }

    pub(super) fn keep_held(&self, id: [u8; 16], expiry: Timestamp, sealed: &Bytes) {
        self.at_once(|batch| held(batch, id, expiry, sealed));
    }

    pub(super) fn keep_handed_out(&self, id: [u8; 16]) {
        self.at_once(|batch| {
            batch.push(HANDED_OUT);
            id.put(batch);
        });
    }

    /// Writes what may happen only once. If that fails it still holds in memory; the next whole file has it.
    fn at_once(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut meanwhile = self.collecting.meanwhile.lock();
        if self.keeping.get().is_none() && meanwhile.is_none() {
            return;
        }
        let mut batch = Vec::with_capacity(64);
        write(&mut batch);
        if let Some(meanwhile) = &mut *meanwhile {
            meanwhile.extend_from_slice(&batch);
        }
        drop(meanwhile);
        let Some(keeping) = self.keeping.get() else { return };
        let mut output = keeping.output.lock();
        if output.append(&batch).is_err() {
            output.whole = None;
            output.begun = false;
            keeping.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn keeping_stats(&self) -> Option<KeepingStats> {
        let keeping = self.keeping.get()?;
        Some(KeepingStats {
            bytes: keeping.bytes.load(Ordering::Relaxed),
            failures: keeping.failures.load(Ordering::Relaxed),
        })
    }
}

impl Closing {
    /// Waits for the end, at most `time`. Whether it has come.
    fn within(&self, time: Duration) -> bool {
        let mut closed = self.closed.lock();
        self.told.wait_while_for(&mut closed, |closed| !*closed, time);
        *closed
    }

    fn tell(&self) {
        *self.closed.lock() = true;
        self.told.notify_all();
    }
}

impl Output {
    fn new(directory: Directory, next: u64, tags: [u8; 16]) -> Output {
        let (generation, whole) = (None, None);
        Output { directory, generation, next, tags, whole, begun: false, failing: false, released: false }
    }

    fn append(&mut self, batch: &[u8]) -> std::io::Result<()> {
        self.generation.as_mut().map_or(Ok(()), |generation| generation.append(batch))
    }

    fn append_if_long(&mut self, batch: &mut Vec<u8>) -> std::io::Result<()> {
        debug_assert!(batch.len() < LONGEST_BATCH);
        if batch.len() >= BATCH {
            self.append(batch)?;
            batch.clear();
        }
        Ok(())
    }
}

fn all_of<K: Hash + Eq + Copy + Kept, V: Kept + Grown>(
    kind: u8,
    map: &Sharded<K, V>,
    batch: &mut Vec<u8>,
    put: &mut impl FnMut(&mut Vec<u8>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    for part in 0..map.parts() {
        for keys in map.keys(part).chunks(AT_ONCE) {
            map.show(part, keys, |key, serial, value| entry(batch, kind, key, serial, value));
            put(batch)?;
        }
    }
    Ok(())
}

fn forget<K: Hash + Eq + Copy, V: Grown>(map: &Sharded<K, V>) {
    for part in 0..map.parts() {
        while map.changed(part, AT_ONCE, |_, _, _| {}) {}
    }
}

fn changes_of<K: Hash + Eq + Copy + Kept, V: Kept + Grown>(
    kind: u8,
    map: &Sharded<K, V>,
    batch: &mut Vec<u8>,
    put: &mut impl FnMut(&mut Vec<u8>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    for part in 0..map.parts() {
        while map.changed(part, AT_ONCE, |key, serial, value| entry(batch, kind, key, serial, value)) {
            put(batch)?;
        }
        put(batch)?;
    }
    Ok(())
}

fn entry<K: Kept, V: Kept>(batch: &mut Vec<u8>, kind: u8, key: &K, serial: u32, value: &V) {
    batch.push(kind);
    key.put(batch);
    serial.put(batch);
    value.put(batch);
}

fn attempt(batch: &mut Vec<u8>, id: AttemptId, open: Option<&Open>) {
    batch.push(if open.is_some() { OPEN } else { CLOSED });
    id.put(batch);
    if let Some(open) = open {
        open.put(batch);
    }
}

fn spent(batch: &mut Vec<u8>, token: [u8; 16], expiry: Timestamp) {
    batch.push(SPENT);
    token.put(batch);
    expiry.put(batch);
}

fn held(batch: &mut Vec<u8>, id: [u8; 16], expiry: Timestamp, sealed: &Bytes) {
    batch.push(HELD);
    id.put(batch);
    expiry.put(batch);
    u32::try_from(sealed.len()).unwrap_or(u32::MAX).put(batch);
    batch.extend_from_slice(sealed);
}

#[cfg(test)]
mod tests;
