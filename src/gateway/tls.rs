//! Certificates of the listeners.

use crate::config::settings::Tls;
use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// One certificate that can be replaced while connections run.
pub struct Certificate {
    current: ArcSwap<CertifiedKey>,
}

/// Which file cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct CertificateError {
    file: String,
    reason: String,
}

impl CertificateError {
    pub fn of(path: &Path, reason: &dyn fmt::Display) -> CertificateError {
        CertificateError { file: path.display().to_string(), reason: reason.to_string() }
    }

    /// The file's path.
    pub fn file(&self) -> &str {
        &self.file
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl Certificate {
    /// Reads both files and checks that they belong together.
    pub fn load(files: &Tls) -> Result<Arc<Certificate>, CertificateError> {
        Ok(Arc::new(Certificate { current: ArcSwap::from_pointee(read(files)?) }))
    }

    /// A resolver of what was read before.
    pub fn new(current: Arc<CertifiedKey>) -> Certificate {
        Certificate { current: ArcSwap::new(current) }
    }

    /// Handshakes from now on see this one; connections that are open stay as they are.
    pub fn replace(&self, with: Arc<CertifiedKey>) {
        self.current.store(with);
    }
}

/// Reads both files and checks that they belong together.
pub fn read(files: &Tls) -> Result<CertifiedKey, CertificateError> {
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| CertificateError::of(&files.certificate, &error))?;
    if chain.is_empty() {
        return Err(CertificateError::of(&files.certificate, &"no certificate in PEM form in this file"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| CertificateError::of(&files.key, &error))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider)
        .map_err(|error| CertificateError::of(&files.key, &format!("does not fit the certificate: {error}")))
}

/// From when until when the first certificate of a chain is valid, in seconds since the epoch; `None`: it cannot be read.
pub fn validity(certificate: &Path) -> Option<(i64, i64)> {
    let der = CertificateDer::from_pem_file(certificate).ok()?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).ok()?;
    let validity = parsed.validity();
    Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate")
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}
