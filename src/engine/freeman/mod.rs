//! Whose login is this: the statistical model of Freeman et al. (NDSS 2016, equation 7), as evaluated by Wiefling et al.
//! (ACM TOPS 2022, doi 10.1145/3546069).
//!
//! It asks how likely an attempt's values (address, User-Agent) are among everybody's logins, and how likely among the
//! account's own; the quotient says how much better a stranger explains the attempt than the owner. Each value has a
//! hierarchy below it (address → network → country; User-Agent → browser → system → kind of device), so that a new address
//! in the usual network is less strange than one abroad. The model was chosen because it is published, was measured on 33
//! million logins of 3.3 million people, and says more than "new device".
//!
//! The reference is the authors' public implementation (das-group/rba-algorithm, MIT), edge cases included: fixtures hold
//! its numbers, and `tests/freeman/expected.py` shows how they were made. What it computes is less than it seems, because
//! most of its conditional likelihoods are 0 or 1; [`Feature`] says what remains. So the score needs a dozen numbers and no
//! history: who counts them, exactly ([`history`]) or with bounds and decay, is another's business.

pub mod history;
pub mod live;

/// The weights of the levels, highest first, as the authors fitted them to their data: address, network, country.
pub const ADDRESS: [f64; 3] = [0.6, 0.3, 0.1];
/// User-Agent, browser with version, system with version, kind of device.
pub const AGENT: [f64; 4] = [0.5386653840551359, 0.2680451498625666, 0.18818295100109536, 0.0051065150812021525];

/// What was counted about one value of the attempt and the levels below it. Counts may be decayed, so they are not whole.
#[derive(Clone, Copy, Debug)]
pub struct Feature<'c> {
    /// Of each level, the value itself first.
    pub weights: &'c [f64],
    /// Everybody's logins with the attempt's value of each level.
    pub all: &'c [f64],
    /// The account's own.
    pub own: &'c [f64],
    /// How many different values of the lower levels everybody's logins show, summed over these levels.
    pub distinct_below: f64,
    /// Likewise among the logins with this very value. Zero if nobody showed it.
    pub distinct_beside: f64,
}

impl Feature<'_> {
    /// The likelihood of the value among everybody's logins. Only the value itself is smoothed, by as many unseen values as
    /// there are known ones below it, and one.
    fn among_all(&self, logins: f64) -> f64 {
        let mut likelihood = 0.0;
        for (level, (weight, count)) in self.weights.iter().zip(self.all).enumerate() {
            likelihood += weight
                * match level {
                    0 if *count > 0.0 => {
                        let beside = count / (count + self.distinct_beside + 1.0);
                        beside * count / (logins + self.distinct_below + 1.0)
                    }
                    0 => 1.0 / (logins + self.distinct_below + 1.0),
                    _ => count / logins,
                };
        }
        likelihood
    }

    /// The likelihood of the value among the account's own logins; never smoothed.
    fn among_own(&self, logins: f64) -> f64 {
        self.weights.iter().zip(self.own).map(|(weight, count)| weight * count / logins).sum()
    }
}

/// Whose logins were counted.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    /// Everybody's logins before this one.
    pub logins: f64,
    /// How many accounts they were on.
    pub accounts: f64,
    /// The account's own logins before this one: more than zero, or there is nothing to compare with.
    pub own_logins: f64,
}

