//! The connection, and who keeps it up.
//!
//! Requests come from threads that may end before the process does (each of Pingora's services has its own), so the
//! connection lives on a thread of its own: there one task connects, looks at what it is connected to, publishes the
//! connection, asks every second whether it is still there, and begins anew when it is not. Whoever asks takes what is
//! published: a connection, or the reason why there is none. Nobody waits for a connection on the request path, but for the
//! very first one, and that within their deadline.
//!
//! One connection carries everything, pipelined: the server does one thing at a time anyway, and a few thousand attempts a
//! second are far from filling it.

use super::fault;
use super::greeting::{self, Told};
use super::keys::Keys;
use super::scripts::Call;
use crate::config::settings::{RedisServer, RedisSettings};
use crate::store::StoreError;
use futures::future::join_all;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use redis::{RedisError, RedisResult, TlsCertificates, Value};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
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
/// Between two attempts to connect: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Requests that may wait to be written.
const QUEUE: usize = 1024;
/// A cluster's client follows a slot that has moved, and asks again where a node is gone; not for longer than any deadline.
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

pub struct Link {
    state: watch::Receiver<State>,
    /// Tells the keeper that a connection is of no use.
    broken: Arc<Notify>,
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
        runtime.spawn(keep(settings, keys, publish, broken.clone()));
        Ok(Link { state, broken, runtime: Some(runtime) })
    }

    /// Goes on with `work` whatever becomes of the caller.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<JoinHandle<T>> {
        self.runtime.as_ref().map(|runtime| runtime.spawn(work))
    }

    pub fn asker(&self) -> Asker {
        Asker { state: self.state.clone(), broken: self.broken.clone() }
    }

    pub fn reachable(&self) -> Result<(), StoreError> {
        match &*self.state.borrow() {
            State::Up(_) => Ok(()),
            State::Connecting => Err(StoreError::Down("not connected yet".into())),
            State::Down(error) => Err(error.clone()),
        }
    }
}

/// Asks over the link. Lives on its own, so that work can outlive its caller.
#[derive(Clone)]
pub struct Asker {
    state: watch::Receiver<State>,
    broken: Arc<Notify>,
}

impl Asker {
    /// Sends all calls at once and returns their answers in turn. On one server they are one pipeline; in a cluster each
    /// goes to its node, all at the same time: one round trip of time in either case. If any of them failed, the first
    /// failure is the answer; the others may have been carried out. `what` was to be stored.
    pub async fn ask(
        &mut self,
        calls: &[Call],
        patience: Duration,
        what: &'static str,
    ) -> Result<Vec<Value>, StoreError> {
        let work = async {
            let connection = self.connection().await?;
            let mut answers = connection.send(calls.iter(), false).await;
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
async fn keep(settings: RedisSettings, keys: Keys, publish: watch::Sender<State>, broken: Arc<Notify>) {
    let mut pause = FIRST_PAUSE;
    let mut told = Told::default();
    let mut last: Option<StoreError> = None;
    loop {
        let connecting = async {
            let connection = connect(&settings).await?;
            greeting::greet(&connection, &keys, &mut told).await?;
            Ok(connection)
        };
        let error = match timeout(CONNECT, connecting).await {
            Ok(Ok(connection)) => {
                if last.take().is_some() {
                    tracing::info!(store = %settings.shown(), "the store is reachable again");
                } else {
                    tracing::info!(store = %settings.shown(), "connected to the store");
                }
                pause = FIRST_PAUSE;
                let error = until_broken(&connection, &keys, &publish, &broken).await;
                tracing::warn!(store = %settings.shown(), %error, "the connection to the store is lost");
                last = Some(error.clone());
                publish.send_replace(State::Down(error));
                continue;
            }
            Ok(Err(error)) => error,
            Err(_) => StoreError::Down(format!("no connection within {} ms", CONNECT.as_millis()).into()),
        };
        // Once a reason: it may take long.
        if last.as_ref() != Some(&error) {
            tracing::error!(store = %settings.shown(), %error, "the store cannot be used");
            last = Some(error.clone());
        }
        publish.send_replace(State::Down(error));
        sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// Publishes a connection, and watches over it until it is of no more use.
async fn until_broken(
    connection: &Connection,
    keys: &Keys,
    publish: &watch::Sender<State>,
    broken: &Notify,
) -> StoreError {
    publish.send_replace(State::Up(connection.clone()));
    let mut quiet = 0;
    loop {
        // Somebody met an error that may end the connection (or ended the one before); the next question tells. Only a
        // question that writes tells whether this server still is the one to write to.
        let doubted = timeout(EVERY, broken.notified()).await.is_ok();
        quiet += 1;
        let writing = doubted || quiet >= RENEWED;
        if writing {
            quiet = 0;
        }
        let error = match timeout(EVERY, greeting::still_ours(connection, keys, writing)).await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error,
            Err(_) => StoreError::Down(format!("a question was not answered within {} ms", EVERY.as_millis()).into()),
        };
        // A cluster's client looks for nodes itself, and one that is away does not make the others unreachable.
        if matches!(connection, Connection::One(_)) || error == StoreError::Foreign {
            return error;
        }
    }
}

async fn connect(settings: &RedisSettings) -> Result<Connection, StoreError> {
    let failed = |error: RedisError| fault::of(&error, "connection");
    let certificates = match &settings.ca_file {
        None => None,
        Some(path) => {
            let pem = std::fs::read(path)
                .map_err(|error| StoreError::Refused(format!("store.ca_file: {}: {error}", path.display()).into()))?;
            Some(TlsCertificates { client_tls: None, root_cert: Some(pem) })
        }
    };
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
