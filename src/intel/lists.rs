//! The operator's lists: who is let in, kept out or remarked upon. Each list is a set of one kind of thing, canonicalised
//! when it is loaded by the very rules that canonicalise a visitor's values, so that a look-up is one hash (or one search
//! among ranges) and `Bob@Example.com` in a file meets `bob@example.com` in a form. A million entries look up no slower.

use super::disposable::{LONGEST_DOMAIN, with_parents};
use super::entries::{self, IntelProblem};
use super::ranges::{AddressRange, Ranges};
use crate::config::Stamp;
use crate::config::settings::{ListOf, ListSource};
use crate::engine::attempt::Pseudonym;
use crate::engine::evidence::{Country, ListEffect, ListHit};
use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// What is looked up. Texts are canonical already, by the same rules as `canonical` of `Lists::load`.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub ip: IpAddr,
    pub account: Option<&'a str>,
    pub email: Option<&'a str>,
    /// Of the e-mail address: lower-case ASCII.
    pub domain: Option<&'a str>,
    pub device: Option<Pseudonym>,
    pub fingerprint: u64,
    /// Six to eight digits.
    pub card_bin: Option<&'a str>,
}

/// Puts an account, an e-mail address or a domain into its canonical form; `None`: it is none.
pub type Canonical<'a> = dyn Fn(ListOf, &str) -> Option<String> + 'a;

/// All lists, in configuration order.
#[derive(Debug, Default)]
pub struct Lists {
    lists: Vec<List>,
}

#[derive(Debug)]
struct List {
    name: Arc<str>,
    effect: ListEffect,
    of: ListOf,
    members: Arc<Members>,
    /// What the members were made from.
    entries: Vec<String>,
    file: Option<(Box<Path>, Stamp)>,
}

#[derive(Debug)]
enum Members {
    Ranges(Ranges),
    Texts(HashSet<Box<str>>),
    /// With all that lies below them.
    Domains(HashSet<Box<str>>),
    Devices(HashSet<[u8; 16]>),
    Fingerprints(HashSet<u64>),
    Asns(HashSet<u32>),
    Countries(HashSet<Country>),
    /// Six to eight digits; a longer number is a member if it begins with one.
    CardBins(HashSet<Box<str>>),
}

impl Lists {
    /// Lists that were made from the same entries before are shared with `earlier`.
    pub(super) fn load(
        sources: &[ListSource],
        earlier: Option<&Lists>,
        canonical: &Canonical<'_>,
        problems: &mut Vec<IntelProblem>,
    ) -> Lists {
        let earlier = earlier.map_or(&[][..], |lists| &lists.lists);
        Lists { lists: sources.iter().map(|source| List::load(source, earlier, canonical, problems)).collect() }
    }

    /// The lists that match, in configuration order.
    pub(super) fn find(&self, subject: &Subject<'_>, asn: Option<u32>, country: Option<Country>) -> Vec<ListHit> {
        let matching = self.lists.iter().filter(|list| list.holds(subject, asn, country));
        matching.map(|list| ListHit { list: list.name.clone(), effect: list.effect, of: list.of.name() }).collect()
    }

    /// Name and number of entries of each list, for `check` and the metrics.
    pub fn sizes(&self) -> impl Iterator<Item = (&str, usize)> {
        self.lists.iter().map(|list| (&*list.name, list.members.len()))
    }
}

impl List {
    fn load(
        source: &ListSource,
        earlier: &[List],
        canonical: &Canonical<'_>,
        problems: &mut Vec<IntelProblem>,
    ) -> List {
        // Before the file is read: what is written meanwhile then differs from this.
        let file = source.file.as_deref().and_then(|path| Some((path.into(), Stamp::of(path)?)));
        let same = earlier.iter().find(|list| list.is_of(source, file.as_ref()));
        let members = match same {
            Some(list) => list.members.clone(),
            None => Arc::new(List::members(source, canonical, problems)),
        };
        let (name, effect, of) = (source.name.clone(), source.effect, source.of);
        List { name, effect, of, members, entries: source.entries.clone(), file }
    }

    /// Whether the members of this list are those of the source; `file` is the source's now.
    fn is_of(&self, source: &ListSource, file: Option<&(Box<Path>, Stamp)>) -> bool {
        let unreadable = source.file.is_some() && file.is_none();
        self.of == source.of && !unreadable && self.file.as_ref() == file && self.entries == source.entries
    }

