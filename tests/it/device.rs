//! The device cookie, from the first look at a form to a log-in a month later: who gets it, who does not, and what it is
//! worth in whose hands.

use crate::challenge::solve;
use crate::fleet::{Fleet, on};
use crate::harness::http::{Answer as Seen, BROWSER, Connection, get, post, send};
use crate::harness::origin::{Answer, Origin, Request};
use crate::harness::redis::Server;
use crate::harness::tls::{self, Identity};
use crate::harness::{Gate, SHOP, shop_with};
use crate::journey::abroad;
use crate::process::Program;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const DAY: u64 = 86_400;

/// A shop whose form is a page, and which has pages for every kind of cache.
async fn shop() -> Origin {
    Origin::start(|request: &Request| {
        let body = String::from_utf8_lossy(&request.body);
        let html = ("Content-Type", "text/html; charset=utf-8");
        match (request.method.as_str(), request.target.split('?').next().unwrap_or_default()) {
            ("POST", "/login") if body.contains("password=right") => {
                let session =
                    [("Location", "/account"), ("Set-Cookie", "session=opened; Path=/"), ("Set-Cookie", "b=2")];
                Answer::new("302 Found", &session, "")
            }
            ("POST", "/login") => Answer::new("401 Unauthorized", &[html], "wrong"),
            ("GET" | "HEAD", "/login") => Answer::new("200 OK", &[html, ("Set-Cookie", "csrf=1")], "<form>"),
            (_, "/form/cached") => Answer::new("200 OK", &[html, ("Cache-Control", "public, max-age=60")], "<form>"),
            (_, "/form/again") => Answer::raw("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n"),
            (_, "/form/logo.png") => Answer::new("200 OK", &[("Content-Type", "image/png")], "png"),
            (_, "/form/moved") => Answer::new("302 Found", &[("Location", "/login")], ""),
            (_, "/form/forever") => Answer::new("301 Moved Permanently", &[("Location", "/login")], ""),
            _ => Answer::new("200 OK", &[html], "<p>hello"),
        }
    })
    .await
}

fn pages() -> String {
    shop_with(&[("pages: [/login]", "pages: [/login, /form/*]")])
}

/// The shop's rules, and one that says whom the gate knows.
fn telling() -> String {
    shop_with(&[(
        "    otherwise: allow",
        "      - { name: known, when: device.known, action: allow }\n    otherwise: allow",
    )])
}

/// Cookies as one browser keeps them.
#[derive(Clone, Default)]
struct Jar(Vec<(String, String)>);

