//! The proxy's hooks, in the order Pingora calls them: each is a line or two that says what happens then, and the work is
//! in the module of that stage.
//!
//! `request_filter` (before any upstream exists): [`judge`]. `upstream_peer`, `upstream_request_filter`,
//! `request_body_filter`: [`forward`]. `response_filter`, `response_body_filter`, `logging`:
//! [`answer`].

use super::answer::{self, Answer};
use super::bans::Ledger;
use super::client_ca::ClientCa;
use super::clock::Clock;
use super::device::{self, Brought};
use super::door;
use super::enforce;
use super::forward::{self, Visitor};
use super::held::{Budget, Held};
use super::identity::Keys;
use super::leaks::Late;
use super::live::Live;
use super::pace::Paces;
use super::population::Keeper;
use super::reply;
use super::service_manager::ProxyRuntime;
use super::tls::Certificate;
use super::upstream::Upstream;
use super::{host_of, judge, socket_peer};
use crate::admin::metrics::Metrics;
use crate::admin::pages::AdminState;
use crate::config::settings::Route;
use crate::engine::decision::Decision;
use crate::engine::evidence::{Evidence, Site};
use crate::engine::record::Enforcement;
use crate::events::Sinks;
use crate::store::Store;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::prelude::HttpPeer;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::{Error, ErrorSource, ErrorType};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Characters of an error's chain that are worth a line of the log.
const MOST_OF_AN_ERROR: usize = 300;

/// Everything that outlives a configuration, and the configuration of now.
pub struct Gate {
    pub live: ArcSwap<Live>,
    pub store: Arc<Store>,
    /// What the whole site sees, for evidence.
    pub site: ArcSwap<Site>,
    /// What finds campaigns.
    pub population: Keeper,
    pub metrics: Arc<Metrics>,
    pub sinks: Arc<Sinks>,
    /// What the admin listener shows.
    pub admin: Arc<AdminState>,
    /// Visitors' connections that are open.
    pub connections: Arc<AtomicUsize>,
    /// Where visitors are served.
    pub proxy_runtime: Arc<ProxyRuntime>,
    /// What identifiers and passwords are hashed under.
    pub keys: Keys,
    pub budget: Arc<Budget>,
    /// How the attempts of each sender follow each other.
    pub paces: Paces,
    /// What each TLS listener shows, by its address.
    pub certificates: HashMap<SocketAddr, Arc<Certificate>>,
    /// Who may call the admin API by certificate, where the listener asks for one.
    pub client_ca: Option<Arc<ClientCa>>,
    pub clock: Clock,
    /// Whether the file of the admin token was taken away: then it is no longer accepted.
    pub token_revoked: AtomicBool,
    /// Whether another process [took over](super::succession), and this one only serves the connections that it has.
    pub handed_over: watch::Sender<bool>,
}

impl Gate {
    /// Where rules write whom they ban.
    pub fn ledger(&self) -> Ledger<'_> {
        Ledger { store: &self.store, metrics: &self.metrics }
    }
}

/// What is known of one request as it passes the hooks.
pub enum Visit {
    /// Its head was just read.
    Arrived,
    /// On no protected route (or forwarded unscored, with the body that was held to tell).
    Passing {
        live: Arc<Live>,
        held: Option<Held>,
        tries: usize,
    },
    Judged(Box<Judged>),
    /// Answered by the gate itself.
    Answered,
}

/// A judged request on its way.
pub struct Judged {
    pub live: Arc<Live>,
    pub route: Arc<Route>,
    pub evidence: Box<Evidence>,
    pub decision: Decision,
    pub enforcement: Enforcement,
    pub held: Held,
    /// When the gate was done with it.
    pub forwarded: Instant,
    pub answer: Answer,
    /// The device cookie that came with it.
    pub device: Brought,
    /// What is still being asked about its password.
    pub late: Option<Late>,
    pub tries: usize,
}

impl Visit {
    fn live(&self) -> Option<&Arc<Live>> {
        match self {
            Visit::Passing { live, .. } => Some(live),
            Visit::Judged(judged) => Some(&judged.live),
            Visit::Arrived | Visit::Answered => None,
        }
    }

    fn held(&self) -> Option<&Held> {
        match self {
            Visit::Passing { held, .. } => held.as_ref(),
            Visit::Judged(judged) => Some(&judged.held),
            Visit::Arrived | Visit::Answered => None,
        }
    }

