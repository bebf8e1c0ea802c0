//! Challenges by kind, and the proof that one was solved.

use std::fmt;

/// The kinds of challenge. One built-in so far; a kind is a variant here, a file in `challenge/` and a line in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChallengeKind {
    ProofOfWork,
}

impl ChallengeKind {
    pub const ALL: [ChallengeKind; 1] = [ChallengeKind::ProofOfWork];

    pub fn name(self) -> &'static str {
        match self {
            ChallengeKind::ProofOfWork => "proof_of_work",
        }
    }

    pub fn from_name(name: &str) -> Option<ChallengeKind> {
        ChallengeKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for ChallengeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which challenges were solved for this very attempt. Only `Clearance::of_solved` makes a non-empty one, and only
/// `challenge::` calls that, with a solution that was verified and burnt (a test over the sources holds it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clearance {
    kinds: u8,
}

impl Clearance {
    /// Nothing was solved.
    pub const NONE: Clearance = Clearance { kinds: 0 };

    pub(crate) fn of_solved(kind: ChallengeKind) -> Clearance {
        Clearance { kinds: 1 << kind as u8 }
    }

    pub fn covers(self, kind: ChallengeKind) -> bool {
        self.kinds & (1 << kind as u8) != 0
    }

    pub fn kinds(self) -> impl Iterator<Item = ChallengeKind> {
        ChallengeKind::ALL.into_iter().filter(move |kind| self.covers(*kind))
    }
}
