//! HTTP/1.1 by hand: what a test writes goes out as it is, what comes back is kept as it came.

use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// An answer as the visitor got it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// A visitor's connection.
pub struct Connection<S = TcpStream> {
    pub socket: BufReader<S>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Connection {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Connection::over(socket)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub fn over(stream: S) -> Connection<S> {
        Connection { socket: BufReader::new(stream) }
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // A gate that refuses may close before it was told everything.
        let _ = self.socket.write_all(bytes.as_ref()).await;
        let _ = self.socket.flush().await;
    }

    /// The next answer; `None` when the connection ends before one.
    pub async fn read(&mut self) -> Option<Answer> {
        self.read_answer_to("GET").await
    }

    pub async fn read_answer_to(&mut self, method: &str) -> Option<Answer> {
        super::within("an answer", async {
            loop {
                let head = read_head(&mut self.socket).await?;
                let mut lines = head.lines();
                let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
                if status == 100 {
                    continue;
                }
                let headers = headers(lines);
                let body = read_body(&mut self.socket, Body::of_answer(status, method, &headers)).await?;
                return Some(Answer { status, headers, body });
            }
        })
        .await
    }
}

/// Sends bytes on a connection of their own and reads one answer.
pub async fn send(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Answer {
    let mut connection = Connection::open(address).await;
    connection.write(bytes).await;
    connection.read().await.expect("an answer")
}

/// Headers that a plain browser sends with a form.
pub const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/142.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,image/webp,*/*;q=0.8\r\n\
    sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\n\
    Origin: https://shop.example\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Dest: document\r\n\
    Accept-Encoding: gzip, deflate, br\r\nAccept-Language: de\r\n";

/// A form posted by a plain browser.
pub fn form(path: &str, body: &str) -> String {
    post(path, body, BROWSER)
}

/// A form posted with these headers (each ending in CR LF).
pub fn post(path: &str, body: &str, headers: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: shop.example\r\n{headers}Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A page asked for with these headers (each ending in CR LF).
pub fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n{headers}\r\n")
}

/// How a message's body ends.
pub enum Body {
    None,
    Length(usize),
    Chunked,
    UntilClose,
}

impl Body {
    pub fn of_request(headers: &[(String, String)]) -> Body {
        Body::declared(headers).unwrap_or(Body::None)
    }

    pub fn of_answer(status: u16, method: &str, headers: &[(String, String)]) -> Body {
        if method == "HEAD" || matches!(status, 101 | 204 | 304) {
            return Body::None;
        }
        Body::declared(headers).unwrap_or(Body::UntilClose)
    }

    fn declared(headers: &[(String, String)]) -> Option<Body> {
        let value = |name: &str| headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str());
        match (value("transfer-encoding"), value("content-length")) {
            (Some(_), _) => Some(Body::Chunked),
            (None, Some(length)) => Some(Body::Length(length.parse().expect("a plain length"))),
            (None, None) => None,
        }
    }
}

pub async fn read_head<S: AsyncRead + Unpin>(socket: &mut BufReader<S>) -> Option<String> {
    let mut head = String::new();
    loop {
        let mut line = Vec::new();
        if socket.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        if line == b"\r\n" {
            return Some(head);
        }
        head.push_str(&String::from_utf8_lossy(&line));
    }
}

pub fn headers<'l>(lines: impl Iterator<Item = &'l str>) -> Vec<(String, String)> {
    let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    lines.filter_map(pair).collect()
}

pub async fn read_body<S: AsyncRead + Unpin>(socket: &mut BufReader<S>, body: Body) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match body {
        Body::None => {}
        Body::Length(length) => {
            bytes.resize(length, 0);
            socket.read_exact(&mut bytes).await.ok()?;
        }
        Body::UntilClose => {
            socket.read_to_end(&mut bytes).await.ok()?;
        }
        Body::Chunked => loop {
            let mut line = String::new();
            socket.read_line(&mut line).await.ok()?;
            let size = usize::from_str_radix(line.trim(), 16).ok()?;
            let start = bytes.len();
            bytes.resize(start + size, 0);
            socket.read_exact(&mut bytes[start..]).await.ok()?;
            let mut end = [0; 2];
            socket.read_exact(&mut end).await.ok()?;
            if size == 0 {
                break;
            }
        },
    }
    Some(bytes)
}
