//! What is built when the program starts and cannot be exchanged while it runs. It is named, so that nobody believes in a
//! change that has not happened; everything else of the new configuration is in force all the same.

use crate::config::settings::{Log, Settings, Store};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The part of the settings that the program started with and keeps.
#[derive(Clone, Debug)]
pub struct AtStart {
    /// Address, and whether it speaks TLS.
    listen: Vec<(SocketAddr, bool)>,
    admin: Option<SocketAddr>,
    /// Whether it speaks TLS, and asks for certificates.
    admin_tls: (bool, bool),
    pub(super) secret_file: PathBuf,
    decision_log: Option<PathBuf>,
    store: Store,
    threads: Option<usize>,
    connections: usize,
    held_total: usize,
    head: Duration,
    grace: Duration,
    client_idle: Duration,
    log: Log,
}

impl AtStart {
    pub fn of(settings: &Settings) -> AtStart {
        let limits = &settings.limits;
        AtStart {
            listen: settings.listen.iter().map(|listener| (listener.address, listener.tls.is_some())).collect(),
            admin: settings.admin.address,
            admin_tls: admin_tls(settings),
            secret_file: settings.secret_file.clone(),
            decision_log: settings.decision_log.as_ref().map(|log| log.path.clone()),
            store: settings.store.clone(),
            threads: limits.threads,
            connections: limits.connections,
            held_total: limits.held_total,
            head: limits.head,
            grace: limits.grace,
            client_idle: limits.client_idle,
            log: settings.log,
        }
    }

    /// What of these settings waits for a restart: the keys, with what goes on until then.
    pub fn needed(&self, settings: &Settings) -> Vec<String> {
        let new = AtStart::of(settings);
        let mut needed = self.listeners(&new);
        let mut differs = |differs: bool, key: &str, until: String| {
            if differs {
                needed.push(format!("{key}: {until}"));
            }
        };
        let shown = |address: Option<SocketAddr>| address.map_or("no listener".to_owned(), |at| at.to_string());
        differs(self.admin != new.admin, "admin.address", format!("still {}", shown(self.admin)));
        if self.admin.is_some() && self.admin == new.admin {
            let said = |what: bool, yes: &str, no: &str| if what { yes.to_owned() } else { no.to_owned() };
            let ((tls, asks), (new_tls, new_asks)) = (self.admin_tls, new.admin_tls);
            differs(tls != new_tls, "admin.tls", said(tls, "still speaks TLS", "speaks no TLS yet"));
            let asked = said(asks, "still asks for certificates", "asks for no certificates yet");
            differs(tls == new_tls && asks != new_asks, "admin.tls.client_ca", asked);
        }
        let path = &self.secret_file;
        differs(*path != new.secret_file, "secret_file", format!("still {}", path.display()));
        let path = self.decision_log.as_ref().map_or("none".to_owned(), |path| path.display().to_string());
        differs(self.decision_log != new.decision_log, "decision_log.path", format!("still {path}"));
        store(&self.store, &new.store, &mut differs);
        let threads = self.threads.map_or("one a core".to_owned(), |threads| threads.to_string());
        differs(self.threads != new.threads, "limits.threads", format!("still {threads}"));
        differs(self.connections != new.connections, "limits.connections", format!("still {}", self.connections));
        differs(self.held_total != new.held_total, "limits.held_total", format!("still {} bytes", self.held_total));
        differs(self.head != new.head, "limits.head", format!("still {:?}", self.head));
        differs(self.grace != new.grace, "limits.grace", format!("still {:?}", self.grace));
        let idle = format!("in force for HTTP/1.1; HTTP/2 connections still {:?}", self.client_idle);
        differs(self.client_idle != new.client_idle, "limits.client_idle", idle);
        differs(self.log != new.log, "log", format!("still {:?}", self.log).to_lowercase());
        needed
    }

    fn listeners(&self, new: &AtStart) -> Vec<String> {
        let mut needed = Vec::new();
        for (address, tls) in &new.listen {
            match self.listen.iter().find(|(other, _)| other == address) {
                Some((_, before)) if before == tls => {}
                Some((_, true)) => needed.push(format!("listen: {address} still speaks TLS")),
                Some((_, false)) => needed.push(format!("listen: {address} speaks no TLS yet")),
                None => needed.push(format!("listen: {address} is not listened on yet")),
            }
        }
        let gone = self.listen.iter().filter(|(address, _)| !new.listen.iter().any(|(other, _)| other == address));
        needed.extend(gone.map(|(address, _)| format!("listen: {address} is still listened on")));
        needed
    }
}

fn admin_tls(settings: &Settings) -> (bool, bool) {
    let tls = settings.admin.tls.as_ref();
    (tls.is_some(), tls.is_some_and(|tls| tls.client_ca.is_some()))
}

