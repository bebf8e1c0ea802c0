//! Carries out what a rule orders beside its refusal: whoever tripped it is banned, or is not, and the record says which.
//!
//! Here is all that judging must not do: a look at the bans there were, and a write to the store. It happens after the
//! decision and before its answer, so that the next request of the same sender finds the ban. Monitor mode writes nothing
//! and says what it would have written.

use super::live::Live;
use crate::admin::metrics::Metrics;
use crate::config::settings::Mode;
use crate::engine::decision::{BanFate, BanOf, BanOrder, Decision};
use crate::engine::evidence::{Evidence, ListEffect};
use crate::lists::{BANNED, Key, ban};
use crate::store::{Store, StoreError};

/// Where bans are written, and counted.
#[derive(Clone, Copy)]
pub struct Ledger<'l> {
    pub store: &'l Store,
    pub metrics: &'l Metrics,
}

/// Bans whom the decision orders to, and notes what became of it.
pub async fn carry_out(ledger: Ledger<'_>, live: &Live, evidence: &Evidence, decision: &mut Decision, mode: Mode) {
    let Some(order) = decision.ruling.ban else { return };
    // On the heap: it is seldom made, and every request has room for this future.
    let fate = Box::pin(fate(ledger, live, evidence, decision, &order, mode)).await;
    ledger.metrics.banned(fate.name());
    decision.ban = Some(fate);
}

async fn fate(
    ledger: Ledger<'_>,
    live: &Live,
    evidence: &Evidence,
    decision: &Decision,
    order: &BanOrder,
    mode: Mode,
) -> BanFate {
    let attempt = &evidence.attempt;
    let key = match order.of {
        BanOf::Ip if live.trusts(attempt.client.ip) => return BanFate::Spared("trusted_proxy"),
        BanOf::Ip if ban::is_near(attempt.client.ip) => return BanFate::Spared("private_address"),
        BanOf::Ip => ban::network(attempt.client.ip),
        BanOf::Account => match attempt.identity.account {
            Some(account) => Key::Account(account),
            None => return BanFate::Spared("no_account"),
        },
    };
    if evidence.intel.lists.iter().any(|hit| hit.effect == ListEffect::Allow) {
        return BanFate::Spared("allow_listed");
    }
    let before = ledger.store.lists().entry(BANNED, &key).filter(|entry| attempt.at < entry.kept);
    if let Some(entry) = before.as_ref().filter(|entry| entry.holds(attempt.at) && mode == Mode::Enforce) {
        // One of several requests at once: the first has banned them all.
        return BanFate::Banned { until: entry.until, times: entry.note.times };
    }
    let rule = decision.ruling.rule.as_deref().unwrap_or("otherwise");
    let reason = format!("rule {rule} of policy {}, attempt {}", decision.policy, attempt.id);
    let (change, length) = ban::change(key, order, before.as_ref(), attempt.at, &reason);
    let until = attempt.at.after(length);
    let times = change.entry.as_ref().map_or(1, |entry| entry.note.times);
    if mode == Mode::Monitor {
        return BanFate::Monitored { until, times };
    }
    match ledger.store.change_lists(&[change]).await {
        Ok(()) => BanFate::Banned { until, times },
        Err(StoreError::Lists(_)) => BanFate::Spared("full"),
        Err(error) => {
            ledger.metrics.store_failed(&error);
            BanFate::Spared("unavailable")
        }
    }
}
