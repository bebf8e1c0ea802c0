//! Which answers may carry the cookie.
//!
//! A shared cache may keep an answer with its `Set-Cookie` and hand both to the next visitor (RFC 9111, 7.3): then a
//! hundred people are one device, and each of them is the one who logs in. So:
//!
//! - What says that it is nobody else's (`private`, `no-store`) carries it.
//! - What says that others may have it (`public`, `s-maxage`, a lifetime, or any word to a cache in particular:
//!   `CDN-Cache-Control`, `Surrogate-Control`, …) goes out as the application made it, without. The operator chose speed
//!   for that page; its visitors get their cookie with the form's own answer.
//! - What says nothing may be kept by a cache's own guess (RFC 9111, 4.2.2), and what is to be asked about each time
//!   (`no-cache`, `max-age=0`) is kept as well. These carry it and are marked `private`.
//!
//! Besides, on `pages`, only what a person looks at: HTML, and redirects that are not for good. A page's pattern may cover
//! its pictures and scripts, and `304` speaks of an answer that is in a cache already.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, EXPIRES, SET_COOKIE};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use pingora::http::ResponseHeader;

/// Whether the answer to a request for a page is one that a person looks at.
pub fn may_carry(method: &Method, response: &ResponseHeader) -> bool {
    let is_html = || {
        let kind = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
    };
    let asked = matches!(*method, Method::GET | Method::HEAD | Method::POST);
    asked
        && match response.status.as_u16() {
            302 | 303 | 307 => true,
            204..=206 => false,
            200..=299 | 400..=499 => is_html(),
            _ => false,
        }
}

/// Puts the cookie into an answer, if caches leave it alone or can be told to.
pub fn set_in(response: &mut ResponseHeader, cookie: &str) -> pingora::Result<bool> {
    if response.status.is_informational() || response.status == StatusCode::NOT_MODIFIED {
        return Ok(false);
    }
    match sharing(&response.headers) {
        Sharing::Nobodys => {}
        Sharing::Allowed => return Ok(false),
        Sharing::Unsaid => drop(response.append_header(CACHE_CONTROL, "private")?),
    }
    response.append_header(SET_COOKIE, cookie)?;
    Ok(true)
}

/// Whether others than its visitor may be given an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
    Nobodys,
    Allowed,
    Unsaid,
}

fn sharing(headers: &HeaderMap) -> Sharing {
    // A cache in particular is told first, and need not look at what all are told.
    let mut told = Sharing::Unsaid;
    for (name, _) in headers.iter().filter(|(name, _)| speaks_to_one_cache(name)) {
        match said(headers, name) {
            Sharing::Nobodys => told = Sharing::Nobodys,
            Sharing::Allowed | Sharing::Unsaid => return Sharing::Allowed,
        }
    }
    match (said(headers, &CACHE_CONTROL), told) {
        (Sharing::Unsaid, Sharing::Unsaid) if headers.contains_key(EXPIRES) && expires_later(headers) => {
            Sharing::Allowed
        }
        (said, _) => said,
    }
}

/// Names of headers by which one kind of cache is told otherwise than all (RFC 9213 and what there was before).
fn speaks_to_one_cache(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.ends_with("cdn-cache-control")
        || matches!(name, "surrogate-control" | "edge-control" | "x-accel-expires" | "x-drupal-cache")
}

fn said(headers: &HeaderMap, name: &HeaderName) -> Sharing {
    let (mut private, mut public, mut lives, mut stored) = (false, false, false, true);
    for line in headers.get_all(name) {
        for directive in String::from_utf8_lossy(line.as_bytes()).split(',') {
            let directive = directive.trim().to_ascii_lowercase();
            let (word, value) = directive.split_once('=').unwrap_or((&directive, ""));
            match word.trim() {
                "no-store" => stored = false,
                // With field names it is about those alone.
                "private" if value.is_empty() => private = true,
                "public" | "immutable" => public = true,
                "s-maxage" if value.trim_matches('"') != "0" => public = true,
                "max-age" => lives |= value.trim_matches('"') != "0",
                _ => {}
            }
        }
    }
    match () {
        () if !stored => Sharing::Nobodys,
        () if public => Sharing::Allowed,
        () if private => Sharing::Nobodys,
        () if lives => Sharing::Allowed,
        () => Sharing::Unsaid,
    }
}

