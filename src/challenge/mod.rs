//! Challenges: what a visitor must do when the policy is in doubt, and what having done it is worth.
//!
//! The life of a challenge: [`Challenges::issue`] seals a ticket and sends the visitor to its URL; [`Challenges::page`]
//! shows the task, to people as a page and to programs as JSON; [`Challenges::solve`] checks a posted solution, *burns* the
//! ticket in the store, and only then has a [`Solved`], which nothing else can make. Before forwarding that is worth a
//! clearance cookie for one more attempt ([`PendingClearance`]); after a login succeeded it releases the answer that was held
//! ([`HeldAnswer`]).
//!
//! Each rule here is some other gate's hole: difficulty, expiry, account, route and return path are inside the sealed
//! ticket (not parameters); a ticket and a clearance work once across the fleet; the return path cannot leave the site; the
//! URL of a held answer is worth nothing without the cookie that was set beside it; cookies are proven, not trusted by
//! name; whatever is wrong with a ticket, the visitor reads the same page.
//!
//! A kind of challenge is one file and one line in [`KINDS`]. Everything is a plain value: no socket, no clock, and the
//! store is one operation ([`Spend`]).

mod clearance;
pub mod cookies;
mod held;
mod proof_of_work;
mod reply;
mod return_path;
mod ticket;
mod wire;

pub use clearance::{PendingClearance, supposed};
pub use held::{HeldAnswer, HoldError, MOST_BODY};
pub use reply::Reply;
pub use return_path::ReturnPath;

use crate::config::settings;
use crate::engine::attempt::Pseudonym;
use crate::engine::clearance::ChallengeKind;
use crate::engine::evidence::Moment;
use crate::engine::time::Timestamp;
use crate::secrets::{NoRandomness, Secrets};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use clearance::{CLOCK_SKEW, Token};
use serde_json::{Value, json};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use ticket::{Hold, Ticket};

/// Where tickets are shown and solved; what follows is the ticket.
pub const PREFIX: &str = "/.tollgate/challenge/";
/// Largest body of a solution that is worth reading.
pub const MOST_FORM: usize = 1024;

/// The table of challenges.
pub static KINDS: &[&KindEntry] = &[&proof_of_work::PROOF_OF_WORK];

/// One kind of challenge.
pub struct KindEntry {
    pub kind: ChallengeKind,
    /// In tickets and cookies: never changed, never reused.
    code: u8,
    /// One line for tables: what it asks of the visitor.
    pub summary: &'static str,
    difficulty: fn(&settings::Challenges) -> u8,
    /// What a program needs to solve it; a JSON object.
    describe: fn(&Task) -> Value,
    page: fn(&Task) -> Reply,
    /// Whether this form solves this task. Pure, total, at most a few microseconds.
    verify: fn(&Task, &[u8]) -> bool,
}

/// What a kind may know of a ticket.
#[derive(Clone, Copy, Debug)]
struct Task {
    id: [u8; 16],
    difficulty: u8,
}

fn kind_of(kind: ChallengeKind) -> &'static KindEntry {
    match kind {
        ChallengeKind::ProofOfWork => &proof_of_work::PROOF_OF_WORK,
    }
}

fn kind_by_code(code: u8) -> Option<&'static KindEntry> {
    KINDS.iter().copied().find(|entry| entry.code == code)
}

/// What a challenge asks of the store: to spend something exactly once.
pub trait Spend: Sync {
    /// Spends `token`, remembers it for at least `lifetime`, and says whether this was the first time. Exactly one
    /// caller, over the whole fleet, ever hears [`Spent::First`].
    fn spend(&self, token: [u8; 16], lifetime: Duration, now: Timestamp) -> impl Future<Output = Spent> + Send;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    First,
    AlreadyUsed,
    /// The store cannot tell; the same as used, but worth another try.
    Unavailable,
}

/// What the shell knows of the request that is being answered.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    pub now: Timestamp,
    /// Whether the visitor's own connection is TLS: cookies are then `Secure`.
    pub secure: bool,
    /// Whether this is a navigation; programs get JSON.
    pub wants_html: bool,
}

