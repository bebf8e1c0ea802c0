//! Asking the running gate over its admin listener, for the commands that need it.
//!
//! The gate does the work, so that what is printed is what it runs on. Where it listens, what it shows and what it wants is
//! read from the same configuration that it runs on, also when other parts of that file are broken. One request by hand
//! needs no HTTP client; over TLS the gate is known by the very certificate that the configuration names, so that no
//! authority has to vouch for it.

use super::check::CONFIGURATION;
use super::{FAILED, USAGE};
use crate::config;
use crate::config::settings::Admin;
use crate::secrets::AdminToken;
use clap::Args;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

const CONNECT: Duration = Duration::from_secs(5);
/// A list of many million entries takes its seconds, and so does a log of many gigabytes.
const ANSWER: Duration = Duration::from_secs(300);
/// Largest answer that is read.
const MOST: u64 = 256 * 1024 * 1024;

/// The gate that a command is about.
#[derive(Args, Debug)]
pub struct Running {
    /// The configuration that the gate runs on: tells where it listens and where its token is. If it is not named and not
    /// there, /etc/tollgate/tollgate.yaml is read.
    #[arg(long, short, value_name = "FILE", default_value = "conf/tollgate.yaml")]
    pub config: PathBuf,
    /// Your certificate, where `admin.tls.client_ca` asks for one.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// The key of that certificate.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
}

/// Whom a command is about.
#[derive(Args, Debug)]
pub struct Person {
    /// A name of the account as its owner types it, or the `user_id` of a record; `-` reads it from standard input, so that
    /// it stands in no list of processes.
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
    /// Another name of the same account: a user name and an e-mail address are two. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub alias: Vec<String>,
}

impl Person {
    /// What the gate is asked. If that fails, what is wrong was told, and this is the exit code.
    pub fn read(&self) -> Result<Value, u8> {
        let mut account = self.account.clone();
        if account == "-" {
            account.clear();
            if let Err(error) = io::stdin().read_line(&mut account) {
                let _ = writeln!(io::stderr(), "tollgate: standard input: {error}");
                return Err(FAILED);
            }
            account = account.trim_end_matches(['\r', '\n']).to_owned();
        }
        if account.trim().is_empty() {
            let _ = writeln!(io::stderr(), "tollgate: no account was named");
            return Err(USAGE);
        }
        Ok(json!({ "account": account, "aliases": self.alias }))
    }
}

/// What the gate said.
#[derive(Debug)]
pub struct Answered {
    pub address: SocketAddr,
    pub status: u16,
    pub body: String,
}

impl Answered {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Says on standard error what the gate refused and why; the exit code.
    pub fn complain(&self) -> u8 {
        let problem = self.json();
        let said = problem["detail"].as_str().or(self.body.lines().next()).unwrap_or_default();
        let title = problem["title"].as_str().map(|title| format!("{title}: ")).unwrap_or_default();
        let said = format!("{title}{said}");
        let _ = writeln!(io::stderr(), "tollgate: {} answered {}: {}", self.address, self.status, lines(&said));
        FAILED
    }
}

/// A text of several lines, without what a terminal would take for an order.
fn lines(text: &str) -> String {
    text.trim_end().lines().map(|line| line.escape_debug().to_string()).collect::<Vec<_>>().join("\n  ")
}

/// A gate that can be asked.
pub struct Gate {
    address: SocketAddr,
    admin: Admin,
    identity: Option<(PathBuf, PathBuf)>,
}

/// Where `--config` points without it, and where a package puts the configuration.
const DEFAULT: &str = "conf/tollgate.yaml";
const INSTALLED: &str = "/etc/tollgate/tollgate.yaml";

impl Running {
    /// The configuration to read: an installed one if none was named and none is here.
    fn file(&self) -> &Path {
        let installed = Path::new(INSTALLED);
        let unnamed = self.config == Path::new(DEFAULT) && !self.config.exists();
        if unnamed && installed.exists() { installed } else { &self.config }
    }

    /// Finds the gate. If that fails, what is wrong was told, and this is the exit code.
    pub fn find(&self) -> Result<Gate, u8> {
        let mut err = io::stderr();
        let reading = config::read(self.file());
        match (reading.admin, reading.result) {
            (Some(admin @ Admin { address: Some(address), .. }), _) if admin.api_is_open() => {
                let identity = self.certificate.clone().zip(self.key.clone());
                Ok(Gate { address, admin, identity })
            }
            (_, Err(report)) => {
                let _ = write!(err, "{report}");
                let _ =
                    writeln!(err, "tollgate: the gate was not asked: where it listens cannot be read from this file");
                Err(CONFIGURATION)
            }
            (_, Ok(_)) => {
                let _ = writeln!(
                    err,
                    "tollgate: {}: this needs the admin listener and its token: write `admin: {{ address: 127.0.0.1:9900, \
                     token_file: /var/lib/tollgate/admin.token }}` and restart (to reload alone, send the gate SIGHUP)",
                    config::printable(&self.config.display().to_string())
                );
                Err(CONFIGURATION)
            }
        }
    }
}

