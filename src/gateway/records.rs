//! What is written down and counted of an attempt: the decision when it falls, the outcome when it is known.

use super::answer::Finding;
use super::gate::{Gate, Judged};
use super::live::Live;
use crate::admin::metrics::Stage;
use crate::config::settings::Route;
use crate::engine::attempt::AttemptId;
use crate::engine::decision::Decision;
use crate::engine::evidence::{Evidence, Moment};
use crate::engine::record::{
    self, Answer, DecisionRecord, Enforcement, OutcomeRecord, RecordContext, Refusal, RefusalRecord, SettlementRecord,
};
use crate::engine::time::Timestamp;
use crate::store::{Concluded, Conclusion, Settlement, StoreError, Withdrawal};
use std::time::Duration;

/// Of this program, in every record.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Gate {
    pub fn record_decision(
        &self,
        live: &Live,
        route: &Route,
        evidence: &Evidence,
        decision: &Decision,
        enforcement: Enforcement,
        took: Duration,
    ) {
        self.metrics.enforced(live.metrics_of(route), enforcement);
        self.metrics.passed(Stage::Total, took);
        if self.sinks.0.is_empty() {
            return;
        }
        let micros = took.as_micros() as u64;
        let record =
            DecisionRecord::new(evidence, decision, &route.policy.rules, enforcement, micros, context(live, route));
        self.sinks.send(&record.line());
    }

    /// The second record of an attempt; with the whole second decision if the answer was judged.
    pub fn record_outcome(&self, judged: &Judged, finding: &Finding, took: Duration) {
        let Judged { live, route, evidence, decision, enforcement, .. } = judged;
        let metrics = live.metrics_of(route);
        self.metrics.settled(metrics, finding.outcome);
        if self.sinks.0.is_empty() {
            return;
        }
        let (now, context) = (self.clock.now(), context(live, route));
        let status = (finding.status != 0).then_some(finding.status);
        let answer = Answer { rule: finding.rule, status, ms: took.as_millis() as u64 };
        let line = match evidence.moment {
            Moment::After => DecisionRecord::new(
                evidence,
                decision,
                &route.policy.rules,
                *enforcement,
                took.as_micros() as u64,
                context,
            )
            .answered(now, finding.outcome, answer)
            .line(),
            Moment::Before => {
                OutcomeRecord::new(&evidence.attempt, now, finding.outcome, answer, *enforcement, context).line()
            }
        };
        self.sinks.send(&line);
    }

    /// The record to write when a kept answer is released.
    pub fn release_record(&self, judged: &Judged, finding: &Finding, took: Duration) -> String {
        let Judged { live, route, evidence, .. } = judged;
        let answer = Answer { rule: finding.rule, status: Some(finding.status), ms: took.as_millis() as u64 };
        let now = self.clock.now();
        OutcomeRecord::new(&evidence.attempt, now, finding.outcome, answer, Enforcement::Released, context(live, route))
            .line()
    }

    /// A request on a protected route that could not be judged.
    pub fn record_refusal(&self, live: &Live, route: &Route, refusal: Refusal<'_>) {
        if let Enforcement::Refused(why) | Enforcement::Unscored(why) = refusal.enforced {
            self.metrics.refused_capture(why);
        }
        self.sinks.send(&RefusalRecord::new(refusal, context(live, route)).line());
    }

    /// Tells the store what became of an attempt.
    pub async fn settle(&self, settlement: &Settlement) {
        if let Err(error) = self.store.settle(settlement).await {
            self.metrics.store_failed(&error);
        }
    }

    /// Takes what is said of an order, and writes it down once. `route`: whose request said it; `None`: a call of the admin API.
    pub async fn conclude(&self, live: &Live, said: &Conclusion, route: Option<&str>) -> Result<Concluded, StoreError> {
        let concluded = self.store.conclude(said).await.inspect_err(|error| self.metrics.store_failed(error))?;
        self.metrics.concluded(said.paid, &concluded);
        if let Concluded::Counted(bought) = concluded {
            let context = RecordContext {
                product: &live.settings.product,
                mode: live.settings.mode.name(),
                config: &live.settings.hash,
                version: VERSION,
            };
            let record = record::Settlement {
                attempt: bought.id,
                attempted_at: bought.at,
                order: said.order,
                paid: said.paid,
                at: said.at,
                by_route: route,
            };
            self.sinks.send(&SettlementRecord::new(&record, context).line());
        }
        Ok(concluded)
    }

    /// Tells the store that the application never got to answer, or that its answer is kept.
    pub async fn withdraw(&self, id: AttemptId, how: Withdrawal, at: Timestamp) {
        if let Err(error) = self.store.withdraw(id, how, at).await {
            self.metrics.store_failed(&error);
        }
    }
}

/// What every record of this configuration says alike.
pub fn context<'l>(live: &'l Live, route: &Route) -> RecordContext<'l> {
    RecordContext {
        product: &live.settings.product,
        mode: super::enforce::mode(live.settings.mode, route).name(),
        config: &live.settings.hash,
        version: VERSION,
    }
}
