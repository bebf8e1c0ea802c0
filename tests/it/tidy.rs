//! What no compiler checks: the walls between the parts, the shape of the families, the habits of the code.
//!
//! These tests read the sources as text, because what they guard is what somebody might write next, not what is linked
//! today. Each fails with a list of places and the reason for the rule, so that whoever trips one knows what to do. The
//! reading is crude on purpose (lines, not syntax); a rule that would need a parser to be right is a lint or a type.

mod sources;

use sources::{
    Faults, Source, before_foreign_traits, begins_a_path, camel, dependencies, is_test, members, mentions, parts_used,
    product, root, variants,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use tollgate::engine::clearance::ChallengeKind;
use tollgate::engine::signals::SIGNALS;
use tollgate::simulate::attackers::ATTACKERS;

/// More lines than this are two files.
const MOST_LINES: usize = 600;

/// Files that may be longer, each with its reason. Tests only.
const LONG_FILES: &[(&str, &str)] = &[];

/// Every part of the library, by layer: it may use its own layer and those below it.
const LAYERS: &[(&str, u8)] = &[
    ("engine", 0),
    ("attempt_file", 1),
    ("challenge", 1),
    ("config", 1),
    ("events", 1),
    ("intel", 1),
    ("lists", 1),
    ("secrets", 1),
    ("store", 1),
    ("tune", 1),
    ("admin", 2),
    ("gateway", 2),
    ("simulate", 2),
    ("evaluate", 3),
    ("cli", 4),
];

/// What the engine may be built from, beside std.
const ENGINE_CRATES: &[&str] = &["cel", "serde", "serde_json", "statrs", "thiserror"];

/// What would make judging impure: the outside world, time, chance, and memory of earlier calls.
const IMPURE: &[&str] = &[
    "SystemTime",
    "Instant",
    "RandomState",
    "std::env",
    "std::fs",
    "std::io",
    "std::process",
    "std::thread",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "Mutex",
    "RwLock",
    "std::sync::atomic",
    "thread_local",
    "RefCell",
    "async fn",
    ".await",
];

/// Where the engine is impure all the same, and why that is well.
const IMPURE_BUT_FINE: &[(&str, &str, &str)] = &[(
    "src/engine/policy/mod.rs",
    "std::thread",
    "rules are compiled when a configuration is read, on a stack large enough for the parser's recursion",
)];

#[test]
fn the_engine_is_built_from_little() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let dependencies = dependencies(&manifest);
    assert!(dependencies.len() > 20, "the manifest was not understood: {dependencies:?}");
    let mandatory: BTreeSet<&str> =
        dependencies.iter().filter(|(_, optional)| !**optional).map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        mandatory,
        BTreeSet::from_iter(ENGINE_CRATES.iter().copied()),
        "the engine builds without the gateway's crates: make the others `optional` and list them in the feature"
    );
    let foreign: Vec<&str> =
        dependencies.keys().map(String::as_str).filter(|name| !ENGINE_CRATES.contains(name)).collect();
    let mut faults = Faults::default();
    for source in product("src/engine") {
        for (number, line) in source.code() {
            for name in foreign.iter().filter(|name| begins_a_path(line, name)) {
                faults.add(&source, number, format!("uses `{name}`"));
            }
        }
    }
    faults.none("the engine is a pure function: hand in what that crate would have told it");
}

#[test]
fn the_engine_knows_no_world_no_clock_and_no_chance() {
    let mut faults = Faults::default();
    for source in product("src/engine") {
        for (number, line) in source.code() {
            for word in IMPURE.iter().filter(|word| mentions(line, word)) {
                let fine = IMPURE_BUT_FINE.iter().any(|(path, allowed, _)| *path == source.path && allowed == word);
                if !fine {
                    faults.add(&source, number, format!("`{word}`"));
                }
            }
        }
    }
    faults.none("a decision must come out the same when it is replayed: hand it in as evidence");
    for (path, word, _) in IMPURE_BUT_FINE {
        let source = Source::read(path);
        assert!(
            source.code().any(|(_, line)| mentions(line, word)),
            "{path} no longer says `{word}`: take the exception off IMPURE_BUT_FINE"
        );
    }
}

#[test]
fn nothing_points_back() {
    let layers: BTreeMap<&str, u8> = LAYERS.iter().copied().collect();
    let mut faults = Faults::default();
    for (part, layer) in &layers {
        for source in product(&format!("src/{part}")) {
            for (number, line) in source.code() {
                for used in parts_used(line) {
                    match layers.get(used) {
                        Some(below) if below <= layer => {}
                        Some(_) => faults.add(&source, number, format!("{part} uses {used}, which is above it")),
                        None => faults.add(&source, number, format!("{used} has no place in LAYERS")),
                    }
                }
            }
        }
    }
    faults.none("gateway, admin and cli know the rest; challenge, store, intel, events and config know the engine");
}

