//! `tollgate check FILE`: reads a configuration as `run` would, and says all that is wrong with it.
//!
//! For people the problems look like a compiler's; for CI the same as one JSON object. Warnings do not fail a check:
//! they are things that an operator may want.

use crate::config::{self, Problem, Report, Settings, Warning};
use crate::gateway::live;

use crate::gateway::tls::Certificate;
use crate::intel::Intel;
use serde_json::json;
use std::io::Write;
use std::path::Path;

/// Everything is fine.
const FINE: u8 = 0;
/// The configuration is at fault, as `sysexits.h` numbers it.
pub const CONFIGURATION: u8 = 78;

/// Checks a file and returns the exit code. What was read goes to standard output, problems to standard error; with
/// `json` one object goes to standard output.
pub fn check(file: &Path, json: bool) -> u8 {
    let name = file.display().to_string();
    let read = config::load(file);
    let faults = read.as_ref().map_or_else(|_| Vec::new(), |(settings, _)| faults_in_files(settings));
    let code = if read.is_ok() && faults.is_empty() { FINE } else { CONFIGURATION };
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    // A reader that went away (`| head`) is no reason to fail.
    let _ = match read {
        _ if json => writeln!(out, "{}", as_json(&name, read.as_ref(), &faults)),
        Ok(_) if !faults.is_empty() => faults.iter().try_for_each(|fault| writeln!(err, "error: {fault}")),
        Ok((settings, warnings)) => warnings
            .iter()
            .try_for_each(|warning| writeln!(err, "{}", warning.render(&name, "warning")))
            .and_then(|()| writeln!(out, "{}", summary(&name, &settings, &warnings)))
            .and_then(|()| writeln!(out, "{}", data())),
        Err(report) => write!(err, "{report}"),
    };
    code
}

/// What is wrong inside the files that a sound configuration names: lists, databases, certificates.
fn faults_in_files(settings: &Settings) -> Vec<String> {
    let mut faults: Vec<String> = Vec::new();
    if let Err(problems) = Intel::load(&settings.intel, &settings.lists, &live::canonical) {
        faults.extend(problems.iter().map(ToString::to_string));
    }
    if let Some(log) = &settings.decision_log
        && let Some(folder) = log.path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
        // The directory itself is made at start.
        && folder.parent().is_none_or(|place| !place.as_os_str().is_empty() && !place.is_dir())
    {
        faults.push(format!("decision_log.path: there is no directory {}: make it first", folder.display()));
    }
    for (place, listener) in settings.listen.iter().enumerate() {
        if let Some(Err(error)) = listener.tls.as_ref().map(Certificate::load) {
            faults.push(format!("listen[{place}].tls: {error}"));
        }
    }
    faults
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

fn as_json(name: &str, read: Result<&(Settings, Vec<Warning>), &Report>, faults: &[String]) -> serde_json::Value {
    let none: &[Problem] = &[];
    let (problems, warnings, more) = match read {
        Ok((_, warnings)) => (none, &warnings[..], 0),
        Err(report) => (&report.problems[..], none, report.more),
    };
    let ok = read.is_ok() && faults.is_empty();
    json!({ "file": name, "ok": ok, "problems": problems, "more": more, "warnings": warnings, "files": faults })
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
        let read = config::parse("a.yaml", "version: 1\nmodus: monitor\n", Path::new(""));
        let value = as_json("a.yaml", read.as_ref(), &[]);
        assert_eq!(value["ok"], false);
        assert_eq!(value["problems"][0]["path"], "");
        let unknown = value["problems"].as_array().unwrap().iter().find(|p| p["path"] == "modus").unwrap();
        assert_eq!((unknown["line"].as_u64(), unknown["column"].as_u64()), (Some(2), Some(1)));
    }

    #[test]
    fn a_missing_file_is_the_configurations_fault() {
        assert_eq!(check(Path::new("no/such/file.yaml"), true), CONFIGURATION);
    }
}
