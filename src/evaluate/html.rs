//! The report as one page that needs nothing else: no script, no font, no request, and a policy in its head that would
//! forbid them. It can be mailed, kept beside a release, and read in ten years.
//!
//! What is plotted stands in a table too. Every text of a file (labels, names) is escaped in one place, [`escaped`].

use super::plot::{Axis, Line, Plot, Point, escaped};
use super::report::{Asking, Attack, ByName, Calibration, Reached, Report, Took};
use super::share::Share;
use super::text::{instant, percent, size, time};
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// A cell of a table: text for people, escaped already.
type Cell = String;

/// The whole page.
pub fn page(report: &Report) -> String {
    let mut page = String::with_capacity(1 << 17);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>Tollgate evaluation</title><style>{STYLE}</style></head><body><header><h1>Evaluation</h1>"
    );
    input(&mut page, report);
    page.push_str(
        "<nav aria-label=\"Sections\"><a href=\"#innocents\">Innocents</a><a href=\"#attacks\">Attacks</a>\
         <a href=\"#recall\">Recall</a><a href=\"#detection\">Detection</a><a href=\"#signals\">Signals</a>\
         <a href=\"#calibration\">Calibration</a><a href=\"#owners\">Owners asked again</a></nav></header><main>",
    );
    tiles(&mut page, report);
    comparison(&mut page, report);
    innocents(&mut page, report);
    attacks(&mut page, report);
    recall(&mut page, report);
    detection(&mut page, report);
    signals(&mut page, report);
    calibration(&mut page, report);
    owners(&mut page, report);
    page.push_str("</main></body></html>\n");
    page
}

fn section(page: &mut String, id: &str, title: &str, lead: &str) {
    let _ = write!(page, "<h2 id=\"{id}\">{title}</h2><p class=\"soft\">{lead}</p>");
}

/// A table; the first cell of a row heads it.
fn table(page: &mut String, caption: &str, head: &[&str], rows: &[Vec<Cell>]) {
    let _ = write!(page, "<div class=\"scroll\"><table><caption>{caption}</caption><thead><tr>");
    for cell in head {
        let _ = write!(page, "<th scope=\"col\">{cell}</th>");
    }
    page.push_str("</tr></thead><tbody>");
    for row in rows {
        page.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let _ = match column {
                0 => write!(page, "<th scope=\"row\">{cell}</th>"),
                _ => write!(page, "<td>{cell}</td>"),
            };
        }
        page.push_str("</tr>");
    }
    page.push_str("</tbody></table></div>");
}

/// A share with its interval below.
fn share(share: Share) -> Cell {
    if share.of == 0 {
        return "-".to_owned();
    }
    let (low, high) = share.interval();
    format!("{}<small>{} to {}</small>", percent(share.value()), percent(Some(low)), percent(Some(high)))
}

fn input(page: &mut String, report: &Report) {
    let (input, configuration) = (&report.input, &report.configuration);
    let files: Vec<String> = input.files.iter().map(|file| escaped(file)).collect();
    let _ = write!(
        page,
        "<p>{} attempts from {} to {} ({}). Counted: {}, from {} on; the {} before that were learned from. Judged with \
         {} by Tollgate {}.</p>",
        input.attempts,
        instant(input.from),
        instant(input.until),
        files.join(", "),
        input.counted,
        instant(input.counted_from),
        input.warm_up,
        escaped(&configuration.name),
        escaped(&report.tollgate)
    );
    let mut note = |what: &str, texts: Vec<String>| {
        if !texts.is_empty() {
            let _ = write!(page, "<p class=\"soft\">{what}: {}.</p>", texts.join(", "));
        }
    };
    let unprotected = input.unprotected.iter().map(|(event, attempts)| format!("{attempts} of {}", escaped(event)));
    note("Not judged, since there is no route for them", unprotected.collect());
    let early = input.warm_up_attacks.iter().map(|(label, attempts)| format!("{attempts} of {}", escaped(label)));
    note("Attacks that were learned from and not counted", early.collect());
    let silent = report.only_in_warm_up();
    note("Over before counting began, and so not below", silent.into_iter().map(escaped).collect());
    note("Not there, so blind", configuration.absent.iter().map(|absent| escaped(absent)).collect());
    note("Supposed to solve challenges", configuration.solvers.iter().map(|solver| escaped(solver)).collect());
    let full = input.memory.iter().filter(|(_, memory)| memory.evicted > 0);
    note(
        "The memory was full; made room",
        full.map(|(kind, memory)| format!("{} of {kind}", memory.evicted)).collect(),
    );
}

