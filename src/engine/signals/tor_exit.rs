//! The address is an exit of the Tor network.
//!
//! # What it reads
//! Whether a list of exits or an Anonymous-IP database has the address (`intel.tor_exit`). Blind where neither is there.
//!
//! # Why it matters
//! A new address with every circuit, at no cost, is what guessing needs to outlive counters by address.
//!
//! # Who trips it innocently
//! Journalists, people under censorship, people who want to be left alone. Alone it must never refuse anybody.
//!
//! # Parameters
//! None; `intel.tor_exit` and `intel.anonymous` bring the addresses.

use super::{Findings, Reading, Signal, Weights};
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "tor_exit",
    summary: "the client address is an exit of the Tor network",
    weights: Weights { bot: 1.2, account_takeover: 1.6, account_abuse: 1.6 },
    parameters: &[],
    read,
};

fn read(evidence: &Evidence, _parameters: &[f64]) -> Reading {
    Reading::of_known(&evidence.intel.tor_exit, |()| Findings::new().flag("listed", true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::{Intel, Known};
    use crate::engine::fixture;
    use std::sync::Arc;

    fn check(intel: Intel) -> Reading {
        read(&fixture::at(intel), &[])
    }

    #[test]
    fn fires_on_an_exit() {
        let reading = check(Intel { tor_exit: Known::Yes(()), ..Intel::default() });
        assert_eq!(reading, Reading::Fired(Findings::new().flag("listed", true)));
    }

    #[test]
    fn blind_without_a_list_of_exits() {
        assert_eq!(check(Intel { tor_exit: Known::Unknown, ..Intel::default() }), Reading::Blind);
    }

    #[test]
    fn innocents_stay_quiet() {
        let by = |name| Known::Yes(Arc::from(name));
        for (who, intel) in [
            ("at home", Intel { tor_exit: Known::No, ..Intel::default() }),
            ("on a VPN", Intel { tor_exit: Known::No, vpn: by("Mullvad"), ..Intel::default() }),
            ("on a server", Intel { tor_exit: Known::No, datacenter: by("Hetzner"), ..Intel::default() }),
        ] {
            assert_eq!(check(intel), Reading::Quiet, "{who}");
        }
    }
}
