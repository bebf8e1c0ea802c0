use super::*;

/// 2026-11-22T01:02:03Z.
const NOW: Timestamp = Timestamp(1_795_309_323_000);

struct Head(u16, &'static [(&'static str, &'static str)]);

impl AnswerHead for Head {
    fn status(&self) -> u16 {
        self.0
    }

    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.1.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_bytes())
    }
}

fn status(status: &[u16]) -> AnswerRule {
    AnswerRule { status: status.to_vec(), ..AnswerRule::default() }
}

fn says(codes: &[u16], text: &str) -> AnswerRule {
    AnswerRule { body_contains: vec![text.into()], ..status(codes) }
}

/// The rules of the documentation's example.
fn example() -> OutcomeRules {
    OutcomeRules {
        pending: vec![AnswerRule { location: Some(Globs::new(["*/2fa/*"])), ..AnswerRule::default() }],
        succeeded: vec![AnswerRule {
            set_cookie: Some(Globs::new(["session*"])),
            location: Some(Globs::new(["!*/2fa/*"])),
            ..status(&[302, 303])
        }],
        failed: vec![says(&[200], "credentials"), status(&[401])],
    }
}

#[test]
fn an_answer_is_read_by_its_head() {
    let decided = |outcome, list, index| Verdict::Decided(outcome, Some(OutcomeRule { list, index }));
    const SESSION: (&str, &str) = ("set-cookie", "sessionid=abc; Path=/");
    for (head, expected) in [
        (Head(302, &[("location", "/home"), SESSION]), decided(Outcome::Succeeded, "succeeded", 0)),
        (Head(303, &[("set-cookie", "csrf=1"), SESSION]), decided(Outcome::Succeeded, "succeeded", 0)),
        (Head(302, &[("location", "/2fa/?next=/"), SESSION]), decided(Outcome::Pending, "pending", 0)),
        (Head(302, &[("location", "/login")]), Verdict::Decided(Outcome::Unknown, None)),
        (
            Head(302, &[("location", "/"), ("set-cookie", "sessionid=; Max-Age=0")]),
            Verdict::Decided(Outcome::Unknown, None),
        ),
        (
            Head(302, &[("set-cookie", "sessionid=x; expires=Thu, 01 Jan 1970 00:00:00 GMT")]),
            Verdict::Decided(Outcome::Unknown, None),
        ),
        (Head(200, &[]), Verdict::NeedsBody),
        (Head(401, &[]), decided(Outcome::Failed, "failed", 1)),
        (Head(403, &[]), Verdict::Decided(Outcome::Unknown, None)),
    ] {
        assert_eq!(example().by_head(&head, NOW), expected, "{} {:?}", head.0, head.1);
    }
}

#[test]
fn an_answer_is_read_by_its_body() {
    let failed = Some(OutcomeRule { list: "failed", index: 0 });
    let late = format!("{}credentials", "x".repeat(BODY_PREFIX - 5));
    for (body, expected) in [
        ("Wrong credentials.", (Outcome::Failed, failed)),
        ("credentials", (Outcome::Failed, failed)),
        ("credential", (Outcome::Unknown, None)),
        ("ccredentialscc", (Outcome::Failed, failed)),
        ("", (Outcome::Unknown, None)),
        (late.as_str(), (Outcome::Unknown, None)),
    ] {
        assert_eq!(example().by_body(&Head(200, &[]), NOW, body.as_bytes()), expected);
    }
    assert_eq!(failed.map(|rule| rule.to_string()).as_deref(), Some("failed[0]"));
}

#[test]
fn a_body_rule_that_comes_first_keeps_later_heads_waiting() {
    let rules =
        OutcomeRules { pending: vec![says(&[200], "enter the code")], succeeded: vec![status(&[200])], failed: vec![] };
    let ok = Head(200, &[]);
    assert_eq!(rules.by_head(&ok, NOW), Verdict::NeedsBody);
    assert_eq!(rules.by_body(&ok, NOW, b"enter the code").0, Outcome::Pending);
    assert_eq!(rules.by_body(&ok, NOW, b"welcome").0, Outcome::Succeeded);
    assert!(!rules.success_is_about_head());

    // In one list the order changes the rule's name only, so nobody waits.
    let rules = OutcomeRules { succeeded: vec![says(&[200], "welcome"), status(&[200])], ..OutcomeRules::default() };
    let second = Some(OutcomeRule { list: "succeeded", index: 1 });
    assert_eq!(rules.by_head(&ok, NOW), Verdict::Decided(Outcome::Succeeded, second));
    assert_eq!(rules.by_body(&ok, NOW, b"welcome"), (Outcome::Succeeded, second));
}

#[test]
fn json_answers_are_read_by_pointer() {
    let json = |pointer: &str, globs: &[&str]| AnswerRule {
        json: vec![(pointer.into(), Globs::new(globs))],
        ..status(&[200])
    };
    let rules = OutcomeRules {
        pending: vec![json("/mfa/required", &["true"])],
        succeeded: vec![json("/error", &["~"])],
        failed: vec![json("/error/code", &["bad_*", "!bad_gateway"])],
    };
    for (body, expected) in [
        (r#"{"mfa":{"required":true}}"#, Outcome::Pending),
        (r#"{"token":"x"}"#, Outcome::Succeeded),
        (r#"{"error":null}"#, Outcome::Succeeded),
        (r#"{"error":{"code":"bad_password"}}"#, Outcome::Failed),
        (r#"{"error":{"code":"bad_gateway"}}"#, Outcome::Unknown),
        ("<html>", Outcome::Unknown),
        (r#"{"token":"x""#, Outcome::Unknown),
    ] {
        assert_eq!(rules.by_body(&Head(200, &[]), NOW, body.as_bytes()).0, expected, "{body}");
    }
}

#[test]
fn headers_may_be_asked_for_their_absence() {
    let rules = OutcomeRules {
        failed: vec![AnswerRule { headers: vec![("x-user".into(), Globs::new(["~"]))], ..AnswerRule::default() }],
        ..OutcomeRules::default()
    };
    assert!(matches!(rules.by_head(&Head(200, &[]), NOW), Verdict::Decided(Outcome::Failed, _)));
    let named = Head(200, &[("x-user", "7")]);
    assert_eq!(rules.by_head(&named, NOW), Verdict::Decided(Outcome::Unknown, None));
}

#[test]
fn a_check_can_ask_what_rules_need() {
    assert!(example().needs_body());
    assert!(example().success_is_about_head());
    assert!(!OutcomeRules::default().success_is_about_head());
    assert!(AnswerRule::default().is_empty() && !status(&[200]).is_empty());
}

#[test]
fn rules_that_never_match_are_named() {
    let rules = OutcomeRules {
        pending: vec![status(&[302, 303])],
        succeeded: vec![
            AnswerRule { set_cookie: Some(Globs::new(["s"])), ..status(&[302]) },
            AnswerRule { set_cookie: Some(Globs::new(["s"])), ..status(&[302, 200]) },
            status(&[999]),
        ],
        failed: vec![says(&[401], "no"), says(&[401], "no"), status(&[])],
    };
    let found: Vec<_> = rules.unreachable().into_iter().map(|(rule, why)| format!("{rule}: {why}")).collect();
    assert_eq!(
        found,
        [
            "succeeded[0]: pending[0] matches every such answer first",
            "succeeded[2]: no answer has such a status",
            "failed[1]: failed[0] matches every such answer first",
        ]
    );
    assert!(example().unreachable().is_empty());
}
