//! The running program is replaced by another: nobody notices, nothing is counted twice or forgotten, and what cannot
//! take over leaves everything as it was.

mod load;

use crate::challenge::solve;
use crate::harness::http::{Answer, BROWSER, Connection, get, post, send};
use crate::harness::origin::Origin;
use crate::harness::{SHOP, within};
use crate::process::Program;
use std::time::Duration;

/// The shop with a store that is kept, and connections that do not rest for long.
fn lasting() -> String {
    SHOP.replace("routes:", "store: { snapshot: \"{dir}/state\" }\nlimits: { client_idle: 2s, drain: 40s }\nroutes:")
}

/// A process that this test did not start itself, ended with it.
struct Successor(u32);

impl Drop for Successor {
    fn drop(&mut self) {
        let _ = std::process::Command::new("kill").args(["-KILL", &self.0.to_string()]).status();
    }
}

impl Successor {
    fn signal(&self, name: &str) {
        assert!(std::process::Command::new("kill").args([name, &self.0.to_string()]).status().unwrap().success());
    }
}

/// Runs `tollgate upgrade`: code, output, errors.
async fn upgrade(program: &Program) -> (Option<i32>, String, String) {
    let call = tokio::process::Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["upgrade", "--config"])
        .arg(program.dir.path().join("tollgate.yaml"))
        .output();
    let output = within("the upgrade", call).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Has another process take over, which must succeed.
