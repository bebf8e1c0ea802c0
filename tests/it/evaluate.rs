//! `tollgate evaluate` as a command: what it reads, what it writes, and how it ends.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const LINES: &str = r#"{"t":1790000000,"event":"login","ip":"203.0.113.7","headers":[["User-Agent","Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],["Accept","text/html"],["Accept-Language","en"],["Accept-Encoding","gzip, deflate"],["Origin","http://shop.example"]],"fields":{"account":"anna","password":"a"},"outcome":"succeeded","label":"innocent","actor":"anna"}
{"t":1790000050,"event":"login","ip":"203.0.113.8","headers":[["User-Agent","curl/8.5.0"]],"fields":{"account":"bob","password":"b"},"outcome":"failed","label":"bulk_stuffing","actor":"c1"}
{"t":1790000100,"event":"login","ip":"203.0.113.8","headers":[["User-Agent","curl/8.5.0"]],"fields":{"account":"eve","password":"b"},"outcome":"failed","label":"bulk_stuffing","actor":"c1"}
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        std::fs::write(folder.path("attempts.jsonl"), LINES).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.arg("evaluate").args(arguments).current_dir(self.0.path());
        command
    }
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn it_reports_keeps_and_compares() {
    let folder = Folder::new();
    let output =
        folder.run(&["--warm-up", "0s", "--json", "attempts.jsonl", "--verdicts", "v.jsonl", "--html", "r.html"]);
    let (code, json, complaint) = said(&output);
    assert_eq!((code, complaint.as_str()), (Some(0), ""));
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["attacks"][0]["at_policy"]["stopped"]["count"], 2);
    std::fs::write(folder.path("before.json"), &json).unwrap();
    let verdicts = std::fs::read_to_string(folder.path("v.jsonl")).unwrap();
    assert_eq!(verdicts.lines().count(), LINES.lines().count());
    assert!(std::fs::read_to_string(folder.path("r.html")).unwrap().starts_with("<!doctype html>"));
    let (code, text, _) = said(&folder.run(&["--warm-up", "0s", "--baseline", "before.json", "attempts.jsonl"]));
    assert_eq!(code, Some(0));
    assert!(text.contains("\nSince before.json\n  Nothing that chance does not explain."), "{text}");
    assert!(!folder.path("secret").exists(), "nothing is made that was not asked for");
}

#[test]
fn standard_input_is_read_if_it_is_said_where_counting_begins() {
    let folder = Folder::new();
    let mut command = folder.command(&["--warm-up", "0s", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(LINES.as_bytes()).unwrap();
    let (code, text, _) = said(&child.wait_with_output().unwrap());
    assert_eq!(code, Some(0));
    assert!(text.starts_with("3 attempts"), "{text}");
    let (code, _, complaint) = said(&folder.run(&["-"]));
    assert_eq!(code, Some(64));
    assert!(complaint.contains("--warm-up 0s"), "{complaint}");
}

#[test]
fn each_fault_has_its_exit_code_and_its_place() {
    let folder = Folder::new();
    std::fs::write(folder.path("bad.jsonl"), format!("{LINES}{{\"t\":\"now\"}}\n")).unwrap();
    std::fs::write(folder.path("bad.yaml"), "version: 1\nmode: enforced\n").unwrap();
    std::fs::write(folder.path("bad.json"), "{}").unwrap();
    for (arguments, code, says) in [
        (&["bad.jsonl"][..], 1, "bad.jsonl:4: "),
        (&["none.jsonl"], 1, "none.jsonl: "),
        (&["--baseline", "bad.json", "attempts.jsonl"], 1, "bad.json: it has no `version`"),
        (&["--html", "no/where.html", "attempts.jsonl"], 1, "no/where.html: "),
        (&["--config", "bad.yaml", "attempts.jsonl"], 78, "bad.yaml:2:"),
        (&["--solve", "anna", "attempts.jsonl"], 64, "--solve: `anna` has no `=`"),
        (&["--warm-up", "long", "attempts.jsonl"], 64, "--warm-up: "),
        (&[], 64, "ATTEMPTS"),
        (&["--rba", "x.csv", "attempts.jsonl"], 64, "cannot be used with"),
    ] {
        let (found, _, complaint) = said(&folder.run(arguments));
        assert_eq!(found, Some(code), "{arguments:?}: {complaint}");
        assert!(complaint.contains(says), "{arguments:?}: {complaint}");
    }
}

#[test]
fn nothing_that_is_read_is_written_over() {
    let folder = Folder::new();
    std::fs::write(folder.path("logins.csv"), "index\n").unwrap();
    for arguments in [
        &["--warm-up", "0s", "attempts.jsonl", "--verdicts", "attempts.jsonl"][..],
        &["--warm-up", "0s", "attempts.jsonl", "--html", "./attempts.jsonl"],
        &["--rba", "logins.csv", "--scores", "logins.csv"],
    ] {
        let (code, _, complaint) = said(&folder.run(arguments));
        assert!(code == Some(64) && complaint.contains("would write over"), "{arguments:?}: {complaint}");
    }
    assert_eq!(std::fs::read_to_string(folder.path("attempts.jsonl")).unwrap(), LINES);
    let (code, _, complaint) = said(&folder.run(&["--warm-up", "0s", "attempts.jsonl", "--scores", "s.csv"]));
    assert!(code == Some(64) && complaint.contains("--rba"), "{complaint}");
    let (code, _, complaint) = said(&folder.run(&["--warm-up", "10d", "attempts.jsonl"]));
    assert!(code == Some(64) && complaint.contains("nothing would be counted"), "{complaint}");
}

#[test]
fn the_readmes_example_of_an_attempt_is_one() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split("\n### ").find(|section| section.starts_with("Evaluate")).unwrap();
    let example = section.split("```text\n").nth(1).unwrap().split("\n```").next().unwrap();
    let folder = Folder::new();
    std::fs::write(folder.path("readme.jsonl"), example.replace('\n', " ") + "\n").unwrap();
    let (code, text, complaint) = said(&folder.run(&["--warm-up", "0s", "readme.jsonl"]));
    assert_eq!((code, complaint.as_str()), (Some(0), ""));
    assert!(text.starts_with("1 attempts"), "{text}");
}
