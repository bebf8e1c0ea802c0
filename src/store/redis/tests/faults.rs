//! What goes wrong with servers, and what it is called.

use super::*;

fn attempt(id: u128) -> Observation<'static> {
    login(id, NOON, 1, &[])
}

/// Asks until it is answered so. The connection is looked at every second.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what} does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn until_counted(redis: &Redis, id: u128) -> History {
    until("a count", || wait(redis.observe(&attempt(id))).ok())
}

/// The name of the next error.
fn until_refused(redis: &Redis, id: u128) -> &'static str {
    until("an error", || wait(redis.observe(&attempt(id))).err()).name()
}

#[test]
fn a_store_that_goes_is_down_and_is_used_when_it_comes_back() {
    let server = Server::start(&[]);
    let redis = redis_on(&server);
    wait(redis.observe(&attempt(1))).unwrap();
    assert_eq!(redis.reachable(), Ok(()));
    let port = server.port();
    drop(server);
    assert_eq!(until_refused(&redis, 2), "down");
    until("the news", || redis.reachable().err());
    let _server = Server::start_at(Some(port), &[]);
    assert_eq!(until_counted(&redis, 3).network.in_flight, 1, "another server, which knows nothing");
}

#[test]
fn a_gate_may_be_there_before_its_store() {
    let port = {
        let server = Server::start(&[]);
        server.port()
    };
    let redis = Redis::open(&settings(&[port]), &IDENTITY).unwrap();
    assert_eq!(until_refused(&redis, 1), "down");
    let _server = Server::start_at(Some(port), &[]);
    until_counted(&redis, 2);
}

#[test]
fn a_server_that_stands_still_is_late_and_what_it_was_told_is_done_once() {
    let server = Server::start(&[]);
    let open = settings(&[server.port()]);
    let redis = Redis::open(&RedisSettings { deadline: Duration::from_millis(5), ..open.clone() }, &IDENTITY).unwrap();
    let patient = Redis::open(&open, &IDENTITY).unwrap();
    until_counted(&redis, 1);
    wait(patient.observe(&attempt(2))).unwrap();
    let before = wait(patient.observe(&attempt(3))).unwrap().network;
    server.signal("STOP");
    assert_eq!(wait(redis.observe(&attempt(4))).unwrap_err(), StoreError::Late(Duration::from_millis(5)));
    assert_eq!(wait(redis.settle(&Settlement::new(AttemptId(3), Outcome::Failed, NOON))).unwrap_err().name(), "late");
    server.signal("CONT");
    // What was sent is carried out, so it is not counted again by who tells it again.
    let counted = until("the late count", || wait(redis.observe_late(&attempt(4))).ok());
    assert!(!counted);
    until("the late outcome", || {
        (wait(patient.settle(&Settlement::new(AttemptId(3), Outcome::Failed, NOON))) == Ok(Settled::NotOpen))
            .then_some(())
    });
    let after = until("the outcome's counts", || {
        let Some(Known::Source(source)) = wait(patient.look_up(Entity::Network(network(1)), NOON)).unwrap() else {
            panic!();
        };
        (source.minute.failed == 1.0).then_some(source)
    });
    assert_eq!((after.minute.attempts, after.in_flight), (before.minute.attempts + 1.0, before.in_flight));
}

#[test]
fn a_cluster_that_lost_a_node_says_so_and_counts_when_it_is_whole_again() {
    let mut cluster = Cluster::start();
    let ports: Vec<u16> = cluster.nodes.iter().map(Server::port).collect();
    let redis =
        Redis::open(&RedisSettings { deadline: Duration::from_secs(1), ..settings(&ports) }, &IDENTITY).unwrap();
    for from in 0..20 {
        wait(redis.observe(&login(u128::from(from), NOON, from, &[]))).unwrap();
    }
    let visit = wait(visit(&settings(&ports), NOON)).unwrap();
    assert_eq!(visit.seen.len(), 3, "each master is looked at: {visit:?}");
    cluster.nodes[2].kill();
    let mut names = std::collections::BTreeSet::new();
    until("an error that is no delay", || {
        for from in 0..20 {
            // What is counted on the other nodes only goes on, until they notice.
            if let Err(error) = wait(redis.observe(&login(100, NOON, from, &[]))) {
                names.insert(error.name());
            }
        }
        (names.contains("down") || names.contains("failing_over")).then_some(())
    });
    names.retain(|name| !["down", "failing_over", "late"].contains(name));
    assert!(names.is_empty(), "{names:?}");
    cluster.nodes[2].restart();
    until("the whole cluster", || {
        (0..20).all(|from| wait(redis.observe(&login(200 + u128::from(from), NOON, from, &[]))).is_ok()).then_some(())
    });
}

