//! Globs and regexes over paths, many at once.
//!
//! A pattern is filed under the directory that all its matches lie in (`/shop/*/login` under `/shop`), so that a request
//! meets only those whose beginning it shares. Of many in one directory only those run of which a required piece of text
//! (`literals`) is in the path. What runs together is one `RegexSet`, and runs twice: as written, and without regard
//! to case. Both are linear in the path, whatever the pattern. A pattern of many routes (one on many hosts) runs once.

use super::key::{folded, trimmed};
use super::literals::{AnyOf, required, shortest};
use super::readings::Names;
use super::sites::Entries;
use crate::config::settings::PathPattern;
use aho_corasick::AhoCorasick;
use regex::bytes::{RegexSet, RegexSetBuilder};
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Hir, Look};
use std::collections::{BTreeMap, HashMap};

/// Largest compiled set; what does not fit is split.
const MAX_COMPILED: usize = 32 * 1024 * 1024;

/// So few patterns of one directory run as one set, without a look for their texts.
const FEW: usize = 4;

/// One pattern before compilation.
#[derive(Debug)]
pub(super) struct Pattern {
    pub regex: String,
}

impl Pattern {
    /// The regex of a glob or regex route; the others are looked up.
    pub fn of(path: &PathPattern) -> Option<Pattern> {
        let regex = match path {
            PathPattern::Glob(glob) => glob_regex(glob),
            PathPattern::Regex(regex) => regex.as_str().to_owned(),
            PathPattern::Exact(_) | PathPattern::Prefix(_) | PathPattern::Any => return None,
        };
        Some(Pattern { regex })
    }

    /// Folded keys of the directories in which all matches lie; the root if nothing better can be told.
    pub fn directories(&self) -> Vec<Vec<u8>> {
        self.literal_directories().unwrap_or_else(|| vec![Vec::new()])
    }

    fn literal_directories(&self) -> Option<Vec<Vec<u8>>> {
        let hir = parsed(&self.regex)?;
        if !hir.properties().look_set_prefix().contains(Look::Start) {
            return None;
        }
        let beginnings = Extractor::new().kind(ExtractKind::Prefix).extract(&hir);
        let mut directories = Vec::new();
        for literal in beginnings.literals()? {
            let last_slash = literal.as_bytes().iter().rposition(|&byte| byte == b'/')?;
            // Of several slashes in a row, those behind the first are what a path's end is trimmed of.
            directories.push(folded(trimmed(&literal.as_bytes()[..last_slash])).to_ascii_lowercase());
        }
        directories.sort();
        directories.dedup();
        (!directories.is_empty()).then_some(directories)
    }
}

fn parsed(regex: &str) -> Option<Hir> {
    regex_syntax::ParserBuilder::new().utf8(false).build().parse(regex).ok()
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
    /// Place of each regex in `routes`.
    places: HashMap<String, usize>,
    /// By regex: the routes that have it.
    routes: Vec<Entries<()>>,
    /// Tried for every path.
    always: Vec<Compiled>,
    /// Tried for paths that hold one of the texts.
    by_text: Option<ByText>,
}

/// Patterns by texts of which one must be there.
#[derive(Debug)]
struct ByText {
    texts: AhoCorasick,
    /// By text: the group of patterns that it stands for.
    groups: Vec<u32>,
    sets: Vec<Vec<Compiled>>,
}

#[derive(Debug)]
struct Compiled {
    /// By place in the sets: the regex's place in `routes`.
    places: Vec<usize>,
    as_written: RegexSet,
    any_case: RegexSet,
}

impl Patterns {
    /// Adds a route; called in order of rank.
    pub fn push(&mut self, pattern: &Pattern, rank: u32, names_hosts: bool) {
        let next = self.routes.len();
        let place = *self.places.entry(pattern.regex.clone()).or_insert(next);
        if place == next {
            self.routes.push(Entries::default());
        }
        self.routes[place].push(rank, names_hosts, ());
    }

