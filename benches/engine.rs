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
use tollgate::engine::population::{Became, Class, Look, Population, Standing};
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
    let registration = fixture::registration();
    group.bench_function("registration", |bench| bench.iter(|| assess(black_box(&registration), black_box(&model))));
    group.bench_function("blind", |bench| bench.iter(|| assess(black_box(&blind), black_box(&model))));
    group.finish();

    let assessed = assess(&attack, &model);
    criterion.bench_function("contributions", |bench| {
        bench.iter(|| black_box(&assessed).contributions(black_box(&model), ScoreName::Bot));
    });
}

fn signals(criterion: &mut Criterion) {
    let model = Model::default();
    let evidences =
        [("quiet", fixture::evidence()), ("attack", fixture::stuffing()), ("registration", fixture::registration())];
    for (name, evidence) in evidences {
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

/// What campaigns cost: an attempt that is told, one that is matched while one is active, and what is published each second
/// of as many fingerprints as are kept.
fn population(criterion: &mut Criterion) {
    let look = |number: u64, standing: Standing| Look {
        id: AttemptId(number.into()),
        at: Timestamp::from_secs(1_795_309_323 + number / 10),
        network: number,
        fingerprint: number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52,
        asn: Some((number % 500) as u32),
        standing,
        account: (number.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32,
        password: Some(number.wrapping_mul(0xd1b5_4a32_d192_ed03)),
    };
    let stranger = Standing::Strange(Class { seen: false, fresh: false, in_vain: false });
    let mut population = Population::new();
    for number in 0..1_000 {
        population.note(&look(number, Standing::Usual { proven: true, settled: true }), Became::Succeeded, None, true);
    }
    for number in 1_000..40_000 {
        population.note(&look(number, stranger), Became::Failed, None, true);
    }
    let at = look(40_000, stranger).at;
    let published = population.publish(at);
    let mut group = criterion.benchmark_group("population");
    let mut number = 40_000;
    group.bench_function("note", |bench| {
        bench.iter(|| {
            number += 1;
            population.note(black_box(&look(number, stranger)), Became::Failed, None, true)
        });
    });
    group.bench_function("match", |bench| bench.iter(|| published.of(black_box(&look(7, stranger))).is_some()));
    group.bench_function("publish", |bench| bench.iter(|| population.publish(black_box(at))));
    group.finish();
}

criterion_group!(benches, assessment, signals, ownership, population);
criterion_main!(benches);
