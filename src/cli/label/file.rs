//! Labels in a file: as CSV, as JSON lines, or ids alone, one a line, where the verdict is the command's.
//!
//! Which of them it is, the first character says. Records of the decision log are JSON lines with an `id`, so that whatever
//! picks lines out of a log (`jq`, `grep`) can hand them on as they are. Everything is read, and every mistake told with its
//! line, before anything is sent.

use crate::attempt_file::within_a_line;
use crate::engine::assessment::ScoreName;
use crate::engine::attempt::AttemptId;
use crate::engine::label::Verdict;
use serde_json::Value;

/// What is said of one attempt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    pub id: String,
    pub verdict: Option<Verdict>,
    pub scores: Vec<ScoreName>,
    pub note: Option<String>,
    pub by: Option<String>,
}

/// Reads them all, or says what is wrong: a line's number and a sentence.
pub fn read(text: &str) -> Result<Vec<Row>, Vec<(usize, String)>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let rows = if text.trim_start().starts_with('{') { json_lines(text) } else { csv(text) };
    let (mut good, mut wrong) = (Vec::new(), Vec::new());
    for (line, row) in rows {
        match row {
            Ok(row) => good.push(row),
            Err(message) => wrong.push((line, message)),
        }
    }
    if wrong.is_empty() { Ok(good) } else { Err(wrong) }
}

type Read = (usize, Result<Row, String>);

fn json_lines(text: &str) -> Vec<Read> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| (number + 1, json_line(line))).collect()
}

fn json_line(line: &str) -> Result<Row, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| format!("is no JSON: {}", within_a_line(&error)))?;
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let scores = match &value["as"] {
        Value::Array(names) => names.iter().map(|name| score(name.as_str().unwrap_or_default())).collect(),
        Value::String(names) => self::scores(names),
        _ => Ok(Vec::new()),
    };
    Ok(Row {
        id: id(value["id"].as_str().ok_or("has no `id`")?)?,
        verdict: text("verdict").map(|name| verdict(&name)).transpose()?,
        scores: scores?,
        note: text("note"),
        by: text("by"),
    })
}

/// The columns that are known, in the order in which they stand without a head.
const COLUMNS: [&str; 5] = ["id", "verdict", "as", "note", "by"];

fn csv(text: &str) -> Vec<Read> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut columns: Vec<&str> = COLUMNS.to_vec();
    let (mut rows, mut first) = (Vec::new(), true);
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line) as usize;
                rows.push((line, Err(format!("is no CSV: {error}"))));
                break;
            }
        };
        let line = record.position().map_or(0, csv::Position::line) as usize;
        if std::mem::take(&mut first) && record.iter().any(|cell| cell.eq_ignore_ascii_case("id")) {
            // Columns that are not known are passed over: whoever exports a table has more of them.
            let known = |cell: &str| COLUMNS.into_iter().find(|known| cell.eq_ignore_ascii_case(known)).unwrap_or("");
            columns = record.iter().map(known).collect();
            continue;
        }
        rows.push((line, csv_line(&columns, &record)));
    }
    rows
}

fn csv_line(columns: &[&str], record: &csv::StringRecord) -> Result<Row, String> {
    let cell = |name: &str| {
        let at = columns.iter().position(|column| *column == name)?;
        record.get(at).filter(|cell| !cell.is_empty())
    };
    Ok(Row {
        id: id(cell("id").ok_or("has no id")?)?,
        verdict: cell("verdict").map(verdict).transpose()?,
        scores: cell("as").map_or(Ok(Vec::new()), scores)?,
        note: cell("note").map(str::to_owned),
        by: cell("by").map(str::to_owned),
    })
}

fn id(text: &str) -> Result<String, String> {
    match AttemptId::parse(text) {
        Some(id) => Ok(id.to_string()),
        None => Err(format!("`{}` is not an attempt's id, which has 26 letters and digits", shown(text))),
    }
}

fn verdict(name: &str) -> Result<Verdict, String> {
    let wrong = || format!("`{}` is none of `right`, `wrong`, `fraud`, `not_fraud`", shown(name));
    Verdict::parse(name).ok_or_else(wrong)
}

/// Several names, with spaces or commas between them.
pub fn scores(names: &str) -> Result<Vec<ScoreName>, String> {
    names.split([' ', ',', '+']).filter(|name| !name.is_empty()).map(score).collect()
}

fn score(name: &str) -> Result<ScoreName, String> {
    let wrong = || format!("`{}` is none of `bot`, `account_takeover`, `account_abuse`", shown(name));
    ScoreName::parse(name).ok_or_else(wrong)
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ScoreName::{AccountTakeover, Bot};
    use proptest::prelude::*;

    const ID: &str = "01M80RNQF5FH9989N3B2DKH2F1";

    fn row(verdict: Option<Verdict>, scores: &[ScoreName], note: Option<&str>) -> Row {
        Row { id: ID.into(), verdict, scores: scores.to_vec(), note: note.map(str::to_owned), by: None }
    }

    #[test]
    fn every_way_of_writing_says_the_same() {
        let expected = row(Some(Verdict::Fraud), &[Bot, AccountTakeover], Some("a, b"));
        for text in [
            format!("{ID},fraud,bot account_takeover,\"a, b\"\n"),
            format!("\u{feff}when,Verdict,ID,note,as\nnow,fraud,{ID},\"a, b\",\"bot,account_takeover\"\n"),
            format!(
                "{{\"id\":\"{ID}\",\"verdict\":\"fraud\",\"as\":[\"bot\",\"account_takeover\"],\"note\":\"a, b\"}}\n\n"
            ),
            format!(
                "{{\"verdict\":\"fraud\",\"id\":\"{}\",\"as\":\"bot+account_takeover\",\"note\":\"a, b\"}}",
                ID.to_lowercase()
            ),
        ] {
            assert_eq!(read(&text), Ok(vec![expected.clone()]), "{text}");
        }
        assert_eq!(read(&format!("{ID}\n{ID}\n")).unwrap(), [row(None, &[], None), row(None, &[], None)]);
        assert_eq!(read(&format!("id,verdict\n{ID},not-fraud")).unwrap(), [row(Some(Verdict::NotFraud), &[], None)]);
        let record = format!("{{\"id\":\"{ID}\",\"status\":\"$attempted\",\"risk\":3}}");
        assert_eq!(read(&record).unwrap(), [row(None, &[], None)], "a record of the log");
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let wrong = read(&format!("id,verdict,as\n{ID},fraud,\nnobody,fraud\n{ID},maybe\n{ID},fraud,robot\n,fraud\n"));
        let wrong = wrong.unwrap_err();
        assert_eq!(wrong.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert!(wrong[0].1.contains("nobody") && wrong[1].1.contains("maybe") && wrong[2].1.contains("robot"));
        let wrong = read(&format!("{{\"id\":\"{ID}\"}}\n{{\n{{\"id\":3}}\n")).unwrap_err();
        assert_eq!(wrong.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3]);
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(text in "\\PC{0,80}", lines in "[{}\",a-z0-9\n:]{0,80}") {
            let _ = read(&text);
            let _ = read(&lines);
        }
    }
}
