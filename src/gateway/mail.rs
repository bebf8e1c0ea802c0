//! Whether mail can go to the domain of an address that registers: asked of the domain name system where the operator says so.
//!
//! The answer belongs to somebody else, who may be slow, so the request waits for a deadline and no longer, and what comes
//! later is remembered for the next who asks: a look-up runs in a task of its own and its answer stays in the resolver's cache.
//! Silence, refusals and servers that fail are no evidence: the address is *unanswered* then, `invalid_email` blind and `dns`
//! among what was missing. Only an authority's own word counts: there is no such name, there is neither a mail server nor an
//! address at it, or it takes no mail at all (RFC 7505).
//!
//! Whoever registers at a thousand domains has a thousand looked up. So few look-ups run at once and the rest go unanswered; and
//! domains of which the gate knows (large providers, forwarding services, throw-away ones) and addresses that cannot work
//! anyway are not asked about.

use crate::config::settings::MailDns;
use crate::engine::attempt::{Email, EmailProblem};
use crate::intel::providers;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Look-ups at once.
const AT_ONCE: usize = 128;
/// A look-up that nobody waits for any more is given up after twice this.
const PATIENCE: Duration = Duration::from_secs(3);
/// However long an answer says that it may be kept.
const LONGEST_KEPT: Duration = Duration::from_secs(86_400);
/// An authority that answers without saying how long that holds.
const LEAST_KEPT: Duration = Duration::from_secs(60);

/// What is known of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    TakesMail,
    Problem(EmailProblem),
    /// Nobody who knows has said anything.
    None,
}

pub struct MailServers {
    settings: MailDns,
    resolver: TokioResolver,
    asking: Arc<Semaphore>,
}

