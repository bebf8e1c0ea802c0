//! The mirror of the file, key for key, and nothing else: no defaults, no ranges, no cross-references, no behaviour.
//!
//! Private to `config`. Every field is a [`Slot`], so a value knows its place and may be bad alone. The doc comments
//! speak to the operator: they become the schema's descriptions.

mod admin;
mod ban;
mod body;
mod email;
mod list;
mod passwords;
mod store;

pub(super) use admin::Admin;
pub(super) use ban::{Ban, BanKeys};
pub(super) use body::{Body, BodyFile};
pub(super) use email::{Email, MailDns};
pub(super) use list::{EffectName, List};
pub(super) use passwords::{PasswordRange, Passwords};
pub(super) use store::{Store, StoreKind, TokensName};

use super::slot::{Anything, Many, Pairs, Slot};
use schemars::JsonSchema;
use serde::Deserialize;

/// A duration as written: `250ms`, `10s`, `5m`, `7d`.
#[derive(Debug, Deserialize)]
pub(super) struct Period(pub String);

/// A share as written: `0.5%`.
#[derive(Debug, Deserialize)]
pub(super) struct Share(pub String);

/// A size as written: `64KiB`.
#[derive(Debug, Deserialize)]
pub(super) struct ByteSize(pub String);

/// The whole file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["version", "mode", "listen", "upstream", "routes"])))]
pub(super) struct File {
    /// Version of this format: 1.
    #[schemars(extend("minimum" = 1, "maximum" = 1, "examples" = serde_json::json!([1])))]
    pub version: Slot<u64>,
    /// Names this application in records and events.
    #[schemars(extend("default" = "default", "examples" = serde_json::json!(["shop"])))]
    pub product: Slot<String>,
    /// `enforce` carries decisions out; `monitor` decides and records, and forwards everything. There is no default,
    /// so that nobody blocks, or fails to block, by accident. `monitor` here wins over the mode of a policy.
    pub mode: Slot<ModeName>,
    /// Where the gate keeps its keys; made on first start (0600), shared by a fleet. Losing it forgets every account.
    #[schemars(extend("default" = "/var/lib/tollgate/secret"))]
    pub secret_file: Slot<String>,
    /// Addresses that visitors connect to.
    pub listen: Slot<Vec<Slot<Listen>>>,
    /// The application behind the gate; or a list of applications by `hosts`, of which the one without is the default.
    pub upstream: Slot<Many<Upstream>>,
    /// Where a visitor's address is read from. Without this it is the connection's peer.
    pub client_ip: Slot<ClientIp>,
    /// How the application's logins, registrations and the like are recognised. Routes with more conditions are tried
    /// first, then those further up.
    pub routes: Slot<Vec<Slot<Route>>>,
    /// Rules by name; routes choose one with `policy`.
    pub policies: Slot<Pairs<Policy>>,
    /// Parameters and weights by signal, all optional.
    pub signals: Slot<Anything>,
    /// The operator's own lists by name; rules ask `listed.<name>`.
    pub lists: Slot<Pairs<List>>,
    /// Databases and lists on top of what is embedded.
    pub intel: Slot<Intel>,
    /// What is asked of others about e-mail addresses.
    pub email: Slot<Email>,
    /// Where history lives.
    pub store: Slot<Store>,
    /// How challenges are set.
    pub challenge: Slot<Challenge>,
    /// Device recognition.
    pub device: Slot<Device>,
    /// Where decision records are written, as JSON lines; without this they are not.
    pub decision_log: Slot<DecisionLog>,
    /// The listener for metrics, health and the admin API; without this there is none.
    pub admin: Slot<Admin>,
    /// How changes of this file, and of the files it names, come into force.
    pub reload: Slot<Reload>,
    /// Bounds on memory, time and connections.
    pub limits: Slot<Limits>,
    /// The form of the process's own log: `text` or `json`.
    #[schemars(extend("default" = "text"))]
    pub log: Slot<LogName>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ModeName {
    Enforce,
    Monitor,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LogName {
    Text,
    Json,
}

/// One address that visitors connect to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["address"])))]
pub(super) struct Listen {
    /// An IP address and a port.
    #[schemars(extend("examples" = serde_json::json!(["0.0.0.0:8080", "[::]:8080"])))]
    pub address: Slot<String>,
    /// Certificate and key; without it the listener speaks plain HTTP. HTTP/2 is offered by ALPN.
    pub tls: Slot<Tls>,
    /// Whether a PROXY protocol header is expected. `true` is not available yet.
    #[schemars(extend("default" = false))]
    pub proxy_protocol: Slot<bool>,
}

/// Certificate and key.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["certificate", "key"])))]
pub(super) struct Tls {
    /// PEM file with the chain.
    #[schemars(extend("examples" = serde_json::json!(["/etc/tollgate/site.crt"])))]
    pub certificate: Slot<String>,
    /// PEM file with the private key.
    #[schemars(extend("examples" = serde_json::json!(["/etc/tollgate/site.key"])))]
    pub key: Slot<String>,
}

/// One application behind the gate.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["servers"])))]
pub(super) struct Upstream {
    /// Host globs that this entry serves; the one without is the default.
    #[schemars(extend("examples" = serde_json::json!([["api.shop.example"]])))]
    pub hosts: Slot<Many<String>>,
    /// `host:port`, or `https://host:port`; several are balanced.
    #[schemars(extend("examples" = serde_json::json!([["127.0.0.1:9000"]])))]
    pub servers: Slot<Many<String>>,
    /// `preserve`, or a fixed `Host` header.
    #[schemars(extend("default" = "preserve"))]
    pub host: Slot<String>,
    /// How long the gate waits for the application.
    pub timeouts: Slot<Timeouts>,
    /// TCP health checks, of a single server too: a dead one is named in `/readyz` and not asked while another lives.
    pub health: Slot<Health>,
    /// Whether certificates of `https://` servers are verified.
    #[schemars(extend("default" = true))]
    pub verify: Slot<bool>,
}

/// How long the gate waits for an application.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Timeouts {
    /// To connect.
    #[schemars(extend("default" = "2s"))]
    pub connect: Slot<Period>,
    /// Between two reads of an answer.
    #[schemars(extend("default" = "60s"))]
    pub read: Slot<Period>,
    /// Between two writes of a request.
    #[schemars(extend("default" = "60s"))]
    pub write: Slot<Period>,
    /// How long a pooled connection may idle: below the application's own keep-alive (gunicorn 2s, Node 5s).
    #[schemars(extend("default" = "1s"))]
    pub idle: Slot<Period>,
}

/// TCP health checks.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Health {
    /// Time between two checks of a server.
    #[schemars(extend("default" = "5s"))]
    pub interval: Slot<Period>,
    /// At most the interval.
    #[schemars(extend("default" = "1s"))]
    pub timeout: Slot<Period>,
}

