//! Scalars that YAML and people read differently, explained in words.
//!
//! The old YAML 1.1 took `yes` and `NO` for truth values, `010` for eight and `1:30` for ninety; much that is written about
//! YAML still does. Here such a value is what it looks like, or it is refused with the reason; it is never something else.

use super::tree::{Kind, NodeId, Tree};

/// What to write where `true` or `false` is wanted.
pub(super) fn truth(text: &str) -> Option<String> {
    let meant = match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "true" | "1" => "true",
        "no" | "off" | "n" | "false" | "0" => "false",
        _ => return None,
    };
    Some(match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "no" | "off" | "n" => {
            format!(
                "write `{meant}`, unquoted: `yes`, `no`, `on` and `off` are words, and truth values in old YAML only"
            )
        }
        _ => format!("write `{meant}`, unquoted"),
    })
}

/// A number that old YAML reads in base eight, and everybody else in base ten: what is wrong, and what to write.
pub(super) fn octal(text: &str) -> Option<(String, String)> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let number = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    if !number {
        return None;
    }
    let decimal = digits.trim_start_matches('0');
    let decimal = if decimal.is_empty() { "0" } else { decimal };
    let other = match u64::from_str_radix(digits, 8) {
        Ok(octal) => format!("old YAML reads it in base eight, as {sign}{octal}"),
        Err(_) => "old YAML takes it for a number in base eight, which it is not".to_owned(),
    };
    let shown: String = text.chars().take(40).collect();
    Some((format!("`{shown}` begins with a zero: {other}"), format!("write `{sign}{decimal}`")))
}

/// What to write where a whole number is wanted and something like one stands.
pub(super) fn whole(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is = |extra: &[char]| !digits.is_empty() && text.chars().all(|c| c.is_ascii_digit() || extra.contains(&c));
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return u64::from_str_radix(hexadecimal, 16).ok().map(|number| format!("write `{number}`"));
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(|number| format!("write `{number}`"));
    }
    let number: Option<f64> = text.parse().ok();
    match number {
        Some(number) if number >= 0.0 && number.fract() == 0.0 && number < 1e15 => Some(format!("write `{number:.0}`")),
        Some(number) if number < 0.0 => Some("it cannot be negative".to_owned()),
        Some(_) => Some("fractions are not read here".to_owned()),
        None if is(&[',', '.', ' ', '\'']) => Some(format!("write the digits alone: `{digits}`")),
        None if is(&[':']) => Some("old YAML reads this in base sixty: write the digits alone".to_owned()),
        None => None,
    }
}

/// What else an unquoted text could be taken for.
pub(super) fn ambiguous(text: &str) -> Option<(String, String)> {
    let other = match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => "true",
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => "false",
        _ => return None,
    };
    let message = format!("`{text}` is the text it looks like here; programs that read old YAML take it for `{other}`");
    Some((message, format!("put it into quotes: '{text}'")))
}

/// What to write if a key and its value were glued together: `address:127.0.0.1:80`.
pub(super) fn glued(text: &str, known: &[&str]) -> Option<String> {
    let (key, value) = text.split_once(':')?;
    let value: String = value.chars().take(60).collect();
    known.contains(&key).then(|| format!("write a space after the colon: `{key}: {value}`"))
}

/// What is wrong with a scalar where a decimal number is wanted, if it is none.
pub(super) fn decimal(tree: &Tree, node: NodeId) -> Result<f64, (String, Option<String>)> {
    let Some(text) = tree.text(node) else { return Err(("expected a number".to_owned(), None)) };
    if let Some((message, help)) = octal(text) {
        return Err((message, Some(help)));
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => {
            let shown: String = text.chars().take(40).collect();
            let help = text.contains(',').then(|| format!("write `{}`", shown.replace(',', ".")));
            let secret = matches!(tree.kind(node), Kind::Scalar { expanded: true, .. });
            let found = if secret { String::new() } else { format!(", found `{shown}`") };
            Err((format!("expected a number{found}"), help))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_explained() {
        for (text, help) in [
            ("010", Some("write `10`")),
            ("0016", Some("write `16`")),
            ("08", Some("write `8`")),
            ("-01", Some("write `-1`")),
            ("00", Some("write `0`")),
            ("0", None),
            ("10", None),
            ("0.5", None),
            ("0x10", None),
        ] {
            assert_eq!(octal(text).map(|(_, help)| help).as_deref(), help, "{text}");
        }
        for (text, help) in [
            ("0x10", Some("write `16`")),
            ("0o17", Some("write `15`")),
            ("1e3", Some("write `1000`")),
            ("1,000", Some("write the digits alone: `1000`")),
            ("16.0", Some("write `16`")),
            ("1.5", Some("fractions are not read here")),
            ("-1", Some("it cannot be negative")),
            ("1:30", Some("old YAML reads this in base sixty: write the digits alone")),
            ("many", None),
        ] {
            assert_eq!(whole(text).as_deref(), help, "{text}");
        }
    }

    #[test]
    fn words_are_explained() {
        assert!(truth("NO").unwrap().starts_with("write `false`"));
        assert!(truth("On").unwrap().starts_with("write `true`"));
        assert_eq!(truth("true").as_deref(), Some("write `true`, unquoted"));
        assert_eq!(truth("maybe"), None);
        assert_eq!(ambiguous("NO").unwrap().1, "put it into quotes: 'NO'");
        assert_eq!(ambiguous("true"), None);
        assert_eq!(glued("mode:monitor", &["mode"]).as_deref(), Some("write a space after the colon: `mode: monitor`"));
        assert_eq!(glued("form:login", &["mode"]), None);
    }
}
