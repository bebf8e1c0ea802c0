//! Why a request is on a route, or is not: every condition of every route, asked over the whole request.
//!
//! Recognition itself stops at the first condition that does not hold and asks most routes nothing at all; an operator
//! who wonders why a form is not protected needs the rest. The questions are the same functions, and a property test
//! holds that the first route all of whose conditions hold is the one that recognition chooses.

use super::candidates::holds;
use super::host::{HostFit, Hosts};
use super::method::{self, METHOD_PARAMETER, MethodFit, Methods};
use super::sites::Plausible;
use super::target::Target;
use super::values::{BodyValues, ValueReadings};
use super::{Head, Routes};
use crate::config::settings::{PathPattern, Route, ValueCondition, ValuePlace};
use crate::gateway::form::QueryParameter;
use std::borrow::Cow;
use std::sync::Arc;

/// How a request stands to one route.
#[derive(Debug)]
pub struct RouteFit<'r> {
    pub route: &'r Arc<Route>,
    pub conditions: Vec<ConditionFit>,
}

impl RouteFit<'_> {
    pub fn holds(&self) -> bool {
        self.conditions.iter().all(|condition| condition.holds)
    }
}

/// One condition, and what it was asked of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionFit {
    /// The key in the configuration: `method`, `path`, `host`, `param.action`.
    pub key: String,
    /// What is wanted.
    pub wants: String,
    pub holds: bool,
    /// Readings that made it hold; none: it holds as the request is written.
    pub readings: Vec<&'static str>,
    /// What the request has.
    pub seen: String,
}

/// Longest text that is shown of a request.
const SHOWN: usize = 80;

impl Routes {
    /// Every route, in the order in which they are tried.
    pub fn fits(&self, head: &Head, body: &dyn BodyValues) -> Vec<RouteFit<'_>> {
        let target = Target::of(head.target);
        let methods = Methods::of(head, target.query);
        // Whatever its host: that is a condition of its own here.
        let hits = self.index.hits(target.path, methods.write(), &|| &Plausible::All);
        let hosts =
            Hosts::of([target.authority, head.authority.map(str::as_bytes)], head.headers, head.peer_is_trusted);
        let request = Whole { head, target, methods, hosts, body };
        self.ranked
            .iter()
            .enumerate()
            .map(|(rank, route)| {
                let hit = hits.iter().find(|(hit, _)| *hit as usize == rank).map(|(_, names)| names.list());
                RouteFit { route, conditions: request.conditions(route, hit) }
            })
            .collect()
    }
}

/// One whole request.
struct Whole<'h> {
    head: &'h Head<'h>,
    target: Target<'h>,
    methods: Methods<'h>,
    hosts: Hosts,
    body: &'h dyn BodyValues,
}

