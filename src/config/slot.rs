//! The cells that the file's mirror is made of.
//!
//! A [`Slot`] is a value with its place, and it can be bad without spoiling what surrounds it: the fault is reported
//! when it is met, the slot stays empty, and decoding goes on. That is how one run reports every mistake without
//! pruning and decoding again, and why the mirror's structs have no other fields. [`Many`] reads one value or a list,
//! [`Pairs`] keeps a mapping's own keys with their places. They reach the deserialiser by the names of newtypes, as
//! serde's own extensions do, so the mirror stays plain `derive(Deserialize)` and a schema can be derived beside it.

use super::tree::NodeId;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

pub(super) const SLOT: &str = "tollgate::Slot";
pub(super) const MANY: &str = "tollgate::Many";

/// A value of the file with its place.
#[derive(Debug, Default)]
pub(super) enum Slot<T> {
    /// Not in the file, or nothing was written behind the key.
    #[default]
    Absent,
    /// In the file, and the fault is reported.
    Bad(NodeId),
    Good(NodeId, T),
}

impl<T> Slot<T> {
    pub fn get(&self) -> Option<&T> {
        match self {
            Slot::Good(_, value) => Some(value),
            Slot::Absent | Slot::Bad(_) => None,
        }
    }

    /// The value with its place.
    pub fn good(&self) -> Option<(NodeId, &T)> {
        match self {
            Slot::Good(node, value) => Some((*node, value)),
            Slot::Absent | Slot::Bad(_) => None,
        }
    }

    pub fn node(&self) -> Option<NodeId> {
        match self {
            Slot::Absent => None,
            Slot::Bad(node) | Slot::Good(node, _) => Some(*node),
        }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self, Slot::Absent)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Slot<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cell<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Cell<T> {
            type Value = Slot<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_unit<E: Error>(self) -> Result<Slot<T>, E> {
                Ok(Slot::Absent)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Slot<T>, A::Error> {
                let node = parts.next_element()?.map(NodeId).ok_or_else(|| A::Error::custom("no place"))?;
                Ok(match parts.next_element()? {
                    Some(value) => Slot::Good(node, value),
                    None => Slot::Bad(node),
                })
            }
        }
        deserializer.deserialize_newtype_struct(SLOT, Cell(PhantomData))
    }
}

/// One value, or a list of them.
#[derive(Debug)]
pub(super) struct Many<T>(pub Vec<Slot<T>>);

impl<T> Many<T> {
    /// The sound ones.
    pub fn good(&self) -> impl Iterator<Item = (NodeId, &T)> {
        self.0.iter().filter_map(Slot::good)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value or a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Many<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Many(values))
            }
        }
        deserializer.deserialize_newtype_struct(MANY, List(PhantomData))
    }
}

/// A mapping whose keys are the operator's: lists, policies, fields.
#[derive(Debug)]
pub(super) struct Pairs<T>(pub Vec<(Slot<String>, Slot<T>)>);

impl<T> Pairs<T> {
    /// Name, the name's place, value. A bad value is skipped: it was reported.
    pub fn good(&self) -> impl Iterator<Item = (NodeId, &str, NodeId, &T)> {
        self.0.iter().filter_map(|(name, value)| {
            let ((at, name), (node, value)) = (name.good()?, value.good()?);
            Some((at, name.as_str(), node, value))
        })
    }

    /// Every name that was written, also of values that are broken: what refers to them is not at fault.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|(name, _)| name.get().map(String::as_str))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Mapping<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Mapping<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Mapping(PhantomData))
    }
}

/// Anything: only its place is kept, for the parts whose keys a table elsewhere defines.
#[derive(Debug)]
pub(super) struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_ignored_any(serde::de::IgnoredAny).map(|_| Anything)
    }
}
