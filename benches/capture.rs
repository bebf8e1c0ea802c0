//! What capture costs on the request path: bodies as browsers send them, and identities as visitors type them.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, Version};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use tollgate::config::settings::{DeviceCookie, FieldSource, IdentityRules};
use tollgate::engine::attempt::{Field, Network};
use tollgate::engine::pattern::Glob;
use tollgate::engine::time::Timestamp;
use tollgate::gateway::appearance::{Way, appearance};
use tollgate::gateway::device::{Devices, Standing};
use tollgate::gateway::form::{Values, Wanted};
use tollgate::gateway::identity::{IdentityKey, Keys, PasswordKey};
use tollgate::gateway::pace::Paces;
use tollgate::gateway::{fields, headers, identity};
use tollgate::secrets::{Secrets, SystemRandomness};

type Fields = Vec<(Field, Vec<FieldSource>)>;

fn keys() -> Keys {
    Keys::new(&IdentityKey::new([1; 32]), &PasswordKey::new([2; 32]))
}

fn field_map(source: fn(Box<str>) -> FieldSource, account: &str, password: &str) -> Fields {
    vec![(Field::Account, vec![source(account.into())]), (Field::Password, vec![source(password.into())])]
}

fn typed(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type))])
}

fn picture_form() -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in [("login", "alice@example.com"), ("password", "correct horse")] {
        let part = format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    body.extend_from_slice(b"--XX\r\nContent-Disposition: form-data; name=\"p\"; filename=\"p.jpg\"\r\n\r\n");
    // Noise as of a compressed picture, the same in every run.
    let mut state = 1u64;
    body.extend((0..1 << 20).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    }));
    body.extend_from_slice(b"\r\n--XX--\r\n");
    body
}

fn bodies(c: &mut Criterion) {
    let keys = keys();
    let form = field_map(FieldSource::Form, "login", "password");
    let json = field_map(FieldSource::Json, "/login", "/password");
    let cases: [(&str, &Fields, HeaderMap, Vec<u8>); 3] = [
        (
            "urlencoded_60_bytes",
            &form,
            typed("application/x-www-form-urlencoded"),
            b"csrf=4f1c02&login=alice%40example.com&password=correct+horse".to_vec(),
        ),
        (
            "json",
            &json,
            typed("application/json"),
            br#"{"login":"alice@example.com","password":"correct horse","remember":true}"#.to_vec(),
        ),
        ("multipart_1_mib_picture", &form, typed("multipart/form-data; boundary=XX"), picture_form()),
    ];
    for (name, fields, headers, body) in &cases {
        let wanted = Wanted::of_fields(fields);
        let mut group = c.benchmark_group(format!("capture/{name}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("read_body", |b| {
            b.iter(|| {
                let mut values = Values::new(&wanted);
                values.read_body(black_box(headers), black_box(body)).is_ok()
            });
        });
        group.bench_function("whole", |b| {
            b.iter(|| {
                let mut values = Values::new(&wanted);
                let read = values.read_body(black_box(headers), black_box(body)).is_ok();
                let captured = fields::read(fields, IdentityRules::default(), &values, headers, &keys, &|_| None);
                (read, captured.identity.account)
            });
        });
        group.finish();
    }
}

