//! What the request says its body is.
//!
//! A header that could be read as two things is no header: `multipart/form-data` with two boundaries, two media types
//! with a comma between them, two headers that differ. Those are refused, because the boundary decides what is data.

use super::Unreadable;
use super::charset::Charset;
use super::parameters::{Parameters, first_word};
use http::{HeaderMap, header};

pub(super) enum Media {
    Urlencoded,
    Multipart { boundary: Box<[u8]> },
    Json,
    Other,
    Missing,
}

pub(super) struct ContentType {
    pub(super) media: Media,
    pub(super) charset: Charset,
    /// The same header came more than once.
    pub(super) repeated: bool,
}

pub(super) fn content_type(headers: &HeaderMap) -> Result<ContentType, Unreadable> {
    let mut all = headers.get_all(header::CONTENT_TYPE).iter().map(|value| value.as_bytes().trim_ascii());
    let Some(first) = all.next().filter(|value| !value.is_empty()) else {
        return match all.next() {
            None => Ok(ContentType { media: Media::Missing, charset: Charset::UTF_8, repeated: false }),
            Some(_) => Err(Unreadable::ContentType),
        };
    };
    let mut repeated = false;
    for other in all {
        if other != first {
            return Err(Unreadable::ContentType);
        }
        repeated = true;
    }
    let (essence, rest) = first_word(first);
    let kind = Kind::of(essence)?;
    let (mut boundary, mut charset) = (None, None);
    for parameter in Parameters::new(rest) {
        let parameter = parameter.map_err(|_| Unreadable::ContentType)?;
        if parameter.name.eq_ignore_ascii_case(b"charset") {
            if charset.is_some() {
                return Err(Unreadable::Charset);
            }
            charset = Some(Charset::named(parameter.value)?);
        } else if parameter.name.eq_ignore_ascii_case(b"boundary") {
            if boundary.is_some() || parameter.escaped || !is_boundary(parameter.value) {
                return Err(Unreadable::Boundary);
            }
            boundary = Some(parameter.value);
        } else if has_prefix(parameter.name, b"boundary*") || has_prefix(parameter.name, b"charset*") {
            // RFC 2231 continuations: read by some, skipped by others.
            return Err(Unreadable::ContentType);
        }
    }
    let media = match kind {
        Kind::Urlencoded => Media::Urlencoded,
        Kind::Json => Media::Json,
        Kind::Other => Media::Other,
        Kind::Multipart => Media::Multipart { boundary: boundary.ok_or(Unreadable::Boundary)?.into() },
    };
    Ok(ContentType { media, charset: charset.unwrap_or(Charset::UTF_8), repeated })
}

enum Kind {
    Urlencoded,
    Multipart,
    Json,
    Other,
}

impl Kind {
    fn of(essence: &[u8]) -> Result<Kind, Unreadable> {
        let is = |name: &str| essence.eq_ignore_ascii_case(name.as_bytes());
        let slash = memchr::memchr(b'/', essence).ok_or(Unreadable::ContentType)?;
        if slash == 0 || essence.len() == slash + 1 || memchr::memchr(b'/', &essence[slash + 1..]).is_some() {
            return Err(Unreadable::ContentType);
        }
        let json_suffix = essence.len() > 5 && essence[essence.len() - 5..].eq_ignore_ascii_case(b"+json");
        Ok(if is("application/x-www-form-urlencoded") {
            Kind::Urlencoded
        } else if is("multipart/form-data") {
            Kind::Multipart
        } else if is("application/json") || is("text/json") || json_suffix {
            Kind::Json
        } else {
            Kind::Other
        })
    }
}

/// RFC 2046: 1 to 70 characters of a small set, not ending in a space.
fn is_boundary(text: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
    (1..=70).contains(&text.len()) && text.iter().all(allowed) && text.last() != Some(&b' ')
}

fn has_prefix(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}
