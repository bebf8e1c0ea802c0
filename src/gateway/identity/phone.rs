//! Phone numbers: digits decide, punctuation does not. A local and an international spelling of one number stay two,
//! because only the application knows its default country.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Longest number of E.164 with room for an extension.
const MAX_DIGITS: usize = 20;

/// Canonical digits: `+49 (0) 170` and its cousins without punctuation; an international prefix (`+`, `00`) is a `+`.
/// `None` if what remains is no number (fewer than 4 or more than 20 digits).
pub fn phone(text: &str) -> Option<Zeroizing<String>> {
    let mut out = Zeroizing::new(String::with_capacity(MAX_DIGITS + 3));
    for character in text.nfkc() {
        match character {
            '+' if out.is_empty() => out.push('+'),
            '0'..='9' if out.len() > MAX_DIGITS + 1 => return None,
            '0'..='9' => out.push(character),
            _ => {}
        }
    }
    if let Some(rest) = out.strip_prefix("00") {
        let mut international = Zeroizing::new(String::with_capacity(MAX_DIGITS + 3));
        international.push('+');
        international.push_str(rest);
        out = international;
    }
    let digits = out.trim_start_matches('+').len();
    (4..=MAX_DIGITS).contains(&digits).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_in_many_spellings() {
        for (text, expected) in [
            ("+49 170 123-4567", Some("+491701234567")),
            ("0049 (170) 1234567", Some("+491701234567")),
            ("\u{ff0b}\u{ff14}\u{ff19}170 1234567", Some("+491701234567")),
            ("0170 1234567", Some("01701234567")),
            ("call me", None),
            ("", None),
            ("123456789012345678901234567890", None),
        ] {
            assert_eq!(phone(text).as_ref().map(|number| number.as_str()), expected, "{text}");
        }
    }
}
