//! The report for people at a terminal: the figures that an operator asks for first, each with its interval.

use super::report::{Asking, Attack, ByName, Comparison, Detection, Reached, Report, Took};
use super::share::Share;
use crate::config;
use std::fmt::Write;

/// Rows of a long table that are shown; all of them are in `--json`.
const MOST_ROWS: usize = 12;

/// Characters that a column is lined up for; what is longer stands out.
const WIDEST: usize = 400;

/// The whole report.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    input(&mut text, report);
    innocents(&mut text, report);
    attacks(&mut text, report);
    thresholds(&mut text, report);
    detection(&mut text, report);
    signals(&mut text, report);
    calibration(&mut text, report);
    reauthentication(&mut text, report);
    if let Some(comparison) = &report.comparison {
        compared(&mut text, comparison);
    }
    for_a_terminal(&text)
}

/// Names are from the files, and may be anything: nothing of them moves the terminal.
pub fn for_a_terminal(text: &str) -> String {
    text.lines().flat_map(|line| [config::printable(line), "\n".to_owned()]).collect()
}

/// `12.3 %`, with as many digits as a share of that size needs; `-` of nothing.
pub fn percent(value: Option<f64>) -> String {
    match value.map(|value| 100.0 * value) {
        None => "-".to_owned(),
        Some(value) if !(0.000_5..99.995).contains(&value) => format!("{value:.0} %"),
        Some(value) if value < 0.1 => format!("{value:.3} %"),
        Some(value) if !(10.0..=99.0).contains(&value) => format!("{value:.2} %"),
        Some(value) => format!("{value:.1} %"),
    }
}

/// `0.42 % (0.31 to 0.55)`.
pub fn share(share: Share) -> String {
    if share.of == 0 {
        return "-".to_owned();
    }
    let (low, high) = share.interval();
    let bare = |value: f64| percent(Some(value)).trim_end_matches(" %").to_owned();
    format!("{} ({} to {})", percent(share.value()), bare(low), bare(high))
}

/// `45 s`, `12 min`, `3.5 h`, `2.1 d`.
pub fn time(seconds: u64) -> String {
    let seconds = seconds as f64;
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.1} d", s / 86_400.0),
    }
}

/// `after 7 attempts, 45 s`.
fn took(took: Option<Took>) -> String {
    took.map_or_else(|| "never".to_owned(), |took| format!("{} / {}", took.attempts, time(took.seconds)))
}

