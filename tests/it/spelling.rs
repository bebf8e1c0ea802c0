//! Accounts that look like one and are several: a sibling of somebody's name, or their name in another application behind
//! the same gate, vouches for nobody but its own owner.

use crate::harness::http::{Answer, BROWSER, post, send};
use crate::harness::origin::{self, Origin};
use crate::harness::{Gate, SHOP, shop_with};
use crate::journey::FROM_VIETNAM;

const FROM_GERMANY: &str = "X-Forwarded-For: 91.0.0.7\r\n";

/// An application with these accounts, each a host (empty: any) and the form that opens it.
async fn application(accounts: &'static [(&'static str, &'static str)]) -> Origin {
    Origin::start(|request| {
        let (host, body) = (request.header("host"), String::from_utf8_lossy(&request.body));
        let opens = |(of, form): &(&str, &str)| *form == body && (of.is_empty() || host == [*of]);
        match accounts.iter().any(opens) {
            true => {
                origin::Answer::new("302 Found", &[("Location", "/"), ("Set-Cookie", "session=opened; Path=/")], "")
            }
            false => origin::Answer::new("401 Unauthorized", &[], "wrong"),
        }
    })
    .await
}

async fn login(gate: &Gate, host: &str, form: &str, from: &str) -> Answer {
    let request =
        post("/login", form, &format!("{BROWSER}{from}")).replace("Host: shop.example", &format!("Host: {host}"));
    send(gate.address, request).await
}

/// What guesses are refused by.
fn guarded(yaml: &str) -> String {
    let robots = "fired.http_client_library, action: challenge, challenge: proof_of_work";
    assert!(yaml.contains(robots));
    yaml.replace(robots, "fired.brute_force, action: deny")
}

/// A step-up for logins that are more likely a thief's than most.
fn careful() -> String {
    shop_with(&[(
        "    otherwise: allow",
        "    on_success:\n      - { name: takeover, when: account_takeover >= 30, action: challenge, challenge: proof_of_work }\n    otherwise: allow",
    )])
}

const GUESSES: usize = 40;

/// How many guesses at an account reach the application while their sender logs in to another one in between.
async fn reached(yaml: &str, victim: [&str; 2], own: Option<[&str; 2]>) -> usize {
    let origin = application(&[
        ("", "login=v.ictim%40gmail.com&password=mine"),
        ("", "login=victim%2Bx%40gmail.com&password=mine"),
        ("", "login=%EF%BD%96ictim&password=mine"),
        ("", "login=vic%E2%80%8Btim&password=mine"),
        ("", "login=v%C3%ADctim&password=mine"),
        ("", "login=vic%3Cb%3Etim&password=mine"),
        ("shop.example", "login=boss&password=mine"),
        ("backoffice.example", "login=chief&password=mine"),
    ])
    .await;
    let gate = Gate::start(&guarded(yaml), &origin).await;
    let mut reached = 0;
    for guess in 0..GUESSES {
        if let Some([host, name]) = own {
            let answer = login(&gate, host, &format!("login={name}&password=mine"), FROM_VIETNAM).await;
            // A sibling is doubted with the account that is guessed at, and nobody's own trouble is in question here.
            assert!(answer.status == 302 || guess > 0, "{name} exists");
        }
        let [host, name] = victim;
        let answer = login(&gate, host, &format!("login={name}&password=guess{guess}"), FROM_VIETNAM).await;
        reached += usize::from(answer.status == 401);
    }
    reached
}

#[tokio::test]
async fn a_sibling_of_the_name_lets_nobody_guess_more() {
    for (victim, siblings) in [
        ("victim%40gmail.com", &["v.ictim%40gmail.com", "victim%2Bx%40gmail.com"][..]),
        ("victim", &["%EF%BD%96ictim", "vic%E2%80%8Btim", "v%C3%ADctim", "vic%3Cb%3Etim"]),
    ] {
        let victim = ["shop.example", victim];
        let alone = reached(SHOP, victim, None).await;
        assert!((1..=13).contains(&alone), "{alone} guesses pass");
        for sibling in siblings {
            let helped = reached(SHOP, victim, Some(["shop.example", sibling])).await;
            assert!(helped <= alone, "with {sibling}: {helped} instead of {alone}");
        }
    }
}

