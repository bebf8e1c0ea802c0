//! What attacks are known by name, so that the report need not be told: which score they belong to, and whether somebody
//! sits there who solves a challenge.
//!
//! Names are those of `simulate`, and whoever writes files of their own may use any: an attack of another name is measured
//! by `risk`, which belongs to all, and solves nothing. An attack that continues a known name (`bulk_stuffing.second`) is
//! of its kind.

use crate::attempt_file::INNOCENT;
use crate::engine::assessment::ScoreName;
use crate::engine::clearance::ChallengeKind;

/// An attack that is known by its name.
struct Known {
    name: &'static str,
    /// The score that is meant to tell it.
    score: ScoreName,
    /// A person who means this one account, and to whom a proof of work is a second of waiting.
    by_hand: bool,
}

const fn known(name: &'static str, score: ScoreName, by_hand: bool) -> Known {
    Known { name, score, by_hand }
}

/// Longer names before those that they begin with.
const KNOWN: &[Known] = &[
    known("takeover_very_targeted", ScoreName::AccountTakeover, true),
    known("takeover_targeted", ScoreName::AccountTakeover, true),
    known("takeover", ScoreName::AccountTakeover, false),
    known("bulk_stuffing", ScoreName::Bot, false),
    known("rotating_proxies", ScoreName::Bot, false),
    known("low_and_slow", ScoreName::Bot, false),
    known("spraying", ScoreName::Bot, false),
    known("brute_force", ScoreName::Bot, false),
    known("scripted", ScoreName::Bot, false),
    known("crawler", ScoreName::Bot, false),
    known("fake_registration", ScoreName::AccountAbuse, false),
    known("registration", ScoreName::AccountAbuse, false),
    known("reset_flood", ScoreName::AccountAbuse, false),
    known("card_testing", ScoreName::AccountAbuse, false),
];

fn find(label: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| label.starts_with(known.name))
}

/// The score that an attack belongs to beside `risk`; `None`: nobody has said.
pub fn score_of(label: &str) -> Option<ScoreName> {
    find(label).map(|known| known.score)
}

/// Whether a login under this label is one with the right password, on somebody else's account.
pub fn is_takeover(label: &str) -> bool {
    score_of(label) == Some(ScoreName::AccountTakeover)
}

/// The share of visitors under a label who solve a challenge: people do, programs do not, and thieves who sit there
/// themselves do what any person can.
pub fn solves(label: &str, kind: ChallengeKind) -> f64 {
    let by_person = match kind {
        ChallengeKind::ProofOfWork => label == INNOCENT || find(label).is_some_and(|known| known.by_hand),
    };
    if by_person { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_what_they_begin_with() {
        assert_eq!(score_of("bulk_stuffing.second"), Some(ScoreName::Bot));
        assert_eq!(score_of("my_own"), None);
        assert!(is_takeover("takeover_vpn") && !is_takeover("bulk_stuffing"));
        for (place, one) in KNOWN.iter().enumerate() {
            assert!(
                !KNOWN[..place].iter().any(|before| one.name.starts_with(before.name)),
                "{} is never reached",
                one.name
            );
        }
    }

    #[test]
    fn people_solve_and_programs_do_not() {
        let share = |label| solves(label, ChallengeKind::ProofOfWork);
        assert_eq!(
            [share("innocent"), share("takeover_targeted"), share("takeover_vpn"), share("spraying")],
            [1.0, 1.0, 0.0, 0.0]
        );
        assert_eq!(share("unheard_of"), 0.0);
    }
}
