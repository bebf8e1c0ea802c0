//! The password stands in a corpus of leaked passwords.
//!
//! # What it reads
//! Whether the password that was sent is among those that leaked (`intel.leaked`): the commonest of all, which are embedded;
//! the operator's filter file; the range service, if it is switched on. Of the password itself nothing gets this far. Blind
//! where the service was to be asked and did not answer, and the local lists know nothing.
//!
//! # Why it matters
//! Whoever stuffs credentials has them from leaks: nearly all that they try fires this. Where somebody chooses a password, it is
//! a fact for the application, which can ask for another (`X-Tollgate-Signals`), and for the operator's rules.
//!
//! # Who trips it innocently
//! A fifth to two fifths of all customers, at each login: people use again what leaked elsewhere. So by itself it weighs next
//! to nothing, and no rule of the built-in policy asks for it: a challenge helps nobody to another password. From a
//! device and a network that the account does not know it says more, and `credential_stuffing` hears it.
//!
//! # Parameters
//! None; `intel.passwords` names what is asked.

use super::{Findings, Reading, Signal, Weights};
use crate::engine::evidence::{Evidence, Leak};

pub static SIGNAL: Signal = Signal {
    name: "leaked_password",
    summary: "the password stands in a corpus of leaked passwords",
    // Three in ten customers against nine in ten stuffers would be 1.1; half of that, because corpora differ.
    weights: Weights { bot: 0.4, account_takeover: 0.5, account_abuse: 0.0 },
    parameters: &[],
    needs: "an answer of the service that knows leaked passwords",
    findings: &[("source", "found in: {}"), ("count", "seen {} times in leaks")],
    read,
};

fn read(evidence: &Evidence, _parameters: &[f64]) -> Reading {
    if evidence.attempt.form.password.is_none() {
        return Reading::Quiet;
    }
    Reading::of_known(&evidence.intel.leaked, |leak| leak.findings())
}

impl Leak {
    /// Never the password, nor any part of its hash.
    fn findings(&self) -> Findings {
        let findings = Findings::new().text("source", self.source.name());
        match self.count {
            Some(count) => findings.count("count", count),
            None => findings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::assessment::{Model, assess};
    use crate::engine::decision::{Action, decide};
    use crate::engine::event::Event;
    use crate::engine::evidence::{Known, LeakSource};
    use crate::engine::fixture;
    use crate::engine::policy::{Names, Policy, standard};
    use crate::engine::signals::Finding;
    use std::sync::Arc;

    fn with(leaked: Known<Leak>) -> Evidence {
        let mut evidence = fixture::evidence();
        evidence.intel.leaked = leaked;
        evidence
    }

    fn leaked(source: LeakSource, count: Option<u32>) -> Evidence {
        with(Known::Yes(Leak { source, count }))
    }

    /// What the built-in policy does.
    fn ruled(evidence: &Evidence) -> Action {
        let names = Names::new(Vec::new(), Vec::new());
        let policy = Policy::compile(standard(&evidence.attempt.event), &names, Arc::new(Model::default())).unwrap();
        decide(evidence, &policy).ruling.action
    }

    #[test]
    fn fires_and_names_the_source_and_how_often() {
        for (source, count) in [(LeakSource::Common, None), (LeakSource::File, None), (LeakSource::Range, Some(37_359))]
        {
            let Reading::Fired(findings) = read(&leaked(source, count), &[]) else { panic!("{source:?} must fire") };
            assert_eq!(findings.get("source"), Some(&Finding::Text(source.name().into())));
            assert_eq!(findings.get("count"), count.map(|count| Finding::Count(count.into())).as_ref());
            assert!(findings.0.len() <= 2, "nothing else is told: {findings:?}");
        }
    }

    #[test]
    fn innocents_stay_quiet() {
        assert_eq!(read(&with(Known::No), &[]), Reading::Quiet, "a password of their own");
        let mut without = with(Known::Unknown);
        without.attempt.form.password = None;
        assert_eq!(read(&without, &[]), Reading::Quiet, "a form without a password, whoever was not asked");
        let mut social = with(Known::No);
        social.attempt.event = Event::Register;
        social.attempt.form.password = None;
        assert_eq!(read(&social, &[]), Reading::Quiet, "who registers by another site's account");
    }

    #[test]
    fn innocents_who_reuse_a_leaked_password_are_asked_nothing_for_it() {
        for event in Event::NAMED {
            let mut evidence = leaked(LeakSource::Range, Some(9_000_000));
            evidence.attempt.event = event.clone();
            assert_eq!(ruled(&evidence), Action::Allow, "{event}");
            let scores = assess(&evidence, &Model::default()).scores;
            assert!(scores.risk < 15.0, "{event}: {scores:?}");
        }
    }

    #[test]
    fn blind_while_nobody_answers() {
        assert_eq!(read(&with(Known::Unknown), &[]), Reading::Blind);
    }
}
