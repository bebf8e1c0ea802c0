//! What is learnt from attempts: labels, and what is let pass to learn more. Both are rare, so that counters are looked up
//! each time.

use super::{Error, Family, IntCounterVec, Metrics, table};
use crate::engine::label::Verdict;

#[derive(Debug)]
pub(super) struct Labels {
    given: IntCounterVec,
    explored: IntCounterVec,
}

impl Labels {
    pub(super) fn new(of: &Family<'_>) -> Result<Labels, Error> {
        Ok(Labels { given: of.counters(table::LABELS)?, explored: of.counters(table::EXPLORED)? })
    }
}

impl Metrics {
    /// Something was said of an attempt. `action`: what the policy had said, as published.
    pub fn labelled(&self, verdict: Verdict, action: Option<&str>) {
        let known = super::ACTIONS.into_iter().find(|known| Some(*known) == action);
        self.labels.given.with_label_values(&[verdict.name(), known.unwrap_or("none")]).inc();
    }

    /// A challenge was let pass by lot.
    pub fn explored(&self, route: &str) {
        self.labels.explored.with_label_values(&[route]).inc();
    }
}
