//! The gate over TLS: HTTP/2 and HTTP/1.1 by ALPN, and an application behind TLS. What holds for plain HTTP/1.1 holds here.

use crate::challenge::solve;
use crate::harness::h2::{Fate, Raw, form, read, request, write};
use crate::harness::http::{Answer as Seen, BROWSER, Connection, get, post, send};
use crate::harness::origin::{Answer, Origin};
use crate::harness::tls::{self, Identity};
use crate::harness::{Gate, SHOP, within};
use crate::journey::{FROM_VIETNAM, abroad};
use crate::process::{Program, command};
use bytes::Bytes;
use futures::future::join_all;
use http::Method;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Sizes around Pingora's replay limit, and far beyond it.
const SIZES: [usize; 7] = [0, 1, 65_535, 65_536, 65_537, 1 << 20, 10 << 20];
const RIGHT: &str = "login=anna&password=right";
const VIETNAM: (&str, &str) = ("x-forwarded-for", "113.160.0.9");

/// A gate with a TLS listener in front of it.
struct Secured {
    gate: Gate,
    identity: Identity,
    address: SocketAddr,
}

impl Secured {
    async fn start(yaml: &str, origin: &Origin) -> Secured {
        let (gate, identity) = (Gate::start(yaml, origin).await, Identity::new());
        let address = tls::listen(&gate, &identity).await;
        Secured { gate, identity, address }
    }

    async fn http2(&self) -> crate::harness::h2::Client {
        self.identity.http2(self.address).await
    }

    async fn http1(&self) -> Connection<tls::Tls> {
        self.identity.http1(self.address).await
    }
}

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

