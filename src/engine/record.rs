//! The decision record: the one public shape of a decision, everywhere.
//!
//! Log, API, dashboard and events all print these types, so that whoever learnt one of them knows the others. Field
//! names, their order and their nesting are a contract: fields are added, never renamed or dropped, and a value that
//! is not to be had is `null` or empty, not left out. Records borrow what they show; a sink that keeps one keeps its
//! line.

mod settlement;

pub use settlement::{Settlement, SettlementRecord, status as settlement_status};

use super::assessment::{Assessment, Model, ScoreName, Severity};
use super::attempt::{Attempt, AttemptId, Field, Pseudonym, RequestFacts};
use super::clearance::ChallengeKind;
use super::decision::{Action, BanFate, BanOrder, Decision};
use super::evidence::Evidence;
use super::exploration::Explored;
use super::outcome::{Outcome, OutcomeRule};
use super::policy::{Policy, two_decimals};
use super::signals::{Findings, Reading, SIGNALS, SignalId};
use super::time::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::fmt;
use std::net::IpAddr;

/// What was really done with a request, or with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Enforcement {
    Forwarded,
    Challenged,
    Denied,
    /// A held answer, after its challenge.
    Released,
    /// Forwarded, where enforcing would have done this.
    Monitored(Action),
    /// Refused before it could be judged, and why: `too_large`, `unreadable`, `timeout`, `framing`.
    Refused(&'static str),
    /// Forwarded without being judged, because the operator said so, and why it could not be.
    Unscored(&'static str),
}

/// As published in `enforced`.
impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Enforcement::Forwarded => f.write_str("forwarded"),
            Enforcement::Challenged => f.write_str("challenged"),
            Enforcement::Denied => f.write_str("denied"),
            Enforcement::Released => f.write_str("released"),
            Enforcement::Monitored(action) => write!(f, "monitored:{}", action.name()),
            Enforcement::Refused(why) => write!(f, "refused:{why}"),
            Enforcement::Unscored(why) => write!(f, "unscored:{why}"),
        }
    }
}

impl Serialize for Enforcement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Enforcement::Forwarded => serializer.serialize_str("forwarded"),
            Enforcement::Challenged
            | Enforcement::Denied
            | Enforcement::Released
            | Enforcement::Monitored(_)
            | Enforcement::Refused(_)
            | Enforcement::Unscored(_) => serializer.collect_str(self),
        }
    }
}

/// What every record of one configuration says alike.
#[derive(Clone, Copy, Debug)]
pub struct RecordContext<'a> {
    pub product: &'a str,
    /// `enforce` or `monitor`, as it was for this attempt.
    pub mode: &'static str,
    /// The configuration's hash.
    pub config: &'a str,
    /// Of this program.
    pub version: &'static str,
}

/// One judgement. With [`DecisionRecord::answered`] also the second record of an attempt, whose answer was judged.
#[derive(Debug, Serialize)]
pub struct DecisionRecord<'a> {
    id: AttemptId,
    at: Timestamp,
    event: Published<'a>,
    status: &'static str,
    moment: &'static str,
    product: &'a str,
    route: &'a str,
    risk: f64,
    account_abuse: f64,
    account_takeover: f64,
    bot: f64,
    risk_low: f64,
    risk_high: f64,
    signals: Vec<&'static str>,
    blind: Vec<&'static str>,
    evidence: EvidenceMap<'a>,
    contributions: Contributions,
    policy: PolicyPart<'a>,
    enforced: Enforcement,
    mode: &'static str,
    severity: &'static str,
    campaign: Option<AttemptId>,
    /// Challenges solved for this very attempt.
    cleared: Vec<&'static str>,
    user: UserPart<'a>,
    client: ClientPart<'a>,
    device: DevicePart<'a>,
    request: RequestPart<'a>,
    missing: &'a [Field],
    degraded: &'a [&'static str],
    config: &'a str,
    version: &'static str,
    latency_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<OutcomePart>,
    /// Only where it was let pass by lot.
    #[serde(skip_serializing_if = "Option::is_none")]
    explored: Option<ExploredPart>,
}

