//! Why a rule holds or does not: the parts of it that decided, with the values they had.
//!
//! A second evaluator beside `Condition::holds`, because the first one must not pay for this: it keeps no reasons and
//! allocates nothing. That both always agree is a property test, and so is that what is printed here, read as a rule,
//! means what was traced. Of a chain of `&&` that is false the first part that is false decided, of one that is true all
//! parts did; of `||` the other way round. What was not asked is not told.

use super::condition::{Comparison, Condition, Number, Text};
use super::variables::{Flag, Kind, List, Quantity, Scene, VARIABLES, Word};
use super::{Asked, Policy, RuleList, banned, ruling, satisfied};
use crate::engine::assessment::Assessment;
use crate::engine::attempt::Field;
use crate::engine::decision::{Action, BanOrder, Ruling};
use crate::engine::evidence::Evidence;
use crate::engine::signals::SignalId;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// One part of a rule that decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// As a rule would say it: `bot >= 50`.
    pub expression: String,
    pub held: bool,
    /// The variables in it with what they were: `bot`, `93.1`.
    pub values: Vec<(String, String)>,
}

/// What became of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It decides.
    True,
    False,
    /// The challenge it asks for was solved for this attempt: passed over.
    Satisfied,
    /// An earlier one decided.
    NotReached,
    /// It is for when something is degraded, and nothing is.
    NotDegraded,
}

/// One rule as it was asked.
#[derive(Clone, Debug)]
pub struct RuleTrace {
    pub list: RuleList,
    pub name: Arc<str>,
    pub action: Action,
    pub ban: Option<BanOrder>,
    /// As the operator wrote it.
    pub text: Box<str>,
    pub verdict: Verdict,
    pub reasons: Vec<Reason>,
}

/// All rules of one moment as they were asked.
#[derive(Clone, Debug)]
pub struct PolicyTrace {
    /// Of the moment; rules of `when_degraded` follow.
    pub list: RuleList,
    pub rules: Vec<RuleTrace>,
    pub otherwise: Action,
    /// Always what [`Policy::rule`] says.
    pub ruling: Ruling,
}

impl Policy {
    /// As [`Policy::rule`], telling of every rule on the way.
    pub fn trace(&self, evidence: &Evidence, assessment: &Assessment) -> PolicyTrace {
        let scene = self.scene(evidence, assessment);
        let Asked { list, rules, when_degraded, otherwise } = self.asked(evidence.moment);
        let mut matched = None;
        let is_banned = evidence.is_banned();
        let mut traces = Vec::with_capacity(rules.len() + when_degraded.len());
        let of_moment = rules.iter().map(|rule| (list, rule));
        let when_degraded = when_degraded.iter().map(|rule| (RuleList::WhenDegraded, rule));
        for (list, rule) in of_moment.chain(when_degraded) {
            let mut reasons = Vec::new();
            let verdict = if is_banned || matched.is_some() {
                Verdict::NotReached
            } else if list == RuleList::WhenDegraded && evidence.degraded.is_empty() {
                Verdict::NotDegraded
            } else if satisfied(evidence, rule.action) {
                Verdict::Satisfied
            } else if rule.when.trace(&scene, &mut reasons) {
                matched = Some(rule);
                Verdict::True
            } else {
                Verdict::False
            };
            traces.push(RuleTrace {
                list,
                name: rule.name.clone(),
                action: rule.action,
                ban: rule.ban,
                text: rule.text.clone(),
                verdict,
                reasons,
            });
        }
        let ruling = if is_banned { banned() } else { ruling(evidence, matched, otherwise) };
        PolicyTrace { list, rules: traces, otherwise, ruling }
    }
}

