//! The admin listener of a gate, and an operator before it: the real service, on a port that the system chose.

use super::http::{self, Answer, Connection};
use super::origin::Origin;
use super::{Gate, stream};
use pingora::apps::ServerApp;
use pingora::listeners::tls::Acceptor;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tollgate::admin::api::Api;
use tollgate::admin::service::AdminApp;
use tollgate::gateway::reload::Reloader;
use tollgate::gateway::succession::Upgrades;
use tollgate::gateway::succession::predecessor::Program;

/// A gate, its admin listener, and the token that opens it.
pub struct Desk {
    pub gate: Gate,
    pub address: SocketAddr,
    pub token: String,
}

/// What a configuration needs to have one: on a port that is never listened on, since the story brings its own.
pub const ADMIN: &str = "admin: { address: \"127.0.0.1:2\", token_file: \"{dir}/admin.token\", audit_log: { path: \"{dir}/audit.jsonl\" } }\n";

impl Desk {
    /// Opens one for this configuration, which has an `admin` part.
    pub async fn open(yaml: &str, origin: &Origin) -> Desk {
        let gate = Gate::start(yaml, origin).await;
        let file = gate.dir().join("tollgate.yaml");
        std::fs::write(&file, &gate.yaml).unwrap();
        let reading = tollgate::config::read(&file);
        let (reloader, reloads) = Reloader::new(gate.inner.clone(), &file, reading.files, reading.version);
        tokio::spawn(reloader.run(std::future::pending));
        // Nothing takes over from a test.
        let program = Program::own().unwrap();
        let upgrades = Upgrades::new(gate.inner.clone(), Arc::default(), program, watch::channel(false).1);
        let api = Arc::new(Api::new(gate.inner.clone(), reloads, upgrades));
        let app = Arc::new(AdminApp::new(gate.inner.admin.clone(), api));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = acceptor(&gate);
        let stopping = gate.stop.subscribe();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (app, acceptor, stopping) = (app.clone(), acceptor.clone(), stopping.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => app.process_new(Box::new(stream(socket)), &stopping).await,
                        Some(acceptor) => {
                            let tls = acceptor.tls_handshake(stream(socket)).await.ok()?;
                            app.process_new(Box::new(tls), &stopping).await
                        }
                    }
                });
            }
        });
        let token = std::fs::read_to_string(gate.dir().join("admin.token")).unwrap_or_default().trim().to_owned();
        Desk { gate, address, token }
    }

    /// The head of a call with the token; `more` are further headers, each ending in CR LF.
    pub fn head(&self, verb: &str, target: &str, more: &str) -> String {
        format!("{verb} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{more}\r\n", self.token)
    }

    /// Sends bytes as they are.
    pub async fn send(&self, bytes: impl AsRef<[u8]>) -> Answer {
        http::send(self.address, bytes).await
    }

    pub async fn get(&self, target: &str) -> Answer {
        let answer = self.send(self.head("GET", target, "")).await;
        conforms("get", target, &answer);
        answer
    }

    pub async fn ask_head(&self, target: &str) -> Answer {
        let mut connection = Connection::open(self.address).await;
        connection.write(self.head("HEAD", target, "")).await;
        connection.read_answer_to("HEAD").await.expect("an answer")
    }

    pub async fn post(&self, target: &str, body: &Value) -> Answer {
        self.post_as("application/json", target, &body.to_string()).await
    }

    pub async fn post_as(&self, media: &str, target: &str, body: &str) -> Answer {
        let more = format!("Content-Type: {media}\r\nContent-Length: {}\r\n", body.len());
        let answer = self.send(self.head("POST", target, &more) + body).await;
        conforms("post", target, &answer);
        answer
    }

    /// The lines of the audit log so far.
    pub fn audit(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.gate.dir().join("audit.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// What the listener speaks TLS with, as the service sets it up.
fn acceptor(gate: &Gate) -> Option<Arc<Acceptor>> {
    let address = gate.inner.live.load().settings.admin.address.unwrap();
    let certificate = gate.inner.certificates.get(&address)?;
    let builder = rustls::ServerConfig::builder_with_provider(super::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match &gate.inner.client_ca {
        Some(authority) => builder.with_client_cert_verifier(authority.clone()),
        None => builder.with_no_client_auth(),
    };
    Some(Arc::new(Acceptor::from_server_config(Arc::new(builder.with_cert_resolver(certificate.clone())))))
}

/// Reads one answer over a connection that is open already.
pub async fn over<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(stream: S, bytes: String) -> Option<Answer> {
    let mut connection = Connection::over(stream);
    connection.write(bytes).await;
    connection.read().await
}

/// Fails unless the answer is one that the API's own document promises for this call: its status, its type, its shape.
pub fn conforms(verb: &str, target: &str, answer: &Answer) {
    let document = tollgate::admin::api::openapi::document();
    let path = target.split('?').next().unwrap_or_default();
    let fits = |template: &str| {
        let (parts, segments) = (template.split('/'), path.split('/'));
        template.split('/').count() == path.split('/').count()
            && parts.zip(segments).all(|(part, segment)| part == segment || part.starts_with('{'))
    };
    let paths = document["paths"].as_object().unwrap();
    let found = paths.get(path).or_else(|| paths.iter().find(|(template, _)| fits(template)).map(|(_, item)| item));
    let status = answer.status.to_string();
    let declared = match found.and_then(|item| item.get(verb)) {
        Some(operation) => &operation["responses"][&status],
        // What is no endpoint is told as a problem as well.
        None => &document["components"]["responses"]["Problem"],
    };
    let declared = match declared["$ref"].as_str() {
        Some(target) => document.pointer(target.trim_start_matches('#')).unwrap(),
        None => declared,
    };
    let media = answer.header("content-type").unwrap_or_default();
    let schema = &declared["content"][media]["schema"];
    assert!(schema.is_object(), "{verb} {target}: {status} {media} is not declared: {}", answer.text());
    let whole = serde_json::json!({ "allOf": [schema], "components": document["components"] });
    let validator = jsonschema::draft202012::new(&whole).unwrap();
    let faults: Vec<String> = validator.iter_errors(&answer.json()).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{verb} {target}: {faults:#?}\n{}", answer.text());
}
