//! Ten thousand addresses of ordinary names, from some seventy languages, as real a list as can be had without anybody's: what the
//! e-mail signals make of them, and of letters that were thrown.

use super::{IdentityKey, Keys, PasswordKey, composition, email, problem};
use crate::config::settings::IdentityRules;
use crate::engine::assessment::{Model, assess};
use crate::engine::attempt::Email;
use crate::engine::fixture;
use crate::intel::{Intel, providers};
use crate::simulate::chance::Chance;
use crate::simulate::names::random_text;
use std::collections::BTreeMap;

const SIGNALS: [&str; 4] = ["generated_email", "low_quality_email", "disposable_email_domain", "invalid_email"];

/// How many fire each of the signals, and any, who register one by one.
fn firing<'a>(addresses: impl Iterator<Item = &'a str>) -> (usize, BTreeMap<&'static str, usize>, usize) {
    let keys = Keys::new(&IdentityKey::new([1; 32]), &PasswordKey::new([2; 32]));
    let intel = Intel::load(&Default::default(), &[], &|_, _| None).unwrap();
    let model = Model::default();
    let mut evidence = fixture::registration();
    let (mut all, mut any, mut by) = (0, 0, BTreeMap::new());
    for typed in addresses {
        let address = email(typed, IdentityRules::default()).unwrap();
        evidence.attempt.identity.email = Some(Email {
            problem: problem(typed, address.domain()),
            disposable: intel.disposable(address.domain()),
            relay: providers::relay(address.domain()),
            composition: composition(typed, &address, &keys).map(Box::new),
            ..fixture::email(address.domain())
        });
        let assessment = assess(&evidence, &model);
        let fired: Vec<&str> = assessment.fired.names().filter(|name| SIGNALS.contains(name)).collect();
        all += 1;
        any += usize::from(!fired.is_empty());
        for name in SIGNALS.into_iter().filter(|name| fired.contains(name)) {
            *by.entry(name).or_insert(0) += 1;
        }
    }
    (any, by, all)
}

#[test]
fn innocents_of_seventy_languages_fire_less_than_one_in_a_hundred() {
    let file = include_str!("../../../tests/fixtures/email/people.txt");
    let (any, by, all) = firing(file.lines().filter(|line| !line.starts_with('#')));
    assert_eq!(all, 10_000);
    assert!(any <= 100, "{any} of 10,000: {by:?}");
    // What asks them for a proof of work by itself.
    assert!(by.get("generated_email").copied().unwrap_or(0) <= 15, "{by:?}");
    assert!(!by.contains_key("disposable_email_domain") && !by.contains_key("invalid_email"), "{by:?}");
}

#[test]
fn thrown_letters_fire_nineteen_times_in_twenty() {
    let mut chance = Chance::of(11, "test", [0, 0]);
    let mut thrown = |alphabet: &[u8]| -> Vec<String> {
        let length = |chance: &mut Chance| chance.between(8, 14) as usize;
        (0..2_000)
            .map(|_| {
                let length = length(&mut chance);
                format!("{}@gmail.com", random_text(alphabet, length, &mut chance))
            })
            .collect()
    };
    for (alphabet, least) in [
        (&b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789"[..], 0.95),
        (b"abcdefghijklmnopqrstuvwxyz0123456789", 0.95),
        (b"abcdefghijklmnopqrstuvwxyz", 0.85),
    ] {
        let addresses = thrown(alphabet);
        let (_, by, all) = firing(addresses.iter().map(String::as_str));
        let share = by["generated_email"] as f64 / all as f64;
        assert!(share >= least, "{share} of {} letters", alphabet.len());
    }
}
