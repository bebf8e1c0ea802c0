//! Amounts, currencies and card digits, as shops write them.

/// No shop sells for more; what is above is noise, or an overflow under construction.
const MAX_AMOUNT: f64 = 1e12;
const MAX_LENGTH: usize = 40;

/// A decimal amount in the currency's own units: `1234.5`, `1,234.50`, `1.234,50`, `12,5`, `1 234,50 €`, `$9.99`.
///
/// With both separators the last one is the decimal one. A single comma before exactly three digits groups thousands, a
/// single point does not: machines write points.
pub(super) fn amount(text: &str) -> Option<f64> {
    let unit = |c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+'));
    let text = text.trim_matches(unit);
    if text.is_empty() || text.len() > MAX_LENGTH {
        return None;
    }
    let points = text.matches('.').count();
    let commas = text.matches(',').count();
    let last_point = text.rfind('.');
    let last_comma = text.rfind(',');
    let decimal = match (last_point, last_comma) {
        (Some(point), Some(comma)) if point > comma && points == 1 => Some(point),
        (Some(point), Some(comma)) if comma > point && commas == 1 => Some(comma),
        (Some(_), Some(_)) => return None,
        (Some(point), None) if points == 1 => Some(point),
        (None, Some(comma)) if commas == 1 && text.len() - comma != 4 => Some(comma),
        _ => None,
    };
    let mut plain = String::with_capacity(text.len());
    for (place, character) in text.char_indices() {
        match character {
            '0'..='9' => plain.push(character),
            '-' | '+' if place == 0 => plain.push(character),
            '.' | ',' if Some(place) == decimal => plain.push('.'),
            '.' | ',' if decimal.is_none_or(|decimal| place < decimal) => {}
            ' ' | '\'' | '\u{a0}' | '\u{202f}' | '\u{2019}' | '_' => {}
            _ => return None,
        }
    }
    plain.parse().ok().filter(|amount: &f64| amount.abs() <= MAX_AMOUNT)
}

/// Upper case, letters and digits, at most eight.
pub(super) fn currency(text: &str) -> Option<Box<str>> {
    let text = text.trim();
    let fits = (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    fits.then(|| text.to_ascii_uppercase().into())
}

/// The first six to eight digits; never more, should a route map a whole number by mistake.
pub(super) fn card_bin(text: &str) -> Option<Box<str>> {
    let digits: String = text.chars().filter(char::is_ascii_digit).take(8).collect();
    (digits.len() >= 6).then(|| digits.into())
}

/// The last four digits.
pub(super) fn card_last4(text: &str) -> Option<Box<str>> {
    let mut digits: Vec<char> = text.chars().rev().filter(char::is_ascii_digit).take(4).collect();
    digits.reverse();
    (digits.len() == 4).then(|| digits.into_iter().collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_as_they_are_written() {
        for (text, expected) in [
            ("1234.5", Some(1234.5)),
            ("1,234.50", Some(1234.5)),
            ("1.234,50", Some(1234.5)),
            ("1.234.567", Some(1_234_567.0)),
            ("1,234", Some(1234.0)),
            ("1.234", Some(1.234)),
            ("12,5", Some(12.5)),
            ("1 234,50 €", Some(1234.5)),
            ("$9.99", Some(9.99)),
            ("EUR 1'234.50", Some(1234.5)),
            ("-5", Some(-5.0)),
            ("0", Some(0.0)),
            ("free", None),
            ("", None),
            ("1.2,3.4", None),
            ("1-2", None),
            ("1e9", None),
            ("9999999999999", None),
            ("NaN", None),
            ("inf", None),
        ] {
            assert_eq!(amount(text), expected, "{text}");
        }
    }

    #[test]
    fn cards_keep_eight_digits_at_most() {
        assert_eq!(card_bin("4111 1111 1111 1111").as_deref(), Some("41111111"));
        assert_eq!(card_bin("411111").as_deref(), Some("411111"));
        assert_eq!(card_bin("4111"), None);
        assert_eq!(card_last4("**** 1234").as_deref(), Some("1234"));
        assert_eq!(card_last4("12"), None);
    }

    #[test]
    fn currencies() {
        assert_eq!(currency(" eur ").as_deref(), Some("EUR"));
        assert_eq!(currency("a long name"), None);
    }
}
