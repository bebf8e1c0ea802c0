//! The decision log: one JSON object a line, in a file.
//!
//! Requests put lines into a queue and a thread writes whatever has gathered, so that a busy gate writes seldom and much,
//! and a quiet one at once: there is no timer and no buffer in which a line could wait. The queue is a list behind a
//! mutex that is held for a push or a swap only; it is bounded in lines and bytes, because a disk that stands still must
//! not fill the memory. While the file cannot be written, lines stay queued as long as there is room, the file is opened
//! anew every second, and the operator reads of it once a minute.

pub mod erase;
mod output;
pub mod read;

use self::output::Output;
use parking_lot::{Condvar, Mutex};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Most lines that wait to be written.
const MOST_LINES: usize = 65_536;
/// Most bytes that wait to be written; as many again may be in the writer's hands.
const MOST_BYTES: usize = 16 << 20;
/// How long lines gather before they are written together.
const GATHER: Duration = Duration::from_millis(25);
/// Bytes that are written without waiting for more.
const BATCH: usize = 256 << 10;
/// How long an unwritable file is left alone before the next try.
const RETRY: Duration = Duration::from_secs(1);
/// How often the operator is told that it still is unwritable.
const REMIND: Duration = Duration::from_secs(60);
/// How long a shutdown waits for a disk.
const FAREWELL: Duration = Duration::from_secs(5);

/// A log that was opened; cheap to write to from any thread. Dropping it writes what is queued.
#[derive(Debug)]
pub struct DecisionLog {
    path: PathBuf,
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// Why the log could not be opened: the operator's path.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("decision_log.path: the directory {} does not exist and cannot be made", .0.display())]
    NoDirectory(PathBuf),
    #[error("decision_log.path: {path} cannot be written: {error}", path = .0.display(), error = .1)]
    File(PathBuf, io::Error),
    #[error("the decision log's thread cannot be started: {0}")]
    Thread(io::Error),
}

/// Counted since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Lines that reached the file.
    pub written: u64,
    /// Lines lost: the queue was full, or the file could not be written at the end.
    pub dropped: u64,
    /// Writes and openings that failed. The lines wait.
    pub failed: u64,
    /// Lines waiting now.
    pub queued: u64,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something is to be done.
    work: Condvar,
    /// The thread has ended.
    ended: Condvar,
    /// Lines left the writer's hands.
    finished: Condvar,
    written: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    /// Lines with their ends.
    text: Vec<u8>,
    lines: usize,
    /// Lines in the writer's hands.
    writing: usize,
    /// Lines that were ever taken in, and those that left the writer's hands, one way or the other.
    accepted: u64,
    finished: u64,
    /// The writer is awake and waits a moment for more lines.
    gathering: bool,
    reopen: bool,
    closing: bool,
    ended: bool,
}