impl Whole<'_> {
    fn conditions(&self, route: &Route, hit: Option<Vec<&'static str>>) -> Vec<ConditionFit> {
        let matching = &route.matching;
        let mut conditions = Vec::new();
        if !matching.methods.is_empty() {
            let known = self.known_methods(&matching.methods);
            let fit = method::fit(&matching.methods, known.iter().map(String::as_str));
            conditions.push(ConditionFit {
                key: "method".to_owned(),
                wants: matching.methods.join(" or "),
                holds: fit != MethodFit::None,
                readings: if fit == MethodFit::Some { vec!["method"] } else { Vec::new() },
                seen: shown(&known.join(", ")),
            });
        }
        let (key, wants) = match &matching.path {
            PathPattern::Exact(path) => ("path", path.to_string()),
            PathPattern::Prefix(path) => ("path_prefix", path.to_string()),
            PathPattern::Glob(glob) => ("path_glob", glob.to_string()),
            PathPattern::Regex(regex) => ("path_regex", regex.as_str().to_owned()),
            PathPattern::Any => ("path", "any".to_owned()),
        };
        if !matches!(matching.path, PathPattern::Any) {
            conditions.push(ConditionFit {
                key: key.to_owned(),
                wants,
                holds: hit.is_some(),
                readings: hit.unwrap_or_default(),
                seen: shown(&String::from_utf8_lossy(self.target.path)),
            });
        }
        if let Some(accepted) = &matching.hosts {
            let fit = self.hosts.fit(accepted);
            conditions.push(ConditionFit {
                key: "host".to_owned(),
                wants: accepted.to_string(),
                holds: fit != HostFit::None,
                readings: if fit == HostFit::Some { vec!["host"] } else { Vec::new() },
                seen: shown(&self.hosts.to_string()),
            });
        }
        for condition in &matching.values {
            let in_query = match condition.place {
                ValuePlace::Query | ValuePlace::Param => {
                    ValueReadings::in_query(self.target.query, &QueryParameter::new(&condition.name))
                }
                ValuePlace::Header => ValueReadings::in_headers(self.head.headers, &condition.name),
                ValuePlace::Form | ValuePlace::Json => ValueReadings::absent(),
            };
            let place = match condition.place {
                ValuePlace::Query => "query",
                ValuePlace::Form => "form",
                ValuePlace::Param => "param",
                ValuePlace::Json => "json",
                ValuePlace::Header => "header",
            };
            conditions.push(ConditionFit {
                key: format!("{place}.{}", condition.name),
                wants: wanted(condition),
                holds: holds(condition, &in_query, self.body),
                readings: Vec::new(),
                seen: self.value(condition.place, &condition.name, &in_query),
            });
        }
        conditions
    }

    fn known_methods(&self, accepted: &[Box<str>]) -> Vec<String> {
        let mut known = self.methods.known();
        if self.methods.form_may_tell(accepted) {
            let form = self.body.form(METHOD_PARAMETER).into_iter().chain(self.body.json("/_method"));
            known.extend(form.map(Cow::into_owned).filter(|method| !method.is_empty()));
        }
        known
    }

    /// Not the values themselves: nobody knows what a visitor wrote there.
    fn value(&self, place: ValuePlace, name: &str, in_query: &ValueReadings) -> String {
        let in_body = match place {
            ValuePlace::Query | ValuePlace::Header => 0,
            ValuePlace::Form | ValuePlace::Param => self.body.form(name).len(),
            ValuePlace::Json => self.body.json(name).len(),
        };
        match in_query.values.len() + in_body {
            0 if self.head.has_body || matches!(place, ValuePlace::Query | ValuePlace::Header) => "absent".to_owned(),
            0 => "absent (the request has no body)".to_owned(),
            1 => "another value".to_owned(),
            some => format!("{some} readings"),
        }
    }
}

/// What a header must be is often a secret between two machines, and what came from the environment may be one:
/// explanations are pasted into tickets.
fn wanted(condition: &ValueCondition) -> String {
    match condition.concealed || condition.place == ValuePlace::Header {
        true => "a value that is not shown".to_owned(),
        false => condition.accept.to_string(),
    }
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// What a reading's name in the record means.
pub fn in_words(reading: &str) -> Option<&'static str> {
    READINGS.iter().find(|(name, _)| *name == reading).map(|(_, words)| *words)
}

static READINGS: &[(&str, &str)] = &[
    ("decoded", "percent escapes are decoded"),
    ("decoded_segments", "percent escapes are decoded, but for those of delimiters"),
    ("overlong", "overlong UTF-8 is decoded"),
    ("compatible", "letters that look alike are one letter"),
    ("backslash", "a backslash is a slash"),
    ("dots", "`.` and `..` are resolved"),
    ("slashes", "several slashes are one"),
    ("segment_ends", "dots and blanks at a segment's end are dropped"),
    ("rooted", "a path without a slash begins at the root"),
    ("controls", "control characters are dropped"),
    ("nul", "the path ends at a NUL"),
    ("fragment", "the path ends at a `#`"),
    ("question_mark", "the path ends at an escaped `?`"),
    ("parameters", "`;…` after a segment is dropped"),
    ("parameters_cut", "the path ends at a `;`"),
    ("authority", "what follows `//` is a host"),
    ("path_info", "what follows a script's name is for the script"),
    ("format", "a suffix such as `.json` asks for a format"),
    ("case", "upper and lower case are one"),
    ("trailing_slash", "a slash at the end makes no difference"),
    ("host", "the request names several hosts, or none that can be read"),
    ("too_long", "the path is too long to be read"),
    ("too_many_readings", "the path has more readings than are followed"),
    ("method", "the request names several methods"),
];

#[cfg(test)]
mod tests {
    use super::super::readings::Names;
    use super::super::specimen::route;
    use super::*;
    use crate::config::settings::Matching;
    use crate::engine::pattern::Globs;
    use http::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    #[test]
    fn every_reading_has_its_words() {
        for name in Names::all().list() {
            assert!(in_words(name).is_some(), "`{name}` cannot be explained");
        }
    }

    struct Form(Vec<(&'static str, &'static str)>);

    impl BodyValues for Form {
        fn form(&self, name: &str) -> Vec<Cow<'_, str>> {
            self.0.iter().filter(|(known, _)| *known == name).map(|(_, value)| Cow::Borrowed(*value)).collect()
        }

