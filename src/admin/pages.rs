//! The pages of the admin listener as pure functions: a method and a path in, status and body out.

use super::metrics::Metrics;
use crate::events::Sinks;
use crate::store::Store;
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the pages show.
#[derive(Debug)]
pub struct AdminState {
    pub metrics: Arc<Metrics>,
    pub readiness: Readiness,
    pub store: Option<Arc<Store>>,
    pub sinks: Option<Arc<Sinks>>,
    /// Bytes of request bodies that are held.
    pub held: Option<Arc<AtomicUsize>>,
    /// The version in force, once there is one.
    pub configuration: Mutex<Option<Configuration>>,
    /// The servers behind the gate, as they were last found.
    pub upstreams: Mutex<Vec<UpstreamHealth>>,
}

/// How the servers of one upstream were last found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamHealth {
    /// `default`, or the first of its hosts.
    pub name: Box<str>,
    /// How many accept connections.
    pub up: usize,
    /// Addresses of those that do not.
    pub down: Vec<Box<str>>,
    /// Names that cannot be looked up now. Their last known addresses, if there are any, are among those above.
    pub unresolved: Vec<Box<str>>,
}

impl AdminState {
    pub fn new(metrics: Arc<Metrics>) -> AdminState {
        AdminState {
            metrics,
            readiness: Readiness::default(),
            store: None,
            sinks: None,
            held: None,
            configuration: Mutex::default(),
            upstreams: Mutex::default(),
        }
    }
}

/// What readiness tells of the configuration. A refused one makes nobody less ready: the one before is in force.
#[derive(Clone, Debug, Serialize)]
pub struct Configuration {
    pub hash: Arc<str>,
    /// Unix seconds.
    pub loaded: u64,
    /// What waits for a restart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restart: Vec<String>,
    /// The last reload, if it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedReload>,
}

/// A reload that was refused. The report itself is in the log: it shows lines of the file.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedReload {
    /// Unix seconds.
    pub at: u64,
    pub problems: usize,
    /// Where the first is.
    pub first: String,
}

/// Whether the gate should be sent requests, and what it waits for if not. Not ready until every named part is.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<BTreeMap<&'static str, Part>>);

/// How one part stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Ready,
    /// Not yet, or no longer: why.
    Waiting(Box<str>),
}

impl Readiness {
    pub fn set(&self, part: &'static str, state: Part) {
        self.0.lock().insert(part, state);
    }

    /// Whether every part is ready. Nothing is, before the first part has said so.
    pub fn is_ready(&self) -> bool {
        let parts = self.0.lock();
        !parts.is_empty() && parts.values().all(|part| *part == Part::Ready)
    }

    /// Whether everything but this part is ready.
    pub fn waits_only_for(&self, part: &str) -> bool {
        self.0.lock().iter().all(|(name, state)| (*name == part) != (*state == Part::Ready))
    }

    fn parts(&self) -> BTreeMap<&'static str, Part> {
        self.0.lock().clone()
    }
}

/// An answer of the admin listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

impl Page {
    pub fn text(status: u16, line: &str) -> Page {
        Page { status, content_type: TEXT, body: format!("{line}\n").into_bytes() }
    }

    /// What cannot be written as JSON is a fault of ours.
    pub fn json(status: u16, value: &impl Serialize) -> Page {
        match serde_json::to_string(value) {
            Ok(text) => Page { status, content_type: JSON, body: format!("{text}\n").into_bytes() },
            Err(error) => Page::text(500, &error.to_string()),
        }
    }
}

/// The table of pages.
const PAGES: &[Listed] = &[
    Listed { path: "/healthz", summary: "the process lives", answer: healthz },
    Listed { path: "/readyz", summary: "the gate takes requests; if not, what it waits for", answer: readyz },
    Listed { path: "/metrics", summary: "what was counted, for Prometheus", answer: metrics },
];

