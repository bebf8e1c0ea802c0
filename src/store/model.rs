//! The naive model: keeps every attempt for ever and sums anew for each question; plainly right, to compare stores with.

mod holders;
mod learning;
mod orders;
mod steps;

use self::{holders::Told, learning::Lawful, learning::Thing, orders::Order, steps::Step, steps::step};
use super::conformance::{NOON, limits, name, network, wait};
use super::memory::Limits;
use super::*;
use crate::engine::evidence::{Account, Answers, Counts, EntityKind, Source, Usual, Velocity};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const MINUTE: f64 = 60e3;
const TEN_MINUTES: f64 = 600e3;
const HOUR: f64 = 3600e3;

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
            Step::Observe {
                event,
                network: from,
                device,
                accounts,
                velocities,
                told_apart,
                card,
                spelled,
                cookie,
                passed,
                lag,
            } => {
                present = present.after(Duration::from_millis(*passed));
                let accounts: Vec<Pseudonym> = accounts.iter().map(|number| name(*number)).collect();
                let event =
                    [Event::Login, Event::Login, Event::Verification, Event::Register, Event::Checkout][*event].clone();
                let velocities: Vec<VelocityKey> = velocities
                    .iter()
                    .map(|number| match number {
                        4 | 5 => VelocityKey::new(EntityKind::NetworkCards, &event, [*number; 16]),
                        1 | 3 => VelocityKey::new(EntityKind::Phone, &event, [*number; 16]),
                        _ => VelocityKey::of_number(EntityKind::Fingerprint, (*number).into()),
                    })
                    .collect();
                let observation = Observation {
                    id: AttemptId(model.attempts.len() as u128),
                    at: Timestamp(present.0 - lag),
                    event,
                    network: network(*from),
                    device: match device {
                        odd if odd % 2 == 1 => DeviceKey::Fingerprint { hash: *odd, asn: 1 },
                        even => DeviceKey::Cookie(name(100 + even)),
                    },
                    cookie: cookie.map(|(id, generation, given_out)| Presented {
                        id: name(200 + id),
                        generation,
                        renewed: NOON.after(Duration::from_millis(given_out)),
                    }),
                    told_apart: *told_apart,
                    spelled: *spelled,
                    velocities: &velocities,
                    card: card.map(|number| name(300 + number)),
                    accounts: &accounts,
                };
                let expected = model.observe(&observation);
                let counted = wait(store.observe(&observation)).unwrap().history;
                prop_assert!(same(&counted, &expected), "store: {:#?}\nmodel: {:#?}", counted, expected);
            }
            Step::Settle { back, outcome, teaches, order } => {
                let Some(place) = model.attempts.len().checked_sub(back + 1) else { continue };
                let is_order = model.attempts[place].event == Event::Checkout;
                let order = order.filter(|_| is_order).map(|number| name(900 + number));
                let expected = model.settle(place, *outcome, *teaches, present);
                if expected == Settled::Counted {
                    model.accept(order, place, *outcome, present);
                }
                let (teaches, id) = (*teaches, AttemptId(place as u128));
                let settlement = Settlement { teaches, order, ..Settlement::new(id, *outcome, present) };
                let settled = wait(store.settle(&settlement)).unwrap();
                prop_assert_eq!(settled, expected);
            }
            Step::Conclude { order, paid, passed } => {
                present = present.after(Duration::from_millis(*passed));
                let said = Conclusion { order: name(900 + order), paid: *paid, at: present };
                // A gate that is alone does not know: then nobody was told.
                if let Ok(concluded) = wait(store.conclude(&said)) {
                    prop_assert_eq!(concluded, model.conclude(&said));
                }
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
    // In single precision.
    let nearly = |a: f64, b: f64| (a - b).abs() < 1e-4;
    let answers = |a: &Answers, b: &Answers| {
        nearly(a.attempts, b.attempts) && nearly(a.failed, b.failed) && nearly(a.succeeded, b.succeeded)
    };
    let velocity = |a: &Velocity, b: &Velocity| {
        answers(&a.short, &b.short)
            && answers(&a.long, &b.long)
            && (a.accounts, a.answered_accounts, a.failed_accounts)
                == (b.accounts, b.answered_accounts, b.failed_accounts)
    };
    let usual = |a: &Usual, b: &Usual| near(a.days, b.days) && near(a.mean, b.mean) && near(a.variance, b.variance);
    let source = |a: &Source, b: &Source| {
        usual(&a.usual_minute, &b.usual_minute)
            && usual(&a.usual_hour, &b.usual_hour)
            && counts(&a.minute, &b.minute)
            && counts(&a.hour, &b.hour)
            && (a.accounts, a.answered_accounts, a.failed_accounts, a.in_flight)
                == (b.accounts, b.answered_accounts, b.failed_accounts, b.in_flight)
    };
    a.holder == b.holder
        && source(&a.network, &b.network)
        && source(&a.device, &b.device)
        && counts(&a.account.recent, &b.account.recent)
        && counts(&a.account.from_here, &b.account.from_here)
        && counts(&a.account.refused_here, &b.account.refused_here)
        && usual(&a.account.usual, &b.account.usual)
        && a.velocities.len() == b.velocities.len()
        && a.velocities.iter().zip(&b.velocities).all(|((kind, a), (other, b))| kind == other && velocity(a, b))
        && (a.account.in_flight, a.account.known_source, a.account.owned)
            == (b.account.in_flight, b.account.known_source, b.account.owned)
}

