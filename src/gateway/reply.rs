//! Answers of the gate's own: written whole, with a length, never cached.

use crate::challenge::Reply;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use std::time::Duration;

/// Writes a reply as the whole answer to the request.
pub async fn write(session: &mut Session, reply: &Reply) -> pingora::Result<()> {
    let header = head(reply, true)?;
    let bodiless = session.req_header().method == http::Method::HEAD || reply.body.is_empty();
    session.write_response_header(Box::new(header), bodiless).await?;
    // Also the end of an empty body has to be said: over HTTP/2 nobody else says it when an exchange ends in an error.
    let body = if bodiless { Bytes::new() } else { reply.body.clone() };
    session.write_response_body(Some(body), true).await
}

/// Longest wait for the rest of a body that nobody will use.
const LINGER: Duration = Duration::from_secs(1);

/// Reads on, for a moment, what a visitor still sends after the answer. A connection that is closed while bytes arrive is
/// reset, and a reset throws the answer away before it was read: the visitor would see a broken connection, and not why.
pub async fn linger(session: &mut Session) {
    // Who waits to be told to go on sends nothing more.
    if !session.req_header().headers.contains_key(EXPECT) {
        let rest = session.as_downstream_mut().drain_request_body();
        let _ = tokio::time::timeout(LINGER, rest).await;
    }
}

/// The reply's head; with its length if the body follows at once.
pub fn head(reply: &Reply, with_length: bool) -> pingora::Result<ResponseHeader> {
    let mut header = ResponseHeader::build(reply.status, Some(reply.headers.len() + 2))?;
    for (name, value) in &reply.headers {
        header.append_header(*name, value.as_str())?;
    }
    if !header.headers.contains_key(CACHE_CONTROL) {
        header.insert_header(CACHE_CONTROL, "no-store")?;
    }
    if with_length {
        header.insert_header(CONTENT_LENGTH, reply.body.len())?;
    }
    Ok(header)
}

/// Whether the visitor's browser will show the answer as a page: a navigation, or, from browsers that do not say, an
/// `Accept` that names HTML. `*/*` is a program.
pub fn wants_page(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => {
            headers.get_all(ACCEPT).iter().any(|accept| memchr::memmem::find(accept.as_bytes(), b"text/html").is_some())
        }
    }
}

/// An RFC 9457 problem for programs; with the attempt's id, if there is one to refer to.
pub fn problem(status: u16, title: &str, detail: &str, reference: Option<&str>) -> Reply {
    let mut body = serde_json::json!({ "type": "about:blank", "title": title, "status": status, "detail": detail });
    if let Some(reference) = reference {
        body["reference"] = reference.into();
    }
    Reply {
        status,
        headers: vec![(CONTENT_TYPE.as_str(), "application/problem+json".to_owned())],
        body: Bytes::from(body.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_for_navigations() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect::<HeaderMap>()
        };
        assert!(wants_page(&headers(&[("sec-fetch-mode", "navigate")])));
        assert!(!wants_page(&headers(&[("sec-fetch-mode", "cors"), ("accept", "text/html")])));
        assert!(wants_page(&headers(&[("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")])));
        assert!(!wants_page(&headers(&[("accept", "*/*")])));
        assert!(!wants_page(&headers(&[])));
    }
}
