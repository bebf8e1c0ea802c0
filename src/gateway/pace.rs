//! How the attempts of one sender follow each other: the gaps between them, remembered on this gate.
//!
//! A sender is a network with one set of headers: whoever works through a list from one machine is one sender whatever
//! accounts and cookies it uses, and people behind one address with the same browser are one crowd, whose arrivals are as
//! irregular as chance. Kept of each are the last time, and mean and variance of the gaps, all of them equally at first and the
//! late ones most from the sixteenth on.
//!
//! It is kept per process and not in the store. A regular beat is regular on every gate that sees its share of it, and what a
//! shared store would add is a second's worth of precision for a write more; a restart loses nothing that twelve more
//! attempts do not bring back. Memory is bounded: so many senders, the one that was quiet longest makes room, and how often
//! that happened is counted.

use crate::engine::attempt::{Attempt, Network, Pace, Pseudonym};
use crate::engine::time::Timestamp;
use ahash::RandomState;
use lru::LruCache;
use parking_lot::Mutex;
use std::num::NonZeroUsize;

const SHARDS: usize = 16;
/// Some 100 bytes each: 6.5 MB in all.
const SENDERS_PER_SHARD: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// What comes sooner after the last attempt is the same attempt, sent twice, or an impatient finger, which is regular, too.
const SHORTEST_MS: u64 = 2_000;
/// What comes later begins anew.
const LONGEST_MS: u64 = 3_600_000;
/// So many gaps count as the past; older ones fade.
const MEMORY: u32 = 16;

/// The senders that this gate saw lately.
pub struct Paces {
    hasher: RandomState,
    shards: [Mutex<LruCache<u64, Beat, RandomState>>; SHARDS],
}

/// One sender.
#[derive(Clone, Copy, Debug)]
struct Beat {
    last: Timestamp,
    gaps: u32,
    /// Milliseconds.
    mean: f64,
    variance: f64,
    account: Option<Pseudonym>,
    several: bool,
}

impl Default for Paces {
    fn default() -> Paces {
        let hasher = RandomState::new();
        let shard = || Mutex::new(LruCache::with_hasher(SENDERS_PER_SHARD, hasher.clone()));
        Paces { shards: std::array::from_fn(|_| shard()), hasher }
    }
}

impl std::fmt::Debug for Paces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Paces").finish_non_exhaustive()
    }
}

impl Paces {
    /// Notes an attempt, and says how those of its sender follow each other; and whether another sender was forgotten for it.
    pub fn note(
        &self,
        network: Network,
        fingerprint: u64,
        account: Option<Pseudonym>,
        at: Timestamp,
    ) -> (Option<Pace>, bool) {
        let key = self.hasher.hash_one((network, fingerprint));
        // The map uses the hash's other bits.
        let mut shard = self.shards[(key >> 32) as usize % SHARDS].lock();
        if let Some(beat) = shard.get_mut(&key) {
            beat.note(account, at);
            return (beat.pace(), false);
        }
        let fresh = Beat { last: at, gaps: 0, mean: 0.0, variance: 0.0, account, several: false };
        let displaced = shard.push(key, fresh);
        (None, displaced.is_some())
    }

    /// Notes a whole attempt, and writes into it how those of its sender follow each other.
    pub fn note_attempt(&self, attempt: &mut Attempt) -> bool {
        let (network, fingerprint) = (attempt.client.network, attempt.device.fingerprint);
        let (pace, forgotten) = self.note(network, fingerprint, attempt.identity.account, attempt.at);
        attempt.device.pace = pace;
        forgotten
    }
}

impl Beat {
    fn note(&mut self, account: Option<Pseudonym>, at: Timestamp) {
        let gap = at.0.saturating_sub(self.last.0);
        if gap < SHORTEST_MS {
            return;
        }
        if gap > LONGEST_MS {
            *self = Beat { last: at, gaps: 0, mean: 0.0, variance: 0.0, account, several: false };
            return;
        }
        self.last = at;
        self.several |= account != self.account;
        self.gaps = self.gaps.saturating_add(1);
        // Mean and variance with a weight of 1/n for the n-th, and of 1/16 once there are so many: Welford's method, then its
        // exponentially weighted counterpart (T. Finch, 2009).
        let weight = 1.0 / f64::from(self.gaps.min(MEMORY));
        let distance = gap as f64 - self.mean;
        self.mean += weight * distance;
        self.variance = (1.0 - weight) * (self.variance + weight * distance * distance);
    }

