//! The data inside the program, so that a gate without any file of the operator's is not blind. `conf/data/rebuild` makes
//! the files from named packages; `conf/data/NOTICE.md` tells where they come from. Each carries its own head, because
//! lists age: `check` and the metrics show the dates.
//!
//! They are not compressed. The range tables are delta-coded, 2.5 MB for half a million ranges; unpacking 0.6 MB would save
//! two megabytes of program text that is only paged in once, and cost a dependency and start-up time in every test process.
//! Each table is decoded once per process, on first use, and shared by every snapshot.

use super::ranges::{Family, Ranges};
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

/// Where one embedded file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedData {
    /// `disposable`, `agents`, `addresses` or `countries`.
    pub name: &'static str,
    /// The package it was made from.
    pub source: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// When the package's data were built: `YYYY-MM-DD`.
    pub date: &'static str,
    pub licence: &'static str,
    pub entries: usize,
}

/// All embedded data, with their dates.
pub fn embedded() -> &'static [EmbeddedData] {
    static ALL: LazyLock<Vec<EmbeddedData>> =
        LazyLock::new(|| FILES.iter().map(|file| File::open(file).about).collect());
    &ALL
}

/// Addresses by what runs there. Labels are `hosting`, `vpn`, `tor` or `relay`, a blank, and the provider.
pub(super) static ADDRESSES: LazyLock<Table> = LazyLock::new(|| Table::open(FILES[0]));
/// Addresses by country. Labels are ISO 3166-1 alpha-2 codes.
pub(super) static COUNTRIES: LazyLock<Table> = LazyLock::new(|| Table::open(FILES[1]));
/// Throw-away e-mail domains.
pub(super) static DISPOSABLE: LazyLock<HashSet<&'static str>> = LazyLock::new(|| lines(FILES[2]).collect());

/// Rows of the crawler and library patterns: kind, place, text, name, with tabs between.
pub(super) fn agent_rows() -> impl Iterator<Item = &'static str> {
    lines(FILES[3])
}

static FILES: [&[u8]; 4] = [
    include_bytes!("../../conf/data/addresses.ranges"),
    include_bytes!("../../conf/data/countries.ranges"),
    include_bytes!("../../conf/data/disposable.txt"),
    include_bytes!("../../conf/data/agents.tsv"),
];

fn lines(file: &'static [u8]) -> impl Iterator<Item = &'static str> {
    std::str::from_utf8(File::open(file).body).unwrap_or_default().lines()
}

/// A head of `# key: value` lines, an empty line, and the data.
struct File {
    about: EmbeddedData,
    body: &'static [u8],
}

impl File {
    fn open(bytes: &'static [u8]) -> File {
        let end = memchr::memmem::find(bytes, b"\n\n").unwrap_or(bytes.len());
        let (head, body) = bytes.split_at(end);
        let head = std::str::from_utf8(head).unwrap_or_default();
        let value = |key: &str| {
            let line = head.lines().filter_map(|line| line.strip_prefix("# ")?.split_once(": "));
            line.filter(|(name, _)| *name == key).map(|(_, value)| value).next().unwrap_or_default()
        };
        let about = EmbeddedData {
            name: value("name"),
            source: value("source"),
            version: value("version"),
            date: value("date"),
            licence: value("licence"),
            entries: value("entries").parse().unwrap_or_default(),
        };
        File { about, body: body.get(2..).unwrap_or_default() }
    }
}

/// Ranges with the text of their labels.
pub(super) struct Table {
    pub ranges: Ranges<u64>,
    /// By label number.
    pub labels: Vec<Arc<str>>,
}

impl Table {
    #[expect(clippy::expect_used, reason = "the file is part of the program, and a test opens it")]
    fn open(file: &'static [u8]) -> Table {
        Table::decode(File::open(file).body).expect("embedded range table is whole")
    }

    /// Labels a line each, an empty line, then per family a count and per range the gap to the end of the one before,
    /// its length less one, and its label, all LEB128; IPv6 in /64 networks. `None` if anything is amiss.
    fn decode(body: &[u8]) -> Option<Table> {
        let end = memchr::memmem::find(body, b"\n\n")?;
        let (labels, ranges) = (body.get(..end)?, body.get(end + 2..)?);
        let labels: Vec<Arc<str>> = std::str::from_utf8(labels).ok()?.lines().map(Arc::from).collect();
        let mut numbers = Leb128 { bytes: ranges };
        let four = family::<u32>(&mut numbers, labels.len())?;
        let six = family::<u64>(&mut numbers, labels.len())?;
        numbers.bytes.is_empty().then_some(Table { ranges: Ranges::from_families(four, six), labels })
    }

    pub(super) fn label(&self, number: u16) -> Option<&Arc<str>> {
        self.labels.get(usize::from(number))
    }
}

fn family<Key: Copy + Ord + TryFrom<u64>>(numbers: &mut Leb128<'_>, labels: usize) -> Option<Family<Key>> {
    let count = usize::try_from(numbers.next()?).ok()?;
    // A range takes three bytes at least: a count that the bytes cannot hold reserves no memory.
    let mut family = Family::with_capacity(count.min(numbers.bytes.len() / 3));
    let mut next = Some(0u64);
    for _ in 0..count {
        let start = next?.checked_add(numbers.next()?)?;
        let end = start.checked_add(numbers.next()?)?;
        let label = u16::try_from(numbers.next()?).ok().filter(|label| usize::from(*label) < labels)?;
        if !family.push(Key::try_from(start).ok()?, Key::try_from(end).ok()?, label) {
            return None;
        }
        next = end.checked_add(1);
    }
    Some(family)
}

struct Leb128<'a> {
    bytes: &'a [u8],
}

