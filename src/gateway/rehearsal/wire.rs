//! From a message to what the gate sees of it.
//!
//! HTTP/1 goes through the proxy's own parser, over a pipe in memory: what it normalises, escapes or refuses of a visitor's
//! bytes it does here too. HTTP/2 is handed over as its library hands it over, in parts.

use super::source::{Http2, Message, SourceError};
use crate::gateway::judgement;
use bytes::{Bytes, BytesMut};
use http::header::{HeaderName, HeaderValue};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::ServerSession;
use tokio::io::AsyncWriteExt;

/// A request as the gate has it in its hands.
pub struct Arrived {
    pub header: RequestHeader,
    /// Of HTTP/1: the head as it was received.
    pub raw: Option<Bytes>,
    pub body: Bytes,
}

impl Arrived {
    /// Whether a body may follow the head, as the gate sees it then.
    pub fn has_body(&self) -> bool {
        match self.raw {
            Some(_) => judgement::announces_body(&self.header),
            // Over HTTP/2 the end of the head says whether it is the end of the request.
            None => !self.body.is_empty(),
        }
    }
}

/// Lets a message arrive.
pub async fn arrive(message: &Message) -> Result<Arrived, SourceError> {
    match message {
        Message::Http1(text) => http1(text).await,
        Message::Http2(parts) => http2(parts),
    }
}

async fn http1(text: &Bytes) -> Result<Arrived, SourceError> {
    let refused = || {
        let help = "the proxy answers such a request with 400 before any route is asked: its request line, its \
                    Content-Length or its Transfer-Encoding break HTTP";
        SourceError::at(0, "the proxy cannot read this request", help)
    };
    let cut = || SourceError::at(0, "the body is cut off", "its chunks do not end; is the file complete?");
    let (mut client, gate) = tokio::io::duplex(text.len().max(1));
    // As large as the text: nobody waits.
    client.write_all(text).await.map_err(|_| refused())?;
    client.shutdown().await.map_err(|_| refused())?;
    let mut session = ServerSession::new_http1(Box::new(gate));
    match session.read_request().await {
        Ok(true) => {}
        Ok(false) | Err(_) => return Err(refused()),
    }
    let header = session.req_header().clone();
    let raw = session.as_http1().map(|http1| http1.get_headers_raw_bytes());
    let mut body = BytesMut::new();
    while !session.is_body_done() {
        match session.read_request_body().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => break,
            Err(_) => return Err(cut()),
        }
    }
    Ok(Arrived { header, raw, body: body.freeze() })
}

fn http2(parts: &Http2) -> Result<Arrived, SourceError> {
    let refused = |what: &str| {
        let message = format!("{what} cannot be sent over HTTP/2");
        SourceError::at(0, message, "the client's own library would refuse it; for HTTP/1.1 use the request's text")
    };
    let uri = http::Uri::builder().scheme("https").authority(parts.authority.as_str()).path_and_query(&parts.target);
    let uri = uri.build().map_err(|_| refused("the address"))?;
    let mut request = http::Request::builder()
        .method(parts.method.as_str())
        .uri(uri)
        .version(http::Version::HTTP_2)
        .body(())
        .map_err(|_| refused("the method"))?;
    for (name, value) in &parts.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused("a header's name"))?;
        let value = HeaderValue::from_bytes(value).map_err(|_| refused(&format!("the value of `{name}`")))?;
        request.headers_mut().append(name, value);
    }
    Ok(Arrived { header: request.into_parts().0.into(), raw: None, body: parts.body.clone() })
}

/// What an application answered.
#[derive(Clone, Debug)]
pub struct Answered {
    pub header: ResponseHeader,
    pub body: Bytes,
}

/// Reads an answer: a status alone (`302`), or its text.
pub fn answer(text: &[u8]) -> Result<Answered, SourceError> {
    let shape =
        "write a status (`302`), or the answer as it was sent: `HTTP/1.1 302 Found`, headers, an empty line, the body";
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    let status = |word: &[u8], line: usize| {
        let number = std::str::from_utf8(word).ok().and_then(|word| word.parse::<u16>().ok());
        let number = number.filter(|number| (200..600).contains(number));
        number.ok_or_else(|| SourceError::at(line, format!("`{}` is no final status", super::shown(word)), shape))
    };
    let build = |status: u16| ResponseHeader::build(status, None).map_err(|_| SourceError::at(1, "no status", shape));
    if text.trim_ascii().iter().all(u8::is_ascii_digit) {
        return Ok(Answered { header: build(status(text.trim_ascii(), 0)?)?, body: Bytes::new() });
    }
    let mut rest = text;
    let mut line = 0;
    let mut header: Option<ResponseHeader> = None;
    loop {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let text = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        line += 1;
        rest = rest.get(end + 1..).unwrap_or_default();
        match &mut header {
            None => {
                let mut words = text.split(|byte| *byte == b' ');
                if !words.next().is_some_and(|version| version.starts_with(b"HTTP/")) {
                    let message = format!("`{}` is no status line", super::shown(&text[..text.len().min(16)]));
                    return Err(SourceError::at(line, message, shape));
                }
                header = Some(build(status(words.next().unwrap_or_default(), line)?)?);
            }
            Some(header) if text.is_empty() => {
                return Ok(Answered { header: header.clone(), body: Bytes::copy_from_slice(rest) });
            }
            Some(header) => {
                let colon = memchr::memchr(b':', text);
                let added = colon.and_then(|at| {
                    let name = HeaderName::from_bytes(text[..at].trim_ascii()).ok()?;
                    let value = HeaderValue::from_bytes(text[at + 1..].trim_ascii()).ok()?;
                    header.append_header(name, value).ok()
                });
                if added.is_none() {
                    let message = format!("`{}` is no header", super::shown(&text[..text.len().min(16)]));
                    return Err(SourceError::at(line, message, shape));
                }
            }
        }
        if rest.is_empty()
            && let Some(header) = &header
        {
            return Ok(Answered { header: header.clone(), body: Bytes::new() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_status_or_a_text() {
        let plain = answer(b" 302\n").unwrap();
        assert_eq!(plain.header.status, 302);
        let text = b"HTTP/1.1 200 OK\nSet-Cookie: a=b\r\nX: y\n\nbody\n";
        let whole = answer(text).unwrap();
        assert_eq!((whole.header.status.as_u16(), &whole.body[..]), (200, &b"body\n"[..]));
        assert_eq!(whole.header.headers["set-cookie"], "a=b");
        assert_eq!(answer(b"HTTP/2 204").unwrap().header.status, 204);
        for (text, line) in
            [(&b"99"[..], 0), (b"HTTP/1.1 100 Continue\n\n", 1), (b"hello", 1), (b"HTTP/1.1 200 OK\nx\n", 2)]
        {
            assert_eq!(answer(text).unwrap_err().line, line, "{}", text.escape_ascii());
        }
    }

    #[tokio::test]
    async fn http_1_arrives_through_the_proxys_parser() {
        let text = "POST /a b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\na=b\r\n0\r\n\r\n";
        let text = text.replace("/a b", "/a");
        let arrived = arrive(&Message::Http1(text.clone().into())).await.unwrap();
        assert_eq!(&arrived.body[..], b"a=b");
        assert!(!arrived.header.headers.contains_key("content-length"), "the parser takes it away");
        assert!(text.as_bytes().starts_with(&arrived.raw.unwrap()), "the head stays as it came");
        for broken in [
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na",
        ] {
            assert!(arrive(&Message::Http1(broken.to_owned().into())).await.is_err(), "{broken}");
        }
    }
}
