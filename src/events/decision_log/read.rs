//! Reading the log from its end: what happened last is what is asked for.
//!
//! Files are read in blocks from behind, never by the thread that writes them nor by one that serves; a line is handed on
//! as bytes and need not be whole (the last one may still be on its way). Rotated files follow, the newest first, whatever
//! scheme named them (`.1`, `-20261122`); compressed ones are named and not read. A place in a file is its inode and an
//! offset, so that it stays true when the file is moved away.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Bytes that are read at once.
const BLOCK: u64 = 64 * 1024;
/// A longer line is no record, and is passed over.
const LONGEST_LINE: usize = 1 << 20;
/// Rotated files that are looked at.
const MOST_FILES: usize = 1000;
/// What rotation compresses with.
const COMPRESSED: [&str; 5] = ["gz", "xz", "zst", "bz2", "lz4"];

/// The files of a log.
#[derive(Clone, Debug, Default)]
pub struct LogFiles {
    /// The log itself, if it is there, then rotated ones, newest first.
    pub plain: Vec<PathBuf>,
    pub compressed: Vec<PathBuf>,
}

impl LogFiles {
    /// What lies beside the log under its name and a suffix. Links are no rotated files.
    pub fn of(path: &Path) -> LogFiles {
        let mut files = LogFiles::default();
        if path.is_file() {
            files.plain.push(path.to_owned());
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            return files;
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut rotated = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten().take(100 * MOST_FILES) {
            let other = entry.file_name();
            let suffix = other.to_str().and_then(|other| other.strip_prefix(name));
            let Some(suffix) = suffix.filter(|suffix| suffix.starts_with(['.', '-'])) else { continue };
            let Ok(about) = entry.path().symlink_metadata() else { continue };
            if !about.is_file() {
                continue;
            }
            let extension = suffix.rsplit('.').next().unwrap_or_default();
            if COMPRESSED.contains(&extension) {
                files.compressed.push(entry.path());
            } else {
                rotated.push(((about.mtime(), about.mtime_nsec()), entry.path()));
            }
        }
        rotated.sort_by(|one, other| other.cmp(one));
        files.plain.extend(rotated.into_iter().map(|(_, path)| path).take(MOST_FILES));
        files.compressed.sort();
        files
    }
}

/// Before this offset, in the file of this inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub inode: u64,
    pub before: u64,
}

/// What to do after a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    On,
    /// This line was the last that is wanted.
    Stop,
}

/// Why reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the beginning of the oldest file.
    Complete,
    /// Because the reader had enough, or because so many bytes were read: here it goes on.
    At(Place),
    /// The place to begin at is in no file any more.
    Lost,
}

/// Whether a line is later than anything that is asked for; `None`: it does not say when it was written.
pub type IsLater<'l> = dyn Fn(&[u8]) -> Option<bool> + 'l;