        fn json(&self, _pointer: &str) -> Vec<Cow<'_, str>> {
            Vec::new()
        }
    }

    fn matching(method: bool, path: PathPattern, host: bool, value: Option<(ValuePlace, &[&str])>) -> Matching {
        let values = value.map(|(place, accept)| ValueCondition {
            place,
            name: "action".into(),
            accept: Globs::new(accept),
            concealed: false,
        });
        Matching {
            methods: if method { vec!["POST".into()] } else { Vec::new() },
            path,
            hosts: host.then(|| Globs::new(["shop.example"])),
            values: values.into_iter().collect(),
        }
    }

    fn routes() -> Routes {
        let exact = |path: &str| PathPattern::Exact(path.into());
        Routes::new(&[
            route("login", matching(true, exact("/login"), false, None)),
            route("shop", matching(true, exact("/login"), true, None)),
            route("action", matching(true, exact("/login"), false, Some((ValuePlace::Param, &["login"])))),
            route(
                "not",
                matching(false, PathPattern::Prefix("/wp".into()), false, Some((ValuePlace::Form, &["!register"]))),
            ),
            route("query", matching(false, exact("/wp/x"), true, Some((ValuePlace::Query, &["a*", "~"])))),
            route("glob", matching(true, PathPattern::Glob("/*/sign-in".into()), false, None)),
        ])
    }

    #[test]
    fn a_near_miss_says_what_did_not_hold() {
        let routes = routes();
        let headers = HeaderMap::new();
        let head = Head {
            method: "GET",
            target: b"/login/",
            authority: None,
            headers: &headers,
            has_body: false,
            peer_is_trusted: false,
        };
        let fits = routes.fits(&head, &());
        let login = fits.iter().find(|fit| &*fit.route.name == "login").unwrap();
        let told: Vec<_> = login.conditions.iter().map(|c| (c.key.as_str(), c.holds, c.seen.as_str())).collect();
        assert_eq!(told, [("method", false, "GET"), ("path", true, "/login/")]);
        assert_eq!(login.conditions[1].readings, ["trailing_slash"]);
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for (place, concealed, shown) in [
            (ValuePlace::Header, false, false),
            (ValuePlace::Header, true, false),
            (ValuePlace::Param, true, false),
            (ValuePlace::Param, false, true),
        ] {
            let mut wanted = matching(true, PathPattern::Exact("/login".into()), false, Some((place, &["hunter2"])));
            wanted.values[0].concealed = concealed;
            let routes = Routes::new(&[route("login", wanted)]);
            let headers = HeaderMap::new();
            let head = Head {
                method: "POST",
                target: b"/login",
                authority: None,
                headers: &headers,
                has_body: false,
                peer_is_trusted: false,
            };
            let told = &routes.fits(&head, &())[0].conditions[2];
            assert_eq!(told.wants.contains("hunter2"), shown, "{place:?}: {told:?}");
        }
    }

    proptest! {
        #[test]
        fn the_first_route_that_fits_is_the_one_that_is_recognised(
            method in proptest::sample::select(vec!["POST", "GET", "post", "PUT"]),
            target in proptest::sample::select(vec![
                "/login", "/LOGIN/", "/x/..%2flogin", "/login?action=login", "/login?action=x&action=login", "/wp", "/wp/x",
                "/wp/x?action=ab", "/wp/x?action=b", "/a/sign-in", "/login?_method=POST", "/nothing", "//h/login;x",
            ]),
            host in proptest::option::of(proptest::sample::select(vec!["shop.example", "blog.example"])),
            form in proptest::collection::vec(proptest::sample::select(vec![
                ("action", "login"), ("action", "register"), ("_method", "POST"), ("_method", "PUT"),
            ]), 0..3),
            has_body: bool,
        ) {
            let routes = routes();
            let mut headers = HeaderMap::new();
            if let Some(host) = host {
                headers.insert("host", HeaderValue::from_static(host));
            }
            let form = Form(if has_body { form } else { Vec::new() });
            let head = Head { method, target: target.as_bytes(), authority: None, headers: &headers, has_body, peer_is_trusted: false };
            let recognised = routes.candidates(&head).and_then(|candidates| candidates.settle(&form));
            let fits = routes.fits(&head, &form);
            let first = fits.iter().find(|fit| fit.holds()).map(|fit| &*fit.route.name);
            prop_assert_eq!(first, recognised.as_ref().map(|found| &*found.route.name));
        }
    }
}
