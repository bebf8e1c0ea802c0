//! The configuration: what rules now, and the next one.

use super::Resource;
use super::call::Call;
use super::endpoint::{Answer, Answering, Audit, Body, Endpoint, Reply, Verb, of};
use super::problem::{Kind, Problem};
use crate::admin::pages;
use crate::config::settings::{Settings, Store};
use crate::config::{self, Problem as Fault};
use crate::engine::time::Timestamp;
use crate::gateway::inspection::{self, Found};
use crate::gateway::live::Live;
use crate::gateway::reload::{Loaded, Outcome, Refused};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Where a reload is asked for.
pub const RELOAD: &str = "/api/v1/config/reload";

pub const RESOURCE: Resource = Resource {
    name: "config",
    summary: "The configuration: what rules now, and the next one.",
    endpoints: &[
        Endpoint {
            verb: Verb::Get,
            path: "/api/v1/config",
            summary: "The effective configuration, and what became of the last reload.",
            details: "As `tollgate check --show` prints it: with every default, without secrets; what comes from the \
                      environment stands as its variable.",
            audit: Audit::Silent,
            parameters: &[],
            body: Body::None,
            answer: Answer { status: 200, summary: "What rules now.", schema: of::<Running> },
            problems: &[],
            handle: show,
        },
        Endpoint {
            verb: Verb::Post,
            path: "/api/v1/config/check",
            summary: "What is wrong with a configuration.",
            details: "As `tollgate check` says it, for the YAML in the body; nothing is changed. Files are read if they lie beside \
                      the running configuration or are named by it, and variables of the environment if it uses them: whoever \
                      calls need not be allowed to read this machine's files. Ports are not tried, and whether directories \
                      exist is not told.",
            audit: Audit::Reads,
            parameters: &[],
            body: Body::Text { media: "application/yaml", most: config::LARGEST as usize },
            answer: Answer { status: 200, summary: "The report.", schema: of::<Checked> },
            problems: &[],
            handle: check,
        },
        Endpoint {
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
        },
    ],
};

/// What rules now.
#[derive(Debug, Serialize, JsonSchema)]
struct Running {
    /// The hash of its text: `config` in records.
    config: String,
    /// Of the program.
    version: &'static str,
    /// `enforce` or `monitor`.
    mode: &'static str,
    product: String,
    /// When it came into force; null while the gate starts.
    since: Option<String>,
    /// What waits for a restart, and what goes on until then.
    restart: Vec<String>,
    /// The last reload, if it was refused: what rules is the one before.
    refused: Option<RefusedReload>,
    /// The effective configuration as YAML.
    effective: String,
}

/// A reload that was refused.
#[derive(Debug, Serialize, JsonSchema)]
struct RefusedReload {
    at: String,
    problems: usize,
    /// Where the first is.
    first: String,
}

/// What is wrong with a configuration.
#[derive(Debug, Serialize, JsonSchema)]
struct Checked {
    /// Whether it would be taken. Warnings do not hinder it.
    ok: bool,
    problems: Vec<Trouble>,
    /// Further problems that are not listed.
    more: usize,
    warnings: Vec<Trouble>,
}

/// One thing to mend.
#[derive(Debug, Serialize, JsonSchema)]
struct Trouble {
    /// The key: `routes[1].match.path`; empty for the file as a whole.
    path: String,
    /// From 1; 0 where there is no place.
    line: usize,
    column: usize,
    message: String,
    /// What to write.
    help: Option<String>,
    /// The line, or the part of it around the place.
    snippet: String,
}

fn show(call: Call) -> Answering {
    Box::pin(async move {
        let live = call.api.gate.live.load_full();
        let told = call.api.gate.admin.configuration.lock().clone();
        let shown = live.clone();
        let effective = tokio::task::spawn_blocking(move || config::show(&shown.settings.source.0, &shown.settings));
        let effective = effective.await.map_err(|error| Problem::failed(&error))?;
        let instant = |seconds: u64| Timestamp::from_secs(seconds).to_string();
        let refused = told.as_ref().and_then(|told| told.refused.as_ref());
        let refused = refused.map(|pages::RefusedReload { at, problems, first }| RefusedReload {
            at: instant(*at),
            problems: *problems,
            first: first.clone(),
        });
        Reply::json(
            200,
            &Running {
                config: live.settings.hash.to_string(),
                version: env!("CARGO_PKG_VERSION"),
                mode: live.settings.mode.name(),
                product: live.settings.product.to_string(),
                since: told.as_ref().map(|told| instant(told.loaded)),
                restart: told.map(|told| told.restart).unwrap_or_default(),
                refused,
                effective,
            },
        )
    })
}

