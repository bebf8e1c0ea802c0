//! Finding records: among the newest, which are in memory, and then in the decision log, from its end.
//!
//! Both hold the same lines, so what the memory has is passed over in the file. A page ends when it is full or when so many
//! bytes were read, and says where it goes on: a number among the lines in memory, or a place in a file, which stays
//! true while the log grows and is rotated. Lines are parsed only if they hold what is asked for as bytes.

use super::problem::{Kind, Problem};
use crate::engine::label::Verdict;
use crate::engine::time::Timestamp;
use crate::events::Sinks;
use crate::events::decision_log::read::{End, Flow, IsLater, LogFiles, Place, backwards};
use crate::events::labels::{self, Said};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::Value;
use siphasher::sip::SipHasher13;
use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::Hasher;
use std::time::Duration;

/// Bytes of the log that are read for one page.
pub const MOST_READ: u64 = 64 << 20;
/// Bytes of records that one page holds.
const MOST_ANSWERED: usize = 16 << 20;
/// Records are written in the order in which decisions ended, nearly: by how much one may be before its time.
pub(super) const SLACK: Duration = Duration::from_secs(120);

/// One record, as the decision log has it.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Record(pub Value);

impl JsonSchema for Record {
    fn schema_name() -> Cow<'static, str> {
        "Record".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "A decision record, as the decision log has it; the README explains each field.",
            "required": ["id", "at", "event", "status", "moment", "route", "enforced"],
            "properties": {
                "id": { "type": "string" },
                "at": { "type": "string", "format": "date-time" },
                "event": { "type": "string" },
                "status": { "type": "string" },
                "moment": { "enum": ["before", "after"] },
                "route": { "type": "string" },
                "enforced": { "type": "string" },
            },
        })
    }
}

/// Records, and whether there may be more.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Page {
    /// Newest first.
    pub records: Vec<Record>,
    /// Whether everything was looked through. If not, ask again with the cursor.
    pub complete: bool,
    /// Where the next page begins.
    pub cursor: Option<String>,
    /// Compressed files of the log, which are not read.
    pub not_read: Vec<String>,
}

/// What is looked for. Whatever is not asked for is `None`.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub id: Option<String>,
    /// Any of these pseudonyms.
    pub account: Option<Vec<String>>,
    pub device: Option<String>,
    pub ip: Option<String>,
    pub rule: Option<String>,
    pub route: Option<String>,
    /// As published: with `$`.
    pub event: Option<String>,
    pub action: Option<String>,
    /// Labels only: of this verdict, or any.
    pub label: Option<Option<Verdict>>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// What became of a line.
enum Match {
    Yes(Value),
    No,
    /// Older than anything that is asked for.
    TooOld,
}

impl Filter {
    /// Reads a line as far as it takes to tell.
    fn of(&self, line: &[u8]) -> Match {
        let has = |text: &Option<String>| {
            text.as_ref().is_none_or(|text| memchr::memmem::find(line, text.as_bytes()).is_some())
        };
        let one = self
            .account
            .as_ref()
            .is_none_or(|any| any.iter().any(|account| memchr::memmem::find(line, account.as_bytes()).is_some()));
        // What JSON may write in another way is not looked for as bytes.
        let labelled = self.label.is_none() || memchr::memmem::find(line, labels::STATUS.as_bytes()).is_some();
        let quick = one && labelled && [&self.id, &self.device, &self.ip, &self.action].into_iter().all(has);
        let at = if quick || self.since.is_some() { at_of(line) } else { None };
        let Some(at) = at else { return Match::No };
        if self.since.is_some_and(|since| at.after(SLACK) < since) {
            return Match::TooOld;
        }
        let within = self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at <= until);
        if !quick || !within {
            return Match::No;
        }
        let Ok(record) = serde_json::from_slice::<Value>(line) else { return Match::No };
        let is = |wanted: &Option<String>, value: &Value| {
            wanted.as_ref().is_none_or(|wanted| value.as_str() == Some(wanted.as_str()))
        };
        let user = record["user"]["user_id"].as_str();
        let fits = is(&self.id, &record["id"])
            && self.account.as_ref().is_none_or(|any| any.iter().any(|one| user == Some(one.as_str())))
            && is(&self.device, &record["device"]["device_id"])
            && is(&self.ip, &record["device"]["ip"])
            && is(&self.rule, &record["policy"]["rule"])
            && is(&self.route, &record["route"])
            && is(&self.event, &record["event"])
            && is(&self.action, &record["policy"]["action"])
            && self.label.is_none_or(|wanted| {
                Said::of(&record).is_some_and(|said| wanted.is_none_or(|verdict| said.verdict == verdict))
            });
        if fits { Match::Yes(record) } else { Match::No }
    }
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// Before this number of the lines in memory; the line of that number has this hash.
    Recent {
        number: u64,
        hash: u64,
    },
    Log(Place),
}

