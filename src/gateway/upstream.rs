//! The applications behind the gate: which one a host belongs to, and which of its servers answers next.
//!
//! Balancing and health checks are Pingora's. What is added is small: names are looked up again while the gate runs (a
//! container that moved keeps its name), an upstream whose servers all look ill is tried all the same (one failed check
//! must not take a whole site down), and the peer with its timeouts is built once per server, not per request. A server
//! without a sister is checked as well: it is asked whatever the check says, but the operator wants to know.
//!
//! A name that cannot be looked up keeps the addresses that it last had, each server's its own: a resolver that is down
//! takes nobody's site down. A look-up that hangs is a failed one after a few seconds. What is found is told when it
//! changes, once: a name that is lost and found, a server that goes down and comes back.
//!
//! A configuration that is loaded anew shares with the one before what did not change: an upstream with the same servers
//! is the very same [`Pool`], with its addresses and its health, and a server that stays among others keeps its health.
//! (Connections to servers are pooled by address in Pingora, and survive in any case.)

use crate::admin::pages::UpstreamHealth;
use crate::config::settings;
use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::lb::discovery::ServiceDiscovery;
use pingora::lb::health_check::TcpHealthCheck;
use pingora::lb::selection::RoundRobin;
use pingora::lb::{Backend, Backends, HealthRegistry, LoadBalancer};
use pingora::prelude::{Error, ErrorType, HttpPeer};
use pingora::protocols::ALPN;
use pingora::protocols::l4::socket::SocketAddr;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// How often names are resolved again.
const LOOK_UP_EVERY: Duration = Duration::from_secs(30);

/// How long a look-up may take. Nobody waits for it but the task that keeps names fresh, and a start.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(5);

/// Every upstream of one configuration.
pub struct Upstreams {
    all: Vec<Upstream>,
    default: usize,
}

/// One application.
pub struct Upstream {
    settings: settings::Upstream,
    /// What its accounts are kept under; `None` for the default.
    realm: Option<Box<str>>,
    pool: Arc<Pool>,
}

/// The servers of one application: their addresses, and how they are.
pub struct Pool {
    settings: settings::Upstream,
    balancer: LoadBalancer<RoundRobin>,
    health: Arc<HealthRegistry>,
    names: Arc<Mutex<Looked>>,
    /// Servers that did not accept connections when last checked.
    down: Mutex<BTreeSet<SocketAddr>>,
}

/// What the last look-ups found, by each server's place.
#[derive(Default)]
struct Looked {
    /// The addresses last found; they outlive the resolver.
    known: HashMap<usize, Vec<std::net::SocketAddr>>,
    /// Servers whose names could not be looked up the last time.
    unresolved: BTreeSet<usize>,
}

impl Upstreams {
    pub fn new(upstreams: &[settings::Upstream]) -> Upstreams {
        Upstreams::after(None, upstreams)
    }

    /// Shares with `earlier` the servers that are still there.
    pub fn after(earlier: Option<&Upstreams>, upstreams: &[settings::Upstream]) -> Upstreams {
        let default = upstreams.iter().position(|upstream| upstream.is_default).unwrap_or(0);
        let earlier = earlier.map_or(&[][..], |upstreams| &upstreams.all);
        let all = upstreams.iter().map(|settings| Upstream {
            settings: settings.clone(),
            realm: realm(settings, upstreams),
            pool: Pool::after(earlier, settings),
        });
        Upstreams { all: all.collect(), default }
    }

