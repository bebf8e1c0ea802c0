//! What never happens though it is written: rules behind weaker ones, answers that an earlier entry takes.
//!
//! The engine knows what follows from what ([`Reach`], [`OutcomeRules::unreachable`]); here it is told at its place, with
//! what to do. A dead entry is an error and no warning: its writer believes in it.

use super::Resolver;
use crate::config::file::{Answer, Outcome};
use crate::config::policies::{Reach, RuleList, RulePlace};
use crate::config::tree::NodeId;
use crate::engine::outcome::{OutcomeRules, Unreachable};
use crate::engine::policy::Policy;

impl Resolver<'_, '_> {
    /// Rules of a policy that never decide. `nodes` are the places of the conditions of each list.
    pub(super) fn reach<'n>(&self, policy: &Policy, nodes: impl Fn(RuleList) -> &'n [NodeId]) {
        for (place, reach) in policy.out_of_reach() {
            let Some(&node) = nodes(place.list).get(place.index) else { continue };
            let earlier = |at: RulePlace| match (policy.list(at.list).get(at.index), nodes(at.list).get(at.index)) {
                (Some(rule), Some(&at)) => format!("`{}` in line {}", rule.name, self.document.line(at)),
                _ => "an earlier rule".to_owned(),
            };
            match reach {
                Reach::Never => {
                    let off = self.document.tree.text(node).is_some_and(|when| when.trim() == "false");
                    let help = match off {
                        true => "to switch a rule off leave it out, or make a comment of it",
                        false => "its parts exclude each other: drop one of them, or join them with `||`",
                    };
                    self.error(node, "this rule never matches", help);
                }
                Reach::Repeats(by) => {
                    let message = format!("this rule is never reached: {} has the same condition", earlier(by));
                    self.error(node, message, "the first rule that matches rules: keep one of the two");
                }
                Reach::Behind(by) => {
                    let message =
                        format!("this rule is never reached: {} matches whatever this one would", earlier(by));
                    let help = "the first rule that matches rules: put the stricter one first";
                    self.error(node, message, help);
                }
                Reach::AfterChallenge(by) => {
                    let message = format!(
                        "whoever this rule would deny is challenged by {} first, and denied only after solving it",
                        earlier(by)
                    );
                    let help = "put this rule first, so that it denies at once".to_owned();
                    self.document.warn(node, message, help);
                }
            }
        }
    }

    /// Entries of `outcome` that never tell anything.
    pub(super) fn outcome_reach(&self, keys: &Outcome, rules: &OutcomeRules) {
        for (rule, why) in rules.unreachable() {
            let slot = match rule.list {
                "pending" => &keys.pending,
                "succeeded" => &keys.succeeded,
                _ => &keys.failed,
            };
            let Some((node, _)) = slot.get().and_then(|many| many.good().nth(rule.index)) else { continue };
            match why {
                Unreachable::NoSuchStatus => {} // Told at the number itself.
                Unreachable::NoBody => self.error(
                    node,
                    "this entry can never match: answers with these statuses have no body to look into",
                    "tell them by `status`, `location`, `set_cookie` or `header` alone",
                ),
                Unreachable::Behind(first) => {
                    let message = format!("this entry can never match: `{first}` matches every such answer first");
                    let help = "`pending` is tried first, then `succeeded`, then `failed`: make the earlier entry narrower, \
                                or leave this one out";
                    self.error(node, message, help);
                }
            }
        }
    }

    /// A condition over `Location` beside statuses that never bring one.
    pub(super) fn location_beside_status(&self, keys: &Answer, rule: &crate::engine::outcome::AnswerRule) {
        let redirects = |status: &u16| (300..400).contains(status) || *status == 201;
        let (Some(node), Some(globs)) = (keys.location.node(), &rule.location) else { return };
        if rule.status.is_empty() || rule.status.iter().any(redirects) || globs.accepts(None) {
            return;
        }
        let message = "answers with these statuses hardly ever have a `Location`: this entry will not match";
        let help = "redirects have a status from 300 to 399".to_owned();
        self.document.warn(node, message, help);
    }
}
