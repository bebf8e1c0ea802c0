//! The naive model: it keeps every attempt for ever and sums anew for each question. Slow and plainly right, so that any
//! random sequence can be compared with what a store makes of it.

use super::conformance::{NOON, limits, name, network, wait};
use super::memory::Limits;
use super::*;
use crate::engine::evidence::{Account, Counts, Source};
use proptest::prelude::*;
use std::collections::BTreeSet;

const MINUTE: f64 = 60e3;
const TEN_MINUTES: f64 = 600e3;
const HOUR: f64 = 3600e3;

#[derive(Clone, Debug)]
enum Step {
    /// Event, network, device (odd ones are fingerprints), accounts; milliseconds since the last step, and how far this
    /// attempt's clock lags behind.
    Observe {
        event: usize,
        network: u32,
        device: u64,
        accounts: Vec<u64>,
        told_apart: bool,
        passed: u64,
        lag: u64,
    },
    /// Which attempt, counted back from the last.
    Settle {
        back: usize,
        outcome: Outcome,
    },
    Withdraw {
        back: usize,
        how: Withdrawal,
    },
}

/// Compares a store with the model over random sequences.
pub fn compare(cases: u32, make: impl Fn(Limits) -> Store) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..60))| {
        follow(make(limits()), &steps, |_, store| store)?;
    });
}

/// Any sequence reads the same in memory, on a server, and in a memory that is restarted in the middle of it.
#[test]
fn any_sequence_is_the_same_in_memory_on_a_server_and_after_a_restart() {
    let server = super::redis::server::shared();
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..60), restarts in prop::collection::vec(0..60usize, 0..3))| {
        let directory = tempfile::tempdir().unwrap();
        let open = || {
            let opened = super::memory::state::open(limits(), directory.path(), [7; 16], NOON);
            Store::Memory(opened.unwrap_or_else(|error| panic!("{error}")).0)
        };
        follow(Store::Memory(super::memory::Memory::new(limits()).into()), &steps, |_, store| store)?;
        follow(super::redis::tests::store_on(&server), &steps, |_, store| store)?;
        follow(open(), &steps, |place, store| {
            if !restarts.contains(&place) {
                return store;
            }
            store.close();
            drop(store);
            open()
        })?;
    });
}

fn step() -> impl Strategy<Value = Step> {
    use Outcome::*;
    let passed = prop_oneof![Just(0), 1..2_000u64, 1_000..400_000u64, Just(3_600_000)];
    let accounts = prop::collection::vec(0..4u64, 0..4);
    let observe = (0..5usize, 0..3u32, 0..4u64, accounts, any::<bool>(), passed, 0..5_000u64);
    let outcome = prop::sample::select(vec![Succeeded, Failed, Failed, Pending, Unknown, Aborted]);
    let how = prop::sample::select(vec![Withdrawal::Denied, Withdrawal::Challenged, Withdrawal::Held]);
    prop_oneof![
        3 => observe.prop_map(|(event, network, device, accounts, told_apart, passed, lag)| {
            Step::Observe { event, network, device, accounts, told_apart, passed, lag }
        }),
        3 => (0..6usize, outcome).prop_map(|(back, outcome)| Step::Settle { back, outcome }),
        1 => (0..6usize, how).prop_map(|(back, how)| Step::Withdraw { back, how }),
    ]
}

