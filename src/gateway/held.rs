//! Holding request bodies: read whole before anything is decided, forwarded byte for byte afterwards.
//!
//! Pingora replays at most 64 KiB that were read before forwarding, and hangs when more was read. So bodies are read into
//! an own buffer and Pingora's replay buffer is switched on only for the last 64 KiB: its body hook is then called once,
//! with that tail, and the whole held body is put in its place (`forward::body`). That needs a `Content-Length`; a body
//! without one may be as large as the replay buffer and no larger.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use pingora::proxy::Session;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Pingora's replay buffer (`BODY_BUF_LIMIT`, private there).
pub const REPLAY: usize = 64 * 1024;

/// All bodies held at once, over all requests.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    held: Arc<AtomicUsize>,
}

impl Budget {
    pub fn new(limit: usize) -> Arc<Budget> {
        Arc::new(Budget { limit, held: Arc::default() })
    }

    /// Bytes held now, for who shows them.
    pub fn gauge(&self) -> Arc<AtomicUsize> {
        self.held.clone()
    }

    /// Bytes held now.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn reserve(&self, bytes: usize) -> bool {
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.limit {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        true
    }
}

/// A whole request body, counted against the budget until dropped.
#[derive(Debug)]
pub struct Held {
    body: Bytes,
    counted: usize,
    budget: Arc<Budget>,
}

impl Held {
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

/// Why a body could not be held.
#[derive(Debug)]
pub enum HoldFault {
    /// Larger than the limit, or larger than [`REPLAY`] without a declared length.
    TooLarge,
    /// Not complete within the capture deadline.
    Slow,
    /// The gate holds as much as it may.
    Busy,
    /// The client went away, or its framing broke.
    Broken(Box<pingora::Error>),
}

/// Reads the whole body. On an error the connection must not be reused: part of the body may be unread.
pub async fn hold(
    session: &mut Session,
    limit: usize,
    within: Duration,
    budget: &Arc<Budget>,
) -> Result<Held, HoldFault> {
    let nothing = Held { body: Bytes::new(), counted: 0, budget: budget.clone() };
    if session.as_mut().is_body_empty() {
        return Ok(nothing);
    }
    let declared = declared_length(&session.req_header().headers);
    let Some(limit) = room(declared, limit) else { return Err(HoldFault::TooLarge) };
    let reading = read(session, declared.map(|length| length as usize), limit, nothing);
    match tokio::time::timeout(within, reading).await {
        Ok(result) => result,
        Err(_) => Err(HoldFault::Slow),
    }
}

async fn read(session: &mut Session, declared: Option<usize>, limit: usize, mut held: Held) -> Result<Held, HoldFault> {
    // Pingora never says "100 Continue" by itself, and a strict client waits for it.
    let expects = session.req_header().headers.get(EXPECT);
    if expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        session.as_mut().write_continue_response().await.map_err(HoldFault::Broken)?;
    }
    let mut body = BytesMut::new();
    loop {
        let remaining = declared.map(|length| length.saturating_sub(body.len() + held.body.len()));
        if remaining.is_none_or(|remaining| remaining <= REPLAY) {
            session.as_mut().enable_retry_buffering();
        }
        let chunk = match session.as_mut().read_request_body().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(error) => return Err(HoldFault::Broken(error)),
        };
        if held.body.len() + body.len() + chunk.len() > limit {
            return Err(HoldFault::TooLarge);
        }
        if !held.budget.reserve(chunk.len()) {
            return Err(HoldFault::Busy);
        }
        held.counted += chunk.len();
        if held.body.is_empty() && body.is_empty() {
            // Most bodies come in one piece and are never copied.
            held.body = chunk;
        } else {
            if body.is_empty() {
                body.reserve(declared.unwrap_or(0).min(limit));
                body.extend_from_slice(&held.body);
                held.body = Bytes::new();
            }
            body.extend_from_slice(&chunk);
        }
        if session.as_mut().is_body_done() {
            break;
        }
    }
    if !body.is_empty() {
        held.body = body.freeze();
    }
    Ok(held)
}

/// The length the client declared; `None` without a plain one (framing faults are refused before this).
pub fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// How much of a body is read, of `limit` at most; `None`: it declares more.
pub fn room(declared: Option<u64>, limit: usize) -> Option<usize> {
    match declared {
        Some(length) => (length <= limit as u64).then_some(limit),
        None => Some(limit.min(REPLAY)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_never_exceeded_and_always_returned() {
        let budget = Budget::new(100);
        assert!(budget.reserve(60));
        assert!(!budget.reserve(41));
        let held = Held { body: Bytes::new(), counted: 60, budget: budget.clone() };
        assert_eq!(budget.held(), 60);
        drop(held);
        assert!(budget.reserve(100));
    }
}
