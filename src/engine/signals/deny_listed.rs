//! The operator has listed this visitor as unwanted.
//!
//! # What it reads
//! Which of the operator's lists with `effect: deny` match (`intel.lists`). The findings carry the list and the kind of
//! thing that matched (`ip`, `account`, `email`, …), never the thing.
//!
//! # Why it matters
//! It is no inference but somebody's word. The weight puts `account_abuse`, and so `risk`, above 90 by itself, so that
//! policies by score obey it; a rule on `listed.<list>` says it more plainly.
//!
//! # Who trips it innocently
//! Whoever inherits a listed address, or shares a network with the one who was meant: list accounts rather than addresses
//! where that is possible. Lists that only take a note (`effect: note`) do not fire.
//!
//! # Parameters
//! None; `lists` brings the entries.

use super::{Reading, Signal, Weights};
use crate::engine::evidence::{Evidence, ListEffect};

pub static SIGNAL: Signal = Signal {
    name: "deny_listed",
    summary: "one of the operator's deny lists matches",
    weights: Weights { bot: 0.0, account_takeover: 0.0, account_abuse: 7.5 },
    parameters: &[],
    read,
};

fn read(evidence: &Evidence, _parameters: &[f64]) -> Reading {
    Reading::of_lists(evidence, ListEffect::Deny)
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
        let findings = Findings::new().text("list", "blocked").text("entity", "account");
        assert_eq!(check(&[("blocked", ListEffect::Deny, "account")]), Reading::Fired(findings));
    }

    #[test]
    fn fires_beside_an_allow_list_and_names_further_lists() {
        let reading = check(&[
            ("office", ListEffect::Allow, "ip"),
            ("blocked", ListEffect::Deny, "account"),
            ("bad-cards", ListEffect::Deny, "card_bin"),
        ]);
        let findings = Findings::new().text("list", "blocked").text("entity", "account").texts("also", ["bad-cards"]);
        assert_eq!(reading, Reading::Fired(findings));
    }

    #[test]
    fn innocents_stay_quiet() {
        assert_eq!(check(&[]), Reading::Quiet, "on no list");
        assert_eq!(check(&[("office", ListEffect::Allow, "ip")]), Reading::Quiet, "on an allow list");
        assert_eq!(check(&[("vip", ListEffect::Note, "account")]), Reading::Quiet, "on a list of notes");
    }
}
