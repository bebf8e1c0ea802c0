//! The address that registers was made by a machine: one of many made alike, one mailbox under another spelling, or letters
//! that were thrown.
//!
//! # What it reads
//! Of a registration's address what capture derived (`identity.email.composition`), and what the store counted of others like
//! it. It fires on any of three, and says which (`by`):
//!
//! `letters`: the local part is so unlikely to be names or words, against thrown letters, that one in a thousand people has
//! such a one. Of eight characters and more; shorter ones say too little.
//!
//! `spellings`: the mailbox was registered under other spellings within a day or so, with tags after a plus or dots that its
//! provider takes no notice of. What the application answered with failure does not count.
//!
//! `template`: addresses made up alike (as many digits after the letters, at one provider) are registered far more often than
//! people's are. What to expect follows from everybody else at the same provider in the same hour (half-life), and from the
//! share of people whose addresses are made up so: `others × share / (1 − share)`, plus what two others would bring where there
//! are none. The count of so many is taken for a negative binomial whose variance has three parts: chance, that `others` is a
//! sample itself, and that the share is known to within two fifths. Improbable alone is not enough: it must also be `excess`
//! times what is expected, since the people among those made alike pay with the machine's, and are one in so many. That
//! leaves alone what nearly everybody's address is made up of, letters without digits at a large provider. Thrown-looking
//! addresses are one template of their own, from likelihoods on that say nothing alone. At domains where people do not
//! choose their addresses (companies, schools) only that one is counted; and addresses with a tag are the mailbox's business.
//!
//! Blind without history, unless the letters say enough. Registrations only: what an account of years is called says nothing.
//!
//! # Why it matters
//! False accounts need addresses by the thousand, and addresses by the thousand are made by a rule. Whoever rotates networks,
//! devices and names keeps the rule.
//!
//! # Who trips it innocently
//! Who has initials of rare letters for an address, and whose language the table does not know: 1 in 1,000 at the most, who
//! pay with a proof of work. Somebody who registers for three children with tags on one mailbox. People whose addresses are
//! made up like an attack's, at its provider, while it lasts. Not users of forwarding services, whose addresses are
//! thrown by design: they are not looked at.
//!
//! # Parameters
//! `likelihood`: natural logarithm of how many times likelier a person makes such a local part, below which it counts as
//! thrown. `spellings`: so many spellings of one mailbox, this one included, are too many. `alike`: fewer made alike are never
//! too many. `excess`: so many times what is expected, at least. `probability`: so many made alike come less often than this.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::attempt::Composition;
use crate::engine::event::Event;
use crate::engine::evidence::{EntityKind, Evidence, History, Velocity};
use crate::engine::usual::Expected;

