//! From any number of passwords to a file of them, in bounded memory.
//!
//! Up to eight million keys are held (64 MiB). What is more goes to 256 files without a name beside the target, by the
//! first byte of the key, eight bytes each, and comes back one file at a time: sorted, without doubles, cut into filters of
//! a million or fewer. A filter takes 35 bytes a key while it is built, and no two are built at once. So the memory is
//! about 110 MiB for anything up to half a thousand million passwords, and grows by 0.03 MiB a million from there; the
//! disk takes 8 MB a million beside the file itself.

use super::file::{About, MOST_FILTERS, Writer};
use super::fuse;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Most keys that are held.
const HELD: usize = 8 << 20;
/// Most keys of a filter.
const OF_A_FILTER: u64 = 1 << 20;
/// Files of keys that are not held.
const BUCKETS: usize = 256;

/// Collects keys.
pub struct Builder {
    folder: PathBuf,
    most_held: usize,
    held: Vec<u64>,
    /// By the key's first byte; nothing until there is too much to hold.
    buckets: Vec<File>,
    taken: u64,
}

/// What was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built {
    pub about: About,
    /// Passwords that were there before.
    pub twice: u64,
    /// Length of the file.
    pub bytes: u64,
}

impl Builder {
    /// What cannot be held is laid down in `folder`.
    pub fn new(folder: &Path) -> Builder {
        Builder::holding(folder, HELD)
    }

    fn holding(folder: &Path, most_held: usize) -> Builder {
        Builder { folder: folder.to_owned(), most_held, held: Vec::new(), buckets: Vec::new(), taken: 0 }
    }

    /// Takes the key of one password.
    pub fn add(&mut self, key: u64) -> io::Result<()> {
        self.held.push(key);
        self.taken += 1;
        if self.held.len() < self.most_held {
            return Ok(());
        }
        self.settle();
        // Lists that repeat themselves are held for as long as they do.
        if self.held.len() * 2 > self.most_held { self.lay_down() } else { Ok(()) }
    }

    fn settle(&mut self) {
        self.held.sort_unstable();
        self.held.dedup();
    }

    /// Puts what is held, sorted, into the files.
    fn lay_down(&mut self) -> io::Result<()> {
        while self.buckets.len() < BUCKETS {
            self.buckets.push(tempfile::tempfile_in(&self.folder)?);
        }
        let mut rest = &self.held[..];
        let mut bytes = Vec::new();
        while let Some(first) = rest.first().map(|key| bucket(*key)) {
            let (own, others) = rest.split_at(rest.partition_point(|key| bucket(*key) == first));
            bytes.clear();
            bytes.extend(own.iter().flat_map(|key| key.to_le_bytes()));
            self.buckets[first].write_all(&bytes)?;
            rest = others;
        }
        self.held.clear();
        Ok(())
    }

    /// Writes the file. `made`: when, in Unix seconds.
    pub fn finish(mut self, made: u64, target: impl Write + Seek) -> io::Result<Built> {
        self.settle();
        if !self.buckets.is_empty() {
            self.lay_down()?;
        }
        let mut most = self.held.len() as u64;
        for bucket in &mut self.buckets {
            most += bucket.stream_position()? / 8;
        }
        // A few too many where keys are there twice in several of the files.
        let filters = most.div_ceil(OF_A_FILTER).next_power_of_two().clamp(1, MOST_FILTERS.into()) as u32;
        let mut writer = Writer::new(target, filters)?;
        if self.buckets.is_empty() {
            write(&mut writer, &self.held, 0, filters)?;
        } else {
            drop(std::mem::take(&mut self.held));
            self.write_buckets(&mut writer, filters)?;
        }
        let (about, bytes) = writer.finish(made)?;
        Ok(Built { about, twice: self.taken - about.passwords, bytes })
    }

    fn write_buckets<W: Write + Seek>(&mut self, writer: &mut Writer<W>, filters: u32) -> io::Result<()> {
        // Either several files make a filter, or a file makes several.
        let together = (BUCKETS / filters as usize).max(1);
        let each = (filters / BUCKETS as u32).max(1);
        let mut keys = Vec::new();
        for (number, mut bucket) in std::mem::take(&mut self.buckets).into_iter().enumerate() {
            let before = keys.len();
            bucket.seek(SeekFrom::Start(0))?;
            read_keys(bucket, &mut keys)?;
            keys[before..].sort_unstable();
            keys.dedup();
            if (number + 1) % together == 0 {
                write(writer, &keys, (number / together) as u32 * each, each)?;
                keys.clear();
            }
        }
        Ok(())
    }
}

