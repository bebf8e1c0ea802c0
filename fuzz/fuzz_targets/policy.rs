//! Any text as a rule: refused with marks inside the text, or compiled to something that cannot fail and says what cel's
//! own interpreter says, wherever that has an answer.

#![no_main]

use cel::{Context, Program, Value};
use libfuzzer_sys::fuzz_target;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use tollgate::engine::assessment::{Assessment, Model, Severity, assess};
use tollgate::engine::decision::Action;
use tollgate::engine::evidence::{Evidence, ListEffect, ListHit};
use tollgate::engine::fixture;
use tollgate::engine::policy::{Names, Policy, PolicySource, RuleSource};
use tollgate::engine::signals::SIGNALS;

static MODEL: LazyLock<Arc<Model>> = LazyLock::new(|| Arc::new(Model::default()));
static NAMES: LazyLock<Names> =
    LazyLock::new(|| Names::new(vec!["blocked".into(), "office".into()], vec!["sign-in".into(), "sign-up".into()]));

/// Deep chains need it; see `Policy::compile`.
const STACK: usize = 64 << 20;

fuzz_target!(|when: &str| {
    let rules = vec![RuleSource { name: "rule".into(), when: when.into(), action: Action::Deny, ban: None }];
    let source = PolicySource { name: "policy".into(), rules, on_success: Vec::new(), when_degraded: Vec::new(), otherwise: Action::Allow };
    match Policy::compile(source, &NAMES, MODEL.clone()) {
        Ok(policy) => scenes().iter().for_each(|evidence| agree(when, &policy, evidence)),
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(when.get(error.offset..error.offset + error.len).is_some(), "{when:?}: {error:?}");
                assert!(error.message.len() < 1024 && !error.message.is_empty(), "{when:?}: {error:?}");
            }
        }
    }
});

/// A person, an attacker, and an attacker on both lists who leaves the amount out.
fn scenes() -> [Evidence; 3] {
    let mut person = fixture::evidence();
    person.attempt.form.amount = Some(99.5);
    person.attempt.form.currency = Some("EUR".into());
    let mut listed = fixture::stuffing();
    let hit = |list: &str| ListHit { list: list.into(), effect: ListEffect::Deny, of: "ip" };
    listed.intel.lists = vec![hit("blocked"), hit("office")];
    listed.degraded = vec!["store"];
    let mut attacker = fixture::stuffing();
    attacker.attempt.form.amount = Some(5.0);
    [person, attacker, listed]
}

fn agree(when: &str, policy: &Policy, evidence: &Evidence) {
    let assessment = assess(evidence, &MODEL);
    let denies = policy.rule(evidence, &assessment).action == Action::Deny;
    let said = std::thread::scope(|scope| {
        let ask = || ask_cel(when, evidence, &assessment);
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, ask);
        thread.expect("a thread").join().expect("cel")
    });
    if let Some(said) = said {
        assert_eq!(denies, said, "{when}");
    }
}

/// `None`: cel cannot evaluate it.
fn ask_cel(when: &str, evidence: &Evidence, assessment: &Assessment) -> Option<bool> {
    let attempt = &evidence.attempt;
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
    let flags = |known: &mut dyn Iterator<Item = &str>, set: &[&str]| {
        known.map(|name| (name.to_owned(), set.contains(&name))).collect::<HashMap<String, bool>>()
    };
    let fired: Vec<&str> = assessment.fired.iter().map(|id| SIGNALS[usize::from(id.0)].name).collect();
    let listed: Vec<&str> = evidence.intel.lists.iter().map(|hit| &*hit.list).collect();
    let mut missing: Vec<&str> = attempt.missing.iter().map(|field| field.name()).collect();
    missing.extend(attempt.form.amount.is_none().then_some("amount"));
    let mut context = Context::default();
    context.add_variable_from_value("fired", flags(&mut SIGNALS.iter().map(|signal| signal.name), &fired));
    context.add_variable_from_value("listed", flags(&mut NAMES.lists.iter().map(|list| &**list), &listed));
    context.add_variable_from_value("signals", texts(&fired));
    context.add_variable_from_value("lists", texts(&listed));
    context.add_variable_from_value("missing", texts(&missing));
    context.add_variable_from_value("degraded", texts(&evidence.degraded));
    context.add_variable_from_value("cleared", Vec::<String>::new());
    if let Some(amount) = attempt.form.amount {
        context.add_variable_from_value("amount", amount);
    }
    let scores = assessment.scores;
    for (name, score) in [
        ("risk", scores.risk),
        ("bot", scores.bot),
        ("account_takeover", scores.account_takeover),
        ("account_abuse", scores.account_abuse),
        ("risk_low", scores.risk_low),
        ("risk_high", scores.risk_high),
    ] {
        context.add_variable_from_value(name, (score * 100.0).round() / 100.0);
    }
    for (name, text) in [
        ("severity", Severity::of(scores.risk).name()),
        ("event", attempt.event.name()),
        ("route", &*attempt.route),
        ("moment", evidence.moment.name()),
        ("campaign", ""),
        ("currency", attempt.form.currency.as_deref().unwrap_or("")),
    ] {
        context.add_variable_from_value(name, text.to_owned());
    }
    context.add_variable_from_value("hour", (attempt.at.0 / 3_600_000 % 24) as i64);
    let members = |members: Vec<(&str, Value)>| {
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<HashMap<String, Value>>()
    };
    context.add_variable_from_value(
        "client",
        members(vec![
            ("ip", attempt.client.ip.to_string().into()),
            ("country", evidence.intel.country.as_ref().map_or("", |country| country.as_str()).into()),
            ("asn", i64::from(evidence.intel.asn.unwrap_or(0)).into()),
            ("org", evidence.intel.org.as_deref().unwrap_or("").into()),
        ]),
    );
    context.add_variable_from_value(
        "device",
        members(vec![
            ("known", evidence.knows_device().into()),
            ("name", (&*attempt.device.agent.name).into()),
            ("age_days", attempt.device.issued.map_or(0.0, |issued| (attempt.at.since(issued).as_secs() / 86_400) as f64).into()),
            ("trust", evidence.holder().map_or(0.0, |holder| (holder.trust(attempt.at) * 10_000.0).round() / 100.0).into()),
        ]),
    );
    let domain = attempt.identity.email.as_ref().map_or("", |email| &email.domain);
    context.add_variable_from_value("email", members(vec![("domain", domain.into())]));
    match Program::compile(when).ok()?.execute(&context) {
        Ok(Value::Bool(answer)) => Some(answer),
        _ => None,
    }
}
