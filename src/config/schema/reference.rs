//! The README's configuration reference: every key of the schema, one a row.

use super::{DURATION, SHARE, SIZE, SOURCE, behind, schema};
use serde_json::Value;

/// A Markdown table of every key but those of single signals, which have a table of their own.
pub fn reference() -> String {
    let root = schema();
    let mut table = String::from("| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
    rows(&root, &root, "", &mut table);
    table
}

fn rows(root: &Value, schema: &Value, path: &str, table: &mut String) {
    let required = |name: &str| {
        schema.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|one| one == name))
    };
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let default = match property.get("default") {
            Some(Value::String(text)) => format!("`{text}`"),
            Some(other) => format!("`{other}`"),
            None if required(name) => "required".to_owned(),
            None => String::new(),
        };
        let meaning = property.get("description").and_then(Value::as_str).unwrap_or_default();
        let meaning = meaning.split_whitespace().collect::<Vec<_>>().join(" ").replace('<', "&lt;").replace('|', "\\|");
        table.push_str(&format!("| `{path}` | {} | {default} | {meaning} |\n", kind(root, property)));
        if path == "signals" || path == "routes[].fields" {
            continue;
        }
        let inner = behind(root, property);
        if inner.get("properties").is_some() {
            rows(root, inner, &path, table);
        } else if let Some(items) = inner.get("items").map(|items| behind(root, items)) {
            rows(root, items, &format!("{path}[]"), table);
        } else if let Some(named) = inner.get("additionalProperties").map(|named| behind(root, named)) {
            let items = named.get("items").map(|items| behind(root, items));
            rows(root, items.unwrap_or(named), &format!("{path}.NAME"), table);
        }
    }
}

/// What may be written, in a word or two.
fn kind(root: &Value, property: &Value) -> String {
    let many = property.pointer("/anyOf/1/type").is_some_and(|kind| kind == "array");
    let inner = behind(root, property);
    let one = match (inner.get("pattern").and_then(Value::as_str), inner.get("enum").and_then(Value::as_array)) {
        (Some(pattern), _) if pattern.starts_with(DURATION) => "duration".to_owned(),
        (Some(pattern), _) if pattern.starts_with(SIZE) => "size".to_owned(),
        (Some(pattern), _) if pattern.starts_with(SHARE) => "share".to_owned(),
        (Some(pattern), _) if pattern.starts_with(SOURCE) => "`place:name`".to_owned(),
        (_, Some(words)) => {
            words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        _ => match inner.get("type").map(|kind| kind.get(0).unwrap_or(kind)).and_then(Value::as_str) {
            Some("integer") => match (inner.get("minimum"), inner.get("maximum")) {
                (Some(min), Some(max)) if min == max => format!("{min}"),
                (Some(min), Some(max)) => format!("{min} to {max}"),
                _ => "number".to_owned(),
            },
            Some("boolean") => "`true`, `false`".to_owned(),
            Some("string") => "text".to_owned(),
            Some("array") => "list".to_owned(),
            _ => "mapping".to_owned(),
        },
    };
    if many { format!("{one}; or a list") } else { one }
}
