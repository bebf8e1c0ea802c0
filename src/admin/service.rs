//! The admin listener as a service of Pingora: the open pages, and what is below `/api/`.

use super::api::endpoint::Reply;
use super::api::{Api, PREFIX};
use super::pages::{AdminState, Page, respond};
use async_trait::async_trait;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Response, StatusCode};
use parking_lot::Mutex;
use pingora::apps::{HttpServerApp, ReusedHttpStream};
use pingora::listeners::tls::TlsSettings;
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use pingora::services::listening::Service;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Connections that are served at once; more are closed.
const MOST_CONNECTIONS: usize = 256;
/// How long a request's head may take, and writing an answer.
const HEAD: Duration = Duration::from_secs(10);
const WRITE: Duration = Duration::from_secs(60);
/// How much of an unread body is read to its end, and how long, so that an answer is not lost with the connection.
const LINGER: Duration = Duration::from_secs(2);
const MOST_LINGERED: usize = 1 << 20;

/// Answers requests on the admin listener.
pub struct AdminApp {
    state: Arc<AdminState>,
    api: Arc<Api>,
    heads: Heads,
    places: Semaphore,
}

impl AdminApp {
    pub fn new(state: Arc<AdminState>, api: Arc<Api>) -> AdminApp {
        AdminApp { state, api, heads: Heads::default(), places: Semaphore::new(MOST_CONNECTIONS) }
    }
}

/// The service to add to the server. Pingora binds it when the server starts.
pub fn service(
    state: Arc<AdminState>,
    api: Arc<Api>,
    address: SocketAddr,
) -> Result<Service<AdminApp>, Box<pingora::Error>> {
    let gate = api.gate.clone();
    let mut service = Service::new("admin".to_owned(), AdminApp::new(state, api));
    match gate.certificates.get(&address) {
        None => service.add_tcp(&address.to_string()),
        Some(certificate) => {
            // Only the resolver is used: the paths are not read again.
            let mut settings = TlsSettings::intermediate("", "")?;
            settings.set_cert_resolver(certificate.clone());
            if let Some(client_ca) = &gate.client_ca {
                settings.set_client_cert_verifier(client_ca.clone());
            }
            service.add_tls_with_settings(&address.to_string(), None, settings);
        }
    }
    Ok(service)
}

#[async_trait]
impl HttpServerApp for AdminApp {
    /// One request a connection: whoever asks more has more.
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        _shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let place = self.heads.enter();
        let read = tokio::select! {
            read = tokio::time::timeout(HEAD, session.read_request()) => read,
            () = place.must_go() => return None,
        };
        drop(place);
        let Ok(Ok(true)) = read else { return None };
        let _place = self.places.try_acquire().ok()?;
        session.set_keepalive(None);
        session.set_write_timeout(Some(WRITE));
        let (head, body) = self.response(&mut session).await.into_parts();
        session.write_response_header(Box::new(head.into())).await.ok()?;
        session.write_response_body(body.into(), true).await.ok()?;
        linger(&mut session).await;
        session.finish().await.ok()?;
        None
    }
}

/// Connections that have not sent their head yet, oldest first. When they are too many the oldest goes: who opens
/// connections and says nothing keeps nobody out who speaks.
#[derive(Default)]
struct Heads(Arc<Mutex<VecDeque<Arc<Notify>>>>);

/// One of them.
struct Waiting {
    among: Arc<Mutex<VecDeque<Arc<Notify>>>>,
    told: Arc<Notify>,
}

impl Heads {
    fn enter(&self) -> Waiting {
        let told = Arc::new(Notify::new());
        let mut waiting = self.0.lock();
        if waiting.len() >= MOST_CONNECTIONS
            && let Some(oldest) = waiting.pop_front()
        {
            oldest.notify_one();
        }
        waiting.push_back(told.clone());
        Waiting { among: self.0.clone(), told }
    }
}

impl Waiting {
    /// Resolves when its place is needed.
    async fn must_go(&self) {
        self.told.notified().await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.among.lock().retain(|told| !Arc::ptr_eq(told, &self.told));
    }
}

impl AdminApp {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let method = session.req_header().method.clone();
        if session.req_header().uri.path().starts_with(PREFIX) {
            let reply = Box::pin(self.api.serve(session)).await;
            return answer(&method, reply);
        }
        let head = session.req_header();
        let page = respond(head.method.as_str(), head.uri.path(), &self.state);
        answer(&method, open(page))
    }
}

/// Reads what is still being sent, within bounds: closing over unread bytes resets the connection, and the answer goes
/// with it.
async fn linger(session: &mut ServerSession) {
    let rest = async {
        let mut read = 0;
        while let Ok(Some(part)) = session.read_request_body().await {
            read += part.len();
            if read > MOST_LINGERED {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

/// An open page as an answer.
fn open(page: Page) -> Reply {
    let allow = (page.status == 405).then(|| (ALLOW, HeaderValue::from_static("GET, HEAD")));
    Reply { status: page.status, media: page.content_type, body: page.body, headers: allow.into_iter().collect() }
}

fn answer(method: &Method, reply: Reply) -> Response<Vec<u8>> {
    let length = reply.body.len();
    let body = if *method == Method::HEAD { Vec::new() } else { reply.body };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.media));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.extend(reply.headers.into_iter().map(|(name, value)| (Some(name), value)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::metrics::Metrics;

    #[test]
    fn head_says_the_length_and_sends_nothing() {
        let state = AdminState::new(Arc::new(Metrics::new().unwrap()));
        let ask = |method: Method| answer(&method, open(respond(method.as_str(), "/healthz", &state)));
        let (get, head) = (ask(Method::GET), ask(Method::HEAD));
        assert_eq!(head.headers()[CONTENT_LENGTH], "3");
        assert_eq!((get.body().as_slice(), head.body().as_slice()), (b"ok\n".as_slice(), b"".as_slice()));
        assert_eq!(ask(Method::PUT).headers()[ALLOW], "GET, HEAD");
    }
}
