//! What is counted, told in the words of the journey: `metrics.decided(…)`, `metrics.settled(…)`.
//!
//! Whatever a request touches was resolved before it came: labels of a route in [`RouteMetrics`] when its configuration
//! is loaded, everything else here, so that counting is a few atomic additions without a look-up or an allocation. Only
//! rare events (errors, refusals) look their label up. Sizes that others keep anyway (the store, the log) are taken when
//! somebody asks. The registry is our own, so that several gates fit into one process, as in tests.

mod campaigns;
mod devices;
mod labels;
mod lists;
mod passwords;
mod table;
mod taking;

pub use self::table::{Kind, Spec, TABLE, table};

use crate::challenge::Failure;
use crate::engine::assessment::Scores;
use crate::engine::clearance::ChallengeKind;
use crate::engine::decision::{Action, Decision};
use crate::engine::evidence::Moment;
use crate::engine::outcome::Outcome;
use crate::engine::record::Enforcement;
use crate::engine::signals::{SIGNALS, SignalId};
use crate::store::StoreError;
use crate::store::shared::{FAILURES, SharedStats, State};
use parking_lot::Mutex;
use prometheus::core::Collector;
use prometheus::{
    Encoder, Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use std::time::Duration;

/// Upper bounds of the latency buckets in seconds: from a microsecond, because deciding takes a few of them, to ten
/// seconds, because a visitor's body may.
const LATENCIES: [f64; 19] = [
    1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.5, 1.0,
    10.0,
];
const SCORES: [f64; 10] = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0];

/// A part of a request's way through the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Recognise,
    Capture,
    Gather,
    Decide,
    /// All the gate's own work before forwarding.
    Total,
}

impl Stage {
    pub const ALL: [Stage; 5] = [Stage::Recognise, Stage::Capture, Stage::Gather, Stage::Decide, Stage::Total];

    pub fn name(self) -> &'static str {
        match self {
            Stage::Recognise => "recognise",
            Stage::Capture => "capture",
            Stage::Gather => "gather",
            Stage::Decide => "decide",
            Stage::Total => "total",
        }
    }
}

/// A step in a challenge's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeStep {
    /// A visitor was sent to one.
    Offered,
    /// The right solution came.
    Solved,
    /// One solved before let an attempt pass.
    Cleared,
    /// A kept answer was handed out.
    Released,
    /// A solution came that opens nothing.
    Refused(Failure),
}

impl ChallengeStep {
    fn all() -> impl Iterator<Item = ChallengeStep> {
        let good = [ChallengeStep::Offered, ChallengeStep::Solved, ChallengeStep::Cleared, ChallengeStep::Released];
        good.into_iter().chain(Failure::ALL.map(ChallengeStep::Refused))
    }

    fn name(self) -> &'static str {
        match self {
            ChallengeStep::Offered => "offered",
            ChallengeStep::Solved => "solved",
            ChallengeStep::Cleared => "cleared",
            ChallengeStep::Released => "released",
            ChallengeStep::Refused(failure) => failure.name(),
        }
    }
}

const ACTIONS: [&str; 3] = ["allow", "challenge", "deny"];
const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];
/// As the record says them; what is not among them is counted as the last.
const ENFORCED: [&str; 8] = [
    "forwarded",
    "challenged",
    "denied",
    "released",
    "monitored:allow",
    "monitored:challenge",
    "monitored:deny",
    "other",
];
const OUTCOMES: [Outcome; 5] =
    [Outcome::Succeeded, Outcome::Failed, Outcome::Pending, Outcome::Unknown, Outcome::Aborted];

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    protected: IntCounter,
    unprotected: IntCounter,
    decisions: IntCounterVec,
    enforced: IntCounterVec,
    /// By place in `SIGNALS`: fired, blind.
    signals: Vec<[IntCounter; 2]>,
    /// By moment: risk, bot, account_takeover, account_abuse.
    scores: [[Histogram; 4]; 2],
    rule_errors: IntCounterVec,
    outcomes: IntCounterVec,
    challenges: IntCounterVec,
    ambiguous: IntCounter,
    capture_refusals: IntCounterVec,
    stages: [Histogram; 5],
    upstream_errors: IntCounterVec,
    admin_calls: IntCounterVec,
    connections: IntGauge,
    connections_refused: IntCounter,
    connections_crowded: IntCounter,
    bodies_held: IntGauge,
    store_errors: IntCounterVec,
    store_seconds: Histogram,
    degraded: IntCounterVec,
    ready: IntGauge,
    config: IntGaugeVec,
    config_loaded: IntGauge,
    /// Loaded, refused.
    reloads: [IntCounter; 2],
    reload_refused: IntGauge,
    restart_needed: IntGauge,
    upgrades: [IntCounter; 2],
    data: IntGaugeVec,
    bans: IntCounterVec,
    campaigns: campaigns::Campaigns,
    devices: devices::Devices,
    labels: labels::Labels,
    lists: lists::Lists,
    passwords: passwords::Passwords,
    /// What is taken from others when somebody asks, by one asker at a time.
    taken: Mutex<Taken>,
}

