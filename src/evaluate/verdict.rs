//! What the gate made of one attempt, as far as it is counted and written down.
//!
//! An attempt is judged once or twice, and a third time if a challenge was solved. The verdict is the first of these moments
//! that did not allow, or the last: what a visitor meets first is what counts for them, and for an attacker. The scores that
//! thresholds are measured on are the highest of all moments, since a rule that asks for a score asks at each of them.

use crate::engine::assessment::Scores;
use crate::engine::decision::{Action, Decision};
use crate::engine::evidence::Moment;
use crate::engine::signals::SignalSet;
use crate::gateway::rehearsal::replay::Replayed;
use std::sync::Arc;

/// See the module.
pub struct Verdict {
    pub moment: Moment,
    pub action: Action,
    /// The rule that decided so; `None`: `otherwise` did.
    pub rule: Option<Arc<str>>,
    pub policy: Arc<str>,
    /// At the verdict's moment.
    pub scores: Scores,
    /// The highest of each over the moments.
    pub highest: Scores,
    /// Signals that fired at the verdict's moment, and that were blind.
    pub fired: SignalSet,
    pub blind: SignalSet,
    /// Signals that fired at any moment.
    pub ever_fired: SignalSet,
    /// The challenge was solved.
    pub solved: bool,
    /// The visitor got the application's answer.
    pub passed: bool,
}

impl Verdict {
    pub fn of(replayed: &Replayed) -> Verdict {
        let decisions =
            || [Some(&replayed.before), replayed.again.as_ref(), replayed.after.as_ref()].into_iter().flatten();
        let refused = decisions().find(|decision| decision.ruling.action != Action::Allow);
        let Decision { moment, assessment, policy, ruling, .. } =
            refused.or(decisions().last()).unwrap_or(&replayed.before);
        let mut highest = assessment.scores;
        let mut ever_fired = assessment.fired;
        for decision in decisions() {
            let scores = &decision.assessment.scores;
            highest.risk = highest.risk.max(scores.risk);
            highest.bot = highest.bot.max(scores.bot);
            highest.account_takeover = highest.account_takeover.max(scores.account_takeover);
            highest.account_abuse = highest.account_abuse.max(scores.account_abuse);
            decision.assessment.fired.iter().for_each(|id| ever_fired.insert(id));
        }
        Verdict {
            moment: *moment,
            action: ruling.action,
            rule: ruling.rule.clone(),
            policy: policy.clone(),
            scores: assessment.scores,
            highest,
            fired: assessment.fired,
            blind: assessment.blind,
            ever_fired,
            solved: replayed.solved,
            passed: replayed.passed,
        }
    }

    /// Whether the visitor was challenged or refused.
    pub fn is_hit(&self) -> bool {
        self.action != Action::Allow
    }
}
