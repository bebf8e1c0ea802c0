//! A gate that stands when things fall over: each thing that it leans on is killed, stopped, slowed, filled or broken in
//! the middle of traffic, and mended again.
//!
//! What is asserted depends on no clock. Visitors are answered *while* the store stands still (it goes on only once they
//! were), nobody gets another answer than without the fault, the records say what was missing, and when the store is back
//! it knows each attempt exactly once. Times are printed, as a row of a table each (`--no-capture`), and bounded only far
//! above what they are.

mod files;
mod place;
mod rules;
mod traffic;

use crate::harness::origin::Origin;
use crate::harness::{Gate, shop_with, within};
use place::{Fault, Place};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tollgate::admin::pages::respond;
use tollgate::engine::attempt::{AttemptId, Network};
use tollgate::engine::event::Event;
use tollgate::store::shared::{SharedStats, State};
use tollgate::store::{DeviceKey, Observation};
use traffic::{FROM, Served, Traffic};

/// Far above every deadline here, and far below how long anything stands still.
const FAR_ABOVE: Duration = Duration::from_secs(2);
/// How many visitors come in each part of a story.
const PART: usize = 150;

/// The shop over a store at `url`. The deadline is longer than the default, because tests share their machine.
fn shop_over(url: &str, secret: &std::path::Path) -> String {
    let store = format!("store: {{ kind: redis, url: {url}, deadline: 50ms, entries: 10000 }}\n");
    let yaml = shop_with(&[("{dir}/secret", secret.to_str().unwrap())]);
    yaml.replace("secret_file:", &format!("{store}secret_file:"))
}

fn shared(gate: &Gate) -> SharedStats {
    gate.inner.store.stats().shared.expect("the store is a shared one")
}

/// A line of the table: what, how, requests, errors, p99, slowest, what records said, time of recovery, what else.
#[expect(clippy::print_stdout, reason = "the table is for who runs the suite")]
fn row(what: &str, fault: &str, served: &Served, said: &BTreeSet<&str>, recovery: Duration, besides: &str) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let said = if said.is_empty() { "nothing".to_owned() } else { said.iter().copied().collect::<Vec<_>>().join(", ") };
    println!(
        "| {what} | {fault} | {} | {} | {:.1} ms | {:.1} ms | {said} | {:.0} ms | {besides} |",
        served.requests,
        served.errors,
        ms(served.p99()),
        ms(served.slowest()),
        ms(recovery),
    );
}

/// How many failures of the visitors' address the store knows, as another gate of the fleet sees it.
async fn failures_known(witness: &Gate) -> f64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let seen = Observation {
        id: AttemptId(u128::from(NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed))),
        at: witness.clock.now(),
        event: Event::Login,
        network: Network::from(FROM),
        device: DeviceKey::Fingerprint { hash: 1, asn: 0 },
        cookie: None,
        told_apart: true,
        card: None,
        spelled: false,
        velocities: &[],
        accounts: &[],
    };
    let seen = witness.inner.store.observe(&seen).await.unwrap();
    if seen.missing.is_some() {
        return f64::NAN;
    }
    seen.history.network.hour.failed
}

/// Lives through one fault of the store. `parts` are what records may say was missing; one of them must have been.
async fn live_through(fault: Fault, parts: &[&str]) {
    let mut place = Place::of(fault).await;
    let keys = tempfile::tempdir().unwrap();
    let yaml = shop_over(&place.url(), &keys.path().join("secret"));
    let origin = Origin::shop().await;
    let gate = Gate::start(&yaml, &origin).await;
    let witness = Gate::start(&yaml, &origin).await;
    assert_eq!(shared(&gate).state, State::Closed, "the store is there");

    let traffic = Traffic::begin(gate.address);
    traffic.served(PART).await;
    let before = shared(&gate);
    place.strike();
    // Everybody is answered while the fault lasts: it is mended only afterwards.
    traffic.served(2 * PART).await;
    within("noticing", async {
        while shared(&gate).fallbacks == before.fallbacks {
            traffic.served(1).await;
        }
    })
    .await;
    let away = shared(&gate);
    assert!(away.failures.iter().sum::<u64>() > 0, "{away:?}");
    if fault == Fault::Killed {
        within("being told", async {
            let ready = || String::from_utf8(respond("GET", "/readyz", &gate.inner.admin).body).unwrap();
            while !ready().contains(r#""store":{"breaker":"open","why":"down""#) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }
    let mended = Instant::now();
    place.mend();
    within("recovery", async {
        while shared(&gate).state != State::Closed {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let recovery = mended.elapsed();
    traffic.served(PART).await;
    let served = traffic.end().await;

    let records = gate.records(2 * served.requests).await;
    let said: BTreeSet<&str> = records
        .iter()
        .flat_map(|record| record["degraded"].as_array().into_iter().flatten())
        .filter_map(|part| part.as_str())
        .filter(|part| *part != "store")
        .collect();
    row("store", fault.name(), &served, &said, recovery, &format!("{} merged", shared(&gate).merged));
    assert_eq!(served.errors, 0, "nobody may notice");
    assert!(served.p99() < FAR_ABOVE, "{:?}", served.p99());
    assert!(parts.iter().any(|part| said.contains(part)), "records said {said:?}");
    for record in &records {
        let says = record["degraded"].as_array().is_some_and(|parts| !parts.is_empty());
        let names_the_store = record["degraded"].as_array().is_some_and(|parts| parts.contains(&"store".into()));
        assert_eq!(says, names_the_store, "{record}");
    }
    assert_eq!(shared(&gate).unmerged, 0);
    if !place.forgets() {
        // Everything that happened is known to the fleet. Of what each visitor had under way at that very moment an outcome
        // may be missing where no answer ever came; nothing ever counts twice.
        let expected = served.requests as f64;
        let unsure = if place.leaves_doubt() { traffic::VISITORS as f64 } else { 0.0 };
        let mut known = f64::NAN;
        let known_all = tokio::time::timeout(Duration::from_secs(30), async {
            while !(expected - unsure..=expected).contains(&known) {
                tokio::time::sleep(Duration::from_millis(20)).await;
                known = failures_known(&witness).await;
            }
        });
        assert!(known_all.await.is_ok(), "of {expected} failures the fleet knows {known}: {:?}", shared(&gate));
    }
}

macro_rules! stories {
    ($($name:ident: $fault:ident, [$($part:literal),*];)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            live_through(Fault::$fault, &[$($part),*]).await;
        })*
    };
}

stories! {
    a_store_that_is_killed: Killed, ["store_down"];
    a_store_that_is_stopped: Stopped, ["store_late"];
    a_store_that_is_slow: Slowed, ["store_late"];
    a_store_that_takes_no_writes: ReadOnly, ["store_read_only"];
    a_store_that_lost_its_replicas: WithoutReplicas, ["store_read_only"];
    a_store_that_is_full: Full, ["store_full"];
    a_store_that_changes_over: FailedOver, ["store_read_only", "store_down", "store_late"];
    a_store_that_locks_the_gate_out: LockedOut, ["store_refused", "store_down"];
    a_store_that_comes_back_empty: Emptied, ["store_down"];
    a_cluster_with_one_node_that_stands_still: NodeStopped, ["store_late", "store_failing_over"];
}
