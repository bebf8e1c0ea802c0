//! What the program runs on: the configuration after it was read, checked and resolved. Every module takes its own part
//! of this and none sees the file's mirror; a value that exists here is in range.

mod store;

pub use self::store::{Password, RedisServer, RedisSettings, Store, Tokens};

use crate::engine::attempt::Field;
use crate::engine::clearance::ChallengeKind;
use crate::engine::event::Event;
use crate::engine::evidence::ListEffect;
use crate::engine::exploration::Exploration;
use crate::engine::outcome::OutcomeRules;
use crate::engine::pattern::{Glob, Globs};
use crate::engine::policy::Policy;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One resolved configuration. Immutable; a request holds one `Arc` of it from its first byte to its last.
#[derive(Debug)]
pub struct Settings {
    /// Names this application in records and events.
    pub product: Arc<str>,
    pub mode: Mode,
    pub secret_file: PathBuf,
    pub listen: Vec<Listener>,
    /// Never empty; exactly one entry has no `hosts` and is the default.
    pub upstreams: Vec<Upstream>,
    pub client_ip: ClientIp,
    pub routes: Vec<Arc<Route>>,
    pub lists: Vec<ListSource>,
    pub intel: IntelFiles,
    /// `None`: no domain is looked up.
    pub mail_dns: Option<MailDns>,
    pub store: Store,
    pub challenge: Challenges,
    /// `None`: the gate gives out no device cookie and reads none.
    pub device_cookie: Option<DeviceCookie>,
    pub decision_log: Option<DecisionLog>,
    pub admin: Admin,
    pub limits: Limits,
    pub reload: Reload,
    pub log: Log,
    /// First 12 hex digits of SHA-256 over the file as read: `config` in the record.
    pub hash: Arc<str>,
    /// The file's text.
    pub source: Source,
}

/// A configuration's text. It may hold secrets, and is printed nowhere but by [`show`](super::show()), which masks them.
#[derive(Clone)]
pub struct Source(pub Arc<str>);

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Decide, record, and carry out.
    Enforce,
    /// Decide and record; forward everything.
    Monitor,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Monitor => "monitor",
        }
    }
}

/// How the device cookie looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCookie {
    /// Without `__Host-`; a token (RFC 6265), and none of the gate's other cookies.
    pub name: Box<str>,
    pub max_age: Duration,
    /// Canonical; `None`: of the host alone.
    pub domain: Option<Box<str>>,
}

#[derive(Clone, Debug)]
pub struct Listener {
    pub address: SocketAddr,
    pub tls: Option<Tls>,
}

/// PEM files. HTTP/2 is offered by ALPN on every TLS listener.
#[derive(Clone, Debug)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// One application behind the gate.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Canonical host globs; empty for the default.
    pub hosts: Globs,
    /// Whether this entry is the default (no `hosts` in the file).
    pub is_default: bool,
    /// Never empty.
    pub servers: Vec<Server>,
    /// `None` preserves the visitor's `Host`.
    pub host: Option<Box<str>>,
    pub timeouts: Timeouts,
    pub health: Health,
    /// Whether certificates of TLS servers are verified (default true).
    pub verify: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// Host name or address, without brackets.
    pub host: Box<str>,
    pub port: u16,
    pub tls: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    pub read: Duration,
    pub write: Duration,
    /// How long a pooled connection may idle; must lie below the application's own keep-alive.
    pub idle: Duration,
}

/// TCP health checks of the servers of one upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    pub interval: Duration,
    pub timeout: Duration,
}

/// Where the client's address is read from.
#[derive(Clone, Debug, Default)]
pub struct ClientIp {
    /// Peers whose header is believed. Empty: the socket's peer is the client.
    pub trusted_proxies: Vec<IpNet>,
    pub header: ClientIpHeader,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientIpHeader {
    /// A list, counted from the right.
    #[default]
    XForwardedFor,
    /// RFC 7239, counted from the right.
    Forwarded,
    /// A header with one address (`x-real-ip`, `cf-connecting-ip`), lower case.
    Single(Box<str>),
}

/// How one event is recognised in this application, where its fields are, how its outcome is read, which policy rules.
#[derive(Clone, Debug)]
pub struct Route {
    pub name: Arc<str>,
    pub event: Event,
    pub matching: Matching,
    /// Each field with where it may be found; the first present wins.
    pub fields: Vec<(Field, Vec<FieldSource>)>,
    pub outcome: OutcomeRules,
    pub too_large: TooLarge,
    pub unreadable: Unreadable,
    pub ambiguous: Ambiguous,
    pub identity: IdentityRules,
    pub policy: Arc<RoutePolicy>,
    /// Where the form is shown. The first without a wildcard is the address to send people back to.
    pub pages: Vec<Glob>,
    /// Where a field is that people never see. Empty: the form has none.
    pub trap: Vec<FieldSource>,
    /// What the field `amount` counts.
    pub amounts: Amounts,
    /// What its requests say of an order, if the application accepts them; of the event `settlement` only.
    pub settles: Option<Settles>,
}

/// What amounts count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Amounts {
    /// The currency's own units: 19.99 euros.
    #[default]
    Units,
    /// Its smallest: 1999 cents, 20 yen.
    Minor,
}

