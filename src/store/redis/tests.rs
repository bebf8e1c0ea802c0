//! What the shared store promises beyond what every store does; on real servers.

mod faults;
mod late;
mod parity;

use super::server::{Cluster, Server, shared};
use super::*;
use crate::config::settings::RedisServer;
use crate::engine::attempt::Network;
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
        tokens: Default::default(),
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

/// An empty store in a cluster.
pub fn store_in(cluster: &Cluster) -> Store {
    let ports: Vec<u16> = cluster.nodes.iter().map(Server::port).collect();
    Store::Redis(Arc::new(Redis::open(&settings(&ports), &IDENTITY).unwrap()))
}

fn secs(secs: u64) -> Timestamp {
    NOON.after(Duration::from_secs(secs))
}

fn keys_of(server: &Server, settings: &RedisSettings) -> Vec<Vec<u8>> {
    server.ask_bytes(&[b"KEYS", format!("{}:*", settings.prefix).as_bytes()])
}

/// Everything that a gate does, once.
fn everything(redis: &Redis) {
    for (id, outcome) in [(1, Outcome::Succeeded), (2, Outcome::Failed), (3, Outcome::Pending)] {
        wait(redis.observe(&login(id, NOON, id as u32, &[name(id as u64), name(9)]))).unwrap();
        wait(redis.settle(&Settlement::new(AttemptId(id), outcome, NOON))).unwrap();
    }
    for (id, how) in [(4, Withdrawal::Denied), (5, Withdrawal::Held)] {
        wait(redis.observe(&login(id, NOON, id as u32, &[name(id as u64)]))).unwrap();
        wait(redis.withdraw(AttemptId(id), how, NOON)).unwrap();
    }
    wait(redis.observe_late(&login(6, NOON, 6, &[name(6)]))).unwrap();
    wait(redis.settle_late(&Settlement::new(AttemptId(6), Outcome::Failed, NOON))).unwrap();
    wait(redis.burn([1; 16], Duration::from_secs(300), NOON)).unwrap();
    wait(redis.hold([1; 16], &Bytes::from_static(b"sealed"), Duration::from_secs(300), NOON)).unwrap();
}

#[test]
fn every_key_has_an_end() {
    let server = shared();
    let settings = settings(&[server.port()]);
    everything(&Redis::open(&settings, &IDENTITY).unwrap());
    let keys = keys_of(&server, &settings);
    let prefix = settings.prefix.len() + 1;
    let day = 24 * 3600 * 1000;
    for key in &keys {
        let left = String::from_utf8(server.ask_bytes(&[b"PTTL", key]).remove(0)).unwrap().parse::<i64>().unwrap();
        let most = match key[prefix] {
            b'n' | b'd' => day,
            b'a' => 90 * day,
            b't' => 15 * 60 * 1000,
            b'b' | b'h' => 300 * 1000,
            // The mark of ownership.
            _ => 90 * day,
        };
        assert!(left > 0 && left <= most, "{}: {left} ms", String::from_utf8_lossy(key));
    }
    let count = |kind: u8| keys.iter().filter(|key| key[prefix] == kind).count();
    assert_eq!([b'n', b'd', b'a', b't', b'b', b'h', b'i'].map(count), [6, 6, 7, 6, 1, 1, 1]);
    // Known sources are remembered longer than anything else of an account.
    let lifetime = |number| {
        let key = Keys::new(&settings.prefix, &IDENTITY).account(&name(number));
        String::from_utf8(server.ask_bytes(&[b"PTTL", &key]).remove(0)).unwrap().parse::<i64>().unwrap()
    };
    assert!(lifetime(1) > 80 * day && lifetime(2) <= day);
}

#[test]
fn nothing_in_the_store_names_anybody() {
    let server = shared();
    let settings = settings(&[server.port()]);
    everything(&Redis::open(&settings, &IDENTITY).unwrap());
    let needles: Vec<Vec<u8>> = (1..7u32)
        .flat_map(|from| {
            let seen = login(0, NOON, from, &[]);
            let DeviceKey::Cookie(device) = seen.device else { panic!() };
            let bits = seen.network.bits();
            [bits.to_be_bytes()[10..].to_vec(), bits.to_le_bytes()[..6].to_vec(), device.0.to_vec()]
        })
        .collect();
    for key in keys_of(&server, &settings) {
        let value = server.ask_bytes(&[b"GET", &key]).remove(0);
        for needle in &needles {
            let holds = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!holds(&key) && !holds(&value), "{needle:?} is in {}", String::from_utf8_lossy(&key));
        }
    }
}

