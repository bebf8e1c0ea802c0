//! Which rules can never decide, because another one decides first.
//!
//! The first rule that matches rules, so a rule behind a weaker one is dead, and a dead `deny` is a hole that nobody sees:
//! the file reads as if bots above 60 were refused. Whether one condition follows from another is asked of the compiled
//! trees, part by part, and only answered with yes where it is certain; what would need a solver is left alone, since a
//! false alarm costs more trust than a missed one.
//!
//! A challenge in front is another matter than a ruling: once it is solved, the rules behind it are asked. A refusal
//! there is reached by those only who have solved it, which is hardly meant, and told as [`Reach::AfterChallenge`].

use super::condition::{Comparison, Condition, Number, Text};
use super::variables::Quantity;
use super::{Policy, Rule, RuleList, RulePlace};
use crate::engine::decision::Action;

/// Why a rule does not do what it seems to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Its condition contradicts itself.
    Never,
    /// The rule at this place rules on every attempt that this one would match.
    Behind(RulePlace),
    /// As [`Reach::Behind`], and with the very same condition.
    Repeats(RulePlace),
    /// The rule at this place challenges every attempt that this one would deny: it is reached by solving.
    AfterChallenge(RulePlace),
}

impl Reach {
    /// Whether the rule is dead, and not merely surprising.
    pub fn is_dead(self) -> bool {
        !matches!(self, Reach::AfterChallenge(_))
    }
}

impl Policy {
    /// Rules that never decide, or only after a challenge, in the order of the policy.
    pub fn out_of_reach(&self) -> Vec<(RulePlace, Reach)> {
        let mut found = Vec::new();
        for list in [RuleList::Rules, RuleList::OnSuccess, RuleList::WhenDegraded] {
            let rules = self.list(list);
            for (index, rule) in rules.iter().enumerate() {
                let reach = reach(list, &rules[..index], rule).or_else(|| match list {
                    RuleList::WhenDegraded => self.hidden_at_each_moment(rule),
                    RuleList::Rules | RuleList::OnSuccess => None,
                });
                found.extend(reach.map(|reach| (RulePlace { list, index }, reach)));
            }
        }
        found
    }

    /// A rule of `when_degraded` comes after the rules of either moment, and is dead if it is behind one of them at each.
    fn hidden_at_each_moment(&self, rule: &Rule) -> Option<Reach> {
        let hidden = |list| reach(list, self.list(list), rule).filter(|reach| reach.is_dead());
        let before = hidden(RuleList::Rules)?;
        // Without rules of its own nothing is judged after a success.
        (self.on_success.is_empty() || hidden(RuleList::OnSuccess).is_some()).then_some(before)
    }
}

/// Why a rule does not decide after these of `list`.
fn reach(list: RuleList, earlier: &[Rule], rule: &Rule) -> Option<Reach> {
    if is_never(&rule.when) {
        return Some(Reach::Never);
    }
    // What a rule behind a dead one is hidden by is the living one in front of both.
    for (index, other) in earlier.iter().enumerate() {
        if is_never(&other.when) || !follows(&rule.when, &other.when) {
            continue;
        }
        let place = RulePlace { list, index };
        return match (other.action, rule.action) {
            (Action::Challenge(first), Action::Challenge(second)) if first != second => continue,
            (Action::Challenge(_), Action::Allow) => continue,
            (Action::Challenge(_), Action::Deny) => Some(Reach::AfterChallenge(place)),
            _ if rule.when == other.when => Some(Reach::Repeats(place)),
            _ => Some(Reach::Behind(place)),
        };
    }
    None
}

/// Whether no attempt can satisfy the condition, for certain.
fn is_never(condition: &Condition) -> bool {
    match condition {
        Condition::Always(value) => !value,
        Condition::Not(inner) => is_always(inner),
        Condition::Some(parts) => parts.iter().all(is_never),
        Condition::Every(parts) => {
            let contradicts = |a: &Condition, b: &Condition| excludes(a, b);
            parts.iter().any(is_never)
                || parts.iter().enumerate().any(|(at, a)| parts[at + 1..].iter().any(|b| contradicts(a, b)))
        }
        _ => false,
    }
}

