//! A rule's ban: a duration, or a mapping that says more; a value that reads itself, as a body does.

use super::Period;
use crate::config::slot::Slot;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::fmt;

/// Whom a rule bans beside, and for how long.
#[derive(Debug)]
pub(in crate::config) enum Ban {
    /// An address, for this long at first.
    Short(Period),
    Long(BanKeys),
}

/// All that can be said of a ban.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["for"])))]
pub(in crate::config) struct BanKeys {
    /// How long the first ban lasts, 1s to 365d.
    #[schemars(extend("examples" = serde_json::json!(["15m"])))]
    pub r#for: Slot<Period>,
    /// `ip` (of IPv6 the /64), or in `on_success` also `account`.
    #[schemars(extend("default" = "ip"))]
    pub of: Slot<String>,
    /// How many times as long each further ban is, while the one before is remembered; 1: all are the same.
    #[schemars(extend("default" = 2, "minimum" = 1, "maximum" = 100))]
    pub grow: Slot<u64>,
    /// How long the longest ban lasts, and how long one is remembered after its end. At least `for`.
    #[schemars(extend("default" = "1d"))]
    pub most: Slot<Period>,
}

impl<'de> Deserialize<'de> for Ban {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ban, D::Error> {
        struct PeriodOrMore;
        impl<'de> Visitor<'de> for PeriodOrMore {
            type Value = Ban;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration, or `{ for: 15m, of: ip, grow: 2, most: 1d }`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Ban, E> {
                Ok(Ban::Short(Period(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ban, A::Error> {
                let mut ban = BanKeys::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "for" => ban.r#for = map.next_value()?,
                        "of" => ban.of = map.next_value()?,
                        "grow" => ban.grow = map.next_value()?,
                        "most" => ban.most = map.next_value()?,
                        _ => {
                            let message = format!("unknown key `{key}`; known here: `for`, `of`, `grow`, `most`");
                            return Err(A::Error::custom(message));
                        }
                    }
                }
                Ok(Ban::Long(ban))
            }
        }
        deserializer.deserialize_any(PeriodOrMore)
    }
}
