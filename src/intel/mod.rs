//! What is known about an address, an e-mail domain, a User-Agent, and whom the operator lists. The program brings dated data
//! of its own, so that a gate without any file is not blind; the operator's files come on top. An [`Intel`] is an immutable
//! snapshot: loading makes a whole new one or fails whole, with every problem told, and a reload swaps one `Arc`. Look-ups
//! neither wait nor fail: what cannot be told is [`Known::Unknown`], and its source is named as degraded.

mod agent;
mod disposable;
mod earnest;
mod embedded;
mod entries;
mod kept;
mod letters;
mod lists;
mod mmdb;
mod networks;
pub mod passwords;
pub mod providers;
mod ranges;

pub use agent::Agents;
pub use earnest::weakness;
pub use embedded::{EmbeddedData, embedded};
pub use entries::IntelProblem;
pub use letters::likelihood;
pub use lists::{Canonical, Subject};

use crate::config::settings::{IntelFiles, ListSource};
use crate::engine::attempt::Agent;
use crate::engine::evidence::{Country, Intel as Evidence, Known, Proxy, ProxyKind};
use crate::lists::Book;
use disposable::Disposable;
use kept::Kept;
use lists::Lists;
use mmdb::{AnonymousRow, AsnRow, CityRow, CountryRow, Database, DatabaseRow, Trouble};
use networks::NETWORKS;
use passwords::{Leaked, Passwords};
use ranges::{AddressRange, Ranges};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// All intelligence of one configuration.
#[derive(Debug)]
pub struct Intel {
    country: Option<Kept<Database<CountryRow>>>,
    city: Option<Kept<Database<CityRow>>>,
    asn: Option<Kept<Database<AsnRow>>>,
    anonymous: Option<Kept<Database<AnonymousRow>>>,
    tor_exit: Option<Kept<AddressFile>>,
    vpn: Option<Kept<AddressFile>>,
    datacenter: Option<Kept<AddressFile>>,
    proxy: Option<Kept<AddressFile>>,
    /// The operator's changes to the embedded list.
    disposable: Option<Kept<Disposable>>,
    pub passwords: Passwords,
    lists: Lists,
    /// The parsed User-Agents depend on no configuration: one memory of them serves all.
    agents: Arc<Agents>,
}

/// One of the operator's address lists, with the file's name, which stands in for the provider's.
#[derive(Debug)]
struct AddressFile {
    name: Arc<str>,
    ranges: Ranges,
}

impl Intel {
    /// Reads all files and lists, and makes the embedded data ready if no snapshot did yet. Fails whole, with every problem in
    /// every file, if anything is wrong; the snapshot before stays in force then.
    pub fn load(
        files: &IntelFiles,
        lists: &[ListSource],
        canonical: &Canonical<'_>,
    ) -> Result<Intel, Vec<IntelProblem>> {
        Intel::load_after(None, files, lists, canonical)
    }

    /// As [`Intel::load`], sharing with an earlier snapshot what comes from files that did not change since.
    pub fn load_after(
        earlier: Option<&Intel>,
        files: &IntelFiles,
        lists: &[ListSource],
        canonical: &Canonical<'_>,
    ) -> Result<Intel, Vec<IntelProblem>> {
        LazyLock::force(&embedded::ADDRESSES);
        LazyLock::force(&embedded::COUNTRIES);
        LazyLock::force(&embedded::HOSTS);
        LazyLock::force(&NETWORKS);
        LazyLock::force(&embedded::DISPOSABLE);
        LazyLock::force(&passwords::COMMON);
        let mut problems = Vec::new();
        let intel = Intel {
            country: database(
                files.country.as_deref(),
                earlier.and_then(|intel| intel.country.as_ref()),
                &mut problems,
            ),
            city: database(files.city.as_deref(), earlier.and_then(|intel| intel.city.as_ref()), &mut problems),
            asn: database(files.asn.as_deref(), earlier.and_then(|intel| intel.asn.as_ref()), &mut problems),
            anonymous: database(
                files.anonymous.as_deref(),
                earlier.and_then(|intel| intel.anonymous.as_ref()),
                &mut problems,
            ),
            tor_exit: addresses(
                files.tor_exit.as_deref(),
                earlier.and_then(|intel| intel.tor_exit.as_ref()),
                &mut problems,
            ),
            vpn: addresses(files.vpn.as_deref(), earlier.and_then(|intel| intel.vpn.as_ref()), &mut problems),
            datacenter: addresses(
                files.datacenter.as_deref(),
                earlier.and_then(|intel| intel.datacenter.as_ref()),
                &mut problems,
            ),
            proxy: addresses(files.proxy.as_deref(), earlier.and_then(|intel| intel.proxy.as_ref()), &mut problems),
            disposable: files.disposable.as_deref().and_then(|path| {
                let earlier = earlier.and_then(|intel| intel.disposable.as_ref());
                Kept::of(path, earlier, || whole(&mut problems, |problems| Disposable::load(path, problems)))
            }),
            passwords: Passwords {
                file: files.passwords.as_deref().and_then(|path| {
                    let earlier = earlier.and_then(|intel| intel.passwords.file.as_ref());
                    Kept::of(path, earlier, || match Leaked::open(path) {
                        Ok(leaked) => Some(leaked),
                        Err(unfit) => {
                            problems.push(IntelProblem::of_file(path, unfit.to_string()));
                            None
                        }
                    })
                }),
            },
            lists: Lists::load(lists, earlier.map(|intel| &intel.lists), canonical, &mut problems),
            agents: earlier.map(|intel| intel.agents.clone()).unwrap_or_default(),
        };
        if problems.is_empty() { Ok(intel) } else { Err(problems) }
    }

