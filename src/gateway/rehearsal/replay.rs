//! A whole traffic on paper: attempts of which a file tells, one after the other, through the gate's own steps and over one
//! memory that learns from them.
//!
//! What is the gate's is asked of the gate: facts, look-ups, counting, judging, bans, the second judgement after a success.
//! What is not there is told by the file or supposed: the request's fields are given and need no parsing, the application's
//! answer is the file's `outcome` and comes at once, and whether a challenge is solved is what the caller says. The policy
//! is always carried out: what it would do is the question, and a gate that only watched would let attackers teach the
//! memory what they never could. Nothing is sent, and no clock is read: time is the file's.

use super::RehearsalError;
use super::absent::{blind_where_absent, unavailable, without_service};
use super::explanation::Unavailable;
use crate::admin::metrics::Metrics;
use crate::attempt_file::{HttpVersion, LabelledAttempt};
use crate::challenge;
use crate::config::Absent;
use crate::config::settings::{self, Mode, PathPattern, Route, Settings};
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::clearance::{ChallengeKind, Clearance};
use crate::engine::decision::{Action, Decision, decide};
use crate::engine::event::Event;
use crate::engine::evidence::{Evidence, Moment, Site};
use crate::engine::outcome::Outcome;
use crate::engine::population::Became;
use crate::engine::time::Timestamp;
use crate::gateway::appearance::Way;
use crate::gateway::bans::{self, Ledger};
use crate::gateway::device::{Brought, Token};
use crate::gateway::fields::{self, Captured};
use crate::gateway::gather::{self, Head, Received, Said};
use crate::gateway::identity::{IdentityKey, Keys, PasswordKey};
use crate::gateway::live::Live;
use crate::gateway::pace::Paces;
use crate::gateway::population::{self, Keeper};
use crate::gateway::services::SURVEY;
use crate::gateway::{answer, server};
use crate::secrets::{Secrets, SystemRandomness};
use crate::store::memory::{Limits, Memory};
use crate::store::{Entity, Known, Settlement, Stats, Store, Taught, Withdrawal};
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Uri, Version};
use lru::LruCache;
use pingora::http::RequestHeader;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Stands in for the installation's keys: what is counted must not depend on the machine, and nothing that is hashed under
/// it is shown.
const KEY: [u8; 32] = *b"attempts that are judged offline";

/// Heads of more bytes than this are not remembered, so that all of them are 16 MiB at the most. Browsers' have some 800.
const LONGEST_HEAD: usize = 4096;
/// Heads that are remembered: some megabytes.
const MOST_HEADS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// A configuration with a memory, made ready to be played to.
pub struct Replay {
    live: Live,
    keys: Keys,
    metrics: Metrics,
    store: Store,
    paces: Paces,
    absent: Vec<Unavailable>,
    population: Keeper,
    /// What the whole site sees, as the gate would have published it last.
    site: Arc<Site>,
    /// Attempts that were counted so far: what their ids are made of.
    count: u64,
    raw: Vec<u8>,
    /// What the request line of each route's attempts says, by its place in the settings.
    lines: Vec<(Method, Uri)>,
    /// What heads said that came lately.
    said: LruCache<Box<[u8]>, Said, ahash::RandomState>,
    /// The last attempt's head, as it is looked for there.
    key: Vec<u8>,
    /// The last attempt's, for the room that it has.
    headers: HeaderMap,
}

/// What an attempt says by itself, whatever came before it.
pub struct Prepared {
    route: Arc<Route>,
    head: Head,
    captured: Captured,
    device: Option<Told>,
}

/// A device that the file tells of.
#[derive(Clone, Copy)]
struct Told {
    /// As a cookie would have it.
    id: [u8; 16],
    /// As the store calls it.
    known_as: Pseudonym,
}

/// What became of one attempt.
pub struct Replayed {
    pub route: Arc<Route>,
    /// Whose account was meant.
    pub account: Option<Pseudonym>,
    pub before: Decision,
    /// The next try, with the challenge solved.
    pub again: Option<Decision>,
    /// The judgement after a success.
    pub after: Option<Decision>,
    /// Whether each challenge that was met was solved; false where none was met.
    pub solved: bool,
    /// Whether the visitor got what the application answered.
    pub passed: bool,
}

