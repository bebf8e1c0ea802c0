//! What a device is worth that somebody succeeded on before.
//!
//! A device cookie costs nothing: whoever asks for the form gets one, a thousand if they like. What cannot be had for
//! nothing is a past. So a device has an entry in the store only once somebody logged in or registered on it, and what it
//! is worth grows with the *days* on which that happened, not with how often: a robot logs in a thousand times in an hour,
//! and on thirty days in thirty days only.
//!
//! What is said here is said of the device, never of whose it is: a thief's own telephone earns its past honestly, on the
//! thief's accounts. Whether an account knows a device is another question, and has its own field.

use super::time::Timestamp;
use std::time::Duration;

/// Within this long the accounts of a device are counted.
pub const ACCOUNTS_WITHIN_DAYS: u32 = 7;
/// A device on which nobody succeeded for this long is a stranger again.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(90 * 24 * 3600);

/// Days with a success at which a device is worth half of what it can be worth.
const HALF_TRUSTED_DAYS: f64 = 3.0;
/// What a device is worth halves in this time without a success.
const TRUST_HALF_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is known of the device with the cookie that was brought, as it was before this attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// The first success on it.
    pub first: Timestamp,
    /// The last one.
    pub last: Timestamp,
    pub successes: u32,
    /// Days (UTC) on which there was one.
    pub days: u32,
    /// Distinct accounts that logged in or registered on it within seven days. Exact up to 16, and never more.
    pub accounts: u32,
    /// Whether this attempt's account is among those.
    pub account_counts: bool,
    /// Whether somebody ever logged in on it. Registering is no proof: applications say yes to many a name that is taken.
    pub logged_in: bool,
    /// Whether this attempt's account ever logged in on it, as far as is remembered.
    pub knows_account: bool,
    /// Whether the cookie was seen in two places: it was given out anew, the new one was used, and the old one came again.
    pub copied: bool,
}

impl Holder {
    /// What the device is worth by itself, in [0, 1): `d / (d + 3)` after successes on `d` days, halving for each 30 days
    /// without one; nothing once its cookie was copied. By judgement, until it is measured on recorded attempts.
    pub fn trust(&self, now: Timestamp) -> f64 {
        if self.copied {
            return 0.0;
        }
        let days = f64::from(self.days);
        let idle = now.since(self.last).as_secs_f64() / TRUST_HALF_LIFE.as_secs_f64();
        days / (days + HALF_TRUSTED_DAYS) * (-idle).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;

    #[test]
    fn trust_grows_with_days_and_not_with_repetition() {
        let now = Timestamp(100 * DAY);
        let trust = |days, successes| Holder { last: now, days, successes, ..Holder::default() }.trust(now);
        assert_eq!(trust(0, 0), 0.0);
        assert_eq!(trust(3, 3), 0.5);
        assert_eq!(trust(1, 1), trust(1, 10_000));
        assert!((1..100).all(|days| trust(days, days) < trust(days + 1, days)));
        assert!(trust(u32::MAX, u32::MAX) <= 1.0);
    }

    #[test]
    fn trust_fades_and_a_copied_cookie_has_none() {
        let holder = Holder { last: Timestamp(100 * DAY), days: 3, successes: 3, ..Holder::default() };
        assert_eq!(holder.trust(Timestamp(130 * DAY)), 0.25);
        assert_eq!(holder.trust(Timestamp(0)), 0.5, "a clock that was set back");
        assert_eq!(Holder { copied: true, ..holder }.trust(Timestamp(100 * DAY)), 0.0);
    }
}
