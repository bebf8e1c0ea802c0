//! Starting, listening, and leaving in good order.
//!
//! Pingora's server runs the listeners, the threads and the signals. Four things are added. A listener that cannot be
//! had ends the process with a sentence before anything starts (Pingora only fails the one task and lives on without
//! it). The gate calls itself ready when its last listener is bound and not before. At the end of service the process
//! leaves as soon as the last connection is gone, not only when the grace period is over. And beside the listeners runs
//! the task that [reloads](super::reload) the configuration.

use super::admission::Admission;
use super::client_ca::ClientCa;
use super::clock::Clock;
use super::door::Door;
use super::gate::{Gate, Hooks};
use super::held::Budget;
use super::identity::{IdentityKey, Keys, PasswordKey};
use super::live::Live;
use super::reload::Reloader;
use super::service_manager::{self, ServiceManager};
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
use crate::store::memory::{Limits, Memory};
use crate::store::redis::Redis;
use crate::store::shared::{Remote, Shared, Use};
use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::apps::{HttpServerOptions, ServerApp};
use pingora::listeners::tls::TlsSettings;
use pingora::prelude::Server;
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;
use pingora::server::{ListenFds, ShutdownWatch};
use pingora::services;
use pingora::services::background::{BackgroundService, background_service};
use pingora::services::listening::Service;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

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
            | StartError::Randomness(_) => false,
        }
    }
}

