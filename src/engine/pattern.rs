//! Globs over whole values, as the operator's YAML writes them for hosts, parameters, cookies and `Location`.
//!
//! A value here is a short text that an attacker may have written, so matching is linear in value × pattern, without
//! backtracking over more than the last `*`, and without allocation.

/// One glob: `*` stands for any run of characters (also none), `?` for one; everything else for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Glob {
    text: Box<str>,
}

impl Glob {
    pub fn new(text: &str) -> Glob {
        Glob { text: text.into() }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole value is matched.
    pub fn matches(&self, value: &str) -> bool {
        self.matches_bytes(value.as_bytes())
    }

    /// Whether every value that `other` matches is matched by this one, for certain: wildcards of `other` must fall to
    /// a `*` here.
    pub fn covers(&self, other: &Glob) -> bool {
        // Read as a plain text, a `*` of the other is one character: a `?` here would take it for one.
        let takes_runs = !self.text.contains('?') || !other.text.contains('*');
        self == other || (takes_runs && self.matches(&other.text))
    }

    /// As [`Glob::matches`], for values that need not be UTF-8.
    pub fn matches_bytes(&self, value: &[u8]) -> bool {
        let pattern = self.text.as_bytes();
        let (mut p, mut v) = (0, 0);
        // Where to go on when what follows the last `*` fails: one value byte later.
        let mut retry: Option<(usize, usize)> = None;
        while v < value.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    retry = Some((p + 1, v));
                    p += 1;
                }
                Some(&c) if c == b'?' || c == value[v] => {
                    p += 1;
                    v += 1;
                }
                _ => match retry {
                    Some((after_star, from)) => {
                        retry = Some((after_star, from + 1));
                        p = after_star;
                        v = from + 1;
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|&c| c == b'*')
    }
}

/// A list of globs with exclusions: matches if any plain entry does and no `!` entry does.
///
/// The entry `~` matches absence and nothing else; a list of only `!` entries accepts everything else, absence too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Globs {
    any: Vec<Glob>,
    none: Vec<Glob>,
    absent: bool,
    not_absent: bool,
}

/// As the YAML writes them.
impl std::fmt::Display for Globs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plain = self.any.iter().map(|glob| glob.as_str().to_owned());
        let absent = self.absent.then(|| "~".to_owned()).into_iter();
        let excluded = self.none.iter().map(|glob| format!("!{}", glob.as_str()));
        let present = self.not_absent.then(|| "!~".to_owned()).into_iter();
        f.write_str(&plain.chain(absent).chain(excluded).chain(present).collect::<Vec<_>>().join(", "))
    }
}

impl Glob {
    /// A value that is matched, the shortest with an `x` for each `?`.
    pub fn example(&self) -> String {
        self.text.replace('*', "").replace('?', "x")
    }
}

impl Globs {
    /// The first entry, without the `!` of one that excludes.
    pub fn first(&self) -> Option<&str> {
        self.any.iter().chain(&self.none).map(Glob::as_str).next()
    }

    /// A value that is matched, if a plain entry can be satisfied without running into an excluded one. `None` also where
    /// absence will do.
    pub fn example(&self) -> Option<String> {
        self.any.iter().map(Glob::example).find(|value| !self.none.iter().any(|glob| glob.matches(value)))
    }

    /// Reads entries as the YAML writes them: `session*`, `!*/2fa/*`, `~`.
    pub fn new<S: AsRef<str>>(entries: impl IntoIterator<Item = S>) -> Globs {
        let mut globs = Globs::default();
        for entry in entries {
            match entry.as_ref() {
                "~" => globs.absent = true,
                "!~" => globs.not_absent = true,
                text => match text.strip_prefix('!') {
                    Some(excluded) => globs.none.push(Glob::new(excluded)),
                    None => globs.any.push(Glob::new(text)),
                },
            }
        }
        globs
    }

    /// Whether nothing is excluded and absence is not asked for.
    pub fn is_plain(&self) -> bool {
        self.none.is_empty() && !self.absent && !self.not_absent
    }

    /// The same list with its entries in order: two lists that say the same are equal.
    pub fn sorted(&self) -> Globs {
        let mut sorted = self.clone();
        for globs in [&mut sorted.any, &mut sorted.none] {
            globs.sort_unstable_by(|a, b| a.text.cmp(&b.text));
            globs.dedup();
        }
        sorted
    }

    /// Whether whatever `other` accepts is accepted by this list, for certain; so it is for sets and readings too.
    pub fn covers(&self, other: &Globs) -> bool {
        let covered = |globs: &[Glob], by: &[Glob]| globs.iter().all(|glob| by.iter().any(|wide| wide.covers(glob)));
        let plain = self.only_excludes() || (!other.only_excludes() && covered(&other.any, &self.any));
        let absence = !other.accepts(None) || self.accepts(None);
        self == other || (plain && covered(&self.none, &other.none) && absence)
    }

    /// Whether nothing is ever accepted: each plain entry is excluded by a `!` entry.
    pub fn is_never(&self) -> bool {
        let excluded = |glob: &Glob| self.none.iter().any(|wide| wide.covers(glob));
        let everything = self.none.iter().any(|glob| !glob.text.is_empty() && glob.text.bytes().all(|b| b == b'*'));
        let values = if self.only_excludes() { everything } else { self.any.iter().all(excluded) };
        values && (!self.accepts(None) || (self.absent && self.not_absent))
    }

