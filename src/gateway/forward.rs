//! What goes on to the application: the request as it came, less what only the gate may say.
//!
//! The edits are few and named (DESIGN: body and client headers go on byte for byte or not at all, with these edits
//! only): `X-Tollgate-*` and the headers that pretend another path are removed, also in the spellings (underscores,
//! dots, anything that is no letter or digit) that WSGI, CGI and PHP fold into the same variable, and so is what a
//! stranger says of their own address; `X-Forwarded-*` is written by us; the gate's own cookies are taken out of `Cookie`, and what HTTP/2 sent of it in
//! pieces is put together; a body gets one plain length. Hop-by-hop headers are Pingora's doing.

use super::headers::ADDRESS_HEADERS;
use super::recognize::{headers_to_remove, is_spelt};
use crate::engine::assessment::Scores;
use crate::engine::decision::Decision;
use crate::engine::evidence::Evidence;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, COOKIE, EXPECT, HOST, TRANSFER_ENCODING};
use http::{HeaderValue, Method};
use pingora::http::RequestHeader;
use std::fmt::Write;
use std::net::IpAddr;

/// Facts about the visitor's connection that the application is told.
pub struct Visitor<'v> {
    /// The socket's peer.
    pub peer: IpAddr,
    /// Whether the peer is one of the operator's own proxies, whose word about the visitor is passed on.
    pub peer_is_trusted: bool,
    pub tls: bool,
    pub http2: bool,
    /// The configured name of the device cookie.
    pub device_cookie: Option<&'v str>,
    /// `Host` as the visitor sent it.
    pub host: Option<HeaderValue>,
}

/// Makes the request ready for the application. `fixed_host` replaces `Host`.
pub fn request(header: &mut RequestHeader, visitor: &Visitor<'_>, fixed_host: Option<&str>) -> pingora::Result<()> {
    remove_what_only_the_gate_may_say(header, visitor.peer_is_trusted);
    one_length(header)?;
    let cookies = without_own_cookies(header, visitor.device_cookie)
        .or_else(|| visitor.http2.then(|| joined_cookies(header)).flatten());
    match cookies {
        Some(Some(rest)) => header.insert_header(COOKIE, rest)?,
        Some(None) => drop(header.remove_header(&COOKIE)),
        None => {}
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
    header.insert_header("X-Tollgate-Risk", score_text(risk))?;
    header.insert_header("X-Tollgate-Bot", score_text(bot))?;
    header.insert_header("X-Tollgate-Account-Takeover", score_text(account_takeover))?;
    header.insert_header("X-Tollgate-Account-Abuse", score_text(account_abuse))?;
    let mut signals = String::new();
    for name in decision.assessment.fired.names() {
        if !signals.is_empty() {
            signals.push_str(", ");
        }
        signals.push_str(name);
    }
    header.insert_header("X-Tollgate-Signals", signals)?;
    header.insert_header("X-Tollgate-Action", HeaderValue::from_static(decision.ruling.action.name()))
}

/// A score with two decimals, rounded as the record rounds it. By hand: exact decimal expansion of a float costs more
/// than the header does.
fn score_text(score: f64) -> HeaderValue {
    // Scores are 0 to 100; the conversion saturates.
    let hundredths = (score * 100.0).round().clamp(0.0, 10_000.0) as u32;
    let digit = |divisor: u32| b'0' + (hundredths / divisor % 10) as u8;
    let text = [digit(10_000), digit(1_000), digit(100), b'.', digit(10), digit(1)];
    let from = match hundredths {
        10_000.. => 0,
        1_000.. => 1,
        _ => 2,
    };
    HeaderValue::from_bytes(&text[from..]).unwrap_or_else(|_| HeaderValue::from_static("0.00"))
}

/// Besides `X-Forwarded-*` and [`ADDRESS_HEADERS`]: where proxies write who a visitor is, and frameworks look for it. From
/// anybody but a trusted proxy they are claims, and some frameworks (Spring is one) prefer `Forwarded` to what the gate writes.
const MORE_CLAIMS: [&str; 5] =
    ["fly-client-ip", "remote-user", "x-appengine-user-ip", "x-envoy-external-address", "x-original-forwarded-for"];

/// All that only a trusted proxy may say of a visitor.
fn claims() -> impl Iterator<Item = &'static str> {
    ADDRESS_HEADERS.into_iter().chain(MORE_CLAIMS)
}

/// Whether a name can be one of them: nearly every header is told apart by its first letters.
fn may_tell_address(name: &str) -> bool {
    match name.as_bytes() {
        [b'x', second, ..] => !second.is_ascii_alphanumeric(),
        [b'f' | b'c' | b't' | b'r', ..] => true,
        _ => false,
    }
}

