//! What the records of a file say, put back: the one place that knows of every kind what stands behind it. What makes no
//! sense ends the reading, because nobody can tell where the next record begins.

use super::*;

impl Memory {
    /// Takes one record off the front and puts what it says back. `None` if it says nothing that makes sense.
    pub(in super::super) fn restore(&self, from: &mut &[u8], now: Timestamp) -> Option<()> {
        match u8::take(from)? {
            NETWORK => self.networks.restore(Network::take(from)?, u32::take(from)?, SourceEntry::take(from)?),
            DEVICE => self.devices.restore(DeviceKey::take(from)?, u32::take(from)?, SourceEntry::take(from)?),
            ACCOUNT => self.accounts.restore(Pseudonym::take(from)?, u32::take(from)?, AccountEntry::take(from)?),
            VELOCITY => {
                self.velocities.restore(VelocityKey::take(from)?, u32::take(from)?, VelocityEntry::take(from)?);
            }
            HOLDER => self.holders.restore(Pseudonym::take(from)?, u32::take(from)?, HolderEntry::take(from)?),
            ORDER => self.orders.restore(Pseudonym::take(from)?, u32::take(from)?, OrderEntry::take(from)?),
            PROFILE => self.profiles.restore(Pseudonym::take(from)?, u32::take(from)?, Profile::take(from)?),
            VALUE => self.values.restore(u64::take(from)?, u32::take(from)?, Value::take(from)?),
            owners::TOTALS => *self.totals.lock() = Totals::take(from)?,
            OPEN => {
                let (id, open) = (AttemptId::take(from)?, Open::take(from)?);
                self.open.restore(id, Some(open).filter(|open| now.since(open.at) <= LONGEST));
            }
            CLOSED => self.open.restore(AttemptId::take(from)?, None),
            SPENT => {
                let (token, expiry) = (<[u8; 16]>::take(from)?, Timestamp::take(from)?);
                if expiry > now {
                    self.burnt.restore(token, expiry);
                }
            }
            HELD => {
                let (id, expiry, length) = (<[u8; 16]>::take(from)?, Timestamp::take(from)?, u32::take(from)?);
                let (sealed, rest) = from.split_at_checked(length as usize)?;
                *from = rest;
                if expiry > now {
                    // Held before, so there is room; unless the operator made it smaller.
                    let _ = self.held.hold(id, Bytes::copy_from_slice(sealed), expiry.since(now), now);
                }
            }
            HANDED_OUT => {
                self.held.take(<[u8; 16]>::take(from)?, now);
            }
            lists::CHANGED => lists::restore(self, from, now)?,
            _ => return None,
        }
        Some(())
    }
}
