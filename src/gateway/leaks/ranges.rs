//! The k-anonymity range protocol, as Have I Been Pwned speaks it: whoever wants to know of a password sends the first five
//! digits of its hash, gets all hashes that begin so, and looks for itself.
//!
//! The service is somebody else's and far away, so nothing may depend on it. Questions are asked beside everything else that
//! is gathered, and waited for until a deadline that begins with them; what comes later is there for the judgement after a
//! success and for whoever asks next. Answers are kept, the ones used last and only so many bytes; one question a prefix is
//! under way at a time, whoever waits for it; there are so many at most, because whoever floods the gate would else flood
//! the service; and one that keeps failing is left alone for a while. What cannot be had is told as missing, never as "no".
//!
//! Requests come from threads that may end before the process does, so the asking is done by a thread of its own.

use super::answer::Suffixes;
use super::breaker::Breaker;
use super::cache::Cache;
use super::client::{Client, Fault};
use crate::config::settings::RangeService;
use crate::intel::passwords::Digest;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// Most questions that are under way.
const MOST_QUESTIONS: usize = 32;
/// Most attempts that are told an answer which came after their deadline.
const MOST_LATE: usize = 1024;
/// How long a question is worth waiting for, whoever waits.
const PATIENCE: Duration = Duration::from_secs(5);

type Answered = Result<Arc<Suffixes>, Fault>;

/// The service, as one configuration names it.
pub struct Ranges {
    service: RangeService,
    shared: Arc<Shared>,
    late: Arc<AtomicUsize>,
    /// Always there; taken when this is dropped.
    runtime: Option<Runtime>,
}

struct Shared {
    client: Client,
    state: Mutex<State>,
}

struct State {
    cache: Cache,
    /// Questions under way, by prefix.
    asked: HashMap<u32, watch::Receiver<Option<Answered>>>,
    breaker: Breaker,
}

impl std::fmt::Debug for Ranges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ranges").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Drop for Ranges {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime waits, which an asynchronous caller may not.
            runtime.shutdown_background();
        }
    }
}

/// A question that was put, and until when its answer is waited for.
pub struct Pending {
    answer: Answer,
    rest: Zeroizing<u64>,
    until: Instant,
    late: Arc<AtomicUsize>,
    /// Of the service's own thread.
    runtime: Option<Handle>,
}

enum Answer {
    There(Answered),
    Awaited(watch::Receiver<Option<Answered>>),
}

/// What became of a question within its time: how often the password was seen (`None`: never), or why that is not known.
pub enum Settled {
    Known(Option<u32>),
    Failed(Fault),
    /// It may still come.
    Late(Option<Late>),
}

/// An answer that was too late, and may have come since.
pub struct Late(oneshot::Receiver<Option<u32>>);

impl Late {
    /// The answer, if it has come.
    pub fn take(mut self) -> Option<Option<u32>> {
        self.0.try_recv().ok()
    }
}

