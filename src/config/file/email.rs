//! What is asked of others about e-mail addresses, as it is written.

use super::Period;
use crate::config::slot::{Many, Slot};
use schemars::JsonSchema;
use serde::Deserialize;

/// What is asked of others about e-mail addresses.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(in crate::config) struct Email {
    /// Look-ups of the domains of addresses that register.
    pub dns: Slot<MailDns>,
}

/// Look-ups of the domains of addresses that register.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(in crate::config) struct MailDns {
    /// Whether the domain of an address that registers is looked up: one with neither mail servers nor addresses makes
    /// `invalid_email` fire. Tells the resolvers, and the domain's own, which domains register here.
    #[schemars(extend("default" = false))]
    pub check: Slot<bool>,
    /// Resolvers to ask, as IP address and port. Without it those of the system.
    #[schemars(extend("examples" = serde_json::json!(["127.0.0.1:53"])))]
    pub servers: Slot<Many<String>>,
    /// How long a registration waits for an answer before it goes on without (`degraded` has `dns` then). The answer is kept
    /// when it comes.
    #[schemars(extend("default" = "200ms"))]
    pub deadline: Slot<Period>,
    /// Most answers that are remembered, each for as long as it says itself, and at most a day.
    #[schemars(extend("default" = 10000, "minimum" = 100, "maximum" = 1000000))]
    pub cache: Slot<u64>,
}
