//! Attempts sent to a gate that runs, and what it answers.
//!
//! One task paces, and each attempt is a task of its own, so that a slow application slows nobody else down; how many are
//! under way at once is bounded. Cookies that the gate or the application sets are kept per device and brought again, as a
//! browser does; a first visit has no device yet, so its cookies wait under the person's name and browser until that device
//! has one. What the gate decided is read from its answer, as a visitor would.

mod form;
mod wire;

use crate::attempt_file::{HttpVersion, LabelledAttempt};
use crate::config::settings::{DenyAnswer, Settings};
use form::{Form, Forms};
use lru::LruCache;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};
use wire::Answer;

pub use form::NotWritable;

/// Attempts under way at once.
const AT_ONCE: usize = 256;
/// How long an attempt may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Cookie jars that are kept.
const MOST_JARS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(199_999);
/// Cookies of one jar.
const MOST_COOKIES: usize = 32;

/// How fast attempts follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many a second.
    Rate(f64),
    /// Their own distances, so many times faster.
    Factor(f64),
}

/// Where and how to play.
pub struct Play {
    pub gate: SocketAddr,
    /// For `Host`, where the route asks for none.
    pub authority: String,
    /// The header that tells the gate who the client is.
    pub client_ip_header: String,
    pub speed: Speed,
}

/// What the gate did with the attempts of one label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub sent: u64,
    pub allowed: u64,
    pub challenged: u64,
    pub denied: u64,
    /// No answer, or that the gate or the application could not.
    pub failed: u64,
}

/// What became of all.
#[derive(Debug, Default)]
pub struct Played {
    pub by_label: BTreeMap<String, Answers>,
    /// Attempts of events that the configuration has no route for.
    pub without_route: u64,
    /// Routes that could not be played.
    pub left_out: Vec<NotWritable>,
    /// Of the first attempt that was not answered.
    pub first_failure: Option<String>,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allowed,
    Challenged,
    Denied,
    Failed,
}

type Jar = Vec<(String, String)>;

struct Shared {
    play: Play,
    forms: Forms,
    idle: Mutex<Vec<TcpStream>>,
    jars: Mutex<LruCache<String, Jar>>,
    played: Mutex<Played>,
}

/// Sends all attempts; `stop` ends it early. Nothing is sent if no route of the configuration can be played.
pub async fn play(
    play: Play,
    settings: &Settings,
    attempts: impl Iterator<Item = LabelledAttempt<'static>>,
    stop: impl Future<Output = ()>,
) -> Played {
    let mut forms = Forms::of(settings);
    let left_out = std::mem::take(&mut forms.left_out);
    let nothing = forms.is_empty();
    let speed = play.speed;
    let shared = Arc::new(Shared {
        play,
        forms,
        idle: Mutex::default(),
        jars: Mutex::new(LruCache::new(MOST_JARS)),
        played: Mutex::new(Played { left_out, ..Played::default() }),
    });
    let room = Arc::new(Semaphore::new(AT_ONCE));
    tokio::pin!(stop);
    let begun = Instant::now();
    let mut first = None;
    let mut sent = 0u32;
    for attempt in attempts.take_while(|_| !nothing) {
        if shared.forms.for_event(&attempt.event).is_none() {
            shared.played.lock().without_route += 1;
            continue;
        }
        let start = *first.get_or_insert(attempt.at);
        let after = match speed {
            Speed::Rate(rate) => Duration::from_secs_f64(f64::from(sent) / rate),
            Speed::Factor(factor) => attempt.at.since(start).div_f64(factor),
        };
        sent += 1;
        let permit = tokio::select! {
            _ = &mut stop => break,
            permit = async {
                sleep_until(begun + after).await;
                room.clone().acquire_owned().await
            } => permit,
        };
        let shared = shared.clone();
        tokio::spawn(async move {
            shared.send(&attempt).await;
            drop(permit);
        });
    }
    // All are back when all the room is free.
    let _ = room.acquire_many(AT_ONCE as u32).await;
    std::mem::take(&mut shared.played.lock())
}

impl Shared {
    async fn send(&self, attempt: &LabelledAttempt<'_>) {
        let Some(form) = self.forms.for_event(&attempt.event) else { return };
        let keys = keys(attempt);
        let request = request(&self.play, form, attempt, &self.cookies(&keys));
        let answer = timeout(PATIENCE, self.exchange(&request)).await;
        let answer = answer.unwrap_or_else(|_| Err(io::Error::other("no answer within 15 seconds")));
        let verdict = match &answer {
            Ok(answer) => {
                self.keep(&keys, answer);
                verdict(form, answer)
            }
            Err(_) => Verdict::Failed,
        };
        let mut played = self.played.lock();
        if let (Verdict::Failed, None) = (verdict, &played.first_failure) {
            played.first_failure = Some(match &answer {
                Ok(answer) => format!("the gate answered {}", answer.status),
                Err(error) => error.to_string(),
            });
        }
        let answers = played.by_label.entry(attempt.label.to_string()).or_default();
        answers.sent += 1;
        *match verdict {
            Verdict::Allowed => &mut answers.allowed,
            Verdict::Challenged => &mut answers.challenged,
            Verdict::Denied => &mut answers.denied,
            Verdict::Failed => &mut answers.failed,
        } += 1;
    }

    /// Over a connection that is open, or, if the gate has closed it meanwhile, over a new one.
    async fn exchange(&self, request: &[u8]) -> io::Result<Answer> {
        let idle = self.idle.lock().pop();
        if let Some(mut stream) = idle
            && let Ok(answer) = wire::exchange(&mut stream, request).await
        {
            self.give_back(stream, &answer);
            return Ok(answer);
        }
        let mut stream = TcpStream::connect(self.play.gate).await?;
        let answer = wire::exchange(&mut stream, request).await?;
        self.give_back(stream, &answer);
        Ok(answer)
    }

