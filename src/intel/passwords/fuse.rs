//! A binary fuse filter of three places and sixteen bits: a set of 64-bit keys in about 18 bits each, that never denies a
//! key which is in it, and says yes to one in 65,536 that are not. After Graf and Lemire, "Binary Fuse Filters: Fast and
//! Smaller Than Xor Filters" (2022, doi 10.1145/3510449).
//!
//! Why not a library: the filter lives in files that are older and newer than the program. `xorf`, the one that is kept,
//! promises nothing of its hash from release to release, writes numbers in the machine's own order, and reads a file's
//! numbers as they stand, so that a damaged one panics at the first look-up; what it would take to use it safely is as
//! long as this. Why sixteen bits: with eight, one customer in 256 would be told that a sound password leaked.
//!
//! Each key has three places, in three neighbouring segments, and a fingerprint that is the three places' exclusive or. To
//! build one, keys that are alone at some place are taken away until none is left; in the reverse order each can then set
//! the place that it had to itself.

/// Longest segment: what fits a second-level cache.
const LONGEST_SEGMENT: u32 = 1 << 18;
/// A seed fails once in a hundred or so; this many do not.
const SEEDS: u64 = 256;

/// Where the places of keys are. What is sound by [`Shape::is_sound`] never points outside of [`Shape::places`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub seed: u64,
    /// Places of a segment; a power of two.
    pub segment: u32,
    /// Segments in which a key's first place can be; there are two more.
    pub segments: u32,
}

impl Shape {
    /// For so many keys.
    fn of(keys: usize, seed: u64) -> Shape {
        let size = keys as f64;
        // Segment length and spare room are the paper's, found by experiment.
        let exponent = if keys > 1 { (size.ln() / 3.33f64.ln() + 2.25).floor() } else { 2.0 };
        let segment = (1u32 << (exponent as u32).min(18)).min(LONGEST_SEGMENT);
        let factor = if keys > 1 { (0.875 + 0.25 * 1e6f64.ln() / size.ln()).max(1.125) } else { 1.0 };
        let all = ((size * factor).round() as u64).div_ceil(u64::from(segment)).max(3) as u32;
        Shape { seed, segment, segments: all - 2 }
    }

    /// How many places there are.
    pub fn places(&self) -> usize {
        (self.segments as usize + 2) * self.segment as usize
    }

    /// Whether a file's numbers can be a shape of so many keys.
    pub fn is_sound(&self, keys: u64) -> bool {
        self.segment.is_power_of_two()
            && (4..=LONGEST_SEGMENT).contains(&self.segment)
            && (1..=1 << 24).contains(&self.segments)
            && keys <= self.places() as u64
    }

    fn hash(&self, key: u64) -> u64 {
        mix(key.wrapping_add(self.seed))
    }

    fn places_of(&self, hash: u64) -> [usize; 3] {
        let segment = u64::from(self.segment);
        let firsts = u128::from(segment * u64::from(self.segments));
        let first = ((u128::from(hash) * firsts) >> 64) as u64;
        let mask = segment - 1;
        let second = (first + segment) ^ (hash >> 18 & mask);
        let third = (first + 2 * segment) ^ (hash & mask);
        [first as usize, second as usize, third as usize]
    }

    /// Whether the key is in the filter with these fingerprints: always if it was put there, and else once in 65,536.
    pub fn contains(&self, fingerprints: &[u16], key: u64) -> bool {
        let hash = self.hash(key);
        let of = |place: usize| fingerprints.get(place).copied();
        let [first, second, third] = self.places_of(hash);
        match (of(first), of(second), of(third)) {
            (Some(first), Some(second), Some(third)) => first ^ second ^ third == fingerprint(hash),
            // A shape that does not fit its fingerprints; reading a file refuses it.
            _ => false,
        }
    }
}

fn fingerprint(hash: u64) -> u16 {
    (hash ^ hash >> 32) as u16
}

/// The finalizer of MurmurHash3: each bit of the key changes each bit of the hash half of the time.
fn mix(mut key: u64) -> u64 {
    key ^= key >> 33;
    key = key.wrapping_mul(0xff51_afd7_ed55_8ccd);
    key ^= key >> 33;
    key = key.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    key ^ key >> 33
}

/// Makes a filter of distinct keys. Takes 25 bytes a key while it works. `None` only if keys are not distinct: chance
/// alone fails on no list in the world's lifetime.
pub(super) fn build(keys: &[u64]) -> Option<(Shape, Vec<u16>)> {
    (0..SEEDS).find_map(|seed| {
        let shape = Shape::of(keys.len(), mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15)));
        let fingerprints = try_build(&shape, keys)?;
        // A place counts to 63 keys, and whoever makes lists might aim at one: what was built is what is asked for.
        keys.iter().all(|key| shape.contains(&fingerprints, *key)).then_some((shape, fingerprints))
    })
}

