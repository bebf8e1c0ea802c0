//! Whose login it was: what is asked after the password was right, of an account with a history.

use crate::harness::http::{Answer, BROWSER, post, send};
use crate::harness::origin::Origin;
use crate::harness::{Gate, SHOP};
use crate::journey::FROM_VIETNAM;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

const FROM_GERMANY: &str = "X-Forwarded-For: 91.0.0.7\r\n";
/// The right one, and on no list of leaked ones.
const LOGIN: &str = "login=anna&password=right-as-only-anna-has-it";

/// A step-up for logins that are more likely a thief's than most.
fn careful() -> String {
    SHOP.replace(
        "    otherwise: allow",
        "    on_success:\n      - { name: takeover, when: account_takeover >= 25, action: challenge, challenge: proof_of_work }\n    otherwise: allow",
    )
}

async fn login(gate: &Gate, from: &str) -> Answer {
    send(gate.address, post("/login", LOGIN, &format!("{BROWSER}{from}"))).await
}

#[tokio::test]
async fn a_login_from_abroad_right_after_one_at_home_is_challenged_and_teaches_nothing_until_it_is_released() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&careful(), &origin).await;
    assert_eq!(login(&gate, FROM_VIETNAM).await.status, 302, "of a first login there is nothing to compare with");
    let first = &gate.records(2).await[1];
    assert_eq!(first["signals"], serde_json::json!([]));
    assert_eq!(first["blind"], serde_json::json!(["takeover_likelihood"]));

    let held = login(&gate, FROM_GERMANY).await;
    assert_eq!(held.status, 303);
    let record = &gate.records(4).await[3];
    assert_eq!(record["enforced"], "challenged");
    assert_eq!(record["signals"], serde_json::json!(["impossible_travel", "new_location", "new_network"]));
    assert_eq!(record["evidence"]["impossible_travel"]["from"], "VN");
    assert_eq!(record["evidence"]["impossible_travel"]["to"], "DE");
    assert_eq!(record["contributions"]["account_takeover"]["impossible_travel"], 3.0);

    // The owner stays where they were: who is asked and does not answer moves nobody.
    assert_eq!(login(&gate, FROM_VIETNAM).await.status, 302);

    let location = held.header("location").unwrap().to_owned();
    let cookie = held.all("set-cookie")[0].split(';').next().unwrap().to_owned();
    let solution = crate::challenge::solve(gate.address, &location).await;
    let released = send(gate.address, post(&location, &solution, &format!("{BROWSER}Cookie: {cookie}\r\n"))).await;
    assert_eq!(released.status, 302);
    let records = gate.records(7).await;
    assert_eq!(records[6]["enforced"], "released");
    // What was released is learnt: the owner has proven to be there. (This gate's clock stands still, and of two logins of
    // one instant the one that was told last is the last.)
    assert_eq!(login(&gate, FROM_GERMANY).await.status, 302);
    assert_eq!(gate.records(9).await[8]["signals"], serde_json::json!([]));
}

/// The shop without a policy of its own.
fn built_in() -> String {
    let (yaml, _) = SHOP.split_once("policies:\n").unwrap();
    yaml.replace("    policy: login\n", "")
}

/// Another visitor's browser.
fn other_browser() -> String {
    let firefox = BROWSER.replace(
        "(X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        "(X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    );
    assert_ne!(firefox, BROWSER);
    // That browser sends no client hints.
    let plain: String = firefox.split_inclusive("\r\n").filter(|line| !line.starts_with("sec-ch-ua")).collect();
    plain.replace("Accept-Language: de", "Accept-Language: en-US,en;q=0.5")
}

#[tokio::test]
async fn after_ten_logins_a_stranger_with_the_password_is_asked_for_a_proof_and_the_owner_is_not() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&built_in(), &origin).await;
    let day = Duration::from_secs(24 * 3600);
    for _ in 0..10 {
        assert_eq!(login(&gate, FROM_GERMANY).await.status, 302);
        gate.clock.advance(day);
    }
    gate.records(20).await;

    let stranger = format!("{}{FROM_VIETNAM}", other_browser());
    let held = send(gate.address, post("/login", LOGIN, &stranger)).await;
    assert_eq!(held.status, 303);
    assert!(held.all("set-cookie").iter().all(|cookie| !cookie.contains("session")), "the session got out");
    let record = &gate.records(22).await[21];
    assert_eq!(record["signals"], serde_json::json!(["new_device", "new_location", "new_network"]));
    assert_eq!((&record["enforced"], &record["policy"]["rule"]), (&"challenged".into(), &"step_up".into()));
    assert_eq!(record["evidence"]["new_network"]["asn"], 45899, "the network is known without any database");
    assert_eq!(record["client"]["org"], "VNPT Corp");
    assert_eq!(record["evidence"]["new_location"]["last"], "DE");

    // At home nothing is asked: not in a private window, not with another browser.
    gate.clock.advance(day);
    assert_eq!(login(&gate, FROM_GERMANY).await.status, 302);
    assert_eq!(gate.records(24).await[23]["signals"], serde_json::json!([]));
    let private = format!("{}{FROM_GERMANY}", other_browser());
    assert_eq!(send(gate.address, post("/login", LOGIN, &private)).await.status, 302);
    assert_eq!(gate.records(26).await[25]["signals"], serde_json::json!(["new_device"]));
}

