//! The data inside the program, so that a gate without any file of the operator's is not blind. `conf/data/rebuild` makes
//! the files from named packages; `conf/data/NOTICE.md` tells where they come from. Each carries its own head, because
//! lists age: `check` and the metrics show the dates.
//!
//! Nothing is unpacked. The range tables are searched as they lie in the program: an index of every sixteenth range, then
//! at most sixteen delta-coded ones. Decoding the half million country ranges into columns took 11 MB and, unoptimised, a
//! third of a second in every test process, to make a look-up faster by less than it costs to allocate its answer.

use crate::engine::evidence::Country;
use crate::engine::ownership::Place;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

/// Where one embedded file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedData {
    /// `disposable`, `agents`, `addresses`, `countries` or `places`.
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
/// Throw-away e-mail domains, sorted.
pub(super) static DISPOSABLE: LazyLock<Vec<&'static str>> = LazyLock::new(|| lines(FILES[2]).collect());

/// Rows of the crawler and library patterns: kind, place, text, name, with tabs between.
pub(super) fn agent_rows() -> impl Iterator<Item = &'static str> {
    lines(FILES[3])
}

/// Where a country is: a circle around its outline. `None` for what is no country of the table.
pub(super) fn place(country: Country) -> Option<Place> {
    static PLACES: LazyLock<HashMap<Country, Place>> = LazyLock::new(|| {
        let row = |line: &str| {
            let mut cells = line.split(' ');
            let country = Country::new(cells.next()?)?;
            let mut number = || cells.next()?.parse().ok();
            Some((country, Place::new(number()?, number()?, number()?)?))
        };
        lines(FILES[4]).filter_map(row).collect()
    });
    PLACES.get(&country).copied()
}

