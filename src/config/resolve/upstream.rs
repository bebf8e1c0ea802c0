//! The applications behind the gate: which hosts they serve, their servers, and how long the gate waits for them.

use super::Resolver;
use crate::config::file::Upstream as UpstreamKeys;
use crate::config::settings::{Health, Server, Timeouts, Upstream};
use crate::config::slot::{Many, Slot};
use crate::config::tree::NodeId;
use crate::engine::pattern::Globs;
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(2);
const READ: Duration = Duration::from_secs(60);
const WRITE: Duration = Duration::from_secs(60);
/// Below the keep-alive of the shortest-lived application servers (gunicorn: two seconds).
const IDLE: Duration = Duration::from_secs(1);
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

impl Resolver<'_, '_> {
    pub(super) fn upstreams(&self, slot: &Slot<Many<UpstreamKeys>>, root: NodeId) -> Vec<Upstream> {
        let help = "write `upstream: { servers: [\"127.0.0.1:9000\"] }`";
        let Some((node, entries)) = self.required(slot, root, "upstream", help) else { return Vec::new() };
        let mut default = None;
        let mut upstreams = Vec::new();
        for entry in &entries.0 {
            let Some((at, keys)) = entry.good() else { continue };
            let is_default = keys.hosts.is_absent();
            if is_default && default.replace(at).is_some() {
                self.error(
                    at,
                    "a second entry without `hosts`: only one can be the default",
                    "give it `hosts: [api.shop.example]`",
                );
            }
            upstreams.push(self.upstream(at, keys, is_default));
        }
        let all_read = entries.0.iter().all(|entry| entry.get().is_some());
        if default.is_none() && all_read {
            self.error(
                node,
                "no entry is the default for hosts that no other entry names",
                "leave `hosts` out of one entry",
            );
        }
        upstreams
    }

    fn upstream(&self, node: NodeId, keys: &UpstreamKeys, is_default: bool) -> Upstream {
        let mut servers: Vec<Server> = Vec::new();
        if let Some((at, list)) = self.required(&keys.servers, node, "servers", "write `servers: [\"127.0.0.1:9000\"]`")
        {
            if list.0.is_empty() {
                self.error(at, "an upstream needs at least one server", "write `servers: [\"127.0.0.1:9000\"]`");
            }
            for (at, text) in list.good() {
                match server(text) {
                    Ok(server) if servers.contains(&server) => {
                        self.error(at, format!("`{text}` is given twice"), "keep one of the two")
                    }
                    Ok(server) => servers.push(server),
                    Err(help) => self.error(at, format!("`{text}` is not a server"), &*help),
                }
            }
        }
        Upstream {
            hosts: keys.hosts.good().map_or_else(Globs::default, |(node, many)| self.hosts(node, many)),
            is_default,
            servers,
            host: keys.host.good().and_then(|(at, text)| self.fixed_host(at, text)),
            timeouts: self.timeouts(&keys.timeouts),
            health: self.health(&keys.health),
            verify: keys.verify.get().copied().unwrap_or(true),
        }
    }

    pub(super) fn hosts(&self, node: NodeId, many: &Many<String>) -> Globs {
        if many.0.is_empty() {
            self.error(node, "this list of hosts is empty", "name at least one host, or leave `hosts` out");
        }
        let hosts = Globs::new(many.good().filter_map(|(node, text)| self.canonical_host(node, text)));
        if !many.0.is_empty() && hosts.is_never() {
            self.error(node, "no host is left: a `!` entry excludes all that the others name", None);
        }
        hosts
    }

    fn fixed_host(&self, node: NodeId, text: &str) -> Option<Box<str>> {
        if text == "preserve" {
            return None;
        }
        // A port may be part of what the application wants to see.
        if http::uri::Authority::try_from(text).is_err() || text.contains(['@', '*']) {
            self.error(node, format!("`{text}` is not a host"), "write `preserve`, or a host as in `shop.example`");
        }
        Some(text.to_ascii_lowercase().into())
    }

