//! The README tells the truth: what can be generated is, what can be loaded loads, what can be run runs.
//!
//! Tables between `<!-- name: generated -->` and `<!-- end -->` are the code's own. After a change of the code,
//! `UPDATE_README=1 cargo test --test it documentation` writes them anew.

use crate::harness::http::{BROWSER, form, post, send};
use crate::harness::origin::Origin;
use crate::harness::{Gate, SHOP, within};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use tollgate::admin::api::openapi;
use tollgate::admin::metrics;
use tollgate::config::schema;
use tollgate::engine::parts::{PARTS, Part};
use tollgate::engine::policy::VARIABLES;
use tollgate::engine::signals::SIGNALS;
use tollgate::simulate::attackers;
use tollgate::simulate::people::personas;

/// Everything that operators read and that names commands, files or keys.
const DOCUMENTS: [&str; 3] = ["README.md", "CHANGELOG.md", "systemd/tollgate.service"];

fn read(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(whole).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn generated_tables_are_what_the_code_says() {
    let readme = read("README.md");
    let tables = [
        ("variables", variables()),
        ("signals", signals()),
        ("parts", parts()),
        ("metrics", metrics::table()),
        ("explanation", explanation()),
        ("reference", schema::reference()),
        ("admin", openapi::table()),
        ("personas", personas::table()),
        ("attackers", attackers::table()),
    ];
    let made = tables.iter().fold(readme.clone(), |text, (name, table)| with_table(&text, name, table));
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"), made).unwrap();
        return;
    }
    assert!(
        made == readme,
        "the tables of README.md are not those of the code; `UPDATE_README=1 cargo test --test it documentation` \
         writes them"
    );
}

fn with_table(text: &str, name: &str, table: &str) -> String {
    let marker = format!("<!-- {name}: generated -->\n");
    let (before, rest) = text.split_once(&marker).unwrap_or_else(|| panic!("README.md has no {marker}"));
    let (_, after) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("{marker} has no end"));
    format!("{before}{marker}\n{table}\n<!-- end -->{after}")
}

fn variables() -> String {
    let mut table = String::from("| variable | is | meaning |\n| --- | --- | --- |\n");
    for variable in VARIABLES {
        let kind = variable.kind.name().trim_start_matches("a ");
        table += &format!("| `{}` | {kind} | {} |\n", variable.name, variable.summary.replace('<', "&lt;"));
    }
    table
}

fn parts() -> String {
    let row = |part: &Part| format!("| `{}` | {} |\n", part.name, part.summary);
    format!("| part | means |\n| --- | --- |\n{}", PARTS.iter().map(row).collect::<String>())
}

fn signals() -> String {
    let mut table = String::from(
        "| signal | fires when | bot | takeover | abuse | parameters: default (range) |\n\
         | --- | --- | ---: | ---: | ---: | --- |\n",
    );
    for signal in SIGNALS {
        let parameters: Vec<String> =
            signal.parameters.iter().map(|p| format!("`{}`: {} ({} to {})", p.name, p.default, p.min, p.max)).collect();
        let weights = signal.weights;
        let weight = |weight: f64| if weight == 0.0 { String::new() } else { format!("{weight:+.1}") };
        table += &format!(
            "| `{}` | {} | {} | {} | {} | {} |\n",
            signal.name,
            signal.summary.replace('<', "&lt;"),
            weight(weights.bot),
            weight(weights.account_takeover),
            weight(weights.account_abuse),
            parameters.join("<br>")
        );
    }
    table
}

/// What `explain` says of a customer whose company's proxy takes headers away.
fn explanation() -> String {
    const REQUEST: &str = "POST /login HTTP/1.1\nHost: shop.example\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) \
        AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\nAccept: text/html\nOrigin: http://shop.example\nContent-Type: \
        application/x-www-form-urlencoded\n\nemail=Anna%40Example.com&password=something\n";
    let arguments = "--config conf/demo.yaml --request login.txt --client-ip 203.0.113.7 --at 2026-11-22T09:00:00Z";
    // In a folder of its own: where the demonstration ran there is a secret.
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("conf")).unwrap();
    std::fs::write(dir.path().join("conf/demo.yaml"), read("conf/demo.yaml")).unwrap();
    std::fs::write(dir.path().join("login.txt"), REQUEST).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("explain")
        .args(arguments.split(' '))
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    format!("```text\n$ cat login.txt\n{REQUEST}\n$ tollgate explain {arguments}\n{said}```\n")
}

/// Fenced blocks of one language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("\n```").next().unwrap_or_default()).collect()
}

#[test]
fn every_yaml_block_loads() {
    let readme = read("README.md");
    let dir = tempfile::tempdir().unwrap();
    let blocks = blocks(&readme, "yaml");
    assert!(blocks.len() > 3, "the README shows the configuration");
    for block in blocks {
        // A part of a configuration is completed with what every one needs.
        let mut whole = String::new();
        for (key, line) in [
            ("version:", "version: 1"),
            ("mode:", "mode: monitor"),
            ("listen:", "listen: [{ address: 127.0.0.1:8080 }]"),
            ("upstream:", "upstream: { servers: [\"127.0.0.1:9000\"] }"),
            ("routes:", "routes: []"),
        ] {
            if !block.lines().any(|have| have.starts_with(key)) {
                whole = whole + line + "\n";
            }
        }
        whole.push_str(block);
        if let Err(report) = tollgate::config::parse("README.md", &whole, dir.path()) {
            panic!("a YAML block of the README is refused:\n{report}");
        }
    }
}

