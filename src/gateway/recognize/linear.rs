//! Recognition as it is defined: every route is asked, in order. The index must say the same, only sooner.

use super::index::MAX_PATH;
use super::key::{folded, trimmed};
use super::pattern::Pattern;
use super::readings::{Author, Readings};
use super::specimen::route;
use super::*;
use crate::config::settings::Matching;
use crate::config::settings::PathPattern;
use crate::engine::attempt::Ambiguity;
use crate::engine::pattern::Globs;
use http::HeaderValue;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use regex::bytes::{Regex, RegexBuilder};

/// A pattern as written, and in any case.
type Regexes = (Regex, Regex);

fn regexes(pattern: &PathPattern) -> Option<Regexes> {
    let regex = Pattern::of(pattern)?.regex;
    let built = |any_case| RegexBuilder::new(&regex).case_insensitive(any_case).build().unwrap();
    Some((built(false), built(true)))
}

/// How one reading of a path relates to a configured one, likeliest first.
fn relations(pattern: &PathPattern, regexes: Option<&Regexes>, reading: &[u8]) -> Vec<Names> {
    let spellings =
        |path: &str| Readings::of(path.as_bytes(), Author::Operator).all.into_iter().map(|found| found.text);
    let same = |a: &[u8], b: &[u8]| folded(a).eq_ignore_ascii_case(&folded(b));
    match pattern {
        // What has no leading slash lies in no directory, but as the reading that gives it one.
        PathPattern::Any | PathPattern::Glob(_) | PathPattern::Regex(_)
            if !reading.is_empty() && !reading.starts_with(b"/") =>
        {
            Vec::new()
        }
        PathPattern::Any => vec![Names::RAW],
        PathPattern::Exact(path) => spellings(path)
            .filter(|text| same(trimmed(text), trimmed(reading)))
            .map(|text| {
                let slash = (trimmed(reading).len() < reading.len()) != (trimmed(&text).len() < text.len());
                let case = trimmed(reading) != trimmed(&text);
                Names::RAW.and_if(case, Names::CASE).and_if(slash, Names::TRAILING_SLASH)
            })
            .collect(),
        PathPattern::Prefix(path) => spellings(path)
            .filter(|text| {
                let ends = trimmed(reading).iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
                ends.chain([trimmed(reading).len()]).any(|end| same(&reading[..end], trimmed(text)))
            })
            .map(|text| Names::RAW.and_if(!reading.starts_with(trimmed(&text)), Names::CASE))
            .collect(),
        PathPattern::Glob(_) | PathPattern::Regex(_) => {
            let (as_written, any_case) = regexes.unwrap();
            let other = match reading {
                b"/" | b"" => None,
                [shorter @ .., b'/'] => Some(shorter.to_vec()),
                longer => Some([longer, b"/"].concat()),
            };
            let views = [(Some(reading.to_vec()), Names::RAW), (other, Names::TRAILING_SLASH)];
            let mut found = Vec::new();
            for (view, names) in views.into_iter().filter_map(|(view, names)| Some((view?, names))) {
                let lossy = String::from_utf8_lossy(&view).into_owned().into_bytes();
                for (regex, names) in [(as_written, names), (any_case, names.and(Names::CASE))] {
                    if regex.is_match(&view) || regex.is_match(&lossy) {
                        found.push(names);
                    }
                }
            }
            found
        }
    }
}

impl Routes {
    fn linear(&self, regexes: &[Option<Regexes>], head: &Head) -> Option<Candidates> {
        let request = Asked::of(head);
        let path = request.target.path;
        let author = if request.methods.write() { Author::Writer } else { Author::Reader };
        let readings = (path.len() <= MAX_PATH).then(|| Readings::of(path, author));
        let mut found: Vec<Candidate> = Vec::new();
        let mut elsewhere = Names::RAW;
        for (route, regexes) in self.ranked.iter().zip(regexes) {
            let mut relations = match &readings {
                None => vec![Names::TOO_LONG],
                Some(readings) => readings
                    .all
                    .iter()
                    .flat_map(|reading| {
                        let relations = relations(&route.matching.path, regexes.as_ref(), &reading.text);
                        relations.into_iter().map(|names| names.and(reading.names))
                    })
                    .collect(),
            };
            if readings.as_ref().is_some_and(|readings| readings.overflown) {
                relations.push(Names::TOO_MANY);
            }
            let Some(&first) = relations.first() else { continue };
            let names = if relations.iter().any(|names| names.is_raw()) { Names::RAW } else { first };
            let decided = found.first().is_some_and(Candidate::is_decided);
            if decided && (names.is_raw() || !elsewhere.is_raw()) {
                continue;
            }
            match request.candidate(route, names) {
                Some(candidate) if decided => elsewhere = candidate.names,
                Some(candidate) => found.push(candidate),
                None => {}
            }
        }
        let mut found = found.into_iter();
        let first = found.next()?;
        Some(Candidates { first, others: found.collect(), elsewhere, methods: request.methods.into_known() })
    }
}

