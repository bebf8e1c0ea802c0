//! A store that things happen to.

use crate::harness::redis::{Cluster, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL; it comes back with what was on its disk.
    Killed,
    /// The same, and it comes back with nothing.
    Emptied,
    /// SIGSTOP: it takes connections and commands, and answers nothing.
    Stopped,
    /// Every answer takes longer than the deadline.
    Slowed,
    /// It becomes a replica of a master that is not there.
    ReadOnly,
    /// A master that wants a replica and has none.
    WithoutReplicas,
    /// No memory left, and nothing may be evicted.
    Full,
    /// Its replica takes over, behind the same address.
    FailedOver,
    /// Its password changes.
    LockedOut,
    /// One of three nodes of a cluster is stopped.
    NodeStopped,
}

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Fault::Killed => "killed",
            Fault::Emptied => "killed, back empty",
            Fault::Stopped => "stopped",
            Fault::Slowed => "slowed to 150 ms",
            Fault::ReadOnly => "read-only",
            Fault::WithoutReplicas => "without replicas",
            Fault::Full => "full",
            Fault::FailedOver => "failing over",
            Fault::LockedOut => "another password",
            Fault::NodeStopped => "a cluster's node stopped",
        }
    }
}

/// Longer than any deadline here, and shorter than the patience of what is told in the background.
const SLOW: Duration = Duration::from_millis(150);
/// Nothing listens here.
const NOBODY: [&str; 2] = ["127.0.0.1", "1"];

pub struct Place {
    fault: Fault,
    server: Option<Server>,
    replica: Option<Server>,
    cluster: Option<Cluster>,
    /// In front of it, where the address must stay or answers be slow.
    front: Option<Front>,
}

impl Place {
    pub async fn of(fault: Fault) -> Place {
        let mut place = Place { fault, server: None, replica: None, cluster: None, front: None };
        match fault {
            Fault::NodeStopped => place.cluster = Some(Cluster::start()),
            Fault::Killed => {
                place.server = Some(Server::start(&["--appendonly", "yes"]));
            }
            _ => place.server = Some(Server::start(&[])),
        }
        if fault == Fault::FailedOver {
            let master = place.port().to_string();
            let replica = Server::start(&["--replicaof", "127.0.0.1", &master]);
            while !replica.ask(&["INFO", "replication"]).contains("master_link_status:up") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            place.replica = Some(replica);
        }
        if matches!(fault, Fault::Slowed | Fault::FailedOver) {
            place.front = Some(Front::before(place.port()).await);
        }
        place
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("a place without a cluster has a server")
    }

    fn port(&self) -> u16 {
        self.server().port()
    }

    /// As a value of YAML.
    pub fn url(&self) -> String {
        match (&self.cluster, &self.front) {
            (Some(cluster), _) => {
                let urls: Vec<String> = cluster.nodes.iter().map(|node| format!("\"{}\"", node.url())).collect();
                format!("[{}], cluster: true", urls.join(", "))
            }
            (None, Some(front)) => format!("\"redis://127.0.0.1:{}\"", front.port),
            (None, None) => format!("\"{}\"", self.server().url()),
        }
    }

    /// Whether it comes back without what it knew.
    pub fn forgets(&self) -> bool {
        self.fault == Fault::Emptied
    }

    /// Whether commands stay without an answer for good: connections break, or somebody stands still for longer than
    /// anybody waits. Of what was under way then, nobody knows whether it was done.
    pub fn leaves_doubt(&self) -> bool {
        matches!(self.fault, Fault::Killed | Fault::FailedOver | Fault::LockedOut | Fault::Stopped | Fault::NodeStopped)
    }

    /// Changes a setting of the server.
    fn set(&self, name: &str, value: &str) {
        assert_eq!(self.server().ask(&["CONFIG", "SET", name, value]), "OK");
    }

