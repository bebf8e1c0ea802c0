//! An address at which nobody seems to want to be written to: random, hit on the keyboard, or obscene.
//!
//! # What it reads
//! Of a registration's address what capture derived of its local part (`identity.email.composition`): a weakness (keys in a
//! row, one letter again and again, a word that stands for an address, a whole word that is obscene), or letters that are less
//! likely a person's than thrown. Never blind: it needs no history.
//!
//! # Why it matters
//! Who means to come back gives an address at which they read. Accounts at `asdfgh@` are made for a coupon, a vote or a look,
//! or to try the form before the real run.
//!
//! # Who trips it innocently
//! People with rare initials, and whose language the table does not know: one in two hundred. Those whom a form annoys, who
//! will be customers next week. A tester of the operator's own. So it weighs little, and an obscene word weighs half of that:
//! it says more of somebody's mood than of their intent. Words count whole, so that nobody from Scunthorpe or called Dickinson
//! is among them.
//!
//! # Parameters
//! `likelihood`: natural logarithm of how many times likelier a person makes such a local part than a machine that throws
//! letters, below which it counts as random.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::attempt::Weakness;
use crate::engine::event::Event;
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "low_quality_email",
    summary: "the address that registers looks random, hit on the keyboard or obscene, as if nobody meant to be written to",
    weights: Weights { bot: 0.3, account_takeover: 0.0, account_abuse: 1.2 },
    parameters: &[Parameter {
        name: "likelihood",
        summary: "logarithm of the odds of a person against thrown letters, below which it fires",
        default: -1.0,
        min: -100.0,
        max: 10.0,
    }],
    needs: "the e-mail address",
    findings: &[("by", "told by its {}"), ("likelihood", "log-odds of a person against thrown letters: {}")],
    read,
};

/// Of the weights, for a word that may be anger.
const OBSCENE: f64 = 0.5;

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[likelihood] = parameters else { return Reading::Blind };
    if evidence.attempt.event != Event::Register {
        return Reading::Quiet;
    }
    let email = evidence.attempt.identity.email.as_ref();
    let Some(made) = email.and_then(|email| email.composition.as_deref()) else { return Reading::Quiet };
    let by = |what: &str| Findings::new().text("by", what);
    match (made.weakness, made.likelihood) {
        (Some(weakness), _) if weakness != Weakness::Profanity => Reading::Fired(by(weakness.name())),
        (_, Some(found)) if found < likelihood => Reading::Fired(by("letters").number("likelihood", found)),
        (Some(weakness), _) => Reading::Weighed { share: OBSCENE, fires: true, findings: by(weakness.name()) },
        (None, _) => Reading::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixture;

    fn check(weakness: Option<Weakness>, likelihood: Option<f64>) -> Reading {
        let mut evidence = fixture::registration();
        let composition = evidence.attempt.identity.email.as_mut().unwrap().composition.as_mut().unwrap();
        (composition.weakness, composition.likelihood) = (weakness, likelihood);
        read(&evidence, &[-1.0])
    }

    #[test]
    fn fires_on_each_weakness_and_names_it() {
        for weakness in [Weakness::Keyboard, Weakness::Repetition, Weakness::Placeholder] {
            let expected = Reading::Fired(Findings::new().text("by", weakness.name()));
            assert_eq!(check(Some(weakness), Some(8.0)), expected);
            assert_eq!(check(Some(weakness), None), expected, "however short");
        }
    }

    #[test]
    fn fires_on_random_letters_and_says_how_unlikely_they_are() {
        let expected = Findings::new().text("by", "letters").number("likelihood", -2.5);
        assert_eq!(check(None, Some(-2.5)), Reading::Fired(expected));
    }

    #[test]
    fn fires_on_obscenity_with_half_the_weight() {
        let Reading::Weighed { share, fires, .. } = check(Some(Weakness::Profanity), Some(9.0)) else { panic!() };
        assert_eq!((share, fires), (OBSCENE, true));
        assert!(matches!(check(Some(Weakness::Profanity), Some(-9.0)), Reading::Fired(_)), "and random as well");
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, likelihood) in [
            ("a name and a year", Some(12.0)),
            ("a short nickname", None),
            ("a name in a script that the table does not know", None),
            ("somebody with odd initials", Some(-0.5)),
        ] {
            assert_eq!(check(None, likelihood), Reading::Quiet, "{who}");
        }
        let mut login = fixture::registration();
        login.attempt.event = Event::Login;
        login.attempt.identity.email.as_mut().unwrap().composition.as_mut().unwrap().weakness =
            Some(Weakness::Keyboard);
        assert_eq!(read(&login, &[-1.0]), Reading::Quiet, "somebody who has had that account for years");
        assert_eq!(read(&fixture::evidence(), &[-1.0]), Reading::Quiet, "somebody of whose address nothing is told");
    }
}
