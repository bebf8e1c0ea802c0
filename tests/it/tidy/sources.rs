//! Sources as text: files, their lines without comments, what is compiled for tests only, and the few questions that the
//! rules ask of a line.

#![allow(clippy::unwrap_used, reason = "a source that cannot be read fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
#[derive(Clone)]
pub struct Source {
    /// From the package's root, with `/`.
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn read(path: &str) -> Source {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Source { path: path.to_owned(), text }
    }

    /// Every Rust file of a folder, sorted; a `folder.rs` beside it belongs to it.
    pub fn all(folder: &str) -> impl Iterator<Item = Source> + use<> {
        let mut paths = Vec::new();
        collect(&root().join(folder), &mut paths);
        paths.extend(Some(root().join(format!("{folder}.rs"))).filter(|beside| beside.is_file()));
        paths.sort();
        paths.into_iter().map(|path| {
            let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            Source::read(&path)
        })
    }

    /// Without the tests at its end.
    pub fn product(self) -> Source {
        let mut lines = self.text.lines().peekable();
        let mut kept = String::new();
        while let Some(line) = lines.next() {
            let tests =
                line == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.contains("mod ") && next.ends_with('{'));
            if tests {
                break;
            }
            kept.push_str(line);
            kept.push('\n');
        }
        Source { path: self.path, text: kept }
    }

    /// Lines by number.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    /// Lines by number, without comments and without lines that have nothing else.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut in_comment = false;
        self.lines().filter_map(move |(number, line)| {
            let mut rest = line;
            if in_comment {
                rest = rest.split_once("*/")?.1;
                in_comment = false;
            }
            if rest.trim_start().starts_with("/*") {
                match rest.split_once("*/") {
                    Some((_, after)) => rest = after,
                    None => {
                        in_comment = true;
                        return None;
                    }
                }
            }
            // A comment at a line's end has a space before it; an address in a string has none.
            let rest = if rest.trim_start().starts_with("//") { "" } else { rest.split(" // ").next().unwrap_or(rest) };
            Some((number, rest)).filter(|(_, rest)| !rest.trim().is_empty())
        })
    }

    /// The modules it declares for the product.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.code().filter_map(|(_, line)| line.trim().strip_suffix(';')?.rsplit_once("mod ").map(|(_, name)| name))
    }
}

/// What was found against a rule.
#[derive(Default)]
pub struct Faults(String);

impl Faults {
    pub fn add(&mut self, source: &Source, line: usize, what: impl AsRef<str>) {
        let _ = writeln!(self.0, "  {}:{line}: {}", source.path, what.as_ref());
    }

    #[track_caller]
    pub fn none(&self, reason: &str) {
        assert!(self.0.is_empty(), "{reason}:\n{}", self.0);
    }
}

/// The sources of a folder without anything that is compiled for tests only.
pub fn product(folder: &str) -> impl Iterator<Item = Source> + use<> {
    Source::all(folder).filter(|source| !is_test(&source.path)).map(Source::product)
}

/// Whether a file is compiled for tests only: its module, or one above it, is declared under `#[cfg(test)]`.
pub fn is_test(path: &str) -> bool {
    if !path.starts_with("src/") {
        return true;
    }
    let module = Path::new(path).with_extension("");
    module.ancestors().any(|module| {
        let (Some(folder), Some(name)) = (module.parent(), module.file_name()) else { return false };
        let declared = format!("mod {};", name.to_string_lossy());
        let parents = [folder.join("mod.rs"), folder.with_extension("rs"), folder.join("lib.rs")];
        parents.iter().filter_map(|parent| fs::read_to_string(root().join(parent)).ok()).any(|parent| {
            let lines: Vec<&str> = parent.lines().collect();
            lines.windows(2).any(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with(&declared))
        })
    })
}

/// The lines of a file outside implementations of traits that other crates name.
pub fn before_foreign_traits(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let mut foreign = false;
    source.code().filter(move |(_, line)| {
        if line.starts_with("impl") {
            foreign = line.contains(" for ");
        }
        !foreign
    })
}

/// The members of a family: its files and folders, without what is for tests.
pub fn members(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let paths = entries.map(|entry| entry.unwrap().path());
    let rust = paths.filter(|path| path.is_dir() || path.extension().is_some_and(|extension| extension == "rs"));
    let names = rust.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned());
    names.filter(|name| name != "mod" && !is_test(&format!("{folder}/{name}.rs"))).collect()
}

/// The variants of an enum as files are named.
pub fn variants(source: &Source, name: &str) -> BTreeSet<String> {
    let opening = format!("enum {name} {{");
    let body = source.code().map(|(_, line)| line).skip_while(|line| !line.ends_with(&opening)).skip(1);
    let variant = |line: &str| {
        let word = line.strip_prefix("    ").filter(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))?;
        word.split(|c: char| !c.is_ascii_alphanumeric()).next().map(snake)
    };
    body.take_while(|line| *line != "}").filter_map(variant).collect()
}

