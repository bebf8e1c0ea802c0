//! `tollgate export ACCOUNT`: everything that the running gate keeps of one account, as JSON (GDPR, article 15).

use super::asking::{self, Running};
use super::progress::Progress;
use super::{FAILED, FINE};
use crate::admin::api::EXPORT;
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Asks, writes what is answered, and returns the exit code.
pub fn export(running: &Running, person: &asking::Person, output: Option<&Path>) -> u8 {
    let asked = match person.read() {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    let gate = match running.find() {
        Ok(gate) => gate,
        Err(code) => return code,
    };
    let progress = Progress::of("the gate is looking through its records".to_owned());
    let answered = gate.ask("POST", EXPORT, Some(&asked));
    drop(progress);
    let answered = match answered {
        Ok(answered) if answered.status == 200 => answered,
        Ok(answered) => return answered.complain(),
        Err(code) => return code,
    };
    let export = answered.json();
    let text = format!("{export:#}\n");
    let written = match output {
        None => io::stdout().write_all(text.as_bytes()),
        Some(path) => write_new(path, &text),
    };
    if let Err(error) = written {
        // A reader that went away (`| head`) is no failure of ours.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return FINE;
        }
        let place = output.map_or("standard output".to_owned(), |path| path.display().to_string());
        let _ = writeln!(io::stderr(), "tollgate: {place}: {error}");
        return FAILED;
    }
    complete(&export)
}

/// Says what is not in it. An export that is not whole is a failure: somebody has a right to all of it.
fn complete(export: &Value) -> u8 {
    let mut err = io::stderr().lock();
    let mut code = FINE;
    let mut files = export["not_read"].as_array().into_iter().flatten().filter_map(Value::as_str).peekable();
    if export["complete"] != true {
        if files.peek().is_none() {
            let more = "tollgate: there are more records than an answer may hold: look into the decision log itself";
            let _ = writeln!(err, "{more}");
        }
        code = FAILED;
    }
    for file in files {
        let _ = writeln!(err, "tollgate: not read, because it is compressed: {file}");
    }
    code
}

/// It tells of somebody: readable for whoever asked, and written over nothing.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
