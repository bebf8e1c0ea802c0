//! What became of a reload, for the log, for who asked, and for machines: one shape for all three.

use super::super::live::Live;
use crate::config::{Files, Report};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Files that are named one by one; more are counted.
const MOST_FILES: usize = 20;

#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    Loaded(Loaded),
    /// The old version stays in force.
    Refused(Refused),
}

/// A new version is in force.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Loaded {
    /// Its hash, and that of the version before.
    pub config: Arc<str>,
    pub previous: Arc<str>,
    /// In words; empty if nothing did.
    pub changed: Vec<String>,
    /// What waits for a restart, and what goes on until then.
    pub restart: Vec<String>,
    /// As `check` prints them.
    pub warnings: Vec<String>,
    #[serde(rename = "milliseconds", serialize_with = "as_milliseconds")]
    #[schemars(with = "f64")]
    pub took: Duration,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Refused {
    pub problems: usize,
    /// Where the first one is; without what the file says there.
    pub first: String,
    /// As `check` prints it.
    pub report: String,
}

fn as_milliseconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((took.as_secs_f64() * 1e4).round() / 10.0)
}

impl Loaded {
    pub(super) fn log(&self, why: &str) {
        for warning in &self.warnings {
            tracing::warn!("{}", warning.trim_end());
        }
        let (config, previous, took) = (&*self.config, &*self.previous, self.took);
        let changed = self.changed.join("; ");
        tracing::info!(why, config, previous, changed, ?took, "configuration reloaded");
        for needed in &self.restart {
            tracing::warn!("needs a restart: {needed}");
        }
    }
}

impl Refused {
    pub(super) fn of_report(report: &Report) -> Refused {
        let problems = report.problems.len() + report.more;
        let first = report.problems.first().map_or(report.file.clone(), |problem| match problem.line {
            0 => report.file.clone(),
            line => format!("{}:{line}:{}", report.file, problem.column),
        });
        Refused { problems, first, report: report.to_string() }
    }

    /// Faults in files that a sound configuration names.
    pub(super) fn of_faults(file: &Path, faults: &[String]) -> Refused {
        let file = file.display();
        let mut report: String = faults.iter().map(|fault| format!("error: {fault}\n")).collect();
        report.push_str(&match faults.len() {
            1 => format!("{file}: 1 problem in what it names\n"),
            some => format!("{file}: {some} problems in what it names\n"),
        });
        // Up to the reason: `lists/blocked.txt:7`.
        let first = faults.first().and_then(|fault| fault.split(": ").next()).unwrap_or_default().to_owned();
        Refused { problems: faults.len(), first, report }
    }

    /// `known`: the same was reported before, and nobody has asked.
    pub(super) fn log(&self, why: &str, known: bool) {
        if known {
            let problems = self.problems;
            tracing::error!(why, problems, "the changed configuration has the same problems as before");
        } else {
            tracing::error!(why, "the configuration was not reloaded; the one before stays in force\n{}", self.report);
        }
    }
}

/// What a reload changed, as far as it can be told without comparing everything: files, and routes by name.
pub(super) fn changes(earlier: &Live, live: &Live, before: &Files, after: &Files) -> Vec<String> {
    let mut changes = Vec::new();
    let mut files: Vec<String> = after.differing(before).map(|path| path.display().to_string()).collect();
    let unnamed = files.len().saturating_sub(MOST_FILES);
    files.truncate(MOST_FILES);
    changes.extend(files);
    if unnamed > 0 {
        changes.push(format!("{unnamed} more files"));
    }
    let (old, new) = (names(earlier), names(live));
    let (added, gone) = (new.difference(&old).count(), old.difference(&new).count());
    if added + gone > 0 {
        changes.push(format!("routes: {added} added, {gone} removed"));
    }
    let (old, new) = (earlier.settings.mode, live.settings.mode);
    if old != new {
        changes.push(format!("mode: {} instead of {}", new.name(), old.name()));
    }
    changes
}

fn names(live: &Live) -> HashSet<&str> {
    live.settings.routes.iter().map(|route| &*route.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_is_told_without_what_stands_there() {
        let report = crate::config::parse("a.yaml", "version: 1\nmodus: hunter2\n", Path::new("")).unwrap_err();
        let refused = Refused::of_report(&report);
        assert_eq!(refused.first, "a.yaml:1:1");
        assert!(refused.problems > 1 && refused.report.contains("modus"));
        let refused = Refused::of_faults(Path::new("a.yaml"), &["blocked.txt:7: not an address: hunter2".into()]);
        assert_eq!((refused.first.as_str(), refused.problems), ("blocked.txt:7", 1));
        let json = serde_json::to_value(Outcome::Refused(refused)).unwrap();
        assert_eq!(json["result"], "refused");
        assert_eq!(
            json["report"],
            "error: blocked.txt:7: not an address: hunter2\na.yaml: 1 problem in what it names\n"
        );
    }
}
