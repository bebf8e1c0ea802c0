//! Orders: cards that are tried out, people whose cards are declined, and what is known of an order only later.

use crate::harness::desk::{ADMIN, Desk};
use crate::harness::http::{BROWSER, post, send};
use crate::harness::origin::{Answer, Origin};
use crate::harness::{Gate, shop_with};
use serde_json::{Value, json};

/// The shop with a checkout, and two calls of its payment provider.
fn shop() -> String {
    let routes = r#"routes:
  - name: pay
    event: checkout
    match: { method: POST, path: /pay }
    fields: { email: "form:email", amount: "form:total", currency: "form:currency", card_bin: "form:number", card_last4: "form:number", order: "form:order" }
    outcome: { pending: [{ status: 202 }], succeeded: [{ status: 302 }], failed: [{ status: 402 }] }
    pages: [/checkout]
  - name: provider-paid
    event: settlement
    match: { method: POST, path: /provider, json: { /type: paid } }
    fields: { order: "json:/order" }
    outcome: { succeeded: [{ status: 200 }] }
  - name: provider-failed
    event: settlement
    match: { method: POST, path: /provider, json: { /type: failed } }
    fields: { order: "json:/order" }
    outcome: { succeeded: [{ status: 200 }] }
    settles: reversed
"#;
    shop_with(&[("routes:\n", routes)])
}

/// An application: cards that end in 0000 are good, orders with a number wait for the bank, and the provider signs its calls.
async fn origin() -> Origin {
    Origin::start(|request| {
        let body = String::from_utf8_lossy(&request.body);
        match request.target.as_str() {
            "/pay" if body.contains("order=") => Answer::new("202 Accepted", &[], "we ask your bank"),
            "/pay" if body.contains("0000&") => Answer::new("302 Found", &[("Location", "/thanks")], ""),
            "/pay" => Answer::new("402 Payment Required", &[], "declined"),
            "/provider" if request.header("x-signature") == ["good"] => Answer::new("200 OK", &[], ""),
            _ => Answer::new("401 Unauthorized", &[], ""),
        }
    })
    .await
}

/// Pays, and waits until the gate knows what became of it: its records of this order, the last one last.
async fn pay(gate: &Gate, from: &str, card: &str, more: &str) -> Vec<Value> {
    let before = gate.records(0).await.len();
    let headers = format!("{BROWSER}X-Forwarded-For: {from}\r\n");
    send(gate.address, post("/pay", &format!("number={card}&{more}"), &headers)).await;
    let enforced = gate.records(before + 1).await[before]["enforced"].clone();
    let count = if enforced == "forwarded" { 2 } else { 1 };
    gate.records(before + count).await.split_off(before)
}

