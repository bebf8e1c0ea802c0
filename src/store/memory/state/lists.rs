//! Changed lists, written down before anybody hears that they are changed.
//!
//! They are texts, each behind its length, as every store keeps them ([`Key::stored`], [`Entry::stored`]). A change is
//! written and made under the lock of the output, so that a new file, which writes the entries down a part at a time under
//! the same lock, can never put an older state behind a newer one. What an operator changes is on the disk when the command
//! comes back; bans come by the hundred from within requests, and are synced with everything else, once a second.

use super::{BATCH, Keeping, Kept, Memory, Output};
use crate::engine::time::Timestamp;
use crate::lists::{BANNED, Change, Entry, Key};
use crate::store::StoreError;
use std::sync::atomic::Ordering;

/// The kind of record: a list, a key, and what stands there from now on (nothing at all: no entry).
pub const CHANGED: u8 = 32;

impl Memory {
    /// Changes lists: all of it or nothing, and it outlives the process if this returns.
    pub fn change_lists(&self, changes: &[Change]) -> Result<(), StoreError> {
        let Some(keeping) = self.keeping.get() else {
            return self.lists.change(changes, || {
                self.show_changed(changes);
                Ok(())
            });
        };
        let waits = changes.iter().any(|change| *change.list != *BANNED);
        if waits && keeping.output.lock().generation.is_none() {
            // Just opened, or it could not be written: there is no file yet.
            self.write_down();
        }
        let mut output = keeping.output.lock();
        self.lists.change(changes, || {
            let written = write(&mut output, changes)
                .and_then(|()| output.generation.as_ref().filter(|_| waits).map_or(Ok(()), super::Generation::sync));
            written.map_err(|error| {
                // The next file has everything, and nothing of this.
                output.whole = None;
                keeping.failures.fetch_add(1, Ordering::Relaxed);
                StoreError::Down(format!("the state cannot be written: {error}").into())
            })?;
            self.show_changed(changes);
            Ok(())
        })
    }

    /// Puts changes aside for a successor, if there is one: it is told at the next turn, behind what it was shown.
    fn show_changed(&self, changes: &[Change]) {
        if let Some(meanwhile) = &mut *self.collecting.meanwhile.lock() {
            for Change { list, key, entry } in changes {
                put(meanwhile, list, key, entry.as_ref());
            }
        }
    }

    /// Collects every entry that was added, for a successor; `send` is called in between.
    pub(super) fn show_lists(
        &self,
        batch: &mut Vec<u8>,
        send: &mut impl FnMut(&mut Vec<u8>) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        for (list, ledger) in self.lists.lists() {
            for part in 0..ledger.parts() {
                for (key, entry) in ledger.part(part) {
                    put(batch, &list, &key, Some(&entry));
                }
                send(batch)?;
            }
        }
        Ok(())
    }

    /// Writes down every entry that was added, a part at a time.
    pub(super) fn write_lists(&self, keeping: &Keeping) -> std::io::Result<()> {
        for (list, ledger) in self.lists.lists() {
            for part in 0..ledger.parts() {
                let mut output = keeping.output.lock();
                let mut batch = Vec::new();
                for (key, entry) in ledger.part(part) {
                    put(&mut batch, &list, &key, Some(&entry));
                    output.append_if_long(&mut batch)?;
                }
                output.append(&batch)?;
            }
        }
        Ok(())
    }
}

fn write(output: &mut Output, changes: &[Change]) -> std::io::Result<()> {
    let mut batch = Vec::with_capacity((changes.len() * 128).min(BATCH + 4096));
    for Change { list, key, entry } in changes {
        put(&mut batch, list, key, entry.as_ref());
        output.append_if_long(&mut batch)?;
    }
    output.append(&batch)
}

fn put(batch: &mut Vec<u8>, list: &str, key: &Key, entry: Option<&Entry>) {
    batch.push(CHANGED);
    for text in [list, &key.stored(), &entry.map_or_else(String::new, Entry::stored)] {
        u32::try_from(text.len()).unwrap_or(u32::MAX).put(batch);
        batch.extend_from_slice(text.as_bytes());
    }
}

/// Makes a change that was written.
pub fn restore(memory: &Memory, from: &mut &[u8], now: Timestamp) -> Option<()> {
    let texts = (text(from)?, text(from)?, text(from)?);
    let Some(mut change) = change(texts) else {
        // Whole, and of another kind than this program knows: no reason to give up what is behind it.
        tracing::error!("an entry of a list cannot be read and is passed over");
        return Some(());
    };
    // What nobody needs to remember any more is as good as gone.
    change.entry = change.entry.filter(|entry| now < entry.kept);
    memory.lists.restore(&change);
    Some(())
}

