//! Guesses that are spread over as many addresses as there are guesses, with one tool: found, stopped, shown and ended.

use super::*;
use crate::harness::desk::conforms;
use crate::harness::http::Answer;
use serde_json::json;

/// What the tool sends: a browser's headers, with its own language.
fn tool() -> String {
    BROWSER.replace("Accept-Language: de", "Accept-Language: en-US,en;q=0.9")
}

/// A login from an address.
async fn login(desk: &Desk, headers: &str, ip: &str, name: &str, password: &str) -> Answer {
    let headers = format!("{headers}X-Forwarded-For: {ip}\r\n");
    send(desk.gate.address, post("/login", &format!("login={name}&password={password}"), &headers)).await
}

/// So many guesses from as many addresses, on as many accounts; how many the gate kept from the application.
async fn guesses(desk: &Desk, from: usize, count: usize, records: &mut usize) -> usize {
    let mut stopped = 0;
    for number in from..from + count {
        // Of no autonomous system: what they have in common is the tool.
        let ip = format!("198.51.100.{}", number + 1);
        let answer = login(desk, &tool(), &ip, &format!("victim{number}"), &format!("leaked{number}")).await;
        let challenged = answer.status == 303;
        assert!(challenged || answer.status == 401, "{}", answer.text());
        stopped += usize::from(challenged);
        // What became of it is known once it is written down.
        *records += if challenged { 1 } else { 2 };
        desk.gate.records(*records).await;
    }
    stopped
}

#[tokio::test]
async fn guesses_spread_over_many_addresses_with_one_tool_are_challenged_and_a_customer_where_they_always_log_in_is_not()
 {
    let origin = Origin::shop().await;
    let rule = "name: campaign, when: campaign != \"\", action: challenge, challenge: proof_of_work";
    let yaml = shop_with(&[(
        "name: robots, when: fired.http_client_library, action: challenge, challenge: proof_of_work",
        rule,
    )]);
    let desk = Desk::open(&format!("{ADMIN}{yaml}"), &origin).await;
    let mut records = 0;
    for number in 0..60 {
        let ip = format!("203.0.113.{}", 100 + number);
        let answer = login(&desk, BROWSER, &ip, &format!("customer{number}"), "right").await;
        assert_eq!(answer.status, 302);
        records += 2;
    }
    desk.gate.records(records).await;
    assert_eq!(desk.get("/api/v1/campaigns").await.json(), json!({ "campaigns": [] }));

    let stopped = guesses(&desk, 0, 30, &mut records).await;
    assert!((8..=20).contains(&stopped), "{stopped} of the first thirty");
    assert_eq!(guesses(&desk, 30, 30, &mut records).await, 30, "and all from then on");

    let answer = desk.get("/api/v1/campaigns").await;
    let campaigns = answer.json()["campaigns"].clone();
    let [campaign] = campaigns.as_array().unwrap().as_slice() else { panic!("{campaigns:#}") };
    assert_eq!(campaign["pattern"]["kind"], "fingerprint");
    assert_eq!((&campaign["attempts"], &campaign["withheld"]), (&json!(stopped + 30), &json!(stopped + 30)));
    assert!(campaign["evidence"]["failure_share"].as_f64().unwrap() > 0.9, "{campaign:#}");
    let record = desk.gate.records(records).await.pop().unwrap();
    assert_eq!((&record["campaign"], &record["enforced"]), (&campaign["id"], &json!("challenged")));
    assert_eq!(record["device"]["fingerprint"], campaign["pattern"]["fingerprint"]);
    assert_eq!(record["evidence"]["credential_stuffing"]["campaign"], campaign["id"]);

    // The browser whose headers the tool has, at the owner's own address; and another browser at a stranger's.
    assert_eq!(login(&desk, &tool(), "203.0.113.107", "customer7", "right").await.status, 302, "at home");
    assert_eq!(login(&desk, BROWSER, "192.0.2.9", "customer8", "right").await.status, 302, "a customer abroad");
    // Away from home with the tool's own headers: a proof of work, and no more.
    assert_eq!(login(&desk, &tool(), "192.0.2.10", "customer9", "right").await.status, 303);
    records += 5;
    desk.gate.records(records).await;

    let target = format!("/api/v1/campaigns/{}?ignore_hours=1", campaign["id"].as_str().unwrap());
    let answer = desk.send(desk.head("DELETE", &target, "")).await;
    conforms("delete", &target, &answer);
    assert_eq!((answer.status, answer.json()), (200, json!({ "campaigns": [] })));
    assert_eq!(desk.send(desk.head("DELETE", &target, "")).await.status, 404, "it is over");
    assert_eq!(guesses(&desk, 100, 25, &mut records).await, 0, "it is ignored");
    let audit = desk.audit();
    let ended = audit.iter().find(|line| line["about"]["campaign"] == campaign["id"]);
    assert!(ended.is_some(), "{audit:#?}");
}
