//! What keeping the memory store costs: memory by kind of entry as traffic leaves it and at its worst, a second's writing
//! and a whole file (CPU, bytes, time), reading at a start, and what all of it does to the requests beside it.
//!
//! Prints figures instead of asking criterion: each is one long measurement, and most are not times. `ENTRIES=100000`
//! makes it short.

use std::hint::black_box;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tollgate::engine::attempt::{AttemptId, Network, Pseudonym};
use tollgate::engine::event::Event;
use tollgate::engine::outcome::Outcome;
use tollgate::engine::time::Timestamp;
use tollgate::store::memory::{Limits, Memory, state};
use tollgate::store::{DeviceKey, Observation, Settlement, Withdrawal};

const START: u64 = 1_700_000_000_000;
/// Entries that change in a second of a busy gate.
const CHANGED: u64 = 100_000;
const ROUNDS: u64 = 10;
/// Names the kind of entries that a process of ours is to measure.
const KIND: &str = "TOLLGATE_MEASURED";

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn pseudonym(number: u64) -> Pseudonym {
    Pseudonym(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
}

/// Attempt `number`, from and on these keys: denied, or answered.
fn attempt(memory: &Memory, number: u64, source: u64, account: u64, denied: bool) {
    let accounts = [pseudonym(account)];
    let (id, at) = (AttemptId(number.into()), Timestamp(START + number / 100));
    memory.observe(&Observation {
        id,
        at,
        event: Event::Login,
        network: Network::from(IpAddr::from((source as u32).to_be_bytes())),
        device: DeviceKey::Cookie(pseudonym(source + (1 << 40))),
        cookie: None,
        told_apart: true,
        card: None,
        spelled: false,
        velocities: &[],
        accounts: &accounts,
    });
    match denied {
        true => memory.withdraw(id, Withdrawal::Denied, at),
        false => memory.settle(&Settlement::new(
            id,
            if number.is_multiple_of(8) { Outcome::Failed } else { Outcome::Succeeded },
            at,
        )),
    };
}

/// Resident bytes, CPU seconds, and bytes written, of this process so far.
fn usage() -> (f64, f64, f64) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let pages = read("/proc/self/statm").split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    let stat = read("/proc/self/stat");
    let ticks: f64 = stat.split(' ').skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    let io = read("/proc/self/io");
    let written = io.lines().find_map(|line| line.strip_prefix("wchar: ")).and_then(|bytes| bytes.parse().ok());
    (pages.unwrap_or_default() * 4096.0, ticks / 100.0, written.unwrap_or_default())
}

fn sizes(memory: &Memory) {
    for kind in &memory.stats().kinds[..3] {
        eprintln!(
            "  {}: {} entries, {} bytes each as reckoned, {} evicted",
            kind.kind,
            kind.entries,
            kind.bytes / kind.entries.max(1),
            kind.evicted
        );
    }
}

/// Each in a process of its own: what one gave back would be found again by the next.
fn memory_by_kind() {
    let Ok(program) = std::env::current_exe() else { return };
    for kind in ["as traffic leaves them", "as large as they get"] {
        let measured = std::process::Command::new(&program).env(KIND, kind).status();
        assert!(measured.is_ok_and(|status| status.success()));
    }
}

fn memory_of(kind: &str, entries: u64) {
    let before = usage().0;
    let memory = Memory::new(Limits::of_entries(entries as usize));
    if kind == "as large as they get" {
        // Every source tries more accounts than are told apart, every account is tried from many sources, all refused.
        let mut number = 0;
        for source in 0..entries / 2 {
            for account in 0..66 {
                number += 1;
                attempt(&memory, number, source, source / 20 * 66 + account, true);
            }
        }
    } else {
        (0..entries).for_each(|number| attempt(&memory, number, number, number, false));
    }
    let resident = usage().0 - before;
    let promised = 3.0 * Limits::of_entries(entries as usize).bytes as f64;
    let gib = f64::from(1 << 30);
    eprintln!("entries {kind}: {:.3} GiB resident of {:.3} GiB promised", resident / gib, promised / gib);
    sizes(&memory);
}

