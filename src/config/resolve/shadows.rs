//! Routes that no request ever reaches, because another one is tried first and takes it.
//!
//! Routes with more conditions are tried first, then file order (`gateway::recognize` ranks them so). A route is shadowed
//! if one that is tried before it matches whatever it matches, as far as patterns tell without guessing. The usual causes
//! are a copied route, and a prefix above the path that was to be the exception.
//!
//! Ten thousand routes are compared in a few milliseconds: a route is held only against those under the same path or one
//! of the directories above it, and of these only against those of its host, of no host, or of a pattern of hosts. Where
//! a front controller puts thousands of routes under one path and host, equal ones are still all found (by a hash of what
//! they ask for); of the rest the first few are compared.

use super::Resolver;
use crate::config::settings::{Matching, PathPattern, Route};
use crate::config::tree::NodeId;
use crate::engine::pattern::{Glob, Globs};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// Routes of one place that are compared with one other.
const MOST_COMPARED: usize = 64;

impl Resolver<'_, '_> {
    /// `routes` with the places of their `match`.
    pub(super) fn shadows(&self, routes: &[(NodeId, Arc<Route>)]) {
        let mut order: Vec<usize> = (0..routes.len()).collect();
        order.sort_by_key(|&at| Reverse(routes[at].1.matching.conditions()));
        let mut tried = Tried::default();
        for at in order {
            let (node, route) = &routes[at];
            let signature = signature(&route.matching);
            let equal = tried.equal.get(&signature).copied();
            let first = equal.or_else(|| tried.covering(&route.matching, |other| &routes[other].1.matching));
            if let Some(first) = first {
                let (place, other) = &routes[first];
                let line = self.document.line(*place);
                let (message, help) = if equal.is_some() {
                    (
                        format!(
                            "the route `{}` in line {line} has the same conditions, and is tried first",
                            other.name
                        ),
                        "no request would reach this one: give it another condition, or leave it out",
                    )
                } else {
                    (
                        format!(
                            "the route `{}` in line {line} is tried first and takes every request that this one is for",
                            other.name
                        ),
                        "routes with more conditions are tried first, then those further up: move this route up, or \
                         give it another condition (`method`, `host`)",
                    )
                };
                self.error(*node, message, help);
            }
            tried.add(at, &route.matching, signature);
        }
    }
}

/// Routes that were tried already, by where they lie.
#[derive(Default)]
struct Tried {
    equal: HashMap<String, usize>,
    exact: Places,
    /// Prefixes, and patterns under their last plain directory.
    under: Places,
}

/// By path and host. `None` for hosts: any host, or a pattern of hosts.
#[derive(Default)]
struct Places(HashMap<Place, Vec<usize>>);

type Place = (Box<str>, Option<Box<str>>);

impl Places {
    fn add(&mut self, path: &str, hosts: Option<&Globs>, route: usize) {
        let names: Vec<Option<Box<str>>> = match hosts.map(plain_hosts) {
            Some(Some(names)) => names.into_iter().map(|name| Some(name.into())).collect(),
            _ => vec![None],
        };
        for host in names {
            self.0.entry((path.into(), host)).or_default().push(route);
        }
    }

    fn at<'p>(&'p self, path: &str, host: Option<&str>) -> impl Iterator<Item = usize> + 'p {
        let of = |host: Option<&str>| self.0.get(&(path.into(), host.map(Into::into))).map_or(&[][..], Vec::as_slice);
        let of_host = if host.is_some() { of(host) } else { &[] };
        of_host.iter().take(MOST_COMPARED).chain(of(None).iter().take(MOST_COMPARED)).copied()
    }
}

impl Tried {
    fn add(&mut self, route: usize, matching: &Matching, signature: String) {
        self.equal.entry(signature).or_insert(route);
        let hosts = matching.hosts.as_ref();
        match &matching.path {
            PathPattern::Exact(path) => self.exact.add(&key(path), hosts, route),
            PathPattern::Prefix(path) => self.under.add(&key(path), hosts, route),
            PathPattern::Glob(glob) => self.under.add(&directory(glob), hosts, route),
            PathPattern::Regex(_) | PathPattern::Any => self.under.add("", hosts, route),
        }
    }

