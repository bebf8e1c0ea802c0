//! The client's address, by the operator's trusted-proxy rules.
//!
//! Whoever speaks to the gate can write any header, and only the part that a trusted proxy added can be believed: it is
//! the right end of the chain. So the chain is walked from the right, from one trusted proxy to the next, and the first
//! address that is not one of them is the client. Text that is no address ends the walk: what stands left of it was
//! vouched for by nobody, and the last trusted proxy is the nearest thing to a client that is known. The quoting of
//! `Forwarded` is read from the right as well: read from the left, an opening quote of the client's would swallow what
//! the proxy appended.

use crate::config::settings::{ClientIp, ClientIpHeader};
use http::HeaderMap;
use http::header::FORWARDED;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most proxies that are walked over; the address reached then is the client.
const MAX_HOPS: usize = 64;
/// Longest entry of a chain, bytes. Longer ones are no address.
const MAX_ENTRY: usize = 512;

/// The client's address: canonical, so that an IPv4-mapped IPv6 address is its IPv4 address. `peer` is the socket's.
pub fn client_ip(rules: &ClientIp, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(rules, peer) {
        return peer;
    }
    match &rules.header {
        ClientIpHeader::XForwardedFor => {
            let addresses = entries(headers, "x-forwarded-for", last_of_list).map(address);
            walk(rules, peer, addresses)
        }
        ClientIpHeader::Forwarded => {
            let addresses = entries(headers, FORWARDED.as_str(), last_of_quoted_list).map(forwarded_for);
            walk(rules, peer, addresses)
        }
        ClientIpHeader::Single(name) => entries(headers, name, last_of_list).next().and_then(address).unwrap_or(peer),
    }
}

/// Whether an address belongs to one of the operator's proxies.
pub fn is_trusted(rules: &ClientIp, address: IpAddr) -> bool {
    let address = address.to_canonical();
    rules.trusted_proxies.iter().any(|network| match (network, address) {
        // A network written as IPv4-mapped addresses is meant for IPv4 clients.
        (IpNet::V6(network), IpAddr::V4(v4)) => network.contains(&v4.to_ipv6_mapped()),
        _ => network.contains(&address),
    })
}

/// Whether a peer on this machine or in the same private network sends a header that would be believed of a trusted proxy.
pub fn is_untrusted_neighbour(rules: &ClientIp, peer: IpAddr, headers: &HeaderMap) -> bool {
    let peer = peer.to_canonical();
    let near = match peer {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    near && ["x-forwarded-for", "forwarded", "x-real-ip"].iter().any(|name| headers.contains_key(*name))
        && !is_trusted(rules, peer)
}

fn walk(rules: &ClientIp, peer: IpAddr, addresses: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
    let mut nearest = peer;
    for address in addresses.take(MAX_HOPS) {
        match address {
            Some(address) => nearest = address,
            None => break,
        }
        if !is_trusted(rules, nearest) {
            break;
        }
    }
    nearest
}

/// Splits the last entry off a header value: what is left of it (if anything), and the entry.
type Split = fn(&[u8]) -> (Option<&[u8]>, &[u8]);

/// Entries of all headers of this name, joined in order, from the right.
fn entries<'h>(headers: &'h HeaderMap, name: &str, split: Split) -> impl Iterator<Item = &'h [u8]> {
    headers.get_all(name).iter().rev().flat_map(move |value| {
        let mut rest = Some(value.as_bytes());
        std::iter::from_fn(move || {
            let (left, entry) = split(rest?);
            rest = left;
            Some(entry.trim_ascii())
        })
    })
}

fn last_of_list(value: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match memchr::memrchr(b',', value) {
        Some(at) => (Some(&value[..at]), &value[at + 1..]),
        None => (None, value),
    }
}

/// As [`last_of_list`], for commas outside quoted strings.
fn last_of_quoted_list(value: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match unquoted(value, b',').last_place() {
        Some(at) => (Some(&value[..at]), &value[at + 1..]),
        None => (None, value),
    }
}

/// Places of a byte outside quoted strings, from the right.
fn unquoted(value: &[u8], wanted: u8) -> Unquoted<'_> {
    Unquoted { rest: value, wanted, quoted: false }
}

struct Unquoted<'v> {
    rest: &'v [u8],
    wanted: u8,
    quoted: bool,
}

