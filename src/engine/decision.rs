//! The ruling: assessment plus policy.

use super::assessment::{Assessment, assess};
use super::clearance::ChallengeKind;
use super::evidence::{Evidence, Moment};
use super::exploration::Explored;
use super::policy::Policy;
use super::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// What is to be done with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Allow,
    Challenge(ChallengeKind),
    Deny,
}

impl Action {
    pub fn name(self) -> &'static str {
        match self {
            Action::Allow => "allow",
            Action::Challenge(_) => "challenge",
            Action::Deny => "deny",
        }
    }
}

/// What a rule bans beside refusing, and for how long. To carry it out is the gateway's: judging changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BanOrder {
    pub of: BanOf,
    /// The first time.
    pub length: Duration,
    /// How many times as long each further ban is, while the one before is remembered.
    pub grow: u32,
    /// The longest.
    pub most: Duration,
}

/// What is banned. Only what is the sender's own: a fingerprint is everybody's who runs the same software, so that
/// whoever looks like a customer could have the customers banned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BanOf {
    /// The address; of IPv6 its /64.
    Ip,
    /// The account, after a success alone: before it, anybody could lock its owner out.
    Account,
}

impl BanOf {
    pub fn name(self) -> &'static str {
        match self {
            BanOf::Ip => "ip",
            BanOf::Account => "account",
        }
    }
}

/// What became of a ban that was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BanFate {
    /// In force. `times`: how many there were in a row, this one included.
    Banned { until: Timestamp, times: u32 },
    /// Watched only: what it would have been.
    Monitored { until: Timestamp, times: u32 },
    /// Nobody was banned, and why: `trusted_proxy`, `private_address`, `allow_listed`, `no_account`, `full`,
    /// `unavailable`.
    Spared(&'static str),
}

impl BanFate {
    /// As published: `banned`, `monitored`, or why not.
    pub fn name(self) -> &'static str {
        match self {
            BanFate::Banned { .. } => "banned",
            BanFate::Monitored { .. } => "monitored",
            BanFate::Spared(why) => why,
        }
    }
}

/// What the policy said, and through which rule.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// The rule that matched; `None` when `otherwise` decided.
    pub rule: Option<Arc<str>>,
    pub action: Action,
    /// Whom the rule bans beside.
    pub ban: Option<BanOrder>,
    /// Rules that erred while being evaluated: such a rule is skipped if it allows, and matches otherwise. Compiled rules
    /// cannot err; the place is kept for what a later rule may ask of others (vendors).
    pub erred: Vec<Arc<str>>,
}

/// The judgement of one attempt at one moment.
#[derive(Clone, Debug)]
pub struct Decision {
    pub moment: Moment,
    pub assessment: Assessment,
    /// The policy's name.
    pub policy: Arc<str>,
    pub ruling: Ruling,
    /// What became of the ban that it orders, once the gateway has seen to it.
    pub ban: Option<BanFate>,
    /// That its attempt is let pass all the same, by lot. A challenge before forwarding only.
    pub explored: Option<Explored>,
}

impl Decision {
    /// Puts a ruling of the gate's own in the place of the policy's: `name` stands where a rule's name would.
    pub fn overrule(&mut self, name: &str, action: Action) {
        self.ruling.rule = Some(Arc::from(name));
        self.ruling.action = action;
        self.ruling.ban = None;
    }
}

