//! Leaked passwords: the embedded ones, the operator's file and its changes, the service that knows the rest; and that
//! nothing of a password gets out.

use crate::harness::http::{form, get, send};
use crate::harness::origin::{Answer, Origin, Request};
use crate::harness::{Gate, SHOP, records, shop_with, until, within};
use crate::process::Program;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tollgate::gateway::leaks::Settled;
use tollgate::intel::passwords;

/// Among the commonest, and refused by the shop.
const COMMON: &str = "dragon";
/// Opens the shop's session, and is in no list that the program brings.
const RIGHT: &str = "right-as-Kx9vRq27";

/// The SHA-1 in upper case.
fn sha1(password: &str) -> String {
    Sha1::digest(password).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// A shop that asks a service.
fn asking(service: SocketAddr, more: &str) -> String {
    let keys = format!("intel: {{ passwords: {{ range: {{ url: \"http://{service}/range\"{more} }} }} }}\nroutes:");
    shop_with(&[("routes:", &keys)])
}

/// A service that knows these passwords, each seen 4,711 times.
async fn service(known: &'static [&'static str]) -> Origin {
    Origin::start(move |request| answer_of(request, known)).await
}

fn answer_of(request: &Request, known: &[&str]) -> Answer {
    let prefix = request.target.trim_start_matches("/range/");
    assert_eq!(prefix.len(), 5, "{}", request.target);
    let padding = (0..900).map(|number| format!("{number:035X}:0\r\n"));
    let found = known.iter().map(|password| sha1(password)).filter(|hash| hash.starts_with(prefix));
    let lines: String = padding.chain(found.map(|hash| format!("{}:4711\r\n", &hash[5..]))).collect();
    Answer::new("200 OK", &[("Content-Type", "text/plain")], &lines)
}

async fn log_in(gate: SocketAddr, password: &str) -> u16 {
    send(gate, form("/login", &format!("login=anna&password={password}"))).await.status
}

/// What the record says of the password; `null` where it did not leak.
fn leak(record: &Value) -> &Value {
    &record["evidence"]["leaked_password"]
}

/// Everything that a password could be told by, and a machine could find it by.
fn betrays(text: &str, password: &str) -> bool {
    let hash = sha1(password);
    let text = text.to_ascii_uppercase();
    text.contains(&password.to_ascii_uppercase()) || text.contains(&hash[..10]) || text.contains(&hash[5..15])
}

#[tokio::test]
async fn one_of_the_commonest_is_told_to_the_application_and_asked_nothing_for() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    assert_eq!(log_in(gate.address, COMMON).await, 401);
    assert_eq!(log_in(gate.address, RIGHT).await, 302);
    let seen = origin.requests();
    assert_eq!(seen[0].header("x-tollgate-signals"), ["leaked_password"]);
    assert_eq!(seen[0].header("x-tollgate-action"), ["allow"]);
    assert!(!seen[1].header("x-tollgate-signals").iter().any(|signals| signals.contains("leaked_password")));
    let records = gate.records(4).await;
    assert_eq!(*leak(&records[0]), json!({ "source": "common" }));
    assert_eq!(records[0]["enforced"], "forwarded");
    assert!(records[2]["status"] == "$attempted" && leak(&records[2]).is_null(), "{}", records[2]);
    let log = std::fs::read_to_string(gate.dir().join("decisions.jsonl")).unwrap();
    assert!(!betrays(&log, COMMON) && !betrays(&log, RIGHT), "{log}");
}

#[tokio::test]
async fn a_blank_more_is_no_other_password() {
    let (origin, service) = (Origin::shop().await, service(&[RIGHT]).await);
    let gate = Gate::start(&asking(service.address, ", deadline: 1s"), &origin).await;
    for (sent, source) in [
        (format!("{COMMON}+"), json!("common")),
        (format!("%09{COMMON}%E3%80%80"), json!("common")),
        (format!("{RIGHT}+"), json!("range")),
        (format!("++{RIGHT}"), json!("range")),
    ] {
        let before = gate.records(0).await.len();
        log_in(gate.address, &sent).await;
        assert_eq!(leak(&gate.records(before + 2).await[before])["source"], source, "{sent}");
    }
    // The service hears of the password without them, and that once.
    let asked: Vec<String> = service.requests().iter().map(|request| request.target.clone()).collect();
    assert_eq!(asked, [format!("/range/{}", &sha1(RIGHT)[..5])]);
    let log = std::fs::read_to_string(gate.dir().join("decisions.jsonl")).unwrap();
    for password in [COMMON, RIGHT, &format!("{COMMON} "), &format!("{RIGHT} ")] {
        assert!(!betrays(&log, password), "{log}");
    }
}

