//! Visitors who never stop, while the configuration changes under them again and again. What is counted is failures and
//! lost connections, not time: there must be none.

use super::{LOADED, replace, unwatched};
use crate::harness::http::{Answer, BROWSER, Connection, get, post};
use crate::harness::origin::Origin;
use crate::harness::tls::Identity;
use crate::process::Program;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const VISITORS: usize = 8;
const RELOADS: usize = 40;

#[derive(Default)]
struct Counts {
    stop: AtomicBool,
    served: AtomicUsize,
    failed: AtomicUsize,
    lost: AtomicUsize,
}

impl Counts {
    fn count(&self, answer: Option<&Answer>, fine: &[u16]) {
        match answer {
            Some(answer) if fine.contains(&answer.status) => self.served.fetch_add(1, Ordering::Relaxed),
            Some(_) => self.failed.fetch_add(1, Ordering::Relaxed),
            None => self.lost.fetch_add(1, Ordering::Relaxed),
        };
    }
}

async fn visit<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(
    mut connection: Connection<S>,
    visitor: usize,
    counts: Arc<Counts>,
) {
    let address = format!("{BROWSER}X-Forwarded-For: 198.51.100.{visitor}\r\n");
    let login = post("/login", &format!("login=visitor{visitor}&password=right"), &address);
    while !counts.stop.load(Ordering::Relaxed) {
        for (request, fine) in [(get("/page", &address), [200]), (login.clone(), [302])] {
            connection.write(request).await;
            let answer = connection.read().await;
            counts.count(answer.as_ref(), &fine);
            if answer.is_none() {
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_failed_or_cut_off_by_forty_reloads() {
    let (one, other) = (Origin::shop().await, Origin::shop().await);
    let (first, second) = (Identity::new(), Identity::new());
    let plain = Program::start(&unwatched().replace("difficulty: 8", "difficulty: 9"), &one).await;
    let tls = unwatched().replace(r#"listen: [{ address: "127.0.0.1:1" }]"#, &first.listener());
    let tls = Program::start(&tls, &one).await;
    let counts = Arc::new(Counts::default());
    let mut visitors = Vec::new();
    for visitor in 0..VISITORS {
        let connection = Connection::open(plain.address).await;
        visitors.push(tokio::spawn(visit(connection, visitor, counts.clone())));
        let connection = first.http1(tls.address).await;
        visitors.push(tokio::spawn(visit(connection, VISITORS + visitor, counts.clone())));
    }
    // Each reload changes policy, routes, servers, and for half of them the certificate. Between two of them everybody is
    // served, so that each version meets requests.
    let texts = [&plain, &tls].map(|program| std::fs::read_to_string(program.file()).unwrap());
    for round in 0..RELOADS {
        let before = counts.served.load(Ordering::Relaxed);
        crate::harness::within("visitors to be served", async {
            while counts.served.load(Ordering::Relaxed) < before + 2 * VISITORS
                && counts.failed.load(Ordering::Relaxed) + counts.lost.load(Ordering::Relaxed) == 0
            {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        })
        .await;
        if round % 4 == 1 {
            std::fs::copy(second.certificate_file(), first.certificate_file()).unwrap();
            std::fs::copy(second.key_file(), first.key_file()).unwrap();
        }
        for (program, text) in [&plain, &tls].into_iter().zip(&texts) {
            let changed = text
                .replace("203.0.113.66", &format!("203.0.113.{round}"))
                .replace("\nroutes:", &format!("\nroutes:\n{}", another_route(round)));
            let servers = format!("servers: [\"{}\"", one.address);
            let both = format!("servers: [\"{}\", \"{}\"", other.address, one.address);
            let changed = if round % 2 == 0 { changed.replace(&servers, &both) } else { changed };
            replace(&program.file(), &changed);
            let (code, _, err) = program.reload().await;
            assert_eq!(code, 0, "{err}");
        }
    }
    counts.stop.store(true, Ordering::Relaxed);
    for visitor in visitors {
        crate::harness::within("a visitor to leave", visitor).await.unwrap();
    }
    let count = |of: &AtomicUsize| of.load(Ordering::Relaxed);
    assert_eq!((count(&counts.failed), count(&counts.lost)), (0, 0), "of {} requests", count(&counts.served));
    assert_eq!(plain.metric(LOADED).await + tls.metric(LOADED).await, 2 * RELOADS as u64);
    assert!(!other.requests().is_empty(), "the servers changed as well");
}

fn another_route(round: usize) -> String {
    format!(
        "  - {{ name: sign-up-{round}, event: register, match: {{ method: POST, path: /up/{round} }}, fields: {{ account: \
         form:mail }} }}"
    )
}
