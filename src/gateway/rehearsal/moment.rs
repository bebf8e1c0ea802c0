//! One judgement in words: what was read, what it comes to, which rule decided and why, and what is sent.

use super::explanation::{Contribution, Counterfactual, Judgement, RuleSaid, Score, Sent, SignalSaid};
use super::wire::Arrived;
use super::{enforced, to_application, to_visitor};
use crate::challenge::{self, Reply, Visit};
use crate::config::settings::{DenyAnswer, Route};
use crate::config::show_duration as show_period;
use crate::engine::assessment::ScoreName;
use crate::engine::counterfactual::{self, Alternative};
use crate::engine::decision::{Action, BanOf, BanOrder, Decision, Ruling};
use crate::engine::evidence::Evidence;
use crate::engine::policy::two_decimals;
use crate::engine::record::{DecisionRecord, Enforcement};
use crate::engine::signals::{Reading, SIGNALS, SignalId};
use crate::gateway::answer;
use crate::gateway::enforce::{self, Course};
use crate::gateway::forward::{self, Visitor};
use crate::gateway::live::Live;
use crate::gateway::{host_of, judgement, records, reply};
use crate::secrets::NoRandomness;
use http::HeaderMap;
use pingora::http::ResponseHeader;
use std::net::IpAddr;

/// Everything about a request but what was decided.
pub struct Stage<'s> {
    pub live: &'s Live,
    pub route: &'s Route,
    pub arrived: &'s Arrived,
    pub peer: IpAddr,
    pub tls: bool,
    pub visit: Visit,
}

