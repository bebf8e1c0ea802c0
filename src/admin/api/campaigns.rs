//! Campaigns: attempts of many sources that belong together, as this gate found them.

use super::Resource;
use super::call::Call;
use super::endpoint::{self, Answer, Answering, Audit, Body, Endpoint, Kind, Parameter, Place, Reply, Verb, of};
use super::problem::{self, Problem};
use crate::engine::attempt::AttemptId;
use crate::engine::population::campaign::{Campaign, Pattern};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

const ID: Parameter = Parameter {
    name: "id",
    place: Place::Path,
    kind: Kind::Form(endpoint::ATTEMPT),
    summary: "The campaign's id, as records have it in `campaign`.",
};
const HOURS: Parameter = Parameter {
    name: "ignore_hours",
    place: Place::Query,
    kind: Kind::Number { default: 24, least: 0, most: 720 },
    summary: "For how many hours nothing with this pattern is a campaign.",
};

pub const RESOURCE: Resource = Resource {
    name: "campaigns",
    summary: "Attempts of many sources that belong together.",
    endpoints: &[
        Endpoint {
            verb: Verb::Get,
            path: "/api/v1/campaigns",
            summary: "All that are active.",
            details: "As this gate sees them: each gate of a fleet finds campaigns in the attempts that it judges itself. A rule \
                      matches members by `campaign != \"\"`, or one campaign by its id.",
            audit: Audit::Silent,
            parameters: &[],
            body: Body::None,
            answer: Answer { status: 200, summary: "The campaigns.", schema: of::<All> },
            problems: &[],
            handle: all,
        },
        Endpoint {
            verb: Verb::Delete,
            path: "/api/v1/campaigns/{id}",
            summary: "End a campaign that is none.",
            details: "The next attempt is no member of it, and its pattern is ignored for a while. Of this gate alone, and \
                      until it is started again.",
            audit: Audit::Changes,
            parameters: &[ID, HOURS],
            body: Body::None,
            answer: Answer { status: 200, summary: "It is over.", schema: of::<All> },
            problems: &[problem::Kind::NotFound],
            handle: end,
        },
    ],
};

/// The campaigns that are active.
#[derive(Debug, Serialize, JsonSchema)]
struct All {
    campaigns: Vec<Shown>,
}

/// One campaign.
#[derive(Debug, Serialize, JsonSchema)]
struct Shown {
    /// As records have it.
    id: String,
    pattern: ShownPattern,
    /// The likeliest time of its beginning.
    started: String,
    /// When it was found.
    found: String,
    /// When something of it was last seen that did not get in.
    last_seen: String,
    /// Attempts that were matched with it since it was found.
    attempts: u64,
    /// Of these, how many the gate kept from the application.
    withheld: u64,
    evidence: Numbers,
}

/// What its members have in common.
#[derive(Debug, Serialize, JsonSchema)]
struct ShownPattern {
    /// `fingerprint`: one program, from everywhere. `fingerprint_in_asn`: one program in one autonomous system. `strangers`:
    /// programs of all kinds, on accounts that know none of them. `password`: one password on many accounts.
    kind: &'static str,
    /// As records have it in `device.fingerprint`.
    fingerprint: Option<String>,
    asn: Option<u32>,
}

/// What it is seen by. Numbers fade by half in twelve hours.
#[derive(Debug, Serialize, JsonSchema)]
struct Numbers {
    /// People who came and whom their account did not know: tries at one account are one person's.
    people: f64,
    /// Those who got in.
    succeeded: f64,
    /// How many would have come if those who got in were customers, and there were no others.
    expected: f64,
    /// Share of the people who did not get in.
    failure_share: f64,
}

impl From<&Campaign> for Shown {
    fn from(campaign: &Campaign) -> Shown {
        let Campaign { id, pattern, numbers, started, found, seen, attempts, withheld } = campaign;
        let rounded = |number: f64| (number * 1_000.0).round() / 1_000.0;
        Shown {
            id: id.to_string(),
            pattern: ShownPattern::from(*pattern),
            started: started.to_string(),
            found: found.to_string(),
            last_seen: seen.to_string(),
            attempts: *attempts,
            withheld: *withheld,
            evidence: Numbers {
                people: rounded(numbers.people),
                succeeded: rounded(numbers.succeeded),
                expected: rounded(numbers.expected),
                failure_share: rounded(numbers.failure_share()),
            },
        }
    }
}

impl From<Pattern> for ShownPattern {
    fn from(pattern: Pattern) -> ShownPattern {
        let fingerprint = pattern.fingerprint().map(|fingerprint| format!("{fingerprint:016x}"));
        ShownPattern { kind: pattern.kind(), fingerprint, asn: pattern.asn() }
    }
}

fn shown(call: &Call) -> All {
    // As they are now, and not as they were up to a second ago.
    let gate = &call.api.gate;
    gate.publish(&gate.population.publish_now(call.at));
    let site = gate.site.load();
    All { campaigns: site.campaigns.active.iter().map(|campaign| Shown::from(&**campaign)).collect() }
}

fn all(call: Call) -> Answering {
    Box::pin(async move { Reply::json(200, &shown(&call)) })
}

fn end(call: Call) -> Answering {
    Box::pin(async move {
        let id = call.text("id").and_then(AttemptId::parse).unwrap_or_default();
        call.note("campaign", id.to_string());
        let hours = call.number(&HOURS);
        call.note("ignore_hours", hours);
        let gate = &call.api.gate;
        let until = call.at.after(Duration::from_secs(hours * 3_600));
        match gate.population.end(id, until) {
            true => Reply::json(200, &shown(&call)),
            false => Err(Problem::new(problem::Kind::NotFound, "no campaign with this id is active")),
        }
    })
}
