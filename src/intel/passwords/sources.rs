//! What people have leaked passwords in: lists with one a line, and the dumps of the range service.
//!
//! A list is taken as it is: each line that is not empty is one password, of these bytes, whatever they are; only the line's
//! end is no part of it. (`$HEX[…]`, in which cracking programs write what would break a line, is what it stands for.) Of
//! a dump every line must be one: half of a corpus, taken in silence, is worse than an error. Lines are read piece by piece
//! and have a bound, so that a file without line ends is not held in memory.

use super::digest::{Digest, hexadecimal};
use std::fmt;
use std::io::{self, BufRead};

/// Longest line that can be a password or an entry.
const LONGEST: usize = 1024;
/// Lines that tell what a file is, at most: as many of them as are read at once.
const SAMPLE: usize = 2000;

/// How a file is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One password a line.
    Text,
    /// `SHA1:COUNT` a line; or `SUFFIX:COUNT`, of a file that is named after its prefix.
    Range,
    /// As most of the first lines look.
    Auto,
}

/// How one file is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub format: Format,
    /// The five hexadecimal digits that the file is named after.
    pub prefix: Option<u32>,
    /// Entries of a dump that were seen less often are left out.
    pub least: u64,
}

/// What became of a file's lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Passwords.
    pub taken: u64,
    /// Of a dump: seen too seldom.
    pub rare: u64,
    /// Of a list: longer than any password.
    pub long: u64,
    /// It was read as a dump, and not as a list.
    pub is_dump: bool,
}

/// Why a file is not read.
#[derive(Debug)]
pub enum Unreadable {
    /// From 1.
    Line(u64, String),
    /// Of another kind than anything that is read here.
    Kind(&'static str),
    /// The file could not be read.
    Io(io::Error),
    /// What was read could not be put away.
    Taker(io::Error),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Line(line, what) => write!(f, "line {line}: {what}"),
            Unreadable::Kind(what) => f.write_str(what),
            Unreadable::Io(error) => write!(f, "cannot be read: {error}"),
            Unreadable::Taker(error) => write!(f, "no room for what was read: {error}"),
        }
    }
}

/// The prefix in a file's name: `5BAA6`, `5baa6.txt`.
pub fn prefix_of(name: &str) -> Option<u32> {
    let stem = name.split('.').next().unwrap_or_default();
    let digits = (stem.len() == 5).then(|| hexadecimal(stem.as_bytes())).flatten()?;
    u32::try_from(digits).ok()
}

/// Reads a whole file and hands out the key of each password.
pub fn read(
    mut source: impl BufRead,
    reading: Reading,
    mut take: impl FnMut(u64) -> io::Result<()>,
) -> Result<Tally, Unreadable> {
    let is_range = match reading.format {
        Format::Text => false,
        Format::Range => true,
        Format::Auto => looks_like_range(source.fill_buf().map_err(Unreadable::Io)?)?,
    };
    let mut tally = Tally { is_dump: is_range, ..Tally::default() };
    let (mut number, mut line) = (0, Vec::new());
    while let Some(whole) = next_line(&mut source, &mut line).map_err(Unreadable::Io)? {
        number += 1;
        let text = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line[..] };
        let key = match (is_range, whole) {
            _ if text.is_empty() && whole => continue,
            (false, false) => {
                tally.long += 1;
                continue;
            }
            (false, true) => password_key(text),
            (true, whole) => {
                let entry = whole.then(|| entry(text, reading.prefix)).flatten();
                let (key, count) = entry.ok_or_else(|| Unreadable::Line(number, reading.wanted()))?;
                if count < reading.least.max(1) {
                    tally.rare += 1;
                    continue;
                }
                key
            }
        };
        take(key).map_err(Unreadable::Taker)?;
        tally.taken += 1;
    }
    Ok(tally)
}

impl Reading {
    fn wanted(&self) -> String {
        let wanted = match self.prefix {
            Some(_) => "is neither SUFFIX:COUNT (35 hexadecimal digits) nor SHA1:COUNT (40)",
            None => {
                "is not SHA1:COUNT, with 40 hexadecimal digits (a file of SUFFIX:COUNT lines is named after its prefix: 5BAA6.txt)"
            }
        };
        match self.format {
            Format::Auto => format!(
                "{wanted}, as most of the first lines are: take the line out, or say `--format text` if each line is a password"
            ),
            Format::Text | Format::Range => wanted.to_owned(),
        }
    }
}

