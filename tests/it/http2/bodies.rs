//! Bodies of every size, framing and protocol arrive byte for byte, or are refused clearly.

use super::{RIGHT, Secured};
use crate::harness::h2::{Client, read, request, write};
use crate::harness::http::{Answer as Seen, BROWSER, Connection};
use crate::harness::origin::{Answer, Origin};
use crate::harness::tls::{Identity, Tls};
use crate::harness::{SHOP, until, within};
use crate::process::Program;
use bytes::Bytes;
use futures::future::join_all;
use http::Method;

/// Sizes around Pingora's replay limit, and far beyond it.
const SIZES: [usize; 7] = [0, 1, 65_535, 65_536, 65_537, 1 << 20, 10 << 20];

/// A login form of exactly this many bytes; below the size of the fields, just bytes.
fn body(size: usize) -> Bytes {
    let fields = b"login=anna&password=right&rest=";
    let mut body: Vec<u8> = if size < fields.len() { Vec::new() } else { fields.to_vec() };
    while body.len() < size {
        body.push(b'a' + (body.len() % 23) as u8);
    }
    body.into()
}

/// How a body is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Framing {
    /// With `Content-Length`.
    Length,
    /// HTTP/2: the stream ends with the last piece. HTTP/1.1: chunked.
    Open,
    /// HTTP/2: with `content-length`, and the stream ends with an empty frame, as browsers do.
    LengthEmptyEnd,
    /// HTTP/2: without a length, and the stream ends with an empty frame.
    OpenEmptyEnd,
}

impl Framing {
    fn has_length(self) -> bool {
        matches!(self, Framing::Length | Framing::LengthEmptyEnd)
    }
}

async fn over_http2(client: &Client, path: &str, framing: Framing, body: Bytes) -> Seen {
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    let length = body.len().to_string();
    if framing.has_length() {
        headers.push(("content-length", &length));
    }
    let head = request(Method::POST, path, &headers);
    if matches!(framing, Framing::Length | Framing::Open) {
        return client.send(head, body).await;
    }
    let (answer, mut stream) = client.begin(head, false).await;
    let sending = async {
        let sent = body.is_empty() || write(&mut stream, body, false).await;
        sent && stream.send_data(Bytes::new(), true).is_ok()
    };
    tokio::join!(read(answer), sending).0.expect("an answer")
}

async fn over_http1(connection: &mut Connection<Tls>, path: &str, framing: Framing, body: &[u8]) -> Seen {
    let how = match framing.has_length() {
        true => format!("Content-Length: {}", body.len()),
        false => "Transfer-Encoding: chunked".to_owned(),
    };
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: shop.example\r\n{BROWSER}Content-Type: application/x-www-form-urlencoded\r\n{how}\r\n\r\n"
    );
    connection.write(head).await;
    if framing.has_length() {
        connection.write(body).await;
    } else {
        for chunk in body.chunks(8_000) {
            connection.write([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat()).await;
        }
        connection.write("0\r\n\r\n").await;
    }
    connection.read().await.expect("an answer")
}