#[test]
fn a_master_that_became_a_replica_is_read_only_until_it_is_promoted() {
    let server = Server::start(&[]);
    let redis = redis_on(&server);
    wait(redis.observe(&attempt(1))).unwrap();
    // Of a master that is not there.
    assert_eq!(server.ask(&["REPLICAOF", "127.0.0.1", "1"]), "OK");
    assert_eq!(until_refused(&redis, 2), "read_only");
    assert_eq!(server.ask(&["REPLICAOF", "NO", "ONE"]), "OK");
    until_counted(&redis, 3);
}

#[test]
fn a_full_server_refuses_and_forgets_no_token() {
    let server = Server::start(&["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"]);
    let redis = redis_on(&server);
    let burn = |token: u128| wait(redis.burn_as(token.to_be_bytes(), Duration::from_secs(600), [1; 16]));
    let again = |token: u128| wait(redis.burn_as(token.to_be_bytes(), Duration::from_secs(600), [2; 16]));
    assert_eq!(burn(0), Ok(Burn::First));
    let large = Bytes::from(vec![7; 64 << 10]);
    let hold = |id: u128| wait(redis.hold(id.to_be_bytes(), &large, Duration::from_secs(600), NOON));
    // What the server needs for its connections comes and goes: room that was not there may be there a moment later. So
    // the refusal that ends a loop is looked at, not that of another try.
    let mut held = 0;
    let refused = loop {
        match hold(held) {
            Ok(()) => held += 1,
            Err(why) => break why,
        }
    };
    assert!(held > 3 && held < 48);
    assert_eq!(refused, StoreError::Full("held answer"));
    let mut burnt = 1;
    let mut fill = || loop {
        match burn(burnt) {
            Ok(first) => {
                assert_eq!(first, Burn::First);
                burnt += 1;
            }
            Err(why) => break why,
        }
    };
    assert_eq!(fill(), StoreError::Full("spent token"));
    let refused = until("a refusal", || {
        fill();
        wait(redis.observe(&attempt(1))).err()
    });
    assert_eq!(refused.name(), "full");
    assert!((0..burnt).all(|token| again(token) == Ok(Burn::AlreadyUsed)), "{burnt} tokens");
    // What is taken makes room.
    for id in 0..held {
        assert!(wait(redis.take(id.to_be_bytes(), NOON)).unwrap().is_some());
    }
    until_counted(&redis, 2);
    assert_eq!(burn(burnt), Ok(Burn::First));
}

#[test]
fn a_server_that_forgot_the_scripts_is_told_them_again_and_counts_once() {
    let server = Server::start(&[]);
    let redis = redis_on(&server);
    for id in 0..4 {
        let history = wait(redis.observe(&login(id, NOON, 1, &[name(1)]))).unwrap();
        assert_eq!((history.network.in_flight, history.account.in_flight), (id as u32 + 1, id as u32 + 1));
        assert_eq!(server.ask(&["SCRIPT", "FLUSH"]), "OK");
    }
    assert_eq!(wait(redis.settle(&Settlement::new(AttemptId(0), Outcome::Failed, NOON))), Ok(Settled::Counted));
}

#[test]
fn what_somebody_else_put_under_a_key_is_broken_and_left_alone() {
    let server = Server::start(&[]);
    let redis = redis_on(&server);
    wait(redis.observe(&attempt(1))).unwrap();
    let key = redis.keys.account(&name(1));
    server.ask_bytes(&[b"LPUSH", &key, b"x"]);
    let error = wait(redis.observe(&login(2, NOON, 1, &[name(1)]))).unwrap_err();
    assert_eq!(error.name(), "broken", "{error}");
    assert_eq!(server.ask_bytes(&[b"LLEN", &key]), [b"1"]);
    let key = redis.keys.account(&name(2));
    for nonsense in [&b""[..], b"short", &[0xff; 300]] {
        server.ask_bytes(&[b"SET", &key, nonsense]);
        let error = wait(redis.observe(&login(3, NOON, 1, &[name(2)]))).unwrap_err();
        assert_eq!(error.name(), "broken", "{error}");
    }
}

