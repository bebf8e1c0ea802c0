//! Starting, listening, and leaving in good order.
//!
//! Pingora's server runs the listeners, the threads and the signals. Five things are added. A listener that cannot be
//! had ends the process with a sentence before anything starts (Pingora only fails the one task and lives on without
//! it). The gate calls itself ready when its last listener listens and not before. At the end of service the process
//! leaves as soon as the last connection is gone, not only when the grace period is over. Beside the listeners run the
//! task that [reloads](super::reload) the configuration, and the one that has [another process](super::succession) take
//! over.

use super::admission::Admission;
use super::client_ca::ClientCa;
use super::clock::Clock;
use super::door::Door;
use super::gate::{Gate, Hooks};
use super::held::Budget;
use super::identity::{IdentityKey, Keys, PasswordKey};
use super::live::Live;
use super::pace::Paces;
use super::population::Keeper;
use super::reload::Reloader;
use super::service_manager::ServiceManager;
use super::services::{Announced, Farewell, LISTENERS, Listening, Signals, Upkeep};
use super::succession::Upgrades;
use super::succession::predecessor::Program;
use super::succession::sockets::Sockets;
use super::succession::successor::{Steps, Successor};
use super::tls::Certificate;
use crate::admin::api::Api;
use crate::admin::metrics::Metrics;
use crate::admin::pages::{AdminState, Part};
use crate::admin::service as admin;
use crate::config::settings::{self, Listener, Settings};
use crate::config::{Files, Version};
use crate::engine::time::Timestamp;
use crate::events::decision_log::{DecisionLog, OpenError};
use crate::events::recent::Recent;
use crate::events::{Sink, Sinks};
use crate::secrets::{Secrets, SecretsError};
use crate::store::Store;
use crate::store::memory::state::{self, StateError};
use crate::store::memory::{Limits, Memory, TABLES};
use crate::store::redis::Redis;
use crate::store::shared::{Remote, Shared, Use};
use parking_lot::Mutex;
use pingora::apps::HttpServerOptions;
use pingora::listeners::tls::TlsSettings;
use pingora::prelude::Server;
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::RunArgs;
use pingora::server::configuration::ServerConf;
use pingora::services::background::background_service;
use pingora::services::listening::Service;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::watch;