#[tokio::test]
async fn bodies_of_every_size_framing_and_protocol_arrive_byte_for_byte_through_the_program() {
    let (origin, identity) = (Origin::shop().await, Identity::new());
    let yaml = SHOP
        .replace("routes:", "limits: { body: 16MiB }\nroutes:")
        .replace("listen: [{ address: \"127.0.0.1:1\" }]", &identity.listener());
    let program = Program::start(&yaml, &origin).await;
    let client = identity.http2(program.address).await;
    let cases = [
        ("2", Framing::Length),
        ("2", Framing::Open),
        ("2", Framing::LengthEmptyEnd),
        ("2", Framing::OpenEmptyEnd),
        ("1.1", Framing::Length),
        ("1.1", Framing::Open),
    ];
    for (protocol, framing) in cases {
        for size in SIZES {
            for path in ["/login", "/upload"] {
                let case = format!("HTTP/{protocol} {framing:?} {size} {path}");
                let (before, body) = (origin.requests().len(), body(size));
                let answer = match protocol {
                    "2" => over_http2(&client, path, framing, body.clone()).await,
                    _ => {
                        let mut connection = identity.http1(program.address).await;
                        over_http1(&mut connection, path, framing, &body).await
                    }
                };
                let mut seen = origin.requests();
                if path == "/login" && !framing.has_length() && size > 65_536 {
                    assert_eq!(answer.status, 413, "{case}");
                    assert_eq!(seen.len(), before, "{case}: refused and forwarded");
                    continue;
                }
                let expected = match path {
                    "/login" if size > 30 => 302,
                    "/login" => 401,
                    _ => 200,
                };
                assert_eq!(answer.status, expected, "{case}");
                assert_eq!(seen.len(), before + 1, "{case}");
                let seen = seen.pop().unwrap();
                assert!(seen.body == body, "{case}: arrived changed, {} bytes", seen.body.len());
                if path == "/login" {
                    assert_eq!(seen.header("content-length"), [size.to_string()], "{case}");
                    assert!(seen.header("transfer-encoding").is_empty(), "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn many_streams_of_one_connection_do_not_mix() {
    let origin = Origin::start(|request| Answer::new("200 OK", &[], &request.target)).await;
    let secured = Secured::start(SHOP, &origin).await;
    let client = secured.http2().await;
    let mut streams = Vec::new();
    let paths: Vec<_> = (0..24).map(|n| format!("{}?n={n}", ["/login", "/upload"][n % 2])).collect();
    let of = |n: usize| Bytes::from(format!("login=anna{n}&rest={}", format!("{n}.").repeat(40_000)));
    for (n, path) in paths.iter().enumerate() {
        let length = of(n).len().to_string();
        let form = [("content-type", "application/x-www-form-urlencoded"), ("content-length", &length)];
        streams.push(client.begin(request(Method::POST, path, &form), false).await);
    }
    // All heads are there before the first body, and the bodies compete for the connection.
    let exchanges = streams.into_iter().enumerate().map(|(n, (answer, mut stream))| async move {
        assert!(write(&mut stream, of(n), true).await, "stream {n} was reset");
        read(answer).await.unwrap()
    });
    let answers = join_all(exchanges).await;
    for (n, (answer, path)) in answers.iter().zip(&paths).enumerate() {
        assert_eq!((answer.status, answer.text()), (200, path.clone()), "stream {n}");
    }
    let requests = origin.requests();
    assert_eq!(requests.len(), 24);
    for (n, path) in paths.iter().enumerate() {
        let seen = requests.iter().find(|request| request.target == *path).unwrap();
        assert!(seen.body == of(n), "stream {n} arrived changed");
    }
    within("all bodies to be given back", until(|| secured.gate.inner.budget.held() == 0)).await;
}

#[tokio::test]
async fn a_stream_that_is_reset_midway_costs_the_application_nothing() {
    let origin = Origin::shop().await;
    let secured = Secured::start(SHOP, &origin).await;
    let client = secured.http2().await;
    for length in [Some("100000"), None] {
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(length.map(|length| ("content-length", length)));
        let (answer, mut stream) = client.begin(request(Method::POST, "/login", &headers), false).await;
        assert!(write(&mut stream, body(20_000), false).await);
        within("the gate to hold what came", until(|| secured.gate.inner.budget.held() >= 20_000)).await;
        stream.send_reset(::h2::Reason::CANCEL);
        drop(answer);
        within("held bytes to be given back", until(|| secured.gate.inner.budget.held() == 0)).await;
    }
    let records = secured.gate.records(2).await;
    assert!(records.iter().all(|record| record["enforced"] == "refused:broken_off"), "{records:?}");
    assert!(origin.requests().is_empty());
    assert_eq!(client.form("/login", RIGHT, &[]).await.status, 302, "other streams go on");
}

#[tokio::test]
async fn expect_100_continue_is_answered_over_http2_too() {
    let origin = Origin::shop().await;
    let secured = Secured::start(SHOP, &origin).await;
    let client = secured.http2().await;
    for path in ["/login", "/upload"] {
        let answer = client.form(path, RIGHT, &[("expect", "100-continue")]).await;
        assert!(matches!(answer.status, 302 | 200), "{path}: {}", answer.status);
    }
    assert!(origin.requests()[0].header("expect").is_empty());
    assert!(origin.requests().iter().all(|request| request.body == RIGHT.as_bytes()));
}

#[tokio::test]
async fn unannounced_trailers_are_left_behind_and_nothing_hangs() {
    let origin = Origin::shop().await;
    let secured = Secured::start(SHOP, &origin).await;
    let client = secured.http2().await;
    for (path, status) in [("/login", 302), ("/upload", 200)] {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let (answer, mut stream) = client.begin(request(Method::POST, path, &form), false).await;
        assert!(write(&mut stream, Bytes::from(RIGHT), false).await);
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-late", "1".parse().unwrap());
        stream.send_trailers(trailers).unwrap();
        assert_eq!(read(answer).await.unwrap().status, status, "{path}");
        let seen = origin.requests().pop().unwrap();
        assert_eq!(seen.body, RIGHT.as_bytes(), "{path}");
        assert!(seen.header("x-late").is_empty(), "{path}");
    }
}