#[derive(Debug)]
struct Taken {
    upstream_servers: IntGaugeVec,
    entries: IntGaugeVec,
    bytes: IntGaugeVec,
    capacity: IntGaugeVec,
    evictions: IntCounterVec,
    refusals: IntCounterVec,
    answers_held: IntGauge,
    store_kept: IntGauge,
    server_bytes: IntGauge,
    server_bytes_max: IntGauge,
    store_keeping_failures: IntCounter,
    breaker: IntGaugeVec,
    breaker_entered: IntCounterVec,
    store_failures: IntCounterVec,
    backlog: IntGauge,
    backlog_bytes: IntGauge,
    merged: IntCounter,
    unmerged: IntCounter,
    spent_twice: IntCounter,
    log_written: IntCounter,
    log_dropped: IntCounter,
    log_failed: IntCounter,
    log_queued: IntGauge,
}

/// Handles for one route, resolved when its configuration is loaded. A route that comes back under its name goes on
/// counting where it was.
#[derive(Debug)]
pub struct RouteMetrics {
    /// By moment and action.
    decisions: [[IntCounter; 3]; 2],
    enforced: [IntCounter; 8],
    outcomes: [IntCounter; 5],
}

impl RouteMetrics {
    /// How many answers were successes, since the program started.
    pub fn succeeded(&self) -> u64 {
        self.outcomes[outcome_place(Outcome::Succeeded)].get()
    }

    /// Whether most answers so far were answers to nothing known: then successes may have gone by unseen.
    pub fn mostly_unrecognised(&self) -> bool {
        let of = |outcome| self.outcomes[outcome_place(outcome)].get();
        of(Outcome::Unknown) > of(Outcome::Succeeded) + of(Outcome::Failed) + of(Outcome::Pending)
    }
}