    fn pace(&self) -> Option<Pace> {
        (self.gaps >= 2).then(|| Pace {
            gaps: self.gaps,
            mean: self.mean / 1000.0,
            variation: self.variance.sqrt() / self.mean,
            several: self.several,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::IpAddr;

    const START: u64 = 1_795_309_323_000;

    fn network(number: u32) -> Network {
        Network::from(IpAddr::from(number.to_be_bytes()))
    }

    fn account(number: u8) -> Option<Pseudonym> {
        Some(Pseudonym([number; 16]))
    }

    /// What is said after attempts with these gaps, in milliseconds.
    fn after(gaps: impl IntoIterator<Item = u64>) -> Option<Pace> {
        let paces = Paces::default();
        let mut at = START;
        let mut said = paces.note(network(1), 7, account(1), Timestamp(at)).0;
        for gap in gaps {
            at += gap;
            said = paces.note(network(1), 7, account(1), Timestamp(at)).0;
        }
        said
    }

    #[test]
    fn a_clock_has_no_variation_and_a_crowd_has() {
        let clock = after([30_000; 20]).unwrap();
        assert_eq!((clock.gaps, clock.mean, clock.variation), (20, 30.0, 0.0));
        // Arrivals by chance: gaps as an exponential distribution has them, at its quantiles.
        let chance = (1..200u64).map(|k| (-60_000.0 * (1.0 - (k * 37 % 200) as f64 / 200.0).ln()) as u64);
        let crowd = after(chance.filter(|gap| *gap >= SHORTEST_MS)).unwrap();
        assert!(crowd.variation > 0.5, "{crowd:?}");
    }

    #[test]
    fn mean_and_variance_are_those_of_the_gaps() {
        let gaps = [20_000u64, 30_000, 25_000, 45_000, 10_000];
        let mean = gaps.iter().sum::<u64>() as f64 / 5.0;
        let variance = gaps.iter().map(|gap| (*gap as f64 - mean).powi(2)).sum::<f64>() / 5.0;
        let said = after(gaps).unwrap();
        assert!((said.mean - mean / 1000.0).abs() < 1e-9 && (said.variation - variance.sqrt() / mean).abs() < 1e-9);
    }

    #[test]
    fn the_past_fades() {
        let said = after([[20_000, 90_000].repeat(10), vec![30_000; 120]].concat()).unwrap();
        assert!(said.variation < 0.05 && (said.mean - 30.0).abs() < 0.1, "{said:?}");
    }

    #[test]
    fn a_form_that_is_sent_twice_is_one_beat_and_a_long_silence_begins_anew() {
        assert_eq!(after([30_000, 40, 29_960, 500, 29_500]).unwrap().variation, 0.0);
        assert_eq!(after([10; 50]), None);
        assert_eq!(after([30_000, 30_000, 30_000, LONGEST_MS + 1, 30_000]), None);
        // A clock that goes backwards says nothing.
        let paces = Paces::default();
        paces.note(network(1), 7, None, Timestamp(START));
        assert_eq!(paces.note(network(1), 7, None, Timestamp(START - 60_000)), (None, false));
    }

    #[test]
    fn senders_are_networks_with_their_software() {
        let paces = Paces::default();
        let note = |from, print, whose, at| paces.note(network(from), print, account(whose), Timestamp(START + at)).0;
        for beat in 0..5 {
            note(1, 7, 1, beat * 30_000);
            assert_eq!(note(2, 7, 1, beat * 7_777_777), None, "another network");
        }
        assert_eq!(note(1, 8, 1, 150_000), None, "other software");
        assert!(!note(1, 7, 1, 150_000).unwrap().several);
        assert!(note(1, 7, 2, 180_000).unwrap().several);
    }

    #[test]
    fn senders_are_bounded_and_the_quiet_ones_make_room() {
        let paces = Paces::default();
        let most = (SHARDS * SENDERS_PER_SHARD.get()) as u32;
        let forgotten = (0..2 * most).filter(|from| paces.note(network(*from), 0, None, Timestamp(START)).1).count();
        let kept: usize = paces.shards.iter().map(|shard| shard.lock().len()).sum();
        assert!(kept <= most as usize && kept + forgotten == 2 * most as usize);
    }

    proptest! {
        #[test]
        fn any_gaps_have_a_mean_within_them(gaps in prop::collection::vec(SHORTEST_MS..LONGEST_MS, 2..100)) {
            let said = after(gaps.iter().copied()).unwrap();
            let (least, most) = (*gaps.iter().min().unwrap() as f64, *gaps.iter().max().unwrap() as f64);
            prop_assert!(said.mean * 1000.0 >= least - 1.0 && said.mean * 1000.0 <= most + 1.0);
            prop_assert!(said.variation.is_finite() && said.variation >= 0.0);
        }
    }
}
