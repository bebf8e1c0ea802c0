//! Durations and sizes as the contract writes them: a whole number and one unit. Fractions and sums (`1h30m`) are not
//! read: one spelling for one value keeps files comparable.

use std::time::Duration;

const PERIODS: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const SIZES: &[(&str, u64)] = &[("B", 1), ("KiB", 1024), ("MiB", 1024 * 1024), ("GiB", 1024 * 1024 * 1024)];

/// What is wrong with it, and what to write.
pub type UnitFault = (String, String);

/// `250ms`, `10s`, `5m`, `2h`, `7d`.
pub fn duration(text: &str) -> Result<Duration, UnitFault> {
    let what = "a duration";
    let (number, unit) = split(text, what, "10s")?;
    let factor = factor(PERIODS, unit, text, what, "`ms`, `s`, `m`, `h` or `d`", |unit| match unit {
        "sec" | "secs" | "second" | "seconds" | "S" => Some("s"),
        "min" | "mins" | "minute" | "minutes" | "M" => Some("m"),
        "hour" | "hours" | "hr" | "H" => Some("h"),
        "day" | "days" | "D" => Some("d"),
        "msec" | "millis" | "MS" => Some("ms"),
        _ => None,
    })?;
    number.checked_mul(factor).map(Duration::from_millis).ok_or_else(|| too_large(text))
}

/// `512B`, `64KiB`, `1MiB`, `1GiB`, in bytes.
pub(super) fn size(text: &str) -> Result<u64, UnitFault> {
    let what = "a size";
    let (number, unit) = split(text, what, "64KiB")?;
    let factor = factor(SIZES, unit, text, what, "`B`, `KiB`, `MiB` or `GiB`", |unit| {
        match unit.to_ascii_lowercase().as_str() {
            "b" | "byte" | "bytes" => Some("B"),
            "k" | "kb" | "kib" => Some("KiB"),
            "m" | "mb" | "mib" => Some("MiB"),
            "g" | "gb" | "gib" => Some("GiB"),
            _ => None,
        }
    })?;
    number.checked_mul(factor).ok_or_else(|| too_large(text))
}

/// `0.5%`, as a share of one.
pub(super) fn share(text: &str) -> Result<f64, UnitFault> {
    let shown: String = text.chars().take(40).collect();
    let plain = |number: &str| {
        let sound = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        sound.then(|| number.parse::<f64>().ok()).flatten()
    };
    match (text.strip_suffix('%').map(plain), plain(text)) {
        (Some(Some(percent)), _) => Ok(percent / 100.0),
        (None, Some(share)) => Err((
            format!("`{shown}` has no unit"),
            format!("write `{share}%`, or `{}%` if a share of one is meant", share * 100.0),
        )),
        _ => Err((
            format!("`{shown}` is not a share"),
            "a share is a number and a percent sign, as in `0.5%`".to_owned(),
        )),
    }
}

/// As an operator would write it.
pub fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis() as u64;
    let (unit, factor) = PERIODS
        .iter()
        .rev()
        .find(|(_, factor)| millis >= *factor && millis.is_multiple_of(*factor))
        .unwrap_or(&PERIODS[0]);
    format!("{}{unit}", millis / factor)
}

/// As an operator would write it.
pub(super) fn show_size(bytes: u64) -> String {
    let (unit, factor) =
        SIZES.iter().rev().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor)).unwrap_or(&SIZES[0]);
    format!("{}{unit}", bytes / factor)
}

fn split<'t>(text: &'t str, what: &str, example: &str) -> Result<(u64, &'t str), UnitFault> {
    let shown: String = text.chars().take(40).collect();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number = match number.parse::<u64>() {
        Ok(number) => number,
        Err(_) if digits == 0 => {
            return Err((
                format!("`{shown}` is not {what}"),
                format!("{what} is a number and a unit, as in `{example}`"),
            ));
        }
        Err(_) => return Err(too_large(text)),
    };
    if unit.starts_with(['.', ',']) {
        return Err((
            format!("`{shown}` is not {what}: fractions are not read"),
            format!("use a smaller unit, as in `{}`", if what == "a size" { "1536KiB" } else { "1500ms" }),
        ));
    }
    Ok((number, unit.trim_start()))
}

