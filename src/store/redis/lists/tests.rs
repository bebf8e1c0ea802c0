use super::super::server::{Cluster, Server, shared};
use super::super::tests::settings;
use super::*;
use crate::lists::book::Sought;
use crate::lists::{Note, ban};
use crate::store::conformance::{NOON, wait};
use std::net::IpAddr;

fn address(number: u32) -> IpAddr {
    IpAddr::from((0x0b00_0000 + number).to_be_bytes())
}

fn put(list: &str, number: u32) -> Change {
    let note = Note { reason: "scraped us".into(), by: "anna".into(), times: 0 };
    let entry = Entry::new(None, NOON, Arc::new(note));
    Change { list: list.into(), key: ban::network(address(number)), entry: Some(entry) }
}

fn gone(list: &str, number: u32) -> Change {
    Change { entry: None, ..put(list, number) }
}

fn holds(redis: &Redis, list: &str, number: u32) -> bool {
    redis.lists().holds(list, &Sought { ip: Some(address(number)), ..Sought::default() }, NOON)
}

/// Two gates of one fleet.
fn two(ports: &[u16]) -> [Redis; 2] {
    let settings = settings(ports);
    [(); 2].map(|()| Redis::open(&settings, &[7; 32]).unwrap().bounded(2_000_000))
}

fn everywhere(ports: &[u16]) {
    let [one, other] = two(ports);
    assert!(!one.knows_lists());
    wait(one.follow_lists(NOON)).unwrap();
    wait(other.follow_lists(NOON)).unwrap();
    assert!(one.knows_lists());
    wait(one.change_lists(&[put("mine", 1), put("yours", 2)])).unwrap();
    assert!(holds(&one, "mine", 1), "who changes it sees it at once");
    assert!(!holds(&other, "mine", 1));
    wait(other.follow_lists(NOON)).unwrap();
    assert!(holds(&other, "mine", 1) && holds(&other, "yours", 2) && !holds(&other, "mine", 2));
    assert_eq!(other.lists().entry("mine", &put("mine", 1).key), put("mine", 1).entry, "with who, when and why");
    wait(other.change_lists(&[gone("mine", 1)])).unwrap();
    wait(one.follow_lists(NOON)).unwrap();
    assert!(!holds(&one, "mine", 1) && !holds(&other, "mine", 1));
}

#[test]
fn what_one_gate_changes_the_others_have() {
    let server = shared();
    everywhere(&[server.port()]);
}

/// One entry that a gate cannot read must not hide the others: neither from those that run, nor from those that start.
#[test]
fn what_cannot_be_read_is_passed_over() {
    let server = shared();
    let [one, other] = two(&[server.port()]);
    wait(one.follow_lists(NOON)).unwrap();
    let ask = |call: Call| wait(one.link.asker().ask(&[call], PATIENCE, "list")).unwrap();
    ask(Call::command("HSET", one.keys.list_entries()).with("mine\tdomain *.com").with("of a newer gate"));
    let log = [&one.keys.lists()[..], b":log"].concat();
    wait(one.change_lists(&[put("mine", 1)])).unwrap();
    let line = "0000000000000001mine\tdomain *.com\nof a newer gate";
    ask(Call::command("ZADD", log).with("1").with(line));
    wait(one.change_lists(&[put("mine", 2)])).unwrap();
    wait(one.follow_lists(NOON)).unwrap();
    wait(other.follow_lists(NOON)).unwrap();
    for gate in [&one, &other] {
        assert!(holds(gate, "mine", 1) && holds(gate, "mine", 2) && gate.knows_lists());
    }
}

#[test]
fn in_a_cluster_too() {
    let cluster = Cluster::start();
    everywhere(&cluster.nodes.iter().map(Server::port).collect::<Vec<_>>());
}

