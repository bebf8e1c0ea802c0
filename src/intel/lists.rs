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
use crate::engine::time::Timestamp;
use crate::lists::book::Sought;
use crate::lists::key::{self, CardBin};
use crate::lists::line::{self, Line};
use crate::lists::networks::{Cidr, Networks};
use crate::lists::{BANNED, Book, Entry};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// What is looked up. Texts are canonical already, by the same rules as `canonical` of `Lists::load`.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Now: what ended before matches nobody.
    pub at: Timestamp,
    pub ip: IpAddr,
    pub account: Option<&'a str>,
    /// Its keyed hash, which what was added is known by.
    pub account_key: Option<Pseudonym>,
    pub email: Option<&'a str>,
    pub email_key: Option<Pseudonym>,
    /// Of the e-mail address: lower-case ASCII.
    pub domain: Option<&'a str>,
    pub device: Option<Pseudonym>,
    pub fingerprint: u64,
    /// Six to eight digits.
    pub card_bin: Option<&'a str>,
}

/// Puts an account, an e-mail address or a domain into its canonical form; `None`: it is none.
pub type Canonical<'a> = dyn Fn(ListOf, &str) -> Option<String> + 'a;

/// What can be banned, by rules or by the operator.
const BANS: [ListOf; 4] = [ListOf::Ip, ListOf::Account, ListOf::Email, ListOf::Device];

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

/// When an entry ends; [`Entry::NEVER`] for most.
type Until = Timestamp;

#[derive(Debug)]
enum Members {
    Ranges {
        lasting: Ranges,
        /// What has an end is not merged with what has none.
        ending: Networks<Until>,
    },
    Names {
        texts: HashMap<Box<str>, Until>,
        /// Written as `hash:…`.
        hashes: HashMap<Pseudonym, Until>,
    },
    /// With all that lies below them.
    Domains(HashMap<Box<str>, Until>),
    Devices(HashMap<Pseudonym, Until>),
    Fingerprints(HashMap<u64, Until>),
    Asns(HashMap<u32, Until>),
    Countries(HashMap<Country, Until>),
    CardBins(HashMap<CardBin, Until>),
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

    /// The lists that match, in configuration order, and last what rules banned.
    pub(super) fn find(
        &self,
        subject: &Subject<'_>,
        asn: Option<u32>,
        country: Option<Country>,
        added: &Book,
    ) -> Vec<ListHit> {
        let sought = subject.sought(asn, country);
        let holds = |list: &List| {
            list.members.hold(list.of, subject, &sought) || added.holds(&list.name, &sought.only(list.of), subject.at)
        };
        let matching = self.lists.iter().filter(|list| holds(list));
        let mut hits: Vec<ListHit> = matching.map(List::hit).collect();
        let banned = BANS.into_iter().find(|of| added.holds(BANNED, &sought.only(*of), subject.at));
        hits.extend(banned.map(|of| ListHit { list: BANNED.into(), effect: ListEffect::Deny, of: of.name() }));
        hits
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
            if let Err(message) = building.take(entry.trim(), Entry::NEVER) {
                let file = format!("lists.{}", source.name).into();
                problems.push(IntelProblem { file, line: None, message: format!("entry {}: {message}", place + 1) });
            }
        }
        if let Some(file) = &source.file {
            entries::read_lines(file, problems, |line| match line::read(line)? {
                Some(Line { entry, until, .. }) => building.take(entry, until.unwrap_or(Entry::NEVER)),
                None => Ok(()),
            });
        }
        building.finish()
    }

    fn hit(&self) -> ListHit {
        ListHit { list: self.name.clone(), effect: self.effect, of: self.of.name() }
    }
}

impl Subject<'_> {
    fn sought(&self, asn: Option<u32>, country: Option<Country>) -> Sought<'_> {
        Sought {
            ip: Some(self.ip),
            account: self.account_key,
            email: self.email_key,
            domain: self.domain.filter(|domain| domain.len() <= LONGEST_DOMAIN),
            device: self.device,
            fingerprint: Some(self.fingerprint),
            asn,
            country,
            card_bin: self.card_bin.and_then(CardBin::new),
        }
    }
}

