//! The JSON Schema of the configuration, made from the mirror that reads it: `tollgate schema`, `conf/schema.json`, the
//! README's reference and the defaults of `check --show` are all this one value.
//!
//! Draft 07, because that is what editors speak. What the mirror's types do not know (signals, fields, kinds of lists) is
//! put in from the tables that do. The loader reads scalars as a person means them: `name: 123` is a text, `"16"` a
//! number, and `${PORT}` may stand for either. The schema must not refuse what the loader takes, or an editor would paint
//! a sound file red; so each type is widened to what is really read. What the schema lets through and the loader does not
//! (a certificate that is not there) is the loader's to tell.

mod reference;
mod widen;

pub use reference::reference;

use super::file::{Ban, BanKeys, Body, BodyFile, ByteSize, File, Period, Share};
use super::settings::ListOf;
use super::slot::{Anything, Many, Pairs, Slot};
use crate::engine::attempt::Field;
use crate::engine::event::Event;
use crate::engine::signals::{SIGNALS, Signal, WEIGHT_RANGE};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// A value that holds an environment variable may be anything once it is put in.
const ENVIRONMENT: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*\}";
const DURATION: &str = "^[0-9]+(ms|s|m|h|d)$";
const SHARE: &str = r"^[0-9]+(\.[0-9]+)?%$";
const SIZE: &str = "^[0-9]+(B|KiB|MiB|GiB)$";
const SOURCE: &str = "^((form|json|query|header|cookie):.|basic:(user|password)$)";

/// The schema, ready to print.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<File>().to_value();
    schema["title"] = json!("Tollgate configuration");
    put(&mut schema, "/definitions/Route/properties/event", &events());
    put(&mut schema, "/definitions/Route/properties/fields", &fields());
    put(&mut schema, "/definitions/Match/properties/method", &methods());
    put(&mut schema, "/definitions/List/properties/of", &json!({ "enum": ListOf::ALL.map(ListOf::name) }));
    put(&mut schema, "/properties/signals", &signals());
    widen::widen(&mut schema);
    schema
}

/// The schema as the file `conf/schema.json` and the command print it.
pub fn text() -> String {
    // A value made of texts, numbers and maps can always be written.
    serde_json::to_string_pretty(&schema()).unwrap_or_default() + "\n"
}

/// Puts what a table knows in place of a property's type; its description stays.
fn put(schema: &mut Value, pointer: &str, with: &Value) {
    let (Some(Value::Object(property)), Value::Object(with)) = (schema.pointer_mut(pointer), with) else { return };
    for key in ["type", "anyOf", "items", "additionalProperties"] {
        property.shift_remove(key);
    }
    property.extend(with.clone());
}

fn events() -> Value {
    let named: Vec<&str> = Event::NAMED.iter().map(Event::name).collect();
    json!({ "anyOf": [{ "enum": named }, { "type": "string", "pattern": "^custom:[a-z0-9_]{1,32}$" }] })
}

fn methods() -> Value {
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let either_case =
        known.map(|name| -> String { name.chars().map(|c| format!("[{c}{}]", c.to_ascii_lowercase())).collect() });
    let one = json!({
        "anyOf": [{ "enum": known }, { "type": "string", "pattern": format!("^({})$", either_case.join("|")) }]
    });
    json!({ "anyOf": [one, { "type": "array", "items": one }] })
}

fn fields() -> Value {
    let source = json!({ "type": "string", "pattern": SOURCE });
    let one_or_many = json!({ "anyOf": [source, { "type": "array", "items": source, "minItems": 1, "maxItems": 16 }] });
    let properties: Map<String, Value> =
        Field::ALL.iter().map(|f| (f.name().to_owned(), one_or_many.clone())).collect();
    json!({ "type": "object", "properties": properties })
}

fn signals() -> Value {
    let properties: Map<String, Value> = SIGNALS.iter().map(|one| (one.name.to_owned(), signal(one))).collect();
    json!({ "type": "object", "properties": properties })
}

fn signal(signal: &Signal) -> Value {
    let number = |summary: &str, default: f64, min: f64, max: f64| json!({ "description": summary, "type": "number", "minimum": min, "maximum": max, "default": default });
    let weight = |score: &str, default: f64| {
        let summary = format!("Log-odds added to `{score}` when it fires.");
        (score.to_owned(), number(&summary, default, *WEIGHT_RANGE.start(), *WEIGHT_RANGE.end()))
    };
    let weights: Map<String, Value> = [
        weight("bot", signal.weights.bot),
        weight("account_takeover", signal.weights.account_takeover),
        weight("account_abuse", signal.weights.account_abuse),
    ]
    .into_iter()
    .collect();
    let mut properties = Map::new();
    let enabled = json!({ "description": "Whether it is read at all.", "type": "boolean", "default": true });
    properties.insert("enabled".to_owned(), enabled);
    let summary = "What it adds to the scores.";
    properties.insert("weights".to_owned(), json!({ "description": summary, "type": "object", "properties": weights }));
    for one in signal.parameters {
        properties.insert(one.name.to_owned(), number(one.summary, one.default, one.min, one.max));
    }
    json!({ "description": format!("Fires on {}.", signal.summary), "type": "object", "properties": properties })
}

/// The object, list or scalar behind references, and behind "one or several".
pub(super) fn behind<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let mut at = schema;
    // Deeper than any chain of references here; a ring would otherwise not end.
    for _ in 0..16 {
        let referred =
            at.get("$ref").and_then(Value::as_str).and_then(|target| root.pointer(target.trim_start_matches('#')));
        let first = at.pointer("/anyOf/0").or_else(|| at.pointer("/allOf/0"));
        match referred.or(first) {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

impl<T: JsonSchema> JsonSchema for Slot<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("slot of {}", T::schema_id()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

impl<T: JsonSchema> JsonSchema for Many<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("One_or_many_{}", T::schema_name()).into()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("many of {}", T::schema_id()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

impl<T: JsonSchema> JsonSchema for Pairs<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Named_{}", T::schema_name()).into()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("pairs of {}", T::schema_id()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}

/// A type that is written as a text.
macro_rules! written {
    ($type:ty, $name:literal, $schema:expr) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

written!(Period, "Duration", json_schema!({ "type": "string", "pattern": DURATION }));
written!(Share, "Share", json_schema!({ "type": "string", "pattern": SHARE }));
written!(ByteSize, "Size", json_schema!({ "type": "string", "pattern": SIZE }));
written!(Anything, "Anything", json_schema!({ "type": "object" }));

impl JsonSchema for Ban {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Ban".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (more, short) = (generator.subschema_for::<BanKeys>(), generator.subschema_for::<Period>());
        json_schema!({ "anyOf": [more, short] })
    }
}

impl JsonSchema for Body {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Body".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let file = generator.subschema_for::<BodyFile>();
        json_schema!({ "anyOf": [{ "type": "string" }, file] })
    }
}

#[cfg(test)]
mod tests;
