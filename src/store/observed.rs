//! An observation that outlives its request: what is told later (to a shared store that was away) or elsewhere (to the
//! process that took over) is this.

use super::{DeviceKey, MOST_ALIASES, Observation, Presented};
use super::{MOST_VELOCITIES, VelocityKey};
use crate::engine::attempt::{AttemptId, Network, Pseudonym};
use crate::engine::event::Event;
use crate::engine::time::Timestamp;

/// An [`Observation`] of one's own.
#[derive(Clone, Debug)]
pub struct Observed {
    pub(super) id: AttemptId,
    pub(super) at: Timestamp,
    pub(super) event: Event,
    pub(super) network: Network,
    pub(super) device: DeviceKey,
    pub(super) cookie: Option<Presented>,
    pub(super) told_apart: bool,
    /// At most [`MOST_ALIASES`].
    pub(super) accounts: Vec<Pseudonym>,
    pub(super) spelled: bool,
    /// At most [`MOST_VELOCITIES`].
    pub(super) velocities: Vec<VelocityKey>,
    pub(super) card: Option<Pseudonym>,
}

impl Observed {
    pub fn of(seen: &Observation<'_>) -> Observed {
        Observed {
            id: seen.id,
            at: seen.at,
            event: seen.event.clone(),
            network: seen.network,
            device: seen.device,
            cookie: seen.cookie,
            told_apart: seen.told_apart,
            accounts: seen.accounts[..seen.accounts.len().min(MOST_ALIASES)].to_vec(),
            spelled: seen.spelled,
            velocities: seen.velocities[..seen.velocities.len().min(MOST_VELOCITIES)].to_vec(),
            card: seen.card,
        }
    }

    pub fn observation(&self) -> Observation<'_> {
        Observation {
            id: self.id,
            at: self.at,
            event: self.event.clone(),
            network: self.network,
            device: self.device,
            cookie: self.cookie,
            told_apart: self.told_apart,
            accounts: &self.accounts,
            spelled: self.spelled,
            velocities: &self.velocities,
            card: self.card,
        }
    }
}
