//! The commands as an operator types them, and what the program remembers when it is killed.

use super::{VISITOR, shop, sign_in};
use crate::harness::http::send;
use crate::harness::origin::Origin;
use crate::harness::within;
use crate::process::Program;
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

impl Program {
    /// `tollgate lists …`: exit code, standard output, standard error.
    pub(crate) async fn lists(&self, arguments: &[&str]) -> (i32, String, String) {
        self.lists_fed(arguments, "").await
    }

    async fn lists_fed(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.arg("lists").args(arguments).arg("--config").arg(self.dir.path().join("tollgate.yaml"));
        command.env("USER", "anna").env_remove("SUDO_USER").stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let feed = async {
            // A command that was refused before may not read it.
            let _ = stdin.write_all(input.as_bytes()).await;
            drop(stdin);
        };
        let (output, ()) = within("the command", async { tokio::join!(child.wait_with_output(), feed) }).await;
        let output = output.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// A call of the admin API: status and body.
    async fn call(&self, verb: &str, path: &str, body: &str) -> (u16, Value) {
        let token = std::fs::read_to_string(self.dir.path().join("admin.token")).unwrap();
        let request = format!(
            "{verb} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.admin,
            token.trim(),
            body.len()
        );
        let answer = send(self.admin, request).await;
        (answer.status, answer.json())
    }
}

fn kept() -> String {
    format!("store: {{ kind: memory, snapshot: \"{{dir}}/state\" }}\n{}", shop())
}

#[tokio::test]
async fn an_operator_adds_shows_and_removes() {
    let origin = Origin::shop().await;
    let program = Program::start(&shop(), &origin).await;
    let (code, out, err) = program.lists(&["add", "blocked", VISITOR, "--reason", "scraped us", "--for", "15m"]).await;
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with(&format!("{VISITOR}  until=20")) && out.contains("# scraped us  [added 20"), "{out}");
    assert!(out.contains("by anna]") && err.contains("a restart of the gate forgets this"), "{out}{err}");
    assert_eq!(sign_in(program.address, VISITOR, "anna").await, 403);
    let (_, out, _) = program.lists(&["show", "blocked"]).await;
    assert!(out.contains("scraped us"), "{out}");
    let (_, out, _) = program.lists(&["show"]).await;
    assert!(out.contains("blocked  deny    ip           0        1\n"), "{out}");
    let (_, out, _) = program.lists(&["show", "blocked", "--json"]).await;
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(shown["entries"][0]["reason"], "scraped us");
    let (code, out, _) = program.lists(&["remove", "blocked", VISITOR]).await;
    assert_eq!((code, out.as_str()), (0, "gone from blocked\n"));
    assert_eq!(sign_in(program.address, VISITOR, "anna").await, 302);
    for (arguments, code, says) in [
        (&["remove", "blocked", VISITOR][..], 1, "`blocked` holds no such entry"),
        (&["add", "blokced", VISITOR], 1, "did you mean `blocked`?"),
        (&["add", "../../secret", VISITOR], 1, "there is no list"),
        (&["add", "blocked", "nonsense"], 1, "neither an address nor a CIDR range"),
        (&["add", "blocked", VISITOR, "--for", "15"], 64, "write `15ms`, `15s` or `15m`"),
        (&["add", "blocked", VISITOR, "--until", "soon"], 64, "write `2026-12-01`"),
        (&["add", "blocked", VISITOR, "--for", "1h", "--until", "2030-01-01"], 64, "cannot be used with"),
        (&["show", "nothing"], 1, "there is no list `nothing`"),
    ] {
        let (exit, _, err) = program.lists(arguments).await;
        assert!(exit == code && err.contains(says), "{arguments:?}: {exit} {err}");
    }
}

