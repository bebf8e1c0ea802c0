//! The gate's keeper of [`engine::population`](crate::engine::population): it is told what became of attempts as they end,
//! and publishes what was found as part of the site's evidence.
//!
//! Telling takes a lock for about a microsecond, after the visitor has their answer, and only of logins. Reading takes none: evidence
//! holds what was published, which is looked after each second, beside the requests, and at once when a campaign begins or ends,
//! so that the second in which a tool makes its fifty attempts is not lost. `evaluate` tells and publishes through the same
//! [`Keeper`], by the clock of its files.

use super::gate::Gate;
use crate::engine::attempt::AttemptId;
use crate::engine::evidence::{Evidence, Site};
use crate::engine::outcome::Outcome;
use crate::engine::population::{Became, Campaigns, Look, Pattern, Population};
use crate::engine::time::Timestamp;
use parking_lot::Mutex;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub struct Keeper(Mutex<Population>);

/// Numbers for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By [`Pattern::KINDS`].
    pub active: [u64; Pattern::KINDS.len()],
    pub found: [u64; Pattern::KINDS.len()],
    /// Clusters and passwords that are counted, and those that were dropped to make room.
    pub size: usize,
    pub dropped: u64,
    /// Whether nothing is concluded for now.
    pub is_silent: bool,
}

impl Keeper {
    /// What became of an attempt. Campaigns to publish, if one began or ended with it.
    pub fn note(&self, evidence: &Evidence, became: Became, teaches: bool) -> Option<Arc<Campaigns>> {
        let look = Look::of(evidence)?;
        let matched = evidence.any_campaign().map(|matched| matched.campaign.id);
        let mut population = self.0.lock();
        population.note(&look, became, matched, teaches).then(|| population.publish(look.at))
    }

    pub fn publish(&self, at: Timestamp) -> Arc<Campaigns> {
        self.0.lock().publish(at)
    }

    /// The same, of which nothing is older than now.
    pub fn publish_now(&self, at: Timestamp) -> Arc<Campaigns> {
        self.0.lock().publish_now(at)
    }

    /// Ends a campaign, whose pattern is none until then. Whether there was one. To be published by the caller.
    pub fn end(&self, id: AttemptId, ignored_until: Timestamp) -> bool {
        self.0.lock().end(id, ignored_until)
    }

    pub fn counts(&self, published: &Campaigns) -> Counts {
        let population = self.0.lock();
        let (found, size, dropped) = (population.found(), population.size(), population.dropped());
        let mut active = [0; Pattern::KINDS.len()];
        published.active.iter().for_each(|campaign| active[campaign.pattern.place()] += 1);
        Counts { active, found, size, dropped, is_silent: population.says_nothing() }
    }
}

/// What the application's word is to the population; `None`: it said nothing.
pub fn became(outcome: Outcome) -> Option<Became> {
    match outcome {
        // A second step is only asked of who knew the password.
        Outcome::Succeeded | Outcome::Pending => Some(Became::Succeeded),
        Outcome::Failed => Some(Became::Failed),
        Outcome::Unknown | Outcome::Aborted => None,
    }
}

/// The site with these campaigns.
pub fn with(site: Site, campaigns: Arc<Campaigns>) -> Site {
    Site { campaigns, ..site }
}

impl Gate {
    /// Tells the population what became of an attempt.
    pub fn tell(&self, evidence: &Evidence, became: Became, teaches: bool) {
        if let Some(campaigns) = self.population.note(evidence, became, teaches) {
            self.publish(&campaigns);
        }
    }

    /// Makes campaigns part of the evidence of whoever comes next.
    pub fn publish(&self, campaigns: &Arc<Campaigns>) {
        self.site.rcu(|site| Site { campaigns: campaigns.clone(), ..Site::clone(site) });
    }
}
