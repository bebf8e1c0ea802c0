//! What is known of somebody is shown, handed out and forgotten.

use super::*;
use serde_json::{Value, json};

/// With a list that names somebody, and a store that is kept.
async fn kept() -> (Desk, Origin) {
    let origin = Origin::shop().await;
    let lists = "lists: { vip: { effect: note, of: account, entries: [anna] }, office: { effect: note, of: ip, entries: \
                 [\"198.51.100.0/24\"] } }\nstore: { snapshot: \"{dir}/state\" }\n";
    (Desk::open(&format!("{ADMIN}{lists}{SHOP}"), &origin).await, origin)
}

fn number(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer}: {value:#}"))
}

#[tokio::test]
async fn what_is_known_of_an_address_and_an_account_is_shown_and_looking_counts_nothing() {
    let (desk, _origin) = kept().await;
    for _ in 0..3 {
        assert_eq!(desk.sign_in_from("198.51.100.7", "anna").await, 401);
    }
    desk.gate.records(6).await;
    for _ in 0..3 {
        let about = desk.post("/api/v1/entities/lookup", &json!({ "ip": "198.51.100.7" })).await.json();
        assert_eq!(number(&about, "/source/minute/attempts"), 3.0);
        assert_eq!((number(&about, "/source/accounts"), number(&about, "/source/failed_accounts")), (1.0, 1.0));
        assert_eq!(about["lists"], json!([{ "list": "office", "of": "ip", "effect": "note" }]));
        assert_eq!(about["decisions"]["records"].as_array().unwrap().len(), 3);
        assert_eq!(about["intelligence"]["datacenter"], "no");
    }
    let about = desk.get("/api/v1/entities/account/Anna").await.json();
    assert_eq!(number(&about, "/accounts/0/recent/failed"), 3.0);
    assert_eq!(about["lists"], json!([{ "list": "vip", "of": "account", "effect": "note" }]));
    assert_eq!(about["decisions"]["records"].as_array().unwrap().len(), 6);
    let nobody = desk.get("/api/v1/entities/ip/2001:db8::1").await.json();
    assert_eq!((&nobody["source"], &nobody["decisions"]["complete"]), (&Value::Null, &true.into()));
    let device = desk.get("/api/v1/entities/device/0123456789abcdef0123456789abcdef").await.json();
    assert_eq!((&device["source"], &device["value"]), (&Value::Null, &"0123456789abcdef0123456789abcdef".into()));
    for (target, status) in
        [("/api/v1/entities/phone/1", 404), ("/api/v1/entities/ip/anna", 400), ("/api/v1/entities/device/1", 400)]
    {
        assert_eq!(desk.get(target).await.status, status, "{target}");
    }
    for wrong in [
        json!({}),
        json!({ "ip": "x" }),
        json!({ "ip": "1.1.1.1", "account": "a" }),
        json!([]),
        json!({ "account": "" }),
    ] {
        assert_eq!(desk.post("/api/v1/entities/lookup", &wrong).await.status, 400, "{wrong}");
    }
}

/// Every file below a directory.
fn files(dir: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.display().to_string(), std::fs::read(&path).unwrap())),
        }
    }
    found
}

