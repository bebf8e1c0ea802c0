//! Which routes a path may be on, found in time that does not depend on how many there are.
//!
//! Exact paths and prefixes are two tables by [key](super::key): a path costs one pass that hashes it, a look-up at each
//! segment boundary and one at its end. Patterns lie in the prefix table under the directory they match in. A plain path
//! (nearly all of them) is looked up as it is, without memory; any other in all its [readings](super::readings). What is
//! found under one path may be routes of very many hosts: of those the [hosts](super::sites) of the request leave few.

use super::key::{KeyHash, KeyTable, folded, trimmed};
use super::pattern::{Pattern, Patterns};
use super::readings::{Author, Names, Readings};
use super::sites::{Asking, Entries};
use super::steps::{STEPS, format_start};
use super::target::is_plain;
use crate::config::settings::PathPattern;

/// Longest path that is read. Longer ones are no site's; they might be any route's.
pub(super) const MAX_PATH: usize = 8 * 1024;

#[derive(Debug, Default)]
pub(super) struct Index {
    exact: KeyTable<Entries<Text>>,
    under: KeyTable<Directory>,
    /// Length of the longest prefix: no look-ups beyond.
    deepest: usize,
    all: Entries<()>,
    routes: u32,
}

/// What holds for all paths below one.
#[derive(Debug, Default)]
struct Directory {
    prefixes: Entries<Text>,
    patterns: Patterns,
}

/// A configured path (in one of its spellings) before letters were folded.
type Text = Box<[u8]>;

/// Routes by rank, each with the plainest reading that led there.
pub(super) type Hits = Vec<(u32, Names)>;

/// What one request found so far.
struct Search<'i, 'a> {
    hits: Hits,
    /// Lists that an earlier (plainer) reading led to. Their routes are hit, and once is enough: a disguised path has a
    /// hundred readings.
    visited: Vec<&'i Entries<Text>>,
    asking: Asking<'a, 'i>,
}

impl<'i> Search<'i, '_> {
    /// Whether the list is new, or the reading so plain that it may improve on what is known.
    fn visits(&mut self, entries: &'i Entries<Text>, names: Names) -> bool {
        if entries.is_empty() {
            return false;
        }
        let known = self.visited.iter().any(|list| std::ptr::eq(*list, entries));
        if !known {
            self.visited.push(entries);
        }
        !known || names.is_raw()
    }

    fn hit<T>(&mut self, entries: &Entries<T>, names: impl Fn(&T) -> Names) {
        entries.each(self.asking, &mut |rank, entry| self.hits.push((rank, names(entry))));
    }
}

impl Index {
    /// `paths` in order of rank, each with whether its route names hosts.
    pub fn new<'p>(paths: impl IntoIterator<Item = (&'p PathPattern, bool)>) -> Index {
        let mut index = Index::default();
        for (path, names_hosts) in paths {
            index.add(path, names_hosts);
        }
        index.under.values_mut().for_each(|directory| directory.patterns.compile());
        index.deepest = index.under.longest();
        index
    }

    fn add(&mut self, path: &PathPattern, names_hosts: bool) {
        let rank = self.routes;
        self.routes += 1;
        self.all.push(rank, names_hosts, ());
        match path {
            PathPattern::Exact(path) => {
                for text in spellings(path) {
                    let key = folded(trimmed(&text)).to_ascii_lowercase();
                    self.exact.entry(&key).push(rank, names_hosts, text);
                }
            }
            PathPattern::Prefix(path) => {
                for text in spellings(path) {
                    let text: Text = trimmed(&text).into();
                    let key = folded(&text).to_ascii_lowercase();
                    self.under.entry(&key).prefixes.push(rank, names_hosts, text);
                }
            }
            PathPattern::Any => self.under.entry(b"").prefixes.push(rank, names_hosts, Text::default()),
            PathPattern::Glob(_) | PathPattern::Regex(_) => {
                if let Some(pattern) = Pattern::of(path) {
                    for directory in pattern.directories() {
                        self.under.entry(&directory).patterns.push(&pattern, rank, names_hosts);
                    }
                }
            }
        }
    }

    /// Routes that some reading of the path is on, in order of rank. `writes`: the method may change something. Routes
    /// that name hosts may be left out if they are none of the request's.
    pub fn hits<'i>(&'i self, path: &[u8], writes: bool, asking: Asking<'_, 'i>) -> Hits {
        let mut search = Search { hits: Hits::new(), visited: Vec::new(), asking };
        if path.len() > MAX_PATH {
            search.hit(&self.all, |()| Names::TOO_LONG);
        } else if is_plain(path) && !(writes && is_disguised_by_format(path)) {
            self.look_up(path, path, Names::RAW, &mut search);
            if writes && let Some(ending) = format_start(path) {
                let path = &path[..ending];
                self.look_up(path, path, format_step(), &mut search);
            }
        } else {
            let author = if writes { Author::Writer } else { Author::Reader };
            let readings = Readings::of(path, author);
            for reading in &readings.all {
                self.look_up(&reading.text, &folded(&reading.text), reading.names, &mut search);
            }
            if readings.overflown {
                search.hit(&self.all, |()| Names::TOO_MANY);
            }
        }
        plainest(search.hits)
    }

    fn look_up<'i>(&'i self, reading: &[u8], key: &[u8], names: Names, search: &mut Search<'i, '_>) {
        let key = trimmed(key);
        let mut hash = KeyHash::EMPTY;
        for (at, &byte) in key.iter().enumerate() {
            if byte == b'/' && at <= self.deepest {
                self.visit_directory(hash, &key[..at], reading, names, search);
            }
            hash = hash.push(byte);
        }
        if key.len() <= self.deepest {
            self.visit_directory(hash, key, reading, names, search);
        }
        let Some(entries) = self.exact.find(hash, key) else { return };
        if search.visits(entries, names) {
            let end = trimmed(reading);
            search.hit(entries, |text| {
                let configured = trimmed(text);
                let slash = (end.len() < reading.len()) != (configured.len() < text.len());
                names.and_if(end != configured, Names::CASE).and_if(slash, Names::TRAILING_SLASH)
            });
        }
    }

    fn visit_directory<'i>(
        &'i self,
        hash: KeyHash,
        key: &[u8],
        reading: &[u8],
        names: Names,
        search: &mut Search<'i, '_>,
    ) {
        if self.under.is_empty() {
            return;
        }
        let Some(directory) = self.under.find(hash, key) else { return };
        if search.visits(&directory.prefixes, names) {
            search.hit(&directory.prefixes, |text| names.and_if(!reading.starts_with(text), Names::CASE));
        }
        directory.patterns.visit(reading, names, &mut |routes, names| search.hit(routes, |()| names));
    }
}