    pub fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.all.iter().map(|upstream| &upstream.pool)
    }

    /// The application that a canonical host belongs to.
    pub fn for_host(&self, host: &str) -> &Upstream {
        // The usual gate has one application, and then the host need not be looked at.
        let of_host = self.all.iter().find(|one| !one.settings.is_default && one.settings.hosts.accepts(Some(host)));
        of_host.unwrap_or_else(|| &self.all[self.default])
    }

    /// The application that a canonical host belongs to, as far as accounts go: `None` for the default, so that its accounts
    /// are the ones they were while it was the only one.
    pub fn realm(&self, host: &str) -> Option<&str> {
        if self.is_single() { None } else { self.for_host(host).realm.as_deref() }
    }

    /// Every realm there is.
    pub fn realms(&self) -> impl Iterator<Item = &str> {
        self.all.iter().filter_map(|upstream| upstream.realm.as_deref())
    }

    /// Whether only the default exists, so that nobody need canonicalise a host to choose.
    pub fn is_single(&self) -> bool {
        self.all.len() == 1
    }

    pub fn only(&self) -> &Upstream {
        &self.all[self.default]
    }

    /// Looks names up and checks health, once. The gate does so before it says it is ready, then in [`Pool::tend`].
    pub async fn refresh(&self) {
        futures::future::join_all(self.pools().map(|pool| pool.refresh())).await;
    }

    /// How the servers were last found.
    pub fn health(&self) -> Vec<UpstreamHealth> {
        self.all.iter().map(Upstream::health).collect()
    }
}

/// The first host, so that adding another makes nobody a stranger; all of them where another entry begins with the same.
fn realm(settings: &settings::Upstream, all: &[settings::Upstream]) -> Option<Box<str>> {
    if settings.is_default {
        return None;
    }
    let same = |other: &&settings::Upstream| !other.is_default && other.hosts.first() == settings.hosts.first();
    match settings.hosts.first() {
        Some(first) if all.iter().filter(same).count() == 1 => Some(first.into()),
        _ => Some(settings.hosts.to_string().into()),
    }
}

impl Upstream {
    /// The `Host` to send, if it is fixed.
    pub fn fixed_host(&self) -> Option<&str> {
        self.settings.host.as_deref()
    }

    /// How often another server may be tried after one refused the connection.
    pub fn tries(&self) -> usize {
        self.settings.servers.len().clamp(2, 4)
    }

    /// The server to ask next, ready to connect to.
    pub fn peer(&self) -> pingora::Result<Box<HttpPeer>> {
        let balancer = &self.pool.balancer;
        let all = balancer.backends().get_backend();
        if all.len() == 1
            && let Some(peer) = all.first().and_then(|only| only.ext.get::<Arc<HttpPeer>>())
        {
            // The one there is, is asked whatever its health.
            return Ok(Box::new(HttpPeer::clone(peer)));
        }
        let healthy = balancer.select(b"", 16);
        let backend = healthy.or_else(|| balancer.select_with(b"", 16, |_, _| true));
        let peer = backend.as_ref().and_then(|backend| backend.ext.get::<Arc<HttpPeer>>());
        match peer {
            Some(peer) => Ok(Box::new(HttpPeer::clone(peer))),
            None => {
                Err(Error::explain(ErrorType::ConnectNoRoute, "no server of this upstream has an address").into_up())
            }
        }
    }

    /// How the servers were last found.
    fn health(&self) -> UpstreamHealth {
        let first_host = self.settings.hosts.plain().and_then(|globs| globs.first());
        let name = match first_host {
            Some(host) if !self.settings.is_default => host.as_str().into(),
            _ => "default".into(),
        };
        let backends = self.pool.balancer.backends();
        let mut health = UpstreamHealth { name, up: 0, down: Vec::new(), unresolved: Vec::new() };
        let looked = self.pool.names.lock();
        for &place in &looked.unresolved {
            let server = named(&self.settings.servers[place]);
            if !looked.known.contains_key(&place) {
                health.down.push(server.clone());
            }
            health.unresolved.push(server);
        }
        drop(looked);
        for backend in backends.get_backend().iter() {
            match backends.ready(backend) {
                true => health.up += 1,
                false => health.down.push(backend.addr.to_string().into()),
            }
        }
        health
    }
}

impl Pool {
    fn after(earlier: &[Upstream], settings: &settings::Upstream) -> Arc<Pool> {
        let pools = || earlier.iter().map(|upstream| &upstream.pool);
        if let Some(same) = pools().find(|pool| pool.is_of(settings)) {
            return same.clone();
        }
        let kept = pools().find(|pool| pool.shares_health(settings)).map(|pool| pool.health.clone());
        let health = kept.unwrap_or_else(|| {
            let registry = HealthRegistry::new();
            let mut check = TcpHealthCheck::new();
            check.peer_template.options.connection_timeout = Some(settings.health.timeout);
            check.consecutive_failure = 2;
            registry.set_health_check(check);
            Arc::new(registry)
        });
        let looked = Arc::<Mutex<Looked>>::default();
        let names = Names { settings: settings.clone(), looked: looked.clone() };
        let backends = Backends::new_with_health_registry(Box::new(names), health.clone());
        let balancer = LoadBalancer::from_backends(backends);
        Arc::new(Pool { settings: settings.clone(), balancer, health, names: looked, down: Mutex::default() })
    }