fn bucket(key: u64) -> usize {
    (key >> 56) as usize
}

fn read_keys(mut file: File, keys: &mut Vec<u64>) -> io::Result<()> {
    keys.reserve_exact(usize::try_from(file.metadata()?.len() / 8).unwrap_or(0));
    let mut piece = vec![0; 64 * 1024];
    loop {
        // A file of whole keys, read in whole pieces.
        let mut filled = 0;
        while filled < piece.len() {
            match file.read(&mut piece[filled..])? {
                0 => break,
                more => filled += more,
            }
        }
        keys.extend(piece[..filled].as_chunks().0.iter().map(|key| u64::from_le_bytes(*key)));
        if filled < piece.len() {
            return Ok(());
        }
    }
}

/// Builds and writes so many filters from the one with this number on, of which these are all the keys, sorted.
fn write<W: Write + Seek>(writer: &mut Writer<W>, keys: &[u64], first: u32, count: u32) -> io::Result<()> {
    let bits = writer.filters().trailing_zeros();
    let mut rest = keys;
    for number in first..first + count {
        let of = |key: &u64| key.checked_shr(64 - bits).unwrap_or(0) <= u64::from(number);
        let (own, others) = rest.split_at(rest.partition_point(of));
        let (shape, fingerprints) = fuse::build(own).ok_or_else(|| io::Error::other("keys are there twice"))?;
        writer.add(&shape, &fingerprints, own.len() as u32)?;
        rest = others;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::file::Leaked;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::io::Cursor;

    fn built(keys: &[u64], most_held: usize) -> (Built, Leaked) {
        let folder = tempfile::tempdir().unwrap();
        let mut builder = Builder::holding(folder.path(), most_held);
        for key in keys {
            builder.add(*key).unwrap();
        }
        let mut target = Cursor::new(Vec::new());
        let built = builder.finish(7, &mut target).unwrap();
        let bytes = target.into_inner();
        assert_eq!(built.bytes, bytes.len() as u64);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
        (built, Leaked::read(&bytes[..], bytes.len() as u64).unwrap())
    }

    fn spread(number: u64) -> u64 {
        let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^= mixed >> 29;
        mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ mixed >> 32
    }

    #[test]
    fn what_is_laid_down_comes_back() {
        let keys: Vec<u64> = (0..40_000).map(spread).collect();
        let whole = built(&keys, 1 << 20);
        let parts = built(&keys, 1_000);
        assert_eq!(whole.0, parts.0);
        for (built, leaked) in [whole, parts] {
            assert_eq!((built.about.passwords, built.twice), (40_000, 0));
            assert!(keys.iter().all(|key| leaked.contains(*key)));
            let wrong = (40_000..140_000).filter(|number| leaked.contains(spread(*number))).count();
            assert!(wrong <= 10, "{wrong} of 100,000 that are not there");
        }
    }

    #[test]
    fn doubles_are_counted_and_held_once() {
        let keys: Vec<u64> = (0..30_000).map(|number| spread(number % 300)).collect();
        for most_held in [1 << 20, 1_000, 400] {
            let (built, leaked) = built(&keys, most_held);
            assert_eq!((built.about.passwords, built.twice), (300, 29_700), "holding {most_held}");
            assert!(keys.iter().all(|key| leaked.contains(*key)));
        }
    }

    #[test]
    fn nothing_makes_a_file_too() {
        let (built, leaked) = built(&[], 10);
        assert_eq!(built.about.passwords, 0);
        assert!(!leaked.contains(0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn everything_is_found_however_it_came(keys in prop::collection::vec(any::<u64>(), 0..2_000), most_held in 2usize..3_000) {
            let (built, leaked) = built(&keys, most_held);
            let distinct: BTreeSet<u64> = keys.iter().copied().collect();
            prop_assert_eq!(built.about.passwords, distinct.len() as u64);
            prop_assert_eq!(built.twice, (keys.len() - distinct.len()) as u64);
            prop_assert!(keys.iter().all(|key| leaked.contains(*key)));
        }
    }
}
