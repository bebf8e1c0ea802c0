//! Which values are read from a request, and which spellings of their names count.
//!
//! Only what a candidate route asks for is kept; everything else (the other fields of a checkout, the pictures of a
//! sign-up) is passed over without a copy. Backends do not agree on names, so a want knows its look-alikes: PHP turns
//! dots and spaces into underscores and drops leading spaces, ASP.NET and Go ignore case, Rails, PHP and Node make
//! `login[]` an array under `login`, Spring fills `login` from `!login`. A look-alike is kept as a second reading, and
//! never silently as the first.

use crate::config::settings::{FieldSource, Route, ValuePlace};
use crate::engine::attempt::Field;
use std::sync::Arc;

/// Where a value is wanted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Query,
    Form,
    /// The name is a JSON Pointer (RFC 6901).
    Json,
}

/// How a value's name relates to the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kin {
    /// The very name, in the place that was asked for.
    Exact,
    /// A spelling that some backends take for the name, an array under it, or a value cut at another separator.
    Lookalike,
    /// The same name in a body of the other format: JSON where a form was asked for, or the reverse.
    Elsewhere,
    /// Several values with commas between them, as ASP.NET hands them over.
    Joined,
}

/// One name that a route asks for.
pub(super) struct Want {
    pub(super) place: Place,
    pub(super) name: Box<str>,
    /// The name as a form spells it: `user[login]` for the pointer `/user/login`.
    pub(super) spelling: Box<str>,
    /// The name as steps into a JSON document.
    pub(super) path: Box<[Box<str>]>,
    folded: Box<[u8]>,
}

/// The names that a set of routes asks for. Built when a configuration is loaded; a clone is a pointer.
#[derive(Clone)]
pub struct Wanted {
    pub(super) wants: Arc<[Want]>,
    /// Whether a route itself asks for something in the body. What is looked for there besides (`_method`, the twin of a
    /// query value) is no reason to refuse a body that cannot be read.
    pub(super) needs_body: bool,
}

impl Wanted {
    /// Everything that the fields and conditions of these routes need, and `_method`, which may override the method.
    ///
    /// A field in the body is looked for in the query as well, and the reverse: many frameworks merge the two.
    pub fn of<'r>(routes: impl IntoIterator<Item = &'r Route>) -> Wanted {
        let mut names = Names::default();
        for route in routes {
            names.of_fields(&route.fields);
            names.of_sources(&route.trap);
            for condition in &route.matching.values {
                match condition.place {
                    ValuePlace::Query => names.asked.push((Place::Query, &condition.name)),
                    ValuePlace::Form => names.asked.push((Place::Form, &condition.name)),
                    ValuePlace::Param => {
                        names.asked.extend([(Place::Form, &*condition.name), (Place::Query, &*condition.name)]);
                    }
                    ValuePlace::Json => names.asked.push((Place::Json, &condition.name)),
                    // Read from the head, and already decided.
                    ValuePlace::Header => {}
                }
            }
        }
        names.wanted()
    }

    /// Everything that a field map needs.
    pub fn of_fields(fields: &[(Field, Vec<FieldSource>)]) -> Wanted {
        let mut names = Names::default();
        names.of_fields(fields);
        names.wanted()
    }

    /// From places and names; `_method` is always among them. A pointer brings its spelling in the query with it.
    pub fn new<'n>(names: impl IntoIterator<Item = (Place, &'n str)>) -> Wanted {
        Names { asked: names.into_iter().collect(), besides: Vec::new() }.wanted()
    }

    /// Whether a route asks for something in the body. If not, the body need not be held.
    pub fn needs_body(&self) -> bool {
        self.needs_body
    }

    /// Whether anything is wanted from a JSON body by pointer.
    pub(super) fn asks_json(&self) -> bool {
        self.wants.iter().any(|want| want.place == Place::Json)
    }

    pub(super) fn position(&self, place: Place, name: &str) -> Option<usize> {
        self.wants.iter().position(|want| want.place == place && *want.name == *name)
    }
}

