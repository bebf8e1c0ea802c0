//! What visitors meet while the store is away: what the operator's `when_degraded` says, and what is used once.

use super::{shared, shop_over};
use crate::challenge::solve;
use crate::harness::http::{Answer, BROWSER, post, send};
use crate::harness::origin::Origin;
use crate::harness::redis::Server;
use crate::harness::{Gate, within};
use tollgate::store::shared::State;

/// The shop over this server, with rules for when it is away.
async fn start(server: &Server, more: &str, store: &str) -> (Gate, tempfile::TempDir, Origin) {
    let keys = tempfile::tempdir().unwrap();
    let rules = format!(
        "    when_degraded:\n      - {{ name: careful, when: '\"store\" in degraded', action: challenge }}\n{more}    otherwise"
    );
    let yaml = shop_over(&format!("\"{}\"", server.url()), &keys.path().join("secret"))
        .replace("    otherwise", &rules)
        .replace("kind: redis,", &format!("kind: redis, {store}"));
    let origin = Origin::shop().await;
    (Gate::start(&yaml, &origin).await, keys, origin)
}

async fn sign_in(gate: &Gate, headers: &str) -> Answer {
    send(gate.address, post("/login", "login=anna&password=right", &format!("{BROWSER}{headers}"))).await
}

/// Signs in until the store is known to be away.
async fn away(gate: &Gate, server: &mut Server) {
    server.kill();
    within("noticing", async {
        while shared(gate).state != State::Open {
            sign_in(gate, "").await;
        }
    })
    .await;
}

async fn back(gate: &Gate, server: &mut Server) {
    server.restart();
    within("recovery", async {
        while shared(gate).state != State::Closed {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Solves what a visitor is sent to and gives the cookie to come back with.
async fn clearance(gate: &Gate, challenged: &Answer) -> String {
    assert_eq!(challenged.status, 303, "{}", challenged.text());
    let location = challenged.header("location").unwrap();
    let solution = solve(gate.address, location).await;
    let solved = send(gate.address, post(location, &solution, BROWSER)).await;
    let cookie = solved.header("set-cookie").map(|cookie| cookie.split(';').next().unwrap().to_owned());
    cookie.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_for_degradation_hold_while_something_is_degraded_and_no_longer() {
    let mut server = Server::start(&[]);
    let (gate, _keys, _origin) = start(&server, "", "").await;
    assert_eq!(sign_in(&gate, "").await.status, 302);
    away(&gate, &mut server).await;
    let challenged = sign_in(&gate, "").await;
    let cookie = format!("Cookie: {}\r\n", clearance(&gate, &challenged).await);
    assert_eq!(sign_in(&gate, &cookie).await.status, 302, "solved, and spent here alone");
    assert_eq!(sign_in(&gate, &cookie).await.status, 303, "once");
    back(&gate, &mut server).await;
    assert_eq!(sign_in(&gate, "").await.status, 302);

    let records = within("the last record", async {
        loop {
            let records = gate.records(8).await;
            let last = records.iter().rfind(|record| record["status"] == "$attempted").unwrap();
            if last["degraded"] == serde_json::json!([]) {
                return records;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
    let careful = records.iter().find(|record| record["policy"]["rule"] == "careful").expect("a rule of its own");
    assert_eq!(careful["degraded"], serde_json::json!(["store", "store_down"]));
    assert_eq!(careful["policy"]["action"], "challenge");
    let last = records.iter().rfind(|record| record["status"] == "$attempted").unwrap();
    assert_eq!((&last["degraded"], &last["policy"]["rule"]), (&serde_json::json!([]), &serde_json::Value::Null));
    let metrics = String::from_utf8(gate.inner.metrics.text().unwrap()).unwrap();
    assert!(metrics.lines().any(|line| line.starts_with("tollgate_degraded_total{part=\"store_down\"}")), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_strict_lets_nobody_through_on_a_challenge_that_could_be_spent_twice() {
    let mut server = Server::start(&[]);
    let (gate, _keys, _origin) = start(&server, "", "tokens: strict, ").await;
    away(&gate, &mut server).await;
    let challenged = sign_in(&gate, "").await;
    let location = challenged.header("location").unwrap().to_owned();
    let solution = solve(gate.address, &location).await;
    let refused = send(gate.address, post(&location, &solution, BROWSER)).await;
    assert!(
        refused.all("set-cookie").iter().all(|cookie| !cookie.contains("session")) && refused.status >= 400,
        "{}",
        refused.status
    );
    back(&gate, &mut server).await;
    let solved = send(gate.address, post(&location, &solution, BROWSER)).await;
    assert!(solved.header("set-cookie").is_some(), "the refusal spent nothing: {}", solved.status);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_answer_is_released_without_the_store() {
    let mut server = Server::start(&[]);
    let after = "    on_success:\n      - { name: step-up, when: client.country != \"DE\", action: challenge }\n";
    let (gate, _keys, origin) = start(&server, after, "").await;
    within("noticing", async {
        server.kill();
        while shared(&gate).state != State::Open {
            sign_in(&gate, "X-Forwarded-For: 91.0.0.7\r\n").await;
        }
    })
    .await;
    // Challenged before forwarding, because the store is away; and, that being solved, not a second time.
    let cookie = clearance(&gate, &sign_in(&gate, "X-Forwarded-For: 113.160.0.9\r\n").await).await;
    let headers = format!("X-Forwarded-For: 113.160.0.9\r\nCookie: {cookie}\r\n");
    assert_eq!(sign_in(&gate, &headers).await.status, 302);
    assert_eq!(origin.requests().len(), 1, "nobody else got past the rule");
}
