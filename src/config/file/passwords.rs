//! Leaked passwords, as the file writes them.

use super::{ByteSize, Period};
use crate::config::slot::Slot;
use schemars::JsonSchema;
use serde::Deserialize;

/// Leaked passwords on top of the commonest, which are embedded.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(in crate::config) struct Passwords {
    /// A file that `tollgate lists build-passwords` made. It is read into memory (18 bits a password), and again whenever
    /// it changes.
    #[schemars(extend("examples" = serde_json::json!(["/var/lib/tollgate/passwords.filter"])))]
    pub file: Slot<String>,
    /// A service that is asked for what no file knows. It is sent the first five hexadecimal digits of the password's
    /// SHA-1 and nothing else. Off without this key.
    pub range: Slot<PasswordRange>,
}

/// A service that speaks the k-anonymity range protocol.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["url"])))]
pub(in crate::config) struct PasswordRange {
    /// Where to ask; a slash and five digits are added.
    #[schemars(extend("examples" = serde_json::json!(["https://api.pwnedpasswords.com/range"])))]
    pub url: Slot<String>,
    /// How long a request waits for the answer, beside all else that is gathered. What comes later is known at the moment
    /// after a success.
    #[schemars(extend("default" = "200ms"))]
    pub deadline: Slot<Period>,
    /// Most memory of answers that are kept, the ones used last: about 1,000 of the public service's.
    #[schemars(extend("default" = "16MiB"))]
    pub cache: Slot<ByteSize>,
    /// How long an answer is believed.
    #[schemars(extend("default" = "24h"))]
    pub keep: Slot<Period>,
}
