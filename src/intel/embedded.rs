//! The data inside the program, so that a gate without any file of the operator's is not blind. `conf/data/rebuild` makes
//! the files from named packages; `conf/data/NOTICE.md` tells where they come from. Each carries its own head, because
//! lists age: `check` and the metrics show the dates.
//!
//! Nothing is unpacked. The range tables are searched as they lie in the program: the part of the index that begins with the
//! same bits as the address, by a table of a few thousand numbers; in it, which is every sixteenth range; and then at most
//! sixteen delta-coded ones. Decoding the half million country ranges into columns took 11 MB and, unoptimised, a
//! third of a second in every test process, to make a look-up faster by less than it costs to allocate its answer.

use crate::engine::evidence::Country;
use crate::engine::ownership::Place;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

/// Where one embedded file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedData {
    /// `disposable`, `agents`, `addresses`, `countries`, `places`, `passwords`, `letters`, `hosts` or `networks`.
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
/// Throw-away e-mail domains. By hash: a search among so many by halves reads seventeen places of memory, and every address
/// is looked for, with its parents.
pub(super) static DISPOSABLE: LazyLock<HashSet<&'static str, ahash::RandomState>> =
    LazyLock::new(|| lines(FILES[2]).collect());

/// Autonomous systems whose addresses are servers', by number, with the name of who runs them.
pub(super) static HOSTS: LazyLock<HashMap<u32, Arc<str>>> = LazyLock::new(|| {
    let row = |line: &str| {
        let (asn, name) = line.split_once('\t')?;
        Some((asn.parse().ok()?, Arc::from(name)))
    };
    lines(FILES[7]).filter_map(row).collect()
});

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

/// The commonest passwords: a file of leaked passwords, as the operator's own.
pub(super) fn passwords() -> &'static [u8] {
    File::open(FILES[5]).body
}

/// How far characters follow each other as in names: a number for each three of 29 symbols. [`super::letters`] knows what it
/// means.
pub(super) static LETTERS: LazyLock<&'static [u8]> = LazyLock::new(|| File::open(FILES[6]).body);

/// The names of autonomous systems, a number, a blank and a name a line, and the addresses of all of them.
pub(super) fn networks() -> &'static [u8] {
    File::open(FILES[8]).body
}

static FILES: [&[u8]; 9] = [
    include_bytes!("../../conf/data/addresses.ranges"),
    include_bytes!("../../conf/data/countries.ranges"),
    include_bytes!("../../conf/data/disposable.txt"),
    include_bytes!("../../conf/data/agents.tsv"),
    include_bytes!("../../conf/data/places.txt"),
    include_bytes!("../../conf/data/passwords.filter"),
    include_bytes!("../../conf/data/letters.trigrams"),
    include_bytes!("../../conf/data/hosts.tsv"),
    include_bytes!("../../conf/data/networks.ranges"),
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
        let (four, rest) = Packed::parse(body.get(end + 2..)?, Coding::Gaps)?;
        let (six, rest) = Packed::parse(rest, Coding::Gaps)?;
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

/// How the ranges of a family are written. All numbers are LEB128.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// The gap to the end of the range before, the length less one, the label.
    Gaps,
    /// For ranges that mostly follow each other: twice the length less one, and one more if there is a gap before it; that
    /// gap, if there is one; the label.
    Neighbours,
}

/// The ranges of one address family, packed. `ENTRY` is the width of an index entry: a key of up to eight bytes, and an
/// offset of four.
pub(super) struct Packed<const ENTRY: usize> {
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests to compare with the head"))]
    pub(super) ranges: usize,
    /// The start of each block's first range, and where its ranges lie in `data`.
    pub(super) index: &'static [[u8; ENTRY]],
    /// Where to search the index: how many entries begin with fewer than the leading bits of the first one's start, and so
    /// on with each number up to the last one's. A search by halves through all of it reads a dozen places of memory.
    leads: Box<[u32]>,
    data: &'static [u8],
    coding: Coding,
}

impl<const ENTRY: usize> Packed<ENTRY> {
    pub(super) fn parse(bytes: &'static [u8], coding: Coding) -> Option<(Packed<ENTRY>, &'static [u8])> {
        let (head, rest) = bytes.split_first_chunk::<12>()?;
        let number = |at: usize| Some(little_endian(head.get(at..at + 4)?) as usize);
        let (ranges, blocks, length) = (number(0)?, number(4)?, number(8)?);
        let (index, rest) = rest.split_at_checked(blocks.checked_mul(ENTRY)?)?;
        let (data, rest) = rest.split_at_checked(length)?;
        Some((Packed::new(ranges, index.as_chunks().0, data, coding), rest))
    }

    fn new(ranges: usize, index: &'static [[u8; ENTRY]], data: &'static [u8], coding: Coding) -> Packed<ENTRY> {
        let mut leads = Vec::new();
        let first = index.first().map_or(0, Self::lead);
        for (place, entry) in index.iter().enumerate() {
            let fewer = Self::lead(entry).saturating_sub(first);
            let new = (fewer + 1).saturating_sub(leads.len());
            leads.extend(std::iter::repeat_n(u32::try_from(place).unwrap_or(u32::MAX), new));
        }
        Packed { ranges, index, leads: leads.into(), data, coding }
    }

    /// The leading bits of a key: 12 of an IPv4 address, and 16 of an IPv6 one, since those that are in use begin alike.
    fn lead_of(key: u64) -> usize {
        let width = 8 * ENTRY.saturating_sub(4);
        (key >> (width - if ENTRY <= 8 { 12 } else { 16 })) as usize
    }

