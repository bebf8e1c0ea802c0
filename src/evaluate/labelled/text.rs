//! The same for people at a terminal.

use super::super::text::{for_a_terminal, percent, share, table};
use super::{Group, Labelled, OfScore};
use std::fmt::Write;

/// The whole report.
pub fn text(report: &Labelled) -> String {
    let mut text = String::new();
    for line in &report.bias {
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(text, "\nWhat the policy said of attempts that are labelled");
    let group = |group: &Group| {
        let Group { of, challenged, denied, explored, reached } = group;
        let explored = if explored.count > 0 { explored.count.to_string() } else { "-".to_owned() };
        vec![of.clone(), denied.of.to_string(), share(*challenged), share(*denied), explored, share(*reached)]
    };
    let head = ["", "attempts", "challenge", "deny", "let pass by lot", "reached the application"];
    table(&mut text, &head, &report.groups.iter().map(group).collect::<Vec<_>>());

    let _ = writeln!(
        text,
        "\nHow the scores tell them apart: what a threshold catches that hits at most so many of the good"
    );
    let score = |of: &OfScore| {
        let mut row = vec![of.score.clone(), of.bad.to_string(), of.good.to_string()];
        row.push(of.area.map_or_else(|| "-".to_owned(), |area| format!("{area:.3}")));
        row.extend(of.thresholds.iter().map(|threshold| share(threshold.recall)));
        row
    };
    let head = ["score", "bad", "good", "area", "at 0.1 %", "at 1 %"];
    table(&mut text, &head, &report.scores.iter().map(score).collect::<Vec<_>>());

    let _ = writeln!(text, "\nCalibration: does a score of 80 mean 8 in 10 of what is labelled?");
    let calibration = |of: &OfScore| {
        let of = of.calibration.as_ref()?;
        let skill = of.skill.map_or_else(|| "-".to_owned(), |skill| format!("{skill:.3}"));
        let (brier, error) = (format!("{:.4}", of.brier), format!("{:.4}", of.expected_error));
        Some(vec![of.score.clone(), percent(Some(of.base_rate)), format!("{:.1}", of.mean_score), brier, skill, error])
    };
    let head = ["score", "really so", "mean score", "Brier score", "skill", "expected calibration error"];
    table(&mut text, &head, &report.scores.iter().filter_map(calibration).collect::<Vec<_>>());

    let _ = writeln!(text, "\nSignals, among what is labelled");
    let told = report.signals.iter().filter(|signal| signal.precision.of > 0);
    let rows: Vec<Vec<String>> = told
        .map(|signal| {
            let shares = [signal.false_positives, signal.recall, signal.precision].map(share);
            [vec![signal.signal.clone()], shares.into(), vec![percent(signal.blind.value())]].concat()
        })
        .collect();
    table(&mut text, &["signal", "fires on good", "on bad", "precision", "blind"], &rows);
    for_a_terminal(&text)
}
