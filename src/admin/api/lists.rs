//! The operator's lists: what is on them, and what is added to them while the gate runs.

use super::Resource;
use super::call::Call;
use super::endpoint::{Answer, Answering, Audit, Body, Endpoint, Kind, Parameter, Place, Reply, Verb, of};
use super::problem::{self, Problem};
use crate::engine::time::Timestamp;
use crate::gateway::lists::{self, Added, Addition, Imported, Overview, Page, Removed, Unfulfilled};
use crate::lists::line;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const NAME: Parameter = Parameter {
    name: "name",
    place: Place::Path,
    kind: Kind::Text(64),
    summary: "The list's name in the configuration, or `banned`.",
};
const LIMIT: Parameter = Parameter {
    name: "limit",
    place: Place::Query,
    kind: Kind::Number { default: 1000, least: 1, most: lists::MOST_SHOWN as u64 },
    summary: "Most entries of one page.",
};
const CURSOR: Parameter = Parameter {
    name: "cursor",
    place: Place::Query,
    kind: Kind::Text(2048),
    summary: "Of the page before: its `next`.",
};
const SOURCE: Parameter = Parameter {
    name: "source",
    place: Place::Query,
    kind: Kind::Choice(&["all", "added"]),
    summary: "`added`: without what stands in files.",
};

/// Most bytes of one entry with its reason.
const ENTRY: usize = 16 * 1024;
/// Most bytes of an import: a larger file comes in parts.
pub const IMPORT: usize = 2 * 1024 * 1024;

pub const RESOURCE: Resource = Resource {
    name: "lists",
    summary: "The operator's lists, and what is added to them.",
    endpoints: &[
        Endpoint {
            verb: Verb::Get,
            path: "/api/v1/lists",
            summary: "All lists.",
            details: "Those of the configuration, and `banned`, which holds what rules banned.",
            audit: Audit::Silent,
            parameters: &[],
            body: Body::None,
            answer: Answer { status: 200, summary: "The lists with their sizes.", schema: of::<Overview> },
            problems: &[],
            handle: all,
        },
        Endpoint {
            verb: Verb::Get,
            path: "/api/v1/lists/{name}",
            summary: "What is on a list.",
            details: "First what stands in its file, as the file is now, then in the configuration, then what was added. \
                      Accounts and e-mail addresses that were added are shown as `hash:` and their keyed hash: the gate \
                      does not keep names.",
            audit: Audit::Reads,
            parameters: &[NAME, SOURCE, LIMIT, CURSOR],
            body: Body::None,
            answer: Answer { status: 200, summary: "A page of entries.", schema: of::<Page> },
            problems: &[problem::Kind::NotFound, problem::Kind::Invalid],
            handle: one,
        },
        Endpoint {
            verb: Verb::Post,
            path: "/api/v1/lists/{name}/entries",
            summary: "Add an entry.",
            details: "The next request sees it, and every gate of a fleet within a second. One that is there is replaced: it \
                      gets this reason and this end.",
            audit: Audit::Changes,
            parameters: &[NAME],
            body: Body::Json { schema: of::<NewEntry>, most: ENTRY },
            answer: Answer { status: 200, summary: "It is on the list.", schema: of::<Added> },
            problems: &[problem::Kind::NotFound, problem::Kind::Invalid, problem::Kind::Store],
            handle: add,
        },
        Endpoint {
            verb: Verb::Delete,
            path: "/api/v1/lists/{name}/entries",
            summary: "Take an entry away that was added.",
            details: "One that stands in a file is refused with its place: what a file says is changed in the file.",
            audit: Audit::Changes,
            parameters: &[NAME],
            body: Body::Json { schema: of::<OldEntry>, most: ENTRY },
            answer: Answer { status: 200, summary: "It is gone.", schema: of::<Removed> },
            problems: &[problem::Kind::NotFound, problem::Kind::Invalid, problem::Kind::Store],
            handle: remove,
        },
        Endpoint {
            verb: Verb::Post,
            path: "/api/v1/lists/{name}/import",
            summary: "Add every entry of a text, or none.",
            details: "One entry a line: `ENTRY [until=2026-12-01] [# reason]`, as in a list's file. If any line is wrong, \
                      nothing is changed. A text larger than the body may be comes in parts, of which each is all or nothing.",
            audit: Audit::Changes,
            parameters: &[NAME],
            body: Body::Json { schema: of::<NewEntries>, most: IMPORT },
            answer: Answer { status: 200, summary: "What was done, or would be.", schema: of::<Imported> },
            problems: &[problem::Kind::NotFound, problem::Kind::Invalid, problem::Kind::Store],
            handle: import,
        },
    ],
};

/// An entry to add.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEntry {
    /// As a line of the list's file has it; an account or e-mail address as its owner types it, or `hash:` and a hash.
    pub entry: String,
    /// One line, at most 200 characters. Names nobody who must not be found here.
    #[serde(default)]
    pub reason: String,
    /// For how long, in milliseconds. Without this and `until` it stays.
    #[serde(default)]
    pub for_ms: Option<u64>,
    /// Until when (RFC 3339, or a date: its first moment in UTC).
    #[serde(default)]
    pub until: Option<String>,
    /// Who adds it, as they call themselves.
    #[serde(default)]
    pub by: String,
}

