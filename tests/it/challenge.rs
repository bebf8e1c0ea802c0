//! The challenge as a program meets it: described in JSON, solved, spent once.

use crate::harness::http::{Answer, BROWSER, form, get, post, send};
use crate::harness::origin::Origin;
use crate::harness::{Gate, SHOP};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;

const PROGRAM: &str = "User-Agent: curl/8.5.0\r\nAccept: */*\r\n";

/// Solves the proof of work at this address, as documented for programs; gives the form to post there.
pub async fn solve(address: SocketAddr, location: &str) -> String {
    let described = send(address, get(location, "Accept: application/json\r\n")).await;
    assert_eq!(described.status, 200, "{}", described.text());
    let challenge = described.json();
    let prefix = challenge["prefix"].as_str().unwrap();
    let difficulty = challenge["difficulty"].as_u64().unwrap() as u32;
    for nonce in 0u64.. {
        let hash = Sha256::digest(format!("{prefix}:{nonce}"));
        let zeros = u128::from_be_bytes(hash[..16].try_into().unwrap()).leading_zeros();
        if zeros >= difficulty {
            return format!("nonce={nonce}");
        }
    }
    unreachable!("the loop is endless")
}

async fn challenged(gate: &Gate) -> Answer {
    let answer = send(gate.address, post("/login", "login=anna&password=right", PROGRAM)).await;
    assert_eq!(answer.status, 403);
    answer
}

#[tokio::test]
async fn a_program_solves_and_signs_in_once() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let problem = challenged(&gate).await.json();
    assert_eq!(problem["challenge"]["kind"], "proof_of_work");
    let url = problem["challenge"]["url"].as_str().unwrap();
    let solution = solve(gate.address, url).await;
    let solved = send(gate.address, post(url, &solution, BROWSER)).await;
    assert_eq!((solved.status, solved.header("location")), (303, Some("/login")));
    let cookie = solved.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("tollgate_clearance="));
    let with = format!("{PROGRAM}Cookie: theme=dark; {cookie}\r\n");

    // For another account it is worth nothing, and is not spent by trying.
    assert_eq!(send(gate.address, post("/login", "login=bert&password=right", &with)).await.status, 403);
    let answer = send(gate.address, post("/login", "login=anna&password=right", &with)).await;
    assert_eq!(answer.status, 302);
    assert_eq!(origin.requests()[0].header("cookie"), ["theme=dark"], "the gate's cookie stays at the gate");
    // Spent.
    assert_eq!(send(gate.address, post("/login", "login=anna&password=right", &with)).await.status, 403);
}

#[tokio::test]
async fn each_step_of_a_challenge_is_counted() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let url = challenged(&gate).await.json()["challenge"]["url"].as_str().unwrap().to_owned();
    let late = challenged(&gate).await.json()["challenge"]["url"].as_str().unwrap().to_owned();
    let (solution, too_late) = (solve(gate.address, &url).await, solve(gate.address, &late).await);
    send(gate.address, post(&url, "nonce=abc", BROWSER)).await;
    let solved = send(gate.address, post(&url, &solution, BROWSER)).await;
    send(gate.address, post(&url, &solution, BROWSER)).await;
    send(gate.address, post("/.tollgate/challenge/AAAA", &solution, BROWSER)).await;
    let cookie = solved.header("set-cookie").unwrap().split(';').next().unwrap();
    let with = format!("{PROGRAM}Cookie: {cookie}\r\n");
    assert_eq!(send(gate.address, post("/login", "login=anna&password=right", &with)).await.status, 302);
    gate.clock.advance(std::time::Duration::from_secs(301));
    send(gate.address, post(&late, &too_late, BROWSER)).await;
    let metrics = String::from_utf8(gate.inner.metrics.text().unwrap()).unwrap();
    for (kind, what, count) in [
        ("proof_of_work", "offered", 2),
        ("proof_of_work", "solved", 1),
        ("proof_of_work", "cleared", 1),
        ("proof_of_work", "failed", 1),
        ("proof_of_work", "expired", 1),
        ("proof_of_work", "reused", 1),
        ("proof_of_work", "released", 0),
        ("unknown", "foreign", 1),
    ] {
        let line = format!("tollgate_challenges_total{{kind=\"{kind}\",what=\"{what}\"}} {count}");
        assert!(metrics.lines().any(|printed| printed == line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn fifty_parallel_uses_of_one_solution_are_one() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let url = challenged(&gate).await.json()["challenge"]["url"].as_str().unwrap().to_owned();
    let solution = solve(gate.address, &url).await;
    let posts = (0..50).map(|_| send(gate.address, post(&url, &solution, BROWSER)));
    let solved = futures::future::join_all(posts).await;
    let cleared: Vec<_> = solved.iter().filter(|answer| answer.header("set-cookie").is_some()).collect();
    assert_eq!(cleared.len(), 1);
    let cookie = cleared[0].header("set-cookie").unwrap().split(';').next().unwrap();
    let with = format!("{PROGRAM}Cookie: {cookie}\r\n");
    let logins = (0..50).map(|_| send(gate.address, post("/login", "login=anna&password=right", &with)));
    let through = futures::future::join_all(logins).await.iter().filter(|answer| answer.status == 302).count();
    assert_eq!(through, 1);
    assert_eq!(origin.requests().len(), 1);
}

#[tokio::test]
async fn wrong_late_and_invented_solutions_open_nothing() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let url = challenged(&gate).await.json()["challenge"]["url"].as_str().unwrap().to_owned();
    let solution = solve(gate.address, &url).await;
    for (target, body) in [
        (url.clone(), "nonce=abc".to_owned()),
        (url.clone(), String::new()),
        (format!("{url}x"), solution.clone()),
        ("/.tollgate/challenge/".to_owned(), solution.clone()),
        ("/.tollgate/challenge/AAAA".to_owned(), solution.clone()),
    ] {
        let answer = send(gate.address, post(&target, &body, BROWSER)).await;
        assert!(answer.status >= 400 && answer.header("set-cookie").is_none(), "{target} {body}: {}", answer.status);
    }
    gate.clock.advance(std::time::Duration::from_secs(301));
    let late = send(gate.address, post(&url, &solution, BROWSER)).await;
    assert!(late.status >= 400 && late.header("set-cookie").is_none());
    assert!(origin.requests().is_empty(), "the gate's own addresses never reach the application");
}

#[tokio::test]
async fn the_page_keeps_to_itself() {
    let origin = Origin::shop().await;
    let robots = SHOP.replace("fired.http_client_library", "true");
    let gate = Gate::start(&robots, &origin).await;
    let sent = send(gate.address, form("/login", "login=anna&password=right")).await;
    assert_eq!(sent.status, 303);
    let page = send(gate.address, get(sent.header("location").unwrap(), BROWSER)).await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(page.text().contains("<noscript>"));
    assert!(!page.text().contains("http://") && !page.text().contains("https://"), "the page loads from elsewhere");
}
