//! The text of a request, as proxies and tools show it.
//!
//! Editors change what the wire would not: line ends, a last newline, the length after an edit. What can only have come
//! from an editor is put right, with a note; what a client could have sent is left as it is, because it may be the very
//! thing that was refused. HTTP/2 has no text of its own: tools print it with `HTTP/2` in the first line.

use super::source::{Kind, Message, Parts, Source, SourceError};

/// Longest head, bytes: as much as the proxy reads.
const LONGEST_HEAD: usize = 1024 * 1024;
const SHAPE: &str = "write the request as it is sent: `POST /login HTTP/1.1`, a header a line, an empty line, the body";

/// Reads a request from its text.
pub fn read(text: &[u8]) -> Result<Source, SourceError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let skipped = text.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let first = 1 + text[..skipped].iter().filter(|byte| **byte == b'\n').count();
    let text = &text[skipped..];
    if text.trim_ascii().is_empty() {
        return Err(SourceError::at(0, "the file is empty", SHAPE));
    }
    let (head, end, body) = split(text);
    if head.len() > LONGEST_HEAD {
        return Err(SourceError::at(first, "the head is longer than 1 MiB", SHAPE));
    }
    let lines: Vec<&[u8]> =
        head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    check(&lines, first)?;
    let mut notes = Vec::new();
    let message = match lines[0].rsplit(|byte| *byte == b' ').next() {
        Some(b"HTTP/2" | b"HTTP/2.0") => http2(&lines, body, first, &mut notes)?,
        _ => http1(head, end, &lines, body, &mut notes),
    };
    Ok(Source { kind: Kind::Raw, message, tls: None, notes })
}

/// The head without its last line end, that line end with the empty line after it (`None`: the file ends with its head),
/// and what follows.
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>, &[u8]) {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', text) {
        if start > 0 && matches!(&text[start..end], b"" | b"\r") {
            return (&text[..start - 1], Some(&text[start - 1..=end]), &text[end + 1..]);
        }
        start = end + 1;
    }
    (text.strip_suffix(b"\n").unwrap_or(text), None, &[])
}

/// Whether this is a head at all. Only what no proxy would take for one is refused.
fn check(lines: &[&[u8]], first: usize) -> Result<(), SourceError> {
    let request = lines[0];
    let words = request.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).count();
    let version = request.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    if words < 3 || !version.starts_with(b"HTTP/") {
        let message = format!("`{}` is no request line", super::shown(request));
        return Err(SourceError::at(first, message, "write it as in `POST /login HTTP/1.1`"));
    }
    for (place, line) in lines.iter().enumerate().skip(1) {
        let continues = line.starts_with(b" ") || line.starts_with(b"\t");
        let named = memchr::memchr(b':', line).is_some();
        // `:authority: …` is how tools print HTTP/2.
        if !continues && !named {
            // Only its beginning: a line that is out of place may be a body with a password in it.
            let message = format!("`{}` is no header", super::shown(&line[..line.len().min(16)]));
            let help = "write `Name: value`; the body comes after an empty line";
            return Err(SourceError::at(first + place, message, help));
        }
    }
    Ok(())
}

fn http1(head: &[u8], end: Option<&[u8]>, lines: &[&[u8]], body: &[u8], notes: &mut Vec<String>) -> Message {
    // A file without a single CR was saved by an editor; one with some may be what was really sent.
    let edited = !head.contains(&b'\r');
    if edited {
        notes.push("lines end in LF in the file, as editors save them: read as CR LF".to_owned());
    }
    let value = |name: &'static [u8]| {
        lines.iter().enumerate().skip(1).filter_map(move |(place, line)| {
            let colon = memchr::memchr(b':', line)?;
            line[..colon].eq_ignore_ascii_case(name).then(|| (place, line[colon + 1..].trim_ascii()))
        })
    };
    let chunked = value(b"transfer-encoding").next().is_some();
    let lengths: Vec<(usize, &[u8])> = value(b"content-length").collect();
    let told = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse::<usize>().ok());
    let mut body = body;
    let mut length: Option<(Option<usize>, usize)> = None;
    match lengths[..] {
        _ if chunked => {}
        [] => {
            body = without_last_line_end(body);
            if !body.is_empty() {
                notes.push(format!("the request has a body and no Content-Length: {} added", body.len()));
                length = Some((None, body.len()));
            }
        }
        [(place, text)] => match told(text) {
            Some(told) if told == body.len() => {}
            Some(told) if without_last_line_end(body).len() <= told && told < body.len() => body = &body[..told],
            Some(told) => {
                body = without_last_line_end(body);
                if told != body.len() {
                    let actual = body.len();
                    notes.push(format!("Content-Length says {told}, the file holds {actual} bytes: taken as that"));
                    length = Some((Some(place), actual));
                }
            }
            // A length that is none is the proxy's to refuse.
            None => {}
        },
        // As many as an attacker likes; the proxy decides.
        _ => {}
    }
    let mut text = Vec::with_capacity(head.len() + body.len() + 64);
    for (place, line) in head.split(|byte| *byte == b'\n').enumerate() {
        if place > 0 {
            text.extend_from_slice(if edited { b"\r\n" } else { b"\n" });
        }
        match length {
            Some((Some(at), actual)) if at == place => {
                text.extend_from_slice(format!("Content-Length: {actual}").as_bytes());
                text.extend_from_slice(if line.ends_with(b"\r") { b"\r" } else { b"" });
            }
            _ => text.extend_from_slice(line),
        }
    }
    if let Some((None, actual)) = length {
        text.extend_from_slice(if text.ends_with(b"\r") { b"\n" } else { b"\r\n" });
        text.extend_from_slice(format!("Content-Length: {actual}\r").as_bytes());
    }
    match end {
        // As it was sent, if it was: a line end without its CR may be what the gate refuses.
        Some(end) if !edited => text.extend_from_slice(end),
        _ if text.ends_with(b"\r") => text.extend_from_slice(b"\n\r\n"),
        _ => text.extend_from_slice(b"\r\n\r\n"),
    }
    text.extend_from_slice(body);
    Message::Http1(text.into())
}

