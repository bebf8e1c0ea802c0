//! The journey of a request up to its enforcement: recognise, capture, gather, decide, carry out. Runs in Pingora's
//! `request_filter`, before any upstream exists; it ends either in an answer of the gate's own or in a request that goes on.

use super::answer::Answer;
use super::appearance::Way;
use super::bans;
use super::device::{self, Brought, Standing};
use super::enforce::{self, Course};
use super::fields::Captured;
use super::form::{Unreadable, Values};
use super::framing::FramingFault;
use super::gate::{Gate, Judged, Visit};
use super::gather;
use super::held::{self, Held, HoldFault};
use super::judgement::{self, Read};
use super::leaks::{self, Late};
use super::live::Live;
use super::own_pages::{self, Spending};
use super::recognize::{Candidates, Recognized};
use super::reply;
use super::{host_of, is_tls, new_id, raw_head, socket_peer};
use crate::admin::metrics::{ChallengeStep, Stage};
use crate::config::settings::{Mode, Route};
use crate::engine::attempt::AttemptId;
use crate::engine::clearance::Clearance;
use crate::engine::decision::{Action, Decision};
use crate::engine::event::Event;
use crate::engine::evidence::Evidence;
use crate::engine::population::Became;
use crate::engine::record::{Enforcement, Refusal};
use crate::secrets::NoRandomness;
use crate::store::Withdrawal;
use pingora::proxy::Session;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// Takes a request from its head to the decision. What no route matches is told at once; only for the rest a future is
/// made, which is large, and so lives on the heap.
pub async fn request(gate: &Gate, live: Arc<Live>, session: &mut Session) -> pingora::Result<Visit> {
    let began = Instant::now();
    if !judgement::is_readable(session.req_header()) {
        gate.metrics.requested(false);
        Box::pin(answer_refusal(session, 400, &new_id(gate.clock.now()))).await?;
        return Ok(Visit::Answered);
    }
    if own_pages::are_meant(session.req_header()) {
        Box::pin(own_pages::serve(gate, &live, session)).await?;
        return Ok(Visit::Answered);
    }
    let has_body = has_body(session);
    let trusted = live.trusts(socket_peer(session));
    let Some(candidates) = live.routes.candidates(&judgement::head(session.req_header(), has_body, trusted)) else {
        gate.metrics.requested(false);
        return Ok(Visit::Passing { live, held: None, tries: 0 });
    };
    gate.metrics.requested(true);
    gate.metrics.passed(Stage::Recognise, began.elapsed());
    let secure = device::is_secure(&live, session);
    let device = live.devices.read(&session.req_header().headers, secure, gate.clock.now());
    gate.metrics.device_cookie(device.finding.name());
    let (id, ip) = (new_id(gate.clock.now()), IpAddr::from([0, 0, 0, 0]));
    let call = Call { gate, live, began, id, ip, device, late: None };
    Box::pin(call.protected(session, candidates)).await
}

/// Whether a body may follow. HTTP/2 need not announce one, but says with the head when there is none.
fn has_body(session: &mut Session) -> bool {
    match session.req_header().version {
        http::Version::HTTP_2 => !session.as_mut().is_body_empty(),
        _ => judgement::announces_body(session.req_header()),
    }
}

/// Answers a request that is not judged, and ends its connection: part of the body may be unread.
async fn answer_refusal(session: &mut Session, status: u16, reference: &AttemptId) -> pingora::Result<()> {
    session.set_keepalive(None);
    let page = reply::wants_page(&session.req_header().headers);
    reply::write(session, &enforce::refused(status, page, &reference.to_string())).await?;
    reply::linger(session).await;
    Ok(())
}

/// Without randomness no challenge can be made, and nothing is let through instead.
pub fn no_randomness(error: NoRandomness) -> Box<pingora::Error> {
    pingora::Error::because(pingora::ErrorType::HTTPStatus(503), "cannot make a challenge", error).into_in()
}

/// One request on a protected route.
struct Call<'g> {
    gate: &'g Gate,
    live: Arc<Live>,
    began: Instant,
    id: AttemptId,
    ip: IpAddr,
    device: Brought,
    /// What is still being asked about its password.
    late: Option<Late>,
}

