//! `explain`: one request taken through the gate on paper. ([`replay`]: a whole traffic, for `evaluate`.)
//!
//! Everything that is asked of it is asked of the code that serves: recognition, framing, capture, evidence, the engine,
//! the answer (`recognize`, `framing`, [`judgement`], `gather`, `enforce`, [`in_place`](super::answer::in_place),
//! `forward`). What is different is named here: the request comes from a file, the store is fresh and its snapshot is told
//! by hand, secrets and databases may be missing, and nothing is sent, counted or written. What a missing file would have
//! told is not guessed: what depends on it is blind.

mod absent;
pub mod curl;
pub mod explanation;
pub mod har;
pub mod history;
mod moment;
pub mod raw;
pub mod replay;
pub mod source;
pub mod wire;
mod words;

use self::absent::{blind_where_absent, unavailable, without_service};
use super::answer::{self, is_judged_again};
use super::appearance::Way;
use super::form::{Values, Wanted};
use super::gather::{self, Head, Received};
use super::identity::{IdentityKey, Keys, PasswordKey};
use super::judgement::{self, Read};
use super::live::Live;
use super::own_pages::{self, Spending};
use super::recognize::{BodyValues, ConditionFit, Recognized, RouteFit, in_words};
use super::{device, enforce, held, host_of, new_id, reply};
use crate::admin::metrics::Metrics;
use crate::challenge::Visit;
use crate::config::Absent;
use crate::config::settings::{self, FieldSource, Route, Settings};
use crate::engine::attempt::{Ambiguity, Field};
use crate::engine::decision::Action;
use crate::engine::evidence::{Evidence, Moment};
use crate::engine::record::Enforcement;
use crate::engine::time::Timestamp;
use crate::intel::Subject;
use crate::lists::Book;
use crate::secrets::{Secrets, SystemRandomness};
use crate::store::Store;
use crate::store::memory::{Limits, Memory};
use explanation::{
    Ambiguous, Application, Asked, CapturedFacts, CapturedField, Condition, Explanation, Near, Recognition, Sent,
    Unavailable, Unjudged,
};
use history::Told;
use moment::Stage;
use source::{Source, SourceError};
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use wire::{Answered, Arrived};

/// Most routes that were hardly missed.
const MOST_NEAR: usize = 8;
/// Most entries of each kind that the store of one request needs.
const STORE_ENTRIES: usize = 1_000;

/// A configuration, made ready to be asked.
pub struct Rehearsal {
    live: Live,
    keys: Keys,
    absent: Vec<Unavailable>,
    has_own_key: bool,
}

/// What the request itself does not tell.
pub struct Facts {
    pub peer: IpAddr,
    pub at: Timestamp,
    pub tls: bool,
    pub history: Told,
    /// What the application answers, to see the moment after a success.
    pub answer: Option<Answered>,
}

/// Why nothing can be explained.
#[derive(Debug)]
pub enum RehearsalError {
    Configuration(Vec<String>),
    Request(SourceError),
    /// The system gives no randomness, or no memory.
    System(String),
}

impl Rehearsal {
    /// Loads what is there of what the settings name. No file is made.
    pub fn open(mut settings: Settings, absent: Vec<Absent>) -> Result<Rehearsal, RehearsalError> {
        let system = |error: &dyn std::fmt::Display| RehearsalError::System(error.to_string());
        let mut absent: Vec<Unavailable> = absent.into_iter().map(unavailable).collect();
        without_service(&mut settings, &mut absent);
        let (secrets, has_own_key) = match own_secrets(&settings.secret_file) {
            Ok(secrets) => (secrets, true),
            Err(reason) => {
                absent.push(Unavailable {
                    key: "secret_file".to_owned(),
                    file: without_detours(&settings.secret_file).display().to_string(),
                    reason,
                    effect: "the account's user_id is not known, and a clearance in the request is not recognised"
                        .to_owned(),
                });
                (Secrets::ephemeral(Arc::new(SystemRandomness)).map_err(|error| system(&error))?, false)
            }
        };
        let secrets = Arc::new(secrets);
        let mut password_key = [0; 32];
        getrandom::fill(&mut password_key).map_err(|error| system(&error))?;
        let keys = Keys::new(&IdentityKey::new(*secrets.identity_key()), &PasswordKey::new(password_key));
        let metrics = Metrics::new().map_err(|error| system(&error))?;
        let live = Live::new(settings, secrets, &metrics).map_err(RehearsalError::Configuration)?;
        Ok(Rehearsal { live, keys, absent, has_own_key })
    }

