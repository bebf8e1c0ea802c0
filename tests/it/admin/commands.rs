//! `tollgate reload`, `export` and `forget` as an operator runs them, against the listener as it is configured.

use super::tls::{Authority, listener};
use super::*;
use crate::harness::within;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Runs the program with the desk's configuration, and something on its standard input.
pub(super) async fn run(desk: &Desk, arguments: &[&str], input: &str) -> (i32, String, String) {
    // The story's listener is on a port of its own.
    let config = desk.gate.dir().join("cli.yaml");
    std::fs::write(&config, desk.gate.yaml.replace("127.0.0.1:2\"", &format!("{}\"", desk.address))).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .arg("--config")
        .arg(&config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that asks nobody may have ended.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let Output { status, stdout, stderr } = within("the command", child.wait_with_output()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[tokio::test]
async fn a_person_is_exported_and_forgotten_from_the_command_line() {
    let (desk, _origin) = desk().await;
    for login in ["anna", "anna%40example.com", "bert"] {
        assert_eq!(desk.sign_in(login, "right").await, 302);
    }
    desk.gate.records(6).await;
    let person = ["anna", "--alias", "anna@example.com"];
    let file = desk.gate.dir().join("anna.json");
    let to_file = ["--output", file.to_str().unwrap()];
    let (code, out, err) = run(&desk, &[&["export"], &person[..], &to_file].concat(), "").await;
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    let export: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(export["records"].as_array().unwrap().len(), 4);
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let (code, _, err) = run(&desk, &[&["export"], &person[..], &to_file].concat(), "").await;
    assert!(code == 1 && err.contains("anna.json"), "nothing is written over: {err}");
    // The name stands in no list of processes.
    let (code, out, _) = run(&desk, &["export", "-"], "Anna@Example.COM\n").await;
    let export: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, export["records"].as_array().unwrap().len()), (0, 2));

    let (code, out, err) = run(&desk, &[&["forget"], &person[..]].concat(), "forget\n").await;
    assert_eq!((code, out.as_str()), (64, ""), "nobody sits at a terminal");
    assert!(err.contains("--yes"), "{err}");
    let (code, out, err) = run(&desk, &[&["forget", "--yes"], &person[..]].concat(), "").await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("under 2 names") && out.contains("4 records of the decision log (1 files)"), "{out}");
    let (code, out, _) = run(&desk, &["forget", "--yes", "-"], "anna\n").await;
    assert!(code == 0 && out.contains("knew nothing of it"), "{out}");
    let (_, out, _) = run(&desk, &["export", "bert"], "").await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap()["records"].as_array().unwrap().len(), 2);
    for nobody in ["", "  "] {
        assert_eq!(run(&desk, &["export", nobody], "").await.0, 64);
    }
    assert_eq!(run(&desk, &["export", "-"], "").await.0, 64);

    std::fs::write(desk.gate.dir().join("admin.token"), format!("{}\n", "x".repeat(64))).unwrap();
    let (code, out, err) = run(&desk, &["forget", "--yes", "bert"], "").await;
    assert!(code == 1 && out.is_empty() && err.contains("answered 401"), "{err}");
}

#[tokio::test]
async fn over_tls_the_gate_is_known_by_its_certificate_and_the_operator_by_theirs() {
    let (dir, origin) = (tempfile::tempdir().unwrap(), Origin::shop().await);
    let ours = Authority::new("operators");
    let desk = Desk::open(&listener(dir.path(), Some(&ours), true), &origin).await;
    let (certificate, key): (PathBuf, PathBuf) = ours.badge("anna").write(dir.path());
    let badge = ["--certificate", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let (code, out, err) = run(&desk, &[&["reload"], &badge[..]].concat(), "").await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("reloaded in "), "{out}");
    let (code, _, err) = run(&desk, &["reload"], "").await;
    assert!(code == 1 && err.contains("answered 401") && err.contains("certificate"), "{err}");
    assert_eq!(run(&desk, &["reload", badge[0], badge[1]], "").await.0, 64, "a certificate needs its key");
    // Somebody else listens there: nothing is told them.
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(dir.path().join("admin.crt"), other.cert.pem()).unwrap();
    let (code, _, err) = run(&desk, &[&["reload"], &badge[..]].concat(), "").await;
    assert!(code == 1 && err.contains("certificate"), "{err}");
}
