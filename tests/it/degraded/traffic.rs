//! Visitors who sign in with a wrong password, one login after the other, for as long as they are let.

use crate::harness::http::{BROWSER, Connection, post};
use crate::harness::within;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Where all of them come from.
pub const FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
pub const VISITORS: usize = 4;
/// Between two logins of one visitor: the tests share their machine.
const PAUSE: Duration = Duration::from_millis(10);

pub struct Traffic {
    shared: Arc<Shared>,
    visitors: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    /// Logins that were begun after the last call of `served`, by its number, and answered.
    served: AtomicUsize,
    part: AtomicUsize,
    errors: AtomicUsize,
    took: Mutex<Vec<Duration>>,
}

/// What became of them.
pub struct Served {
    pub requests: usize,
    /// Answers that were none, or other than without a fault.
    pub errors: usize,
    took: Vec<Duration>,
}

impl Traffic {
    pub fn begin(address: SocketAddr) -> Traffic {
        let shared = Arc::<Shared>::default();
        let visitors = (0..VISITORS).map(|visitor| {
            let shared = shared.clone();
            tokio::spawn(async move {
                let headers = format!("{BROWSER}X-Forwarded-For: {FROM}\r\n");
                let login = post("/login", &format!("login=visitor{visitor}&password=wrong"), &headers);
                let mut connection = Connection::open(address).await;
                while !shared.over.load(Ordering::Relaxed) {
                    let (part, began) = (shared.part.load(Ordering::Relaxed), Instant::now());
                    connection.write(&login).await;
                    let answer = connection.read().await;
                    shared.took.lock().unwrap().push(began.elapsed());
                    if answer.is_none_or(|answer| answer.status != 401) {
                        shared.errors.fetch_add(1, Ordering::Relaxed);
                        connection = Connection::open(address).await;
                    }
                    if part == shared.part.load(Ordering::Relaxed) {
                        shared.served.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            })
        });
        let visitors = visitors.collect();
        Traffic { shared, visitors }
    }

    /// Comes back when so many logins that were begun after this call are answered.
    pub async fn served(&self, count: usize) {
        self.shared.part.fetch_add(1, Ordering::Relaxed);
        self.shared.served.store(0, Ordering::Relaxed);
        within("logins being answered", async {
            while self.shared.served.load(Ordering::Relaxed) < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }

    pub async fn end(self) -> Served {
        self.shared.over.store(true, Ordering::Relaxed);
        for visitor in self.visitors {
            visitor.await.unwrap();
        }
        let mut took = std::mem::take(&mut *self.shared.took.lock().unwrap());
        took.sort_unstable();
        Served { requests: took.len(), errors: self.shared.errors.load(Ordering::Relaxed), took }
    }
}

impl Served {
    pub fn p99(&self) -> Duration {
        self.took[(self.took.len() - 1) * 99 / 100]
    }

    pub fn slowest(&self) -> Duration {
        self.took.last().copied().unwrap_or_default()
    }
}