impl Leb128<'_> {
    fn next(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for place in 0..10 {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            number |= u64::from(byte & 127).checked_shl(7 * place)?;
            if byte & 128 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_file_says_where_it_comes_from() {
        assert_eq!(embedded().len(), FILES.len());
        let notice = include_str!("../../conf/data/NOTICE.md");
        for file in embedded() {
            for (key, value) in
                [("source", file.source), ("version", file.version), ("date", file.date), ("name", file.name)]
            {
                assert!(!value.is_empty(), "{file:?} has no {key}");
                assert!(notice.contains(value), "NOTICE.md does not tell the {key} of {}: {value}", file.name);
            }
            assert_eq!(file.date.len(), "2026-01-01".len(), "{file:?}");
            assert!(file.entries > 1000, "{file:?}");
        }
    }

    #[test]
    fn heads_count_what_the_files_hold() {
        let entries = |name: &str| embedded().iter().find(|file| file.name == name).unwrap().entries;
        assert_eq!(ADDRESSES.ranges.len(), entries("addresses"));
        assert_eq!(COUNTRIES.ranges.len(), entries("countries"));
        assert_eq!(DISPOSABLE.len(), entries("disposable"));
        assert_eq!(agent_rows().count(), entries("agents"));
    }

    #[test]
    fn labels_are_of_the_known_kinds() {
        for label in &ADDRESSES.labels {
            let (kind, provider) = label.split_once(' ').unwrap();
            assert!(["hosting", "vpn", "tor", "relay"].contains(&kind) && !provider.is_empty(), "{label}");
        }
        for label in &COUNTRIES.labels {
            assert!(crate::engine::evidence::Country::new(label).is_some(), "{label}");
        }
    }

    #[test]
    fn providers_without_a_licence_are_left_out() {
        for provider in [
            "Cogent", "DataCamp", "Contabo", "Vercel", "CDN77", "GleSYS", "Scalaxy", "GTHost", "Melbicom", "BuyVM",
            "BunnyCDN",
        ] {
            assert!(!ADDRESSES.labels.iter().any(|label| label.ends_with(provider)), "{provider}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_do_not(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Table::decode(&[b"AA\nBB\n\n".as_slice(), &body].concat());
            let _ = Table::decode(&body);
        }

        #[test]
        fn a_cut_table_is_refused(cut in 1usize..5000) {
            let body = File::open(FILES[0]).body;
            prop_assert!(Table::decode(&body[..body.len() - cut]).is_none());
        }
    }
}
