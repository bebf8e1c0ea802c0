//! The quick way is held against the full one: after whatever edits, the same settings, warnings and files, or the same
//! report, and the same to build on for the next time.

use super::*;
use proptest::prelude::*;
use std::fs;

const HEAD: &str = "version: 1\nmode: enforce\nlisten: [{ address: \"127.0.0.1:${PORT}\" }]\nupstream: { servers: [\"127.0.0.1:9\"] }\n";

/// Before or behind the routes.
const POLICIES: &[&str] = &[
    "policies:\n  strict:\n    rules:\n      - { name: one, when: bot >= 60, action: deny }\n  after:\n    on_success:\n      - { name: two, when: risk >= 50, action: deny }\n",
    // Of one route; and one that nobody uses.
    "policies:\n  strict:\n    rules:\n      - { name: one, when: 'bot >= 70 && route != \"a\"', action: deny }\n  after: {}\n  idle: {}\n",
    // `strict` does not fit each route here, and `after` is not there.
    "policies:\n  strict:\n    mode: monitor\n    on_success:\n      - { name: two, when: risk >= 50, action: deny }\n",
    // Challenges, where nothing says which page the form is on.
    "policies:\n  strict:\n    rules:\n      - { name: one, when: bot >= 60, action: challenge }\n  after: {}\n",
    // A rule that is wrong, one behind another in a line that is named.
    "policies:\n  strict:\n    rules:\n      - { name: one, when: bot >= 60, action: challenge }\n      - { name: two, when: bot >= 70, action: deny }\n  after: {}\n",
    "signals: { datacenter_ip: { enabled: false } }\npolicies:\n  strict: { otherwise: deny }\n  after: { deny: { json: '{}' } }\n",
    "admin: { address: \"0.0.0.0:99\" }\npolicies:\n  strict: {}\n  after: {}\n",
];

const ITEMS: &[&str] = &[
    "  - name: a\n    event: login\n    match: { method: POST, path: /a }\n    fields: { account: form:a }\n    outcome: { succeeded: [{ status: 302 }], failed: [{ status: 401 }] }\n    policy: after\n",
    "  - name: b\n    event: register\n    match: { path: /b }\n    fields: { account: form:b }\n    policy: strict\n",
    "  - name: c\n    event: login\n    match: { path_prefix: /c }\n    fields: { account: form:c }\n    outcome: { failed: [{ status: 401 }] }\n    pages: [/c]\n    # c\n",
    "  # before d\n  - { name: d, event: checkout, match: { path: /d } }\n\n",
    // Behind `c`.
    "  - name: e\n    event: logout\n    match: { path: /c/e }\n",
    // Warned of: no account, no outcome.
    "  - name: f\n    event: login\n    match: { path: /f }\n",
    // A success that only the body tells.
    "  - name: g\n    event: login\n    match: { path: /g }\n    fields: { account: form:g }\n    outcome:\n      succeeded: [{ status: 302 }, { body_contains: yes-it-is }]\n    policy: after\n",
    // What looks like items, and is none.
    "  - name: h\n    event: checkout\n    match: { path: /h }\n    outcome:\n      failed:\n        - body_contains: |\n            - name: x\n\n            # no comment\n              - name: y\n",
    "  - name: i\n    event: checkout\n    match: { path: /i }\n    outcome: { failed: [{ body_contains: \"one\n      - two\n    # three\n      four\" }] }\n",
    "  - name: j\n    event: checkout\n    match: {\n      path: /j\n      }\n    outcome: { failed: [\n      { status: 500 }, # five\n      ] }\n",
    "  - name: k\n    event: checkout\n    match: { path: /k }\n    outcome:\n      failed:\n      - body_contains: >+\n          folded\n          twice\n\n\n",
    "  -\n    name: l\n    event: custom:${EVENT}\n    match: { path: /l }\n    policy: strict\n",
    "  - name: m\n    event: checkout\n    match: { path: /m, host: [m.example, \"*.m.example\"], query: { q: [\"!x\"] } }\n    pages: ['/m?-:-n']\n",
    // In a's shadow, and under its name.
    "  - name: a2\n    event: login\n    match: { method: POST, path: /A/ }\n    fields: { account: form:a }\n",
    "  - name: a\n    event: logout\n    match: { path: /other }\n",
    // Wrong.
    "  - name: n\n    event: nothing\n    match: { path: n }\n    unknown: 1\n",
    "  - name: o\n    event: logout\n    match: { path: /o }\n    policy: nobody\n",
    "  -\n",
    "  - ~\n",
    "  - text\n",
];

