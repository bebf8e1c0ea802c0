//! Any target: no panic, and whatever is recognised stays recognised under one more layer of escapes.
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
    let head = Head { method: "POST", target, authority: None, headers: &headers, has_body: true };
    ROUTES.candidates(&head).is_some_and(|candidates| candidates.settle(&()).is_some())
}

fuzz_target!(|target: &[u8]| {
    let recognised = is_recognised(target);
    let plain = target.is_ascii() && !target.iter().any(|byte| matches!(byte, b'?' | b'%'));
    if let (true, true, [b'/', rest @ ..]) = (recognised, plain, target) {
        let escaped: String = rest.iter().map(|byte| format!("%{byte:02x}")).collect();
        assert!(is_recognised(format!("/{escaped}").as_bytes()), "{}", target.escape_ascii());
    }
});