/// What is said of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settles {
    /// The money came.
    Settled,
    /// It did not, or went back.
    Reversed,
}

/// The conditions of a route; all must hold.
#[derive(Clone, Debug)]
pub struct Matching {
    /// Upper case. Empty: any method.
    pub methods: Vec<Box<str>>,
    pub path: PathPattern,
    /// `None`: any host.
    pub hosts: Option<Globs>,
    pub values: Vec<ValueCondition>,
}

impl Matching {
    /// How many conditions there are: routes with more are tried first.
    pub fn conditions(&self) -> usize {
        usize::from(!self.methods.is_empty())
            + usize::from(!matches!(self.path, PathPattern::Any))
            + usize::from(self.hosts.is_some())
            + self.values.len()
    }
}

#[derive(Clone, Debug)]
pub enum PathPattern {
    /// The whole path.
    Exact(Box<str>),
    /// The path begins with this, at a segment boundary unless it ends in `/`.
    Prefix(Box<str>),
    /// `*` within and across segments.
    Glob(Box<str>),
    /// Matched against the whole path (anchored by the loader).
    Regex(regex::Regex),
    Any,
}

#[derive(Clone, Debug)]
pub struct ValueCondition {
    pub place: ValuePlace,
    /// Parameter or header name; for JSON a pointer.
    pub name: Box<str>,
    pub accept: Globs,
    /// Part of it came from the environment: it may be a secret, and is not shown.
    pub concealed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValuePlace {
    Query,
    Form,
    /// Query or form.
    Param,
    Json,
    /// By its name in lower case.
    Header,
}

impl ValuePlace {
    /// Whether the body must be held to tell.
    pub fn needs_body(self) -> bool {
        !matches!(self, ValuePlace::Query | ValuePlace::Header)
    }
}

/// Where a field is read from: `form:login`, `json:/user/name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FieldSource {
    /// urlencoded and multipart.
    Form(Box<str>),
    /// JSON Pointer (RFC 6901).
    Json(Box<str>),
    Query(Box<str>),
    /// Lower case.
    Header(Box<str>),
    Cookie(Box<str>),
    /// `Authorization: Basic`: the user name or the password.
    BasicUser,
    BasicPassword,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// 413.
    Refuse,
    ForwardUnscored,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// 400.
    Refuse,
    ForwardUnscored,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguous {
    Deny,
    /// Let the policy see `fired.ambiguous_request`.
    Flag,
}

/// How one account is told from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityRules {
    /// Whether case is folded (default) or distinguishes accounts.
    pub fold_case: bool,
    /// Whether Gmail's dots and tags, and googlemail.com, name one mailbox (default).
    pub merge_gmail: bool,
    /// Whether `+tag` is dropped for every provider (default false).
    pub strip_tags: bool,
}

impl Default for IdentityRules {
    fn default() -> Self {
        IdentityRules { fold_case: true, merge_gmail: true, strip_tags: false }
    }
}

/// A policy with what the gate answers when it denies.
#[derive(Debug)]
pub struct RoutePolicy {
    pub rules: Policy,
    /// Of the policy alone; the gate's `mode: monitor` wins over it.
    pub mode: Mode,
    pub deny: DenyAnswer,
    /// How many challenges before forwarding are let pass, to learn what they were.
    pub explore: Exploration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DenyAnswer {
    Respond {
        /// 400 to 599.
        status: u16,
        /// `None`: the built-in page.
        html: Option<Arc<str>>,
        json: Option<Arc<str>>,
    },
    /// To the route's page (where its form is shown).
    RedirectToPage,
    /// A path on this site, or an absolute URL of the operator's.
    Redirect(Box<str>),
}

impl Default for DenyAnswer {
    fn default() -> Self {
        DenyAnswer::Respond { status: 403, html: None, json: None }
    }
}

/// One of the operator's lists.
#[derive(Clone, Debug)]
pub struct ListSource {
    pub name: Arc<str>,
    pub effect: ListEffect,
    pub of: ListOf,
    pub file: Option<PathBuf>,
    /// Entries written in the configuration itself.
    pub entries: Vec<String>,
}

pub use crate::lists::ListOf;

/// How long the longest ban of a rule lasts, unless it says otherwise.
pub const LONGEST_BAN: Duration = Duration::from_secs(86_400);

/// How the domains of addresses that register are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailDns {
    /// Empty: the system's.
    pub servers: Vec<SocketAddr>,
    /// How long a registration waits.
    pub deadline: Duration,
    /// Most answers that are remembered.
    pub cache: u64,
}

