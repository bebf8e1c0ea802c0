//! Lists that a fleet shares: every gate has a [`Book`] of its own to look in, and the server has the truth.
//!
//! A look-up must not cost a round trip, so each gate keeps what is on the lists and follows what changes: the server numbers
//! changes and keeps the last [`LOG`] of them, and a gate asks four times a second for those behind the last it knows: a
//! question of a few bytes when there are none. Who missed more than are kept (it was away, or has just started) reads
//! everything, beside the requests, and goes on from there; so a million entries are read once, not for each change.
//!
//! **The server's order rules.** A gate that changes something writes it to the server and then follows, rather than
//! changing its own book: otherwise two gates that change one entry at once could end up with two truths. Who waits for
//! a change waits for the follow that brings it, and several wait for one.
//!
//! **While the server is away** every gate keeps what it knows, and changes are refused: a change that holds on one gate
//! alone would be a surprise on the others. A server that comes back *empty* has lost the lists; then the gates, which know them,
//! put them back. An entry that is there is left alone by that, and what was taken away while a gate was cut off can come
//! back only if the server lost everything meanwhile.

use super::scripts::Call;
use super::{PATIENCE, Redis, nonsense};
use crate::engine::time::Timestamp;
use crate::lists::{BANNED, Book, Change, Entry, Key};
use crate::store::StoreError;
use ::redis::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Changes that the server remembers in their order: some 20 MB.
const LOG: usize = 100_000;
/// Changes that are sent in one piece: what the server does in one go, and whoever asks it meanwhile waits for.
const PIECE: usize = 250;
/// Changes and entries that are asked for at once.
const READ: usize = 1_000;
/// So many questions after each other (about a minute) the server is asked to tidy up.
const TIDIED: u32 = 240;
/// So many questions in a row that failed (three seconds at least), and the lists are not known any more.
const STALE: u32 = 12;
/// Entries that it tidies away then.
const TIDY: usize = 500;

/// The lists as this gate knows them.
#[derive(Debug)]
pub(super) struct Shared {
    pub book: Arc<Book>,
    /// The last change that is known; `None` before the first reading.
    known: Mutex<Option<u64>>,
    /// Whether there was a first reading.
    read: std::sync::atomic::AtomicBool,
    followed: AtomicU32,
    /// Questions in a row that failed.
    failing: AtomicU32,
}

impl Shared {
    pub fn new(most: usize) -> Shared {
        Shared {
            book: Arc::new(Book::new(most)),
            known: Mutex::default(),
            read: false.into(),
            followed: AtomicU32::new(0),
            failing: AtomicU32::new(0),
        }
    }
}

/// What a gate hears when it asks what is new.
enum News {
    Nothing,
    /// The number of the last of these changes, and the changes.
    Changes(u64, Vec<Change>),
    /// More was missed than is kept, or the server has lost what it knew.
    Gap {
        now: u64,
    },
}

impl Redis {
    pub fn lists(&self) -> &Arc<Book> {
        &self.shared.book
    }

    /// Whether the lists were read, and are followed: not if that has failed for seconds.
    pub fn knows_lists(&self) -> bool {
        self.shared.read.load(Ordering::Relaxed) && self.shared.failing.load(Ordering::Relaxed) < STALE
    }

    /// Changes lists for the whole fleet. Each piece of [`PIECE`] changes is all or nothing; a failure in between leaves
    /// the pieces before it, and making the same changes again is harmless.
    pub async fn change_lists(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.shared.book.admit(changes)?;
        // A ban is made while a visitor waits.
        let bans = changes.iter().all(|change| *change.list == *BANNED);
        let patience = if bans { self.deadline } else { PATIENCE };
        let mut last = 0;
        for piece in changes.chunks(PIECE) {
            last = self.write("change", piece, patience).await?;
        }
        // It is made. Should this gate not hear of it now, it holds here all the same; what the server says later rules.
        if !matches!(timeout(patience, self.follow(Some(last))).await, Ok(Ok(()))) {
            changes.iter().for_each(|change| self.shared.book.restore(change));
        }
        Ok(())
    }

