//! The steps of a judgement that need no socket: from a head and a body that lie in memory to the decision.
//!
//! `judge` takes a live request through them, with the waiting in between; `rehearsal` takes one that an operator asks
//! about. There is one implementation, so that what is explained is what happens. Nothing here wraps anything: these are
//! the steps themselves, over the header and the bytes, wherever those come from.

use super::fields::{self, Captured};
use super::form::{Unreadable, Values};
use super::framing::{self, FramingFault};
use super::identity::Keys;
use super::live::Live;
use super::recognize::{Candidates, Head, Recognized, is_sound_target};
use crate::config::settings::{Ambiguous, Route};
use crate::engine::attempt::Ambiguity;
use crate::engine::decision::{Action, Decision};
use crate::engine::evidence::Evidence;
use crate::engine::{self};
use http::HeaderMap;
use pingora::http::RequestHeader;
use std::sync::Arc;

/// The name that stands for a rule's where the gate itself refuses what can be read in two ways.
pub const AMBIGUOUS: &str = "ambiguous";

/// Whether the request's target can be read at all. If not it is refused whatever the routes say, because nobody can say which
/// path the application would make of it.
pub fn is_readable(header: &RequestHeader) -> bool {
    header.method == http::Method::CONNECT || is_sound_target(header.method.as_str(), header.raw_path())
}

/// Whether an HTTP/1 head announces a body.
pub fn announces_body(header: &RequestHeader) -> bool {
    header.headers.contains_key(http::header::CONTENT_LENGTH)
        || header.headers.contains_key(http::header::TRANSFER_ENCODING)
}

/// What recognition reads of a request. `has_body`: one may follow. `peer_is_trusted`: it comes over a proxy of the operator's.
pub fn head(header: &RequestHeader, has_body: bool, peer_is_trusted: bool) -> Head<'_> {
    Head {
        method: header.method.as_str(),
        target: header.raw_path(),
        authority: header.uri.authority().map(|authority| authority.as_str()),
        headers: &header.headers,
        has_body,
        peer_is_trusted,
    }
}

/// Whether two servers could cut the request in two ways. `raw`: the head of an HTTP/1 request as received.
pub fn framing(live: &Live, header: &RequestHeader, raw: Option<&[u8]>) -> Result<(), FramingFault> {
    framing::check(raw, &head(header, true, false), header.version, live.settings.limits.header)
}

/// What the whole body turned a possible route into.
pub enum Read {
    /// This is no request of any route.
    Elsewhere,
    /// The route to treat it as.
    Unreadable(Arc<Route>, Unreadable),
    Request(Recognized, Values),
}

/// Reads the values that the candidates ask for, and lets them decide.
pub fn read(live: &Live, candidates: &Candidates, header: &RequestHeader, body: &[u8]) -> Read {
    let mut values = Values::new(&live.wanted(candidates));
    values.read_query(header.uri.query().unwrap_or_default().as_bytes());
    match values.read_body(&header.headers, body) {
        Ok(()) => match candidates.settle(&values) {
            Some(recognized) => Read::Request(recognized, values),
            None => Read::Elsewhere,
        },
        Err(unreadable) => Read::Unreadable(candidates.presume().route, unreadable),
    }
}

/// The facts of a recognised request, and whether it must be denied because nobody can say whose account it means.
pub fn capture(
    live: &Live,
    keys: &Keys,
    route: &Route,
    ambiguities: Vec<Ambiguity>,
    values: &Values,
    headers: &HeaderMap,
) -> (Captured, bool) {
    let disposable = |domain: &str| live.intel.disposable(domain);
    let mut captured = fields::capture(route, values, headers, keys, &disposable);
    captured.ambiguities.splice(0..0, ambiguities);
    let ambiguous = captured.ambiguities.iter().any(Ambiguity::is_about_credentials);
    (captured, ambiguous && route.ambiguous == Ambiguous::Deny)
}

/// The decision. `must_deny`: judged all the same, so that the record shows who it was; refused whatever the policy says.
pub fn decide(evidence: &Evidence, route: &Route, must_deny: bool) -> Decision {
    let mut decision = engine::decide(evidence, &route.policy.rules);
    if must_deny && decision.ruling.action != Action::Deny {
        decision.overrule(AMBIGUOUS, Action::Deny);
    }
    decision
}
