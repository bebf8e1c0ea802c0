//! The device cookie: by which the gate knows a browser again.
//!
//! **What it is.** A random id, sealed with the moment it was first given out, how often it was given out anew since, and
//! whether somebody ever logged in with it ([`token`]). Nothing in it is about the visitor, and the store knows it by a keyed
//! hash only. It opens under any signing key of the installation and is given out anew under the newest, so keys rotate
//! without making a stranger of anybody.
//!
//! **It costs nothing, so it proves nothing.** Everybody gets one. Until somebody logged in with it, its bearer counts by the
//! fingerprint, like those without: who throws cookies away, or farms a thousand, is one crowd still. (Registering is not enough: that costs a robot nothing either.) The log-in is noted
//! inside the cookie, under the seal, because whether to count by it must be known before the store is asked.
//!
//! **A stolen copy ages out.** It is given out anew after some days, at each success, and when the signing key changed; the
//! id stays and the generation moves. Once a newer one was used, an older one that comes again is a copy: the store
//! [notices](crate::engine::holder::Holder::copied), the device is worth nothing any more, and whoever holds either gets
//! a new id. A browser that comes back from a backup looks the same and loses no more than that: it is a stranger once.
//!
//! **Nobody can lend another theirs.** A page on a sister host can set cookies for the whole domain and so hand its own id to
//! a visitor, whose log-in would then make the thief's browser a known one. Over TLS the name therefore begins with
//! `__Host-`, which browsers take from the host itself only, and the plain name is not read there. Where that is not to be
//! had (plain HTTP, a configured `domain`), two different ids in one request are somebody's doing, and neither counts.
//!
//! **Nobody can take another's away.** A form that a page elsewhere sends here comes without the cookie (`SameSite=Lax`), and
//! a fresh one in the answer would replace it: who brings none in a request that says so gets none.
//!
//! **Who gets it, and in which answers.** Visitors of protected routes and of their `pages`. What a cache may give to others
//! must not carry somebody's id: see [`answers`].

mod answers;
mod pages;
mod token;

use answers::may_carry;
pub use token::Token;

use self::pages::Pages;
use super::gate::Gate;
use super::identity::Keys;
use super::live::Live;
use super::{is_tls, socket_peer};
use crate::challenge::cookies;
use crate::config::settings::DeviceCookie;
use crate::engine::attempt::Pseudonym;
use crate::engine::evidence::Evidence;
use crate::engine::pattern::Glob;
use crate::engine::time::Timestamp;
use crate::secrets::Secrets;
use crate::store::Presented;
use http::HeaderMap;
use http::header::{COOKIE, ORIGIN};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use std::sync::Arc;
use std::time::Duration;

/// Longest value that is looked at; ours have 112 characters.
const LONGEST: usize = 160;
/// After so long a cookie is given out anew: often enough that a copy is found out within the week, and seldom enough that
/// nearly no answer carries one.
const RENEWED_AFTER: Duration = Duration::from_secs(3 * 24 * 3600);
/// At a success it is, unless it was within this time: a browser that sends several requests at once must not find its own
/// cookie outdated in between.
pub const SETTLING: Duration = Duration::from_secs(600);

/// What one configuration says of device cookies.
pub struct Devices {
    cookie: Option<Named>,
    pages: Pages,
    secrets: Arc<Secrets>,
}

struct Named {
    settings: DeviceCookie,
    /// With `__Host-`, for visitors over TLS; `None` with a domain.
    host_name: Option<String>,
}

/// What a request brought.
#[derive(Clone, Copy, Debug)]
pub struct Brought {
    pub finding: Finding,
    /// The cookie, if it is one of ours and in force.
    pub token: Option<Token>,
    /// What the store calls its device, if that was asked before.
    known_as: Option<Pseudonym>,
    /// Sealed under a key that is no longer the first.
    old_key: bool,
    /// Whether the visitor's own connection is TLS.
    secure: bool,
}

