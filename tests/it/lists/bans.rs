//! Bans: by rules, growing, and never of those who must not be.

use super::{MINUTE, VISITOR, addition, sign_in};
use crate::harness::http::{BROWSER, post, send};
use crate::harness::origin::Origin;
use crate::harness::{Gate, shop_with};
use serde_json::{Value, json};
use std::time::Duration;

/// A shop that bans programs: for fifteen minutes at first, at most an hour.
fn shop() -> String {
    shop_with(&[
        ("policies:", "lists:\n  office: { effect: allow, of: ip }\npolicies:"),
        (
            "{ name: robots, when: fired.http_client_library, action: challenge, challenge: proof_of_work }",
            "{ name: robots, when: fired.http_client_library, action: deny, ban: { for: 15m, most: 1h } }",
        ),
    ])
}

/// The status of a program's sign-in.
async fn robot(gate: &Gate, ip: &str) -> u16 {
    let headers = format!("User-Agent: curl/8.5.0\r\nAccept: */*\r\nX-Forwarded-For: {ip}\r\n");
    send(gate.address, post("/login", "login=anna&password=wrong", &headers)).await.status
}

async fn last_policy(gate: &Gate, records: usize) -> Value {
    gate.records(records).await[records - 1]["policy"].clone()
}

fn metric(gate: &Gate, result: &str) -> String {
    let text = String::from_utf8(gate.inner.metrics.text().unwrap()).unwrap();
    let wanted = format!("tollgate_bans_total{{result=\"{result}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&wanted)).unwrap_or("0").to_owned()
}

#[tokio::test]
async fn who_trips_the_rule_is_refused_whatever_they_send_until_the_ban_is_over() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(), &origin).await;
    assert_eq!(robot(&gate, VISITOR).await, 403);
    let ban = json!({ "of": "ip", "result": "banned", "until": "2026-11-22T09:15:00.000Z", "times": 1 });
    assert_eq!(last_policy(&gate, 1).await["ban"], ban);
    assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 403, "a browser, and the right password");
    let policy = last_policy(&gate, 2).await;
    assert_eq!(policy, json!({ "name": "login", "rule": "banned", "action": "deny", "challenge": null, "ban": null }));
    assert_eq!(sign_in(gate.address, "198.51.100.8", "anna").await, 302, "the neighbour is not meant");
    let shown = gate.page("banned", None, 10).entries.remove(0);
    assert_eq!((shown.entry.as_str(), shown.by.as_str(), shown.times), (VISITOR, "rule", 1));
    assert!(shown.reason.starts_with("rule robots of policy login, attempt 01"), "{}", shown.reason);
    gate.clock.advance(15 * MINUTE);
    assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 302);
    assert_eq!(metric(&gate, "banned"), "1");
}

#[tokio::test]
async fn whoever_comes_back_is_banned_longer_up_to_a_bound() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(), &origin).await;
    let mut records = 0;
    for (minutes, times) in [(15, 1), (30, 2), (60, 3), (60, 4)] {
        assert_eq!(robot(&gate, VISITOR).await, 403);
        records += 1;
        let ban = last_policy(&gate, records).await["ban"].clone();
        let until = gate.later(minutes * MINUTE).to_string();
        assert_eq!((&ban["until"], &ban["times"]), (&json!(until), &json!(times)));
        // Trying on while it lasts makes it no longer.
        gate.clock.advance(minutes * MINUTE - Duration::from_millis(1));
        assert_eq!(robot(&gate, VISITOR).await, 403);
        records += 1;
        assert_eq!(last_policy(&gate, records).await["rule"], "banned");
        gate.clock.advance(Duration::from_millis(1));
    }
    // Quiet for as long as the longest ban: forgiven.
    gate.clock.advance(60 * MINUTE);
    assert_eq!(robot(&gate, VISITOR).await, 403);
    records += 1;
    assert_eq!(last_policy(&gate, records).await["ban"]["times"], 1);
    // And the operator can end it.
    gate.remove("banned", VISITOR).await.unwrap();
    assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 302);
}

#[tokio::test]
async fn a_subscriber_of_ipv6_is_banned_with_all_addresses_there_are() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(), &origin).await;
    robot(&gate, "2001:db8:1:2::1").await;
    assert_eq!(sign_in(gate.address, "2001:db8:1:2:ffff::9", "anna").await, 403);
    assert_eq!(sign_in(gate.address, "2001:db8:1:3::1", "anna").await, 302);
    gate.remove("banned", "2001:db8:1:2::77").await.unwrap();
    assert_eq!(sign_in(gate.address, "2001:db8:1:2:ffff::9", "anna").await, 302);
}

