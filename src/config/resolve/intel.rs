//! Files of intelligence. That they are there and of their kind is checked here; reading them is `intel`'s.

use super::Resolver;
use crate::config::file::{Intel, PasswordRange, Passwords};
use crate::config::settings::{IntelFiles, RangeService};
use crate::config::slot::Slot;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// What ends every MaxMind database, before its metadata, somewhere in the last 128 KiB.
const MMDB_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
const MMDB_TAIL: u64 = 128 * 1024;

/// How a file of leaked passwords begins.
const LEAKED: &[u8] = b"tollgate leaked\n";

/// The public service answers within a tenth of a second from most of the world.
const RANGE_DEADLINE: Duration = Duration::from_millis(200);
const RANGE_CACHE: u64 = 16 << 20;
/// Corpora grow by the month.
const RANGE_KEEP: Duration = Duration::from_secs(24 * 3600);
const RANGE_EXAMPLE: &str = "write `url: https://api.pwnedpasswords.com/range`, or where you keep a mirror of it";

impl Resolver<'_, '_> {
    pub(super) fn intel(&self, slot: &Slot<Intel>) -> IntelFiles {
        let Some(keys) = slot.get() else { return IntelFiles::default() };
        let nothing = Passwords::default();
        let leaked = keys.passwords.get().unwrap_or(&nothing);
        IntelFiles {
            country: self.database(&keys.country),
            city: self.database(&keys.city),
            asn: self.database(&keys.asn),
            anonymous: self.database(&keys.anonymous),
            tor_exit: self.readable(&keys.tor_exit),
            vpn: self.readable(&keys.vpn),
            datacenter: self.readable(&keys.datacenter),
            proxy: self.readable(&keys.proxy),
            disposable: self.readable(&keys.disposable),
            passwords: self.passwords(&leaked.file),
            range: self.range(&leaked.range),
        }
    }

    /// A file of leaked passwords. Its head tells the kind; all else is looked at when it is read.
    fn passwords(&self, slot: &Slot<String>) -> Option<PathBuf> {
        let path = self.readable(slot)?;
        if !begins_as_leaked(&path).unwrap_or(false)
            && let Some(node) = slot.node()
        {
            let help = "make one of a list: `tollgate lists build-passwords LIST --out FILE`";
            self.error(node, "this is no file of leaked passwords", help);
        }
        Some(path)
    }

    fn range(&self, slot: &Slot<PasswordRange>) -> Option<RangeService> {
        let (node, keys) = slot.good()?;
        let (moment, second) = (Duration::from_millis(1), Duration::from_secs(1));
        let deadline = self.duration(&keys.deadline, RANGE_DEADLINE, moment..=second);
        let cache = self.size(&keys.cache, RANGE_CACHE, 64 * 1024..=1 << 32) as usize;
        let keep = self.duration(&keys.keep, RANGE_KEEP, second..=Duration::from_secs(30 * 24 * 3600));
        let (at, text) = self.required(&keys.url, node, "url", RANGE_EXAMPLE)?;
        match address(text) {
            Ok(service) => Some(RangeService { deadline, cache, keep, ..service }),
            Err(help) => {
                self.error(at, "this is not the URL of a range service", help);
                None
            }
        }
    }

    fn database(&self, slot: &Slot<String>) -> Option<PathBuf> {
        let path = self.readable(slot)?;
        if !ends_as_database(&path).unwrap_or(false)
            && let Some(node) = slot.node()
        {
            let help = "country, city, asn and anonymous take `.mmdb` files; lists of addresses go under tor_exit, vpn, datacenter, proxy";
            self.error(node, "this file is not a MaxMind database", help);
        }
        Some(path)
    }
}

/// What a URL says. An error is what to write.
fn address(text: &str) -> Result<RangeService, &'static str> {
    let url = Url::parse(text).map_err(|_| RANGE_EXAMPLE)?;
    let tls = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return Err("http and https are spoken"),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name or a password is not sent: leave away what stands before the `@`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("five digits are added to the path: leave away what follows `?` or `#`");
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(RANGE_EXAMPLE)?;
    Ok(RangeService {
        tls,
        host: host.into(),
        port: url.port_or_known_default().filter(|port| *port > 0).ok_or(RANGE_EXAMPLE)?,
        path: url.path().trim_end_matches('/').into(),
        deadline: RANGE_DEADLINE,
        cache: RANGE_CACHE as usize,
        keep: RANGE_KEEP,
    })
}

fn begins_as_leaked(path: &std::path::Path) -> std::io::Result<bool> {
    let mut beginning = Vec::new();
    std::fs::File::open(path)?.take(LEAKED.len() as u64).read_to_end(&mut beginning)?;
    Ok(beginning == LEAKED)
}

fn ends_as_database(path: &std::path::Path) -> std::io::Result<bool> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MMDB_TAIL)))?;
    let mut tail = Vec::new();
    file.take(MMDB_TAIL).read_to_end(&mut tail)?;
    Ok(memchr::memmem::find(&tail, MMDB_MARKER).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_range_services() {
        let of = |text: &str| {
            address(text)
                .ok()
                .map(|service| (service.tls, service.host.to_string(), service.port, service.path.to_string()))
        };
        let is = |tls, host: &str, port, path: &str| Some((tls, host.to_owned(), port, path.to_owned()));
        for (text, expected) in [
            ("https://api.pwnedpasswords.com/range", is(true, "api.pwnedpasswords.com", 443, "/range")),
            ("https://api.pwnedpasswords.com/range/", is(true, "api.pwnedpasswords.com", 443, "/range")),
            ("http://[::1]:8081", is(false, "[::1]", 8081, "")),
            ("http://mirror.internal/a%20b/range", is(false, "mirror.internal", 80, "/a%20b/range")),
            ("ftp://mirror.internal/range", None),
            ("https://user:password@mirror.internal/range", None),
            ("https://mirror.internal/range?key=1", None),
            ("mirror.internal/range", None),
            ("https://", None),
            ("", None),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
        assert_eq!(address("http://[::1]:8081").unwrap().bare_host(), "::1");
    }
}
