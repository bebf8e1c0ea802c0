//! What YAML gets wrong for people, said in words that help.
//!
//! A parser's message names what it expected; the person has written a rule and does not think in tokens. A few things
//! account for nearly all of it: a value that begins with a quote but goes on after it, a value that begins with `!`,
//! `*`, `&`, `@`, `%` or a backtick, brackets or `: ` inside an unquoted value, a missing space after a colon, a list on
//! its key's line, a backslash in double quotes. For each the report prints the value as it must be written.

use crate::config::report::Problem;
use granit_parser::{ErrorKind, ScanError};

/// The problem of a syntax error.
pub(super) fn syntax_problem(source: &str, error: &ScanError) -> Problem {
    let at = error.marker().byte_offset().unwrap_or(0).min(source.len());
    // A text may be thought to go on in a line that begins with one.
    let below = source.get(at..).and_then(|rest| rest.find('\n')).map(|newline| at + newline + 1);
    let below = below.filter(|_| error.info().contains("tab"));
    if let Some(tab) = [Some(at), below].into_iter().flatten().find_map(|place| tab_in_indent(source, place)) {
        let mut problem = Problem::at(source, tab, tab + 1, String::new(), "a tab in the indentation".to_owned());
        problem.help = Some("indent with spaces: YAML does not allow tabs there".to_owned());
        return problem;
    }
    // The parser often notices one line late.
    for place in [Some(at), line_before(source, at)].into_iter().flatten() {
        if let Some(problem) = unquoted(source, place) {
            return problem;
        }
    }
    for place in [Some(at), line_before(source, at)].into_iter().flatten() {
        if let Some(problem) = glued(source, place) {
            return problem;
        }
    }
    if matches!(error.kind(), ErrorKind::UnknownAnchor) {
        return unknown_alias(source, at);
    }
    let mut problem = Problem::at(source, at, at + 1, String::new(), format!("this is not YAML: {}", error.info()));
    problem.help = match error.kind() {
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::UnexpectedEofBlockMapping => {
            Some("look at the indentation here and above: keys of one mapping begin in one column".to_owned())
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            Some("a quoted text begins above and does not end where it should: look for a missing quote".to_owned())
        }
        _ if error.info().contains("mapping values are not allowed") => Some(
            "no `key:` can stand here: look at the indentation here and above (keys of one mapping begin in one column), \
             or put a value that holds `: ` into quotes"
                .to_owned(),
        ),
        _ => None,
    };
    problem
}

/// The problem of a tag, which nobody writes on purpose here: `when: !fired.new_device`, `location: !*/2fa/*`.
pub(super) fn tag_problem(source: &str, at: (usize, usize)) -> Problem {
    if let Some(problem) = unquoted(source, at.0) {
        return problem;
    }
    let message = "a value that begins with `!` is a tag to YAML".to_owned();
    let mut problem = Problem::at(source, at.0, at.1, String::new(), message);
    problem.help = Some(match word(source, at.0) {
        Some(word) if word.starts_with('!') => format!("write it in single quotes: {}", quoted(word)),
        _ => "put the whole value in single quotes".to_owned(),
    });
    problem
}

/// The problem of `*.shop.example`, or of `*name` where nothing was marked.
fn unknown_alias(source: &str, at: usize) -> Problem {
    let word = word(source, at).unwrap_or("*");
    let name = word.trim_start_matches('*');
    let honest = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let (message, help) = if honest {
        let message = format!("`{word}` repeats what `&{name}` marked further up, and nothing is marked so");
        (message, format!("to write the text itself put it into single quotes: {}", quoted(word)))
    } else {
        let message = "a value that begins with `*` is an alias to YAML".to_owned();
        (message, format!("write it in single quotes: {}", quoted(word)))
    };
    let mut problem = Problem::at(source, at, at + word.len(), String::new(), message);
    problem.help = Some(help);
    problem
}

/// What stands from `at` to the next blank, comma or closing bracket.
fn word(source: &str, at: usize) -> Option<&str> {
    let rest = source.get(at..)?;
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}')).unwrap_or(rest.len());
    (end > 0 && end < 256).then(|| &rest[..end])
}

