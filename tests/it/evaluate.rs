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
    std::fs::write(folder.path("empty.jsonl"), "\n").unwrap();
    std::fs::write(folder.path("log.jsonl"), "{\"id\":\"01\",\"at\":\"x\",\"status\":\"$attempted\",\"risk\":3.0}\n")
        .unwrap();
    std::fs::write(folder.path("bom.jsonl"), format!("\u{feff}{LINES}")).unwrap();
    std::fs::write(folder.path("ip.jsonl"), LINES.replacen("203.0.113.7", "1.2.3.400", 1)).unwrap();
    let long = format!("\"actor\":\"{}\"", "x".repeat(70_000));
    std::fs::write(folder.path("long.jsonl"), LINES.replacen("\"actor\":\"anna\"", &long, 1)).unwrap();
    for (arguments, code, says) in [
        (&["bad.jsonl"][..], 1, "bad.jsonl:4: "),
        (&["none.jsonl"], 1, "none.jsonl: "),
        (&["--baseline", "bad.json", "attempts.jsonl"], 1, "bad.json: it has no `version`"),
        (&["--html", "no/where.html", "attempts.jsonl"], 1, "no/where.html: "),
        (&["--config", "bad.yaml", "attempts.jsonl"], 78, "bad.yaml:2:"),
        (&["--solve", "anna", "attempts.jsonl"], 64, "--solve: `anna` has no `=`"),
        (&["--warm-up", "long", "attempts.jsonl"], 64, "--warm-up: "),
        (&["--warm-up", "0s", "empty.jsonl"], 1, "empty.jsonl: there are no attempts"),
        (&["--warm-up", "0s", "log.jsonl"], 1, "log.jsonl:1: unknown field `id`"),
        (&["--warm-up", "0s", "log.jsonl"], 1, "(column 5); it looks like a decision record"),
        (&["--warm-up", "0s", "bom.jsonl"], 1, "byte order mark"),
        (&["--warm-up", "0s", "ip.jsonl"], 1, "`ip` is `1.2.3.400`"),
        (&["--warm-up", "0s", "long.jsonl"], 1, "has 70000 bytes; 256 are the most"),
        (&["--labels", "log.jsonl"], 1, "no attempt in these files is labelled"),
        (&["--labels", "attempts.jsonl"], 1, "are these decision logs?"),
        (&["--labels"], 64, "name decision logs"),
        (&["--labels", "--html", "x.html", "log.jsonl"], 64, "cannot be used with"),
        (&[], 64, "FILES"),
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
    std::fs::hard_link(folder.path("attempts.jsonl"), folder.path("hard.jsonl")).unwrap();
    let mut command = folder.command(&["--warm-up", "0s", "-", "--verdicts", "attempts.jsonl"]);
    let output = command.stdin(std::fs::File::open(folder.path("attempts.jsonl")).unwrap()).output().unwrap();
    let (code, _, complaint) = said(&output);
    assert!(code == Some(64) && complaint.contains("would write over -"), "{complaint}");
    for arguments in [
        &["--warm-up", "0s", "attempts.jsonl", "--verdicts", "attempts.jsonl"][..],
        &["--warm-up", "0s", "attempts.jsonl", "--html", "./attempts.jsonl"],
        &["--rba", "logins.csv", "--scores", "logins.csv"],
        &["--warm-up", "0s", "attempts.jsonl", "--html", "hard.jsonl"],
        &["--warm-up", "0s", "attempts.jsonl", "--html", "same", "--verdicts", "./same"],
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
fn a_report_that_cannot_be_written_is_a_failure_and_a_reader_that_went_away_is_none() {
    let folder = Folder::new();
    for arguments in [&["--warm-up", "0s", "attempts.jsonl"][..], &["--warm-up", "0s", "--json", "attempts.jsonl"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (code, _, complaint) = said(&folder.command(arguments).stdout(full).output().unwrap());
        assert!(code == Some(1) && complaint.contains("standard output: "), "{complaint}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, _, complaint) = said(&folder.command(arguments).stdout(writer).output().unwrap());
        assert_eq!((code, complaint.as_str()), (Some(0), ""));
    }
}

#[test]
fn names_from_the_files_move_no_terminal_and_who_is_nobody_is_told() {
    let folder = Folder::new();
    let lines = LINES.replace("\"actor\":\"anna\"", "\"actor\":\"\\u001b]0;a\\u0007\",\"persona\":\"\\u202eb\"");
    let lines = lines.replace("bulk_stuffing", "innocent");
    std::fs::write(folder.path("odd.jsonl"), lines).unwrap();
    let output = folder.run(&["--warm-up", "0s", "--solve", "scripted=1", "odd.jsonl", "--html", "odd.html"]);
    let (code, text, complaint) = said(&output);
    assert_eq!(code, Some(0));
    assert!(complaint.contains("note: --solve scripted: no label"), "{complaint}");
    let page = std::fs::read_to_string(folder.path("odd.html")).unwrap();
    for text in [&text, &page] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    }
    let lines = LINES.replace("innocent", "innocnt");
    std::fs::write(folder.path("typo.jsonl"), lines).unwrap();
    let (_, text, _) = said(&folder.run(&["--warm-up", "0s", "typo.jsonl"]));
    assert!(text.contains("Nobody counted is labelled `innocent`") && text.contains("innocnt"), "{text}");
    let (_, json, _) = said(&folder.run(&["--warm-up", "0s", "--json", "typo.jsonl"]));
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["attacks"][0]["thresholds"][0]["recall"]["of"], 0, "any threshold would do");
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
