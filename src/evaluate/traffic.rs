//! Several attempt files as one traffic, in time order; and how long it is, before any of it is played.
//!
//! Each file is in order by itself (its reader sees to that), so the next attempt is the earliest of the next ones: one line
//! of each file is in memory, however long they are, and the few that are read [together](TOGETHER). Of two at the same
//! millisecond the file that was named first goes first.

use crate::attempt_file::{AttemptFileError, Attempts, LONGEST_LINE, LabelledAttempt};
use crate::engine::time::Timestamp;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Stands for standard input.
pub const STANDARD_INPUT: &str = "-";

/// Why the traffic cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    #[error("{0}: {1}")]
    Io(String, io::Error),
    #[error(transparent)]
    Attempt(#[from] AttemptFileError),
}

/// How many attempts are read at once. All that a single attempt goes through is more code than a core keeps at hand, so
/// that each step by itself, for one attempt after another, is done in less time than step after step for each.
const TOGETHER: usize = 16;

/// See the module.
pub struct Traffic {
    files: Vec<Next>,
    /// The file, of several, whose line was read last: the next one is looked at when it is needed, so that what is wrong
    /// with it is told after this one.
    read: Option<usize>,
}

/// Room for the lines that are read together.
#[derive(Default)]
pub struct Lines([Line; TOGETHER]);

#[derive(Default)]
struct Line {
    file: usize,
    number: u64,
    text: Vec<u8>,
}

struct Next {
    attempts: Attempts<BufReader<Box<dyn Read>>>,
    name: String,
    /// When its next attempt came; none at its end. Of a file that is alone nobody asks.
    next: Option<Timestamp>,
}

/// The next attempt, and where it stands.
pub struct Arrival<'t> {
    pub attempt: LabelledAttempt<'t>,
    /// Number of the file, from 0.
    pub file: usize,
    pub line: u64,
}

/// Attempts that were read together.
pub struct Together<'t> {
    /// None: there are no more.
    pub arrivals: Vec<Arrival<'t>>,
    /// What is wrong with the line after the last of them.
    pub wrong: Option<TrafficError>,
}

impl Traffic {
    pub fn open(paths: &[PathBuf]) -> Result<Traffic, TrafficError> {
        let open = |path: &PathBuf| {
            let name = name_of(path);
            let input: Box<dyn Read> = match path.as_os_str() == STANDARD_INPUT {
                true => Box::new(io::stdin()),
                false => Box::new(File::open(path).map_err(|error| TrafficError::Io(name.clone(), error))?),
            };
            // So much as a core keeps at hand: what is read is used at once.
            let attempts = Attempts::new(name.clone(), BufReader::with_capacity(1 << 17, input));
            Ok(Next { attempts, name, next: None })
        };
        let mut files: Vec<Next> = paths.iter().map(open).collect::<Result<_, TrafficError>>()?;
        if files.len() > 1 {
            files.iter_mut().try_for_each(Next::look_ahead)?;
        }
        Ok(Traffic { files, read: None })
    }

    /// The earliest attempts that were not read yet. They borrow from the lines, over which the next call reads.
    pub fn read<'l>(&mut self, lines: &'l mut Lines) -> Together<'l> {
        let (mut count, mut wrong) = (0, None);
        for line in &mut lines.0 {
            match self.read_line(line) {
                Ok(true) => count += 1,
                Ok(false) => break,
                Err(error) => {
                    wrong = Some(error);
                    break;
                }
            }
        }
        let mut arrivals = Vec::with_capacity(count);
        for Line { file, number, text } in &lines.0[..count] {
            match self.files[*file].attempts.attempt_of(*number, text) {
                Ok(attempt) => arrivals.push(Arrival { attempt, file: *file, line: *number }),
                Err(error) => return Together { arrivals, wrong: Some(error.into()) },
            }
        }
        Together { arrivals, wrong }
    }

    /// Reads the line of the earliest attempt; false at the end.
    fn read_line(&mut self, line: &mut Line) -> Result<bool, TrafficError> {
        let Traffic { files, read } = self;
        let file = match &mut files[..] {
            [alone] => {
                if !alone.attempts.advance()? {
                    return Ok(false);
                }
                0
            }
            several => {
                if let Some(last) = read.take() {
                    several[last].look_ahead()?;
                }
                let waiting = several.iter().enumerate().filter_map(|(file, next)| Some((next.next?, file)));
                let Some((_, file)) = waiting.min() else { return Ok(false) };
                *read = Some(file);
                file
            }
        };
        let attempts = &mut files[file].attempts;
        attempts.exchange(&mut line.text);
        (line.file, line.number) = (file, attempts.line());
        Ok(true)
    }

    /// What messages call a file.
    pub fn name(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |next| &next.name)
    }
}