/// Where a visitor's address is read from.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["trusted_proxies"])))]
pub(super) struct ClientIp {
    /// Networks whose header is believed.
    #[schemars(extend("examples" = serde_json::json!([["10.0.0.0/8"]])))]
    pub trusted_proxies: Slot<Many<String>>,
    /// `x-forwarded-for`, `forwarded`, or a header that carries one address. Counted from the right.
    #[schemars(extend("default" = "x-forwarded-for", "examples" = serde_json::json!(["x-real-ip", "cf-connecting-ip"])))]
    pub header: Slot<String>,
}

/// How one event is recognised and read, and which policy rules.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["name", "event", "match"])))]
pub(super) struct Route {
    /// Names the route in records, headers and metrics.
    #[schemars(extend("examples" = serde_json::json!(["sign-in"])))]
    pub name: Slot<String>,
    /// What kind of moment this is: a known event, or your own as `custom:<name>`.
    #[schemars(extend("examples" = serde_json::json!(["login"])))]
    pub event: Slot<String>,
    /// Conditions that must all hold.
    #[serde(rename = "match")]
    #[schemars(extend("examples" = serde_json::json!([{"method": "POST", "path": "/login"}])))]
    pub matching: Slot<Match>,
    /// Where the request's fields are: `place:name`, or a list of which the first that is present is taken.
    #[schemars(extend("examples" = serde_json::json!([{"account": "form:login", "password": "form:password"}])))]
    pub fields: Slot<Pairs<Many<String>>>,
    /// How the application's answer is read: `pending` is tried first, then `succeeded`, then `failed`.
    #[schemars(extend("examples" = serde_json::json!([{"succeeded": [{"status": 302}], "failed": [{"status": 200}]}])))]
    pub outcome: Slot<Outcome>,
    /// What becomes of a body above `limits.body`: `413`, or `forward_unscored`.
    #[schemars(extend("default" = "413"))]
    pub too_large: Slot<TooLargeName>,
    /// What becomes of a body that cannot be read: `400`, or `forward_unscored`.
    #[schemars(extend("default" = "400"))]
    pub unreadable: Slot<UnreadableName>,
    /// What becomes of a request that two servers could read differently: `deny`, or `flag` (the policy sees
    /// `fired.ambiguous_request`).
    #[schemars(extend("default" = "deny"))]
    pub ambiguous: Slot<AmbiguousName>,
    /// How one account is told from another.
    pub identity: Slot<Identity>,
    /// Name of the policy that rules; `standard` is the built-in one.
    #[schemars(extend("default" = "standard"))]
    pub policy: Slot<String>,
    /// Where the form is shown, as globs; the first is where people are sent back to.
    #[schemars(extend("examples" = serde_json::json!([["/login"]])))]
    pub pages: Slot<Many<String>>,
    /// A text field of the form that people never see: `place:name`, or a list. A program fills it in (`bot_behavior`).
    #[schemars(extend("examples" = serde_json::json!(["form:website"])))]
    pub trap: Slot<Many<String>>,
    /// What the field `amount` counts: the currency's own units (`units`: 19.99), or its smallest (`minor`: 1999 cents).
    #[schemars(extend("default" = "units"))]
    pub amounts: Slot<AmountsName>,
    /// What a request of the event `settlement` says of the order in its field `order`, if the application accepts it: the money
    /// came (`settled`, also without the key), or did not come or went back (`reversed`).
    #[schemars(extend("examples" = serde_json::json!(["reversed"])))]
    pub settles: Slot<SettlesName>,
}

