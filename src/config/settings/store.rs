//! Where history lives.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

#[derive(Clone, Debug)]
pub enum Store {
    Memory {
        /// Most entries of each kind.
        entries: usize,
        /// Most bytes of networks, devices and accounts together; `None`: in proportion to the entries.
        bytes: Option<usize>,
        /// Directory where the store is kept across restarts.
        snapshot: Option<PathBuf>,
    },
    Redis(Box<RedisSettings>),
}

/// A Redis or Valkey that a fleet shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisSettings {
    /// Never empty. Without `cluster` the first that can be connected to is used.
    pub servers: Vec<RedisServer>,
    /// Whether the servers are seeds of a cluster.
    pub cluster: bool,
    /// Whether they are spoken to over TLS.
    pub tls: bool,
    pub user: Option<Box<str>>,
    pub password: Option<Password>,
    /// Read at each connection; wins over `password`.
    pub password_file: Option<PathBuf>,
    /// Logical database; 0 in a cluster.
    pub database: i64,
    /// PEM: who may sign the servers' certificates. `None`: the system's certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// How long a request waits for an answer.
    pub deadline: Duration,
    /// In front of every key.
    pub prefix: Box<str>,
    /// Most entries of each kind in this process's memory, which counts while the store cannot.
    pub entries: usize,
    pub tokens: Tokens,
}

/// What becomes of single-use tokens while a shared store is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tokens {
    /// Spent at this gate alone, and merged: at worst once per gate.
    #[default]
    Local,
    /// Not spent at all.
    Strict,
}

impl Tokens {
    /// As the configuration has it.
    pub fn name(self) -> &'static str {
        match self {
            Tokens::Local => "local",
            Tokens::Strict => "strict",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisServer {
    /// Host name or address, without brackets.
    Tcp {
        host: Box<str>,
        port: u16,
    },
    Unix(PathBuf),
}

/// Longest password that is read from a file.
const LONGEST_PASSWORD: u64 = 4096;

impl RedisSettings {
    /// The password as it is now, or why it cannot be read.
    pub fn password(&self) -> Result<Option<Zeroizing<String>>, String> {
        let Some(path) = &self.password_file else {
            return Ok(self.password.as_ref().map(|password| Zeroizing::new(password.0.to_string())));
        };
        let failed = |error: std::io::Error| format!("store.password_file: {}: {error}", path.display());
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut text = Zeroizing::new(String::new());
        file.take(LONGEST_PASSWORD).read_to_string(&mut text).map_err(failed)?;
        let password = text.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(format!("store.password_file: {} is empty", path.display()));
        }
        Ok(Some(Zeroizing::new(password.to_owned())))
    }

    /// The servers, for people.
    pub fn shown(&self) -> String {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let shown = self.servers.iter().map(|server| match server {
            RedisServer::Tcp { host, port } if host.contains(':') => format!("{scheme}://[{host}]:{port}"),
            RedisServer::Tcp { host, port } => format!("{scheme}://{host}:{port}"),
            RedisServer::Unix(path) => format!("redis+unix://{}", path.display()),
        });
        shown.collect::<Vec<_>>().join(", ")
    }
}

/// Never shown; wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<Box<str>>);

impl Password {
    pub fn new(password: &str) -> Password {
        Password(Zeroizing::new(password.into()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> RedisSettings {
        RedisSettings {
            tokens: Tokens::Local,
            servers: vec![RedisServer::Tcp { host: "::1".into(), port: 6379 }],
            cluster: false,
            tls: true,
            user: Some("gate".into()),
            password: Some(Password::new("hunter2")),
            password_file: None,
            database: 0,
            ca_file: None,
            deadline: Duration::from_millis(5),
            prefix: "tollgate".into(),
            entries: 1_000,
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let settings = settings();
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert_eq!(settings.shown(), "rediss://[::1]:6379");
        assert_eq!(settings.password().unwrap().unwrap().as_str(), "hunter2");
    }

    #[test]
    fn a_password_file_is_read_each_time_and_its_last_line_break_is_none_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let settings = RedisSettings { password_file: Some(path.clone()), ..settings() };
        assert!(settings.password().unwrap_err().contains("No such file"));
        for (text, password) in [("one\n", "one"), ("two\r\n", "two"), (" three", " three")] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(settings.password().unwrap().unwrap().as_str(), password);
        }
        std::fs::write(&path, "\n").unwrap();
        assert!(settings.password().unwrap_err().contains("is empty"));
    }
}