fn check(call: Call) -> Answering {
    Box::pin(async move {
        let text = call.body()?.to_owned();
        let live = call.api.gate.live.load_full();
        let file = call.api.reloads.file().to_owned();
        let now = call.at;
        let checked = tokio::task::spawn_blocking(move || checked(&text, &live, &file, now)).await;
        Reply::json(200, &checked.map_err(|error| Problem::failed(&error))?)
    })
}

/// Checks a text as if it stood in the running configuration's file.
fn checked(text: &str, live: &Live, file: &Path, now: Timestamp) -> Checked {
    let running = &live.settings;
    let base = file.parent().unwrap_or(Path::new(""));
    let named = named_by(running);
    let folder = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    let whole = folder.canonicalize().ok();
    let allowed = |path: &Path| named.iter().any(|known| known == path) || is_beside(path, base, whole.as_deref());
    // What is put in is kept, to be taken out of what is said.
    let put_in = std::cell::RefCell::new(BTreeMap::new());
    let variables = |name: &str| {
        let value = uses(&running.source.0, name).then(|| std::env::var(name).ok())??;
        put_in.borrow_mut().insert(name.to_owned(), value.clone());
        Some(value)
    };
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let read = config::parse_offered(&name, text, base, &variables, &allowed);
    let put_in = put_in.borrow();
    let each = |faults: &[Fault]| faults.iter().map(|fault| Trouble::of(fault, &put_in)).collect();
    match read {
        Err(report) => Checked { ok: false, problems: each(&report.problems), more: report.more, warnings: Vec::new() },
        Ok(loaded) => {
            let Found { problems, mut warnings, .. } =
                inspection::contents(&loaded.settings, &loaded.places, now, Some(&live.intel));
            warnings.extend(loaded.warnings);
            Checked { ok: problems.is_empty(), problems: each(&problems), more: 0, warnings: each(&warnings) }
        }
    }
}

/// The files that a configuration names, as it names them.
fn named_by(settings: &Settings) -> Vec<PathBuf> {
    let files = &settings.intel;
    let databases = [
        &files.country,
        &files.city,
        &files.asn,
        &files.anonymous,
        &files.tor_exit,
        &files.vpn,
        &files.datacenter,
        &files.proxy,
        &files.disposable,
        &files.passwords,
    ];
    let tls = settings.listen.iter().filter_map(|listener| listener.tls.as_ref());
    let admin = settings.admin.tls.as_ref();
    let tls = tls.chain(admin.map(|tls| &tls.files)).flat_map(|tls| [&tls.certificate, &tls.key]);
    let store = match &settings.store {
        Store::Memory { .. } => [None, None],
        Store::Redis(redis) => [redis.password_file.as_ref(), redis.ca_file.as_ref()],
    };
    let lists = settings.lists.iter().filter_map(|list| list.file.as_ref());
    let authority = admin.and_then(|tls| tls.client_ca.as_ref());
    databases
        .into_iter()
        .flatten()
        .chain(tls)
        .chain(lists)
        .chain(authority)
        .chain(store.into_iter().flatten())
        .cloned()
        .collect()
}

/// Whether a path leads to something below the running configuration's directory, links followed.
fn is_beside(path: &Path, base: &Path, whole: Option<&Path>) -> bool {
    match (path.canonicalize(), whole) {
        (Ok(path), Some(whole)) => path.starts_with(whole),
        // What is not there is told only where it could be: without `..`, and not by another name.
        _ => {
            path.starts_with(base) && path.is_absolute() != base.is_relative() && {
                !path.components().any(|part| part == Component::ParentDir)
            }
        }
    }
}

/// Whether a configuration's text puts this variable in.
fn uses(source: &str, name: &str) -> bool {
    source.contains(&format!("${{{name}}}"))
}

impl Trouble {
    fn of(fault: &Fault, put_in: &BTreeMap<String, String>) -> Trouble {
        let without = |text: &str| {
            let values = put_in.iter().filter(|(_, value)| value.len() >= SHORTEST_VALUE);
            values.fold(text.to_owned(), |text, (name, value)| text.replace(value.as_str(), &format!("${{{name}}}")))
        };
        Trouble {
            path: without(&fault.path),
            line: fault.line,
            column: fault.column,
            message: without(&fault.message),
            help: fault.help.as_deref().map(without),
            snippet: without(&fault.snippet),
        }
    }
}

/// Shorter values are no secrets, and would be found in every other word.
const SHORTEST_VALUE: usize = 6;

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