impl Replay {
    /// Loads what is there of what the settings name. No file is made, and the store is memory, whatever they say.
    pub fn open(mut settings: Settings, absent: Vec<Absent>) -> Result<Replay, RehearsalError> {
        let system = |error: &dyn std::fmt::Display| RehearsalError::System(error.to_string());
        let limits = match &settings.store {
            settings::Store::Memory { entries, bytes, .. } => {
                server::limits_of(*entries, *bytes, settings.limits.list_entries)
            }
            settings::Store::Redis(redis) => Limits::of_entries(redis.entries),
        };
        let secrets = Secrets::ephemeral(Arc::new(SystemRandomness)).map_err(|error| system(&error))?;
        let metrics = Metrics::new().map_err(|error| system(&error))?;
        let mut absent = absent.into_iter().map(unavailable).collect();
        without_service(&mut settings, &mut absent);
        let live = Live::new(settings, Arc::new(secrets), &metrics).map_err(RehearsalError::Configuration)?;
        let lines = live.settings.routes.iter().map(|route| request_line(route)).collect();
        Ok(Replay {
            live,
            keys: Keys::new(&IdentityKey::new(KEY), &PasswordKey::new(KEY)),
            metrics,
            store: Store::Memory(Memory::new(limits).into()),
            absent,
            paces: Paces::default(),
            population: Keeper::default(),
            site: Arc::default(),
            count: 0,
            raw: Vec::new(),
            lines,
            said: LruCache::with_hasher(MOST_HEADS, ahash::RandomState::default()),
            key: Vec::new(),
            headers: HeaderMap::new(),
        })
    }

    pub fn settings(&self) -> &Settings {
        &self.live.settings
    }

    /// Files that the configuration names and that are not here.
    pub fn absent(&self) -> &[Unavailable] {
        &self.absent
    }

    /// Sizes of the memory.
    pub fn stats(&self) -> Stats {
        self.store.stats()
    }

    /// The route that judges an event, and its place in the settings: the first of it in the configuration.
    fn route_of(&self, event: &Event) -> Option<(usize, &Arc<Route>)> {
        self.live.settings.routes.iter().enumerate().find(|(_, route)| route.event == *event)
    }

