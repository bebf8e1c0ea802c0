//! `tollgate explain` tells the truth: what it says of a request is what the gate does with it.

use crate::harness::http::{self, BROWSER, form, get, post, send};
use crate::harness::origin::Origin;
use crate::harness::{Gate, NOON, SHOP, within};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Output, Stdio};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tollgate::config::parse_elsewhere;
use tollgate::gateway::rehearsal::history::Told;
use tollgate::gateway::rehearsal::source;
use tollgate::gateway::rehearsal::{Facts, Rehearsal, wire};

/// The shop with a second route, a rule after success, a small limit, and an answer of its own for the refused.
fn shop() -> String {
    SHOP.replace(
        "    otherwise: allow",
        "    on_success:\n      - { name: abroad, when: client.country != \"DE\", action: challenge, challenge: proof_of_work }\n    \
         otherwise: allow\n    deny: { respond: 429, json: '{\"error\": \"refused\"}' }",
    )
    .replace("routes:", "limits: { body: 4KiB }\nlists: { vip: { effect: allow, of: account, entries: [vip] } }\nroutes:")
}

/// What the gate is asked to explain: the very bytes, from the peer that the gate sees.
async fn explained(gate: &Gate, request: &str, answer: Option<&str>) -> Value {
    let (settings, absent) = parse_elsewhere("test.yaml", &gate.yaml, gate.dir()).unwrap();
    let rehearsal = Rehearsal::open(settings, absent).unwrap_or_else(|error| panic!("{error:?}"));
    let source = source::read(request.as_bytes(), None, None).unwrap();
    let answer = answer.map(|text| wire::answer(text.as_bytes()).unwrap());
    let peer = "127.0.0.1".parse().unwrap();
    let facts = Facts { peer, at: NOON, tls: false, history: Told::default(), answer };
    let explanation = rehearsal.explain(&source, &facts).await.unwrap_or_else(|error| panic!("{error:?}"));
    serde_json::to_value(&explanation).unwrap()
}

/// A record without what differs from one attempt to the next.
fn lasting(record: &Value) -> Value {
    let mut record = record.clone();
    for field in ["id", "latency_us", "outcome"] {
        record.as_object_mut().unwrap().remove(field);
    }
    record
}

fn from(ip: &str) -> String {
    format!("{BROWSER}X-Forwarded-For: {ip}\r\n")
}

#[tokio::test]
async fn a_request_gets_the_record_that_its_explanation_shows() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(), &origin).await;
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\nfred\r\n--b\r\nContent-Disposition: form-data; \
                     name=\"password\"\r\n\r\nx\r\n--b--\r\n";
    let multipart = format!(
        "POST /login HTTP/1.1\r\nHost: shop.example\r\n{}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n{multipart}",
        from("203.0.113.6"),
        multipart.len()
    );
    let head = |more: &str| {
        format!(
            "POST /login HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/x-www-form-urlencoded\r\n{more}"
        )
    };
    let cases = [
        ("a person", post("/login", "login=anna&password=x", &from("203.0.113.1"))),
        ("a program", post("/login", "login=bea&password=x", "User-Agent: curl/8.5.0\r\nAccept: */*\r\n")),
        (
            "a program that wants a page",
            post("/login", "login=cleo&password=x", "User-Agent: curl/8.5.0\r\nAccept: text/html\r\n"),
        ),
        ("who is blocked", post("/login", "login=dora&password=x", &from("203.0.113.66"))),
        (
            "who is blocked, as a program",
            post("/login", "login=dora&password=x", "Sec-Fetch-Mode: cors\r\nX-Forwarded-For: 203.0.113.66\r\n"),
        ),
        ("two accounts", post("/login", "login=emil&login=eva&password=x", &from("203.0.113.2"))),
        ("a disguised path", post("/x/..%2flogin;v=1", "login=gina&password=x", &from("203.0.113.3"))),
        ("no account", post("/login", "password=x", &from("203.0.113.4"))),
        ("an e-mail address", post("/login", "login=Hans%40Example.COM&password=x", &from("2001:db8::1"))),
        ("who is on a list", post("/login", "login=VIP&password=x", &from("203.0.113.5"))),
        ("parts", multipart),
        (
            "chunks",
            head(&format!(
                "{}Transfer-Encoding: chunked\r\n\r\n12\r\nlogin=ida&password\r\n2\r\n=x\r\n0\r\n\r\n",
                from("203.0.113.7")
            )),
        ),
        (
            "two framings",
            head(&format!(
                "{}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nlogin\r\n0\r\n\r\n",
                from("203.0.113.8")
            )),
        ),
        ("too much", post("/login", &format!("login=jan&password={}", "x".repeat(5000)), &from("203.0.113.9"))),
        (
            "no form",
            post("/login", "login=kai", &from("203.0.113.10")).replace("x-www-form-urlencoded", "octet-stream"),
        ),
    ];
    let mut seen = 0;
    for (who, request) in cases {
        let explanation = explained(&gate, &request, None).await;
        let answer = send(gate.address, &request).await;
        let records = gate.records(seen + 1).await;
        let record = records[seen..].iter().find(|record| record["status"] == "$attempted").expect(who);
        let sent = match explanation["judgements"].get(0) {
            Some(judgement) => {
                assert_eq!(lasting(&judgement["record"]), lasting(record), "{who}");
                judgement["sent"].clone()
            }
            None => {
                assert_eq!(explanation["unjudged"]["enforced"], record["enforced"], "{who}");
                explanation["unjudged"]["sent"].clone()
            }
        };
        assert_eq!(explanation["recognition"]["route"], record["route"], "{who}");
        if sent["to"] == "visitor" {
            assert_eq!(sent["status"], answer.status, "{who}");
            for header in sent["headers"].as_array().unwrap() {
                let (name, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
                // A reference and a ticket are new each time, and so are the lengths of what holds them.
                if !["location", "content-length"].contains(&name) {
                    assert_eq!(answer.header(name), Some(value), "{who}: {name}");
                }
            }
        } else {
            let forwarded = origin.requests().pop().expect(who);
            let told = sent["headers"].as_array().unwrap().iter().map(|header| header[0].as_str().unwrap());
            for (name, header) in told.zip(sent["headers"].as_array().unwrap()) {
                if name != "x-tollgate-decision" {
                    assert_eq!(forwarded.header(name).join(", "), header[1].as_str().unwrap(), "{who}: {name}");
                }
            }
        }
        // What was forwarded has an outcome's record as well.
        seen += if sent["to"] == "application" && record["enforced"] == "forwarded" { 2 } else { 1 };
        gate.records(seen).await;
    }
}

