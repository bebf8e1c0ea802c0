//! The operator's YAML: read, checked, resolved, with every mistake reported in one run.
//!
//! ```text
//! text ─ tree (marks, ${ENV}, budgets) ─ decode ─ file (the mirror) ─ resolve ─ Settings
//!                        └──────────── document: every problem, with its place ────────────┘
//! ```
//!
//! Serde alone stops at the first mistake, forgets where things stood, and speaks of `struct Route`. Writing the loader
//! by hand instead would repeat every key and never yield a schema. So the mirror is plain `derive(Deserialize)`, and the
//! deserialiser under it is ours: it walks a tree with marks, reports what is wrong where it is met, and goes on, because
//! each value of the mirror sits in a `slot::Slot` that may be bad alone. (Decoding again and again with the culprit
//! cut out was the alternative: it costs a pass a mistake, and must then tell real follow-ups from its own.)
//! Resolving points at the same tree, so a policy that does not exist is shown as exactly as a comma.
//!
//! The [`schema`] is made from the same mirror, and [`show()`] fills it in. [`Places`] outlives the reading, so that what
//! is found wrong later (an expired certificate, a port in use) has a line too.
//!
//! A reload reads with the help of what was read before ([`read_again`]); the same comes of it, sooner.
//!
//! What a value means is only in [`settings`]: the mirror is private, and no other module ever sees it.

mod again;
mod decode;
mod document;
mod file;
mod later;
mod places;
mod policies;
mod report;
mod resolve;
pub mod schema;
pub mod settings;
mod show;
mod slot;
mod stamp;
mod tree;
mod units;
mod url;
mod words;

#[cfg(test)]
mod corpus;

pub use again::Version;
pub use places::Places;
pub use report::{MOST_PROBLEMS, Problem, Report, Warning, is_format, printable};
pub use settings::Settings;
pub use show::show;
pub use stamp::{Files, Stamp};
pub use units::{duration as read_duration, show_duration};

use document::Document;
use file::File;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Largest configuration file, bytes. Lists belong in files of their own.
pub const LARGEST: u64 = 16 * 1024 * 1024;

/// What became of reading a configuration, and what is known of it even if that failed.
pub struct Reading {
    pub result: Result<(Settings, Vec<Warning>), Report>,
    /// The configuration and what it names, as far as it was understood: what must change for another try to be worth it.
    pub files: Files,
    /// Where the admin listener is, though other parts may be broken.
    pub admin: Option<settings::Admin>,
    /// What [`read_again`] may build on; `None` where it would have nothing to gain.
    pub version: Option<Version>,
}

/// A configuration with what is needed to say more about it.
#[derive(Debug)]
pub struct Loaded {
    pub settings: Settings,
    pub warnings: Vec<Warning>,
    pub places: Places,
}

/// Reads and resolves a configuration file. Relative paths in it are relative to its directory.
pub fn load(path: &Path) -> Result<(Settings, Vec<Warning>), Report> {
    read(path).result
}

/// As [`load`], with what a reload needs besides.
pub fn read(path: &Path) -> Reading {
    read_again(path, None)
}

/// As [`read`], of a file that was read before: what is known of it is not made again. The same comes of it.
pub fn read_again(path: &Path, earlier: Option<&Version>) -> Reading {
    let mut files = Files::default();
    files.note(path);
    let name = path.display().to_string();
    match read_text(path) {
        Ok(text) => again::read(&name, text, base_of(path), &system, &files, earlier),
        Err(reason) => {
            let result = Err(unreadable(&name, &reason));
            Reading { result, files, admin: None, version: None }
        }
    }
}

/// As [`load`], keeping the file at hand for what is found wrong later.
pub fn load_whole(path: &Path) -> Result<Loaded, Report> {
    let name = path.display().to_string();
    let text = read_text(path).map_err(|reason| unreadable(&name, &reason))?;
    let (settings, warnings, tree) =
        parsed(&name, &text, base_of(path), &system, Files::default(), Reach::Here, None).result?;
    Ok(Loaded { settings, warnings, places: Places::new(&name, text, tree) })
}

/// A file that a configuration names and that is not on this machine.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Absent {
    /// The key that names it: `intel.anonymous`, `lists.blocked.file`.
    pub key: String,
    /// As it is written.
    pub file: String,
    pub reason: String,
}

