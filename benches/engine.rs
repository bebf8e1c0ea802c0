//! What judging costs: a quiet visitor, an attack, and each signal by itself.
//!
//! `cargo bench --no-default-features --bench engine`. The engine does no I/O, so these numbers are the whole price of an
//! assessment on the request path; the quiet visitor is the one that matters, because nearly all are.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use tollgate::engine::assessment::{Model, ScoreName, assess};
use tollgate::engine::attempt::{AttemptId, Pseudonym};
use tollgate::engine::fixture;
use tollgate::engine::freeman::live::Live;
use tollgate::engine::ownership::{ADDRESS_LEVELS, LEVELS, Login, Traits, Whence};
use tollgate::engine::signals::SignalId;
use tollgate::engine::time::Timestamp;

fn assessment(criterion: &mut Criterion) {
    let model = Model::default();
    let (quiet, attack) = (fixture::evidence(), fixture::stuffing());
    let blind = {
        let mut evidence = fixture::evidence();
        evidence.history = None;
        evidence
    };
    let mut group = criterion.benchmark_group("assess");
    group.bench_function("quiet", |bench| bench.iter(|| assess(black_box(&quiet), black_box(&model))));
    group.bench_function("attack", |bench| bench.iter(|| assess(black_box(&attack), black_box(&model))));
    group.bench_function("blind", |bench| bench.iter(|| assess(black_box(&blind), black_box(&model))));
    group.finish();

    let assessed = assess(&attack, &model);
    criterion.bench_function("contributions", |bench| {
        bench.iter(|| black_box(&assessed).contributions(black_box(&model), ScoreName::Bot));
    });
}

fn signals(criterion: &mut Criterion) {
    let model = Model::default();
    for (name, evidence) in [("quiet", fixture::evidence()), ("attack", fixture::stuffing())] {
        let mut group = criterion.benchmark_group(format!("signal/{name}"));
        for (id, tuned) in SignalId::all().zip(&model.signals) {
            let Some(signal) = id.signal() else { continue };
            group.bench_function(signal.name, |bench| {
                bench.iter(|| (signal.read)(black_box(&evidence), black_box(&tuned.parameters)));
            });
        }
        group.finish();
    }
}

/// The live model over fifty thousand logins of a thousand accounts, of which each has two addresses and one browser; and
/// over the largest profile that there is.
fn ownership(criterion: &mut Criterion) {
    let login = |account: u64, number: u64, address: u64, agent: u64| {
        let mut values = [0; LEVELS];
        for (level, value) in values.iter_mut().enumerate() {
            let shown = if level < ADDRESS_LEVELS { address >> (4 * level) } else { agent >> (level - ADDRESS_LEVELS) };
            *value = (shown + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ level as u64;
        }
        let shows = Traits { values, from: Whence::default(), device: agent, device_is_proof: true };
        let at = Timestamp::from_secs(1_795_309_323 + number);
        let account = Pseudonym((u128::from(account) << 64 | u128::from(account)).to_be_bytes());
        Login { id: AttemptId(number.into()), account, at, shows }
    };
    let mut live = Live::default();
    for number in 0..50_000 {
        let account = number % 1_000;
        live.add(&login(account, number, 2 * account + number / 1_000 % 2, account % 64));
    }
    for number in 0..2_000 {
        live.add(&login(1_000, number, number * 4096, number * 4096));
    }
    let mut group = criterion.benchmark_group("ownership");
    let [usual, largest] = [login(7, 60_000, 14, 7), login(1_000, 60_000, 5, 5)];
    group.bench_function("usual", |bench| bench.iter(|| live.read(black_box(&usual))));
    group.bench_function("largest", |bench| bench.iter(|| live.read(black_box(&largest))));
    group.finish();
}

criterion_group!(benches, assessment, signals, ownership);
criterion_main!(benches);
