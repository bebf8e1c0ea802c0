//! The few functions that rules have. Each asks one list or one text once: none nests, builds or matches patterns, so a
//! rule's cost is bounded by its length times the longest list.

use super::{Checker, Typed};
use crate::engine::policy::Fault;
use crate::engine::policy::condition::{Condition, Number, Text};
use crate::engine::policy::spelling::nearest;
use crate::engine::policy::variables::{Unit, VARIABLES};
use cel::common::ast::{Expr, IdedExpr};

const FUNCTIONS: [&str; 6] = ["exists", "all", "size", "startsWith", "endsWith", "contains"];

impl<'p> Checker<'p> {
    pub(super) fn function(
        &mut self,
        expression: &'p IdedExpr,
        name: &str,
        target: Option<&'p IdedExpr>,
        arguments: &'p [IdedExpr],
    ) -> Typed {
        let span = self.name_span(expression, name, target);
        match (name, target, arguments) {
            ("size", None, [list]) | ("size", Some(list), []) => match self.part(list) {
                Typed::List(list, _) => Typed::Number(Number::Size(list), Some(Unit::Count)),
                Typed::Broken => Typed::Broken,
                other => {
                    self.refuse(self.parsed.span(list), format!("`size` wants a list, and this is {}", other.name()))
                }
            },
            ("startsWith" | "endsWith" | "contains", Some(text), [part]) => match (self.part(text), self.part(part)) {
                (Typed::Broken, _) | (_, Typed::Broken) => Typed::Broken,
                (Typed::Text(Text::Literal(_), _), _) => {
                    self.refuse(self.parsed.span(text), "a variable stands before the function's name")
                }
                (Typed::Text(_, _), Typed::Text(Text::Literal(part_text), _)) if part_text.is_empty() => {
                    self.refuse(self.parsed.own_span(part), "an empty text is part of every text")
                }
                (Typed::Text(text, _), Typed::Text(part, _)) => Typed::Flag(match name {
                    "startsWith" => Condition::StartsWith(text, part),
                    "endsWith" => Condition::EndsWith(text, part),
                    _ => Condition::Contains(text, part),
                }),
                (Typed::Text(..), other) => {
                    let message = format!("`{name}` wants a text, and this is {}", other.name());
                    self.refuse(self.parsed.span(part), message)
                }
                (other, _) => {
                    let fault = format!("`{name}` asks texts, and this is {}", other.name());
                    self.refuse(self.parsed.span(text), fault)
                }
            },
            ("exists" | "all", Some(list), [variable, condition]) => self.quantifier(name, list, variable, condition),
            ("has", ..) => {
                self.refuse(span, "every variable always has a value: a text that is not known is empty, a number 0")
            }
            ("matches", ..) => self
                .refuse(span, "regular expressions are not offered; use `startsWith`, `endsWith`, `contains` or `in`"),
            ("map" | "filter" | "exists_one" | "existsOne", ..) => self.refuse(
                span,
                format!("`{name}` is not offered; lists are asked with `exists`, `all`, `in` and `size`"),
            ),
            (known, ..) if FUNCTIONS.contains(&known) => {
                let how = match known {
                    "size" => "size(signals)".to_owned(),
                    "exists" | "all" => format!("signals.{known}(s, s.startsWith(\"new_\"))"),
                    _ => format!("device.name.{known}(\"curl\")"),
                };
                self.refuse(span, format!("`{known}` is written like `{how}`"))
            }
            _ => {
                let meant = nearest(name, FUNCTIONS).map(str::to_owned);
                let fault = Fault::new(span.0, span.1 - span.0, format!("there is no function `{name}`"));
                self.refuse_for(fault.suggest(meant))
            }
        }
    }

    fn quantifier(&mut self, name: &str, list: &'p IdedExpr, variable: &'p IdedExpr, condition: &'p IdedExpr) -> Typed {
        let over = match self.part(list) {
            Typed::List(over, domain) => Some((over, domain)),
            Typed::Broken => None,
            other => {
                let message = format!("`{name}` asks lists, and this is {}", other.name());
                self.refuse(self.parsed.span(list), message);
                None
            }
        };
        let span = self.parsed.span(variable);
        let Expr::Ident(item) = &variable.expr else {
            return self.refuse(span, format!("`{name}` wants a name for the element first: `{name}(s, …)`"));
        };
        let is_taken = |taken: &&str| taken.split('.').next() == Some(item);
        let families = ["fired", "listed"];
        if VARIABLES.iter().map(|variable| variable.name).chain(families).any(|taken| is_taken(&taken)) {
            return self.refuse(span, format!("`{item}` is a variable already; give the element another name"));
        }
        if self.item.is_some() {
            return self.refuse(span, "`exists` and `all` do not stand inside one another");
        }
        let Some((over, domain)) = over else { return Typed::Broken };
        self.item = Some((item, domain));
        let condition = self.condition(condition);
        self.item = None;
        Typed::Flag(match name {
            "exists" => Condition::Exists(over, Box::new(condition)),
            _ => Condition::All(over, Box::new(condition)),
        })
    }

    /// Where a function's name stands: the parser only knows the bracket after it.
    fn name_span(&self, expression: &IdedExpr, name: &str, target: Option<&IdedExpr>) -> (usize, usize) {
        let bracket = self.parsed.own_span(expression).0;
        let from = target.map_or(0, |target| self.parsed.span(target).1);
        match self.parsed.slice((from, bracket)).rfind(name) {
            Some(at) => (from + at, from + at + name.len()),
            None => (bracket, bracket + 1),
        }
    }
}