/// A challenge to be issued.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    pub kind: ChallengeKind,
    /// The route's name.
    pub route: &'a str,
    pub account: Option<Pseudonym>,
    /// `Before` ends in a clearance, `After` releases a held answer.
    pub moment: Moment,
    /// Where the form is shown.
    pub return_to: ReturnPath,
}

/// A challenge on its way to a visitor.
#[derive(Debug)]
pub struct Issued {
    pub kind: ChallengeKind,
    /// The path of the challenge.
    pub location: String,
    pub expires: Timestamp,
    pub set_cookies: Vec<String>,
    /// Moment `After`: under which id the answer is to be held, until `expires`.
    pub hold_id: Option<[u8; 16]>,
}

/// Proof that a ticket was solved: it was ours, in time, the solution right, and it was burnt by this very call. Only
/// [`Challenges::solve`] makes one.
#[derive(Debug)]
#[must_use = "a solution was burnt for this"]
pub struct Solved {
    ticket: Ticket,
}

impl Solved {
    pub fn kind(&self) -> ChallengeKind {
        self.ticket.kind
    }

    pub fn route(&self) -> &str {
        &self.ticket.route
    }

    pub fn account(&self) -> Option<Pseudonym> {
        self.ticket.account
    }

    pub fn moment(&self) -> Moment {
        self.ticket.moment()
    }

    /// From issuing to now.
    pub fn took(&self, now: Timestamp) -> Duration {
        now.since(self.ticket.issued)
    }
}

/// What became of a posted solution.
#[derive(Debug)]
#[must_use]
pub enum Solution {
    /// Solved before forwarding: send `reply` (it sets the clearance and leads back to the form).
    Clear { kind: ChallengeKind, reply: Reply },
    /// Solved after a success: take the held answer out of the store and pass it to [`Challenges::release`].
    Release(Release),
    Refuse {
        /// `None`: the ticket is none of ours, or not this visitor's.
        kind: Option<ChallengeKind>,
        failure: Failure,
        reply: Reply,
    },
}

/// Why a posted solution opened nothing. For the operator: the visitor is not told apart from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The ticket is none of ours, or belongs to somebody else.
    Foreign,
    Expired,
    /// Not what was asked for.
    Wrong,
    /// Right, and used before.
    Reused,
    /// Right, and the gate could not do its part.
    Unavailable,
}

impl Failure {
    pub const ALL: [Failure; 5] =
        [Failure::Foreign, Failure::Expired, Failure::Wrong, Failure::Reused, Failure::Unavailable];

    /// As published in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Failure::Foreign => "foreign",
            Failure::Expired => "expired",
            Failure::Wrong => "failed",
            Failure::Reused => "reused",
            Failure::Unavailable => "unavailable",
        }
    }
}

/// The right to one held answer.
#[derive(Debug)]
#[must_use = "the ticket is burnt: without this its answer is lost"]
pub struct Release {
    solved: Solved,
    hold: Hold,
    /// The path the hold cookie was set for.
    location: String,
}

impl Release {
    /// What to take from the store.
    pub fn hold_id(&self) -> [u8; 16] {
        self.hold.id
    }

    pub fn solved(&self) -> &Solved {
        &self.solved
    }
}

/// Everything about challenges, for one configuration.
#[derive(Clone, Debug)]
pub struct Challenges {
    settings: settings::Challenges,
    secrets: Arc<Secrets>,
}

impl Challenges {
    pub fn new(settings: settings::Challenges, secrets: Arc<Secrets>) -> Challenges {
        Challenges { settings, secrets }
    }

