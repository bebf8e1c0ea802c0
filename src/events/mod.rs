//! Where decision records go once a request is judged: one file a sink, one table.
//!
//! A sink must never be the reason why somebody waits for a page. Each takes a finished line and returns at once; what it
//! does with it happens on a thread of its own, within bounds, and what does not fit is dropped and counted.

pub mod decision_log;
pub mod labels;
pub mod recent;

use self::decision_log::{DecisionLog, LogStats};
use self::recent::Recent;

/// One destination of records.
#[derive(Debug)]
pub enum Sink {
    DecisionLog(DecisionLog),
    Recent(Recent),
}

/// The table of sinks: the configuration's key, and what it does.
pub const SINKS: &[(&str, &str)] = &[
    ("decision_log", "Decision records as JSON lines in a file, reopened on SIGHUP."),
    ("admin", "The newest decision records in memory, for the admin API."),
];

/// All that are configured.
#[derive(Debug, Default)]
pub struct Sinks(pub Vec<Sink>);

impl Sinks {
    /// Hands one record, without line end, to every sink. Never waits.
    pub fn send(&self, record: &str) {
        for sink in &self.0 {
            match sink {
                Sink::DecisionLog(log) => log.write(record),
                Sink::Recent(recent) => recent.push(record),
            }
        }
    }

    /// Files may have been moved away (SIGHUP).
    pub fn reopen(&self) {
        for sink in &self.0 {
            match sink {
                Sink::DecisionLog(log) => log.reopen(),
                Sink::Recent(_) => {}
            }
        }
    }

    /// Writes what is queued and ends; waits for a few seconds at most.
    pub fn shutdown(&self) {
        for sink in &self.0 {
            match sink {
                Sink::DecisionLog(log) => log.shutdown(),
                Sink::Recent(_) => {}
            }
        }
    }

    /// Of the decision log, if there is one.
    pub fn log_stats(&self) -> Option<LogStats> {
        self.log().map(DecisionLog::stats)
    }

    /// The decision log, if there is one.
    pub fn log(&self) -> Option<&DecisionLog> {
        self.0.iter().find_map(|sink| match sink {
            Sink::DecisionLog(log) => Some(log),
            Sink::Recent(_) => None,
        })
    }

    /// The newest records, if they are kept.
    pub fn recent(&self) -> Option<&Recent> {
        self.0.iter().find_map(|sink| match sink {
            Sink::Recent(recent) => Some(recent),
            Sink::DecisionLog(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sink_is_in_the_table() {
        let dir = tempfile::tempdir().unwrap();
        let log = DecisionLog::open(&dir.path().join("log")).unwrap();
        let sinks = Sinks(vec![Sink::DecisionLog(log), Sink::Recent(Recent::default())]);
        for sink in &sinks.0 {
            let key = match sink {
                Sink::DecisionLog(_) => "decision_log",
                Sink::Recent(_) => "admin",
            };
            assert!(SINKS.iter().any(|(name, summary)| *name == key && summary.ends_with('.')));
        }
        sinks.send("{}");
        sinks.reopen();
        sinks.shutdown();
        assert_eq!(sinks.log_stats().unwrap().written, 1);
        assert_eq!(sinks.recent().unwrap().snapshot().lines.len(), 1);
    }
}
