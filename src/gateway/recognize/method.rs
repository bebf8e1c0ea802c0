//! Which method a request has, in every reading: the one it was sent with, and those that frameworks let it tunnel in a
//! header or a parameter.

use super::Head;
use super::values::ValueReadings;
use crate::gateway::form::QueryParameter;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use std::sync::LazyLock;

/// Headers that frameworks take the method from. Read, never removed: the application reads them too.
pub const METHOD_HEADERS: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

/// The parameter of the query or the form that frameworks take the method from.
pub(super) const METHOD_PARAMETER: &str = "_method";

static PARAMETER: LazyLock<QueryParameter> = LazyLock::new(|| QueryParameter::new(METHOD_PARAMETER));

/// Most tunnelled methods that are looked at. Values beyond are those of the same header or parameter repeated.
const MAX_TUNNELLED: usize = 16;

/// What a request's head says about its method.
#[derive(Debug)]
pub(super) struct Methods<'h> {
    sent: &'h str,
    tunnelled: Vec<String>,
    /// A form may still name another. Most frameworks look there for a POST only, some (and middleware that is asked to)
    /// for any method.
    form_may_tell: bool,
}

/// How well a request's methods fit a route's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MethodFit {
    /// All readings do.
    All,
    /// Some do and some do not.
    Some,
    None,
}

impl<'h> Methods<'h> {
    pub fn of(head: &Head<'h>, query: &[u8]) -> Methods<'h> {
        let mut tunnelled = Vec::new();
        for (name, value) in head.headers {
            if METHOD_HEADERS.iter().any(|known| is_spelt(name.as_str(), known)) {
                let text = String::from_utf8_lossy(value.as_bytes());
                tunnelled.extend(text.split(',').map(|method| method.trim().to_owned()));
            }
        }
        // Nearly every query is told from one that names a method by a look at its letters.
        if mentions(query, b"method") || query.iter().any(|byte| *byte == b'%' || !byte.is_ascii()) {
            tunnelled.extend(ValueReadings::in_query(query, &PARAMETER).values);
        }
        tunnelled.retain(|method| !method.is_empty());
        tunnelled.truncate(MAX_TUNNELLED);
        let form_may_tell = head.has_body && (head.method.eq_ignore_ascii_case("POST") || may_be_form(head.headers));
        Methods { sent: head.method, tunnelled, form_may_tell }
    }

    /// Fit of what is known so far to a route's methods (empty: any).
    pub fn fit(&self, accepted: &[Box<str>]) -> MethodFit {
        fit(accepted, std::iter::once(self.sent).chain(self.tunnelled.iter().map(String::as_str)))
    }

    /// Whether the form may change what `fit` said.
    pub fn form_may_tell(&self, accepted: &[Box<str>]) -> bool {
        self.form_may_tell && !accepted.is_empty()
    }

    /// As [`Methods::into_known`], to go on with.
    pub fn known(&self) -> Vec<String> {
        std::iter::once(self.sent.to_owned()).chain(self.tunnelled.iter().cloned()).collect()
    }

    /// All that is known.
    pub fn into_known(self) -> Vec<String> {
        std::iter::once(self.sent.to_owned()).chain(self.tunnelled).collect()
    }

    /// Whether any reading may change something.
    pub fn write(&self) -> bool {
        let reads = |method: &str| ["GET", "HEAD", "OPTIONS"].iter().any(|read| read.eq_ignore_ascii_case(method));
        self.form_may_tell || !reads(self.sent) || self.tunnelled.iter().any(|method| !reads(method))
    }
}

/// Whether a body, by its announced type, may hold fields: a form, JSON, or something that does not say what it is.
fn may_be_form(headers: &HeaderMap) -> bool {
    let holds_fields = |value: &[u8]| [&b"form"[..], b"json"].iter().any(|word| mentions(value, word));
    let mut types = headers.get_all(CONTENT_TYPE).iter().map(|value| value.as_bytes()).peekable();
    types.peek().is_none() || types.any(holds_fields)
}

/// Whether the (lower-case) word stands in the text, in any case.
fn mentions(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|piece| piece.eq_ignore_ascii_case(word))
}

/// Fit of several readings of a method. A method in another case is another, but servers differ: `post` is both.
pub(super) fn fit<'m>(accepted: &[Box<str>], readings: impl Iterator<Item = &'m str>) -> MethodFit {
    if accepted.is_empty() {
        return MethodFit::All;
    }
    let (mut some, mut all) = (false, true);
    for reading in readings {
        match accepted.iter().find(|method| method.eq_ignore_ascii_case(reading)) {
            Some(method) => {
                some = true;
                all &= **method == *reading;
            }
            None => all = false,
        }
    }
    match (some, all) {
        (true, true) => MethodFit::All,
        (true, false) => MethodFit::Some,
        (false, _) => MethodFit::None,
    }
}

/// Whether a (lower-case) header name is `known`, with anything that is no letter or digit for hyphens if need be: behind
/// CGI and WSGI, and to PHP, they are the same.
pub fn is_spelt(name: &str, known: &str) -> bool {
    let separates = |byte: u8| !byte.is_ascii_alphanumeric();
    name.len() == known.len() && name.bytes().zip(known.bytes()).all(|(a, b)| a == b || (separates(a) && separates(b)))
}
