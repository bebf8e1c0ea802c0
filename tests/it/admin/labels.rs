//! What is said of attempts afterwards: by command and by call, shown, changed, refused, and forgotten with its account.

use super::commands::run;
use super::*;
use crate::harness::http::get;
use serde_json::{Value, json};

/// The id of the newest decision of an account.
async fn decided(desk: &Desk, query: &str) -> String {
    let page = desk.get(&format!("/api/v1/decisions?{query}")).await.json();
    page["records"][0]["id"].as_str().unwrap_or_else(|| panic!("{query}: {page:#}")).to_owned()
}

/// A challenge for a robot, and a login that was let pass and failed.
async fn two_attempts(desk: &Desk) -> (String, String) {
    let curl = "User-Agent: curl/8.9.1\r\nAccept: */*\r\nX-Forwarded-For: 203.0.113.9\r\n";
    let challenged = send(desk.gate.address, post("/login", "login=anna&password=x", curl)).await;
    assert_eq!(challenged.status, 403, "{}", challenged.text());
    assert_eq!(desk.sign_in("bert", "wrong").await, 401);
    desk.gate.records(3).await;
    (decided(desk, "action=challenge").await, decided(desk, "action=allow").await)
}

#[tokio::test]
async fn attempts_are_labelled_by_command_and_by_call_and_decisions_show_it() {
    let (desk, _origin) = desk().await;
    let (robot, bert) = two_attempts(&desk).await;

    let (code, out, err) =
        run(&desk, &["label", &robot, "--right", "--note", "seen it before", "--by", "anna"], "").await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, format!("{robot}  right (bad: bot)\n"));
    let answer = desk.post("/api/v1/feedback", &json!({ "id": bert, "verdict": "wrong", "by": "fraud desk" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    assert_eq!((&told["kept"], &told["labelled"]), (&json!(true), &json!(1)));
    assert_eq!(told["results"][0]["label"]["as"], json!(["account_takeover"]));

    // It is kept: in the log, with what the decision was made from, and without where it came from.
    let records = desk.gate.records(5).await;
    let label = records.iter().find(|record| record["status"] == "$labelled" && record["id"] == *robot).unwrap();
    let decision = records.iter().find(|record| record["id"] == *robot).unwrap();
    for same in ["signals", "blind", "evidence", "contributions", "policy", "enforced", "risk", "event", "route"] {
        assert_eq!(label[same], decision[same], "{same}");
    }
    assert_eq!(label["user"], decision["user"], "by its hash");
    assert!(label.get("device").is_none() && !label.to_string().contains("203.0.113.9"), "{label}");
    assert_eq!(label["label"]["note"], "seen it before");
    let of_bert = records.iter().find(|record| record["status"] == "$labelled" && record["id"] == *bert).unwrap();
    assert_eq!((&of_bert["label"]["outcome"], &of_bert["label"]["bad"]), (&json!("$failed"), &json!(true)));

    // And shown.
    let attempt = desk.get(&format!("/api/v1/decisions/{robot}")).await.json();
    assert_eq!((&attempt["label"]["verdict"], &attempt["label"]["by"]), (&json!("right"), &json!("anna")));
    for (query, count) in [
        ("label=any", 2),
        ("label=right", 1),
        ("label=wrong", 1),
        ("label=fraud", 0),
        ("label=any&action=challenge", 1),
        ("label=any&account=bert", 1),
    ] {
        let page = desk.get(&format!("/api/v1/decisions?{query}")).await.json();
        assert_eq!(page["records"].as_array().unwrap().len(), count, "{query}");
    }
    assert_eq!(desk.get("/api/v1/decisions?label=maybe").await.status, 400);

    // The same again changes nothing, another one supersedes, and what was said before stays.
    let (code, out, _) = run(&desk, &["label", &robot, "--right", "--note", "seen it before"], "").await;
    assert_eq!((code, out), (0, format!("{robot}  right (bad: bot), as before\n")));
    let (code, out, _) = run(&desk, &["label", &robot, "--not-fraud", "--by", "anna"], "").await;
    let everything = "bot, account_takeover, account_abuse";
    assert_eq!((code, out), (0, format!("{robot}  not_fraud (good: {everything}), instead of right\n")));
    assert_eq!(desk.gate.records(6).await.len(), 6, "one more record, and not two");
    desk.gate.clock.advance(std::time::Duration::from_secs(60));
    let (code, out, _) = run(&desk, &["label", &robot, &bert], "").await;
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((code, lines.len()), (0, 3), "{out}");
    assert!(lines[0].starts_with(&format!("{robot}  not_fraud (good: {everything}), 2026-11-22T09:00:00")), "{out}");
    assert!(
        lines[1].contains("before that, right (bad: bot)") && lines[1].ends_with("by anna: seen it before"),
        "{out}"
    );
    assert!(lines[2].contains("wrong (bad: account_takeover)"), "{out}");

    // It is counted, and written down who asked for it.
    let metrics = send(desk.address, get("/metrics", "")).await.text();
    for line in [
        r#"tollgate_labels_total{action="challenge",verdict="right"} 1"#,
        r#"tollgate_labels_total{action="challenge",verdict="not_fraud"} 1"#,
        r#"tollgate_labels_total{action="allow",verdict="wrong"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}");
    }
    let audit = desk.audit();
    let told: Vec<&Value> = audit.iter().filter(|line| line["call"] == "POST /api/v1/feedback").collect();
    assert_eq!(told.len(), 4);
    assert_eq!((&told[0]["about"]["attempt"], &told[0]["about"]["verdict"]), (&json!(robot), &json!("right")));
}

#[tokio::test]
async fn files_are_labelled_whole_or_not_at_all_and_unknown_attempts_are_told() {
    let (desk, _origin) = desk().await;
    let (robot, bert) = two_attempts(&desk).await;
    let nobody = "00000000000000000000000000";
    let csv = format!("id,verdict,as\n{robot},fraud,bot\n{bert},not_fraud,\n{nobody},fraud,\n");
    let (code, out, err) = run(&desk, &["label", "--file", "-"], &csv).await;
    assert_eq!(code, 1, "one of them is unknown: {out}{err}");
    assert!(out.ends_with("2 labelled, 1 unknown\n") && out.contains(&format!("{nobody}  unknown")), "{out}");
    let (code, _, err) = run(&desk, &["label", nobody, "--fraud"], "").await;
    assert!(code == 1 && err.contains("in a fleet"), "{err}");
    assert_eq!(run(&desk, &["label", nobody], "").await.0, 1);

    // Records picked out of the log are ids.
    let log = std::fs::read_to_string(desk.gate.dir().join("decisions.jsonl")).unwrap();
    let picked: String = log.lines().filter(|line| line.contains("\"$attempted\"")).map(|l| format!("{l}\n")).collect();
    let (code, out, err) = run(&desk, &["label", "--file", "-", "--not-fraud"], &picked).await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.ends_with("1 changed, 1 unchanged\n"), "{out}");

    let before = desk.gate.records(6).await.len();
    let (code, out, err) = run(&desk, &["label", "--file", "-", "--fraud"], &format!("{robot}\nnonsense\n")).await;
    assert_eq!((code, out.as_str()), (78, ""));
    assert!(err.contains("standard input:2: `nonsense`") && err.contains("\n  nothing was labelled\n"), "{err}");
    assert_eq!(run(&desk, &["label", "--file", "-"], &robot).await.0, 78, "without a verdict");
    assert_eq!(run(&desk, &["label", &robot, "--fraud", "--right"], "").await.0, 64);
    assert_eq!(run(&desk, &["label", &robot, "--fraud", "--as", "robot"], "").await.0, 64);
    assert_eq!(run(&desk, &["label", &robot, "--note", "x"], "").await.0, 64);
    assert_eq!(run(&desk, &["label", "nonsense", "--fraud"], "").await.0, 64);
    assert_eq!(desk.gate.records(before).await.len(), before, "nothing was written");
}

#[tokio::test]
async fn malformed_feedback_changes_nothing() {
    let (desk, _origin) = desk().await;
    let (robot, _) = two_attempts(&desk).await;
    let one = |verdict: &str| json!({ "id": robot, "verdict": verdict });
    let many: Vec<Value> = (0..1001).map(|_| one("fraud")).collect();
    for (body, status) in [
        (json!({}), 400),
        (json!([]), 400),
        (json!(null), 400),
        (json!("fraud"), 400),
        (json!({ "id": robot }), 400),
        (json!({ "id": robot, "verdict": 1 }), 400),
        (json!({ "id": [robot], "verdict": "fraud" }), 400),
        (json!({ "id": robot, "verdict": "fraud", "score": "bot" }), 400),
        (json!({ "labels": [one("fraud")], "id": robot }), 400),
        (json!({ "labels": {} }), 400),
        (json!({ "labels": [] }), 422),
        (json!({ "labels": many }), 422),
        (one("maybe"), 422),
        (one("Fraud"), 422),
        (json!({ "id": "../../etc/passwd", "verdict": "fraud" }), 422),
        (json!({ "id": robot, "verdict": "fraud", "as": ["robot"] }), 422),
        (json!({ "id": robot, "verdict": "fraud", "note": "x".repeat(201) }), 422),
        (json!({ "id": robot, "verdict": "fraud", "by": "x".repeat(65) }), 422),
        (json!({ "labels": [one("fraud"), one("maybe"), { "id": "x", "verdict": "fraud" }] }), 422),
        (json!({ "id": "0".repeat(26), "verdict": "fraud" }), 404),
    ] {
        let answer = desk.post("/api/v1/feedback", &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
    let answer =
        desk.post("/api/v1/feedback", &json!({ "labels": [one("fraud"), one("maybe"), one("perhaps")] })).await;
    let wrong = answer.json();
    assert_eq!((&wrong["labels"][0]["index"], &wrong["labels"][1]["index"]), (&json!(1), &json!(2)));
    let large = json!({ "id": robot, "verdict": "fraud", "note": "x".repeat(600_000) });
    assert_eq!(desk.post("/api/v1/feedback", &large).await.status, 413);
    assert_eq!(desk.post_as("text/csv", "/api/v1/feedback", "a,b").await.status, 415);
    assert_eq!(desk.get("/api/v1/feedback").await.status, 405);
    assert_eq!(desk.gate.records(3).await.len(), 3);

    // A note cannot begin a line of its own, neither in the log nor on a terminal.
    let note = "a\n{\"id\":\"x\"}\u{1b}[2J\u{202e}";
    let answer = desk.post("/api/v1/feedback", &json!({ "id": robot, "verdict": "fraud", "note": note })).await;
    assert_eq!(answer.json()["results"][0]["label"]["note"], "a {\"id\":\"x\"} [2J");
    assert_eq!(desk.gate.records(4).await.len(), 4);
}

#[tokio::test]
async fn a_label_is_forgotten_with_its_account_and_exported_with_it() {
    let (desk, _origin) = desk().await;
    let (_, bert) = two_attempts(&desk).await;
    let said = json!({ "id": bert, "verdict": "fraud", "note": "Bert called", "by": "desk" });
    assert_eq!(desk.post("/api/v1/feedback", &said).await.status, 200);
    let export = desk.post("/api/v1/accounts/export", &json!({ "account": "bert" })).await.json();
    assert!(export["records"].as_array().unwrap().iter().any(|record| record["status"] == "$labelled"));
    let forgotten = desk.post("/api/v1/accounts/forget", &json!({ "account": "bert" })).await.json();
    assert_eq!((&forgotten["log_lines"], &forgotten["recent_records"]), (&json!(3), &json!(3)));
    let attempt = desk.get(&format!("/api/v1/decisions/{bert}")).await.json();
    assert_eq!((&attempt["label"]["verdict"], &attempt["label"]["note"]), (&json!("fraud"), &json!("-----------")));
    // What is said afterwards is said of nobody.
    assert_eq!(desk.post("/api/v1/feedback", &json!({ "id": bert, "verdict": "not_fraud" })).await.status, 200);
    let last = desk.gate.records(5).await.pop().unwrap();
    assert!(last["user"]["user_id"].as_str().unwrap().bytes().all(|byte| byte == b'-'), "{last}");
}

#[tokio::test]
async fn labels_reach_rotated_files_and_without_a_log_they_are_not_kept() {
    let origin = Origin::shop().await;
    let yaml = format!("{ADMIN}{SHOP}");
    let before = Desk::open(&yaml, &origin).await;
    let (robot, _) = two_attempts(&before).await;
    // The gate was started anew, and its log rotated.
    let desk = Desk::open(&yaml, &origin).await;
    let log = desk.gate.dir().join("decisions.jsonl");
    std::fs::copy(before.gate.dir().join("decisions.jsonl"), log.with_extension("jsonl.1")).unwrap();
    let answer = desk.post("/api/v1/feedback", &json!({ "id": robot, "verdict": "right" })).await.json();
    assert_eq!((&answer["results"][0]["result"], &answer["kept"]), (&json!("labelled"), &json!(true)));
    let again = desk.post("/api/v1/feedback", &json!({ "id": robot, "verdict": "right" })).await.json();
    assert_eq!(again["results"][0]["result"], "unchanged");
    std::fs::rename(log.with_extension("jsonl.1"), desk.gate.dir().join("decisions.jsonl.1.gz")).unwrap();
    let lost = desk.post("/api/v1/feedback", &json!({ "id": "0".repeat(26), "verdict": "right" })).await.json();
    assert!(lost["detail"].as_str().unwrap().contains("compressed"), "{lost}");

    let yaml = shop_with(&[("decision_log: { path: \"{dir}/decisions.jsonl\" }\n", "")]);
    let desk = Desk::open(&format!("{ADMIN}{yaml}"), &origin).await;
    assert_eq!(desk.sign_in("bert", "wrong").await, 401);
    let id = decided(&desk, "account=bert").await;
    let (code, out, err) = run(&desk, &["label", &id, "--fraud"], "").await;
    assert!(code == 0 && out.contains("fraud") && err.contains("no `decision_log`"), "{out}{err}");
    assert_eq!(desk.get("/api/v1/decisions?label=fraud").await.json()["records"].as_array().unwrap().len(), 1);
    let lost = desk.post("/api/v1/feedback", &json!({ "id": robot, "verdict": "right" })).await;
    assert!(lost.status == 404 && lost.text().contains("in memory"), "{}", lost.text());
}
