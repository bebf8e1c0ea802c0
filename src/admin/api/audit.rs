//! The audit log: who asked the gate for what, when, and what came of it.
//!
//! It is written for the day on which somebody asks who did this, so a line is there before the answer is, and whatever
//! was refused has one as well. It holds no secret and names nobody: callers by the fingerprint of what they showed, people
//! by a keyed hash of its own, which matches no other file's. With `admin.audit_log.path` lines go to that file, which is
//! opened for each (there are few), so that it may be moved away at any time; without it they go to the process's own log,
//! under the target `tollgate::audit`. A line that cannot be written to the file goes to the log as an error, whole.

use super::access::Caller;
use crate::engine::attempt::AttemptId;
use crate::engine::time::Timestamp;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One line, before it is one.
pub struct Entry<'e> {
    pub at: Timestamp,
    pub id: AttemptId,
    pub peer: IpAddr,
    /// `None`: nobody was let in.
    pub caller: Option<&'e Caller>,
    /// Method and path template.
    pub endpoint: Option<(&'static str, &'static str)>,
    pub status: u16,
    /// The name of the trouble.
    pub problem: Option<&'e str>,
    /// What the endpoint has to say: whom it was about, what was done.
    pub about: Map<String, Value>,
    /// Refusals before this one that have no line.
    pub untold: u64,
}

impl Entry<'_> {
    /// One line of JSON, without its end.
    pub fn line(&self) -> String {
        let mut line = json!({
            "at": self.at,
            "id": self.id,
            "peer": self.peer,
            "token": self.caller.and_then(|caller| caller.token.as_deref()),
            "certificate": self.caller.and_then(|caller| caller.certificate.as_ref()).map(|certificate| {
                json!({ "subject": certificate.subject, "fingerprint": certificate.fingerprint })
            }),
            "call": self.endpoint.map(|(verb, path)| format!("{verb} {path}")),
            "status": self.status,
            "problem": self.problem,
        });
        if !self.about.is_empty() {
            line["about"] = Value::Object(self.about.clone());
        }
        if self.untold > 0 {
            line["untold"] = json!(self.untold);
        }
        line.to_string()
    }
}

/// Where lines go, one after the other.
#[derive(Clone, Debug, Default)]
pub struct AuditLog(Arc<Mutex<()>>);

impl AuditLog {
    /// Returns when the line is written.
    pub async fn write(&self, path: Option<PathBuf>, line: String) {
        let Some(path) = path else {
            tracing::info!(target: "tollgate::audit", "{line}");
            return;
        };
        let alone = self.0.clone();
        // Should the process be ending, the line is written all the same or the runtime is gone with it.
        let _ = tokio::task::spawn_blocking(move || {
            let _alone = alone.lock();
            if let Err(error) = append(&path, &line) {
                let path = path.display();
                tracing::error!(target: "tollgate::audit", %path, %error, "the audit log cannot be written: {line}");
            }
        })
        .await;
    }
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}
