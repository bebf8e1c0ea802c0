//! Ways around the gate that were found once, each by an attack on the running program. A name says what it guards.

use crate::harness::http::{BROWSER, form, get, post, send};
use crate::harness::origin::{Answer, Origin};
use crate::harness::{Gate, SHOP, shop_with, until, within};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// PHP takes an apostrophe for a quotation mark, qs and Rack take `[login]` for `login`: the application had an account
/// where the record had none.
#[tokio::test]
async fn an_account_hidden_in_its_name_does_not_reach_the_application() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    for body in ["a=1&[login]=ann&password=x", "a=1&login[=ann&password=x", "login=bob&%5Blogin%5Dx=ann&password=x"] {
        assert_eq!(send(gate.address, form("/login", body)).await.status, 403, "{body}");
    }
    let part = |name: &str, value: &str| format!("--X\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n");
    for name in ["name='login'", "x='; name=\"other\"; y='; name=\"login\""] {
        let body = part("name=\"login\"", "bob") + &part(name, "ann") + &part("name=\"password\"", "x") + "--X--\r\n";
        let head = format!("POST /login HTTP/1.1\r\nHost: shop.example\r\n{BROWSER}");
        let length = body.len();
        let request =
            format!("{head}Content-Type: multipart/form-data; boundary=X\r\nContent-Length: {length}\r\n\r\n{body}");
        assert_eq!(send(gate.address, request).await.status, 403, "{name}");
    }
    assert_eq!(origin.requests().len(), 0);
}

/// Werkzeug, waitress and PHP's `parse_url` drop the scheme of `x:/login`, or a host that stands before the path.
#[tokio::test]
async fn a_target_that_is_neither_path_nor_address_does_not_reach_the_application() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    let unsound =
        ["x:/login", "mailto:/login", "x:%2flogin", "shop.example:80/login", "\\login", "login", "http:///login", "*"];
    for target in unsound {
        let answer = send(gate.address, form(target, "login=ann&password=x")).await;
        assert_eq!(answer.status, 400, "{target}");
    }
    assert_eq!(origin.requests().len(), 0);
    let options = get("*", "Connection: close\r\n").replace("GET", "OPTIONS");
    for request in [options, get("/a:b", ""), get("http://shop.example/other", ""), get("HTTP://shop.example", "")] {
        assert_eq!(send(gate.address, &request).await.status, 200, "{request}");
    }
}

/// The login is whatever is none of WordPress's other actions. PHP stops after 1000 fields and takes an array for no action;
/// a part's headers it may not read.
#[tokio::test]
async fn an_action_that_the_application_does_not_see_leaves_no_route() {
    let origin = Origin::shop().await;
    let gate =
        Gate::start(&shop_with(&[("path: /login }", "path: /login, param: { action: [\"!rp\"] } }")]), &origin).await;
    let junk = "j=1&".repeat(1000);
    let part = |head: &str, value: &str| format!("--X\r\n{head}\r\n\r\n{value}\r\n");
    let named = |name: &str, value: &str| part(&format!("Content-Disposition: form-data; name={name}"), value);
    let multipart = |target: &str, more: &str| {
        let body = named("\"login\"", "ann") + &named("\"password\"", "x") + more + "--X--\r\n";
        form(target, &body).replace("application/x-www-form-urlencoded", "multipart/form-data; boundary=X")
    };
    let credentials = "login=ann&password=x";
    let odd = "Content-Disposition : form-data; name=\"action\"";
    let twice = "Content-Disposition: form-data; name=\"action\"\r\nContent-Disposition: form-data; name=\"x\"";
    for (denied, request) in [
        (true, form("/login", &format!("{credentials}&{junk}action=rp"))),
        (true, multipart("/login", &(named("\"j\"", "1").repeat(1000) + &named("\"action\"", "rp")))),
        (true, multipart("/login", &part(odd, "rp"))),
        (true, multipart("/login", &part(twice, "rp"))),
        (true, multipart("/login?action=rp", &named("'action'", "login"))),
        (true, form("/login", &format!("{credentials}{}&action=login{0}", "&action=rp".repeat(500)))),
        (true, form(&format!("/login?{junk}action=rp"), credentials)),
        (false, form("/login?action=rp", &format!("{credentials}&action%5B%5D=rp"))),
        (false, form("/login?action=rp&action[]=rp", credentials)),
    ] {
        let line = request.lines().next().unwrap().chars().take(40).collect::<String>();
        assert_eq!(send(gate.address, &request).await.status, if denied { 403 } else { 401 }, "{line}");
    }
    let judged = gate.records(11).await.into_iter().filter(|record| record["status"] == "$attempted").count();
    assert_eq!(judged, 9);
    let before = origin.requests().len();
    let picture = "Content-Disposition: form-data; name=\"p\"; filename=\"a.png\"\r\nContent-Type: image/png";
    for request in [
        form("/login?action=rp", credentials),
        form("/login", &format!("{credentials}&action=rp")),
        multipart("/login", &(part(picture, "\u{1}") + &named("\"action\"", "rp"))),
        form("/login?action=rp", &format!("{credentials}&{}", "j=1&".repeat(900))),
    ] {
        send(gate.address, &request).await;
    }
    assert_eq!(origin.requests().len(), before + 4);
    send(gate.address, form("/login", credentials)).await;
    let judged = gate.records(13).await.into_iter().filter(|record| record["status"] == "$attempted").count();
    assert_eq!(judged, 10, "what is plainly another action is no login");
}

