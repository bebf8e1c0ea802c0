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
//! What a value means is only in [`settings`]: the mirror is private, and no other module ever sees it.

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
mod tree;
mod units;
mod words;

#[cfg(test)]
mod corpus;

pub use places::Places;
pub use report::{MOST_PROBLEMS, Problem, Report, Warning};
pub use settings::Settings;
pub use show::show;

use document::Document;
use file::File;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Largest configuration file, bytes. Lists belong in files of their own.
pub const LARGEST: u64 = 16 * 1024 * 1024;

/// A configuration with what is needed to say more about it.
#[derive(Debug)]
pub struct Loaded {
    pub settings: Settings,
    pub warnings: Vec<Warning>,
    pub places: Places,
}

/// Reads and resolves a configuration file. Relative paths in it are relative to its directory.
pub fn load(path: &Path) -> Result<(Settings, Vec<Warning>), Report> {
    load_whole(path).map(|loaded| (loaded.settings, loaded.warnings))
}

/// As [`load`], keeping the file at hand for what is found wrong later.
pub fn load_whole(path: &Path) -> Result<Loaded, Report> {
    let name = path.display().to_string();
    let text = read(path)
        .map_err(|reason| Report::of_file(&name, format!("the configuration cannot be read: {reason}"), None))?;
    // `parent` of a bare file name is empty, and joining to that keeps relative paths relative.
    let base = path.parent().unwrap_or(Path::new(""));
    let (settings, warnings, tree) = resolved(&name, &text, base, &|variable| std::env::var(variable).ok())?;
    Ok(Loaded { settings, warnings, places: Places::new(&name, text, tree) })
}

/// Resolves a configuration that is at hand; `name` is what reports call it.
pub fn parse(name: &str, text: &str, base: &Path) -> Result<(Settings, Vec<Warning>), Report> {
    parse_in(name, text, base, &|variable| std::env::var(variable).ok())
}

/// As [`parse`], with the environment handed in.
fn parse_in(
    name: &str,
    text: &str,
    base: &Path,
    environment: tree::Environment<'_>,
) -> Result<(Settings, Vec<Warning>), Report> {
    resolved(name, text, base, environment).map(|(settings, warnings, _)| (settings, warnings))
}

fn resolved(
    name: &str,
    text: &str,
    base: &Path,
    environment: tree::Environment<'_>,
) -> Result<(Settings, Vec<Warning>, tree::Tree), Report> {
    if text.len() as u64 > LARGEST {
        return Err(Report::of_file(name, format!("the file is larger than {LARGEST} bytes"), None));
    }
    let document = Document::parse(name, text, environment)?;
    let file = decode::decode::<File>(&document, document.tree.root());
    let settings = file.get().map(|file| resolve::resolve(&document, base, file, hash(text)));
    drop(file);
    document.finish(settings)
}

fn read(path: &Path) -> Result<String, String> {
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