/// The provider calls; what was written down of it and of the order.
async fn call(gate: &Gate, kind: &str, order: &str, signature: &str, records: usize) -> Vec<Value> {
    let before = gate.records(0).await.len();
    let headers = format!(
        "User-Agent: provider/1.0\r\nContent-Type: application/json\r\nX-Signature: {signature}\r\nX-Forwarded-For: 198.51.100.9\r\n"
    );
    let body = json!({ "type": kind, "order": order }).to_string();
    let asked = format!(
        "POST /provider HTTP/1.1\r\nHost: shop.example\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    send(gate.address, asked).await;
    gate.records(before + records).await.split_off(before)
}

fn fired(record: &Value) -> bool {
    record["signals"].as_array().unwrap().contains(&json!("card_testing"))
}

fn card(number: usize) -> String {
    format!("4{:05}0000000{:03}", 11_111 + number * 7, 100 + number)
}

#[tokio::test]
async fn who_tries_card_after_card_is_stopped_and_the_application_no_longer_asked() {
    let origin = origin().await;
    let gate = Gate::start(&shop(), &origin).await;
    for number in 0..12 {
        let email = format!("email=buyer{number}%40example.com&total=1.00&currency=USD");
        let records = pay(&gate, "203.0.113.9", &card(number), &email).await;
        let stopped = records[0]["enforced"] == "challenged";
        assert_eq!(stopped, number >= 3, "card {number}: {}", records[0]);
        if stopped {
            assert_eq!(records[0]["policy"]["rule"], "card-testing");
            assert!(fired(&records[0]), "{}", records[0]);
            assert_eq!(records[0]["evidence"]["card_testing"]["by"], "network");
            assert_eq!(records[0]["evidence"]["card_testing"]["cards"], number + 1);
        }
    }
    assert_eq!(origin.requests().len(), 3);
    let text = serde_json::to_string(&gate.records(0).await).unwrap();
    assert!(!text.contains("0000000") && !text.contains("411111"), "a card's digits got out");
}

#[tokio::test]
async fn the_same_from_everywhere_is_stopped_by_what_they_have_in_common() {
    let origin = origin().await;
    let gate = Gate::start(&shop(), &origin).await;
    for number in 0..8 {
        let (from, email) = (format!("203.0.{number}.9"), format!("email=b{number}%40example.com"));
        let records = pay(&gate, &from, &card(number), &format!("{email}&total=2.50&currency=EUR")).await;
        assert_eq!(records[0]["enforced"] == "challenged", number >= 2, "card {number}: {}", records[0]);
    }
    // Who buys something real with the same browser is somebody else.
    let records =
        pay(&gate, "198.51.100.7", "4222220000000000", "email=c%40example.com&total=84.90&currency=EUR").await;
    assert_eq!((&records[0]["enforced"], &records[1]["status"]), (&json!("forwarded"), &json!("$succeeded")));
}

#[tokio::test]
async fn a_customer_whose_card_is_declined_three_times_may_try_another() {
    let origin = origin().await;
    let gate = Gate::start(&shop(), &origin).await;
    let order = "email=anna%40example.com&total=8.90&currency=EUR";
    for _ in 0..3 {
        let records = pay(&gate, "203.0.113.9", &card(1), order).await;
        assert_eq!((&records[0]["enforced"], &records[1]["status"]), (&json!("forwarded"), &json!("$failed")));
    }
    let records = pay(&gate, "203.0.113.9", "4222220000000000", order).await;
    assert_eq!((&records[0]["enforced"], &records[1]["status"]), (&json!("forwarded"), &json!("$succeeded")));
    assert!(!fired(&records[0]), "{}", records[0]);
}

#[tokio::test]
async fn an_order_is_settled_by_a_later_call_that_the_application_believes() {
    let origin = origin().await;
    let gate = Gate::start(&shop(), &origin).await;
    let order = "email=anna%40example.com&total=8.90&currency=EUR&order=A-1001";
    let attempt = pay(&gate, "203.0.113.9", &card(1), order).await;
    assert_eq!(attempt[1]["status"], "$pending");

    // Anybody may call; the application does not believe them, and nothing is said of the order.
    let forged = call(&gate, "paid", "A-1001", "bad", 2).await;
    assert_eq!((&forged[0]["event"], &forged[0]["enforced"]), (&json!("$settlement"), &json!("forwarded")));
    assert_eq!(forged[1]["status"], "$unknown");

    let paid = call(&gate, "paid", "A-1001", "good", 3).await;
    let settled = &paid[2];
    assert_eq!((&settled["id"], &settled["status"]), (&attempt[0]["id"], &json!("$settled")));
    assert_eq!((&settled["event"], &settled["moment"]), (&json!("$checkout"), &json!("after")));
    assert_eq!(settled["settlement"]["by"], "route");
    assert_eq!(settled["settlement"]["route"], "provider-paid");
    // Said again it is nothing new; and the money may go back.
    call(&gate, "paid", "A-1001", "good", 2).await;
    let back = call(&gate, "failed", "A-1001", "good", 3).await;
    assert_eq!((&back[2]["id"], &back[2]["status"]), (&attempt[0]["id"], &json!("$reversed")));
    let all = gate.records(0).await;
    let words: Vec<&Value> = all.iter().filter(|record| record["settlement"].is_object()).collect();
    assert_eq!(words.len(), 2, "{words:#?}");
    assert!(!serde_json::to_string(&all).unwrap().contains("A-1001"), "an order's name got out");
}

#[tokio::test]
async fn what_is_reversed_later_counts_as_if_it_had_failed_at_once() {
    let origin = origin().await;
    let desk = Desk::open(&(shop() + ADMIN), &origin).await;
    let gate = &desk.gate;
    for number in 0..4 {
        let order = format!("email=b{number}%40example.com&total=3.00&currency=EUR&order=B-{number}");
        assert_eq!(pay(gate, "203.0.113.9", &card(number), &order).await[1]["status"], "$pending");
    }
    let settlements: Vec<Value> =
        (0..5).map(|number| json!({ "order": format!("B-{number}"), "status": "reversed" })).collect();
    let answer = desk.post("/api/v1/settlements", &json!({ "settlements": settlements })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    let results: Vec<&Value> = told["results"].as_array().unwrap().iter().map(|one| &one["result"]).collect();
    assert_eq!(results, ["counted", "counted", "counted", "counted", "early"]);
    let again = desk.post("/api/v1/settlements", &json!({ "order": "B-0", "status": "reversed" })).await.json();
    assert_eq!((&again["counted"], &again["results"][0]["result"]), (&json!(0), &json!("again")));
    assert_eq!(again["results"][0]["id"], told["results"][0]["id"]);
    assert_eq!(gate.records(12).await.iter().filter(|record| record["status"] == "$reversed").count(), 4);

    let fifth = pay(gate, "203.0.113.9", &card(4), "email=b4%40example.com&total=3.00&currency=EUR&order=B-4").await;
    assert_eq!(fifth[0]["policy"]["rule"], "card-testing", "{}", fifth[0]);
    // The audit log has who said it, and no order.
    let audit = serde_json::to_string(&desk.audit()).unwrap();
    assert!(audit.contains("settlements") && !audit.contains("B-0"), "{audit}");
    for wrong in [
        json!({ "order": "B-0", "status": "paid" }),
        json!({ "order": " ", "status": "settled" }),
        json!({ "settlements": [] }),
    ] {
        assert_eq!(desk.post("/api/v1/settlements", &wrong).await.status, 422, "{wrong}");
    }
}

#[tokio::test]
async fn posting_an_order_again_takes_no_word_away_from_who_was_accepted_with_it() {
    let origin = origin().await;
    let desk = Desk::open(&(shop() + ADMIN), &origin).await;
    let gate = &desk.gate;
    let mut tried = Vec::new();
    for number in 0..4 {
        let order = format!("email=b{number}%40example.com&total=3.00&currency=EUR&order=C-{number}");
        let first = pay(gate, "203.0.113.9", &card(number), &order).await;
        assert_eq!(first[1]["status"], "$pending");
        tried.push(first[0]["id"].clone());
        // Whoever tries cards posts the order once more, with a card that is good, from where they did nothing else.
        let again = format!("email=x{number}%40example.com&total=120.00&currency=EUR&order=C-{number}");
        let again = pay(gate, &format!("198.51.{number}.7"), "4222220000000000", &again).await;
        assert_eq!(again[1]["status"], "$pending");
    }
    let settlements: Vec<Value> =
        (0..4).map(|number| json!({ "order": format!("C-{number}"), "status": "reversed" })).collect();
    let told = desk.post("/api/v1/settlements", &json!({ "settlements": settlements })).await.json();
    let ids: Vec<&Value> = told["results"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, tried.iter().collect::<Vec<_>>(), "{told}");
    // Two of each attempt, and one of each word, before the next is asked for.
    gate.records(2 * 8 + 4).await;
    let fifth = pay(gate, "203.0.113.9", &card(4), "email=b4%40example.com&total=3.00&currency=EUR&order=C-4").await;
    assert_eq!(fifth[0]["policy"]["rule"], "card-testing", "{}", fifth[0]);
    // And nothing is left with whoever posted last.
    let other = pay(gate, "198.51.0.7", "4222220000000000", "email=x0%40example.com&total=84.90&currency=EUR").await;
    assert_eq!((&other[0]["enforced"], &other[1]["status"]), (&json!("forwarded"), &json!("$succeeded")), "{other:?}");
}
