//! Which host a request is for, in every reading: the authority of its target, HTTP/2's `:authority`, each `Host`; and what
//! a trusted proxy says in `X-Forwarded-Host` and `Forwarded`, which goes on and which applications behind proxies prefer.
//! Of that the visitor may have written any part: nginx and most content networks pass on what they get.
//!
//! A canonical host is lower case, ASCII (punycode), without port, user information and trailing dot. A request without
//! a host that can be read is served by the application's default site, which may be any: it is on every host.

use crate::engine::pattern::Globs;
use http::HeaderMap;
use http::header::{FORWARDED, HOST};

/// The hosts a request names, canonical, without doubles; read when a route asks for them.
#[derive(Debug)]
pub(super) struct Hosts {
    names: Vec<String>,
    /// Some of them could not be read, or there is none.
    unknown: bool,
    /// Hosts that a trusted proxy says were asked for, others than those.
    forwarded: Vec<String>,
    /// There are more of them than are looked at.
    many_forwarded: bool,
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
    /// `peer_is_trusted`: what the peer says of the host is passed on.
    pub fn of(authorities: [Option<&[u8]>; 2], headers: &HeaderMap, peer_is_trusted: bool) -> Hosts {
        let mut hosts = Hosts { names: Vec::new(), unknown: false, forwarded: Vec::new(), many_forwarded: false };
        let named = headers.get_all(HOST).iter().map(|value| value.as_bytes());
        for raw in authorities.into_iter().flatten().chain(named) {
            match canonical(raw) {
                Some(name) if hosts.names.contains(&name) => {}
                Some(name) if hosts.names.len() < MAX_HOSTS => hosts.names.push(name),
                Some(_) | None => hosts.unknown = true,
            }
        }
        hosts.unknown |= hosts.names.is_empty();
        if peer_is_trusted {
            for raw in forwarded(headers) {
                match canonical(raw) {
                    Some(name) if hosts.names.contains(&name) || hosts.forwarded.contains(&name) => {}
                    Some(name) if hosts.forwarded.len() < MAX_HOSTS => hosts.forwarded.push(name),
                    Some(_) => hosts.many_forwarded = true,
                    // No application makes a site of it.
                    None => {}
                }
            }
        }
        hosts
    }

    /// The hosts, if the request names no other.
    pub fn known(&self) -> Option<impl Iterator<Item = &str>> {
        let known = !self.unknown && !self.many_forwarded;
        known.then(|| self.names.iter().chain(&self.forwarded).map(String::as_str))
    }

    /// A proxy that writes a `Host` of its own says nothing ambiguous: what it forwards beside a host that fits is no second
    /// reading.
    pub fn fit(&self, accepted: &Globs) -> HostFit {
        let fits = |name: &&String| accepted.accepts(Some(name.as_str()));
        let fitting = self.names.iter().filter(fits).count();
        match (fitting, self.unknown) {
            (0, false) if self.many_forwarded || self.forwarded.iter().any(|name| fits(&name)) => HostFit::Some,
            (0, false) => HostFit::None,
            (count, false) if count == self.names.len() => HostFit::All,
            _ => HostFit::Some,
        }
    }
}

/// For people: the names, or that there is none.
impl std::fmt::Display for Hosts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.names.is_empty() {
            true => f.write_str("none that can be read")?,
            false => f.write_str(&self.names.join(", "))?,
        }
        match self.forwarded.is_empty() {
            true => Ok(()),
            false => write!(f, " (forwarded for {})", self.forwarded.join(", ")),
        }
    }
}

/// The hosts in `X-Forwarded-Host` and in `Forwarded`. Which of a list is taken depends on the application. Quotation marks
/// are ignored and not understood: a client may have opened one.
fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let plain =
        headers.get_all("x-forwarded-host").iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    let pairs =
        headers.get_all(FORWARDED).iter().flat_map(|value| value.as_bytes().split(|&byte| matches!(byte, b',' | b';')));
    let named = pairs.filter_map(|pair| {
        let (name, value) = pair.split_at(memchr::memchr(b'=', pair)?);
        name.trim_ascii().eq_ignore_ascii_case(b"host").then_some(&value[1..])
    });
    plain.chain(named).map(|host| {
        let host = host.trim_ascii();
        let host = host.strip_prefix(b"\"").unwrap_or(host);
        host.strip_suffix(b"\"").unwrap_or(host)
    })
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

    /// Flask's ProxyFix and Symfony's trusted proxies take the host from there.
    #[test]
    fn what_a_trusted_proxy_forwards_is_a_host_too() {
        let shop = Globs::new(["shop.example"]);
        let fit = |host: &str, name: &'static str, value: &str, trusted| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            headers.insert(name, value.parse().unwrap());
            Hosts::of([None, None], &headers, trusted).fit(&shop)
        };
        for (name, value) in [
            ("x-forwarded-host", "shop.example"),
            ("x-forwarded-host", "blog.example, SHOP.example:443"),
            ("forwarded", "for=192.0.2.1;host=shop.example"),
            ("forwarded", "for=\"[::1]\", for=192.0.2.1; Host=\"shop.example:80\""),
        ] {
            assert_eq!(fit("blog.example", name, value, true), HostFit::Some, "{value}");
            assert_eq!(fit("blog.example", name, value, false), HostFit::None, "{value}: a stranger's is removed");
        }
        assert_eq!(fit("shop.example", "x-forwarded-host", "shop.example", true), HostFit::All);
        assert_eq!(fit("shop.example", "x-forwarded-host", "public.example", true), HostFit::All, "a proxy's own Host");
        assert_eq!(fit("blog.example", "x-forwarded-host", "blog.example", true), HostFit::None);
        assert_eq!(fit("blog.example", "x-forwarded-host", "", true), HostFit::None);
        let many = (0..20).map(|n| format!("h{n}.example")).collect::<Vec<_>>().join(",");
        assert_eq!(fit("blog.example", "x-forwarded-host", &many, true), HostFit::Some);
    }

    #[test]
    fn a_request_for_two_hosts_is_for_both_and_for_none_is_for_any() {
        let shop = Globs::new(["shop.example"]);
        let fit = |names: &[&str]| {
            let mut headers = HeaderMap::new();
            for name in names {
                headers.append(HOST, name.parse().unwrap());
            }
            Hosts::of([None, None], &headers, true).fit(&shop)
        };
        assert_eq!(fit(&["shop.example"]), HostFit::All);
        assert_eq!(fit(&["blog.example"]), HostFit::None);
        assert_eq!(fit(&["blog.example", "shop.example"]), HostFit::Some);
        assert_eq!(fit(&[]), HostFit::Some);
        assert_eq!(fit(&["/"]), HostFit::Some);
    }
}