/// The conditions of a route; exactly one of the four paths.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Match {
    /// One method or several; any without it.
    #[schemars(extend("examples" = serde_json::json!(["POST"])))]
    pub method: Slot<Many<String>>,
    /// The whole path.
    #[schemars(extend("examples" = serde_json::json!(["/login"])))]
    pub path: Slot<String>,
    /// The path begins with this.
    #[schemars(extend("examples" = serde_json::json!(["/checkout/"])))]
    pub path_prefix: Slot<String>,
    /// The whole path as a glob.
    #[schemars(extend("examples" = serde_json::json!(["/*/login"])))]
    pub path_glob: Slot<String>,
    /// The whole path as a regular expression.
    #[schemars(extend("examples" = serde_json::json!(["/v[0-9]+/session"])))]
    pub path_regex: Slot<String>,
    /// Host globs.
    #[schemars(extend("examples" = serde_json::json!([["shop.example", "*.shop.example"]])))]
    pub host: Slot<Many<String>>,
    /// Values of the query by name. `!` excludes, `~` is absence.
    #[schemars(extend("examples" = serde_json::json!([{"action": ["!register"]}])))]
    pub query: Slot<Pairs<Many<String>>>,
    /// Values of the form by name.
    pub form: Slot<Pairs<Many<String>>>,
    /// Values of query or form by name.
    pub param: Slot<Pairs<Many<String>>>,
    /// Values of a JSON body by JSON Pointer.
    #[schemars(extend("examples" = serde_json::json!([{"/kind": "login"}])))]
    pub json: Slot<Pairs<Many<String>>>,
    /// Headers of the request, by name.
    #[schemars(extend("examples" = serde_json::json!([{"authorization": "Basic *"}])))]
    pub header: Slot<Pairs<Many<String>>>,
}

/// How a route's answers are read.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Outcome {
    /// The application asks for a second step of its own.
    pub pending: Slot<Many<Answer>>,
    /// The attempt succeeded.
    pub succeeded: Slot<Many<Answer>>,
    /// The attempt failed.
    pub failed: Slot<Many<Answer>>,
}

