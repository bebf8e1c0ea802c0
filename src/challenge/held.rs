//! An answer of the application that waits for its visitor to solve a challenge.
//!
//! It carries a fresh session, so it is sealed before any store sees it, under a key that only this installation has, and
//! names the id it is held under: a store that hands out the wrong answer hands out nothing.
//!
//! It was made for one address and will be delivered at another (the challenge's), where a browser would read relative
//! parts differently. So on holding, a relative `Location` is resolved, and a `Set-Cookie` without a usable `Path` gets
//! the one that the browser would have derived (RFC 6265, 5.1.4): else the session would be lost on release. Framing and
//! hop-by-hop headers are dropped, because the connection they spoke of is over. Links inside a held *page* stay as they are.

use super::wire::{Reader, Writer};
use crate::secrets::{NoRandomness, Purpose, Secrets};
use bytes::Bytes;
use zeroize::Zeroizing;

/// Largest body that is held.
pub const MOST_BODY: usize = 64 * 1024;
/// Most bytes of all headers together, and most headers.
const MOST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 256;
const VERSION: u8 = 1;

/// Headers of one connection (RFC 9110, 7.6.1), and those that say how long a body is.
const DROPPED: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What the application answered. Header values are bytes as they came; the body is whole.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldAnswer {
    pub status: u16,
    pub headers: Vec<(String, Bytes)>,
    pub body: Bytes,
}

/// Names and sizes only: the values are somebody's session.
impl std::fmt::Debug for HeldAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("HeldAnswer")
            .field("status", &self.status)
            .field("headers", &names)
            .field("body", &self.body.len())
            .finish()
    }
}

/// Why an answer cannot be held. It must then not be sent either: the challenge was not solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoldError {
    #[error("the answer's body is larger than {MOST_BODY} bytes")]
    BodyTooLarge,
    #[error("the answer's head is larger than {MOST_HEAD} bytes or {MOST_HEADERS} headers")]
    HeadTooLarge,
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl HeldAnswer {
    /// From the answer to a request for `path` (as sent, without query).
    pub fn new<'a>(
        path: &str,
        status: u16,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        body: Bytes,
    ) -> Result<HeldAnswer, HoldError> {
        if body.len() > MOST_BODY {
            return Err(HoldError::BodyTooLarge);
        }
        let mut kept = Vec::new();
        let mut bytes = 0;
        for (name, value) in headers {
            if DROPPED.iter().any(|dropped| name.eq_ignore_ascii_case(dropped)) {
                continue;
            }
            let value = if name.eq_ignore_ascii_case("location") {
                resolved(value, path)
            } else if name.eq_ignore_ascii_case("set-cookie") {
                anchored(value, path)
            } else {
                Bytes::copy_from_slice(value)
            };
            bytes += name.len() + value.len();
            if bytes > MOST_HEAD || kept.len() == MOST_HEADERS {
                return Err(HoldError::HeadTooLarge);
            }
            kept.push((name.to_owned(), value));
        }
        Ok(HeldAnswer { status, headers: kept, body })
    }

    pub(super) fn seal(&self, secrets: &Secrets, hold_id: &[u8; 16]) -> Result<Bytes, NoRandomness> {
        let count = u16::try_from(self.headers.len()).unwrap_or(u16::MAX);
        let mut writer = Writer::default().u8(VERSION).array(hold_id).u16(self.status).u16(count);
        for (name, value) in self.headers.iter().take(usize::from(count)) {
            writer = writer.text(name).bytes(value);
        }
        let plain = Zeroizing::new(writer.bytes(&self.body).done());
        secrets.seal(Purpose::HeldAnswer, &plain).map(Bytes::from)
    }

    pub(super) fn open(secrets: &Secrets, hold_id: &[u8; 16], sealed: &[u8]) -> Option<HeldAnswer> {
        let plain = Zeroizing::new(secrets.open(Purpose::HeldAnswer, sealed)?);
        let mut reader = Reader::new(&plain);
        if reader.u8()? != VERSION || reader.array()? != *hold_id {
            return None;
        }
        let status = reader.u16()?;
        let count = reader.u16()?;
        let mut headers = Vec::with_capacity(usize::from(count).min(MOST_HEADERS));
        for _ in 0..count {
            headers.push((reader.text()?.to_owned(), Bytes::copy_from_slice(reader.bytes()?)));
        }
        let body = Bytes::copy_from_slice(reader.bytes()?);
        reader.end()?;
        Some(HeldAnswer { status, headers, body })
    }
}

