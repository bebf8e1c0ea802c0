//! How good the decisions were that a gate has really made, as far as somebody said what the attempts really were.
//!
//! Attempt files tell the truth of every attempt, so that all can be played again. Of a gate's own traffic the truth is known
//! where a customer, a bank or a lot said so, and what was in the form is not kept, so nothing can be played: what is measured
//! is what was decided, by the scores and signals of the records. A label carries its decision, so that those of last month can
//! be measured when the records of last month are gone.
//!
//! Labels are no fair sample. People look where a score was high, and of what the gate kept from the application nobody
//! heard. Attempts that were let pass by lot ([`exploration`](crate::engine::exploration)) stand for all that were not, and
//! weigh so in calibration; the rest cannot be mended, and the report says it in the same breath
//! ([`tune`](crate::tune::report::bias)). Shares are counts of labels: neither recall nor precision of all traffic.

mod text;

pub use self::text::text;

use super::report::{Calibration, Signal};
use super::share::{Share, rounded};
use super::spread::{Spread, curve, percent};
use super::summary::calibrated;
use super::tally::{MEASURES, measure_name};
use crate::engine::assessment::ScoreName;
use crate::engine::calibration::{FINE_ENDS, Reliability};
use crate::engine::signals::SignalId;
use crate::tune::Sample;
use crate::tune::report::bias;
use crate::tune::sample::{Fate, Row};
use serde::Serialize;

/// What a threshold may hit of the good, at most.
const FALSE_POSITIVES: [f64; 2] = [0.001, 0.01];

/// See the module.
#[derive(Clone, Debug, Serialize)]
pub struct Labelled {
    pub files: Vec<String>,
    /// Decisions in the files, labelled or not.
    pub decisions: u64,
    /// Labelled attempts that were scored.
    pub labelled: u64,
    /// Labels of attempts that were never scored.
    pub unscored: u64,
    /// Lines that are no records.
    pub unreadable: u64,
    /// What the labels cannot tell, in sentences.
    pub bias: Vec<String>,
    /// Good ones, and bad ones by the score that their label is about; one that is about several is in each.
    pub groups: Vec<Group>,
    pub scores: Vec<OfScore>,
    pub signals: Vec<Signal>,
}

/// Attempts that were labelled alike.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// `good`, or `bad: bot`.
    pub of: String,
    /// What the policy said, whatever was done: of a gate that only looks on as well.
    pub challenged: Share,
    pub denied: Share,
    /// Let pass by lot, although the policy would not have.
    pub explored: Share,
    /// Reached the application.
    pub reached: Share,
}

/// How one score tells the bad from the good, among attempts whose labels are about it.
#[derive(Clone, Debug, Serialize)]
pub struct OfScore {
    pub score: String,
    pub bad: u64,
    pub good: u64,
    /// The chance that a bad one scores higher than a good one.
    pub area: Option<f64>,
    pub thresholds: Vec<Threshold>,
    pub calibration: Option<Calibration>,
}

/// What a threshold catches that hits at most so many of the good.
#[derive(Clone, Debug, Serialize)]
pub struct Threshold {
    pub false_positives_at_most: f64,
    /// In percent; none where no threshold is high enough.
    pub threshold: Option<f64>,
    pub recall: Share,
}

