//! `tollgate label ID`: says what an attempt really was, or shows what was said of it.
//!
//! The running gate writes it down, since the records are its own: it knows whether there is such an attempt, and what it
//! is called by afterwards is in its log and in its metrics.

pub(super) mod file;

use self::file::Row;
use super::asking::{Answered, Gate, Running};
use super::check::CONFIGURATION;
use super::progress::Progress;
use super::{FAILED, FINE, USAGE, output};
use crate::admin::api::FEEDBACK;
use crate::config;
use crate::engine::label::Verdict;
use crate::lists::line;
use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Say what an attempt really was, for `tune` to learn from and `evaluate --labels` to measure by; or, without a verdict, show what was said of it.
/// The id is in the attempt's records, on the page of a refusal, and in the header that the application gets.
#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("verdict"),
    after_help = "Needs what `tollgate reload` needs, and a `decision_log` to be kept. The same again changes nothing; another \
                  verdict supersedes, and the one before stays as history.\n\nA file is CSV (id,verdict,as,note,by, with or \
                  without a head), JSON lines with these keys, or ids alone; records of the decision log are such lines.\n\n\
                  Exit codes: 0 all are labelled, 1 of some attempt nothing is kept or the gate could not be asked, 64 wrong \
                  usage, 78 a mistake in the configuration or in the file.\n\nExamples:\n  \
                  tollgate label 01M80RNQF5FH9989N3B2DKH2F1 --wrong --note \"a customer on the phone\"\n  \
                  tollgate label 01M80RNQF5FH9989N3B2DKH2F1 --fraud --as account_takeover\n  \
                  tollgate label 01M80RNQF5FH9989N3B2DKH2F1\n  \
                  tollgate label --file chargebacks.csv --fraud --as account_abuse"
)]
pub struct Options {
    /// Attempts.
    #[arg(value_name = "ID", required_unless_present = "file")]
    ids: Vec<String>,
    /// The decision was right: what was refused or challenged deserved it, what was let pass deserved that.
    #[arg(long, group = "verdict")]
    right: bool,
    /// The decision was wrong.
    #[arg(long, group = "verdict")]
    wrong: bool,
    /// The attempt was fraud, whatever was decided.
    #[arg(long, group = "verdict")]
    fraud: bool,
    /// The attempt was no fraud.
    #[arg(long, group = "verdict")]
    not_fraud: bool,
    /// The scores that this is about: bot, account_takeover, account_abuse; several with commas. Without it: of a good attempt
    /// all, of a refusal that was right those that argued for it, else account_abuse for registrations and checkouts and
    /// account_takeover for everything else.
    #[arg(long = "as", value_name = "SCORES")]
    scores: Option<String>,
    /// One line for people, at most 200 characters. Names nobody who must not be found in the log.
    #[arg(long)]
    note: Option<String>,
    /// Who says so; without it whoever types this, as the system calls them.
    #[arg(long)]
    by: Option<String>,
    /// Attempts from a file, each with its own verdict or with this one; `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "ids")]
    file: Option<PathBuf>,
    /// One JSON object instead of text for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    running: Running,
}

/// Largest file that is read.
const LARGEST: u64 = 256 << 20;
/// Labels that are sent at once.
const PART: usize = 400;
/// Most labels that are told one by one, and most wrong lines.
const MOST_TOLD: usize = 20;

/// Does it, and returns the exit code.
pub fn label(options: &Options) -> u8 {
    match labelled(options) {
        Ok(code) | Err(code) => code,
    }
}