/// The problem of `&&` before a value, which YAML takes for an anchor and drops.
pub(super) fn anchor_problem(source: &str, value: (usize, usize)) -> Problem {
    let before = source.get(..value.0).unwrap_or_default();
    let start = before.rfind("&&").unwrap_or(value.0);
    let message = "YAML takes the `&&` for an anchor and drops it: is something missing before it?".to_owned();
    let mut problem = Problem::at(source, start, value.1, String::new(), message);
    problem.help =
        source.get(start..value.1).map(|text| format!("write the whole rule in single quotes: {}", quoted(text)));
    problem
}

/// Looks in the line of `at` for a value that needs quotes and has none.
fn unquoted(source: &str, at: usize) -> Option<Problem> {
    let start = source.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line = source.get(start..)?.split(['\n', '\r']).next()?;
    if line.len() > 4096 {
        return None;
    }
    for (offset, value) in values(line) {
        let Some(message) = fault(value) else { continue };
        let begin = start + offset;
        let mut problem = Problem::at(source, begin, begin + value.len(), String::new(), message);
        problem.help = Some(match value.strip_prefix("- ") {
            Some(entry) => format!("write the list as `[{entry}]`, or each `- entry` in a line of its own"),
            None => format!("write it in single quotes: {}", quoted(value.trim_matches(escaped_quotes(value)))),
        });
        return Some(problem);
    }
    None
}

/// Values of a line as a person means them: after `key: ` or `- `, up to a comma before the next key, a closing brace or
/// bracket that nothing in the value opened, a comment, or the end.
fn values(line: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let in_flow = line.contains(['{', '[']);
    let mut at = 0;
    while let Some(next) = line.get(at..).and_then(value_start).map(|offset| at + offset) {
        let rest = &line[next..];
        let length = value_length(rest, in_flow);
        let value = rest[..length].trim_end();
        // No list begins with `[^`, and many an expression does.
        let expression = value.starts_with("[^");
        if !value.is_empty() && (expression || !value.starts_with(['{', '[', '|', '>'])) {
            found.push((next, value));
            at = next + length.max(1);
        } else {
            at = next;
        }
        while at < line.len() && !line.is_char_boundary(at) {
            at += 1;
        }
    }
    found
}

/// Where the first value of the text begins: behind `key:` and spaces, or `- `.
fn value_start(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find_map(|at| {
        let is_key = bytes[at] == b':' && at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let is_item = bytes[at] == b'-'
            && text[..at].trim().is_empty()
            && !text[at + 1..].split_whitespace().next().is_some_and(|word| word.ends_with(':'));
        let spaces = bytes[at + 1..].iter().take_while(|&&byte| byte == b' ').count();
        ((is_key || is_item) && spaces > 0 && at + 1 + spaces < bytes.len()).then_some(at + 1 + spaces)
    })
}

fn value_length(text: &str, in_flow: bool) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0usize;
    let mut quote = None;
    for (at, &byte) in bytes.iter().enumerate() {
        match (byte, quote) {
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(open)) if byte == open => quote = None,
            (_, Some(_)) => {}
            (b'(' | b'[' | b'{', None) => depth += 1,
            (b')' | b']' | b'}', None) if depth > 0 => depth -= 1,
            (b'}' | b']', None) if in_flow => return at,
            (b',', None) if in_flow && depth == 0 => return at,
            (b'#', None) if at > 0 && bytes[at - 1] == b' ' => return at,
            _ => {}
        }
    }
    text.len()
}

/// Why YAML cannot take this value as it stands.
fn fault(value: &str) -> Option<String> {
    let first = value.chars().next()?;
    let closed_early = |quote: char| {
        let inner = &value[1..];
        let end = inner.find(quote)?;
        let rest = inner[end + 1..].trim_start();
        (!rest.is_empty() && !rest.starts_with(quote)).then(|| inner[..end].to_owned())
    };
    match first {
        '-' if value.starts_with("- ") => Some("a list cannot begin in its key's line".to_owned()),
        '"' if bad_escape(value) => Some("in double quotes `\\` begins an escape, and this is none".to_owned()),
        '"' | '\'' => closed_early(first).map(|inner| {
            format!("YAML takes the quoted {first}{inner}{first} for the whole value and cannot read what follows it")
        }),
        '!' => Some("a value that begins with `!` is a tag to YAML".to_owned()),
        // An honest alias is a name and nothing else.
        '*' if value.len() > 1 && value[1..].chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') => None,
        '*' => Some("a value that begins with `*` is an alias to YAML".to_owned()),
        '&' if !value.starts_with("&&") && !value.starts_with("& ") => None,
        '&' => Some("a value that begins with `&` is an anchor to YAML".to_owned()),
        '@' | '`' | '%' => Some(format!("an unquoted value cannot begin with `{first}`")),
        _ if value.contains(": ") => Some("`: ` inside an unquoted value begins a mapping to YAML".to_owned()),
        _ if value.contains(['[', ']', '{', '}']) => {
            Some("brackets inside an unquoted value begin or end a collection to YAML".to_owned())
        }
        _ => None,
    }
}

