//! Letting a small share of what would be challenged pass, to learn what it was.
//!
//! Who is challenged and goes away leaves no outcome: a rule that stops customers looks like one that stops robots. The
//! remedy is old (Horvitz and Thompson 1952): let a known share pass by lot, write the chance down, and let whoever learns
//! from it count each as one over that chance.
//!
//! What may be let pass is narrow. Never a denial: a rule that denies is sure, and the operator said so. Never after a login
//! succeeded: the password was right, and what would be let pass is somebody's account. Only a challenge before forwarding,
//! where the application still asks for the password. Never where somebody is seen to guess passwords ([`GUESSING`]): the
//! lot is drawn for each attempt, so that whoever goes on trying would get that share of any number of guesses past the gate.
//! And never more than one in twenty, since whoever is not seen yet gets as many.
//!
//! The lot is a number that is handed in: a keyed hash of the attempt's id, so that nobody can tell before, and everybody
//! who has the key can tell again.

use super::decision::{Action, Decision};
use super::evidence::Moment;
use super::signals::GUESSING;

/// How many of the challenges before forwarding are let pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Exploration(f64);

/// An attempt that was let pass by lot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explored {
    /// The chance that it had, above 0 and at most [`Exploration::MOST`].
    pub probability: f64,
    /// What would have been done.
    pub would: Action,
}

impl Exploration {
    pub const NONE: Exploration = Exploration(0.0);
    /// The largest share that may be let pass, and the smallest but none: an attempt that stands for ten thousand others
    /// says nothing of them.
    pub const MOST: f64 = 0.05;
    pub const LEAST: f64 = 0.0001;

    /// A share from 0 to 1; `None` if it is out of range.
    pub fn new(share: f64) -> Option<Exploration> {
        (share == 0.0 || (Exploration::LEAST..=Exploration::MOST).contains(&share)).then_some(Exploration(share))
    }

    pub fn share(self) -> f64 {
        self.0
    }

    /// Whether this decision's attempt is let pass all the same. `lot`: a number that is as likely as any other; asked for
    /// only where it matters.
    pub fn lets_pass(self, decision: &Decision, lot: impl FnOnce() -> u64) -> Option<Explored> {
        let would = decision.ruling.action;
        match (would, decision.moment) {
            (Action::Challenge(_), Moment::Before) if self.0 > 0.0 => {}
            (Action::Allow | Action::Deny | Action::Challenge(_), Moment::Before | Moment::After) => return None,
        }
        let fired = decision.assessment.fired;
        if fired.names().any(|name| GUESSING.iter().any(|signal| signal.name == name)) {
            return None;
        }
        // The upper 53 bits, all of which a float keeps.
        let lot = (lot() >> 11) as f64 / (1_u64 << 53) as f64;
        (lot < self.0).then_some(Explored { probability: self.0, would })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::assessment::Scores;
    use crate::engine::clearance::ChallengeKind;
    use crate::engine::decision::Ruling;
    use crate::engine::decision::tests::assessment;
    use crate::engine::signals::find;

    const PROOF: Action = Action::Challenge(ChallengeKind::ProofOfWork);

    fn decision(action: Action, moment: Moment) -> Decision {
        let ruling = Ruling { rule: None, action, ban: None, erred: Vec::new() };
        let assessment = assessment(Scores::default());
        Decision { moment, assessment, policy: "p".into(), ruling, ban: None, explored: None }
    }

    #[test]
    fn only_a_challenge_before_forwarding_is_ever_let_pass() {
        let all = Exploration::new(Exploration::MOST).unwrap();
        let pass = |action, moment| all.lets_pass(&decision(action, moment), || 0);
        assert_eq!(pass(PROOF, Moment::Before), Some(Explored { probability: 0.05, would: PROOF }));
        for (action, moment) in [
            (PROOF, Moment::After),
            (Action::Deny, Moment::Before),
            (Action::Deny, Moment::After),
            (Action::Allow, Moment::Before),
        ] {
            assert_eq!(pass(action, moment), None, "{action:?} {moment:?}");
        }
        let off = Exploration::NONE.lets_pass(&decision(PROOF, Moment::Before), || panic!("the lot is not drawn"));
        assert_eq!(off, None);
    }

    #[test]
    fn whoever_is_seen_to_guess_is_never_let_pass() {
        let all = Exploration::new(Exploration::MOST).unwrap();
        for signal in crate::engine::signals::SIGNALS {
            let mut challenge = decision(PROOF, Moment::Before);
            challenge.assessment.fired.insert(find(signal.name).unwrap());
            let guesses = GUESSING.iter().any(|guessing| guessing.name == signal.name);
            assert_eq!(all.lets_pass(&challenge, || 0).is_none(), guesses, "{}", signal.name);
        }
        assert!(GUESSING.len() >= 3);
    }

    #[test]
    fn as_many_pass_as_it_says() {
        let one_percent = Exploration::new(0.01).unwrap();
        let challenge = decision(PROOF, Moment::Before);
        let step = u64::MAX / 100_000;
        let passed = (0..100_000).filter(|n| one_percent.lets_pass(&challenge, || n * step).is_some()).count();
        assert!((999..=1001).contains(&passed), "{passed}");
        assert_eq!(one_percent.lets_pass(&challenge, || u64::MAX), None);
    }

    #[test]
    fn shares_are_small_or_nothing() {
        for (share, sound) in
            [(0.0, true), (0.0001, true), (0.05, true), (0.051, false), (0.00001, false), (-0.01, false)]
        {
            assert_eq!(Exploration::new(share).is_some(), sound, "{share}");
        }
        assert_eq!(Exploration::new(f64::NAN), None);
    }
}
