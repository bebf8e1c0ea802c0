//! What traffic is made: how many accounts, how much of what a day, and which attacks with which share.
//!
//! The default is fixed, so that figures of two versions, or of two gates, are about the same traffic. Whoever protects
//! something else writes another mix: every key is optional, and `simulate --print-mix` prints one to begin with. Shares are
//! in percent, because that is how such figures are read aloud.

use super::attackers::{ATTACKERS, Attacker, Of};
use crate::engine::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A mix that was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    pub accounts: u32,
    pub days: u32,
    /// Midnight, UTC.
    pub start: Timestamp,
    pub per_day: PerDay,
    /// How often innocents do not get in at the first try, of 1.
    pub first_try_failure: f64,
    /// By row of [`ATTACKERS`], of 1: of all attempts, or of those of its event.
    pub shares: [f64; ATTACKERS.len()],
}

/// Attempts a day, those of attackers included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PerDay {
    pub logins: f64,
    pub registrations: f64,
    pub resets: f64,
    pub checkouts: f64,
}

impl Default for PerDay {
    fn default() -> PerDay {
        PerDay { logins: 60_000.0, registrations: 2_000.0, resets: 1_500.0, checkouts: 4_000.0 }
    }
}

/// What the file says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    accounts: u32,
    days: u32,
    start: String,
    per_day: PerDay,
    first_try_failure: f64,
    attacks: BTreeMap<String, f64>,
}

impl Default for File {
    fn default() -> File {
        File {
            accounts: 100_000,
            days: 14,
            start: "2026-11-02".to_owned(),
            per_day: PerDay::default(),
            first_try_failure: 8.0,
            attacks: BTreeMap::new(),
        }
    }
}

/// Accounts at most: what is kept of each takes a few bytes.
const MOST_ACCOUNTS: u32 = 50_000_000;
const MOST_DAYS: u32 = 3_660;

impl Default for Mix {
    #[expect(clippy::expect_used, reason = "the default is written here, and a test reads it")]
    fn default() -> Mix {
        Mix::of(&File::default()).expect("the default mix is sound")
    }
}