/// Two applications behind one gate, of which the first is the default.
fn two_applications() -> String {
    shop_with(&[(
        "upstream: { servers: [\"{origin}\"] }",
        "upstream: [{ servers: [\"{origin}\"] }, { hosts: [backoffice.example], servers: [\"{origin}\"] }]",
    )])
}

#[tokio::test]
async fn the_same_name_in_another_application_lets_nobody_guess_more() {
    let yaml = two_applications();
    let [shop, office] = ["shop.example", "backoffice.example"];
    for (victim, own) in [([office, "boss"], [shop, "boss"]), ([shop, "chief"], [office, "chief"])] {
        let alone = reached(&yaml, victim, None).await;
        let helped = reached(&yaml, victim, Some(own)).await;
        assert!(helped <= alone && alone <= 13, "{own:?}: {helped} instead of {alone}");
    }
}

#[tokio::test]
async fn another_spelling_of_ones_own_name_is_guessing_too() {
    let origin = application(&[]).await;
    let gate = Gate::start(&guarded(SHOP), &origin).await;
    let spellings = ["victim", "%EF%BD%96ictim", "v%C3%ADctim", "vic%E2%80%8Btim", "vi%3Cb%3Ectim", "victim%26x%3B"];
    let mut reached = 0;
    for guess in 0..GUESSES {
        let form = format!("login={}&password=guess{guess}", spellings[guess % spellings.len()]);
        reached += usize::from(login(&gate, "shop.example", &form, FROM_VIETNAM).await.status == 401);
    }
    assert!(reached <= 13, "an application may take them for one: {reached}");
}

#[tokio::test]
async fn a_sibling_teaches_the_account_nothing() {
    let (victim, sibling) = ("login=victim%40gmail.com&password=hers", "login=v.ictim%40gmail.com&password=mine");
    let origin =
        application(&[("", "login=victim%40gmail.com&password=hers"), ("", "login=v.ictim%40gmail.com&password=mine")])
            .await;
    let gate = Gate::start(&careful(), &origin).await;
    let from = |form, place| login(&gate, "shop.example", form, place);
    assert_eq!(from(sibling, FROM_VIETNAM).await.status, 302);
    assert_eq!(from(victim, FROM_GERMANY).await.status, 302, "it has not made the owner a stranger");
    for _ in 0..3 {
        assert_eq!(from(sibling, FROM_VIETNAM).await.status, 302, "nor the owner its own");
    }
    assert_eq!(from(victim, FROM_GERMANY).await.status, 302);
    assert_eq!(from(victim, FROM_VIETNAM).await.status, 303, "and its place is not the owner's");
}

/// What WordPress and databases that look past accents take for `victim`, and full-width letters.
const DISGUISES: [&str; 6] =
    ["%EF%BD%96ictim", "v%C3%ADctim", "victim%2520", "vic%3Cb%3Etim", "victim%26x%3B", "v%C4%B1c%CC%81tim"];

#[tokio::test]
async fn the_name_in_disguise_is_no_way_round_what_its_owner_is_like() {
    let origin = Origin::start(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let name = body.strip_prefix("login=").and_then(|rest| rest.strip_suffix("&password=hers"));
        match name.is_some_and(|name| name == "victim" || DISGUISES.contains(&name)) {
            true => {
                origin::Answer::new("302 Found", &[("Location", "/"), ("Set-Cookie", "session=opened; Path=/")], "")
            }
            false => origin::Answer::new("401 Unauthorized", &[], "wrong"),
        }
    })
    .await;
    let gate = Gate::start(&careful(), &origin).await;
    assert_eq!(login(&gate, "shop.example", "login=victim&password=hers", FROM_GERMANY).await.status, 302);
    for attempt in 1..=DISGUISES.len() * 2 {
        let name = DISGUISES[(attempt - 1) / 2];
        let thief = login(&gate, "shop.example", &format!("login={name}&password=hers"), FROM_VIETNAM).await;
        assert_eq!(thief.status, 303, "{name}");
        assert!(thief.all("set-cookie").iter().all(|cookie| !cookie.starts_with("session=")), "{name}");
        let record = &gate.records(2 + 2 * attempt).await[1 + 2 * attempt];
        assert_eq!(record["evidence"]["impossible_travel"]["from"], "DE", "{name}: {record}");
    }
}

