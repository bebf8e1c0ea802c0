//! `${ENV_NAME}` in values. One pass, no nesting, no defaults: what a value is must be readable off the file and the
//! unit's environment. `$${` writes a literal `${`; a `${` that no name follows (`^a${2}`) stands for itself.

use std::borrow::Cow;

/// Where environment variables are looked up; handed in, so that tests need no process environment.
pub(in crate::config) type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// An expanded value may be this long.
const LONGEST: usize = 1024 * 1024;

/// The text with variables put in, or the sentence that says why not.
pub(super) fn expand<'t>(text: &'t str, environment: Environment<'_>) -> Result<Cow<'t, str>, String> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let after = &rest[at + 2..];
        if rest[..at].ends_with('$') {
            expanded.push_str(&rest[..at - 1]);
            expanded.push_str("${");
            rest = after;
            continue;
        }
        expanded.push_str(&rest[..at]);
        match variable(after) {
            Some(name) => {
                let value = environment(name)
                    .ok_or_else(|| format!("the environment variable `{name}` is not set (or is not UTF-8)"))?;
                expanded.push_str(&value);
                rest = &after[name.len() + 1..];
            }
            None => {
                expanded.push_str("${");
                rest = after;
            }
        }
        if expanded.len() > LONGEST {
            return Err(format!("the value is longer than {LONGEST} bytes with its environment variables put in"));
        }
    }
    expanded.push_str(rest);
    Ok(Cow::Owned(expanded))
}

/// The name before a closing brace.
fn variable(text: &str) -> Option<&str> {
    let name = &text[..text.find('}')?];
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    (starts && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in_once() {
        let environment = |name: &str| match name {
            "PORT" => Some("8080".to_owned()),
            "TRICK" => Some("${PORT}".to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("0.0.0.0:${PORT}", Ok("0.0.0.0:8080")),
            ("${TRICK}", Ok("${PORT}")),
            ("$${PORT}", Ok("${PORT}")),
            ("a${2}b", Ok("a${2}b")),
            ("a${", Ok("a${")),
            ("${PORT}${PORT}", Ok("80808080")),
            ("${NOPE}", Err("NOPE")),
        ] {
            match (expand(text, &environment), expected) {
                (Ok(got), Ok(want)) => assert_eq!(got, want, "{text}"),
                (Err(got), Err(want)) => assert!(got.contains(want), "{got}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }
}
