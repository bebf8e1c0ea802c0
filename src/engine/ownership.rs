//! Whose login it was, as far as the account's own history tells: what is looked at after the password was right.
//!
//! Everything here is a hash under the installation's key or as coarse as a country: whoever reads a profile learns that an
//! account was used from a handful of networks, and not from which. Positions are rounded to a hundredth of a degree and
//! come with the radius that their source claims, because a position without one is a claim nobody made.

use super::attempt::{Agent, AgentKind, AttemptId, Pseudonym};
use super::evidence::{Account, Country, Intel, Known};
use super::freeman::live::FADES;
use super::time::Timestamp;
use std::time::Duration;

/// Levels of the address: the address itself, its network, its country.
pub const ADDRESS_LEVELS: usize = 3;
/// Levels of the User-Agent: the very software (the header, and the others that tell of it), the browser, the system, the
/// kind of device.
pub const AGENT_LEVELS: usize = 4;
/// All levels: the address's first.
pub const LEVELS: usize = ADDRESS_LEVELS + AGENT_LEVELS;

/// A login whose password was right, as the account's profile learns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    /// Of the attempt.
    pub id: AttemptId,
    pub account: Pseudonym,
    /// When it was attempted: what it counts by, whenever it is told.
    pub at: Timestamp,
    pub shows: Traits,
}

/// What a login shows of whoever made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// Keyed hashes, one a level: values that are equal under one key are equal, and none of two levels are.
    pub values: [u64; LEVELS],
    pub from: Whence,
    /// Keyed hash of the device's cookie, else of its fingerprint.
    pub device: u64,
    /// Whether that is a cookie: a fingerprint is shared by all who run the same software.
    pub device_is_proof: bool,
}

/// Where a login came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whence {
    pub place: Option<Place>,
    pub country: Option<Country>,
    /// 0: unknown.
    pub asn: u32,
    pub network: NetworkKind,
}

/// Whether the address says anything about where the person is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetworkKind {
    /// An ordinary one, as far as is known.
    #[default]
    Access,
    Hosting,
    Vpn,
    Tor,
    /// Hides ordinary people by default.
    Relay,
    /// What should have told could not be asked.
    Unknown,
}

impl NetworkKind {
    pub const ALL: [NetworkKind; 6] = [
        NetworkKind::Access,
        NetworkKind::Hosting,
        NetworkKind::Vpn,
        NetworkKind::Tor,
        NetworkKind::Relay,
        NetworkKind::Unknown,
    ];

    pub fn of(intel: &Intel) -> NetworkKind {
        if intel.relay {
            return NetworkKind::Relay;
        }
        match (&intel.tor_exit, &intel.vpn, &intel.datacenter) {
            (Known::Yes(()), ..) => NetworkKind::Tor,
            (_, Known::Yes(_), _) => NetworkKind::Vpn,
            (_, _, Known::Yes(_)) => NetworkKind::Hosting,
            (Known::Unknown, ..) | (_, Known::Unknown, _) | (_, _, Known::Unknown) => NetworkKind::Unknown,
            (Known::No, Known::No, Known::No) => NetworkKind::Access,
        }
    }

    /// As published.
    pub fn name(self) -> &'static str {
        match self {
            NetworkKind::Access => "access",
            NetworkKind::Hosting => "hosting",
            NetworkKind::Vpn => "vpn",
            NetworkKind::Tor => "tor",
            NetworkKind::Relay => "relay",
            NetworkKind::Unknown => "unknown",
        }
    }

    /// Whether whoever comes from there may be anywhere.
    pub fn hides(self) -> bool {
        match self {
            NetworkKind::Hosting | NetworkKind::Vpn | NetworkKind::Tor | NetworkKind::Relay => true,
            NetworkKind::Access | NetworkKind::Unknown => false,
        }
    }
}

