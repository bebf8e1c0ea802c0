//! The loader against files: everything in `conf/` and `tests/fixtures/config/good` loads, everything in `bad` is refused
//! with the report recorded beside it, and nothing hostile takes long or panics.
//!
//! `TOLLGATE_RECORD=1 cargo test config::corpus` writes the reports anew; read the difference before committing it.

use super::tree::{Kind, NodeId, Tree, build};
use super::{Report, Settings, Warning, load, parse_in};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// More than ten times what a debug build on a busy machine takes for the worst of the hostile files.
const QUICKLY: Duration = Duration::from_secs(60);

pub(super) fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

fn read(path: &Path) -> Result<(Settings, Vec<Warning>), Report> {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    parse_in(&name, &text, path.parent().unwrap(), &environment, super::Reach::Here)
}

pub(super) fn environment(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("8080".to_owned()),
        "SECRET" => Some("hunter2".to_owned()),
        _ => None,
    }
}

fn parse(text: &str) -> Result<(Settings, Vec<Warning>), Report> {
    parse_in("test.yaml", text, Path::new(""), &environment, super::Reach::Here)
}

#[test]
fn everything_in_conf_loads_without_a_warning() {
    let files = files("conf");
    assert!(files.len() >= 3, "conf/ has minimal.yaml, tollgate.yaml and demo.yaml");
    for path in files {
        match load(&path) {
            Ok((_, warnings)) => {
                assert!(warnings.is_empty(), "{}", warnings[0].render(&path.display().to_string(), "warning"))
            }
            Err(report) => panic!("{report}"),
        }
    }
}

#[test]
fn the_minimal_configuration_stays_minimal() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/minimal.yaml")).unwrap();
    assert!(text.lines().count() <= 15, "conf/minimal.yaml has {} lines", text.lines().count());
}

#[test]
fn a_key_without_effect_is_told() {
    let checkout = "{ name: buy, event: checkout, match: { path: /buy }, pages: [/cart] }";
    let paid = "{ name: paid, event: settlement, match: { path: /paid }, fields: { order: \"json:/id\" }, \
                outcome: { succeeded: [{ status: 200 }] } }";
    let ordered = checkout.replace("pages", "fields: { order: \"form:order\" }, pages");
    let logout = "{ name: out, event: logout, match: { path: /out }, amounts: minor }";
    for (keys, routes, expected) in [
        ("", checkout.to_owned(), None),
        ("", format!("{paid}, {checkout}"), Some("no `checkout` has the field `order`")),
        ("", format!("{paid}, {ordered}"), None),
        ("", logout.to_owned(), Some("`amounts` has no effect")),
        ("email: { dns: { servers: [\"127.0.0.1:53\"] } }", checkout.to_owned(), Some("`servers` has no effect")),
        ("email: { dns: { servers: [\"127.0.0.1:53\"], check: true } }", checkout.to_owned(), None),
    ] {
        let text = format!(
            "version: 1\nproduct: shop\nmode: monitor\nlisten: [{{ address: 127.0.0.1:8080 }}]\nupstream: {{ servers: [\"127.0.0.1:1\"] }}\n\
             {keys}\nroutes: [{routes}]\n"
        );
        let (_, warnings) = parse(&text).unwrap_or_else(|report| panic!("{report}"));
        let told: Vec<String> = warnings.iter().map(|warning| warning.render("test.yaml", "warning")).collect();
        match expected {
            None => assert!(told.is_empty(), "{told:?}"),
            Some(words) => assert!(told.len() == 1 && told[0].contains(words), "`{words}` is not in {told:?}"),
        }
    }
}

#[test]
fn every_good_file_loads() {
    for path in files("tests/fixtures/config/good") {
        if let Err(report) = read(&path) {
            panic!("{report}");
        }
    }
}

