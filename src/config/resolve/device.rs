//! The device cookie: what it is called, how long it lives and which hosts share it.

use super::Resolver;
use crate::config::file::Device;
use crate::config::settings::DeviceCookie;
use crate::config::slot::Slot;
use std::time::Duration;

const NAME: &str = "tollgate_device";
/// As long as browsers keep any cookie (RFC 6265bis, 5.5).
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 3600);
const LONGEST_NAME: usize = 64;
/// The gate's other cookies.
const TAKEN: [&str; 2] = ["tollgate_clearance", "tollgate_hold"];

impl Resolver<'_, '_> {
    pub(super) fn device_cookie(&self, slot: &Slot<Device>) -> Option<DeviceCookie> {
        let absent = Device::default();
        let keys = slot.get().unwrap_or(&absent);
        if let Some((node, true)) = keys.collect.good() {
            self.error(node, "`collect: true` is not available yet", None);
        }
        let cookie = DeviceCookie {
            name: self.cookie_name(&keys.name),
            max_age: self.duration(&keys.max_age, MAX_AGE, Duration::from_secs(24 * 3600)..=MAX_AGE),
            domain: self.cookie_domain(&keys.domain),
        };
        keys.cookie.get().copied().unwrap_or(true).then_some(cookie)
    }

    fn cookie_name(&self, slot: &Slot<String>) -> Box<str> {
        let Some((node, name)) = slot.good() else { return NAME.into() };
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let lower = name.to_ascii_lowercase();
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_token) {
            let help = "write letters, digits, `_`, `-` or `.`, at most 64 of them, such as `shop_device`";
            self.error(node, format!("`{name}` cannot be a cookie's name"), help);
        } else if lower.starts_with("__host-") || lower.starts_with("__secure-") {
            let help = "leave the prefix out: the gate puts `__Host-` before the name over TLS, and browsers refuse it elsewhere";
            self.error(node, format!("`{name}` has a prefix that means something to browsers"), help);
        } else if TAKEN.contains(&&*lower) {
            self.error(node, format!("`{name}` is another cookie of the gate's"), "choose another name");
        }
        name.as_str().into()
    }

    fn cookie_domain(&self, slot: &Slot<String>) -> Option<Box<str>> {
        let (node, text) = slot.good()?;
        let domain = self.canonical_host(node, text.strip_prefix('.').unwrap_or(text))?;
        let is_address = domain.parse::<std::net::IpAddr>().is_ok() || domain.starts_with('[');
        let is_suffix = psl::suffix(domain.as_bytes())
            .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == domain.as_bytes());
        if is_address || is_suffix || !domain.contains('.') || domain.contains(['*', '?', '!']) {
            let help = "write the domain whose hosts share the cookie, such as `shop.example`, or leave `domain` out";
            self.error(node, format!("browsers accept no cookie for all of `{text}`"), help);
            return None;
        }
        Some(domain.into())
    }
}