async fn upgraded(program: &Program) -> Successor {
    let (code, said, wrong) = upgrade(program).await;
    assert_eq!(code, Some(0), "{wrong}");
    let pid = said.split("process ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    Successor(pid.parse().unwrap())
}

/// A visitor's connection that was used, and rests.
async fn resting(program: &Program) -> Connection {
    let mut connection = Connection::open(program.address).await;
    assert_eq!(ask(&mut connection, get("/", BROWSER)).await.status, 200);
    connection
}

async fn ask(connection: &mut Connection, request: String) -> Answer {
    connection.write(request).await;
    connection.read().await.expect("an answer")
}

async fn ends(program: &mut Program) -> Option<i32> {
    within("the process before to end", program.child.wait()).await.unwrap().code()
}

#[tokio::test]
async fn connections_that_rest_are_served_and_told_to_go() {
    let origin = Origin::shop().await;
    let mut program = Program::start(&lasting(), &origin).await;
    let mut connection = resting(&program).await;
    let _successor = upgraded(&program).await;
    // From when it has stopped to accept, which is a moment after the new one has begun.
    within("to be told to go", async {
        loop {
            let answer = ask(&mut connection, get("/", BROWSER)).await;
            assert_eq!(answer.status, 200);
            if answer.header("connection") == Some("close") {
                return;
            }
        }
    })
    .await;
    let answer = send(program.address, get("/", BROWSER)).await;
    assert_eq!(answer.status, 200, "the new one serves");
    assert_ne!(answer.header("connection"), Some("close"));
    assert_eq!(ends(&mut program).await, Some(0));
    let metrics = send(program.admin, get("/metrics", "")).await.text();
    assert!(metrics.contains(r#"tollgate_upgrades_total{result="taken_over"} 1"#), "{metrics}");
}

const CURL: &str = "User-Agent: curl/8.5.0\r\nAccept: */*\r\n";

/// A clearance for signing in as this account.
async fn clearance(program: &Program, account: &str) -> String {
    let login = post("/login", &format!("login={account}&password=right"), CURL);
    let problem = send(program.address, login).await.json();
    let url = problem["challenge"]["url"].as_str().unwrap();
    let solution = solve(program.address, url).await;
    let solved = send(program.address, post(url, &solution, BROWSER)).await;
    solved.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn what_may_be_used_once_is_used_once_over_both_processes() {
    let origin = Origin::shop().await;
    let mut program = Program::start(&lasting().replace("client_idle: 2s", "client_idle: 60s"), &origin).await;
    let login = |account: &str, cookie: &str| {
        post("/login", &format!("login={account}&password=right"), &format!("{CURL}Cookie: {cookie}\r\n"))
    };
    let spent_before = clearance(&program, "anna").await;
    let (here, there) = (clearance(&program, "bert").await, clearance(&program, "cleo").await);
    assert_eq!(send(program.address, login("anna", &spent_before)).await.status, 302);
    // What these ask is answered by the process before.
    let (mut first, mut second, mut third) =
        (resting(&program).await, resting(&program).await, resting(&program).await);
    let successor = upgraded(&program).await;
    assert_eq!(send(program.address, login("anna", &spent_before)).await.status, 403);
    assert_eq!(ask(&mut first, login("anna", &spent_before)).await.status, 403);
    assert_eq!(send(program.address, login("bert", &here)).await.status, 302);
    assert_eq!(ask(&mut second, login("bert", &here)).await.status, 403, "spent at the new one");
    assert_eq!(ask(&mut third, login("cleo", &there)).await.status, 302);
    assert_eq!(send(program.address, login("cleo", &there)).await.status, 403, "spent at the old one");
    assert_eq!(ends(&mut program).await, Some(0));
    drop(successor);
}

#[tokio::test]
async fn what_cannot_take_over_changes_nothing() {
    let origin = Origin::shop().await;
    let yaml = lasting().replace("fired.http_client_library", "fired.brute_force");
    let program = Program::start(&yaml, &origin).await;
    let login = || send(program.address, post("/login", "login=a&password=x", BROWSER));
    while login().await.status == 401 {}
    let file = program.dir.path().join("tollgate.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere = format!("listen: [{{ address: \"{}\" }}, ", taken.local_addr().unwrap());
    for (text, expected) in [
        (text.replace("mode: enforce", "modee: enforce\nmode: enforce"), "modee"),
        (text.replace("listen: [", &elsewhere), "in use"),
        (text.replace("/decisions.jsonl", "/not/there/decisions.jsonl"), "decision_log"),
    ] {
        std::fs::write(&file, text).unwrap();
        let (code, _, wrong) = upgrade(&program).await;
        assert_eq!(code, Some(1), "{wrong}");
        assert!(wrong.contains(expected) && wrong.contains("goes on"), "{wrong}");
        assert_eq!(send(program.address, get("/", BROWSER)).await.status, 200);
        assert_ne!(login().await.status, 401, "what was learned is known");
    }
    let metrics = send(program.admin, get("/metrics", "")).await.text();
    assert!(metrics.contains(r#"tollgate_upgrades_total{result="refused"} 3"#), "{metrics}");
    // And with a sound configuration it works after all.
    std::fs::write(&file, text).unwrap();
    let _successor = upgraded(&program).await;
    assert_ne!(login().await.status, 401, "what was learned is known to the next as well");
}

#[tokio::test]
async fn one_upgrade_at_a_time_until_the_process_before_has_ended() {
    let origin = Origin::shop().await;
    let mut program = Program::start(&lasting().replace("client_idle: 2s", "client_idle: 60s"), &origin).await;
    let connection = resting(&program).await;
    let _second = upgraded(&program).await;
    let (code, _, wrong) = upgrade(&program).await;
    assert_eq!(code, Some(1), "{wrong}");
    assert!(wrong.contains("last connections"), "{wrong}");
    drop(connection);
    assert_eq!(ends(&mut program).await, Some(0));
    // The end of the one before is noticed a moment later.
    let third = within("an upgrade to be possible", async {
        loop {
            let (code, said, _) = upgrade(&program).await;
            if code == Some(0) {
                return said;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let pid = third.split("process ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let _third = Successor(pid.parse().unwrap());
    assert_eq!(send(program.address, get("/", BROWSER)).await.status, 200);
}

#[tokio::test]
async fn if_the_new_process_ends_the_old_one_ends_too_and_with_a_failure() {
    let origin = Origin::shop().await;
    let mut program = Program::start(&lasting().replace("client_idle: 2s", "client_idle: 60s"), &origin).await;
    let _connection = resting(&program).await;
    let successor = upgraded(&program).await;
    successor.signal("-KILL");
    assert_eq!(ends(&mut program).await, Some(1), "whoever starts gates hears of it");
}

#[tokio::test]
async fn a_stop_in_the_middle_ends_both_in_order() {
    let origin = Origin::shop().await;
    let yaml = lasting().replace("client_idle: 2s", "client_idle: 60s, grace: 1s");
    let mut program = Program::start(&yaml, &origin).await;
    let _connection = resting(&program).await;
    let successor = upgraded(&program).await;
    // As a service manager stops: everybody.
    program.signal("-TERM");
    successor.signal("-TERM");
    assert_eq!(ends(&mut program).await, Some(0));
}