fn labelled(options: &Options) -> Result<u8, u8> {
    let rows = match &options.file {
        Some(path) => from_file(path)?,
        None => {
            let text = options.ids.join("\n");
            let told = |(_, message): &(usize, String)| message.clone();
            file::read(&text)
                .map_err(|wrong| complain(USAGE, &wrong.iter().map(told).collect::<Vec<_>>().join("\n")))?
        }
    };
    let own = options.verdict();
    let scores = options.scores.as_deref().map(file::scores).transpose();
    let scores = scores.map_err(|wrong| complain(USAGE, &format!("--as: {wrong}")))?.unwrap_or_default();
    if options.file.is_none() && own.is_none() {
        if options.scores.is_some() || options.note.is_some() {
            return Err(complain(USAGE, "say --right, --wrong, --fraud or --not-fraud; without one, labels are shown"));
        }
        return show(&options.running.find()?, &rows, options.json);
    }
    let by = options.by.clone().unwrap_or_else(user);
    let mut labels = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let Some(verdict) = row.verdict.or(own) else {
            let said = format!("{} has no verdict, and neither has the command: say --fraud, for example", row.id);
            let place = options
                .file
                .as_ref()
                .map_or_else(String::new, |file| format!("{}: row {}: ", file.display(), number + 1));
            return Err(complain(CONFIGURATION, &format!("{place}{said}")));
        };
        let scores = if row.scores.is_empty() { &scores } else { &row.scores };
        labels.push(json!({
            "id": row.id, "verdict": verdict.name(), "as": scores.iter().map(|score| score.name()).collect::<Vec<_>>(),
            "note": row.note.as_deref().or(options.note.as_deref()).unwrap_or_default(), "by": row.by.as_deref().unwrap_or(&by),
        }));
    }
    send(&options.running.find()?, &labels, options.json)
}

impl Options {
    fn verdict(&self) -> Option<Verdict> {
        let said = [self.right, self.wrong, self.fraud, self.not_fraud];
        Verdict::ALL.into_iter().zip(said).find(|(_, said)| *said).map(|(verdict, _)| verdict)
    }
}

fn from_file(path: &Path) -> Result<Vec<Row>, u8> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let mut text = String::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().lock().take(LARGEST + 1).read_to_string(&mut text),
        false => std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text)),
    };
    read.map_err(|error| complain(FAILED, &format!("{name}: {error}")))?;
    if text.len() as u64 > LARGEST {
        return Err(complain(USAGE, &format!("{name}: is larger than {} MiB: cut it into parts", LARGEST >> 20)));
    }
    file::read(&text).map_err(|wrong| {
        let mut said = String::new();
        for (line, message) in wrong.iter().take(MOST_TOLD) {
            said += &format!("{name}:{line}: {message}\n");
        }
        if wrong.len() > MOST_TOLD {
            said += &format!("{name}: {} more lines are wrong\n", wrong.len() - MOST_TOLD);
        }
        complain(CONFIGURATION, &format!("{said}nothing was labelled"))
    })
}

/// Sends them in parts. An attempt of which nothing is kept keeps no other from being labelled.
fn send(gate: &Gate, labels: &[Value], as_json: bool) -> Result<u8, u8> {
    let (mut results, mut kept, mut why) = (Vec::new(), true, None);
    let progress = (labels.len() > PART).then(|| Progress::of(format!("labelling {} attempts", labels.len())));
    for part in labels.chunks(PART) {
        let answered = gate.ask("POST", FEEDBACK, Some(&json!({ "labels": part })))?;
        let answer = answered.json();
        match answered.status {
            200 => {
                results.extend(answer["results"].as_array().into_iter().flatten().cloned());
                kept &= answer["kept"] == true;
            }
            404 if answer["unknown"].is_array() => {
                why = answer["detail"].as_str().map(str::to_owned);
                let unknown = answer["unknown"].as_array().into_iter().flatten();
                results.extend(unknown.map(|id| json!({ "id": id, "result": "unknown" })));
            }
            _ => return Err(refused(&answered)),
        }
    }
    drop(progress);
    let count = |result: &str| results.iter().filter(|one| one["result"] == result).count();
    let unknown = count("unknown");
    if as_json {
        print(&format!("{}\n", json!({ "results": results, "kept": kept })));
    } else {
        let shown = if results.len() <= MOST_TOLD { &results[..] } else { &[] };
        let mut said: String = shown.iter().map(|result| format!("{}\n", told(result))).collect();
        if results.len() > 1 {
            let words = ["labelled", "changed", "unchanged", "unknown"];
            let parts: Vec<String> = words
                .into_iter()
                .filter(|word| count(word) > 0)
                .map(|word| format!("{} {word}", count(word)))
                .collect();
            said += &format!("{}\n", parts.join(", "));
        }
        print(&said);
    }
    if unknown > 0 {
        let why = why.unwrap_or_else(|| "of what is unknown, no record is kept".to_owned());
        complain(FAILED, &why);
    }
    if !kept && count("labelled") + count("changed") > 0 {
        let _ = writeln!(
            std::io::stderr(),
            "note: a restart of the gate forgets this: the configuration has no `decision_log`, where it would be kept, or \
             that cannot be written"
        );
    }
    Ok(if unknown == 0 { FINE } else { FAILED })
}