    /// Whether an address by itself is on one of the operator's lists.
    pub fn is_listed(&self, ip: IpAddr) -> bool {
        let subject = Subject {
            at: Timestamp(0),
            ip,
            account: None,
            account_key: None,
            email: None,
            email_key: None,
            domain: None,
            device: None,
            fingerprint: 0,
            card_bin: None,
        };
        !self.live.intel.look_up(&subject, &Book::new(0)).0.lists.is_empty()
    }

    /// Takes one request through the gate.
    pub async fn explain(&self, source: &Source, facts: &Facts) -> Result<Explanation, RehearsalError> {
        let arrived = wire::arrive(&source.message).await.map_err(RehearsalError::Request)?;
        let ip = super::client_ip::client_ip(&self.live.settings.client_ip, facts.peer, &arrived.header.headers);
        let mut explanation = self.beginning(source, facts, &arrived, ip);
        if !judgement::is_readable(&arrived.header) {
            let words =
                "servers disagree on which path such a target means, so it is refused on every route and on none";
            let unjudged = Rehearsal::unjudged(&arrived, true, 400, "target", words.to_owned());
            // Without a route there is no record.
            explanation.unjudged = Some(Unjudged { enforced: None, ..unjudged });
            return Ok(explanation);
        }
        if own_pages::are_meant(&arrived.header) {
            let words = "an address of the gate's own (challenges are shown and solved there), which no route protects";
            explanation.unjudged = Some(Unjudged {
                why: "own_page".to_owned(),
                words: words.to_owned(),
                enforced: None,
                sent: to_visitor(None, "a page of the gate's own"),
            });
            return Ok(explanation);
        }
        let values = self.all_values(&arrived);
        let head = judgement::head(&arrived.header, arrived.has_body(), self.live.trusts(facts.peer));
        let body: &dyn BodyValues = values.as_ref().map_or(&(), |values| values);
        let fits = self.live.routes.fits(&head, body);
        let Some(candidates) = self.live.routes.candidates(&head) else {
            explanation.recognition = recognition(None, &fits);
            explanation.unjudged =
                Some(unprotected("no route's conditions on the head hold; nothing of the body is read"));
            return Ok(explanation);
        };
        let presumed = candidates.presumed().clone();
        let unjudged =
            |explanation: &mut Explanation, route: &Arc<Route>, refuses: bool, status: u16, why: &str, words| {
                explanation.recognition = recognition(Some((route, &[])), &fits);
                explanation.unjudged = Some(Rehearsal::unjudged(&arrived, refuses, status, why, words));
            };
        let monitors = |route: &Route| enforce::mode(self.live.settings.mode, route) == settings::Mode::Monitor;
        if let Err(fault) = judgement::framing(&self.live, &arrived.header, arrived.raw.as_deref()) {
            let words = "two servers could cut this request in two ways, so it is not judged".to_owned();
            unjudged(&mut explanation, &presumed, !monitors(&presumed), 400, fault.name(), words);
            return Ok(explanation);
        }
        let limit = self.live.settings.limits.body;
        let declared = held::declared_length(&arrived.header.headers);
        let room = held::room(declared, limit).filter(|room| arrived.body.len() <= *room);
        if room.is_none() {
            // A body that announces its length is not read at all, and can still be forwarded.
            let untouched = declared.is_some();
            let refuses = !untouched || enforce::refuses_too_large(&presumed, monitors(&presumed));
            let words = format!("the body has {} bytes, and no more than {limit} are held", arrived.body.len());
            unjudged(&mut explanation, &presumed, refuses, 413, "too_large", words);
            return Ok(explanation);
        }
        let (recognized, values) = match judgement::read(&self.live, &candidates, &arrived.header, &arrived.body) {
            Read::Request(recognized, values) => (recognized, values),
            Read::Unreadable(route, fault) => {
                let refuses = enforce::refuses_unreadable(&route, monitors(&route));
                unjudged(&mut explanation, &route, refuses, 400, fault.name(), fault.to_string());
                return Ok(explanation);
            }
            Read::Elsewhere => {
                explanation.recognition = recognition(None, &fits);
                explanation.unjudged =
                    Some(unprotected("the values in the body say that this is no request of any route"));
                return Ok(explanation);
            }
        };
        self.judged(explanation, facts, &arrived, ip, recognized, &values, &fits).await
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one explanation, in one place and for one caller")]
    async fn judged(
        &self,
        mut explanation: Explanation,
        facts: &Facts,
        arrived: &Arrived,
        ip: IpAddr,
        recognized: Recognized,
        values: &Values,
        fits: &[RouteFit<'_>],
    ) -> Result<Explanation, RehearsalError> {
        let system = |error: &dyn std::fmt::Display| RehearsalError::System(error.to_string());
        let Recognized { route, ambiguities } = recognized;
        let headers = &arrived.header.headers;
        let (captured, must_deny) = judgement::capture(&self.live, &self.keys, &route, ambiguities, values, headers);
        explanation.recognition = recognition(Some((&route, &captured.ambiguities)), fits);
        let (account, email) = (captured.raw.account().map(str::to_owned), captured.raw.email().map(str::to_owned));
        let store = Store::Memory(Memory::new(Limits::of_entries(STORE_ENTRIES)).into());
        let secure = facts.tls || self.live.trusts(facts.peer) && device::says_https(headers);
        let device = self.live.devices.read(headers, secure, facts.at);
        let way = Way { secure, own_tls: facts.tls, direct: !self.live.trusts(facts.peer) };
        let bytes = arrived.body.len();
        let received = Received { header: &arrived.header, raw: arrived.raw.as_deref(), way, ip, bytes };
        let head = Head::read(&self.live, received);
        let visitor = gather::Visitor { id: new_id(facts.at), at: facts.at, ip, device, site: Arc::default() };
        let mut evidence = gather::evidence(&store, &self.keys, &self.live, head, &route, captured, visitor).await;
        self.tell_the_past(&mut evidence, &facts.history);
        explanation.captured = Some(self.captured(&route, &evidence, account.as_deref(), email.as_deref()));
        let mut decision = judgement::decide(&evidence, &route, must_deny);
        if let Action::Challenge(kind) = decision.ruling.action {
            let cookies = own_pages::cookies(headers);
            let cookies: Vec<&[u8]> = cookies.iter().map(|cookie| &cookie[..]).collect();
            let account = evidence.attempt.identity.spelled;
            if let Some(pending) = self.live.challenges.clearance(&cookies, &route.name, account, facts.at) {
                evidence.clearance = pending.spend(&Spending(&store)).await;
                explanation.notes.push("the request brings a clearance: it is taken as not spent yet".to_owned());
            }
            if evidence.clearance.covers(kind) {
                decision = judgement::decide(&evidence, &route, must_deny);
            }
        }
        let visit = Visit { now: facts.at, secure: facts.tls, wants_html: reply::wants_page(headers) };
        let stage = Stage { live: &self.live, route: &route, arrived, peer: facts.peer, tls: facts.tls, visit };
        let before = stage.before(&evidence, &decision).map_err(|error| system(&error))?;
        let forwards = before.sent.to == "application";
        explanation.judgements.push(before);
        let Some(answered) = &facts.answer else { return Ok(explanation) };
        if !forwards {
            explanation
                .notes
                .push("the answer given is not asked for: this request does not reach the application".to_owned());
            return Ok(explanation);
        }
        let (outcome, rule) = answer::outcome(&route, &answered.header, &answered.body, facts.at);
        let again = is_judged_again(&route, outcome);
        explanation.application = Some(Application {
            status: answered.header.status.as_u16(),
            outcome: outcome.status().trim_start_matches('$').to_owned(),
            rule: rule.map(|rule| rule.to_string()),
            words: if again {
                "the answer is judged before the visitor gets a byte of it".to_owned()
            } else {
                "the visitor gets the answer as the application gave it".to_owned()
            },
        });
        if again {
            evidence.moment = Moment::After;
            if evidence.history.is_some() {
                // Nothing is known of anybody's logins here; what was told of the account holds after success as well.
                let _ = gather::owner(&store, &mut evidence, false, facts.at).await;
            }
            if let (Some(owner), Some(history)) = (&mut evidence.owner, &evidence.history) {
                owner.account = history.account.clone();
            }
            let decision = crate::engine::decide(&evidence, &route.policy.rules);
            let after = stage.after(&evidence, &decision, &answered.header).map_err(|error| system(&error))?;
            explanation.judgements.push(after);
        }
        Ok(explanation)
    }

    /// The snapshot with what was told on top, and blindness where a file is missing.
    fn tell_the_past(&self, evidence: &mut Evidence, told: &Told) {
        match &mut evidence.history {
            _ if told.unavailable => {
                evidence.history = None;
                evidence.degraded.extend(["store", "store_down"]);
            }
            Some(history) => told.apply(history),
            None => {}
        }
        blind_where_absent(evidence, &self.absent);
    }

    /// Every value that any route asks for; `None`: the body cannot be read.
    fn all_values(&self, arrived: &Arrived) -> Option<Values> {
        let mut values = Values::new(&Wanted::of(self.live.settings.routes.iter().map(|route| &**route)));
        values.read_query(arrived.header.uri.query().unwrap_or_default().as_bytes());
        values.read_body(&arrived.header.headers, &arrived.body).is_ok().then_some(values)
    }

    fn beginning(&self, source: &Source, facts: &Facts, arrived: &Arrived, ip: IpAddr) -> Explanation {
        let request = gather::request_facts(&arrived.header, &host_of(&arrived.header), arrived.body.len());
        Explanation {
            request: Asked {
                source: source.kind.name(),
                method: request.method.into(),
                host: request.host.into(),
                path: request.path.into(),
                http: request.http,
                bytes: request.bytes,
                peer: facts.peer.to_string(),
                client_ip: ip.to_string(),
                tls: facts.tls,
                at: facts.at.to_string(),
                history: match facts.history.unavailable {
                    true => vec!["none".to_owned()],
                    false => facts.history.list(),
                },
            },
            notes: source.notes.clone(),
            unavailable: self.absent.iter().map(Unavailable::again).collect(),
            recognition: recognition(None, &[]),
            captured: None,
            judgements: Vec::new(),
            application: None,
            unjudged: None,
        }
    }

    fn captured(
        &self,
        route: &Route,
        evidence: &Evidence,
        account: Option<&str>,
        email: Option<&str>,
    ) -> CapturedFacts {
        let Evidence { attempt, intel, .. } = evidence;
        let fields = route.fields.iter().map(|(field, sources)| {
            let present = !attempt.missing.contains(field);
            let value = match field {
                Field::Account | Field::Username => account.map(str::to_owned),
                Field::Email => email.map(str::to_owned),
                Field::Amount => attempt.form.amount.map(|amount| amount.to_string()),
                Field::Currency => attempt.form.currency.as_deref().map(str::to_owned),
                Field::Password
                | Field::Phone
                | Field::Name
                | Field::CardBin
                | Field::CardLast4
                | Field::ShippingZip
                | Field::ShippingAddress
                | Field::BillingZip
                | Field::BillingAddress
                | Field::Order => None,
            };
            let sources = sources.iter().map(source_name).collect();
            CapturedField { field: field.name(), sources, present, value: value.filter(|_| present) }
        });
        CapturedFacts {
            fields: fields.collect(),
            // Under another key it would be another, and look like one.
            user_id: attempt.identity.account.filter(|_| self.has_own_key).map(|account| account.to_string()),
            agent: attempt.device.agent.name.to_string(),
            fingerprint: format!("{:016x}", attempt.device.fingerprint),
            country: intel.country.as_ref().map(|country| country.as_str().to_owned()),
            asn: intel.asn,
            org: intel.org.as_deref().map(str::to_owned),
            lists: intel.lists.iter().map(|hit| hit.list.to_string()).collect(),
            degraded: evidence.degraded.iter().map(|part| (*part).to_owned()).collect(),
        }
    }

    fn unjudged(arrived: &Arrived, refuses: bool, status: u16, why: &str, words: String) -> Unjudged {
        let why = why.to_owned();
        if !refuses {
            let enforced = Some(format!("unscored:{why}"));
            let body = "the request as it came, without a verdict";
            return Unjudged { why, words, enforced, sent: to_application(body) };
        }
        let page = reply::wants_page(&arrived.header.headers);
        let reply = enforce::refused(status, page, "…");
        let mut sent = to_visitor(Some(status), if page { "the built-in page" } else { "a problem as JSON" });
        sent.headers = moment::headers(&reply);
        Unjudged { enforced: Some(format!("refused:{why}")), why, words, sent }
    }
}

impl Unavailable {
    fn again(&self) -> Unavailable {
        let Unavailable { key, file, reason, effect } = self;
        Unavailable { key: key.clone(), file: file.clone(), reason: reason.clone(), effect: effect.clone() }
    }
}

/// A path as people write it: `conf/../demo-run` is `demo-run`.
fn without_detours(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// The installation's own keys, or why there are none.
fn own_secrets(path: &Path) -> Result<Secrets, String> {
    match Secrets::load(path) {
        Ok(Some(secrets)) => Ok(secrets),
        Ok(None) => Err("there is no such file".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn recognition(found: Option<(&Arc<Route>, &[Ambiguity])>, fits: &[RouteFit<'_>]) -> Recognition {
    let condition = |fit: &ConditionFit| Condition {
        key: fit.key.clone(),
        wants: fit.wants.clone(),
        holds: fit.holds,
        readings: fit.readings.clone(),
        seen: fit.seen.clone(),
    };
    let (route, ambiguities) = found.map_or((None, &[][..]), |(route, ambiguities)| (Some(route), ambiguities));
    let own = fits.iter().find(|fit| route.is_some_and(|route| route.name == fit.route.name));
    let is_path = |fit: &ConditionFit| fit.key.starts_with("path");
    let mut near: Vec<(usize, Near)> = Vec::new();
    let mut others = 0;
    for fit in fits.iter().filter(|fit| route.is_none_or(|route| route.name != fit.route.name)) {
        let failed: Vec<&ConditionFit> = fit.conditions.iter().filter(|condition| !condition.holds).collect();
        // The path is what makes a route this request's; with another path, one that has nothing else is anybody's.
        let on_path = !failed.iter().any(|condition| is_path(condition));
        let only_path = failed.len() == 1 && route.is_none();
        if on_path || only_path {
            let failed: Vec<Condition> = failed.into_iter().map(condition).collect();
            let distance = usize::from(!on_path) * 100 + failed.len();
            near.push((distance, Near { route: fit.route.name.to_string(), shadowed: failed.is_empty(), failed }));
        } else {
            others += 1;
        }
    }
    near.sort_by_key(|(distance, _)| *distance);
    others += near.len().saturating_sub(MOST_NEAR);
    near.truncate(MOST_NEAR);
    Recognition {
        route: route.map(|route| route.name.to_string()),
        event: route.map(|route| route.event.name().to_owned()),
        conditions: own.map_or_else(Vec::new, |fit| fit.conditions.iter().map(condition).collect()),
        ambiguities: ambiguities.iter().map(ambiguous).collect(),
        near: near.into_iter().map(|(_, near)| near).collect(),
        others,
    }
}

fn ambiguous(ambiguity: &Ambiguity) -> Ambiguous {
    let words = match ambiguity {
        Ambiguity::Path(readings) => {
            let said: Vec<&str> = readings.iter().filter_map(|reading| in_words(reading)).collect();
            format!("the path leads to this route, or to another one, only if {}", said.join(", and "))
        }
        Ambiguity::Method => "the request names several methods, or one in an unusual case".to_owned(),
        Ambiguity::Duplicate(field) => {
            format!(
                "`{}` stands there more than once, or under a name that only some servers take for it",
                field.name()
            )
        }
        Ambiguity::Places(field) => {
            format!(
                "`{}` stands in two places with different values, or only where the route does not look",
                field.name()
            )
        }
        Ambiguity::Encoding(what) => format!("servers decode the body differently ({})", what.replace('_', " ")),
    };
    Ambiguous { name: ambiguity.name(), words }
}

/// As the configuration writes it.
fn source_name(source: &FieldSource) -> String {
    match source {
        FieldSource::Form(name) => format!("form:{name}"),
        FieldSource::Json(pointer) => format!("json:{pointer}"),
        FieldSource::Query(name) => format!("query:{name}"),
        FieldSource::Header(name) => format!("header:{name}"),
        FieldSource::Cookie(name) => format!("cookie:{name}"),
        FieldSource::BasicUser => "basic:user".to_owned(),
        FieldSource::BasicPassword => "basic:password".to_owned(),
    }
}

fn unprotected(words: &str) -> Unjudged {
    Unjudged {
        why: "no_route".to_owned(),
        words: words.to_owned(),
        enforced: None,
        sent: to_application("the request as it came, without a verdict"),
    }
}

fn to_application(body: &str) -> Sent {
    let (headers, removed) = (Vec::new(), Vec::new());
    Sent { to: "application", status: None, headers, removed, body: body.to_owned(), challenge: None }
}

fn to_visitor(status: Option<u16>, body: &str) -> Sent {
    let (headers, removed) = (Vec::new(), Vec::new());
    Sent { to: "visitor", status, headers, removed, body: body.to_owned(), challenge: None }
}

/// What is published in `enforced`.
fn enforced(enforcement: Enforcement) -> String {
    enforcement.to_string()
}

/// Text of an operator's file for a message: short, and without what a terminal would act on.
fn shown(text: &[u8]) -> String {
    const MOST: usize = 80;
    let text = String::from_utf8_lossy(text);
    let mut shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

/// Whether a text may be a method or a header's name.
fn is_token_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(super::is_token)
}
