//! What is asked of others about e-mail addresses: nobody, unless the operator says so.

use super::Resolver;
use crate::config::file::{Email, MailDns as Keys};
use crate::config::settings::MailDns;
use crate::config::slot::Slot;
use crate::config::tree::NodeId;
use std::net::SocketAddr;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_millis(200);
const CACHE: u64 = 10_000;

impl Resolver<'_, '_> {
    pub(super) fn mail_dns(&self, slot: &Slot<Email>) -> Option<MailDns> {
        let keys: &Keys = slot.get()?.dns.get()?;
        let servers = keys.servers.good().map_or_else(Vec::new, |(node, many)| {
            if many.0.is_empty() {
                let help = "name at least one, or leave the key out to ask the system's";
                self.error(node, "this list is empty: nobody could be asked", help);
            }
            many.good().filter_map(|(node, text)| self.resolver(node, text)).collect()
        });
        let most = Duration::from_secs(2);
        let dns = MailDns {
            servers,
            deadline: self.duration(&keys.deadline, DEADLINE, Duration::from_millis(1)..=most),
            cache: self.number(&keys.cache, CACHE, 100..=1_000_000),
        };
        let is_on = keys.check.get().copied().unwrap_or(false);
        if let Some((at, _)) = keys.servers.good().filter(|_| !is_on && !matches!(keys.check, Slot::Bad(_))) {
            let message = "`servers` has no effect: nobody is asked about mail servers while `check` is off";
            self.document.warn(at, message, "add `check: true`, or leave it out".to_owned());
        }
        is_on.then_some(dns)
    }

    fn resolver(&self, node: NodeId, text: &str) -> Option<SocketAddr> {
        let address = text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
        if address.is_none() {
            let help = match text.parse::<std::net::IpAddr>() {
                Ok(ip) => format!("write `{}`", SocketAddr::new(ip, 53)),
                Err(_) => "write the IP address and the port of a resolver, such as `127.0.0.1:53`".to_owned(),
            };
            self.error(node, format!("`{text}` is not the address of a resolver"), &*help);
        }
        address
    }
}
