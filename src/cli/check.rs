//! `tollgate check FILE`: reads a configuration as `run` would, and says all that is wrong with it.
//!
//! For people the problems look like a compiler's; for CI the same as one JSON object. Warnings do not fail a check:
//! they are things that an operator may want. Nothing is changed and nobody is called, unless `--probe` asks for it.

use super::output;
use super::progress::Progress;
use crate::config::{self, Loaded, Problem, Report, Settings, Warning};
use crate::gateway::clock::Clock;
use crate::gateway::inspection::{self as files, Found};
use crate::gateway::probe;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// Everything is fine.
const FINE: u8 = 0;
/// The configuration is at fault, as `sysexits.h` numbers it.
pub const CONFIGURATION: u8 = 78;

/// What is asked beyond whether the file is sound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// One JSON object instead of text.
    pub json: bool,
    /// The effective configuration.
    pub show: bool,
    /// Ports, servers and directories are tried.
    pub probe: bool,
}

/// Checks a file and returns the exit code. What was read goes to standard output, problems to standard error; with
/// `json` one object goes to standard output.
pub fn check(file: &Path, asked: Asked) -> u8 {
    let name = file.display().to_string();
    let printed = config::printable(&name);
    let progress = Progress::of(format!("checking {printed}"));
    let read = config::load_whole(file);
    let mut found = Found::default();
    if let Ok(loaded) = &read {
        found = around(loaded, asked.probe);
    }
    drop(progress);
    let code = if read.is_ok() && found.problems.is_empty() { FINE } else { CONFIGURATION };
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    let told = match read {
        read if asked.json => writeln!(out, "{:#}", as_json(&name, read.as_ref(), &found, asked)),
        Err(report) => write!(err, "{report}"),
        Ok(loaded) => {
            let warnings = found.warnings.iter().map(|warning| (warning, "warning"));
            let problems = found.problems.iter().map(|problem| (problem, "error"));
            let mut told = problems
                .chain(warnings)
                .try_for_each(|(problem, level)| writeln!(err, "{}", problem.render(&name, level)));
            if asked.show {
                told = told.and_then(|()| write!(out, "{}", shown(&loaded)));
            } else if found.problems.is_empty() {
                told = told
                    .and_then(|()| writeln!(out, "{}", summary(&printed, &loaded.settings, &found.warnings)))
                    .and_then(|()| found.answered.iter().try_for_each(|line| writeln!(out, "{line}")))
                    .and_then(|()| writeln!(out, "{}", data()))
                    .and_then(|()| found.data.iter().try_for_each(|line| writeln!(out, "{line}")));
            } else {
                told = told
                    .and_then(|()| writeln!(err, "{printed}: {}", count(found.problems.len(), "problem", "problems")));
            }
            told
        }
    };
    match output::code(told.and_then(|()| out.flush())) {
        FINE => code,
        failed => failed,
    }
}

fn shown(loaded: &Loaded) -> String {
    config::show(loaded.places.source(), &loaded.settings)
}

/// What is wrong around a sound configuration, in the order of the file; its own warnings are among it.
fn around(loaded: &Loaded, probing: bool) -> Found {
    let Loaded { settings, warnings, places } = loaded;
    let mut found = files::files(settings, places, Clock::System.now());
    let ports = files::ports(settings, places, probing);
    found.warnings.extend(warnings.iter().cloned().chain(ports.warnings));
    found.problems.extend(ports.problems);
    if probing {
        match probe::probe(settings, Clock::System.now()) {
            Ok(probed) => {
                found.answered = probed.found;
                found.problems.extend(probed.faults.into_iter().map(|fault| {
                    let help = "start it first, or mend the address; `check` without `--probe` asks nobody".to_owned();
                    places.problem(&fault.key, fault.message, fault.key.starts_with("upstream").then_some(help))
                }));
            }
            Err(error) => found.problems.push(Problem::of_file(format!("nothing could be probed: {error}"), None)),
        }
    }
    let place = |problem: &Problem| (problem.line, problem.column);
    found.problems.sort_by_key(place);
    found.warnings.sort_by_key(place);
    found
}

