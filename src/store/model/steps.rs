//! What may happen to a store: the steps of the random sequences that stores and the model are led through.

use crate::engine::outcome::Outcome;
use crate::store::Withdrawal;
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
pub enum Step {
    /// Event, network, device (odd ones are fingerprints), accounts; milliseconds since the last step, and how far this
    /// attempt's clock lags behind.
    Observe {
        event: usize,
        network: u32,
        device: u64,
        accounts: Vec<u64>,
        velocities: BTreeSet<u8>,
        told_apart: bool,
        /// Whether the first of two different accounts is a spelling of the second.
        spelled: bool,
        card: Option<u64>,
        /// Which, its generation, and when it was given out.
        cookie: Option<(u64, u32, u64)>,
        passed: u64,
        lag: u64,
    },
    /// Which attempt, counted back from the last.
    Settle {
        back: usize,
        outcome: Outcome,
        teaches: bool,
        /// Of a checkout.
        order: Option<u64>,
    },
    /// What is said of which order, and how long after the last step.
    Conclude {
        order: u64,
        paid: bool,
        passed: u64,
    },
    Withdraw {
        back: usize,
        how: Withdrawal,
    },
}

pub fn step() -> impl Strategy<Value = Step> {
    use Outcome::*;
    let passed = prop_oneof![
        4 => Just(0),
        4 => 1..2_000u64,
        4 => 1_000..400_000u64,
        2 => Just(3_600_000),
        1 => Just(86_400_000),
    ];
    let accounts = prop::collection::vec(0..4u64, 0..4);
    let given_out = prop::sample::select(vec![0, 300_000, 4_000_000, 80_000_000]);
    let cookie = prop::option::of((0..2u64, 0..3u32, given_out));
    let velocities = prop::collection::btree_set(0..6u8, 0..4);
    let card = prop::option::of(0..3u64);
    let passed = (passed, 0..5_000u64, any::<bool>());
    let observe = (0..5usize, 0..3u32, 0..4u64, accounts, velocities, any::<bool>(), cookie, passed, card);
    let until = prop::sample::select(vec![0, 1_000, 300_000, 700_000, 4_000_000, 700_000_000]);
    let outcome = prop::sample::select(vec![Succeeded, Succeeded, Failed, Failed, Pending, Unknown, Aborted]);
    let how = prop::sample::select(vec![Withdrawal::Denied, Withdrawal::Challenged, Withdrawal::Held]);
    prop_oneof![
        3 => observe.prop_map(|(event, network, device, accounts, velocities, told_apart, cookie, late, card)| {
            let (passed, lag, spelled) = late;
            let spelled = spelled && accounts.len() > 1 && accounts[0] != accounts[1];
            Step::Observe { event, network, device, accounts, velocities, told_apart, spelled, card, cookie, passed, lag }
        }),
        3 => (0..6usize, outcome, prop::bool::weighted(0.9), prop::option::of(0..3u64))
            .prop_map(|(back, outcome, teaches, order)| Step::Settle { back, outcome, teaches, order }),
        1 => (0..3u64, any::<bool>(), until)
            .prop_map(|(order, paid, passed)| Step::Conclude { order, paid, passed }),
        1 => (0..6usize, how).prop_map(|(back, how)| Step::Withdraw { back, how }),
    ]
}
