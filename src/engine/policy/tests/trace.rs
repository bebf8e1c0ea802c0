use super::*;

/// The evaluator that tells why, beside the one that does not have to.
fn traced(when: &str, facts: &Facts) -> Result<(PolicyTrace, Ruling), TestCaseError> {
    let policy = compile(when).map_err(|errors| TestCaseError::fail(format!("{when}: {errors:?}")))?;
    let (evidence, assessment) = facts.scene();
    Ok((policy.trace(&evidence, &assessment), policy.rule(&evidence, &assessment)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_traced_is_what_is_ruled(when in rule(), facts in facts()) {
        let (trace, ruling) = traced(&when, &facts)?;
        prop_assert_eq!(&trace.ruling.rule, &ruling.rule);
        prop_assert_eq!(trace.ruling.action, ruling.action);
        let holds = ruling.rule.is_some();
        prop_assert_eq!(trace.rules[0].verdict, if holds { Verdict::True } else { Verdict::False });
        prop_assert_eq!(&*trace.rules[0].text, &*when);
        prop_assert!(!trace.rules[0].reasons.is_empty());
    }

    /// Each reason is a rule of its own, and says of these facts what the trace says of them.
    #[test]
    fn reasons_hold_as_they_are_told(when in rule(), facts in facts()) {
        let (trace, _) = traced(&when, &facts)?;
        for reason in &trace.rules[0].reasons {
            // An amount that was asked for elsewhere in the rule is asked for here.
            let amount = reason.expression.contains("amount") && !reason.expression.contains("missing");
            let alone = match amount {
                true => format!("!(\"amount\" in missing) && {}", reason.expression),
                false => reason.expression.clone(),
            };
            let (again, _) = traced(&alone, &facts)?;
            prop_assert_eq!(again.rules[0].verdict == Verdict::True, reason.held, "{} in {}", alone, when);
        }
    }
}

#[test]
fn a_rule_is_told_by_what_decided() {
    let facts = Facts {
        scores: [9_623, 9_310, 3_775, 1_200, 9_590, 9_660],
        fired: 0,
        lists: 0,
        amount: None,
        country: Some("DE"),
        asn: None,
        hour: 9,
        phone_missing: false,
        solved: false,
        flags: 0,
    };
    let told = |when: &str| {
        let (trace, _) = traced(when, &facts).unwrap();
        let one = |reason: &Reason| {
            let values: Vec<String> = reason.values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            format!("{} is {} ({})", reason.expression, reason.held, values.join(", "))
        };
        trace.rules[0].reasons.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    for (when, expected) in [
        ("bot >= 50", "bot >= 50 is true (bot = 93.1)"),
        ("risk < 50 || bot>=50", "bot >= 50 is true (bot = 93.1)"),
        ("bot >= 50 && account_abuse > 50 && risk > 1", "account_abuse > 50 is false (account_abuse = 12)"),
        ("client.country != 'DE'", "client.country != \"DE\" is false (client.country = \"DE\")"),
        ("!(bot < 50)", "!(bot < 50) is true (bot = 93.1)"),
        ("!(\"amount\" in missing) && amount > 5", "!(\"amount\" in missing) is false (amount = none)"),
        ("size(signals) == 0", "size(signals) == 0 is true (signals = [])"),
    ] {
        assert_eq!(told(when), expected, "{when}");
    }
}
