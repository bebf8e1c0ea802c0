//! The files of a state directory.
//!
//! A generation is one file that is only ever appended to: a head (what it is, which layout, the key of the tags), then
//! batches of records, each behind its length and checksum. A later record about a thing replaces an earlier one, so a
//! file is both journal and snapshot: a new generation (`begun.7`) begins by writing everything down once, between what
//! changes meanwhile, is renamed (`state.7`) once everything is there, and the older ones are removed. A crash in between
//! leaves the old generation and the begun one, which are read in turn.
//!
//! The end of the newest file may be torn (the process was killed while it wrote): what is whole counts, and nothing is
//! said about it. A batch that is damaged in the middle, or a head that is not ours, is: the file is kept aside under
//! another name, what came before the damage counts, and the gate starts.

use super::kept::Kept;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"tollgate";
/// Of the layout of records. Another number is another program's file.
pub const LAYOUT: u32 = 4;
const HEAD: usize = MAGIC.len() + 4 + 16;
/// Longest batch, bytes: bounds what a damaged length can make us read. One held answer fits with room to spare.
pub const LONGEST_BATCH: usize = 16 << 20;
/// Names of generations, before their number.
const WHOLE: &str = "state.";
const BEGUN: &str = "begun.";

/// Why a state directory cannot be used. What is in it is never a reason: damage is set aside.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{} is in use by another process: two gates cannot share one", .0.display())]
    InUse(PathBuf),
}

impl StateError {
    pub fn io(path: &Path, error: io::Error) -> StateError {
        StateError::Io { path: path.to_path_buf(), error }
    }
}

/// A state directory that this process has for itself.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Locked until it is let go of; the system does that when the process ends, however it ends.
    lock: File,
}

/// One generation, open for appending.
#[derive(Debug)]
pub struct Generation {
    number: u64,
    path: PathBuf,
    file: File,
    /// Bytes written.
    pub length: u64,
}

/// What was found in a directory.
#[derive(Debug, Default)]
pub struct Found {
    /// The key of the tags, if there was anything.
    pub tags: Option<[u8; 16]>,
    /// For the operator: what was set aside, and why.
    pub damage: Vec<String>,
    /// The number that the next generation takes.
    pub next: u64,
}

impl Directory {
    /// Makes the directory if only itself is missing (0700: what is in it tells who tried what), and takes it.
    pub fn open(path: &Path) -> Result<Directory, StateError> {
        let failed = |error| StateError::Io { path: path.to_path_buf(), error };
        if !path.is_dir() {
            use std::os::unix::fs::DirBuilderExt;
            fs::DirBuilder::new().mode(0o700).create(path).map_err(failed)?;
        }
        let lock = private().create(true).truncate(false).write(true).open(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Directory { path: path.to_path_buf(), lock }),
            Err(TryLockError::WouldBlock) => Err(StateError::InUse(path.to_path_buf())),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Lets another process have it.
    pub fn release(&self) -> io::Result<()> {
        self.lock.unlock()
    }

    /// Takes it again.
    pub fn take_back(&self) -> io::Result<()> {
        self.lock.try_lock().map_err(io::Error::from)
    }

    /// The number that the next generation takes.
    pub fn next(&self) -> Result<u64, StateError> {
        Ok(self.generations()?.last().map_or(1, |last| last.number + 1))
    }

    /// Reads what is there, oldest first. `batch` is given the records of one batch, and says whether it could read them.
    pub fn read(&self, mut batch: impl FnMut(&[u8]) -> bool) -> Result<Found, StateError> {
        let mut found = Found { next: 1, ..Found::default() };
        let mut generations = self.generations()?;
        if let Some(whole) = generations.iter().rposition(|generation| generation.whole) {
            generations.drain(..whole);
        }
        for Named { number, path, .. } in generations {
            found.next = number + 1;
            if let Err(damage) = read_one(&path, &mut found.tags, &mut batch) {
                let aside = self.path.join(format!("damaged.{number}"));
                let kept = match fs::rename(&path, &aside) {
                    Ok(()) => format!("the file is kept as {}", aside.display()),
                    Err(error) => format!("the file cannot be set aside: {error}"),
                };
                found.damage.push(format!("{}: {damage}; what stands before that is in use, {kept}", path.display()));
            }
        }
        Ok(found)
    }

    /// Begins a generation.
    pub fn begin(&self, number: u64, tags: [u8; 16]) -> io::Result<Generation> {
        let path = self.path.join(format!("{BEGUN}{number}"));
        let _ = fs::remove_file(&path);
        let mut file = private().create_new(true).append(true).open(&path)?;
        let mut head = Vec::with_capacity(HEAD);
        head.extend_from_slice(&MAGIC);
        LAYOUT.put(&mut head);
        tags.put(&mut head);
        file.write_all(&head)?;
        Ok(Generation { number, path, file, length: HEAD as u64 })
    }

    /// Everything is in this generation: it takes its lasting name, and those before it go.
    pub fn finish(&self, generation: &mut Generation) -> io::Result<()> {
        generation.sync()?;
        let path = self.path.join(format!("{WHOLE}{}", generation.number));
        fs::rename(&generation.path, &path)?;
        generation.path = path;
        for Named { number, path, .. } in self.generations().map_err(io::Error::other)? {
            if number < generation.number {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Oldest first.
    fn generations(&self) -> Result<Vec<Named>, StateError> {
        let failed = |error| StateError::Io { path: self.path.clone(), error };
        let mut generations = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            for (prefix, whole) in [(WHOLE, true), (BEGUN, false)] {
                if let Some(number) = name.strip_prefix(prefix).and_then(|number| number.parse().ok()) {
                    generations.push(Named { number, whole, path: path.clone() });
                }
            }
        }
        generations.sort_unstable_by_key(|generation| generation.number);
        Ok(generations)
    }
}

/// A generation by the name of its file.
struct Named {
    number: u64,
    whole: bool,
    path: PathBuf,
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Reads one file to its end. `Err` says what is damaged.
fn read_one(path: &Path, tags: &mut Option<[u8; 16]>, batch: &mut impl FnMut(&[u8]) -> bool) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut head = [0; HEAD];
    if size < HEAD as u64 {
        // Killed before the head was there: nothing is lost.
        return Ok(());
    }
    file.read_exact(&mut head).map_err(|error| error.to_string())?;
    let mut rest = &head[..];
    let magic = <[u8; 8]>::take(&mut rest);
    let layout = u32::take(&mut rest);
    let key = <[u8; 16]>::take(&mut rest);
    if magic != Some(MAGIC) {
        return Err("this is no state file of Tollgate".to_owned());
    }
    if layout != Some(LAYOUT) {
        return Err(format!("it is written in layout {}, and this version reads {LAYOUT}", layout.unwrap_or(0)));
    }
    if tags.is_some() && *tags != key {
        return Err("it has another key than the file before it".to_owned());
    }
    *tags = key;
    let mut at = HEAD as u64;
    let mut records = Vec::new();
    loop {
        let mut frame = [0; 8];
        if at + 8 > size {
            return Ok(());
        }
        file.read_exact(&mut frame).map_err(|error| error.to_string())?;
        let [a, b, c, d, e, f, g, h] = frame;
        let (length, checksum) = (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]));
        let end = at + 8 + length as u64;
        if end > size && length <= LONGEST_BATCH {
            // Torn at its end, as a process leaves it that was killed.
            return Ok(());
        }
        if length > LONGEST_BATCH {
            return Err(format!("at byte {at} a length makes no sense"));
        }
        records.resize(length, 0);
        file.read_exact(&mut records).map_err(|error| error.to_string())?;
        if crc32fast::hash(&records) != checksum {
            return Err(format!("at byte {at} the checksum is wrong"));
        }
        if !batch(&records) {
            return Err(format!("at byte {at} a record makes no sense"));
        }
        at = end;
    }
}

impl Generation {
    /// Appends one batch. A write that fails halfway is cut off again, so that what follows can be read.
    pub fn append(&mut self, records: &[u8]) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let mut framed = Vec::with_capacity(records.len() + 8);
        u32::try_from(records.len()).unwrap_or(u32::MAX).put(&mut framed);
        crc32fast::hash(records).put(&mut framed);
        framed.extend_from_slice(records);
        let written = self.file.write_all(&framed);
        match written {
            Ok(()) => self.length += framed.len() as u64,
            Err(_) => self.file.set_len(self.length)?,
        }
        written
    }

