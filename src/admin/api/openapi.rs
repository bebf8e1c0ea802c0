//! The API described by itself, as OpenAPI 3.1: the table of endpoints written out.

use super::call::Call;
use super::endpoint::{Answer, Answering, Audit, Body, Endpoint, Kind, Parameter, Place, Reply, Verb};
use super::problem::{self, Problem};
use super::{RESOURCES, Resource, call};
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

pub const RESOURCE: Resource = Resource {
    name: "openapi",
    summary: "The API described by itself.",
    endpoints: &[Endpoint {
        verb: Verb::Get,
        path: "/api/v1/openapi.json",
        summary: "This document.",
        details: "OpenAPI 3.1, written from the table that serves the calls.",
        audit: Audit::Silent,
        parameters: &[],
        body: Body::None,
        answer: Answer { status: 200, summary: "The document.", schema: any_object },
        problems: &[],
        handle: serve,
    }],
};

fn serve(_call: Call) -> Answering {
    Box::pin(async { Reply::json(200, &document()) })
}

fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object" })
}

/// What every endpoint may refuse with.
const ALWAYS: &[problem::Kind] = &[
    problem::Kind::Malformed,
    problem::Kind::Parameter,
    problem::Kind::Unauthorised,
    problem::Kind::Closed,
    problem::Kind::CrossSite,
    problem::Kind::Host,
    problem::Kind::TooLarge,
    problem::Kind::Throttled,
    problem::Kind::Failed,
    problem::Kind::Busy,
];

/// What an endpoint with a body may refuse with besides.
const WITH_BODY: &[problem::Kind] = &[problem::Kind::Body, problem::Kind::Slow, problem::Kind::Media];

/// The document.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = SchemaGenerator::new(settings);
    let mut paths: Map<String, Value> = Map::new();
    for resource in RESOURCES {
        for endpoint in resource.endpoints {
            let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
            path[endpoint.verb.name().to_lowercase()] = operation(resource, endpoint, &mut generator);
        }
    }
    let problem = generator.subschema_for::<Problem>();
    let mut schemas = generator.take_definitions(true);
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What operators and their programs ask of a running gate. Served on the admin listener only; whatever is \
                            wrong is told as RFC 9457 has it.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, { "certificate": [] }, { "token": [], "certificate": [] }],
        "tags": RESOURCES.iter().map(|one| json!({ "name": one.name, "description": one.summary })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": {},
            "responses": { "Problem": {
                "description": "What was wrong.",
                "content": { (problem::MEDIA): { "schema": problem } },
            } },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "The token in `admin.token_file`." },
                "certificate": { "type": "mutualTLS", "description": "A certificate signed by `admin.tls.client_ca`." },
            },
        },
    });
    let mut document = document;
    document["components"]["schemas"] = Value::Object(std::mem::take(&mut schemas));
    document
}

/// The calls as a Markdown table, for the README.
pub fn table() -> String {
    let mut text = String::from("| call | what it is for | audited |\n| --- | --- | --- |\n");
    for endpoint in super::endpoints() {
        let audited = match endpoint.audit {
            Audit::Silent => "",
            Audit::Reads => "shows people",
            Audit::Changes => "changes something",
        };
        let (verb, path, summary) = (endpoint.verb.name(), endpoint.path, endpoint.summary);
        text.push_str(&format!("| `{verb} {path}` | {summary} | {audited} |\n"));
    }
    text
}

fn operation(resource: &Resource, endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "tags": [resource.name],
        "summary": endpoint.summary,
        "description": endpoint.details,
        "parameters": endpoint.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "responses": responses(endpoint, generator),
    });
    match endpoint.body {
        Body::None => {}
        Body::Json { schema, .. } => {
            let schema = schema(generator);
            operation["requestBody"] =
                json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        }
        Body::Text { media, .. } => {
            operation["requestBody"] = json!({ "required": true, "content": { (media): { "schema": {} } } });
        }
    }
    operation
}

/// `post_config_reload`.
fn operation_id(endpoint: &Endpoint) -> String {
    let parts = endpoint.path.split(['/', '.']).filter(|part| !matches!(*part, "" | "api" | "v1" | "json"));
    let parts = parts.map(|part| call::placeholder(part).map_or(part.to_owned(), |name| format!("by_{name}")));
    format!("{}_{}", endpoint.verb.name().to_lowercase(), parts.collect::<Vec<_>>().join("_").replace('-', "_"))
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        Kind::Text(most) => json!({ "type": "string", "minLength": 1, "maxLength": most }),
        Kind::Choice(known) => json!({ "type": "string", "enum": known }),
        Kind::Number { default, least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most, "default": default })
        }
        Kind::Instant => json!({ "type": "string", "format": "date-time" }),
        Kind::Address => json!({ "type": "string", "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] }),
        Kind::Form(form) => json!({ "type": "string", "pattern": form.pattern }),
    };
    let (place, required) = match parameter.place {
        Place::Path => ("path", true),
        Place::Query => ("query", false),
    };
    json!({
        "name": parameter.name, "in": place, "required": required, "description": parameter.summary, "schema": schema,
    })
}

fn responses(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let answer = &endpoint.answer;
    let mut responses = Map::new();
    let schema = (answer.schema)(generator);
    responses.insert(
        answer.status.to_string(),
        json!({ "description": answer.summary, "content": { "application/json": { "schema": schema } } }),
    );
    let with_body = if matches!(endpoint.body, Body::None) { &[][..] } else { WITH_BODY };
    let mut kinds: Vec<problem::Kind> = [ALWAYS, with_body, endpoint.problems].concat();
    kinds.sort_by_key(|kind| kind.status());
    for kind in kinds {
        responses
            .entry(kind.status().to_string())
            .or_insert_with(|| json!({ "$ref": "#/components/responses/Problem" }));
    }
    Value::Object(responses)
}
