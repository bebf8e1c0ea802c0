//! From the mirror's types to what the loader reads: see [`super`] for why.

use super::ENVIRONMENT;
use serde_json::{Value, json};

/// Widens every type of a schema, closes its objects, and lets every key that may be left out stand empty.
pub(super) fn widen(root: &mut Value) {
    object(root);
    let definitions = root.get_mut("definitions").and_then(Value::as_object_mut);
    for (_, definition) in definitions.into_iter().flatten() {
        value(definition);
    }
}

fn value(schema: &mut Value) {
    for branches in ["anyOf", "allOf"] {
        schema.get_mut(branches).and_then(Value::as_array_mut).into_iter().flatten().for_each(value);
    }
    if schema.get("enum").is_some() {
        choice(schema);
        return;
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => match schema.get("pattern").and_then(Value::as_str) {
            Some(pattern) => schema["pattern"] = json!(format!("{pattern}|{ENVIRONMENT}")),
            None => schema["type"] = json!(["string", "number", "boolean", "null"]),
        },
        Some("integer") => number(schema, "integer", "^[0-9][0-9_]*$"),
        Some("number") => number(schema, "number", "^[-+0-9][-+0-9.eE]*$"),
        Some("boolean") => {
            schema["type"] = json!(["boolean", "string"]);
            schema["pattern"] = json!(ENVIRONMENT);
        }
        Some("array") => {
            if let Some(items) = schema.get_mut("items") {
                value(items);
            }
        }
        Some("object") => object(schema),
        _ => {}
    }
}

/// Bounds hold for numbers, the pattern for texts that are numbers.
fn number(schema: &mut Value, kind: &str, pattern: &str) {
    schema["type"] = json!([kind, "string"]);
    schema["pattern"] = json!(format!("{pattern}|{ENVIRONMENT}"));
    if let Some(keys) = schema.as_object_mut() {
        keys.shift_remove("format");
    }
}

/// One of several words; `413` may be written as a number.
fn choice(schema: &mut Value) {
    let Some(keys) = schema.as_object_mut() else { return };
    keys.shift_remove("type");
    let Some(Value::Array(mut words)) = keys.shift_remove("enum") else { return };
    let numbers: Vec<Value> =
        words.iter().filter_map(|word| word.as_str()?.parse::<u64>().ok()).map(|number| json!(number)).collect();
    words.extend(numbers);
    keys.insert("anyOf".to_owned(), json!([{ "enum": words }, { "type": "string", "pattern": ENVIRONMENT }]));
}

fn object(schema: &mut Value) {
    let required: Vec<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    if let Some(other) = schema.get_mut("additionalProperties").filter(|other| other.is_object()) {
        value(other);
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, property) in properties {
        value(property);
        if !required.contains(name) {
            allow_nothing(property);
        }
    }
    schema["additionalProperties"] = json!(false);
}

/// `lists:` with only comments below it is a key that was left out.
fn allow_nothing(schema: &mut Value) {
    if let Some(kind) = schema.get_mut("type") {
        match kind {
            Value::Array(kinds) if !kinds.contains(&json!("null")) => kinds.push(json!("null")),
            Value::String(one) => *kind = json!([one, "null"]),
            _ => {}
        }
        return;
    }
    if let Some(branches) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        branches.push(json!({ "type": "null" }));
        return;
    }
    let Some(keys) = schema.as_object_mut() else { return };
    let referred = keys.shift_remove("allOf").and_then(|all| all.get(0).cloned());
    let referred = referred.or_else(|| keys.shift_remove("$ref").map(|target| json!({ "$ref": target })));
    if let Some(referred) = referred {
        keys.insert("anyOf".to_owned(), json!([referred, { "type": "null" }]));
    }
}
