//! The application's answer: read by the route's rules, judged a second time after a success, held or dropped if that
//! judgement says so, and settled in the store.
//!
//! Nothing is held back to be read: the head tells by itself, or the body is watched as it streams (its first 64 KiB).
//! Only when `on_success` rules so is an answer kept from the visitor. Pingora lets the head be replaced while the body
//! still comes, if the replacement is chunked; the body is then collected and swallowed here. An answer without a body
//! calls no body hook, so the exchange ends in an error of our own making, and `fail_to_proxy` writes the whole reply.

use super::bans;
use super::device::{self, Standing};
use super::enforce::{self, Course};
use super::gate::{Gate, Judged, upstream_fault};
use super::gather;
use super::judge::no_randomness;
use super::leaks;
use super::own_pages;
use super::population;
use super::released::Waiting;
use super::reply;
use crate::admin::metrics::ChallengeStep;
use crate::challenge::{Challenges, HeldAnswer, HoldError, Issued, MOST_BODY, Reply, Visit};
use crate::config::settings::{Route, Settles};
use crate::engine::decision::{Action, Decision};
use crate::engine::event::Event;
use crate::engine::evidence::{Evidence, Moment};
use crate::engine::outcome::{AnswerHead, BODY_PREFIX, Outcome, OutcomeRule, Verdict};
use crate::engine::population::Became;
use crate::engine::record::Enforcement;
use crate::engine::time::Timestamp;
use crate::engine::{self};
use crate::secrets::NoRandomness;
use crate::store::Taught;
use crate::store::{Conclusion, Settlement, Withdrawal};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Method, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::{Error, ErrorSource, ErrorType};
use std::time::Duration;

/// How far the answer is.
pub enum Answer {
    Awaited,
    /// The rules need the body: its beginning so far.
    Reading(Box<Head>, BytesMut),
    Read(Finding),
    /// Kept from the visitor, who got a challenge or a refusal instead.
    Kept(Box<Kept>),
}

/// What the head said, kept for body rules and the record.
pub struct Head {
    status: u16,
    header: ResponseHeader,
}

/// What the rules found.
#[derive(Clone, Debug)]
pub struct Finding {
    pub outcome: Outcome,
    /// `succeeded[0]`; `None` when no rule matched.
    pub rule: Option<OutcomeRule>,
    /// The application's status.
    pub status: u16,
}

/// An answer that the visitor did not get.
pub struct Kept {
    finding: Finding,
    decision: Decision,
    enforcement: Enforcement,
    /// What the visitor gets instead.
    reply: Reply,
    /// The answer, to be released once; `None` if it is dropped.
    hold: Option<(Issued, HeldAnswer)>,
    body: BytesMut,
    /// The body is larger than can be held.
    too_large: bool,
    /// The reply's body still has to be written in place of the application's.
    reply_body_due: bool,
    /// The exchange ends in an error, and the whole reply is written then.
    whole_reply_due: bool,
}

impl Answer {
    /// What to write when the exchange was ended on purpose.
    pub fn instead(&self) -> Option<&Reply> {
        match self {
            Answer::Kept(kept) if kept.whole_reply_due => Some(&kept.reply),
            Answer::Kept(_) | Answer::Awaited | Answer::Reading(..) | Answer::Read(_) => None,
        }
    }
}

/// The head of the answer came.
pub async fn head(
    gate: &Gate,
    session: &mut Session,
    response: &mut ResponseHeader,
    judged: &mut Judged,
) -> pingora::Result<()> {
    if response.status.is_informational() {
        return Ok(());
    }
    let status = response.status.as_u16();
    let now = gate.clock.now();
    let (outcome, rule) = match judged.route.outcome.by_head(&View(response), now) {
        Verdict::Decided(outcome, rule) => (outcome, rule),
        Verdict::NeedsBody => {
            judged.answer = Answer::Reading(Box::new(Head { status, header: response.clone() }), BytesMut::new());
            return cookie(gate, judged, Outcome::Unknown, response);
        }
    };
    let finding = Finding { outcome, rule, status };
    if !is_judged_again(&judged.route, outcome) {
        judged.answer = Answer::Read(finding);
        return cookie(gate, judged, outcome, response);
    }
    after_success(gate, session, response, judged, finding).await
}

