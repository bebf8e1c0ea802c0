//! Any body as `multipart/form-data; boundary=XX`: no panic, no hang, and the same answer twice.

#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tollgate::gateway::form::{Place, Values, Wanted};

static WANTED: LazyLock<Wanted> = LazyLock::new(|| {
    Wanted::new([
        (Place::Form, "login"),
        (Place::Form, "user[password]"),
        (Place::Query, "login"),
        (Place::Json, "/login"),
        (Place::Json, "/user/password"),
        (Place::Json, "/list/0"),
    ])
});

fuzz_target!(|body: &[u8]| {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("multipart/form-data; boundary=XX"));
    let read = || {
        let mut values = Values::new(&WANTED);
        values.read_query(body);
        let verdict = values.read_body(&headers, body);
        let texts: Vec<String> = values.form("login").iter().map(|reading| reading.as_ref().to_owned()).collect();
        (verdict, texts, values.odd())
    };
    assert!(read() == read());
});
