//! From a form to a record: logins that are forwarded, challenged, refused, and judged again once the password was right.

use crate::harness::http::{BROWSER, form, post, send};
use crate::harness::origin::{Answer, Origin};
use crate::harness::{Gate, SHOP};
use std::time::Duration;

#[tokio::test]
async fn a_persons_login_goes_through_and_is_recorded_twice() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let answer = send(gate.address, form("/login", "login=Anna%40Example.com&password=right")).await;
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("set-cookie"), Some("session=opened; HttpOnly; Path=/"));

    let seen = &origin.requests()[0];
    assert_eq!(seen.body, b"login=Anna%40Example.com&password=right");
    assert_eq!(seen.header("x-tollgate-action"), ["allow"]);
    assert_eq!(seen.header("x-tollgate-decision").len(), 1);

    let records = gate.records(2).await;
    let (first, second) = (&records[0], &records[1]);
    assert_eq!(first["event"], "$login");
    assert_eq!(first["status"], "$attempted");
    assert_eq!(first["moment"], "before");
    assert_eq!(first["route"], "sign-in");
    assert_eq!(first["enforced"], "forwarded");
    assert_eq!(first["policy"]["name"], "login");
    assert_eq!(first["severity"], "");
    assert_eq!(first["user"]["email_domain"], "example.com");
    assert_eq!(first["user"]["user_id"].as_str().unwrap().len(), 32);
    assert_eq!(second["id"], first["id"]);
    assert_eq!(second["status"], "$succeeded");
    assert_eq!(second["moment"], "after");
    let text = serde_json::to_string(&records).unwrap();
    assert!(!text.contains("right") && !text.to_lowercase().contains("anna"), "an identifier or password got out");
}

#[tokio::test]
async fn one_account_has_one_pseudonym_however_it_is_typed() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    for login in ["j.smith@gmail.com", "JSmith%2Bshop%40GoogleMail.com", "%20jsmith@gmail.com%20"] {
        send(gate.address, form("/login", &format!("login={login}&password=x"))).await;
    }
    let records = gate.records(6).await;
    let ids: Vec<_> = records.iter().filter(|r| r["status"] == "$attempted").map(|r| &r["user"]["user_id"]).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0] && id.is_string()), "{ids:?}");
}

#[tokio::test]
async fn a_blocked_address_is_refused_and_the_application_never_asked() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let headers = format!("{BROWSER}X-Forwarded-For: 203.0.113.66\r\n");
    let page = send(gate.address, post("/login", "login=a&password=right", &headers)).await;
    assert_eq!(page.status, 403);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let program = send(
        gate.address,
        post("/login", "login=a&password=right", "X-Forwarded-For: 203.0.113.66\r\nAccept: */*\r\n"),
    );
    let program = program.await;
    assert_eq!(program.status, 403);
    let problem = program.json();
    let records = gate.records(2).await;
    assert_eq!(problem["reference"], records[1]["id"]);
    assert!(!program.text().contains("blocked") && !page.text().contains("blocked"), "the refusal tells its reason");
    assert_eq!(records[0]["enforced"], "denied");
    assert_eq!(records[0]["policy"]["rule"], "blocked");
    assert_eq!(records[0]["severity"].as_str().map(str::is_empty), Some(false));
    assert!(origin.requests().is_empty());
}

#[tokio::test]
async fn monitor_decides_and_records_and_forwards() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&SHOP.replace("mode: enforce", "mode: monitor"), &origin).await;
    let headers = format!("{BROWSER}X-Forwarded-For: 203.0.113.66\r\n");
    assert_eq!(send(gate.address, post("/login", "login=a&password=right", &headers)).await.status, 302);
    let record = &gate.records(1).await[0];
    assert_eq!(record["enforced"], "monitored:deny");
    assert_eq!(record["policy"]["action"], "deny");
    assert_eq!(record["mode"], "monitor");
    assert_eq!(origin.requests().len(), 1);
}

/// A step-up for logins from another country than Germany.
pub fn abroad() -> String {
    SHOP.replace(
        "    otherwise: allow",
        "    on_success:\n      - { name: abroad, when: client.country != \"DE\", action: challenge, challenge: proof_of_work }\n    otherwise: allow",
    )
}

const FROM_GERMANY: &str = "X-Forwarded-For: 91.0.0.7\r\n";
pub const FROM_VIETNAM: &str = "X-Forwarded-For: 113.160.0.9\r\n";

