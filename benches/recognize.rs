//! What recognition costs a request, with few routes and with many: the price that every request pays, protected or not.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use std::hint::black_box;
use std::sync::Arc;
use tollgate::config::settings::{Matching, PathPattern, Route};
use tollgate::engine::pattern::Globs;
use tollgate::gateway::recognize::{Head, Routes, headers_to_remove, specimen};

fn post(path: PathPattern) -> Matching {
    Matching { methods: vec!["POST".into()], path, hosts: None, values: Vec::new() }
}

/// One login under test among `count` routes of all kinds, as many applications behind one gate would have them.
fn routes(count: usize) -> Routes {
    let other = |number: usize| {
        let path = match number % 4 {
            0 => PathPattern::Exact(format!("/app{number}/login").into()),
            1 => PathPattern::Prefix(format!("/app{number}/account").into()),
            2 => PathPattern::Glob(format!("/app{number}/*/checkout").into()),
            _ => PathPattern::Exact(format!("/app{number}/password/reset").into()),
        };
        specimen::route(&number.to_string(), post(path))
    };
    let login = specimen::route("login", post(PathPattern::Exact("/accounts/login".into())));
    let all: Vec<Arc<Route>> = (1..count).map(other).chain([login]).collect();
    Routes::new(&all)
}

/// One address on very many hosts.
fn tenants(count: usize) -> Routes {
    let tenant = |number: usize| {
        let mut matching = post(PathPattern::Exact("/login".into()));
        matching.hosts = Some(Globs::new([format!("shop{number}.example")]));
        specimen::route(&number.to_string(), matching)
    };
    Routes::new(&(0..count).map(tenant).collect::<Vec<_>>())
}

/// One address on very many hosts, below one wildcard each.
fn wildcard_tenants(count: usize) -> Routes {
    let tenant = |number: usize| {
        let mut matching = post(PathPattern::Exact("/login".into()));
        matching.hosts = Some(Globs::new([format!("*.shop{number}.example"), format!("shop{number}.*")]));
        specimen::route(&number.to_string(), matching)
    };
    Routes::new(&(0..count).map(tenant).collect::<Vec<_>>())
}

/// Very many patterns that begin and end alike, so that no directory tells them apart.
fn patterns(count: usize, pattern: impl Fn(usize) -> PathPattern) -> Routes {
    let route = |number: usize| specimen::route(&number.to_string(), post(pattern(number)));
    Routes::new(&(0..count).map(route).collect::<Vec<_>>())
}

fn glob(number: usize) -> PathPattern {
    PathPattern::Glob(format!("/*/shop{number}/*/login").into())
}

#[expect(clippy::unwrap_used, reason = "a bench")]
fn regex(number: usize) -> PathPattern {
    PathPattern::Regex(regex::Regex::new(&format!("^(?:/v[0-9]+/shop{number}/(?:login|signin))$")).unwrap())
}

/// What a browser sends with a navigation.
fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "shop7.example"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
        ),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "en-GB,en;q=0.9"),
        ("accept-encoding", "gzip, deflate, br"),
        ("cookie", "session=0123456789abcdef0123456789abcdef"),
        ("referer", "https://shop7.example/"),
        ("origin", "https://shop7.example"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-dest", "document"),
        ("sec-ch-ua", "\"Chromium\";v=\"130\""),
        ("upgrade-insecure-requests", "1"),
        ("cache-control", "max-age=0"),
    ] {
        headers.insert(name, http::HeaderValue::from_static(value));
    }
    headers
}

fn recognize(criterion: &mut Criterion) {
    let headers = headers();
    let pathological = format!("/{}", "%2e%2e%2f;x\\..%00./ /".repeat(300));
    let mut group = criterion.benchmark_group("recognize");
    for count in [10, 10_000] {
        let routes = routes(count);
        for (name, method, target) in [
            ("unprotected", "GET", "/products/blue-shirt/reviews?page=2&sort=newest"),
            ("unprotected_near", "GET", "/app2/account/orders/2024/index.html"),
            ("unprotected_escaped", "GET", "/images/photo%20of%20caf%C3%A9.jpg"),
            ("protected", "POST", "/accounts/login?next=/basket"),
            ("protected_disguised", "POST", "/x/%2e%2e//Accounts%2flogin;v=1/"),
            ("pathological", "POST", &pathological),
        ] {
            let head = Head {
                method,
                target: target.as_bytes(),
                authority: None,
                headers: &headers,
                has_body: method == "POST",
                peer_is_trusted: false,
            };
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| routes.candidates(black_box(&head)).is_some());
            });
        }
        let by_kind = [
            ("hosts", tenants(count), "/login"),
            ("wildcard_hosts", wildcard_tenants(count), "/login"),
            ("globs", patterns(count, glob), "/de/shop7/x/login"),
            ("regexes", patterns(count, regex), "/v2/shop7/signin"),
        ];
        for (kind, routes, target) in by_kind {
            for (name, method, target) in
                [("protected", "POST", target), ("unprotected", "GET", "/de/shop7/reviews/index.html")]
            {
                let head = Head {
                    method,
                    target: target.as_bytes(),
                    authority: None,
                    headers: &headers,
                    has_body: method == "POST",
                    peer_is_trusted: false,
                };
                assert_eq!(routes.candidates(&head).is_some(), method == "POST", "{kind}");
                group.bench_function(BenchmarkId::new(format!("{kind}_{name}"), count), |bencher| {
                    bencher.iter(|| routes.candidates(black_box(&head)).is_some());
                });
            }
        }
    }
    group.bench_function("headers_to_remove", |bencher| {
        bencher.iter(|| headers_to_remove(black_box(&headers), false).count());
    });
    group.finish();
}

criterion_group!(benches, recognize);
criterion_main!(benches);