/// Names on their way to be wants.
#[derive(Default)]
struct Names<'n> {
    asked: Vec<(Place, &'n str)>,
    besides: Vec<(Place, &'n str)>,
}

impl<'n> Names<'n> {
    fn of_fields(&mut self, fields: &'n [(Field, Vec<FieldSource>)]) {
        fields.iter().for_each(|(_, sources)| self.of_sources(sources));
    }

    fn of_sources(&mut self, sources: &'n [FieldSource]) {
        for source in sources {
            match source {
                FieldSource::Form(name) => {
                    self.asked.push((Place::Form, name));
                    self.besides.push((Place::Query, name));
                }
                FieldSource::Query(name) => {
                    self.asked.push((Place::Query, name));
                    self.besides.push((Place::Form, name));
                }
                FieldSource::Json(pointer) => self.asked.push((Place::Json, pointer)),
                FieldSource::Header(_)
                | FieldSource::Cookie(_)
                | FieldSource::BasicUser
                | FieldSource::BasicPassword => {}
            }
        }
    }

    fn wanted(self) -> Wanted {
        let needs_body = self.asked.iter().any(|(place, _)| *place != Place::Query);
        let mut wants: Vec<Want> = Vec::new();
        let method = [(Place::Form, "_method"), (Place::Query, "_method")];
        for (place, name) in self.asked.into_iter().chain(self.besides).chain(method) {
            let want = Want::new(place, name);
            if place == Place::Json {
                wants.push(Want::new(Place::Query, &want.spelling));
            }
            wants.push(want);
        }
        wants.sort_by(|a, b| (a.place, &a.name).cmp(&(b.place, &b.name)));
        wants.dedup_by(|a, b| a.place == b.place && a.name == b.name);
        Wanted { wants: wants.into(), needs_body }
    }
}

impl Want {
    pub(super) fn new(place: Place, name: &str) -> Want {
        let path: Vec<Box<str>> = match place {
            Place::Json => pointer_steps(name),
            Place::Query | Place::Form => bracket_steps(name),
        };
        let spelling = match place {
            Place::Json => spelled(&path),
            Place::Query | Place::Form => name.to_owned(),
        };
        let mut folded = Vec::new();
        fold(spelling.as_bytes(), &mut folded);
        Want { place, name: name.into(), spelling: spelling.into(), path: path.into(), folded: folded.into() }
    }

    /// What a name in a form or query (`at`) is to this want; `key_folded` is the name after [`fold`].
    pub(super) fn kin(&self, at: Place, key: &[u8], key_folded: &[u8]) -> Option<Kin> {
        if self.place == at && key == self.name.as_bytes() {
            return Some(Kin::Exact);
        }
        let same_body = match (self.place, at) {
            (Place::Json, Place::Form) => Kin::Elsewhere,
            (place, at) if place == at => Kin::Lookalike,
            _ => return None,
        };
        let (head, tail) = key_folded.split_at_checked(self.folded.len())?;
        let alike = !self.folded.is_empty()
            && matches!(tail.first(), None | Some(&(BRACKET | OPEN)))
            && head.iter().zip(&self.folded).all(|(a, b)| interchangeable(*a, *b));
        alike.then_some(same_body)
    }
}

const BRACKET: u8 = 1;
const DOT: u8 = 2;
/// A bracket that is never closed: an underscore to PHP, a step inside to Node's qs.
const OPEN: u8 = 3;

fn interchangeable(a: u8, b: u8) -> bool {
    a == b || matches!((a, b), (DOT | OPEN, b'_' | BRACKET) | (b'_' | BRACKET, DOT | OPEN))
}

/// Brings a form name to what the forgiving backends make of it: without byte-order mark, leading spaces, `!` and
/// brackets (`[login]` is `login` to Node's qs and to Rack), cut at NUL, in one case, its separators told apart only
/// where some backend does.
pub(super) fn fold(name: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut rest = name.strip_prefix("\u{feff}".as_bytes()).unwrap_or(name);
    let mut begins_in_brackets = false;
    while let [first @ (b' ' | b'!' | b'[' | b']'), tail @ ..] = rest {
        begins_in_brackets |= *first == b'[';
        rest = tail;
    }
    let closed = memchr::memrchr(b']', rest);
    let mut ascii = |place: usize, byte: u8| match byte {
        b'[' if closed.is_some_and(|end| end > place) => out.push(BRACKET),
        b'[' => out.push(OPEN),
        b' ' => out.push(b'_'),
        b'.' => out.push(DOT),
        // What follows `[login]` is beside the name.
        b']' if begins_in_brackets => {
            begins_in_brackets = false;
            if !matches!(rest.get(place + 1), None | Some(b'[' | b']')) {
                out.push(BRACKET);
            }
        }
        b']' => {}
        _ => out.push(byte.to_ascii_lowercase()),
    };
    // Checked once: a check a character would be quadratic in names that an attacker makes.
    let text = if rest.is_ascii() { None } else { std::str::from_utf8(rest).ok() };
    let Some(text) = text else {
        rest.iter().take_while(|byte| **byte != 0).enumerate().for_each(|(place, byte)| ascii(place, *byte));
        return;
    };
    for (place, character) in text.char_indices().take_while(|(_, character)| *character != '\0') {
        // The long s and the Kelvin sign are ASCII letters to Go.
        for lower in character.to_uppercase().flat_map(char::to_lowercase) {
            let mut utf8 = [0; 4];
            lower.encode_utf8(&mut utf8).bytes().for_each(|byte| ascii(place, byte));
        }
    }
}

/// Whether two JSON keys are one to a parser that ignores case (Go, .NET).
pub(super) fn same_but_for_case(a: &str, b: &str) -> bool {
    fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
        text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
    }
    if a.is_ascii() && b.is_ascii() { a.eq_ignore_ascii_case(b) } else { folded(a).eq(folded(b)) }
}

