//! What the headers say of the software behind a request.
//!
//! The passive fingerprint is a hash over what one client sends alike with every request to one site: names, order and
//! (on HTTP/1) case of its standing headers, the protocol version, and the values that name the software and its
//! languages. What changes from request to request (cookies, lengths, `Sec-Fetch-*`) and what proxies add is left out.
//!
//! SHA-256, cut to 64 bits, and not a keyed hash: a fleet must agree on fingerprints, they stand in operators' lists,
//! and they outlive restarts, so a key would be a secret to guard for nothing. Whoever wants a popular client's
//! fingerprint simply sends its headers; what must stay expensive is finding headers that look innocent and collide
//! with a listed one, and that costs 2^64 here, where a fast hash with a public key could be solved.

use crate::engine::attempt::HeaderFacts;
use http::{HeaderMap, HeaderName, Version, header};
use sha2::{Digest, Sha256};

/// Where proxies and balancers name the address that they forward for, besides `X-Forwarded-For`.
pub const ADDRESS_HEADERS: [&str; 14] = [
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "x-originating-ip",
    "x-remote-ip",
    "x-remote-addr",
    "x-forwarded",
    "forwarded-for",
    "x-azure-clientip",
];

/// Which headers came.
pub fn facts(headers: &HeaderMap) -> HeaderFacts {
    let present = |name: HeaderName| headers.get(name).is_some_and(|value| !value.is_empty());
    let mut facts = HeaderFacts {
        user_agent: present(header::USER_AGENT),
        accept: present(header::ACCEPT),
        accept_language: present(header::ACCEPT_LANGUAGE),
        accept_encoding: present(header::ACCEPT_ENCODING),
        referer: present(header::REFERER),
        origin: present(header::ORIGIN),
        cookie: present(header::COOKIE),
        ..HeaderFacts::default()
    };
    for name in headers.keys() {
        facts.sec_fetch |= name.as_str().starts_with("sec-fetch-");
        facts.client_hints |= name.as_str().starts_with("sec-ch-ua");
    }
    facts
}

/// The passive fingerprint. `raw_head` is the head of an HTTP/1 request as received, from the request line on; without
/// it (HTTP/2) names count in the map's order and in lower case.
pub fn fingerprint(version: Version, headers: &HeaderMap, raw_head: Option<&[u8]>) -> u64 {
    let mut hash = Gathered { hash: Sha256::new(), buffer: [0; BUFFER], used: 0 };
    hash.add(match version {
        Version::HTTP_09 | Version::HTTP_10 => b"1.0",
        Version::HTTP_11 => b"1.1",
        Version::HTTP_2 => b"2.0",
        _ => b"3.0",
    });
    match raw_head {
        Some(head) => raw_names(head).filter(|name| !is_passing(name)).for_each(|name| hash.add_with_length(name)),
        None => {
            let names = headers.keys().map(|name| name.as_str().as_bytes());
            names.filter(|name| !is_passing(name)).for_each(|name| hash.add_with_length(name));
        }
    }
    for name in [header::USER_AGENT, header::ACCEPT_LANGUAGE, header::ACCEPT_ENCODING] {
        // The end of the names, and one value after the other, absent ones too.
        hash.add(&[0xff]);
        if let Some(value) = headers.get(name) {
            hash.add_with_length(value.as_bytes());
        }
    }
    hash.first()
}

/// What is hashed, brought together first: of thirty pieces of a few bytes each, giving each to the hash by itself was more
/// work than hashing them.
struct Gathered {
    hash: Sha256,
    buffer: [u8; BUFFER],
    used: usize,
}

/// So much as the headers of a browser come to.
const BUFFER: usize = 512;

impl Gathered {
    fn add(&mut self, text: &[u8]) {
        if let Some(room) = self.buffer.get_mut(self.used..self.used + text.len()) {
            room.copy_from_slice(text);
            self.used += text.len();
            return;
        }
        self.pass_on();
        match self.buffer.get_mut(..text.len()) {
            Some(room) => {
                room.copy_from_slice(text);
                self.used = text.len();
            }
            None => self.hash.update(text),
        }
    }

    fn add_with_length(&mut self, text: &[u8]) {
        self.add(&(text.len() as u32).to_be_bytes());
        self.add(text);
    }

    fn pass_on(&mut self) {
        self.hash.update(&self.buffer[..self.used]);
        self.used = 0;
    }

    /// The first 64 bits of the hash.
    fn first(mut self) -> u64 {
        self.pass_on();
        let digest: [u8; 32] = self.hash.finalize().into();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        u64::from_be_bytes(first)
    }
}

/// Header names of a raw HTTP/1 head, in order and case.
pub(super) fn raw_names(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    let lines = lines.take_while(|line| !matches!(*line, b"" | b"\r"));
    lines.filter_map(|line| memchr::memchr(b':', line).map(|colon| &line[..colon]))
}

