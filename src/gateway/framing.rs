//! Requests whose framing two servers could read differently, which a protected route refuses with 400.
//!
//! Where a message ends is what request smuggling argues about, and a request that the gate judged must be the one that
//! the application reads. A lenient server repairs what it can; here nothing is repaired. HTTP/1 heads are checked as
//! received, because the parser in front has already dropped what it decided on (`Content-Length` beside
//! `Transfer-Encoding`). Announced trailers are refused too: a held body is sent on with a length and without them.
//! `TE: trailers` announces nothing and is what Firefox sends with everything.

use super::is_token;
use super::recognize::{Head, canonical_host};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Version};
use std::fmt;

/// Why a request's framing is refused. Never carries a byte of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FramingFault {
    /// The head is larger than `limits.header`.
    HeadTooLarge,
    /// The head does not consist of lines that end in CR LF, or does not end.
    LineEnd,
    /// The request line is not three words with one space between them.
    RequestLine,
    /// A header continues on the next line.
    Fold,
    /// A header's name is not a token followed at once by a colon.
    HeaderName,
    /// A control character in the head.
    Control,
    /// `Content-Length` and `Transfer-Encoding` together.
    LengthAndEncoding,
    /// `Content-Length` more than once, or not plain digits.
    Length,
    /// `Transfer-Encoding` other than exactly one `chunked` in HTTP/1.1.
    Encoding,
    /// A wish to speak another protocol: `Upgrade`, `HTTP2-Settings`.
    Upgrade,
    /// `Connection` names headers that would be dropped on the way.
    Connection,
    /// No host, several, or two that differ.
    Host,
    /// Trailers are announced.
    Trailer,
}

impl FramingFault {
    pub const ALL: [FramingFault; 13] = [
        FramingFault::HeadTooLarge,
        FramingFault::LineEnd,
        FramingFault::RequestLine,
        FramingFault::Fold,
        FramingFault::HeaderName,
        FramingFault::Control,
        FramingFault::LengthAndEncoding,
        FramingFault::Length,
        FramingFault::Encoding,
        FramingFault::Upgrade,
        FramingFault::Connection,
        FramingFault::Host,
        FramingFault::Trailer,
    ];

    /// Short name, as the record and the metrics have it.
    pub fn name(self) -> &'static str {
        match self {
            FramingFault::HeadTooLarge => "head_too_large",
            FramingFault::LineEnd => "line_end",
            FramingFault::RequestLine => "request_line",
            FramingFault::Fold => "obs_fold",
            FramingFault::HeaderName => "header_name",
            FramingFault::Control => "control_character",
            FramingFault::LengthAndEncoding => "length_and_encoding",
            FramingFault::Length => "content_length",
            FramingFault::Encoding => "transfer_encoding",
            FramingFault::Upgrade => "upgrade",
            FramingFault::Connection => "connection",
            FramingFault::Host => "host",
            FramingFault::Trailer => "trailer",
        }
    }
}

impl fmt::Display for FramingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for FramingFault {}

/// Checks one request on a protected route. `raw_head`: the HTTP/1 head as received, request line and empty line
/// included; `None` for HTTP/2. `limit`: bytes that a head may have (`limits.header`).
pub fn check(raw_head: Option<&[u8]>, head: &Head, version: Version, limit: usize) -> Result<(), FramingFault> {
    match raw_head {
        Some(raw) => {
            if raw.len() > limit {
                return Err(FramingFault::HeadTooLarge);
            }
            check_raw(raw, version)?;
        }
        None => {
            let size = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum::<usize>();
            if size + head.target.len() > limit {
                return Err(FramingFault::HeadTooLarge);
            }
        }
    }
    // What the parser kept is checked in any case: that is what will be acted on.
    let mut framing = Framing::default();
    for (name, value) in head.headers {
        framing.see(name.as_str().as_bytes(), value.as_bytes(), version)?;
    }
    check_host(head, version)
}

fn check_raw(raw: &[u8], version: Version) -> Result<(), FramingFault> {
    // Up to the last line's LF, so that each line still has its CR.
    let raw = raw.strip_suffix(b"\n\r\n").filter(|raw| raw.ends_with(b"\r")).ok_or(FramingFault::LineEnd)?;
    if memchr::memchr_iter(b'\n', raw).any(|at| at == 0 || raw[at - 1] != b'\r') {
        return Err(FramingFault::LineEnd);
    }
    let mut lines = lines(raw).map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let request_line = lines.next().ok_or(FramingFault::RequestLine)?;
    check_request_line(request_line)?;
    let mut framing = Framing::default();
    for line in lines {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(FramingFault::Fold);
        }
        let colon = memchr::memchr(b':', line).ok_or(FramingFault::HeaderName)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
            return Err(FramingFault::HeaderName);
        }
        framing.see(name, value, version)?;
    }
    Ok(())
}