fn http2(lines: &[&[u8]], body: &[u8], first: usize, notes: &mut Vec<String>) -> Result<Message, SourceError> {
    let words: Vec<&[u8]> = lines[0].split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut parts = Parts { method: text(words[0]), target: text(words[1]), http2: true, ..Parts::default() };
    for line in &lines[1..] {
        let hidden = usize::from(line.first() == Some(&b':'));
        let Some(colon) = memchr::memchr(b':', &line[hidden..]) else { continue };
        let (name, value) = (&line[..hidden + colon], line[hidden + colon + 1..].trim_ascii());
        match name.to_ascii_lowercase().as_slice() {
            b":authority" => parts.authority = text(value),
            b"host" if parts.authority.is_empty() => parts.authority = text(value),
            b":method" | b":path" | b":scheme" | b"host" => {}
            _ => parts.headers.push((text(name), value.to_vec())),
        }
    }
    parts.body = without_last_line_end(body).to_vec();
    parts.message(first, notes)
}

/// Editors end a file with one; no form does.
fn without_last_line_end(body: &[u8]) -> &[u8] {
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    body.strip_suffix(b"\r").unwrap_or(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(text: &str) -> (String, Vec<String>) {
        let source = read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        match source.message {
            Message::Http1(bytes) => (String::from_utf8(bytes.to_vec()).unwrap(), source.notes),
            Message::Http2(http2) => panic!("{http2:?}"),
        }
    }

    #[test]
    fn what_was_captured_stays_as_it_is() {
        for text in [
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=b",
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 9\r\n\r\na=b",
            "POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n",
            "GET / HTTP/1.0\r\nX: a\n b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
        ] {
            assert_eq!(wire(text), (text.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn what_an_editor_did_is_undone_and_told() {
        let sent = "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=b";
        for text in [
            "POST /login HTTP/1.1\nHost: a\nContent-Length: 3\n\na=b\n",
            "\n\nPOST /login HTTP/1.1\nHost: a\nContent-Length: 77\n\na=b",
            "POST /login HTTP/1.1\nHost: a\n\na=b\n",
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na=b\r\n",
        ] {
            let (text, notes) = wire(text);
            assert_eq!(text, sent);
            assert!(!notes.is_empty());
        }
        assert_eq!(wire("GET / HTTP/1.1\r\nHost: a").0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(wire("GET / HTTP/1.1\nHost: a\n").0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }

    #[test]
    fn http_2_is_read_from_its_printed_form() {
        let text = "POST /login HTTP/2\nHost: shop.example\nUser-Agent: x\n\na=b\n";
        let Message::Http2(http2) = read(text.as_bytes()).unwrap().message else { panic!("HTTP/2") };
        assert_eq!((http2.method.as_str(), http2.authority.as_str()), ("POST", "shop.example"));
        assert_eq!(http2.headers, [("user-agent".to_owned(), b"x".to_vec())]);
        assert_eq!(&http2.body[..], b"a=b");
    }

    #[test]
    fn errors_name_the_line_and_keep_a_password_to_themselves() {
        let error = read(b"POST /login HTTP/1.1\nHost: a\nlogin=anna&password=hunter2\n").unwrap_err();
        assert_eq!(error.line, 3);
        assert!(!error.message.contains("hunter2"), "{error}");
        assert_eq!(read(b"\nhello\n").unwrap_err().line, 2);
        assert!(read(b" \n").unwrap_err().message.contains("empty"));
    }
}
