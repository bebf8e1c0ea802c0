//! Any file as a curl command.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate::gateway::rehearsal::source::Kind;
use tollgate_fuzz::sources::check;

fuzz_target!(|text: &[u8]| {
    check(Kind::Curl, text);
});
