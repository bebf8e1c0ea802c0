//! Everything a judgement may look at, brought together in one place: intelligence by look-up, history by one question
//! to the store, which counts this attempt in the same step. What could not be had is named in `degraded`.

use super::appearance::{Way, appearance};
use super::device::Brought;
use super::fields::{self, Captured, cards};
use super::headers;
use super::host_of;
use super::identity::Keys;
use super::live::Live;
use crate::config::settings::Route;
use crate::engine::appearance::Appearance;
use crate::engine::attempt::{
    Agent, Attempt, AttemptId, Client, Collected, Device, HeaderFacts, Network, RequestFacts,
};
use crate::engine::clearance::Clearance;
use crate::engine::event::Event;
use crate::engine::evidence::{Evidence, Intel, Known, Moment, Site};
use crate::engine::money;
use crate::engine::ownership::{Login, NetworkKind, Ownership, Traits, Whence, device_kind};
use crate::engine::time::Timestamp;
use crate::intel::Subject;
use crate::store::{DeviceKey, Observation, Presented, Proof, Proven, Seen, Store, StoreError};
use crate::store::{Found, Ordered, VelocityKey};
use http::Version;
use pingora::http::RequestHeader;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// So many successes that a route's rules recognised, since the program started, prove that they tell answers apart. A
/// thief cannot make them few again; where the rules do not fit the application there are none at all.
const SUCCESSES_THAT_TELL: u64 = 10;

/// Who asks, when, and what the site was like then.
pub struct Visitor {
    pub id: AttemptId,
    pub at: Timestamp,
    pub ip: IpAddr,
    /// The device cookie that came with the request.
    pub device: Brought,
    /// What the whole site saw, as it was published last.
    pub site: Arc<Site>,
}

/// A request's head, wherever it was read from.
#[derive(Clone, Copy)]
pub struct Received<'r> {
    pub header: &'r RequestHeader,
    /// Of HTTP/1: as it was received.
    pub raw: Option<&'r [u8]>,
    /// How it came.
    pub way: Way,
    /// Whose it is.
    pub ip: IpAddr,
    /// Length of its body.
    pub bytes: usize,
}

/// A request's head and the address that it came from, as far as nothing that was counted is needed.
pub struct Head {
    said: Said,
    /// What is known of the address, and who could not say.
    address: (Intel, Vec<&'static str>),
}

/// What a head says by itself.
#[derive(Clone, Debug)]
pub struct Said {
    fingerprint: u64,
    agent: Arc<Agent>,
    facts: HeaderFacts,
    appearance: Appearance,
    request: RequestFacts,
}

impl Head {
    pub fn read(live: &Live, received: Received<'_>) -> Head {
        Head::of(live, Said::read(live, received), received.ip)
    }

    pub fn of(live: &Live, said: Said, ip: IpAddr) -> Head {
        Head { said, address: live.intel.address(ip) }
    }
}

impl Said {
    pub fn read(live: &Live, received: Received<'_>) -> Said {
        let Received { header, raw, way, ip, bytes } = received;
        Said {
            fingerprint: headers::fingerprint(header.version, &header.headers, raw),
            agent: agent(live, header),
            facts: headers::facts(&header.headers),
            appearance: appearance(&header.method, header.version, &header.headers, raw, way, ip),
            request: request_facts(header, &host_of(header), bytes),
        }
    }

