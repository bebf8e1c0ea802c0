//! What no well-behaved client does: disguises, frames that HTTP/1.1 has no words for, streams reset, silence.

use super::{RIGHT, Secured};
use crate::harness::h2::{Client, Fate, Raw, form, read, request, write};
use crate::harness::http::{get, send};
use crate::harness::origin::{Answer, Origin};
use crate::harness::{SHOP, until, within};
use http::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Sends a login, waits for the head of the answer (if there is one to come), takes nothing of its body and leaves.
async fn leave_after_the_head(secured: &Secured, status: Option<u16>) {
    let tls = secured.identity.connect(secured.address, "h2").await;
    let client = Client::with_window(tls, 0).await;
    let (answer, mut stream) = client.begin(form("/login", RIGHT, &[]), false).await;
    assert!(write(&mut stream, RIGHT.into(), true).await);
    match status {
        Some(status) => assert_eq!(within("the head", answer).await.unwrap().status(), status),
        None => drop(secured.gate.records(1).await),
    }
    stream.send_reset(::h2::Reason::CANCEL);
    // The reset is on its way when another stream was answered.
    let (answer, _) = client.begin(request(Method::GET, "/.tollgate/", &[]), true).await;
    assert!(within("the head", answer).await.unwrap().status().is_client_error());
}

#[tokio::test]
async fn who_saw_the_answer_cannot_hide_it_by_a_reset() {
    let by_body = SHOP.replace("[{ status: 401 }]", "[{ status: 200, body_contains: wrong }]");
    for (rule, status) in [(SHOP, "401 Unauthorized"), (&*by_body, "200 OK")] {
        let page = "wrong password, said at length. ".repeat(10_000);
        let origin = Origin::start(move |_| Answer::new(status, &[], &page)).await;
        let secured = Secured::start(rule, &origin).await;
        leave_after_the_head(&secured, status[..3].parse().ok()).await;
        assert_eq!(secured.gate.records(2).await[1]["status"], "$failed", "{status}");
    }
}

#[tokio::test]
async fn who_leaves_before_the_answer_says_what_it_is_has_aborted() {
    // Without the second step on the page, status 200 would be a success.
    let by_body = SHOP
        .replace(
            "      succeeded: [{ status: 302",
            "      pending: [{ body_contains: code }]\n      succeeded: [{ status: 200",
        )
        .replace(", set_cookie: \"session\" }]", " }]");
    for beginning in ["", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly a part of the page"] {
        // Says so much, and then nothing more.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let mut sockets = Vec::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                socket.write_all(beginning.as_bytes()).await.unwrap();
                sockets.push(socket);
            }
        });
        let secured = Secured::start_at(&by_body, &origin).await;
        leave_after_the_head(&secured, (!beginning.is_empty()).then_some(200)).await;
        // Neither a failure nor an answer: it stays open at the source.
        assert_eq!(secured.gate.records(2).await[1]["status"], "$aborted", "{beginning:?}");
    }
}

// No clock is asked how long is long: the busy connections are older than those that the gate found idle too long, and
// get their answers only when these are closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let (asked, answering) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let origin = Origin::start({
        let (asked, answering) = (asked.clone(), answering.clone());
        move |request| {
            if request.target == "/slow" {
                asked.fetch_add(1, Ordering::SeqCst);
                while !answering.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            Answer::new("200 OK", &[], "hello")
        }
    })
    .await;
    let idle = SHOP.replace("routes:", "limits: { client_idle: 1s }\nroutes:");
    let secured = Secured::start(&idle, &origin).await;
    let busy = async { assert_eq!(secured.http2().await.get("/slow", &[]).await.text(), "hello") };
    let http1 = async {
        let mut connection = secured.http1().await;
        connection.write(get("/slow", "")).await;
        assert_eq!(connection.read().await.unwrap().text(), "hello", "busy, and closed as if it were idle");
        let end = within("the end of an idle HTTP/1.1 connection", connection.socket.read_u8()).await;
        assert!(end.is_err());
    };
    let silent = async {
        within("both slow requests", until(|| asked.load(Ordering::SeqCst) == 2)).await;
        let answered_before = async {
            let client = secured.http2().await;
            assert_eq!(client.get("/", &[]).await.status, 200);
            client.closed().await;
        };
        let never_asked = async { secured.http2().await.closed().await };
        tokio::join!(answered_before, never_asked);
        answering.store(true, Ordering::SeqCst);
    };
    tokio::join!(busy, http1, silent);
}

#[tokio::test]
async fn who_begins_a_handshake_and_falls_silent_takes_a_place() {
    let origin = Origin::shop().await;
    let secured = Secured::start(&SHOP.replace("routes:", "limits: { connections: 10 }\nroutes:"), &origin).await;
    let open = || secured.gate.inner.connections.load(Ordering::Relaxed);
    let mut silent = Vec::new();
    for place in 1..=10 {
        let mut socket = TcpStream::connect(secured.address).await.unwrap();
        // The head of a TLS record that never comes.
        socket.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
        silent.push(socket);
        within("a place to be taken", until(|| open() == place)).await;
    }
    let mut another = TcpStream::connect(secured.address).await.unwrap();
    let end = within("the end of an eleventh connection", another.read(&mut [0; 1])).await;
    assert!(matches!(end, Ok(0) | Err(_)), "an eleventh connection was let in");
    drop(silent);
    within("the places to be free", until(|| open() == 0)).await;
    let mut connection = secured.http1().await;
    connection.write(get("/", "")).await;
    assert_eq!(connection.read().await.unwrap().status, 200);
    assert_eq!(open(), 1, "who is served has one place");
    drop(connection);
    within("the place to be free again", until(|| open() == 0)).await;
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