#[tokio::test]
async fn a_rule_may_ask_whether_the_password_leaked() {
    let origin = Origin::shop().await;
    let rule = "when: fired.leaked_password && route == \"sign-in\", action: deny";
    let yaml = shop_with(&[("when: client.ip == \"203.0.113.66\", action: deny", rule)]);
    let gate = Gate::start(&yaml, &origin).await;
    assert_eq!(log_in(gate.address, COMMON).await, 403);
    assert_eq!(log_in(gate.address, RIGHT).await, 302);
}

#[tokio::test]
async fn a_service_is_asked_with_five_digits_and_once() {
    let (origin, service) = (Origin::shop().await, service(&[RIGHT]).await);
    let gate = Gate::start(&asking(service.address, ", deadline: 1s"), &origin).await;
    for _ in 0..3 {
        assert_eq!(log_in(gate.address, RIGHT).await, 302);
    }
    for _ in 0..2 {
        assert_eq!(log_in(gate.address, "wrong-as-Kx9vRq27").await, 401);
    }
    // What a list on this machine knows is nobody else's to hear of.
    assert_eq!(log_in(gate.address, COMMON).await, 401);
    let asked: Vec<String> = service.requests().iter().map(|request| request.target.clone()).collect();
    let prefix = |password: &str| format!("/range/{}", &sha1(password)[..5]);
    assert_eq!(asked, [prefix(RIGHT), prefix("wrong-as-Kx9vRq27")]);
    for request in service.requests() {
        assert_eq!(request.method, "GET");
        assert_eq!(request.header("add-padding"), ["true"]);
        assert!(!betrays(&format!("{request:?}"), RIGHT), "{request:?}");
    }
    let records = gate.records(12).await;
    let records: Vec<Value> = records.into_iter().filter(|record| record["status"] == "$attempted").collect();
    for record in &records[..3] {
        assert_eq!(*leak(record), json!({ "source": "range", "count": 4711 }), "{record}");
        assert_eq!(record["degraded"], json!([]));
    }
    assert!(records[3..5].iter().all(|record| leak(record).is_null()), "{records:?}");
    assert_eq!(*leak(&records[5]), json!({ "source": "common" }));
    let log = std::fs::read_to_string(gate.dir().join("decisions.jsonl")).unwrap();
    assert!(!betrays(&log, RIGHT), "{log}");
    let metrics = String::from_utf8(gate.inner.metrics.text().unwrap()).unwrap();
    for (found, count) in [("range", 3), ("nowhere", 2), ("common", 1), ("unknown", 0)] {
        assert!(metrics.contains(&format!("tollgate_passwords_total{{found=\"{found}\"}} {count}\n")), "{metrics}");
    }
}

/// A gate that things wait at.
#[derive(Clone, Default)]
struct Gatekeeper(Arc<(Mutex<bool>, Condvar)>);

