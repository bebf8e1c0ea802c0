//! Where history lives: in this process, or in a Redis that a fleet shares.

use super::Resolver;
use crate::config::file::{File, Store as StoreKeys, StoreKind, TokensName};
use crate::config::settings::{Password, RedisServer, RedisSettings, Store, Tokens};
use crate::config::slot::{Many, Slot};
use crate::config::tree::NodeId;
use percent_encoding::percent_decode_str;
use std::path::PathBuf;
use std::time::Duration;

/// Most entries of each kind in memory.
const ENTRIES: u64 = 1_000_000;
/// A server in the same network answers within a fraction of a millisecond; what takes five is worth going on without.
const DEADLINE: Duration = Duration::from_millis(5);
const PREFIX: &str = "tollgate";
const LONGEST_PREFIX: usize = 32;
const PORT: u16 = 6379;
const EXAMPLE: &str = "write `url: redis://host:6379`, or `rediss://…` for TLS";

/// What a URL says.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    server: RedisServer,
    tls: bool,
    user: Option<String>,
    password: Option<String>,
    database: Option<i64>,
}

impl Resolver<'_, '_> {
    pub(super) fn store(&self, file: &File) -> Store {
        let absent = StoreKeys::default();
        let (node, keys) = file.store.good().map_or((None, &absent), |(node, keys)| (Some(node), keys));
        let entries = self.number(&keys.entries, ENTRIES, 1_000..=100_000_000) as usize;
        match (keys.kind.get(), node) {
            (Some(StoreKind::Redis), Some(node)) => {
                if let Some(at) = keys.snapshot.node() {
                    self.error(at, "a shared store is kept by its server", "leave `snapshot` out");
                }
                if let Some(at) = keys.memory.node() {
                    self.error(
                        at,
                        "`memory` bounds a store in memory",
                        "leave it out; `entries` bounds what this process keeps",
                    );
                }
                Store::Redis(Box::new(self.redis(node, keys, entries)))
            }
            _ => {
                self.only_shared(keys);
                let bytes = keys.memory.good().map(|_| self.size(&keys.memory, 1 << 30, 1 << 20..=1 << 40) as usize);
                Store::Memory { entries, bytes, snapshot: keys.snapshot.get().map(|path| self.path(path)) }
            }
        }
    }

    /// Keys that mean nothing beside a store in memory.
    fn only_shared(&self, keys: &StoreKeys) {
        let present = [
            ("url", keys.url.node()),
            ("cluster", keys.cluster.node()),
            ("deadline", keys.deadline.node()),
            ("prefix", keys.prefix.node()),
            ("user", keys.user.node()),
            ("tokens", keys.tokens.node()),
            ("password_file", keys.password_file.node()),
            ("ca_file", keys.ca_file.node()),
        ];
        // A kind that could not be read may have been the right one.
        if matches!(keys.kind, Slot::Bad(_)) {
            return;
        }
        for (name, at) in present {
            if let Some(at) = at {
                self.error(at, format!("`{name}` has no meaning for a store in memory"), "add `kind: redis`");
            }
        }
    }

    fn redis(&self, node: NodeId, keys: &StoreKeys, entries: usize) -> RedisSettings {
        let cluster = keys.cluster.get().copied().unwrap_or(false);
        let password_file = self.readable(&keys.password_file);
        let mut settings = RedisSettings {
            servers: Vec::new(),
            cluster,
            tls: false,
            user: None,
            password: None,
            password_file,
            database: 0,
            ca_file: None,
            deadline: self.duration(&keys.deadline, DEADLINE, Duration::from_millis(1)..=Duration::from_secs(1)),
            prefix: self.prefix(&keys.prefix),
            entries,
            tokens: match keys.tokens.get() {
                Some(TokensName::Strict) => Tokens::Strict,
                Some(TokensName::Local) | None => Tokens::Local,
            },
        };
        if let Some((at, urls)) = self.required(&keys.url, node, "url", EXAMPLE) {
            self.servers(at, urls, &mut settings);
        }
        if settings.password.is_some()
            && let Some(at) = keys.password_file.node()
        {
            self.error(at, "the password is given twice: in the URL and in a file", "take it out of the URL");
        }
        if let Some((at, user)) = keys.user.good() {
            if settings.user.is_some() {
                self.error(at, "the user is given twice: in the URL and here", "take it out of the URL");
            }
            settings.user = Some(user.as_str().into());
        }
        settings.ca_file = match keys.ca_file.node() {
            None => None,
            Some(at) if !settings.servers.is_empty() && !settings.tls => {
                self.error(at, "`ca_file` has no meaning without TLS", "write the URL as `rediss://…`");
                None
            }
            Some(at) => self.pem(&keys.ca_file, at, "ca_file", "CERTIFICATE"),
        };
        settings
    }

