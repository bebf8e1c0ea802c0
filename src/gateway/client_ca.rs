//! Who operators are, where the admin listener asks for certificates: those that the operator's own authority signed.
//!
//! The handshake lets whoever has none in as well, for health checks and metrics; a certificate that the authority did not
//! sign ends it. What was verified is remembered by its hash until it expires or the authority changes, and the API asks
//! here: so a session that was resumed under an authority of before opens nothing, and a certificate that expired
//! during a long session neither. The memory is bounded; whoever falls out of it shakes hands again.

use super::tls::CertificateError;
use crate::admin::api::access::ClientCertificate;
use crate::engine::time::Timestamp;
use arc_swap::ArcSwap;
use lru::LruCache;
use parking_lot::Mutex;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

/// Certificates that are remembered.
const MOST: usize = 1024;
/// Characters of a subject that are shown.
const LONGEST_SUBJECT: usize = 200;

/// The authority as it was read from its file.
pub struct Authority {
    verifier: Arc<dyn ClientCertVerifier>,
    /// SHA-256 over its certificates.
    hash: [u8; 32],
}

/// The authority in force, and whom it vouched for.
pub struct ClientCa {
    authority: ArcSwap<Authority>,
    seen: Mutex<LruCache<Vec<u8>, Arc<ClientCertificate>>>,
}

/// Reads the authority's certificates.
pub fn read(path: &Path) -> Result<Arc<Authority>, CertificateError> {
    let failed = |error: &dyn fmt::Display| CertificateError::of(path, error);
    let mut roots = RootCertStore::empty();
    let mut hash = Sha256::new();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| failed(&error))?;
        hash.update((certificate.len() as u64).to_be_bytes());
        hash.update(&certificate);
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated();
    let verifier = builder.build().map_err(|error| failed(&error))?;
    Ok(Arc::new(Authority { verifier, hash: hash.finalize().into() }))
}

impl ClientCa {
    pub fn new(authority: Arc<Authority>) -> ClientCa {
        let most = NonZeroUsize::new(MOST).unwrap_or(NonZeroUsize::MIN);
        ClientCa { authority: ArcSwap::new(authority), seen: Mutex::new(LruCache::new(most)) }
    }

    /// Another authority from now on; whom the one before vouched for is nobody.
    pub fn replace(&self, authority: Arc<Authority>) {
        if self.authority.load().hash != authority.hash {
            self.authority.store(authority);
            self.seen.lock().clear();
        }
    }

    /// The verified certificate with this SHA-256, if it is still valid.
    pub fn vouches_for(&self, hash: &[u8], now: Timestamp) -> Option<Arc<ClientCertificate>> {
        let known = self.seen.lock().get(hash).cloned()?;
        (known.until > (now.0 / 1000) as i64).then_some(known)
    }

    fn remember(&self, certificate: &CertificateDer<'_>) {
        // It was verified, so it can be parsed; were it not, nobody is remembered and nothing opens.
        let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else { return };
        let hash = Sha256::digest(certificate).to_vec();
        let subject: String = parsed.subject().to_string().chars().take(LONGEST_SUBJECT).collect();
        let fingerprint = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let until = parsed.validity().not_after.timestamp();
        self.seen.lock().put(hash, Arc::new(ClientCertificate { subject, fingerprint, until }));
    }
}

impl ClientCertVerifier for ClientCa {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let authority = self.authority.load();
        let verified = authority.verifier.verify_client_cert(end_entity, intermediates, now)?;
        self.remember(end_entity);
        // The authority may have changed meanwhile, and forgotten everybody before this one was remembered.
        if authority.hash != self.authority.load().hash {
            self.seen.lock().clear();
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authority.load().verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authority.load().verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authority.load().verifier.supported_verify_schemes()
    }
}

impl fmt::Debug for ClientCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCa")
    }
}
