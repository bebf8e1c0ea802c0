//! The type checker: from cel's untyped expression to a [`Condition`], or to everything that is wrong with it.
//!
//! It goes on after an error, so that an operator sees all of a rule's errors at once; what was refused becomes
//! [`Typed::Broken`], which fits everywhere and complains nowhere. What a part may be compared with is decided by its
//! domain, not only its type: a rule that can never match is an error, since in a gate it fails silently.

mod functions;

use super::condition::{Comparison, Condition, Number, Text};
use super::domain;
use super::guards::guards;
use super::spelling::nearest;
use super::text::Parsed;
use super::variables::{Domain, Kind, List, Unit, VARIABLES};
use super::{Fault, Names};
use crate::engine::attempt::Field;
use crate::engine::clearance::ChallengeKind;
use crate::engine::signals::SignalId;
use cel::common::ast::{CallExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators};

/// Deepest condition. Evaluation recurses as deep, on a server's small stacks.
const DEEPEST: usize = 32;

/// A checked part of a rule.
enum Typed {
    Flag(Condition),
    /// `None`: a literal, which takes the unit of what it is compared with.
    Number(Number, Option<Unit>),
    Text(Text, Domain),
    List(List, Domain),
    /// Was refused already.
    Broken,
}

impl Typed {
    fn name(&self) -> &'static str {
        match self {
            Typed::Flag(_) => "true or false",
            Typed::Number(..) => "a number",
            Typed::Text(..) => "a text",
            Typed::List(..) => "a list",
            Typed::Broken => "broken",
        }
    }
}

/// Checks one rule. `Err` holds every fault found, in the order of the text.
pub(super) fn check(parsed: &Parsed<'_>, names: &Names) -> Result<Condition, Vec<Fault>> {
    let mut checker = Checker { parsed, names, faults: Vec::new(), item: None, depth: 0, amount_is_there: false };
    let condition = checker.condition(&parsed.expression);
    let mut faults = checker.faults;
    faults.sort_by_key(|fault| (fault.offset, fault.len));
    faults.dedup_by(|a, b| (a.offset, a.len, &a.message) == (b.offset, b.len, &b.message));
    if faults.is_empty() { Ok(condition) } else { Err(faults) }
}

struct Checker<'p> {
    parsed: &'p Parsed<'p>,
    names: &'p Names,
    faults: Vec<Fault>,
    /// The element's name inside `exists` and `all`, and what it can be.
    item: Option<(&'p str, Domain)>,
    depth: usize,
    /// Whether what surrounds this part has made sure of an amount.
    amount_is_there: bool,
}

impl<'p> Checker<'p> {
    fn refuse(&mut self, span: (usize, usize), message: impl Into<String>) -> Typed {
        self.refuse_for(Fault::new(span.0, span.1 - span.0, message))
    }

    fn refuse_for(&mut self, fault: Fault) -> Typed {
        self.faults.push(fault);
        Typed::Broken
    }

    /// A part that must be true or false.
    fn condition(&mut self, expression: &'p IdedExpr) -> Condition {
        match self.part(expression) {
            Typed::Flag(condition) => condition,
            Typed::Broken => Condition::Always(false),
            other => {
                let span = self.parsed.span(expression);
                let text = self.parsed.slice(span);
                let message = format!("`{text}` is {}; a rule wants true or false", other.name());
                let fault = Fault::new(span.0, span.1 - span.0, message);
                self.refuse_for(match other {
                    Typed::Number(_, Some(Unit::Score)) => fault.write(format!("{text} >= 50")),
                    Typed::Number(_, Some(_)) => fault.write(format!("{text} > 0")),
                    Typed::Text(..) => fault.write(format!("{text} != \"\"")),
                    Typed::List(..) => fault.write(format!("size({text}) > 0")),
                    _ => fault,
                });
                Condition::Always(false)
            }
        }
    }