    /// Whether these are the servers, asked and checked in the same way. Which hosts they serve is another matter.
    fn is_of(&self, settings: &settings::Upstream) -> bool {
        let own = &self.settings;
        own.servers == settings.servers
            && own.timeouts == settings.timeouts
            && own.health == settings.health
            && own.verify == settings.verify
    }

    /// Whether what is known of these servers is worth something to those.
    fn shares_health(&self, settings: &settings::Upstream) -> bool {
        let own = &self.settings;
        own.health.timeout == settings.health.timeout
            && own.servers.iter().any(|server| settings.servers.contains(server))
    }

    /// Whether a server could be connected to, as far as looking it up goes.
    pub fn has_address(&self) -> bool {
        !self.balancer.backends().get_backend().is_empty()
    }

    /// `app:9000, app:9001`, for messages.
    pub fn servers(&self) -> String {
        self.settings.servers.iter().map(named).collect::<Vec<_>>().join(", ")
    }

    async fn look_up(&self) {
        // Fails only where no server has an address, which is told name by name.
        let _ = self.balancer.update().await;
    }

    async fn check(&self) {
        self.health.run_health_check(true).await;
        let backends = self.balancer.backends();
        let all = backends.get_backend();
        let now: BTreeSet<SocketAddr> =
            all.iter().filter(|backend| !backends.ready(backend)).map(|backend| backend.addr.clone()).collect();
        let before = std::mem::replace(&mut *self.down.lock(), now.clone());
        for server in now.difference(&before) {
            tracing::warn!(%server, "a server of the application does not accept connections");
        }
        let there = |server: &&SocketAddr| all.iter().any(|backend| backend.addr == **server);
        for server in before.difference(&now).filter(there) {
            tracing::info!(%server, "a server of the application accepts connections again");
        }
    }

    /// Looks names up and, where it decides who is asked, checks health, once.
    pub async fn refresh(&self) {
        self.look_up().await;
        if self.settings.servers.len() > 1 {
            self.check().await;
        }
    }

    /// Keeps names and health fresh for as long as it is polled.
    pub async fn tend(&self) {
        let mut since_look_up = Duration::ZERO;
        self.check().await;
        loop {
            tokio::time::sleep(self.settings.health.interval).await;
            since_look_up += self.settings.health.interval;
            if since_look_up >= LOOK_UP_EVERY {
                since_look_up = Duration::ZERO;
                self.look_up().await;
            }
            self.check().await;
        }
    }
}

/// `app:9000`, as the configuration has it.
fn named(server: &settings::Server) -> Box<str> {
    format!("{}:{}", server.host, server.port).into()
}

/// Servers by name: each look-up resolves them anew, and keeps what it last knew of those it cannot.
struct Names {
    settings: settings::Upstream,
    looked: Arc<Mutex<Looked>>,
}

#[async_trait]
impl ServiceDiscovery for Names {
    async fn discover(&self) -> pingora::Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let found = futures::future::join_all(self.settings.servers.iter().map(look_up)).await;
        let mut looked = self.looked.lock();
        let mut backends = BTreeSet::new();
        let mut failure = None;
        for (place, (server, found)) in self.settings.servers.iter().zip(found).enumerate() {
            match found {
                Ok(addresses) => {
                    if looked.unresolved.remove(&place) {
                        tracing::info!(server = %named(server), "the name of a server can be looked up again");
                    }
                    looked.known.insert(place, addresses);
                }
                Err(error) => {
                    if looked.unresolved.insert(place) {
                        tell_unresolved(&named(server), &error, looked.known.contains_key(&place));
                    }
                    failure = Some((server, error));
                }
            }
            let known = looked.known.get(&place).into_iter().flatten();
            backends.extend(known.map(|address| self.backend(server, *address)));
        }
        match failure {
            Some((server, error)) if backends.is_empty() => {
                Err(Error::explain(ErrorType::ConnectNoRoute, format!("{}: {error}", named(server))))
            }
            _ => Ok((backends, HashMap::new())),
        }
    }
}

