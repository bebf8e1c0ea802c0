//! The admin listener over TLS, and operators who show a certificate.

use super::*;
use crate::harness::desk::over;
use crate::harness::http::get;
use crate::harness::tls::provider;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// An authority of the operator's.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
#[derive(Clone)]
pub struct Badge {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    /// Both as PEM.
    pem: (String, String),
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn badge(&self, name: &str) -> Badge {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Badge {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
            pem: (certificate.pem(), key.serialize_pem()),
        }
    }

    fn write(&self, path: &Path) {
        std::fs::write(path, self.0.pem()).unwrap();
    }
}

impl Badge {
    /// As PEM files: certificate and key.
    pub fn write(&self, dir: &Path) -> (PathBuf, PathBuf) {
        let (certificate, key) = (dir.join("badge.crt"), dir.join("badge.key"));
        std::fs::write(&certificate, &self.pem.0).unwrap();
        std::fs::write(&key, &self.pem.1).unwrap();
        (certificate, key)
    }
}

/// Files of a listener, and the YAML that names them.
pub fn listener(dir: &Path, authority: Option<&Authority>, token: bool) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("admin.crt"), made.cert.pem()).unwrap();
    std::fs::write(dir.join("admin.key"), made.signing_key.serialize_pem()).unwrap();
    let dir_text = dir.display();
    let client_ca = authority.map_or(String::new(), |authority| {
        authority.write(&dir.join("operators.crt"));
        format!(", client_ca: \"{dir_text}/operators.crt\"")
    });
    let token = if token { "token_file: \"{dir}/admin.token\", " } else { "" };
    format!(
        "admin: {{ address: \"127.0.0.1:2\", {token}audit_log: {{ path: \"{{dir}}/audit.jsonl\" }}, tls: {{ certificate: \
         \"{dir_text}/admin.crt\", key: \"{dir_text}/admin.key\"{client_ca} }} }}\n{SHOP}"
    )
}

/// The status of a call over TLS; `None`: the handshake failed, or the connection ended.
async fn ask(desk: &Desk, own: &CertificateDer<'static>, badge: Option<&Badge>, bytes: String) -> Option<u16> {
    let mut trusted = rustls::RootCertStore::empty();
    trusted.add(own.clone()).unwrap();
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted);
    let config = match badge {
        None => builder.with_no_client_auth(),
        Some(badge) => builder
            .with_client_auth_cert(vec![badge.certificate.clone()], PrivateKeyDer::try_from(badge.key.clone()).unwrap())
            .unwrap(),
    };
    let socket = TcpStream::connect(desk.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = TlsConnector::from(Arc::new(config)).connect(name, socket).await.ok()?;
    Some(over(tls, bytes).await?.status)
}

fn own(dir: &Path) -> CertificateDer<'static> {
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_file(dir.join("admin.crt")).unwrap()
}

const CONFIG: &str = "GET /api/v1/config HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn a_certificate_that_the_authority_signed_opens_the_api_and_no_other() {
    let (dir, origin) = (tempfile::tempdir().unwrap(), Origin::shop().await);
    let (ours, theirs) = (Authority::new("operators"), Authority::new("strangers"));
    let desk = Desk::open(&listener(dir.path(), Some(&ours), false), &origin).await;
    let own = own(dir.path());
    let (anna, mallory) = (ours.badge("anna"), theirs.badge("anna"));
    assert_eq!(ask(&desk, &own, Some(&anna), CONFIG.to_owned()).await, Some(200));
    assert_eq!(ask(&desk, &own, None, CONFIG.to_owned()).await, Some(401), "metrics and health are for everybody");
    assert_eq!(ask(&desk, &own, None, get("/healthz", "")).await, Some(200));
    assert_eq!(ask(&desk, &own, Some(&mallory), CONFIG.to_owned()).await, None);
    assert_eq!(ask(&desk, &own, Some(&mallory), get("/healthz", "")).await, None);
    let change = "POST /api/v1/config/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".to_owned();
    assert_eq!(ask(&desk, &own, Some(&anna), change.clone()).await, Some(200));
    let audit = desk.audit();
    let line = audit.iter().find(|line| line["call"] == "POST /api/v1/config/reload").expect("a line of the reload");
    assert_eq!(line["certificate"]["subject"], "CN=anna");
    assert_eq!(line["certificate"]["fingerprint"].as_str().unwrap().len(), 64);

    // Another authority: whom the one before vouched for is nobody from the reload on.
    theirs.write(&dir.path().join("operators.crt"));
    assert_eq!(ask(&desk, &own, Some(&anna), change).await, Some(200));
    assert_eq!(ask(&desk, &own, Some(&anna), CONFIG.to_owned()).await, None);
    assert_eq!(ask(&desk, &own, Some(&mallory), CONFIG.to_owned()).await, Some(200));
}

#[tokio::test]
async fn where_both_are_configured_both_are_wanted() {
    let (dir, origin) = (tempfile::tempdir().unwrap(), Origin::shop().await);
    let ours = Authority::new("operators");
    let desk = Desk::open(&listener(dir.path(), Some(&ours), true), &origin).await;
    let (own, anna) = (own(dir.path()), ours.badge("anna"));
    let with_token = desk.head("GET", "/api/v1/config", "");
    assert_eq!(ask(&desk, &own, Some(&anna), with_token.clone()).await, Some(200));
    assert_eq!(ask(&desk, &own, Some(&anna), CONFIG.to_owned()).await, Some(401));
    assert_eq!(ask(&desk, &own, None, with_token).await, Some(401));
}

/// A certificate that has expired since it was shown opens nothing any more, also on a session that is resumed.
#[tokio::test]
async fn an_expired_certificate_is_none() {
    let (dir, origin) = (tempfile::tempdir().unwrap(), Origin::shop().await);
    let ours = Authority::new("operators");
    let desk = Desk::open(&listener(dir.path(), Some(&ours), false), &origin).await;
    let (own, anna) = (own(dir.path()), ours.badge("anna"));
    assert_eq!(ask(&desk, &own, Some(&anna), CONFIG.to_owned()).await, Some(200));
    // rcgen's certificates are good until the year 4096.
    desk.gate.clock.advance(std::time::Duration::from_secs(2_100 * 366 * 86_400));
    assert_eq!(ask(&desk, &own, Some(&anna), CONFIG.to_owned()).await, Some(401));
}
