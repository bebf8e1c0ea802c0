//! A rule after the checker: a typed tree that cannot fail.
//!
//! cel's own interpreter looks names up as strings, boxes values and can err; 0.5 µs a rule, twice a login, for rules
//! that mostly compare two numbers. The checker has every type in its hands anyway, so it builds this instead: what it
//! accepted has no wrong type, no unknown name and no error left in it, and is evaluated without allocation in
//! nanoseconds. A property test holds that both give the same answer on any rule and any evidence.

use super::variables::{Flag, List, Quantity, Scene, Word};
use crate::engine::attempt::Field;
use crate::engine::clearance::ChallengeKind;
use crate::engine::signals::SignalId;
use std::borrow::Cow;
use std::sync::Arc;

#[derive(Debug, PartialEq)]
pub(super) enum Condition {
    Always(bool),
    Fired(SignalId),
    Listed(Arc<str>),
    Missing(Field),
    Cleared(ChallengeKind),
    Flag(Flag),
    Not(Box<Condition>),
    /// Each of them, asked in order.
    Every(Vec<Condition>),
    /// At least one of them, asked in order.
    Some(Vec<Condition>),
    /// Condition, then, else.
    Choose(Box<[Condition; 3]>),
    /// Both or neither.
    Same(Box<[Condition; 2]>),
    Compare(Number, Comparison, Number),
    NumberIn(Number, Box<[f64]>),
    Equal(Text, Text),
    TextIn(Text, Box<[Box<str>]>),
    ItemOf(Text, List),
    StartsWith(Text, Text),
    EndsWith(Text, Text),
    Contains(Text, Text),
    /// Some element satisfies the condition, which may ask [`Text::Item`].
    Exists(List, Box<Condition>),
    /// Every element does; so it is with no elements.
    All(List, Box<Condition>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
}

#[derive(Debug, PartialEq)]
pub(super) enum Number {
    Literal(f64),
    Variable(Quantity),
    Size(List),
}

#[derive(Debug, PartialEq)]
pub(super) enum Text {
    Literal(Box<str>),
    Variable(Word),
    Item,
}

impl Condition {
    /// The opposite, without piling up negations.
    pub fn not(self) -> Condition {
        match self {
            Condition::Not(inner) => *inner,
            Condition::Always(value) => Condition::Always(!value),
            other => Condition::Not(Box::new(other)),
        }
    }

    pub fn holds<'a>(&'a self, scene: &Scene<'a>) -> bool {
        match self {
            Condition::Always(value) => *value,
            Condition::Fired(signal) => scene.assessment.fired.contains(*signal),
            Condition::Listed(list) => scene.listed(list),
            Condition::Missing(field) => {
                let attempt = &scene.evidence.attempt;
                // An amount that no route maps, or that is no number, is as missing as one that was left out.
                attempt.missing.contains(field) || (*field == Field::Amount && scene.amount().is_none())
            }
            Condition::Cleared(kind) => scene.evidence.clearance.covers(*kind),
            Condition::Flag(flag) => scene.flag(*flag),
            Condition::Not(inner) => !inner.holds(scene),
            Condition::Every(parts) => parts.iter().all(|part| part.holds(scene)),
            Condition::Some(parts) => parts.iter().any(|part| part.holds(scene)),
            Condition::Choose(parts) => {
                let [condition, then, otherwise] = &**parts;
                if condition.holds(scene) { then.holds(scene) } else { otherwise.holds(scene) }
            }
            Condition::Same(parts) => parts[0].holds(scene) == parts[1].holds(scene),
            Condition::Compare(left, comparison, right) => comparison.holds(left.value(scene), right.value(scene)),
            Condition::NumberIn(number, values) => values.contains(&number.value(scene)),
            Condition::Equal(left, right) => left.value(scene) == right.value(scene),
            Condition::TextIn(text, values) => {
                let text = text.value(scene);
                values.iter().any(|value| **value == *text)
            }
            Condition::ItemOf(text, list) => {
                let text = text.value(scene);
                scene.any(*list, |element| element == text)
            }
            Condition::StartsWith(text, part) => text.value(scene).starts_with(&*part.value(scene)),
            Condition::EndsWith(text, part) => text.value(scene).ends_with(&*part.value(scene)),
            Condition::Contains(text, part) => text.value(scene).contains(&*part.value(scene)),
            Condition::Exists(list, condition) => scene.any(*list, |item| condition.holds(&Scene { item, ..*scene })),
            Condition::All(list, condition) => !scene.any(*list, |item| !condition.holds(&Scene { item, ..*scene })),
        }
    }
}

impl Comparison {
    /// As it reads from the right.
    pub fn mirrored(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::AtMost => Comparison::AtLeast,
            Comparison::Greater => Comparison::Less,
            Comparison::AtLeast => Comparison::AtMost,
            Comparison::Equal => Comparison::Equal,
        }
    }

    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::Less => left < right,
            Comparison::AtMost => left <= right,
            Comparison::Greater => left > right,
            Comparison::AtLeast => left >= right,
            Comparison::Equal => left == right,
        }
    }
}

impl Number {
    fn value(&self, scene: &Scene<'_>) -> f64 {
        match self {
            Number::Literal(value) => *value,
            Number::Variable(quantity) => scene.number(*quantity),
            Number::Size(list) => scene.size(*list) as f64,
        }
    }
}

impl Text {
    fn value<'a>(&'a self, scene: &Scene<'a>) -> Cow<'a, str> {
        match self {
            Text::Literal(text) => Cow::Borrowed(text),
            Text::Variable(word) => scene.word(*word),
            Text::Item => Cow::Borrowed(scene.item),
        }
    }
}
