//! `tollgate simulate`: into files and against a gate that runs.

use crate::harness::origin::Origin;
use crate::harness::{Gate, SHOP, within};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::{Command, Output};

fn tollgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate")).arg("simulate").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_file_is_what_standard_output_is_and_the_table_counts_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traffic.jsonl");
    let path = path.to_str().unwrap();
    let small = ["--accounts", "200", "--days", "2", "--seed", "4"];
    let out = tollgate(&small);
    let to_file = tollgate(&[&small[..], &["--output", path, "--json"]].concat());
    assert!(out.status.success() && to_file.status.success(), "{}", text(&to_file.stderr));
    let file = std::fs::read(path).unwrap();
    assert!(file == out.stdout, "the same bytes");
    let tally: Value = serde_json::from_slice(&to_file.stdout).unwrap();
    let lines = text(&file).lines().count();
    assert_eq!(tally["attempts"], lines);
    assert!(tally["labels"]["innocent"]["succeeded"].as_u64().unwrap() > 100, "{tally}");
    let limited = tollgate(&["--accounts", "200", "--days", "2", "--seed", "4", "--limit", "3"]);
    assert!(file.starts_with(&limited.stdout) && text(&limited.stdout).lines().count() == 3);
}

#[test]
fn a_mix_is_printed_read_and_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mix.yaml");
    let printed = tollgate(&["--print-mix", "--accounts", "300", "--days", "1"]);
    std::fs::write(&path, &printed.stdout).unwrap();
    let path = path.to_str().unwrap();
    let (from_file, from_options) = (tollgate(&["--mix", path]), tollgate(&["--accounts", "300", "--days", "1"]));
    assert!(from_file.status.success() && from_file.stdout == from_options.stdout);
    std::fs::write(path, "accounts: 300\nattacks:\n  stuffing: 3\n").unwrap();
    let refused = tollgate(&["--mix", path]);
    assert_eq!(refused.status.code(), Some(64));
    let said = text(&refused.stderr);
    assert!(said.contains(path) && said.contains("`stuffing`") && said.contains("`bulk_stuffing`"), "{said}");
}

#[tokio::test]
async fn what_is_played_reaches_the_gate_as_its_clients_would_send_it() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let config = gate.dir().join("gate.yaml");
    std::fs::write(&config, &gate.yaml).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command
        .args([
            "simulate",
            "--accounts",
            "1500",
            "--days",
            "1",
            "--limit",
            "400",
            "--rate",
            "2000",
            "--json",
            "--against",
        ])
        .arg(format!("http://{}", gate.address))
        .arg("--config")
        .arg(&config)
        .kill_on_drop(true);
    let output = within("the end of the play", command.output()).await.unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    let played: Value = serde_json::from_slice(&output.stdout).unwrap();
    let count =
        |key: &str| played["labels"].as_object().unwrap().values().map(|row| row[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(count("sent") + played["without_route"].as_u64().unwrap(), 400, "{played}");
    assert_eq!((count("failed"), count("allowed") + count("challenged")), (0, count("sent")), "{played} {said}");
    assert!(count("challenged") > 0, "programs are challenged: {played}");
    // What was let pass came to the application with its headers in their order, from the address that was told.
    let requests = origin.requests();
    assert_eq!(requests.len() as u64, count("allowed"));
    let chrome = requests.iter().find(|request| !request.header("sec-ch-ua").is_empty()).unwrap();
    let names: Vec<String> = chrome.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    let place = |name: &str| names.iter().position(|have| have == name).unwrap();
    assert!(place("sec-ch-ua") < place("user-agent") && place("user-agent") < place("sec-fetch-site"), "{names:?}");
    let clients: BTreeSet<String> = gate
        .records(count("sent") as usize)
        .await
        .iter()
        .filter_map(|record| record["device"]["ip"].as_str().map(str::to_owned))
        .collect();
    assert!(clients.len() > 50 && !clients.contains("127.0.0.1"), "{} addresses", clients.len());
}

#[test]
fn a_gate_that_is_not_there_and_one_that_cannot_be_played_are_told() {
    let missing = tollgate(&["--against", "http://127.0.0.1:1", "--config", "no/such.yaml"]);
    assert_eq!(missing.status.code(), Some(78), "{}", text(&missing.stderr));
    let secured = tollgate(&["--against", "https://127.0.0.1:1", "--config", "conf/demo.yaml"]);
    assert_eq!(secured.status.code(), Some(64));
    assert!(text(&secured.stderr).contains("without TLS"), "{}", text(&secured.stderr));
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/demo.yaml");
    let gone = tollgate(&[
        "--accounts",
        "100",
        "--limit",
        "2",
        "--rate",
        "1000",
        "--against",
        "http://127.0.0.1:1",
        "--config",
        config,
    ]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(
        text(&gone.stderr).contains("2 attempts were not answered; the first: http://127.0.0.1:1"),
        "{}",
        text(&gone.stderr)
    );
}
