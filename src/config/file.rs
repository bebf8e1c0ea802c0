//! The mirror of the file, key for key, and nothing else: no defaults, no ranges, no cross-references, no behaviour.
//!
//! Private to `config`. Every field is a [`Slot`], so a value knows its place and may be bad alone. The doc comments
//! speak to the operator: they become the schema's descriptions.

use super::slot::{Anything, Many, Pairs, Slot};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::fmt;

/// A duration as written: `250ms`, `10s`, `5m`, `7d`.
#[derive(Debug, Deserialize)]
pub(super) struct Period(pub String);

/// A size as written: `64KiB`.
#[derive(Debug, Deserialize)]
pub(super) struct ByteSize(pub String);

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct File {
    /// Version of this format: 1.
    pub version: Slot<u64>,
    /// Names this application in records and events.
    pub product: Slot<String>,
    /// `enforce` carries decisions out; `monitor` decides and records, and forwards everything.
    pub mode: Slot<ModeName>,
    /// Where the gate keeps its keys; made on first start.
    pub secret_file: Slot<String>,
    /// Addresses that visitors connect to.
    pub listen: Slot<Vec<Slot<Listen>>>,
    /// The application behind the gate, or a list of applications by `hosts`.
    pub upstream: Slot<Many<Upstream>>,
    /// Where the visitor's address is read from.
    pub client_ip: Slot<ClientIp>,
    /// How the application's logins, registrations and the like are recognised.
    pub routes: Slot<Vec<Slot<Route>>>,
    /// Rules by name.
    pub policies: Slot<Pairs<Policy>>,
    /// Parameters and weights by signal.
    pub signals: Slot<Anything>,
    /// The operator's own lists by name.
    pub lists: Slot<Pairs<List>>,
    /// Databases and lists on top of what is embedded.
    pub intel: Slot<Intel>,
    /// Where counters live.
    pub store: Slot<Store>,
    /// How challenges are set.
    pub challenge: Slot<Challenge>,
    /// Device recognition.
    pub device: Slot<Device>,
    /// Where decision records are written.
    pub decision_log: Slot<DecisionLog>,
    /// The listener for metrics and health.
    pub admin: Slot<Admin>,
    /// How changes of this file, and of the files it names, come into force.
    pub reload: Slot<Reload>,
    /// Bounds on memory, time and connections.
    pub limits: Slot<Limits>,
    /// `text` or `json`: the form of the process's own log.
    pub log: Slot<LogName>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ModeName {
    Enforce,
    Monitor,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LogName {
    Text,
    Json,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Listen {
    /// `address:port`.
    pub address: Slot<String>,
    /// Certificate and key; without it the listener speaks plain HTTP.
    pub tls: Slot<Tls>,
    /// Whether a PROXY protocol header is expected.
    pub proxy_protocol: Slot<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tls {
    /// PEM file with the chain.
    pub certificate: Slot<String>,
    /// PEM file with the private key.
    pub key: Slot<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Upstream {
    /// Host globs that this entry serves; the one without is the default.
    pub hosts: Slot<Many<String>>,
    /// `host:port`, or `https://host:port`.
    pub servers: Slot<Many<String>>,
    /// `preserve`, or a fixed `Host`.
    pub host: Slot<String>,
    pub timeouts: Slot<Timeouts>,
    /// TCP health checks.
    pub health: Slot<Health>,
    /// Whether certificates of `https://` servers are verified.
    pub verify: Slot<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Timeouts {
    pub connect: Slot<Period>,
    pub read: Slot<Period>,
    pub write: Slot<Period>,
    /// Below the application's own keep-alive.
    pub idle: Slot<Period>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Health {
    pub interval: Slot<Period>,
    pub timeout: Slot<Period>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ClientIp {
    /// Networks whose header is believed.
    pub trusted_proxies: Slot<Many<String>>,
    /// `x-forwarded-for`, `forwarded`, or a header that carries one address.
    pub header: Slot<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Route {
    /// Names the route in records.
    pub name: Slot<String>,
    /// `login`, `register`, …
    pub event: Slot<String>,
    /// Conditions that must all hold.
    #[serde(rename = "match")]
    pub matching: Slot<Match>,
    /// Where the request's fields are: `account: form:login`.
    pub fields: Slot<Pairs<Many<String>>>,
    /// How the application's answer is read.
    pub outcome: Slot<Outcome>,
    pub too_large: Slot<TooLargeName>,
    pub unreadable: Slot<UnreadableName>,
    pub ambiguous: Slot<AmbiguousName>,
    pub identity: Slot<Identity>,
    /// Name of the policy that rules; otherwise the built-in one does.
    pub policy: Slot<String>,
    /// Where the form is shown.
    pub pages: Slot<Many<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Match {
    pub method: Slot<Many<String>>,
    /// The whole path.
    pub path: Slot<String>,
    pub path_prefix: Slot<String>,
    pub path_glob: Slot<String>,
    pub path_regex: Slot<String>,
    /// Host globs.
    pub host: Slot<Many<String>>,
    pub query: Slot<Pairs<Many<String>>>,
    pub form: Slot<Pairs<Many<String>>>,
    /// Query or form.
    pub param: Slot<Pairs<Many<String>>>,
    /// By JSON Pointer.
    pub json: Slot<Pairs<Many<String>>>,
    /// Headers of the request.
    pub header: Slot<Pairs<Many<String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Outcome {
    pub pending: Slot<Many<Answer>>,
    pub succeeded: Slot<Many<Answer>>,
    pub failed: Slot<Many<Answer>>,
}

/// Conditions over the application's answer; all must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    pub status: Slot<Many<u64>>,
    /// Globs over `Location`.
    pub location: Slot<Many<String>>,
    /// Globs over names of cookies that are set.
    pub set_cookie: Slot<Many<String>>,
    /// Globs over other headers.
    pub header: Slot<Pairs<Many<String>>>,
    /// Texts of which any occurs.
    pub body_contains: Slot<Many<String>>,
    /// Globs by JSON Pointer.
    pub json: Slot<Pairs<Many<String>>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum TooLargeName {
    #[serde(rename = "413")]
    Refuse,
    #[serde(rename = "forward_unscored")]
    ForwardUnscored,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum UnreadableName {
    #[serde(rename = "400")]
    Refuse,
    #[serde(rename = "forward_unscored")]
    ForwardUnscored,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AmbiguousName {
    Deny,
    Flag,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Identity {
    /// `fold` or `keep`.
    pub case: Slot<CaseName>,
    /// `merge` or `keep`: dots, tags and googlemail.com.
    pub gmail: Slot<GmailName>,
    /// `keep` or `strip`: `+tag` at every provider.
    pub tags: Slot<TagsName>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CaseName {
    Fold,
    Keep,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum GmailName {
    Merge,
    Keep,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TagsName {
    Keep,
    Strip,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Policy {
    /// Of this policy alone; the gate's `monitor` wins.
    pub mode: Slot<ModeName>,
    /// Before forwarding; the first that matches rules.
    pub rules: Slot<Vec<Slot<Rule>>>,
    /// After a login succeeded.
    pub on_success: Slot<Vec<Slot<Rule>>>,
    /// Where no rule matches.
    pub otherwise: Slot<ActionName>,
    /// What is answered on a denial.
    pub deny: Slot<Deny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rule {
    pub name: Slot<String>,
    /// A CEL expression.
    pub when: Slot<String>,
    pub action: Slot<ActionName>,
    /// Which challenge, for `action: challenge`.
    pub challenge: Slot<ChallengeName>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum ActionName {
    Allow,
    Challenge,
    Deny,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChallengeName {
    ProofOfWork,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Deny {
    /// Status, 400 to 599.
    pub respond: Slot<u64>,
    /// Page for people: inline, or `{ file: sorry.html }`.
    pub html: Slot<Body>,
    /// Body for programs: inline, or `{ file: sorry.json }`.
    pub json: Slot<Body>,
    /// `page` (where the form is shown), a path on this site, or an absolute URL.
    pub redirect: Slot<String>,
}

/// A body of the operator's.
#[derive(Debug)]
pub(super) enum Body {
    Inline(String),
    File(BodyFile),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct BodyFile {
    pub file: Slot<String>,
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Body, D::Error> {
        struct TextOrFile;
        impl<'de> Visitor<'de> for TextOrFile {
            type Value = Body;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or `{ file: … }`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Body, E> {
                Ok(Body::Inline(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body, A::Error> {
                let mut body = BodyFile::default();
                while let Some((key, value)) = map.next_entry::<String, Slot<String>>()? {
                    if key != "file" {
                        return Err(A::Error::custom(format!("unknown key `{key}`; known here: `file`")));
                    }
                    body.file = value;
                }
                Ok(Body::File(body))
            }
        }
        deserializer.deserialize_any(TextOrFile)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct List {
    pub effect: Slot<EffectName>,
    /// `ip`, `account`, `email`, …
    pub of: Slot<String>,
    /// One entry a line.
    pub file: Slot<String>,
    /// Entries written here.
    pub entries: Slot<Many<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EffectName {
    Allow,
    Deny,
    Note,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Intel {
    pub country: Slot<String>,
    pub city: Slot<String>,
    pub asn: Slot<String>,
    pub anonymous: Slot<String>,
    pub tor_exit: Slot<String>,
    pub vpn: Slot<String>,
    pub datacenter: Slot<String>,
    pub disposable: Slot<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Store {
    pub kind: Slot<StoreKind>,
    /// Most entries of each kind.
    pub entries: Slot<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoreKind {
    Memory,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Challenge {
    /// Used where a rule names no kind.
    pub default: Slot<ChallengeName>,
    pub proof_of_work: Slot<ProofOfWork>,
    /// How long a visitor has to solve, and a held answer to be released.
    pub ticket_lifetime: Slot<Period>,
    /// How long a clearance may be used after the solution.
    pub clearance_lifetime: Slot<Period>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ProofOfWork {
    /// Leading zero bits, 1 to 28.
    pub difficulty: Slot<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Device {
    /// Whether a script collects device facts on the form's pages.
    pub collect: Slot<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DecisionLog {
    pub path: Slot<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Admin {
    pub address: Slot<String>,
    /// File with the token that `tollgate reload` shows; made on first start. Without it nothing can be changed here.
    pub token_file: Slot<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reload {
    /// Whether the gate looks for changes itself, once a second (default true). SIGHUP and `tollgate reload` always work.
    pub watch: Slot<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Limits {
    pub body: Slot<ByteSize>,
    pub held_total: Slot<ByteSize>,
    pub header: Slot<ByteSize>,
    pub capture: Slot<Period>,
    pub head: Slot<Period>,
    pub client_idle: Slot<Period>,
    pub connections: Slot<u64>,
    pub grace: Slot<Period>,
    pub threads: Slot<u64>,
}