    /// Reads what each of some attempts says by itself, step by step for all of them: a step's code is at hand then for the
    /// next attempt, which all that a single one goes through is too much for. `None` where no route is there for the
    /// event. An error says what of an attempt no client can send.
    pub fn prepare(&mut self, attempts: &[&LabelledAttempt<'_>]) -> Vec<Result<Option<Prepared>, String>> {
        let heads: Vec<_> = attempts.iter().map(|attempt| self.head(attempt)).collect();
        let told = attempts.iter().zip(heads).map(|(attempt, head)| {
            let Some((route, head)) = head? else { return Ok(None) };
            let (captured, device) = self.told(attempt, &route);
            Ok(Some(Prepared { route, head, captured, device }))
        });
        told.collect()
    }

    /// Takes one attempt through the gate, after those that were prepared before it. `solves`: whether this visitor solves a
    /// challenge.
    pub fn play(
        &mut self,
        attempt: &LabelledAttempt<'_>,
        prepared: Prepared,
        solves: &dyn Fn(ChallengeKind) -> bool,
    ) -> Replayed {
        self.survey(attempt.at);
        let route = prepared.route.clone();
        let mut evidence = self.evidence(attempt, prepared);
        let before = self.judge(&evidence, &route);
        let account = evidence.attempt.identity.account;
        let mut replayed = Replayed { route, account, before, again: None, after: None, solved: false, passed: false };
        match replayed.before.ruling.action {
            Action::Allow => {}
            Action::Deny => {
                self.withdraw(&evidence, Withdrawal::Denied);
                self.tell(&evidence, Became::Withheld, &replayed.before);
                return replayed;
            }
            Action::Challenge(kind) => {
                self.withdraw(&evidence, Withdrawal::Challenged);
                self.tell(&evidence, Became::Withheld, &replayed.before);
                replayed.solved = solves(kind);
                if !replayed.solved {
                    return replayed;
                }
                // Who has solved it sends the form again: another attempt, and counted as one.
                if let Ok(Some(prepared)) = self.prepare(&[attempt]).remove(0) {
                    evidence = self.evidence(attempt, prepared);
                }
                let again = self.again(&mut evidence, &replayed.route, kind);
                let action = again.ruling.action;
                replayed.again = Some(again);
                let refused = match action {
                    Action::Allow => None,
                    Action::Deny => Some(Withdrawal::Denied),
                    Action::Challenge(_) => Some(Withdrawal::Challenged),
                };
                if let Some(how) = refused {
                    self.withdraw(&evidence, how);
                    let again = replayed.again.as_ref().unwrap_or(&replayed.before);
                    let teaches = again.assessment.teaches();
                    self.note(&evidence, Became::Withheld, teaches);
                    return replayed;
                }
            }
        }
        self.answered(attempt.outcome, &mut evidence, &mut replayed, solves);
        replayed
    }

    /// Publishes what the whole site sees, as often as the gate does.
    fn survey(&mut self, at: Timestamp) {
        if at.since(self.site.at) < SURVEY {
            return;
        }
        // A memory of this process always answers.
        if let Ok(site) = at_once(pin!(self.store.site(at))) {
            self.site = Arc::new(population::with(site, self.population.publish(at)));
        }
    }

    /// Tells the population what became of an attempt.
    fn note(&mut self, evidence: &Evidence, became: Became, teaches: bool) {
        if let Some(campaigns) = self.population.note(evidence, became, teaches) {
            self.site = Arc::new(population::with(Site::clone(&self.site), campaigns));
        }
    }

    fn tell(&mut self, evidence: &Evidence, became: Became, decision: &Decision) {
        self.note(evidence, became, decision.assessment.teaches());
    }

    /// The judgement of the next try: the clearance is spent where the policy asks for what it clears, and else kept.
    fn again(&self, evidence: &mut Evidence, route: &Route, kind: ChallengeKind) -> Decision {
        let decision = decide(evidence, &route.policy.rules);
        if decision.ruling.action != Action::Challenge(kind) {
            return self.banned(evidence, decision);
        }
        evidence.clearance = challenge::supposed(kind);
        self.judge(evidence, route)
    }

    /// The application answered.
    fn answered(
        &mut self,
        outcome: Outcome,
        evidence: &mut Evidence,
        replayed: &mut Replayed,
        solves: &dyn Fn(ChallengeKind) -> bool,
    ) {
        let route = replayed.route.clone();
        let judged = &replayed.again.as_ref().unwrap_or(&replayed.before).assessment;
        let (mut teaches, mut suspect) = (judged.teaches(), false);
        self.metrics.settled(self.live.metrics_of(&route), outcome);
        replayed.passed = true;
        if answer::is_judged_again(&route, outcome) {
            evidence.moment = Moment::After;
            let unrecognised = self.live.metrics_of(&route).mostly_unrecognised();
            let at = evidence.attempt.at;
            at_once(pin!(gather::owner(&self.store, evidence, unrecognised, at)));
            let decision = self.judge(evidence, &route);
            let action = decision.ruling.action;
            teaches = decision.assessment.teaches();
            suspect = decision.assessment.fired.names().any(|name| name == "takeover_success");
            replayed.after = Some(decision);
            match action {
                Action::Allow => {}
                Action::Deny => {
                    replayed.passed = false;
                    self.note(evidence, Became::Succeeded, false);
                    return self.withdraw(evidence, Withdrawal::Denied);
                }
                Action::Challenge(kind) => {
                    self.withdraw(evidence, Withdrawal::Held);
                    replayed.solved = solves(kind);
                    replayed.passed = replayed.solved;
                    if !replayed.passed {
                        return self.note(evidence, Became::Succeeded, false);
                    }
                    // Settled as when a held answer is released.
                    teaches = true;
                }
            }
        }
        if let Some(became) = population::became(outcome) {
            self.note(evidence, became, teaches);
        }
        let (id, at) = (evidence.attempt.id, evidence.attempt.at);
        let login = evidence.login.filter(|_| outcome == Outcome::Succeeded);
        let owner = login.map(|login| Taught { login, suspect });
        // A memory of this process always answers.
        let settlement = Settlement { teaches, owner, ..Settlement::new(id, outcome, at) };
        let _ = at_once(pin!(self.store.settle(&settlement)));
    }

    fn judge(&self, evidence: &Evidence, route: &Route) -> Decision {
        self.banned(evidence, decide(evidence, &route.policy.rules))
    }

    fn banned(&self, evidence: &Evidence, mut decision: Decision) -> Decision {
        let ledger = Ledger { store: &self.store, metrics: &self.metrics };
        at_once(pin!(bans::carry_out(ledger, &self.live, evidence, &mut decision, Mode::Enforce)));
        decision
    }

    fn withdraw(&self, evidence: &Evidence, how: Withdrawal) {
        let (id, at) = (evidence.attempt.id, evidence.attempt.at);
        let _ = at_once(pin!(self.store.withdraw(id, how, at)));
    }

    /// What the head says, and the route that judges the attempt.
    fn head(&mut self, attempt: &LabelledAttempt<'_>) -> Result<Option<(Arc<Route>, Head)>, String> {
        let Some((place, route)) = self.route_of(&attempt.event) else { return Ok(None) };
        let route = route.clone();
        let said = self.said(attempt, place)?;
        Ok(Some((route, Head::of(&self.live, said, attempt.ip))))
    }

    /// Most attempts come from a browser of which others came before, with the very same headers but for the length of the
    /// body, which says nothing here: those are read once.
    fn said(&mut self, attempt: &LabelledAttempt<'_>, route: usize) -> Result<Said, String> {
        self.key.clear();
        self.key.extend_from_slice(&route.to_be_bytes());
        self.key.push(attempt.http as u8);
        for (name, value) in &attempt.headers {
            let is_length =
                name.eq_ignore_ascii_case("content-length") && value.bytes().all(|byte| byte.is_ascii_digit());
            for text in [&**name, if is_length { "" } else { value }] {
                self.key.extend_from_slice(&(text.len() as u32).to_be_bytes());
                self.key.extend_from_slice(text.as_bytes());
            }
        }
        if let Some(said) = self.said.get(&self.key[..]) {
            return Ok(said.clone());
        }
        let header = self.header(attempt, route)?;
        let raw = (attempt.http != HttpVersion::Http2).then_some(&self.raw[..]);
        // The file tells what the client sent; that a page was shown over TLS, the headers tell themselves.
        let way = Way { secure: false, own_tls: false, direct: true };
        let said = Said::read(&self.live, Received { header: &header, raw, way, ip: attempt.ip, bytes: 0 });
        self.headers = Parts::from(header).headers;
        if !said.tells_addresses() && self.key.len() <= LONGEST_HEAD {
            self.said.put(self.key[..].into(), said.clone());
        }
        Ok(said)
    }

    /// What the fields say, and whose device it is.
    fn told(&self, attempt: &LabelledAttempt<'_>, route: &Route) -> (Captured, Option<Told>) {
        let disposable = |domain: &str| self.live.intel.disposable(domain);
        let captured = fields::told(route, |field| attempt.fields.text(field), &self.keys, &disposable);
        let device = self.live.settings.device_cookie.as_ref().and(attempt.device.as_deref());
        let told = |name| {
            let id = self.keys.device_told(name);
            Told { id, known_as: self.keys.device(&id) }
        };
        (captured, device.map(told))
    }

    /// Counts the attempt.
    fn evidence(&mut self, attempt: &LabelledAttempt<'_>, prepared: Prepared) -> Box<Evidence> {
        let Prepared { route, head, captured, device } = prepared;
        self.count += 1;
        let (id, site) = (id(attempt.at.0, self.count), self.site.clone());
        let device = device.map_or(Brought::NOTHING, |told| self.brought(told, attempt.at));
        let visitor = gather::Visitor { id, at: attempt.at, ip: attempt.ip, device, site };
        let gathered = gather::evidence(&self.store, &self.keys, &self.live, head, &route, captured, visitor);
        let mut evidence = at_once(pin!(gathered));
        evidence.clearance = Clearance::NONE;
        self.paces.note_attempt(&mut evidence.attempt);
        blind_where_absent(&mut evidence, &self.absent);
        evidence
    }

    /// The device cookie that the gate would have given to this device: proven once somebody logged in with it.
    fn brought(&self, told: Told, at: Timestamp) -> Brought {
        let Told { id, known_as } = told;
        let holder = match at_once(pin!(self.store.look_up(Entity::Holder(known_as), at))) {
            Ok(Some(Known::Holder(holder))) => Some(holder),
            _ => None,
        };
        let issued = holder.as_ref().map_or(at, |holder| holder.first);
        let proven = holder.is_some_and(|holder| holder.logged_in);
        Brought::told(Token { id, issued, renewed: issued, generation: 0, proven }, known_as)
    }

    /// The head of the request, as the client would have sent it to the route of this place.
    fn header(&mut self, attempt: &LabelledAttempt<'_>, route: usize) -> Result<RequestHeader, String> {
        let mut request = Request::new(());
        *request.headers_mut() = std::mem::take(&mut self.headers);
        request.headers_mut().clear();
        if let Some((method, uri)) = self.lines.get(route) {
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.clone();
        }
        *request.version_mut() = match attempt.http {
            HttpVersion::Http10 => Version::HTTP_10,
            HttpVersion::Http11 => Version::HTTP_11,
            HttpVersion::Http2 => Version::HTTP_2,
        };
        self.raw.clear();
        // The request line is not looked at: names, their order and their case are.
        self.raw.extend_from_slice(b"\n");
        request.headers_mut().reserve(attempt.headers.len());
        for (name, value) in &attempt.headers {
            let wrong = |what: &str| format!("{what} `{}` cannot be sent", super::shown(name.as_bytes()));
            // The pseudo-headers of HTTP/2 are no headers.
            if name.starts_with(':') {
                continue;
            }
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("a header called"))?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| wrong("the value of the header"))?;
            request.headers_mut().append(header, value);
            self.raw.extend_from_slice(name.as_bytes());
            self.raw.extend_from_slice(b":\n");
        }
        self.raw.extend_from_slice(b"\n");
        Ok(request.into_parts().0.into())
    }
}

