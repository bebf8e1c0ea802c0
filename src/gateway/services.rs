//! What runs beside the proxy for as long as the process does: its listeners, which say when they listen; upkeep (reloads,
//! upgrades, lists of a fleet, health of servers); the signals; and the farewell, which ends the process when its last
//! connection has ended. [`server`](super::server) puts them together.

use super::gate::Gate;
use super::population;
use super::reload::Reloader;
use super::service_manager;
use super::succession::Upgrades;
use super::succession::sockets::Sockets;
use crate::admin::pages::{AdminState, Part};
use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::apps::ServerApp;
use pingora::server::{ListenFds, ShutdownSignal, ShutdownSignalWatch, ShutdownWatch};
use pingora::services;
use pingora::services::background::BackgroundService;
use pingora::services::listening::Service;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// What readiness calls the listeners.
pub(super) const LISTENERS: &str = "listeners";

/// A service with listeners, which have their sockets already and say when they listen.
pub(super) struct Announced<A> {
    pub service: Service<A>,
    pub listening: Listening,
}

pub(super) struct Listening {
    pub sockets: Arc<Sockets>,
    pub addresses: Vec<SocketAddr>,
    /// Whether connections may be accepted.
    pub serve: watch::Receiver<bool>,
    /// What says so when they are.
    pub readiness: Option<Arc<AdminState>>,
}

/// How long to wait before looking again whether the sockets listen.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

#[async_trait]
impl<A: ServerApp + Send + Sync + 'static> services::Service for Announced<A> {
    async fn start_service(&mut self, fds: Option<ListenFds>, shutdown: ShutdownWatch, listeners_per_fd: usize) {
        let Listening { sockets, addresses, serve, readiness } = &mut self.listening;
        // The sender lives as long as the process.
        let _ = serve.wait_for(|serve| *serve).await;
        if let Some(table) = &fds
            && let Err(error) = sockets.give(table, addresses)
        {
            tracing::error!(%error, "the sockets cannot be listened on; ending");
            std::process::exit(1);
        }
        let listens = async {
            while !sockets.listen(addresses) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            if let Some(admin) = readiness {
                admin.readiness.set(LISTENERS, Part::Ready);
            }
        };
        tokio::join!(self.service.start_service(fds.clone(), shutdown, listeners_per_fd), listens);
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
pub(super) struct Upkeep {
    pub gate: Arc<Gate>,
    /// Taken when the service starts, which it does once.
    pub reloader: Mutex<Option<Reloader>>,
    pub upgrades: Arc<Upgrades>,
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
        let asked = signal(SignalKind::user_defined2());
        let upgrades = self.upgrades.clone();
        let upgrade = async move {
            match asked {
                // What became of it is in the log.
                Ok(mut asked) => {
                    while asked.recv().await.is_some() {
                        upgrades.upgrade().await;
                    }
                }
                Err(error) => tracing::error!(%error, "SIGUSR2 cannot be listened for"),
            }
        };
        let upgrade = tokio::spawn(upgrade);
        self.gate.store.prepare().await;
        // Whom the fleet has banned is banned from the first request on.
        if let Err(error) = self.gate.store.follow_lists(self.gate.clock.now()).await {
            self.gate.metrics.store_failed(&error);
        }
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
            () = follow_site(&self.gate) => {}
            () = health => {}
            _ = shutdown.wait_for(|stopping| *stopping) => {}
        }
        if !*self.gate.handed_over.borrow() {
            upgrade.abort();
        }
    }
}

/// How often it is asked what the whole site sees.
pub(super) const SURVEY: Duration = Duration::from_secs(1);

/// Publishes what the whole site sees. Beside the requests: none waits for it. What cannot be had stays as it was.
async fn follow_site(gate: &Gate) {
    let mut tick = tokio::time::interval(SURVEY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if *gate.handed_over.borrow() {
            continue;
        }
        let now = gate.clock.now();
        let seen = gate.store.site(now).await;
        let campaigns = gate.population.publish(now);
        gate.metrics.population(&gate.population.counts(&campaigns));
        match seen {
            Ok(site) => gate.site.store(Arc::new(population::with(site, campaigns))),
            Err(error) => {
                gate.metrics.store_failed(&error);
                gate.publish(&campaigns);
            }
        }
    }
}

/// How often what other gates changed in lists is asked for.
const FOLLOW: Duration = Duration::from_millis(250);
// A change reaches the whole fleet within a second: a round that just missed it, the next one, and time to ask.
const _: () = assert!(FOLLOW.as_millis() * 3 < 1000);

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

/// Ends the process once the last connection is gone after a stop was asked for, or another process took over.
pub(super) struct Farewell {
    pub gate: Arc<Gate>,
    pub sockets: Arc<Sockets>,
    /// Whether the process that this one took over from still lives.
    pub overlap: watch::Receiver<bool>,
}

/// Who asked for the upgrade is still to hear what became of it, and what was answered last to be sent.
const LEAVE_TAKING: Duration = Duration::from_secs(1);

#[async_trait]
impl BackgroundService for Farewell {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let stopped = tokio::spawn(told(SignalKind::terminate()));
        if shutdown.wait_for(|stopping| *stopping).await.is_err() {
            return;
        }
        // Pingora closes its own.
        self.sockets.close();
        let limits = self.gate.live.load().settings.limits.clone();
        let handed_over = *self.gate.handed_over.borrow();
        let gone = async {
            if handed_over {
                tokio::time::sleep(LEAVE_TAKING).await;
            }
            let mut overlap = self.overlap.clone();
            // What the predecessor still counts is counted here.
            let _ = overlap.wait_for(|overlap| !*overlap).await;
            while self.gate.connections.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let in_time = match handed_over {
            true => {
                let connections = self.gate.connections.load(Ordering::Relaxed);
                tracing::info!(connections, "no more connections are accepted here; those that are open may end");
                let limit = async {
                    tokio::select! {
                        () = tokio::time::sleep(limits.drain) => {}
                        // The whole service is stopped.
                        _ = stopped => tokio::time::sleep(limits.grace).await,
                    }
                };
                tokio::select! {
                    () = gone => true,
                    () = limit => false,
                }
            }
            false => {
                service_manager::stopping();
                self.gate.admin.readiness.set("service", Part::Waiting("stopping".into()));
                tokio::time::timeout(limits.grace, gone).await.is_ok()
            }
        };
        self.gate.store.finish().await;
        self.gate.store.close();
        self.gate.sinks.shutdown();
        tracing::info!(in_time, "stopped");
        std::process::exit(0);
    }
}

/// When to stop: what Pingora's own does, but for SIGQUIT, which there begins a hand-over of another kind.
pub(super) struct Signals(pub watch::Receiver<bool>);

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let mut handed_over = self.0.clone();
        tokio::select! {
            () = told(SignalKind::terminate()) => ShutdownSignal::GracefulTerminate,
            () = told(SignalKind::quit()) => ShutdownSignal::GracefulTerminate,
            () = told(SignalKind::interrupt()) => ShutdownSignal::FastShutdown,
            _ = handed_over.wait_for(|handed| *handed) => ShutdownSignal::GracefulTerminate,
        }
    }
}

/// Resolves when the signal comes.
async fn told(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signals) => {
            if signals.recv().await.is_some() {
                return;
            }
        }
        Err(error) => tracing::error!(%error, "a signal cannot be listened for"),
    }
    std::future::pending().await
}
