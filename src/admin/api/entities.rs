//! What is known of one address, device or account.

use super::call::Call;
use super::decisions;
use super::endpoint::{self, Answer, Answering, Audit, Body, Endpoint, Kind, Parameter, Place, Reply, Verb, of};
use super::people::{self, Listed, Meant, Person, nobody};
use super::problem::{self, Problem};
use super::records::{Bounds, Filter, Page};
use super::{Api, Resource};
use crate::engine::attempt::{Network, Pseudonym};
use crate::engine::evidence::{self, Counts};
use crate::engine::freeman::live::instant;
use crate::engine::time::Timestamp;
use crate::gateway::live::Live;
use crate::intel::Subject;
use crate::store::KnownOwner;
use crate::store::VelocityKey;
use crate::store::{DeviceKey, Entity, Known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

pub const RESOURCE: Resource = Resource {
    name: "entities",
    summary: "What is known of one address, device or account.",
    endpoints: &[
        Endpoint {
            verb: Verb::Post,
            path: "/api/v1/entities/lookup",
            summary: "What is known of an address, a device or an account.",
            details: "With the identifier in the body, so that it is in no access log on the way. Looking counts nothing.",
            audit: Audit::Reads,
            parameters: &[],
            body: Body::Json { schema: of::<Asked>, most: 64 * 1024 },
            answer: Answer { status: 200, summary: "What is known.", schema: of::<About> },
            problems: &[problem::Kind::Store],
            handle: look_up,
        },
        Endpoint {
            path: "/api/v1/entities/ip/{ip}",
            summary: "What is known of an address.",
            parameters: &[Parameter {
                name: "ip",
                place: Place::Path,
                kind: Kind::Address,
                summary: "An address, of IPv4 or IPv6.",
            }],
            handle: get,
            ..BY_ADDRESS
        },
        Endpoint {
            path: "/api/v1/entities/device/{device}",
            summary: "What is known of a device.",
            parameters: &[Parameter {
                name: "device",
                place: Place::Path,
                kind: Kind::Form(endpoint::DEVICE),
                summary: "A `device_id`.",
            }],
            handle: get,
            ..BY_ADDRESS
        },
        Endpoint {
            path: "/api/v1/entities/account/{account}",
            summary: "What is known of an account.",
            details: "The name stands in this request's address: where addresses are logged on the way, ask by POST.",
            parameters: &[Parameter {
                name: "account",
                place: Place::Path,
                kind: Kind::Text(people::LONGEST),
                summary: "A name of the account as its owner types it, or a `user_id`.",
            }],
            handle: get,
            ..BY_ADDRESS
        },
    ],
};

/// What the endpoints have in common that take the identifier in their address.
const BY_ADDRESS: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "",
    summary: "",
    details: "As `POST /api/v1/entities/lookup`.",
    audit: Audit::Reads,
    parameters: &[],
    body: Body::None,
    answer: Answer { status: 200, summary: "What is known.", schema: of::<About> },
    problems: &[problem::Kind::Store],
    handle: get,
};

