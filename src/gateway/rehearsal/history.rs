//! What the store would remember, told by hand: `ip.accounts=12`, `account.failures=5`.
//!
//! The store counts this attempt first, as it counts every one, and what is told is put on top of its snapshot. A
//! number that is told raises those it is part of (who failed on twelve accounts has tried twelve), so that one fact is
//! enough, and no history is told that could not be.

use crate::engine::evidence::{Counts, History};
use crate::engine::holder::Holder;
use crate::engine::time::Timestamp;
use std::fmt;

/// One thing that can be told.
pub struct HistoryFact {
    pub name: &'static str,
    pub summary: &'static str,
    set: fn(&mut History, f64),
}

macro_rules! source_facts {
    ($source:ident, $($name:literal, $summary:literal, $set:expr;)*) => {
        [$(HistoryFact { name: $name, summary: $summary, set: |history, number| {
            let set: fn(&mut crate::engine::evidence::Source, f64) = $set;
            set(&mut history.$source, number);
        } }),*]
    };
}

static IP: [HistoryFact; 6] = source_facts! { network,
    "ip.attempts_minute", "attempts of this address, half-life a minute", |s, n| s.minute.attempts = n;
    "ip.attempts_hour", "attempts of this address, half-life an hour", |s, n| s.hour.attempts = n;
    "ip.accounts", "distinct accounts tried from this address", |s, n| s.accounts = n as u32;
    "ip.answered_accounts", "of those, answered by the application", |s, n| raise_answered(s, n as u32);
    "ip.failed_accounts", "of those, answered with failure", |s, n| raise_failed(s, n as u32);
    "ip.in_flight", "attempts of this address that wait for an answer", |s, n| raise_in_flight(s, n as u32);
};

static DEVICE: [HistoryFact; 4] = source_facts! { device,
    "device.accounts", "distinct accounts tried from this device", |s, n| s.accounts = n as u32;
    "device.answered_accounts", "of those, answered by the application", |s, n| raise_answered(s, n as u32);
    "device.failed_accounts", "of those, answered with failure", |s, n| raise_failed(s, n as u32);
    "device.in_flight", "attempts of this device that wait for an answer", |s, n| raise_in_flight(s, n as u32);
};

/// What is known of a device by its cookie.
static HOLDER: [HistoryFact; 3] = [
    HistoryFact {
        name: "device.users",
        summary: "distinct accounts that succeeded on this device, by its cookie, within seven days",
        set: |history, number| holder(history).accounts = number as u32,
    },
    HistoryFact {
        name: "device.days",
        summary: "days on which somebody succeeded on this device",
        set: |history, number| {
            let holder = holder(history);
            holder.days = number as u32;
            holder.successes = holder.successes.max(number as u32);
        },
    },
    HistoryFact {
        name: "device.knows_account",
        summary: "1: the account has succeeded on this device before",
        set: |history, number| {
            let holder = holder(history);
            (holder.knows_account, holder.account_counts) = (number > 0.0, number > 0.0);
            holder.accounts = holder.accounts.max(u32::from(number > 0.0));
        },
    },
];

fn holder(history: &mut History) -> &mut Holder {
    // Whatever is told of it was just now.
    let recent = || Holder { successes: 1, days: 1, last: Timestamp(u64::MAX), ..Holder::default() };
    history.holder.get_or_insert_with(recent)
}

static ACCOUNT: [HistoryFact; 9] = [
    HistoryFact {
        name: "account.failures",
        summary: "failures on the account from everywhere, half-life ten minutes",
        set: |history, number| set_failed(&mut history.account.recent, number),
    },
    HistoryFact {
        name: "account.successes",
        summary: "successes on the account from everywhere",
        set: |history, number| set_succeeded(&mut history.account.recent, number),
    },
    HistoryFact {
        name: "account.unanswered",
        summary: "attempts on the account without a final answer",
        set: |history, number| set_open(&mut history.account.recent, number),
    },
    HistoryFact {
        name: "account.failures_here",
        summary: "failures on the account from this address or device",
        set: |history, number| {
            set_failed(&mut history.account.from_here, number);
            let all = history.account.recent.failed.max(number);
            set_failed(&mut history.account.recent, all);
        },
    },
    HistoryFact {
        name: "account.successes_here",
        summary: "successes on the account from this address or device",
        set: |history, number| {
            set_succeeded(&mut history.account.from_here, number);
            let all = history.account.recent.succeeded.max(number);
            set_succeeded(&mut history.account.recent, all);
        },
    },
    HistoryFact {
        name: "account.unanswered_here",
        summary: "attempts on the account from here without a final answer",
        set: |history, number| {
            set_open(&mut history.account.from_here, number);
            let all = history.account.recent.open.max(number);
            set_open(&mut history.account.recent, all);
        },
    },
    HistoryFact {
        name: "account.refused_failures_here",
        summary: "failures from here as they stood when the gate last refused",
        set: |history, number| set_failed(&mut history.account.refused_here, number),
    },
    HistoryFact {
        name: "account.in_flight",
        summary: "attempts on the account that wait for an answer",
        set: |history, number| history.account.in_flight = number as u32,
    },
    HistoryFact {
        name: "account.known_source",
        summary: "1: this address or device has logged in to the account before",
        set: |history, number| history.account.known_source = number > 0.0,
    },
];