const LINES: &[&str] = &[
    "",
    "  -",
    "  - \"",
    "  - '",
    "  - {",
    "  - [",
    "  - |",
    "    pages: |",
    "    pages: >-",
    "    pages: \"",
    "\"",
    "'",
    "}",
    "]",
    "  }",
    "# c",
    "  # c",
    "    # c",
    "---",
    "...",
    "%YAML 1.2",
    "%TAG ! tag:yaml.org,2002:",
    "routes:",
    "  routes:",
    "policies: {}",
    "product: \"",
    "product: '",
    "product: [",
    "product: |",
    "product: x",
    "  x",
    "    x",
    "- x",
    "- name: z",
    "  - name: z",
    "  -  name: z",
    "   - name: z",
    "    policy: strict",
    "    policy: after",
    "    policy: standard",
    "    too_large: forward_unscored",
    "    pages: &p [/p]",
    "    pages: *p",
    "  - &r",
    "  - *r",
    "  - !x",
    "\t",
    "  -\tname: z",
    "    x: 1\r",
    "\u{85}",
    "  - \u{2028}",
    "\u{feff}",
    "? x",
    "product: x\" }] }",
    "    outcome: { failed: [{ body_contains: \"a",
    ": y",
    "lists: { mine: { effect: note, of: account, entries: [x] } }",
    "<<: x",
    "  - - name: z",
    "  - name: 0x",
    "  - name: NO",
    "    event: checkout",
    "    match: { path: /x }",
];

#[derive(Clone, Debug)]
enum Edit {
    Delete(usize),
    Double(usize),
    Move(usize, usize),
    Insert(usize, usize),
    Replace(usize, usize),
    Policies(usize),
    InsertLine(usize, usize),
    DeleteLine(usize),
    ReplaceLine(usize, usize),
    Slip(usize, usize, usize),
    LineEnds,
    NoLastLineEnd,
}

fn edit() -> impl Strategy<Value = Edit> {
    let (at, item, line) = (0usize..64, 0..ITEMS.len(), 0..LINES.len());
    // Sound items more often than broken ones.
    let item = prop_oneof![3 => 0..13usize, 1 => item];
    prop_oneof![
        3 => at.clone().prop_map(Edit::Delete),
        1 => at.clone().prop_map(Edit::Double),
        3 => (at.clone(), at.clone()).prop_map(|(from, to)| Edit::Move(from, to)),
        3 => (at.clone(), item.clone()).prop_map(|(at, item)| Edit::Insert(at, item)),
        3 => (at.clone(), item).prop_map(|(at, item)| Edit::Replace(at, item)),
        3 => (0..POLICIES.len()).prop_map(Edit::Policies),
        3 => (0usize..200, line.clone()).prop_map(|(at, line)| Edit::InsertLine(at, line)),
        2 => (0usize..200).prop_map(Edit::DeleteLine),
        1 => (0usize..200, line.clone()).prop_map(|(at, line)| Edit::ReplaceLine(at, line)),
        1 => (0usize..4000, 0usize..8, line).prop_map(|(at, length, line)| Edit::Slip(at, length, line)),
        1 => at.prop_map(|at| if at < 8 { Edit::LineEnds } else { Edit::NoLastLineEnd }),
    ]
}

/// A file in parts, until an edit goes across them.
#[derive(Clone, Debug)]
struct Parts {
    before: String,
    items: Vec<String>,
    behind: String,
    policies: usize,
}

impl Parts {
    fn text(&self) -> String {
        format!("{}routes:\n{}{}", self.before, self.items.concat(), self.behind)
    }

    fn of(text: &str, policies: usize) -> Parts {
        match Cut::of(text) {
            Some(cut) => Parts {
                before: text[..cut.all().start].trim_end_matches("routes:\n").to_owned(),
                items: (0..cut.len()).map(|at| text[cut.item(at)].to_owned()).collect(),
                behind: text[cut.all().end..].to_owned(),
                policies,
            },
            None => Parts { before: text.to_owned(), items: Vec::new(), behind: String::new(), policies },
        }
    }

