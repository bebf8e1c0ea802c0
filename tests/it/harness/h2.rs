//! HTTP/2 in two ways: a well-behaved client (the `h2` crate, which Pingora's own server is built on), and frames by hand
//! for what a well-behaved client refuses to send.

use super::http::Answer;
use super::tls::Tls;
use ::h2::client::{ResponseFuture, SendRequest};
use ::h2::{RecvStream, SendStream};
use bytes::Bytes;
use http::{Method, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

/// A visitor's connection.
pub struct Client {
    send: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), ::h2::Error>>,
}

/// What goes with every request of a plain browser.
pub const BROWSER: [(&str, &str); 11] = [
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    ),
    ("sec-ch-ua", "\"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\""),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", "\"Linux\""),
    ("origin", "https://shop.example"),
    ("accept", "text/html,application/xhtml+xml,image/webp,*/*;q=0.8"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-dest", "document"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "de"),
];

/// A request to `https://shop.example` with a browser's headers and these.
pub fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(format!("https://shop.example{path}"));
    for (name, value) in BROWSER.iter().chain(headers) {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// A form as a browser posts it.
pub fn form(path: &str, body: &str, headers: &[(&str, &str)]) -> Request<()> {
    let length = body.len().to_string();
    let form = [("content-type", "application/x-www-form-urlencoded"), ("content-length", &length)];
    request(Method::POST, path, &[headers, &form].concat())
}

impl Client {
    pub async fn over(tls: Tls) -> Client {
        Client::with_window(tls, 65_535).await
    }

    /// One that takes no more than so many bytes of an answer's body before it has read some.
    pub async fn with_window(tls: Tls, bytes: u32) -> Client {
        let mut builder = ::h2::client::Builder::new();
        builder.initial_window_size(bytes);
        let (send, connection) = super::within("an HTTP/2 handshake", builder.handshake(tls)).await.unwrap();
        Client { send, connection: tokio::spawn(connection) }
    }

    /// Sends a request with a whole body and reads the answer.
    pub async fn send(&self, request: Request<()>, body: impl Into<Bytes>) -> Answer {
        let body = body.into();
        let (answer, mut stream) = self.begin(request, body.is_empty()).await;
        if !body.is_empty() {
            // An early answer may come before all of it is sent.
            let (answer, _) = tokio::join!(read(answer), write(&mut stream, body, true));
            return answer.expect("an answer");
        }
        read(answer).await.expect("an answer")
    }

    /// Posts a form with a browser's headers and these.
    pub async fn form(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(form(path, body, headers), body.to_owned()).await
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(request(Method::GET, path, headers), Bytes::new()).await
    }

    /// Sends the head only; the rest is up to the test.
    pub async fn begin(&self, request: Request<()>, end: bool) -> (ResponseFuture, SendStream<Bytes>) {
        let mut ready = super::within("room for a stream", self.send.clone().ready()).await.unwrap();
        ready.send_request(request, end).unwrap()
    }

    /// As [`Client::begin`]; `None` if the gate said before that it takes no more on this connection.
    pub async fn try_begin(&self, request: Request<()>, end: bool) -> Option<(ResponseFuture, SendStream<Bytes>)> {
        let mut ready = super::within("room for a stream", self.send.clone().ready()).await.ok()?;
        ready.send_request(request, end).ok()
    }

    /// Waits until the gate has closed the connection.
    pub async fn closed(self) {
        let Client { send, connection } = self;
        let _ = super::within("the end of the connection", connection).await.unwrap();
        drop(send);
    }
}

/// Writes (a piece of) a body as the flow control lets it. `false` when the stream was ended by the other side.
pub async fn write(stream: &mut SendStream<Bytes>, mut body: Bytes, end: bool) -> bool {
    super::within("the body to be taken", async {
        loop {
            stream.reserve_capacity(body.len());
            let room = match std::future::poll_fn(|cx| stream.poll_capacity(cx)).await {
                Some(Ok(room)) => room.min(body.len()),
                Some(Err(_)) | None => return false,
            };
            let piece = body.split_to(room);
            if stream.send_data(piece, end && body.is_empty()).is_err() {
                return false;
            }
            if body.is_empty() {
                return true;
            }
        }
    })
    .await
}

/// Reads an answer to its end; an error is a stream that was reset.
pub async fn read(answer: ResponseFuture) -> Result<Answer, ::h2::Error> {
    super::within("an answer", async {
        let answer = answer.await?;
        let (head, mut body) = answer.into_parts();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let body = read_body(&mut body).await?;
        Ok(Answer { status: head.status.as_u16(), headers, body })
    })
    .await
}

async fn read_body(body: &mut RecvStream) -> Result<Vec<u8>, ::h2::Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        match piece {
            Ok(piece) => {
                body.flow_control().release_capacity(piece.len())?;
                bytes.extend_from_slice(&piece);
            }
            // "Answered; no need to send the rest": what RFC 9113, 8.1, lets a server do.
            Err(error) if error.reason() == Some(::h2::Reason::NO_ERROR) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// HTTP/2 by hand.
pub struct Raw {
    tls: Tls,
    stream: u32,
}

/// What became of a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    Answered,
    Reset,
    /// The whole connection was ended.
    Gone,
}

impl Raw {
    pub async fn over(mut tls: Tls) -> Raw {
        tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        // Empty SETTINGS.
        tls.write_all(&frame(4, 0, 0, &[])).await.unwrap();
        Raw { tls, stream: 1 }
    }

    /// Sends a request of these header fields, pseudo-headers included, whatever they are.
    pub async fn send(&mut self, fields: &[(&str, &[u8])], body: Option<&[u8]>) -> Fate {
        let mut block = Vec::new();
        for (name, value) in fields {
            // Literal, never indexed, new name, no Huffman code (RFC 7541, 6.2.3).
            block.push(0x10);
            for text in [name.as_bytes(), value] {
                assert!(text.len() < 127, "longer strings need a longer length");
                block.push(text.len() as u8);
                block.extend_from_slice(text);
            }
        }
        let end = if body.is_none() { 1 } else { 0 };
        let _ = self.tls.write_all(&frame(1, 4 | end, self.stream, &block)).await;
        if let Some(body) = body {
            let _ = self.tls.write_all(&frame(0, 1, self.stream, body)).await;
        }
        let _ = self.tls.flush().await;
        let fate = super::within("an answer or a reset", self.fate()).await;
        self.stream += 2;
        fate
    }

    async fn fate(&mut self) -> Fate {
        loop {
            let mut head = [0; 9];
            if self.tls.read_exact(&mut head).await.is_err() {
                return Fate::Gone;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            if self.tls.read_exact(&mut payload).await.is_err() {
                return Fate::Gone;
            }
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            match head[3] {
                1 if stream == self.stream => return Fate::Answered,
                3 if stream == self.stream => return Fate::Reset,
                7 => return Fate::Gone,
                _ => {}
            }
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}
