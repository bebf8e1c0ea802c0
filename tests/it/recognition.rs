//! A disguise does not lead round a route, and what is no login is left alone.

use crate::harness::http::{BROWSER, form, post, send};
use crate::harness::origin::Origin;
use crate::harness::{Gate, SHOP};

#[tokio::test]
async fn disguised_paths_are_recognised_and_forwarded_as_they_came() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let disguises = [
        "/login/",
        "//login",
        "/./login",
        "/x/../login",
        "/LOGIN",
        "/%6cogin",
        "/%256cogin",
        "/login;jsessionid=1",
        "/login%2f",
        "/login.",
        "/login%00",
        "/%5clogin",
        "/x%2f..%2flogin",
        "/login?x=1",
        "http://shop.example/login",
    ];
    for (n, target) in disguises.iter().enumerate() {
        let answer = send(gate.address, form(target, "login=anna&password=right")).await;
        assert_ne!(answer.status, 400, "{target}");
        let records = gate.records(2 * (n + 1)).await;
        assert_eq!(records[2 * n]["route"], "sign-in", "{target}");
    }
    let targets: Vec<_> = origin.requests().iter().map(|request| request.target.clone()).collect();
    assert!(targets.contains(&"/x/../login".to_owned()) && targets.contains(&"/%256cogin".to_owned()), "{targets:?}");
}

#[tokio::test]
async fn other_verbs_and_override_headers_are_the_same_login() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let body = "login=anna&password=right";
    let overridden = post("/login", body, &format!("{BROWSER}X-HTTP-Method-Override: POST\r\n"))
        .replace("POST /login", "PUT /login");
    send(gate.address, overridden).await;
    send(gate.address, form("/login?_method=POST", body).replace("POST /login", "PUT /login")).await;
    let in_form = format!("{body}&_method=POST");
    for method in ["PUT", "DELETE", "GET"] {
        send(gate.address, form("/login", &in_form).replace("POST /login", &format!("{method} /login"))).await;
    }
    let records = gate.records(10).await;
    assert!(records.iter().all(|record| record["route"] == "sign-in"));
}

#[tokio::test]
async fn a_form_value_decides_between_a_route_and_none() {
    let origin = Origin::shop().await;
    let wordpress =
        SHOP.replace("path: /login }", "path: /login, param: { action: [\"!lostpassword\", \"!register\"] } }");
    let gate = Gate::start(&wordpress, &origin).await;
    send(gate.address, form("/login", "login=a&password=x&action=lostpassword")).await;
    send(gate.address, form("/login?action=register", "login=a&password=x")).await;
    send(gate.address, form("/login", "login=a&password=x")).await;
    // To a server that reads an array, or another case, as another name there is no action.
    send(gate.address, form("/login", "login=a&password=x&action[]=register")).await;
    send(gate.address, form("/login?Action=register", "login=a&password=x")).await;
    // Two readings: whichever the application takes, the login is judged.
    send(gate.address, form("/login?action=register", "login=a&password=x&action=login")).await;
    let records = gate.records(8).await;
    let attempts = records.iter().filter(|record| record["status"] == "$attempted").count();
    assert_eq!(attempts, 4);
    let bodies: Vec<_> = origin.requests().into_iter().map(|request| request.body).collect();
    assert!(bodies.contains(&b"login=a&password=x&action=lostpassword".to_vec()), "held and forwarded all the same");
}

#[tokio::test]
async fn fields_are_read_from_json_and_multipart_too() {
    let origin = Origin::shop().await;
    let many = SHOP
        .replace(r#"account: "form:login""#, r#"account: ["form:login", "json:/user/name"]"#)
        .replace(r#"password: "form:password""#, r#"password: ["form:password", "json:/password"]"#);
    let gate = Gate::start(&many, &origin).await;
    let json = r#"{"user":{"name":"anna@example.com"},"password":"right"}"#;
    let as_json = form("/login", json).replace("application/x-www-form-urlencoded", "application/json");
    assert_eq!(send(gate.address, as_json).await.status, 401);
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\nanna@example.com\r\n--b\r\n\
                     Content-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\
                     \u{1}\u{2}\r\n--b--\r\n";
    let as_multipart =
        form("/login", multipart).replace("application/x-www-form-urlencoded", "multipart/form-data; boundary=b");
    assert_eq!(send(gate.address, as_multipart).await.status, 401);
    assert_eq!(send(gate.address, form("/login", "login=anna@example.com")).await.status, 401);
    let records = gate.records(6).await;
    let ids: Vec<_> =
        records.iter().filter(|r| r["status"] == "$attempted").map(|r| r["user"]["user_id"].clone()).collect();
    assert!(ids.len() == 3 && ids[0].is_string() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}