/// Whether `Expires` is an instant after `Date`. What is no date has expired (RFC 9111, 5.3).
fn expires_later(headers: &HeaderMap) -> bool {
    let instant = |name: &HeaderName| {
        let text = headers.get(name)?.to_str().ok()?;
        httpdate::parse_http_date(text).ok()
    };
    match (instant(&EXPIRES), instant(&http::header::DATE)) {
        (Some(expires), Some(date)) => expires > date,
        // Without the application's own clock: any date may be later.
        (Some(_), None) => true,
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)]) -> ResponseHeader {
        let mut response = ResponseHeader::build(status, None).unwrap();
        for (name, value) in headers {
            response.append_header(*name, *value).unwrap();
        }
        response
    }

    #[test]
    fn what_a_cache_may_give_to_others_carries_nobodys_id() {
        const PAST: &str = "Thu, 01 Jan 1970 00:00:00 GMT";
        const LATER: &str = "Thu, 01 Jan 2099 00:00:00 GMT";
        const DATE: (&str, &str) = ("Date", "Sun, 22 Nov 2026 09:00:00 GMT");
        // Whether it carries the cookie, and what Cache-Control it has then.
        for (headers, carries, control) in [
            (&[][..], true, &["private"][..]),
            (&[("Cache-Control", "no-store")], true, &["no-store"]),
            (&[("Cache-Control", "private, max-age=600")], true, &["private, max-age=600"]),
            (&[("Cache-Control", "NO-CACHE")], true, &["NO-CACHE", "private"]),
            (&[("Cache-Control", "max-age=0, must-revalidate")], true, &["max-age=0, must-revalidate", "private"]),
            (&[("Cache-Control", "max-age=60")], false, &[]),
            (&[("Cache-Control", "public")], false, &[]),
            (&[("Cache-Control", "s-maxage=60, max-age=0")], false, &[]),
            (&[("Cache-Control", "private, s-maxage=60")], false, &[]),
            (&[("Cache-Control", "private=\"x-user\", max-age=60")], false, &[]),
            (&[("Cache-Control", "no-cache"), ("Cache-Control", "public")], false, &[]),
            (&[("Cache-Control", "public, no-store")], true, &["public, no-store"]),
            (&[("Cache-Control", "private"), ("CDN-Cache-Control", "max-age=60")], false, &[]),
            (&[("Cache-Control", "no-store"), ("Surrogate-Control", "max-age=60")], false, &[]),
            (&[("Cache-Control", "private"), ("Surrogate-Control", "no-store")], true, &["private"]),
            (&[("X-Accel-Expires", "60")], false, &[]),
            (&[("Expires", LATER), DATE], false, &[]),
            (&[("Expires", LATER)], false, &[]),
            (&[("Expires", PAST), DATE], true, &["private"]),
            (&[("Expires", "0")], true, &["private"]),
        ] {
            let mut response = answer(200, headers);
            response.append_header("Set-Cookie", "session=1").unwrap();
            assert_eq!(set_in(&mut response, "tollgate_device=x").unwrap(), carries, "{headers:?}");
            let cookies: Vec<_> = response.headers.get_all("set-cookie").iter().collect();
            assert_eq!(cookies, if carries { vec!["session=1", "tollgate_device=x"] } else { vec!["session=1"] });
            if carries {
                let found: Vec<_> = response.headers.get_all("cache-control").iter().collect();
                assert_eq!(found, control, "{headers:?}");
            }
        }
    }

    #[test]
    fn a_page_is_what_a_person_looks_at() {
        let html = &[("Content-Type", "text/html; charset=utf-8")][..];
        let image = &[("Content-Type", "image/png")][..];
        for (method, status, headers, expected) in [
            (Method::GET, 200, html, true),
            (Method::HEAD, 200, html, true),
            (Method::POST, 422, html, true),
            (Method::GET, 404, html, true),
            (Method::GET, 302, &[][..], true),
            (Method::GET, 200, image, false),
            (Method::GET, 200, &[], false),
            (Method::GET, 206, html, false),
            (Method::GET, 301, html, false),
            (Method::GET, 304, html, false),
            (Method::GET, 503, html, false),
            (Method::OPTIONS, 200, html, false),
        ] {
            assert_eq!(may_carry(&method, &answer(status, headers)), expected, "{method} {status} {headers:?}");
        }
    }

    #[test]
    fn answers_that_are_none_yet_or_are_in_a_cache_carry_nothing() {
        for status in [100, 103, 304] {
            assert!(!set_in(&mut answer(status, &[]), "tollgate_device=x").unwrap());
        }
    }
}