fn change((list, key, entry): (&str, &str, &str)) -> Option<Change> {
    let key = Key::of_stored(key)?;
    let entry = if entry.is_empty() { None } else { Some(Entry::of_stored(entry)?) };
    Some(Change { list: list.into(), key, entry })
}

fn text<'f>(from: &mut &'f [u8]) -> Option<&'f str> {
    let length = u32::take(from)? as usize;
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    std::str::from_utf8(text).ok()
}

impl Kept for Change {
    fn put(&self, to: &mut Vec<u8>) {
        put(to, &self.list, &self.key, self.entry.as_ref());
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        (u8::take(from)? == CHANGED).then_some(())?;
        change((text(from)?, text(from)?, text(from)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::*;
    use crate::lists::book::Sought;
    use crate::lists::{Note, networks::Cidr};
    use crate::store::memory::Limits;
    use std::net::IpAddr;
    use std::path::Path;
    use std::sync::Arc;

    const NOW: Timestamp = Timestamp(1_795_338_000_000);

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    fn change(list: &str, number: u32, until: Option<u64>) -> Change {
        let note = Note { reason: "scraped us".into(), by: "anna".into(), times: 0 };
        let entry = Entry::new(until.map(|after| Timestamp(NOW.0 + after)), NOW, Arc::new(note));
        Change { list: list.into(), key: Key::Network(Cidr::of(address(number))), entry: Some(entry) }
    }

    fn opened(path: &Path, now: Timestamp) -> Arc<Memory> {
        let (memory, restored) = open(Limits { listed: 1000, ..Limits::of_entries(100) }, path, [7; 16], now).unwrap();
        assert!(restored.damage.is_empty(), "{:?}", restored.damage);
        memory
    }

    fn held(memory: &Memory, list: &str, number: u32, at: Timestamp) -> bool {
        memory.lists().holds(list, &Sought { ip: Some(address(number)), ..Sought::default() }, at)
    }

    /// Killed: neither closed nor written down again.
    fn killed(memory: Arc<Memory>) {
        drop(memory);
    }

    #[test]
    fn a_change_is_there_after_a_kill() {
        let dir = tempfile::tempdir().unwrap();
        let memory = opened(dir.path(), NOW);
        memory
            .change_lists(&[change("mine", 1, None), change("mine", 2, Some(1000)), change("other", 3, None)])
            .unwrap();
        memory.change_lists(&[Change { entry: None, ..change("mine", 1, None) }]).unwrap();
        killed(memory);
        let memory = opened(dir.path(), NOW);
        let there = |list, number| held(&memory, list, number, NOW);
        assert_eq!(
            [there("mine", 1), there("mine", 2), there("other", 3), there("other", 2)],
            [false, true, true, false]
        );
        let kept = memory.lists().entry("mine", &change("mine", 2, None).key);
        assert_eq!(kept, change("mine", 2, Some(1000)).entry, "with who, when and why");
        assert!(!held(&memory, "mine", 2, Timestamp(NOW.0 + 1000)));
    }

    #[test]
    fn a_new_file_has_them_all_and_what_is_over_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let memory = opened(dir.path(), NOW);
        memory.change_lists(&[change("mine", 1, None), change("mine", 2, Some(1000))]).unwrap();
        memory.close();
        killed(memory);
        let later = Timestamp(NOW.0 + 2000);
        let memory = opened(dir.path(), later);
        assert!(held(&memory, "mine", 1, later));
        assert_eq!(memory.lists().len(), 1);
        // Written anew, a state that has less room takes what there is room for.
        memory.close();
        killed(memory);
        let (memory, _) = open(Limits { listed: 0, ..Limits::of_entries(100) }, dir.path(), [7; 16], later).unwrap();
        assert_eq!((memory.lists().len(), memory.lists().refused()), (0, 1));
    }

    #[test]
    fn changes_while_a_new_file_is_written_are_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let memory = opened(dir.path(), NOW);
        let all: Vec<Change> = (0..400).map(|number| change("mine", number, None)).collect();
        memory.change_lists(&all).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (0..20).for_each(|_| {
                    // As after a failed write: the whole is written again.
                    if let Some(keeping) = memory.keeping.get() {
                        keeping.output.lock().whole = None;
                    }
                    memory.write_down();
                })
            });
            for number in 0..400 {
                match number % 2 {
                    0 => memory.change_lists(&[Change { entry: None, ..change("mine", number, None) }]).unwrap(),
                    _ => memory.change_lists(&[change("other", number, None)]).unwrap(),
                }
            }
        });
        killed(memory);
        let memory = opened(dir.path(), NOW);
        for number in 0..400 {
            assert_eq!(held(&memory, "mine", number, NOW), number % 2 == 1, "{number}");
            assert_eq!(held(&memory, "other", number, NOW), number % 2 == 1, "{number}");
        }
    }
}