#[test]
fn the_middle_layer_has_no_rings() {
    let middle: BTreeSet<&str> = LAYERS.iter().filter(|(_, layer)| *layer == 1).map(|(part, _)| *part).collect();
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for part in &middle {
        let used = uses.entry(part).or_default();
        for source in product(&format!("src/{part}")) {
            for (_, line) in source.code() {
                used.extend(parts_used(line).filter_map(|used| middle.get(used)).filter(|used| *used != part));
            }
        }
    }
    // Whoever uses nobody that is left can be built, and leaves.
    while let Some(next) = uses.iter().find(|(_, used)| used.is_empty()).map(|(part, _)| *part) {
        uses.remove(next);
        uses.values_mut().for_each(|used| {
            used.remove(next);
        });
    }
    assert!(uses.is_empty(), "some of these use each other in a ring, so that none can be read alone: {uses:?}");
}

#[test]
fn every_part_has_its_layer() {
    let declared: BTreeSet<String> = Source::read("src/lib.rs").modules().map(str::to_owned).collect();
    let known: BTreeSet<String> = LAYERS.iter().map(|(part, _)| (*part).to_owned()).collect();
    assert_eq!(declared, known, "src/lib.rs and LAYERS name different parts");
}

#[test]
fn pingora_stays_in_the_shell() {
    let mut faults = Faults::default();
    for source in product("src") {
        let shell = ["src/gateway/", "src/admin/"].iter().any(|folder| source.path.starts_with(folder));
        for (number, line) in source.code().filter(|_| !shell) {
            if begins_a_path(line, "pingora") {
                faults.add(&source, number, "uses `pingora`");
            }
        }
        let gateway = source.path.starts_with("src/gateway/");
        for (number, line) in source.code().filter(|_| !gateway) {
            if mentions(line, "pingora::proxy") {
                faults.add(&source, number, "knows the proxy's session");
            }
        }
    }
    faults.none("only the gateway knows Pingora's session, and only the admin listener its service");
}

#[test]
fn the_mirror_of_the_file_is_private_to_the_configuration() {
    let modules = Source::read("src/config/mod.rs");
    let is = |line: &str| modules.code().any(|(_, code)| code.trim() == line);
    assert!(is("mod file;"), "src/config/mod.rs must say `mod file;`: nobody else may hold what an operator typed");
    let mut faults = Faults::default();
    for source in product("src") {
        for (number, line) in source.code() {
            let within = source.path.starts_with("src/config/");
            let shown = source.path == "src/config/mod.rs" && mentions(line, "pub use file");
            if shown || (!within && line.contains("config::file")) {
                faults.add(&source, number, "shows or uses the file's mirror");
            }
        }
    }
    faults.none("what the user typed and what the program needs are two types");
}

#[test]
fn only_a_challenge_makes_a_clearance() {
    let mut faults = Faults::default();
    let mut made = 0;
    for source in product("src") {
        for (number, line) in source.code() {
            if !line.contains("of_solved") || line.contains("fn of_solved") {
                continue;
            }
            match source.path.starts_with("src/challenge/") {
                true => made += 1,
                false => faults.add(&source, number, "makes a Clearance"),
            }
        }
        // Its fields are private; within its own file only `NONE` and `of_solved` may fill them in.
        for (number, line) in source.code() {
            if source.path == "src/engine/clearance.rs" && line.contains("Clearance {") && line.contains("kinds:") {
                let proven = line.contains("kinds: 0 }") || line.contains("kinds: 1 << kind as u8 }");
                if !proven {
                    faults.add(&source, number, "fills a Clearance in");
                }
            }
        }
    }
    faults.none("a clearance is the proof of a solved challenge: only src/challenge verifies solutions");
    assert!(made > 0, "nothing calls of_solved: either no challenge can be passed, or this test looks for an old name");
}

#[test]
fn the_wall_clock_is_read_in_one_place() {
    let mut faults = Faults::default();
    for source in product("src").filter(|source| source.path != "src/gateway/clock.rs") {
        for (number, line) in source.code() {
            if ["SystemTime::now", "Timestamp::now", "Zoned::now", "Utc::now"].iter().any(|now| line.contains(now)) {
                faults.add(&source, number, "reads the clock");
            }
        }
    }
    faults.none("time is handed in, so that tests need no sleep: take it from gateway::clock");
}

#[test]
fn one_request_sees_one_configuration() {
    // Hooks run many times for one request; only its first may look at what is live now. Starting, reloading and
    // being replaced serve no request.
    let alone = ["src/gateway/server.rs", "src/gateway/services.rs", "src/gateway/service_manager.rs"];
    let tasks = ["src/gateway/reload/", "src/gateway/succession/"];
    let beside = |path: &str| alone.contains(&path) || tasks.iter().any(|task| path.starts_with(task));
    let takes: Vec<String> = product("src/gateway")
        .filter(|source| !beside(&source.path))
        .flat_map(|source| {
            let taken = source.code().filter(|(_, line)| line.contains("live.load"));
            taken.map(|(number, _)| format!("{}:{number}", source.path)).collect::<Vec<_>>()
        })
        .collect();
    assert!(
        takes.len() == 1,
        "a request takes its configuration once, at its first hook; here it is taken at {takes:?}"
    );
}