/// A position on the earth, and how far the truth may be from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Hundredths of a degree north.
    lat: i16,
    /// Hundredths of a degree east.
    lon: i16,
    /// Kilometres.
    pub radius_km: u16,
}

impl Place {
    /// From degrees; `None` for what is no position.
    pub fn new(lat: f64, lon: f64, radius_km: f64) -> Option<Place> {
        let fine = lat.abs() <= 90.0 && lon.abs() <= 180.0 && radius_km >= 0.0;
        fine.then(|| Place {
            lat: (lat * 100.0).round() as i16,
            lon: (lon * 100.0).round() as i16,
            radius_km: radius_km.ceil() as u16,
        })
    }

    /// As it is stored: hundredths of a degree north and east.
    pub fn hundredths(self) -> (i16, i16) {
        (self.lat, self.lon)
    }

    pub fn from_hundredths(lat: i16, lon: i16, radius_km: u16) -> Option<Place> {
        (lat.unsigned_abs() <= 9_000 && lon.unsigned_abs() <= 18_000).then_some(Place { lat, lon, radius_km })
    }

    /// The least that lies between: the great circle (haversine, on a sphere of 6371 km) less both radii.
    pub fn least_km_to(self, other: Place) -> f64 {
        let radians = |hundredths: i16| (f64::from(hundredths) / 100.0).to_radians();
        let (here, there) = (radians(self.lat), radians(other.lat));
        let north = ((there - here) / 2.0).sin().powi(2);
        let east = ((radians(other.lon) - radians(self.lon)) / 2.0).sin().powi(2);
        let between = 2.0 * 6371.0 * (north + here.cos() * there.cos() * east).sqrt().min(1.0).asin();
        (between - f64::from(self.radius_km) - f64::from(other.radius_km)).max(0.0)
    }
}

/// What kind of device a User-Agent speaks of: the lowest level of its hierarchy.
pub fn device_kind(agent: &Agent) -> &'static str {
    match (&agent.kind, agent.os.as_deref()) {
        (AgentKind::Browser | AgentKind::Unknown, Some("Android" | "iOS" | "iPadOS")) => "mobile",
        (AgentKind::Browser, _) => "desktop",
        (AgentKind::Library(_) | AgentKind::Crawler(_) | AgentKind::Automation(_), _) => "program",
        (AgentKind::Absent | AgentKind::Unknown, _) => "unknown",
    }
}

/// What is known of the account's owner at the moment after success; this login is not part of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ownership {
    /// The account's own logins, decayed (half-life sixty days). 0: none is known.
    pub logins: f64,
    /// Everybody's, likewise.
    pub population: f64,
    /// How much better a stranger explains this login than the owner: see [`freeman`](super::freeman). `None` if there
    /// is nothing to compare with.
    pub likelihood: Option<f64>,
    pub seen: Seen,
    /// How many different values of each level the account has shown.
    pub values: [u8; LEVELS],
    /// Everybody's logins that show what this one shows at each level, decayed.
    pub common: [f64; LEVELS],
    /// This device on this account.
    pub device: Option<KnownDevice>,
    /// How many devices the account is known to have.
    pub devices: u32,
    /// This very login.
    pub here: Success,
    /// The latest login that was let through.
    pub last: Option<Success>,
    /// Logins that succeeded at about the same time, and are not through yet.
    pub parallel: Vec<Success>,
    /// When a success last ended a burst of failures.
    pub suspected: Option<Timestamp>,
    /// What happened to the account lately, read again: attempts beside this one may have been answered since.
    pub account: Account,
    /// Whether most answers on this route are answers to nothing known: then the last success that is known may long
    /// not be the last.
    pub unrecognised: bool,
}

impl Ownership {
    /// Whether the account has shown anything lately that this login can be like or unlike. After half a year without a
    /// login nothing of it is left, and before the first one nothing is new.
    pub fn can_compare(&self) -> bool {
        let fades = Duration::from_secs(u64::from(FADES) * 86_400);
        self.logins > 0.0 && self.last.is_some_and(|last| self.here.at.since(last.at) <= fades)
    }