fn tiles(page: &mut String, report: &Report) {
    let innocents = &report.innocents;
    page.push_str("<div class=\"tiles\">");
    let mut tile = |name: &str, value: String, more: String| {
        let _ = write!(page, "<div class=\"tile\">{name}<b>{value}</b><span class=\"soft\">{more}</span></div>");
    };
    let interval = |share: Share| {
        let (low, high) = share.interval();
        format!("{} to {}; {} of {}", percent(Some(low)), percent(Some(high)), share.count, share.of)
    };
    let hit = innocents.all.hit;
    tile("Innocents challenged or refused", percent(hit.value()), interval(hit));
    tile("Innocents kept out", percent(innocents.all.kept_out.value()), interval(innocents.all.kept_out));
    let stopped = report.attacks.iter().map(|attack| attack.at_policy.stopped).fold(Share::default(), Share::plus);
    tile("Attacks stopped by the policy", percent(stopped.value()), interval(stopped));
    if let Some(days) = innocents.days {
        let value = percent(Some(days.median));
        let more = format!("{} to {}", percent(Some(days.least)), percent(Some(days.most)));
        tile("Innocents hit, median day", value, more);
    }
    page.push_str("</div>");
}

fn comparison(page: &mut String, report: &Report) {
    let Some(comparison) = &report.comparison else { return };
    let lead = "Intervals are Newcombe's for two samples; what is coloured is more than chance explains.";
    section(page, "changes", &format!("Since {}", escaped(&comparison.baseline)), lead);
    for caveat in &comparison.caveats {
        let _ = write!(page, "<p>Not the same: {}.</p>", escaped(caveat));
    }
    let rows: Vec<Vec<Cell>> = comparison
        .changes
        .iter()
        .filter(|change| change.before.count + change.now.count > 0)
        .filter_map(|change| {
            let difference = change.difference?;
            let points = |share: f64| format!("{:+.2}", 100.0 * share);
            let (class, word) = match change.better {
                Some(true) => ("better", "better"),
                Some(false) => ("worse", "worse"),
                None => ("", ""),
            };
            let by = points(difference.by);
            Some(vec![
                format!("{}: {}", escaped(&change.of), escaped(&change.what)),
                percent(change.before.value()),
                percent(change.now.value()),
                format!("{by}<small>{} to {}</small>", points(difference.low), points(difference.high)),
                format!("<span class=\"{class}\">{word}</span>"),
            ])
        })
        .collect();
    table(page, "Changes", &["", "before", "now", "percentage points", ""], &rows);
}

