//! The connection, and who keeps it up.
//!
//! Requests come from threads that may end before the process does (each of Pingora's services has its own), so the
//! connection lives on a thread of its own: there one task connects, looks at what it is connected to, publishes the
//! connection, asks every second whether it is still there, and begins anew when it is not. Whoever asks takes what is
//! published: a connection, or the reason why there is none. Nobody waits for a connection on the request path, but for
//! the very first one, and that within their deadline.
//!
//! One connection carries everything, pipelined: the server does one thing at a time anyway, and a few thousand
//! attempts a second are far from filling it.

use super::fault;
use super::greeting::{self, Told};
use super::keys::Keys;
use super::scripts::Call;
use crate::config::settings::{RedisServer, RedisSettings};
use crate::engine::time::Timestamp;
use crate::store::{ServerStats, StoreError};
use futures::future::join_all;
use parking_lot::Mutex;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use redis::{RedisError, RedisResult, TlsCertificates, Value};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How long one attempt to connect may take, TLS and greeting included.
const CONNECT: Duration = Duration::from_secs(1);
/// How often a connection is asked whether it is there, and how long it has to say so.
const EVERY: Duration = Duration::from_secs(1);
/// After so many of these questions the mark of ownership is kept alive: about an hour.
const RENEWED: u32 = 3600;
/// After so many the server is asked how it is.
const LOOKED: u32 = 10;
/// Between two attempts to connect: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Requests that may wait to be written.
const QUEUE: usize = 1024;
/// A cluster's client follows a slot that has moved, and asks again where a node is gone; not for longer than any
/// deadline.
const REDIRECTIONS: u32 = 3;

/// A connection that can be shared.
#[derive(Clone)]
pub enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

#[derive(Clone)]
enum State {
    /// For the first time.
    Connecting,
    Up(Connection),
    Down(StoreError),
}

/// Is told how long each round trip took.
pub type Timing = Arc<dyn Fn(Duration) + Send + Sync>;

pub struct Link {
    state: watch::Receiver<State>,
    /// Tells the keeper that a connection is of no use.
    broken: Arc<Notify>,
    timing: Option<Timing>,
    clock: Arc<HandedIn>,
    /// What the server said of itself last.
    served: Arc<Mutex<Option<ServerStats>>>,
    /// Always there; taken when the link is dropped.
    runtime: Option<Runtime>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("reachable", &self.reachable()).finish_non_exhaustive()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime waits, which an asynchronous caller may not.
            runtime.shutdown_background();
        }
    }
}

impl Link {
    /// Starts connecting, and returns at once.
    pub fn open(settings: RedisSettings, keys: Keys) -> std::io::Result<Link> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("store").enable_all().build()?;
        let (publish, state) = watch::channel(State::Connecting);
        let broken = Arc::new(Notify::new());
        let (served, clock) = (Arc::default(), Arc::<HandedIn>::default());
        let keeper = Keeper {
            settings,
            keys,
            publish,
            broken: broken.clone(),
            clock: clock.clone(),
            served: Arc::clone(&served),
        };
        runtime.spawn(keeper.keep());
        Ok(Link { state, broken, timing: None, clock, served, runtime: Some(runtime) })
    }

    pub fn time(&mut self, timing: Timing) {
        self.timing = Some(timing);
    }

    /// It is now `at`, by the clock of who asks.
    pub fn hand_in(&self, at: Timestamp) {
        *self.clock.0.lock() = Some((at, Instant::now()));
    }

    pub fn served(&self) -> Option<ServerStats> {
        *self.served.lock()
    }

    /// Goes on with `work` whatever becomes of the caller.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<JoinHandle<T>> {
        self.runtime.as_ref().map(|runtime| runtime.spawn(work))
    }

    pub fn asker(&self) -> Asker {
        Asker { state: self.state.clone(), broken: self.broken.clone(), timing: self.timing.clone() }
    }

    pub fn reachable(&self) -> Result<(), StoreError> {
        match &*self.state.borrow() {
            State::Up(_) => Ok(()),
            State::Connecting => Err(StoreError::Down("not connected yet".into())),
            State::Down(error) => Err(error.clone()),
        }
    }
}

/// The time that was handed in last, and when: the gate's clock, which is compared with the server's.
#[derive(Debug, Default)]
struct HandedIn(Mutex<Option<(Timestamp, Instant)>>);

impl HandedIn {
    fn now(&self) -> Option<Timestamp> {
        self.0.lock().map(|(at, since)| at.after(since.elapsed()))
    }
}

