//! From records to what can be learnt from: labelled attempts as rows, and beside them what they were chosen from.
//!
//! Decision logs are read once, line by line, and only labels are kept; everything else is counted. A label carries its
//! decision, so the log in which that stood may be gone; then the counts are about the files that are here, and say so by
//! being small. Of several labels of one attempt the newest holds, whatever the order of the files.

use crate::engine::assessment::ScoreName;
use crate::engine::signals::{SignalSet, find};
use crate::engine::time::Timestamp;
use crate::events::labels::{STATUS, Said};
use serde_json::Value;
use siphasher::sip::SipHasher13;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::Hasher;
use std::io::{self, BufRead};

/// A longer line is no record.
const LONGEST_LINE: u64 = 1 << 20;
/// The upper ends of the bands of `risk` in which decisions and labels are counted: those of severity.
pub const BANDS: [f64; 4] = [40.0, 60.0, 80.0, f64::INFINITY];

/// One labelled attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The same for all attempts on one account: they are held out together, or none of them is.
    pub group: u64,
    pub fired: SignalSet,
    pub blind: SignalSet,
    pub bad: bool,
    /// By place in [`ScoreName::ALL`]: whether it is an example, or a counter-example, of that score.
    pub teaches: [bool; 3],
    /// How many attempts it stands for: one, or the inverse of the chance with which exploration let it pass.
    pub weight: f64,
    /// In percent, as recorded: `risk`, then by place in [`ScoreName::ALL`].
    pub scores: [f64; 4],
    /// What the policy said; of one that was let pass by lot what it would have said.
    pub fate: Fate,
    pub is_explored: bool,
    /// Whether the application saw it.
    pub reached: bool,
    /// The band of its risk.
    band: usize,
    at: Timestamp,
}

/// What a policy does with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Allowed,
    Challenged,
    Denied,
}

/// Attempts in these files, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The application saw them.
    pub reached: u64,
    /// They were stopped before it, and have no outcome.
    pub challenged: u64,
    pub denied: u64,
    /// Of those that reached it: let pass by exploration.
    pub explored: u64,
}

impl Traffic {
    pub fn all(&self) -> u64 {
        self.reached + self.challenged + self.denied
    }
}

/// What was read.
#[derive(Debug, Default)]
pub struct Sample {
    rows: BTreeMap<String, Row>,
    pub traffic: Traffic,
    /// First decisions by band of risk.
    pub decisions: [u64; 4],
    /// Lines that are no JSON object with an id.
    pub unreadable: u64,
    /// Labels of attempts that were never scored.
    pub unscored: u64,
}

impl Sample {
    /// Reads records, one JSON object a line.
    pub fn read(&mut self, mut lines: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = io::Read::take(&mut lines, LONGEST_LINE).read_until(b'\n', &mut line)? as u64;
            if length == 0 {
                return Ok(());
            }
            if length == LONGEST_LINE && !line.ends_with(b"\n") {
                self.unreadable += 1;
                lines.skip_until(b'\n')?;
                continue;
            }
            self.line(line.trim_ascii());
        }
    }

    fn line(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        // Outcomes without a judgement are half of a log, and teach nothing.
        let wanted = |what: &[u8]| memchr::memmem::find(line, what).is_some();
        if !wanted(b"\"$attempted\"")
            && !wanted(STATUS.as_bytes())
            && line.starts_with(b"{\"id\":\"")
            && line.ends_with(b"}")
        {
            return;
        }
        let record = serde_json::from_slice::<Value>(line).ok().filter(|record| record["id"].is_string());
        match record {
            Some(record) => self.record(&record),
            None => self.unreadable += 1,
        }
    }

    fn record(&mut self, record: &Value) {
        if let Some(said) = Said::of(record) {
            match Row::of(record, &said) {
                Some(row) => self.label(record["id"].as_str().unwrap_or_default(), row),
                None => self.unscored += 1,
            }
        } else if record["status"] == "$attempted"
            && let Some(risk) = record["risk"].as_f64()
        {
            self.decisions[band(risk)] += 1;
            match enforced(record) {
                Fate::Challenged => self.traffic.challenged += 1,
                Fate::Denied => self.traffic.denied += 1,
                Fate::Allowed => self.traffic.reached += 1,
            }
            self.traffic.explored += u64::from(explored(record).is_some());
        }
    }

    fn label(&mut self, id: &str, row: Row) {
        match self.rows.entry(id.to_owned()) {
            Entry::Vacant(entry) => drop(entry.insert(row)),
            // Of the same instant, the one that comes later in a file.
            Entry::Occupied(mut entry) if entry.get().at <= row.at => drop(entry.insert(row)),
            Entry::Occupied(_) => {}
        }
    }

    /// The labelled attempts, oldest first: ids sort by time.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// How many attempts are labelled, by band of risk.
    pub fn labelled(&self) -> [u64; 4] {
        let mut counts = [0; 4];
        self.rows.values().for_each(|row| counts[row.band] += 1);
        counts
    }
}

