//! What was learnt, for people, for programs, and as YAML that somebody reads before it counts.
//!
//! The YAML says of every weight what it was, how certain the new one is and how often its signal fired, also of those that
//! stay; only what changes is a key. Its head says first what the labels cannot tell: who was never labelled, because nobody
//! looked, and who could not be, because the gate stood in the way.

use super::sample::{BANDS, Sample};
use super::tuning::{Fate, Fitted, OfScore, Quality, Tuning, Weight};
use crate::engine::assessment::ScoreName;
use crate::engine::signals::SignalId;
use serde_json::{Value, json};
use std::fmt::Write;

/// A score that has too few labels, in a sentence.
pub fn too_few(of: &OfScore, least: u64) -> String {
    let missing = |have: u64, what: &str| (have < least).then(|| format!("{} more {what}", least - have));
    if of.bad >= least && of.good >= least {
        return format!(
            "{}: {} bad and {} good attempts teach it, but some of them stand for so many that all say no more than {:.1} alike: \
             label more of those that were let pass by lot",
            of.score.name(),
            of.bad,
            of.good,
            of.effective
        );
    }
    let wanted: Vec<String> = [missing(of.bad, "bad"), missing(of.good, "good")].into_iter().flatten().collect();
    format!(
        "{}: {} bad and {} good attempts teach it, and it takes {least} of each: label {}",
        of.score.name(),
        of.bad,
        of.good,
        wanted.join(" and ")
    )
}

/// What was read and found, in lines for people.
pub fn lines(sample: &Sample, tuning: &Tuning) -> Vec<String> {
    let mut lines = bias(sample);
    for of in &tuning.scores {
        lines.push(String::new());
        match &of.fitted {
            None => lines.push(too_few(of, tuning.wishes.least)),
            Some(fitted) => of_score(of, fitted, &mut lines),
        }
    }
    lines
}

/// Why there is nothing to learn from in these files, if they are no decision logs.
pub fn no_log(sample: &Sample) -> Option<String> {
    if sample.traffic.all() > 0 || sample.unscored > 0 || sample.rows().next().is_some() {
        return None;
    }
    Some(match sample.unreadable {
        0 => "there is no decision in these files: are they decision logs?".to_owned(),
        lines => format!("no line is a decision, and {lines} are no records at all: are these decision logs?"),
    })
}

/// What was labelled, and what labels cannot tell, in sentences.
pub fn bias(sample: &Sample) -> Vec<String> {
    let (traffic, labelled) = (sample.traffic, sample.labelled());
    let labels: u64 = labelled.iter().sum();
    let mut lines = vec![format!("{labels} labelled attempts, {} decisions in these files.", traffic.all())];
    let share = |part: u64, all: u64| 100.0 * part as f64 / all as f64;
    if traffic.all() > 0 {
        let stopped = traffic.challenged + traffic.denied;
        lines.push(format!(
            "{:.1} % of the decisions never reached the application ({} challenged, {} denied): they have no outcome, and are \
             labelled only where somebody looked.",
            share(stopped, traffic.all()),
            traffic.challenged,
            traffic.denied
        ));
        match traffic.explored {
            0 if stopped > 0 => lines.push(
                "Nothing was let pass to find out (`explore` of a policy): of what the gate stops, these labels know what \
                 people say."
                    .to_owned(),
            ),
            0 => {}
            explored => lines.push(format!(
                "{explored} were let pass by exploration; those of them that are labelled stand for 1/p attempts each."
            )),
        }
    }
    if labels > 0 && sample.decisions.iter().sum::<u64>() > 0 {
        let mut low = 0.0;
        let bands = BANDS.iter().zip(sample.decisions.iter().zip(&labelled)).map(|(end, (decisions, labels))| {
            let name = if end.is_finite() { format!("{low:.0} to {end:.0}") } else { format!("from {low:.0}") };
            low = *end;
            match decisions {
                0 => format!("{name} {labels} labels"),
                _ => format!("{name} {:.2} %", share(*labels, *decisions)),
            }
        });
        lines.push(format!("Labelled, by risk: {}.", bands.collect::<Vec<_>>().join(", ")));
        let rate = |bands: std::ops::Range<usize>| {
            let decisions: u64 = sample.decisions[bands.clone()].iter().sum();
            let labels: u64 = labelled[bands].iter().sum();
            (decisions > 0).then(|| labels as f64 / decisions as f64)
        };
        if let (Some(below), Some(above)) = (rate(0..2), rate(2..4))
            && above > 3.0 * below
        {
            lines.push(
                "People looked where the risk was high. What the scores miss is hardly among these labels, so weights of \
                 signals that fire alone at low risk are little more than their prior: label some attempts at random."
                    .to_owned(),
            );
        }
    }
    if sample.unscored > 0 {
        lines.push(format!("{} labels are of attempts that were never scored, and teach nothing.", sample.unscored));
    }
    if sample.unreadable > 0 {
        lines.push(format!("{} lines are no records.", sample.unreadable));
    }
    lines
}

