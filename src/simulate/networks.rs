//! Networks as they are: real autonomous systems with real address ranges, by country and by who is behind them.
//!
//! An address says much about an attempt only if it comes from where such people are. So homes and phones get addresses of
//! their country's providers, with the providers' own habits (an address a day, an address for years, a /56 of IPv6, one
//! address for a crowd of phones), companies a line of a provider or a security company's proxy, and attackers what they rent:
//! machines, exits of VPN companies, or other people's homes. The data are an extract (`conf/data/NOTICE.md`).

use super::chance::{Chance, number};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

/// Who is behind a network's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Home,
    Mobile,
    Hosting,
    Vpn,
    /// A security company's proxy that other companies' people go through.
    Gateway,
    /// A browser maker's relay that hides addresses.
    Relay,
    /// Where a crawler runs.
    Crawler,
}

impl Kind {
    const ALL: [(Kind, &'static str); 7] = [
        (Kind::Home, "home"),
        (Kind::Mobile, "mobile"),
        (Kind::Hosting, "hosting"),
        (Kind::Vpn, "vpn"),
        (Kind::Gateway, "gateway"),
        (Kind::Relay, "relay"),
        (Kind::Crawler, "crawler"),
    ];
}

/// A country's number in the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Country([u8; 2]);

impl Country {
    pub fn of(code: &str) -> Country {
        let bytes = code.as_bytes();
        Country([bytes.first().copied().unwrap_or_default(), bytes.get(1).copied().unwrap_or_default()])
    }

    /// Its networks of a kind; none if the data have none.
    pub fn networks(self, kind: Kind) -> &'static [Network] {
        NETWORKS.get(&(kind, self)).map_or(&[], Vec::as_slice)
    }
}

/// One autonomous system in one country.
#[derive(Debug)]
pub struct Network {
    pub asn: u32,
    weight: f64,
    /// After how many days a home gets another address; none if it keeps it.
    churn: Option<u64>,
    /// Of a hundred subscribers, how many have IPv6.
    six: u64,
    v4: Vec<(u32, u32)>,
    /// In /64 networks.
    v6: Vec<(u64, u64)>,
}

static NETWORKS: LazyLock<BTreeMap<(Kind, Country), Vec<Network>>> = LazyLock::new(|| {
    let text = include_str!("../../conf/data/simulate/networks.tsv");
    let mut all: BTreeMap<_, Vec<Network>> = BTreeMap::new();
    for row in text.split_once("\n\n").map_or("", |(_, rows)| rows).lines() {
        if let Some((key, network)) = parse(row) {
            all.entry(key).or_default().push(network);
        }
    }
    all
});

fn parse(row: &str) -> Option<((Kind, Country), Network)> {
    let cells: Vec<&str> = row.split('\t').collect();
    let [kind, country, asn, weight, churn, six, v4, v6] = cells[..] else { return None };
    let ranges = |cell: &str| -> Option<Vec<(u64, u64)>> {
        let range = |text: &str| {
            let (start, length) = text.split_once('+')?;
            Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(length, 16).ok()?))
        };
        cell.split(',').filter(|text| !text.is_empty()).map(range).collect()
    };
    let (kind, _) = Kind::ALL.into_iter().find(|(_, name)| *name == kind)?;
    let network = Network {
        asn: asn.parse().ok()?,
        weight: weight.parse().ok()?,
        churn: churn.parse().ok().filter(|days| *days > 0),
        six: six.parse().ok()?,
        v4: ranges(v4)?.into_iter().map(|(start, length)| (start as u32, length as u32)).collect(),
        v6: ranges(v6)?,
    };
    (!network.v4.is_empty()).then_some(((kind, Country::of(country)), network))
}

/// One of a country's networks of a kind, as often as people have it.
pub fn network(kind: Kind, country: Country, chance: &mut Chance) -> Option<&'static Network> {
    let all = country.networks(kind);
    (!all.is_empty()).then(|| &all[chance.weighted(all.iter().map(|network| network.weight))])
}

/// A network of a kind anywhere.
pub fn anywhere(kind: Kind, chance: &mut Chance) -> Option<(Country, &'static Network)> {
    static ALL: LazyLock<Vec<(Kind, Country, &'static Network)>> = LazyLock::new(|| {
        NETWORKS
            .iter()
            .flat_map(|((kind, country), all)| all.iter().map(|network| (*kind, *country, network)))
            .collect()
    });
    let place = chance.weighted(ALL.iter().map(|(have, _, network)| if *have == kind { network.weight } else { 0.0 }));
    ALL.get(place).map(|(_, country, network)| (*country, *network))
}

impl Network {
    /// A fixed IPv4 address of whoever `name` and `about` say.
    pub fn address(&self, seed: u64, name: &str, about: [u64; 2]) -> IpAddr {
        let mut chance = Chance::of(seed, name, about);
        self.v4(&mut chance).into()
    }

