//! The way of a call: let in, found, read, answered, written down.
//!
//! Everything that can be told from the head is told before a byte of the body is read, and who calls is told before what
//! is called: an unknown path is nobody's business without the token.

use super::access::{self, Caller};
use super::call::{self, Call, Notes};
use super::endpoint::{Audit, Body, Endpoint, Reply, Verb};
use super::problem::{Kind, Problem};
use super::{Api, endpoints, target};
use crate::engine::attempt::AttemptId;
use crate::gateway::new_id;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, EXPECT};
use http::{HeaderMap, Method, Uri};
use pingora::protocols::http::ServerSession;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// Where the API is.
pub const PREFIX: &str = "/api/";
/// How long a body may take.
const BODY: Duration = Duration::from_secs(30);

/// What of a request's head decides.
struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    peer: IpAddr,
    /// SHA-256 of the client's certificate; empty without one.
    certificate: Vec<u8>,
}

impl Head {
    fn of(session: &ServerSession) -> Head {
        let header = session.req_header();
        let tls = session.digest().and_then(|digest| digest.ssl_digest.as_ref());
        let peer =
            session.client_addr().and_then(|address| address.as_inet()).map(|address| address.ip().to_canonical());
        Head {
            method: header.method.clone(),
            uri: header.uri.clone(),
            headers: header.headers.clone(),
            // Only sockets without addresses have none.
            peer: peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            certificate: tls.map(|tls| tls.cert_digest.clone()).unwrap_or_default(),
        }
    }
}

impl Api {
    /// Answers a request below [`PREFIX`].
    pub async fn serve(self: &Arc<Api>, session: &mut ServerSession) -> Reply {
        let head = Head::of(session);
        let id = new_id(self.gate.clock.now());
        let caller = match self.let_in(&head) {
            Ok(caller) => caller,
            Err(problem) => return self.turn_away(&head, id, problem).await,
        };
        if let Err(wait) = self.limits.call(self.gate.clock.now()) {
            self.gate.metrics.admin_called("none", "throttled");
            return Problem::later(Kind::Throttled, wait, "more calls than the gate takes in a second").into_reply();
        }
        let notes = Notes::default();
        let found = find(&head.method, &head.uri);
        let answered = match found {
            Ok((endpoint, ref path)) => self.answer(session, &head, id, &caller, endpoint, path, &notes).await,
            Err(ref problem) => Err(problem.clone()),
        };
        let endpoint = found.ok().map(|(endpoint, _)| endpoint);
        self.gate.metrics.admin_called(
            endpoint.map_or("none", |endpoint| endpoint.path),
            match &answered {
                Ok(_) => "answered",
                Err(problem) if problem.status() >= 500 => "failed",
                Err(_) => "refused",
            },
        );
        let told = match (&answered, endpoint.map(|endpoint| endpoint.audit)) {
            (Err(_), _) | (Ok(_), Some(Audit::Reads | Audit::Changes)) => true,
            (Ok(_), Some(Audit::Silent) | None) => false,
        };
        if told {
            let status = answered.as_ref().map_or_else(Problem::status, |reply| reply.status);
            let told = Told { status, problem: answered.as_ref().err().map(Problem::name), notes, untold: 0 };
            self.write_down(&head, id, Some(&caller), endpoint, told).await;
        }
        answered.unwrap_or_else(Problem::into_reply)
    }

    /// Whether whoever sent this head may call.
    fn let_in(&self, head: &Head) -> Result<Caller, Problem> {
        let live = self.gate.live.load();
        access::not_by_a_page(&head.headers, &head.uri, &live.settings.admin.hosts)?;
        let wants_certificate = live.settings.admin.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        if live.token.is_none() && live.settings.admin.token_file.is_some() {
            // Its file was taken away: what is wanted cannot be shown, and no certificate stands in for it.
            return Err(Problem::unauthorised("the token was revoked"));
        }
        if live.token.is_none() && !wants_certificate {
            let detail = "nothing can be asked here: the configuration names no `admin.token_file`";
            return Err(Problem::new(Kind::Closed, detail));
        }
        let mut caller = Caller { peer: head.peer, token: None, certificate: None };
        if let Some(token) = &live.token {
            let revoked = self.gate.token_revoked.load(std::sync::atomic::Ordering::Relaxed);
            if !token.is(access::bearer(&head.headers)) || revoked {
                let detail = "show the token of `admin.token_file`: Authorization: Bearer <token>";
                return Err(Problem::unauthorised(detail));
            }
            caller.token = Some(token.fingerprint());
        }
        if wants_certificate {
            let known = self.gate.client_ca.as_ref();
            caller.certificate = known.and_then(|ca| ca.vouches_for(&head.certificate, self.gate.clock.now()));
            if caller.certificate.is_none() {
                let detail = "show a certificate that `admin.tls.client_ca` signed";
                return Err(Problem::new(Kind::Unauthorised, detail));
            }
        }
        Ok(caller)
    }