impl Stage<'_> {
    /// The moment before forwarding.
    pub fn before(&self, evidence: &Evidence, decision: &Decision) -> Result<Judgement, NoRandomness> {
        let mode = enforce::mode(self.live.settings.mode, self.route);
        let (sent, enforcement) = match enforce::course(decision, mode) {
            Course::Forward(_permit, enforcement) => (self.forwarded(evidence, decision), enforcement),
            Course::Challenge(kind) => {
                let issued = self.live.challenges.issue(enforce::order(kind, self.route, evidence), &self.visit)?;
                (self.challenged(&issued.reply(&self.visit), kind.name()), Enforcement::Challenged)
            }
            Course::Deny => {
                let reference = evidence.attempt.id.to_string();
                let reply = enforce::denial(self.route, &self.arrived.header.headers, &reference);
                (self.denied(&reply), Enforcement::Denied)
            }
        };
        Ok(self.judgement(evidence, decision, sent, enforcement))
    }

    /// The moment after a success, which `response` told.
    pub fn after(
        &self,
        evidence: &Evidence,
        decision: &Decision,
        response: &ResponseHeader,
    ) -> Result<Judgement, NoRandomness> {
        let mode = enforce::mode(self.live.settings.mode, self.route);
        let course = match enforce::course(decision, mode) {
            Course::Forward(_permit, enforcement) => {
                let sent = to_visitor(Some(response.status.as_u16()), "the application's answer");
                return Ok(self.judgement(evidence, decision, sent, enforcement));
            }
            course => course,
        };
        let challenges = &self.live.challenges;
        let header = &self.arrived.header;
        let in_place = answer::in_place(challenges, self.route, evidence, &course, header, response, &self.visit)?;
        let mut sent = match course {
            Course::Challenge(kind) if !in_place.cannot_be_held => self.challenged(&in_place.reply, kind.name()),
            Course::Challenge(_) | Course::Deny | Course::Forward(..) => self.denied(&in_place.reply),
        };
        sent.body = match (&in_place.hold, in_place.cannot_be_held) {
            (Some(_), _) => format!("{}; the application's answer waits, sealed, until it is solved", sent.body),
            (None, true) => format!("{}; the application's answer is too large to be kept", sent.body),
            (None, false) => format!("{}; the application's answer and its cookies are dropped", sent.body),
        };
        Ok(self.judgement(evidence, decision, sent, in_place.enforcement))
    }

    fn judgement(&self, evidence: &Evidence, decision: &Decision, sent: Sent, enforcement: Enforcement) -> Judgement {
        let policy = &self.route.policy.rules;
        let assessment = &decision.assessment;
        let trace = policy.trace(evidence, assessment);
        // Where the gate itself denies, a rule's name stands for no rule.
        let overruled = decision.ruling.rule.as_deref() == Some(judgement::AMBIGUOUS)
            && trace.ruling.rule.as_deref() != Some(judgement::AMBIGUOUS);
        let record =
            DecisionRecord::new(evidence, decision, policy, enforcement, 0, records::context(self.live, self.route));
        let scores = assessment.scores;
        Judgement {
            moment: decision.moment.name(),
            signals: self.signals(decision),
            scores: ScoreName::ALL.into_iter().map(|name| self.score(decision, name)).collect(),
            risk: two_decimals(scores.risk),
            risk_low: two_decimals(scores.risk_low),
            risk_high: two_decimals(scores.risk_high),
            policy: policy.name.to_string(),
            list: trace.list.name(),
            rules: trace
                .rules
                .into_iter()
                .map(|rule| RuleSaid {
                    list: rule.list.name(),
                    name: rule.name.to_string(),
                    when: rule.text.into(),
                    action: action_in_words(rule.action),
                    ban: rule.ban.map(ban_in_words),
                    verdict: rule.verdict,
                    reasons: rule.reasons,
                })
                .collect(),
            otherwise: action_in_words(trace.otherwise),
            rule: decision.ruling.rule.as_deref().map(str::to_owned),
            action: action_in_words(decision.ruling.action),
            overruled: overruled.then(|| ruling_in_words(&trace.ruling)),
            cleared: evidence.clearance.kinds().map(|kind| kind.name()).collect(),
            counterfactuals: self.counterfactuals(evidence, decision),
            mode: enforce::mode(self.live.settings.mode, self.route).name(),
            enforced: enforced(enforcement),
            sent,
            // What was just serialised is JSON.
            record: serde_json::from_str(&record.line()).unwrap_or_default(),
        }
    }

    fn signals(&self, decision: &Decision) -> Vec<SignalSaid> {
        let assessment = &decision.assessment;
        let model = &self.route.policy.rules.model;
        let said = |(id, signal): (SignalId, &&'static crate::engine::signals::Signal)| {
            let reading = assessment.readings.iter().find(|(fired, _)| *fired == id).map(|(_, reading)| reading);
            let enabled = model.signals.get(usize::from(id.0)).is_some_and(|tuned| tuned.enabled);
            let (state, words) = match reading {
                Some(Reading::Weighed { fires: false, findings, .. }) => ("quiet", signal.in_words(findings)),
                Some(Reading::Fired(findings) | Reading::Weighed { findings, .. }) => {
                    ("fired", format!("{}: {}", signal.summary, signal.in_words(findings)))
                }
                _ if assessment.blind.contains(id) => ("blind", format!("{} is not to be had", signal.needs)),
                _ if enabled => ("quiet", String::new()),
                _ => ("off", "switched off under `signals`".to_owned()),
            };
            SignalSaid { name: signal.name, state, words }
        };
        SignalId::all().zip(SIGNALS).map(said).collect()
    }

    fn score(&self, decision: &Decision, name: ScoreName) -> Score {
        let shares = decision.assessment.contributions(&self.route.policy.rules.model, name);
        Score {
            name: name.name(),
            score: two_decimals(decision.assessment.scores.of(name)),
            log_odds: shares.iter().map(|(_, share)| share).sum(),
            contributions: shares
                .into_iter()
                .map(|(name, log_odds)| Contribution { name: name.to_owned(), log_odds })
                .collect(),
        }
    }

    fn counterfactuals(&self, evidence: &Evidence, decision: &Decision) -> Vec<Counterfactual> {
        let (policy, assessment) = (&self.route.policy.rules, &decision.assessment);
        let names = |alternative: &Alternative| alternative.signals.iter().map(|id| id.name()).collect::<Vec<_>>();
        let milder = counterfactual::without(evidence, assessment, policy).into_iter().map(|alternative| {
            let without = names(&alternative);
            let sentence =
                format!("It would have been {} if {} had not fired.", outcome(&alternative.ruling), list(&without));
            Counterfactual {
                without,
                with: Vec::new(),
                action: action_in_words(alternative.ruling.action),
                rule: alternative.ruling.rule.as_deref().map(str::to_owned),
                sentence,
            }
        });
        let other = counterfactual::had_fired(evidence, assessment, policy).into_iter().map(|alternative| {
            let with = names(&alternative);
            let sentence = format!(
                "{} could not look; had it fired, the request would have been {}.",
                list(&with),
                outcome(&alternative.ruling)
            );
            Counterfactual {
                without: Vec::new(),
                with,
                action: action_in_words(alternative.ruling.action),
                rule: alternative.ruling.rule.as_deref().map(str::to_owned),
                sentence,
            }
        });
        milder.chain(other).collect()
    }

    /// What goes on to the application: the gate's own edits, by name; values of those that hold no visitor's secret.
    fn forwarded(&self, evidence: &Evidence, decision: &Decision) -> Sent {
        let mut header = self.arrived.header.clone();
        if header.version == http::Version::HTTP_2
            && let Some(authority) = header.uri.authority().map(ToString::to_string)
            && let Err(error) = header.insert_header(http::header::HOST, authority)
        {
            // Pingora writes the host of an HTTP/2 request so before its hook for these edits is called.
            return to_application(&format!("not forwarded: {error}"));
        }
        let visitor = Visitor {
            peer: self.peer,
            peer_is_trusted: self.live.trusts(self.peer),
            tls: self.tls,
            device_cookie: self.live.devices.name(),
            http2: header.version == http::Version::HTTP_2,
            host: header.headers.get(http::header::HOST).cloned(),
        };
        let upstream = self.live.upstreams.for_host(&host_of(&header));
        let length = self.arrived.body.len();
        let edited = forward::request(&mut header, &visitor, upstream.fixed_host())
            .and_then(|()| forward::held(&mut header, length, self.route.outcome.needs_body()))
            .and_then(|()| forward::verdict(&mut header, evidence, decision));
        let mut sent = to_application("the request as it came, byte for byte");
        if let Err(error) = edited {
            sent.body = format!("not forwarded: {error}");
            return sent;
        }
        (sent.headers, sent.removed) = changes(&self.arrived.header.headers, &header.headers);
        sent
    }

    fn challenged(&self, reply: &Reply, kind: &'static str) -> Sent {
        let body = if self.visit.wants_html {
            "a redirect to the challenge's page"
        } else {
            "a problem as JSON, with the challenge's URL"
        };
        let mut sent = to_visitor(Some(reply.status), body);
        sent.headers = headers(reply);
        sent.challenge = Some(kind);
        sent
    }

    fn denied(&self, reply: &Reply) -> Sent {
        let page = self.visit.wants_html;
        let body = match &self.route.policy.deny {
            DenyAnswer::RedirectToPage | DenyAnswer::Redirect(_) if page => "a redirect",
            DenyAnswer::Respond { html: Some(_), .. } if page => "the page that the policy gives",
            DenyAnswer::Respond { json: Some(_), .. } if !page => "the JSON that the policy gives",
            DenyAnswer::RedirectToPage | DenyAnswer::Redirect(_) | DenyAnswer::Respond { .. } if page => {
                "the built-in page"
            }
            DenyAnswer::RedirectToPage | DenyAnswer::Redirect(_) | DenyAnswer::Respond { .. } => "a problem as JSON",
        };
        let mut sent = to_visitor(Some(reply.status), body);
        sent.headers = headers(reply);
        sent
    }
}