/// Whether a header comes and goes with the request, the page or the path, and says nothing of the client.
///
/// Told apart by the first letter: a request has a dozen headers, and each is asked about.
fn is_passing(name: &[u8]) -> bool {
    const CLIENT_HINTS: [&str; 3] = ["sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform"];
    // Longer than any of these by far: what comes behind decides nothing.
    let mut lower = [0; 48];
    let length = name.len().min(lower.len());
    lower[..length].copy_from_slice(&name[..length]);
    lower.make_ascii_lowercase();
    let name = &lower[..length];
    let any = |known: &[&str]| known.iter().any(|known| name == known.as_bytes());
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix.as_bytes()));
    match name.first() {
        Some(b'a') => {
            any(&["accept", "access-control-request-headers", "access-control-request-method", "authorization"])
        }
        Some(b'b') => any(&["baggage"]),
        Some(b'c') => any(&["cache-control", "cookie"]) || begins(&["cdn-", "cf-", "cloudfront-", "content-"]),
        Some(b'e') => any(&["expect"]),
        Some(b'f') => any(&["forwarded"]) || begins(&["fastly-"]),
        Some(b'h') => begins(&["hx-"]),
        Some(b'i') => begins(&["if-"]),
        Some(b'k') => any(&["keep-alive"]),
        Some(b'o') => any(&["origin"]),
        Some(b'p') => any(&["pragma", "priority", "proxy-authorization", "purpose"]),
        Some(b'r') => any(&["range", "referer"]),
        // Hints beyond the three of every request come only after a site asked for them.
        Some(b's') => any(&["sec-purpose"]) || begins(&["sec-fetch-"]) || (begins(&["sec-ch-"]) && !any(&CLIENT_HINTS)),
        Some(b't') => any(&["traceparent", "tracestate", "transfer-encoding", "true-client-ip"]),
        Some(b'u') => any(&["upgrade", "upgrade-insecure-requests"]),
        Some(b'v') => any(&["via"]),
        Some(b'x') => {
            any(&["x-real-ip", "x-request-id", "x-requested-with"])
                || begins(&["x-amz", "x-csrf", "x-forwarded-", "x-tollgate-", "x-xsrf"])
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const CHROME: &str = "POST /login HTTP/1.1\r\nHost: shop.example\r\nConnection: keep-alive\r\nContent-Length: 30\r\n\
        sec-ch-ua: \"Chromium\";v=\"130\"\r\nUpgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0\r\nAccept: text/html\r\n\
        Sec-Fetch-Mode: navigate\r\nAccept-Encoding: gzip, br\r\nAccept-Language: de\r\nCookie: a=b\r\n\r\nlogin=x";

    fn map(head: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in head.lines().skip(1).take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        }
        headers
    }

    fn print(head: &str) -> u64 {
        fingerprint(Version::HTTP_11, &map(head), Some(head.as_bytes()))
    }

    /// As it is defined, of texts of any length.
    #[test]
    fn what_is_brought_together_is_hashed_as_if_it_came_piece_by_piece() {
        for length in (0..1_200).step_by(7) {
            let agent = "a".repeat(length);
            let headers = map(&format!("GET / HTTP/1.1\r\nUser-Agent: {agent}\r\n\r\n"));
            let mut whole = Sha256::new();
            let with_length = |whole: &mut Sha256, text: &str| {
                whole.update((text.len() as u32).to_be_bytes());
                whole.update(text);
            };
            whole.update(b"2.0");
            with_length(&mut whole, "user-agent");
            whole.update([0xff]);
            with_length(&mut whole, &agent);
            whole.update([0xff, 0xff]);
            let print = fingerprint(Version::HTTP_2, &headers, None);
            assert_eq!(print.to_be_bytes(), whole.finalize()[..8], "{length}");
        }
    }

    #[test]
    fn one_client_keeps_one_fingerprint() {
        let page = CHROME
            .replace("POST /login", "GET /")
            .replace("Content-Length: 30\r\n", "")
            .replace("Cookie: a=b\r\n", "Cookie: other=1\r\nReferer: https://shop.example/\r\nX-CSRF-Token: 1\r\n")
            .replace("Accept: text/html", "Accept: */*")
            .replace("Sec-Fetch-Mode: navigate\r\n", "Sec-CH-UA-Arch: x86\r\nX-Forwarded-For: 1.2.3.4\r\n");
        assert_eq!(print(CHROME), print(&page));
    }

    #[test]
    fn another_client_has_another() {
        for (from, to) in [
            ("User-Agent: Mozilla/5.0", "User-Agent: curl/8"),
            ("Accept-Language: de", "Accept-Language: en"),
            ("Connection: keep-alive\r\n", ""),
            ("User-Agent:", "user-agent:"),
            ("Host: shop.example\r\nConnection: keep-alive\r\n", "Connection: keep-alive\r\nHost: shop.example\r\n"),
            ("Cookie: a=b", "X-Bot: 1"),
        ] {
            assert_ne!(print(CHROME), print(&CHROME.replace(from, to)), "{from} to {to}");
        }
        let headers = map(CHROME);
        assert_ne!(fingerprint(Version::HTTP_2, &headers, None), fingerprint(Version::HTTP_11, &headers, None));
    }

    #[test]
    fn the_fingerprint_is_the_same_in_every_process() {
        assert_eq!(format!("{:016x}", print(CHROME)), "f0f65b41cb8761e0");
    }

    #[test]
    fn presence_of_headers() {
        let facts = facts(&map(CHROME));
        assert!(facts.user_agent && facts.accept && facts.accept_language && facts.accept_encoding);
        assert!(facts.sec_fetch && facts.client_hints && facts.cookie);
        assert!(!facts.referer && !facts.origin);
        assert!(!super::facts(&map("GET / HTTP/1.1\r\nUser-Agent: \r\n\r\n")).user_agent);
    }
}
