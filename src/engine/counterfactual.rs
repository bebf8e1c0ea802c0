//! What would have been decided had a signal stayed quiet, or had one fired that could not look.
//!
//! "Why was I refused?" is answered best by what would have had to be different. Nothing is estimated for it: the scores
//! are added up again without the signal and the very policy is asked again, so an answer given here is one that the gate
//! would give. Signals are taken away one by one, then in pairs, then in threes; the fewest that change anything are told.

use super::assessment::{Assessment, Model, scores};
use super::decision::{Action, Ruling};
use super::evidence::Evidence;
use super::policy::Policy;
use super::signals::{SignalId, SignalSet, Weights};

/// Signals that are imagined otherwise than they read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imagined {
    /// Fired, and imagined quiet.
    pub quiet: SignalSet,
    /// Blind, and imagined to have fired.
    pub fired: SignalSet,
}

impl Imagined {
    /// The assessment as it would have been: without findings for what is only imagined.
    pub fn of(&self, assessment: &Assessment, model: &Model) -> Assessment {
        let (mut fired, mut blind) = (SignalSet::default(), SignalSet::default());
        let mut sum = model.intercepts;
        let (mut down, mut up) = (Weights::default(), Weights::default());
        for (id, tuned) in SignalId::all().zip(&model.signals).filter(|(_, tuned)| tuned.enabled) {
            let stays = assessment.share(id).filter(|_| !self.quiet.contains(id));
            if let Some(share) = stays.or_else(|| self.fired.contains(id).then_some(1.0)) {
                if assessment.fired.contains(id) || self.fired.contains(id) {
                    fired.insert(id);
                }
                sum = sum.plus(tuned.weights.map(|weight| weight * share));
            } else if assessment.blind.contains(id) {
                blind.insert(id);
                let (less, more) = tuned.reach(id);
                (down, up) = (down.plus(less), up.plus(more));
            }
        }
        let readings = assessment.readings.iter().filter(|(id, _)| !self.quiet.contains(*id)).cloned().collect();
        let range = (!blind.is_empty()).then_some((down, up));
        Assessment { scores: scores(sum, range), fired, blind, readings }
    }

    fn ruling(&self, evidence: &Evidence, assessment: &Assessment, policy: &Policy) -> Ruling {
        policy.rule(evidence, &self.of(assessment, &policy.model))
    }
}

/// One way in which it would have gone otherwise.
#[derive(Clone, Debug)]
pub struct Alternative {
    /// What was imagined quiet, or to have fired.
    pub signals: Vec<SignalId>,
    pub ruling: Ruling,
}

/// Most signals that are taken away at once before all of them are.
const MOST_AT_ONCE: usize = 3;

/// The fewest fired signals without which the policy would have ruled more mildly, in every way there is. Empty: what
/// fired did not decide.
pub fn without(evidence: &Evidence, assessment: &Assessment, policy: &Policy) -> Vec<Alternative> {
    let actual = policy.rule(evidence, assessment).action;
    let fired: Vec<SignalId> = assessment.fired.iter().collect();
    let sizes = (1..=fired.len().min(MOST_AT_ONCE)).chain((fired.len() > MOST_AT_ONCE).then_some(fired.len()));
    for size in sizes {
        let milder: Vec<Alternative> = combinations(&fired, size)
            .into_iter()
            .filter_map(|signals| {
                let imagined = Imagined { quiet: set(&signals), fired: SignalSet::default() };
                let ruling = imagined.ruling(evidence, assessment, policy);
                (severity(ruling.action) < severity(actual)).then_some(Alternative { signals, ruling })
            })
            .collect();
        if !milder.is_empty() {
            return milder;
        }
    }
    Vec::new()
}

/// The blind signals that would each have changed what the policy does, had they fired.
pub fn had_fired(evidence: &Evidence, assessment: &Assessment, policy: &Policy) -> Vec<Alternative> {
    let actual = policy.rule(evidence, assessment).action;
    let each = assessment.blind.iter().filter_map(|id| {
        let imagined = Imagined { quiet: SignalSet::default(), fired: set(&[id]) };
        let ruling = imagined.ruling(evidence, assessment, policy);
        (ruling.action != actual).then_some(Alternative { signals: vec![id], ruling })
    });
    each.collect()
}

fn severity(action: Action) -> u8 {
    match action {
        Action::Allow => 0,
        Action::Challenge(_) => 1,
        Action::Deny => 2,
    }
}

fn set(signals: &[SignalId]) -> SignalSet {
    let mut set = SignalSet::default();
    signals.iter().for_each(|id| set.insert(*id));
    set
}

/// Every way to choose `size` of `all`, in order.
fn combinations(all: &[SignalId], size: usize) -> Vec<Vec<SignalId>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let mut found = Vec::new();
    for (place, first) in all.iter().enumerate() {
        for mut rest in combinations(&all[place + 1..], size - 1) {
            rest.insert(0, *first);
            found.push(rest);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::assessment::assess;
    use crate::engine::event::Event;
    use crate::engine::fixture;
    use crate::engine::policy::{Names, PolicySource, RuleSource, standard};
    use std::sync::Arc;

    fn names(alternatives: &[Alternative]) -> Vec<(Vec<&'static str>, Action)> {
        let one = |a: &Alternative| (a.signals.iter().map(|id| id.name()).collect(), a.ruling.action);
        alternatives.iter().map(one).collect()
    }

    fn policy(when: &str) -> Policy {
        let rule = RuleSource { name: "r".into(), when: when.into(), action: Action::Deny, ban: None };
        let source = PolicySource {
            name: "p".into(),
            rules: vec![rule],
            on_success: Vec::new(),
            when_degraded: Vec::new(),
            otherwise: Action::Allow,
        };
        Policy::compile(source, &Names::new(Vec::new(), Vec::new()), Arc::new(Model::default())).unwrap()
    }

    #[test]
    fn the_fewest_signals_that_decided_are_named() {
        let mut evidence = fixture::stuffing();
        let decide = |evidence: &Evidence, when: &str| {
            let policy = policy(when);
            names(&without(evidence, &assess(evidence, &policy.model), &policy))
        };
        assert_eq!(decide(&evidence, "fired.http_client_library"), [(vec!["http_client_library"], Action::Allow)]);
        assert_eq!(
            decide(&evidence, "fired.http_client_library || fired.datacenter_ip"),
            [(vec!["http_client_library", "datacenter_ip"], Action::Allow)]
        );
        assert_eq!(
            decide(&evidence, "fired.http_client_library && fired.datacenter_ip"),
            [(vec!["http_client_library"], Action::Allow), (vec!["datacenter_ip"], Action::Allow)]
        );
        assert_eq!(decide(&evidence, "client.country != \"FR\""), [], "no signal decided that");
        evidence.history = None;
        assert_eq!(
            decide(&evidence, "bot >= 90"),
            [(vec!["http_client_library"], Action::Allow), (vec!["datacenter_ip"], Action::Allow)]
        );
    }

    #[test]
    fn what_was_blind_might_have_decided() {
        let mut evidence = fixture::evidence();
        evidence.history = None;
        let names_of = Names::new(Vec::new(), Vec::new());
        let policy = Policy::compile(standard(&Event::Login), &names_of, Arc::new(Model::default())).unwrap();
        let assessment = assess(&evidence, &policy.model);
        let blind: Vec<&str> = had_fired(&evidence, &assessment, &policy).iter().map(|a| a.signals[0].name()).collect();
        assert_eq!(blind, ["credential_stuffing", "password_spraying", "brute_force"]);
    }
}
