//! What stands in a list's file and in the configuration: read again when somebody asks.

use super::{Unfulfilled, read};
use crate::config::settings::ListSource;
use crate::lists::line::{self, Line};
use crate::lists::{Key, ListOf, Naming};
use std::path::Path;

/// Where an entry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    /// `None`: in the configuration itself.
    pub line: Option<usize>,
}

impl Place {
    /// What to do to take it away.
    pub fn remedy(&self, list: &str) -> String {
        match self.line {
            Some(line) => {
                format!("it stands in {} line {line}: take that line out, and it is gone within a second", self.file)
            }
            None => format!("it stands in the configuration, in `lists.{list}.entries`: take it out there"),
        }
    }
}

/// Shows each entry of a list's file in turn, with its line, until `show` says that it is enough.
pub fn each(source: &ListSource, mut show: impl FnMut(usize, Line<'_>) -> bool) -> Result<(), Unfulfilled> {
    let Some(path) = &source.file else { return Ok(()) };
    let text = text(path)?;
    for (number, text) in text.strip_prefix('\u{feff}').unwrap_or(&text).lines().enumerate() {
        // What is in force was read without a fault; what is there now may be the next version, with one.
        if let Ok(Some(line)) = line::read(text)
            && !show(number + 1, line)
        {
            break;
        }
    }
    Ok(())
}

fn text(path: &Path) -> Result<String, Unfulfilled> {
    std::fs::read_to_string(path).map_err(|error| Unfulfilled::Unreadable(format!("{}: {error}", path.display())))
}

/// Where any of these keys stands.
pub fn find(source: &ListSource, keys: &[Key], naming: &dyn Naming) -> Result<Option<Place>, Unfulfilled> {
    let of: ListOf = source.of;
    let is =
        |entry: &str| read(&source.name, of, entry, naming).is_ok_and(|all| all.iter().any(|key| keys.contains(key)));
    let mut found = None;
    each(source, |number, line| {
        if is(line.entry) {
            let file = source.file.as_deref().unwrap_or(Path::new("")).display().to_string();
            found = Some(Place { file, line: Some(number) });
        }
        found.is_none()
    })?;
    let written = || source.entries.iter().any(|entry| is(entry.trim()));
    Ok(found.or_else(|| written().then(|| Place { file: String::new(), line: None })))
}