struct Listed {
    path: &'static str,
    summary: &'static str,
    answer: fn(&AdminState) -> Page,
}

/// Answers `GET` and `HEAD` (whose body the caller leaves out). `path` is without query.
pub fn respond(method: &str, path: &str, state: &AdminState) -> Page {
    let Some(page) = PAGES.iter().find(|page| page.path == path) else { return not_found() };
    match method {
        "GET" | "HEAD" => (page.answer)(state),
        _ => Page { status: 405, content_type: TEXT, body: b"GET and HEAD only\n".to_vec() },
    }
}

fn healthz(_state: &AdminState) -> Page {
    Page { status: 200, content_type: TEXT, body: b"ok\n".to_vec() }
}

fn readyz(state: &AdminState) -> Page {
    let ready = state.readiness.is_ready();
    let upstreams = state.upstreams.lock();
    let named = |which: fn(&UpstreamHealth) -> &[Box<str>]| -> BTreeMap<&str, &[Box<str>]> {
        upstreams.iter().map(|one| (&*one.name, which(one))).filter(|(_, servers)| !servers.is_empty()).collect()
    };
    let (down, unresolved) = (named(|one| &one.down), named(|one| &one.unresolved));
    let mut details = serde_json::json!({ "ready": ready, "parts": state.readiness.parts() });
    if !down.is_empty() {
        details["servers_down"] = serde_json::json!(down);
    }
    if !unresolved.is_empty() {
        details["names_unresolved"] = serde_json::json!(unresolved);
    }
    if let Some(shared) = state.store.as_ref().and_then(|store| store.stats().shared)
        && let Some(cause) = shared.cause
    {
        // No reason to send requests elsewhere: every gate asks the same store.
        details["store"] =
            serde_json::json!({ "breaker": shared.state.name(), "why": cause, "waiting": shared.backlog });
    }
    if let Some(configuration) = &*state.configuration.lock() {
        details["configuration"] = serde_json::json!(configuration);
    }
    Page::json(if ready { 200 } else { 503 }, &details)
}

fn metrics(state: &AdminState) -> Page {
    state.metrics.ready(state.readiness.is_ready());
    if let Some(store) = &state.store {
        state.metrics.take_store(&store.stats());
        state.metrics.take_lists(store.lists());
    }
    if let Some(stats) = state.sinks.as_ref().and_then(|sinks| sinks.log_stats()) {
        state.metrics.take_log(&stats);
    }
    if let Some(held) = &state.held {
        state.metrics.take_held(held.load(Ordering::Relaxed));
    }
    state.metrics.take_upstreams(&state.upstreams.lock());
    match state.metrics.text() {
        Ok(body) => Page { status: 200, content_type: prometheus::TEXT_FORMAT, body },
        Err(error) => Page { status: 500, content_type: TEXT, body: format!("{error}\n").into_bytes() },
    }
}