impl Cursor {
    pub fn parse(text: &str) -> Option<Cursor> {
        let hex = |part: &str| {
            let plain = (1..=16).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            plain.then(|| u64::from_str_radix(part, 16).ok()).flatten()
        };
        let parts = text.get(1..).and_then(|rest| rest.split_once('.')).and_then(|(a, b)| Some((hex(a)?, hex(b)?)));
        match (text.as_bytes().first(), parts) {
            (Some(b'r'), Some((number, hash))) => Some(Cursor::Recent { number, hash }),
            (Some(b'l'), Some((inode, before))) => Some(Cursor::Log(Place { inode, before })),
            _ => None,
        }
    }

    pub fn text(self) -> String {
        match self {
            Cursor::Recent { number, hash } => format!("r{number:x}.{hash:x}"),
            Cursor::Log(Place { inode, before }) => format!("l{inode:x}.{before:x}"),
        }
    }
}

/// How much one page may hold and cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub records: usize,
    pub read: u64,
}

/// A page that is being filled.
struct Filling<'f> {
    filter: &'f Filter,
    most: usize,
    records: Vec<Record>,
    bytes: usize,
    /// Everything further on is older than what is asked for.
    over: bool,
}

impl Filling<'_> {
    /// Whether that is enough.
    fn take(&mut self, line: &[u8]) -> bool {
        match self.filter.of(line) {
            Match::Yes(record) => {
                self.records.push(Record(record));
                self.bytes += line.len();
            }
            Match::No => {}
            Match::TooOld => self.over = true,
        }
        self.over || self.records.len() >= self.most || self.bytes >= MOST_ANSWERED
    }
}

