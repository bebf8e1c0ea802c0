//! What a gate does without its shared store, against a server that fails as told. Nothing here depends on how fast the
//! machine is: the server answers at once or not at all, and what happens in the background is waited for.

mod counts;
mod tokens;

use super::scripted::{LATE, Mode, Scripted, Server};
use super::*;
use crate::engine::evidence::History;
use crate::store::Store;
use crate::store::conformance::{NOON, limits, login, name, wait};
use crate::store::redis::Redis;
use std::future::Future;

/// A store whose remote is away for good.
pub fn alone(limits: Limits) -> Store {
    let server = Server::new(limits);
    server.set(down());
    let how = Use { probe_every: Duration::from_secs(3600), ..Use::new(limits, Tokens::Local) };
    let gate = gate_with(&server, how);
    wait(async {
        gate.breaker.found(StoreError::Down("connection refused".into()));
        gate.open();
    });
    Store::Shared(gate)
}

/// A store over this one.
pub fn over(redis: Redis) -> Store {
    let remote = Remote::Redis(Box::new(redis));
    Store::Shared(Shared::new(remote, Use::new(limits(), Tokens::Local)).unwrap())
}

fn down() -> Mode {
    Mode::Fails(StoreError::Down("connection refused".into()))
}

fn quick(tokens: Tokens) -> Use {
    Use { probe_every: Duration::from_millis(1), ..Use::new(limits(), tokens) }
}

fn gate_with(server: &Arc<Server>, how: Use) -> Arc<Shared> {
    Shared::new(Remote::Scripted(Scripted(server.clone())), how).unwrap()
}

fn gate(server: &Arc<Server>) -> Arc<Shared> {
    gate_with(server, quick(Tokens::Local))
}

async fn see(gate: &Arc<Shared>, id: u128) -> Seen {
    gate.observe(&login(id, NOON, 1, &[name(1)])).await
}

/// Waits for what happens in the background.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = async {
        while !condition() {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), waited).await.is_ok(), "{what} did not happen");
}

async fn closed(gate: &Shared) {
    until("closing", || gate.breaker.is_closed() && gate.in_doubt.load(Ordering::Relaxed) == 0).await;
}

/// Lets the breaker open.
async fn open(gate: &Arc<Shared>, server: &Server) {
    server.set(down());
    for id in 0..10 {
        see(gate, 1_000_000 + id).await;
    }
    until("opening", || gate.breaker.state() == State::Open).await;
}

fn shared_stats(gate: &Shared) -> SharedStats {
    gate.stats().shared.unwrap()
}

/// Runs with threads, so that requests are really at the same time.
fn on_threads(story: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap().block_on(story);
}
