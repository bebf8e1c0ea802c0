//! Asking for an upgrade, from anywhere in the process, and what becomes of it.

use super::predecessor::{Program, Successor, hand_over};
use super::sockets::Sockets;
use crate::gateway::gate::Gate;
use crate::gateway::service_manager;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use std::thread;
use tokio::sync::{Mutex, watch};
use tokio::task::spawn_blocking;

/// Who may ask for an upgrade.
pub struct Upgrades {
    gate: Arc<Gate>,
    sockets: Arc<Sockets>,
    program: Program,
    /// Whether the process that this one took over from still lives.
    overlap: watch::Receiver<bool>,
    /// One at a time.
    turn: Mutex<()>,
}

/// What became of it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    Upgraded {
        /// Of the new process.
        pid: u32,
        version: String,
        milliseconds: u64,
        /// How long attempts had to wait for their turn at the memory.
        stood_milliseconds: f64,
    },
    Refused {
        why: String,
    },
}

impl Upgrades {
    pub fn new(
        gate: Arc<Gate>,
        sockets: Arc<Sockets>,
        program: Program,
        overlap: watch::Receiver<bool>,
    ) -> Arc<Upgrades> {
        Arc::new(Upgrades { gate, sockets, program, overlap, turn: Mutex::new(()) })
    }

    /// Has the program that is at this one's path take over.
    pub async fn upgrade(self: &Arc<Upgrades>) -> Outcome {
        let Ok(_turn) = self.turn.try_lock() else { return self.refused("an upgrade is under way".to_owned()) };
        if *self.gate.handed_over.borrow() {
            return self.refused("this gate was replaced already".to_owned());
        }
        if *self.overlap.borrow() {
            return self.refused("the gate that this one replaced still serves its last connections".to_owned());
        }
        if self.gate.store.stats().shared.is_some_and(|shared| shared.backlog > 0) {
            let why = "the shared store is away, and what it is yet to be told would be lost with this process";
            return self.refused(why.to_owned());
        }
        if std::process::id() == 1 {
            let why = "process 1 of a container cannot be replaced from inside: start the new container beside the old";
            return self.refused(why.to_owned());
        }
        tracing::info!("upgrading");
        service_manager::upgrading(&self.gate.live.load());
        let upgrades = self.clone();
        let handed =
            spawn_blocking(move || hand_over(&upgrades.program, &upgrades.gate.store, &upgrades.sockets)).await;
        match handed {
            Ok(Ok(mut handed)) => {
                let pid = handed.successor.id();
                service_manager::replaced_by(pid);
                handed.successor.is_main();
                self.gate.handed_over.send_replace(true);
                self.sockets.close();
                let took = u64::try_from(handed.took.as_millis()).unwrap_or(u64::MAX);
                let stood = handed.stood.as_secs_f64() * 1000.0;
                tracing::info!(pid, version = %handed.version, took, stood, "upgraded: another process took over");
                stay_with(handed.successor);
                Outcome::Upgraded {
                    pid,
                    version: handed.version,
                    milliseconds: took,
                    stood_milliseconds: (stood * 10.0).round() / 10.0,
                }
            }
            Ok(Err(refusal)) => self.refused(refusal.to_string()),
            Err(_) => self.refused("the hand-over panicked".to_owned()),
        }
    }

    fn refused(&self, why: String) -> Outcome {
        self.gate.metrics.upgrade_refused();
        tracing::error!(%why, "not upgraded: this gate goes on");
        service_manager::not_upgraded(&self.gate.live.load(), &why);
        Outcome::Refused { why }
    }
}

/// Ends this process should the successor end: nobody accepts connections any more, and whoever starts gates must hear of
/// it now, and not when the last connection here is gone.
fn stay_with(successor: Successor) {
    let work = move || {
        let status = successor.wait();
        if status.as_ref().is_ok_and(|status| status.success()) {
            // The service was stopped, and with it everything that is under way.
            std::process::exit(0);
        }
        tracing::error!(?status, "the gate that took over has ended; ending, so that it is started anew");
        service_manager::main_again();
        std::process::exit(1);
    };
    if let Err(error) = thread::Builder::new().name("successor".to_owned()).spawn(work) {
        tracing::error!(%error, "nobody watches over the gate that took over");
    }
}
