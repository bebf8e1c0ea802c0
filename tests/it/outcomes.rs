//! What the application answered, read by the route's rules; and what the operator's lists and answers do.

use crate::harness::http::{BROWSER, form, post, send};
use crate::harness::origin::{Answer, Origin};
use crate::harness::{Gate, SHOP};

const RULES: &str = r#"outcome:
      pending: [{ location: "*/2fa/*" }]
      succeeded:
        - { status: [302, 303], set_cookie: "session*", location: "!*/2fa/*" }
        - { status: 200, json: { /ok: "true" } }
      failed: [{ status: 200, body_contains: ["wrong password"] }, { status: 401 }, { header: { x-login: "no*" } }]"#;

#[tokio::test]
async fn answers_are_read_by_status_header_location_cookie_body_and_json() {
    let cookie_only = "Set-Cookie";
    let cases: Vec<(Answer, &str)> = vec![
        (Answer::new("302 Found", &[("Location", "/home"), (cookie_only, "session_id=1")], ""), "$succeeded"),
        // A deletion sets nothing.
        (Answer::new("302 Found", &[("Location", "/home"), (cookie_only, "session_id=; Max-Age=0")], ""), "$unknown"),
        (
            Answer::new(
                "302 Found",
                &[("Location", "/"), (cookie_only, "session=x; expires=Thu, 01 Jan 1970 00:00:00 GMT")],
                "",
            ),
            "$unknown",
        ),
        (
            Answer::new("303 See Other", &[("Location", "/accounts/2fa/code"), (cookie_only, "session=1")], ""),
            "$pending",
        ),
        (Answer::new("200 OK", &[("Content-Type", "text/html")], "<p>Sorry, wrong password.</p>"), "$failed"),
        (Answer::new("200 OK", &[("Content-Type", "application/json")], r#"{"ok": true}"#), "$succeeded"),
        (Answer::new("200 OK", &[("Content-Type", "application/json")], r#"{"ok": false}"#), "$unknown"),
        (Answer::new("401 Unauthorized", &[], ""), "$failed"),
        (Answer::new("204 No Content", &[("X-Login", "no such user")], ""), "$failed"),
        (Answer::new("429 Too Many Requests", &[], "slow down"), "$unknown"),
        (Answer::new("500 Internal Server Error", &[], "oops"), "$unknown"),
    ];
    let (answers, expected): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let origin = Origin::start(move |request| {
        let n: usize = request.header("x-case")[0].parse().unwrap();
        answers[n].clone()
    })
    .await;
    let gate = Gate::start(&with_outcome(RULES), &origin).await;
    for (n, expected) in expected.iter().enumerate() {
        let headers = format!("{BROWSER}X-Case: {n}\r\nX-Forwarded-For: 198.51.100.{n}\r\n");
        send(gate.address, post("/login", "login=anna&password=x", &headers)).await;
        let records = gate.records(2 * (n + 1)).await;
        assert_eq!(records[2 * n + 1]["status"], **expected, "case {n}");
    }
    let rules: Vec<_> = gate.records(0).await.iter().map(|record| record["outcome"]["rule"].clone()).collect();
    assert_eq!(rules[1], "succeeded[0]");
    // What is read is not held back or changed, and is asked for uncompressed.
    assert!(origin.requests().iter().all(|request| request.header("accept-encoding") == ["identity"]));
}

#[tokio::test]
async fn a_long_body_is_read_to_64_kib_and_passed_on_whole() {
    let long = format!("{}wrong password{}", "a".repeat(60_000), "b".repeat(200_000));
    let late = format!("{}wrong password", "a".repeat(70_000));
    for (body, expected) in [(long, "$failed"), (late, "$unknown")] {
        let answer = body.clone();
        let origin = Origin::start(move |_| Answer::new("200 OK", &[], &answer)).await;
        let gate = Gate::start(&with_outcome(RULES), &origin).await;
        let got = send(gate.address, form("/login", "login=anna&password=x")).await;
        assert!(got.text() == body, "the body was changed");
        assert_eq!(gate.records(2).await[1]["status"], expected);
    }
}

#[tokio::test]
async fn the_operators_lists_refuse_and_excuse() {
    let origin = Origin::shop().await;
    let listed = SHOP
        .replace("routes:", "lists:\n  blocked: { effect: deny, of: account, entries: [\"Mallory@Example.com\"] }\n  office: { effect: allow, of: ip, entries: [198.51.100.0/24] }\nroutes:")
        .replace("    rules:", "    rules:\n      - { name: office, when: listed.office, action: allow }\n      - { name: listed, when: listed.blocked, action: deny }");
    let gate = Gate::start(&listed, &origin).await;
    assert_eq!(send(gate.address, form("/login", "login=mallory%40EXAMPLE.com&password=right")).await.status, 403);
    assert_eq!(send(gate.address, form("/login", "login=anna%40example.com&password=right")).await.status, 302);
    let from_office = format!("{BROWSER}X-Forwarded-For: 198.51.100.9\r\n");
    let excused = post("/login", "login=mallory%40example.com&password=right", &from_office);
    assert_eq!(send(gate.address, excused).await.status, 302);
    let records = gate.records(5).await;
    assert_eq!(records[0]["policy"]["rule"], "listed");
    assert!(records[0]["signals"].as_array().unwrap().contains(&"deny_listed".into()));
    assert_eq!(records[3]["policy"]["rule"], "office");
}

#[tokio::test]
async fn a_denial_answers_as_the_operator_wrote_it() {
    let origin = Origin::shop().await;
    let blocked = format!("{BROWSER}X-Forwarded-For: 203.0.113.66\r\n");
    let program = "Accept: */*\r\nX-Forwarded-For: 203.0.113.66\r\n";
    let own = SHOP.replace(
        "    otherwise: allow",
        "    otherwise: allow\n    deny: { respond: 429, html: \"<h1>Not today</h1>\", json: '{\"error\": \"no\"}' }",
    );
    let gate = Gate::start(&own, &origin).await;
    let page = send(gate.address, post("/login", "login=a&password=x", &blocked)).await;
    assert_eq!((page.status, page.text().as_str()), (429, "<h1>Not today</h1>"));
    let json = send(gate.address, post("/login", "login=a&password=x", program)).await;
    assert_eq!((json.status, json.json()["error"].as_str()), (429, Some("no")));

    let back = SHOP.replace("    otherwise: allow", "    otherwise: allow\n    deny: { redirect: page }");
    let gate = Gate::start(&back, &origin).await;
    let page = send(gate.address, post("/login", "login=a&password=x", &blocked)).await;
    assert_eq!((page.status, page.header("location")), (303, Some("/login")));
    let json = send(gate.address, post("/login", "login=a&password=x", program)).await;
    assert_eq!(json.status, 403, "a program is not redirected");
}

fn with_outcome(rules: &str) -> String {
    let start = SHOP.find("outcome:").unwrap();
    let end = SHOP.find("    policy: login").unwrap();
    format!("{}{}\n{}", &SHOP[..start], rules, &SHOP[end..])
}
