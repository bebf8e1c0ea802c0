//! An application: answers as a closure says and keeps the raw bytes of what it was sent.

use super::http::{self, Body};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// One request as the application got it.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The values of a header, in order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }
}

/// What to answer, as raw bytes.
#[derive(Clone, Debug)]
pub struct Answer {
    pub bytes: Vec<u8>,
    /// Close the connection afterwards.
    pub close: bool,
}

impl Answer {
    /// An answer with a length.
    pub fn new(status: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(body);
        Answer { bytes: text.into_bytes(), close: false }
    }

    pub fn raw(bytes: impl Into<Vec<u8>>) -> Answer {
        Answer { bytes: bytes.into(), close: true }
    }
}

pub struct Origin {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Origin {
    pub async fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (record, answer) = (seen.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (record, answer) = (record.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut socket = BufReader::new(socket);
                    while let Some(request) = read_request(&mut socket).await {
                        // A closure may block, to be a slow application.
                        let (think, asked) = (answer.clone(), request.clone());
                        let answer = tokio::task::spawn_blocking(move || think(&asked)).await.unwrap();
                        record.lock().unwrap().push(request);
                        if socket.write_all(&answer.bytes).await.is_err() || answer.close {
                            return;
                        }
                    }
                });
            }
        });
        Origin { address, seen }
    }

    /// A shop: the password `right` opens a session, another is refused, everything else says hello.
    pub async fn shop() -> Origin {
        Origin::start(|request| {
            let body = String::from_utf8_lossy(&request.body);
            match (request.method.as_str(), request.target.split('?').next().unwrap_or_default()) {
                ("POST", "/login") if body.contains("password=right") => Answer::new(
                    "302 Found",
                    &[("Location", "/account"), ("Set-Cookie", "session=opened; HttpOnly; Path=/")],
                    "",
                ),
                ("POST", "/login") => Answer::new("401 Unauthorized", &[("Content-Type", "text/plain")], "wrong"),
                _ => Answer::new("200 OK", &[("Content-Type", "text/plain")], "hello"),
            }
        })
        .await
    }

    /// What came so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

async fn read_request(socket: &mut BufReader<tokio::net::TcpStream>) -> Option<Request> {
    let head = http::read_head(socket).await?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers = http::headers(lines);
    let body = http::read_body(socket, Body::of_request(&headers)).await?;
    Some(Request { method, target, headers, body })
}
