//! The admin pages as a service of Pingora.

use super::pages::{AdminState, Page, RELOAD, respond};
use async_trait::async_trait;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;
use pingora::services::listening::Service;
use std::net::SocketAddr;
use std::sync::Arc;

/// What may be changed over the listener, by whoever shows the token.
#[async_trait]
pub trait Changes: Send + Sync {
    /// Whether this is the token; `None`: there is none, and nothing can be changed.
    fn allows(&self, token: &[u8]) -> Option<bool>;
    /// Loads the configuration again and says what became of it.
    async fn reload(&self) -> Page;
}

/// Answers requests on the admin listener.
pub struct AdminApp {
    state: Arc<AdminState>,
    changes: Arc<dyn Changes>,
}

/// The service to add to the server. Pingora binds it when the server starts.
pub fn service(state: Arc<AdminState>, changes: Arc<dyn Changes>, address: SocketAddr) -> Service<AdminApp> {
    let mut service = Service::new("admin".to_owned(), AdminApp { state, changes });
    service.add_tcp(&address.to_string());
    service
}

#[async_trait]
impl ServeHttp for AdminApp {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        // No page takes a body; what was sent with the request is not the next request.
        session.set_keepalive(None);
        let head = session.req_header();
        if head.uri.path() != RELOAD {
            return answer(&head.method, respond(head.method.as_str(), head.uri.path(), &self.state), "GET, HEAD");
        }
        let page = match refusal(&head.method, &head.headers, &*self.changes) {
            Some(refusal) => refusal,
            None => self.changes.reload().await,
        };
        answer(&head.method, page, "POST")
    }
}

/// Why nothing is changed for this request, if so.
fn refusal(method: &Method, headers: &HeaderMap, changes: &dyn Changes) -> Option<Page> {
    if *method != Method::POST {
        return Some(Page::text(405, "POST only"));
    }
    let shown = headers.get(AUTHORIZATION).map_or(&[][..], HeaderValue::as_bytes);
    let (scheme, token) = shown.split_at(shown.len().min("Bearer ".len()));
    let token = if scheme.eq_ignore_ascii_case(b"Bearer ") { token.trim_ascii() } else { &[] };
    match changes.allows(token) {
        Some(true) => None,
        Some(false) => Some(Page::text(401, "This needs the token of admin.token_file: Authorization: Bearer <token>")),
        None => Some(Page::text(403, "Nothing can be changed here: the configuration names no admin.token_file.")),
    }
}

fn answer(method: &Method, page: Page, allow: &'static str) -> Response<Vec<u8>> {
    let length = page.body.len();
    let body = if *method == Method::HEAD { Vec::new() } else { page.body };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if page.status == 405 {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if page.status == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::metrics::Metrics;
    use pingora::apps::HttpServerApp;
    use pingora::protocols::Stream;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn state() -> Arc<AdminState> {
        Arc::new(AdminState::new(Arc::new(Metrics::new().unwrap())))
    }

    struct Guarded(Option<&'static str>);

    #[async_trait]
    impl Changes for Guarded {
        fn allows(&self, token: &[u8]) -> Option<bool> {
            self.0.map(|own| own.as_bytes() == token)
        }

        async fn reload(&self) -> Page {
            Page::text(200, "done")
        }
    }

    #[test]
    fn only_who_shows_the_token_changes_anything() {
        let status = |method, header: Option<&'static str>, own| {
            let mut headers = HeaderMap::new();
            headers.extend(header.map(|value| (AUTHORIZATION, HeaderValue::from_static(value))));
            refusal(&method, &headers, &Guarded(own)).map(|page| page.status)
        };
        assert_eq!(status(Method::POST, Some("Bearer secret"), Some("secret")), None);
        assert_eq!(status(Method::POST, Some("bearer  secret "), Some("secret")), None);
        for header in
            [None, Some(""), Some("Bearer"), Some("Bearer "), Some("secret"), Some("Basic secret"), Some("Bearer x")]
        {
            assert_eq!(status(Method::POST, header, Some("secret")), Some(401), "{header:?}");
        }
        assert_eq!(status(Method::POST, Some("Bearer "), None), Some(403));
        assert_eq!(status(Method::GET, Some("Bearer secret"), Some("secret")), Some(405));
    }

    #[test]
    fn head_says_the_length_and_sends_nothing() {
        let ask = |method: Method| answer(&method, respond(method.as_str(), "/healthz", &state()), "GET, HEAD");
        let (get, head) = (ask(Method::GET), ask(Method::HEAD));
        assert_eq!(head.headers()[CONTENT_LENGTH], "3");
        assert_eq!((get.body().as_slice(), head.body().as_slice()), (b"ok\n".as_slice(), b"".as_slice()));
        assert_eq!(ask(Method::PUT).headers()[ALLOW], "GET, HEAD");
    }

    #[test]
    fn a_request_over_a_connection_is_answered() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answered = runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(64 << 10);
            client.write_all(b"GET /healthz?x=1 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            let (_keep, shutdown) = tokio::sync::watch::channel(false);
            let app = Arc::new(AdminApp { state: state(), changes: Arc::new(Guarded(Some("secret"))) });
            let stream: Stream = Box::new(server);
            assert!(app.process_new_http(ServerSession::new_http1(stream), &shutdown).await.is_none());
            let mut answered = String::new();
            client.read_to_string(&mut answered).await.unwrap();
            answered
        });
        assert!(answered.starts_with("HTTP/1.1 200 OK\r\n"), "{answered}");
        assert!(answered.ends_with("\r\n\r\nok\n"), "{answered}");
    }
}