fn innocents(page: &mut String, report: &Report) {
    let innocents = &report.innocents;
    let lead = "False positives are people. Challenged or refused: met a challenge or a refusal at all; kept out: did not get \
                the application's answer in the end.";
    section(page, "innocents", "Innocents", lead);
    let row = |entry: &ByName| {
        let fared = entry.fared;
        let name = escaped(&entry.name);
        vec![name, fared.hit.of.to_string(), share(fared.hit), share(fared.denied), share(fared.kept_out)]
    };
    let head = ["", "attempts", "challenged or refused", "refused", "kept out"];
    let all = ByName { name: "all".to_owned(), fared: innocents.all };
    let rows: Vec<_> = std::iter::once(&all).chain(&innocents.by_event).map(row).collect();
    table(page, "By event", &head, &rows);
    table(page, "By persona", &head, &innocents.by_persona.iter().map(row).collect::<Vec<_>>());
    if innocents.by_day.len() > 1 {
        let names: Vec<String> = innocents.by_day.iter().map(|day| day.name.chars().skip(5).collect()).collect();
        let most = innocents.by_day.iter().map(|day| day.fared.hit.interval().1).fold(0.0, f64::max);
        let points = innocents.by_day.iter().enumerate().map(|(x, day)| of_share(x as f64, day.fared.hit));
        let plot = Plot {
            title: "Innocents challenged or refused, by day".to_owned(),
            summary: "One dot a day, with its interval; the table by day holds the numbers.".to_owned(),
            x: Axis::named("day", &names),
            y: up_to(most, "of innocents' attempts"),
            lines: vec![Line { name: "hit".to_owned(), points: points.flatten().collect(), dotted: true }],
            diagonal: false,
        };
        let _ = write!(page, "<div class=\"plots\">{}</div>", plot.figure("days"));
        details(page, "By day", &head, &innocents.by_day.iter().map(row).collect::<Vec<_>>());
    }
    let rules: Vec<Vec<Cell>> = innocents
        .rules
        .iter()
        .map(|rule| {
            let [rule_name, moment, action] = [&rule.rule, &rule.moment, &rule.action].map(|text| escaped(text));
            vec![rule_name, moment, action, rule.hits.count.to_string(), share(rule.hits)]
        })
        .collect();
    if !rules.is_empty() {
        table(
            page,
            "Rules that hit innocents",
            &["rule", "moment", "action", "hits", "of innocents' attempts"],
            &rules,
        );
        let reasons: Vec<Vec<Cell>> = innocents
            .reasons
            .iter()
            .map(|reason| vec![named(&reason.signals), reason.hits.count.to_string(), percent(reason.hits.value())])
            .collect();
        table(page, "Signals that fired together", &["signals", "hits", "of hits"], &reasons);
        let worst: Vec<Vec<Cell>> = innocents
            .worst
            .iter()
            .map(|person| {
                vec![
                    escaped(&person.actor),
                    escaped(&person.persona),
                    person.hits.to_string(),
                    person.denials.to_string(),
                    named(&person.signals),
                    format!("{} ({})", escaped(&person.first), escaped(&person.rule)),
                ]
            })
            .collect();
        let head = ["who", "persona", "hits", "refusals", "signals", "first (rule)"];
        table(page, &format!("Hit most, of {} people who were hit", innocents.people_hit), &head, &worst);
    }
}

fn named(signals: &[String]) -> Cell {
    if signals.is_empty() { "(none)".to_owned() } else { escaped(&signals.join(" + ")) }
}

/// A table that is folded up.
fn details(page: &mut String, title: &str, head: &[&str], rows: &[Vec<Cell>]) {
    let _ = write!(page, "<details><summary>{title}</summary>");
    table(page, title, head, rows);
    page.push_str("</details>");
}

fn of_share(x: f64, share: Share) -> Option<Point> {
    Some(Point { x, y: share.value()?, interval: Some(share.interval()) })
}

/// An axis of shares that ends not far above `most`.
fn up_to(most: f64, label: &str) -> Axis {
    let to = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5].into_iter().find(|to| most <= *to).unwrap_or(1.0);
    let tick = |part: f64| (to * part, percent(Some(to * part)));
    Axis {
        label: label.to_owned(),
        from: 0.0,
        to,
        logarithmic: false,
        ticks: [0.0, 0.25, 0.5, 0.75, 1.0].map(tick).into(),
    }
}

fn attacks(page: &mut String, report: &Report) {
    let lead = "What the policy did. Stopped: did not get the application's answer; succeeded: got it, and it was what the \
                attacker came for.";
    section(page, "attacks", "Attacks under the policy", lead);
    let row = |attack: &Attack| {
        let at = &attack.at_policy;
        vec![
            escaped(&attack.label),
            attack.attempts.to_string(),
            share(at.stopped),
            share(at.challenged),
            share(at.solved),
            share(at.denied),
            share(at.harm),
        ]
    };
    let head = ["attack", "attempts", "stopped", "challenged", "of these solved", "refused", "succeeded"];
    table(page, "By attack", &head, &report.attacks.iter().map(row).collect::<Vec<_>>());
}

