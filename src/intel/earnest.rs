//! Whether the local part of an address looks as if somebody meant to be written to.
//!
//! Who only wants past a form hits the keys in a row, one key many times, or writes `test`, `asdf`, something obscene. None of
//! that is a crime and all of it is seldom an address that somebody gives to a shop. Only whole words count: a list that looks
//! for letters inside words finds filth in Scunthorpe, Essex and Dickinson, and those live there. For the same reason the
//! list is short and has no word that is also somebody's name (no `dick`, no `fick`).

use crate::engine::attempt::Weakness;

/// More of a local part is not looked at.
const MOST: usize = 64;

const ROWS: [&str; 9] = [
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz2wsx3edc",
];
/// So many keys in a row are no word of any language.
const LEAST_WALK: usize = 5;

/// The whole local part, its numbers and separators aside. Sorted.
const PLACEHOLDERS: [&str; 44] = [
    "anon",
    "anonym",
    "anonymous",
    "asd",
    "asda",
    "asdasd",
    "asdf",
    "blabla",
    "blah",
    "donotreply",
    "dummy",
    "dummyemail",
    "email",
    "fake",
    "fakeaccount",
    "fakeemail",
    "fakemail",
    "foo",
    "foobar",
    "idontcare",
    "junk",
    "junkmail",
    "myemail",
    "noemail",
    "nomail",
    "none",
    "noone",
    "noreply",
    "nospam",
    "nothanks",
    "notreal",
    "null",
    "qwe",
    "qweqwe",
    "random",
    "spam",
    "spamme",
    "temp",
    "tempmail",
    "test",
    "testaccount",
    "tester",
    "testing",
    "testtest",
];

/// Sorted.
const PROFANITIES: [&str; 64] = [
    "arschloch",
    "arsehole",
    "asshole",
    "bitch",
    "bitches",
    "blowjob",
    "bollocks",
    "buceta",
    "bullshit",
    "cabron",
    "caralho",
    "cazzo",
    "cocksucker",
    "connard",
    "cunt",
    "dickhead",
    "dildo",
    "encule",
    "faggot",
    "ficken",
    "fotze",
    "fuck",
    "fuckass",
    "fucked",
    "fucker",
    "fuckface",
    "fucking",
    "fuckme",
    "fuckoff",
    "fucku",
    "fuckyou",
    "goddamn",
    "hitler",
    "hurensohn",
    "jizz",
    "klootzak",
    "kurwa",
    "merde",
    "mierda",
    "motherfucker",
    "neuken",
    "nigga",
    "nigger",
    "nutte",
    "orospu",
    "pendejo",
    "penis",
    "pizda",
    "porn",
    "pussy",
    "putain",
    "salope",
    "scheisse",
    "schlampe",
    "shit",
    "shithead",
    "slut",
    "stronzo",
    "twat",
    "vaffanculo",
    "vagina",
    "wanker",
    "whore",
    "wichser",
];

/// What speaks against it, if anything does.
pub fn weakness(local: &str) -> Option<Weakness> {
    let lower: String = local.chars().take(MOST).map(|character| character.to_ascii_lowercase()).collect();
    let letters: String = lower.chars().filter(char::is_ascii_alphabetic).collect();
    if PLACEHOLDERS.binary_search(&&*letters).is_ok() {
        return Some(Weakness::Placeholder);
    }
    let plain: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    if is_walk(&plain) || is_walk(&letters) {
        return Some(Weakness::Keyboard);
    }
    if is_repetition(&letters) {
        return Some(Weakness::Repetition);
    }
    let profane = |word: &str| PROFANITIES.binary_search(&word).is_ok();
    // As it is written, and in l33t: both times whole words.
    let written = lower.split(|character: char| !character.is_ascii_alphabetic()).any(profane);
    let meant = || {
        lower.split(['.', '_', '-', '+']).any(|word| {
            let word: String =
                word.trim_end_matches(|character: char| character.is_ascii_digit()).chars().map(unleet).collect();
            profane(&word)
        })
    };
    (written || meant()).then_some(Weakness::Profanity)
}

/// Nothing but keys that lie side by side, in either direction.
fn is_walk(text: &str) -> bool {
    if text.len() < LEAST_WALK {
        return false;
    }
    let back: String = text.chars().rev().collect();
    ROWS.iter().any(|row| row.contains(text) || row.contains(&*back))
}

/// One letter at least four times, or two or three at least three times, and nothing else.
fn is_repetition(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=3).any(|unit| {
        let least = if unit == 1 { 4 } else { 3 * unit };
        bytes.len() >= least && bytes.iter().skip(unit).zip(bytes).all(|(later, earlier)| later == earlier)
    })
}

fn unleet(character: char) -> char {
    match character {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tables_are_sorted_for_the_search() {
        assert!(PLACEHOLDERS.is_sorted(), "{PLACEHOLDERS:?}");
        let mut sorted = PROFANITIES;
        sorted.sort_unstable();
        assert_eq!(PROFANITIES, sorted);
    }

    #[test]
    fn what_nobody_means_to_be_written_to_at() {
        for (local, expected) in [
            ("asdfgh", Weakness::Keyboard),
            ("qwertz123", Weakness::Keyboard),
            ("poiuyt", Weakness::Keyboard),
            ("1qaz2wsx", Weakness::Keyboard),
            ("aaaaaa", Weakness::Repetition),
            ("xx.xx.xx.1", Weakness::Repetition),
            ("lolololol", Weakness::Repetition),
            ("test", Weakness::Placeholder),
            ("test123", Weakness::Placeholder),
            ("no.reply", Weakness::Placeholder),
            ("fuck.you", Weakness::Profanity),
            ("sh1thead", Weakness::Profanity),
            ("sh1t", Weakness::Profanity),
            ("putain99", Weakness::Profanity),
            ("der_arschloch", Weakness::Profanity),
        ] {
            assert_eq!(weakness(local), Some(expected), "{local}");
        }
    }

    #[test]
    fn innocent_names_and_places_are_not() {
        for local in [
            "scunthorpe",
            "essex.girl",
            "emily.dickinson",
            "j.assange",
            "penistone.fc",
            "dick.vandyke",
            "h.cocks",
            "matthias.fick",
            "shitake.mushrooms",
            "shittu.bola",
            "mishit",
            "cassandra",
            "hancock",
            "analyst1",
            "titus",
            "nigel.niger",
            "cumberland",
            "sussex",
            "middlesex",
            "wang.kok",
            "testa.maria",
            "tester.hans",
            "annanna",
            "bobby",
            "lala",
            "otto",
            "power.tools",
            "tyrone",
            "1234567",
            "",
            "\u{7528}\u{6237}",
        ] {
            assert_eq!(weakness(local), None, "{local}");
        }
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "\\PC{0,300}") {
            let _ = weakness(&text);
        }

        #[test]
        fn inside_a_longer_word_nothing_is_found(before in "[b-d]{1,3}", word in prop::sample::select(PROFANITIES.to_vec())) {
            let inside = format!("{before}{word}{before}");
            prop_assume!(PROFANITIES.binary_search(&&*inside).is_err());
            prop_assert_eq!(weakness(&inside), None);
        }
    }
}