#[test]
fn an_attempt_is_one_round_trip_of_one_command_for_each_thing_it_counts_in() {
    let server = Server::start(&[]);
    let redis = redis_on(&server);
    let calls = |name: &str| {
        let stats = server.info(&format!("cmdstat_{name}"));
        let calls = stats.split(',').next().and_then(|calls| calls.strip_prefix("calls="));
        calls.map_or(0, |calls| calls.parse::<u32>().unwrap())
    };
    // Known afterwards: the script is told once.
    wait(redis.observe(&login(0, NOON, 1, &[name(1), name(2)]))).unwrap();
    wait(redis.settle(&Settlement::new(AttemptId(0), Outcome::Failed, NOON))).unwrap();
    let before = [calls("evalsha"), calls("eval"), calls("set")];
    wait(redis.observe(&login(1, NOON, 1, &[name(1), name(2)]))).unwrap();
    // Network, device, two names; their entries and the attempt's record are written.
    assert_eq!([calls("evalsha"), calls("eval"), calls("set")], [before[0] + 4, before[1], before[2] + 5]);
    wait(redis.settle(&Settlement::new(AttemptId(1), Outcome::Failed, NOON))).unwrap();
    assert_eq!([calls("evalsha"), calls("eval"), calls("set")], [before[0] + 9, before[1], before[2] + 10]);
}

#[test]
fn the_store_of_another_installation_is_left_alone() {
    let server = shared();
    let settings = settings(&[server.port()]);
    let ours = Redis::open(&settings, &IDENTITY).unwrap();
    wait(ours.observe(&login(1, NOON, 1, &[name(1)]))).unwrap();
    let keys = keys_of(&server, &settings).len();
    let theirs = Redis::open(&settings, &[8; 32]).unwrap();
    assert_eq!(wait(theirs.observe(&login(2, NOON, 1, &[name(1)]))).unwrap_err(), StoreError::Foreign);
    assert_eq!(keys_of(&server, &settings).len(), keys);
}

#[test]
fn an_outcome_is_not_counted_into_an_entry_that_is_younger_than_its_attempt() {
    let server = shared();
    let redis = redis_on(&server);
    let whom = [name(1)];
    wait(redis.observe(&login(1, secs(0), 1, &whom))).unwrap();
    assert!(wait(redis.forget(name(1))).unwrap());
    wait(redis.observe(&login(2, secs(1), 1, &whom))).unwrap();
    assert_eq!(wait(redis.settle(&Settlement::new(AttemptId(1), Outcome::Failed, secs(1)))), Ok(Settled::Counted));
    let history = wait(redis.observe(&login(3, secs(1), 1, &whom))).unwrap();
    assert_eq!((history.account.recent.failed, history.account.in_flight), (0.0, 2));
    assert!(history.network.minute.failed > 0.9, "its source was not forgotten");
}

#[test]
fn a_token_is_spent_again_by_the_mark_that_spent_it_and_no_other() {
    let server = shared();
    let redis = redis_on(&server);
    let burn = |mark: u8| wait(redis.burn_as([1; 16], Duration::from_secs(60), [mark; 16])).unwrap();
    assert_eq!([burn(1), burn(1), burn(2), burn(1)], [Burn::First, Burn::First, Burn::AlreadyUsed, Burn::First]);
}

#[test]
fn a_held_answer_is_taken_in_time_or_not_at_all_and_never_overwritten() {
    let server = shared();
    let redis = redis_on(&server);
    let hold = |id: u8| wait(redis.hold([id; 16], &Bytes::from_static(b"x"), Duration::from_secs(300), NOON));
    assert_eq!((hold(1), hold(1), hold(2)), (Ok(()), Err(StoreError::Exists), Ok(())));
    assert_eq!(wait(redis.take([1; 16], secs(299))), Ok(Some(Bytes::from_static(b"x"))));
    assert_eq!(wait(redis.take([2; 16], secs(300))), Ok(None));
    assert_eq!(wait(redis.take([2; 16], secs(0))), Ok(None), "it is gone");
}

#[test]
fn two_gates_on_one_store_count_as_one() {
    let server = shared();
    let settings = settings(&[server.port()]);
    let gates = [0, 1].map(|_| Redis::open(&settings, &IDENTITY).unwrap());
    for id in 0..10 {
        let history = wait(gates[id as usize % 2].observe(&login(id, NOON, 1, &[name(1)]))).unwrap();
        assert_eq!(history.network.in_flight, id as u32 + 1);
        assert_eq!(history.account.from_here.attempts, f64::from(id as u32) + 1.0);
    }
    for id in 0..10 {
        // By the other one than saw it come.
        assert_eq!(
            wait(gates[1 - id as usize % 2].settle(&Settlement::new(AttemptId(id), Outcome::Failed, NOON))),
            Ok(Settled::Counted)
        );
        assert_eq!(
            wait(gates[id as usize % 2].settle(&Settlement::new(AttemptId(id), Outcome::Failed, NOON))),
            Ok(Settled::NotOpen)
        );
    }
    let Some(Known::Source(source)) = wait(gates[0].look_up(Entity::Network(network(1)), NOON)).unwrap() else {
        panic!()
    };
    assert_eq!((source.minute.failed, source.in_flight), (10.0, 0));
}

fn network(number: u32) -> Network {
    crate::store::conformance::network(number)
}