    /// Whether it says of addresses, which are compared with the one that it came from.
    pub fn tells_addresses(&self) -> bool {
        self.appearance.forwarding.addresses > 0
    }
}

/// Makes the evidence of the moment before forwarding: all that is here is looked at before this returns, so that what is
/// awaited is the store alone, and a future that is moved about is small. Boxed for the same reason: it is passed from hand
/// to hand, and takes a kilobyte and a half.
pub fn evidence<'s>(
    store: &'s Store,
    keys: &Keys,
    live: &Live,
    head: Head,
    route: &Arc<Route>,
    captured: Captured,
    visitor: Visitor,
) -> impl Future<Output = Box<Evidence>> + use<'s> {
    let found = found(store, keys, live, head, route, captured, visitor);
    async move {
        let Uncounted { mut evidence, velocities, device, cookie, told_apart } = found;
        let attempt = &evidence.attempt;
        let identity = &attempt.identity;
        let observation = Observation {
            id: attempt.id,
            at: attempt.at,
            event: attempt.event.clone(),
            network: attempt.client.network,
            device,
            cookie,
            told_apart,
            velocities: &velocities,
            card: attempt.form.card,
            accounts: &identity.aliases,
            spelled: identity.spelled != identity.account,
        };
        let (history, fault) = match store.observe(&observation).await {
            Ok(Seen { history, missing: fault }) => (Some(history), fault),
            Err(fault) => (None, Some(fault)),
        };
        evidence.history = history;
        if let Some(fault) = fault {
            // Told in metrics and, once, in the log: a line for each attempt would bury everything else.
            evidence.degraded.extend(["store", fault.part()]);
        }
        evidence
    }
}

/// All but the history, and what the store is asked for it.
struct Uncounted {
    evidence: Box<Evidence>,
    velocities: Vec<VelocityKey>,
    device: DeviceKey,
    cookie: Option<Presented>,
    told_apart: bool,
}

/// What is to be had without asking the store.
fn found(
    store: &Store,
    keys: &Keys,
    live: &Live,
    head: Head,
    route: &Arc<Route>,
    captured: Captured,
    visitor: Visitor,
) -> Uncounted {
    let brought = visitor.device;
    let Head { said, address } = head;
    let Captured { identity, form, missing, ambiguities, raw } = captured;
    let cookie = brought.presented(keys);
    let device = Device {
        id: cookie.map(|cookie| cookie.id),
        proven: brought.token.is_some_and(|token| token.proven),
        issued: brought.token.map(|token| token.issued),
        fingerprint: said.fingerprint,
        agent: said.agent,
        collected: Collected::Off,
        // Known where attempts are remembered.
        pace: None,
    };
    let subject = Subject {
        at: visitor.at,
        ip: visitor.ip,
        account: raw.account(),
        account_key: identity.account,
        email: raw.email(),
        email_key: identity.email.as_ref().map(|email| email.key),
        domain: raw.domain(),
        device: device.id,
        fingerprint: device.fingerprint,
        card_bin: raw.card_bin(),
    };
    let (mut intel, mut degraded) = address;
    intel.lists = live.intel.lists_of(&subject, &intel, store.lists());
    intel.leaked = raw.passwords().find_map(|digest| live.intel.passwords.find(digest)).map_or(Known::No, Known::Yes);
    drop(raw);
    if identity.email.as_ref().is_some_and(|email| email.unanswered) {
        degraded.push("dns");
    }
    if !store.knows_lists() {
        degraded.push("lists");
    }
    let identity = match live.upstreams.realm(&said.request.host) {
        Some(realm) => fields::in_realm(realm, identity, keys),
        None => identity,
    };
    let network = Network::from(visitor.ip);
    let composition = identity.email.as_ref().and_then(|email| email.composition.as_deref());
    let device_key = DeviceKey::of(&device, intel.asn);
    let velocities = VelocityKey::all(
        visitor.ip,
        intel.asn,
        &route.event,
        &Found {
            fingerprint: device.fingerprint,
            email_template: composition.map(|made| made.template),
            email_domain: composition.map(|made| made.provider),
            email_mailbox: composition.map(|made| made.mailbox),
            email_spelling: composition.map(|made| made.spelling),
            account: identity.account,
            card_bin: form.card_bin_key,
            phone: form.phone,
            address: form.address,
            billing_address: form.billing_address,
            ordered: (route.event == Event::Checkout).then(|| Ordered {
                network,
                device: device_key,
                account: identity.account,
                by_stranger: device.by_cookie().is_none(),
                is_small: money::is_small(form.amount, form.currency.as_deref()).unwrap_or(true),
            }),
        },
    );
    let login = identity.spelled.filter(|_| route.event.has_after()).map(|account| Login {
        id: visitor.id,
        account,
        at: visitor.at,
        shows: traits(keys, &network, &device, &intel),
    });
    let attempt = Attempt {
        id: visitor.id,
        at: visitor.at,
        event: route.event.clone(),
        route: route.name.clone(),
        request: said.request,
        client: Client { ip: visitor.ip, network, headers: said.facts, appearance: said.appearance },
        device,
        identity,
        form,
        missing,
        ambiguities,
    };
    let evidence = Box::new(Evidence {
        attempt,
        moment: Moment::Before,
        intel,
        history: None,
        login,
        owner: None,
        site: visitor.site,
        clearance: Clearance::NONE,
        degraded,
    });
    let told_apart = live.metrics_of(route).succeeded() >= SUCCESSES_THAT_TELL;
    Uncounted { evidence, velocities, device: device_key, cookie, told_apart }
}