#[tokio::test]
async fn the_right_password_from_another_country_gets_its_session_after_the_challenge() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&abroad(), &origin).await;
    let home =
        send(gate.address, post("/login", "login=anna&password=right", &format!("{BROWSER}{FROM_GERMANY}"))).await;
    assert_eq!(home.status, 302, "at home nothing is asked");

    let headers = format!("{BROWSER}{FROM_VIETNAM}");
    let held = send(gate.address, post("/login", "login=anna&password=right", &headers)).await;
    assert_eq!(held.status, 303);
    let location = held.header("location").unwrap().to_owned();
    assert!(location.starts_with("/.tollgate/challenge/"));
    assert!(held.all("set-cookie").iter().all(|cookie| !cookie.contains("session")), "the session got out early");
    let cookie = held.all("set-cookie")[0].split(';').next().unwrap().to_owned();
    assert_eq!(origin.requests().len(), 2);

    let solution = crate::challenge::solve(gate.address, &location).await;
    // The address alone, without the browser's cookie, releases nothing.
    let stranger = send(gate.address, post(&location, &solution, BROWSER)).await;
    assert!(stranger.status >= 400 && stranger.header("set-cookie").is_none(), "a stranger got {}", stranger.status);
    let released = send(gate.address, post(&location, &solution, &format!("{BROWSER}Cookie: {cookie}\r\n"))).await;
    assert_eq!(released.status, 302);
    assert_eq!(released.header("location"), Some("/account"));
    assert!(released.all("set-cookie").iter().any(|cookie| cookie.starts_with("session=opened")));
    let again = send(gate.address, post(&location, &solution, &format!("{BROWSER}Cookie: {cookie}\r\n"))).await;
    assert!(again.status >= 400, "released twice");
    assert_eq!(origin.requests().len(), 2, "the application was asked once a login");

    let records = gate.records(5).await;
    let enforced: Vec<_> =
        records.iter().map(|r| (r["status"].as_str().unwrap(), r["enforced"].as_str().unwrap_or(""))).collect();
    assert_eq!(enforced[2], ("$attempted", "forwarded"));
    assert_eq!(enforced[3], ("$succeeded", "challenged"));
    assert_eq!(enforced[4], ("$succeeded", "released"));
    assert_eq!(records[4]["id"], records[2]["id"]);
}

#[tokio::test]
async fn an_answer_with_a_body_is_held_and_released_whole() {
    for (framing, body) in [("length", "x".repeat(50_000)), ("chunked", "y".repeat(40_000)), ("chunked", String::new())]
    {
        let answer = body.clone();
        let origin = Origin::start(move |_| match framing {
            "length" => Answer::new("200 OK", &[("Set-Cookie", "session=1"), ("Set-Cookie", "other=2")], &answer),
            _ => {
                let chunk = if answer.is_empty() { String::new() } else { format!("{:x}\r\n{answer}\r\n", answer.len()) };
                let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nSet-Cookie: session=1\r\nSet-Cookie: other=2\r\n\r\n";
                Answer { bytes: format!("{head}{chunk}0\r\n\r\n").into_bytes(), close: false }
            }
        })
        .await;
        let rule = abroad().replace("{ status: 302, set_cookie: \"session\" }", "{ status: 200, set_cookie: session }");
        let gate = Gate::start(&rule, &origin).await;
        let headers = format!("{BROWSER}{FROM_VIETNAM}");
        let held = send(gate.address, post("/login", "login=anna&password=right", &headers)).await;
        assert_eq!(held.status, 303, "{framing}");
        let (location, cookie) =
            (held.header("location").unwrap(), held.all("set-cookie")[0].split(';').next().unwrap());
        let solution = crate::challenge::solve(gate.address, location).await;
        let released = send(gate.address, post(location, &solution, &format!("{BROWSER}Cookie: {cookie}\r\n"))).await;
        assert_eq!(released.status, 200, "{framing}: {}", released.text());
        assert_eq!(released.text(), body);
        let cookies = released.all("set-cookie").join(" ");
        assert!(cookies.contains("session=1") && cookies.contains("other=2"), "{cookies}");
    }
}

