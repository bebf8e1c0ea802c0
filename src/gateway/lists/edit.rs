//! Changes that operators make.

use super::page::{Shown, of_added};
use super::{Gate, Live, Named, OwnNames, Unfulfilled, WrongLine, filed, named, read};
use crate::engine::time::Timestamp;
use crate::lists::{BANNED, Change, Entry, Key, Note, line};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// Most wrong lines that are told.
const MOST_WRONG: usize = 20;

/// Who adds what to which list.
#[derive(Clone, Copy, Debug)]
pub struct Addition<'a> {
    pub list: &'a str,
    pub entry: &'a str,
    pub reason: &'a str,
    pub until: Option<Timestamp>,
    pub by: &'a str,
}

/// What was added.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Added {
    pub list: String,
    /// One, or the networks that a span of addresses consists of.
    pub entries: Vec<Shown>,
    /// How many of them were there before and are as they were sent now.
    pub replaced: usize,
    /// Whether this outlives a restart.
    pub kept: bool,
}

/// What was taken away.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Removed {
    pub list: String,
    pub removed: usize,
    /// Where the entry stands as well, so that it still matches.
    pub still: Option<String>,
}

/// What an import did, or would do.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Imported {
    /// New entries.
    pub added: usize,
    /// Entries that were there with another reason or expiry.
    pub replaced: usize,
    /// Entries that were there just so.
    pub unchanged: usize,
    /// Lines whose expiry is in the past; they are left out.
    pub over: usize,
    /// Whether nothing was changed, because that was asked for.
    pub dry_run: bool,
    /// Whether this outlives a restart.
    pub kept: bool,
}

/// Adds one entry. One that is there is replaced: a new reason, a new end.
pub async fn add(gate: &Gate, live: &Live, addition: Addition<'_>) -> Result<Added, Unfulfilled> {
    let Addition { list, entry, reason, until, by } = addition;
    let list = editable(gate, live, list)?;
    let now = gate.clock.now();
    if until.is_some_and(|until| until <= now) {
        return Err(Unfulfilled::wrong("this entry would be over already: `until` is in the past"));
    }
    let reason = line::reason(reason).map_err(Unfulfilled::wrong)?;
    let by = line::reason(by).map_err(|_| Unfulfilled::wrong("`by` is one short line of text"))?;
    let keys = read(list.name, list.of, entry.trim(), &OwnNames(&gate.keys)).map_err(Unfulfilled::wrong)?;
    let note = Arc::new(Note { reason: reason.into(), by: by.into(), times: 0 });
    let new = Entry::new(until, now, note);
    let book = gate.store.lists();
    let replaced = keys.iter().filter(|key| book.entry(list.name, key).is_some_and(|old| old.holds(now))).count();
    let changes: Vec<Change> =
        keys.iter().map(|key| Change { list: list.name.into(), key: key.clone(), entry: Some(new.clone()) }).collect();
    gate.store.change_lists(&changes).await.map_err(Unfulfilled::Store)?;
    let entries = keys.iter().map(|key| of_added(key, &new, now)).collect();
    Ok(Added { list: list.name.to_owned(), entries, replaced, kept: gate.store.keeps_lists() })
}

/// Takes one entry away that was added.
pub async fn remove(gate: &Gate, live: &Live, list: &str, entry: &str) -> Result<Removed, Unfulfilled> {
    let list = named(gate, live, list)?;
    let naming = OwnNames(&gate.keys);
    let mut keys = read(list.name, list.of, entry.trim(), &naming).map_err(Unfulfilled::wrong)?;
    let book = gate.store.lists();
    // A subscriber of IPv6 is banned whole, and is named by any of its addresses.
    if list.name == BANNED && book.entry(BANNED, &keys[0]).is_none() {
        keys.extend(entry.trim().parse().ok().map(crate::lists::ban::network));
    }
    let there: Vec<&Key> = keys.iter().filter(|key| book.entry(list.name, key).is_some()).collect();
    let place = list.source.map(|source| filed::find(source, &keys, &naming)).transpose()?.flatten();
    if there.is_empty() {
        return Err(match place {
            Some(place) => {
                let message =
                    format!("this entry was not added, so it cannot be taken away here: {}", place.remedy(list.name));
                Unfulfilled::Filed { message, file: place.file, line: place.line }
            }
            None => Unfulfilled::Unknown(format!("`{}` holds no such entry", list.name)),
        });
    }
    let changes: Vec<Change> =
        there.into_iter().map(|key| Change { list: list.name.into(), key: key.clone(), entry: None }).collect();
    gate.store.change_lists(&changes).await.map_err(Unfulfilled::Store)?;
    let still = place.map(|place| place.remedy(list.name));
    Ok(Removed { list: list.name.to_owned(), removed: changes.len(), still })
}

