//! What follows the host in a call of the admin API: paths and queries have one reading, and a strict one.
//!
//! A value that was read is the one that a library for queries reads, and what was encoded by it comes back; cursors are
//! read as they are written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate::admin::api::records::Cursor;
use tollgate::admin::api::target::{pairs, segments};
use tollgate::engine::time::Timestamp;

fuzz_target!(|text: &str| {
    if let Ok(read) = pairs(text) {
        let other: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        assert_eq!(read, other, "{text:?}");
        let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(&read).finish();
        if let Ok(again) = pairs(&written) {
            assert_eq!(read, again, "{written:?}");
        }
    }
    if let Ok(read) = segments(text) {
        assert_eq!(read.len(), text.matches('/').count(), "{text:?}");
        assert!(read.iter().all(|segment| !segment.chars().any(char::is_control)));
    }
    if let Some(cursor) = Cursor::parse(text) {
        assert_eq!(Cursor::parse(&cursor.text()), Some(cursor), "{text:?}");
    }
    if let Some(at) = Timestamp::parse(text) {
        assert!(at.0 > 253_402_300_800_000 || Timestamp::parse(&at.to_string()) == Some(at), "{text:?}");
    }
});