/// The next line without its end, and whether it is whole; `None` at the end of the file.
fn next_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let (mut whole, mut any) = (true, false);
    loop {
        let piece = match source.fill_buf() {
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if piece.is_empty() {
            break;
        }
        any = true;
        let end = memchr::memchr(b'\n', piece);
        let part = &piece[..end.unwrap_or(piece.len())];
        let room = LONGEST.saturating_sub(line.len());
        whole &= part.len() <= room;
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = part.len() + usize::from(end.is_some());
        source.consume(used);
        if end.is_some() {
            break;
        }
    }
    if line.last() == Some(&b'\r') && whole {
        line.pop();
    }
    Ok(any.then_some(whole))
}

fn password_key(line: &[u8]) -> u64 {
    let stands_for = line.strip_prefix(b"$HEX[").and_then(|rest| rest.strip_suffix(b"]")).and_then(|digits| {
        let pairs = digits.chunks(2).map(|pair| (pair.len() == 2).then(|| hexadecimal(pair)).flatten());
        pairs.map(|byte| byte.map(|byte| byte as u8)).collect::<Option<Vec<u8>>>()
    });
    Digest::of(stands_for.as_deref().unwrap_or(line)).key()
}

/// A dump's line: `SHA1`, `SHA1:COUNT`, `SUFFIX:COUNT`.
fn entry(line: &[u8], prefix: Option<u32>) -> Option<(u64, u64)> {
    let colon = memchr::memchr(b':', line);
    let (digits, count) = match colon {
        Some(at) => (&line[..at], number(&line[at + 1..])?),
        None if line.len() == 40 => (line, 1),
        None => return None,
    };
    // All of them, though only the first make the key.
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let key = match (digits.len(), prefix) {
        (40, _) => hexadecimal(&digits[..16])?,
        (35, Some(prefix)) => u64::from(prefix) << 44 | hexadecimal(&digits[..11])?,
        _ => return None,
    };
    Some((key, count))
}

/// A count; one that is too large is the largest.
pub fn number(digits: &[u8]) -> Option<u64> {
    let fine = (1..=20).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let digit = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    fine.then(|| digits.iter().fold(0, digit))
}

