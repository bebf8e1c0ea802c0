//! A person's rights: to know what is kept of them (GDPR, article 15), and to be forgotten (article 17).
//!
//! Both go through everything that the gate keeps under a person's hashes: the store, the newest records in memory, the
//! decision log with its rotated files. What they cannot do they say: compressed files are not opened, and the operator's
//! own lists are the operator's (that somebody is blocked may have to be kept). Forgetting can be repeated; it finds nothing
//! the second time. One of these runs at a time, since each reads whole files.

use super::Resource;
use super::call::Call;
use super::endpoint::{Answer, Answering, Audit, Body, Endpoint, Reply, Verb, of};
use super::entities::{self, Account};
use super::people::{Listed, Person};
use super::problem::{Kind, Problem};
use super::records::{self, Bounds, Cursor, Filter, Record};
use crate::events::decision_log::erase::{self, Erased};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// Where the commands ask.
pub const EXPORT: &str = "/api/v1/accounts/export";
pub const FORGET: &str = "/api/v1/accounts/forget";

pub const RESOURCE: Resource = Resource {
    name: "accounts",
    summary: "A person's rights: to know what is kept of them, and to be forgotten.",
    endpoints: &[
        Endpoint {
            verb: Verb::Post,
            path: EXPORT,
            summary: "Everything that is kept of an account (GDPR, article 15).",
            details: "What the store counted, every record of the decision log and its rotated files, and the lists that name \
                      it. Compressed files are named and not read. Name every name of the account.",
            audit: Audit::Reads,
            parameters: &[],
            body: Body::Json { schema: of::<Person>, most: 64 * 1024 },
            answer: Answer { status: 200, summary: "What is kept.", schema: of::<Export> },
            problems: &[Kind::Store],
            handle: export,
        },
        Endpoint {
            verb: Verb::Post,
            path: FORGET,
            summary: "Forget an account for good (GDPR, article 17).",
            details: "Takes it out of the store, and overwrites what tells of it in the records, in memory and in the decision \
                      log with its rotated files: user, device, address, place. What was decided stays. Compressed \
                      files are named and not touched, and so are lists that name it. An attempt that is under way is written \
                      when it ends: ask again after that. Can be repeated.",
            audit: Audit::Changes,
            parameters: &[],
            body: Body::Json { schema: of::<Person>, most: 64 * 1024 },
            answer: Answer { status: 200, summary: "What was done, and what is left to do.", schema: of::<Forgotten> },
            problems: &[Kind::Store],
            handle: forget,
        },
    ],
};

/// What is kept of a person.
#[derive(Debug, Serialize, JsonSchema)]
struct Export {
    /// When this was put together.
    at: String,
    /// The hashes under which it is kept.
    user_ids: Vec<String>,
    /// What the store counted.
    accounts: Vec<Account>,
    /// The lists of the configuration that name the account.
    lists: Vec<Listed>,
    /// Every record, newest first.
    records: Vec<Record>,
    /// Whether these are all; if not, there are more than an answer may hold.
    complete: bool,
    /// Compressed files of the log, which may have more.
    not_read: Vec<String>,
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
struct Forgotten {
    /// Entries of the store that are gone.
    entries: u32,
    /// Records in memory in which something was overwritten.
    recent_records: usize,
    /// Lines of the decision log in which something was overwritten.
    log_lines: u64,
    /// Files of the log that were looked through.
    log_files: usize,
    /// Compressed files of the log, which were not touched.
    not_touched: Vec<String>,
    /// Lists of the configuration that still name the account: whether it stays there is the operator's to say.
    lists: Vec<Listed>,
}

/// Records of one export.
const MOST_RECORDS: usize = 100_000;
/// How long the log's writer is waited for.
const FLUSH: Duration = Duration::from_secs(10);

fn export(call: Call) -> Answering {
    Box::pin(async move {
        let person: Person = call.json()?;
        let live = call.api.gate.live.load_full();
        let meant = call.api.meant(&live, &person)?;
        drop(person);
        call.note("account", call.api.hashed_person(&meant));
        let _alone = call.api.alone()?;
        let user_ids: Vec<String> = meant.pseudonyms.iter().map(ToString::to_string).collect();
        let mut export = Export {
            at: call.at.to_string(),
            accounts: entities::accounts(&call.api, &meant, call.at).await?,
            lists: call.api.lists_naming(&live, &meant),
            records: Vec::new(),
            complete: true,
            not_read: Vec::new(),
            user_ids: user_ids.clone(),
        };
        let sinks = call.api.gate.sinks.clone();
        let collected = tokio::task::spawn_blocking(move || {
            let filter = Filter { account: Some(user_ids), ..Filter::default() };
            let (mut records, mut cursor) = (Vec::new(), None);
            loop {
                let page = records::find(&sinks, &filter, cursor, Bounds { records: 10_000, read: u64::MAX })?;
                records.extend(page.records);
                match page.cursor {
                    Some(next) if records.len() < MOST_RECORDS => cursor = Cursor::parse(&next),
                    next => return Ok((records, next.is_none() && page.not_read.is_empty(), page.not_read)),
                }
            }
        });
        (export.records, export.complete, export.not_read) =
            collected.await.map_err(|error| Problem::failed(&error))??;
        call.note("records", export.records.len());
        Reply::json(200, &export)
    })
}

fn forget(call: Call) -> Answering {
    Box::pin(async move {
        let person: Person = call.json()?;
        let live = call.api.gate.live.load_full();
        let meant = call.api.meant(&live, &person)?;
        drop(person);
        call.note("account", call.api.hashed_person(&meant));
        let _alone = call.api.alone()?;
        let lists = call.api.lists_naming(&live, &meant);
        let gate = call.api.gate.clone();
        let runtime = tokio::runtime::Handle::current();
        let done = tokio::task::spawn_blocking(move || {
            // The store first: what is written down from now on begins anew.
            let mut entries = 0;
            for pseudonym in &meant.pseudonyms {
                entries += u32::from(runtime.block_on(gate.store.forget(*pseudonym)).map_err(entities::unanswered)?);
            }
            let names: Vec<String> = meant.pseudonyms.iter().map(ToString::to_string).collect();
            let recent = gate.sinks.recent();
            let recent_records = recent.map_or(0, |recent| recent.rewrite(|line| erase::erased(line, &names)));
            let mut erased = Erased::default();
            if let Some(log) = gate.sinks.log() {
                if !log.flush(FLUSH) {
                    let detail = "the decision log cannot be written, and records that wait for it may name the account: \
                                  mend that and ask again";
                    return Err(Problem::new(Kind::Store, detail));
                }
                erased = erase::erase(log.path(), &names).map_err(|error| Problem::failed(&error))?;
            }
            Ok((entries, recent_records, erased))
        });
        let (entries, recent_records, erased) = done.await.map_err(|error| Problem::failed(&error))??;
        let forgotten = Forgotten {
            entries,
            recent_records,
            log_lines: erased.lines,
            log_files: erased.files,
            not_touched: erased.untouched.iter().map(|path| path.display().to_string()).collect(),
            lists,
        };
        call.note(
            "forgotten",
            serde_json::json!({
                "entries": entries, "log_lines": erased.lines, "not_touched": forgotten.not_touched.len(),
            }),
        );
        Reply::json(200, &forgotten)
    })
}
