//! The third record of an attempt: what was said of its order later.

use super::{RecordContext, line};
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::time::Timestamp;
use serde::Serialize;

/// `$settled`: the money came. `$reversed`: it did not, or went back.
pub fn status(paid: bool) -> &'static str {
    if paid { "$settled" } else { "$reversed" }
}

/// What is to be written of a settlement.
#[derive(Clone, Copy, Debug)]
pub struct Settlement<'a> {
    /// The attempt that the order was accepted with, and when that was.
    pub attempt: AttemptId,
    pub attempted_at: Timestamp,
    /// The order, as a keyed hash.
    pub order: Pseudonym,
    pub paid: bool,
    /// When it was said.
    pub at: Timestamp,
    /// By a request on which route; `None`: by a call of the admin API.
    pub by_route: Option<&'a str>,
}

/// One JSON object of the id of the attempt.
#[derive(Debug, Serialize)]
pub struct SettlementRecord<'a> {
    id: AttemptId,
    at: Timestamp,
    event: &'a str,
    status: &'static str,
    moment: &'static str,
    product: &'a str,
    mode: &'static str,
    config: &'a str,
    version: &'static str,
    settlement: Part<'a>,
}

#[derive(Debug, Serialize)]
struct Part<'a> {
    order: Pseudonym,
    by: &'static str,
    route: Option<&'a str>,
    attempted_at: Timestamp,
}

impl<'a> SettlementRecord<'a> {
    pub fn new(said: &Settlement<'a>, context: RecordContext<'a>) -> SettlementRecord<'a> {
        SettlementRecord {
            id: said.attempt,
            at: said.at,
            // Nothing else has an order.
            event: "$checkout",
            status: status(said.paid),
            moment: "after",
            product: context.product,
            mode: context.mode,
            config: context.config,
            version: context.version,
            settlement: Part {
                order: said.order,
                by: if said.by_route.is_some() { "route" } else { "api" },
                route: said.by_route,
                attempted_at: said.attempted_at,
            },
        }
    }

    /// One line of JSON, without its end.
    pub fn line(&self) -> String {
        line(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_of_the_attempt_and_says_who_said_so() {
        let context = RecordContext { product: "shop", mode: "enforce", config: "c0ffee", version: "1.2.3" };
        let said = Settlement {
            attempt: AttemptId(7),
            attempted_at: Timestamp::from_secs(1_795_309_323),
            order: Pseudonym([9; 16]),
            paid: false,
            at: Timestamp::from_secs(1_795_309_383),
            by_route: Some("provider"),
        };
        assert_eq!(
            SettlementRecord::new(&said, context).line(),
            "{\"id\":\"00000000000000000000000007\",\"at\":\"2026-11-22T01:03:03.000Z\",\"event\":\"$checkout\",\
             \"status\":\"$reversed\",\"moment\":\"after\",\"product\":\"shop\",\"mode\":\"enforce\",\"config\":\"c0ffee\",\
             \"version\":\"1.2.3\",\"settlement\":{\"order\":\"09090909090909090909090909090909\",\"by\":\"route\",\
             \"route\":\"provider\",\"attempted_at\":\"2026-11-22T01:02:03.000Z\"}}"
        );
        let by_api = SettlementRecord::new(&Settlement { paid: true, by_route: None, ..said }, context).line();
        assert!(
            by_api.contains("\"status\":\"$settled\"") && by_api.contains("\"by\":\"api\",\"route\":null"),
            "{by_api}"
        );
    }
}
