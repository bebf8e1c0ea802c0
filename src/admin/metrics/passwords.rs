//! Where the passwords of attempts were found among leaked ones. How many customers use such a password is worth knowing
//! before a rule is made of it.

use super::{Error, Family, IntCounter, Metrics, table};

/// The gateway's words for it.
const FOUND: [&str; 5] = ["common", "file", "range", "nowhere", "unknown"];

#[derive(Debug)]
pub(super) struct Passwords {
    /// By place in [`FOUND`].
    found: [IntCounter; FOUND.len()],
}

impl Passwords {
    pub(super) fn new(of: &Family<'_>) -> Result<Passwords, Error> {
        let found = of.counters(table::PASSWORDS)?;
        Ok(Passwords { found: FOUND.map(|word| found.with_label_values(&[word])) })
    }
}

impl Metrics {
    /// An attempt's password was found there; other words are not counted.
    pub fn password(&self, found: &'static str) {
        if let Some(place) = FOUND.iter().position(|known| *known == found) {
            self.passwords.found[place].inc();
        }
    }
}
