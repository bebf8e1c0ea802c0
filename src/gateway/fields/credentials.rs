//! Values in headers: cookies, and `Authorization: Basic`.

use crate::gateway::form::{Oddities, Oddity};
use http::{HeaderMap, header};
use zeroize::Zeroizing;

/// Longest `Authorization` value that is decoded.
const MAX_AUTHORIZATION: usize = 16 * 1024;

/// The values of every cookie of this name, without quotes around them.
pub(super) fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let pairs = headers.get_all(header::COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        let equals = memchr::memchr(b'=', pair)?;
        let value = pair[equals + 1..].trim_ascii();
        let bare = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
        (pair[..equals].trim_ascii() == name.as_bytes()).then_some(bare)
    })
}

/// User name and password.
pub(super) struct Basic {
    pub(super) user: Zeroizing<Vec<u8>>,
    pub(super) password: Zeroizing<Vec<u8>>,
}

/// What the last `Authorization: Basic` header says, and whether there are several `Authorization` headers.
pub(super) fn basic(headers: &HeaderMap) -> Option<(Basic, bool)> {
    let all = headers.get_all(header::AUTHORIZATION);
    let several = all.iter().count() > 1;
    let pairs = all.iter().filter_map(|value| {
        let value = value.as_bytes().trim_ascii();
        let (scheme, rest) = value.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") || value.len() > MAX_AUTHORIZATION {
            return None;
        }
        let decoded = base64(rest.trim_ascii())?;
        let colon = memchr::memchr(b':', &decoded)?;
        let half = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        Some(Basic { user: half(&decoded[..colon]), password: half(&decoded[colon + 1..]) })
    });
    pairs.fold(None, |_, pair| Some(pair)).map(|pair| (pair, several))
}

/// UTF-8, else Latin and marked.
pub(super) fn text(bytes: &[u8]) -> (Zeroizing<String>, Oddities) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Zeroizing::new(text.to_owned()), Oddities::default()),
        Err(_) => {
            let mut latin = Zeroizing::new(String::with_capacity(2 * bytes.len()));
            latin.extend(bytes.iter().map(|byte| char::from(*byte)));
            (latin, Oddity::Utf8.into())
        }
    }
}

/// Standard alphabet, with or without padding. A few lines of our own, so that the buffer is one that is wiped.
fn base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut digits = text;
    while let [rest @ .., b'='] = digits {
        digits = rest;
    }
    if text.len() - digits.len() > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut out = Zeroizing::new(Vec::with_capacity(digits.len() / 4 * 3 + 2));
    let (mut bits, mut held) = (0u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn with(name: &header::HeaderName, values: &[&str]) -> HeaderMap {
        let mut all = HeaderMap::new();
        for value in values {
            all.append(name, HeaderValue::from_str(value).unwrap());
        }
        all
    }

    #[test]
    fn basic_credentials() {
        for (value, expected) in [
            ("Basic YWxpY2U6c2VjcmV0OjE=", Some(("alice", "secret:1"))),
            ("basic  YWxpY2U6c2VjcmV0OjE", Some(("alice", "secret:1"))),
            ("Basic YWxpY2U6", Some(("alice", ""))),
            ("Basic YWxpY2U=", None),
            ("Basic !!!!", None),
            ("Basic YWxpY2U6c2VjcmV0OjE====", None),
            ("Bearer YWxpY2U6", None),
            ("", None),
        ] {
            let found = basic(&with(&header::AUTHORIZATION, &[value])).map(|(pair, _)| {
                (String::from_utf8(pair.user.to_vec()).unwrap(), String::from_utf8(pair.password.to_vec()).unwrap())
            });
            assert_eq!(found.as_ref().map(|(a, b)| (a.as_str(), b.as_str())), expected, "{value}");
        }
        assert!(basic(&with(&header::AUTHORIZATION, &["Basic YTpi", "Basic Yzpk"])).unwrap().1);
    }

    #[test]
    fn cookies_of_one_name() {
        let headers = with(&header::COOKIE, &["a=1; user=\"bob\"; xuser=no", "user=eve"]);
        let found: Vec<_> = cookies(&headers, "user").collect();
        assert_eq!(found, [b"bob", b"eve"]);
    }
}