#[test]
fn every_signal_is_a_file_and_a_line_in_the_table() {
    let table: BTreeSet<String> = SIGNALS.iter().map(|signal| signal.name.to_owned()).collect();
    assert_eq!(members("src/engine/signals"), table, "a file without its line in SIGNALS, or a line without its file");
}

#[test]
fn every_attacker_is_a_file_and_a_line_in_the_table() {
    let table: BTreeSet<String> = ATTACKERS.iter().map(|attacker| attacker.name.to_owned()).collect();
    assert_eq!(
        members("src/simulate/attackers"),
        table,
        "a file without its line in ATTACKERS, or a line without a file"
    );
}

#[test]
fn every_challenge_has_its_file() {
    let files = members("src/challenge");
    for kind in ChallengeKind::ALL {
        assert!(files.contains(kind.name()), "src/challenge has no file {}.rs, only {files:?}", kind.name());
    }
}

#[test]
fn every_store_has_its_file_and_passes_the_suite() {
    let table = Source::read("src/store/mod.rs");
    let stores = variants(&table, "Store");
    assert!(!stores.is_empty(), "src/store/mod.rs has no `pub enum Store`");
    let public: BTreeSet<String> = table
        .code()
        .filter_map(|(_, line)| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        public, stores,
        "a public module of src/store without its variant of Store, or a variant without its module"
    );
    let files = members("src/store");
    let suite: Vec<Source> = Source::all("src/store/conformance").collect();
    assert!(!suite.is_empty(), "src/store has no conformance suite");
    for store in &stores {
        assert!(files.contains(store), "src/store has no file {store}.rs");
        // Either the suite names the store, or the store's own tests name the suite.
        let own = Source::all(&format!("src/store/{store}")).any(|source| source.text.contains("conformance"));
        let told = own || suite.iter().any(|source| source.text.contains(&format!("Store::{}", camel(store))));
        assert!(told, "nothing runs the conformance suite on the {store} store");
    }
}

#[test]
fn every_command_has_its_file() {
    let commands = variants(&Source::read("src/cli/mod.rs"), "Command");
    assert!(!commands.is_empty(), "src/cli/mod.rs has no `enum Command`");
    let files = members("src/cli");
    for command in &commands {
        assert!(files.contains(command), "src/cli has no file {command}.rs, only {files:?}");
    }
}

#[test]
fn files_are_small() {
    let mut faults = Faults::default();
    for source in Source::all("src").chain(Source::all("tests")).chain(Source::all("benches")) {
        let lines = source.text.lines().count();
        let excused = LONG_FILES.iter().any(|(path, _)| *path == source.path);
        match excused {
            false if lines > MOST_LINES => faults.add(&source, lines, format!("{lines} lines")),
            true if lines <= MOST_LINES => faults.add(&source, lines, "is short again: take it off LONG_FILES"),
            _ => {}
        }
    }
    faults.none("a file of more than 600 lines is asking to be two");
    for (path, reason) in LONG_FILES {
        assert!(is_test(path), "{path} is no test; only tests may be long ({reason})");
    }
}

#[test]
fn every_module_opens_with_its_reason() {
    let mut faults = Faults::default();
    for source in product("src") {
        let head: usize =
            source.text.lines().map_while(|line| line.strip_prefix("//!")).map(|line| line.trim().len()).sum();
        // A word alone ("config") is a placeholder.
        if head < 20 {
            faults.add(&source, 1, "does not say at its head, in `//!`, why it is as it is");
        }
    }
    faults.none("whoever opens a file reads first what it is for and why it is so");
}

#[test]
fn only_the_command_line_prints() {
    let mut faults = Faults::default();
    for source in Source::all("src").filter(|source| !source.path.starts_with("src/cli/")) {
        for (number, line) in source.code() {
            for printing in ["println!", "print!", "eprintln!", "eprint!", "dbg!"] {
                if mentions(line, printing) {
                    faults.add(&source, number, format!("`{printing}`"));
                }
            }
        }
    }
    faults.none("standard output belongs to src/cli; everything else logs, or returns what it has to say");
}

#[test]
fn names_are_nouns_of_the_field() {
    let mut faults = Faults::default();
    for source in Source::all("src") {
        let empty = ["utils", "util", "helpers", "helper", "common", "misc", "manager"];
        let path = source.path.trim_end_matches(".rs");
        if path.split('/').any(|part| empty.contains(&part)) {
            faults.add(&source, 1, "is named after nothing");
        }
        let ours = before_foreign_traits(&source);
        for (number, line) in ours {
            // `get_or_…` is how std's collections name what may have to be made first.
            if line.contains("fn get_") && !line.contains("fn get_or_") {
                faults.add(&source, number, "a name that begins with `get_`");
            }
        }
    }
    faults.none("a name says what a thing is (attempt, reading, clearance), not that somebody fetches or manages it");
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
    ];
    let mut faults = Faults::default();
    for source in Source::all("src").chain(Source::all("tests")).chain(Source::all("benches")) {
        for (number, line) in source.lines() {
            for mark in marks.iter().filter(|mark| mentions(line, mark)) {
                faults.add(&source, number, format!("`{mark}`"));
            }
        }
    }
    faults.none("what is not done is an issue, or not needed");
}