#[tokio::test]
async fn what_follows_a_success_is_what_the_explanation_shows() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(), &origin).await;
    let answer =
        "HTTP/1.1 302 Found\nLocation: /account\nSet-Cookie: session=opened; HttpOnly; Path=/\nContent-Length: 0\n\n";
    let mut seen = 0;
    // The explanation knows of no earlier login, so each is somebody's first.
    for (ip, who, status) in [("91.0.0.7", "anna", 302), ("113.160.0.9", "berta", 303)] {
        let request = post("/login", &format!("login={who}&password=right"), &from(ip));
        let explanation = explained(&gate, &request, Some(answer)).await;
        assert_eq!(send(gate.address, &request).await.status, status);
        let after = &explanation["judgements"][1];
        assert_eq!(after["sent"]["status"], status);
        assert_eq!(explanation["application"]["outcome"], "succeeded");
        let records = gate.records(seen + 2).await;
        let (mut shown, mut written) = (lasting(&after["record"]), lasting(&records[seen + 1]));
        // The record of an answer says so in its status.
        for record in [&mut shown, &mut written] {
            record.as_object_mut().unwrap().remove("status");
        }
        assert_eq!(shown, written, "{ip}");
        seen += 2;
    }
    let failed = explained(&gate, &form("/login", "login=anna&password=x"), Some("401")).await;
    assert_eq!(failed["application"]["rule"], "failed[0]");
    assert_eq!(failed["judgements"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_on_no_route_says_what_it_missed() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let explanation = explained(&gate, &get("/login", BROWSER), None).await;
    assert_eq!(explanation["unjudged"]["why"], "no_route");
    assert_eq!(
        explanation["recognition"]["near"],
        json!([{ "route": "sign-in", "shadowed": false, "failed": [
            { "key": "method", "wants": "POST", "holds": false, "readings": [], "seen": "GET" },
        ] }])
    );
    assert_eq!(send(gate.address, get("/login", BROWSER)).await.text(), "hello");
}

#[tokio::test]
async fn http_2_is_explained_from_its_printed_form() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let request = post("/login", "login=anna&password=x", BROWSER).replace(" HTTP/1.1\r\n", " HTTP/2\r\n");
    let explanation = explained(&gate, &request, None).await;
    let judgement = &explanation["judgements"][0];
    assert_eq!(judgement["record"]["request"]["http"], "2");
    assert_eq!(judgement["record"]["request"]["host"], "shop.example");
    let told = judgement["sent"]["headers"].as_array().unwrap();
    for header in [json!(["host", "shop.example"]), json!(["x-forwarded-host", "shop.example"])] {
        assert!(told.contains(&header), "{header} is not in {told:?}");
    }
}

/// A folder with a configuration that names files of another machine.
fn laptop() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let yaml = SHOP
        .replace("{origin}", "127.0.0.1:9")
        .replace("{dir}", dir.path().to_str().unwrap())
        .replace("mode: enforce", "mode: monitor")
        .replace("routes:", "intel: { anonymous: anonymous.mmdb }\nlists: { blocked: { effect: deny, of: ip, file: blocked.txt } }\nroutes:");
    std::fs::write(dir.path().join("tollgate.yaml"), yaml).unwrap();
    dir
}

async fn explain(dir: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.arg("explain").args(arguments).current_dir(dir).kill_on_drop(true);
    let mut program = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = program.stdin.take().unwrap();
    // A program that refuses its options reads nothing.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    within("the explanation", program.wait_with_output()).await.unwrap()
}

