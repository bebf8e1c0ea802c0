//! Values of the query and the body, in every reading: servers take the first or the last of several, join them, read
//! `name[]` as `name`, and some separate at `;` too.

use crate::engine::pattern::Globs;
use crate::gateway::form::{self, Given, QueryParameter};
use std::borrow::Cow;

/// What the body says, by name; capture's side of recognition. An empty answer means that the body has no such value.
pub trait BodyValues {
    /// Every reading of a form field, urlencoded or multipart: each of several, all joined, `name[]`.
    fn form(&self, name: &str) -> Vec<Cow<'_, str>>;
    /// Every reading of the value at a JSON Pointer, printed as text (`true`, `12`, `text`).
    fn json(&self, pointer: &str) -> Vec<Cow<'_, str>>;
    /// Whether the field is there to every server, and not only to those that take another spelling for its name.
    fn has_form(&self, name: &str) -> bool {
        !self.form(name).is_empty()
    }
    /// As [`BodyValues::has_form`], for a JSON Pointer.
    fn has_json(&self, pointer: &str) -> bool {
        !self.json(pointer).is_empty()
    }
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
    /// No such name.
    pub fn absent() -> ValueReadings {
        ValueReadings { values: Vec::new(), absent: true }
    }

    /// Readings of a parameter of a query string, found as capture finds it ([`QueryParameter`]). A spelling of the name
    /// that only some servers take for it is there and absent. Values are read in more ways than capture keeps: servers
    /// in front of an application compare them undecoded as well.
    pub fn in_query(query: &[u8], parameter: &QueryParameter) -> ValueReadings {
        let mut given: Vec<Given<'_>> = Vec::new();
        let mut present = [false; 2];
        parameter.each(query, |value| {
            for (present, seen) in present.iter_mut().zip(value.seen) {
                *present |= seen && value.exact;
            }
            if given.len() == 2 * MAX_VALUES {
                given.remove(MAX_VALUES);
            }
            given.push(value);
        });
        let mut found = ValueReadings { values: Vec::new(), absent: present.contains(&false) };
        // Where `;` separates too, the values are others; each of both kinds of server may join what it sees.
        for place in [0, 1] {
            let seen: Vec<&[u8]> = given.iter().filter(|value| value.seen[place]).map(|value| value.raw).collect();
            for value in &seen {
                found.add(form::decoded(value));
                found.add(percent_decoded(value));
                found.add(String::from_utf8_lossy(value).into_owned());
            }
            if seen.len() > 1 {
                let all: Vec<String> = seen.iter().map(|value| form::decoded(value)).collect();
                found.add(all.join(","));
            }
        }
        found
    }

    fn add(&mut self, value: String) {
        if !self.values.contains(&value) {
            self.values.push(value);
        }
    }

    /// Together with the readings of the same name elsewhere: absent only if absent from both. `present`: whether it is
    /// there to every server.
    pub fn joined<'v>(&self, more: impl IntoIterator<Item = Cow<'v, str>>, present: bool) -> ValueReadings {
        let mut joined = self.clone();
        for value in more {
            joined.add(value.into_owned());
        }
        joined.absent &= !present;
        joined
    }

    pub fn accepted(&self, globs: &Globs) -> bool {
        globs.accepts_readings(&self.values) || (self.absent && globs.accepts(None))
    }
}

fn percent_decoded(value: &[u8]) -> String {
    percent_encoding::percent_decode(value).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_query(query: &str) -> ValueReadings {
        ValueReadings::in_query(query.as_bytes(), &QueryParameter::new("action"))
    }

    #[test]
    fn a_query_is_read_in_every_way() {
        for (query, values, absent) in [
            ("", &[][..], true),
            ("action=login", &["login"][..], false),
            ("a=1&action=l%6Fgin", &["login", "l%6Fgin"], false),
            ("action=a&action=b", &["a", "b", "a,b"], false),
            ("%61ction=a", &["a"], false),
            // To some servers it is there, to others it is not.
            ("action%5B%5D=a", &["a"], true),
            ("action[x]=a", &["a"], true),
            ("%20action=a", &["a"], true),
            ("action%00x=a", &["a"], true),
            ("Action=a", &["a"], true),
            ("Action=a&action=b", &["a", "b", "a,b"], false),
            ("action=a+b", &["a b", "a+b"], false),
            ("x=1;action=a", &["a"], true),
            ("action", &[""], false),
            ("actions=b&xaction=c", &[], true),
        ] {
            let found = in_query(query);
            assert_eq!(found.values, values, "{query}");
            assert_eq!(found.absent, absent, "{query}");
        }
    }

    #[test]
    fn first_and_last_of_very_many_are_kept() {
        let middle = "action=x&".repeat(1000);
        let found = in_query(&format!("action=first&{middle}action=last"));
        assert!(found.values.iter().any(|value| value == "first") && found.values.iter().any(|value| value == "last"));
        assert!(found.values.len() < 2 * MAX_VALUES);
    }

    #[test]
    fn an_excluded_value_beside_another_excludes_nothing() {
        let globs = Globs::new(["!register"]);
        let accepted = |query: &str| in_query(query).accepted(&globs);
        assert!(accepted(""));
        assert!(accepted("action=login"));
        assert!(!accepted("action=register"));
        assert!(accepted("action=register&action=login"));
        assert!(accepted("x=1;action=register"), "to a server that separates at & only there is no action");
    }
}
