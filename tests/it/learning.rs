//! From a decision to a better weight: challenged, labelled, learnt from, checked. And what is let pass to learn more.

use crate::harness::desk::{ADMIN, Desk};
use crate::harness::http::{form, get, post, send};
use crate::harness::origin::Origin;
use crate::harness::{SHOP, shop_with, within};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;
use tokio::process::Command;

const CURL: &str = "User-Agent: curl/8.9.1\r\nAccept: */*\r\n";

/// Runs the program.
async fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(arguments).kill_on_drop(true).output();
    let Output { status, stdout, stderr } = within("the command", output).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Sends robots and people to the shop; their decisions, in this order.
async fn visits(desk: &Desk, robots: usize, people: usize) -> (Vec<Value>, Vec<Value>) {
    for number in 0..robots {
        let answer = send(desk.gate.address, post("/login", &format!("login=robot{number}&password=x"), CURL)).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
    }
    for number in 0..people {
        let answer = send(desk.gate.address, form("/login", &format!("login=person{number}&password=right"))).await;
        assert_eq!(answer.status, 302);
    }
    let records = desk.gate.records(robots + 2 * people).await;
    let of = |action: &str| -> Vec<Value> {
        let decided = |record: &&Value| record["status"] == "$attempted" && record["policy"]["action"] == action;
        records.iter().filter(decided).cloned().collect()
    };
    (of("challenge"), of("allow"))
}

fn labels(records: &[Value], verdict: &str) -> Vec<Value> {
    records.iter().map(|record| json!({ "id": record["id"], "verdict": verdict, "as": ["bot"] })).collect()
}