impl Next {
    fn look_ahead(&mut self) -> Result<(), AttemptFileError> {
        self.next = if self.attempts.advance()? { Some(self.attempts.time()?) } else { None };
        Ok(())
    }
}

fn name_of(path: &Path) -> String {
    match path.as_os_str() == STANDARD_INPUT {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}

/// When the first and the last attempt of all files came; none if there is none. Only the ends of the files are read.
pub fn span(paths: &[PathBuf]) -> Result<Option<(Timestamp, Timestamp)>, TrafficError> {
    let mut span: Option<(Timestamp, Timestamp)> = None;
    for path in paths {
        let name = name_of(path);
        let at_end = |error| TrafficError::Io(name.clone(), error);
        let mut file = File::open(path).map_err(at_end)?;
        let mut attempts = Attempts::new(name.clone(), BufReader::new(&file));
        let Some(first) = attempts.read()?.map(|attempt| attempt.at) else { continue };
        let length = file.seek(SeekFrom::End(0)).map_err(at_end)?;
        // Twice the longest line holds a whole one, whatever precedes it.
        let tail = length.saturating_sub(2 * LONGEST_LINE as u64);
        file.seek(SeekFrom::Start(tail)).map_err(at_end)?;
        let mut end = Vec::new();
        file.read_to_end(&mut end).map_err(at_end)?;
        let lines = end.split(|byte| *byte == b'\n').rev();
        // What is wrong with the last line is told when it is played, with its number.
        let last = lines.map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
        let last = last.and_then(|line| serde_json::from_slice::<LabelledAttempt<'_>>(line).ok());
        let last = last.map_or(first, |attempt| attempt.at.max(first));
        let (from, until) = span.unwrap_or((first, last));
        span = Some((from.min(first), until.max(last)));
    }
    Ok(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(times: &[u64]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for t in times {
            writeln!(
                file,
                r#"{{"t":{t},"event":"login","ip":"192.0.2.1","headers":[],"outcome":"failed","label":"innocent"}}"#
            )
            .unwrap();
        }
        file
    }

    fn played(files: &[&tempfile::NamedTempFile]) -> Result<Vec<(u64, usize, u64)>, TrafficError> {
        let paths: Vec<PathBuf> = files.iter().map(|file| file.path().to_owned()).collect();
        let mut traffic = Traffic::open(&paths)?;
        let (mut seen, mut lines) = (Vec::new(), Lines::default());
        loop {
            let Together { arrivals, wrong } = traffic.read(&mut lines);
            let is_end = arrivals.is_empty();
            seen.extend(arrivals.iter().map(|arrival| (arrival.attempt.at.0 / 1000, arrival.file, arrival.line)));
            match wrong {
                Some(wrong) => return Err(wrong),
                None if is_end => return Ok(seen),
                None => {}
            }
        }
    }

    #[test]
    fn files_are_played_as_one_in_time_order() {
        let (a, b, empty) = (file(&[1, 5, 5, 9]), file(&[2, 5, 7]), file(&[]));
        let seen = played(&[&a, &empty, &b]).unwrap();
        assert_eq!(seen, [(1, 0, 1), (2, 2, 1), (5, 0, 2), (5, 0, 3), (5, 2, 2), (7, 2, 3), (9, 0, 4)]);
        let paths = [b.path().to_owned(), a.path().to_owned()];
        assert_eq!(span(&paths).unwrap(), Some((Timestamp(1_000), Timestamp(9_000))));
        assert_eq!(span(&[empty.path().to_owned()]).unwrap(), None);
    }

    #[test]
    fn a_broken_file_is_named_with_its_line() {
        let (a, b) = (file(&[1, 5]), file(&[2, 1]));
        let error = played(&[&a, &b]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}:2: ", b.path().display())), "{error}");
        let error = Traffic::open(&[PathBuf::from("/nowhere/at.jsonl")]).err().unwrap().to_string();
        assert!(error.starts_with("/nowhere/at.jsonl: "), "{error}");
        assert!(span(&[PathBuf::from("/nowhere/at.jsonl")]).is_err());
    }
}