/// Pingora drops what `Connection` names; Flask's ProxyFix and others take the host from `X-Forwarded-Host`.
#[tokio::test]
async fn what_the_proxy_drops_or_forwards_leaves_no_route() {
    let origin = Origin::shop().await;
    let conditions = "path: /login, host: shop.example, header: { x-kind: \"~\" } }";
    let gate = Gate::start(&shop_with(&[("path: /login }", conditions)]), &origin).await;
    let with = |headers: &str| form("/login", "login=ann&password=x").replace(BROWSER, &(BROWSER.to_owned() + headers));
    assert_eq!(send(gate.address, with("X-Kind: a\r\nConnection: close, x-kind\r\n")).await.status, 400);
    assert_eq!(origin.requests().len(), 0);
    send(gate.address, with("X-Kind:\r\n")).await;
    let elsewhere = |headers: &str| with(headers).replace("\r\nHost: shop.example", "\r\nHost: blog.example");
    send(gate.address, elsewhere("X-Forwarded-Host: shop.example\r\n")).await;
    send(gate.address, elsewhere("Forwarded: for=192.0.2.7;host=\"shop.example\"\r\n")).await;
    send(gate.address, elsewhere("X-Host: shop.example\r\nX-Original-Host: shop.example\r\n")).await;
    send(gate.address, with("X-Kind: a\r\n")).await;
    send(gate.address, with("")).await;
    let judged: Vec<bool> =
        origin.requests().iter().map(|request| !request.header("x-tollgate-action").is_empty()).collect();
    assert_eq!(judged, [true, true, true, false, false, true]);
    for request in origin.requests() {
        assert!(request.header("x-host").is_empty() && request.header("x-original-host").is_empty());
    }
}

/// PHP makes `HTTP_X_TOLLGATE_ACTION` of `X.Tollgate.Action`, and Spring prefers `Forwarded` to `X-Forwarded-For`.
#[tokio::test]
async fn no_spelling_of_a_header_speaks_for_the_gate() {
    let origin = Origin::shop().await;
    let yaml = SHOP.replace("127.0.0.1/32", "192.0.2.1/32");
    let gate = Gate::start(&yaml, &origin).await;
    let spoofed = "X.Tollgate.Action: spoof\r\nX_Tollgate.Risk: spoof\r\nX.Forwarded.For: spoof\r\nForwarded: spoof\r\n\
        X-Real-IP: spoof\r\nX.Original.URL: spoof\r\nX-Kept: spoof\r\n";
    assert_eq!(send(gate.address, get("/", spoofed)).await.status, 200);
    assert_eq!(
        send(gate.address, form("/login", "login=ann&password=x").replace(BROWSER, &(BROWSER.to_owned() + spoofed)))
            .await
            .status,
        401
    );
    let requests = origin.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        let names: Vec<_> =
            request.headers.iter().filter(|(_, value)| value == "spoof").map(|(name, _)| name).collect();
        assert!(names.len() == 1 && names[0].eq_ignore_ascii_case("x-kept"), "{names:?}");
    }
}

/// `Content-Length: 5, 5` came on as a list, which some applications read as no length: what follows is then a request.
#[tokio::test]
async fn one_plain_length_reaches_the_application() {
    let origin = Origin::shop().await;
    let gate = Gate::start(SHOP, &origin).await;
    for lengths in ["Content-Length: 5, 5\r\n", "Content-Length: 5\r\nContent-Length: 5\r\n"] {
        let head = format!("POST /other HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n{lengths}\r\nhello");
        assert_eq!(send(gate.address, head).await.status, 200, "{lengths}");
    }
    for request in origin.requests() {
        assert_eq!((request.header("content-length"), &*request.body), (vec!["5"], &b"hello"[..]));
    }
}

/// Pingora prints whole heads and answers when debugged.
#[tokio::test]
async fn the_loudest_log_holds_no_secret() {
    let origin = Origin::start(|_| Answer::new("200 OK", &[("Set-Cookie", "session=canary")], "canary")).await;
    let dir = tempfile::tempdir().unwrap();
    let errors = dir.path().join("errors");
    // Another process may take the port in between: tried again.
    for _ in 0..5 {
        let address: SocketAddr = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let yaml = SHOP
            .replace("127.0.0.1:1\"", &format!("{address}\""))
            .replace("{origin}", &origin.address.to_string())
            .replace("{dir}", dir.path().to_str().unwrap());
        let file = dir.path().join("tollgate.yaml");
        std::fs::write(&file, yaml).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["run", "--config"])
            .arg(&file)
            .env("RUST_LOG", "trace")
            .stderr(std::fs::File::create(&errors).unwrap())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let listens = async {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = within("the program to listen", listens) => {}
            _ = child.wait() => continue,
        }
        let secrets = "Cookie: sid=canary\r\nAuthorization: Bearer canary\r\nUser-Agent: Mozilla/5.0\r\n";
        for path in ["/login?token=canary", "/other?token=canary"] {
            send(address, post(path, "login=canary@mail.example&password=canary", secrets)).await;
        }
        send(address, "POST /login?canary HTTP/1.1\r\nHost: a\r\nbad canary\r\n\r\n").await;
        let log = || std::fs::read_to_string(&errors).unwrap_or_default();
        until(|| dir.path().join("decisions.jsonl").metadata().is_ok_and(|file| file.len() > 0)).await;
        let log = log();
        assert!(log.contains("listening"), "{log}");
        let line = log.lines().find(|line| line.contains("canary"));
        assert_eq!(line, None);
        return;
    }
    panic!("the program did not start in five tries");
}
