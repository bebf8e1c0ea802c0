//! The imperative shell: all that knows Pingora's `Session`.
//!
//! `server` starts, `door` admits, `gate` is the list of hooks. A request then walks through `recognize` (is it ours?),
//! `framing`, `held`, `form` and `fields` (what does it say?), `gather` (what is known?), the engine, `enforce` (what is
//! done?) and `forward`; its answer through `answer`. `own_pages` are the gate's own addresses.

pub mod admission;
pub mod answer;
pub mod appearance;
pub mod bans;
pub mod client_ca;
pub mod client_ip;
pub mod clock;
pub mod device;
pub mod door;
pub mod enforce;
pub mod fields;
pub mod form;
pub mod forward;
pub mod framing;
pub mod gate;
pub mod gather;
pub mod headers;
pub mod held;
pub mod identity;
pub mod inspection;
pub mod judge;
pub mod judgement;
pub mod leaks;
pub mod lists;
pub mod live;
pub mod mail;
pub mod own_pages;
pub mod pace;
pub mod population;
pub mod probe;
pub mod recognize;
pub mod records;
pub mod rehearsal;
pub mod released;
pub mod reload;
pub mod reply;
pub mod server;
pub mod service_manager;
mod services;
pub mod succession;
pub mod tls;
pub mod upstream;

use crate::engine::attempt::AttemptId;
use crate::engine::time::Timestamp;
use bytes::Bytes;
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The address at the other end of the socket.
fn socket_peer(session: &Session) -> IpAddr {
    let address = session.client_addr().and_then(|address| address.as_inet());
    // Only sockets without addresses (Unix) have none; they count as one client.
    address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip().to_canonical())
}

/// Whether a byte may stand in a token, as methods and header names are (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    // Looked up: every byte of every header's name is asked about.
    const TOKEN: [bool; 256] = {
        let mut token = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            token[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let marks = b"!#$%&'*+-.^_`|~";
        let mut at = 0;
        while at < marks.len() {
            token[marks[at] as usize] = true;
            at += 1;
        }
        token
    };
    TOKEN[usize::from(byte)]
}

fn is_tls(session: &Session) -> bool {
    session.digest().is_some_and(|digest| digest.ssl_digest.is_some())
}

/// The head of an HTTP/1 request as it was received.
fn raw_head(session: &Session) -> Option<Bytes> {
    session.as_downstream().as_http1().map(|http1| http1.get_headers_raw_bytes())
}

/// The canonical host that a request is for; empty if it names none.
fn host_of(header: &RequestHeader) -> String {
    let named = header.headers.get(http::header::HOST).map(http::HeaderValue::as_bytes);
    let named = named.or_else(|| header.uri.authority().map(|authority| authority.as_str().as_bytes()));
    named.and_then(recognize::canonical_host).unwrap_or_default()
}

/// A new id: time first, then what no other id has. Ids name attempts and guard nothing, so the system is asked for
/// randomness once a process, and a counter is mixed into it (SplitMix64, G. Steele et al. 2014): no call a request.
pub fn new_id(at: Timestamp) -> AttemptId {
    static SEED: LazyLock<[u64; 2]> = LazyLock::new(|| {
        let mut bytes = [0; 16];
        // Should the system's randomness fail, time and counter still tell attempts of one process apart.
        let _ = getrandom::fill(&mut bytes);
        let seed = u128::from_ne_bytes(bytes);
        [seed as u64, (seed >> 64) as u64]
    });
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let (low, high) = (mixed(SEED[0].wrapping_add(count)), mixed(SEED[1] ^ count));
    let mut random = [0; 10];
    random[..8].copy_from_slice(&low.to_be_bytes());
    random[8..].copy_from_slice(&high.to_be_bytes()[..2]);
    AttemptId(uuid::Builder::from_unix_timestamp_millis(at.0, &random).into_uuid().as_u128())
}

fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