impl Members {
    fn hold(&self, of: ListOf, subject: &Subject<'_>, sought: &Sought<'_>) -> bool {
        let holds = |until: &Until| subject.at < *until;
        match self {
            Members::Ranges { lasting, ending } => lasting.contains(subject.ip) || ending.any(subject.ip, holds),
            Members::Names { texts, hashes } => {
                let (text, key) = match of {
                    ListOf::Account => (subject.account, subject.account_key),
                    _ => (subject.email, subject.email_key),
                };
                text.and_then(|text| texts.get(text)).is_some_and(holds)
                    || (!hashes.is_empty() && key.and_then(|key| hashes.get(&key)).is_some_and(holds))
            }
            Members::Domains(domains) => sought
                .domain
                .is_some_and(|domain| with_parents(domain).any(|domain| domains.get(domain).is_some_and(holds))),
            Members::Devices(devices) => sought.device.and_then(|device| devices.get(&device)).is_some_and(holds),
            Members::Fingerprints(all) => all.get(&subject.fingerprint).is_some_and(holds),
            Members::Asns(asns) => sought.asn.and_then(|asn| asns.get(&asn)).is_some_and(holds),
            Members::Countries(all) => sought.country.and_then(|country| all.get(&country)).is_some_and(holds),
            Members::CardBins(bins) => {
                sought.card_bin.is_some_and(|bin| bin.with_shorter().any(|bin| bins.get(&bin).is_some_and(holds)))
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Members::Ranges { lasting, ending } => lasting.len() + ending.len(),
            Members::Names { texts, hashes } => texts.len() + hashes.len(),
            Members::Domains(all) => all.len(),
            Members::Devices(all) => all.len(),
            Members::Fingerprints(all) => all.len(),
            Members::Asns(all) => all.len(),
            Members::Countries(all) => all.len(),
            Members::CardBins(all) => all.len(),
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

/// One of several ends of the same entry: the last.
fn put<K: Eq + Hash>(all: &mut HashMap<K, Until>, key: K, until: Until) {
    all.entry(key).and_modify(|known| *known = until.max(*known)).or_insert(until);
}

impl<'a> Building<'a> {
    fn new(of: ListOf, canonical: &'a Canonical<'a>) -> Building<'a> {
        let members = match of {
            ListOf::Ip => Members::Ranges { lasting: Ranges::default(), ending: Networks::default() },
            ListOf::Account | ListOf::Email => Members::Names { texts: HashMap::new(), hashes: HashMap::new() },
            ListOf::Domain => Members::Domains(HashMap::new()),
            ListOf::Device => Members::Devices(HashMap::new()),
            ListOf::Fingerprint => Members::Fingerprints(HashMap::new()),
            ListOf::Asn => Members::Asns(HashMap::new()),
            ListOf::Country => Members::Countries(HashMap::new()),
            ListOf::CardBin => Members::CardBins(HashMap::new()),
        };
        Building { of, canonical, ranges: Vec::new(), members }
    }

    /// Adds one entry. The message never repeats it: lists name people.
    fn take(&mut self, entry: &str, until: Until) -> Result<(), String> {
        match &mut self.members {
            Members::Ranges { ending, .. } => {
                let range = AddressRange::parse(entry).map_err(str::to_owned)?;
                if until == Entry::NEVER {
                    self.ranges.push(range);
                    return Ok(());
                }
                let (first, last) = range.ends();
                for network in Cidr::cover(first, last) {
                    let until = ending.of(network).map_or(until, |known| until.max(*known));
                    ending.insert(network, until);
                }
            }
            Members::Names { texts, hashes } => {
                let what = if self.of == ListOf::Account { key::NO_ACCOUNT } else { key::NO_EMAIL };
                match entry.strip_prefix(key::HASH).and_then(key::pseudonym) {
                    Some(hash) => put(hashes, hash, until),
                    None => put(texts, (self.canonical)(self.of, entry).ok_or(what)?.into(), until),
                }
            }
            Members::Domains(all) => {
                let domain = (self.canonical)(self.of, entry.strip_prefix("*.").unwrap_or(entry));
                let domain = domain.filter(|domain| domain.contains('.'));
                put(all, domain.ok_or(key::NO_DOMAIN)?.into(), until);
            }
            Members::Devices(all) => put(all, key::pseudonym(entry).ok_or(key::NO_DEVICE)?, until),
            Members::Fingerprints(all) => put(all, key::fingerprint(entry).ok_or(key::NO_FINGERPRINT)?, until),
            Members::Asns(all) => put(all, key::asn(entry).ok_or(key::NO_ASN)?, until),
            Members::Countries(all) => put(all, Country::new(entry).ok_or(key::NO_COUNTRY)?, until),
            Members::CardBins(all) => put(all, CardBin::new(entry).ok_or(key::NO_CARD_BIN)?, until),
        }
        Ok(())
    }

    fn finish(self) -> Members {
        match self.members {
            Members::Ranges { ending, .. } => Members::Ranges { lasting: Ranges::merged(self.ranges), ending },
            members => members,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub const NOW: Timestamp = Timestamp(1_795_338_000_000);

    /// Nothing was added.
    pub fn added() -> Book {
        Book::new(0)
    }

    pub fn nobody() -> Subject<'static> {
        Subject {
            at: NOW,
            ip: IpAddr::from([192, 0, 2, 1]),
            account: None,
            account_key: None,
            email: None,
            email_key: None,
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
            let hits = lists.find(subject, asn, country, &added());
            assert_eq!(hits.iter().map(|hit| hit.of).collect::<Vec<_>>(), [of.name()]);
            assert_eq!(&*hits[0].list, of.name());
        }
        assert!(lists.find(&nobody(), Some(1), Some(Country(*b"FR")), &added()).is_empty());
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
            assert!(lists.find(&subject, None, None, &added()).is_empty(), "{subject:?}");
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
        let names: Vec<_> =
            lists.find(&nobody(), Some(1), None, &added()).iter().map(|hit| hit.list.to_string()).collect();
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
