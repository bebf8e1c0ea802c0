//! Who may call: whoever shows what the configuration names, and comes from no page of a browser.
//!
//! What is configured is what is demanded: with `token_file` the token, with `tls.client_ca` a certificate that it signed,
//! with both, both. There is no key that says which of two would do, so nobody can leave a door open by it; without
//! either the API is closed.
//!
//! A page in the operator's own browser can reach the loopback, and a name of its own can be made to point there (DNS
//! rebinding). The token stops both; a certificate, which the browser shows by itself, does not. So whatever a browser
//! adds to calls of pages (`Origin`, `Sec-Fetch-Site`) is refused, and so is every name that the gate is not called by.

use super::problem::{Kind, Problem};
use http::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use http::{HeaderValue, Uri};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Whoever was let in.
#[derive(Clone, Debug)]
pub struct Caller {
    pub peer: IpAddr,
    /// The fingerprint of the token.
    pub token: Option<String>,
    pub certificate: Option<Arc<ClientCertificate>>,
}

/// A client certificate that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// As in RFC 4514, shortened.
    pub subject: String,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
    /// Unix seconds.
    pub until: i64,
}

/// The bearer token that is shown; empty if none is.
pub fn bearer(headers: &HeaderMap) -> &[u8] {
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    let (Some(shown), None) = (shown.next().map(HeaderValue::as_bytes), shown.next()) else { return &[] };
    let (scheme, token) = shown.split_at(shown.len().min("Bearer ".len()));
    if scheme.eq_ignore_ascii_case(b"Bearer ") { token.trim_ascii() } else { &[] }
}

/// Whether the request was made by a page, or for a name that is not the gate's. `names` are lower case.
pub fn not_by_a_page(headers: &HeaderMap, uri: &Uri, names: &[Box<str>]) -> Result<(), Problem> {
    let by_hand = |value: &HeaderValue| value.as_bytes() == b"none";
    if headers.contains_key(ORIGIN) || headers.get("sec-fetch-site").is_some_and(|site| !by_hand(site)) {
        return Err(Problem::new(Kind::CrossSite, "this was sent by a page in a browser; use a program"));
    }
    let mut hosts = headers.get_all(HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None, _) => uri.authority().map(|authority| authority.as_str()),
        (Some(_), Some(_)) => None,
    };
    if named.is_some_and(|named| is_own(named, names)) {
        return Ok(());
    }
    let detail = "call it by its address, by localhost, or by a name in `admin.hosts`";
    Err(Problem::new(Kind::Host, detail))
}

/// An address, `localhost`, or a name of the operator's; with or without a port.
fn is_own(named: &str, names: &[Box<str>]) -> bool {
    let host = match named.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if is_port(port) => return address.parse::<Ipv6Addr>().is_ok(),
            _ => return false,
        },
        None => match named.find(':') {
            Some(at) if is_port(&named[at..]) => &named[..at],
            Some(_) => return false,
            None => named,
        },
    };
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host.parse::<Ipv4Addr>().is_ok() || host == "localhost" || names.iter().any(|name| **name == *host)
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_bearer_token_is_read_and_nothing_else() {
        for (shown, token) in [
            ("Bearer secret", "secret"),
            ("bearer  secret ", "secret"),
            ("", ""),
            ("Bearer", ""),
            ("Bearer ", ""),
            ("secret", ""),
            ("Basic secret", ""),
        ] {
            assert_eq!(bearer(&headers(&[("authorization", shown)])), token.as_bytes(), "{shown}");
        }
        assert_eq!(bearer(&HeaderMap::new()), b"");
        assert_eq!(bearer(&headers(&[("authorization", "Bearer a"), ("authorization", "Bearer b")])), b"");
    }

    #[test]
    fn the_gate_is_called_by_its_own_names_only() {
        let names = [Box::from("gate.internal")];
        let uri: Uri = "/api".parse().unwrap();
        for own in [
            "127.0.0.1:9900",
            "127.0.0.1",
            "[::1]:9900",
            "[::1]",
            "localhost",
            "LOCALHOST:1",
            "localhost.",
            "10.1.2.3:9900",
            "gate.internal:9900",
            "Gate.Internal",
        ] {
            assert!(not_by_a_page(&headers(&[("host", own)]), &uri, &names).is_ok(), "{own}");
        }
        for foreign in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "gate.internal.evil",
            "[::1",
            "[evil]:1",
            "127.0.0.1:99999",
            "127.0.0.1:x",
            "a@127.0.0.1",
            "127.1",
            "2130706433",
            "::1",
        ] {
            let problem = not_by_a_page(&headers(&[("host", foreign)]), &uri, &names).unwrap_err();
            assert_eq!(problem.status(), 421, "{foreign}");
        }
        assert!(not_by_a_page(&headers(&[("host", "localhost"), ("host", "localhost")]), &uri, &names).is_err());
        assert!(not_by_a_page(&HeaderMap::new(), &uri, &names).is_err());
        assert!(not_by_a_page(&HeaderMap::new(), &"http://localhost/api".parse().unwrap(), &names).is_ok());
    }

    #[test]
    fn pages_are_refused_whoever_opened_them() {
        let uri: Uri = "/api".parse().unwrap();
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://localhost:9900"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-origin"),
        ] {
            let problem = not_by_a_page(&headers(&[("host", "localhost"), (name, value)]), &uri, &[]).unwrap_err();
            assert_eq!(problem.status(), 403, "{name}: {value}");
        }
        assert!(not_by_a_page(&headers(&[("host", "localhost"), ("sec-fetch-site", "none")]), &uri, &[]).is_ok());
    }
}