/// What is asked about: exactly one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Asked {
    /// An address.
    Ip(#[schemars(extend("anyOf" = serde_json::json!([{ "format": "ipv4" }, { "format": "ipv6" }])))] String),
    /// A `device_id`.
    Device(#[schemars(regex(pattern = "^[0-9A-Fa-f]{32}$"))] String),
    /// A name of an account as its owner types it, or a `user_id`.
    Account(#[schemars(length(min = 1, max = 1024), regex(pattern = "\\S"))] String),
}

/// What is known.
#[derive(Debug, Serialize, JsonSchema)]
struct About {
    /// `ip`, `device` or `account`.
    kind: &'static str,
    /// The address in its canonical form, or the `device_id`. Of an account nothing: see `accounts`.
    value: Option<String>,
    /// What was counted at this address (for IPv6: its /64) or device lately; null if nothing was.
    source: Option<Source>,
    /// Of a device: who succeeded on it; null while nobody did.
    holder: Option<Holder>,
    /// What was counted in the wider networks of an IPv6 address.
    wider: Vec<Wider>,
    /// What was counted for the account, once for each hash that the name may stand for and that is known.
    accounts: Vec<Account>,
    /// Of an address.
    intelligence: Option<Intelligence>,
    /// The lists of the configuration that name it.
    lists: Vec<Listed>,
    /// Its newest records. `GET /api/v1/decisions` has more.
    decisions: Page,
}

/// Counts that decay: an event counts half after each half-life.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Decayed {
    /// All that arrived.
    attempts: f64,
    /// Answered with a failure.
    failed: f64,
    /// Answered with success.
    succeeded: f64,
    /// Not answered.
    open: f64,
}

/// What one source did lately.
#[derive(Debug, Serialize, JsonSchema)]
struct Source {
    /// Half-life of one minute.
    minute: Decayed,
    /// Half-life of one hour.
    hour: Decayed,
    /// Distinct accounts that were tried in the last hour or two.
    accounts: u32,
    /// Of those, how many the application answered.
    answered_accounts: u32,
    /// Of those again, how many failed.
    failed_accounts: u32,
    /// Forwarded and not yet answered.
    in_flight: u32,
}

/// What is remembered of a device by its cookie.
#[derive(Debug, Serialize, JsonSchema)]
struct Holder {
    /// The first success on it, and the last.
    first: String,
    last: String,
    successes: u32,
    /// Days (UTC) on which there was one.
    days: u32,
    /// Distinct accounts that logged in or registered on it within seven days; 16 may be more.
    accounts: u32,
    /// 0 to 100, as `device.trust` in rules.
    trust: f64,
    /// Whether its cookie was seen in two places: then it is worth nothing any more.
    copied: bool,
}

/// What a wider network did lately.
#[derive(Debug, Serialize, JsonSchema)]
struct Wider {
    /// Bits of the prefix: 56 or 48.
    prefix: u8,
    /// Half-life of one hour.
    hour: Answers,
    /// Half-life of one day.
    day: Answers,
    /// Distinct accounts that were tried in the last hour or two.
    accounts: u32,
    /// Of those, how many the application answered.
    answered_accounts: u32,
    /// Of those again, how many failed.
    failed_accounts: u32,
}

/// Counts that decay.
#[derive(Debug, Serialize, JsonSchema)]
struct Answers {
    /// All that arrived.
    attempts: f64,
    /// Answered with a failure.
    failed: f64,
    /// Answered with success.
    succeeded: f64,
}

/// What happened to one account lately.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Account {
    /// As records call it.
    user_id: String,
    /// Half-life of ten minutes, from everywhere.
    recent: Decayed,
    /// Forwarded and not yet answered.
    in_flight: u32,
    /// Networks and devices from which it has succeeded.
    known_sources: u32,
    /// What its owner's logins are like; null if none was let through.
    profile: Option<Profile>,
}

/// What an account's logins are like.
#[derive(Debug, Serialize, JsonSchema)]
struct Profile {
    /// Logins that were let through. Each counts half after sixty days.
    logins: f64,
    /// The last one.
    last: Option<LastLogin>,
    /// The account's devices, most trusted first: what was not seen for half a year is not among them.
    devices: Vec<ProfileDevice>,
    /// How many different ones of each are known.
    known: KnownValues,
}

