//! From the tree to the mirror: a serde deserialiser that reports and goes on.
//!
//! Everything that can be said about a type is said here, before serde sees the value, in the operator's words
//! ("expected a list, found a text") and with the place. Unknown keys are reported and left out instead of ending the
//! struct; unknown variants get a "did you mean"; what belongs to a later stage says so. Scalars are taken as they are
//! written: `name: 123` is the text `123`, because a person who wrote it meant nothing else.

use super::document::Document;
use super::later;
use super::slot::{MANY, SLOT, Slot};
use super::tree::{Kind, NodeId};
use super::words;
use crate::engine::policy::spelling::nearest;
use serde::de::value::{StrDeserializer, U32Deserializer};
use serde::de::{self, Deserialize, DeserializeSeed, IntoDeserializer, Visitor};
use std::fmt;

/// Decodes a node; what is wrong is reported to the document.
pub(super) fn decode<'d, T: Deserialize<'d>>(document: &'d Document<'_>, node: NodeId) -> Slot<T> {
    Slot::deserialize(Decoder { document, node }).unwrap_or_else(|fault| {
        document.error(node, fault.message, fault.help);
        Slot::Bad(node)
    })
}

/// A reading position.
struct Decoder<'d, 's> {
    document: &'d Document<'s>,
    node: NodeId,
}

/// Why a value could not be read; the innermost slot reports it.
#[derive(Debug)]
struct Fault {
    message: String,
    help: Option<String>,
}

impl Fault {
    fn expected(what: &str, found: &str) -> Fault {
        Fault { message: format!("expected {what}, found {found}"), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Fault {
        Fault { message: message.to_string(), help: None }
    }
}

impl<'d, 's> Decoder<'d, 's> {
    fn at(&self, node: NodeId) -> Decoder<'d, 's> {
        Decoder { document: self.document, node }
    }

    fn kind(&self) -> &'d Kind {
        self.document.tree.kind(self.node)
    }

    /// The node's kind as a person calls it.
    fn found(&self) -> String {
        match self.kind() {
            Kind::Refused => "a value that cannot be read".to_owned(),
            Kind::Sequence(_) => "a list".to_owned(),
            Kind::Mapping(_) => "a mapping".to_owned(),
            Kind::Scalar { text, plain: true, .. } if text.is_empty() => "nothing".to_owned(),
            Kind::Scalar { text, .. } => {
                let shown: String = text.chars().take(60).collect();
                format!("`{shown}`{}", if shown.len() < text.len() { "…" } else { "" })
            }
        }
    }

    fn text(&self, what: &str) -> Result<&'d str, Fault> {
        match self.kind() {
            Kind::Scalar { text, .. } if !self.document.tree.is_empty(self.node) => Ok(text),
            _ => Err(Fault::expected(what, &self.found())),
        }
    }
}

impl<'d> de::Deserializer<'d> for Decoder<'d, '_> {
    type Error = Fault;