fn write(path: &Path, text: &str) -> String {
    std::fs::write(path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn labels_of_real_decisions_become_weights_that_check_accepts() {
    let origin = Origin::shop().await;
    let desk = Desk::open(&format!("{ADMIN}{SHOP}"), &origin).await;
    let config = write(&desk.gate.dir().join("tollgate.yaml"), &desk.gate.yaml);
    let config = config.as_str();
    let (robots, people) = visits(&desk, 40, 40).await;
    assert_eq!((robots.len(), people.len()), (40, 40));

    let out = desk.gate.dir().join("weights.yaml");
    let asked = ["tune", "--config", config, "--as", "bot", "--out", out.to_str().unwrap()];
    let (code, text, err) = run(&asked).await;
    assert_eq!((code, text.as_str()), (1, ""));
    assert!(err.contains("bot: 0 bad and 0 good attempts teach it") && err.contains("label 30 more bad"), "{err}");
    assert!(!out.exists(), "nothing is written of nothing");

    // Here, who comes with a library is a customer's program as often as not.
    let mixed = [labels(&robots[..20], "fraud"), labels(&robots[20..], "not_fraud")].concat();
    let some = [labels(&people[..28], "not_fraud"), labels(&people[28..], "fraud")].concat();
    for labels in [mixed, some] {
        let answer = desk.post("/api/v1/feedback", &json!({ "labels": labels })).await;
        assert_eq!((answer.status, &answer.json()["labelled"]), (200, &json!(40)), "{}", answer.text());
    }
    let (code, text, err) = run(&asked).await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        text.starts_with("80 labelled attempts, 80 decisions in these files.\n50.0 % of the decisions never"),
        "{text}"
    );
    assert!(text.contains("bot: 32 bad and 48 good attempts"), "{text}");
    let weights = std::fs::read_to_string(&out).unwrap();
    let library = weights.split_once("\n  http_client_library:\n    weights:\n      bot: ");
    let (_, library) = library.unwrap_or_else(|| panic!("{weights}"));
    assert!(weights.contains("fired in 40 (20 bad)"), "{weights}");

    // The same labels say how good the decisions were.
    let (code, text, err) = run(&["evaluate", "--labels", "--config", config]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        text.starts_with("80 labelled attempts, 80 decisions in these files.\n50.0 % of the decisions never"),
        "{text}"
    );
    let log = desk.gate.dir().join("decisions.jsonl");
    let twice = desk.gate.dir().join("twice.jsonl");
    std::fs::hard_link(&log, &twice).unwrap();
    let both = ["evaluate", "--labels", log.to_str().unwrap(), twice.to_str().unwrap()];
    let (code, again, err) = run(&both).await;
    assert!(code == 0 && err.contains("twice.jsonl: is named twice, and read once"), "{err}");
    assert_eq!(again, text);
    std::fs::remove_file(twice).unwrap();
    let (code, text, _) = run(&["evaluate", "--labels", "--config", config, "--json"]).await;
    let report: Value = serde_json::from_str(&text).unwrap();
    let group = |of: &str| report["groups"].as_array().unwrap().iter().find(|group| group["of"] == of).unwrap().clone();
    let (good, bad) = (group("good"), group("bad: bot"));
    assert_eq!((code, &good["challenged"]["count"], &good["challenged"]["of"]), (0, &json!(20), &json!(48)));
    assert_eq!((&bad["challenged"]["count"], &bad["reached"]["count"]), (&json!(20), &json!(12)));
    let signals = report["signals"].as_array().unwrap();
    let tool = signals.iter().find(|signal| signal["signal"] == "http_client_library").unwrap();
    assert_eq!(tool["precision"], json!({ "count": 20, "of": 40, "share": 0.5, "low": 0.351995, "high": 0.648005 }));

    // What is written is a part of the configuration, and only a person puts it there.
    let pasted = write(&desk.gate.dir().join("new.yaml"), &format!("{}{weights}", desk.gate.yaml));
    let (code, text, err) = run(&["check", &pasted]).await;
    assert_eq!(code, 0, "{text}{err}");
    let (_, shown, _) = run(&["check", "--show", &pasted]).await;
    let new: f64 = library.split(' ').next().unwrap().parse().unwrap();
    assert!(new < 4.3 && new > 0.0, "from 4.5, towards what these labels say: {new}");
    assert!(shown.contains(&format!("bot: {new}")), "{shown}");
    let (code, _, err) = run(&asked).await;
    assert!(code == 1 && err.contains("is there already"), "{err}");

    // The same for programs, from files by name; the labels alone are enough.
    let log = std::fs::read_to_string(desk.gate.dir().join("decisions.jsonl")).unwrap();
    let only: String = log.lines().filter(|line| line.contains("$labelled")).map(|line| format!("{line}\n")).collect();
    let only = write(&desk.gate.dir().join("labels.jsonl"), &only);
    let (code, text, _) = run(&["tune", "--config", config, "--json", &only]).await;
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["labels"], &report["decisions"]["all"]), (0, &json!(80), &json!(0)));
    assert_eq!(report["scores"][0]["fitted"]["weights"][0]["fate"], "too_few");
    for (arguments, expected) in [
        (["tune", "--config", config, "--spread", "0"], 64),
        (["tune", "--config", config, "--as", "robot"], 64),
        (["tune", "--config", config, "--least", "0"], 64),
        (["tune", "--config", "/nowhere.yaml", "--least", "3"], 78),
        (["tune", "--config", config, "--json", "/nowhere.jsonl"], 1),
    ] {
        assert_eq!(run(&arguments).await.0, expected, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_small_share_of_challenges_is_let_pass_and_nothing_else() {
    let origin = Origin::shop().await;
    let yaml = shop_with(&[("    otherwise: allow\n", "    otherwise: allow\n    explore: 5%\n")]);
    let desk = Desk::open(&format!("{ADMIN}{yaml}"), &origin).await;
    let mut passed = 0;
    for number in 0..400 {
        let answer = send(desk.gate.address, post("/login", &format!("login=robot{number}&password=x"), CURL)).await;
        match answer.status {
            401 => passed += 1,
            403 => {}
            other => panic!("{other}: {}", answer.text()),
        }
    }
    // That none of 400 is let pass has a chance of one in a thousand million.
    assert!((1..100).contains(&passed), "{passed}");
    for number in 0..50 {
        let blocked = format!("{CURL}X-Forwarded-For: 203.0.113.66\r\n");
        let answer = send(desk.gate.address, post("/login", &format!("login=x{number}&password=x"), &blocked)).await;
        assert_eq!(answer.status, 403, "who is denied is denied");
    }
    let records = desk.gate.records(450 + passed).await;
    for record in records.iter().filter(|record| record["status"] == "$attempted") {
        let id = tollgate::engine::attempt::AttemptId::parse(record["id"].as_str().unwrap()).unwrap();
        let drawn = (desk.gate.inner.keys.lot(id) as f64) < 0.05 * 2.0_f64.powi(64);
        let action = record["policy"]["action"].as_str().unwrap();
        // Who is seen to guess passwords is never let pass.
        let signals = record["signals"].as_array().unwrap();
        let guesses = tollgate::engine::signals::GUESSING.iter().any(|signal| signals.contains(&json!(signal.name)));
        match (action, drawn && !guesses) {
            ("challenge", true) => {
                assert_eq!(record["explored"], json!({ "probability": 0.05, "would": "challenge" }));
                assert_eq!(record["enforced"], "forwarded");
            }
            ("challenge", false) => {
                assert_eq!((&record["enforced"], record.get("explored")), (&json!("challenged"), None));
            }
            ("deny", _) => assert_eq!((&record["enforced"], record.get("explored")), (&json!("denied"), None)),
            other => panic!("{other:?}"),
        }
    }
    let metrics = send(desk.address, get("/metrics", "")).await.text();
    assert!(metrics.contains(&format!("tollgate_explored_total{{route=\"sign-in\"}} {passed}")), "{metrics}");

    // Whoever labels one labels what stands for twenty.
    let explored = records.iter().find(|record| record["explored"].is_object()).unwrap();
    let said = json!({ "id": explored["id"], "verdict": "right" });
    assert_eq!(desk.post("/api/v1/feedback", &said).await.status, 200);
    let label = desk.gate.records(451 + passed).await.pop().unwrap();
    assert_eq!((&label["explored"]["probability"], &label["label"]["outcome"]), (&json!(0.05), &json!("$failed")));

    // The operator is told what that means, and can ask about one of them.
    let config = write(&desk.gate.dir().join("tollgate.yaml"), &desk.gate.yaml);
    let (code, _, err) = run(&["check", &config]).await;
    assert!(code == 0 && err.contains("5% of what `login` challenges before forwarding is let pass"), "{err}");
    let one = write(&desk.gate.dir().join("one.json"), &explored.to_string());
    let (_, told, _) = run(&["explain", "--record", &one, "--config", &config]).await;
    assert!(told.contains("forwarded by lot") && told.contains("0.05"), "{told}");
}

#[tokio::test]
async fn in_monitor_mode_nothing_is_drawn() {
    let origin = Origin::shop().await;
    let yaml = shop_with(&[
        ("mode: enforce", "mode: monitor"),
        ("    otherwise: allow\n", "    otherwise: allow\n    explore: 5%\n"),
    ]);
    let desk = Desk::open(&format!("{ADMIN}{yaml}"), &origin).await;
    for number in 0..100 {
        let answer = send(desk.gate.address, post("/login", &format!("login=robot{number}&password=x"), CURL)).await;
        assert_eq!(answer.status, 401);
    }
    let records = desk.gate.records(200).await;
    let decided = records.iter().filter(|record| record["status"] == "$attempted");
    assert!(decided.clone().all(|r| r["enforced"] == "monitored:challenge" && r.get("explored").is_none()));
}
