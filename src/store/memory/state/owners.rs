//! What there is one of beside the entries: everybody's sums, written whole whenever a login was learnt since the last time.

use super::Memory;
use super::kept::Kept;

/// The kind of record: the sums as they are from now on.
pub const TOTALS: u8 = 52;

impl Memory {
    pub(super) fn write_totals(&self, batch: &mut Vec<u8>) {
        batch.push(TOTALS);
        self.totals.lock().put(batch);
    }

    /// Whether something changed and was not noted. Every kind is asked, so that none is asked about the same again.
    pub(super) fn missed(&self) -> bool {
        let missed = [
            self.open.missed(),
            self.networks.missed(),
            self.devices.missed(),
            self.accounts.missed(),
            self.velocities.missed(),
            self.holders.missed(),
            self.orders.missed(),
            self.profiles.missed(),
            self.values.missed(),
        ];
        missed.contains(&true)
    }
}