async fn over_http2(client: &crate::harness::h2::Client, path: &str, framing: Framing, body: Bytes) -> Seen {
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

async fn over_http1(connection: &mut Connection<tls::Tls>, path: &str, framing: Framing, body: &[u8]) -> Seen {
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
async fn the_application_and_the_record_are_told_of_http2_and_tls() {
    let origin = Origin::shop().await;
    let secured = Secured::start(SHOP, &origin).await;
    let answer = secured.http2().await.form("/login?next=%2F", RIGHT, &[]).await;
    assert_eq!((answer.status, answer.header("location")), (302, Some("/account")));
    assert_eq!(answer.header("set-cookie"), Some("session=opened; HttpOnly; Path=/"));
    let seen = &origin.requests()[0];
    assert_eq!(seen.target, "/login?next=%2F");
    assert_eq!(seen.header("host"), ["shop.example"]);
    assert_eq!(seen.header("x-forwarded-host"), ["shop.example"]);
    assert_eq!(seen.header("x-forwarded-proto"), ["https"]);
    assert_eq!(seen.header("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.header("x-tollgate-action"), ["allow"]);
    let record = &secured.gate.records(2).await[0];
    assert_eq!(record["request"]["http"], "2");
    assert_eq!(record["request"]["host"], "shop.example");
    assert_eq!(record["enforced"], "forwarded");

    let mut old = secured.http1().await;
    old.write(post("/login", RIGHT, BROWSER)).await;
    assert_eq!(old.read().await.unwrap().status, 302);
    // The connection stays, and what is on no route goes on too.
    old.write(get("/", "")).await;
    assert_eq!(old.read().await.unwrap().text(), "hello");
    assert_eq!(origin.requests()[1].header("x-forwarded-proto"), ["https"]);
    assert_eq!(secured.gate.records(4).await[2]["request"]["http"], "1.1");
}

#[tokio::test]
async fn the_cookies_that_http2_sends_in_pieces_arrive_as_one() {
    // Browsers split `Cookie` for the sake of compression, and applications that speak HTTP/1.1 join two such headers
    // with a comma, which loses the session (RFC 9113, 8.2.3).
    let origin = Origin::shop().await;
    let secured = Secured::start(SHOP, &origin).await;
    let client = secured.http2().await;
    let pieces = [("cookie", "session=1"), ("cookie", "theme=dark"), ("cookie", "a=b; c=d")];
    client.get("/", &pieces).await;
    client.form("/login", RIGHT, &pieces).await;
    client.get("/", &[pieces[0], ("cookie", "tollgate_clearance=x"), pieces[1]]).await;
    let seen: Vec<_> = origin.requests().iter().map(|request| request.header("cookie").join("|")).collect();
    assert_eq!(seen, ["session=1; theme=dark; a=b; c=d", "session=1; theme=dark; a=b; c=d", "session=1; theme=dark"]);
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
    within("all bodies to be given back", async {
        while secured.gate.inner.budget.held() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_held_and_released_once_over_http2() {
    let plain = ("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /account\r\n", String::new());
    let length = ("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n", "x".repeat(50_000));
    let chunks = ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", "y".repeat(40_000));
    let no_chunk = ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", String::new());
    let nothing = ("HTTP/1.1 204 No Content\r\n", String::new());
    let until_close = ("HTTP/1.1 200 OK\r\nConnection: close\r\n", "z".repeat(30_000));
    for (head, body) in [plain, length, chunks, no_chunk, nothing, until_close] {
        let answer = head.to_owned() + "Set-Cookie: session=1\r\nSet-Cookie: other=2\r\n\r\n";
        let wire = match (head.contains("chunked"), body.len()) {
            (false, _) => body.clone(),
            (true, 0) => "0\r\n\r\n".to_owned(),
            (true, length) => format!("{length:x}\r\n{body}\r\n0\r\n\r\n"),
        };
        let close = head.contains("close");
        let origin = Origin::start(move |_| Answer { bytes: format!("{answer}{wire}").into_bytes(), close }).await;
        let rule = abroad().replace("{ status: 302, set_cookie: \"session\" }", "{ set_cookie: session }");
        let secured = Secured::start(&rule, &origin).await;
        let client = secured.http2().await;
        let held = client.form("/login", RIGHT, &[VIETNAM]).await;
        assert_eq!((held.status, held.body.len()), (303, 0), "{head}");
        let location = held.header("location").unwrap().to_owned();
        let [ticket] = held.all("set-cookie")[..] else { panic!("{head}: {:?}", held.all("set-cookie")) };
        assert!(ticket.contains("; Secure"), "{ticket}");
        let cookie = ("cookie", ticket.split(';').next().unwrap());

        let solution = solve(secured.gate.address, &location).await;
        let stranger = client.form(&location, &solution, &[]).await;
        assert!(stranger.status >= 400 && stranger.header("set-cookie").is_none(), "{head}: {}", stranger.status);
        let released = client.form(&location, &solution, &[cookie]).await;
        assert_eq!(released.status.to_string(), head[9..12], "{head}: {}", released.text());
        assert!(released.text() == body, "{head}: another body was released");
        let cookies = released.all("set-cookie").join(" ");
        assert!(cookies.contains("session=1") && cookies.contains("other=2"), "{head}: {cookies}");
        let again = client.form(&location, &solution, &[cookie]).await;
        assert!(again.status >= 400 && again.header("set-cookie").is_none(), "{head}: released twice");
        assert_eq!(origin.requests().len(), 1, "{head}");
        let records = secured.gate.records(3).await;
        assert_eq!((&records[1]["enforced"], &records[2]["enforced"]), (&"challenged".into(), &"released".into()));
    }
}

#[tokio::test]
async fn a_denial_after_success_drops_the_session_over_http2() {
    for (status, body) in [("302 Found", ""), ("200 OK", "welcome"), ("200 OK", &*"large".repeat(20_000))] {
        let answer = Answer::new(status, &[("Set-Cookie", "session=1")], body);
        let origin = Origin::start(move |_| answer.clone()).await;
        let rule = abroad()
            .replace("{ status: 302, set_cookie: \"session\" }", "{ set_cookie: session }")
            .replace("action: challenge, challenge: proof_of_work }\n    otherwise", "action: deny }\n    otherwise");
        let secured = Secured::start(&rule, &origin).await;
        let client = secured.http2().await;
        let answer = client.form("/login", RIGHT, &[VIETNAM]).await;
        assert_eq!(answer.status, 403, "{status}");
        assert!(answer.header("set-cookie").is_none() && answer.text().contains("refused"), "{status}");
        assert_eq!(secured.gate.records(2).await[1]["enforced"], "denied");
        // The connection lives on.
        assert_eq!(
            client.form("/login", RIGHT, &[("x-forwarded-for", "91.0.0.7")]).await.header("set-cookie"),
            Some("session=1")
        );
    }
}

#[tokio::test]
async fn a_challenge_before_forwarding_is_solved_over_http2() {
    let origin = Origin::shop().await;
    let secured = Secured::start(&SHOP.replace("fired.http_client_library", "true"), &origin).await;
    let client = secured.http2().await;
    let sent = client.form("/login", RIGHT, &[]).await;
    assert_eq!(sent.status, 303);
    let location = sent.header("location").unwrap().to_owned();
    let page = client.get(&location, &[]).await;
    assert_eq!(page.status, 200);
    let solution = solve(secured.gate.address, &location).await;
    let solved = client.form(&location, &solution, &[]).await;
    assert_eq!((solved.status, solved.header("location")), (303, Some("/login")));
    let clearance = solved.header("set-cookie").unwrap();
    assert!(clearance.contains("; Secure") && clearance.contains("; HttpOnly"), "{clearance}");
    let cookie = ("cookie", clearance.split(';').next().unwrap());
    assert_eq!(client.form("/login", RIGHT, &[("cookie", "theme=dark"), cookie]).await.status, 302);
    assert_eq!(origin.requests()[0].header("cookie"), ["theme=dark"]);
    assert_eq!(client.form("/login", RIGHT, &[cookie]).await.status, 303, "spent");
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
        within("the gate to hold what came", async {
            while secured.gate.inner.budget.held() < 20_000 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        stream.send_reset(::h2::Reason::CANCEL);
        drop(answer);
        within("held bytes to be given back", async {
            while secured.gate.inner.budget.held() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
    let records = secured.gate.records(2).await;
    assert!(records.iter().all(|record| record["enforced"] == "refused:broken_off"), "{records:?}");
    assert!(origin.requests().is_empty());
    assert_eq!(client.form("/login", RIGHT, &[]).await.status, 302, "other streams go on");
}

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
    let mut denied = 0;
    for n in 0..30 {
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
        denied += usize::from(last["enforced"] == "denied");
    }
    assert!(denied >= 10, "only {denied} of 30 were denied");
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
        tokio::io::AsyncWriteExt::write_all(&mut silent, said.as_bytes()).await.unwrap();
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

#[tokio::test]
async fn a_websocket_is_passed_on_through_tls() {
    let origin = Origin::start(|_| {
        Answer::raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nwelcome")
    })
    .await;
    let secured = Secured::start(SHOP, &origin).await;
    for _ in 0..20 {
        let mut connection = secured.http1().await;
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        connection.write(get("/live", upgrade)).await;
        assert_eq!(connection.read().await.expect("an upgrade").status, 101);
        let mut greeting = [0; 7];
        within("the greeting", connection.socket.read_exact(&mut greeting)).await.unwrap();
        assert_eq!(&greeting, b"welcome");
    }
    assert_eq!(origin.requests()[0].header("x-forwarded-proto"), ["https"]);
}

#[tokio::test]
async fn an_old_client_is_challenged_and_gets_its_held_answer_without_chunks() {
    for body in ["", "welcome", &*"w".repeat(50_000)] {
        let text = body.to_owned();
        let origin = Origin::start(move |_| Answer::new("200 OK", &[("Set-Cookie", "session=1")], &text)).await;
        let rule = abroad().replace("{ status: 302, set_cookie: \"session\" }", "{ set_cookie: session }");
        let gate = Gate::start(&rule, &origin).await;
        let old = |bytes: String| bytes.replace(" HTTP/1.1\r\n", " HTTP/1.0\r\n");
        let programs = BROWSER.replace("navigate", "cors");
        for (headers, status) in [(BROWSER, 303), (&*programs, 403)] {
            let login = old(post("/login", RIGHT, &format!("{headers}{FROM_VIETNAM}")));
            let held = send(gate.address, login).await;
            assert_eq!(held.status, status);
            assert!(held.header("transfer-encoding").is_none(), "chunks for HTTP/1.0");
            let location = match held.header("location") {
                Some(location) => location.to_owned(),
                None => held.json()["challenge"]["url"].as_str().unwrap().to_owned(),
            };
            let cookie = held.all("set-cookie")[0].split(';').next().unwrap().to_owned();
            let solution = solve(gate.address, &location).await;
            let release = old(post(&location, &solution, &format!("{BROWSER}Cookie: {cookie}\r\n")));
            let released = send(gate.address, release).await;
            assert_eq!((released.status, released.text()), (200, body.to_owned()));
            assert!(released.header("transfer-encoding").is_none());
        }
    }
}

#[tokio::test]
async fn an_application_behind_tls_is_reached_as_its_certificate_allows() {
    let (origin, identity) = (Origin::shop().await, Identity::new());
    let behind = tls::before(&origin, &identity).await;
    let server = format!("https://localhost:{}", behind.port());
    let servers = r#"servers: ["{origin}"]"#;
    let trusting = SHOP.replace(servers, r#"servers: ["{origin}"], verify: false"#);
    let gate = Gate::start_at(&trusting, &server).await;
    let answer = send(gate.address, post("/login", RIGHT, BROWSER)).await;
    assert_eq!(answer.status, 302);
    assert_eq!(origin.requests()[0].body, RIGHT.as_bytes());
    assert_eq!(origin.requests()[0].header("x-forwarded-proto"), ["http"], "that is how the visitor came");

    let careful = Gate::start_at(SHOP, &server).await;
    assert_eq!(send(careful.address, get("/", "")).await.status, 502);
    assert_eq!(send(careful.address, post("/login", RIGHT, BROWSER)).await.status, 502);
    assert_eq!(origin.requests().len(), 1, "an unknown certificate was trusted");
    assert_eq!(careful.records(2).await[1]["status"], "$unknown");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_ends_the_program_with_the_files_name() {
    let (one, other, dir) = (Identity::new(), Identity::new(), tempfile::tempdir().unwrap());
    let nothing = dir.path().join("empty.crt");
    std::fs::write(&nothing, "").unwrap();
    let missing = dir.path().join("missing.key");
    for (certificate, key, culprit) in [
        (one.certificate_file(), other.key_file(), other.key_file()),
        (nothing.clone(), one.key_file(), nothing),
        (one.key_file(), one.key_file(), one.key_file()),
        (one.certificate_file(), one.certificate_file(), one.certificate_file()),
        (one.certificate_file(), missing.clone(), missing),
    ] {
        let tls = format!(", tls: {{ certificate: \"{}\", key: \"{}\" }}", certificate.display(), key.display());
        let yaml = SHOP
            .replace("127.0.0.1:1\"", &format!("127.0.0.1:0\"{tls}"))
            .replace("{origin}", "127.0.0.1:9")
            .replace("{dir}", dir.path().to_str().unwrap());
        let file = dir.path().join("tollgate.yaml");
        std::fs::write(&file, yaml).unwrap();
        let output = within("the program to end", command(&file).output()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(1 | 78)), "{:?} {said}", output.status);
        assert!(said.contains(culprit.to_str().unwrap()) && said.contains("listen"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