impl MailServers {
    /// Fails where the system's resolvers are wanted and its configuration cannot be read.
    pub fn new(settings: &MailDns) -> Result<MailServers, String> {
        let mut builder = match &settings.servers[..] {
            [] => TokioResolver::builder_tokio().map_err(|error| format!("the system's resolvers: {error}"))?,
            servers => {
                let config = ResolverConfig::from_parts(None, Vec::new(), servers.iter().map(server).collect());
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.timeout = PATIENCE;
        options.attempts = 1;
        options.cache_size = settings.cache;
        // The file names hosts of the operator's network: nobody's mail goes there.
        options.use_hosts_file = ResolveHosts::Never;
        options.negative_min_ttl = Some(LEAST_KEPT);
        (options.positive_max_ttl, options.negative_max_ttl) = (Some(LONGEST_KEPT), Some(LONGEST_KEPT));
        let resolver = builder.build().map_err(|error| error.to_string())?;
        Ok(MailServers { settings: settings.clone(), resolver, asking: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// The same for these settings, with all that it remembers if they are what they were.
    pub fn after(earlier: Option<&Arc<MailServers>>, settings: &MailDns) -> Result<Arc<MailServers>, String> {
        match earlier.filter(|servers| servers.settings == *settings) {
            Some(servers) => Ok(servers.clone()),
            None => MailServers::new(settings).map(Arc::new),
        }
    }

    /// Notes what the domain's authorities say of it, within the deadline.
    pub async fn check(&self, email: &mut Email) {
        let known = email.problem.is_some()
            || email.disposable.is_some()
            || email.relay.is_some()
            || email.domain.is_empty()
            || providers::takes_everybody(&email.domain);
        if known {
            return;
        }
        match self.ask(&email.domain).await {
            Answer::TakesMail => {}
            Answer::Problem(problem) => email.problem = Some(problem),
            Answer::None => email.unanswered = true,
        }
    }

    /// Whether anybody is there to be asked: asks for the name servers of the root. An error says what was answered instead.
    pub async fn answers(&self) -> Result<(), String> {
        match self.resolver.lookup(".", RecordType::NS).await {
            Ok(_) => Ok(()),
            // Whoever denies that the root exists, or says nothing of it, answers all the same.
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn ask(&self, domain: &str) -> Answer {
        let Ok(permit) = self.asking.clone().try_acquire_owned() else { return Answer::None };
        let (resolver, name) = (self.resolver.clone(), format!("{domain}."));
        let task = tokio::spawn(async move {
            let answer = look_up(&resolver, &name).await;
            drop(permit);
            answer
        });
        match tokio::time::timeout(self.settings.deadline, task).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Answer::None,
        }
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.to_vec())
}

/// `name` ends with a dot, so that no domain of the operator's is tried behind it.
async fn look_up(resolver: &TokioResolver, name: &str) -> Answer {
    const NOWHERE: Answer = Answer::Problem(EmailProblem::NoMailServer);
    match resolver.lookup(name, RecordType::MX).await {
        Ok(found) => {
            let mut servers = found.answers().iter().filter_map(|record| match &record.data {
                RData::MX(server) => Some(&server.exchange),
                _ => None,
            });
            match servers.next() {
                None => {}
                Some(first) if first.is_root() && servers.all(|server| server.is_root()) => {
                    return Answer::Problem(EmailProblem::NullMx);
                }
                Some(_) => return Answer::TakesMail,
            }
        }
        Err(error) if error.is_nx_domain() => return NOWHERE,
        Err(error) if error.is_no_records_found() => {}
        Err(_) => return Answer::None,
    }
    // Without a mail server the name's own address is one (RFC 5321, 5.1).
    match resolver.lookup_ip(name).await {
        Ok(found) if found.iter().next().is_some() => Answer::TakesMail,
        Ok(_) => NOWHERE,
        Err(error) if error.is_no_records_found() => NOWHERE,
        Err(_) => Answer::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixture;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::net::UdpSocket;

    const MX: u16 = 15;

    /// A resolver that knows a few names by their first label, and the number of questions it was asked.
    async fn resolver() -> (SocketAddr, Arc<AtomicUsize>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (address, asked) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let count = asked.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                count.fetch_add(1, Ordering::Relaxed);
                if let Some(answer) = answer(&buffer[..length]) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        (address, asked)
    }

    /// RFC 1035: the question again, and what there is.
    fn answer(query: &[u8]) -> Option<Vec<u8>> {
        let end = 12 + query[12..].iter().position(|byte| *byte == 0)? + 5;
        let (label, kind) =
            (&query[13..13 + usize::from(query[12])], u16::from_be_bytes([query[end - 4], query[end - 3]]));
        let record = |data: &[u8]| {
            let mut record = vec![0xc0, 12, 0, kind as u8, 0, 1, 0, 0, 1, 0, 0, data.len() as u8];
            record.extend_from_slice(data);
            record
        };
        let (code, records): (u8, Vec<Vec<u8>>) = match (label.to_ascii_lowercase().as_slice(), kind) {
            (b"mail", MX) => (0, vec![record(&[0, 10, 2, b'm', b'x', 0xc0, 12])]),
            (b"null", MX) => (0, vec![record(&[0, 0, 0])]),
            (b"address", 1) => (0, vec![record(&[192, 0, 2, 7])]),
            (b"address" | b"nothing", _) => (0, Vec::new()),
            (b"broken", _) => (2, Vec::new()),
            (b"silent", _) => return None,
            _ => (3, Vec::new()),
        };
        let mut answer =
            [&query[..2], &[0x81, 0x80 | code, 0, 1, 0, records.len() as u8, 0, 0, 0, 0], &query[12..end]].concat();
        answer.extend(records.concat());
        Some(answer)
    }

    async fn servers(address: SocketAddr, deadline: Duration) -> MailServers {
        MailServers::new(&MailDns { servers: vec![address], deadline, cache: 100 }).unwrap()
    }

    async fn checked(servers: &MailServers, domain: &str) -> (Option<EmailProblem>, bool) {
        let mut email = fixture::email(domain);
        servers.check(&mut email).await;
        (email.problem, email.unanswered)
    }

    #[tokio::test]
    async fn only_what_an_authority_says_counts() {
        let (address, _) = resolver().await;
        let servers = servers(address, Duration::from_secs(60)).await;
        for (domain, expected) in [
            ("mail.shop.com", (None, false)),
            ("address.shop.com", (None, false)),
            ("null.shop.com", (Some(EmailProblem::NullMx), false)),
            ("nothing.shop.com", (Some(EmailProblem::NoMailServer), false)),
            ("unknown.shop.com", (Some(EmailProblem::NoMailServer), false)),
            ("broken.shop.com", (None, true)),
        ] {
            assert_eq!(checked(&servers, domain).await, expected, "{domain}");
        }
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_the_deadline() {
        let (address, _) = resolver().await;
        let servers = servers(address, Duration::from_millis(1)).await;
        assert_eq!(checked(&servers, "silent.shop.com").await, (None, true));
    }

    #[tokio::test]
    async fn an_answer_is_asked_for_once() {
        let (address, asked) = resolver().await;
        let servers = servers(address, Duration::from_secs(60)).await;
        for _ in 0..3 {
            assert_eq!(checked(&servers, "mail.shop.com").await, (None, false));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn innocents_of_whom_enough_is_known_are_not_asked_about() {
        let (address, asked) = resolver().await;
        let servers = servers(address, Duration::from_secs(60)).await;
        for domain in ["gmail.com", "web.de", ""] {
            assert_eq!(checked(&servers, domain).await, (None, false), "{domain}");
        }
        let mut relayed = Email { relay: Some("duckduckgo"), ..fixture::email("duck.com") };
        servers.check(&mut relayed).await;
        let mut broken = Email { problem: Some(EmailProblem::Syntax), ..fixture::email("x.com") };
        servers.check(&mut broken).await;
        assert_eq!((relayed.unanswered, broken.problem), (false, Some(EmailProblem::Syntax)));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn whether_anybody_can_be_asked_is_told() {
        let (address, asked) = resolver().await;
        let there = servers(address, Duration::from_secs(60)).await;
        assert_eq!(there.answers().await, Ok(()), "a resolver that denies the root is one");
        assert!(asked.load(Ordering::Relaxed) > 0);
        // A port that was ours a moment ago, and is nobody's.
        let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert!(servers(nobody, Duration::from_secs(60)).await.answers().await.is_err());
    }

    #[tokio::test]
    async fn too_many_at_once_go_unanswered() {
        let (address, asked) = resolver().await;
        let servers = servers(address, Duration::from_secs(60)).await;
        let _all = servers.asking.clone().try_acquire_many_owned(AT_ONCE as u32).unwrap();
        assert_eq!(checked(&servers, "mail.shop.com").await, (None, true));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }
}
