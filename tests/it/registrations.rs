//! False accounts: addresses that machines make, beside those of people who register in the same hour.

use crate::harness::http::{Answer, BROWSER, post, send};
use crate::harness::origin::Origin;
use crate::harness::{Gate, SHOP};
use serde_json::{Value, json};
use std::net::{SocketAddr, UdpSocket};

/// The shop with a registration, which the built-in policy rules.
fn shop(more: &str) -> String {
    let route = "routes:\n  - name: sign-up\n    event: register\n    match: { method: POST, path: /register }\n    \
                 fields: { account: \"form:email\", email: \"form:email\", password: \"form:password\" }\n    \
                 outcome: { succeeded: [{ status: 200 }] }\n    pages: [/register]";
    SHOP.replace("routes:", &format!("{more}{route}"))
}

/// Registers with these addresses, one after the other, each from a network of its own; what the gate wrote of each.
async fn registered(gate: &Gate, emails: &[&str]) -> Vec<Value> {
    let mut written = 0;
    for (place, email) in emails.iter().enumerate() {
        // What was forwarded has a second record, of its answer.
        written += if register(gate, place as u8, email).await.status == 200 { 2 } else { 1 };
    }
    let records = gate.records(written).await;
    records.into_iter().filter(|record| record["status"] == "$attempted").collect()
}

async fn register(gate: &Gate, from: u8, email: &str) -> Answer {
    let body = format!("email={}&password=correct-horse-{from}", email.replace('+', "%2B").replace('@', "%40"));
    send(gate.address, post("/register", &body, &format!("{BROWSER}X-Forwarded-For: 91.0.{from}.7\r\n"))).await
}

#[tokio::test]
async fn thrown_letters_are_asked_for_work_and_a_forwarded_address_is_not() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(""), &origin).await;
    let judged =
        registered(&gate, &["x7k2m9qpzz@outlook.com", "x7k2m9qpzz@duck.com", "wojciech.szczesny84@wp.pl"]).await;
    assert_eq!(judged[0]["enforced"], "challenged");
    assert_eq!(judged[0]["policy"]["rule"], "abuse");
    assert_eq!(judged[0]["evidence"]["generated_email"]["by"], "letters");
    assert_eq!((&judged[1]["signals"], &judged[1]["user"]["email_relay"]), (&json!([]), &json!("duckduckgo")));
    assert_eq!((&judged[2]["signals"], &judged[2]["user"]["email_relay"]), (&json!([]), &Value::Null));
    let written = std::fs::read_to_string(gate.dir().join("decisions.jsonl")).unwrap();
    assert!(!written.contains("x7k2m9") && !written.contains("szczesny"), "{written}");
    assert_eq!(origin.requests().len(), 2);
}

#[tokio::test]
async fn addresses_made_alike_are_asked_for_work_while_others_at_the_provider_register() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(""), &origin).await;
    let names =
        ["smith", "jones", "taylor", "brown", "wilson", "evans", "walker", "wright", "green", "hall", "wood", "clarke"];
    let emails: Vec<String> = names
        .iter()
        .enumerate()
        .flat_map(|(place, name)| {
            [format!("anna.{name}{}@outlook.com", 4_711 + 37 * place), format!("{name}.peter@outlook.com")]
        })
        .collect();
    let judged = registered(&gate, &emails.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let stopped: Vec<bool> = judged.iter().map(|record| record["enforced"] == "challenged").collect();
    let (made, people): (Vec<_>, Vec<_>) = stopped.chunks(2).map(|pair| (pair[0], pair[1])).unzip();
    let first = made.iter().position(|stopped| *stopped).expect("some are stopped");
    assert!(first <= 10 && made[first..].iter().all(|stopped| *stopped), "{made:?}");
    assert!(!people.contains(&true), "{people:?}");
    let told = &judged[2 * first];
    assert_eq!(told["evidence"]["generated_email"]["by"], "template", "{told}");
}

#[tokio::test]
async fn one_mailbox_under_many_spellings_is_asked_for_work_from_the_third_on() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&shop(""), &origin).await;
    let spellings = [
        "anna.smith+1@gmail.com",
        "anna.smith+1@gmail.com",
        "annasmith+2@gmail.com",
        "a.nnasmith@gmail.com",
        "annasmith@gmail.com",
    ];
    let judged = registered(&gate, &spellings).await;
    let by: Vec<&Value> = judged.iter().map(|record| &record["evidence"]["generated_email"]["by"]).collect();
    assert_eq!(by[..2], [&Value::Null, &Value::Null], "sent twice");
    assert_eq!(by[3..], [&json!("spellings"), &json!("spellings")]);
}

/// A resolver that answers every question with this code; without one, none.
fn resolver(code: Option<u8>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let query = &buffer[..length];
            let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap_or(0) + 5;
            if let Some(code) = code {
                let answer = [&query[..2], &[0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0], &query[12..end]].concat();
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

fn dns(address: SocketAddr, deadline: &str) -> String {
    shop(&format!("email: {{ dns: {{ check: true, servers: [\"{address}\"], deadline: {deadline} }} }}\n"))
}

#[tokio::test]
async fn a_domain_that_is_in_no_zone_is_told_and_one_that_nobody_answers_for_is_no_evidence() {
    let origin = Origin::shop().await;
    let gate = Gate::start(&dns(resolver(Some(3)), "2s"), &origin).await;
    register(&gate, 1, "anna.smith@no-such-shop.com").await;
    let told = &gate.records(2).await[0];
    assert_eq!(told["evidence"]["invalid_email"]["problem"], "no_mail_server");

    let gate = Gate::start(&dns(resolver(None), "10ms"), &origin).await;
    assert_eq!(register(&gate, 1, "anna.smith@slow-shop.com").await.status, 200);
    let blind = &gate.records(2).await[0];
    assert_eq!((&blind["degraded"], &blind["blind"]), (&json!(["dns"]), &json!(["invalid_email"])));
    assert_eq!(blind["signals"], json!([]));
}
