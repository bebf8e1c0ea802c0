//! Labels that were given to attempts: rare, so that the counter is looked up each time.

use super::Metrics;
use crate::engine::label::Verdict;

impl Metrics {
    /// Something was said of an attempt. `action`: what the policy had said, as published.
    pub fn labelled(&self, verdict: Verdict, action: Option<&str>) {
        let known = super::ACTIONS.into_iter().find(|known| Some(*known) == action);
        self.labels.with_label_values(&[verdict.name(), known.unwrap_or("none")]).inc();
    }
}
