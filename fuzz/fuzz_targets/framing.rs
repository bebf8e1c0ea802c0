//! Any HTTP/1 head: no panic, and what passes has at most one way to say where its body ends.
#![no_main]

use http::{HeaderMap, HeaderValue, Version, header};
use libfuzzer_sys::fuzz_target;
use tollgate::gateway::framing::check;
use tollgate::gateway::recognize::Head;

fuzz_target!(|raw: &[u8]| {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("shop.example"));
    let head = Head { method: "POST", target: b"/", authority: None, headers: &headers, has_body: true, peer_is_trusted: false };
    if check(Some(raw), &head, Version::HTTP_11, 32 * 1024).is_ok() {
        let count = |needle: &[u8]| raw.windows(needle.len()).filter(|window| *window == needle).count();
        assert!(raw.split(|byte| *byte == b'\n').filter(|line| frames(line)).count() <= 1, "{}", raw.escape_ascii());
        assert_eq!(count(b"\r"), count(b"\r\n"), "{}", raw.escape_ascii());
        assert_eq!(count(b"\n"), count(b"\r\n"), "{}", raw.escape_ascii());
    }
});

/// Whether some server takes this line for one that says where the body ends.
fn frames(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let name = name.trim_ascii().to_ascii_lowercase();
    let name: Vec<u8> = name.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte }).collect();
    matches!(name.as_slice(), b"content-length" | b"transfer-encoding")
}