/// The text between line feeds: found in wide steps, where `split` would look at each byte.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = memchr::memchr(b'\n', text) else { return rest.take() };
        rest = Some(&text[end + 1..]);
        Some(&text[..end])
    })
}

fn check_request_line(line: &[u8]) -> Result<(), FramingFault> {
    check_text(line)?;
    let mut words = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(_version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(FramingFault::RequestLine);
    };
    let sound =
        !method.is_empty() && method.iter().all(|&byte| is_token(byte)) && !target.is_empty() && !line.contains(&b'\t');
    if sound { Ok(()) } else { Err(FramingFault::RequestLine) }
}

/// No control characters but tab. A CR here is one without its LF.
fn check_text(text: &[u8]) -> Result<(), FramingFault> {
    // Nearly every text is sound, and a loop without an exit is done in wide steps.
    if !text.iter().fold(false, |found, byte| found | (byte.is_ascii_control() & (*byte != b'\t'))) {
        return Ok(());
    }
    match text.iter().find(|byte| byte.is_ascii_control() && **byte != b'\t') {
        Some(b'\r') => Err(FramingFault::LineEnd),
        Some(_) => Err(FramingFault::Control),
        None => Ok(()),
    }
}

/// The headers that frame a message, as far as seen.
#[derive(Default)]
struct Framing {
    length: bool,
    encoding: bool,
    host: bool,
}

impl Framing {
    fn see(&mut self, name: &[u8], value: &[u8], version: Version) -> Result<(), FramingFault> {
        check_text(value)?;
        if !may_frame(name) {
            return Ok(());
        }
        // Only one spelling is right, but behind CGI and WSGI an underscore is a hyphen.
        let is = |known: &http::HeaderName| is_spelt(name, known.as_str().as_bytes());
        let value = value.trim_ascii();
        if is(&CONTENT_LENGTH) {
            let digits = (1..=19).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
            if std::mem::replace(&mut self.length, true) || !digits || name.contains(&b'_') {
                return Err(FramingFault::Length);
            }
        } else if is(&TRANSFER_ENCODING) {
            let once = !std::mem::replace(&mut self.encoding, true);
            let sound = once && version == Version::HTTP_11 && value.eq_ignore_ascii_case(b"chunked");
            if !sound || name.contains(&b'_') {
                return Err(FramingFault::Encoding);
            }
        } else if is(&HOST) {
            if std::mem::replace(&mut self.host, true) {
                return Err(FramingFault::Host);
            }
        } else if is(&UPGRADE) || is_spelt(name, b"http2-settings") {
            return Err(FramingFault::Upgrade);
        } else if is(&TRAILER) {
            return Err(FramingFault::Trailer);
        } else if is(&CONNECTION) || is_spelt(name, b"proxy-connection") {
            check_connection(value)?;
        }
        if self.length && self.encoding { Err(FramingFault::LengthAndEncoding) } else { Ok(()) }
    }
}

/// Options other than these name headers to drop on the way, so that the gate would see what the application does not.
fn check_connection(value: &[u8]) -> Result<(), FramingFault> {
    for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
        let is = |known: &[u8]| option.eq_ignore_ascii_case(known);
        if is(b"upgrade") || is(b"http2-settings") {
            return Err(FramingFault::Upgrade);
        }
        if !(option.is_empty() || is(b"close") || is(b"keep-alive") || is(b"te")) {
            return Err(FramingFault::Connection);
        }
    }
    Ok(())
}

/// All hosts that a request names must be one. HTTP/1.0 may name none.
fn check_host(head: &Head, version: Version) -> Result<(), FramingFault> {
    let mut hosts = hosts(head.headers).chain(head.authority.map(str::as_bytes)).chain(head.target_authority());
    let Some(first) = hosts.next() else {
        return if version == Version::HTTP_10 { Ok(()) } else { Err(FramingFault::Host) };
    };
    let first = canonical_host(first).ok_or(FramingFault::Host)?;
    match hosts.all(|other| canonical_host(other).as_ref() == Some(&first)) {
        true => Ok(()),
        false => Err(FramingFault::Host),
    }
}

fn hosts(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(HOST).iter().map(|value| value.as_bytes())
}

