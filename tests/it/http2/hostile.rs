//! What no well-behaved client does: disguises, frames that HTTP/1.1 has no words for, streams reset, silence.

use super::{RIGHT, Secured};
use crate::harness::h2::{Fate, Raw, form, read, write};
use crate::harness::http::{get, send};
use crate::harness::origin::{Answer, Origin};
use crate::harness::{SHOP, within};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn who_resets_each_stream_before_the_answer_is_counted_all_the_same() {
    // The visitor never learns whether a guess was right; whoever does this all the same is stuffing all the same.
    let origin = Origin::shop().await;
    let rule = SHOP.replace(
        "    otherwise: allow",
        "      - { name: stuffing, when: fired.credential_stuffing, action: deny }\n    otherwise: allow",
    );
    let secured = Secured::start(&rule, &origin).await;
    let client = secured.http2().await;
    let mut denied_at = None;
    for n in 0..50 {
        let body = format!("login=user{n}&password=x");
        let from = [("x-forwarded-for", "198.51.100.30")];
        let (answer, mut stream) = client.begin(form("/login", &body, &from), false).await;
        write(&mut stream, body.into(), true).await;
        let attempted = |records: &[serde_json::Value]| {
            records.iter().filter(|record| record["status"] == "$attempted").cloned().collect::<Vec<_>>()
        };
        let last = within("the attempt to be judged", async {
            loop {
                let records = attempted(&secured.gate.records(n + 1).await);
                if records.len() > n {
                    return records[n].clone();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        stream.send_reset(::h2::Reason::CANCEL);
        drop(answer);
        if last["enforced"] == "denied" {
            denied_at = Some(n);
            break;
        }
    }
    // An attempt without an answer counts by the usual share of failures, so it takes a few more than twenty.
    assert!(denied_at.is_some_and(|n| n < 40), "denied first at {denied_at:?}");
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let origin = Origin::start(|request| {
        if request.target == "/slow" {
            std::thread::sleep(Duration::from_millis(2500));
        }
        Answer::new("200 OK", &[], "hello")
    })
    .await;
    let idle = SHOP.replace("routes:", "limits: { client_idle: 1s }\nroutes:");
    let secured = Secured::start(&idle, &origin).await;
    let http2 = async {
        let client = secured.http2().await;
        assert_eq!(client.get("/", &[]).await.status, 200);
        client.closed().await;
    };
    let never_asked = async { secured.http2().await.closed().await };
    let busy = async { assert_eq!(secured.http2().await.get("/slow", &[]).await.text(), "hello") };
    let http1 = async {
        let mut connection = secured.http1().await;
        for path in ["/", "/slow", "/"] {
            connection.write(get(path, "")).await;
            assert_eq!(connection.read().await.unwrap().status, 200);
        }
        let end = tokio::time::timeout(Duration::from_secs(20), connection.socket.read_u8()).await;
        assert!(end.expect("an idle HTTP/1.1 connection was kept").is_err());
    };
    tokio::join!(http2, never_asked, busy, http1);
}

#[tokio::test]
async fn who_chooses_http2_and_says_nothing_is_cut_off() {
    let origin = Origin::shop().await;
    let secured = Secured::start(&SHOP.replace("routes:", "limits: { head: 300ms }\nroutes:"), &origin).await;
    for said in ["", "PRI * HT"] {
        let mut silent = secured.identity.connect(secured.address, "h2").await;
        silent.write_all(said.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(20), silent.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "a connection that began with {said:?} was kept");
    }
}

#[tokio::test]
async fn disguised_paths_are_recognised_over_http2() {
    let origin = Origin::shop().await;
    let secured = Secured::start(SHOP, &origin).await;
    let disguises: [&[u8]; 19] = [
        b"/login/",
        b"//login",
        b"/./login",
        b"/x/../login",
        b"/LOGIN",
        b"/%6cogin",
        b"/%256cogin",
        b"/login;jsessionid=1",
        b"/login%2f",
        b"/login.",
        b"/login%00",
        b"\\login",
        b"/%5clogin",
        b"/x%2f..%2flogin",
        b"/login?x=1",
        b"/login#x",
        b"login",
        b"http://shop.example/login",
        b"/\xc0\xaflogin",
    ];
    let (mut answered, mut attempts) = (0, 0);
    for path in disguises {
        let shown = String::from_utf8_lossy(path).into_owned();
        let mut raw = Raw::over(secured.identity.connect(secured.address, "h2").await).await;
        let fields: [(&str, &[u8]); 9] = [
            (":method", b"POST"),
            (":scheme", b"https"),
            (":authority", b"shop.example"),
            (":path", path),
            ("user-agent", b"Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0.0.0"),
            ("accept", b"text/html"),
            ("accept-language", b"de"),
            ("content-type", b"application/x-www-form-urlencoded"),
            ("content-length", b"25"),
        ];
        let before = origin.requests().len();
        let fate = raw.send(&fields, Some(RIGHT.as_bytes())).await;
        answered += usize::from(fate == Fate::Answered);
        if origin.requests().len() > before {
            attempts += 2;
            let records = secured.gate.records(attempts).await;
            assert_eq!(records[attempts - 1]["route"], "sign-in", "{shown} reached the application unjudged");
            assert_eq!(records.len(), attempts, "{shown}");
        }
    }
    assert!(answered >= 15 && attempts >= 2 * 14, "only {answered} were answered, {} judged", attempts / 2);
}

#[tokio::test]
async fn what_cannot_be_said_in_http1_is_refused() {
    let origin = Origin::shop().await;
    let secured = Secured::start(SHOP, &origin).await;
    let plain: [(&str, &[u8]); 8] = [
        (":method", b"POST"),
        (":scheme", b"https"),
        (":authority", b"shop.example"),
        (":path", b"/login"),
        ("user-agent", b"Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0.0.0"),
        ("accept", b"text/html"),
        ("accept-language", b"de"),
        ("content-type", b"application/x-www-form-urlencoded"),
    ];
    let with = |field: (&'static str, &'static [u8])| [&plain[..], &[field]].concat();
    let instead = |at: usize, value: &'static [u8]| {
        let mut fields = plain.to_vec();
        fields[at].1 = value;
        fields
    };
    let cases = [
        with(("transfer-encoding", b"chunked")),
        with(("connection", b"close")),
        with(("upgrade", b"websocket")),
        with(("content-length", b"24")),
        with(("content-length", b"26")),
        with(("content-length", b"+25")),
        with(("content-length", b"25, 25")),
        with(("host", b"elsewhere.example")),
        with(("x-smuggled", b"a\r\nTransfer-Encoding: chunked")),
        with(("x-smuggled", b"a\nb")),
        with(("x-smuggled", b"a\0b")),
        with(("x smuggled", b"a")),
        with(("x-smuggled: a\r\nx-y", b"a")),
        with(("X-Upper", b"a")),
        with((":path", b"/upload")),
        instead(0, b"POST /admin HTTP/1.1\r\nX: "),
        instead(0, b"CONNECT"),
        instead(2, b"shop.example\r\nX: y"),
        instead(2, b"user@shop.example"),
        instead(2, b""),
        instead(3, b""),
        instead(3, b"/login HTTP/1.1\r\nX: y"),
        instead(3, b"/login x"),
    ];
    for fields in cases {
        let shown: Vec<_> = fields.iter().map(|(n, v)| format!("{n}: {}", String::from_utf8_lossy(v))).collect();
        let mut raw = Raw::over(secured.identity.connect(secured.address, "h2").await).await;
        raw.send(&fields, Some(RIGHT.as_bytes())).await;
        let requests = origin.requests();
        assert!(requests.is_empty(), "{shown:?} reached the application as {requests:?}");
    }
    let mut raw = Raw::over(secured.identity.connect(secured.address, "h2").await).await;
    assert_eq!(raw.send(&plain, Some(RIGHT.as_bytes())).await, Fate::Answered);
    assert_eq!(origin.requests().len(), 1, "without these oddities it is a login");
}

#[tokio::test]
async fn connect_is_refused() {
    let origin = Origin::shop().await;
    let secured = Secured::start(SHOP, &origin).await;
    let client = secured.http2().await;
    let connect = http::Request::connect("shop.example:443").body(()).unwrap();
    let (answer, _stream) = client.begin(connect, false).await;
    assert_eq!(read(answer).await.unwrap().status, 405);
    let plain = send(secured.gate.address, "CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n\r\n").await;
    assert_eq!(plain.status, 405);
    assert!(origin.requests().is_empty());
    assert_eq!(client.get("/", &[]).await.status, 200, "the connection lives on");
}