impl Gate {
    /// Loads everything the settings name.
    pub fn open(settings: Settings, clock: Clock) -> Result<Arc<Gate>, StartError> {
        let metrics = Arc::new(Metrics::new()?);
        let secrets = Arc::new(Secrets::load_or_create(&settings.secret_file)?);
        let mut password_key = [0; 32];
        getrandom::fill(&mut password_key).map_err(StartError::Randomness)?;
        let keys = Keys::new(&IdentityKey::new(*secrets.identity_key()), &PasswordKey::new(password_key));
        let log = settings.decision_log.as_ref().map(|log| DecisionLog::open(&log.path)).transpose()?;
        // Nobody could ask for what is kept in memory without the API.
        let recent = settings.admin.api_is_open().then(|| Sink::Recent(Recent::default()));
        let sinks = Arc::new(Sinks(log.map(Sink::DecisionLog).into_iter().chain(recent).collect()));
        let store = Arc::new(open_store(&settings, &secrets, &metrics, clock.now())?);
        let budget = Budget::new(settings.limits.held_total);
        metrics.configured(&settings.hash, env!("CARGO_PKG_VERSION"), clock.now().0 / 1000);
        let mut admin = AdminState::new(metrics.clone());
        admin.held = Some(budget.gauge());
        admin.store = Some(store.clone());
        admin.sinks = Some(sinks.clone());
        admin.readiness.set("listeners", Part::Waiting("not bound yet".into()));
        admin.readiness.set("upstreams", Part::Waiting("not looked up yet".into()));
        let live = Live::new(settings, secrets, &metrics).map_err(StartError::Files)?;
        metrics.listed(live.intel.list_sizes());
        let certificates = live.certificates.iter();
        let certificates = certificates.map(|(at, key)| (*at, Arc::new(Certificate::new(key.clone())))).collect();
        let client_ca = live.client_ca.clone().map(|authority| Arc::new(ClientCa::new(authority)));
        Ok(Arc::new(Gate {
            live: arc_swap::ArcSwap::from_pointee(live),
            store,
            metrics,
            sinks,
            admin: Arc::new(admin),
            connections: Arc::default(),
            proxy_runtime: Arc::default(),
            keys,
            budget,
            certificates,
            client_ca,
            clock,
            token_revoked: AtomicBool::new(false),
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
        Door::new(proxy, admission, limits.head, self.proxy_runtime.clone())
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
        settings::Store::Memory { entries, snapshot } => {
            open_memory(*entries, snapshot.as_deref(), listed, now).map(Store::Memory)
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

/// The memory store, with what it knew before if it is kept.
fn open_memory(
    entries: usize,
    snapshot: Option<&Path>,
    listed: usize,
    now: Timestamp,
) -> Result<Arc<Memory>, StartError> {
    let limits = Limits { listed, ..Limits::of_entries(entries) };
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
    let grace = settings.limits.grace.as_secs();
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
/// which `files` were read: that is what is loaded again, with the help of the `version` that was read.
pub fn run(
    settings: Settings,
    file: &Path,
    files: Files,
    version: Option<Version>,
) -> Result<std::convert::Infallible, StartError> {
    rustls::crypto::ring::default_provider().install_default().ok();
    for (place, listener) in settings.listen.iter().enumerate() {
        can_bind(&format!("listen[{place}].address"), listener.address)?;
    }
    if let Some(address) = settings.admin.address {
        can_bind("admin.address", address)?;
    }
    end_with_the_listeners();
    let gate = Gate::open(settings, Clock::System)?;
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
    let addresses = live.settings.listen.iter().map(|listener| listener.address.to_string()).collect();
    server.add_service(Announced { service: proxy, addresses, admin: gate.admin.clone() });
    if let Some(address) = live.settings.admin.address {
        let api = Arc::new(Api::new(gate.clone(), reloads));
        let service = admin::service(gate.admin.clone(), api, address)
            .map_err(|error| StartError::Tls { key: "admin.tls".to_owned(), error })?;
        server.add_service(service);
        let tls = live.settings.admin.tls.is_some();
        tracing::info!(%address, tls, "admin listener: /healthz /readyz /metrics /api/v1");
    }
    let upkeep = Upkeep { gate: gate.clone(), reloader: Mutex::new(Some(reloader)) };
    server.add_service(background_service("upkeep", upkeep));
    server.add_service(background_service("service manager", ServiceManager { gate: gate.clone() }));
    server.add_service(background_service("farewell", Farewell { gate }));
    server.run_forever()
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

/// Whether an address can be bound, found out before anything starts.
fn can_bind(key: &str, address: std::net::SocketAddr) -> Result<(), StartError> {
    // As Pingora will: std sets SO_REUSEADDR on Unix, so connections in TIME_WAIT do not matter.
    let failed = |error| StartError::Bind { key: key.to_owned(), address, error };
    TcpListener::bind(address).map(drop).map_err(failed)
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

/// The proxy's listeners, which say when they are bound.
struct Announced<A> {
    service: Service<A>,
    addresses: Vec<String>,
    admin: Arc<AdminState>,
}

/// How long to wait before looking again whether the listeners are bound.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

#[async_trait]
impl<A: ServerApp + Send + Sync + 'static> services::Service for Announced<A> {
    async fn start_service(&mut self, fds: Option<ListenFds>, shutdown: ShutdownWatch, listeners_per_fd: usize) {
        // Pingora writes each socket into this table once it is bound and listens; nothing else tells.
        let bound = async {
            if let Some(table) = &fds {
                while !self.addresses.iter().all(|address| table.lock().get(address).is_some()) {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
            self.admin.readiness.set("listeners", Part::Ready);
        };
        tokio::join!(self.service.start_service(fds.clone(), shutdown, listeners_per_fd), bound);
    }

    fn name(&self) -> &str {
        self.service.name()
    }

    fn threads(&self) -> Option<usize> {
        self.service.threads()
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        self.service.listen_addresses()
    }
}

/// Says when the gate is ready, then hands over to the task that reloads and keeps upstreams fresh.
struct Upkeep {
    gate: Arc<Gate>,
    /// Taken when the service starts, which it does once.
    reloader: Mutex<Option<Reloader>>,
}

#[async_trait]
impl BackgroundService for Upkeep {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let Some(reloader) = self.reloader.lock().take() else { return };
        // Before anything that takes time: until somebody listens, the signal ends the process.
        let hangups = match signal(SignalKind::hangup()) {
            Ok(hangups) => Some(Arc::new(tokio::sync::Mutex::new(hangups))),
            Err(error) => {
                tracing::error!(%error, "SIGHUP cannot be listened for");
                None
            }
        };
        self.gate.store.prepare().await;
        self.gate.live.load_full().upstreams.refresh().await;
        self.gate.admin.readiness.set("upstreams", Part::Ready);
        let hangup = || {
            let hangups = hangups.clone();
            async move {
                match hangups {
                    Some(hangups) if hangups.lock().await.recv().await.is_some() => {}
                    _ => std::future::pending().await,
                }
            }
        };
        let health = async {
            loop {
                *self.gate.admin.upstreams.lock() = self.gate.live.load().upstreams.health();
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        tokio::select! {
            () = reloader.run(hangup) => {}
            () = follow_lists(&self.gate) => {}
            () = health => {}
            _ = shutdown.wait_for(|stopping| *stopping) => {}
        }
    }
}

/// How often what other gates changed in lists is asked for.
const FOLLOW: Duration = Duration::from_millis(250);

/// Keeps the lists as the fleet has them, and forgets what is over. Beside the requests: none waits for it.
async fn follow_lists(gate: &Gate) {
    let mut tick = tokio::time::interval(FOLLOW);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let now = gate.clock.now();
        if let Err(error) = gate.store.follow_lists(now).await {
            gate.metrics.store_failed(&error);
        }
        gate.store.lists().tidy(now);
    }
}

/// Ends the process once the last connection is gone after a stop was asked for.
struct Farewell {
    gate: Arc<Gate>,
}

#[async_trait]
impl BackgroundService for Farewell {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        if shutdown.wait_for(|stopping| *stopping).await.is_err() {
            return;
        }
        service_manager::stopping();
        self.gate.admin.readiness.set("service", Part::Waiting("stopping".into()));
        let grace = self.gate.live.load().settings.limits.grace;
        let gone = async {
            while self.gate.connections.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let in_time = tokio::time::timeout(grace, gone).await.is_ok();
        self.gate.store.close();
        self.gate.sinks.shutdown();
        tracing::info!(in_time, "stopped");
        std::process::exit(0);
    }
}
