//! Who is let in, and what becomes of those who are not.

use super::*;
use crate::harness::http::get;
use std::time::Duration;

#[tokio::test]
async fn only_who_shows_the_token_is_told_anything() {
    let (desk, _origin) = desk().await;
    for target in ["/api/v1/openapi.json", "/api/v1/config", "/api/v1/decisions", "/api/v1/nothing", "/api/"] {
        for header in
            ["", "Authorization: Bearer\r\n", "Authorization: Basic eDp5\r\n", "Authorization: Bearer wrong\r\n"]
        {
            let answer = desk.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n")).await;
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{target}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            assert_eq!(answer.json()["type"], "urn:tollgate:problem:unauthorised");
            desk.gate.clock.advance(Duration::from_secs(60));
        }
    }
    assert_eq!(desk.get("/api/v1/config").await.status, 200);
    assert_eq!(desk.get("/api/v1/nothing").await.status, 404);
    // The open pages stay open.
    assert_eq!(send(desk.address, get("/healthz", "")).await.status, 200);
    let audit = desk.audit();
    let first = &audit[0];
    assert_eq!(
        (&first["status"], &first["problem"], &first["call"]),
        (&401.into(), &"unauthorised".into(), &().into())
    );
    assert_eq!(first["peer"], "127.0.0.1");
    let text = std::fs::read_to_string(desk.gate.dir().join("audit.jsonl")).unwrap();
    assert!(!text.contains(&desk.token) && !text.contains("wrong"), "{text}");
}

#[tokio::test]
async fn whoever_guesses_is_slowed_down_and_locks_nobody_out() {
    let (desk, _origin) = desk().await;
    let guess = async || {
        desk.send("GET /api/v1/config HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer guess\r\n\r\n").await
    };
    let mut statuses = Vec::new();
    for _ in 0..14 {
        statuses.push(guess().await.status);
    }
    assert_eq!(statuses, [[401; 10].as_slice(), [429; 4].as_slice()].concat());
    let told = guess().await;
    assert_eq!(told.header("retry-after"), Some("10"));
    assert_eq!(desk.get("/api/v1/config").await.status, 200, "who knows the token is let in all the same");
    assert_eq!(desk.audit().len(), 10, "what is throttled fills no log");
    desk.gate.clock.advance(Duration::from_secs(10));
    assert_eq!(guess().await.status, 401);
    assert_eq!(desk.audit()[10]["untold"], 5);
}

#[tokio::test]
async fn a_script_gone_wild_is_bounded_too() {
    let (desk, _origin) = desk().await;
    let mut statuses = Vec::new();
    for _ in 0..104 {
        statuses.push(desk.ask_head("/api/v1/openapi.json").await.status);
    }
    assert_eq!(statuses, [[200; 100].as_slice(), [429; 4].as_slice()].concat());
    let told = desk.get("/api/v1/openapi.json").await;
    assert_eq!((told.status, told.header("retry-after")), (429, Some("1")));
    assert!(desk.audit().is_empty(), "nor does that fill a log");
    desk.gate.clock.advance(Duration::from_secs(1));
    assert_eq!(desk.get("/api/v1/openapi.json").await.status, 200);
}

#[tokio::test]
async fn pages_of_a_browser_have_no_business_here() {
    let (desk, _origin) = desk().await;
    for (header, status) in [
        ("Origin: https://evil.example\r\n", 403),
        ("Origin: null\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\n", 403),
        ("Sec-Fetch-Site: none\r\n", 200),
        ("", 200),
    ] {
        let answer = desk.send(desk.head("GET", "/api/v1/config", header)).await;
        assert_eq!(answer.status, status, "{header}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    for (host, status) in [("evil.example", 421), ("evil.example:9900", 421), ("127.0.0.1:9900", 200), ("[::1]", 200)] {
        let head = desk.head("GET", "/api/v1/config", "").replace("localhost", host);
        assert_eq!(desk.send(head).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn without_a_token_file_the_api_is_closed() {
    let origin = Origin::shop().await;
    let desk = Desk::open(&format!("admin: {{ address: \"127.0.0.1:2\" }}\n{SHOP}"), &origin).await;
    let answer = desk.send(desk.head("GET", "/api/v1/config", "")).await;
    assert_eq!((answer.status, &answer.json()["type"]), (403, &"urn:tollgate:problem:closed".into()));
    assert!(answer.text().contains("admin.token_file"), "{}", answer.text());
    assert_eq!(send(desk.address, get("/metrics", "")).await.status, 200);
}

#[tokio::test]
async fn methods_and_parameters_that_are_not_known_are_told_with_those_that_are() {
    let (desk, _origin) = desk().await;
    for (verb, target, allow) in [
        ("POST", "/api/v1/config", "GET, HEAD"),
        ("DELETE", "/api/v1/decisions", "GET, HEAD"),
        ("GET", "/api/v1/accounts/forget", "POST"),
        ("OPTIONS", "/api/v1/entities/lookup", "POST"),
        ("PATCH", "/api/v1/entities/ip/203.0.113.7", "GET, HEAD"),
    ] {
        let answer = desk.send(desk.head(verb, target, "Content-Length: 0\r\n")).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{verb} {target}");
    }
    let answer = desk.get("/api/v1/decisions?acount=anna").await;
    assert_eq!(answer.status, 400);
    let problem = answer.json();
    assert_eq!(problem["parameter"], "acount");
    assert!(problem["detail"].as_str().unwrap().contains("known: account, device, ip"), "{problem}");
    for wrong in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "action=block",
        "since=yesterday",
        "ip=x",
        "device=12",
        "cursor=x",
        "rule=",
    ] {
        let answer = desk.get(&format!("/api/v1/decisions?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }
    let head = desk.ask_head("/api/v1/config").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}
