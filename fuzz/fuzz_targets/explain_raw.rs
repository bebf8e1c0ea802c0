//! Any file as a request's text: refused with a line that the file has, or read into what stays as it is when it is read
//! again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate::gateway::rehearsal::source::{Kind, Message, read};
use tollgate_fuzz::sources::check;

fuzz_target!(|text: &[u8]| {
    let Some(source) = check(Kind::Raw, text) else { return };
    if let Message::Http1(wire) = source.message {
        // What an editor did is undone once; what is on the wire is left alone.
        let again = read(&wire, Some(Kind::Raw), None).expect("what was made from a request is one");
        assert_eq!(again.message, Message::Http1(wire));
    }
});
