//! What outlives the process: the memory store, written down beside the request path.
//!
//! **What is written is the state of entries, not what happened to them.** Once a second a thread of its own collects
//! the entries that changed, each once however often it changed, and appends their present state to a file; when the
//! file has grown to twice what it need be, a new one is begun (see [`mod@file`]). Replaying events instead would write
//! less for an entry that changes once a day and more for one under attack, would have to repeat every rounding in its
//! order, and could not be read in the middle. An embedded database (`redb` was looked at) does the same with a tree on
//! disk: it pays for look-ups on disk that a store in memory never makes, with random writes instead of appended ones.
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

pub use self::file::StateError;

use self::file::{Directory, Generation, LONGEST_BATCH};
use self::kept::Kept;
use super::account::AccountEntry;
use super::open::{LONGEST, Open};
use super::sharded::Sharded;
use super::source::SourceEntry;
use super::{Limits, Memory};
use crate::engine::attempt::{AttemptId, Network, Pseudonym};
use crate::engine::time::Timestamp;
use crate::store::{DeviceKey, KeepingStats, StoreError};
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::hash::Hash;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How often what changed is written.
const EVERY: Duration = Duration::from_secs(1);
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

/// The written side of a store.
#[derive(Debug)]
pub struct Keeping {
    /// Held by whoever collects: one at a time, so that what is later in the file was later.
    collecting: Mutex<()>,
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
    /// Whether the last write failed.
    failing: bool,
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
            if restore(&memory, &mut records, now).is_none() {
                return false;
            }
            restored.records += 1;
        }
        true
    })?;
    restored.damage = found.damage;
    let tags = found.tags.unwrap_or(fresh_tags);
    memory.key_tags(tags);
    let output = Output { directory, generation: None, next: found.next, tags, whole: None, failing: false };
    let closing = Arc::new(Closing::default());
    memory.keeping = Some(Keeping {
        collecting: Mutex::default(),
        output: Mutex::new(output),
        closing: closing.clone(),
        failures: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
    });
    let memory = Arc::new(memory);
    let kept = Arc::downgrade(&memory);
    let work = move || {
        while !closing.within(EVERY) {
            let Some(memory) = kept.upgrade() else { return };
            memory.write_down();
        }
    };
    thread::Builder::new()
        .name("state".to_owned())
        .spawn(work)
        .map_err(|error| StateError::Io { path: path.to_path_buf(), error })?;
    Ok((memory, restored))
}

