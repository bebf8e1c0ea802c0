//! The gate's own addresses, under `/.tollgate/`: they never reach the application, also those that do not exist.

use super::device::{self, Standing};
use super::gate::Gate;
use super::held::{self, HoldFault};
use super::live::Live;
use super::released;
use super::{is_tls, reply};
use crate::admin::metrics::ChallengeStep;
use crate::challenge::{self, HeldAnswer, Reply, Solution, Spend, Spent, Visit};
use crate::engine::time::Timestamp;
use crate::store::{Burn, Store};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderMap, Method};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use std::time::Duration;

/// Everything of ours is below this.
const PREFIX: &str = "/.tollgate/";
/// A solution is small and comes at once.
const WITHIN: Duration = Duration::from_secs(10);

/// Whether a request is for the gate itself.
pub fn are_meant(header: &RequestHeader) -> bool {
    header.uri.path().starts_with(PREFIX)
}

/// Answers it.
pub async fn serve(gate: &Gate, live: &Live, session: &mut Session) -> pingora::Result<()> {
    let visit = visit(gate, session);
    let header = session.req_header();
    let ticket = header.uri.path().strip_prefix(challenge::PREFIX).map(str::to_owned);
    match (ticket, &header.method) {
        (Some(ticket), &Method::GET | &Method::HEAD) => {
            let page = live.challenges.page(&ticket, &visit);
            let cookie = device_cookie(gate, live, session, Standing::default());
            reply::write(session, &page.with_cookies(cookie)).await
        }
        (Some(ticket), &Method::POST) => solve(gate, live, session, &ticket, &visit).await,
        (Some(_), _) => {
            session.set_keepalive(None);
            reply::write(session, &plain(405, "GET shows the challenge, POST submits a solution.")).await
        }
        (None, _) => {
            session.set_keepalive(None);
            reply::write(session, &plain(404, "Nothing is here.")).await
        }
    }
}

async fn solve(gate: &Gate, live: &Live, session: &mut Session, ticket: &str, visit: &Visit) -> pingora::Result<()> {
    session.as_mut().set_abort_on_close(false);
    let form = match held::hold(session, challenge::MOST_FORM, WITHIN, &gate.budget).await {
        Ok(form) => form,
        Err(HoldFault::Broken(error)) => return Err(error.into_down()),
        Err(HoldFault::TooLarge | HoldFault::Slow | HoldFault::Busy) => {
            session.set_keepalive(None);
            return reply::write(session, &plain(413, "This is no solution.")).await;
        }
    };
    let cookies = cookies(&session.req_header().headers);
    let cookies: Vec<&[u8]> = cookies.iter().map(|cookie| &cookie[..]).collect();
    let solution = live.challenges.solve(ticket, form.body(), &cookies, visit, &Spending(&gate.store)).await;
    match solution {
        Solution::Clear { kind, reply } => {
            gate.metrics.challenge(Some(kind), ChallengeStep::Solved);
            reply::write(session, &reply).await
        }
        Solution::Refuse { kind, failure, reply } => {
            gate.metrics.challenge(kind, ChallengeStep::Refused(failure));
            reply::write(session, &reply).await
        }
        Solution::Release(release) => {
            let kind = Some(release.solved().kind());
            gate.metrics.challenge(kind, ChallengeStep::Solved);
            let waiting = released::take(gate, release.hold_id(), visit.now).await;
            let sealed = waiting.as_ref().map(|waiting| &waiting.sealed[..]);
            match live.challenges.release(release, sealed, visit) {
                Ok(answer) => {
                    gate.metrics.challenge(kind, ChallengeStep::Released);
                    if let Some(waiting) = waiting {
                        released::record(gate, live, &waiting, visit.now).await;
                    }
                    // What was held was a success.
                    let standing = Standing { succeeded: true, succeeded_now: true, copied: false };
                    let cookie = device_cookie(gate, live, session, standing);
                    write_answer(session, &answer, cookie).await
                }
                Err(reply) => reply::write(session, &reply).await,
            }
        }
    }
}

/// Sends a held answer as the application gave it, with a length of its own.
async fn write_answer(session: &mut Session, answer: &HeldAnswer, cookie: Option<String>) -> pingora::Result<()> {
    let mut header = ResponseHeader::build(answer.status, Some(answer.headers.len() + 1))?;
    for (name, value) in &answer.headers {
        header.append_header(name.clone(), &value[..])?;
    }
    for name in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
        header.remove_header(&name);
    }
    if !matches!(answer.status, 204 | 304) {
        header.insert_header(CONTENT_LENGTH, answer.body.len())?;
    }
    if let Some(cookie) = cookie {
        header.append_header(SET_COOKIE, cookie)?;
    }
    session.write_response_header(Box::new(header), answer.body.is_empty()).await?;
    if !answer.body.is_empty() {
        session.write_response_body(Some(answer.body.clone()), true).await?;
    }
    Ok(())
}

/// The device cookie for this visitor, if one is due.
fn device_cookie(gate: &Gate, live: &Live, session: &Session, standing: Standing) -> Option<String> {
    let secure = device::is_secure(live, session);
    let brought = live.devices.read(&session.req_header().headers, secure, gate.clock.now());
    device::next(gate, live, &brought, standing)
}

/// What challenges need to know of this request.
pub fn visit(gate: &Gate, session: &Session) -> Visit {
    Visit {
        now: gate.clock.now(),
        secure: is_tls(session),
        wants_html: reply::wants_page(&session.req_header().headers),
    }
}

/// The values of the `Cookie` headers.
pub fn cookies(headers: &HeaderMap) -> Vec<Bytes> {
    headers.get_all(COOKIE).iter().map(|value| Bytes::copy_from_slice(value.as_bytes())).collect()
}

fn plain(status: u16, text: &str) -> Reply {
    Reply {
        status,
        headers: vec![("content-type", "text/plain; charset=utf-8".to_owned())],
        body: Bytes::from(format!("{text}\n")),
    }
}

/// The store as challenges see it.
pub struct Spending<'s>(pub &'s Store);

impl Spend for Spending<'_> {
    async fn spend(&self, token: [u8; 16], lifetime: Duration, now: Timestamp) -> Spent {
        match self.0.burn(token, lifetime, now).await {
            Ok(Burn::First) => Spent::First,
            Ok(Burn::AlreadyUsed) => Spent::AlreadyUsed,
            Err(error) => {
                tracing::error!(%error, "a solved challenge could not be spent; the visitor has to try again");
                Spent::Unavailable
            }
        }
    }
}
