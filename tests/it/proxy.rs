//! What a reverse proxy owes everybody: requests and answers that arrive as they were sent.

use crate::harness::http::{Connection, get, send};
use crate::harness::origin::{Answer, Origin};
use crate::harness::{Gate, SHOP};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn an_unprotected_page_streams_through() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let answer = send(gate.address, get("/about?x=1&y=%20", "X-Kept: as It iS\r\nCookie: a=1\r\n")).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    let seen = &origin.requests()[0];
    assert_eq!(seen.target, "/about?x=1&y=%20");
    assert_eq!(seen.header("x-kept"), ["as It iS"]);
    assert_eq!(seen.header("host"), ["shop.example"]);
    assert_eq!(seen.header("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.header("x-forwarded-proto"), ["http"]);
    assert_eq!(seen.header("x-forwarded-host"), ["shop.example"]);
    assert!(gate.records(0).await.is_empty(), "nothing is recorded of what no route matches");
}

#[tokio::test]
async fn hop_by_hop_headers_end_at_the_gate() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    send(gate.address, get("/", "Connection: x-private\r\nX-Private: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\n")).await;
    let seen = &origin.requests()[0];
    for header in ["x-private", "keep-alive", "te"] {
        assert!(seen.header(header).is_empty(), "{header} went through");
    }
}

#[tokio::test]
async fn the_gates_own_headers_cannot_be_brought_along() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    send(gate.address, get("/", "X-Tollgate-Risk: 0\r\nX_Tollgate_Action: allow\r\nX-Original-URL: /admin\r\n")).await;
    let seen = &origin.requests()[0];
    let left: Vec<_> = seen.headers.iter().filter(|(n, _)| n.to_lowercase().contains("tollgate")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(seen.header("x-original-url").is_empty());
}

#[tokio::test]
async fn a_websocket_is_passed_on() {
    // Also the early one: 101 before the request was read to its end.
    let origin = Origin::start(|_| {
        Answer::raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nwelcome")
    })
    .await;
    let gate = Gate::start(SHOP, &origin).await;
    for _ in 0..50 {
        let mut connection = Connection::open(gate.address).await;
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        connection.write(get("/live", upgrade)).await;
        let answer = connection.read().await.expect("an upgrade");
        assert_eq!(answer.status, 101);
        let mut greeting = [0; 7];
        crate::harness::within("the greeting", connection.socket.read_exact(&mut greeting)).await.unwrap();
        assert_eq!(&greeting, b"welcome");
    }
}

#[tokio::test]
async fn a_websocket_that_is_accepted_early_survives() {
    // An application that answers 101 on sight of a connection, before it read the request.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
                socket.write_all(head).await.unwrap();
                socket.write_all(b"welcome").await.unwrap();
                let mut rest = Vec::new();
                let _ = socket.read_to_end(&mut rest).await;
            });
        }
    });
    let gate = Gate::start_at(SHOP, &address.to_string()).await;
    for _ in 0..50 {
        let mut connection = Connection::open(gate.address).await;
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        connection.write(get("/live", upgrade)).await;
        assert_eq!(connection.read().await.expect("an upgrade").status, 101);
        let mut greeting = [0; 7];
        crate::harness::within("the greeting", connection.socket.read_exact(&mut greeting)).await.unwrap();
        assert_eq!(&greeting, b"welcome");
    }
}

#[tokio::test]
async fn a_post_survives_a_pooled_connection_that_just_closed() {
    // The application closes each connection after its second answer without saying so: the race of keep-alive.
    let origin = Origin::start(|_| Answer::new("200 OK", &[], "ok")).await;
    let closing = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut socket = tokio::io::BufReader::new(socket);
                    let head = crate::harness::http::read_head(&mut socket).await;
                    let Some(head) = head else { return };
                    let headers = crate::harness::http::headers(head.lines().skip(1));
                    crate::harness::http::read_body(&mut socket, crate::harness::http::Body::of_request(&headers))
                        .await;
                    socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
                    // Reads the next request's first byte, and then closes instead of answering.
                    let _ = socket.read_u8().await;
                });
            }
        });
        address
    };
    drop(origin);
    let gate = Gate::start_at(SHOP, &closing.to_string()).await;
    for n in 0..40 {
        let answer = send(gate.address, crate::harness::http::form("/submit", "a=1")).await;
        assert_eq!(answer.status, 200, "request {n}");
        let answer = send(gate.address, crate::harness::http::form("/login", "login=a&password=x")).await;
        assert_eq!(answer.status, 200, "login {n}");
    }
}

