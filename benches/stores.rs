//! What one attempt costs in a store: observed and settled, on one thread and on two, with few keys (hot entries) and
//! many (a new address, device and account each time, evicting); beside it the same on a Redis of this machine, one at a
//! time and sixty-four at once; and gathering alone among a million of each. Prints what an entry takes in memory as well,
//! from the process's own accounting, and what it takes there and what a script costs, from the server's.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

#[path = "../src/store/redis/server.rs"]
mod server;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tollgate::config::settings::{RedisServer, RedisSettings};
use tollgate::engine::attempt::{AttemptId, Network, Pseudonym};
use tollgate::engine::event::Event;
use tollgate::engine::outcome::Outcome;
use tollgate::engine::time::Timestamp;
use tollgate::store::memory::{Limits, Memory};
use tollgate::store::redis::Redis;
use tollgate::store::{DeviceKey, Observation, Settlement};
use tollgate::store::{Found, Ordered, VelocityKey};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ENTRIES: usize = 100_000;
const START: u64 = 1_700_000_000_000;

fn pseudonym(number: u64) -> Pseudonym {
    Pseudonym(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
}

fn address(key: u64) -> IpAddr {
    IpAddr::from((key as u32).to_be_bytes())
}

/// What attempts share beside: one of a thousand programs in one autonomous system, one of a hundred ways to make up an
/// e-mail address, and the site.
fn shared_things(key: u64) -> Vec<VelocityKey> {
    let found = Found { fingerprint: key % 1_000, email_template: Some(pseudonym(key % 100)), ..Found::default() };
    VelocityKey::all(address(key), Some(1), &Event::Login, &found)
}

/// The `number`th attempt, a tenth of a millisecond after the one before, from and on one of `keys`.
fn attempt(memory: &Memory, number: u64, keys: u64) {
    black_box(memory.observe(&Seen::of(number, number % keys).observation()));
    black_box(memory.settle(&settlement(number)));
}

/// What an observation borrows.
struct Seen {
    number: u64,
    key: u64,
    accounts: [Pseudonym; 1],
    velocities: Vec<VelocityKey>,
}

impl Seen {
    fn of(number: u64, key: u64) -> Seen {
        Seen { number, key, accounts: [pseudonym(key)], velocities: shared_things(key) }
    }

    fn observation(&self) -> Observation<'_> {
        Observation {
            id: AttemptId(self.number.into()),
            at: at(self.number),
            event: Event::Login,
            network: Network::from(address(self.key)),
            device: DeviceKey::Cookie(pseudonym(self.key + (1 << 40))),
            cookie: None,
            told_apart: true,
            card: None,
            spelled: false,
            velocities: &self.velocities,
            accounts: &self.accounts,
        }
    }
}

fn at(number: u64) -> Timestamp {
    Timestamp(START + number / 10)
}

fn settlement(number: u64) -> Settlement {
    let outcome = if number.is_multiple_of(8) { Outcome::Failed } else { Outcome::Succeeded };
    Settlement::new(AttemptId(number.into()), outcome, at(number))
}

/// Orders of strangers, each with a card of its own: all that there is to count of one.
fn orders(criterion: &mut Criterion) {
    let memory = Memory::new(Limits::of_entries(ENTRIES));
    let next = AtomicU64::new(0);
    let mut group = criterion.benchmark_group("orders");
    group.bench_function("observe_and_settle", |bench| {
        bench.iter(|| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let (network, account, card) = (
                Network::from(IpAddr::from((number as u32).to_be_bytes())),
                pseudonym(number),
                pseudonym(number ^ 1 << 50),
            );
            let device = DeviceKey::Fingerprint { hash: number % 1_000, asn: 1 };
            let ordered = Ordered { network, device, account: Some(account), by_stranger: true, is_small: true };
            let found = Found {
                fingerprint: number % 1_000,
                card_bin: Some(pseudonym(number % 200)),
                ordered: Some(ordered),
                ..Found::default()
            };
            let ip = IpAddr::from((number as u32).to_be_bytes());
            let velocities = VelocityKey::all(ip, Some(1), &Event::Checkout, &found);
            let (id, at) = (AttemptId(number.into()), Timestamp(START + number / 10));
            black_box(memory.observe(&Observation {
                id,
                at,
                event: Event::Checkout,
                network,
                device,
                cookie: None,
                told_apart: true,
                card: Some(card),
                spelled: false,
                velocities: &velocities,
                accounts: &[account],
            }));
            let order = Some(pseudonym(number ^ 1 << 60));
            black_box(memory.settle(&Settlement { order, ..Settlement::new(id, Outcome::Succeeded, at) }));
        });
    });
    group.finish();
}

