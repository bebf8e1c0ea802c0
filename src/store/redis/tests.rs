//! What the shared store promises beyond what every store does; on real servers.

use super::server::{Cluster, Server, shared};
use super::*;
use crate::config::settings::RedisServer;
use crate::store::Store;
use crate::store::conformance::{NOON, login, name, wait};
use std::sync::atomic::AtomicU32;

pub fn settings(ports: &[u16]) -> RedisSettings {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    RedisSettings {
        servers: ports.iter().map(|port| RedisServer::Tcp { host: "127.0.0.1".into(), port: *port }).collect(),
        cluster: ports.len() > 1,
        tls: false,
        user: None,
        password: None,
        password_file: None,
        database: 0,
        ca_file: None,
        // Tests are about what is counted, on machines that do other things as well.
        deadline: Duration::from_secs(10),
        prefix: format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed)).into(),
        entries: 1_000,
    }
}

const IDENTITY: [u8; 32] = [7; 32];

/// An empty store on a server.
pub fn store_on(server: &Server) -> Store {
    Store::Redis(Arc::new(redis_on(server)))
}

pub fn redis_on(server: &Server) -> Redis {
    Redis::open(&settings(&[server.port()]), &IDENTITY).unwrap()
}

pub fn store_in(cluster: &Cluster) -> Store {
    let ports: Vec<u16> = cluster.nodes.iter().map(Server::port).collect();
    Store::Redis(Arc::new(Redis::open(&settings(&ports), &IDENTITY).unwrap()))
}

#[test]
fn a_store_that_is_not_there_says_so_and_is_used_when_it_comes() {
    let server = Server::start(&[]);
    let redis = redis_on(&server);
    let attempt = login(1, NOON, 1, &[]);
    wait(redis.observe(&attempt)).unwrap();
    let port = server.port();
    drop(server);
    // Known at the next question at the latest.
    let error = loop {
        if let Err(error) = wait(redis.observe(&attempt)) {
            break error;
        }
    };
    assert_eq!(error.name(), "down");
    let _server = Server::start_at(Some(port), &[]);
    while wait(redis.observe(&attempt)).is_err() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_store_of_another_installation_is_left_alone() {
    let server = shared();
    let settings = settings(&[server.port()]);
    let ours = Redis::open(&settings, &IDENTITY).unwrap();
    wait(ours.observe(&login(1, NOON, 1, &[name(1)]))).unwrap();
    let keys = server.ask(&["KEYS", &format!("{}:*", settings.prefix)]).lines().count();
    let theirs = Redis::open(&settings, &[8; 32]).unwrap();
    assert_eq!(wait(theirs.observe(&login(2, NOON, 1, &[name(1)]))).unwrap_err(), StoreError::Foreign);
    assert_eq!(server.ask(&["KEYS", &format!("{}:*", settings.prefix)]).lines().count(), keys);
}
