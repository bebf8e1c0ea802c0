//! The effective configuration: what the operator wrote, and every default that stands where nothing was written.
//!
//! It is printed from the file's own tree along the [schema](super::schema), not from the settings: so it keeps the
//! operator's spelling, loads again to the same settings, and shows a default exactly where the schema promises one.
//! Nothing secret is printed. A value from the environment is shown as its variable, which is both safe and true; the
//! password in a URL, and what the schema marks as secret, become stars.

use super::report::is_format;
use super::schema::{behind, schema};
use super::settings::{LONGEST_BAN, Settings};
use super::tree::{Kind, NodeId, Tree, build};
use super::units;
use super::url;
use crate::engine::decision::Action;
use crate::engine::event::Event;
use crate::engine::policy::{RuleSource, standard};
use serde_json::Value;

/// Stand for the braces of a variable in a tree that was read without putting values in.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// The configuration in `source`, which was read to `settings`, as YAML.
pub fn show(source: &str, settings: &Settings) -> String {
    let root = schema();
    let (tree, _) = build(source, &|name| Some(format!("{OPEN}{name}{CLOSE}")));
    // The caller has read the same text without a fault.
    let Some(tree) = tree else { return String::new() };
    let mut shown = Shown { root: &root, tree: &tree, text: String::new() };
    shown.text.push_str("# The effective configuration. What is marked as a default is not in the file.\n");
    shown.mapping(&root, Some(tree.root()), 0, "");
    let mut text = shown.text;
    standard_policies(settings, &mut text);
    text
}

struct Shown<'a> {
    root: &'a Value,
    tree: &'a Tree,
    text: String,
}

