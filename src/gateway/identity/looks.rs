//! What is left of a name when an application that cleans names has cleaned it, and a database that does not look at
//! accents compares it.
//!
//! A great many applications take more for one name than case and spaces: WordPress drops markup, accents, `%41` and
//! `&amp;` from what is typed before it looks for the account, and the default collations of MySQL, MariaDB and SQL Server
//! find `victim` for `víctim` whoever asks. A gate that keeps those apart gives a thief a person without a past for every
//! accent, and who guesses at a thousand accounts a fresh good name of their own between any two. So the form that
//! suspicion counts by goes as far as any of them does, on every route. That is more than most do, and no switch: the price
//! of too much is that two people share their doubts (`müller` and `muller`: failures at one are failures at both), which
//! knowing either's device or network outweighs, since proofs are never shared (see `spelling`); the price of too little is
//! all of the gate, without anybody being told.
//!
//! Folded are only differences that collations call secondary. A vowel sign of Devanagari or Thai is a mark to Unicode
//! and a letter to whoever reads it, and stays. Letters that collations take for others and Unicode does not take apart (`ø`,
//! `ł`, `ß`) are a table of some forty here and not a crate: those there are transliterate whole scripts, by which people
//! who share no letter would be one. What German, Danish or Serbian WordPress does on top (`ü` is `ue`) is not folded:
//! `michael` and `michal` are too many people for that.

use super::canonical::is_invisible;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use zeroize::Zeroizing;

/// How often a step may make work for another. Nobody's name needs more than two.
const ROUNDS: usize = 4;

/// Without markup, escapes, and blanks beyond one between words. What is nothing else stays as it is.
pub(super) fn bare(plain: Zeroizing<String>) -> Zeroizing<String> {
    settled(plain, &|text| joined(&unescaped(&untagged(text))))
}

/// The same, and every letter its plainest.
pub(super) fn alike(plain: Zeroizing<String>) -> Zeroizing<String> {
    settled(plain, &|text| joined(&unescaped(&untagged(&lettered(text)))))
}

/// Whether nothing of a text is looked past, and no letter of it has a plainer one.
pub(super) fn is_plain(text: &str) -> bool {
    let is_work = |byte: u8| !byte.is_ascii_graphic() && byte != b' ' || matches!(byte, b'<' | b'%' | b'&');
    !text.bytes().any(is_work) && !text.contains("  ")
}

/// Goes round until a step changes nothing, which for nearly everybody is before the first.
fn settled(plain: Zeroizing<String>, step: &dyn Fn(&str) -> Zeroizing<String>) -> Zeroizing<String> {
    if is_plain(&plain) {
        return plain;
    }
    let mut text = plain;
    for _ in 0..ROUNDS {
        let next = step(&text);
        if next.is_empty() || *next == *text {
            return text;
        }
        text = next;
    }
    // Who nests deeper than this has no name that anybody finds: what could be markup goes, and what could not is kept.
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    plain.extend(text.chars().filter(|character| !matches!(character, '<' | '>' | '%' | '&' | ';')));
    let rest = step(&plain);
    if rest.is_empty() { Zeroizing::new("<".to_owned()) } else { rest }
}

/// Decomposed, without marks, in letters that collations have a place of their own for.
fn lettered(text: &str) -> Zeroizing<String> {
    if text.is_ascii() {
        return Zeroizing::new(text.to_owned());
    }
    // Of a compatibility form there may be eighteen letters; it was composed before, and has none.
    let mut plain = Zeroizing::new(String::with_capacity(4 * text.len()));
    for character in text.nfkd().filter(|character| !is_mark(*character)) {
        match letter(character) {
            Some(letters) => plain.push_str(letters),
            None => plain.push(character),
        }
    }
    let mut composed = Zeroizing::new(String::with_capacity(2 * plain.len()));
    composed.extend(plain.nfkc().filter(|character| !is_invisible(*character)));
    composed
}

