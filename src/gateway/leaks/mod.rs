//! A password that no file knows, asked for at the service that the operator named.
//!
//! It is asked beside the gathering of everything else: [`begin`] before the store is asked, [`settle`] afterwards, so that of the
//! deadline only what the store did not take is waited. What has not come by then is missing, and named; if it comes while the
//! application thinks, the judgement after a success [knows it](take). Rehearsals ask nobody, and never come by here.

mod answer;
mod breaker;
mod cache;
mod client;
mod ranges;

pub use answer::Suffixes;
pub use client::Fault;
pub use ranges::{Late, Pending, Ranges, Settled};

use super::fields::Captured;
use super::live::Live;
use crate::engine::evidence::{Evidence, Known, Leak, LeakSource};

/// The part's name where it is missing.
const PART: &str = "passwords";

/// Puts the question, where there is a service to ask, a password to ask for, and no file that knows it. One question: with
/// blanks around it hardly any password is in a corpus, and a second would tell the service which two belong together.
pub fn begin(live: &Live, captured: &Captured) -> Option<Pending> {
    let ranges = live.ranges.as_ref()?;
    let digest = captured.raw.passwords().next()?;
    let known = captured.raw.passwords().any(|digest| live.intel.passwords.find(digest).is_some());
    (!known).then(|| ranges.ask(digest))
}

/// Waits for the answer, if something was asked and until its deadline at most. What may still come is given back.
pub async fn settle(asked: Option<Pending>, evidence: &mut Evidence) -> Option<Late> {
    match asked?.settle().await {
        Settled::Known(count) => {
            evidence.intel.leaked = known(count);
            None
        }
        Settled::Failed(_) => {
            miss(evidence);
            None
        }
        Settled::Late(late) => {
            miss(evidence);
            late
        }
    }
}

/// Takes an answer that has come since, and does not wait for one.
pub fn take(late: Late, evidence: &mut Evidence) {
    if let Some(count) = late.take() {
        evidence.intel.leaked = known(count);
        evidence.degraded.retain(|part| *part != PART);
    }
}

fn known(count: Option<u32>) -> Known<Leak> {
    count.map_or(Known::No, |count| Known::Yes(Leak { source: LeakSource::Range, count: Some(count) }))
}

fn miss(evidence: &mut Evidence) {
    evidence.intel.leaked = Known::Unknown;
    evidence.degraded.push(PART);
}

/// How metrics call what is known of an attempt's password; `None`: there was none.
pub fn word(evidence: &Evidence) -> Option<&'static str> {
    evidence.attempt.form.password?;
    Some(match evidence.intel.leaked {
        Known::Yes(leak) => leak.source.name(),
        Known::No => "nowhere",
        Known::Unknown => "unknown",
    })
}
