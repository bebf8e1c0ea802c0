//! How far the characters of an address follow each other as in names and words, or as in letters that were thrown.
//!
//! Machines that need ten thousand addresses throw letters. People take names and words, in whatever language, and those
//! have habits: after `sc` comes `h`, before `x` no `q`. The embedded table has, for every character after two others, the
//! logarithm of how much more frequent it is in addresses made of names of some sixty languages and of English words than in
//! thrown ones. Their sum over an address is the logarithm of how many times likelier it is to be made by a person, all else
//! equal: a sum and not a mean, because three odd letters mean little and twelve a lot. Digits are one character and
//! separators another, so that `anna1984` and `bmwm3power` are as people have them, and `k3jq8zp2` is not.
//!
//! Measured on names that the table was not made of: below −4 are 1 in 1,000 of people's addresses, and 96 in 100 of 8 to 14
//! thrown letters and digits. Short ones say too little, and scripts that the table does not know say nothing: `None`.

use super::embedded::LETTERS;
use unicode_normalization::UnicodeNormalization;

const DIGIT: usize = 26;
const SEPARATOR: usize = 27;
/// Where an address begins and ends.
const END: usize = 28;
const SYMBOLS: usize = 29;
/// The table's unit, in nats.
const CELL: f64 = 1.0 / 12.0;

/// A local part may have 64 octets; more are not looked at.
const MOST: usize = 64;
/// Shorter ones are initials, numbers and nicknames, which follow no habit.
const LEAST_LETTERS: usize = 4;
const LEAST: usize = 8;

/// The logarithm of how many times likelier it is that a person made this local part than that a machine threw its letters.
/// Letters with marks count as those without. `None` if it is too short, or has letters that are none of Latin.
pub fn likelihood(local: &str) -> Option<f64> {
    let (mut before, mut last) = (END, END);
    let (mut sum, mut letters, mut length) = (0i32, 0, 0);
    let mut step = |symbol: usize| {
        let cell = LETTERS.get((before * SYMBOLS + last) * SYMBOLS + symbol).copied().unwrap_or_default();
        sum += i32::from(cell.cast_signed());
        (before, last) = (last, symbol);
    };
    for character in local.chars().take(MOST).nfkd() {
        let symbol = match character {
            'a'..='z' => character as usize - 'a' as usize,
            'A'..='Z' => character as usize - 'A' as usize,
            '0'..='9' => DIGIT,
            '\u{300}'..='\u{36f}' => continue,
            ascii if ascii.is_ascii() => SEPARATOR,
            other => match latin(other) {
                Some(letter) => letter as usize - 'a' as usize,
                None => return None,
            },
        };
        letters += usize::from(symbol < DIGIT);
        length += 1;
        step(symbol);
    }
    step(END);
    (letters >= LEAST_LETTERS && length >= LEAST).then(|| f64::from(sum) * CELL)
}

/// Letters of Latin that no decomposition takes apart.
fn latin(character: char) -> Option<char> {
    Some(match character {
        'ß' => 's',
        'æ' | 'Æ' => 'e',
        'ø' | 'Ø' | 'œ' | 'Œ' => 'o',
        'đ' | 'Đ' | 'ð' | 'Ð' => 'd',
        'ł' | 'Ł' => 'l',
        'þ' | 'Þ' => 't',
        'ı' => 'i',
        'ə' | 'Ə' => 'a',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_words_are_likely_and_thrown_letters_are_not() {
        for local in [
            "john.smith84",
            "annamaria",
            "szczepanski.p",
            "nguyenthihuong",
            "wojciechszczesny",
            "m.papadopoulos",
            "yamamoto-kenji",
            "oluwaseun.adeyemi",
            "j\u{fc}rgen.m\u{fc}ller",
            "s\u{f8}ren.kj\u{e6}r",
            "ivanov1975",
            "iphone.lover",
            "sunshine_girl99",
            "qwertz99",
        ] {
            assert!(likelihood(local).unwrap() > 2.0, "{local}: {:?}", likelihood(local));
        }
        for local in ["x7k2m9qp", "qzxkvjwp", "hjtrwqplmz", "k3jq8zp2vb", "vbnxzqwrtp12", "gq8wzkd4tnv"] {
            assert!(likelihood(local).unwrap() < -6.0, "{local}: {:?}", likelihood(local));
        }
    }

    #[test]
    fn too_little_to_say_anything() {
        for local in
            ["", "jdoe", "mxbr", "zzxq12", "12345678", "1q2w3e4", "\u{438}\u{432}\u{430}\u{43d}\u{43e}\u{432}12"]
        {
            assert_eq!(likelihood(local), None, "{local}");
        }
        assert_eq!(likelihood("\u{7528}\u{6237}\u{7528}\u{6237}\u{7528}\u{6237}\u{7528}\u{6237}"), None);
    }

    #[test]
    fn marks_change_nothing() {
        assert_eq!(likelihood("jos\u{e9}.garc\u{ed}a"), likelihood("jose.garcia"));
        assert_eq!(likelihood("Jose.Garcia"), likelihood("jose.garcia"));
    }

    #[test]
    fn the_table_is_whole() {
        assert_eq!(LETTERS.len(), SYMBOLS * SYMBOLS * SYMBOLS);
    }

    proptest! {
        #[test]
        fn any_text_is_bounded(text in "\\PC{0,200}") {
            if let Some(sum) = likelihood(&text) {
                prop_assert!(sum.is_finite() && sum.abs() < 12.0 * 4.0 * MOST as f64 * 20.0);
            }
        }
    }
}
