//! Which host a request is for, in every reading: the authority of its target, HTTP/2's `:authority`, each `Host`.
//!
//! A canonical host is lower case, ASCII (punycode), without port, user information and trailing dot. A request without
//! a host that can be read is served by the application's default site, which may be any: it is on every host.

use crate::engine::pattern::Globs;
use http::HeaderMap;
use http::header::HOST;

/// The hosts a request names, canonical, without doubles; read when a route asks for them.
#[derive(Debug)]
pub(super) struct Hosts {
    names: Vec<String>,
    /// Some of them could not be read, or there is none.
    unknown: bool,
}

/// Most hosts that are looked at; a request for more is on every host.
const MAX_HOSTS: usize = 8;

/// How well a request fits a route's hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostFit {
    /// Every host that it names does.
    All,
    /// Some do and some do not, or it names none that can be read.
    Some,
    None,
}

impl Hosts {
    pub fn of(authorities: [Option<&[u8]>; 2], headers: &HeaderMap) -> Hosts {
        let mut hosts = Hosts { names: Vec::new(), unknown: false };
        let named = headers.get_all(HOST).iter().map(|value| value.as_bytes());
        for raw in authorities.into_iter().flatten().chain(named) {
            match canonical(raw) {
                Some(name) if hosts.names.contains(&name) => {}
                Some(name) if hosts.names.len() < MAX_HOSTS => hosts.names.push(name),
                Some(_) | None => hosts.unknown = true,
            }
        }
        hosts.unknown |= hosts.names.is_empty();
        hosts
    }

    /// The hosts, if the request names no other.
    pub fn known(&self) -> Option<&[String]> {
        (!self.unknown).then_some(&self.names)
    }

    pub fn fit(&self, accepted: &Globs) -> HostFit {
        let fitting = self.names.iter().filter(|name| accepted.accepts(Some(name.as_str()))).count();
        match (fitting, self.unknown) {
            (0, false) => HostFit::None,
            (count, false) if count == self.names.len() => HostFit::All,
            _ => HostFit::Some,
        }
    }
}

/// The canonical form of a `Host` value or authority; `None` if nobody can say which host it is.
pub fn canonical(raw: &[u8]) -> Option<String> {
    let decoded;
    let mut text = std::str::from_utf8(raw).ok()?.trim();
    if text.contains('%') {
        decoded = percent_encoding::percent_decode_str(text).decode_utf8().ok()?.into_owned();
        text = decoded.trim();
    }
    let text = text.rsplit('@').next()?;
    let host = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (address, _port) = bracketed.split_once(']')?;
            return address.parse::<std::net::Ipv6Addr>().ok().map(|address| format!("[{address}]"));
        }
        None => text.split_once(':').map_or(text, |(host, _port)| host),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() || host.len() > 253 {
        return None;
    }
    if host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Some(host.to_ascii_lowercase());
    }
    let ascii = idna::domain_to_ascii_cow(host.as_bytes(), idna::AsciiDenyList::URL).ok()?;
    (!ascii.is_empty()).then(|| ascii.strip_suffix('.').unwrap_or(&ascii).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_form() {
        for (raw, expected) in [
            ("shop.example", Some("shop.example")),
            ("Shop.Example:8443", Some("shop.example")),
            ("shop.example.", Some("shop.example")),
            ("shop.example.:80", Some("shop.example")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("XN--BCHER-KVA.example", Some("xn--bcher-kva.example")),
            ("user@shop.example", Some("shop.example")),
            ("sh%6fp.example", Some("shop.example")),
            ("shop。example", Some("shop.example")),
            ("[2001:DB8::1]:80", Some("[2001:db8::1]")),
            ("", None),
            (":80", None),
            ("a b", None),
            ("a/b", None),
            ("[nonsense]", None),
        ] {
            assert_eq!(canonical(raw.as_bytes()).as_deref(), expected, "{raw}");
        }
    }

    #[test]
    fn a_request_for_two_hosts_is_for_both_and_for_none_is_for_any() {
        let shop = Globs::new(["shop.example"]);
        let fit = |names: &[&str]| {
            let mut headers = HeaderMap::new();
            for name in names {
                headers.append(HOST, name.parse().unwrap());
            }
            Hosts::of([None, None], &headers).fit(&shop)
        };
        assert_eq!(fit(&["shop.example"]), HostFit::All);
        assert_eq!(fit(&["blog.example"]), HostFit::None);
        assert_eq!(fit(&["blog.example", "shop.example"]), HostFit::Some);
        assert_eq!(fit(&[]), HostFit::Some);
        assert_eq!(fit(&["/"]), HostFit::Some);
    }
}
