//! Metrics are read back as Prometheus would read them.

use super::*;
use crate::admin::pages::UpstreamHealth;
use crate::engine::assessment::Assessment;
use crate::engine::decision::Ruling;
use crate::engine::signals::SignalSet;
use crate::events::decision_log::LogStats;
use crate::lists::Book;
use crate::store::Stats;
use crate::store::{KindStats, ServerStats};
use std::collections::BTreeSet;
use std::sync::Arc;

fn text(metrics: &Metrics) -> String {
    String::from_utf8(metrics.text().unwrap()).unwrap()
}

#[track_caller]
fn check(metrics: &Metrics, lines: &[&str]) {
    let text = text(metrics);
    for line in lines {
        assert!(text.lines().any(|printed| printed == *line), "no `{line}` in\n{text}");
    }
}

fn decision(moment: Moment, action: Action) -> Decision {
    let scores = Scores { risk: 96.2, bot: 93.1, account_takeover: 37.5, ..Scores::default() };
    Decision {
        moment,
        assessment: Assessment { scores, fired: SignalSet::default(), blind: SignalSet::default(), readings: vec![] },
        policy: Arc::from("login"),
        ruling: Ruling { rule: Some(Arc::from("automated")), action, ban: None, erred: vec![Arc::from("odd")] },
        ban: None,
        explored: None,
    }
}

/// Touches everything once.
fn busy() -> Metrics {
    let metrics = Metrics::new().unwrap();
    let route = metrics.route("sign-in");
    metrics.requested(true);
    metrics.explored("sign-in");
    metrics.concluded(false, &crate::store::Concluded::Early);
    metrics.labelled(crate::engine::label::Verdict::Fraud, Some("deny"));
    metrics.decided(&route, &decision(Moment::Before, Action::Deny));
    metrics.enforced(&route, Enforcement::Denied);
    metrics.settled(&route, Outcome::Failed);
    metrics.refused_capture("too_large");
    metrics.upstream_failed("connect");
    metrics.admin_called("none", "refused");
    metrics.store_failed(&StoreError::Full("held answer"));
    metrics.configured("0123456789ab", "0.1.0", 1_700_000_000);
    metrics.data("country", 1_700_000_000);
    metrics.banned("banned");
    metrics.listed([("blocked", 3)].into_iter());
    metrics.take_lists(&Book::new(1));
    metrics.take_upstreams(&[UpstreamHealth {
        name: "default".into(),
        up: 1,
        down: Vec::new(),
        unresolved: Vec::new(),
    }]);
    metrics.take_store(&Stats {
        kinds: vec![KindStats { kind: "network", entries: 3, capacity: 10, bytes: 600, evicted: 7, refused: 1 }],
        held_bytes: 5,
        held_capacity: 100,
        keeping: None,
        server: Some(ServerStats { bytes: 1_000, most_bytes: 4_000 }),
        shared: Some(away()),
    });
    metrics.store_took(Duration::from_micros(300));
    metrics.degraded("store");
    metrics
}

/// A shared store that is away.
fn away() -> SharedStats {
    SharedStats {
        state: State::Open,
        cause: Some("late"),
        entered: [0, 1, 0],
        failures: [6, 0, 0, 0, 0, 0, 0, 0],
        fallbacks: 3,
        backlog: 4,
        backlog_bytes: 500,
        merged: 0,
        unmerged: 0,
        spent_twice: 0,
    }
}

#[test]
fn what_is_registered_is_what_the_table_says() {
    let metrics = busy();
    // A signal family is empty until there are signals.
    let gathered = metrics.registry.gather();
    let registered: BTreeSet<&str> = gathered.iter().map(|family| family.name()).collect();
    for spec in TABLE.iter().filter(|spec| !SIGNALS.is_empty() || spec.name != "tollgate_signals_total") {
        assert!(registered.contains(spec.name), "{} is in the table and not registered", spec.name);
    }
    assert!(registered.iter().all(|name| TABLE.iter().any(|spec| spec.name == *name)));
    for family in &gathered {
        let spec = TABLE.iter().find(|spec| spec.name == family.name()).unwrap();
        let labels: Vec<&str> = family.get_metric()[0].get_label().iter().map(|label| label.name()).collect();
        assert_eq!(labels.len(), spec.labels.len(), "{}", spec.name);
        assert!(spec.labels.iter().all(|label| labels.contains(label)), "{}", spec.name);
        assert_eq!(format!("{:?}", family.get_field_type()).to_lowercase(), spec.kind.name(), "{}", spec.name);
    }
}

