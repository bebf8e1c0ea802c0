//! Names and the addresses made of them, and the passwords that people choose.
//!
//! Addresses look as addresses do: most are names with a separator, a year or a number; and no two accounts have the same,
//! for which a `twist` (how many people came before with the same address) adds digits as real providers propose them.
//! Passwords are a person's own: some have one that millions have, most a word with digits, some what a manager made. Which
//! it is follows from the person, so that an attacker who has it from a leak has the right one.

use super::chance::Chance;
use super::places::Place;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// First and last names of one locale.
pub struct Names {
    pub first: Vec<&'static str>,
    pub last: Vec<&'static str>,
}

/// The names of a locale, in ASCII.
pub fn of(locale: &str) -> Option<&'static Names> {
    static ALL: LazyLock<BTreeMap<&str, Names>> = LazyLock::new(|| {
        let text = include_str!("../../conf/data/simulate/names.tsv");
        let rows = text.split_once("\n\n").map_or("", |(_, rows)| rows).lines();
        let row = |row: &'static str| {
            let mut cells = row.split('\t');
            let locale = cells.next()?;
            let words = |cell: &'static str| cell.split(' ').collect::<Vec<_>>();
            let (first, last) = (words(cells.next()?), words(cells.next()?));
            Some((locale, Names { first, last }))
        };
        rows.filter_map(row).collect()
    });
    ALL.get(locale)
}

/// First and last name.
pub fn name(place: &Place, chance: &mut Chance) -> (&'static str, &'static str) {
    match of(place.names) {
        Some(names) => (*chance.pick(&names.first), *chance.pick(&names.last)),
        None => ("anna", "smith"),
    }
}

/// An e-mail address for that name; people with the same one differ by `twist`.
pub fn email(name: (&str, &str), place: &Place, twist: u8, chance: &mut Chance) -> String {
    let (first, last) = name;
    let initial = &first[..1];
    let year = chance.between(55, 105) % 100;
    let mut local = match chance.below(100) {
        0..=29 => format!("{first}.{last}"),
        30..=44 => format!("{first}{last}"),
        45..=54 => format!("{initial}.{last}"),
        55..=62 => format!("{initial}{last}{year:02}"),
        63..=74 => format!("{first}.{last}{year:02}"),
        75..=84 => format!("{first}{last}{}", chance.between(1, 999)),
        85..=90 => format!("{first}_{last}"),
        91..=94 => format!("{last}.{first}"),
        _ => format!("{first}{year:02}"),
    };
    let mail = Place::one(place.mail, chance);
    if twist > 0 {
        local += &chance.between(10, 9 * 10u64.pow(u32::from(twist.min(3)) + 1)).to_string();
    }
    format!("{local}@{mail}")
}

/// What millions have, by falling frequency: the heads of lists that everybody who sprays has.
pub const POPULAR: [&str; 60] = [
    "123456",
    "password",
    "123456789",
    "12345678",
    "12345",
    "qwerty",
    "123123",
    "111111",
    "abc123",
    "1234567",
    "password1",
    "1234567890",
    "qwerty123",
    "iloveyou",
    "000000",
    "1q2w3e4r",
    "monkey",
    "dragon",
    "letmein",
    "football",
    "welcome",
    "admin",
    "sunshine",
    "princess",
    "shadow",
    "superman",
    "michael",
    "master",
    "666666",
    "654321",
    "qwertyuiop",
    "password123",
    "1qaz2wsx",
    "baseball",
    "trustno1",
    "starwars",
    "whatever",
    "charlie",
    "freedom",
    "jordan",
    "hello123",
    "summer2026",
    "passw0rd",
    "zaq12wsx",
    "asdfghjkl",
    "liverpool",
    "chelsea",
    "arsenal",
    "pokemon",
    "computer",
    "Password1",
    "Welcome1",
    "Qwerty123",
    "P@ssw0rd",
    "Summer2026!",
    "Winter2026!",
    "Company123",
    "Changeme1",
    "Abcd1234",
    "Test1234",
];

const WORDS: [&str; 48] = [
    "sommer", "winter", "flower", "tiger", "schatz", "amour", "soleil", "hund", "katze", "lucky", "bella", "rocky",
    "simba", "luna", "max", "ginger", "buddy", "coffee", "guitar", "madrid", "london", "berlin", "paris", "milan",
    "barca", "juve", "benfica", "polska", "brasil", "bailando", "corazon", "familia", "kitty", "angel", "music",
    "garden", "ocean", "mountain", "purple", "orange", "silver", "golden", "thunder", "rainbow", "cookie", "pepper",
    "maggie", "bruno",
];