impl Metrics {
    /// Registers the whole table. Fails only if the table contradicts itself, which a test rules out.
    pub fn new() -> Result<Metrics, Error> {
        let registry = Registry::new();
        let of = Family(&registry);
        let requests = of.counters(table::REQUESTS)?;
        let signals = of.counters(table::SIGNALS)?;
        let reloads = of.counters(table::RELOADS)?;
        let scores = of.histograms(table::SCORES, &SCORES)?;
        let stages = of.histograms(table::STAGES, &LATENCIES)?;
        let challenges = of.counters(table::CHALLENGES)?;
        for kind in ChallengeKind::ALL {
            ChallengeStep::all().for_each(|step| drop(challenges.with_label_values(&[kind.name(), step.name()])));
        }
        let scores_of = |moment: Moment| {
            ["risk", "bot", "account_takeover", "account_abuse"]
                .map(|score| scores.with_label_values(&[score, moment.name()]))
        };
        Ok(Metrics {
            protected: requests.with_label_values(&["true"]),
            unprotected: requests.with_label_values(&["false"]),
            decisions: of.counters(table::DECISIONS)?,
            enforced: of.counters(table::ENFORCED)?,
            signals: SIGNALS
                .iter()
                .map(|signal| ["fired", "blind"].map(|reading| signals.with_label_values(&[signal.name, reading])))
                .collect(),
            scores: MOMENTS.map(scores_of),
            rule_errors: of.counters(table::RULE_ERRORS)?,
            outcomes: of.counters(table::OUTCOMES)?,
            challenges,
            ambiguous: of.counter(table::AMBIGUOUS)?,
            capture_refusals: of.counters(table::CAPTURE_REFUSALS)?,
            stages: Stage::ALL.map(|stage| stages.with_label_values(&[stage.name()])),
            upstream_errors: of.counters(table::UPSTREAM_ERRORS)?,
            admin_calls: of.counters(table::ADMIN_CALLS)?,
            connections: of.gauge(table::CONNECTIONS)?,
            connections_refused: of.counter(table::CONNECTIONS_REFUSED)?,
            connections_crowded: of.counter(table::CONNECTIONS_CROWDED)?,
            bodies_held: of.gauge(table::BODIES_HELD)?,
            store_errors: of.counters(table::STORE_ERRORS)?,
            store_seconds: of.histograms(table::STORE_SECONDS, &LATENCIES)?.with_label_values(&[] as &[&str]),
            degraded: of.counters(table::DEGRADED)?,
            ready: of.gauge(table::READY)?,
            config: of.gauges(table::CONFIG)?,
            config_loaded: of.gauge(table::CONFIG_LOADED)?,
            reloads: ["loaded", "refused"].map(|result| reloads.with_label_values(&[result])),
            reload_refused: of.gauge(table::RELOAD_REFUSED)?,
            restart_needed: of.gauge(table::RESTART_NEEDED)?,
            upgrades: {
                let upgrades = of.counters(table::UPGRADES)?;
                ["taken_over", "refused"].map(|result| upgrades.with_label_values(&[result]))
            },
            data: of.gauges(table::DATA)?,
            bans: of.counters(table::BANS)?,
            campaigns: campaigns::Campaigns::new(&of)?,
            devices: devices::Devices::new(&of)?,
            labels: labels::Labels::new(&of)?,
            lists: lists::Lists::new(&of)?,
            passwords: passwords::Passwords::new(&of)?,
            taken: Mutex::new(Taken {
                upstream_servers: of.gauges(table::UPSTREAM_SERVERS)?,
                entries: of.gauges(table::STORE_ENTRIES)?,
                bytes: of.gauges(table::STORE_BYTES)?,
                capacity: of.gauges(table::STORE_CAPACITY)?,
                evictions: of.counters(table::STORE_EVICTIONS)?,
                refusals: of.counters(table::STORE_REFUSALS)?,
                answers_held: of.gauge(table::ANSWERS_HELD)?,
                store_kept: of.gauge(table::STORE_KEPT_BYTES)?,
                server_bytes: of.gauge(table::STORE_SERVER_BYTES)?,
                server_bytes_max: of.gauge(table::STORE_SERVER_BYTES_MAX)?,
                store_keeping_failures: of.counter(table::STORE_KEEPING_FAILURES)?,
                breaker: of.gauges(table::STORE_BREAKER)?,
                breaker_entered: of.counters(table::STORE_BREAKER_ENTERED)?,
                store_failures: of.counters(table::STORE_FAILURES)?,
                backlog: of.gauge(table::STORE_BACKLOG)?,
                backlog_bytes: of.gauge(table::STORE_BACKLOG_BYTES)?,
                merged: of.counter(table::STORE_MERGED)?,
                unmerged: of.counter(table::STORE_UNMERGED)?,
                spent_twice: of.counter(table::STORE_SPENT_TWICE)?,
                log_written: of.counter(table::LOG_WRITTEN)?,
                log_dropped: of.counter(table::LOG_DROPPED)?,
                log_failed: of.counter(table::LOG_FAILED)?,
                log_queued: of.gauge(table::LOG_QUEUED)?,
            }),
            registry,
        })
    }

    /// The handles of one route, all labels at 0 if it is new.
    pub fn route(&self, name: &str) -> RouteMetrics {
        RouteMetrics {
            decisions: MOMENTS
                .map(|moment| ACTIONS.map(|action| self.decisions.with_label_values(&[name, moment.name(), action]))),
            enforced: ENFORCED.map(|enforced| self.enforced.with_label_values(&[name, enforced])),
            outcomes: OUTCOMES.map(|outcome| self.outcomes.with_label_values(&[name, outcome_name(outcome)])),
        }
    }

    /// A request came, and a route recognised it or not.
    pub fn requested(&self, protected: bool) {
        if protected { &self.protected } else { &self.unprotected }.inc();
    }