/// A table: the first column to the left, the others to the right.
pub fn table(text: &mut String, head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0).min(WIDEST)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::from(" ");
        for (column, cell) in cells.enumerate() {
            let width = widths[column];
            let _ = match column {
                0 => write!(line, " {cell:<width$}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    };
    line(&mut head.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}

fn heading(text: &mut String, title: &str) {
    let _ = writeln!(text, "\n{title}");
}

/// Seconds since 1970 as a date and a time.
pub fn instant(seconds: f64) -> String {
    let at = crate::engine::time::Timestamp((seconds * 1000.0) as u64);
    at.to_string().replace('T', " ").chars().take(16).collect()
}

fn input(text: &mut String, report: &Report) {
    let (input, configuration) = (&report.input, &report.configuration);
    let _ = writeln!(
        text,
        "{} attempts from {} to {}: {} counted from {} on, {} before that to learn from.",
        input.attempts,
        instant(input.from),
        instant(input.until),
        input.counted,
        instant(input.counted_from),
        input.warm_up
    );
    let early: Vec<String> =
        input.warm_up_attacks.iter().map(|(label, attempts)| format!("{attempts} of {label}")).collect();
    if !early.is_empty() {
        let _ = writeln!(text, "Attacks that were learned from and not counted: {}.", early.join(", "));
    }
    let silent = report.only_in_warm_up();
    if !silent.is_empty() {
        let _ = writeln!(
            text,
            "Over before counting began, and so not below: {}. A shorter `--warm-up` counts them.",
            silent.join(", ")
        );
    }
    if report.innocents.all.hit.of == 0 && input.counted > 0 {
        let labels: Vec<&str> = report.attacks.iter().map(|attack| attack.label.as_str()).take(MOST_ROWS).collect();
        let _ = writeln!(
            text,
            "Nobody counted is labelled `innocent`, so nothing says what a threshold would hit. Labels here: {}.",
            labels.join(", ")
        );
    }
    let policies: Vec<String> =
        configuration.policies.iter().map(|(event, policy)| format!("{event} by {policy}")).collect();
    let _ = writeln!(text, "Judged with {}: {}.", configuration.name, policies.join(", "));
    for (event, attempts) in &input.unprotected {
        let _ = writeln!(text, "Not judged: {attempts} attempts of {event}, for which there is no route.");
    }
    for absent in &configuration.absent {
        let _ = writeln!(text, "Not there, so blind: {absent}.");
    }
    for solver in &configuration.solvers {
        let _ = writeln!(text, "Supposed to solve challenges: {solver}.");
    }
    let full: Vec<String> = input
        .memory
        .iter()
        .filter(|(_, memory)| memory.evicted > 0)
        .map(|(kind, memory)| format!("{} of {kind}", memory.evicted))
        .collect();
    if !full.is_empty() {
        let _ = writeln!(text, "The memory was full; entries that made room: {}.", full.join(", "));
    }
}

fn innocents(text: &mut String, report: &Report) {
    let innocents = &report.innocents;
    heading(text, "Innocents");
    let row = |name: &str, entry: &ByName| {
        let fared = entry.fared;
        let name = if name.is_empty() { entry.name.clone() } else { name.to_owned() };
        vec![name, fared.hit.of.to_string(), share(fared.hit), share(fared.denied), share(fared.kept_out)]
    };
    let all = ByName { name: String::new(), fared: innocents.all };
    let mut rows = vec![row("all", &all)];
    rows.extend(innocents.by_event.iter().map(|event| row("", event)));
    rows.extend(innocents.by_persona.iter().take(MOST_ROWS).map(|persona| row("", persona)));
    table(text, &["", "attempts", "challenged or refused", "refused", "kept out"], &rows);
    if let Some(days) = innocents.days {
        let [least, median, most] = [days.least, days.median, days.most].map(|share| percent(Some(share)));
        let _ = writeln!(
            text,
            "  By day {least} to {most}, median {median}; {} people were hit at least once.",
            innocents.people_hit
        );
    }
    if innocents.all.hit.count == 0 {
        return;
    }
    heading(text, "Why innocents were hit");
    let rules: Vec<Vec<String>> = innocents
        .rules
        .iter()
        .take(MOST_ROWS)
        .map(|rule| vec![format!("{} ({}, {})", rule.rule, rule.moment, rule.action), share(rule.hits)])
        .collect();
    table(text, &["rule", "of innocents' attempts"], &rules);
    let reasons: Vec<Vec<String>> = innocents
        .reasons
        .iter()
        .take(MOST_ROWS)
        .map(|reason| vec![named(&reason.signals), reason.hits.count.to_string(), percent(reason.hits.value())])
        .collect();
    table(text, &["signals that fired together", "hits", "of hits"], &reasons);
    let worst: Vec<Vec<String>> = innocents
        .worst
        .iter()
        .take(MOST_ROWS)
        .map(|person| {
            vec![
                person.actor.clone(),
                person.persona.clone(),
                person.hits.to_string(),
                person.denials.to_string(),
                person.first.clone(),
            ]
        })
        .collect();
    table(text, &["hit most", "persona", "hits", "refusals", "first"], &worst);
}

fn named(signals: &[String]) -> String {
    if signals.is_empty() { "(none)".to_owned() } else { signals.join(" + ") }
}

fn attacks(text: &mut String, report: &Report) {
    heading(text, "Attacks under the policy");
    let row = |attack: &Attack| {
        let at = &attack.at_policy;
        vec![
            attack.label.clone(),
            attack.attempts.to_string(),
            share(at.stopped),
            percent(at.challenged.value()),
            percent(at.solved.value()),
            percent(at.denied.value()),
            share(at.harm),
        ]
    };
    let rows: Vec<Vec<String>> = report.attacks.iter().map(row).collect();
    let head = ["attack", "attempts", "stopped", "challenged", "of these solved", "refused", "succeeded"];
    table(text, &head, &rows);
}

fn thresholds(text: &mut String, report: &Report) {
    heading(text, "Recall, by a threshold that hits at most so many innocents of the same events");
    let mut rows = Vec::new();
    for attack in &report.attacks {
        for curve in &attack.curves {
            let mut row = vec![format!("{} by {}", attack.label, curve.score)];
            for threshold in attack.thresholds.iter().filter(|threshold| threshold.score == curve.score) {
                row.push(share(threshold.recall));
            }
            row.push(curve.area.map_or_else(|| "-".to_owned(), |area| format!("{area:.3}")));
            rows.push(row);
        }
    }
    table(text, &["", "at 0.1 %", "at 1 %", "area"], &rows);
}

fn detection(text: &mut String, report: &Report) {
    heading(
        text,
        "Time to detection: attempts / time until one was stopped, and until 50 % and 95 % of any 20 in a row were",
    );
    let row = |name: String, actors: String, reached: &Reached, shares: [String; 2]| {
        let [twenty, hours] = shares;
        vec![name, actors, took(reached.first), took(reached.half), took(reached.most), twenty, hours]
    };
    let mut rows = Vec::new();
    for Attack { label, detection, .. } in &report.attacks {
        let Detection { whole, actors, ever_stopped, median, after_twenty, after_two_hours, .. } = detection;
        let shares = [after_twenty, after_two_hours].map(|share| percent(share.value()));
        rows.push(row(label.clone(), String::new(), whole, shares));
        if *actors > 0 {
            let of = format!("{} of {actors} actors", ever_stopped.count);
            rows.push(row("  median actor".to_owned(), of, median, Default::default()));
        }
    }
    let titles = ["", "stopped ever", "first", "50 %", "95 %", "after 20 of an actor", "after 2 h"];
    table(text, &titles, &rows);
}

fn signals(text: &mut String, report: &Report) {
    heading(text, "Signals");
    let rows: Vec<Vec<String>> = report
        .signals
        .iter()
        .filter(|signal| signal.precision.of + signal.blind.count > 0)
        .map(|signal| {
            vec![
                signal.signal.clone(),
                share(signal.false_positives),
                share(signal.recall),
                share(signal.precision),
                percent(signal.blind.value()),
            ]
        })
        .collect();
    table(text, &["signal", "fires on innocents", "on attacks", "precision in this mix", "blind"], &rows);
    heading(text, "What fires on which attack");
    for attack in &report.attacks {
        let fired: Vec<String> = attack
            .signals
            .iter()
            .take(MOST_ROWS)
            .map(|signal| format!("{} {}", signal.signal, percent(signal.recall.value())))
            .collect();
        let fired = if fired.is_empty() { "nothing".to_owned() } else { fired.join(", ") };
        let _ = writeln!(text, "  {}: {fired}", attack.label);
    }
}

fn calibration(text: &mut String, report: &Report) {
    heading(text, "Calibration: does a score of 80 mean 8 in 10?");
    let rows: Vec<Vec<String>> = report
        .calibration
        .iter()
        .map(|score| {
            vec![
                score.score.clone(),
                percent(Some(score.base_rate)),
                format!("{:.1}", score.mean_score),
                format!("{:.4}", score.brier),
                score.skill.map_or_else(|| "-".to_owned(), |skill| format!("{skill:.3}")),
                format!("{:.4}", score.expected_error),
            ]
        })
        .collect();
    let head = ["score", "really so", "mean score", "Brier score", "skill", "expected calibration error"];
    table(text, &head, &rows);
}

fn reauthentication(text: &mut String, report: &Report) {
    let figure = &report.reauthentication;
    if figure.at_policy.iter().all(|share| share.of == 0) {
        return;
    }
    heading(text, "Owners with the right password who were asked again, by earlier logins of theirs");
    let sizes: Vec<String> = figure.sizes.iter().map(|(from, to)| size(*from, *to)).collect();
    let mut head = vec![""];
    head.extend(sizes.iter().map(String::as_str));
    let cells = |shares: &[Share]| shares.iter().map(|share| percent(share.value())).collect::<Vec<_>>();
    let mut rows = vec![
        std::iter::once("logins".to_owned()).chain(figure.at_policy.iter().map(|share| share.of.to_string())).collect(),
        std::iter::once("by the policy".to_owned()).chain(cells(&figure.at_policy)).collect::<Vec<_>>(),
    ];
    for thieves in &figure.thieves {
        for bar in &thieves.bars {
            let name = format!("to stop {} % of {}", 100.0 * bar.stopped, thieves.label);
            rows.push(std::iter::once(name).chain(cells(&bar.by_size)).collect());
        }
    }
    table(text, &head, &rows);
    asking(text, report);
}

/// What bars catch by how many owners they ask.
fn asking(text: &mut String, report: &Report) {
    let askings = &report.reauthentication.asking;
    let Some(last) = askings.last().filter(|last| !last.thieves.is_empty()) else { return };
    heading(
        text,
        "Thieves with the right password, by a bar over account_takeover after success that asks at most so many owners",
    );
    let at_most = |asking: &Asking| format!("at {} %", (1e4 * asking.at_most).round() / 100.0);
    let of_known = format!("with history, {}", at_most(last));
    let heads: Vec<String> = askings.iter().map(at_most).chain([of_known]).collect();
    let head: Vec<&str> = std::iter::once("").chain(heads.iter().map(String::as_str)).collect();
    let bars = askings.iter().map(|asking| asking.bar.map_or_else(|| "-".to_owned(), |bar| format!("{bar:.2}")));
    let mut rows = vec![std::iter::once("bar".to_owned()).chain(bars).chain([String::new()]).collect::<Vec<_>>()];
    for (place, thieves) in last.thieves.iter().enumerate() {
        let caught = askings.iter().filter_map(|asking| Some(share(asking.thieves.get(place)?.caught)));
        let known = share(thieves.with_history);
        rows.push(std::iter::once(thieves.label.clone()).chain(caught).chain([known]).collect());
    }
    table(text, &head, &rows);
}

/// `4-5`, `51+`.
pub fn size(from: u64, to: Option<u64>) -> String {
    match to {
        Some(to) if to == from => from.to_string(),
        Some(to) => format!("{from}-{to}"),
        None => format!("{from}+"),
    }
}

fn compared(text: &mut String, comparison: &Comparison) {
    heading(text, &format!("Since {}", comparison.baseline));
    for caveat in &comparison.caveats {
        let _ = writeln!(text, "  Not the same: {caveat}.");
    }
    let told: Vec<Vec<String>> = comparison
        .changes
        .iter()
        .filter_map(|change| {
            let (better, difference) = (change.better?, change.difference?);
            let points = |share: f64| format!("{:+.2}", 100.0 * share);
            Some(vec![
                format!("{}: {}", change.of, change.what),
                percent(change.before.value()),
                percent(change.now.value()),
                format!("{} ({} to {})", points(difference.by), points(difference.low), points(difference.high)),
                if better { "better".to_owned() } else { "worse".to_owned() },
            ])
        })
        .collect();
    match told.is_empty() {
        true => _ = writeln!(text, "  Nothing that chance does not explain."),
        false => table(text, &["", "before", "now", "percentage points", ""], &told),
    }
}