fn tell_unresolved(server: &str, error: &std::io::Error, known: bool) {
    match known {
        true => {
            tracing::warn!(server, %error, "the name of a server cannot be looked up; its last known addresses stay")
        }
        false => tracing::error!(server, %error, "the name of a server cannot be looked up: it is not asked"),
    }
}

async fn look_up(server: &settings::Server) -> std::io::Result<Vec<std::net::SocketAddr>> {
    let looking = tokio::net::lookup_host((&*server.host, server.port));
    match tokio::time::timeout(LOOK_UP_WITHIN, looking).await {
        Ok(found) => Ok(found?.collect()),
        Err(_) => Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "the resolver does not answer")),
    }
}

/// One server's peers, one an address, as the gate connects to them.
pub async fn peers(upstream: &settings::Upstream, server: &settings::Server) -> std::io::Result<Vec<HttpPeer>> {
    let addresses = tokio::net::lookup_host((&*server.host, server.port)).await?;
    Ok(addresses.map(|address| peer(upstream, server, address)).collect())
}

fn peer(upstream: &settings::Upstream, server: &settings::Server, address: std::net::SocketAddr) -> HttpPeer {
    let timeouts = &upstream.timeouts;
    let sni = if server.tls { server.host.to_string() } else { String::new() };
    let mut peer = HttpPeer::new(address, server.tls, sni);
    let options = &mut peer.options;
    options.connection_timeout = Some(timeouts.connect);
    options.total_connection_timeout = Some(timeouts.connect * 2);
    options.read_timeout = Some(timeouts.read);
    options.write_timeout = Some(timeouts.write);
    options.idle_timeout = Some(timeouts.idle);
    options.verify_cert = upstream.verify;
    options.verify_hostname = upstream.verify;
    // HTTP/1.1 towards the application: what every one of them speaks, and where a request's framing can be held
    // byte for byte.
    options.alpn = ALPN::H1;
    peer
}

impl Names {
    fn backend(&self, server: &settings::Server, address: std::net::SocketAddr) -> Backend {
        let peer = peer(&self.settings, server, address);
        let mut ext = pingora::lb::Extensions::new();
        ext.insert(Arc::new(peer));
        Backend { addr: SocketAddr::Inet(address), weight: 1, ext }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::pattern::Globs;

    #[test]
    fn each_application_keeps_accounts_of_its_own_and_the_default_those_it_had_alone() {
        let alone = Upstreams::new(&[upstream(&[], 1)]);
        assert_eq!((alone.realm("app.example"), alone.realms().count()), (None, 0));
        let several = |app: &[&str]| {
            let hosts: [&[&str]; 4] = [app, &["*.org", "!a.org"], &[], &["*.org"]];
            Upstreams::new(&hosts.map(|hosts| upstream(hosts, 1)))
        };
        let upstreams = several(&["app.example"]);
        assert_eq!(upstreams.realm("app.example"), Some("app.example"));
        assert_eq!(upstreams.realm("shop.example"), None);
        assert_ne!(upstreams.realm("a.org"), upstreams.realm("b.org"), "two that begin with the same host");
        assert_eq!(upstreams.realms().count(), 3);
        let more = several(&["app.example", "www.app.example"]);
        assert_eq!(more.realm("www.app.example"), Some("app.example"), "another host makes nobody a stranger");
    }

    fn upstream(hosts: &[&str], port: u16) -> settings::Upstream {
        let second = Duration::from_secs(1);
        settings::Upstream {
            hosts: Globs::new(hosts),
            is_default: hosts.is_empty(),
            servers: vec![settings::Server { host: "127.0.0.1".into(), port, tls: false }],
            host: None,
            timeouts: settings::Timeouts { connect: second, read: second, write: second, idle: second },
            health: settings::Health { interval: second, timeout: second },
            verify: true,
        }
    }

    #[tokio::test]
    async fn a_host_finds_its_application_and_others_the_default() {
        let upstreams = Upstreams::new(&[upstream(&[], 1), upstream(&["api.*"], 2)]);
        upstreams.refresh().await;
        let port = |host: &str| upstreams.for_host(host).peer().unwrap()._address.as_inet().unwrap().port();
        assert_eq!(port("api.shop.example"), 2);
        assert_eq!(port("shop.example"), 1);
        assert_eq!(port(""), 1);
    }

    #[tokio::test]
    async fn servers_that_stay_keep_their_health_and_an_unchanged_upstream_is_the_same() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let well = listener.local_addr().unwrap().port();
        let server = |port| settings::Server { host: "127.0.0.1".into(), port, tls: false };
        let mut two = upstream(&[], 1);
        two.servers.push(server(well));
        let first = Upstreams::new(&[two.clone()]);
        first.refresh().await;
        first.refresh().await;
        two.hosts = Globs::new(["shop.example"]);
        let second = Upstreams::after(Some(&first), &[two.clone()]);
        assert!(Arc::ptr_eq(&first.all[0].pool, &second.all[0].pool), "its hosts are not its servers");
        // Port 2 is new and not yet known to be ill; port 1 is known to be.
        two.servers.push(server(2));
        let third = Upstreams::after(Some(&second), &[two]);
        third.all[0].pool.balancer.update().await.unwrap();
        let asked = || third.only().peer().unwrap()._address.as_inet().unwrap().port();
        let asked: std::collections::BTreeSet<u16> = (0..20).map(|_| asked()).collect();
        assert_eq!(asked, [2, well].into());
    }