static FILES: [&[u8]; 5] = [
    include_bytes!("../../conf/data/addresses.ranges"),
    include_bytes!("../../conf/data/countries.ranges"),
    include_bytes!("../../conf/data/disposable.txt"),
    include_bytes!("../../conf/data/agents.tsv"),
    include_bytes!("../../conf/data/places.txt"),
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

/// Address ranges with the text of their labels.
pub(super) struct Table {
    /// By label number.
    pub labels: Vec<Arc<str>>,
    four: Packed<8>,
    /// In /64 networks, which is what the gate takes for one subscriber.
    six: Packed<12>,
}

impl Table {
    #[expect(clippy::expect_used, reason = "the file is part of the program, and a test opens it")]
    fn open(file: &'static [u8]) -> Table {
        Table::parse(File::open(file).body).expect("embedded range table is whole")
    }

    /// Labels a line each, an empty line, and the two families. `None` if the parts do not fit together.
    fn parse(body: &'static [u8]) -> Option<Table> {
        let end = memchr::memmem::find(body, b"\n\n")?;
        let labels = std::str::from_utf8(body.get(..end)?).ok()?.lines().map(Arc::from).collect();
        let (four, rest) = Packed::parse(body.get(end + 2..)?)?;
        let (six, rest) = Packed::parse(rest)?;
        rest.is_empty().then_some(Table { labels, four, six })
    }

    /// The number of the label of the range that holds the address.
    pub(super) fn find(&self, ip: IpAddr) -> Option<usize> {
        match ip.to_canonical() {
            IpAddr::V4(v4) => self.four.find(u32::from(v4).into()),
            IpAddr::V6(v6) => self.six.find((u128::from(v6) >> 64) as u64),
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.four.ranges + self.six.ranges
    }
}

/// The ranges of one address family, packed. `ENTRY` is the width of an index entry: a key of four or eight bytes, and an
/// offset of four.
struct Packed<const ENTRY: usize> {
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests to compare with the head"))]
    ranges: usize,
    /// The start of each block's first range, and where its ranges lie in `data`.
    index: &'static [[u8; ENTRY]],
    /// For every range the gap to the end of the one before, its length less one, and its label, in LEB128.
    data: &'static [u8],
}

impl<const ENTRY: usize> Packed<ENTRY> {
    fn parse(bytes: &'static [u8]) -> Option<(Packed<ENTRY>, &'static [u8])> {
        let (head, rest) = bytes.split_first_chunk::<12>()?;
        let number = |at: usize| Some(little_endian(head.get(at..at + 4)?) as usize);
        let (ranges, blocks, length) = (number(0)?, number(4)?, number(8)?);
        let (index, rest) = rest.split_at_checked(blocks.checked_mul(ENTRY)?)?;
        let (data, rest) = rest.split_at_checked(length)?;
        Some((Packed { ranges, index: index.as_chunks().0, data }, rest))
    }

    fn find(&self, key: u64) -> Option<usize> {
        let block = self.index.partition_point(|entry| Self::entry(entry).0 <= key).checked_sub(1)?;
        self.block(block).find(|range| range.end >= key).filter(|range| range.start <= key).map(|range| range.label)
    }

    /// The ranges of one block.
    fn block(&self, number: usize) -> impl Iterator<Item = PackedRange> {
        let bounds = self.index.get(number).map(Self::entry);
        let (start, from) = bounds.unwrap_or_default();
        let to = self.index.get(number + 1).map_or(self.data.len(), |entry| Self::entry(entry).1);
        let mut numbers = Leb128 { bytes: self.data.get(from..to).unwrap_or_default() };
        let mut next = start;
        std::iter::from_fn(move || {
            let start = next.checked_add(numbers.next()?)?;
            let end = start.checked_add(numbers.next()?)?;
            // Behind the last address there is no next one; and no range either.
            next = end.saturating_add(1);
            Some(PackedRange { start, end, label: usize::try_from(numbers.next()?).ok()? })
        })
    }

    fn entry(entry: &[u8; ENTRY]) -> (u64, usize) {
        let (key, offset) = entry.split_at(ENTRY.saturating_sub(4));
        (little_endian(key), little_endian(offset) as usize)
    }
}

struct PackedRange {
    start: u64,
    /// Included.
    end: u64,
    label: usize,
}

/// At most eight bytes.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
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
            assert!(file.entries > 200, "{file:?}");
        }
    }

    #[test]
    fn heads_count_what_the_files_hold() {
        let entries = |name: &str| embedded().iter().find(|file| file.name == name).unwrap().entries;
        assert_eq!(ADDRESSES.len(), entries("addresses"));
        assert_eq!(COUNTRIES.len(), entries("countries"));
        assert_eq!(DISPOSABLE.len(), entries("disposable"));
        assert_eq!(agent_rows().count(), entries("agents"));
        let codes = lines(FILES[4]).filter_map(|line| Country::new(line.split(' ').next()?));
        assert_eq!(codes.filter(|country| place(*country).is_some()).count(), entries("places"));
    }

    /// But for an island of seals, and a country that is dissolved.
    #[test]
    fn every_country_that_an_address_can_be_in_is_somewhere() {
        for code in &COUNTRIES.labels {
            if let Some(country) = Country::new(code).filter(|_| !["EU", "AP", "ZZ", "BV", "AN"].contains(&&**code)) {
                assert!(place(country).is_some(), "{code}");
            }
        }
        let of = |code| place(Country::new(code).unwrap()).unwrap();
        assert_eq!(of("DE").least_km_to(of("PL")), 0.0, "neighbours touch");
        assert!(of("DE").least_km_to(of("VN")) > 7_000.0);
        assert!(of("US").least_km_to(of("NG")) > 3_000.0);
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

    /// Sorted, disjoint, with labels that exist; every sixteenth in the index; and found by a search.
    fn check<const ENTRY: usize>(packed: &Packed<ENTRY>, labels: usize) {
        let (mut count, mut last) = (0, None);
        for block in 0..packed.index.len() {
            let mut first = true;
            for range in packed.block(block) {
                assert!(last.is_none_or(|last| last < range.start) && range.start <= range.end && range.label < labels);
                assert!(!first || Packed::entry(&packed.index[block]).0 == range.start);
                if block % 97 == 0 {
                    assert_eq!(packed.find(range.start), Some(range.label));
                    assert_eq!(packed.find(range.end), Some(range.label));
                    let gap = last.is_some_and(|last| last + 1 < range.start);
                    assert!(!gap || packed.find(range.start - 1).is_none());
                }
                (last, first, count) = (Some(range.end), false, count + 1);
            }
            assert!(!first, "an empty block");
        }
        assert_eq!(count, packed.ranges);
        assert_eq!(packed.find(u64::MAX), None);
        assert_eq!(packed.find(0), None);
    }

    #[test]
    fn tables_are_whole() {
        for table in [&*ADDRESSES, &*COUNTRIES] {
            check(&table.four, table.labels.len());
            check(&table.six, table.labels.len());
        }
    }

    #[test]
    fn domains_are_sorted_for_the_search() {
        assert!(DISPOSABLE.is_sorted());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_table_or_not(body in prop::collection::vec(any::<u8>(), 0..200), key in any::<u128>()) {
            let leaked: &'static [u8] = Box::leak([b"AA\nBB\n\n".as_slice(), &body].concat().into_boxed_slice());
            let packed = Packed::<8> { ranges: 0, index: &leaked.as_chunks().0[..leaked.len() / 16], data: leaked };
            let _ = (packed.find(key as u64), packed.find(u64::MAX));
            if let Some(table) = Table::parse(leaked) {
                let _ = table.find(std::net::Ipv6Addr::from(key).into());
            }
        }

        #[test]
        fn a_cut_table_is_refused(cut in 1usize..5000) {
            let body = File::open(FILES[0]).body;
            prop_assert!(Table::parse(&body[..body.len() - cut]).is_none());
        }
    }
}
