//! The configurations of `conf/`: the examples load without a warning and each has a trial before its application; the
//! reference shows every key there is, and what it calls not available yet is refused so, and not as a slip.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn examples() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(root().join("conf/examples")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "WordPress, Django, a single-page application, WooCommerce, several hosts");
    files
}

#[test]
fn every_example_loads_without_a_warning() {
    for path in examples() {
        match tollgate::config::load(&path) {
            Ok((_, warnings)) => {
                assert!(warnings.is_empty(), "{}", warnings[0].render(&path.display().to_string(), "warning"));
            }
            Err(report) => panic!("{report}"),
        }
        let text = fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap();
        assert_eq!(first, "# yaml-language-server: $schema=../schema.json", "{}", path.display());
        assert!(text.contains("\nmode: monitor\n"), "{}: nobody's customers are refused by an example", path.display());
    }
}

#[test]
fn every_example_has_a_trial_and_is_in_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let runner = fs::read_to_string(root().join("tests/apps/trials/run")).unwrap();
    for path in examples() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let trial = root().join("tests/apps/trials").join(name);
        let script = fs::read_to_string(&trial).unwrap_or_else(|error| panic!("{}: {error}", trial.display()));
        assert!(script.contains(&format!("{name}.yaml")), "{}: tries another example", trial.display());
        assert!(fs::read_to_string(&path).unwrap().contains(&format!("`tests/apps/trials/{name}`")), "{name}");
        assert!(runner.split_whitespace().any(|word| word == name), "`make trials` leaves {name} out");
        assert!(readme.contains(&format!("(conf/examples/{name}.yaml)")), "the README does not tell of {name}.yaml");
    }
}

const LATER: &str = "not available yet";

#[test]
fn what_the_reference_calls_not_available_yet_is_refused_so() {
    let text = fs::read_to_string(root().join("conf/tollgate.yaml")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut refused = 0;
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(LATER)).skip(1) {
        let reports: Vec<String> = switched_on(line)
            .into_iter()
            .map(|changed| {
                let whole: Vec<&str> =
                    lines[..at].iter().copied().chain([&*changed]).chain(lines[at + 1..].iter().copied()).collect();
                match tollgate::config::parse("tollgate.yaml", &whole.join("\n"), &root().join("conf")) {
                    Ok(_) => panic!("line {} of conf/tollgate.yaml is accepted: {changed}", at + 1),
                    Err(report) => report.to_string(),
                }
            })
            .collect();
        let clean = |report: &String| report.contains(LATER) && report.matches("error: ").count() == 1;
        assert!(reports.iter().any(clean), "line {} of conf/tollgate.yaml: {line}\n{}", at + 1, reports.join("\n"));
        refused += 1;
    }
    assert!(refused >= 5, "{refused} keys of later stages: when the last one has come, this test goes");
}

/// The line as an operator would write it who wants what it promises: the comment taken away, or the value that is not
/// available put in the place of the one that is.
fn switched_on(line: &str) -> Vec<String> {
    if let Some(commented) = line.strip_prefix('#') {
        // A key of the file's own, or of the block above, which is as deep as what stands after the `#`.
        return vec![commented.trim_start().to_owned(), format!(" {commented}")];
    }
    let (setting, comment) = line.split_once('#').unwrap();
    let (key, _) = setting.split_once(':').unwrap();
    let value = comment.split(':').next().unwrap().trim();
    vec![format!("{key}: {value}")]
}

/// The mirror of the file is private to the loader, so its source is asked: each field is a key.
#[test]
fn the_reference_shows_every_key() {
    let source = fs::read_to_string(root().join("src/config/file.rs")).unwrap();
    let reference = fs::read_to_string(root().join("conf/tollgate.yaml")).unwrap();
    let shown = |name: &str| {
        let key = format!("{name}:");
        reference
            .match_indices(&key)
            .any(|(at, _)| !reference[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let mut keys = 0;
    let mut renamed = None;
    for line in source.lines().map(str::trim) {
        if let Some((_, name)) = line.split_once("rename = \"") {
            renamed = name.split('"').next();
        } else if let Some((field, _)) = line.strip_prefix("pub ").and_then(|field| field.split_once(": Slot<")) {
            let name = renamed.take().unwrap_or(field);
            assert!(shown(name), "conf/tollgate.yaml does not show `{name}`");
            keys += 1;
        } else if !line.starts_with(['#', '/']) {
            // What was renamed was no field.
            renamed = None;
        }
    }
    assert!(keys >= 80, "{keys} keys");
}