impl Condition {
    /// As [`Condition::holds`], and adds what decided.
    pub(super) fn trace<'a>(&'a self, scene: &Scene<'a>, reasons: &mut Vec<Reason>) -> bool {
        match self {
            Condition::Not(inner) => match **inner {
                // A plain part is told with its negation: `!fired.x`, `a != b`.
                ref leaf if leaf.is_leaf() => self.reason(scene, reasons),
                ref inner => !inner.trace(scene, reasons),
            },
            Condition::Every(parts) => chain(parts, false, scene, reasons),
            Condition::Some(parts) => chain(parts, true, scene, reasons),
            Condition::Choose(parts) => {
                let [condition, then, otherwise] = &**parts;
                let branch = if condition.trace(scene, reasons) { then } else { otherwise };
                branch.trace(scene, reasons)
            }
            Condition::Same(parts) => {
                let left = parts[0].trace(scene, reasons);
                let right = parts[1].trace(scene, reasons);
                left == right
            }
            _ => self.reason(scene, reasons),
        }
    }

    /// This part as a whole is what decided.
    fn reason<'a>(&'a self, scene: &Scene<'a>, reasons: &mut Vec<Reason>) -> bool {
        let held = self.holds(scene);
        let mut values = Vec::new();
        self.values(scene, &mut values);
        let expression = Printed { condition: self, signals: scene.signals }.to_string();
        reasons.push(Reason { expression, held, values });
        held
    }

    fn is_leaf(&self) -> bool {
        !matches!(
            self,
            Condition::Not(_) | Condition::Every(_) | Condition::Some(_) | Condition::Choose(_) | Condition::Same(_)
        )
    }

    /// The variables of this part with their values, each once.
    fn values<'a>(&'a self, scene: &Scene<'a>, values: &mut Vec<(String, String)>) {
        let mut add = |name: String, value: String| {
            if !values.iter().any(|(known, _)| *known == name) {
                values.push((name, value));
            }
        };
        let number = |number: &Number, add: &mut dyn FnMut(String, String)| match number {
            Number::Literal(_) => {}
            Number::Variable(quantity) => add(quantity_name(*quantity).into(), scene.number(*quantity).to_string()),
            Number::Size(list) => add(list_name(*list).into(), elements(*list, scene)),
        };
        let text = |text: &Text, add: &mut dyn FnMut(String, String)| match text {
            Text::Literal(_) | Text::Item => {}
            Text::Variable(word) => add(word_name(*word).into(), quoted(&scene.word(*word))),
        };
        match self {
            Condition::Always(_) | Condition::Cleared(_) | Condition::Listed(_) => {}
            Condition::Fired(_) | Condition::Flag(_) => {}
            Condition::Missing(Field::Amount) => {
                let amount = scene.amount().map_or_else(|| "none".to_owned(), |amount| amount.to_string());
                add("amount".into(), amount);
            }
            Condition::Missing(_) => add("missing".into(), elements(List::Missing, scene)),
            Condition::Compare(left, _, right) => {
                number(left, &mut add);
                number(right, &mut add);
            }
            Condition::NumberIn(of, _) => number(of, &mut add),
            Condition::Equal(left, right)
            | Condition::StartsWith(left, right)
            | Condition::EndsWith(left, right)
            | Condition::Contains(left, right) => {
                text(left, &mut add);
                text(right, &mut add);
            }
            Condition::TextIn(of, _) => text(of, &mut add),
            Condition::ItemOf(of, list) => {
                text(of, &mut add);
                add(list_name(*list).into(), elements(*list, scene));
            }
            Condition::Exists(list, inner) | Condition::All(list, inner) => {
                add(list_name(*list).into(), elements(*list, scene));
                inner.values(scene, values);
            }
            Condition::Not(inner) => inner.values(scene, values),
            Condition::Every(parts) | Condition::Some(parts) => {
                parts.iter().for_each(|part| part.values(scene, values));
            }
            Condition::Choose(parts) => parts.iter().for_each(|part| part.values(scene, values)),
            Condition::Same(parts) => parts.iter().for_each(|part| part.values(scene, values)),
        }
    }
}

/// A chain that ends at the first part which is `deciding`: that part is the reason, or, if none is, all of them are.
fn chain<'a>(parts: &'a [Condition], deciding: bool, scene: &Scene<'a>, reasons: &mut Vec<Reason>) -> bool {
    let before = reasons.len();
    for part in parts {
        let start = reasons.len();
        if part.trace(scene, reasons) == deciding {
            reasons.drain(before..start);
            return deciding;
        }
    }
    !deciding
}

fn elements(list: List, scene: &Scene<'_>) -> String {
    let mut all = Vec::new();
    scene.any(list, |element| {
        all.push(quoted(element));
        false
    });
    format!("[{}]", all.join(", "))
}

/// A text as a rule writes it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

fn quantity_name(wanted: Quantity) -> &'static str {
    name_of(|kind| matches!(kind, Kind::Number(quantity, _) if quantity == wanted))
}

fn word_name(wanted: Word) -> &'static str {
    name_of(|kind| matches!(kind, Kind::Text(word, _) if word == wanted))
}

fn list_name(wanted: List) -> &'static str {
    name_of(|kind| matches!(kind, Kind::List(list, _) if list == wanted))
}

