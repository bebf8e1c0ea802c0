//! An explanation as text for people: top down, the answer first.

use super::paint::{BAD, BOLD, DIM, GOOD, WARN, in_colour};
use crate::engine::policy::{Reason, Verdict};
use crate::gateway::rehearsal::explanation::{
    Application, Asked, CapturedFacts, Condition, Explanation, Judgement, Recognition, RuleSaid, Score, Sent,
    SignalSaid, Unjudged,
};
use std::fmt::Write;

/// Widest bar, characters for all of both sides.
const BAR: f64 = 36.0;

/// The whole explanation.
pub fn explanation(explanation: &Explanation) -> String {
    let mut page = Page { text: format!("{}\n\n", headline(explanation)) };
    page.request(&explanation.request);
    for note in &explanation.notes {
        page.line(&in_colour(DIM, &format!("note: {note}")));
    }
    if !explanation.unavailable.is_empty() {
        page.heading("Not available here");
        for missing in &explanation.unavailable {
            page.line(&format!("{} ({}): {}", missing.key, missing.file, missing.reason));
            page.line(&format!("  {}", missing.effect));
        }
    }
    page.heading("Recognised");
    page.recognition(&explanation.recognition);
    if let Some(captured) = &explanation.captured {
        page.heading("Captured");
        page.captured(captured);
    }
    if let Some(unjudged) = &explanation.unjudged {
        page.heading("Not judged");
        page.unjudged(unjudged);
    }
    for (place, judgement) in explanation.judgements.iter().enumerate() {
        if place > 0
            && let Some(application) = &explanation.application
        {
            page.heading("The application's answer");
            page.application(application);
        }
        page.judgement(judgement);
    }
    if explanation.judgements.len() == 1
        && let Some(application) = &explanation.application
    {
        page.heading("The application's answer");
        page.application(application);
    }
    page.text
}

/// The answer in one line.
fn headline(explanation: &Explanation) -> String {
    let Some(last) = explanation.judgements.last() else {
        let why = explanation.unjudged.as_ref().map_or("", |unjudged| unjudged.words.as_str());
        return format!("{}: {why}", in_colour(BOLD, "not judged"));
    };
    let by = match (&last.rule, &last.overruled) {
        (_, Some(_)) => {
            "the gate itself (`ambiguous: deny`): servers could read account or password differently".to_owned()
        }
        (Some(rule), None) => format!("the rule `{rule}` of the policy `{}`", last.policy),
        (None, None) => format!("`otherwise` of the policy `{}`", last.policy),
    };
    let after = if last.moment == "after" { ", after the application said yes" } else { "" };
    let watched = if last.mode == "monitor" { ", which monitor mode does not carry out" } else { "" };
    format!("{} by {by}{after}{watched}", action(&last.action))
}

/// The bars of all scores, on one scale.
pub fn bars(scores: &[Score]) -> String {
    let mut page = Page::default();
    page.bars(scores);
    page.text
}

