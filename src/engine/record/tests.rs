use super::*;
use crate::engine::assessment::Scores;
use crate::engine::clearance::ChallengeKind;
use crate::engine::decision::Ruling;
use crate::engine::decision::tests::{assessment, evidence};
use crate::engine::event::Event;
use crate::engine::evidence::Moment;
use crate::engine::signals::Finding;
use serde_json::{Value, json};

const CONTEXT: RecordContext<'_> =
    RecordContext { product: "shop", mode: "enforce", config: "0123456789ab", version: "0.1.0" };

fn signal(id: SignalId) -> &'static str {
    ["datacenter_ip", "http_client_library", "impossible_travel"][usize::from(id.0)]
}

fn contributions() -> Contributions {
    let bot = vec![("intercept", -3.1), ("datacenter_ip", 1.23456), ("http_client_library", 4.5)];
    let takeover = vec![("intercept", -4.0), ("datacenter_ip", 0.0)];
    Contributions([bot, takeover, vec![("intercept", -2.0)]])
}

fn decision(action: Action) -> Decision {
    let scores = Scores {
        risk: 96.234,
        bot: 93.106,
        account_takeover: 37.75,
        account_abuse: 12.0,
        risk_low: 95.9,
        risk_high: 96.6,
    };
    let mut assessment = assessment(scores);
    assessment.fired.insert(SignalId(0));
    assessment.fired.insert(SignalId(1));
    assessment.blind.insert(SignalId(2));
    let datacenter = vec![("asn", Finding::Count(14061)), ("org", Finding::Text("DigitalOcean".into()))];
    assessment.readings = vec![
        (SignalId(0), Reading::Fired(Findings(datacenter))),
        (SignalId(1), Reading::Fired(Findings(vec![("name", Finding::Text("curl".into()))]))),
        (SignalId(2), Reading::Blind),
    ];
    let ruling = Ruling { rule: Some("automated".into()), action, ban: None, erred: Vec::new() };
    Decision { moment: Moment::Before, assessment, policy: "login".into(), ruling, ban: None, explored: None }
}

fn record<'a>(evidence: &'a Evidence, decision: &'a Decision, enforced: Enforcement) -> DecisionRecord<'a> {
    DecisionRecord::with(evidence, decision, contributions(), signal, enforced, 41, CONTEXT)
}

const PROOF: Action = Action::Challenge(ChallengeKind::ProofOfWork);

