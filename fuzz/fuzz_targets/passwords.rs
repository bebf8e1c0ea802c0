//! Any bytes as a file of leaked passwords, as an answer of a range service, as a list and as a dump of them: nothing panics,
//! nothing is set aside that is not there, and what is taken from a list is found in the file that is built of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::{BufReader, Cursor};
use tollgate::gateway::leaks::Suffixes;
use tollgate::intel::passwords::sources::{Format, Reading, read};
use tollgate::intel::passwords::{Builder, Digest, Leaked, find};

/// The commonest passwords are embedded, and found without a file.
fn is_found(leaked: &Leaked, password: &[u8]) -> bool {
    find(Some(leaked), &Digest::of(password)).is_some()
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(leaked) = Leaked::read(bytes, bytes.len() as u64) {
        assert!(leaked.bytes() <= 2 * bytes.len() + 64);
        is_found(&leaked, bytes);
    }
    if let Some(suffixes) = Suffixes::parse(bytes) {
        assert!(suffixes.bytes() <= bytes.len() + 64);
    }
    for format in [Format::Text, Format::Range, Format::Auto] {
        for prefix in [None, Some(0xabcde)] {
            let reading = Reading { format, prefix, least: 1 };
            let mut keys = Vec::new();
            let whole = read(bytes, reading, |key| {
                keys.push(key);
                Ok(())
            });
            assert!(whole.is_err() || whole.is_ok_and(|tally| tally.taken == keys.len() as u64));
            let mut pieces = Vec::new();
            // What a file is, is told by its beginning: as much of it as is read at once.
            if format != Format::Auto {
                let _ = read(BufReader::with_capacity(7, bytes), reading, |key| {
                    pieces.push(key);
                    Ok(())
                });
                assert_eq!(pieces, keys);
            }
            if format == Format::Text && prefix.is_none() {
                built(bytes, &keys);
            }
        }
    }
});

fn built(bytes: &[u8], keys: &[u64]) {
    let mut builder = Builder::new(&std::env::temp_dir());
    keys.iter().for_each(|key| builder.add(*key).expect("held"));
    let mut file = Cursor::new(Vec::new());
    builder.finish(1, &mut file).expect("built");
    let file = file.into_inner();
    let leaked = Leaked::read(&file[..], file.len() as u64).expect("what was built is read");
    let plain = |line: &&[u8]| !line.is_empty() && line.len() < 1000 && !line.starts_with(b"$HEX[");
    // The first line may have a mark before it.
    for line in bytes.split(|byte| *byte == b'\n').skip(1).filter(plain) {
        let password = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(password.is_empty() || is_found(&leaked, password));
    }
}