/// The data that the program brings, with their dates: they age.
fn data() -> String {
    let each = crate::intel::embedded()
        .iter()
        .map(|data| format!("{} of {} ({} entries)", data.name, data.date, data.entries));
    format!("embedded data: {}", each.collect::<Vec<_>>().join(", "))
}

/// One line that says what was read: `conf/demo.yaml: 3 routes, 2 policies, 1 listener: fine`.
fn summary(name: &str, settings: &Settings, warnings: &[Warning]) -> String {
    let mut policies: Vec<&str> = settings.routes.iter().map(|route| &*route.policy.rules.name).collect();
    policies.sort_unstable();
    policies.dedup();
    let servers = settings.upstreams.iter().map(|upstream| upstream.servers.len()).sum();
    let parts = [
        count(settings.listen.len(), "listener", "listeners"),
        count(servers, "server", "servers"),
        count(settings.routes.len(), "route", "routes"),
        count(policies.len(), "policy", "policies"),
        count(settings.lists.len(), "list", "lists"),
    ];
    let ending = match warnings.len() {
        0 => "fine".to_owned(),
        some => format!("fine, with {}", count(some, "warning", "warnings")),
    };
    format!("{name}: {}, mode {}: {ending}", parts.join(", "), settings.mode.name())
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The answer for programs. Keys are a contract: they are added to.
fn as_json(name: &str, read: Result<&Loaded, &Report>, found: &Found, asked: Asked) -> Value {
    let (problems, more) = match read {
        Ok(_) => (&found.problems, 0),
        Err(report) => (&report.problems, report.more),
    };
    let each = |problems: &[Problem]| -> Vec<Value> {
        let with_file = |problem: &Problem| {
            let mut value = json!(problem);
            if let Some(keys) = value.as_object_mut() {
                keys.shift_insert(0, "file".to_owned(), json!(name));
            }
            value
        };
        problems.iter().map(with_file).collect()
    };
    let mut answer = json!({
        "file": name,
        "ok": read.is_ok() && found.problems.is_empty(),
        "problems": each(problems),
        "more": more,
        "warnings": each(&found.warnings),
    });
    if !found.answered.is_empty() {
        answer["answered"] = json!(found.answered);
    }
    if !found.data.is_empty() {
        answer["data"] = json!(found.data);
    }
    if let (true, Ok(loaded)) = (asked.show, read) {
        answer["shown"] = json!(shown(loaded));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_file_is_summed_up_in_one_line() {
        let text = "version: 1\nmode: monitor\nlisten: [{ address: 127.0.0.1:8080 }]\n\
                    upstream: { servers: [\"127.0.0.1:9000\"] }\nroutes: []\n";
        let (settings, warnings) = config::parse("a.yaml", text, Path::new("")).unwrap();
        assert_eq!(
            summary("a.yaml", &settings, &warnings),
            "a.yaml: 1 listener, 1 server, 0 routes, 0 policies, 0 lists, mode monitor: fine"
        );
    }

    #[test]
    fn programs_read_the_same_problems() {
        let report = config::parse("a.yaml", "version: 1\nmodus: monitor\n", Path::new("")).unwrap_err();
        let value = as_json("a.yaml", Err(&report), &Found::default(), Asked::default());
        assert_eq!(value["ok"], false);
        let unknown = value["problems"].as_array().unwrap().iter().find(|p| p["path"] == "modus").unwrap();
        assert_eq!((unknown["line"].as_u64(), unknown["column"].as_u64()), (Some(2), Some(1)));
        let keys: Vec<&str> = unknown.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["file", "path", "line", "column", "message", "help", "snippet"], "a contract");
        let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["file", "ok", "problems", "more", "warnings"], "a contract");
    }

    #[test]
    fn a_missing_file_is_the_configurations_fault() {
        assert_eq!(check(Path::new("no/such/file.yaml"), Asked { json: true, ..Asked::default() }), CONFIGURATION);
    }
}