    fn edit(mut self, edit: &Edit) -> Parts {
        let count = self.items.len();
        match *edit {
            Edit::Delete(at) if count > 0 => drop(self.items.remove(at % count)),
            Edit::Double(at) if count > 0 => self.items.push(self.items[at % count].clone()),
            Edit::Move(from, to) if count > 0 => {
                let item = self.items.remove(from % count);
                self.items.insert(to % count, item);
            }
            Edit::Insert(at, item) => self.items.insert(at % (count + 1), ITEMS[item].to_owned()),
            Edit::Replace(at, item) if count > 0 => self.items[at % count] = ITEMS[item].to_owned(),
            Edit::Policies(which) => {
                for part in [&mut self.before, &mut self.behind] {
                    *part = part.replace(POLICIES[self.policies], POLICIES[which]);
                }
                self.policies = which;
            }
            Edit::InsertLine(at, line) => {
                return self.by_line(|lines| lines.insert(at % (lines.len() + 1), LINES[line]));
            }
            Edit::DeleteLine(at) => {
                return self.by_line(|lines| {
                    lines.remove(at % lines.len());
                });
            }
            Edit::ReplaceLine(at, line) => {
                return self.by_line(|lines| {
                    let at = at % lines.len();
                    lines[at] = LINES[line];
                });
            }
            Edit::Slip(at, length, line) => {
                let text = self.text();
                let boundary =
                    |at: usize| (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap();
                let (from, to) = (boundary(at % text.len()), boundary(at % text.len() + length));
                let text = format!("{}{}{}", &text[..from], LINES[line], &text[to.max(from)..]);
                return Parts::of(&text, self.policies);
            }
            Edit::LineEnds => return Parts::of(&self.text().replace('\n', "\r\n"), self.policies),
            Edit::NoLastLineEnd => return Parts::of(self.text().trim_end_matches('\n'), self.policies),
            Edit::Delete(_) | Edit::Double(_) | Edit::Move(..) | Edit::Replace(..) => {}
        }
        self
    }

    fn by_line(self, edit: impl FnOnce(&mut Vec<&str>)) -> Parts {
        let text = self.text();
        let mut lines: Vec<&str> = text.lines().collect();
        edit(&mut lines);
        Parts::of(&format!("{}\n", lines.join("\n")), self.policies)
    }
}

fn environment(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("80".to_owned()),
        "EVENT" => Some("mine".to_owned()),
        _ => None,
    }
}

fn read_in(base: &Path, text: &str, earlier: Option<&Version>) -> Reading {
    read("test.yaml", text.to_owned(), base, &environment, &Files::default(), earlier)
}

/// Reads both ways, and hands out what the quick one left. `None` as well if it was not taken.
fn compared(text: &str, earlier: &Version) -> (Reading, bool) {
    let full = read_in(Path::new(""), text, None);
    let again = read_in(Path::new(""), text, Some(earlier));
    let result = |reading: &Reading| format!("{:#?}", reading.result);
    assert_eq!(result(&again), result(&full), "{text}");
    assert_eq!(again.files, full.files);
    assert_eq!(format!("{:?}", again.version), format!("{:?}", full.version), "{text}");
    let quick = earlier.follow("test.yaml", text, Path::new(""), &environment, &Files::default()).is_some();
    (again, quick)
}

fn whole(policies_first: bool, indented: bool) -> Parts {
    let sound = [0, 1, 2, 3, 5, 7, 8, 9, 10, 11, 12];
    let mut items: Vec<String> = sound.iter().map(|&at| ITEMS[at].to_owned()).collect();
    if !indented {
        items.iter_mut().for_each(|item| *item = item[2..].replace("\n  ", "\n"));
    }
    let policies = POLICIES[0].to_owned();
    let (before, behind) = match policies_first {
        true => (format!("{HEAD}{policies}"), String::new()),
        false => (HEAD.to_owned(), policies),
    };
    Parts { before, items, behind, policies: 0 }
}

fn version(text: &str) -> Version {
    let reading = read_in(Path::new(""), text, None);
    if let Err(report) = &reading.result {
        panic!("{report}");
    }
    reading.version.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_is_edited_both_ways_say_the_same(
        policies_first: bool,
        indented: bool,
        steps in proptest::collection::vec(proptest::collection::vec(edit(), 1..4), 1..4),
    ) {
        let mut parts = whole(policies_first, indented);
        let mut known = version(&parts.text());
        for edits in &steps {
            parts = edits.iter().fold(parts, Parts::edit);
            let (reading, _) = compared(&parts.text(), &known);
            // As the gate does: what was refused leaves the earlier version in force.
            if reading.result.is_ok() {
                let Some(version) = reading.version else { break };
                known = version;
            }
        }
    }
}

#[test]
fn usual_edits_are_quick() {
    for (policies_first, indented) in [(true, true), (false, true), (true, false), (false, false)] {
        let parts = whole(policies_first, indented);
        let known = version(&parts.text());
        let changed = |from: &str, to: &str| {
            assert!(parts.text().contains(from), "{from}");
            parts.text().replacen(from, to, 1)
        };
        for (what, text) in [
            ("nothing", parts.text()),
            ("a path", changed("path: /b", "path: /elsewhere")),
            ("a comment at the top", format!("# new\n{}", parts.text())),
            ("an item less", parts.clone().edit(&Edit::Delete(3)).text()),
            ("an item moved", parts.clone().edit(&Edit::Move(0, 8)).text()),
            ("a rule", changed("bot >= 60", "bot >= 61")),
            ("a signal", format!("signals: {{ datacenter_ip: {{ enabled: false }} }}\n{}", parts.text())),
            ("a mode", changed("mode: enforce", "mode: monitor")),
        ] {
            let (reading, quick) = compared(&text, &known);
            assert!(reading.result.is_ok() && quick, "{what}: {text}");
        }
    }
}