fn pointer_steps(pointer: &str) -> Vec<Box<str>> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~").into()).collect()
}

fn bracket_steps(name: &str) -> Vec<Box<str>> {
    name.split('[').map(|step| step.strip_suffix(']').unwrap_or(step).into()).collect()
}

fn spelled(path: &[Box<str>]) -> String {
    let mut steps = path.iter();
    let mut name = steps.next().map(|step| step.to_string()).unwrap_or_default();
    for step in steps {
        name.push('[');
        name.push_str(step);
        name.push(']');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_backends_take_for_one_another() {
        use Kin::{Exact, Lookalike};
        for (wanted, key, expected) in [
            ("login", "login", Some(Exact)),
            ("login", "LOGIN", Some(Lookalike)),
            ("login", " login", Some(Lookalike)),
            ("login", "!login", Some(Lookalike)),
            ("login", "login[]", Some(Lookalike)),
            ("login", "login[0]", Some(Lookalike)),
            ("login", "login[$gt]", Some(Lookalike)),
            ("login", "login\0x", Some(Lookalike)),
            ("login", "\u{feff}login", Some(Lookalike)),
            ("user_login", "user.login", Some(Lookalike)),
            ("user_login", "user login", Some(Lookalike)),
            ("user_login", "user[login", Some(Lookalike)),
            ("login", "login[", Some(Lookalike)),
            ("login", "login[x", Some(Lookalike)),
            ("login", "[login]", Some(Lookalike)),
            ("login", "[login][]", Some(Lookalike)),
            ("login", "[login]x", Some(Lookalike)),
            ("login", "]login]", Some(Lookalike)),
            ("user[login]", "[user][login]", Some(Lookalike)),
            ("user[login]", "user.login", Some(Lookalike)),
            ("user[login]", "user[login][]", Some(Lookalike)),
            ("pass", "pa\u{17f}s", Some(Lookalike)),
            // Other fields of ordinary forms.
            ("password", "password_confirmation", None),
            ("password", "password2", None),
            ("user_login", "user[login]", None),
            ("login", "user[login]", None),
            ("login", "[user]login", None),
            ("login", "[loginx]", None),
            ("user", "user_id", None),
            ("login", "logi", None),
            ("login", "", None),
        ] {
            let want = Want::new(Place::Form, wanted);
            let mut folded = Vec::new();
            fold(key.as_bytes(), &mut folded);
            assert_eq!(want.kin(Place::Form, key.as_bytes(), &folded), expected, "{key:?} for {wanted}");
        }
    }

    #[test]
    fn a_pointer_has_a_spelling_in_forms() {
        let want = Want::new(Place::Json, "/user/na~1me");
        assert_eq!((&*want.spelling, want.path.len()), ("user[na/me]", 2));
        assert_eq!(&*Want::new(Place::Form, "user[login]").path[1], "login");
    }
}
