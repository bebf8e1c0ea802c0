//! Records are found, in memory and in the file, by whatever a person at the desk knows.

use super::*;
use serde_json::Value;

fn ids(page: &Value) -> Vec<String> {
    page["records"].as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn records_are_found_by_account_address_rule_and_time() {
    let (desk, _origin) = desk().await;
    assert_eq!(desk.sign_in("Anna%40Example.com", "right").await, 302);
    desk.gate.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(desk.sign_in("bert", "wrong").await, 401);
    assert_eq!(desk.sign_in_from("203.0.113.66", "carl").await, 403);
    desk.gate.records(5).await;

    let page = desk.get("/api/v1/decisions").await.json();
    assert_eq!((page["records"].as_array().unwrap().len(), &page["complete"]), (5, &true.into()));
    let times: Vec<&str> = page["records"].as_array().unwrap().iter().map(|r| r["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, next| one >= next), "newest first: {times:?}");

    // However it is typed: as in the form.
    for name in ["anna%40example.com", "ANNA%40example.com", "%20Anna%40EXAMPLE.com"] {
        let page = desk.get(&format!("/api/v1/decisions?account={name}")).await.json();
        assert_eq!(page["records"].as_array().unwrap().len(), 2, "{name}: the decision and its outcome");
    }
    let anna = desk.get("/api/v1/decisions?account=anna%40example.com&limit=1").await.json();
    let user = anna["records"][0]["user"]["user_id"].as_str().unwrap().to_owned();
    assert_eq!(
        desk.get(&format!("/api/v1/decisions?account={user}")).await.json()["records"].as_array().unwrap().len(),
        2
    );
    let id = ids(&anna)[0].clone();

    for (query, count) in [
        ("rule=blocked", 1),
        ("action=deny", 1),
        ("action=deny&rule=robots", 0),
        ("ip=203.0.113.66", 1),
        ("ip=::ffff:203.0.113.66", 1),
        ("ip=203.0.113.6", 0),
        ("route=sign-in", 5),
        ("event=login", 5),
        ("event=$login", 5),
        ("event=register", 0),
        ("account=nobody", 0),
        ("since=2026-11-22T09:01:00Z", 3),
        ("until=2026-11-22T09:00:30%2B00:00", 2),
        ("since=2026-11-22T09:00:30Z&until=2026-11-22T09:00:40Z", 0),
    ] {
        let page = desk.get(&format!("/api/v1/decisions?{query}")).await.json();
        assert_eq!(
            (page["records"].as_array().unwrap().len(), &page["complete"]),
            (count, &true.into()),
            "{query}: {page:#}"
        );
    }

    let attempt = desk.get(&format!("/api/v1/decisions/{id}")).await.json();
    let statuses: Vec<&str> =
        attempt["records"].as_array().unwrap().iter().map(|record| record["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["$attempted", "$succeeded"]);
    assert_eq!(desk.get("/api/v1/decisions/00000000000000000000000000").await.status, 404);
    assert_eq!(desk.get("/api/v1/decisions/anna").await.status, 400);

    // Whoever looks at people is written down, and they are not.
    let audit = desk.audit();
    let looked: Vec<&Value> = audit.iter().filter(|line| line["about"]["account"].is_array()).collect();
    assert!(looked.len() >= 5 && looked.iter().all(|line| line["token"].as_str().unwrap().len() == 8));
    assert_eq!(looked[0]["about"]["account"], looked[1]["about"]["account"], "one person is one hash");
    let text = std::fs::read_to_string(desk.gate.dir().join("audit.jsonl")).unwrap();
    for secret in ["anna", "ANNA", "203.0.113", &user, &desk.token] {
        assert!(!text.contains(secret), "the audit log says {secret}");
    }
}

#[tokio::test]
async fn pages_go_on_in_rotated_files_and_after_a_restart() {
    let origin = Origin::shop().await;
    let yaml = format!("{ADMIN}{SHOP}");
    let desk = Desk::open(&yaml, &origin).await;
    for number in 0..6 {
        desk.sign_in(&format!("user{number}"), "wrong").await;
        desk.gate.clock.advance(std::time::Duration::from_secs(1));
        if number == 2 {
            desk.gate.records(6).await;
            let log = desk.gate.dir().join("decisions.jsonl");
            std::fs::rename(&log, log.with_extension("jsonl.1")).unwrap();
            desk.gate.inner.sinks.reopen();
        }
    }
    desk.gate.records(6).await;
    let mut all = Vec::new();
    let mut target = "/api/v1/decisions?limit=5".to_owned();
    loop {
        let page = desk.get(&target).await.json();
        all.extend(page["records"].as_array().unwrap().iter().map(Value::to_string));
        let Some(cursor) = page["cursor"].as_str() else { break };
        target = format!("/api/v1/decisions?limit=5&cursor={cursor}");
    }
    let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (12, 12));

    // A gate that starts with these files, and an empty memory.
    let next = Desk::open(&yaml, &origin).await;
    for name in ["decisions.jsonl", "decisions.jsonl.1", "secret"] {
        std::fs::copy(desk.gate.dir().join(name), next.gate.dir().join(name)).unwrap();
    }
    let page = next.get("/api/v1/decisions").await.json();
    assert_eq!((page["records"].as_array().unwrap().len(), &page["complete"]), (12, &true.into()));
}

#[tokio::test]
async fn without_a_decision_log_the_newest_are_in_memory() {
    let origin = Origin::shop().await;
    let yaml = shop_with(&[("decision_log: { path: \"{dir}/decisions.jsonl\" }\n", "")]);
    let desk = Desk::open(&format!("{ADMIN}{yaml}"), &origin).await;
    assert_eq!(desk.sign_in("anna", "wrong").await, 401);
    let page = desk.get("/api/v1/decisions?account=anna").await.json();
    assert_eq!((page["records"].as_array().unwrap().len(), &page["complete"]), (2, &true.into()));
}
