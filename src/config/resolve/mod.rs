//! From the mirror to the domain: defaults, ranges, cross-references, files. One file a topic.
//!
//! Each topic takes its slots and gives back a value, also when something was wrong: the fault is in the document by
//! then, the value is thrown away at the end, and the other topics could still be checked against it. What a value
//! means is decided here and nowhere else; the rest of the program only sees [`Settings`].

mod admin;
mod challenge;
mod device;
mod email;
mod fields;
mod files;
mod intel;
mod limits;
mod listen;
mod lists;
mod matching;
mod names;
mod outcome;
mod policies;
mod reach;
mod routes;
mod shadows;
mod signals;
mod store;
mod upstream;

pub(super) use policies::STANDARD;

use super::again::Kept;
use super::document::Document;
use super::file::{ByteSize, File, LogName, ModeName, Period};
use super::settings::{DecisionLog, Log, Mode, Reload, Settings, Source};
use super::slot::{Many, Slot};
use super::tree::NodeId;
use super::units;
use super::{Files, Reach};
use crate::engine::pattern::Globs;
use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where the gate's keys are kept when the file does not say.
const SECRET_FILE: &str = "/var/lib/tollgate/secret";

/// What every topic needs at hand.
pub(super) struct Resolver<'d, 's> {
    pub document: &'d Document<'s>,
    /// Relative paths in the file are relative to this.
    pub base: &'d Path,
    /// What was read for the configuration, noted before it is opened.
    pub files: &'d RefCell<Files>,
    /// What of this machine may be looked at.
    pub reach: Reach<'d>,
    /// Routes that are known from an earlier reading, and are not in this document.
    pub kept: Option<&'d Kept>,
}

/// The configuration, of use only if nothing was reported.
pub(super) struct Resolved {
    pub settings: Settings,
    /// Whether a route is made from its own text and its policy, and from nothing else on this machine.
    pub routes_are_text: bool,
}

pub(super) fn resolve(
    document: &Document<'_>,
    base: &Path,
    files: &RefCell<Files>,
    file: &File,
    text: &str,
    reach: Reach<'_>,
    kept: Option<&Kept>,
) -> Resolved {
    let to = Resolver { document, base, files, reach, kept };
    let root = document.tree.root();
    to.version(&file.version, root);
    let mode = to.gate_mode(&file.mode, root);
    let listen = to.listen(&file.listen, root);
    let upstreams = to.upstreams(&file.upstream, root);
    let lists = to.lists(&file.lists);
    let model = to.model(&file.signals);
    let challenge = to.challenges(&file.challenge);
    let policies = to.policies(&file.policies, &lists, to.route_names(file), &model, challenge.default_kind);
    let files_before = files.borrow().len();
    let routes = to.routes(&file.routes, root, &policies);
    let routes_are_text = files.borrow().len() == files_before;
    let admin = to.admin(file, &listen);
    let settings = Settings {
        product: to.product(&file.product),
        mode,
        secret_file: to.path(file.secret_file.get().map_or(SECRET_FILE, String::as_str)),
        listen,
        upstreams,
        client_ip: to.client_ip(&file.client_ip),
        routes,
        lists,
        intel: to.intel(&file.intel),
        mail_dns: to.mail_dns(&file.email),
        store: to.store(file),
        challenge,
        device_cookie: to.device_cookie(&file.device),
        decision_log: to.decision_log(file),
        admin,
        limits: to.limits(&file.limits),
        reload: to.reload(file),
        log: match file.log.get() {
            Some(LogName::Json) => Log::Json,
            Some(LogName::Text) | None => Log::Text,
        },
        hash: super::hash(text),
        source: Source(text.into()),
    };
    Resolved { settings, routes_are_text }
}

impl Resolver<'_, '_> {
    fn version(&self, version: &Slot<u64>, root: NodeId) {
        if let Some((node, version)) = self.required(version, root, "version", "write `version: 1`")
            && *version != 1
        {
            self.error(node, format!("version {version} of this format is not known"), "write `version: 1`");
        }
    }

    fn gate_mode(&self, mode: &Slot<ModeName>, root: NodeId) -> Mode {
        let help = "write `mode: monitor` (decide and record, forward everything) or `mode: enforce`; there is no default, \
                    so that nobody blocks, or fails to block, by accident";
        self.required(mode, root, "mode", help).map_or(Mode::Monitor, |(_, mode)| mode_of(*mode))
    }

    fn product(&self, product: &Slot<String>) -> Arc<str> {
        let Some((node, product)) = product.good() else { return "default".into() };
        if product.len() > 64 || product.chars().any(char::is_control) {
            self.error(node, "a product's name has at most 64 characters, and no control characters", None);
        }
        product.as_str().into()
    }

    fn decision_log(&self, file: &File) -> Option<DecisionLog> {
        let (node, log) = file.decision_log.good()?;
        let (_, path) = self.required(&log.path, node, "path", "write `path: /var/log/tollgate/decisions.jsonl`")?;
        Some(DecisionLog { path: self.path(path) })
    }

