//! A decision record in words.
//!
//! A record is read as what it is, a public shape of JSON: by its names, tolerant of those it lacks (older versions) or
//! has more (newer ones). So a line from last year's log is explained as far as it goes.

use super::paint::{BOLD, DIM, WARN, in_colour};
use super::text::{action, bars};
use super::{Failure, file_name, read};
use crate::cli::FAILED;
use crate::cli::check::CONFIGURATION;
use crate::config::{self, Settings};
use crate::engine::signals::{Finding, Findings, SIGNALS};
use crate::gateway::judgement::AMBIGUOUS;
use crate::gateway::rehearsal::explanation::{Contribution, Score};
use crate::gateway::rehearsal::source::SourceError;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// Most records of one file: more than that is a log, and there are tools for logs.
const MOST: usize = 1_000;

/// `labelled fraud (bad: bot) at … by anna, instead of right: "called us"`.
fn labelled(label: &Value, at: &str) -> String {
    let text = |key: &str| label[key].as_str().filter(|text| !text.is_empty());
    let scores = label["as"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    let what = if label["bad"] == true { format!("bad: {scores}") } else { "good".to_owned() };
    let by = text("by").map(|by| format!(" by {by}")).unwrap_or_default();
    let before = text("instead_of").map(|before| format!(", instead of {before}")).unwrap_or_default();
    let note = text("note").map(|note| format!(": \"{note}\"")).unwrap_or_default();
    format!("  labelled {} ({what}) at {at}{by}{before}{note}", text("verdict").unwrap_or("?"))
}

/// Explains every record of a file.
pub(super) fn explain(file: &Path, config: Option<&Path>, as_json: bool) -> Result<String, Failure> {
    let name = file_name(file);
    let settings = config.map(config::load_elsewhere).transpose();
    let settings = settings.map_err(|report| Failure { code: CONFIGURATION, message: report.to_string() })?;
    let settings = settings.map(|(settings, _)| settings);
    let bytes = read(file)?;
    let wrong = |line: usize, message: String| {
        let help = "a record is one line of JSON, as the decision log has it";
        Failure::of_source(&name, &SourceError::at(line, message, help))
    };
    let mut explained = String::new();
    let mut count = 0;
    for (place, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if count == MOST {
            return Err(wrong(place + 1, format!("there are more than {MOST} records")));
        }
        let record: Value =
            serde_json::from_slice(line).map_err(|error| wrong(place + 1, format!("this is no JSON: {error}")))?;
        if !record["id"].is_string() || !record["moment"].is_string() {
            return Err(wrong(place + 1, "this JSON is no decision record: it has no `id` and `moment`".to_owned()));
        }
        let said = Said::of(&record, settings.as_ref());
        if as_json {
            let _ =
                writeln!(explained, "{}", json!({ "words": said.plain(), "rule": said.rule_text, "record": record }));
        } else {
            let gap = if count == 0 { "" } else { "\n" };
            let _ = write!(explained, "{gap}{}", said.text);
        }
        count += 1;
    }
    match count {
        0 => Err(Failure {
            code: FAILED,
            message: super::with_help("error", &format!("{name}: there is no record"), ""),
        }),
        _ => Ok(explained),
    }
}

struct Said {
    text: String,
    /// The rule that decided, as the configuration writes it.
    rule_text: Option<String>,
}

impl Said {
    fn of(record: &Value, settings: Option<&Settings>) -> Said {
        let mut said = Said { text: String::new(), rule_text: None };
        said.headline(record);
        let is_decision = record["policy"].is_object();
        if is_decision {
            said.evidence(record);
            said.scores(record);
            said.decision(record, settings);
        }
        if !record["settlement"].is_object() {
            said.enforcement(record);
        }
        said
    }

    fn line(&mut self, line: &str) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    /// The sentences without marks.
    fn plain(&self) -> Vec<String> {
        let text = super::paint::Paint::OFF.render(&self.text);
        text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    }

    fn headline(&mut self, record: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let settlement = &record["settlement"];
        if settlement.is_object() {
            self.line(&in_colour(BOLD, &format!("{} at {}", text(&record["id"]), text(&record["at"]))));
            let what = match record["status"].as_str() {
                Some("$reversed") => "its money did not come, or went back (reversed)",
                _ => "its money came (settled)",
            };
            let by = match settlement["route"].as_str() {
                Some(route) => format!("a request on the route `{route}`"),
                None => "the admin API".to_owned(),
            };
            let (order, product) = (text(&settlement["order"]), text(&record["product"]));
            return self
                .line(&format!("  an order of {product} that this attempt placed: {what}, says {by}; order {order}"));
        }
        let event = text(&record["event"]).trim_start_matches('$').replace('_', " ");
        let label = &record["label"];
        // A label is a later record: what it carries is of the attempt's time.
        let at = if label.is_object() { &label["decided_at"] } else { &record["at"] };
        self.line(&in_colour(BOLD, &format!("{} at {}", text(&record["id"]), text(at))));
        if label.is_object() {
            self.line(&labelled(label, &text(&record["at"])));
        }
        let outcome = match record["status"].as_str() {
            Some("$succeeded") => ", which the application answered with success",
            Some("$failed") => ", which the application answered with failure",
            Some("$pending") => ", for which the application asks for a second step",
            Some("$unknown") => ", whose answer no outcome rule knows",
            Some("$aborted") => ", whose client left before the answer",
            _ => "",
        };
        self.line(&format!(
            "  a {event} on the route `{}` of {}{outcome}",
            text(&record["route"]),
            text(&record["product"])
        ));
        let request = &record["request"];
        if request.is_object() {
            let (method, host, path) = (text(&request["method"]), text(&request["host"]), text(&request["path"]));
            self.line(&format!(
                "  {method} {host}{path} (HTTP/{}, {} bytes)",
                text(&request["http"]),
                request["bytes"]
            ));
        }
        let (client, device) = (&record["client"], &record["device"]);
        if let Some(ip) = device["ip"].as_str() {
            let parts = [
                device["name"].as_str().filter(|name| !name.is_empty()).map(str::to_owned),
                client["country"].as_str().map(str::to_owned),
                client["asn"].as_u64().map(|asn| format!("AS{asn}")),
                client["org"].as_str().map(str::to_owned),
                device["location"].as_str().map(str::to_owned),
            ];
            let known: Vec<String> = parts.into_iter().flatten().collect();
            let known = if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) };
            self.line(&format!("  from {ip}{known}"));
        }
        if let Some(user) = record["user"]["user_id"].as_str() {
            let domain = record["user"]["email_domain"].as_str();
            let relay = record["user"]["email_relay"].as_str().map_or("", |_| ", which forwards to a real mailbox");
            let at = domain.map_or_else(String::new, |domain| format!(", an address at {domain}{relay}"));
            self.line(&format!("  for the account {user}{at}"));
        }
        for (key, words) in [
            ("missing", "fields that were not sent, or could not be read"),
            ("degraded", "parts that could not be asked"),
        ] {
            let names = texts(&record[key]);
            if !names.is_empty() {
                self.line(&in_colour(WARN, &format!("  {words}: {}", names.join(", "))));
            }
        }
        let outcome = &record["outcome"];
        if outcome.is_object() {
            let status = outcome["status"].as_u64().map_or_else(|| "nothing".to_owned(), |status| status.to_string());
            let rule =
                outcome["rule"].as_str().map_or_else(|| "no rule matched".to_owned(), |rule| format!("by {rule}"));
            self.line(&format!("  the application answered {status} after {} ms ({rule})", outcome["ms"]));
        }
    }

    fn evidence(&mut self, record: &Value) {
        let fired = texts(&record["signals"]);
        for name in &fired {
            self.line(&format!("  fired {}", in_colour(BOLD, name)));
            self.line(&format!("    {}", found(name, &record["evidence"][name], true)));
        }
        // Too little to fire, and it counts all the same.
        let others = record["evidence"].as_object().into_iter().flatten();
        for (name, findings) in others.filter(|(name, _)| !fired.contains(&name.as_str())) {
            self.line(&format!("  counts {name}, without firing: {}", found(name, findings, false)));
        }
        for name in texts(&record["blind"]) {
            let needs =
                SIGNALS.iter().find(|signal| signal.name == name).map_or("what it needs", |signal| signal.needs);
            self.line(&format!("  blind {name}: {needs} was not to be had"));
        }
        if fired.is_empty() {
            self.line("  no signal fired");
        }
    }

    fn scores(&mut self, record: &Value) {
        let contributions = &record["contributions"];
        let score = |name: &'static str| {
            let shares = contributions[name].as_object()?;
            let contributions: Vec<Contribution> = shares
                .iter()
                .filter_map(|(name, share)| Some(Contribution { name: name.clone(), log_odds: share.as_f64()? }))
                .collect();
            let log_odds = contributions.iter().map(|share| share.log_odds).sum();
            Some(Score { name, score: record[name].as_f64()?, contributions, log_odds })
        };
        let scores: Vec<Score> = ["bot", "account_takeover", "account_abuse"].into_iter().filter_map(score).collect();
        self.text.push_str(&bars(&scores));
        let number = |key: &str| record[key].as_f64();
        if let (Some(risk), Some(low), Some(high)) = (number("risk"), number("risk_low"), number("risk_high")) {
            let range =
                if low == high { String::new() } else { format!(" ({low:.2} to {high:.2}, by what was blind)") };
            let severity = record["severity"].as_str().filter(|severity| !severity.is_empty());
            let severity = severity.map_or_else(String::new, |severity| format!(", {severity}"));
            self.line(&format!("  {} {risk:.2}{range}{severity}", in_colour(BOLD, "risk")));
        }
    }

    fn decision(&mut self, record: &Value, settings: Option<&Settings>) {
        let policy = &record["policy"];
        let does = policy["action"].as_str().unwrap_or("?");
        let kind = policy["challenge"].as_str().map_or_else(String::new, |kind| format!(" ({kind})"));
        let name = policy["name"].as_str().unwrap_or("?");
        let by = match policy["rule"].as_str() {
            Some("ambiguous") => "by the gate itself, because credentials can be read in two ways".to_owned(),
            Some("banned") => {
                "by the gate itself, because the sender is banned (tollgate lists show banned)".to_owned()
            }
            Some(rule) => format!("by the rule `{rule}` of the policy `{name}`"),
            None => format!("by `otherwise` of the policy `{name}`"),
        };
        self.line(&format!("  decided: {} {by}", action(&format!("{does}{kind}"))));
        if let Some(result) = policy["ban"]["result"].as_str() {
            let of = policy["ban"]["of"].as_str().unwrap_or("?");
            let until = policy["ban"]["until"].as_str().map_or_else(String::new, |until| format!(", until {until}"));
            let times = policy["ban"]["times"].as_u64().filter(|times| *times > 1);
            let times = times.map_or_else(String::new, |times| format!(", {times} in a row"));
            self.line(&format!("  ban of the {of}: {result}{until}{times}"));
        }
        let cleared = texts(&record["cleared"]);
        if !cleared.is_empty() {
            self.line(&format!("  solved before: {}", cleared.join(", ")));
        }
        let Some(settings) = settings else { return };
        if let Some(hash) = record["config"].as_str().filter(|hash| **hash != *settings.hash) {
            let note =
                format!("  the record was written under the configuration {hash}, the file given is {}", settings.hash);
            self.line(&in_colour(WARN, &note));
        }
        let route = settings.routes.iter().find(|route| Some(&*route.name) == record["route"].as_str());
        let policy_of_route = route.map(|route| &route.policy.rules);
        let policy_by_name =
            || settings.routes.iter().map(|route| &route.policy.rules).find(|rules| *rules.name == *name);
        let rules = policy_of_route.filter(|rules| *rules.name == *name).or_else(policy_by_name);
        let rule = policy["rule"]
            .as_str()
            .zip(rules)
            .and_then(|(wanted, rules)| rules.every_rule().find(|rule| *rule.name == *wanted));
        if let Some(rule) = rule {
            self.rule_text = Some(rule.text.to_string());
            self.line(&format!("  its rule: when {}", rule.text));
        } else if policy["rule"] == AMBIGUOUS {
            self.line(&in_colour(
                DIM,
                "  no rule of the policy: the route's `ambiguous: deny`; `flag` leaves it to the policy",
            ));
        } else if policy["rule"].is_string() {
            self.line(&in_colour(DIM, "  the configuration has no such rule now"));
        }
    }

    fn enforcement(&mut self, record: &Value) {
        let enforced = record["enforced"].as_str().unwrap_or("?");
        let words = match enforced.split_once(':') {
            Some(("monitored", would)) => format!("forwarded, because the mode is monitor (enforcing would: {would})"),
            Some(("refused", why)) => format!("refused before it could be judged: {}", why.replace('_', " ")),
            Some(("unscored", why)) => format!("forwarded without being judged: {}", why.replace('_', " ")),
            _ => match enforced {
                "forwarded" if record["explored"].is_object() => {
                    format!(
                        "forwarded by lot, to learn what it was (the chance was {})",
                        record["explored"]["probability"]
                    )
                }
                "forwarded" => "forwarded to the application".to_owned(),
                "challenged" => "the visitor was sent to a challenge".to_owned(),
                "denied" => "the visitor was refused".to_owned(),
                "released" => "the kept answer was released after its challenge".to_owned(),
                other => other.to_owned(),
            },
        };
        self.line(&format!("  done: {words}"));
    }
}