fn try_build(shape: &Shape, keys: &[u64]) -> Option<Vec<u16>> {
    // Of the keys at each place: how many, times four, and the exclusive or of which of their places it is; and of
    // their hashes.
    let mut counts = vec![0u8; shape.places()];
    let mut hashes = vec![0u64; shape.places()];
    for key in keys {
        let hash = shape.hash(*key);
        for (which, place) in shape.places_of(hash).into_iter().enumerate() {
            counts[place] = counts[place].wrapping_add(4) ^ which as u8;
            hashes[place] ^= hash;
        }
    }
    let mut alone: Vec<u32> = (0..shape.places() as u32).filter(|place| counts[*place as usize] >> 2 == 1).collect();
    let mut taken: Vec<(u64, u8)> = Vec::with_capacity(keys.len());
    while let Some(place) = alone.pop() {
        let place = place as usize;
        if counts[place] >> 2 != 1 {
            continue;
        }
        let hash = hashes[place];
        taken.push((hash, counts[place] & 3));
        for (which, place) in shape.places_of(hash).into_iter().enumerate() {
            counts[place] = counts[place].wrapping_sub(4) ^ which as u8;
            hashes[place] ^= hash;
            if counts[place] >> 2 == 1 {
                alone.push(place as u32);
            }
        }
    }
    if taken.len() != keys.len() {
        return None;
    }
    let mut fingerprints = vec![0u16; shape.places()];
    for (hash, which) in taken.into_iter().rev() {
        let places = shape.places_of(hash);
        // The place that the key had to itself is not set yet, and so counts for nothing.
        let others = places.iter().fold(0, |sum, place| sum ^ fingerprints[*place]);
        fingerprints[places[usize::from(which) % 3]] = fingerprint(hash) ^ others;
    }
    Some(fingerprints)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn keys(count: u64) -> Vec<u64> {
        (0..count).map(|number| mix(number ^ 0x5eed_5eed)).collect()
    }

    #[test]
    fn false_positives_are_one_in_65536_and_keys_take_nineteen_bits() {
        let keys = keys(200_000);
        let (shape, fingerprints) = build(&keys).unwrap();
        assert!(keys.iter().all(|key| shape.contains(&fingerprints, *key)));
        let bits = fingerprints.len() as f64 * 16.0 / keys.len() as f64;
        assert!(bits < 19.5, "{bits} bits a key");
        let tries = 4_000_000u64;
        let wrong = (0..tries).filter(|number| shape.contains(&fingerprints, mix(number ^ 0xdead << 40))).count();
        // 61 are expected; outside of five standard deviations it is no longer chance. The keys are the same each time.
        assert!((22..=100).contains(&wrong), "{wrong} of {tries} that are not there are found");
    }

    #[test]
    fn keys_that_are_not_distinct_are_refused_and_not_waited_for() {
        assert_eq!(build(&[7, 7]), None);
    }

    #[test]
    fn few_keys_and_none() {
        for count in 0..200 {
            let keys = keys(count);
            let (shape, fingerprints) = build(&keys).unwrap();
            assert_eq!(fingerprints.len(), shape.places());
            assert!(shape.is_sound(count), "{shape:?}");
            assert!(keys.iter().all(|key| shape.contains(&fingerprints, *key)), "{count} keys");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_put_in_is_found(keys in prop::collection::btree_set(any::<u64>(), 0..3000)) {
            let keys: Vec<u64> = keys.into_iter().collect();
            let (shape, fingerprints) = build(&keys).unwrap();
            prop_assert!(keys.iter().all(|key| shape.contains(&fingerprints, *key)));
        }

        #[test]
        fn neighbours_are_as_good_as_chance(start in any::<u64>(), step in 1u64..1000, count in 0u64..3000) {
            let keys: BTreeSet<u64> = (0..count).map(|number| start.wrapping_add(number * step)).collect();
            let keys: Vec<u64> = keys.into_iter().collect();
            let (shape, fingerprints) = build(&keys).unwrap();
            prop_assert!(keys.iter().all(|key| shape.contains(&fingerprints, *key)));
        }

        #[test]
        fn a_sound_shape_never_points_outside(
            seed in any::<u64>(), segment in 2u32..=18, segments in 1u32..=1 << 24, hash in any::<u64>(),
        ) {
            let shape = Shape { seed, segment: 1 << segment, segments };
            prop_assert!(shape.is_sound(0));
            prop_assert!(shape.places_of(hash).iter().all(|place| *place < shape.places()));
        }
    }
}