#[tokio::test]
async fn monitor_mode_bans_nobody_and_says_whom_it_would_have() {
    let origin = Origin::shop().await;
    for (yaml, mode) in [
        (shop().replace("mode: enforce", "mode: monitor"), "the gate's"),
        (shop().replace("  login:\n    rules:", "  login:\n    mode: monitor\n    rules:"), "the policy's"),
    ] {
        let gate = Gate::start(&yaml, &origin).await;
        assert_eq!(robot(&gate, VISITOR).await, 401, "{mode}");
        let ban = last_policy(&gate, 1).await["ban"].clone();
        assert_eq!(ban, json!({ "of": "ip", "result": "monitored", "until": "2026-11-22T09:15:00.000Z", "times": 1 }));
        assert!(gate.inner.store.lists().is_empty(), "{mode}");
        assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 302, "{mode}");
        // Whom the operator bans is watched as well.
        gate.add(addition("banned", VISITOR)).await.unwrap();
        assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 302, "{mode}");
        let records = gate.records(4).await;
        let last = records.iter().rev().find(|record| record["status"] == "$attempted").unwrap();
        assert_eq!(
            (&last["enforced"], &last["policy"]["rule"]),
            (&json!("monitored:deny"), &json!("banned")),
            "{mode}"
        );
        assert_eq!(metric(&gate, "monitored"), "1");
    }
}

#[tokio::test]
async fn nobody_is_banned_who_may_be_everybody_or_was_let_in() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(), &origin).await;
    gate.add(addition("office", "203.0.113.0/24")).await.unwrap();
    for (number, (ip, why)) in [
        ("127.0.0.1", "trusted_proxy"),
        ("10.1.2.3", "private_address"),
        ("100.64.0.9", "private_address"),
        ("fd00::1", "private_address"),
        ("203.0.113.9", "allow_listed"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(robot(&gate, ip).await, 403, "refused all the same");
        let ban = last_policy(&gate, number + 1).await["ban"].clone();
        assert_eq!(ban, json!({ "of": "ip", "result": why, "until": null, "times": null }), "{ip}");
        assert!(metric(&gate, why).parse::<u32>().unwrap() > 0, "{ip}");
    }
    assert!(gate.page("banned", None, 10).entries.is_empty());
}

#[tokio::test]
async fn an_allow_list_wins_over_a_ban() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(), &origin).await;
    robot(&gate, VISITOR).await;
    assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 403);
    gate.add(addition("office", "198.51.100.0/24")).await.unwrap();
    assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 302);
    gate.remove("office", "198.51.100.0/24").await.unwrap();
    assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 403);
}

#[tokio::test]
async fn an_account_is_banned_only_by_whoever_knew_its_password() {
    let yaml = shop_with(&[(
        "    otherwise: allow",
        "    on_success:\n      - { name: takeover, when: 'client.ip == \"198.51.100.99\"', action: deny, \
         ban: { for: 1h, of: account } }\n    otherwise: allow",
    )]);
    let origin = Origin::shop().await;
    let gate = Gate::start(&yaml, &origin).await;
    let thief = format!("{BROWSER}X-Forwarded-For: 198.51.100.99\r\n");
    let wrong = send(gate.address, post("/login", "login=anna&password=wrong", &thief)).await;
    assert_eq!((wrong.status, sign_in(gate.address, VISITOR, "anna").await), (401, 302), "guessing bans nobody");
    assert_eq!(send(gate.address, post("/login", "login=anna&password=right", &thief)).await.status, 403);
    assert_eq!(sign_in(gate.address, VISITOR, " Anna ").await, 403, "stopped everywhere");
    assert_eq!(sign_in(gate.address, "198.51.100.99", "bert").await, 403);
    assert_eq!(sign_in(gate.address, VISITOR, "carl").await, 302);
    let shown = gate.page("banned", None, 10).entries;
    assert!(shown.iter().all(|shown| shown.of == "account" && shown.entry.starts_with("hash:")), "{shown:?}");
    gate.clock.advance(60 * MINUTE);
    assert_eq!(sign_in(gate.address, VISITOR, "anna").await, 302);
}

#[tokio::test]
async fn many_at_once_are_one_ban() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(), &origin).await;
    let all = futures::future::join_all((0..20).map(|_| robot(&gate, VISITOR))).await;
    assert!(all.iter().all(|status| *status == 403), "{all:?}");
    let shown = gate.page("banned", None, 10).entries;
    assert_eq!((shown.len(), shown[0].times), (1, 1), "{shown:?}");
}