    fn members(source: &ListSource, canonical: &Canonical<'_>, problems: &mut Vec<IntelProblem>) -> Members {
        let mut building = Building::new(source.of, canonical);
        for (place, entry) in source.entries.iter().enumerate() {
            if let Err(message) = building.take(entry.trim()) {
                let file = format!("lists.{}", source.name).into();
                problems.push(IntelProblem { file, line: None, message: format!("entry {}: {message}", place + 1) });
            }
        }
        if let Some(file) = &source.file {
            entries::read(file, problems, |entry| building.take(entry));
        }
        building.finish()
    }

    fn holds(&self, subject: &Subject<'_>, asn: Option<u32>, country: Option<Country>) -> bool {
        match &*self.members {
            Members::Ranges(ranges) => ranges.contains(subject.ip),
            Members::Texts(texts) => {
                let value = if self.of == ListOf::Account { subject.account } else { subject.email };
                value.is_some_and(|value| texts.contains(value))
            }
            Members::Domains(domains) => subject
                .domain
                .filter(|domain| domain.len() <= LONGEST_DOMAIN)
                .is_some_and(|domain| with_parents(domain).any(|domain| domains.contains(domain))),
            Members::Devices(devices) => subject.device.is_some_and(|device| devices.contains(&device.0)),
            Members::Fingerprints(fingerprints) => fingerprints.contains(&subject.fingerprint),
            Members::Asns(asns) => asn.is_some_and(|asn| asns.contains(&asn)),
            Members::Countries(countries) => country.is_some_and(|country| countries.contains(&country)),
            Members::CardBins(bins) => subject.card_bin.is_some_and(|bin| {
                (6..=bin.len().min(8)).any(|length| bin.get(..length).is_some_and(|prefix| bins.contains(prefix)))
            }),
        }
    }
}

impl Members {
    fn len(&self) -> usize {
        match self {
            Members::Ranges(ranges) => ranges.len(),
            Members::Texts(set) | Members::Domains(set) | Members::CardBins(set) => set.len(),
            Members::Devices(set) => set.len(),
            Members::Fingerprints(set) => set.len(),
            Members::Asns(set) => set.len(),
            Members::Countries(set) => set.len(),
        }
    }
}

/// A list while its entries come in.
struct Building<'a> {
    of: ListOf,
    canonical: &'a Canonical<'a>,
    /// Ranges are merged at the end, all at once.
    ranges: Vec<AddressRange>,
    members: Members,
}

impl<'a> Building<'a> {
    fn new(of: ListOf, canonical: &'a Canonical<'a>) -> Building<'a> {
        let members = match of {
            ListOf::Ip => Members::Ranges(Ranges::default()),
            ListOf::Account | ListOf::Email => Members::Texts(HashSet::new()),
            ListOf::Domain => Members::Domains(HashSet::new()),
            ListOf::Device => Members::Devices(HashSet::new()),
            ListOf::Fingerprint => Members::Fingerprints(HashSet::new()),
            ListOf::Asn => Members::Asns(HashSet::new()),
            ListOf::Country => Members::Countries(HashSet::new()),
            ListOf::CardBin => Members::CardBins(HashSet::new()),
        };
        Building { of, canonical, ranges: Vec::new(), members }
    }

    /// Adds one entry. The message never repeats it: lists name people.
    fn take(&mut self, entry: &str) -> Result<(), String> {
        match &mut self.members {
            Members::Ranges(_) => self.ranges.push(AddressRange::parse(entry).map_err(str::to_owned)?),
            Members::Texts(set) => {
                let what = if self.of == ListOf::Account { "not an account name" } else { "not an e-mail address" };
                set.insert((self.canonical)(self.of, entry).ok_or(what)?.into());
            }
            Members::Domains(set) => {
                let domain = (self.canonical)(self.of, entry).ok_or("not a domain name")?;
                if !domain.contains('.') {
                    return Err("not a domain name".to_owned());
                }
                set.insert(domain.into());
            }
            Members::Devices(set) => {
                set.insert(parse_hex::<32>(entry).ok_or("not a device id of 32 hexadecimal digits")?.to_be_bytes());
            }
            Members::Fingerprints(set) => {
                let number = parse_hex::<16>(entry).and_then(|number| u64::try_from(number).ok());
                set.insert(number.ok_or("not a fingerprint of 16 hexadecimal digits")?);
            }
            Members::Asns(set) => {
                set.insert(parse_asn(entry).ok_or("not the number of an autonomous system, such as AS64500")?);
            }
            Members::Countries(set) => {
                set.insert(Country::new(entry).ok_or("not a country code of two letters (ISO 3166-1)")?);
            }
            Members::CardBins(set) => {
                if !(6..=8).contains(&entry.len()) || !entry.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err("not the first six to eight digits of a card number".to_owned());
                }
                set.insert(entry.into());
            }
        }
        Ok(())
    }

    fn finish(self) -> Members {
        match self.members {
            Members::Ranges(_) => Members::Ranges(Ranges::merged(self.ranges)),
            members => members,
        }
    }
}

