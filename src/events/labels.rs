//! Labels: what was said of an attempt afterwards, as a further record of it.
//!
//! The decision log is only ever appended to, so a label is a record of the same id and of the status `$labelled`; the
//! newest holds, and the ones before it are its history. It comes weeks after the attempt (a customer complains, a bank
//! charges back), when the attempt's own records have been rotated away and compressed. So it carries the decision that it
//! is about: what fired, with what evidence, what was blind, what each signal added, and what the policy made of it. That is
//! all that anybody needs to learn from it. What only tells where the attempt came from (client, device, request) stays
//! behind: a label is kept for longer than anybody may want to keep an address.
//!
//! Everything here is about lines of JSON, because what is labelled may have been written by an earlier version; what it
//! said beyond what is known here goes along.

use crate::engine::assessment::ScoreName;
use crate::engine::label::Verdict;
use crate::engine::time::Timestamp;
use serde_json::{Map, Value, json};

/// The status of a label's record.
pub const STATUS: &str = "$labelled";
/// What a label does not take over from the record that it is about.
const LEFT_BEHIND: [&str; 7] = ["id", "at", "status", "client", "device", "request", "latency_us"];

/// What is to be said of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub verdict: Verdict,
    /// The scores that it teaches; empty: what [`Verdict::taught`] says.
    pub scores: Vec<ScoreName>,
    /// One line for people. Names nobody who must not be found here.
    pub note: String,
    /// Who says so, as they call themselves.
    pub by: String,
}

/// What became of a label.
#[derive(Clone, Debug, PartialEq)]
pub enum Labelled {
    /// It is what was said before: nothing is written.
    Same,
    /// To be written. `instead_of`: what was said before, and no longer holds.
    Written { record: Value, instead_of: Option<Verdict> },
}

/// An attempt, by its records, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct Known<'r> {
    /// The judgement that decided in the end; without one, what was written when it could not be judged.
    decision: &'r Value,
    /// What the application answered, as published.
    outcome: Option<&'r str>,
    /// That it was let pass by lot: said at the first judgement, and true for what is learnt from the second.
    explored: Option<&'r Value>,
    /// The newest label's record.
    pub label: Option<&'r Value>,
}

impl<'r> Known<'r> {
    /// `None`: none of these records is a decision.
    pub fn of(records: &'r [Value]) -> Option<Known<'r>> {
        let status = |record: &'r Value| record["status"].as_str().unwrap_or_default();
        let newest = records.iter().rev();
        let judged = newest.clone().find(|r| r["contributions"].is_object() && status(r) != STATUS);
        let decision = judged.or_else(|| records.iter().find(|r| status(r) == "$attempted"))?;
        let outcome = newest.clone().map(status).find(|status| ![STATUS, "$attempted", ""].contains(status));
        let explored = newest.clone().find_map(|record| record.get("explored")).filter(|explored| explored.is_object());
        let label = newest.clone().find(|record| status(record) == STATUS);
        Some(Known { decision, outcome, explored, label })
    }

    /// What the policy said, as published; `None` if the attempt was never judged.
    pub fn action(&self) -> Option<&'r str> {
        self.decision["policy"]["action"].as_str()
    }

    /// Whether the gate stood, or would have stood, in the attempt's way.
    fn refused(&self) -> bool {
        match self.action() {
            Some(action) => action != "allow",
            None => self.decision["enforced"].as_str().is_some_and(|enforced| enforced.starts_with("refused")),
        }
    }

    /// The record that says so of this attempt.
    pub fn say(&self, label: &Label, at: Timestamp) -> Labelled {
        let refused = self.refused();
        let event = self.decision["event"].as_str().unwrap_or_default();
        let scores = match label.scores.is_empty() {
            true => label.verdict.taught(refused, event, scores(self.decision)),
            false => label.scores.clone(),
        };
        let before = self.label.and_then(Said::of);
        let said = Said { verdict: label.verdict, bad: label.verdict.is_bad(refused), scores };
        if let (Some(before), Some(record)) = (&before, self.label)
            && *before == said
            && record["label"]["note"].as_str().unwrap_or_default() == label.note
        {
            return Labelled::Same;
        }
        let mut record = Map::new();
        record.insert("id".to_owned(), self.decision["id"].clone());
        record.insert("at".to_owned(), json!(at));
        record.insert("event".to_owned(), self.decision["event"].clone());
        record.insert("status".to_owned(), json!(STATUS));
        for (key, value) in self.decision.as_object().into_iter().flatten() {
            if !LEFT_BEHIND.contains(&key.as_str()) && !["event", "outcome", "label"].contains(&key.as_str()) {
                record.insert(key.clone(), value.clone());
            }
        }
        if let Some(explored) = self.explored {
            record.insert("explored".to_owned(), explored.clone());
        }
        let instead_of = before.map(|before| before.verdict);
        let label = json!({
            "verdict": said.verdict.name(),
            "bad": said.bad,
            "as": said.scores.iter().map(|score| score.name()).collect::<Vec<_>>(),
            "note": label.note,
            "by": label.by,
            "decided_at": self.decision["at"],
            "outcome": self.outcome,
            "instead_of": instead_of.map(Verdict::name),
        });
        record.insert("label".to_owned(), label);
        Labelled::Written { record: Value::Object(record), instead_of }
    }
}

/// What a label's record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub verdict: Verdict,
    pub bad: bool,
    /// The scores that it teaches.
    pub scores: Vec<ScoreName>,
}

impl Said {
    /// `None` of what is no label's record.
    pub fn of(record: &Value) -> Option<Said> {
        let label = record.get("label").filter(|_| record["status"] == STATUS)?;
        let scores = label["as"].as_array().into_iter().flatten();
        Some(Said {
            verdict: Verdict::parse(label["verdict"].as_str()?)?,
            bad: label["bad"].as_bool()?,
            scores: scores.filter_map(|name| ScoreName::parse(name.as_str()?)).collect(),
        })
    }
}