impl Row {
    /// `None`: the attempt was never scored.
    fn of(record: &Value, said: &Said) -> Option<Row> {
        let signals = |key: &str| -> Option<SignalSet> {
            let mut set = SignalSet::default();
            // What this version does not know, it has no weight for.
            let names = record[key].as_array()?.iter().filter_map(Value::as_str);
            names.filter_map(find).for_each(|id| set.insert(id));
            Some(set)
        };
        let id = record["id"].as_str()?;
        // An account that was forgotten is no account.
        let user = record["user"]["user_id"].as_str().filter(|user| !user.starts_with('-'));
        let percent = |name: &str| record[name].as_f64().filter(|score| (0.0..=100.0).contains(score));
        let [bot, takeover, abuse] = ScoreName::ALL.map(|score| percent(score.name()));
        let scores = [percent("risk")?, bot?, takeover?, abuse?];
        let explored = explored(record);
        let ruled = explored.and(record["explored"]["would"].as_str()).or(record["policy"]["action"].as_str());
        let mut hasher = SipHasher13::new();
        hasher.write(user.unwrap_or(id).as_bytes());
        Some(Row {
            group: hasher.finish(),
            fired: signals("signals")?,
            blind: signals("blind")?,
            bad: said.bad,
            teaches: ScoreName::ALL.map(|score| said.scores.contains(&score)),
            weight: explored.map_or(1.0, |probability| 1.0 / probability),
            fate: match ruled {
                Some("challenge") => Fate::Challenged,
                Some("deny") => Fate::Denied,
                _ => Fate::Allowed,
            },
            is_explored: explored.is_some(),
            reached: enforced(record) == Fate::Allowed,
            band: band(scores[0]),
            scores,
            at: record["at"].as_str().and_then(Timestamp::parse).unwrap_or_default(),
        })
    }
}

/// What was done with it: one whose answer was held counts as let pass, since the application saw it.
fn enforced(record: &Value) -> Fate {
    match record["enforced"].as_str() {
        Some("challenged") => Fate::Challenged,
        Some("denied") => Fate::Denied,
        _ => Fate::Allowed,
    }
}

/// With which chance exploration let it pass, if it did.
fn explored(record: &Value) -> Option<f64> {
    // Nobody writes one that is smaller; were it nought, one row would be everything.
    record["explored"]["probability"].as_f64().filter(|probability| (1e-4..=1.0).contains(probability))
}