/// Conditions over the application's answer; all must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Answer {
    /// Any of these, 200 to 599.
    #[schemars(extend("examples" = serde_json::json!([[302, 303]])))]
    pub status: Slot<Many<u64>>,
    /// Globs over `Location`.
    #[schemars(extend("examples" = serde_json::json!(["!*/2fa/*"])))]
    pub location: Slot<Many<String>>,
    /// Globs over the names of cookies that are set; a deletion sets nothing.
    #[schemars(extend("examples" = serde_json::json!(["session*"])))]
    pub set_cookie: Slot<Many<String>>,
    /// Globs over other headers by name.
    pub header: Slot<Pairs<Many<String>>>,
    /// Texts of which any occurs in the first 64 KiB of the body.
    pub body_contains: Slot<Many<String>>,
    /// Globs over values of a JSON body by JSON Pointer.
    #[schemars(extend("examples" = serde_json::json!([{"/error": "*"}])))]
    pub json: Slot<Pairs<Many<String>>>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub(super) enum TooLargeName {
    #[serde(rename = "413")]
    Refuse,
    #[serde(rename = "forward_unscored")]
    ForwardUnscored,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub(super) enum UnreadableName {
    #[serde(rename = "400")]
    Refuse,
    #[serde(rename = "forward_unscored")]
    ForwardUnscored,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AmbiguousName {
    Deny,
    Flag,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AmountsName {
    Units,
    Minor,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SettlesName {
    Settled,
    Reversed,
}

/// How one account is told from another.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Identity {
    /// `fold`, or `keep`: upper and lower case are different accounts.
    #[schemars(extend("default" = "fold"))]
    pub case: Slot<CaseName>,
    /// `merge`, or `keep`: whether dots, tags and googlemail.com name one mailbox.
    #[schemars(extend("default" = "merge"))]
    pub gmail: Slot<GmailName>,
    /// `keep`, or `strip`: `name+tag@…` is `name@…` at every provider.
    #[schemars(extend("default" = "keep"))]
    pub tags: Slot<TagsName>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CaseName {
    Fold,
    Keep,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum GmailName {
    Merge,
    Keep,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TagsName {
    Keep,
    Strip,
}

/// Rules, and what a denial answers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Policy {
    /// Of this policy alone; the gate's `monitor` wins.
    #[schemars(extend("default" = "enforce"))]
    pub mode: Slot<ModeName>,
    /// Before forwarding; the first that matches rules.
    pub rules: Slot<Vec<Slot<Rule>>>,
    /// After the application said yes: who is it? For `login` and `verification` only.
    pub on_success: Slot<Vec<Slot<Rule>>>,
    /// Where none of these decided, while something is degraded (the store is away, a database is unreadable).
    pub when_degraded: Slot<Vec<Slot<Rule>>>,
    /// Where no rule matches.
    #[schemars(extend("default" = "allow"))]
    pub otherwise: Slot<ActionName>,
    /// What is answered on a denial.
    pub deny: Slot<Deny>,
    /// How many of the challenges before forwarding are let pass by lot, to learn what they were: up to 5%. Never a denial, and
    /// nothing after a login succeeded.
    #[schemars(extend("default" = "0%", "examples" = serde_json::json!(["1%"])))]
    pub explore: Slot<Share>,
}

/// One rule.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["name", "when", "action"])))]
pub(super) struct Rule {
    /// Records name the rule that decided.
    #[schemars(extend("examples" = serde_json::json!(["stuffing"])))]
    pub name: Slot<String>,
    /// A CEL expression over the variables of the README.
    #[schemars(extend("examples" = serde_json::json!(["fired.credential_stuffing && bot >= 60"])))]
    pub when: Slot<String>,
    /// What is done.
    pub action: Slot<ActionName>,
    /// Which challenge, for `action: challenge`; `challenge.default` without it.
    pub challenge: Slot<ChallengeName>,
    /// Whom the rule bans beside, for `action: deny`: a duration (`15m`: the address), or `{ for, of, grow, most }`.
    #[schemars(extend("examples" = serde_json::json!(["15m"])))]
    pub ban: Slot<Ban>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum ActionName {
    Allow,
    Challenge,
    Deny,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChallengeName {
    ProofOfWork,
}

/// What is answered on a denial.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Deny {
    /// Status, 400 to 599.
    #[schemars(extend("default" = 403, "minimum" = 400, "maximum" = 599))]
    pub respond: Slot<u64>,
    /// Page for people: inline, or `{ file: sorry.html }`.
    pub html: Slot<Body>,
    /// Body for programs: inline, or `{ file: sorry.json }`.
    pub json: Slot<Body>,
    /// Instead of an answer: `page` (where the form is shown), a path on this site, or an absolute URL.
    #[schemars(extend("examples" = serde_json::json!(["page", "/sorry"])))]
    pub redirect: Slot<String>,
}

/// Files of intelligence.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Intel {
    /// MaxMind database of countries.
    pub country: Slot<String>,
    /// MaxMind database of cities.
    pub city: Slot<String>,
    /// MaxMind database of networks.
    pub asn: Slot<String>,
    /// MaxMind database of anonymisers.
    pub anonymous: Slot<String>,
    /// Addresses and CIDR ranges of Tor exits, one a line.
    pub tor_exit: Slot<String>,
    /// Addresses and CIDR ranges of VPNs, one a line.
    pub vpn: Slot<String>,
    /// Addresses and CIDR ranges of data centres, one a line.
    pub datacenter: Slot<String>,
    /// Addresses and CIDR ranges of proxies that let anybody out, one a line.
    pub proxy: Slot<String>,
    /// Disposable e-mail domains, one a line; `!domain` takes one off the embedded list.
    pub disposable: Slot<String>,
    /// Leaked passwords on top of the commonest, which are embedded.
    pub passwords: Slot<Passwords>,
}

/// How challenges are set.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Challenge {
    /// Used where a rule names no kind.
    #[schemars(extend("default" = "proof_of_work"))]
    pub default: Slot<ChallengeName>,
    /// The proof of work.
    pub proof_of_work: Slot<ProofOfWork>,
    /// How long a visitor has to solve, and a held answer to be released.
    #[schemars(extend("default" = "5m"))]
    pub ticket_lifetime: Slot<Period>,
    /// How long a clearance may be used after the solution.
    #[schemars(extend("default" = "5m"))]
    pub clearance_lifetime: Slot<Period>,
}

/// The proof of work.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct ProofOfWork {
    /// Leading zero bits, 1 to 28; the work doubles with each.
    #[schemars(extend("default" = 16, "minimum" = 1, "maximum" = 28))]
    pub difficulty: Slot<u64>,
}

/// Device recognition.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Device {
    /// Whether the gate gives each browser a cookie by which it knows it again: signed, random, and nothing about the
    /// visitor in it. Without it a device is known by its headers only, which many share.
    #[schemars(extend("default" = true))]
    pub cookie: Slot<bool>,
    /// The cookie's name; over TLS `__Host-` is put before it, unless there is a `domain`.
    #[schemars(extend("default" = "tollgate_device"))]
    pub name: Slot<String>,
    /// How long a browser keeps the cookie after it was given out last; browsers stop at 400 days.
    #[schemars(extend("default" = "400d"))]
    pub max_age: Slot<Period>,
    /// A domain whose hosts share the cookie; without it each host has its own, which no other host can set.
    #[schemars(extend("examples" = serde_json::json!(["shop.example"])))]
    pub domain: Slot<String>,
    /// Whether a script collects device facts on the form's pages. `true` is not available yet.
    #[schemars(extend("default" = false))]
    pub collect: Slot<bool>,
}

/// Where decision records go.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = serde_json::json!(["path"])))]
pub(super) struct DecisionLog {
    /// The file; its directory is made if the one above is there. Reopened on SIGHUP.
    #[schemars(extend("examples" = serde_json::json!(["/var/log/tollgate/decisions.jsonl"])))]
    pub path: Slot<String>,
}

/// When a changed configuration is taken over.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Reload {
    /// Whether the gate looks for changes itself, once a second. SIGHUP and `tollgate reload` always work.
    #[schemars(extend("default" = true))]
    pub watch: Slot<bool>,
}

/// Bounds on memory, time and connections.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Limits {
    /// Largest body held on a protected route; at most 64MiB.
    #[schemars(extend("default" = "1MiB"))]
    pub body: Slot<ByteSize>,
    /// Most bytes held at once over all requests.
    #[schemars(extend("default" = "256MiB"))]
    pub held_total: Slot<ByteSize>,
    /// Largest request head on a protected route.
    #[schemars(extend("default" = "32KiB"))]
    pub header: Slot<ByteSize>,
    /// Time to read a protected request.
    #[schemars(extend("default" = "10s"))]
    pub capture: Slot<Period>,
    /// Time to send one request head.
    #[schemars(extend("default" = "10s"))]
    pub head: Slot<Period>,
    /// How long an idle client connection is kept.
    #[schemars(extend("default" = "60s"))]
    pub client_idle: Slot<Period>,
    /// Most client connections at once.
    #[schemars(extend("default" = 20000, "minimum" = 10, "maximum" = 10000000))]
    pub connections: Slot<u64>,
    /// Time that running requests get at shutdown.
    #[schemars(extend("default" = "30s"))]
    pub grace: Slot<Period>,
    /// Most entries that are added to all lists while the gate runs; half of them are kept for bans.
    #[schemars(extend("default" = 2000000, "minimum" = 1000, "maximum" = 100000000))]
    pub list_entries: Slot<u64>,
    /// After an upgrade: time that the connections of the process before get to end by themselves.
    #[schemars(extend("default" = "10m"))]
    pub drain: Slot<Period>,
    /// Worker threads; one a core without it.
    #[schemars(extend("minimum" = 1, "maximum" = 1024))]
    pub threads: Slot<u64>,
}