/// `allow` in green, and so on.
pub fn action(action: &str) -> String {
    let colour = match action {
        _ if action.starts_with("allow") => GOOD,
        _ if action.starts_with("challenge") => WARN,
        _ => BAD,
    };
    in_colour(colour, action)
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn heading(&mut self, heading: &str) {
        let gap = if self.text.is_empty() || self.text.ends_with("\n\n") { "" } else { "\n" };
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(self.text, "{gap}{}", in_colour(BOLD, heading));
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "  {line}");
    }

    fn request(&mut self, request: &Asked) {
        self.heading("Request");
        let Asked { source, method, host, path, http, bytes, peer, client_ip, tls, at, history } = request;
        let scheme = if *tls { "https" } else { "http" };
        self.line(&format!("{method} {scheme}://{host}{path} (HTTP/{http}, {bytes} bytes of body, read as {source})"));
        let through = if peer == client_ip { String::new() } else { format!(", through the proxy {peer}") };
        self.line(&format!("from {client_ip}{through}, at {at}"));
        if !history.is_empty() {
            self.line(&format!("history as told: {}", history.join(", ")));
        }
    }

    fn recognition(&mut self, recognition: &Recognition) {
        match (&recognition.route, &recognition.event) {
            (Some(route), Some(event)) => self.line(&format!("as {} by the route `{route}`", in_colour(BOLD, event))),
            _ => self.line("on no route"),
        }
        for condition in &recognition.conditions {
            self.condition(condition, "  ");
        }
        for ambiguity in &recognition.ambiguities {
            let name = in_colour(WARN, &format!("ambiguous: {}", ambiguity.name));
            self.line(&format!("{name}: {}", ambiguity.words));
        }
        for near in &recognition.near {
            if near.shadowed {
                self.line(&format!("not on `{}`, whose conditions hold too: another route is tried first", near.route));
                continue;
            }
            self.line(&format!("not on `{}`:", near.route));
            for condition in &near.failed {
                self.condition(condition, "  ");
            }
        }
        if recognition.others > 0 {
            let (routes, are) = if recognition.others == 1 { ("route", "is") } else { ("routes", "are") };
            self.line(&in_colour(DIM, &format!("{} more {routes} {are} farther off", recognition.others)));
        }
    }

    fn condition(&mut self, condition: &Condition, indent: &str) {
        let Condition { key, wants, holds, readings, seen } = condition;
        let mark = if *holds { in_colour(GOOD, "holds") } else { in_colour(BAD, "fails") };
        let read =
            if readings.is_empty() { String::new() } else { format!(", read otherwise: {}", readings.join(", ")) };
        let seen = if *holds && readings.is_empty() { String::new() } else { format!("; the request has {seen}") };
        self.line(&format!("{indent}{mark}  {key}: {wants}{seen}{read}"));
    }

    fn captured(&mut self, captured: &CapturedFacts) {
        let width = captured.fields.iter().map(|field| field.field.len()).max().unwrap_or(0);
        for field in &captured.fields {
            let what = match (&field.value, field.present) {
                (Some(value), _) => value.clone(),
                (None, true) => "present".to_owned(),
                (None, false) => in_colour(WARN, "missing"),
            };
            let from = in_colour(DIM, &format!("({})", field.sources.join(", ")));
            self.line(&format!("{:width$}  {what} {from}", field.field));
        }
        if let Some(user) = &captured.user_id {
            self.line(&format!("user_id {user}"));
        }
        let agent = if captured.agent.is_empty() { "no User-Agent" } else { captured.agent.as_str() };
        self.line(&format!("client {agent}, fingerprint {}", captured.fingerprint));
        let mut network = vec![captured.country.clone().unwrap_or_else(|| "country not known".to_owned())];
        network.extend(captured.asn.map(|asn| format!("AS{asn}")));
        network.extend(captured.org.clone());
        self.line(&format!("network {}", network.join(", ")));
        if !captured.lists.is_empty() {
            self.line(&format!("lists that match: {}", captured.lists.join(", ")));
        }
        if !captured.degraded.is_empty() {
            self.line(&in_colour(WARN, &format!("degraded: {}", captured.degraded.join(", "))));
        }
    }

    fn unjudged(&mut self, unjudged: &Unjudged) {
        self.line(&format!("{}: {}", unjudged.why, unjudged.words));
        if let Some(enforced) = &unjudged.enforced {
            self.line(&format!("recorded as {enforced}"));
        }
        self.sent(&unjudged.sent);
    }

    fn application(&mut self, application: &Application) {
        let Application { status, outcome, rule, words } = application;
        let by = rule.as_ref().map_or_else(|| "no rule matched".to_owned(), |rule| format!("by {rule}"));
        self.line(&format!("{status}: {} ({by})", in_colour(BOLD, outcome)));
        self.line(words);
    }

    fn judgement(&mut self, judgement: &Judgement) {
        let moment = match judgement.moment {
            "before" => "before forwarding",
            _ => "after the success",
        };
        self.heading(&format!("Signals {moment}"));
        for signal in judgement.signals.iter().filter(|signal| signal.state == "fired") {
            self.line(&format!("{} {}", in_colour(BAD, "fired"), in_colour(BOLD, signal.name)));
            self.line(&format!("      {}", signal.words));
        }
        for signal in judgement.signals.iter().filter(|signal| signal.state == "blind") {
            self.line(&format!("{} {}: {}", in_colour(WARN, "blind"), signal.name, signal.words));
        }
        // Too little to fire, and it counts all the same.
        let is_told = |signal: &SignalSaid| signal.state == "quiet" && !signal.words.is_empty();
        for signal in judgement.signals.iter().filter(|signal| is_told(signal)) {
            self.line(&format!("{} {}, without firing: {}", in_colour(WARN, "counts"), signal.name, signal.words));
        }
        for state in ["quiet", "off"] {
            let named = judgement.signals.iter().filter(|signal| signal.state == state && !is_told(signal));
            let names: Vec<&str> = named.map(|signal| signal.name).collect();
            if !names.is_empty() {
                self.line(&in_colour(DIM, &format!("{state} {}", names.join(", "))));
            }
        }
        self.heading("Scores (log-odds)");
        self.bars(&judgement.scores);
        let Judgement { risk, risk_low, risk_high, .. } = judgement;
        let blind = judgement.signals.iter().any(|signal| signal.state == "blind");
        let range = match risk_low == risk_high {
            true if blind => "what was blind could not have changed it".to_owned(),
            true => "nothing was blind".to_owned(),
            false => format!("{risk_low:.2} to {risk_high:.2}, by what the blind signals might have said"),
        };
        self.line(&format!("{} {risk:.2} ({range})", in_colour(BOLD, "risk")));
        self.heading(&format!("Policy `{}`, {}", judgement.policy, judgement.list));
        self.rules(judgement);
        self.heading("Decision");
        self.decision(judgement);
    }

    fn bars(&mut self, scores: &[Score]) {
        let all = || scores.iter().flat_map(|score| &score.contributions);
        let low = all().map(|share| share.log_odds).fold(0.0, f64::min);
        let high = all().map(|share| share.log_odds).fold(0.0, f64::max);
        let scale = BAR / (high - low).max(1.0);
        let width = all().map(|share| share.name.len()).max().unwrap_or(0);
        let left = (-low * scale).round() as usize;
        for score in scores {
            self.line(&format!("{} {:.2}", in_colour(BOLD, score.name), score.score));
            for share in &score.contributions {
                let length = (share.log_odds.abs() * scale).round() as usize;
                let bar = match share.log_odds < 0.0 {
                    true => {
                        format!("{}{}|", " ".repeat(left.saturating_sub(length)), in_colour(GOOD, &"█".repeat(length)))
                    }
                    false => format!("{}|{}", " ".repeat(left), in_colour(BAD, &"█".repeat(length))),
                };
                self.line(&format!("  {:width$} {:+6.2}  {bar}", share.name, share.log_odds));
            }
            if score.contributions.len() > 1 {
                let sum = score.log_odds;
                self.line(&in_colour(DIM, &format!("  {:width$} {sum:+6.2}  is {:.2} %", "together", score.score)));
            }
        }
    }

    fn rules(&mut self, judgement: &Judgement) {
        if judgement.rules.is_empty() {
            self.line("no rules");
        }
        let mut list = judgement.list;
        for (place, said) in judgement.rules.iter().enumerate() {
            let RuleSaid { list: of, name, when, action: does, ban, verdict, reasons } = said;
            if std::mem::replace(&mut list, of) != *of {
                self.line(&in_colour(DIM, &format!("{of}, while something is degraded:")));
            }
            let said = match verdict {
                Verdict::True => in_colour(BOLD, "true"),
                Verdict::False => "false".to_owned(),
                Verdict::Satisfied => "passed over: its challenge was solved".to_owned(),
                Verdict::NotReached => in_colour(DIM, "not reached"),
                Verdict::NotDegraded => in_colour(DIM, "not asked: nothing is degraded"),
            };
            let ban = ban.as_ref().map_or_else(String::new, |ban| format!(" and {ban}"));
            self.line(&format!("{}. {name}: {does}{ban} when {when}", place + 1));
            self.line(&format!("     {said}{}", because(reasons)));
        }
        let otherwise = format!("otherwise: {}", judgement.otherwise);
        let decided = judgement.rule.is_none() && judgement.overruled.is_none();
        self.line(&if decided { in_colour(BOLD, &otherwise) } else { in_colour(DIM, &otherwise) });
    }

    fn decision(&mut self, judgement: &Judgement) {
        let by = match (&judgement.rule, &judgement.overruled) {
            (_, Some(policy)) => {
                format!(
                    "by the gate itself (`ambiguous: deny`): servers could read account or password differently (the policy had said {policy})"
                )
            }
            (Some(rule), None) => format!("by the rule `{rule}`"),
            (None, None) => "by `otherwise`".to_owned(),
        };
        self.line(&format!("{} {by}", action(&judgement.action)));
        if !judgement.cleared.is_empty() {
            self.line(&format!("solved before: {}", judgement.cleared.join(", ")));
        }
        for counterfactual in &judgement.counterfactuals {
            self.line(&counterfactual.sentence);
        }
        if judgement.counterfactuals.is_empty()
            && !judgement.action.starts_with("allow")
            && judgement.overruled.is_none()
        {
            self.line("No signal decided that: it would have been the same if none had fired.");
        }
        if judgement.mode == "monitor" {
            let words = format!("Monitor mode: nothing of this is carried out; recorded as {}.", judgement.enforced);
            self.line(&in_colour(WARN, &words));
        } else {
            self.line(&format!("recorded as {}", judgement.enforced));
        }
        self.sent(&judgement.sent);
    }

    fn sent(&mut self, sent: &Sent) {
        let Sent { to, status, headers, removed, body, challenge } = sent;
        let status = status.map_or_else(String::new, |status| format!("{status}, "));
        let challenge = challenge.map_or_else(String::new, |kind| format!(" (challenge: {kind})"));
        self.line(&format!("to the {to}: {status}{body}{challenge}"));
        for (name, value) in headers {
            self.line(&format!("    {name}: {value}"));
        }
        if !removed.is_empty() {
            self.line(&format!("    without {}", removed.join(", ")));
        }
    }
}

/// ` because bot >= 50 (bot = 93.1)`.
fn because(reasons: &[Reason]) -> String {
    /// More would hide what they say.
    const MOST: usize = 6;
    if reasons.is_empty() {
        return String::new();
    }
    let one = |reason: &Reason| {
        let values: Vec<String> = reason.values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let values = if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) };
        let is = if reason.held { "is true" } else { "is false" };
        format!("`{}` {is}{values}", reason.expression)
    };
    let mut said: Vec<String> = reasons.iter().take(MOST).map(one).collect();
    if reasons.len() > MOST {
        said.push(format!("and {} more", reasons.len() - MOST));
    }
    format!(", because {}", said.join(", "))
}
