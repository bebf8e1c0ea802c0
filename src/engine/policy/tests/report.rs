//! What is wrong with a policy is told whole, and by its place.

use super::*;

#[test]
fn every_error_of_every_rule_is_reported() {
    let rule = |when: &str| RuleSource { name: "r".into(), when: when.into(), action: Action::Deny, ban: None };
    let source = PolicySource {
        name: "p".into(),
        rules: vec![rule("rsik > 5 && fired.nope || hour > 30"), rule("true"), rule("(")],
        on_success: vec![rule("bott > 5")],
        when_degraded: vec![rule("\"stor\" in degraded")],
        otherwise: Action::Allow,
    };
    let errors = Policy::compile(source, &names(), model()).unwrap_err();
    let places: Vec<_> =
        errors.iter().map(|error| (error.place.list.name(), error.place.index, error.offset)).collect();
    assert_eq!(
        places,
        [
            ("rules", 0, 0),
            ("rules", 0, 12),
            ("rules", 0, 33),
            ("rules", 2, 0),
            ("on_success", 0, 0),
            ("when_degraded", 0, 0)
        ]
    );
    assert_eq!(errors[4].to_string(), "on_success[0] at 0: there is no variable `bott`");
}

#[test]
fn kinds_of_later_releases_say_so() {
    assert_eq!(challenge_kind("proof_of_work"), Ok(ChallengeKind::ProofOfWork));
    assert_eq!(challenge_kind("email_code").unwrap_err().to_string(), "challenge `email_code` is not available yet");
    let unknown = challenge_kind("prof_of_work").unwrap_err();
    assert_eq!(unknown.to_string(), "there is no challenge `prof_of_work`");
    assert_eq!(unknown.suggestion.as_deref(), Some("proof_of_work"));
}
