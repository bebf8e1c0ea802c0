//! What an operator has of a request: its text, a browser's recording, or a command line; and which of them it is.
//!
//! All three are read into one [`Message`], which is what a client would put on the wire: bytes for HTTP/1, which then go
//! through the very parser of the proxy, and fields for HTTP/2, which has no text. Whatever had to be assumed on the way is
//! a note that the explanation prints. The files are the operator's, and often enough they hold what an attacker sent: the
//! parsers are bounded, and never panic.

use super::{curl, har, raw};
use bytes::Bytes;
use std::fmt;

/// Largest file that is read. Recordings of a session run to tens of megabytes.
pub const LARGEST: usize = 64 * 1024 * 1024;

/// How a request was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Raw,
    Har,
    Curl,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Raw, Kind::Har, Kind::Curl];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Raw => "raw",
            Kind::Har => "har",
            Kind::Curl => "curl",
        }
    }

    /// By how the text begins.
    pub fn of(text: &[u8]) -> Kind {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
        let text = text.strip_prefix(b"$ ").unwrap_or(text);
        let word = text.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
        match word {
            _ if text.first() == Some(&b'{') => Kind::Har,
            b"curl" | b"curl.exe" => Kind::Curl,
            _ => Kind::Raw,
        }
    }
}

/// A request as read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub kind: Kind,
    pub message: Message,
    /// Whether the file tells that the connection is encrypted.
    pub tls: Option<bool>,
    /// What was assumed, in sentences.
    pub notes: Vec<String>,
}

/// A request on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Head and body as a client sends them.
    Http1(Bytes),
    Http2(Http2),
}

/// A request's fields, where there is no text of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Http2 {
    pub method: String,
    pub authority: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Bytes,
}

/// Why a file is no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError {
    /// From 1; 0: the file as a whole.
    pub line: usize,
    pub message: String,
    pub help: String,
    /// The command line is at fault, and not the file.
    pub is_usage: bool,
}

impl SourceError {
    pub fn at(line: usize, message: impl Into<String>, help: impl Into<String>) -> SourceError {
        SourceError { line, message: message.into(), help: help.into(), is_usage: false }
    }

    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> SourceError {
        SourceError { line: 0, message: message.into(), help: help.into(), is_usage: true }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}: ", self.line)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for SourceError {}

/// Reads a file. `kind` overrides what it looks like; `entry` (from 1) chooses in a recording.
pub fn read(text: &[u8], kind: Option<Kind>, entry: Option<usize>) -> Result<Source, SourceError> {
    if text.len() > LARGEST {
        let message = format!("the file is larger than {} MiB", LARGEST / 1024 / 1024);
        return Err(SourceError::at(0, message, "keep the one request that you ask about"));
    }
    let kind = kind.unwrap_or_else(|| Kind::of(text));
    if entry.is_some() && kind != Kind::Har {
        let message = format!("`--entry` chooses in a HAR file, and this is read as {}", kind.name());
        return Err(SourceError::usage(message, "leave it out, or write `--from har`"));
    }
    match kind {
        Kind::Raw => raw::read(text),
        Kind::Har => har::read(text, entry),
        Kind::Curl => curl::read(text),
    }
}

/// A request whose parts are known, from which the wire's text is made.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    pub method: String,
    pub authority: String,
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub http2: bool,
}

impl Parts {
    /// `line`: where the request stands in the file.
    pub fn message(self, line: usize, notes: &mut Vec<String>) -> Result<Message, SourceError> {
        let Parts { method, authority, target, mut headers, body, http2 } = self;
        let wrong = |what: &str| SourceError::at(line, what, "no client can send this: is the file complete?");
        if !super::is_token_text(&method) {
            return Err(wrong("the method is no word"));
        }
        if target.is_empty() || target.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(wrong("the address holds blanks or control characters"));
        }
        headers.retain(|(name, _)| !name.starts_with(':'));
        for (name, value) in &headers {
            if !super::is_token_text(name) {
                return Err(wrong(&format!("`{}` is no name of a header", super::shown(name.as_bytes()))));
            }
            if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                return Err(wrong(&format!("the header `{name}` holds a line break")));
            }
        }
        let is = |name: &str, known: &str| name.eq_ignore_ascii_case(known);
        if http2 {
            // Of one connection, and so not part of it.
            headers.retain(|(name, _)| {
                !["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host"]
                    .iter()
                    .any(|known| is(name, known))
            });
            let headers = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
            return Ok(Message::Http2(Http2 { method, authority, target, headers, body: body.into() }));
        }
        // Recordings show a body as it was decoded, not in chunks.
        headers.retain(|(name, _)| !is(name, "transfer-encoding"));
        let lengths = headers.iter().filter(|(name, _)| is(name, "content-length")).count();
        let length = body.len().to_string().into_bytes();
        match headers.iter_mut().find(|(name, _)| is(name, "content-length")) {
            Some((_, told)) if lengths == 1 => {
                if *told != length {
                    let told = std::mem::replace(told, length);
                    notes.push(format!(
                        "Content-Length was {}, the body in the file has {} bytes: taken as that",
                        super::shown(&told),
                        body.len()
                    ));
                }
            }
            Some(_) => {}
            None if body.is_empty() => {}
            None => headers.push(("Content-Length".to_owned(), length)),
        }
        if !headers.iter().any(|(name, _)| is(name, "host")) && !authority.is_empty() {
            headers.insert(0, ("Host".to_owned(), authority.into_bytes()));
        }
        let mut text = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
        for (name, value) in &headers {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value);
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(&body);
        Ok(Message::Http1(text.into()))
    }
}