/// Finds a page of records. To be called on a thread for blocking work.
pub fn find(sinks: &Sinks, filter: &Filter, from: Option<Cursor>, bounds: Bounds) -> Result<Page, Problem> {
    let mut page = Filling { filter, most: bounds.records, records: Vec::new(), bytes: 0, over: false };
    let files = sinks.log().map(|log| LogFiles::of(log.path())).unwrap_or_default();
    let recent = sinks.recent().map(|recent| recent.snapshot()).unwrap_or_default();
    let ended = |page: Filling<'_>, next: Option<Cursor>| Page {
        complete: page.over || next.is_none(),
        cursor: next.filter(|_| !page.over).map(Cursor::text),
        records: page.records,
        not_read: files.compressed.iter().map(|path| path.display().to_string()).collect(),
    };
    let mut place = None;
    // The line that the page before ended with, if the memory has lost it since: the file still has it.
    let mut after = None;
    let lines = match from {
        None => &recent.lines[..],
        Some(Cursor::Log(at)) => {
            place = Some(at);
            &[]
        }
        Some(Cursor::Recent { number, hash }) => match recent.before(number, |line| hashed(line.as_bytes()) == hash) {
            Some(lines) => lines,
            None => {
                after = Some(hash);
                &[]
            }
        },
    };
    for (number, line) in lines.iter().enumerate().rev() {
        if page.take(line.as_bytes()) {
            let number = recent.oldest + number as u64;
            return Ok(ended(page, Some(Cursor::Recent { number, hash: hashed(line.as_bytes()) })));
        }
    }
    let known: HashSet<u64> = match place {
        None => recent.lines.iter().map(|line| hashed(line.as_bytes())).collect(),
        Some(_) => HashSet::new(),
    };
    // What was written since the memory was looked at belongs before the first page, not behind what it had.
    let newest = recent.lines.last().and_then(|line| at_of(line.as_bytes()));
    let mut met = known.is_empty();
    let is_later = filter.until.map(|until| move |line: &[u8]| at_of(line).map(|at| at > until.after(SLACK)));
    let is_later = is_later.as_ref().map(|is_later| is_later as &IsLater<'_>);
    let end = backwards(&files, place, bounds.read, is_later, |line| {
        if !known.is_empty() || after.is_some() {
            let hash = hashed(line);
            if let Some(last) = after {
                if hash == last {
                    after = None;
                }
                return Flow::On;
            }
            if known.contains(&hash) {
                met = true;
                return Flow::On;
            }
            if !met && newest.is_some_and(|newest| at_of(line).is_some_and(|at| at > newest)) {
                return Flow::On;
            }
        }
        if page.take(line) { Flow::Stop } else { Flow::On }
    });
    match end.map_err(|error| Problem::failed(&error))? {
        End::Complete if after.is_some() => Err(lost()),
        End::Complete => Ok(ended(page, None)),
        End::At(place) => Ok(ended(page, Some(Cursor::Log(place)))),
        End::Lost => Err(lost()),
    }
}

fn lost() -> Problem {
    Problem::new(Kind::Cursor, "what it leads to is gone: ask again without a cursor")
}

/// When a line was written. It says so right at its beginning, behind the id; were it written otherwise, it is read whole.
pub(super) fn at_of(line: &[u8]) -> Option<Timestamp> {
    const KEY: &[u8] = b"\"at\":\"";
    let head = line.get(..64).filter(|head| head.starts_with(b"{\"id\":\""));
    let value =
        head.and_then(|head| memchr::memmem::find(head, KEY)).and_then(|at| line.get(at + KEY.len()..)?.get(..24));
    if let Some(at) = value.and_then(|value| Timestamp::parse(std::str::from_utf8(value).ok()?)) {
        return Some(at);
    }
    let record: Value = serde_json::from_slice(line).ok()?;
    Timestamp::parse(record["at"].as_str()?)
}