impl Unquoted<'_> {
    fn last_place(mut self) -> Option<usize> {
        self.next()
    }
}

impl Iterator for Unquoted<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while let Some((&byte, left)) = self.rest.split_last() {
            self.rest = left;
            if byte == b'"' {
                // Escaped if an odd number of backslashes stands before it, which only counts inside a string.
                let backslashes = left.iter().rev().take(MAX_ENTRY).take_while(|&&byte| byte == b'\\').count();
                self.quoted ^= !(self.quoted && backslashes % 2 == 1);
            } else if byte == self.wanted && !self.quoted {
                return Some(left.len());
            }
        }
        None
    }
}

/// The address of the `for` parameter of one element of `Forwarded`; there must be exactly one.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    if element.len() > MAX_ENTRY {
        return None;
    }
    let mut found = None;
    let mut end = element.len();
    let semicolons: Vec<usize> = unquoted(element, b';').collect();
    for begin in semicolons.into_iter().map(|at| at + 1).chain([0]) {
        let pair = &element[begin..end];
        end = begin.saturating_sub(1);
        let Some(at) = memchr::memchr(b'=', pair) else { continue };
        if pair[..at].trim_ascii().eq_ignore_ascii_case(b"for") && found.replace(address(&pair[at + 1..])).is_some() {
            return None;
        }
    }
    found.flatten()
}

/// One address as proxies write it: bare, in quotes, in brackets, with a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim_ascii();
    if text.len() > MAX_ENTRY {
        return None;
    }
    let text = match text.strip_prefix('"') {
        Some(opened) => opened.strip_suffix('"')?.trim_ascii(),
        None => text,
    };
    let parsed = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (address, after) = bracketed.split_once(']')?;
            if !after.is_empty() && !is_port(after.strip_prefix(':')?) {
                return None;
            }
            IpAddr::V6(address.parse::<Ipv6Addr>().ok()?)
        }
        None => match text.split_once(':') {
            Some((address, port)) if !port.contains(':') => {
                if !is_port(port) {
                    return None;
                }
                IpAddr::V4(address.parse::<Ipv4Addr>().ok()?)
            }
            _ => text.parse().ok()?,
        },
    };
    Some(parsed.to_canonical())
}