    /// All that is known about the subject's address, and the operator's lists that match, by their files or by what was
    /// `added` to them. The second part names the sources that should have answered and could not, for the record's
    /// `degraded`.
    pub fn look_up(&self, subject: &Subject<'_>, added: &Book) -> (Evidence, Vec<&'static str>) {
        let (mut evidence, degraded) = self.address(subject.ip);
        evidence.lists = self.lists_of(subject, &evidence, added);
        (evidence, degraded)
    }

    /// The lists that match a subject, of whose address that is known.
    pub fn lists_of(
        &self,
        subject: &Subject<'_>,
        known: &Evidence,
        added: &Book,
    ) -> Vec<crate::engine::evidence::ListHit> {
        let subject = Subject { ip: subject.ip.to_canonical(), ..*subject };
        self.lists.find(&subject, known.asn, known.country, added)
    }

    /// The same without the lists.
    pub fn address(&self, ip: IpAddr) -> (Evidence, Vec<&'static str>) {
        let ip = ip.to_canonical();
        let mut degraded = Vec::new();
        let city = answer(&self.city, ip, "city", &mut degraded);
        let country = match city.as_ref().and_then(|row| row.country) {
            Some(country) => Some(country),
            None => {
                answer(&self.country, ip, "country", &mut degraded).map(|row| row.0).or_else(|| embedded_country(ip))
            }
        };
        let (asn, org) = match answer(&self.asn, ip, "asn", &mut degraded) {
            Some(row) => (Some(row.asn), row.org),
            None => {
                let asn = NETWORKS.find(ip);
                (asn, asn.and_then(|asn| NETWORKS.name(asn)))
            }
        };
        let place = city.as_ref().and_then(|row| row.place).or_else(|| embedded::place(country?));
        let mut evidence =
            Evidence { country, place, location: city.and_then(|row| row.location), asn, org, ..Evidence::default() };
        self.add_kind(ip, &mut evidence, &mut degraded);
        (evidence, degraded)
    }

    /// What runs at the address. The operator's own files win, then the anonymous database, then the embedded ranges. A
    /// relay is none of the three, unless the operator's files say so.
    fn add_kind(&self, ip: IpAddr, evidence: &mut Evidence, degraded: &mut Vec<&'static str>) {
        let listed = |file: &Option<Kept<AddressFile>>| {
            file.as_ref().filter(|file| file.ranges.contains(ip)).map(|file| file.name.clone())
        };
        let embedded = EmbeddedKind::of(ip);
        evidence.relay = matches!(embedded, Some(EmbeddedKind::Relay));
        let before = degraded.len();
        let row = answer(&self.anonymous, ip, "anonymous", degraded).filter(|_| !evidence.relay).unwrap_or_default();
        let blind = degraded.len() > before;
        let provider = || row.provider.clone().or_else(|| evidence.org.clone()).unwrap_or_else(|| UNNAMED.clone());

        let hosting = listed(&self.datacenter).or_else(|| match &embedded {
            Some(EmbeddedKind::Hosting(name)) => Some(name.clone()),
            _ if row.hosting => Some(provider()),
            _ => embedded_host(evidence),
        });
        let vpn = listed(&self.vpn).or_else(|| match &embedded {
            Some(EmbeddedKind::Vpn(name)) => Some(name.clone()),
            _ => row.vpn.then(provider),
        });
        let tor = listed(&self.tor_exit).is_some() || row.tor || matches!(embedded, Some(EmbeddedKind::Tor));
        let proxy = match (listed(&self.proxy), row.proxy) {
            (Some(provider), _) => Some(Proxy { kind: ProxyKind::Listed, provider }),
            (None, Some(kind)) => Some(Proxy { kind, provider: provider() }),
            (None, None) => None,
        };
        evidence.tor_exit = known(tor.then_some(()), blind);
        (evidence.datacenter, evidence.vpn) = (known(hosting, blind), known(vpn, blind));
        evidence.proxy = known(proxy, blind);
    }

