//! Networks that come and go, and whether one of them holds an address.
//!
//! One hash map for networks of every length, and beside it, for each part of the address space, which lengths occur in
//! it: a look-up asks once for each of those, which is once or twice in what operators list, however many there are.
//! Sorted ranges are smaller and need no such table, but cannot be changed in place, and merge neighbours so that none
//! can be taken away again; a tree costs a cache miss for every level.

use ahash::RandomState;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A network: an address and how many of its bits count. IPv4 is kept as IPv4-mapped IPv6, 96 bits longer. One that
/// exists has no bits behind its length.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    bits: [u8; 16],
    length: u8,
}

impl Cidr {
    /// `length` is the family's own: 32 and 128 are single addresses. What is longer is that.
    pub fn new(ip: IpAddr, length: u8) -> Cidr {
        match ip {
            IpAddr::V4(v4) => Cidr::cut(u128::from(v4.to_ipv6_mapped()), length.min(32) + 96),
            IpAddr::V6(v6) => Cidr::cut(u128::from(v6), length.min(128)),
        }
    }

    pub fn of(ip: IpAddr) -> Cidr {
        Cidr::cut(bits_of(ip), 128)
    }

    fn cut(bits: u128, length: u8) -> Cidr {
        Cidr { bits: (bits & mask(length)).to_be_bytes(), length }
    }

    fn is_four(self) -> bool {
        self.length >= 96 && is_mapped(self.number())
    }

    fn number(self) -> u128 {
        u128::from_be_bytes(self.bits)
    }

    /// The address with its bits cut off, and the length as its family counts it.
    fn shown(self) -> (IpAddr, u8) {
        let v6 = Ipv6Addr::from(self.number());
        match v6.to_ipv4_mapped() {
            Some(v4) if self.length >= 96 => (v4.into(), self.length - 96),
            _ => (v6.into(), self.length),
        }
    }

    /// What the network's part of the address space is called; `None`: it reaches over several.
    pub fn top(self) -> Option<u64> {
        let least = if self.is_four() { FOUR } else { SIX };
        (self.length >= least).then(|| top(self.number()))
    }

    /// The networks that addresses from the first to the last make up, as few as there can be. In one family.
    pub fn cover(first: IpAddr, last: IpAddr) -> Vec<Cidr> {
        let (mut start, end) = (bits_of(first), bits_of(last));
        let least = if is_mapped(start) && is_mapped(end) { 96 } else { 0 };
        let mut cover = Vec::new();
        while start <= end {
            // The largest that begins here and does not end behind the end.
            let mut length = 128u8;
            while length > least {
                let wider = length - 1;
                if start & !mask(wider) != 0 || start | !mask(wider) > end {
                    break;
                }
                length = wider;
            }
            cover.push(Cidr::cut(start, length));
            match (start | !mask(length)).checked_add(1) {
                Some(next) => start = next,
                None => break,
            }
        }
        cover
    }
}

/// As lists write it: a single address without its length.
impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ip, length) = self.shown();
        if self.length == 128 { write!(f, "{ip}") } else { write!(f, "{ip}/{length}") }
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Shortest lengths of which each lies in one part of the space: /16 and /32.
const FOUR: u8 = 96 + 16;
const SIX: u8 = 32;