/// A `Location` that means the same from any address of this site.
fn resolved(location: &[u8], path: &str) -> Bytes {
    // Browsers drop tabs wherever they stand, and read a backslash as a slash.
    let seen = || location.iter().copied().filter(|byte| *byte != b'\t');
    let base = match seen().next() {
        None | Some(b'/' | b'\\') => "",
        _ if has_scheme(seen()) || !path.starts_with('/') => "",
        Some(b'?' | b'#') => path,
        Some(_) => &path[..=path.rfind('/').unwrap_or(0)],
    };
    Bytes::from([base.as_bytes(), location].concat())
}

/// Whether a URI reference begins with `scheme:` (RFC 3986, 3.1).
fn has_scheme(mut reference: impl Iterator<Item = u8>) -> bool {
    reference.next().is_some_and(|first| first.is_ascii_alphabetic())
        && reference.find(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))) == Some(b':')
}

/// A `Set-Cookie` that means the same from any address of this site.
fn anchored(cookie: &[u8], path: &str) -> Bytes {
    // The last `Path` counts, and one that is not absolute counts as none.
    let explicit = cookie
        .split(|byte| *byte == b';')
        .skip(1)
        .filter_map(|attribute| {
            let equals = attribute.iter().position(|byte| *byte == b'=');
            let (name, value) = attribute.split_at(equals.unwrap_or(attribute.len()));
            name.trim_ascii().eq_ignore_ascii_case(b"path").then(|| value.get(1..).unwrap_or_default().trim_ascii())
        })
        .last()
        .is_some_and(|value| value.starts_with(b"/"));
    if explicit {
        return Bytes::copy_from_slice(cookie);
    }
    let default = match path.rfind('/') {
        Some(last) if last > 0 && path.starts_with('/') => &path[..last],
        _ => "/",
    };
    // A semicolon cannot be written into the attribute; the next directory above covers the same requests and more.
    let default = match default.find(';') {
        Some(semicolon) => &default[..default[..semicolon].rfind('/').filter(|slash| *slash > 0).unwrap_or(1)],
        None => default,
    };
    Bytes::from([cookie, b"; Path=", default.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::testing::secrets;
    use proptest::prelude::*;

    const ID: [u8; 16] = [1; 16];

    fn answer() -> HeldAnswer {
        let headers = [("Location", &b"/account"[..]), ("Set-Cookie", b"session=s3cr3t; Path=/"), ("X-Odd", b"\xff")];
        HeldAnswer::new("/login", 302, headers, Bytes::from_static(b"moved")).unwrap()
    }

    #[test]
    fn an_answer_reads_back_under_its_own_id_only() {
        let secrets = secrets();
        let sealed = answer().seal(&secrets, &ID).unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"s3cr3t"), "the store must not see a session");
        assert_eq!(HeldAnswer::open(&secrets, &ID, &sealed), Some(answer()));
        assert_eq!(HeldAnswer::open(&secrets, &[2; 16], &sealed), None);
        for place in (0..sealed.len()).step_by(3) {
            let mut forged = sealed.to_vec();
            forged[place] ^= 1;
            assert_eq!(HeldAnswer::open(&secrets, &ID, &forged), None, "byte {place}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_reads_back(
            status in 200u16..600,
            headers in proptest::collection::vec(("[a-z-]{1,20}", proptest::collection::vec(any::<u8>(), 0..50)), 0..20),
            body in proptest::collection::vec(any::<u8>(), 0..2000),
        ) {
            let secrets = secrets();
            let headers = headers.into_iter().map(|(name, value)| (name, Bytes::from(value))).collect();
            let answer = HeldAnswer { status, headers, body: Bytes::from(body) };
            let sealed = answer.seal(&secrets, &ID).unwrap();
            prop_assert_eq!(HeldAnswer::open(&secrets, &ID, &sealed), Some(answer));
        }

        #[test]
        fn hostile_headers_are_survived(value in proptest::collection::vec(any::<u8>(), 0..60), path in ".{0,20}") {
            prop_assert!(resolved(&value, &path).ends_with(&value));
            prop_assert!(anchored(&value, &path).starts_with(&value));
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let held = |body: usize| HeldAnswer::new("/", 200, [], Bytes::from(vec![0; body])).map(|held| held.body.len());
        assert_eq!(held(0), Ok(0));
        assert_eq!(held(MOST_BODY), Ok(MOST_BODY));
        assert_eq!(held(MOST_BODY + 1), Err(HoldError::BodyTooLarge));
        let many = |count| HeldAnswer::new("/", 200, (0..count).map(|_| ("a", &b"b"[..])), Bytes::new()).map(|_| ());
        assert_eq!(many(MOST_HEADERS), Ok(()));
        assert_eq!(many(MOST_HEADERS + 1), Err(HoldError::HeadTooLarge));
        let long = vec![b'x'; MOST_HEAD];
        assert!(HeldAnswer::new("/", 200, [("a", &long[..])], Bytes::new()).is_err());
    }

    #[test]
    fn the_largest_answer_survives_sealing() {
        let secrets = secrets();
        let long = vec![b'x'; MOST_HEAD - 1];
        let held = HeldAnswer::new("/", 200, [("a", &long[..])], Bytes::from(vec![7; MOST_BODY])).unwrap();
        let sealed = held.seal(&secrets, &ID).unwrap();
        assert_eq!(HeldAnswer::open(&secrets, &ID, &sealed), Some(held));
    }

    #[test]
    fn framing_and_connection_headers_stay_behind() {
        let headers = [
            ("Content-Length", &b"5"[..]),
            ("TRANSFER-ENCODING", b"chunked"),
            ("connection", b"keep-alive"),
            ("Content-Type", b"text/html"),
            ("Set-Cookie", b"a=1; path=/"),
            ("set-cookie", b"b=2; path=/"),
        ];
        let held = HeldAnswer::new("/", 200, headers, Bytes::new()).unwrap();
        let names: Vec<&str> = held.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Content-Type", "Set-Cookie", "set-cookie"]);
    }

    #[test]
    fn a_relative_location_means_what_it_meant() {
        for (location, expected) in [
            ("/account", "/account"),
            ("//other.example/x", "//other.example/x"),
            ("https://other.example/", "https://other.example/"),
            ("app+x-1.0:open", "app+x-1.0:open"),
            ("\\x", "\\x"),
            ("", ""),
            ("welcome", "/accounts/welcome"),
            ("../home", "/accounts/../home"),
            ("./a:b", "/accounts/./a:b"),
            ("a/b?c=d:e", "/accounts/a/b?c=d:e"),
            ("?step=2", "/accounts/login?step=2"),
            ("#top", "/accounts/login#top"),
            ("\t/account", "\t/account"),
            ("ht\ttps://other.example/", "ht\ttps://other.example/"),
            ("\t?step=2", "/accounts/login\t?step=2"),
        ] {
            assert_eq!(resolved(location.as_bytes(), "/accounts/login"), expected, "{location:?}");
        }
        assert_eq!(resolved(b"welcome", "/login"), "/welcome");
        assert_eq!(resolved(b"welcome", "*"), "welcome");
    }

    #[test]
    fn a_cookie_without_a_path_keeps_the_one_it_had() {
        for (cookie, path, expected) in [
            ("s=1; Path=/; HttpOnly", "/a/login", "s=1; Path=/; HttpOnly"),
            ("s=1;PATH = /x", "/a/login", "s=1;PATH = /x"),
            ("s=1", "/a/login", "s=1; Path=/a"),
            ("s=1", "/a/b/", "s=1; Path=/a/b"),
            ("s=1; HttpOnly", "/login", "s=1; HttpOnly; Path=/"),
            ("s=1", "*", "s=1; Path=/"),
            ("s=1; Path=", "/a/login", "s=1; Path=; Path=/a"),
            ("s=1; Path", "/a/login", "s=1; Path; Path=/a"),
            ("s=1; Path=/x; Path=y", "/a/login", "s=1; Path=/x; Path=y; Path=/a"),
            ("path=/x", "/a/login", "path=/x; Path=/a"),
            ("s=1", "/a/b;j=1/login", "s=1; Path=/a"),
            ("s=1", "/a;j=1/login", "s=1; Path=/"),
        ] {
            assert_eq!(anchored(cookie.as_bytes(), path), expected, "{cookie} at {path}");
        }
    }

    #[test]
    fn debug_shows_no_session() {
        assert!(!format!("{:?}", answer()).contains("s3cr3t"));
    }
}