/// Adds every entry of a text, or none. `before`: lines that came in an earlier part of the same text.
pub async fn import(
    gate: &Gate,
    live: &Live,
    list: &str,
    text: &str,
    before: usize,
    by: &str,
    dry_run: bool,
) -> Result<Imported, Unfulfilled> {
    let list = editable(gate, live, list)?;
    let by = line::reason(by).map_err(|_| Unfulfilled::wrong("`by` is one short line of text"))?;
    let now = gate.clock.now();
    let changes = changes(&list, text, before, by, now, &OwnNames(&gate.keys))?;
    let mut imported = Imported { dry_run, kept: gate.store.keeps_lists(), over: changes.1, ..Imported::default() };
    let book = gate.store.lists();
    let mut new = Vec::with_capacity(changes.0.len());
    for change in changes.0 {
        let same = |old: &Entry| {
            change.entry.as_ref().is_some_and(|new| (old.until, &old.note.reason) == (new.until, &new.note.reason))
        };
        match book.entry(list.name, &change.key).filter(|old| old.holds(now)) {
            Some(old) if same(&old) => {
                imported.unchanged += 1;
                continue;
            }
            Some(_) => imported.replaced += 1,
            None => imported.added += 1,
        }
        new.push(change);
    }
    if !dry_run && !new.is_empty() {
        gate.store.change_lists(&new).await.map_err(Unfulfilled::Store)?;
    }
    Ok(imported)
}

/// Most entries of one import: a short line may be a range of addresses that takes hundreds.
const MOST_AT_ONCE: usize = 100_000;

/// The changes that a text asks for, each entry once, as its last line has it; and how many lines are over.
fn changes(
    list: &Named<'_>,
    text: &str,
    before: usize,
    by: &str,
    now: Timestamp,
    naming: &dyn crate::lists::Naming,
) -> Result<(Vec<Change>, usize), Unfulfilled> {
    let (mut changes, mut over) = (Vec::new(), 0);
    let (mut wrong, mut count) = (Vec::new(), 0usize);
    let mut note = Arc::new(Note { by: by.into(), ..Note::default() });
    let name: Arc<str> = list.name.into();
    for (number, text) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
        let fault = match line::read(text) {
            Ok(None) => continue,
            Ok(Some(line)) if line.until.is_some_and(|until| until <= now) => {
                over += 1;
                continue;
            }
            Ok(Some(line)) => match read(list.name, list.of, line.entry, naming) {
                Ok(keys) => {
                    let reason = line::cleaned(line.reason);
                    if *note.reason != *reason {
                        note = Arc::new(Note { reason: reason.into(), by: by.into(), times: 0 });
                    }
                    let entry = Entry::new(line.until, now, note.clone());
                    let change = |key| Change { list: name.clone(), key, entry: Some(entry.clone()) };
                    changes.extend(keys.into_iter().map(change));
                    if changes.len() > MOST_AT_ONCE {
                        let message = format!(
                            "more than {MOST_AT_ONCE} entries at once: import them in parts, and write ranges as CIDR"
                        );
                        return Err(Unfulfilled::wrong(message));
                    }
                    continue;
                }
                Err(message) => message,
            },
            Err(message) => message,
        };
        count += 1;
        if wrong.len() < MOST_WRONG {
            wrong.push(WrongLine { line: before + number + 1, message: fault });
        }
    }
    if count > 0 {
        let message =
            format!("{count} {} no entry of `{}`", if count == 1 { "line is" } else { "lines are" }, list.name);
        return Err(Unfulfilled::Wrong { message, lines: wrong });
    }
    // Stable, so that of several lines about one entry the last is left.
    changes.sort_by(|a: &Change, b: &Change| a.key.cmp(&b.key));
    changes.reverse();
    changes.dedup_by(|later, kept| later.key == kept.key);
    Ok((changes, over))
}

/// A list that may be added to.
fn editable<'l>(gate: &Gate, live: &'l Live, name: &'l str) -> Result<Named<'l>, Unfulfilled> {
    let list = named(gate, live, name)?;
    if list.source.is_none() && name != BANNED {
        let message =
            format!("the configuration has no list `{name}` any more: what is added to it would match nobody");
        return Err(Unfulfilled::Unknown(message));
    }
    Ok(list)
}
