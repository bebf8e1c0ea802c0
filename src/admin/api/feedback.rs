//! Feedback: what whoever knows better says of an attempt, kept as a further record of it.
//!
//! A call says one thing or a thousand. What is malformed refuses the whole call, for then its sender has a fault; an
//! attempt of which nothing is kept is told and does not keep the others from being labelled, for then only its records
//! are gone. Saying the same again changes nothing, so that a program may repeat a call of which it does not know whether it
//! arrived. One call at a time is worked on, the others wait: what was said before is read, and then something is said.

use super::Resource;
use super::attempts::Attempts;
use super::call::Call;
use super::endpoint::{Answer, Answering, Audit, Body, Endpoint, Reply, Verb, of};
use super::problem::{Kind, Problem};
use crate::engine::assessment::ScoreName;
use crate::engine::attempt::AttemptId;
use crate::engine::label::Verdict;
use crate::engine::time::Timestamp;
use crate::events::labels::{Known, Label, Labelled, STATUS};
use crate::gateway::gate::Gate;
use crate::lists::line;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

/// Where the command asks.
pub const FEEDBACK: &str = "/api/v1/feedback";
/// Most labels of one call.
pub const MOST_LABELS: usize = 1000;
/// Longest note, and longest name of who says so, in characters.
const LONGEST_NOTE: usize = 200;
const LONGEST_BY: usize = 64;
/// How long the log's writer is waited for, so that what is said to be kept is.
const FLUSH: Duration = Duration::from_secs(5);
/// Most mistakes that are told.
const MOST_TOLD: usize = 20;

pub const RESOURCE: Resource = Resource {
    name: "feedback",
    summary: "What is known of attempts afterwards: labels.",
    endpoints: &[Endpoint {
        verb: Verb::Post,
        path: FEEDBACK,
        summary: "Say what an attempt really was.",
        details: "One label, or up to 1000 as `labels`. `right` and `wrong` are about the decision, `fraud` and `not_fraud` \
                  about the attempt. A label is a further record of the attempt (`$labelled`) and carries what the decision was \
                  made from, so that `tollgate tune` can learn from it when the attempt's own records are gone. The same \
                  again changes nothing; another one supersedes, and the one before stays as history. If anything is malformed, \
                  nothing is changed; an attempt of which nothing is kept is told as `unknown`.",
        audit: Audit::Changes,
        parameters: &[],
        body: Body::Json { schema: of::<Feedback>, most: 512 * 1024 },
        answer: Answer { status: 200, summary: "What became of each.", schema: of::<Told> },
        problems: &[Kind::NotFound, Kind::Invalid],
        handle: feedback,
    }],
};

/// One label, or several.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "it is read as one or the other, so that a mistake is told of the one that was meant")]
enum Feedback {
    One(NewLabel),
    Several(NewLabels),
}

/// Several labels.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewLabels {
    #[schemars(length(min = 1, max = 1000))]
    labels: Vec<NewLabel>,
}

/// What is said of one attempt.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewLabel {
    /// The attempt: the `id` of its records, the `X-Tollgate-Decision` that the application got.
    #[schemars(regex(pattern = "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$"))]
    id: String,
    /// `right` or `wrong` (the decision was), `fraud` or `not_fraud` (the attempt was).
    #[schemars(extend("enum" = ["right", "wrong", "fraud", "not_fraud"]))]
    verdict: String,
    /// The scores that it is about. Without it: of a good attempt all; of a refusal that was right those that argued for it;
    /// else `account_abuse` for registrations and checkouts, and `account_takeover` for everything else.
    #[serde(default, rename = "as")]
    #[schemars(length(max = 3), inner(regex(pattern = "^(bot|account_takeover|account_abuse)$")))]
    scores: Vec<String>,
    /// One line for people, at most 200 characters. Names nobody who must not be found here.
    #[serde(default)]
    note: String,
    /// Who says so, as they call themselves.
    #[serde(default)]
    by: String,
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
struct Told {
    /// In the order of the call.
    results: Vec<Became>,
    /// How many were written down, the changed ones included.
    labelled: usize,
    /// Whether they outlive this process: only with a `decision_log`, and only once that is written.
    kept: bool,
}

/// What became of one label.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LabelResult")]
struct Became {
    id: String,
    /// `labelled`, `changed` (something else had been said), `unchanged` (the same had), `unknown` (nothing is kept of this
    /// attempt).
    result: &'static str,
    /// What had been said before, if that no longer holds.
    instead_of: Option<&'static str>,
    /// What was said: which scores it teaches, and whether the attempt was bad.
    label: Option<LabelShown>,
}

/// What was said of an attempt.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LabelShown {
    /// When it was said.
    at: String,
    /// `right`, `wrong`, `fraud` or `not_fraud`.
    verdict: String,
    /// Whether the attempt was bad.
    bad: bool,
    /// The scores that it teaches.
    r#as: Vec<String>,
    note: String,
    by: String,
}

impl LabelShown {
    /// `None` of what is no label's record.
    pub(super) fn of(record: &Value) -> Option<LabelShown> {
        let label = record.get("label").filter(|_| record["status"] == STATUS)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Some(LabelShown {
            at: text(&record["at"]),
            verdict: text(&label["verdict"]),
            bad: label["bad"] == true,
            r#as: label["as"].as_array().into_iter().flatten().map(text).collect(),
            note: text(&label["note"]),
            by: text(&label["by"]),
        })
    }
}