#[tokio::test]
async fn a_file_is_imported_whole_or_not_at_all_and_exported_again() {
    let origin = Origin::shop().await;
    let program = Program::start(&shop(), &origin).await;
    let file = program.dir.path().join("feed.txt");
    let name = file.to_str().unwrap();
    std::fs::write(&file, "# feed\n198.51.100.0/24  until=2090-01-01  # scrapers\nnonsense\n192.0.2.1 until=x\n")
        .unwrap();
    let (code, _, err) = program.lists(&["import", "blocked", name]).await;
    assert_eq!(code, 78, "{err}");
    assert!(err.contains("feed.txt:3: neither") && err.contains("feed.txt:4: not a moment"), "{err}");
    assert!(err.contains("nothing was imported"), "{err}");
    assert_eq!(sign_in(program.address, VISITOR, "anna").await, 302);

    let good = "# feed\n198.51.100.0/24  until=2090-01-01  # scrapers\n192.0.2.1\n";
    std::fs::write(&file, good).unwrap();
    let (_, out, _) = program.lists(&["import", "blocked", name, "--dry-run"]).await;
    assert_eq!(out, "2 would be added to blocked, 0 would be replaced, 0 there already\n");
    assert_eq!(sign_in(program.address, VISITOR, "anna").await, 302);
    let (code, out, _) = program.lists_fed(&["import", "blocked", "-"], good).await;
    assert_eq!((code, out.as_str()), (0, "2 added to blocked, 0 replaced, 0 there already\n"));
    assert_eq!(sign_in(program.address, VISITOR, "anna").await, 403);
    let (_, exported, _) = program.lists(&["export", "blocked"]).await;
    let mut lines: Vec<&str> = exported.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["192.0.2.1", "198.51.100.0/24  until=2090-01-01T00:00:00.000Z  # scrapers"]);
    let (_, out, _) = program.lists_fed(&["import", "blocked", "-"], &exported).await;
    assert_eq!(out, "0 added to blocked, 0 replaced, 2 there already\n");
}

/// In several parts, which the gate is sent one after the other.
#[tokio::test]
async fn a_large_file_arrives_in_parts() {
    let origin = Origin::shop().await;
    let program = Program::start(&shop(), &origin).await;
    let lines: String = (0..60_000u32)
        .map(|number| format!("{}  # a feed\n", std::net::Ipv4Addr::from(0x0b00_0000 + number * 7)))
        .collect();
    assert!(lines.len() > 1 << 20);
    let (code, out, err) = program.lists_fed(&["import", "blocked", "-"], &lines).await;
    assert_eq!((code, out.as_str()), (0, "60000 added to blocked, 0 replaced, 0 there already\n"), "{err}");
    let (_, exported, _) = program.lists(&["export", "blocked"]).await;
    assert_eq!(exported.lines().count(), 60_000);
    let (code, out, _) = program.lists_fed(&["import", "blocked", "-"], &(lines + "nonsense\n")).await;
    assert_eq!((code, out.as_str()), (78, ""));
}

#[tokio::test]
async fn what_was_added_and_who_is_banned_outlives_a_kill() {
    let origin = Origin::shop().await;
    let yaml = kept().replace(
        "{ name: listed, when: fired.deny_listed, action: deny }",
        "{ name: listed, when: fired.deny_listed, action: deny }\n      \
         - { name: thief, when: 'client.ip == \"198.51.100.99\"', action: deny, ban: 1h }",
    );
    let mut program = Program::start(&yaml, &origin).await;
    let (code, _, err) = program.lists(&["add", "blocked", VISITOR, "--reason", "scraped us"]).await;
    assert_eq!((code, err.as_str()), (0, ""), "kept: no note");
    assert_eq!(program.lists(&["add", "people", "berta"]).await.0, 0);
    assert_eq!(program.lists(&["add", "blocked", "198.51.100.8"]).await.0, 0);
    assert_eq!(program.lists(&["remove", "blocked", "198.51.100.8"]).await.0, 0);
    assert_eq!(sign_in(program.address, "198.51.100.99", "anna").await, 403);
    program.signal("-KILL");
    program = program.again().await;
    assert_eq!(sign_in(program.address, VISITOR, "anna").await, 403);
    assert_eq!(sign_in(program.address, "198.51.100.50", "Berta").await, 403);
    assert_eq!(sign_in(program.address, "198.51.100.8", "anna").await, 302, "what was taken away stays away");
    let (_, out, _) = program.lists(&["show", "banned"]).await;
    assert!(
        out.starts_with("198.51.100.99  until=") && out.contains("# rule thief of policy login, attempt "),
        "{out}"
    );
    let (_, out, _) = program.lists(&["show", "blocked"]).await;
    assert!(out.contains("# scraped us  [added ") && out.contains(" by anna]"), "{out}");
}