impl Gate {
    /// One call and its answer. If that fails, what is wrong was told, and this is the exit code.
    pub fn ask(&self, verb: &str, path: &str, body: Option<&Value>) -> Result<Answered, u8> {
        self.exchange(verb, path, body).map_err(|error| {
            let _ = writeln!(io::stderr(), "tollgate: the gate could not be asked: {error}");
            FAILED
        })
    }

    fn exchange(&self, verb: &str, path: &str, body: Option<&Value>) -> Result<Answered, String> {
        let token = self.admin.token_file.as_deref().map(AdminToken::read).transpose();
        let token = token.map_err(|error| error.to_string())?;
        let body = Zeroizing::new(body.map(Value::to_string).unwrap_or_default());
        let mut head = Zeroizing::new(format!("{verb} {path} HTTP/1.1\r\nHost: {}\r\n", self.address));
        if let Some(token) = &token {
            head.push_str("Authorization: Bearer ");
            head.push_str(token);
            head.push_str("\r\n");
        }
        if !body.is_empty() {
            head.push_str("Content-Type: application/json\r\n");
        }
        head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()));
        let at = |error: io::Error| format!("{}: {error}", self.address);
        let mut stream = self.connect()?;
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).map_err(at)?;
        stream.flush().map_err(at)?;
        let mut answer = Vec::new();
        match stream.take(MOST).read_to_end(&mut answer) {
            // The answer has a length: that the end of the connection was not announced takes nothing from it.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            read => drop(read.map_err(at)?),
        }
        let (status, body) = parse(&String::from_utf8_lossy(&answer))
            .ok_or_else(|| at(io::Error::other("no whole answer in HTTP came")))?;
        Ok(Answered { address: self.address, status, body })
    }

    fn connect(&self) -> Result<Box<dyn Stream>, String> {
        // Who listens on every address is asked on this machine's own.
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let connect = || {
            let socket = TcpStream::connect_timeout(&SocketAddr::new(ip, self.address.port()), CONNECT)?;
            socket.set_read_timeout(Some(ANSWER))?;
            socket.set_write_timeout(Some(CONNECT))?;
            Ok(socket)
        };
        let socket = connect().map_err(|error: io::Error| format!("{}: {error}", self.address))?;
        let Some(tls) = &self.admin.tls else { return Ok(Box::new(socket)) };
        let config = self.tls(&tls.files.certificate)?;
        let connection = ClientConnection::new(config, ServerName::from(ip)).map_err(|error| error.to_string())?;
        Ok(Box::new(StreamOwned::new(connection, socket)))
    }

    fn tls(&self, certificate: &Path) -> Result<Arc<ClientConfig>, String> {
        let failed = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let own = CertificateDer::from_pem_file(certificate).map_err(|error| failed(certificate, &error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let pinned = Arc::new(Pinned { own, provider: provider.clone() });
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(pinned);
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = CertificateDer::pem_file_iter(certificate)
                    .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                    .map_err(|error| failed(certificate, &error))?;
                let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, &error))?;
                builder.with_client_auth_cert(chain, secret).map_err(|error| failed(certificate, &error))?
            }
        };
        Ok(Arc::new(config))
    }
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// Knows the gate by the certificate that the configuration names, and by nothing else.
#[derive(Debug)]
struct Pinned {
    own: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match *end_entity == self.own {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The admin listener answers with a length: an answer that is shorter is none.
fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let whole =
        length.is_none_or(|(_, length)| length.trim().parse::<usize>().is_ok_and(|length| length <= body.len()));
    whole.then(|| (status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_nonsense_is_none() {
        assert_eq!(parse("HTTP/1.1 200 OK\r\na: b\r\n\r\n{}\n"), Some((200, "{}\n".into())));
        assert_eq!(parse("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"), Some((200, "{}".into())));
        for nonsense in [
            "",
            "HTTP/1.1 200 OK",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
        ] {
            assert_eq!(parse(nonsense), None, "{nonsense:?}");
        }
    }
}
