//! What the application answered, read by the route's rules.
//!
//! An answer comes in two steps, and what follows from it cannot wait: where the head tells, it must be told before a byte
//! of the body goes out. So [`OutcomeRules::by_head`] decides wherever no rule that comes first could still match by
//! the body, and [`OutcomeRules::by_body`] takes the same way once more with the body's first 64 KiB in hand.

mod cookie;
mod json;

use super::pattern::Globs;
use super::time::Timestamp;
use std::borrow::Cow;
use std::fmt;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Succeeded,
    Failed,
    /// The application asks for a second step of its own.
    Pending,
    /// No rule matched: a CSRF refusal, a rate limit, an error page.
    Unknown,
    /// The client left before the answer.
    Aborted,
}

impl Outcome {
    /// As published in `status`.
    pub fn status(self) -> &'static str {
        match self {
            Outcome::Succeeded => "$succeeded",
            Outcome::Failed => "$failed",
            Outcome::Pending => "$pending",
            Outcome::Unknown => "$unknown",
            Outcome::Aborted => "$aborted",
        }
    }
}

/// How a route's answers are read. `pending`, then `succeeded`, then `failed` are tried; what none matches is `unknown`.
#[derive(Clone, Debug, Default)]
pub struct OutcomeRules {
    pub pending: Vec<AnswerRule>,
    pub succeeded: Vec<AnswerRule>,
    pub failed: Vec<AnswerRule>,
}

/// Conditions over one answer; all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerRule {
    /// Any of these; empty: any status.
    pub status: Vec<u16>,
    /// Over the `Location` header.
    pub location: Option<Globs>,
    /// Over the names of cookies that the answer sets. A deletion (expired, or an empty value) sets nothing.
    pub set_cookie: Option<Globs>,
    /// Lower-case header name and globs over its value.
    pub headers: Vec<(Box<str>, Globs)>,
    /// Texts of which any must occur in the first 64 KiB of the body.
    pub body_contains: Vec<Box<str>>,
    /// JSON Pointer and globs over the value there, printed as text (`true`, `12`, `text`; `{}` and `[]` for whatever
    /// objects and arrays hold); absent, as `null` is, matches `~`. A body that cannot be read up to the value matches
    /// nothing.
    pub json: Vec<(Box<str>, Globs)>,
}

/// The head of an answer as its carrier has it.
pub trait AnswerHead {
    fn status(&self) -> u16;

    /// Every value of a header, in order. `name` is lower case.
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]>;
}

/// How far into a body rules look, bytes.
pub const BODY_PREFIX: usize = 64 << 10;

/// The rule that told the outcome, printed as `succeeded[0]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeRule {
    /// `pending`, `succeeded` or `failed`.
    pub list: &'static str,
    pub index: usize,
}

impl fmt::Display for OutcomeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.list, self.index)
    }
}

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Whatever the body holds. `None`: no rule can match, and the outcome is `Unknown`.
    Decided(Outcome, Option<OutcomeRule>),
    /// A rule that comes first depends on the body.
    NeedsBody,
}

impl OutcomeRules {
    /// In the order in which they are tried.
    fn lists(&self) -> [(Outcome, &'static str, &[AnswerRule]); 3] {
        [
            (Outcome::Pending, "pending", &self.pending),
            (Outcome::Succeeded, "succeeded", &self.succeeded),
            (Outcome::Failed, "failed", &self.failed),
        ]
    }

    /// What the head alone tells. Inside one list the rules about the head go first: each leads to the same outcome,
    /// and this way the body is waited for less. `now` tells whether a cookie has expired.
    pub fn by_head(&self, head: &impl AnswerHead, now: Timestamp) -> Verdict {
        for (outcome, list, rules) in self.lists() {
            let mut waits = false;
            for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.head_holds(head, now)) {
                if rule.is_about_head() {
                    return Verdict::Decided(outcome, Some(OutcomeRule { list, index }));
                }
                waits = true;
            }
            if waits {
                return Verdict::NeedsBody;
            }
        }
        Verdict::Decided(Outcome::Unknown, None)
    }

    /// What head and body tell. Of `body`, its beginning as far as it was read, no more than [`BODY_PREFIX`] is looked
    /// at.
    pub fn by_body(&self, head: &impl AnswerHead, now: Timestamp, body: &[u8]) -> (Outcome, Option<OutcomeRule>) {
        let body = &body[..body.len().min(BODY_PREFIX)];
        for (outcome, list, rules) in self.lists() {
            let holding: Vec<_> = rules.iter().enumerate().filter(|(_, rule)| rule.head_holds(head, now)).collect();
            let matched = holding
                .iter()
                .find(|(_, rule)| rule.is_about_head())
                .or_else(|| holding.iter().find(|(_, rule)| rule.body_holds(body)));
            if let Some((index, _)) = matched {
                return (outcome, Some(OutcomeRule { list, index: *index }));
            }
        }
        (Outcome::Unknown, None)
    }

    /// Whether any rule looks at the body, so that it must come readable.
    pub fn needs_body(&self) -> bool {
        self.lists().iter().any(|(_, _, rules)| rules.iter().any(|rule| !rule.is_about_head()))
    }