/// `between` is handed the store before each step, and hands back the one to go on with.
fn follow(
    mut store: Store,
    steps: &[Step],
    mut between: impl FnMut(usize, Store) -> Store,
) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    let mut present = NOON;
    for (place, step) in steps.iter().enumerate() {
        store = between(place, store);
        match step {
            Step::Observe { event, network: from, device, accounts, told_apart, passed, lag } => {
                present = present.after(Duration::from_millis(*passed));
                let accounts: Vec<Pseudonym> = accounts.iter().map(|number| name(*number)).collect();
                let observation = Observation {
                    id: AttemptId(model.attempts.len() as u128),
                    at: Timestamp(present.0 - lag),
                    event: [Event::Login, Event::Login, Event::Verification, Event::Register, Event::Checkout][*event]
                        .clone(),
                    network: network(*from),
                    device: match device {
                        odd if odd % 2 == 1 => DeviceKey::Fingerprint { hash: *odd, asn: 1 },
                        even => DeviceKey::Cookie(name(100 + even)),
                    },
                    told_apart: *told_apart,
                    accounts: &accounts,
                };
                let expected = model.observe(&observation);
                let counted = wait(store.observe(&observation)).unwrap().history;
                prop_assert!(same(&counted, &expected), "store: {:#?}\nmodel: {:#?}", counted, expected);
            }
            Step::Settle { back, outcome } => {
                let Some(place) = model.attempts.len().checked_sub(back + 1) else { continue };
                let expected = model.settle(place, *outcome, present);
                let settled =
                    wait(store.settle(&Settlement::new(AttemptId(place as u128), *outcome, present))).unwrap();
                prop_assert_eq!(settled, expected);
            }
            Step::Withdraw { back, how } => {
                let Some(place) = model.attempts.len().checked_sub(back + 1) else { continue };
                let expected = model.withdraw(place, *how, present);
                let withdrawn = wait(store.withdraw(AttemptId(place as u128), *how, present)).unwrap();
                prop_assert_eq!(withdrawn, expected);
            }
        }
    }
    Ok(())
}

pub fn same(a: &History, b: &History) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
    let counts = |a: &Counts, b: &Counts| {
        near(a.attempts, b.attempts)
            && near(a.failed, b.failed)
            && near(a.succeeded, b.succeeded)
            && near(a.open, b.open)
    };
    let source = |a: &Source, b: &Source| {
        counts(&a.minute, &b.minute)
            && counts(&a.hour, &b.hour)
            && (a.accounts, a.answered_accounts, a.failed_accounts, a.in_flight)
                == (b.accounts, b.answered_accounts, b.failed_accounts, b.in_flight)
    };
    source(&a.network, &b.network)
        && source(&a.device, &b.device)
        && counts(&a.account.recent, &b.account.recent)
        && counts(&a.account.from_here, &b.account.from_here)
        && counts(&a.account.refused_here, &b.account.refused_here)
        && (a.account.in_flight, a.account.known_source) == (b.account.in_flight, b.account.known_source)
}

#[derive(Default)]
struct Model {
    attempts: Vec<Past>,
    refusals: Vec<Refusal>,
}

/// What stood against a source on an account when it was last refused.
struct Refusal {
    account: Pseudonym,
    from: From,
    at: Timestamp,
    stood: Counts,
}

#[derive(Clone, Copy, PartialEq)]
enum From {
    Network(Network),
    Device(DeviceKey),
}

impl From {
    fn sent(self, past: &Past) -> bool {
        match self {
            From::Network(network) => past.network == network,
            From::Device(device) => past.device == device,
        }
    }
}

struct Past {
    at: Timestamp,
    event: Event,
    network: Network,
    device: DeviceKey,
    accounts: Vec<Pseudonym>,
    told_apart: bool,
    became: Became,
    /// Whether the application ever answered it.
    landed: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Became {
    InFlight,
    Answered(Outcome),
    Withdrawn(Withdrawal),
}

impl Model {
    fn observe(&mut self, seen: &Observation<'_>) -> History {
        self.attempts.push(Past {
            at: seen.at,
            event: seen.event.clone(),
            network: seen.network,
            device: seen.device,
            accounts: seen.accounts.to_vec(),
            told_apart: seen.told_apart,
            became: Became::InFlight,
            landed: false,
        });
        let mut account = Account::default();
        for (place, key) in seen.accounts.iter().enumerate() {
            let read = self.account(*key, seen);
            if place == 0 {
                account = read;
                continue;
            }
            for (counts, other) in [
                (&mut account.recent, read.recent),
                (&mut account.from_here, read.from_here),
                (&mut account.refused_here, read.refused_here),
            ] {
                counts.attempts = counts.attempts.max(other.attempts);
                counts.failed = counts.failed.max(other.failed);
                counts.open = counts.open.max(other.open);
            }
            account.in_flight = account.in_flight.max(read.in_flight);
        }
        History {
            network: self.source(|past| past.network == seen.network),
            device: self.source(|past| past.device == seen.device),
            account,
        }
    }

