//! What a condition makes sure of for its neighbours.
//!
//! `!("amount" in missing) && amount > 100` is right in either order, since `&&` asks for both; so each side is checked
//! knowing what the other one guards, and the branches of a conditional knowing what led to them.

use crate::engine::attempt::Field;
use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

/// Whether an amount is certain when the expression is true, and when it is false.
#[derive(Clone, Copy, Default)]
pub(super) struct Guards {
    pub when_true: bool,
    pub when_false: bool,
}

pub(super) fn guards(expression: &IdedExpr) -> Guards {
    let Expr::Call(call) = &expression.expr else { return Guards::default() };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::IN, [element, list]) => {
            let asks = matches!(&element.expr, Expr::Literal(LiteralValue::String(text)) if text.inner() == Field::Amount.name());
            let missing = matches!(&list.expr, Expr::Ident(name) if name == "missing");
            Guards { when_true: false, when_false: asks && missing }
        }
        (operators::LOGICAL_NOT, [inner]) => {
            let Guards { when_true, when_false } = guards(inner);
            Guards { when_true: when_false, when_false: when_true }
        }
        (operators::LOGICAL_AND, [left, right]) => {
            let (left, right) = (guards(left), guards(right));
            Guards { when_true: left.when_true || right.when_true, when_false: left.when_false && right.when_false }
        }
        (operators::LOGICAL_OR, [left, right]) => {
            let (left, right) = (guards(left), guards(right));
            Guards { when_true: left.when_true && right.when_true, when_false: left.when_false || right.when_false }
        }
        _ => Guards::default(),
    }
}
