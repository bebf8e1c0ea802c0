//! The file of leaked passwords: a head that says what it is, a table of filters, and their fingerprints.
//!
//! Keys are uniform, so their first bits cut them into filters of a million or so: building one takes a few dozen megabytes
//! whatever the whole takes, and any list can be turned into a file on any machine. A file is read whole and once, into one
//! piece of memory, before it is believed: the length that its head announces must be the one that it has before anything is
//! set aside, both checksums must fit, and no number of the table may point outside. One that was cut off, or is being
//! written, or is something else, is refused with a sentence; what was loaded before stays in force.
//!
//! | bytes | what |
//! | --- | --- |
//! | 16 | `tollgate leaked` and a line feed |
//! | 4, 4 | version (1); number of filters, a power of two |
//! | 8, 8 | when it was made, in Unix seconds; number of passwords |
//! | 4, 4 | CRC-32 of head and table with this field zero; CRC-32 of the fingerprints |
//! | 16 | zero |
//! | 20 each | the table: seed (8), passwords (4), places of a segment (4), segments but for two (4) |
//! | 2 each | the fingerprints |
//!
//! Numbers are little-endian. A password's key is the first eight bytes of its SHA-1, big-endian; its first bits name the filter.

use super::fuse::Shape;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

pub(super) const MAGIC: &[u8; 16] = b"tollgate leaked\n";
const VERSION: u32 = 1;
const HEAD: usize = 64;
const ROW: usize = 20;
/// Most filters of a file.
pub(super) const MOST_FILTERS: u32 = 1 << 16;
/// Largest file: seven thousand million passwords.
const LARGEST: u64 = 16 << 30;
/// Read and written at once.
const PIECE: usize = 64 * 1024;

/// What a file holds, ready to be asked.
pub struct Leaked {
    pub about: About,
    filters: Box<[Filter]>,
    fingerprints: Box<[u16]>,
}

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// When it was made, in Unix seconds.
    pub made: u64,
    /// Distinct passwords.
    pub passwords: u64,
}

impl fmt::Debug for Leaked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.about.fmt(f)
    }
}

#[derive(Clone, Copy)]
struct Filter {
    shape: Shape,
    keys: u32,
    /// Where its fingerprints begin.
    from: usize,
}