/// As published in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Device cookies are switched off.
    Off,
    None,
    /// Ours, and nobody succeeded with it yet.
    Fresh,
    Proven,
    /// Not sealed by us, or not whole.
    Forged,
    Expired,
    /// Two of ours with different ids.
    Contested,
    /// None, in a request that a page of another site had the browser send: it may well have one.
    Withheld,
}

impl Finding {
    pub fn name(self) -> &'static str {
        match self {
            Finding::Off => "off",
            Finding::None => "none",
            Finding::Fresh => "fresh",
            Finding::Proven => "proven",
            Finding::Forged => "forged",
            Finding::Expired => "expired",
            Finding::Contested => "contested",
            Finding::Withheld => "withheld",
        }
    }
}

/// What is known of a device when its visitor is answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// Somebody logged in just now, or did before with this cookie.
    pub succeeded: bool,
    pub succeeded_now: bool,
    /// The cookie is in two places.
    pub copied: bool,
}

impl Standing {
    pub fn of(evidence: &Evidence, succeeded_now: bool) -> Standing {
        let holder = evidence.history.as_ref().and_then(|history| history.holder);
        Standing {
            succeeded: succeeded_now || holder.is_some_and(|holder| holder.logged_in),
            succeeded_now,
            copied: holder.is_some_and(|holder| holder.copied),
        }
    }
}

impl Brought {
    pub const NOTHING: Brought =
        Brought { finding: Finding::Off, token: None, known_as: None, old_key: false, secure: false };

    /// Of a request that somebody tells of, by a device that the store calls `known_as`.
    pub fn told(token: Token, known_as: Pseudonym) -> Brought {
        let finding = if token.proven { Finding::Proven } else { Finding::Fresh };
        Brought { finding, token: Some(token), known_as: Some(known_as), ..Brought::NOTHING }
    }

    /// As the store is told.
    pub fn presented(&self, keys: &Keys) -> Option<Presented> {
        let token = self.token?;
        let id = self.known_as.unwrap_or_else(|| keys.device(&token.id));
        Some(Presented { id, generation: token.generation, renewed: token.renewed })
    }
}

impl Devices {
    /// `pages`: where the forms of protected routes are shown.
    pub fn new<'g>(
        settings: Option<&DeviceCookie>,
        pages: impl Iterator<Item = &'g Glob>,
        secrets: Arc<Secrets>,
    ) -> Devices {
        let cookie = settings.map(|settings| Named {
            settings: settings.clone(),
            host_name: settings.domain.is_none().then(|| format!("__Host-{}", settings.name)),
        });
        let pages = match cookie {
            Some(_) => Pages::of(pages),
            None => Pages::default(),
        };
        Devices { cookie, pages, secrets }
    }

    /// Whether a form of a protected route may be shown here.
    pub fn is_page(&self, path: &str) -> bool {
        self.pages.contain(path)
    }

    /// The cookie's name without its prefix: neither goes to the application.
    pub fn name(&self) -> Option<&str> {
        self.cookie.as_ref().map(|cookie| &*cookie.settings.name)
    }

    /// What these headers bring. `secure`: the visitor's connection is TLS.
    pub fn read(&self, headers: &HeaderMap, secure: bool, now: Timestamp) -> Brought {
        let Some(cookie) = &self.cookie else { return Brought::NOTHING };
        let mut brought = Brought { finding: Finding::None, secure, ..Brought::NOTHING };
        if is_sent_from_elsewhere(headers) {
            brought.finding = Finding::Withheld;
        }
        let mut lines = headers.get_all(COOKIE).iter().map(http::HeaderValue::as_bytes).peekable();
        if lines.peek().is_none() {
            return brought;
        }
        let lines: Vec<&[u8]> = lines.collect();
        for value in cookies::all_of(&lines, cookie.name(secure)) {
            let opened = (value.len() <= LONGEST).then(|| Token::open(&self.secrets, value)).flatten();
            let Some((token, old_key)) = opened else {
                if brought.token.is_none() {
                    brought.finding = Finding::Forged;
                }
                continue;
            };
            match &brought.token {
                Some(other) if other.id != token.id => {
                    return Brought { finding: Finding::Contested, token: None, ..brought };
                }
                Some(other) if other.renewed >= token.renewed => {}
                _ => {
                    brought.finding = if token.proven { Finding::Proven } else { Finding::Fresh };
                    brought.token = Some(token);
                    brought.old_key = old_key;
                }
            }
        }
        if brought.token.is_some_and(|token| now.since(token.renewed) > cookie.settings.max_age) {
            return Brought { finding: Finding::Expired, token: None, ..brought };
        }
        brought
    }

    /// The `Set-Cookie` value for the answer to who brought this; `None`: what they have is good.
    pub fn answer(&self, brought: &Brought, standing: Standing, now: Timestamp) -> Option<String> {
        let cookie = self.cookie.as_ref()?;
        let next = match (brought.finding, brought.token) {
            // A third would not decide between the two; one that was not sent must not be replaced.
            (Finding::Off | Finding::Contested | Finding::Withheld, _) => return None,
            (_, Some(token)) if !standing.copied => {
                let proves = standing.succeeded && !token.proven;
                let age = now.since(token.renewed);
                let due = age >= RENEWED_AFTER || (standing.succeeded_now && age >= SETTLING);
                if !(proves || due || brought.old_key) {
                    return None;
                }
                token.renewed_at(now, standing.succeeded)
            }
            _ => Token::fresh(&self.secrets, now).ok()?,
        };
        // Without randomness nobody gets one: the visit is none the worse for it.
        Some(cookie.set(&next.seal(&self.secrets).ok()?, brought.secure))
    }
}