/// Whether every attempt satisfies the condition, for certain.
fn is_always(condition: &Condition) -> bool {
    match condition {
        Condition::Always(value) => *value,
        Condition::Not(inner) => is_never(inner),
        Condition::Every(parts) => parts.iter().all(is_always),
        Condition::Some(parts) => parts.iter().any(is_always),
        _ => false,
    }
}

/// Whether two parts can never hold together.
fn excludes(a: &Condition, b: &Condition) -> bool {
    match (a, b) {
        (a, Condition::Not(inner)) if follows(a, inner) => true,
        (Condition::Not(inner), b) if follows(b, inner) => true,
        (Condition::Equal(..) | Condition::TextIn(..), Condition::Equal(..) | Condition::TextIn(..)) => {
            match (words(a), words(b)) {
                (Some((a, first)), Some((b, second))) => a == b && !first.iter().any(|word| second.contains(word)),
                _ => false,
            }
        }
        _ => match (range(a), range(b)) {
            (Some((a, first)), Some((b, second))) => a == b && first.misses(second),
            _ => false,
        },
    }
}

/// Whether `then` holds wherever `given` does, for certain.
fn follows(given: &Condition, then: &Condition) -> bool {
    if given == then || is_always(then) || is_never(given) {
        return true;
    }
    if let (Some((a, inner)), Some((b, outer))) = (range(given), range(then)) {
        return a == b && outer.holds(inner);
    }
    if let (Some((a, inner)), Some((b, outer))) = (words(given), words(then)) {
        return a == b && inner.iter().all(|word| outer.contains(word));
    }
    match (given, then) {
        // What splits without loss first; then what needs one of several parts to be enough.
        (Condition::Some(parts), _) => parts.iter().all(|part| follows(part, then)),
        (_, Condition::Every(parts)) => parts.iter().all(|part| follows(given, part)),
        (Condition::Every(parts), _) if parts.iter().any(|part| follows(part, then)) => true,
        (_, Condition::Some(parts)) => parts.iter().any(|part| follows(given, part)),
        (Condition::Not(given), Condition::Not(then)) => follows(then, given),
        (_, Condition::Not(then)) => excludes(given, then),
        _ => false,
    }
}

/// A variable and the texts of which it must be one.
fn words(condition: &Condition) -> Option<(&Text, Vec<&str>)> {
    match condition {
        Condition::Equal(Text::Literal(word), variable) | Condition::Equal(variable, Text::Literal(word)) => {
            Some((variable, vec![word]))
        }
        Condition::TextIn(variable, values) => Some((variable, values.iter().map(|value| &**value).collect())),
        _ => None,
    }
}

/// Numbers from a lower to an upper bound, each with whether the bound itself belongs to them.
#[derive(Clone, Copy)]
struct Range {
    low: (f64, bool),
    high: (f64, bool),
}

impl Range {
    fn of(comparison: Comparison, value: f64) -> Range {
        let (least, most) = ((f64::NEG_INFINITY, true), (f64::INFINITY, true));
        match comparison {
            Comparison::Less => Range { low: least, high: (value, false) },
            Comparison::AtMost => Range { low: least, high: (value, true) },
            Comparison::Greater => Range { low: (value, false), high: most },
            Comparison::AtLeast => Range { low: (value, true), high: most },
            Comparison::Equal => Range { low: (value, true), high: (value, true) },
        }
    }

    /// Whether all of `other` lies in this one.
    fn holds(self, other: Range) -> bool {
        let ((low, at_low), (high, at_high)) = (self.low, self.high);
        let above = other.low.0 > low || (other.low.0 == low && (at_low || !other.low.1));
        let below = other.high.0 < high || (other.high.0 == high && (at_high || !other.high.1));
        above && below
    }

    fn misses(self, other: Range) -> bool {
        let apart = |a: Range, b: Range| a.high.0 < b.low.0 || (a.high.0 == b.low.0 && !(a.high.1 && b.low.1));
        apart(self, other) || apart(other, self)
    }
}

