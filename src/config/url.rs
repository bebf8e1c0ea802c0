//! Where URLs keep what must not be shown: before the host, and under telling names in the query.
//!
//! A configuration's lines are quoted in reports, logs and tickets, also when they are broken; so this works on any text,
//! a line of YAML as well as a value alone, and parses nothing: what looks like a URL with a password is treated as one.
//! Rather a star too many than a password too few.

use std::ops::Range;

/// Query parameters whose values are not shown: names that contain one of these.
const TELLING: [&str; 6] = ["token", "key", "secret", "passw", "pwd", "signature"];

/// Bytes of `text` that are secret, in order and apart from each other.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = passwords(text).chain(parameters(text)).collect();
    found.sort_unstable_by_key(|place| (place.start, place.end));
    found.dedup_by(|later, before| {
        let touches = later.start < before.end;
        if touches {
            before.end = before.end.max(later.end);
        }
        touches
    });
    found
}

/// As many stars as there are characters to hide: columns stay where they are.
pub(super) fn starred(text: impl Into<String>) -> String {
    let mut shown = text.into();
    for place in secrets(&shown).into_iter().rev() {
        let stars = "*".repeat(shown[place.clone()].chars().count());
        shown.replace_range(place, &stars);
    }
    shown
}

/// Between `//` and the last `@` of what may be an authority. A name alone may be a token; before a colon it is a name.
fn passwords(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    text.match_indices("//").filter_map(|(at, slashes)| {
        let start = at + slashes.len();
        // A password may hold, unescaped, nearly everything; only what ends a word ends the search.
        let word = text[start..].split(|c: char| c.is_whitespace() || "\"'`,<>".contains(c)).next()?;
        // What stands behind the path's beginning is no authority, unless nothing that looks like a host comes first.
        let authority = word.split(['/', '?', '#']).next()?;
        let user = match authority.rsplit_once('@') {
            Some((user, _)) => user,
            None => unescaped(word, authority)?,
        };
        let secret = user.split_once(':').map_or(start..start + user.len(), |(name, password)| {
            start + name.len() + 1..start + name.len() + 1 + password.len()
        });
        (!secret.is_empty() && !text[secret.clone()].contains("${")).then_some(secret)
    })
}

/// `user:pass/word@host`: a slash that should have been written `%2F`. A port before the slash makes it a host.
fn unescaped<'w>(word: &'w str, authority: &str) -> Option<&'w str> {
    let (_, port) = authority.split_once(':')?;
    let is_port = port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()) || authority.starts_with('[');
    if is_port { None } else { word.rsplit_once('@').map(|(user, _)| user) }
}

/// The values of telling names behind `?` and `&` (and `;`, which some servers read alike).
fn parameters(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    text.match_indices(['?', '&', ';']).filter_map(|(at, _)| {
        let start = at + 1;
        let pair = text[start..].split(|c: char| c.is_whitespace() || "&;#\"'`<>".contains(c)).next()?;
        let (name, value) = pair.split_once('=')?;
        let name = name.to_ascii_lowercase();
        let secret = start + pair.len() - value.len()..start + pair.len();
        let telling = TELLING.iter().any(|telling| name.contains(telling));
        (telling && !secret.is_empty() && !value.starts_with("${")).then_some(secret)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_opens_something_is_starred_and_keeps_its_width() {
        for (text, shown) in [
            ("servers: [\"https://user:hunter2@host:8443\"]", "servers: [\"https://user:*******@host:8443\"]"),
            ("redis://tok@host", "redis://***@host"),
            ("https://u:p@ss@host/x", "https://u:****@host/x"),
            ("https://u:pa/ss@host", "https://u:*****@host"),
            ("redirect: /sorry?a=b&token=abc#x", "redirect: /sorry?a=b&token=***#x"),
            ("/x?api_key=abc;Password=d", "/x?api_key=***;Password=*"),
            ("https://u:üb@h", "https://u:**@h"),
            ("a: https://u:p@h b: https://v:q@i", "a: https://u:*@h b: https://v:*@i"),
        ] {
            assert_eq!(starred(text), shown);
        }
        for plain in [
            "https://host/a@b",
            "https://host:80/@b",
            "// a comment, me@example.com",
            "/x?next=a",
            "https://u:${PASSWORD}@h",
            "/x?token=${TOKEN}",
            "/x?token=",
            "",
        ] {
            assert_eq!(starred(plain), plain);
        }
    }

    proptest! {
        #[test]
        fn any_text_keeps_its_length_in_characters(text in "[a:/?&=@ ü\"tokeny]{0,60}") {
            prop_assert_eq!(starred(&*text).chars().count(), text.chars().count());
        }
    }
}
