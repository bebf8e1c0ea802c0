//! Headers as values that can be compared ([`Appearance`]), read once per attempt.
//!
//! Whoever sends them chose every byte, so each is read to a bounded length, by its own small grammar, and what does not fit
//! is one flag (`malformed`, `invalid`), never text. What a proxy between may have written is told apart as far as the gate
//! can know it: of a peer that is a proxy of the operator's nothing is concluded from order, case or forwarding headers,
//! because they are that proxy's; and where some other proxy names itself (`Via`), the writing is not the client's either.

use super::headers::ADDRESS_HEADERS;
use crate::engine::appearance::{Accept, Appearance, Encodings, Fetch, FetchMode, Forwarding, Hints, System, Writing};
use http::{HeaderMap, HeaderName, Method, Version, header};
use memchr::memmem::Finder;
use std::net::IpAddr;
use std::sync::LazyLock;

/// How the request came, as far as its headers do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The visitor's own connection is TLS, to the gate or to a proxy of the operator's.
    pub secure: bool,
    /// The gate's own peer speaks TLS.
    pub own_tls: bool,
    /// The peer is no proxy of the operator's: what it sent is its own.
    pub direct: bool,
}

/// Longest value that is looked at, bytes; hints of real browsers have about 120, `Accept` of some 180.
const LONGEST: usize = 512;

// Names that are parsed once and not for each request.
static REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
static FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
static FETCH_USER: HeaderName = HeaderName::from_static("sec-fetch-user");
static BRANDS: HeaderName = HeaderName::from_static("sec-ch-ua");
static MOBILE: HeaderName = HeaderName::from_static("sec-ch-ua-mobile");
static PLATFORM: HeaderName = HeaderName::from_static("sec-ch-ua-platform");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// What the request's headers say. `raw_head`: the head of an HTTP/1 request as it was received. `ip`: the visitor's.
pub fn appearance(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
    raw_head: Option<&[u8]>,
    way: Way,
    ip: IpAddr,
) -> Appearance {
    let encodings = encodings(value(headers, &header::ACCEPT_ENCODING));
    let forwarding = if way.direct { forwarding(headers, ip) } else { Forwarding::default() };
    let writing = match raw_head {
        Some(head) if way.direct && !forwarding.via && forwarding.addresses == 0 => writing(head),
        _ => Writing::default(),
    };
    Appearance {
        hints: hints(headers),
        fetch: fetch(headers),
        accept: accept(value(headers, &header::ACCEPT)),
        encodings,
        second_language: second_weight(value(headers, &header::ACCEPT_LANGUAGE)),
        writing,
        forwarding,
        // Browsers speak HTTP/2, and ask for Brotli, over TLS only (and to their own machine, where the same rules hold).
        secure: way.secure || version == Version::HTTP_2 || encodings.brotli || page_is_secure(headers),
        own_tls: way.own_tls && way.direct,
        writes: matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE),
        content_type: headers.contains_key(header::CONTENT_TYPE),
        by_script: headers.contains_key(&REQUESTED_WITH),
        upgrade_insecure: headers.contains_key(header::UPGRADE_INSECURE_REQUESTS),
        pragma_alone: headers.contains_key(header::PRAGMA) && !headers.contains_key(header::CACHE_CONTROL),
    }
}

fn value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h [u8] {
    let value = headers.get(name).map(http::HeaderValue::as_bytes).unwrap_or_default();
    &value[..value.len().min(LONGEST)]
}

/// Whether the page that the form stands on was shown over TLS.
fn page_is_secure(headers: &HeaderMap) -> bool {
    [header::ORIGIN, header::REFERER].iter().any(|name| value(headers, name).starts_with(b"https://"))
}

