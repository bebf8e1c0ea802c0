//! How challenges are set.

use super::Resolver;
use super::policies::kind_of;
use crate::config::file::Challenge;
use crate::config::settings::{Challenges, ProofOfWork};
use crate::config::slot::Slot;
use crate::engine::clearance::ChallengeKind;
use std::time::Duration;

/// About 65,000 hashes: a tenth of a second on a phone.
const DIFFICULTY: u64 = 16;
const LIFETIME: Duration = Duration::from_secs(300);

impl Resolver<'_, '_> {
    pub(super) fn challenges(&self, slot: &Slot<Challenge>) -> Challenges {
        let absent = Challenge::default();
        let keys = slot.get().unwrap_or(&absent);
        let lifetimes = Duration::from_secs(10)..=Duration::from_secs(3600);
        let difficulty =
            keys.proof_of_work.get().map_or(DIFFICULTY, |work| self.number(&work.difficulty, DIFFICULTY, 1..=28));
        Challenges {
            proof_of_work: ProofOfWork { difficulty: difficulty as u8 },
            ticket_lifetime: self.duration(&keys.ticket_lifetime, LIFETIME, lifetimes.clone()),
            clearance_lifetime: self.duration(&keys.clearance_lifetime, LIFETIME, lifetimes),
            default_kind: keys.default.get().map_or(ChallengeKind::ProofOfWork, |kind| kind_of(*kind)),
        }
    }
}
