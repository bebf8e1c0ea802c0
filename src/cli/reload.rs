//! `tollgate reload`: asks the running gate to load its configuration again, and says what became of it.

use super::FINE;
use super::asking::Running;
use super::check::CONFIGURATION;
use super::progress::Progress;
use crate::admin::api::RELOAD;
use serde_json::Value;
use std::io::Write;

/// Asks for a reload and returns the exit code.
pub fn reload(running: &Running) -> u8 {
    let gate = match running.find() {
        Ok(gate) => gate,
        Err(code) => return code,
    };
    let progress = Progress::of("the gate is loading".to_owned());
    let answered = gate.ask("POST", RELOAD, None);
    drop(progress);
    let answered = match answered {
        Ok(answered) => answered,
        Err(code) => return code,
    };
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    let outcome = answered.json();
    // A reader that went away (`| head`) is no reason to fail.
    match (answered.status, outcome["result"].as_str()) {
        (200, Some("loaded")) => {
            for warning in texts(&outcome, "warnings") {
                let _ = writeln!(err, "{}\n", warning.trim_end());
            }
            let _ = write!(out, "{}", loaded(&outcome));
            FINE
        }
        (422, Some("refused")) => {
            let _ = write!(err, "{}", outcome["report"].as_str().unwrap_or_default());
            let _ = writeln!(err, "not reloaded: the configuration before stays in force");
            CONFIGURATION
        }
        _ => {
            drop((out, err));
            answered.complain()
        }
    }
}

/// What changed, for people.
fn loaded(outcome: &Value) -> String {
    let text = |key: &str| outcome[key].as_str().unwrap_or_default().to_owned();
    let (config, previous) = (text("config"), text("previous"));
    let mut said = match config == previous {
        true => format!("reloaded in {} ms: configuration {config}, as before\n", outcome["milliseconds"]),
        false => format!("reloaded in {} ms: configuration {config} instead of {previous}\n", outcome["milliseconds"]),
    };
    said.extend(texts(outcome, "changed").map(|changed| format!("  changed: {changed}\n")));
    said.extend(texts(outcome, "restart").map(|needed| format!("  needs a restart: {needed}\n")));
    said
}

fn texts<'o>(outcome: &'o Value, key: &str) -> impl Iterator<Item = &'o str> {
    outcome[key].as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_in_lines() {
        let outcome = serde_json::json!({
            "result": "loaded", "config": "bbb", "previous": "aaa", "milliseconds": 12.5,
            "changed": ["blocked.txt"], "restart": ["log: still text"], "warnings": [],
        });
        assert_eq!(
            loaded(&outcome),
            "reloaded in 12.5 ms: configuration bbb instead of aaa\n  changed: blocked.txt\n  needs a restart: log: still text\n"
        );
    }

    #[test]
    fn a_file_that_tells_no_listener_is_the_configurations_fault() {
        let config = "no/such/file.yaml".into();
        assert_eq!(reload(&Running { config, certificate: None, key: None }), CONFIGURATION);
    }
}