fn remove_what_only_the_gate_may_say(header: &mut RequestHeader, peer_is_trusted: bool) {
    let refused = |name: &str| {
        (name.starts_with('x')
            && (starts_with(name, "x-tollgate-")
                || (starts_with(name, "x-forwarded-")
                    && (!peer_is_trusted || name.contains(|c: char| c != '-' && !c.is_ascii_alphanumeric())))))
            || (!peer_is_trusted && may_tell_address(name) && claims().any(|known| is_spelt(name, known)))
    };
    // Usually there is nothing to remove, and then nothing is allocated.
    let ours = header.headers.keys().filter(|name| refused(name.as_str()));
    let names: Vec<_> = ours.chain(headers_to_remove(&header.headers, peer_is_trusted)).cloned().collect();
    for name in names {
        header.remove_header(&name);
    }
}

/// Whether a (lower-case) header name begins so, in any spelling.
fn starts_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| is_spelt(start, prefix))
}

/// `Content-Length: 5, 5` and the header twice over say one thing to the gate, which has compared them, and another to
/// an application that takes the text for a number: one plain value goes on (RFC 9110 §8.6).
fn one_length(header: &mut RequestHeader) -> pingora::Result<()> {
    let mut lengths = header.headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next().and_then(|value| value.to_str().ok()) else { return Ok(()) };
    if lengths.next().is_none() && !first.contains(',') {
        return Ok(());
    }
    let first = first.split(',').next().unwrap_or_default().trim().to_owned();
    header.insert_header(CONTENT_LENGTH, first)
}

