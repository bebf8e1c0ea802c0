//! The part of the mirror that is about the admin listener.

use crate::config::slot::{Many, Slot};
use schemars::JsonSchema;
use serde::Deserialize;

/// The listener for metrics, health and the admin API.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["address"])))]
pub(in crate::config) struct Admin {
    /// An IP address and a port. Metrics and health have no password, so keep it on the machine itself.
    #[schemars(extend("examples" = serde_json::json!(["127.0.0.1:9900"])))]
    pub address: Slot<String>,
    /// File with the token that the admin API wants, and that `tollgate reload` and its like show; made on first start.
    /// Without it, and without `tls.client_ca`, the API is closed.
    #[schemars(extend("examples" = serde_json::json!(["/var/lib/tollgate/admin.token"])))]
    pub token_file: Slot<String>,
    /// Names that the API may be called by, beside addresses and `localhost`. Any other is refused, so that no page in a
    /// browser can make a name of its own point here.
    #[schemars(extend("examples" = serde_json::json!([["gate.internal"]])))]
    pub hosts: Slot<Many<String>>,
    /// Certificate and key of the listener. Needed for the API on an address that other machines can reach.
    pub tls: Slot<AdminTls>,
    /// Where calls of the API are written down; without this in the process's own log, under `tollgate::audit`.
    pub audit_log: Slot<AuditLog>,
}

/// How the admin listener speaks TLS.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["certificate", "key"])))]
pub(in crate::config) struct AdminTls {
    /// PEM file with the chain.
    #[schemars(extend("examples" = serde_json::json!(["/etc/tollgate/admin.crt"])))]
    pub certificate: Slot<String>,
    /// PEM file with the private key.
    #[schemars(extend("examples" = serde_json::json!(["/etc/tollgate/admin.key"])))]
    pub key: Slot<String>,
    /// PEM file with the authority whose client certificates the API demands: instead of the token, or beside it where
    /// `token_file` is there too. Metrics and health stay open.
    #[schemars(extend("examples" = serde_json::json!(["/etc/tollgate/operators.crt"])))]
    pub client_ca: Slot<String>,
}

/// Where calls of the admin API are written down.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["path"])))]
pub(in crate::config) struct AuditLog {
    /// The file: one JSON object a line. It is opened for each, so it may be moved away at any time.
    #[schemars(extend("examples" = serde_json::json!(["/var/log/tollgate/audit.jsonl"])))]
    pub path: Slot<String>,
}