#[tokio::test]
async fn an_answer_too_large_to_be_held_is_refused_and_not_let_through() {
    let large = "z".repeat(70_000);
    let origin = Origin::start(move |_| Answer::new("200 OK", &[("Set-Cookie", "session=1")], &large)).await;
    let rule = abroad().replace("{ status: 302, set_cookie: \"session\" }", "{ status: 200, set_cookie: session }");
    let gate = Gate::start(&rule, &origin).await;
    let headers = format!("{BROWSER}{FROM_VIETNAM}");
    let answer = send(gate.address, post("/login", "login=anna&password=right", &headers)).await;
    assert_eq!(answer.status, 403);
    assert!(answer.all("set-cookie").iter().all(|cookie| !cookie.contains("session")));
}

#[tokio::test]
async fn a_denial_after_success_drops_the_session() {
    let origin = Origin::shop().await;
    let gate = Gate::start(
        &abroad()
            .replace("action: challenge, challenge: proof_of_work }\n    otherwise", "action: deny }\n    otherwise"),
        &origin,
    )
    .await;
    let headers = format!("{BROWSER}{FROM_VIETNAM}");
    let answer = send(gate.address, post("/login", "login=anna&password=right", &headers)).await;
    assert_eq!(answer.status, 403);
    assert!(answer.all("set-cookie").iter().all(|cookie| !cookie.contains("session")), "the session got out");
    assert!(answer.text().contains("refused"));
    let records = gate.records(2).await;
    assert_eq!((records[1]["status"].as_str(), records[1]["enforced"].as_str()), (Some("$succeeded"), Some("denied")));
}

#[tokio::test]
async fn a_program_is_told_of_the_step_up_in_json() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&abroad(), &origin).await;
    let headers = format!("{}{FROM_VIETNAM}", BROWSER.replace("Sec-Fetch-Mode: navigate", "Sec-Fetch-Mode: cors"));
    let answer = send(gate.address, post("/login", "login=anna&password=right", &headers)).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.json()["challenge"]["url"].as_str().unwrap().starts_with("/.tollgate/challenge/"));
}

/// The shop with one more rule before forwarding.
fn shop_with(rule: &str) -> String {
    SHOP.replace("    otherwise: allow", &format!("      - {rule}\n    otherwise: allow"))
}

/// A login from a browser at this address; gives the whole answer.
async fn login(gate: &Gate, ip: &str, body: &str) -> crate::harness::http::Answer {
    send(gate.address, post("/login", body, &format!("{BROWSER}X-Forwarded-For: {ip}\r\n"))).await
}

/// How many of the attempts came through before the first was refused, and how many after.
fn before_and_after(statuses: &[u16], refused: u16) -> (usize, usize) {
    let first = statuses.iter().position(|status| *status == refused).expect("nothing was refused");
    (first, statuses[first..].iter().filter(|status| **status != refused).count())
}

#[tokio::test]
async fn sixty_accounts_from_one_address_are_refused_to_the_last_and_one_persons_ten_tries_are_not() {
    let origin = Origin::shop().await;
    let gate =
        Gate::start(&shop_with("{ name: stuffing, when: fired.credential_stuffing, action: deny }"), &origin).await;
    for _ in 0..10 {
        assert_eq!(login(&gate, "198.51.100.20", "login=forgetful&password=x").await.status, 401);
    }
    let mut statuses = Vec::new();
    for n in 0..60 {
        statuses.push(login(&gate, "198.51.100.30", &format!("login=user{n}&password=x")).await.status);
        if n % 20 == 0 {
            let person = login(&gate, "198.51.100.40", "login=anna&password=right").await;
            assert_eq!(person.status, 302, "a person elsewhere, at attempt {n}");
        }
    }
    assert_eq!(before_and_after(&statuses, 403), (10, 0), "{statuses:?}");
    // The list again, at once and then in the next hour: what was refused is as unknown as before.
    let again = (0..20).map(|n| format!("login=user{}&password=x", 40 + n));
    let again: Vec<_> = again.collect();
    let at_once = futures::future::join_all(again.iter().map(|body| login(&gate, "198.51.100.30", body))).await;
    assert!(at_once.iter().all(|answer| answer.status == 403), "twenty at once");
    gate.clock.advance(Duration::from_secs(3_600));
    assert_eq!(login(&gate, "198.51.100.30", &again[0]).await.status, 403);
    // The address is somebody else's by now.
    gate.clock.advance(Duration::from_secs(3 * 3_600));
    assert_eq!(login(&gate, "198.51.100.30", "login=bert&password=right").await.status, 302);
}