/// Whether a text in double quotes holds a backslash that means nothing to YAML: `"\d+"`.
fn bad_escape(value: &str) -> bool {
    let mut characters = value.trim_matches('"').chars();
    while let Some(character) = characters.next() {
        if character == '\\' && !characters.next().is_some_and(|next| "0abtnvfre \"/\\N_LPxuU\t".contains(next)) {
            return true;
        }
    }
    false
}

/// The quotes to take off before single ones are put on: a text whose escapes were none is meant as it stands.
fn escaped_quotes(value: &str) -> &'static [char] {
    if value.starts_with('"') && bad_escape(value) { &['"'] } else { &[] }
}

/// A line that is `key:value`, which YAML takes for one word.
fn glued(source: &str, at: usize) -> Option<Problem> {
    let start = source.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line = source.get(start..)?.split(['\n', '\r']).next()?.trim_end();
    let indent = line.len() - line.trim_start_matches([' ', '-']).len();
    let (key, value) = line[indent..].split_once(':')?;
    let name = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if !name || value.is_empty() || value.starts_with([' ', '\t', '/']) {
        return None;
    }
    let colon = start + indent + key.len();
    let message = "a space is missing after the colon".to_owned();
    let mut problem = Problem::at(source, colon, colon + 1, String::new(), message);
    let value: String = value.chars().take(60).collect();
    problem.help = Some(format!("write `{key}: {value}`"));
    Some(problem)
}

/// In single quotes, as YAML writes them.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// The start of the line before.
fn line_before(source: &str, at: usize) -> Option<usize> {
    let this = source.get(..at)?.rfind('\n')?;
    Some(source[..this].rfind('\n').map_or(0, |newline| newline + 1))
}

/// Where the line of `at`, or the next one with something in it, is indented by a tab.
fn tab_in_indent(source: &str, at: usize) -> Option<usize> {
    let start = source.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let indent = source.get(start..)?.split(|c: char| !matches!(c, ' ' | '\t')).next()?;
    indent.find('\t').map(|tab| start + tab)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_printed_as_it_must_be_quoted() {
        for (line, expected) in [
            (r#"when: "x" in signals"#, Some(r#"'"x" in signals'"#)),
            (r#"- { name: a, when: "x" in signals, action: deny }"#, Some(r#"'"x" in signals'"#)),
            (
                r#"- { name: a, when: client.country in ["DE", "AT"], action: deny }"#,
                Some(r#"'client.country in ["DE", "AT"]'"#),
            ),
            ("when: !fired.new_device && bot > 3", Some("'!fired.new_device && bot > 3'")),
            ("when: 'it''s' == name", None),
            ("location: !*/2fa/*", Some("'!*/2fa/*'")),
            ("match: &post { method: POST, path: /login }", None),
            ("routes: *all", None),
            ("- *.example.com", Some("'*.example.com'")),
            ("when: bot > 50 ? true : false", Some("'bot > 50 ? true : false'")),
            ("path_regex: [^/]+/login", Some("'[^/]+/login'")),
            ("{ path_regex: [^/]+/login, method: POST }", Some("'[^/]+/login'")),
            (r#"path_regex: "/v\d+""#, Some(r"'/v\d+'")),
            (r#"html: "a\nb""#, None),
            ("name: @home", Some("'@home'")),
            ("name: `x`", Some("'`x`'")),
            ("name: %x", Some("'%x'")),
            (r#"status: "302"  # text"#, None),
            ("{ method: POST, path: /login }", None),
        ] {
            let help = unquoted(line, 0).and_then(|problem| problem.help);
            let expected = expected.map(|text| format!("write it in single quotes: {text}"));
            assert_eq!(help, expected, "{line}");
        }
    }
}
