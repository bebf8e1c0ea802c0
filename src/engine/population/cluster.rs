//! People who have a tool in common, and a bounded table of such clusters.
//!
//! Most fingerprints of a day are of a few people each, and an attacker can make one for each attempt. So when the table is
//! full, the quarter of which least is left goes: what was seen once, long ago, before what is seen all the time. A cluster
//! of an active campaign never goes.

use super::look::Class;
use super::tally::{Cusum, Recent, Tally, left};
use super::watch::{FAST, HALF};
use crate::engine::time::Timestamp;
use std::collections::BTreeMap;

/// A cluster with this share of all that fails is a campaign of its own beside the strangers'.
const CONCENTRATED: f64 = 1.0 / 3.0;
/// Persons that a cluster tells apart.
const TOLD_APART: usize = 64;

#[derive(Clone, Debug)]
pub(super) struct Cluster {
    at: Timestamp,
    /// By [`Class::place`].
    pub classes: [Tally; Class::COUNT],
    /// People who did not get in, halving in [`FAST`].
    pub failing: f64,
    pub rises: Cusum,
    pub calms: Cusum,
    pub recent: Recent,
    pub is_campaign: bool,
    /// Classes that are members, by place.
    pub members: [bool; Class::COUNT],
}

impl Cluster {
    fn new(at: Timestamp) -> Cluster {
        Cluster {
            at,
            classes: Default::default(),
            failing: 0.0,
            rises: Cusum::default(),
            calms: Cusum::default(),
            recent: Recent::new(TOLD_APART),
            is_campaign: false,
            members: [false; Class::COUNT],
        }
    }

    pub fn advance(&mut self, at: Timestamp) {
        let passed = at.since(self.at);
        self.at = self.at.max(at);
        let slow = left(passed, HALF);
        self.classes.iter_mut().for_each(|tally| tally.fade(slow));
        self.failing *= left(passed, FAST);
    }

    pub fn all(&self) -> Tally {
        self.classes.iter().fold(Tally::default(), |sum, tally| sum.plus(*tally))
    }

    /// A campaign from now on; what it did so far: its people, and those who failed lately.
    pub fn begin(&mut self) -> ([Tally; Class::COUNT], f64) {
        self.is_campaign = true;
        self.calms = Cusum::default();
        (self.classes, self.failing)
    }

    /// Whether much of what fails, of so many lately, is its own.
    pub fn is_concentrated(&self, all: f64) -> bool {
        self.failing >= 5.0 && self.failing >= CONCENTRATED * all
    }

    /// Back at its level: as if only these had come.
    pub fn settle(&mut self, honest: [f64; Class::COUNT]) {
        for (tally, honest) in self.classes.iter_mut().zip(honest) {
            tally.people = tally.people.min(honest).max(tally.succeeded);
        }
        self.rises = Cusum::default();
        self.calms = Cusum::default();
        self.is_campaign = false;
        self.members = [false; Class::COUNT];
    }
}

#[derive(Debug)]
pub(super) struct Clusters<K> {
    known: BTreeMap<K, Cluster>,
    most: usize,
    pub dropped: u64,
}

impl<K: Copy + Ord> Clusters<K> {
    pub fn new(most: usize) -> Clusters<K> {
        Clusters { known: BTreeMap::new(), most, dropped: 0 }
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn find(&self, key: &K) -> Option<&Cluster> {
        self.known.get(key)
    }

    pub fn find_mut(&mut self, key: &K) -> Option<&mut Cluster> {
        self.known.get_mut(key)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut Cluster)> {
        self.known.iter_mut()
    }

    /// The cluster of now.
    pub fn at(&mut self, key: K, at: Timestamp) -> &mut Cluster {
        if self.known.len() >= self.most && !self.known.contains_key(&key) {
            self.make_room(at);
        }
        let cluster = self.known.entry(key).or_insert_with(|| Cluster::new(at));
        cluster.advance(at);
        cluster
    }

    fn make_room(&mut self, at: Timestamp) {
        let mut sizes: Vec<f64> = self
            .known
            .values_mut()
            .map(|cluster| {
                cluster.advance(at);
                cluster.all().people
            })
            .collect();
        let quarter = sizes.len() / 4;
        let (_, bar, _) = sizes.select_nth_unstable_by(quarter, f64::total_cmp);
        let (bar, before) = (*bar, self.known.len());
        // Of those that are alike all but the bar's own go, or a flood of equals would leave no room.
        let mut equals = quarter;
        self.known.retain(|_, cluster| {
            let size = cluster.all().people;
            let goes = size < bar || (size <= bar && equals > 0);
            equals -= usize::from(goes && equals > 0);
            cluster.is_campaign || !goes
        });
        self.dropped += (before - self.known.len()) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tally::Counted;
    use super::*;
    use std::time::Duration;

    fn count(clusters: &mut Clusters<u64>, key: u64, at: Timestamp, times: u32) {
        for _ in 0..times {
            clusters.at(key, at).classes[0].count(Counted::New { succeeded: false });
        }
    }

    #[test]
    fn a_flood_of_new_ones_pushes_out_its_own_and_leaves_what_is_large() {
        let mut clusters = Clusters::new(64);
        let mut at = Timestamp(1_000_000);
        count(&mut clusters, 1, at, 20);
        clusters.at(2, at).is_campaign = true;
        for key in 100..5_000 {
            at = at.after(Duration::from_millis(200));
            count(&mut clusters, key, at, 1);
            assert!(clusters.len() <= 64);
        }
        assert!(clusters.find(&1).is_some() && clusters.find(&2).is_some());
        assert_eq!(clusters.dropped as usize + clusters.len(), 4_902);
    }

    #[test]
    fn equals_leave_room_too() {
        let mut clusters = Clusters::new(8);
        for key in 0..1_000 {
            count(&mut clusters, key, Timestamp(5), 1);
            assert!(clusters.len() <= 8);
        }
    }

    #[test]
    fn what_is_seen_fades_by_half_in_half_a_day() {
        let mut clusters = Clusters::new(8);
        count(&mut clusters, 1, Timestamp(0), 8);
        let cluster = clusters.at(1, Timestamp(0).after(HALF));
        assert!((cluster.all().people - 4.0).abs() < 1e-9);
        cluster.advance(Timestamp(0));
        assert!((cluster.all().people - 4.0).abs() < 1e-9, "a clock that was set back ages nothing");
    }
}
