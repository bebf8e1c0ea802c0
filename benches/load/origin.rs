//! The application behind both proxies: as little as can be, so that it is never what is measured.
//!
//! It answers a request as soon as it was read to its end: a GET with 20 bytes, a POST as a shop answers logins, nine times
//! with a redirect and a session cookie and the tenth time with 401. It understands what the two proxies send it
//! (HTTP/1.1, `Content-Length`, keep-alive) and drops the connection on anything else, which the load generator then
//! reports as an error.
//!
//! `origin LISTEN`, as `address:port`.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\nA page of 20 bytes.\n";
const WELCOME: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: /account\r\n\
    Set-Cookie: session=b6c1f0c2a9d84e57; Path=/; HttpOnly; SameSite=Lax\r\nContent-Length: 0\r\n\r\n";
const REFUSAL: &[u8] =
    b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\nNot the right words\n";

/// Longest request that is understood, bytes.
const MOST: usize = 16 * 1024;

static LOGINS: AtomicU64 = AtomicU64::new(0);

fn main() -> io::Result<()> {
    let Some(listen) = std::env::args().nth(1).and_then(|argument| argument.parse::<SocketAddr>().ok()) else {
        eprintln!("usage: origin LISTEN");
        std::process::exit(64);
    };
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(async move {
                // A connection that ends, ends: the load generator counts what was lost.
                let _ = serve(socket).await;
            });
        }
    })
}

async fn serve(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = vec![0; MOST];
    let mut filled = 0;
    loop {
        let read = socket.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        while let Some(request) = Request::read(&buffer[..filled])? {
            socket.write_all(request.answer()).await?;
            buffer.copy_within(request.length..filled, 0);
            filled -= request.length;
        }
    }
}

struct Request {
    is_login: bool,
    /// Head and body, bytes.
    length: usize,
}

impl Request {
    /// The first request in `bytes`, if it is there to its end.
    fn read(bytes: &[u8]) -> io::Result<Option<Request>> {
        let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) else {
            return Ok(None);
        };
        let is_login = bytes.starts_with(b"POST ");
        // Only a POST has a body here, so that a GET is not searched for its length.
        let body = if is_login { content_length(&bytes[..head])? } else { 0 };
        Ok((bytes.len() >= head + body).then_some(Request { is_login, length: head + body }))
    }

    fn answer(&self) -> &'static [u8] {
        match self.is_login {
            false => PAGE,
            true if LOGINS.fetch_add(1, Ordering::Relaxed) % 10 == 9 => REFUSAL,
            true => WELCOME,
        }
    }
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    const NAME: &[u8] = b"content-length:";
    head.split(|byte| *byte == b'\n')
        .find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME))
        .and_then(|line| str::from_utf8(&line[NAME.len()..]).ok()?.trim().parse().ok())
        .ok_or_else(|| io::Error::other("a POST without a length"))
}
