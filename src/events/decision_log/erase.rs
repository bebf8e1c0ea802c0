//! Taking one person out of the log, in place (GDPR, article 17).
//!
//! The log is appended to while this runs, and must be readable after a crash at any moment. So no file is rewritten and no
//! line moves: the values that tell of somebody are overwritten, byte for byte, with hyphens, inside their quotes. A value
//! that was half overwritten when the power failed is still a value; the record still says what was decided, when, and
//! why, and no longer about whom. (Rewriting into a new file and renaming it would lose what is appended meanwhile, or
//! stop the log; replacing whole lines leaves half of one and half of another where a crash cuts them.)
//!
//! What compressed files hold is not touched, and they are named, so that nobody believes otherwise.

use super::read::LogFiles;
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What of a record tells of a person beside the pseudonym: the key, and its parent. The pseudonym goes last: a line that
/// was broken off at is found by it again.
const PERSONAL: &[(&str, &str)] = &[
    ("user", "email_domain"),
    ("user", "email_relay"),
    ("device", "device_id"),
    ("device", "since"),
    ("device", "fingerprint"),
    ("device", "ip"),
    ("device", "location"),
    ("label", "note"),
];
/// A longer line is no record of ours; only the pseudonym in it is overwritten.
const LONGEST_LINE: u64 = 1 << 20;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Lines in which something was overwritten.
    pub lines: u64,
    /// Files that were looked through.
    pub files: usize,
    /// Files that were not.
    pub untouched: Vec<PathBuf>,
}

/// Overwrites what tells of whoever has one of these pseudonyms, in the log and its rotated files. Doing it again changes
/// nothing more.
pub fn erase(log: &Path, pseudonyms: &[String]) -> io::Result<Erased> {
    let files = LogFiles::of(log);
    let mut erased = Erased { untouched: files.compressed, ..Erased::default() };
    for path in &files.plain {
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => erased.lines += of_file(&file, pseudonyms)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
        erased.files += 1;
    }
    Ok(erased)
}

/// Whether a line names one of them.
pub fn names(line: &[u8], pseudonyms: &[String]) -> bool {
    pseudonyms.iter().any(|pseudonym| memchr::memmem::find(line, pseudonym.as_bytes()).is_some())
}

fn of_file(file: &File, pseudonyms: &[String]) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let (mut offset, mut changed) = (0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = io::Read::take(&mut reader, LONGEST_LINE).read_until(b'\n', &mut line)? as u64;
        if length == 0 {
            break;
        }
        if names(&line, pseudonyms) {
            for (start, end) in personal(&line, pseudonyms) {
                file.write_all_at(&vec![b'-'; end - start], offset + start as u64)?;
            }
            changed += 1;
        }
        // Of a line that is longer than any of ours, the parts overlap, so that no pseudonym is cut in two.
        let overlap = if length == LONGEST_LINE && !line.ends_with(b"\n") { 64 } else { 0 };
        offset += length - overlap;
        if overlap > 0 {
            reader.seek(SeekFrom::Start(offset))?;
        }
    }
    if changed > 0 {
        file.sync_all()?;
    }
    Ok(changed)
}

/// The same line with hyphens for what tells of somebody.
pub fn erased(line: &str, pseudonyms: &[String]) -> Option<String> {
    if !names(line.as_bytes(), pseudonyms) {
        return None;
    }
    let mut bytes = line.as_bytes().to_vec();
    for (start, end) in personal(line.as_bytes(), pseudonyms) {
        bytes[start..end].fill(b'-');
    }
    String::from_utf8(bytes).ok()
}

