//! A file of entries, read whole before any of it is sent, and sent in parts.

use super::{asked, by, complain, complain_in_lines, path, print, tell_if_not_kept};
use crate::cli::asking::Running;
use crate::cli::check::CONFIGURATION;
use crate::cli::progress::Progress;
use crate::cli::{FAILED, USAGE};
use crate::config::printable;
use crate::gateway::lists::{AnyNames, read};
use crate::lists::{ListOf, line};
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;

/// Largest file that is read.
const LARGEST: u64 = 1 << 30;
/// Bytes of lines that are sent at once.
const PART: usize = 512 * 1024;
/// Most wrong lines that are told.
const MOST_WRONG: usize = 20;

/// Puts every entry of a file on a list.
pub fn import(running: &Running, list: &str, file: &Path, dry_run: bool) -> Result<(), u8> {
    let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
    let bytes = bytes(file).map_err(|error| complain(FAILED, &format!("{name}: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| complain(CONFIGURATION, &format!("{name}: is not UTF-8 text")))?;
    if text.len() as u64 > LARGEST {
        return Err(complain(USAGE, &format!("{name}: is larger than {} GiB: cut it into parts", LARGEST >> 30)));
    }
    let gate = running.find()?;
    // What the list is of, the gate knows best.
    let overview = asked(&gate, "GET", "/api/v1/lists", None)?;
    let lists = overview["lists"].as_array();
    let of =
        lists.into_iter().flatten().find(|known| known["name"] == json!(list) && known["configured"] != json!(false));
    if let Some(of) = of {
        // `banned` holds several kinds, and is read as it says.
        let of = of["of"].as_str().and_then(ListOf::by_name).unwrap_or(ListOf::Ip);
        check(list, of, &text, &name)?;
    }
    let parts = parts(&text);
    // A file of several parts is tried whole before its first part is carried out.
    let rounds: &[bool] = match (dry_run, parts.len()) {
        (true, _) => &[true],
        (false, 2..) => &[true, false],
        (false, _) => &[false],
    };
    let mut sums = Sums::default();
    for dry in rounds {
        sums = Sums::default();
        let progress = Progress::of(format!("{} {name}", if *dry { "trying" } else { "importing" }));
        for (before, part) in &parts {
            let body = json!({ "text": part, "before": before, "dry_run": dry, "by": by() });
            sums.add(&asked(&gate, "POST", &format!("{}/import", path(list)), Some(&body))?);
            if *dry && !sums.fit(&overview) {
                drop(progress);
                let said = "there is no room for all of it: raise `limits.list_entries`, or take entries away; nothing was changed";
                return Err(complain(FAILED, said));
            }
        }
        drop(progress);
    }
    print(&sums.said(list, dry_run));
    if let (false, Some(last)) = (dry_run, &sums.last) {
        tell_if_not_kept(last);
    }
    Ok(())
}

fn bytes(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match file == Path::new("-") {
        true => std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)?,
        false => std::fs::File::open(file)?.take(LARGEST + 1).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// Tells every line that is no entry.
fn check(list: &str, of: ListOf, text: &str, name: &str) -> Result<(), u8> {
    let (mut said, mut wrong) = (String::new(), 0usize);
    for (number, text) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
        let fault = match line::read(text) {
            Ok(Some(line)) => read(list, of, line.entry, &AnyNames).err(),
            Ok(None) => None,
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault {
            wrong += 1;
            if wrong <= MOST_WRONG {
                said += &format!("{name}:{}: {}\n", number + 1, printable(&fault.to_string()));
            }
        }
    }
    if wrong == 0 {
        return Ok(());
    }
    if wrong > MOST_WRONG {
        said += &format!("{name}: {} more lines are wrong\n", wrong - MOST_WRONG);
    }
    Err(complain_in_lines(CONFIGURATION, &format!("{said}nothing was imported")))
}

/// The text cut at line ends, each part with the number of lines before it.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let (mut parts, mut rest, mut before) = (Vec::new(), text, 0);
    while !rest.is_empty() {
        let most = (0..=PART.min(rest.len())).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
        // A line that is longer than a part is one.
        let end = rest[..most].rfind('\n').or_else(|| rest.find('\n')).map_or(rest.len(), |end| end + 1);
        let end = if rest.len() <= PART { rest.len() } else { end };
        let (part, next) = rest.split_at(end);
        parts.push((before, part));
        before += part.lines().count();
        rest = next;
    }
    parts
}

/// What all parts did together.
#[derive(Default)]
struct Sums {
    added: u64,
    replaced: u64,
    unchanged: u64,
    over: u64,
    last: Option<Value>,
}

impl Sums {
    fn add(&mut self, part: &Value) {
        let number = |key: &str| part[key].as_u64().unwrap_or(0);
        self.added += number("added");
        self.replaced += number("replaced");
        self.unchanged += number("unchanged");
        self.over += number("over");
        self.last = Some(part.clone());
    }

    /// Whether there is room for what would be added, as far as it is known.
    fn fit(&self, overview: &Value) -> bool {
        let number = |key: &str| overview[key].as_u64().unwrap_or(u64::MAX);
        self.added <= number("most").saturating_sub(number("added"))
    }

    fn said(&self, list: &str, dry_run: bool) -> String {
        let Sums { added, replaced, unchanged, over, .. } = self;
        let would = if dry_run { "would be " } else { "" };
        let mut said = format!("{added} {would}added to {list}, {replaced} {would}replaced, {unchanged} there already");
        if *over > 0 {
            said += &format!(", {over} left out: their end is in the past");
        }
        said + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_line_ends_and_nothing_is_lost() {
        let long = "x".repeat(PART + 10);
        for text in [
            String::new(),
            "a\nb".to_owned(),
            "203.0.113.7  # scraped us\n".repeat(60_000),
            "ü".repeat(PART),
            format!("a\n{long}\nb\n"),
            format!("{}\n{long}", "a\n".repeat(PART / 2)),
        ] {
            let parts = parts(&text);
            assert_eq!(parts.iter().map(|(_, part)| *part).collect::<String>(), text);
            let mut lines = 0;
            for (place, (before, part)) in parts.iter().enumerate() {
                assert_eq!(*before, lines);
                assert!(part.ends_with('\n') || place + 1 == parts.len());
                lines += part.lines().count();
            }
            assert_eq!(lines, text.lines().count());
        }
    }

    #[test]
    fn wrong_lines_are_told_before_anything_is_sent() {
        assert_eq!(check("mine", ListOf::Ip, "# all\n192.0.2.1\n192.0.2.0/24 until=2026-12-01 # x\n", "f"), Ok(()));
        assert_eq!(check("mine", ListOf::Ip, "192.0.2.1\nbob\n", "f"), Err(CONFIGURATION));
        assert_eq!(check("banned", ListOf::Ip, "hash:00112233445566778899aabbccddeeff\n", "f"), Ok(()));
    }
}