    /// An attempt was judged.
    pub fn decided(&self, route: &RouteMetrics, decision: &Decision) {
        let moment = moment_place(decision.moment);
        route.decisions[moment][action_place(decision.ruling.action)].inc();
        let Scores { risk, bot, account_takeover, account_abuse, .. } = decision.assessment.scores;
        for (histogram, score) in self.scores[moment].iter().zip([risk, bot, account_takeover, account_abuse]) {
            histogram.observe(score);
        }
        let count = |SignalId(place): SignalId, reading: usize| {
            if let Some(counters) = self.signals.get(usize::from(place)) {
                counters[reading].inc();
            }
        };
        decision.assessment.fired.iter().for_each(|id| count(id, 0));
        decision.assessment.blind.iter().for_each(|id| count(id, 1));
        for rule in &decision.ruling.erred {
            self.rule_errors.with_label_values(&[&*decision.policy, &**rule]).inc();
        }
    }

    /// The application answered an attempt, or the client left.
    pub fn settled(&self, route: &RouteMetrics, outcome: Outcome) {
        route.outcomes[outcome_place(outcome)].inc();
    }

    /// What was really done.
    pub fn enforced(&self, route: &RouteMetrics, enforced: Enforcement) {
        route.enforced[enforced_place(enforced)].inc();
    }

    /// A step in a challenge's life. Without a kind, the ticket was none of ours.
    pub fn challenge(&self, kind: Option<ChallengeKind>, step: ChallengeStep) {
        self.challenges.with_label_values(&[kind.map_or("unknown", ChallengeKind::name), step.name()]).inc();
    }

    /// A stage was passed.
    pub fn passed(&self, stage: Stage, took: Duration) {
        self.stages[stage as usize].observe(took.as_secs_f64());
    }

    /// Gate and application could read an attempt differently.
    pub fn ambiguous(&self) {
        self.ambiguous.inc();
    }

    /// A request on a protected route could not be captured. `why` is one of a fixed set of words.
    pub fn refused_capture(&self, why: &'static str) {
        self.capture_refusals.with_label_values(&[why]).inc();
    }

    /// The application's server could not be asked, or did not answer. `why` is one of a fixed set of words.
    pub fn upstream_failed(&self, why: &'static str) {
        self.upstream_errors.with_label_values(&[why]).inc();
    }

    /// A call of the admin API was dealt with. `path` is a template, and `result` one of a fixed set of words.
    pub fn admin_called(&self, path: &'static str, result: &'static str) {
        self.admin_calls.with_label_values(&[path, result]).inc();
    }

    /// A shared store answered after so long.
    pub fn store_took(&self, time: Duration) {
        self.store_seconds.observe(time.as_secs_f64());
    }

    pub fn store_failed(&self, error: &StoreError) {
        self.store_errors.with_label_values(&[error.name()]).inc();
    }

    /// An attempt is judged without this part.
    pub fn degraded(&self, part: &'static str) {
        self.degraded.with_label_values(&[part]).inc();
    }

    pub fn connected(&self) {
        self.connections.inc();
    }

    pub fn disconnected(&self) {
        self.connections.dec();
    }

    /// A connection was refused because too many were open.
    pub fn refused_connection(&self) {
        self.connections_refused.inc();
    }

    /// A connection was refused because its address held its share already.
    pub fn refused_crowd(&self) {
        self.refused_connection();
        self.connections_crowded.inc();
    }

