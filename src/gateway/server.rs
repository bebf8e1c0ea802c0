//! Starting, listening, and leaving in good order.
//!
//! Pingora's server runs the listeners, the threads and the signals. Four things are added. A listener that cannot be
//! had ends the process with a sentence before anything starts (Pingora only fails the one task and lives on without
//! it). The gate calls itself ready when its last listener is bound and not before. At the end of service the process
//! leaves as soon as the last connection is gone, not only when the grace period is over. And SIGHUP reopens the decision log, so that it can be rotated.

use super::clock::Clock;
use super::door::Door;
use super::gate::{Gate, Hooks};
use super::held::Budget;
use super::identity::{IdentityKey, Keys, PasswordKey};
use super::live::Live;
use super::service_manager::ServiceManager;
use super::tls::{Certificate, CertificateError};
use crate::admin::metrics::Metrics;
use crate::admin::pages::{AdminState, Part};
use crate::config::settings::{self, Listener, Settings};
use crate::events::decision_log::{DecisionLog, OpenError};
use crate::events::{Sink, Sinks};
use crate::secrets::{Secrets, SecretsError};
use crate::store::Store;
use crate::store::memory::{Limits, Memory};
use async_trait::async_trait;
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
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Why the gate cannot start. Each names what to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{key}: cannot listen on {address}: {error}")]
    Bind { key: String, address: std::net::SocketAddr, error: std::io::Error },
    #[error("{key}: {error}")]
    Certificate { key: String, error: CertificateError },
    #[error("secret_file: {0}")]
    Secrets(#[from] SecretsError),
    #[error("decision_log: {0}")]
    DecisionLog(#[from] OpenError),
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("{}", .0.join("\n"))]
    Intel(Vec<String>),
    #[error("no randomness from the system: {0}")]
    Randomness(getrandom::Error),
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
        let sinks = Arc::new(Sinks(log.map(Sink::DecisionLog).into_iter().collect()));
        let settings::Store::Memory { entries } = settings.store;
        let store = Arc::new(Store::Memory(Memory::new(Limits::of_entries(entries))));
        let budget = Budget::new(settings.limits.held_total);
        metrics.configured(&settings.hash, env!("CARGO_PKG_VERSION"), clock.now().0 / 1000);
        let mut admin = AdminState::new(metrics.clone());
        admin.held = Some(budget.gauge());
        admin.store = Some(store.clone());
        admin.sinks = Some(sinks.clone());
        admin.readiness.set("listeners", Part::Waiting("not bound yet".into()));
        admin.readiness.set("upstreams", Part::Waiting("not looked up yet".into()));
        let live = Live::new(settings, &secrets, &metrics).map_err(StartError::Intel)?;
        Ok(Arc::new(Gate {
            live: arc_swap::ArcSwap::from_pointee(live),
            store,
            metrics,
            sinks,
            admin: Arc::new(admin),
            connections: Arc::default(),
            proxy_runtime: Arc::default(),
            secrets,
            keys,
            budget,
            clock,
        }))
    }

    /// The proxy behind its door.
    pub fn door(self: &Arc<Gate>, conf: &Arc<ServerConf>) -> Door<HttpProxy<Hooks>> {
        let limits = self.live.load().settings.limits.clone();
        let mut proxy = http_proxy(conf, Hooks(self.clone()));
        let mut options = HttpServerOptions::default();
        options.h2_idle_timeout = Some(limits.client_idle);
        proxy.server_options = Some(options);
        let (open, metrics, runtime) = (self.connections.clone(), self.metrics.clone(), self.proxy_runtime.clone());
        Door::new(proxy, open, limits.connections, limits.head, metrics, runtime)
    }
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

/// Serves until told to stop. Returns only on an error; otherwise the process ends here.
pub fn run(settings: Settings) -> Result<std::convert::Infallible, StartError> {
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
        listen(&mut proxy, listener)
            .map_err(|error| StartError::Certificate { key: format!("listen[{place}].tls"), error })?;
        tracing::info!(address = %listener.address, tls = listener.tls.is_some(), "listening");
    }
    let settings = &live.settings;
    tracing::info!(mode = settings.mode.name(), routes = settings.routes.len(), config = %settings.hash, "protecting");
    let addresses = live.settings.listen.iter().map(|listener| listener.address.to_string()).collect();
    server.add_service(Announced { service: proxy, addresses, admin: gate.admin.clone() });
    if let Some(address) = live.settings.admin.address {
        server.add_service(crate::admin::service::service(gate.admin.clone(), address));
        tracing::info!(%address, "admin listener: /healthz /readyz /metrics");
    }
    server.add_service(background_service("upkeep", Upkeep { gate: gate.clone() }));
    server.add_service(background_service("service manager", ServiceManager { gate: gate.clone() }));
    server.add_service(background_service("farewell", Farewell { gate }));
    server.run_forever()
}

fn listen<A>(service: &mut Service<A>, listener: &Listener) -> Result<(), CertificateError> {
    let address = listener.address.to_string();
    match &listener.tls {
        None => service.add_tcp(&address),
        Some(files) => {
            let certificate = Certificate::load(files)?;
            // Only the resolver is used: the paths are not read again.
            let settings = TlsSettings::intermediate("", "").map(|mut settings| {
                settings.set_cert_resolver(certificate);
                settings.enable_h2();
                settings
            });
            match settings {
                Ok(settings) => service.add_tls_with_settings(&address, None, settings),
                Err(error) => return Err(CertificateError::of(&files.certificate, &error)),
            }
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

/// Keeps what the gate knows of its upstreams fresh, says when it is ready, and reopens the log on SIGHUP.
struct Upkeep {
    gate: Arc<Gate>,
}

#[async_trait]
impl BackgroundService for Upkeep {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let live = self.gate.live.load_full();
        live.upstreams.refresh().await;
        self.gate.admin.readiness.set("upstreams", Part::Ready);
        let hangups = async {
            let Ok(mut hangups) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) else {
                return;
            };
            while hangups.recv().await.is_some() {
                self.gate.sinks.reopen();
                tracing::info!("SIGHUP: decision log reopened");
            }
        };
        let health = async {
            loop {
                *self.gate.admin.upstreams.lock() = self.gate.live.load().upstreams.health();
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        tokio::select! {
            () = live.upstreams.tend() => {}
            () = health => {}
            () = hangups => {}
            _ = shutdown.wait_for(|stopping| *stopping) => {}
        }
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
        self.gate.admin.readiness.set("service", Part::Waiting("stopping".into()));
        let grace = self.gate.live.load().settings.limits.grace;
        let gone = async {
            while self.gate.connections.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let in_time = tokio::time::timeout(grace, gone).await.is_ok();
        self.gate.sinks.shutdown();
        tracing::info!(in_time, "stopped");
        std::process::exit(0);
    }
}
