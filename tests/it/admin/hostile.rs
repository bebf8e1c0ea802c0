//! Whoever holds the token may be a program that was taken over: nothing that it sends makes the gate stumble.

use super::*;
use crate::harness::http::Connection;

/// Sends bytes and hangs up; what matters is that the next one is answered.
async fn shout(desk: &Desk, bytes: impl AsRef<[u8]>) -> Option<u16> {
    let mut connection = Connection::open(desk.address).await;
    connection.write(bytes).await;
    connection.read().await.map(|answer| answer.status)
}

#[tokio::test]
async fn nothing_that_is_sent_makes_it_stumble() {
    let (desk, _origin) = desk().await;
    let post = |target: &str, media: &str, length: &str, body: &str| {
        desk.head("POST", target, &format!("Content-Type: {media}\r\nContent-Length: {length}\r\n")) + body
    };
    let json = "application/json";
    let lookup = "/api/v1/entities/lookup";
    let deep = format!("{{\"account\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let long = "x".repeat(70_000);
    for (bytes, status) in [
        (desk.head("GET", "/api/v1/decisions?%zz=1", ""), 400),
        (desk.head("GET", "/api/v1/decisions?account=%ff%fe", ""), 400),
        (desk.head("GET", "/api/v1/decisions?account=%00", ""), 400),
        (desk.head("GET", "/api/v1/decisions?limit=1&limit=2", ""), 400),
        (desk.head("GET", "/api/v1/decisions?limit=99999999999999999999999", ""), 400),
        (desk.head("GET", "/api/v1/decisions?limit=%2B5", ""), 400),
        (desk.head("GET", "/api/v1/decisions?cursor=lffffffffffffffff.ffffffffffffffff", ""), 410),
        (desk.head("GET", "/api/v1/decisions?cursor=rffffffffffffffff.0", ""), 410),
        (desk.head("GET", &format!("/api/v1/decisions?account={}", "a".repeat(9_000)), ""), 400),
        (desk.head("GET", &format!("/api/v1{}", "/a".repeat(100)), ""), 400),
        (desk.head("GET", "/api/v1/../../etc/passwd", ""), 404),
        (desk.head("GET", "/api/v1/decisions/", ""), 404),
        (desk.head("GET", "//api/v1/decisions", ""), 404),
        (desk.head("GET", "/api/v1/entities/ip/%2e%2e%2f", ""), 400),
        (desk.head("BREW", "/api/v1/decisions", ""), 405),
        (post(lookup, json, "2", "{}"), 400),
        (post(lookup, json, "3", "nul"), 400),
        (post(lookup, json, &deep.len().to_string(), &deep), 400),
        (post(lookup, json, "0", ""), 400),
        (post(lookup, json, &long.len().to_string(), &long), 413),
        (post(lookup, json, "99999999999", ""), 413),
        (post(lookup, "text/plain", "2", "{}"), 415),
        (post(lookup, "application/x-www-form-urlencoded", "2", "{}"), 415),
        (post(lookup, "application/json; charset=utf-8", "17", "{\"account\":\"anna\"}"), 400),
        (post(lookup, "application/json; charset=utf-8", "18", "{\"account\":\"anna\"}"), 200),
        (
            desk.head("POST", lookup, "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n")
                + &format!("11170\r\n{}\r\n0\r\n\r\n", "y".repeat(0x11170)),
            413,
        ),
        (desk.head("GET", "/api/v1/config", "Content-Length: 5\r\n") + "hello", 413),
    ] {
        let shown: String = bytes.chars().take(60).collect();
        assert_eq!(shout(&desk, &bytes).await, Some(status), "{shown}");
        assert_eq!(desk.send(crate::harness::http::get("/healthz", "")).await.status, 200);
    }
    for bytes in
        [&b"\x00\x01\x02\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        shout(&desk, bytes).await;
    }
    assert_eq!(desk.get("/api/v1/config").await.status, 200);
}

/// Whoever opens connections and says nothing keeps nobody out who speaks.
#[tokio::test]
async fn half_said_heads_keep_nobody_out() {
    let (desk, _origin) = desk().await;
    let mut silent = Vec::new();
    for _ in 0..600 {
        let mut connection = Connection::open(desk.address).await;
        connection.write("GET /healthz HT").await;
        silent.push(connection);
    }
    for _ in 0..20 {
        assert_eq!(shout(&desk, desk.head("GET", "/healthz", "")).await, Some(200));
    }
}
