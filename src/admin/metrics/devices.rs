//! Device cookies: what came, and what was given out.

use super::{Error, Family, IntCounter, Metrics, table};

/// What requests on protected routes bring for a device cookie; the gate's words for it.
const FOUND: [&str; 7] = ["none", "fresh", "proven", "forged", "expired", "contested", "withheld"];

#[derive(Debug)]
pub(super) struct Devices {
    /// By place in [`FOUND`].
    found: [IntCounter; FOUND.len()],
    /// New, again.
    given: [IntCounter; 2],
    /// Senders whose rhythm is no longer known.
    forgotten: IntCounter,
}

impl Devices {
    pub(super) fn new(of: &Family<'_>) -> Result<Devices, Error> {
        let (found, given) = (of.counters(table::DEVICE_COOKIES)?, of.counters(table::DEVICE_COOKIES_GIVEN)?);
        Ok(Devices {
            found: FOUND.map(|word| found.with_label_values(&[word])),
            given: ["new", "again"].map(|what| given.with_label_values(&[what])),
            forgotten: of.counter(table::PACES_FORGOTTEN)?,
        })
    }
}

impl Metrics {
    /// A request on a protected route came with this for a device cookie; other words are not counted.
    pub fn device_cookie(&self, found: &'static str) {
        if let Some(place) = FOUND.iter().position(|known| *known == found) {
            self.devices.found[place].inc();
        }
    }

    /// An attempt's rhythm was noted; whether another sender's was forgotten for it.
    pub fn pace_noted(&self, forgotten: bool) {
        if forgotten {
            self.devices.forgotten.inc();
        }
    }

    /// An answer carries a device cookie: of a new device, or of a known one again.
    pub fn device_cookie_given(&self, again: bool) {
        self.devices.given[usize::from(again)].inc();
    }
}