impl Shown<'_> {
    /// The keys of a mapping in the schema's order, then nothing else: unknown keys do not load.
    fn mapping(&mut self, schema: &Value, node: Option<NodeId>, depth: usize, path: &str) {
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match self.child(node, name) {
                Some(value) => self.entry(name, property, value, depth, &path),
                None if self.applies(&path, node) => self.default(name, property, depth, &path),
                None => {}
            }
        }
        let Some(named) = schema.get("additionalProperties").filter(|named| named.is_object()) else { return };
        for &(key, value) in node.map_or(&[][..], |node| self.tree.pairs(node)) {
            let name = quoted(self.tree.text(key).unwrap_or_default(), true);
            self.entry(&name, named, value, depth, &format!("{path}.NAME"));
        }
    }

    /// What was written under a key; nothing at all is the default.
    fn child(&self, node: Option<NodeId>, name: &str) -> Option<NodeId> {
        let pairs = self.tree.pairs(node?);
        let (_, value) = pairs.iter().find(|(key, _)| self.tree.text(*key) == Some(name))?;
        (!self.tree.is_empty(*value)).then_some(*value)
    }

    /// Whether a default stands here: not every key means something beside every other.
    fn applies(&self, path: &str, node: Option<NodeId>) -> bool {
        match path {
            "policies.NAME.deny.respond" => self.child(node, "redirect").is_none(),
            // A first ban that is longer than the default is itself the longest.
            "policies.NAME.rules.ban.most"
            | "policies.NAME.on_success.ban.most"
            | "policies.NAME.when_degraded.ban.most" => {
                let first = self.child(node, "for").and_then(|first| self.tree.text(first));
                first.and_then(|first| units::duration(first).ok()).is_none_or(|first| first <= LONGEST_BAN)
            }
            "store.cluster" | "store.deadline" | "store.prefix" | "store.tokens" => self.reads(node, "kind", "redis"),
            _ => true,
        }
    }

    fn reads(&self, node: Option<NodeId>, name: &str, value: &str) -> bool {
        self.child(node, name).is_some_and(|child| self.tree.text(child) == Some(value))
    }

    fn entry(&mut self, name: &str, schema: &Value, node: NodeId, depth: usize, path: &str) {
        self.indent(depth);
        self.text.push_str(name);
        self.text.push(':');
        self.value(schema, node, depth, path);
    }

    /// A value behind its key or dash.
    fn value(&mut self, schema: &Value, node: NodeId, depth: usize, path: &str) {
        let tree = self.tree;
        let inner = behind(self.root, schema);
        match tree.kind(node) {
            Kind::Scalar { text, plain, .. } => {
                let secret = inner.get("writeOnly").is_some_and(|secret| secret == true);
                let text = if secret { "***".to_owned() } else { without_secrets(text) };
                self.text.push(' ');
                self.text.push_str(&quoted(&text, *plain));
                self.text.push('\n');
            }
            Kind::Refused => self.text.push_str(" null\n"),
            Kind::Sequence(entries) if entries.is_empty() => self.text.push_str(" []\n"),
            Kind::Sequence(entries) => {
                self.text.push('\n');
                let items = inner.get("items").unwrap_or(schema);
                for &entry in entries {
                    self.indent(depth + 1);
                    self.text.push('-');
                    self.item(items, entry, depth + 2, path);
                }
            }
            Kind::Mapping(_) => {
                let mut nested = Shown { root: self.root, tree, text: String::new() };
                nested.mapping(inner, Some(node), depth + 1, path);
                if inner.get("properties").is_none() && inner.get("additionalProperties").is_none() {
                    nested.as_written(node, depth + 1);
                }
                match nested.text.is_empty() {
                    true => self.text.push_str(" {}\n"),
                    false => self.text.extend(["\n", &nested.text]),
                }
            }
        }
    }

    /// A value behind a dash: a mapping's first key stands on the dash's own line.
    fn item(&mut self, schema: &Value, node: NodeId, depth: usize, path: &str) {
        if !matches!(self.tree.kind(node), Kind::Mapping(_)) {
            return self.value(schema, node, depth, path);
        }
        let inner = behind(self.root, schema);
        let mut nested = Shown { root: self.root, tree: self.tree, text: String::new() };
        nested.mapping(inner, Some(node), depth, path);
        let first = nested.text.trim_start();
        self.text.extend([if first.is_empty() { " {}\n" } else { " " }, first]);
    }

    /// A mapping that the schema says nothing of.
    fn as_written(&mut self, node: NodeId, depth: usize) {
        for &(key, value) in self.tree.pairs(node) {
            let name = quoted(self.tree.text(key).unwrap_or_default(), true);
            self.entry(&name, &Value::Null, value, depth, "");
        }
    }

    /// What stands where nothing was written.
    fn default(&mut self, name: &str, schema: &Value, depth: usize, path: &str) {
        if let Some(default) = schema.get("default") {
            self.indent(depth);
            let text = default.as_str().map_or_else(|| number(default), str::to_owned);
            self.text.extend([name, ": ", &text, "  # default\n"]);
            return;
        }
        let inner = behind(self.root, schema);
        // Without its required keys a mapping would not load: it is left out whole.
        if inner.get("properties").is_some() && inner.get("required").is_none() {
            let mut nested = Shown { root: self.root, tree: self.tree, text: String::new() };
            nested.mapping(inner, None, depth + 1, path);
            if !nested.text.is_empty() {
                self.indent(depth);
                self.text.extend([name, ":\n", &nested.text]);
                return;
            }
        }
        if depth == 0 {
            self.text.push_str(&format!("# {name}: not set\n"));
        }
    }

    fn indent(&mut self, depth: usize) {
        self.text.extend(std::iter::repeat_n("  ", depth));
    }
}

/// `12.0` as people write it.
fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        _ => value.to_string(),
    }
}