fn of_score(of: &OfScore, fitted: &Fitted, lines: &mut Vec<String>) {
    let name = of.score.name();
    let effective = match (of.effective - (of.good + of.bad) as f64).abs() < 0.5 {
        true => String::new(),
        false => format!(", worth {:.0} of equal weight", of.effective),
    };
    lines.push(format!("{name}: {} bad and {} good attempts{effective}.", of.bad, of.good));
    let quality = |quality: &Quality| {
        let area = quality.area.map_or_else(|| "-".to_owned(), |area| format!("{area:.3}"));
        let Quality { log_loss, brier, expected_error, .. } = quality;
        format!("log loss {log_loss:.4}, Brier {brier:.4}, calibration error {expected_error:.3}, area {area}")
    };
    lines.push(format!("  held out, as it is:  {}", quality(&fitted.before)));
    lines.push(format!("  held out, as fitted: {}", quality(&fitted.after)));
    if !improves(fitted) {
        lines.push("  The new weights judge what they have not seen no better: they are left out below.".to_owned());
    }
    let (before, after, error) = fitted.intercept;
    let error = error.map(|error| format!(" ± {error:.2}")).unwrap_or_default();
    lines.push(format!(
        "  intercept {before} stays; these labels alone would have {after:.2}{error}, which is how often people label, not how \
         often it happens."
    ));
    for weight in &fitted.weights {
        lines.push(format!("  {:<26} {}", weight.signal.name(), told(weight)));
    }
    if !fitted.converged {
        lines.push("  The search did not end: do not use these weights, and report this.".to_owned());
    }
}

/// Whether attempts that were held out are judged better.
pub fn improves(fitted: &Fitted) -> bool {
    fitted.after.log_loss < fitted.before.log_loss
}

/// `3.3 → 3.41 ± 0.21, fired in 120 (98 bad)`.
fn told(weight: &Weight) -> String {
    let Weight { before, after, fired, bad, .. } = weight;
    let seen = format!("fired in {fired} ({bad} bad)");
    match (weight.fate, weight.error) {
        (Fate::Fitted, Some(error)) => format!("{before} → {after} ± {error:.2}, {seen}"),
        (Fate::Fitted | Fate::Bounded, _) => {
            format!("{before} → {after}, held there: the labels would have it beyond; {seen}")
        }
        (Fate::TooFew, _) => format!("{before} stays: {seen}, too few"),
        (Fate::Disabled, _) => format!("{before} stays: the signal is switched off"),
    }
}

