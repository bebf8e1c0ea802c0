//! A gate, an application behind it and a visitor before it, all on loopback and in one process.
//!
//! The gate is the real one (the same door, proxy and stores as `tollgate run`), on a port that the system chose and
//! with a clock that stands still until a test moves it. The application is told by a closure what to answer and keeps
//! what it was sent. The visitor writes bytes, so that a test can send what no well-behaved client would.

pub mod desk;
pub mod h2;
pub mod http;
pub mod origin;
#[path = "../../../src/store/redis/server.rs"]
pub mod redis;
pub mod shop;
pub mod tls;
pub mod webdriver;

use origin::Origin;
use pingora::apps::ServerApp;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::protocols::{GetSocketDigest, SocketDigest};
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tollgate::engine::time::Timestamp;
use tollgate::gateway::clock::Clock;
use tollgate::gateway::gate;
use tollgate::gateway::server::server_conf;

/// 2026-11-22T09:00:00Z, a Sunday morning.
pub const NOON: Timestamp = Timestamp(1_795_338_000_000);

/// A gate that listens.
pub struct Gate {
    pub address: SocketAddr,
    pub clock: Clock,
    pub inner: Arc<gate::Gate>,
    /// The configuration, filled in.
    pub yaml: String,
    dir: tempfile::TempDir,
    stop: tokio::sync::watch::Sender<bool>,
}

/// The YAML that nearly every story starts from; `{origin}` and `{dir}` are filled in.
pub const SHOP: &str = r#"
version: 1
product: shop
mode: enforce
listen: [{ address: "127.0.0.1:1" }]
upstream: { servers: ["{origin}"] }
secret_file: "{dir}/secret"
decision_log: { path: "{dir}/decisions.jsonl" }
client_ip: { trusted_proxies: ["127.0.0.1/32"] }
challenge: { proof_of_work: { difficulty: 8 } }
routes:
  - name: sign-in
    event: login
    match: { method: POST, path: /login }
    fields: { account: "form:login", password: "form:password" }
    outcome:
      succeeded: [{ status: 302, set_cookie: "session" }]
      failed: [{ status: 401 }]
    policy: login
    pages: [/login]
policies:
  login:
    rules:
      - { name: blocked, when: client.ip == "203.0.113.66", action: deny }
      - { name: robots, when: fired.http_client_library, action: challenge, challenge: proof_of_work }
    otherwise: allow
"#;

/// [`SHOP`] with texts of it exchanged for others, each of which must be there.
pub fn shop_with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(SHOP.to_owned(), |yaml, (text, other)| {
        assert!(yaml.contains(text), "the shop's configuration has no {text:?}");
        yaml.replace(text, other)
    })
}

impl Gate {
    /// Starts a gate with this configuration before this origin.
    pub async fn start(yaml: &str, origin: &Origin) -> Gate {
        Gate::start_at(yaml, &origin.address.to_string()).await
    }

    pub async fn start_at(yaml: &str, origin: &str) -> Gate {
        let dir = tempfile::tempdir().unwrap();
        let yaml = yaml.replace("{origin}", origin).replace("{dir}", dir.path().to_str().unwrap());
        let (settings, _) = match tollgate::config::parse("test.yaml", &yaml, dir.path()) {
            Ok(loaded) => loaded,
            Err(report) => panic!("the test's configuration is refused:\n{report}"),
        };
        let clock = Clock::manual(NOON);
        let conf = Arc::new(server_conf(&settings));
        let inner = gate::Gate::open(settings, clock.clone()).unwrap();
        inner.store.prepare().await;
        // As the program does: once before anybody comes, then again and again.
        let _ = inner.store.follow_lists(clock.now()).await;
        inner.live.load().upstreams.refresh().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let door = Arc::new(inner.door(&conf));
        let (stop, stopping) = tokio::sync::watch::channel(false);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (door, stopping) = (door.clone(), stopping.clone());
                tokio::spawn(async move { door.process_new(Box::new(stream(socket)), &stopping).await });
            }
        });
        let (follower, time, mut over) = (inner.clone(), clock.clone(), stop.subscribe());
        tokio::spawn(async move {
            let follows = async {
                loop {
                    let _ = follower.store.follow_lists(time.now()).await;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::select! {
                () = follows => {}
                _ = over.wait_for(|stopping| *stopping) => {}
            }
        });
        Gate { address, clock, inner, yaml, dir, stop }
    }

    /// The records written so far, oldest first, once at least `count` are there.
    pub async fn records(&self, count: usize) -> Vec<serde_json::Value> {
        records(self.dir.path(), count).await
    }

    /// Where its files lie.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

/// The records in the decision log of this directory, oldest first, once at least `count` are there.
pub async fn records(dir: &Path, count: usize) -> Vec<serde_json::Value> {
    let path = dir.join("decisions.jsonl");
    within("the records", async {
        loop {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            let records: Vec<_> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if records.len() >= count {
                return records;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

fn stream(socket: TcpStream) -> L4Stream {
    socket.set_nodelay(true).unwrap();
    let digest = SocketDigest::from_raw_fd(socket.as_raw_fd());
    let mut stream = L4Stream::from(socket);
    stream.set_socket_digest(digest);
    stream
}

/// A port that nobody listens on now, of those that the system gives to no outgoing connection: a program that is stopped
/// and started again finds it as it left it.
pub fn free_port() -> SocketAddr {
    let random = std::hash::RandomState::new();
    let ports = (0u64..).map(|attempt| 10_000 + (random.hash_one(attempt) % 22_000) as u16);
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    SocketAddr::from(([127, 0, 0, 1], ports.take(1_000).find(free).expect("a free port")))
}

/// Ends a program that was started in a process group of its own, with all its children.
pub fn kill_group(program: &tokio::process::Child) {
    if let Some(id) = program.id() {
        let _ = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{id}")]).status();
    }
}

/// Comes back once the condition holds.
pub async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Awaits something that must happen; panics after a generous minute with what it was.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(60), future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not come within a minute"),
    }
}
