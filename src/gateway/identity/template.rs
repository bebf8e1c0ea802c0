//! What an e-mail address is made up of. Who registers by the thousand makes addresses by a rule: a word and five digits at one
//! provider. So what varies between them is taken out, and what is left is counted.
//!
//! Separators are taken out because rules put them in by chance; how many digits there are stays in, because rules have a
//! number of them, and people's years and house numbers have one, two, three or four. Letters that look thrown are one thing,
//! `?`, whatever their run of letters and digits: they never come out alike, and are alike all the same.
//!
//! What is counted is compared with how frequent it is among people ([`Template::share`]). The shares are by judgement, since
//! nobody publishes how addresses are made: nearly half are letters alone, a quarter ends in the two digits of a year, and
//! long numbers are rare. A share that is wrong by a half is allowed for where they are used.

use crate::intel::providers;

/// Below this an address counts as thrown where it is counted, and one in thirty of people's does.
const THROWN: f64 = 4.0;
/// Of people's addresses below it.
const THROWN_SHARE: f64 = 0.05;

/// More of a local part is not looked at.
const MOST: usize = 64;

/// What an address is made up of.
pub struct Template {
    /// `LD2@mail.example` for `jane.doe84@mail.example`.
    pub text: String,
    /// Of the addresses that people have at a provider, the share that is made up so. `None` where people do not choose them:
    /// at companies, at schools, and where addresses are telephone numbers.
    pub share: Option<f64>,
}

/// Runs of letters as `L`, of digits as `D` and their number, all else as `X`; separators, dots and everything from a `+` on
/// left out; the provider as it is. `None` without a mailbox or a provider. `likelihood` as [`crate::intel::likelihood`] has it.
pub fn template(address: &str, likelihood: Option<f64>) -> Option<Template> {
    let (local, domain) = address.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty())?;
    let mailbox = local.split('+').next().unwrap_or_default();
    let thrown = likelihood.is_some_and(|likelihood| likelihood < THROWN);
    let runs = if thrown { "?".to_owned() } else { runs(mailbox) };
    let share = match () {
        // Thrown letters are nobody's rule.
        () if thrown => Some(THROWN_SHARE),
        () if !providers::takes_everybody(domain) => None,
        () if providers::gives_numbers(domain) && runs.starts_with('D') => None,
        () => Some(share(&runs)),
    };
    Some(Template { text: format!("{runs}@{domain}"), share })
}

fn runs(mailbox: &str) -> String {
    let mut template = String::with_capacity(8);
    let mut digits = 0usize;
    let end = |template: &mut String, digits: &mut usize| {
        if *digits > 0 {
            // Seven and more are telephone numbers, of whatever length.
            template.push(char::from_digit(u32::try_from(*digits).unwrap_or(7).min(7), 10).unwrap_or('7'));
            *digits = 0;
        }
    };
    for character in mailbox.chars().take(MOST) {
        let class = match character {
            character if character.is_numeric() => 'D',
            '.' | '_' | '-' => continue,
            character if character.is_alphabetic() => 'L',
            _ => 'X',
        };
        if class != 'D' {
            end(&mut template, &mut digits);
        } else {
            digits += 1;
        }
        if !template.ends_with(class) {
            template.push(class);
        }
    }
    end(&mut template, &mut digits);
    template
}

fn share(runs: &str) -> f64 {
    match runs {
        "L" => 0.44,
        "LD2" => 0.27,
        "LD4" => 0.10,
        "LD3" => 0.07,
        "LD1" => 0.05,
        "LD5" | "LD6" => 0.012,
        "LD7" => 0.01,
        _ => 0.008,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_that_are_made_alike_are_one() {
        for (address, expected) in [
            ("john.smith84@mail.example", Some("LD2@mail.example")),
            ("johnsmith41@mail.example", Some("LD2@mail.example")),
            ("jane_doe-7+shop@mail.example", Some("LD1@mail.example")),
            ("anna03719@mail.example", Some("LD5@mail.example")),
            ("anna.1984.12@mail.example", Some("LD6@mail.example")),
            ("4917012345678@mail.example", Some("D7@mail.example")),
            ("a1b2c3@mail.example", Some("LD1LD1LD1@mail.example")),
            ("j\u{fc}rgen@mail.example", Some("L@mail.example")),
            ("o'hara@mail.example", Some("LXL@mail.example")),
            ("\"a@b\"@mail.example", Some("XLXLX@mail.example")),
            ("+tag@mail.example", Some("@mail.example")),
            ("@mail.example", None),
            ("john", None),
            ("", None),
        ] {
            assert_eq!(template(address, Some(9.0)).map(|made| made.text).as_deref(), expected, "{address}");
            assert_eq!(template(address, None).map(|made| made.text).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn what_was_thrown_is_one_thing_at_every_provider() {
        for address in ["x7k2m9qp@gmail.com", "qzxkvjwp@gmail.com"] {
            let made = template(address, Some(-20.0)).unwrap();
            assert_eq!((&*made.text, made.share), ("?@gmail.com", Some(THROWN_SHARE)));
        }
        assert_eq!(template("qzxkvjwp@corp.example", Some(-20.0)).unwrap().share, Some(THROWN_SHARE));
    }

    #[test]
    fn shares_are_known_where_people_choose() {
        let share = |address: &str| template(address, Some(9.0)).unwrap().share;
        assert_eq!(share("john.smith84@gmail.com"), Some(0.27));
        assert_eq!(share("john.smith@corp.example"), None, "a company makes them all alike");
        assert_eq!(share("s1234567@uni.example"), None, "and so does a university");
        assert_eq!(share("123456789@qq.com"), None, "numbers that were given out");
        let all: f64 = ["L", "LD1", "LD2", "LD3", "LD4", "LD5", "LD6", "LD7"].into_iter().map(super::share).sum();
        assert!((0.9..1.0).contains(&all), "{all}");
    }

    proptest! {
        #[test]
        fn any_address_has_a_short_one(text in "\\PC{0,200}") {
            if let Some(made) = template(&text, None) {
                let runs = made.text.rsplit_once('@').unwrap().0;
                prop_assert!(runs.len() <= 2 * MOST, "{}", made.text);
            }
        }
    }
}
