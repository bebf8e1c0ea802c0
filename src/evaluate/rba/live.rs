//! What the bounds and the decay of the live form change: the same logins and the same thieves, scored by both.
//!
//! The model's scores mean something by their order, so order is what is compared: how alike the two rank owners' logins
//! (Spearman's coefficient, of a fair sample), and how often each ranks a thief above an owner (the area). The worst
//! relative difference stands beside them for who wonders how far apart two scores can be; it may be large and harmless,
//! where both say "not the owner".

use super::figure::{ATTACKERS, Histogram, Played};
use crate::engine::attempt::{AttemptId, Pseudonym};
use crate::engine::freeman::history;
use crate::engine::freeman::live::Live;
use crate::engine::ownership::{LEVELS, Login, Traits, Whence};
use crate::engine::time::Timestamp;

/// Logins of the sample.
const SAMPLE: usize = 100_000;

/// See the module.
#[derive(Default)]
pub struct Beside {
    live: Live,
    owners: Histogram,
    thieves: [Histogram; ATTACKERS.len()],
    worst: f64,
    /// Exact and live scores of a fair sample of owners' logins.
    sample: Vec<(f64, f64)>,
    scored: u64,
    added: u64,
    /// Advances by a constant, and is mixed when it is asked: the same file gives the same sample.
    state: u64,
}

/// What came of it.
pub struct Compared {
    /// Owners' logins that both scored.
    pub logins: u64,
    pub spearman: Option<f64>,
    /// Of each attacker: how often a thief is above an owner.
    pub areas: [Option<f64>; ATTACKERS.len()],
    pub worst: f64,
}

impl Beside {
    /// A login with its exact score, before it is counted, and the thieves that were played beside it.
    pub fn add(&mut self, login: &history::Login, at: Timestamp, exact: f64, thieves: &Played) {
        let Some(score) = self.live.score(&told(login, at, self.added)) else { return };
        self.owners.add(score);
        self.worst = self.worst.max((score / exact - 1.0).abs());
        self.scored += 1;
        match self.sample.len() < SAMPLE {
            true => self.sample.push((exact, score)),
            false => {
                // Each login so far is in the sample with the same chance (Vitter 1985, algorithm R).
                let place = super::figure::random(&mut self.state) % self.scored;
                if let Some(old) = self.sample.get_mut(place as usize) {
                    *old = (exact, score);
                }
            }
        }
        for (histogram, thief) in self.thieves.iter_mut().zip(thieves) {
            if let Some(score) = thief.as_ref().and_then(|thief| self.live.score(&told(thief, at, self.added))) {
                histogram.add(score);
            }
        }
    }

    /// Counts a login.
    pub fn learn(&mut self, login: &history::Login, at: Timestamp) {
        self.live.add(&told(login, at, self.added));
        self.added += 1;
    }

    pub fn compared(&self) -> Compared {
        let areas = std::array::from_fn(|place| self.thieves[place].area_above(&self.owners));
        Compared { logins: self.scored, spearman: spearman(&self.sample), areas, worst: self.worst }
    }
}

/// As the live form is told it.
fn told(login: &history::Login, at: Timestamp, number: u64) -> Login {
    let mut account = [0; 16];
    account[..8].copy_from_slice(&login.account().to_ne_bytes());
    let shown = login.levels();
    // Equal texts of two levels are two values there.
    let values: [u64; LEVELS] =
        std::array::from_fn(|level| shown[level].rotate_left(7 * level as u32 + 1) ^ (level as u64 + 1));
    let shows = Traits { values, from: Whence::default(), device: values[3], device_is_proof: false };
    Login { id: AttemptId(number.into()), account: Pseudonym(account), at, shows }
}

/// How alike two numbers rank: 1 the same, −1 the reverse. `None` of fewer than two, and where one of them is always the same.
fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    let ranks = |of: fn(&(f64, f64)) -> f64| {
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by(|a, b| of(&pairs[*a]).total_cmp(&of(&pairs[*b])));
        let mut ranks = vec![0.0; pairs.len()];
        let mut from = 0;
        while from < order.len() {
            let value = of(&pairs[order[from]]);
            let ties = order[from..].iter().take_while(|place| of(&pairs[**place]) == value).count();
            // Who is equal shares the middle of their ranks.
            let rank = from as f64 + (ties as f64 - 1.0) / 2.0;
            order[from..from + ties].iter().for_each(|place| ranks[*place] = rank);
            from += ties;
        }
        ranks
    };
    let (exact, live) = (ranks(|pair| pair.0), ranks(|pair| pair.1));
    let middle = (pairs.len() as f64 - 1.0) / 2.0;
    let of = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum::<f64>();
    let scale = (of(&exact, &exact) * of(&live, &live)).sqrt();
    (scale > 0.0).then(|| of(&exact, &live) / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_compared_with_ties_in_the_middle() {
        assert_eq!(spearman(&[(1.0, 10.0), (2.0, 20.0), (3.0, 21.0)]), Some(1.0));
        assert_eq!(spearman(&[(1.0, 9.0), (2.0, 5.0), (3.0, 1.0)]), Some(-1.0));
        // Ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3: Pearson's coefficient of these.
        let tied = spearman(&[(1.0, 1.0), (2.0, 2.0), (2.0, 3.0), (4.0, 4.0)]).unwrap();
        assert!((tied - 4.5 / (4.5_f64 * 5.0).sqrt()).abs() < 1e-12, "{tied}");
        assert_eq!(spearman(&[(1.0, 1.0)]), None);
    }

    #[test]
    fn within_a_day_both_are_the_same() {
        let (mut history, mut beside) = (history::History::default(), Beside::default());
        let at = Timestamp(1_790_000_000_000);
        for number in 0..200_u32 {
            let text = |modulus: u32| (number % modulus).to_string();
            let texts = [text(7), text(13), text(5), text(3), text(11), text(4), text(2)];
            let of = |place: usize| texts[place].as_bytes();
            let login = history::Login::of(text(20).as_bytes(), [of(0), of(1), of(2)], [of(3), of(4), of(5), of(6)]);
            if let Some(exact) = history.score(&login) {
                beside.add(&login, at, exact, &[Some(login), None, None]);
            }
            beside.learn(&login, at);
            history.add(&login);
        }
        let compared = beside.compared();
        assert_eq!(compared.logins, 180);
        assert!(compared.worst < 1e-5, "{}", compared.worst);
        assert!(compared.spearman.unwrap() > 0.999_9);
        assert_eq!(compared.areas, [Some(0.5), None, None], "a thief who is the owner is told by nothing");
    }
}