fn recall(page: &mut String, report: &Report) {
    let lead = "What a threshold over a score would catch that hits at most so many innocents of the same events. Area: the \
                chance that an attempt of the attack scores higher than an innocent one; 0.5 is chance.";
    section(page, "recall", "Recall against false positives", lead);
    let mut rows = Vec::new();
    for attack in &report.attacks {
        for curve in &attack.curves {
            let mut row = vec![escaped(&attack.label), curve.score.clone()];
            for threshold in attack.thresholds.iter().filter(|threshold| threshold.score == curve.score) {
                let at = threshold.thresholds.iter().map(|(event, bar)| match bar {
                    Some(bar) => format!("{} ≥ {bar:.2}", escaped(event)),
                    None => format!("{}: none", escaped(event)),
                });
                row.push(share(threshold.recall));
                row.push(format!(
                    "{}<small>{}</small>",
                    percent(threshold.false_positives.value()),
                    at.collect::<Vec<_>>().join(", ")
                ));
            }
            row.push(curve.area.map_or_else(|| "-".to_owned(), |area| format!("{area:.3}")));
            rows.push(row);
        }
    }
    let head = ["attack", "score", "recall at 0.1 %", "innocents hit", "recall at 1 %", "innocents hit", "area"];
    table(page, "By attack and score", &head, &rows);
    page.push_str("<div class=\"plots\">");
    for (number, attack) in report.attacks.iter().enumerate() {
        let lines = attack.curves.iter().map(|curve| Line {
            name: curve.score.clone(),
            points: curve.points.iter().map(|[x, y]| Point::new(*x, *y)).collect(),
            dotted: false,
        });
        let at_one = attack.thresholds.iter().find(|threshold| threshold.false_positives_at_most == 0.01);
        let plot = Plot {
            title: attack.label.clone(),
            summary: format!(
                "Recall of {} against the share of innocents hit, up to all of them; at 1 % of innocents it is {} by risk. \
                 The dotted line is chance.",
                attack.label,
                percent(at_one.and_then(|threshold| threshold.recall.value()))
            ),
            x: Axis::small_share("innocents hit at most"),
            y: Axis::share("recall"),
            lines: lines.collect(),
            diagonal: true,
        };
        page.push_str(&plot.figure(&format!("roc{number}")));
    }
    page.push_str("</div>");
}

fn detection(page: &mut String, report: &Report) {
    let lead = "Attempts, and time, until the first was stopped, and until from then on 50 % and 95 % of any 20 in a row were. \
                Below each attack as a whole stands the middle one of its actors that got there. The last two: of the attempts \
                after the first twenty of each actor, and of those from two hours on, how many were stopped.";
    section(page, "detection", "Time to detection", lead);
    let took = |took: Option<Took>| {
        took.map_or_else(
            || "never".to_owned(),
            |took| format!("{}<small>{}</small>", took.attempts, time(took.seconds)),
        )
    };
    let row = |name: String, of: String, reached: &Reached, shares: [String; 2]| {
        let [twenty, hours] = shares;
        vec![name, of, took(reached.first), took(reached.half), took(reached.most), twenty, hours]
    };
    let mut rows = Vec::new();
    for attack in &report.attacks {
        let detection = &attack.detection;
        let shares = [detection.after_twenty, detection.after_two_hours].map(share);
        rows.push(row(escaped(&attack.label), String::new(), &detection.whole, shares));
        if detection.actors > 0 {
            let of = |share: Share| format!("{} of {}", share.count, share.of);
            let stopped = format!(
                "{} ever<small>{} half, {} nearly all</small>",
                of(detection.ever_stopped),
                detection.half.count,
                detection.most.count
            );
            rows.push(row("&emsp;median actor".to_owned(), stopped, &detection.median, Default::default()));
        }
    }
    table(page, "By attack", &["", "actors stopped", "first", "50 %", "95 %", "after 20", "after 2 h"], &rows);
    page.push_str("<div class=\"plots\">");
    for (number, attack) in report.attacks.iter().enumerate() {
        let ages: Vec<String> = attack
            .detection
            .by_age
            .iter()
            .map(|age| {
                age.until.map_or_else(|| "later".to_owned(), |until| format!("<{}", time(until).replace(' ', "")))
            })
            .collect();
        let points = attack.detection.by_age.iter().enumerate();
        let points: Vec<Point> = points.filter_map(|(x, age)| of_share(x as f64, age.stopped)).collect();
        let plot = Plot {
            title: attack.label.clone(),
            summary: format!(
                "Share of attempts of {} that were stopped, by how long their actor had been at it.",
                attack.label
            ),
            x: Axis::named("since the actor's first attempt", &ages),
            y: Axis::share("stopped"),
            lines: vec![Line { name: "stopped".to_owned(), points, dotted: true }],
            diagonal: false,
        };
        page.push_str(&plot.figure(&format!("det{number}")));
    }
    page.push_str("</div>");
    let mut head = vec!["attack"];
    let ages = report.attacks.first().map(|attack| attack.detection.by_age.clone()).unwrap_or_default();
    let ages: Vec<String> = ages
        .iter()
        .map(|age| age.until.map_or_else(|| "later".to_owned(), |until| format!("before {}", time(until))))
        .collect();
    head.extend(ages.iter().map(String::as_str));
    let rows = report.attacks.iter().map(|attack| {
        let cells = attack.detection.by_age.iter().map(|age| share(age.stopped));
        std::iter::once(escaped(&attack.label)).chain(cells).collect()
    });
    details(page, "Stopped, by age of the attack", &head, &rows.collect::<Vec<_>>());
}

