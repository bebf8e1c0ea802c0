//! Small files, and what they come to by hand.

use super::report::Report;
use super::{Asked, Failure, compare, evaluate, html, solvers::Solvers, text};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

const START: u64 = 1_790_000_000;
const BROWSER: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// A folder with files to evaluate.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, lines: &[Value]) -> PathBuf {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.text(name, &text)
    }

    fn text(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// A login at so many seconds after the start.
fn login(at: u64, who: &str, label: &str, agent: &str, outcome: &str) -> Value {
    let mut headers = vec![json!(["Host", "shop.example"]), json!(["User-Agent", agent])];
    if agent == BROWSER {
        let browser = [
            ("Accept", "text/html"),
            ("Accept-Language", "de"),
            ("Accept-Encoding", "gzip, deflate"),
            ("Origin", "http://shop.example"),
        ];
        headers.extend(browser.map(|(name, value)| json!([name, value])));
    }
    // An address of the documentation's for each who.
    let ip = format!("203.0.113.{}", who.bytes().map(u32::from).sum::<u32>() % 250);
    json!({
        "t": START + at, "event": "login", "ip": ip, "headers": headers,
        "fields": {"account": format!("{who}@example.com"), "password": "p"},
        "outcome": outcome, "label": label, "actor": who, "persona": "someone",
    })
}

fn asked<'a>(files: &'a [PathBuf], config: Option<&'a Path>) -> Asked<'a> {
    Asked { files, config, warm_up: Some(Duration::ZERO), solvers: Solvers::default(), verdicts: None }
}

fn report(files: &[PathBuf], config: Option<&Path>) -> Report {
    evaluate(&asked(files, config)).unwrap_or_else(|failure| panic!("{failure}"))
}

/// A configuration with these policies.
fn config(place: &Place, policy: &str, rest: &str) -> PathBuf {
    let text = format!(
        "version: 1\nmode: monitor\nlisten: [{{ address: 127.0.0.1:8080 }}]\nsecret_file: nowhere/secret\n\
         upstream: {{ servers: [\"127.0.0.1:9000\"] }}\nroutes:\n  - name: sign-in\n    event: login\n    match: {{ path: /login }}\n    \
         fields: {{ account: form:a, password: form:p }}\n    outcome: {{ succeeded: [{{ status: 302 }}], failed: [{{ status: 200 }}] }}\n    \
         policy: mine\npolicies:\n  mine:\n{policy}\n{rest}"
    );
    place.text("gate.yaml", &text)
}

/// Six innocents and four attempts of a program: the program is told by what it calls itself.
fn programs(place: &Place) -> PathBuf {
    let mut lines: Vec<Value> =
        (0..6).map(|n| login(n * 3_600, &format!("anna{n}"), "innocent", BROWSER, "succeeded")).collect();
    lines.extend((0..4).map(|n| login(30_000 + n * 10, "bot", "bulk_stuffing", "curl/8.5.0", "failed")));
    place.write("programs.jsonl", &lines)
}

#[test]
fn what_a_file_comes_to_by_hand() {
    let place = Place::new();
    let report = report(&[programs(&place)], None);
    let input = &report.input;
    assert_eq!((input.attempts, input.counted, input.warm_up), (10, 10, 0));
    let innocents = &report.innocents;
    assert_eq!((innocents.all.hit.count, innocents.all.hit.of), (0, 6));
    assert_eq!(innocents.days.unwrap().most, 0.0);
    let [attack] = &report.attacks[..] else { panic!("{:?}", report.attacks) };
    assert_eq!((attack.label.as_str(), attack.score.as_deref()), ("bulk_stuffing", Some("bot")));
    // The built-in policy sends programs to a proof of work, and programs solve none.
    let at = attack.at_policy;
    assert_eq!((at.challenged.count, at.denied.count, at.solved.count, at.stopped.count), (4, 0, 0, 4));
    assert_eq!(at.harm.count, 0);
    for threshold in &attack.thresholds {
        assert_eq!((threshold.recall.count, threshold.recall.of), (4, 4), "{threshold:?}");
        assert_eq!((threshold.false_positives.count, threshold.false_positives.of), (0, 6));
        let bar = threshold.thresholds["login"].unwrap();
        assert!((50.0..100.0).contains(&bar), "{bar}");
    }
    assert_eq!(attack.curves.iter().map(|curve| curve.area).collect::<Vec<_>>(), [Some(1.0), Some(1.0)]);
    let first = attack.detection.whole.first.unwrap();
    assert_eq!((first.attempts, first.seconds, attack.detection.actors), (1, 0, 1));
    let library = report.signals.iter().find(|signal| signal.signal == "http_client_library").unwrap();
    assert_eq!((library.precision.count, library.precision.of), (4, 4));
    assert_eq!((library.false_positives.count, library.false_positives.of), (0, 6));
    let risk = &report.calibration[0];
    assert_eq!((risk.score.as_str(), risk.attempts, risk.base_rate), ("risk", 10, 0.4));
    // Six owners, each at the first login that is known.
    assert_eq!(report.reauthentication.at_policy[0].of, 6);
}

#[test]
fn the_first_moment_that_did_not_allow_is_the_verdict_and_the_second_is_after_success() {
    let place = Place::new();
    let policy = "    rules: [{ name: robots, when: fired.http_client_library, action: deny }]\n    \
                  on_success: [{ name: late, when: \"true\", action: challenge, challenge: proof_of_work }]";
    let config = config(&place, policy, "");
    let lines = [
        login(0, "anna", "innocent", BROWSER, "succeeded"),
        login(1, "anna", "innocent", BROWSER, "failed"),
        login(2, "bot", "bulk_stuffing", "curl/8", "succeeded"),
        login(3, "thief", "takeover_vpn", BROWSER, "succeeded"),
        login(4, "close", "takeover_targeted", BROWSER, "succeeded"),
    ];
    let files = [place.write("a.jsonl", &lines)];
    let out = place.0.path().join("verdicts.jsonl");
    let report = evaluate(&Asked { verdicts: Some(&out), ..asked(&files, Some(&config)) }).unwrap();
    let verdicts = std::fs::read_to_string(out).unwrap();
    let verdicts: Vec<Value> = verdicts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<Value> = verdicts
        .iter()
        .map(|line| json!([line["action"], line["moment"], line["rule"], line["solved"], line["passed"]]))
        .collect();
    let expected = [
        json!(["challenge", "after", "late", true, true]),
        json!(["allow", "before", null, false, true]),
        json!(["deny", "before", "robots", false, false]),
        json!(["challenge", "after", "late", false, false]),
        json!(["challenge", "after", "late", true, true]),
    ];
    assert_eq!(told, expected);
    assert!(verdicts[2]["signals"].as_array().unwrap().contains(&json!("http_client_library")));
    assert_eq!(verdicts[2]["line"], 3);
    assert!(verdicts[0]["risk"].is_f64() && verdicts[0].get("file").is_none());
    let attack = |label: &str| report.attacks.iter().find(|attack| attack.label == label).unwrap().at_policy;
    assert_eq!((attack("takeover_vpn").harm.count, attack("takeover_targeted").harm.count), (0, 1));
    assert_eq!(report.innocents.all.hit.count, 1);
    assert_eq!(report.innocents.all.kept_out.count, 0, "who solves it gets the answer");
    assert_eq!(report.innocents.worst[0].first, format!("{}:1", files[0].display()));
}

#[test]
fn what_the_application_answered_is_known_to_the_next_attempt_and_what_was_refused_never_reached_it() {
    let place = Place::new();
    // Wrong passwords for one account, one after the other: brute_force fires by what was answered.
    let tries = |label: &str| (0..30).map(|n| login(n, "bob", label, BROWSER, "failed")).collect::<Vec<_>>();
    let policy = "    rules: [{ name: guessing, when: fired.brute_force, action: deny }]";
    let config = config(&place, policy, "");
    let fired = report(&[place.write("a.jsonl", &tries("brute_force"))], Some(&config));
    let stopped = fired.attacks[0].at_policy.stopped;
    assert!(stopped.count > 0 && stopped.count < 30, "the first guesses pass: {stopped:?}");
    // Without answers nothing is known to have failed.
    let unknown: Vec<Value> = tries("brute_force")
        .into_iter()
        .map(|mut line| {
            line["outcome"] = json!("succeeded");
            line
        })
        .collect();
    let quiet = report(&[place.write("b.jsonl", &unknown)], Some(&config));
    assert_eq!(quiet.attacks[0].at_policy.stopped.count, 0);
}

#[test]
fn bans_hold_in_the_files_time() {
    let place = Place::new();
    let policy =
        "    rules: [{ name: robots, when: fired.http_client_library, action: deny, ban: { of: ip, for: 1h } }]";
    let config = config(&place, policy, "");
    // Banned by the first, the same address as a browser is refused for an hour.
    let mut lines = vec![login(0, "bot", "scripted", "curl/8", "failed")];
    lines.extend([60, 3_000, 3_700].map(|at| login(at, "bot", "scripted", BROWSER, "failed")));
    let files = [place.write("a.jsonl", &lines)];
    let out = place.0.path().join("verdicts.jsonl");
    evaluate(&Asked { verdicts: Some(&out), ..asked(&files, Some(&config)) }).unwrap();
    let verdicts = std::fs::read_to_string(out).unwrap();
    let actions: Vec<Value> =
        verdicts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["action"].clone()).collect();
    assert_eq!(actions, [json!("deny"), json!("deny"), json!("deny"), json!("allow")]);
}

