//! A configuration that changes while visitors are served: by signal, by file, by command; whole or not at all; and
//! nobody who is being served notices.

mod load;

use crate::challenge::solve;
use crate::harness::http::{BROWSER, Connection, form, get, post, send};
use crate::harness::origin::{Answer, Origin};
use crate::harness::tls::Identity;
use crate::harness::{Gate, SHOP, free_port, until, within};
use crate::process::Program;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tollgate::gateway::reload::{Outcome, Reloader, Reloads};

/// The shop without looking at its files, for stories in which somebody says when.
fn unwatched() -> String {
    format!("reload: {{ watch: false }}\n{SHOP}")
}

/// A file is replaced as an editor does it, so that nobody reads half of it.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

impl Program {
    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("tollgate.yaml")
    }

    /// Changes the configuration file.
    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file()).unwrap();
        assert!(text.contains(from), "{from} is not in\n{text}");
        replace(&self.file(), &text.replace(from, to));
    }

    /// What the program has logged so far, and goes on to.
    fn log(&mut self) -> Arc<Mutex<String>> {
        let (log, lines) = (Arc::<Mutex<String>>::default(), self.child.stderr.take().expect("nobody else reads it"));
        let told = log.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(lines).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                *told.lock().unwrap() += &format!("{line}\n");
            }
        });
        log
    }

    /// A metric's value; 0 while there is none.
    pub async fn metric(&self, name: &str) -> u64 {
        let text = send(self.admin, get("/metrics", "")).await.text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    async fn once_metric(&self, name: &str, value: u64) {
        within(name, async {
            while self.metric(name).await < value {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    async fn once_loaded(&self, times: u64) {
        self.once_metric(LOADED, times).await;
    }

    async fn once_refused(&self, times: u64) {
        self.once_metric(REFUSED, times).await;
    }

    /// `tollgate reload` as an operator runs it: exit code, standard output, standard error.
    pub async fn reload(&self) -> (i32, String, String) {
        let output =
            Command::new(env!("CARGO_BIN_EXE_tollgate")).args(["reload", "--config"]).arg(self.file()).output();
        let output = within("the reload", output).await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// The status of a sign-in from this address.
    async fn sign_in(&self, ip: &str) -> u16 {
        let headers = format!("{BROWSER}X-Forwarded-For: {ip}\r\n");
        send(self.address, post("/login", "login=anna&password=right", &headers)).await.status
    }
}

const LOADED: &str = r#"tollgate_config_reloads_total{result="loaded"}"#;
const REFUSED: &str = r#"tollgate_config_reloads_total{result="refused"}"#;
const STRANGER: &str = "198.51.100.7";

#[tokio::test]
async fn a_hangup_brings_another_policy_and_keeps_what_was_begun() {
    let origin = Origin::shop().await;
    let program = Program::start(&unwatched(), &origin).await;
    assert_eq!(program.sign_in(STRANGER).await, 302);
    let robot = "User-Agent: curl/8.5.0\r\nAccept: */*\r\n";
    let problem = send(program.address, post("/login", "login=bert&password=right", robot)).await.json();
    let url = problem["challenge"]["url"].as_str().unwrap().to_owned();
    let mut old = Connection::open(program.address).await;
    old.write(get("/", "")).await;
    assert_eq!(old.read().await.unwrap().status, 200);

    // Another policy, and another key that seals: both at once.
    program.edit("203.0.113.66", STRANGER);
    let secret = program.dir.path().join("secret");
    let keys = std::fs::read_to_string(&secret).unwrap();
    std::fs::write(&secret, keys.replace("\nsign ", &format!("\nsign 00000001 {}\nsign ", "17".repeat(32)))).unwrap();
    program.signal("-HUP");
    program.once_loaded(1).await;
    assert_eq!(program.sign_in(STRANGER).await, 403);
    assert_eq!(program.metric("tollgate_config_restart_needed").await, 0);

    old.write(get("/", "")).await;
    assert_eq!(old.read().await.expect("the connection lives on").status, 200);
    let solution = solve(program.address, &url).await;
    let solved = send(program.address, post(&url, &solution, BROWSER)).await;
    assert_eq!(solved.status, 303, "a ticket of before is still good: {}", solved.text());
    assert_eq!(program.records(4).await.len(), 4, "and the log goes on in the same file");
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_is_told_everywhere() {
    let origin = Origin::shop().await;
    let mut program = Program::start(SHOP, &origin).await;
    let log = program.log();
    let said = |text: &str| log.lock().unwrap().contains(text);
    program.edit("otherwise: allow", "otherwise: alow");
    program.once_refused(1).await;
    within("the report", until(|| said("did you mean `allow`"))).await;
    assert!(said("(policies.login.otherwise)") && said("^^^^"), "{}", log.lock().unwrap());
    assert_eq!(program.metric("tollgate_config_last_reload_refused").await, 1);
    assert_eq!(program.sign_in(STRANGER).await, 302, "the version before is in force");
    let ready = send(program.admin, get("/readyz", "")).await;
    assert_eq!(ready.status, 200, "and nobody is less ready for it");
    let refused = &ready.json()["configuration"]["refused"];
    assert_eq!(refused["problems"], 1, "{}", ready.text());
    assert!(refused["first"].as_str().unwrap().contains("tollgate.yaml:"), "{}", ready.text());

    // A list that is not there yet: when it appears, the same file is tried again.
    program.edit("otherwise: alow", "otherwise: allow");
    program.once_loaded(1).await;
    assert_eq!(program.metric("tollgate_config_last_reload_refused").await, 0);
    program.edit("\nroutes:", "\nlists: { gone: { effect: deny, of: ip, file: gone.txt } }\nroutes:");
    program.once_refused(2).await;
    replace(&program.dir.path().join("gone.txt"), "192.0.2.1\nnonsense\n");
    program.once_refused(3).await;
    within("the line in the list", until(|| said("gone.txt:2: "))).await;
    replace(&program.dir.path().join("gone.txt"), "192.0.2.1\n");
    program.once_loaded(2).await;

    // History is filed under the identity key.
    let secret = program.dir.path().join("secret");
    let keys = std::fs::read_to_string(&secret).unwrap();
    let identity = keys.lines().find(|line| line.starts_with("identity ")).unwrap();
    std::fs::write(&secret, keys.replace(identity, &format!("identity {}", "17".repeat(32)))).unwrap();
    program.once_refused(4).await;
    within("the reason", until(|| said("the identity key is another one"))).await;
    std::fs::write(&secret, keys).unwrap();
    program.once_loaded(3).await;
    assert!(send(program.admin, get("/readyz", "")).await.json()["configuration"]["refused"].is_null());
}

#[tokio::test]
async fn lists_and_pages_come_into_force_when_their_files_change_also_behind_links() {
    let origin = Origin::shop().await;
    let maps = tempfile::tempdir().unwrap();
    // As Kubernetes mounts a ConfigMap: the file is a link into a directory that is exchanged.
    let version = |name: &str, entries: &str, page: &str| {
        std::fs::create_dir(maps.path().join(name)).unwrap();
        std::fs::write(maps.path().join(name).join("blocked.txt"), entries).unwrap();
        std::fs::write(maps.path().join(name).join("sorry.html"), page).unwrap();
        std::os::unix::fs::symlink(name, maps.path().join("..next")).unwrap();
        std::fs::rename(maps.path().join("..next"), maps.path().join("..data")).unwrap();
    };
    version("one", "192.0.2.1\n", "<p>one</p>");
    for file in ["blocked.txt", "sorry.html"] {
        std::os::unix::fs::symlink(format!("..data/{file}"), maps.path().join(file)).unwrap();
    }
    let path = |file: &str| maps.path().join(file).display().to_string();
    let yaml = SHOP
        .replace(
            "\nroutes:",
            &format!("\nlists: {{ mine: {{ effect: note, of: ip, file: \"{}\" }} }}\nroutes:", path("blocked.txt")),
        )
        .replace(r#"client.ip == "203.0.113.66""#, "listed.mine")
        .replace(
            "    otherwise: allow",
            &format!("    otherwise: allow\n    deny: {{ html: {{ file: \"{}\" }} }}", path("sorry.html")),
        );
    let program = Program::start(&yaml, &origin).await;
    assert_eq!(program.sign_in(STRANGER).await, 302);
    version("two", &format!("192.0.2.1\n{STRANGER}\n"), "<p>two</p>");
    program.once_loaded(1).await;
    let headers = format!("{BROWSER}X-Forwarded-For: {STRANGER}\r\n");
    let denied = send(program.address, post("/login", "login=anna&password=right", &headers)).await;
    assert_eq!((denied.status, denied.text().as_str()), (403, "<p>two</p>"));
    // In place, as a shell does it.
    std::fs::write(maps.path().join("two/blocked.txt"), "192.0.2.1\n").unwrap();
    program.once_loaded(2).await;
    assert_eq!(program.sign_in(STRANGER).await, 302);
}

#[tokio::test]
async fn a_certificate_is_renewed_and_connections_live_on() {
    let origin = Origin::shop().await;
    let (first, second) = (Identity::new(), Identity::new());
    let listen = r#"listen: [{ address: "127.0.0.1:1" }]"#;
    let program = Program::start(&SHOP.replace(listen, &first.listener()), &origin).await;
    let mut old = first.http1(program.address).await;
    old.write(get("/", "")).await;
    assert_eq!(old.read().await.unwrap().status, 200);
    // As a renewal does it: one file, then the other. Between the two they do not fit.
    std::fs::copy(second.certificate_file(), first.certificate_file()).unwrap();
    program.once_refused(1).await;
    old.write(get("/", "")).await;
    assert_eq!(old.read().await.unwrap().status, 200);
    std::fs::copy(second.key_file(), first.key_file()).unwrap();
    program.once_loaded(1).await;
    let mut new = second.http1(program.address).await;
    for connection in [&mut old, &mut new] {
        connection.write(get("/", "")).await;
        assert_eq!(connection.read().await.expect("old and new are served").status, 200);
    }
}

#[tokio::test]
async fn the_command_reloads_for_who_may_read_the_token() {
    let origin = Origin::shop().await;
    let program = Program::start(&unwatched(), &origin).await;
    let token = program.dir.path().join("admin.token");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&token).unwrap());
    assert_eq!(mode & 0o7777, 0o600, "made on first start, for its owner");

    let (code, said, _) = program.reload().await;
    assert_eq!(code, 0);
    assert!(said.contains("as before"), "{said}");
    program.edit("203.0.113.66", STRANGER);
    let (code, said, _) = program.reload().await;
    assert!(
        code == 0 && said.contains(" instead of ") && said.contains("  changed: ") && said.contains("tollgate.yaml"),
        "{said}"
    );
    assert_eq!(program.sign_in(STRANGER).await, 403);

    program.edit("otherwise: allow", "otherwise: alow");
    let (code, out, err) = program.reload().await;
    assert_eq!((code, out.as_str()), (78, ""));
    assert!(err.contains("did you mean `allow`") && err.contains("stays in force"), "{err}");
    assert_eq!(program.metric(REFUSED).await, 1, "the gate itself was asked");
    assert_eq!(program.sign_in(STRANGER).await, 403);
    program.edit("otherwise: alow", "otherwise: allow");

    // Others on this machine can reach the listener, and do nothing there.
    let ask = |header: &str| {
        format!("POST /api/v1/config/reload HTTP/1.1\r\nHost: localhost\r\n{header}Content-Length: 0\r\n\r\n")
    };
    let wrong = "0".repeat(64);
    for header in ["", &format!("Authorization: Bearer {wrong}\r\n"), "Authorization: Bearer\r\n"] {
        let answer = send(program.admin, ask(header)).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{header}");
    }
    assert_eq!(program.metric(LOADED).await, 2);
    let right = std::fs::read_to_string(&token).unwrap();
    let got = ask(&format!("Authorization: Bearer {}\r\n", right.trim())).replace("POST", "GET");
    assert_eq!(send(program.admin, got).await.status, 405);
    replace(&token, &format!("{wrong}\n"));
    let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&token, owner_only).unwrap();
    let (code, _, err) = program.reload().await;
    assert!(code == 1 && err.contains("401"), "{err}");
    // The token rotates as everything else does.
    let answer = send(program.admin, ask(&format!("Authorization: Bearer {}\r\n", right.trim()))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(program.reload().await.0, 0);

    // Nobody there.
    let address = free_port();
    program.edit(&program.admin.to_string(), &address.to_string());
    assert_eq!(program.reload().await.0, 1);
}

#[tokio::test]
async fn a_token_whose_file_is_gone_is_revoked_and_a_pipe_in_its_place_holds_nothing_up() {
    let origin = Origin::shop().await;
    let program = Program::start(&unwatched(), &origin).await;
    let path = program.dir.path().join("admin.token");
    let token = std::fs::read_to_string(&path).unwrap();
    let ask = async || {
        let header = format!("Authorization: Bearer {}\r\nContent-Length: 0\r\n", token.trim());
        let head = format!("POST /api/v1/config/reload HTTP/1.1\r\nHost: localhost\r\n{header}\r\n");
        send(program.admin, head).await.status
    };
    assert_eq!(ask().await, 200);
    // A named pipe is told as what it is, and the next reload works.
    let kept = path.with_extension("kept");
    std::fs::rename(&path, &kept).unwrap();
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&path).status().await.unwrap().success());
    assert_eq!(ask().await, 422);
    std::fs::remove_file(&path).unwrap();
    program.signal("-HUP");
    program.once_loaded(2).await;
    within("the token to be revoked", async {
        while ask().await != 401 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(program.metric(REFUSED).await, 1, "who takes it away means the token, and nothing else");
    std::fs::rename(&kept, &path).unwrap();
    program.signal("-HUP");
    program.once_loaded(3).await;
    assert_eq!(ask().await, 200, "an operator has put it back");
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_the_rest_is_in_force() {
    let origin = Origin::shop().await;
    let mut program = Program::start(&unwatched(), &origin).await;
    let log = program.log();
    let listen = format!("listen: [{{ address: \"{}\" }}", program.address);
    program.edit(&listen, &format!("{listen}, {{ address: \"127.0.0.1:1\" }}"));
    program.edit("\nroutes:", "\nlimits: { threads: 3 }\nroutes:");
    program.edit("203.0.113.66", STRANGER);
    let (code, said, _) = program.reload().await;
    assert_eq!(code, 0);
    for needed in ["listen: 127.0.0.1:1 is not listened on yet", "limits.threads: still one a core"] {
        assert!(said.contains(&format!("needs a restart: {needed}")), "{needed}: {said}");
        within("the log", until(|| log.lock().unwrap().contains(needed))).await;
    }
    assert_eq!(program.sign_in(STRANGER).await, 403);
    assert_eq!(program.metric("tollgate_config_restart_needed").await, 1);
    let ready = send(program.admin, get("/readyz", "")).await.json();
    assert_eq!(ready["configuration"]["restart"].as_array().unwrap().len(), 2, "{ready}");
}

#[tokio::test]
async fn an_upstream_that_nobody_knows_is_refused() {
    let origin = Origin::shop().await;
    let program = Program::start(&unwatched(), &origin).await;
    program.edit(&format!("servers: [\"{}\"]", origin.address), "servers: [\"nobody.invalid:80\"]");
    let (code, _, err) = program.reload().await;
    assert!(code == 78 && err.contains("nobody.invalid:80"), "{err}");
    assert_eq!(send(program.address, get("/", "")).await.status, 200);
}

/// A gate in this process with the task that reloads it from a file.
struct Reloading {
    gate: Gate,
    reloads: Reloads,
    yaml: String,
    dir: tempfile::TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl Reloading {
    async fn start(origin: &Origin) -> Reloading {
        let gate = Gate::start(&unwatched(), origin).await;
        let dir = tempfile::tempdir().unwrap();
        // The same keys: history is filed under them.
        let secret = gate.inner.live.load().settings.secret_file.clone();
        let yaml = unwatched()
            .replace("{dir}/secret", secret.to_str().unwrap())
            .replace("{dir}", dir.path().to_str().unwrap())
            .replace("{origin}", &origin.address.to_string());
        let file = dir.path().join("tollgate.yaml");
        std::fs::write(&file, &yaml).unwrap();
        let (reloader, reloads) = Reloader::new(gate.inner.clone(), &file, Default::default(), None);
        let task = tokio::spawn(reloader.run(std::future::pending));
        Reloading { gate, reloads, yaml, dir, task }
    }

    async fn reload(&self, yaml: &str) {
        replace(&self.dir.path().join("tollgate.yaml"), yaml);
        match within("the reload", self.reloads.reload()).await {
            Some(Outcome::Loaded(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Reloading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_request_that_is_being_read_keeps_the_version_it_began_with() {
    let origin = Origin::shop().await;
    let story = Reloading::start(&origin).await;
    let before = story.gate.inner.live.load().settings.hash.clone();
    let whole = form("/login", "login=anna&password=right");
    let (head, body) = whole.split_at(whole.len() - 10);
    let mut slow = Connection::open(story.gate.address).await;
    slow.write(head).await;
    let held = story.gate.inner.budget.gauge();
    within("the body to be held", until(|| held.load(Ordering::Relaxed) > 0)).await;

    // In the new version this route has another name, another policy, and another application behind it.
    let nobody = free_port().to_string();
    let changed = story.yaml.replace("name: sign-in", "name: changed").replace("otherwise: allow", "otherwise: deny");
    story.reload(&changed.replace(&origin.address.to_string(), &nobody)).await;
    let after = story.gate.inner.live.load().settings.hash.clone();
    assert_ne!(before, after);
    assert_eq!(send(story.gate.address, whole.as_str()).await.status, 403, "new requests meet the new policy");
    slow.write(body).await;
    assert_eq!(slow.read().await.expect("an answer").status, 302, "policy, pages and servers of the old one");
    slow.write(get("/", "")).await;
    assert_eq!(slow.read().await.expect("an answer").status, 502, "the next one on the connection is of the new one");

    let records = story.gate.records(3).await;
    let of = |route: &str| records.iter().filter(|record| record["route"] == route).collect::<Vec<_>>();
    assert_eq!((of("changed").len(), of("sign-in").len()), (1, 2), "{records:?}");
    assert!(of("changed").iter().all(|record| record["config"] == *after));
    assert!(of("sign-in").iter().all(|record| record["config"] == *before), "{records:?}");
}

#[tokio::test]
async fn an_old_version_goes_with_the_last_request_that_it_belongs_to() {
    let (asked, answering) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let origin = Origin::start({
        let (asked, answering) = (asked.clone(), answering.clone());
        move |_| {
            asked.store(true, Ordering::SeqCst);
            while !answering.load(Ordering::SeqCst) {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            Answer::new("200 OK", &[], "late")
        }
    })
    .await;
    let story = Reloading::start(&origin).await;
    let versions: Vec<_> = {
        let mut slow = Connection::open(story.gate.address).await;
        slow.write(get("/", "")).await;
        within("the request to arrive", until(|| asked.load(Ordering::SeqCst))).await;
        let held = Arc::downgrade(&story.gate.inner.live.load_full());
        story.reload(&story.yaml).await;
        let unheld = Arc::downgrade(&story.gate.inner.live.load_full());
        story.reload(&story.yaml).await;
        within("the version without requests to go", until(|| unheld.strong_count() == 0)).await;
        assert!(held.strong_count() > 0, "a request belongs to it");
        answering.store(true, Ordering::SeqCst);
        assert_eq!(slow.read().await.unwrap().text(), "late");
        vec![held]
    };
    within("the other to go", until(|| versions.iter().all(|version| version.strong_count() == 0))).await;
}
