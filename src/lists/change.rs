//! What is said of an entry that was added, and what becomes of it.

use super::Key;
use crate::engine::time::Timestamp;
use std::fmt::Write;
use std::sync::Arc;

/// What is known of one added entry, beside what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// From then on it matches nobody; [`Entry::NEVER`] for one that stays.
    pub until: Timestamp,
    /// From then on nobody remembers it: for a ban later than `until`, because the next one is longer.
    pub kept: Timestamp,
    pub added: Timestamp,
    /// Shared by entries that came together.
    pub note: Arc<Note>,
}

/// Why an entry was added, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Note {
    pub reason: Box<str>,
    pub by: Box<str>,
    /// Of a ban: how many there were in a row, this one included. 0 for what an operator added.
    pub times: u32,
}

impl Entry {
    pub const NEVER: Timestamp = Timestamp(u64::MAX);

    /// An operator's entry: forgotten when it is over.
    pub fn new(until: Option<Timestamp>, added: Timestamp, note: Arc<Note>) -> Entry {
        let until = until.unwrap_or(Entry::NEVER);
        Entry { until, kept: until, added, note }
    }

    pub fn holds(&self, at: Timestamp) -> bool {
        at < self.until
    }

    /// When it ends, if it does.
    pub fn end(&self) -> Option<Timestamp> {
        (self.until != Entry::NEVER).then_some(self.until)
    }

    /// As stores keep it: numbers, then who and why. [`Entry::of_stored`] reads it.
    pub fn stored(&self) -> String {
        let Entry { until, kept, added, note } = self;
        let mut text = String::with_capacity(64 + note.reason.len());
        // Writing to a String cannot fail.
        let _ = write!(text, "{} {} {} {} ", until.0, kept.0, added.0, note.times);
        let _ = write!(text, "{}\t{}", note.by, note.reason);
        text
    }

    pub fn of_stored(text: &str) -> Option<Entry> {
        let mut parts = text.splitn(5, ' ');
        let mut number = || parts.next()?.parse::<u64>().ok();
        let (until, kept, added, times) = (number()?, number()?, number()?, number()?);
        let (by, reason) = parts.next()?.split_once('\t')?;
        let note = Note { reason: reason.into(), by: by.into(), times: u32::try_from(times).ok()? };
        let entry =
            Entry { until: Timestamp(until), kept: Timestamp(kept), added: Timestamp(added), note: note.into() };
        (entry.until <= entry.kept).then_some(entry)
    }
}

/// One change of one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub list: Arc<str>,
    pub key: Key,
    /// What stands there from now on; `None`: nothing.
    pub entry: Option<Entry>,
}

/// Why changes were not made. None of them was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("no room for {wanted} more entries: at most {most} are added to all lists together, and {there} are")]
    Full { wanted: usize, there: usize, most: usize },
    #[error("no room for another ban: at most {most} are remembered")]
    Bans { most: usize },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_stored_reads_back(until in any::<u64>(), more in any::<u32>(), added in any::<u64>(), times in any::<u32>(),
                                     by in "\\PC{0,20}", reason in "\\PC{0,80}") {
            let note = Note { reason: reason.into(), by: by.into(), times };
            let kept = Timestamp(until.saturating_add(u64::from(more)));
            let entry = Entry { until: Timestamp(until), kept, added: Timestamp(added), note: note.into() };
            prop_assert_eq!(Entry::of_stored(&entry.stored()), Some(entry));
        }

        #[test]
        fn anything_else_is_refused(text in "\\PC{0,80}") {
            let _ = Entry::of_stored(&text);
        }
    }

    #[test]
    fn an_entry_ends_with_its_last_moment() {
        let entry = Entry::new(Some(Timestamp(100)), Timestamp(1), Arc::default());
        assert!(entry.holds(Timestamp(99)) && !entry.holds(Timestamp(100)));
        let lasting = Entry::new(None, Timestamp(1), Arc::default());
        assert!(lasting.holds(Timestamp(u64::MAX - 1)) && lasting.end().is_none());
    }
}
