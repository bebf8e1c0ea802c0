//! The address is a proxy's that lets anybody out, or the request says itself that it was passed on.
//!
//! # What it reads
//! Whether an Anonymous-IP database has the address as a public or a residential proxy, or the operator's list has it
//! (`intel.proxy`): the whole weight. And headers by which proxies tell of themselves (`client.appearance.forwarding`), where
//! the peer is no proxy of the operator's: `Via` alone, or addresses of an inner network, three twentieths of the weight;
//! another public address, three tenths; four or more different headers of that kind in one request, six tenths. Apple's
//! Private Relay never fires it by its address. Blind where a database should have told and could not.
//!
//! # Why it matters
//! Lists of open proxies and rented homes are how one attacker comes from a thousand addresses. And whoever writes
//! `X-Forwarded-For` himself hopes that somebody believes it.
//!
//! # Who trips it innocently
//! Company proxies and some telephone networks add `Via` or `X-Forwarded-For` honestly: that is worth next to nothing. People
//! whose television or game console lets strangers out do not know it. A balancer of the operator's own that is missing in
//! `client_ip.trusted_proxies` makes everybody look passed on; the log warns of that.
//!
//! # Parameters
//! `share`: how much must have come together for it to be said to have fired.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::appearance::Forwarding;
use crate::engine::evidence::{Evidence, Known};

pub static SIGNAL: Signal = Signal {
    name: "proxy_ip",
    summary: "the client address belongs to a proxy that lets anybody out, or the request was passed on by one",
    weights: Weights { bot: 1.0, account_takeover: 0.8, account_abuse: 0.9 },
    parameters: &[Parameter {
        name: "share",
        summary: "how much of the weight must have come together for it to be said to have fired",
        default: 0.3,
        min: 0.1,
        max: 1.0,
    }],
    needs: "the lists of proxies",
    findings: &[
        ("kind", "a proxy: {}"),
        ("provider", "by {}"),
        ("via", "the request names a proxy that passed it on|no proxy names itself"),
        ("address_headers", "{} headers name an address that it comes from"),
        ("public", "and one of those is a public address|and none of those is a public address"),
        ("share", "share {} of the weight"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[least] = parameters else { return Reading::Blind };
    let forwarding = evidence.attempt.client.appearance.forwarding;
    let told = worth(forwarding);
    let (share, findings) = match &evidence.intel.proxy {
        _ if evidence.intel.relay => (told, Findings::new()),
        Known::Yes(proxy) => (1.0, Findings::new().text("kind", proxy.kind.name()).text("provider", &proxy.provider)),
        Known::No => (told, Findings::new()),
        Known::Unknown if told > 0.0 => (told, Findings::new()),
        Known::Unknown => return Reading::Blind,
    };
    if share == 0.0 {
        return Reading::Quiet;
    }
    let findings = match told > 0.0 {
        true => findings
            .flag("via", forwarding.via)
            .count("address_headers", forwarding.addresses)
            .flag("public", forwarding.public),
        false => findings,
    };
    Reading::Weighed { share, fires: share > least - 1e-9, findings: findings.number("share", share) }
}

/// What the request itself tells.
fn worth(forwarding: Forwarding) -> f64 {
    match forwarding {
        Forwarding { addresses: 4.., .. } => 0.6,
        Forwarding { public: true, .. } => 0.3,
        Forwarding { addresses: 1.., .. } | Forwarding { via: true, .. } => 0.15,
        Forwarding { .. } => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::{Intel, Proxy, ProxyKind};
    use crate::engine::fixture;

    const HOME: Intel = Intel {
        country: None,
        location: None,
        place: None,
        asn: None,
        org: None,
        datacenter: Known::No,
        vpn: Known::No,
        proxy: Known::No,
        tor_exit: Known::No,
        relay: false,
        lists: Vec::new(),
        leaked: Known::No,
    };

    fn check(intel: Intel, forwarding: Forwarding) -> Reading {
        let mut evidence = fixture::at(intel);
        evidence.attempt.client.appearance.forwarding = forwarding;
        read(&evidence, &[0.3])
    }

    fn proxy(kind: ProxyKind) -> Known<Proxy> {
        Known::Yes(Proxy { kind, provider: "Somebody".into() })
    }

    fn share(reading: &Reading) -> (f64, bool) {
        match reading {
            Reading::Weighed { share, fires, .. } => (*share, *fires),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fires_on_a_proxy_and_says_whose() {
        for (kind, name) in
            [(ProxyKind::Listed, "listed"), (ProxyKind::Public, "public"), (ProxyKind::Residential, "residential")]
        {
            let reading = check(Intel { proxy: proxy(kind), ..HOME }, Forwarding::default());
            let findings = Findings::new().text("kind", name).text("provider", "Somebody").number("share", 1.0);
            assert_eq!(reading, Reading::Weighed { share: 1.0, fires: true, findings });
        }
    }

    #[test]
    fn fires_on_a_public_address_that_was_passed_on_with_little_weight() {
        let one = Forwarding { via: false, addresses: 1, public: true };
        assert_eq!(share(&check(HOME, one)), (0.3, true));
        assert_eq!(share(&check(HOME, Forwarding { addresses: 5, ..one })), (0.6, true));
    }

    #[test]
    fn blind_where_the_database_could_not_be_asked() {
        let blind = Intel { proxy: Known::Unknown, ..HOME };
        assert_eq!(check(blind.clone(), Forwarding::default()), Reading::Blind);
        let via = Forwarding { via: true, ..Forwarding::default() };
        assert_eq!(share(&check(blind, via)), (0.15, false));
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, intel) in [
            ("at home", HOME),
            ("on a server, which has its own signal", Intel { datacenter: Known::Yes("Hetzner".into()), ..HOME }),
            (
                "Private Relay that a database calls a proxy",
                Intel { proxy: proxy(ProxyKind::Public), relay: true, ..HOME },
            ),
        ] {
            assert_eq!(check(intel, Forwarding::default()), Reading::Quiet, "{who}");
        }
        let via = Forwarding { via: true, ..Forwarding::default() };
        assert_eq!(share(&check(HOME, via)), (0.15, false), "a company's proxy is shown and fires nothing");
        let inner = Forwarding { via: true, addresses: 1, public: false };
        assert_eq!(share(&check(HOME, inner)), (0.15, false), "and one that tells its inner address");
    }
}