    fn part(&mut self, expression: &'p IdedExpr) -> Typed {
        self.depth += 1;
        let typed = if self.depth > DEEPEST {
            self.refuse(self.parsed.own_span(expression), format!("nests more than {DEEPEST} deep"))
        } else {
            self.shallow_part(expression)
        };
        self.depth -= 1;
        typed
    }

    fn shallow_part(&mut self, expression: &'p IdedExpr) -> Typed {
        let span = self.parsed.own_span(expression);
        match &expression.expr {
            Expr::Literal(literal) => self.literal(literal, span),
            Expr::Ident(name) => self.variable(name, span),
            Expr::Select(select) => match &select.operand.expr {
                Expr::Ident(root) => {
                    let whole = (self.parsed.own_span(&select.operand).0, span.1);
                    self.variable(&format!("{root}.{}", select.field), whole)
                }
                Expr::Select(_) => {
                    let whole = self.parsed.span(expression);
                    self.refuse(whole, format!("there is no variable `{}`", self.parsed.slice(whole)))
                }
                _ => self.refuse(span, "only variables have parts"),
            },
            Expr::Call(call) => self.call(expression, call),
            Expr::List(_) => {
                self.refuse(self.parsed.span(expression), "a list of values stands to the right of `in` only")
            }
            _ => self.refuse(span, "rules know variables, comparisons, &&, ||, !, `in` and a few functions; not this"),
        }
    }

    fn literal(&mut self, literal: &LiteralValue, span: (usize, usize)) -> Typed {
        match literal {
            LiteralValue::Boolean(value) => Typed::Flag(Condition::Always(*value.inner())),
            LiteralValue::Int(value) => Typed::Number(Number::Literal(*value.inner() as f64), None),
            LiteralValue::UInt(value) => Typed::Number(Number::Literal(*value.inner() as f64), None),
            LiteralValue::Double(value) => Typed::Number(Number::Literal(*value.inner()), None),
            LiteralValue::String(value) => Typed::Text(Text::Literal(value.inner().into()), Domain::Free),
            LiteralValue::Null => {
                self.refuse(span, "no variable is ever null: a text that is not known is empty, a number 0")
            }
            LiteralValue::Bytes(_) => self.refuse(span, "texts are written in plain quotes, without a prefix"),
        }
    }

    fn variable(&mut self, name: &str, span: (usize, usize)) -> Typed {
        if let Some((item, domain)) = self.item
            && item == name
        {
            return Typed::Text(Text::Item, domain);
        }
        if let Some(signal) = name.strip_prefix("fired.") {
            let place = self.names.signals.iter().position(|known| *known == signal);
            return match place.and_then(|place| u8::try_from(place).ok()) {
                Some(place) => Typed::Flag(Condition::Fired(SignalId(place))),
                None => {
                    let meant = nearest(signal, self.names.signals.iter().copied());
                    let fault = Fault::new(span.0, span.1 - span.0, format!("there is no signal `{signal}`"));
                    self.refuse_for(fault.suggest(meant.map(|name| format!("fired.{name}"))))
                }
            };
        }
        if let Some(list) = name.strip_prefix("listed.") {
            return match self.names.lists.iter().find(|known| &***known == list) {
                Some(list) => Typed::Flag(Condition::Listed(list.clone())),
                None => {
                    let meant = nearest(list, self.names.lists.iter().map(|name| &**name));
                    let fault = Fault::new(span.0, span.1 - span.0, format!("there is no list `{list}` under `lists`"));
                    self.refuse_for(fault.suggest(meant.map(|name| format!("listed.{name}"))))
                }
            };
        }
        let Some(variable) = VARIABLES.iter().find(|variable| variable.name == name) else {
            return self.unknown(name, span);
        };
        match variable.kind {
            Kind::Flag(flag) => Typed::Flag(Condition::Flag(flag)),
            Kind::Number(_, Unit::Amount) if !self.amount_is_there => {
                let message = format!("`{name}` may be missing, and would count as 0; ask for it first");
                let fault = Fault::new(span.0, span.1 - span.0, message);
                self.refuse_for(fault.write(format!("!(\"{name}\" in missing) && {name}")))
            }
            Kind::Number(quantity, unit) => Typed::Number(Number::Variable(quantity), Some(unit)),
            Kind::Text(word, domain) => Typed::Text(Text::Variable(word), domain),
            Kind::List(list, domain) => Typed::List(list, domain),
        }
    }