fn out(output: &Output) -> String {
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[tokio::test]
async fn an_operator_asks_on_a_laptop() {
    let dir = laptop();
    let request = http::post("/login", "login=anna&password=hunter2", "User-Agent: curl/8.5.0\r\n");
    let asked = ["--config", "tollgate.yaml", "--request", "-", "--client-ip", "203.0.113.9"];
    let text = out(&explain(dir.path(), &asked, &request).await);
    for words in [
        "intel.anonymous (anonymous.mmdb): there is no such file",
        "lists.blocked.file (blocked.txt): there is no such file",
        "as login by the route `sign-in`",
        "account   anna",
        "password  present",
        "fired http_client_library",
        "blind tor_exit",
        "robots: challenge (proof_of_work) when fired.http_client_library",
        "It would have been allowed if http_client_library had not fired.",
        "Monitor mode",
        "x-tollgate-action: challenge",
    ] {
        assert!(text.contains(words), "`{words}` is not in\n{text}");
    }
    assert!(!text.contains("hunter2"), "a password was printed");
    assert!(!text.contains('\u{1b}'), "colours without a terminal");
    assert!(!dir.path().join("secret").exists(), "explain made a secret file");

    // The same for programs; and as a curl command, with a history.
    let command = "curl http://shop.example/login -A 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' \\\n \
                   -H 'Accept: text/html' -H 'Accept-Language: de' -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-Site: same-origin' \\\n \
                   -H 'Sec-Fetch-Dest: document' -H 'Origin: http://shop.example' -d login=anna -d password=hunter2";
    let told =
        [&asked[..], &["--history", "account.failures_here=20", "--json", "--at", "2026-11-22T09:00:00Z"]].concat();
    let json = out(&explain(dir.path(), &told, command).await);
    assert!(!json.contains("hunter2"));
    let explanation: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(explanation["request"]["source"], "curl");
    assert_eq!(explanation["request"]["at"], "2026-11-22T09:00:00.000Z");
    assert_eq!(explanation["judgements"][0]["record"]["signals"], json!(["leaked_password", "brute_force"]));
}

#[tokio::test]
async fn records_are_told_in_words() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(), &origin).await;
    send(gate.address, post("/login", "login=anna&password=x", &from("203.0.113.66"))).await;
    send(gate.address, post("/login", "login=anna&password=right", &from("113.160.0.9"))).await;
    gate.records(3).await;
    let config = gate.dir().join("tollgate.yaml");
    std::fs::write(&config, &gate.yaml).unwrap();
    let asked = ["--record", "decisions.jsonl", "--config", "tollgate.yaml"];
    let text = out(&explain(gate.dir(), &asked, "").await);
    for words in [
        "decided: deny by the rule `blocked` of the policy `login`",
        "its rule: when client.ip == \"203.0.113.66\"",
        "the visitor was refused",
        "which the application answered with success",
        "decided: challenge (proof_of_work) by the rule `abroad`",
        "the application answered 302",
    ] {
        assert!(text.contains(words), "`{words}` is not in\n{text}");
    }
    let lines = out(&explain(
        gate.dir(),
        &["--record", "-", "--json"],
        &std::fs::read_to_string(gate.dir().join("decisions.jsonl")).unwrap(),
    )
    .await);
    let told: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 3);
    assert_eq!(told[1]["record"]["moment"], "before");
}

#[tokio::test]
async fn what_is_wrong_is_named_and_has_its_exit_code() {
    let dir = laptop();
    std::fs::write(dir.path().join("broken.yaml"), "version: 1\nmodee: x\n").unwrap();
    let ask = ["--config", "tollgate.yaml", "--request", "-"];
    let with = |more: &[&'static str]| [&ask[..], more].concat();
    let fine = get("/", "");
    for (arguments, input, code, said) in [
        (with(&[]), "POST /login HTTP/1.1\nHost: a\nlogin=anna\n", 1, "standard input:3: `login=anna` is no header"),
        (with(&[]), "curl http://a \\\n --nonsense", 1, "standard input:2: `--nonsense`"),
        (with(&[]), "{\"log\": {\"entries\": []}}", 1, "the recording is empty"),
        (with(&["--from", "har"]), &fine, 1, "no JSON"),
        (with(&["--history", "account.failure=1"]), &fine, 64, "did you mean `account.failures`?"),
        (with(&["--at", "noon"]), &fine, 64, "--at"),
        (with(&["--answer", "99"]), &fine, 64, "--answer"),
        (with(&["--client-ip", "here"]), &fine, 64, "client-ip"),
        (vec!["--config", "tollgate.yaml"], "", 64, "--request"),
        (vec!["--record", "-"], "{}\n", 1, "standard input:1: this JSON is no decision record"),
        (vec!["--config", "broken.yaml", "--request", "-"], &fine, 78, "modee"),
        (vec!["--config", "nowhere.yaml", "--request", "-"], &fine, 78, "there is no such file"),
        (vec!["--config", "tollgate.yaml", "--request", "nowhere.txt"], "", 1, "nowhere.txt"),
    ] {
        let output = explain(dir.path(), &arguments, input).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(said), "{arguments:?}: `{said}` is not in {told}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
