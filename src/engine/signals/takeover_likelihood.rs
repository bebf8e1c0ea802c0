//! How much better a stranger explains this login than the owner: the model of Freeman et al., live.
//!
//! # What it reads
//! At the moment after success: the [score](crate::engine::freeman) of the login's address, network, country, User-Agent,
//! browser, system and kind of device among everybody's logins and among the account's own (`owner.likelihood`), counted
//! with decay and within bounds ([`freeman::live`](crate::engine::freeman::live)). Blind where the account has no earlier
//! login, or the gate knows so few logins of anybody that nothing can be said to be usual.
//!
//! # How it counts
//! Not all or nothing: the logarithm of the score, as a share between −1 and 1 of what `bound` is the whole of, times the
//! weight. So a login like all others of its owner lowers the score, one that nothing speaks for raises it, and everything in
//! between counts as it is. It is said to have fired from `score` on.
//!
//! # Why it matters
//! It is the published measure of "not like them": who knows only the password and comes from anywhere scores a hundred
//! times what the owner does at home. It is the one piece of evidence here that was measured on millions of logins.
//!
//! # Who trips it innocently
//! Whoever has a new device in a new country, on their first day there. Alone it must not refuse anybody, and by its
//! weight it does not.
//!
//! # Parameters
//! `score`: from which on it is said to have fired. `bound`: the score, and its inverse, at which the whole weight counts.
//! `least_logins`: everybody's logins, decayed, that must be known.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::evidence::{Evidence, Moment};

pub static SIGNAL: Signal = Signal {
    name: "takeover_likelihood",
    summary: "the login looks more like anybody's than like its owner's",
    // Either way a factor of one and two thirds in the odds, at most: what it says of devices and networks is said by signals
    // of their own, and of a value that is rare everywhere the model makes less than it is worth.
    weights: Weights { bot: 0.0, account_takeover: 0.5, account_abuse: 0.0 },
    parameters: &[
        Parameter {
            name: "score",
            summary: "score of the model from which on it fires",
            default: 50.0,
            min: 1.0,
            max: 1_000_000.0,
        },
        Parameter {
            name: "bound",
            summary: "score at which the whole weight counts, for it; at its inverse, against it",
            default: 150.0,
            min: 2.0,
            max: 1_000_000.0,
        },
        Parameter {
            name: "least_logins",
            summary: "everybody's logins, decayed, that must be known before the model says anything",
            default: 100.0,
            min: 2.0,
            max: 1_000_000.0,
        },
    ],
    needs: "earlier logins of the account, and enough of anybody's",
    findings: &[
        ("score", "the model's score is {}"),
        ("share", "share {} of the weight"),
        ("own_logins", "over {} logins of the account"),
        ("network_known", "the network is one of the account's|the network is new"),
        ("country_known", "the country is one of the account's|the country is new"),
        ("agent_known", "the software is one of the account's|the software is new"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[fires_at, bound, least_logins] = parameters else { return Reading::Blind };
    if evidence.moment == Moment::Before || evidence.attempt.identity.account.is_none() {
        return Reading::Quiet;
    }
    let Some(owner) = evidence.owner.as_ref().filter(|owner| owner.population >= least_logins) else {
        return Reading::Blind;
    };
    let Some(score) = owner.likelihood.filter(|score| *score > 0.0) else { return Reading::Blind };
    let share = (score.ln() / bound.ln()).clamp(-1.0, 1.0);
    Reading::Weighed {
        share,
        fires: score >= fires_at,
        findings: Findings::new()
            .number("score", score)
            .number("share", share)
            .number("own_logins", owner.logins)
            .flag("network_known", owner.seen.network())
            .flag("country_known", owner.seen.country())
            .flag("agent_known", owner.seen.agent()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::assessment::{Model, ScoreName, assess};
    use crate::engine::fixture;
    use crate::engine::ownership::Ownership;

    const DEFAULTS: [f64; 3] = [50.0, 150.0, 100.0];

    fn with(likelihood: Option<f64>, change: impl FnOnce(&mut Ownership)) -> Evidence {
        let mut evidence = fixture::after();
        let owner = evidence.owner.as_mut().unwrap();
        owner.likelihood = likelihood;
        change(owner);
        evidence
    }

    fn of(score: f64) -> (f64, bool) {
        match read(&with(Some(score), |_| {}), &DEFAULTS) {
            Reading::Weighed { share, fires, .. } => (share, fires),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fires_on_a_stranger_and_never_weighs_more_than_its_weight() {
        assert_eq!(of(1e9), (1.0, true));
        assert_eq!(of(150.0), (1.0, true));
        assert!(of(50.0).1);
        let evidence = with(Some(1e9), |_| {});
        let model = Model::default();
        let assessment = assess(&evidence, &model);
        assert!(assessment.fired.names().any(|name| name == SIGNAL.name));
        let shares = assessment.contributions(&model, ScoreName::AccountTakeover);
        assert!(shares.contains(&(SIGNAL.name, 0.5)), "{shares:?}");
    }

    #[test]
    fn innocents_do_not_fire_it_and_the_owner_at_home_is_below_everybody() {
        for (who, score) in [("at home", 0.02), ("on a new address", 0.06), ("after an update", 0.3), ("abroad", 4.0)] {
            let (share, fires) = of(score);
            assert!(!fires && share.abs() < 1.0, "{who}");
        }
        let model = Model::default();
        let usual = assess(&with(Some(0.02), |_| {}), &model);
        let unknown = assess(&Evidence { moment: Moment::Before, ..with(None, |_| {}) }, &model);
        assert!(usual.scores.account_takeover < unknown.scores.account_takeover);
        let shares = usual.contributions(&model, ScoreName::AccountTakeover);
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        assert_eq!(100.0 / (1.0 + (-sum).exp()), usual.scores.account_takeover, "{shares:?}");
    }

    #[test]
    fn blind_without_a_history_and_before_anything_is_usual() {
        for evidence in [
            Evidence { owner: None, ..fixture::after() },
            with(None, |_| {}),
            with(Some(1.0), |owner| owner.population = 20.0),
        ] {
            assert_eq!(read(&evidence, &DEFAULTS), Reading::Blind);
            let scores = assess(&evidence, &Model::default()).scores;
            assert!(scores.risk_low < scores.risk && scores.risk < scores.risk_high, "{scores:?}");
        }
    }
}
