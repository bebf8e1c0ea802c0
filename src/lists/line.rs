//! One line of a list: `ENTRY [until=WHEN] [# reason]`.
//!
//! ```text
//! # rented by a scraper
//! 203.0.113.0/24  until=2026-12-01T00:00:00Z  # scraped us, ticket 4711
//! 198.51.100.7
//! ```
//!
//! The lines of yesterday mean what they meant: a line is an entry, `#` begins a comment at a line's start or after a
//! blank (an e-mail address may hold one), and a comment behind an entry is its reason. An expiry is the last word of an
//! entry and has a name, so that an account called `2026-12-01` stays one. Whether the entry is one of its kind is for
//! [`super::Key`] to say. What is written here reads back as it was.

use crate::engine::time::Timestamp;

/// Most characters of a reason.
pub const LONGEST_REASON: usize = 200;

const UNTIL: &str = "until=";

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'t> {
    pub entry: &'t str,
    pub until: Option<Timestamp>,
    /// As written; empty without one.
    pub reason: &'t str,
}

/// Reads a line; `None`: it is blank, or a comment. The error says what to write, and never repeats the entry.
pub fn read(line: &str) -> Result<Option<Line<'_>>, String> {
    let (entry, reason) = parts(line);
    if entry.is_empty() {
        return Ok(None);
    }
    let (entry, last) = match entry.rsplit_once(char::is_whitespace) {
        Some((entry, last)) if last.starts_with(UNTIL) => (entry.trim_end(), Some(last)),
        None if entry.starts_with(UNTIL) => {
            return Err("an expiry without an entry: write `203.0.113.7  until=2026-12-01`".to_owned());
        }
        _ => (entry, None),
    };
    let until = last.map(|last| until(last.get(UNTIL.len()..).unwrap_or_default())).transpose()?;
    Ok(Some(Line { entry, until, reason }))
}

/// Reads a moment: a date (its first moment, in UTC), or a date and time with `Z` or an offset (RFC 3339).
pub fn until(text: &str) -> Result<Timestamp, String> {
    // A date alone is its first moment.
    let midnight = format!("{text}T00:00:00Z");
    let at = if text.len() == 10 { Timestamp::parse(&midnight) } else { Timestamp::parse(text) };
    at.ok_or_else(|| "not a moment: write `until=2026-12-01` or `until=2026-12-01T18:00:00Z`".to_owned())
}

/// A line that [`read`] reads back. `entry` has no blanks at its ends, and neither ` #` nor a last word that begins with
/// `until=` inside, as no [`super::Key`] has.
pub fn write(entry: &str, until: Option<Timestamp>, reason: &str) -> String {
    let mut line = entry.to_owned();
    if let Some(until) = until {
        line.push_str(&format!("  {UNTIL}{until}"));
    }
    if !reason.is_empty() {
        line.push_str(&format!("  # {reason}"));
    }
    line
}

/// What stands before the comment, and the comment. `#` begins one at the line's start or after a blank only.
pub fn parts(line: &str) -> (&str, &str) {
    for (at, _) in line.match_indices('#') {
        let before = line.get(..at).unwrap_or_default();
        if before.is_empty() || before.ends_with([' ', '\t']) {
            return (before.trim(), line.get(at + 1..).unwrap_or_default().trim());
        }
    }
    (line.trim(), "")
}

/// A reason that somebody gives: one line that a terminal shows as it is.
pub fn reason(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if text.chars().any(is_unfit) {
        return Err("a reason is one line of text, without control characters".to_owned());
    }
    if text.chars().count() > LONGEST_REASON {
        return Err(format!("a reason has at most {LONGEST_REASON} characters"));
    }
    Ok(text)
}

/// A reason as it stands in a file, where any comment was always allowed: what cannot be shown becomes a blank.
pub fn cleaned(text: &str) -> String {
    let fit = |character: char| if is_unfit(character) { ' ' } else { character };
    let text: String = text.trim().chars().take(LONGEST_REASON).map(fit).collect();
    text.trim().to_owned()
}

/// What would write beyond its own place on a terminal, or turn its order round.
fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Option<Timestamp> {
        Some(Timestamp::parse(text).unwrap())
    }

    #[test]
    fn plain_lines_mean_what_they_meant() {
        for (line, expected) in [
            ("", None),
            ("   ", None),
            ("# all", None),
            ("  # indented", None),
            ("#x until=never", None),
            ("203.0.113.7", Some("203.0.113.7")),
            ("  203.0.113.7\t# why", Some("203.0.113.7")),
            ("odd#name@example.com", Some("odd#name@example.com")),
            ("odd#name@example.com # why # so", Some("odd#name@example.com")),
            ("john smith", Some("john smith")),
            ("2026-12-01", Some("2026-12-01")),
            ("\u{a0}#x", Some("#x")),
        ] {
            let entry = read(line).unwrap().map(|line| line.entry);
            assert_eq!(entry, expected, "{line:?}");
        }
    }

    #[test]
    fn expiry_and_reason_are_read() {
        for (line, entry, until, reason) in [
            ("a  until=2026-12-01T10:00:00+01:00  # scraped us", "a", at("2026-12-01T09:00:00Z"), "scraped us"),
            ("a until=2026-12-01", "a", at("2026-12-01T00:00:00Z"), ""),
            (
                "john smith until=2026-12-01#x until=2027-01-01",
                "john smith until=2026-12-01#x",
                at("2027-01-01T00:00:00Z"),
                "",
            ),
            ("a # until=2026-12-01", "a", None, "until=2026-12-01"),
            ("a ## twice", "a", None, "# twice"),
            ("a #", "a", None, ""),
        ] {
            assert_eq!(read(line), Ok(Some(Line { entry, until, reason })), "{line:?}");
        }
    }

    #[test]
    fn what_is_no_moment_is_told() {
        for line in ["a until=", "a until=tomorrow", "a until=2026-02-30", "a until=2026-12-01T18:00", "a until=15m"] {
            assert!(read(line).unwrap_err().contains("until=2026-12-01"), "{line}");
        }
        assert!(read("until=2026-12-01 # x").unwrap_err().contains("without an entry"));
    }

    #[test]
    fn reasons_fit_on_a_line() {
        assert_eq!(reason("  scraped us "), Ok("scraped us"));
        for wrong in ["a\nb", "a\u{1b}[31m", "a\u{202e}b", "\0", "a\u{2028}b", &"x".repeat(201)] {
            assert!(reason(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(cleaned(" a\tb\u{1b}[31m "), "a b [31m");
        assert_eq!(cleaned(&"ü".repeat(500)).chars().count(), LONGEST_REASON);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            entry in "[a-z0-9:./@]{1,40}",
            until in prop::option::of(0u64..253_402_300_800_000),
            text in "\\PC{0,80}",
        ) {
            let until = until.map(Timestamp);
            let text = cleaned(&text);
            let line = write(&entry, until, &text);
            prop_assert_eq!(read(&line), Ok(Some(Line { entry: &entry, until, reason: &text })));
        }

        #[test]
        fn any_line_is_read_or_refused(line in "[^\n]{0,80}") {
            if let Ok(Some(line)) = read(&line) {
                prop_assert!(!line.entry.is_empty());
                prop_assert!(reason(&cleaned(line.reason)).is_ok());
            }
        }
    }
}