fn feedback(call: Call) -> Answering {
    Box::pin(async move {
        let labels = read(&call)?;
        let _turn = call.api.labelling.lock().await;
        let (gate, at) = (call.api.gate.clone(), call.at);
        let told = tokio::task::spawn_blocking(move || say(&gate, labels, at)).await;
        let (told, not_read) = told.map_err(|error| Problem::failed(&error))??;
        let unknown = told.results.iter().filter(|result| result.result == "unknown").count();
        call.note("labels", told.results.len());
        call.note("labelled", told.labelled);
        if let [only] = &told.results[..] {
            call.note("attempt", only.id.as_str());
            call.note("verdict", only.label.as_ref().map(|label| label.verdict.clone()));
        }
        if unknown == told.results.len() {
            let detail = match (call.api.gate.sinks.log().is_some(), not_read.is_empty()) {
                (false, _) => {
                    "no record of this attempt is kept: without a `decision_log` only the newest are, in memory, and those of \
                     this process"
                }
                (true, true) => {
                    "no record of this attempt is in memory, in the decision log or in its rotated files; in a fleet, the \
                     gate that judged it has them"
                }
                (true, false) => {
                    "no record of this attempt is in memory, in the decision log or in its rotated files; compressed files \
                     are not read: unpack the one that has it beside the log, and say it again"
                }
            };
            let unknown: Vec<&str> = told.results.iter().map(|result| result.id.as_str()).collect();
            return Err(Problem::new(Kind::NotFound, detail).with("unknown", unknown).with("not_read", not_read));
        }
        Reply::json(200, &told)
    })
}

/// What the body says, or all that is wrong with it.
fn read(call: &Call) -> Result<Vec<(AttemptId, Label)>, Problem> {
    let body: Value = call.json()?;
    let labels = match body.get("labels") {
        Some(_) => call.json::<NewLabels>()?.labels,
        None => vec![call.json::<NewLabel>()?],
    };
    if labels.is_empty() || labels.len() > MOST_LABELS {
        let detail = format!("`labels` has {}: send 1 to {MOST_LABELS} at once", labels.len());
        return Err(Problem::new(Kind::Invalid, detail));
    }
    let (mut good, mut wrong) = (Vec::with_capacity(labels.len()), Vec::new());
    for (index, label) in labels.into_iter().enumerate() {
        match checked(&label) {
            Ok(label) => good.push(label),
            Err(message) => wrong.push(json!({ "index": index, "message": message })),
        }
    }
    match wrong.first() {
        None => Ok(good),
        Some(first) => {
            let said = first["message"].as_str().unwrap_or_default();
            let detail = match wrong.len() {
                1 => said.to_owned(),
                some => format!("{said} (and {} more mistakes)", some - 1),
            };
            wrong.truncate(MOST_TOLD);
            Err(Problem::new(Kind::Invalid, detail).with("labels", wrong))
        }
    }
}

fn checked(new: &NewLabel) -> Result<(AttemptId, Label), String> {
    let shown = |text: &str| text.chars().take(40).collect::<String>().escape_debug().to_string();
    let id = AttemptId::parse(&new.id)
        .ok_or_else(|| format!("`id`: `{}` is not an attempt's id, which has 26 letters and digits", shown(&new.id)))?;
    let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.name() == new.verdict);
    let verdict = verdict.ok_or_else(|| {
        format!("`verdict`: `{}` is none of `right`, `wrong`, `fraud`, `not_fraud`", shown(&new.verdict))
    })?;
    let mut scores = Vec::new();
    for name in &new.scores {
        let score = ScoreName::parse(name)
            .ok_or_else(|| format!("`as`: `{}` is none of `bot`, `account_takeover`, `account_abuse`", shown(name)))?;
        if !scores.contains(&score) {
            scores.push(score);
        }
    }
    scores.sort_unstable();
    for (name, text, most) in [("note", &new.note, LONGEST_NOTE), ("by", &new.by, LONGEST_BY)] {
        if text.chars().count() > most {
            return Err(format!("`{name}` is longer than {most} characters"));
        }
    }
    let (note, by) = (line::cleaned(&new.note), line::cleaned(&new.by));
    Ok((id, Label { verdict, scores, note, by }))
}

/// Writes the labels down, one after the other. Beside what was done: the files that were not read.
fn say(gate: &Gate, labels: Vec<(AttemptId, Label)>, at: Timestamp) -> Result<(Told, Vec<String>), Problem> {
    let ids: HashSet<AttemptId> = labels.iter().map(|(id, _)| *id).collect();
    let mut attempts = Attempts::find(&gate.sinks, &ids).map_err(|error| Problem::failed(&error))?;
    let mut told = Told { results: Vec::with_capacity(labels.len()), labelled: 0, kept: false };
    for (id, label) in labels {
        let id = id.to_string();
        let mut result = Became { id, result: "unknown", instead_of: None, label: None };
        if let Some(records) = attempts.records.get_mut(&result.id)
            && let Some(known) = Known::of(records)
        {
            let action = known.action().map(str::to_owned);
            match known.say(&label, at) {
                Labelled::Same => {
                    result.result = "unchanged";
                    result.label = known.label.and_then(LabelShown::of);
                }
                Labelled::Written { record, instead_of } => {
                    gate.sinks.send(&record.to_string());
                    gate.metrics.labelled(label.verdict, action.as_deref());
                    told.labelled += 1;
                    result.result = if instead_of.is_some() { "changed" } else { "labelled" };
                    result.instead_of = instead_of.map(Verdict::name);
                    result.label = LabelShown::of(&record);
                    // What comes later in the same call is said after this.
                    records.push(record);
                }
            }
        }
        told.results.push(result);
    }
    told.kept = gate.sinks.log().is_some_and(|log| log.flush(FLUSH));
    Ok((told, attempts.not_read))
}