/// All that can be told, in the order of help texts.
pub fn facts() -> impl Iterator<Item = &'static HistoryFact> {
    IP.iter().chain(&DEVICE).chain(&HOLDER).chain(&ACCOUNT)
}

fn set_failed(counts: &mut Counts, failed: f64) {
    counts.failed = failed;
    counts.attempts = counts.attempts.max(counts.failed + counts.succeeded + counts.open);
}

fn set_succeeded(counts: &mut Counts, succeeded: f64) {
    counts.succeeded = succeeded;
    counts.attempts = counts.attempts.max(counts.failed + counts.succeeded + counts.open);
}

fn set_open(counts: &mut Counts, open: f64) {
    counts.open = open;
    counts.attempts = counts.attempts.max(counts.failed + counts.succeeded + counts.open);
}

fn raise_answered(source: &mut crate::engine::evidence::Source, answered: u32) {
    source.answered_accounts = answered;
    source.accounts = source.accounts.max(answered);
}

fn raise_failed(source: &mut crate::engine::evidence::Source, failed: u32) {
    source.failed_accounts = failed;
    raise_answered(source, source.answered_accounts.max(failed));
}

fn raise_in_flight(source: &mut crate::engine::evidence::Source, waiting: u32) {
    source.in_flight = waiting;
    source.minute.attempts = source.minute.attempts.max(f64::from(waiting));
}

/// What was told.
#[derive(Clone, Default)]
pub struct Told {
    set: Vec<(&'static HistoryFact, f64)>,
    /// The store did not answer.
    pub unavailable: bool,
}

/// Why something cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldError {
    pub message: String,
    pub help: String,
}

impl fmt::Display for ToldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Told {
    /// `name=number`, or `none`: the store does not answer.
    pub fn add(&mut self, text: &str) -> Result<(), ToldError> {
        if text == "none" {
            self.unavailable = true;
            return Ok(());
        }
        let wrong = |message: String, help: String| ToldError { message, help };
        let Some((name, number)) = text.split_once('=') else {
            let help = "write it as in `account.failures=5`, or `none` for a store that does not answer";
            return Err(wrong(format!("`{}` has no `=`", super::shown(text.as_bytes())), help.to_owned()));
        };
        let Some(fact) = facts().find(|fact| fact.name == name) else {
            let close = crate::engine::policy::spelling::nearest(name, facts().map(|fact| fact.name));
            let known: Vec<&str> = facts().map(|fact| fact.name).collect();
            let help = close.map_or_else(|| known.join(", "), |close| format!("did you mean `{close}`?"));
            return Err(wrong(format!("the history has no `{}`", super::shown(name.as_bytes())), help));
        };
        let parsed = match number {
            "true" => Some(1.0),
            "false" => Some(0.0),
            number => number.parse().ok(),
        };
        match parsed.filter(|number| (0.0..=1e9).contains(number)) {
            Some(number) => self.set.push((fact, number)),
            None => {
                let message =
                    format!("`{}` is no number from 0 to a thousand million", super::shown(number.as_bytes()));
                return Err(wrong(message, format!("{name}: {}", fact.summary)));
            }
        }
        Ok(())
    }

    /// Puts what was told on top of a snapshot.
    pub fn apply(&self, history: &mut History) {
        self.set.iter().for_each(|(fact, number)| (fact.set)(history, *number));
    }

    /// As the explanation prints it.
    pub fn list(&self) -> Vec<String> {
        self.set.iter().map(|(fact, number)| format!("{}={number}", fact.name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_each_changes_something() {
        let names: Vec<&str> = facts().map(|fact| fact.name).collect();
        for (place, fact) in facts().enumerate() {
            assert!(!names[..place].contains(&fact.name), "{} twice", fact.name);
            let mut history = History::default();
            (fact.set)(&mut history, 7.0);
            assert_ne!(format!("{history:?}"), format!("{:?}", History::default()), "{} changes nothing", fact.name);
        }
    }

    #[test]
    fn one_number_raises_what_it_is_part_of() {
        let mut told = Told::default();
        told.add("ip.failed_accounts=12").unwrap();
        told.add("account.failures_here=5").unwrap();
        let mut history = History::default();
        told.apply(&mut history);
        assert_eq!((history.network.accounts, history.network.answered_accounts), (12, 12));
        assert_eq!((history.account.recent.failed, history.account.from_here.attempts), (5.0, 5.0));
    }

    #[test]
    fn what_cannot_be_told_is_answered_with_what_can() {
        let mut told = Told::default();
        assert_eq!(told.add("account.failure=5").unwrap_err().help, "did you mean `account.failures`?");
        assert!(told.add("account.failures").unwrap_err().help.contains("account.failures=5"));
        assert!(told.add("account.failures=-1").is_err() && told.add("account.failures=NaN").is_err());
        assert!(told.add("none").is_ok() && told.unavailable);
    }
}
