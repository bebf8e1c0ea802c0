//! What somebody who knows better says of an attempt afterwards, and what that teaches.
//!
//! People say two kinds of things. Who looks at a *decision* says that it was right or wrong; who hears from the customer, or
//! from the bank, says that an *attempt* was fraud or was not. Both come to the same: the attempt was bad or good. What it
//! teaches the three scores is not the same for both. A good attempt is a counter-example for all of them. A bad one is an
//! example only of what it was: that somebody's account was taken over by hand says nothing about robots. So a label names
//! the scores that it is about; where its author did not, [`Verdict::taught`] has a rule for it, and what came of the
//! rule is written down with the label, so that nobody has to know the rule to read it.

use super::assessment::ScoreName;

/// What was said of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The decision was right: what was refused or challenged deserved it, what was let pass deserved that.
    Right,
    Wrong,
    Fraud,
    NotFraud,
}

impl Verdict {
    pub const ALL: [Verdict; 4] = [Verdict::Right, Verdict::Wrong, Verdict::Fraud, Verdict::NotFraud];

    /// As published.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Right => "right",
            Verdict::Wrong => "wrong",
            Verdict::Fraud => "fraud",
            Verdict::NotFraud => "not_fraud",
        }
    }

    /// What a name says; a hyphen is as good as an underscore, since that is how the command line has it.
    pub fn parse(name: &str) -> Option<Verdict> {
        Verdict::ALL.into_iter().find(|verdict| verdict.name() == name.replace('-', "_"))
    }

    /// Whether the attempt was bad. `refused`: the policy challenged or denied it.
    pub fn is_bad(self, refused: bool) -> bool {
        match self {
            Verdict::Right => refused,
            Verdict::Wrong => !refused,
            Verdict::Fraud => true,
            Verdict::NotFraud => false,
        }
    }

    /// Which scores this teaches, if its author did not say. Of a good attempt all. Of a refusal that was right, those that
    /// argued for it: the highest, and any that is at least even. Of fraud, and of what was let pass wrongly, what fraud is
    /// at such an event: where an account comes into being or pays, it is abused; elsewhere somebody else has it.
    ///
    /// `event` as published; `scores` in percent, in the order of [`ScoreName::ALL`], if the attempt was scored.
    pub fn taught(self, refused: bool, event: &str, scores: Option<[f64; 3]>) -> Vec<ScoreName> {
        match (self, scores) {
            (_, _) if !self.is_bad(refused) => ScoreName::ALL.to_vec(),
            (Verdict::Right, Some(scores)) => {
                let highest = scores.into_iter().fold(0.0, f64::max);
                let argued = |score: f64| score >= highest || score >= 50.0;
                let all = ScoreName::ALL.into_iter().zip(scores);
                all.filter(|(_, score)| argued(*score)).map(|(name, _)| name).collect()
            }
            (Verdict::Right | Verdict::Wrong | Verdict::Fraud | Verdict::NotFraud, _) => match event {
                "$register" | "$checkout" => vec![ScoreName::AccountAbuse],
                _ => vec![ScoreName::AccountTakeover],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ScoreName::{AccountAbuse, AccountTakeover, Bot};

    #[test]
    fn names_are_read_as_they_are_written() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::parse(verdict.name()), Some(verdict));
        }
        assert_eq!(Verdict::parse("not-fraud"), Some(Verdict::NotFraud));
        assert_eq!(Verdict::parse("maybe"), None);
    }

    #[test]
    fn what_was_right_depends_on_what_was_done() {
        let bad = |verdict: Verdict| (verdict.is_bad(true), verdict.is_bad(false));
        assert_eq!(Verdict::ALL.map(bad), [(true, false), (false, true), (true, true), (false, false)]);
    }

    #[test]
    fn a_good_attempt_teaches_all_and_a_bad_one_what_it_was() {
        let robot = Some([93.0, 4.0, 5.0]);
        assert_eq!(Verdict::NotFraud.taught(true, "$login", robot), ScoreName::ALL);
        assert_eq!(Verdict::Wrong.taught(true, "$login", robot), ScoreName::ALL);
        assert_eq!(Verdict::Right.taught(false, "$login", robot), ScoreName::ALL);
        assert_eq!(Verdict::Right.taught(true, "$login", robot), [Bot]);
        assert_eq!(Verdict::Right.taught(true, "$login", Some([70.0, 60.0, 5.0])), [Bot, AccountTakeover]);
        assert_eq!(Verdict::Right.taught(true, "$register", Some([3.0, 4.0, 5.0])), [AccountAbuse]);
        assert_eq!(Verdict::Right.taught(true, "$login", None), [AccountTakeover], "it was never scored");
        assert_eq!(Verdict::Fraud.taught(true, "$login", robot), [AccountTakeover]);
        assert_eq!(Verdict::Wrong.taught(false, "$checkout", robot), [AccountAbuse]);
    }
}
