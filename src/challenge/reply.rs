//! What the gate itself says to visitors about challenges, as plain values that the gateway writes to its session.
//!
//! Pages are one file without any other asset. Their Content-Security-Policy names the one style and the one script by
//! hash: both are constants, so that needs no randomness, and not even a page that let a visitor's text through unescaped
//! would run it. There is no `form-action`: browsers apply it to redirects after a submission, and the application's
//! released answer may well redirect to another host. What a visitor reads never says *why* a ticket was not accepted.

use super::return_path::ReturnPath;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::LazyLock;

/// One answer of the gate, ready to be sent. It has no framing headers; its length is its body's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Lower-case names; `set-cookie` may occur several times.
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

impl Reply {
    /// The first value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }

    /// The same, which sets these cookies as well.
    pub fn with_cookies(mut self, cookies: impl IntoIterator<Item = String>) -> Reply {
        self.headers.extend(cookies.into_iter().map(|cookie| ("set-cookie", cookie)));
        self
    }

    /// `303 See Other`: whatever the request was, go on with a GET.
    pub(super) fn see_other(location: &str) -> Reply {
        let mut headers = common();
        headers.push(("location", location.to_owned()));
        Reply { status: 303, headers, body: Bytes::new() }
    }

    pub(super) fn json(status: u16, content_type: &str, value: &Value) -> Reply {
        let mut headers = common();
        headers.push(("content-type", content_type.to_owned()));
        Reply { status, headers, body: Bytes::from(value.to_string()) }
    }
}

/// What every page has besides its own part.
pub(super) struct Page<'a> {
    pub title: &'a str,
    /// Inside `main`, below the heading. Escaped by who wrote it.
    pub main: &'a str,
    /// One of the constants of this crate.
    pub script: Option<&'static str>,
    pub policy: &'a str,
}

const STYLE: &str = include_str!("page.css");

static PLAIN_POLICY: LazyLock<String> = LazyLock::new(|| policy(None));

/// The Content-Security-Policy of a page with this script.
pub(super) fn policy(script: Option<&str>) -> String {
    let hash = |source: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(source)));
    let script = script.map(|script| format!("script-src {}; ", hash(script))).unwrap_or_default();
    format!("default-src 'none'; {script}style-src {}; base-uri 'none'; frame-ancestors 'none'", hash(STYLE))
}

pub(super) fn html(status: u16, page: &Page<'_>) -> Reply {
    let script = page.script.map(|script| format!("<script>{script}</script>\n")).unwrap_or_default();
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{main}</main>\n{script}</body>\n</html>\n",
        title = page.title,
        main = page.main,
    );
    let mut headers = common();
    headers.push(("content-type", "text/html; charset=utf-8".to_owned()));
    headers.push(("content-security-policy", page.policy.to_owned()));
    headers.push(("x-frame-options", "DENY".to_owned()));
    Reply { status, headers, body: Bytes::from(body) }
}

/// For every ticket that is not accepted: unknown, forged, expired, used, or its solution wrong. `return_to` is known
/// when the ticket is ours, which an attacker who holds one knows as well.
pub(super) fn expired(return_to: Option<&ReturnPath>, wants_html: bool) -> Reply {
    let status = if return_to.is_some() { 410 } else { 404 };
    let back = return_to.map_or("/", ReturnPath::as_str);
    if !wants_html {
        let detail = "It may have expired or been used, or the solution does not fit. The solution is posted urlencoded; \
                      make the original request again for a new challenge.";
        return problem(
            status,
            "challenge-not-accepted",
            "This check was not accepted",
            detail,
            json!({ "return": back }),
        );
    }
    let main = format!(
        "<p>It may have expired or been used already. Please go back and try again.</p>\n<p><a href=\"{}\">Back to the page you came from</a></p>\n",
        escape(back)
    );
    html(status, &Page { title: "This check was not accepted", main: &main, script: None, policy: &PLAIN_POLICY })
}

/// Our own fault, and worth another try with the same ticket.
pub(super) fn unavailable(wants_html: bool) -> Reply {
    let title = "This check cannot be completed right now";
    let mut reply = if wants_html {
        let main = "<p>Please reload this page in a moment.</p>\n";
        html(503, &Page { title, main, script: None, policy: &PLAIN_POLICY })
    } else {
        problem(503, "challenge-unavailable", title, "Submit the same solution again in a moment.", json!({}))
    };
    reply.headers.push(("retry-after", "5".to_owned()));
    reply
}

/// An `application/problem+json` answer (RFC 9457) with further members.
pub(super) fn problem(status: u16, kind: &str, title: &str, detail: &str, more: Value) -> Reply {
    let mut members =
        json!({ "type": format!("urn:tollgate:{kind}"), "title": title, "status": status, "detail": detail });
    if let (Value::Object(members), Value::Object(more)) = (&mut members, more) {
        members.extend(more);
    }
    Reply::json(status, "application/problem+json", &members)
}

/// Text for HTML, in elements and quoted attributes alike.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// On everything here: tickets are in the URL, so it is neither stored, nor indexed, nor passed on as a referrer.
fn common() -> Vec<(&'static str, String)> {
    [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-robots-tag", "noindex, nofollow"),
        ("x-content-type-options", "nosniff"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_escaped() {
        assert_eq!(escape("/login?a=1"), "/login?a=1");
        assert_eq!(escape("<a href='\"&"), "&lt;a href=&#39;&quot;&amp;");
        let hostile = ReturnPath::new("/\"><script>alert(1)</script>").unwrap();
        let reply = expired(Some(&hostile), true);
        assert!(!String::from_utf8_lossy(&reply.body).contains("<script"));
    }

    #[test]
    fn the_neutral_page_leads_back_and_says_nothing_else() {
        let path = ReturnPath::new("/login").unwrap();
        for (return_to, status, href) in [(Some(&path), 410, "href=\"/login\""), (None, 404, "href=\"/\"")] {
            let reply = expired(return_to, true);
            assert_eq!(reply.status, status);
            assert!(String::from_utf8_lossy(&reply.body).contains(href));
            assert_eq!(reply.header("cache-control"), Some("no-store"));
        }
        let reply = expired(None, false);
        assert_eq!((reply.status, reply.header("content-type")), (404, Some("application/problem+json")));
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["type"], "urn:tollgate:challenge-not-accepted");
    }

    #[test]
    fn our_own_failure_is_said_to_be_ours() {
        assert_eq!((unavailable(true).status, unavailable(false).status), (503, 503));
        assert_eq!(unavailable(true).header("retry-after"), Some("5"));
    }
}