/// Asks over the link. Lives on its own, so that work can outlive its caller.
#[derive(Clone)]
pub struct Asker {
    state: watch::Receiver<State>,
    broken: Arc<Notify>,
    timing: Option<Timing>,
}

impl Asker {
    /// Sends all calls at once and returns their answers in turn. On one server they are one pipeline; in a cluster
    /// each goes to its node, all at the same time: one round trip of time in either case. If any of them failed, the
    /// first failure is the answer; the others may have been carried out. `what` was to be stored.
    pub async fn ask(
        &mut self,
        calls: &[Call],
        patience: Duration,
        what: &'static str,
    ) -> Result<Vec<Value>, StoreError> {
        let work = async {
            let connection = self.connection().await?;
            let start = Instant::now();
            let mut answers = connection.send(calls.iter(), false).await;
            if let Some(timing) = &self.timing {
                timing(start.elapsed());
            }
            let unknown = |answer: &RedisResult<Value>| answer.as_ref().is_err_and(fault::is_unknown_script);
            if answers.iter().any(unknown) {
                let places: Vec<usize> = (0..answers.len()).filter(|place| unknown(&answers[*place])).collect();
                let again = connection.send(places.iter().map(|place| &calls[*place]), true).await;
                for (place, answer) in places.into_iter().zip(again) {
                    answers[place] = answer;
                }
            }
            answers.into_iter().collect::<RedisResult<Vec<Value>>>().map_err(|error| {
                if fault::ends_the_connection(&error) {
                    self.broken.notify_one();
                }
                fault::of(&error, what)
            })
        };
        timeout(patience, work).await.unwrap_or(Err(StoreError::Late(patience)))
    }

    async fn connection(&mut self) -> Result<Connection, StoreError> {
        loop {
            match &*self.state.borrow_and_update() {
                State::Up(connection) => return Ok(connection.clone()),
                State::Down(error) => return Err(error.clone()),
                State::Connecting => {}
            }
            if self.state.changed().await.is_err() {
                return Err(StoreError::Down("the gate is stopping".into()));
            }
        }
    }
}

impl Connection {
    async fn send<'c>(&self, calls: impl Iterator<Item = &'c Call>, whole: bool) -> Vec<RedisResult<Value>> {
        let commands: Vec<_> = calls.map(|call| call.to_command(whole)).collect();
        match self {
            Connection::One(connection) => {
                let mut connection = connection.clone();
                let count = commands.len();
                let mut pipeline = redis::Pipeline::with_capacity(count);
                for command in commands {
                    pipeline.add_command(command);
                }
                match connection.req_packed_commands(&pipeline, 0, count).await {
                    Ok(values) => values.into_iter().map(Value::extract_error).collect(),
                    Err(error) => (0..count).map(|_| Err(error.clone())).collect(),
                }
            }
            Connection::Cluster(connection) => {
                let each = commands.into_iter().map(|command| {
                    let mut connection = connection.clone();
                    async move { connection.req_packed_command(&command).await.and_then(Value::extract_error) }
                });
                join_all(each).await
            }
        }
    }

    /// One command that belongs to no key.
    pub async fn command(&self, command: &redis::Cmd) -> RedisResult<Value> {
        match self {
            Connection::One(connection) => connection.clone().req_packed_command(command).await,
            Connection::Cluster(connection) => connection.clone().req_packed_command(command).await,
        }
        .and_then(Value::extract_error)
    }
}

/// Keeps a connection up for as long as the runtime lives.
struct Keeper {
    settings: RedisSettings,
    keys: Keys,
    publish: watch::Sender<State>,
    broken: Arc<Notify>,
    clock: Arc<HandedIn>,
    served: Arc<Mutex<Option<ServerStats>>>,
}