/// An answer's headers as they go out; tickets and cookies, which are new each time and worth something, are cut.
pub fn headers(reply: &Reply) -> Vec<(String, String)> {
    let Ok(head) = reply::head(reply, true) else { return Vec::new() };
    let shown = |name: &http::HeaderName, value: &http::HeaderValue| {
        let mut value = without_tickets(&String::from_utf8_lossy(value.as_bytes()));
        if *name == http::header::SET_COOKIE
            && let (Some(start), Some(end)) = (value.find('='), value.find(';'))
            && start < end
        {
            value.replace_range(start + 1..end, "…");
        }
        (name.to_string(), value)
    };
    head.headers.iter().map(|(name, value)| shown(name, value)).collect()
}

/// The text with `…` for every ticket in it.
fn without_tickets(text: &str) -> String {
    let mut parts = text.split(challenge::PREFIX);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let ends = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let rest = part.find(ends).map_or("", |end| &part[end..]);
        shown.push_str(challenge::PREFIX);
        shown.push('…');
        shown.push_str(rest);
    }
    shown
}

/// Headers that were added or changed, with values that are the gate's own, and names of those that were removed.
fn changes(before: &HeaderMap, after: &HeaderMap) -> (Vec<(String, String)>, Vec<String>) {
    let is_ours = |name: &str| {
        name.starts_with("x-tollgate-")
            || name.starts_with("x-forwarded-")
            || matches!(name, "host" | "content-length" | "accept-encoding")
    };
    let mut changed = Vec::new();
    for name in after.keys() {
        let (old, new) = (before.get_all(name), after.get_all(name));
        if old.iter().eq(new.iter()) {
            continue;
        }
        let values: Vec<_> = new.iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let value = if is_ours(name.as_str()) { values.join(", ") } else { "(less the gate's own)".to_owned() };
        changed.push((name.to_string(), value));
    }
    let removed = before.keys().filter(|name| !after.contains_key(*name)).map(ToString::to_string).collect();
    (changed, removed)
}