#[tokio::test]
async fn an_address_that_stuffs_is_challenged_until_its_people_succeed() {
    let origin = Origin::shop().await;
    let rule = "{ name: stuffing, when: fired.credential_stuffing, action: challenge, challenge: proof_of_work }";
    let gate = Gate::start(&shop_with(rule), &origin).await;
    let office = "198.51.100.30";
    let mut statuses = Vec::new();
    for n in 0..60 {
        statuses.push(login(&gate, office, &format!("login=user{n}&password=x")).await.status);
    }
    assert_eq!(before_and_after(&statuses, 303), (10, 0), "{statuses:?}");
    assert_eq!(origin.requests().len(), 10);

    let mut solved = 0;
    loop {
        let body = format!("login=colleague{solved}&password=right");
        let answer = login(&gate, office, &body).await;
        if answer.status == 302 {
            break;
        }
        assert!(solved < 20, "the office is never heard again");
        let location = answer.header("location").unwrap();
        let solution = crate::challenge::solve(gate.address, location).await;
        let cleared = send(gate.address, post(location, &solution, BROWSER)).await;
        let cookie = cleared.header("set-cookie").unwrap().split(';').next().unwrap();
        let headers = format!("{BROWSER}X-Forwarded-For: {office}\r\nCookie: {cookie}\r\n");
        assert_eq!(send(gate.address, post("/login", &body, &headers)).await.status, 302, "who solved it signs in");
        solved += 1;
    }
    assert!(solved >= 5, "{solved} successes forgave ten failures");
}

#[tokio::test]
async fn who_guesses_at_an_account_stays_refused_while_it_goes_on_and_the_owner_signs_in() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop_with("{ name: guessing, when: fired.brute_force, action: deny }"), &origin).await;
    let (home, elsewhere) = ("192.0.2.10", "198.51.100.30");
    assert_eq!(login(&gate, home, "login=anna&password=right").await.status, 302);
    let mut statuses = Vec::new();
    for n in 0..120 {
        gate.clock.advance(Duration::from_secs(30));
        statuses.push(login(&gate, elsewhere, &format!("login=anna&password=guess{n}")).await.status);
        if n % 10 == 9 {
            let owner = login(&gate, home, "login=anna&password=right").await;
            assert_eq!(owner.status, 302, "the owner, at guess {n}");
        }
    }
    let (before, after) = before_and_after(&statuses, 403);
    assert!((12..20).contains(&before), "{statuses:?}");
    assert_eq!(after, 0, "{statuses:?}");
    gate.clock.advance(Duration::from_secs(601));
    assert_eq!(login(&gate, elsewhere, "login=anna&password=x").await.status, 401, "ten minutes of silence end it");
}

#[tokio::test]
async fn an_old_client_is_challenged_and_gets_its_held_answer_without_chunks() {
    for body in ["", "welcome", &*"w".repeat(50_000)] {
        let text = body.to_owned();
        let origin = Origin::start(move |_| Answer::new("200 OK", &[("Set-Cookie", "session=1")], &text)).await;
        let rule = abroad().replace("{ status: 302, set_cookie: \"session\" }", "{ set_cookie: session }");
        let gate = Gate::start(&rule, &origin).await;
        let old = |bytes: String| bytes.replace(" HTTP/1.1\r\n", " HTTP/1.0\r\n");
        let programs = BROWSER.replace("navigate", "cors");
        for (headers, status) in [(BROWSER, 303), (&*programs, 403)] {
            let login = old(post("/login", "login=anna&password=right", &format!("{headers}{FROM_VIETNAM}")));
            let held = send(gate.address, login).await;
            assert_eq!(held.status, status);
            assert!(held.header("transfer-encoding").is_none(), "chunks for HTTP/1.0");
            let location = match held.header("location") {
                Some(location) => location.to_owned(),
                None => held.json()["challenge"]["url"].as_str().unwrap().to_owned(),
            };
            let cookie = held.all("set-cookie")[0].split(';').next().unwrap().to_owned();
            let solution = crate::challenge::solve(gate.address, &location).await;
            let release = old(post(&location, &solution, &format!("{BROWSER}Cookie: {cookie}\r\n")));
            let released = send(gate.address, release).await;
            assert_eq!((released.status, released.text()), (200, body.to_owned()));
            assert!(released.header("transfer-encoding").is_none());
        }
    }
}