    /// Takes over what was changed since the last time.
    pub async fn follow_lists(&self, at: Timestamp) -> Result<(), StoreError> {
        if let Err(error) = self.follow(None).await {
            if self.shared.failing.fetch_add(1, Ordering::Relaxed) + 1 == STALE {
                tracing::error!(%error, "the fleet's lists cannot be followed; this gate goes on with what it knows");
            }
            return Err(error);
        }
        if self.shared.failing.swap(0, Ordering::Relaxed) >= STALE {
            tracing::info!("the fleet's lists are followed again");
        }
        let times = self.shared.followed.fetch_add(1, Ordering::Relaxed);
        if times % TIDIED == TIDIED - 1 {
            let tidy = Call::lists(self.keys.lists(), "tidy").with(at.0.to_string()).with(TIDY.to_string());
            self.link.asker().ask(&[tidy], PATIENCE, "list").await?;
        }
        Ok(())
    }

    /// `target`: the change that is waited for.
    async fn follow(&self, target: Option<u64>) -> Result<(), StoreError> {
        let mut known = self.shared.known.lock().await;
        if let (Some(target), Some(known)) = (target, *known)
            && known >= target
        {
            return Ok(());
        }
        loop {
            let last = match *known {
                Some(last) => last,
                None => {
                    *known = Some(self.read_all().await?);
                    self.shared.read.store(true, Ordering::Relaxed);
                    continue;
                }
            };
            match self.news(last).await? {
                News::Nothing => return Ok(()),
                News::Changes(number, changes) => {
                    changes.iter().for_each(|change| self.shared.book.restore(change));
                    *known = Some(number);
                }
                News::Gap { now: 0 } if last > 0 && !self.shared.book.is_empty() => {
                    tracing::warn!(entries = self.shared.book.len(), "the store has lost the lists; they are put back");
                    self.put_back().await?;
                    *known = None;
                }
                News::Gap { .. } => *known = None,
            }
        }
    }

    async fn news(&self, last: u64) -> Result<News, StoreError> {
        let call = Call::lists(self.keys.lists(), "follow").with(last.to_string()).with(READ.to_string());
        match self.list_answer(call, PATIENCE).await? {
            (_, None) => Ok(News::Nothing),
            (_, Some(Value::Array(lines))) => {
                let numbered = lines.iter().map(numbered).collect::<Option<Vec<_>>>();
                let numbered = numbered.ok_or_else(|| nonsense("a change of a list without its number"))?;
                let number = numbered.last().map_or(last, |(number, _)| *number);
                let changes = numbered.into_iter().filter_map(|(_, change)| change).collect::<Vec<_>>();
                unreadable(lines.len() - changes.len());
                Ok(News::Changes(number, changes))
            }
            (now, Some(_)) => Ok(News::Gap { now }),
        }
    }

    /// Reads every entry, and forgets what is not there. The number of the last change before that.
    async fn read_all(&self) -> Result<u64, StoreError> {
        // Whatever is changed while this reads is told again by what follows.
        let call = Call::lists(self.keys.lists(), "follow").with(u64::MAX.to_string()).with("0");
        let (now, _) = self.list_answer(call, PATIENCE).await?;
        let mut there: HashSet<(Arc<str>, Key)> = HashSet::new();
        let mut cursor = b"0".to_vec();
        let mut unread = 0;
        loop {
            let scan =
                Call::command("HSCAN", self.keys.list_entries()).with(&cursor).with("COUNT").with(READ.to_string());
            let answer = self.link.asker().ask(&[scan], PATIENCE, "list").await?.pop();
            let Some(Value::Array(parts)) = answer else { return Err(nonsense("no entries of lists")) };
            let [Value::BulkString(next), Value::Array(pairs)] = &parts[..] else {
                return Err(nonsense("no entries of lists"));
            };
            for pair in pairs.chunks(2) {
                let [Value::BulkString(field), Value::BulkString(value)] = pair else {
                    return Err(nonsense("an entry of a list without its value"));
                };
                let Some(entry) = entry(field, value) else {
                    unread += 1;
                    continue;
                };
                self.shared.book.restore(&entry);
                there.insert((entry.list, entry.key));
            }
            cursor = next.clone();
            if cursor == b"0" {
                break;
            }
        }
        unreadable(unread);
        for (list, ledger) in self.shared.book.lists() {
            for part in 0..ledger.parts() {
                for (key, _) in ledger.part(part) {
                    let gone = (list.clone(), key);
                    if !there.contains(&gone) {
                        self.shared.book.restore(&Change { list: gone.0, key: gone.1, entry: None });
                    }
                }
            }
        }
        Ok(now)
    }