#[test]
fn every_bad_file_is_refused_with_the_recorded_report() {
    let files = files("tests/fixtures/config/bad");
    assert!(files.len() >= 150, "{} broken files", files.len());
    let mut stale = Vec::new();
    for path in files {
        let report = match read(&path) {
            Ok(_) => panic!("{} loads", path.display()),
            Err(report) => report.to_string(),
        };
        let record = path.with_extension("txt");
        if std::env::var_os("TOLLGATE_RECORD").is_some() {
            std::fs::write(&record, &report).unwrap();
        }
        let recorded = std::fs::read_to_string(&record).unwrap_or_default();
        if recorded != report {
            stale.push(format!("--- {}: recorded\n{recorded}--- now\n{report}", path.display()));
        }
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

#[test]
fn two_mistakes_are_two_problems() {
    let report = read(&fixture("bad/many-at-once.yaml")).unwrap_err();
    let paths: Vec<&str> = report.problems.iter().map(|problem| problem.path.as_str()).collect();
    for expected in
        ["mode", "listen[0].address", "upstream.timeouts.read", "routes[0].match.path_regex", "routes[1].policy"]
    {
        assert!(paths.contains(&expected), "{expected} is not among {paths:?}");
    }
}

#[test]
fn what_is_refused_is_told() {
    for nothing in ["", "# only a comment\n", "---\n", "&anchor", "~", "null", "!!null", "''", "[]", "--- ~\n..."] {
        assert!(!parse(nothing).unwrap_err().problems.is_empty(), "{nothing:?}");
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config").join(name)
}

#[test]
fn what_the_environment_holds_is_not_printed() {
    let report = parse("version: 1\nlisten: [{ address: \"${SECRET}\" }]\n").unwrap_err().to_string();
    assert!(!report.contains("hunter2"), "{report}");
    assert!(report.contains("${SECRET}"), "{report}");
}

#[test]
fn the_hash_names_the_file_as_it_was_read() {
    let text = "version: 1\nmode: monitor\nlisten: [{ address: \"127.0.0.1:${PORT}\" }]\nupstream: { servers: [a:1] }\nroutes: []\n";
    let (settings, _) = parse(text).unwrap();
    assert_eq!(settings.listen[0].address.port(), 8080);
    assert_eq!(settings.hash.len(), 12);
    let (other, _) = parse(&format!("{text}# a comment\n")).unwrap();
    assert_ne!(settings.hash, other.hash);
}

/// The tree reads what `yaml_serde` reads: same keys in the same order, same texts, same nesting.
#[test]
fn the_tree_agrees_with_yaml_serde() {
    let mut files = files("conf");
    files.extend(super::corpus::files("conf/examples"));
    files.extend(super::corpus::files("tests/fixtures/config/good"));
    files.extend(super::corpus::files("tests/fixtures/config/bad"));
    let mut compared = 0;
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        // Environment variables are not yaml_serde's, and what it refuses has no value to compare with.
        let Ok(theirs) = yaml_serde::from_str::<yaml_serde::Value>(&text) else { continue };
        let as_written = |name: &str| Some(format!("${{{name}}}"));
        let (tree, problems) = build(&text, &as_written);
        let Some(tree) = tree else {
            assert!(!problems.is_empty() || theirs.is_null(), "{}: no tree", path.display());
            continue;
        };
        if !problems.is_empty() || text.contains("$${") {
            continue;
        }
        same(&tree, tree.root(), &theirs, &path);
        compared += 1;
    }
    assert!(compared >= 40, "{compared} files were compared");
}

fn same(tree: &Tree, node: NodeId, theirs: &yaml_serde::Value, path: &Path) {
    use yaml_serde::Value;
    let place = || format!("{}: {}", path.display(), tree.path(node));
    match (tree.kind(node), theirs) {
        (Kind::Sequence(ours), Value::Sequence(theirs)) => {
            assert_eq!(ours.len(), theirs.len(), "{}", place());
            ours.iter().zip(theirs).for_each(|(&ours, theirs)| same(tree, ours, theirs, path));
        }
        (Kind::Mapping(ours), Value::Mapping(theirs)) => {
            assert_eq!(ours.len(), theirs.len(), "{}", place());
            for (&(key, value), (their_key, their_value)) in ours.iter().zip(theirs) {
                same(tree, key, their_key, path);
                same(tree, value, their_value, path);
            }
        }
        (Kind::Scalar { text, .. }, Value::String(theirs)) => assert_eq!(**text, **theirs, "{}", place()),
        (Kind::Scalar { text, plain: true, .. }, Value::Null) => {
            assert!(["", "~", "null"].contains(&&**text), "{}", place())
        }
        (Kind::Scalar { text, plain: true, .. }, Value::Bool(theirs)) => {
            assert_eq!(**text, theirs.to_string(), "{}", place())
        }
        (Kind::Scalar { text, plain: true, .. }, Value::Number(theirs)) => {
            let number = text
                .strip_prefix("0x")
                .map_or_else(|| text.parse::<f64>().ok(), |digits| u32::from_str_radix(digits, 16).ok().map(f64::from));
            assert_eq!(number, theirs.as_f64(), "{}", place());
        }
        (ours, theirs) => panic!("{}: {ours:?} against {theirs:?}", place()),
    }
}

#[test]
fn hostile_files_end_quickly() {
    let bomb: String = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, level| {
        let under = level - 1;
        format!("{text}a{level}: &a{level} [*a{under}, *a{under}, *a{under}, *a{under}]\n")
    });
    let mib = 1024 * 1024;
    let hostile = [
        ("a bomb of aliases", bomb),
        ("deep flow", "[".repeat(mib)),
        ("deep mappings", "{a: ".repeat(mib)),
        ("deep blocks", (0..2000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect()),
        ("deep in one line", format!("a: {}", "- ".repeat(mib))),
        ("one long line", "x".repeat(10 * mib)),
        ("a long value", format!("product: {}", "x".repeat(10 * mib))),
        ("many keys", (0..150_000).map(|key| format!("k{key}: 1\n")).collect()),
        ("many entries", format!("listen: [{}]", "a,".repeat(mib))),
        ("many empty entries", format!("listen:\n{}", "-\n".repeat(mib))),
        ("the same key again and again", "a: 1\n".repeat(mib)),
        ("quotes", "\"".repeat(10 * mib)),
        ("anchors", (0..200_000).map(|at| format!("- &a{at} x\n")).collect()),
        ("comments", "# x\n".repeat(2 * mib)),
        ("tags", "!a ".repeat(mib)),
        ("an alias of itself", "a: &a [*a]\n".to_owned()),
        ("expressions", format!("product: x\nroutes: [{{match: {{path_regex: '{}'}}}}]", "(a{1000}){1000}".repeat(50))),
        ("sixteen mebibytes and more", " ".repeat(17 * mib)),
    ];
    for (what, text) in hostile {
        let begun = Instant::now();
        let report = parse(&text).err().unwrap_or_else(|| panic!("{what} loads")).to_string();
        assert!(begun.elapsed() < QUICKLY, "{what} took {:?}", begun.elapsed());
        assert!(report.len() < 200_000, "{what}: a report of {} bytes", report.len());
    }
}

#[test]
fn ten_thousand_routes_are_no_trouble() {
    let routes: String = (0..10_000)
        .map(|at| format!("  - {{ name: r{at}, event: login, match: {{ method: POST, path: /app/{at}/login }}, fields: {{ account: form:a }} }}\n"))
        .collect();
    let head =
        "version: 1\nmode: monitor\nlisten: [{ address: 127.0.0.1:8080 }]\nupstream: { servers: [a:1] }\nroutes:\n";
    let (settings, _) = parse(&format!("{head}{routes}")).unwrap();
    assert_eq!(settings.routes.len(), 10_000);
}

/// Pieces from which YAML that is nearly right is made.
const PIECES: &[&str] = &[
    "version: 1\n",
    "mode: ",
    "enforce\n",
    "listen:\n",
    "  - ",
    "address: ",
    "0.0.0.0:80\n",
    "tls: ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "upstream: ",
    "servers: ",
    "'",
    "\"",
    "routes:\n",
    "name: ",
    "match: ",
    "path_regex: ",
    "((a+)+)+",
    "event: ",
    "login",
    "\n",
    "&a ",
    "*a",
    "!t ",
    "${",
    "${PORT}",
    "}",
    "# x\n",
    "|\n",
    ">-\n",
    "\t",
    "  ",
    "? ",
    ": ",
    "- ",
    "---\n",
    "...\n",
    "\u{feff}",
    "policies: ",
    "when: ",
    "\"x\" in signals",
    "lists: ",
    "entries: ",
    "~",
    "null",
    "ü",
    "\u{2028}",
    "\r\n",
    "1e99",
    "-1",
    "<<: ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_text_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Err(report) = parse(&text) {
            prop_assert!(!report.to_string().is_empty());
        }
    }

    #[test]
    fn text_that_is_nearly_right_never_panics(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..60)) {
        let text = pieces.concat();
        if let Err(report) = parse(&text) {
            for problem in &report.problems {
                prop_assert!(problem.line <= text.lines().count() + 1, "{problem:?}");
            }
        }
    }

    /// A sound file in which one stretch was replaced by another.
    #[test]
    fn a_slip_never_panics(at in 0usize..6000, length in 0usize..12, piece in proptest::sample::select(PIECES)) {
        let text = include_str!("../../conf/tollgate.yaml");
        let mut floor = at.min(text.len());
        while !text.is_char_boundary(floor) { floor -= 1; }
        let mut end = (floor + length).min(text.len());
        while !text.is_char_boundary(end) { end += 1; }
        let _ = parse(&format!("{}{piece}{}", &text[..floor], &text[end..]));
    }
}
