//! Sample evidence: one innocent login and one attack, complete to the last field.
//!
//! Tests, benches and `explain` all need a whole [`Evidence`] and care about one or two facts of it. They take the sample and
//! change those facts, so that a new field is filled in here once. Addresses are from the documentation ranges.

use super::appearance::{Accept, Appearance, Claims, Encodings, Engine, Fetch, FetchMode, Hints, System};
use super::attempt::{
    Agent, AgentKind, Attempt, AttemptId, Client, Collected, Composition, Device, Email, FormFacts, HeaderFacts,
    Identity, Network, Password, Pseudonym, RequestFacts,
};
use super::clearance::Clearance;
use super::event::Event;
use super::evidence::{
    Account, Answers, Country, Counts, EntityKind, Evidence, History, Intel, Known, ListEffect, ListHit, Moment, Site,
    Source, Usual, Velocity,
};
use super::holder::Holder;
use super::ownership::{KnownDevice, NetworkKind, Ownership, Place, Seen, Success, Whence};
use super::population::{Became, Class, Look, Population, Standing};
use super::time::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;

/// A person who logs in with Chrome from home, as so often before: every signal is quiet, and none is blind.
pub fn evidence() -> Evidence {
    let ip = IpAddr::from([203, 0, 113, 7]);
    let account = Pseudonym([7; 16]);
    Evidence {
        attempt: Attempt {
            id: AttemptId(0x0195_0000_0000_7000_8000_0000_0000_0001),
            at: Timestamp::from_secs(1_795_309_323),
            event: Event::Login,
            route: Arc::from("sign-in"),
            request: RequestFacts {
                method: "POST".into(),
                host: "shop.example".into(),
                path: "/accounts/login".into(),
                http: "2",
                bytes: 61,
            },
            client: Client {
                ip,
                network: Network::from(ip),
                headers: browser_headers(),
                appearance: browser_appearance(),
            },
            device: own_device(),
            identity: Identity {
                account: Some(account),
                spelled: Some(account),
                reading: None,
                aliases: vec![account],
                email: Some(email("mail.example.com")),
            },
            form: FormFacts { password: Some(Password { tag: 1 }), ..FormFacts::default() },
            missing: Vec::new(),
            ambiguities: Vec::new(),
        },
        moment: Moment::Before,
        intel: Intel {
            country: Country::new("DE"),
            location: None,
            place: None,
            asn: Some(3320),
            org: Some(Arc::from("Deutsche Telekom AG")),
            datacenter: Known::No,
            vpn: Known::No,
            proxy: Known::No,
            tor_exit: Known::No,
            relay: false,
            lists: Vec::new(),
            leaked: Known::No,
        },
        history: Some(History {
            network: first_attempt(),
            device: first_attempt(),
            account: owner(),
            holder: Some(used_by_its_owner()),
            velocities: Vec::new(),
        }),
        login: None,
        owner: None,
        site: Arc::default(),
        clearance: Clearance::NONE,
        degraded: Vec::new(),
    }
}

/// The same person, whose password was right: at home, where they always are.
pub fn after() -> Evidence {
    let mut evidence = evidence();
    let at = evidence.attempt.at;
    let place = Place::new(52.52, 13.40, 20.0);
    let from = Whence { place, country: evidence.intel.country, asn: 3320, network: NetworkKind::Access };
    let here = Success { at, from, cookie: Some(9) };
    let account = evidence.history.as_ref().map(|history| history.account.clone()).unwrap_or_default();
    evidence.moment = Moment::After;
    evidence.owner = Some(Box::new(Ownership {
        logins: 12.0,
        population: 40_000.0,
        likelihood: Some(0.02),
        seen: Seen(0x7f),
        values: [3, 1, 1, 2, 1, 1, 1],
        common: [12.0, 9_000.0, 24_000.0, 300.0, 17_000.0, 19_000.0, 26_000.0],
        device: Some(KnownDevice { first: 4_000, last: 4_100, successes: 12, by_cookie: true }),
        devices: 1,
        here,
        last: Some(Success { at: Timestamp(at.0 - 86_400_000), ..here }),
        account,
        ..Ownership::default()
    }));
    evidence
}