fn observe_and_settle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("observe_and_settle");
    group.throughput(Throughput::Elements(1));
    for (name, keys) in [("hot", 1_000), ("new", u64::MAX)] {
        let memory = Memory::new(Limits::of_entries(ENTRIES));
        let next = AtomicU64::new(0);
        for _ in 0..2 * ENTRIES {
            attempt(&memory, next.fetch_add(1, Ordering::Relaxed), keys);
        }
        group.bench_function(format!("{name}/1 thread"), |bencher| {
            bencher.iter(|| attempt(&memory, next.fetch_add(1, Ordering::Relaxed), keys));
        });
        group.bench_function(format!("{name}/2 threads"), |bencher| {
            bencher.iter_custom(|attempts| on_two_threads(&memory, &next, keys, attempts));
        });
    }
    group.finish();
}

/// Gathering alone, where a million networks, devices and accounts are known and each attempt is of one of them, in no
/// order: what it costs is mostly memory that is not in the processor's cache.
fn observe_among_a_million(criterion: &mut Criterion) {
    const KNOWN: u64 = 1_000_000;
    const BATCH: u64 = 1_000;
    let memory = Memory::new(Limits::of_entries(KNOWN as usize * 5 / 4));
    (0..KNOWN).for_each(|number| attempt(&memory, number, KNOWN));
    let spread = |number: u64| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % KNOWN;
    let mut number = KNOWN;
    criterion.bench_function("observe/among a million", |bencher| {
        bencher.iter_custom(|attempts| {
            let mut spent = Duration::ZERO;
            let end = number + attempts;
            while number < end {
                let batch = number..end.min(number + BATCH);
                let start = Instant::now();
                for number in batch.clone() {
                    black_box(memory.observe(&Seen::of(number, spread(number)).observation()));
                }
                spent += start.elapsed();
                // The answers come, and are not timed.
                for number in batch.clone() {
                    black_box(memory.settle(&settlement(number)));
                }
                number = batch.end;
            }
            spent
        });
    });
}

/// Time for so many attempts altogether, shared by two threads.
fn on_two_threads(memory: &Memory, next: &AtomicU64, keys: u64, attempts: u64) -> Duration {
    let barrier = Barrier::new(3);
    std::thread::scope(|scope| {
        let runs: Vec<_> = [attempts / 2, attempts - attempts / 2]
            .map(|share| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    let first = next.fetch_add(share, Ordering::Relaxed);
                    (first..first + share).for_each(|number| attempt(memory, number, keys));
                })
            })
            .into_iter()
            .collect();
        barrier.wait();
        let start = Instant::now();
        runs.into_iter().for_each(|run| assert!(run.join().is_ok()));
        start.elapsed()
    })
}

fn tokens(criterion: &mut Criterion) {
    let memory = Memory::new(Limits::of_entries(ENTRIES));
    let mut number = 0u128;
    criterion.bench_function("burn", |bencher| {
        bencher.iter(|| {
            number += 1;
            let at = Timestamp(START + number as u64);
            black_box(memory.burn(number.to_be_bytes(), Duration::from_secs(60), at))
        });
    });
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}

fn bytes_per_entry(_criterion: &mut Criterion) {
    const FILLED: u64 = 500_000;
    let before = resident();
    let memory = Memory::new(Limits::of_entries(FILLED as usize));
    (0..FILLED).for_each(|number| attempt(&memory, number, u64::MAX));
    let entries: u64 = memory.stats().kinds.iter().map(|kind| kind.entries).sum();
    let each = resident().saturating_sub(before) / entries;
    eprintln!("memory: {each} bytes resident an entry over {entries} entries (network, device, account alike)");
}

