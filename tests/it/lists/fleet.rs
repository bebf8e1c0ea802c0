//! One store, several gates: what is added to a list at one of them holds at all.

use super::{VISITOR, shop, sign_in};
use crate::harness::http::{post, send};
use crate::harness::origin::Origin;
use crate::harness::redis::Server;
use crate::harness::within;
use crate::process::Program;
use std::time::{Duration, Instant};

/// Longer than a gate takes to hear of a change, shorter than the second that is promised; on a machine that does other things
/// as well the wait is longer, and the failure says so.
const PATIENCE: Duration = Duration::from_secs(60);

async fn until_status(program: &Program, ip: &str, status: u16) -> Duration {
    let began = Instant::now();
    within("the change to arrive", async {
        while sign_in(program.address, ip, "anna").await != status {
            assert!(began.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    began.elapsed()
}

#[tokio::test]
async fn lists_and_bans_reach_the_whole_fleet_and_outlive_it() {
    let server = Server::start(&[]);
    let keys = tempfile::tempdir().unwrap();
    let yaml = shop()
        .replace("action: challenge, challenge: proof_of_work", "action: deny, ban: 1h")
        .replace("{dir}/secret", keys.path().join("secret").to_str().unwrap());
    let yaml = format!("store: {{ kind: redis, url: \"{}\", deadline: 1s }}\n{yaml}", server.url());
    let origin = Origin::shop().await;
    let one = Program::start(&yaml, &origin).await;
    let other = Program::start(&yaml, &origin).await;
    assert_eq!(sign_in(other.address, VISITOR, "anna").await, 302);

    let (code, _, err) = one.lists(&["add", "blocked", VISITOR, "--reason", "scraped us"]).await;
    assert_eq!((code, err.as_str()), (0, ""), "the store keeps it");
    assert_eq!(sign_in(one.address, VISITOR, "anna").await, 403, "at once where it was added");
    until_status(&other, VISITOR, 403).await;
    let (_, out, _) = other.lists(&["show", "blocked"]).await;
    assert!(out.contains("# scraped us  [added ") && out.contains(" by anna]"), "{out}");

    let robot = "User-Agent: curl/8.5.0\r\nAccept: */*\r\nX-Forwarded-For: 198.51.100.99\r\n";
    assert_eq!(send(other.address, post("/login", "login=anna&password=wrong", robot)).await.status, 403);
    assert_eq!(sign_in(other.address, "198.51.100.99", "anna").await, 403);
    until_status(&one, "198.51.100.99", 403).await;
    assert_eq!(one.lists(&["remove", "banned", "198.51.100.99"]).await.0, 0);
    until_status(&other, "198.51.100.99", 302).await;

    // A gate that starts later knows what the fleet knows.
    drop(one);
    drop(other);
    let third = Program::start(&yaml, &origin).await;
    until_status(&third, VISITOR, 403).await;
    // Without the store a gate goes on by what it knows, and changes nothing.
    drop(server);
    let (code, _, err) = third.lists(&["add", "blocked", "198.51.100.8"]).await;
    assert!(code == 1 && err.contains("nothing was changed"), "{err}");
    assert_eq!(sign_in(third.address, VISITOR, "anna").await, 403);
}