    fn servers(&self, node: NodeId, urls: &Many<String>, settings: &mut RedisSettings) {
        if urls.0.is_empty() {
            self.error(node, "this list names no server", EXAMPLE);
        }
        if urls.0.len() > 1 && !settings.cluster {
            let help = "add `cluster: true` if they are one cluster; two gates on two servers would not be one fleet";
            self.error(node, "several servers are one store only as a cluster", help);
        }
        let mut first: Option<Address> = None;
        for (at, text) in urls.good() {
            let address = match address(text) {
                Ok(address) => address,
                Err(help) => {
                    self.error(at, "this is not the URL of a Redis", &*help);
                    continue;
                }
            };
            if settings.cluster && matches!(address.server, RedisServer::Unix(_)) {
                self.error(at, "a cluster's nodes are not behind one socket file", "write `redis://host:port`");
            }
            if settings.cluster && address.database.is_some_and(|database| database != 0) {
                self.error(at, "a cluster has one database only", "leave out what follows the port");
            }
            if settings.servers.contains(&address.server) {
                self.error(at, "this server is given twice", "keep one of the two");
                continue;
            }
            settings.servers.push(address.server.clone());
            match &first {
                None => first = Some(address),
                Some(first) => {
                    let told = |one: &Option<String>, other: &Option<String>| other.is_some() && one != other;
                    if first.tls != address.tls {
                        self.error(at, "some of these URLs mean TLS and some do not", "a cluster has one of the two");
                    } else if told(&first.user, &address.user) || told(&first.password, &address.password) {
                        let help = "write user and password into the first URL, and leave them out of the others";
                        self.error(at, "user and password are the same for all nodes of a cluster", help);
                    }
                }
            }
        }
        if let Some(first) = first {
            settings.tls = first.tls;
            settings.user = first.user.map(Into::into);
            settings.password = first.password.map(|password| Password::new(&password));
            settings.database = first.database.unwrap_or(0);
        }
    }

    fn prefix(&self, slot: &Slot<String>) -> Box<str> {
        let Some((node, prefix)) = slot.good() else { return PREFIX.into() };
        let sound = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
        if prefix.is_empty() || prefix.len() > LONGEST_PREFIX || !prefix.chars().all(sound) {
            let help = "write 1 to 32 letters, digits, `_`, `-`, `.` or `:`; a brace would send all keys to one node";
            self.error(node, "this cannot stand in front of every key", help);
        }
        prefix.as_str().into()
    }
}