    fn lead(entry: &[u8; ENTRY]) -> usize {
        Self::lead_of(Self::entry(entry).0)
    }

    pub(super) fn find(&self, key: u64) -> Option<usize> {
        let lead = Self::lead_of(key).checked_sub(self.index.first().map(Self::lead)?)?;
        let bound = |lead: usize| self.leads.get(lead).map_or(self.index.len(), |place| *place as usize);
        let (from, to) = (bound(lead), bound(lead + 1));
        let within = self.index.get(from..to)?.partition_point(|entry| Self::entry(entry).0 <= key);
        let block = (from + within).checked_sub(1)?;
        self.block(block).find(|range| range.end >= key).filter(|range| range.start <= key).map(|range| range.label)
    }

    /// The ranges of one block.
    pub(super) fn block(&self, number: usize) -> impl Iterator<Item = PackedRange> {
        let bounds = self.index.get(number).map(Self::entry);
        let (start, from) = bounds.unwrap_or_default();
        let to = self.index.get(number + 1).map_or(self.data.len(), |entry| Self::entry(entry).1);
        let mut numbers = Leb128 { bytes: self.data.get(from..to).unwrap_or_default() };
        let mut next = start;
        std::iter::from_fn(move || {
            let (gap, length) = self.coding.read(&mut numbers)?;
            let start = next.checked_add(gap)?;
            let end = start.checked_add(length)?;
            // Behind the last address there is no next one; and no range either.
            next = end.saturating_add(1);
            Some(PackedRange { start, end, label: usize::try_from(numbers.next()?).ok()? })
        })
    }

    #[inline(always)]
    pub(super) fn entry(entry: &[u8; ENTRY]) -> (u64, usize) {
        let (key, offset) = entry.split_at(ENTRY.saturating_sub(4));
        (little_endian(key), little_endian(offset) as usize)
    }
}

impl Coding {
    /// The gap before a range, and its length less one.
    fn read(self, numbers: &mut Leb128<'_>) -> Option<(u64, u64)> {
        let first = numbers.next()?;
        match self {
            Coding::Gaps => Some((first, numbers.next()?)),
            Coding::Neighbours => Some((if first & 1 == 1 { numbers.next()? } else { 0 }, first >> 1)),
        }
    }
}

pub(super) struct PackedRange {
    pub(super) start: u64,
    /// Included.
    pub(super) end: u64,
    pub(super) label: usize,
}

/// At most eight bytes. In line, so that the width is known: an index is searched entry by entry.
#[inline(always)]
fn little_endian(bytes: &[u8]) -> u64 {
    let mut whole = [0; 8];
    let width = bytes.len().min(8);
    whole[..width].copy_from_slice(&bytes[..width]);
    u64::from_le_bytes(whole)
}

struct Leb128<'a> {
    bytes: &'a [u8],
}

impl Leb128<'_> {
    #[inline]
    fn next(&mut self) -> Option<u64> {
        // Most numbers are of one byte.
        if let [byte @ 0..=127, rest @ ..] = self.bytes {
            self.bytes = rest;
            return Some(u64::from(*byte));
        }
        self.long()
    }

    fn long(&mut self) -> Option<u64> {
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
pub(super) mod tests {
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
        assert_eq!(HOSTS.len(), entries("hosts"));
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
    pub fn check<const ENTRY: usize>(packed: &Packed<ENTRY>, labels: usize) {
        let (mut count, mut last, mut lead) = (0, None, 0);
        for block in 0..packed.index.len() {
            let mut first = true;
            for range in packed.block(block) {
                assert!(last.is_none_or(|last| last < range.start) && range.start <= range.end && range.label < labels);
                assert!(!first || Packed::entry(&packed.index[block]).0 == range.start);
                if block % 97 == 0 || Packed::lead(&packed.index[block]) != lead {
                    assert_eq!(packed.find(range.start), Some(range.label));
                    assert_eq!(packed.find(range.end), Some(range.label));
                    let gap = last.is_some_and(|last| last + 1 < range.start);
                    assert!(!gap || packed.find(range.start - 1).is_none());
                }
                (last, first, count) = (Some(range.end), false, count + 1);
            }
            assert!(!first, "an empty block");
            lead = Packed::lead(&packed.index[block]);
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

    /// Home and telephone networks of the simulated people, and gateways with people behind them.
    #[test]
    fn no_host_is_a_network_of_people() {
        for (asn, name) in &*HOSTS {
            assert!(*asn > 0 && !name.is_empty() && name.chars().count() <= 60, "{asn} {name}");
        }
        for people in [7922, 3320, 701, 2856, 4323, 6939, 13335, 36183, 22616, 62044, 53813, 21928, 55836] {
            assert!(!HOSTS.contains_key(&people), "{people}");
        }
        for host in [16509, 14061, 24940, 16276, 51167] {
            assert!(HOSTS.contains_key(&host), "{host}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_table_or_not(body in prop::collection::vec(any::<u8>(), 0..200), key in any::<u128>()) {
            let leaked: &'static [u8] = Box::leak([b"AA\nBB\n\n".as_slice(), &body].concat().into_boxed_slice());
            for coding in [Coding::Gaps, Coding::Neighbours] {
                let index = &leaked.as_chunks().0[..leaked.len() / 16];
                let packed = Packed::<8>::new(0, index, leaked, coding);
                let _ = (packed.find(key as u64), packed.find(u64::MAX));
            }
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
