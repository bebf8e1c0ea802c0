//! TLS itself: certificates of the gate and of the application, and what is neither HTTP/1.1 nor HTTP/2.

use super::{RIGHT, Secured};
use crate::harness::http::{BROWSER, get, post, send};
use crate::harness::origin::{Answer, Origin};
use crate::harness::tls::{self, Identity};
use crate::harness::{Gate, SHOP, within};
use crate::process::command;
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn a_websocket_is_passed_on_through_tls() {
    let origin = Origin::start(|_| {
        Answer::raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nwelcome")
    })
    .await;
    let secured = Secured::start(SHOP, &origin).await;
    for _ in 0..20 {
        let mut connection = secured.http1().await;
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        connection.write(get("/live", upgrade)).await;
        assert_eq!(connection.read().await.expect("an upgrade").status, 101);
        let mut greeting = [0; 7];
        within("the greeting", connection.socket.read_exact(&mut greeting)).await.unwrap();
        assert_eq!(&greeting, b"welcome");
    }
    assert_eq!(origin.requests()[0].header("x-forwarded-proto"), ["https"]);
}

#[tokio::test]
async fn an_application_behind_tls_is_reached_as_its_certificate_allows() {
    let (origin, identity) = (Origin::shop().await, Identity::new());
    let behind = tls::before(&origin, &identity).await;
    let server = format!("https://localhost:{}", behind.port());
    let servers = r#"servers: ["{origin}"]"#;
    let trusting = SHOP.replace(servers, r#"servers: ["{origin}"], verify: false"#);
    let gate = Gate::start_at(&trusting, &server).await;
    let answer = send(gate.address, post("/login", RIGHT, BROWSER)).await;
    assert_eq!(answer.status, 302);
    assert_eq!(origin.requests()[0].body, RIGHT.as_bytes());
    assert_eq!(origin.requests()[0].header("x-forwarded-proto"), ["http"], "that is how the visitor came");

    let careful = Gate::start_at(SHOP, &server).await;
    assert_eq!(send(careful.address, get("/", "")).await.status, 502);
    assert_eq!(send(careful.address, post("/login", RIGHT, BROWSER)).await.status, 502);
    assert_eq!(origin.requests().len(), 1, "an unknown certificate was trusted");
    assert_eq!(careful.records(2).await[1]["status"], "$unknown");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_ends_the_program_with_the_files_name() {
    let (one, other, dir) = (Identity::new(), Identity::new(), tempfile::tempdir().unwrap());
    let nothing = dir.path().join("empty.crt");
    std::fs::write(&nothing, "").unwrap();
    let missing = dir.path().join("missing.key");
    for (certificate, key, culprit) in [
        (one.certificate_file(), other.key_file(), other.key_file()),
        (nothing.clone(), one.key_file(), nothing),
        (one.key_file(), one.key_file(), one.key_file()),
        (one.certificate_file(), one.certificate_file(), one.certificate_file()),
        (one.certificate_file(), missing.clone(), missing),
    ] {
        let tls = format!(", tls: {{ certificate: \"{}\", key: \"{}\" }}", certificate.display(), key.display());
        let yaml = SHOP
            .replace("127.0.0.1:1\"", &format!("127.0.0.1:0\"{tls}"))
            .replace("{origin}", "127.0.0.1:9")
            .replace("{dir}", dir.path().to_str().unwrap());
        let file = dir.path().join("tollgate.yaml");
        std::fs::write(&file, yaml).unwrap();
        let output = within("the program to end", command(&file).output()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(1 | 78)), "{:?} {said}", output.status);
        assert!(said.contains(culprit.to_str().unwrap()) && said.contains("listen"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
