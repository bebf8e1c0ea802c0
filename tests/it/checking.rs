//! `tollgate check` and `tollgate schema` as programs: what goes where, and with which exit code.

use crate::harness::redis::Server;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn tollgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate")).args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// An address that nothing listens on.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new(listen: &str, server: &str, more: &str) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "version: 1\nmode: monitor\nsecret_file: secret\nlisten: [{{ address: \"{listen}\" }}]\n\
             upstream: {{ servers: [\"{server}\"] }}\nroutes: []\n{more}"
        );
        std::fs::write(folder.path().join("gate.yaml"), text).unwrap();
        Site { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("gate.yaml")
    }

    fn check(&self, options: &[&str]) -> Output {
        let file = self.file();
        let arguments: Vec<&str> = ["check"].into_iter().chain(options.iter().copied()).chain(file.to_str()).collect();
        tollgate(&arguments)
    }
}

#[test]
fn a_sound_file_is_fine_and_nothing_is_made() {
    let site = Site::new(&free(), &free(), "");
    let output = site.check(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("mode monitor: fine"), "{}", out(&output));
    assert_eq!(std::fs::read_dir(site.folder.path()).unwrap().count(), 1, "a check leaves nothing behind");
}

#[test]
fn a_second_step_that_is_told_by_where_it_leads_alone_is_warned_of() {
    let site = Site::new(&free(), &free(), "");
    let sound = std::fs::read_to_string(site.file()).unwrap();
    for (pending, warns) in [
        (r#"{ location: "*/2fa/*" }"#, true),
        (r#"{ status: 302, location: "*/2fa/*" }"#, true),
        (r#"{ location: "*/2fa/*", set_cookie: "!session" }"#, false),
        ("{ status: 401 }", false),
    ] {
        let route = format!(
            "routes: [{{ name: in, event: login, match: {{ path: /login }}, outcome: {{ pending: [{pending}], succeeded: [{{ status: 302 }}] }} }}]"
        );
        std::fs::write(site.file(), sound.replace("routes: []", &route)).unwrap();
        let output = site.check(&[]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let warned = err(&output).contains("`location` alone tells that a second step is pending");
        assert_eq!(warned, warns, "{pending}: {}", err(&output));
    }
}

#[test]
fn a_port_in_use_warns_and_fails_a_probe() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let site = Site::new(&taken.local_addr().unwrap().to_string(), &free(), "");
    let output = site.check(&[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(err(&output).contains("warning: something listens on"), "{}", err(&output));
    assert!(err(&output).contains("perhaps the gate itself"), "{}", err(&output));
    let output = site.check(&["--probe"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(err(&output).contains("error: something listens on"), "{}", err(&output));
}

#[test]
fn a_probe_tells_the_server_that_does_not_answer_and_passes_the_one_that_does() {
    let dead = Site::new(&free(), &free(), "decision_log: { path: decisions.jsonl }\n").check(&["--probe", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&out(&dead)).unwrap();
    assert_eq!((dead.status.code(), &answer["ok"]), (Some(78), &serde_json::json!(false)));
    assert_eq!(answer["problems"].as_array().unwrap().len(), 1, "{answer}");
    let problem = &answer["problems"][0];
    assert_eq!((problem["path"].as_str(), problem["line"].as_u64()), (Some("upstream.servers[0]"), Some(5)));
    assert!(problem["message"].as_str().unwrap().contains("Connection refused"), "{answer}");

    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let site = Site::new(&free(), &address, "decision_log: { path: decisions.jsonl }\n");
    let output = site.check(&["--probe"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(std::fs::read_dir(site.folder.path()).unwrap().count(), 1, "a probe leaves nothing behind");
}

#[test]
fn a_probe_says_what_the_shared_store_is_and_what_is_wrong_with_it() {
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::start(&[]);
    let store = format!("store: {{ kind: redis, url: \"{}\" }}\n", server.url());
    let site = Site::new(&free(), &origin.local_addr().unwrap().to_string(), &store);
    let output = site.check(&["--probe"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let line = format!("store {}: master, version ", server.url());
    assert!(out(&output).contains(&line) && out(&output).contains("noeviction"), "{}", out(&output));
    assert_eq!(server.ask(&["DBSIZE"]), "0", "a probe leaves nothing behind");

    server.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let output = site.check(&["--probe"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(err(&output).contains("set maxmemory-policy noeviction"), "{}", err(&output));

    server.ask(&["CONFIG", "SET", "requirepass", "right"]);
    let output = site.check(&["--probe"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(err(&output).contains("the store refuses this gate"), "{}", err(&output));
    assert_eq!(site.check(&[]).status.code(), Some(0), "without a probe nobody is asked");
}

#[test]
fn a_probe_of_a_tls_server_that_speaks_none_fails() {
    // Answers whatever it is told with an HTTP error, as a server on the wrong port does.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in server.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let output = Site::new(&free(), &format!("https://{address}"), "").check(&["--probe"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(err(&output).contains("cannot be connected to"), "{}", err(&output));
}

#[test]
fn what_is_shown_is_checked_without_a_fault() {
    let site = Site::new(&free(), &free(), "product: ${TOLLGATE_TEST_PRODUCT}\n");
    let run = |file: &Path, options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.arg("check").args(options).arg(file).env("TOLLGATE_TEST_PRODUCT", "hunter2").output().unwrap()
    };
    let shown = run(&site.file(), &["--show"]);
    assert_eq!(shown.status.code(), Some(0), "{}", err(&shown));
    assert!(out(&shown).contains("product: ${TOLLGATE_TEST_PRODUCT}\n") && !out(&shown).contains("hunter2"));
    let again = site.folder.path().join("shown.yaml");
    std::fs::write(&again, &shown.stdout).unwrap();
    let output = run(&again, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
}

#[test]
fn a_broken_file_goes_to_standard_error_whole() {
    let site = Site::new("0.0.0.0", "nowhere", "limits: { body: 1 }\n");
    let output = site.check(&[]);
    assert_eq!((output.status.code(), out(&output)), (Some(78), String::new()));
    assert!(err(&output).ends_with("gate.yaml: 3 problems\n"), "{}", err(&output));
}

#[test]
fn the_schema_is_printed() {
    let output = tollgate(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(out(&output), tollgate::config::schema::text());
}