#[test]
fn the_warm_up_is_played_and_not_counted() {
    let place = Place::new();
    let lines: Vec<Value> = (0..11).map(|n| login(n * 100, "anna", "innocent", BROWSER, "succeeded")).collect();
    let files = [place.write("a.jsonl", &lines)];
    let by_default = evaluate(&Asked { warm_up: None, ..asked(&files, None) }).unwrap();
    assert_eq!((by_default.input.warm_up, by_default.input.counted), (5, 6), "half of the time");
    let hour = Asked { warm_up: Some(Duration::from_secs(250)), ..asked(&files, None) };
    let report = evaluate(&hour).unwrap();
    assert_eq!((report.input.warm_up, report.input.counted), (3, 8));
    assert!(report.input.warm_up_attacks.is_empty() && !text::text(&report).contains("Attacks that were learned"));
    // What came before is history all the same.
    let sizes: Vec<u64> = report.reauthentication.at_policy.iter().map(|share| share.of).collect();
    assert_eq!(sizes, [0, 0, 0, 1, 2, 3, 2, 0, 0, 0]);
}

#[test]
fn attacks_of_the_warm_up_are_told_and_those_that_were_over_are_named() {
    let place = Place::new();
    let mut lines: Vec<Value> = (0..4).map(|n| login(n, "bot", "spraying", BROWSER, "failed")).collect();
    lines.extend([10, 150].map(|at| login(at, "other", "bulk_stuffing", BROWSER, "failed")));
    lines.push(login(200, "anna", "innocent", BROWSER, "succeeded"));
    let files = [place.write("a.jsonl", &lines)];
    let report = evaluate(&Asked { warm_up: Some(Duration::from_secs(100)), ..asked(&files, None) }).unwrap();
    let early: Vec<(&str, u64)> =
        report.input.warm_up_attacks.iter().map(|(label, attempts)| (&**label, *attempts)).collect();
    assert_eq!(early, [("bulk_stuffing", 1), ("spraying", 4)]);
    assert_eq!(report.only_in_warm_up(), ["spraying"], "the other goes on, and is measured");
    let told = text::text(&report);
    assert!(told.contains("learned from and not counted: 1 of bulk_stuffing, 4 of spraying."), "{told}");
    assert!(told.contains("not below: spraying."), "{told}");
    let page = html::page(&report);
    assert!(page.contains("not counted: 1 of bulk_stuffing, 4 of spraying."), "{page}");
    assert!(page.contains("not below: spraying."), "{page}");
    // Nothing is missing where all of it counts.
    let whole = evaluate(&asked(&files, None)).unwrap();
    assert!(whole.only_in_warm_up().is_empty() && !text::text(&whole).contains("not below"));
}