/// What of this machine a reading may look at, and what is said where something is missing.
#[derive(Clone, Copy)]
enum Reach<'a> {
    /// The configuration is for this machine, and its operator is at the keyboard.
    Here,
    /// It is for another: files that are not here are noted.
    Elsewhere(&'a RefCell<Vec<Absent>>),
    /// It was offered over the network, by somebody who need not be able to read this machine's files: only those of which
    /// this is true are opened.
    Offered(&'a dyn Fn(&Path) -> bool),
}

/// As [`load_whole`], for a text that was offered over the network: `variables` of the environment and files that are
/// not `allowed` count as missing, so that nobody can find out by mistakes what is on this machine. In what is told, values
/// from the environment stand as their variables.
pub fn parse_offered(
    name: &str,
    text: &str,
    base: &Path,
    variables: &dyn Fn(&str) -> Option<String>,
    allowed: &dyn Fn(&Path) -> bool,
) -> Result<Loaded, Report> {
    let parsed = parsed(name, text, base, variables, Files::default(), Reach::Offered(allowed), None);
    let (settings, warnings, tree) = parsed.result?;
    Ok(Loaded { settings, warnings, places: Places::new(name, text.to_owned(), tree) })
}

/// As [`load`], away from the machine that the configuration is for: a file that is not here is left out, and told.
pub fn load_elsewhere(path: &Path) -> Result<(Settings, Vec<Absent>), Report> {
    let name = path.display().to_string();
    let text = read_text(path).map_err(|reason| unreadable(&name, &reason))?;
    parse_elsewhere(&name, &text, base_of(path))
}

/// As [`parse`], away from the machine that the configuration is for.
pub fn parse_elsewhere(name: &str, text: &str, base: &Path) -> Result<(Settings, Vec<Absent>), Report> {
    let absent = RefCell::default();
    let (settings, _) = parse_in(name, text, base, &system, Reach::Elsewhere(&absent))?;
    Ok((settings, absent.into_inner()))
}

/// Resolves a configuration that is at hand; `name` is what reports call it.
pub fn parse(name: &str, text: &str, base: &Path) -> Result<(Settings, Vec<Warning>), Report> {
    parse_in(name, text, base, &system, Reach::Here)
}

/// As [`parse`], with the environment handed in.
fn parse_in(
    name: &str,
    text: &str,
    base: &Path,
    environment: tree::Environment<'_>,
    reach: Reach<'_>,
) -> Result<(Settings, Vec<Warning>), Report> {
    let parsed = parsed(name, text, base, environment, Files::default(), reach, None);
    parsed.result.map(|(settings, warnings, _)| (settings, warnings))
}

struct Parsed {
    result: Result<(Settings, Vec<Warning>, tree::Tree), Report>,
    files: Files,
    admin: Option<settings::Admin>,
    routes_are_text: bool,
}

/// All that reading a text yields. What it names is added to `files`. `kept`: routes that are known, and for which the
/// text has an empty entry each.
fn parsed(
    name: &str,
    text: &str,
    base: &Path,
    environment: tree::Environment<'_>,
    files: Files,
    reach: Reach<'_>,
    kept: Option<&again::Kept>,
) -> Parsed {
    let refused = |report, files| Parsed { result: Err(report), files, admin: None, routes_are_text: false };
    if text.len() as u64 > LARGEST {
        let report = Report::of_file(name, format!("the file is larger than {LARGEST} bytes"), None);
        return refused(report, files);
    }
    let mut document = match Document::parse(name, text, environment) {
        Ok(document) => document,
        Err(report) => return refused(report, files),
    };
    if let Some(kept) = kept {
        let known = kept.entries(text, &document.tree);
        document.know(known);
    }
    let files = RefCell::new(files);
    let file = decode::decode::<File>(&document, document.tree.root());
    let resolved = file.get().map(|file| resolve::resolve(&document, base, &files, file, text, reach, kept));
    drop(file);
    let admin = resolved.as_ref().map(|resolved| resolved.settings.admin.clone());
    let routes_are_text = resolved.as_ref().is_some_and(|resolved| resolved.routes_are_text);
    let result = document.finish(resolved.map(|resolved| resolved.settings));
    Parsed { result, files: files.into_inner(), admin, routes_are_text }
}

/// The process's own environment.
fn system(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

fn unreadable(name: &str, reason: &str) -> Report {
    Report::of_file(name, format!("the configuration cannot be read: {reason}"), None)
}

/// `parent` of a bare file name is empty, and joining to that keeps relative paths relative.
fn base_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn read_text(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => error.to_string(),
    })?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|&&byte| byte == b'\n').count() + 1;
        format!("it is not UTF-8 in line {line}")
    })?;
    Ok(text)
}

/// First 12 hex digits of SHA-256.
fn hash(text: &str) -> Arc<str> {
    Sha256::digest(text.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect::<String>().into()
}
