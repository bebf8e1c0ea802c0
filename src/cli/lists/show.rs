//! What is on lists, as a table, as JSON, or in the grammar of their files.

use super::{asked, path, print};
use crate::cli::asking::Gate;
use crate::engine::time::Timestamp;
use crate::lists::line as grammar;
use serde_json::{Value, json};
use std::io::Write;

/// Entries that are asked for at once.
const PAGE: usize = 10_000;

/// All lists.
pub fn all(gate: &Gate, as_json: bool) -> Result<(), u8> {
    let overview = asked(gate, "GET", "/api/v1/lists", None)?;
    if as_json {
        print(&format!("{:#}\n", overview));
        return Ok(());
    }
    let mut rows = vec![["list", "effect", "of", "in file", "added", "file"].map(str::to_owned)];
    for list in overview["lists"].as_array().into_iter().flatten() {
        let text = |key: &str| list[key].as_str().unwrap_or_default().to_owned();
        let file = match list["configured"] == json!(false) {
            true => "(no longer in the configuration: matches nobody)".to_owned(),
            false => text("file"),
        };
        rows.push([
            text("name"),
            text("effect"),
            text("of"),
            list["filed"].to_string(),
            list["added"].to_string(),
            file,
        ]);
    }
    print(&table(&rows));
    print(&format!(
        "room for {} more\n",
        overview["most"].as_u64().unwrap_or(0).saturating_sub(overview["added"].as_u64().unwrap_or(0))
    ));
    if overview["known"] == json!(false) {
        let said = "what was added is not known: this gate has not reached its store since it started";
        let _ = writeln!(std::io::stderr(), "tollgate: {said}");
    }
    Ok(())
}

/// What is on one list.
pub fn one(gate: &Gate, list: &str, added: bool, as_json: bool) -> Result<(), u8> {
    if as_json {
        let mut entries = Vec::new();
        each(gate, list, added, |page| entries.extend(page.iter().cloned()))?;
        print(&format!("{:#}\n", json!({ "list": list, "entries": entries })));
        return Ok(());
    }
    let mut any = false;
    each(gate, list, added, |page| {
        any |= !page.is_empty();
        print(&page.iter().map(|shown| format!("{}\n", line(shown))).collect::<String>());
    })?;
    if !any {
        let _ = writeln!(std::io::stderr(), "nothing is on {list}");
    }
    Ok(())
}

/// What was added to a list, as lines that can be read again.
pub fn export(gate: &Gate, list: &str, all: bool) -> Result<(), u8> {
    each(gate, list, !all, |page| {
        let lines =
            page.iter().filter(|shown| shown["over"] != json!(true)).map(|shown| format!("{}\n", written(shown)));
        print(&lines.collect::<String>());
    })
}

/// Shows a list to `take`, page by page.
fn each(gate: &Gate, list: &str, added: bool, mut take: impl FnMut(&[Value])) -> Result<(), u8> {
    let mut cursor = String::new();
    loop {
        let source = if added { "added" } else { "all" };
        let page = asked(gate, "GET", &format!("{}?limit={PAGE}&source={source}{cursor}", path(list)), None)?;
        take(page["entries"].as_array().map_or(&[][..], Vec::as_slice));
        let Some(next) = page["next"].as_str() else { return Ok(()) };
        cursor = format!("&cursor={}", percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC));
    }
}

/// In the grammar of a list's file.
fn written(shown: &Value) -> String {
    let text = |key: &str| shown[key].as_str().unwrap_or_default();
    grammar::write(text("entry"), shown["until"].as_str().and_then(Timestamp::parse), text("reason"))
}

/// One entry for people: as a line of the file, and behind it where it is from.
pub fn line(shown: &Value) -> String {
    let text = |key: &str| shown[key].as_str().unwrap_or_default();
    let from = match text("source") {
        "file" => format!("file, line {}", shown["line"]),
        "config" => "configuration".to_owned(),
        _ => {
            let by = if text("by").is_empty() { String::new() } else { format!(" by {}", text("by")) };
            let times = shown["times"].as_u64().filter(|times| *times > 1);
            let times = times.map_or_else(String::new, |times| format!(", {times} times in a row"));
            format!("added {}{by}{times}", short(text("added")))
        }
    };
    let over = if shown["over"] == json!(true) { ", over" } else { "" };
    format!("{}  [{from}{over}]", written(shown))
}

/// To the second.
fn short(at: &str) -> String {
    at.get(..19).map_or_else(|| at.to_owned(), |second| format!("{second}Z"))
}

/// Columns as wide as what is in them.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_told_with_where_they_are_from() {
        let added = json!({
            "entry": "203.0.113.0/24", "of": "ip", "source": "added", "line": null, "reason": "scraped us",
            "until": "2026-12-01T00:00:00.000Z", "over": false, "added": "2026-11-22T09:00:00.123Z", "by": "anna", "times": 0,
        });
        assert_eq!(
            line(&added),
            "203.0.113.0/24  until=2026-12-01T00:00:00.000Z  # scraped us  [added 2026-11-22T09:00:00Z by anna]"
        );
        assert_eq!(written(&added), "203.0.113.0/24  until=2026-12-01T00:00:00.000Z  # scraped us");
        let filed =
            json!({ "entry": "AS64500", "source": "file", "line": 7, "reason": "", "until": null, "over": true });
        assert_eq!(line(&filed), "AS64500  [file, line 7, over]");
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [["list", "of"], ["blocked", "ip"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "list     of\nblocked  ip\n");
    }
}