/// The weights as a part of the configuration.
pub fn yaml(sample: &Sample, tuning: &Tuning) -> String {
    let mut text = String::from(
        "# Weights that labels suggest, written by `tollgate tune` for somebody to read. Nothing is in force until this stands\n\
         # in the configuration: put it into the `signals` that are there, and try it with `tollgate check` and a policy's\n\
         # `mode: monitor` first.\n#\n",
    );
    for line in lines(sample, tuning) {
        let _ = writeln!(text, "{}", format!("# {line}").trim_end());
    }
    text.push_str("\nsignals:");
    // Weights that are no better stand above, for whoever wants to know them, and not where they would be pasted.
    let fitted: Vec<(ScoreName, &Fitted)> = tuning
        .scores
        .iter()
        .filter_map(|of| Some((of.score, of.fitted.as_ref().filter(|fitted| improves(fitted))?)))
        .collect();
    let mut changed = 0;
    for signal in SignalId::all() {
        let of_signal = fitted.iter().filter_map(|(score, fitted)| {
            let weight = fitted.weights.iter().find(|weight| weight.signal == signal)?;
            Some((*score, weight))
        });
        let new: Vec<(ScoreName, &Weight)> = of_signal.filter(|(_, weight)| weight.after != weight.before).collect();
        if new.is_empty() {
            continue;
        }
        changed += new.len();
        let _ = write!(text, "\n  {}:\n    weights:", signal.name());
        for (score, weight) in new {
            let _ = write!(text, "\n      {}: {}   # {}", score.name(), weight.after, told(weight));
        }
    }
    text.push_str(if changed == 0 { " {}\n" } else { "\n" });
    text
}