/// A port, or an obfuscated one of `Forwarded` (`_x`).
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        }
        None => (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn rules(header: ClientIpHeader) -> ClientIp {
        let trusted_proxies = ["10.0.0.0/8", "2001:db8:a::/48", "::ffff:192.0.2.0/120"];
        ClientIp { trusted_proxies: trusted_proxies.iter().map(|text| text.parse().unwrap()).collect(), header }
    }

    fn check(header: &ClientIpHeader, peer: &str, values: &[&str], expected: &str) {
        let name = match header {
            ClientIpHeader::XForwardedFor => "x-forwarded-for",
            ClientIpHeader::Forwarded => "forwarded",
            ClientIpHeader::Single(name) => name,
        };
        let mut headers = HeaderMap::new();
        for value in values {
            headers
                .append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let found = client_ip(&rules(header.clone()), peer.parse().unwrap(), &headers);
        assert_eq!(found.to_string(), expected, "{peer} {values:?}");
    }

    #[test]
    fn a_neighbour_that_is_not_believed_is_noticed_and_the_internet_is_not() {
        let headers: HeaderMap =
            [("x-forwarded-for".parse().unwrap(), "203.0.113.7".parse().unwrap())].into_iter().collect();
        let none = ClientIp::default();
        let noticed = |rules: &ClientIp, peer: &str, headers: &HeaderMap| {
            is_untrusted_neighbour(rules, peer.parse().unwrap(), headers)
        };
        for (peer, expected) in
            [("127.0.0.1", true), ("10.1.2.3", true), ("::1", true), ("::ffff:10.0.0.1", true), ("203.0.113.1", false)]
        {
            assert_eq!(noticed(&none, peer, &headers), expected, "{peer}");
        }
        assert!(!noticed(&none, "127.0.0.1", &HeaderMap::new()));
        let trusting = ClientIp { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..ClientIp::default() };
        assert!(!noticed(&trusting, "127.0.0.1", &headers));
    }

    #[test]
    fn a_list_is_counted_from_the_right_over_trusted_proxies() {
        let list = ClientIpHeader::XForwardedFor;
        for (peer, values, expected) in [
            ("10.0.0.1", &["203.0.113.7"][..], "203.0.113.7"),
            ("10.0.0.1", &["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["6.6.6.6, 203.0.113.7, 10.1.1.1"], "203.0.113.7"),
            ("10.0.0.1", &["6.6.6.6, 203.0.113.7", "10.1.1.1"], "203.0.113.7"),
            ("10.0.0.1", &["6.6.6.6", "203.0.113.7,10.1.1.1,10.2.2.2"], "203.0.113.7"),
            ("203.0.113.9", &["6.6.6.6"], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["10.3.3.3"], "10.3.3.3"),
            ("10.0.0.1", &["6.6.6.6, garbage, 10.1.1.1"], "10.1.1.1"),
            ("10.0.0.1", &["6.6.6.6, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["6.6.6.6, , 10.1.1.1"], "10.1.1.1"),
            ("10.0.0.1", &["203.0.113.7:567"], "203.0.113.7"),
            ("10.0.0.1", &["[2001:db8::1]:80"], "2001:db8::1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["\"[2001:db8::1]\""], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:203.0.113.7"], "203.0.113.7"),
            ("::ffff:10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("192.0.2.8", &["203.0.113.7"], "203.0.113.7"),
            ("2001:db8:a::9", &["203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["203.0.113.7:x"], "10.0.0.1"),
            ("10.0.0.1", &["[2001:db8::1]x"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.007"], "10.0.0.1"),
        ] {
            check(&list, peer, values, expected);
        }
    }

    #[test]
    fn forwarded_is_read_from_the_right_whatever_quotes_the_client_opened() {
        let forwarded = ClientIpHeader::Forwarded;
        for (values, expected) in [
            (&["for=203.0.113.7"][..], "203.0.113.7"),
            (&["for=6.6.6.6, For=\"203.0.113.7:80\";proto=https;by=10.0.0.1"], "203.0.113.7"),
            (&["proto=http; for=\"[2001:db8::1]:4711\" ;host=\"a,b;for=6.6.6.6\""], "2001:db8::1"),
            (&["for=203.0.113.7", "for=10.1.1.1"], "203.0.113.7"),
            (&["for=\", for=203.0.113.7"], "203.0.113.7"),
            (&["for=\"6.6.6.6\\\", for=10.1.1.1"], "10.1.1.1"),
            (&["for=6.6.6.6, for=_hidden"], "10.0.0.1"),
            (&["for=6.6.6.6, for=unknown"], "10.0.0.1"),
            (&["for=6.6.6.6, proto=https"], "10.0.0.1"),
            (&["for=203.0.113.7;for=6.6.6.6"], "10.0.0.1"),
            (&["for=\"203.0.113.7:_port\""], "203.0.113.7"),
        ] {
            check(&forwarded, "10.0.0.1", values, expected);
        }
    }

    #[test]
    fn a_single_address_is_the_last_one_given_to_a_trusted_peer() {
        let single = ClientIpHeader::Single("cf-connecting-ip".into());
        check(&single, "10.0.0.1", &["203.0.113.7"], "203.0.113.7");
        check(&single, "10.0.0.1", &["6.6.6.6", "203.0.113.7"], "203.0.113.7");
        check(&single, "10.0.0.1", &["nonsense"], "10.0.0.1");
        check(&single, "10.0.0.1", &[], "10.0.0.1");
        check(&single, "203.0.113.9", &["6.6.6.6"], "203.0.113.9");
    }

    #[test]
    fn a_long_chain_is_walked_so_far_and_no_further() {
        let chain = format!("203.0.113.7{}", ", 10.0.0.2".repeat(MAX_HOPS));
        check(&ClientIpHeader::XForwardedFor, "10.0.0.1", &[&chain], "10.0.0.2");
    }

    proptest! {
        #[test]
        fn what_a_client_writes_never_changes_what_its_proxy_appended(written in "[ -~]{0,60}", quoted in any::<bool>()) {
            let (header, name, own) = if quoted {
                (ClientIpHeader::Forwarded, "forwarded", "for=203.0.113.7")
            } else {
                (ClientIpHeader::XForwardedFor, "x-forwarded-for", "203.0.113.7")
            };
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_str(&format!("{written}, {own}")).unwrap());
            let found = client_ip(&rules(header), "10.0.0.1".parse().unwrap(), &headers);
            prop_assert_eq!(found.to_string(), "203.0.113.7");
        }
    }
}
