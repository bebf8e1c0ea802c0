//! Where decision records go once a request is judged: one file a sink, one table.
//!
//! A sink must never be the reason why somebody waits for a page. Each takes a finished line and returns at once; what it
//! does with it happens on a thread of its own, within bounds, and what does not fit is dropped and counted.

pub mod decision_log;

use self::decision_log::{DecisionLog, LogStats};

/// One destination of records.
#[derive(Debug)]
pub enum Sink {
    DecisionLog(DecisionLog),
}

/// The table of sinks: the configuration's key, and what it does.
pub const SINKS: &[(&str, &str)] = &[("decision_log", "Decision records as JSON lines in a file, reopened on SIGHUP.")];

/// All that are configured.
#[derive(Debug, Default)]
pub struct Sinks(pub Vec<Sink>);

impl Sinks {
    /// Hands one record, without line end, to every sink. Never waits.
    pub fn send(&self, record: &str) {
        for sink in &self.0 {
            match sink {
                Sink::DecisionLog(log) => log.write(record),
            }
        }
    }

    /// Files may have been moved away (SIGHUP).
    pub fn reopen(&self) {
        for sink in &self.0 {
            match sink {
                Sink::DecisionLog(log) => log.reopen(),
            }
        }
    }

    /// Writes what is queued and ends; waits for a few seconds at most.
    pub fn shutdown(&self) {
        for sink in &self.0 {
            match sink {
                Sink::DecisionLog(log) => log.shutdown(),
            }
        }
    }

    /// Of the decision log, if there is one.
    pub fn log_stats(&self) -> Option<LogStats> {
        self.0
            .iter()
            .map(|sink| match sink {
                Sink::DecisionLog(log) => log.stats(),
            })
            .next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sink_is_in_the_table() {
        let dir = tempfile::tempdir().unwrap();
        let sinks = Sinks(vec![Sink::DecisionLog(DecisionLog::open(&dir.path().join("log")).unwrap())]);
        for sink in &sinks.0 {
            let key = match sink {
                Sink::DecisionLog(_) => "decision_log",
            };
            assert!(SINKS.iter().any(|(name, summary)| *name == key && summary.ends_with('.')));
        }
        sinks.send("{}");
        sinks.reopen();
        sinks.shutdown();
        assert_eq!(sinks.log_stats().unwrap().written, 1);
    }
}