/// A store is opened once: what it holds cannot be moved to another while requests run.
fn store(old: &Store, new: &Store, differs: &mut dyn FnMut(bool, &str, String)) {
    match (old, new) {
        (
            Store::Memory { entries, bytes, snapshot },
            Store::Memory { entries: other_entries, bytes: other_bytes, snapshot: other },
        ) => {
            differs(entries != other_entries, "store.entries", format!("still {entries}"));
            let still = bytes.map_or("in proportion to `entries`".to_owned(), |bytes| format!("{bytes} bytes"));
            differs(bytes != other_bytes, "store.memory", format!("still {still}"));
            let path = snapshot.as_ref().map_or("none".to_owned(), |path| path.display().to_string());
            differs(snapshot != other, "store.snapshot", format!("still {path}"));
        }
        (Store::Redis(old), Store::Redis(new)) => {
            let servers = old.servers != new.servers || old.tls != new.tls || old.database != new.database;
            differs(servers, "store.url", format!("still {}", old.shown()));
            let identity = old.user != new.user || old.password != new.password;
            differs(identity, "store.url", "still the earlier user and password".to_owned());
            differs(old.cluster != new.cluster, "store.cluster", format!("still {}", old.cluster));
            differs(old.deadline != new.deadline, "store.deadline", format!("still {:?}", old.deadline));
            differs(old.prefix != new.prefix, "store.prefix", format!("still {}", old.prefix));
            let shown =
                |path: &Option<PathBuf>| path.as_ref().map_or("none".to_owned(), |path| path.display().to_string());
            let still = |path| format!("still {}", shown(path));
            differs(old.password_file != new.password_file, "store.password_file", still(&old.password_file));
            differs(old.ca_file != new.ca_file, "store.ca_file", still(&old.ca_file));
            differs(old.entries != new.entries, "store.entries", format!("still {}", old.entries));
            differs(old.tokens != new.tokens, "store.tokens", format!("still {}", old.tokens.name()));
        }
        (Store::Memory { .. }, Store::Redis(_)) => differs(true, "store.kind", "still memory".to_owned()),
        (Store::Redis(_), Store::Memory { .. }) => differs(true, "store.kind", "still redis".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn settings(text: &str) -> Settings {
        let text = format!("version: 1\nmode: monitor\nupstream: {{ servers: [\"127.0.0.1:9\"] }}\nroutes: []\n{text}");
        match crate::config::parse("test.yaml", &text, Path::new("")) {
            Ok((settings, _)) => settings,
            Err(report) => panic!("{report}"),
        }
    }

    #[test]
    fn what_waits_for_a_restart_is_named_and_nothing_else() {
        let listen = "listen: [{ address: 127.0.0.1:1 }]\n";
        let start = AtStart::of(&settings(listen));
        for (changed, expected) in [
            ("listen: [{ address: 127.0.0.1:1 }]\n", &[][..]),
            ("listen: [{ address: 127.0.0.1:1 }]\nproduct: other\nlimits: { body: 2MiB, capture: 1s }\n", &[]),
            (
                "listen: [{ address: 127.0.0.1:2 }]\n",
                &["listen: 127.0.0.1:2 is not listened on yet", "listen: 127.0.0.1:1 is still listened on"],
            ),
            (
                "listen: [{ address: 127.0.0.1:1 }]\nadmin: { address: 127.0.0.1:3 }\nstore: { entries: 5000 }\nlog: json\n",
                &["admin.address: still no listener", "store.entries: still 1000000", "log: still text"],
            ),
            (
                "listen: [{ address: 127.0.0.1:1 }]\nsecret_file: /x\ndecision_log: { path: /y }\n",
                &["secret_file: still /var/lib/tollgate/secret", "decision_log.path: still none"],
            ),
            (
                "listen: [{ address: 127.0.0.1:1 }]\nstore: { kind: redis, url: \"redis://localhost\" }\n",
                &["store.kind: still memory"],
            ),
            (
                "listen: [{ address: 127.0.0.1:1 }]\nlimits: { threads: 3, connections: 11, held_total: 1GiB, head: 1s, \
                 grace: 1s, client_idle: 1s }\n",
                &[
                    "limits.threads: still one a core",
                    "limits.connections: still 20000",
                    "limits.held_total: still 268435456 bytes",
                    "limits.head: still 10s",
                    "limits.grace: still 30s",
                    "limits.client_idle: in force for HTTP/1.1; HTTP/2 connections still 60s",
                ],
            ),
        ] {
            assert_eq!(start.needed(&settings(changed)), expected, "{changed}");
        }
    }

    #[test]
    fn a_shared_store_stays_the_one_that_was_opened() {
        let store =
            |more: &str| settings(&format!("listen: [{{ address: 127.0.0.1:1 }}]\nstore: {{ kind: redis, {more} }}\n"));
        let start = AtStart::of(&store("url: \"redis://gate:one@localhost\""));
        for (changed, expected) in [
            ("url: \"redis://gate:one@localhost\"", &[][..]),
            ("url: \"redis://gate:two@localhost\"", &["store.url: still the earlier user and password"]),
            ("url: \"rediss://gate:one@other\"", &["store.url: still redis://localhost:6379"]),
            (
                "url: \"redis://gate:one@localhost\", deadline: 9ms, prefix: other, entries: 5000",
                &["store.deadline: still 5ms", "store.prefix: still tollgate", "store.entries: still 1000000"],
            ),
            ("url: \"redis://gate:one@localhost\", cluster: true", &["store.cluster: still false"]),
        ] {
            assert_eq!(start.needed(&store(changed)), expected, "{changed}");
        }
    }
}