/// Tells lines apart. They are ours, so the key may be known.
pub(super) fn hashed(line: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(line);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Sink;
    use crate::events::decision_log::DecisionLog;
    use crate::events::recent::Recent;
    use proptest::prelude::*;
    use std::path::Path;

    fn line(number: u64, user: &str) -> String {
        let at = Timestamp(1_795_338_000_000 + 1_000 * number);
        serde_json::json!({
            "id": format!("{number:026}"), "at": at, "event": "$login", "status": "$attempted", "moment": "before",
            "route": "sign-in", "enforced": "forwarded", "policy": { "rule": "r", "action": "allow" },
            "user": { "user_id": user }, "device": { "device_id": null, "ip": "203.0.113.7" },
        })
        .to_string()
    }

    /// Sinks whose memory begins with the line `from`, and whose file has the lines up to `until`.
    fn sinks(path: &Path, count: u64, from: u64, until: u64) -> Sinks {
        let (log, recent) = (DecisionLog::open(path).unwrap(), Recent::default());
        for number in 0..count {
            let line = line(number, if number % 3 == 0 { "a" } else { "b" });
            if number < until {
                log.write(&line);
            }
            if number >= from {
                recent.push(&line);
            }
        }
        assert!(log.flush(Duration::from_secs(20)));
        Sinks(vec![Sink::DecisionLog(log), Sink::Recent(recent)])
    }

    fn numbers(page: &Page) -> Vec<u64> {
        page.records.iter().map(|record| record.0["id"].as_str().unwrap().parse().unwrap()).collect()
    }

    proptest! {
        #[test]
        fn pages_show_every_record_once_newest_first(
            count in 0u64..60, from in 0u64..60, lag in 0u64..10, size in 1usize..12, only_a: bool,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let from = from.min(count);
            // What the file lacks, the memory has.
            let sinks = sinks(&dir.path().join("log"), count, from, count.saturating_sub(lag).max(from));
            let filter = Filter { account: only_a.then(|| vec!["a".to_owned()]), ..Filter::default() };
            let (mut all, mut cursor) = (Vec::new(), None);
            for _ in 0..=count {
                let page = find(&sinks, &filter, cursor, Bounds { records: size, read: MOST_READ }).unwrap();
                all.extend(numbers(&page));
                prop_assert_eq!(page.complete, page.cursor.is_none());
                let Some(next) = page.cursor else { break };
                cursor = Cursor::parse(&next);
            }
            let expected: Vec<u64> = (0..count).rev().filter(|number| !only_a || number % 3 == 0).collect();
            prop_assert_eq!(all, expected);
        }

        #[test]
        fn cursors_are_read_as_they_are_written_and_nothing_else_panics(a: u64, b: u64, text in "[rl]?[0-9a-f.]{0,20}") {
            for cursor in [Cursor::Recent { number: a, hash: b }, Cursor::Log(Place { inode: a, before: b })] {
                prop_assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
            }
            let _ = Cursor::parse(&text);
        }
    }

    #[test]
    fn a_page_begun_in_memory_goes_on_in_the_file_when_the_memory_has_moved_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let before = sinks(&path, 30, 10, 30);
        let page = find(&before, &Filter::default(), None, Bounds { records: 5, read: MOST_READ }).unwrap();
        assert_eq!(numbers(&page), [29, 28, 27, 26, 25]);
        let cursor = Cursor::parse(&page.cursor.unwrap());
        before.shutdown();
        // The gate was started anew: its memory is empty, and counts from nought.
        let after = Sinks(vec![Sink::DecisionLog(DecisionLog::open(&path).unwrap()), Sink::Recent(Recent::default())]);
        let page = find(&after, &Filter::default(), cursor, Bounds { records: 5, read: MOST_READ }).unwrap();
        assert_eq!(numbers(&page), [24, 23, 22, 21, 20]);
        let alone = Sinks(vec![Sink::Recent(Recent::default())]);
        let gone = find(&alone, &Filter::default(), cursor, Bounds { records: 5, read: MOST_READ });
        assert_eq!(gone.unwrap_err().name(), "cursor");
    }

    #[test]
    fn a_bound_on_bytes_ends_a_page_and_tells_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, (0..20_000).map(|number| line(number, "a") + "\n").collect::<String>()).unwrap();
        let sinks = Sinks(vec![Sink::DecisionLog(DecisionLog::open(&path).unwrap())]);
        let filter = Filter { account: Some(vec!["nobody".to_owned()]), ..Filter::default() };
        let (mut pages, mut cursor) = (0, None);
        loop {
            let page = find(&sinks, &filter, cursor, Bounds { records: 5, read: 1 << 20 }).unwrap();
            assert!(page.records.is_empty());
            pages += 1;
            match page.cursor {
                Some(next) => cursor = Cursor::parse(&next),
                None => break assert!(page.complete),
            }
        }
        assert!(pages >= 5, "{pages} pages of a megabyte");
        // What is older than anything that is asked for is not read.
        let since = Filter { since: Some(Timestamp(1_795_338_000_000 + 19_990_000)), ..Filter::default() };
        let page = find(&sinks, &since, None, Bounds { records: 100, read: 1 << 20 }).unwrap();
        assert_eq!((page.records.len(), page.complete), (10, true));
    }
}
