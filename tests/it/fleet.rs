//! Several gates on one Redis are one gate to a visitor.

use crate::challenge::solve;
use crate::harness::http::{BROWSER, post, send};
use crate::harness::origin::Origin;
use crate::harness::redis::{Cluster, Server, free_port};
use crate::harness::{Gate, shop_with, until, within};
use crate::journey::{FROM_VIETNAM, abroad};
use std::path::Path;
use tollgate::store::shared::State;

const PROGRAM: &str = "User-Agent: curl/8.5.0\r\nAccept: */*\r\n";

/// Gates of one installation: the same secrets, the same store.
pub struct Fleet {
    gates: Vec<Gate>,
    _dir: tempfile::TempDir,
}

impl Fleet {
    pub async fn start(count: usize, yaml: &str, store: &str, origin: &Origin) -> Fleet {
        let dir = tempfile::tempdir().unwrap();
        let secret = format!("{}/secret", dir.path().display());
        assert!(yaml.contains("{dir}/secret"));
        let yaml = yaml.replace("{dir}/secret", &secret) + &format!("\nstore: {store}\n");
        let mut gates = Vec::new();
        for _ in 0..count {
            gates.push(Gate::start(&yaml, origin).await);
        }
        Fleet { gates, _dir: dir }
    }

    /// Once each has its connection: a gate does not wait for one, and what comes before it is not counted there.
    pub async fn connected(self) -> Fleet {
        for gate in &self.gates {
            let there = || gate.inner.store.stats().shared.is_none_or(|shared| shared.state == State::Closed);
            within("a connection to the store", until(there)).await;
        }
        self
    }

    pub fn gate(&self, number: usize) -> &Gate {
        &self.gates[number % self.gates.len()]
    }
}

/// With a patience for machines that do other things as well.
pub fn on(server: &Server) -> String {
    format!("{{ kind: redis, url: \"{}\", deadline: 1s }}", server.url())
}

/// How many of forty guesses at one account reach the application, sent to the gates in turn.
async fn guesses_that_pass(count: usize, store: &str) -> usize {
    let origin = Origin::shop().await;
    let yaml = shop_with(&[(
        "    otherwise: allow",
        "      - { name: guessing, when: fired.brute_force, action: deny }\n    otherwise: allow",
    )]);
    let fleet = Fleet::start(count, &yaml, store, &origin).await.connected().await;
    let mut records = vec![0; count];
    for number in 0..40 {
        let body = format!("login=anna&password=guess{number}");
        let gate = fleet.gate(number);
        let status = send(gate.address, post("/login", &body, BROWSER)).await.status;
        // An outcome is recorded once it is counted: the next guess comes after it.
        records[number % count] += match status {
            401 => 2,
            403 => 1,
            _ => panic!("{status}"),
        };
        gate.records(records[number % count]).await;
    }
    origin.requests().len()
}

#[tokio::test]
async fn guessing_spread_over_two_gates_is_stopped_as_by_one() {
    let server = Server::start(&[]);
    let alone = guesses_that_pass(1, "{ kind: memory }").await;
    assert!(alone > 0 && alone < 40, "{alone} pass one gate");
    assert_eq!(guesses_that_pass(2, &on(&server)).await, alone);
}

#[tokio::test]
async fn guessing_spread_over_three_gates_on_a_cluster_is_stopped_as_by_one() {
    let cluster = Cluster::start();
    let urls = cluster.urls().iter().map(|url| format!("\"{url}\"")).collect::<Vec<_>>().join(", ");
    let store = format!("{{ kind: redis, cluster: true, url: [{urls}], deadline: 1s }}");
    assert_eq!(guesses_that_pass(3, &store).await, guesses_that_pass(1, "{ kind: memory }").await);
}

#[tokio::test]
async fn a_ticket_and_a_clearance_are_spent_once_in_the_whole_fleet() {
    let server = Server::start(&[]);
    let origin = Origin::shop().await;
    let fleet = Fleet::start(2, crate::harness::SHOP, &on(&server), &origin).await.connected().await;
    let challenged = send(fleet.gate(0).address, post("/login", "login=anna&password=right", PROGRAM)).await;
    assert_eq!(challenged.status, 403);
    let url = challenged.json()["challenge"]["url"].as_str().unwrap().to_owned();
    // Asked of one gate, solved at both.
    let solution = solve(fleet.gate(1).address, &url).await;
    let posts = (0..20).map(|number| send(fleet.gate(number).address, post(&url, &solution, BROWSER)));
    let solved = futures::future::join_all(posts).await;
    let cleared: Vec<_> = solved.iter().filter(|answer| answer.header("set-cookie").is_some()).collect();
    assert_eq!(cleared.len(), 1);
    let cookie = cleared[0].header("set-cookie").unwrap().split(';').next().unwrap();
    let with = format!("{PROGRAM}Cookie: {cookie}\r\n");
    let logins =
        (0..20).map(|number| send(fleet.gate(number).address, post("/login", "login=anna&password=right", &with)));
    let through = futures::future::join_all(logins).await.iter().filter(|answer| answer.status == 302).count();
    assert_eq!((through, origin.requests().len()), (1, 1));
}