    fn v4(&self, chance: &mut Chance) -> Ipv4Addr {
        let (start, length) = self.v4[chance.weighted(self.v4.iter().map(|(_, length)| f64::from(*length)))];
        let at = start + chance.below(u64::from(length)) as u32;
        // The first and last of a /24 are rarely anybody's.
        let at =
            if matches!(at & 255, 0 | 255) && length > 2 { (at ^ 1).clamp(start, start + (length - 1)) } else { at };
        at.into()
    }

    /// A home's address on a day: by the provider's habits, from the same neighbourhood each time; IPv6 if the home has it
    /// and the device `host` used it this time.
    pub fn of_home(&self, seed: u64, home: u64, day: u64, host: u64) -> IpAddr {
        let mut line = Chance::of(seed, "line", [home, u64::from(self.asn)]);
        let (has_six, moves, phase) = (line.below(100) < self.six, line.hit(0.05), line.draw() % 31);
        let neighbourhood = self.v4[line.weighted(self.v4.iter().map(|(_, length)| f64::from(*length)))];
        // A /18 at most: that is what one access router serves.
        let block = u64::from(neighbourhood.1).min(1 << 14);
        let start = neighbourhood.0 + (line.below(u64::from(neighbourhood.1) / block) * block) as u32;
        let days = match self.churn {
            Some(days) => (day + phase) / days,
            None => u64::from(moves && day > phase),
        };
        if has_six && !self.v6.is_empty() && !number(seed, "happy-eyeballs", [host, day]).is_multiple_of(10) {
            // A /56 changes much more rarely than an IPv4 address does, the part behind it each day (RFC 8981).
            let (start, length) = self.v6[line.weighted(self.v6.iter().map(|(_, length)| *length as f64))];
            let site = number(seed, "site", [home, (day + phase) / 30]) % (length >> 8).max(1);
            let network = start + (site << 8).min(length - 1);
            let suffix = number(seed, "privacy", [host, day]) & !(2 << 56);
            return Ipv6Addr::from(u128::from(network) << 64 | u128::from(suffix)).into();
        }
        let at = start + (number(seed, "lease", [home, days]) % block) as u32;
        Ipv4Addr::from(at).into()
    }

    /// A phone's address in a span of time: its own IPv6 network, or one of `pool` addresses that many share.
    pub fn of_phone(&self, seed: u64, phone: u64, span: u64, pool: u64) -> IpAddr {
        let draw = number(seed, "cell", [phone, span]);
        let has_six = number(seed, "cell6", [phone, u64::from(self.asn)]) % 100 < self.six;
        if has_six && !self.v6.is_empty() && !draw.is_multiple_of(12) {
            let (start, length) = self.v6[draw as usize % self.v6.len()];
            let network = start + number(seed, "cell64", [phone, span]) % length;
            let suffix = number(seed, "privacy", [phone, span]) & !(2 << 56);
            return Ipv6Addr::from(u128::from(network) << 64 | u128::from(suffix)).into();
        }
        self.address(seed, "cgnat", [u64::from(self.asn), (draw >> 8) % pool.max(1)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_networks_and_addresses_come_from_them() {
        let mut chance = Chance::of(1, "test", [0, 0]);
        for (kind, name) in Kind::ALL {
            let (_, network) = anywhere(kind, &mut chance).unwrap();
            for draw in 0..200 {
                let IpAddr::V4(ip) = network.address(1, name, [draw, 0]) else { panic!("an IPv4 address") };
                let within = network.v4.iter().any(|(start, length)| u32::from(ip).wrapping_sub(*start) < *length);
                assert!(within, "{ip} is not of AS{}", network.asn);
            }
        }
        let asns: std::collections::BTreeSet<u32> = NETWORKS.values().flatten().map(|network| network.asn).collect();
        assert!(asns.len() > 150, "{}", asns.len());
    }

    #[test]
    fn homes_keep_or_change_their_address_as_their_provider_does() {
        let days = |asn: u32, country: &str| {
            let networks = Country::of(country).networks(Kind::Home);
            let network = networks.iter().find(|network| network.asn == asn).unwrap();
            let all: std::collections::BTreeSet<IpAddr> = (0..200)
                .flat_map(|home| (0..14).map(move |day| (home, day)))
                .map(|(home, day)| network.of_home(1, home, day, home))
                .filter(IpAddr::is_ipv4)
                .collect();
            all.len()
        };
        assert!(days(8881, "DE") > 400, "another address each day: {}", days(8881, "DE"));
        assert!(days(5089, "GB") < 240, "the same address for years: {}", days(5089, "GB"));
    }

    #[test]
    fn phones_share_addresses() {
        let network = Country::of("PL").networks(Kind::Mobile).iter().find(|network| network.asn == 39603).unwrap();
        let all: std::collections::BTreeSet<IpAddr> =
            (0..1_000).map(|phone| network.of_phone(1, phone, 1, 16)).filter(IpAddr::is_ipv4).collect();
        assert!(all.len() <= 16, "{}", all.len());
    }
}