    /// Names that rules may compare `route` with; none, which allows any, while a route's name cannot be read.
    fn route_names(&self, file: &File) -> Vec<Arc<str>> {
        let routes = file.routes.get().into_iter().flatten().enumerate();
        let names = routes.map(|(place, route)| match self.kept.and_then(|kept| kept.route(place)) {
            Some(known) => Some(known.name.clone()),
            None => route.get()?.name.get().map(|name| name.as_str().into()),
        });
        names.collect::<Option<Vec<_>>>().unwrap_or_default()
    }

    fn reload(&self, file: &File) -> Reload {
        let watch = file.reload.get().and_then(|reload| reload.watch.get());
        Reload { watch: watch.copied().unwrap_or(true) }
    }

    // What the topics share.

    /// Remembers a file that is about to be read.
    pub fn note(&self, path: &Path) {
        self.files.borrow_mut().note(path);
    }

    pub fn error<'h>(&self, node: NodeId, message: impl Into<String>, help: impl Into<Help<'h>>) {
        self.document.error(node, message, help.into().0.map(str::to_owned));
    }

    /// The value, or a report that it is missing in the mapping at `parent`.
    pub fn required<'v, T>(&self, slot: &'v Slot<T>, parent: NodeId, key: &str, help: &str) -> Option<(NodeId, &'v T)> {
        if slot.is_absent() {
            self.error(parent, format!("`{key}` is missing"), help);
        }
        slot.good()
    }

    pub fn duration(&self, slot: &Slot<Period>, default: Duration, range: RangeInclusive<Duration>) -> Duration {
        let Some((node, Period(text))) = slot.good() else { return default };
        self.period(node, text, range).unwrap_or(default)
    }

    /// A duration as it is written; `None`: it is none, which is reported.
    pub fn period(&self, node: NodeId, text: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        match units::duration(text) {
            Ok(value) if range.contains(&value) => Some(value),
            Ok(_) => {
                let (low, high) = (units::show_duration(*range.start()), units::show_duration(*range.end()));
                self.error(
                    node,
                    format!("`{text}` is out of range"),
                    &*format!("write a duration from {low} to {high}"),
                );
                None
            }
            Err((message, help)) => {
                self.error(node, message, &*help);
                None
            }
        }
    }

    pub fn size(&self, slot: &Slot<ByteSize>, default: u64, range: RangeInclusive<u64>) -> u64 {
        let Some((node, ByteSize(text))) = slot.good() else { return default };
        match units::size(text) {
            Ok(value) if range.contains(&value) => value,
            Ok(_) => {
                let (low, high) = (units::show_size(*range.start()), units::show_size(*range.end()));
                self.error(node, format!("`{text}` is out of range"), &*format!("write a size from {low} to {high}"));
                default
            }
            Err((message, help)) => {
                self.error(node, message, &*help);
                default
            }
        }
    }

    pub fn number(&self, slot: &Slot<u64>, default: u64, range: RangeInclusive<u64>) -> u64 {
        let Some((node, value)) = slot.good() else { return default };
        if !range.contains(value) {
            let help = format!("write a number from {} to {}", range.start(), range.end());
            self.error(node, format!("{value} is out of range"), &*help);
            return default;
        }
        *value
    }

    pub fn path(&self, text: &str) -> PathBuf {
        self.base.join(text)
    }

    /// Globs as they are written.
    pub fn globs(&self, slot: &Slot<Many<String>>) -> Option<Globs> {
        let (node, many) = slot.good()?;
        self.glob_list(node, many)
    }

    pub fn glob_list(&self, node: NodeId, many: &Many<String>) -> Option<Globs> {
        if many.0.is_empty() {
            self.error(
                node,
                "this list is empty: it would match nothing",
                "name at least one value, or leave the key out",
            );
            return None;
        }
        for (node, text) in many.good() {
            if text.len() > 1024 {
                self.error(node, "a pattern has at most 1024 characters", None);
            } else if text == "!" {
                self.error(
                    node,
                    "`!` negates what follows it, and nothing does",
                    "write `!value`, or `!~` for \"must be present\"",
                );
            }
        }
        let globs = Globs::new(many.good().map(|(_, text)| text));
        if globs.is_never() {
            self.error(
                node,
                "this never matches: a `!` entry excludes everything that the others accept",
                "a list matches if any plain entry does and no `!` entry does: make the `!` entry narrower",
            );
        }
        Some(globs)
    }
}

/// What to write, if there is something to say.
pub(super) struct Help<'h>(Option<&'h str>);

impl<'h> From<&'h str> for Help<'h> {
    fn from(help: &'h str) -> Help<'h> {
        Help(Some(help))
    }
}

impl<'h> From<Option<&'h str>> for Help<'h> {
    fn from(help: Option<&'h str>) -> Help<'h> {
        Help(help)
    }
}

fn mode_of(mode: ModeName) -> Mode {
    match mode {
        ModeName::Enforce => Mode::Enforce,
        ModeName::Monitor => Mode::Monitor,
    }
}