/// Where in a line there is what tells of somebody: inside the quotes.
fn personal(line: &[u8], pseudonyms: &[String]) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    if let Ok(record) = serde_json::from_slice::<Value>(line) {
        let part = PERSONAL.iter().filter_map(|(parent, key)| Some((*key, record.get(parent)?.get(key)?)));
        // A domain that a signal names is the one of the address.
        let of_signals = record.get("evidence").and_then(Value::as_object).into_iter().flat_map(|all| all.values());
        let domains = of_signals.filter_map(|findings| Some(("domain", findings.get("domain")?)));
        for (key, value) in part.chain(domains) {
            let Some(text) = value.as_str().filter(|text| !text.is_empty()) else { continue };
            // As the log's own writer wrote it.
            let written = format!("\"{key}\":{}", Value::from(text));
            let prefix = key.len() + 4;
            places.extend(
                memchr::memmem::find_iter(line, written.as_bytes()).map(|at| (at + prefix, at + written.len() - 1)),
            );
        }
    }
    for pseudonym in pseudonyms {
        places.extend(memchr::memmem::find_iter(line, pseudonym.as_bytes()).map(|at| (at, at + pseudonym.len())));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::super::DecisionLog;
    use super::*;
    use std::fs;

    const ANNA: &str = "0123456789abcdef0123456789abcdef";
    const BERT: &str = "fedcba9876543210fedcba9876543210";

    fn record(user: &str, number: usize) -> String {
        format!(
            r#"{{"id":"{number}","evidence":{{"disposable_email_domain":{{"domain":"ex.example"}}}},"user":{{"user_id":"{user}","email_domain":"ex.example"}},"client":{{"country":"DE"}},"device":{{"device_id":"00112233445566778899aabbccddeeff","since":"2026-11-22T01:02:03.456Z","fingerprint":"0123456789abcdef","name":"Chrome","ip":"203.0.113.7","location":"Köln, NW, DE"}}}}"#
        )
    }

    #[test]
    fn what_was_said_of_a_label_goes_too() {
        let line =
            record(ANNA, 1).replacen('{', r#"{"label":{"verdict":"fraud","note":"she \"Anna\" called from Köln"},"#, 1);
        let erased = erased(&line, &anna()).unwrap();
        let value: Value = serde_json::from_str(&erased).unwrap();
        assert_eq!(erased.len(), line.len());
        assert!(!erased.contains("Anna") && !erased.contains("Köln"), "{erased}");
        assert_eq!(value["label"]["verdict"], "fraud", "what was learnt stays");
    }

    fn anna() -> Vec<String> {
        vec![ANNA.to_owned()]
    }

    #[test]
    fn what_tells_of_somebody_becomes_hyphens_and_the_line_keeps_its_length() {
        let line = record(ANNA, 1);
        let erased = erased(&line, &anna()).unwrap();
        assert_eq!(erased.len(), line.len());
        let value: Value = serde_json::from_str(&erased).unwrap();
        for pointer in [
            "/user/user_id",
            "/user/email_domain",
            "/device/device_id",
            "/device/since",
            "/device/fingerprint",
            "/device/ip",
            "/device/location",
            "/evidence/disposable_email_domain/domain",
        ] {
            let text = value.pointer(pointer).unwrap().as_str().unwrap();
            assert!(text.bytes().all(|byte| byte == b'-'), "{pointer}: {text}");
        }
        assert_eq!((value["id"].as_str(), value["client"]["country"].as_str()), (Some("1"), Some("DE")));
        assert_eq!(super::erased(&erased, &anna()), None, "once is enough");
        assert_eq!(super::erased(&record(BERT, 1), &anna()), None);
    }

    #[test]
    fn a_broken_line_loses_the_pseudonym_at_least() {
        let line = format!(r#"{{"user":{{"user_id":"{ANNA}"#);
        let erased = erased(&line, &anna()).unwrap();
        assert!(!erased.contains(ANNA) && erased.len() == line.len());
    }

    /// While a writer appends as fast as it can.
    #[test]
    fn nobody_who_writes_meanwhile_loses_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("decisions.jsonl");
        fs::write(dir.path().join("decisions.jsonl.1"), format!("{}\n{}\n", record(ANNA, 0), record(BERT, 1))).unwrap();
        fs::write(dir.path().join("decisions.jsonl.2.gz"), "?").unwrap();
        let log = DecisionLog::open(&path).unwrap();
        (0..1_000).for_each(|number| log.write(&record(if number % 3 == 0 { ANNA } else { BERT }, number)));
        log.flush(std::time::Duration::from_secs(20));
        let done = std::sync::atomic::AtomicBool::new(false);
        let erased = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut written = 0;
                while !done.load(std::sync::atomic::Ordering::Relaxed) || written < 1_000 {
                    log.write(&record(BERT, 1_000 + written));
                    written += 1;
                    if written % 100 == 0 {
                        log.flush(std::time::Duration::from_secs(20));
                    }
                }
                written
            });
            let erased = erase(&path, &anna()).unwrap();
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            let written = writer.join().unwrap();
            log.shutdown();
            assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1_000 + written);
            erased
        });
        assert_eq!((erased.lines, erased.files), (335, 2));
        assert_eq!(erased.untouched, [dir.path().join("decisions.jsonl.2.gz")]);
        for file in ["decisions.jsonl", "decisions.jsonl.1"] {
            let text = fs::read_to_string(dir.path().join(file)).unwrap();
            assert!(!text.contains(ANNA), "{file}");
            assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{file}");
            assert!(text.contains(BERT) && text.contains("203.0.113.7"), "{file}: others are as they were");
        }
        assert_eq!(erase(&path, &anna()).unwrap().lines, 0);
    }

    /// A crash may cut any overwriting short, at any byte.
    #[test]
    fn a_line_is_valid_however_far_the_overwriting_came() {
        let line = record(ANNA, 1).replace("Köln", "Bonn");
        let mut bytes = line.clone().into_bytes();
        for (start, end) in personal(line.as_bytes(), &anna()) {
            for at in start..end {
                bytes[at] = b'-';
                assert!(serde_json::from_slice::<Value>(&bytes).is_ok(), "{}", String::from_utf8_lossy(&bytes));
            }
        }
    }

    #[test]
    fn a_line_longer_than_any_of_ours_hides_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        for before in [10, LONGEST_LINE as usize - 16, LONGEST_LINE as usize + 5] {
            let text = format!("{}{ANNA}{}\n{}\n", "x".repeat(before), "y".repeat(100), record(ANNA, 1));
            fs::write(&path, &text).unwrap();
            assert!(erase(&path, &anna()).unwrap().lines >= 2);
            let after = fs::read_to_string(&path).unwrap();
            assert!(!after.contains(ANNA) && after.len() == text.len(), "{before}");
        }
    }
}