/// A configured path in every spelling that is not another path, without doubles of one key and text.
fn spellings(path: &str) -> Vec<Box<[u8]>> {
    let readings = Readings::of(path.as_bytes(), Author::Operator);
    readings.all.into_iter().map(|reading| reading.text.into_boxed_slice()).collect()
}

/// Whether the path has more than one reading once its format (`.json`) is cut off: `/login..js`, `/login.json.js`.
fn is_disguised_by_format(path: &[u8]) -> bool {
    format_start(path).is_some_and(|end| !is_plain(&path[..end]) || format_start(&path[..end]).is_some())
}

fn format_step() -> Names {
    STEPS.iter().position(|step| step.name == "format").map_or(Names::RAW, Names::step)
}

/// One hit a route: the raw one if there is one, else the first found. In order of rank.
fn plainest(mut hits: Hits) -> Hits {
    if hits.len() > 1 {
        hits.sort_by_key(|(rank, names)| (*rank, !names.is_raw()));
        hits.dedup_by_key(|(rank, _)| *rank);
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(paths: &[PathPattern]) -> Index {
        Index::new(paths.iter().map(|path| (path, false)))
    }

    fn ranks(index: &Index, path: &str) -> Vec<u32> {
        index
            .hits(path.as_bytes(), true, &|| unreachable!("no route names hosts"))
            .into_iter()
            .map(|(rank, _)| rank)
            .collect()
    }

    #[test]
    fn each_kind_of_path_is_found_where_it_lies_and_nowhere_else() {
        let index = index(&[
            PathPattern::Exact("/login".into()),
            PathPattern::Prefix("/account".into()),
            PathPattern::Prefix("/api/auth/".into()),
            PathPattern::Glob("/shop/*/checkout".into()),
            PathPattern::Regex(regex::Regex::new("^(?:/v[0-9]+/session)$").unwrap()),
            PathPattern::Exact("/Café/".into()),
        ]);
        for (path, expected) in [
            ("/login", &[0][..]),
            ("/login/", &[0]),
            ("/LOGIN", &[0]),
            ("/logins", &[]),
            ("/login/x", &[]),
            ("/account", &[1]),
            ("/account/x/y", &[1]),
            ("/accounts", &[]),
            ("/api/auth/token", &[2]),
            ("/api/auth", &[2]),
            ("/api/authors", &[]),
            ("/shop/x/y/checkout", &[3]),
            ("/shop/checkout", &[]),
            ("/v12/session", &[4]),
            ("/v/session", &[]),
            ("/caf%C3%A9", &[5]),
            ("/", &[]),
            ("", &[]),
        ] {
            assert_eq!(ranks(&index, path), expected, "{path}");
        }
    }

    #[test]
    fn one_request_can_be_on_several_routes() {
        let index = index(&[
            PathPattern::Any,
            PathPattern::Exact("/a/../b".into()),
            PathPattern::Prefix("/".into()),
            PathPattern::Exact("/".into()),
        ]);
        assert_eq!(ranks(&index, "/b"), [0, 1, 2]);
        assert_eq!(ranks(&index, "/"), [0, 2, 3]);
        assert_eq!(ranks(&index, "*"), [0, 2]);
    }

    #[test]
    fn what_cannot_be_read_could_be_any_route() {
        let index = index(&[PathPattern::Exact("/login".into()), PathPattern::Prefix("/a".into())]);
        assert_eq!(ranks(&index, &"/x".repeat(MAX_PATH)), [0, 1]);
        assert_eq!(ranks(&index, &"/%2e%2e%2f;x\\..%00./ /".repeat(300)), [0, 1]);
        assert_eq!(ranks(&index, &format!("/{}", "x".repeat(MAX_PATH - 1))), [0; 0]);
    }
}