    /// Writes what this gate knows to a server that knows nothing.
    async fn put_back(&self) -> Result<(), StoreError> {
        for (list, ledger) in self.shared.book.lists() {
            for part in 0..ledger.parts() {
                let change = |(key, entry)| Change { list: list.clone(), key, entry: Some(entry) };
                let entries: Vec<Change> = ledger.part(part).into_iter().map(change).collect();
                for piece in entries.chunks(PIECE) {
                    self.write("restore", piece, PATIENCE).await?;
                }
            }
        }
        Ok(())
    }

    /// The number of the last change.
    async fn write(&self, mode: &'static str, changes: &[Change], patience: Duration) -> Result<u64, StoreError> {
        let mut call = Call::lists(self.keys.lists(), mode).with(LOG.to_string());
        for Change { list, key, entry } in changes {
            let kept = entry.as_ref().filter(|entry| entry.kept != Entry::NEVER);
            call = call
                .with(format!("{list}\t{}", key.stored()))
                .with(entry.as_ref().map_or_else(String::new, Entry::stored))
                .with(kept.map_or_else(String::new, |entry| entry.kept.0.to_string()));
        }
        Ok(self.list_answer(call, patience).await?.0)
    }

    /// The number of the last change, and what else is answered.
    async fn list_answer(&self, call: Call, patience: Duration) -> Result<(u64, Option<Value>), StoreError> {
        match self.link.asker().ask(&[call], patience, "list entry").await?.pop() {
            Some(Value::Array(mut parts)) if !parts.is_empty() && parts.len() <= 2 => {
                let more = if parts.len() == 2 { parts.pop() } else { None };
                match parts.pop() {
                    Some(Value::Int(now)) => Ok((u64::try_from(now).unwrap_or(0), more)),
                    other => Err(nonsense(&format!("{other:?} for the number of a change"))),
                }
            }
            other => Err(nonsense(&format!("{other:?} for a change of a list"))),
        }
    }
}

/// `0000000000000007blocked\tip 203.0.113.7`, a line's end, and the entry.
/// The change is `None` if it cannot be read: one bad line (of a newer gate, say) must not hide all the others.
fn numbered(line: &Value) -> Option<(u64, Option<Change>)> {
    let Value::BulkString(line) = line else { return None };
    let (number, rest) = line.split_at_checked(16)?;
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    let change = memchr::memchr(b'\n', rest).and_then(|end| entry(&rest[..end], &rest[end + 1..]));
    Some((number, change))
}

fn unreadable(count: usize) {
    if count > 0 {
        tracing::error!(count, "entries of the fleet's lists cannot be read and are passed over");
    }
}

/// A field and its value; without a value it is gone.
fn entry(field: &[u8], value: &[u8]) -> Option<Change> {
    let (list, key) = std::str::from_utf8(field).ok()?.split_once('\t')?;
    let value = std::str::from_utf8(value).ok()?;
    let entry = if value.is_empty() { None } else { Some(Entry::of_stored(value)?) };
    Some(Change { list: list.into(), key: Key::of_stored(key)?, entry })
}

#[cfg(test)]
mod tests;