impl Keeper {
    async fn keep(self) {
        let mut pause = FIRST_PAUSE;
        let mut told = Told::default();
        let mut last: Option<StoreError> = None;
        let store = self.settings.shown();
        loop {
            let connecting = async {
                let connection = connect(&self.settings).await?;
                let served = greeting::greet(&connection, &self.keys, &mut told, self.clock.now()).await?;
                Ok((connection, served))
            };
            let error = match timeout(CONNECT, connecting).await {
                Ok(Ok((connection, served))) => {
                    match last.take() {
                        Some(_) => tracing::info!(store, "the store is reachable again"),
                        None => tracing::info!(store, "connected to the store"),
                    }
                    *self.served.lock() = served;
                    pause = FIRST_PAUSE;
                    let error = self.until_broken(&connection, &mut told).await;
                    tracing::warn!(store, %error, "the connection to the store is lost");
                    *self.served.lock() = None;
                    last = Some(error.clone());
                    self.publish.send_replace(State::Down(error));
                    continue;
                }
                Ok(Err(error)) => error,
                Err(_) => StoreError::Down(format!("no connection within {} ms", CONNECT.as_millis()).into()),
            };
            // Once a reason: it may take long.
            if last.as_ref() != Some(&error) {
                tracing::error!(store, %error, "the store cannot be used");
                last = Some(error.clone());
            }
            self.publish.send_replace(State::Down(error));
            sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// Publishes a connection, and watches over it until it is of no more use.
    async fn until_broken(&self, connection: &Connection, told: &mut Told) -> StoreError {
        self.publish.send_replace(State::Up(connection.clone()));
        for round in 1u32.. {
            // Somebody met an error that may end the connection (or ended the one before); the next question tells.
            // Only a question that writes tells whether this server still is the one to write to.
            let doubted = timeout(EVERY, self.broken.notified()).await.is_ok();
            let writing = doubted || round.is_multiple_of(RENEWED);
            let question = async {
                greeting::still_ours(connection, &self.keys, writing).await?;
                if round.is_multiple_of(LOOKED) {
                    *self.served.lock() = greeting::look(connection, told, self.clock.now()).await?;
                }
                Ok(())
            };
            let error = match timeout(EVERY, question).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error,
                Err(_) => {
                    StoreError::Down(format!("a question was not answered within {} ms", EVERY.as_millis()).into())
                }
            };
            // A cluster's client looks for nodes itself, and one that is away does not make the others unreachable.
            if matches!(connection, Connection::One(_)) || error == StoreError::Foreign {
                return error;
            }
        }
        StoreError::Down("asked four billion times".into())
    }
}

pub async fn connect(settings: &RedisSettings) -> Result<Connection, StoreError> {
    let failed = |error: RedisError| fault::of(&error, "connection");
    let certificates = match &settings.ca_file {
        None => None,
        Some(path) => {
            let pem = std::fs::read(path)
                .map_err(|error| StoreError::Refused(format!("store.ca_file: {}: {error}", path.display()).into()))?;
            Some(TlsCertificates { client_tls: None, root_cert: Some(pem) })
        }
    };
    if settings.tls {
        // Whoever starts the gate has done so; a library that is not asked first panics.
        rustls::crypto::ring::default_provider().install_default().ok();
    }
    let servers = addresses(settings)?;
    if settings.cluster {
        let mut builder = ClusterClient::builder(servers)
            .connection_timeout(CONNECT)
            .response_timeout(CONNECT)
            .overall_response_timeout(None)
            .retries(REDIRECTIONS)
            .min_retry_wait(1)
            .max_retry_wait(5);
        if let Some(certificates) = certificates {
            builder = builder.certs(certificates);
        }
        let client = builder.build().map_err(failed)?;
        return client.get_async_connection().await.map(Connection::Cluster).map_err(failed);
    }
    let mut unreachable = StoreError::Down("no server is named".into());
    for server in servers {
        let client = match certificates.clone() {
            Some(certificates) => Client::build_with_tls(server, certificates),
            None => Client::open(server),
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE);
        match client.map_err(failed)?.get_multiplexed_async_connection_with_config(&config).await {
            Ok(connection) => return Ok(Connection::One(connection)),
            Err(error) => unreachable = failed(error),
        }
    }
    Err(unreachable)
}

/// Where to connect, and as whom. A password file is read each time: so a password can change without a restart.
fn addresses(settings: &RedisSettings) -> Result<Vec<ConnectionInfo>, StoreError> {
    let mut identity = RedisConnectionInfo::default().set_db(settings.database).set_skip_set_lib_name();
    if let Some(user) = &settings.user {
        identity = identity.set_username(user);
    }
    if let Some(password) = settings.password().map_err(|error| StoreError::Refused(error.into()))? {
        identity = identity.set_password(&*password);
    }
    let tcp = TcpSettings::default().set_nodelay(true);
    settings
        .servers
        .iter()
        .map(|server| {
            let address = match server {
                RedisServer::Tcp { host, port } if settings.tls => {
                    ConnectionAddr::TcpTls { host: host.to_string(), port: *port, insecure: false, tls_params: None }
                }
                RedisServer::Tcp { host, port } => ConnectionAddr::Tcp(host.to_string(), *port),
                RedisServer::Unix(path) => ConnectionAddr::Unix(path.clone()),
            };
            let info = address.into_connection_info().map_err(|error| fault::of(&error, "connection"))?;
            Ok(info.set_redis_settings(identity.clone()).set_tcp_settings(tcp.clone()))
        })
        .collect()
}
