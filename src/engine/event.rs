//! What kind of moment an attempt is.
//!
//! The set is open at one end only: an operator may name events of their own (`custom:<name>`), but the ones that
//! carry meaning for signals and policies are variants, so that a `match` over them is exhaustive.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The kind of moment that a route recognises. Published with a leading `$` (`$login`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    Login,
    Register,
    /// A reset was asked for: nothing is proven yet.
    Reset,
    /// The new password was set with the mailed token.
    ResetComplete,
    PasswordChange,
    Checkout,
    Logout,
    ProfileUpdate,
    /// A second step of the application's own (its OTP form, its mail code).
    Verification,
    /// What became of an order, said by somebody who knows (a payment provider's call).
    Settlement,
    /// An operator's own event; the name is in `[a-z0-9_]{1,32}`.
    Custom(Arc<str>),
}

impl Event {
    /// Every event that has a name of its own, in the order of the documentation.
    pub const NAMED: [Event; 10] = [
        Event::Login,
        Event::Register,
        Event::Reset,
        Event::ResetComplete,
        Event::PasswordChange,
        Event::Checkout,
        Event::Logout,
        Event::ProfileUpdate,
        Event::Verification,
        Event::Settlement,
    ];

    /// The name in configuration and CEL: `login`, `reset_complete`, `custom:gift_card`.
    pub fn name(&self) -> &str {
        match self {
            Event::Login => "login",
            Event::Register => "register",
            Event::Reset => "reset",
            Event::ResetComplete => "reset_complete",
            Event::PasswordChange => "password_change",
            Event::Checkout => "checkout",
            Event::Logout => "logout",
            Event::ProfileUpdate => "profile_update",
            Event::Verification => "verification",
            Event::Settlement => "settlement",
            Event::Custom(name) => name,
        }
    }

    /// Whether the attempt offers a secret that can be guessed, so that failures mean something about the sender.
    pub fn tries_a_secret(&self) -> bool {
        matches!(self, Event::Login | Event::Verification | Event::PasswordChange | Event::ResetComplete)
    }

    /// Whether a success makes the sender a user of the account, on this device: they logged in to it, or made it.
    pub fn admits(&self) -> bool {
        matches!(self, Event::Login | Event::Verification | Event::Register)
    }

    /// Whether a policy may judge again after success. Other events have already done something by then.
    pub fn has_after(&self) -> bool {
        matches!(self, Event::Login | Event::Verification)
    }
}

/// As published: `$login`; an operator's own as `$gift_card`.
impl Event {
    /// As records have it: `$login`, `$gift_card`.
    pub fn published(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Event::Login => "$login",
            Event::Register => "$register",
            Event::Reset => "$reset",
            Event::ResetComplete => "$reset_complete",
            Event::PasswordChange => "$password_change",
            Event::Checkout => "$checkout",
            Event::Logout => "$logout",
            Event::ProfileUpdate => "$profile_update",
            Event::Verification => "$verification",
            Event::Settlement => "$settlement",
            Event::Custom(name) => {
                return Cow::Owned(format!("${}", name.strip_prefix("custom:").unwrap_or(name)));
            }
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.published())
    }
}

impl FromStr for Event {
    type Err = ();

    fn from_str(text: &str) -> Result<Event, ()> {
        if let Some(named) = Event::NAMED.into_iter().find(|event| event.name() == text) {
            return Ok(named);
        }
        let name = text.strip_prefix("custom:").ok_or(())?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if name.is_empty() || name.len() > 32 || !name.bytes().all(plain) {
            return Err(());
        }
        Ok(Event::Custom(Arc::from(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_reads_back_from_its_name() {
        for event in Event::NAMED {
            assert_eq!(event.name().parse(), Ok(event.clone()));
        }
        assert_eq!("custom:gift_card".parse::<Event>().unwrap().to_string(), "$gift_card");
        assert_eq!("custom:Gift".parse::<Event>(), Err(()));
        assert_eq!("signin".parse::<Event>(), Err(()));
    }
}
