//! A list, a page at a time: what stands in its file, in the configuration, and what was added.

use super::filed;
use super::{Gate, Live, Named, Unfulfilled, named};
use crate::engine::time::Timestamp;
use crate::lists::{Entry, Key, line};
use schemars::JsonSchema;
use serde::Serialize;

/// Most entries of one page.
pub const MOST_SHOWN: usize = 10_000;

/// Some entries of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page {
    pub list: String,
    pub entries: Vec<Shown>,
    /// Ask for this to go on; null at the end.
    pub next: Option<String>,
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Shown {
    /// Accounts and e-mail addresses that were added are `hash:` and a keyed hash.
    pub entry: String,
    /// What it is: `ip`, `account`, …
    pub of: &'static str,
    /// `file`, `config` or `added`.
    pub source: &'static str,
    /// In the file.
    pub line: Option<usize>,
    pub reason: String,
    /// From then on it matches nobody; null: it stays. RFC 3339.
    pub until: Option<String>,
    /// Whether that was in the past. A ban is remembered for a while, because the next one is longer.
    pub over: bool,
    pub added: Option<String>,
    pub by: String,
    /// Of a ban: how many there were in a row.
    pub times: u32,
}

/// Where a page begins: which of the sources, and behind what.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    File(usize),
    Config(usize),
    Added(usize, Option<Key>),
}

impl Place {
    fn read(cursor: &str) -> Option<Place> {
        let mut parts = cursor.splitn(3, ':');
        let (source, number) = (parts.next()?, parts.next()?.parse().ok()?);
        Some(match source {
            "file" => Place::File(number),
            "config" => Place::Config(number),
            "added" => match parts.next()? {
                "" => Place::Added(number, None),
                key => Place::Added(number, Some(Key::of_stored(key)?)),
            },
            _ => return None,
        })
    }

    fn write(&self) -> String {
        match self {
            Place::File(line) => format!("file:{line}"),
            Place::Config(place) => format!("config:{place}"),
            Place::Added(part, key) => format!("added:{part}:{}", key.as_ref().map_or_else(String::new, Key::stored)),
        }
    }
}

/// Shows up to `most` entries. `cursor` is a page's `next`; `added_only`: those that were added.
pub fn page(
    gate: &Gate,
    live: &Live,
    list: &str,
    cursor: Option<&str>,
    added_only: bool,
    most: usize,
) -> Result<Page, Unfulfilled> {
    let list = named(gate, live, list)?;
    let first = if added_only { Place::Added(0, None) } else { Place::File(0) };
    let mut place = match cursor {
        None => first,
        Some(cursor) => Place::read(cursor).ok_or_else(|| Unfulfilled::wrong("this cursor leads nowhere"))?,
    };
    let (most, now) = (most.clamp(1, MOST_SHOWN), gate.clock.now());
    let mut entries = Vec::new();
    let next = loop {
        let left = most - entries.len();
        let (after, done) = match place {
            Place::File(line) => from_file(&list, line, left, now, &mut entries)?,
            Place::Config(number) => from_config(&list, number, left, now, &mut entries),
            Place::Added(part, key) => match added(gate, &list, part, key.as_ref(), left, now, &mut entries) {
                Some(next) => (next, false),
                None => break None,
            },
        };
        if !done && entries.len() >= most {
            break Some(after.write());
        }
        place = match (after, done) {
            (Place::File(_), true) => Place::Config(0),
            (Place::Config(_), true) => Place::Added(0, None),
            (after, _) => after,
        };
    };
    Ok(Page { list: list.name.to_owned(), entries, next })
}

/// Where to go on, and whether the source is exhausted.
fn from_file(
    list: &Named<'_>,
    behind: usize,
    left: usize,
    now: Timestamp,
    entries: &mut Vec<Shown>,
) -> Result<(Place, bool), Unfulfilled> {
    let Some(source) = list.source else { return Ok((Place::File(behind), true)) };
    let (mut last, mut more, most) = (behind, false, entries.len() + left);
    filed::each(source, |number, read| {
        if number <= behind {
            return true;
        }
        if entries.len() >= most {
            more = true;
            return false;
        }
        last = number;
        entries.push(written(list, read.entry, "file", Some(number), line::cleaned(read.reason), read.until, now));
        true
    })?;
    Ok((Place::File(last), !more))
}

fn from_config(list: &Named<'_>, from: usize, left: usize, now: Timestamp, entries: &mut Vec<Shown>) -> (Place, bool) {
    let all = list.source.map_or(&[][..], |source| &source.entries);
    let some = all.iter().skip(from).take(left);
    entries.extend(some.map(|entry| written(list, entry.trim(), "config", None, String::new(), None, now)));
    let shown = (from + left).min(all.len());
    (Place::Config(shown), shown == all.len())
}

fn written(
    list: &Named<'_>,
    entry: &str,
    source: &'static str,
    line: Option<usize>,
    reason: String,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Shown {
    Shown {
        entry: entry.to_owned(),
        of: list.of.name(),
        source,
        line,
        reason,
        until: until.map(|until| until.to_string()),
        over: until.is_some_and(|until| until <= now),
        added: None,
        by: String::new(),
        times: 0,
    }
}

/// Where to go on; `None`: there is no more.
fn added(
    gate: &Gate,
    list: &Named<'_>,
    part: usize,
    behind: Option<&Key>,
    left: usize,
    now: Timestamp,
    entries: &mut Vec<Shown>,
) -> Option<Place> {
    let ledger = gate.store.lists().ledger(list.name).filter(|ledger| part < ledger.parts())?;
    let all = ledger.part(part);
    let from = behind.map_or(0, |behind| all.partition_point(|(key, _)| key <= behind));
    let some = all.get(from..)?;
    let shown = some.get(..left.min(some.len()))?;
    entries.extend(shown.iter().map(|(key, entry)| of_added(key, entry, now)));
    match shown.last() {
        Some((last, _)) if shown.len() < some.len() => Some(Place::Added(part, Some(last.clone()))),
        _ => Some(Place::Added(part + 1, None)),
    }
}

/// An entry that was added, as it is shown.
pub fn of_added(key: &Key, entry: &Entry, now: Timestamp) -> Shown {
    Shown {
        entry: key.to_string(),
        of: key.of().name(),
        source: "added",
        line: None,
        reason: entry.note.reason.to_string(),
        until: entry.end().map(|until| until.to_string()),
        over: !entry.holds(now),
        added: Some(entry.added.to_string()),
        by: entry.note.by.to_string(),
        times: entry.note.times,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_nonsense_does_not() {
        let key = Key::of_stored("ip 2001:db8::/32");
        assert!(key.is_some());
        for place in [Place::File(7), Place::Config(0), Place::Added(3, None), Place::Added(64, key)] {
            assert_eq!(Place::read(&place.write()), Some(place));
        }
        for nonsense in ["", "file", "file:", "file:x", "added:1:bob", "other:1", "added:1:ip 1.2.3.4-1.2.3.9"] {
            assert_eq!(Place::read(nonsense).map(|place| place.write()), None, "{nonsense}");
        }
    }
}
