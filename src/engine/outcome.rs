//! What the application answered, read by the route's rules.

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

use super::pattern::Globs;

/// How a route's answers are read. `pending`, then `succeeded`, then `failed` are tried; what none matches is `unknown`.
#[derive(Clone, Debug, Default)]
pub struct OutcomeRules {
    pub pending: Vec<AnswerRule>,
    pub succeeded: Vec<AnswerRule>,
    pub failed: Vec<AnswerRule>,
}

/// Conditions over one answer; all that are given must hold.
#[derive(Clone, Debug, Default)]
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
    /// JSON Pointer and globs over the value there, printed as text (`true`, `12`, `text`); absent matches `~`.
    pub json: Vec<(Box<str>, Globs)>,
}

impl AnswerRule {
    /// Whether the head alone tells.
    pub fn is_about_head(&self) -> bool {
        self.body_contains.is_empty() && self.json.is_empty()
    }
}
