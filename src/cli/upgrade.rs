//! `tollgate upgrade`: has the program that is installed now take over from the one that runs, and says what became of it.

use super::FINE;
use super::asking::Running;
use super::progress::Progress;
use crate::admin::api::UPGRADE;
use std::io::Write;

/// Asks for an upgrade and returns the exit code.
pub fn upgrade(running: &Running) -> u8 {
    let gate = match running.find() {
        Ok(gate) => gate,
        Err(code) => return code,
    };
    let progress = Progress::of("the new program is loading".to_owned());
    let answered = gate.ask("POST", UPGRADE, None);
    drop(progress);
    let answered = match answered {
        Ok(answered) => answered,
        Err(code) => return code,
    };
    let outcome = answered.json();
    if (answered.status, outcome["result"].as_str()) != (200, Some("upgraded")) {
        return answered.complain();
    }
    // A reader that went away is no reason to fail.
    let _ = writeln!(
        std::io::stdout().lock(),
        "upgraded in {} ms: process {} with version {} serves; attempts waited {} ms for their turn",
        outcome["milliseconds"],
        outcome["pid"],
        outcome["version"].as_str().unwrap_or_default(),
        outcome["stood_milliseconds"],
    );
    FINE
}