async fn after_success(
    gate: &Gate,
    session: &mut Session,
    response: &mut ResponseHeader,
    judged: &mut Judged,
    finding: Finding,
) -> pingora::Result<()> {
    judged.evidence.moment = Moment::After;
    if let Some(late) = judged.late.take() {
        leaks::take(late, &mut judged.evidence);
    }
    let unrecognised = judged.live.metrics_of(&judged.route).mostly_unrecognised();
    if let Some(fault) = gather::owner(&gate.store, &mut judged.evidence, unrecognised, gate.clock.now()).await {
        gate.metrics.store_failed(&fault);
    }
    let mut decision = engine::decide(&judged.evidence, &judged.route.policy.rules);
    gate.metrics.decided(judged.live.metrics_of(&judged.route), &decision);
    let mode = enforce::mode(judged.live.settings.mode, &judged.route);
    bans::carry_out(gate.ledger(), &judged.live, &judged.evidence, &mut decision, mode).await;
    let in_place = match enforce::course(&decision, mode) {
        Course::Forward(_permit, enforcement) => {
            judged.answer = Answer::Read(finding);
            judged.decision = decision;
            judged.enforcement = enforcement;
            return cookie(gate, judged, Outcome::Succeeded, response);
        }
        refused => {
            let visit = own_pages::visit(gate, session);
            if let Course::Challenge(kind) = refused {
                gate.metrics.challenge(Some(kind), ChallengeStep::Offered);
            }
            let header = session.req_header();
            let (live, route) = (&judged.live, &judged.route);
            in_place(&live.challenges, route, &judged.evidence, &refused, header, response, &visit)
                .map_err(no_randomness)?
        }
    };
    if in_place.cannot_be_held {
        gate.metrics.refused_capture("answer_not_held");
    }
    let InPlace { reply, hold, enforcement, .. } = in_place;
    // No success until the challenge is solved.
    let standing = Standing::of(&judged.evidence, false);
    let reply = reply.with_cookies(device::next(gate, &judged.live, &judged.device, standing));
    let whole_reply_due = is_bodiless(response, &session.req_header().method) || hold.is_none();
    let kept = Kept {
        finding,
        decision,
        enforcement,
        reply,
        hold,
        body: BytesMut::new(),
        too_large: is_too_large(response),
        reply_body_due: true,
        whole_reply_due,
    };
    let whole = kept.whole_reply_due;
    if !whole {
        let old_client = session.req_header().version < Version::HTTP_11;
        let mut replacement = reply::head(&kept.reply, false)?;
        if old_client {
            // Cannot read chunks: the end of the connection is the end of the answer.
            session.set_keepalive(None);
        } else {
            replacement.insert_header(TRANSFER_ENCODING, "chunked")?;
        }
        *response = replacement;
    }
    judged.answer = Answer::Kept(Box::new(kept));
    match whole {
        // Ends the exchange: `fail_to_proxy` writes the reply, and nothing of the application's answer is sent.
        true => Err(Error::explain(ErrorType::Custom("answer kept"), "the gate answers in its place").into_in()),
        false => Ok(()),
    }
}

/// The device cookie, in an answer that the visitor gets.
fn cookie(gate: &Gate, judged: &Judged, outcome: Outcome, response: &mut ResponseHeader) -> pingora::Result<()> {
    let succeeded = outcome == Outcome::Succeeded && judged.route.event.has_after();
    let standing = Standing::of(&judged.evidence, succeeded);
    device::set(gate, &judged.live, &judged.device, standing, response)
}

/// What a visitor gets in place of an answer.
pub struct InPlace {
    pub reply: Reply,
    /// The answer, to be released once; `None` if it is dropped.
    pub hold: Option<(Issued, HeldAnswer)>,
    pub enforcement: Enforcement,
    /// It should have been kept and cannot be: the visitor is refused rather than let through.
    pub cannot_be_held: bool,
}

/// Makes what the visitor gets in place of `response`, by a course that is not to forward.
pub fn in_place(
    challenges: &Challenges,
    route: &Route,
    evidence: &Evidence,
    course: &Course,
    asked: &RequestHeader,
    response: &ResponseHeader,
    visit: &Visit,
) -> Result<InPlace, NoRandomness> {
    let reference = || evidence.attempt.id.to_string();
    let denied =
        |reply, cannot_be_held| InPlace { reply, hold: None, enforcement: Enforcement::Denied, cannot_be_held };
    let Course::Challenge(kind) = *course else {
        return Ok(denied(enforce::denial(route, &asked.headers, &reference()), false));
    };
    let issued = challenges.issue(enforce::order(kind, route, evidence), visit)?;
    match held_head(asked.uri.path(), response) {
        Ok(answer) if !is_too_large(response) => {
            let reply = issued.reply(visit);
            let hold = Some((issued, answer));
            Ok(InPlace { reply, hold, enforcement: Enforcement::Challenged, cannot_be_held: false })
        }
        held => {
            if let Err(error) = held {
                tracing::error!(%error, "an answer cannot be held; the visitor is refused");
            }
            Ok(denied(enforce::refused(403, visit.wants_html, &reference()), true))
        }
    }
}