/// Whether a name can be one of those that [`Framing::see`] knows: nearly every header is told apart by its length and first
/// letter.
fn may_frame(name: &[u8]) -> bool {
    let Some(first) = name.first().map(u8::to_ascii_lowercase) else { return false };
    matches!((name.len(), first), (4 | 14, b'h') | (7, b'u' | b't') | (10 | 14, b'c') | (16, b'p') | (17, b't'))
}

fn is_spelt(name: &[u8], known: &[u8]) -> bool {
    name.len() == known.len()
        && name.iter().zip(known).all(|(a, b)| a.eq_ignore_ascii_case(b) || (*a == b'_' && *b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    #[test]
    fn every_header_that_frames_is_looked_at_in_every_spelling() {
        let known = [CONNECTION, CONTENT_LENGTH, HOST, TRAILER, TRANSFER_ENCODING, UPGRADE];
        for name in known.iter().map(HeaderName::as_str).chain(["http2-settings", "proxy-connection"]) {
            for spelt in [name.to_owned(), name.to_uppercase(), name.replace('-', "_")] {
                assert!(may_frame(spelt.as_bytes()), "{spelt}");
            }
        }
    }

    /// Checks a head by its raw bytes and, leniently parsed, as a parser would hand it over.
    fn verdict(raw: &[u8]) -> Result<(), FramingFault> {
        let mut headers = HeaderMap::new();
        let text = String::from_utf8_lossy(raw).into_owned();
        let mut lines = text.split("\r\n");
        let mut words = lines.next().unwrap().split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let version = if text.contains("HTTP/1.0") { Version::HTTP_10 } else { Version::HTTP_11 };
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value.trim())) {
                headers.append(name, value);
            }
        }
        let head = Head {
            method,
            target: target.as_bytes(),
            authority: None,
            headers: &headers,
            has_body: true,
            peer_is_trusted: false,
        };
        check(Some(raw), &head, version, 1024)
    }

    fn with(headers: &str) -> Result<(), FramingFault> {
        verdict(format!("POST /login HTTP/1.1\r\nHost: shop.example\r\n{headers}\r\n").as_bytes())
    }

    #[test]
    fn what_browsers_and_programs_send_passes() {
        for headers in [
            "Content-Length: 5\r\n",
            "Content-Length: 0\r\nConnection: keep-alive\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Transfer-Encoding: Chunked\r\nConnection: TE, close\r\nTE: trailers\r\n",
            "content-length:5\r\nX-Tab:\ta\tb\r\nX-Latin: caf\u{e9}\r\n",
            "",
        ] {
            assert_eq!(with(headers), Ok(()), "{headers}");
        }
        assert_eq!(verdict(b"POST http://shop.example/login HTTP/1.1\r\nHost: SHOP.example:80\r\n\r\n"), Ok(()));
        assert_eq!(verdict(b"POST /login HTTP/1.0\r\nContent-Length: 5\r\n\r\n"), Ok(()));
    }

    #[test]
    fn what_two_servers_could_read_differently_is_refused() {
        for (headers, fault) in [
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", FramingFault::LengthAndEncoding),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", FramingFault::Length),
            ("Content-Length: 5, 5\r\n", FramingFault::Length),
            ("Content-Length: +5\r\n", FramingFault::Length),
            ("Content-Length: -5\r\n", FramingFault::Length),
            ("Content-Length: 0x5\r\n", FramingFault::Length),
            ("Content-Length:\r\n", FramingFault::Length),
            ("Content-Length: 5 5\r\n", FramingFault::Length),
            ("Content-Length: 99999999999999999999\r\n", FramingFault::Length),
            ("Content_Length: 5\r\n", FramingFault::Length),
            ("Transfer-Encoding: gzip, chunked\r\n", FramingFault::Encoding),
            ("Transfer-Encoding: identity\r\n", FramingFault::Encoding),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", FramingFault::Encoding),
            ("Transfer-Encoding: chunked, chunked\r\n", FramingFault::Encoding),
            ("Transfer-Encoding: \"chunked\"\r\n", FramingFault::Encoding),
            ("Transfer_Encoding: chunked\r\n", FramingFault::Encoding),
            ("Transfer-Encoding: \u{b}chunked\r\n", FramingFault::Control),
            ("Transfer-Encoding : chunked\r\n", FramingFault::HeaderName),
            ("Content-Length\r\n", FramingFault::HeaderName),
            (": x\r\n", FramingFault::HeaderName),
            ("X-A: b\r\n c\r\n", FramingFault::Fold),
            ("X-A: b\r\n\tc\r\n", FramingFault::Fold),
            (" X-A: b\r\n", FramingFault::Fold),
            ("X-A: b\nX-C: d\r\n", FramingFault::LineEnd),
            ("X-A: b\rX-C: d\r\n", FramingFault::LineEnd),
            ("X-A: b\r\r\n", FramingFault::LineEnd),
            ("\nX-A: b\r\n", FramingFault::LineEnd),
            ("X-A: b\0\r\n", FramingFault::Control),
            ("X-A: b\u{7f}\r\n", FramingFault::Control),
            ("Upgrade: websocket\r\n", FramingFault::Upgrade),
            ("Connection: Upgrade, HTTP2-Settings\r\n", FramingFault::Upgrade),
            ("HTTP2-Settings: AAMAAABk\r\n", FramingFault::Upgrade),
            ("Connection: keep-alive, Cookie\r\n", FramingFault::Connection),
            ("Host: shop.example\r\n", FramingFault::Host),
            ("Trailer: X-A\r\n", FramingFault::Trailer),
        ] {
            assert_eq!(with(headers), Err(fault), "{}", headers.escape_debug());
        }
        for (raw, fault) in [
            (&b"POST /login HTTP/1.1\r\n\r\n"[..], FramingFault::Host),
            (b"POST http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n", FramingFault::Host),
            (b"POST / HTTP/1.1\r\nHost: a b\r\n\r\n", FramingFault::Host),
            (b"POST  /login HTTP/1.1\r\nHost: a\r\n\r\n", FramingFault::RequestLine),
            (b"POST /login x HTTP/1.1\r\nHost: a\r\n\r\n", FramingFault::RequestLine),
            (b"POST /login\tHTTP/1.1\r\nHost: a\r\n\r\n", FramingFault::RequestLine),
            (b"\r\nPOST / HTTP/1.1\r\nHost: a\r\n\r\n", FramingFault::RequestLine),
            (b"POST / HTTP/1.1\r\nHost: a\n\n", FramingFault::LineEnd),
            (b"POST / HTTP/1.1\nHost: a\r\n\r\n", FramingFault::LineEnd),
            (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", FramingFault::Encoding),
            (b"", FramingFault::LineEnd),
        ] {
            assert_eq!(verdict(raw), Err(fault), "{}", raw.escape_ascii());
        }
        assert_eq!(with(&format!("X-A: {}\r\n", "x".repeat(1024))), Err(FramingFault::HeadTooLarge));
    }

    #[test]
    fn http_2_is_checked_by_its_fields() {
        let verdict = |fields: &[(&'static str, &str)], authority| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, value.parse().unwrap());
            }
            let head = Head {
                method: "POST",
                target: b"/login",
                authority,
                headers: &headers,
                has_body: true,
                peer_is_trusted: false,
            };
            check(None, &head, Version::HTTP_2, 1024)
        };
        let shop = Some("shop.example");
        assert_eq!(verdict(&[("content-length", "5"), ("te", "trailers")], shop), Ok(()));
        assert_eq!(verdict(&[("host", "shop.example")], shop), Ok(()));
        assert_eq!(verdict(&[("host", "blog.example")], shop), Err(FramingFault::Host));
        assert_eq!(verdict(&[], None), Err(FramingFault::Host));
        assert_eq!(verdict(&[("transfer-encoding", "chunked")], shop), Err(FramingFault::Encoding));
        assert_eq!(verdict(&[("content-length", "5"), ("content-length", "6")], shop), Err(FramingFault::Length));
        assert_eq!(verdict(&[("x-a", &"x".repeat(1024))], shop), Err(FramingFault::HeadTooLarge));
    }

    #[test]
    fn names_are_distinct() {
        let names: std::collections::BTreeSet<_> = FramingFault::ALL.iter().map(|fault| fault.name()).collect();
        assert_eq!(names.len(), FramingFault::ALL.len());
    }

    proptest! {
        #[test]
        fn whatever_passes_has_one_length_and_clean_lines(noise in "[ -~\r\n\t:]{0,80}") {
            let raw = format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n{noise}\r\n\r\n");
            if verdict(raw.as_bytes()).is_ok() {
                let lower = raw.to_ascii_lowercase();
                prop_assert_eq!(lower.matches("\ncontent-length:").count(), 1);
                prop_assert!(!lower.contains("\ntransfer-encoding"));
                prop_assert_eq!(lower.matches('\n').count(), lower.matches("\r\n").count());
            }
        }
    }
}