    pub fn compile(&mut self) {
        let mut patterns: Vec<(String, usize)> = std::mem::take(&mut self.places).into_iter().collect();
        patterns.sort_by_key(|(_, place)| *place);
        if patterns.len() <= FEW {
            self.always = compiled(&patterns);
            return;
        }
        let (groups, textless) = by_rarest_text(patterns);
        self.always = compiled(&textless);
        let texts: Vec<(&[u8], u32)> =
            (0..).zip(groups.keys()).flat_map(|(group, any)| any.iter().map(move |text| (&text[..], group))).collect();
        // Beyond what an automaton can hold (gigabytes of patterns) all are tried.
        match AhoCorasick::builder().ascii_case_insensitive(true).build(texts.iter().map(|(text, _)| text)) {
            Ok(found) => {
                let numbers = texts.iter().map(|(_, group)| *group).collect();
                let sets = groups.values().map(|patterns| compiled(patterns)).collect();
                self.by_text = Some(ByText { texts: found, groups: numbers, sets });
            }
            Err(_) => groups.values().for_each(|patterns| self.always.extend(compiled(patterns))),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Reports the routes of each pattern that matches the reading, with or without its trailing slash.
    pub fn visit<'p>(&'p self, reading: &[u8], names: Names, found: &mut impl FnMut(&'p Entries<()>, Names)) {
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

    fn visit_view<'p>(&'p self, view: &[u8], names: Names, found: &mut impl FnMut(&'p Entries<()>, Names)) {
        let mut visit = |set: &Compiled| {
            for (regexes, names) in [(&set.as_written, names), (&set.any_case, names.and(Names::CASE))] {
                if regexes.is_match(view) {
                    regexes.matches(view).iter().for_each(|place| found(&self.routes[set.places[place]], names));
                }
            }
        };
        self.always.iter().for_each(&mut visit);
        if let Some(by_text) = &self.by_text {
            by_text.groups_of(view).iter().for_each(|group| by_text.sets[*group as usize].iter().for_each(&mut visit));
        }
        // `.` and the classes of a regex want whole characters: give them some where there are none.
        if std::str::from_utf8(view).is_err() {
            let whole = String::from_utf8_lossy(view).into_owned();
            self.visit_view(whole.as_bytes(), names, found);
        }
    }
}

impl ByText {
    /// Groups of which a text is in the path, each once.
    fn groups_of(&self, view: &[u8]) -> Vec<u32> {
        let folded = folded(view);
        let found = self.texts.find_overlapping_iter(&*folded);
        let mut groups: Vec<u32> = found.map(|text| self.groups[text.pattern().as_usize()]).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}

/// Regexes with their places.
type Placed = Vec<(String, usize)>;

/// Files each pattern under the requirement that the fewest others share, of those the one that says most.
fn by_rarest_text(patterns: Placed) -> (BTreeMap<AnyOf, Placed>, Placed) {
    let requirements: Vec<Vec<AnyOf>> =
        patterns.iter().map(|(regex, _)| parsed(regex).map(|hir| required(&hir)).unwrap_or_default()).collect();
    let mut shared: HashMap<&[u8], usize> = HashMap::new();
    for text in requirements.iter().flatten().flatten() {
        *shared.entry(text).or_default() += 1;
    }
    let sharing = |any: &AnyOf| any.iter().map(|text| shared[&text[..]]).max().unwrap_or(0);
    let chosen: Vec<Option<AnyOf>> = requirements
        .iter()
        .map(|all| all.iter().min_by_key(|any| (sharing(any), std::cmp::Reverse(shortest(any)))).cloned())
        .collect();
    let (mut groups, mut textless) = (BTreeMap::<AnyOf, Placed>::new(), Placed::new());
    for (pattern, chosen) in patterns.into_iter().zip(chosen) {
        match chosen {
            Some(any) => groups.entry(any).or_default().push(pattern),
            None => textless.push(pattern),
        }
    }
    (groups, textless)
}

fn compiled(patterns: &[(String, usize)]) -> Vec<Compiled> {
    if patterns.is_empty() {
        return Vec::new();
    }
    let set = |any_case: bool| {
        RegexSetBuilder::new(patterns.iter().map(|(regex, _)| regex))
            .case_insensitive(any_case)
            .size_limit(MAX_COMPILED)
            .build()
    };
    let places = || patterns.iter().map(|(_, place)| *place).collect();
    match (set(false), set(true)) {
        (Ok(as_written), Ok(any_case)) => vec![Compiled { places: places(), as_written, any_case }],
        _ if patterns.len() > 1 => {
            let (left, right) = patterns.split_at(patterns.len() / 2);
            [compiled(left), compiled(right)].into_iter().flatten().collect()
        }
        // The loader compiled it already, under a smaller limit: only its caseless form can be too large.
        (Ok(as_written), Err(_)) => vec![Compiled { places: places(), any_case: as_written.clone(), as_written }],
        (Err(_), _) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories(path: &PathPattern) -> Vec<String> {
        let directories = Pattern::of(path).unwrap().directories();
        directories.into_iter().map(|directory| String::from_utf8(directory).unwrap()).collect()
    }

    #[test]
    fn patterns_are_filed_under_the_directory_of_their_matches() {
        for (glob, expected) in [
            ("/Shop/*/login", "/shop"),
            ("/shop*", ""),
            ("*/login", ""),
            ("/a/b/c?", "/a/b"),
            ("/a/*", "/a"),
            ("/a//b", "/a"),
            ("//", ""),
        ] {
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
        // Enough others that the pattern is found by its text.
        for rank in 0..10 {
            let glob = if rank == 3 { "/shop/*/Login".to_owned() } else { format!("/shop/*/other{rank}") };
            patterns.push(&Pattern::of(&PathPattern::Glob(glob.into())).unwrap(), rank, false);
        }
        patterns.compile();
        let first = |path: &[u8]| {
            let mut found = None;
            patterns.visit(path, Names::RAW, &mut |routes, names| {
                routes.each(&|| unreachable!("no route names hosts"), &mut |rank, ()| {
                    found.get_or_insert((rank, names.list()));
                });
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