/// Files of intelligence on top of what is embedded.
#[derive(Clone, Debug, Default)]
pub struct IntelFiles {
    /// MaxMind databases, nested or flat schema.
    pub country: Option<PathBuf>,
    pub city: Option<PathBuf>,
    pub asn: Option<PathBuf>,
    pub anonymous: Option<PathBuf>,
    /// Lists of addresses and CIDR ranges, one a line, `#` comments.
    pub tor_exit: Option<PathBuf>,
    pub vpn: Option<PathBuf>,
    pub datacenter: Option<PathBuf>,
    pub proxy: Option<PathBuf>,
    /// Domains, one a line, added to the embedded disposable list; `!domain` takes one off it.
    pub disposable: Option<PathBuf>,
    /// Leaked passwords, as `tollgate lists build-passwords` makes them.
    pub passwords: Option<PathBuf>,
    /// Who is asked for leaked passwords that no file knows.
    pub range: Option<RangeService>,
}

/// A service that speaks the k-anonymity range protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeService {
    pub tls: bool,
    /// As the URL has it: an IPv6 address is in brackets.
    pub host: Box<str>,
    pub port: u16,
    /// Without a slash at its end; the prefix follows it.
    pub path: Box<str>,
    /// How long a request waits for the answer.
    pub deadline: Duration,
    /// Most bytes of answers that are kept.
    pub cache: usize,
    /// How long an answer is believed.
    pub keep: Duration,
}

impl RangeService {
    /// The host without brackets.
    pub fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

#[derive(Clone, Debug)]
pub struct Challenges {
    pub proof_of_work: ProofOfWork,
    /// How long a visitor has to solve, and a held answer to be released.
    pub ticket_lifetime: Duration,
    /// How long a clearance may be used after the solution.
    pub clearance_lifetime: Duration,
    /// Used where a rule names no kind.
    pub default_kind: ChallengeKind,
}

#[derive(Clone, Copy, Debug)]
pub struct ProofOfWork {
    /// Leading zero bits that the hash must have: 1 to 28; the work doubles with each.
    pub difficulty: u8,
}

#[derive(Clone, Debug)]
pub struct DecisionLog {
    pub path: PathBuf,
}

#[derive(Clone, Debug, Default)]
pub struct Admin {
    /// `None`: no admin listener.
    pub address: Option<SocketAddr>,
    /// Where the token of the API is kept; `None`: it wants none.
    pub token_file: Option<PathBuf>,
    /// Names that the API may be called by beside addresses and `localhost`, lower case.
    pub hosts: Vec<Box<str>>,
    /// `None`: the listener speaks plain HTTP.
    pub tls: Option<AdminTls>,
    /// Where calls are written down; `None`: in the process's own log.
    pub audit_log: Option<PathBuf>,
}

impl Admin {
    /// Whether the configuration names what would let somebody into the API.
    pub fn api_is_open(&self) -> bool {
        let certificates = self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        self.address.is_some() && (self.token_file.is_some() || certificates)
    }
}

/// How the admin listener speaks TLS.
#[derive(Clone, Debug)]
pub struct AdminTls {
    pub files: Tls,
    /// Authority whose certificates the API demands; `None`: none.
    pub client_ca: Option<PathBuf>,
}

/// How a changed configuration comes into force.
#[derive(Clone, Copy, Debug)]
pub struct Reload {
    /// Whether the gate looks at its files itself.
    pub watch: bool,
}

#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest body that is held on a protected route, bytes. At most 64 MiB.
    pub body: usize,
    /// Most bytes held at once over all requests.
    pub held_total: usize,
    /// Largest request head accepted on a protected route, bytes.
    pub header: usize,
    /// Time for the whole capture: body read and parsed.
    pub capture: Duration,
    /// Time for one request head, from its first byte.
    pub head: Duration,
    /// How long an idle client connection is kept (HTTP/1.1 keep-alive and HTTP/2).
    pub client_idle: Duration,
    /// Most client connections at once.
    pub connections: usize,
    /// Time that running requests get at shutdown.
    pub grace: Duration,
    /// Most entries that are added to all lists while the gate runs.
    pub list_entries: usize,
    /// Time that the connections of a process get whose successor serves already.
    pub drain: Duration,
    /// Worker threads; `None`: one a core.
    pub threads: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    Text,
    Json,
}