fn band(risk: f64) -> usize {
    BANDS.iter().position(|end| risk < *end).unwrap_or(BANDS.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn decision(id: &str, risk: f64, enforced: &str) -> String {
        let record = json!({
            "id": id, "at": "2026-11-22T09:00:00.000Z", "event": "$login", "status": "$attempted", "risk": risk,
            "signals": [], "blind": [], "enforced": enforced,
        });
        record.to_string()
    }

    fn label(id: &str, at: &str, user: &str, bad: bool, scores: &[&str]) -> Value {
        json!({
            "id": id, "at": at, "event": "$login", "status": "$labelled", "risk": 70.0,
            "bot": 69.0, "account_takeover": 4.0, "account_abuse": 3.0,
            "signals": ["tor_exit", "of_a_later_version"], "blind": ["vpn_ip"], "enforced": "forwarded",
            "user": { "user_id": user },
            "label": { "verdict": if bad { "fraud" } else { "not_fraud" }, "bad": bad, "as": scores },
        })
    }

    fn read(lines: &[String]) -> Sample {
        let mut sample = Sample::default();
        sample.read(lines.join("\n").as_bytes()).unwrap();
        sample
    }

    #[test]
    fn a_log_is_counted_and_its_labels_are_rows() {
        let mut explored = label("02", "2026-11-22T10:00:00.000Z", "b", false, &["bot"]);
        explored["explored"] = json!({ "probability": 0.01, "would": "challenge" });
        let lines = [
            decision("01", 10.0, "forwarded"),
            r#"{"id":"01","at":"x","event":"$login","status":"$failed","moment":"after"}"#.to_owned(),
            decision("02", 70.0, "challenged"),
            decision("03", 99.0, "denied"),
            decision("04", 50.0, "monitored:deny"),
            label("01", "2026-11-22T10:00:00.000Z", "a", true, &["account_takeover"]).to_string(),
            explored.to_string(),
            "no record".to_owned(),
            r#"{"id":"06","at":"x","ev"#.to_owned(),
            String::new(),
            "x".repeat(3 << 20),
            r#"{"id":"05","at":"x","status":"$labelled","label":{"verdict":"wrong","bad":true,"as":["bot"]}}"#
                .to_owned(),
        ];
        let sample = read(&lines);
        assert_eq!(sample.traffic, Traffic { reached: 2, challenged: 1, denied: 1, explored: 0 });
        assert_eq!((sample.decisions, sample.labelled()), ([1, 1, 1, 1], [0, 0, 2, 0]));
        assert_eq!((sample.unreadable, sample.unscored), (3, 1));
        let bad = sample.rows().find(|row| row.bad).unwrap();
        assert_eq!(bad.fired.names().collect::<Vec<_>>(), ["tor_exit"]);
        assert_eq!(bad.blind.names().collect::<Vec<_>>(), ["vpn_ip"]);
        assert_eq!((bad.teaches, bad.weight), ([false, true, false], 1.0));
        assert_eq!(sample.rows().find(|row| !row.bad).unwrap().weight, 100.0);
    }

    #[test]
    fn the_newest_label_holds_whatever_the_order_of_files_and_an_account_is_one_group() {
        let old = label("01", "2026-11-22T10:00:00.000Z", "a", true, &["bot"]).to_string();
        let new = label("01", "2026-11-23T10:00:00.000Z", "a", false, &["bot"]).to_string();
        let other = label("02", "2026-11-23T10:00:00.000Z", "a", true, &["bot"]).to_string();
        for order in [[&old, &new, &other], [&new, &other, &old]] {
            let sample = read(&order.map(String::clone));
            let rows: Vec<&Row> = sample.rows().collect();
            assert_eq!((rows.len(), rows.iter().filter(|row| row.bad).count()), (2, 1));
            assert_eq!(rows[0].group, rows[1].group);
        }
        let forgotten = "-".repeat(32);
        let of = |id| label(id, "2026-11-23T10:00:00.000Z", &forgotten, true, &["bot"]).to_string();
        let sample = read(&[of("03"), of("04")]);
        let groups: Vec<u64> = sample.rows().map(|row| row.group).collect();
        assert_ne!(groups[0], groups[1], "those who were forgotten are not one person");
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..200_usize) {
            let mut sample = Sample::default();
            sample.read(&bytes[..]).unwrap();
            let line = label("01", "x", "a", true, &["bot"]).to_string();
            sample.read(&line.as_bytes()[..cut.min(line.len())]).unwrap();
        }
    }
}
