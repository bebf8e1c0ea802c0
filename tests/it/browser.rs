//! A person with a real browser in front of a real application that nobody here wrote, the program in between.

use crate::challenge::solve;
use crate::harness::shop::{ANNA, Shop};
use crate::harness::shop_with;
use crate::harness::tls::Identity;
use crate::harness::webdriver::Browser;
use crate::process::Program;
use serde_json::Value;

/// In Germany and in Vietnam by the embedded data.
const HOME: &str = "91.0.0.7";
const ABROAD: &str = "113.160.0.9";
/// Named by a rule.
const SUSPECT: &str = "203.0.113.66";

/// The shop's real form and its answers; one client is challenged before, whoever is abroad after.
fn rules() -> String {
    shop_with(&[
        ("difficulty: 8", "difficulty: 10"),
        ("form:login", "form:email"),
        ("\"session\" }]", "\"session*\" }]"),
        ("[{ status: 401 }]", r#"[{ status: 200, body_contains: ["Invalid password", "does not exist"] }]"#),
        ("name: blocked, when: client.ip == \"203.0.113.66\", action: deny", SUSPECTED),
        (
            "      - { name: robots, when: fired.http_client_library, action: challenge, challenge: proof_of_work }\n",
            ELSEWHERE,
        ),
    ])
}

const SUSPECTED: &str =
    r#"name: suspect, when: client.ip == "203.0.113.66", action: challenge, challenge: proof_of_work"#;
const ELSEWHERE: &str = r#"    on_success:
      - { name: elsewhere, when: client.country != "DE" && client.ip != "203.0.113.66", action: challenge, challenge: proof_of_work }
"#;

/// The shop, the gate before it and a browser.
struct Scene {
    browser: Browser,
    gate: Program,
    /// Of the site, as the browser knows it.
    site: String,
    shop: Shop,
}

impl Scene {
    async fn open(client: &str) -> Scene {
        Scene::with(&rules(), "http", client).await
    }

    async fn with(rules: &str, scheme: &str, client: &str) -> Scene {
        let browser = Browser::from(client).await;
        let shop = Shop::open().await;
        let gate = Program::start_at(rules, &shop.address.to_string()).await;
        let site = format!("{scheme}://{}", gate.address);
        Scene { browser, gate, site, shop }
    }

    fn page(&self, path: &str) -> String {
        format!("{}{path}", self.site)
    }

    /// Fills the sign-in form in and submits it.
    async fn sign_in(&self) {
        self.browser.fill("#email", ANNA.0).await;
        self.browser.fill("#password", ANNA.1).await;
        self.browser.click("#submit").await;
    }

    /// Signs in with scripts switched off, so that the challenge waits and there is time to look; gives its address.
    async fn wait_at_the_challenge(&self) -> String {
        self.browser.go(&self.page("/login")).await;
        self.browser.scripts(false).await;
        self.sign_in().await;
        let place = self.page("/.tollgate/challenge/");
        self.browser.until("the challenge", async || self.browser.url().await.starts_with(&place)).await;
        self.browser.url().await
    }

    async fn arrives_at(&self, path: &str) {
        let page = self.page(path);
        self.browser.until(&format!("arriving at {path}"), async || self.browser.url().await == page).await;
    }

    /// Whom the shop takes this browser for; `None` if it asks to sign in.
    async fn signed_in_as(&self) -> Option<String> {
        self.browser.go(&self.page("/account")).await;
        match self.browser.text("h1").await.as_deref() {
            Some("Your account") => self.browser.text("p").await,
            _ => None,
        }
    }

    /// Status and enforcement of each record.
    async fn records(&self, count: usize) -> Vec<(String, String)> {
        let word = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let records = self.gate.records(count).await;
        records.iter().map(|record| (word(record, "status"), word(record, "enforced"))).collect()
    }
}

/// What is recorded of a login that is challenged after it succeeded, and released.
const RELEASED: [(&str, &str); 3] =
    [("$attempted", "forwarded"), ("$succeeded", "challenged"), ("$succeeded", "released")];

fn expect(records: &[(String, String)], expected: &[(&str, &str)]) {
    let records: Vec<_> = records.iter().map(|(status, enforced)| (status.as_str(), enforced.as_str())).collect();
    assert_eq!(records, expected);
}

#[tokio::test]
async fn a_person_signs_in_and_notices_nothing() {
    let scene = Scene::open(HOME).await;
    scene.browser.go(&scene.page("/login")).await;
    let device = scene.browser.cookie("tollgate_device").await.expect("with the form");
    scene.sign_in().await;
    scene.arrives_at("/").await;
    assert_eq!(scene.signed_in_as().await.as_deref(), Some(ANNA.0));
    expect(&scene.records(2).await, &[("$attempted", "forwarded"), ("$succeeded", "forwarded")]);
    assert_ne!(scene.browser.cookie("tollgate_device").await.expect("proven by then"), device);
    let record = &scene.gate.records(1).await[0];
    assert!(record["device"]["device_id"].is_string() && record["device"]["since"].is_string(), "{record}");
}

#[tokio::test]
async fn a_challenge_before_forwarding_solves_itself_and_the_second_submit_goes_through() {
    let scene = Scene::open(SUSPECT).await;
    let browser = &scene.browser;
    browser.go(&scene.page("/login")).await;
    browser.console().await;
    scene.sign_in().await;
    // Back at the form, by way of the challenge's page.
    browser.until("a solved challenge", async || browser.cookie("tollgate_clearance").await.is_some()).await;
    scene.arrives_at("/login").await;
    assert_eq!(browser.console().await, [""; 0], "the challenge's page complains");
    assert_eq!(scene.signed_in_as().await, None);
    browser.go(&scene.page("/login")).await;
    scene.sign_in().await;
    scene.arrives_at("/").await;
    assert_eq!(scene.signed_in_as().await.as_deref(), Some(ANNA.0));
    let expected = [("$attempted", "challenged"), ("$attempted", "forwarded"), ("$succeeded", "forwarded")];
    expect(&scene.records(3).await, &expected);
}

#[tokio::test]
async fn the_session_is_in_the_browsers_hands_only_after_the_challenge() {
    session_after_the_challenge(Scene::open(ABROAD).await, "1.1").await;
}

#[tokio::test]
async fn the_session_is_in_the_browsers_hands_only_after_the_challenge_over_http2() {
    let identity = Identity::new();
    let secured = rules().replace("listen: [{ address: \"127.0.0.1:1\" }]", &identity.listener());
    session_after_the_challenge(Scene::with(&secured, "https", ABROAD).await, "2").await;
}

async fn session_after_the_challenge(scene: Scene, http: &str) {
    let browser = &scene.browser;
    browser.go(&scene.page("/login")).await;
    // The shop gives everybody a session, for its forms; what counts is whose it is.
    let signed_in = async || scene.shop.has_signed_in(&browser.cookie("session").await.expect("a session")).await;
    assert!(!signed_in().await);
    let challenge = scene.wait_at_the_challenge().await;
    let hint = browser.text("noscript").await.unwrap_or_default();
    assert!(hint.contains("This check needs JavaScript."), "without scripts the page says {hint:?}");
    assert!(!signed_in().await, "the customer's session is in the jar before the challenge is solved");
    assert_eq!(scene.signed_in_as().await, None);

    browser.scripts(true).await;
    browser.go(&challenge).await;
    scene.arrives_at("/").await;
    assert!(signed_in().await, "the customer's session is not in the jar after the challenge");
    assert_eq!(scene.signed_in_as().await.as_deref(), Some(ANNA.0));
    assert_eq!(browser.console().await, [""; 0], "the challenge's page complains");
    expect(&scene.records(3).await, &RELEASED);
    let record = &scene.gate.records(1).await[0];
    assert_eq!(record["request"]["http"], http);
    // Over TLS the browser itself takes care that no other host sets it.
    let name = if http == "2" { "__Host-tollgate_device" } else { "tollgate_device" };
    assert!(browser.cookie(name).await.is_some());
    assert!(record["device"]["device_id"].is_string(), "{record}");
}

#[tokio::test]
async fn going_back_and_opening_the_challenge_again_release_nothing_again() {
    let scene = Scene::open(ABROAD).await;
    let browser = &scene.browser;
    let challenge = scene.wait_at_the_challenge().await;
    browser.scripts(true).await;
    browser.go(&challenge).await;
    scene.arrives_at("/").await;
    // The page tries once more and is told so.
    let told = async || browser.text("h1").await.as_deref() == Some("This check was not accepted");
    // To Chromium a page that went on before it was complete was never there: back is then the form, and that sends
    // customers home.
    browser.back().await;
    let home = scene.page("/");
    browser.until("the end of going back", async || browser.url().await == home || told().await).await;
    browser.go(&challenge).await;
    browser.until("an explanation at the challenge's address", told).await;
    assert_eq!(scene.signed_in_as().await.as_deref(), Some(ANNA.0), "going back costs nothing");
    expect(&scene.records(3).await, &RELEASED);
}

#[tokio::test]
async fn a_solution_that_is_submitted_many_times_at_once_is_released_once() {
    let scene = Scene::open(ABROAD).await;
    let browser = &scene.browser;
    let challenge = scene.wait_at_the_challenge().await.trim_start_matches(&scene.site).to_owned();
    let solution = solve(scene.gate.address, &challenge).await;
    // The same browser, with its cookies, from a page that runs scripts.
    browser.scripts(true).await;
    browser.go(&scene.page("/")).await;
    let answers = browser
        .run(&format!(
            "const once = () => fetch('{challenge}', {{ method: 'POST', body: new URLSearchParams('{solution}'), redirect: 'manual' }})
                 .then(answer => answer.type === 'opaqueredirect' ? 'released' : String(answer.status));
             Promise.all(Array.from({{ length: 5 }}, once)).then(done, error => done(String(error)));"
        ))
        .await;
    let mut answers: Vec<_> = answers.as_array().unwrap_or_else(|| panic!("{answers}")).iter().collect();
    answers.sort_by_key(|answer| answer.to_string());
    // Whoever comes after the release has no cookie for it any more, and then the ticket is unknown.
    let refused = answers.iter().filter(|answer| **answer == "404" || **answer == "410").count();
    assert_eq!((refused, answers[4].as_str()), (4, Some("released")), "{answers:?}");
    assert_eq!(scene.signed_in_as().await.as_deref(), Some(ANNA.0));
    expect(&scene.records(3).await, &RELEASED);
}

const CHROME: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// What a Chrome of that name says of itself to pages that ask.
fn said_by_chrome() -> Value {
    let brand = |brand: &str, version: &str| serde_json::json!({ "brand": brand, "version": version });
    serde_json::json!({
        "brands": [brand("Chromium", "142"), brand("Google Chrome", "142"), brand("Not_A Brand", "99")],
        "platform": "Linux", "platformVersion": "6.1", "architecture": "x86", "model": "", "mobile": false,
    })
}

#[tokio::test]
async fn nothing_that_a_browser_sends_contradicts_itself() {
    let scene = Scene::open(HOME).await;
    scene.browser.call_itself(CHROME, said_by_chrome()).await;
    scene.browser.go(&scene.page("/login")).await;
    scene.sign_in().await;
    scene.arrives_at("/").await;
    let record = &scene.gate.records(1).await[0];
    assert_eq!(
        (&record["device"]["name"], &record["signals"]),
        (&"Chrome on Linux".into(), &serde_json::json!([])),
        "{record}"
    );
    assert!(record["evidence"].get("spoofed_device").is_none(), "{record}");
}

#[tokio::test]
async fn a_driven_browser_under_another_name_is_told_by_what_it_forgot() {
    let scene = Scene::open(HOME).await;
    scene.browser.call_itself(CHROME, Value::Null).await;
    scene.browser.go(&scene.page("/login")).await;
    scene.sign_in().await;
    scene.arrives_at("/").await;
    let record = &scene.gate.records(1).await[0];
    // What exactly is left of its own name differs from version to version: its hints, or none where a browser has some.
    let found = record["evidence"]["spoofed_device"]["contradictions"].as_array();
    let hints = found.is_some_and(|found| {
        found.iter().any(|pieces| pieces.as_str().is_some_and(|pieces| pieces.contains("sec_ch_ua")))
    });
    assert!(hints, "{record}");
}
