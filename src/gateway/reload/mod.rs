//! A changed configuration comes into force while visitors are served: whole, or not at all.
//!
//! One task ([`Reloader`]) does all of it, so that two reloads never race: it hears SIGHUP, the admin listener, and the
//! clock by which it looks at the files itself. Looking (`stat` once a second) is chosen over inotify because it is the
//! same everywhere: on NFS and in containers, through the exchanged links of a Kubernetes ConfigMap, over editors that
//! rename, and for files that do not exist yet; a dozen calls a second cost nothing. A file that is being written is left
//! alone until two looks agree, and what was refused is not tried again before something changes.
//!
//! Routes that did not change are not read again, nor are lists, databases and certificates; [`config::read_again`] argues
//! why nothing else comes of it. Reading, resolving and loading happen on a thread for blocking work, never on one that serves; there, too, an old
//! version is dropped once the last request that it belongs to is over: freeing a million entries takes its time, and must
//! not be the lot of whoever came last. Requests take the current version at their first hook and keep it; so the exchange
//! itself is one pointer.

mod outcome;
mod restart;

pub use outcome::{Loaded, Outcome, Refused};
pub use restart::AtStart;

use super::gate::Gate;
use super::live::Live;
use super::service_manager;
use super::upstream::Pool;
use crate::admin::pages::{Configuration, RefusedReload};
use crate::config::{self, Files, Stamp, Version};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

/// How often the gate looks at its files.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long files must stand still before they are read.
const SETTLE: Duration = Duration::from_millis(250);
/// How long the servers of a new upstream may take to be looked up and connected to.
const LOOK_UP: Duration = Duration::from_secs(10);

/// How long loading may take: storage that does not answer must not hold up the next one.
const LOAD: Duration = Duration::from_secs(30);
/// How long one look at the files is waited for, before whoever asks for a reload is heard.
const LOOK: Duration = Duration::from_secs(2);
/// Loads that are waited for no longer, before no further one is begun: each holds a thread.
const MOST_STUCK: usize = 4;

/// Asks the task for a reload, from anywhere.
#[derive(Clone, Debug)]
pub struct Reloads {
    sender: mpsc::Sender<oneshot::Sender<Outcome>>,
    file: Arc<Path>,
}

impl Reloads {
    /// The configuration's file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A reload that begins after this call. `None`: the gate is stopping.
    pub async fn reload(&self) -> Option<Outcome> {
        let (answer, outcome) = oneshot::channel();
        self.sender.send(answer).await.ok()?;
        outcome.await.ok()
    }
}

/// Why a reload was begun, as the log says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Signal,
    Asked,
    Changed,
}

impl Why {
    fn name(self) -> &'static str {
        match self {
            Why::Signal => "SIGHUP",
            Why::Asked => "asked for",
            Why::Changed => "files changed",
        }
    }
}

/// The task that reloads.
pub struct Reloader {
    gate: Arc<Gate>,
    file: PathBuf,
    at_start: AtStart,
    /// What the last try read.
    files: Files,
    /// What the last reading that came into force is known by: the next need not read all of it again.
    version: Option<Arc<Version>>,
    /// What they were at the last look, if that was something else.
    moving: Option<Files>,
    /// A look that has not come back yet.
    looking: Option<JoinHandle<Files>>,
    /// Loads that are waited for no longer.
    stuck: Vec<JoinHandle<Attempt>>,
    /// The last report, if the last try was refused.
    refused: Option<String>,
    /// Versions that requests may still belong to.
    retired: Vec<Arc<Live>>,
    tending: Vec<Tended>,
    requests: mpsc::Receiver<oneshot::Sender<Outcome>>,
}

/// What a look at the files shows.
enum Seen {
    Same,
    /// They are others than what was read, and others than at the last look.
    Moving,
    /// They are others than what was read, and have come to rest.
    Changed,
}

/// A pool of servers whose names and health are kept fresh by a task of their own, so that reloads do not interrupt it.
struct Tended {
    pool: Arc<Pool>,
    task: JoinHandle<()>,
}

impl Drop for Tended {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reloader {
    /// For a gate that was opened with what is in `file`; `files` and `version` are what was read for that.
    pub fn new(gate: Arc<Gate>, file: &Path, mut files: Files, version: Option<Version>) -> (Reloader, Reloads) {
        let (sender, requests) = mpsc::channel(16);
        let live = gate.live.load_full();
        let at_start = AtStart::of(&live.settings);
        note_keys(&mut files, &at_start, live.settings.admin.token_file.as_deref());
        tell(&gate, &live, &[], None);
        let (told, file, version) = (file, file.to_owned(), version.map(Arc::new));
        let (moving, refused, retired, tending) = (None, None, Vec::new(), Vec::new());
        let (looking, stuck) = (None, Vec::new());
        let reloader = Reloader {
            gate,
            file,
            at_start,
            files,
            version,
            moving,
            looking,
            stuck,
            refused,
            retired,
            tending,
            requests,
        };
        (reloader, Reloads { sender, file: told.into() })
    }

