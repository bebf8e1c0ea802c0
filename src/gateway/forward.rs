//! What goes on to the application: the request as it came, less what only the gate may say.
//!
//! The edits are few and named (DESIGN: body and client headers go on byte for byte or not at all, with these edits
//! only): `X-Tollgate-*` and the headers that pretend another path are removed, also in the spelling with underscores
//! that WSGI and CGI fold into the same variable; `X-Forwarded-*` is written by us; the gate's own cookies are taken out
//! of `Cookie`; a held body gets its length. Hop-by-hop headers are Pingora's doing.

use super::recognize::headers_to_remove;
use crate::engine::assessment::Scores;
use crate::engine::decision::Decision;
use crate::engine::evidence::Evidence;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, COOKIE, EXPECT, HOST, TRANSFER_ENCODING};
use http::{HeaderValue, Method};
use pingora::http::RequestHeader;
use std::fmt::Write;
use std::net::IpAddr;

/// Facts about the visitor's connection that the application is told.
pub struct Visitor {
    /// The socket's peer.
    pub peer: IpAddr,
    /// Whether the peer is one of the operator's own proxies, whose word about the visitor is passed on.
    pub peer_is_trusted: bool,
    pub tls: bool,
    /// `Host` as the visitor sent it.
    pub host: Option<HeaderValue>,
}

/// Makes the request ready for the application. `fixed_host` replaces `Host`.
pub fn request(header: &mut RequestHeader, visitor: &Visitor, fixed_host: Option<&str>) -> pingora::Result<()> {
    remove_what_only_the_gate_may_say(header, visitor.peer_is_trusted);
    let ours = without_own_cookies(header);
    if let Some(cookies) = ours {
        match cookies {
            Some(rest) => header.insert_header(COOKIE, rest)?,
            None => drop(header.remove_header(&COOKIE)),
        }
    }
    let mut chain = String::with_capacity(40);
    for earlier in header.headers.get_all("x-forwarded-for") {
        if let Ok(earlier) = earlier.to_str() {
            chain.push_str(earlier);
            chain.push_str(", ");
        }
    }
    let _ = write!(chain, "{}", visitor.peer.to_canonical());
    header.insert_header("X-Forwarded-For", chain)?;
    if !header.headers.contains_key("x-forwarded-proto") {
        header.insert_header("X-Forwarded-Proto", if visitor.tls { "https" } else { "http" })?;
    }
    if let Some(host) = &visitor.host
        && !header.headers.contains_key("x-forwarded-host")
    {
        header.insert_header("X-Forwarded-Host", host.clone())?;
    }
    if let Some(host) = fixed_host {
        header.insert_header(HOST, host)?;
    }
    Ok(())
}

/// Gives a held request its length, and asks for an answer that the gate can read.
pub fn held(header: &mut RequestHeader, length: usize, read_answer: bool) -> pingora::Result<()> {
    header.remove_header(&EXPECT);
    // An empty body that came in chunks has lost its framing on the way here, and some applications insist on a length.
    let announces = !matches!(header.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE);
    header.remove_header(&TRANSFER_ENCODING);
    if length > 0 || announces || header.headers.contains_key(CONTENT_LENGTH) {
        header.insert_header(CONTENT_LENGTH, length)?;
    }
    if read_answer {
        header.insert_header(ACCEPT_ENCODING, "identity")?;
    }
    Ok(())
}

/// Tells the application what was decided, for its own logs and rules.
pub fn verdict(header: &mut RequestHeader, evidence: &Evidence, decision: &Decision) -> pingora::Result<()> {
    let Scores { risk, bot, account_takeover, account_abuse, .. } = decision.assessment.scores;
    header.insert_header("X-Tollgate-Decision", evidence.attempt.id.to_string())?;
    header.insert_header("X-Tollgate-Risk", format!("{risk:.2}"))?;
    header.insert_header("X-Tollgate-Bot", format!("{bot:.2}"))?;
    header.insert_header("X-Tollgate-Account-Takeover", format!("{account_takeover:.2}"))?;
    header.insert_header("X-Tollgate-Account-Abuse", format!("{account_abuse:.2}"))?;
    let mut signals = String::new();
    for name in decision.assessment.fired.names() {
        if !signals.is_empty() {
            signals.push_str(", ");
        }
        signals.push_str(name);
    }
    header.insert_header("X-Tollgate-Signals", signals)?;
    header.insert_header("X-Tollgate-Action", decision.ruling.action.name())
}

fn remove_what_only_the_gate_may_say(header: &mut RequestHeader, peer_is_trusted: bool) {
    let refused = |name: &str| {
        starts_with(name, "x-tollgate-")
            || (starts_with(name, "x-forwarded-") && (!peer_is_trusted || name.contains('_')))
    };
    // Usually there is nothing to remove, and then nothing is allocated.
    let ours = header.headers.keys().filter(|name| refused(name.as_str()));
    let names: Vec<_> = ours.chain(headers_to_remove(&header.headers, peer_is_trusted)).cloned().collect();
    for name in names {
        header.remove_header(&name);
    }
}

