//! What is wrong with a configuration, in the shape a person mends it from: the place, the line itself with a marker,
//! what is wrong, and what to write instead.
//!
//! The report is plain text and looks like a compiler's, because operators know how to read that and editors know how
//! to jump into it. It holds copies of the lines it shows, cut to a readable width, so that it outlives the file and
//! stays small when the file is one line of ten mebibytes.

use super::url;
use serde::Serialize;
use std::fmt;

/// Problems beyond this many are counted, not shown: nobody reads them, and a hostile file must not fill a terminal.
pub const MOST_PROBLEMS: usize = 100;

/// Characters of a line that are shown.
const SNIPPET_WIDTH: usize = 120;

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `routes[1].match.path`; empty for the file as a whole.
    pub path: String,
    /// From 1; 0 where there is no place (the file cannot be read).
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub message: String,
    /// What to write.
    pub help: Option<String>,
    /// The place inside another file that this key names.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub inside: Option<Inside>,
    /// The line, or the part of it around the place.
    pub snippet: String,
    /// First character and number of characters to underline in `snippet`.
    #[serde(skip)]
    marker: (usize, usize),
}

/// A place in a file that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inside {
    pub file: String,
    /// From 1; `None` for the file as a whole.
    pub line: Option<usize>,
}

/// What an operator should know though the configuration is accepted.
pub type Warning = Problem;

/// Everything that is wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The file's name as the operator gave it.
    pub file: String,
    /// In the order of the file.
    pub problems: Vec<Problem>,
    /// Further problems that are not listed.
    pub more: usize,
}

impl Problem {
    /// A problem of the file as a whole.
    pub fn of_file(message: String, help: Option<String>) -> Problem {
        let (path, snippet) = (String::new(), String::new());
        Problem { path, line: 0, column: 0, message, help, inside: None, snippet, marker: (0, 0) }
    }

    /// A problem at bytes `start..end` of the source.
    pub(super) fn at(source: &str, start: usize, end: usize, path: String, message: String) -> Problem {
        let start = floor(source, start);
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        let rest = &source[line_start..];
        let line_text = rest.split(['\n', '\r']).next().unwrap_or_default();
        let column = source[line_start..start].chars().count();
        let length = source[start..floor(source, end.max(start)).min((line_start + line_text.len()).max(start))]
            .chars()
            .take(SNIPPET_WIDTH)
            .count()
            .max(1);
        let (snippet, marker) = snippet(&url::starred(line_text), column, length);
        let line = source.as_bytes()[..line_start].iter().filter(|&&byte| byte == b'\n').count() + 1;
        let message = url::starred(message);
        Problem { path, line, column: column + 1, message, help: None, inside: None, snippet, marker }
    }

    /// The problem as text for a terminal; `level` is `error` or `warning`.
    pub fn render(&self, file: &str, level: &str) -> String {
        let file = printable(file);
        let mut text = format!("{level}: {}\n", printable(&self.message));
        if self.line == 0 {
            text.push_str(&format!("  --> {file}\n"));
        } else {
            let gutter = " ".repeat(self.line.to_string().len());
            let (start, length) = self.marker;
            let at = if self.path.is_empty() { String::new() } else { format!(" ({})", printable(&self.path)) };
            text.push_str(&format!("{gutter} --> {file}:{}:{}{at}\n", self.line, self.column));
            text.push_str(&format!("{gutter} |\n{} | {}\n", self.line, self.snippet));
            text.push_str(&format!("{gutter} | {}{}\n", " ".repeat(start), "^".repeat(length)));
        }
        if let Some(help) = &self.help {
            let mut lines = help.lines().map(printable);
            text.push_str(&format!("  = help: {}\n", lines.next().unwrap_or_default()));
            lines.for_each(|line| text.push_str(&format!("          {line}\n")));
        }
        text
    }
}

/// The part of a line around the place, and where the marker goes in it.
fn snippet(line: &str, column: usize, length: usize) -> (String, (usize, usize)) {
    let before = if column + length.min(SNIPPET_WIDTH / 2) <= SNIPPET_WIDTH { 0 } else { column - SNIPPET_WIDTH / 4 };
    let mut shown: String = line.chars().skip(before).take(SNIPPET_WIDTH).map(visible).collect();
    let mut start = column - before;
    if before > 0 {
        shown.insert_str(0, "...");
        start += 3;
    }
    if line.chars().nth(before + SNIPPET_WIDTH).is_some() {
        shown.push_str("...");
    }
    let room = shown.chars().count().saturating_sub(start).max(1);
    (shown.trim_end().to_owned(), (start, length.min(room)))
}

