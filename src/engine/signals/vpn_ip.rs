//! The address is a VPN provider's.
//!
//! # What it reads
//! Whether an Anonymous-IP database or the operator's list has the address as a VPN (`intel.vpn`). Apple's Private Relay
//! never fires it, whatever a database says: it comes with the telephone. Blind where no source of VPN addresses is
//! configured.
//!
//! # Why it matters
//! It takes the place and the name off an attempt, and lets one sender look like many.
//!
//! # Who trips it innocently
//! Very many: privacy-minded people, travellers, staff on the company's VPN. It shifts a score and must never decide.
//!
//! # Parameters
//! None; `intel.anonymous` and `intel.vpn` bring the addresses.

use super::{Findings, Reading, Signal, Weights};
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "vpn_ip",
    summary: "the client address belongs to a VPN service",
    weights: Weights { bot: 0.5, account_takeover: 0.8, account_abuse: 0.8 },
    parameters: &[],
    read,
};

fn read(evidence: &Evidence, _parameters: &[f64]) -> Reading {
    let intel = &evidence.intel;
    Reading::of_address(intel, &intel.vpn, |provider| Findings::new().text("provider", provider))
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

    fn vpn() -> Known<Arc<str>> {
        Known::Yes(Arc::from("Mullvad"))
    }

    #[test]
    fn fires_on_a_vpn_and_names_it() {
        let reading = check(Intel { vpn: vpn(), ..Intel::default() });
        assert_eq!(reading, Reading::Fired(Findings::new().text("provider", "Mullvad")));
    }

    #[test]
    fn blind_where_nothing_lists_vpns() {
        assert_eq!(check(Intel { vpn: Known::Unknown, ..Intel::default() }), Reading::Blind);
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, intel) in [
            ("at home", Intel { vpn: Known::No, ..Intel::default() }),
            ("Private Relay that a database calls a VPN", Intel { vpn: vpn(), relay: true, ..Intel::default() }),
            ("Private Relay where nothing lists VPNs", Intel { relay: true, ..Intel::default() }),
            ("a server, which has its own signal", Intel { vpn: Known::No, datacenter: vpn(), ..Intel::default() }),
        ] {
            assert_eq!(check(intel), Reading::Quiet, "{who}");
        }
    }
}