impl<'a> DecisionRecord<'a> {
    /// `latency_us`: what the gate added up to this decision, in microseconds.
    pub fn new(
        evidence: &'a Evidence,
        decision: &'a Decision,
        policy: &Policy,
        enforced: Enforcement,
        latency_us: u64,
        context: RecordContext<'a>,
    ) -> DecisionRecord<'a> {
        let contributions = Contributions::of(&decision.assessment, &policy.model);
        let name = |id: SignalId| SIGNALS.get(usize::from(id.0)).map_or("", |signal| signal.name);
        DecisionRecord::with(evidence, decision, contributions, name, enforced, latency_us, context)
    }

    fn with(
        evidence: &'a Evidence,
        decision: &'a Decision,
        contributions: Contributions,
        name: impl Fn(SignalId) -> &'static str,
        enforced: Enforcement,
        latency_us: u64,
        context: RecordContext<'a>,
    ) -> DecisionRecord<'a> {
        let Evidence { attempt, intel, .. } = evidence;
        let Decision { moment, assessment, policy, ruling, ban, explored } = decision;
        let scores = assessment.scores;
        let findings = assessment.readings.iter().filter_map(|(id, reading)| match reading {
            Reading::Fired(findings) | Reading::Weighed { findings, .. } => Some((name(*id), findings)),
            Reading::Quiet | Reading::Blind => None,
        });
        DecisionRecord {
            id: attempt.id,
            at: attempt.at,
            event: Published(attempt),
            status: "$attempted",
            moment: moment.name(),
            product: context.product,
            route: &attempt.route,
            risk: two_decimals(scores.risk),
            account_abuse: two_decimals(scores.account_abuse),
            account_takeover: two_decimals(scores.account_takeover),
            bot: two_decimals(scores.bot),
            risk_low: two_decimals(scores.risk_low),
            risk_high: two_decimals(scores.risk_high),
            signals: assessment.fired.iter().map(&name).collect(),
            blind: assessment.blind.iter().map(&name).collect(),
            evidence: EvidenceMap(findings.collect()),
            contributions,
            policy: PolicyPart {
                name: policy,
                rule: ruling.rule.as_deref(),
                action: ruling.action.name(),
                challenge: match ruling.action {
                    Action::Challenge(kind) => Some(kind.name()),
                    Action::Allow | Action::Deny => None,
                },
                ban: ruling.ban.map(|order| BanPart::of(order, *ban)),
            },
            enforced,
            mode: context.mode,
            severity: match ruling.action {
                Action::Allow => "",
                Action::Challenge(_) | Action::Deny => Severity::of(two_decimals(scores.risk)).name(),
            },
            campaign: evidence.any_campaign().map(|matched| matched.campaign.id),
            cleared: evidence.clearance.kinds().map(ChallengeKind::name).collect(),
            user: UserPart::of(attempt),
            client: ClientPart {
                country: intel.country.as_ref().map(|country| country.as_str()),
                asn: intel.asn,
                org: intel.org.as_deref(),
            },
            device: DevicePart {
                device_id: attempt.device.id,
                since: attempt.device.issued,
                copied: evidence.history.as_ref().is_some_and(|history| history.holder.is_some_and(|h| h.copied)),
                fingerprint: Some(Fingerprint(attempt.device.fingerprint)),
                name: &attempt.device.agent.name,
                ip: attempt.client.ip,
                location: intel.location.as_deref(),
            },
            request: RequestPart::of(&attempt.request),
            missing: &attempt.missing,
            degraded: &evidence.degraded,
            config: context.config,
            version: context.version,
            latency_us,
            outcome: None,
            explored: explored.map(ExploredPart::from),
        }
    }

    /// The same attempt's second record: its answer arrived at `at`, said `outcome`, and was judged.
    pub fn answered(self, at: Timestamp, outcome: Outcome, answer: Answer) -> DecisionRecord<'a> {
        DecisionRecord { at, status: outcome.status(), moment: "after", outcome: Some(answer.into()), ..self }
    }

    /// One line of JSON, without its end.
    pub fn line(&self) -> String {
        line(self)
    }
}

/// What the upstream answered.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The rule that told the outcome.
    pub rule: Option<OutcomeRule>,
    /// `None`: no answer came.
    pub status: Option<u16>,
    /// From forwarding the request to the answer's head, in milliseconds.
    pub ms: u64,
}