#[tokio::test]
async fn an_application_that_is_down_is_a_502_and_one_that_hangs_a_504() {
    let gate = Gate::start_at(SHOP, "127.0.0.1:9").await;
    assert_eq!(send(gate.address, get("/", "")).await.status, 502);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = SHOP.replace(r#"servers: ["{origin}"]"#, r#"servers: ["{origin}"], timeouts: { read: 200ms }"#);
    let gate = Gate::start_at(&hanging, &silent.local_addr().unwrap().to_string()).await;
    assert_eq!(send(gate.address, get("/", "")).await.status, 504);
    let login = send(gate.address, crate::harness::http::form("/login", "login=a&password=x")).await;
    assert_eq!(login.status, 504);
    let records = gate.records(2).await;
    assert_eq!(records[1]["status"], "$unknown");
}

#[tokio::test]
async fn several_servers_share_the_work_and_a_dead_one_is_passed_over() {
    let (one, two) = (Origin::shop().await, Origin::shop().await);
    let servers = format!(r#"servers: ["{}", "{}", "127.0.0.1:9"]"#, one.address, two.address);
    let gate = Gate::start_at(&SHOP.replace(r#"servers: ["{origin}"]"#, &servers), "-").await;
    for _ in 0..12 {
        assert_eq!(send(gate.address, get("/", "")).await.status, 200);
    }
    assert!(one.requests().len() >= 3 && two.requests().len() >= 3);
}

#[tokio::test]
async fn hosts_choose_their_application() {
    let (shop, api) = (Origin::shop().await, Origin::shop().await);
    let both = format!(
        "upstream:\n  - {{ servers: [\"{}\"] }}\n  - {{ servers: [\"{}\"], hosts: [\"api.*\"], host: internal.api }}",
        shop.address, api.address
    );
    let gate = Gate::start_at(&SHOP.replace(r#"upstream: { servers: ["{origin}"] }"#, &both), "-").await;
    send(gate.address, "GET / HTTP/1.1\r\nHost: API.Shop.Example.:8080\r\n\r\n").await;
    send(gate.address, get("/", "")).await;
    assert_eq!(api.requests()[0].header("host"), ["internal.api"]);
    assert_eq!(api.requests()[0].header("x-forwarded-host"), ["API.Shop.Example.:8080"]);
    assert_eq!(shop.requests().len(), 1);
}

#[tokio::test]
async fn a_request_head_that_trickles_in_is_cut_off() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&SHOP.replace("routes:", "limits: { head: 300ms }\nroutes:"), &origin).await;
    let mut slow = Connection::open(gate.address).await;
    slow.write("GET / HTTP/1.1\r\nHost: a\r\n").await;
    let mut byte = [0];
    let end = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            slow.write("x").await;
            match tokio::time::timeout(Duration::from_millis(50), slow.socket.read(&mut byte)).await {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(_)) => panic!("an answer to half a head"),
                Err(_) => {}
            }
        }
    });
    end.await.expect("the connection was cut");
}

#[tokio::test]
async fn more_connections_than_the_limit_are_not_admitted() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&SHOP.replace("routes:", "limits: { connections: 10 }\nroutes:"), &origin).await;
    let mut admitted = Vec::new();
    for _ in 0..10 {
        let mut connection = Connection::open(gate.address).await;
        connection.write(get("/", "")).await;
        assert_eq!(connection.read().await.unwrap().status, 200);
        admitted.push(connection);
    }
    let mut another = Connection::open(gate.address).await;
    another.write(get("/", "")).await;
    assert!(another.read().await.is_none(), "an eleventh connection was served");
    // Who leaves makes room.
    admitted.clear();
    crate::harness::within("room for another", async {
        loop {
            let mut another = Connection::open(gate.address).await;
            another.write(get("/", "")).await;
            if another.read().await.is_some() {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_old_client_gets_an_answer_it_can_read() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let mut connection = Connection::open(gate.address).await;
    connection.write("GET / HTTP/1.0\r\nHost: shop.example\r\n\r\n").await;
    let answer = connection.read().await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    assert!(answer.header("transfer-encoding").is_none());
}

#[tokio::test]
async fn an_application_that_is_down_is_told_without_words_of_ours() {
    let dead = crate::harness::free_port();
    let gate = Gate::start_at(SHOP, &dead.to_string()).await;
    for (path, headers) in [("/", "Sec-Fetch-Mode: navigate\r\n"), ("/", "")] {
        let answer = send(gate.address, get(path, headers)).await;
        assert_eq!(answer.status, 502);
        assert_eq!(answer.header("server"), None);
        let text = answer.text();
        assert!(text.contains("does not answer at the moment"), "{text}");
        assert!(!text.to_lowercase().contains("pingora") && !text.contains(&dead.to_string()), "{text}");
        assert_eq!(text.starts_with("<!doctype html>"), !headers.is_empty());
    }
}