/// Messages, paths and names of files repeat what somebody wrote.
pub fn printable(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// Control characters would move the marker, or the terminal; those of Unicode's that turn the direction of writing, or
/// are not seen at all, would show another line than the one that is read.
fn visible(character: char) -> char {
    match character {
        '\t' => ' ',
        control if control.is_control() || is_format(control) => '\u{fffd}',
        other => other,
    }
}

/// Characters that are not seen and change how others are.
pub fn is_format(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The nearest character boundary at or below `index`.
fn floor(source: &str, index: usize) -> usize {
    let mut index = index.min(source.len());
    while !source.is_char_boundary(index) {
        index -= 1;
    }
    index
}

impl Report {
    /// A report that says one thing about the whole file.
    pub fn of_file(file: &str, message: String, help: Option<String>) -> Report {
        Report { file: file.to_owned(), problems: vec![Problem::of_file(message, help)], more: 0 }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{}", problem.render(&self.file, "error"))?;
        }
        let file = printable(&self.file);
        match (self.problems.len() + self.more, self.more) {
            (1, _) => writeln!(f, "{file}: 1 problem"),
            (all, 0) => writeln!(f, "{file}: {all} problems"),
            (all, _) => writeln!(f, "{file}: {all} problems, the first {} are shown", self.problems.len()),
        }
    }
}

impl std::error::Error for Report {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_stands_under_the_place() {
        let source = "a: 1\n  grün: falsch\n";
        let at = source.find("falsch").unwrap();
        let problem = Problem::at(source, at, at + 6, "a.grün".into(), "wrong".into());
        assert_eq!((problem.line, problem.column), (2, 9));
        assert_eq!(
            problem.render("f.yaml", "error"),
            "error: wrong\n  --> f.yaml:2:9 (a.grün)\n  |\n2 |   grün: falsch\n  |         ^^^^^^\n"
        );
    }

    #[test]
    fn no_control_character_reaches_the_terminal() {
        let mut problem = Problem::at("a: \u{1b}[2J\tb\n", 3, 7, "\u{1b}".into(), "found `\u{1b}[2J\tb`\n".into());
        problem.help = Some("write `\u{9b}`\nor `\u{7}`".into());
        let text = problem.render("f.yaml", "error");
        assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
        assert_eq!(text.lines().count(), 7, "{text:?}");
    }

    #[test]
    fn what_turns_the_direction_of_writing_is_seen() {
        let source = "a: \u{202e}b\u{200b}\u{2066}c\u{feff}\n";
        let problem = Problem::at(source, 3, 4, String::new(), "\u{202e}".into());
        let text = problem.render("\u{1b}]0;x\u{7}\u{202e}.yaml", "error");
        assert!(!text.chars().any(is_format) && !text.contains(['\u{1b}', '\u{7}']), "{text:?}");
        assert!(problem.snippet.contains("\u{fffd}b\u{fffd}\u{fffd}c"), "{problem:?}");
        let report = Report::of_file("\u{1b}[2J", "gone".into(), None).to_string();
        assert!(!report.contains('\u{1b}'), "{report:?}");
    }

    #[test]
    fn a_password_in_a_line_is_stars_under_the_same_marker() {
        let source = "servers: [\"https://u:hunter2@h/x\", 7]\n";
        let at = source.find('7').unwrap();
        let problem = Problem::at(source, at, at + 1, String::new(), "wrong `https://u:hunter2@h/x`".into());
        assert_eq!(problem.snippet.find('7'), Some(problem.marker.0));
        assert!(!problem.render("f.yaml", "error").contains("hunter2"), "{problem:?}");
        assert!(!serde_json::to_string(&problem).unwrap().contains("hunter2"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let source = format!("{}x{}", "a".repeat(100_000), "b".repeat(100_000));
        let problem = Problem::at(&source, 100_000, 100_001, String::new(), "here".into());
        let (start, length) = problem.marker;
        assert!(problem.snippet.chars().count() <= SNIPPET_WIDTH + 6);
        assert_eq!(problem.snippet.chars().skip(start).take(length).collect::<String>(), "x");
    }

    #[test]
    fn any_byte_of_any_text_can_be_pointed_at() {
        for source in ["", "\n", "ü", "a\r\nü\u{7}b", "\u{feff}a"] {
            for start in 0..=source.len() + 2 {
                for end in 0..=source.len() + 2 {
                    Problem::at(source, start, end, String::new(), "m".into()).render("f", "error");
                }
            }
        }
    }
}
