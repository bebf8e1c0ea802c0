//! The admin listener: where it is, who may call its API, and what is written down of that.

use super::{Resolver, listen};
use crate::config::file::File;
use crate::config::settings::{Admin, AdminTls, Listener, Tls};
use crate::config::tree::NodeId;

impl Resolver<'_, '_> {
    pub(super) fn admin(&self, file: &File, listen: &[Listener]) -> Admin {
        let Some((node, admin)) = file.admin.good() else { return Admin::default() };
        let mut settings = Admin {
            address: None,
            token_file: admin.token_file.get().map(|text| self.path(text)),
            hosts: Vec::new(),
            tls: None,
            audit_log: None,
        };
        if let Some((node, tls)) = admin.tls.good() {
            let certificate = self.pem(&tls.certificate, node, "certificate", "CERTIFICATE");
            let key = self.pem(&tls.key, node, "key", "PRIVATE KEY");
            let client_ca = match tls.client_ca.is_absent() {
                true => None,
                false => self.pem(&tls.client_ca, node, "client_ca", "CERTIFICATE"),
            };
            if let (Some(certificate), Some(key)) = (certificate, key) {
                settings.tls = Some(AdminTls { files: Tls { certificate, key }, client_ca });
            }
        }
        if let Some((node, log)) = admin.audit_log.good() {
            let path = self.required(&log.path, node, "path", "write `path: /var/log/tollgate/audit.jsonl`");
            settings.audit_log = path.map(|(_, path)| self.path(path));
        }
        for (node, text) in admin.hosts.get().into_iter().flat_map(|many| many.good()) {
            match self.canonical_host(node, text) {
                Some(host) if host.contains(['*', '?', '!']) => {
                    self.error(node, "a name stands whole here", "name each: `hosts: [gate.internal]`");
                }
                Some(host) => settings.hosts.push(host.into()),
                None => {}
            }
        }
        let Some((at, text)) = self.required(&admin.address, node, "address", "write `address: 127.0.0.1:9900`") else {
            return settings;
        };
        settings.address = self.address(at, text);
        if let Some(address) = settings.address {
            if listen.iter().any(|listener| listen::overlap(listener.address, address)) {
                self.error(
                    at,
                    "visitors are listened for on this address already",
                    "give the admin listener a port of its own",
                );
            } else if !address.ip().is_loopback() {
                self.reachable(at, settings.token_file.is_some(), admin.tls.is_absent());
            }
        }
        settings
    }

    /// The listener is on an address that other machines can reach.
    fn reachable(&self, at: NodeId, has_token: bool, is_plain: bool) {
        if has_token && is_plain {
            let message = "the admin token, and what is known of people, would cross the network in the clear";
            let help = "give the listener `tls: { certificate: …, key: … }`, or keep it on 127.0.0.1; without \
                        `token_file` only metrics and health are served";
            return self.error(at, message, help);
        }
        let message = "the admin listener can be reached from other machines";
        self.document.warn(at, message, "metrics and health have no password: keep it on 127.0.0.1".to_owned());
    }
}
