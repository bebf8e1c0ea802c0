//! Chance that comes out the same on every machine: a specified generator (PCG XSL 128/64 MCG), seeded by name.
//!
//! Nobody owns one long stream of random numbers, because then a change to one actor would move all others. Whoever decides
//! something draws from a stream of its own, named by what it is about: `Chance::of(seed, "person", [17, 0])` is the same
//! numbers whenever and in whatever order it is asked for, so that nothing about a hundred thousand people needs to be kept.
//! Distributions are written out here and call libm's logarithm and cosine instead of the platform's, whose last digits
//! differ.

use rand_core::Rng;
use rand_pcg::Pcg64Mcg;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

/// A stream of random numbers.
#[derive(Clone)]
pub struct Chance(Pcg64Mcg);

/// A number that is always the same for the same name.
pub fn number(seed: u64, name: &str, about: [u64; 2]) -> u64 {
    state(seed, name, about) as u64
}

fn state(seed: u64, name: &str, about: [u64; 2]) -> u128 {
    let mut hasher = SipHasher24::new_with_keys(seed, 0x746f_6c6c_6761_7465);
    hasher.write(name.as_bytes());
    hasher.write(&about[0].to_le_bytes());
    hasher.write(&about[1].to_le_bytes());
    hasher.finish128().as_u128()
}

impl Chance {
    /// The stream of that name, about one or two things.
    pub fn of(seed: u64, name: &str, about: [u64; 2]) -> Chance {
        Chance(Pcg64Mcg::new(state(seed, name, about)))
    }

    pub fn draw(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From 0 up to, and without, `end`; 0 if there is nothing below.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(end)) >> 64) as u64
    }

    /// From `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// In [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn hit(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of them; the caller's list is not empty.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// The place of one of them, by their weights; 0 if none has any.
    pub fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let mut left = self.unit() * weights.clone().sum::<f64>();
        let mut last = 0;
        for (place, weight) in weights.enumerate() {
            if weight > 0.0 {
                last = place;
                if left < weight {
                    break;
                }
            }
            left -= weight;
        }
        last
    }

    /// The time to the next of events that come independently, in the unit of `mean`.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -libm::log(1.0 - self.unit()) * mean
    }

    /// Around a median, with a spread in powers of e (log-normal): what people take for things, and what things cost.
    pub fn around(&mut self, median: f64, spread: f64) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        median * libm::exp(spread * radius * libm::cos(std::f64::consts::TAU * self.unit()))
    }

    /// How many of independent events happen when `mean` are expected (Knuth; the mean is at most a few hundred).
    pub fn poisson(&mut self, mean: f64) -> u32 {
        let (floor, mut product, mut count) = (libm::exp(-mean), self.unit(), 0);
        while product > floor {
            product *= self.unit();
            count += 1;
        }
        count
    }

    /// A whole number with that mean.
    pub fn whole(&mut self, mean: f64) -> u64 {
        let floor = libm::floor(mean.max(0.0));
        floor as u64 + u64::from(self.hit(mean - floor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_their_names_and_do_not_change_with_versions() {
        assert_eq!(Chance::of(1, "a", [2, 3]).draw(), Chance::of(1, "a", [2, 3]).draw());
        assert_ne!(Chance::of(1, "a", [2, 3]).draw(), Chance::of(1, "a", [3, 2]).draw());
        assert_ne!(Chance::of(1, "a", [2, 3]).draw(), Chance::of(2, "a", [2, 3]).draw());
    }

    #[test]
    fn distributions_have_their_means() {
        let mut chance = Chance::of(7, "test", [0, 0]);
        let mut mean =
            |draw: &mut dyn FnMut(&mut Chance) -> f64| (0..20_000).map(|_| draw(&mut chance)).sum::<f64>() / 2e4;
        assert!((mean(&mut Chance::unit) - 0.5).abs() < 0.01);
        assert!((mean(&mut |chance| chance.exponential(3.0)) - 3.0).abs() < 0.1);
        assert!((mean(&mut |chance| f64::from(chance.poisson(0.4))) - 0.4).abs() < 0.02);
        assert!((mean(&mut |chance| chance.whole(2.25) as f64) - 2.25).abs() < 0.02);
        assert!((mean(&mut |chance| chance.below(10) as f64) - 4.5).abs() < 0.1);
        assert!((mean(&mut |chance| chance.weighted([1.0, 0.0, 3.0].into_iter()) as f64) - 1.5).abs() < 0.03);
        assert!((mean(&mut |chance| chance.around(10.0, 0.1)) - 10.05).abs() < 0.1);
    }
}