/// The same for programs. Keys are a contract: they are added to.
pub fn json(sample: &Sample, tuning: &Tuning) -> Value {
    let quality = |quality: &Quality| {
        let Quality { log_loss, brier, expected_error, area } = quality;
        json!({ "log_loss": log_loss, "brier": brier, "expected_calibration_error": expected_error, "area": area })
    };
    let weight = |weight: &Weight| {
        let Weight { signal, before, after, error, fired, bad, fate } = weight;
        let fate = match fate {
            Fate::Fitted => "fitted",
            Fate::Bounded => "bounded",
            Fate::TooFew => "too_few",
            Fate::Disabled => "disabled",
        };
        json!({
            "signal": signal.name(), "before": before, "after": after, "error": error, "fired": fired, "bad": bad, "fate": fate,
        })
    };
    let scores = tuning.scores.iter().map(|of| {
        let fitted = of.fitted.as_ref().map(|fitted| {
            json!({
                "improves": improves(fitted), "converged": fitted.converged,
                "before": quality(&fitted.before), "after": quality(&fitted.after),
                "intercept": { "before": fitted.intercept.0, "labels": fitted.intercept.1, "error": fitted.intercept.2 },
                "weights": fitted.weights.iter().map(weight).collect::<Vec<_>>(),
            })
        });
        json!({ "score": of.score.name(), "bad": of.bad, "good": of.good, "effective": of.effective, "fitted": fitted })
    });
    let traffic = sample.traffic;
    json!({
        "labels": sample.labelled().iter().sum::<u64>(),
        "decisions": {
            "all": traffic.all(), "reached": traffic.reached, "challenged": traffic.challenged, "denied": traffic.denied,
            "explored": traffic.explored,
        },
        "by_risk": {
            "ends": BANDS.iter().filter(|end| end.is_finite()).collect::<Vec<_>>(),
            "decisions": sample.decisions, "labels": sample.labelled(),
        },
        "unreadable": sample.unreadable, "unscored": sample.unscored,
        "scores": scores.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tuning::Wishes;
    use super::super::tuning::tests::{labelled, sample, world};
    use super::*;
    use crate::config;
    use crate::engine::assessment::Model;
    use std::path::Path;

    const HEAD: &str = "version: 1\nmode: monitor\nlisten: [{ address: \"127.0.0.1:8080\" }]\n\
                        upstream: { servers: [\"127.0.0.1:9000\"] }\n\
                        routes: [{ name: sign-in, event: login, match: { path: /login } }]\n";

    #[test]
    fn what_is_written_is_a_configuration_and_has_what_was_found() {
        let sample = world(7, 2000);
        let tuning = Tuning::of(&sample, &Model::default(), Wishes::default());
        let yaml = yaml(&sample, &tuning);
        let (settings, _) = config::parse("a.yaml", &format!("{HEAD}{yaml}"), Path::new(""))
            .unwrap_or_else(|report| panic!("{report}\n{yaml}"));
        let model = &settings.routes[0].policy.rules.model;
        let fitted = tuning.scores[0].fitted.as_ref().unwrap();
        let mut changed = 0;
        for weight in &fitted.weights {
            assert_eq!(model.signals[usize::from(weight.signal.0)].weights.bot, weight.after);
            changed += usize::from(weight.after != weight.before);
        }
        assert!(changed >= 3, "{yaml}");
        assert!(
            yaml.contains("http_client_library:\n    weights:\n      bot: ")
                && yaml.contains(" → ")
                && yaml.contains(" ± ")
        );
        assert!(yaml.contains("#   web_crawler") && yaml.contains("stays: fired in 0 (0 bad), too few"), "{yaml}");
        assert!(yaml.contains("account_takeover: 0 bad and") && yaml.contains("label 30 more bad"), "{yaml}");
        let json = json(&sample, &tuning);
        assert_eq!((&json["scores"][0]["fitted"]["improves"], &json["labels"]), (&json!(true), &json!(2000)));
    }

    #[test]
    fn weights_that_are_no_better_are_told_and_not_written() {
        let sample = world(7, 2000);
        let mut tuning = Tuning::of(&sample, &Model::default(), Wishes::default());
        let fitted = tuning.scores[0].fitted.as_mut().unwrap();
        fitted.after = fitted.before;
        let yaml = yaml(&sample, &tuning);
        assert!(yaml.ends_with("signals: {}\n"), "{yaml}");
        assert!(
            yaml.contains("no better: they are left out below") && yaml.contains("#   http_client_library"),
            "{yaml}"
        );
    }

    #[test]
    fn files_without_a_decision_are_no_logs() {
        let read = |text: &str| {
            let mut sample = Sample::default();
            sample.read(text.as_bytes()).unwrap();
            no_log(&sample)
        };
        assert!(read("").unwrap().contains("there is no decision"));
        assert!(read("a,b\n1,2\n").unwrap().contains("2 are no records at all"));
        assert_eq!(read(&labelled(1, true, &[], &[], "bot").to_string()), None);
    }

    #[test]
    fn nothing_to_say_is_said_and_is_a_configuration_too() {
        let sample = sample((0..5).map(|number| labelled(number, true, &[], &[], "bot")));
        let tuning = Tuning::of(&sample, &Model::default(), Wishes::default());
        let yaml = yaml(&sample, &tuning);
        assert!(yaml.ends_with("signals: {}\n"), "{yaml}");
        assert!(yaml.contains(
            "bot: 5 bad and 0 good attempts teach it, and it takes 30 of each: label 25 more bad and 30 more good"
        ));
        assert!(config::parse("a.yaml", &format!("{HEAD}{yaml}"), Path::new("")).is_ok());
    }

    #[test]
    fn who_was_never_labelled_is_said_first() {
        let decision = |number: usize, risk: f64, enforced: &str| json!({ "id": format!("x{number}"), "status": "$attempted", "risk": risk, "enforced": enforced });
        let decisions = (0..1000).map(|number| match number % 10 {
            0 => decision(number, 90.0, "challenged"),
            1 => decision(number, 70.0, "denied"),
            _ => decision(number, 5.0, "forwarded"),
        });
        let labels = (0..40).map(|number| {
            let mut record = labelled(number, number % 2 == 0, &[], &[], "bot");
            record["risk"] = json!(90.0);
            record
        });
        let sample = sample(decisions.chain(labels));
        let text = lines(&sample, &Tuning::of(&sample, &Model::default(), Wishes::default())).join("\n");
        assert!(
            text.starts_with("40 labelled attempts, 1000 decisions in these files.\n20.0 % of the decisions never"),
            "{text}"
        );
        assert!(text.contains("(100 challenged, 100 denied)") && text.contains("Nothing was let pass"), "{text}");
        assert!(text.contains("0 to 40 0.00 %, 40 to 60 0 labels, 60 to 80 0.00 %, from 80 40.00 %"), "{text}");
        assert!(text.contains("People looked where the risk was high"), "{text}");
    }
}