impl Mix {
    /// Reads a mix; what it does not say is as in the default. Errors name the line or the key, the value, and what may be
    /// written.
    pub fn read(text: &str) -> Result<Mix, String> {
        let file = match text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            true => File::default(),
            false => yaml_serde::from_str(text).map_err(|error| error.to_string())?,
        };
        Mix::of(&file)
    }

    fn of(file: &File) -> Result<Mix, String> {
        let within = |key: &str, value: f64, least: f64, most: f64| match (least..=most).contains(&value) {
            true => Ok(value),
            false => Err(format!("`{key}` is {value}: write a number from {least} to {most}")),
        };
        within("accounts", f64::from(file.accounts), 10.0, f64::from(MOST_ACCOUNTS))?;
        within("days", f64::from(file.days), 1.0, f64::from(MOST_DAYS))?;
        let PerDay { logins, registrations, resets, checkouts } = file.per_day;
        for (key, value) in
            [("logins", logins), ("registrations", registrations), ("resets", resets), ("checkouts", checkouts)]
        {
            within(&format!("per_day.{key}"), value, 0.0, 1e9)?;
        }
        let start = Timestamp::parse(&format!("{}T00:00:00Z", file.start))
            .ok_or_else(|| format!("`start` is `{}`: write a day, as 2026-11-02", file.start))?;
        let mut shares = ATTACKERS.map(|attacker| attacker.share / 100.0);
        for (name, share) in &file.attacks {
            let place = ATTACKERS.iter().position(|attacker| attacker.name == *name).ok_or_else(|| {
                let known = ATTACKERS.map(|attacker| attacker.name).join("`, `");
                format!("`attacks` names `{name}`, which nobody plays; there are `{known}`")
            })?;
            shares[place] = within(&format!("attacks.{name}"), *share, 0.0, 100.0)? / 100.0;
        }
        let first_try_failure = within("first_try_failure", file.first_try_failure, 0.0, 60.0)? / 100.0;
        let mix =
            Mix { accounts: file.accounts, days: file.days, start, per_day: file.per_day, first_try_failure, shares };
        for (what, event, total) in [
            ("logins", Of::All, logins),
            ("registrations", Of::Registrations, registrations),
            ("resets", Of::Resets, resets),
            ("checkouts", Of::Checkouts, checkouts),
        ] {
            let attacks: f64 = ATTACKERS.iter().filter(|row| row.of == event).map(|row| mix.quota_a_day(row)).sum();
            if attacks > total {
                return Err(format!(
                    "`attacks` on {what} are {attacks:.0} a day, and `per_day.{what}` are {total:.0}, attacks included: \
                     write smaller shares, or more {what}"
                ));
            }
        }
        mix.bounded()
    }

    /// Who registers is kept like who is there from the beginning.
    fn bounded(self) -> Result<Mix, String> {
        let people = f64::from(self.accounts) + self.per_day.registrations * f64::from(self.days);
        match people <= f64::from(MOST_ACCOUNTS) {
            true => Ok(self),
            false => Err(format!(
                "{} accounts and {:.0} registrations a day for {} days are more than {MOST_ACCOUNTS}: write fewer",
                self.accounts, self.per_day.registrations, self.days
            )),
        }
    }

    /// As YAML with a comment for each attack; what [`read`](Mix::read) reads.
    pub fn print(&self) -> String {
        let percent = |share: f64| (share * 100.0 * 1e6).round() / 1e6;
        let PerDay { logins, registrations, resets, checkouts } = self.per_day;
        let mut text = format!(
            "accounts: {}                # that exist when it begins\ndays: {}\nstart: {}             # a day, UTC\n\
             per_day:                       # attempts a day on average, attacks included\n  logins: {logins}\n  \
             registrations: {registrations}\n  resets: {resets}\n  checkouts: {checkouts}\n\
             first_try_failure: {}           # percent of innocents' logins\nattacks:                       # percent\n",
            self.accounts,
            self.days,
            &self.start.to_string()[..10],
            percent(self.first_try_failure)
        );
        for (attacker, share) in ATTACKERS.iter().zip(self.shares) {
            let line = format!("  {}: {}", attacker.name, percent(share));
            text += &format!("{line:<35}# of {}\n", attacker.of.words());
        }
        text
    }

    /// The same for so many accounts, with as many attempts of each account.
    pub fn scaled(mut self, accounts: u32) -> Result<Mix, String> {
        if !(10..=MOST_ACCOUNTS).contains(&accounts) {
            return Err(format!("{accounts}: write a number from 10 to {MOST_ACCOUNTS}"));
        }
        let factor = f64::from(accounts) / f64::from(self.accounts);
        let PerDay { logins, registrations, resets, checkouts } = &mut self.per_day;
        [logins, registrations, resets, checkouts].into_iter().for_each(|number| *number *= factor);
        self.accounts = accounts;
        self.bounded()
    }

    /// The same for so many days.
    pub fn lasting(self, days: u32) -> Result<Mix, String> {
        match (1..=MOST_DAYS).contains(&days) {
            true => Mix { days, ..self }.bounded(),
            false => Err(format!("{days}: write a number from 1 to {MOST_DAYS}")),
        }
    }

    /// All attempts a day.
    pub fn attempts_a_day(&self) -> f64 {
        let PerDay { logins, registrations, resets, checkouts } = self.per_day;
        logins + registrations + resets + checkouts
    }

    /// Attempts of one attacker a day.
    pub fn quota_a_day(&self, attacker: &Attacker) -> f64 {
        let of = match attacker.of {
            Of::All => self.attempts_a_day(),
            Of::Registrations => self.per_day.registrations,
            Of::Resets => self.per_day.resets,
            Of::Checkouts => self.per_day.checkouts,
        };
        let place = ATTACKERS.iter().position(|row| row.name == attacker.name);
        place.map_or(0.0, |place| self.shares[place] * of)
    }

    /// Attempts of innocents a day.
    pub fn innocent(&self) -> PerDay {
        let attacks =
            |of: Of| ATTACKERS.iter().filter(|row| row.of == of).map(|row| self.quota_a_day(row)).sum::<f64>();
        PerDay {
            logins: self.per_day.logins - attacks(Of::All),
            registrations: self.per_day.registrations - attacks(Of::Registrations),
            resets: self.per_day.resets - attacks(Of::Resets),
            checkouts: self.per_day.checkouts - attacks(Of::Checkouts),
        }
    }

    /// Milliseconds from the first to the end.
    pub fn end(&self) -> u64 {
        self.start.0 + u64::from(self.days) * 86_400_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(mix: &Mix, names: &[&str]) -> f64 {
        let rows =
            ATTACKERS.iter().zip(mix.shares).filter(|(row, _)| names.iter().any(|name| row.name.starts_with(name)));
        (rows.map(|(_, share)| share).sum::<f64>() * 1e6).round() / 1e4
    }

    #[test]
    fn the_default_is_the_fixed_one() {
        let mix = Mix::default();
        assert_eq!((mix.accounts, mix.days, mix.first_try_failure), (100_000, 14, 0.08));
        assert_eq!(mix.attempts_a_day(), 67_500.0);
        for (names, percent) in [
            (&["bulk_stuffing"][..], 6.0),
            (&["rotating_proxies"], 4.0),
            (&["low_and_slow"], 5.0),
            (&["spraying"], 1.0),
            (&["brute_force"], 1.0),
            (&["takeover"], 0.2),
            (&["takeover_vpn"], 0.05),
            (&["fake_registration"], 30.0),
            (&["reset_flood"], 10.0),
            (&["card_testing"], 8.0),
            (&["scripted", "crawler"], 1.0),
        ] {
            assert_eq!(share(&mix, names), percent, "{names:?}");
        }
    }

    #[test]
    fn what_is_printed_is_read() {
        let mut mix = Mix::default();
        assert_eq!(Mix::read(&mix.print()), Ok(mix.clone()));
        mix.accounts = 500;
        mix.days = 3;
        mix.per_day.logins = 12_345.5;
        mix.shares[0] = 0.125;
        assert_eq!(Mix::read(&mix.print()), Ok(mix));
        assert_eq!(Mix::read("# nothing\n\n"), Ok(Mix::default()));
        assert_eq!(Mix::read("accounts: 7000").map(|mix| (mix.accounts, mix.days)), Ok((7000, 14)));
    }

    #[test]
    fn what_cannot_be_is_told_with_its_key_and_value() {
        for (text, said) in [
            ("acounts: 5", "unknown field `acounts`"),
            ("days: 3660\nper_day: { registrations: 1000000, logins: 1000000 }", "are more than 50000000: write fewer"),
            ("accounts: 5", "`accounts` is 5: write a number from 10 to"),
            ("start: 2026-02-30", "`start` is `2026-02-30`: write a day"),
            ("attacks: { stuffing: 3 }", "`attacks` names `stuffing`, which nobody plays; there are `bulk_stuffing`"),
            ("attacks: { spraying: 101 }", "`attacks.spraying` is 101: write a number from 0 to 100"),
            ("attacks: { bulk_stuffing: 90 }", "`attacks` on logins are"),
            ("per_day: { resets: -1 }", "`per_day.resets` is -1"),
            ("accounts: many", "accounts: invalid type: string \"many\""),
        ] {
            let complaint = Mix::read(text).unwrap_err();
            assert!(complaint.contains(said), "{complaint}");
        }
    }
}