/// A mark by which collations tell words apart only where everything else is the same. By its combining class: overlays,
/// nuktas, voicing of kana, points of Hebrew and Arabic, tones of Thai and Lao, and everything above and below; not viramas
/// (9) or the vowels of Thai, Lao, Telugu and Tibetan (84 to 132), and no vowel sign, which has none (0).
fn is_mark(character: char) -> bool {
    let enclosing = matches!(character, '\u{488}' | '\u{489}' | '\u{20dd}'..='\u{20e0}' | '\u{20e2}'..='\u{20e4}');
    enclosing || matches!(canonical_combining_class(character), 1 | 7 | 8 | 10..=36 | 107 | 122 | 200..=240)
}

/// What a letter is taken for that is none with a mark. `None`: for itself.
fn letter(character: char) -> Option<&'static str> {
    Some(match character {
        'ß' => "ss",
        'ẞ' => "SS",
        'æ' => "ae",
        'Æ' => "AE",
        'œ' => "oe",
        'Œ' => "OE",
        'þ' => "th",
        'Þ' => "TH",
        'ø' | 'ɵ' => "o",
        'Ø' | 'Ɵ' => "O",
        'đ' | 'ð' | 'ɖ' => "d",
        'Đ' | 'Ð' | 'Ɖ' => "D",
        'ħ' => "h",
        'Ħ' => "H",
        'ı' | 'ɨ' => "i",
        'Ɨ' => "I",
        'ĸ' => "k",
        'ł' | 'ƚ' => "l",
        'Ł' | 'Ƚ' => "L",
        'ŋ' => "n",
        'Ŋ' => "N",
        'ŧ' => "t",
        'Ŧ' => "T",
        'ƀ' => "b",
        'Ƀ' => "B",
        'ȼ' => "c",
        'Ȼ' => "C",
        'ɇ' | '€' => "e",
        'Ɇ' => "E",
        'ǥ' => "g",
        'Ǥ' => "G",
        'ɉ' => "j",
        'Ɉ' => "J",
        'ɍ' => "r",
        'Ɍ' => "R",
        'ʉ' => "u",
        'Ʉ' => "U",
        'ɏ' => "y",
        'Ɏ' => "Y",
        'ƶ' => "z",
        'Ƶ' => "Z",
        'ⱥ' => "a",
        'Ⱥ' => "A",
        // The second halves of Catalan's and Afrikaans' old letters; and what WordPress has for an accent.
        '·' | 'ʼ' | '£' => "",
        _ => return None,
    })
}

/// What PHP's `strip_tags` and its like leave: nothing between `<` and the `>` that ends it, nothing after a `<` that
/// nothing ends, and nothing that a script or a style would be.
fn untagged(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        plain.push_str(&rest[..start]);
        let inside = &rest[start + 1..];
        rest = match inside.as_bytes() {
            [b'!', b'-', b'-', ..] => after(inside, "-->"),
            [b'?', ..] => after(inside, "?>"),
            _ => after_tag(inside),
        };
        for element in ["script", "style"] {
            if begins(inside, element) {
                rest = after_element(rest, element);
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn after<'t>(text: &'t str, end: &str) -> &'t str {
    text.find(end).map_or("", |at| &text[at + end.len()..])
}

/// What follows the `>` that ends a tag; in quotes and in a tag within it is none.
fn after_tag(inside: &str) -> &str {
    let (mut depth, mut quote) = (0, None);
    for (at, byte) in inside.bytes().enumerate() {
        match (byte, quote) {
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(open)) => quote = Some(open).filter(|open| *open != byte),
            (b'<', None) if !inside[at + 1..].starts_with(char::is_whitespace) => depth += 1,
            (b'>', None) if depth == 0 => return &inside[at + 1..],
            (b'>', None) => depth -= 1,
            (_, None) => {}
        }
    }
    ""
}

/// What follows the tag that ends the element; all of it if none does, since then it was no element.
fn after_element<'t>(text: &'t str, element: &str) -> &'t str {
    let end = text.match_indices("</").find(|(at, _)| begins(&text[at + 2..], element));
    end.map_or(text, |(at, _)| after_tag(&text[at + 2..]))
}

