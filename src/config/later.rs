//! Keys and names that are not known: because a later stage brings them, or because a finger slipped.
//!
//! The contract shows more than this version builds. What it shows is refused by name with "not available yet", never
//! as a typing error: the operator read the documentation correctly. Each row goes when its stage comes.

use crate::engine::policy::spelling::nearest;

/// Reserved everywhere.
const RESERVED: &[&str] = &["tarpit", "fallback", "vendors", "cors"];

/// By struct or enum of the mirror, what the contract shows and this version does not have.
const LATER: &[(&str, &[&str])] = &[
    ("File", &["events"]),
    ("Deny", &["mirror"]),
    ("Challenge", &["email_code", "totp", "captcha", "redirect"]),
    ("ChallengeName", &["email_code", "totp", "captcha", "redirect"]),
    ("ActionName", &["redirect", "mirror"]),
];

/// Keys that people look for one level too high: struct, keys, where they are.
const DEEPER: &[(&str, &[&str], &str)] = &[
    ("File", &["servers", "timeouts", "health"], "upstream"),
    ("File", &["trusted_proxies"], "client_ip"),
    ("File", &["proof_of_work"], "challenge"),
    (
        "Route",
        &["method", "path", "path_prefix", "path_glob", "path_regex", "host", "query", "form", "param", "header"],
        "match",
    ),
    ("Route", &["account", "username", "email", "password", "phone"], "fields"),
    ("Route", &["succeeded", "failed", "pending"], "outcome"),
    ("Outcome", &["status", "location", "set_cookie", "header", "body_contains"], "succeeded` or `failed"),
    ("Policy", &["respond", "html", "redirect"], "deny"),
    ("Listen", &["certificate", "key"], "tls"),
    ("Passwords", &["url", "deadline", "cache", "keep"], "range"),
    ("Upstream", &["connect", "read", "write", "idle"], "timeouts"),
];

/// Whether `name` belongs to a later stage in the struct or enum `place`.
pub(super) fn is_later(place: &str, name: &str) -> bool {
    RESERVED.contains(&name) || LATER.iter().any(|(row, names)| *row == place && names.contains(&name))
}

/// What to say about a key that the struct `place` does not have.
pub(super) fn unknown_key(place: &str, key: &str, known: &[&'static str]) -> (String, Option<String>) {
    let key: String = key.chars().take(60).collect();
    if is_later(place, &key) {
        return (format!("`{key}` is not available yet"), None);
    }
    let deeper = DEEPER.iter().find(|(row, keys, _)| *row == place && keys.contains(&&*key));
    if let Some((_, _, parent)) = deeper {
        return (format!("unknown key `{key}`"), Some(format!("it belongs one level deeper, under `{parent}`")));
    }
    if let Some(glued) = super::words::glued(&key, known) {
        return (format!("unknown key `{key}`"), Some(glued));
    }
    let help = match (nearest(&key, known.iter().copied()), key.as_str()) {
        (_, "<<") => "merge keys are not read; `&name` and `*name` are".to_owned(),
        (Some(close), _) => format!("did you mean `{close}`?"),
        (None, _) => format!("known here: {}", listed(known)),
    };
    (format!("unknown key `{key}`"), Some(help))
}

/// Names for a sentence.
pub(super) fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_stages_are_named_as_such() {
        assert_eq!(unknown_key("Policy", "tarpit", &[]).0, "`tarpit` is not available yet");
        assert_eq!(unknown_key("Deny", "miror", &["respond"]).0, "unknown key `miror`");
    }
}