/// How much better a stranger explains the attempt than the owner: about 1 where both explain it as well, in (0, ∞).
/// Meaningful by its order, not its size.
pub fn score(population: &Population, features: &[Feature<'_>]) -> f64 {
    let Population { logins, accounts, own_logins } = *population;
    let mut score = 1.0;
    for feature in features {
        let all = feature.among_all(logins);
        let own = match feature.among_own(own_logins) {
            // Nothing of it was ever the owner's. Smoothing would call it harmless where it is rare everywhere.
            0.0 => all / 4.0,
            own => own,
        };
        score *= all / own;
    }
    // All accounts are attacked alike; the busy ones are likelier to sign in.
    score * (1.0 / accounts) / (own_logins / logins)
}

#[cfg(test)]
mod tests {
    use super::history::{History, Login};
    use std::collections::HashMap;

    fn login(account: &str, address: [&str; 3], agent: [&str; 4]) -> Login {
        Login::of(account.as_bytes(), address.map(str::as_bytes), agent.map(str::as_bytes))
    }

    fn fixture(name: &str) -> String {
        let path = format!("{}/tests/fixtures/freeman/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn three_histories_score_as_the_authors_implementation_scores_them() {
        for name in ["ordinary", "shared", "edges"] {
            let expected = fixture(&format!("{name}.expected.csv"));
            let mut expected: HashMap<u64, f64> = expected
                .lines()
                .skip(1)
                .map(|line| line.split_once(',').unwrap())
                .map(|(index, score)| (index.parse().unwrap(), score.parse().unwrap()))
                .collect();
            let mut history = History::default();
            let mut worst: f64 = 0.0;
            for line in fixture(&format!("{name}.csv")).lines().skip(1) {
                let cells: Vec<&str> = quoted(line);
                let &[index, _, user, _, ip, country, _, _, asn, agent, browser, system, device, succeeded, _, _] =
                    &cells[..]
                else {
                    panic!("{line}")
                };
                if succeeded != "True" {
                    continue;
                }
                let login = login(user, [ip, asn, country], [agent, browser, system, device]);
                let expected = expected.remove(&index.parse().unwrap());
                match (history.score(&login), expected) {
                    (None, None) => {}
                    (Some(score), Some(expected)) => worst = worst.max((score / expected - 1.0).abs()),
                    (score, expected) => panic!("{name} {index}: {score:?} instead of {expected:?}"),
                }
                history.add(&login);
            }
            assert!(expected.is_empty(), "{name}: never scored: {expected:?}");
            assert!(worst < 1e-9, "{name}: {worst:e}");
        }
    }

    /// The fixtures' cells: a quoted one holds no quote.
    fn quoted(line: &str) -> Vec<&str> {
        let mut cells = Vec::new();
        let mut rest = line;
        loop {
            let (cell, after) = match rest.strip_prefix('"') {
                Some(inner) => {
                    let (cell, after) = inner.split_once('"').unwrap();
                    (cell, after.strip_prefix(','))
                }
                None => rest.split_once(',').map_or((rest, None), |(cell, after)| (cell, Some(after))),
            };
            cells.push(cell);
            match after {
                Some(after) => rest = after,
                None => return cells,
            }
        }
    }

    #[test]
    fn the_owner_at_home_scores_below_the_owner_abroad_and_a_stranger_above_both() {
        let mut history = History::default();
        let home =
            login("anna", ["192.0.2.1", "3320", "DE"], ["Firefox 120 on Windows", "Firefox 120", "Windows", "desktop"]);
        let other = login("bob", ["198.51.100.1", "9009", "GB"], ["Chrome 9 on Linux", "Chrome 9", "Linux", "desktop"]);
        for _ in 0..20 {
            history.add(&home);
            history.add(&other);
        }
        let of = |ip, agent| history.score(&login("anna", ip, agent)).unwrap();
        let at_home = history.score(&home).unwrap();
        let abroad = of(["203.0.113.1", "2119", "NO"], ["Firefox 120 on Windows", "Firefox 120", "Windows", "desktop"]);
        let stranger = of(["198.51.100.1", "9009", "GB"], ["Chrome 9 on Linux", "Chrome 9", "Linux", "desktop"]);
        assert!(at_home < abroad && abroad < stranger, "{at_home} {abroad} {stranger}");
        assert_eq!(history.score(&login("nobody", ["", "", ""], ["", "", "", ""])), None);
    }
}
