//! Which addresses show a form of a protected route.
//!
//! Every request that is on no route is asked about here when it is answered, so looking must cost the same with one route
//! and with ten thousand: addresses are looked up whole, and patterns by their first segment, which nearly all spell out.

use crate::engine::pattern::Glob;
use std::collections::{HashMap, HashSet};

#[derive(Debug, Default)]
pub struct Pages {
    whole: HashSet<Box<str>>,
    /// By first segment.
    below: HashMap<Box<str>, Vec<Glob>>,
    /// Whose first segment has a wildcard.
    anywhere: Vec<Glob>,
}

impl Pages {
    pub fn of<'g>(pages: impl Iterator<Item = &'g Glob>) -> Pages {
        let mut all = Pages::default();
        let mut known = HashSet::new();
        for page in pages {
            let text = page.as_str();
            if !known.insert(text) {
                continue;
            }
            match (text.contains(['*', '?']), literal_segment(text)) {
                (false, _) => drop(all.whole.insert(text.into())),
                (true, Some(segment)) => all.below.entry(segment.into()).or_default().push(page.clone()),
                (true, None) => all.anywhere.push(page.clone()),
            }
        }
        all
    }

    pub fn contain(&self, path: &str) -> bool {
        let below = || self.below.get(segment(path)).is_some_and(|globs| globs.iter().any(|glob| glob.matches(path)));
        self.whole.contains(path)
            || (!self.below.is_empty() && below())
            || self.anywhere.iter().any(|glob| glob.matches(path))
    }
}

fn segment(path: &str) -> &str {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split('/').next().unwrap_or(path)
}

/// The first segment, if the pattern spells it out and something follows it.
fn literal_segment(glob: &str) -> Option<&str> {
    let (first, _) = glob.strip_prefix('/')?.split_once('/')?;
    (!first.contains(['*', '?'])).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pages_are_addresses_and_patterns() {
        let globs = ["/login", "/accounts/*", "/*/anmelden", "/accounts/*", "/h?lp"].map(Glob::new);
        let pages = Pages::of(globs.iter());
        for (path, expected) in [
            ("/login", true),
            ("/login/", false),
            ("/Login", false),
            ("/accounts/new", true),
            ("/accounts", false),
            ("/de/anmelden", true),
            ("/anmelden", false),
            ("", false),
            ("/", false),
        ] {
            assert_eq!(pages.contain(path), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn the_index_finds_what_the_patterns_match(
            globs in prop::collection::vec("/[ab*]{0,2}(/[ab*?]{0,2}){0,2}", 0..6),
            path in "/[ab]{0,2}(/[ab]{0,2}){0,2}",
        ) {
            let globs: Vec<Glob> = globs.iter().map(|text| Glob::new(text)).collect();
            let expected = globs.iter().any(|glob| glob.matches(&path));
            prop_assert_eq!(Pages::of(globs.iter()).contain(&path), expected);
        }
    }
}