/// The 41st account that one program tries from one rented server, forty having failed.
pub fn stuffing() -> Evidence {
    let mut evidence = evidence();
    evidence.attempt.client.headers = HeaderFacts { user_agent: true, accept: true, ..HeaderFacts::default() };
    evidence.attempt.client.appearance = Appearance { writes: true, content_type: true, ..Appearance::default() };
    evidence.attempt.device = device_without_cookie(0xbad, library("curl"));
    evidence.intel.asn = Some(14061);
    evidence.intel.org = Some(Arc::from("DigitalOcean"));
    evidence.intel.datacenter = Known::Yes(Arc::from("DigitalOcean"));
    let counts = Counts { attempts: 41.0, failed: 40.0, succeeded: 0.0, open: 1.0 };
    let source = Source { accounts: 41, answered_accounts: 40, failed_accounts: 40, ..first_attempt() };
    let source = Source { minute: counts, hour: counts, ..source };
    let account = Account { known_source: false, ..owner() };
    evidence.history =
        Some(History { network: source.clone(), device: source, account, holder: None, velocities: Vec::new() });
    evidence
}

/// An address at that domain, of which there is nothing to say.
pub fn email(domain: &str) -> Email {
    Email {
        key: Pseudonym([8; 16]),
        domain: domain.into(),
        problem: None,
        disposable: None,
        relay: None,
        unanswered: false,
        composition: None,
    }
}

/// The same person, who registers with an address as people have them: `jane.doe84`, at a provider of everybody's.
pub fn registration() -> Evidence {
    let mut evidence = evidence();
    evidence.attempt.event = Event::Register;
    let composition = Composition {
        template: Pseudonym([20; 16]),
        template_share: Some(0.25),
        provider: Pseudonym([21; 16]),
        mailbox: Pseudonym([22; 16]),
        spelling: Pseudonym([23; 16]),
        likelihood: Some(12.0),
        weakness: None,
    };
    evidence.attempt.identity.email = Some(Email { composition: Some(Box::new(composition)), ..email("gmail.com") });
    if let Some(history) = &mut evidence.history {
        let once = Answers { attempts: 1.0, ..Answers::default() };
        let first = Velocity { short: once, long: once, accounts: 1, ..Velocity::default() };
        history.velocities = REGISTERING.map(|kind| (kind, first)).to_vec();
    }
    evidence
}

/// Somebody who logs in to an account that others know, with software that keeps no cookies, from where the account never was.
pub fn stranger() -> Evidence {
    let mut evidence = evidence();
    evidence.attempt.device = device_without_cookie(0xbad, browser());
    evidence.attempt.form.password = Some(Password { tag: 0x5eed_5eed_5eed_5eed });
    if let Some(history) = &mut evidence.history {
        history.account = Account { known_source: false, ..owner() };
        history.holder = None;
    }
    evidence
}

const REGISTERING: [EntityKind; 5] = [
    EntityKind::EmailTemplate,
    EntityKind::EmailDomain,
    EntityKind::EmailMailbox,
    EntityKind::EmailSpelling,
    EntityKind::Registrar,
];
/// The next of a list that one tool tried from everywhere, on thirty accounts in vain.
pub fn in_campaign() -> Evidence {
    let mut evidence = stranger();
    let fingerprint = evidence.attempt.device.fingerprint;
    evidence.site = campaigns_after(30, |look, nth| {
        *look = Look { fingerprint, asn: Some(64_500 + nth % 20), password: None, ..*look };
    });
    evidence
}

/// The next account that one password is tried on, after thirty with software of all kinds.
pub fn sprayed() -> Evidence {
    let mut evidence = stranger();
    let password = evidence.attempt.form.password.map(|password| password.tag);
    evidence.site =
        campaigns_after(30, |look, nth| *look = Look { fingerprint: u64::from(nth) << 32, password, ..*look });
    evidence
}

/// What the site sees after so many strangers on accounts of other people's, who did not get in.
fn campaigns_after(strangers: u32, change: impl Fn(&mut Look, u32)) -> Arc<Site> {
    let at = evidence().attempt.at;
    let mut population = Population::new();
    let owner = |nth: u32| Look {
        id: AttemptId(0),
        at,
        fingerprint: 1,
        network: 0,
        asn: None,
        standing: Standing::Usual { proven: true, settled: true },
        account: (nth + 1_000) * 2,
        password: None,
    };
    (0..100).for_each(|nth| _ = population.note(&owner(nth), Became::Succeeded, None, true));
    for nth in 0..strangers {
        let class = Class { seen: true, fresh: false, in_vain: false };
        let mut look = Look {
            id: AttemptId(u128::from(nth) + 1),
            at,
            fingerprint: 0,
            network: u64::from(nth) << 32 | 1,
            asn: None,
            standing: Standing::Strange(class),
            account: (nth + 1) * 2,
            password: None,
        };
        change(&mut look, nth);
        population.note(&look, Became::Failed, None, true);
    }
    Arc::new(Site { at, campaigns: population.publish(at), ..Site::default() })
}

