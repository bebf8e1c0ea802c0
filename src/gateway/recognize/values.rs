//! Values of the query and the body, in every reading: servers take the first or the last of several, join them, read
//! `name[]` as `name`, and some separate at `;` too.

use crate::engine::pattern::Globs;
use http::HeaderMap;
use std::borrow::Cow;

/// What the body says, by name; capture's side of recognition. An empty answer means that the body has no such value.
pub trait BodyValues {
    /// Every reading of a form field, urlencoded or multipart: each of several, all joined, `name[]`.
    fn form(&self, name: &str) -> Vec<Cow<'_, str>>;
    /// Every reading of the value at a JSON Pointer, printed as text (`true`, `12`, `text`).
    fn json(&self, pointer: &str) -> Vec<Cow<'_, str>>;
}

/// The empty body.
impl BodyValues for () {
    fn form(&self, _name: &str) -> Vec<Cow<'_, str>> {
        Vec::new()
    }

    fn json(&self, _pointer: &str) -> Vec<Cow<'_, str>> {
        Vec::new()
    }
}

/// Most values of one name that are kept: the first ones and the last ones. No server takes one from the middle.
const MAX_VALUES: usize = 32;

/// What one name stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ValueReadings {
    pub values: Vec<String>,
    /// Whether in some reading there is no such name.
    pub absent: bool,
}

impl ValueReadings {
    /// Readings of a parameter of a query string.
    pub fn in_query(query: &[u8], name: &str) -> ValueReadings {
        if query.is_empty() {
            return ValueReadings { values: Vec::new(), absent: true };
        }
        let mut found = ValueReadings::default();
        found.read(query, name, |byte| byte == b'&');
        if query.contains(&b';') {
            found.read(query, name, |byte| matches!(byte, b'&' | b';'));
        }
        found
    }

    /// Readings of a header: each of several, and all joined, as servers do. CGI, and so WSGI and PHP, cannot tell `-` from
    /// `_` in a name, and some servers let a dot pass for either.
    pub fn in_headers(headers: &HeaderMap, name: &str) -> ValueReadings {
        let folded = |byte: u8| if matches!(byte, b'_' | b'.') { b'-' } else { byte };
        let is_named = |sent: &str| sent.len() == name.len() && sent.bytes().map(folded).eq(name.bytes().map(folded));
        let mut found = ValueReadings::default();
        let mut given: Vec<String> = Vec::new();
        for (_, value) in headers.iter().filter(|(sent, _)| is_named(sent.as_str())) {
            if given.len() == MAX_VALUES {
                given.remove(MAX_VALUES / 2);
            }
            given.push(String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
        }
        found.absent = given.is_empty();
        if given.len() > 1 {
            found.add(given.join(", "));
        }
        given.into_iter().for_each(|value| found.add(value));
        found
    }

    fn read(&mut self, query: &[u8], name: &str, separates: impl Fn(u8) -> bool) {
        let mut given: Vec<&[u8]> = Vec::new();
        for pair in query.split(|&byte| separates(byte)) {
            let at = memchr::memchr(b'=', pair).unwrap_or(pair.len());
            if !is_named(&pair[..at], name) {
                continue;
            }
            if given.len() == MAX_VALUES {
                given.remove(MAX_VALUES / 2);
            }
            given.push(pair.get(at + 1..).unwrap_or_default());
        }
        self.absent |= given.is_empty();
        for value in &given {
            self.add(form_decoded(value));
            self.add(percent_decoded(value));
            self.add(String::from_utf8_lossy(value).into_owned());
        }
        if given.len() > 1 {
            let all: Vec<String> = given.iter().map(|value| form_decoded(value)).collect();
            self.add(all.join(","));
        }
    }

    fn add(&mut self, value: String) {
        if !self.values.contains(&value) {
            self.values.push(value);
        }
    }

    /// Together with the readings of the same name elsewhere: absent only if absent from both.
    pub fn joined<'v>(&self, more: impl IntoIterator<Item = Cow<'v, str>>) -> ValueReadings {
        let mut joined = self.clone();
        let mut present = false;
        for value in more {
            present = true;
            joined.add(value.into_owned());
        }
        joined.absent &= !present;
        joined
    }

    pub fn accepted(&self, globs: &Globs) -> bool {
        globs.accepts_readings(&self.values) || (self.absent && globs.accepts(None))
    }
}

/// Whether a parameter's name as sent means `name`: decoded, as an array, or as PHP tidies names up.
fn is_named(sent: &[u8], name: &str) -> bool {
    // Shorter names cannot become longer ones.
    if sent.len() < name.len() {
        return false;
    }
    if sent.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return sent == name.as_bytes();
    }
    let decoded = form_decoded(sent);
    let text = decoded.split('\0').next().unwrap_or_default().trim_start();
    let (Some(head), Some(rest)) = (text.get(..name.len()), text.get(name.len()..)) else { return false };
    let same = head.bytes().zip(name.bytes()).all(|(a, b)| a == b || (b == b'_' && matches!(a, b'.' | b' ' | b'[')));
    same && (rest.is_empty() || (rest.starts_with('[') && rest.ends_with(']')))
}

fn form_decoded(value: &[u8]) -> String {
    let spaced: Vec<u8> = value.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decoded(&spaced)
}

fn percent_decoded(value: &[u8]) -> String {
    percent_encoding::percent_decode(value).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_in_every_way() {
        for (query, values, absent) in [
            ("", &[][..], true),
            ("action=login", &["login"][..], false),
            ("a=1&action=l%6Fgin", &["login", "l%6Fgin"], false),
            ("action=a&action=b", &["a", "b", "a,b"], false),
            ("action%5B%5D=a", &["a"], false),
            ("action[x]=a", &["a"], false),
            ("%20action=a", &["a"], false),
            ("action%00x=a", &["a"], false),
            ("action=a+b", &["a b", "a+b"], false),
            ("x=1;action=a", &["a"], true),
            ("action", &[""], false),
            ("Action=a&actions=b&xaction=c", &[], true),
        ] {
            let found = ValueReadings::in_query(query.as_bytes(), "action");
            assert_eq!(found.values, values, "{query}");
            assert_eq!(found.absent, absent, "{query}");
        }
    }

    #[test]
    fn first_and_last_of_very_many_are_kept() {
        let middle = "action=x&".repeat(1000);
        let found = ValueReadings::in_query(format!("action=first&{middle}action=last").as_bytes(), "action");
        assert!(found.values.iter().any(|value| value == "first") && found.values.iter().any(|value| value == "last"));
        assert!(found.values.len() < 2 * MAX_VALUES);
    }

    #[test]
    fn an_excluded_value_beside_another_excludes_nothing() {
        let globs = Globs::new(["!register"]);
        let accepted = |query: &str| ValueReadings::in_query(query.as_bytes(), "action").accepted(&globs);
        assert!(accepted(""));
        assert!(accepted("action=login"));
        assert!(!accepted("action=register"));
        assert!(accepted("action=register&action=login"));
        assert!(accepted("x=1;action=register"), "to a server that separates at & only there is no action");
    }
}
