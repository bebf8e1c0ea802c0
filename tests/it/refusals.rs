//! What the gate and the application could read differently is refused, or recorded where the operator says so.

use crate::harness::http::{BROWSER, form, send};
use crate::harness::origin::Origin;
use crate::harness::{Gate, SHOP};

#[tokio::test]
async fn odd_framing_on_a_protected_route_is_a_400() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let body = "login=anna&password=right";
    let cases = [
        "Content-Length: 25\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 25\r\nContent-Length: 25\r\n",
        "Content-Length: 25, 25\r\n",
        "Content-Length: +25\r\n",
        "Content-Length: 25\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        "Content-Length: 25\r\nX-Folded: a\r\n b\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
    ];
    for framing in cases {
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: shop.example\r\n{BROWSER}Content-Type: application/x-www-form-urlencoded\r\n{framing}\r\n{body}"
        );
        let answer = send(gate.address, request).await;
        assert_eq!(answer.status, 400, "{framing}");
    }
    assert!(origin.requests().is_empty());
    // Some of these Pingora refuses before they are anybody's attempt.
    let records = gate.records(1).await;
    assert!(
        records.iter().all(|record| record["device"]["name"].as_str().unwrap().contains(" on Linux")),
        "{records:?}"
    );
}

#[tokio::test]
async fn credentials_that_can_be_read_two_ways_are_denied() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    for (path, body) in [
        ("/login", "login=anna&login=bert&password=right"),
        ("/login", "login=anna&password=right&password=wrong"),
        ("/login?login=bert", "login=anna&password=right"),
        ("/login", "login=anna&login[]=bert&password=right"),
        // Joined, as ASP.NET reads it, this is another account.
        ("/login", "login=anna&login=anna&password=right"),
    ] {
        let answer = send(gate.address, form(path, body)).await;
        assert_eq!(answer.status, 403, "{path} {body}");
    }
    let records = gate.records(5).await;
    assert!(
        records.iter().all(|record| record["signals"].as_array().unwrap().iter().any(|s| s == "ambiguous_request"))
    );
    assert!(origin.requests().is_empty());

    let flagging = SHOP.replace("    policy: login\n", "    policy: login\n    ambiguous: flag\n");
    let gate = Gate::start(&flagging, &origin).await;
    assert_eq!(send(gate.address, form("/login", "login=anna&login=bert&password=right")).await.status, 302);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_a_400_unless_the_route_says_otherwise() {
    let origin = Origin::shop().await;
    let broken =
        form("/login", r#"{"login": "anna", "#).replace("application/x-www-form-urlencoded", "application/json");
    let gate = Gate::start(SHOP, &origin).await;
    // The route wants form fields; JSON is what a parser must not be confused with.
    let json = SHOP.replace(r#"account: "form:login""#, r#"account: "json:/login""#);
    let strict = Gate::start(&json, &origin).await;
    assert_eq!(send(strict.address, &broken).await.status, 400);
    assert!(strict.records(1).await[0]["enforced"].as_str().unwrap().starts_with("refused:"));
    let lenient = json.replace("    policy: login\n", "    policy: login\n    unreadable: forward_unscored\n");
    let lenient = Gate::start(&lenient, &origin).await;
    assert_eq!(send(lenient.address, &broken).await.status, 401);
    drop(gate);
}
