//! The cells of every fingerprint, worked out while strangers with programs of all kinds are a campaign.
//!
//! There are up to two thousand fingerprints, of which a second touches a few. A cell is a share: time alone moves it little,
//! since all of it fades at once. So each publication looks at the fingerprints that were touched since the last, all are
//! looked at each [quarter of an hour](WHOLE) and whenever a campaign begins or ends, and the table is made anew only if a cell came
//! in, went out, or moved by more than [`NEWS`]: else what was published stays, and costs a pointer.

use super::campaign::Cells;
use super::cluster::Clusters;
use super::honest::Shares;
use crate::engine::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// How often all are looked at.
const WHOLE: Duration = Duration::from_secs(900);
/// What a cell's excess may move by unpublished.
const NEWS: f32 = 0.01;
/// So many beside the rest, and all are looked at the next time.
const MOST_SINCE: usize = 128;
/// With so many that were touched, all are looked at.
const MOST_TOUCHED: usize = 1_024;

/// As published: by fingerprint, in order. Of one that is not here nothing is known. What was touched since all were looked
/// at stands beside the rest, so that one more cell does not copy two thousand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Swept {
    whole: Arc<Vec<(u64, Cells)>>,
    since: Arc<Vec<(u64, Cells)>>,
}

impl Swept {
    pub fn find(&self, fingerprint: u64) -> Option<&Cells> {
        let among = |cells: &'_ Vec<(u64, Cells)>| cells.binary_search_by_key(&fingerprint, |(key, _)| *key).ok();
        match among(&self.since) {
            Some(place) => Some(&self.since[place].1),
            None => among(&self.whole).map(|place| &self.whole[place].1),
        }
    }

    fn set(&mut self, fingerprint: u64, cells: Cells) {
        if self.find(fingerprint).is_some_and(|known| is_alike(known, &cells)) {
            return;
        }
        let since = Arc::make_mut(&mut self.since);
        match since.binary_search_by_key(&fingerprint, |(key, _)| *key) {
            Ok(place) => since[place].1 = cells,
            Err(place) => since.insert(place, (fingerprint, cells)),
        }
    }
}

fn is_alike(a: &Cells, b: &Cells) -> bool {
    a.iter().zip(b).all(|pair| match pair {
        (Some(a), Some(b)) => (a - b).abs() <= NEWS,
        (None, None) => true,
        _ => false,
    })
}

#[derive(Debug, Default)]
pub(super) struct Sweep {
    swept: Swept,
    /// When all were looked at; `None`: they are to be.
    at: Option<Timestamp>,
    touched: Vec<u64>,
}

impl Sweep {
    /// One more attempt of a fingerprint.
    pub fn touch(&mut self, fingerprint: u64) {
        if self.at.is_none() || self.touched.last() == Some(&fingerprint) {
            return;
        }
        match self.touched.len() < MOST_TOUCHED {
            true => self.touched.push(fingerprint),
            false => self.start_anew(),
        }
    }

    /// All are to be looked at the next time: a campaign began or ended.
    pub fn start_anew(&mut self) {
        self.at = None;
        self.touched.clear();
    }

    /// The cells as of now, of fingerprints without a campaign of their own.
    pub fn publish(&mut self, clusters: &mut Clusters<u64>, site: &Shares, at: Timestamp) -> Swept {
        if self.at.is_none_or(|last| at.since(last) >= WHOLE) {
            let mut whole = Vec::with_capacity(clusters.len());
            let free = clusters.iter_mut().filter(|(_, cluster)| !cluster.is_campaign);
            whole.extend(free.map(|(key, cluster)| {
                cluster.advance(at);
                (*key, site.cells(cluster))
            }));
            self.swept = Swept { whole: Arc::new(whole), since: Arc::default() };
            self.at = Some(at);
            self.touched.clear();
        }
        for fingerprint in self.touched.drain(..) {
            // Dropped meanwhile, to make room.
            let Some(cluster) = clusters.find_mut(&fingerprint).filter(|cluster| !cluster.is_campaign) else {
                continue;
            };
            cluster.advance(at);
            self.swept.set(fingerprint, site.cells(cluster));
        }
        if self.swept.since.len() > MOST_SINCE {
            self.start_anew();
        }
        self.swept.clone()
    }
}
