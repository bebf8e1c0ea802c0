//! `tollgate forget ACCOUNT`: has the running gate forget one account for good (GDPR, article 17).

use super::asking::{self, Running};
use super::progress::Progress;
use super::{FAILED, USAGE, output};
use crate::admin::api::FORGET;
use serde_json::Value;
use std::io::{self, IsTerminal, Write};

/// Asks whether that is meant, has it done, says what was, and returns the exit code.
pub fn forget(running: &Running, person: &asking::Person, sure: bool) -> u8 {
    let asked = match person.read() {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    let gate = match running.find() {
        Ok(gate) => gate,
        Err(code) => return code,
    };
    if !sure {
        match is_meant(&asked) {
            Ok(()) => {}
            Err(code) => return code,
        }
    }
    let progress = Progress::of("the gate is forgetting".to_owned());
    let answered = gate.ask("POST", FORGET, Some(&asked));
    drop(progress);
    let answered = match answered {
        Ok(answered) if answered.status == 200 => answered,
        Ok(answered) => return answered.complain(),
        Err(code) => return code,
    };
    output::print(&told(&answered.json()))
}

/// Asks whoever sits at the terminal.
fn is_meant(asked: &Value) -> Result<(), u8> {
    let mut err = io::stderr();
    if !io::stdin().is_terminal() {
        let _ = writeln!(err, "tollgate: nobody can be asked whether this is meant: say so with --yes");
        return Err(USAGE);
    }
    let names = std::iter::once(&asked["account"]).chain(asked["aliases"].as_array().into_iter().flatten());
    let names: Vec<String> = names.filter_map(Value::as_str).map(|name| name.escape_debug().to_string()).collect();
    let _ = writeln!(
        err,
        "This forgets {} for good: counters, known devices, and who it was in every record.\nA user name and an e-mail \
         address are two names, which the gate never joined: name both, with --alias.",
        names.join(" and ")
    );
    let _ = write!(err, "Type `forget` to go on: ");
    let _ = err.flush();
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(_) if line.trim() == "forget" => Ok(()),
        _ => {
            let _ = writeln!(err, "nothing was changed");
            Err(FAILED)
        }
    }
}

/// What was done, and what is left to do.
fn told(answer: &Value) -> String {
    let number = |key: &str| answer[key].as_u64().unwrap_or_default();
    let texts =
        |key: &str| -> Vec<&str> { answer[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect() };
    let mut said = match number("entries") {
        0 => "the store knew nothing of it".to_owned(),
        1 => "forgotten by the store".to_owned(),
        entries => format!("forgotten by the store, under {entries} names"),
    };
    said.push_str(&format!(
        "\n{} records of the decision log ({} files) no longer say who it was\n",
        number("log_lines"),
        number("log_files")
    ));
    for file in texts("not_touched") {
        said.push_str(&format!("  left to you: {file} is compressed and was not touched\n"));
    }
    for listed in answer["lists"].as_array().into_iter().flatten() {
        let (list, of) = (listed["list"].as_str().unwrap_or_default(), listed["of"].as_str().unwrap_or_default());
        said.push_str(&format!("  left to you: the list `{list}` (of: {of}) still names it\n"));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_do_is_told() {
        let answer = serde_json::json!({
            "entries": 1, "recent_records": 2, "log_lines": 3, "log_files": 2, "not_touched": ["/log/decisions.jsonl.2.gz"],
            "lists": [{ "list": "blocked", "of": "account", "effect": "deny" }],
        });
        assert_eq!(
            told(&answer),
            "forgotten by the store\n3 records of the decision log (2 files) no longer say who it was\n  left to you: \
             /log/decisions.jsonl.2.gz is compressed and was not touched\n  left to you: the list `blocked` (of: account) \
             still names it\n"
        );
    }
}
