//! Visitors who come at a steady rate, some on connections that they keep and some on new ones, on HTTP/1.1 and HTTP/2,
//! while the program is replaced. Afterwards the store is opened and asked what it knows: every attempt has an account of
//! its own, so the number of accounts is the number of attempts that were counted, and the counts of the one network that
//! all come from are how often.
//!
//! `TOLLGATE_UPGRADE_RATE` and `TOLLGATE_UPGRADE_SECONDS` make it longer: `make upgrade-test`.

use super::{Successor, upgraded};
use crate::harness::http::{BROWSER, Connection, get, post};
use crate::harness::origin::Origin;
use crate::harness::tls::Identity;
use crate::harness::{free_port, h2, until, within};
use crate::process::Program;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::time::interval;
use tollgate::engine::attempt::{AttemptId, Network};
use tollgate::engine::event::Event;
use tollgate::engine::time::Timestamp;
use tollgate::store::memory::{Limits, state};
use tollgate::store::{DeviceKey, Observation};

/// Where they say that they come from.
const NETWORK: &str = "198.51.100.7";
const KEEPING: u64 = 6;
const FRESH: u64 = 2;
const HTTP2: u64 = 2;

#[derive(Default)]
struct Counts {
    stop: AtomicBool,
    attempts: AtomicU64,
    failures: AtomicU64,
    pages: AtomicU64,
    /// What went wrong, the first few.
    wrong: Mutex<Vec<String>>,
    slowest_us: AtomicU64,
}

impl Counts {
    fn served(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed) + self.pages.load(Ordering::Relaxed)
    }

    /// Counts an answer to request number `number` of its visitor.
    fn count(&self, who: &str, number: u64, status: Option<u16>, began: Instant) {
        self.slowest_us.fetch_max(began.elapsed().as_micros() as u64, Ordering::Relaxed);
        let expected = match number % 3 {
            0 => 200,
            1 => 302,
            _ => 401,
        };
        match number % 3 {
            0 => self.pages.fetch_add(1, Ordering::Relaxed),
            _ => self.attempts.fetch_add(1, Ordering::Relaxed),
        };
        self.failures.fetch_add(u64::from(number % 3 == 2), Ordering::Relaxed);
        if status != Some(expected) {
            self.wrong.lock().unwrap().push(format!("{who}, request {number}: {status:?} instead of {expected}"));
        }
    }
}

fn body(visitor: u64, number: u64) -> String {
    let password = if number % 3 == 1 { "right" } else { "wrong" };
    format!("login=v{visitor}n{number}&password={password}")
}

async fn visit(address: SocketAddr, visitor: u64, keeps: bool, every: Duration, counts: Arc<Counts>) {
    let headers = format!("{BROWSER}X-Forwarded-For: {NETWORK}\r\n");
    let mut pace = interval(every);
    let mut kept: Option<Connection> = None;
    for number in 0.. {
        pace.tick().await;
        if counts.stop.load(Ordering::Relaxed) {
            return;
        }
        let began = Instant::now();
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => Connection::open(address).await,
        };
        let request = match number % 3 {
            0 => get("/page", &headers),
            _ => post("/login", &body(visitor, number), &headers),
        };
        connection.write(request).await;
        let answer = connection.read().await;
        counts.count("HTTP/1.1", number, answer.as_ref().map(|answer| answer.status), began);
        let close = answer.is_none_or(|answer| answer.header("connection") == Some("close"));
        if keeps && !close {
            kept = Some(connection);
        }
    }
}