    /// Bytes of request bodies in memory now.
    pub fn take_held(&self, bytes: usize) {
        self.bodies_held.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub fn ready(&self, ready: bool) {
        self.ready.set(ready.into());
    }

    /// Another configuration rules. `loaded` in Unix seconds.
    pub fn configured(&self, hash: &str, version: &str, loaded: u64) {
        self.config.reset();
        self.config.with_label_values(&[hash, version]).set(1);
        self.config_loaded.set(i64::try_from(loaded).unwrap_or(i64::MAX));
    }

    /// What is on disk is in force, but for what waits for a restart.
    pub fn reloaded(&self, restart_needed: bool) {
        self.reloads[0].inc();
        self.reload_refused.set(0);
        self.restart_needed.set(restart_needed.into());
    }

    /// What is on disk has mistakes; what was loaded before stays.
    pub fn reload_refused(&self) {
        self.reloads[1].inc();
        self.reload_refused.set(1);
    }

    /// This process took over from another.
    pub fn took_over(&self) {
        self.upgrades[0].inc();
    }

    /// Another program was to take over, and could not.
    pub fn upgrade_refused(&self) {
        self.upgrades[1].inc();
    }

    /// A piece of intelligence in use and its date in Unix seconds.
    pub fn data(&self, name: &str, date: u64) {
        self.data.with_label_values(&[name]).set(i64::try_from(date).unwrap_or(i64::MAX));
    }

    /// A ban was carried out, or was not. `result` is one of a fixed set of words.
    pub fn banned(&self, result: &'static str) {
        self.bans.with_label_values(&[result]).inc();
    }

    /// Everything in Prometheus's text format.
    pub fn text(&self) -> Result<Vec<u8>, Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

impl Taken {
    fn take_shared(&self, shared: &SharedStats) {
        for (state, entered) in State::ALL.into_iter().zip(shared.entered) {
            self.breaker.with_label_values(&[state.name()]).set((state == shared.state).into());
            catch_up(&self.breaker_entered.with_label_values(&[state.name()]), entered);
        }
        for (why, failures) in FAILURES.into_iter().zip(shared.failures) {
            catch_up(&self.store_failures.with_label_values(&[why]), failures);
        }
        self.backlog.set(shared.backlog as i64);
        self.backlog_bytes.set(shared.backlog_bytes as i64);
        catch_up(&self.merged, shared.merged);
        catch_up(&self.unmerged, shared.unmerged);
        catch_up(&self.spent_twice, shared.spent_twice);
    }
}

/// Brings a counter up to what was counted elsewhere.
fn catch_up(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

fn moment_place(moment: Moment) -> usize {
    match moment {
        Moment::Before => 0,
        Moment::After => 1,
    }
}

fn action_place(action: Action) -> usize {
    match action {
        Action::Allow => 0,
        Action::Challenge(_) => 1,
        Action::Deny => 2,
    }
}

/// Its word's place in `ENFORCED`.
fn enforced_place(enforced: Enforcement) -> usize {
    match enforced {
        Enforcement::Forwarded => 0,
        Enforcement::Challenged => 1,
        Enforcement::Denied => 2,
        Enforcement::Released => 3,
        Enforcement::Monitored(action) => 4 + action_place(action),
        Enforcement::Refused(_) | Enforcement::Unscored(_) => ENFORCED.len() - 1,
    }
}

fn outcome_place(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Succeeded => 0,
        Outcome::Failed => 1,
        Outcome::Pending => 2,
        Outcome::Unknown => 3,
        Outcome::Aborted => 4,
    }
}

/// The published status without its `$`, which means something in a query language.
fn outcome_name(outcome: Outcome) -> &'static str {
    outcome.status().trim_start_matches('$')
}

/// Makes registered families from the table's rows.
struct Family<'a>(&'a Registry);

impl Family<'_> {
    fn counter(&self, spec: Spec) -> Result<IntCounter, Error> {
        self.registered(IntCounter::with_opts(Opts::new(spec.name, spec.help))?)
    }

    fn counters(&self, spec: Spec) -> Result<IntCounterVec, Error> {
        self.registered(IntCounterVec::new(Opts::new(spec.name, spec.help), spec.labels)?)
    }

    fn gauge(&self, spec: Spec) -> Result<IntGauge, Error> {
        self.registered(IntGauge::with_opts(Opts::new(spec.name, spec.help))?)
    }

    fn gauges(&self, spec: Spec) -> Result<IntGaugeVec, Error> {
        self.registered(IntGaugeVec::new(Opts::new(spec.name, spec.help), spec.labels)?)
    }

    fn histograms(&self, spec: Spec, buckets: &[f64]) -> Result<HistogramVec, Error> {
        let opts = HistogramOpts::new(spec.name, spec.help).buckets(buckets.to_vec());
        self.registered(HistogramVec::new(opts, spec.labels)?)
    }

    fn registered<C: Collector + Clone + 'static>(&self, collector: C) -> Result<C, Error> {
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }
}

#[cfg(test)]
mod tests;
