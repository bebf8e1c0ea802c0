//! A body of the operator's: the one value that is a text or a mapping, and reads itself.

use crate::config::slot::Slot;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::fmt;

/// A body of the operator's.
#[derive(Debug)]
pub(in crate::config) enum Body {
    Inline(String),
    File(BodyFile),
}

/// A body in a file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["file"])))]
pub(in crate::config) struct BodyFile {
    /// A file with the body.
    #[schemars(extend("examples" = serde_json::json!(["sorry.html"])))]
    pub file: Slot<String>,
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Body, D::Error> {
        struct TextOrFile;
        impl<'de> Visitor<'de> for TextOrFile {
            type Value = Body;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or `{ file: … }`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Body, E> {
                Ok(Body::Inline(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body, A::Error> {
                let mut body = BodyFile::default();
                while let Some((key, value)) = map.next_entry::<String, Slot<String>>()? {
                    if key != "file" {
                        return Err(A::Error::custom(format!("unknown key `{key}`; known here: `file`")));
                    }
                    body.file = value;
                }
                Ok(Body::File(body))
            }
        }
        deserializer.deserialize_any(TextOrFile)
    }
}