    /// Makes a challenge. Costs nothing in the store until it is solved (a held answer apart).
    pub fn issue(&self, order: Order<'_>, visit: &Visit) -> Result<Issued, NoRandomness> {
        let expires = visit.now.after(self.settings.ticket_lifetime);
        let secret = match order.moment {
            Moment::Before => None,
            Moment::After => Some(URL_SAFE_NO_PAD.encode(self.secrets.random::<32>()?)),
        };
        let hold = match &secret {
            None => None,
            Some(secret) => Some(Hold { id: self.secrets.random()?, holder: Hold::mark(secret.as_bytes()) }),
        };
        let ticket = Ticket {
            id: self.secrets.random()?,
            kind: order.kind,
            route: order.route.into(),
            account: order.account,
            difficulty: (kind_of(order.kind).difficulty)(&self.settings),
            issued: visit.now,
            expires,
            return_to: order.return_to,
            hold,
        };
        let location = format!("{PREFIX}{}", ticket.seal(&self.secrets)?);
        // For this ticket's path alone: two tabs that log in do not overwrite each other's, and the application never
        // sees it.
        let lifetime = self.settings.ticket_lifetime.as_secs();
        let set_cookies = secret
            .map(|secret| cookies::set(cookies::HOLD, &secret, &location, lifetime, visit.secure))
            .into_iter()
            .collect();
        Ok(Issued { kind: order.kind, location, expires, set_cookies, hold_id: hold.map(|hold| hold.id) })
    }

    /// Seals the answer that waits for `issued`; `None` if that was issued before forwarding and nothing waits.
    pub fn seal(&self, issued: &Issued, answer: &HeldAnswer) -> Option<Result<Bytes, NoRandomness>> {
        issued.hold_id.map(|id| answer.seal(&self.secrets, &id))
    }

    /// What the challenge's URL shows on `GET`. `ticket` is what follows [`PREFIX`], without query.
    pub fn page(&self, ticket: &str, visit: &Visit) -> Reply {
        let submit = format!("{PREFIX}{ticket}");
        let Some(ticket) = Ticket::open(&self.secrets, ticket) else { return reply::expired(None, visit.wants_html) };
        if ticket.has_expired(visit.now) {
            return reply::expired(Some(&ticket.return_to), visit.wants_html);
        }
        let task = Task { id: ticket.id, difficulty: ticket.difficulty };
        if visit.wants_html {
            return (ticket.entry().page)(&task);
        }
        let mut description = json!({ "kind": ticket.kind.name() });
        if let (Value::Object(all), Value::Object(own)) = (&mut description, (ticket.entry().describe)(&task)) {
            all.extend(own);
            all.insert("submit".into(), json!(submit));
            all.insert("expires".into(), json!(ticket.expires));
        }
        Reply::json(200, "application/json", &description)
    }

    /// Checks a posted solution: `form` is the body, at most [`MOST_FORM`] bytes of it; `cookies` the values of the
    /// `Cookie` headers. A wrong solution does not use the ticket up, a right one does, whatever comes of it.
    pub async fn solve(
        &self,
        ticket: &str,
        form: &[u8],
        cookies: &[&[u8]],
        visit: &Visit,
        store: &impl Spend,
    ) -> Solution {
        match self.verify(ticket, form, cookies, visit, store).await {
            Ok(solved) => self.reward(solved, ticket, visit),
            Err((kind, failure, reply)) => Solution::Refuse { kind, failure, reply },
        }
    }

    /// Opens what was taken from the store for `release`. The answer is to be sent as it is, with a fresh length; its
    /// last header removes the hold cookie. `Err` is what to send instead: nothing was held, or not under this id.
    #[expect(clippy::needless_pass_by_value, reason = "a release must not be used twice")]
    pub fn release(&self, release: Release, taken: Option<&[u8]>, visit: &Visit) -> Result<HeldAnswer, Reply> {
        let answer = taken.and_then(|sealed| HeldAnswer::open(&self.secrets, &release.hold.id, sealed));
        let Some(mut answer) = answer else {
            return Err(reply::expired(Some(&release.solved.ticket.return_to), visit.wants_html));
        };
        let removal = cookies::set(cookies::HOLD, "", &release.location, 0, visit.secure);
        answer.headers.push(("set-cookie".to_owned(), Bytes::from(removal)));
        Ok(answer)
    }