fn accept(value: &[u8]) -> Accept {
    /// To make one takes longer than to look for it.
    static WORDS: LazyLock<[Finder<'static>; 3]> =
        LazyLock::new(|| ["text/html", "image/webp", "application/signed-exchange"].map(Finder::new));
    let [html, webp, signed_exchange] = WORDS.each_ref().map(|word| word.find(value).is_some());
    Accept { html, page: value.starts_with(b"text/html,application/xhtml+xml,"), webp, signed_exchange }
}

fn encodings(value: &[u8]) -> Encodings {
    let mut found = Encodings::default();
    let first = value.split(|byte| matches!(byte, b',' | b';')).next().unwrap_or_default().trim_ascii();
    for entry in value.split(|byte| *byte == b',').take(16) {
        let coding = entry.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        match coding {
            b"br" => found.brotli = true,
            b"zstd" => found.zstd = true,
            b"compress" | b"x-gzip" | b"x-compress" => found.odd = true,
            _ => {}
        }
    }
    // Every browser begins with gzip; `identity` or `*` alone is what antivirus programs make of it.
    found.odd |= matches!(first, b"deflate" | b"br" | b"zstd");
    found.terse = value == b"gzip" || value.starts_with(b"gzip,deflate");
    found
}

/// The weight of the second entry of `Accept-Language`, in tenths; 0 if there is none or it is written otherwise.
fn second_weight(value: &[u8]) -> u8 {
    let second = value.split(|byte| *byte == b',').nth(1).map(<[u8]>::trim_ascii);
    match second.and_then(|second| second.split(|byte| *byte == b';').nth(1)).map(<[u8]>::trim_ascii) {
        Some([b'q', b'=', b'0', b'.', tenths @ b'1'..=b'9']) => tenths - b'0',
        _ => 0,
    }
}

fn fetch(headers: &HeaderMap) -> Fetch {
    let mut found = Fetch::default();
    let word = |name: &HeaderName| headers.get(name).map(http::HeaderValue::as_bytes);
    if let Some(mode) = word(&FETCH_MODE) {
        found.mode = match mode {
            b"navigate" => FetchMode::Navigate,
            b"cors" | b"no-cors" | b"same-origin" => FetchMode::Script,
            _ => FetchMode::Other,
        };
        found.invalid |= found.mode == FetchMode::Other && !matches!(mode, b"websocket" | b"webtransport");
    }
    if let Some(site) = word(&FETCH_SITE) {
        found.site = true;
        found.invalid |= !matches!(site, b"none" | b"same-origin" | b"same-site" | b"cross-site");
    }
    if let Some(dest) = word(&FETCH_DEST) {
        // New ones come; the empty one stays.
        (found.dest, found.dest_empty) = (true, dest == b"empty");
    }
    if let Some(user) = word(&FETCH_USER) {
        found.user = true;
        found.invalid |= user != b"?1";
    }
    found
}

fn hints(headers: &HeaderMap) -> Hints {
    let mut found = Hints::default();
    // A browser sends each once, and a proxy that joins them joins them into something malformed.
    let mut only = |name: &HeaderName| {
        let mut all = headers.get_all(name).iter();
        let first = all.next().map(http::HeaderValue::as_bytes)?;
        found.malformed |= all.next().is_some();
        Some(first.trim_ascii())
    };
    let (brands, mobile, platform) = (only(&BRANDS), only(&MOBILE), only(&PLATFORM));
    if let Some(list) = brands {
        found.malformed |= list.len() > LONGEST || read_brands(list, &mut found).is_none();
    }
    match mobile {
        Some(b"?1") => found.mobile = Some(true),
        Some(b"?0") => found.mobile = Some(false),
        Some(b"") | None => {}
        Some(_) => found.malformed = true,
    }
    match platform {
        Some(b"" | b"\"\"") | None => {}
        Some([b'"', name @ .., b'"']) => {
            found.platform = match name {
                b"Windows" => System::Windows,
                b"macOS" => System::MacOs,
                b"Linux" => System::Linux,
                b"Chrome OS" | b"Chromium OS" => System::ChromeOs,
                b"Android" => System::Android,
                b"iOS" => System::Ios,
                _ => System::Unknown,
            }
        }
        Some(_) => found.malformed = true,
    }
    found
}

/// A list of strings with parameters (RFC 9651, 3.1): `"Chromium";v="131", "Not_A Brand";v="24"`. `None`: it is none. An empty
/// one is fine, and says nothing: an application that changed its WebView's User-Agent sends it.
fn read_brands(list: &[u8], found: &mut Hints) -> Option<()> {
    let mut rest = list;
    while !rest.is_empty() {
        let (brand, after) = string(rest)?;
        let mut version = 0;
        rest = after.trim_ascii_start();
        while let [b';', after @ ..] = rest {
            let after = after.trim_ascii_start();
            let equals = memchr::memchr(b'=', after)?;
            let (key, after) = (&after[..equals], &after[equals + 1..]);
            let (value, after) = string(after)?;
            if key == b"v" {
                let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).take(4);
                version = digits.fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
            }
            rest = after.trim_ascii_start();
        }
        note(brand, version, found);
        rest = match rest {
            [] => rest,
            [b',', after @ ..] => Some(after.trim_ascii_start()).filter(|after| !after.is_empty())?,
            _ => return None,
        };
    }
    Some(())
}