    fn count_try(&mut self) -> usize {
        match self {
            Visit::Passing { tries, .. } => {
                *tries += 1;
                *tries
            }
            Visit::Judged(judged) => {
                judged.tries += 1;
                judged.tries
            }
            Visit::Arrived | Visit::Answered => usize::MAX,
        }
    }
}

/// The hooks over a shared gate.
pub struct Hooks(pub Arc<Gate>);

#[async_trait]
impl ProxyHttp for Hooks {
    type CTX = Visit;

    fn new_ctx(&self) -> Visit {
        Visit::Arrived
    }

    fn init_downstream_modules(&self, _modules: &mut pingora::modules::http::HttpModules) {
        // None: answers go out as the application compressed them.
    }

    async fn early_request_filter(&self, session: &mut Session, _visit: &mut Visit) -> pingora::Result<()> {
        door::head_complete();
        let client = session.as_mut();
        client.set_total_drain_timeout(Some(Duration::from_secs(10)));
        client.set_write_timeout(Some(Duration::from_secs(60)));
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, visit: &mut Visit) -> pingora::Result<bool> {
        let live = self.0.live.load_full();
        // HTTP/1.1; HTTP/2 connections are told when they are opened. Off stays off: the client, or a shutdown, said so.
        if session.as_ref().get_keepalive().is_some() {
            session.set_keepalive(Some(live.settings.limits.client_idle.as_secs().max(1)));
        }
        *visit = judge::request(&self.0, live, session).await?;
        Ok(matches!(visit, Visit::Answered))
    }

