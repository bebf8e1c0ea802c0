//! A programming library or command-line tool instead of a browser: by name, or by headers that no browser sends.
//!
//! # What it reads
//! What the User-Agent says (`device.agent`) and which headers came (`client.headers`). A library, or an automated browser
//! that says so, fires by its name. A missing User-Agent fires unless everything else is a browser's. A User-Agent that
//! claims a browser fires when at least two of `Accept`, `Accept-Language` and `Sec-Fetch-*` are missing: every browser
//! of the last twenty years sends the first two, every one since 2023 the third. `Accept-Encoding` is named
//! in the findings and never counted, because antivirus and caching proxies take it away.
//!
//! # Why it matters
//! Tools for password lists are scripts around such libraries, and most of them change the User-Agent at best.
//!
//! # Who trips it innocently
//! Scripts and integrations that the operator knows, and native apps that send a browser's User-Agent through a plain HTTP
//! library. An app with a User-Agent of its own does not, because its headers are a library's by nature; nor does an old
//! browser or a page over plain HTTP (no `Sec-Fetch-*`, but languages), nor a browser whose privacy extension hides the
//! User-Agent or the language.
//!
//! # Parameters
//! `missing_headers`: how many of the three must be missing. 1 is for sites over TLS whose visitors all have recent browsers.
//! `unknown_agents`: 1 applies the same test to a User-Agent that nothing is known about; 0, the default, spares native
//! apps.

use super::{Findings, Parameter, Reading, Signal, Weights};
use crate::engine::attempt::{AgentKind, HeaderFacts};
use crate::engine::evidence::Evidence;

pub static SIGNAL: Signal = Signal {
    name: "http_client_library",
    summary: "the client is a programming library or command-line tool, by its User-Agent or by headers no browser sends",
    weights: Weights { bot: 4.5, account_takeover: 0.8, account_abuse: 0.8 },
    parameters: &[
        Parameter {
            name: "missing_headers",
            summary: "how many of Accept, Accept-Language and Sec-Fetch must be missing from a claimed browser",
            default: 2.0,
            min: 1.0,
            max: 3.0,
        },
        Parameter {
            name: "unknown_agents",
            summary: "1: judge unknown User-Agents by their headers too; 0: spare them, as native apps need",
            default: 0.0,
            min: 0.0,
            max: 1.0,
        },
    ],
    needs: "the request's headers",
    findings: &[
        ("name", "the User-Agent names {}"),
        ("claims", "the User-Agent claims: {}"),
        ("missing", "headers that browsers send are missing: {}"),
    ],
    read,
};

fn read(evidence: &Evidence, parameters: &[f64]) -> Reading {
    let &[missing_headers, unknown_agents] = parameters else { return Reading::Blind };
    let agent = &evidence.attempt.device.agent;
    let headers = &evidence.attempt.client.headers;
    match &agent.kind {
        AgentKind::Library(name) | AgentKind::Automation(name) => Reading::Fired(Findings::new().text("name", name)),
        AgentKind::Absent if telling(headers) == 0 && headers.accept_encoding => Reading::Quiet,
        AgentKind::Absent => fired("none", headers),
        AgentKind::Browser if telling(headers) >= missing_headers as usize => fired(&agent.name, headers),
        AgentKind::Unknown if unknown_agents >= 0.5 && telling(headers) >= missing_headers as usize => {
            fired("unknown", headers)
        }
        AgentKind::Browser | AgentKind::Unknown | AgentKind::Crawler(_) => Reading::Quiet,
    }
}

/// How many of the three telling headers are missing.
fn telling(headers: &HeaderFacts) -> usize {
    [headers.accept, headers.accept_language, headers.sec_fetch].into_iter().filter(|present| !present).count()
}

