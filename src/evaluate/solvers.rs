//! Who solves a challenge. A file tells what the application would answer, and cannot tell whether somebody would have sat
//! there to solve what the gate asks; so it is supposed, openly: people do, programs do not, thieves who work by hand solve
//! what any person can. Whoever knows better says so (`--solve scripted=0.3`).
//!
//! Where it is neither all nor nobody, chance decides, from the attempt itself: the same file makes the same report.

use super::attack;
use crate::attempt_file::{INNOCENT, LabelledAttempt};
use crate::engine::clearance::ChallengeKind;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Stands for every label that is not innocent.
const ATTACKS: &str = "attacks";

/// What is supposed, where it is not the default.
#[derive(Clone, Debug, Default)]
pub struct Solvers(Vec<Supposed>);

#[derive(Clone, Debug, PartialEq)]
struct Supposed {
    who: Box<str>,
    /// None: any kind.
    kind: Option<ChallengeKind>,
    share: f64,
}

impl Supposed {
    /// Labels are known by what they begin with, as attacks are everywhere.
    fn is_of(&self, label: &str) -> bool {
        let attack = &*self.who == ATTACKS || label.starts_with(&*self.who);
        if label == INNOCENT { *self.who == *INNOCENT } else { attack }
    }
}

impl Solvers {
    /// Who is supposed to solve and is not in the files, whose labels these are.
    pub fn nobody<'s>(&'s self, labels: &[&str]) -> Vec<&'s str> {
        let missing = self.0.iter().filter(|supposed| !labels.iter().any(|label| supposed.is_of(label)));
        missing.map(|supposed| &*supposed.who).collect()
    }

    /// Adds what was written as `WHO=SHARE` or `WHO:KIND=SHARE`. What is added later wins.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let help = "write WHO=SHARE or WHO:KIND=SHARE, as in `innocent=0.98` or `scripted:proof_of_work=0.5`; WHO is a label or what \
                    it begins with, or `attacks` for all of them; SHARE is 0 to 1";
        let (who, share) = text.split_once('=').ok_or_else(|| format!("`{text}` has no `=`: {help}"))?;
        let share = share.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        let share = share.ok_or_else(|| format!("`{text}` does not end in a share: {help}"))?;
        let (who, kind) = match who.split_once(':') {
            None => (who, None),
            Some((who, kind)) => match ChallengeKind::from_name(kind) {
                Some(kind) => (who, Some(kind)),
                None => {
                    let known: Vec<&str> = ChallengeKind::ALL.iter().map(|kind| kind.name()).collect();
                    return Err(format!("`{kind}` is no kind of challenge; known are {}", known.join(", ")));
                }
            },
        };
        if who.is_empty() {
            return Err(format!("`{text}` says of nobody: {help}"));
        }
        self.0.push(Supposed { who: who.into(), kind, share });
        Ok(())
    }

    /// As it was written.
    pub fn list(&self) -> Vec<String> {
        let one = |supposed: &Supposed| match supposed.kind {
            None => format!("{}={}", supposed.who, supposed.share),
            Some(kind) => format!("{}:{}={}", supposed.who, kind.name(), supposed.share),
        };
        self.0.iter().map(one).collect()
    }

    /// Whether the sender of an attempt solves a challenge.
    pub fn solves(&self, attempt: &LabelledAttempt<'_>, kind: ChallengeKind) -> bool {
        let share = self.share(&attempt.label, kind);
        if share >= 1.0 || share <= 0.0 {
            return share >= 1.0;
        }
        let mut hasher = DefaultHasher::new();
        (kind.name(), attempt.at, attempt.ip, attempt.actor.as_deref(), attempt.fields.account.as_deref())
            .hash(&mut hasher);
        (hasher.finish() as f64 / u64::MAX as f64) < share
    }

    fn share(&self, label: &str, kind: ChallengeKind) -> f64 {
        let meant = |supposed: &&Supposed| supposed.is_of(label) && supposed.kind.is_none_or(|own| own == kind);
        self.0.iter().rev().find(meant).map_or_else(|| attack::solves(label, kind), |supposed| supposed.share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt_file::Attempts;

    fn attempts(label: &str) -> Vec<LabelledAttempt<'static>> {
        let line = |t: u64| {
            format!(
                r#"{{"t":{t},"event":"login","ip":"192.0.2.1","headers":[],"outcome":"failed","label":"{label}","actor":"a"}}"#
            )
        };
        let text: Vec<String> = (0..400).map(line).collect();
        Attempts::new("x", text.join("\n").as_bytes()).collect::<Result<_, _>>().unwrap()
    }

    fn solved(solvers: &Solvers, label: &str) -> usize {
        attempts(label).iter().filter(|attempt| solvers.solves(attempt, ChallengeKind::ProofOfWork)).count()
    }

    #[test]
    fn what_is_said_wins_over_the_default_and_the_later_over_the_earlier() {
        let mut solvers = Solvers::default();
        assert_eq!([solved(&solvers, "innocent"), solved(&solvers, "spraying")], [400, 0]);
        solvers.add("attacks=1").unwrap();
        solvers.add("spraying:proof_of_work=0").unwrap();
        assert_eq!([solved(&solvers, "low_and_slow"), solved(&solvers, "spraying")], [400, 0]);
        solvers.add("innocent=0.5").unwrap();
        assert!((150..250).contains(&solved(&solvers, "innocent")), "{}", solved(&solvers, "innocent"));
        assert_eq!(solvers.list(), ["attacks=1", "spraying:proof_of_work=0", "innocent=0.5"]);
        solvers.add("scripted=0").unwrap();
        assert_eq!([solved(&solvers, "scripted_client"), solved(&solvers, "crawler")], [0, 400]);
        solvers.add("inno=1").unwrap();
        assert!((150..250).contains(&solved(&solvers, "innocent")), "an attack's name");
        assert_eq!(solvers.nobody(&["innocent", "spraying", "scripted_client"]), ["inno"]);
    }

    #[test]
    fn nonsense_is_refused_with_help() {
        for (text, said) in [
            ("innocent", "has no `=`"),
            ("innocent=2", "does not end in a share"),
            ("innocent=NaN", "does not end in a share"),
            ("=1", "says of nobody"),
            ("innocent:riddle=1", "`riddle` is no kind of challenge; known are proof_of_work"),
        ] {
            let error = Solvers::default().add(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
