//! Replacing the program: the one that is installed now takes over.

use super::Resource;
use super::call::Call;
use super::endpoint::{Answer, Answering, Audit, Body, Endpoint, Reply, Verb, of};
use super::problem::{Kind, Problem};
use crate::gateway::succession::Outcome;

/// Where an upgrade is asked for.
pub const UPGRADE: &str = "/api/v1/upgrade";

pub const RESOURCE: Resource = Resource {
    name: "upgrade",
    summary: "Replacing the program without a visitor noticing.",
    endpoints: &[Endpoint {
        verb: Verb::Post,
        path: UPGRADE,
        summary: "Have the program that is at its path now take over.",
        details: "It is started with the same arguments, gets ready, and is handed the listeners and all that was learned. \
                  If it does not get ready, the one that runs goes on.",
        audit: Audit::Changes,
        parameters: &[],
        body: Body::None,
        answer: Answer { status: 200, summary: "It serves.", schema: of::<Outcome> },
        problems: &[Kind::Conflict],
        handle: upgrade,
    }],
};

fn upgrade(call: Call) -> Answering {
    Box::pin(async move {
        match call.api.upgrades.upgrade().await {
            outcome @ Outcome::Upgraded { .. } => Reply::json(200, &outcome),
            Outcome::Refused { why } => {
                let detail = format!("{}; the gate goes on as it is", why.trim_end());
                Err(Problem::new(Kind::Conflict, &detail).with("result", "refused").with("why", why))
            }
        }
    })
}