/// A number's variable and where the condition wants it to lie. Of lists' sizes nothing is said.
fn range(condition: &Condition) -> Option<(Quantity, Range)> {
    let (condition, negated) = match condition {
        Condition::Not(inner) => (&**inner, true),
        other => (other, false),
    };
    let Condition::Compare(left, comparison, right) = condition else { return None };
    let (quantity, comparison, value) = match (left, right) {
        (Number::Variable(quantity), Number::Literal(value)) => (*quantity, *comparison, *value),
        (Number::Literal(value), Number::Variable(quantity)) => (*quantity, comparison.mirrored(), *value),
        _ => return None,
    };
    let comparison = if negated { opposite(comparison)? } else { comparison };
    Some((quantity, Range::of(comparison, value)))
}

fn opposite(comparison: Comparison) -> Option<Comparison> {
    Some(match comparison {
        Comparison::Less => Comparison::AtLeast,
        Comparison::AtMost => Comparison::Greater,
        Comparison::Greater => Comparison::AtMost,
        Comparison::AtLeast => Comparison::Less,
        Comparison::Equal => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::assessment::Model;
    use crate::engine::clearance::ChallengeKind;
    use crate::engine::event::Event;
    use crate::engine::policy::{Names, PolicySource, RuleSource, standard};
    use std::sync::Arc;

    const PROOF: Action = Action::Challenge(ChallengeKind::ProofOfWork);

    fn policy(rules: &[(&str, Action)]) -> Policy {
        let rules = rules.iter().enumerate().map(|(at, (when, action))| RuleSource {
            name: format!("r{at}").into(),
            when: (*when).to_owned(),
            action: *action,
            ban: None,
        });
        let source = PolicySource {
            name: "test".into(),
            rules: rules.collect(),
            on_success: Vec::new(),
            when_degraded: Vec::new(),
            otherwise: Action::Allow,
        };
        let names = Names::new(vec!["office".into(), "blocked".into()], Vec::new());
        Policy::compile(source, &names, Arc::new(Model::default())).unwrap()
    }

    fn second(first: (&str, Action), then: (&str, Action)) -> Option<Reach> {
        let found = policy(&[first, then]).out_of_reach();
        found.into_iter().find(|(place, _)| place.index == 1).map(|(_, reach)| reach)
    }

    #[test]
    fn what_follows_from_an_earlier_rule_is_never_reached() {
        for (first, then) in [
            ("true", "bot >= 50"),
            ("bot >= 50", "bot >= 60"),
            ("bot >= 50", "bot > 50"),
            ("bot >= 50", "50 < bot"),
            ("bot >= 50", "!(bot < 60)"),
            ("bot < 60", "bot < 50"),
            ("hour >= 2", "hour == 5"),
            ("fired.tor_exit", "fired.tor_exit && bot >= 50"),
            ("fired.tor_exit", "\"tor_exit\" in signals && hour < 5"),
            ("bot >= 50 && fired.tor_exit", "fired.tor_exit && bot >= 60 && hour < 5"),
            ("fired.tor_exit || fired.vpn_ip", "fired.vpn_ip"),
            ("fired.tor_exit || bot >= 50", "bot >= 60 || fired.tor_exit"),
            ("client.country in [\"DE\", \"AT\"]", "client.country == \"AT\""),
            ("client.country in [\"DE\", \"AT\"]", "client.country in [\"AT\"] && bot >= 10"),
            ("client.country != \"DE\"", "client.country == \"AT\""),
            ("!listed.office", "!listed.office && bot >= 50"),
            ("!(listed.office && bot < 50)", "!listed.office"),
            ("bot >= 50 ? true : fired.tor_exit", "bot >= 50 ? true : fired.tor_exit"),
        ] {
            for action in [Action::Deny, Action::Allow] {
                assert!(
                    second((first, action), (then, Action::Deny)).is_some_and(Reach::is_dead),
                    "{then} behind {first}"
                );
            }
        }
    }

    #[test]
    fn what_may_still_decide_is_let_alone() {
        for (first, then) in [
            ("bot >= 60", "bot >= 50"),
            ("bot > 50", "bot >= 50"),
            ("bot >= 50", "risk >= 60"),
            ("bot >= 50", "bot < 60"),
            ("fired.tor_exit && bot >= 50", "fired.tor_exit"),
            ("fired.tor_exit", "fired.tor_exit || fired.vpn_ip"),
            ("client.country == \"AT\"", "client.country in [\"DE\", \"AT\"]"),
            ("client.country != \"DE\"", "client.country != \"AT\""),
            ("!listed.office", "listed.office"),
            ("hour == 5", "hour >= 5"),
            ("size(signals) >= 1", "size(signals) >= 2"),
        ] {
            assert_eq!(second((first, Action::Deny), (then, Action::Deny)), None, "{then} behind {first}");
        }
    }

    #[test]
    fn a_challenge_in_front_is_passed_by_solving_it() {
        let weak = ("bot >= 50", PROOF);
        let first = RulePlace { list: RuleList::Rules, index: 0 };
        assert_eq!(second(weak, ("bot >= 90", Action::Deny)), Some(Reach::AfterChallenge(first)));
        assert_eq!(second(weak, ("bot >= 90", Action::Allow)), None);
        assert_eq!(second(weak, ("bot >= 90", PROOF)), Some(Reach::Behind(first)));
        assert_eq!(second(weak, weak), Some(Reach::Repeats(first)));
        assert_eq!(second(("bot >= 90", Action::Deny), weak), None);
    }

    #[test]
    fn a_condition_that_contradicts_itself_never_decides_and_hides_nothing() {
        for never in [
            "false",
            "bot >= 60 && bot < 50",
            "bot > 50 && bot <= 50",
            "fired.tor_exit && !fired.tor_exit",
            "client.country == \"DE\" && client.country == \"AT\"",
            "hour >= 20 && fired.tor_exit && hour <= 5",
            "false || (bot > 60 && bot < 40)",
        ] {
            let found = policy(&[(never, Action::Deny), ("bot >= 70", Action::Deny)]).out_of_reach();
            let place = RulePlace { list: RuleList::Rules, index: 0 };
            assert_eq!(found, [(place, Reach::Never)], "{never}");
        }
        for possible in ["bot >= 50 && bot < 60", "bot >= 50 && bot <= 50", "hour >= 20 || hour <= 5"] {
            assert!(policy(&[(possible, Action::Deny)]).out_of_reach().is_empty(), "{possible}");
        }
    }

    #[test]
    fn a_rule_for_degradation_is_dead_behind_the_rules_of_each_moment_that_there_is() {
        let source =
            |when: &str| RuleSource { name: "r".into(), when: when.to_owned(), action: Action::Deny, ban: None };
        let found = |rules: &[&str], on_success: &[&str], when_degraded: &[&str]| {
            let all = |rules: &[&str]| rules.iter().map(|when| source(when)).collect();
            let source = PolicySource {
                name: "test".into(),
                rules: all(rules),
                on_success: all(on_success),
                when_degraded: all(when_degraded),
                otherwise: Action::Allow,
            };
            let names = Names::new(Vec::new(), Vec::new());
            Policy::compile(source, &names, Arc::new(Model::default())).unwrap().out_of_reach()
        };
        let place = |list, index| RulePlace { list, index };
        let dead = place(RuleList::WhenDegraded, 0);
        let behind = [(dead, Reach::Behind(place(RuleList::Rules, 0)))];
        assert_eq!(found(&["bot >= 50"], &[], &["bot >= 60"]), behind);
        assert_eq!(found(&["bot >= 50"], &["bot >= 50"], &["bot >= 60"]), behind);
        assert_eq!(found(&["bot >= 50"], &["bot >= 70"], &["bot >= 60"]), [], "it decides after a success");
        assert_eq!(found(&["bot >= 70"], &["bot >= 50"], &["bot >= 60"]), [], "it decides before");
        assert_eq!(found(&[], &[], &["bot >= 60 && bot < 50"]), [(dead, Reach::Never)]);
        let second = place(RuleList::WhenDegraded, 1);
        assert_eq!(found(&[], &[], &["bot >= 50", "bot >= 60"]), [(second, Reach::Behind(dead))]);
    }

    #[test]
    fn every_built_in_rule_can_decide() {
        for event in Event::NAMED.into_iter().chain([Event::Custom("custom:x".into())]) {
            let source = standard(&event);
            let names = Names::new(Vec::new(), Vec::new());
            let policy = Policy::compile(source, &names, Arc::new(Model::default())).unwrap();
            assert_eq!(policy.out_of_reach(), [], "{event:?}");
        }
    }
}
