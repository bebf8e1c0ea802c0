//! Whether a `Set-Cookie` header sets a cookie or deletes one.
//!
//! Applications clear old session cookies on a failed login, and a rule that took that for a new session would call the
//! failure a success. Attributes are read as browsers read them (RFC 6265, section 5.2): the last one of a name
//! counts, `Max-Age` beats `Expires`, what cannot be read is ignored.

use crate::engine::time::{Timestamp, days_from_civil};
use std::borrow::Cow;

/// The name of the cookie that the header sets; `None` for a deletion: an empty value, or an expiry that is past.
pub(super) fn set_by(header: &[u8], now: Timestamp) -> Option<Cow<'_, str>> {
    let mut parts = header.split(|byte| *byte == b';');
    let pair = parts.next()?;
    let (name, value) = split(pair)?;
    let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    if name.is_empty() || value.is_empty() {
        return None;
    }
    let (mut lives_by_age, mut lives_by_date) = (None, None);
    for attribute in parts {
        let Some((name, value)) = split(attribute) else { continue };
        if name.eq_ignore_ascii_case(b"max-age") {
            lives_by_age = age_is_positive(value).or(lives_by_age);
        } else if name.eq_ignore_ascii_case(b"expires") {
            lives_by_date = date(value).map(|seconds| seconds > (now.0 / 1000) as i64).or(lives_by_date);
        }
    }
    lives_by_age.or(lives_by_date).unwrap_or(true).then(|| String::from_utf8_lossy(name))
}

/// Name and value around the first `=`, without white space around them.
fn split(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    Some((pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()))
}

/// `None` if it is no number. A number of any length is one.
fn age_is_positive(value: &[u8]) -> Option<bool> {
    let (negative, digits) = match value.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(!negative && digits.iter().any(|digit| *digit != b'0'))
}

/// Seconds since the epoch, by the algorithm that reads every date seen in the wild (RFC 6265, section 5.1.1): tokens
/// in any order, of which a time, a day of the month, a month and a year must be found.
fn date(value: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8; 3]; 12] =
        [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
    let is_delimiter = |byte: &u8| matches!(byte, 0x09 | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e);
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in value.split(|byte| is_delimiter(byte)).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let Some(found) = time_of_day(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) =
                MONTHS.iter().position(|month| token.len() >= 3 && token[..3].eq_ignore_ascii_case(*month))
        {
            month = Some(found as i64 + 1);
        } else if year.is_none()
            && let Some(found) = number(token, 2, 4)
        {
            year = Some(match found {
                70..=99 => found + 1900,
                0..=69 => found + 2000,
                _ => found,
            });
        }
    }
    let (day, month, year, seconds) = (day?, month?, year?, time?);
    if !(1..=31).contains(&day) || year < 1601 {
        return None;
    }
    Some(days_from_civil(year, month, day) * 86_400 + seconds)
}

/// A number of `least` to `most` digits at the start of a token, followed by anything but a digit.
fn number(token: &[u8], least: usize, most: usize) -> Option<i64> {
    let digits = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let all = token.get(..digits).filter(|_| (least..=most).contains(&digits))?;
    Some(all.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

/// `hh:mm:ss` as seconds of the day.
fn time_of_day(token: &[u8]) -> Option<i64> {
    let mut fields = token.splitn(3, |byte| *byte == b':');
    let mut field = |limit: i64, is_last: bool| {
        let token = fields.next()?;
        let is_clean = is_last || token.iter().all(u8::is_ascii_digit);
        number(token, 1, 2).filter(|value| is_clean && *value <= limit)
    };
    let (hour, minute, second) = (field(23, false)?, field(59, false)?, field(59, true)?);
    Some(hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-22T01:02:03Z.
    const NOW: Timestamp = Timestamp(1_795_309_323_000);

    #[test]
    fn dates_read_in_every_form() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Thu, 01-Jan-1970 00:00:01 GMT", Some(1)),
            ("Sunday, 22-Nov-26 01:02:03 GMT", Some(1_795_309_323)),
            ("Sun Nov 22 01:02:03 2026", Some(1_795_309_323)),
            ("Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Mon, 01 Jan 1601 00:00:00 GMT", Some(-11_644_473_600)),
            ("01 Jan 1970", None),
            ("Thu, 01 Jan 1970 24:00:00 GMT", None),
            ("0", None),
            ("", None),
        ] {
            assert_eq!(date(text.as_bytes()), seconds, "{text}");
        }
    }

    #[test]
    fn a_deletion_sets_nothing() {
        for (header, name) in [
            ("session=abc", Some("session")),
            (" session = abc ; Path=/; HttpOnly; Secure; SameSite=Lax", Some("session")),
            ("session=abc; Max-Age=3600", Some("session")),
            ("session=abc; Max-Age=99999999999999999999999", Some("session")),
            ("session=abc; Expires=Wed, 22 Nov 2028 00:00:00 GMT", Some("session")),
            ("session=abc=def", Some("session")),
            // Age beats date, in both directions.
            ("session=abc; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", Some("session")),
            ("session=abc; Expires=Wed, 22 Nov 2028 00:00:00 GMT; max-age=0", None),
            // What cannot be read is ignored.
            ("session=abc; Max-Age=soon; Expires=never", Some("session")),
            ("session=abc; Max-Age=0; Max-Age=soon", None),
            ("session=abc; Max-Age=0; Max-Age=5", Some("session")),
            ("session=", None),
            ("session=\"\"; Path=/", None),
            ("session=\"abc\"", Some("session")),
            ("session=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/", None),
            ("session=deleted; EXPIRES=Thu, 01-Jan-1970 00:00:01 GMT", None),
            ("session=abc; Expires=Sun, 22 Nov 2026 01:02:03 GMT", None),
            ("session=abc; Expires=Sun, 22 Nov 2026 01:02:04 GMT", Some("session")),
            ("session=abc; Max-Age=-1", None),
            ("session", None),
            ("=abc", None),
            ("", None),
        ] {
            assert_eq!(set_by(header.as_bytes(), NOW).as_deref(), name, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_breaks_it(header in proptest::collection::vec(any::<u8>(), 0..200), at: u64) {
            set_by(&header, Timestamp(at));
        }

        #[test]
        fn dates_come_back(seconds in 0i64..253_402_300_799) {
            let text = Timestamp(seconds as u64 * 1000).to_string();
            let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
                [text[5..7].parse::<usize>().unwrap() - 1];
            let date_text = format!("Mon, {} {month} {} {} GMT", &text[8..10], &text[..4], &text[11..19]);
            prop_assert_eq!(date(date_text.as_bytes()), Some(seconds));
        }
    }
}
