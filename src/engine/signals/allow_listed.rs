//! The operator has listed this visitor as wanted.
//!
//! # What it reads
//! Which of the operator's lists with `effect: allow` match (`intel.lists`). The findings carry the list and the kind of
//! thing that matched (`ip`, `account`, `email`, …), never the thing.
//!
//! # Why it matters
//! It explains why a rule let something pass. It weighs nothing by default: an allowed office network says who may be
//! spared a challenge, not that the password in this attempt was not stolen, and a negative weight would hide an attack from
//! within it. A rule (`listed.office` → allow) says plainly what is meant; who wants scores lowered sets a weight.
//!
//! # Who trips it innocently
//! Whoever is on the list: that is its purpose. Nobody comes to harm.
//!
//! # Parameters
//! None; `lists` brings the entries.

use super::{Reading, Signal, Weights};
use crate::engine::evidence::{Evidence, ListEffect};

pub static SIGNAL: Signal = Signal {
    name: "allow_listed",
    summary: "one of the operator's allow lists matches",
    weights: Weights { bot: 0.0, account_takeover: 0.0, account_abuse: 0.0 },
    parameters: &[],
    read,
};

fn read(evidence: &Evidence, _parameters: &[f64]) -> Reading {
    Reading::of_lists(evidence, ListEffect::Allow)
}

#[cfg(test)]
mod tests {
    use super::super::Findings;
    use super::*;
    use crate::engine::fixture;

    fn check(hits: &[(&str, ListEffect, &'static str)]) -> Reading {
        read(&fixture::listed(hits), &[])
    }

    #[test]
    fn fires_with_list_and_entity() {
        let findings = Findings::new().text("list", "office").text("entity", "ip");
        let hits = [("blocked", ListEffect::Deny, "account"), ("office", ListEffect::Allow, "ip")];
        assert_eq!(check(&hits), Reading::Fired(findings));
    }

    #[test]
    fn innocents_on_no_allow_list_stay_quiet() {
        assert_eq!(check(&[]), Reading::Quiet, "on no list");
        assert_eq!(check(&[("blocked", ListEffect::Deny, "ip")]), Reading::Quiet, "on a deny list");
        assert_eq!(check(&[("vip", ListEffect::Note, "account")]), Reading::Quiet, "on a list of notes");
    }

    #[test]
    fn lowers_nothing_unless_the_operator_says_so() {
        assert_eq!(SIGNAL.weights, Weights::default());
    }
}