/// A server, a store on it, and a runtime to ask from.
fn redis() -> (server::Server, Redis, Runtime) {
    let server = server::Server::start(&[]);
    let settings = RedisSettings {
        tokens: Default::default(),
        servers: vec![RedisServer::Tcp { host: "127.0.0.1".into(), port: server.port() }],
        cluster: false,
        tls: false,
        user: None,
        password: None,
        password_file: None,
        database: 0,
        ca_file: None,
        deadline: Duration::from_secs(10),
        prefix: "tollgate".into(),
        entries: ENTRIES,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let redis = Redis::open(&settings, &[7; 32]).unwrap();
    (server, redis, runtime)
}

async fn attempt_on(redis: &Redis, number: u64, keys: u64) {
    black_box(redis.observe(&Seen::of(number, number % keys).observation()).await.unwrap());
    black_box(redis.settle(&settlement(number)).await.unwrap());
}

fn observe_and_settle_on_redis(criterion: &mut Criterion) {
    const AT_ONCE: u64 = 64;
    let (_server, redis, runtime) = redis();
    let next = AtomicU64::new(0);
    let mut group = criterion.benchmark_group("observe_and_settle_redis");
    group.throughput(Throughput::Elements(1));
    for (name, keys) in [("hot", 1_000), ("new", u64::MAX)] {
        group.bench_function(format!("{name}/one at a time"), |bencher| {
            bencher.iter(|| runtime.block_on(attempt_on(&redis, next.fetch_add(1, Ordering::Relaxed), keys)));
        });
        group.bench_function(format!("{name}/{AT_ONCE} at once"), |bencher| {
            bencher.iter_custom(|attempts| {
                let start = Instant::now();
                let mut left = attempts;
                while left > 0 {
                    let share = left.min(AT_ONCE);
                    left -= share;
                    let each = (0..share).map(|_| attempt_on(&redis, next.fetch_add(1, Ordering::Relaxed), keys));
                    runtime.block_on(futures::future::join_all(each));
                }
                start.elapsed()
            });
        });
    }
    group.finish();
}

/// What the server says of keys and scripts after ten thousand attempts.
fn what_it_costs_redis(_criterion: &mut Criterion) {
    let (server, redis, runtime) = redis();
    for number in 0..10_000 {
        runtime.block_on(attempt_on(&redis, number, 2_000));
    }
    runtime.block_on(redis.burn([1; 16], Duration::from_secs(60), Timestamp(START))).unwrap();
    for (kind, what) in [
        ("m", "network"),
        ("e", "device"),
        ("u", "account"),
        ("o", "settled attempt"),
        ("v", "velocity"),
        ("b", "token"),
    ] {
        let pattern = format!("tollgate:{kind}*");
        let keys = server.ask_bytes(&[b"KEYS", pattern.as_bytes()]);
        let bytes = keys.iter().take(500).map(|key| {
            let usage = server.ask_bytes(&[b"MEMORY", b"USAGE", key]);
            String::from_utf8_lossy(&usage[0]).parse::<u64>().unwrap()
        });
        let (count, sum) = bytes.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
        eprintln!("redis: {what}: {} bytes a key with its value ({} keys)", sum / count, keys.len());
    }
    for command in ["evalsha", "set", "get"] {
        eprintln!("redis: {command}: {}", server.info(&format!("cmdstat_{command}")));
    }
    let processor: f64 =
        ["used_cpu_user", "used_cpu_sys"].iter().map(|name| server.info(name).parse::<f64>().unwrap()).sum();
    eprintln!("redis: {:.0} µs of processor time an attempt, observed and settled", processor * 1e6 / 10_000.0);
}

criterion_group!(
    stores,
    bytes_per_entry,
    observe_and_settle,
    observe_among_a_million,
    orders,
    tokens,
    what_it_costs_redis,
    observe_and_settle_on_redis
);
criterion_main!(stores);