    /// How surprising a value is that the account never showed, between 0 and 1, by how many different ones of its level
    /// it did: whoever has been in six networks will be in a seventh.
    pub fn surprise(&self, level: usize) -> f64 {
        let known = self.values.get(level).copied().unwrap_or_default();
        2.0 / (1.0 + f64::from(known.max(1)))
    }
}

/// A login that succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Success {
    pub at: Timestamp,
    pub from: Whence,
    /// As [`Traits::device`]; `None` where that is only a fingerprint.
    pub cookie: Option<u64>,
}

impl Success {
    pub fn of(login: &Login) -> Success {
        let shows = &login.shows;
        Success { at: login.at, from: shows.from, cookie: shows.device_is_proof.then_some(shows.device) }
    }
}

/// A device on one account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownDevice {
    /// Days, as [`freeman::live`](super::freeman::live) counts them.
    pub first: u16,
    pub last: u16,
    /// Successes on it: its trust.
    pub successes: u16,
    /// Whether it is told by its cookie.
    pub by_cookie: bool,
}

/// Which levels of a login the account showed before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen(pub u8);

impl Seen {
    /// The address itself (of IPv6 its /64).
    pub fn address(self) -> bool {
        self.level(0)
    }

    /// The autonomous system.
    pub fn network(self) -> bool {
        self.level(1)
    }

    pub fn country(self) -> bool {
        self.level(2)
    }

    /// The very software: the User-Agent, and the other headers that name it and its languages.
    pub fn agent(self) -> bool {
        self.level(3)
    }

    pub fn browser(self) -> bool {
        self.level(4)
    }

    /// The operating system.
    pub fn system(self) -> bool {
        self.level(5)
    }

    pub fn level(self, level: usize) -> bool {
        self.0 >> level & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_atlas_less_what_is_not_known() {
        let place = |lat, lon, radius| Place::new(lat, lon, radius).unwrap();
        let berlin = place(52.52, 13.40, 0.0);
        let between = berlin.least_km_to(place(40.71, -74.01, 0.0));
        assert!((between - 6385.0).abs() < 5.0, "{between}");
        assert!((berlin.least_km_to(place(40.71, -74.01, 385.0)) - 6000.0).abs() < 5.0);
        assert_eq!(berlin.least_km_to(place(48.86, 2.35, 2_000.0)), 0.0, "within the radius");
        let antipodes = place(0.0, 180.0, 0.0).least_km_to(place(0.0, 0.0, 0.0));
        assert!((antipodes - 20_015.0).abs() < 1.0, "{antipodes}");
        assert!(place(0.0, 179.99, 0.0).least_km_to(place(0.0, -179.99, 0.0)) < 3.0, "across the date line");
        assert_eq!(Place::new(91.0, 0.0, 1.0), None);
        assert_eq!(Place::new(f64::NAN, 0.0, 1.0), None);
        assert_eq!(Place::from_hundredths(0, 18_001, 1), None);
    }

    #[test]
    fn a_relay_hides_and_a_home_does_not() {
        let home = Intel { tor_exit: Known::No, vpn: Known::No, datacenter: Known::No, ..Intel::default() };
        assert_eq!(NetworkKind::of(&home), NetworkKind::Access);
        assert_eq!(NetworkKind::of(&Intel { relay: true, ..home.clone() }), NetworkKind::Relay);
        assert_eq!(NetworkKind::of(&Intel { tor_exit: Known::Unknown, ..home.clone() }), NetworkKind::Unknown);
        assert_eq!(
            NetworkKind::of(&Intel { vpn: Known::Yes("v".into()), tor_exit: Known::Unknown, ..home }),
            NetworkKind::Vpn
        );
        assert!(NetworkKind::ALL.iter().filter(|kind| kind.hides()).count() == 4);
    }
}