/// Why the gate cannot start. Each names what to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{key}: cannot listen on {address}: {error}")]
    Bind { key: String, address: std::net::SocketAddr, error: std::io::Error },
    #[error("{key}: TLS cannot be set up: {error}")]
    Tls { key: String, error: Box<pingora::Error> },
    #[error("secret_file: {0}")]
    Secrets(#[from] SecretsError),
    #[error("decision_log: {0}")]
    DecisionLog(#[from] OpenError),
    #[error("store.snapshot: {0}")]
    State(#[from] StateError),
    /// No thread for it.
    #[error("store: {0}")]
    Store(std::io::Error),
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// What is wrong in the files that the settings name.
    #[error("{}", .0.join("\n"))]
    Files(Vec<String>),
    #[error("no randomness from the system: {0}")]
    Randomness(getrandom::Error),
    #[error("taking over from the gate that runs: {0}")]
    Succession(std::io::Error),
}

impl StartError {
    /// Whether `check` would have told, and trying again mends nothing.
    pub fn is_configuration(&self) -> bool {
        match self {
            StartError::Files(_) | StartError::Tls { .. } => true,
            StartError::DecisionLog(error) => matches!(error, OpenError::NoDirectory(_)),
            StartError::Secrets(error) => !matches!(error, SecretsError::Io { .. } | SecretsError::NoRandomness { .. }),
            StartError::Bind { .. }
            | StartError::State(_)
            | StartError::Store(_)
            | StartError::Metrics(_)
            | StartError::Randomness(_)
            | StartError::Succession(_) => false,
        }
    }
}

impl Gate {
    /// Loads everything the settings name.
    pub fn open(settings: Settings, clock: Clock) -> Result<Arc<Gate>, StartError> {
        Gate::open_with(settings, clock, None)
    }

    /// Loads everything the settings name but the memory, if there is one `inherited`.
    fn open_with(settings: Settings, clock: Clock, inherited: Option<Arc<Memory>>) -> Result<Arc<Gate>, StartError> {
        let metrics = Arc::new(Metrics::new()?);
        let secrets = Arc::new(Secrets::load_or_create(&settings.secret_file)?);
        let mut password_key = [0; 32];
        getrandom::fill(&mut password_key).map_err(StartError::Randomness)?;
        let keys = Keys::new(&IdentityKey::new(*secrets.identity_key()), &PasswordKey::new(password_key));
        let log = settings.decision_log.as_ref().map(|log| DecisionLog::open(&log.path)).transpose()?;
        // Nobody could ask for what is kept in memory without the API.
        let recent = settings.admin.api_is_open().then(|| Sink::Recent(Recent::default()));
        let sinks = Arc::new(Sinks(log.map(Sink::DecisionLog).into_iter().chain(recent).collect()));
        let store = match inherited {
            Some(memory) => Arc::new(Store::Memory(memory)),
            None => Arc::new(open_store(&settings, &secrets, &metrics, clock.now())?),
        };
        let budget = Budget::new(settings.limits.held_total);
        metrics.configured(&settings.hash, env!("CARGO_PKG_VERSION"), clock.now().0 / 1000);
        let mut admin = AdminState::new(metrics.clone());
        admin.held = Some(budget.gauge());
        admin.store = Some(store.clone());
        admin.sinks = Some(sinks.clone());
        admin.readiness.set(LISTENERS, Part::Waiting("not bound yet".into()));
        admin.readiness.set("upstreams", Part::Waiting("not looked up yet".into()));
        let live = Live::new(settings, secrets, &metrics).map_err(StartError::Files)?;
        metrics.listed(live.intel.list_sizes());
        let certificates = live.certificates.iter();
        let certificates = certificates.map(|(at, key)| (*at, Arc::new(Certificate::new(key.clone())))).collect();
        let client_ca = live.client_ca.clone().map(|authority| Arc::new(ClientCa::new(authority)));
        Ok(Arc::new(Gate {
            live: arc_swap::ArcSwap::from_pointee(live),
            store,
            site: arc_swap::ArcSwap::default(),
            population: Keeper::default(),
            metrics,
            sinks,
            admin: Arc::new(admin),
            connections: Arc::default(),
            proxy_runtime: Arc::default(),
            keys,
            budget,
            paces: Paces::default(),
            certificates,
            client_ca,
            clock,
            token_revoked: AtomicBool::new(false),
            handed_over: watch::Sender::new(false),
        }))
    }

    /// The proxy behind its door.
    pub fn door(self: &Arc<Gate>, conf: &Arc<ServerConf>) -> Door<HttpProxy<Hooks>> {
        let limits = self.live.load().settings.limits.clone();
        let mut proxy = http_proxy(conf, Hooks(self.clone()));
        let mut options = HttpServerOptions::default();
        options.h2_idle_timeout = Some(limits.client_idle);
        proxy.server_options = Some(options);
        let gate = self.clone();
        let exempt = Box::new(move |peer| gate.live.load().trusts(peer));
        let admission = Admission::new(self.connections.clone(), limits.connections, exempt, self.metrics.clone());
        Door::new(proxy, admission, limits.head, self.proxy_runtime.clone(), self.handed_over.subscribe())
    }
}

/// The store that the settings name. A shared one is not waited for.
fn open_store(
    settings: &Settings,
    secrets: &Secrets,
    metrics: &Arc<Metrics>,
    now: Timestamp,
) -> Result<Store, StartError> {
    let listed = settings.limits.list_entries;
    match &settings.store {
        settings::Store::Memory { entries, bytes, snapshot } => {
            open_memory(limits_of(*entries, *bytes, listed), snapshot.as_deref(), now).map(Store::Memory)
        }
        settings::Store::Redis(redis) => {
            let how = Use::new(Limits::of_entries(redis.entries), redis.tokens);
            let redis = Redis::open(redis, secrets.identity_key()).map_err(StartError::Store)?;
            let metrics = metrics.clone();
            let redis = redis.bounded(listed).timed(Arc::new(move |time| metrics.store_took(time)));
            Ok(Store::Shared(Shared::new(Remote::Redis(Box::new(redis)), how).map_err(StartError::Randomness)?))
        }
    }
}

/// Bounds of a memory store, as the settings have them.
pub(super) fn limits_of(entries: usize, bytes: Option<usize>, listed: usize) -> Limits {
    let limits = Limits::of_entries(entries);
    Limits { bytes: bytes.map_or(limits.bytes, |bytes| bytes / TABLES), listed, ..limits }
}

/// The memory store, with what it knew before if it is kept.
fn open_memory(limits: Limits, snapshot: Option<&Path>, now: Timestamp) -> Result<Arc<Memory>, StartError> {
    let Some(directory) = snapshot else { return Ok(Arc::new(Memory::new(limits))) };
    let mut tags = [0; 16];
    getrandom::fill(&mut tags).map_err(StartError::Randomness)?;
    let (memory, restored) = state::open(limits, directory, tags, now)?;
    for damage in &restored.damage {
        tracing::error!("store.snapshot: {damage}");
    }
    let networks = memory.stats().kinds.first().map_or(0, |kind| kind.entries);
    tracing::info!(records = restored.records, networks, directory = %directory.display(), "history read");
    Ok(memory)
}

/// How Pingora is to run.
pub fn server_conf(settings: &Settings) -> ServerConf {
    // The farewell ends the process, at the latest when the longest `limits.drain` is over; this is for when it cannot.
    let grace = 25 * 3600;
    let threads = settings.limits.threads.or_else(|| std::thread::available_parallelism().ok().map(Into::into));
    ServerConf {
        threads: threads.unwrap_or(1),
        grace_period_seconds: Some(grace),
        graceful_shutdown_timeout_seconds: Some(5),
        upstream_keepalive_pool_size: 512,
        max_retries: 4,
        ..ServerConf::default()
    }
}

/// Serves until told to stop. Returns only on an error; otherwise the process ends here. `settings` came from `file`, for
/// which `files` were read: that is what is loaded again, with the help of the `version` that was read. `successor`: of
/// the process that runs already, if there is one.
pub fn run(
    settings: Settings,
    file: &Path,
    files: Files,
    version: Option<Version>,
    successor: Option<Successor>,
) -> Result<std::convert::Infallible, StartError> {
    let tell = successor.as_ref().and_then(|successor| successor.again().ok());
    let result = serve(settings, file, files, version, successor);
    if let (Err(error), Some(successor)) = (&result, tell) {
        successor.fail(&error.to_string());
    }
    result
}

fn serve(
    settings: Settings,
    file: &Path,
    files: Files,
    version: Option<Version>,
    successor: Option<Successor>,
) -> Result<std::convert::Infallible, StartError> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let program = Program::own().map_err(StartError::Succession)?;
    // What a shared store knows need not be handed on.
    let memory = match &settings.store {
        settings::Store::Memory { entries, bytes, snapshot } => {
            Some((limits_of(*entries, *bytes, settings.limits.list_entries), snapshot.clone()))
        }
        settings::Store::Redis(_) => None,
    };
    let (steps, mut heritage) = match successor {
        Some(successor) => (Steps::to_come(), Some(successor.hello(memory.is_some()).map_err(StartError::Succession)?)),
        None => (Steps::done(), None),
    };
    let sockets = heritage.as_mut().map(|heritage| std::mem::take(&mut heritage.sockets)).unwrap_or_default();
    let sockets = Arc::new(Sockets::inherited(sockets));
    bind_all(&settings, &sockets)?;
    let receiving = match (&mut heritage, memory) {
        (Some(heritage), Some((limits, keep_in))) => {
            heritage.receive(limits, keep_in.as_deref(), Clock::System.now()).map_err(StartError::Succession)?
        }
        (None, _) | (_, None) => None,
    };
    end_with_the_listeners();
    let inherited = receiving.as_ref().map(|receiving| receiving.memory.clone());
    let gate = Gate::open_with(settings, Clock::System, inherited)?;
    let live = gate.live.load_full();
    let conf = server_conf(&live.settings);
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();

    let door = gate.door(&server.configuration);
    let porch = Arc::new(door.porch());
    let mut proxy = Service::new("proxy".to_owned(), door);
    proxy.endpoints().set_pre_tls_callback(porch);
    for (place, listener) in live.settings.listen.iter().enumerate() {
        listen(&mut proxy, listener, &gate)
            .map_err(|error| StartError::Tls { key: format!("listen[{place}].tls"), error })?;
        tracing::info!(address = %listener.address, tls = listener.tls.is_some(), "listening");
    }
    let settings = &live.settings;
    tracing::info!(mode = settings.mode.name(), routes = settings.routes.len(), config = %settings.hash, "protecting");
    let (reloader, reloads) = Reloader::new(gate.clone(), file, files, version);
    let upgrades = Upgrades::new(gate.clone(), sockets.clone(), program, steps.overlap.subscribe());
    let visitors: Vec<SocketAddr> = settings.listen.iter().map(|listener| listener.address).collect();
    let announced = |addresses: Vec<SocketAddr>, readiness: Option<Arc<AdminState>>| Listening {
        sockets: sockets.clone(),
        addresses,
        serve: steps.serve.subscribe(),
        readiness,
    };
    server.add_service(Announced { service: proxy, listening: announced(visitors, Some(gate.admin.clone())) });
    if let Some(address) = settings.admin.address {
        let api = Arc::new(Api::new(gate.clone(), reloads, upgrades.clone()));
        let service = admin::service(gate.admin.clone(), api, address)
            .map_err(|error| StartError::Tls { key: "admin.tls".to_owned(), error })?;
        server.add_service(Announced { service, listening: announced(vec![address], None) });
        let tls = settings.admin.tls.is_some();
        tracing::info!(%address, tls, "admin listener: /healthz /readyz /metrics /api/v1");
    }
    let upkeep = Upkeep { gate: gate.clone(), reloader: Mutex::new(Some(reloader)), upgrades };
    server.add_service(background_service("upkeep", upkeep));
    let manager = ServiceManager { gate: gate.clone(), main: steps.main.subscribe() };
    server.add_service(background_service("service manager", manager));
    let farewell = Farewell { gate: gate.clone(), sockets: sockets.clone(), overlap: steps.overlap.subscribe() };
    server.add_service(background_service("farewell", farewell));
    match heritage {
        Some(heritage) => {
            let (loaded, listening) = (gate.admin.clone(), gate.admin.clone());
            gate.metrics.took_over();
            heritage
                .succeed(
                    receiving,
                    steps,
                    move || loaded.readiness.waits_only_for(LISTENERS),
                    move || listening.readiness.is_ready(),
                )
                .map_err(StartError::Succession)?;
            server.run(RunArgs { shutdown_signal: Box::new(Signals(gate.handed_over.subscribe())) });
        }
        None => {
            server.run(RunArgs { shutdown_signal: Box::new(Signals(gate.handed_over.subscribe())) });
            drop(steps);
        }
    }
    gate.store.close();
    gate.sinks.shutdown();
    std::process::exit(0)
}

/// Has every address that is listened on, or says which cannot be had.
fn bind_all(settings: &Settings, sockets: &Sockets) -> Result<(), StartError> {
    let listeners = settings.listen.iter().enumerate();
    let mut wanted: Vec<(String, SocketAddr)> =
        listeners.map(|(place, listener)| (format!("listen[{place}].address"), listener.address)).collect();
    wanted.extend(settings.admin.address.map(|address| ("admin.address".to_owned(), address)));
    sockets.keep(&wanted.iter().map(|(_, address)| *address).collect::<Vec<_>>());
    for (key, address) in wanted {
        sockets.bind(address).map_err(|error| StartError::Bind { key, address, error })?;
    }
    Ok(())
}

fn listen<A>(service: &mut Service<A>, listener: &Listener, gate: &Gate) -> pingora::Result<()> {
    let address = listener.address.to_string();
    match gate.certificates.get(&listener.address) {
        None => service.add_tcp(&address),
        Some(certificate) => {
            // Only the resolver is used: the paths are not read again.
            let mut settings = TlsSettings::intermediate("", "")?;
            settings.set_cert_resolver(certificate.clone());
            settings.enable_h2();
            service.add_tls_with_settings(&address, None, settings);
        }
    }
    Ok(())
}

/// Should a listener be lost between the check and the start, Pingora's task panics and the process would live on deaf.
fn end_with_the_listeners() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        let about = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if about.contains("Failed to build listeners") {
            tracing::error!("a listener could not be opened; ending");
            std::process::exit(1);
        }
    }));
}