fn factor<'u>(
    units: &[(&'static str, u64)],
    unit: &'u str,
    text: &str,
    what: &str,
    known: &str,
    meant: impl Fn(&'u str) -> Option<&'static str>,
) -> Result<u64, UnitFault> {
    if let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit && !text.contains(' ')) {
        return Ok(*factor);
    }
    let shown: String = text.chars().take(40).collect();
    let number: String = text.chars().take_while(char::is_ascii_digit).take(20).collect();
    if unit.is_empty() {
        let written = [0, 1, 2].map(|place| format!("`{number}{}`", units[place].0));
        let [first, second, third] = written;
        return Err((format!("`{shown}` has no unit"), format!("write {first}, {second} or {third}")));
    }
    let exact = units.iter().map(|(name, _)| *name).find(|name| *name == unit);
    let help = match exact.or_else(|| meant(unit)) {
        Some(unit) => format!("write `{number}{unit}`"),
        None => format!("units are {known}"),
    };
    Err((format!("`{shown}` is not {what}"), help))
}

fn too_large(text: &str) -> UnitFault {
    let shown: String = text.chars().take(40).collect();
    (format!("`{shown}` is too large"), "write a smaller number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_the_contract_writes_them() {
        for (text, value) in [("1%", 0.01), ("0.5%", 0.005), ("0%", 0.0), ("100%", 1.0), (".5%", 0.005)] {
            assert_eq!(share(text), Ok(value), "{text}");
        }
        for (text, help) in [
            ("1", "write `1%`, or `100%` if a share of one is meant"),
            ("0.01", "write `0.01%`, or `1%` if a share of one is meant"),
            ("one%", "a share is a number and a percent sign, as in `0.5%`"),
            ("1 %", "a share is a number and a percent sign, as in `0.5%`"),
            ("-1%", "a share is a number and a percent sign, as in `0.5%`"),
            ("1e3%", "a share is a number and a percent sign, as in `0.5%`"),
            ("inf%", "a share is a number and a percent sign, as in `0.5%`"),
            ("%", "a share is a number and a percent sign, as in `0.5%`"),
            ("", "a share is a number and a percent sign, as in `0.5%`"),
        ] {
            assert_eq!(share(text).unwrap_err().1, help, "{text}");
        }
    }

    #[test]
    fn what_the_contract_writes_is_read_and_shown_again() {
        for text in ["250ms", "10s", "5m", "2h", "7d"] {
            assert_eq!(show_duration(duration(text).unwrap()), text);
        }
        for (text, bytes) in [("1B", 1), ("64KiB", 65536), ("1MiB", 1 << 20), ("2GiB", 2 << 30)] {
            assert_eq!(size(text), Ok(bytes));
            assert_eq!(show_size(bytes), text);
        }
    }

    #[test]
    fn slips_are_mended_in_the_message() {
        for (text, help) in [
            ("10", "write `10ms`, `10s` or `10m`"),
            ("10 s", "write `10s`"),
            ("10sec", "write `10s`"),
            ("1.5s", "use a smaller unit, as in `1500ms`"),
            ("soon", "a duration is a number and a unit, as in `10s`"),
            ("10x", "units are `ms`, `s`, `m`, `h` or `d`"),
            ("99999999999999999999d", "write a smaller number"),
            ("9999999999999999999d", "write a smaller number"),
            ("", "a duration is a number and a unit, as in `10s`"),
            ("-5s", "a duration is a number and a unit, as in `10s`"),
        ] {
            assert_eq!(duration(text).unwrap_err().1, help, "{text}");
        }
        assert_eq!(size("1MB").unwrap_err().1, "write `1MiB`");
        assert_eq!(size("64").unwrap_err().1, "write `64B`, `64KiB` or `64MiB`");
    }
}
