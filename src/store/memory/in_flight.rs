//! Attempts that were forwarded and not yet answered, as a number that heals by itself.
//!
//! An outcome can get lost (a worker that panics, a connection that is torn down in an odd phase), and a plain counter
//! would carry that attempt for ever. So the number is kept by the minute of arrival, for the running minute and the two
//! before: what is not answered after two to three minutes no longer counts as in flight.

use super::state::kept::kept;
use crate::engine::time::Timestamp;

const MINUTES: usize = 3;

#[derive(Clone, Copy, Debug, Default)]
pub struct InFlight {
    /// The running minute, since the epoch.
    minute: u32,
    /// By age in minutes.
    arrived: [u32; MINUTES],
}

kept!(InFlight { minute, arrived });

impl InFlight {
    pub fn enter(&mut self, at: Timestamp) {
        let minute = minute_of(at);
        if minute > self.minute {
            let passed = (minute - self.minute) as usize;
            let mut aged = [0; MINUTES];
            if passed < MINUTES {
                aged[passed..].copy_from_slice(&self.arrived[..MINUTES - passed]);
            }
            self.arrived = aged;
            self.minute = minute;
        } else if self.age_of(minute).is_none() {
            self.minute = minute; // The clock was set back: who is in flight now was so before.
        }
        if let Some(arrived) = self.slot(minute) {
            *arrived = arrived.saturating_add(1);
        }
    }

    pub fn leave(&mut self, at: Timestamp) {
        if let Some(arrived) = self.slot(minute_of(at)) {
            *arrived = arrived.saturating_sub(1);
        }
    }

    pub fn total(&self) -> u32 {
        self.arrived.iter().fold(0, |sum, arrived| sum.saturating_add(*arrived))
    }

    fn slot(&mut self, minute: u32) -> Option<&mut u32> {
        let age = self.age_of(minute)?;
        self.arrived.get_mut(age)
    }

    fn age_of(&self, minute: u32) -> Option<usize> {
        let age = self.minute.checked_sub(minute)? as usize;
        (age < MINUTES).then_some(age)
    }
}

fn minute_of(at: Timestamp) -> u32 {
    u32::try_from(at.0 / 60_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_leaves_is_forgotten_within_three_minutes() {
        let mut flight = InFlight::default();
        flight.enter(Timestamp::from_secs(60));
        flight.enter(Timestamp::from_secs(179));
        assert_eq!(flight.total(), 2);
        flight.enter(Timestamp::from_secs(240));
        assert_eq!(flight.total(), 2, "the first is gone, the second and third are there");
        flight.leave(Timestamp::from_secs(60));
        assert_eq!(flight.total(), 2, "leaving after that takes nobody else away");
        flight.enter(Timestamp::from_secs(6_000));
        assert_eq!(flight.total(), 1);
    }

    #[test]
    fn a_clock_set_back_loses_nobody() {
        let mut flight = InFlight::default();
        flight.enter(Timestamp::from_secs(6_000));
        flight.enter(Timestamp::from_secs(60));
        assert_eq!(flight.total(), 2);
        flight.enter(Timestamp::from_secs(240));
        assert_eq!(flight.total(), 1);
    }
}