impl Call<'_> {
    async fn protected(mut self, session: &mut Session, candidates: Candidates) -> pingora::Result<Visit> {
        self.ip = super::client_ip::client_ip(
            &self.live.settings.client_ip,
            socket_peer(session),
            &session.req_header().headers,
        );
        self.live.note_stranger(socket_peer(session), &session.req_header().headers);
        let presumed = candidates.presumed().clone();
        if let Err(fault) = self.framing(session) {
            return match self.monitors(&presumed) {
                // Pingora has normalised the framing; nothing was read yet.
                true => Ok(self.let_pass(session, &presumed, None, fault.name())),
                false => self.refuse(session, &presumed, 400, fault.name()).await,
            };
        }
        // A client that is done sending may close its half and still wait for the answer; and one that leaves early
        // must not keep the gate from learning what the application said.
        session.as_mut().set_abort_on_close(false);
        let limits = &self.live.settings.limits;
        let held = match held::hold(session, limits.body, limits.capture, &self.gate.budget).await {
            Ok(held) => held,
            Err(fault) => return self.not_held(session, &presumed, fault).await,
        };
        match judgement::read(&self.live, &candidates, session.req_header(), held.body()) {
            Read::Request(recognized, values) => self.judge(session, recognized, held, &values).await,
            Read::Unreadable(route, unreadable) => self.unreadable(session, &route, held, unreadable).await,
            // The body says that this is no request of any route. It goes on as it came.
            Read::Elsewhere => Ok(Visit::Passing { live: self.live, held: Some(held), tries: 0 }),
        }
    }

    async fn judge(
        mut self,
        session: &mut Session,
        recognized: Recognized,
        held: Held,
        values: &Values,
    ) -> pingora::Result<Visit> {
        let Recognized { route, ambiguities } = recognized;
        let headers = &session.req_header().headers;
        let (mut captured, must_deny) =
            judgement::capture(&self.live, &self.gate.keys, &route, ambiguities, values, headers);
        let captured_at = Instant::now();
        self.gate.metrics.passed(Stage::Capture, captured_at - self.began);
        if must_deny {
            self.gate.metrics.ambiguous();
        }
        let asked = leaks::begin(&self.live, &captured);
        if route.event == Event::Register
            && let (Some(servers), Some(email)) = (&self.live.mail, &mut captured.identity.email)
        {
            servers.check(email).await;
        }
        let mut evidence = self.gather(session, &route, captured, held.body().len()).await;
        self.late = leaks::settle(asked, &mut evidence).await;
        if let Some(word) = leaks::word(&evidence) {
            self.gate.metrics.password(word);
        }
        let gathered = Instant::now();
        evidence.degraded.iter().for_each(|part| self.gate.metrics.degraded(part));
        self.gate.metrics.passed(Stage::Gather, gathered - captured_at);
        let mut decision = judgement::decide(&evidence, &route, must_deny);
        if let Action::Challenge(kind) = decision.ruling.action {
            evidence.clearance = self.clearance(session, &route, &evidence).await;
            if evidence.clearance.covers(kind) {
                self.gate.metrics.challenge(Some(kind), ChallengeStep::Cleared);
                decision = judgement::decide(&evidence, &route, must_deny);
            }
        }
        self.gate.metrics.passed(Stage::Decide, gathered.elapsed());
        self.gate.metrics.decided(self.live.metrics_of(&route), &decision);
        self.carry_out(session, route, evidence, decision, held).await
    }

    async fn gather(&self, session: &Session, route: &Arc<Route>, captured: Captured, bytes: usize) -> Box<Evidence> {
        let site = self.gate.site.load_full();
        let visitor =
            gather::Visitor { id: self.id, at: self.gate.clock.now(), ip: self.ip, device: self.device, site };
        let raw = raw_head(session);
        let way = Way {
            secure: device::is_secure(&self.live, session),
            own_tls: is_tls(session),
            direct: !self.live.trusts(socket_peer(session)),
        };
        let received = gather::Received { header: session.req_header(), raw: raw.as_deref(), way, ip: self.ip, bytes };
        let head = gather::Head::read(&self.live, received);
        let (store, keys) = (&self.gate.store, &self.gate.keys);
        let mut evidence = gather::evidence(store, keys, &self.live, head, route, captured, visitor).await;
        let forgotten = self.gate.paces.note_attempt(&mut evidence.attempt);
        self.gate.metrics.pace_noted(forgotten);
        evidence
    }

    /// A solved challenge for this very account and route, burnt by asking.
    async fn clearance(&self, session: &Session, route: &Route, evidence: &Evidence) -> Clearance {
        let account = evidence.attempt.identity.spelled;
        let now = evidence.attempt.at;
        let cookies = own_pages::cookies(&session.req_header().headers);
        let cookies: Vec<&[u8]> = cookies.iter().map(|cookie| &cookie[..]).collect();
        match self.live.challenges.clearance(&cookies, &route.name, account, now) {
            Some(pending) => pending.spend(&Spending(&self.gate.store)).await,
            None => Clearance::NONE,
        }
    }

    async fn carry_out(
        self,
        session: &mut Session,
        route: Arc<Route>,
        evidence: Box<Evidence>,
        mut decision: Decision,
        held: Held,
    ) -> pingora::Result<Visit> {
        let mode = enforce::mode(self.live.settings.mode, &route);
        bans::carry_out(self.gate.ledger(), &self.live, &evidence, &mut decision, mode).await;
        if mode == Mode::Enforce {
            decision.explored = route.policy.explore.lets_pass(&decision, || self.gate.keys.lot(self.id));
        }
        if decision.explored.is_some() {
            self.gate.metrics.explored(&route.name);
        }
        let now = evidence.attempt.at;
        match enforce::course(&decision, mode) {
            Course::Forward(_permit, enforcement) => {
                self.record(&route, &evidence, &decision, enforcement);
                Ok(Visit::Judged(Box::new(Judged {
                    live: self.live,
                    route,
                    evidence,
                    decision,
                    enforcement,
                    held,
                    forwarded: Instant::now(),
                    answer: Answer::Awaited,
                    device: self.device,
                    late: self.late,
                    tries: 0,
                })))
            }
            Course::Challenge(kind) => {
                self.gate.withdraw(self.id, Withdrawal::Challenged, now).await;
                self.gate.tell(&evidence, Became::Withheld, decision.assessment.teaches());
                self.record(&route, &evidence, &decision, Enforcement::Challenged);
                let order = enforce::order(kind, &route, &evidence);
                let visit = own_pages::visit(self.gate, session);
                let issued = self.live.challenges.issue(order, &visit).map_err(no_randomness)?;
                self.gate.metrics.challenge(Some(kind), ChallengeStep::Offered);
                reply::write(session, &issued.reply(&visit).with_cookies(self.cookie(&evidence))).await?;
                Ok(Visit::Answered)
            }
            Course::Deny => {
                self.gate.withdraw(self.id, Withdrawal::Denied, now).await;
                self.gate.tell(&evidence, Became::Withheld, decision.assessment.teaches());
                self.record(&route, &evidence, &decision, Enforcement::Denied);
                let reply = enforce::denial(&route, &session.req_header().headers, &self.id.to_string());
                reply::write(session, &reply.with_cookies(self.cookie(&evidence))).await?;
                Ok(Visit::Answered)
            }
        }
    }

    /// The device cookie for an answer of the gate's own.
    fn cookie(&self, evidence: &Evidence) -> Option<String> {
        device::next(self.gate, &self.live, &self.device, Standing::of(evidence, false))
    }

    fn record(&self, route: &Route, evidence: &Evidence, decision: &Decision, enforcement: Enforcement) {
        self.gate.record_decision(&self.live, route, evidence, decision, enforcement, self.began.elapsed());
    }

    async fn not_held(self, session: &mut Session, route: &Route, fault: HoldFault) -> pingora::Result<Visit> {
        let untouched = session.body_bytes_read() == 0;
        match fault {
            // Nothing of it was read yet, so it can still stream through.
            HoldFault::TooLarge if untouched && !enforce::refuses_too_large(route, self.monitors(route)) => {
                Ok(self.let_pass(session, route, None, "too_large"))
            }
            HoldFault::TooLarge => self.refuse(session, route, 413, "too_large").await,
            HoldFault::Slow => self.refuse(session, route, 408, "slow").await,
            HoldFault::Busy => self.refuse(session, route, 503, "busy").await,
            HoldFault::Broken(error) => {
                self.note_refusal(session, route, Enforcement::Refused("broken_off"));
                Err(error.into_down())
            }
        }
    }

    async fn unreadable(
        self,
        session: &mut Session,
        route: &Route,
        held: Held,
        unreadable: Unreadable,
    ) -> pingora::Result<Visit> {
        match enforce::refuses_unreadable(route, self.monitors(route)) {
            true => self.refuse(session, route, 400, unreadable.name()).await,
            false => Ok(self.let_pass(session, route, Some(held), unreadable.name())),
        }
    }

    fn framing(&self, session: &Session) -> Result<(), FramingFault> {
        judgement::framing(&self.live, session.req_header(), raw_head(session).as_deref())
    }

    fn monitors(&self, route: &Route) -> bool {
        enforce::mode(self.live.settings.mode, route) == Mode::Monitor
    }

    /// Forwards a request that cannot be judged, because the operator said so (`forward_unscored`, monitor mode).
    fn let_pass(self, session: &Session, route: &Route, held: Option<Held>, why: &'static str) -> Visit {
        let _permit = enforce::unscored();
        self.note_refusal(session, route, Enforcement::Unscored(why));
        Visit::Passing { live: self.live, held, tries: 0 }
    }

    /// Refuses a protected request that cannot be judged.
    async fn refuse(
        self,
        session: &mut Session,
        route: &Route,
        status: u16,
        why: &'static str,
    ) -> pingora::Result<Visit> {
        self.note_refusal(session, route, Enforcement::Refused(why));
        answer_refusal(session, status, &self.id).await?;
        Ok(Visit::Answered)
    }

    fn note_refusal(&self, session: &Session, route: &Route, enforcement: Enforcement) {
        let header = session.req_header();
        // What it said of itself: it may not have been read.
        let bytes =
            header.headers.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let request = gather::request_facts(header, &host_of(header), bytes.unwrap_or(0));
        let agent = gather::agent(&self.live, header);
        let refusal = Refusal {
            id: self.id,
            at: self.gate.clock.now(),
            event: &route.event,
            route: &route.name,
            ip: self.ip,
            device: &agent.name,
            request: &request,
            enforced: enforcement,
        };
        self.gate.record_refusal(&self.live, route, refusal);
    }
}
