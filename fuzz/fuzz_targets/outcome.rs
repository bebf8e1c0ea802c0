//! Any answer of an application: what the head decides, no body changes; cookies are set or deleted as the `cookie` crate
//! reads them, and JSON is what `serde_json` has.

#![no_main]

use cookie::{Cookie, Expiration};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::LazyLock;
use tollgate::engine::outcome::{AnswerHead, AnswerRule, Outcome, OutcomeRules, Verdict};
use tollgate::engine::pattern::Globs;
use tollgate::engine::time::Timestamp;
use tollgate_fuzz::json::unambiguous;

/// 2026-11-22T01:02:03Z.
const NOW: Timestamp = Timestamp(1_795_309_323_000);

/// Lines up to an empty one are the head: the status, then `name: value`. What follows is the body.
struct Head<'a> {
    status: u16,
    headers: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Head<'a> {
    fn parse(answer: &'a [u8]) -> (Head<'a>, &'a [u8]) {
        let end = answer.windows(2).position(|pair| pair == b"\n\n");
        let (head, body) = end.map_or((answer, &[][..]), |end| (&answer[..end], &answer[end + 2..]));
        let mut lines = head.split(|byte| *byte == b'\n');
        let status = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.trim().parse().ok()).unwrap_or(200);
        let headers = lines.filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((std::str::from_utf8(&line[..colon]).ok()?, line[colon + 1..].trim_ascii()))
        });
        (Head { status, headers: headers.collect() }, body)
    }
}

impl AnswerHead for Head<'_> {
    fn status(&self) -> u16 {
        self.status
    }

    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.headers.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

fn rule(change: impl FnOnce(&mut AnswerRule)) -> AnswerRule {
    let mut rule = AnswerRule::default();
    change(&mut rule);
    rule
}

fn only(rule: AnswerRule) -> OutcomeRules {
    OutcomeRules { succeeded: vec![rule], ..OutcomeRules::default() }
}

static RULES: LazyLock<OutcomeRules> = LazyLock::new(|| OutcomeRules {
    pending: vec![rule(|rule| rule.location = Some(Globs::new(["*/2fa/*"])))],
    succeeded: vec![
        rule(|rule| {
            rule.status = vec![302, 303];
            rule.set_cookie = Some(Globs::new(["session*", "!guest"]));
        }),
        rule(|rule| rule.json = vec![("/ok".into(), Globs::new(["true", "1"]))]),
    ],
    failed: vec![
        rule(|rule| rule.body_contains = vec!["credentials".into(), "kennwort".into()]),
        rule(|rule| rule.headers = vec![("x-error".into(), Globs::new(["*"]))]),
        rule(|rule| rule.status = vec![401]),
    ],
});

fuzz_target!(|answer: &[u8]| {
    let (head, body) = Head::parse(answer);
    if let Verdict::Decided(outcome, rule) = RULES.by_head(&head, NOW) {
        for body in [body, b"", br#"{"ok":true} credentials"#] {
            assert_eq!(RULES.by_body(&head, NOW, body), (outcome, rule));
        }
    }
    for header in head.values("set-cookie") {
        cookie(header);
    }
    let contains = |text: &str| body.windows(text.len()).any(|window| window == text.as_bytes());
    let holds = |rule| only(rule).by_body(&head, NOW, body).0 == Outcome::Succeeded;
    assert_eq!(holds(rule(|rule| rule.body_contains = vec!["aab".into()])), contains("aab"));
    if let Some(document) = unambiguous(body) {
        for pointer in ["", "/ok", "/user/0/name", "/a~1b"] {
            json(document.pointer(pointer), |globs| holds(rule(|rule| rule.json = vec![(pointer.into(), globs)])));
        }
    }
});

fn json(expected: Option<&Value>, holds: impl Fn(Globs) -> bool) {
    let text = match expected {
        None | Some(Value::Null) => {
            assert!(holds(Globs::new(["~"])) && !holds(Globs::new(["*"])));
            return;
        }
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(_)) => "[]".to_owned(),
        Some(Value::Object(_)) => "{}".to_owned(),
        Some(other) => other.to_string(),
    };
    assert!(holds(Globs::new(["*"])) && !holds(Globs::new(["~"])));
    if !text.contains(['*', '?', '~']) && !text.starts_with('!') {
        assert!(holds(Globs::new([&text])), "{text:?}");
        assert!(!holds(Globs::new([format!("{text}x")])), "{text:?}");
    }
}

/// One `Set-Cookie` header, where the other reader understands all of it.
fn cookie(header: &[u8]) {
    let Ok(text) = std::str::from_utf8(header) else { return };
    let Ok(cookie) = Cookie::parse(text) else { return };
    let attributes = || text.split(';').skip(1).map(|part| part.split('=').next().unwrap_or_default().trim());
    let count = |name: &str| attributes().filter(|found| found.eq_ignore_ascii_case(name)).count();
    let (ages, dates) = (count("max-age"), count("expires"));
    let expires = cookie.expires().and_then(|expires| match expires {
        Expiration::DateTime(at) => Some(at.unix_timestamp()),
        Expiration::Session => None,
    });
    if ages > 1 || dates > 1 || (ages == 1) != cookie.max_age().is_some() || (dates == 1) != expires.is_some() {
        return;
    }
    // Before the Gregorian calendar there are no cookies (RFC 6265, section 5.1.1).
    if expires.is_some_and(|at| at < -11_644_473_600) {
        return;
    }
    let lives = match (cookie.max_age(), expires) {
        (Some(age), _) => age.whole_seconds() > 0,
        (None, Some(at)) => at > (NOW.0 / 1000) as i64,
        (None, None) => true,
    };
    let value = cookie.value_trimmed();
    let set = lives && !value.is_empty();
    let head = Head { status: 200, headers: vec![("set-cookie", header)] };
    let found = only(rule(|rule| rule.set_cookie = Some(Globs::new(["*"])))).by_head(&head, NOW);
    let found = matches!(found, Verdict::Decided(Outcome::Succeeded, _));
    assert_eq!(found, set, "{text:?}");
}
