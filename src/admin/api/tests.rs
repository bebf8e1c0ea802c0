//! What must hold for every row of the table.

use super::endpoint::{Place, Verb};
use super::*;
use std::collections::BTreeSet;

#[test]
fn every_row_says_what_it_is_and_names_the_parameters_of_its_path() {
    let mut seen = BTreeSet::new();
    for endpoint in endpoints() {
        let name = format!("{:?} {}", endpoint.verb, endpoint.path);
        assert!(endpoint.path.starts_with("/api/v1/"), "{name}");
        assert!(endpoint.summary.ends_with('.') && endpoint.details.ends_with('.'), "{name}: sentences");
        assert!(endpoint.answer.summary.ends_with('.'), "{name}");
        let in_path: BTreeSet<&str> = endpoint.path.split('/').filter_map(call::placeholder).collect();
        let known: BTreeSet<&str> =
            endpoint.parameters.iter().filter(|one| one.place == Place::Path).map(|one| one.name).collect();
        assert_eq!(in_path, known, "{name}");
        assert!(endpoint.parameters.iter().all(|one| one.summary.ends_with('.')), "{name}");
        assert!(seen.insert(name.clone()), "{name} is there twice");
        if endpoint.verb == Verb::Get {
            assert!(matches!(endpoint.body, endpoint::Body::None), "{name}");
            assert_ne!(endpoint.audit, endpoint::Audit::Changes, "{name}: what is got changes nothing");
        }
    }
}

/// The document against the meta-schema of OpenAPI 3.1 and, for the schemas inside, that of JSON Schema.
#[test]
fn the_document_is_openapi_and_every_schema_in_it_is_one() {
    let document = openapi::document();
    let meta: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/openapi/3.1-schema.json")).unwrap();
    let validator = jsonschema::draft202012::new(&meta).unwrap();
    let faults: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{faults:#?}\n{document:#}");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{name}: {schema:#}");
    }
    let mut ids = BTreeSet::new();
    for path in document["paths"].as_object().unwrap().values() {
        for operation in path.as_object().unwrap().values() {
            assert!(ids.insert(operation["operationId"].to_string()), "{operation:#}");
        }
    }
    assert_eq!(ids.len(), endpoints().count());
}

/// What is pointed to is there.
#[test]
fn every_reference_leads_somewhere() {
    let document = openapi::document();
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        if let Some(target) = value.get("$ref").and_then(serde_json::Value::as_str) {
            let pointer = target.strip_prefix('#').unwrap_or_else(|| panic!("{target} leads elsewhere"));
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
        match value {
            serde_json::Value::Array(all) => open.extend(all),
            serde_json::Value::Object(all) => open.extend(all.values()),
            _ => {}
        }
    }
}
