//! Any body as `multipart/form-data; boundary=XX`: where nothing about it is odd, `multer` (a parser that applications
//! use) either refuses it or reads the same values. What a second parser reads otherwise must have been marked.

#![no_main]

use bytes::Bytes;
use futures::executor::block_on;
use futures::stream;
use libfuzzer_sys::fuzz_target;
use tollgate_fuzz::forms::{EVERYTHING, NAMES, exact, read};

fuzz_target!(|body: &[u8]| {
    let (verdict, values) = read(&EVERYTHING, "multipart/form-data; boundary=XX", body);
    if verdict.is_err() || !values.odd().is_empty() || body.is_empty() {
        return;
    }
    let Some(parts) = block_on(parts(body)) else { return };
    for name in NAMES {
        let Some(found) = exact(values.form(name)) else { continue };
        // What may be a file, or in another charset, is marked value by value.
        if !values.form(name).iter().all(|reading| reading.odd().is_empty()) {
            continue;
        }
        let found: Vec<&[u8]> = found.iter().map(|reading| AsRef::<str>::as_ref(*reading).as_bytes()).collect();
        let expected: Vec<&[u8]> =
            parts.iter().filter(|part| part.name == name && !part.is_file).map(|part| &*part.content).collect();
        assert_eq!(found, expected, "{name} in {}", body.escape_ascii());
    }
});

struct Part {
    name: String,
    is_file: bool,
    content: Bytes,
}

async fn parts(body: &[u8]) -> Option<Vec<Part>> {
    let body = Bytes::copy_from_slice(body);
    let mut form = multer::Multipart::new(stream::iter([Ok::<_, std::io::Error>(body)]), "XX");
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await.ok()? {
        let (name, is_file) = (field.name().unwrap_or_default().to_owned(), field.file_name().is_some());
        parts.push(Part { name, is_file, content: field.bytes().await.ok()? });
    }
    Some(parts)
}
