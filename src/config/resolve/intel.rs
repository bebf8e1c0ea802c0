//! Files of intelligence. That they are there and of their kind is checked here; reading them is `intel`'s.

use super::Resolver;
use crate::config::file::Intel;
use crate::config::settings::IntelFiles;
use crate::config::slot::Slot;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

/// What ends every MaxMind database, before its metadata, somewhere in the last 128 KiB.
const MMDB_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
const MMDB_TAIL: u64 = 128 * 1024;

impl Resolver<'_, '_> {
    pub(super) fn intel(&self, slot: &Slot<Intel>) -> IntelFiles {
        let Some(keys) = slot.get() else { return IntelFiles::default() };
        IntelFiles {
            country: self.database(&keys.country),
            city: self.database(&keys.city),
            asn: self.database(&keys.asn),
            anonymous: self.database(&keys.anonymous),
            tor_exit: self.readable(&keys.tor_exit),
            vpn: self.readable(&keys.vpn),
            datacenter: self.readable(&keys.datacenter),
            disposable: self.readable(&keys.disposable),
        }
    }

    fn database(&self, slot: &Slot<String>) -> Option<PathBuf> {
        let path = self.readable(slot)?;
        if !ends_as_database(&path).unwrap_or(false)
            && let Some(node) = slot.node()
        {
            let help = "country, city, asn and anonymous take `.mmdb` files; lists of addresses go under tor_exit, vpn, datacenter";
            self.error(node, "this file is not a MaxMind database", help);
        }
        Some(path)
    }
}

fn ends_as_database(path: &std::path::Path) -> std::io::Result<bool> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MMDB_TAIL)))?;
    let mut tail = Vec::new();
    file.take(MMDB_TAIL).read_to_end(&mut tail)?;
    Ok(memchr::memmem::find(&tail, MMDB_MARKER).is_some())
}
