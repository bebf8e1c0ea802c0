//! Recognition: which route a request is on, whatever it is disguised as.
//!
//! A gate that reads a path in one way and an application that reads it in another are a bypass, and nobody knows how
//! every application reads. So a request is on a route if *any* plausible reading of it is: the path after every order
//! of the rewritings that servers do (`steps`), each host and each method that the request names, each value of a
//! repeated parameter. The request itself is forwarded as it came; where its readings lead to different routes, that is
//! recorded. What cannot be read within bounds (a path over 8 KiB, a pile of disguises) might be any route's: each route
//! whose method, host and query fit is then a candidate. Passing it unseen is the one thing that must not happen.
//!
//! Two steps: [`Routes::candidates`] reads the head alone and answers nearly every request with `None`, at the price of
//! one hash over the path; only then is a body held, and [`Candidates::settle`] lets its values decide.
//!
//! A request for a host that no route names is on no route that names one: an application that answers for any `Host`
//! is protected by routes without `host`.

mod candidates;
mod fit;
mod host;
mod index;
mod key;
mod literals;
mod method;
mod pattern;
mod readings;
mod rewriting;
mod sites;
#[doc(hidden)]
pub mod specimen;
mod steps;
mod target;
mod values;

pub use candidates::{Candidates, Recognized};
pub use fit::{ConditionFit, RouteFit, in_words};
pub use host::canonical as canonical_host;
pub use method::{METHOD_HEADERS, is_spelt};
pub use rewriting::{MOUNT_HEADERS, OVERRIDE_HEADERS, headers_to_remove};
pub use target::is_sound as is_sound_target;
pub use values::{BodyValues, Standing};

use crate::config::settings::{Route, ValueCondition, ValuePlace};
use crate::gateway::form::QueryParameter;
use candidates::Candidate;
use host::{HostFit, Hosts};
use http::HeaderMap;
use index::Index;
use method::{MethodFit, Methods};
use readings::Names;
use sites::Sites;
use std::cell::OnceCell;
use std::sync::Arc;
use target::Target;
use values::ValueReadings;

/// What recognition reads of a request.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub method: &'a str,
    /// As received: path and query, or an absolute-form target.
    pub target: &'a [u8],
    /// HTTP/2's `:authority`, if the target does not hold it.
    pub authority: Option<&'a str>,
    /// `Host` is read from here, the headers that tunnel a method, and those that a route asks for.
    pub headers: &'a HeaderMap,
    /// Whether a body may follow.
    pub has_body: bool,
    /// Whether the peer is one of the operator's own proxies, whose word on the host is passed on.
    pub peer_is_trusted: bool,
}

impl<'a> Head<'a> {
    /// The authority of an absolute-form target.
    pub fn target_authority(&self) -> Option<&'a [u8]> {
        Target::of(self.target).authority
    }
}

/// All routes of one configuration, indexed. Built once, then only read.
#[derive(Debug)]
pub struct Routes {
    /// More conditions first, then as in the file: a route's place is its rank.
    ranked: Vec<Arc<Route>>,
    index: Index,
    sites: Sites,
}

impl Routes {
    pub fn new(routes: &[Arc<Route>]) -> Routes {
        let mut ranked = routes.to_vec();
        ranked.sort_by_key(|route| std::cmp::Reverse(route.matching.conditions()));
        let index = Index::new(ranked.iter().map(|route| (&route.matching.path, route.matching.hosts.is_some())));
        let mut sites = Sites::default();
        for (rank, route) in (0..).zip(&ranked) {
            if let Some(hosts) = &route.matching.hosts {
                sites.add(rank, hosts);
            }
        }
        Routes { ranked, index, sites }
    }