impl DecisionLog {
    /// Opens the file for appending, made with mode 0640 if it is not there; likewise its directory, with 0750, in a
    /// place that exists. (Whoever starts by hand what a service manager would prepare should not have to.)
    pub fn open(path: &Path) -> Result<DecisionLog, OpenError> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if !directory.is_dir() {
            // Should another process be faster, opening the file tells.
            let _ = DirBuilder::new().mode(0o750).create(directory);
        }
        if !directory.is_dir() {
            return Err(OpenError::NoDirectory(directory.to_path_buf()));
        }
        let output = Output::open(path).map_err(|error| OpenError::File(path.to_path_buf(), error))?;
        let shared = Arc::new(Shared::default());
        let writer = thread::Builder::new()
            .name("decision-log".to_owned())
            .spawn({
                let shared = shared.clone();
                move || write_until_closed(&shared, output)
            })
            .map_err(OpenError::Thread)?;
        Ok(DecisionLog { path: path.to_path_buf(), shared, writer: Mutex::new(Some(writer)) })
    }

    /// Queues one record, without line end. Never waits for the file; a line that finds no room is dropped and counted.
    pub fn write(&self, record: &str) {
        let mut queue = self.shared.queue.lock();
        if queue.closing || queue.lines >= MOST_LINES || queue.text.len() + record.len() >= MOST_BYTES {
            drop(queue);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.text.extend_from_slice(record.as_bytes());
        queue.text.push(b'\n');
        queue.lines += 1;
        queue.accepted += 1;
        let (first, full) = (queue.lines == 1, queue.text.len() >= BATCH);
        let wakes = if queue.gathering { full } else { first };
        drop(queue);
        if wakes {
            self.shared.work.notify_one();
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the path anew before the next line is written: somebody moved the file away.
    pub fn reopen(&self) {
        self.shared.queue.lock().reopen = true;
        self.shared.work.notify_one();
    }

    /// Writes everything queued and ends. Returns after a few seconds even if the disk stands still. Lines that come
    /// later are dropped and counted.
    pub fn shutdown(&self) {
        let mut queue = self.shared.queue.lock();
        queue.closing = true;
        self.shared.work.notify_one();
        let farewell = Instant::now() + FAREWELL;
        while !queue.ended {
            if self.shared.ended.wait_until(&mut queue, farewell).timed_out() {
                tracing::error!(
                    lines = queue.lines + queue.writing,
                    "the decision log could not be written out in time"
                );
                return;
            }
        }
        drop(queue);
        if let Some(writer) = self.writer.lock().take() {
            // A panic of the writer was reported where it happened.
            let _ = writer.join();
        }
    }

    /// Waits until everything that is queued now has reached the file; at most so long. Whether it has.
    pub fn flush(&self, most: Duration) -> bool {
        let until = Instant::now() + most;
        let mut queue = self.shared.queue.lock();
        let wanted = queue.accepted;
        while queue.finished < wanted && !queue.ended {
            if self.shared.finished.wait_until(&mut queue, until).timed_out() {
                break;
            }
        }
        queue.finished >= wanted
    }

    pub fn stats(&self) -> LogStats {
        let queue = self.shared.queue.lock();
        LogStats {
            written: self.shared.written.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            failed: self.shared.failed.load(Ordering::Relaxed),
            queued: (queue.lines + queue.writing) as u64,
        }
    }
}

impl Drop for DecisionLog {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// Says that the thread has ended however it ends, so that nobody waits for it in vain.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.queue.lock().ended = true;
        self.0.ended.notify_all();
        self.0.finished.notify_all();
    }
}

fn write_until_closed(shared: &Shared, mut output: Output) {
    let _ending = Ending(shared);
    let mut text = Vec::new();
    let mut reported: Option<Instant> = None;
    loop {
        let mut queue = shared.queue.lock();
        while queue.lines == 0 && !queue.reopen && !queue.closing {
            shared.work.wait(&mut queue);
        }
        // Lines gather for a moment: waking for each would cost the request that wrote it more than the line itself.
        queue.gathering = true;
        let enough = Instant::now() + GATHER;
        while !queue.reopen && !queue.closing && queue.text.len() < BATCH {
            if shared.work.wait_until(&mut queue, enough).timed_out() {
                break;
            }
        }
        queue.gathering = false;
        std::mem::swap(&mut queue.text, &mut text);
        queue.writing = std::mem::take(&mut queue.lines);
        let (lines, closing) = (queue.writing, queue.closing);
        let mut reopen = std::mem::take(&mut queue.reopen);
        drop(queue);

        let mut rest = text.as_slice();
        let lost = loop {
            let failure = match (if reopen { output.reopen() } else { Ok(()) }).and_then(|()| output.append(&mut rest))
            {
                Ok(()) => break false,
                Err(failure) => failure,
            };
            shared.failed.fetch_add(1, Ordering::Relaxed);
            if reported.is_none_or(|last| last.elapsed() >= REMIND) {
                reported = Some(Instant::now());
                tracing::error!(path = %output.path().display(), error = %failure, "the decision log cannot be written");
            }
            if !wait_for_better(shared) {
                break true;
            }
            reopen = true;
        };
        if !lost && let Some(since) = reported.take() {
            tracing::info!(seconds = since.elapsed().as_secs(), "the decision log can be written again");
        }
        (if lost { &shared.dropped } else { &shared.written }).fetch_add(lines as u64, Ordering::Relaxed);
        let mut queue = shared.queue.lock();
        queue.writing = 0;
        queue.finished += lines as u64;
        shared.finished.notify_all();
        drop(queue);
        text.clear();
        // One burst must not keep its memory for ever.
        text.shrink_to(1 << 20);
        if closing {
            return; // Nothing came in since these lines were taken: a closing queue takes none.
        }
    }
}

/// Waits until the file is to be tried again; `false` if the log closes and there is no time for that.
fn wait_for_better(shared: &Shared) -> bool {
    let mut queue = shared.queue.lock();
    let retry = Instant::now() + RETRY;
    while !queue.closing && !queue.reopen {
        if shared.work.wait_until(&mut queue, retry).timed_out() {
            break;
        }
    }
    !queue.closing
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn lines(path: &Path) -> Vec<String> {
        fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
    }

    /// Waits for something that the writer does, without sleeping.
    fn until(log: &DecisionLog, done: impl Fn(LogStats) -> bool) {
        let patience = Instant::now() + Duration::from_secs(20);
        while !done(log.stats()) {
            assert!(Instant::now() < patience, "{:?}", log.stats());
            thread::yield_now();
        }
    }

    #[test]
    fn every_line_arrives_whole_and_in_order_of_its_thread() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("decisions.jsonl");
        let log = DecisionLog::open(&path).unwrap();
        thread::scope(|scope| {
            for thread in 0..4 {
                let log = &log;
                scope.spawn(move || (0..1_000).for_each(|line| log.write(&format!("{thread} {line}"))));
            }
        });
        log.shutdown();
        log.write("too late");
        let written = lines(&path);
        assert_eq!(written.len(), 4_000);
        for thread in 0..4 {
            let own: Vec<&String> = written.iter().filter(|line| line.starts_with(&format!("{thread} "))).collect();
            let expected: Vec<String> = (0..1_000).map(|line| format!("{thread} {line}")).collect();
            assert_eq!(own, expected.iter().collect::<Vec<_>>());
        }
        assert_eq!(log.stats(), LogStats { written: 4_000, dropped: 1, failed: 0, queued: 0 });
    }

    #[test]
    fn a_line_is_in_the_file_without_anybody_asking() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = DecisionLog::open(&path).unwrap();
        log.write("{}");
        until(&log, |stats| stats.written == 1);
        assert_eq!(lines(&path), ["{}"]);
    }

    #[test]
    fn a_moved_file_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("log"), dir.path().join("log.1"));
        let log = DecisionLog::open(&path).unwrap();
        log.write("before");
        until(&log, |stats| stats.written == 1);
        fs::rename(&path, &moved).unwrap();
        log.reopen();
        log.write("after");
        log.shutdown();
        assert_eq!((lines(&moved), lines(&path)), (vec!["before".to_owned()], vec!["after".to_owned()]));
    }

    #[test]
    fn a_full_disk_is_counted_and_loses_nothing_once_it_has_room() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        symlink("/dev/full", &path).unwrap();
        let log = DecisionLog::open(&path).unwrap();
        log.write("kept");
        until(&log, |stats| stats.failed > 0);
        fs::remove_file(&path).unwrap();
        log.reopen();
        until(&log, |stats| stats.written == 1);
        assert_eq!((lines(&path), log.stats().dropped), (vec!["kept".to_owned()], 0));
    }

    #[test]
    fn a_standing_disk_neither_blocks_writers_nor_fills_the_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        symlink("/dev/full", &path).unwrap();
        let log = DecisionLog::open(&path).unwrap();
        let record = "x".repeat(1 << 20);
        for _ in 0..64 {
            log.write(&record);
        }
        let stats = log.stats();
        assert!(stats.dropped >= 32 && stats.queued >= 15, "{stats:?}");
        log.shutdown();
        assert_eq!(log.stats().dropped, 64, "what could not be written at the end is lost, and counted");
    }

    #[test]
    fn lines_are_bounded_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        symlink("/dev/full", &path).unwrap();
        let log = DecisionLog::open(&path).unwrap();
        for _ in 0..3 * MOST_LINES {
            log.write("");
        }
        assert!(log.stats().queued <= 2 * MOST_LINES as u64);
        assert!(log.stats().dropped >= MOST_LINES as u64);
    }

    #[test]
    fn an_error_names_what_the_operator_has_to_mend() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        let deeper = missing.join("deeper");
        let error = DecisionLog::open(&deeper.join("log")).unwrap_err().to_string();
        assert!(error.contains(&format!("{} does not exist", deeper.display())), "{error}");
        DecisionLog::open(&missing.join("log")).expect("one directory is made").shutdown();
        let error = DecisionLog::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&dir.path().display().to_string()), "{error}");
    }
}