    fn deserialize_newtype_struct<V: Visitor<'d>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match name {
            SLOT if self.document.tree.is_empty(self.node) => visitor.visit_unit(),
            SLOT => visitor.visit_seq(Cell { decoder: self, part: 0 }),
            MANY => match self.kind() {
                Kind::Sequence(children) => visitor.visit_seq(Elements { children: children.iter(), decoder: self }),
                _ => visitor.visit_seq(Elements { children: [self.node].iter(), decoder: self.at(self.node) }),
            },
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_struct<V: Visitor<'d>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Kind::Mapping(pairs) = self.kind() else {
            let fault = Fault::expected("a mapping (lines of `key: value`)", &self.found());
            let glued = self.document.tree.text(self.node).and_then(|text| words::glued(text, fields));
            return Err(fault.help(glued.unwrap_or_else(|| format!("its keys are {}", later::listed(fields)))));
        };
        visitor.visit_map(Entries { pairs: pairs.iter(), value: None, schema: Some((name, fields)), decoder: self })
    }

    fn deserialize_map<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Kind::Mapping(pairs) = self.kind() else {
            return Err(Fault::expected("a mapping (lines of `key: value`)", &self.found()));
        };
        visitor.visit_map(Entries { pairs: pairs.iter(), value: None, schema: None, decoder: self })
    }

    fn deserialize_seq<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Kind::Sequence(children) = self.kind() else {
            let help = "a list is written `[a, b]`, or one `- entry` a line";
            return Err(Fault::expected("a list", &self.found()).help(help));
        };
        visitor.visit_seq(Elements { children: children.iter(), decoder: self })
    }

    fn deserialize_enum<V: Visitor<'d>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let text = self.text(&format!("one of {}", later::listed(variants)))?;
        if variants.contains(&text) {
            return visitor.visit_enum(StrDeserializer::<Fault>::new(text));
        }
        if later::is_later(name, text) {
            return Err(Fault { message: format!("`{text}` is not available yet"), help: None });
        }
        let fault = Fault::expected(&format!("one of {}", later::listed(variants)), &self.found());
        Err(match nearest(text, variants.iter().copied()) {
            Some(close) => fault.help(format!("did you mean `{close}`?")),
            None => fault,
        })
    }

    fn deserialize_bool<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.kind() {
            Kind::Scalar { text, plain: true, .. } if &**text == "true" => visitor.visit_bool(true),
            Kind::Scalar { text, plain: true, .. } if &**text == "false" => visitor.visit_bool(false),
            Kind::Scalar { text, .. } => {
                let fault = Fault::expected("`true` or `false`", &self.found());
                Err(Fault { help: words::truth(text), ..fault })
            }
            _ => Err(Fault::expected("`true` or `false`", &self.found())),
        }
    }

    fn deserialize_u64<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = self.text("a whole number")?;
        if let Some((message, help)) = words::octal(text) {
            return Err(Fault { message, help: Some(help) });
        }
        let digits = text.replace('_', "");
        match digits.parse::<u64>() {
            Ok(number) if digits.bytes().all(|b| b.is_ascii_digit()) => visitor.visit_u64(number),
            _ => Err(Fault { help: words::whole(text), ..Fault::expected("a whole number", &self.found()) }),
        }
    }

    fn deserialize_str<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = self.text("a text").map_err(|fault| match self.kind() {
            Kind::Sequence(_) => {
                fault.help("to YAML a value that begins with `[` is a list: put a text into single quotes")
            }
            Kind::Mapping(_) => {
                fault.help("to YAML `{`, or `: ` inside of a value, begins a mapping: put a text into single quotes")
            }
            _ => fault,
        })?;
        if let Kind::Scalar { plain: true, expanded: false, .. } = self.kind()
            && let Some((message, help)) = words::ambiguous(text)
        {
            self.document.warn(self.node, message, help);
        }
        visitor.visit_borrowed_str(text)
    }

    fn deserialize_string<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    /// For values that may be a text or a mapping.
    fn deserialize_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.kind() {
            Kind::Scalar { .. } | Kind::Refused => self.deserialize_str(visitor),
            Kind::Sequence(_) => self.deserialize_seq(visitor),
            Kind::Mapping(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.document.tree.is_empty(self.node) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'d>>
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

/// The two parts of a [`Slot`]: the place, then the value if it is sound.
struct Cell<'d, 's> {
    decoder: Decoder<'d, 's>,
    part: u8,
}

impl<'d> de::SeqAccess<'d> for Cell<'d, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'d>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Decoder { document, node } = self.decoder;
        self.part += 1;
        if self.part == 1 {
            let place: U32Deserializer<Fault> = node.0.into_deserializer();
            return seed.deserialize(place).map(Some);
        }
        if matches!(self.decoder.kind(), Kind::Refused) {
            return Ok(None);
        }
        Ok(seed
            .deserialize(self.decoder.at(node))
            .map_err(|fault| document.error(node, fault.message, fault.help))
            .ok())
    }
}

/// The entries of a list. One with nothing in it is reported and left out.
struct Elements<'a, 'd, 's> {
    children: std::slice::Iter<'a, NodeId>,
    decoder: Decoder<'d, 's>,
}

impl<'d> de::SeqAccess<'d> for Elements<'_, 'd, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'d>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        for &child in self.children.by_ref() {
            let document = self.decoder.document;
            if document.tree.is_empty(child) && !document.is_known(child) {
                document.error(child, "this entry of the list is empty", None);
                continue;
            }
            return seed.deserialize(self.decoder.at(child)).map(Some);
        }
        Ok(None)
    }
}

/// The pairs of a mapping: with a schema the unknown ones are reported and left out.
struct Entries<'d, 's> {
    pairs: std::slice::Iter<'d, (NodeId, NodeId)>,
    value: Option<NodeId>,
    schema: Option<(&'static str, &'static [&'static str])>,
    decoder: Decoder<'d, 's>,
}

impl<'d> de::MapAccess<'d> for Entries<'d, '_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'d>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let document = self.decoder.document;
        for &(key, value) in self.pairs.by_ref() {
            let text = document.tree.text(key).unwrap_or_default();
            let Some((name, fields)) = self.schema else {
                if document.tree.is_empty(value) {
                    document.error(key, format!("nothing is written behind `{text}`"), None);
                    continue;
                }
                self.value = Some(value);
                return seed.deserialize(self.decoder.at(key)).map(Some);
            };
            if fields.contains(&text) {
                self.value = Some(value);
                return seed.deserialize(StrDeserializer::<Fault>::new(text)).map(Some);
            }
            if document.is_full() {
                continue;
            }
            let (message, help) = later::unknown_key(name, text, fields);
            document.error(key, message, help);
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'d>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let value = self.value.take().ok_or_else(|| de::Error::custom("a value without its key"))?;
        seed.deserialize(self.decoder.at(value))
    }
}