#[tokio::test]
async fn an_answer_that_one_gate_holds_is_released_by_another_exactly_once() {
    let server = Server::start(&[]);
    let origin = Origin::shop().await;
    let fleet = Fleet::start(2, &abroad(), &on(&server), &origin).await.connected().await;
    let headers = format!("{BROWSER}{FROM_VIETNAM}");
    let held = send(fleet.gate(0).address, post("/login", "login=anna&password=right", &headers)).await;
    assert_eq!(held.status, 303);
    let location = held.header("location").unwrap().to_owned();
    let cookie = held.all("set-cookie")[0].split(';').next().unwrap().to_owned();
    let solution = solve(fleet.gate(1).address, &location).await;
    let with = format!("{BROWSER}Cookie: {cookie}\r\n");
    let posts = (1..9).map(|number| send(fleet.gate(number).address, post(&location, &solution, &with)));
    let answers = futures::future::join_all(posts).await;
    let released: Vec<_> = answers
        .iter()
        .filter(|answer| answer.all("set-cookie").iter().any(|cookie| cookie.starts_with("session=opened")))
        .collect();
    assert_eq!(released.len(), 1);
    assert_eq!((released[0].status, released[0].header("location")), (302, Some("/account")));
    assert_eq!(origin.requests().len(), 1, "the application was asked once");
    // Released by one, the source is known to the other.
    let home = send(fleet.gate(0).address, post("/login", "login=anna&password=right", &headers)).await;
    assert_eq!(home.status, 303, "the rule of this test challenges whoever is abroad");
}

#[tokio::test]
async fn a_gate_that_is_started_anew_knows_what_the_fleet_knew() {
    let server = Server::start(&[]);
    let origin = Origin::shop().await;
    let fleet = Fleet::start(1, crate::harness::SHOP, &on(&server), &origin).await.connected().await;
    for number in 0..5 {
        let body = format!("login=anna&password=guess{number}");
        assert_eq!(send(fleet.gate(0).address, post("/login", &body, BROWSER)).await.status, 401);
    }
    fleet.gate(0).inner.store.close();
    let entries = |server: &Server| server.ask(&["DBSIZE"]).parse::<u32>().unwrap();
    let before = entries(&server);
    let secret = std::fs::read(fleet._dir.path().join("secret")).unwrap();
    drop(fleet);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), &secret).unwrap();
    set_mode(&dir.path().join("secret"));
    let yaml = crate::harness::SHOP.replace("{dir}/secret", &format!("{}/secret", dir.path().display()))
        + &format!("\nstore: {}\n", on(&server));
    let again = Fleet { gates: vec![Gate::start(&yaml, &origin).await], _dir: dir }.connected().await;
    assert_eq!(send(again.gate(0).address, post("/login", "login=anna&password=guess", BROWSER)).await.status, 401);
    // Network, device and account are those that were there; the attempt's record is new.
    assert_eq!(entries(&server), before + 1);
}

fn set_mode(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// What the README gives the gate's user, and nothing else.
fn rights() -> Vec<String> {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let line = readme.lines().find(|line| line.starts_with("ACL SETUSER gate ")).expect("the README has the rights");
    line.split(' ').skip(3).map(|right| right.trim_matches('\'').to_owned()).collect()
}

#[tokio::test]
async fn over_tls_as_a_user_with_the_rights_of_the_readme() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str| files.path().join(name).display().to_string();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(file("crt"), made.cert.pem()).unwrap();
    std::fs::write(file("key"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(file("password"), "a password / with # everything @\n").unwrap();
    let tls = free_port().to_string();
    let server = Server::start(&[
        "--tls-port",
        &tls,
        "--tls-cert-file",
        &file("crt"),
        "--tls-key-file",
        &file("key"),
        "--tls-ca-cert-file",
        &file("crt"),
        "--tls-auth-clients",
        "no",
    ]);
    let rights = rights();
    let mut command = vec!["ACL", "SETUSER", "gate"];
    command.extend(rights.iter().map(|right| match &**right {
        ">PASSWORD" => ">a password / with # everything @",
        other => other,
    }));
    assert_eq!(server.ask(&command), "OK");
    let store =
        |more: &str| format!("{{ kind: redis, url: \"rediss://127.0.0.1:{tls}\", user: gate, deadline: 1s, {more} }}");
    let trusted = format!("ca_file: \"{}\", password_file: \"{}\"", file("crt"), file("password"));
    assert_eq!(guesses_that_pass(2, &store(&trusted)).await, guesses_that_pass(1, "{ kind: memory }").await);
    let refused: Vec<_> = server.ask(&["ACL", "LOG"]).lines().map(str::to_owned).collect();
    assert!(refused.is_empty(), "the gate was refused: {refused:?}");
    assert_ne!(server.ask(&["DBSIZE"]), "0");

    // Whoever is not trusted is not spoken to; the gate stands all the same.
    let origin = Origin::shop().await;
    std::fs::write(file("other"), rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap().cert.pem()).unwrap();
    let stranger = store(&format!("ca_file: \"{}\", password_file: \"{}\"", file("other"), file("password")));
    let fleet = Fleet::start(1, crate::harness::SHOP, &stranger, &origin).await;
    let answer = send(fleet.gate(0).address, post("/login", "login=anna&password=right", BROWSER)).await;
    assert_eq!(answer.status, 302);
    let records = within("the record", fleet.gate(0).records(1)).await;
    assert!(records[0]["degraded"].as_array().unwrap().iter().any(|part| part == "store"), "{}", records[0]);
}
