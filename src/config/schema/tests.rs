//! The schema against the loader: it refuses nothing that the loader takes, and what it says of defaults is so.

use super::*;
use crate::config::corpus::files;
use std::path::Path;

fn json_of(path: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let value: yaml_serde::Value = yaml_serde::from_str(&text).ok()?;
    Some(converted(&value))
}

/// Keys as texts, as the loader takes them.
fn converted(value: &yaml_serde::Value) -> Value {
    use yaml_serde::Value as Yaml;
    match value {
        Yaml::Mapping(pairs) => {
            let key = |key: &Yaml| match key {
                Yaml::String(text) => text.clone(),
                other => yaml_serde::to_string(other).unwrap().trim().to_owned(),
            };
            pairs.iter().map(|(name, value)| (key(name), converted(value))).collect::<Map<_, _>>().into()
        }
        Yaml::Sequence(values) => values.iter().map(converted).collect::<Vec<_>>().into(),
        other => serde_json::to_value(other).unwrap(),
    }
}

#[test]
fn the_schema_refuses_nothing_that_loads() {
    let schema = jsonschema::draft7::new(&schema()).unwrap();
    let mut read = 0;
    for folder in ["conf", "conf/examples", "tests/fixtures/config/good"] {
        if !Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).is_dir() {
            continue;
        }
        for path in files(folder) {
            let value = json_of(&path).unwrap();
            let faults: Vec<String> =
                schema.iter_errors(&value).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
            assert!(faults.is_empty(), "{}: {}", path.display(), faults.join("\n"));
            read += 1;
        }
    }
    assert!(read > 10, "{read} files");
}

#[test]
fn the_schema_sees_what_schemas_can_see() {
    let schema = jsonschema::draft7::new(&schema()).unwrap();
    for name in [
        "unknown-key",
        "types",
        "mode-misspelt",
        "upstream-timeouts",
        "route-event-misspelt",
        "fields-unknown",
        "listen-missing",
        "store-kind",
        "signals",
        "later-top-level",
        "route-unknown-keys",
        "version-unknown",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config/bad").join(name);
        let value = json_of(&path.with_extension("yaml")).unwrap();
        assert!(!schema.is_valid(&value), "{name} is sound to the schema");
    }
}

#[test]
fn every_key_is_described() {
    let schema = schema();
    let objects = schema["definitions"].as_object().unwrap().values().chain([&schema]);
    for object in objects {
        for (name, property) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let said = property["description"].as_str().unwrap_or_default();
            assert!(said.ends_with(['.', ':']) && said.len() > 8, "{name}: {said:?}");
        }
    }
}

#[test]
fn the_schema_in_conf_is_this_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, text()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text(), "conf/schema.json is stale; `UPDATE_SCHEMA=1 cargo test --lib schema` writes it");
}

#[test]
fn every_file_in_conf_names_its_schema() {
    for (folder, at) in [("conf", "schema.json"), ("conf/examples", "../schema.json")] {
        if !Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).is_dir() {
            continue;
        }
        for path in files(folder) {
            let text = std::fs::read_to_string(&path).unwrap();
            let line = format!("# yaml-language-server: $schema={at}");
            assert_eq!(text.lines().next(), Some(line.as_str()), "{}", path.display());
        }
    }
}
