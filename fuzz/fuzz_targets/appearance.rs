//! Any values of the headers that are compared: no panic, and a list of brands reads the same behind blanks.
#![no_main]

use http::{HeaderMap, HeaderValue, Method, Version};
use libfuzzer_sys::fuzz_target;
use std::net::{IpAddr, Ipv4Addr};
use tollgate::engine::appearance::Appearance;
use tollgate::gateway::appearance::{Way, appearance};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
const NAMES: [&str; 12] = [
    "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "accept", "accept-encoding", "accept-language", "sec-fetch-mode",
    "sec-fetch-site", "sec-fetch-user", "x-forwarded-for", "forwarded", "origin",
];

fn seen(headers: &HeaderMap, head: Option<&[u8]>) -> Appearance {
    let way = Way { secure: false, own_tls: false, direct: true };
    appearance(&Method::POST, Version::HTTP_11, headers, head, way, CLIENT)
}

fuzz_target!(|head: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n').take(40) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let known = NAMES.iter().find(|name| name.as_bytes().eq_ignore_ascii_case(&line[..colon]));
        if let (Some(name), Ok(value)) = (known, HeaderValue::from_bytes(&line[colon + 1..])) {
            headers.append(*name, value);
        }
    }
    let plain = seen(&headers, Some(head));
    if headers.get_all("sec-ch-ua").iter().count() == 1 {
        let padded = HeaderValue::from_bytes(&[b"  ", headers["sec-ch-ua"].as_bytes(), b" "].concat());
        headers.insert("sec-ch-ua", padded.expect("blanks around what may be a value"));
        assert_eq!(seen(&headers, Some(head)).hints, plain.hints);
    }
});
