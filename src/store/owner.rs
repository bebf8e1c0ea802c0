//! Whose account it is: what the stores are asked and told of it.
//!
//! A login is asked about when the application said that the password was right and before anybody gets the answer
//! ([`Proof`]); it is learnt when it was let through ([`Taught`], with its settlement). Between the two it is on its way, and
//! whoever succeeds on the account meanwhile is told of it: two thieves, or a thief and the owner, see each other however
//! close they come. What is refused is taken off the way and never learnt; what is held until a challenge is solved is
//! taken off, and learnt when it is released.

use super::StoreError;
use crate::engine::attempt::{Network, Pseudonym};
use crate::engine::freeman::live::Profile;
use crate::engine::ownership::{KnownDevice, LEVELS, Login, Ownership, Success};
use crate::engine::time::Timestamp;
use crate::store::DeviceKey;

/// A login whose password was right, and where it came from as the account's counters know it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proof {
    pub login: Login,
    /// The account that the typed name may mean beside the login's own: read, and taught nothing.
    pub reading: Option<Pseudonym>,
    pub network: Network,
    pub device: DeviceKey,
    /// The present.
    pub at: Timestamp,
}

/// What is known of the owner.
#[derive(Clone, Debug)]
pub struct Proven {
    pub owner: Box<Ownership>,
    /// Why the store itself could not say it: then it is what this gate alone has learnt.
    pub missing: Option<StoreError>,
}

/// What a success teaches about the account's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taught {
    pub login: Login,
    /// Whether it looked like the end of a burst of guesses: that is remembered, and nothing of it is learnt.
    pub suspect: bool,
}

/// What may be shown of an account's profile: nothing that says where its owner was before.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownOwner {
    /// Logins that were let through, decayed (half-life sixty days).
    pub logins: f64,
    pub last: Option<Success>,
    pub devices: Vec<KnownDevice>,
    /// Different values by level: address, network, country; User-Agent, browser, system, kind of device.
    pub values: [u32; LEVELS],
}

impl KnownOwner {
    pub fn of(profile: &Profile, at: Timestamp) -> KnownOwner {
        let (logins, devices, last) = profile.summary(at);
        KnownOwner { logins, last, devices, values: profile.known_values(at) }
    }
}

const _: () = assert!(size_of::<Taught>() <= 192, "it waits by the million while a store is away");
