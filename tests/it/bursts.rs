//! Guessing in parallel: how many of hundreds that arrive together reach the application.
//!
//! The application answers none before all were judged, which is the worst that a burst can make of it. Then it answers
//! that all were wrong, and another burst follows.

use crate::harness::http::{BROWSER, post, send};
use crate::harness::origin::{Answer, Origin};
use crate::harness::{Gate, SHOP, within};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const BURST: usize = 200;

/// What a burst came to: the guesses that reached the application, on how many accounts.
struct Reached {
    guesses: usize,
    accounts: usize,
}

/// Sends a burst of guesses, `each` on an account, from one address.
async fn burst(each: usize) -> Reached {
    let answering = Arc::new(AtomicBool::new(false));
    let origin = Origin::start({
        let answering = answering.clone();
        move |_| {
            while !answering.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
            Answer::new("401 Unauthorized", &[], "wrong")
        }
    })
    .await;
    let yaml = SHOP.replace(
        "fired.http_client_library, action: challenge, challenge: proof_of_work",
        "fired.credential_stuffing || fired.brute_force, action: deny",
    );
    let gate = Gate::start(&yaml, &origin).await;
    let mut visitors = tokio::task::JoinSet::new();
    for number in 0..BURST {
        let body = format!("login=customer{}&password=guess{number}", number / each);
        let headers = format!("{BROWSER}X-Forwarded-For: 198.51.100.7\r\nConnection: close\r\n");
        visitors.spawn(send(gate.address, post("/login", &body, &headers)));
    }
    // Every attempt was judged while none was answered.
    gate.records(BURST).await;
    answering.store(true, Ordering::SeqCst);
    within("the burst's end", visitors.join_all()).await;
    let requests = origin.requests();
    let account = |body: &[u8]| String::from_utf8_lossy(body).split('&').next().unwrap_or_default().to_owned();
    let accounts: BTreeSet<String> = requests.iter().map(|request| account(&request.body)).collect();
    Reached { guesses: requests.len(), accounts: accounts.len() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn few_of_two_hundred_at_once_reach_the_application() {
    // On each account so many of the two hundred; most that may pass, and on how many accounts.
    for (each, guesses, accounts) in [(1, 29, 29), (10, 29, 20), (40, 29, 5), (200, 9, 1)] {
        let reached = burst(each).await;
        println!("{each} on each account: {} guesses on {} accounts passed", reached.guesses, reached.accounts);
        assert!(reached.guesses <= guesses && reached.accounts <= accounts, "{each}: {} passed", reached.guesses);
        assert!(reached.guesses > 0, "the first is nobody's burst");
    }
}