/// The three scores of a record, in percent.
fn scores(record: &Value) -> Option<[f64; 3]> {
    let [bot, takeover, abuse] = ScoreName::ALL.map(|score| record[score.name()].as_f64());
    Some([bot?, takeover?, abuse?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_338_000_000);

    fn decision(action: &str) -> Value {
        json!({
            "id": "01", "at": "2026-11-22T01:02:03.456Z", "event": "$login", "status": "$attempted", "moment": "before",
            "product": "shop", "route": "sign-in", "risk": 93.7, "account_abuse": 4.7, "account_takeover": 3.9, "bot": 93.1,
            "signals": ["http_client_library"], "blind": ["vpn_ip"],
            "evidence": { "http_client_library": { "name": "curl" } },
            "contributions": { "bot": { "intercept": -3.1, "http_client_library": 4.5 } },
            "policy": { "name": "login", "rule": "robots", "action": action }, "enforced": "challenged", "mode": "enforce",
            "user": { "user_id": "d4", "email_domain": null }, "client": { "country": "US" },
            "device": { "ip": "203.0.113.7" }, "request": { "path": "/login" }, "latency_us": 3, "later": { "a": 1 },
        })
    }

    fn label(verdict: Verdict) -> Label {
        Label { verdict, scores: Vec::new(), note: "called us".into(), by: "anna".into() }
    }

    fn written(records: &[Value], label: &Label) -> Value {
        match Known::of(records).unwrap().say(label, NOW) {
            Labelled::Written { record, .. } => record,
            Labelled::Same => panic!("nothing was written"),
        }
    }

    #[test]
    fn a_label_carries_the_decision_and_not_where_it_came_from() {
        let outcome = json!({ "id": "01", "at": "x", "event": "$login", "status": "$succeeded", "moment": "after" });
        let record = written(&[decision("challenge"), outcome], &label(Verdict::Right));
        let head =
            r#"{"id":"01","at":"2026-11-22T09:00:00.000Z","event":"$login","status":"$labelled","moment":"before","#;
        assert!(record.to_string().starts_with(head), "{record}");
        for kept in ["signals", "blind", "evidence", "contributions", "policy", "user", "risk", "later", "enforced"] {
            assert_eq!(record[kept], decision("challenge")[kept], "{kept}");
        }
        for gone in ["client", "device", "request", "latency_us"] {
            assert_eq!(record.get(gone), None, "{gone}");
        }
        assert_eq!(
            record["label"],
            json!({
                "verdict": "right", "bad": true, "as": ["bot"], "note": "called us", "by": "anna",
                "decided_at": "2026-11-22T01:02:03.456Z", "outcome": "$succeeded", "instead_of": null,
            })
        );
    }

    #[test]
    fn the_last_judgement_is_the_one_that_is_meant() {
        let mut second = decision("deny");
        second["status"] = json!("$succeeded");
        second["moment"] = json!("after");
        let records = [decision("allow"), second];
        let known = Known::of(&records).unwrap();
        assert_eq!((known.action(), known.outcome), (Some("deny"), Some("$succeeded")));
        let lot = json!({ "probability": 0.01, "would": "challenge" });
        let mut first = decision("challenge");
        first["explored"] = lot.clone();
        let records = [first, records[1].clone()];
        assert_eq!(written(&records, &label(Verdict::Wrong))["explored"], lot, "what the first record said holds");
        assert_eq!(written(&records, &label(Verdict::Wrong))["label"]["bad"], false);
    }

    #[test]
    fn the_same_again_writes_nothing_and_another_supersedes() {
        let mut records = vec![decision("allow")];
        records.push(written(&records, &label(Verdict::Fraud)));
        assert_eq!(Known::of(&records).unwrap().say(&label(Verdict::Fraud), NOW), Labelled::Same);
        let by_bert = Label { by: "bert".into(), ..label(Verdict::Fraud) };
        assert_eq!(Known::of(&records).unwrap().say(&by_bert, NOW), Labelled::Same, "whoever says it");
        let as_robot = Label { scores: vec![ScoreName::Bot], ..label(Verdict::Fraud) };
        let other = written(&records, &as_robot);
        assert_eq!((&other["label"]["instead_of"], &other["label"]["as"]), (&json!("fraud"), &json!(["bot"])));
        records.push(other);
        let back = written(&records, &label(Verdict::NotFraud));
        assert_eq!((&back["label"]["bad"], &back["label"]["instead_of"]), (&json!(false), &json!("fraud")));
        assert_eq!(back["label"]["as"], json!(["bot", "account_takeover", "account_abuse"]));
        assert_eq!(back["policy"], records[0]["policy"], "it is about the decision, not about the label before it");
        assert_eq!(
            Said::of(&back),
            Some(Said { verdict: Verdict::NotFraud, bad: false, scores: ScoreName::ALL.to_vec() })
        );
        assert_eq!(Said::of(&records[0]), None);
    }

    #[test]
    fn what_could_not_be_judged_can_be_labelled_and_what_is_no_attempt_cannot() {
        let refused =
            json!({ "id": "01", "at": "x", "event": "$login", "status": "$attempted", "enforced": "refused:framing" });
        let record = written(std::slice::from_ref(&refused), &label(Verdict::Wrong));
        assert_eq!((&record["label"]["bad"], record.get("signals")), (&json!(false), None));
        assert!(Known::of(&[]).is_none());
        assert!(Known::of(&[json!({ "id": "01", "status": "$failed" })]).is_none());
    }
}