    fn settle(&mut self, place: usize, outcome: Outcome, present: Timestamp) -> Settled {
        let past = &mut self.attempts[place];
        let open = match past.became {
            Became::InFlight => true,
            Became::Answered(Outcome::Pending) => outcome != Outcome::Pending,
            Became::Withdrawn(Withdrawal::Held) => outcome == Outcome::Succeeded,
            _ => false,
        };
        let settled = turn(past, Became::Answered(outcome), open, present);
        if settled == Settled::Counted && past.event.tries_a_secret() {
            past.landed |= match outcome {
                Outcome::Aborted => false,
                Outcome::Unknown => !past.told_apart,
                Outcome::Succeeded | Outcome::Failed | Outcome::Pending => true,
            };
            if outcome == Outcome::Succeeded {
                let (network, device) = (From::Network(past.network), From::Device(past.device));
                let account = past.accounts.first().copied();
                self.refusals.retain(|refusal| {
                    Some(refusal.account) != account || (refusal.from != network && refusal.from != device)
                });
            }
        }
        settled
    }

    fn withdraw(&mut self, place: usize, how: Withdrawal, present: Timestamp) -> Settled {
        let past = &self.attempts[place];
        let open = match past.became {
            Became::InFlight | Became::Answered(Outcome::Pending) => true,
            Became::Withdrawn(Withdrawal::Held) => how == Withdrawal::Denied,
            _ => false,
        };
        let mut refusals = Vec::new();
        if how != Withdrawal::Held && past.event.tries_a_secret() {
            // A fingerprint is many people's.
            let device = matches!(past.device, DeviceKey::Cookie(_)).then_some(From::Device(past.device));
            for from in [Some(From::Network(past.network)), device].into_iter().flatten() {
                for account in past.accounts.iter().copied().collect::<BTreeSet<_>>() {
                    let on_it = self.attempts.iter().filter(|other| other.accounts.contains(&account));
                    let now = on_it.map(|other| other.at).max().unwrap();
                    let standing = self.counts(account, |other| from.sent(other));
                    let before = self.refusal(account, from, now);
                    let stood = before.map_or(standing, |before| Counts {
                        attempts: standing.attempts.max(before.stood.attempts),
                        failed: standing.failed.max(before.stood.failed),
                        succeeded: standing.succeeded.max(before.stood.succeeded),
                        open: standing.open.max(before.stood.open),
                    });
                    let at = before.map_or(past.at, |before| before.at.max(past.at));
                    refusals.push(Refusal { account, from, at, stood });
                }
            }
        }
        let settled = turn(&mut self.attempts[place], Became::Withdrawn(how), open, present);
        if settled == Settled::Counted {
            for new in refusals {
                self.refusals.retain(|old| (old.account, old.from) != (new.account, new.from));
                self.refusals.push(new);
            }
        }
        settled
    }

    fn refusal(&self, account: Pseudonym, from: From, now: Timestamp) -> Option<&Refusal> {
        self.refusals.iter().find(|refusal| {
            (refusal.account, refusal.from) == (account, from) && now.since(refusal.at) <= Duration::from_secs(600)
        })
    }

    /// What the attempts on an account, of some sources, count as.
    fn counts(&self, key: Pseudonym, same: impl Fn(&Past) -> bool) -> Counts {
        let attempts = || self.attempts.iter().filter(|past| past.accounts.contains(&key));
        let now = attempts().map(|past| past.at).max().unwrap();
        let first = |past: &Past| past.accounts.first() == Some(&key);
        let matching = attempts().filter(|past| same(past));
        sum(now, TEN_MINUTES, matching.map(|past| (past.at, contribution(past, true, first(past)))))
    }