fn signals(page: &mut String, report: &Report) {
    let lead = "Precision depends on how much of the file is bad; how often a signal fires on innocents, and on which attack, \
                does not.";
    section(page, "signals", "Signals", lead);
    let rows: Vec<Vec<Cell>> = report
        .signals
        .iter()
        .map(|signal| {
            let name = escaped(&signal.signal);
            vec![
                name,
                share(signal.false_positives),
                share(signal.recall),
                share(signal.precision),
                percent(signal.blind.value()),
            ]
        })
        .collect();
    let head = ["signal", "fires on innocents", "fires on attacks", "precision in this mix", "blind"];
    table(page, "By signal", &head, &rows);
    let rows = report.attacks.iter().map(|attack| {
        let fired = attack
            .signals
            .iter()
            .map(|signal| format!("{} {}", escaped(&signal.signal), percent(signal.recall.value())));
        let fired: Vec<String> = fired.collect();
        let fired = if fired.is_empty() { "nothing".to_owned() } else { fired.join(", ") };
        vec![escaped(&attack.label), format!("<span class=\"left\">{fired}</span>")]
    });
    table(page, "What fires on which attack", &["attack", "signals"], &rows.collect::<Vec<_>>());
}

fn calibration(page: &mut String, report: &Report) {
    let lead = "A score of 80 promises that about 8 in 10 such attempts are what it says, at this share of attacks. On the dotted \
                line the promise is kept; below it the score cries wolf.";
    section(page, "calibration", "Calibration", lead);
    let rows: Vec<Vec<Cell>> = report
        .calibration
        .iter()
        .map(|score| {
            vec![
                score.score.clone(),
                score.attempts.to_string(),
                percent(Some(score.base_rate)),
                format!("{:.1}", score.mean_score),
                format!("{:.4}", score.brier),
                score.skill.map_or_else(|| "-".to_owned(), |skill| format!("{skill:.3}")),
                format!("{:.4}", score.expected_error),
                format!("{:.4}", score.log_loss),
            ]
        })
        .collect();
    let head = ["score", "attempts", "really so", "mean score", "Brier", "skill", "expected error", "log loss"];
    table(page, "By score", &head, &rows);
    page.push_str("<div class=\"plots\">");
    for score in &report.calibration {
        let points = score.bins.iter().filter_map(|bin| of_share(bin.mean_score / 100.0, bin.bad));
        let plot = Plot {
            title: score.score.clone(),
            summary: format!(
                "Reliability of {}: the share that was really so, by the score; expected calibration error {:.4}.",
                score.score, score.expected_error
            ),
            x: Axis::share("score"),
            y: Axis::share("really so"),
            lines: vec![Line { name: score.score.clone(), points: points.collect(), dotted: true }],
            diagonal: true,
        };
        page.push_str(&plot.figure(&format!("cal-{}", score.score)));
    }
    page.push_str("</div>");
    for Calibration { score, bins, .. } in &report.calibration {
        let rows = bins.iter().map(|bin| {
            let range = format!("{:.0} to {:.0}", bin.from, bin.to);
            vec![range, bin.bad.of.to_string(), format!("{:.2}", bin.mean_score), share(bin.bad)]
        });
        details(
            page,
            &format!("Bins of {score}"),
            &["score", "attempts", "mean", "really so"],
            &rows.collect::<Vec<_>>(),
        );
    }
}

