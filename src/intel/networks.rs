//! Which network an address is of: the number of its autonomous system, and the name where that is one of the larger ones.
//!
//! Without a network's number the model of takeover cannot tell the owner's provider from a rented machine, and a source
//! that changes its address looks like many. So the program brings a table, and no operator has to fetch a database before
//! the first login is judged well; a database that is configured wins over it. What is announced to the internet is never
//! smaller than a /24 or, of IPv6, a /48: counted in those, half a million ranges take 2.5 MB, searched as they lie in the
//! program. Names of the 8,000 systems with the most addresses are kept, which are 96 of 100 addresses' and a tenth of all
//! bytes; they are made ready once, when the program loads its intelligence, so that no request waits for it.

use super::embedded::{self, Coding, Packed};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

/// The embedded table.
pub(super) static NETWORKS: LazyLock<Networks> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the file is part of the program, and a test opens it")]
    Networks::parse(embedded::networks()).expect("embedded table of networks is whole")
});

/// Addresses by autonomous system.
pub(super) struct Networks {
    names: HashMap<u32, Arc<str>, ahash::RandomState>,
    /// In /24 networks: keys of three bytes.
    four: Packed<7>,
    /// In /48 networks: keys of six bytes.
    six: Packed<10>,
}

impl Networks {
    /// Numbers with names a line each, an empty line, and the two families. `None` if the parts do not fit together.
    fn parse(body: &'static [u8]) -> Option<Networks> {
        let end = memchr::memmem::find(body, b"\n\n")?;
        let named = |line: &str| {
            let (asn, name) = line.split_once(' ')?;
            Some((asn.parse().ok()?, Arc::from(name)))
        };
        let names = std::str::from_utf8(body.get(..end)?).ok()?.lines().map(named).collect::<Option<_>>()?;
        let (four, rest) = Packed::parse(body.get(end + 2..)?, Coding::Neighbours)?;
        let (six, rest) = Packed::parse(rest, Coding::Neighbours)?;
        rest.is_empty().then_some(Networks { names, four, six })
    }

    /// The number of the autonomous system that announces the address.
    pub(super) fn find(&self, ip: IpAddr) -> Option<u32> {
        let asn = match ip.to_canonical() {
            IpAddr::V4(v4) => self.four.find((u32::from(v4) >> 8).into()),
            IpAddr::V6(v6) => self.six.find((u128::from(v6) >> 80) as u64),
        };
        u32::try_from(asn?).ok()
    }

    /// Who runs an autonomous system, if it is one of the larger ones.
    pub(super) fn name(&self, asn: u32) -> Option<Arc<str>> {
        self.names.get(&asn).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::embedded::tests::check;
    use super::*;
    use proptest::prelude::*;

    fn asn(ip: &str) -> Option<u32> {
        NETWORKS.find(ip.parse().unwrap())
    }

    #[test]
    fn well_known_addresses_are_of_their_networks() {
        for (ip, expected) in [
            ("8.8.8.8", Some(15169)),      // Google
            ("1.1.1.1", Some(13335)),      // Cloudflare
            ("193.0.6.139", Some(3333)),   // RIPE NCC
            ("202.12.29.205", Some(4608)), // APNIC
            ("84.57.0.1", Some(3209)),     // Vodafone
            ("::ffff:8.8.8.8", Some(15169)),
            ("2001:4860:4860::8888", Some(15169)),
            ("2606:4700:4700::1111", Some(13335)),
            ("2001:67c:2e8:22::c100:68b", Some(3333)),
            ("127.0.0.1", None),
            ("10.1.2.3", None),
            ("192.168.1.1", None),
            ("203.0.113.7", None),
            ("0.0.0.0", None),
            ("255.255.255.255", None),
            ("::1", None),
            ("fe80::1", None),
            ("2001:db8::1", None),
        ] {
            assert_eq!(asn(ip), expected, "{ip}");
        }
    }

    #[test]
    fn large_networks_have_names() {
        for (asn, name) in
            [(15169, "Google"), (13335, "Cloudflare"), (3320, "Deutsche Telekom"), (14061, "DigitalOcean")]
        {
            let known = NETWORKS.name(asn).unwrap();
            assert!(known.starts_with(name), "{known}");
        }
        assert_eq!(NETWORKS.name(64_512), None, "for private use");
    }

    #[test]
    fn the_table_is_whole_and_counted() {
        check(&NETWORKS.four, u32::MAX as usize);
        check(&NETWORKS.six, u32::MAX as usize);
        let about = embedded::embedded().iter().find(|file| file.name == "networks").unwrap();
        assert_eq!(NETWORKS.four.ranges + NETWORKS.six.ranges, about.entries);
    }

    #[test]
    fn no_range_bears_a_number_that_is_nobodys() {
        let blocks = (0..NETWORKS.four.index.len()).flat_map(|block| NETWORKS.four.block(block));
        let six = (0..NETWORKS.six.index.len()).flat_map(|block| NETWORKS.six.block(block));
        for range in blocks.chain(six) {
            let asn = range.label as u32;
            assert!(asn > 0 && !(64_496..=131_071).contains(&asn) && asn < 4_200_000_000, "AS{asn}");
        }
    }

    proptest! {
        #[test]
        fn all_of_a_24_and_all_of_a_48_are_of_one_network(four in any::<u32>(), six in any::<u128>(), other in any::<u128>()) {
            let within = (four & !0xff) | (other as u32 & 0xff);
            prop_assert_eq!(NETWORKS.find(IpAddr::V4(four.into())), NETWORKS.find(IpAddr::V4(within.into())));
            let within = (six >> 80 << 80) | (other & ((1 << 80) - 1));
            prop_assert_eq!(NETWORKS.find(IpAddr::V6(six.into())), NETWORKS.find(IpAddr::V6(within.into())));
        }

        #[test]
        fn a_cut_table_is_refused(cut in 1usize..5000) {
            let body = embedded::networks();
            prop_assert!(Networks::parse(&body[..body.len() - cut]).is_none());
        }
    }
}
