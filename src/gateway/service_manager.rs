//! What the service manager is told: that the gate takes requests, that it still lives, that it leaves.
//!
//! systemd's `Type=notify` holds back whoever is ordered after the gate until READY=1, and with `WatchdogSec` ends and
//! restarts a service that stops saying WATCHDOG=1. Both are only worth having if they are true. So READY goes out with
//! the same readiness that `/readyz` shows, and a sign of life only after a task has made its way through the threads
//! that serve visitors: a timer of its own would go on ticking while every proxy thread waits on the same lock.
//! (Asking the listeners over a connection would prove a little more, and fill logs and figures with visits of our own.)
//!
//! Where another process [takes over](super::succession), the one that leaves names it, and then it speaks for the
//! service; the other's end is nobody's business, unless the new one ended first.
//!
//! Without `NOTIFY_SOCKET`, as in a terminal or in a container, all of this does nothing.

use super::gate::Gate;
use super::live::Live;
use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use sd_notify::NotifyState;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How often readiness is looked at before it is there for the first time.
const STARTING: Duration = Duration::from_millis(20);

/// The runtime that serves visitors, known from the first connection on.
#[derive(Debug, Default)]
pub struct ProxyRuntime(OnceLock<Handle>);

impl ProxyRuntime {
    /// To be called from inside a connection's task.
    pub fn seen(&self) {
        if self.0.get().is_none()
            && let Ok(handle) = Handle::try_current()
        {
            let _ = self.0.set(handle);
        }
    }

    /// Whether a task gets its turn within `allowed`. Before the first connection there is nothing that could hang.
    pub async fn responds(&self, allowed: Duration) -> bool {
        let Some(handle) = self.0.get() else { return true };
        matches!(tokio::time::timeout(allowed, handle.spawn(async {})).await, Ok(Ok(())))
    }
}

/// Tells the service manager, until the gate stops.
pub struct ServiceManager {
    pub gate: Arc<Gate>,
    /// Whether this is the process that the service manager listens to: at once, but for one that takes over.
    pub main: watch::Receiver<bool>,
}

#[async_trait]
impl BackgroundService for ServiceManager {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        tokio::select! {
            () = self.report() => {}
            _ = shutdown.wait_for(|stopping| *stopping) => {}
        }
    }
}

impl ServiceManager {
    async fn report(&self) {
        while !self.gate.admin.readiness.is_ready() {
            tokio::time::sleep(STARTING).await;
        }
        // The sender lives as long as the process.
        let _ = self.main.clone().wait_for(|main| *main).await;
        say(&[NotifyState::Ready, NotifyState::Status(&status(&self.gate.live.load()))]);
        // As sd_watchdog_enabled(3) advises: twice in the time allowed.
        let Some(every) = sd_notify::watchdog_enabled().map(|allowed| allowed / 2) else {
            return std::future::pending().await;
        };
        loop {
            if self.gate.proxy_runtime.responds(every).await {
                say(&[NotifyState::Watchdog]);
            } else {
                tracing::error!("the threads that serve visitors do not respond; no sign of life is sent");
            }
            tokio::time::sleep(every).await;
        }
    }
}

/// Tells the service manager that another configuration is in force.
pub fn reloaded(live: &Live) {
    say(&[NotifyState::Status(&status(live))]);
}

/// Another program is being started to take over.
pub fn upgrading(live: &Live) {
    say(&[NotifyState::Status(&format!("{}; upgrading", status(live)))]);
}

/// Another process serves: it is the main process from now on, and speaks for the service.
pub fn replaced_by(pid: u32) {
    say(&[NotifyState::MainPid(pid)]);
}

/// The process that took over is no more: what becomes of this one is what becomes of the service.
pub fn main_again() {
    say(&[NotifyState::MainPid(std::process::id())]);
}

/// All is as before; what scripts wait for begins with `not upgraded`.
pub fn not_upgraded(live: &Live, why: &str) {
    let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    say(&[NotifyState::Status(&format!("not upgraded: {why}; {}", status(live)))]);
}

/// One line for `systemctl status`.
fn status(live: &Live) -> String {
    let settings = &live.settings;
    let (mode, routes) = (settings.mode.name(), settings.routes.len());
    format!("mode {mode}, {routes} routes, configuration {}", settings.hash)
}

/// The gate takes its leave. Said by whoever ends the process, or it might end unsaid.
pub fn stopping() {
    say(&[NotifyState::Stopping]);
}

fn say(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_whose_every_thread_waits_does_not_respond() {
        let proxy = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let asking = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(false).build().unwrap();
        let known = ProxyRuntime::default();
        assert!(asking.block_on(known.responds(Duration::ZERO)), "nothing is known to hang");
        proxy.block_on(async { tokio::spawn(async {}).await.unwrap() });
        {
            let _inside = proxy.enter();
            known.seen();
        }
        assert!(asking.block_on(known.responds(Duration::from_secs(30))));
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let (began, beginning) = std::sync::mpsc::channel::<()>();
        proxy.spawn(async move {
            began.send(()).unwrap();
            let _ = held.recv();
        });
        beginning.recv().unwrap();
        assert!(!asking.block_on(known.responds(Duration::from_millis(20))));
        drop(hold);
        assert!(asking.block_on(known.responds(Duration::from_secs(30))));
    }
}
