//! Where history lives, as it is written.

use super::{ByteSize, Period};
use crate::config::slot::{Many, Slot};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where history lives.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(in crate::config) struct Store {
    /// `memory`: in this process. `redis`: in a Redis or Valkey, which makes several gates one fleet.
    #[schemars(extend("default" = "memory"))]
    pub kind: Slot<StoreKind>,
    /// Most entries of each kind in this process's memory. With `kind: redis` that is what counts while the store
    /// cannot.
    #[schemars(extend("default" = 1000000, "minimum" = 1000, "maximum" = 100000000))]
    pub entries: Slot<u64>,
    /// With `kind: memory`: most memory of all tables together, a sixth each for networks, devices, accounts, what attempts
    /// share, devices by their cookie, and what owners' logins are like; entries that are fed grow, and leave room for fewer.
    /// Without it in proportion to `entries`: 2304MiB for the default.
    #[schemars(extend("examples" = serde_json::json!(["2304MiB"])))]
    pub memory: Slot<ByteSize>,
    /// With `kind: memory`: directory where history is kept across restarts; made if only itself is missing. Without it
    /// a restart forgets all.
    #[schemars(extend("examples" = serde_json::json!(["/var/lib/tollgate/state"])))]
    pub snapshot: Slot<String>,
    /// With `kind: redis`: `redis://user:password@host:6379/0`, `rediss://` for TLS, `redis+unix:///path` for a socket;
    /// or a list of seeds of a cluster. User and password are better kept in `user` and `password_file`.
    #[schemars(extend("examples" = serde_json::json!(["rediss://redis.internal:6379"])))]
    pub url: Slot<Many<String>>,
    /// With `kind: redis`: whether the servers are nodes of a cluster.
    #[schemars(extend("default" = false))]
    pub cluster: Slot<bool>,
    /// With `kind: redis`: how long a request waits for the store before it goes on without.
    #[schemars(extend("default" = "5ms"))]
    pub deadline: Slot<Period>,
    /// With `kind: redis`: what every key begins with. Fleets that share a server need one each.
    #[schemars(extend("default" = "tollgate"))]
    pub prefix: Slot<String>,
    /// With `kind: redis`: whom the server knows this gate as (its ACL user).
    #[schemars(extend("examples" = serde_json::json!(["gate"])))]
    pub user: Slot<String>,
    /// With `kind: redis`: single-use tokens (solved challenges) while the store is away. `local`: spent at this gate alone,
    /// so at worst once at each. `strict`: not at all, so that no challenge can be passed.
    #[schemars(extend("default" = "local"))]
    pub tokens: Slot<TokensName>,
    /// With `kind: redis`: file with the password; read at each connection, so that it can change without a restart.
    #[schemars(extend("examples" = serde_json::json!(["/etc/tollgate/redis.password"])))]
    pub password_file: Slot<String>,
    /// With `kind: redis` and TLS: PEM file of the authority that signed the server's certificate. Without it the
    /// system's authorities are trusted.
    #[schemars(extend("examples" = serde_json::json!(["/etc/tollgate/redis-ca.pem"])))]
    pub ca_file: Slot<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum StoreKind {
    Memory,
    Redis,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum TokensName {
    Local,
    Strict,
}