fn bits_of(ip: IpAddr) -> u128 {
    match ip.to_canonical() {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn is_mapped(bits: u128) -> bool {
    bits >> 32 == 0xffff
}

fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

/// The part of the space that an address lies in: the first 16 bits of IPv4, the first 32 of IPv6.
fn top(bits: u128) -> u64 {
    if is_mapped(bits) { 1 << 32 | (bits as u64 >> 16) & 0xffff } else { (bits >> 96) as u64 }
}

/// The part of the space that an address lies in, for who cuts a set into parts.
pub fn part(ip: IpAddr) -> u64 {
    top(bits_of(ip))
}

/// What is known of each of some networks.
#[derive(Debug)]
pub struct Networks<V> {
    known: HashMap<Cidr, V, RandomState>,
    /// By part of the space, one bit for each length of `FOUR` or `SIX` and more that occurs there. A bit may be set for
    /// a length that is gone: it costs a question.
    lengths: HashMap<u64, Lengths, RandomState>,
    /// The shorter lengths.
    wide: Lengths,
}

/// One bit a length: 0 to 127, and 128.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths(u128, bool);

impl Lengths {
    fn add(&mut self, length: u8) {
        match length {
            128 => self.1 = true,
            length => self.0 |= 1 << length,
        }
    }

    /// The longest first.
    fn iter(self) -> impl Iterator<Item = u8> {
        let mut rest = self.0;
        let next = move || {
            let length = 127u8.checked_sub(rest.leading_zeros() as u8)?;
            rest &= !(1 << length);
            Some(length)
        };
        self.1.then_some(128).into_iter().chain(std::iter::from_fn(next))
    }
}

impl<V> Default for Networks<V> {
    fn default() -> Self {
        Networks { known: HashMap::default(), lengths: HashMap::default(), wide: Lengths::default() }
    }
}

impl<V> Networks<V> {
    pub fn insert(&mut self, network: Cidr, value: V) -> Option<V> {
        self.note(network);
        self.known.insert(network, value)
    }

    fn note(&mut self, network: Cidr) {
        match network.top() {
            Some(top) => self.lengths.entry(top).or_default().add(network.length),
            None => self.wide.add(network.length),
        }
    }

    pub fn remove(&mut self, network: Cidr) -> Option<V> {
        self.known.remove(&network)
    }

    pub fn of(&self, network: Cidr) -> Option<&V> {
        self.known.get(&network)
    }

    /// Keeps those that the condition holds for, and forgets the lengths of those that went.
    pub fn retain(&mut self, keep: impl FnMut(&Cidr, &mut V) -> bool) {
        let before = self.known.len();
        self.known.retain(keep);
        if self.known.len() == before {
            return;
        }
        self.lengths.clear();
        self.wide = Lengths::default();
        let networks: Vec<Cidr> = self.known.keys().copied().collect();
        networks.into_iter().for_each(|network| self.note(network));
    }

    /// Whether a network that the condition holds for has the address, the smallest asked first.
    pub fn any(&self, ip: IpAddr, mut holds: impl FnMut(&V) -> bool) -> bool {
        if self.known.is_empty() {
            return false;
        }
        let bits = bits_of(ip);
        // What is shorter reaches beyond the IPv4 addresses, and means IPv6.
        let least = if is_mapped(bits) { 96 } else { 0 };
        let here = self.lengths.get(&top(bits)).copied().unwrap_or_default();
        here.iter()
            .chain(self.wide.iter())
            .filter(|length| *length >= least)
            .any(|length| self.known.get(&Cidr::cut(bits, length)).is_some_and(&mut holds))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Cidr, &V)> {
        self.known.iter()
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn cidr(text: &str) -> Cidr {
        let (address, length) = text.split_once('/').unwrap();
        Cidr::new(ip(address), length.parse().unwrap())
    }

    #[test]
    fn networks_print_as_they_are_written() {
        for text in ["203.0.113.0/24", "2001:db8::/32", "0.0.0.0/0", "::/0", "203.0.113.7/31"] {
            let shown = cidr(text).to_string();
            assert_eq!(shown, text.replace(".7/31", ".6/31"));
        }
        assert_eq!(Cidr::of(ip("::ffff:203.0.113.7")).to_string(), "203.0.113.7");
        assert_eq!(cidr("2001:db8::1/128").to_string(), "2001:db8::1");
    }

    #[test]
    fn a_span_is_cut_into_few_networks() {
        for (first, last, expected) in [
            ("192.0.2.1", "192.0.2.9", &["192.0.2.1", "192.0.2.2/31", "192.0.2.4/30", "192.0.2.8/31"][..]),
            ("0.0.0.0", "255.255.255.255", &["0.0.0.0/0"]),
            ("255.255.255.254", "255.255.255.255", &["255.255.255.254/31"]),
            ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &["::/0"]),
            ("2001:db8::", "2001:db8::2", &["2001:db8::/127", "2001:db8::2"]),
        ] {
            let cover: Vec<String> = Cidr::cover(ip(first), ip(last)).iter().map(ToString::to_string).collect();
            assert_eq!(cover, expected);
        }
    }

    #[test]
    fn lengths_that_went_are_not_asked_for() {
        let mut networks = Networks::default();
        networks.insert(cidr("203.0.113.0/24"), 1);
        networks.insert(cidr("203.0.113.7/32"), 2);
        networks.insert(cidr("10.0.0.0/8"), 3);
        assert_eq!(networks.remove(cidr("203.0.113.7/32")), Some(2));
        networks.retain(|_, value| *value != 3);
        assert_eq!((networks.len(), networks.lengths.len(), networks.wide.0), (1, 1, 0));
        assert!(networks.any(ip("203.0.113.7"), |_| true) && !networks.any(ip("10.1.1.1"), |_| true));
    }

    proptest! {
        /// Against the naive model: an address is held if any network holds it, and those that went hold nothing.
        #[test]
        fn they_hold_what_any_of_them_holds(
            four in prop::collection::vec((any::<u32>(), 0u8..=32, any::<bool>()), 0..30),
            six in prop::collection::vec((any::<u64>(), 0u8..=128, any::<bool>()), 0..30),
            probes in prop::collection::vec((any::<u32>(), any::<u64>(), 0usize..30), 1..30),
        ) {
            let mut networks = Networks::default();
            let mut model: Vec<(IpAddr, u8)> = Vec::new();
            let v6 = |number: u64| IpAddr::V6(Ipv6Addr::from(u128::from(number) << 64 | 7));
            let all = four.iter().map(|(bits, length, stays)| (IpAddr::V4((*bits).into()), *length, *stays))
                .chain(six.iter().map(|(bits, length, stays)| (v6(*bits), *length, *stays)));
            for (ip, length, stays) in all {
                networks.insert(Cidr::new(ip, length), ());
                if !stays {
                    networks.remove(Cidr::new(ip, length));
                    model.retain(|(other, bits)| Cidr::new(*other, *bits) != Cidr::new(ip, length));
                } else {
                    model.push((ip, length));
                }
            }
            let inside = |ip: IpAddr, (network, length): (IpAddr, u8)| match (ip, network) {
                (IpAddr::V4(a), IpAddr::V4(b)) => length == 0 || u32::from(a) >> (32 - length) == u32::from(b) >> (32 - length),
                (IpAddr::V6(a), IpAddr::V6(b)) => length == 0 || u128::from(a) >> (128 - length) == u128::from(b) >> (128 - length),
                _ => false,
            };
            for (a, b, near) in probes {
                let close = four.get(near).map_or(a, |(bits, ..)| bits ^ (a & 0xff));
                for probe in [IpAddr::V4(a.into()), IpAddr::V4(close.into()), v6(b), v6(six.get(near).map_or(b, |(bits, ..)| bits ^ (b & 0xff)))] {
                    let expected = model.iter().any(|network| inside(probe, *network));
                    prop_assert_eq!(networks.any(probe, |_| true), expected, "{}", probe);
                }
            }
        }

        #[test]
        fn a_cover_holds_the_span_and_nothing_else(first in any::<u32>(), length in 0u32..5000) {
            let last = first.saturating_add(length);
            let v4 = |bits: u32| IpAddr::V4(bits.into());
            let mut networks = Networks::default();
            for network in Cidr::cover(v4(first), v4(last)) {
                networks.insert(network, ());
            }
            prop_assert!(networks.len() <= 62);
            for inside in [first, last, first + length.min(last - first) / 2] {
                prop_assert!(networks.any(v4(inside), |_| true));
            }
            if let Some(before) = first.checked_sub(1) {
                prop_assert!(!networks.any(v4(before), |_| true));
            }
            if let Some(behind) = last.checked_add(1) {
                prop_assert!(!networks.any(v4(behind), |_| true));
            }
        }
    }
}