/// The answer's head as it will be released.
fn held_head(path: &str, response: &ResponseHeader) -> Result<HeldAnswer, HoldError> {
    let headers = response.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    HeldAnswer::new(path, response.status.as_u16(), headers, Bytes::new())
}

/// Whether the answer announces more than can be held.
fn is_too_large(response: &ResponseHeader) -> bool {
    declared_length(response).is_some_and(|length| length > MOST_BODY as u64)
}

/// What a whole answer says.
pub fn outcome(
    route: &Route,
    response: &ResponseHeader,
    body: &[u8],
    now: Timestamp,
) -> (Outcome, Option<OutcomeRule>) {
    match route.outcome.by_head(&View(response), now) {
        Verdict::Decided(outcome, rule) => (outcome, rule),
        Verdict::NeedsBody => route.outcome.by_body(&View(response), now, body),
    }
}

/// Whether an answer that said so is judged before the visitor gets it.
pub fn is_judged_again(route: &Route, outcome: Outcome) -> bool {
    outcome == Outcome::Succeeded && route.event.has_after() && !route.policy.rules.on_success.is_empty()
}

/// A piece of the answer's body came.
pub fn body(gate: &Gate, session: &Session, piece: &mut Option<Bytes>, end: bool, judged: &mut Judged) {
    match &mut judged.answer {
        Answer::Reading(head, beginning) => {
            if let Some(bytes) = piece {
                let room = BODY_PREFIX - beginning.len();
                beginning.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            if end || beginning.len() == BODY_PREFIX {
                let now = gate.clock.now();
                let (outcome, rule) = judged.route.outcome.by_body(&View(&head.header), now, beginning);
                judged.answer = Answer::Read(Finding { outcome, rule, status: head.status });
            }
        }
        Answer::Kept(kept) => {
            if let Some(bytes) = piece.take() {
                if kept.body.len() + bytes.len() <= MOST_BODY {
                    kept.body.extend_from_slice(&bytes);
                } else {
                    kept.too_large = true;
                }
            }
            let bodiless = session.req_header().method == Method::HEAD;
            *piece = Some(match std::mem::take(&mut kept.reply_body_due) && !bodiless {
                true => kept.reply.body.clone(),
                false => Bytes::new(),
            });
        }
        Answer::Awaited | Answer::Read(_) => {}
    }
}

/// The exchange is over: what became of the attempt is settled and recorded.
pub async fn finish(gate: &Gate, error: Option<&Error>, judged: &mut Judged) {
    let now = gate.clock.now();
    let id = judged.evidence.attempt.id;
    let took = judged.forwarded.elapsed();
    let finding = match std::mem::replace(&mut judged.answer, Answer::Awaited) {
        Answer::Read(finding) => finding,
        // No body came, or not all of it.
        Answer::Reading(head, beginning) => {
            let (outcome, rule) = judged.route.outcome.by_body(&View(&head.header), now, &beginning);
            match (error, outcome) {
                (None, _) | (Some(_), Outcome::Failed) => Finding { outcome, rule, status: head.status },
                // What was not seen could have said otherwise, and who leaves early must not choose what counts.
                (Some(error), _) => Finding { outcome: without_answer(error), rule: None, status: head.status },
            }
        }
        Answer::Kept(mut kept) => {
            if kept.too_large && kept.hold.take().is_some() {
                gate.metrics.refused_capture("answer_not_held");
            }
            // A refused success must not make its sender a known source.
            let mut how = Withdrawal::Denied;
            if let Some((issued, mut answer)) = kept.hold.take() {
                answer.body = kept.body.freeze();
                hold(gate, judged, &issued, &answer, (&kept.finding, &kept.decision), took).await;
                how = Withdrawal::Held;
            }
            gate.withdraw(id, how, now).await;
            // The password was right, whoever it was.
            gate.tell(&judged.evidence, Became::Succeeded, false);
            judged.evidence.moment = Moment::After;
            judged.decision = kept.decision;
            judged.enforcement = kept.enforcement;
            gate.record_outcome(judged, &kept.finding, took);
            return;
        }
        Answer::Awaited => {
            let outcome = error.map_or(Outcome::Unknown, without_answer);
            if outcome == Outcome::Unknown {
                gate.metrics.upstream_failed(error.map_or("broken", upstream_fault));
            }
            // What the visitor read was the gate's own error: the application answered nothing.
            Finding { outcome, rule: None, status: 0 }
        }
    };
    let teaches = judged.decision.assessment.teaches();
    let owner = taught(judged).filter(|_| finding.outcome == Outcome::Succeeded);
    // What is said of it later is about this attempt.
    let attempt = &judged.evidence.attempt;
    let order = attempt.form.order.filter(|_| attempt.event == Event::Checkout);
    gate.settle(&Settlement { id, outcome: finding.outcome, at: now, teaches, owner, order }).await;
    if let Some(became) = population::became(finding.outcome) {
        gate.tell(&judged.evidence, became, teaches);
    }
    gate.record_outcome(judged, &finding, took);
    settle_order(gate, judged, finding.outcome, now).await;
}

/// What a request said of an order holds once the application accepted it.
async fn settle_order(gate: &Gate, judged: &Judged, outcome: Outcome, at: Timestamp) {
    let (Some(settles), Outcome::Succeeded) = (judged.route.settles, outcome) else { return };
    let Some(order) = judged.evidence.attempt.form.order else { return };
    let said = Conclusion { order, paid: settles == Settles::Settled, at };
    // Nobody waits for this, and whoever calls has been answered: what the store did not take is counted there as a failure.
    let _ = gate.conclude(&judged.live, &said, Some(&judged.route.name)).await;
}

/// What the account's profile learns of a login that was let through: nothing of one that would have been refused were it
/// not for monitor mode. One that would have been challenged there is taken for its owner's, who would have passed: else
/// whoever has a new telephone would stay a stranger for as long as the gate only watches.
fn taught(judged: &Judged) -> Option<Taught> {
    let lets = match judged.enforcement {
        Enforcement::Forwarded | Enforcement::Released => true,
        Enforcement::Monitored(action) => action != Action::Deny,
        Enforcement::Challenged | Enforcement::Denied | Enforcement::Refused(_) | Enforcement::Unscored(_) => false,
    };
    let login = judged.evidence.login.filter(|_| lets)?;
    Some(Taught { login, suspect: is_suspect(&judged.decision) })
}

/// Whether a login that succeeded ended a burst of failures, by the decision of that moment.
fn is_suspect(decision: &Decision) -> bool {
    decision.assessment.fired.names().any(|name| name == "takeover_success")
}

/// What an exchange comes to that ended in an error before the answer told.
fn without_answer(error: &Error) -> Outcome {
    match error.esource() {
        ErrorSource::Downstream => Outcome::Aborted,
        ErrorSource::Upstream | ErrorSource::Internal | ErrorSource::Unset => Outcome::Unknown,
    }
}

/// Puts a kept answer into the store, where the solved challenge finds it. `decision`: the one that holds it, which is not yet
/// the attempt's.
async fn hold(
    gate: &Gate,
    judged: &Judged,
    issued: &Issued,
    answer: &HeldAnswer,
    (finding, decision): (&Finding, &Decision),
    took: Duration,
) {
    let now = gate.clock.now();
    let (Some(id), Some(Ok(sealed))) = (issued.hold_id, judged.live.challenges.seal(issued, answer)) else {
        tracing::error!("an answer could not be sealed; the visitor has to sign in again");
        return gate.metrics.refused_capture("answer_not_held");
    };
    let record = gate.release_record(judged, finding, took).into();
    let (attempt, login) = (judged.evidence.attempt.id, judged.evidence.login);
    let waiting = Waiting { attempt, login, suspect: is_suspect(decision), record, sealed };
    if let Err(error) = gate.store.hold(id, waiting.to_bytes(), issued.expires.since(now), now).await {
        tracing::error!(%error, "an answer could not be stored; the visitor has to sign in again");
        gate.metrics.refused_capture("answer_not_held");
    }
}

/// The answer's head as the rules see it.
struct View<'h>(&'h ResponseHeader);

impl AnswerHead for View<'_> {
    fn status(&self) -> u16 {
        self.0.status.as_u16()
    }

    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.0.headers.get_all(name).iter().map(http::HeaderValue::as_bytes)
    }
}

fn is_bodiless(response: &ResponseHeader, asked: &Method) -> bool {
    asked == Method::HEAD || matches!(response.status.as_u16(), 204 | 304) || declared_length(response) == Some(0)
}

fn declared_length(response: &ResponseHeader) -> Option<u64> {
    response.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