fn path_pattern() -> impl Strategy<Value = PathPattern> {
    let plain = || "/(a|b|K|é|a/b|B/a|a/../b|a//b|b/)(/c)?";
    let regexes =
        ["/a[0-9]*/b", "(?i:/K)", "/(?:a|b)/c", ".*", ".*/c", "/a/./b", "/[ab]+", "(?:/a/c|/b)", "/é.*", "/a(?:/b)?"];
    prop_oneof![
        4 => plain().prop_map(|path| PathPattern::Exact(path.into())),
        2 => plain().prop_map(|path| PathPattern::Prefix(path.into())),
        3 => "(/|\\*|\\?)(\\*|\\?|a|b|k|/|/c|é){0,4}".prop_map(|glob| PathPattern::Glob(glob.into())),
        2 => select(regexes.to_vec())
            .prop_map(|text| PathPattern::Regex(regex::Regex::new(&format!("^(?:{text})$")).unwrap())),
        1 => Just(PathPattern::Any),
    ]
}

fn matching() -> impl Strategy<Value = Matching> {
    let hosts = proptest::option::weighted(0.8, proptest::collection::vec("!?[ab*?]{0,2}(\\.[ab*])?|~", 1..3));
    let value = ("[ab]", select(vec![ValuePlace::Query, ValuePlace::Param, ValuePlace::Form]), "!?[ab*]|~");
    (subsequence(vec!["GET", "POST", "PUT"], 0..3), path_pattern(), hosts, proptest::collection::vec(value, 0..2))
        .prop_map(|(methods, path, hosts, values)| Matching {
            methods: methods.into_iter().map(Box::from).collect(),
            path,
            hosts: hosts.map(Globs::new),
            values: values
                .into_iter()
                .map(|(name, place, glob)| ValueCondition {
                    place,
                    name: name.into(),
                    accept: Globs::new([glob]),
                    concealed: false,
                })
                .collect(),
        })
}

fn said(recognized: &Recognized) -> (String, Vec<Ambiguity>) {
    (recognized.route.name.to_string(), recognized.ambiguities.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_index_says_what_asking_every_route_says(
        conditions in proptest::collection::vec(matching(), 0..40),
        requests in proptest::collection::vec((
            select(vec!["GET", "POST", "PUT", "post"]),
            "/?(a|b|k|é|A|B|c|a1|%61|%2f|\\.\\.|;x|\\\\|/|\\.js|\u{212a}|%ff){0,5}/?(\\?(a|b)=(a|b))?",
            proptest::collection::vec("[ab]{1,2}(\\.[ab])?|/", 0..3),
            any::<bool>(),
        ), 8),
    ) {
        let routes: Vec<Arc<Route>> =
            conditions.into_iter().enumerate().map(|(number, matching)| route(&number.to_string(), matching)).collect();
        let routes = Routes::new(&routes);
        let regexes: Vec<_> = routes.ranked.iter().map(|route| regexes(&route.matching.path)).collect();
        for (method, target, hosts, has_body) in requests {
            let mut headers = HeaderMap::new();
            for host in &hosts {
                headers.append(http::header::HOST, HeaderValue::from_str(host).unwrap());
            }
            let head = Head { method, target: target.as_bytes(), authority: None, headers: &headers, has_body, peer_is_trusted: false };
            let (found, expected) = (routes.candidates(&head), routes.linear(&regexes, &head));
            let needs_body = |found: &Option<Candidates>| found.as_ref().map(Candidates::needs_body);
            prop_assert_eq!(needs_body(&found), needs_body(&expected), "{} {} {:?}", method, &target, &hosts);
            let presumed = |found: &Option<Candidates>| found.as_ref().map(|found| said(&found.presume()));
            prop_assert_eq!(presumed(&found), presumed(&expected), "{} {} {:?}", method, &target, &hosts);
            let settled = |found: &Option<Candidates>| {
                found.as_ref().and_then(|found| found.settle(&())).map(|found| said(&found))
            };
            prop_assert_eq!(settled(&found), settled(&expected), "{} {} {:?}", method, &target, &hosts);
        }
    }
}
