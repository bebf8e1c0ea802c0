//! The program as an operator runs it: exit codes, signals, the admin listener, TLS.

use crate::harness::http::{get, send};
use crate::harness::origin::{Answer, Origin};
use crate::harness::{SHOP, free_port, records, until, within};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

pub struct Program {
    pub child: Child,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub dir: tempfile::TempDir,
}

pub fn command(file: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(["run", "--config"]).arg(file).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

impl Program {
    /// Starts the program and waits until it is ready. Another process may take a free port in between: tried again.
    pub async fn start(yaml: &str, origin: &Origin) -> Program {
        Program::start_at(yaml, &origin.address.to_string()).await
    }

    pub async fn start_at(yaml: &str, origin: &str) -> Program {
        for _ in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let (address, admin) = (free_port(), free_port());
            let yaml = yaml
                .replace("127.0.0.1:1\"", &format!("{address}\""))
                .replace(
                    "routes:",
                    &format!("admin: {{ address: \"{admin}\", token_file: \"{{dir}}/admin.token\" }}\nroutes:"),
                )
                .replace("{origin}", origin)
                .replace("{dir}", dir.path().to_str().unwrap());
            let file = dir.path().join("tollgate.yaml");
            std::fs::write(&file, yaml).unwrap();
            let mut child = command(&file).spawn().unwrap();
            let ready = async {
                loop {
                    // The admin listener may open first; who is ready can be reached.
                    if tokio::net::TcpStream::connect(admin).await.is_ok()
                        && send(admin, get("/readyz", "Connection: close\r\n")).await.status == 200
                    {
                        assert!(tokio::net::TcpStream::connect(address).await.is_ok(), "ready and not to be reached");
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::select! {
                () = within("the program to be ready", ready) => return Program { child, address, admin, dir },
                _ = child.wait() => {}
            }
        }
        panic!("the program did not start in five tries");
    }

    /// The same program again, in the same place, after it ended.
    pub async fn again(mut self) -> Program {
        within("the end", self.child.wait()).await.unwrap();
        self.child = command(&self.dir.path().join("tollgate.yaml")).spawn().unwrap();
        let ready = async {
            while tokio::net::TcpStream::connect(self.admin).await.is_err()
                || send(self.admin, get("/readyz", "Connection: close\r\n")).await.status != 200
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let ended = tokio::select! {
            () = within("the program to be ready", ready) => None,
            status = self.child.wait() => Some(status.unwrap()),
        };
        if let Some(status) = ended {
            let mut said = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
            panic!("the program did not start again: {status}\n{said}");
        }
        self
    }

    /// The records written so far, oldest first, once at least `count` are there.
    pub async fn records(&self, count: usize) -> Vec<serde_json::Value> {
        records(self.dir.path(), count).await
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().expect("the program runs").to_string();
        assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
    }
}

#[tokio::test]
async fn a_port_in_use_ends_the_program_with_a_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let yaml = SHOP
        .replace("127.0.0.1:1\"", &format!("{}\"", taken.local_addr().unwrap()))
        .replace("{origin}", "127.0.0.1:9")
        .replace("{dir}", dir.path().to_str().unwrap());
    let file = dir.path().join("tollgate.yaml");
    std::fs::write(&file, yaml).unwrap();
    let output = within("the program to end", command(&file).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("listen[0].address") && said.contains("in use"), "{said}");
}

#[tokio::test]
async fn a_broken_configuration_ends_with_78_and_a_wrong_call_with_64() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tollgate.yaml");
    std::fs::write(&file, "version: 1\nmodee: enforce\n").unwrap();
    let output = within("the program to end", command(&file).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("modee"));
    let wrong = Command::new(env!("CARGO_BIN_EXE_tollgate")).arg("--nonsense").output().await.unwrap();
    assert_eq!(wrong.status.code(), Some(64));
}

#[tokio::test]
async fn a_stop_lets_running_requests_finish_and_takes_no_longer() {
    let (asked, answering) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let origin = Origin::start({
        let (asked, answering) = (asked.clone(), answering.clone());
        move |_| {
            asked.store(true, Ordering::SeqCst);
            while !answering.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
            Answer::new("200 OK", &[], "late")
        }
    })
    .await;
    let mut program = Program::start(SHOP, &origin).await;
    let mut slow = crate::harness::http::Connection::open(program.address).await;
    slow.write(get("/", "")).await;
    within("the request to arrive", until(|| asked.load(Ordering::SeqCst))).await;
    program.signal("-TERM");
    // The listener closes first; the running request goes on.
    within("the listener to close", async {
        while tokio::net::TcpStream::connect(program.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    answering.store(true, Ordering::SeqCst);
    assert_eq!(slow.read().await.expect("the running request is finished").text(), "late");
    let status = tokio::time::timeout(Duration::from_secs(15), program.child.wait()).await;
    assert!(
        status.expect("ends when the last connection is gone, not after the whole grace period").unwrap().success()
    );
}

#[tokio::test]
async fn the_admin_listener_tells_health_readiness_and_figures() {
    let origin = Origin::shop().await;
    let program = Program::start(SHOP, &origin).await;
    send(program.address, crate::harness::http::form("/login", "login=a&password=x")).await;
    send(program.address, get("/", "")).await;
    assert_eq!(send(program.admin, get("/healthz", "")).await.status, 200);
    let metrics = send(program.admin, get("/metrics", "")).await.text();
    for line in [
        r#"tollgate_decisions_total{action="allow",moment="before",route="sign-in"} 1"#,
        r#"tollgate_outcomes_total{outcome="failed",route="sign-in"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    for metric in [
        "tollgate_score",
        "tollgate_store_entries",
        "tollgate_held_body_bytes",
        "tollgate_stage_seconds",
        "tollgate_requests_total",
    ] {
        assert!(metrics.contains(metric), "{metric} is missing");
    }
    assert_eq!(send(program.admin, get("/etc/passwd", "")).await.status, 404);
}

#[tokio::test]
async fn readiness_tells_which_servers_are_dead() {
    let origin = Origin::shop().await;
    let dead = free_port();
    let several = SHOP.replace(
        r#"["{origin}"] }"#,
        &format!(r#"["{{origin}}", "{dead}"], health: {{ interval: 100ms, timeout: 100ms }} }}"#),
    );
    let program = Program::start(&several, &origin).await;
    let named = async {
        loop {
            let page = send(program.admin, get("/readyz", "Connection: close\r\n")).await;
            assert_eq!(page.status, 200, "one of two answers, so the gate can serve");
            if page.text().contains(&format!(r#""servers_down":{{"default":["{dead}"]}}"#)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the dead server to be named", named).await;
    let metrics = send(program.admin, get("/metrics", "")).await.text();
    for line in [
        r#"tollgate_upstream_servers{state="up",upstream="default"} 1"#,
        r#"tollgate_upstream_servers{state="down",upstream="default"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
}

#[tokio::test]
async fn sighup_reopens_the_decision_log() {
    let origin = Origin::shop().await;
    let program = Program::start(SHOP, &origin).await;
    let log = program.dir.path().join("decisions.jsonl");
    let moved = program.dir.path().join("decisions.1");
    let has_line = |path: &std::path::Path| std::fs::read_to_string(path).is_ok_and(|text| text.contains('\n'));
    send(program.address, crate::harness::http::form("/login", "login=a&password=x")).await;
    within("a line in the log", until(|| has_line(&log))).await;
    std::fs::rename(&log, &moved).unwrap();
    program.signal("-HUP");
    within("the log to be made anew", until(|| log.exists())).await;
    send(program.address, crate::harness::http::form("/login", "login=a&password=x")).await;
    within("a line in the new log", until(|| has_line(&log))).await;
}

#[tokio::test]
async fn a_check_looks_into_the_files_that_a_configuration_names() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("blocked.txt"), "203.0.113.9\n203.0.113.300\n").unwrap();
    let lists = "lists: { blocked: { effect: deny, of: ip, file: blocked.txt } }\nroutes:";
    let yaml = SHOP
        .replace("{origin}", "127.0.0.1:9")
        .replace("{dir}", dir.path().to_str().unwrap())
        .replace("routes:", lists);
    let file = dir.path().join("tollgate.yaml");
    std::fs::write(&file, yaml).unwrap();
    let check = || Command::new(env!("CARGO_BIN_EXE_tollgate")).arg("check").arg(&file).output();
    let output = within("the check", check()).await.unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("blocked.txt:2"), "{said}");
    std::fs::write(dir.path().join("blocked.txt"), "203.0.113.9\n").unwrap();
    let output = within("the check", check()).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// How many attempts the gate knows of this account, by guessing once more: the record says it when the signal fires.
async fn guesses_until_challenged(program: &Program) -> usize {
    for guess in 1..40 {
        let answer = send(program.address, crate::harness::http::form("/login", "login=a&password=x")).await;
        if answer.status != 401 {
            return guess;
        }
    }
    panic!("nobody stops the guessing");
}

#[tokio::test]
async fn what_was_learned_outlives_a_restart_and_a_kill() {
    let origin = Origin::shop().await;
    let yaml = SHOP
        .replace("routes:", "store: { snapshot: \"{dir}/state\" }\nroutes:")
        .replace("fired.http_client_library", "fired.brute_force");
    let program = Program::start(&yaml, &origin).await;
    let all = guesses_until_challenged(&program).await;
    program.signal("-TERM");
    let program = program.again().await;
    assert_eq!(guesses_until_challenged(&program).await, 1, "a clean stop loses nothing of {all} guesses");
    program.signal("-KILL");
    let program = program.again().await;
    assert_eq!(guesses_until_challenged(&program).await, 1, "a kill loses the last second, and that was told before");
    let metrics = send(program.admin, get("/metrics", "")).await.text();
    assert!(metrics.contains("tollgate_store_keeping_failures_total 0"), "{metrics}");
    // Two gates cannot share one: the second says so and ends.
    let other = program.dir.path().join("other.yaml");
    let text = std::fs::read_to_string(program.dir.path().join("tollgate.yaml")).unwrap();
    let text = text
        .replace(&program.address.to_string(), &free_port().to_string())
        .replace(&program.admin.to_string(), &free_port().to_string());
    std::fs::write(&other, text).unwrap();
    let output = within("the second to end", command(&other).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("store.snapshot"), "{:?}", output.stderr);
}

#[tokio::test]
async fn a_command_that_takes_its_time_shows_life_on_a_terminal_and_nowhere_else() {
    // Accepts, and never says a word of TLS: the probe waits for its two seconds.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tollgate.yaml");
    let yaml = SHOP
        .replace("127.0.0.1:1\"", &format!("{}\"", free_port()))
        .replace("{origin}", &format!("https://{}", silent.local_addr().unwrap()))
        .replace("{dir}", dir.path().to_str().unwrap());
    std::fs::write(&file, yaml).unwrap();
    let call = format!("{} check --probe {}", env!("CARGO_BIN_EXE_tollgate"), file.display());
    // `script` runs a command on a terminal of its own.
    let terminal = Command::new("script").args(["-qec", &call, "/dev/null"]).stdin(Stdio::null()).output();
    let shown = String::from_utf8_lossy(&within("the check", terminal).await.unwrap().stdout).into_owned();
    assert!(shown.contains("checking ") && shown.contains("(1s)"), "{shown}");
    let piped = within("the check", Command::new("sh").args(["-c", &call]).output()).await.unwrap();
    assert!(!String::from_utf8_lossy(&piped.stderr).contains("checking "));
}

#[tokio::test]
async fn what_a_check_would_have_told_ends_a_start_with_the_same_code() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let yaml = SHOP
        .replace("127.0.0.1:1\"", &format!("{}\"", free_port()))
        .replace("{origin}", "127.0.0.1:9")
        .replace("{dir}", dir.path().to_str().unwrap());
    let file = dir.path().join("tollgate.yaml");
    std::fs::write(dir.path().join("secret"), "identity 00\n").unwrap();
    std::fs::set_permissions(dir.path().join("secret"), std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&file, &yaml).unwrap();
    let output = within("the program to end", command(&file).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_file(dir.path().join("secret")).unwrap();
    std::fs::write(&file, yaml.replace("/decisions.jsonl", "/not/there/decisions.jsonl")).unwrap();
    let output = within("the program to end", command(&file).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", String::from_utf8_lossy(&output.stderr));
}