#[test]
fn a_gate_that_starts_later_reads_everything_and_one_that_missed_too_much_again() {
    let server = shared();
    let [one, other] = two(&[server.port()]);
    let many: Vec<Change> = (0..3_000).map(|number| put("mine", number)).collect();
    wait(one.change_lists(&many)).unwrap();
    wait(other.follow_lists(NOON)).unwrap();
    assert_eq!((other.lists().len(), one.lists().len()), (3_000, 3_000));
    wait(one.change_lists(&[gone("mine", 7), put("mine", 5_000)])).unwrap();
    // As if more had happened than is kept: the log is gone.
    let log = [&other.keys.lists()[..], b":log"].concat();
    wait(other.link.asker().ask(&[Call::command("DEL", log)], PATIENCE, "log")).unwrap();
    wait(other.follow_lists(NOON)).unwrap();
    assert_eq!(other.lists().len(), 3_000);
    assert!(!holds(&other, "mine", 7) && holds(&other, "mine", 5_000) && holds(&other, "mine", 8));
}

#[test]
fn two_gates_that_change_one_entry_agree_in_the_end() {
    let server = shared();
    let [one, other] = two(&[server.port()]);
    std::thread::scope(|scope| {
        for (gate, turns) in [(&one, 0u32), (&other, 1)] {
            scope.spawn(move || {
                for number in 0..60 {
                    let change =
                        if (number + turns) % 2 == 0 { put("mine", number % 5) } else { gone("mine", number % 5) };
                    wait(gate.change_lists(&[change])).unwrap();
                }
            });
        }
    });
    wait(one.follow_lists(NOON)).unwrap();
    wait(other.follow_lists(NOON)).unwrap();
    for number in 0..5 {
        assert_eq!(holds(&one, "mine", number), holds(&other, "mine", number), "{number}");
    }
    assert_eq!(one.lists().len(), other.lists().len());
}

#[test]
fn a_server_that_lost_everything_is_told_again() {
    let mut server = Server::start(&[]);
    let [one, other] = two(&[server.port()]);
    wait(one.change_lists(&[put("mine", 1), put("mine", 2)])).unwrap();
    wait(other.follow_lists(NOON)).unwrap();
    server.kill();
    assert!(wait(one.change_lists(&[put("mine", 3)])).is_err(), "nothing is changed on one gate alone");
    assert!(wait(one.follow_lists(NOON)).is_err());
    assert!(holds(&one, "mine", 1) && !holds(&one, "mine", 3), "what is known holds");
    server.restart();
    let follow = |gate: &Redis| {
        (0..400).any(|_| {
            let done = wait(gate.follow_lists(NOON)).is_ok();
            if !done {
                std::thread::sleep(Duration::from_millis(20));
            }
            done
        })
    };
    assert!(follow(&one) && follow(&other), "the server is back");
    assert!(holds(&one, "mine", 1) && holds(&other, "mine", 2));
    wait(other.change_lists(&[gone("mine", 1)])).unwrap();
    assert!(follow(&one));
    assert!(!holds(&one, "mine", 1) && holds(&one, "mine", 2));
}

#[test]
fn what_is_over_is_tidied_away_on_the_server() {
    let server = shared();
    let [one, _] = two(&[server.port()]);
    let mut soon = put("mine", 1);
    if let Some(entry) = &mut soon.entry {
        entry.until = NOON.after(Duration::from_secs(1));
        entry.kept = entry.until;
    }
    wait(one.change_lists(&[soon, put("mine", 2)])).unwrap();
    let later = NOON.after(Duration::from_secs(2));
    for _ in 0..TIDIED {
        wait(one.follow_lists(later)).unwrap();
    }
    let length = wait(one.link.asker().ask(&[Call::command("HLEN", one.keys.list_entries())], PATIENCE, "x")).unwrap();
    assert_eq!(length, [Value::Int(1)]);
}

#[test]
fn there_is_no_room_for_more_than_was_said() {
    let server = shared();
    let one = Redis::open(&settings(&[server.port()]), &[7; 32]).unwrap().bounded(4);
    wait(one.change_lists(&[put("mine", 1), put("mine", 2)])).unwrap();
    assert!(matches!(wait(one.change_lists(&[put("mine", 3)])), Err(StoreError::Lists(_))));
    wait(one.change_lists(&[put(BANNED, 3)])).unwrap();
    assert_eq!(one.lists().len(), 3);
}