/// `challenge (proof_of_work)`.
fn action_in_words(action: Action) -> String {
    match action {
        Action::Challenge(kind) => format!("challenge ({kind})"),
        Action::Allow | Action::Deny => action.name().to_owned(),
    }
}

/// `ban the address for 15m, each further time 2 times as long, up to 1d`.
fn ban_in_words(order: BanOrder) -> String {
    let of = match order.of {
        BanOf::Ip => "address",
        BanOf::Account => "account",
    };
    let grows = match order.grow {
        1 => String::new(),
        grow => format!(", each further time {grow} times as long, up to {}", show_period(order.most)),
    };
    format!("ban the {of} for {}{grows}", show_period(order.length))
}

fn ruling_in_words(ruling: &Ruling) -> String {
    match &ruling.rule {
        Some(rule) => format!("{} by the rule `{rule}`", action_in_words(ruling.action)),
        None => format!("{} by `otherwise`", action_in_words(ruling.action)),
    }
}

/// What would have become of the request.
fn outcome(ruling: &Ruling) -> String {
    let what = match ruling.action {
        Action::Allow => "allowed",
        Action::Challenge(_) => "challenged",
        Action::Deny => "denied",
    };
    match &ruling.rule {
        Some(rule) => format!("{what} (by `{rule}`)"),
        None => what.to_owned(),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_and_cookies_are_cut() {
        let reply = Reply {
            status: 303,
            headers: vec![
                ("location", "/.tollgate/challenge/AZ0-_x".to_owned()),
                ("set-cookie", "tollgate_hold=secret; Path=/.tollgate/challenge/AZ0; HttpOnly".to_owned()),
            ],
            body: bytes::Bytes::new(),
        };
        let shown = headers(&reply);
        assert_eq!(shown[0].1, "/.tollgate/challenge/…");
        assert_eq!(shown[1].1, "tollgate_hold=…; Path=/.tollgate/challenge/…; HttpOnly");
    }
}