impl Ranges {
    /// Nobody is asked yet.
    pub fn open(service: RangeService) -> std::io::Result<Ranges> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("passwords")
            .enable_all()
            .build()?;
        let state = State {
            cache: Cache::new(service.cache, service.keep),
            asked: HashMap::new(),
            breaker: Breaker::default(),
        };
        let shared = Arc::new(Shared { client: Client::new(service.clone()), state: Mutex::new(state) });
        Ok(Ranges { service, shared, late: Arc::default(), runtime: Some(runtime) })
    }

    /// Whether it is the one that a configuration wants.
    pub fn is(&self, service: &RangeService) -> bool {
        self.service == *service
    }

    /// Puts the question, if nobody did and the answer is not known, and returns at once.
    pub fn ask(&self, digest: &Digest) -> Pending {
        let now = Instant::now();
        let answer = self.answer(digest.prefix(), now);
        let runtime = self.runtime.as_ref().map(|runtime| runtime.handle().clone());
        Pending { answer, rest: digest.rest(), until: now + self.service.deadline, late: self.late.clone(), runtime }
    }

    fn answer(&self, prefix: u32, now: Instant) -> Answer {
        let mut state = self.shared.state.lock();
        if let Some(known) = state.cache.find(prefix, now) {
            return Answer::There(Ok(known));
        }
        if let Some(asked) = state.asked.get(&prefix) {
            return Answer::Awaited(asked.clone());
        }
        if state.asked.len() >= MOST_QUESTIONS {
            return Answer::There(Err(Fault::Busy));
        }
        if !state.breaker.lets(now) {
            return Answer::There(Err(Fault::Away));
        }
        let Some(runtime) = &self.runtime else { return Answer::There(Err(Fault::Away)) };
        let (tell, asked) = watch::channel(None);
        state.asked.insert(prefix, asked.clone());
        runtime.spawn(question(self.shared.clone(), prefix, tell));
        Answer::Awaited(asked)
    }
}

/// Asks, and tells everybody who waits.
async fn question(shared: Arc<Shared>, prefix: u32, tell: watch::Sender<Option<Answered>>) {
    let answered = timeout(PATIENCE, shared.client.fetch(prefix)).await.unwrap_or(Err(Fault::Late)).map(Arc::new);
    let now = Instant::now();
    let mut state = shared.state.lock();
    state.asked.remove(&prefix);
    match &answered {
        Ok(answer) => {
            state.cache.keep(prefix, answer.clone(), now);
            if state.breaker.succeeded() {
                tracing::info!("the service for leaked passwords answers again");
            }
        }
        Err(fault) => {
            if state.breaker.failed(now) {
                tracing::warn!(
                    %fault,
                    "the service for leaked passwords (intel.passwords.range) fails: it is left alone for a while, and what \
                     the local lists do not know is not known"
                );
            }
        }
    }
    drop(state);
    let _ = tell.send(Some(answered));
}

impl Pending {
    /// Waits for the answer, until the deadline at most.
    pub async fn settle(self) -> Settled {
        let Pending { answer, rest, until, late, runtime } = self;
        let mut asked = match answer {
            Answer::There(answered) => return settled(answered, &rest),
            Answer::Awaited(asked) => asked,
        };
        match tokio::time::timeout_at(until.into(), come(&mut asked)).await {
            Ok(answered) => settled(answered, &rest),
            Err(_) => Settled::Late(runtime.and_then(|runtime| outlive(&runtime, asked, rest, late))),
        }
    }
}

fn settled(answered: Answered, rest: &u64) -> Settled {
    match answered {
        Ok(answer) => Settled::Known(answer.count(*rest)),
        Err(fault) => Settled::Failed(fault),
    }
}

async fn come(asked: &mut watch::Receiver<Option<Answered>>) -> Answered {
    match asked.wait_for(Option::is_some).await {
        Ok(answered) => answered.clone().unwrap_or(Err(Fault::Late)),
        // The configuration that asked is gone.
        Err(_) => Err(Fault::Away),
    }
}

/// Goes on waiting, so that what is known of the password stays here and not with its request.
fn outlive(
    runtime: &Handle,
    mut asked: watch::Receiver<Option<Answered>>,
    rest: Zeroizing<u64>,
    waiting: Arc<AtomicUsize>,
) -> Option<Late> {
    if waiting.fetch_add(1, Ordering::Relaxed) >= MOST_LATE {
        waiting.fetch_sub(1, Ordering::Relaxed);
        return None;
    }
    let (tell, late) = oneshot::channel();
    // Ends with the question, which has its own time.
    runtime.spawn(async move {
        if let Ok(answer) = come(&mut asked).await {
            let _ = tell.send(answer.count(*rest));
        }
        waiting.fetch_sub(1, Ordering::Relaxed);
    });
    Some(Late(late))
}

#[cfg(test)]
mod tests;