    /// What the User-Agent header says; parsed once per distinct value while it is remembered.
    pub fn agent(&self, user_agent: Option<&str>) -> Arc<Agent> {
        self.agents.recognize(user_agent)
    }

    /// The entry of the disposable lists that covers the domain. `domain` is lower-case ASCII (punycode).
    pub fn disposable(&self, domain: &str) -> Option<Box<str>> {
        static UNCHANGED: LazyLock<Disposable> = LazyLock::new(Disposable::default);
        self.disposable.as_deref().unwrap_or(&UNCHANGED).find(domain)
    }

    /// Name and number of entries of each of the operator's lists.
    pub fn list_sizes(&self) -> impl Iterator<Item = (&str, usize)> {
        self.lists.sizes()
    }
}

/// Absence is an answer only if every source could be asked.
fn known<T>(found: Option<T>, blind: bool) -> Known<T> {
    match found {
        Some(found) => Known::Yes(found),
        None if blind => Known::Unknown,
        None => Known::No,
    }
}

/// Who hosts, where the network is one that only hosts. Relays are networks of this kind as well, and are none.
fn embedded_host(evidence: &Evidence) -> Option<Arc<str>> {
    let asn = evidence.asn.filter(|_| !evidence.relay)?;
    let name = embedded::HOSTS.get(&asn)?;
    Some(evidence.org.clone().unwrap_or_else(|| name.clone()))
}

/// Stands in where a database tells that somebody hosts, and not who.
static UNNAMED: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("unnamed"));

fn embedded_country(ip: IpAddr) -> Option<Country> {
    let table = &*embedded::COUNTRIES;
    Country::new(table.labels.get(table.find(ip)?)?)
}

/// What the embedded ranges say runs at an address.
#[derive(Clone)]
enum EmbeddedKind {
    Hosting(Arc<str>),
    Vpn(Arc<str>),
    Tor,
    Relay,
}

impl EmbeddedKind {
    fn of(ip: IpAddr) -> Option<EmbeddedKind> {
        /// By label number; made once, so that hits share a provider's name.
        static KINDS: LazyLock<Vec<Option<EmbeddedKind>>> =
            LazyLock::new(|| embedded::ADDRESSES.labels.iter().map(|label| EmbeddedKind::parse(label)).collect());
        KINDS.get(embedded::ADDRESSES.find(ip)?)?.clone()
    }

    fn parse(label: &str) -> Option<EmbeddedKind> {
        match label.split_once(' ')? {
            ("hosting", provider) => Some(EmbeddedKind::Hosting(provider.into())),
            ("vpn", provider) => Some(EmbeddedKind::Vpn(provider.into())),
            ("tor", _) => Some(EmbeddedKind::Tor),
            ("relay", _) => Some(EmbeddedKind::Relay),
            _ => None,
        }
    }
}

/// What an optional database answers; trouble is noted under the source's name.
fn answer<Row: DatabaseRow>(
    database: &Option<Kept<Database<Row>>>,
    ip: IpAddr,
    name: &'static str,
    degraded: &mut Vec<&'static str>,
) -> Option<Row> {
    match database.as_ref()?.find(ip) {
        Ok(row) => row,
        Err(Trouble) => {
            degraded.push(name);
            None
        }
    }
}

fn database<Row: DatabaseRow>(
    path: Option<&Path>,
    earlier: Option<&Kept<Database<Row>>>,
    problems: &mut Vec<IntelProblem>,
) -> Option<Kept<Database<Row>>> {
    let path = path?;
    Kept::of(path, earlier, || match Database::open(path) {
        Ok(database) => Some(database),
        Err(message) => {
            problems.push(IntelProblem::of_file(path, message));
            None
        }
    })
}

fn addresses(
    path: Option<&Path>,
    earlier: Option<&Kept<AddressFile>>,
    problems: &mut Vec<IntelProblem>,
) -> Option<Kept<AddressFile>> {
    let path = path?;
    Kept::of(path, earlier, || {
        whole(problems, |problems| {
            let mut ranges = Vec::new();
            entries::read(path, problems, |entry| {
                ranges.push(AddressRange::parse(entry)?);
                Ok(())
            });
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            AddressFile { name: name.into(), ranges: Ranges::merged(ranges) }
        })
    })
}

/// What was made, unless making it had problems.
fn whole<T>(problems: &mut Vec<IntelProblem>, make: impl FnOnce(&mut Vec<IntelProblem>) -> T) -> Option<T> {
    let before = problems.len();
    let made = make(problems);
    (problems.len() == before).then_some(made)
}

#[cfg(test)]
mod tests;