fn not_found() -> Page {
    let mut list: String = PAGES.iter().map(|page| format!("{}  {}\n", page.path, page.summary)).collect();
    list.push_str("/api/v1/openapi.json  with the admin token: what can be asked and changed\n");
    Page { status: 404, content_type: TEXT, body: format!("No such page. There are:\n{list}").into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Sink, decision_log::DecisionLog};
    use crate::store::memory::{Limits, Memory};

    fn state() -> AdminState {
        AdminState::new(Arc::new(Metrics::new().unwrap()))
    }

    fn body(page: &Page) -> &str {
        std::str::from_utf8(&page.body).unwrap()
    }

    #[test]
    fn every_page_answers_by_method_and_path() {
        let state = state();
        state.readiness.set("listeners", Part::Ready);
        for (method, path, status) in [
            ("GET", "/healthz", 200),
            ("HEAD", "/healthz", 200),
            ("GET", "/readyz", 200),
            ("GET", "/metrics", 200),
            ("POST", "/metrics", 405),
            ("get", "/metrics", 405),
            ("GET", "/metrics/", 404),
            ("GET", "/METRICS", 404),
            ("GET", "/", 404),
            ("DELETE", "/nothing", 404),
            ("GET", "", 404),
        ] {
            assert_eq!(respond(method, path, &state).status, status, "{method} {path}");
        }
    }

    #[test]
    fn who_is_lost_is_told_every_page() {
        let page = respond("GET", "/", &state());
        for listed in PAGES {
            assert!(body(&page).contains(listed.path));
        }
    }

    #[test]
    fn readiness_says_what_it_waits_for() {
        let state = state();
        assert_eq!(respond("GET", "/readyz", &state).status, 503, "nothing has said that it is ready");
        state.readiness.set("listeners", Part::Ready);
        state.readiness.set("store", Part::Waiting("connecting".into()));
        let page = respond("GET", "/readyz", &state);
        assert_eq!(page.status, 503);
        assert_eq!(
            body(&page),
            "{\"ready\":false,\"parts\":{\"listeners\":\"ready\",\"store\":{\"waiting\":\"connecting\"}}}\n"
        );
        state.readiness.set("store", Part::Ready);
        assert_eq!(respond("GET", "/readyz", &state).status, 200);
        assert_eq!(respond("GET", "/healthz", &self::state()).status, 200, "living is not being ready");
    }

    #[test]
    fn dead_servers_are_named_and_counted_and_the_gate_is_ready_all_the_same() {
        let state = state();
        state.readiness.set("listeners", Part::Ready);
        let health = |up, down: &[&str]| {
            let down = down.iter().map(|server| Box::from(*server)).collect();
            vec![UpstreamHealth { name: "default".into(), up, down, unresolved: Vec::new() }]
        };
        *state.upstreams.lock() = health(1, &["10.0.0.1:80"]);
        let page = respond("GET", "/readyz", &state);
        assert_eq!(page.status, 200);
        assert_eq!(
            body(&page),
            "{\"ready\":true,\"parts\":{\"listeners\":\"ready\"},\"servers_down\":{\"default\":[\"10.0.0.1:80\"]}}\n"
        );
        let count = |state: &AdminState, which: &str| {
            let wanted = format!("tollgate_upstream_servers{{state=\"{which}\",upstream=\"default\"}} ");
            let page = respond("GET", "/metrics", state);
            body(&page).lines().find_map(|line| line.strip_prefix(&wanted).map(str::to_owned))
        };
        assert_eq!((count(&state, "up").as_deref(), count(&state, "down").as_deref()), (Some("1"), Some("1")));
        *state.upstreams.lock() = health(2, &[]);
        assert_eq!((count(&state, "up").as_deref(), count(&state, "down").as_deref()), (Some("2"), Some("0")));
        assert!(!body(&respond("GET", "/readyz", &state)).contains("servers_down"));
        *state.upstreams.lock() = Vec::new();
        assert_eq!(count(&state, "up"), None, "an upstream that is no longer configured");
    }

    #[test]
    fn metrics_show_what_store_and_log_count() {
        let dir = tempfile::tempdir().unwrap();
        let log = DecisionLog::open(&dir.path().join("log")).unwrap();
        log.write("{}");
        log.shutdown();
        let state = AdminState {
            store: Some(Arc::new(Store::Memory(Memory::new(Limits::of_entries(1_000)).into()))),
            sinks: Some(Arc::new(Sinks(vec![Sink::DecisionLog(log)]))),
            ..state()
        };
        let page = respond("GET", "/metrics", &state);
        assert!(page.content_type.starts_with("text/plain; version=0.0.4"));
        for line in [
            "tollgate_store_capacity{kind=\"account\"} 1000",
            "tollgate_decision_log_lines_total 1",
            "tollgate_ready 0",
        ] {
            assert!(body(&page).lines().any(|printed| printed == line), "no {line}");
        }
    }
}