async fn visit_http2(identity: Arc<Identity>, address: SocketAddr, visitor: u64, every: Duration, counts: Arc<Counts>) {
    let mut pace = interval(every);
    let mut client = h2::Client::over(identity.connect(address, "h2").await).await;
    for number in 0.. {
        pace.tick().await;
        if counts.stop.load(Ordering::Relaxed) {
            return;
        }
        let began = Instant::now();
        let from = [("x-forwarded-for", NETWORK)];
        let form = body(visitor, number);
        let (request, form) = match number % 3 {
            0 => (h2::request(http::Method::GET, "/page", &from), Bytes::new()),
            _ => (h2::form("/login", &form, &from), Bytes::from(form.clone())),
        };
        let begun = match client.try_begin(request.clone(), form.is_empty()).await {
            Some(begun) => Some(begun),
            // It was told to go away before it asked anything: a connection of its own, like any HTTP/2 client.
            None => {
                client = h2::Client::over(identity.connect(address, "h2").await).await;
                client.try_begin(request, form.is_empty()).await
            }
        };
        let status = match begun {
            Some((answer, mut stream)) => {
                if !form.is_empty() {
                    h2::write(&mut stream, form, true).await;
                }
                match h2::read(answer).await {
                    Ok(answer) => Some(answer.status),
                    Err(error) => {
                        counts.wrong.lock().unwrap().push(format!("HTTP/2, request {number}: {error:?}"));
                        None
                    }
                }
            }
            None => None,
        };
        counts.count("HTTP/2", number, status, began);
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(since.as_millis() as u64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_nobody_is_failed_and_every_attempt_is_counted_once() {
    let (rate, seconds) = (number("TOLLGATE_UPGRADE_RATE", 200), number("TOLLGATE_UPGRADE_SECONDS", 4));
    let origin = Origin::shop().await;
    let (identity, secured) = (Arc::new(Identity::new()), free_port());
    let tls = identity.listener().replace("listen: [", "").replace("127.0.0.1:1\"", &format!("{secured}\""));
    let one = r#"listen: [{ address: "127.0.0.1:1" }]"#;
    assert!(super::lasting().contains(one));
    let yaml = super::lasting().replace(one, &format!("{}, {tls}", one.trim_end_matches(']')));
    let yaml = yaml.replacen("limits: {", "limits: { connections: 4000,", 1);
    let mut program = Program::start(&yaml, &origin).await;

    let counts = Arc::new(Counts::default());
    let every = Duration::from_secs_f64((KEEPING + FRESH + HTTP2) as f64 / rate as f64);
    let began = (Instant::now(), now());
    let mut visitors = Vec::new();
    for visitor in 0..KEEPING + FRESH {
        visitors.push(tokio::spawn(visit(program.address, visitor, visitor < KEEPING, every, counts.clone())));
    }
    for visitor in 100..100 + HTTP2 {
        visitors.push(tokio::spawn(visit_http2(identity.clone(), secured, visitor, every, counts.clone())));
    }
    // In the middle: as many before as after.
    let half = rate * seconds / 2;
    within("visitors to be served", until(|| counts.served() >= half)).await;
    let told = Instant::now();
    let successor: Successor = upgraded(&program).await;
    let took = told.elapsed();
    let before = counts.served();
    within("visitors to be served by both", until(|| counts.served() >= before + half)).await;
    counts.stop.store(true, Ordering::Relaxed);
    for visitor in visitors {
        within("a visitor to leave", visitor).await.unwrap();
    }
    assert_eq!(super::ends(&mut program).await, Some(0));
    let wrong = counts.wrong.lock().unwrap().clone();
    assert!(
        wrong.is_empty(),
        "{} of {} requests failed: {:?}",
        wrong.len(),
        counts.served(),
        &wrong[..wrong.len().min(5)]
    );

    // What became of it.
    successor.signal("-TERM");
    let directory = program.dir.path().join("state");
    let memory = within("the state", async {
        loop {
            match state::open(Limits::of_entries(1_000_000), &directory, [0; 16], now()) {
                Ok((memory, _)) => return memory,
                Err(state::StateError::InUse(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await;
    let attempts = counts.attempts.load(Ordering::Relaxed);
    let failures = counts.failures.load(Ordering::Relaxed);
    let stats = memory.stats();
    let entries = |kind: &str| stats.kinds.iter().find(|stats| stats.kind == kind).unwrap().entries;
    assert_eq!(entries("account"), attempts, "every attempt was counted at its account");
    assert_eq!(entries("attempt"), 0, "and its answer as well");
    let network = Network::from(NETWORK.parse::<std::net::IpAddr>().unwrap());
    let at = now();
    let known = memory.observe(&Observation {
        id: AttemptId(1),
        at,
        event: Event::Login,
        network,
        device: DeviceKey::Fingerprint { hash: 0, asn: 0 },
        cookie: None,
        told_apart: true,
        card: None,
        spelled: false,
        velocities: &[],
        accounts: &[],
    });
    // Counts fade, by half in an hour: no more than that is missing, and nothing is there twice.
    let faded = 0.5f64.powf((at.0 - began.1.0) as f64 / 3_600_000.0);
    for (what, counted, sent) in [
        ("attempts", known.network.hour.attempts - 1.0, attempts),
        ("failures", known.network.hour.failed, failures),
        ("successes", known.network.hour.succeeded, attempts - failures),
    ] {
        let sent = sent as f64;
        assert!(counted <= sent + 1e-6 && counted >= sent * faded - 1e-6, "{counted} {what} of {sent}");
    }
    assert_eq!(known.network.in_flight, 1);
    println!(
        "{} requests ({attempts} attempts) in {:.1} s, {} failed; the upgrade took {} ms, the slowest answer {} ms",
        counts.served(),
        began.0.elapsed().as_secs_f64(),
        wrong.len(),
        took.as_millis(),
        counts.slowest_us.load(Ordering::Relaxed) / 1000,
    );
}
