//! Instants as the engine knows them: handed in, never read from a clock.

use serde::{Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    pub fn from_secs(secs: u64) -> Timestamp {
        Timestamp(secs * 1000)
    }

    /// Time from `earlier` to `self`; zero if the clock went backwards.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    pub fn after(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(span.as_millis() as u64))
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

/// Days since the epoch of a civil date; the months of other calendars and the 31st of June count on
/// (H. Hinnant, "chrono-compatible low-level date algorithms").
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl Timestamp {
    /// RFC 3339 in UTC with milliseconds: `2026-11-22T01:02:03.456Z`.
    fn text(self) -> [u8; 24] {
        let (days, ms) = (self.0 / 86_400_000, self.0 % 86_400_000);
        // The reverse of `days_from_civil`.
        let z = days as i64 + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, milli) = (ms / 1_000 % 60, ms % 1_000);
        // Written digit by digit: each record prints one, and the formatting machinery costs ten times as much.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |end: usize, mut number: i64| {
            let mut place = end;
            while number > 0 && place > 0 && text[place - 1].is_ascii_digit() {
                place -= 1;
                text[place] = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        put(4, year);
        put(7, month);
        put(10, day);
        put(13, hour as i64);
        put(16, minute as i64);
        put(19, second as i64);
        put(23, milli as i64);
        text
    }
}

impl Timestamp {
    /// Reads RFC 3339: a date, a time to the second or finer, and `Z` or an offset. `None` for what is no such instant, and
    /// before 1970.
    pub fn parse(text: &str) -> Option<Timestamp> {
        let bytes = text.as_bytes();
        let number = |from: usize, digits: usize| -> Option<i64> {
            let part = text.get(from..from + digits)?;
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?
        };
        let mark = |at: usize, any: &[u8]| bytes.get(at).filter(|byte| any.contains(byte));
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        for (at, any) in [(4, &b"-"[..]), (7, b"-"), (10, b"Tt "), (13, b":"), (16, b":")] {
            mark(at, any)?;
        }
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + i64::from(leap),
            1..=12 => 31,
            _ => return None,
        };
        // A leap second is the one after it.
        if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut rest = text.get(19..)?;
        let mut millis = 0;
        if let Some(fraction) = rest.strip_prefix('.') {
            let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let digits = fraction.get(..length).filter(|digits| !digits.is_empty())?;
            millis = digits.bytes().chain(*b"00").take(3).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
            rest = &fraction[length..];
        }
        let offset = match rest.as_bytes() {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
                let at = text.len() - 5;
                let (hours, minutes) = (number(at, 2)?, number(at + 3, 2)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                (hours * 60 + minutes) * if *sign == b'-' { -60 } else { 60 }
            }
            _ => return None,
        };
        let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
        u64::try_from(seconds * 1_000 + millis).ok().map(Timestamp)
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-22T01:02:03.456Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_print_as_rfc_3339() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_763_773_323_456, "2025-11-22T01:02:03.456Z"),
            (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp(ms).to_string(), text);
        }
    }

    #[test]
    fn instants_are_read_as_they_are_printed_and_as_others_print_them() {
        for ms in [0, 951_782_400_000, 1_763_773_323_456, 4_102_444_799_999] {
            assert_eq!(Timestamp::parse(&Timestamp(ms).to_string()), Some(Timestamp(ms)));
        }
        for (text, ms) in [
            ("2025-11-22T02:02:03.456789+01:00", 1_763_773_323_456),
            ("2025-11-21t20:02:03.4-05:00", 1_763_773_323_400),
            ("2025-11-22 01:02:03z", 1_763_773_323_000),
            ("1970-01-01T00:00:60Z", 60_000),
        ] {
            assert_eq!(Timestamp::parse(text), Some(Timestamp(ms)), "{text}");
        }
        for wrong in [
            "",
            "now",
            "2025-11-22",
            "2025-11-22T01:02:03",
            "2025-11-22T01:02:03.Z",
            "2025-11-22T01:02Z",
            "2025-02-29T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-00-01T00:00:00Z",
            "2025-11-22T24:00:00Z",
            "2025-11-22T01:02:03+1:00",
            "2025-11-22T01:02:03+01:00x",
            "2025-11-22T01:02:03+24:00",
            "+025-11-22T01:02:03Z",
            "1969-12-31T23:59:59Z",
            "2025-11-22T01:02:03Z ",
            "2025\u{2011}11-22T01:02:03Z",
            "2025-11-22T01:02:03\u{e9}",
        ] {
            assert_eq!(Timestamp::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for day in (0..100_000).step_by(13) {
            let text = Timestamp(day as u64 * 86_400_000).to_string();
            let part = |place: std::ops::Range<usize>| text[place].parse::<i64>().unwrap();
            assert_eq!(days_from_civil(part(0..4), part(5..7), part(8..10)), day, "{text}");
        }
    }
}