    /// Reloads whenever there is reason to, for as long as it is polled. `hangup` resolves at each SIGHUP.
    pub async fn run<H: Future<Output = ()>>(mut self, mut hangup: impl FnMut() -> H) {
        self.tend();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut hung_up = Box::pin(hangup());
        loop {
            tokio::select! {
                () = &mut hung_up => {
                    hung_up = Box::pin(hangup());
                    self.gate.sinks.reopen();
                    self.reload(Why::Signal).await;
                }
                Some(answer) = self.requests.recv() => {
                    let outcome = self.reload(Why::Asked).await;
                    // Who asked may have gone.
                    let _ = answer.send(outcome);
                }
                _ = look.tick() => {
                    self.drop_retired().await;
                    match self.look().await {
                        Seen::Same => {}
                        Seen::Moving => look.reset_after(SETTLE),
                        Seen::Changed => drop(self.reload(Why::Changed).await),
                    }
                }
            }
        }
    }

    /// Looks at the files once. Never waits for them to come to rest: one that is written to for ever must not keep
    /// anybody from asking for a reload.
    async fn look(&mut self) -> Seen {
        let before = self.moving.take();
        if !self.gate.live.load().settings.reload.watch {
            return Seen::Same;
        }
        // A look can hang where a network file system does: then there is one that hangs, and no second.
        let mut looking = self.looking.take().unwrap_or_else(|| look_at(&self.files));
        let Ok(looked) = tokio::time::timeout(LOOK, &mut looking).await else {
            self.looking = Some(looking);
            return Seen::Same;
        };
        let Ok(now) = looked else { return Seen::Same };
        if !now.is_of(&self.files) {
            // It was begun before a reload that reads other files.
            return Seen::Same;
        }
        if now == self.files {
            Seen::Same
        } else if before.as_ref() == Some(&now) {
            Seen::Changed
        } else {
            self.moving = Some(now);
            Seen::Moving
        }
    }

    async fn reload(&mut self, why: Why) -> Outcome {
        let began = Instant::now();
        let earlier = self.gate.live.load_full();
        self.stuck.retain(|load| !load.is_finished());
        let attempt = match self.stuck.len() {
            MOST_STUCK.. => None,
            _ => {
                let (gate, earlier, file, at_start) =
                    (self.gate.clone(), earlier.clone(), self.file.clone(), self.at_start.clone());
                let version = self.version.clone();
                let mut load =
                    spawn_blocking(move || Attempt::make(&gate, &earlier, &file, version.as_deref(), &at_start));
                let made = tokio::time::timeout(LOAD, &mut load).await.ok();
                if made.is_none() {
                    self.stuck.push(load);
                }
                made
            }
        };
        let Attempt { result, files, version, token_gone } = match attempt {
            Some(Ok(attempt)) => attempt,
            None => {
                let fault = format!(
                    "the configuration or a file that it names could not be read within {} s: is it on storage that \
                     does not answer, or a pipe?",
                    LOAD.as_secs()
                );
                return self.refuse(why, Refused::of_faults(&self.file, &[fault]));
            }
            Some(Err(_)) => {
                // It panicked, which is our fault and was reported as such; the old version is untouched.
                let fault = "the configuration could not be loaded".to_owned();
                return self.refuse(why, Refused::of_faults(&self.file, &[fault]));
            }
        };
        // Whoever takes the file away means the token, whatever becomes of the rest.
        self.gate.token_revoked.store(token_gone, Ordering::Relaxed);
        let before = std::mem::replace(&mut self.files, files);
        let (live, warnings) = match result {
            Ok(made) => made,
            Err(refused) => return self.refuse(why, refused),
        };
        if let Err(refused) = self.reach(&earlier, &live).await {
            self.retired.push(Arc::new(*live));
            return self.refuse(why, refused);
        }
        let live = Arc::<Live>::from(live);
        let restart = self.at_start.needed(&live.settings);
        let loaded = Loaded {
            config: live.settings.hash.clone(),
            previous: earlier.settings.hash.clone(),
            changed: outcome::changes(&earlier, &live, &before, &self.files),
            warnings,
            restart,
            took: began.elapsed(),
        };
        for (address, certificate) in &live.certificates {
            if let Some(resolver) = self.gate.certificates.get(address) {
                resolver.replace(certificate.clone());
            }
        }
        if let (Some(known), Some(authority)) = (&self.gate.client_ca, &live.client_ca) {
            known.replace(authority.clone());
        }
        self.gate.live.store(live.clone());
        self.gate.token_revoked.store(false, Ordering::Relaxed);
        self.retired.push(earlier);
        self.version = version.map(Arc::new);
        self.refused = None;
        self.tend();
        self.gate.metrics.reloaded(!loaded.restart.is_empty());
        tell(&self.gate, &live, &loaded.restart, None);
        service_manager::reloaded(&live);
        loaded.log(why.name());
        Outcome::Loaded(loaded)
    }