/// A browser with the gate's cookie for some months.
fn own_device() -> Device {
    Device {
        id: Some(Pseudonym([9; 16])),
        proven: true,
        issued: Some(Timestamp::from_secs(1_785_000_000)),
        fingerprint: 0x5eed,
        agent: Arc::new(browser()),
        collected: Collected::Off,
        pace: None,
    }
}

/// Software that keeps no cookies.
pub fn device_without_cookie(fingerprint: u64, agent: Agent) -> Device {
    Device {
        id: None,
        proven: false,
        issued: None,
        fingerprint,
        agent: Arc::new(agent),
        collected: Collected::Off,
        pace: None,
    }
}

/// A device on which one person has logged in to one account on forty days.
pub fn used_by_its_owner() -> Holder {
    Holder {
        first: Timestamp::from_secs(1_785_000_000),
        last: Timestamp::from_secs(1_795_222_000),
        successes: 50,
        days: 40,
        accounts: 1,
        account_counts: true,
        logged_in: true,
        knows_account: true,
        copied: false,
    }
}

/// What a browser's User-Agent says.
pub fn browser() -> Agent {
    Agent {
        kind: AgentKind::Browser,
        name: "Chrome on Windows".into(),
        browser: Some("Chrome".into()),
        os: Some("Windows".into()),
        claims: Claims { engine: Engine::Blink, major: 131, system: System::Windows, plain: true, ..Claims::default() },
    }
}

/// What the User-Agent of the library `name` says.
pub fn library(name: &str) -> Agent {
    Agent { kind: AgentKind::Library(name.into()), name: name.into(), ..Agent::default() }
}

/// What a browser sends with a form over TLS.
pub fn browser_headers() -> HeaderFacts {
    HeaderFacts {
        user_agent: true,
        accept: true,
        accept_language: true,
        accept_encoding: true,
        sec_fetch: true,
        client_hints: true,
        referer: true,
        origin: true,
        cookie: true,
    }
}

/// What that browser's headers say, over HTTP/2 and with a form of a page.
pub fn browser_appearance() -> Appearance {
    Appearance {
        hints: Hints {
            brands: true,
            chromium: 131,
            chrome: true,
            mobile: Some(false),
            platform: System::Windows,
            ..Hints::default()
        },
        fetch: Fetch { mode: FetchMode::Navigate, site: true, dest: true, user: true, ..Fetch::default() },
        accept: Accept { html: true, page: true, webp: true, signed_exchange: true },
        encodings: Encodings { brotli: true, zstd: true, ..Encodings::default() },
        second_language: 9,
        secure: true,
        own_tls: true,
        writes: true,
        content_type: true,
        upgrade_insecure: true,
        ..Appearance::default()
    }
}

/// A source of which this attempt is all that was seen.
pub fn first_attempt() -> Source {
    let counts = arriving();
    Source { minute: counts, hour: counts, accounts: 1, in_flight: 1, ..Source::default() }
}

fn owner() -> Account {
    Account {
        recent: arriving(),
        from_here: arriving(),
        refused_here: Counts::default(),
        in_flight: 1,
        known_source: true,
        owned: true,
        usual: Usual::default(),
    }
}

fn arriving() -> Counts {
    Counts { attempts: 1.0, open: 1.0, ..Counts::default() }
}

/// An attempt from an address of which this is known.
pub fn at(intel: Intel) -> Evidence {
    Evidence { intel, ..evidence() }
}

/// An attempt that these lists match: name, effect, what kind of thing matched.
pub fn listed(hits: &[(&str, ListEffect, &'static str)]) -> Evidence {
    let hit = |&(list, effect, of): &(&str, ListEffect, &'static str)| ListHit { list: list.into(), effect, of };
    at(Intel { lists: hits.iter().map(hit).collect(), ..Intel::default() })
}