/// The parts of a document that are code: fenced blocks line by line, and spans. A unit file is code throughout.
fn code(name: &str, text: &str) -> Vec<String> {
    if !name.ends_with(".md") {
        return text.lines().map(str::to_owned).collect();
    }
    let mut code = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            code.push(line.to_owned());
        } else {
            code.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    code
}

/// What follows a word in a line of code: `make test` has `test` after `make`.
fn words_after<'l>(line: &'l str, command: &str) -> Vec<&'l str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let named = |word: &str| word == command || word.ends_with(&format!("/{command}"));
    words.iter().position(|word| named(word)).map_or_else(Vec::new, |at| words[at + 1..].to_vec())
}

#[test]
fn every_make_target_that_is_named_exists() {
    let makefile = read("Makefile");
    let mut found = 0;
    for name in DOCUMENTS {
        for line in code(name, &read(name)) {
            let Some(target) = words_after(&line, "make").first().copied() else { continue };
            assert!(makefile.lines().any(|line| line.starts_with(&format!("{target}:"))), "{name}: `make {target}`");
            found += 1;
        }
    }
    assert!(found >= 2, "make demo and make test are in the README");
}

#[test]
fn every_command_and_option_that_is_named_exists() {
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(arguments).arg("--help").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let overview = help(&[]);
    let commands: BTreeSet<&str> = overview
        .lines()
        .skip_while(|line| *line != "Commands:")
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .collect();
    let mut named = BTreeSet::new();
    for name in DOCUMENTS {
        for line in code(name, &read(name)) {
            let words = words_after(&line, "tollgate");
            let Some(command) = words.first().filter(|word| word.bytes().all(|b| b.is_ascii_lowercase())) else {
                continue;
            };
            assert!(commands.contains(command), "{name}: there is no `tollgate {command}`");
            // What `tollgate lists add` takes is told by its own help.
            let is_name = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            let below = words.get(1).filter(|word| !word.starts_with('-') && is_name(word));
            let below = below.filter(|below| help(&[command]).contains(&format!("\n  {below} ")));
            let options = match below {
                Some(below) => help(&[command, below]),
                None => help(&[command]),
            };
            for option in words.iter().filter(|word| word.starts_with("--")) {
                assert!(options.contains(*option), "{name}: `tollgate {command}` has no {option}");
            }
            named.insert((*command).to_owned());
        }
    }
    for command in commands.iter().filter(|command| **command != "help") {
        assert!(named.contains(*command), "the README does not tell of `tollgate {command}`");
    }
}

#[test]
fn every_file_that_is_named_exists() {
    let there = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists();
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    for name in DOCUMENTS {
        let text = read(name);
        for word in text.split(|c| !is_path(c)) {
            let path = word.trim_end_matches('.');
            if ["conf/", "src/", "tests/", "benches/", "systemd/"].iter().any(|folder| path.starts_with(folder)) {
                assert!(there(path), "{name} names {path}, which does not exist");
            }
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let local = !link.contains("://") && !link.starts_with('#');
            assert!(!local || there(link.split('#').next().unwrap_or(link)), "{name} links to {link}");
        }
    }
}

#[tokio::test]
async fn every_field_of_a_record_is_explained() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    send(gate.address, form("/login", "login=anna%40example.com&password=right")).await;
    send(gate.address, post("/login", "login=a&password=b", &format!("{BROWSER}Upgrade: h2c\r\n"))).await;
    let records = gate.records(3).await;
    let readme = read("README.md");
    let section = readme.split("\n## ").find(|section| section.starts_with("The decision record")).unwrap();
    let explained =
        |name: &str| section.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
    for (field, value) in records.iter().filter_map(|record| record.as_object()).flatten() {
        assert!(explained(field), "the README does not explain `{field}` of a record");
        // What is inside these two are names of signals.
        let inner = value.as_object().filter(|_| !matches!(field.as_str(), "evidence" | "contributions"));
        for name in inner.into_iter().flat_map(|inner| inner.keys()) {
            assert!(explained(&format!("{field}.{name}")), "the README does not explain `{field}.{name}` of a record");
        }
    }
    // The example is a record as it is written: the same fields in the same order.
    let shape = |record: &serde_json::Value| -> Vec<String> { record.as_object().unwrap().keys().cloned().collect() };
    let example = serde_json::from_str(blocks(&readme, "json")[0]).unwrap();
    assert_eq!(shape(&example), shape(&records[0]), "the README's example of a record");
}

#[tokio::test]
async fn the_programs_way_through_a_challenge_works_as_written() {
    let readme = read("README.md");
    let origin = Origin::shop().await;
    let gate = Gate::start(&SHOP.replace("form:login", "form:username"), &origin).await;
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("client.py");
    std::fs::write(&script, blocks(&readme, "python")[0]).unwrap();
    let mut python = tokio::process::Command::new("python3");
    python.arg(&script).arg(format!("http://{}", gate.address)).kill_on_drop(true);
    let output = within("the program's end", python.output()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.starts_with("200 "), "{said}");
    let logins: Vec<_> = origin.requests().into_iter().filter(|request| request.method == "POST").collect();
    assert_eq!(logins.len(), 1, "the application saw the login once, when the challenge was solved");
}
