//! Reading the operator's line files. One rule for all of them: one entry a line, blank lines and `#` comments are
//! skipped, and a file with a wrong line is refused whole. Half a block list taken in silence is worse than an error:
//! nobody would look for the other half.

use crate::lists::line;
use std::fmt;
use std::path::Path;

/// What is wrong with one of the operator's files or lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntelProblem {
    /// The file as configured, or the key (`lists.blocked`) for entries in the configuration itself.
    pub file: Box<str>,
    /// From 1; `None` when the file as a whole is meant.
    pub line: Option<usize>,
    pub message: String,
}

impl fmt::Display for IntelProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for IntelProblem {}

impl IntelProblem {
    pub(super) fn of_file(path: &Path, message: impl Into<String>) -> IntelProblem {
        IntelProblem { file: path.to_string_lossy().into(), line: None, message: message.into() }
    }
}

/// A binary handed over by mistake has a problem on every line; nobody reads more than these.
const MOST_PROBLEMS: usize = 20;

/// Reads a file and hands each entry to `take`, which says what is wrong with it. All problems are collected.
pub(super) fn read(path: &Path, problems: &mut Vec<IntelProblem>, mut take: impl FnMut(&str) -> Result<(), String>) {
    read_lines(path, problems, |line| match line::parts(line) {
        ("", _) => Ok(()),
        (entry, _) => take(entry),
    });
}

/// As [`read`], of whole lines with their comments.
pub(super) fn read_lines(path: &Path, problems: &mut Vec<IntelProblem>, take: impl FnMut(&str) -> Result<(), String>) {
    match std::fs::read(path) {
        Err(error) => problems.push(IntelProblem::of_file(path, format!("cannot be read: {error}"))),
        Ok(bytes) => match std::str::from_utf8(&bytes) {
            Err(error) => {
                let line = 1 + memchr::memchr_iter(b'\n', bytes.get(..error.valid_up_to()).unwrap_or_default()).count();
                problems.push(IntelProblem {
                    line: Some(line),
                    ..IntelProblem::of_file(path, "is not UTF-8 text".to_owned())
                });
            }
            Ok(text) => parse(&path.to_string_lossy(), text, problems, take),
        },
    }
}

fn parse(file: &str, text: &str, problems: &mut Vec<IntelProblem>, mut take: impl FnMut(&str) -> Result<(), String>) {
    let mut wrong = 0;
    for (number, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
        if let Err(message) = take(line) {
            wrong += 1;
            if wrong <= MOST_PROBLEMS {
                problems.push(IntelProblem { file: file.into(), line: Some(number + 1), message });
            }
        }
    }
    if wrong > MOST_PROBLEMS {
        let message = format!("{} more lines are wrong", wrong - MOST_PROBLEMS);
        problems.push(IntelProblem { file: file.into(), line: None, message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_carry_their_line_and_are_not_endless() {
        let mut problems = Vec::new();
        let text = format!("\u{feff}good\r\n# note\r\nbad\r\n{}", "bad\n".repeat(30));
        let mut good = 0;
        parse("list.txt", &text, &mut problems, |line| {
            if line.starts_with('#') {
                Ok(())
            } else if line == "good" {
                good += 1;
                Ok(())
            } else {
                Err("is bad".to_owned())
            }
        });
        assert_eq!(good, 1);
        assert_eq!(problems[0].to_string(), "list.txt:3: is bad");
        assert_eq!(problems.len(), MOST_PROBLEMS + 1);
        assert_eq!(problems[MOST_PROBLEMS].to_string(), "list.txt: 11 more lines are wrong");
    }

    #[test]
    fn what_is_not_text_is_one_problem() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"one\ntwo\n\xff\xfe").unwrap();
        let mut problems = Vec::new();
        read(file.path(), &mut problems, |_| Ok(()));
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].line, Some(3));
    }
}
