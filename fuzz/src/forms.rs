//! A body through the gate's own parsers.

use http::{HeaderMap, HeaderValue};
use std::sync::LazyLock;
use tollgate::gateway::form::{Kin, Place, Reading, Unreadable, Values, Wanted};

/// The names that are asked for in forms and queries.
pub const NAMES: [&str; 2] = ["login", "user[password]"];
/// The pointers that are asked for in JSON.
pub const POINTERS: [&str; 3] = ["/login", "/user/password", "/list/0"];

/// Most readings of one value: 32, and those joined.
const MOST_READINGS: usize = 33;
const LONGEST_VALUE: usize = 16 * 1024;

/// Only forms: a body that looks like JSON is a form all the same.
pub static FORMS: LazyLock<Wanted> =
    LazyLock::new(|| Wanted::new(NAMES.iter().flat_map(|name| [(Place::Form, *name), (Place::Query, *name)])));
/// Everything at once.
pub static EVERYTHING: LazyLock<Wanted> = LazyLock::new(|| {
    let forms = NAMES.iter().flat_map(|name| [(Place::Form, *name), (Place::Query, *name)]);
    Wanted::new(forms.chain(POINTERS.iter().map(|pointer| (Place::Json, *pointer))))
});

/// Reads the body, twice: the answer is the same, and bounded.
pub fn read(wanted: &Wanted, content_type: &'static str, body: &[u8]) -> (Result<(), Unreadable>, Values) {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(content_type));
    let read = || {
        let mut values = Values::new(wanted);
        let verdict = values.read_body(&headers, body);
        (verdict, values)
    };
    let (once, twice) = (read(), read());
    assert_eq!(once.0, twice.0);
    assert_eq!(once.1.odd(), twice.1.odd());
    for name in NAMES {
        check(once.1.form(name), twice.1.form(name));
    }
    for pointer in POINTERS {
        check(once.1.json(pointer), twice.1.json(pointer));
    }
    once
}

fn check(once: &[Reading], twice: &[Reading]) {
    assert!(once.iter().map(AsRef::as_ref).eq(twice.iter().map(AsRef::<str>::as_ref)));
    assert!(once.len() <= MOST_READINGS);
    assert!(once.iter().all(|reading| reading.as_ref().len() <= LONGEST_VALUE));
}

/// The values under exactly this name, if all of them were kept.
pub fn exact(readings: &[Reading]) -> Option<Vec<&Reading>> {
    (readings.len() < MOST_READINGS - 1)
        .then(|| readings.iter().filter(|reading| reading.kin() == Kin::Exact).collect())
}