    pub fn strike(&mut self) {
        match self.fault {
            Fault::Killed | Fault::Emptied => self.server.as_mut().expect("there is one").kill(),
            Fault::Stopped => self.server().signal("STOP"),
            Fault::Slowed => self.front.as_ref().expect("there is one").slow_down(SLOW),
            Fault::ReadOnly => drop(self.server().ask(&["REPLICAOF", NOBODY[0], NOBODY[1]])),
            Fault::WithoutReplicas => self.set("min-replicas-to-write", "1"),
            Fault::Full => self.set("maxmemory", "1"),
            Fault::FailedOver => assert_eq!(self.server().ask(&["FAILOVER"]), "OK"),
            Fault::LockedOut => {
                self.set("requirepass", "changed");
                // A password is asked for at the next connection.
                self.server().ask_as("changed", &["CLIENT", "KILL", "TYPE", "normal"]);
            }
            Fault::NodeStopped => self.cluster.as_ref().expect("there is one").nodes[1].signal("STOP"),
        }
    }

    pub fn mend(&mut self) {
        match self.fault {
            Fault::Killed | Fault::Emptied => self.server.as_mut().expect("there is one").restart(),
            Fault::Stopped => self.server().signal("CONT"),
            Fault::Slowed => self.front.as_ref().expect("there is one").slow_down(Duration::ZERO),
            Fault::ReadOnly => drop(self.server().ask(&["REPLICAOF", "NO", "ONE"])),
            Fault::WithoutReplicas => self.set("min-replicas-to-write", "0"),
            Fault::Full => self.set("maxmemory", "0"),
            Fault::FailedOver => {
                let replica = self.replica.as_ref().expect("there is one").port();
                self.front.as_ref().expect("there is one").lead_to(replica);
            }
            Fault::LockedOut => {
                assert_eq!(self.server().ask_as("changed", &["CONFIG", "SET", "requirepass", "\"\""]), "OK");
            }
            Fault::NodeStopped => self.cluster.as_ref().expect("there is one").nodes[1].signal("CONT"),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A process that stands still is killed all the same; this is for those that wait for it.
        if self.fault == Fault::Stopped {
            self.server().signal("CONT");
        }
    }
}

/// A connection's way to the store, which can be made longer, or lead elsewhere.
struct Front {
    port: u16,
    delay: Arc<AtomicU64>,
    target: Arc<AtomicU16>,
    cut: watch::Sender<()>,
}

impl Front {
    async fn before(port: u16) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = Front {
            port: listener.local_addr().unwrap().port(),
            delay: Arc::default(),
            target: Arc::new(AtomicU16::new(port)),
            cut: watch::channel(()).0,
        };
        let (delay, target, cut) = (front.delay.clone(), front.target.clone(), front.cut.clone());
        tokio::spawn(async move {
            while let Ok((gate, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", target.load(Ordering::Relaxed))).await else {
                    continue;
                };
                let _ = (gate.set_nodelay(true), server.set_nodelay(true));
                let mut cut = cut.subscribe();
                cut.mark_unchanged();
                let delay = delay.clone();
                tokio::spawn(async move {
                    let (mut from_gate, mut to_gate) = gate.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    let asking = tokio::io::copy(&mut from_gate, &mut to_server);
                    let answering = async {
                        let mut piece = [0; 16 << 10];
                        loop {
                            let read = from_server.read(&mut piece).await.unwrap_or(0);
                            let wait = delay.load(Ordering::Relaxed);
                            if wait > 0 {
                                tokio::time::sleep(Duration::from_millis(wait)).await;
                            }
                            if read == 0 || to_gate.write_all(&piece[..read]).await.is_err() {
                                return;
                            }
                        }
                    };
                    tokio::select! {
                        _ = asking => {}
                        () = answering => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        front
    }

    fn slow_down(&self, delay: Duration) {
        self.delay.store(delay.as_millis() as u64, Ordering::Relaxed);
    }

    fn lead_to(&self, port: u16) {
        self.target.store(port, Ordering::Relaxed);
        self.cut.send_replace(());
    }
}