/// What a signal found, in words. `whole`: with what the signal says when it fires.
fn found(name: &str, findings: &Value, whole: bool) -> String {
    let Some(signal) = SIGNALS.iter().find(|signal| signal.name == name) else {
        return format!("a signal that this version does not know: {findings}");
    };
    let (known, unknown) = read_findings(signal.findings, findings);
    let more = unknown.iter().map(|(name, value)| format!(", {name} {value}")).collect::<String>();
    let summary = if whole { format!("{}: ", signal.summary) } else { String::new() };
    format!("{summary}{}{more}", signal.in_words(&known))
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Findings as the signal makes them, and those that it does not know.
fn read_findings(names: &'static [(&'static str, &'static str)], value: &Value) -> (Findings, Vec<(String, String)>) {
    let (mut known, mut unknown) = (Findings::new(), Vec::new());
    for (name, value) in value.as_object().into_iter().flatten() {
        let finding = match value {
            Value::Bool(flag) => Some(Finding::Flag(*flag)),
            Value::Number(number) => match number.as_u64() {
                Some(count) => Some(Finding::Count(count)),
                None => number.as_f64().map(Finding::Number),
            },
            Value::String(text) => Some(Finding::Text(text.as_str().into())),
            Value::Array(_) => Some(Finding::Texts(texts(value).into_iter().map(Into::into).collect())),
            Value::Null | Value::Object(_) => None,
        };
        match (names.iter().find(|(known, _)| known == name), finding) {
            (Some((name, _)), Some(finding)) => known.0.push((*name, finding)),
            _ => unknown.push((name.clone(), value.to_string())),
        }
    }
    (known, unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(record: &Value) -> String {
        Said::of(record, None).plain().join("\n")
    }

    #[test]
    fn a_decision_is_told() {
        let record = json!({
            "id": "01", "at": "2026-11-22T01:02:03.456Z", "event": "$login", "status": "$attempted", "moment": "before",
            "product": "shop", "route": "sign-in", "risk": 93.3, "bot": 93.1, "account_takeover": 3.0, "account_abuse": 1.1,
            "risk_low": 93.3, "risk_high": 96.6, "signals": ["http_client_library", "new_one"], "blind": ["tor_exit"],
            "evidence": { "http_client_library": { "name": "curl", "colour": "red" }, "new_one": { "a": 1 },
                "spoofed_device": { "share": 0.3 } },
            "contributions": { "bot": { "intercept": -3.1, "http_client_library": 4.5 } },
            "policy": { "name": "login", "rule": "automated", "action": "challenge", "challenge": "proof_of_work" },
            "enforced": "monitored:challenge", "missing": ["account"],
        });
        let said = said(&record);
        for words in [
            "a login on the route `sign-in` of shop",
            "the User-Agent names curl, colour \"red\"",
            "a signal that this version does not know",
            "counts spoofed_device, without firing: ",
            "blind tor_exit: the list of Tor exits was not to be had",
            "risk 93.30 (93.30 to 96.60, by what was blind)",
            "decided: challenge (proof_of_work) by the rule `automated` of the policy `login`",
            "forwarded, because the mode is monitor (enforcing would: challenge)",
            "fields that were not sent, or could not be read: account",
        ] {
            assert!(said.contains(words), "`{words}` is not in\n{said}");
        }
    }

    #[test]
    fn other_records_are_told_as_far_as_they_go() {
        let outcome = json!({
            "id": "01", "at": "x", "event": "$login", "status": "$failed", "moment": "after", "product": "shop",
            "route": "sign-in", "enforced": "forwarded", "outcome": { "rule": "failed[0]", "status": 401, "ms": 12 },
        });
        let told = said(&outcome);
        assert!(told.contains("answered 401 after 12 ms (by failed[0])"), "{told}");
        assert!(!told.contains("decided"), "{told}");
        let settlement = json!({
            "id": "01", "at": "x", "event": "$checkout", "status": "$reversed", "moment": "after", "product": "shop",
            "settlement": { "order": "0909", "by": "route", "route": "provider-failed" },
        });
        let told = said(&settlement);
        assert!(
            told.contains("went back (reversed), says a request on the route `provider-failed`; order 0909"),
            "{told}"
        );
        let label = json!({
            "id": "01", "at": "2026-11-23T10:00:00.000Z", "event": "$login", "status": "$labelled", "moment": "before",
            "product": "shop", "route": "sign-in", "enforced": "forwarded",
            "label": {
                "verdict": "fraud", "bad": true, "as": ["bot", "account_takeover"], "note": "called us", "by": "anna",
                "decided_at": "2026-11-22T09:00:00.000Z", "instead_of": "right",
            },
        });
        let told = said(&label);
        let line = "labelled fraud (bad: bot, account_takeover) at 2026-11-23T10:00:00.000Z by anna, instead of right: \"called us\"";
        assert!(told.contains("01 at 2026-11-22T09:00:00.000Z") && told.contains(line), "{told}");
        let refused = json!({ "id": "01", "moment": "before", "enforced": "refused:too_large" });
        assert!(said(&refused).contains("refused before it could be judged: too large"));
    }
}