impl Memory {
    /// Writes everything that changed, and begins a new file if one is due.
    pub fn write_down(&self) {
        let Some(keeping) = &self.keeping else { return };
        let _collecting = keeping.collecting.lock();
        // Every one is asked, so that none is asked about the same again.
        let missed = [self.open.missed(), self.networks.missed(), self.devices.missed(), self.accounts.missed()];
        let due = missed.contains(&true) || {
            let output = keeping.output.lock();
            match (&output.generation, output.whole) {
                (Some(generation), Some(whole)) => {
                    output.failing || generation.length > 2 * whole && generation.length - whole > WORTH_IT
                }
                _ => true,
            }
        };
        let written = if due { self.write_anew(keeping) } else { self.write_changes(keeping) };
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
            }
        }
    }

    /// Writes a file that holds what is known now, and nothing that ever was beside it.
    pub(super) fn write_without_history(&self) -> Result<(), StoreError> {
        let Some(keeping) = &self.keeping else { return Ok(()) };
        keeping.output.lock().whole = None;
        self.write_down();
        match keeping.output.lock().whole {
            Some(_) => Ok(()),
            None => Err(StoreError::Down("the state could not be written anew".into())),
        }
    }

    /// Ends the writing in good order: everything is in the file when this returns.
    pub fn close(&self) {
        let Some(keeping) = &self.keeping else { return };
        keeping.closing.tell();
        self.write_down();
    }

    /// Begins a file and writes everything into it, a little at a time; what changes meanwhile follows.
    fn write_anew(&self, keeping: &Keeping) -> std::io::Result<()> {
        self.forget_changes();
        {
            let mut output = keeping.output.lock();
            let (number, tags) = (output.next, output.tags);
            output.generation = None;
            output.whole = None;
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
        }
        self.write_all(keeping)?;
        self.write_changes(keeping)?;
        let mut output = keeping.output.lock();
        let Output { directory, generation, next, whole, .. } = &mut *output;
        if let Some(generation) = generation {
            directory.finish(generation)?;
            *whole = Some(generation.length);
            *next += 1;
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
    }

    fn write_all(&self, keeping: &Keeping) -> std::io::Result<()> {
        self.write_lists(keeping)?;
        all_of(keeping, NETWORK, &self.networks)?;
        all_of(keeping, DEVICE, &self.devices)?;
        all_of(keeping, ACCOUNT, &self.accounts)?;
        let mut batch = Vec::new();
        for part in 0..self.open.parts() {
            for ids in self.open.ids(part).chunks(AT_ONCE) {
                self.open.show(part, ids, |id, open| attempt(&mut batch, id, open));
                keeping.output.lock().append_if_long(&mut batch)?;
            }
        }
        keeping.output.lock().append(&batch)
    }

    fn write_changes(&self, keeping: &Keeping) -> std::io::Result<()> {
        let mut batch = Vec::new();
        // Attempts first: one that is counted and still open in the file could be counted twice.
        for part in 0..self.open.parts() {
            while self.open.changed(part, AT_ONCE, |id, open| attempt(&mut batch, id, open)) {
                keeping.output.lock().append_if_long(&mut batch)?;
            }
        }
        changes_of(keeping, NETWORK, &self.networks, &mut batch)?;
        changes_of(keeping, DEVICE, &self.devices, &mut batch)?;
        changes_of(keeping, ACCOUNT, &self.accounts, &mut batch)?;
        keeping.output.lock().append(&batch)
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
        let Some(keeping) = &self.keeping else { return };
        let mut batch = Vec::with_capacity(64);
        write(&mut batch);
        let mut output = keeping.output.lock();
        if output.append(&batch).is_err() {
            output.whole = None;
            keeping.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn keeping_stats(&self) -> Option<KeepingStats> {
        let keeping = self.keeping.as_ref()?;
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

fn all_of<K: Hash + Eq + Copy + Kept, V: Kept>(
    keeping: &Keeping,
    kind: u8,
    map: &Sharded<K, V>,
) -> std::io::Result<()> {
    let mut batch = Vec::new();
    for part in 0..map.parts() {
        for keys in map.keys(part).chunks(AT_ONCE) {
            map.show(part, keys, |key, serial, value| entry(&mut batch, kind, key, serial, value));
            keeping.output.lock().append_if_long(&mut batch)?;
        }
    }
    keeping.output.lock().append(&batch)
}

fn forget<K: Hash + Eq + Copy, V>(map: &Sharded<K, V>) {
    for part in 0..map.parts() {
        while map.changed(part, AT_ONCE, |_, _, _| {}) {}
    }
}

fn changes_of<K: Hash + Eq + Copy + Kept, V: Kept>(
    keeping: &Keeping,
    kind: u8,
    map: &Sharded<K, V>,
    batch: &mut Vec<u8>,
) -> std::io::Result<()> {
    for part in 0..map.parts() {
        while map.changed(part, AT_ONCE, |key, serial, value| entry(batch, kind, key, serial, value)) {
            keeping.output.lock().append_if_long(batch)?;
        }
        keeping.output.lock().append_if_long(batch)?;
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

/// Takes one record off the front and puts what it says back. `None` if it says nothing that makes sense.
fn restore(memory: &Memory, from: &mut &[u8], now: Timestamp) -> Option<()> {
    match u8::take(from)? {
        NETWORK => memory.networks.restore(Network::take(from)?, u32::take(from)?, SourceEntry::take(from)?),
        DEVICE => memory.devices.restore(DeviceKey::take(from)?, u32::take(from)?, SourceEntry::take(from)?),
        ACCOUNT => memory.accounts.restore(Pseudonym::take(from)?, u32::take(from)?, AccountEntry::take(from)?),
        OPEN => {
            let (id, open) = (AttemptId::take(from)?, Open::take(from)?);
            memory.open.restore(id, Some(open).filter(|open| now.since(open.at) <= LONGEST));
        }
        CLOSED => memory.open.restore(AttemptId::take(from)?, None),
        SPENT => {
            let (token, expiry) = (<[u8; 16]>::take(from)?, Timestamp::take(from)?);
            if expiry > now {
                memory.burnt.restore(token, expiry);
            }
        }
        HELD => {
            let (id, expiry, length) = (<[u8; 16]>::take(from)?, Timestamp::take(from)?, u32::take(from)?);
            let (sealed, rest) = from.split_at_checked(length as usize)?;
            *from = rest;
            if expiry > now {
                // Held before, so there is room; unless the operator made it smaller.
                let _ = memory.held.hold(id, Bytes::copy_from_slice(sealed), expiry.since(now), now);
            }
        }
        HANDED_OUT => {
            memory.held.take(<[u8; 16]>::take(from)?, now);
        }
        lists::CHANGED => lists::restore(memory, from, now)?,
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests;