#[test]
fn what_is_not_certain_is_read_in_full() {
    let parts = whole(false, true);
    let known = version(&parts.text());
    let changed = |from: &str, to: &str| {
        assert!(parts.text().contains(from), "{from}");
        parts.text().replacen(from, to, 1)
    };
    for (what, text, sound) in [
        ("a mistake", changed("path: /b", "path: b"), false),
        ("a route's name twice", changed("name: b", "name: a"), false),
        ("a shadow", changed("path: /h", "path: /c/h"), false),
        ("a route that a rule names goes", parts.clone().edit(&Edit::Policies(1)).edit(&Edit::Delete(0)).text(), false),
        ("an open quote", changed("path: /b }", "path: \"/b }"), false),
        ("an open list", changed("path: /b }", "path: /b, query: [ }"), false),
        ("an open block", changed("    fields: { account: form:b }\n", "    fields: |\n"), false),
        ("no policy for kept routes", changed("  strict:", "  other:"), false),
        ("on_success where none can be", changed("    rules:", "    on_success:"), false),
        ("a challenge without a page", changed("bot >= 60, action: deny", "bot >= 60, action: challenge"), true),
        ("anchors", changed("{ path: /b }", "&b { path: /b }"), true),
        ("other line ends", parts.text().replace('\n', "\r\n"), true),
        ("a tab in a comment", changed("# c", "#\tc"), true),
        ("a directive", format!("%YAML 1.2\n---\n{}", parts.text()), true),
        ("flow", format!("{HEAD}routes: []\n"), true),
    ] {
        let (reading, quick) = compared(&text, &known);
        assert_eq!((reading.result.is_ok(), quick), (sound, false), "{what}: {text}");
    }
}

/// Lines that look like items, in a text that is sound.
#[test]
fn what_only_looks_like_an_item_leaves_nothing_to_build_on() {
    for (text, sound) in [
        (format!("{HEAD}product: >-\n  x\n  routes:\n  - y\nroutes: []\n"), true),
        // The last item goes on where a key seems to begin.
        (
            format!("{HEAD}routes:\n{}    outcome: {{ failed: [{{ body_contains: \"a\nproduct: b\" }}] }}\n", ITEMS[4]),
            true,
        ),
        (format!("{HEAD}routes:\n  -\n{}", ITEMS[4]), false),
    ] {
        let reading = read_in(Path::new(""), &text, None);
        assert_eq!((reading.result.is_ok(), reading.version.is_some()), (sound, false), "{text}");
    }
}

#[test]
fn routes_stay_what_they_are_and_share_their_policies() {
    let parts = whole(false, true);
    let known = version(&parts.text());
    let text = parts.text().replacen("path: /b", "path: /elsewhere", 1);
    let (settings, _) = read_in(Path::new(""), &text, Some(&known)).result.unwrap();
    for (place, (item, route)) in known.items.iter().zip(&settings.routes).enumerate() {
        // The one that changed, and the one that is warned of, are new.
        assert_eq!(Arc::ptr_eq(&item.route, route), !matches!(place, 1 | 4), "{place}");
        assert!(Arc::ptr_eq(&item.route.policy, &route.policy), "{place}");
    }
}

#[test]
fn bodies_in_files_come_into_force() {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("sorry.html");
    let parts = whole(false, true);
    let text = parts.text().replacen("  strict:\n", "  strict:\n    deny: { html: { file: sorry.html } }\n", 1);
    fs::write(&page, "<p>one").unwrap();
    let first = read_in(dir.path(), &text, None);
    fs::write(&page, "<p>another").unwrap();
    let again = read_in(dir.path(), &text, first.version.as_ref());
    let full = read_in(dir.path(), &text, None);
    let shown = format!("{:#?}", again.result);
    assert_eq!(shown, format!("{:#?}", full.result));
    assert!(shown.contains("<p>another") && !shown.contains("<p>one"));
    fs::remove_file(&page).unwrap();
    let again = read_in(dir.path(), &text, first.version.as_ref());
    assert_eq!(again.result.unwrap_err(), read_in(dir.path(), &text, None).result.unwrap_err());
}

#[test]
fn budgets_hold_for_the_whole() {
    let mut known = version(&whole(false, true).text());
    // As if it had been read from a file at the limit.
    known.items[0].size = NODES as u32;
    let text = whole(false, true).text();
    assert!(known.follow("test.yaml", &text, Path::new(""), &environment, &Files::default()).is_none());
}