/// `AS64500`, `as64500` or `64500`.
pub(super) fn parse_asn(text: &str) -> Option<u32> {
    let digits = match text.get(..2) {
        Some(prefix) if prefix.eq_ignore_ascii_case("as") => text.get(2..)?,
        _ => text,
    };
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

fn parse_hex<const DIGITS: usize>(text: &str) -> Option<u128> {
    let fine = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if fine { u128::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn nobody() -> Subject<'static> {
        Subject {
            ip: IpAddr::from([192, 0, 2, 1]),
            account: None,
            email: None,
            domain: None,
            device: None,
            fingerprint: 0,
            card_bin: None,
        }
    }

    pub fn source(name: &str, of: ListOf, entries: &[&str]) -> ListSource {
        ListSource {
            name: name.into(),
            effect: ListEffect::Deny,
            of,
            file: None,
            entries: entries.iter().map(|entry| (*entry).to_owned()).collect(),
        }
    }

    /// Stands in for the gateway's rules.
    pub fn lower(of: ListOf, text: &str) -> Option<String> {
        let fine = match of {
            ListOf::Email => text.contains('@'),
            _ => !text.is_empty(),
        };
        fine.then(|| text.to_lowercase())
    }

    fn load(sources: &[ListSource]) -> Result<Lists, Vec<IntelProblem>> {
        let mut problems = Vec::new();
        let lists = Lists::load(sources, None, &lower, &mut problems);
        if problems.is_empty() { Ok(lists) } else { Err(problems) }
    }

    #[test]
    fn each_kind_matches_its_own_and_nothing_else() {
        let device = Pseudonym([0xab; 16]);
        let cases: [(ListOf, &str, Subject<'_>); 9] = [
            (ListOf::Ip, "203.0.113.0/24", Subject { ip: IpAddr::from([203, 0, 113, 9]), ..nobody() }),
            (ListOf::Account, "Bob", Subject { account: Some("bob"), ..nobody() }),
            (ListOf::Email, "Bob@Example.com", Subject { email: Some("bob@example.com"), ..nobody() }),
            (ListOf::Domain, "Example.com", Subject { domain: Some("mail.example.com"), ..nobody() }),
            (ListOf::Device, "ABababababababababababababababab", Subject { device: Some(device), ..nobody() }),
            (ListOf::Fingerprint, "00000000000000ff", Subject { fingerprint: 255, ..nobody() }),
            (ListOf::Asn, "AS64500", nobody()),
            (ListOf::Country, "de", nobody()),
            (ListOf::CardBin, "411111", Subject { card_bin: Some("41111123"), ..nobody() }),
        ];
        let sources: Vec<_> = cases.iter().map(|(of, entry, _)| source(of.name(), *of, &[entry])).collect();
        let lists = load(&sources).unwrap();
        for (of, _, subject) in &cases {
            let asn = (*of == ListOf::Asn).then_some(64500);
            let country = (*of == ListOf::Country).then_some(Country(*b"DE"));
            let hits = lists.find(subject, asn, country);
            assert_eq!(hits.iter().map(|hit| hit.of).collect::<Vec<_>>(), [of.name()]);
            assert_eq!(&*hits[0].list, of.name());
        }
        assert!(lists.find(&nobody(), Some(1), Some(Country(*b"FR"))).is_empty());
    }

    #[test]
    fn neighbours_do_not_match() {
        let lists = load(&[
            source("domains", ListOf::Domain, &["example.com"]),
            source("bins", ListOf::CardBin, &["41111123"]),
            source("accounts", ListOf::Account, &["bob@example.com"]),
        ])
        .unwrap();
        for subject in [
            Subject { domain: Some("notexample.com"), ..nobody() },
            Subject { domain: Some("example.com.test"), ..nobody() },
            Subject { domain: Some("com"), ..nobody() },
            Subject { card_bin: Some("411111"), ..nobody() },
            Subject { card_bin: Some("\u{fc}\u{fc}\u{fc}\u{fc}"), ..nobody() },
            Subject { email: Some("bob@example.com"), ..nobody() },
        ] {
            assert!(lists.find(&subject, None, None).is_empty(), "{subject:?}");
        }
    }

    #[test]
    fn hits_come_in_configuration_order_from_file_and_entries() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# office\n192.0.2.0/24\n").unwrap();
        let mut first = source("first", ListOf::Ip, &["203.0.113.1"]);
        first.file = Some(file.path().to_owned());
        let lists =
            load(&[first, source("second", ListOf::Asn, &["1"]), source("third", ListOf::Ip, &["192.0.2.1"])]).unwrap();
        let names: Vec<_> = lists.find(&nobody(), Some(1), None).iter().map(|hit| hit.list.to_string()).collect();
        assert_eq!(names, ["first", "second", "third"]);
        assert_eq!(lists.sizes().collect::<Vec<_>>(), [("first", 2), ("second", 1), ("third", 1)]);
    }

    #[test]
    fn only_lists_that_changed_are_made_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "192.0.2.1\n").unwrap();
        let of_file = ListSource { file: Some(file.path().into()), ..source("file", ListOf::Ip, &["192.0.2.9"]) };
        let inline = source("inline", ListOf::Asn, &["1"]);
        let mut problems = Vec::new();
        let mut after = |earlier: Option<&Lists>, sources: &[ListSource]| {
            let lists = Lists::load(sources, earlier, &lower, &mut problems);
            assert!(problems.is_empty(), "{problems:?}");
            lists
        };
        let shared = |one: &Lists, two: &Lists| -> Vec<bool> {
            one.lists.iter().zip(&two.lists).map(|(one, two)| Arc::ptr_eq(&one.members, &two.members)).collect()
        };
        let first = after(None, &[of_file.clone(), inline.clone()]);
        // Name and effect are the list's, not its members'.
        let renamed = ListSource { name: "other".into(), effect: ListEffect::Allow, ..of_file.clone() };
        let second = after(Some(&first), &[renamed, inline]);
        assert_eq!(shared(&first, &second), [true, true]);
        assert_eq!((&*second.lists[0].name, second.lists[0].effect), ("other", ListEffect::Allow));

        std::fs::write(file.path(), "192.0.2.1\n192.0.2.3\n").unwrap();
        let third = after(Some(&second), &[of_file.clone(), source("inline", ListOf::Asn, &["1", "2"])]);
        assert_eq!(shared(&second, &third), [false, false]);
        assert_eq!(third.sizes().map(|(_, size)| size).collect::<Vec<_>>(), [3, 2]);
        let other = ListSource { of: ListOf::Account, ..of_file };
        assert_eq!(shared(&third, &after(Some(&third), &[other])), [false], "the same lines of another kind");
    }

    #[test]
    fn wrong_entries_are_told_without_repeating_them() {
        for (of, wrong) in [
            (ListOf::Ip, "bob"),
            (ListOf::Account, ""),
            (ListOf::Email, "bob"),
            (ListOf::Domain, "bob"),
            (ListOf::Device, "bob"),
            (ListOf::Device, "+bababababababababababababababab"),
            (ListOf::Fingerprint, "0xbob"),
            (ListOf::Asn, "ASbob"),
            (ListOf::Asn, "+1"),
            (ListOf::Asn, ""),
            (ListOf::Asn, "4294967296"),
            (ListOf::Country, "bob"),
            (ListOf::CardBin, "41111"),
            (ListOf::CardBin, "411111111"),
            (ListOf::CardBin, "4111bob"),
        ] {
            let problems = load(&[source("mine", of, &[wrong])]);
            let problems = problems.unwrap_err();
            let text = problems.last().unwrap().to_string();
            assert!(text.starts_with("lists.mine: entry ") && !text.contains("bob"), "{of:?}: {text}");
        }
    }
}
