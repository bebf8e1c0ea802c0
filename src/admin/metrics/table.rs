//! The table of metrics: every name, label, unit and meaning. Registration and the README's table are loops over it, so
//! that a metric without documentation cannot exist. Names and labels are public: they are only ever added to.

use std::fmt::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// One metric family.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    /// One sentence; units where they are not in the name.
    pub help: &'static str,
}

const fn spec(name: &'static str, kind: Kind, labels: &'static [&'static str], help: &'static str) -> Spec {
    Spec { name, kind, labels, help }
}

macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub const $constant: Spec = spec(concat!("tollgate_", $name), Kind::$kind, &[$($label),*], $help);)*
        /// In the order of the documentation.
        pub const TABLE: &[Spec] = &[$($constant),*];
    };
}

metrics! {
    REQUESTS = Counter "requests_total" ["protected"] "Requests, by whether a route recognised them.";
    DECISIONS = Counter "decisions_total" ["route", "moment", "action"] "Decisions, as the policy ruled.";
    ENFORCED = Counter "enforced_total" ["route", "enforced"] "What was really sent; `monitored:<action>` where a decision was only watched.";
    SIGNALS = Counter "signals_total" ["signal", "reading"] "Signals that fired, and that were blind.";
    SCORES = Histogram "score" ["score", "moment"] "Scores of decisions, 0 to 100.";
    RULE_ERRORS = Counter "rule_errors_total" ["policy", "rule"] "Rules that erred while being evaluated.";
    OUTCOMES = Counter "outcomes_total" ["route", "outcome"] "What applications answered.";
    CHALLENGES = Counter "challenges_total" ["kind", "what"] "Challenges: `offered`, `solved`, `cleared` (let an attempt pass), `released` (a kept answer); solutions that were `failed` (wrong), `expired`, `reused`, `foreign` (no ticket of this gate for this visitor), or `unavailable` (the gate's own fault).";
    AMBIGUOUS = Counter "ambiguous_requests_total" [] "Attempts that gate and application could read differently.";
    DEVICE_COOKIES = Counter "device_cookies_total" ["found"] "Requests on protected routes, by the device cookie that they brought: `none`, `fresh` (nobody logged in with it yet), `proven`, `forged` (not sealed by this installation, or cut off), `expired`, `contested` (two of different devices; neither counts), `withheld` (none, in a request that another site's page had the browser send).";
    PACES_FORGOTTEN = Counter "paces_forgotten_total" [] "Senders whose rhythm was forgotten because others needed the room (`bot_behavior`).";
    DEVICE_COOKIES_GIVEN = Counter "device_cookies_given_total" ["what"] "Device cookies that answers carried: `new`, or `again` to a known device.";
    PASSWORDS = Counter "passwords_total" ["found"] "Attempts with a password, by where it was found among leaked ones: `common` (the commonest, embedded), `file` (`intel.passwords.file`), `range` (`intel.passwords.range`), `nowhere`; `unknown` where that service was to be asked and did not answer in time.";
    CAPTURE_REFUSALS = Counter "capture_refusals_total" ["why"] "Requests on protected routes that could not be captured.";
    STAGES = Histogram "stage_seconds" ["stage"] "Time of one request in each stage of the gate; capture includes waiting for the body.";
    UPSTREAM_ERRORS = Counter "upstream_errors_total" ["why"] "Requests that an application's server did not answer.";
    UPSTREAM_SERVERS = Gauge "upstream_servers" ["upstream", "state"] "Servers of each upstream (`default`, or its first host), by whether they accept connections: `up`, `down`; and `unresolved`, whose names cannot be looked up (their last known addresses are used).";
    CONNECTIONS = Gauge "connections" [] "Client connections open now.";
    CONNECTIONS_CROWDED = Counter "connections_crowded_total" [] "Of those refused: because one address held its share, a quarter of `limits.connections`.";
    CONNECTIONS_REFUSED = Counter "connections_refused_total" [] "Client connections refused because too many were open.";
    BODIES_HELD = Gauge "held_body_bytes" [] "Bytes of request bodies held now.";
    STORE_KEPT_BYTES = Gauge "store_kept_bytes" [] "Bytes of the file that keeps the store across restarts.";
    STORE_KEEPING_FAILURES = Counter "store_keeping_failures_total" [] "Failed writes of that file. The gate goes on from memory.";
    STORE_ENTRIES = Gauge "store_entries" ["kind"] "Entries in the store.";
    STORE_BYTES = Gauge "store_bytes" ["kind"] "Bytes of memory that they take; `store.memory` bounds those of the counted tables together.";
    STORE_CAPACITY = Gauge "store_capacity" ["kind"] "Most entries that the store keeps.";
    STORE_EVICTIONS = Counter "store_evictions_total" ["kind"] "Entries dropped to make room.";
    STORE_REFUSALS = Counter "store_refusals_total" ["kind"] "Entries refused because the store was full.";
    STORE_ERRORS = Counter "store_errors_total" ["why"] "Questions that the store did not answer: `late`, `down`, `read_only`, `failing_over`, `full`, `refused`, `foreign` (another installation's), `broken` (nonsense), `exists`.";
    STORE_SECONDS = Histogram "store_seconds" [] "Time of one round trip to a shared store.";
    STORE_SERVER_BYTES = Gauge "store_server_bytes" [] "Memory that the servers of a shared store use.";
    STORE_SERVER_BYTES_MAX = Gauge "store_server_bytes_max" [] "Most memory that they may use; 0 without a bound.";
    STORE_BREAKER = Gauge "store_breaker" ["state"] "Of a shared store, 1 at its state: `closed` (it is asked), `open` (it is away), `merging` (it is back and is told what happened meanwhile).";
    STORE_BREAKER_ENTERED = Counter "store_breaker_transitions_total" ["to"] "How often a shared store's breaker came into each state.";
    STORE_FAILURES = Counter "store_failures_total" ["why"] "Commands that a shared store did not carry out in time.";
    STORE_BACKLOG = Gauge "store_backlog" [] "What waits to be told to a shared store.";
    STORE_BACKLOG_BYTES = Gauge "store_backlog_bytes" [] "Bytes of that.";
    STORE_MERGED = Counter "store_merged_total" [] "What a shared store was told after it was away.";
    STORE_UNMERGED = Counter "store_unmerged_total" [] "What it will never be told, because it was away for too long.";
    STORE_SPENT_TWICE = Counter "store_spent_twice_total" [] "Tokens spent here while it was away that another gate had spent as well.";
    LIST_ENTRIES = Gauge "list_entries" ["list", "source"] "Entries of each of the operator's lists: in its `file` and the configuration, and `added` while the gate runs; `banned` is what rules banned.";
    LIST_REFUSALS = Counter "list_refusals_total" [] "Entries that were not added to a list because there was no room.";
    BANS = Counter "bans_total" ["result"] "Bans that rules ordered: `banned`, `monitored` (only watched), or why nobody was banned: `trusted_proxy`, `private_address`, `allow_listed`, `no_account`, `full`, `unavailable`.";
    CAMPAIGNS_ACTIVE = Gauge "campaigns" ["pattern"] "Campaigns that are active now, by what their members have in common: `fingerprint`, `fingerprint_in_asn`, `strangers`, `password`.";
    CAMPAIGNS_FOUND = Counter "campaigns_found_total" ["pattern"] "Campaigns that were found.";
    POPULATION_ENTRIES = Gauge "population_entries" [] "Clusters and passwords that are counted to find campaigns.";
    POPULATION_DROPPED = Counter "population_dropped_total" [] "Of these, how many were dropped to make room.";
    POPULATION_SILENT = Gauge "population_silent" [] "1 while no campaign can begin: hardly anybody has got in yet, or people do not get in where they did on earlier days.";
    LABELS = Counter "labels_total" ["verdict", "action"] "Labels that were given to attempts: `right`, `wrong` (the decision was), `fraud`, `not_fraud` (the attempt was); by what the policy had said, `none` where it was not asked. One that is changed counts again.";
    EXPLORED = Counter "explored_total" ["route"] "Challenges before forwarding that were let pass by lot, to learn what they were (`explore` of a policy).";
    SETTLEMENTS = Counter "settlements_total" ["status", "result"] "What was said of orders: `settled`, `reversed`; it was `counted`, said `again`, or `early` (no attempt that was accepted is known by the order; it waits for one).";
    ANSWERS_HELD = Gauge "store_held_bytes" [] "Bytes of sealed answers that wait for a challenge.";
    LOG_WRITTEN = Counter "decision_log_lines_total" [] "Decision records written to the log.";
    LOG_DROPPED = Counter "decision_log_dropped_total" [] "Decision records lost: the queue was full, or the file could not be written at the end.";
    LOG_FAILED = Counter "decision_log_failures_total" [] "Failed writes and openings of the log. The records wait.";
    LOG_QUEUED = Gauge "decision_log_queued" [] "Decision records waiting to be written.";
    DEGRADED = Counter "degraded_total" ["part"] "Attempts that were judged without a part.";
    ADMIN_CALLS = Counter "admin_calls_total" ["path", "result"] "Calls of the admin API, by the template of their path (`none`: unknown, or not let in): `answered`, `refused`, `throttled`, `failed`.";
    READY = Gauge "ready" [] "1 while the gate takes requests.";
    CONFIG = Gauge "config_info" ["hash", "version"] "1 for the running configuration and program.";
    CONFIG_LOADED = Gauge "config_loaded_timestamp_seconds" [] "When the running configuration was loaded, in Unix time.";
    RELOADS = Counter "config_reloads_total" ["result"] "Reloads of the configuration: `loaded`, or `refused` because something is wrong with it.";
    RELOAD_REFUSED = Gauge "config_last_reload_refused" [] "1 while what is on disk was refused and the configuration before it is in force.";
    RESTART_NEEDED = Gauge "config_restart_needed" [] "1 while a part of the configuration waits for a restart.";
    UPGRADES = Counter "upgrades_total" ["result"] "Upgrades without downtime: `taken_over` by this process from another, or `refused` because the new program did not get ready and this one goes on.";
    DATA = Gauge "data_timestamp_seconds" ["data"] "Date of each piece of intelligence in use, in Unix time.";
}

/// The metrics as a Markdown table, for the README.
pub fn table() -> String {
    let mut text = String::from("| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n");
    for spec in TABLE {
        let labels: Vec<String> = spec.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, help) = (spec.name, spec.kind.name(), spec.help);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{name}` | {kind} | {} | {help} |", labels.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_conventions() {
        for spec in TABLE {
            assert!(spec.name.starts_with("tollgate_"), "{}", spec.name);
            assert!(spec.help.ends_with('.'), "{}: help is a sentence", spec.name);
            assert_eq!(spec.kind == Kind::Counter, spec.name.ends_with("_total"), "{}", spec.name);
            assert!(!spec.help.contains('|'), "{}: help stands in a Markdown table", spec.name);
        }
        assert_eq!(table().lines().count(), TABLE.len() + 2);
    }
}
