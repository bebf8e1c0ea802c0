//! Two reports side by side: what changed, by how much, and whether chance explains it.
//!
//! The same files before and after a change are the same attempts, but what the gate remembers of them differs, so they are
//! treated as two samples (Newcombe's interval). That is cautious: of the same attempts a smaller difference would already
//! mean something.

use super::report::{Attack, ByName, Change, Comparison, Report, Threshold, VERSION};
use super::share::Share;
use std::fmt::Write;

/// Reads a report that was kept (`--json`).
pub fn read(text: &[u8]) -> Result<Report, String> {
    let shape = "a report is what `tollgate evaluate --json` prints";
    let version: serde_json::Value = serde_json::from_slice(text).map_err(|error| format!("{error}: {shape}"))?;
    match version["version"].as_u64() {
        Some(version) if version > VERSION.into() => {
            Err(format!("this report is of version {version}, and {VERSION} is the latest that is known here"))
        }
        Some(_) => serde_json::from_value(version).map_err(|error| format!("{error}: {shape}")),
        None => Err(format!("it has no `version`: {shape}")),
    }
}

/// What changed from `baseline`, which is called `name`, to `now`.
pub fn compare(now: &Report, baseline: &Report, name: &str) -> Comparison {
    let mut changes = Changes(Vec::new());
    changes.less("innocents", "hit", Some(baseline.innocents.all.hit), now.innocents.all.hit);
    changes.less("innocents", "kept out", Some(baseline.innocents.all.kept_out), now.innocents.all.kept_out);
    for ByName { name, fared } in &now.innocents.by_event {
        let before = baseline.innocents.by_event.iter().find(|event| event.name == *name);
        changes.less(&format!("innocents, {name}"), "hit", before.map(|event| event.fared.hit), fared.hit);
    }
    for attack in &now.attacks {
        let before = baseline.attacks.iter().find(|before| before.label == attack.label);
        of_attack(&mut changes, attack, before);
    }
    for signal in &now.signals {
        let before = baseline.signals.iter().find(|before| before.signal == signal.signal);
        let of = format!("signal {}", signal.signal);
        changes.less(&of, "fires on innocents", before.map(|before| before.false_positives), signal.false_positives);
        changes.more(&of, "fires on attacks", before.map(|before| before.recall), signal.recall);
    }
    Comparison {
        baseline: name.to_owned(),
        baseline_tollgate: baseline.tollgate.clone(),
        caveats: caveats(now, baseline),
        changes: changes.0,
    }
}

fn of_attack(changes: &mut Changes, attack: &Attack, before: Option<&Attack>) {
    let (label, policy) = (&attack.label, before.map(|before| before.at_policy));
    changes.more(label, "stopped", policy.map(|before| before.stopped), attack.at_policy.stopped);
    changes.less(label, "harm", policy.map(|before| before.harm), attack.at_policy.harm);
    for threshold in &attack.thresholds {
        let same = |other: &&Threshold| {
            other.score == threshold.score && other.false_positives_at_most == threshold.false_positives_at_most
        };
        let before = before.and_then(|before| before.thresholds.iter().find(same)).map(|before| before.recall);
        let what = format!("recall at {} % by {}", 100.0 * threshold.false_positives_at_most, threshold.score);
        changes.more(label, &what, before, threshold.recall);
    }
}

struct Changes(Vec<Change>);

impl Changes {
    /// Of which less is better.
    fn less(&mut self, of: &str, what: &str, before: Option<Share>, now: Share) {
        self.add(of, what, before, now, false);
    }

    fn more(&mut self, of: &str, what: &str, before: Option<Share>, now: Share) {
        self.add(of, what, before, now, true);
    }

    fn add(&mut self, of: &str, what: &str, before: Option<Share>, now: Share, more_is_better: bool) {
        // What one of them does not have cannot be compared.
        let Some(before) = before else { return };
        let difference = now.since(before);
        let told = difference.filter(|difference| difference.is_told());
        let better = told.map(|difference| (difference.by > 0.0) == more_is_better);
        self.0.push(Change { of: of.to_owned(), what: what.to_owned(), before, now, difference, better });
    }
}

fn caveats(now: &Report, baseline: &Report) -> Vec<String> {
    let mut caveats = Vec::new();
    let mut differs = |what: &str, before: String, after: String| {
        if before != after {
            let mut text = String::new();
            let _ = write!(text, "{what}: {before} before, {after} now");
            caveats.push(text);
        }
    };
    differs("attempts that are counted", baseline.input.counted.to_string(), now.input.counted.to_string());
    let policies = |report: &Report| {
        let all = report.configuration.policies.iter();
        all.map(|(event, policy)| format!("{event} by {policy}")).collect::<Vec<_>>().join(", ")
    };
    differs(
        "what is judged (a signal that is not asked for any more has not become better)",
        policies(baseline),
        policies(now),
    );
    let attempts = |report: &Report| {
        report
            .attacks
            .iter()
            .map(|attack| format!("{} {}", attack.attempts, attack.label))
            .collect::<Vec<_>>()
            .join(", ")
    };
    differs("attacks", attempts(baseline), attempts(now));
    let solvers = |report: &Report| match report.configuration.solvers.join(", ") {
        none if none.is_empty() => "as by default".to_owned(),
        some => some,
    };
    differs("who solves challenges", solvers(baseline), solvers(now));
    caveats
}
