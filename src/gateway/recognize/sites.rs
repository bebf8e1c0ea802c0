//! Which routes may be on the hosts of a request, found without asking each route.
//!
//! One path on ten thousand hosts (a login of every tenant) is one list of ten thousand routes, and going through it for
//! each request would make every tenant pay for all others. So each route that names hosts is filed under what its globs
//! say for certain: the whole name, or what stands before the first wildcard or behind the last. A request's hosts are
//! looked up there, and only routes that both its path and its hosts lead to are examined. Filing is a sieve, not a
//! verdict: it may keep a route too many, never lose one, and [`Hosts::fit`] has the last word.

use super::host::Hosts;
use crate::engine::pattern::Globs;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

/// So few routes are examined one by one: that costs less than a look-up.
const FEW: usize = 8;

/// Routes by the hosts that they name.
#[derive(Debug, Default)]
pub(super) struct Sites {
    whole: HashMap<Box<[u8]>, Vec<u32>>,
    beginnings: Affixes,
    ends: Affixes,
    /// What no literal tells: `*`, `*shop*`, lists of exclusions only.
    anywhere: Vec<u32>,
}

/// Ranks by the literal beginning (or end) of a glob.
#[derive(Debug, Default)]
struct Affixes {
    by_text: HashMap<Box<[u8]>, Vec<u32>>,
    /// The lengths that occur, so that a host is cut at those only.
    lengths: Vec<usize>,
}

impl Affixes {
    fn add(&mut self, text: &[u8], rank: u32) {
        if !self.lengths.contains(&text.len()) {
            self.lengths.push(text.len());
        }
        add(self.by_text.entry(text.into()), rank);
    }
}

fn add(slot: Slot<'_, Box<[u8]>, Vec<u32>>, rank: u32) {
    let ranks = slot.or_default();
    // A route's globs are filed in one go, so a double would be the last.
    if ranks.last() != Some(&rank) {
        ranks.push(rank);
    }
}

/// The routes with hosts that a request may be on.
#[derive(Debug)]
pub(super) enum Plausible<'s> {
    /// Nobody can say which host the application will read: all of them.
    All,
    /// Ascending lists; a rank may stand in several.
    Ranks(Vec<&'s [u32]>),
}

impl Sites {
    /// Files a route. Called in order of rank.
    pub fn add(&mut self, rank: u32, accepted: &Globs) {
        let Some(globs) = accepted.plain() else {
            self.anywhere.push(rank);
            return;
        };
        for glob in globs {
            let text = glob.as_str().as_bytes();
            let wildcard = |byte: &u8| matches!(byte, b'*' | b'?');
            let (Some(first), Some(last)) = (text.iter().position(wildcard), text.iter().rposition(wildcard)) else {
                add(self.whole.entry(text.into()), rank);
                continue;
            };
            let (beginning, end) = (&text[..first], &text[last + 1..]);
            if beginning.is_empty() && end.is_empty() {
                if self.anywhere.last() != Some(&rank) {
                    self.anywhere.push(rank);
                }
            } else if beginning.len() > end.len() {
                self.beginnings.add(beginning, rank);
            } else {
                self.ends.add(end, rank);
            }
        }
    }

    /// The routes that some host of the request may be of.
    pub fn plausible(&self, hosts: &Hosts) -> Plausible<'_> {
        let Some(names) = hosts.known() else { return Plausible::All };
        let mut lists: Vec<&[u32]> = vec![&self.anywhere];
        for name in names.map(str::as_bytes) {
            lists.extend(self.whole.get(name).map(Vec::as_slice));
            for &length in self.beginnings.lengths.iter().filter(|length| **length <= name.len()) {
                lists.extend(self.beginnings.by_text.get(&name[..length]).map(Vec::as_slice));
            }
            for &length in self.ends.lengths.iter().filter(|length| **length <= name.len()) {
                lists.extend(self.ends.by_text.get(&name[name.len() - length..]).map(Vec::as_slice));
            }
        }
        Plausible::Ranks(lists)
    }
}

/// What answers for the request's hosts, if anybody asks.
pub(super) type Asking<'p, 's> = &'p dyn Fn() -> &'p Plausible<'s>;

/// What lies under one path: routes of any host, and those that name theirs; each in order of rank.
#[derive(Debug)]
pub(super) struct Entries<T> {
    of_any_host: Vec<(u32, T)>,
    of_hosts: Vec<(u32, T)>,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Entries { of_any_host: Vec::new(), of_hosts: Vec::new() }
    }
}

impl<T> Entries<T> {
    /// Adds a route; called in order of rank.
    pub fn push(&mut self, rank: u32, names_hosts: bool, entry: T) {
        let list = if names_hosts { &mut self.of_hosts } else { &mut self.of_any_host };
        list.push((rank, entry));
    }

    pub fn is_empty(&self) -> bool {
        self.of_any_host.is_empty() && self.of_hosts.is_empty()
    }

    /// Hands out the routes that the request's hosts leave.
    pub fn each(&self, asking: Asking<'_, '_>, found: &mut impl FnMut(u32, &T)) {
        self.of_any_host.iter().for_each(|(rank, entry)| found(*rank, entry));
        if self.of_hosts.len() > FEW
            && let Plausible::Ranks(lists) = asking()
            && lists.iter().map(|list| list.len()).sum::<usize>() < self.of_hosts.len()
        {
            for &rank in lists.iter().copied().flatten() {
                let at = self.of_hosts.partition_point(|(other, _)| *other < rank);
                self.of_hosts[at..].iter().take_while(|(other, _)| *other == rank).for_each(|(_, entry)| {
                    found(rank, entry);
                });
            }
        } else {
            self.of_hosts.iter().for_each(|(rank, entry)| found(*rank, entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use proptest::prelude::*;

    fn hosts(names: &[String]) -> Hosts {
        let mut headers = HeaderMap::new();
        for name in names {
            headers.append(http::header::HOST, name.parse().unwrap());
        }
        Hosts::of([None, None], &headers, false)
    }

    fn found(plausible: &Plausible, rank: u32) -> bool {
        match plausible {
            Plausible::All => true,
            Plausible::Ranks(lists) => lists.iter().any(|list| list.contains(&rank)),
        }
    }

    #[test]
    fn a_host_leads_to_its_own_routes_only() {
        let mut sites = Sites::default();
        for rank in 0..1000 {
            sites.add(rank, &Globs::new([format!("shop{rank}.example"), format!("*.shop{rank}.example")]));
        }
        let Plausible::Ranks(lists) = sites.plausible(&hosts(&["shop7.example".into()])) else { panic!("unknown") };
        assert_eq!(lists.concat(), [7]);
        let Plausible::Ranks(lists) = sites.plausible(&hosts(&["de.shop7.example".into()])) else { panic!("unknown") };
        assert_eq!(lists.concat(), [7]);
    }

    proptest! {
        #[test]
        fn filing_loses_no_route(
            globs in proptest::collection::vec("!?[ab.*?]{1,5}", 1..4),
            names in proptest::collection::vec("[ab]{1,2}(\\.[ab]{1,2}){0,2}", 0..3),
        ) {
            let globs = Globs::new(&globs);
            let mut sites = Sites::default();
            sites.add(5, &globs);
            let hosts = hosts(&names);
            let fits = hosts.fit(&globs) != super::super::host::HostFit::None;
            prop_assert!(!fits || found(&sites.plausible(&hosts), 5));
        }
    }
}