    /// Whether the visitor's cookies may clear this attempt. `cookies` are the values of the `Cookie` headers.
    pub fn clearance(
        &self,
        cookies: &[&[u8]],
        route: &str,
        account: Option<Pseudonym>,
        now: Timestamp,
    ) -> Option<PendingClearance> {
        PendingClearance::find(&self.secrets, cookies, route, account, now)
    }

    /// The only place that makes a [`Solved`].
    async fn verify(
        &self,
        ticket: &str,
        form: &[u8],
        cookies: &[&[u8]],
        visit: &Visit,
        store: &impl Spend,
    ) -> Result<Solved, (Option<ChallengeKind>, Failure, Reply)> {
        let unknown = || (None, Failure::Foreign, reply::expired(None, visit.wants_html));
        let ticket = Ticket::open(&self.secrets, ticket).ok_or_else(unknown)?;
        let kind = Some(ticket.kind);
        let failed = |failure| Err((kind, failure, reply::expired(Some(&ticket.return_to), visit.wants_html)));
        // Before all else: to whom it does not belong, a ticket that releases something does not exist.
        if let Some(hold) = ticket.hold
            && !cookies::candidates(cookies, cookies::HOLD, 64).any(|secret| hold.is_held_by(secret))
        {
            return Err(unknown());
        }
        let task = Task { id: ticket.id, difficulty: ticket.difficulty };
        if ticket.has_expired(visit.now) {
            return failed(Failure::Expired);
        }
        if form.len() > MOST_FORM || !(ticket.entry().verify)(&task, form) {
            return failed(Failure::Wrong);
        }
        match store.spend(ticket.id, ticket.expires.since(visit.now) + CLOCK_SKEW, visit.now).await {
            Spent::First => Ok(Solved { ticket }),
            Spent::AlreadyUsed => failed(Failure::Reused),
            Spent::Unavailable => Err((kind, Failure::Unavailable, reply::unavailable(visit.wants_html))),
        }
    }

    fn reward(&self, solved: Solved, ticket: &str, visit: &Visit) -> Solution {
        if let Some(hold) = solved.ticket.hold {
            return Solution::Release(Release { solved, hold, location: format!("{PREFIX}{ticket}") });
        }
        let (kind, return_to) = (solved.kind(), solved.ticket.return_to.clone());
        let lifetime = self.settings.clearance_lifetime;
        let sealed =
            Token::of(solved, &self.secrets, visit.now.after(lifetime)).and_then(|token| token.seal(&self.secrets));
        let Ok(value) = sealed else {
            let reply = reply::unavailable(visit.wants_html);
            return Solution::Refuse { kind: Some(kind), failure: Failure::Unavailable, reply };
        };
        let cookie = cookies::set(cookies::CLEARANCE, &value, "/", lifetime.as_secs(), visit.secure);
        let reply = if visit.wants_html {
            Reply::see_other(return_to.as_str())
        } else {
            let note = "Make the original request again with the cookie that this answer sets.";
            Reply::json(200, "application/json", &json!({ "status": "solved", "detail": note }))
        };
        Solution::Clear { kind, reply: reply.with_cookies([cookie]) }
    }
}

impl Issued {
    /// What sends the visitor to the challenge: a redirect for a navigation, a problem for a program.
    pub fn reply(&self, visit: &Visit) -> Reply {
        if visit.wants_html { self.redirect() } else { self.problem() }
    }

    /// `303 See Other` to the challenge, with its cookies.
    pub fn redirect(&self) -> Reply {
        Reply::see_other(&self.location).with_cookies(self.set_cookies.iter().cloned())
    }

    /// `403` with `application/problem+json`, with its cookies.
    pub fn problem(&self) -> Reply {
        let detail = "Solve the challenge at its URL: GET describes it, POST submits the solution. Keep the cookies.";
        let challenge =
            json!({ "challenge": { "kind": self.kind.name(), "url": self.location, "expires": self.expires } });
        reply::problem(403, "challenge-required", "A challenge must be solved first", detail, challenge)
            .with_cookies(self.set_cookies.iter().cloned())
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