    fn give_back(&self, stream: TcpStream, answer: &Answer) {
        let mut idle = self.idle.lock();
        if answer.reusable && idle.len() < AT_ONCE {
            idle.push(stream);
        }
    }

    /// What the device brings.
    fn cookies(&self, keys: &[String]) -> Jar {
        let mut jars = self.jars.lock();
        let [device, first] = keys else { return Jar::new() };
        match jars.get(device) {
            Some(jar) => jar.clone(),
            // The device was here once, when it had no name yet.
            None => match jars.pop(first) {
                Some(jar) => {
                    jars.put(device.clone(), jar.clone());
                    jar
                }
                None => Jar::new(),
            },
        }
    }

    fn keep(&self, keys: &[String], answer: &Answer) {
        let Some(key) = keys.first() else { return };
        let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie").filter_map(|(_, value)| cookie(value));
        for (name, value) in set {
            let mut jars = self.jars.lock();
            let jar = jars.get_or_insert_mut(key.clone(), Jar::new);
            jar.retain(|(have, _)| *have != name);
            if let Some(value) = value.filter(|_| jar.len() < MOST_COOKIES) {
                jar.push((name, value));
            }
        }
    }
}

/// Under which names a jar is: the device and what it was called before it had a name; or only the latter.
fn keys(attempt: &LabelledAttempt<'_>) -> Vec<String> {
    let actor = attempt.actor.as_deref().unwrap_or_default();
    let first = format!("{actor} {}", attempt.header("user-agent").unwrap_or_default());
    match &attempt.device {
        Some(device) => vec![device.to_string(), first],
        None => vec![first],
    }
}

/// Name and value of a cookie that is set; no value if it is deleted.
fn cookie(set: &str) -> Option<(String, Option<String>)> {
    let (name, value) = set.split(';').next()?.trim().split_once('=')?;
    let deleted = value.is_empty() || set.to_ascii_lowercase().replace(' ', "").contains("max-age=0");
    Some((name.to_owned(), (!deleted).then(|| value.to_owned())))
}

/// The request in bytes.
fn request(play: &Play, form: &Form, attempt: &LabelledAttempt<'_>, jar: &Jar) -> Vec<u8> {
    let filled = form.fill(attempt);
    let host = form.host().unwrap_or(&play.authority);
    let mut text = format!("{} {} HTTP/1.1\r\n", form.method(), filled.target);
    let mut line = |name: &str, value: &str| {
        // Attempts come from a file as well: nothing in them ends a line.
        let clean = |text: &str| text.chars().filter(|letter| !letter.is_control()).collect::<String>();
        text.push_str(&format!("{}: {}\r\n", clean(name), clean(value)));
    };
    let has = |name: &str| attempt.header(name).is_some();
    if !has("host") {
        line(if attempt.http == HttpVersion::Http2 { "host" } else { "Host" }, host);
    }
    let length = filled.body.len().to_string();
    for (name, value) in &attempt.headers {
        let value = match name.to_ascii_lowercase().as_str() {
            "host" => host.to_owned(),
            "content-length" => length.clone(),
            "content-type" => filled.content_type.to_owned(),
            "origin" => format!("http://{host}"),
            "referer" => format!("http://{host}{}", form.page()),
            // Whoever says who the client is, is this command.
            known if known == play.client_ip_header.to_ascii_lowercase() => continue,
            "cookie" | "transfer-encoding" | "expect" | "upgrade" | "connection" => continue,
            _ => value.to_string(),
        };
        line(name, &value);
    }
    if !has("content-length") {
        line("Content-Length", &length);
    }
    if !has("content-type") {
        line("Content-Type", filled.content_type);
    }
    let mut cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
    for (name, value) in &filled.headers {
        match name.as_str() {
            "cookie" => cookies.push(value.clone()),
            _ => line(name, value),
        }
    }
    if !cookies.is_empty() {
        line(if attempt.http == HttpVersion::Http2 { "cookie" } else { "Cookie" }, &cookies.join("; "));
    }
    line(&play.client_ip_header, &attempt.ip.to_string());
    text.push_str("\r\n");
    text.push_str(&filled.body);
    text.into_bytes()
}

/// What the gate did, as far as its answer shows it.
fn verdict(form: &Form, answer: &Answer) -> Verdict {
    const CHALLENGE: &str = "/.tollgate/challenge/";
    let body = String::from_utf8_lossy(&answer.body);
    let location = answer.header("location").unwrap_or_default();
    // What the gate says itself is never cached.
    let own = answer.header("cache-control") == Some("no-store");
    if own && (location.contains(CHALLENGE) || body.contains(CHALLENGE)) {
        return Verdict::Challenged;
    }
    let built_in = own && matches!(answer.status, 400..=599) && body.contains("This request could not be accepted");
    let denied = built_in
        || match form.deny() {
            DenyAnswer::Redirect(to) => own && answer.status == 303 && location == &**to,
            DenyAnswer::RedirectToPage => own && answer.status == 303 && location == form.page(),
            DenyAnswer::Respond { status, html, json } => {
                let texts = [html, json].into_iter().flatten();
                own && answer.status == *status && texts.into_iter().any(|text| **text == *body)
            }
        };
    match answer.status {
        _ if denied => Verdict::Denied,
        400 | 408 | 413 | 421 | 431 if own => Verdict::Failed,
        500..=599 => Verdict::Failed,
        _ => Verdict::Allowed,
    }
}

#[cfg(test)]
mod tests;