#[tokio::test]
async fn of_a_first_login_nothing_is_new_and_after_a_year_only_that_it_slept() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&built_in(), &origin).await;
    assert_eq!(login(&gate, FROM_GERMANY).await.status, 302);
    assert_eq!(gate.records(2).await[1]["signals"], serde_json::json!([]));

    gate.clock.advance(Duration::from_secs(300 * 24 * 3600));
    let stranger = format!("{}{FROM_VIETNAM}", other_browser());
    assert_eq!(send(gate.address, post("/login", LOGIN, &stranger)).await.status, 302);
    let record = &gate.records(4).await[3];
    assert_eq!(record["signals"], serde_json::json!(["dormant_account"]));
    assert_eq!(record["evidence"]["dormant_account"]["days"], 300);
}

/// An application that keeps the first login's body back until it is told.
async fn slow(first_may_end: std::sync::Arc<Notify>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut first = true;
        while let Ok((mut socket, _)) = listener.accept().await {
            let may_end = std::mem::take(&mut first).then(|| first_may_end.clone());
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(LOGIN.as_bytes()) {
                    if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let head = "HTTP/1.1 302 Found\r\nLocation: /account\r\nSet-Cookie: session=opened\r\n\
                            Connection: close\r\nContent-Length: 2\r\n\r\n";
                socket.write_all(head.as_bytes()).await.unwrap();
                if let Some(may_end) = may_end {
                    may_end.notified().await;
                }
                let _ = socket.write_all(b"ok").await;
            });
        }
    });
    address
}

#[tokio::test]
async fn two_successes_at_once_from_two_continents_see_each_other() {
    let may_end = std::sync::Arc::new(Notify::new());
    let gate = Gate::start_at(&careful(), &slow(may_end.clone()).await).await;
    let mut first = TcpStream::connect(gate.address).await.unwrap();
    first
        .write_all(post("/login", LOGIN, &format!("{BROWSER}{FROM_GERMANY}Connection: close\r\n")).as_bytes())
        .await
        .unwrap();
    let mut head = Vec::new();
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        assert!(first.read_buf(&mut head).await.unwrap() > 0);
    }
    assert!(head.starts_with(b"HTTP/1.1 302"), "the first has its session, and its answer has not ended");

    assert_eq!(login(&gate, FROM_VIETNAM).await.status, 303, "the second is asked for more");
    may_end.notify_one();
    let mut rest = Vec::new();
    let _ = first.read_to_end(&mut rest).await;
    let records = gate.records(4).await;
    let asked = records.iter().find(|record| record["enforced"] == "challenged").unwrap();
    assert_eq!(asked["evidence"]["impossible_travel"]["parallel"], true);
    assert_eq!(asked["evidence"]["impossible_travel"]["from"], "DE");
}

#[tokio::test]
async fn a_success_that_ends_a_burst_of_failures_is_told_and_not_learnt() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&careful().replace("account_takeover >= 25", "fired.takeover_success"), &origin).await;
    let wrong = format!("{BROWSER}{FROM_VIETNAM}");
    for _ in 0..10 {
        assert_eq!(
            send(gate.address, post("/login", "login=anna&password=not-what-anna-has", &wrong)).await.status,
            401
        );
    }
    // Ten, less what has decayed in this second: one more makes it ten.
    send(gate.address, post("/login", "login=anna&password=not-what-anna-has", &wrong)).await;
    let held = login(&gate, FROM_VIETNAM).await;
    assert_eq!(held.status, 303);
    let records = gate.records(24).await;
    let told = records.iter().find(|record| record["enforced"] == "challenged").unwrap();
    assert_eq!(told["signals"], serde_json::json!(["takeover_success"]));
    assert!(told["evidence"]["takeover_success"]["failures"].as_f64().unwrap() >= 10.0);

    // A solved proof of work shows no owner: who comes from there again is asked again.
    let location = held.header("location").unwrap().to_owned();
    let cookie = held.all("set-cookie")[0].split(';').next().unwrap().to_owned();
    let solution = crate::challenge::solve(gate.address, &location).await;
    let released = send(gate.address, post(&location, &solution, &format!("{BROWSER}Cookie: {cookie}\r\n"))).await;
    assert_eq!(released.status, 302);
    assert_eq!(gate.records(25).await[24]["enforced"], "released");
    assert_eq!(login(&gate, FROM_VIETNAM).await.status, 303);
}
