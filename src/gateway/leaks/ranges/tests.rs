//! The service played by a socket that says what a test wants, slowly, wrongly or not at all.

use super::*;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// A service; what each question is answered with, byte for byte. Counts questions and keeps the last.
struct Service {
    address: SocketAddr,
    asked: Arc<AtomicU64>,
    last: Arc<Mutex<String>>,
    /// Lets one answer that waits go.
    go: Arc<Notify>,
}

impl Service {
    /// `waits`: whether answers wait to be let go.
    async fn start(answer: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static, waits: bool) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, last, go) =
            (Arc::<AtomicU64>::default(), Arc::<Mutex<String>>::default(), Arc::<Notify>::default());
        let (count, kept, gate, answer) = (asked.clone(), last.clone(), go.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (count, kept, gate, answer) = (count.clone(), kept.clone(), gate.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    loop {
                        while !head.ends_with(b"\r\n\r\n") {
                            match socket.read_u8().await {
                                Ok(byte) => head.push(byte),
                                Err(_) => return,
                            }
                        }
                        *kept.lock() = String::from_utf8(std::mem::take(&mut head)).unwrap();
                        let number = count.fetch_add(1, Ordering::SeqCst);
                        if waits {
                            gate.notified().await;
                        }
                        if socket.write_all(&answer(number)).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Service { address, asked, last, go }
    }

    fn settings(&self) -> RangeService {
        RangeService {
            tls: false,
            host: "127.0.0.1".into(),
            port: self.address.port(),
            path: "/range".into(),
            // For tests that want an answer; those that want none set their own.
            deadline: Duration::from_secs(60),
            cache: 1 << 20,
            keep: Duration::from_secs(3600),
        }
    }

    fn ranges(&self) -> Ranges {
        Ranges::open(self.settings()).unwrap()
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answered(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// What the service knows of `password`, among padding.
fn good() -> Vec<u8> {
    let padding = format!("{}:0\r\n", "F".repeat(35)).repeat(3);
    answered("200 OK", &format!("{padding}1E4C9B93F3F0682250B6CF8331B7EE68FD8:52256179\r\n"))
}

fn password() -> Digest {
    Digest::of(b"password")
}

async fn settle(ranges: &Ranges) -> Settled {
    ranges.ask(&password()).settle().await
}

fn count(settled: Settled) -> Option<u32> {
    match settled {
        Settled::Known(count) => count,
        Settled::Failed(fault) => panic!("{fault}"),
        Settled::Late(_) => panic!("late"),
    }
}

#[tokio::test]
async fn five_digits_are_sent_and_the_answer_is_kept() {
    let service = Service::start(|_| good(), false).await;
    let ranges = service.ranges();
    for _ in 0..3 {
        assert_eq!(count(settle(&ranges).await), Some(52_256_179));
    }
    assert_eq!(service.asked(), 1, "kept");
    let head = service.last.lock().clone();
    assert!(head.starts_with("GET /range/5BAA6 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("add-padding: true\r\n"), "{head}");
    assert!(!head.to_ascii_uppercase().contains("1E4C9"), "{head}");
    // Another prefix is another question, over the same connection.
    assert_eq!(count(ranges.ask(&Digest::of(b"another")).settle().await), None);
    assert_eq!(service.asked(), 2);
}

#[tokio::test]
async fn whoever_waits_for_one_prefix_waits_for_one_question() {
    let service = Service::start(|_| good(), true).await;
    let ranges = service.ranges();
    let waiting: Vec<Pending> = (0..50).map(|_| ranges.ask(&password())).collect();
    service.go.notify_one();
    for pending in waiting {
        assert_eq!(count(pending.settle().await), Some(52_256_179));
    }
    assert_eq!(service.asked(), 1);
}

#[tokio::test]
async fn an_answer_that_is_late_is_there_for_the_judgement_after_and_for_the_next() {
    let service = Service::start(|_| good(), true).await;
    let ranges = Ranges::open(RangeService { deadline: Duration::from_millis(1), ..service.settings() }).unwrap();
    let Settled::Late(Some(late)) = settle(&ranges).await else { panic!("nothing was answered yet") };
    let Settled::Late(Some(never_asked_for)) = settle(&ranges).await else { panic!("nothing was answered yet") };
    drop(never_asked_for);
    service.go.notify_one();
    // The next who asks is told as soon as it is there.
    let mut late = Some(late);
    while late.as_mut().is_some_and(|late| late.0.is_empty()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(late.take().unwrap().take(), Some(Some(52_256_179)));
    assert_eq!(count(settle(&ranges).await), Some(52_256_179));
    assert_eq!(service.asked(), 1);
    let Settled::Late(Some(early)) = ranges.ask(&Digest::of(b"another")).settle().await else { panic!("late") };
    assert_eq!(early.take(), None, "not come yet, and not waited for");
}

#[tokio::test]
async fn what_is_no_answer_is_a_fault_and_never_no() {
    let endless = || {
        let line = format!("{}:1\r\n", "A".repeat(35)).repeat(40_000);
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:X}\r\n{line}", line.len()).into_bytes()
    };
    for (what, bytes, fault) in [
        ("an error", answered("503 Service Unavailable", ""), Fault::Status(503)),
        ("a redirect", answered("302 Found", ""), Fault::Status(302)),
        ("a page", answered("200 OK", "<html>welcome to the hotel</html>"), Fault::Nonsense),
        ("a line without an end", answered("200 OK", &"A".repeat(300_000)), Fault::Nonsense),
        ("an answer without an end", endless(), Fault::Nonsense),
        (
            "a compressed one",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n".to_vec(),
            Fault::Nonsense,
        ),
    ] {
        let service = Service::start(move |_| bytes.clone(), false).await;
        match settle(&service.ranges()).await {
            Settled::Failed(met) => assert_eq!(met, fault, "{what}"),
            Settled::Known(count) => panic!("{what} was believed: {count:?}"),
            Settled::Late(_) => panic!("{what} was waited for"),
        }
    }
    for (what, bytes) in [
        ("no HTTP", &b"SSH-2.0-x\r\n\r\n"[..]),
        ("nothing", b""),
        ("half an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nAAAA"),
    ] {
        // Closes after what it said.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = RangeService { port: listener.local_addr().unwrap().port(), ..any_service() };
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut head = [0; 4096];
                let _ = socket.read(&mut head).await;
                let _ = socket.write_all(bytes).await;
            }
        });
        let settled = settle(&Ranges::open(settings).unwrap()).await;
        assert!(matches!(settled, Settled::Failed(Fault::Unreachable(_) | Fault::Nonsense)), "{what}");
    }
}

fn any_service() -> RangeService {
    RangeService {
        tls: false,
        host: "127.0.0.1".into(),
        port: 1,
        path: "/range".into(),
        deadline: Duration::from_secs(60),
        cache: 1 << 20,
        keep: Duration::from_secs(3600),
    }
}

#[tokio::test]
async fn a_service_that_is_away_is_left_alone() {
    let service = Service::start(|_| answered("500 Internal Server Error", ""), false).await;
    let ranges = service.ranges();
    let mut faults = Vec::new();
    for _ in 0..20 {
        match settle(&ranges).await {
            Settled::Failed(fault) => faults.push(fault),
            _ => panic!("nothing is known"),
        }
    }
    assert_eq!(service.asked(), 5);
    assert_eq!(faults[4], Fault::Status(500));
    assert!(faults[5..].iter().all(|fault| *fault == Fault::Away), "{faults:?}");
}

#[tokio::test]
async fn a_closed_port_is_told_as_that() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let ranges = Ranges::open(RangeService { port, ..any_service() }).unwrap();
    assert!(matches!(settle(&ranges).await, Settled::Failed(Fault::Unreachable(_))));
}

#[tokio::test]
async fn whoever_floods_the_gate_does_not_flood_the_service() {
    let service = Service::start(|_| good(), true).await;
    let ranges = Ranges::open(RangeService { deadline: Duration::from_millis(1), ..service.settings() }).unwrap();
    let asked: Vec<Pending> =
        (0..200).map(|number: u32| ranges.ask(&Digest::of(format!("flood {number}").as_bytes()))).collect();
    let mut busy = 0;
    for pending in asked {
        match pending.settle().await {
            Settled::Failed(Fault::Busy) => busy += 1,
            Settled::Late(_) => {}
            _ => panic!("nothing was answered"),
        }
    }
    assert_eq!(busy, 200 - MOST_QUESTIONS);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_opened_again() {
    // Each connection is good for one answer, and does not say so.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = RangeService { port: listener.local_addr().unwrap().port(), ..any_service() };
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = socket.read(&mut head).await;
            let _ = socket.write_all(&good()).await;
        }
    });
    let ranges = Ranges::open(settings).unwrap();
    for text in ["password", "two", "three", "four"] {
        let settled = ranges.ask(&Digest::of(text.as_bytes())).settle().await;
        assert_eq!(count(settled).is_some(), text == "password", "{text}");
    }
}
