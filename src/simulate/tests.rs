//! The traffic as a whole: its shares, its order, its truth, and that it is the same each time.

use super::attackers::{ATTACKERS, Of};
use super::{Mix, Simulation};
use crate::attempt_file::{Attempts, LabelledAttempt};
use crate::engine::event::Event;
use crate::engine::outcome::Outcome;
use crate::engine::time::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

/// The default mix for a fiftieth of the accounts: 18,900 attempts in 14 days.
fn small() -> Mix {
    Mix::default().scaled(2_000).unwrap()
}

static TRAFFIC: LazyLock<Vec<LabelledAttempt<'static>>> = LazyLock::new(|| Simulation::new(small(), 11).collect());

fn written(attempts: impl Iterator<Item = LabelledAttempt<'static>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    attempts.for_each(|attempt| attempt.write(&mut bytes).unwrap());
    bytes
}

#[test]
fn the_same_seed_is_the_same_bytes_and_another_is_others() {
    let mix = || Mix::default().scaled(300).unwrap().lasting(3).unwrap();
    let bytes = written(Simulation::new(mix(), 5));
    assert_eq!(bytes, written(Simulation::new(mix(), 5)));
    assert_ne!(bytes, written(Simulation::new(mix(), 6)));
    // Of a known run: changes with the generator, the data or an actor, and must not with the machine.
    let digest: String = Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        digest, "720fc163e1a99c27",
        "figures of earlier versions are about other traffic: say so in CHANGELOG.md"
    );
}

#[test]
fn every_attempt_is_well_formed_and_in_time_order() {
    // The reader demands order, and knows every key.
    let bytes = written(TRAFFIC.iter().cloned());
    let read: Vec<LabelledAttempt<'static>> = Attempts::new("made", &bytes[..]).collect::<Result<_, _>>().unwrap();
    assert_eq!(read, *TRAFFIC);
    let mix = small();
    let known: BTreeSet<&str> = ATTACKERS.iter().map(|attacker| attacker.name).collect();
    for attempt in &*TRAFFIC {
        assert!(attempt.at >= mix.start && attempt.at < Timestamp(mix.end()), "{attempt:?}");
        assert!(attempt.is_innocent() || known.contains(attempt.label.as_ref()), "{attempt:?}");
        assert!(attempt.actor.is_some() && attempt.persona.is_some(), "{attempt:?}");
        assert!(attempt.headers.len() >= 4 && attempt.header("user-agent").is_some(), "{attempt:?}");
        let fields = &attempt.fields;
        match attempt.event {
            Event::Login => assert!(fields.password.is_some() || attempt.label == "crawler", "{attempt:?}"),
            Event::Register => assert!(fields.email.is_some() && fields.password.is_some(), "{attempt:?}"),
            Event::Reset => assert!(fields.account.is_some() && fields.password.is_none(), "{attempt:?}"),
            Event::Checkout => assert!(fields.amount.is_some_and(|amount| amount > 0.0) && fields.card_bin.is_some()),
            _ => panic!("no event of the mix: {attempt:?}"),
        }
    }
}