/// A quoted string at the front, without its quotes, and what follows. Made-up brands are escaped on purpose now and then.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => return Some((&text[..at], &text[at + 1..])),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn note(brand: &[u8], version: u16, found: &mut Hints) {
    found.brands = true;
    match brand {
        b"Chromium" => found.chromium = version,
        b"Google Chrome" => found.chrome = true,
        b"Microsoft Edge" | b"Microsoft Edge WebView2" => found.edge = true,
        b"Brave" => found.brave = true,
        b"HeadlessChrome" => found.headless = true,
        _ => {}
    }
}

fn forwarding(headers: &HeaderMap, ip: IpAddr) -> Forwarding {
    let mut found = Forwarding {
        via: headers.contains_key(header::VIA) || headers.contains_key(&PROXY_CONNECTION),
        ..Forwarding::default()
    };
    for name in headers.keys() {
        let name = name.as_str();
        // Nearly no request has one: the first letters tell most others apart.
        if !name.starts_with(['x', 'f', 't', 'c']) || !(name == "x-forwarded-for" || ADDRESS_HEADERS.contains(&name)) {
            continue;
        }
        found.addresses = found.addresses.saturating_add(1);
        found.public |= headers.get_all(name).iter().take(4).any(|value| names_a_public_address(value.as_bytes(), ip));
    }
    found
}

fn names_a_public_address(value: &[u8], own: IpAddr) -> bool {
    let text = std::str::from_utf8(&value[..value.len().min(LONGEST)]).unwrap_or_default();
    let is_separator = |c: char| matches!(c, ',' | ';' | '=' | '"' | '[' | ']') || c.is_ascii_whitespace();
    let addresses = text.split(is_separator).filter_map(|word| word.parse::<IpAddr>().ok()).take(16);
    addresses.map(|address| address.to_canonical()).any(|address| address != own && is_public(address))
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            // 100.64/10 is a telephone company's inner side.
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast())
                && !(a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local())
        }
    }
}

/// Order and case of an HTTP/1 head.
fn writing(head: &[u8]) -> Writing {
    let mut found = Writing { seen: true, ..Writing::default() };
    let (mut languages, mut encodings) = (None, None);
    for (place, name) in super::headers::raw_names(head).enumerate() {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.first().map(u8::to_ascii_lowercase) {
            Some(b'h') if is("host") => found.host_first = place == 0,
            Some(b'a') if is("accept-language") => languages = languages.or(Some(place)),
            Some(b'a') if is("accept-encoding") => encodings = encodings.or(Some(place)),
            Some(b'u') if is("user-agent") => found.lower_case = name == b"user-agent",
            _ => {}
        }
    }
    found.languages_first = languages.zip(encodings).map(|(languages, encodings)| languages < encodings);
    found
}

#[cfg(test)]
mod sets;
#[cfg(test)]
mod tests;
