//! Anything that a client writes: no panic, and it never changes what its proxy appended.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use std::net::{IpAddr, Ipv4Addr};
use tollgate::config::settings::{ClientIp, ClientIpHeader};
use tollgate::gateway::client_ip::client_ip;

const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

fuzz_target!(|written: &[u8]| {
    for (header, name, appended) in [
        (ClientIpHeader::XForwardedFor, "x-forwarded-for", ", 203.0.113.7"),
        (ClientIpHeader::Forwarded, "forwarded", ", for=203.0.113.7"),
        (ClientIpHeader::Single("x-real-ip".into()), "x-real-ip", ", 203.0.113.7"),
    ] {
        let rules = ClientIp { trusted_proxies: vec![PROXY.into()], header };
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(written) {
            headers.insert(name, value);
            client_ip(&rules, PROXY, &headers);
        }
        if let Ok(value) = HeaderValue::from_bytes(&[written, appended.as_bytes()].concat()) {
            headers.insert(name, value);
            assert_eq!(client_ip(&rules, PROXY, &headers), CLIENT);
        }
    }
});
