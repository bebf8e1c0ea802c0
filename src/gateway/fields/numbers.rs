//! Amounts and currencies, as shops write them.
//!
//! An amount is in the currency's own units (19.99 euros), because that is what forms show to people and therefore send.

use crate::engine::money::Currency;

/// No shop sells for more; what is above is noise, or an overflow under construction.
const MAX_AMOUNT: f64 = 1e12;
const MAX_LENGTH: usize = 40;

/// A decimal amount in the currency's own units: `1234.5`, `1,234.50`, `1.234,50`, `12,5`, `1 234,50 €`, `$9.99`.
///
/// With both separators the last one is the decimal one. A single comma before exactly three digits groups thousands, a
/// single point does not: machines write points. `12,-` has no cents. Below zero there is no sum.
pub(super) fn amount(text: &str) -> Option<f64> {
    let unit = |c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+'));
    let text = text.trim_matches(unit);
    let text = match text.trim_end_matches('-') {
        whole if whole.len() < text.len() => whole.trim_end_matches(['.', ',']),
        _ => text,
    };
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
    plain.parse().ok().filter(|amount: &f64| (0.0..=MAX_AMOUNT).contains(amount))
}

/// The code of ISO 4217, upper case; `None` for what is no currency.
pub(super) fn currency(text: &str) -> Option<Box<str>> {
    Currency::find(text).map(|currency| currency.code.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_as_they_are_written() {
        for (text, expected) in [
            ("1234.5", Some(1234.5)),
            ("1,234.50", Some(1234.5)),
            ("1.234,50", Some(1234.5)),
            ("1.234.567", Some(1_234_567.0)),
            ("1,23,456.50", Some(123_456.5)),
            ("1,234", Some(1234.0)),
            ("1.234", Some(1.234)),
            ("12,5", Some(12.5)),
            ("12,-", Some(12.0)),
            ("12.--", Some(12.0)),
            ("1 234,50 €", Some(1234.5)),
            ("$9.99", Some(9.99)),
            ("EUR 1'234.50", Some(1234.5)),
            ("-5", None),
            ("-0.01", None),
            ("0", Some(0.0)),
            ("free", None),
            ("-", None),
            (",-", None),
            ("", None),
            ("1.2,3.4", None),
            ("1-2", None),
            ("1e9", None),
            ("9999999999999", None),
            ("4111111111111111", None),
            ("NaN", None),
            ("inf", None),
        ] {
            assert_eq!(amount(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_bounded_amount_or_none(text in "\\PC{0,60}") {
            prop_assert!(amount(&text).is_none_or(|amount| amount.is_finite() && amount.abs() <= MAX_AMOUNT));
        }

        #[test]
        fn so_is_any_mess_of_what_amounts_are_made_of(text in "[-+0-9., '_€$]{0,50}") {
            prop_assert!(amount(&text).is_none_or(|amount| amount.is_finite() && amount.abs() <= MAX_AMOUNT));
        }

        #[test]
        fn an_amount_is_read_back_however_it_is_written(cents in 0u64..100_000_000_000) {
            let (whole, rest) = (cents / 100, cents % 100);
            let grouped = |separator: &str| {
                let digits = whole.to_string();
                let groups = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap());
                groups.collect::<Vec<_>>().join(separator)
            };
            for text in [
                format!("{whole}.{rest:02}"),
                format!("{whole},{rest:02}"),
                format!("{}.{rest:02}", grouped(",")),
                format!("{},{rest:02}", grouped(".")),
                format!("{},{rest:02} kr", grouped("\u{a0}")),
                format!("CHF {}.{rest:02}", grouped("'")),
            ] {
                prop_assert_eq!(amount(&text), Some(cents as f64 / 100.0), "{}", text);
            }
        }
    }

    #[test]
    fn currencies() {
        assert_eq!(currency(" eur ").as_deref(), Some("EUR"));
        assert_eq!(currency("a long name"), None);
        assert_eq!(currency("BTC"), None);
    }
}
