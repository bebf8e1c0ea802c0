//! Files, directories and names that are gone or broken while visitors are served.

use super::row;
use super::traffic::Traffic;
use crate::harness::http::{BROWSER, form, get, post, send};
use crate::harness::origin::Origin;
use crate::harness::{Gate, SHOP, records, shop_with, within};
use crate::process::Program;
use mmdb_writer::Writer;
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

async fn metric(admin: SocketAddr, name: &str) -> u64 {
    let text = send(admin, get("/metrics", "")).await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

async fn once(admin: SocketAddr, name: &str, value: u64) {
    within(name, async {
        while metric(admin, name).await != value {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

const REFUSED: &str = "tollgate_config_last_reload_refused";
const LOADED: &str = "tollgate_config_reloads_total{result=\"loaded\"}";

/// Visitors come while files are broken, which is noticed, and mended, which is too.
async fn live_through(what: &str, fault: &str, program: &Program, breaks: impl Fn(), mends: impl Fn()) {
    let traffic = Traffic::begin(program.address);
    traffic.served(100).await;
    let loaded = metric(program.admin, LOADED).await;
    breaks();
    once(program.admin, REFUSED, 1).await;
    traffic.served(100).await;
    let ready = send(program.admin, get("/readyz", "")).await;
    assert_eq!(ready.status, 200, "what was loaded is in force");
    assert!(ready.json()["configuration"]["refused"].is_object(), "{}", ready.text());
    let mended = Instant::now();
    mends();
    once(program.admin, REFUSED, 0).await;
    let recovery = mended.elapsed();
    // What came back may be the very file that was there.
    assert!(metric(program.admin, LOADED).await >= loaded);
    traffic.served(50).await;
    let served = traffic.end().await;
    row(what, fault, &served, &BTreeSet::new(), recovery, "what was loaded stayed in force");
    assert_eq!(served.errors, 0);
}

async fn status_from(address: SocketAddr, ip: &str) -> u16 {
    let headers = format!("{BROWSER}X-Forwarded-For: {ip}\r\n");
    send(address, post("/login", "login=anna&password=right", &headers)).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_half_written_changes_nobodys_mind() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("blocked.txt");
    let whole = "203.0.113.66\n198.51.101.0/24\n";
    std::fs::write(&file, whole).unwrap();
    let lists = format!("lists: {{ barred: {{ effect: deny, of: ip, file: \"{}\" }} }}\nroutes:", file.display());
    let yaml = shop_with(&[("routes:", &lists), ("client.ip == \"203.0.113.66\"", "listed.barred")]);
    let origin = Origin::shop().await;
    let program = Program::start(&yaml, &origin).await;
    let half = || std::fs::write(&file, "203.0.113.66\n198.51.10").unwrap();
    let mend = || std::fs::write(&file, whole).unwrap();
    live_through("list", "half written", &program, half, mend).await;
    live_through("list", "gone", &program, || std::fs::remove_file(&file).unwrap(), mend).await;
    half();
    once(program.admin, REFUSED, 1).await;
    for (ip, status) in [("203.0.113.66", 403), ("198.51.101.9", 403), ("203.0.113.67", 302)] {
        assert_eq!(status_from(program.address, ip).await, status, "{ip}");
    }
}

#[derive(Serialize)]
struct Row {
    country: Code,
}

#[derive(Serialize)]
struct Code {
    iso_code: &'static str,
}

fn write_countries(path: &Path) {
    let mut writer = Writer::new("Test-Country");
    writer
        .insert("198.51.100.0/24".parse::<ipnet::IpNet>().unwrap(), &Row { country: Code { iso_code: "AT" } })
        .unwrap();
    let new = path.with_extension("new");
    std::fs::write(&new, writer.to_bytes().unwrap()).unwrap();
    std::fs::rename(new, path).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_gone_or_broken_is_still_known() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("country.mmdb");
    write_countries(&file);
    let yaml = shop_with(&[("routes:", &format!("intel: {{ country: \"{}\" }}\nroutes:", file.display()))]);
    let origin = Origin::shop().await;
    let program = Program::start(&yaml, &origin).await;
    let whole = std::fs::read(&file).unwrap();
    let corrupt = || std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    live_through("database", "gone", &program, || std::fs::remove_file(&file).unwrap(), || write_countries(&file))
        .await;
    live_through("database", "cut in half", &program, corrupt, || write_countries(&file)).await;
    for record in records(program.dir.path(), 400).await {
        if record["status"] == "$attempted" {
            assert_eq!(record["client"]["country"], "AT", "{record}");
            assert_eq!(record["degraded"], serde_json::json!([]), "{record}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_holds_no_visitor_up_and_loses_no_record() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let path = gate.dir().join("decisions.jsonl");
    let stats = || gate.inner.sinks.log_stats().unwrap();
    let traffic = Traffic::begin(gate.address);
    traffic.served(50).await;
    // The directory is deleted with the log, and what comes in its place is full.
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    within("failing", async {
        while stats().failed == 0 {
            traffic.served(1).await;
        }
    })
    .await;
    let kept = stats().written;
    traffic.served(200).await;
    assert!(stats().queued > 0 && stats().dropped == 0, "{:?}", stats());
    let mended = Instant::now();
    std::fs::remove_file(&path).unwrap();
    within("writing again", async {
        while stats().written == kept {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let recovery = mended.elapsed();
    let served = traffic.end().await;
    row("decision log", "disk full", &served, &BTreeSet::new(), recovery, "no record lost");
    assert_eq!(served.errors, 0);
    within("all records", async {
        while stats().written < 2 * served.requests as u64 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(stats().dropped, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_whose_directory_is_deleted_is_told_and_goes_on_when_it_is_back() {
    let origin = Origin::shop().await;
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    let yaml = shop_with(&[("{dir}/decisions.jsonl", logs.join("decisions.jsonl").to_str().unwrap())]);
    let gate = Gate::start(&yaml, &origin).await;
    let stats = || gate.inner.sinks.log_stats().unwrap();
    assert_eq!(send(gate.address, form("/login", "login=anna&password=x")).await.status, 401);
    records(&logs, 2).await;
    std::fs::remove_dir_all(&logs).unwrap();
    assert_eq!(send(gate.address, form("/login", "login=anna&password=x")).await.status, 401);
    within("failing", async {
        while stats().failed == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    std::fs::create_dir(&logs).unwrap();
    assert_eq!(records(&logs, 2).await.len(), 2, "what waited is written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_that_nobody_can_look_up_is_a_bad_gateway_and_told() {
    let origin = Origin::shop().await;
    let program = Program::start(&SHOP.replace("\"{origin}\"", "\"{origin}\", \"nowhere.invalid:80\""), &origin).await;
    assert_eq!(status_from(program.address, "198.51.100.7").await, 302, "the other server answers");
    once(program.admin, "tollgate_upstream_servers{state=\"unresolved\",upstream=\"default\"}", 1).await;
    let ready = send(program.admin, get("/readyz", "")).await.json();
    assert_eq!(ready["names_unresolved"]["default"], serde_json::json!(["nowhere.invalid:80"]));

    let alone = Program::start(&SHOP.replace("{origin}", "nowhere.invalid:80"), &origin).await;
    let traffic = send(alone.address, form("/login", "login=anna&password=x")).await;
    assert_eq!(traffic.status, 502);
    assert_eq!(send(alone.address, get("/", "")).await.status, 502);
    within("being counted", async {
        while metric(alone.admin, "tollgate_upstream_errors_total{why=\"connect\"}").await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