/// The second record of an attempt whose answer was not judged.
#[derive(Debug, Serialize)]
pub struct OutcomeRecord<'a> {
    id: AttemptId,
    at: Timestamp,
    event: Published<'a>,
    status: &'static str,
    moment: &'static str,
    product: &'a str,
    route: &'a str,
    enforced: Enforcement,
    mode: &'static str,
    user: UserPart<'a>,
    config: &'a str,
    version: &'static str,
    outcome: OutcomePart,
}

impl<'a> OutcomeRecord<'a> {
    /// `at`: when the answer arrived; `enforced`: what was done with it.
    pub fn new(
        attempt: &'a Attempt,
        at: Timestamp,
        outcome: Outcome,
        answer: Answer,
        enforced: Enforcement,
        context: RecordContext<'a>,
    ) -> OutcomeRecord<'a> {
        OutcomeRecord {
            id: attempt.id,
            at,
            event: Published(attempt),
            status: outcome.status(),
            moment: "after",
            product: context.product,
            route: &attempt.route,
            enforced,
            mode: context.mode,
            user: UserPart::of(attempt),
            config: context.config,
            version: context.version,
            outcome: answer.into(),
        }
    }

    /// One line of JSON, without its end.
    pub fn line(&self) -> String {
        line(self)
    }
}

/// A request that a route recognised and that was refused before it could be judged. It has no scores: nothing was
/// read that could be scored.
#[derive(Debug, Serialize)]
pub struct RefusalRecord<'a> {
    id: AttemptId,
    at: Timestamp,
    event: String,
    status: &'static str,
    moment: &'static str,
    product: &'a str,
    route: &'a str,
    enforced: Enforcement,
    mode: &'static str,
    client: ClientPart<'a>,
    device: DevicePart<'a>,
    request: RequestPart<'a>,
    config: &'a str,
    version: &'static str,
}

/// What a [`RefusalRecord`] is made from: the attempt that never became one.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    pub id: AttemptId,
    pub at: Timestamp,
    pub event: &'a super::event::Event,
    pub route: &'a str,
    pub ip: IpAddr,
    /// What the client calls itself, in short: `Chrome on Windows`, `curl`; empty without a User-Agent.
    pub device: &'a str,
    pub request: &'a RequestFacts,
    /// [`Enforcement::Refused`] or [`Enforcement::Unscored`].
    pub enforced: Enforcement,
}

impl<'a> RefusalRecord<'a> {
    pub fn new(refusal: Refusal<'a>, context: RecordContext<'a>) -> RefusalRecord<'a> {
        RefusalRecord {
            id: refusal.id,
            at: refusal.at,
            event: refusal.event.to_string(),
            status: "$attempted",
            moment: "before",
            product: context.product,
            route: refusal.route,
            enforced: refusal.enforced,
            mode: context.mode,
            // Nobody is asked about a client that is refused.
            client: ClientPart { country: None, asn: None, org: None },
            device: DevicePart {
                device_id: None,
                since: None,
                copied: false,
                fingerprint: None,
                name: refusal.device,
                ip: refusal.ip,
                location: None,
            },
            request: RequestPart::of(refusal.request),
            config: context.config,
            version: context.version,
        }
    }

    /// One line of JSON, without its end.
    pub fn line(&self) -> String {
        line(self)
    }
}

/// Log-odds by contributor, for the three models that have some: the intercept, then what is not zero.
#[derive(Clone, Debug, Default)]
pub struct Contributions([Vec<(&'static str, f64)>; 3]);

impl Contributions {
    pub fn of(assessment: &Assessment, model: &Model) -> Contributions {
        let of = |score| assessment.contributions(model, score);
        Contributions([of(ScoreName::Bot), of(ScoreName::AccountTakeover), of(ScoreName::AccountAbuse)])
    }
}

impl Serialize for Contributions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        for (name, parts) in ["bot", "account_takeover", "account_abuse"].into_iter().zip(&self.0) {
            map.serialize_entry(name, &Shares(parts))?;
        }
        map.end()
    }
}

struct Shares<'c>(&'c [(&'static str, f64)]);

impl Serialize for Shares<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = self.0.iter().filter(|(name, share)| *name == "intercept" || *share != 0.0);
        // Four decimals: enough to add up by hand to the printed score.
        serializer.collect_map(shown.map(|(name, share)| (name, (share * 1e4).round() / 1e4)))
    }
}

/// The event's published name.
#[derive(Debug)]
struct Published<'a>(&'a Attempt);