    fn only_excludes(&self) -> bool {
        self.any.is_empty() && !self.absent
    }

    /// The plain entries, one of which an accepted value matches; `None`: a value need match none.
    pub fn plain(&self) -> Option<&[Glob]> {
        (!self.only_excludes()).then_some(&self.any)
    }

    /// Whether one value (or its absence) is accepted.
    pub fn accepts(&self, value: Option<&str>) -> bool {
        match value {
            None => self.absent || (self.only_excludes() && !self.not_absent),
            Some(value) => {
                (self.only_excludes() || self.any.iter().any(|glob| glob.matches(value)))
                    && !self.none.iter().any(|glob| glob.matches(value))
            }
        }
    }

    /// Whether several plausible readings of one value are accepted: a plain entry if it matches any reading, a `!`
    /// entry excludes only if it matches all of them, so that a disguise cannot leave a route. No readings: absence.
    pub fn accepts_readings<S: AsRef<str>>(&self, readings: &[S]) -> bool {
        if readings.is_empty() {
            return self.accepts(None);
        }
        let plain = self.only_excludes()
            || readings.iter().any(|reading| self.any.iter().any(|glob| glob.matches(reading.as_ref())));
        let excluded = readings.iter().all(|reading| self.none.iter().any(|glob| glob.matches(reading.as_ref())));
        plain && !excluded
    }

    /// Whether a set of values that are all there at once (the cookies of an answer) is accepted: a plain entry if it
    /// matches any of them, and no `!` entry may match any. No values: absence.
    pub fn accepts_all<S: AsRef<str>>(&self, values: &[S]) -> bool {
        if values.is_empty() {
            return self.accepts(None);
        }
        let matched = |globs: &[Glob]| values.iter().any(|value| globs.iter().any(|glob| glob.matches(value.as_ref())));
        (self.only_excludes() || matched(&self.any)) && !matched(&self.none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_all_there_are_excluded_by_any() {
        let session = Globs::new(["session*", "!guest"]);
        assert!(session.accepts_all(&["csrf", "session_id"]));
        assert!(!session.accepts_all(&["csrf"]));
        assert!(!session.accepts_all(&["session_id", "guest"]));
        assert!(!session.accepts_all::<&str>(&[]));
        assert!(Globs::new(["!session"]).accepts_all::<&str>(&[]));
    }

    #[test]
    fn a_glob_matches_the_whole_value() {
        for (glob, value, expected) in [
            ("*", "", true),
            ("session*", "session", true),
            ("session*", "my_session", false),
            ("*/2fa/*", "https://a/2fa/?next", true),
            ("*/2fa/*", "/2fa", false),
            ("a?c", "abc", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(Glob::new(glob).matches(value), expected, "{glob} against {value}");
        }
    }

    #[test]
    fn a_hostile_value_takes_linear_time() {
        let glob = Glob::new("*a*a*a*a*a*a*b");
        assert!(!glob.matches(&"a".repeat(100_000)));
    }

    #[test]
    fn a_wider_list_covers_a_narrower_one() {
        for (wide, narrow, expected) in [
            (&["session*"][..], &["session"][..], true),
            (&["session*"], &["session*"], true),
            (&["session*"], &["session_id*"], true),
            (&["session_id*"], &["session*"], false),
            (&["*"], &["a?c*"], true),
            (&["a?c"], &["a*c"], false),
            (&["a", "b"], &["b"], true),
            (&["b"], &["a", "b"], false),
            (&["*"], &["*", "!*/2fa/*"], true),
            (&["*", "!*/2fa/*"], &["*"], false),
            (&["!a"], &["b", "!a*"], true),
            (&["!a*"], &["!a"], false),
            (&["*"], &["!a"], false),
            (&["!~"], &["x"], true),
            (&["x"], &["x", "~"], false),
        ] {
            assert_eq!(Globs::new(wide).covers(&Globs::new(narrow)), expected, "{wide:?} over {narrow:?}");
        }
    }

    #[test]
    fn a_list_that_excludes_what_it_asks_for_accepts_nothing() {
        for (entries, never) in [
            (&["session*", "!*"][..], true),
            (&["session", "!session*"], true),
            (&["!*", "!~"], true),
            (&["~", "!~"], true),
            (&["session*", "!session_old"], false),
            (&["!*"], false),
            (&["~", "!*"], false),
        ] {
            assert_eq!(Globs::new(entries).is_never(), never, "{entries:?}");
        }
    }

    #[test]
    fn exclusions_and_absence() {
        let not_registering = Globs::new(["!lostpassword", "!register"]);
        assert!(not_registering.accepts(None));
        assert!(not_registering.accepts(Some("login")));
        assert!(!not_registering.accepts(Some("register")));
        // Two readings, one of them innocent: the request stays on the route.
        assert!(not_registering.accepts_readings(&["login", "register"]));
        assert!(!not_registering.accepts_readings(&["register", "register"]));
        assert!(Globs::new(["~"]).accepts(None));
        assert!(!Globs::new(["~"]).accepts(Some("")));
        assert!(Globs::new(["*"]).accepts(Some("")));
        assert!(!Globs::new(["*"]).accepts(None));
    }
}