/// An entry to take away.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OldEntry {
    /// As it was added, or as it is shown.
    pub entry: String,
}

/// Entries to add.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEntries {
    /// One entry a line.
    pub text: String,
    /// How many lines came before, if this is a part.
    #[serde(default)]
    pub before: usize,
    /// Say what would be done, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Who adds them, as they call themselves.
    #[serde(default)]
    pub by: String,
}

fn all(call: Call) -> Answering {
    Box::pin(async move { Reply::json(200, &lists::overview(&call.api.gate, &call.api.gate.live.load())) })
}

fn one(call: Call) -> Answering {
    Box::pin(async move {
        let (gate, live) = (call.api.gate.clone(), call.api.gate.live.load_full());
        let name = call.text("name").unwrap_or_default().to_owned();
        let cursor = call.text("cursor").map(str::to_owned);
        let added_only = call.text("source") == Some("added");
        let most = usize::try_from(call.number(&LIMIT)).unwrap_or(1);
        call.note("list", name.as_str());
        // Reads a file.
        let page = move || lists::page(&gate, &live, &name, cursor.as_deref(), added_only, most);
        let page = tokio::task::spawn_blocking(page).await.map_err(|error| Problem::failed(&error))?;
        Reply::json(200, &page.map_err(problem)?)
    })
}

fn add(call: Call) -> Answering {
    Box::pin(async move {
        let new: NewEntry = call.json()?;
        let list = call.text("name").unwrap_or_default();
        call.note("list", list);
        let until = until(&new, call.at)?;
        let NewEntry { entry, reason, by, .. } = &new;
        let addition = Addition { list, entry, reason, until, by };
        let live = call.api.gate.live.load_full();
        let added = lists::add(&call.api.gate, &live, addition).await.map_err(problem)?;
        call.note("entries", noted(&call, added.entries.iter().map(|shown| shown.entry.as_str())));
        Reply::json(200, &added)
    })
}

fn until(new: &NewEntry, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    match (new.for_ms, &new.until) {
        (Some(_), Some(_)) => Err(Problem::new(problem::Kind::Body, "send `for_ms` or `until`, not both")),
        (Some(span), None) => Ok(Some(now.after(Duration::from_millis(span)))),
        (None, Some(text)) => line::until(text).map(Some).map_err(|wrong| Problem::new(problem::Kind::Invalid, wrong)),
        (None, None) => Ok(None),
    }
}

fn remove(call: Call) -> Answering {
    Box::pin(async move {
        let OldEntry { entry } = call.json()?;
        let list = call.text("name").unwrap_or_default();
        call.note("list", list);
        call.note("entries", noted(&call, std::iter::once(entry.trim())));
        let live = call.api.gate.live.load_full();
        Reply::json(200, &lists::remove(&call.api.gate, &live, list, &entry).await.map_err(problem)?)
    })
}

fn import(call: Call) -> Answering {
    Box::pin(async move {
        let NewEntries { text, before, dry_run, by } = call.json()?;
        let list = call.text("name").unwrap_or_default();
        call.note("list", list);
        let live = call.api.gate.live.load_full();
        let imported =
            lists::import(&call.api.gate, &live, list, &text, before, &by, dry_run).await.map_err(problem)?;
        call.note("added", imported.added);
        call.note("replaced", imported.replaced);
        call.note("dry_run", dry_run);
        Reply::json(200, &imported)
    })
}

/// What the audit log is told of entries: hashes of its own.
fn noted<'e>(call: &Call, entries: impl Iterator<Item = &'e str>) -> Vec<String> {
    entries.take(16).map(|entry| call.api.hashed("entry", entry)).collect()
}

fn problem(unfulfilled: Unfulfilled) -> Problem {
    let said = unfulfilled.to_string();
    match unfulfilled {
        Unfulfilled::Unknown(_) => Problem::new(problem::Kind::NotFound, said),
        Unfulfilled::Wrong { lines, .. } => {
            Problem::new(problem::Kind::Invalid, said).with("lines", serde_json::json!(lines))
        }
        Unfulfilled::Filed { file, line, .. } => {
            Problem::new(problem::Kind::Invalid, said).with("file", file).with("line", line)
        }
        Unfulfilled::Store(crate::store::StoreError::Lists(_)) => {
            Problem::new(problem::Kind::Invalid, format!("{said}: raise `limits.list_entries`, or take entries away"))
        }
        Unfulfilled::Store(crate::store::StoreError::Late(_)) => {
            let detail = format!("{said}: the change may have been made; look, or make it again, which is harmless");
            Problem::new(problem::Kind::Store, detail)
        }
        Unfulfilled::Store(_) => Problem::new(problem::Kind::Store, format!("{said}; nothing was changed")),
        Unfulfilled::Unreadable(_) => Problem::failed(&said),
    }
}
