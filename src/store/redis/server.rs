//! Real servers for tests: on free ports, in directories of their own, killed when dropped.
//!
//! Also compiled into the integration tests and the benches, each of which needs some of it, and so without anything of
//! the library.

#![allow(dead_code, clippy::unwrap_used, reason = "shared by test binaries, each of which uses some of it")]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// Far more than a server takes to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Slots of a cluster.
const SLOTS: usize = 16_384;

/// One `redis-server`.
pub struct Server {
    process: Child,
    port: u16,
    directory: tempfile::TempDir,
    arguments: Vec<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts a server that keeps nothing on disk, with more arguments (`--maxmemory 2mb`).
    pub fn start(arguments: &[&str]) -> Server {
        Server::start_at(None, arguments)
    }

    /// The same on a port that was in use a moment ago.
    pub fn start_at(port: Option<u16>, arguments: &[&str]) -> Server {
        for _ in 0..20 {
            let directory = tempfile::tempdir().unwrap();
            let port = port.unwrap_or_else(free_port);
            let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            let process = spawn(port, directory.path(), &arguments);
            let mut server = Server { process, port, directory, arguments };
            if server.answers() {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    /// Waits until it answers; not if its port was taken by somebody else meanwhile.
    fn answers(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            // Anything in clear is an answer: also that a password is wanted. With TLS alone there is a file to look
            // at.
            let said = TcpStream::connect(("127.0.0.1", self.port)).is_ok() && self.log().contains("Ready to accept");
            if said {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("redis-server does not answer: {}", self.log());
    }

    /// Ends it at once, as a machine does that loses its power.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again after a kill: on its port, with what is in its directory.
    pub fn restart(&mut self) {
        self.process = spawn(self.port, self.directory.path(), &self.arguments);
        assert!(self.answers(), "redis-server does not start again: {}", self.log());
    }

    /// Sends a signal, by name: `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// For signals.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Asks for one thing and returns the answer as text: lists a line an element.
    pub fn ask(&self, command: &[&str]) -> String {
        let bytes: Vec<&[u8]> = command.iter().map(|part| part.as_bytes()).collect();
        let answer = self.ask_bytes(&bytes);
        String::from_utf8_lossy(&answer.join(&b'\n')).into_owned()
    }

    /// The same in bytes, an element each.
    pub fn ask_bytes(&self, command: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut asked = format!("*{}\r\n", command.len()).into_bytes();
        for part in command {
            asked.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
            asked.extend_from_slice(part);
            asked.extend_from_slice(b"\r\n");
        }
        stream.write_all(&asked).unwrap();
        let mut answer = Vec::new();
        read(&mut BufReader::new(stream), &mut answer);
        answer
    }

    /// As [`Server::ask`], once the password is known.
    pub fn ask_as(&self, password: &str, command: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let line = format!("AUTH {password}\r\n{}\r\n", command.join(" "));
        stream.write_all(line.as_bytes()).unwrap();
        let (mut from, mut answer) = (BufReader::new(stream), Vec::new());
        read(&mut from, &mut Vec::new());
        read(&mut from, &mut answer);
        String::from_utf8_lossy(&answer.join(&b'\n')).into_owned()
    }

    /// What `INFO` says of one thing.
    pub fn info(&self, name: &str) -> String {
        let info = self.ask(&["INFO", "everything"]);
        let found = info.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| *key == name);
        found.map_or_else(String::new, |(_, value)| value.trim().to_owned())
    }
}

/// Reads one answer of the protocol.
fn read(from: &mut impl BufRead, answer: &mut Vec<Vec<u8>>) {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    let line = line.trim_end();
    let (kind, rest) = line.split_at(1.min(line.len()));
    match kind {
        "$" if rest == "-1" => answer.push(b"(nil)".to_vec()),
        "$" => {
            let mut bytes = vec![0; rest.parse::<usize>().unwrap() + 2];
            from.read_exact(&mut bytes).unwrap();
            bytes.truncate(bytes.len() - 2);
            answer.push(bytes);
        }
        "*" => {
            for _ in 0..rest.parse::<i64>().unwrap() {
                read(from, answer);
            }
        }
        "-" => answer.push(line.as_bytes().to_vec()),
        _ => answer.push(rest.as_bytes().to_vec()),
    }
}

fn spawn(port: u16, directory: &Path, arguments: &[String]) -> Child {
    Command::new(binary())
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
        .args(["--daemonize", "no", "--logfile", "log"])
        .arg("--dir")
        .arg(directory)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("redis-server: {error}; `tests/setup redis` installs it"))
}

/// Installed, or where `tests/setup redis` puts it.
fn binary() -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/redis/redis-server");
    if ours.exists() { ours } else { "redis-server".into() }
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    // A cluster's nodes need the port ten thousand higher as well.
    loop {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        if port < 55_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
}

/// One server for all tests of a process that run at the same time; they keep apart by prefixes.
pub fn shared() -> Arc<Server> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::start(&[]));
        *shared = Arc::downgrade(&server);
        server
    })
}

/// Three masters without replicas.
pub struct Cluster {
    pub nodes: Vec<Server>,
}

impl Cluster {
    pub fn start() -> Cluster {
        let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000"];
        let nodes: Vec<Server> = (0..3).map(|_| Server::start(&arguments)).collect();
        let each = SLOTS.div_ceil(nodes.len());
        for (place, node) in nodes.iter().enumerate() {
            let (first, last) = (place * each, ((place + 1) * each).min(SLOTS) - 1);
            assert_eq!(node.ask(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]), "OK");
            assert_eq!(node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(place + 1).to_string()]), "OK");
            assert_eq!(node.ask(&["CLUSTER", "MEET", "127.0.0.1", &nodes[0].port.to_string()]), "OK");
        }
        let cluster = Cluster { nodes };
        let start = Instant::now();
        while !cluster.nodes.iter().all(|node| is_whole(&node.ask(&["CLUSTER", "INFO"]), cluster.nodes.len())) {
            assert!(start.elapsed() < PATIENCE, "no cluster: {}", cluster.nodes[0].ask(&["CLUSTER", "INFO"]));
            std::thread::sleep(Duration::from_millis(20));
        }
        cluster
    }

    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }
}

fn is_whole(info: &str, nodes: usize) -> bool {
    let mut known = String::new();
    let _ = write!(known, "cluster_known_nodes:{nodes}");
    ["cluster_state:ok", "cluster_slots_ok:16384", &known].iter().all(|line| info.contains(line))
}
