//! What is sent, and how an answer is understood.

use super::*;
use crate::attempt_file::Attempts;
use std::path::Path;

const YAML: &str = "version: 1\nmode: enforce\nlisten: [{ address: \"127.0.0.1:1\" }]\nupstream: { servers: [\"127.0.0.1:2\"] }\n\
    routes:\n  - name: a\n    event: login\n    match: { method: POST, path: /in }\n    \
    fields: { account: form:login, password: form:pw }\n    pages: [/page]\n";

fn settings() -> Settings {
    crate::config::parse("test.yaml", YAML, Path::new("/nowhere")).map_err(|report| report.to_string()).unwrap().0
}

fn play_at(gate: SocketAddr, speed: Speed) -> Play {
    Play { gate, authority: "shop.test".into(), client_ip_header: "X-Forwarded-For".into(), speed }
}

fn attempt(device: &str, headers: &str) -> LabelledAttempt<'static> {
    let line = format!(
        r#"{{"t":5,"event":"login","ip":"203.0.113.7","headers":{headers},"http":"2","device":{device},"fields":{{"account":"anna","password":"x"}},"outcome":"failed","label":"innocent","actor":"p1"}}"#
    );
    Attempts::new("a", line.as_bytes()).next().unwrap().unwrap()
}

#[test]
fn headers_keep_order_and_case_and_only_what_must_is_changed() {
    let forms = Forms::of(&settings());
    let form = forms.for_event(&crate::engine::event::Event::Login).unwrap();
    let play = play_at("127.0.0.1:9".parse().unwrap(), Speed::Rate(1.0));
    let headers = r#"[["content-length","3"],["sec-ch-ua","x"],["content-type","{type}"],["origin","https://shop.example"],["User-Agent","M"],["x-forwarded-for","1.1.1.1"],["x","a\r\nb: c"],["cookie","stolen=1"]]"#;
    let bytes = request(&play, form, &attempt("null", headers), &vec![("gate".into(), "1".into())]);
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "POST /in HTTP/1.1\r\nhost: shop.test\r\ncontent-length: 15\r\nsec-ch-ua: x\r\ncontent-type: \
         application/x-www-form-urlencoded\r\norigin: http://shop.test\r\nUser-Agent: M\r\nx: ab: c\r\ncookie: gate=1\r\n\
         X-Forwarded-For: 203.0.113.7\r\n\r\nlogin=anna&pw=x"
    );
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer { status, headers, body: body.as_bytes().to_vec(), reusable: true }
}

#[test]
fn answers_are_understood() {
    let forms = Forms::of(&settings());
    let form = forms.for_event(&crate::engine::event::Event::Login).unwrap();
    let own = ("cache-control", "no-store");
    for (answer, expected) in [
        (answer(303, &[own, ("location", "/.tollgate/challenge/abc")], ""), Verdict::Challenged),
        (answer(401, &[own], r#"{"challenge":{"page":"/.tollgate/challenge/abc"}}"#), Verdict::Challenged),
        (answer(403, &[own], "<p>This request could not be accepted.</p>"), Verdict::Denied),
        (answer(403, &[], "forbidden by the application"), Verdict::Allowed),
        (answer(302, &[("location", "/")], ""), Verdict::Allowed),
        (answer(401, &[], ""), Verdict::Allowed),
        (answer(502, &[own], ""), Verdict::Failed),
        (answer(413, &[own], ""), Verdict::Failed),
    ] {
        assert_eq!(verdict(form, &answer), expected, "{answer:?}");
    }
    assert_eq!(cookie("a=b; Path=/"), Some(("a".into(), Some("b".into()))));
    assert_eq!(cookie("a=b; Max-Age=0"), Some(("a".into(), None)));
    assert_eq!(cookie("nothing"), None);
}

/// A gate that answers everything with a cookie and notes what it was sent.
async fn gate() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let notes = notes.clone();
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while socket.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
                    if bytes.ends_with(b"pw=x") {
                        notes.lock().push(String::from_utf8(std::mem::take(&mut bytes)).unwrap());
                        let answer = b"HTTP/1.1 401 No\r\nSet-Cookie: gate=7; Path=/\r\nContent-Length: 0\r\n\r\n";
                        socket.write_all(answer).await.unwrap();
                    }
                }
            });
        }
    });
    (address, seen)
}

#[tokio::test]
async fn cookies_come_back_with_the_device_that_got_them() {
    let (address, seen) = gate().await;
    let headers = r#"[["user-agent","M"]]"#;
    let shared = Shared {
        play: play_at(address, Speed::Rate(1e6)),
        forms: Forms::of(&settings()),
        idle: Mutex::default(),
        jars: Mutex::new(LruCache::new(MOST_JARS)),
        played: Mutex::default(),
    };
    for device in ["null", "\"d1\"", "\"d1\"", "\"d2\""] {
        shared.send(&attempt(device, headers)).await;
    }
    let brought: Vec<bool> = seen.lock().iter().map(|request| request.contains("cookie: gate=7")).collect();
    assert_eq!(
        brought,
        [false, true, true, false],
        "a first visit has none, then its device has them, another has none"
    );
    let answers = shared.played.lock().by_label["innocent"];
    assert_eq!(answers, Answers { sent: 4, allowed: 4, ..Answers::default() });
}

#[tokio::test]
async fn everything_is_sent_and_counted_and_what_has_no_route_is_told() {
    let (address, seen) = gate().await;
    let mut reset = attempt("null", "[]");
    reset.event = crate::engine::event::Event::Reset;
    let attempts = (0..50).map(|_| attempt("null", "[]")).chain([reset]);
    let played = play(play_at(address, Speed::Rate(1e6)), &settings(), attempts, std::future::pending()).await;
    assert_eq!((played.by_label["innocent"].allowed, played.without_route), (50, 1));
    assert_eq!(seen.lock().len(), 50);
    let nobody = play_at("127.0.0.1:1".parse().unwrap(), Speed::Rate(1e6));
    let played = play(nobody, &settings(), std::iter::once(attempt("null", "[]")), std::future::pending()).await;
    assert_eq!(played.by_label["innocent"].failed, 1);
    assert!(played.first_failure.is_some());
    let stopped = play(
        play_at(address, Speed::Factor(1e-9)),
        &settings(),
        (0..5).map(|t| {
            let mut attempt = attempt("null", "[]");
            attempt.at.0 += t;
            attempt
        }),
        std::future::ready(()),
    )
    .await;
    assert!(stopped.by_label.is_empty(), "it ends when it is told to");
}