impl Gatekeeper {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_answer_holds_nobody_up_and_is_known_after_the_success() {
    let (asked, answered) = (Gatekeeper::default(), Gatekeeper::default());
    let waits = asked.clone();
    let slow = Origin::start(move |request| {
        waits.wait();
        answer_of(request, &[RIGHT])
    })
    .await;
    let (thinks, forwarded) = (answered.clone(), Arc::<AtomicBool>::default());
    let came = forwarded.clone();
    let origin = Origin::start(move |_| {
        came.store(true, Ordering::SeqCst);
        thinks.wait();
        Answer::new("302 Found", &[("Location", "/account"), ("Set-Cookie", "session=opened; Path=/")], "")
    })
    .await;
    // Whoever has rules for the moment after is judged again then.
    let after =
        "    on_success:\n      - { name: never, when: account_takeover > 99.9, action: deny }\n    otherwise: allow";
    let yaml = asking(slow.address, ", deadline: 1ms").replace("    otherwise: allow", after);
    let gate = Gate::start(&yaml, &origin).await;
    let address = gate.address;
    let visitor = tokio::spawn(async move { log_in(address, RIGHT).await });
    // Forwarded before the service said anything.
    until(|| forwarded.load(Ordering::SeqCst)).await;
    let before = &gate.records(1).await[0];
    assert_eq!(before["degraded"], json!(["passwords"]));
    assert_eq!(before["blind"].as_array().unwrap().iter().filter(|name| **name == "leaked_password").count(), 1);
    assert_eq!(before["enforced"], "forwarded");
    asked.open();
    // The service's thread does one thing after the other: what is answered after it was told after it.
    let ranges = gate.inner.live.load().ranges.clone().unwrap();
    for other in [RIGHT, "another-as-Kx9vRq27"] {
        within("the service's answer", async {
            loop {
                match ranges.ask(&passwords::Digest::of(other.as_bytes())).settle().await {
                    Settled::Known(_) => return,
                    Settled::Failed(fault) => panic!("{fault}"),
                    Settled::Late(_) => tokio::task::yield_now().await,
                }
            }
        })
        .await;
    }
    answered.open();
    assert_eq!(visitor.await.unwrap(), 302);
    let after = &gate.records(2).await[1];
    assert_eq!(after["moment"], "after");
    assert_eq!(*leak(after), json!({ "source": "range", "count": 4711 }));
    assert_eq!(after["degraded"], json!([]));
}

#[tokio::test]
async fn a_service_that_is_dead_or_talks_nonsense_changes_nothing_for_visitors() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let hotel = Origin::start(|_| Answer::new("200 OK", &[], "<html>please log in to the hotel</html>")).await;
    let ill = Origin::start(|_| Answer::new("503 Service Unavailable", &[], "")).await;
    let endless = Origin::start(|_| Answer::raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", "A".repeat(2_000_000)))).await;
    let mute = Origin::start(|_| Answer::raw("")).await;
    for (what, service) in [
        ("closed", closed),
        ("a page", hotel.address),
        ("ill", ill.address),
        ("endless", endless.address),
        ("mute", mute.address),
    ] {
        let origin = Origin::shop().await;
        let gate = Gate::start(&asking(service, ", deadline: 1s"), &origin).await;
        // More than it takes for the service to be left alone.
        for _ in 0..8 {
            assert_eq!(log_in(gate.address, RIGHT).await, 302, "{what}");
        }
        assert_eq!(log_in(gate.address, COMMON).await, 401, "{what}");
        let records = gate.records(18).await;
        let attempts: Vec<&Value> = records.iter().filter(|record| record["status"] == "$attempted").collect();
        for record in &attempts[..8] {
            assert_eq!(record["degraded"], json!(["passwords"]), "{what}: {record}");
            assert!(record["blind"].to_string().contains("leaked_password") && leak(record).is_null(), "{what}");
        }
        assert_eq!(*leak(attempts[8]), json!({ "source": "common" }), "{what}: what is known here is known");
        assert_eq!(attempts[8]["degraded"], json!([]), "{what}");
    }
}

/// `tollgate …` fed with a text: exit code, standard output, standard error.
async fn tollgate(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = async {
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
    };
    let (output, ()) = within("the command", async { tokio::join!(child.wait_with_output(), feed) }).await;
    let output = output.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Builds a file of these passwords, and returns what was said of it.
async fn build(passwords: &str, file: &Path) -> Value {
    let file = file.to_str().unwrap();
    let (code, out, err) = tollgate(&["lists", "build-passwords", "-", "--out", file, "--json"], passwords).await;
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

async fn metric(admin: SocketAddr, name: &str) -> u64 {
    let text = send(admin, get("/metrics", "")).await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

async fn once(admin: SocketAddr, name: &str, least: u64) {
    within(name, async {
        while metric(admin, name).await < least {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

const LOADED: &str = "tollgate_config_reloads_total{result=\"loaded\"}";
const REFUSED: &str = "tollgate_config_reloads_total{result=\"refused\"}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operators_file_is_taken_over_when_it_changes_and_never_half() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords.filter");
    let built = build(&format!("{RIGHT}\n123456\n{RIGHT}\n"), &file).await;
    assert_eq!((&built["passwords"], &built["repeated"]), (&json!(2), &json!(1)));
    let key = format!("intel: {{ passwords: {{ file: \"{}\" }} }}\nroutes:", file.display());
    let origin = Origin::shop().await;
    let program = Program::start(&shop_with(&[("routes:", &key)]), &origin).await;
    let (later, never) = ("right-and-later-Kx9vRq27", "right-and-never-Kx9vRq27");
    let mut told = 0;
    let mut sources = async |password: &str| {
        assert_eq!(log_in(program.address, password).await, 302);
        told += 2;
        let records = records(program.dir.path(), told).await;
        leak(&records[told - 2])["source"].clone()
    };
    assert_eq!(sources(RIGHT).await, "file");
    assert_eq!(sources(later).await, Value::Null);
    build(&format!("{later}\n"), &file).await;
    once(program.admin, LOADED, 1).await;
    assert_eq!(sources(later).await, "file");
    assert_eq!(sources(RIGHT).await, Value::Null);
    // Whoever copies in place is read when all of it is there, and not before.
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    once(program.admin, REFUSED, 1).await;
    let ready = send(program.admin, get("/readyz", "")).await.json();
    let refused = ready["configuration"]["refused"].to_string();
    assert!(refused.contains("passwords.filter"), "{refused}");
    assert_eq!(sources(later).await, "file", "what was loaded stays in force");
    let loaded = metric(program.admin, LOADED).await;
    build(&format!("{RIGHT}\n{later}\n"), &file).await;
    once(program.admin, LOADED, loaded + 1).await;
    assert_eq!(sources(RIGHT).await, "file");
    assert_eq!(sources(never).await, Value::Null);
    // Nothing that the program leaves behind tells a password.
    let metrics = send(program.admin, get("/metrics", "")).await.text();
    assert!(metrics.contains("tollgate_data_timestamp_seconds{data=\"passwords_file\"}"), "{metrics}");
    let left = std::fs::read_to_string(program.dir.path().join("decisions.jsonl")).unwrap() + &metrics;
    for password in [RIGHT, later, never] {
        assert!(!betrays(&left, password), "{left}");
    }
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(later.len()).any(|window| window == later.as_bytes()));
}

#[tokio::test]
async fn files_are_built_of_lists_and_dumps_and_refused_whole() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let ranges = folder.path().join("ranges");
    std::fs::create_dir(&ranges).unwrap();
    std::fs::write(ranges.join("README"), "of the service").unwrap();
    for password in [RIGHT, "seldom-Kx9vRq27"] {
        let hash = sha1(password);
        let count = if password == RIGHT { 12 } else { 1 };
        std::fs::write(ranges.join(format!("{}.txt", &hash[..5])), format!("{}:{count}\r\n", &hash[5..])).unwrap();
    }
    let out = place("of-ranges");
    let arguments = ["lists", "build-passwords", ranges.to_str().unwrap(), "--min-count", "10", "--out", &out];
    let (code, said, err) = tollgate(&arguments, "").await;
    assert_eq!(code, 0, "{err}");
    assert!(said.contains("1 passwords of 2 files") && said.contains("left out: 1 were seen too seldom"), "{said}");
    assert!(
        said.contains("read as SHA-1 hashes with counts (--format range): 2\n") && !said.contains("bits"),
        "{said}"
    );
    let mine = format!("{RIGHT} \r\nseldom-Kx9vRq27\n{COMMON}\nnot-at-all-Kx9vRq27");
    let (code, said, err) = tollgate(&["lists", "find-passwords", &out], &mine).await;
    assert_eq!((code, said.as_str()), (0, "file\nnowhere\ncommon\nnowhere\n"), "{err}");

    // One file of whole hashes, of which one line is broken: nothing is built, and what was there stays.
    let dump: String = (0..50).map(|number| format!("{}:3\n", sha1(&format!("{number}")))).collect();
    std::fs::write(place("dump"), format!("{dump}broken\n")).unwrap();
    let before = std::fs::read(&out).unwrap();
    let (code, said, err) = tollgate(&["lists", "build-passwords", &place("dump"), "--out", &out], "").await;
    assert_eq!((code, said.as_str()), (78, ""));
    assert!(err.contains("dump:51: is not SHA1:COUNT") && err.contains("nothing was built"), "{err}");
    // Nor is a word above the hashes a reason to take each of them for a password.
    std::fs::write(place("headed"), format!("# dump of today\n{dump}")).unwrap();
    let (code, _, err) = tollgate(&["lists", "build-passwords", &place("headed"), "--out", &out], "").await;
    assert!(code == 78 && err.contains("headed:1: is not SHA1:COUNT") && err.contains("--format text"), "{err}");
    // And a list that is empty, or whose passwords are all too rare, makes no file of none.
    std::fs::write(place("empty"), "\n\n").unwrap();
    for (file, least, says) in [
        ("empty", "1", "empty: no password is in it; nothing was built"),
        ("headless", "10", "headless: each of its 50 passwords was seen less often than 10 times; nothing was built"),
    ] {
        std::fs::write(place("headless"), &dump).unwrap();
        let arguments = ["lists", "build-passwords", &place(file), "--min-count", least, "--out", &out];
        let (code, said, err) = tollgate(&arguments, "").await;
        assert!(code == 78 && said.is_empty() && err.contains(says), "{err}");
    }
    for name in ["headed", "headless", "empty"] {
        std::fs::remove_file(place(name)).unwrap();
    }
    assert_eq!(std::fs::read(&out).unwrap(), before);
    let kept: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept.len(), 3, "nothing is left lying about: {kept:?}");

    let below = place("of-ranges/x");
    for (arguments, code, says) in [
        (vec!["build-passwords", "no-such", "--out", &out], 78, "no-such: cannot be read"),
        (
            vec!["build-passwords", "-", "--out", "/no/such/folder/x"],
            1,
            "/no/such/folder/x: there is no folder /no/such/folder: make it, or name another with --out",
        ),
        (vec!["build-passwords", "-", "--out", &below], 1, "is no folder"),
        (vec!["build-passwords", "-", "--out", folder.path().to_str().unwrap()], 1, "is a directory"),
        (vec!["build-passwords", "-", "--format", "text", "--min-count", "2", "--out", &out], 64, "has no counts"),
        (vec!["build-passwords", "--out", &out], 64, "FILE"),
        (vec!["find-passwords", &out[..out.len() - 1]], 78, "cannot be read"),
    ] {
        let whole: Vec<&str> = ["lists"].into_iter().chain(arguments).collect();
        let (exit, _, err) = tollgate(&whole, "x\n").await;
        assert_eq!(exit, code, "{whole:?}: {err}");
        assert!(err.contains(says), "{whole:?}: {err}");
    }
    assert_eq!(std::fs::read(&out).unwrap(), before);
}

#[tokio::test]
async fn check_probes_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let (origin, known) = (Origin::shop().await, service(&[]).await);
    let ill = Origin::start(|_| Answer::new("403 Forbidden", &[], "")).await;
    for (service, code, says) in [
        (known.address, 0, "leaked passwords: 127.0.0.1 answers"),
        (ill.address, 78, "127.0.0.1 is of no use: it answered with status 403"),
    ] {
        let yaml = asking(service, "").replace("{origin}", &origin.address.to_string());
        let free = crate::harness::free_port().to_string();
        let yaml =
            yaml.replace("127.0.0.1:1\"", &format!("{free}\"")).replace("{dir}", folder.path().to_str().unwrap());
        let file = folder.path().join("tollgate.yaml");
        std::fs::write(&file, yaml).unwrap();
        let (exit, out, err) = tollgate(&["check", file.to_str().unwrap(), "--probe"], "").await;
        assert!(exit == code && (out + &err).contains(says), "{err}");
    }
    let asked: Vec<String> = known.requests().iter().map(|request| request.target.clone()).collect();
    assert_eq!(asked, ["/range/DA39A"], "the empty password's");
}

#[tokio::test]
async fn check_tells_the_files_age_and_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords.filter");
    build("one\ntwo\nthree\n", &file).await;
    let configuration = folder.path().join("tollgate.yaml");
    let yaml = shop_with(&[("routes:", "intel: { passwords: { file: passwords.filter } }\nroutes:")]);
    let dir = folder.path().to_str().unwrap();
    let yaml = yaml.replace("{origin}", "127.0.0.1:9000").replace("{dir}", dir);
    std::fs::write(&configuration, yaml).unwrap();
    let configuration = configuration.to_str().unwrap();
    let (code, out, err) = tollgate(&["check", configuration], "").await;
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("passwords.filter: 3 leaked passwords of 2"), "{out}");
    let (_, out, _) = tollgate(&["check", configuration, "--json"], "").await;
    let told: Value = serde_json::from_str(&out).unwrap();
    assert!(told["data"][0].as_str().unwrap().contains("3 leaked passwords"), "{told}");
    let whole = std::fs::read(&file).unwrap();
    for (bytes, says) in [
        (whole[..whole.len() - 3].to_vec(), "was cut off, or is still being written"),
        ([&whole[..whole.len() - 1], b"x"].concat(), "is damaged (checksum): build it again"),
        (b"123456\npassword\n".to_vec(), "this is no file of leaked passwords"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let (code, _, err) = tollgate(&["check", configuration], "").await;
        assert_eq!(code, 78, "{err}");
        assert!(err.contains(says) && err.contains("intel.passwords.file"), "{err}");
    }
}
