//! The operator's lists, as the file writes them: apart, because they grow on their own.

use crate::config::slot::{Many, Slot};
use schemars::JsonSchema;
use serde::Deserialize;

/// One of the operator's lists.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["effect", "of"])))]
pub(in crate::config) struct List {
    /// `allow` or `deny` by the built-in policy and the signals, or `note`: no effect of its own.
    pub effect: Slot<EffectName>,
    /// What the entries are.
    pub of: Slot<String>,
    /// A file with one entry a line: `ENTRY [until=2026-12-01] [# reason]`.
    #[schemars(extend("examples" = serde_json::json!(["/etc/tollgate/blocked.txt"])))]
    pub file: Slot<String>,
    /// Entries written here.
    #[schemars(extend("examples" = serde_json::json!([["192.0.2.0/24"]])))]
    pub entries: Slot<Many<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum EffectName {
    Allow,
    Deny,
    Note,
}