/// Why a file is refused.
#[derive(Debug)]
pub enum Unfit {
    /// It is something else.
    Foreign,
    /// Made by a newer program.
    Newer(u32),
    /// Cut off, or still being written: what it has, and what it should.
    Length(u64, u64),
    TooLarge,
    /// What does not fit.
    Damaged(&'static str),
    NoMemory(u64),
    Io(io::Error),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Foreign => {
                f.write_str("is no file of leaked passwords: make one with `tollgate lists build-passwords`")
            }
            Unfit::Newer(version) => {
                write!(
                    f,
                    "is of version {version}, which this program does not read: build it with this program, or upgrade"
                )
            }
            Unfit::Length(is, wanted) => write!(
                f,
                "has {is} bytes and should have {wanted}: it was cut off, or is still being written; build it again, or put \
                 it there under another name and rename it"
            ),
            Unfit::TooLarge => write!(f, "is larger than {} GiB", LARGEST >> 30),
            Unfit::Damaged(what) => write!(f, "is damaged ({what}): build it again"),
            Unfit::NoMemory(bytes) => write!(f, "needs {bytes} bytes of memory, which are not to be had"),
            Unfit::Io(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Unfit {
        Unfit::Io(error)
    }
}

impl Leaked {
    /// Reads a file of `length` bytes.
    pub fn read(mut source: impl Read, length: u64) -> Result<Leaked, Unfit> {
        let mut head = [0; HEAD];
        if length < HEAD as u64 {
            // Of the right kind as far as it goes, or not.
            let known = (length as usize).min(MAGIC.len());
            source.read_exact(&mut head[..known])?;
            let fits = known > 0 && head[..known] == MAGIC[..known];
            return Err(if fits { Unfit::Length(length, HEAD as u64) } else { Unfit::Foreign });
        }
        if length > LARGEST {
            return Err(Unfit::TooLarge);
        }
        source.read_exact(&mut head)?;
        if head[..16] != *MAGIC {
            return Err(Unfit::Foreign);
        }
        let version = four(&head, 16);
        if version != VERSION {
            return Err(Unfit::Newer(version));
        }
        let count = four(&head, 20);
        if !count.is_power_of_two() || count > MOST_FILTERS {
            return Err(Unfit::Damaged("number of filters"));
        }
        let before = HEAD as u64 + u64::from(count) * ROW as u64;
        if length < before {
            return Err(Unfit::Length(length, before));
        }
        let mut table = vec![0; count as usize * ROW];
        source.read_exact(&mut table)?;
        let sums = [four(&head, 40), four(&head, 44)];
        head[40..44].fill(0);
        let mut sum = crc32fast::Hasher::new();
        sum.update(&head);
        sum.update(&table);
        if sum.finalize() != sums[0] {
            return Err(Unfit::Damaged("checksum of the head"));
        }
        let about = About { made: eight(&head, 24), passwords: eight(&head, 32) };
        let (filters, places) = filters(&table, about.passwords)?;
        let wanted = before + 2 * places as u64;
        if length != wanted {
            return Err(Unfit::Length(length, wanted));
        }
        let fingerprints = fingerprints(&mut source, places, sums[1])?;
        Ok(Leaked { about, filters, fingerprints })
    }

    /// Opens a file of the operator's.
    pub fn open(path: &std::path::Path) -> Result<Leaked, Unfit> {
        let file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        Leaked::read(file, length)
    }

    /// Whether the password with this key leaked: right if it did, and wrong once in 65,536 if it did not.
    pub(super) fn contains(&self, key: u64) -> bool {
        let bits = self.filters.len().trailing_zeros();
        let number = key.checked_shr(64 - bits).unwrap_or(0) as usize;
        let Some(filter) = self.filters.get(number).filter(|filter| filter.keys > 0) else { return false };
        let own = self.fingerprints.get(filter.from..filter.from + filter.shape.places()).unwrap_or_default();
        filter.shape.contains(own, key)
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.fingerprints) + size_of_val(&*self.filters)
    }
}

/// The table's rows, and how many places they have together.
fn filters(table: &[u8], passwords: u64) -> Result<(Box<[Filter]>, usize), Unfit> {
    let (mut from, mut sum) = (0usize, 0u64);
    let mut filters = Vec::with_capacity(table.len() / ROW);
    for row in table.chunks_exact(ROW) {
        let shape = Shape { seed: eight(row, 0), segment: four(row, 12), segments: four(row, 16) };
        let keys = four(row, 8);
        if !shape.is_sound(keys.into()) {
            return Err(Unfit::Damaged("shape of a filter"));
        }
        filters.push(Filter { shape, keys, from });
        from += shape.places();
        sum += u64::from(keys);
        if from as u64 > LARGEST / 2 {
            return Err(Unfit::TooLarge);
        }
    }
    if sum != passwords {
        return Err(Unfit::Damaged("number of passwords"));
    }
    Ok((filters.into(), from))
}

fn fingerprints(source: &mut impl Read, places: usize, expected: u32) -> Result<Box<[u16]>, Unfit> {
    let mut fingerprints = Vec::new();
    fingerprints.try_reserve_exact(places).map_err(|_| Unfit::NoMemory(2 * places as u64))?;
    let (mut piece, mut sum) = (vec![0; PIECE], crc32fast::Hasher::new());
    while fingerprints.len() < places {
        let piece = &mut piece[..(2 * (places - fingerprints.len())).min(PIECE)];
        source.read_exact(piece)?;
        sum.update(piece);
        fingerprints.extend(piece.as_chunks().0.iter().map(|pair| u16::from_le_bytes(*pair)));
    }
    match sum.finalize() == expected {
        true => Ok(fingerprints.into()),
        false => Err(Unfit::Damaged("checksum")),
    }
}

fn four(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn eight(bytes: &[u8], at: usize) -> u64 {
    u64::from(four(bytes, at + 4)) << 32 | u64::from(four(bytes, at))
}

/// Writes a file, one filter after the other; what comes before them is written last, so that what was broken off is none.
pub(super) struct Writer<W> {
    target: W,
    filters: u32,
    table: Vec<u8>,
    passwords: u64,
    sum: crc32fast::Hasher,
    places: u64,
}

impl<W: Write + Seek> Writer<W> {
    /// `filters` is a power of two.
    pub fn new(mut target: W, filters: u32) -> io::Result<Writer<W>> {
        target.seek(SeekFrom::Start(HEAD as u64 + u64::from(filters) * ROW as u64))?;
        let table = Vec::with_capacity(filters as usize * ROW);
        Ok(Writer { target, filters, table, passwords: 0, sum: crc32fast::Hasher::new(), places: 0 })
    }

    /// How many filters the file has.
    pub fn filters(&self) -> u32 {
        self.filters
    }

    /// The next filter, of so many keys.
    pub fn add(&mut self, shape: &Shape, fingerprints: &[u16], keys: u32) -> io::Result<()> {
        self.table.extend_from_slice(&shape.seed.to_le_bytes());
        for number in [keys, shape.segment, shape.segments] {
            self.table.extend_from_slice(&number.to_le_bytes());
        }
        self.passwords += u64::from(keys);
        self.places += fingerprints.len() as u64;
        let mut piece = Vec::with_capacity(PIECE);
        for part in fingerprints.chunks(PIECE / 2) {
            piece.clear();
            piece.extend(part.iter().flat_map(|fingerprint| fingerprint.to_le_bytes()));
            self.sum.update(&piece);
            self.target.write_all(&piece)?;
        }
        Ok(())
    }

    /// Writes head and table. What the file says of itself, and its length.
    pub fn finish(mut self, made: u64) -> io::Result<(About, u64)> {
        if self.table.len() != self.filters as usize * ROW {
            return Err(io::Error::other("not all filters were written"));
        }
        let about = About { made, passwords: self.passwords };
        let mut head = [0; HEAD];
        head[..16].copy_from_slice(MAGIC);
        head[16..20].copy_from_slice(&VERSION.to_le_bytes());
        head[20..24].copy_from_slice(&self.filters.to_le_bytes());
        head[24..32].copy_from_slice(&about.made.to_le_bytes());
        head[32..40].copy_from_slice(&about.passwords.to_le_bytes());
        head[44..48].copy_from_slice(&self.sum.finalize().to_le_bytes());
        let mut sum = crc32fast::Hasher::new();
        sum.update(&head);
        sum.update(&self.table);
        head[40..44].copy_from_slice(&sum.finalize().to_le_bytes());
        self.target.seek(SeekFrom::Start(0))?;
        self.target.write_all(&head)?;
        self.target.write_all(&self.table)?;
        self.target.flush()?;
        Ok((about, (HEAD + self.table.len()) as u64 + 2 * self.places))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fuse;
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    /// A file of these keys, sorted, in so many filters.
    fn file(keys: &[u64], filters: u32) -> Vec<u8> {
        let mut target = Cursor::new(Vec::new());
        let mut writer = Writer::new(&mut target, filters).unwrap();
        for number in 0..filters {
            let bits = filters.trailing_zeros();
            let own: Vec<u64> = keys
                .iter()
                .copied()
                .filter(|key| key.checked_shr(64 - bits).unwrap_or(0) == u64::from(number))
                .collect();
            let (shape, fingerprints) = fuse::build(&own).unwrap();
            writer.add(&shape, &fingerprints, own.len() as u32).unwrap();
        }
        let (about, length) = writer.finish(1_795_338_000).unwrap();
        assert_eq!(about, About { made: 1_795_338_000, passwords: keys.len() as u64 });
        let bytes = target.into_inner();
        assert_eq!(bytes.len() as u64, length);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Leaked, Unfit> {
        Leaked::read(bytes, bytes.len() as u64)
    }

    fn keys(count: u64) -> Vec<u64> {
        let mut keys: Vec<u64> = (1..=count).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn what_was_written_is_read() {
        for (count, filters) in [(0, 1), (1, 1), (5_000, 1), (5_000, 16), (3, 256)] {
            let keys = keys(count);
            let bytes = file(&keys, filters);
            let leaked = read(&bytes).unwrap();
            assert_eq!(leaked.about.passwords, count);
            assert!(keys.iter().all(|key| leaked.contains(*key)), "{count} in {filters}");
            let wrong = (0..20_000u64).filter(|key| leaked.contains(key.wrapping_mul(0xd134_2543_de82_ef95))).count();
            assert!(wrong < 10, "{wrong} of 20,000 that are not there, {count} in {filters}");
        }
        assert!(!read(&file(&[], 1)).unwrap().contains(7), "nothing is in an empty file, not even by mistake");
    }

    #[test]
    fn a_file_that_is_cut_off_or_half_written_is_told_as_that() {
        let bytes = file(&keys(2_000), 4);
        for cut in [16, 40, 63, 64, 100, 144, bytes.len() - 1] {
            let error = read(&bytes[..cut]).unwrap_err();
            assert!(matches!(error, Unfit::Length(..)), "{cut}: {error}");
            assert!(error.to_string().contains("still being written"), "{error}");
        }
        let longer = [&bytes[..], b"\0"].concat();
        assert!(matches!(read(&longer).unwrap_err(), Unfit::Length(..)));
        // The head is written last: until then there are zeros.
        let mut unfinished = bytes;
        unfinished[..144].fill(0);
        assert!(matches!(read(&unfinished).unwrap_err(), Unfit::Foreign));
    }

    #[test]
    fn something_else_is_told_as_that() {
        for other in [&b""[..], b"123456\npassword\n", b"\xab\xcd\xefMaxMind.com", &[0; 4096]] {
            assert!(matches!(read(other).unwrap_err(), Unfit::Foreign), "{other:?}");
        }
        let mut newer = file(&keys(10), 1);
        newer[16] = 2;
        assert!(read(&newer).unwrap_err().to_string().contains("version 2"));
    }

    #[test]
    fn every_bit_is_looked_after() {
        let bytes = file(&keys(300), 2);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(read(&damaged).is_err(), "byte {at}");
        }
    }

    /// A head with sums that fit, whatever it says.
    fn sealed(mut bytes: Vec<u8>, table: usize) -> Vec<u8> {
        bytes[40..44].fill(0);
        let sum = crc32fast::hash(&bytes[..HEAD + table]);
        bytes[40..44].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    #[test]
    fn a_head_that_lies_sets_nothing_aside() {
        let whole = file(&keys(300), 1);
        let lie = |at: usize, with: &[u8]| {
            let mut bytes = whole.clone();
            bytes[at..at + with.len()].copy_from_slice(with);
            read(&sealed(bytes, ROW)).unwrap_err()
        };
        assert!(matches!(lie(32, &u64::MAX.to_le_bytes()), Unfit::Damaged(_)));
        assert!(matches!(lie(HEAD + 8, &u32::MAX.to_le_bytes()), Unfit::Damaged(_)));
        assert!(matches!(lie(HEAD + 12, &3u32.to_le_bytes()), Unfit::Damaged(_)));
        assert!(matches!(lie(HEAD + 12, &(1u32 << 31).to_le_bytes()), Unfit::Damaged(_)));
        assert!(matches!(lie(HEAD + 16, &0u32.to_le_bytes()), Unfit::Damaged(_)));
        assert!(matches!(lie(HEAD + 16, &(1u32 << 23).to_le_bytes()), Unfit::Length(..)));
        let mut bytes = whole.clone();
        bytes[20..24].copy_from_slice(&(1u32 << 17).to_le_bytes());
        assert!(matches!(read(&bytes).unwrap_err(), Unfit::Damaged(_)));
        // What is announced is compared with what is there before it is read.
        assert!(matches!(Leaked::read(&whole[..], u64::MAX).unwrap_err(), Unfit::TooLarge));
        assert!(matches!(Leaked::read(&whole[..], LARGEST).unwrap_err(), Unfit::Length(..)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_file_or_not(bytes in prop::collection::vec(any::<u8>(), 0..300), key in any::<u64>()) {
            let bytes = [&MAGIC[..], &1u32.to_le_bytes(), &bytes].concat();
            let sealed = match bytes.len() >= HEAD + ROW {
                true => sealed(bytes.clone(), ROW),
                false => bytes.clone(),
            };
            for bytes in [bytes, sealed] {
                if let Ok(leaked) = read(&bytes) {
                    leaked.contains(key);
                }
            }
        }
    }
}
