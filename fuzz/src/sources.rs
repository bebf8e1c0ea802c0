//! A file through the readers of `explain`.

use tollgate::gateway::rehearsal::source::{Kind, Message, Source, read};

/// Reads the file, twice: the answer is the same. An error names a line of it; what was read is one request, whose head
/// cannot hold more headers than its author wrote.
pub fn check(kind: Kind, text: &[u8]) -> Option<Source> {
    let (once, twice) = (read(text, Some(kind), None), read(text, Some(kind), None));
    assert_eq!(once, twice);
    match once {
        Ok(source) => {
            assert_eq!(source.kind, kind);
            if let Message::Http2(parts) = &source.message {
                assert!(!parts.target.contains([' ', '\r', '\n']));
                assert!(
                    parts.headers.iter().all(|(_, value)| !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)))
                );
            }
            Some(source)
        }
        Err(error) => {
            let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
            assert!(error.line <= lines && !error.message.is_empty());
            None
        }
    }
}