    /// The routes that a request may be on, as far as its head tells; `None`: it is on none, and its body is not
    /// Tollgate's business.
    pub fn candidates(&self, head: &Head) -> Option<Candidates> {
        if self.ranked.is_empty() {
            return None;
        }
        let request = Asked::of(head);
        let plausible = OnceCell::new();
        let asking = || plausible.get_or_init(|| self.sites.plausible(request.hosts()));
        let hits = self.index.hits(request.target.path, request.methods.write(), &asking);
        if hits.is_empty() {
            return None;
        }
        let mut found: Vec<Candidate> = Vec::new();
        let mut elsewhere = Names::RAW;
        for (rank, names) in hits {
            let decided = found.first().filter(|first| first.is_decided());
            if decided.is_some_and(|first| !first.names.is_raw() || !elsewhere.is_raw()) {
                // No further route changes the one that is chosen, nor what is recorded of its readings.
                break;
            }
            let decided = decided.is_some();
            if decided && names.is_raw() {
                continue;
            }
            let Some(route) = self.ranked.get(rank as usize) else { continue };
            match request.candidate(route, names) {
                Some(candidate) if decided => elsewhere = candidate.names,
                Some(candidate) => found.push(candidate),
                None => {}
            }
        }
        let mut found = found.into_iter();
        let first = found.next()?;
        Some(Candidates { first, others: found.collect(), elsewhere, methods: request.methods.into_known() })
    }
}

/// One request under examination.
struct Asked<'h> {
    head: &'h Head<'h>,
    target: Target<'h>,
    methods: Methods<'h>,
    hosts: OnceCell<Hosts>,
}

impl<'h> Asked<'h> {
    fn of(head: &'h Head<'h>) -> Asked<'h> {
        let target = Target::of(head.target);
        let methods = Methods::of(head, target.query);
        Asked { head, target, methods, hosts: OnceCell::new() }
    }

    /// The route as a candidate, if nothing in the head speaks against it.
    fn candidate(&self, route: &Arc<Route>, names: Names) -> Option<Candidate> {
        let matching = &route.matching;
        let method = self.methods.fit(&matching.methods);
        let method_open = self.methods.form_may_tell(&matching.methods);
        if method == MethodFit::None && !method_open {
            return None;
        }
        let names = match matching.hosts.as_ref().map(|accepted| self.hosts().fit(accepted)) {
            None | Some(HostFit::All) => names,
            Some(HostFit::Some) => names.and(Names::HOST),
            Some(HostFit::None) => return None,
        };
        let mut open = Vec::new();
        for (place, condition) in matching.values.iter().enumerate() {
            let (holds, in_query) = self.holds(condition);
            match holds {
                Some(true) => {}
                Some(false) => return None,
                None => open.push((place, in_query)),
            }
        }
        Some(Candidate { route: route.clone(), names, method, method_open, open })
    }

    /// Whether a condition holds, if the head can tell, and what the query or the headers say about it.
    fn holds(&self, condition: &ValueCondition) -> (Option<bool>, ValueReadings) {
        let in_query = match condition.place {
            ValuePlace::Query | ValuePlace::Param => {
                ValueReadings::in_query(self.target.query, &QueryParameter::new(&condition.name))
            }
            ValuePlace::Header => ValueReadings::in_headers(self.head.headers, &condition.name),
            ValuePlace::Form | ValuePlace::Json => ValueReadings::absent(),
        };
        let holds = in_query.accepted(&condition.accept);
        // Further readings cannot take back what one has granted; they can end an absence.
        let settled = !self.head.has_body
            || !condition.place.needs_body()
            || (!in_query.values.is_empty() && condition.accept.accepts_readings(&in_query.values));
        (settled.then_some(holds), in_query)
    }

    fn hosts(&self) -> &Hosts {
        self.hosts.get_or_init(|| {
            let authority = self.head.authority.map(str::as_bytes);
            Hosts::of([self.target.authority, authority], self.head.headers, self.head.peer_is_trusted)
        })
    }
}

#[cfg(test)]
mod linear;
#[cfg(test)]
mod tests;
