//! What one endpoint is: a row of a resource's table.
//!
//! A row says all there is to say of its endpoint, once: the router reads its method and path, refuses what its parameters
//! do not know, bounds its body and hands the rest to its function; the [OpenAPI document](super::openapi) is the same row
//! written out. So an endpoint without documentation cannot be added, nor one whose documentation names another parameter.

use super::call::Call;
use super::problem::Problem;
use super::records::Cursor;
use crate::engine::attempt::{AttemptId, Pseudonym};
use futures::future::BoxFuture;
use http::HeaderValue;
use http::header::HeaderName;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

/// One endpoint. Paths begin with `/api/v1/`; `{name}` stands for one segment and is a [`Parameter`] in its place.
pub struct Endpoint {
    pub verb: Verb,
    pub path: &'static str,
    /// A few words, and then whatever an operator has to know; both end in a full stop.
    pub summary: &'static str,
    pub details: &'static str,
    /// What the audit log says of it.
    pub audit: Audit,
    pub parameters: &'static [Parameter],
    pub body: Body,
    /// What is answered when all is well.
    pub answer: Answer,
    /// What may be wrong beside what every endpoint refuses.
    pub problems: &'static [super::problem::Kind],
    pub handle: fn(Call) -> Answering,
}

/// What an endpoint's function gives back.
pub type Answering = BoxFuture<'static, Result<Reply, Problem>>;

/// The methods that endpoints have. `HEAD` is `GET` without a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    pub fn name(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Delete => "DELETE",
        }
    }

    pub fn of(method: &http::Method) -> Option<Verb> {
        match method.as_str() {
            "GET" | "HEAD" => Some(Verb::Get),
            "POST" => Some(Verb::Post),
            "PUT" => Some(Verb::Put),
            "DELETE" => Some(Verb::Delete),
            _ => None,
        }
    }
}

/// What the audit log says of calls that are let in. Whatever is refused is told in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Nothing: it changes nothing and shows nobody.
    Silent,
    /// Each call: it shows what is known of people.
    Reads,
    /// Each call: it changes something.
    Changes,
}

/// A value in the path or in the query.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub place: Place,
    pub kind: Kind,
    pub summary: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Always there.
    Path,
    /// May be left out.
    Query,
}

/// What a parameter's value must be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Up to so many characters, none of them a control character.
    Text(usize),
    /// One of these words.
    Choice(&'static [&'static str]),
    Number {
        default: u64,
        least: u64,
        most: u64,
    },
    /// RFC 3339.
    Instant,
    /// An address, of IPv4 or IPv6.
    Address,
    /// What is written in one form only.
    Form(Form),
}

/// A form of writing: as a regular expression for the documentation, in words for people, and as it is checked.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub pattern: &'static str,
    pub wanted: &'static str,
    pub is: fn(&str) -> bool,
}

/// An attempt's id.
pub const ATTEMPT: Form = Form {
    pattern: "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$",
    wanted: "an attempt's id: 26 letters and digits",
    is: |text| AttemptId::parse(text).is_some(),
};

/// A `device_id`.
pub const DEVICE: Form = Form {
    pattern: "^[0-9A-Fa-f]{32}$",
    wanted: "a device_id: 32 hexadecimal digits",
    is: |text| Pseudonym::parse(text).is_some(),
};

/// Where a page begins.
pub const CURSOR: Form = Form {
    pattern: "^[rl][0-9a-fA-F]{1,16}\\.[0-9a-fA-F]{1,16}$",
    wanted: "the cursor of the answer before",
    is: |text| Cursor::parse(text).is_some(),
};

/// What is read after the head.
#[derive(Clone, Copy)]
pub enum Body {
    /// Nothing; an empty body is let pass.
    None,
    /// A JSON value of this type, at most so many bytes. `required`: an empty body is refused.
    Json { schema: Typed, most: usize },
    /// A text of this media type, at most so many bytes.
    Text { media: &'static str, most: usize },
}

/// What is answered.
#[derive(Clone, Copy)]
pub struct Answer {
    pub status: u16,
    pub summary: &'static str,
    pub schema: Typed,
}

/// The schema of a type.
pub type Typed = fn(&mut SchemaGenerator) -> Schema;

/// The schema of `T`, where it is mentioned.
pub fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// A finished answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub media: &'static str,
    pub body: Vec<u8>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    /// What cannot be written as JSON is a fault of ours.
    pub fn json(status: u16, value: &impl Serialize) -> Result<Reply, Problem> {
        let mut body = serde_json::to_vec(value).map_err(|error| Problem::failed(&error))?;
        body.push(b'\n');
        Ok(Reply { status, media: "application/json", body, headers: Vec::new() })
    }
}
