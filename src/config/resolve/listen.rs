//! Addresses that visitors connect to, and where their own address is read from.

use super::Resolver;
use crate::config::file::{ClientIp as ClientIpKeys, Listen};
use crate::config::settings::{ClientIp, ClientIpHeader, Listener, Tls};
use crate::config::slot::Slot;
use crate::config::tree::NodeId;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

impl Resolver<'_, '_> {
    pub(super) fn listen(&self, slot: &Slot<Vec<Slot<Listen>>>, root: NodeId) -> Vec<Listener> {
        let help = "write `listen: [{ address: 0.0.0.0:8080 }]`";
        let Some((node, entries)) = self.required(slot, root, "listen", help) else { return Vec::new() };
        if entries.is_empty() {
            self.error(node, "nothing is listened on", help);
        }
        let mut listeners: Vec<Listener> = Vec::new();
        for (node, entry) in entries.iter().filter_map(Slot::good) {
            if let Some((node, true)) = entry.proxy_protocol.good() {
                self.error(node, "`proxy_protocol: true` is not available yet", None);
            }
            let tls = entry.tls.good().and_then(|(node, tls)| {
                let certificate = self.pem(&tls.certificate, node, "certificate", "CERTIFICATE");
                let key = self.pem(&tls.key, node, "key", "PRIVATE KEY");
                Some(Tls { certificate: certificate?, key: key? })
            });
            let Some((at, text)) = self.required(&entry.address, node, "address", "write `address: 0.0.0.0:8080`")
            else {
                continue;
            };
            let Some(address) = self.address(at, text) else { continue };
            match listeners.iter().map(|other| other.address).find(|other| overlap(*other, address)) {
                Some(other) if other == address => {
                    self.error(at, format!("`{address}` is listened on twice"), "keep one of the two");
                }
                Some(other) => {
                    let message = format!("`{address}` and `{other}` want the same port: one of them is every address");
                    self.error(at, message, "keep one of the two, or choose another port");
                }
                None => {}
            }
            listeners.push(Listener { address, tls });
        }
        listeners
    }

    /// `address:port`.
    pub(super) fn address(&self, node: NodeId, text: &str) -> Option<SocketAddr> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            if address.port() == 0 {
                self.error(node, "port 0 would be another one at each start", "choose a port from 1 to 65535");
                return None;
            }
            return Some(address);
        }
        let help = match text {
            _ if text.parse::<std::net::Ipv6Addr>().is_ok() => format!("write `[{text}]:8080`"),
            _ if text.parse::<u16>().is_ok() => format!("write `0.0.0.0:{text}`"),
            _ if text.starts_with(':') => format!("write `0.0.0.0{text}`, or `[::]{text}` for IPv6 too"),
            _ if text.starts_with("localhost:") => format!("write `{}`", text.replacen("localhost", "127.0.0.1", 1)),
            _ if text.parse::<IpAddr>().is_ok() => format!("write `{text}:8080`"),
            _ => "write an IP address and a port: `0.0.0.0:8080`, `127.0.0.1:8080`, `[::]:8080`".to_owned(),
        };
        self.error(node, format!("`{text}` is not an address to listen on"), &*help);
        None
    }

    pub(super) fn client_ip(&self, slot: &Slot<ClientIpKeys>) -> ClientIp {
        let Some((node, keys)) = slot.good() else { return ClientIp::default() };
        let mut trusted_proxies = Vec::new();
        for (node, text) in keys.trusted_proxies.get().into_iter().flat_map(|many| many.good()) {
            match network(text) {
                Ok(network) => {
                    if network.prefix_len() == 0 {
                        let message = "every address is trusted: any visitor can name any address as their own";
                        self.document.warn(node, message, "name your proxies' networks".to_owned());
                    }
                    trusted_proxies.push(network);
                }
                Err(help) => self.error(node, format!("`{text}` is not a network"), &*help),
            }
        }
        let header =
            keys.header.good().map_or(ClientIpHeader::XForwardedFor, |(node, text)| self.ip_header(node, text));
        if keys.trusted_proxies.is_absent() {
            let help = "name the networks of your proxies: `trusted_proxies: [\"10.0.0.0/8\"]`";
            self.error(node, "nobody is trusted to name a visitor's address, so the header is never read", help);
        }
        ClientIp { trusted_proxies, header }
    }

    fn ip_header(&self, node: NodeId, text: &str) -> ClientIpHeader {
        match text.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => ClientIpHeader::XForwardedFor,
            "forwarded" => ClientIpHeader::Forwarded,
            other => {
                self.header_name(node, other);
                ClientIpHeader::Single(other.into())
            }
        }
    }

    /// Checks a header's name; lower case is the caller's.
    pub(super) fn header_name(&self, node: NodeId, name: &str) {
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            self.error(
                node,
                format!("`{name}` is not the name of a header"),
                "write it without colon and value: `x-real-ip`",
            );
        }
    }
}

/// Whether two listeners cannot be had at once. `[::]` takes IPv4 as well, unless the system says otherwise.
pub(super) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let takes =
        |wide: SocketAddr, narrow: SocketAddr| wide.ip().is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4());
    one.port() == other.port() && (one == other || takes(one, other) || takes(other, one))
}

/// A CIDR range, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let network: IpNet =
        text.parse().map_err(|_| "write an address or a CIDR range: `10.0.0.0/8`, `2001:db8::/32`".to_owned())?;
    if network.trunc() != network {
        return Err(format!("its address lies within the range: write `{}`", network.trunc()));
    }
    Ok(network)
}