    async fn upstream_peer(&self, session: &mut Session, visit: &mut Visit) -> pingora::Result<Box<HttpPeer>> {
        visit.count_try();
        upstream(visit, session)?.peer()
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        visit: &mut Visit,
    ) -> pingora::Result<()> {
        let peer = socket_peer(session);
        let fixed_host = upstream(visit, session)?.fixed_host().map(str::to_owned);
        let live = visit.live();
        let visitor = Visitor {
            peer,
            peer_is_trusted: live.is_some_and(|live| live.trusts(peer)),
            device_cookie: live.and_then(|live| live.devices.name()),
            tls: session.digest().is_some_and(|digest| digest.ssl_digest.is_some()),
            http2: session.req_header().version == http::Version::HTTP_2,
            host: request.headers.get(http::header::HOST).cloned(),
        };
        forward::request(request, &visitor, fixed_host.as_deref())?;
        if let Some(held) = visit.held() {
            let read_answer = match &*visit {
                Visit::Judged(judged) => judged.route.outcome.needs_body(),
                Visit::Arrived | Visit::Passing { .. } | Visit::Answered => false,
            };
            forward::held(request, held.body().len(), read_answer)?;
        }
        if let Visit::Judged(judged) = visit {
            forward::verdict(request, &judged.evidence, &judged.decision)?;
            // A retry begins a new answer.
            judged.answer = Answer::Awaited;
        }
        Ok(())
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        visit: &mut Visit,
    ) -> pingora::Result<()> {
        // Called once for a held body, with what Pingora replays of it: the last 64 KiB. See `held`.
        if let Some(held) = visit.held()
            && end
            && !held.body().is_empty()
        {
            *body = Some(held.body().clone());
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        visit: &mut Visit,
    ) -> pingora::Result<()> {
        match visit {
            Visit::Judged(judged) => answer::head(&self.0, session, response, judged).await,
            Visit::Passing { live, .. } => device::on_page(&self.0, live, session, response),
            Visit::Arrived | Visit::Answered => Ok(()),
        }
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        visit: &mut Visit,
    ) -> pingora::Result<Option<Duration>> {
        if let Visit::Judged(judged) = visit {
            answer::body(&self.0, session, body, end, judged);
        }
        Ok(None)
    }

    async fn logging(&self, _session: &mut Session, error: Option<&Error>, visit: &mut Visit) {
        door::head_awaited();
        match visit {
            Visit::Judged(judged) => Box::pin(answer::finish(&self.0, error, judged)).await,
            Visit::Passing { .. } => {
                if let Some(error) = error.filter(|error| *error.esource() == ErrorSource::Upstream) {
                    self.0.metrics.upstream_failed(upstream_fault(error));
                }
            }
            Visit::Arrived | Visit::Answered => {}
        }
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        visit: &mut Visit,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let most = upstream(visit, session).map_or(1, Upstream::tries);
        let tries = match visit {
            Visit::Passing { tries, .. } => *tries,
            Visit::Judged(judged) => judged.tries,
            Visit::Arrived | Visit::Answered => most,
        };
        // Nothing was sent yet: another server may be asked, whatever the method.
        error.set_retry(tries < most);
        error
    }

    fn error_while_proxy(
        &self,
        peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        _visit: &mut Visit,
        client_reused: bool,
    ) -> Box<Error> {
        let mut error = error.more_context(format!("Peer: {peer}"));
        // A pooled connection that the application closed in the very moment it was chosen fails before a byte of an
        // answer, also for a POST. As browsers do, the request is sent again on another connection.
        let stale = client_reused
            && *error.esource() == ErrorSource::Upstream
            && matches!(error.etype(), ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError)
            && session.response_written().is_none()
            && !session.as_ref().retry_buffer_truncated();
        error.set_retry(stale);
        error
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, visit: &mut Visit) -> FailToProxy {
        if let Visit::Judged(judged) = visit
            && let Some(reply) = judged.answer.instead()
        {
            let status = reply.status;
            if let Err(error) = reply::write(session, reply).await {
                tracing::debug!(%error, "the visitor left before the gate's answer");
            }
            return FailToProxy { error_code: status, can_reuse_downstream: false };
        }
        let code = match (error.etype(), error.esource()) {
            (ErrorType::HTTPStatus(code), _) => *code,
            (ErrorType::ReadTimedout | ErrorType::ConnectTimedout, ErrorSource::Upstream) => 504,
            (_, ErrorSource::Upstream) => 502,
            (ErrorType::WriteError | ErrorType::ReadError | ErrorType::ConnectionClosed, ErrorSource::Downstream) => 0,
            (_, ErrorSource::Downstream) => 400,
            (_, ErrorSource::Internal | ErrorSource::Unset) => 500,
        };
        if *error.esource() == ErrorSource::Upstream {
            let cause: String = error.to_string().chars().take(MOST_OF_AN_ERROR).collect();
            tracing::warn!(status = code, why = upstream_fault(error), %cause, "the application did not answer");
        }
        if code > 0 && session.response_written().is_none() {
            let page = reply::wants_page(&session.req_header().headers);
            if let Err(error) = reply::write(session, &enforce::fault(code, page)).await {
                tracing::debug!(%error, "the visitor left before the gate's error");
            }
        }
        FailToProxy { error_code: code, can_reuse_downstream: false }
    }

    fn suppress_error_log(&self, _session: &Session, visit: &Visit, error: &Error) -> bool {
        // The gate's own doing, and visitors who leave, are no errors of the gate.
        matches!(visit, Visit::Judged(judged) if judged.answer.instead().is_some())
            || *error.esource() == ErrorSource::Downstream
            // Told in words by `fail_to_proxy`.
            || *error.esource() == ErrorSource::Upstream
    }

    fn request_summary(&self, session: &Session, _visit: &Visit) -> String {
        // Without the query, which may carry anything.
        let header = session.req_header();
        format!("{} {}", header.method, header.uri.path().chars().take(128).collect::<String>())
    }
}

/// What went wrong with an upstream, as the metrics name it.
pub fn upstream_fault(error: &Error) -> &'static str {
    match error.etype() {
        ErrorType::ConnectTimedout
        | ErrorType::ConnectRefused
        | ErrorType::ConnectNoRoute
        | ErrorType::ConnectError => "connect",
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => "timeout",
        ErrorType::TLSHandshakeFailure | ErrorType::TLSHandshakeTimedout | ErrorType::InvalidCert => "tls",
        ErrorType::InvalidHTTPHeader => "malformed",
        _ => "broken",
    }
}

fn upstream<'v>(visit: &'v Visit, session: &Session) -> pingora::Result<&'v Upstream> {
    let live =
        visit.live().ok_or_else(|| Error::explain(ErrorType::InternalError, "no configuration for this request"))?;
    Ok(match live.upstreams.is_single() {
        true => live.upstreams.only(),
        false => live.upstreams.for_host(&host_of(session.req_header())),
    })
}