    /// A route that was tried before and matches whatever `matching` does.
    fn covering<'r>(&self, matching: &Matching, of: impl Fn(usize) -> &'r Matching) -> Option<usize> {
        // Whoever covers this one names each of its hosts: the first will do to look it up.
        let host =
            matching.hosts.as_ref().and_then(plain_hosts).and_then(|hosts| hosts.first().map(|h| (*h).to_owned()));
        let host = host.as_deref();
        let place = match &matching.path {
            PathPattern::Exact(path) | PathPattern::Prefix(path) => key(path),
            PathPattern::Glob(glob) => directory(glob),
            PathPattern::Regex(_) | PathPattern::Any => String::new(),
        };
        let exact = matches!(matching.path, PathPattern::Exact(_)).then(|| self.exact.at(&place, host));
        // The root ("") and the directories on the way down.
        let above = place.match_indices('/').map(|(at, _)| &place[..at]).chain([&*place]);
        let mut candidates = exact.into_iter().flatten().chain(above.flat_map(|path| self.under.at(path, host)));
        candidates.find(|&other| covers(of(other), matching))
    }
}

/// Whether every request that `other` matches is matched by `one`, for certain.
fn covers(one: &Matching, other: &Matching) -> bool {
    let methods = one.methods.is_empty()
        || (!other.methods.is_empty() && other.methods.iter().all(|method| one.methods.contains(method)));
    let hosts = match (&one.hosts, &other.hosts) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(one), Some(other)) => one.covers(other),
    };
    methods
        && hosts
        && path_covers(&one.path, &other.path)
        && one.values.iter().all(|wanted| {
            let asked = |value: &&crate::config::settings::ValueCondition| {
                value.place == wanted.place && value.name == wanted.name
            };
            other.values.iter().find(asked).is_some_and(|value| wanted.accept.covers(&value.accept))
        })
}

fn path_covers(one: &PathPattern, other: &PathPattern) -> bool {
    match (one, other) {
        (PathPattern::Any, _) => true,
        (PathPattern::Exact(a), PathPattern::Exact(b)) => key(a) == key(b),
        (PathPattern::Prefix(a), PathPattern::Exact(b) | PathPattern::Prefix(b)) => {
            let (a, b) = (key(a), key(b));
            b.strip_prefix(&*a).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        (PathPattern::Prefix(a), PathPattern::Glob(b)) => {
            // What stands before the first wildcard is in every path that the glob matches.
            let plain = &b[..b.find(['*', '?']).unwrap_or(b.len())].to_ascii_lowercase();
            plain.strip_prefix(&*key(a)).is_some_and(|rest| rest.starts_with('/'))
        }
        (PathPattern::Glob(a), PathPattern::Exact(b)) => Glob::new(a).matches(b),
        (PathPattern::Glob(a), PathPattern::Prefix(b)) => a.ends_with('*') && Glob::new(a).matches(b),
        (PathPattern::Glob(a), PathPattern::Glob(b)) => Glob::new(a).covers(&Glob::new(b)),
        (PathPattern::Regex(a), PathPattern::Regex(b)) => a.as_str() == b.as_str(),
        (PathPattern::Regex(a), PathPattern::Exact(b)) => a.is_match(b),
        _ => false,
    }
}

/// A plain path as recognition compares it: without case, without a slash at the end.
fn key(path: &str) -> String {
    path.trim_end_matches('/').to_ascii_lowercase()
}

/// The directory that everything a glob matches lies in.
fn directory(glob: &str) -> String {
    let plain = &glob[..glob.find(['*', '?']).unwrap_or(glob.len())];
    key(&plain[..plain.rfind('/').unwrap_or(0)])
}

/// The hosts, if they are names and no patterns.
fn plain_hosts(hosts: &Globs) -> Option<Vec<&str>> {
    let names: Vec<&str> = hosts.plain()?.iter().map(Glob::as_str).collect();
    let plain = !names.is_empty() && hosts.is_plain() && !names.iter().any(|name| name.contains(['*', '?']));
    plain.then_some(names)
}

/// The same text for the same conditions, however they were ordered.
fn signature(matching: &Matching) -> String {
    let mut text = String::with_capacity(64);
    let mut methods: Vec<&str> = matching.methods.iter().map(|method| &**method).collect();
    methods.sort_unstable();
    methods.iter().for_each(|method| text.extend([method, " "]));
    let (kind, pattern) = match &matching.path {
        PathPattern::Exact(path) => ("=", key(path)),
        PathPattern::Prefix(path) => ("^", key(path)),
        PathPattern::Glob(glob) => ("*", glob.to_string()),
        PathPattern::Regex(regex) => ("~", regex.as_str().to_owned()),
        PathPattern::Any => ("any", String::new()),
    };
    text.extend([kind, &pattern]);
    if let Some(hosts) = &matching.hosts {
        text.push_str(&format!(" {:?}", hosts.sorted()));
    }
    let mut values: Vec<String> =
        matching.values.iter().map(|v| format!(" {:?} {:?} {:?}", v.place, v.name, v.accept.sorted())).collect();
    values.sort_unstable();
    text.push_str(&values.concat());
    text
}