/// The whole judgement: pure, no clock, no socket, cannot fail.
pub fn decide(evidence: &Evidence, policy: &Policy) -> Decision {
    let assessment = assess(evidence, &policy.model);
    let ruling = policy.rule(evidence, &assessment);
    Decision { moment: evidence.moment, assessment, policy: policy.name.clone(), ruling, ban: None, explored: None }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::engine::assessment::{Model, Scores};
    use crate::engine::clearance::Clearance;
    use crate::engine::fixture;
    use crate::engine::policy::{Names, PolicySource, RuleSource};
    use crate::engine::signals::{SignalSet, Weights};
    use crate::engine::time::Timestamp;

    /// A login from a rented server by a program, of which nothing else is known: what the record's samples show.
    pub(crate) fn evidence() -> Evidence {
        let mut evidence = fixture::evidence();
        let attempt = &mut evidence.attempt;
        attempt.at = Timestamp(1_795_309_323_456);
        attempt.device = fixture::device_without_cookie(7, fixture::library("curl on Linux"));
        if let Some(email) = &mut attempt.identity.email {
            email.domain = "example.com".into();
        }
        evidence.intel.location = Some("Frankfurt, HE, DE".into());
        evidence.intel.asn = Some(14061);
        evidence.intel.org = Some("DigitalOcean".into());
        evidence.history = None;
        evidence
    }

    /// A model in which nothing weighs anything.
    pub(crate) fn model() -> Arc<Model> {
        Arc::new(Model { intercepts: Weights::default(), signals: Vec::new() })
    }

    pub(crate) fn assessment(scores: Scores) -> Assessment {
        Assessment { scores, fired: SignalSet::default(), blind: SignalSet::default(), readings: Vec::new() }
    }

    fn policy(rules: &[(&str, &str, Action)], on_success: &[(&str, &str, Action)], otherwise: Action) -> Policy {
        let sources = |rules: &[(&str, &str, Action)]| -> Vec<RuleSource> {
            let source = |&(name, when, action): &(&str, &str, Action)| RuleSource {
                name: name.into(),
                when: when.into(),
                action,
                ban: None,
            };
            rules.iter().map(source).collect()
        };
        let source = PolicySource {
            name: "p".into(),
            rules: sources(rules),
            on_success: sources(on_success),
            when_degraded: Vec::new(),
            otherwise,
        };
        Policy::compile(source, &Names::new(Vec::new(), Vec::new()), model()).unwrap()
    }

    const PROOF: Action = Action::Challenge(ChallengeKind::ProofOfWork);

    #[test]
    fn the_first_rule_of_the_moment_that_matches_rules() {
        let policy = policy(
            &[("quiet", "bot > 90", Action::Deny), ("automated", "bot >= 50", PROOF), ("late", "true", Action::Deny)],
            &[("foreign", "client.country != \"CH\"", Action::Deny)],
            Action::Allow,
        );
        let odd = assessment(Scores { bot: 50.0, ..Scores::default() });
        let mut evidence = evidence();
        let ruling = policy.rule(&evidence, &odd);
        assert_eq!((ruling.rule.as_deref(), ruling.action), (Some("automated"), PROOF));

        evidence.clearance = Clearance::of_solved(ChallengeKind::ProofOfWork);
        let ruling = policy.rule(&evidence, &odd);
        assert_eq!(
            (ruling.rule.as_deref(), ruling.action),
            (Some("late"), Action::Deny),
            "a solution satisfies one rule, not all"
        );

        evidence.moment = Moment::After;
        let ruling = policy.rule(&evidence, &odd);
        assert_eq!((ruling.rule.as_deref(), ruling.action), (Some("foreign"), Action::Deny));
    }

    #[test]
    fn otherwise_rules_what_nothing_matches() {
        let quiet = assessment(Scores::default());
        for (otherwise, solved, expected) in [
            (Action::Allow, false, Action::Allow),
            (Action::Deny, false, Action::Deny),
            (Action::Deny, true, Action::Deny),
            (PROOF, false, PROOF),
            (PROOF, true, Action::Allow),
        ] {
            let policy = policy(&[("never", "false", Action::Allow)], &[("never", "false", Action::Allow)], otherwise);
            for moment in [Moment::Before, Moment::After] {
                let mut evidence = Evidence { moment, ..evidence() };
                if solved {
                    evidence.clearance = Clearance::of_solved(ChallengeKind::ProofOfWork);
                }
                let ruling = policy.rule(&evidence, &quiet);
                assert_eq!((ruling.rule, ruling.action), (None, expected), "{otherwise:?}, solved: {solved}");
            }
        }
    }

    #[test]
    fn a_policy_without_on_success_does_not_refuse_what_it_let_through() {
        let policy = policy(&[("all", "true", Action::Allow)], &[], Action::Deny);
        let evidence = Evidence { moment: Moment::After, ..evidence() };
        assert_eq!(policy.rule(&evidence, &assessment(Scores::default())).action, Action::Allow);
    }

    #[test]
    fn rules_for_degradation_come_last_before_otherwise_and_only_then() {
        let source =
            |name: &str, when: &str, action| RuleSource { name: name.into(), when: when.to_owned(), action, ban: None };
        let policy = |on_success: Vec<RuleSource>| {
            let source = PolicySource {
                name: "p".into(),
                rules: vec![source("robots", "bot >= 50", Action::Deny)],
                on_success,
                when_degraded: vec![source("careful", "\"store\" in degraded", PROOF)],
                otherwise: Action::Deny,
            };
            Policy::compile(source, &Names::new(Vec::new(), Vec::new()), model()).unwrap()
        };
        let (quiet, odd) = (assessment(Scores::default()), assessment(Scores { bot: 50.0, ..Scores::default() }));
        let without = policy(Vec::new());
        let ruled = |policy: &Policy, moment, degraded: &[&'static str], solved: bool, assessment| {
            let mut evidence = Evidence { moment, degraded: degraded.to_vec(), ..evidence() };
            if solved {
                evidence.clearance = Clearance::of_solved(ChallengeKind::ProofOfWork);
            }
            let ruling = policy.rule(&evidence, assessment);
            (ruling.rule.as_deref().map(str::to_owned), ruling.action)
        };
        let by = |rule: &str, action| (Some(rule.to_owned()), action);
        let store: &[&'static str] = &["store", "store_down"];
        assert_eq!(ruled(&without, Moment::Before, &[], false, &quiet), (None, Action::Deny), "nothing is degraded");
        assert_eq!(ruled(&without, Moment::Before, store, false, &quiet), by("careful", PROOF));
        assert_eq!(ruled(&without, Moment::Before, store, false, &odd), by("robots", Action::Deny), "rules come first");
        assert_eq!(ruled(&without, Moment::Before, &["country"], false, &quiet), (None, Action::Deny));
        assert_eq!(ruled(&without, Moment::Before, store, true, &quiet), (None, Action::Deny), "solved: passed over");
        assert_eq!(
            ruled(&without, Moment::After, store, false, &quiet),
            (None, Action::Allow),
            "a policy that has nothing to say after a success says nothing then"
        );
        let with = policy(vec![source("abroad", "client.country == \"AT\"", Action::Deny)]);
        assert_eq!(ruled(&with, Moment::After, store, false, &quiet), by("careful", PROOF));
        assert_eq!(ruled(&with, Moment::After, store, true, &quiet), (None, Action::Deny));
    }
}