fn flag_name(wanted: Flag) -> &'static str {
    name_of(|kind| matches!(kind, Kind::Flag(flag) if flag == wanted))
}

fn name_of(is: impl Fn(Kind) -> bool) -> &'static str {
    VARIABLES.iter().find(|variable| is(variable.kind)).map_or("?", |variable| variable.name)
}

/// A condition as a rule says it.
pub(super) struct Printed<'c> {
    pub condition: &'c Condition,
    /// Names by place.
    pub signals: &'c [&'static str],
}

impl Printed<'_> {
    fn of<'c>(&'c self, condition: &'c Condition) -> Printed<'c> {
        Printed { condition, signals: self.signals }
    }

    fn name(&self, id: SignalId) -> &'static str {
        self.signals.get(usize::from(id.0)).copied().unwrap_or("?")
    }

    /// In brackets, unless nothing can be misread.
    fn part(&self, condition: &Condition) -> String {
        let printed = self.of(condition).to_string();
        match condition {
            Condition::Every(_) | Condition::Some(_) | Condition::Same(_) => format!("({printed})"),
            _ => printed,
        }
    }
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |parts: &[Condition], operator: &str| {
            parts.iter().map(|part| self.part(part)).collect::<Vec<_>>().join(operator)
        };
        match self.condition {
            Condition::Always(value) => write!(f, "{value}"),
            Condition::Fired(id) => write!(f, "fired.{}", self.name(*id)),
            Condition::Listed(list) if is_word(list) => write!(f, "listed.{list}"),
            Condition::Listed(list) => write!(f, "{} in lists", quoted(list)),
            Condition::Missing(field) => write!(f, "\"{}\" in missing", field.name()),
            Condition::Cleared(kind) => write!(f, "\"{kind}\" in cleared"),
            Condition::Flag(flag) => f.write_str(flag_name(*flag)),
            Condition::Not(inner) => match &**inner {
                Condition::Equal(left, right) => write!(f, "{left} != {right}"),
                Condition::Compare(left, Comparison::Equal, right) => write!(f, "{left} != {right}"),
                Condition::Fired(_) | Condition::Flag(_) | Condition::Always(_) => write!(f, "!{}", self.of(inner)),
                inner => write!(f, "!({})", self.of(inner)),
            },
            Condition::Every(parts) => f.write_str(&join(parts, " && ")),
            Condition::Some(parts) => f.write_str(&join(parts, " || ")),
            Condition::Choose(parts) => {
                let [condition, then, otherwise] = &**parts;
                write!(f, "({} ? {} : {})", self.part(condition), self.part(then), self.part(otherwise))
            }
            Condition::Same(parts) => write!(f, "({}) == ({})", self.of(&parts[0]), self.of(&parts[1])),
            Condition::Compare(left, comparison, right) => {
                let operator = match comparison {
                    Comparison::Less => "<",
                    Comparison::AtMost => "<=",
                    Comparison::Greater => ">",
                    Comparison::AtLeast => ">=",
                    Comparison::Equal => "==",
                };
                write!(f, "{left} {operator} {right}")
            }
            Condition::NumberIn(number, values) => {
                let values: Vec<String> = values.iter().map(f64::to_string).collect();
                write!(f, "{number} in [{}]", values.join(", "))
            }
            Condition::Equal(left, right) => write!(f, "{left} == {right}"),
            Condition::TextIn(text, values) => {
                let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                write!(f, "{text} in [{}]", values.join(", "))
            }
            Condition::ItemOf(text, list) => write!(f, "{text} in {}", list_name(*list)),
            Condition::StartsWith(text, part) => write!(f, "{text}.startsWith({part})"),
            Condition::EndsWith(text, part) => write!(f, "{text}.endsWith({part})"),
            Condition::Contains(text, part) => write!(f, "{text}.contains({part})"),
            Condition::Exists(list, inner) => write!(f, "{}.exists({ITEM}, {})", list_name(*list), self.of(inner)),
            Condition::All(list, inner) => write!(f, "{}.all({ITEM}, {})", list_name(*list), self.of(inner)),
        }
    }
}

/// What an element is called, whatever the operator called it.
const ITEM: &str = "it";

fn is_word(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Literal(value) => write!(f, "{value}"),
            Number::Variable(quantity) => f.write_str(quantity_name(*quantity)),
            Number::Size(list) => write!(f, "size({})", list_name(*list)),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Text::Literal(text) => f.write_str(&quoted(text)),
            Text::Variable(word) => f.write_str(word_name(*word)),
            Text::Item => f.write_str(ITEM),
        }
    }
}