#[tokio::test]
async fn the_api_takes_what_it_documents_and_nothing_else() {
    let origin = Origin::shop().await;
    let program = Program::start(&shop(), &origin).await;
    let entries = "/api/v1/lists/blocked/entries";
    let (status, added) =
        program.call("POST", entries, &json!({ "entry": VISITOR, "for_ms": 60_000 }).to_string()).await;
    assert_eq!(
        (status, &added["entries"][0]["entry"], &added["kept"]),
        (200, &json!(VISITOR), &json!(false)),
        "{added}"
    );
    assert_eq!(sign_in(program.address, VISITOR, "anna").await, 403);
    let (status, page) = program.call("GET", "/api/v1/lists/blocked?limit=1&source=added", "").await;
    assert_eq!((status, &page["entries"][0]["source"]), (200, &json!("added")), "{page}");
    let (status, lists) = program.call("GET", "/api/v1/lists", "").await;
    let names: Vec<_> = lists["lists"].as_array().unwrap().iter().map(|list| list["name"].as_str().unwrap()).collect();
    assert_eq!((status, names), (200, vec!["blocked", "people", "domains", "office", "banned"]));
    let huge = json!({ "entry": "x".repeat(100_000) }).to_string();
    let control = json!({ "entry": VISITOR, "reason": "a\u{0}\u{1b}[2J\nb" }).to_string();
    let wrong = json!({ "text": "198.51.100.9\nnonsense\n" }).to_string();
    for (verb, path, body, status) in [
        ("POST", entries, huge.as_str(), 413),
        ("POST", entries, control.as_str(), 422),
        ("POST", entries, r#"{"entry":"198.51.100.9","until":"2020-01-01"}"#, 422),
        ("POST", entries, r#"{"entry":"198.51.100.9","until":"2090-01-01","for_ms":1}"#, 400),
        ("POST", entries, r#"{"entry":"198.51.100.9","resaon":"x"}"#, 400),
        ("POST", entries, "", 400),
        ("DELETE", entries, r#"{"entry":"198.51.100.9"}"#, 404),
        ("POST", "/api/v1/lists/nothing/entries", r#"{"entry":"198.51.100.9"}"#, 404),
        ("POST", "/api/v1/lists/blocked/import", wrong.as_str(), 422),
        ("GET", "/api/v1/lists/blocked?cursor=nowhere", "", 422),
        ("GET", "/api/v1/lists/blocked?limit=0", "", 400),
        ("PUT", entries, "", 405),
    ] {
        let (answered, problem) = program.call(verb, path, body).await;
        assert_eq!(answered, status, "{verb} {path} {problem}");
    }
    let (_, problem) = program.call("POST", "/api/v1/lists/blocked/import", &wrong).await;
    assert_eq!(problem["lines"], json!([{ "line": 2, "message": "neither an address nor a CIDR range" }]));
    assert_eq!(sign_in(program.address, "198.51.100.9", "anna").await, 302, "nothing of all that was done");
    let (status, gone) = program.call("DELETE", entries, &json!({ "entry": VISITOR }).to_string()).await;
    assert_eq!((status, &gone["removed"]), (200, &json!(1)));
    assert_eq!(sign_in(program.address, VISITOR, "anna").await, 302);
    // Nobody without the token.
    let bare = format!("GET /api/v1/lists HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", program.admin);
    assert_eq!(send(program.admin, bare).await.status, 401);
}
