//! What judging costs: a quiet visitor, an attack, and each signal by itself.
//!
//! `cargo bench --no-default-features --bench engine`. The engine does no I/O, so these numbers are the whole price of an
//! assessment on the request path; the quiet visitor is the one that matters, because nearly all are.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use tollgate::engine::assessment::{Model, ScoreName, assess};
use tollgate::engine::fixture;
use tollgate::engine::signals::SignalId;

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

criterion_group!(benches, assessment, signals);
criterion_main!(benches);