#[derive(Debug, Serialize, JsonSchema)]
struct LastLogin {
    #[schemars(extend("format" = "date-time"))]
    at: String,
    /// ISO 3166-1 alpha-2.
    country: Option<String>,
    asn: Option<u32>,
    /// `access`, `hosting`, `vpn`, `tor`, `relay` or `unknown`.
    network: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ProfileDevice {
    /// The days of its first and its last login.
    #[schemars(extend("format" = "date-time"))]
    first_seen: String,
    #[schemars(extend("format" = "date-time"))]
    last_seen: String,
    successes: u16,
    /// Whether it is told by its cookie, and not by the software that it runs.
    by_cookie: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct KnownValues {
    addresses: u32,
    networks: u32,
    countries: u32,
    user_agents: u32,
    browsers: u32,
    systems: u32,
    device_kinds: u32,
}

impl From<KnownOwner> for Profile {
    fn from(owner: KnownOwner) -> Profile {
        let mut devices = owner.devices;
        devices.sort_by_key(|device| (!device.by_cookie, std::cmp::Reverse(device.successes)));
        let [addresses, networks, countries, user_agents, browsers, systems, device_kinds] = owner.values;
        Profile {
            logins: (owner.logins * 1e4).round() / 1e4,
            last: owner.last.map(|last| LastLogin {
                at: last.at.to_string(),
                country: last.from.country.map(|country| country.as_str().to_owned()),
                asn: (last.from.asn > 0).then_some(last.from.asn),
                network: last.from.network.name(),
            }),
            devices: devices
                .into_iter()
                .map(|device| ProfileDevice {
                    first_seen: instant(device.first).to_string(),
                    last_seen: instant(device.last).to_string(),
                    successes: device.successes,
                    by_cookie: device.by_cookie,
                })
                .collect(),
            known: KnownValues { addresses, networks, countries, user_agents, browsers, systems, device_kinds },
        }
    }
}

/// What is known of an address, whoever uses it.
#[derive(Debug, Serialize, JsonSchema)]
struct Intelligence {
    /// ISO 3166-1 alpha-2.
    country: Option<String>,
    /// City, region, country.
    location: Option<String>,
    /// Number of the autonomous system, and who runs it.
    asn: Option<u32>,
    org: Option<String>,
    /// Whose data centre it is in; `unknown` if that could not be told.
    datacenter: Answered,
    /// Whose VPN it belongs to.
    vpn: Answered,
    /// Whose proxy it is, or which of the operator's lists has it as one.
    proxy: Answered,
    tor_exit: Answered,
    /// A relay that hides ordinary people by default.
    relay: bool,
    /// Sources that should have answered and could not.
    degraded: Vec<String>,
}

/// Whether something is so, and what is known of it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Answered {
    Yes(String),
    No,
    Unknown,
}

impl From<&Counts> for Decayed {
    fn from(counts: &Counts) -> Decayed {
        // As many digits as mean something.
        let shown = |count: f64| (count * 1e4).round() / 1e4;
        Decayed {
            attempts: shown(counts.attempts),
            failed: shown(counts.failed),
            succeeded: shown(counts.succeeded),
            open: shown(counts.open),
        }
    }
}

impl From<&evidence::Source> for Source {
    fn from(source: &evidence::Source) -> Source {
        Source {
            minute: (&source.minute).into(),
            hour: (&source.hour).into(),
            accounts: source.accounts,
            answered_accounts: source.answered_accounts,
            failed_accounts: source.failed_accounts,
            in_flight: source.in_flight,
        }
    }
}

impl From<evidence::Answers> for Answers {
    fn from(counts: evidence::Answers) -> Answers {
        let shown = |count: f64| (count * 1e4).round() / 1e4;
        Answers { attempts: shown(counts.attempts), failed: shown(counts.failed), succeeded: shown(counts.succeeded) }
    }
}

fn answered<T>(known: &evidence::Known<T>, what: impl Fn(&T) -> String) -> Answered {
    match known {
        evidence::Known::Yes(value) => Answered::Yes(what(value)),
        evidence::Known::No => Answered::No,
        evidence::Known::Unknown => Answered::Unknown,
    }
}

fn look_up(call: Call) -> Answering {
    Box::pin(async move {
        let asked = call.json()?;
        about(call, asked).await
    })
}

fn get(call: Call) -> Answering {
    Box::pin(async move {
        let text = |name| call.text(name).map(str::to_owned);
        let asked = text("ip").map(Asked::Ip).or_else(|| text("device").map(Asked::Device));
        let asked = asked.unwrap_or_else(|| Asked::Account(text("account").unwrap_or_default()));
        about(call, asked).await
    })
}

fn wrong(name: &str, wanted: &str) -> Problem {
    Problem::new(problem::Kind::Body, format!("`{name}` must be {wanted}"))
}

/// Records that are shown of somebody.
const RECENT: Bounds = Bounds { records: 20, read: 8 << 20 };

async fn about(call: Call, asked: Asked) -> Result<Reply, Problem> {
    let live = call.api.gate.live.load_full();
    let (mut about, filter) = match asked {
        Asked::Ip(text) => {
            let ip: IpAddr = text.parse().map_err(|_| wrong("ip", "an address"))?;
            let ip = ip.to_canonical();
            call.note("ip", call.api.hashed("ip", &ip.to_string()));
            of_address(&call.api, &live, ip, call.at).await?
        }
        Asked::Device(text) => {
            let id = Pseudonym::parse(&text).ok_or_else(|| wrong("device", "a device_id: 32 hexadecimal digits"))?;
            call.note("device", call.api.hashed("device", &id.to_string()));
            of_device(&call.api, &live, id, call.at).await?
        }
        Asked::Account(account) => {
            let meant = call.api.meant(&live, &Person { account, aliases: Vec::new() })?;
            call.note("account", call.api.hashed_person(&meant));
            of_account(&call.api, &live, &meant, call.at).await?
        }
    };
    about.decisions = decisions::find(&call, filter, None, RECENT).await?;
    Reply::json(200, &about)
}

async fn of_address(api: &Api, live: &Live, ip: IpAddr, at: Timestamp) -> Result<(About, Filter), Problem> {
    let (intel, degraded) = live.intel.look_up(&Subject { at, ip, ..nobody() }, api.gate.store.lists());
    let lists = intel.lists.iter().filter(|hit| ["ip", "asn", "country"].contains(&hit.of)).map(Listed::of).collect();
    let intelligence = Intelligence {
        country: intel.country.map(|country| country.as_str().to_owned()),
        location: intel.location.as_deref().map(str::to_owned),
        asn: intel.asn,
        org: intel.org.as_deref().map(str::to_owned),
        datacenter: answered(&intel.datacenter, |name| name.to_string()),
        vpn: answered(&intel.vpn, |name| name.to_string()),
        proxy: answered(&intel.proxy, |proxy| proxy.provider.to_string()),
        tor_exit: answered(&intel.tor_exit, |()| "tor".to_owned()),
        relay: intel.relay,
        degraded: degraded.iter().map(|name| (*name).to_owned()).collect(),
    };
    let source = source(api, Entity::Network(Network::from(ip)), at).await?;
    let wider = wider(api, ip, at).await?;
    let value = Some(ip.to_string());
    let filter = Filter { ip: value.clone(), ..Filter::default() };
    let intelligence = Some(intelligence);
    Ok((
        About {
            kind: "ip",
            value,
            source,
            holder: None,
            wider,
            accounts: Vec::new(),
            intelligence,
            lists,
            decisions: Page::default(),
        },
        filter,
    ))
}

async fn of_device(api: &Api, live: &Live, id: Pseudonym, at: Timestamp) -> Result<(About, Filter), Problem> {
    let (intel, _) = live.intel.look_up(&Subject { at, device: Some(id), ..nobody() }, api.gate.store.lists());
    let lists = intel.lists.iter().filter(|hit| hit.of == "device").map(Listed::of).collect();
    let source = source(api, Entity::Device(DeviceKey::Cookie(id)), at).await?;
    let value = Some(id.to_string());
    let filter = Filter { device: value.clone(), ..Filter::default() };
    let (wider, accounts, intelligence) = (Vec::new(), Vec::new(), None);
    let holder = holder(api, id, at).await?;
    let decisions = Page::default();
    Ok((About { kind: "device", value, source, holder, wider, accounts, intelligence, lists, decisions }, filter))
}

async fn of_account(api: &Api, live: &Live, meant: &Meant, at: Timestamp) -> Result<(About, Filter), Problem> {
    let about = About {
        kind: "account",
        value: None,
        source: None,
        holder: None,
        wider: Vec::new(),
        accounts: accounts(api, meant, at).await?,
        intelligence: None,
        lists: api.lists_naming(live, meant),
        decisions: Page::default(),
    };
    let names = meant.pseudonyms.iter().map(ToString::to_string).collect();
    Ok((about, Filter { account: Some(names), ..Filter::default() }))
}

async fn source(api: &Api, entity: Entity, at: Timestamp) -> Result<Option<Source>, Problem> {
    api.gate.store.knows_all().map_err(unanswered)?;
    match api.gate.store.look_up(entity, at).await.map_err(unanswered)? {
        Some(Known::Source(source)) => Ok(Some((&source).into())),
        Some(Known::Account(..) | Known::Holder(_) | Known::Owner(_) | Known::Velocity(_)) | None => Ok(None),
    }
}

async fn holder(api: &Api, id: Pseudonym, at: Timestamp) -> Result<Option<Holder>, Problem> {
    match api.gate.store.look_up(Entity::Holder(id), at).await.map_err(unanswered)? {
        Some(Known::Holder(holder)) => Ok(Some(Holder {
            first: holder.first.to_string(),
            last: holder.last.to_string(),
            successes: holder.successes,
            days: holder.days,
            accounts: holder.accounts,
            trust: (holder.trust(at) * 10_000.0).round() / 100.0,
            copied: holder.copied,
        })),
        Some(Known::Source(_) | Known::Account(..) | Known::Owner(_) | Known::Velocity(_)) | None => Ok(None),
    }
}

async fn wider(api: &Api, ip: IpAddr, at: Timestamp) -> Result<Vec<Wider>, Problem> {
    let mut wider = Vec::new();
    for (prefix, key) in [56, 48].into_iter().zip(VelocityKey::wider_networks(ip)) {
        if let Some(Known::Velocity(known)) =
            api.gate.store.look_up(Entity::Velocity(key), at).await.map_err(unanswered)?
        {
            wider.push(Wider {
                prefix,
                hour: known.short.into(),
                day: known.long.into(),
                accounts: known.accounts,
                answered_accounts: known.answered_accounts,
                failed_accounts: known.failed_accounts,
            });
        }
    }
    Ok(wider)
}

/// What the store knows of a person.
pub(super) async fn accounts(api: &Api, meant: &Meant, at: Timestamp) -> Result<Vec<Account>, Problem> {
    let mut accounts = Vec::new();
    for pseudonym in &meant.pseudonyms {
        api.gate.store.knows_all().map_err(unanswered)?;
        let known = api.gate.store.look_up(Entity::Account(*pseudonym), at).await.map_err(unanswered)?;
        let owner = api.gate.store.look_up(Entity::Owner(*pseudonym), at).await.map_err(unanswered)?;
        let profile = match owner {
            Some(Known::Owner(owner)) => Some(owner.into()),
            Some(Known::Account(..) | Known::Source(_) | Known::Holder(_) | Known::Velocity(_)) | None => None,
        };
        // Its counters are forgotten sooner than what its owner is like.
        let account = match known {
            Some(Known::Account(account, known_sources)) => Some((account, known_sources)),
            _ => profile.is_some().then(Default::default),
        };
        if let Some((account, known_sources)) = account {
            accounts.push(Account {
                user_id: pseudonym.to_string(),
                recent: (&account.recent).into(),
                in_flight: account.in_flight,
                known_sources,
                profile,
            });
        }
    }
    Ok(accounts)
}

/// The store did not answer.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
pub(super) fn unanswered(error: crate::store::StoreError) -> Problem {
    Problem::new(problem::Kind::Store, error.to_string())
}
