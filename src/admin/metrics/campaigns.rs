//! Campaigns: how many there are, and how much is counted to find them.

use super::{Error, Family, IntCounter, IntGauge, Metrics, catch_up, table};
use crate::engine::population::Pattern;
use crate::gateway::population::Counts;

#[derive(Debug)]
pub(super) struct Campaigns {
    /// By [`Pattern::KINDS`].
    active: [IntGauge; Pattern::KINDS.len()],
    found: [IntCounter; Pattern::KINDS.len()],
    size: IntGauge,
    dropped: IntCounter,
    silent: IntGauge,
}

impl Campaigns {
    pub(super) fn new(of: &Family<'_>) -> Result<Campaigns, Error> {
        let (active, found) = (of.gauges(table::CAMPAIGNS_ACTIVE)?, of.counters(table::CAMPAIGNS_FOUND)?);
        Ok(Campaigns {
            active: Pattern::KINDS.map(|kind| active.with_label_values(&[kind])),
            found: Pattern::KINDS.map(|kind| found.with_label_values(&[kind])),
            size: of.gauge(table::POPULATION_ENTRIES)?,
            dropped: of.counter(table::POPULATION_DROPPED)?,
            silent: of.gauge(table::POPULATION_SILENT)?,
        })
    }
}

impl Metrics {
    /// What is counted of the population, each second.
    pub fn population(&self, counts: &Counts) {
        let campaigns = &self.campaigns;
        campaigns.active.iter().zip(counts.active).for_each(|(gauge, count)| gauge.set(count as i64));
        campaigns.found.iter().zip(counts.found).for_each(|(counter, count)| catch_up(counter, count));
        campaigns.size.set(counts.size as i64);
        catch_up(&campaigns.dropped, counts.dropped);
        campaigns.silent.set(counts.is_silent.into());
    }
}
