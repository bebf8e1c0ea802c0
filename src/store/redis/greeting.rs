//! What is looked at when a connection is made, and told to the operator.
//!
//! A store that evicts keys forgets burnt tokens, and with that single use; one of another installation is counted into
//! with other pseudonyms and other secrets; an old server has no `GETDEL`; clocks that disagree by more than a minute
//! make every gate's attempts look like a clock set back. None of that would ever show in an error on the request path,
//! so it is looked for here. What a user of few rights may not ask is left unasked, and said.

use super::fault;
use super::keys::Keys;
use super::link::Connection;
use crate::engine::time::Timestamp;
use crate::store::{ServerStats, StoreError};
use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The first version with `GETDEL` and `GETEX`.
const LEAST_VERSION: (u32, u32) = (6, 2);
/// How long the mark of ownership stays after the last gate has gone: as long as anything else.
const OWNED: Duration = Duration::from_secs(90 * 24 * 3600);
/// Clocks further apart than this are worth a word; from a minute on they distort counts.
const SKEW: Duration = Duration::from_secs(5);

/// Of so many the quickest is the network's; the others are the machine's.
const ROUND_TRIPS: usize = 5;

/// What the operator was told already.
#[derive(Debug, Default)]
pub struct Told(BTreeSet<String>);

impl Told {
    fn error(&mut self, message: String) {
        if !self.0.contains(&message) {
            tracing::error!("store: {message}");
            self.0.insert(message);
        }
    }
}

/// Makes sure that the server is this installation's, and looks at it.
pub async fn greet(
    connection: &Connection,
    keys: &Keys,
    told: &mut Told,
    own_time: Option<Timestamp>,
) -> Result<Option<ServerStats>, StoreError> {
    own(connection, keys).await?;
    look(connection, told, own_time).await
}

/// Looks at the server: settings can be changed while it runs.
pub async fn look(
    connection: &Connection,
    told: &mut Told,
    own: Option<Timestamp>,
) -> Result<Option<ServerStats>, StoreError> {
    let found = Findings::of(connection, own).await?;
    for fault in found.faults() {
        told.error(fault);
    }
    let sum = |of: fn(&Found) -> u64| found.servers.iter().map(of).sum();
    let stats = ServerStats { bytes: sum(|found| found.used), most_bytes: sum(|found| found.maxmemory) };
    Ok((!found.servers.is_empty()).then_some(stats))
}

/// Whether the connection still leads to this installation's store, and, if `writing`, whether that takes writes.
pub async fn still_ours(connection: &Connection, keys: &Keys, writing: bool) -> Result<(), StoreError> {
    match owner(connection, keys, writing).await? {
        Some(owner) if owner == keys.fingerprint().as_bytes() => Ok(()),
        Some(_) => Err(StoreError::Foreign),
        // Somebody has flushed the store.
        None => own(connection, keys).await,
    }
}

async fn own(connection: &Connection, keys: &Keys) -> Result<(), StoreError> {
    let fingerprint = keys.fingerprint();
    if let Some(owner) = owner(connection, keys, true).await? {
        return if owner == fingerprint.as_bytes() { Ok(()) } else { Err(StoreError::Foreign) };
    }
    let mut mark = redis::cmd("SET");
    mark.arg(keys.owner()).arg(&fingerprint).arg("NX").arg("PX").arg(OWNED.as_millis() as u64);
    connection.command(&mark).await.map_err(|error| failed(&error))?;
    match owner(connection, keys, false).await? {
        Some(owner) if owner == fingerprint.as_bytes() => Ok(()),
        Some(_) => Err(StoreError::Foreign),
        None => Err(StoreError::Broken("what was written cannot be read".into())),
    }
}

/// Reads the mark; `writing` keeps it alive as well.
async fn owner(connection: &Connection, keys: &Keys, writing: bool) -> Result<Option<Vec<u8>>, StoreError> {
    let mut read = redis::cmd(if writing { "GETEX" } else { "GET" });
    read.arg(keys.owner());
    if writing {
        read.arg("PX").arg(OWNED.as_millis() as u64);
    }
    match connection.command(&read).await {
        Ok(Value::Nil) => Ok(None),
        Ok(Value::BulkString(owner)) => Ok(Some(owner)),
        Ok(other) => Err(StoreError::Broken(format!("{} holds {other:?}", keys.owner()).into())),
        Err(error) if is_unknown_command(&error) => {
            Err(StoreError::Broken("the server is older than 6.2 and has no GETEX and GETDEL; upgrade it".into()))
        }
        Err(error) => Err(failed(&error)),
    }
}

