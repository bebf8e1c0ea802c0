//! What can be wrong with an attempt file, in sentences that name the file, the line, and what to do.

use super::{LONGEST_LINE, MOST_HEADERS};
use crate::engine::time::Timestamp;
use std::fmt;
use std::io;

/// What is wrong with a file, and where.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct AttemptFileError {
    pub file: String,
    /// From 1.
    pub line: u64,
    pub problem: LineProblem,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineProblem {
    #[error("cannot be read: {0}")]
    Io(io::Error),
    #[error("is longer than {} KiB, the most that is read", LONGEST_LINE / 1024)]
    TooLong,
    #[error("{0}")]
    Json(NoAttempt),
    #[error("has {0} headers; {MOST_HEADERS} are the most")]
    Headers(usize),
    #[error("is of {1}, before the line above it, of {0}: attempts must be in time order (sort them by `t`)")]
    Disordered(Timestamp, Timestamp),
}

/// A line that is no attempt.
#[derive(Debug)]
pub struct NoAttempt {
    error: serde_json::Error,
    /// What it looks like instead.
    hint: Option<&'static str>,
}

impl LineProblem {
    pub(super) fn json(line: &[u8], error: serde_json::Error) -> LineProblem {
        let looks_like: [(&[u8], &str); 4] = [
            (b"\xef\xbb\xbf", "it begins with a byte order mark: save the file without one"),
            (b"\x1f\x8b", "it is compressed with gzip: unpack it first"),
            (b"\x28\xb5\x2f\xfd", "it is compressed with zstd: unpack it first"),
            (
                b"{\"id\":",
                "it looks like a decision record, of which nothing can be played: `tollgate evaluate --labels` measures those that \
                 are labelled",
            ),
        ];
        let hint = looks_like.iter().find(|(start, _)| line.starts_with(start)).map(|(_, hint)| *hint);
        LineProblem::Json(NoAttempt { error, hint })
    }
}

/// What is wrong with the JSON of one line. Its reader counts lines within what it was given, of which there is always one.
pub fn within_a_line(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let (what, _) = said.rsplit_once(" at line ").unwrap_or((&said, ""));
    match error.column() {
        0 => what.to_owned(),
        column => format!("{what} (column {column})"),
    }
}

impl fmt::Display for NoAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&within_a_line(&self.error))?;
        self.hint.map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}