/// What became of one label.
fn told(result: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (id, became) = (text(&result["id"]), text(&result["result"]));
    let said = said(&result["label"]);
    match (became.as_str(), result["instead_of"].as_str()) {
        ("unknown", _) => format!("{id}  unknown"),
        ("changed", Some(before)) => format!("{id}  {said}, instead of {before}"),
        ("unchanged", _) => format!("{id}  {said}, as before"),
        _ => format!("{id}  {said}"),
    }
}

/// `fraud (bad: bot, account_takeover)`.
fn said(label: &Value) -> String {
    let scores: Vec<&str> = label["as"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let truth = if label["bad"] == true { "bad" } else { "good" };
    format!("{} ({truth}: {})", label["verdict"].as_str().unwrap_or_default(), scores.join(", "))
}

/// Shows what was said of attempts, with what was said before.
fn show(gate: &Gate, rows: &[Row], as_json: bool) -> Result<u8, u8> {
    let (mut all, mut text, mut code) = (Vec::new(), String::new(), FINE);
    for Row { id, .. } in rows {
        let answered = gate.ask("GET", &format!("/api/v1/decisions/{id}"), None)?;
        let answer = answered.json();
        match answered.status {
            200 => {}
            404 => {
                code = FAILED;
                text += &format!("{id}  unknown: no record of it is kept\n");
                all.push(json!({ "id": id, "result": "unknown" }));
                continue;
            }
            _ => return Err(answered.complain()),
        }
        let records = answer["records"].as_array().into_iter().flatten();
        let labels: Vec<&Value> = records.filter(|record| record["label"].is_object()).collect();
        if labels.is_empty() {
            text += &format!("{id}  nothing was said of it\n");
        }
        for (place, record) in labels.iter().rev().enumerate() {
            let label = &record["label"];
            let note = label["note"].as_str().filter(|note| !note.is_empty());
            let note = note.map(|note| format!(": {}", config::printable(note))).unwrap_or_default();
            let by = label["by"].as_str().filter(|by| !by.is_empty());
            let by = by.map(|by| format!(" by {}", config::printable(by))).unwrap_or_default();
            let before = if place == 0 { "" } else { "before that, " };
            let at = record["at"].as_str().unwrap_or_default();
            text += &format!("{id}  {before}{}, {at}{by}{note}\n", said(label));
        }
        let labels: Vec<Value> = labels
            .iter()
            .map(|record| {
                let mut label = record["label"].clone();
                label["at"] = record["at"].clone();
                label
            })
            .collect();
        all.push(json!({ "id": id, "label": answer["label"], "history": labels }));
    }
    print(&if as_json { format!("{}\n", json!(all)) } else { text });
    Ok(code)
}

/// Says what was refused: the gate's sentence, and what is wrong with each label.
fn refused(answered: &Answered) -> u8 {
    let problem = answered.json();
    let wrong = problem["labels"].as_array().into_iter().flatten();
    let said: Vec<&str> = wrong.filter_map(|one| one["message"].as_str()).collect();
    if said.is_empty() {
        return answered.complain();
    }
    complain(FAILED, &format!("{}\nnothing of this part was labelled", said.join("\n")))
}

fn complain(code: u8, said: &str) -> u8 {
    let lines: Vec<String> = said.lines().map(config::printable).collect();
    let _ = writeln!(std::io::stderr(), "tollgate: {}", lines.join("\n  "));
    code
}

/// What was done is done, whether or not it can be told.
fn print(text: &str) {
    let _ = output::print(text);
}

/// Who types this, as the system calls them.
fn user() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    line::cleaned(&name.unwrap_or_default()).chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_label_is_one_line() {
        let label = json!({ "verdict": "fraud", "bad": true, "as": ["bot", "account_takeover"] });
        for (result, expected) in [
            (json!({ "id": "01", "result": "labelled", "label": label }), "01  fraud (bad: bot, account_takeover)"),
            (
                json!({ "id": "01", "result": "changed", "instead_of": "right", "label": label }),
                "01  fraud (bad: bot, account_takeover), instead of right",
            ),
            (
                json!({ "id": "01", "result": "unchanged", "label": label }),
                "01  fraud (bad: bot, account_takeover), as before",
            ),
            (json!({ "id": "01", "result": "unknown" }), "01  unknown"),
        ] {
            assert_eq!(told(&result), expected);
        }
    }
}
