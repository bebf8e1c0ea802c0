//! What is learnt from attempts afterwards: labels, what became of orders, and what is let pass to learn more. Both are rare, so that counters are looked up
//! each time.

use super::{Error, Family, IntCounterVec, Metrics, table};
use crate::engine::label::Verdict;
use crate::store::Concluded;

#[derive(Debug)]
pub(super) struct Labels {
    given: IntCounterVec,
    explored: IntCounterVec,
    settlements: IntCounterVec,
}

impl Labels {
    pub(super) fn new(of: &Family<'_>) -> Result<Labels, Error> {
        Ok(Labels {
            given: of.counters(table::LABELS)?,
            explored: of.counters(table::EXPLORED)?,
            settlements: of.counters(table::SETTLEMENTS)?,
        })
    }
}

impl Metrics {
    /// Something was said of an attempt. `action`: what the policy had said, as published.
    pub fn labelled(&self, verdict: Verdict, action: Option<&str>) {
        let known = super::ACTIONS.into_iter().find(|known| Some(*known) == action);
        self.labels.given.with_label_values(&[verdict.name(), known.unwrap_or("none")]).inc();
    }

    /// Something was said of an order.
    pub fn concluded(&self, paid: bool, concluded: &Concluded) {
        let result = match concluded {
            Concluded::Counted(_) => "counted",
            Concluded::Again(_) => "again",
            Concluded::Early => "early",
        };
        self.labels.settlements.with_label_values(&[if paid { "settled" } else { "reversed" }, result]).inc();
    }

    /// A challenge was let pass by lot.
    pub fn explored(&self, route: &str) {
        self.labels.explored.with_label_values(&[route]).inc();
    }
}
