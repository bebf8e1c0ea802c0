//! Any body as a form, and any query: the values are those that `form_urlencoded` reads (as browsers and most
//! frameworks do), and a body is refused for a stated reason only.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate::gateway::form::{Oddity, Reading, Unreadable, Values};
use tollgate_fuzz::forms::{EVERYTHING, FORMS, NAMES, exact, read};

const TYPE: &str = "application/x-www-form-urlencoded";

fuzz_target!(|body: &[u8]| {
    let (verdict, values) = read(&FORMS, TYPE, body);
    match verdict {
        Ok(()) => NAMES.iter().for_each(|name| agree(values.form(name), body, name)),
        Err(Unreadable::TooManyFields) => assert!(body.len() >= 10_000),
        Err(Unreadable::ValueTooLong) => assert!(body.len() > 16 * 1024),
        Err(Unreadable::Charset) => assert!(form_urlencoded::parse(body).any(|(name, _)| name == "_charset_")),
        Err(other) => panic!("{other}"),
    }
    let mut query = Values::new(&FORMS);
    query.read_query(body);
    if !query.odd().contains(Oddity::Query) {
        NAMES.iter().for_each(|name| agree(query.query(name), body, name));
    }
    // The same body where JSON is asked for as well.
    let _any = read(&EVERYTHING, TYPE, body);
});

fn agree(readings: &[Reading], body: &[u8], name: &str) {
    let Some(found) = exact(readings) else { return };
    let expected: Vec<_> =
        form_urlencoded::parse(body).filter(|(key, _)| key == name).map(|(_, value)| value).collect();
    assert_eq!(found.len(), expected.len(), "{name} in {}", body.escape_ascii());
    for (found, expected) in found.iter().zip(expected) {
        // Bytes that are no UTF-8 are letters here, and replaced there.
        if !found.odd().contains(Oddity::Utf8) {
            assert_eq!(AsRef::<str>::as_ref(*found), &*expected, "{name} in {}", body.escape_ascii());
        }
    }
}