fn fired(claims: &str, headers: &HeaderFacts) -> Reading {
    let missing = [
        ("accept", headers.accept),
        ("accept_language", headers.accept_language),
        ("sec_fetch", headers.sec_fetch),
        ("accept_encoding", headers.accept_encoding),
    ];
    let missing = missing.into_iter().filter(|(_, present)| !present).map(|(name, _)| name);
    Reading::Fired(Findings::new().text("claims", claims).texts("missing", missing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::Agent;
    use crate::engine::fixture;
    use crate::engine::signals::Finding;
    use std::sync::Arc;

    const DEFAULTS: [f64; 2] = [2.0, 0.0];

    fn check(kind: AgentKind, headers: HeaderFacts, parameters: &[f64]) -> Reading {
        let mut evidence = fixture::evidence();
        let name = evidence.attempt.device.agent.name.clone();
        evidence.attempt.device.agent = Arc::new(Agent { kind, name, ..Agent::default() });
        evidence.attempt.client.headers = headers;
        read(&evidence, parameters)
    }

    fn has_fired(reading: &Reading) -> bool {
        matches!(reading, Reading::Fired(_))
    }

    /// A browser's headers less these.
    fn without(missing: &[&str]) -> HeaderFacts {
        let mut headers = fixture::browser_headers();
        for name in missing {
            *match *name {
                "user_agent" => &mut headers.user_agent,
                "accept" => &mut headers.accept,
                "accept_language" => &mut headers.accept_language,
                "accept_encoding" => &mut headers.accept_encoding,
                "sec_fetch" => &mut headers.sec_fetch,
                "client_hints" => &mut headers.client_hints,
                "referer" => &mut headers.referer,
                "origin" => &mut headers.origin,
                "cookie" => &mut headers.cookie,
                other => panic!("no such header fact: {other}"),
            } = false;
        }
        headers
    }

    #[test]
    fn fires_by_name_whatever_the_headers() {
        for kind in [AgentKind::Library("curl".into()), AgentKind::Automation("HeadlessChrome".into())] {
            assert!(has_fired(&check(kind.clone(), fixture::browser_headers(), &DEFAULTS)), "{kind:?}");
        }
        let Reading::Fired(findings) = check(AgentKind::Library("curl".into()), HeaderFacts::default(), &DEFAULTS)
        else {
            panic!("curl must fire");
        };
        assert_eq!(findings.get("name"), Some(&Finding::Text("curl".into())));
    }

    #[test]
    fn fires_on_a_library_behind_a_browsers_name() {
        let sent = |accept, accept_encoding| HeaderFacts {
            user_agent: true,
            accept,
            accept_encoding,
            ..HeaderFacts::default()
        };
        for (who, headers) in [
            ("curl -A Chrome", sent(true, false)),
            ("python-requests with Chrome's User-Agent", sent(true, true)),
            ("Go's net/http with Chrome's User-Agent", sent(false, true)),
        ] {
            let Reading::Fired(findings) = check(AgentKind::Browser, headers, &DEFAULTS) else {
                panic!("{who} must fire")
            };
            assert_eq!(findings.get("claims"), Some(&Finding::Text("Chrome on Windows".into())), "{who}");
            let Some(Finding::Texts(missing)) = findings.get("missing") else {
                panic!("{who}: no missing headers named")
            };
            assert!(missing.contains(&"accept_language".into()) && missing.contains(&"sec_fetch".into()), "{who}");
        }
    }

    #[test]
    fn fires_without_a_user_agent_unless_all_else_is_a_browsers() {
        assert!(has_fired(&check(AgentKind::Absent, HeaderFacts::default(), &DEFAULTS)));
        assert!(has_fired(&check(AgentKind::Absent, without(&["user_agent", "sec_fetch"]), &DEFAULTS)));
        assert_eq!(check(AgentKind::Absent, without(&["user_agent"]), &DEFAULTS), Reading::Quiet);
    }

    #[test]
    fn innocents_stay_quiet() {
        for (who, kind, missing) in [
            ("a browser", AgentKind::Browser, &[][..]),
            ("an old browser, or a page over plain HTTP", AgentKind::Browser, &["sec_fetch", "client_hints"]),
            (
                "the same behind an antivirus proxy",
                AgentKind::Browser,
                &["sec_fetch", "client_hints", "accept_encoding"],
            ),
            ("a privacy extension that hides languages", AgentKind::Browser, &["accept_language", "referer"]),
            (
                "a browser with all but the three taken away",
                AgentKind::Browser,
                &["referer", "origin", "cookie", "client_hints"],
            ),
            ("a native app", AgentKind::Unknown, &["accept", "accept_language", "sec_fetch", "client_hints", "origin"]),
            (
                "a crawler, which has its own signal",
                AgentKind::Crawler("Googlebot".into()),
                &["accept_language", "sec_fetch"],
            ),
        ] {
            assert_eq!(check(kind, without(missing), &DEFAULTS), Reading::Quiet, "{who}");
        }
    }

    #[test]
    fn parameters_sharpen_it() {
        assert!(has_fired(&check(AgentKind::Browser, without(&["sec_fetch"]), &[1.0, 0.0])));
        let bare = without(&["accept_language", "sec_fetch"]);
        assert!(has_fired(&check(AgentKind::Unknown, bare.clone(), &[2.0, 1.0])));
        assert_eq!(check(AgentKind::Browser, bare, &[3.0, 0.0]), Reading::Quiet);
    }
}
