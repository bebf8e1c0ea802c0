//! Decision records, as they were written.

use super::call::Call;
use super::endpoint::{self, Answer, Answering, Audit, Body, Endpoint, Kind, Parameter, Place, Reply, Verb, of};
use super::feedback::LabelShown;
use super::problem::{self, Problem};
use super::records::{self, Bounds, Cursor, Filter, Page, Record};
use super::{Resource, people};
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::label::Verdict;
use crate::engine::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::net::IpAddr;

const fn query(name: &'static str, kind: Kind, summary: &'static str) -> Parameter {
    Parameter { name, place: Place::Query, kind, summary }
}

const LIMIT: Parameter =
    query("limit", Kind::Number { default: 100, least: 1, most: 1000 }, "Most records of one page.");
const CURSOR: Parameter = query("cursor", Kind::Form(endpoint::CURSOR), "Of the page before: where this one begins.");

const QUERY: &[Parameter] = &[
    query(
        "account",
        Kind::Text(people::LONGEST),
        "A name of the account as its owner types it, or a `user_id`. It stands in this request's address: where addresses are \
         logged on the way, ask `POST /api/v1/entities/lookup` instead.",
    ),
    query("device", Kind::Form(endpoint::DEVICE), "A `device_id`."),
    query("ip", Kind::Address, "An address."),
    query("rule", Kind::Text(64), "The name of the rule that decided."),
    query("route", Kind::Text(64), "The name of a route."),
    query("event", Kind::Text(64), "An event: `login`, as in the configuration, or `$login`, as in a record."),
    query("action", Kind::Choice(&["allow", "challenge", "deny"]), "What the policy said."),
    query(
        "label",
        Kind::Choice(&["any", "right", "wrong", "fraud", "not_fraud"]),
        "Labels with this verdict, or any: the records of the status `$labelled`, those included that a later one replaced.",
    ),
    query("since", Kind::Instant, "Not before this instant."),
    query("until", Kind::Instant, "Not after this instant."),
    LIMIT,
    CURSOR,
];

pub const RESOURCE: Resource = Resource {
    name: "decisions",
    summary: "Decision records, as they were written.",
    endpoints: &[
        Endpoint {
            verb: Verb::Get,
            path: "/api/v1/decisions",
            summary: "Records, newest first.",
            details: "From memory and, where a decision log is configured, from that file and its rotated ones, which are read \
                      backwards up to a bound; then the answer says that it is not complete, and where it goes on. A record \
                      is found by what it says itself: those of outcomes name no address, device and rule.",
            audit: Audit::Reads,
            parameters: QUERY,
            body: Body::None,
            answer: Answer { status: 200, summary: "A page of records.", schema: of::<Page> },
            problems: &[problem::Kind::Cursor],
            handle: list,
        },
        Endpoint {
            verb: Verb::Get,
            path: "/api/v1/decisions/{id}",
            summary: "All records of one attempt, oldest first.",
            details: "The attempt's id is in its records, on the page of a refusal, and in the `X-Tollgate-Decision` header that \
                      the application gets.",
            audit: Audit::Reads,
            parameters: &[
                Parameter {
                    name: "id",
                    place: Place::Path,
                    kind: Kind::Form(endpoint::ATTEMPT),
                    summary: "The id of an attempt: 26 letters and digits.",
                },
                CURSOR,
            ],
            body: Body::None,
            answer: Answer { status: 200, summary: "What was written of it.", schema: of::<OfAttempt> },
            problems: &[problem::Kind::NotFound, problem::Kind::Cursor],
            handle: one,
        },
    ],
};

/// The records of one attempt.
#[derive(Debug, Serialize, JsonSchema)]
struct OfAttempt {
    id: String,
    /// Oldest first.
    records: Vec<Record>,
    /// What was said of the attempt last, if anything: the `label` of its newest record of the status `$labelled`.
    label: Option<LabelShown>,
    /// Whether everything that can hold one was looked through. If not, ask again with the cursor.
    complete: bool,
    /// Where to go on.
    cursor: Option<String>,
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let live = call.api.gate.live.load_full();
        let text = |name| call.text(name).map(str::to_owned);
        let mut filter = Filter {
            rule: text("rule"),
            route: text("route"),
            event: text("event").map(|event| if event.starts_with('$') { event } else { format!("${event}") }),
            action: text("action"),
            label: call.text("label").map(Verdict::parse),
            since: call.instant("since"),
            until: call.instant("until"),
            ..Filter::default()
        };
        if let Some(name) = call.text("account") {
            let meant = call.api.name_means(&live, name);
            call.note("account", call.api.hashed_person(&meant));
            filter.account = Some(meant.pseudonyms.iter().map(ToString::to_string).collect());
        }
        if let Some(device) = call.text("device").and_then(Pseudonym::parse) {
            let device = device.to_string();
            call.note("device", call.api.hashed("device", &device));
            filter.device = Some(device);
        }
        if let Some(ip) = call.text("ip").and_then(|ip| ip.parse::<IpAddr>().ok()) {
            let ip = ip.to_canonical().to_string();
            call.note("ip", call.api.hashed("ip", &ip));
            filter.ip = Some(ip);
        }
        let cursor = call.text("cursor").and_then(Cursor::parse);
        let bounds = Bounds { records: call.number(&LIMIT) as usize, read: records::MOST_READ };
        let page = find(&call, filter, cursor, bounds).await?;
        call.note("records", page.records.len());
        Reply::json(200, &page)
    })
}

fn one(call: Call) -> Answering {
    Box::pin(async move {
        // It was checked when the call was read.
        let id = call.text("id").and_then(AttemptId::parse).unwrap_or_default();
        // An id begins with the time at which it was made; nothing of it can be older.
        let since = Timestamp((id.0 >> 80) as u64);
        let filter = Filter { id: Some(id.to_string()), since: Some(since), ..Filter::default() };
        let cursor = call.text("cursor").and_then(Cursor::parse);
        let bounds = Bounds { records: 1000, read: records::MOST_READ };
        let Page { mut records, complete, cursor, .. } = find(&call, filter, cursor, bounds).await?;
        call.note("attempt", id.to_string());
        if records.is_empty() && complete {
            return Err(Problem::new(problem::Kind::NotFound, "no record of this attempt is kept"));
        }
        records.reverse();
        let label = records.iter().rev().find_map(|record| LabelShown::of(&record.0));
        Reply::json(200, &OfAttempt { id: id.to_string(), records, label, complete, cursor })
    })
}

/// Finds records on a thread for blocking work.
pub(super) async fn find(call: &Call, filter: Filter, cursor: Option<Cursor>, bounds: Bounds) -> Result<Page, Problem> {
    let sinks = call.api.gate.sinks.clone();
    let found = tokio::task::spawn_blocking(move || records::find(&sinks, &filter, cursor, bounds)).await;
    found.map_err(|error| Problem::failed(&error))?
}
