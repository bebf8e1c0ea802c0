//! A name as an application most likely tells it from others: as it was typed.
//!
//! White space around it goes, since browsers, people and frameworks strip it; case is folded where the route says so,
//! because most applications do, but only between letters that are each other's case. What Unicode folds beyond that
//! (`K` for Kelvin to `k`, `ı` to `i`) is how two accounts look like one. Nothing else is changed: not what cannot be seen,
//! not compatibility forms, not the dots of a mailbox.

use super::canonical::MAX_IDENTIFIER;
use crate::config::settings::IdentityRules;
use zeroize::Zeroizing;

/// The plain spelling; empty if nothing but white space is in it.
pub fn spelling(text: &str, rules: IdentityRules) -> Zeroizing<String> {
    let text = text.trim();
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    if !rules.fold_case {
        plain.push_str(text);
    } else if text.is_ascii() || text.len() > MAX_IDENTIFIER {
        plain.push_str(text);
        plain.make_ascii_lowercase();
    } else {
        // A letter may take another number of bytes in lower case: room beforehand, or a copy would stay behind.
        plain.reserve(2 * text.len());
        plain.extend(text.chars().map(lower));
    }
    plain
}

/// The letter whose upper case this is, if it has this for its upper case.
fn lower(letter: char) -> char {
    let mut lower = letter.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(small), None) if small.to_uppercase().eq([letter]) => small,
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::identity::account;
    use proptest::prelude::*;

    fn plain(text: &str) -> String {
        spelling(text, IdentityRules::default()).to_string()
    }

    #[test]
    fn case_and_space_are_no_spelling_and_everything_else_is() {
        for (typed, expected) in [
            ("anna", "anna"),
            (" Anna\t", "anna"),
            ("M\u{dc}LLER", "m\u{fc}ller"),
            ("\u{418}\u{412}\u{410}\u{41d}", "\u{438}\u{432}\u{430}\u{43d}"),
            ("V.ictim+X@GMAIL.com", "v.ictim+x@gmail.com"),
            ("victim@googlemail.com", "victim@googlemail.com"),
            ("\u{ff56}ictim", "\u{ff56}ictim"),
            ("vic\u{200b}tim", "vic\u{200b}tim"),
            ("\u{212a}ate", "\u{212a}ate"),
            ("v\u{131}ctim", "v\u{131}ctim"),
            ("\u{130}da", "\u{130}da"),
            ("stra\u{df}e", "stra\u{df}e"),
            ("  ", ""),
        ] {
            assert_eq!(plain(typed), expected, "{typed}");
        }
        let keep = IdentityRules { fold_case: false, ..IdentityRules::default() };
        assert_eq!(spelling(" Anna@Example.com ", keep).as_str(), "Anna@Example.com");
    }

    #[test]
    fn two_accounts_that_look_like_one_are_two_spellings_of_one_canonical_name() {
        let canonical = |text| account(text, IdentityRules::default()).unwrap().as_str().to_owned();
        for (victim, siblings) in [
            ("victim@gmail.com", &["v.ictim@gmail.com", "victim+x@gmail.com", "victim@googlemail.com"][..]),
            ("kate", &["\u{212a}ate", "\u{ff4b}ate", "ka\u{200b}te"]),
        ] {
            assert_eq!(plain(victim), canonical(victim), "who types it plainly has one name");
            for sibling in siblings {
                assert_eq!(canonical(sibling), canonical(victim), "{sibling}");
                assert_ne!(plain(sibling), plain(victim), "{sibling}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_spelling_is_its_own_spelling_and_has_the_same_canonical_form(text in "\\PC{0,24}", fold in any::<bool>()) {
            let rules = IdentityRules { fold_case: fold, ..IdentityRules::default() };
            let once = spelling(&text, rules);
            prop_assert_eq!(&spelling(&once, rules), &once);
            let canonical = |text: &str| account(text, rules).map(|one| one.as_str().to_owned());
            prop_assert_eq!(canonical(&once), canonical(&text));
        }
    }
}
