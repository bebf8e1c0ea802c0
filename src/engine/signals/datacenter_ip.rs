//! The address belongs to a hosting provider: a server, not a home or a telephone.
//!
//! # What it reads
//! Whether the address, by its network (ASN) or by a list, is a hosting provider's (`intel.datacenter`). Relays that hide
//! ordinary people by default (Apple's Private Relay leaves through content networks) never fire it. Blind where neither
//! an ASN database nor a list is there.
//!
//! # Why it matters
//! People do not live in data centres, programs do. Rented servers are the cheapest place to guess from.
//!
//! # Who trips it innocently
//! Companies whose staff leave through a cloud proxy or work on hosted desktops, and commercial VPNs, most of which rent
//! servers. So it stays far from any threshold alone.
//!
//! # Parameters
//! None; `intel.asn`, `intel.anonymous` and `intel.datacenter` bring the addresses.

use super::{Findings, Reading, Signal, Weights};
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "datacenter_ip",
    summary: "the client address belongs to a hosting provider",
    weights: Weights { bot: 1.2, account_takeover: 0.5, account_abuse: 0.7 },
    parameters: &[],
    read,
};

fn read(evidence: &Evidence, _parameters: &[f64]) -> Reading {
    let intel = &evidence.intel;
    Reading::of_address(intel, &intel.datacenter, |provider| {
        let findings = intel.asn.map_or_else(Findings::new, |asn| Findings::new().count("asn", asn));
        findings.text("org", intel.org.as_deref().unwrap_or(provider)).text("provider", provider)
    })
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

    fn hoster() -> Known<Arc<str>> {
        Known::Yes(Arc::from("DigitalOcean"))
    }

    #[test]
    fn fires_on_a_hosting_provider_with_what_is_known_of_it() {
        let org = Some(Arc::from("DigitalOcean, LLC"));
        let reading = check(Intel { datacenter: hoster(), asn: Some(14061), org, ..Intel::default() });
        let findings = Findings::new().count("asn", 14061u32).text("org", "DigitalOcean, LLC");
        assert_eq!(reading, Reading::Fired(findings.text("provider", "DigitalOcean")));
        let by_list = check(Intel { datacenter: hoster(), ..Intel::default() });
        let findings = Findings::new().text("org", "DigitalOcean").text("provider", "DigitalOcean");
        assert_eq!(by_list, Reading::Fired(findings));
    }

    #[test]
    fn blind_without_a_database_and_a_list() {
        assert_eq!(check(Intel { datacenter: Known::Unknown, ..Intel::default() }), Reading::Blind);
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, intel) in [
            ("at home", Intel { datacenter: Known::No, ..Intel::default() }),
            ("Private Relay", Intel { datacenter: hoster(), relay: true, ..Intel::default() }),
            ("a VPN from homes", Intel { datacenter: Known::No, vpn: hoster(), ..Intel::default() }),
        ] {
            assert_eq!(check(intel), Reading::Quiet, "{who}");
        }
    }
}