    /// Whether a success is always told by the head, as holding it back for `on_success` needs: there is a success rule,
    /// and none of them, nor of the pending ones that come first, depends on the body.
    pub fn success_is_about_head(&self) -> bool {
        !self.succeeded.is_empty() && self.pending.iter().chain(&self.succeeded).all(AnswerRule::is_about_head)
    }

    /// Rules that can never tell anything, each with the reason.
    pub fn unreachable(&self) -> Vec<(OutcomeRule, Unreachable)> {
        let mut earlier: Vec<(OutcomeRule, &AnswerRule)> = Vec::new();
        let mut found = Vec::new();
        for (_, list, rules) in self.lists() {
            for (index, rule) in rules.iter().enumerate() {
                let place = OutcomeRule { list, index };
                let all = |without: &dyn Fn(&u16) -> bool| !rule.status.is_empty() && rule.status.iter().all(without);
                if all(&|status| !(100..=599).contains(status)) {
                    found.push((place, Unreachable::NoSuchStatus));
                } else if !rule.is_about_head() && all(&|status| matches!(status, 204 | 304)) {
                    found.push((place, Unreachable::NoBody));
                } else if let Some((first, _)) = earlier.iter().find(|(_, earlier)| earlier.covers(rule)) {
                    found.push((place, Unreachable::Behind(*first)));
                }
                earlier.push((place, rule));
            }
        }
        found
    }
}

/// Why a rule can never tell anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// No answer has any of its statuses.
    NoSuchStatus,
    /// It looks into the body of answers that have none.
    NoBody,
    /// This rule is tried first and matches every such answer.
    Behind(OutcomeRule),
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreachable::NoSuchStatus => f.write_str("no answer has such a status"),
            Unreachable::NoBody => f.write_str("answers with this status have no body"),
            Unreachable::Behind(first) => write!(f, "{first} matches every such answer first"),
        }
    }
}

impl AnswerRule {
    /// Whether no condition is given, so that every answer matches.
    pub fn is_empty(&self) -> bool {
        *self == AnswerRule::default()
    }

    /// Whether the head alone tells.
    pub fn is_about_head(&self) -> bool {
        self.body_contains.is_empty() && self.json.is_empty()
    }

    /// Whether every answer that `other` matches is matched by this one too, as far as can be told without guessing.
    fn covers(&self, other: &AnswerRule) -> bool {
        let globs = |mine: &Option<Globs>, theirs: &Option<Globs>| match (mine, theirs) {
            (None, _) => true,
            (Some(mine), Some(theirs)) => mine.covers(theirs),
            (Some(_), None) => false,
        };
        let named = |mine: &[(Box<str>, Globs)], theirs: &[(Box<str>, Globs)]| {
            mine.iter().all(|(name, mine)| theirs.iter().any(|(other, theirs)| name == other && mine.covers(theirs)))
        };
        let status = self.status.is_empty()
            || (!other.status.is_empty() && other.status.iter().all(|status| self.status.contains(status)));
        // A text that holds one of these is found wherever it is found itself.
        let said = self.body_contains.is_empty()
            || (!other.body_contains.is_empty()
                && other.body_contains.iter().all(|text| self.body_contains.iter().any(|part| text.contains(&**part))));
        status
            && said
            && globs(&self.location, &other.location)
            && globs(&self.set_cookie, &other.set_cookie)
            && named(&self.headers, &other.headers)
            && named(&self.json, &other.json)
    }

    fn head_holds(&self, head: &impl AnswerHead, now: Timestamp) -> bool {
        (self.status.is_empty() || self.status.contains(&head.status()))
            && self.location.as_ref().is_none_or(|globs| globs.accepts_all(&texts(head, "location")))
            && self.set_cookie.as_ref().is_none_or(|globs| {
                let set: Vec<_> = head.values("set-cookie").filter_map(|value| cookie::set_by(value, now)).collect();
                globs.accepts_all(&set)
            })
            && self.headers.iter().all(|(name, globs)| globs.accepts_all(&texts(head, name)))
    }

    fn body_holds(&self, body: &[u8]) -> bool {
        let said =
            self.body_contains.is_empty() || self.body_contains.iter().any(|text| contains(body, text.as_bytes()));
        said && self.json.iter().all(|(pointer, globs)| match json::at(body, pointer) {
            json::Place::Value(text) => globs.accepts(Some(&text)),
            json::Place::Absent => globs.accepts(None),
            json::Place::Unreadable => false,
        })
    }
}

fn texts<'h>(head: &'h impl AnswerHead, name: &'h str) -> Vec<Cow<'h, str>> {
    head.values(name).map(String::from_utf8_lossy).collect()
}

/// Whether `text` occurs. Jumps from one first byte to the next, which the compiler searches wide.
fn contains(body: &[u8], text: &[u8]) -> bool {
    let Some((first, rest)) = text.split_first() else { return true };
    let mut body = body;
    while let Some(at) = body.iter().position(|byte| byte == first) {
        body = &body[at + 1..];
        if body.starts_with(rest) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests;