impl Jar {
    fn keep(&mut self, answer: &Seen) {
        for set in answer.all("set-cookie") {
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.0.retain(|(known, _)| known != name);
            if !set.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    fn header(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { String::new() } else { format!("Cookie: {}\r\n", pairs.join("; ")) }
    }

    async fn get(&mut self, address: SocketAddr, path: &str) -> Seen {
        let answer = send(address, get(path, &format!("{BROWSER}{}", self.header()))).await;
        self.keep(&answer);
        answer
    }

    async fn sign_in(&mut self, address: SocketAddr, who: &str, password: &str) -> Seen {
        let headers = format!("{BROWSER}{}", self.header());
        let answer = send(address, post("/login", &format!("login={who}&password={password}"), &headers)).await;
        self.keep(&answer);
        answer
    }
}

/// The device cookie that an answer sets, attributes and all.
fn device(answer: &Seen) -> Option<String> {
    let cookies = answer.all("set-cookie");
    let mut ours = cookies.iter().filter(|cookie| cookie.contains("tollgate_device="));
    let first = ours.next().map(|cookie| (*cookie).to_owned());
    assert!(ours.next().is_none(), "{cookies:?}");
    first
}

fn later(gate: &Gate, seconds: u64) {
    gate.clock.advance(Duration::from_secs(seconds));
}

fn never_saw_it(origin: &Origin) {
    for request in origin.requests() {
        assert!(request.header("cookie").iter().all(|line| !line.contains("tollgate")), "{request:?}");
    }
}

#[tokio::test]
async fn a_browser_is_known_again_from_the_form_to_a_log_in_weeks_later() {
    let origin = shop().await;
    let gate = Gate::start(&telling(), &origin).await;
    let mut jar = Jar::default();

    let form = jar.get(gate.address, "/login").await;
    let cookie = device(&form).expect("with the form");
    assert!(cookie.ends_with("; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax"), "{cookie}");
    assert_eq!(form.all("set-cookie")[0], "csrf=1", "the application's own stay, and first");
    assert_eq!(form.header("cache-control"), Some("private"));
    assert_eq!(device(&jar.get(gate.address, "/login").await), None, "what it has is good");

    let wrong = jar.sign_in(gate.address, "anna", "wrong").await;
    assert_eq!((wrong.status, device(&wrong)), (401, None));
    let right = jar.sign_in(gate.address, "anna", "right").await;
    assert_eq!(right.all("set-cookie")[..2], ["session=opened; Path=/", "b=2"]);
    assert_ne!(device(&right).expect("proven now"), cookie);

    later(&gate, 20 * DAY);
    let again = jar.sign_in(gate.address, "anna", "right").await;
    assert!(device(&again).is_some(), "given out anew");
    jar.sign_in(gate.address, "bert", "right").await;

    let records = gate.records(8).await;
    let of = |place: usize| &records[2 * place];
    let id = of(0)["device"]["device_id"].as_str().expect("a keyed hash").to_owned();
    assert_eq!(id.len(), 32);
    for (place, rule) in [(0, None), (1, None), (2, Some("known")), (3, None)] {
        assert_eq!(of(place)["device"]["device_id"], id.as_str(), "{place}");
        assert_eq!(of(place)["device"]["since"], "2026-11-22T09:00:00.000Z", "{place}");
        assert_eq!(of(place)["policy"]["rule"].as_str(), rule, "{place}: known to anna, and not to bert");
    }
    let log = std::fs::read_to_string(gate.dir().join("decisions.jsonl")).unwrap();
    jar.0.iter().filter(|(name, _)| name.contains("tollgate")).for_each(|(_, value)| assert!(!log.contains(value)));
    never_saw_it(&origin);
}

#[tokio::test]
async fn what_a_cache_may_give_to_others_carries_nobody_s_cookie() {
    let origin = shop().await;
    let gate = Gate::start(&pages(), &origin).await;
    for (path, given) in [
        ("/login?next=/account", true),
        ("/form/plain", true),
        ("/form/moved", true),
        ("/form/cached", false),
        ("/form/again", false),
        ("/form/logo.png", false),
        ("/form/forever", false),
        ("/elsewhere", false),
    ] {
        let answer = send(gate.address, get(path, BROWSER)).await;
        assert_eq!(device(&answer).is_some(), given, "{path}: {answer:?}");
    }
    let cached = send(gate.address, get("/form/cached", BROWSER)).await;
    assert_eq!(cached.all("cache-control"), ["public, max-age=60"], "as the application made it");
    let mut head = Connection::open(gate.address).await;
    head.write(get("/login", BROWSER).replacen("GET", "HEAD", 1)).await;
    assert!(device(&head.read_answer_to("HEAD").await.unwrap()).is_some());
    let old = send(gate.address, get("/login", BROWSER).replacen("HTTP/1.1", "HTTP/1.0", 1)).await;
    assert!(device(&old).is_some() && old.text() == "<form>", "{old:?}");
}

#[tokio::test]
async fn every_answer_on_a_protected_route_gives_one_and_so_do_the_gate_s_own() {
    let origin = shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let blocked = format!("{BROWSER}X-Forwarded-For: 203.0.113.66\r\n");
    let denied = send(gate.address, post("/login", "login=anna&password=right", &blocked)).await;
    assert_eq!((denied.status, device(&denied).is_some()), (403, true));
    let robot = "User-Agent: curl/8.5.0\r\nAccept: */*\r\n";
    let challenged = send(gate.address, post("/login", "login=anna&password=right", robot)).await;
    assert_eq!((challenged.status, device(&challenged).is_some()), (403, true));
    let page = challenged.json()["challenge"]["url"].as_str().unwrap().to_owned();
    let page = send(gate.address, get(&page, BROWSER)).await;
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")));
    assert!(device(&page).is_some());
    assert!(origin.requests().is_empty());
    // Watched only, the same is done.
    let gate = Gate::start(&SHOP.replace("mode: enforce", "mode: monitor"), &origin).await;
    let passed = send(gate.address, post("/login", "login=anna&password=right", robot)).await;
    assert_eq!((passed.status, device(&passed).is_some()), (302, true));
    // And switched off, nothing.
    let gate = Gate::start(&format!("{SHOP}device: {{ cookie: false }}\n"), &origin).await;
    let mut jar = Jar::default();
    assert_eq!(device(&jar.get(gate.address, "/login").await), None);
    assert_eq!(device(&jar.sign_in(gate.address, "anna", "right").await), None);
}

#[tokio::test]
async fn over_tls_it_is_secure_and_the_host_s_own_in_both_protocols() {
    let (origin, identity) = (shop().await, Identity::new());
    let gate = Gate::start(SHOP, &origin).await;
    let address = tls::listen(&gate, &identity).await;
    let mut http1 = identity.http1(address).await;
    http1.write(get("/login", BROWSER)).await;
    let one = device(&http1.read().await.unwrap()).unwrap();
    let http2 = identity.http2(address).await;
    let two = device(&http2.get("/login", &[]).await).unwrap();
    // A proxy of the operator's, to which the visitor speaks TLS.
    let behind = send(gate.address, get("/login", &format!("{BROWSER}X-Forwarded-Proto: https\r\n"))).await;
    for cookie in [&one, &two, &device(&behind).unwrap()] {
        assert!(cookie.starts_with("__Host-tollgate_device=") && cookie.ends_with("; Secure"), "{cookie}");
    }
    let sent = two.split(';').next().unwrap();
    // HTTP/2 may cut the header in pieces.
    let answer = http2.form("/login", "login=anna&password=right", &[("cookie", "a=1"), ("cookie", sent)]).await;
    assert_eq!(answer.status, 302);
    assert!(device(&answer).is_some(), "proven now");
    let records = gate.records(2).await;
    assert!(records[0]["device"]["device_id"].is_string());
    never_saw_it(&origin);
    let logins: Vec<_> = origin.requests().into_iter().filter(|request| request.method == "POST").collect();
    assert_eq!(logins[0].header("cookie"), ["a=1"]);
    // The name that a sister host can set means nothing here.
    let plain = sent.trim_start_matches("__Host-");
    http2.form("/login", "login=anna&password=right", &[("cookie", plain)]).await;
    assert!(gate.records(4).await[2]["device"]["device_id"].is_null());
    never_saw_it(&origin);
}

#[tokio::test]
async fn a_cookie_that_was_tampered_with_is_none_and_is_counted() {
    let origin = shop().await;
    let program = Program::start(SHOP, &origin).await;
    let mut jar = Jar::default();
    let good = device(&jar.get(program.address, "/login").await).unwrap().split(';').next().unwrap().to_owned();
    let other = device(&send(program.address, get("/login", BROWSER)).await).unwrap();
    let other = other.split(';').next().unwrap();
    let flipped = format!("{}{}", &good[..good.len() - 1], if good.ends_with('A') { 'Q' } else { 'A' });
    let long = format!("{good}{}", "A".repeat(8_000));
    for (cookie, found) in [
        (&*good, "fresh"),
        (&flipped, "forged"),
        (&good[..60], "forged"),
        (&long, "forged"),
        (&format!("{flipped}; {good}"), "fresh"),
        (&format!("{good}; {other}"), "contested"),
        ("a=1", "none"),
    ] {
        let name = format!("tollgate_device_cookies_total{{found=\"{found}\"}}");
        let before = program.metric(&name).await;
        let headers = format!("{BROWSER}Cookie: {cookie}\r\n");
        let answer = send(program.address, post("/login", "login=anna&password=wrong", &headers)).await;
        assert_eq!(answer.status, 401);
        assert_eq!(program.metric(&name).await, before + 1, "{cookie}");
        let replaced = matches!(found, "forged" | "none");
        assert_eq!(device(&answer).is_some(), replaced, "{cookie}");
    }
    assert!(program.metric("tollgate_device_cookies_given_total{what=\"new\"}").await >= 6);
    let ids: Vec<bool> =
        program.records(14).await.iter().step_by(2).map(|r| r["device"]["device_id"].is_string()).collect();
    assert_eq!(ids, [true, false, false, false, true, false, false]);
}

#[tokio::test]
async fn a_new_signing_key_makes_a_stranger_of_nobody() {
    let origin = shop().await;
    let program = Program::start(&format!("reload: {{ watch: false }}\n{}", telling()), &origin).await;
    let mut jar = Jar::default();
    jar.get(program.address, "/login").await;
    jar.sign_in(program.address, "anna", "right").await;
    let file = program.dir.path().join("secret");
    let secret = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, secret.replace("\nsign ", &format!("\nsign 0000000a {}\nsign ", "5a".repeat(32)))).unwrap();
    assert_eq!(program.reload().await.0, 0);
    assert!(device(&jar.get(program.address, "/login").await).is_some(), "under the new key");
    assert_eq!(device(&jar.get(program.address, "/login").await), None);
    // The old key goes.
    let secret = std::fs::read_to_string(&file).unwrap();
    let kept: Vec<&str> =
        secret.lines().filter(|line| !line.starts_with("sign ") || line.contains("0000000a")).collect();
    std::fs::write(&file, kept.join("\n") + "\n").unwrap();
    assert_eq!(program.reload().await.0, 0);
    jar.sign_in(program.address, "anna", "right").await;
    let records = program.records(4).await;
    assert_eq!(records[0]["device"]["device_id"], records[2]["device"]["device_id"]);
    assert_eq!(records[2]["policy"]["rule"], "known");
}

#[tokio::test]
async fn a_stolen_copy_is_found_out_and_both_become_strangers() {
    let origin = shop().await;
    let gate = Gate::start(&telling(), &origin).await;
    let mut owner = Jar::default();
    owner.get(gate.address, "/login").await;
    owner.sign_in(gate.address, "anna", "right").await;
    let mut thief = owner.clone();
    later(&gate, 5 * DAY);
    owner.get(gate.address, "/login").await;
    owner.sign_in(gate.address, "anna", "right").await;
    later(&gate, DAY);
    let caught = thief.sign_in(gate.address, "anna", "wrong").await;
    assert!(device(&caught).is_some());
    owner.sign_in(gate.address, "anna", "right").await;
    thief.sign_in(gate.address, "anna", "wrong").await;
    let records = gate.records(10).await;
    let (known, copied) = ([1, 0, 0, 0], [false, true, true, false]);
    let id = records[0]["device"]["device_id"].clone();
    for (place, record) in records[2..].iter().step_by(2).enumerate() {
        assert_eq!(record["policy"]["rule"] == "known", known[place] == 1, "{place}");
        assert_eq!(record["device"]["copied"] == true, copied[place], "{place}");
        assert_eq!(record["device"]["device_id"] == id, place < 3, "{place}: then each has an own one");
    }
    // The owner is known again by the next log-in.
    owner.sign_in(gate.address, "anna", "right").await;
    owner.sign_in(gate.address, "anna", "right").await;
    let records = gate.records(14).await;
    assert_eq!(records[12]["policy"]["rule"], "known");
    assert_ne!(records[12]["device"]["device_id"], id);
}

#[tokio::test]
async fn cookies_that_are_thrown_away_make_no_new_devices() {
    let origin = shop().await;
    let yaml = shop_with(&[(
        "      - { name: robots, when: fired.http_client_library,",
        "      - { name: guessing, when: fired.brute_force,",
    )]);
    // At one account from forty addresses: without cookies, and with another each time.
    let mut refused = Vec::new();
    for farms in [false, true] {
        let gate = Gate::start(&yaml, &origin).await;
        let mut count = 0;
        for number in 0..40 {
            let mut jar = Jar::default();
            if farms {
                jar.get(gate.address, "/login").await;
            }
            let headers = format!("{BROWSER}{}X-Forwarded-For: 91.0.0.{number}\r\n", jar.header());
            let answer =
                send(gate.address, post("/login", &format!("login=anna&password=guess{number}"), &headers)).await;
            // An outcome is recorded once it is counted.
            count += if answer.status == 401 { 2 } else { 1 };
            gate.records(count).await;
        }
        refused.push(80 - count);
    }
    // Were each a device of its own, only what holds for the whole account would stop it, eight guesses later.
    assert!(refused[0] > 25, "{refused:?}");
    assert_eq!(refused[0], refused[1]);
}

#[tokio::test]
async fn the_fourth_account_of_a_device_is_told_and_a_family_is_not() {
    let origin = shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let mut jar = Jar::default();
    jar.get(gate.address, "/login").await;
    for who in ["anna", "bert", "carl", "anna", "dora", "emil"] {
        later(&gate, 3_600);
        assert_eq!(jar.sign_in(gate.address, who, "right").await.status, 302);
    }
    let records = gate.records(12).await;
    for (place, record) in records.iter().step_by(2).enumerate() {
        let fired = record["signals"].as_array().unwrap().iter().any(|name| name == "multiple_accounts_per_device");
        assert_eq!(fired, place == 5, "{place}");
    }
    assert_eq!(records[10]["evidence"]["multiple_accounts_per_device"]["accounts"], 4);
}

#[tokio::test]
async fn a_held_log_in_proves_the_device_when_it_is_released() {
    let origin = shop().await;
    let yaml = abroad().replace(
        "      - { name: robots",
        "      - { name: known, when: device.known, action: allow }\n      - { name: robots",
    );
    let gate = Gate::start(&yaml, &origin).await;
    let mut jar = Jar::default();
    jar.get(gate.address, "/login").await;
    let held = jar.sign_in(gate.address, "anna", "right").await;
    assert_eq!(held.status, 303, "from nowhere in Germany");
    assert_eq!(device(&held), None, "nothing is proven yet");
    let location = held.header("location").unwrap().to_owned();
    let solution = solve(gate.address, &location).await;
    let released = send(gate.address, post(&location, &solution, &format!("{BROWSER}{}", jar.header()))).await;
    assert_eq!(released.status, 302);
    assert!(device(&released).is_some());
    jar.keep(&released);
    jar.sign_in(gate.address, "anna", "right").await;
    let records = gate.records(4).await;
    assert_eq!(records[3]["policy"]["rule"], "known", "{records:#?}");
}

#[tokio::test]
async fn a_fleet_knows_the_device_that_one_gate_met() {
    let (server, origin) = (Server::start(&[]), shop().await);
    let fleet = Fleet::start(2, &telling(), &on(&server), &origin).await.connected().await;
    let mut jar = Jar::default();
    jar.get(fleet.gate(0).address, "/login").await;
    jar.sign_in(fleet.gate(0).address, "anna", "right").await;
    fleet.gate(0).records(2).await;
    jar.sign_in(fleet.gate(1).address, "anna", "right").await;
    let there = fleet.gate(1).records(2).await;
    assert_eq!(there[0]["policy"]["rule"], "known");
    assert_eq!(there[0]["device"]["device_id"], fleet.gate(0).records(2).await[0]["device"]["device_id"]);
}

/// What curl prints of an answer's head, with the jar in this file.
async fn curl(jar: &Path, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new("curl");
    command
        .args(["--silent", "--show-error", "--insecure", "--include", "--cookie"])
        .arg(jar)
        .arg("--cookie-jar")
        .arg(jar);
    command.args(["--user-agent", "Mozilla/5.0", "--header", "Accept-Language: de"]).args(arguments);
    let output = crate::harness::within("curl", command.output()).await.expect("curl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn another_s_cookie_jar_keeps_it_over_both_protocols() {
    let (origin, identity, dir) = (shop().await, Identity::new(), tempfile::tempdir().unwrap());
    let gate = Gate::start(&telling(), &origin).await;
    let secure = tls::listen(&gate, &identity).await;
    let mut expected = 0;
    for (name, version, address, scheme) in [
        ("plain", "--http1.1", gate.address, "http"),
        ("one", "--http1.1", secure, "https"),
        ("two", "--http2", secure, "https"),
    ] {
        let jar = dir.path().join(name);
        // A name, because `Secure` cookies of a bare address are a matter of taste.
        let url = format!("{scheme}://localhost:{}/login", address.port());
        let resolve = format!("localhost:{}:{}", address.port(), address.ip());
        let common = [version, "--resolve", &resolve, &url];
        let form = curl(&jar, &common).await;
        assert!(form.contains("tollgate_device="), "{form}");
        for _ in 0..2 {
            let login = curl(&jar, &[&common[..], &["--data", "login=anna&password=right"]].concat()).await;
            assert!(login.contains(" 302"), "{login}");
        }
        expected += 4;
        let records = gate.records(expected).await;
        let of_this: Vec<_> = records[expected - 4..].iter().step_by(2).collect();
        assert_eq!(of_this[0]["device"]["device_id"], of_this[1]["device"]["device_id"]);
        assert!(of_this[0]["device"]["device_id"].is_string(), "{name}");
        assert_eq!(
            (of_this[0]["policy"]["rule"].as_str(), of_this[1]["policy"]["rule"].as_str()),
            (None, Some("known"))
        );
    }
    never_saw_it(&origin);
}
