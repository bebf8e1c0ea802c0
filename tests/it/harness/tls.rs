//! TLS on both sides of the gate: certificates made for the test, a listener with them in front of a gate, a visitor that
//! verifies them, and an application behind TLS.

use super::http::Connection;
use super::origin::Origin;
use super::{Gate, stream};
use pingora::apps::ServerApp;
use pingora::listeners::PreTlsProcess;
use pingora::listeners::tls::Acceptor;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tollgate::config::settings;
use tollgate::gateway::server::server_conf;
use tollgate::gateway::tls::Certificate;

/// The visitor's end of a TLS connection.
pub type Tls = tokio_rustls::client::TlsStream<TcpStream>;

/// A self-signed certificate for `shop.example` and `localhost`, in files as an operator has them.
pub struct Identity {
    dir: tempfile::TempDir,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Identity {
    pub fn new() -> Identity {
        let made = rcgen::generate_simple_self_signed(["shop.example".to_owned(), "localhost".to_owned()]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("site.crt"), made.cert.pem()).unwrap();
        std::fs::write(dir.path().join("site.key"), made.signing_key.serialize_pem()).unwrap();
        Identity { dir, certificate: made.cert.der().clone(), key: made.signing_key.serialize_der() }
    }

    pub fn certificate_file(&self) -> PathBuf {
        self.dir.path().join("site.crt")
    }

    pub fn key_file(&self) -> PathBuf {
        self.dir.path().join("site.key")
    }

    /// The YAML of a listener on `127.0.0.1:1` that uses it.
    pub fn listener(&self) -> String {
        format!(
            "listen: [{{ address: \"127.0.0.1:1\", tls: {{ certificate: \"{}\", key: \"{}\" }} }}]",
            self.certificate_file().display(),
            self.key_file().display()
        )
    }

    /// A visitor's TLS connection that trusts this certificate and nothing else, offering one protocol.
    pub async fn connect(&self, address: SocketAddr, protocol: &str) -> Tls {
        let mut trusted = rustls::RootCertStore::empty();
        trusted.add(self.certificate.clone()).unwrap();
        let mut config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(trusted)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let name = ServerName::try_from("shop.example").unwrap();
        let tls = super::within("a TLS handshake", TlsConnector::from(Arc::new(config)).connect(name, socket)).await;
        let tls = tls.unwrap();
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()), "the other protocol was chosen");
        tls
    }

    /// HTTP/1.1 over TLS.
    pub async fn http1(&self, address: SocketAddr) -> Connection<Tls> {
        Connection::over(self.connect(address, "http/1.1").await)
    }

    /// HTTP/2 over TLS.
    pub async fn http2(&self, address: SocketAddr) -> super::h2::Client {
        super::h2::Client::over(self.connect(address, "h2").await).await
    }
}

/// Opens a TLS listener in front of a gate, as a `tls` entry of `listen` does, with the gate's own certificate resolver.
pub async fn listen(gate: &Gate, identity: &Identity) -> SocketAddr {
    let files = settings::Tls { certificate: identity.certificate_file(), key: identity.key_file() };
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Certificate::load(&files).unwrap());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = Arc::new(Acceptor::from_server_config(Arc::new(config)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let conf = Arc::new(server_conf(&gate.inner.live.load().settings));
    let door = Arc::new(gate.inner.door(&conf));
    let stopping = gate.stop.subscribe();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (door, acceptor, stopping) = (door.clone(), acceptor.clone(), stopping.clone());
            tokio::spawn(async move {
                let mut plain = stream(socket);
                door.porch().process(&mut plain).await.ok()?;
                let tls = acceptor.tls_handshake(plain).await.ok()?;
                door.process_new(Box::new(tls), &stopping).await
            });
        }
    });
    address
}

/// An application that speaks TLS: decrypts and passes on to `origin`.
pub async fn before(origin: &Origin, identity: &Identity) -> SocketAddr {
    let key = PrivateKeyDer::try_from(identity.key.clone()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, origin) = (listener.local_addr().unwrap(), origin.address);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut tls = acceptor.accept(socket).await.ok()?;
                let mut plain = TcpStream::connect(origin).await.ok()?;
                let _ = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
                tls.shutdown().await.ok()
            });
        }
    });
    address
}

pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