    /// Waits until what was written would survive a loss of power.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> (Vec<Vec<u8>>, Found) {
        let mut batches = Vec::new();
        let found = Directory::open(path).unwrap().read(|batch| {
            batches.push(batch.to_vec());
            true
        });
        (batches, found.unwrap())
    }

    fn write(path: &Path, number: u64, whole: bool, batches: &[&[u8]]) {
        let directory = Directory::open(path).unwrap();
        let mut generation = directory.begin(number, [7; 16]).unwrap();
        for batch in batches {
            generation.append(batch).unwrap();
        }
        if whole {
            directory.finish(&mut generation).unwrap();
        }
    }

    #[test]
    fn a_begun_generation_is_read_after_the_whole_one_and_replaces_it_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 1, true, &[b"one"]);
        write(dir.path(), 2, false, &[b"two"]);
        assert_eq!(read(dir.path()).0, [b"one", b"two"]);
        write(dir.path(), 3, true, &[b"three"]);
        let (batches, found) = read(dir.path());
        assert_eq!((batches, found.next, found.tags), (vec![b"three".to_vec()], 4, Some([7; 16])));
        assert!(found.damage.is_empty());
    }

    #[test]
    fn a_file_that_was_cut_off_anywhere_gives_what_was_whole_and_no_alarm() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 1, true, &[b"one", b"two"]);
        let path = dir.path().join("state.1");
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let (batches, found) = read(dir.path());
            let first = HEAD + 8 + 3;
            let expected: &[&[u8]] = if length >= first { &[b"one"] } else { &[] };
            assert_eq!(batches, expected, "cut at {length}");
            assert!(found.damage.is_empty(), "cut at {length}: {:?}", found.damage);
        }
    }

    #[test]
    fn a_byte_that_changed_anywhere_is_found_and_the_file_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 1, true, &[b"one", b"two"]);
        let path = dir.path().join("state.1");
        let whole = fs::read(&path).unwrap();
        // The key is as good as any other, and the last length may look like a file that was cut off.
        let last = HEAD + 8 + 3;
        for place in (0..12).chain(HEAD..whole.len()).filter(|place| !(last..last + 4).contains(place)) {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x55;
            fs::write(&path, &damaged).unwrap();
            let (_, found) = read(dir.path());
            if found.damage.is_empty() {
                assert!((HEAD..HEAD + 4).contains(&place), "the change at {place} was not noticed");
                continue;
            }
            assert!(!path.exists() && dir.path().join("damaged.1").exists(), "{:?}", found.damage);
        }
    }

    #[test]
    fn two_cannot_have_one_directory() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Directory::open(dir.path()).unwrap();
        assert!(matches!(Directory::open(dir.path()), Err(StateError::InUse(_))));
    }

    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        write(&path, 1, true, &[]);
        for place in [&path, &path.join("state.1")] {
            assert_eq!(fs::metadata(place).unwrap().permissions().mode() & 0o077, 0, "{}", place.display());
        }
    }
}