/// As YAML reads it back. What stood without quotes needs none; variables get their braces back, and what only looks
/// like one its second dollar.
fn quoted(text: &str, plain: bool) -> String {
    let text = text.replace("${", "$${").replace(OPEN, "${").replace(CLOSE, "}");
    let words = |c: char| c.is_ascii_alphanumeric() || "_-./$".contains(c);
    if plain && (text.chars().all(words) || bare(&text)) {
        return text;
    }
    if text.chars().any(unseen) {
        // JSON's escapes are YAML's; what JSON leaves as it is and nobody sees is escaped as well.
        let escaped = |c: char| match u32::from(c) {
            _ if !unseen(c) => c.to_string(),
            code @ ..=0xffff => format!("\\u{code:04x}"),
            code => format!("\\U{code:08x}"),
        };
        return Value::String(text).to_string().chars().map(escaped).collect();
    }
    format!("'{}'", text.replace('\'', "''"))
}

fn unseen(c: char) -> bool {
    c.is_control() || is_format(c)
}

/// Whether a text that stood without quotes, perhaps over several lines, needs none in one line of a block.
fn bare(text: &str) -> bool {
    !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':')
        && !text.chars().any(unseen)
        && !text.starts_with(['[', ']', '{', '}', ',', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', ' '])
        && !text.starts_with("- ")
        && !text.starts_with("? ")
}

/// `redis://user:***@host`, `/sorry?token=***`: what opens something in a URL is nobody's to read.
fn without_secrets(text: &str) -> String {
    let mut shown = text.to_owned();
    // From the end, so that the places before stay true.
    for place in url::secrets(text).into_iter().rev() {
        shown.replace_range(place, "***");
    }
    shown
}

/// The built-in policy as it rules for the routes that name none. In comments: its name cannot be given again.
fn standard_policies(settings: &Settings, text: &mut String) {
    let mut events: Vec<&Event> =
        settings.routes.iter().filter(|route| &*route.policy.rules.name == "standard").map(|r| &r.event).collect();
    events.sort_by_key(|event| event.name());
    events.dedup();
    for event in events {
        let policy = standard(event);
        text.push_str(&format!("\n# The built-in policy `standard`, as it rules for `{}`:\n", event.name()));
        text.push_str("# policies:\n#   standard:\n");
        for (list, rules) in [("rules", &policy.rules), ("on_success", &policy.on_success)] {
            if rules.is_empty() {
                continue;
            }
            text.push_str(&format!("#     {list}:\n"));
            for RuleSource { name, when, action, .. } in rules {
                let what = match action {
                    Action::Challenge(kind) => format!("challenge, challenge: {kind}"),
                    other => other.name().to_owned(),
                };
                let when = quoted(when, true);
                text.push_str(&format!("#       - {{ name: {name}, when: {when}, action: {what} }}\n"));
            }
        }
        text.push_str(&format!("#     otherwise: {}\n", policy.otherwise.name()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::corpus::{environment, files};
    use crate::config::parse_in;
    use std::path::Path;

    fn settings(text: &str, base: &Path) -> Settings {
        parse_in("shown.yaml", text, base, &environment, crate::config::Reach::Here)
            .unwrap_or_else(|report| panic!("{report}\n{text}"))
            .0
    }

    /// Everything but the hash of the file's text.
    fn meaning(settings: &Settings) -> String {
        format!("{settings:#?}").replace(&*settings.hash, "")
    }

    #[test]
    fn what_is_shown_loads_to_the_same_settings() {
        let mut shown = 0;
        for folder in ["conf", "conf/examples", "tests/fixtures/config/good"] {
            if !Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).is_dir() {
                continue;
            }
            for path in files(folder) {
                let text = std::fs::read_to_string(&path).unwrap();
                let before = settings(&text, path.parent().unwrap());
                let again = show(&text, &before);
                let after = settings(&again, path.parent().unwrap());
                assert_eq!(meaning(&before), meaning(&after), "{}:\n{again}", path.display());
                // And once more: nothing is left to fill in.
                let twice = show(&again, &after);
                assert_eq!(meaning(&after), meaning(&settings(&twice, path.parent().unwrap())));
                shown += 1;
            }
        }
        assert!(shown > 10, "{shown} files");
    }

    const SMALL: &str = "version: 1\nmode: monitor\nlisten: [{ address: 127.0.0.1:8080 }]\n\
                         upstream: { servers: [\"127.0.0.1:9000\"] }\n";

    #[test]
    fn defaults_are_filled_in_and_marked() {
        let text = format!(
            "{SMALL}routes: [{{ name: a, event: login, match: {{ path: /login }} }}]\nlimits: {{ head: 5s }}\n"
        );
        let shown = show(&text, &settings(&text, Path::new("")));
        for line in [
            "product: default  # default",
            "  head: 5s",
            "  capture: 10s  # default",
            "    connect: 2s  # default",
            "    too_large: 413  # default",
            "# admin: not set",
            "#       - { name: stuffing, when: fired.credential_stuffing && bot >= 90, action: deny }",
            "#     on_success:",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        }
        for absent in ["trusted_proxies", "certificate"] {
            assert!(!shown.contains(absent), "{absent}\n{shown}");
        }
    }

    #[test]
    fn the_built_in_policy_is_shown_as_yaml_that_compiles() {
        for event in Event::NAMED {
            // What a settlement cannot do without.
            let more = match event {
                Event::Settlement => ", fields: { order: 'json:/order' }, outcome: { succeeded: [{ status: 200 }] }",
                // Nor a second judgement.
                Event::Login => ", outcome: { succeeded: [{ status: 302 }] }",
                _ => "",
            };
            let text =
                format!("{SMALL}routes: [{{ name: a, event: {}, match: {{ path: /login }}{more} }}]\n", event.name());
            let shown = show(&text, &settings(&text, Path::new("")));
            let (_, comment) = shown.split_once("rules for").unwrap();
            let policy: String = comment
                .lines()
                .skip(1)
                .map(|line| line.trim_start_matches("# ").replace("standard", "mine") + "\n")
                .collect();
            let again = text.replace("match:", "policy: mine, match:") + &policy;
            let (mine, standard) = (settings(&again, Path::new("")), settings(&text, Path::new("")));
            let rules = |settings: &Settings| {
                let policy = &settings.routes[0].policy.rules;
                format!("{:?} {:?}", policy.rules, policy.on_success)
            };
            assert_eq!(rules(&mine), rules(&standard), "{again}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let text = format!(
            "{SMALL}routes: [{{ name: a, event: login, match: {{ path: '/${{SECRET}}' }}, policy: p }}]\nproduct: ${{SECRET}}\n\
             policies: {{ p: {{ deny: {{ redirect: 'https://anna:hunter3@shop.example/sorry' }} }} }}\n"
        );
        let shown = show(&text, &settings(&text, Path::new("")));
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(shown.contains("product: ${SECRET}\n") && shown.contains("path: '/${SECRET}'"), "{shown}");
        assert!(shown.contains("https://anna:***@shop.example/sorry"), "{shown}");
        assert_eq!(without_secrets("redis://token@host:1/0"), "redis://***@host:1/0");
        assert_eq!(without_secrets("https://shop.example/a@b"), "https://shop.example/a@b");
        assert_eq!(without_secrets("/sorry?token=abc&a=b"), "/sorry?token=***&a=b");
        assert_eq!(quoted("a\u{202e}b\n", true), "\"a\\u202eb\\n\"");
    }

    #[test]
    fn texts_keep_what_they_are() {
        for (text, plain, shown) in [
            ("12", true, "12"),
            ("12", false, "'12'"),
            ("it's", false, "'it''s'"),
            ("a\nb", false, "\"a\\nb\""),
            ("fired.x && bot > 3", true, "fired.x && bot > 3"),
            ("a: b", true, "'a: b'"),
            ("!x", true, "'!x'"),
            ("^a${2}", false, "'^a$${2}'"),
            ("\u{e000}PORT\u{e001}", true, "${PORT}"),
        ] {
            assert_eq!(quoted(text, plain), shown);
        }
    }
}
