//! Any target: whatever a server may take for a protected path is recognised. The servers here differ in how often they
//! decode, when they drop `;parameters`, and whether a backslash is a slash; each is a few lines that cannot be wrong.
#![no_main]

use http::HeaderMap;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tollgate::config::settings::{Matching, PathPattern};
use tollgate::gateway::recognize::{Head, Routes, specimen};

static ROUTES: LazyLock<Routes> = LazyLock::new(|| {
    let route = |path| {
        specimen::route("route", Matching { methods: vec!["POST".into()], path, hosts: None, values: Vec::new() })
    };
    Routes::new(&[
        route(PathPattern::Exact("/accounts/login".into())),
        route(PathPattern::Prefix("/api/auth/".into())),
        route(PathPattern::Glob("/shop/*/checkout".into())),
    ])
});

fn is_recognised(target: &[u8]) -> bool {
    let headers = HeaderMap::new();
    let head = Head { method: "POST", target, authority: None, headers: &headers, has_body: true, peer_is_trusted: false };
    ROUTES.candidates(&head).is_some_and(|candidates| candidates.settle(&()).is_some())
}

fuzz_target!(|target: &[u8]| {
    let recognised = is_recognised(target);
    for server in Server::all() {
        assert!(recognised || !server.reaches(target), "{server:?}: {}", target.escape_ascii());
    }
    let plain = target.is_ascii() && !target.iter().any(|byte| matches!(byte, b'?' | b'%'));
    if let (true, true, [b'/', rest @ ..]) = (recognised, plain, target) {
        let escaped: String = rest.iter().map(|byte| format!("%{byte:02x}")).collect();
        assert!(is_recognised(format!("/{escaped}").as_bytes()), "{}", target.escape_ascii());
    }
});

/// How some server routes.
#[derive(Debug)]
struct Server {
    parameters_dropped_first: bool,
    decodings: usize,
    parameters_dropped_last: bool,
    backslash_is_slash: bool,
}

impl Server {
    fn all() -> impl Iterator<Item = Server> {
        (0..24).map(|number| Server {
            parameters_dropped_first: number & 1 != 0,
            parameters_dropped_last: number & 2 != 0,
            backslash_is_slash: number & 4 != 0,
            decodings: number >> 3,
        })
    }

    fn reaches(&self, target: &[u8]) -> bool {
        let Some(path) = target.split(|byte| *byte == b'?').next().filter(|path| path.starts_with(b"/")) else {
            return false;
        };
        let mut path = path.to_vec();
        if self.parameters_dropped_first {
            path = without_parameters(&path);
        }
        for _ in 0..self.decodings {
            path = decoded(&path);
        }
        if self.backslash_is_slash {
            path.iter_mut().filter(|byte| **byte == b'\\').for_each(|byte| *byte = b'/');
        }
        if self.parameters_dropped_last {
            path = without_parameters(&path);
        }
        let mut segments: Vec<&[u8]> = Vec::new();
        for segment in path.split(|byte| *byte == b'/') {
            match segment {
                b"" | b"." => {}
                b".." => drop(segments.pop()),
                other => segments.push(other),
            }
        }
        let is = |segment: &[u8], text: &str| segment.eq_ignore_ascii_case(text.as_bytes());
        match segments.as_slice() {
            [accounts, login] if is(accounts, "accounts") && is(login, "login") => true,
            [api, auth, _, ..] if is(api, "api") && is(auth, "auth") => true,
            [shop, _, checkout] => is(shop, "shop") && is(checkout, "checkout"),
            _ => false,
        }
    }
}

fn without_parameters(path: &[u8]) -> Vec<u8> {
    let segments = path.split(|byte| *byte == b'/');
    let kept = segments.map(|segment| segment.split(|byte| *byte == b';').next().unwrap_or_default());
    kept.collect::<Vec<_>>().join(&b'/')
}

fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, after)) = rest.split_first() {
        let escape = match rest {
            [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                std::str::from_utf8(&rest[1..3]).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok())
            }
            _ => None,
        };
        out.push(escape.unwrap_or(*byte));
        rest = if escape.is_some() { &rest[3..] } else { after };
    }
    out
}