    fn source(&self, same: impl Fn(&Past) -> bool) -> Source {
        let attempts: Vec<&Past> = self.attempts.iter().filter(|past| same(past)).collect();
        let now = attempts.iter().map(|past| past.at).max().unwrap();
        let hour = |at: Timestamp| at.0 / 3_600_000;
        // A lagging arrival is seen now, whatever its own clock says.
        let mut accounts = BTreeSet::new();
        let mut answered = BTreeSet::new();
        let mut failed = BTreeSet::new();
        let mut latest = Timestamp(0);
        for past in &attempts {
            latest = latest.max(past.at);
            let Some(account) = past.accounts.first() else { continue };
            if hour(latest) + 1 >= hour(now) {
                accounts.insert(*account);
            }
        }
        for past in &attempts {
            let Some(account) = past.accounts.first() else { continue };
            if past.landed && hour(past.at) + 1 >= hour(now) && accounts.contains(account) {
                answered.insert(*account);
                if past.became == Became::Answered(Outcome::Failed) {
                    failed.insert(*account);
                }
            }
        }
        let counts =
            |half_life| sum(now, half_life, attempts.iter().map(|past| (past.at, contribution(past, false, true))));
        Source {
            minute: counts(MINUTE),
            hour: counts(HOUR),
            accounts: accounts.len() as u32,
            answered_accounts: answered.len() as u32,
            failed_accounts: failed.len() as u32,
            in_flight: in_flight(now, &attempts),
        }
    }

    fn account(&self, key: Pseudonym, seen: &Observation<'_>) -> Account {
        let attempts: Vec<&Past> = self.attempts.iter().filter(|past| past.accounts.contains(&key)).collect();
        let now = attempts.iter().map(|past| past.at).max().unwrap();
        let here = [From::Network(seen.network), From::Device(seen.device)];
        let refused = |from| self.refusal(key, from, now).map(|refusal| refusal.stood).unwrap_or_default();
        // Rounding must not decide between equals.
        let busier =
            |[network, device]: [Counts; 2]| if device.attempts > network.attempts + 1e-7 { device } else { network };
        Account {
            recent: self.counts(key, |_| true),
            from_here: busier(here.map(|from| self.counts(key, |past| from.sent(past)))),
            refused_here: busier(here.map(refused)),
            in_flight: in_flight(now, &attempts),
            known_source: seen.accounts.first() == Some(&key)
                && attempts.iter().any(|past| {
                    past.became == Became::Answered(Outcome::Succeeded)
                        && matches!(past.event, Event::Login | Event::Verification)
                        && past.accounts.first() == Some(&key)
                        && (past.network == seen.network
                            || (past.device == seen.device && matches!(past.device, DeviceKey::Cookie(_))))
                }),
        }
    }
}

fn turn(past: &mut Past, became: Became, open: bool, present: Timestamp) -> Settled {
    if !open || present.since(past.at) > Duration::from_secs(600) {
        return Settled::NotOpen;
    }
    past.became = became;
    Settled::Counted
}

fn sum(now: Timestamp, half_life: f64, attempts: impl Iterator<Item = (Timestamp, Counts)>) -> Counts {
    let mut sum = Counts::default();
    for (at, counts) in attempts {
        let weight = 2f64.powf(-((now.0 - at.0) as f64) / half_life);
        sum.attempts += weight * counts.attempts;
        sum.failed += weight * counts.failed;
        sum.succeeded += weight * counts.succeeded;
        sum.open += weight * counts.open;
    }
    sum
}

fn contribution(past: &Past, account: bool, first: bool) -> Counts {
    let mut counts = Counts { attempts: 1.0, ..Counts::default() };
    if account && matches!(past.became, Became::Withdrawn(_)) {
        return Counts::default();
    }
    if !past.event.tries_a_secret() {
        return counts;
    }
    match past.became {
        Became::InFlight | Became::Answered(Outcome::Pending | Outcome::Aborted) => counts.open = 1.0,
        Became::Answered(Outcome::Failed) => counts.failed = 1.0,
        Became::Answered(Outcome::Succeeded) if !account || first => counts.succeeded = 1.0,
        Became::Answered(Outcome::Succeeded | Outcome::Unknown) | Became::Withdrawn(_) => {}
    }
    counts
}

fn in_flight(now: Timestamp, attempts: &[&Past]) -> u32 {
    let minute = |at: Timestamp| at.0 / 60_000;
    let flying = attempts.iter().filter(|past| past.became == Became::InFlight && minute(past.at) + 2 >= minute(now));
    flying.count() as u32
}