    fn unknown(&mut self, name: &str, span: (usize, usize)) -> Typed {
        let members = |family: &str| -> String {
            let prefix = format!("{family}.");
            let names = VARIABLES.iter().filter_map(|variable| variable.name.strip_prefix(&prefix));
            names.map(|member| format!("`{family}.{member}`")).collect::<Vec<_>>().join(", ")
        };
        let fault = |message: String| Fault::new(span.0, span.1 - span.0, message);
        let fault = match name {
            "fired" => fault("`fired` has a member for each signal: `fired.<signal>`".to_owned()),
            "listed" => fault("`listed` has a member for each list: `listed.<list>`".to_owned()),
            "client" | "device" | "email" => fault(format!("`{name}` has parts: {}", members(name))),
            _ if self.names.signals.contains(&name) => {
                fault(format!("`{name}` is a signal, not a variable")).write(format!("fired.{name}"))
            }
            _ if self.names.lists.iter().any(|list| &**list == name) => {
                fault(format!("`{name}` is a list, not a variable")).write(format!("listed.{name}"))
            }
            _ => {
                let candidates = VARIABLES.iter().map(|variable| variable.name);
                let meant = nearest(name, candidates).map(str::to_owned).or_else(|| {
                    nearest(name, self.names.signals.iter().copied()).map(|signal| format!("fired.{signal}"))
                });
                fault(format!("there is no variable `{name}`")).suggest(meant)
            }
        };
        self.refuse_for(fault)
    }