fn failed(error: &RedisError) -> StoreError {
    fault::of(error, "mark of its owner")
}

fn is_unknown_command(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.contains("unknown command"))
}

/// What a visitor finds who leaves no trace.
#[derive(Debug)]
pub struct Visit {
    /// A line for each server.
    pub seen: Vec<String>,
    /// What is to be mended.
    pub faults: Vec<String>,
}

/// Looks at the server as [`greet`] does, and takes the time of a round trip.
/// `prefix`: of the keys that the gate would use.
pub async fn visit(connection: &Connection, prefix: &str, own: Timestamp) -> Result<Visit, StoreError> {
    let findings = Findings::of(connection, Some(own)).await?;
    let mut quickest = Duration::MAX;
    for _ in 0..ROUND_TRIPS {
        let start = Instant::now();
        connection.command(&redis::cmd("PING")).await.map_err(|error| failed(&error))?;
        quickest = quickest.min(start.elapsed());
    }
    let mut faults = findings.faults();
    let replica = findings.servers.iter().any(|found| found.role == "slave");
    if replica {
        faults.push("this is a replica, which takes no writes: name the master, or an address that leads to it".into());
    }
    if !replica {
        faults.extend(missing_rights(connection, prefix).await?);
    }
    let seen = findings.servers.iter().map(|found| found.line(quickest)).collect();
    Ok(Visit { seen, faults })
}

/// What a gate sends, itself or from its scripts, each on a key that is gone a second later and that nobody else has.
const SENT: &[&[&str]] = &[
    &["SET", "KEY", "1", "PX", "1000"],
    &["GET", "KEY"],
    &["GETEX", "KEY", "PX", "1000"],
    &["GETDEL", "KEY"],
    &["EVAL", "return 1", "1", "KEY"],
    &["EVALSHA", "0000000000000000000000000000000000000000", "1", "KEY"],
    &["EXISTS", "KEY"],
    &["HSET", "KEY", "a", "1"],
    &["HEXISTS", "KEY", "a"],
    &["HSCAN", "KEY", "0"],
    &["HDEL", "KEY", "a"],
    &["DEL", "KEY"],
    &["ZADD", "KEY", "1", "a"],
    &["ZRANGE", "KEY", "0", "0"],
    &["ZRANGEBYSCORE", "KEY", "0", "0"],
    &["ZREMRANGEBYRANK", "KEY", "1", "1"],
    &["ZREM", "KEY", "a"],
];

/// The commands that this user may not send, or not about these keys.
async fn missing_rights(connection: &Connection, prefix: &str) -> Result<Option<String>, StoreError> {
    let key = format!("{prefix}:probe:{:032x}", uuid::Uuid::now_v7().as_u128());
    let mut missing = Vec::new();
    for words in SENT {
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(if *word == "KEY" { key.as_str() } else { word });
        });
        match connection.command(&command).await {
            Err(error) if is_refused(&error) => missing.push(words[0].to_lowercase()),
            // No such script, nothing there: it was allowed to ask.
            Ok(_) | Err(_) => {}
        }
    }
    let rights = missing.iter().map(|name| format!("+{name}")).collect::<Vec<_>>().join(" ");
    Ok((!missing.is_empty()).then(|| format!("this user lacks rights that a gate needs: {rights}")))
}

/// What a server, or each master of a cluster, says of itself.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub servers: Vec<Found>,
    /// What this user may not ask.
    pub refused: Vec<&'static str>,
    /// How far the server's clock is ahead of this machine's, in milliseconds.
    pub skew: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub version: String,
    pub role: String,
    /// Bytes.
    pub used: u64,
    /// Bytes; 0: no bound.
    pub maxmemory: u64,
    pub policy: String,
}

impl Findings {
    /// `own`: this machine's time, if it is known.
    pub async fn of(connection: &Connection, own: Option<Timestamp>) -> Result<Findings, StoreError> {
        let mut findings = Findings::default();
        match connection.command(&redis::cmd("INFO")).await {
            Ok(info) => findings.servers = texts(&info).iter().map(|text| Found::read(text)).collect(),
            Err(error) if is_refused(&error) => findings.refused.push("INFO"),
            Err(error) => return Err(failed(&error)),
        }
        if let Some(own) = own {
            match skew(connection, own).await {
                Ok(skew) => findings.skew = skew,
                Err(error) if is_refused(&error) => findings.refused.push("TIME"),
                Err(error) => return Err(failed(&error)),
            }
        }
        Ok(findings)
    }