impl Named {
    fn name(&self, secure: bool) -> &str {
        self.host_name.as_deref().filter(|_| secure).unwrap_or(&self.settings.name)
    }

    fn set(&self, value: &str, secure: bool) -> String {
        let mut set = cookies::set(self.name(secure), value, "/", self.settings.max_age.as_secs(), secure);
        if let Some(domain) = &self.settings.domain {
            set.push_str("; Domain=");
            set.push_str(domain);
        }
        set
    }
}

/// The cookie for an answer to who brought this, counted.
pub fn next(gate: &Gate, live: &Live, brought: &Brought, standing: Standing) -> Option<String> {
    let cookie = live.devices.answer(brought, standing, gate.clock.now())?;
    gate.metrics.device_cookie_given(brought.token.is_some() && !standing.copied);
    Some(cookie)
}

/// The application answers a request on no route: on a page that shows a form of one, its visitor gets a cookie.
pub fn on_page(gate: &Gate, live: &Live, session: &Session, response: &mut ResponseHeader) -> pingora::Result<()> {
    let asked = session.req_header();
    if !live.devices.is_page(asked.uri.path()) || !may_carry(&asked.method, response) {
        return Ok(());
    }
    let brought = live.devices.read(&asked.headers, is_secure(live, session), gate.clock.now());
    set(gate, live, &brought, Standing::default(), response)
}

/// Puts the cookie into an answer of the application's, if one is due and the answer may carry it.
pub fn set(
    gate: &Gate,
    live: &Live,
    brought: &Brought,
    standing: Standing,
    response: &mut ResponseHeader,
) -> pingora::Result<()> {
    match live.devices.answer(brought, standing, gate.clock.now()) {
        Some(cookie) if answers::set_in(response, &cookie)? => {
            gate.metrics.device_cookie_given(brought.token.is_some() && !standing.copied);
        }
        Some(_) | None => {}
    }
    Ok(())
}

/// Whether a page of another site had the browser send this, other than by a link: then no cookie comes along. Only browsers
/// that say so are believed; who says it falsely goes without a cookie.
fn is_sent_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) && headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

/// Whether the visitor's own connection is TLS: to the gate, or to a proxy of the operator's that says so.
pub fn is_secure(live: &Live, session: &Session) -> bool {
    is_tls(session) || live.trusts(socket_peer(session)) && says_https(&session.req_header().headers)
}

/// By the first entry: that of the proxy next to the visitor. Whoever writes one into it themselves gets a cookie that
/// their own browser will not send back.
pub fn says_https(headers: &HeaderMap) -> bool {
    let said = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    said.and_then(|said| said.split(',').next()).is_some_and(|first| first.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests;
