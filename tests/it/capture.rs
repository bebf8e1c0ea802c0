//! Bodies of every size and framing arrive at the application byte for byte, and what cannot be held is refused clearly.

use crate::harness::http::{BROWSER, Connection, form, send};
use crate::harness::origin::Origin;
use crate::harness::{Gate, SHOP, until, within};
use tokio::io::AsyncWriteExt;

/// Sizes around Pingora's replay limit, and far beyond it.
const SIZES: [usize; 7] = [0, 1, 65_535, 65_536, 65_537, 1 << 20, 10 << 20];

fn large() -> String {
    SHOP.replace("routes:", "limits: { body: 16MiB }\nroutes:")
}

/// A login form of exactly this many bytes; below the size of the fields, just bytes.
fn body(size: usize) -> Vec<u8> {
    let fields = b"login=anna&password=right&rest=";
    let mut body: Vec<u8> = if size < fields.len() { Vec::new() } else { fields.to_vec() };
    while body.len() < size {
        body.push(b'a' + (body.len() % 23) as u8);
    }
    body
}

fn head(framing: &str) -> String {
    format!(
        "POST /login HTTP/1.1\r\nHost: shop.example\r\n{BROWSER}Content-Type: application/x-www-form-urlencoded\r\n{framing}\r\n"
    )
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(8_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

#[tokio::test]
async fn bodies_with_a_length_arrive_byte_for_byte() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&large(), &origin).await;
    for size in SIZES {
        let body = body(size);
        let mut connection = Connection::open(gate.address).await;
        connection.write(head(&format!("Content-Length: {size}\r\n"))).await;
        connection.write(&body).await;
        let answer = connection.read().await.unwrap_or_else(|| panic!("no answer at {size} bytes"));
        assert!(matches!(answer.status, 302 | 401), "{size}: {}", answer.status);
        let seen = origin.requests().pop().unwrap();
        assert_eq!(seen.header("content-length"), [size.to_string()], "{size}");
        assert!(seen.body == body, "{size} bytes arrived changed");
    }
}

#[tokio::test]
async fn chunked_bodies_arrive_byte_for_byte_up_to_the_replay_limit() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&large(), &origin).await;
    for size in SIZES {
        let body = body(size);
        let mut connection = Connection::open(gate.address).await;
        connection.write(head("Transfer-Encoding: chunked\r\n")).await;
        connection.write(chunked(&body)).await;
        let answer = connection.read().await.unwrap_or_else(|| panic!("no answer at {size} bytes"));
        if size <= 65_536 {
            assert!(matches!(answer.status, 302 | 401), "{size}: {}", answer.status);
            let seen = origin.requests().pop().unwrap();
            assert!(seen.body == body, "{size} bytes arrived changed");
            assert!(seen.header("transfer-encoding").is_empty());
            assert_eq!(seen.header("content-length"), [size.to_string()]);
        } else {
            assert_eq!(answer.status, 413, "{size}");
        }
    }
}

#[tokio::test]
async fn unprotected_bodies_stream_whatever_their_size() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    for size in SIZES {
        let body = body(size);
        for (framing, bytes) in [
            (format!("Content-Length: {size}\r\n"), body.clone()),
            ("Transfer-Encoding: chunked\r\n".to_owned(), chunked(&body)),
        ] {
            let mut connection = Connection::open(gate.address).await;
            connection.write(head(&framing).replace("/login", "/upload")).await;
            connection.write(&bytes).await;
            assert_eq!(connection.read().await.unwrap().status, 200);
            assert!(origin.requests().pop().unwrap().body == body, "{size} bytes arrived changed");
        }
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_is_told_to_go_on() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&large(), &origin).await;
    for size in [5usize, 70_000] {
        let mut connection = Connection::open(gate.address).await;
        connection.write(head(&format!("Content-Length: {size}\r\nExpect: 100-continue\r\n"))).await;
        let interim = crate::harness::http::read_head(&mut connection.socket);
        let interim = within("100 Continue", interim).await.unwrap();
        assert!(interim.starts_with("HTTP/1.1 100"), "{interim}");
        connection.write(body(size)).await;
        assert!(matches!(connection.read().await.unwrap().status, 302 | 401));
        assert!(origin.requests().pop().unwrap().header("expect").is_empty());
    }
}