    /// What is to be mended, in sentences.
    pub fn faults(&self) -> Vec<String> {
        let mut faults: BTreeSet<String> = self.servers.iter().flat_map(Found::faults).collect();
        if let Some(skew) = self.skew.filter(|skew| skew.unsigned_abs() > SKEW.as_millis() as u64) {
            // Rounded, so that one fault is told once.
            let (secs, direction) = (skew.abs() / 1000, if skew > 0 { "behind" } else { "ahead of" });
            faults.insert(format!(
                "this machine's clock is {secs} s {direction} the store's; beyond a minute counts are wrong: run an NTP \
                 client on every gate"
            ));
        }
        for command in &self.refused {
            faults.insert(format!(
                "this user may not ask {command}, so the server's settings were not looked at; grant +{} (see the \
                 README's \"A fleet\")",
                command.to_lowercase()
            ));
        }
        faults.into_iter().collect()
    }
}

impl Found {
    fn read(info: &str) -> Found {
        let value = |name: &str| {
            let mut lines = info.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(key, _)| *key == name).map_or(String::new(), |(_, value)| value.trim().to_owned())
        };
        Found {
            version: value("redis_version"),
            role: value("role"),
            used: value("used_memory").parse().unwrap_or(0),
            maxmemory: value("maxmemory").parse().unwrap_or(0),
            policy: value("maxmemory_policy"),
        }
    }

    fn line(&self, round_trip: Duration) -> String {
        let role = if self.role == "slave" { "replica" } else { &self.role };
        let memory = match self.maxmemory {
            0 => "no bound of memory".to_owned(),
            bytes => format!("{} MiB of memory", bytes >> 20),
        };
        let micros = round_trip.as_micros();
        format!("{role}, version {}, {memory}, {}, round trip {micros} µs", self.version, self.policy)
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.policy.is_empty() && self.policy != "noeviction" {
            faults.push(format!(
                "maxmemory-policy is {}: the server may evict burnt tokens, which could then be used again; set \
                 maxmemory-policy noeviction",
                self.policy
            ));
        }
        let mut numbers = self.version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if !self.version.is_empty() && version < LEAST_VERSION {
            faults.push(format!("the server is version {}: at least 6.2 is needed (GETDEL)", self.version));
        }
        faults
    }
}

/// Every text in an answer: a cluster answers with one for each node.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::BulkString(bytes) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            if text.contains("redis_version:") { vec![text] } else { Vec::new() }
        }
        Value::VerbatimString { text, .. } => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Map(pairs) => pairs.iter().flat_map(|(_, value)| texts(value)).collect(),
        _ => Vec::new(),
    }
}

async fn skew(connection: &Connection, own: Timestamp) -> RedisResult<Option<i64>> {
    let answer = connection.command(&redis::cmd("TIME")).await?;
    let Ok((secs, micros)) = redis::from_redis_value::<(i64, i64)>(answer) else { return Ok(None) };
    Ok(Some(secs * 1000 + micros / 1000 - own.0 as i64))
}

fn is_refused(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_would_forget_or_is_too_old_is_told_with_the_remedy() {
        let info = "# Server\r\nredis_version:7.0.15\r\nrole:master\r\nused_memory:1000000\r\nmaxmemory:4194304\r\n\
                    maxmemory_policy:noeviction\r\n";
        let found = Found::read(info);
        assert_eq!(
            found,
            Found {
                version: "7.0.15".into(),
                role: "master".into(),
                used: 1_000_000,
                maxmemory: 4 << 20,
                policy: "noeviction".into()
            }
        );
        assert!(found.faults().is_empty());
        let faults = |change: fn(&mut Found)| {
            let mut found = found.clone();
            change(&mut found);
            found.faults().join(" ")
        };
        assert!(faults(|found| found.policy = "allkeys-lru".into()).contains("set maxmemory-policy noeviction"));
        assert!(faults(|found| found.version = "6.0.16".into()).contains("at least 6.2"));
        assert!(faults(|found| found.version = "10.0.0".into()).is_empty());
    }

    #[test]
    fn clocks_that_disagree_are_told() {
        let faults = |skew| Findings { skew: Some(skew), ..Findings::default() }.faults();
        assert!(faults(4_999).is_empty() && faults(-4_999).is_empty());
        assert!(faults(7_000)[0].contains("7 s behind"));
        assert!(faults(-65_000)[0].contains("65 s ahead of"));
    }
}
