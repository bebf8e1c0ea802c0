//! One call, after it was let in: its parameters and its body, read by the row of its endpoint.
//!
//! The functions behind endpoints ask by the names of their own table and get values that are in range; what is wrong with
//! a call was told before they ran.

use super::Api;
use super::access::Caller;
use super::endpoint::{Body, Endpoint, Kind, Parameter, Place};
use super::problem::{self, Problem};
use crate::engine::attempt::AttemptId;
use crate::engine::time::Timestamp;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::sync::Arc;

/// What an endpoint's function is given.
pub struct Call {
    pub api: Arc<Api>,
    pub caller: Caller,
    /// Names this call in the audit log.
    pub id: AttemptId,
    pub at: Timestamp,
    values: Vec<(&'static str, String)>,
    body: Bytes,
    notes: Notes,
}

/// What the audit log is to say of a call beside who made it: whom it was about, what came of it. Identifiers only as the
/// hashes of [`Api::hashed`].
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<Mutex<Map<String, Value>>>);

impl Notes {
    pub fn add(&self, name: &str, value: impl Into<Value>) {
        self.0.lock().insert(name.to_owned(), value.into());
    }

    pub fn all(&self) -> Map<String, Value> {
        self.0.lock().clone()
    }
}

/// The values of a call's path and query, as its endpoint knows them.
pub type Values = Vec<(&'static str, String)>;

/// Reads the values that an endpoint's template and query have. `path` and `query` are decoded.
pub fn values(endpoint: &Endpoint, path: &[String], query: Vec<(String, String)>) -> Result<Values, Problem> {
    let mut values = Vec::new();
    let in_path = endpoint.path.split('/').skip(1).zip(path);
    for (name, value) in in_path.filter_map(|(part, value)| Some((placeholder(part)?, value))) {
        if let Some(parameter) = find(endpoint, name, Place::Path) {
            values.push((parameter.name, checked(parameter, value.clone())?));
        }
    }
    for (name, value) in query {
        let Some(parameter) = find(endpoint, &name, Place::Query) else {
            return Err(unknown(endpoint, &name));
        };
        values.push((parameter.name, checked(parameter, value)?));
    }
    Ok(values)
}

/// `id` of `{id}`.
pub fn placeholder(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

fn find(endpoint: &Endpoint, name: &str, place: Place) -> Option<&'static Parameter> {
    endpoint.parameters.iter().find(|parameter| parameter.name == name && parameter.place == place)
}

fn unknown(endpoint: &Endpoint, name: &str) -> Problem {
    let known: Vec<&str> =
        endpoint.parameters.iter().filter(|known| known.place == Place::Query).map(|known| known.name).collect();
    let shown = name.chars().take(60).collect::<String>();
    let detail = match known.is_empty() {
        true => format!("`{}` is not known here: this takes no query", shown.escape_debug()),
        false => format!("`{}` is not known here; known: {}", shown.escape_debug(), known.join(", ")),
    };
    Problem::new(problem::Kind::Parameter, detail).with("parameter", shown).with("known", known)
}

fn checked(parameter: &'static Parameter, value: String) -> Result<String, Problem> {
    let wrong = |wanted: String| {
        let detail = format!("`{}`: {wanted}", parameter.name);
        Err(Problem::new(problem::Kind::Parameter, detail).with("parameter", parameter.name))
    };
    match parameter.kind {
        Kind::Text(_) if value.is_empty() => wrong("is empty".to_owned()),
        Kind::Text(most) if value.len() > most => wrong(format!("is longer than {most} bytes")),
        Kind::Choice(known) if !known.contains(&value.as_str()) => {
            wrong(format!("must be one of {}", known.join(", ")))
        }
        Kind::Number { least, most, .. } => {
            let plain = value.bytes().all(|byte| byte.is_ascii_digit());
            match value.parse::<u64>() {
                Ok(number) if plain && (least..=most).contains(&number) => Ok(value),
                _ => wrong(format!("must be a number from {least} to {most}")),
            }
        }
        Kind::Instant if Timestamp::parse(&value).is_none() => {
            wrong("must be an instant, such as 2026-11-22T09:00:00Z".to_owned())
        }
        Kind::Address if value.parse::<IpAddr>().is_err() => wrong("must be an address".to_owned()),
        Kind::Form(form) if !(form.is)(&value) => wrong(format!("must be {}", form.wanted)),
        Kind::Text(_) | Kind::Choice(_) | Kind::Instant | Kind::Address | Kind::Form(_) => Ok(value),
    }
}

impl Call {
    pub fn new(api: Arc<Api>, caller: Caller, id: AttemptId, values: Values, body: Bytes, notes: Notes) -> Call {
        let at = api.gate.clock.now();
        Call { api, caller, id, at, values, body, notes }
    }

    /// The value of a parameter, if it is there.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a number, or its default.
    pub fn number(&self, parameter: &Parameter) -> u64 {
        let default = match parameter.kind {
            Kind::Number { default, .. } => default,
            Kind::Text(_) | Kind::Choice(_) | Kind::Instant | Kind::Address | Kind::Form(_) => 0,
        };
        self.text(parameter.name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    /// The value of an instant, if it is there.
    pub fn instant(&self, name: &str) -> Option<Timestamp> {
        Timestamp::parse(self.text(name)?)
    }

    /// The body as the type that the endpoint's row names. serde_json reads no deeper than 128 levels.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The message may hold what was sent (an unknown field's name), and goes to whoever sent it.
            let detail: String = error.to_string().chars().take(300).collect();
            Problem::new(problem::Kind::Body, detail)
        })
    }

    /// The body as a text.
    pub fn body(&self) -> Result<&str, Problem> {
        std::str::from_utf8(&self.body).map_err(|_| Problem::new(problem::Kind::Body, "it is not UTF-8"))
    }

    /// Puts something into the audit log's line.
    pub fn note(&self, name: &str, value: impl Into<Value>) {
        self.notes.add(name, value);
    }
}

/// Most bytes that are read of a body.
pub fn most(body: &Body) -> usize {
    match body {
        Body::None => 0,
        Body::Json { most, .. } | Body::Text { most, .. } => *most,
    }
}

/// What kind of body is wanted: its media type.
pub fn media(body: &Body) -> Option<&'static str> {
    match body {
        Body::None => None,
        Body::Json { .. } => Some("application/json"),
        Body::Text { media, .. } => Some(media),
    }
}
