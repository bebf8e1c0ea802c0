//! The configuration: what rules now, and the next one.

use super::Resource;
use super::call::Call;
use super::endpoint::{Answer, Answering, Audit, Body, Endpoint, Reply, Verb, of};
use super::problem::{Kind, Problem};
use crate::gateway::reload::{Loaded, Outcome, Refused};

/// Where a reload is asked for.
pub const RELOAD: &str = "/api/v1/config/reload";

pub const RESOURCE: Resource = Resource {
    name: "config",
    summary: "The configuration: what rules now, and the next one.",
    endpoints: &[Endpoint {
        verb: Verb::Post,
        path: RELOAD,
        summary: "Load the configuration again.",
        details: "With every file it names: all of it, or nothing if anything is wrong. What is answered then is the \
                  report of `tollgate check`.",
        audit: Audit::Changes,
        parameters: &[],
        body: Body::None,
        answer: Answer { status: 200, summary: "It is in force.", schema: of::<Loaded> },
        problems: &[Kind::Invalid, Kind::Stopping],
        handle: reload,
    }],
};

fn reload(call: Call) -> Answering {
    Box::pin(async move {
        match call.api.reloads.reload().await {
            Some(outcome @ Outcome::Loaded(_)) => {
                if let Outcome::Loaded(loaded) = &outcome {
                    call.note("config", &*loaded.config);
                }
                Reply::json(200, &outcome)
            }
            Some(Outcome::Refused(Refused { problems, first, report })) => {
                let detail = "the configuration before stays in force";
                let refused = Problem::new(Kind::Invalid, detail).with("result", "refused");
                Err(refused.with("problems", problems).with("first", first).with("report", report))
            }
            None => Err(Problem::new(Kind::Stopping, "ask the next one")),
        }
    })
}
