//! One configuration, made ready to serve: what the settings name is loaded, indexed and connected. Immutable; a request
//! keeps one `Arc` of it from its first hook to its last.

use super::recognize::Routes;
use super::upstream::Upstreams;
use crate::challenge::Challenges;
use crate::config::settings::Settings;
use crate::intel::Intel;
use std::net::IpAddr;

pub struct Live {
    pub settings: Settings,
    pub routes: Routes,
    pub upstreams: Upstreams,
    pub intel: Intel,
    pub challenges: Challenges,
}

impl Live {
    /// Whether this peer is one of the operator's own proxies.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.settings.client_ip.trusted_proxies.iter().any(|network| network.contains(&peer))
    }
}