/// Whether a file that begins like this is a dump of hashes: half of its lines, or more, are. So a comment above them, or a
/// line that is broken, makes no list of passwords of it, of which each hash would be one; and a few passwords that look like
/// hashes make no dump of a list.
fn looks_like_range(beginning: &[u8]) -> Result<bool, Unreadable> {
    let lines = || beginning.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    // The last line may be cut off.
    let whole = if beginning.ends_with(b"\n") { SAMPLE } else { lines().count().saturating_sub(1).clamp(1, SAMPLE) };
    let (mut all, mut hashes, mut others) = (0, 0, 0);
    for line in lines().take(whole) {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let digits = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let counted = line.len() > digits.len();
        all += 1;
        match (digits.len(), counted) {
            _ if !digits.iter().all(u8::is_ascii_hexdigit) => {}
            (40, _) | (35, true) => hashes += 1,
            (32, true) => others += 1,
            _ => {}
        }
    }
    if others > 0 && others * 2 >= all {
        return Err(Unreadable::Kind(
            "holds hashes of 32 digits (NTLM or MD5), of which no password can be known: take the SHA-1 edition; if these \
             are passwords, say `--format text`",
        ));
    }
    Ok(hashes > 0 && hashes * 2 >= all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    const AUTO: Reading = Reading { format: Format::Auto, prefix: None, least: 0 };

    fn keys(bytes: &[u8], reading: Reading) -> Result<(Vec<u64>, Tally), Unreadable> {
        let mut keys = Vec::new();
        let tally = read(bytes, reading, |key| {
            keys.push(key);
            Ok(())
        })?;
        Ok((keys, tally))
    }

    fn of(passwords: &[&[u8]]) -> Vec<u64> {
        passwords.iter().map(|password| Digest::of(password).key()).collect()
    }

    #[test]
    fn a_list_is_taken_line_by_line_as_it_is() {
        let text = b"\xef\xbb\xbf123456\r\npassword\n\n with blanks \np\xe4ssword\n$HEX[613a62]\n$HEX[6g]\nlast";
        let (found, tally) = keys(text, AUTO).unwrap();
        let expected: [&[u8]; 7] =
            [b"123456", b"password", b" with blanks ", b"p\xe4ssword", b"a:b", b"$HEX[6g]", b"last"];
        assert_eq!(found, of(&expected));
        assert_eq!(tally, Tally { taken: 7, ..Tally::default() });
    }

    #[test]
    fn a_dump_gives_the_same_keys_in_each_of_its_forms() {
        let password = of(&[b"password"]);
        for (text, prefix) in [
            ("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:52256179\n", None),
            ("5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8\n", None),
            ("1E4C9B93F3F0682250B6CF8331B7EE68FD8:52256179\r\n", prefix_of("5BAA6.txt")),
            ("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:5", prefix_of("5baa6")),
        ] {
            let (found, tally) = keys(text.as_bytes(), Reading { prefix, ..AUTO }).unwrap();
            assert_eq!((found, tally.taken), (password.clone(), 1), "{text}");
        }
    }

    #[test]
    fn what_was_seen_seldom_and_padding_are_left_out() {
        let text = format!("{}:9\n{}:10\n{}:0\n", "A".repeat(40), "B".repeat(40), "C".repeat(40));
        let (found, tally) = keys(text.as_bytes(), Reading { least: 10, ..AUTO }).unwrap();
        assert_eq!((found.len(), tally.rare), (1, 2));
        assert_eq!(keys(text.as_bytes(), AUTO).unwrap().1, Tally { taken: 2, rare: 1, long: 0, is_dump: true });
    }

    #[test]
    fn a_wrong_line_of_a_dump_is_named() {
        let good = format!("{}:1\n", "A".repeat(40)).repeat(30);
        for wrong in ["AAAA:1", "password", &format!("{}:x", "A".repeat(40)), &format!("{}:1", "A".repeat(35))] {
            let error = keys(format!("{good}{wrong}\n").as_bytes(), AUTO).unwrap_err();
            assert!(error.to_string().starts_with("line 31: is not SHA1:COUNT"), "{error}");
        }
        let ntlm = format!("{}:7\n", "A".repeat(32)).repeat(5);
        assert!(keys(ntlm.as_bytes(), AUTO).unwrap_err().to_string().contains("NTLM"));
        assert_eq!(keys(ntlm.as_bytes(), Reading { format: Format::Text, ..AUTO }).unwrap().1.taken, 5);
    }

    #[test]
    fn a_dump_is_one_with_a_line_above_it_and_a_list_is_one_with_hashes_in_it() {
        let hash = |number: u64| format!("{number:040x}:7\n");
        let dump: String = (0..2000).map(hash).collect();
        for above in ["# of the range service", "hash:count", "password", "\u{feff}# dump"] {
            let error = keys(format!("{above}\n{dump}").as_bytes(), AUTO).unwrap_err().to_string();
            assert!(error.starts_with("line 1: is not SHA1:COUNT") && error.contains("--format text"), "{error}");
        }
        let forced = Reading { format: Format::Range, ..AUTO };
        let error = keys(format!("# dump\n{dump}").as_bytes(), forced).unwrap_err().to_string();
        assert!(error.starts_with("line 1: ") && !error.contains("--format"), "{error}");
        let list: String = (0..9).map(|number| format!("word{number}\n")).chain((0..5).map(hash)).collect();
        let (_, tally) = keys(list.as_bytes(), AUTO).unwrap();
        assert_eq!(tally, Tally { taken: 14, ..Tally::default() });
        let ntlm = format!("# users\n{}", format!("{}:7\n", "A".repeat(32)).repeat(9));
        assert!(keys(ntlm.as_bytes(), AUTO).unwrap_err().to_string().contains("NTLM"));
    }

    #[test]
    fn lines_without_an_end_are_not_held() {
        let long = [vec![b'x'; 3_000_000], b"\nshort\n".to_vec()].concat();
        let (found, tally) = keys(&long, AUTO).unwrap();
        assert_eq!((found, tally.long), (of(&[b"short"]), 1));
        let mut source = BufReader::with_capacity(16, &long[..]);
        let mut line = Vec::new();
        assert_eq!(next_line(&mut source, &mut line).unwrap(), Some(false));
        assert!(line.capacity() <= 2 * LONGEST, "{}", line.capacity());
    }

    #[test]
    fn names_of_prefix_files() {
        for (name, prefix) in [
            ("5BAA6", Some(0x5baa6)),
            ("00000.txt", Some(0)),
            ("fffff.txt.old", Some(0xfffff)),
            ("5BAA", None),
            ("README.md", None),
            ("5BAA61", None),
        ] {
            assert_eq!(prefix_of(name), prefix, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_the_same_in_pieces(bytes in prop::collection::vec(any::<u8>(), 0..500), piece in 1usize..40) {
            let text = Reading { format: Format::Text, ..AUTO };
            let whole = keys(&bytes, text).unwrap();
            let mut pieces = Vec::new();
            let tally = read(BufReader::with_capacity(piece, &bytes[..]), text, |key| {
                pieces.push(key);
                Ok(())
            }).unwrap();
            prop_assert_eq!(whole, (pieces, tally));
            let _ = keys(&bytes, AUTO);
            let _ = keys(&bytes, Reading { format: Format::Range, prefix: Some(1), least: 2 });
        }
    }
}
