//! A crawler, by its own word, where only people belong.
//!
//! # What it reads
//! What the User-Agent says (`device.agent`): the names that search engines, preview fetchers, archives and scanners give
//! themselves.
//!
//! # Why it matters
//! No crawler has an account. One that posts a login form is a scanner, or a program that borrowed the name because many
//! sites let that name pass.
//!
//! # Who trips it innocently
//! The security scanner that the operator ordered, and monitoring that logs in on purpose: allow-list their addresses and
//! say so in a rule. Previews and mail scanners fetch links but post no forms.
//!
//! # Parameters
//! None.

use super::{Findings, Reading, Signal, Weights};
use crate::engine::attempt::AgentKind;
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "web_crawler",
    summary: "the client calls itself a crawler, on a route where only people belong",
    weights: Weights { bot: 4.8, account_takeover: 0.5, account_abuse: 0.8 },
    parameters: &[],
    needs: "the User-Agent",
    findings: &[("name", "the User-Agent names {}")],
    read,
};

fn read(evidence: &Evidence, _parameters: &[f64]) -> Reading {
    match &evidence.attempt.device.agent.kind {
        AgentKind::Crawler(name) => Reading::Fired(Findings::new().text("name", name)),
        AgentKind::Browser
        | AgentKind::Library(_)
        | AgentKind::Automation(_)
        | AgentKind::Absent
        | AgentKind::Unknown => Reading::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::Agent;
    use crate::engine::fixture;
    use std::sync::Arc;

    fn check(kind: AgentKind) -> Reading {
        let mut evidence = fixture::evidence();
        evidence.attempt.device.agent = Arc::new(Agent { kind, ..Agent::default() });
        read(&evidence, &[])
    }

    #[test]
    fn fires_on_a_crawler_by_name() {
        let fired = check(AgentKind::Crawler("Googlebot".into()));
        assert_eq!(fired, Reading::Fired(Findings::new().text("name", "Googlebot")));
    }

    #[test]
    fn innocents_and_other_programs_are_not_crawlers() {
        for kind in [
            AgentKind::Browser,
            AgentKind::Unknown, // a native app
            AgentKind::Absent,  // a privacy tool
            AgentKind::Library("curl".into()),
            AgentKind::Automation("HeadlessChrome".into()),
        ] {
            assert_eq!(check(kind.clone()), Reading::Quiet, "{kind:?}");
        }
    }
}