/// How an attempt on a route asks for it.
fn request_line(route: &Route) -> (Method, Uri) {
    let method = route.matching.methods.first().map_or("POST", |method| &**method);
    let path = match &route.matching.path {
        PathPattern::Exact(path) | PathPattern::Prefix(path) => path,
        PathPattern::Glob(_) | PathPattern::Regex(_) | PathPattern::Any => "/",
    };
    (Method::from_bytes(method.as_bytes()).unwrap_or(Method::POST), path.parse().unwrap_or_default())
}

/// What is asked of a memory of this process is answered at once, and nothing else is asked here: so there is nobody to wait
/// for, and no task to carry the attempt about in.
fn at_once<T>(mut question: Pin<&mut impl Future<Output = T>>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match question.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => debug_assert!(false, "a memory of this process answers at once"),
        }
    }
}

/// Ids sort by time, and are the same whenever the same file is played.
fn id(at: u64, count: u64) -> AttemptId {
    let mut rest = [0; 10];
    rest[2..].copy_from_slice(&count.to_be_bytes());
    AttemptId(uuid::Builder::from_unix_timestamp_millis(at, &rest).into_uuid().as_u128())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn replay() -> Replay {
        let built_in = include_str!("../../evaluate/built_in.yaml");
        let (settings, absent) = crate::config::parse_elsewhere("built-in", built_in, Path::new("")).unwrap();
        Replay::open(settings, absent).map_err(|_| "the built-in configuration is whole").unwrap()
    }

    fn attempt(ip: &str, http: &str, headers: &str) -> LabelledAttempt<'static> {
        let line = format!(
            r#"{{"t":1,"event":"login","ip":"{ip}","http":"{http}","headers":[{headers}],"outcome":"failed","label":"x"}}"#
        );
        crate::attempt_file::Attempts::new("a", line.as_bytes()).next().unwrap().unwrap()
    }

    #[test]
    fn a_head_that_is_remembered_says_what_it_would_say() {
        let chrome = r#"["content-length","LENGTH"],["user-agent","Mozilla/5.0"],["accept-language","de"]"#;
        let length = |length: &str| chrome.replace("LENGTH", length);
        let attempts = [
            attempt("192.0.2.1", "2", &length("49")),
            attempt("192.0.2.2", "2", &length("50")),
            attempt("192.0.2.1", "2", &length("as long as it gets")),
            attempt("192.0.2.1", "1.1", &length("49")),
            attempt("192.0.2.1", "1.1", &length("49").replace("user-agent", "User-Agent")),
            attempt("192.0.2.1", "2", &length("49").replace("\"de\"", "\"en\"")),
            attempt("192.0.2.1", "2", r#"["user-agent","Mozilla/5.0"],["accept-language","de"]"#),
            attempt("192.0.2.1", "1.1", r#"["x-forwarded-for","192.0.2.1"]"#),
            attempt("192.0.2.2", "1.1", r#"["x-forwarded-for","192.0.2.1"]"#),
        ];
        let mut used = replay();
        for _ in 0..2 {
            for attempt in &attempts {
                let [used, fresh] = [&mut used, &mut replay()].map(|replay| format!("{:?}", replay.said(attempt, 0)));
                assert_eq!(used, fresh, "{:?}", attempt.headers);
            }
        }
        assert_eq!(used.said.len(), 6, "one for two lengths, and none that tells addresses");
        let long = format!(r#"["user-agent","{}"]"#, "a".repeat(LONGEST_HEAD));
        used.said(&attempt("192.0.2.1", "2", &long), 0).unwrap();
        assert_eq!(used.said.len(), 6, "none that is long");
    }
}
