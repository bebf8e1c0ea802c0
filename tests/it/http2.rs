//! The gate over TLS: HTTP/2 and HTTP/1.1 by ALPN, and an application behind TLS. What holds for plain HTTP/1.1 holds here.

mod bodies;
mod hostile;
mod secured;

use crate::challenge::solve;
use crate::harness::h2::Client;
use crate::harness::http::{BROWSER, Connection, get, post};
use crate::harness::origin::{Answer, Origin};
use crate::harness::tls::{self, Identity};
use crate::harness::{Gate, SHOP};
use crate::journey::abroad;
use std::net::SocketAddr;

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
        Secured::start_at(yaml, &origin.address.to_string()).await
    }

    async fn start_at(yaml: &str, origin: &str) -> Secured {
        let (gate, identity) = (Gate::start_at(yaml, origin).await, Identity::new());
        let address = tls::listen(&gate, &identity).await;
        Secured { gate, identity, address }
    }

    async fn http2(&self) -> Client {
        self.identity.http2(self.address).await
    }

    async fn http1(&self) -> Connection<tls::Tls> {
        self.identity.http1(self.address).await
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
        // Every cookie that comes is then of the application or of the hold.
        let rule = rule + "device: { cookie: false }\n";
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
        assert!(answer.all("set-cookie").iter().all(|cookie| !cookie.contains("session")), "{status}");
        assert!(answer.text().contains("refused"), "{status}");
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