fn begins(text: &str, with: &str) -> bool {
    text.as_bytes().get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
}

/// Without `%41` and `&amp;`, whatever they would stand for.
fn unescaped(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    for character in text.chars() {
        plain.push(character);
        if let [.., b'%', high, low] = plain.as_bytes()
            && high.is_ascii_hexdigit()
            && low.is_ascii_hexdigit()
        {
            let before = plain.len() - 3;
            plain.truncate(before);
        }
        // Something must stand between the two.
        if character == ';'
            && let Some(start) = plain.find('&').filter(|start| plain.len() - start > 2)
        {
            plain.truncate(start);
        }
    }
    plain
}

/// One blank where there are several, and none around.
fn joined(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    for word in text.split_whitespace() {
        if !plain.is_empty() {
            plain.push(' ');
        }
        plain.push_str(word);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> String {
        alike(Zeroizing::new(text.to_owned())).to_string()
    }

    #[test]
    fn what_applications_and_collations_take_for_one_is_one() {
        for (plain, disguises) in [
            (
                "victim",
                &[
                    "v\u{ed}ctim",
                    "vi\u{301}cti\u{323}m",
                    "v\u{131}ctim",
                    "victim%20",
                    "v%69%Ffictim",
                    "v%%6969ictim",
                    "vic<b>tim",
                    "vic<b>t</b>im",
                    "vic<b title=\">\">tim",
                    "vic<a<b>c>tim",
                    "vic<!-- > -->tim",
                    "vic<?php > ?>tim",
                    "vic<script>alert(1)</script>tim",
                    "vic<STYLE a=b>x</style >tim",
                    "victim<b",
                    "victim&x;",
                    "vic&amp;tim",
                    "vic&&;tim",
                    "vi\u{20dd}ctim",
                    "vi<\u{e1}>ctim",
                    "vi%<i>69ctim",
                    "vic\u{a3}tim",
                ][..],
            ),
            ("two words", &["two  words", " two\t\u{a0} words", "two <b> words", "t\u{1e81}o words"]),
            ("strasse", &["stra\u{df}e"]),
            ("aeroskobing", &["\u{e6}r\u{f8}sk\u{f8}bing"]),
            ("lodz", &["\u{142}\u{f3}d\u{17a}"]),
            ("dorde", &["\u{111}or\u{111}e"]),
            ("\u{438}\u{432}\u{430}\u{43d} \u{435}\u{436}", &["\u{439}\u{432}\u{430}\u{43d} \u{451}\u{436}"]),
            ("\u{d55c}\u{ae00}", &["\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"]),
        ] {
            assert_eq!(of(plain), plain);
            for disguise in disguises {
                assert_eq!(of(disguise), plain, "{disguise:?}");
            }
        }
    }

    #[test]
    fn what_nobody_takes_for_one_stays_apart() {
        for text in [
            "a&b",
            "a;b",
            "100%",
            "5%x1",
            "a>b",
            "o'brien",
            "john.smith@example.com",
            // Vowel signs are letters, in whichever class Unicode has them.
            "\u{915}\u{93f}",
            "\u{915}\u{940}",
            "\u{e01}\u{e38}",
            "\u{e01}\u{e39}",
            // Nothing would be left of them.
            "<b>",
            "%41",
            "&x;",
            "\u{301}",
        ] {
            assert_eq!(of(text), text);
        }
    }

    proptest! {
        #[test]
        fn it_comes_to_rest_and_never_to_nothing(text in "([<>%&;\"'!?/ -]|[a46]|script|\u{301}|\u{226e}|\u{e9}|\\PC){1,60}") {
            prop_assume!(!text.trim().is_empty());
            let once = of(&text);
            prop_assert!(!once.is_empty());
            prop_assert_eq!(of(&once), once);
        }

        #[test]
        fn nesting_costs_no_more_than_its_length(depth in 1usize..300) {
            let nested = format!("{}a{}", "<%&".repeat(depth), "41;>".repeat(depth));
            let once = of(&nested);
            prop_assert_eq!(of(&once), once);
        }
    }
}
