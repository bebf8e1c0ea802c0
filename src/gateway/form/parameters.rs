//! `; name=value; name="value"` after a media type or a disposition.
//!
//! Strict, and candid about what it saw: a backslash in a quoted string ends it for one parser and not for the next, so
//! the caller is told rather than given a guess.

use crate::gateway::is_token;

/// One parameter as written; `name` may be in any case.
pub(super) struct Parameter<'a> {
    pub(super) name: &'a [u8],
    /// Without its quotes, escapes left in place.
    pub(super) value: &'a [u8],
    /// Whether the quoted value holds a backslash.
    pub(super) escaped: bool,
    /// Whether the value stands in quotation marks.
    pub(super) quoted: bool,
}

/// The text is no list of parameters.
#[derive(Debug)]
pub(super) struct Malformed;

/// Iterates over what follows the first word; stops after the first mistake.
pub(super) struct Parameters<'a> {
    rest: &'a [u8],
    failed: bool,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Parameters<'a> {
        Parameters { rest, failed: false }
    }

    fn parse(&mut self) -> Result<Option<Parameter<'a>>, Malformed> {
        loop {
            self.rest = trim_start(self.rest);
            match self.rest {
                [] => return Ok(None),
                [b';', tail @ ..] => self.rest = trim_start(tail),
                _ => return Err(Malformed),
            }
            // An empty parameter (`;;`, a `;` at the end) is common and harmless.
            if !matches!(self.rest.first(), None | Some(b';')) {
                break;
            }
        }
        let (name, rest) = split_where(self.rest, |byte| !is_token(byte));
        let [b'=', rest @ ..] = rest else { return Err(Malformed) };
        if name.is_empty() {
            return Err(Malformed);
        }
        if let [b'"', quoted @ ..] = rest {
            let mut end = 0;
            let mut escaped = false;
            loop {
                match quoted.get(end) {
                    None => return Err(Malformed),
                    Some(b'"') => break,
                    Some(b'\\') => {
                        escaped = true;
                        end += 2;
                    }
                    Some(_) => end += 1,
                }
            }
            self.rest = &quoted[end + 1..];
            return Ok(Some(Parameter { name, value: &quoted[..end], escaped, quoted: true }));
        }
        // .NET leaves names like `user[login]` unquoted, so more than a token is taken.
        let (value, rest) = split_where(rest, |byte| matches!(byte, b';' | b'"' | b'\\' | b',' | 0..=b' ' | 0x7f..));
        if value.is_empty() {
            return Err(Malformed);
        }
        self.rest = rest;
        Ok(Some(Parameter { name, value, escaped: false, quoted: false }))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<Parameter<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let parsed = self.parse().transpose();
        self.failed = matches!(parsed, Some(Err(_)));
        parsed
    }
}

/// The first word (a media type, a disposition) and the rest.
pub(super) fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    split_where(trim_start(text), |byte| !(is_token(byte) || byte == b'/'))
}

fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', tail @ ..] = text {
        text = tail;
    }
    text
}

fn split_where(text: &[u8], ends: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| ends(*byte)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        let all: Result<Vec<_>, _> = Parameters::new(text.as_bytes()).collect();
        let one = |p: &Parameter| {
            format!("{}={}", String::from_utf8_lossy(p.name), String::from_utf8_lossy(p.value))
                + if p.escaped { "!" } else { "" }
        };
        Some(all.ok()?.iter().map(one).collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn parameters_are_read_strictly() {
        for (text, expected) in [
            ("", Some("")),
            ("; charset=UTF-8", Some("charset=UTF-8")),
            (" ;charset=\"utf-8\" ; a=b;", Some("charset=utf-8|a=b")),
            ("; name=\"user[login]\"; filename=\"a;b.png\"", Some("name=user[login]|filename=a;b.png")),
            ("; name=user[login]", Some("name=user[login]")),
            ("; name=\"a\\\"; x=\"b\"", None),
            ("; name=\"a\\\"\"", Some("name=a\\\"!")),
            ("; name=\"a", None),
            ("; name=\"a\\", None),
            ("; name = a", None),
            ("; name=a, b", None),
            ("x", None),
        ] {
            assert_eq!(shown(text).as_deref(), expected, "{text}");
        }
    }
}