/// `None` if `Cookie` holds nothing of ours; else what is left of it, if anything is.
fn without_own_cookies(header: &RequestHeader, device_cookie: Option<&str>) -> Option<Option<HeaderValue>> {
    // With the prefix or without: which of them is read depends on the listener, and neither is the application's.
    let is_ours = |pair: &[u8]| {
        let pair = pair.trim_ascii_start();
        let pair = pair.strip_prefix(b"__Host-").unwrap_or(pair);
        let name = || pair.split(|&b| b == b'=').next().unwrap_or(pair).trim_ascii_end();
        pair.starts_with(b"tollgate_") || device_cookie.is_some_and(|device| name() == device.as_bytes())
    };
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

/// HTTP/2 splits `Cookie` for the sake of compression. In HTTP/1.1 there is one (RFC 9113, 8.2.3), and applications join
/// several with a comma, which loses the session. `None` if it came whole.
fn joined_cookies(header: &RequestHeader) -> Option<Option<HeaderValue>> {
    let pieces = || header.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    pieces().nth(1)?;
    let whole = pieces().collect::<Vec<_>>().join(&b"; "[..]);
    Some(HeaderValue::from_bytes(&whole).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn scores_read_as_in_the_record(hundredths in 0u32..=10_000, below in 0.0..0.004_9) {
            let score = f64::from(hundredths) / 100.0;
            let text = score_text(score);
            prop_assert_eq!(text.to_str().unwrap(), format!("{score:.2}"));
            prop_assert_eq!(score_text(score + below), score_text(score));
        }
    }

    fn header(pairs: &[(&'static str, &str)]) -> RequestHeader {
        let mut header = RequestHeader::build("POST", b"/login", None).unwrap();
        for (name, value) in pairs {
            header.append_header(*name, *value).unwrap();
        }
        header
    }

    fn visitor(peer_is_trusted: bool) -> Visitor<'static> {
        let host = Some(HeaderValue::from_static("shop.example"));
        Visitor {
            peer: "203.0.113.7".parse().unwrap(),
            peer_is_trusted,
            tls: true,
            http2: false,
            device_cookie: Some("shop_device"),
            host,
        }
    }

    #[test]
    fn a_stranger_cannot_speak_for_the_gate() {
        let mut header = header(&[
            ("X-Tollgate-Risk", "0"),
            ("X_Tollgate_Action", "allow"),
            ("X.Tollgate.Signals", "none"),
            ("X~Tollgate~Bot", "0"),
            ("X!Tollgate!Action", "allow"),
            ("X~Forwarded~Host", "127.0.0.1"),
            ("X-Original-URL", "/admin"),
            ("X_Original_Url", "/admin"),
            ("X-Forwarded-For", "127.0.0.1"),
            ("X.Forwarded.For", "127.0.0.1"),
            ("Forwarded", "for=127.0.0.1"),
            ("X-Real-IP", "127.0.0.1"),
            ("X_Real.Ip", "127.0.0.1"),
            ("X-Forwarded-Prefix", "/x"),
            ("X-Requested-With", "fetch"),
        ]);
        request(&mut header, &visitor(false), None).unwrap();
        let names: Vec<_> = header.headers.keys().map(|name| name.as_str().to_owned()).collect();
        assert!(names.iter().all(|name| !name.contains("tollgate") && !name.contains("riginal")), "{names:?}");
        assert!(header.headers.values().all(|value| value != "127.0.0.1" && value != "for=127.0.0.1"), "{names:?}");
        assert_eq!(header.headers["x-forwarded-for"], "203.0.113.7");
        assert_eq!(header.headers["x-forwarded-proto"], "https");
        assert_eq!(header.headers["x-forwarded-host"], "shop.example");
        assert!(!header.headers.contains_key("x-forwarded-prefix"));
        assert_eq!(header.headers["x-requested-with"], "fetch");
    }

    #[test]
    fn what_a_stranger_says_of_their_address_goes_in_every_spelling() {
        for name in claims() {
            assert!(may_tell_address(name), "{name}");
            for spelt in [name.to_owned(), name.replace('-', "_"), name.replace('-', "~")] {
                let mut header = RequestHeader::build("POST", b"/login", None).unwrap();
                header.append_header(spelt.clone(), "127.0.0.1").unwrap();
                let mut trusted = header.clone();
                request(&mut header, &visitor(false), None).unwrap();
                assert!(!header.headers.contains_key(&*spelt), "{spelt}");
                request(&mut trusted, &visitor(true), None).unwrap();
                assert!(trusted.headers.contains_key(&*spelt) || spelt != name, "{spelt}");
            }
        }
    }

    #[test]
    fn a_trusted_proxy_is_passed_on() {
        let mut header = header(&[
            ("X-Forwarded-For", "198.51.100.1"),
            ("X.Forwarded.For", "192.0.2.1"),
            ("X-Forwarded-Proto", "http"),
            ("Forwarded", "for=198.51.100.1"),
        ]);
        request(&mut header, &visitor(true), Some("internal")).unwrap();
        assert_eq!(header.headers["x-forwarded-for"], "198.51.100.1, 203.0.113.7");
        assert_eq!(header.headers["x-forwarded-proto"], "http");
        assert_eq!(header.headers["forwarded"], "for=198.51.100.1");
        assert!(!header.headers.contains_key("x.forwarded.for"));
        assert_eq!(header.headers["host"], "internal");
    }

    #[test]
    fn one_plain_length_goes_on() {
        for sent in [&["5"][..], &["5,5"], &["5", "5"], &["5 , 5", "5"]] {
            let pairs: Vec<_> = sent.iter().map(|value| ("Content-Length", *value)).collect();
            let mut header = header(&pairs);
            request(&mut header, &visitor(false), None).unwrap();
            let got: Vec<_> = header.headers.get_all("content-length").iter().collect();
            assert_eq!(got, ["5"], "{sent:?}");
        }
    }

    #[test]
    fn own_cookies_stay_at_the_gate() {
        for (sent, kept) in [
            ("a=1; tollgate_clearance=x; b=2", Some("a=1; b=2")),
            ("tollgate_hold=x", None),
            ("__Host-tollgate_device=x; b=2", Some("b=2")),
            ("shop_device=x;__Host-shop_device =y; shop_device", None),
            ("shop_devices=1; xshop_device=2; c=shop_device", Some("shop_devices=1; xshop_device=2; c=shop_device")),
            ("a=1;  odd ; c", Some("a=1;  odd ; c")),
        ] {
            let mut header = header(&[("Cookie", sent)]);
            request(&mut header, &visitor(false), None).unwrap();
            assert_eq!(header.headers.get("cookie").map(|value| value.to_str().unwrap()), kept);
        }
    }

    #[test]
    fn cookies_in_pieces_are_joined_where_http2_split_them() {
        let pieces = [("Cookie", "a=1"), ("Cookie", "b=2;  odd"), ("Cookie", "c=3")];
        let values = |header: &RequestHeader| {
            header.headers.get_all("cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let mut http2 = header(&pieces);
        request(&mut http2, &Visitor { http2: true, ..visitor(false) }, None).unwrap();
        assert_eq!(values(&http2), ["a=1; b=2;  odd; c=3"]);
        let mut http1 = header(&pieces);
        request(&mut http1, &visitor(false), None).unwrap();
        assert_eq!(values(&http1), ["a=1", "b=2;  odd", "c=3"], "HTTP/1.1 goes on as it came");
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