/// A password that a person chooses; `made` is by a password manager.
pub fn password(first: &str, made: bool, chance: &mut Chance) -> String {
    if made {
        return random_text(b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!#%&*+-_", 16, chance);
    }
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    match chance.below(100) {
        // Popular ones by rank: the first is twice as frequent as the second, and so on down to none.
        0..=3 => POPULAR[(POPULAR.len() as f64 * chance.unit() * chance.unit() * chance.unit()) as usize].to_owned(),
        4..=23 => format!("{first}{}", chance.between(1, 2026)),
        24..=43 => format!("{}{}", capital(chance.pick::<&str>(&WORDS)), chance.between(1, 99)),
        44..=58 => format!("{}{}!", capital(chance.pick::<&str>(&WORDS)), chance.between(1950, 2026)),
        59..=70 => format!("{}{}", chance.pick(&WORDS), chance.pick(&WORDS)),
        71..=82 => format!("{}.{}{}", first, chance.pick(&WORDS), chance.between(1, 99)),
        83..=92 => format!(
            "{}{:02}{:02}{}",
            capital(first),
            chance.between(1, 28),
            chance.between(1, 12),
            chance.between(50, 99)
        ),
        _ => random_text(b"abcdefghijklmnopqrstuvwxyz0123456789", 9, chance),
    }
}

/// What comes of a password under hurried fingers. Never the password itself.
pub fn mistyped(password: &str, chance: &mut Chance) -> String {
    let mut letters: Vec<char> = password.chars().collect();
    let at = chance.below(letters.len().max(1) as u64) as usize;
    match chance.below(6) {
        0 if letters.len() > 1 => {
            letters.remove(at);
        }
        1 if at + 1 < letters.len() && letters[at] != letters[at + 1] => letters.swap(at, at + 1),
        2 if letters.first().is_some_and(char::is_ascii_alphabetic) => letters[0] = flipped(letters[0]),
        3 if letters.iter().any(char::is_ascii_alphabetic) => {
            letters.iter_mut().for_each(|letter| *letter = flipped(*letter))
        }
        4 => letters.insert(at, char::from(chance.between(97, 122) as u8)),
        _ => letters.push(char::from(chance.between(48, 57) as u8)),
    }
    letters.into_iter().collect()
}

fn flipped(letter: char) -> char {
    if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
}

/// Letters of that alphabet.
pub fn random_text(alphabet: &[u8], length: usize, chance: &mut Chance) -> String {
    (0..length).map(|_| char::from(*chance.pick(alphabet))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::places::PLACES;

    #[test]
    fn a_mistyped_password_is_another_one() {
        let mut chance = Chance::of(3, "test", [0, 0]);
        for _ in 0..5_000 {
            let made = chance.hit(0.3);
            let password = password("anna", made, &mut chance);
            assert!(password.len() >= 4, "{password}");
            assert_ne!(mistyped(&password, &mut chance), password);
        }
        assert_ne!(mistyped("1", &mut chance), "1");
    }

    #[test]
    fn addresses_are_addresses_and_few_have_long_numbers() {
        let mut chance = Chance::of(4, "test", [0, 0]);
        let mut long = 0;
        for round in 0..5_000 {
            let place = &PLACES[round % PLACES.len()];
            let address = email(name(place, &mut chance), place, 0, &mut chance);
            let (local, domain) = address.split_once('@').unwrap();
            assert!(local.is_ascii() && local.len() >= 3 && local.len() <= 40 && domain.contains('.'), "{address}");
            long += usize::from(local.bytes().filter(u8::is_ascii_digit).count() > 3);
        }
        assert_eq!(long, 0);
    }

    #[test]
    fn some_passwords_are_popular_and_the_first_most() {
        let mut chance = Chance::of(5, "test", [0, 0]);
        let all: Vec<String> = (0..50_000).map(|_| password("anna", false, &mut chance)).collect();
        let count = |word: &str| all.iter().filter(|password| *password == word).count();
        assert!(count(POPULAR[0]) > count(POPULAR[20]), "{} {}", count(POPULAR[0]), count(POPULAR[20]));
        assert!(count(POPULAR[0]) > 100 && count(POPULAR[0]) < 1_500, "{}", count(POPULAR[0]));
    }
}
