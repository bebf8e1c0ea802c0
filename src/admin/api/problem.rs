//! What went wrong, as RFC 9457 has it, from one table: whose fault it is decides the status, and the type names the
//! trouble for programs, so that nobody has to read sentences to tell one from another.

use super::endpoint::Reply;
use http::HeaderValue;
use http::header::{ALLOW, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;

/// The media type of a problem.
pub const MEDIA: &str = "application/problem+json";

/// Every trouble that the API tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Malformed,
    Parameter,
    Body,
    Cursor,
    Unauthorised,
    Closed,
    CrossSite,
    NotFound,
    Method,
    Slow,
    Host,
    Conflict,
    TooLarge,
    Media,
    Invalid,
    Throttled,
    Failed,
    Busy,
    Stopping,
    Store,
}

impl Kind {
    pub const ALL: [Kind; 20] = [
        Kind::Malformed,
        Kind::Parameter,
        Kind::Body,
        Kind::Cursor,
        Kind::Unauthorised,
        Kind::Closed,
        Kind::CrossSite,
        Kind::NotFound,
        Kind::Method,
        Kind::Slow,
        Kind::Host,
        Kind::Conflict,
        Kind::TooLarge,
        Kind::Media,
        Kind::Invalid,
        Kind::Throttled,
        Kind::Failed,
        Kind::Busy,
        Kind::Stopping,
        Kind::Store,
    ];

    /// Name in the `type`, status, title.
    fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Kind::Malformed => ("malformed", 400, "The request's target cannot be read"),
            Kind::Parameter => ("parameter", 400, "A parameter is unknown or has a value that it cannot have"),
            Kind::Body => ("body", 400, "The body is not what is wanted here"),
            Kind::Cursor => ("cursor", 410, "The cursor leads nowhere any more"),
            Kind::Unauthorised => ("unauthorised", 401, "This needs the admin token, or a client certificate"),
            Kind::Closed => ("closed", 403, "The API is closed"),
            Kind::CrossSite => ("cross-site", 403, "Pages of other sites have no business here"),
            Kind::NotFound => ("not-found", 404, "There is no such thing"),
            Kind::Method => ("method", 405, "Another method is wanted here"),
            Kind::Slow => ("slow", 408, "The body did not arrive in time"),
            Kind::Host => ("host", 421, "The gate is not called by this name"),
            Kind::Conflict => ("conflict", 409, "This cannot be done now"),
            Kind::TooLarge => ("too-large", 413, "The body is too large"),
            Kind::Media => ("media-type", 415, "The body is of another type than what is wanted here"),
            Kind::Invalid => ("invalid", 422, "What was sent has mistakes, and nothing was changed"),
            Kind::Throttled => ("throttled", 429, "Too many requests"),
            Kind::Failed => ("failed", 500, "The gate failed"),
            Kind::Busy => ("busy", 503, "Too much is being asked at once"),
            Kind::Stopping => ("stopping", 503, "The gate is stopping"),
            Kind::Store => ("store", 503, "The store did not answer"),
        }
    }

    pub fn status(self) -> u16 {
        self.row().1
    }

    pub fn title(self) -> &'static str {
        self.row().2
    }
}

/// A problem as it is told (RFC 9457). On the heap, for it is the smaller half of every answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Problem(Box<Told>);

/// What was wrong.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
struct Told {
    /// `urn:tollgate:problem:` and the name of the trouble.
    #[serde(rename = "type")]
    name: String,
    /// The trouble in a few words, always the same.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What is wrong this time, and what to do.
    detail: String,
    /// What else is to be said.
    #[serde(flatten)]
    more: Map<String, Value>,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        let (name, status, title) = kind.row();
        let name = format!("urn:tollgate:problem:{name}");
        let detail = detail.into();
        Problem(Box::new(Told { name, title, status, detail, more: Map::new(), headers: Vec::new() }))
    }

    /// A fault of ours. What it was is for the log.
    pub fn failed(error: &dyn std::fmt::Display) -> Problem {
        tracing::error!(%error, "a call of the admin API failed");
        Problem::new(Kind::Failed, "what went wrong is in the gate's log")
    }

    /// No credentials, or wrong ones.
    pub fn unauthorised(detail: &str) -> Problem {
        Problem::new(Kind::Unauthorised, detail).header(WWW_AUTHENTICATE, "Bearer")
    }

    /// `allowed` as in the header.
    pub fn method(allowed: &str) -> Problem {
        Problem::new(Kind::Method, format!("here: {allowed}")).header(ALLOW, allowed)
    }

    /// Come back later.
    pub fn later(kind: Kind, wait: Duration, detail: &str) -> Problem {
        let seconds = wait.as_millis().div_ceil(1000).clamp(1, 3600);
        Problem::new(kind, detail).header(RETRY_AFTER, &seconds.to_string())
    }

    /// With another member. Names of the standard's own are left alone.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        if !["type", "title", "status", "detail"].contains(&name) {
            self.0.more.insert(name.to_owned(), value.into());
        }
        self
    }

    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The name of the trouble.
    pub fn name(&self) -> &str {
        self.0.name.rsplit(':').next().unwrap_or_default()
    }

    fn header(mut self, name: HeaderName, value: &str) -> Problem {
        // What is put here is made of numbers and of names in tables.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.push((name, value));
        }
        self
    }

    pub fn into_reply(self) -> Reply {
        // Texts and numbers can always be written.
        let mut body = serde_json::to_vec(&self).unwrap_or_default();
        body.push(b'\n');
        Reply { status: self.0.status, media: MEDIA, body, headers: self.0.headers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_trouble_has_a_name_of_its_own_and_an_honest_status() {
        let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.row().0).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!((400..600).contains(&kind.status()) && !kind.title().ends_with('.'), "{kind:?}");
        }
    }

    #[test]
    fn a_problem_is_written_as_the_standard_has_it() {
        let problem =
            Problem::later(Kind::Throttled, Duration::from_millis(1_200), "slowly").with("status", 1).with("a", 2);
        let reply = problem.into_reply();
        assert_eq!((reply.status, reply.media), (429, MEDIA));
        assert_eq!(reply.headers, [(RETRY_AFTER, HeaderValue::from_static("2"))]);
        assert_eq!(
            serde_json::from_slice::<Value>(&reply.body).unwrap(),
            serde_json::json!({
                "type": "urn:tollgate:problem:throttled", "title": "Too many requests", "status": 429,
                "detail": "slowly", "a": 2,
            })
        );
    }
}