    /// Looks up the servers that were not there before. An upstream without any address would fail every request.
    async fn reach(&self, earlier: &Live, live: &Live) -> Result<(), Refused> {
        let known = |pool: &Arc<Pool>| earlier.upstreams.pools().any(|other| Arc::ptr_eq(other, pool));
        let new: Vec<_> = live.upstreams.pools().filter(|pool| !known(pool)).collect();
        let looked_up = futures::future::join_all(new.iter().map(|pool| pool.refresh()));
        // What takes longer goes on beside the requests, as at a start.
        let _ = tokio::time::timeout(LOOK_UP, looked_up).await;
        let lost = new.iter().filter(|pool| !pool.has_address());
        let faults: Vec<String> =
            lost.map(|pool| format!("upstream.servers: none of {} can be looked up", pool.servers())).collect();
        if faults.is_empty() { Ok(()) } else { Err(Refused::of_faults(&self.file, &faults)) }
    }

    fn refuse(&mut self, why: Why, refused: Refused) -> Outcome {
        self.gate.metrics.reload_refused();
        let at = self.gate.clock.now().0 / 1000;
        let summary = RefusedReload { at, problems: refused.problems, first: refused.first.clone() };
        let live = self.gate.live.load_full();
        tell(&self.gate, &live, &self.at_start.needed(&live.settings), Some(summary));
        let known = why == Why::Changed && self.refused.as_deref() == Some(&*refused.report);
        refused.log(why.name(), known);
        self.refused = Some(refused.report.clone());
        Outcome::Refused(refused)
    }

    /// One task for each pool that is in use, and none for the others.
    fn tend(&mut self) {
        let live = self.gate.live.load_full();
        self.tending.retain(|tended| live.upstreams.pools().any(|pool| Arc::ptr_eq(pool, &tended.pool)));
        for pool in live.upstreams.pools() {
            if !self.tending.iter().any(|tended| Arc::ptr_eq(&tended.pool, pool)) {
                let tended = pool.clone();
                let task = tokio::spawn(async move { tended.tend().await });
                self.tending.push(Tended { pool: pool.clone(), task });
            }
        }
    }

    /// Drops the versions that nobody holds any more: only this list does, so nobody can begin to.
    async fn drop_retired(&mut self) {
        let (over, held) = std::mem::take(&mut self.retired).into_iter().partition(|live| Arc::strong_count(live) == 1);
        self.retired = held;
        let over: Vec<Arc<Live>> = over;
        if !over.is_empty() {
            // Pools have tasks to abort, and drop within the runtime as well.
            let _ = spawn_blocking(move || drop(over)).await;
        }
    }
}

/// One try, as far as it goes without waiting for the network.
struct Attempt {
    result: Result<(Box<Live>, Vec<String>), Refused>,
    files: Files,
    version: Option<Version>,
    /// Whether the file with the token that is in force is gone.
    token_gone: bool,
}

impl Attempt {
    fn make(gate: &Gate, earlier: &Live, file: &Path, known: Option<&Version>, at_start: &AtStart) -> Attempt {
        let token_file = earlier.settings.admin.token_file.as_deref();
        let token_gone = token_file.is_some_and(|path| Stamp::of(path).is_none());
        let config::Reading { result, mut files, admin, version } = config::read_again(file, known);
        note_keys(&mut files, at_start, admin.as_ref().and_then(|admin| admin.token_file.as_deref()));
        let (settings, warnings) = match result {
            Ok(read) => read,
            Err(report) => {
                return Attempt { result: Err(Refused::of_report(&report)), files, version, token_gone };
            }
        };
        let name = file.display().to_string();
        let warnings = warnings.iter().map(|warning| warning.render(&name, "warning")).collect();
        match Live::after(earlier, settings, &at_start.secret_file, &gate.metrics) {
            Ok(live) => {
                // All was there; what was missing before is a token that was made just now.
                files.find_missing();
                Attempt { result: Ok((Box::new(live), warnings)), files, version, token_gone }
            }
            Err(faults) => Attempt { result: Err(Refused::of_faults(file, &faults)), files, version, token_gone },
        }
    }
}

/// The files that the gate itself makes and reads.
fn note_keys(files: &mut Files, at_start: &AtStart, token_file: Option<&Path>) {
    files.note(&at_start.secret_file);
    if let Some(path) = token_file {
        files.note(path);
    }
}

fn look_at(files: &Files) -> JoinHandle<Files> {
    let files = files.clone();
    spawn_blocking(move || files.again())
}

/// What metrics and readiness say of the configuration from now on.
fn tell(gate: &Gate, live: &Live, restart: &[String], refused: Option<RefusedReload>) {
    if refused.is_none() {
        gate.metrics.configured(&live.settings.hash, env!("CARGO_PKG_VERSION"), gate.clock.now().0 / 1000);
        gate.metrics.listed(live.intel.list_sizes());
    }
    let mut told = gate.admin.configuration.lock();
    let loaded = match (&refused, &*told) {
        (Some(_), Some(before)) => before.loaded,
        _ => gate.clock.now().0 / 1000,
    };
    *told = Some(Configuration { hash: live.settings.hash.clone(), loaded, restart: restart.to_vec(), refused });
}
