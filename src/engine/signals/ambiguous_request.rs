//! The gate and the application could read this request differently.
//!
//! # What it reads
//! What recognition and capture noted (`attempt.ambiguities`): a path that is protected under one reading and not under
//! another, methods that contradict each other, several values for one credential field, odd encodings. The findings name
//! the readings, never a value.
//!
//! # Why it matters
//! The way round a gate is a request of which it reads one half and the application the other. No form in a browser makes
//! such a request.
//!
//! # Who trips it innocently
//! Applications with sloppy links (`//login`), forms that send a hidden twin of a field with another value, clients with a
//! legacy charset. A disguise of the path alone is no reason to refuse anybody; what concerns credentials is said apart,
//! and the route's `ambiguous` key rules it.
//!
//! # Parameters
//! None.

use super::{Findings, Reading, Signal, Weights};
use crate::engine::attempt::Ambiguity;
use crate::engine::evidence::Evidence;

/// Most readings that a record names; who writes the request writes them.
const NAMED: usize = 16;

pub static SIGNAL: Signal = Signal {
    name: "ambiguous_request",
    summary: "the gate and the application could read route, account or password differently",
    weights: Weights { bot: 2.2, account_takeover: 1.0, account_abuse: 0.8 },
    parameters: &[],
    needs: "the request itself",
    findings: &[
        ("readings", "readings differ in {}"),
        (
            "credentials",
            "and with them who is meant or with which secret|who is meant, with which secret, is the same in all of them",
        ),
    ],
    read,
};

fn read(evidence: &Evidence, _parameters: &[f64]) -> Reading {
    let ambiguities = &evidence.attempt.ambiguities;
    if ambiguities.is_empty() {
        return Reading::Quiet;
    }
    Reading::Fired(
        Findings::new()
            .texts("readings", ambiguities.iter().take(NAMED).map(Ambiguity::name))
            .flag("credentials", ambiguities.iter().any(Ambiguity::is_about_credentials)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::{Field, FormFacts, Password};
    use crate::engine::fixture;

    fn check(ambiguities: Vec<Ambiguity>) -> Reading {
        let mut evidence = fixture::evidence();
        evidence.attempt.ambiguities = ambiguities;
        read(&evidence, &[])
    }

    #[test]
    fn fires_and_says_whether_credentials_are_concerned() {
        for (ambiguity, name, credentials) in [
            (Ambiguity::Path(vec!["raw", "decoded"]), "path:raw+decoded", false),
            (Ambiguity::Method, "method", false),
            (Ambiguity::Duplicate(Field::Password), "duplicate:password", true),
            (Ambiguity::Places(Field::Account), "places:account", true),
            (Ambiguity::Encoding("utf-7"), "encoding:utf-7", true),
        ] {
            let findings = Findings::new().texts("readings", [name]).flag("credentials", credentials);
            assert_eq!(check(vec![ambiguity]), Reading::Fired(findings));
        }
    }

    #[test]
    fn names_no_more_readings_than_a_record_should_hold() {
        let Reading::Fired(findings) = check(vec![Ambiguity::Method; 1000]) else { panic!("must fire") };
        let Some(super::super::Finding::Texts(readings)) = findings.get("readings") else { panic!("no readings") };
        assert_eq!(readings.len(), NAMED);
    }

    #[test]
    fn innocents_stay_quiet() {
        assert_eq!(check(Vec::new()), Reading::Quiet, "a plain request");
        let mut evidence = fixture::evidence();
        evidence.attempt.missing = vec![Field::Password];
        assert_eq!(read(&evidence, &[]), Reading::Quiet, "a form with a field left out");
        evidence.attempt.request.path = "/accounts/login/".into();
        assert_eq!(read(&evidence, &[]), Reading::Quiet, "an unusual path that every reading agrees on");
        evidence.attempt.form = FormFacts { password: Some(Password { tag: 2 }), ..FormFacts::default() };
        assert_eq!(read(&evidence, &[]), Reading::Quiet, "whatever the password is");
    }
}