/// An absolute address taken apart: whether it is encrypted, its authority (with what stands before an `@`), path and query.
pub(super) fn address(url: &str) -> Option<(bool, &str, String)> {
    let (tls, rest) = match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
        Some(_) => return None,
        // curl takes what has no scheme for http.
        None => (false, url),
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    if authority.is_empty() {
        return None;
    }
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    Some((tls, authority, target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_is_known_by_how_it_begins() {
        for (text, kind) in [
            ("POST /login HTTP/1.1\nHost: a\n\n", Kind::Raw),
            ("\u{feff}\n{ \"log\": {} }", Kind::Har),
            ("curl 'https://shop.example/'", Kind::Curl),
            ("$ curl http://a", Kind::Curl),
            ("curling /x HTTP/1.1", Kind::Raw),
            ("", Kind::Raw),
        ] {
            assert_eq!(Kind::of(text.as_bytes()), kind, "{text}");
        }
    }

    #[test]
    fn an_entry_is_chosen_in_recordings_only() {
        let error = read(b"GET / HTTP/1.1\n\n", None, Some(2)).unwrap_err();
        assert!(error.is_usage && error.message.contains("--entry"), "{error}");
    }

    #[test]
    fn addresses_come_apart() {
        for (url, expected) in [
            ("https://shop.example/login?a=b#c", Some((true, "shop.example", "/login?a=b"))),
            ("HTTP://shop.example:8080", Some((false, "shop.example:8080", "/"))),
            ("shop.example?x=1", Some((false, "shop.example", "/?x=1"))),
            ("ftp://shop.example/", None),
            ("/login", None),
        ] {
            let found = address(url);
            let found = found.as_ref().map(|(tls, authority, target)| (*tls, *authority, target.as_str()));
            assert_eq!(found, expected, "{url}");
        }
    }

    fn some_text() -> impl Strategy<Value = Vec<u8>> {
        let pieces = vec![
            "curl",
            " ",
            "'",
            "\"",
            "$'",
            "\\",
            "\n",
            "\r\n",
            "-X",
            "-H",
            "--data-raw",
            "-d",
            "-F",
            "-b",
            "-u",
            "--json",
            "a=b",
            "https://shop.example/login",
            "@x",
            "\\x4",
            "\\u00e",
            "{",
            "}",
            "[",
            "]",
            "\"log\"",
            ":",
            "\"entries\"",
            "\"request\"",
            "\"method\"",
            "\"url\"",
            "\"headers\"",
            ",",
            "POST",
            "/login",
            "HTTP/1.1",
            "HTTP/2",
            "Host: a",
            "POST /login HTTP/1.1\n",
            "POST /login HTTP/1.1\r\n",
            "\n\n",
            "\r\n\r\n",
            "Content-Length: 5",
            "Transfer-Encoding: chunked",
            "5\r\nhello\r\n0\r\n\r\n",
            "ä",
            "\0",
            "|",
            "&",
            ";",
        ];
        let piece = prop_oneof![
            9 => proptest::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..4),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parsers(text in some_text()) {
            let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
            for kind in Kind::ALL {
                match read(&text, Some(kind), None) {
                    Ok(source) => {
                        prop_assert_eq!(source.kind, kind);
                        // What an editor did is undone once; what is on the wire is left alone.
                        if let (Kind::Raw, Message::Http1(wire)) = (kind, source.message) {
                            let again = read(&wire, Some(kind), None).map(|source| source.message);
                            prop_assert_eq!(again, Ok(Message::Http1(wire)));
                        }
                    }
                    Err(error) => prop_assert!(error.line <= lines && !error.message.is_empty(), "{:?}", error),
                }
            }
        }
    }
}
