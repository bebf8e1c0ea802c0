//! Who the client is, by what it sends without a script: forgeries are asked for a proof, browsers are not.

use crate::harness::http::{Answer, BROWSER, form, post, send};
use crate::harness::origin::Origin;
use crate::harness::{Gate, SHOP, shop_with};
use serde_json::Value;
use std::time::Duration;

/// The shop under the built-in policy.
fn standard(changes: &[(&str, &str)]) -> String {
    let changes = [&[("    policy: login\n", "")], changes].concat();
    shop_with(&changes)
}

/// A tool for guessing as it comes: Chrome's name, a library's headers.
const CHECKER: &str = "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/142.0.0.0 Safari/537.36\r\nAccept: */*\r\nAccept-Language: en-US,en;q=0.8\r\nAccept-Encoding: gzip, deflate\r\n\
    Connection: keep-alive\r\n";

const WRONG: &str = "login=anna&password=wrong-and-on-no-list";

async fn one(gate: &Gate, request: String) -> (Answer, Value) {
    let answer = send(gate.address, request).await;
    (answer, gate.records(1).await.remove(0))
}

fn fired<'r>(record: &'r Value, signal: &str) -> Option<&'r Value> {
    let fired = record["signals"].as_array().is_some_and(|signals| signals.iter().any(|name| name == signal));
    fired.then(|| &record["evidence"][signal])
}

#[tokio::test]
async fn a_forged_browser_is_challenged_and_the_record_names_the_pieces() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&standard(&[]), &origin).await;
    let (answer, record) = one(&gate, post("/login", WRONG, CHECKER)).await;
    assert_eq!((answer.status, &record["enforced"]), (403, &Value::from("challenged")), "{record}");
    let evidence = fired(&record, "spoofed_device").unwrap_or_else(|| panic!("{record}"));
    assert_eq!(evidence["contradictions"], serde_json::json!(["user_agent/accept_language", "method/no_origin"]));
    assert!(origin.requests().is_empty());
}

#[tokio::test]
async fn a_browser_under_another_name_is_told_by_its_client_hints() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&standard(&[]), &origin).await;
    let (_, record) = one(&gate, post("/login", WRONG, &BROWSER.replace("Chrome/142", "Chrome/120"))).await;
    let evidence = fired(&record, "spoofed_device").unwrap_or_else(|| panic!("{record}"));
    assert_eq!(evidence["contradictions"], serde_json::json!(["user_agent/sec_ch_ua_version"]));
    assert_eq!(record["enforced"], "challenged");
}

#[tokio::test]
async fn a_browser_passes_without_a_word() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&standard(&[]), &origin).await;
    let (answer, record) = one(&gate, form("/login", WRONG)).await;
    assert_eq!((answer.status, &record["signals"]), (401, &serde_json::json!([])), "{record}");
    assert!(record["evidence"].get("spoofed_device").is_none(), "{record}");
}

#[tokio::test]
async fn whoever_fills_in_what_nobody_sees_is_challenged() {
    let origin = Origin::shop().await;
    let trapped = standard(&[("    pages: [/login]\n", "    pages: [/login]\n    trap: form:website\n")]);
    for (body, status, share) in [
        ("login=anna&password=wrong&website=", 401, None),
        ("login=anna&password=wrong&website=+", 401, None),
        ("login=anna&password=wrong", 401, Some(0.3)),
        ("login=anna&password=wrong&website=http%3A%2F%2Fspam.example", 403, Some(1.0)),
    ] {
        let gate = Gate::start(&trapped, &origin).await;
        let (answer, record) = one(&gate, form("/login", body)).await;
        assert_eq!(answer.status, if status == 403 { 303 } else { status }, "{body}: {record}");
        assert_eq!(record["evidence"]["bot_behavior"]["share"].as_f64(), share, "{body}: {record}");
        assert_eq!(fired(&record, "bot_behavior").is_some(), share == Some(1.0), "{body}");
        assert!(!record.to_string().contains("spam.example"), "what was written there is nobody's business");
    }
}

#[tokio::test]
async fn attempts_by_the_clock_are_a_programs_and_attempts_by_chance_are_not() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let try_after = async |millis: u64, number: usize, headers: &str| {
        gate.clock.advance(Duration::from_millis(millis));
        send(gate.address, post("/login", &format!("login=user{number}&password=right"), headers)).await;
    };
    for number in 0..14 {
        try_after(30_000 + 400 * (number as u64 % 3), number, BROWSER).await;
    }
    // Others, behind the same address with another browser, at odd moments.
    let others = BROWSER.replace("Accept-Language: de", "Accept-Language: fr");
    for (number, millis) in
        [9_000, 61_000, 3_000, 150_000, 22_000, 48_000, 7_000, 90_000, 15_000, 33_000, 5_000, 70_000, 41_000, 12_000]
            .into_iter()
            .enumerate()
    {
        try_after(millis, 100 + number, &others).await;
    }
    let records = gate.records(56).await;
    let attempts: Vec<_> = records.iter().filter(|record| record["status"] == "$attempted").collect();
    let by_clock: Vec<bool> = attempts.iter().map(|record| fired(record, "bot_behavior").is_some()).collect();
    let expected: Vec<bool> = (0..28).map(|number| (12..14).contains(&number)).collect();
    assert_eq!(by_clock, expected);
    let evidence = &attempts[13]["evidence"]["bot_behavior"];
    assert_eq!((&evidence["gaps"], &evidence["mean_s"]), (&Value::from(13), &Value::from(30.4)), "{evidence}");
}

#[tokio::test]
async fn who_says_that_he_was_passed_on_is_a_proxy_with_little_weight() {
    let origin = Origin::shop().await;
    let open = standard(&[("client_ip: { trusted_proxies: [\"127.0.0.1/32\"] }\n", "")]);
    for (headers, share, fires) in [
        ("", None, false),
        ("Via: 1.1 squid\r\n", Some(0.15), false),
        ("Via: 1.1 squid\r\nX-Forwarded-For: 10.1.2.3\r\n", Some(0.15), false),
        ("X-Forwarded-For: 198.51.100.9\r\n", Some(0.3), true),
        (
            "X-Forwarded-For: 198.51.100.9\r\nX-Real-IP: 198.51.100.9\r\nClient-IP: 198.51.100.9\r\nX-Remote-IP: 1\r\n",
            Some(0.6),
            true,
        ),
    ] {
        let gate = Gate::start(&open, &origin).await;
        let (answer, record) = one(&gate, post("/login", WRONG, &format!("{BROWSER}{headers}"))).await;
        assert_eq!(record["evidence"]["proxy_ip"]["share"].as_f64(), share, "{headers}: {record}");
        assert_eq!((answer.status, fired(&record, "proxy_ip").is_some()), (401, fires), "{headers}");
    }
    // A proxy of the operator's may say what it likes.
    let gate = Gate::start(&standard(&[]), &origin).await;
    let (_, record) =
        one(&gate, post("/login", WRONG, &format!("{BROWSER}Via: 1.1 lb\r\nX-Forwarded-For: 198.51.100.9\r\n"))).await;
    assert!(record["evidence"].get("proxy_ip").is_none(), "{record}");
}