impl Serialize for Published<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.event.published())
    }
}

/// Findings by signal, in the order of the table.
#[derive(Debug)]
struct EvidenceMap<'a>(Vec<(&'static str, &'a Findings)>);

impl Serialize for EvidenceMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(signal, findings)| (signal, FindingMap(findings))))
    }
}

struct FindingMap<'a>(&'a Findings);

impl Serialize for FindingMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.0.iter().map(|(name, finding)| (name, finding)))
    }
}

#[derive(Debug, Serialize)]
struct PolicyPart<'a> {
    name: &'a str,
    rule: Option<&'a str>,
    action: &'static str,
    challenge: Option<&'static str>,
    ban: Option<BanPart>,
}

/// What the rule bans beside, and what became of that.
#[derive(Debug, Serialize)]
struct BanPart {
    of: &'static str,
    /// `banned`, `monitored` (it would have been), or why not; `ordered` where nobody carries it out.
    result: &'static str,
    until: Option<Timestamp>,
    /// How many there were in a row, this one included.
    times: Option<u32>,
}

impl BanPart {
    fn of(order: BanOrder, fate: Option<BanFate>) -> BanPart {
        let (until, times) = match fate {
            Some(BanFate::Banned { until, times } | BanFate::Monitored { until, times }) => (Some(until), Some(times)),
            Some(BanFate::Spared(_)) | None => (None, None),
        };
        BanPart { of: order.of.name(), result: fate.map_or("ordered", BanFate::name), until, times }
    }
}

/// That an attempt was let pass by lot: the chance that it had, and what would have been done.
#[derive(Debug, Serialize)]
struct ExploredPart {
    probability: f64,
    would: &'static str,
}

impl From<Explored> for ExploredPart {
    fn from(Explored { probability, would }: Explored) -> ExploredPart {
        ExploredPart { probability, would: would.name() }
    }
}

#[derive(Debug, Serialize)]
struct UserPart<'a> {
    user_id: Option<Pseudonym>,
    email_domain: Option<&'a str>,
    /// Only where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_relay: Option<&'static str>,
}

impl<'a> UserPart<'a> {
    fn of(attempt: &'a Attempt) -> UserPart<'a> {
        let email = attempt.identity.email.as_ref();
        let email_domain = email.map(|email| &*email.domain).filter(|domain| !domain.is_empty());
        UserPart { user_id: attempt.identity.account, email_domain, email_relay: email.and_then(|email| email.relay) }
    }
}

#[derive(Debug, Serialize)]
struct ClientPart<'a> {
    country: Option<&'a str>,
    asn: Option<u32>,
    org: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct DevicePart<'a> {
    device_id: Option<Pseudonym>,
    /// Only where there is a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    copied: bool,
    /// As `explain` and lists have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Fingerprint>,
    name: &'a str,
    ip: IpAddr,
    location: Option<&'a str>,
}

/// Sixteen hexadecimal digits: a number of 64 bits is more than JSON's readers can hold.
#[derive(Clone, Copy, Debug)]
struct Fingerprint(u64);

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

#[derive(Debug, Serialize)]
struct RequestPart<'a> {
    method: &'a str,
    host: &'a str,
    path: &'a str,
    http: &'static str,
    bytes: u64,
}

impl<'a> RequestPart<'a> {
    fn of(request: &'a RequestFacts) -> RequestPart<'a> {
        let RequestFacts { method, host, path, http, bytes } = request;
        RequestPart { method, host, path, http, bytes: *bytes }
    }
}

#[derive(Debug, Serialize)]
struct OutcomePart {
    rule: Option<String>,
    status: Option<u16>,
    ms: u64,
}

impl From<Answer> for OutcomePart {
    fn from(answer: Answer) -> OutcomePart {
        OutcomePart { rule: answer.rule.map(|rule| rule.to_string()), status: answer.status, ms: answer.ms }
    }
}

/// JSON escapes every control character, so that no value can begin a line of its own.
fn line(record: &impl Serialize) -> String {
    // Room for nearly every record: growing into it by doubling costs a tenth of writing it.
    let mut line = Vec::with_capacity(1536);
    // Nothing in these types can fail: keys are texts, and numbers that are none print as null.
    match serde_json::to_writer(&mut line, record) {
        Ok(()) => String::from_utf8(line).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests;