/// What a login shows of whoever makes it. Hashes under the installation's key: what is unknown is a value like any other,
/// and the same for all.
fn traits(keys: &Keys, network: &Network, device: &Device, intel: &Intel) -> Traits {
    let agent = &device.agent;
    let country = intel.country.map(|country| country.0);
    let (tag, cookie) = match device.id {
        Some(id) => (keys.shown(COOKIE, &id.0), true),
        None => (keys.shown(FINGERPRINT, &device.fingerprint.to_be_bytes()), false),
    };
    let from = Whence {
        place: intel.place,
        country: intel.country,
        asn: intel.asn.unwrap_or(0),
        network: NetworkKind::of(intel),
    };
    Traits {
        values: [
            keys.shown(0, &network.bits().to_be_bytes()),
            keys.shown(1, &from.asn.to_be_bytes()),
            keys.shown(2, country.as_ref().map_or(&[], |code| &code[..])),
            // The User-Agent, and what else names the software and its languages: of a thief who takes the owner's browser's
            // name, the rest is rarely the owner's too.
            keys.shown(3, &device.fingerprint.to_be_bytes()),
            // Without its version: a browser that was updated is no other.
            keys.shown(4, agent.browser.as_deref().unwrap_or(&agent.name).as_bytes()),
            keys.shown(5, agent.os.as_deref().unwrap_or_default().as_bytes()),
            keys.shown(6, device_kind(agent).as_bytes()),
        ],
        from,
        device: tag,
        device_is_proof: cookie,
    }
}

/// Levels of their own, for devices.
const COOKIE: u8 = 64;
const FINGERPRINT: u8 = 65;

/// Asks whose login it was, now that the password was right.
pub async fn owner(store: &Store, evidence: &mut Evidence, unrecognised: bool, at: Timestamp) -> Option<StoreError> {
    let login = evidence.login?;
    let attempt = &evidence.attempt;
    let device = DeviceKey::of(&attempt.device, evidence.intel.asn);
    let reading = attempt.identity.reading;
    let proof = Proof { login, reading, network: attempt.client.network, device, at };
    let (owner, fault) = match store.prove(&proof).await {
        Ok(Proven { owner, missing }) => (Some(owner), missing),
        Err(fault) => (None, Some(fault)),
    };
    evidence.owner = owner.map(|owner| Box::new(Ownership { unrecognised, ..*owner }));
    if let Some(fault) = &fault {
        for part in ["store", fault.part()] {
            if !evidence.degraded.contains(&part) {
                evidence.degraded.push(part);
            }
        }
    }
    fault
}

/// What the client calls itself.
pub fn agent(live: &Live, header: &RequestHeader) -> Arc<Agent> {
    let user_agent = header.headers.get(http::header::USER_AGENT);
    // Nearly all are ASCII, which is quicker looked at as a whole than mended.
    let text = user_agent.map(|value| match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(value.as_bytes()),
    });
    live.intel.agent(text.as_deref())
}

/// What the record shows of a request.
pub fn request_facts(header: &RequestHeader, host: &str, bytes: usize) -> RequestFacts {
    let path = &*cards::masked(header.uri.path());
    let shown = path.char_indices().nth(256).map_or(path, |(end, _)| &path[..end]);
    RequestFacts {
        method: header.method.as_str().into(),
        host: host.into(),
        path: shown.into(),
        http: match header.version {
            Version::HTTP_2 => "2",
            Version::HTTP_10 => "1.0",
            _ => "1.1",
        },
        bytes: bytes as u64,
    }
}
