//! One request and its answer over a connection, byte for byte as the client that is played would send it.
//!
//! Written by hand because order and case of the headers are half of what is played, and HTTP clients that are libraries
//! decide both themselves. What a client sends over HTTP/2 goes out as a proxy in front of the gate would pass it on over
//! HTTP/1.1: names in lower case, with a `Host` before them. Only answers of a reasonable size are read.

use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Largest answer that is read, and largest head in it.
const MOST: usize = 4 * 1024 * 1024;
const MOST_HEADERS: usize = 128;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the connection can be used again.
    pub reusable: bool,
}

impl Answer {
    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

/// Sends the bytes of a request and reads the answer.
pub async fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<Answer> {
    stream.write_all(request).await?;
    let mut bytes = Vec::with_capacity(4096);
    loop {
        if let Some((mut answer, length)) = head(&bytes)? {
            bytes.drain(..length);
            answer.body = bytes;
            read_body(stream, &mut answer).await?;
            return Ok(answer);
        }
        more(stream, &mut bytes).await?;
    }
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    if bytes.len() > MOST {
        return Err(io::Error::other("the answer is too long"));
    }
    match stream.read_buf(bytes).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// The answer's head and its length in bytes, once all of it is there; answers before the last (100, 103) are left out.
fn head(bytes: &[u8]) -> io::Result<Option<(Answer, usize)>> {
    let mut start = 0;
    loop {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&bytes[start..]).map_err(io::Error::other)?;
        let (httparse::Status::Complete(length), Some(status)) = (parsed, response.code) else { return Ok(None) };
        start += length;
        if (100..200).contains(&status) {
            continue;
        }
        let headers = response
            .headers
            .iter()
            .map(|header| (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned()));
        let answer = Answer { status, headers: headers.collect(), body: Vec::new(), reusable: true };
        return Ok(Some((answer, start)));
    }
}

async fn read_body(stream: &mut TcpStream, answer: &mut Answer) -> io::Result<()> {
    let closes = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let chunked = answer.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
    answer.reusable = !closes;
    match length {
        _ if answer.status == 204 || answer.status == 304 => Ok(()),
        _ if chunked => read_chunks(stream, answer).await,
        Some(length) => {
            while answer.body.len() < length {
                more(stream, &mut answer.body).await?;
            }
            Ok(())
        }
        None => {
            answer.reusable = false;
            while answer.body.len() <= MOST && stream.read_buf(&mut answer.body).await? > 0 {}
            Ok(())
        }
    }
}

/// Reads chunks to the last one and puts them together.
async fn read_chunks(stream: &mut TcpStream, answer: &mut Answer) -> io::Result<()> {
    let mut whole = Vec::new();
    let mut at = 0;
    loop {
        match httparse::parse_chunk_size(&answer.body[at..]) {
            Err(_) => return Err(io::Error::other("a chunk has no size")),
            Ok(httparse::Status::Partial) => more(stream, &mut answer.body).await?,
            Ok(httparse::Status::Complete((line, size))) => {
                let size = usize::try_from(size).ok().filter(|size| *size <= MOST);
                let size = size.ok_or_else(|| io::Error::other("the answer is too long"))?;
                // A chunk and its end of line; after the last one, the end of line that stands for no trailers.
                while answer.body.len() < at + line + size + 2 {
                    more(stream, &mut answer.body).await?;
                }
                whole.extend_from_slice(&answer.body[at + line..at + line + size]);
                at += line + size + 2;
                if size == 0 {
                    answer.body = whole;
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// What is read of an answer that comes in pieces.
    async fn read(pieces: &'static [&'static str]) -> io::Result<Answer> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = [0; 3];
            socket.read_exact(&mut asked).await.unwrap();
            for piece in pieces {
                socket.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let answer = exchange(&mut stream, b"ask").await;
        server.await.unwrap();
        answer
    }

    #[tokio::test]
    async fn answers_are_read_in_every_framing() {
        let answer = read(&["HTTP/1.1 200 OK\r\nContent-Le", "ngth: 5\r\n\r\nhel", "lo"]).await.unwrap();
        assert_eq!((answer.status, &answer.body[..], answer.reusable), (200, &b"hello"[..], true));
        let chunks = &[
            "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
            "c\r\n2\r\nde\r\n0\r\n\r\n",
        ];
        let answer = read(chunks).await.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (403, &b"abcde"[..]));
        let answer = read(&["HTTP/1.1 302 Found\r\nLocation: /x\r\nConnection: close\r\n\r\nrest"]).await.unwrap();
        assert_eq!((answer.header("location"), answer.reusable, &answer.body[..]), (Some("/x"), false, &b"rest"[..]));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error() {
        for pieces in [&["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"][..], &["SSH-2.0-x\r\n\r\n"], &[""]] {
            assert!(read(pieces).await.is_err(), "{pieces:?}");
        }
    }
}