/// How many guesses, each at another account, reach the application, of who logs in to their own account in between, under
/// this name.
async fn guessed(own: impl Fn(usize) -> Option<String>) -> usize {
    let origin = Origin::start(|request| match String::from_utf8_lossy(&request.body).ends_with("&password=mine") {
        true => origin::Answer::new("302 Found", &[("Location", "/"), ("Set-Cookie", "session=opened; Path=/")], ""),
        false => origin::Answer::new("401 Unauthorized", &[], "wrong"),
    })
    .await;
    let robots = "fired.http_client_library, action: challenge, challenge: proof_of_work";
    let gate = Gate::start(&SHOP.replace(robots, "fired.credential_stuffing, action: deny"), &origin).await;
    let mut reached = 0;
    for guess in 0..GUESSES {
        if let Some(own) = own(guess) {
            login(&gate, "shop.example", &format!("login={own}&password=mine"), FROM_VIETNAM).await;
        }
        let form = format!("login=leaked{guess}&password=guess{guess}");
        reached += usize::from(login(&gate, "shop.example", &form, FROM_VIETNAM).await.status == 401);
    }
    reached
}

#[tokio::test]
async fn ones_own_account_is_one_account_under_every_accent() {
    let (o, w) = (["o", "%C3%B2", "%C3%B3", "%C3%B4", "%C3%B5", "%C3%B6", "%C3%B8"], ["w", "%C5%B5"]);
    let e = ["e", "%C3%A8", "%C3%A9", "%C3%AA", "%C3%AB"];
    let accented = |guess: usize| format!("{}{}n{}r", o[guess % 7], w[guess / 7 % 2], e[guess / 14 % 5]);
    let alone = guessed(|_| None).await;
    let plainly = guessed(|_| Some("owner".to_owned())).await;
    let in_disguise = guessed(|guess| Some(accented(guess))).await;
    assert!((1..=20).contains(&alone), "{alone} guesses pass");
    assert!(in_disguise <= plainly, "{in_disguise} instead of {plainly}, and {alone} without an account");
}

#[tokio::test]
async fn an_application_of_its_own_has_owners_of_its_own() {
    let origin = application(&[
        ("shop.example", "login=boss&password=mine"),
        ("backoffice.example", "login=boss&password=hers"),
    ])
    .await;
    let yaml =
        two_applications().replace("    otherwise: allow", &careful()[careful().find("    on_success").unwrap()..]);
    let gate = Gate::start(&yaml, &origin).await;
    let [mine, hers] = ["login=boss&password=mine", "login=boss&password=hers"];
    assert_eq!(login(&gate, "shop.example", mine, FROM_VIETNAM).await.status, 302);
    assert_eq!(login(&gate, "backoffice.example", hers, FROM_GERMANY).await.status, 302);
    assert_eq!(login(&gate, "backoffice.example", hers, FROM_VIETNAM).await.status, 303);
}

#[tokio::test]
async fn the_owner_stays_known_with_capitals_and_with_dots() {
    for (first, then) in [("anna", "Anna"), ("a.nna%40gmail.com", "A.nna%40GMail.com")] {
        let origin =
            application(&[("", "login=anna&password=hers"), ("", "login=a.nna%40gmail.com&password=hers")]).await;
        let gate = Gate::start(&guarded(SHOP), &origin).await;
        let right = login(&gate, "shop.example", &format!("login={first}&password=hers"), FROM_GERMANY).await;
        assert_eq!(right.status, 302);
        for mistake in 0..20 {
            let form = format!("login={then}&password=typo{mistake}");
            // A stranger has twelve.
            assert_eq!(login(&gate, "shop.example", &form, FROM_GERMANY).await.status, 401, "{then}: {mistake}");
        }
    }
}