fn owners(page: &mut String, report: &Report) {
    let figure = &report.reauthentication;
    let lead = "Owners with the right password who were challenged or refused, by earlier logins of theirs; and what a bar over \
                account_takeover would ask of them that stops so many of the thieves in this file.";
    section(page, "owners", "Owners asked again", lead);
    let sizes: Vec<String> = figure.sizes.iter().map(|(from, to)| size(*from, *to)).collect();
    let points = |shares: &[Share]| {
        shares.iter().enumerate().filter_map(|(x, share)| of_share(x as f64, *share)).collect::<Vec<_>>()
    };
    let cells =
        |name: String, shares: &[Share]| std::iter::once(name).chain(shares.iter().map(|one| share(*one))).collect();
    let plot = |title: &str, lines: Vec<Line>| Plot {
        title: title.to_owned(),
        summary:
            "Share of owners' logins that were asked again, falling with the number of earlier logins where the model \
                  learns."
                .to_owned(),
        x: Axis::named("earlier logins", &sizes),
        y: Axis::share("asked again"),
        lines,
        diagonal: false,
    };
    let line = |name: String, shares: &[Share]| Line { name, points: points(shares), dotted: true };
    let mut rows: Vec<Vec<Cell>> = vec![cells("by the policy".to_owned(), &figure.at_policy)];
    let policy = plot("By the policy", vec![line("by the policy".to_owned(), &figure.at_policy)]);
    let _ = write!(page, "<div class=\"plots\">{}", policy.figure("own"));
    for (number, thieves) in figure.thieves.iter().enumerate() {
        let name = |stopped: f64| format!("{} % stopped", 100.0 * stopped);
        let lines = thieves.bars.iter().map(|bar| line(name(bar.stopped), &bar.by_size));
        page.push_str(&plot(&thieves.label, lines.collect()).figure(&format!("own{number}")));
        rows.extend(thieves.bars.iter().map(|bar| {
            let name = format!("{} of {}, bar {:.2}", name(bar.stopped), escaped(&thieves.label), bar.bar);
            cells(name, &bar.by_size)
        }));
    }
    page.push_str("</div>");
    let mut head = vec!["earlier logins"];
    head.extend(sizes.iter().map(String::as_str));
    table(page, "Asked again", &head, &rows);
    let Some(last) = figure.asking.last().filter(|last| !last.thieves.is_empty()) else { return };
    let mut head = vec!["asked of owners, at most".to_owned(), "bar".to_owned(), "owners".to_owned()];
    head.extend(last.thieves.iter().flat_map(|thieves| {
        let label = escaped(&thieves.label);
        [label.clone(), format!("{label}, with history")]
    }));
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let row = |asking: &Asking| -> Vec<Cell> {
        let bar = asking.bar.map_or_else(|| "-".to_owned(), |bar| format!("{bar:.2}"));
        let caught = asking.thieves.iter().flat_map(|thieves| [share(thieves.caught), share(thieves.with_history)]);
        [format!("{} %", (1e4 * asking.at_most).round() / 100.0), bar, share(asking.owners)]
            .into_iter()
            .chain(caught)
            .collect()
    };
    table(
        page,
        "Thieves at a bar over account_takeover after success",
        &head,
        &figure.asking.iter().map(row).collect::<Vec<_>>(),
    );
}