#[tokio::test]
async fn what_is_kept_is_handed_out_and_then_forgotten_everywhere() {
    let (desk, _origin) = kept().await;
    // Known by a name and by an address, in an old file and in the new one.
    for login in ["anna", "anna%40example.com", "bert"] {
        assert_eq!(desk.sign_in(login, "right").await, 302);
    }
    desk.gate.records(6).await;
    let log = desk.gate.dir().join("decisions.jsonl");
    std::fs::rename(&log, desk.gate.dir().join("decisions.jsonl.1")).unwrap();
    std::fs::write(desk.gate.dir().join("decisions.jsonl.2.gz"), "compressed").unwrap();
    desk.gate.inner.sinks.reopen();
    for login in ["anna", "bert"] {
        assert_eq!(desk.sign_in_from("198.51.100.7", login).await, 401);
    }
    desk.gate.records(4).await;

    let anna = json!({ "account": " ANNA ", "aliases": ["Anna@Example.com"] });
    let export = desk.post("/api/v1/accounts/export", &anna).await.json();
    assert_eq!(
        (export["records"].as_array().unwrap().len(), &export["complete"]),
        (6, &false.into()),
        "one file is compressed"
    );
    assert_eq!(export["accounts"].as_array().unwrap().len(), 2);
    assert_eq!(export["lists"][0]["list"], "vip");
    assert!(export["not_read"][0].as_str().unwrap().ends_with("decisions.jsonl.2.gz"));
    let hashes: Vec<String> = export["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["user"]["user_id"].as_str().unwrap().to_owned())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    assert_eq!(hashes.len(), 2, "a name and an address");
    desk.gate.inner.store.close();
    // As it is written: in hexadecimal in records, as bytes in the state.
    let needles: Vec<Vec<u8>> = hashes
        .iter()
        .flat_map(|hash| {
            let bytes = (0..16).map(|at| u8::from_str_radix(&hash[2 * at..2 * at + 2], 16).unwrap()).collect();
            [hash.clone().into_bytes(), bytes]
        })
        .collect();
    let left = || -> Vec<String> {
        let holds =
            |bytes: &[u8]| needles.iter().any(|needle| bytes.windows(needle.len()).any(|window| window == &needle[..]));
        files(desk.gate.dir()).into_iter().filter(|(_, bytes)| holds(bytes)).map(|(name, _)| name).collect()
    };
    let before = left();
    assert!(before.iter().any(|name| name.contains("/state/")) && before.len() >= 3, "{before:?}");

    let forgotten = desk.post("/api/v1/accounts/forget", &anna).await.json();
    assert_eq!(
        (&forgotten["entries"], &forgotten["log_lines"], &forgotten["log_files"]),
        (&2.into(), &6.into(), &2.into())
    );
    assert_eq!(forgotten["recent_records"], 6);
    assert!(forgotten["not_touched"][0].as_str().unwrap().ends_with("decisions.jsonl.2.gz"));
    assert_eq!(forgotten["lists"][0]["list"], "vip", "the operator's own lists are the operator's");
    assert_eq!(left(), Vec::<String>::new(), "somebody is still named");
    // Others are as they were, and every line is a record still.
    let bert = desk.post("/api/v1/accounts/export", &json!({ "account": "bert" })).await.json();
    assert_eq!(bert["records"].as_array().unwrap().len(), 4);
    let page = desk.get("/api/v1/decisions?limit=100").await.json();
    assert_eq!(page["records"].as_array().unwrap().len(), 10);
    assert!(!page.to_string().contains(&hashes[0]) && !page.to_string().contains(&hashes[1]));

    let again = desk.post("/api/v1/accounts/forget", &anna).await.json();
    assert_eq!((&again["entries"], &again["log_lines"], &again["recent_records"]), (&0.into(), &0.into(), &0.into()));
    let export = desk.post("/api/v1/accounts/export", &anna).await.json();
    assert_eq!((export["records"].as_array().unwrap().len(), export["accounts"].as_array().unwrap().len()), (0, 0));

    let audit = desk.audit();
    let tombstone = audit.iter().find(|line| line["call"] == "POST /api/v1/accounts/forget").expect("a tombstone");
    assert_eq!((&tombstone["status"], &tombstone["about"]["forgotten"]["log_lines"]), (&200.into(), &6.into()));
    // A field that is mapped as an e-mail address is hashed as one, whatever is in it: `anna` has two hashes.
    assert_eq!(tombstone["about"]["account"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_person_without_a_name_is_nobody() {
    let (desk, _origin) = kept().await;
    for wrong in [
        json!({}),
        json!({ "account": "" }),
        json!({ "account": "\u{200b}" }),
        json!({ "account": "a".repeat(2_000) }),
        json!({ "account": "anna", "aliases": [""] }),
        json!({ "account": "anna", "aliases": vec!["x"; 16] }),
        json!({ "account": "anna", "alias": "b" }),
        json!({ "account": 1 }),
    ] {
        for target in ["/api/v1/accounts/export", "/api/v1/accounts/forget"] {
            assert_eq!(desk.post(target, &wrong).await.status, 400, "{wrong}");
        }
    }
}

#[tokio::test]
async fn a_spelling_and_a_host_of_its_own_are_found_and_forgotten_with_the_name() {
    let origin = Origin::shop().await;
    let one = "upstream: { servers: [\"{origin}\"] }";
    let two = "upstream: [{ servers: [\"{origin}\"] }, { hosts: [backoffice.example], servers: [\"{origin}\"] }]";
    let desk = Desk::open(&format!("{ADMIN}{}", shop_with(&[(one, two)])), &origin).await;
    for host in ["shop.example", "backoffice.example"] {
        let form = post("/login", "login=a.nna%40gmail.com&password=right", BROWSER);
        let answer = send(desk.gate.address, form.replace("Host: shop.example", &format!("Host: {host}"))).await;
        assert_eq!(answer.status, 302);
    }
    let records = desk.gate.records(4).await;
    let profiles = |export: &Value| -> Vec<bool> {
        export["accounts"].as_array().unwrap().iter().map(|account| account["profile"].is_object()).collect()
    };
    let typed = json!({ "account": " A.nna@gmail.com" });
    let export = desk.post("/api/v1/accounts/export", &typed).await.json();
    // In each application the spelling, which has an owner, and what it reads as, which was only tried.
    let mut found = profiles(&export);
    found.sort_unstable();
    assert_eq!(found, [false, false, true, true], "{export:#}");
    assert_eq!(export["records"].as_array().unwrap().len(), 4);
    // A `user_id` leads to what was counted under what the name reads as, wherever it was.
    let by_id = desk.post("/api/v1/accounts/export", &json!({ "account": records[0]["user"]["user_id"] })).await.json();
    assert_eq!(profiles(&by_id), [false, false]);
    let forgotten = desk.post("/api/v1/accounts/forget", &typed).await.json();
    assert_eq!(forgotten["entries"], 4);
    let export = desk.post("/api/v1/accounts/export", &typed).await.json();
    assert_eq!((export["accounts"].as_array().unwrap().len(), export["records"].as_array().unwrap().len()), (0, 0));
}
