//! The admin pages as a service of Pingora.

use super::pages::{AdminState, respond};
use async_trait::async_trait;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Response, StatusCode};
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;
use pingora::services::listening::Service;
use std::net::SocketAddr;
use std::sync::Arc;

/// Answers requests on the admin listener.
#[derive(Debug)]
pub struct AdminApp(Arc<AdminState>);

/// The service to add to the server. Pingora binds it when the server starts.
pub fn service(state: Arc<AdminState>, address: SocketAddr) -> Service<AdminApp> {
    let mut service = Service::new("admin".to_owned(), AdminApp(state));
    service.add_tcp(&address.to_string());
    service
}

#[async_trait]
impl ServeHttp for AdminApp {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        // No page takes a body; what was sent with the request is not the next request.
        session.set_keepalive(None);
        let head = session.req_header();
        answer(&head.method, head.uri.path(), &self.0)
    }
}

fn answer(method: &Method, path: &str, state: &AdminState) -> Response<Vec<u8>> {
    let page = respond(method.as_str(), path, state);
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
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
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

    #[test]
    fn head_says_the_length_and_sends_nothing() {
        let get = answer(&Method::GET, "/healthz", &state());
        let head = answer(&Method::HEAD, "/healthz", &state());
        assert_eq!(head.headers()[CONTENT_LENGTH], "3");
        assert_eq!((get.body().as_slice(), head.body().as_slice()), (b"ok\n".as_slice(), b"".as_slice()));
        assert_eq!(answer(&Method::PUT, "/healthz", &state()).headers()[ALLOW], "GET, HEAD");
    }

    #[test]
    fn a_request_over_a_connection_is_answered() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answered = runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(64 << 10);
            client.write_all(b"GET /healthz?x=1 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            let (_keep, shutdown) = tokio::sync::watch::channel(false);
            let app = Arc::new(AdminApp(state()));
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