    fn call(&mut self, expression: &'p IdedExpr, call: &'p CallExpr) -> Typed {
        let operator = self.parsed.own_span(expression);
        match (call.func_name.as_str(), &call.target, call.args.as_slice()) {
            (operators::LOGICAL_AND, None, [left, right]) => {
                let mut parts = Vec::new();
                let (knows_right, knows_left) = (guards(right).when_true, guards(left).when_true);
                self.knowing(knows_right, |checker| checker.flatten(left, &mut parts, operators::LOGICAL_AND));
                self.knowing(knows_left, |checker| checker.flatten(right, &mut parts, operators::LOGICAL_AND));
                Typed::Flag(Condition::Every(parts))
            }
            (operators::LOGICAL_OR, None, [left, right]) => {
                let mut parts = Vec::new();
                let (knows_right, knows_left) = (guards(right).when_false, guards(left).when_false);
                self.knowing(knows_right, |checker| checker.flatten(left, &mut parts, operators::LOGICAL_OR));
                self.knowing(knows_left, |checker| checker.flatten(right, &mut parts, operators::LOGICAL_OR));
                Typed::Flag(Condition::Some(parts))
            }
            (operators::LOGICAL_NOT, None, [inner]) => Typed::Flag(self.condition(inner).not()),
            (operators::CONDITIONAL, None, [condition, then, otherwise]) => {
                let known = guards(condition);
                let condition = self.condition(condition);
                let then = self.knowing(known.when_true, |checker| checker.condition(then));
                let otherwise = self.knowing(known.when_false, |checker| checker.condition(otherwise));
                Typed::Flag(Condition::Choose(Box::new([condition, then, otherwise])))
            }
            (operators::IN, None, [element, list]) => self.membership(element, list),
            (operators::EQUALS, None, [left, right]) => self.equality(expression, left, right),
            (operators::NOT_EQUALS, None, [left, right]) => match self.equality(expression, left, right) {
                Typed::Flag(condition) => Typed::Flag(condition.not()),
                other => other,
            },
            (operators::LESS, None, [left, right]) => self.order(expression, left, Comparison::Less, right),
            (operators::LESS_EQUALS, None, [left, right]) => self.order(expression, left, Comparison::AtMost, right),
            (operators::GREATER, None, [left, right]) => self.order(expression, left, Comparison::Greater, right),
            (operators::GREATER_EQUALS, None, [left, right]) => {
                self.order(expression, left, Comparison::AtLeast, right)
            }
            (operators::SUBSTRACT, None, [left, _]) if is_family(left) => {
                // `listed.my-list` reads as a subtraction: names with a dash need the list's other form.
                let whole = self.parsed.span(expression);
                let (family, name) = self.parsed.slice(whole).split_once('.').unwrap_or_default();
                let list = if family.trim() == "fired" { "signals" } else { "lists" };
                let fault = Fault::new(whole.0, whole.1 - whole.0, "a name with a dash is asked for as a text");
                self.refuse_for(fault.write(format!("\"{}\" in {list}", name.trim())))
            }
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO
                | operators::NEGATE,
                None,
                _,
            ) => self.refuse(operator, "rules compare and do not calculate"),
            (operators::INDEX, None, _) => {
                self.refuse(operator, "lists are asked with `in`, `exists` and `all`, not by place")
            }
            (name, target, arguments) => self.function(expression, name, target.as_deref(), arguments),
        }
    }

    /// Checks a part while knowing what its surroundings have made sure of.
    fn knowing<T>(&mut self, amount_is_there: bool, check: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.amount_is_there;
        self.amount_is_there |= amount_is_there;
        let checked = check(self);
        self.amount_is_there = before;
        checked
    }

    /// Adds a part to a chain of one operator: a flat chain is asked faster and nests less.
    fn flatten(&mut self, expression: &'p IdedExpr, parts: &mut Vec<Condition>, operator: &str) {
        match (self.condition(expression), operator) {
            (Condition::Every(inner), operators::LOGICAL_AND) => parts.extend(inner),
            (Condition::Some(inner), operators::LOGICAL_OR) => parts.extend(inner),
            (part, _) => parts.push(part),
        }
    }

    fn equality(&mut self, whole: &'p IdedExpr, left: &'p IdedExpr, right: &'p IdedExpr) -> Typed {
        match (self.part(left), self.part(right)) {
            (Typed::Broken, _) | (_, Typed::Broken) => Typed::Broken,
            (Typed::Flag(condition), Typed::Flag(Condition::Always(value)))
            | (Typed::Flag(Condition::Always(value)), Typed::Flag(condition)) => {
                Typed::Flag(if value { condition } else { condition.not() })
            }
            (Typed::Flag(a), Typed::Flag(b)) => Typed::Flag(Condition::Same(Box::new([a, b]))),
            (Typed::Number(a, unit_a), Typed::Number(b, unit_b)) => {
                if unit_a == Some(Unit::Score) || unit_b == Some(Unit::Score) {
                    let message = "a score has decimals and is hardly ever equal to anything; use >= or <=";
                    return self.refuse(self.parsed.span(whole), message);
                }
                self.numbers(whole, (left, a, unit_a), Comparison::Equal, (right, b, unit_b))
            }
            (Typed::Text(a, domain_a), Typed::Text(b, domain_b)) => {
                self.texts_meet(whole, (left, &a, domain_a), (right, &b, domain_b));
                Typed::Flag(Condition::Equal(a, b))
            }
            (Typed::List(..), Typed::List(..)) => {
                self.refuse(self.parsed.span(whole), "lists are not compared; use `in`, `exists`, `all` or `size`")
            }
            (a, b) => self.mismatch(whole, &a, &b),
        }
    }

    fn order(&mut self, whole: &'p IdedExpr, left: &'p IdedExpr, comparison: Comparison, right: &'p IdedExpr) -> Typed {
        match (self.part(left), self.part(right)) {
            (Typed::Broken, _) | (_, Typed::Broken) => Typed::Broken,
            (Typed::Number(a, unit_a), Typed::Number(b, unit_b)) => {
                self.numbers(whole, (left, a, unit_a), comparison, (right, b, unit_b))
            }
            (Typed::Text(_, domain_a), Typed::Text(_, domain_b)) => {
                let span = self.parsed.span(whole);
                let fault = Fault::new(span.0, span.1 - span.0, "texts are not ordered; ask == or `in`");
                self.refuse_for(match domain_a == Domain::Severity || domain_b == Domain::Severity {
                    true => fault.write("severity in [\"high\", \"critical\"]"),
                    false => fault,
                })
            }
            (a, b) => self.mismatch(whole, &a, &b),
        }
    }

    fn mismatch(&mut self, whole: &'p IdedExpr, left: &Typed, right: &Typed) -> Typed {
        let message = format!("compares {} with {}", left.name(), right.name());
        self.refuse(self.parsed.span(whole), message)
    }

    fn numbers(
        &mut self,
        whole: &'p IdedExpr,
        (left, a, unit_a): (&'p IdedExpr, Number, Option<Unit>),
        comparison: Comparison,
        (right, b, unit_b): (&'p IdedExpr, Number, Option<Unit>),
    ) -> Typed {
        match (unit_a, unit_b) {
            (None, None) => return self.refuse(self.parsed.span(whole), "compares two constants"),
            (Some(unit_a), Some(unit_b)) if unit_a != unit_b => {
                let message = format!("compares {} with {}", domain::unit(unit_a), domain::unit(unit_b));
                return self.refuse(self.parsed.span(whole), message);
            }
            (Some(unit), None) => self.number_fits(right, &b, unit),
            (None, Some(unit)) => self.number_fits(left, &a, unit),
            _ => {}
        }
        if let Some(message) = domain::idle_comparison((&a, unit_a), comparison, (&b, unit_b)) {
            let span = self.parsed.span(whole);
            return self.refuse(span, format!("`{}` {message}", self.parsed.slice(span)));
        }
        Typed::Flag(Condition::Compare(a, comparison, b))
    }

    fn number_fits(&mut self, expression: &'p IdedExpr, number: &Number, unit: Unit) {
        if let Number::Literal(value) = number
            && let Err(message) = domain::check_number(unit, *value)
        {
            self.refuse(self.parsed.own_span(expression), message);
        }
    }

    /// Refuses texts that can never be equal.
    fn texts_meet(
        &mut self,
        whole: &'p IdedExpr,
        (left, a, domain_a): (&'p IdedExpr, &Text, Domain),
        (right, b, domain_b): (&'p IdedExpr, &Text, Domain),
    ) {
        match (a, b) {
            (Text::Literal(_), Text::Literal(_)) => {
                self.refuse(self.parsed.span(whole), "compares two constants");
            }
            (Text::Literal(text), _) => self.text_fits(left, text, domain_b),
            (_, Text::Literal(text)) => self.text_fits(right, text, domain_a),
            _ if domain_a != domain_b && domain_a != Domain::Free && domain_b != Domain::Free => {
                let message = "compares two things that are never equal";
                self.refuse(self.parsed.span(whole), message);
            }
            _ => {}
        }
    }

    fn text_fits(&mut self, expression: &'p IdedExpr, text: &str, domain: Domain) {
        if let Err((message, write)) = domain::check_text(domain, text, self.names) {
            let span = self.parsed.own_span(expression);
            let quoted = write.map(|write| format!("\"{write}\""));
            self.refuse_for(Fault::new(span.0, span.1 - span.0, message).suggest(quoted));
        }
    }

    fn membership(&mut self, element: &'p IdedExpr, list: &'p IdedExpr) -> Typed {
        if let Expr::List(values) = &list.expr {
            return self.one_of(element, list, values);
        }
        match (self.part(element), self.part(list)) {
            (Typed::Broken, _) | (_, Typed::Broken) => Typed::Broken,
            (Typed::Text(Text::Literal(text), _), Typed::List(list, domain)) => {
                self.text_fits(element, &text, domain);
                Typed::Flag(self.asked(&text, list))
            }
            (Typed::Text(text, domain_a), Typed::List(list, domain_b)) => {
                if domain_a != domain_b && domain_a != Domain::Free && domain_b != Domain::Free {
                    return self.refuse(self.parsed.span(element), "is never in that list");
                }
                Typed::Flag(Condition::ItemOf(text, list))
            }
            (other, Typed::List(..)) => {
                let message = format!("lists hold texts, and this is {}", other.name());
                self.refuse(self.parsed.span(element), message)
            }
            (_, other) => {
                let message = format!("`in` wants a list to its right, and this is {}", other.name());
                self.refuse(self.parsed.span(list), message)
            }
        }
    }

    /// A known name in one of the lists: one bit instead of a search.
    fn asked(&self, text: &str, list: List) -> Condition {
        let literal = || Condition::ItemOf(Text::Literal(text.into()), list);
        match list {
            List::Signals => self.names.signals.iter().position(|known| *known == text),
            _ => None,
        }
        .and_then(|place| u8::try_from(place).ok())
        .map(|place| Condition::Fired(SignalId(place)))
        .or_else(|| match list {
            List::Lists => self.names.lists.iter().find(|known| &***known == text).cloned().map(Condition::Listed),
            List::Missing => Field::ALL.into_iter().find(|field| field.name() == text).map(Condition::Missing),
            List::Cleared => ChallengeKind::from_name(text).map(Condition::Cleared),
            List::Signals | List::Degraded => None,
        })
        .unwrap_or_else(literal)
    }

    /// `client.country in ["DE", "CH"]`.
    fn one_of(&mut self, element: &'p IdedExpr, list: &'p IdedExpr, values: &'p ListExpr) -> Typed {
        let element_span = self.parsed.span(element);
        let element = self.part(element);
        if values.elements.is_empty() {
            return self.refuse(self.parsed.span(list), "nothing is in an empty list");
        }
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        for value in &values.elements {
            match (&element, self.part(value)) {
                (_, Typed::Broken) => {}
                (Typed::Text(_, domain), Typed::Text(Text::Literal(text), _)) => {
                    self.text_fits(value, &text, *domain);
                    texts.push(text);
                }
                (Typed::Number(_, Some(unit)), Typed::Number(Number::Literal(number), None)) => {
                    self.number_fits(value, &Number::Literal(number), *unit);
                    numbers.push(number);
                }
                (Typed::Broken, _) => {}
                (element, _) => {
                    let message = format!("the list wants constants that are {} each, and this is not", element.name());
                    self.refuse(self.parsed.span(value), message);
                }
            }
        }
        match element {
            Typed::Text(Text::Literal(_), _) | Typed::Number(Number::Literal(_), _) => {
                self.refuse(element_span, "compares constants; a variable stands to the left of `in`")
            }
            Typed::Text(text, _) => Typed::Flag(Condition::TextIn(text, texts.into())),
            Typed::Number(_, Some(Unit::Score)) => {
                self.refuse(element_span, "a score has decimals and is hardly ever equal to anything; use >= or <=")
            }
            Typed::Number(number, _) => Typed::Flag(Condition::NumberIn(number, numbers.into())),
            Typed::Broken => Typed::Broken,
            other => {
                let message = format!("a list of values holds texts or numbers, and this is {}", other.name());
                self.refuse(element_span, message)
            }
        }
    }
}

/// Whether the expression is a member of `fired` or `listed`.
fn is_family(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Select(select) => {
            matches!(&select.operand.expr, Expr::Ident(name) if name == "fired" || name == "listed")
        }
        Expr::Call(call) if call.func_name == operators::SUBSTRACT => call.args.first().is_some_and(is_family),
        _ => false,
    }
}