#[test]
fn a_decision_is_counted_by_route_moment_and_action() {
    let metrics = Metrics::new().unwrap();
    let route = metrics.route("sign-in");
    metrics.decided(&route, &decision(Moment::Before, Action::Deny));
    metrics.decided(&route, &decision(Moment::After, Action::Challenge(ChallengeKind::ProofOfWork)));
    check(
        &metrics,
        &[
            r#"tollgate_decisions_total{action="deny",moment="before",route="sign-in"} 1"#,
            r#"tollgate_decisions_total{action="challenge",moment="after",route="sign-in"} 1"#,
            r#"tollgate_decisions_total{action="allow",moment="before",route="sign-in"} 0"#,
            r#"tollgate_rule_errors_total{policy="login",rule="odd"} 2"#,
            r#"tollgate_score_bucket{moment="before",score="risk",le="90"} 0"#,
            r#"tollgate_score_bucket{moment="before",score="risk",le="100"} 1"#,
            r#"tollgate_score_bucket{moment="after",score="account_takeover",le="40"} 1"#,
        ],
    );
}

#[test]
fn each_word_is_counted_as_itself() {
    let metrics = Metrics::new().unwrap();
    let route = metrics.route("sign-in");
    let challenge = Enforcement::Monitored(Action::Challenge(ChallengeKind::ProofOfWork));
    let refused = Enforcement::Refused("slow");
    for enforced in [Enforcement::Denied, Enforcement::Released, challenge, challenge, refused] {
        metrics.enforced(&route, enforced);
        assert!(matches!(enforced, Enforcement::Refused(_)) || ENFORCED.contains(&&*enforced.to_string()));
    }
    for outcome in OUTCOMES {
        metrics.settled(&route, outcome);
    }
    for stage in Stage::ALL {
        metrics.passed(stage, Duration::from_micros(3));
    }
    check(
        &metrics,
        &[
            r#"tollgate_enforced_total{enforced="denied",route="sign-in"} 1"#,
            r#"tollgate_enforced_total{enforced="released",route="sign-in"} 1"#,
            r#"tollgate_enforced_total{enforced="monitored:challenge",route="sign-in"} 2"#,
            r#"tollgate_enforced_total{enforced="other",route="sign-in"} 1"#,
        ],
    );
    for outcome in OUTCOMES {
        let name = &outcome.status()[1..];
        check(&metrics, &[&format!(r#"tollgate_outcomes_total{{outcome="{name}",route="sign-in"}} 1"#)]);
    }
    for stage in Stage::ALL {
        let name = stage.name();
        check(
            &metrics,
            &[
                &format!(r#"tollgate_stage_seconds_bucket{{stage="{name}",le="0.0000025"}} 0"#),
                &format!(r#"tollgate_stage_seconds_bucket{{stage="{name}",le="0.000005"}} 1"#),
            ],
        );
    }
}

#[test]
fn a_shared_store_that_is_away_is_seen() {
    check(
        &busy(),
        &[
            r#"tollgate_store_breaker{state="open"} 1"#,
            r#"tollgate_store_breaker{state="closed"} 0"#,
            r#"tollgate_store_breaker_transitions_total{to="open"} 1"#,
            r#"tollgate_store_failures_total{why="late"} 6"#,
            "tollgate_store_backlog 4",
            r#"tollgate_degraded_total{part="store"} 1"#,
        ],
    );
}

#[test]
fn totals_of_others_are_taken_over_and_never_fall() {
    let metrics = busy();
    let network = |evicted| Stats {
        kinds: vec![KindStats { kind: "network", entries: 2, capacity: 10, bytes: 600, evicted, refused: 1 }],
        held_bytes: 0,
        held_capacity: 100,
        keeping: None,
        server: None,
        shared: None,
    };
    metrics.take_store(&network(9));
    metrics.take_store(&network(8));
    metrics.take_log(&LogStats { written: 4, dropped: 2, failed: 1, queued: 3 });
    check(
        &metrics,
        &[
            r#"tollgate_store_entries{kind="network"} 2"#,
            r#"tollgate_store_evictions_total{kind="network"} 9"#,
            r#"tollgate_store_refusals_total{kind="network"} 1"#,
            "tollgate_store_held_bytes 0",
            "tollgate_decision_log_lines_total 4",
            "tollgate_decision_log_dropped_total 2",
            "tollgate_decision_log_failures_total 1",
            "tollgate_decision_log_queued 3",
        ],
    );
}

#[test]
fn only_the_running_configuration_is_shown() {
    let metrics = busy();
    metrics.configured("ba9876543210", "0.1.0", 1_700_000_001);
    check(
        &metrics,
        &[
            r#"tollgate_config_info{hash="ba9876543210",version="0.1.0"} 1"#,
            "tollgate_config_loaded_timestamp_seconds 1700000001",
        ],
    );
    assert!(!text(&metrics).contains("0123456789ab"));
}

#[test]
fn a_route_that_is_loaded_again_goes_on_counting() {
    let metrics = Metrics::new().unwrap();
    metrics.settled(&metrics.route("sign-in"), Outcome::Failed);
    metrics.settled(&metrics.route("sign-in"), Outcome::Failed);
    check(&metrics, &[r#"tollgate_outcomes_total{outcome="failed",route="sign-in"} 2"#]);
}