/// How many attempts pass a test.
fn count(test: impl Fn(&LabelledAttempt<'_>) -> bool) -> f64 {
    TRAFFIC.iter().filter(|attempt| test(attempt)).count() as f64
}

#[test]
fn shares_are_those_of_the_mix() {
    let mix = small();
    let days = f64::from(mix.days);
    for attacker in &ATTACKERS {
        let made = count(|attempt| attempt.label == attacker.name);
        let wanted = (mix.quota_a_day(attacker) * days).round();
        assert_eq!(made, wanted, "{} makes what the mix says, to the attempt", attacker.name);
        let place = ATTACKERS.iter().position(|row| row.name == attacker.name).unwrap();
        let of = match attacker.of {
            Of::All => TRAFFIC.len() as f64,
            Of::Registrations => count(|attempt| attempt.event == Event::Register),
            Of::Resets => count(|attempt| attempt.event == Event::Reset),
            Of::Checkouts => count(|attempt| attempt.event == Event::Checkout),
        };
        let (share, wanted) = (made / of, mix.shares[place]);
        assert!((share / wanted - 1.0).abs() < 0.12, "{}: {share} instead of {wanted}", attacker.name);
    }
    for (event, a_day, tolerance) in [
        (Event::Login, mix.per_day.logins, 0.03),
        (Event::Register, mix.per_day.registrations, 0.1),
        (Event::Reset, mix.per_day.resets, 0.12),
        (Event::Checkout, mix.per_day.checkouts, 0.06),
    ] {
        let made = count(|attempt| attempt.event == event) / days;
        assert!((made / a_day - 1.0).abs() < tolerance, "{event}: {made} a day instead of {a_day}");
    }
}

#[test]
fn innocents_fail_at_the_first_try_as_often_as_the_mix_says() {
    let (mut first, mut failed) = (0.0, 0.0);
    let mut last: HashMap<&str, Timestamp> = HashMap::new();
    for attempt in TRAFFIC.iter().filter(|attempt| attempt.is_innocent()) {
        let before = last.insert(attempt.actor.as_deref().unwrap(), attempt.at);
        let begins = before.is_none_or(|before| attempt.at.since(before).as_secs() > 3_600);
        if begins && attempt.event == Event::Login {
            first += 1.0;
            failed += f64::from(u8::from(attempt.outcome == Outcome::Failed));
        }
    }
    let share = failed / first;
    assert!((share - 0.08).abs() < 0.012, "{share} of {first}");
}

/// An account opens to one password at a time, which changes only after its owner asked for a new one.
#[test]
fn outcomes_agree_with_each_other() {
    let mut right: HashMap<String, &str> = HashMap::new();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    let mut thefts = 0;
    for attempt in &*TRAFFIC {
        let Some(account) = attempt.fields.account.as_deref().map(|name| name.trim().to_lowercase()) else { continue };
        match (&attempt.event, attempt.outcome) {
            (Event::Reset, _) if attempt.is_innocent() => drop(asked.insert(account)),
            (Event::Login, outcome) => {
                let password = attempt.fields.password.as_deref().unwrap_or_default();
                let known = right.get(&account).copied();
                if outcome == Outcome::Succeeded {
                    let same = known.is_none_or(|known| known == password) || asked.remove(&account);
                    assert!(same, "{attempt:?} gets in with another password than its owner");
                    thefts += u32::from(!attempt.is_innocent());
                    right.insert(account, password);
                } else {
                    assert_ne!(known, Some(password), "{attempt:?} is refused with the right password");
                }
            }
            _ => {}
        }
    }
    assert!(right.len() > 500 && thefts > 30, "{} accounts, {thefts} thefts", right.len());
}

#[test]
fn attackers_do_what_their_names_say() {
    let of = |label: &'static str| TRAFFIC.iter().filter(move |attempt| attempt.label == label);
    let successes = |label| of(label).filter(|attempt| attempt.outcome == Outcome::Succeeded).count() as f64;
    let share = |label| successes(label) / of(label).count() as f64;
    for takeover in ["takeover_naive", "takeover_vpn", "takeover_targeted", "takeover_very_targeted"] {
        assert_eq!(share(takeover), 1.0, "{takeover} has the right password");
    }
    for stuffing in ["bulk_stuffing", "rotating_proxies", "low_and_slow"] {
        assert!(share(stuffing) < 0.03, "{stuffing}: most leaked pairs are somebody else's, {}", share(stuffing));
    }
    assert_eq!(share("crawler"), 0.0);
    // One attempt per address and account in 48 hours.
    let mut last: HashMap<String, Timestamp> = HashMap::new();
    for attempt in of("low_and_slow") {
        for key in [attempt.ip.to_string(), attempt.fields.account.clone().unwrap().into_owned()] {
            let before = last.insert(key, attempt.at);
            let hours = before.map(|before| attempt.at.since(before).as_secs() / 3_600);
            assert!(hours.is_none_or(|hours| hours >= 48), "{attempt:?}: {hours:?} hours after");
        }
    }
    // One to three attempts in a row from each proxy; another campaign may have the same one.
    let mut rows: Vec<(_, _, u32)> = Vec::new();
    for attempt in of("rotating_proxies") {
        let actor = attempt.actor.as_deref();
        match rows.iter_mut().rev().find(|(campaign, ..)| *campaign == actor) {
            Some((_, ip, times)) if *ip == attempt.ip => *times += 1,
            _ => rows.push((actor, attempt.ip, 1)),
        }
    }
    assert!(rows.iter().all(|(.., times)| *times <= 3) && rows.len() > 300, "{}", rows.len());
    let victims: BTreeSet<_> = of("brute_force").map(|attempt| &attempt.fields.account).collect();
    assert!(victims.len() <= 2, "one account a campaign: {}", victims.len());
}

#[test]
fn innocents_are_who_they_are() {
    let innocents = || TRAFFIC.iter().filter(|attempt| attempt.is_innocent() && attempt.event == Event::Login);
    // Cookies come with most attempts, and not with all.
    let (with, all) = (innocents().filter(|attempt| attempt.device.is_some()).count(), innocents().count());
    assert!((0.75..0.98).contains(&(with as f64 / all as f64)), "{with} of {all}");
    // Offices share an address, families a device.
    let mut people: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut devices: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for attempt in innocents() {
        let actor = attempt.actor.as_deref().unwrap();
        people.entry(attempt.ip.to_string()).or_default().insert(actor);
        devices.entry(attempt.device.as_deref().unwrap_or_default()).or_default().insert(actor);
    }
    devices.remove("");
    assert!(people.values().any(|people| people.len() > 15));
    assert!(devices.values().filter(|people| people.len() > 1).count() > 5);
    assert!(innocents().any(|attempt| attempt.ip.is_ipv6()));
    let agents: BTreeSet<_> = innocents().map(|attempt| attempt.header("user-agent")).collect();
    assert!(agents.len() > 40, "{}", agents.len());
}

#[test]
fn what_waits_does_not_grow_with_the_days() {
    let most = |days| {
        let mut simulation = Simulation::new(Mix::default().scaled(500).unwrap().lasting(days).unwrap(), 3);
        let mut most = 0;
        while simulation.next().is_some() {
            most = most.max(simulation.waiting());
        }
        most
    };
    let (short, long) = (most(3), most(12));
    assert!(long < short * 2, "{long} after 12 days, {short} after 3");
}