/// Shows the lines of these files, newest first, beginning at a place, until `most` bytes were read: more than the longest
/// line has and two blocks, or it would never be read whole.
pub fn backwards(
    files: &LogFiles,
    from: Option<Place>,
    most: u64,
    is_later: Option<&IsLater<'_>>,
    mut show: impl FnMut(&[u8]) -> Flow,
) -> io::Result<End> {
    let mut left = most;
    let mut from = from;
    for path in &files.plain {
        let file = match File::open(path) {
            Ok(file) => file,
            // Rotated away since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let about = file.metadata()?;
        let before = match from {
            Some(place) if place.inode == about.ino() => place.before.min(about.len()),
            Some(_) => continue,
            None => is_later.map_or(Ok(about.len()), |is_later| end_of(&file, about.len(), is_later))?,
        };
        from = None;
        if let Some(before) = of_file(&file, before, &mut left, &mut show)? {
            return Ok(End::At(Place { inode: about.ino(), before }));
        }
    }
    Ok(if from.is_some() { End::Lost } else { End::Complete })
}

/// Where the part of a file ends beyond which every line is later, near enough: found by halving, because whoever asks for
/// last month should not wait for all that was written since. Lines are in the order of time, nearly; how nearly is
/// `is_later`'s to allow for.
fn end_of(file: &File, length: u64, is_later: &IsLater<'_>) -> io::Result<u64> {
    let (mut from, mut until) = (0, length);
    while until - from > 4 * BLOCK {
        let middle = from + (until - from) / 2;
        let mut block = vec![0; BLOCK as usize];
        file.read_exact_at(&mut block, middle)?;
        // The first line may have begun before.
        let Some(first) = memchr::memchr(b'\n', &block) else { break };
        let mut start = first + 1;
        let mut found = None;
        while let Some(end) = block.get(start..).and_then(|rest| memchr::memchr(b'\n', rest)) {
            if let Some(later) = is_later(&block[start..start + end]) {
                found = Some((start, later));
                break;
            }
            start += end + 1;
        }
        match found {
            Some((start, true)) => until = middle + start as u64,
            Some((start, false)) => from = middle + start as u64,
            None => break,
        }
    }
    Ok(until)
}

/// Shows the lines of one file that end before an offset. Where it goes on, unless that is the file's beginning.
fn of_file(file: &File, before: u64, left: &mut u64, show: &mut impl FnMut(&[u8]) -> Flow) -> io::Result<Option<u64>> {
    // What was read and not yet shown: the bytes of the file from `start` on.
    let (mut pending, mut start) = (Vec::new(), before);
    let mut too_long = false;
    loop {
        while let Some(end) = memchr::memrchr(b'\n', &pending) {
            let line = &pending[end + 1..];
            let shown = if line.is_empty() || too_long { Flow::On } else { show(line) };
            too_long = false;
            pending.truncate(end);
            if shown == Flow::Stop {
                return Ok(Some(start + end as u64 + 1));
            }
        }
        if start == 0 {
            if !pending.is_empty() && !too_long && show(&pending) == Flow::Stop {
                return Ok(Some(0));
            }
            return Ok(None);
        }
        if pending.len() > LONGEST_LINE {
            pending.clear();
            too_long = true;
        }
        let size = BLOCK.min(start);
        if *left < size {
            // The line that is half read is read again.
            return Ok(Some(start + pending.len() as u64));
        }
        *left -= size;
        start -= size;
        let mut block = vec![0; size as usize];
        file.read_exact_at(&mut block, start)?;
        block.extend_from_slice(&pending);
        pending = block;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(path: &Path, from: Option<Place>, most: u64, enough: usize) -> (Vec<String>, End) {
        let mut lines = Vec::new();
        let end = backwards(&LogFiles::of(path), from, most, None, |line| {
            lines.push(String::from_utf8_lossy(line).into_owned());
            if lines.len() == enough { Flow::Stop } else { Flow::On }
        });
        (lines, end.unwrap())
    }

    proptest! {
        #[test]
        fn every_line_comes_once_newest_first_however_it_is_cut(
            lengths in proptest::collection::vec(prop_oneof![1usize..200, 60_000usize..70_000], 0..12),
            most in prop_oneof![Just(u64::MAX), 204_800u64..400_000],
            enough in 1usize..5,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("log");
            let lines: Vec<String> = lengths.iter().enumerate().map(|(n, length)| format!("{n}{}", "x".repeat(*length))).collect();
            let cut = lines.len() / 2;
            let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            fs::write(dir.path().join("log.1"), text(&lines[..cut])).unwrap();
            fs::write(&path, text(&lines[cut..])).unwrap();
            let (mut all, mut from, mut rounds) = (Vec::new(), None, 0);
            loop {
                let (page, end) = read(&path, from, most, enough);
                all.extend(page);
                rounds += 1;
                prop_assert!(rounds < 100);
                match end {
                    End::Complete => break,
                    End::At(place) => from = Some(place),
                    End::Lost => prop_assert!(false, "lost"),
                }
            }
            all.reverse();
            prop_assert_eq!(all, lines);
        }
    }

    #[test]
    fn what_is_later_is_passed_over_without_being_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let number = |line: &[u8]| std::str::from_utf8(line.get(..8)?).ok()?.parse::<u64>().ok();
        let text: String = (0..40_000).map(|number| format!("{number:08} {}\n", "x".repeat(100))).collect();
        for text in [text.clone(), text.replace("00020000 ", "broken ")] {
            fs::write(&path, &text).unwrap();
            for wanted in [0, 1, 5_000, 19_999, 20_001, 39_999] {
                let is_later = |line: &[u8]| number(line).map(|number| number > wanted);
                let (mut first, mut shown) = (None, 0_u64);
                let end = backwards(&LogFiles::of(&path), None, u64::MAX, Some(&is_later), |line| {
                    shown += line.len() as u64;
                    let here = number(line).filter(|number| *number <= wanted);
                    first = first.or(here);
                    if here.is_some() { Flow::Stop } else { Flow::On }
                });
                assert!(matches!(end, Ok(End::At(_))));
                assert_eq!(first, Some(wanted));
                assert!(shown <= 5 * BLOCK, "{wanted}: {shown} bytes");
            }
        }
    }

    #[test]
    fn a_place_stays_true_when_the_file_is_moved_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, "one\ntwo\nthree\n").unwrap();
        let (lines, End::At(place)) = read(&path, None, u64::MAX, 1) else { panic!() };
        assert_eq!(lines, ["three"]);
        fs::rename(&path, dir.path().join("log-20261122")).unwrap();
        fs::write(&path, "four\n").unwrap();
        assert_eq!(read(&path, Some(place), u64::MAX, 9), (vec!["two".into(), "one".into()], End::Complete));
        fs::remove_file(dir.path().join("log-20261122")).unwrap();
        assert_eq!(read(&path, Some(place), u64::MAX, 9).1, End::Lost);
    }

    #[test]
    fn files_are_told_apart_by_their_names() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["log", "log.1", "log.2.gz", "log-20261122.xz", "logs", "other", "xlog.1"] {
            fs::write(dir.path().join(name), "x\n").unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("log.3")).unwrap();
        fs::create_dir(dir.path().join("log.d")).unwrap();
        let files = LogFiles::of(&dir.path().join("log"));
        let names = |paths: &[PathBuf]| -> Vec<String> {
            paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names(&files.plain), ["log", "log.1"]);
        assert_eq!(names(&files.compressed), ["log-20261122.xz", "log.2.gz"]);
    }

    #[test]
    fn a_line_without_end_fills_no_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, format!("first\n{}\nlast\nhalf", "x".repeat(3 * LONGEST_LINE))).unwrap();
        let (lines, end) = read(&path, None, u64::MAX, 9);
        assert_eq!((lines, end), (vec!["half".into(), "last".into(), "first".into()], End::Complete));
    }
}