    #[tokio::test]
    async fn an_upstream_that_looks_ill_is_tried_all_the_same() {
        let mut two = upstream(&[], 1);
        two.servers.push(settings::Server { host: "127.0.0.1".into(), port: 2, tls: false });
        let upstreams = Upstreams::new(&[two]);
        // Nothing listens on ports 1 and 2: both are found ill.
        upstreams.refresh().await;
        upstreams.refresh().await;
        assert!(upstreams.only().peer().is_ok());
        let [health] = &upstreams.health()[..] else { panic!("one upstream") };
        assert_eq!((&*health.name, health.up), ("default", 0));
        assert_eq!(health.down, [Box::from("127.0.0.1:1"), "127.0.0.1:2".into()]);
    }

    #[tokio::test]
    async fn servers_are_told_by_whether_they_answer() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut shop = upstream(&[], listener.local_addr().unwrap().port());
        shop.servers.push(settings::Server { host: "127.0.0.1".into(), port: 1, tls: false });
        shop.servers.push(settings::Server { host: "nowhere.invalid".into(), port: 80, tls: false });
        let api = upstream(&["api.*", "www.api.*"], 2);
        let upstreams = Upstreams::new(&[shop, api]);
        upstreams.refresh().await;
        upstreams.refresh().await;
        let down = vec![Box::from("nowhere.invalid:80"), "127.0.0.1:1".into()];
        // A single server is not checked before the gate is up.
        let unchecked = UpstreamHealth { name: "api.*".into(), up: 1, down: Vec::new(), unresolved: Vec::new() };
        let unresolved = vec![Box::from("nowhere.invalid:80")];
        assert_eq!(upstreams.health(), [UpstreamHealth { name: "default".into(), up: 1, down, unresolved }, unchecked]);
    }

    #[tokio::test]
    async fn a_name_that_is_lost_keeps_its_addresses() {
        let shop = settings::Upstream {
            servers: vec![
                settings::Server { host: "localhost".into(), port: 9, tls: false },
                settings::Server { host: "gone.invalid".into(), port: 9, tls: false },
            ],
            ..upstream(&[], 9)
        };
        let looked = Arc::<Mutex<Looked>>::default();
        // As if it had been looked up before the resolver died.
        looked.lock().known.insert(1, vec!["192.0.2.9:9".parse().unwrap()]);
        let names = Names { settings: shop, looked: looked.clone() };
        let (backends, _) = names.discover().await.unwrap();
        assert!(backends.iter().any(|backend| backend.addr.to_string() == "192.0.2.9:9"), "{backends:?}");
        assert!(backends.len() >= 2, "the other is looked up: {backends:?}");
        assert_eq!(looked.lock().unresolved, [1].into());
    }
}