impl Labelled {
    pub fn of(sample: &Sample, files: Vec<String>) -> Labelled {
        let rows: Vec<&Row> = sample.rows().collect();
        Labelled {
            files,
            decisions: sample.traffic.all(),
            labelled: rows.len() as u64,
            unscored: sample.unscored,
            unreadable: sample.unreadable,
            bias: bias(sample),
            groups: groups(&rows),
            scores: MEASURES.into_iter().enumerate().map(|(place, measure)| of_score(&rows, place, measure)).collect(),
            signals: SignalId::all().map(|id| signal(&rows, id)).collect(),
        }
    }

    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

fn teaches(row: &Row, score: ScoreName) -> bool {
    ScoreName::ALL.into_iter().zip(row.teaches).any(|(known, teaches)| known == score && teaches)
}

fn groups(rows: &[&Row]) -> Vec<Group> {
    let group = |of: String, is_one: &dyn Fn(&Row) -> bool| {
        let rows = || rows.iter().filter(|row| is_one(row));
        let share = |holds: &dyn Fn(&Row) -> bool| {
            Share::new(rows().filter(|row| holds(row)).count() as u64, rows().count() as u64)
        };
        Group {
            of,
            challenged: share(&|row| row.fate == Fate::Challenged),
            denied: share(&|row| row.fate == Fate::Denied),
            explored: share(&|row| row.is_explored),
            reached: share(&|row| row.reached),
        }
    };
    let mut groups = vec![group("good".to_owned(), &|row| !row.bad)];
    let bad =
        ScoreName::ALL.map(|score| group(format!("bad: {}", score.name()), &|row| row.bad && teaches(row, score)));
    groups.extend(bad.into_iter().filter(|group| group.denied.of > 0));
    groups
}

fn of_score(rows: &[&Row], place: usize, measure: Option<ScoreName>) -> OfScore {
    let (mut good, mut bad) = (Spread::default(), Spread::default());
    let mut reliability = Reliability::over(&FINE_ENDS);
    for row in rows.iter().filter(|row| measure.is_none_or(|score| teaches(row, score))) {
        let percent = row.scores[place];
        if row.bad { &mut bad } else { &mut good }.add(percent);
        reliability.add(percent / 100.0, row.bad, row.weight);
    }
    let told = curve(&good, &bad);
    let points = told.points();
    let threshold = |most: f64| {
        let bar = points.iter().take_while(|point| point.false_positives <= most + 1e-12).last();
        let bar = bar.map_or(f64::INFINITY, |point| point.threshold);
        // Without anybody good, any threshold would do.
        let of = if good.total() > 0 { bad.total() } else { 0 };
        Threshold {
            false_positives_at_most: most,
            threshold: (of > 0 && bar.is_finite()).then(|| rounded(percent(bar))),
            recall: Share::new(if of > 0 { bad.from(bar) } else { 0 }, of),
        }
    };
    OfScore {
        score: measure_name(measure).to_owned(),
        bad: bad.total(),
        good: good.total(),
        area: told.area().map(rounded),
        thresholds: FALSE_POSITIVES.map(threshold).into(),
        calibration: calibrated(measure_name(measure), &reliability),
    }
}

fn signal(rows: &[&Row], id: SignalId) -> Signal {
    let count = |holds: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| holds(row)).count() as u64;
    let bad = count(&|row| row.bad && row.fired.contains(id));
    let good = count(&|row| !row.bad && row.fired.contains(id));
    Signal {
        signal: id.name().to_owned(),
        precision: Share::new(bad, bad + good),
        recall: Share::new(bad, count(&|row| row.bad)),
        false_positives: Share::new(good, count(&|row| !row.bad)),
        blind: Share::new(count(&|row| row.blind.contains(id)), rows.len() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A label's record.
    fn label(id: usize, risk: f64, bad: bool, action: &str, enforced: &str) -> String {
        let verdict = if bad { "fraud" } else { "not_fraud" };
        let scores: &[&str] = if bad { &["bot"] } else { &["bot", "account_takeover", "account_abuse"] };
        json!({
            "id": format!("{id:026}"), "at": "2026-11-22T10:00:00.000Z", "event": "$login", "status": "$labelled",
            "risk": risk, "bot": risk, "account_takeover": 3.0, "account_abuse": 2.0,
            "signals": if risk > 50.0 { vec!["tor_exit"] } else { vec![] }, "blind": ["vpn_ip"],
            "policy": { "name": "login", "action": action }, "enforced": enforced,
            "label": { "verdict": verdict, "bad": bad, "as": scores },
        })
        .to_string()
    }

    fn measured(lines: &[String]) -> Labelled {
        let mut sample = Sample::default();
        sample.read(lines.join("\n").as_bytes()).unwrap();
        Labelled::of(&sample, vec!["decisions.jsonl".to_owned()])
    }

    #[test]
    fn what_was_decided_is_measured_by_what_was_said_of_it() {
        let mut lines: Vec<String> =
            (0..90).map(|id| label(id, 2.0 + id as f64 / 10.0, false, "allow", "forwarded")).collect();
        lines.extend((90..100).map(|id| label(id, 60.0, false, "challenge", "monitored:challenge")));
        lines.extend((100..130).map(|id| label(id, 97.0, true, "deny", "denied")));
        lines.extend((130..140).map(|id| label(id, 1.0, true, "allow", "forwarded")));
        let report = measured(&lines);
        assert_eq!((report.labelled, report.decisions, report.unreadable), (140, 0, 0));
        let [good, bad] = &report.groups[..] else { panic!("{:?}", report.groups) };
        assert_eq!(
            (good.of.as_str(), good.challenged, good.reached),
            ("good", Share::new(10, 100), Share::new(100, 100))
        );
        assert_eq!((bad.of.as_str(), bad.denied, bad.reached), ("bad: bot", Share::new(30, 40), Share::new(10, 40)));
        let [risk, bot, takeover, _] = &report.scores[..] else { panic!("{:?}", report.scores) };
        assert_eq!((risk.bad, risk.good, bot.bad, takeover.bad), (40, 100, 40, 0));
        // Of 40 against 100: 30 above all, and 10 below all.
        assert!((risk.area.unwrap() - 0.75).abs() < 1e-3, "{:?}", risk.area);
        assert_eq!(risk.thresholds[0].recall, Share::new(30, 40));
        assert_eq!((takeover.area, takeover.thresholds[1].recall.count), (None, 0));
        assert_eq!(risk.calibration.as_ref().unwrap().attempts, 140);
        let tor = report.signals.iter().find(|signal| signal.signal == "tor_exit").unwrap();
        assert_eq!(
            (tor.precision, tor.recall, tor.false_positives),
            (Share::new(30, 40), Share::new(30, 40), Share::new(10, 100))
        );
        let said = text(&report);
        for wanted in ["140 labelled attempts", "bad: bot", "tor_exit", "75.0 %", "risk"] {
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
        assert_eq!(serde_json::from_str::<serde_json::Value>(&report.json()).unwrap()["labelled"], 140);
    }

    #[test]
    fn what_a_lot_let_pass_was_refused_and_stands_for_many() {
        let mut explored: serde_json::Value =
            serde_json::from_str(&label(1, 95.0, true, "allow", "forwarded")).unwrap();
        explored["explored"] = json!({ "probability": 0.01, "would": "challenge" });
        let report = measured(&[explored.to_string(), label(2, 95.0, false, "allow", "forwarded")]);
        let bad = &report.groups[1];
        assert_eq!((bad.challenged, bad.explored, bad.reached), (Share::new(1, 1), Share::new(1, 1), Share::new(1, 1)));
        let base = report.scores[0].calibration.as_ref().unwrap().base_rate;
        assert!((base - 100.0 / 101.0).abs() < 1e-6, "{base}");
    }

    #[test]
    fn bad_ones_alone_tell_nothing_of_thresholds() {
        let report = measured(&[label(1, 95.0, true, "deny", "denied")]);
        assert_eq!(report.scores[0].thresholds[0].recall, Share::default());
        assert_eq!(report.scores[0].thresholds[0].threshold, None);
        text(&report);
        text(&measured(&[]));
    }
}