#[test]
fn who_may_not_ask_is_refused_by_name() {
    let server = Server::start(&["--requirepass", "right"]);
    let with = |password: Option<&str>| RedisSettings {
        password: password.map(crate::config::settings::Password::new),
        ..settings(&[server.port()])
    };
    for wrong in [None, Some("wrong")] {
        let redis = Redis::open(&with(wrong), &IDENTITY).unwrap();
        let error = until("an error", || wait(redis.observe(&attempt(1))).err());
        assert_eq!(error.name(), "refused", "{error}");
        assert!(!error.to_string().contains("wrong"), "{error}");
    }
    let redis = Redis::open(&with(Some("right")), &IDENTITY).unwrap();
    until_counted(&redis, 1);
}

#[test]
fn a_password_that_changed_in_its_file_is_used_at_the_next_connection() {
    let server = Server::start(&["--requirepass", "one"]);
    let file = server.directory().join("password");
    std::fs::write(&file, "one\n").unwrap();
    let settings = RedisSettings { password_file: Some(file.clone()), ..settings(&[server.port()]) };
    let redis = Redis::open(&settings, &IDENTITY).unwrap();
    until_counted(&redis, 1);
    assert_eq!(server.ask_as("one", &["CONFIG", "SET", "requirepass", "two"]), "OK");
    assert_eq!(server.ask_as("two", &["CLIENT", "KILL", "TYPE", "normal"]), "1");
    assert_eq!(until_refused(&redis, 2), "down");
    assert_eq!(
        until("the refusal", || redis.reachable().err().filter(|error| error.name() == "refused")).name(),
        "refused"
    );
    std::fs::write(&file, "two\n").unwrap();
    until_counted(&redis, 3);
}

#[test]
fn a_server_may_be_behind_a_socket_file() {
    let server = Server::start(&["--unixsocket", "socket"]);
    let servers = vec![RedisServer::Unix(server.directory().join("socket"))];
    let redis = Redis::open(&RedisSettings { servers, ..settings(&[server.port()]) }, &IDENTITY).unwrap();
    assert_eq!(until_counted(&redis, 1).network.in_flight, 1);
}

#[test]
fn outcomes_that_are_on_their_way_are_told_before_the_end() {
    let server = shared();
    let settings = RedisSettings { deadline: Duration::from_millis(1), ..settings(&[server.port()]) };
    let redis = Redis::open(&settings, &IDENTITY).unwrap();
    until("a connection", || redis.reachable().ok());
    for id in 0..50 {
        wait(redis.observe_late(&attempt(id))).unwrap();
    }
    for id in 0..50 {
        // In time or late: begun.
        let _ = wait(redis.settle(&Settlement::new(AttemptId(id), Outcome::Failed, NOON)));
    }
    redis.close();
    let Some(Known::Source(source)) = wait(redis.look_up(Entity::Network(network(1)), NOON)).unwrap() else { panic!() };
    assert_eq!((source.minute.failed, source.in_flight), (50.0, 0));
}

#[test]
fn rights_that_a_gate_needs_and_lacks_are_named() {
    let server = Server::start(&[]);
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let line = readme.lines().find(|line| line.starts_with("ACL SETUSER gate ")).unwrap();
    let line = line.replace("'>PASSWORD'", ">secret").replace('\'', "");
    let words: Vec<&str> = line.split(' ').collect();
    server.ask(&words);
    let gate = RedisSettings {
        prefix: "tollgate".into(),
        user: Some("gate".into()),
        password: Some(crate::config::settings::Password::new("secret")),
        ..settings(&[server.port()])
    };
    let faults = || wait(visit(&gate, NOON)).unwrap().faults.join("; ");
    assert!(!faults().contains("rights"), "{}", faults());
    for right in ["set", "zadd", "eval", "hscan"] {
        server.ask(&["ACL", "SETUSER", "gate", &format!("-{right}")]);
        assert!(faults().contains(&format!("+{right}")), "{right}: {}", faults());
        server.ask(&["ACL", "SETUSER", "gate", &format!("+{right}")]);
    }
    assert!(!server.ask(&["KEYS", "*"]).contains("probe"), "nothing is left behind");
}
