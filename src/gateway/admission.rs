//! How many connections there may be: all together, and of one address.
//!
//! A bound for all alone would let one address take every place and say nothing. So none holds more than a quarter of
//! them: four it would take at least, and an operator sees who they are. IPv6 clients count by /64, which is what one
//! customer has. Exempt are the operator's own proxies, behind which everybody is, and the machine itself.

use crate::admin::metrics::Metrics;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The part of all connections that one address may hold: one in so many.
const SHARE: usize = 4;

/// Counts connections that come and go.
pub struct Admission {
    open: Arc<AtomicUsize>,
    limit: usize,
    /// Never longer than `limit`: who holds no connection is not in it.
    by_network: Mutex<HashMap<IpAddr, usize>>,
    /// Whether a peer is one of the operator's proxies.
    exempt: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    metrics: Arc<Metrics>,
}

impl Admission {
    /// Admits `limit` connections at once; `open` counts them.
    pub fn new(
        open: Arc<AtomicUsize>,
        limit: usize,
        exempt: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
        metrics: Arc<Metrics>,
    ) -> Arc<Admission> {
        Arc::new(Admission { open, limit, by_network: Mutex::default(), exempt, metrics })
    }

    /// A place for a connection of this peer, if there is one.
    pub fn take(self: &Arc<Admission>, peer: Option<IpAddr>) -> Option<Place> {
        let peer = peer.map(|peer| peer.to_canonical());
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.open.fetch_sub(1, Ordering::Relaxed);
            self.metrics.refused_connection();
            return None;
        }
        let network = peer.map(network);
        if let (Some(peer), Some(network)) = (peer, network) {
            let mut by_network = self.by_network.lock();
            let held = by_network.entry(network).or_default();
            if *held >= (self.limit / SHARE).max(1) && !peer.is_loopback() && !(self.exempt)(peer) {
                drop(by_network);
                self.open.fetch_sub(1, Ordering::Relaxed);
                self.metrics.refused_crowd();
                return None;
            }
            *held += 1;
        }
        self.metrics.connected();
        Some(Place { admission: self.clone(), network })
    }
}

/// What one customer has: an IPv4 address, or an IPv6 /64.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

/// One admitted connection; leaves when dropped.
pub struct Place {
    admission: Arc<Admission>,
    network: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(network) = self.network {
            let mut by_network = self.admission.by_network.lock();
            if let Some(held) = by_network.get_mut(&network) {
                *held -= 1;
                if *held == 0 {
                    by_network.remove(&network);
                }
            }
        }
        self.admission.open.fetch_sub(1, Ordering::Relaxed);
        self.admission.metrics.disconnected();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(limit: usize) -> Arc<Admission> {
        let proxy: IpAddr = "192.0.2.1".parse().unwrap();
        let exempt = Box::new(move |peer| peer == proxy);
        Admission::new(Arc::default(), limit, exempt, Arc::new(Metrics::new().unwrap()))
    }

    /// How many of ten connections are let in, all held at once.
    fn held(admission: &Arc<Admission>, peers: &[&str]) -> Vec<Place> {
        let peers = peers.iter().cycle().take(10);
        peers.filter_map(|peer| admission.take(Some(peer.parse().unwrap()))).collect()
    }

    #[test]
    fn one_address_holds_a_quarter_and_the_others_still_come_in() {
        let admission = admission(20);
        let first = held(&admission, &["203.0.113.1", "::ffff:203.0.113.1"]);
        assert_eq!(first.len(), 5);
        let second = held(&admission, &["2001:db8::1", "2001:db8::ffff:0:0:2"]);
        assert_eq!(second.len(), 5, "a /64 is one");
        assert_eq!(admission.open.load(Ordering::Relaxed), 10, "the refused hold nothing");
        drop(first);
        assert_eq!(held(&admission, &["203.0.113.1"]).len(), 5, "a place that is left is free again");
        drop(second);
        assert!(admission.by_network.lock().is_empty(), "who left is forgotten");
        assert_eq!(admission.open.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_operators_proxies_and_the_machine_itself_take_what_there_is() {
        for exempt in ["192.0.2.1", "127.0.0.1", "::1"] {
            assert_eq!(held(&admission(20), &[exempt]).len(), 10, "{exempt}");
            assert_eq!(held(&admission(7), &[exempt]).len(), 7, "{exempt}: but for the bound of all");
        }
    }
}
