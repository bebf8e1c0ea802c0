//! All records of some attempts at once: what whoever says something of them has to know first.
//!
//! A page of [`records`](super::records) shows what one filter finds; here up to a thousand attempts are looked for in one
//! reading of the log, which goes back no further than the oldest of them can be (an id begins with the time at which it was
//! made). The memory holds the newest lines without a gap, so that an attempt whose first record is there needs no file at
//! all: that is how most labels are found that are given by a program soon after.

use super::records::{SLACK, at_of, hashed};
use crate::engine::attempt::AttemptId;
use crate::engine::time::Timestamp;
use crate::events::Sinks;
use crate::events::decision_log::read::{Flow, LogFiles, backwards};
use memchr::memmem;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

/// How long the log's writer is waited for.
const FLUSH: Duration = Duration::from_secs(5);
/// How a line begins; the id follows.
const BEGINNING: &[u8] = b"{\"id\":\"";
/// Characters of an id.
const LENGTH: usize = 26;

/// What is kept of some attempts.
#[derive(Debug, Default)]
pub struct Attempts {
    /// Oldest first, by id as it is printed. One of which nothing is kept is not among them.
    pub records: HashMap<String, Vec<Value>>,
    /// Compressed files, which may have more and were not read; empty if no file was needed.
    pub not_read: Vec<String>,
}

impl Attempts {
    /// Looks for them. To be called on a thread for blocking work: it reads the log back to the oldest of them.
    pub fn find(sinks: &Sinks, ids: &HashSet<AttemptId>) -> io::Result<Attempts> {
        let names: HashSet<String> = ids.iter().map(ToString::to_string).collect();
        let mut found: HashMap<String, Vec<Value>> = HashMap::new();
        let mut seen: HashSet<u64> = HashSet::new();
        let mut whole: HashSet<&str> = HashSet::new();
        for line in sinks.recent().map(|recent| recent.snapshot().lines).unwrap_or_default() {
            let Some(id) = id_of(line.as_bytes()).and_then(|id| names.get(id)) else { continue };
            let Ok(record) = serde_json::from_str::<Value>(&line) else { continue };
            if record["status"] == "$attempted" {
                whole.insert(id);
            }
            seen.insert(hashed(line.as_bytes()));
            found.entry(id.clone()).or_default().push(record);
        }
        let mut attempts = Attempts { records: found, not_read: Vec::new() };
        let oldest = ids.iter().filter(|id| !whole.contains(id.to_string().as_str())).map(|id| made_at(*id)).min();
        let (Some(oldest), Some(log)) = (oldest, sinks.log()) else { return Ok(attempts) };
        log.flush(FLUSH);
        let files = LogFiles::of(log.path());
        let mut earlier: HashMap<String, Vec<Value>> = HashMap::new();
        backwards(&files, None, u64::MAX, None, |line| {
            let id = id_of(line).and_then(|id| names.get(id));
            if let Some(id) = id.filter(|id| !whole.contains(id.as_str()) && !seen.contains(&hashed(line)))
                && let Ok(record) = serde_json::from_slice(line)
            {
                earlier.entry(id.clone()).or_default().push(record);
            }
            let too_old = at_of_head(line).is_some_and(|at| at.after(SLACK) < oldest);
            if too_old { Flow::Stop } else { Flow::On }
        })?;
        for (id, mut records) in earlier {
            records.reverse();
            let newer = attempts.records.remove(&id).unwrap_or_default();
            records.extend(newer);
            attempts.records.insert(id, records);
        }
        attempts.not_read = files.compressed.iter().map(|path| path.display().to_string()).collect();
        Ok(attempts)
    }
}

/// When an attempt was made: nothing of it is older.
fn made_at(id: AttemptId) -> Timestamp {
    Timestamp((id.0 >> 80) as u64)
}

/// The id that a line begins with.
fn id_of(line: &[u8]) -> Option<&str> {
    let id = line.strip_prefix(BEGINNING)?.get(..LENGTH)?;
    std::str::from_utf8(id).ok()
}

/// When a line was written, if it says so at its beginning: lines that do not are none of ours, and end nothing.
fn at_of_head(line: &[u8]) -> Option<Timestamp> {
    memmem::find(line.get(..64)?, b"\"at\":\"").and_then(|_| at_of(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Sink;
    use crate::events::decision_log::DecisionLog;
    use crate::events::recent::Recent;

    fn id(number: u64) -> AttemptId {
        AttemptId(u128::from(1_795_338_000_000 + 3_600_000 * number) << 80)
    }

    fn line(number: u64, later: u64, status: &str) -> String {
        let at = Timestamp(1_795_338_000_000 + 3_600_000 * number + later);
        serde_json::json!({ "id": id(number), "at": at, "status": status }).to_string()
    }

    fn statuses(attempts: &Attempts, number: u64) -> Vec<&str> {
        let records = attempts.records.get(&id(number).to_string());
        records.into_iter().flatten().map(|record| record["status"].as_str().unwrap()).collect()
    }

    #[test]
    fn what_the_memory_has_begun_is_whole_and_the_rest_is_read_from_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(dir.path().join("log.2.gz"), "?").unwrap();
        let (log, recent) = (DecisionLog::open(&path).unwrap(), Recent::default());
        for number in 0..50 {
            log.write(&line(number, 0, "$attempted"));
            log.write(&line(number, 10, "$failed"));
        }
        log.write("no record");
        log.write(&line(7, 1_000_000_000, "$labelled"));
        for number in 40..50 {
            recent.push(&line(number, 0, "$attempted"));
            recent.push(&line(number, 10, "$failed"));
        }
        // The memory has the end of what the file has the beginning of, and something that the file has not.
        recent.push(&line(7, 1_000_000_000, "$labelled"));
        recent.push(&line(7, 2_000_000_000, "$labelled"));
        let sinks = Sinks(vec![Sink::DecisionLog(log), Sink::Recent(recent)]);
        let found = Attempts::find(&sinks, &[id(45), id(41)].into()).unwrap();
        assert_eq!(statuses(&found, 45), ["$attempted", "$failed"]);
        assert!(found.not_read.is_empty(), "no file was needed");
        let found = Attempts::find(&sinks, &[id(7), id(45), id(99)].into()).unwrap();
        assert_eq!(statuses(&found, 7), ["$attempted", "$failed", "$labelled", "$labelled"]);
        assert_eq!((statuses(&found, 45).len(), found.records.contains_key(&id(99).to_string())), (2, false));
        assert!(found.not_read[0].ends_with("log.2.gz"));
        sinks.shutdown();
    }

    #[test]
    fn without_a_log_the_memory_is_all() {
        let recent = Recent::default();
        recent.push(&line(1, 0, "$attempted"));
        let found = Attempts::find(&Sinks(vec![Sink::Recent(recent)]), &[id(1), id(2)].into()).unwrap();
        assert_eq!((found.records.len(), statuses(&found, 1).len()), (1, 1));
        assert!(Attempts::find(&Sinks::default(), &[id(1)].into()).unwrap().records.is_empty());
    }
}
