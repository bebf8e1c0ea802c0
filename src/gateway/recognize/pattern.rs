//! Globs and regexes over paths, many at once.
//!
//! A pattern is filed under the directory that all its matches lie in (`/shop/*/login` under `/shop`), so that a request
//! meets only those whose beginning it shares; those of one directory run as one `RegexSet`. Each runs twice: as written,
//! and without regard to case. Both are linear in the path, whatever the pattern.

use super::key::folded;
use super::readings::Names;
use crate::config::settings::PathPattern;
use regex::bytes::{RegexSet, RegexSetBuilder};
use regex_syntax::hir::Look;
use regex_syntax::hir::literal::{ExtractKind, Extractor};

/// Largest compiled set; what does not fit is split.
const MAX_COMPILED: usize = 32 * 1024 * 1024;

/// One pattern before compilation.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub rank: u32,
    pub regex: String,
}

impl Pattern {
    /// The regex of a glob or regex route; the others are looked up.
    pub fn of(path: &PathPattern, rank: u32) -> Option<Pattern> {
        let regex = match path {
            PathPattern::Glob(glob) => glob_regex(glob),
            PathPattern::Regex(regex) => regex.as_str().to_owned(),
            PathPattern::Exact(_) | PathPattern::Prefix(_) | PathPattern::Any => return None,
        };
        Some(Pattern { rank, regex })
    }

    /// Folded keys of the directories in which all matches lie; the root if nothing better can be told.
    pub fn directories(&self) -> Vec<Vec<u8>> {
        self.literal_directories().unwrap_or_else(|| vec![Vec::new()])
    }

    fn literal_directories(&self) -> Option<Vec<Vec<u8>>> {
        let hir = regex_syntax::ParserBuilder::new().utf8(false).build().parse(&self.regex).ok()?;
        if !hir.properties().look_set_prefix().contains(Look::Start) {
            return None;
        }
        let beginnings = Extractor::new().kind(ExtractKind::Prefix).extract(&hir);
        let mut directories = Vec::new();
        for literal in beginnings.literals()? {
            let last_slash = literal.as_bytes().iter().rposition(|&byte| byte == b'/')?;
            directories.push(folded(&literal.as_bytes()[..last_slash]).to_ascii_lowercase());
        }
        directories.sort();
        directories.dedup();
        (!directories.is_empty()).then_some(directories)
    }
}

/// `*` within and across segments, `?` for one byte.
fn glob_regex(glob: &str) -> String {
    let mut regex = String::from("^");
    for c in glob.chars() {
        match c {
            '*' => regex.push_str("(?s-u:.)*"),
            '?' => regex.push_str("(?s-u:.)"),
            other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    regex
}

/// The patterns of one directory, compiled.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    pending: Vec<Pattern>,
    sets: Vec<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    ranks: Vec<u32>,
    as_written: RegexSet,
    any_case: RegexSet,
}

impl Patterns {
    pub fn push(&mut self, pattern: Pattern) {
        self.pending.push(pattern);
    }

    pub fn compile(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.compile_all(&pending);
    }

    fn compile_all(&mut self, patterns: &[Pattern]) {
        if patterns.is_empty() {
            return;
        }
        let compiled = |any_case: bool| {
            RegexSetBuilder::new(patterns.iter().map(|pattern| &pattern.regex))
                .case_insensitive(any_case)
                .size_limit(MAX_COMPILED)
                .build()
        };
        match (compiled(false), compiled(true)) {
            (Ok(as_written), Ok(any_case)) => {
                let ranks = patterns.iter().map(|pattern| pattern.rank).collect();
                self.sets.push(Compiled { ranks, as_written, any_case });
            }
            _ if patterns.len() > 1 => {
                let (left, right) = patterns.split_at(patterns.len() / 2);
                self.compile_all(left);
                self.compile_all(right);
            }
            // The loader compiled it already, under a smaller limit: only its caseless form can be too large.
            (Ok(as_written), Err(_)) => {
                let ranks = patterns.iter().map(|pattern| pattern.rank).collect();
                self.sets.push(Compiled { ranks, any_case: as_written.clone(), as_written });
            }
            (Err(_), _) => {}
        }
    }

    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Reports the rank of each pattern that matches the reading, with or without its trailing slash.
    pub fn visit(&self, reading: &[u8], names: Names, found: &mut impl FnMut(u32, Names)) {
        if self.is_empty() {
            return;
        }
        self.visit_view(reading, names, found);
        let other = match reading {
            b"/" | b"" => return,
            [shorter @ .., b'/'] => shorter.to_vec(),
            longer => [longer, b"/"].concat(),
        };
        self.visit_view(&other, names.and(Names::TRAILING_SLASH), found);
    }

    fn visit_view(&self, view: &[u8], names: Names, found: &mut impl FnMut(u32, Names)) {
        for set in &self.sets {
            for (regexes, names) in [(&set.as_written, names), (&set.any_case, names.and(Names::CASE))] {
                if regexes.is_match(view) {
                    regexes.matches(view).iter().for_each(|place| found(set.ranks[place], names));
                }
            }
        }
        // `.` and the classes of a regex want whole characters: give them some where there are none.
        if std::str::from_utf8(view).is_err() {
            let whole = String::from_utf8_lossy(view).into_owned();
            self.visit_view(whole.as_bytes(), names, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories(path: &PathPattern) -> Vec<String> {
        let directories = Pattern::of(path, 0).unwrap().directories();
        directories.into_iter().map(|directory| String::from_utf8(directory).unwrap()).collect()
    }

    #[test]
    fn patterns_are_filed_under_the_directory_of_their_matches() {
        for (glob, expected) in
            [("/Shop/*/login", "/shop"), ("/shop*", ""), ("*/login", ""), ("/a/b/c?", "/a/b"), ("/a/*", "/a")]
        {
            assert_eq!(directories(&PathPattern::Glob(glob.into())), [expected], "{glob}");
        }
        for (regex, expected) in [
            ("^(?:/api/v[0-9]+/login)$", &["/api"][..]),
            ("^(?:/a/x|/b/y)$", &["/a", "/b"]),
            ("^(?:/(?:en|de)/login)$", &["/de", "/en"]),
            ("/api/login", &[""]),
            ("^.*/login$", &[""]),
        ] {
            assert_eq!(directories(&PathPattern::Regex(regex::Regex::new(regex).unwrap())), expected, "{regex}");
        }
    }

    #[test]
    fn case_and_trailing_slash_are_said() {
        let mut patterns = Patterns::default();
        patterns.push(Pattern::of(&PathPattern::Glob("/shop/*/Login".into()), 3).unwrap());
        patterns.compile();
        let first = |path: &[u8]| {
            let mut found = None;
            patterns.visit(path, Names::RAW, &mut |rank, names| {
                found.get_or_insert((rank, names.list()));
            });
            found
        };
        assert_eq!(first(b"/shop/a/b/Login"), Some((3, vec![])));
        assert_eq!(first(b"/shop/a/login"), Some((3, vec!["case"])));
        assert_eq!(first(b"/shop/a/Login/"), Some((3, vec!["trailing_slash"])));
        assert_eq!(first(b"/shop/\xff/Login"), Some((3, vec![])));
        assert_eq!(first(b"/shop/a/logins"), None);
    }
}