#[test]
fn events_without_a_route_pass_and_are_told() {
    let place = Place::new();
    let config = config(&place, "    rules: []", "");
    let mut other = login(1, "anna", "innocent", BROWSER, "succeeded");
    other["event"] = json!("checkout");
    let files = [place.write("a.jsonl", &[login(0, "anna", "innocent", BROWSER, "succeeded"), other])];
    let out = place.0.path().join("verdicts.jsonl");
    let report = evaluate(&Asked { verdicts: Some(&out), ..asked(&files, Some(&config)) }).unwrap();
    assert_eq!((report.input.counted, report.input.unprotected["$checkout"]), (1, 1));
    let verdicts = std::fs::read_to_string(out).unwrap();
    let last: Value = serde_json::from_str(verdicts.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&last["action"], &last["risk"]), (&json!("allow"), &Value::Null));
    assert!(text::text(&report).contains("Not judged: 1 attempts of $checkout"));
}

#[test]
fn identities_are_told_apart_by_the_routes_own_rules() {
    let place = Place::new();
    let lines: Vec<Value> = ["Anna", "anna", "ANNA"]
        .iter()
        .enumerate()
        .map(|(n, who)| {
            let mut line = login(n as u64, "anna", "innocent", BROWSER, "succeeded");
            line["fields"]["account"] = json!(who);
            line
        })
        .collect();
    let files = [place.write("a.jsonl", &lines)];
    let folded = config(&place, "    rules: []", "");
    let sizes =
        |report: &Report| report.reauthentication.at_policy.iter().map(|share| share.of).take(3).collect::<Vec<_>>();
    assert_eq!(sizes(&report(&files, Some(&folded))), [1, 1, 1]);
    let text =
        std::fs::read_to_string(&folded).unwrap().replace("policy: mine", "policy: mine\n    identity: { case: keep }");
    let kept = place.text("kept.yaml", &text);
    match evaluate(&asked(&files, Some(&kept))) {
        Ok(report) => assert_eq!(sizes(&report), [3, 0, 0]),
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn the_same_file_makes_the_same_report_and_a_kept_one_reads_back() {
    let place = Place::new();
    let files = [programs(&place)];
    let (once, twice) = (report(&files, None), report(&files, None));
    let json = serde_json::to_string_pretty(&once).unwrap();
    assert_eq!(json, serde_json::to_string_pretty(&twice).unwrap());
    let kept = compare::read(json.as_bytes()).unwrap();
    assert_eq!(serde_json::to_string_pretty(&kept).unwrap(), json);
    let comparison = compare::compare(&once, &kept, "before.json");
    assert!(comparison.caveats.is_empty(), "{:?}", comparison.caveats);
    assert!(comparison.changes.iter().all(|change| change.better.is_none()));
    assert!(comparison.changes.len() > 5);
    for (text, said) in [
        ("{", "EOF"),
        ("{}", "no `version`"),
        (r#"{"version":99}"#, "of version 99"),
        (r#"{"version":1}"#, "missing field"),
    ] {
        let error = compare::read(text.as_bytes()).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn a_change_that_matters_is_told_and_which_way_it_went() {
    let place = Place::new();
    let mut lines: Vec<Value> =
        (0..200).map(|n| login(n, &format!("anna{n}"), "innocent", BROWSER, "succeeded")).collect();
    lines.extend((0..100).map(|n| login(1_000 + n, "bot", "mystery", "curl/8", "failed")));
    let files = [place.write("a.jsonl", &lines)];
    let allow = config(&place, "    rules: []", "");
    let before = report(&files, Some(&allow));
    let deny = config(&place, "    rules: [{ name: all, when: \"true\", action: deny }]", "");
    let after = report(&files, Some(&deny));
    let comparison = compare::compare(&after, &before, "before.json");
    let better = |of: &str, what: &str| {
        comparison.changes.iter().find(|change| change.of == of && change.what == what).unwrap().better
    };
    assert_eq!((better("innocents", "hit"), better("mystery", "stopped")), (Some(false), Some(true)));
    let mut report = after;
    report.comparison = Some(comparison);
    let text = text::text(&report);
    assert!(text.contains("\nSince before.json\n") && text.contains("+100.00"), "{text}");
    assert!(html::page(&report).contains("class=\"worse\""));
    assert!(report.attacks[0].score.is_none() && report.attacks[0].curves.len() == 1, "nobody said what it is");
}

#[test]
fn the_page_stands_alone_and_lets_nothing_in() {
    let place = Place::new();
    let mut lines: Vec<Value> = (0..3).map(|n| login(n * 90_000, "anna", "innocent", BROWSER, "succeeded")).collect();
    let evil = "<script src=//evil.example></script>\"'&";
    lines[1]["persona"] = json!(evil);
    lines[1]["actor"] = json!(evil);
    lines.push(login(300_000, "thief", "takeover_vpn", BROWSER, "succeeded"));
    let deny = config(&place, "    rules: [{ name: all, when: \"true\", action: deny }]", "");
    let report = report(&[place.write("a.jsonl", &lines)], Some(&deny));
    let page = html::page(&report);
    for absent in ["<script", "src=\"", "href=\"http", "url(", "@import", "<link", "<img", "<iframe"] {
        assert!(!page.contains(absent), "the page has `{absent}`");
    }
    let handler = regex::Regex::new(r#"<[^>]*\son[a-z]+\s*="#).unwrap();
    assert!(!handler.is_match(&page), "{:?}", handler.find(&page));
    assert!(page.contains("&lt;script src=//evil.example&gt;"));
    well_formed(&page);
}

/// Every element that is opened is closed, in order.
fn well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let style = page.find("<style>").unwrap()..page.find("</style>").unwrap();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let at = page.len() - rest.len() + start;
        let end = start + rest[start..].find('>').unwrap_or_else(|| panic!("a tag is cut off"));
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if style.contains(&at) && !tag.starts_with("style") {
            continue;
        }
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        let is_void = matches!(name, "!doctype" | "meta") || tag.ends_with('/');
        match tag.starts_with('/') {
            true => {
                assert_eq!(open.pop(), Some(name), "closed in the wrong order: {:?}", &page[at.saturating_sub(120)..at])
            }
            false if !is_void => open.push(name),
            false => {}
        }
        let quotes = tag.matches('"').count();
        assert_eq!(quotes % 2, 0, "<{tag}>");
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

#[test]
fn whatever_is_wrong_is_told_with_its_place() {
    let place = Place::new();
    let good = login(5, "anna", "innocent", BROWSER, "succeeded");
    let fail = |line: Value| {
        let files = [place.write("a.jsonl", &[good.clone(), line])];
        evaluate(&asked(&files, None)).err().map(|failure| failure.to_string()).unwrap_or_default()
    };
    let changed = |key: &str, value: Value| {
        let mut line = good.clone();
        line[key] = value;
        line
    };
    for (line, said) in [
        (changed("t", json!(START)), "a.jsonl:2: is of"),
        (changed("event", json!("signin")), "a.jsonl:2: `event` is `signin`"),
        (changed("headers", json!([["Bad Name", "x"]])), "a.jsonl:2: a header called `Bad Name` cannot be sent"),
        (changed("headers", json!([["A", "x\r\nB: y"]])), "a.jsonl:2: the value of the header `A` cannot be sent"),
        (changed("label", json!("a b")), "a.jsonl:2: `label` is `a b`"),
        (json!(7), "a.jsonl:2: "),
    ] {
        let error = fail(line);
        assert!(error.contains(said), "{said}: {error}");
    }
    let missing = [place.0.path().join("none.jsonl")];
    assert!(matches!(evaluate(&asked(&missing, None)), Err(Failure::Traffic(_))));
    let files = [place.write("a.jsonl", &[good])];
    let broken = place.text("broken.yaml", "version: 1\nmodes: monitor\n");
    match evaluate(&asked(&files, Some(&broken))) {
        Err(Failure::Configuration(report)) => assert!(report.contains("broken.yaml:2:"), "{report}"),
        other => panic!("{:?}", other.map(|_| ())),
    }
    let stdin = [PathBuf::from("-")];
    assert!(matches!(evaluate(&Asked { warm_up: None, ..asked(&stdin, None) }), Err(Failure::Usage(_))));
    // Nothing at all is a file that was not written, and no report of nothing.
    match evaluate(&asked(&[place.text("empty.jsonl", "")], None)) {
        Err(Failure::Failed(said)) => assert!(said.ends_with("empty.jsonl: there are no attempts"), "{said}"),
        other => panic!("{:?}", other.map(|_| ())),
    }
}

/// The keys of a report, as paths. Names that a file brings are `*`.
fn shape(value: &Value, path: &str, named: &[&str], paths: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let key = if named.contains(&path) { "*" } else { key.as_str() };
                shape(value, &format!("{path}.{key}"), named, paths);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| shape(item, &format!("{path}[]"), named, paths)),
        Value::Null => {}
        Value::Bool(_) => _ = paths.insert(format!("{path}: true or false")),
        Value::Number(_) => _ = paths.insert(format!("{path}: number")),
        Value::String(_) => _ = paths.insert(format!("{path}: text")),
    }
}

/// Programs read the report: what was once in it stays in it. `TOLLGATE_RECORD=1` records what was added.
#[test]
fn the_reports_keys_are_a_contract() {
    let place = Place::new();
    let mut lines: Vec<Value> = (0..4).map(|n| login(n * 90_000, "anna", "innocent", BROWSER, "succeeded")).collect();
    lines.insert(0, login(0, "bot", "spraying", "curl/8", "failed"));
    lines.push(login(270_000, "thief", "takeover_targeted", "curl/8", "succeeded"));
    let mut other = login(270_001, "anna", "innocent", BROWSER, "succeeded");
    other["event"] = json!("checkout");
    lines.push(other);
    let policy = "    rules: [{ name: all, when: \"true\", action: challenge, challenge: proof_of_work }]";
    let config = config(&place, policy, "intel: { asn: nowhere.mmdb }");
    let files = [place.write("a.jsonl", &lines)];
    let mut solvers = Solvers::default();
    solvers.add("innocent=1").unwrap();
    let warm_up = Some(Duration::from_secs(1));
    let mut report = evaluate(&Asked { solvers, warm_up, ..asked(&files, Some(&config)) }).unwrap();
    report.comparison = Some(compare::compare(&report, &report, "before.json"));
    let named = [
        ".input.memory",
        ".input.unprotected",
        ".input.warm_up_attacks",
        ".configuration.policies",
        ".attacks[].thresholds[].thresholds",
    ];
    let mut paths = std::collections::BTreeSet::new();
    shape(&serde_json::to_value(&report).unwrap(), "", &named, &mut paths);
    let made: String = paths.iter().map(|path| format!("{path}\n")).collect();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/evaluate/report.txt");
    if std::env::var_os("TOLLGATE_RECORD").is_some() {
        std::fs::create_dir_all(fixture.parent().unwrap()).unwrap();
        std::fs::write(&fixture, &made).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&fixture).unwrap_or_default();
    let lost: Vec<&str> = kept.lines().filter(|path| !paths.contains(*path)).collect();
    assert!(lost.is_empty(), "keys that were in the report and are not any more: {lost:?}");
    assert_eq!(made, kept, "keys were added: `TOLLGATE_RECORD=1 cargo nextest run --lib evaluate::tests` records them");
}
