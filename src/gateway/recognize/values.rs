//! Values of the query and the body, in every reading: servers take the first or the last of several, join them, read
//! `name[]` as `name`, and some separate at `;` too.

use crate::engine::pattern::Globs;
use crate::gateway::form::{self, Given, QueryParameter};
use http::HeaderMap;
use http::header::CONNECTION;
use std::borrow::Cow;

/// What the body says, by name; capture's side of recognition. An empty answer means that the body has no such value.
pub trait BodyValues {
    /// Every reading of a form field, urlencoded or multipart: each of several, all joined, `name[]`.
    fn form(&self, name: &str) -> Vec<Cow<'_, str>>;
    /// Every reading of the value at a JSON Pointer, printed as text (`true`, `12`, `text`).
    fn json(&self, pointer: &str) -> Vec<Cow<'_, str>>;
    /// How far the readings of a form field can be relied on.
    fn form_standing(&self, name: &str) -> Standing {
        Standing::plain(!self.form(name).is_empty())
    }
    /// As [`BodyValues::form_standing`], for a JSON Pointer.
    fn json_standing(&self, pointer: &str) -> Standing {
        Standing::plain(!self.json(pointer).is_empty())
    }
    /// Whether there may be fields in the body that some servers see and that are not seen here.
    fn hides(&self) -> bool {
        false
    }
}

/// How far the readings of one value of the body can be relied on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// It is there to every server, and not only to those that take another spelling for its name.
    pub present: bool,
    /// To some servers something else takes its place, wherever else in the request it stands: an array under the name, which
    /// PHP's `$_REQUEST` has instead of the query's value, or a field that only they see in this body.
    pub replaced: bool,
    /// There are more readings than were kept.
    pub crowded: bool,
}

impl Standing {
    fn plain(present: bool) -> Standing {
        Standing { present, ..Standing::default() }
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

/// Most values of one name in a query that are kept from either end. A server that stops after so many fields takes one from
/// the middle: a name with more values has any.
const MAX_VALUES: usize = 32;

/// As `MAX_VALUES`, for headers: cookies come in pieces over HTTP/2, one header each.
const MAX_HEADERS: usize = 256;

/// What one name stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ValueReadings {
    pub values: Vec<String>,
    /// Whether in some reading there is no such name.
    pub absent: bool,
    /// To some servers it is there, but none of these values: an array that took a value's place.
    pub replaced: bool,
    /// There are more values than were kept: it may be any.
    pub crowded: bool,
}

impl ValueReadings {
    /// No such name.
    pub fn absent() -> ValueReadings {
        ValueReadings { absent: true, ..ValueReadings::default() }
    }

    /// Readings of a header: each of several, and all joined, as servers do. One that `Connection` names is dropped before the
    /// application reads it, and one without a value is none to some: both are there and absent. CGI, and so WSGI and PHP, cannot tell `-` from
    /// `_` in a name, and some servers let a dot pass for either.
    pub fn in_headers(headers: &HeaderMap, name: &str) -> ValueReadings {
        let folded = |byte: u8| if matches!(byte, b'_' | b'.') { b'-' } else { byte };
        let is_named = |sent: &str| sent.len() == name.len() && sent.bytes().map(folded).eq(name.bytes().map(folded));
        let mut found = ValueReadings::default();
        let mut given: Vec<String> = Vec::new();
        for (_, value) in headers.iter().filter(|(sent, _)| is_named(sent.as_str())) {
            if given.len() == MAX_HEADERS {
                found.crowded = true;
                break;
            }
            let mut text = String::from_utf8_lossy(value.as_bytes()).trim().to_owned();
            // The scheme is the same in any case (RFC 9110, 11.1), and a condition is written in one.
            if name == "authorization" && text.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic ")) {
                text.replace_range(..5, "Basic");
            }
            given.push(text);
        }
        // A websocket's `Upgrade` is named by `Connection` and passed on all the same.
        let websocket = || name == "upgrade" && given.iter().all(|value| value.eq_ignore_ascii_case("websocket"));
        let mut options =
            headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
        let is_option = |option: &[u8]| {
            let option = option.trim_ascii();
            option.len() == name.len()
                && option.iter().map(|byte| folded(byte.to_ascii_lowercase())).eq(name.bytes().map(folded))
        };
        let dropped = options.any(is_option) && !websocket();
        found.absent = given.is_empty() || given.iter().any(String::is_empty) || dropped;
        if given.len() > 1 {
            found.add(given.join(", "));
        }
        given.into_iter().for_each(|value| found.add(value));
        found
    }