#[tokio::test]
async fn a_client_that_half_closes_gets_its_answer() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let mut connection = Connection::open(gate.address).await;
    connection.write(form("/login", "login=anna&password=right")).await;
    connection.socket.get_mut().shutdown().await.unwrap();
    assert_eq!(connection.read().await.expect("an answer after half-close").status, 302);
}

#[tokio::test]
async fn a_client_that_aborts_midway_costs_the_application_nothing() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let mut connection = Connection::open(gate.address).await;
    connection.write(head("Content-Length: 100\r\n")).await;
    connection.write("login=").await;
    drop(connection);
    let record = &gate.records(1).await[0];
    assert_eq!(record["enforced"], "refused:broken_off");
    assert!(origin.requests().is_empty());
    assert_eq!(gate.inner.budget.held(), 0, "held bytes are given back");
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_cannot_hide_its_failure() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let mut connection = Connection::open(gate.address).await;
    connection.write(form("/login", "login=anna&password=wrong")).await;
    drop(connection);
    let records = gate.records(2).await;
    assert_eq!(records[1]["status"], "$failed");
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_a_408() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&SHOP.replace("routes:", "limits: { capture: 200ms }\nroutes:"), &origin).await;
    let mut connection = Connection::open(gate.address).await;
    connection.write(head("Content-Length: 100\r\n")).await;
    connection.write("login=").await;
    assert_eq!(connection.read().await.unwrap().status, 408);
    assert_eq!(gate.records(1).await[0]["enforced"], "refused:slow");
}

#[tokio::test]
async fn who_sends_everything_before_reading_still_reads_the_refusal() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    // More than the buffers of both sides hold, so that the sending ends only if somebody reads.
    let body = body(24 << 20);
    let mut connection = Connection::open(gate.address).await;
    connection.write(head(&format!("Content-Length: {}\r\n", body.len()))).await;
    within("the body to be taken", connection.write(&body)).await;
    assert_eq!(connection.read().await.expect("the answer is there").status, 413);
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_unless_the_route_says_otherwise() {
    let origin = Origin::shop().await;
    let small = SHOP.replace("routes:", "limits: { body: 1KiB }\nroutes:");
    let gate = Gate::start(&small, &origin).await;
    let big = body(2_000);
    let request = [head("Content-Length: 2000\r\n").into_bytes(), big.clone()].concat();
    assert_eq!(send(gate.address, &request).await.status, 413);
    assert!(origin.requests().is_empty());
    assert_eq!(gate.records(1).await[0]["enforced"], "refused:too_large");

    let lenient = small.replace("    policy: login\n", "    policy: login\n    too_large: forward_unscored\n");
    let gate = Gate::start(&lenient, &origin).await;
    assert_eq!(send(gate.address, &request).await.status, 302);
    assert!(origin.requests().pop().unwrap().body == big);
    assert_eq!(gate.records(1).await[0]["enforced"], "unscored:too_large");
}

#[tokio::test]
async fn what_is_held_at_once_is_bounded() {
    let origin = Origin::shop().await;
    let gate =
        Gate::start(&SHOP.replace("routes:", "limits: { body: 1MiB, held_total: 1MiB }\nroutes:"), &origin).await;
    let mut first = Connection::open(gate.address).await;
    first.write(head(&format!("Content-Length: {}\r\n", 1 << 20))).await;
    first.write(&body(1 << 20)[..900_000]).await;
    within("the first body to be held", until(|| gate.inner.budget.held() >= 900_000)).await;
    let request = [head("Content-Length: 300000\r\n").into_bytes(), body(300_000)].concat();
    assert_eq!(send(gate.address, &request).await.status, 503);
    drop(first);
    within("the first body to be given back", until(|| gate.inner.budget.held() == 0)).await;
    assert_eq!(send(gate.address, &request).await.status, 302);
}
