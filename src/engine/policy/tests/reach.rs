//! Whatever is told of a rule's reach holds for every attempt.

use super::super::Reach;
use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// A rule that is told to be out of reach never decides, for related conditions and for any.
    #[test]
    fn a_rule_out_of_reach_never_decides(
        first in rule(), other in rule(), third in rule(), related in 0..6u8, facts in proptest::collection::vec(facts(), 8)
    ) {
        let (first, then) = match related {
            0 => (first.clone(), format!("({first}) && ({other})")),
            1 => (format!("({first}) || ({other})"), first),
            2 => (format!("({first}) || ({other})"), format!("({other}) && ({third})")),
            3 => (format!("!({first})"), format!("!(({first}) || ({other}))")),
            4 => (third, format!("({first}) && !({first}) && ({other})")),
            _ => (first, other),
        };
        let source = |when: &str| RuleSource { name: "r".into(), when: when.to_owned(), action: Action::Deny, ban: None };
        let both = PolicySource {
            name: "p".into(), rules: vec![source(&first), source(&then)], on_success: Vec::new(), when_degraded: Vec::new(), otherwise: Action::Allow,
        };
        let policy = Policy::compile(both, &names(), model())
            .map_err(|errors| TestCaseError::fail(format!("{first} / {then}: {errors:?}")))?;
        let denies = |when: &str, facts: &Facts| {
            let (evidence, assessment) = facts.scene();
            compile(when).unwrap().rule(&evidence, &assessment).action == Action::Deny
        };
        for (place, reach) in policy.out_of_reach() {
            let when = [&first, &then][place.index];
            for facts in &facts {
                let decides = denies(when, facts) && (reach == Reach::Never || !denies(&first, facts));
                prop_assert!(!decides, "{reach:?}: {first} / {then}: {facts:?}");
            }
        }
        if related == 0 {
            prop_assert!(!policy.out_of_reach().is_empty(), "{first} / {then}: not seen");
        }
    }
}
