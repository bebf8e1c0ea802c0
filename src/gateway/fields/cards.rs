//! Of a card no more than the standard lets anybody show: its first digits and its last four.
//!
//! Forms name their fields as they like, and a field that was mapped as the first digits often turns out to hold the whole
//! number. What is taken of it is decided here, at the only place that sees it: eight digits of a number of sixteen or
//! more, six of a shorter one, as the card brands have it (PCI DSS 3.4.1 and the council's FAQ 1091), and of a masked
//! number what stands before the mask. A number that is a card's by all appearance and stands where none belongs (a phone,
//! an address, the path of the request) is no fact at all, and is not shown either.

use std::borrow::Cow;
use std::ops::Range;

/// Fewest and most digits of a card number (ISO/IEC 7812).
const DIGITS: Range<usize> = 13..20;

/// The first six to eight digits; never more, should a route map a whole number.
pub fn first_digits(text: &str) -> Option<Box<str>> {
    let mut digits = String::with_capacity(8);
    let mut count = 0;
    for character in text.trim().chars() {
        match character {
            '0'..='9' => {
                count += 1;
                if digits.len() < 8 {
                    digits.push(character);
                }
            }
            ' ' | '-' | '.' | '\u{a0}' => {}
            // The mask, or something else that is no number.
            _ => break,
        }
    }
    if (DIGITS.start..16).contains(&count) {
        digits.truncate(6);
    }
    (digits.len() >= 6 && count < DIGITS.end).then(|| digits.into())
}

/// The last four digits.
pub fn last_four(text: &str) -> Option<Box<str>> {
    let mut digits = [0u8; 4];
    let mut ending = text.bytes().rev().filter(u8::is_ascii_digit);
    for place in digits.iter_mut().rev() {
        *place = ending.next()?;
    }
    std::str::from_utf8(&digits).ok().map(Into::into)
}

/// Whether a text is, but for separators, a number that is a card's by its length, its first digit and its check digit.
/// One in ten other numbers of that length is as well.
pub fn is_card_number(text: &str) -> bool {
    let mut digits = [0u8; DIGITS.end];
    let mut count = 0;
    for byte in text.trim().bytes() {
        match byte {
            b'0'..=b'9' if count < DIGITS.end => {
                digits[count] = byte - b'0';
                count += 1;
            }
            b' ' | b'-' | b'.' => {}
            _ => return false,
        }
    }
    is_a_cards(&digits[..count])
}

/// A path as it may be shown: whatever in it is a card's number is masked.
pub fn masked(path: &str) -> Cow<'_, str> {
    let runs = |least: usize| {
        path.as_bytes().chunk_by(|a, b| a.is_ascii_digit() && b.is_ascii_digit()).any(|run| run.len() >= least)
    };
    if !runs(DIGITS.start) {
        return Cow::Borrowed(path);
    }
    let mut shown = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let length = from.bytes().take_while(u8::is_ascii_digit).count();
        let (run, after) = from.split_at(length);
        shown.push_str(before);
        shown.push_str(if is_card_number(run) { "[card]" } else { run });
        rest = after;
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// ISO/IEC 7812: banks' cards begin with 2 to 6, and the sum of the digits, every second one doubled, ends in nought.
fn is_a_cards(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    DIGITS.contains(&digits.len()) && matches!(digits[0], 2..=6) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_a_whole_number_no_more_is_taken_than_may_be_shown() {
        for (text, first, last) in [
            ("411111", Some("411111"), Some("1111")),
            ("41111111", Some("41111111"), Some("1111")),
            ("4111 1111 1111 1234", Some("41111111"), Some("1234")),
            ("4111-1111-1111-1234", Some("41111111"), Some("1234")),
            ("378282246310005", Some("378282"), Some("0005")),
            ("411111******1234", Some("411111"), Some("1234")),
            ("**** 1234", None, Some("1234")),
            ("4111", None, Some("4111")),
            ("12", None, None),
            ("", None, None),
            ("4111 1111 1111 1111 1111 1111", None, Some("1111")),
            ("pm_1NirD82eZvKYlo2CIvbtLWuY", None, Some("1822")),
        ] {
            assert_eq!(first_digits(text).as_deref(), first, "{text}");
            let digits = last_four(text);
            assert_eq!(digits.as_deref(), last, "{text}");
        }
    }

    #[test]
    fn a_cards_number_is_told_from_others() {
        for number in
            ["4111111111111111", "5500 0000 0000 0004", "378282246310005", "6011-0009-9013-9424", "4222222222222"]
        {
            assert!(is_card_number(number), "{number}");
        }
        for other in [
            "4111111111111112",
            "0049170123456789",
            "+4111111111111111",
            "order 4111111111111111",
            "1234",
            "",
            "١٢٣٤٥٦٧٨٩٠١٢٣",
        ] {
            assert!(!is_card_number(other), "{other}");
        }
    }

    #[test]
    fn a_path_shows_no_card() {
        assert_eq!(masked("/pay/4111111111111111/confirm"), "/pay/[card]/confirm");
        assert_eq!(masked("/orders/1700000000000/4111111111111111"), "/orders/1700000000000/[card]");
        for plain in ["/checkout", "/orders/4111111111111112", "/b/é/123456789012", ""] {
            assert_eq!(masked(plain), plain);
        }
    }

    proptest! {
        #[test]
        fn never_more_than_eight_and_four_digits(text in "\\PC{0,40}") {
            prop_assert!(first_digits(&text).is_none_or(|first| (6..=8).contains(&first.len())));
            prop_assert!(last_four(&text).is_none_or(|last| last.len() == 4));
            masked(&text);
        }

        #[test]
        fn no_whole_number_survives(digits in "[2-6][0-9]{12,18}", separator in "[ -]?") {
            let spaced: Vec<&str> = digits.as_bytes().chunks(4).map(|chunk| std::str::from_utf8(chunk).unwrap()).collect();
            let taken = first_digits(&spaced.join(&separator)).unwrap();
            prop_assert_eq!(taken.len(), if digits.len() < 16 { 6 } else { 8 });
        }
    }
}