    fn timeouts(&self, slot: &Slot<crate::config::file::Timeouts>) -> Timeouts {
        let absent = crate::config::file::Timeouts::default();
        let keys = slot.get().unwrap_or(&absent);
        Timeouts {
            connect: self.duration(&keys.connect, CONNECT, MOMENT..=Duration::from_secs(60)),
            read: self.duration(&keys.read, READ, MOMENT..=HOUR),
            write: self.duration(&keys.write, WRITE, MOMENT..=HOUR),
            idle: self.duration(&keys.idle, IDLE, MOMENT..=HOUR),
        }
    }

    fn health(&self, slot: &Slot<crate::config::file::Health>) -> Health {
        let absent = crate::config::file::Health::default();
        let keys = slot.get().unwrap_or(&absent);
        let interval = self.duration(&keys.interval, HEALTH_INTERVAL, Duration::from_millis(100)..=HOUR);
        let timeout = self.duration(&keys.timeout, HEALTH_TIMEOUT, MOMENT..=Duration::from_secs(60));
        if timeout > interval
            && let Some(node) = keys.timeout.node().or(keys.interval.node())
        {
            self.error(
                node,
                "a health check may take longer than the time to the next",
                "make `timeout` at most `interval`",
            );
        }
        Health { interval, timeout }
    }
}

/// `host:port`, `http://host[:port]`, `https://host[:port]`; IPv6 in brackets. An error is what to write.
fn server(text: &str) -> Result<Server, String> {
    let example = "write `127.0.0.1:9000`, `[::1]:9000` or `https://app.internal:8443`".to_owned();
    let (tls, rest, default_port) = match text.split_once("://") {
        None => (false, text, None),
        Some(("http", rest)) => (false, rest, Some(80)),
        Some(("https", rest)) => (true, rest, Some(443)),
        Some((scheme, _)) => return Err(format!("`{scheme}://` is not spoken here; {example}")),
    };
    let rest = if default_port.is_some() { rest.strip_suffix('/').unwrap_or(rest) } else { rest };
    if rest.contains('/') {
        return Err("a server has no path: leave away what follows the port".to_owned());
    }
    if rest.contains('@') {
        return Err("a server has no user name: leave away what stands before the `@`".to_owned());
    }
    let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
        let (address, after) = bracketed.split_once(']').ok_or_else(|| example.clone())?;
        address
            .parse::<std::net::Ipv6Addr>()
            .map_err(|_| format!("`[{address}]` is not an IPv6 address; {example}"))?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port),
            None if after.is_empty() => None,
            None => return Err(example),
        };
        (address.to_owned(), port)
    } else {
        if rest.parse::<std::net::Ipv6Addr>().is_ok() {
            return Err(format!("an IPv6 address stands in brackets: write `[{rest}]:9000`"));
        }
        let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
        let canonical = super::names::canonical_host(host).map_err(|_| example.clone())?;
        if canonical.contains(['*', '?']) {
            return Err("a server is one machine: `*` and `?` have no meaning here".to_owned());
        }
        (canonical, port)
    };
    let port = match (port, default_port) {
        (Some(port), _) => {
            port.parse().ok().filter(|&port: &u16| port > 0).ok_or("a port is a number from 1 to 65535")?
        }
        (None, Some(port)) => port,
        (None, None) => return Err(format!("the port is missing: write `{text}:9000`")),
    };
    Ok(Server { host: host.into(), port, tls })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_in_every_spelling_of_the_contract() {
        let server_of = |host: &str, port, tls| Some(Server { host: host.into(), port, tls });
        for (text, expected) in [
            ("127.0.0.1:9000", server_of("127.0.0.1", 9000, false)),
            ("App.Internal.:80", server_of("app.internal", 80, false)),
            ("http://app", server_of("app", 80, false)),
            ("https://app.internal", server_of("app.internal", 443, true)),
            ("https://[::1]:8443/", server_of("::1", 8443, true)),
            ("[::1]:9000", server_of("::1", 9000, false)),
            ("::1", None),
            ("[::1]", None),
            ("[::1]9000", None),
            ("127.0.0.1", None),
            ("127.0.0.1:0", None),
            ("127.0.0.1:99999", None),
            ("http://app/path", None),
            ("ftp://app:21", None),
            ("user@app:80", None),
            ("*.app:80", None),
            ("", None),
        ] {
            assert_eq!(server(text).ok(), expected, "{text}");
        }
    }
}
