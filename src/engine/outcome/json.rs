//! One value of a JSON body, found without building the document.
//!
//! A walk along the pointer keeps nothing but the value, so memory is bounded by it; and a body whose end was cut off
//! at the limit still tells what stands before the cut. Of repeated keys the last one read counts, as for nearly every
//! reader.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// What stands at a pointer.
#[derive(Debug, PartialEq)]
pub(super) enum Place {
    /// Printed as text; objects as `{}`, arrays as `[]`.
    Value(String),
    /// The document is whole and has nothing there, or `null`.
    Absent,
    /// No JSON, or cut off before it could be told.
    Unreadable,
}

/// Looks `pointer` (RFC 6901) up in a body or its beginning.
pub(super) fn at(body: &[u8], pointer: &str) -> Place {
    let mut found = None;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let steps: Vec<String> =
        pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let read = Walk { steps: &steps, found: &mut found }.deserialize(&mut reader).and_then(|()| reader.end());
    match (read, found) {
        (Ok(()), None) => Place::Absent,
        (Ok(()), Some(found)) => found,
        // The cut came after the value.
        (Err(error), Some(found)) if error.is_eof() => found,
        (Err(_), _) => Place::Unreadable,
    }
}

struct Walk<'w> {
    steps: &'w [String],
    found: &'w mut Option<Place>,
}

impl Walk<'_> {
    fn scalar(self, text: impl FnOnce() -> String) {
        // A scalar on the way has nothing below it.
        *self.found = Some(if self.steps.is_empty() { Place::Value(text()) } else { Place::Absent });
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(|| value.to_string());
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(|| value.to_string());
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(|| value.to_string());
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        // With a point or an exponent, near to what was written: `1.0` is no `1`, and `1e300` no three hundred digits.
        self.scalar(|| serde_json::Value::from(value).to_string());
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.scalar(|| value.to_owned());
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        *self.found = Some(Place::Absent);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Walk { steps, found } = self;
        let Some((step, below)) = steps.split_first() else {
            *found = Some(Place::Value("{}".to_owned()));
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        // A later object under the same key takes the place of an earlier one.
        *found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == *step {
                *found = None;
                map.next_value_seed(Walk { steps: below, found: &mut *found })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Walk { steps, found } = self;
        let Some((step, below)) = steps.split_first() else {
            *found = Some(Place::Value("[]".to_owned()));
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        // `-` and numbers with leading zeros name no element.
        let wanted = step.parse::<usize>().ok().filter(|index| index.to_string() == *step);
        let mut index = 0;
        loop {
            let more = if Some(index) == wanted {
                list.next_element_seed(Walk { steps: below, found: &mut *found })?.is_some()
            } else {
                list.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                return Ok(());
            }
            index += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Place {
        Place::Value(text.to_owned())
    }

    #[test]
    fn a_pointer_finds_what_it_names() {
        let body = br#"{"ok":true,"n":-12,"f":1.5,"big":3e64,"one":1.0,"text":"a\"b","none":null,"list":[1,{"x":"y"}],"a/b":{"m~n":"deep"},"o":{}}"#;
        for (pointer, expected) in [
            ("/ok", value("true")),
            ("/n", value("-12")),
            ("/f", value("1.5")),
            ("/big", value("3e+64")),
            ("/one", value("1.0")),
            ("/text", value("a\"b")),
            ("/none", Place::Absent),
            ("/list", value("[]")),
            ("/list/0", value("1")),
            ("/list/1/x", value("y")),
            ("/list/2", Place::Absent),
            ("/list/01", Place::Absent),
            ("/list/-", Place::Absent),
            ("/a~1b/m~0n", value("deep")),
            ("/o", value("{}")),
            ("/o/x", Place::Absent),
            ("/ok/x", Place::Absent),
            ("", value("{}")),
            ("/nothing", Place::Absent),
        ] {
            assert_eq!(at(body, pointer), expected, "{pointer}");
        }
    }

    #[test]
    fn what_is_cut_off_tells_what_came_before() {
        for (body, expected) in [
            (r#"{"ok":true,"rest":"#, value("true")),
            (r#"{"ok":true,"rest":"abc"#, value("true")),
            (r#"{"rest":[1,2"#, Place::Unreadable),
            (r#"{"ok":tr"#, Place::Unreadable),
            (r#"{"ok":true}, oops"#, Place::Unreadable),
            (r#"{"ok":true,"ok":false}"#, value("false")),
            (r#"{"ok":true,"ok":null}"#, Place::Absent),
            ("<html>", Place::Unreadable),
            ("", Place::Unreadable),
            ("true", Place::Absent),
        ] {
            assert_eq!(at(body.as_bytes(), "/ok"), expected, "{body}");
        }
        let deep = "[".repeat(60_000);
        assert_eq!(at(deep.as_bytes(), "/ok"), Place::Unreadable);
        let deep = format!("{{\"ok\":{deep}");
        assert_eq!(at(deep.as_bytes(), "/ok/0/0"), value("[]"), "skipping does not recurse");
    }

    proptest! {
        /// As a reader that builds the document finds it.
        #[test]
        fn agrees_with_the_whole_document(key in "[a-c]", list in proptest::collection::vec(any::<i32>(), 0..4), index in 0usize..5) {
            let document = serde_json::json!({ "a": list, "b": { "c": list.len() } });
            let pointer = format!("/{key}/{index}");
            let expected = document.pointer(&pointer).map_or(Place::Absent, |found| value(&found.to_string()));
            prop_assert_eq!(at(document.to_string().as_bytes(), &pointer), expected);
        }

        #[test]
        fn no_body_breaks_it(body in "[\\[\\]{}\":,a0-9\\\\ntruefals ]{0,60}", pointer in "(/[a0~1]{0,2}){0,3}") {
            at(body.as_bytes(), &pointer);
        }
    }
}