#[derive(Default)]
struct Model {
    attempts: Vec<Past>,
    orders: BTreeMap<Pseudonym, Order>,
    refusals: Vec<Refusal>,
    /// What happened to each device cookie, in the order in which it was told.
    holders: Vec<(Pseudonym, Told)>,
    lawful: Vec<Lawful>,
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
    velocities: Vec<VelocityKey>,
    card: Option<Pseudonym>,
    told_apart: bool,
    spelled: bool,
    cookie: Option<Presented>,
    became: Became,
    /// Whether the application ever answered it.
    landed: bool,
    /// Whether it ever counted as a failure.
    failed: bool,
    /// Whether whatever follows is told by its order.
    ordered: bool,
}

impl Past {
    /// What counts as one account among those of a source.
    fn person(&self) -> Option<Pseudonym> {
        self.accounts.get(usize::from(self.spelled)).copied()
    }
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
            velocities: seen.velocities.to_vec(),
            card: seen.card,
            told_apart: seen.told_apart,
            spelled: seen.spelled,
            cookie: seen.cookie,
            became: Became::InFlight,
            landed: false,
            failed: false,
            ordered: false,
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
            network: self.source(From::Network(seen.network)),
            device: self.source(From::Device(seen.device)),
            account,
            velocities: seen.velocities.iter().map(|key| (key.kind, self.velocity(*key))).collect(),
            holder: seen.cookie.and_then(|cookie| {
                self.holders.push((cookie.id, Told::Presented(seen.at, cookie)));
                self.holder(cookie.id, seen.at, seen.accounts.first())
            }),
        }
    }

    fn velocity(&self, key: VelocityKey) -> Velocity {
        let every = key.kind.is_by_event();
        let attempts: Vec<&Past> = self.attempts.iter().filter(|past| past.velocities.contains(&key)).collect();
        let now = attempts.iter().map(|past| past.at).max().unwrap();
        let member = |past: &Past| match key.kind.tells_cards_apart() {
            true => past.card.or(past.person()),
            false => past.person(),
        };
        let (accounts, answered_accounts, failed_accounts) = distinct(now, &attempts, every, member);
        let answers = |half_life| {
            let Counts { attempts, failed, succeeded, .. } =
                sum(now, half_life, attempts.iter().map(|past| (past.at, contribution_of(past, false, true, every))));
            Answers { attempts, failed, succeeded }
        };
        Velocity { short: answers(HOUR), long: answers(24.0 * HOUR), accounts, answered_accounts, failed_accounts }
    }

    fn settle(&mut self, place: usize, outcome: Outcome, teaches: bool, present: Timestamp) -> Settled {
        let held = matches!(self.attempts[place].became, Became::Withdrawn(_));
        let past = &mut self.attempts[place];
        let open = match past.became {
            Became::InFlight => true,
            Became::Answered(Outcome::Pending) => outcome != Outcome::Pending,
            Became::Withdrawn(Withdrawal::Held) => outcome == Outcome::Succeeded,
            _ => false,
        };
        let settled = turn(past, Became::Answered(outcome), open, present);
        let admits = matches!(past.event, Event::Login | Event::Verification | Event::Register);
        if let (Settled::Counted, Outcome::Succeeded, true, Some(cookie), Some(account)) =
            (settled, outcome, admits, past.cookie, past.accounts.first())
        {
            self.holders.push((cookie.id, Told::Succeeded(past.at, *account, past.event != Event::Register)));
        }
        if settled == Settled::Counted {
            past.landed |= match outcome {
                Outcome::Aborted => false,
                Outcome::Unknown => !past.told_apart,
                Outcome::Succeeded | Outcome::Failed | Outcome::Pending => true,
            };
            if outcome == Outcome::Succeeded && past.event.tries_a_secret() {
                let (network, device) = (From::Network(past.network), From::Device(past.device));
                let account = past.accounts.first().copied();
                self.refusals.retain(|refusal| {
                    Some(refusal.account) != account || (refusal.from != network && refusal.from != device)
                });
            }
        }
        let told_apart = self.attempts[place].told_apart;
        let lawful = outcome == Outcome::Succeeded || outcome == Outcome::Unknown && !told_apart;
        if settled == Settled::Counted && teaches && lawful && !held {
            self.learn(place);
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

    fn source(&self, from: From) -> Source {
        let attempts: Vec<&Past> = self.attempts.iter().filter(|past| from.sent(past)).collect();
        let now = attempts.iter().map(|past| past.at).max().unwrap();
        let (accounts, answered_accounts, failed_accounts) = distinct(now, &attempts, false, Past::person);
        let counts =
            |half_life| sum(now, half_life, attempts.iter().map(|past| (past.at, contribution(past, false, true))));
        Source {
            minute: counts(MINUTE),
            hour: counts(HOUR),
            accounts,
            answered_accounts,
            failed_accounts,
            in_flight: in_flight(now, &attempts),
            usual_minute: self.usual(Thing::Source(from), MINUTE),
            usual_hour: self.usual(Thing::Source(from), HOUR),
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
            usual: if seen.accounts.first() == Some(&key) {
                self.usual(Thing::Account(key), TEN_MINUTES)
            } else {
                Usual::default()
            },
            in_flight: in_flight(now, &attempts),
            known_source: seen.accounts.first() == Some(&key)
                && attempts.iter().any(|past| {
                    past.became == Became::Answered(Outcome::Succeeded)
                        && matches!(past.event, Event::Login | Event::Verification)
                        && past.accounts.first() == Some(&key)
                        && (past.network == seen.network
                            || (past.device == seen.device && matches!(past.device, DeviceKey::Cookie(_))))
                }),
            owned: seen.accounts.first() == Some(&key)
                && attempts.iter().any(|past| {
                    past.became == Became::Answered(Outcome::Succeeded)
                        && matches!(past.event, Event::Login | Event::Verification)
                        && past.accounts.first() == Some(&key)
                }),
        }
    }
}

/// How many accounts (or cards: what `member` says) these attempts were on lately, on how many the application answered any (of those that try a secret,
/// or of every one), and on how many with failure.
fn distinct(
    now: Timestamp,
    attempts: &[&Past],
    every: bool,
    member: impl Fn(&Past) -> Option<Pseudonym>,
) -> (u32, u32, u32) {
    let hour = |at: Timestamp| at.0 / 3_600_000;
    // A lagging arrival is seen now, whatever its own clock says.
    let mut accounts = BTreeSet::new();
    let mut answered = BTreeSet::new();
    let mut failed = BTreeSet::new();
    let mut latest = Timestamp(0);
    for past in attempts {
        latest = latest.max(past.at);
        let Some(account) = member(past) else { continue };
        if hour(latest) + 1 >= hour(now) {
            accounts.insert(account);
        }
    }
    for past in attempts {
        let Some(account) = member(past) else { continue };
        let told = past.landed && (every || past.event.tries_a_secret());
        if told && hour(past.at) + 1 >= hour(now) && accounts.contains(&account) {
            answered.insert(account);
            if past.failed {
                failed.insert(account);
            }
        }
    }
    (accounts.len() as u32, answered.len() as u32, failed.len() as u32)
}

fn turn(past: &mut Past, became: Became, open: bool, present: Timestamp) -> Settled {
    if !open || past.ordered || present.since(past.at) > Duration::from_secs(600) {
        return Settled::NotOpen;
    }
    past.became = became;
    past.failed |= became == Became::Answered(Outcome::Failed);
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
    contribution_of(past, account, first, false)
}

/// `every`: whether the answers to every event count, and not only to those that try a secret.
fn contribution_of(past: &Past, account: bool, first: bool, every: bool) -> Counts {
    let mut counts = Counts { attempts: 1.0, ..Counts::default() };
    if account && matches!(past.became, Became::Withdrawn(_)) {
        return Counts::default();
    }
    if !every && !past.event.tries_a_secret() {
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
