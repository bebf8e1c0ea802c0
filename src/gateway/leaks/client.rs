//! Asking the service over HTTP/1.1, with connections that are kept and TLS as towards any upstream of the gate's.
//!
//! All that is sent of anybody's password is the first five digits of its hash, which it shares with a thousandth of a
//! million others; padding is asked for, so that not even the length of the answer tells which.

use super::answer::{LARGEST, Suffixes};
use crate::config::settings::RangeService;
use parking_lot::Mutex;
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::prelude::HttpPeer;
use pingora::protocols::http::client::HttpSession;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a name's addresses are believed.
const ADDRESSES_LAST: Duration = Duration::from_secs(60);
/// How long a connection may lie idle.
const IDLE: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not within the time that a question has.
    Late,
    /// As many questions are under way as may be.
    Busy,
    /// It failed so often that it is not asked for a while.
    Away,
    Unreachable(Box<str>),
    Status(u16),
    /// What came is no answer.
    Nonsense,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Late => f.write_str("it did not answer in time"),
            Fault::Busy => f.write_str("too many questions are under way"),
            Fault::Away => f.write_str("it failed too often lately"),
            Fault::Unreachable(why) => f.write_str(why),
            Fault::Status(status) => write!(f, "it answered with status {status}"),
            Fault::Nonsense => f.write_str("what it answered is no range of hashes"),
        }
    }
}

pub struct Client {
    service: RangeService,
    connector: Connector,
    addresses: Mutex<Option<(Instant, Vec<SocketAddr>)>>,
}

impl Client {
    pub fn new(service: RangeService) -> Client {
        Client { service, connector: Connector::new(None), addresses: Mutex::new(None) }
    }

    /// The hashes with this prefix.
    pub async fn fetch(&self, prefix: u32) -> Result<Suffixes, Fault> {
        let mut last = Fault::Unreachable("it has no address".into());
        for address in self.addresses().await?.into_iter().take(2) {
            let peer = self.peer(address);
            // A connection that was kept may have been closed on the other side a moment ago.
            for _ in 0..2 {
                match self.ask(&peer, prefix).await {
                    Ok(answer) => return Ok(answer),
                    Err((Fault::Unreachable(why), true)) => last = Fault::Unreachable(why),
                    Err((Fault::Unreachable(why), false)) => {
                        last = Fault::Unreachable(why);
                        break;
                    }
                    Err((fault, _)) => return Err(fault),
                }
            }
        }
        *self.addresses.lock() = None;
        Err(last)
    }

    /// One question; with a fault, whether the connection had been used before.
    async fn ask(&self, peer: &HttpPeer, prefix: u32) -> Result<Suffixes, (Fault, bool)> {
        let unreachable = |error: Box<pingora::Error>| Fault::Unreachable(error.root_cause().to_string().into());
        let (mut session, reused) =
            self.connector.get_http_session(peer).await.map_err(|error| (unreachable(error), false))?;
        let answered = async {
            session
                .write_request_header(Box::new(self.question(prefix).map_err(unreachable)?))
                .await
                .map_err(unreachable)?;
            session.finish_request_body().await.map_err(unreachable)?;
            read(&mut session).await
        };
        match answered.await {
            Ok(body) => {
                let answer = Suffixes::parse(&body).ok_or((Fault::Nonsense, reused))?;
                self.connector.release_http_session(session, peer, Some(IDLE)).await;
                Ok(answer)
            }
            Err(fault) => Err((fault, reused)),
        }
    }

    fn question(&self, prefix: u32) -> pingora::Result<RequestHeader> {
        let RangeService { path, host, port, tls, .. } = &self.service;
        let mut header = RequestHeader::build("GET", format!("{path}/{prefix:05X}").as_bytes(), Some(4))?;
        let usual = if *tls { 443 } else { 80 };
        let authority = if *port == usual { host.to_string() } else { format!("{host}:{port}") };
        header.insert_header("Host", authority)?;
        header.insert_header("User-Agent", concat!("tollgate/", env!("CARGO_PKG_VERSION")))?;
        header.insert_header("Accept", "text/plain")?;
        header.insert_header("Add-Padding", "true")?;
        Ok(header)
    }

    fn peer(&self, address: SocketAddr) -> HttpPeer {
        HttpPeer::new(address, self.service.tls, self.service.bare_host().to_owned())
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, Fault> {
        let known = self.addresses.lock().clone();
        if let Some((since, addresses)) = known
            && since.elapsed() < ADDRESSES_LAST
        {
            return Ok(addresses);
        }
        let found = tokio::net::lookup_host((self.service.bare_host(), self.service.port)).await;
        let found: Vec<SocketAddr> = found
            .map_err(|error| Fault::Unreachable(format!("its name cannot be looked up: {error}").into()))?
            .collect();
        *self.addresses.lock() = Some((Instant::now(), found.clone()));
        Ok(found)
    }
}

/// The answer's body, no more of it than an answer can have.
async fn read(session: &mut HttpSession) -> Result<Vec<u8>, Fault> {
    let unreachable = |error: Box<pingora::Error>| Fault::Unreachable(error.root_cause().to_string().into());
    loop {
        session.read_response_header().await.map_err(unreachable)?;
        match session.response_header() {
            Some(header) if header.status.is_informational() => {}
            Some(header) if header.status != 200 => return Err(Fault::Status(header.status.as_u16())),
            // Not asked for, and not read.
            Some(header) if header.headers.contains_key(http::header::CONTENT_ENCODING) => return Err(Fault::Nonsense),
            Some(_) => break,
            None => return Err(Fault::Nonsense),
        }
    }
    let mut body = Vec::new();
    while let Some(piece) = session.read_response_body().await.map_err(unreachable)? {
        if body.len() + piece.len() > LARGEST {
            return Err(Fault::Nonsense);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