pub static SIGNAL: Signal = Signal {
    name: "generated_email",
    summary: "the address that registers was made by a machine: thrown letters, many made alike, or spellings of one mailbox",
    // Enough by itself for a proof of work where the built-in policy rules, and for nothing more.
    weights: Weights { bot: 1.5, account_takeover: 0.0, account_abuse: 4.7 },
    parameters: &[
        Parameter {
            name: "likelihood",
            summary: "logarithm of the odds of a person against thrown letters, below which it fires",
            default: -4.0,
            min: -100.0,
            max: 0.0,
        },
        Parameter {
            name: "spellings",
            summary: "spellings of one mailbox within a day, this one included, from which on it fires",
            default: 3.0,
            min: 2.0,
            max: 1_000.0,
        },
        Parameter {
            name: "alike",
            summary: "least registrations made alike, decayed with a half-life of one hour, that are ever too many",
            default: 5.0,
            min: 2.0,
            max: 1_000_000.0,
        },
        Parameter {
            name: "excess",
            summary: "times as many made alike as are expected of people, below which they are not too many",
            default: 4.0,
            min: 1.0,
            max: 1_000.0,
        },
        Parameter {
            name: "probability",
            summary: "chance of so many made alike among people, below which they are too many",
            default: 1e-4,
            min: 1e-12,
            max: 0.1,
        },
    ],
    needs: "the history of addresses like it from the store",
    findings: &[
        ("by", "told by its {}"),
        ("likelihood", "log-odds of a person against thrown letters: {}"),
        ("others", "{} other registrations of the same mailbox, spelled otherwise"),
        ("observed", "{} made alike"),
        ("expected", "{} expected of people"),
        ("p", "so many come with probability {}"),
        ("window_s", "half-life {} s"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[likelihood, spellings, alike, excess, probability] = parameters else { return Reading::Blind };
    if evidence.attempt.event != Event::Register {
        return Reading::Quiet;
    }
    let email = evidence.attempt.identity.email.as_ref();
    let Some(made) = email.and_then(|email| email.composition.as_deref()) else { return Reading::Quiet };
    if let Some(found) = made.likelihood.filter(|found| *found < likelihood) {
        return Reading::Fired(Findings::new().text("by", "letters").number("likelihood", found));
    }
    let Some(history) = &evidence.history else { return Reading::Blind };
    let findings = respelled(history, spellings).or_else(|| repeated(history, made, [alike, excess, probability]));
    findings.map_or(Reading::Quiet, Reading::Fired)
}

/// What was not refused by the application, of a day.
fn standing(velocity: &Velocity) -> f64 {
    (velocity.long.attempts - velocity.long.failed).max(0.0)
}

fn respelled(history: &History, spellings: f64) -> Option<Findings> {
    let mailbox = history.velocity(EntityKind::EmailMailbox)?;
    let spelling = history.velocity(EntityKind::EmailSpelling)?;
    let others = standing(mailbox) - standing(spelling);
    // What was registered this morning counts a little less by now.
    const FADED: f64 = 0.75;
    (others >= (spellings - 1.0) * FADED).then(|| Findings::new().text("by", "spellings").number("others", others))
}

/// Others at the provider, where there are none.
const OTHERS: f64 = 2.0;
/// How far the share of people's addresses may be off: its standard deviation by itself.
const VARIATION: f64 = 0.4;

fn repeated(history: &History, made: &Composition, [alike, excess, probability]: [f64; 3]) -> Option<Findings> {
    let share = made.template_share?;
    let template = history.velocity(EntityKind::EmailTemplate)?;
    let provider = history.velocity(EntityKind::EmailDomain)?;
    // Who sends one form again and again is one.
    let observed = template.short.attempts.min(f64::from(template.accounts));
    if observed < alike {
        return None;
    }
    let expected = expected((provider.short.attempts - template.short.attempts).max(0.0), share)?;
    if observed < excess * expected.mean {
        return None;
    }
    let p = expected.probability(observed);
    (p < probability).then(|| {
        Findings::new()
            .text("by", "template")
            .number("observed", observed)
            .number("expected", expected.mean)
            .probability("p", p)
            .count("window_s", 3_600u32)
    })
}

/// Of addresses that make up this share of people's, beside so many others.
fn expected(others: f64, share: f64) -> Option<Expected> {
    let odds = share / (1.0 - share);
    let mean = (others + OTHERS) * odds;
    let variance = mean * (1.0 + odds) + (VARIATION * mean) * (VARIATION * mean);
    (mean.is_finite() && mean > 0.0).then_some(Expected { mean, variance })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::Answers;
    use crate::engine::fixture;
    use crate::engine::signals::Finding;

    const DEFAULTS: [f64; 5] = [-4.0, 3.0, 5.0, 4.0, 1e-4];

    /// A registration of which so much is known.
    #[derive(Clone, Copy)]
    struct Case {
        likelihood: Option<f64>,
        share: Option<f64>,
        /// Within the hour, and so many of them by distinct accounts.
        alike: f64,
        distinct: u32,
        /// At the provider in that hour, those alike included.
        provider: f64,
        mailbox: f64,
        spelling: f64,
    }

    const PERSON: Case = Case {
        likelihood: Some(12.0),
        share: Some(0.27),
        alike: 1.0,
        distinct: 1,
        provider: 4.0,
        mailbox: 1.0,
        spelling: 1.0,
    };

    fn evidence(case: Case) -> Evidence {
        let mut evidence = fixture::registration();
        let composition = evidence.attempt.identity.email.as_mut().unwrap().composition.as_mut().unwrap();
        composition.likelihood = case.likelihood;
        composition.template_share = case.share;
        let count = |attempts: f64, accounts: u32| {
            let short = Answers { attempts, ..Answers::default() };
            // Of a day: as much again.
            Velocity { short, long: short, accounts, ..Velocity::default() }
        };
        evidence.history.as_mut().unwrap().velocities = vec![
            (EntityKind::EmailTemplate, count(case.alike, case.distinct)),
            (EntityKind::EmailDomain, count(case.provider, case.provider as u32)),
            (EntityKind::EmailMailbox, count(case.mailbox, 1)),
            (EntityKind::EmailSpelling, count(case.spelling, 1)),
        ];
        evidence
    }

    fn by(case: Case) -> Option<String> {
        match read(&evidence(case), &DEFAULTS) {
            Reading::Fired(findings) => match findings.get("by") {
                Some(Finding::Text(by)) => Some(by.to_string()),
                other => panic!("{other:?}"),
            },
            Reading::Quiet => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fires_on_thrown_letters_whatever_is_known_of_others() {
        assert_eq!(by(Case { likelihood: Some(-18.0), ..PERSON }).as_deref(), Some("letters"));
        let mut alone = evidence(Case { likelihood: Some(-18.0), ..PERSON });
        alone.history = None;
        assert!(matches!(read(&alone, &DEFAULTS), Reading::Fired(_)));
    }

    #[test]
    fn fires_on_the_third_spelling_of_a_mailbox() {
        assert_eq!(by(Case { mailbox: 3.0, ..PERSON }).as_deref(), Some("spellings"));
        assert_eq!(by(Case { mailbox: 2.9, ..PERSON }).as_deref(), Some("spellings"), "an hour or two later");
        assert_eq!(by(Case { mailbox: 2.0, ..PERSON }), None);
    }

    #[test]
    fn fires_on_far_more_alike_than_people_are() {
        let names_with_four_digits = Case { share: Some(0.10), ..PERSON };
        let attack = Case { alike: 30.0, distinct: 30, provider: 70.0, ..names_with_four_digits };
        let Reading::Fired(findings) = read(&evidence(attack), &DEFAULTS) else { panic!("30 where 5 are expected") };
        assert_eq!(findings.get("observed"), Some(&Finding::Number(30.0)));
        assert_eq!(findings.get("expected"), Some(&Finding::Number(4.667)));
        assert_eq!(findings.get("window_s"), Some(&Finding::Count(3_600)));
        let quiet_provider = Case { share: Some(0.012), alike: 5.0, distinct: 5, provider: 5.0, ..PERSON };
        assert_eq!(by(quiet_provider).as_deref(), Some("template"), "nobody else is there");
        let thrown =
            Case { likelihood: Some(-1.0), share: Some(0.05), alike: 12.0, distinct: 12, provider: 33.0, ..PERSON };
        assert_eq!(by(thrown).as_deref(), Some("template"));
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, case) in [
            ("one person", PERSON),
            ("somebody whose address is too short to say anything", Case { likelihood: None, ..PERSON }),
            ("somebody with rare initials", Case { likelihood: Some(-2.5), ..PERSON }),
            ("a busy hour at a large provider", Case { alike: 33.0, distinct: 33, provider: 110.0, ..PERSON }),
            (
                "people without digits, while thrice as many come as do",
                Case { share: Some(0.44), alike: 120.0, distinct: 120, provider: 170.0, ..PERSON },
            ),
            ("a few with four digits on a quiet day", Case { share: Some(0.10), alike: 4.0, distinct: 4, ..PERSON }),
            (
                "somebody whose form is refused again and again",
                Case {
                    share: Some(0.012),
                    alike: 9.0,
                    distinct: 1,
                    provider: 10.0,
                    mailbox: 9.0,
                    spelling: 9.0,
                    ..PERSON
                },
            ),
            ("somebody who registers twice", Case { mailbox: 2.0, spelling: 1.0, ..PERSON }),
            (
                "a company that signs its people up, first name and last",
                Case { share: None, alike: 80.0, distinct: 80, provider: 80.0, ..PERSON },
            ),
        ] {
            assert_eq!(by(case), None, "{who}");
        }
    }

    #[test]
    fn innocents_who_log_in_and_whose_address_was_not_looked_at() {
        let mut login = evidence(Case { likelihood: Some(-18.0), ..PERSON });
        login.attempt.event = Event::Login;
        assert_eq!(read(&login, &DEFAULTS), Reading::Quiet);
        let mut relayed = fixture::registration();
        relayed.attempt.identity.email.as_mut().unwrap().composition = None;
        assert_eq!(read(&relayed, &DEFAULTS), Reading::Quiet, "of a forwarding service");
        relayed.attempt.identity.email = None;
        assert_eq!(read(&relayed, &DEFAULTS), Reading::Quiet, "no address at all");
    }

    #[test]
    fn blind_without_history() {
        let mut evidence = evidence(PERSON);
        evidence.history = None;
        assert_eq!(read(&evidence, &DEFAULTS), Reading::Blind);
    }

    #[test]
    fn whatever_is_counted_a_probability_comes_of_it() {
        for others in [0.0, 1e-9, 1.0, 1e6, 1e12] {
            for share in [1e-6, 0.008, 0.44, 0.999] {
                let expected = expected(others, share).unwrap();
                for observed in [0.0, 1.0, 5.0, 1e6] {
                    assert!((0.0..=1.0).contains(&expected.probability(observed)), "{others} {share} {observed}");
                }
            }
        }
        assert!(expected(f64::NAN, 0.1).is_none());
    }
}
