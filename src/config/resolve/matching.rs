//! The conditions of a route. Every pattern is compiled here, with bounds, and never on the request path.

use super::Resolver;
use crate::config::file::Match;
use crate::config::settings::{Matching, PathPattern, ValueCondition, ValuePlace};
use crate::config::slot::{Many, Pairs, Slot};
use crate::config::tree::NodeId;
use crate::engine::policy::spelling::nearest;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
/// Longest pattern, and the compiled size of one regular expression.
const PATTERN_LENGTH: usize = 1024;
const REGEX_SIZE: usize = 1 << 20;

impl Resolver<'_, '_> {
    pub(super) fn matching(&self, node: NodeId, keys: &Match) -> Matching {
        let values = [
            (ValuePlace::Query, &keys.query),
            (ValuePlace::Form, &keys.form),
            (ValuePlace::Param, &keys.param),
            (ValuePlace::Json, &keys.json),
            (ValuePlace::Header, &keys.header),
        ];
        Matching {
            methods: self.methods(&keys.method),
            path: self.path_pattern(node, keys),
            hosts: keys.host.good().map(|(node, many)| self.hosts(node, many)),
            values: values.into_iter().flat_map(|(place, pairs)| self.values(place, pairs)).collect(),
        }
    }

    fn methods(&self, slot: &Slot<Many<String>>) -> Vec<Box<str>> {
        let mut methods: Vec<Box<str>> = Vec::new();
        for (node, text) in slot.get().into_iter().flat_map(Many::good) {
            let method = text.to_ascii_uppercase();
            if !METHODS.contains(&method.as_str()) {
                let help = match (text.as_str(), nearest(&method, METHODS)) {
                    ("*" | "any" | "ANY", _) => "leave `method` out for any method".to_owned(),
                    (_, Some(close)) => format!("did you mean `{close}`?"),
                    (_, None) => format!("methods are {}", METHODS.join(", ")),
                };
                self.error(node, format!("`{text}` is not a method that forms use"), &*help);
            }
            if !methods.iter().any(|other| **other == *method) {
                methods.push(method.into());
            }
        }
        methods
    }

    /// Exactly one of the four ways to name a path.
    fn path_pattern(&self, node: NodeId, keys: &Match) -> PathPattern {
        let ways = [
            ("path", &keys.path),
            ("path_prefix", &keys.path_prefix),
            ("path_glob", &keys.path_glob),
            ("path_regex", &keys.path_regex),
        ];
        let mut given = ways.into_iter().filter(|(_, slot)| !slot.is_absent());
        let Some((first, slot)) = given.next() else {
            let help = "write `path: /login`, or `path_glob: '*'` for every path";
            self.error(node, "no path is named", help);
            return PathPattern::Any;
        };
        for (second, slot) in given {
            if let Some(node) = slot.node() {
                let message = format!("`{second}` and `{first}` together: a route has one path");
                self.error(node, message, "keep one of them, or make two routes");
            }
        }
        let Some((node, text)) = slot.good() else { return PathPattern::Any };
        if text.len() > PATTERN_LENGTH {
            self.error(node, format!("a path pattern has at most {PATTERN_LENGTH} bytes"), None);
            return PathPattern::Any;
        }
        match first {
            "path_regex" => self.regex(node, text),
            "path_glob" => {
                if !text.starts_with(['/', '*', '?']) {
                    self.error(node, "a path begins with `/`", &*format!("write `/{text}`"));
                }
                if text.bytes().all(|b| b == b'*') { PathPattern::Any } else { PathPattern::Glob(text.as_str().into()) }
            }
            _ => {
                self.plain_path(node, text, first);
                if first == "path" {
                    PathPattern::Exact(text.as_str().into())
                } else {
                    PathPattern::Prefix(text.as_str().into())
                }
            }
        }
    }

    /// A path as it stands, without pattern.
    fn plain_path(&self, node: NodeId, text: &str, key: &str) {
        if text.contains("://") {
            self.error(node, "a path stands here, not a URL", "name the host under `host`, and write the path alone");
        } else if !text.starts_with('/') {
            self.error(node, "a path begins with `/`", &*format!("write `/{text}`"));
        } else if let Some((path, _)) = text.split_once(['?', '#']) {
            let help = format!("write `{key}: {path}`, and conditions over the query under `query`");
            self.error(node, "a path has no query and no fragment", &*help);
        } else if text.contains('*') {
            let message = format!("`*` stands for itself in `{key}`");
            self.error(node, message, &*format!("write `path_glob: {text}`"));
        } else if text.chars().any(|c| c.is_control() || c == ' ') {
            self.error(
                node,
                "a path has no spaces and control characters",
                "write it decoded, as the application sees it",
            );
        }
    }

    fn regex(&self, node: NodeId, text: &str) -> PathPattern {
        let compile = |pattern: &str| {
            regex::RegexBuilder::new(pattern).size_limit(REGEX_SIZE).dfa_size_limit(REGEX_SIZE).nest_limit(64).build()
        };
        // Alone first: what is no expression by itself could become one, and another, inside of the anchors.
        match compile(text).and_then(|_| compile(&format!("^(?:{text})$"))) {
            Ok(regex) => PathPattern::Regex(regex),
            Err(regex::Error::CompiledTooBig(_)) => {
                self.error(node, "this regular expression is too large when compiled", "make its repetitions smaller");
                PathPattern::Any
            }
            Err(error) => {
                // The library draws its own picture of the place; the last line says what is wrong.
                let said = error.to_string();
                let reason = said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                let help =
                    reason.contains("look-around").then_some("`(?=`, `(?!` and `(?<` are not read; use two routes");
                self.error(node, format!("this is not a regular expression: {reason}"), help);
                PathPattern::Any
            }
        }
    }

    fn values(&self, place: ValuePlace, slot: &Slot<Pairs<Many<String>>>) -> Vec<ValueCondition> {
        let mut conditions = Vec::new();
        for (at, name, node, accept) in slot.get().into_iter().flat_map(Pairs::good) {
            let mut name: Box<str> = name.into();
            match place {
                ValuePlace::Json => self.pointer(at, &name),
                ValuePlace::Header => {
                    name.make_ascii_lowercase();
                    self.header_name(at, &name);
                    if matches!(&*name, "host" | ":authority") {
                        self.error(at, "hosts have a key of their own", "write `host: shop.example` beside `path:`");
                    }
                }
                ValuePlace::Query | ValuePlace::Form | ValuePlace::Param => {}
            }
            if let Some(accept) = self.glob_list(node, accept) {
                conditions.push(ValueCondition {
                    place,
                    name,
                    accept,
                    concealed: self.document.tree.is_expanded(node),
                });
            }
        }
        conditions
    }

    /// A JSON Pointer (RFC 6901).
    pub(super) fn pointer(&self, node: NodeId, text: &str) {
        if !text.is_empty() && !text.starts_with('/') {
            let pointer = format!("/{}", text.trim_start_matches("$.").replace('.', "/"));
            self.error(node, format!("`{text}` is not a JSON Pointer"), &*format!("write `{pointer}`"));
            return;
        }
        let escapes = text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
        if !escapes {
            self.error(node, "in a JSON Pointer `~` is written `~0`, and a `/` inside of a name `~1`", None);
        }
    }
}
