//! Any body as JSON: refused exactly where `serde_json` refuses it (but for what the code says it does otherwise), and
//! where no key stands twice, the values are those that `serde_json` has.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tollgate::gateway::form::{Oddity, Reading, Unreadable, Values};
use tollgate_fuzz::forms::{EVERYTHING, POINTERS, exact, read};
use tollgate_fuzz::json::{depth, unambiguous};

fuzz_target!(|body: &[u8]| {
    let (verdict, values) = read(&EVERYTHING, "application/json", body);
    let elsewhere = serde_json::from_slice::<Value>(body);
    match (verdict, &elsewhere) {
        (Ok(()), Ok(_)) | (Err(_), Err(_)) => {}
        (Ok(()), Err(error)) => {
            let excused = body.is_empty()
                || values.odd().contains(Oddity::ByteOrderMark)
                || body.windows(2).any(|pair| pair == b"\\u")
                || error.to_string().starts_with("number out of range");
            assert!(excused, "{error}: {}", body.escape_ascii());
        }
        (Err(Unreadable::Depth), Ok(value)) => assert!(depth(value) > 64),
        (Err(Unreadable::TooManyFields), Ok(_)) => assert!(body.len() > 10_000),
        (Err(Unreadable::ValueTooLong), Ok(_)) => assert!(body.len() > 16 * 1024),
        (Err(other), Ok(_)) => panic!("{other}: {}", body.escape_ascii()),
    }
    if let (Ok(()), Some(document)) = (verdict, unambiguous(body)) {
        POINTERS.iter().for_each(|pointer| agree(&values, pointer, document.pointer(pointer)));
    }
});

fn text(reading: &Reading) -> &str {
    reading.as_ref()
}

fn agree(values: &Values, pointer: &str, expected: Option<&Value>) {
    let Some(found) = exact(values.json(pointer)) else { return };
    match (expected, found.as_slice()) {
        (None | Some(Value::Null | Value::Array(_) | Value::Object(_)), []) => {}
        (Some(Value::String(string)), [one]) => assert_eq!(text(one), string),
        (Some(Value::Bool(flag)), [one]) => assert_eq!(text(one), flag.to_string()),
        (Some(number @ Value::Number(_)), [one]) => {
            assert_eq!(serde_json::from_str::<Value>(text(one)).as_ref().ok(), Some(number));
        }
        (expected, found) => panic!("{pointer}: {} readings of {expected:?}", found.len()),
    }
}