fn identities(c: &mut Criterion) {
    let keys = keys();
    for (name, text) in [
        ("name", "JohnSmith84"),
        ("gmail", "J.ohn.Smith+shop@GoogleMail.com"),
        ("unicode", "M\u{fc}ller@M\u{fc}ller.de"),
    ] {
        c.bench_function(&format!("identity/{name}"), |b| {
            b.iter(|| identity::account(black_box(text), IdentityRules::default()).map(|found| keys.account(&found)));
        });
    }
    c.bench_function("identity/email_problem", |b| {
        b.iter(|| identity::problem(black_box("john.smith84@mail.example.co.uk"), black_box("mail.example.co.uk")));
    });
    for (name, text) in [("name", "john.smith84@gmail.com"), ("thrown", "x7k2m9qpzz@mail.example.co.uk")] {
        let Some(address) = identity::email(text, IdentityRules::default()) else { continue };
        c.bench_function(&format!("identity/composition_{name}"), |b| {
            b.iter(|| identity::composition(black_box(text), &address, &keys));
        });
    }
    let mut browser = typed("application/x-www-form-urlencoded");
    for (name, value) in [
        ("host", "shop.example"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
        ),
        ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "de-DE,de;q=0.9,en;q=0.8"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("sec-fetch-mode", "navigate"),
        ("sec-ch-ua-mobile", "?0"),
        ("cookie", "session=0123456789abcdef"),
    ] {
        browser.insert(name, HeaderValue::from_static(value));
    }
    c.bench_function("headers/fingerprint", |b| {
        b.iter(|| headers::fingerprint(Version::HTTP_2, black_box(&browser), None));
    });
    browser.insert(
        "sec-ch-ua",
        HeaderValue::from_static(r#""Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99""#),
    );
    browser.insert("sec-ch-ua-platform", HeaderValue::from_static("\"Linux\""));
    let (way, ip) = (Way { secure: true, own_tls: true, direct: true }, std::net::IpAddr::from([203, 0, 113, 7]));
    c.bench_function("headers/appearance", |b| {
        b.iter(|| appearance(&http::Method::POST, Version::HTTP_2, black_box(&browser), None, way, ip));
    });
    let raw: Vec<u8> = std::iter::once("POST /login HTTP/1.1\r\n".to_owned())
        .chain(browser.iter().map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap_or_default())))
        .flat_map(String::into_bytes)
        .collect();
    c.bench_function("headers/appearance_of_raw", |b| {
        b.iter(|| appearance(&http::Method::POST, Version::HTTP_11, black_box(&browser), Some(&raw), way, ip));
    });
    let paces = Paces::default();
    let mut at = 1_795_338_000_000;
    c.bench_function("pace/note", |b| {
        b.iter(|| {
            at += 3_000;
            paces.note(Network::from(ip), black_box(at % 60_000), None, Timestamp(at))
        });
    });
}

/// What the device cookie costs: a request that brings one, one that does not, and a request on no route, whose address is
/// looked up among the pages of ten thousand others.
fn devices(c: &mut Criterion) {
    const NOW: Timestamp = Timestamp(1_795_338_000_000);
    let secrets = Arc::new(Secrets::ephemeral(Arc::new(SystemRandomness)).unwrap_or_else(|error| panic!("{error}")));
    let settings =
        DeviceCookie { name: "tollgate_device".into(), max_age: Duration::from_secs(400 * 86_400), domain: None };
    let globs: Vec<Glob> = (0..10_000).map(|page| Glob::new(&format!("/shop{page}/login*"))).collect();
    let devices = Devices::new(Some(&settings), globs.iter(), secrets);
    let keys = keys();
    let mut headers = typed("text/html");
    headers.insert(http::header::COOKIE, HeaderValue::from_static("session=0123456789abcdef; theme=dark"));
    let without = headers.clone();
    let fresh = devices.read(&without, true, NOW);
    let set = devices.answer(&fresh, Standing::default(), NOW).unwrap_or_default();
    let pair = set.split(';').next().unwrap_or_default();
    let value = HeaderValue::try_from(format!("session=0123456789abcdef; {pair}; theme=dark"));
    headers.insert(http::header::COOKIE, value.unwrap_or_else(|error| panic!("{error}")));
    assert!(devices.read(&headers, true, NOW).token.is_some());
    c.bench_function("device/read", |b| {
        b.iter(|| devices.read(black_box(&headers), true, NOW).presented(&keys));
    });
    c.bench_function("device/read_none", |b| {
        b.iter(|| devices.read(black_box(&without), true, NOW).presented(&keys));
    });
    c.bench_function("device/issue", |b| {
        b.iter(|| devices.answer(black_box(&fresh), Standing::default(), NOW));
    });
    c.bench_function("device/is_page_of_10000", |b| {
        b.iter(|| {
            devices.is_page(black_box("/assets/application.js")) || devices.is_page(black_box("/shop777/basket"))
        });
    });
}

criterion_group!(benches, bodies, identities, devices);
criterion_main!(benches);