fn snake(camel: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in camel.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

pub fn camel(snake: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    snake.split('_').map(capital).collect()
}

/// The parts of the library that a line names: after `crate::`, alone or in braces.
pub fn parts_used(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").flat_map(move |(at, found)| {
        let rest = &line[at + found.len()..];
        let mut parts = Vec::new();
        match rest.strip_prefix('{') {
            None => parts.push(word(rest)),
            Some(list) => {
                let mut depth = 0usize;
                let mut expected = true;
                for (at, letter) in list.char_indices() {
                    match letter {
                        '}' if depth == 0 => break,
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => expected = true,
                        _ if expected && is_word(letter) => {
                            parts.push(word(&list[at..]));
                            expected = false;
                        }
                        _ => {}
                    }
                }
            }
        }
        // A type at the crate's root is no part.
        parts.into_iter().filter(|part| part.starts_with(|c: char| c.is_ascii_lowercase()))
    })
}

fn word(text: &str) -> &str {
    text.split(|letter| !is_word(letter)).next().unwrap_or("")
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Whether a line says this, not as a part of a longer word.
pub fn mentions(line: &str, what: &str) -> bool {
    line.match_indices(what).any(|(at, found)| {
        let before = line[..at].chars().next_back();
        let after = line[at + found.len()..].chars().next();
        let joins = |edge: Option<char>, side: Option<char>| edge.is_some_and(is_word) && side.is_some_and(is_word);
        !joins(what.chars().next(), before) && !joins(what.chars().next_back(), after)
    })
}

/// Whether a line has a path that begins with this crate.
pub fn begins_a_path(line: &str, name: &str) -> bool {
    let imported = ["use ", "use ::", "extern crate "].iter().any(|opening| {
        line.trim_start().trim_start_matches("pub ").strip_prefix(opening).is_some_and(|rest| word(rest) == name)
    });
    imported
        || line.match_indices(name).any(|(at, found)| {
            let before = line[..at].chars().next_back();
            let within = before.is_some_and(|letter| is_word(letter) || letter == ':' || letter == '.');
            !within && line[at + found.len()..].starts_with("::")
        })
}

/// The names under `[dependencies]`, as code writes them, and whether each is optional.
pub fn dependencies(manifest: &str) -> BTreeMap<String, bool> {
    let section = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let entries = section.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once(" = "));
    entries.map(|(name, rest)| (name.replace('-', "_"), rest.contains("optional = true"))).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_reading_of_sources_reads() {
    let source = Source {
        path: "src/a.rs".to_owned(),
        text:
            "//! tokio::main\nuse std::io; // tokio\n/* x\n tokio::y */ z\n#[cfg(test)]\nmod tests {\n    tokio::x\n}\n"
                .to_owned(),
    };
    let code: Vec<(usize, &str)> =
        source.product().code().map(|(number, line)| (number, line.trim().to_owned().leak() as &str)).collect();
    assert_eq!(code, [(2, "use std::io;"), (4, "z")]);
    assert!(begins_a_path("let x = tokio::spawn(y);", "tokio"));
    assert!(begins_a_path("use tokio;", "tokio"));
    assert!(begins_a_path("pub use ::http::Method;", "http"));
    assert!(!begins_a_path("super::tokio::x", "tokio"));
    assert!(!begins_a_path("self.http = http;", "http"));
    assert!(
        mentions("Instant::now()", "Instant")
            && !mentions("Instantly", "Instant")
            && !mentions("%uXXXX", concat!("X", "XX"))
    );
    assert_eq!(parts_used("use crate::engine::x; crate::store::Store").collect::<Vec<_>>(), ["engine", "store"]);
    assert_eq!(
        parts_used("use crate::{engine::x, store::{Store, y}, admin};").collect::<Vec<_>>(),
        ["engine", "store", "admin"]
    );
    assert_eq!(
        dependencies(
            "[dependencies]\na-b = \"1\"\nc = { version = \"1\", optional = true }\n\n[dev-dependencies]\nd = \"1\"\n"
        ),
        BTreeMap::from([("a_b".to_owned(), false), ("c".to_owned(), true)])
    );
    let table = Source { path: String::new(), text: "pub enum Store {\n    /// One\n    #[x]\n    Memory(memory::Memory),\n    BigRedis {\n        url: X,\n    },\n}\n".to_owned() };
    assert_eq!(variants(&table, "Store"), BTreeSet::from(["memory".to_owned(), "big_redis".to_owned()]));
}