/// Whether a (lower-case) header name begins so, underscores read as hyphens.
fn starts_with(name: &str, prefix: &str) -> bool {
    name.len() >= prefix.len() && name.bytes().zip(prefix.bytes()).all(|(a, b)| a == b || (a == b'_' && b == b'-'))
}

/// `None` if `Cookie` holds nothing of ours; else what is left of it, if anything is.
fn without_own_cookies(header: &RequestHeader) -> Option<Option<HeaderValue>> {
    let is_ours = |pair: &[u8]| pair.trim_ascii_start().starts_with(b"tollgate_");
    let lines = || header.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    if !lines().any(|line| line.split(|&b| b == b';').any(is_ours)) {
        return None;
    }
    let mut rest = Vec::new();
    for pair in lines().flat_map(|line| line.split(|&b| b == b';')).filter(|pair| !is_ours(pair)) {
        let pair = pair.trim_ascii();
        if !pair.is_empty() {
            if !rest.is_empty() {
                rest.extend_from_slice(b"; ");
            }
            rest.extend_from_slice(pair);
        }
    }
    Some((!rest.is_empty()).then(|| HeaderValue::from_bytes(&rest).ok()).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(pairs: &[(&'static str, &str)]) -> RequestHeader {
        let mut header = RequestHeader::build("POST", b"/login", None).unwrap();
        for (name, value) in pairs {
            header.append_header(*name, *value).unwrap();
        }
        header
    }

    fn visitor(peer_is_trusted: bool) -> Visitor {
        let host = Some(HeaderValue::from_static("shop.example"));
        Visitor { peer: "203.0.113.7".parse().unwrap(), peer_is_trusted, tls: true, host }
    }

    #[test]
    fn a_stranger_cannot_speak_for_the_gate() {
        let mut header = header(&[
            ("X-Tollgate-Risk", "0"),
            ("X_Tollgate_Action", "allow"),
            ("X-Original-URL", "/admin"),
            ("X_Original_Url", "/admin"),
            ("X-Forwarded-For", "127.0.0.1"),
            ("X-Forwarded-Prefix", "/x"),
            ("X-Requested-With", "fetch"),
        ]);
        request(&mut header, &visitor(false), None).unwrap();
        let names: Vec<_> = header.headers.keys().map(|name| name.as_str().to_owned()).collect();
        assert!(names.iter().all(|name| !name.contains("tollgate") && !name.contains("riginal")), "{names:?}");
        assert_eq!(header.headers["x-forwarded-for"], "203.0.113.7");
        assert_eq!(header.headers["x-forwarded-proto"], "https");
        assert_eq!(header.headers["x-forwarded-host"], "shop.example");
        assert!(!header.headers.contains_key("x-forwarded-prefix"));
        assert_eq!(header.headers["x-requested-with"], "fetch");
    }

    #[test]
    fn a_trusted_proxy_is_passed_on() {
        let mut header = header(&[("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-Proto", "http")]);
        request(&mut header, &visitor(true), Some("internal")).unwrap();
        assert_eq!(header.headers["x-forwarded-for"], "198.51.100.1, 203.0.113.7");
        assert_eq!(header.headers["x-forwarded-proto"], "http");
        assert_eq!(header.headers["host"], "internal");
    }

    #[test]
    fn own_cookies_stay_at_the_gate() {
        for (sent, kept) in [
            ("a=1; tollgate_clearance=x; b=2", Some("a=1; b=2")),
            ("tollgate_hold=x", None),
            ("a=1;  odd ; c", Some("a=1;  odd ; c")),
        ] {
            let mut header = header(&[("Cookie", sent)]);
            request(&mut header, &visitor(false), None).unwrap();
            assert_eq!(header.headers.get("cookie").map(|value| value.to_str().unwrap()), kept);
        }
    }

    #[test]
    fn a_held_body_gets_one_plain_length() {
        let mut chunked = header(&[("Transfer-Encoding", "chunked"), ("Expect", "100-continue")]);
        held(&mut chunked, 0, true).unwrap();
        assert_eq!(chunked.headers["content-length"], "0");
        assert!(!chunked.headers.contains_key("transfer-encoding") && !chunked.headers.contains_key("expect"));
        assert_eq!(chunked.headers["accept-encoding"], "identity");
        let mut bodiless = RequestHeader::build("GET", b"/login", None).unwrap();
        held(&mut bodiless, 0, false).unwrap();
        assert!(!bodiless.headers.contains_key("content-length"));
    }
}
