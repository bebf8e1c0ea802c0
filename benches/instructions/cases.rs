//! The stages of the request path, run a given number of times so that instructions can be counted.
//!
//! Time on a shared machine differs by a fifth from run to run; the number of instructions hardly differs at all, so that a
//! change of one part in a hundred shows. `run` counts each case under callgrind at two numbers of repetitions and takes
//! the slope: start-up, tables and whatever is made once fall out. The allocator is the program's own.
//!
//! `instructions` lists the cases; `instructions CASE TIMES` runs one.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::hint::black_box;
use std::sync::Arc;
use tollgate::config::settings::{FieldSource, IdentityRules, Matching, PathPattern};
use tollgate::engine::assessment::Model;
use tollgate::engine::attempt::Field;
use tollgate::engine::event::Event;
use tollgate::engine::evidence::Evidence;
use tollgate::engine::policy::{Names, Policy, standard};
use tollgate::engine::{decide, fixture};
use tollgate::gateway::fields;
use tollgate::gateway::form::{Values, Wanted};
use tollgate::gateway::identity::{IdentityKey, Keys, PasswordKey};
use tollgate::gateway::recognize::{Head, Routes, specimen};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A stage by name, and what runs it so many times.
type Case = (&'static str, fn(u64));

const CASES: [Case; 6] = [
    ("recognize/unprotected", |times| recognize(times, "GET", b"/catalogue/shoes?page=2")),
    ("recognize/protected", |times| recognize(times, "POST", b"/login")),
    ("capture/urlencoded", |times| capture(times, FieldSource::Form, ["login", "password"], URLENCODED)),
    ("capture/json", |times| capture(times, FieldSource::Json, ["/login", "/password"], JSON)),
    ("decide/quiet", |times| judge(times, &fixture::evidence())),
    ("decide/stuffing", |times| judge(times, &fixture::stuffing())),
];

const URLENCODED: (&str, &str) =
    ("application/x-www-form-urlencoded", "csrf=4f1c02&login=alice%40example.com&password=correct+horse");
const JSON: (&str, &str) =
    ("application/json", r#"{"login":"alice@example.com","password":"correct horse","remember":true}"#);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => list(),
        [name, times] => {
            let case = CASES.iter().find(|(known, _)| known == name);
            match (case, times.parse()) {
                (Some((_, run)), Ok(times)) => run(times),
                _ => usage(),
            }
        }
        _ => usage(),
    }
}

#[expect(clippy::print_stdout, reason = "the list is what was asked for")]
fn list() {
    CASES.iter().for_each(|(name, _)| println!("{name}"));
}

fn usage() -> ! {
    eprintln!("usage: instructions [CASE TIMES]");
    std::process::exit(64);
}

/// Form facts from a body and the route's field map: parsing, identities, keyed hashes.
fn capture(times: u64, source: fn(Box<str>) -> FieldSource, names: [&str; 2], (content_type, body): (&str, &str)) {
    let [account, password] = names.map(|name| vec![source(name.into())]);
    let map = [(Field::Account, account), (Field::Password, password)];
    let wanted = Wanted::of_fields(&map);
    let keys = Keys::new(&IdentityKey::new([1; 32]), &PasswordKey::new([2; 32]));
    let headers = headers(&[(header::CONTENT_TYPE, content_type)]);
    for _ in 0..times {
        let mut values = Values::new(&wanted);
        let read = values.read_body(black_box(&headers), black_box(body.as_bytes()));
        assert!(read.is_ok(), "{content_type} was not read");
        black_box(fields::read(&map, IdentityRules::default(), &values, &headers, &keys, &|_| None));
    }
}

/// The whole judgement under the built-in policy for logins.
fn judge(times: u64, evidence: &Evidence) {
    let policy =
        Policy::compile(standard(&Event::Login), &Names::new(Vec::new(), Vec::new()), Arc::new(Model::default()));
    let Ok(policy) = policy else { panic!("the built-in policy does not compile") };
    for _ in 0..times {
        black_box(decide(black_box(evidence), black_box(&policy)));
    }
}

/// What every request pays, protected or not.
fn recognize(times: u64, method: &str, target: &[u8]) {
    let login = Matching {
        methods: vec!["POST".into()],
        path: PathPattern::Exact("/login".into()),
        hosts: None,
        values: Vec::new(),
    };
    let routes = Routes::new(&[specimen::route("login", login)]);
    let headers = headers(&[
        (header::HOST, "shop.example"),
        (header::USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        (header::ACCEPT, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        (header::ACCEPT_LANGUAGE, "en-GB,en;q=0.5"),
        (header::ACCEPT_ENCODING, "gzip, deflate, br"),
        (header::REFERER, "https://shop.example/login"),
        (header::COOKIE, "basket=7f3a9c51; consent=1"),
    ]);
    let head =
        Head { method, target, authority: None, headers: &headers, has_body: method == "POST", peer_is_trusted: false };
    for _ in 0..times {
        black_box(routes.candidates(black_box(&head)).is_some());
    }
}

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    pairs.iter().map(|(name, text)| (name.clone(), value(text))).collect()
}