/// The contract, letter for letter: names, order, nesting.
#[test]
fn a_decision_prints_as_documented() {
    let (evidence, decision) = (evidence(), decision(PROOF));
    let key = "07".repeat(16);
    let expected = [
        r#"{"id":"01JM000000E008000000000001","at":"2026-11-22T01:02:03.456Z","event":"$login","status":"$attempted","#,
        r#""moment":"before","product":"shop","route":"sign-in","#,
        r#""risk":96.23,"account_abuse":12.0,"account_takeover":37.75,"bot":93.11,"risk_low":95.9,"risk_high":96.6,"#,
        r#""signals":["datacenter_ip","http_client_library"],"blind":["impossible_travel"],"#,
        r#""evidence":{"datacenter_ip":{"asn":14061,"org":"DigitalOcean"},"http_client_library":{"name":"curl"}},"#,
        r#""contributions":{"bot":{"intercept":-3.1,"datacenter_ip":1.2346,"http_client_library":4.5},"#,
        r#""account_takeover":{"intercept":-4.0},"account_abuse":{"intercept":-2.0}},"#,
        r#""policy":{"name":"login","rule":"automated","action":"challenge","challenge":"proof_of_work","ban":null},"#,
        r#""enforced":"challenged","mode":"enforce","severity":"critical","campaign":null,"cleared":[],"#,
        &format!(r#""user":{{"user_id":"{key}","email_domain":"example.com"}},"#),
        r#""client":{"country":"DE","asn":14061,"org":"DigitalOcean"},"#,
        r#""device":{"device_id":null,"fingerprint":"0000000000000007","name":"curl on Linux","ip":"203.0.113.7","location":"Frankfurt, HE, DE"},"#,
        r#""request":{"method":"POST","host":"shop.example","path":"/accounts/login","http":"2","bytes":61},"#,
        r#""missing":[],"degraded":[],"config":"0123456789ab","version":"0.1.0","latency_us":41}"#,
    ]
    .concat();
    assert_eq!(record(&evidence, &decision, Enforcement::Challenged).line(), expected);
}

#[test]
fn what_is_not_to_be_had_is_null_and_stays() {
    let mut evidence = evidence();
    evidence.intel = Default::default();
    evidence.attempt.identity = Default::default();
    evidence.attempt.missing = vec![Field::Account];
    evidence.degraded = vec!["store"];
    let mut decision = decision(Action::Allow);
    decision.ruling.rule = None;
    decision.assessment.scores.risk_high = f64::NAN;
    let printed: Value = serde_json::from_str(&record(&evidence, &decision, Enforcement::Forwarded).line()).unwrap();
    assert_eq!(printed["user"], json!({ "user_id": null, "email_domain": null }));
    assert_eq!(printed["client"], json!({ "country": null, "asn": null, "org": null }));
    assert_eq!(
        printed["policy"],
        json!({ "name": "login", "rule": null, "action": "allow", "challenge": null, "ban": null })
    );
    assert_eq!(printed["severity"], "", "severity is for what was not allowed");
    assert_eq!(printed["risk_high"], Value::Null);
    assert_eq!((&printed["missing"], &printed["degraded"]), (&json!(["account"]), &json!(["store"])));
}

#[test]
fn an_answer_that_was_judged_carries_the_second_decision() {
    let (evidence, mut decision) = (evidence(), decision(Action::Deny));
    decision.moment = Moment::After;
    let answer = Answer { rule: Some(OutcomeRule { list: "succeeded", index: 0 }), status: Some(302), ms: 87 };
    let at = Timestamp(1_795_309_323_543);
    let second = record(&evidence, &decision, Enforcement::Monitored(Action::Deny));
    let printed: Value = serde_json::from_str(&second.answered(at, Outcome::Succeeded, answer).line()).unwrap();
    for (field, value) in [
        ("id", json!("01JM000000E008000000000001")),
        ("at", json!("2026-11-22T01:02:03.543Z")),
        ("status", json!("$succeeded")),
        ("moment", json!("after")),
        ("enforced", json!("monitored:deny")),
        ("risk", json!(96.23)),
        ("outcome", json!({ "rule": "succeeded[0]", "status": 302, "ms": 87 })),
    ] {
        assert_eq!(printed[field], value, "{field}");
    }
}

#[test]
fn an_answer_that_was_not_judged_is_short() {
    let evidence = evidence();
    let answer = Answer { rule: None, status: None, ms: 12 };
    let record =
        OutcomeRecord::new(&evidence.attempt, Timestamp(0), Outcome::Aborted, answer, Enforcement::Forwarded, CONTEXT);
    let expected = [
        r#"{"id":"01JM000000E008000000000001","at":"1970-01-01T00:00:00.000Z","event":"$login","status":"$aborted","#,
        r#""moment":"after","product":"shop","route":"sign-in","enforced":"forwarded","mode":"enforce","#,
        &format!(r#""user":{{"user_id":"{}","email_domain":"example.com"}},"#, "07".repeat(16)),
        r#""config":"0123456789ab","version":"0.1.0","outcome":{"rule":null,"status":null,"ms":12}}"#,
    ]
    .concat();
    assert_eq!(record.line(), expected);
}

#[test]
fn a_refusal_has_no_scores() {
    let evidence = evidence();
    let event: Event = "custom:gift_card".parse().unwrap();
    let refusal = Refusal {
        id: AttemptId(2),
        at: Timestamp(0),
        event: &event,
        route: "gift",
        ip: evidence.attempt.client.ip,
        device: "curl on Linux",
        request: &evidence.attempt.request,
        enforced: Enforcement::Refused("too_large"),
    };
    let expected = [
        r#"{"id":"00000000000000000000000002","at":"1970-01-01T00:00:00.000Z","event":"$gift_card","#,
        r#""status":"$attempted","moment":"before","product":"shop","route":"gift","enforced":"refused:too_large","#,
        r#""mode":"enforce","client":{"country":null,"asn":null,"org":null},"#,
        r#""device":{"device_id":null,"name":"curl on Linux","ip":"203.0.113.7","location":null},"#,
        r#""request":{"method":"POST","host":"shop.example","path":"/accounts/login","http":"2","bytes":61},"#,
        r#""config":"0123456789ab","version":"0.1.0"}"#,
    ]
    .concat();
    assert_eq!(RefusalRecord::new(refusal, CONTEXT).line(), expected);
}

#[test]
fn no_value_begins_a_line_of_its_own() {
    let mut evidence = evidence();
    evidence.attempt.request.path = "/a\n{\"id\":\"forged\"}\r\u{1b}[31m\u{0}".into();
    evidence.intel.org = Some("\"},\n".into());
    let decision = decision(Action::Deny);
    let line = record(&evidence, &decision, Enforcement::Denied).line();
    assert!(!line.contains(|c: char| c.is_control()), "{line}");
    let printed: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(printed["request"]["path"], "/a\n{\"id\":\"forged\"}\r\u{1b}[31m\u{0}");
}

#[test]
fn enforcements_have_their_published_names() {
    for (enforced, name) in [
        (Enforcement::Forwarded, "forwarded"),
        (Enforcement::Challenged, "challenged"),
        (Enforcement::Denied, "denied"),
        (Enforcement::Released, "released"),
        (Enforcement::Monitored(Action::Allow), "monitored:allow"),
        (Enforcement::Monitored(PROOF), "monitored:challenge"),
        (Enforcement::Refused("timeout"), "refused:timeout"),
    ] {
        assert_eq!(enforced.to_string(), name);
    }
}
