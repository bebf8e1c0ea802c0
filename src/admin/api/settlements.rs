//! Settlements: what became of orders, from whoever knows it later than the application's answer did.
//!
//! A call says one thing or a thousand, by the application's own name for each order. What is malformed refuses the whole
//! call; what is said again changes nothing, so a program may repeat a call of which it does not know whether it arrived.
//! Orders that no accepted attempt is known by are no mistake: the word may be faster than the answer it is about, and
//! orders come in by other ways than through the gate.

use super::Resource;
use super::call::Call;
use super::endpoint::{Answer, Answering, Audit, Body, Endpoint, Reply, Verb, of};
use super::entities::unanswered;
use super::problem::{Kind, Problem};
use crate::store::{Concluded, Conclusion};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Most settlements of one call.
const MOST: usize = 1000;
/// Longest name of an order, in bytes.
const LONGEST_ORDER: usize = 256;
/// Most mistakes that are told.
const MOST_TOLD: usize = 20;

pub const RESOURCE: Resource = Resource {
    name: "settlements",
    summary: "What became of orders after they were placed.",
    endpoints: &[Endpoint {
        verb: Verb::Post,
        path: "/api/v1/settlements",
        summary: "Say whether an order was paid.",
        details: "One settlement, or up to 1000 as `settlements`. The order is what the checkout route's field `order` had: \
                  the attempt that the application accepted with it, within the last seven days, counts from now on as one that \
                  succeeded (`settled`: the money came) or failed (`reversed`: it did not, or went back), and gets a third \
                  record (`$settled`, `$reversed`). The same again changes nothing, and the last word holds. A word about an \
                  order that nobody knows waits ten minutes for it. If anything is malformed, nothing is changed.",
        audit: Audit::Changes,
        parameters: &[],
        body: Body::Json { schema: of::<Settlements>, most: 512 * 1024 },
        answer: Answer { status: 200, summary: "What became of each.", schema: of::<Told> },
        problems: &[Kind::Invalid, Kind::Store],
        handle: settle,
    }],
};

/// One settlement, or several.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "it is read as one or the other, so that a mistake is told of the one that was meant")]
enum Settlements {
    One(NewSettlement),
    Several(Several),
}

/// Several settlements.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewSettlements")]
struct Several {
    #[schemars(length(min = 1, max = 1000))]
    settlements: Vec<NewSettlement>,
}

/// What is said of one order.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewSettlement {
    /// The application's name for the order, as its checkout sent it in the route's field `order`.
    #[schemars(length(min = 1, max = 256))]
    order: String,
    /// `settled` (the money came) or `reversed` (it did not, or went back).
    #[schemars(extend("enum" = ["settled", "reversed"]))]
    status: String,
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SettlementsTold")]
struct Told {
    /// In the order of the call.
    results: Vec<Became>,
    /// How many changed what an attempt counts as, or what was said of it.
    counted: usize,
}

/// What became of one settlement.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SettlementResult")]
struct Became {
    /// `counted`, `again` (it was said before), `early` (no attempt that was accepted is known by this order; it waits for one).
    result: &'static str,
    /// The attempt that the order was accepted with.
    id: Option<String>,
}

fn settle(call: Call) -> Answering {
    Box::pin(async move {
        let said = read(&call)?;
        let live = call.api.gate.live.load_full();
        let mut told = Told { results: Vec::with_capacity(said.len()), counted: 0 };
        for (order, paid) in said {
            let gate = &call.api.gate;
            let conclusion = Conclusion { order: gate.keys.order(&order), paid, at: gate.clock.now() };
            let concluded = gate.conclude(&live, &conclusion, None).await.map_err(unanswered)?;
            let (result, bought) = match concluded {
                Concluded::Counted(bought) => ("counted", Some(bought)),
                Concluded::Again(bought) => ("again", Some(bought)),
                Concluded::Early => ("early", None),
            };
            told.counted += usize::from(result == "counted");
            told.results.push(Became { result, id: bought.map(|bought| bought.id.to_string()) });
        }
        call.note("settlements", told.results.len());
        call.note("counted", told.counted);
        if let [only] = &told.results[..] {
            call.note("attempt", only.id.clone());
        }
        Reply::json(200, &told)
    })
}

/// What the body says, or all that is wrong with it.
fn read(call: &Call) -> Result<Vec<(String, bool)>, Problem> {
    let body: Value = call.json()?;
    let said = match body.get("settlements") {
        Some(_) => call.json::<Several>()?.settlements,
        None => vec![call.json::<NewSettlement>()?],
    };
    if said.is_empty() || said.len() > MOST {
        let detail = format!("`settlements` has {}: send 1 to {MOST} at once", said.len());
        return Err(Problem::new(Kind::Invalid, detail));
    }
    let (mut good, mut wrong) = (Vec::with_capacity(said.len()), Vec::new());
    for (index, one) in said.into_iter().enumerate() {
        match checked(one) {
            Ok(one) => good.push(one),
            Err(message) => wrong.push(json!({ "index": index, "message": message })),
        }
    }
    let Some(first) = wrong.first() else { return Ok(good) };
    let said = first["message"].as_str().unwrap_or_default();
    let detail = match wrong.len() {
        1 => said.to_owned(),
        some => format!("{said} (and {} more mistakes)", some - 1),
    };
    wrong.truncate(MOST_TOLD);
    Err(Problem::new(Kind::Invalid, detail).with("settlements", wrong))
}

fn checked(new: NewSettlement) -> Result<(String, bool), String> {
    let paid = match &*new.status {
        "settled" => true,
        "reversed" => false,
        other => {
            let shown = other.chars().take(40).collect::<String>();
            return Err(format!("`status`: `{}` is neither `settled` nor `reversed`", shown.escape_debug()));
        }
    };
    if new.order.trim().is_empty() || new.order.len() > LONGEST_ORDER {
        return Err(format!("`order` has 1 to {LONGEST_ORDER} characters, as your checkout calls it"));
    }
    Ok((new.order, paid))
}