    /// Tells whoever was not let in, and the audit log while there is room for it.
    async fn turn_away(&self, head: &Head, id: AttemptId, problem: Problem) -> Reply {
        match self.limits.refused(head.peer, self.gate.clock.now()) {
            Ok(untold) => {
                self.gate.metrics.admin_called("none", "refused");
                let told =
                    Told { status: problem.status(), problem: Some(problem.name()), notes: Notes::default(), untold };
                self.write_down(head, id, None, None, told).await;
                problem.into_reply()
            }
            Err(wait) => {
                self.gate.metrics.admin_called("none", "throttled");
                Problem::later(Kind::Throttled, wait, "too many calls that were not let in").into_reply()
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one call, each of another life")]
    async fn answer(
        self: &Arc<Api>,
        session: &mut ServerSession,
        head: &Head,
        id: AttemptId,
        caller: &Caller,
        endpoint: &'static Endpoint,
        path: &[String],
        notes: &Notes,
    ) -> Result<Reply, Problem> {
        let query = target::pairs(head.uri.query().unwrap_or_default())?;
        let values = call::values(endpoint, path, query)?;
        let busy = |_| Problem::later(Kind::Busy, Duration::from_secs(1), "other calls are being answered");
        let _place = self.at_once.try_acquire().map_err(busy)?;
        let body = read_body(session, head, &endpoint.body).await?;
        let call = Call::new(self.clone(), caller.clone(), id, values, body, notes.clone());
        (endpoint.handle)(call).await
    }

    async fn write_down(
        &self,
        head: &Head,
        id: AttemptId,
        caller: Option<&Caller>,
        endpoint: Option<&Endpoint>,
        told: Told<'_>,
    ) {
        let entry = super::audit::Entry {
            at: self.gate.clock.now(),
            id,
            peer: head.peer,
            caller,
            // A path may hold an identifier: only the template is written.
            endpoint: endpoint.map(|endpoint| (endpoint.verb.name(), endpoint.path)),
            status: told.status,
            problem: told.problem,
            about: told.notes.all(),
            untold: told.untold,
        };
        let path = self.gate.live.load().settings.admin.audit_log.clone();
        self.audit.write(path, entry.line()).await;
    }
}

/// What came of a call.
struct Told<'t> {
    status: u16,
    problem: Option<&'t str>,
    notes: Notes,
    /// Refusals before this one that have no line.
    untold: u64,
}

/// The row for this method and path, and the path's decoded segments.
fn find(method: &Method, uri: &Uri) -> Result<(&'static Endpoint, Vec<String>), Problem> {
    let path = target::segments(uri.path())?;
    let rows: Vec<&Endpoint> = endpoints().filter(|endpoint| fits(endpoint.path, &path)).collect();
    // A path that is written out wins over one with a placeholder.
    let placeholders = |endpoint: &&Endpoint| endpoint.path.matches('{').count();
    let least = rows.iter().map(placeholders).min();
    let rows: Vec<&Endpoint> = rows.into_iter().filter(|row| Some(placeholders(row)) == least).collect();
    if rows.is_empty() {
        let detail = "what there is, /api/v1/openapi.json tells";
        return Err(Problem::new(Kind::NotFound, detail));
    }
    match Verb::of(method).and_then(|verb| rows.iter().find(|endpoint| endpoint.verb == verb)) {
        Some(endpoint) => Ok((endpoint, path)),
        None => Err(Problem::method(&allowed(&rows))),
    }
}

/// The `Allow` header of these rows.
fn allowed(rows: &[&Endpoint]) -> String {
    let mut verbs: Vec<&str> = Vec::new();
    for row in rows {
        verbs.push(row.verb.name());
        if row.verb == Verb::Get {
            verbs.push("HEAD");
        }
    }
    verbs.join(", ")
}

fn fits(template: &str, path: &[String]) -> bool {
    let mut parts = template.split('/').skip(1);
    let all = path.iter().all(|segment| match parts.next() {
        Some(part) if call::placeholder(part).is_some() => !segment.is_empty(),
        Some(part) => part == segment,
        None => false,
    });
    all && parts.next().is_none()
}

/// Reads a body of the wanted type, within its bounds.
async fn read_body(session: &mut ServerSession, head: &Head, wanted: &Body) -> Result<Bytes, Problem> {
    let most = call::most(wanted);
    let too_large = || match most {
        0 => Problem::new(Kind::TooLarge, "this takes no body"),
        most => Problem::new(Kind::TooLarge, format!("at most {most} bytes")).with("most", most),
    };
    let length = head.headers.get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > most as u64) {
        return Err(too_large());
    }
    // Before any of it is read: a form that a page sends needs no preflight, and is none of these types.
    let shown = head.headers.get(CONTENT_TYPE).map(|shown| shown.to_str().unwrap_or_default());
    if let Some(media) = call::media(wanted)
        && !shown.is_some_and(|shown| is_media(shown, media))
    {
        return Err(Problem::new(Kind::Media, format!("send `Content-Type: {media}`")).with("wanted", media));
    }
    if head.headers.contains_key(EXPECT) && most > 0 {
        // Whoever waits for this waits for a second, and not for ever.
        let _ = session.write_continue_response().await;
    }
    let reading = async {
        let mut body = BytesMut::new();
        loop {
            match session.read_request_body().await {
                Ok(Some(part)) if body.len() + part.len() > most => return Err(too_large()),
                Ok(Some(part)) => body.extend_from_slice(&part),
                Ok(None) => return Ok(body.freeze()),
                Err(_) => return Err(Problem::new(Kind::Body, "it broke off")),
            }
        }
    };
    match tokio::time::timeout(BODY, reading).await {
        Ok(read) => read,
        Err(_) => Err(Problem::new(Kind::Slow, format!("it must arrive within {} s", BODY.as_secs()))),
    }
}

/// Whether a `Content-Type` is this media type, whatever its parameters.
fn is_media(shown: &str, media: &str) -> bool {
    shown.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media)
}
