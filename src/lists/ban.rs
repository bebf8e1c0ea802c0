//! Whom a rule may ban, and for how long.
//!
//! A ban is an entry of the list [`BANNED`](super::BANNED), so all that holds for lists holds for it: it is seen, shared,
//! kept and taken away as they are. What is special is here and pure. It grows: who comes back soon after a ban is banned
//! longer, up to a bound. And it must not hit others than the one who was meant: an address that stands for the gate's
//! own neighbours (a proxy, a machine in the private network behind which everybody may be) is never banned, and neither
//! is anybody whom the operator let in by an allow list.

use super::change::Entry;
use super::networks::Cidr;
use super::{Change, Key, Note};
use crate::engine::decision::{BanOf, BanOrder};
use crate::engine::time::Timestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// Most bans that are remembered, in parts of all the entries that may be added: attackers make them.
pub const SHARE: usize = 2;

/// The entry that bans an address: it alone, or the /64 of IPv6 that one subscriber has at least.
pub fn network(ip: IpAddr) -> Key {
    match ip.to_canonical() {
        IpAddr::V4(v4) => Key::Network(Cidr::new(v4.into(), 32)),
        // Its /64 is all of IPv4.
        IpAddr::V6(v6) if translated(v6).is_some() => Key::Network(Cidr::new(v6.into(), 128)),
        IpAddr::V6(v6) => Key::Network(Cidr::new(v6.into(), 64)),
    }
}

/// The address of IPv4 that a translator (NAT64, RFC 6052) has put into the well-known prefix 64:ff9b::/96.
fn translated(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))),
        _ => None,
    }
}

/// Whether an address may be many people's, or the operator's own machine: loopback, private and shared address space,
/// link-local, and what is no client's at all.
pub fn is_near(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            // 100.64.0.0/10 stands for all customers of a provider (RFC 6598).
            let shared = a == 100 && (64..128).contains(&b);
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4 == Ipv4Addr::UNSPECIFIED
                || a == 0
                || shared
        }
        IpAddr::V6(v6) => {
            let inner = translated(v6).is_some_and(|v4| is_near(v4.into()));
            // The translators of a site of one's own (RFC 8215).
            let local = v6.segments()[..3] == [0x64, 0xff9b, 1];
            inner
                || local
                || v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
        }
    }
}

/// How long the next ban is: the first as ordered, each further one `grow` times as long, up to `most`. `before`: the last
/// one, as long as it is remembered.
pub fn length(order: &BanOrder, before: Option<&Entry>) -> (Duration, u32) {
    let times = before.map_or(0, |entry| entry.note.times).saturating_add(1);
    let factor = order.grow.checked_pow(times - 1).unwrap_or(u32::MAX);
    (order.length.saturating_mul(factor).min(order.most), times)
}

/// The change that bans. It is remembered, after its end, for as long as the longest ban lasts: who is quiet for that long
/// begins anew.
pub fn change(key: Key, order: &BanOrder, before: Option<&Entry>, at: Timestamp, reason: &str) -> (Change, Duration) {
    let (length, times) = length(order, before);
    let until = at.after(length);
    let note = Note { reason: reason.into(), by: "rule".into(), times };
    let entry = Entry { until, kept: until.after(order.most), added: at, note: Arc::new(note) };
    (Change { list: super::BANNED.into(), key, entry: Some(entry) }, length)
}

/// What `of` names in an entry.
pub fn kind(of: BanOf) -> super::ListOf {
    match of {
        BanOf::Ip => super::ListOf::Ip,
        BanOf::Account => super::ListOf::Account,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_translated_address_stands_for_itself_alone() {
        let banned = |ip: &str| network(ip.parse().unwrap());
        assert_ne!(banned("64:ff9b::203.0.113.66"), banned("64:ff9b::8.8.8.8"));
        assert_eq!(banned("2001:db8::1"), banned("2001:db8::2"));
        for near in ["64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::1"] {
            assert!(is_near(near.parse().unwrap()), "{near}");
        }
        assert!(!is_near("64:ff9b::203.0.113.66".parse().unwrap()));
    }

    fn order(grow: u32) -> BanOrder {
        BanOrder { of: BanOf::Ip, length: 15 * MINUTE, grow, most: 60 * MINUTE }
    }

    #[test]
    fn bans_grow_up_to_their_bound() {
        let mut before = None;
        let mut lengths = Vec::new();
        for time in 0..40 {
            let (change, length) =
                change(network([203, 0, 113, 7].into()), &order(2), before.as_ref(), Timestamp(time), "r");
            lengths.push(length.as_secs() / 60);
            before = change.entry;
        }
        assert_eq!(lengths[..5], [15, 30, 60, 60, 60]);
        assert_eq!(lengths[39], 60);
        assert_eq!(before.unwrap().note.times, 40);
        assert_eq!(length(&order(1), Some(&Entry::new(None, Timestamp(0), Arc::default()))).0, 15 * MINUTE);
    }

    #[test]
    fn one_ban_is_remembered_for_as_long_as_the_longest_lasts() {
        let (change, _) = change(network([203, 0, 113, 7].into()), &order(2), None, Timestamp(0), "r");
        let entry = change.entry.unwrap();
        assert_eq!(entry.kept.since(entry.until), 60 * MINUTE);
    }

    #[test]
    fn a_subscriber_of_ipv6_is_banned_whole() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6".parse().unwrap()).to_string(), "2001:db8:1:2::/64");
        assert_eq!(network("::ffff:203.0.113.7".parse().unwrap()).to_string(), "203.0.113.7");
    }

    #[test]
    fn neighbours_are_told_from_strangers() {
        for near in [
            "127.0.0.1",
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "::",
            "255.255.255.255",
        ] {
            assert!(is_near(near.parse().unwrap()), "{near}");
        }
        for far in ["203.0.113.7", "100.63.0.1", "100.128.0.1", "172.32.0.1", "2001:db8::1", "8.8.8.8"] {
            assert!(!is_near(far.parse().unwrap()), "{far}");
        }
    }
}