/// `redis://[user[:password]@]host[:port][/database]`, `rediss://` for TLS, `redis+unix:///path`. An error is what to
/// write; it never repeats the text, which may hold a password.
fn address(text: &str) -> Result<Address, String> {
    let (scheme, rest) = text.split_once("://").ok_or(EXAMPLE)?;
    let tls = match scheme {
        "redis" | "valkey" => false,
        "rediss" | "valkeys" => true,
        "redis+unix" | "unix" => {
            if !rest.starts_with('/') || rest.len() < 2 {
                return Err("write `redis+unix:///run/redis/redis.sock`".to_owned());
            }
            let server = RedisServer::Unix(PathBuf::from(rest));
            return Ok(Address { server, tls: false, user: None, password: None, database: None });
        }
        "http" | "https" | "tcp" => return Err(format!("`{scheme}://` is not spoken here; {EXAMPLE}")),
        _ => return Err(EXAMPLE.to_owned()),
    };
    let (credentials, place) = match rest.rsplit_once('@') {
        Some((credentials, place)) => (Some(credentials), place),
        None => (None, rest),
    };
    if credentials.is_some_and(|credentials| credentials.contains(['/', '?', '#', '@'])) {
        let help =
            "in a URL a password's `/`, `?`, `#`, `@` are written `%2F`, `%3F`, `%23`, `%40`; or use `password_file`";
        return Err(help.to_owned());
    }
    let (user, password) = match credentials.map(|credentials| credentials.split_once(':')) {
        None => (None, None),
        Some(None) => (Some(decoded(credentials.unwrap_or_default())?), None),
        Some(Some((user, password))) => (Some(decoded(user)?), Some(decoded(password)?)),
    };
    let (place, database) = match place.split_once('/') {
        None | Some((_, "")) => (place.trim_end_matches('/'), None),
        Some((place, database)) => {
            let number = database.parse::<u16>().map_err(|_| {
                "after the host stands the number of a database or nothing, as in `redis://host:6379/0`".to_owned()
            })?;
            (place, Some(i64::from(number)))
        }
    };
    let (host, port) = match place.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) = bracketed.split_once(']').ok_or(EXAMPLE)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| EXAMPLE)?;
            (host.to_owned(), after.strip_prefix(':'))
        }
        None => {
            let (host, port) = place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port)));
            let host = super::names::canonical_host(host).map_err(|_| EXAMPLE)?;
            if host.is_empty() || host.contains(['*', '?']) {
                return Err(EXAMPLE.to_owned());
            }
            (host, port)
        }
    };
    let port = match port {
        None => PORT,
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or("a port is a number from 1 to 65535")?,
    };
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let server = RedisServer::Tcp { host: host.into(), port };
    Ok(Address { server, tls, user: some(user), password: some(password), database })
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(|text| text.into_owned()).map_err(|_| "user and password must be UTF-8 after `%` decoding".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        let server = RedisServer::Tcp { host: host.into(), port };
        Address { server, tls: false, user: None, password: None, database: None }
    }

    #[test]
    fn urls_are_read_as_other_clients_read_them() {
        let some = |text: &str| Some(text.to_owned());
        for (text, expected) in [
            ("redis://Host", Ok(tcp("host", 6379))),
            ("valkey://host:1/", Ok(tcp("host", 1))),
            ("redis://host:7000/3", Ok(Address { database: Some(3), ..tcp("host", 7000) })),
            ("rediss://[::1]:6380", Ok(Address { tls: true, ..tcp("::1", 6380) })),
            ("redis://gate@host", Ok(Address { user: some("gate"), ..tcp("host", 6379) })),
            ("redis://:p%40ss@host", Ok(Address { password: some("p@ss"), ..tcp("host", 6379) })),
            ("redis://u:p:q@host", Ok(Address { user: some("u"), password: some("p:q"), ..tcp("host", 6379) })),
            ("redis+unix:///run/r.sock", Ok(Address { server: RedisServer::Unix("/run/r.sock".into()), ..tcp("", 1) })),
            ("redis://u:p/q@host", Err("%2F")),
            ("redis://u:p@q@host", Err("%40")),
            ("host:6379", Err("redis://")),
            ("https://host", Err("`https://` is not spoken here")),
            ("redis://host:0", Err("a port is a number")),
            ("redis://host/zero", Err("number of a database")),
            ("redis://", Err("redis://")),
            ("redis://[::1", Err("redis://")),
            ("redis+unix://run/r.sock", Err("redis+unix:///")),
        ] {
            match (address(text), expected) {
                (Ok(address), Ok(expected)) => assert_eq!(address, expected, "{text}"),
                (Err(help), Err(part)) => {
                    assert!(help.contains(part), "{text}: {help}");
                    assert!(!help.contains("p/q") && !help.contains("p@q"), "no password in a report");
                }
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
    }
}