fn opened(path: &Path, entries: u64) -> Arc<Memory> {
    loop {
        match state::open(Limits::of_entries(entries as usize), path, [0; 16], Timestamp(START)) {
            Ok((memory, _)) => return memory,
            Err(state::StateError::InUse(_)) => std::thread::sleep(Duration::from_millis(1)),
            Err(error) => panic!("{error}"),
        }
    }
}

fn size(path: &Path) -> u64 {
    std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|file| file.metadata().ok())
        .map(|m| m.len())
        .sum()
}

fn writing(entries: u64, path: &Path) {
    let memory = opened(path, entries);
    (0..entries).for_each(|number| attempt(&memory, number, number, number, false));
    let (began, before) = (Instant::now(), usage());
    memory.write_down();
    memory.write_down();
    let after = usage();
    eprintln!(
        "a whole file: {:.2} s, {:.2} s of CPU, {:.0} MB in the file",
        began.elapsed().as_secs_f64(),
        after.1 - before.1,
        size(path) as f64 / 1e6,
    );
    let (mut wall, mut cpu, mut bytes) = (0.0, 0.0, 0.0);
    for round in 0..ROUNDS {
        for number in 0..CHANGED / 3 {
            let key = (number * 7_919 + round * 104_729) % entries;
            attempt(&memory, entries + round * CHANGED + number, key, key, false);
        }
        let (began, before) = (Instant::now(), usage());
        memory.write_down();
        let after = usage();
        wall += began.elapsed().as_secs_f64();
        cpu += after.1 - before.1;
        bytes += after.2 - before.2;
    }
    let rounds = ROUNDS as f64;
    eprintln!(
        "a second in which {CHANGED} entries changed: {:.0} ms, {:.0} ms of CPU, {:.1} MB",
        wall / rounds * 1e3,
        cpu / rounds * 1e3,
        bytes / rounds / 1e6,
    );
    beside_requests(&memory, entries);
    memory.close();
    eprintln!("the file then: {:.0} MB", size(path) as f64 / 1e6);
}

/// Times of single attempts, while nobody writes and while somebody writes without a pause.
fn beside_requests(memory: &Arc<Memory>, entries: u64) {
    for writes in [false, true] {
        let over = Arc::new(AtomicBool::new(false));
        let writer = writes.then(|| {
            let (memory, over) = (memory.clone(), over.clone());
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    memory.write_down();
                }
            })
        });
        let mut times: Vec<u64> = (0..300_000u64)
            .map(|number| {
                let key = number * 7_919 % entries;
                let began = Instant::now();
                attempt(black_box(memory), 2 * entries + number, key, key, false);
                began.elapsed().as_nanos() as u64
            })
            .collect();
        over.store(true, Ordering::Relaxed);
        if let Some(writer) = writer {
            assert!(writer.join().is_ok());
        }
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64 / 1e3;
        eprintln!(
            "an attempt observed and settled, {}: median {:.1} us, p99 {:.1} us, p99.9 {:.1} us",
            if writes { "while all that changes is written without a pause" } else { "while nothing is written" },
            at(0.5),
            at(0.99),
            at(0.999),
        );
    }
}

fn reading(entries: u64, path: &Path) {
    let (began, before) = (Instant::now(), usage());
    let memory = opened(path, entries);
    let read = usage();
    eprintln!("a start with that file: {:.2} s, {:.2} s of CPU", began.elapsed().as_secs_f64(), read.1 - before.1);
    sizes(&memory);
}

fn main() {
    let entries = std::env::var("ENTRIES").ok().and_then(|entries| entries.parse().ok()).unwrap_or(1_000_000);
    if let Ok(kind) = std::env::var(KIND) {
        return memory_of(&kind, entries);
    }
    let Ok(dir) = tempfile::tempdir() else { return };
    memory_by_kind();
    writing(entries, dir.path());
    reading(entries, dir.path());
}