    /// Readings of a parameter of a query string, found as capture finds it ([`QueryParameter`]). A spelling of the name
    /// that only some servers take for it is there and absent. Values are read in more ways than capture keeps: servers
    /// in front of an application compare them undecoded as well.
    pub fn in_query(query: &[u8], parameter: &QueryParameter) -> ValueReadings {
        let mut given: Vec<Given<'_>> = Vec::new();
        let mut present = [false; 2];
        let mut found = ValueReadings::default();
        parameter.each(query, |value| {
            found.replaced |= !value.exact;
            for (present, seen) in present.iter_mut().zip(value.seen) {
                *present |= seen && value.exact;
            }
            if given.len() == 2 * MAX_VALUES {
                given.remove(MAX_VALUES);
                found.crowded = true;
            }
            given.push(value);
        });
        found.absent = present.contains(&false);
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

    /// Together with the readings of the same name elsewhere: absent only if absent from both.
    pub fn joined<'v>(&self, more: impl IntoIterator<Item = Cow<'v, str>>, standing: Standing) -> ValueReadings {
        let mut joined = self.clone();
        for value in more {
            joined.add(value.into_owned());
        }
        joined.absent &= !standing.present;
        joined.replaced |= standing.replaced;
        joined.crowded |= standing.crowded;
        joined
    }

    pub fn accepted(&self, globs: &Globs) -> bool {
        self.crowded || globs.accepts_readings(&self.values) || ((self.absent || self.replaced) && globs.accepts(None))
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

    /// PHP and qs stop after 1000 parameters, empty ones included.
    #[test]
    fn a_name_that_only_some_servers_get_to_excludes_nothing() {
        let globs = Globs::new(["!register"]);
        for (before, times, excludes) in
            [("j&", 999, true), ("j&", 1000, false), ("&", 999, true), ("&", 1000, false), ("j;j&", 334, false)]
        {
            let query = format!("{}action=register", before.repeat(times));
            assert_eq!(!in_query(&query).accepted(&globs), excludes, "{before} {times}");
        }
        let early = format!("action=register&{}action=register", "j&".repeat(1200));
        assert!(!in_query(&early).values.is_empty() && !in_query(&early).absent);
    }

    /// An array replaces the plain value of its name in PHP, and is no value that a condition names.
    #[test]
    fn an_array_beside_a_value_excludes_nothing() {
        let globs = Globs::new(["!rp"]);
        for query in ["action=rp&action[]=rp", "action[]=rp&action=rp", "action=rp&action%5Ba%5D=rp"] {
            assert!(in_query(query).accepted(&globs), "{query}");
        }
        let in_body = Standing { present: false, replaced: true, crowded: false };
        let both = in_query("action=rp").joined([Cow::Borrowed("rp")], in_body);
        assert!(both.accepted(&globs));
        let plain = in_query("action=rp").joined([Cow::Borrowed("rp")], Standing::plain(true));
        assert!(!plain.accepted(&globs), "a plain request stays as it is");
    }

    #[test]
    fn a_header_that_is_dropped_on_the_way_or_empty_is_absent_too() {
        let absent = Globs::new(["~"]);
        let found = |headers: &[(&'static str, &str)], name: &str| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, value.parse().unwrap());
            }
            ValueReadings::in_headers(&map, name)
        };
        for (connection, value, may_be_absent) in [
            ("close", "a", false),
            ("close, X-Kind", "a", true),
            ("x_kind", "a", true),
            ("keep-alive", "", true),
            ("keep-alive, Upgrade, x-kinds", "a", false),
        ] {
            let headers = [("connection", connection), ("x-kind", value)];
            assert_eq!(found(&headers, "x-kind").accepted(&absent), may_be_absent, "{connection} {value}");
        }
        let websocket = [("connection", "Upgrade"), ("upgrade", "websocket")];
        assert!(!found(&websocket, "upgrade").absent, "it goes on");
        let other = [("connection", "Upgrade"), ("upgrade", "h2c")];
        assert!(found(&other, "upgrade").absent, "it does not");
        let basic = Globs::new(["!Basic *"]);
        for (value, excluded) in [("Basic eDp5", true), ("bAsIC eDp5", true), ("x", false), ("Basics", false)] {
            assert_eq!(!found(&[("authorization", value)], "authorization").accepted(&basic), excluded, "{value}");
        }
    }

    /// PHP with its limit takes the thousandth: one from the middle.
    #[test]
    fn of_more_values_than_are_kept_any_may_be_meant() {
        let found = in_query(&format!("{}action=register&{0}", "action=x&".repeat(200)));
        assert!(found.accepted(&Globs::new(["register"])) && found.accepted(&Globs::new(["!x"])));
        assert!(!in_query(&"action=x&".repeat(60)).accepted(&Globs::new(["register"])));
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
