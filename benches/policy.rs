//! What ruling costs: six rules over a quiet login, none of which matches, so that each is asked.
//!
//! `policy/rule` is paid once or twice a protected request; `policy/compile` once a rule at start and reload.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use tollgate::engine::assessment::{Assessment, Model, Scores};
use tollgate::engine::attempt::{
    Agent, Attempt, AttemptId, Client, FormFacts, HeaderFacts, Identity, Network, RequestFacts,
};
use tollgate::engine::clearance::{ChallengeKind, Clearance};
use tollgate::engine::decision::Action;
use tollgate::engine::event::Event;
use tollgate::engine::evidence::{Country, Evidence, Intel, Moment};
use tollgate::engine::fixture;
use tollgate::engine::policy::{Names, Policy, PolicySource, RuleSource};
use tollgate::engine::signals::{SignalSet, Weights};
use tollgate::engine::time::Timestamp;

const RULES: [&str; 6] = [
    "listed.blocked",
    "fired.credential_stuffing && bot >= 60",
    "fired.brute_force || \"tor_exit\" in signals",
    "bot >= 50 && !(client.country in [\"DE\", \"AT\", \"CH\"])",
    "severity in [\"high\", \"critical\"] && event == \"login\"",
    "signals.exists(s, s.startsWith(\"vpn\")) || device.name.startsWith(\"curl\")",
];

fn names() -> Names {
    Names {
        signals: vec!["brute_force", "credential_stuffing", "tor_exit", "vpn_ip"],
        lists: vec!["blocked".into()],
        routes: Vec::new(),
        parts: Vec::new(),
    }
}

fn source() -> PolicySource {
    let rule = |when: &&str| RuleSource {
        name: "rule".into(),
        when: (*when).to_owned(),
        action: Action::Challenge(ChallengeKind::ProofOfWork),
        ban: None,
    };
    PolicySource {
        name: "bench".into(),
        rules: RULES.iter().map(rule).collect(),
        on_success: Vec::new(),
        when_degraded: Vec::new(),
        otherwise: Action::Allow,
    }
}

fn model() -> Arc<Model> {
    Arc::new(Model { intercepts: Weights::default(), signals: Vec::new() })
}

fn quiet() -> (Evidence, Assessment) {
    let ip: IpAddr = [203, 0, 113, 7].into();
    let agent = Agent { name: "Firefox on Linux".into(), ..Agent::default() };
    let attempt = Attempt {
        id: AttemptId(1),
        at: Timestamp(1_795_309_323_456),
        event: Event::Login,
        route: "sign-in".into(),
        request: RequestFacts::default(),
        client: Client {
            ip,
            network: Network::from(ip),
            headers: HeaderFacts::default(),
            appearance: Default::default(),
        },
        device: fixture::device_without_cookie(7, agent),
        identity: Identity::default(),
        form: FormFacts::default(),
        missing: Vec::new(),
        ambiguities: Vec::new(),
    };
    let intel = Intel { country: Country::new("DE"), ..Intel::default() };
    let evidence = Evidence {
        attempt,
        moment: Moment::Before,
        intel,
        history: None,
        login: None,
        owner: None,
        site: Default::default(),
        clearance: Clearance::NONE,
        degraded: Vec::new(),
    };
    let scores =
        Scores { risk: 6.2, bot: 4.1, account_takeover: 1.2, account_abuse: 1.0, risk_low: 5.0, risk_high: 9.0 };
    let (fired, blind) = (SignalSet::default(), SignalSet::default());
    (evidence, Assessment { scores, fired, blind, readings: Vec::new() })
}

fn policy(c: &mut Criterion) {
    let (evidence, assessment) = quiet();
    let policy = match Policy::compile(source(), &names(), model()) {
        Ok(policy) => policy,
        Err(errors) => panic!("the rules of this bench are wrong: {errors:?}"),
    };
    assert_eq!(policy.rule(&evidence, &assessment).action, Action::Allow, "each rule must be asked");
    c.bench_function("policy/rule", |b| b.iter(|| policy.rule(black_box(&evidence), black_box(&assessment))));
    c.bench_function("policy/compile", |b| b.iter(|| Policy::compile(source(), &names(), model())));
}

criterion_group!(benches, policy);
criterion_main!(benches);
