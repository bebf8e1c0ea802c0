//! Real browsers' headers by the thousand, as a model learned them from traffic: hardly any may look like a forgery or a
//! program, over HTTP/1.1 or 2, as a page's request or with a form.

use super::{Way, appearance};
use crate::engine::attempt::{Agent, AgentKind};
use crate::engine::evidence::Evidence;
use crate::engine::fixture;
use crate::engine::signals::{self, Reading};
use crate::gateway::headers;
use crate::intel::Agents;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use std::collections::BTreeMap;
use std::net::IpAddr;

const SIGNALS: [&str; 4] = ["spoofed_device", "http_client_library", "web_crawler", "bot_behavior"];

struct Set {
    count: u64,
    version: Version,
    headers: Vec<(String, String)>,
}

fn sets() -> impl Iterator<Item = Set> {
    include_str!("../../../tests/fixtures/intel/headers.jsonl").lines().map(|line| {
        let (count, http, _, headers): (u64, String, String, Vec<(String, String)>) =
            serde_json::from_str(line).unwrap();
        let version = if http == "2" { Version::HTTP_2 } else { Version::HTTP_11 };
        Set { count, version, headers }
    })
}

/// The attempt of a fixture, from whoever sends these headers.
fn attempt(agents: &Agents, set: &Set, form: bool) -> Evidence {
    let mut lines: Vec<(&str, &str)> = Vec::new();
    let one = set.version == Version::HTTP_11;
    if one {
        lines.push(("Host", "shop.example"));
    }
    lines.extend(set.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    if form {
        lines.extend([
            ("Content-Length", "30"),
            ("Origin", "https://shop.example"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Referer", "https://shop.example/login"),
        ]);
    }
    let mut headers = HeaderMap::new();
    let mut raw = b"POST /login HTTP/1.1\r\n".to_vec();
    for (name, value) in lines {
        headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        raw.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    raw.extend_from_slice(b"\r\n");
    let mut evidence = fixture::evidence();
    let agent = headers.get("user-agent").map(|value| value.to_str().unwrap().to_owned());
    evidence.attempt.device.agent = agents.recognize(agent.as_deref());
    evidence.attempt.request.http = if one { "1.1" } else { "2" };
    let method = if form { Method::POST } else { Method::GET };
    let way = Way { secure: true, own_tls: !one, direct: true };
    let ip = IpAddr::from([203, 0, 113, 7]);
    let client = &mut evidence.attempt.client;
    client.headers = headers::facts(&headers);
    client.appearance = appearance(&method, set.version, &headers, one.then_some(&raw), way, ip);
    evidence
}

fn reading(name: &str, evidence: &Evidence) -> Reading {
    let signal = signals::find(name).unwrap().signal().unwrap();
    let parameters: Vec<f64> = signal.parameters.iter().map(|parameter| parameter.default).collect();
    (signal.read)(evidence, &parameters)
}

fn fires(reading: &Reading) -> bool {
    matches!(reading, Reading::Fired(_) | Reading::Weighed { fires: true, .. })
}

/// One in a thousand at most, of ten thousand. The model learned from real traffic, and some of that was robots': sets that
/// call themselves headless, or whose hints do, are no people's, and are counted all the same.
#[test]
fn of_ten_thousand_sets_hardly_any_fires() {
    let agents = Agents::default();
    for form in [false, true] {
        let (mut all, mut fired, mut told) = (0, 0, BTreeMap::<String, u64>::new());
        for set in sets() {
            all += set.count;
            let evidence = attempt(&agents, &set, form);
            let found = SIGNALS.map(|name| (name, reading(name, &evidence)));
            if found.iter().any(|(_, reading)| fires(reading)) {
                fired += set.count;
                let agent = &evidence.attempt.device.agent.name;
                let found: Vec<_> = found.iter().filter(|(_, reading)| fires(reading)).collect();
                *told.entry(format!("{agent}: {found:?}: {:?}", set.headers)).or_default() += set.count;
            }
        }
        assert_eq!(all, 10_000);
        let told: Vec<String> = told.iter().map(|(what, count)| format!("{count} {what}")).collect();
        assert!(fired <= 10, "{fired} of {all} (form: {form}):\n{}", told.join("\n"));
    }
}

/// Smaller pieces alone must not move a score far, either: a mean share of a few hundredths.
#[test]
fn of_ten_thousand_sets_few_carry_any_weight() {
    let agents = Agents::default();
    let mut sum = 0.0;
    for set in sets() {
        if let Reading::Weighed { share, .. } = reading("spoofed_device", &attempt(&agents, &set, true)) {
            sum += share * set.count as f64;
        }
    }
    assert!(sum / 10_000.0 < 0.05, "{}", sum / 10_000.0);
}

/// Names in the User-Agent of every set that is people's: nothing of it may be unreadable.
#[test]
fn nearly_all_sets_are_browsers() {
    let agents = Agents::default();
    let is_browser = |set: &Set| {
        let agent: &Agent = &attempt(&agents, set, true).attempt.device.agent;
        agent.kind == AgentKind::Browser && agent.claims.engine != crate::engine::appearance::Engine::Unknown
    };
    let browsers: u64 = sets().filter(is_browser).map(|set| set.count).sum();
    assert!(browsers >= 9_980, "{browsers}");
}
