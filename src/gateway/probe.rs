//! A configuration tried against the world before it serves: `tollgate check --probe`.
//!
//! Servers are looked up and connected to exactly as the gate will (its own peers, its verification of certificates),
//! but for a single time limit, so that what passes here passes there. Everything is tried at once: a check that waits
//! two seconds for each dead server is a check that nobody runs.

use super::leaks::{Ranges, Settled};
use super::mail::MailServers;
use super::upstream::peers;
use crate::config::settings::{RangeService, Server, Settings, Store, Upstream};
use crate::engine::time::Timestamp;
use crate::intel::passwords::Digest;
use crate::store::redis;
use pingora::connectors::TransportConnector;
use std::path::Path;
use std::time::Duration;

/// For each thing that is tried.
const PATIENCE: Duration = Duration::from_secs(2);

/// One thing that cannot be had, and the key it belongs to.
#[derive(Debug)]
pub struct Fault {
    pub key: String,
    pub message: String,
}

/// What was tried.
#[derive(Debug, Default)]
pub struct Probed {
    pub faults: Vec<Fault>,
    /// What answered and is worth a line.
    pub found: Vec<String>,
}

/// Tries servers and files. Blocks for [`PATIENCE`] at most, and a little.
pub fn probe(settings: &Settings, now: Timestamp) -> Result<Probed, std::io::Error> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let probed = runtime.block_on(async {
        let (mut faults, (mut found, of_store), of_range, of_names) = futures::future::join4(
            faults(settings),
            store(&settings.store, now),
            range(settings),
            mail_servers(settings),
        )
        .await;
        faults.extend(of_store);
        for asked in [of_range, of_names].into_iter().flatten() {
            match asked {
                Ok(answers) => found.push(answers),
                Err(fault) => faults.push(fault),
            }
        }
        Probed { faults, found }
    });
    // A look-up that hangs in the system's resolver is not waited for.
    runtime.shutdown_background();
    Ok(probed)
}

/// The shared store: what it is, and what is wrong with it.
async fn store(settings: &Store, now: Timestamp) -> (Vec<String>, Vec<Fault>) {
    let Store::Redis(redis) = settings else { return (Vec::new(), Vec::new()) };
    let fault = |message: String| Fault { key: "store.url".to_owned(), message };
    let server = redis.shown();
    match tokio::time::timeout(PATIENCE, redis::visit(redis, now)).await {
        Ok(Ok(visit)) => {
            let found = visit.seen.into_iter().map(|seen| format!("store {server}: {seen}")).collect();
            (found, visit.faults.into_iter().map(fault).collect())
        }
        Ok(Err(error)) => (Vec::new(), vec![fault(format!("{server}: {error}"))]),
        Err(_) => (Vec::new(), vec![fault(format!("{server} does not answer within two seconds"))]),
    }
}

/// The service for leaked passwords: it is asked for the empty password.
async fn range(settings: &Settings) -> Option<Result<String, Fault>> {
    let service = settings.intel.range.as_ref()?;
    let host = service.bare_host();
    let fault = |why: &dyn std::fmt::Display| Fault {
        key: "intel.passwords.range.url".to_owned(),
        message: format!("{host} is of no use: {why}"),
    };
    let ranges = match Ranges::open(RangeService { deadline: PATIENCE, ..service.clone() }) {
        Ok(ranges) => ranges,
        Err(error) => return Some(Err(fault(&error))),
    };
    Some(match ranges.ask(&Digest::of(b"")).settle().await {
        Settled::Known(_) => Ok(format!("leaked passwords: {host} answers")),
        Settled::Failed(why) => Err(fault(&why)),
        Settled::Late(_) => Err(fault(&"it does not answer within two seconds")),
    })
}

/// Whoever is asked for mail servers: about the root of all names, which whoever resolves any can resolve.
async fn mail_servers(settings: &Settings) -> Option<Result<String, Fault>> {
    let dns = settings.mail_dns.as_ref()?;
    let fault = |message: String| Fault { key: "email.dns".to_owned(), message };
    let whom = match &dns.servers[..] {
        [] => "the system's resolvers".to_owned(),
        servers => servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let servers = match MailServers::new(dns) {
        Ok(servers) => servers,
        Err(error) => return Some(Err(fault(error))),
    };
    Some(match tokio::time::timeout(PATIENCE, servers.answers()).await {
        Ok(Ok(())) => Ok(format!("mail servers: {whom} can be asked")),
        Ok(Err(why)) => Err(fault(format!("{whom}: {why}"))),
        Err(_) => Err(fault(format!("{whom}: no answer within two seconds"))),
    })
}

async fn faults(settings: &Settings) -> Vec<Fault> {
    let connector = TransportConnector::new(None);
    let mut servers = Vec::new();
    for (upstream_place, upstream) in settings.upstreams.iter().enumerate() {
        for (place, server) in upstream.servers.iter().enumerate() {
            let key = format!("upstream[{upstream_place}].servers[{place}]");
            servers.push(reach(&connector, key, upstream, server));
        }
    }
    let log = settings.decision_log.as_ref().map(|log| log.path.clone());
    let written = tokio::task::spawn_blocking(move || log.and_then(|path| writable(&path).err()));
    let (servers, written) =
        futures::future::join(futures::future::join_all(servers), tokio::time::timeout(PATIENCE, written)).await;
    let mut faults: Vec<Fault> = servers.into_iter().flatten().collect();
    let of_log = |message: String| Fault { key: "decision_log.path".to_owned(), message };
    match written {
        Ok(Ok(None)) => {}
        Ok(Ok(Some(message))) => faults.push(of_log(message)),
        Ok(Err(_)) | Err(_) => faults.push(of_log("the directory does not answer within two seconds".to_owned())),
    }
    faults
}

async fn reach(connector: &TransportConnector, key: String, upstream: &Upstream, server: &Server) -> Option<Fault> {
    let name = format!("{}:{}", server.host, server.port);
    let attempt = async {
        let peers = peers(upstream, server).await.map_err(|error| format!("{name} is not to be found: {error}"))?;
        let mut last = format!("{name} has no address");
        for peer in peers {
            match connector.new_stream(&peer).await {
                Ok(_) => return Ok(()),
                Err(error) => last = format!("{name} cannot be connected to: {}", error.root_cause()),
            }
        }
        Err(last)
    };
    let message = match tokio::time::timeout(PATIENCE, attempt).await {
        Ok(Ok(())) => return None,
        Ok(Err(message)) => message,
        Err(_) => format!("{name} does not answer within two seconds"),
    };
    Some(Fault { key, message })
}

/// Whether records can be appended. A file that is not there yet is not made: whoever checks need not be the gate's
/// user, and would leave a file that the gate may not write.
fn writable(path: &Path) -> Result<(), String> {
    if path.exists() {
        let opened = std::fs::OpenOptions::new().append(true).open(path);
        return opened.map(drop).map_err(|error| format!("{} cannot be written: {error}", path.display()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        // Told by every check.
        return Ok(());
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".probe-{}", std::process::id()));
    let trial = folder.join(name);
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&trial);
    made.map_err(|error| format!("nothing can be written in {}: {error}", folder.display()))?;
    std::fs::remove_file(&trial).map_err(|error| format!("{} cannot be removed: {error}", trial.display()))
}
